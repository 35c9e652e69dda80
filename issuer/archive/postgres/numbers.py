"""The numbers that were given to rows without one: see `issuer/archive/numbers.py`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from wire.postgres.connections import Cursor

from ...shared.database import IndexDatabase, rows
from ..index import Numbers
from ..kept import KindNumber, Numbering
from ..numbers import GivenNumbers, free, give

_NEXT = "SELECT next FROM intaglio_issuer.number_series WHERE kind = %s AND series = %s"
_GO_ON = """
INSERT INTO intaglio_issuer.number_series VALUES (%s, %s, %s)
ON CONFLICT (kind, series) DO UPDATE SET next = excluded.next
"""
_PUT = """
INSERT INTO intaglio_issuer.given_number
SELECT identity, number, %s FROM unnest(%s::bytea[], %s::text[]) AS given (identity, number)
ON CONFLICT DO NOTHING
"""
_GIVEN = "SELECT identity, number FROM intaglio_issuer.given_number WHERE identity = ANY(%s::bytea[])"
_TAKEN = """
SELECT number FROM intaglio_issuer.edition WHERE kind = %s AND number = ANY(%s::text[])
UNION SELECT number FROM intaglio_issuer.given_number WHERE kind = %s AND number = ANY(%s::text[])
"""


class PostgresNumbers(Numbers):
    """`Numbers`, in tables of the index."""

    def __init__(self, database: IndexDatabase) -> None:
        self._database = database

    def give(
        self,
        kind: str,
        series: str,
        numbering: Numbering,
        identities: Iterable[Sequence[bytes]],
        hear: Callable[[Sequence[str]], object],
    ) -> None:
        def work(cursor: Cursor) -> None:
            following = _next(cursor, kind, series)
            following = give(_Given(cursor, kind), numbering, following, identities, hear)
            cursor.execute(_GO_ON, [kind, series, following])

        # One writer at a time has the turn (`IndexDatabase.once`): no two machines read the same `next`.
        # Not tried again after a broken connection: `identities` can be read only once.
        self._database.once(work)

    def free(self, kind: str, series: str, numbering: Numbering, count: int) -> list[str]:
        def work(cursor: Cursor) -> list[str]:
            return free(_Given(cursor, kind), numbering, _next(cursor, kind, series), count)[0]

        return self._database.once_beside(work)

    def forget(self, which: KindNumber) -> bool:
        statement = "DELETE FROM intaglio_issuer.given_number WHERE kind = %s AND number = %s"
        return self._database.once(lambda cursor: cursor.execute(statement, which).rowcount > 0)


def _next(cursor: Cursor, kind: str, series: str) -> int:
    stored = rows(cursor, [int], _NEXT, kind, series)
    return stored[0][0] if stored else 1


class _Given(GivenNumbers):
    """`GivenNumbers`, in PostgreSQL."""

    def __init__(self, cursor: Cursor, kind: str) -> None:
        self._cursor, self._kind = cursor, kind

    def put(self, identities: Sequence[bytes], numbers: Sequence[str]) -> bool:
        self._cursor.execute("SAVEPOINT portion")
        put = self._cursor.execute(_PUT, [self._kind, list(identities), list(numbers)]).rowcount
        if put < len(identities):
            self._cursor.execute("ROLLBACK TO portion")
        self._cursor.execute("RELEASE portion")
        return put == len(identities)

    def known(self, identities: Sequence[bytes]) -> Mapping[bytes, str]:
        return dict(rows(self._cursor, [bytes, str], _GIVEN, list(identities)))

    def taken(self, numbers: Sequence[str]) -> set[str]:
        asked = [self._kind, list(numbers)]
        return {number for (number,) in rows(self._cursor, [str], _TAKEN, *asked, *asked)}
