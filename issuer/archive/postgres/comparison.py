"""Compares the rows of a file with each other and with issued credentials, in a table of one transaction."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from wire.postgres.connections import Cursor
from wire.postgres.rows import read_one, streamed
from wire.problem import Damaged

from ...shared.database import copy_rows, rows
from ..kept import Crossed, Incoming, SeqsByRow

_INCOMING = """
CREATE TEMP TABLE incoming (nth bigint PRIMARY KEY, number text COLLATE "C", student text COLLATE "C",
                            identity bytea) ON COMMIT DROP
"""
_REPEATED = """
SELECT nth, earliest, number FROM pg_temp.incoming JOIN (SELECT number, min(nth) AS earliest
  FROM pg_temp.incoming WHERE number <> '' GROUP BY number HAVING count(*) > 1) AS often USING (number)
WHERE nth > earliest ORDER BY nth
"""
_OFTEN = """
SELECT student, count(*), min(nth) FROM pg_temp.incoming WHERE student <> ''
GROUP BY student HAVING count(*) > 1 ORDER BY min(nth) LIMIT 100
"""
_INDISTINCT = """
SELECT nth, CASE WHEN nth = earliest THEN latest ELSE earliest END FROM pg_temp.incoming JOIN (
  SELECT identity, min(nth) AS earliest, max(nth) AS latest FROM pg_temp.incoming
  WHERE identity <> '' GROUP BY identity HAVING count(*) > 1) AS often USING (identity) ORDER BY nth
"""
_FIRSTS = """
JOIN intaglio_issuer.edition ON edition.number = wanted.number AND edition.kind = %s AND edition.edition = 1
CROSS JOIN unnest(edition.seqs) AS of_edition (number_of_seq)
JOIN intaglio_issuer.credential ON credential.seq = number_of_seq AND credential.copy = 1
GROUP BY nth ORDER BY nth
"""
_KNOWN = f"SELECT nth, min(credential.seq) FROM pg_temp.incoming AS wanted {_FIRSTS}"
_KNOWN_BY_IDENTITY = f"""
SELECT nth, min(credential.seq)
FROM (SELECT nth, given_number.number
      FROM pg_temp.incoming JOIN intaglio_issuer.given_number USING (identity)
      WHERE given_number.kind = %s AND identity <> '') AS wanted {_FIRSTS}
"""
"""Comparisons that need the whole file: its rows with each other, and with credentials issued before."""


def crossed(cursor: Cursor, kind: str, incoming: Iterable[Incoming]) -> Crossed:
    """As `Index.compare`, in an open transaction: there may be millions of rows."""
    cursor.execute(_INCOMING)
    last = 0

    def incoming_rows() -> Iterator[tuple[int, str, str, bytes]]:
        nonlocal last
        for portion in incoming:
            last = max([last, *portion.rows])
            yield from zip(*portion, strict=True)

    copy_rows(cursor, "pg_temp.incoming", ("int8", "text", "text", "bytea"), incoming_rows())
    cursor.execute("ANALYZE pg_temp.incoming")
    repeated = rows(cursor, [int, int, str], _REPEATED)
    often = rows(cursor, [str, int, int], _OFTEN)
    indistinct = rows(cursor, [int, int], _INDISTINCT)
    query = "SELECT EXISTS (SELECT FROM pg_temp.incoming WHERE number <> '')"
    if read_one(cursor.execute(query), [bool]) == (True,):
        issued = streamed(cursor, [int, int], _KNOWN, kind)
    else:
        issued = streamed(cursor, [int, int], _KNOWN_BY_IDENTITY, kind, kind)
    return Crossed(list(repeated), list(often), SeqsByRow(_sent(issued, last)), list(indistinct))


def _sent(issued: Iterable[tuple[int, int]], last: int) -> Iterator[tuple[int, int]]:
    """The pairs of row and sequence number. Raises `Damaged` for a row that was not sent."""
    for row, seq in issued:
        # threat F32: a server that names row 2^62 would have us make room for as many.
        if not 0 <= row <= last:
            raise Damaged("the database names a row that the file does not have")
        yield row, seq
