"""The issuer's index in one SQLite file. The tables, with what each column is, are in `schema.sql`.

Sequence numbers are given out in blocks by one UPDATE; one unique constraint ensures that each copy of an
edition is issued once.
"""

from __future__ import annotations

import functools
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson

from wire.problem import Damaged, NotFound, Problem, Refused
from wire.sqlite import LOCK_WAIT, Database, insert

from ..problem import DAMAGED_ISSUER, NO_SUCH_DIPLOMA, not_in_force
from ..shared.door import INDEX
from .index import Index
from .kept import (
    DEFAULT,
    Appended,
    Crossed,
    EditionState,
    EditionTaken,
    Entry,
    Incoming,
    Job,
    KindNumber,
    NewEntries,
    SeqsByRow,
    ShardName,
    Single,
    as_entry,
    batch_key,
    job_of,
    require_link,
    state_of,
)
from .logged import SQLiteLogged, raise_to, settle
from .lookup import SQLiteLookup, note, put
from .numbers import SQLiteNumbers
from .revocations import SQLiteRevocations, journal
from .tables import VERSION, make_tables

PAGE = 1000
_NO_SEQ = (1 << 63) - 1  # the largest integer that SQLite has


_JOB = "SELECT id, key, file, created, first_seq, length, chunks, forms FROM job"
_ENTRY = (
    "SELECT seq, kind, number, edition, copy, leaf, coalesce(name, ''), coalesce(email, ''), reason, date, "
    "form FROM credential LEFT JOIN person USING (seq) LEFT JOIN revocation USING (seq) "
    "WHERE leaf IS NOT NULL"
)
_CURRENT = "kind = ? AND number = ? ORDER BY edition DESC, form, copy LIMIT 1"

_TAKE = (
    "INSERT OR IGNORE INTO taken SELECT value, ?2, ?3, ?4 FROM json_each(?1) "
    "WHERE NOT EXISTS (SELECT 1 FROM credential WHERE credential.number = value AND credential.kind = ?2)"
)
_NOT_BEGUN = "NOT EXISTS (SELECT 1 FROM chunk WHERE chunk.job = taken.job AND chunk.number = taken.chunk)"
_TAKERS = f"{_JOB} WHERE id IN (SELECT job FROM taken WHERE {_NOT_BEGUN}) ORDER BY first_seq, id"  # noqa: S608 -- constants

_STATES = "SELECT reason, count(*) FROM credential LEFT JOIN revocation USING (seq) WHERE leaf IS NOT NULL"
_INCOMING = "CREATE TEMP TABLE incoming (nth INTEGER PRIMARY KEY, number TEXT, student TEXT, identity BLOB)"
_REPEATED = (
    "SELECT nth, earliest, number FROM incoming JOIN (SELECT number, min(nth) AS earliest "
    "FROM incoming WHERE number <> '' GROUP BY number HAVING count(*) > 1) USING (number) "
    "WHERE nth > earliest ORDER BY nth"
)
_OFTEN = (
    "SELECT student, count(*), min(nth) FROM incoming WHERE student <> '' "
    "GROUP BY student HAVING count(*) > 1 ORDER BY min(nth) LIMIT 100"
)
_KNOWN = (
    "SELECT nth, min(seq) FROM incoming JOIN credential USING (number) "
    "WHERE kind = ? AND edition = 1 AND copy = 1 GROUP BY nth ORDER BY nth"
)
_INDISTINCT = (
    "SELECT nth, iif(nth = earliest, latest, earliest) FROM incoming JOIN ("
    "SELECT identity, min(nth) AS earliest, max(nth) AS latest FROM incoming "
    "WHERE identity <> x'' GROUP BY identity HAVING count(*) > 1) USING (identity) ORDER BY nth"
)
_KNOWN_BY_IDENTITY = (
    "SELECT nth, min(seq) FROM incoming JOIN given_number USING (identity) "
    "JOIN credential ON credential.number = given_number.number "
    "WHERE given_number.kind = ? AND credential.kind = given_number.kind AND identity <> x'' "
    "AND edition = 1 AND copy = 1 GROUP BY nth ORDER BY nth"
)
"""Comparisons that need the whole file: its rows with each other, and with credentials issued before."""
_FIRST_FORM = (
    "(form = '' OR NOT EXISTS (SELECT 1 FROM credential AS other "
    "WHERE other.number = credential.number AND other.kind = credential.kind "
    "AND other.edition = credential.edition AND other.form < credential.form AND other.leaf IS NOT NULL))"
)
"""True for the first form of an edition. The default form is always first: most rows need no look-up."""


class SQLiteIndex(Index):
    """The index in the file at `path`, in an issuer's folder: made, or converted, when needed."""

    def __init__(self, path: Path, *, patience: float = LOCK_WAIT, page: int = PAGE) -> None:
        """Waits `patience` seconds for another process that writes, and reads `page` editions at a time.

        Raises what `tables.make_tables` raises.
        """
        steps = [functools.partial(make_tables, home=path.parent)]
        self._database = Database(path, steps, INDEX, DAMAGED_ISSUER, first=VERSION, patience=patience)
        self._page = page
        self.logged = SQLiteLogged(self._database)
        self.revocations = SQLiteRevocations(self._database)
        self.lookup = SQLiteLookup(self._database)
        self.numbers = SQLiteNumbers(self._database)

    def close(self) -> None:
        self._database.close()

    # Sequence numbers and jobs

    def reserve(self, count: int) -> int:
        with self._database.writing() as connection:
            return _reserve(connection, count)

    def begin(
        self,
        key: bytes,
        file: str,
        created: str,
        length: int,
        chunks: int,
        forms: tuple[str, ...] = (DEFAULT,),
    ) -> Job:
        with self._database.writing() as connection:
            if not connection.execute("SELECT 1 FROM job WHERE key = ?", (key,)).fetchone():
                first_seq = _reserve(connection, length * len(forms))
                connection.execute(
                    "INSERT INTO job (key, file, created, first_seq, length, chunks, forms) "
                    "VALUES (?, ?, ?, ?, ?, ?, ?)",
                    (key, file, created, first_seq, length, chunks, " ".join(forms)),
                )
            return _job(connection, "key", key)

    def issued_by(self, key: bytes) -> range:
        rows = self._database.read(f"{_JOB} WHERE key = ?", key)
        return job_of(rows[0]).seqs if rows else range(0)

    def latest_job(self) -> Job:
        """See `Index.latest_job`."""
        for row in self._database.read(f"{_JOB} ORDER BY id DESC LIMIT 1"):
            return job_of(row)
        raise NotFound("no file was issued here yet")

    def jobs(self) -> list[Job]:
        return [job_of(row) for row in self._database.read(f"{_JOB} ORDER BY first_seq, id")]

    def finished_chunks(self, job: Job) -> set[int]:
        query = "SELECT number FROM chunk WHERE job = ? AND issued IS NOT NULL"
        return {number for (number,) in self._database.read(query, job.id)}

    def progress(self) -> dict[int, tuple[int, int]]:
        rows = self._database.read(
            "SELECT job, count(*), max(first_seq + issued) FROM chunk WHERE issued IS NOT NULL GROUP BY job"
        )
        return {job: (chunks, stop) for job, chunks, stop in rows}

    def take(self, job: Job, number: int, kind: str, numbers: Mapping[str, int]) -> set[str]:
        with self._database.writing() as connection:
            wanted = orjson.dumps([*numbers]).decode()
            if connection.execute(_TAKE, (wanted, kind, job.id, number)).rowcount == len(numbers):
                return set()
            query = "SELECT number FROM taken WHERE kind = ? AND job = ? AND chunk = ?"
            taken = {each for (each,) in connection.execute(query, (kind, job.id, number))}
            return {each for each in numbers if each not in taken}

    def takers(self) -> list[Job]:
        return [job_of(row) for row in self._database.read(_TAKERS)]

    def give_back(self, job: Job) -> None:
        self._database.write(f"DELETE FROM taken WHERE job = ? AND {_NOT_BEGUN}", job.id)  # noqa: S608 -- a constant

    def begin_chunk(self, shard: ShardName, first_seq: int) -> None:
        statement = "INSERT INTO chunk (first_seq, job, number, shard) VALUES (?, ?, ?, ?)"
        self._database.write(statement, first_seq, *shard)

    def begun_chunks(self) -> list[tuple[Job, ShardName]]:
        with self._database.reading() as connection:
            rows = connection.execute("SELECT job, number, shard FROM chunk WHERE issued IS NULL")
            return [(_job(connection, "id", row[0]), ShardName(*row)) for row in rows.fetchall()]

    def finish_chunk(self, job: Job, number: int, batch: Appended, entries: NewEntries) -> None:
        with self._database.writing() as connection:
            _insert(connection, entries)
            if seqs := entries.seqs:
                note(connection, min(seqs), max(seqs) + 1)
            connection.execute(
                "UPDATE chunk SET first_leaf = ?, issued = ? WHERE job = ? AND number = ?",
                (batch.leaves.start, len(seqs), job.id, number),
            )
            connection.execute("DELETE FROM taken WHERE job = ? AND chunk = ?", (job.id, number))
            settle(connection, batch)

    def compare(self, kind: str, incoming: Iterable[Incoming]) -> Crossed:
        with self._database.reading() as connection:
            # A table of their own, since there may be millions; it goes with the transaction.
            connection.execute(_INCOMING)
            for portion in incoming:
                insert(connection, "INTO incoming", "nth, number, student, identity", *portion)
            queries = (_REPEATED, _OFTEN, _INDISTINCT)
            repeated, often, indistinct = (connection.execute(query).fetchall() for query in queries)
            is_numbered = connection.execute("SELECT 1 FROM incoming WHERE number <> '' LIMIT 1").fetchone()
            query = _KNOWN if is_numbered else _KNOWN_BY_IDENTITY
            return Crossed(repeated, often, SeqsByRow(connection.execute(query, (kind,))), indistinct)

    # One at a time

    def begin_singles(self, calls: Sequence[Sequence[Single]]) -> list[tuple[int, Problem] | None]:
        refused: list[tuple[int, Problem] | None] = []
        with self._database.writing() as connection:
            begun: list[Single] = []
            for call in calls:
                refused.append(_begin(connection, call))
                begun += call if refused[-1] is None else ()
            if begun:
                key = batch_key([single.log_entry for single in begun])
                rows = [(single.entry.seq, key) for single in begun]
                connection.executemany("INSERT INTO batch VALUES (?, ?)", rows)
        return refused

    def finish_singles(self, seqs: Sequence[int], batch: Appended, date: str) -> None:
        with self._database.writing() as connection:
            connection.executemany(
                "UPDATE credential SET leaf = ? WHERE seq = ?", zip(batch.leaves, seqs, strict=True)
            )
            connection.executemany("DELETE FROM batch WHERE seq = ?", [(seq,) for seq in seqs])
            settle(connection, batch)
            former = (
                "SELECT old.seq FROM credential AS new JOIN credential AS old USING (number, kind) "
                "WHERE new.seq = ? AND old.edition < new.edition"
            )
            journal(connection, former, [(seq,) for seq in seqs], EditionState.SUPERSEDED, date)

    def begun_singles(self) -> list[tuple[bytes, list[tuple[int, bytes]]]]:
        rows = self._database.read(
            "SELECT key, seq, line FROM credential JOIN single USING (seq) JOIN batch USING (seq) "
            "WHERE leaf IS NULL ORDER BY seq"
        )
        batches: dict[bytes, list[tuple[int, bytes]]] = {}
        for key, seq, line in rows:
            batches.setdefault(key, []).append((seq, line))
        return list(batches.items())

    def single(self, seq: int) -> bytes | None:
        rows = self._database.read("SELECT line FROM single WHERE seq = ?", seq)
        return rows[0][0] if rows else None

    # Claim links, of which all end at once

    def release(self, which: KindNumber) -> None:
        self._database.write(
            "INSERT INTO released VALUES (?, ?, 1) ON CONFLICT DO UPDATE SET generation = generation + 1",
            *which,
        )

    def generation(self, which: KindNumber) -> int:
        with self._database.reading() as connection:
            return _generation(connection, which)

    def links(self) -> int:
        rows = self._database.read("SELECT next FROM counter WHERE name = 'links'")
        return rows[0][0] if rows else 0

    def count_link(self, nth: int) -> None:
        with self._database.writing() as connection:
            raise_to(connection, "links", nth)

    def require_generation(self, which: KindNumber, generation: int) -> None:
        with self._database.reading() as connection:
            _require_generation(connection, which, generation)

    # Finding

    def entry(self, seq: int) -> Entry:
        return self._one("seq = ?", seq)

    def current(self, which: KindNumber) -> Entry:
        return self._one(_CURRENT, *which)

    def all_current(self, which: Sequence[KindNumber]) -> dict[KindNumber, Entry]:
        return {each: entry for each in which for entry in self._all(_CURRENT, *each)}

    def copies(self, which: KindNumber, edition: int) -> list[Entry]:
        return self._all("kind = ? AND number = ? AND edition = ? ORDER BY form, copy", *which, edition)

    def kinds_of(self, number: str) -> list[str]:
        query = "SELECT DISTINCT kind FROM credential WHERE number = ? ORDER BY kind"
        return [kind for (kind,) in self._database.read(query, number)]

    def entries(self, after: int, stop: int | None = None, *, from_edition: int = 1) -> list[Entry]:
        return self._all(
            f"seq > ? AND seq < ? AND edition >= ? ORDER BY seq LIMIT {self._page}",
            after,
            _NO_SEQ if stop is None else stop,
            from_edition,
        )

    def place(self, seq: int) -> tuple[ShardName, range]:
        """See `Index.place`."""
        rows = self._database.read(
            "SELECT first_leaf, issued, job, number, shard FROM chunk "
            "WHERE first_seq <= ? AND issued > 0 ORDER BY first_seq DESC LIMIT 1",
            seq,
        )
        for first_leaf, issued, *shard in rows:
            return ShardName(*shard), range(first_leaf, first_leaf + issued)
        raise Damaged(f"no chunk has the sequence number {seq}")

    def chunks(self) -> list[tuple[int, ShardName]]:
        rows = self._database.read(
            "SELECT first_seq, job, number, shard FROM chunk WHERE issued IS NOT NULL ORDER BY first_seq"
        )
        return [(first_seq, ShardName(*shard)) for first_seq, *shard in rows]

    def chunks_after(self, created: str) -> list[ShardName]:
        rows = self._database.read(
            "SELECT chunk.job, chunk.number, chunk.shard FROM chunk JOIN job ON job.id = chunk.job "
            "WHERE job.created > ? AND chunk.issued > 0 ORDER BY chunk.first_seq",
            created,
        )
        return [ShardName(*row) for row in rows]

    def newest_singles(self, before: int) -> list[tuple[int, int, bytes]]:
        return self._database.read(
            "SELECT seq, leaf, line FROM single JOIN credential USING (seq) WHERE leaf < ? "
            "ORDER BY leaf DESC LIMIT ?",
            before,
            self._page,
        )

    def later_editions(self) -> int:
        query = f"SELECT count(*) FROM credential WHERE edition > 1 OR copy > 1 OR NOT {_FIRST_FORM}"  # noqa: S608 -- a constant
        ((later,),) = self._database.read(query)
        return int(later)

    def count(self) -> int:
        ((count,),) = self._database.read(
            "SELECT (SELECT coalesce(sum(issued), 0) FROM chunk) + (SELECT count(*) FROM single)"
        )
        return int(count)

    def states(self, form: str | None = None) -> dict[EditionState, int]:
        counts: dict[EditionState, int] = {}
        wanted, values = (_FIRST_FORM, ()) if form is None else ("form = ?", (form,))
        for reason, count in self._database.read(f"{_STATES} AND {wanted} GROUP BY reason", *values):
            counts[state_of(reason)] = counts.get(state_of(reason), 0) + count
        return counts

    def _one(self, condition: str, *values: Any) -> Entry:
        entries = self._all(condition, *values)
        if not entries:
            raise NO_SUCH_DIPLOMA("no such credential was issued here")
        return entries[0]

    def _all(self, condition: str, *values: Any) -> list[Entry]:
        return [as_entry(row) for row in self._database.read(f"{_ENTRY} AND {condition}", *values)]


def _reserve(connection: sqlite3.Connection, count: int) -> int:
    (after,) = connection.execute(
        "UPDATE counter SET next = next + ? WHERE name = 'seq' RETURNING next", (count,)
    ).fetchone()
    return int(after) - count


def _generation(connection: sqlite3.Connection, which: KindNumber) -> int:
    query = "SELECT generation FROM released WHERE kind = ? AND number = ?"
    row = connection.execute(query, which).fetchone()
    return row[0] if row else 0


def _require_generation(connection: sqlite3.Connection, which: KindNumber, generation: int) -> None:
    require_link(which, generation, _generation(connection, which))


def _job(connection: sqlite3.Connection, column: str, value: int | bytes) -> Job:
    return job_of(connection.execute(f"{_JOB} WHERE {column} = ?", (value,)).fetchone())


def _begin(connection: sqlite3.Connection, call: Sequence[Single]) -> tuple[int, Problem] | None:
    """Inserts all, or undoes it and returns the place of the first refused one, and the reason."""
    refused = None
    opened = set[tuple[KindNumber, int]]()
    connection.execute("SAVEPOINT call")
    for place, single in enumerate(call):
        try:
            _begin_one(connection, single, opened)
        except (EditionTaken, Refused) as problem:
            connection.execute("ROLLBACK TO call")
            refused = place, problem
            break
    connection.execute("RELEASE call")
    return refused


def _require_standing(connection: sqlite3.Connection, single: Single) -> None:
    """Raises `EditionTaken` unless the edition is the next, or, for one that joins it, the latest."""
    # Of another form no constraint of the table says so: a number would name two persons' credentials.
    entry, query = single.entry, "SELECT max(edition) FROM credential WHERE number = ? AND kind = ?"
    latest = connection.execute(query, (entry.number, entry.kind)).fetchone()[0] or 0
    query = "SELECT 1 FROM taken WHERE number = ? AND kind = ?"
    if not latest and connection.execute(query, (entry.number, entry.kind)).fetchone():
        raise EditionTaken("a file is being issued that has this number")
    if latest >= entry.edition and not (single.joins and latest == entry.edition):
        taken = latest if single.joins else entry.edition
        raise EditionTaken(f"the credential has an edition {taken} already")


def _begin_one(connection: sqlite3.Connection, single: Single, opened: set[tuple[KindNumber, int]]) -> None:
    """Inserts a credential into an edition that the same call has `opened`, or opens the edition with it."""
    which = single.entry.which
    ended = connection.execute(
        "SELECT reason FROM credential JOIN revocation USING (seq) "
        "WHERE kind = ? AND number = ? AND reason <> 'superseded'",
        which,
    ).fetchone()
    if ended:
        raise not_in_force(is_suspended=state_of(ended[0]) is EditionState.SUSPENDED)
    if single.generation is not None:
        _require_generation(connection, which, single.generation)
    if (edition := (which, single.entry.edition)) not in opened:
        _require_standing(connection, single)
        opened.add(edition)
    try:
        _insert(connection, NewEntries.of([single.entry]))
    except sqlite3.IntegrityError as error:
        raise EditionTaken(f"the credential has an edition {single.entry.edition} already") from error
    put(connection, single.entry.seq, single.id, single.entry.email)
    connection.execute("INSERT INTO single VALUES (?, ?)", (single.entry.seq, single.line))


def _insert(connection: sqlite3.Connection, entries: NewEntries) -> None:
    seqs, kinds, numbers, editions, copies, leaves, names, emails, forms = entries
    of_credential = "seq, kind, number, edition, copy, leaf, form"
    columns = seqs, kinds, numbers, editions, copies, leaves, forms
    insert(connection, "INTO credential", of_credential, *columns)
    insert(connection, "INTO person", "seq, name, email", seqs, names, emails)
