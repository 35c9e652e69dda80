"""The journal of revocations, and the records of the files in `status/` that were made from it."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

import orjson

from wire.sqlite import Database

from ..press.permutation import LIST_BITS
from ..problem import REVOKED_FOR_GOOD, STATUS_LIST_NOT_PUBLISHED
from .index import Revocations
from .kept import (
    Appended,
    EditionState,
    KindNumber,
    ListFile,
    PublishedFile,
    RevocationRow,
    state_of,
    suspension,
)
from .logged import settle
from .versions import FileVersions, possible_versions

PORTION = 1 << 12
"""Numbers that are revoked at once, of the many that one transaction may revoke."""
_NO_SEQ = (1 << 63) - 1  # the largest integer that SQLite and PostgreSQL have
_EDITIONS = "SELECT seq FROM credential WHERE kind = ? AND number = ?"
_IN_FORCE = _EDITIONS + " AND seq NOT IN (SELECT seq FROM revocation)"  # noqa: S608 -- a constant
_IS_SUSPENDED = f"reason GLOB '{suspension('*')}'"
_SUSPENDED = (
    "SELECT seq FROM credential JOIN revocation USING (seq) "  # noqa: S608 -- a constant
    f"WHERE kind = ? AND number = ? AND {_IS_SUSPENDED}"
)


def numbers_by_kind(which: Iterable[KindNumber]) -> dict[str, list[str]]:
    """The numbers of each kind, in their order so that no page of an index is met twice.

    Of each credential it holds no more: there may be a million.
    """
    numbers = defaultdict[str, list[str]](list)
    for kind, number in which:
        numbers[kind].append(number)
    for each in numbers.values():
        each.sort()
    return numbers


def portions(numbers: Mapping[str, Sequence[str]], most: int) -> Iterator[list[KindNumber]]:
    """The numbers of `numbers_by_kind` in lists of at most so many."""
    ordered = (KindNumber(kind, number) for kind, of_kind in numbers.items() for number in of_kind)
    while portion := [*islice(ordered, most)]:
        yield portion


def journal(
    connection: sqlite3.Connection, editions: str, values: Sequence[Sequence[Any]], reason: str, date: str
) -> None:
    """Writes the sequence numbers that a query gives into the journal, for each of its `values`.

    An earlier revocation stays; an earlier suspension gives way to the new entry.
    """
    connection.executemany(
        f"INSERT OR IGNORE INTO unpublished SELECT seq FROM ({editions}) AS edition "  # noqa: S608 -- constants
        "WHERE NOT EXISTS (SELECT 1 FROM revocation "
        f"WHERE revocation.seq = edition.seq AND NOT revocation.{_IS_SUSPENDED})",
        values,
    )
    connection.executemany(
        f"INSERT INTO revocation SELECT seq, ?, ? FROM ({editions}) WHERE true "  # noqa: S608 -- constants
        "ON CONFLICT DO UPDATE SET reason = excluded.reason, date = excluded.date "
        f"WHERE revocation.{_IS_SUSPENDED}",
        ((reason, date, *each) for each in values),
    )


def _require_not_revoked(connection: sqlite3.Connection, which: Iterable[KindNumber]) -> None:
    """Checks within the transaction: else a revocation in between would be undone."""
    for kind, number in which:
        row = connection.execute(
            "SELECT reason FROM credential LEFT JOIN revocation USING (seq) "
            "WHERE kind = ? AND number = ? AND leaf IS NOT NULL ORDER BY edition DESC, copy LIMIT 1",
            (kind, number),
        ).fetchone()
        # Threat F41: suspending or reinstating a revoked credential would undo the revocation.
        if row and state_of(row[0]) not in (EditionState.VALID, EditionState.SUSPENDED):
            raise REVOKED_FOR_GOOD(f"credential {number} was revoked, and stays so", number=number)


def seqs_of(lists: range | None) -> tuple[int, int]:
    """The first sequence number of these status lists, and the one after their last; all without lists."""
    return (0, _NO_SEQ) if lists is None else (lists.start << LIST_BITS, lists.stop << LIST_BITS)


class SQLiteRevocations(Revocations):
    """`Revocations`, in tables of the index."""

    def __init__(self, database: Database) -> None:
        self._database = database

    # The journal

    def revoke(self, which: Iterable[KindNumber], reason: str, date: str) -> None:
        numbers = numbers_by_kind(which)
        with self._database.writing() as connection:
            for portion in portions(numbers, PORTION):
                journal(connection, _EDITIONS, portion, reason, date)

    def suspend(self, which: Iterable[KindNumber], reason: str, date: str) -> None:
        ordered = sorted(which)
        with self._database.writing() as connection:
            _require_not_revoked(connection, ordered)
            journal(connection, _IN_FORCE, ordered, suspension(reason), date)

    def reinstate(self, which: Iterable[KindNumber]) -> None:
        ordered = sorted(which)
        with self._database.writing() as connection:
            _require_not_revoked(connection, ordered)
            connection.executemany(f"INSERT OR IGNORE INTO unpublished {_SUSPENDED}", ordered)
            connection.executemany(f"DELETE FROM revocation WHERE seq IN ({_SUSPENDED})", ordered)  # noqa: S608 -- a constant

    def none_later(self, date: str) -> None:
        self._database.write("UPDATE revocation SET date = ? WHERE date > ?", date, date)

    def count(self) -> int:
        ((count,),) = self._database.read("SELECT count(*) FROM revocation")
        return int(count)

    def of_list(self, number: int) -> list[RevocationRow]:
        rows = self._database.read(
            "SELECT seq, reason, date FROM revocation WHERE seq >= ? AND seq < ? ORDER BY seq",
            number << LIST_BITS,
            (number + 1) << LIST_BITS,
        )
        return [*map(RevocationRow._make, rows)]

    def unpublished(self, lists: range | None = None) -> list[RevocationRow]:
        query = (
            "SELECT seq, reason, date FROM unpublished LEFT JOIN revocation USING (seq) "
            "WHERE seq >= ? AND seq < ?"
        )
        return [*map(RevocationRow._make, self._database.read(query, *seqs_of(lists)))]

    # The published files

    def changed_lists(self) -> dict[int, int]:
        query = "SELECT seq >> ?1, count(*) FROM unpublished GROUP BY seq >> ?1"
        return dict(self._database.read(query, LIST_BITS))

    def stale_lists(self, after: str, before: str, since: int = 0) -> list[int]:
        with self._database.reading() as connection:
            (following,) = connection.execute("SELECT next FROM counter WHERE name = 'seq'").fetchone()
            published = connection.execute(
                "SELECT number FROM listed JOIN status_file ON name = CAST(number AS TEXT) "
                "WHERE leaf >= ? AND expires > ? AND expires <= ? "
                "AND name NOT IN (SELECT name FROM status_file_begun)",
                (since, after, before),
            ).fetchall()
        wanted = range((following - 1 >> LIST_BITS) + 1)
        return sorted(set(wanted).difference(number for (number,) in published))

    def dated_after(self, time: str, since: int) -> list[str]:
        rows = self._database.read("SELECT name FROM status_file WHERE leaf < ? AND dated > ?", since, time)
        return [name for (name,) in rows]

    def expiries(self) -> dict[int, str]:
        return dict(self._database.read("SELECT number, expires FROM listed ORDER BY number"))

    def whole_lists(self) -> set[int]:
        rows = self._database.read(
            "SELECT number FROM listed WHERE CAST(number AS TEXT) NOT IN (SELECT name FROM status_file_begun)"
        )
        return {number for (number,) in rows}

    def published_lists(self) -> list[int]:
        return [number for (number,) in self._database.read("SELECT number FROM listed")]

    def dates(self) -> list[tuple[str, str]]:
        return self._database.read("SELECT name, dated FROM status_file")

    def published(self, name: str) -> PublishedFile:
        """See `Revocations.published`."""
        files = self.published_among([name])
        if name not in files:
            raise STATUS_LIST_NOT_PUBLISHED(f"status list {name} is not published")
        return files[name]

    def published_among(self, names: Sequence[str]) -> dict[str, PublishedFile]:
        rows = self._database.read(
            "SELECT name, leaf, digest FROM status_file WHERE name IN (SELECT value FROM json_each(?))",
            orjson.dumps(names).decode(),
        )
        return {name: PublishedFile(leaf, digest) for name, leaf, digest in rows}

    def begin(self, key: bytes, files: Iterable[ListFile]) -> None:
        with self._database.writing() as connection:
            connection.execute("INSERT OR IGNORE INTO appending VALUES (?)", (key,))
            connection.executemany(
                "INSERT OR REPLACE INTO status_file_begun VALUES (?, ?, ?, ?)",
                [(file.name, key, file.digest, file.content) for file in files],
            )

    def begun(self) -> list[bytes]:
        return [key for (key,) in self._database.read("SELECT DISTINCT key FROM status_file_begun")]

    def publish(
        self,
        files: Sequence[ListFile],
        batch: Appended,
        expiries: Mapping[int, str],
        listed: Collection[RevocationRow],
    ) -> None:
        with self._database.writing() as connection:
            connection.executemany(
                "INSERT OR REPLACE INTO status_file VALUES (?, ?, ?, ?)",
                [
                    (file.name, leaf, file.dated, file.digest)
                    for file, leaf in zip(files, batch.leaves, strict=True)
                ],
            )
            connection.executemany(
                "INSERT OR REPLACE INTO status_file_held VALUES (?, ?, ?)",
                [(file.name, file.digest, file.content) for file in files],
            )
            # A publisher is alone: files that another began were left by a killed one, and these have all.
            connection.execute("DELETE FROM status_file_begun")
            connection.executemany("INSERT OR REPLACE INTO listed VALUES (?, ?)", [*expiries.items()])
            # Unlike a revocation, a suspension ends: what was signed may be out of date by now.
            connection.executemany(
                "DELETE FROM unpublished WHERE seq = ?1 "
                "AND (SELECT reason FROM revocation WHERE seq = ?1) IS ?2",
                [(row.seq, row.reason) for row in listed],
            )
            settle(connection, batch)

    def files(self) -> list[tuple[str, set[bytes]]]:
        rows = self._database.read(
            "SELECT name, old.digest, new.digest FROM status_file AS old "
            "LEFT JOIN status_file_begun AS new USING (name) ORDER BY name"
        )
        return [(name, {old, new} - {None}) for name, old, new in rows]

    def versions(self, name: str) -> FileVersions:
        return possible_versions(self._database.path, name)

    # What may not be on the disk

    def held(self) -> dict[str, bytes]:
        rows = self._database.read(
            "SELECT name, content FROM status_file_begun UNION ALL SELECT name, content FROM status_file_held"
        )
        return {str(name): bytes(content) for name, content in rows}

    def held_content(self, name: str, digest: bytes) -> bytes | None:
        query = "SELECT content FROM status_file_held WHERE name = ? AND digest = ?"
        rows = self._database.read(query, name, digest)
        return rows[0][0] if rows else None

    def held_bytes(self) -> int:
        ((held,),) = self._database.read("SELECT sum(length(content)) FROM status_file_held")
        return held or 0

    def release(self, names: Iterable[str]) -> None:
        with self._database.writing() as connection:
            connection.executemany("DELETE FROM status_file_held WHERE name = ?", [(name,) for name in names])

    # Closing

    def closed(self) -> bool:
        return bool(self._database.read("SELECT 1 FROM counter WHERE name = 'closed' AND next <> 0"))

    def note_closed(self, closed: bool) -> None:
        self._database.write("INSERT OR REPLACE INTO counter VALUES ('closed', ?)", int(closed))
