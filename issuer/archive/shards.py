"""Shards: the issued credentials themselves, as JSON lines in Zstandard frames of 64 lines.

`zstdcat` reads a shard as it is. A table of the frames' sizes in a last, skippable frame (the Zstandard
seekable format 0.1.0) lets one credential be read without unpacking the rest. A shard is written once, whole
or not at all, for the owner only.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from wire.files import file_problems, make_private_folder, replace_file, sync_folder
from wire.problem import Damaged

from ..problem import DAMAGED_ISSUER_FILE
from .frame import LARGEST, ZstdError, from_frame, to_frame

FRAME_LINES = 64

_SKIPPABLE, _SEEKABLE = 0x184D2A5E, 0x8F92EAB1
_START = struct.Struct("<II")  # magic number and size of the skippable frame
_ENTRY = struct.Struct("<II")  # compressed, decompressed size
_END = struct.Struct("<IBI")  # number of frames, descriptor, magic number


class Shard:
    """A shard on disk. Raises `Damaged` where it is missing or not as written, `Unavailable` where unread."""

    def __init__(self, path: Path) -> None:
        self._path = path
        with self._opened() as file:
            end = file.seek(0, 2) - _END.size
            if end < 0:
                raise self._damaged("it is missing or cut short")
            file.seek(end)
            frames, descriptor, magic = _END.unpack(file.read(_END.size))
            start = end - frames * _ENTRY.size
            if magic != _SEEKABLE or descriptor or start < 0:
                raise self._damaged("its end is not a table of frames")
            file.seek(start)
            sizes = list(_ENTRY.iter_unpack(file.read(end - start)))
        offset = 0
        self._unpacked: tuple[int, list[bytes]] = -1, []
        self._frames = []
        for packed, unpacked in sizes:
            self._frames.append((offset, packed, unpacked))
            offset += packed
        if offset + _START.size != start or any(unpacked > LARGEST for _, unpacked in sizes):
            raise self._damaged("its table of frames does not fit its size")

    def line(self, index: int) -> bytes:
        """Line number `index`, without its line end. The frame it is in stays unpacked for the next."""
        frame = index // FRAME_LINES
        try:
            if self._unpacked[0] != frame:
                self._unpacked = frame, self._lines(*self._frames[frame])
            return self._unpacked[1][index % FRAME_LINES]
        except IndexError as error:
            raise self._damaged("it has fewer lines than the index says") from error

    def __iter__(self) -> Iterator[bytes]:
        for frame in self._frames:
            yield from self._lines(*frame)

    def _lines(self, offset: int, packed: int, unpacked: int) -> list[bytes]:
        with self._opened() as file:
            file.seek(offset)
            frame = file.read(packed)
        try:
            data = from_frame(frame, unpacked)
        except ZstdError as error:
            raise self._damaged("a frame does not unpack") from error
        if len(data) != unpacked:
            raise self._damaged("a frame has another length than its table says")
        return data.splitlines()

    @contextmanager
    def _opened(self) -> Iterator[BinaryIO]:
        try:
            with file_problems(self._path), self._path.open("rb") as file:
                yield file
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError) as error:
            raise self._damaged("it is missing or cut short") from error

    def _damaged(self, what: str) -> Damaged:
        return DAMAGED_ISSUER_FILE(f"the shard {self._path}: {what}")


def write_shard(path: Path, lines: Iterable[bytes]) -> None:
    """Pack lines, given without their line ends, as they come; durable when it returns."""
    frames, table = [], []
    remaining = iter(lines)
    while chunk := list(islice(remaining, FRAME_LINES)):
        data = b"\n".join(chunk) + b"\n"
        frame = to_frame(data, checksum=True)
        frames.append(frame)
        table.append(_ENTRY.pack(len(frame), len(data)))
    end = b"".join(table) + _END.pack(len(frames), 0, _SEEKABLE)
    make_private_folder(path.parent)
    # Not `write_durably`, which lists the folder each time: `Archive.clear_away` has swept it for the job.
    replace_file(path, b"".join(frames) + _START.pack(_SKIPPABLE, len(end)) + end)
    sync_folder(path.parent)
