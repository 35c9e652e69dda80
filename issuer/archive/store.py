"""The issuer's index in one SQLite file: which diploma has which sequence number, edition and log entry.

Every writing method is one transaction, durable when it returns. Sequence numbers are given out in blocks by
one UPDATE; that each diploma and edition is issued once rests on one unique constraint. The tables, with
what each column is, are in `migrations`.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from wire.problem import Conflict, Damaged, NotFound, Problem, Refused
from wire.sqlite import Database

from ..table.crossing import Crossed, Incoming, compare
from ..table.records import FIRST_ROW
from . import migrations
from .logged import Appended, Logged, raise_to, settle
from .lookup import Lookup, note, put
from .revocations import Revocations

_WAY_OUT = "`intaglio issuer --home FOLDER restore BACKUP` brings back a backup."
_PAGE = 1000
_NO_SEQ = (1 << 63) - 1  # the largest integer that SQLite has


class EditionTaken(Conflict):
    """Another process issued this edition of the diploma meanwhile."""

    code = "edition-taken"


class Released(Refused):
    """All links of the diploma ended since the one was made by which it is claimed."""

    code = "claim-released"


class Job(NamedTuple):
    """One file to issue: `first_seq` is the sequence number of its first row."""

    id: int
    key: bytes
    file: str
    created: str
    first_seq: int
    length: int
    """In rows, good or bad."""
    chunks: int

    def seq(self, row: int) -> int:
        """The sequence number of a row. Raises `NotFound` for the headings, and beyond the last."""
        if not 0 <= row - FIRST_ROW < self.length:
            raise NotFound(f"{self.file} has no row {row} of a graduate")
        return self.first_seq + row - FIRST_ROW

    def chunk_key(self, number: int) -> bytes:
        """Under which key the digests of a chunk are appended to the log.

        With time and place: after a restored backup a job may begin anew, other bytes under the same key.
        """
        return self.key + f"{self.created} {self.first_seq} {number}".encode()


class Entry(NamedTuple):
    """One edition of one diploma: `leaf` is its place in the log, `reason` and `date` are of a revocation."""

    seq: int
    number: str
    edition: int
    leaf: int
    name: str
    email: str
    reason: str | None
    date: str | None


class NewEntry(NamedTuple):
    """What the index keeps of a credential just signed."""

    seq: int
    number: str
    edition: int
    leaf: int | None
    name: str
    email: str


class Single(NamedTuple):
    """A credential just signed that is in no shard: its line, packed, and its log entry."""

    entry: NewEntry
    line: bytes
    log_entry: bytes
    id: str
    generation: int | None = None
    """Of the link by which it is claimed."""


_ENTRY = (
    "SELECT seq, number, edition, leaf, coalesce(name, ''), coalesce(email, ''), reason, date "
    "FROM credential LEFT JOIN person USING (seq) LEFT JOIN revocation USING (seq) WHERE leaf IS NOT NULL"
)


class Store:
    """The index at `path`, made or migrated when needed; processes and threads take turns."""

    def __init__(self, path: Path) -> None:
        steps = [step.read_text("utf-8") for step in migrations.steps()]
        self._database = Database(path, steps, "the issuer's index", _WAY_OUT)
        self.logged = Logged(self._database)
        self.revocations = Revocations(self._database)
        self.lookup = Lookup(self._database)

    def close(self) -> None:
        """Closes the index in this process."""
        self._database.close()

    # Sequence numbers and jobs

    def reserve(self, count: int) -> int:
        """The first of `count` sequence numbers that nobody else will get."""
        with self._database.writing() as connection:
            return _reserve(connection, count)

    def begin(self, key: bytes, file: str, created: str, length: int, chunks: int) -> Job:
        """The job of this key: the one begun before, else a new one with sequence numbers for its rows."""
        with self._database.writing() as connection:
            if not _jobs(connection, "key = ?", key):
                connection.execute(
                    "INSERT INTO job (key, file, created, first_seq, length, chunks) "
                    "VALUES (?, ?, ?, ?, ?, ?)",
                    (key, file, created, _reserve(connection, length), length, chunks),
                )
            return _jobs(connection, "key = ?", key)[0]

    def issued_by(self, key: bytes) -> range:
        """The sequence numbers of the job of this key; none if it was not begun."""
        with self._database.reading() as connection:
            found = _jobs(connection, "key = ?", key)
        return range(found[0].first_seq, found[0].first_seq + found[0].length) if found else range(0)

    def latest_job(self) -> Job:
        """The job that was begun last. Raises `NotFound`."""
        with self._database.reading() as connection:
            found = _jobs(connection, "id = (SELECT max(id) FROM job)")
        if not found:
            raise NotFound("no file was issued here yet")
        return found[0]

    def finished_chunks(self, job: Job) -> set[int]:
        """The numbers of the chunks that need not be done again."""
        with self._database.reading() as connection:
            rows = connection.execute(
                "SELECT number FROM chunk WHERE job = ? AND issued IS NOT NULL", (job.id,)
            )
            return {row[0] for row in rows}

    def begin_chunk(self, job: Job, number: int, first_seq: int) -> None:
        """Records that a chunk's shard is on disk, and that its digests go to the log next."""
        with self._database.writing() as connection:
            connection.execute(
                "INSERT INTO chunk (first_seq, job, number) VALUES (?, ?, ?)", (first_seq, job.id, number)
            )

    def begun_chunks(self) -> list[tuple[Job, int]]:
        """The chunks that were begun and not finished: they may be in the log."""
        with self._database.reading() as connection:
            rows = connection.execute("SELECT job, number FROM chunk WHERE issued IS NULL")
            return [(_jobs(connection, "id = ?", job)[0], number) for job, number in rows.fetchall()]

    def finish_chunk(self, job: Job, number: int, batch: Appended, entries: Sequence[NewEntry]) -> None:
        """Records the credentials of a chunk whose digests are in the log."""
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
        """Compares the rows of a file, given in portions, with each other and with what was issued before."""
        with self._database.reading() as connection:
            return compare(connection, incoming)

    # One at a time

    def begin_singles(self, calls: Sequence[Sequence[Single]]) -> list[tuple[int, Problem] | None]:
        """Takes numbers and editions for signed credentials, as one batch for the log.

        Of each call it takes all or none; where none, it says which was the first that cannot be, and why:
        `EditionTaken` if another has it, `Refused` if the diploma was revoked, `Released` if the links of
        that generation have ended.
        """
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
        """Records the log entries of a batch of credentials, and revokes editions before as superseded."""
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

    def begun_singles(self) -> list[tuple[bytes | None, list[tuple[int, bytes]]]]:
        """Batches that were begun, but perhaps never reached the log: key, sequence numbers and lines.

        One of a program from before has no key, and one credential.
        """
        with self._database.reading() as connection:
            rows = connection.execute(
                "SELECT coalesce(key, seq), key, seq, line FROM credential JOIN single USING (seq) "
                "LEFT JOIN batch USING (seq) WHERE leaf IS NULL ORDER BY seq"
            ).fetchall()
        batches: dict[bytes | int, tuple[bytes | None, list[tuple[int, bytes]]]] = {}
        for name, key, seq, line in rows:
            batches.setdefault(name, (key, []))[1].append((seq, line))
        return list(batches.values())

    def single(self, seq: int) -> bytes | None:
        """The stored line of a credential that was issued singly; `None` for one in a shard."""
        with self._database.reading() as connection:
            row = connection.execute("SELECT line FROM single WHERE seq = ?", (seq,)).fetchone()
        return row[0] if row else None

    # Claim links, of which all end at once

    def release(self, number: str) -> None:
        """Ends all links of a diploma that there are, also one by which it is being claimed right now."""
        with self._database.writing() as connection:
            connection.execute(
                "INSERT INTO released VALUES (?, 1) ON CONFLICT DO UPDATE SET generation = generation + 1",
                (number,),
            )

    def generation(self, number: str) -> int:
        """How often that was done: a link is good for the generation that it was made in."""
        with self._database.reading() as connection:
            return _generation(connection, number)

    def links(self) -> int:
        """How many links were made, as far as that was counted here."""
        with self._database.reading() as connection:
            found = connection.execute("SELECT next FROM counter WHERE name = 'links'").fetchone()
        return found[0] if found else 0

    def count_link(self, nth: int) -> None:
        """Counts a link."""
        with self._database.writing() as connection:
            raise_to(connection, "links", nth)

    def require_generation(self, number: str, generation: int) -> None:
        """Raises `Released` unless it is the diploma's, `Damaged` for one that is yet to come."""
        with self._database.reading() as connection:
            _require_generation(connection, number, generation)

    # Finding

    def entry(self, seq: int) -> Entry:
        """The edition with this sequence number. Raises `NotFound`."""
        return self._one("seq = ?", seq)

    def current(self, number: str) -> Entry:
        """The latest edition of a diploma. Raises `NotFound`."""
        return self._one("number = ? ORDER BY edition DESC LIMIT 1", number)

    def entries(self, after: int, stop: int | None = None) -> list[Entry]:
        """The next thousand editions by sequence number: after `after`, before `stop`."""
        return self._all(
            f"seq > ? AND seq < ? ORDER BY seq LIMIT {_PAGE}", after, _NO_SEQ if stop is None else stop
        )

    def place(self, seq: int) -> tuple[Job, int, int]:
        """The job, chunk number and first log entry of the chunk that has a bulk credential."""
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
        """First sequence number, job and number of each chunk that has credentials, in this order."""
        with self._database.reading() as connection:
            return connection.execute(
                "SELECT first_seq, job, number FROM chunk WHERE issued > 0 ORDER BY first_seq"
            ).fetchall()

    def chunks_after(self, created: str) -> list[tuple[int, int]]:
        """Job and number of each chunk of the jobs that were begun after the time `created`."""
        with self._database.reading() as connection:
            return connection.execute(
                "SELECT chunk.job, chunk.number FROM chunk JOIN job ON job.id = chunk.job "
                "WHERE job.created > ? AND chunk.issued > 0 ORDER BY chunk.first_seq",
                (created,),
            ).fetchall()

    def newest_singles(self, before: int) -> list[tuple[int, int, bytes]]:
        """Sequence number, leaf and line of the thousand single credentials before a leaf, the last first."""
        with self._database.reading() as connection:
            return connection.execute(
                "SELECT seq, leaf, line FROM single JOIN credential USING (seq) WHERE leaf < ? "
                "ORDER BY leaf DESC LIMIT ?",
                (before, _PAGE),
            ).fetchall()

    def later_editions(self) -> int:
        """How many of the credentials are no diploma's first."""
        with self._database.reading() as connection:
            (later,) = connection.execute("SELECT count(*) FROM credential WHERE edition > 1").fetchone()
        return int(later)

    def count(self) -> int:
        """How many credentials were issued: each edition of a diploma is one."""
        with self._database.reading() as connection:
            (count,) = connection.execute(
                "SELECT (SELECT coalesce(sum(issued), 0) FROM chunk) + (SELECT count(*) FROM single)"
            ).fetchone()
        return int(count)

    def _one(self, condition: str, *values: Any) -> Entry:
        found = self._all(condition, *values)
        if not found:
            raise NotFound("no such diploma was issued here", hint="`intaglio issuer list` shows all.")
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


def batch_key(entries: Sequence[bytes]) -> bytes:
    """Under which key single credentials go into the log together; alone, it is the entry itself."""
    return entries[0] if len(entries) == 1 else hashlib.sha256(b"".join(entries)).digest()


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
        raise EditionTaken(
            f"the diploma has an edition {single.entry.edition} already",
            hint="`intaglio issuer show` shows it; `intaglio issuer correct` makes the next one.",
        ) from error
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
