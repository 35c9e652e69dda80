"""A third engine of a log, as an example: one SQLite database, without a line in the packages."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from typing import Any

from ledger import merkle
from ledger.problem import Overtaken
from ledger.tiles.keys import key_digest
from ledger.tiles.layout import unframe
from ledger.tiles.store import CHECKPOINT, Base, Batch, Keys, Mark, State, Store, StoreHead, require_not_left
from wire.files import locked
from wire.problem import Refused
from wire.sqlite import Database, connect

SCHEMA = f"""
CREATE TABLE files (path TEXT PRIMARY KEY, data BLOB) WITHOUT ROWID;
CREATE TABLE batches (start INTEGER PRIMARY KEY, stop INTEGER, digest BLOB UNIQUE, key BLOB, entries BLOB);
CREATE TABLE base (one INTEGER PRIMARY KEY, size INTEGER, root BLOB);
CREATE TABLE mark (one INTEGER PRIMARY KEY, name TEXT, state TEXT);
INSERT INTO base VALUES (1, 0, X'{merkle.EMPTY_ROOT.hex()}');
"""
END = "(SELECT coalesce(max(stop), 0) FROM batches)"
EMPTY = "NOT EXISTS (SELECT 1 FROM batches) AND NOT EXISTS (SELECT 1 FROM files)"


class SqliteStore(Store):
    """A `Store` in one database."""

    def __init__(self, folder: Path, *, read_only: bool = False, most: int = 3) -> None:
        self._path, self._most = folder / "log.sqlite", most
        self._db: Database | None = None
        if not read_only:
            folder.mkdir(exist_ok=True)
            self._db = Database(self._path, [SCHEMA], "the log")

    def get(self, path: str) -> bytes | None:
        return self.get_many([path]).get(path)

    def get_many(self, paths: Iterable[str]) -> dict[str, bytes]:
        wanted = "SELECT path, data FROM files WHERE path IN (SELECT value FROM json_each(?))"
        return dict(self._rows(wanted, json.dumps(list(paths))))

    def lock(self) -> AbstractContextManager[object]:
        return locked(self._path, to_read=self._db is None)

    def head(self) -> StoreHead:
        size, root, name, state = self._rows("SELECT size, root, name, state FROM base LEFT JOIN mark")[0]
        return StoreHead(Base(size, root), Mark(name, State(state)) if name else None)

    def pending(self, start: int) -> Iterator[Batch]:
        rows = "SELECT start, key, entries FROM batches WHERE start >= ? AND entries IS NOT NULL"
        for at, key, entries in self._rows(f"{rows} ORDER BY start", start):
            yield Batch(at, key, unframe(entries, "a batch"))

    def find(self, key: bytes) -> range | None:
        rows = self._rows("SELECT start, stop FROM batches WHERE digest = ?", key_digest(key))
        return range(*rows[0]) if rows else None

    def keys(self) -> Keys:
        settled = "SELECT digest, start, stop FROM batches, base WHERE stop <= size ORDER BY start"
        for digest, start, stop in self._rows(settled):
            yield digest, range(start, stop)

    def record(self, *batches: Batch) -> bool:
        with self._writing() as db:
            for batch in batches:
                insert = f"INSERT INTO batches SELECT ?, ?, ?, ?, ? WHERE ? = {END}"
                _one(db, insert, *_row(batch), batch.start)
            pending = "SELECT count(*) FROM batches WHERE entries IS NOT NULL"
            return bool(db.execute(pending).fetchone()[0] >= self._most)

    def put(self, tiles: Mapping[str, bytes]) -> None:
        with self._writing(at_any_time=True) as db:
            db.executemany("INSERT OR REPLACE INTO files VALUES (?, ?)", list(tiles.items()))

    def publish(self, note: bytes, *, after: bytes | None) -> None:
        with self._writing() as db:
            if after is None:
                _one(db, "INSERT OR IGNORE INTO files VALUES (?, ?)", CHECKPOINT, note)
            else:
                _one(db, "UPDATE files SET data = ? WHERE path = ? AND data = ?", note, CHECKPOINT, after)

    def settle(self, base: Base, keys: Callable[[], Keys] | None = None) -> None:
        with self._writing() as db:
            end = base.size if keys is None else 0
            _one(db, f"UPDATE base SET size = ?, root = ? WHERE ? = {END}", *base, end)
            if keys is None:
                db.execute("UPDATE batches SET key = NULL, entries = NULL WHERE stop <= ?", (base.size,))
            else:
                settled = ((at.start, at.stop, digest, None, None) for digest, at in keys())
                db.executemany("INSERT INTO batches VALUES (?, ?, ?, ?, ?)", settled)

    def seal(self, mark: Mark, *, after: Mark | None) -> None:
        with self._writing(at_any_time=True) as db:
            if self.head().mark != after:
                raise Overtaken("another move was here first")
            condition = EMPTY if mark.state is State.COMING else "true"
            _one(db, f"INSERT OR REPLACE INTO mark SELECT 1, ?, ? WHERE {condition}", *mark)

    def _rows(self, statement: str, *values: object) -> list[Any]:
        reading = self._db.reading() if self._db else closing(connect(self._path, "ro"))
        with reading as db:
            return db.execute(statement, values).fetchall()

    @contextmanager
    def _writing(self, *, at_any_time: bool = False) -> Iterator[sqlite3.Connection]:
        """One transaction; only while the log has not left, if not `at_any_time`."""
        if self._db is None:
            raise Refused("the log was opened to be read")
        with self._db.writing() as db:
            if not at_any_time:
                require_not_left(self.head().mark)
            yield db


def _one(db: sqlite3.Connection, statement: str, *values: object) -> None:
    if db.execute(statement, values).rowcount != 1:
        raise Overtaken("another writer has changed the log meanwhile")


def _row(batch: Batch) -> tuple[object, ...]:
    return (*_ends(batch.range), key_digest(batch.key), batch.key, b"".join(batch.framed))


def _ends(indices: range) -> tuple[int, int]:
    return indices.start, indices.stop
