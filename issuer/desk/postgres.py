"""Claim links in the PostgreSQL database that has the issuer's index."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime

from wire.postgres.connections import Cursor
from wire.postgres.rows import Kinds, read_one

from ..archive.kept import KindNumber
from ..shared.database import IndexDatabase, rows
from .links import ENDED, GoodLink, KeptLink, Links
from .linkstore import PATIENCE

_LAST = "SELECT coalesce(max(nth), 0) FROM intaglio_issuer.link"
_DRAW_UP = """
INSERT INTO intaglio_issuer.link (nth, token, kind, number, generation, expires)
SELECT given.*, %s
FROM unnest(%s::bigint[], %s::bytea[], %s::text[], %s::text[], %s::bigint[])
     AS given (nth, token, kind, number, generation)
"""
_END_EARLIER = """
UPDATE intaglio_issuer.link AS former SET expires = %s FROM intaglio_issuer.link AS new
WHERE new.nth >= %s AND new.nth < %s AND former.kind = new.kind AND former.number = new.number
  AND former.holder IS NULL AND former.generation <= new.generation AND former.nth < new.nth
"""
_GOOD = """
SELECT nth, is_used, expires
FROM unnest(%s::text[], %s::text[], %s::bigint[]) WITH ORDINALITY AS asked (kind, number, generation, place)
LEFT JOIN LATERAL (
  SELECT nth, holder IS NOT NULL AS is_used, expires FROM intaglio_issuer.link
  WHERE link.kind = asked.kind AND link.number = asked.number AND link.generation >= asked.generation
    AND expires > %s ORDER BY holder IS NULL, nth DESC LIMIT 1) AS found ON true
ORDER BY place
"""
_LINK = "SELECT kind, number, generation, expires, holder FROM intaglio_issuer.link WHERE token = %b"
_LINK_KINDS: Kinds = [str, str, int, int, str | None]
_FORGET = """
DELETE FROM intaglio_issuer.challenge WHERE challenge IN (
  SELECT challenge FROM intaglio_issuer.challenge WHERE expires <= %s FOR UPDATE SKIP LOCKED)
"""
_OPEN = """
INSERT INTO intaglio_issuer.challenge (challenge, token, expires) SELECT %b, %b, %s
WHERE (SELECT count(*) FROM intaglio_issuer.challenge WHERE token = %b AND expires <= %s) < %s
"""
_SPEND = """
UPDATE intaglio_issuer.challenge SET used = true
WHERE challenge = %b AND token = %b AND NOT used AND expires > %s
"""
_BIND = """
UPDATE intaglio_issuer.link SET holder = %s WHERE token = %b AND holder IS NULL AND expires > %s
"""


class PostgresLinks(Links):
    """`Links`, in a database that `prepare_index` has made ready, for any number of processes and machines.

    Raises as `IndexDatabase`.
    """

    def __init__(self, uri: str, *, patience: float = PATIENCE) -> None:
        """`patience` is the time in seconds to wait for another process that makes links."""
        self._patience = patience
        self._database = IndexDatabase(uri, patience=patience)

    def close(self) -> None:
        self._database.close()

    @contextmanager
    def making(self) -> Iterator[None]:
        """See `Links.making`."""
        with self._database.held(self._patience):
            yield

    def last(self) -> int:
        ((last,),) = self._database.rows([int], _LAST)
        return int(last)

    def draw_up(self, links: Sequence[tuple[bytes, KindNumber, int]], counted: int) -> range:
        def work(cursor: Cursor) -> range:
            first = max(counted, read_one(cursor.execute(_LAST), [int])[0]) + 1
            places = range(first, first + len(links))
            drawn_up = [(token, *which, generation) for token, which, generation in links]
            columns = [list(column) for column in zip(*drawn_up, strict=True)] or [[], [], [], []]
            cursor.execute(_DRAW_UP, [ENDED, list(places), *columns])
            return places

        return self._database.once(work)

    def make_good(self, places: range, until: int) -> None:
        def work(cursor: Cursor) -> None:
            cursor.execute(_END_EARLIER, [ENDED, places.start, places.stop])
            statement = "UPDATE intaglio_issuer.link SET expires = %s WHERE nth >= %s AND nth < %s"
            cursor.execute(statement, [until, places.start, places.stop])

        self._database.in_turn(work)

    def good(self, asked: Sequence[tuple[KindNumber, int]], now: int) -> list[GoodLink | None]:
        columns = [
            [which.kind for which, _ in asked],
            [which.number for which, _ in asked],
            [generation for _, generation in asked],
        ]
        rows = self._database.rows([int | None, bool | None, int | None], _GOOD, *columns, now)
        return [
            None if nth is None else GoodLink(nth, is_used, datetime.fromtimestamp(expires, UTC))
            for nth, is_used, expires in rows
        ]

    def places(self, tokens: Sequence[bytes]) -> Mapping[bytes, int]:
        query = "SELECT token, nth FROM intaglio_issuer.link WHERE token = ANY(%s::bytea[])"
        return dict(self._database.rows([bytes, int], query, list(tokens)))

    def find(self, token: bytes) -> KeptLink | None:
        for kind, number, *link in self._database.rows(_LINK_KINDS, _LINK, token):
            return KeptLink(KindNumber(kind, number), *link)
        return None

    def open_challenge(
        self, token: bytes, challenge: bytes, *, now: int, expires: int, latest: int, most: int
    ) -> bool:
        def work(cursor: Cursor) -> bool:
            cursor.execute(_FORGET, [now])
            # Of two at once the second counts the first one's.
            cursor.execute("SELECT nth FROM intaglio_issuer.link WHERE token = %b FOR UPDATE", [token])
            return cursor.execute(_OPEN, [challenge, token, expires, token, latest, most]).rowcount == 1

        return self._database.once_beside(work)

    def spend(self, token: bytes, challenge: bytes, now: int) -> bool:
        def work(cursor: Cursor) -> bool:
            return cursor.execute(_SPEND, [challenge, token, now]).rowcount == 1

        return self._database.once_beside(work)

    def bind(self, token: bytes, holder: str, now: int) -> tuple[KeptLink, bool]:
        def work(cursor: Cursor) -> tuple[KeptLink, bool]:
            is_new = cursor.execute(_BIND, [holder, token, now]).rowcount == 1
            ((kind, number, *link),) = rows(cursor, _LINK_KINDS, _LINK, token)
            return KeptLink(KindNumber(kind, number), *link), is_new

        return self._database.write(work)

    def unbind(self, token: bytes, holder: str) -> None:
        statement = "UPDATE intaglio_issuer.link SET holder = NULL WHERE token = %b AND holder = %s"
        self._database.change(statement, token, holder)
