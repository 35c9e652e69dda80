"""The numbers that were given to rows without one, each by the identity of its row.

An identity is a digest under a secret of the issuer: the table alone says nothing about a person.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from itertools import islice

from wire.problem import Refused
from wire.sqlite import Database

from .index import Numbers
from .kept import KindNumber, NumberOf

_PORTION = 1000  # numbers that are tried at once: SQLite takes 32,766 values in a statement
_TAKEN = (
    "SELECT number FROM credential WHERE kind = ? AND number IN ({0}) "
    "UNION ALL SELECT number FROM given_number WHERE kind = ? AND number IN ({0})"
)
_NEW = (
    "SELECT identity FROM temp.wanted AS wanted WHERE NOT EXISTS (SELECT 1 FROM given_number AS given "
    "WHERE given.kind = ? AND given.identity = wanted.identity) ORDER BY nth"
)


class SQLiteNumbers(Numbers):
    """In tables of the index."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def give(
        self, kind: str, series: str, number_of: NumberOf, identities: Iterable[Sequence[bytes]]
    ) -> None:
        with self._database.writing() as connection:
            # Tables of their own, since there may be millions of rows.
            connection.execute("CREATE TEMP TABLE wanted (nth INTEGER PRIMARY KEY, identity BLOB)")
            connection.execute("CREATE TEMP TABLE fresh (identity BLOB, number TEXT)")
            for portion in identities:
                connection.executemany(
                    "INSERT INTO temp.wanted (identity) VALUES (?)", ((each,) for each in portion)
                )
            following = _next(connection, kind, series)
            new = connection.execute(_NEW, (kind,))
            while portion := [identity for (identity,) in islice(new, _PORTION)]:
                numbers, following = _free(connection, kind, number_of, following, len(portion))
                connection.executemany(
                    "INSERT INTO temp.fresh VALUES (?, ?)", zip(portion, numbers, strict=True)
                )
            # In the order of identities, which are random: see the head of schema.sql.
            connection.execute(
                "INSERT INTO given_number SELECT ?, identity, number FROM temp.fresh ORDER BY identity",
                (kind,),
            )
            connection.execute(
                "INSERT INTO number_series VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET next = excluded.next",
                (kind, series, following),
            )
            connection.execute("DROP TABLE temp.wanted")
            connection.execute("DROP TABLE temp.fresh")

    def of(self, kind: str, identities: Sequence[bytes]) -> dict[bytes, str]:
        found: dict[bytes, str] = {}
        with self._database.reading() as connection:
            for start in range(0, len(identities), _PORTION):
                portion = identities[start : start + _PORTION]
                query = f"SELECT identity, number FROM given_number WHERE kind = ? AND identity IN ({_marks(portion)})"  # noqa: E501, S608 -- question marks
                found |= dict(connection.execute(query, (kind, *portion)).fetchall())
        return found

    def free(self, kind: str, series: str, number_of: NumberOf, count: int) -> list[str]:
        with self._database.reading() as connection:
            numbers, _ = _free(connection, kind, number_of, _next(connection, kind, series), count)
        return numbers

    def forget(self, which: KindNumber) -> bool:
        with self._database.writing() as connection:
            statement = "DELETE FROM given_number WHERE kind = ? AND number = ?"
            return connection.execute(statement, which).rowcount > 0


def _next(connection: sqlite3.Connection, kind: str, series: str) -> int:
    query = "SELECT next FROM number_series WHERE kind = ? AND series = ?"
    row = connection.execute(query, (kind, series)).fetchone()
    return row[0] if row else 1


def _free(
    connection: sqlite3.Connection, kind: str, number_of: NumberOf, following: int, count: int
) -> tuple[list[str], int]:
    """The next numbers of a series that are not taken, and the place in the series after them."""
    numbers: list[str] = []
    size = count
    while len(numbers) < count:
        tried = _numbers(number_of, following, size)
        values = (kind, *tried)
        taken = {number for (number,) in connection.execute(_TAKEN.format(_marks(tried)), (*values, *values))}
        free = [(place, number) for place, number in enumerate(tried, following) if number not in taken]
        free = free[: count - len(numbers)]
        numbers += [number for _, number in free]
        following = free[-1][0] + 1 if len(numbers) == count else following + len(tried)
        # A registrar may have issued a million numbers of this form: these are not tried one by one.
        size = min(2 * size, _PORTION)
    return numbers, following


def _numbers(number_of: NumberOf, following: int, size: int) -> list[str]:
    """Numbers from a place in their series on. Raises `Refused` where the first is none of the kind."""
    numbers: list[str] = []
    for place in range(following, following + size):
        try:
            numbers.append(number_of(place))
        except Refused:
            if not numbers:
                raise
            break
    return numbers


def _marks(values: Sequence[object]) -> str:
    return ",".join("?" * len(values))
