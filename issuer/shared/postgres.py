"""Small state in the PostgreSQL database of an issuer: for all of its machines."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterator
from contextlib import contextmanager

from wire.postgres.connections import Cursor
from wire.problem import TryLater

from .database import IndexDatabase, rows

PATIENCE = 30.0
"""The time in seconds that a write waits for another one."""
_WRITE = """
INSERT INTO intaglio_issuer.file VALUES (%s, %b) ON CONFLICT (name) DO UPDATE SET content = excluded.content
"""
_NAMES = """
SELECT name FROM intaglio_issuer.file
WHERE starts_with(name, %s) AND position('/' in substr(name, %s::int)) = 0 ORDER BY name
"""
_TAKEN = """
INSERT INTO intaglio_issuer.fence VALUES (%s, 1)
ON CONFLICT (name) DO UPDATE SET number = fence.number + 1 RETURNING number
"""
_FENCE = "SELECT number FROM intaglio_issuer.fence WHERE name = %s FOR SHARE"


class PostgresShared:
    """`Shared`, in a database that `prepare_index` has made ready. Raises as `IndexDatabase`."""

    def __init__(self, uri: str) -> None:
        self._database = IndexDatabase(uri, patience=PATIENCE)
        self._holds = threading.local()  # the locks of each thread, with their numbers

    def read(self, name: str) -> bytes | None:
        """See `Shared.read`."""
        query = "SELECT content FROM intaglio_issuer.file WHERE name = %s"
        return next((content for (content,) in self._database.rows([bytes], query, name)), None)

    def write(self, name: str, content: bytes, *, synced: bool = True) -> None:  # noqa: ARG002 -- always
        """See `Shared.write`."""
        self._change(_WRITE, name, content)

    def sync(self, names: Collection[str]) -> None:
        """See `Shared.sync`. Each write was one durable transaction."""

    def tidy(self, folder: str) -> None:
        """See `Shared.tidy`. A transaction that was cut off leaves nothing."""

    def remove(self, name: str) -> None:
        """See `Shared.remove`."""
        self._change("DELETE FROM intaglio_issuer.file WHERE name = %s", name)

    def _change(self, statement: str, *values: object) -> None:
        def work(cursor: Cursor) -> None:
            # A machine that was paused may have lost its lock to another, and must not undo its work.
            for name, number in self._numbers().items():
                if list(rows(cursor, [int], _FENCE, name)) != [(number,)]:
                    raise TryLater("another machine has taken over what this one was doing")
            cursor.execute(statement, values)

        self._database.write(work)

    def names(self, folder: str) -> list[str]:
        """See `Shared.names`."""
        start = f"{folder}/" if folder else ""
        names = self._database.rows([str], _NAMES, start, len(start) + 1)
        return [name for (name,) in names]

    @contextmanager
    def held(self, name: str, *, shared: bool = False, patience: float | None = None) -> Iterator[None]:
        """See `Shared.held`. A machine that stands still or is cut off keeps a lock for a minute at most."""
        with self._database.holding(name, shared=shared, patience=patience):
            if shared:
                yield
                return
            ((number,),) = self._database.write(lambda cursor: list(rows(cursor, [int], _TAKEN, name)))
            self._numbers()[name] = number
            try:
                yield
            finally:
                del self._numbers()[name]

    def where(self, name: str) -> str:
        """See `Shared.where`."""
        return f"{name} in the issuer's database"

    def _numbers(self) -> dict[str, int]:
        numbers: dict[str, int] = self._holds.__dict__.setdefault("numbers", {})
        return numbers
