"""Finding a credential without its number: see `issuer/archive/lookup.py`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from wire.postgres.connections import Cursor

from ...shared.database import ISSUER, IndexDatabase, copy_packed, rows
from ..kept import KEYED, IdOf, Keyed, KindNumber
from ..lookup import PORTION, LookupByKey, keys, merged, packed_keys, sought

_PIECE = 1 << 16
"""Sequence numbers in one transaction, whose rows are in memory."""
_PAIR = b"\0\2" + b"\0\0\0\x08\0\0\0\0\0\0\0\0" * 2
"""A row as it is copied: two columns, each of eight bytes and their number before them."""
_KINDS = [int, str, str, int, int, str, str]
_ROW = """
SELECT seq, kind, number, edition, copy, form, coalesce(credential.email, person.email, '')
FROM intaglio_issuer.credential LEFT JOIN intaglio_issuer.person USING (seq)
"""
_NAMES = """
SELECT seq, coalesce(credential.name, person.name, '') FROM intaglio_issuer.credential
LEFT JOIN (SELECT * FROM intaglio_issuer.person WHERE seq >= %s AND seq < %s) AS person USING (seq)
WHERE seq >= %s AND seq < %s ORDER BY seq
"""
_NUMBERED = """
SELECT DISTINCT kind, number FROM intaglio_issuer.edition
WHERE number >= %s AND number < %s AND %s IN ('', kind)
  AND EXISTS (SELECT FROM intaglio_issuer.credential WHERE seq = seqs[1])
ORDER BY number, kind LIMIT %s
"""
_NOTE = """
INSERT INTO intaglio_issuer.unlisted VALUES (%s, %s)
ON CONFLICT (first) DO UPDATE SET stop = greatest(unlisted.stop, excluded.stop)
"""
_LISTED = """
DELETE FROM intaglio_issuer.unlisted
USING unnest(%s::bigint[], %s::bigint[]) AS listed (first, stop)
WHERE unlisted.first = listed.first AND unlisted.stop = listed.stop
RETURNING listed.first, listed.stop
"""
_STOP = "SELECT coalesce(max(seq), -1) + 1 FROM intaglio_issuer.credential"
_RANGES = "SELECT first, stop FROM intaglio_issuer.unlisted ORDER BY first"


class PostgresLookup(LookupByKey):
    """`Lookup`, in tables of the index."""

    def __init__(self, database: IndexDatabase) -> None:
        self._database = database

    def named(self, text: str) -> Iterator[int]:
        wanted = text.casefold()
        ((stop,),) = self._database.rows([int], _STOP)
        for first in range(0, stop, PORTION):
            bounds = first, first + PORTION
            page = self._database.rows([int, str], _NAMES, *bounds, *bounds)
            yield from (seq for seq, name in page if wanted in name.casefold())

    def numbered(self, beginning: str, most: int, kind: str = "") -> list[KindNumber]:
        end = beginning + "\U0010ffff"
        return [
            KindNumber(*row) for row in self._database.rows([str, str], _NUMBERED, beginning, end, kind, most)
        ]

    def add(self, chunks: Sequence[Keyed]) -> None:
        firsts, stops = [each.first for each in chunks], [each.stop for each in chunks]

        def work(cursor: Cursor) -> None:
            _take_turn(cursor)
            # Another process may have put a chunk in, or a part of it; what is left of it stays noted.
            left = set(rows(cursor, [int, int], _LISTED, firsts, stops))
            _put_sorted(cursor, b"".join(each.keys for each in chunks if each[:2] in left))

        self._database.once_beside(work)

    def catch_up(self, id_of: IdOf) -> None:
        is_left = bool(self._ranges())
        while is_left:
            is_left = self._database.once_beside(lambda cursor: _list_next(cursor, id_of))

    def candidates(self, wanted: str) -> Iterator[tuple[int, str, str, int, int, str, str]]:
        ((stop,),) = self._database.rows([int], _STOP)
        # The numbers come first: for so few of them, only their partitions are read.
        query = "SELECT seq FROM intaglio_issuer.lookup WHERE key = ANY(%s::bigint[])"
        seqs = [seq for (seq,) in self._database.rows([int], query, sought(wanted, stop))]
        yield from self._database.rows(_KINDS, f"{_ROW} WHERE seq = ANY(%s::bigint[]) ORDER BY seq", seqs)
        following = f"{_ROW} WHERE seq >= %s AND seq < %s ORDER BY seq LIMIT %s"
        for first, stop in self._ranges():
            while first < stop:
                page = self._database.rows(_KINDS, following, first, stop, PORTION)
                yield from page
                first = page[-1][0] + 1 if page else stop

    def _ranges(self) -> list[tuple[int, int]]:
        return merged(self._database.rows([int, int], _RANGES))


def note_seqs(cursor: Cursor, first: int, stop: int) -> None:
    """Notes that credentials with these sequence numbers are to be put in."""
    cursor.execute(_NOTE, [first, stop])


def put_keys(cursor: Cursor, seq: int, identifier: str, email: str) -> None:
    """Puts in one credential at once."""
    statement = "INSERT INTO intaglio_issuer.lookup SELECT unnest(%s::bigint[]), %s ON CONFLICT DO NOTHING"
    cursor.execute(statement, [keys(seq, identifier, email), seq])


def _list_next(cursor: Cursor, id_of: IdOf) -> bool:
    """Puts in the first range, or as much of it as one transaction may take; true if more is left."""
    _take_turn(cursor)
    noted = rows(cursor, [int, int], _RANGES)
    ranges = merged(noted)
    if not ranges:  # another process was first
        return False
    first, end = ranges[0]
    stop = min(end, first + _PIECE)
    _put_sorted(cursor, _listed(cursor, id_of, first, stop))
    # Only what was seen: of a chunk that is finished meanwhile nothing was put in.
    done = [each for each, _ in noted if first <= each < end]
    cursor.execute("DELETE FROM intaglio_issuer.unlisted WHERE first = ANY(%s::bigint[])", [done])
    if stop < end:
        note_seqs(cursor, stop, end)
    return stop < end or len(ranges) > 1


def _take_turn(cursor: Cursor) -> None:
    cursor.execute(f"SELECT pg_advisory_xact_lock({ISSUER.turn + 1})")  # one at a time; others go on issuing


def _put_sorted(cursor: Cursor, packed: bytes) -> None:
    """Puts in the packed keys of credentials that have none there yet, in order and in one COPY.

    A row that is inserted by itself takes twice as much of the server's journal.
    """
    ordered = sorted(packed[at : at + KEYED.size] for at in range(0, len(packed), KEYED.size))
    distinct = [key for key, _ in groupby(ordered)]  # a credential may have a key twice
    portions = (distinct[at : at + PORTION] for at in range(0, len(distinct), PORTION))
    copy_packed(cursor, "intaglio_issuer.lookup", map(_as_rows, portions))


def _as_rows(keys: Sequence[bytes]) -> bytearray:
    """Packed keys as rows: a byte of all of them at once, which takes a tenth of the time."""
    packed, rows = b"".join(keys), bytearray(_PAIR) * len(keys)
    for byte in range(8):
        rows[6 + byte :: len(_PAIR)] = packed[byte :: KEYED.size]
        rows[18 + byte :: len(_PAIR)] = packed[8 + byte :: KEYED.size]
    return rows


def _listed(cursor: Cursor, id_of: IdOf, first: int, stop: int) -> bytes:
    """The keys of a range. They are read at once, since a COPY leaves room for no other statement."""
    credentials = rows(cursor, _KINDS, f"{_ROW} WHERE seq >= %s AND seq < %s", first, stop)
    return b"".join(
        key
        for seq, kind, number, edition, number_of_copy, form, email in credentials
        for key in packed_keys(seq, id_of(KindNumber(kind, number), edition, number_of_copy, form), email)
    )
