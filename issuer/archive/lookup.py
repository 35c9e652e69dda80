"""Finding a credential without its number: by its id, an e-mail address, or a part of a name.

The index over ids and addresses is one over random values, which would make a file's rows ten times as dear
if each were put into it by itself. So chunks only note the range of their sequence numbers, and
`SQLiteLookup.add` puts a whole file's keys in, in their order, as the workers made them. After a job that was
killed `catch_up` makes the keys anew. Chunks noted and not put in yet are looked through one by one.

A key begins with the number of its run of 2^18 sequence numbers. So what comes later is put in at the end, as
cheap at ten million rows as at one million. A search asks once for each run. One transaction
puts in as much as a run has: of a longer one, each would write pages of the one before again.
"""

from __future__ import annotations

import hashlib
import sqlite3
import struct
from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

import orjson

from wire.sqlite import Database, insert

from .index import Lookup
from .kept import KEYED, IdOf, Keyed, KindNumber

PIECE = 1 << 18  # sequence numbers in one transaction, for which other writers wait two seconds
PORTION = 10_000  # rows
_RUN_BITS = 18


class LookupByKey(Lookup, Protocol):
    """Looks up by the key of a text, then compares the texts themselves, since keys may collide."""

    def candidates(self, wanted: str) -> Iterator[tuple[int, str, str, int, int, str, str]]:
        """The rows with the key of a text: sequence number, kind, number, edition, copy, form, address.

        Credentials issued and not put in yet are among them.
        """

    def addressed(self, address: str) -> list[int]:
        wanted = address.casefold()
        return [row[0] for row in self.candidates(wanted) if row[-1].casefold() == wanted]

    def identified(self, identifier: str, id_of: IdOf) -> list[int]:
        return [
            seq
            for seq, kind, number, edition, copy, form, _ in self.candidates(identifier)
            if identifier == id_of(KindNumber(kind, number), edition, copy, form)
        ]


class SQLiteLookup(LookupByKey):
    """`Lookup`, in tables of the index."""

    def __init__(self, database: Database, *, piece: int = PIECE, portion: int = PORTION) -> None:
        """One transaction puts in `piece` sequence numbers. `portion` rows are read at once."""
        self._database, self._piece, self._portion = database, piece, portion

    def named(self, text: str) -> Iterator[int]:
        wanted = text.casefold()
        after = -1
        query = "SELECT seq, name FROM person WHERE seq > ? ORDER BY seq LIMIT ?"
        while page := self._database.read(query, after, self._portion):
            yield from (seq for seq, name in page if wanted in name.casefold())
            after = page[-1][0]

    def numbered(self, beginning: str, most: int, kind: str = "") -> list[KindNumber]:
        rows = self._database.read(
            "SELECT DISTINCT kind, number FROM credential "
            "WHERE number >= ? AND number < ? AND ? IN ('', kind) ORDER BY number, kind LIMIT ?",
            beginning,
            beginning + "\U0010ffff",
            kind,
            most,
        )
        return [KindNumber(*row) for row in rows]

    def add(self, chunks: Sequence[Keyed]) -> None:
        with self._database.writing() as connection:
            _put_sorted(connection, [key for each in chunks for key in _apart(each.keys)])
            noted = [(each.first, each.stop) for each in chunks]
            connection.executemany("DELETE FROM unlisted WHERE first = ? AND stop = ?", noted)

    def catch_up(self, id_of: IdOf) -> None:
        is_left = self._database.is_writable and bool(self._ranges())
        while is_left:
            with self._database.writing() as connection:
                is_left = _list_next(connection, id_of, self._piece)

    def candidates(self, wanted: str) -> Iterator[tuple[int, str, str, int, int, str, str]]:
        ((stop,),) = self._database.read("SELECT coalesce(max(seq), -1) + 1 FROM credential")
        keys = orjson.dumps(sought(wanted, stop)).decode()
        yield from self._database.read(f"{_ROW} {_LISTED}", keys)
        for first, stop in self._ranges():
            while first < stop:
                page = self._database.read(
                    f"{_ROW} WHERE seq >= ? AND seq < ? ORDER BY seq LIMIT ?", first, stop, self._portion
                )
                yield from page
                first = page[-1][0] + 1 if page else stop

    def _ranges(self) -> list[tuple[int, int]]:
        with self._database.reading() as connection:
            return merged(connection.execute(_RANGES))


_RANGES = "SELECT first, stop FROM unlisted ORDER BY first"
_LISTED = "JOIN lookup USING (seq) WHERE key IN (SELECT value FROM json_each(?)) ORDER BY seq"
_ROW = (
    "SELECT seq, kind, number, edition, copy, form, coalesce(email, '') "
    "FROM credential LEFT JOIN person USING (seq)"
)


def sought(text: str, stop: int) -> list[int]:
    """The keys that an id, or an address in lower case, has in an index of sequence numbers below `stop`."""
    digest = _digest(text)
    keys = [_key(digest, first) for first in range(0, stop, 1 << _RUN_BITS)]
    # Of rows that were put in when a key was the digest alone. Keys may collide: the texts are compared.
    return [int.from_bytes(digest, signed=True), *keys]


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()[:8]


def _key(digest: bytes, seq: int) -> int:
    return (seq >> _RUN_BITS) << 48 | int.from_bytes(digest[:6])


def note(connection: sqlite3.Connection, first: int, stop: int) -> None:
    """Notes that credentials with these sequence numbers are to be put in."""
    connection.execute(
        "INSERT INTO unlisted VALUES (?, ?) ON CONFLICT DO UPDATE SET stop = max(stop, excluded.stop)",
        (first, stop),
    )


def put(connection: sqlite3.Connection, seq: int, identifier: str, email: str) -> None:
    """Puts in one credential at once."""
    rows = [(each, seq) for each in keys(seq, identifier, email)]
    connection.executemany("INSERT OR IGNORE INTO lookup VALUES (?, ?)", rows)


def keys(seq: int, identifier: str, email: str) -> list[int]:
    """The keys of a credential's id, and of its holder's address if there is one."""
    return [_key(_digest(text), seq) for text in (identifier, email.casefold()) if text]


def packed_keys(seq: int, identifier: str, email: str) -> list[bytes]:
    """The keys of a credential, each as `KEYED` has it."""
    return [KEYED.pack(key, seq) for key in keys(seq, identifier, email)]


def _list_next(connection: sqlite3.Connection, id_of: IdOf, piece: int) -> bool:
    """Puts in the first range, or as much of it as one transaction may take; true if more is left."""
    ranges = merged(connection.execute(_RANGES))
    if not ranges:  # another process was first
        return False
    first, end = ranges[0]
    stop = min(end, first + piece)
    rows = connection.execute(f"{_ROW} WHERE seq >= ? AND seq < ?", (first, stop))
    _put_sorted(
        connection,
        [
            key
            for seq, kind, number, edition, copy, form, email in rows
            for key in packed_keys(seq, id_of(KindNumber(kind, number), edition, copy, form), email)
        ],
    )
    connection.execute("DELETE FROM unlisted WHERE first >= ? AND first < ?", (first, end))
    if stop < end:
        note(connection, stop, end)
    return stop < end or len(ranges) > 1


def _put_sorted(connection: sqlite3.Connection, packed: list[bytes]) -> None:
    """Puts in packed keys: in their order, which is that of their bytes, so that no page is met twice."""
    packed.sort()
    for start in range(0, len(packed), PORTION):
        portion = packed[start : start + PORTION]
        values = struct.unpack(f">{2 * len(portion)}q", b"".join(portion))
        insert(connection, "OR IGNORE INTO lookup", "key, seq", values[::2], values[1::2])


def _apart(keys: bytes) -> list[bytes]:
    return [keys[at : at + KEYED.size] for at in range(0, len(keys), KEYED.size)]


def merged(noted: Iterable[Sequence[int]]) -> list[tuple[int, int]]:
    """The noted ranges, in the order of where they begin, those that touch as one."""
    ranges: list[tuple[int, int]] = []
    for first, stop in noted:
        if ranges and first <= ranges[-1][1]:
            ranges[-1] = ranges[-1][0], max(stop, ranges[-1][1])
        else:
            ranges.append((first, stop))
    return ranges
