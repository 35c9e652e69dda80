"""The numbers that were given to rows without one, each by the identity of its row.

An identity is a digest under a secret of the issuer: the table alone says nothing about a person.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from itertools import repeat
from typing import Protocol

from wire.problem import Refused
from wire.sqlite import Database

from .index import Numbers
from .kept import KindNumber, Numbering

PORTION = 1000
"""Numbers that are looked for together; SQLite takes 32,766 values in a statement."""


class GivenNumbers(Protocol):
    """The given numbers of a kind, as one transaction sees and changes them."""

    def put(self, identities: Sequence[bytes], numbers: Sequence[str]) -> bool:
        """Puts identities in, all or none: none if one of them has a number already."""

    def known(self, identities: Sequence[bytes]) -> Mapping[bytes, str]:
        """The numbers of those identities that have one."""

    def taken(self, numbers: Sequence[str]) -> set[str]:
        """The numbers, among these, that a credential of the kind, a job or another identity has."""


def give(
    table: GivenNumbers,
    numbering: Numbering,
    following: int,
    identities: Iterable[Sequence[bytes]],
    hear: Callable[[Sequence[str]], object],
) -> int:
    """As `Numbers.give`, from a place of the series on; returns the place after the last that was given."""
    for portion in identities:
        is_put = False
        with suppress(Refused):  # no number may be left, nor one needed
            numbers, after = free(table, numbering, following, len(portion))
            is_put = table.put(portion, numbers)
        if not is_put:  # some have numbers already; of most files none has
            numbered = {**table.known(portion)}
            new = [*dict.fromkeys(each for each in portion if each not in numbered)]
            numbers, after = free(table, numbering, following, len(new))
            table.put(new, numbers)
            numbered.update(zip(new, numbers, strict=True))
            numbers = [numbered[identity] for identity in portion]
        following = after
        hear(numbers)
    return following


def free(table: GivenNumbers, numbering: Numbering, following: int, count: int) -> tuple[list[str], int]:
    """The next numbers of a series that are not taken, and the place in the series after them."""
    numbers: list[str] = []
    size = min(count, PORTION)
    while len(numbers) < count:
        tried = numbering(range(following, following + size))
        taken = table.taken(tried)
        untaken = [(place, number) for place, number in enumerate(tried, following) if number not in taken]
        untaken = untaken[: count - len(numbers)]
        numbers += [number for _, number in untaken]
        following = untaken[-1][0] + 1 if len(numbers) == count else following + len(tried)
        # A registrar may have issued a million numbers of this form: these are not tried one by one.
        size = min(2 * size, PORTION)
    return numbers, following


class SQLiteNumbers(Numbers):
    """`Numbers`, in tables of the index."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def give(
        self,
        kind: str,
        series: str,
        numbering: Numbering,
        identities: Iterable[Sequence[bytes]],
        hear: Callable[[Sequence[str]], object],
    ) -> None:
        # Under SQLite's write lock, so that no two processes read the same `next`.
        with self._database.writing() as connection:
            following = _next(connection, kind, series)
            following = give(_Given(connection, kind), numbering, following, identities, hear)
            connection.execute(
                "INSERT INTO number_series VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET next = excluded.next",
                (kind, series, following),
            )

    def free(self, kind: str, series: str, numbering: Numbering, count: int) -> list[str]:
        with self._database.reading() as connection:
            following = _next(connection, kind, series)
            numbers, _ = free(_Given(connection, kind), numbering, following, count)
        return numbers

    def forget(self, which: KindNumber) -> bool:
        with self._database.writing() as connection:
            statement = "DELETE FROM given_number WHERE kind = ? AND number = ?"
            return connection.execute(statement, which).rowcount > 0


def _next(connection: sqlite3.Connection, kind: str, series: str) -> int:
    query = "SELECT next FROM number_series WHERE kind = ? AND series = ?"
    row = connection.execute(query, (kind, series)).fetchone()
    return row[0] if row else 1


class _Given(GivenNumbers):
    """`GivenNumbers`, in SQLite."""

    def __init__(self, connection: sqlite3.Connection, kind: str) -> None:
        self._connection, self._kind = connection, kind

    def put(self, identities: Sequence[bytes], numbers: Sequence[str]) -> bool:
        self._connection.execute("SAVEPOINT portion")
        rows = zip(identities, numbers, repeat(self._kind), strict=False)
        statement = "INSERT OR IGNORE INTO given_number VALUES (?, ?, ?)"
        put = self._connection.executemany(statement, rows).rowcount
        if put < len(identities):
            self._connection.execute("ROLLBACK TO portion")
        self._connection.execute("RELEASE portion")
        return put == len(identities)

    def known(self, identities: Sequence[bytes]) -> Mapping[bytes, str]:
        numbered: dict[bytes, str] = {}
        for start in range(0, len(identities), PORTION):
            portion = identities[start : start + PORTION]
            query = "SELECT identity, number FROM given_number WHERE identity IN ({})"
            numbered.update(self._connection.execute(query.format(_marks(portion)), portion))
        return numbered

    def taken(self, numbers: Sequence[str]) -> set[str]:
        least, most = min(numbers), max(numbers)
        taken = set[str]()
        for table in ("credential", "taken", "given_number"):
            # Most often nothing stands between the first and the last, which is quicker found out.
            query = f"SELECT 1 FROM {table} WHERE number >= ? AND number <= ? LIMIT 1"  # noqa: S608 -- constants
            if self._connection.execute(query, (least, most)).fetchone():
                query = f"SELECT number FROM {table} WHERE kind = ? AND number IN ({_marks(numbers)})"  # noqa: S608 -- question marks
                rows = self._connection.execute(query, (self._kind, *numbers))
                taken.update(number for (number,) in rows)
        return taken


def _marks(values: Sequence[object]) -> str:
    return ",".join("?" * len(values))
