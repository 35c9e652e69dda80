"""The issuer's index in a PostgreSQL database: the tables and their permissions are in `migrations`.

Rows of credentials are partitioned by sequence number, 2^20 each. The key of `edition`, which is not
partitioned, ensures that a number is issued once. A job takes its numbers there before it signs, and single
credentials are begun there.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from wire.postgres.connections import Cursor
from wire.postgres.rows import Kinds, read, read_one
from wire.problem import Damaged, NotFound, Problem

from ...problem import NO_SUCH_DIPLOMA
from ...shared.database import IndexDatabase, copy_packed, copy_rows, rows
from ..index import Index
from ..kept import (
    DEFAULT,
    Appended,
    Crossed,
    EditionState,
    Entry,
    Incoming,
    Job,
    KindNumber,
    NewEntries,
    ShardName,
    Single,
    as_entry,
    batch_key,
    job_of,
    require_link,
    state_of,
)
from .comparison import crossed
from .logged import PostgresLogged, raise_counter, settle_batch
from .lookup import PostgresLookup, note_seqs
from .numbers import PostgresNumbers
from .revocations import PostgresRevocations, journal_seqs
from .singles import EDITION, GENERATION, IS_ISSUED, ISSUED, SEQS, begin_call

LOCK_WAIT = 30.0
"""The time in seconds that one process waits for another."""
PAGE = 1000
_NO_SEQ = (1 << 63) - 1
_LENGTH, _VALUE, _ARRAY = struct.Struct(">i"), struct.Struct(">iq"), struct.Struct(">5i")
"""The length before each value; a bigint with its length; of bigint[] what is before its values.

That is the number of dimensions, of NULLs, the type, the number of values, and the first index.
"""
_BIGINT = 20  # its number among PostgreSQL's types

_JOB = "SELECT id, key, file, created, first_seq, length, chunks, forms FROM intaglio_issuer.job"
_JOB_KINDS: Kinds = [int, bytes, str, str, int, int, int, str]
_SHARD_KINDS: Kinds = (int, int, bytes | None)
_ENTRY = """
SELECT seq, kind, number, edition, copy, leaf, coalesce(credential.name, person.name, ''),
  coalesce(credential.email, person.email, ''), reason, date, form
FROM intaglio_issuer.credential
     LEFT JOIN (SELECT * FROM intaglio_issuer.person WHERE {which}) AS person USING (seq)
     LEFT JOIN (SELECT * FROM intaglio_issuer.revocation WHERE {which}) AS revocation USING (seq)
WHERE leaf IS NOT NULL AND {which} {more}
"""
"""It says for each table which numbers are meant: so the plan has only their partitions.

And it reads no revocation before them: with a million of these, a page of a thousand would take 60 ms.
"""
_SEQS = "seq = ANY(%s::bigint[])"
_SEQS_OF_ALL = """
SELECT unnest(seqs) FROM unnest(%s::text[], %s::text[]) AS asked (kind, number)
JOIN intaglio_issuer.edition USING (kind, number)
"""
_ENTRY_KINDS: Kinds = [int, str, str, int, int, int, str, str, str | None, str | None, str]
_FIRST_FORM = """
(form = '' OR NOT EXISTS (
  SELECT FROM intaglio_issuer.edition AS own CROSS JOIN unnest(own.seqs) AS of_edition (other_seq)
  JOIN intaglio_issuer.credential AS other ON other.seq = other_seq
  WHERE own.number = credential.number AND own.kind = credential.kind AND own.edition = credential.edition
    AND other.form < credential.form AND other.leaf IS NOT NULL))
"""
"""True for the first form of an edition. The default form is always first: most rows need no look-up."""
_ARE_FREE = "SELECT NOT EXISTS (SELECT FROM intaglio_issuer.edition WHERE number BETWEEN %s AND %s)"
_TAKE = """
INSERT INTO intaglio_issuer.edition SELECT number, %(kind)s, 1, ARRAY[{seqs}]
FROM unnest(%(numbers)b::text[], %(seqs)b::bigint[]) AS given (number, seq) ON CONFLICT DO NOTHING
"""
_NOTE = """
INSERT INTO intaglio_issuer.taking VALUES (%(job)s, %(chunk)s, %(kind)s, %(won)b::text[])
ON CONFLICT (job, chunk, kind) DO UPDATE SET numbers = excluded.numbers
"""
_LOST = """
SELECT number FROM unnest(%(numbers)s::text[], %(seqs)s::bigint[]) AS given (number, seq)
JOIN intaglio_issuer.edition USING (number) WHERE kind = %(kind)s AND edition = 1 AND seqs[1] <> seq
"""
"""The numbers that other jobs have.

A sequence number belongs to one row, so an interrupted job keeps its own.
"""
_GIVE_BACK = f"""
WITH given AS (DELETE FROM intaglio_issuer.taking WHERE job = %s AND NOT begun RETURNING kind, numbers)
DELETE FROM intaglio_issuer.edition
USING (SELECT kind, unnest(numbers) AS number FROM given) AS free
WHERE edition.number = free.number AND edition.kind = free.kind AND edition.edition = 1 AND NOT {IS_ISSUED}
"""
"""Issued numbers stay taken: a paused process may retake what its file issued elsewhere meanwhile."""
_TAKERS = f"""
{_JOB} WHERE id IN (SELECT job FROM intaglio_issuer.taking WHERE NOT begun) ORDER BY first_seq, id
"""
_BEGIN_CHUNK = """
WITH begun AS (UPDATE intaglio_issuer.taking SET begun = true WHERE job = %s AND chunk = %s)
INSERT INTO intaglio_issuer.chunk (first_seq, job, number, shard) VALUES (%s, %s, %s, %s)
ON CONFLICT (job, number) DO NOTHING
"""
_FINISH = """
UPDATE intaglio_issuer.chunk SET first_leaf = %s, issued = %s
WHERE job = %s AND number = %s AND issued IS NULL
"""
_FINISHED = "DELETE FROM intaglio_issuer.taking WHERE job = %s AND chunk = %s RETURNING kind, numbers"
_FREE = """
DELETE FROM intaglio_issuer.edition WHERE kind = %s AND number = ANY(%s::text[]) AND edition = 1
"""
_OPEN = """
INSERT INTO intaglio_issuer.edition
SELECT number, kind, edition, array_agg(seq ORDER BY seq)
FROM unnest(%s::text[], %s::text[], %s::bigint[], %s::bigint[]) AS given (number, kind, edition, seq)
GROUP BY number, kind, edition ORDER BY number, kind, edition
"""
_BEGUN = """
SELECT key, seq, line FROM intaglio_issuer.batch JOIN intaglio_issuer.single USING (seq)
JOIN intaglio_issuer.credential USING (seq)
WHERE leaf IS NULL AND credential.seq = ANY(%s::bigint[]) ORDER BY seq
"""
_FINISH_SINGLES = """
UPDATE intaglio_issuer.credential SET leaf = given.leaf
FROM unnest(%s::bigint[], %s::bigint[]) AS given (seq, leaf)
WHERE credential.seq = given.seq AND credential.seq = ANY(%s::bigint[])
"""
_FORMER = """
SELECT DISTINCT former.seq FROM intaglio_issuer.credential AS new
JOIN intaglio_issuer.edition AS old USING (number, kind) CROSS JOIN unnest(old.seqs) AS former (seq)
WHERE new.seq = ANY(%s::bigint[]) AND old.edition < new.edition
"""
_COLUMNS = "intaglio_issuer.credential (seq, kind, number, edition, copy, leaf, form, name, email)"
_COLUMN_TYPES = ("int8", "text", "text", "int8", "int8", "int8", "text", "text", "text")
_PLACE = """
SELECT first_leaf, issued, job, number, shard FROM intaglio_issuer.chunk
WHERE first_seq <= %s AND issued > 0 ORDER BY first_seq DESC LIMIT 1
"""
_KINDS_OF = "SELECT kind, seqs[1] FROM intaglio_issuer.edition WHERE number = %s ORDER BY kind"
_RELEASE = """
INSERT INTO intaglio_issuer.released VALUES (%s, %s, 1)
ON CONFLICT (kind, number) DO UPDATE SET generation = released.generation + 1
"""


class PostgresIndex(Index):
    """The index in a database that `prepare_index` has made ready, for any number of processes and machines.

    `uri` is read by `address.parse`. Raises what `IndexDatabase` raises, and `INDEX_NOT_DURABLE` or `Refused`
    for a server that is not to be written to.
    """

    def __init__(self, uri: str, *, patience: float = LOCK_WAIT, page: int = PAGE) -> None:
        """Waits `patience` seconds for a process that has the turn, and reads `page` editions at a time."""
        self._database = IndexDatabase(uri, patience=patience)
        self._page = page
        self.logged = PostgresLogged(self._database)
        self.revocations = PostgresRevocations(self._database)
        self.lookup = PostgresLookup(self._database)
        self.numbers = PostgresNumbers(self._database)

    def close(self) -> None:
        self._database.close()

    # Sequence numbers and jobs

    def reserve(self, count: int) -> int:
        return self._database.write(lambda cursor: _reserve(cursor, count))

    def begin(
        self,
        key: bytes,
        file: str,
        created: str,
        length: int,
        chunks: int,
        forms: tuple[str, ...] = (DEFAULT,),
    ) -> Job:
        def work(cursor: Cursor) -> Job:
            if not (jobs := _jobs(cursor, f"{_JOB} WHERE key = %b", key)):
                first_seq = _reserve(cursor, length * len(forms))
                cursor.execute(
                    "INSERT INTO intaglio_issuer.job (key, file, created, first_seq, length, chunks, forms) "
                    "VALUES (%b, %s, %s, %s, %s, %s, %s) ON CONFLICT (key) DO NOTHING",
                    [key, file, created, first_seq, length, chunks, " ".join(forms)],
                )
                jobs = _jobs(cursor, f"{_JOB} WHERE key = %b", key)
            return jobs[0]

        return self._database.write(work)

    def issued_by(self, key: bytes) -> range:
        jobs = self._jobs(f"{_JOB} WHERE key = %b", key)
        return jobs[0].seqs if jobs else range(0)

    def latest_job(self) -> Job:
        """See `Index.latest_job`."""
        for job in self._jobs(f"{_JOB} ORDER BY id DESC LIMIT 1"):
            return job
        raise NotFound("no file was issued here yet")

    def jobs(self) -> list[Job]:
        return self._jobs(f"{_JOB} ORDER BY first_seq, id")

    def finished_chunks(self, job: Job) -> set[int]:
        query = "SELECT number FROM intaglio_issuer.chunk WHERE job = %s AND issued IS NOT NULL"
        return {number for (number,) in self._database.rows([int], query, job.id)}

    def progress(self) -> dict[int, tuple[int, int]]:
        query = """
            SELECT job, count(*), max(first_seq + issued) FROM intaglio_issuer.chunk
            WHERE issued IS NOT NULL GROUP BY job
        """
        return {job: (chunks, stop) for job, chunks, stop in self._database.rows([int, int, int], query)}

    def take(self, job: Job, number: int, kind: str, numbers: Mapping[str, int]) -> set[str]:
        # Built of numbers alone: a query for each row would cost as much again as the row.
        seqs = ", ".join(f"seq + {place}" for place in range(len(job.forms)))
        values = {
            "job": job.id,
            "chunk": number,
            "kind": kind,
            "numbers": list(numbers),
            "seqs": list(numbers.values()),
        }

        def work(cursor: Cursor) -> set[str]:
            lost = set[str]()
            if _are_free(cursor, numbers):
                _copy_editions(cursor, kind, numbers, len(job.forms))
            elif cursor.execute(_TAKE.format(seqs=seqs), values).rowcount < len(numbers):
                lost = {each for (each,) in read(cursor.execute(_LOST, values), [str])}
            cursor.execute(_NOTE, {**values, "won": [each for each in numbers if each not in lost]})
            return lost

        return self._database.in_turn(work)  # those who take the same wait for each other here

    def takers(self) -> list[Job]:
        return self._jobs(_TAKERS)

    def give_back(self, job: Job) -> None:
        self._database.in_turn(lambda cursor: cursor.execute(_GIVE_BACK, [job.id]))

    def begin_chunk(self, shard: ShardName, first_seq: int) -> None:
        self._database.change(_BEGIN_CHUNK, shard.job, shard.number, first_seq, *shard)

    def begun_chunks(self) -> list[tuple[Job, ShardName]]:
        query = """
            SELECT job, chunk.number, shard, id, key, file, created, job.first_seq, length, chunks, forms
            FROM intaglio_issuer.chunk JOIN intaglio_issuer.job ON job.id = chunk.job WHERE issued IS NULL
        """
        rows = self._database.rows([*_SHARD_KINDS, *_JOB_KINDS], query)
        return [(job_of(row[3:]), ShardName(*row[:3])) for row in rows]

    def finish_chunk(self, job: Job, number: int, batch: Appended, entries: NewEntries) -> None:
        def work(cursor: Cursor) -> None:
            seqs, kinds, numbers, editions, copies, leaves, names, emails, forms = entries
            values = batch.leaves.start, len(seqs), job.id, number
            if cursor.execute(_FINISH, values).rowcount == 0:
                return  # the first time, of which the answer was lost
            _open_editions(cursor, rows(cursor, [str, list], _FINISHED, job.id, number), entries)
            if seqs:
                columns = seqs, kinds, numbers, editions, copies, leaves, forms, names, emails
                copy_rows(cursor, _COLUMNS, _COLUMN_TYPES, zip(*columns, strict=True))
                note_seqs(cursor, min(seqs), max(seqs) + 1)
            settle_batch(cursor, batch)

        self._database.write(work)

    def compare(self, kind: str, incoming: Iterable[Incoming]) -> Crossed:
        return self._database.once_beside(lambda cursor: crossed(cursor, kind, incoming))

    # One at a time

    def begin_singles(self, calls: Sequence[Sequence[Single]]) -> list[tuple[int, Problem] | None]:
        def work(cursor: Cursor) -> list[tuple[int, Problem] | None]:
            refused = [begin_call(cursor, call) for call in calls]
            begun = [
                single for call, why in zip(calls, refused, strict=True) if why is None for single in call
            ]
            if begun:
                key = batch_key([single.log_entry for single in begun])
                copy_rows(
                    cursor,
                    "intaglio_issuer.batch",
                    ("int8", "bytea"),
                    [(single.entry.seq, key) for single in begun],
                )
            return refused

        return self._database.once(work)

    def finish_singles(self, seqs: Sequence[int], batch: Appended, date: str) -> None:
        def work(cursor: Cursor) -> None:
            placed = dict(zip(seqs, batch.leaves, strict=True))
            cursor.execute(_FINISH_SINGLES, [list(placed), list(placed.values()), list(placed)])
            cursor.execute("DELETE FROM intaglio_issuer.batch WHERE seq = ANY(%s::bigint[])", [list(seqs)])
            settle_batch(cursor, batch)
            former = [seq for (seq,) in rows(cursor, [int], _FORMER, list(seqs))]
            journal_seqs(cursor, former, EditionState.SUPERSEDED, date)

        self._database.in_turn(work)

    def begun_singles(self) -> list[tuple[bytes, list[tuple[int, bytes]]]]:
        batches: dict[bytes, list[tuple[int, bytes]]] = {}
        seqs = self._seqs("SELECT seq FROM intaglio_issuer.batch")
        if not seqs:  # mostly
            return []
        for key, seq, line in self._database.rows([bytes, int, bytes], _BEGUN, seqs):
            batches.setdefault(key, []).append((seq, line))
        return list(batches.items())

    def single(self, seq: int) -> bytes | None:
        rows = self._database.rows([bytes], "SELECT line FROM intaglio_issuer.single WHERE seq = %s", seq)
        return rows[0][0] if rows else None

    # Claim links, of which all end at once

    def release(self, which: KindNumber) -> None:
        self._database.once(lambda cursor: cursor.execute(_RELEASE, which))

    def generation(self, which: KindNumber) -> int:
        rows = self._database.rows([int], GENERATION, *which)
        return rows[0][0] if rows else 0

    def links(self) -> int:
        query = "SELECT next FROM intaglio_issuer.counter WHERE name = 'links'"
        rows = self._database.rows([int], query)
        return rows[0][0] if rows else 0

    def count_link(self, nth: int) -> None:
        self._database.write(lambda cursor: raise_counter(cursor, "links", nth))

    def require_generation(self, which: KindNumber, generation: int) -> None:
        require_link(which, generation, self.generation(which))

    # Finding

    def entry(self, seq: int) -> Entry:
        return _one(self._all("seq = %s", [seq]))

    def current(self, which: KindNumber) -> Entry:
        seqs = self._seqs(SEQS, *which)
        return _one(self._all(_SEQS, [seqs], "ORDER BY edition DESC, form, copy LIMIT 1"))

    def all_current(self, which: Sequence[KindNumber]) -> dict[KindNumber, Entry]:
        seqs = self._seqs(_SEQS_OF_ALL, [each.kind for each in which], [each.number for each in which])
        current = dict[KindNumber, Entry]()
        for entry in self._all(_SEQS, [seqs], "ORDER BY edition DESC, form, copy"):
            current.setdefault(entry.which, entry)
        return current

    def copies(self, which: KindNumber, edition: int) -> list[Entry]:
        seqs = self._seqs(EDITION, *which, edition)
        return self._all(_SEQS, [seqs], "ORDER BY form, copy")

    def kinds_of(self, number: str) -> list[str]:
        first = dict[str, list[int]]()
        for kind, seq in self._database.rows([str, int], _KINDS_OF, number):
            first.setdefault(kind, []).append(seq)
        issued = self._database.rows([int], ISSUED, [seq for seqs in first.values() for seq in seqs])
        return [kind for kind, seqs in first.items() if {(seq,) for seq in seqs} & {*issued}]

    def entries(self, after: int, stop: int | None = None, *, from_edition: int = 1) -> list[Entry]:
        bounds = after, _NO_SEQ if stop is None else stop
        more = f"AND edition >= %s ORDER BY seq LIMIT {self._page}"
        return self._all("seq > %s AND seq < %s", bounds, more, from_edition)

    def place(self, seq: int) -> tuple[ShardName, range]:
        """See `Index.place`."""
        for first_leaf, issued, *shard in self._database.rows([int, int, *_SHARD_KINDS], _PLACE, seq):
            return ShardName(*shard), range(first_leaf, first_leaf + issued)
        raise Damaged(f"no chunk has the sequence number {seq}")

    def chunks(self) -> list[tuple[int, ShardName]]:
        query = """
            SELECT first_seq, job, number, shard FROM intaglio_issuer.chunk
            WHERE issued IS NOT NULL ORDER BY first_seq
        """
        return [
            (first, ShardName(*shard)) for first, *shard in self._database.rows([int, *_SHARD_KINDS], query)
        ]

    def chunks_after(self, created: str) -> list[ShardName]:
        query = """
            SELECT chunk.job, chunk.number, chunk.shard FROM intaglio_issuer.chunk
            JOIN intaglio_issuer.job ON job.id = chunk.job
            WHERE job.created > %s AND chunk.issued > 0 ORDER BY chunk.first_seq
        """
        return [ShardName(*shard) for shard in self._database.rows(_SHARD_KINDS, query, created)]

    def newest_singles(self, before: int) -> list[tuple[int, int, bytes]]:
        query = """
            SELECT seq, leaf, line FROM intaglio_issuer.single JOIN intaglio_issuer.credential USING (seq)
            WHERE leaf < %s ORDER BY leaf DESC LIMIT %s
        """
        rows = self._database.rows([int, int, bytes], query, before, self._page)
        return [(seq, leaf, line) for seq, leaf, line in rows]

    def later_editions(self) -> int:
        condition = f"edition > 1 OR copy > 1 OR NOT {_FIRST_FORM}"
        query = f"SELECT count(*) FROM intaglio_issuer.credential WHERE {condition}"
        ((later,),) = self._database.rows([int], query)
        return int(later)

    def count(self) -> int:
        query = """
            SELECT (SELECT coalesce(sum(issued), 0)::bigint FROM intaglio_issuer.chunk)
                 + (SELECT count(*) FROM intaglio_issuer.single)
        """
        ((count,),) = self._database.rows([int], query)
        return int(count)

    def states(self, form: str | None = None) -> dict[EditionState, int]:
        counts: dict[EditionState, int] = {}
        wanted, values = (_FIRST_FORM, []) if form is None else ("form = %s", [form])
        query = f"""
            SELECT reason, count(*) FROM intaglio_issuer.credential
            LEFT JOIN intaglio_issuer.revocation USING (seq)
            WHERE leaf IS NOT NULL AND {wanted} GROUP BY reason
        """
        for reason, count in self._database.rows([str | None, int], query, *values):
            counts[state_of(reason)] = counts.get(state_of(reason), 0) + count
        return counts

    def _jobs(self, query: str, *values: object) -> list[Job]:
        return [job_of(row) for row in self._database.rows(_JOB_KINDS, query, *values)]

    def _seqs(self, query: str, *values: object) -> list[int]:
        """Finds the sequence numbers first, so that only their partitions are read."""
        return [seq for (seq,) in self._database.rows([int], query, *values)]

    def _all(self, which: str, values: Sequence[object], more: str = "", *others: object) -> list[Entry]:
        query = _ENTRY.format(which=which, more=more)
        rows = self._database.rows(_ENTRY_KINDS, query, *values, *values, *values, *others)
        return [as_entry(row) for row in rows]


def _one(entries: Sequence[Entry]) -> Entry:
    if not entries:
        raise NO_SUCH_DIPLOMA("no such credential was issued here")
    return entries[0]


def _jobs(cursor: Cursor, query: str, *values: object) -> list[Job]:
    return [job_of(row) for row in rows(cursor, _JOB_KINDS, query, *values)]


def _reserve(cursor: Cursor, count: int) -> int:
    return int(read_one(cursor.execute("SELECT intaglio_issuer.reserve(%s)", [count]), [int])[0])


def _are_free(cursor: Cursor, numbers: Iterable[str]) -> bool:
    """True if nobody has a number between the lowest and the highest of these, as in most new files.

    One search instead of one for each. It holds while the transaction has the turn.
    """
    lowest, highest = min(numbers, default=""), max(numbers, default="")
    return read_one(cursor.execute(_ARE_FREE, [lowest, highest]), [bool]) == (True,)


def _copy_editions(cursor: Cursor, kind: str, numbers: Mapping[str, int], forms: int) -> None:
    """Takes numbers that are free: a COPY costs the server half of what it does to look at each for a clash.

    Should one be taken all the same, the key of the table refuses the whole.
    """
    of_kind, array = kind.encode(), _ARRAY.pack(1, 0, _BIGINT, forms, 1)
    rest = _LENGTH.pack(len(of_kind)) + of_kind + _VALUE.pack(8, 1)  # the first edition
    rest += _LENGTH.pack(len(array) + forms * _VALUE.size) + array

    def row(number: bytes, seq: int) -> bytes:
        seqs = b"".join([_VALUE.pack(8, each) for each in range(seq, seq + forms)])
        return b"\0\4" + _LENGTH.pack(len(number)) + number + rest + seqs

    rows = (row(number.encode(), seq) for number, seq in numbers.items())
    copy_packed(cursor, "intaglio_issuer.edition", [b"".join(rows)])


def _open_editions(cursor: Cursor, taken: Iterable[Sequence[Any]], entries: NewEntries) -> None:
    """Puts each entry into an edition, and frees the numbers that the chunk has taken and does not need."""
    by_kind = {kind: set(numbers) for kind, numbers in taken}
    kinds, issued = entries.kinds, entries.numbers
    for kind, numbers in by_kind.items():
        if free := numbers.difference(each for of, each in zip(kinds, issued, strict=True) if of == kind):
            cursor.execute(_FREE, [kind, sorted(free)])
    # Of a chunk that was begun before numbers were taken.
    editions = zip(issued, kinds, entries.editions, entries.seqs, strict=True)
    if new := [each for each in editions if each[0] not in by_kind.get(each[1], ())]:
        cursor.execute(_OPEN, [list(column) for column in zip(*new, strict=True)])
