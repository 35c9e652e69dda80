"""The journal of revocations, and the files that were made from it: see `issuer/archive/revocations.py`."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from wire.postgres.connections import Cursor
from wire.postgres.rows import Kinds

from ...press.permutation import LIST_BITS
from ...problem import REVOKED_FOR_GOOD, STATUS_LIST_NOT_PUBLISHED
from ...shared.database import IndexDatabase, rows
from ..index import Revocations
from ..kept import (
    Appended,
    EditionState,
    KindNumber,
    ListFile,
    PublishedFile,
    RevocationRow,
    state_of,
    suspension,
)
from ..revocations import PORTION, numbers_by_kind, portions, seqs_of
from ..versions import FileVersions, Version
from .logged import settle_batch

_ASKED = """
FROM unnest(%s::text[], %s::text[]) AS asked (kind, number)
JOIN intaglio_issuer.edition USING (kind, number) CROSS JOIN unnest(edition.seqs) AS of_edition (seq)
JOIN intaglio_issuer.credential USING (seq) LEFT JOIN intaglio_issuer.revocation USING (seq)
"""
"""The credentials asked about, each with its entry in the journal."""
_EDITIONS = f"SELECT seq {_ASKED}"
_IN_FORCE = f"SELECT seq {_ASKED} WHERE reason IS NULL"
_IS_SUSPENDED = f"starts_with(reason, '{suspension('')}')"
_SUSPENDED = f"SELECT seq {_ASKED} WHERE {_IS_SUSPENDED}"
_LATEST = f"""
SELECT DISTINCT ON (asked.kind, asked.number) asked.number, reason {_ASKED}
WHERE leaf IS NOT NULL ORDER BY asked.kind, asked.number, edition.edition DESC, copy
"""
_UNPUBLISHED = f"""
INSERT INTO intaglio_issuer.unpublished SELECT seq FROM unnest(%s::bigint[]) AS given (seq)
WHERE NOT EXISTS (SELECT FROM intaglio_issuer.revocation
                  WHERE revocation.seq = given.seq AND NOT {_IS_SUSPENDED})
ON CONFLICT DO NOTHING
"""
_JOURNAL = f"""
INSERT INTO intaglio_issuer.revocation SELECT seq, %s, %s FROM unnest(%s::bigint[]) AS given (seq)
ON CONFLICT (seq) DO UPDATE SET reason = excluded.reason, date = excluded.date
WHERE {_IS_SUSPENDED.replace("reason", "revocation.reason")}
"""
_STALE = """
SELECT next, ARRAY(
  SELECT number FROM intaglio_issuer.listed JOIN intaglio_issuer.status_file ON name = number::text
  WHERE leaf >= %s AND expires > %s AND expires <= %s
    AND name NOT IN (SELECT name FROM intaglio_issuer.status_file_begun))
FROM intaglio_issuer.counter WHERE name = 'seq'
"""
_BEGIN = """
INSERT INTO intaglio_issuer.status_file_begun VALUES (%s, %b, %b, %b)
ON CONFLICT (name) DO UPDATE SET key = excluded.key, digest = excluded.digest, content = excluded.content
"""
_PUBLISH = """
INSERT INTO intaglio_issuer.status_file VALUES (%s, %s, %s, %b)
ON CONFLICT (name) DO UPDATE SET leaf = excluded.leaf, dated = excluded.dated, digest = excluded.digest
"""
_HOLD = """
INSERT INTO intaglio_issuer.status_file_held VALUES (%s, %b, %b)
ON CONFLICT (name) DO UPDATE SET digest = excluded.digest, content = excluded.content
"""
_LISTED = """
INSERT INTO intaglio_issuer.listed VALUES (%s, %s)
ON CONFLICT (number) DO UPDATE SET expires = excluded.expires
"""
_SHOWN = """
DELETE FROM intaglio_issuer.unpublished USING unnest(%s::bigint[], %s::text[]) AS shown (seq, reason)
WHERE unpublished.seq = shown.seq AND shown.reason IS NOT DISTINCT FROM
  (SELECT reason FROM intaglio_issuer.revocation WHERE revocation.seq = shown.seq)
"""
_FILES = """
SELECT name, old.digest, new.digest FROM intaglio_issuer.status_file AS old
LEFT JOIN intaglio_issuer.status_file_begun AS new USING (name) ORDER BY name
"""
_VERSIONS = """
SELECT next, ARRAY(SELECT key FROM intaglio_issuer.appending), digest, content, version.key
FROM intaglio_issuer.counter LEFT JOIN (
  SELECT 1 AS place, digest, content, key FROM intaglio_issuer.status_file_begun WHERE name = %s
  UNION ALL SELECT 2, digest, NULL, NULL FROM intaglio_issuer.status_file WHERE name = %s
  UNION ALL SELECT 3, digest, content, NULL FROM intaglio_issuer.status_file_held WHERE name = %s
) AS version ON true WHERE counter.name = 'log' ORDER BY place
"""
_HELD = """
SELECT name, content FROM intaglio_issuer.status_file_begun
UNION ALL SELECT name, content FROM intaglio_issuer.status_file_held
"""
_CLOSED = """
INSERT INTO intaglio_issuer.counter VALUES ('closed', %s)
ON CONFLICT (name) DO UPDATE SET next = excluded.next
"""


def journal_seqs(cursor: Cursor, seqs: Sequence[int], reason: str, date: str) -> None:
    """Writes these sequence numbers into the journal, within a transaction that has the turn.

    An earlier revocation stays; an earlier suspension gives way to the new entry.
    """
    cursor.execute(_UNPUBLISHED, [list(seqs)])
    cursor.execute(_JOURNAL, [reason, date, list(seqs)])


def _columns(which: Iterable[KindNumber]) -> tuple[list[str], list[str]]:
    """Kinds and numbers, as two arrays."""
    ordered = sorted(set(which))
    return [each.kind for each in ordered], [each.number for each in ordered]


def _seqs(cursor: Cursor, query: str, which: Iterable[KindNumber]) -> list[int]:
    return [seq for (seq,) in rows(cursor, [int], query, *_columns(which))]


def _require_not_revoked(cursor: Cursor, which: Iterable[KindNumber]) -> None:
    """Checks within the transaction: else a revocation in between would be undone."""
    for number, reason in rows(cursor, [str, str | None], _LATEST, *_columns(which)):
        if state_of(reason) not in (EditionState.VALID, EditionState.SUSPENDED):
            raise REVOKED_FOR_GOOD(f"credential {number} was revoked, and stays so", number=number)


class PostgresRevocations(Revocations):
    """`Revocations`, in tables of the index."""

    def __init__(self, database: IndexDatabase, *, portion: int = PORTION) -> None:
        """One statement revokes up to `portion` numbers."""
        self._database, self._portion = database, portion

    # The journal

    def revoke(self, which: Iterable[KindNumber], reason: str, date: str) -> None:
        numbers = numbers_by_kind(which)

        def work(cursor: Cursor) -> None:
            for portion in portions(numbers, self._portion):
                journal_seqs(cursor, _seqs(cursor, _EDITIONS, portion), reason, date)

        self._database.in_turn(work)

    def suspend(self, which: Iterable[KindNumber], reason: str, date: str) -> None:
        asked = list(which)

        def work(cursor: Cursor) -> None:
            _require_not_revoked(cursor, asked)
            journal_seqs(cursor, _seqs(cursor, _IN_FORCE, asked), suspension(reason), date)

        self._database.in_turn(work)

    def reinstate(self, which: Iterable[KindNumber]) -> None:
        asked = list(which)

        def work(cursor: Cursor) -> None:
            _require_not_revoked(cursor, asked)
            seqs = _seqs(cursor, _SUSPENDED, asked)
            statement = (
                "INSERT INTO intaglio_issuer.unpublished SELECT unnest(%s::bigint[]) ON CONFLICT DO NOTHING"
            )
            cursor.execute(statement, [seqs])
            cursor.execute("DELETE FROM intaglio_issuer.revocation WHERE seq = ANY(%s::bigint[])", [seqs])

        self._database.in_turn(work)

    def none_later(self, date: str) -> None:
        self._database.change("UPDATE intaglio_issuer.revocation SET date = %s WHERE date > %s", date, date)

    def count(self) -> int:
        ((count,),) = self._database.rows([int], "SELECT count(*) FROM intaglio_issuer.revocation")
        return int(count)

    def of_list(self, number: int) -> list[RevocationRow]:
        rows = self._database.rows(
            [int, str, str],
            "SELECT seq, reason, date FROM intaglio_issuer.revocation "
            "WHERE seq >= %s AND seq < %s ORDER BY seq",
            number << LIST_BITS,
            (number + 1) << LIST_BITS,
        )
        return [*map(RevocationRow._make, rows)]

    def unpublished(self, lists: range | None = None) -> list[RevocationRow]:
        query = """
            SELECT seq, reason, date
            FROM intaglio_issuer.unpublished LEFT JOIN intaglio_issuer.revocation USING (seq)
            WHERE seq >= %s AND seq < %s ORDER BY seq
        """
        rows = self._database.rows([int, str | None, str | None], query, *seqs_of(lists))
        return [*map(RevocationRow._make, rows)]

    # The published files

    def changed_lists(self) -> dict[int, int]:
        query = "SELECT seq >> %s AS list, count(*) FROM intaglio_issuer.unpublished GROUP BY list"
        return dict(self._database.rows([int, int], query, LIST_BITS))

    def stale_lists(self, after: str, before: str, since: int = 0) -> list[int]:
        ((following, published),) = self._database.rows([int, list], _STALE, since, after, before)
        return sorted({*range((following - 1 >> LIST_BITS) + 1)}.difference(published))

    def dated_after(self, time: str, since: int) -> list[str]:
        query = "SELECT name FROM intaglio_issuer.status_file WHERE leaf < %s AND dated > %s"
        return [name for (name,) in self._database.rows([str], query, since, time)]

    def expiries(self) -> dict[int, str]:
        query = "SELECT number, expires FROM intaglio_issuer.listed ORDER BY number"
        return dict(self._database.rows([int, str], query))

    def whole_lists(self) -> set[int]:
        query = """
            SELECT number FROM intaglio_issuer.listed
            WHERE number::text NOT IN (SELECT name FROM intaglio_issuer.status_file_begun)
        """
        return {number for (number,) in self._database.rows([int], query)}

    def published_lists(self) -> list[int]:
        return [
            number for (number,) in self._database.rows([int], "SELECT number FROM intaglio_issuer.listed")
        ]

    def dates(self) -> list[tuple[str, str]]:
        rows = self._database.rows([str, str], "SELECT name, dated FROM intaglio_issuer.status_file")
        return [(name, dated) for name, dated in rows]

    def published(self, name: str) -> PublishedFile:
        """See `Revocations.published`."""
        files = self.published_among([name])
        if name not in files:
            raise STATUS_LIST_NOT_PUBLISHED(f"status list {name} is not published")
        return files[name]

    def published_among(self, names: Sequence[str]) -> dict[str, PublishedFile]:
        query = "SELECT name, leaf, digest FROM intaglio_issuer.status_file WHERE name = ANY(%s::text[])"
        rows = self._database.rows([str, int, bytes], query, list(names))
        return {name: PublishedFile(leaf, digest) for name, leaf, digest in rows}

    def begin(self, key: bytes, files: Iterable[ListFile]) -> None:
        begun = [(file.name, key, file.digest, file.content) for file in files]

        def work(cursor: Cursor) -> None:
            cursor.execute("INSERT INTO intaglio_issuer.appending VALUES (%b) ON CONFLICT DO NOTHING", [key])
            cursor.executemany(_BEGIN, begun)

        self._database.write(work)

    def begun(self) -> list[bytes]:
        query = "SELECT DISTINCT key FROM intaglio_issuer.status_file_begun"
        return [key for (key,) in self._database.rows([bytes], query)]

    def publish(
        self,
        files: Sequence[ListFile],
        batch: Appended,
        expiries: Mapping[int, str],
        listed: Collection[RevocationRow],
    ) -> None:
        def work(cursor: Cursor) -> None:
            placed = zip(files, batch.leaves, strict=True)
            cursor.executemany(
                _PUBLISH, [(file.name, leaf, file.dated, file.digest) for file, leaf in placed]
            )
            cursor.executemany(_HOLD, [(file.name, file.digest, file.content) for file in files])
            # A publisher is alone: one that lost the lock writes nothing (`IndexDatabase.holding`).
            # Files that another began were left by a killed one, and these files have all.
            cursor.execute("DELETE FROM intaglio_issuer.status_file_begun")
            cursor.executemany(_LISTED, [*expiries.items()])
            # By statistics of before, the table is all but empty, and a plan reads it whole for each row.
            cursor.execute("SET LOCAL enable_seqscan = off")
            # Unlike a revocation, a suspension ends: what was signed may be out of date by now.
            cursor.execute(_SHOWN, [[row.seq for row in listed], [row.reason for row in listed]])
            settle_batch(cursor, batch)

        self._database.in_turn(work)

    def files(self) -> list[tuple[str, set[bytes]]]:
        rows = self._database.rows([str, bytes, bytes | None], _FILES)
        return [(name, {old, new} - {None}) for name, old, new in rows]

    def versions(self, name: str) -> FileVersions:
        kinds: Kinds = [int, list, bytes | None, bytes | None, bytes | None]
        rows = self._database.rows(kinds, _VERSIONS, *[name] * 3)
        versions = [Version(*row[2:]) for row in rows if row[2] is not None]
        return FileVersions(versions, *rows[0][:2])

    # Content that may not be on the disk yet

    def held(self) -> dict[str, bytes]:
        return dict(self._database.rows([str, bytes], _HELD))

    def held_content(self, name: str, digest: bytes) -> bytes | None:
        query = "SELECT content FROM intaglio_issuer.status_file_held WHERE name = %s AND digest = %b"
        rows = self._database.rows([bytes], query, name, digest)
        return rows[0][0] if rows else None

    def held_bytes(self) -> int:
        query = "SELECT coalesce(sum(octet_length(content)), 0)::bigint FROM intaglio_issuer.status_file_held"
        ((held,),) = self._database.rows([int], query)
        return int(held)

    def release(self, names: Iterable[str]) -> None:
        statement = "DELETE FROM intaglio_issuer.status_file_held WHERE name = ANY(%s::text[])"
        self._database.change(statement, list(names))

    # Closing

    def closed(self) -> bool:
        query = "SELECT next FROM intaglio_issuer.counter WHERE name = 'closed' AND next <> 0"
        return bool(self._database.rows([int], query))

    def note_closed(self, closed: bool) -> None:
        self._database.change(_CLOSED, int(closed))
