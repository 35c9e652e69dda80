"""A third engine of a log, which shows what it takes: one SQLite database, without a line in the packages."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from ledger import merkle
from ledger.problem import Overtaken
from ledger.tiles.keys import key_digest
from ledger.tiles.layout import unframe
from ledger.tiles.store import CHECKPOINT, Base, Batch, Keys, Mark, State, Store, require_open
from wire.files import locked
from wire.problem import Refused

SCHEMA = """
CREATE TABLE IF NOT EXISTS files (path TEXT PRIMARY KEY, data BLOB) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS batches (start INTEGER PRIMARY KEY, stop INTEGER, digest BLOB UNIQUE,
                                    key BLOB, entries BLOB);
CREATE TABLE IF NOT EXISTS base (one INTEGER PRIMARY KEY, size INTEGER, root BLOB);
CREATE TABLE IF NOT EXISTS mark (one INTEGER PRIMARY KEY, name TEXT, state TEXT);
"""
END = "(SELECT coalesce(max(stop), 0) FROM batches)"
OPEN = "NOT EXISTS (SELECT 1 FROM mark WHERE state <> 'here')"


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
        row = self._db.execute(
            "SELECT start, stop FROM batches WHERE digest = ?", [key_digest(key)]
        ).fetchone()
        return range(*row) if row else None

    def keys(self) -> Keys:
        settled = "SELECT digest, start, stop FROM batches, base WHERE stop <= size ORDER BY start"
        for digest, start, stop in self._db.execute(settled).fetchall():
            yield digest, range(start, stop)

    def mark(self) -> Mark | None:
        row = self._db.execute("SELECT name, state FROM mark").fetchone()
        return Mark(row[0], State(row[1])) if row else None

    def record(self, *batches: Batch) -> None:
        with self._writing():
            for batch in batches:
                self._one(
                    f"INSERT INTO batches SELECT ?, ?, ?, ?, ? WHERE ? = {END}", *_row(batch), batch.start
                )

    def put(self, tiles: Mapping[str, bytes]) -> None:
        with self._writing(at_any_time=True):
            self._db.executemany("INSERT OR REPLACE INTO files VALUES (?, ?)", list(tiles.items()))

    def publish(self, note: bytes, *, after: bytes | None) -> None:
        with self._writing():
            if after is None:
                self._one("INSERT OR IGNORE INTO files VALUES (?, ?)", CHECKPOINT, note)
            else:
                self._one("UPDATE files SET data = ? WHERE path = ? AND data = ?", note, CHECKPOINT, after)

    @property
    def full(self) -> bool:
        pending = "SELECT count(*) FROM batches WHERE entries IS NOT NULL"
        return bool(self._db.execute(pending).fetchone()[0] >= self._most)

    def settle(self, base: Base) -> None:
        with self._writing():
            self._one(f"UPDATE base SET size = ?, root = ? WHERE ? = {END}", *base, base.size)
            self._db.execute("UPDATE batches SET key = NULL, entries = NULL WHERE stop <= ?", (base.size,))

    def reserve(self, name: str) -> None:
        empty = "NOT EXISTS (SELECT 1 FROM batches) AND NOT EXISTS (SELECT 1 FROM files)"
        with self._writing(at_any_time=True):
            self._one(f"INSERT OR IGNORE INTO mark SELECT 1, ?, 'coming' WHERE {empty}", name)

    def seal(self, name: str) -> None:
        with self._writing(at_any_time=True):
            self._one(f"INSERT OR REPLACE INTO mark SELECT 1, ?, 'left' WHERE {OPEN}", name)

    def adopt(
        self, name: str, base: Base, keys: Callable[[], Keys], batches: Sequence[Batch], note: bytes
    ) -> None:
        with self._writing(at_any_time=True):
            if self.mark() == Mark(name, State.HERE):
                return
            self._one("UPDATE mark SET state = 'here' WHERE name = ? AND state = 'coming'", name)
            settled = ((at.start, at.stop, digest, None, None) for digest, at in keys())
            self._db.executemany("INSERT INTO batches VALUES (?, ?, ?, ?, ?)", settled)
            self._db.executemany("INSERT INTO batches VALUES (?, ?, ?, ?, ?)", map(_row, batches))
            self._db.execute("UPDATE base SET size = ?, root = ?", base)
            self._db.execute("INSERT INTO files VALUES (?, ?)", (CHECKPOINT, note))

    def _one(self, statement: str, *values: object) -> None:
        if self._db.execute(statement, values).rowcount != 1:
            raise Overtaken("another writer has changed the log meanwhile")

    @contextmanager
    def _writing(self, *, at_any_time: bool = False) -> Iterator[None]:
        """One transaction; only while no move has closed the log, if not `at_any_time`."""
        if self._read_only:
            raise Refused("the log was opened to be read")
        with self._db:
            self._db.execute("BEGIN IMMEDIATE")
            if not at_any_time:
                require_open(self.mark())
            yield


def _row(batch: Batch) -> tuple[object, ...]:
    return (*_ends(batch.range), key_digest(batch.key), batch.key, b"".join(batch.framed))


def _ends(indices: range) -> tuple[int, int]:
    return indices.start, indices.stop
