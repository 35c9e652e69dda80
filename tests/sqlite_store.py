"""A third engine of a log, which shows what it takes: one SQLite database, without a line in the packages."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path

from ledger import merkle
from ledger.problem import Overtaken
from ledger.tiles.layout import frame, unframe
from ledger.tiles.store import CHECKPOINT, Base, Batch, Store
from wire.files import locked
from wire.problem import Refused

SCHEMA = """
CREATE TABLE IF NOT EXISTS files (path TEXT PRIMARY KEY, data BLOB) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS batches (start INTEGER PRIMARY KEY, stop INTEGER, key BLOB UNIQUE, entries BLOB);
CREATE TABLE IF NOT EXISTS base (one INTEGER PRIMARY KEY, size INTEGER, root BLOB);
"""
END = "(SELECT coalesce(max(stop), 0) FROM batches)"


class SqliteStore(Store):
    """A `Store` in one database. Not durable: that is not what it is for."""

    def __init__(self, folder: Path, *, read_only: bool = False, most: int = 3) -> None:
        self._path, self._read_only, self._most = folder / "log.sqlite", read_only, most
        if not read_only:
            folder.mkdir(exist_ok=True)
        where = f"{self._path.as_uri()}?mode={'ro' if read_only else 'rwc'}"
        self._db = sqlite3.connect(
            where, uri=True, check_same_thread=False, isolation_level="IMMEDIATE", timeout=60
        )
        if not read_only:
            self._db.executescript(f"PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF; {SCHEMA}")
            with self._db:
                self._db.execute("INSERT OR IGNORE INTO base VALUES (1, 0, ?)", [merkle.EMPTY_ROOT])

    def get(self, path: str) -> bytes | None:
        return self.get_many([path]).get(path)

    def get_many(self, paths: Iterable[str]) -> dict[str, bytes]:
        wanted = "SELECT path, data FROM files WHERE path IN (SELECT value FROM json_each(?))"
        return dict(self._db.execute(wanted, [json.dumps(list(paths))]))

    def kept(self) -> bytes | None:
        return None

    def lock(self) -> AbstractContextManager[object]:
        return locked(self._path, to_read=self._read_only)

    def base(self) -> Base:
        return Base(*self._db.execute("SELECT size, root FROM base").fetchone())

    def pending(self, start: int) -> Iterator[Batch]:
        rows = "SELECT start, key, entries FROM batches WHERE start >= ? AND entries IS NOT NULL"
        for at, key, entries in self._db.execute(f"{rows} ORDER BY start", [start]).fetchall():
            yield Batch(at, key, unframe(entries, "a batch"))

    def find(self, key: bytes) -> range | None:
        row = self._db.execute("SELECT start, stop FROM batches WHERE key = ?", [key]).fetchone()
        return range(*row) if row else None

    def record(self, batch: Batch) -> None:
        row = [batch.range.start, batch.range.stop, batch.key, b"".join(frame(batch.entries)), batch.start]
        self._one(f"INSERT INTO batches SELECT ?, ?, ?, ? WHERE ? = {END}", *row)

    def put(self, tiles: Mapping[str, bytes]) -> None:
        self._write("INSERT OR REPLACE INTO files VALUES (?, ?)", list(tiles.items()))

    def publish(self, note: bytes, *, after: bytes | None) -> None:
        if after is None:
            self._one("INSERT OR IGNORE INTO files VALUES (?, ?)", CHECKPOINT, note)
        else:
            self._one("UPDATE files SET data = ? WHERE path = ? AND data = ?", note, CHECKPOINT, after)

    @property
    def full(self) -> bool:
        pending = "SELECT count(*) FROM batches WHERE entries IS NOT NULL"
        return bool(self._db.execute(pending).fetchone()[0] >= self._most)

    def settle(self, base: Base) -> None:
        self._one(f"UPDATE base SET size = ?, root = ? WHERE ? = {END}", *base, base.size)
        self._write("UPDATE batches SET entries = NULL WHERE stop <= ?", [(base.size,)])

    def _one(self, statement: str, *values: object) -> None:
        if self._write(statement, [values]) != 1:
            raise Overtaken("another writer has changed the log meanwhile")

    def _write(self, statement: str, rows: list[tuple[object, ...]]) -> int:
        if self._read_only:
            raise Refused("the log was opened to be read")
        with self._db:
            return self._db.executemany(statement, rows).rowcount
