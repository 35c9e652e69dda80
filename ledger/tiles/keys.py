"""The keys of all settled batches of a log in a folder, so that a key is appended once, ever.

Each time the log settles, its batches' keys become a sorted file of fixed-length records, named for the range
of entries that it covers; a key is found by bisection in each file. Neighbouring files of similar length are
merged, so that a million keys are in a dozen files. Files appear and disappear only as a whole.
"""

from __future__ import annotations

import mmap
from bisect import bisect_left
from collections.abc import Iterator, Mapping
from hashlib import sha256
from pathlib import Path

from wire.files import write_durably
from wire.problem import Damaged

_RECORD = 32 + 8 + 8  # SHA-256 of the key, start, stop
LARGEST_MERGE = 1 << 18  # records; merging is done in memory


def key_digest(key: bytes) -> bytes:
    """SHA-256 of a key, which stands for it in stores: callers' keys differ in length."""
    return sha256(key).digest()


class KeyRuns:
    """The sorted files in one folder, which has to exist before any is added."""

    def __init__(self, folder: Path, merged: int = LARGEST_MERGE) -> None:
        self._folder, self._merged = folder, merged

    def find(self, digest: bytes) -> range | None:
        """The range of entries that was appended under a key. Raises `Damaged`."""
        for path in self._runs():
            size = path.stat().st_size
            # Written as a whole, so a crash leaves no part of one; and an empty file cannot be mapped.
            if not size or size % _RECORD:
                raise Damaged(f"{path} is not a file of keys as written")
            with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as run:
                records = range(0, len(run), _RECORD)
                at = bisect_left(records, digest, key=lambda start: run[start : start + 32]) * _RECORD
                if run[at : at + 32] == digest:
                    return range(
                        int.from_bytes(run[at + 32 : at + 40]), int.from_bytes(run[at + 40 : at + 48])
                    )
        return None

    def all(self) -> Iterator[tuple[bytes, range]]:
        """Every key with its range of entries, in the order of entries; after a crash files may overlap."""
        reached = 0
        for path in sorted(self._runs(), key=_span):
            run = path.read_bytes()
            records = (run[at : at + _RECORD] for at in range(0, len(run), _RECORD))
            for record in sorted(records, key=lambda record: record[32:]):
                start, stop = int.from_bytes(record[32:40]), int.from_bytes(record[40:])
                if start >= reached:
                    yield record[:32], range(start, stop)
                    reached = stop

    def clear(self) -> None:
        """Remove all files of keys."""
        for path in self._runs():
            path.unlink()

    def add(self, start: int, stop: int, keys: Mapping[bytes, range]) -> None:
        """Keep the keys of the batches that make up the entries from `start` to `stop`."""
        records = [digest + at.start.to_bytes(8) + at.stop.to_bytes(8) for digest, at in keys.items()]
        while before := next((path for path in self._runs() if _span(path)[1] == start), None):
            older = before.read_bytes()
            # Similar lengths only, so that a key is written again a logarithmic number of times.
            if len(older) > 2 * _RECORD * len(records) or len(older) > self._merged * _RECORD:
                break
            start = _span(before)[0]
            records += [older[at : at + _RECORD] for at in range(0, len(older), _RECORD)]
        write_durably(self._folder / f"{start}-{stop}", b"".join(sorted(records)))
        for path in self._runs():
            if path.name != f"{start}-{stop}" and start <= _span(path)[0] and _span(path)[1] <= stop:
                path.unlink()

    def _runs(self) -> list[Path]:
        folder = self._folder
        return [path for path in folder.iterdir() if path.name[0] != "."] if folder.is_dir() else []


def _span(run: Path) -> tuple[int, int]:
    start, stop = run.name.split("-")
    return int(start), int(stop)
