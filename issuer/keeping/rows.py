"""The rows of an issuer's database, whichever it is: SQLite files of its folder, or PostgreSQL.

For a move from the one to the other: tables are read in the order of their keys, and written as a whole.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from wire.sqlite import connect, sqlite_problems

from ..archive.store import SQLiteIndex
from ..desk.linkstore import SQLiteLinks
from ..problem import DAMAGED_ISSUER
from ..shared.door import INDEX

PORTION = 10_000
"""IndexRows between two reports of how far a move is."""


class IndexTable(NamedTuple):
    """A table with the same content in each database; rows are in the order of the first `keys` columns."""

    name: str
    columns: tuple[str, ...]
    types: tuple[str, ...]
    """The types of the columns in PostgreSQL."""
    keys: int = 1
    file: str = "issuer.sqlite"
    """The file that has it where the issuer has all in its folder."""

    @property
    def ordered(self) -> str:
        """The columns by which it is ordered."""
        return ", ".join(self.columns[: self.keys])


def _table(name: str, columns: str, keys: int = 1, file: str = "issuer.sqlite") -> IndexTable:
    """A table by columns such as `seq:int8`."""
    pairs = [each.split(":") for each in columns.split()]
    return IndexTable(name, tuple(pair[0] for pair in pairs), tuple(pair[1] for pair in pairs), keys, file)


TABLES = (
    _table("counter", "name:text next:int8"),
    _table(
        "job",
        "id:int8 key:bytea file:text created:text first_seq:int8 length:int8 chunks:int8 forms:text",
    ),
    _table("chunk", "first_seq:int8 job:int8 number:int8 first_leaf:int8 issued:int8 shard:bytea"),
    _table("credential", "seq:int8 kind:text number:text edition:int8 form:text copy:int8 leaf:int8"),
    _table("person", "seq:int8 name:text email:text"),
    _table("single", "seq:int8 line:bytea"),
    _table("released", "kind:text number:text generation:int8", 2),
    _table("lookup", "key:int8 seq:int8", 2),
    _table("given_number", "identity:bytea number:text kind:text"),
    _table("number_series", "kind:text series:text next:int8", 2),
    _table("unlisted", "first:int8 stop:int8"),
    _table("revocation", "seq:int8 reason:text date:text"),
    _table("unpublished", "seq:int8"),
    _table("listed", "number:int8 expires:text"),
    _table("status_file", "name:text leaf:int8 dated:text digest:bytea"),
    _table("status_file_held", "name:text digest:bytea content:bytea"),
    _table(
        "link",
        "nth:int8 token:bytea kind:text number:text generation:int8 expires:int8 holder:text",
        file="claims.sqlite",
    ),
)
"""All that an issuer at rest has in its database; what is under way is finished before."""


class IndexRows(Protocol):
    """The rows of one issuer's database. Raises `Unavailable` and `Damaged` as its engine does."""

    def read(self, table: IndexTable) -> Iterator[tuple[Any, ...]]:
        """All rows of a table, in the order of its keys."""

    def has(self, table: IndexTable) -> bool:
        """True if a table was filled by `fill`, or has rows."""

    def fill(self, table: IndexTable, rows: Iterable[Sequence[Any]]) -> None:
        """Writes all rows of an empty table, or none, durably."""

    def finish(self) -> None:
        """Makes what derives from the rows, once all tables are filled."""


def copy_index(source: IndexRows, target: IndexRows, copied: Callable[[int], object]) -> None:
    """Copies each table that the target lacks; `copied` hears of so many rows."""
    for table in TABLES:
        if not target.has(table):
            target.fill(table, _counted(source.read(table), copied))
    target.finish()


def _counted(rows: Iterable[tuple[Any, ...]], copied: Callable[[int], object]) -> Iterator[tuple[Any, ...]]:
    count = 0
    for count, row in enumerate(rows, 1):
        yield row
        if count % PORTION == 0:
            copied(PORTION)
    copied(count % PORTION)


def digest_of_table(rows: IndexRows, table: IndexTable) -> bytes:
    """The SHA-256 of all rows of a table: equal in both databases where these are equal row by row."""
    digest = sha256()
    for row in rows.read(table):
        digest.update(repr(row).encode())
    return digest.digest()


class SQLiteRows:
    """`IndexRows`, in the files of an issuer's folder, or of one that is being made."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def prepare(self) -> None:
        """Makes empty tables in files that are not there."""
        SQLiteIndex(self._folder / "issuer.sqlite").close()
        SQLiteLinks(self._folder / "claims.sqlite").close()

    @contextmanager
    def _opened(self, table: IndexTable) -> Iterator[Any]:
        path = self._folder / table.file
        with sqlite_problems(INDEX, DAMAGED_ISSUER), closing(connect(path)) as connection:
            yield connection

    def read(self, table: IndexTable) -> Iterator[tuple[Any, ...]]:
        """See `IndexRows.read`."""
        if not (self._folder / table.file).exists():
            return
        with self._opened(table) as connection:
            yield from connection.execute(
                f"SELECT {self._columns(table)} FROM {table.name} ORDER BY {self._columns(table, table.keys)}"
            )

    def has(self, table: IndexTable) -> bool:
        """See `IndexRows.has`."""
        with self._opened(table) as connection:
            (filled,) = connection.execute(f"SELECT count(*) FROM {table.name}").fetchone()
        return bool(filled) and table.name != "counter"

    def fill(self, table: IndexTable, rows: Iterable[Sequence[Any]]) -> None:
        """See `IndexRows.fill`."""
        places = ", ".join("?" * len(table.columns))
        with self._opened(table) as connection:
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany(
                f"INSERT OR REPLACE INTO {table.name} ({self._columns(table)}) VALUES ({places})", rows
            )
            connection.execute("COMMIT")

    def finish(self) -> None:
        """See `IndexRows.finish`: nothing derives from them."""

    def _columns(self, table: IndexTable, most: int | None = None) -> str:
        columns = table.columns[:most]
        return ", ".join("rowid" if column == "nth" else column for column in columns)


_PART = 1 << 30
"""The most sequence numbers for which partitions are made at once."""
_PERSONS = """
(SELECT seq, coalesce(credential.name, person.name) AS name, coalesce(credential.email, person.email) AS email
 FROM intaglio_issuer.credential LEFT JOIN intaglio_issuer.person USING (seq)
 WHERE coalesce(credential.name, person.name) IS NOT NULL) AS person
"""
"""Names and addresses stand in the rows of credentials that were issued from a file, else in their own."""
_EDITIONS = """
INSERT INTO intaglio_issuer.edition
SELECT number, kind, edition, array_agg(seq ORDER BY seq) FROM intaglio_issuer.credential
GROUP BY number, kind, edition ON CONFLICT DO NOTHING
"""
_COUNTER = """
INSERT INTO intaglio_issuer.counter VALUES (%s, %s)
ON CONFLICT (name) DO UPDATE SET next = greatest(counter.next, excluded.next)
"""


class PostgresRows:
    """`IndexRows`, in the database at an address. Raises as `IndexDatabase`."""

    def __init__(self, uri: str) -> None:
        from ..shared.database import IndexDatabase

        self._database = IndexDatabase(uri, patience=30.0)

    def read(self, table: IndexTable) -> Iterator[tuple[Any, ...]]:
        """See `IndexRows.read`."""
        source = _PERSONS if table.name == "person" else f"intaglio_issuer.{table.name}"
        query = f"SELECT {', '.join(table.columns)} FROM {source} ORDER BY {table.ordered}"
        yield from self._database.streamed(query, table.types)

    def has(self, table: IndexTable) -> bool:
        """See `IndexRows.has`."""
        if table.name == "counter":
            return False
        query = f"SELECT 1 FROM intaglio_issuer.{table.name} LIMIT 1"
        return bool(self._database.rows([int], query))

    def fill(self, table: IndexTable, rows: Iterable[Sequence[Any]]) -> None:
        """See `IndexRows.fill`."""
        self._database.once_beside(functools.partial(self._fill, table, rows))

    def _fill(self, table: IndexTable, rows: Iterable[Sequence[Any]], cursor: Any) -> None:
        from ..shared.database import copy_rows as copy_in

        if table.name != "counter":
            columns = f"intaglio_issuer.{table.name} ({', '.join(table.columns)})"
            copy_in(cursor, columns, table.types, rows)
            return
        for name, number in rows:
            if name == "seq":  # makes the partitions as well
                ((there,),) = cursor.execute(
                    "SELECT next FROM intaglio_issuer.counter WHERE name = 'seq'"
                ).fetchall()
                for first in range(there, number, _PART):
                    cursor.execute("SELECT intaglio_issuer.reserve(%s)", [min(_PART, number - first)])
            else:
                cursor.execute(_COUNTER, [name, number])

    def finish(self) -> None:
        """See `IndexRows.finish`: the editions, and the next number of a job."""

        def work(cursor: Any) -> None:
            cursor.execute(_EDITIONS)
            cursor.execute("SELECT intaglio_issuer.continue_jobs()")

        self._database.write(work)
