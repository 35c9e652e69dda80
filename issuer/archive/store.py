"""The issuer's index in one SQLite file. The tables, with what each column is, are in `schema.sql`.

Sequence numbers are given out in blocks by one UPDATE; that each diploma and edition is issued once rests on
one unique constraint.
"""

from __future__ import annotations

import functools
import sqlite3
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from wire.problem import Damaged, NotFound, Problem, Refused
from wire.sqlite import LOCK_WAIT, Database

from ..problem import DAMAGED_ISSUER, NO_SUCH_DIPLOMA
from .crossing import cross
from .index import Index
from .kept import Appended, Crossed, EditionTaken, Entry, Incoming, Job, NewEntry, Released, Single, batch_key
from .logged import SQLiteLogged, raise_to, settle
from .lookup import SQLiteLookup, note, put
from .revocations import SQLiteRevocations
from .tables import VERSION, make_tables
from .versions import INDEX

PAGE = 1000
_NO_SEQ = (1 << 63) - 1  # the largest integer that SQLite has


_ENTRY = (
    "SELECT seq, number, edition, leaf, coalesce(name, ''), coalesce(email, ''), reason, date "
    "FROM credential LEFT JOIN person USING (seq) LEFT JOIN revocation USING (seq) WHERE leaf IS NOT NULL"
)


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

    def close(self) -> None:
        self._database.close()

    # Sequence numbers and jobs

    def reserve(self, count: int) -> int:
        with self._database.writing() as connection:
            return _reserve(connection, count)

    def begin(self, key: bytes, file: str, created: str, length: int, chunks: int) -> Job:
        with self._database.writing() as connection:
            if not _jobs(connection, "key = ?", key):
                connection.execute(
                    "INSERT INTO job (key, file, created, first_seq, length, chunks) "
                    "VALUES (?, ?, ?, ?, ?, ?)",
                    (key, file, created, _reserve(connection, length), length, chunks),
                )
            return _jobs(connection, "key = ?", key)[0]

    def issued_by(self, key: bytes) -> range:
        with self._database.reading() as connection:
            found = _jobs(connection, "key = ?", key)
        return range(found[0].first_seq, found[0].first_seq + found[0].length) if found else range(0)

    def latest_job(self) -> Job:
        """See `Index.latest_job`."""
        with self._database.reading() as connection:
            found = _jobs(connection, "id = (SELECT max(id) FROM job)")
        if not found:
            raise NotFound("no file was issued here yet")
        return found[0]

    def finished_chunks(self, job: Job) -> set[int]:
        with self._database.reading() as connection:
            rows = connection.execute(
                "SELECT number FROM chunk WHERE job = ? AND issued IS NOT NULL", (job.id,)
            )
            return {row[0] for row in rows}

    def begin_chunk(self, job: Job, number: int, first_seq: int) -> None:
        with self._database.writing() as connection:
            connection.execute(
                "INSERT INTO chunk (first_seq, job, number) VALUES (?, ?, ?)", (first_seq, job.id, number)
            )

    def begun_chunks(self) -> list[tuple[Job, int]]:
        with self._database.reading() as connection:
            rows = connection.execute("SELECT job, number FROM chunk WHERE issued IS NULL")
            return [(_jobs(connection, "id = ?", job)[0], number) for job, number in rows.fetchall()]

    def finish_chunk(self, job: Job, number: int, batch: Appended, entries: Sequence[NewEntry]) -> None:
        with self._database.writing() as connection:
            _insert(connection, entries)
            if entries:
                note(connection, min(entries).seq, max(entries).seq + 1)
            connection.execute(
                "UPDATE chunk SET first_leaf = ?, issued = ? WHERE job = ? AND number = ?",
                (batch.leaves.start, len(entries), job.id, number),
            )
            settle(connection, batch)

    def compare(self, incoming: Iterable[Sequence[Incoming]]) -> Crossed:
        with self._database.reading() as connection:
            return cross(connection, incoming)

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
                "FROM credential AS new JOIN credential AS old USING (number) "
                "WHERE new.seq = ? AND old.edition < new.edition"
            )
            connection.executemany(
                f"INSERT OR IGNORE INTO unpublished SELECT old.seq {former} "  # noqa: S608 -- a constant
                "AND old.seq NOT IN (SELECT seq FROM revocation)",
                [(seq,) for seq in seqs],
            )
            connection.executemany(
                f"INSERT OR IGNORE INTO revocation SELECT old.seq, 'superseded', ? {former}",
                [(date, seq) for seq in seqs],
            )

    def begun_singles(self) -> list[tuple[bytes, list[tuple[int, bytes]]]]:
        with self._database.reading() as connection:
            rows = connection.execute(
                "SELECT key, seq, line FROM credential JOIN single USING (seq) JOIN batch USING (seq) "
                "WHERE leaf IS NULL ORDER BY seq"
            ).fetchall()
        batches: dict[bytes, list[tuple[int, bytes]]] = {}
        for key, seq, line in rows:
            batches.setdefault(key, []).append((seq, line))
        return list(batches.items())

    def single(self, seq: int) -> bytes | None:
        with self._database.reading() as connection:
            row = connection.execute("SELECT line FROM single WHERE seq = ?", (seq,)).fetchone()
        return row[0] if row else None

    # Claim links, of which all end at once

    def release(self, number: str) -> None:
        with self._database.writing() as connection:
            connection.execute(
                "INSERT INTO released VALUES (?, 1) ON CONFLICT DO UPDATE SET generation = generation + 1",
                (number,),
            )

    def generation(self, number: str) -> int:
        with self._database.reading() as connection:
            return _generation(connection, number)

    def links(self) -> int:
        with self._database.reading() as connection:
            found = connection.execute("SELECT next FROM counter WHERE name = 'links'").fetchone()
        return found[0] if found else 0

    def count_link(self, nth: int) -> None:
        with self._database.writing() as connection:
            raise_to(connection, "links", nth)

    def require_generation(self, number: str, generation: int) -> None:
        with self._database.reading() as connection:
            _require_generation(connection, number, generation)

    # Finding

    def entry(self, seq: int) -> Entry:
        return self._one("seq = ?", seq)

    def current(self, number: str) -> Entry:
        return self._one("number = ? ORDER BY edition DESC LIMIT 1", number)

    def entries(self, after: int, stop: int | None = None) -> list[Entry]:
        return self._all(
            f"seq > ? AND seq < ? ORDER BY seq LIMIT {self._page}", after, _NO_SEQ if stop is None else stop
        )

    def place(self, seq: int) -> tuple[Job, int, int]:
        """See `Index.place`."""
        with self._database.reading() as connection:
            row = connection.execute(
                "SELECT job, number, first_leaf FROM chunk WHERE first_seq <= ? AND issued > 0 "
                "ORDER BY first_seq DESC LIMIT 1",
                (seq,),
            ).fetchone()
            found = _jobs(connection, "id = ?", row[0]) if row else []
        if row is None or not found:
            raise Damaged(f"no chunk has the sequence number {seq}")
        return found[0], row[1], row[2]

    def chunks(self) -> list[tuple[int, int, int]]:
        with self._database.reading() as connection:
            return connection.execute(
                "SELECT first_seq, job, number FROM chunk WHERE issued > 0 ORDER BY first_seq"
            ).fetchall()

    def chunks_after(self, created: str) -> list[tuple[int, int]]:
        with self._database.reading() as connection:
            return connection.execute(
                "SELECT chunk.job, chunk.number FROM chunk JOIN job ON job.id = chunk.job "
                "WHERE job.created > ? AND chunk.issued > 0 ORDER BY chunk.first_seq",
                (created,),
            ).fetchall()

    def newest_singles(self, before: int) -> list[tuple[int, int, bytes]]:
        with self._database.reading() as connection:
            return connection.execute(
                "SELECT seq, leaf, line FROM single JOIN credential USING (seq) WHERE leaf < ? "
                "ORDER BY leaf DESC LIMIT ?",
                (before, self._page),
            ).fetchall()

    def later_editions(self) -> int:
        with self._database.reading() as connection:
            (later,) = connection.execute("SELECT count(*) FROM credential WHERE edition > 1").fetchone()
        return int(later)

    def count(self) -> int:
        with self._database.reading() as connection:
            (count,) = connection.execute(
                "SELECT (SELECT coalesce(sum(issued), 0) FROM chunk) + (SELECT count(*) FROM single)"
            ).fetchone()
        return int(count)

    def _one(self, condition: str, *values: Any) -> Entry:
        found = self._all(condition, *values)
        if not found:
            raise NO_SUCH_DIPLOMA("no such diploma was issued here")
        return found[0]

    def _all(self, condition: str, *values: Any) -> list[Entry]:
        with self._database.reading() as connection:
            return [Entry(*row) for row in connection.execute(f"{_ENTRY} AND {condition}", values)]


def _reserve(connection: sqlite3.Connection, count: int) -> int:
    (after,) = connection.execute(
        "UPDATE counter SET next = next + ? WHERE name = 'seq' RETURNING next", (count,)
    ).fetchone()
    return int(after) - count


def _generation(connection: sqlite3.Connection, number: str) -> int:
    row = connection.execute("SELECT generation FROM released WHERE number = ?", (number,)).fetchone()
    return row[0] if row else 0


def _require_generation(connection: sqlite3.Connection, number: str, generation: int) -> None:
    known = _generation(connection, number)
    if generation > known:
        raise Damaged(
            f"a claim link was made after diploma {number} was released, of which the index does not know",
            hint="Is it an older copy? Bring the newest back.",
        )
    if generation < known:
        raise Released("the diploma was released for another wallet after this link was made")


def _jobs(connection: sqlite3.Connection, condition: str, *values: Any) -> list[Job]:
    columns = "SELECT id, key, file, created, first_seq, length, chunks FROM job WHERE "
    return [Job(*row) for row in connection.execute(columns + condition, values)]


def _begin(connection: sqlite3.Connection, call: Sequence[Single]) -> tuple[int, Problem] | None:
    """Inserts all, or undoes it and gives the place of the first that cannot be, and why."""
    refused = None
    connection.execute("SAVEPOINT call")
    for place, single in enumerate(call):
        try:
            _begin_one(connection, single)
        except (EditionTaken, Refused) as problem:
            connection.execute("ROLLBACK TO call")
            refused = place, problem
            break
    connection.execute("RELEASE call")
    return refused


def _begin_one(connection: sqlite3.Connection, single: Single) -> None:
    number = single.entry.number
    if connection.execute(
        "SELECT 1 FROM credential JOIN revocation USING (seq) WHERE number = ? AND reason <> 'superseded'",
        (number,),
    ).fetchone():
        raise Refused("this diploma was revoked", hint="A new one needs a number of its own.")
    if single.generation is not None:
        _require_generation(connection, number, single.generation)
    try:
        _insert(connection, [single.entry])
    except sqlite3.IntegrityError as error:
        raise EditionTaken(f"the diploma has an edition {single.entry.edition} already") from error
    put(connection, single.entry.seq, single.id, single.entry.email)
    connection.execute("INSERT INTO single VALUES (?, ?)", (single.entry.seq, single.line))


def _insert(connection: sqlite3.Connection, entries: Sequence[NewEntry]) -> None:
    connection.executemany(
        "INSERT INTO credential (seq, number, edition, leaf) VALUES (?, ?, ?, ?)",
        [entry[:4] for entry in entries],
    )
    connection.executemany(
        "INSERT INTO person (seq, name, email) VALUES (?, ?, ?)",
        [(entry.seq, entry.name, entry.email) for entry in entries],
    )
