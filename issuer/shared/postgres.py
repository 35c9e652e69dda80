"""Small state in the PostgreSQL database of an issuer: for all of its machines."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import AbstractContextManager

from wire.postgres.connections import LEASE

from .database import IndexDatabase

PATIENCE = 30.0
"""The time in seconds that a write waits for another one."""
_WRITE = """
INSERT INTO intaglio_issuer.file VALUES (%s, %b) ON CONFLICT (name) DO UPDATE SET content = excluded.content
"""
_NAMES = """
SELECT name FROM intaglio_issuer.file
WHERE starts_with(name, %s) AND position('/' in substr(name, %s::int)) = 0 ORDER BY name
"""


class PostgresShared:
    """`Shared`, in a database that `prepare_index` has made ready. Raises as `IndexDatabase`."""

    def __init__(self, uri: str, *, lease: float = LEASE) -> None:
        """A machine that gives no sign of life for `lease` seconds loses its locks."""
        self._database = IndexDatabase(uri, patience=PATIENCE, lease=lease)

    def read(self, name: str) -> bytes | None:
        """See `Shared.read`."""
        query = "SELECT content FROM intaglio_issuer.file WHERE name = %s"
        return next((content for (content,) in self._database.rows([bytes], query, name)), None)

    def write(self, name: str, content: bytes, *, synced: bool = True) -> None:  # noqa: ARG002 -- always
        """See `Shared.write`."""
        self._database.change(_WRITE, name, content)

    def sync(self, names: Collection[str]) -> None:
        """See `Shared.sync`. Each write was one durable transaction."""

    def tidy(self, folder: str) -> None:
        """See `Shared.tidy`. A transaction that was cut off leaves nothing."""

    def remove(self, name: str) -> None:
        """See `Shared.remove`."""
        self._database.change("DELETE FROM intaglio_issuer.file WHERE name = %s", name)

    def names(self, folder: str) -> list[str]:
        """See `Shared.names`."""
        start = f"{folder}/" if folder else ""
        names = self._database.rows([str], _NAMES, start, len(start) + 1)
        return [name for (name,) in names]

    def held(
        self, name: str, *, shared: bool = False, patience: float | None = None
    ) -> AbstractContextManager[None]:
        """See `Shared.held`."""
        return self._database.holding(name, shared=shared, patience=patience)

    def where(self, name: str) -> str:
        """See `Shared.where`."""
        return f"{name} in the issuer's database"
