"""Shards: the issued credentials themselves, as JSON lines in Zstandard frames of 64 lines.

`zstdcat` reads a shard as it is. A table of the frames' sizes in a last, skippable frame (the Zstandard
seekable format 0.1.0) lets one credential be read without unpacking the rest: of a store it takes one read of
the end, and one of the frame.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from hashlib import sha256
from itertools import islice

from wire.problem import Damaged

from ..problem import DAMAGED_ISSUER_FILE, SHARD_UNLIKE
from .frame import LARGEST, ZstdError, from_frame, to_frame
from .kept import ShardName
from .shard_store import ShardStore

FRAME_LINES = 64
LARGEST_SHARD = 1 << 30
"""The most bytes of a shard that is read as a whole."""

_SKIPPABLE, _SEEKABLE = 0x184D2A5E, 0x8F92EAB1
_START = struct.Struct("<II")  # magic number and size of the skippable frame
_ENTRY = struct.Struct("<II")  # compressed, decompressed size
_END = struct.Struct("<IBI")  # number of frames, descriptor, magic number
_MOST_OFTEN = 4096  # bytes of a table: a chunk of 4,096 rows has 529 for each form

_Frame = tuple[int, int, int]
"""The offset of a frame in its shard, and its sizes, packed and unpacked: all in bytes."""


class Shard:
    """A shard in a store, of which single lines are read.

    Raises `Damaged` where it is missing or not as written, `Unavailable` where unread.
    """

    def __init__(self, store: ShardStore, shard: ShardName) -> None:
        self._store, self._shard, self.where = store, shard, f"{store.address}/{shard}"
        self._unpacked: tuple[int, list[bytes]] = -1, []
        end, size = store.end(shard, _MOST_OFTEN)
        if (wanted := _table_size(end, self.where)) > len(end) == _MOST_OFTEN:
            end, size = store.end(shard, min(wanted, LARGEST_SHARD))
        self._frames = _frames(end, size, self.where)

    def line(self, index: int) -> bytes:
        """Line number `index`, without its line end. The frame it is in stays unpacked for the next.

        Raises `Damaged` where there is none, and as the class does.
        """
        place = index // FRAME_LINES
        try:
            if self._unpacked[0] != place:
                offset, packed, unpacked = self._frames[place]
                data = self._store.read(self._shard, offset, packed)
                content = _content(data, unpacked, self.where)
                # JSON has no other line end: half the time of splitlines.
                self._unpacked = place, content.removesuffix(b"\n").split(b"\n")
            return self._unpacked[1][index % FRAME_LINES]
        except IndexError as error:
            raise _damaged(self.where, "it has fewer lines than the index says") from error


def read_shard(store: ShardStore, shard: ShardName) -> bytes:
    """A shard as a whole, for `lines_of`. Raises as `Shard`, and `SHARD_UNLIKE` for another's content."""
    data, size = store.end(shard, LARGEST_SHARD)
    where = f"{store.address}/{shard}"
    if size > len(data):
        raise _damaged(where, "it is longer than any that is written")
    if shard.digest not in (None, sha256(data).digest()):
        raise SHARD_UNLIKE(f"the shard {where} is not what was written under this name")
    return data


def lines_of(data: bytes, where: str) -> Iterator[bytes]:
    """All lines of a shard that was read `where`. Raises `Damaged` where it is not as written."""
    for offset, packed, unpacked in _frames(data, len(data), where):
        content = _content(data[offset : offset + packed], unpacked, where).removesuffix(b"\n")
        start = 0
        # One by one, each in the memory of the one before: a quarter of the time of a list.
        while (end := content.find(b"\n", start)) >= 0:
            yield content[start:end]
            start = end + 1
        yield content[start:]


def shard_of(lines: Iterable[bytes]) -> bytes:
    """The shard with these lines, given without their line ends; they are packed as they come."""
    frames, table = [], []
    remaining = iter(lines)
    while chunk := list(islice(remaining, FRAME_LINES)):
        data = b"\n".join(chunk) + b"\n"
        frame = to_frame(data, checksum=True)
        frames.append(frame)
        table.append(_ENTRY.pack(len(frame), len(data)))
    end = b"".join(table) + _END.pack(len(frames), 0, _SEEKABLE)
    return b"".join(frames) + _START.pack(_SKIPPABLE, len(end)) + end


def _table_size(end: bytes, where: str) -> int:
    """The size in bytes of the table of frames at the end of a shard, with its header."""
    if len(end) < _END.size:
        raise _damaged(where, "it is missing or cut short")
    frames, descriptor, magic = _END.unpack(end[-_END.size :])
    if magic != _SEEKABLE or descriptor:
        raise _damaged(where, "its end is not a table of frames")
    return _START.size + int(frames) * _ENTRY.size + _END.size


def _frames(end: bytes, size: int, where: str) -> list[_Frame]:
    """The frames of a shard of `size` bytes, read from the table at its end."""
    table = _table_size(end, where)
    if table > len(end):  # longer than the shard is
        raise _damaged(where, "its end is not a table of frames")
    sizes = _ENTRY.iter_unpack(end[len(end) - table + _START.size : -_END.size])
    offset, frames = 0, list[_Frame]()
    for packed, unpacked in sizes:
        frames.append((offset, packed, unpacked))
        offset += packed
    # A frame that states a huge size must not be unpacked: a store elsewhere may be in other hands.
    if offset + table != size or any(unpacked > LARGEST for _, _, unpacked in frames):
        raise _damaged(where, "its table of frames does not fit its size")
    return frames


def _content(packed: bytes, unpacked: int, where: str) -> bytes:
    try:
        data = from_frame(packed, unpacked)
    except ZstdError as error:
        raise _damaged(where, "a frame does not unpack") from error
    if len(data) != unpacked:
        raise _damaged(where, "a frame has another length than its table says")
    return data


def _damaged(where: str, what: str) -> Damaged:
    return DAMAGED_ISSUER_FILE(f"the shard {where}: {what}")
