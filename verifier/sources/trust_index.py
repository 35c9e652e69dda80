"""A long trust file, opened without reading it: by an index beside it, which is made from it and never more.

The index holds small trust files, sorted by digest: one for each name that the file says something of, one
for each name of an anchor, and one for each log, which may speak for all of them. It also records the state
of the file that it was made from: inode, size and times, the last of which (`ctime`) nobody can set back. For
any other state it is made anew. It belongs to the file's owner or to this user, and nobody else may write to
it: whoever can, could change the file as well. If it cannot be written, as in a read-only folder, the file is
read each time.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
import struct
import zlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import orjson

from ledger import TrustPolicy
from wire import Damaged
from wire.files import open_regular, write_durably

from .trust import Trust, TrustSource, resembling
from .trust_entries import RecognisedIssuer, RecognisedLog

if TYPE_CHECKING:
    import mmap

LONG = 1 << 16
"""Bytes of a trust file from which on it has an index: a shorter one is read in a few milliseconds."""

_MAGIC = b"intaglio trust index 5\n"
_STATE = struct.Struct(">6Q")
_HEAD = struct.Struct(">IQ")  # checksum of all that follows it, and the number of rows
_ROW = struct.Struct(">32sQQ")  # digest of a name, place and length of what is said of it
_ROWS = len(_MAGIC) + _STATE.size + _HEAD.size
_SETTLED = 1_000_000_000
"""Nanoseconds: the times of a file that has not changed for so long tell any later change."""


def open_trust(path: Path) -> TrustSource:
    """The trust file, by its index where it is long. Raises as `Trust.load` does."""
    before = _state(path)
    if before is None or before[2] < LONG:
        return Trust.load(path)
    if indexed := IndexedTrust.open(path, before):
        return indexed
    trust = Trust.load(path)
    if _state(path) == before:
        with contextlib.suppress(OSError):
            write_durably(index_of(path), _index(before, trust))
    return trust


def index_of(path: Path) -> Path:
    """The path of the index of a trust file."""
    return path.with_name(f".{path.name}.index")


class IndexedTrust:
    """A trust list by its index: what it says of one name is read when that is asked for."""

    def __init__(self, data: mmap.mmap, rows: int, file: Path) -> None:
        self._data, self._rows, self._file = data, rows, file
        self._known: dict[str, Trust] = {}  # what anybody else names is not kept: no more than the file has
        self._logs: dict[str, RecognisedLog] = {}

    @classmethod
    def open(cls, path: Path, state: tuple[int, ...]) -> IndexedTrust | None:
        """The list in this state, unless its index is missing, of another one, damaged, or anybody's."""
        try:
            with open_regular(index_of(path)) as file:
                status = os.fstat(file.fileno())
                import mmap  # only here: most trust files are short

                data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except (OSError, ValueError, Damaged):
            return None
        begins = _MAGIC + _STATE.pack(*state)
        # Whoever writes the index says who is trusted: the file's owner or this user, and nobody else.
        is_private = status.st_uid in (os.geteuid(), state[5]) and not stat.S_IMODE(status.st_mode) & 0o022
        # ADR 29: two changes of the file can fall into one tick of the clock.
        if not is_private or status.st_mtime_ns - state[4] < _SETTLED:
            return None
        if len(data) < _ROWS or data[: len(begins)] != begins:
            return None
        checksum, rows = _HEAD.unpack_from(data, len(begins))
        # Finds damage alone: who may write here could change the trust file as well.
        if zlib.crc32(memoryview(data)[len(begins) + 4 :]) != checksum:
            return None
        return cls(data, rows, path)

    def issuer(
        self, did: str, *, types: Collection[str] = (), at: datetime | None = None
    ) -> RecognisedIssuer | None:
        """See `TrustSource`."""
        return self._said_of(did).issuer(did, types=types, at=at)

    def policy_for(self, did: str) -> TrustPolicy:
        """See `TrustSource`."""
        return self._said_of(did).policy_for(did)

    def resembling(self, name: str) -> Sequence[RecognisedIssuer]:
        """See `NamedTrust`."""
        return [issuer for did in resembling(self.looks, name) if (issuer := self.issuer(did))]

    def anchored(self, subject: bytes) -> Sequence[RecognisedIssuer]:
        """See `AnchoredTrust`."""
        data = self._find(_digest("anchor", subject.hex()))
        return Trust.parse(data).issuers if data else ()

    @cached_property
    def looks(self) -> Mapping[str, str]:
        looks: dict[str, str] = orjson.loads(self._find(_LOOKS) or b"{}")
        return looks

    def _said_of(self, name: str) -> Trust:
        trust = self._known.get(name)
        if trust is None:
            data = self._find(_digest("issuer", name))
            if data is None:
                return _NOTHING
            stored = Trust.parse(data)
            did = stored.issuers[0].id if stored.issuers else name  # for which the name may stand
            logs = [self._log(log.key) for log in stored.logs]
            speaking = tuple(replace(log, issuers=_with(did, log.issuers)) for log in logs)
            trust = self._known[name] = Trust(stored.issuers, speaking, self._file)
        return trust

    def _log(self, key: str) -> RecognisedLog:
        if key not in self._logs:
            (self._logs[key],) = Trust.parse(self._find(_digest("log", key)) or b"").logs
        return self._logs[key]

    def _find(self, digest: bytes) -> bytes | None:
        low, high = 0, self._rows
        while low < high:
            middle = (low + high) // 2
            key, place, length = _ROW.unpack_from(self._data, _ROWS + middle * _ROW.size)
            if key == digest:
                return self._data[place : place + length]
            low, high = (middle + 1, high) if key < digest else (low, middle)
        return None


_NOTHING = Trust()


def _with(name: str, issuers: Sequence[str]) -> tuple[str, ...]:
    """The issuers of a log as far as is needed here: `name`, and another one if there is one."""
    return (name, *(other for other in issuers if other != name))[:2]


def _state(path: Path) -> tuple[int, ...] | None:
    """The state by which a change of the file is noticed; `None` if there is no file."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_uid


def _digest(kind: str, name: str) -> bytes:
    return hashlib.sha256(f"{kind} {name}".encode(errors="surrogatepass")).digest()


_LOOKS = _digest("looks", "")


def _index(state: tuple[int, ...], trust: Trust) -> bytearray:
    """The index of a file in this state. Names of which it says the same share what it says."""
    entries = {name: issuer for issuer in trust.issuers for name in (issuer.id, issuer.address) if name}
    logs = [RecognisedLog(log.key) for log in trust.logs]
    speaking: dict[str, list[int]] = {}
    for number, log in enumerate(trust.logs):
        for name in log.issuers:
            speaking.setdefault(name, []).append(number)
    names = entries.keys() | speaking.keys()
    index = bytearray(_ROWS + (len(logs) + len(names) + len(trust.by_anchor) + 1) * _ROW.size)
    rows: list[bytes] = []

    def append(record: bytes) -> tuple[int, int]:
        place = len(index)
        index.extend(record)
        return place, len(record)

    rows.append(_ROW.pack(_LOOKS, *append(orjson.dumps(trust.looks))))
    for log in trust.logs:
        rows.append(
            _ROW.pack(
                _digest("log", log.key),
                *append(Trust((), (replace(log, issuers=log.issuers[:2]),)).to_bytes()),
            )
        )
    for subject, issuers in trust.by_anchor.items():
        rows.append(_ROW.pack(_digest("anchor", subject.hex()), *append(Trust(tuple(issuers)).to_bytes())))
    shared: dict[tuple[int, ...], tuple[int, int]] = {}  # of all names with these logs and no entry
    for name in names:
        listed = (entries[name],) if name in entries else ()
        numbers = tuple(speaking.get(listed[0].id if listed else name, ()))
        where = None if listed else shared.get(numbers)
        if where is None:
            where = append(Trust(listed, tuple(logs[number] for number in numbers)).to_bytes())
            if not listed:
                shared[numbers] = where
        rows.append(_ROW.pack(_digest("issuer", name), *where))
    index[_ROWS : _ROWS + len(rows) * _ROW.size] = b"".join(sorted(rows))
    begins = _MAGIC + _STATE.pack(*state)
    _HEAD.pack_into(index, len(begins), 0, len(rows))
    index[: len(begins)] = begins
    _HEAD.pack_into(index, len(begins), zlib.crc32(memoryview(index)[len(begins) + 4 :]), len(rows))
    return index
