"""The numbers that were given to rows without one, each by the identity of its row.

An identity is a digest under a secret of the issuer: the table alone says nothing about a person.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from itertools import repeat

from wire.problem import Refused
from wire.sqlite import Database

from .index import Numbers
from .kept import KindNumber, Numbering

_PORTION = 1000  # values in a statement, of which SQLite takes 32,766


class SQLiteNumbers(Numbers):
    """In tables of the index."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def give(
        self,
        kind: str,
        series: str,
        numbering: Numbering,
        identities: Iterable[Sequence[bytes]],
        given: Callable[[Sequence[str]], object],
    ) -> None:
        with self._database.writing() as connection:
            following = _next(connection, kind, series)
            for portion in identities:
                is_put = False
                with suppress(Refused):  # no number may be left, nor one needed
                    numbers, after = _free(connection, kind, numbering, following, len(portion))
                    is_put = _put(connection, kind, portion, numbers)
                if not is_put:  # some have numbers already; of most files none has
                    known = _known(connection, portion)
                    new = [*dict.fromkeys(each for each in portion if each not in known)]
                    numbers, after = _free(connection, kind, numbering, following, len(new))
                    _put(connection, kind, new, numbers)
                    known.update(zip(new, numbers, strict=True))
                    numbers = [known[identity] for identity in portion]
                following = after
                given(numbers)
            connection.execute(
                "INSERT INTO number_series VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET next = excluded.next",
                (kind, series, following),
            )

    def free(self, kind: str, series: str, numbering: Numbering, count: int) -> list[str]:
        with self._database.reading() as connection:
            numbers, _ = _free(connection, kind, numbering, _next(connection, kind, series), count)
        return numbers

    def forget(self, which: KindNumber) -> bool:
        with self._database.writing() as connection:
            statement = "DELETE FROM given_number WHERE kind = ? AND number = ?"
            return connection.execute(statement, which).rowcount > 0


def _next(connection: sqlite3.Connection, kind: str, series: str) -> int:
    query = "SELECT next FROM number_series WHERE kind = ? AND series = ?"
    row = connection.execute(query, (kind, series)).fetchone()
    return row[0] if row else 1


def _put(
    connection: sqlite3.Connection, kind: str, identities: Sequence[bytes], numbers: Sequence[str]
) -> bool:
    """Puts identities in, all or none: not where one has a number already."""
    connection.execute("SAVEPOINT portion")
    rows = zip(identities, numbers, repeat(kind), strict=False)
    put = connection.executemany("INSERT OR IGNORE INTO given_number VALUES (?, ?, ?)", rows).rowcount
    if put < len(identities):
        connection.execute("ROLLBACK TO portion")
    connection.execute("RELEASE portion")
    return put == len(identities)


def _known(connection: sqlite3.Connection, identities: Sequence[bytes]) -> dict[bytes, str]:
    """The numbers of those identities that have one."""
    known: dict[bytes, str] = {}
    for start in range(0, len(identities), _PORTION):
        portion = identities[start : start + _PORTION]
        query = "SELECT identity, number FROM given_number WHERE identity IN ({})"
        known.update(connection.execute(query.format(_marks(portion)), portion))
    return known


def _free(
    connection: sqlite3.Connection, kind: str, numbering: Numbering, following: int, count: int
) -> tuple[list[str], int]:
    """The next numbers of a series that are not taken, and the place in the series after them."""
    numbers: list[str] = []
    size = min(count, _PORTION)
    while len(numbers) < count:
        tried = numbering(range(following, following + size))
        taken = _taken(connection, kind, tried)
        free = [(place, number) for place, number in enumerate(tried, following) if number not in taken]
        free = free[: count - len(numbers)]
        numbers += [number for _, number in free]
        following = free[-1][0] + 1 if len(numbers) == count else following + len(tried)
        # A registrar may have issued a million numbers of this form: these are not tried one by one.
        size = min(2 * size, _PORTION)
    return numbers, following


def _taken(connection: sqlite3.Connection, kind: str, numbers: Sequence[str]) -> set[str]:
    """Those of the numbers that a credential of the kind has, a job has taken, or another identity has."""
    least, most = min(numbers), max(numbers)
    taken = set[str]()
    for table in ("credential", "taken", "given_number"):
        # Most often nothing stands between the first and the last, which is quicker found out.
        query = f"SELECT 1 FROM {table} WHERE number >= ? AND number <= ? LIMIT 1"  # noqa: S608 -- constants
        if connection.execute(query, (least, most)).fetchone():
            query = f"SELECT number FROM {table} WHERE kind = ? AND number IN ({_marks(numbers)})"  # noqa: S608 -- question marks
            taken.update(number for (number,) in connection.execute(query, (kind, *numbers)))
    return taken


def _marks(values: Sequence[object]) -> str:
    return ",".join("?" * len(values))
