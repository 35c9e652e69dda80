"""Issuing a whole file: every row once, whatever happens in between.

Everything in a credential follows from its row, its sequence number and the job, so that a chunk done again
gives the same bytes. The order is: shard on disk, chunk begun in the index, digests in the log, credentials
in the index. Whoever issues holds the issuer's lock and first completes, from its shard, a chunk that was
begun; a shard that was not begun counts for nothing and is written again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import astuple, dataclass
from datetime import datetime
from pathlib import Path
from typing import NamedTuple, TypeVar

import orjson

from ledger import Log
from wire.datetimestamp import format_datetimestamp, parse_datetimestamp
from wire.problem import Malformed

from .checking import Catalogue, Checked, Checker, Survey, check_span, survey
from .errorfile import write_error_file
from .press import Line, Press, index_columns, log_entry
from .shards import Shard, write_shard
from .source import Source, Span
from .store import Job, NewEntry, Store
from .template import InvalidTemplate
from .workers import Pool, available_cores

_Part = TypeVar("_Part")


class Progress(NamedTuple):
    """How far a job is, in rows: `stage` is `checking` or `issuing`."""

    stage: str
    done: int
    total: int


@dataclass(frozen=True)
class Result:
    """What became of a file."""

    survey: Survey
    issued: int
    job: Job | None
    """The job, unless there was nothing to issue."""


class Task(NamedTuple):
    """One chunk for a worker."""

    span: Span
    skipped: frozenset[int]
    """Rows that are bad or were issued before."""
    first_seq: int
    created: datetime
    shard: Path


class Chunk(NamedTuple):
    """What a worker made of a chunk; the credentials themselves are in its shard."""

    entries: list[bytes]
    """For the log."""
    rows: list[tuple[int, str, str, str]]
    """Sequence number, diploma number, name and e-mail address of each."""


class Work(NamedTuple):
    """What each worker holds."""

    checker: Checker
    press: Press | None
    """None in a dry run."""


def check(work: Work, span: Span) -> Checked:
    """A worker's part of the first pass."""
    return check_span(work.checker, span)


def issue(work: Work, task: Task) -> Chunk:
    """A worker's part of the second pass: read, check, sign and store row after row."""
    made = Chunk([], [])
    press = work.press
    assert press is not None

    def lines() -> Iterator[bytes]:
        for row, cells in work.checker.source.rows(task.span):
            if row in task.skipped:
                continue
            record, _ = work.checker.check(row, cells)
            seq = task.first_seq + row - 1
            try:
                printed = press.print(record, seq, task.created)
            except Malformed as problem:
                raise InvalidTemplate(f"with row {row}, {problem.detail}", hint=problem.hint) from problem
            made.entries.append(printed.entry)
            made.rows.append((seq, *index_columns(record)))
            yield printed.line

    write_shard(task.shard, lines())
    return made


class Bulk:
    """The bulk issuer over one store, log and folder of shards. The caller holds the issuer's lock."""

    def __init__(self, store: Store, log: Log, shards: Path) -> None:
        self._store = store
        self._log = log
        self._shards = shards

    def run(
        self,
        source: Source,
        press: Press,
        error_file: Path,
        *,
        now: datetime,
        catalogue: Catalogue | None = None,
        workers: int | None = None,
        progress: Callable[[Progress], None] = lambda _: None,
    ) -> Result:
        """Checks the whole file, then issues its good rows. The same file again goes on where it stopped.

        Rows that are bad go to `error_file` and stop nothing. `workers` is the number of processes, by
        default one a core, none for a file of one chunk; nothing but the time taken depends on it.
        """
        self.recover()
        spans = list(source.spans())
        with _pool(Work(Checker(source, catalogue), press), spans, workers, self._store) as pool:
            found = _check_all(pool, spans, self._store, error_file, progress)
            if not found.good:
                return Result(found, 0, None)
            key = _key(source, spans, catalogue, press)
            length = sum(span.rows for span in spans)
            job = self._store.begin(key, source.path.name, format_datetimestamp(now), length, len(spans))
            finished = self._store.finished_chunks(job)
            spans = [span for span in spans if span.number not in finished]
            issued = 0
            chunks = pool.map(issue, (self._task(job, span, found) for span in spans))
            for span, chunk in zip(spans, _counted("issuing", spans, chunks, progress), strict=True):
                self._store.begin_chunk(job, span.number, job.seq(span.first_row))
                self._finish(job, span.number, chunk)
                issued += len(chunk.rows)
        return Result(found, issued, job)

    def recover(self) -> None:
        """Completes the chunk that the last process left between shard and index."""
        for job, number in self._store.begun_chunks():
            lines = [Line.parse(data) for data in Shard(self._path(job, number))]
            rows = [(line.seq, *index_columns(line.record)) for line in lines]
            self._finish(job, number, Chunk([log_entry(line.credential) for line in lines], rows))

    def line(self, seq: int, leaf: int) -> Line:
        """The stored line of a credential that was issued in bulk."""
        job, number, first_leaf = self._store.place(seq)
        return Line.parse(Shard(self._path(job, number)).line(leaf - first_leaf))

    def _task(self, job: Job, span: Span, found: Survey) -> Task:
        rows = range(span.first_row, span.first_row + span.rows)
        skipped = frozenset(row for row in rows if row in found.findings or row in found.known)
        created = parse_datetimestamp(job.created, "created")
        return Task(span, skipped, job.first_seq, created, self._path(job, span.number))

    def _finish(self, job: Job, number: int, chunk: Chunk) -> None:
        # With time and place: after a restored backup a job may begin anew, other bytes under the same key.
        key = job.key + f"{job.created} {job.first_seq} {number}".encode()
        leaves = self._log.append(chunk.entries, key) if chunk.entries else range(0)
        entries = [
            NewEntry(seq, diploma, 1, leaf, name, email)
            for (seq, diploma, name, email), leaf in zip(chunk.rows, leaves, strict=True)
        ]
        self._store.finish_chunk(job, number, leaves.start, entries)

    def _path(self, job: Job, number: int) -> Path:
        return self._shards / str(job.id) / f"{number:06d}.jsonl.zst"


def dry_run(
    source: Source,
    store: Store,
    error_file: Path,
    *,
    catalogue: Catalogue | None = None,
    workers: int | None = None,
    progress: Callable[[Progress], None] = lambda _: None,
) -> Result:
    """The first half of `Bulk.run`: all checks and the error file, and nothing is signed."""
    spans = list(source.spans())
    with _pool(Work(Checker(source, catalogue), None), spans, workers, store) as pool:
        return Result(_check_all(pool, spans, store, error_file, progress), 0, None)


def _pool(work: Work, spans: Sequence[Span], workers: int | None, store: Store) -> Pool[Work]:
    if workers is None:
        workers = available_cores() if len(spans) > 1 else 0
    store.close()  # a connection must not be taken through a fork; it opens again by itself
    return Pool(work, workers)


def _check_all(
    pool: Pool[Work],
    spans: Sequence[Span],
    store: Store,
    error_file: Path,
    progress: Callable[[Progress], None],
) -> Survey:
    checker = pool.work.checker
    found = survey(checker, _counted("checking", spans, pool.map(check, spans), progress), store)
    if found.findings:
        write_error_file(error_file, checker.source, spans, found.findings)
    return found


def _counted(
    stage: str, spans: Sequence[Span], parts: Iterable[_Part], progress: Callable[[Progress], None]
) -> Iterator[_Part]:
    done, total = 0, sum(span.rows for span in spans)
    progress(Progress(stage, done, total))
    for span, part in zip(spans, parts, strict=True):
        yield part
        done += span.rows
        progress(Progress(stage, done, total))


def _key(source: Source, spans: Sequence[Span], catalogue: Catalogue | None, press: Press) -> bytes:
    """What a job is: the file's rows, how they are read, and what is made of them."""
    asked = [
        source.header,
        source.columns,
        [span.sha256.hex() for span in spans],
        catalogue,
        press.template.decode(),
        astuple(press.profile),
        press.verification_method,
        press.suite,
    ]
    return hashlib.sha256(orjson.dumps(asked, option=orjson.OPT_SORT_KEYS)).digest()
