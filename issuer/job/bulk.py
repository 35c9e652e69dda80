"""Issuing a whole file: every row once, even if the work is interrupted.

Everything in a credential follows from its row, its form, its sequence number and the job, so that a chunk
done again gives the same bytes. A row becomes one credential in each form of the job, under successive
numbers. The order is: numbers for rows that lack them, all at once; then of each chunk its numbers taken in
the index, so that nobody else issues them, its shard stored, the chunk begun in the index, its digests in the
log, its credentials in the index. The issuing process has the job for itself; others issue other files and
single credentials meanwhile. The next process finishes what a dead owner left: a chunk that was begun
is completed from its shard, and numbers taken for chunks that were not are given back; their shards count for
nothing. Workers make shards, and this process stores them: a forked process cannot use its parent's
connections, and shards made ahead must not be left in a store where nobody may delete. Where others sign,
`elsewhere`, they store what they sign, and the workers here read it back before anything of it is begun.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import partial
from pathlib import Path
from secrets import token_bytes
from typing import Any, NamedTuple, Protocol, TypeVar

import orjson

from kinds import Kind, Record
from kinds.names import LAST_FIRST
from ledger import Log
from vc.secured import INTEGRITY, Form
from wire.clock import is_ahead
from wire.datetimestamp import format_datetimestamp, parse_datetimestamp
from wire.workers import Pool, Tell, Told, available_cores, each_told

from ..archive.archive import Archive
from ..archive.consistency import append
from ..archive.index import Index
from ..archive.kept import DEFAULT, Appended, Job, Keyed, KindNumber, NewEntries, ShardName
from ..archive.lookup import PIECE
from ..archive.shard_store import ShardStore
from ..archive.shards import read_shard
from ..identity.home import Identity
from ..press.document import Composer
from ..press.press import Line, Press
from ..problem import JOB_CANCELLED
from ..shared import shared_in
from ..table.finding import FIRST_ROW
from ..table.source import Source, Span
from .attached import Attached, attach, remember
from .changes import Shelf, changes, differing, shelves
from .checked import PREVIEWED, CheckedTable
from .checking import Checked, Checker, Survey, check_span, survey
from .chunk import Chunk, Made, settled, signed_chunk
from .errors import write_errors
from .numbering import Identities, Series
from .order import Order, Progress
from .owner import JobUnderWay, Owner, owned
from .spool import Spool, spool

_Item = TypeVar("_Item")
_Part = TypeVar("_Part")


_COMPARED = 1 << 18
"""Rows whose digests are in memory at once, some 50 MB. Each portion reads the shards that have its rows."""
_MOMENT = 0.5  # seconds until a server has heard that the process with the job was killed
_CERTAIN = ("utf-8", "utf-16-le", "utf-16-be")  # as 81e9505 read files: its unfinished jobs go on


@dataclass(frozen=True)
class Issued:
    """The result of issuing a file."""

    survey: Survey
    issued: int
    """Rows of which credentials were issued, each in all forms of the job."""
    job: Job | None
    """The job, unless there was nothing to issue."""
    first: Sequence[Record] = ()
    """In a dry run, the first records that are to be issued."""
    alike: Sequence[tuple[int, int]] = ()
    """In a dry run, pairs of rows whose diplomas say the same; the earlier row comes first."""
    error_file: Path | None = None
    """The file of bad rows, if there are any and a file was asked for."""
    next_number: str = ""
    """In a dry run of a file without numbers, the first that a row would be given."""
    lacking: Sequence[KindNumber] = ()
    """Credentials that were issued before, in fewer forms than were asked for."""
    added: int = 0
    """Credentials that were added for these, each in a form that was lacking."""


class Task(NamedTuple):
    """One chunk for a worker."""

    span: Span
    skipped: frozenset[int]
    """Rows that are bad or were issued before."""
    first_seq: int
    created: datetime
    template: int
    """The index of the template with which the job was begun."""


class Tools(NamedTuple):
    """The tools of each worker."""

    checker: Checker
    spool: Spool
    presses: Sequence[Sequence[Press]]
    """For each template one in each form; none in a dry run."""


def check(work: Tools, span: Span, tell: Tell) -> Checked:
    """A worker's part of the first pass."""
    return check_span(work.checker, work.spool, span, tell)


def compare(_: Tools, at_hand: tuple[Shelf, bytes, str], _tell: Tell) -> dict[int, Record]:
    """A worker's part between the two: comparing known rows with issued credentials."""
    return differing(*at_hand)


def issue(work: Tools, task: Task, tell: Tell) -> Made:
    """A worker's part of the second pass: sign and pack row after row."""
    return signed_chunk(work.presses[task.template], each_told(rows_of(work, task), tell), task)


def rows_of(work: Tools, task: Task) -> Iterator[tuple[int, Record]]:
    """The rows of a chunk from the spool, as they are signed. Raises as `Spool.rows`."""
    numbers = work.spool.numbers(task.span) if work.checker.identities else {}
    return settled(work.checker.kind, work.spool.rows(task.span), task, numbers)


class Elsewhere(Protocol):
    """Others that sign chunks and store their shards, in the place of the workers here."""

    @property
    def machines(self) -> Sequence[str]:
        """The machines on which they are, as far as known."""

    @property
    def read(self) -> Callable[[Tools, Any, Tell], Made]:
        """A worker's part here: reads a shard back, and raises a `Problem` where it is another."""

    def signed(self, work: Tools, job: Job, shards: ShardStore, tasks: Iterable[Task]) -> Iterator[Any]:
        """What `read` gets of each task, in their order, once it is signed."""


class Bulk:
    """The bulk issuer over one archive, log and home. The caller holds the lock `issue`, shared or alone."""

    def __init__(self, archive: Archive, log: Log, home: Path, kind_of: Callable[[Line], Kind]) -> None:
        """`kind_of` returns the kind that a credential names."""
        self.archive, self._store = archive, archive.store
        self._log, self._kind_of = log, kind_of
        self._home, self._shared = home, shared_in(home)

    def run(
        self,
        order: Order,
        templates: Sequence[Sequence[Press]],
        *,
        now: datetime,
        secret: Callable[[], bytes],
        table: CheckedTable | None = None,
        elsewhere: Elsewhere | None = None,
    ) -> Issued:
        """Checks the whole file, then issues its good rows. The same file again goes on where it stopped.

        For each template there is a press in each form; the template in force comes first. A job that was
        begun with a former template goes on with it. The `secret` of identities serves to recognise rows
        without numbers. Bad rows go to the error file and stop nothing. `table` is the file if it was
        checked, and approved, before there was an issuer. With `elsewhere`, others sign, and workers here
        read what they signed. Raises as `order.approve`, `JobUnderWay`, and `JOB_CANCELLED` where another
        process ended it meanwhile.
        """
        self.recover()
        if table is not None and self._store.count():
            table = None  # somebody else made the issuer meanwhile, and issued: its rows may be among them
        composer = templates[0][0].composer
        identities = _identities(order, composer.kind, secret)
        if table is None:
            attached = _attached(order, composer.kind, self._home)
            checker = Checker(order.source, now.date(), composer, order.catalogue, attached, identities)
        else:
            checker, attached = table.checker, table.checker.attached
            remember(attached, order.source, self._home)
        json, forms = self.archive.forms[INTEGRITY], tuple(press.composer.form for press in templates[0])
        with (
            spool(self._home) if table is None else nullcontext(table.spool) as checked,
            _pool(Tools(checker, checked, templates), order, self._store) as pool,
        ):
            survey = _survey_all(pool, self.archive, order) if table is None else table.survey
            keys = [_key(order, presses, json, survey, attached) for presses in templates]
            # A job keeps the template that it was begun with, whatever replaced that since.
            template = next((place for place, key in enumerate(keys) if self._store.issued_by(key)), 0)
            key = keys[template]
            same = self._store.issued_by(key)
            _settle_all(pool, self.archive, order, survey, same)
            several = Identity.read(self._home).forms  # else nothing was ever issued in a second form
            lacking = _lacking(self._store, checker, survey, forms, same) if several else []
            if table is None and (survey.good or lacking):
                numbers = _next_numbers(order, self._store, survey, now.year)
                order.approve(CheckedTable(checker, checked, survey, numbers, lacking))
            errors = _write_errors(order, survey, checked, self._home)
            if not survey.good:
                return Issued(survey, 0, None, error_file=errors, lacking=lacking)
            if order.numbers and identities:
                identified = (
                    checked.identities if table is None else partial(_identified, identities, checked)
                )
                self._give_numbers(order.numbers.series(now.year), order.source, checked, survey, identified)
            issued, lost = 0, len(survey.findings)
            with self._begun(key, order.source, checked, survey, now, forms) as (owner, spans):
                job, done = owner.job, sum(_rows(order.source.spans)) - sum(_rows(spans))
                owner.tell(done)

                def task(span: Span) -> Task:
                    self._take(job, span, checker, checked, survey)
                    return self._task(job, span, survey, now, template)

                tasks, sizes = map(task, spans), _rows(spans)
                if elsewhere is None:
                    chunks = _counted(pool, issue, tasks, "issuing", sizes, order, small=True)
                else:
                    written = elsewhere.signed(pool.work, job, self.archive.shards, tasks)
                    chunks = _counted(pool, elsewhere.read, written, "issuing", sizes, order)
                waiting: list[Keyed] = []
                for span, (chunk, shard, keyed) in zip(spans, chunks, strict=True):
                    if isinstance(shard, bytes):
                        shard = self._stored(job, span, shard)
                    self._store.begin_chunk(shard, job.seq(span.first_row))
                    self._finish(job, span.number, chunk, composer.kind.name)
                    issued += len(chunk.seqs) // len(forms)
                    waiting.append(keyed)
                    if sum(each.stop - each.first for each in waiting) >= PIECE:  # their memory has a bound
                        self._store.lookup.add(waiting)
                        waiting.clear()
                    owner.tell(done := done + span.rows, elsewhere.machines if elsewhere else ())
                    if owner.is_asked_to_end():
                        break
                self._store.lookup.add(waiting)
                if done < job.length:
                    self._store.give_back(job)  # the numbers of the chunks that were to come
                    raise JOB_CANCELLED.saying(
                        "{file} was cancelled, with {done} of {rows} rows done",
                        file=job.file,
                        done=done,
                        rows=job.length,
                    )
            if len(survey.findings) > lost:
                errors = _write_errors(order, survey, checked, self._home)
        return Issued(survey, issued, job, error_file=errors, lacking=lacking)

    def recover(self, *, alone: bool = False) -> None:
        """Finishes what dead owners of jobs left, and leaves those alone that others have.

        With `alone`, for a caller who wants nobody else to issue, such a one raises `JobUnderWay`.
        """
        begun, taking = self._store.begun_chunks(), self._store.takers()
        for job in {job.id: job for job in (*(job for job, _ in begun), *taking)}.values():
            with nullcontext() if alone else suppress(JobUnderWay), self._owned(job):
                self._complete(job)

    def _owned(self, job: Job, patience: float = 0) -> AbstractContextManager[Owner]:
        return owned(self._shared, job, self._log.now(), patience=patience)

    def _complete(self, job: Job) -> None:
        """Finishes what a former owner left, from the job's shards alone. The caller has the job."""
        for begun, shard in self._store.begun_chunks():
            if begun.id != job.id:
                continue
            lines = list(self.archive.chunk(shard))
            chunk = Chunk.empty()
            if not lines:
                self._finish(job, shard.number, chunk, "")
                continue
            kind = self._kind_of(lines[0])  # all of a chunk have one
            for line in lines:
                chunk.add(line.seq, line.entry, kind.listed(line.record))
            self._finish(job, shard.number, chunk, kind.name)
        self._store.give_back(job)

    @contextmanager
    def _begun(
        self,
        key: bytes,
        source: Source,
        checked: Spool,
        survey: Survey,
        now: datetime,
        forms: tuple[str, ...],
    ) -> Iterator[tuple[Owner, list[Span]]]:
        """The job of a key, which this process has for the block, and the remaining rows of its file.

        A finished chunk may lack rows whose numbers another job held then. Once these numbers are free, a
        further job issues the rows. Its key derives from the one before, so that rows of both are known.
        """
        spans = source.spans
        length, name = sum(span.rows for span in spans), source.path.name
        while True:
            job = self._store.begin(key, name, format_datetimestamp(now), length, len(spans), forms)
            with self._owned(job, _MOMENT) as owner:
                self._complete(job)  # whoever had it until now may have died since others were looked after
                finished = self._store.finished_chunks(job)
                again = {
                    row: job.seq(row)
                    for span in spans
                    if span.number in finished
                    for row in _wanted(checked, span, survey)
                }
                issued = {row: seq for row, seq in again.items() if self._store.entries(seq - 1, seq + 1)}
                if again == issued:
                    yield owner, [span for span in spans if span.number not in finished]
                    return
            survey.known.update(issued)
            key = hashlib.sha256(key).digest()

    def _take(self, job: Job, span: Span, checker: Checker, checked: Spool, survey: Survey) -> None:
        """Takes the numbers of a chunk; a row whose number somebody else has is a finding."""
        wanted = _wanted(checked, span, survey)
        if not wanted:
            return
        start, step = job.first_seq, len(job.forms)
        numbers = {number: start + (row - FIRST_ROW) * step for row, number in wanted.items()}
        lost = self._store.take(job, span.number, checker.kind.name, numbers)
        if lost:
            survey.lose(checker, {row: number for row, number in wanted.items() if number in lost})

    def _give_numbers(
        self,
        series: Series,
        source: Source,
        checked: Spool,
        survey: Survey,
        identities_of: Callable[[Span], Mapping[int, bytes]],
    ) -> None:
        """Gives numbers to the rows that are to be issued, and keeps them for the process that issues these.

        `identities_of` gives the identities of the rows of a span, under the issuer's secret.
        """
        rows: list[int] = []
        spans = iter(source.spans)

        def identities() -> Iterator[list[bytes]]:
            for span in source.spans:
                of_span, skipped = identities_of(span), survey.skipped(span)
                rows[:] = [row for row in of_span if row not in skipped]
                yield [of_span[row] for row in rows]

        def keep(numbers: Sequence[str]) -> None:
            checked.put_numbers(next(spans), dict(zip(rows, numbers, strict=True)))

        kind = source.kind.name
        self._store.numbers.give(kind, series.name, series.numbers, identities(), keep)

    def _task(self, job: Job, span: Span, survey: Survey, now: datetime, template: int) -> Task:
        created = parse_datetimestamp(job.created, "created")
        if is_ahead(created, now):  # by a clock that was wrong then: what is left of the job is dated rightly
            created = now
        return Task(span, survey.skipped(span), job.first_seq, created, template)

    def _stored(self, job: Job, span: Span, data: bytes) -> ShardName:
        shard = ShardName.of(job, span.number, data)
        self.archive.shards.write(shard, data)
        return shard

    def _finish(self, job: Job, number: int, chunk: Chunk, kind: str) -> None:
        key = job.chunk_key(number)
        if chunk.entries:
            batch = append(self._store, self._log, chunk.entries, key)
        else:
            batch = Appended(key, range(0))
        _, seqs, numbers, names, emails = chunk
        ones, kinds = [1] * len(seqs), [kind] * len(seqs)
        forms = [*job.forms] * len(seqs) if len(job.forms) == 1 else [*map(job.form, seqs)]
        entries = NewEntries(seqs, kinds, numbers, ones, ones, batch.leaves, names, emails, forms)
        self._store.finish_chunk(job, number, batch, entries)


@contextmanager
def checked_table(
    order: Order,
    archive: Archive,
    composer: Composer,
    today: date,
    secret: Callable[[], bytes] = token_bytes,
    forms: Sequence[str] = (),
) -> Iterator[CheckedTable]:
    """The first half of `Bulk.run`, without an issuer: all checks, and nothing is signed.

    With the `secret` of identities, rows that were given a number are recognised. With any other secret, rows
    are only told from each other. `forms` are the names of those that rows issued before may lack.
    """
    attached = _attached(order, composer.kind, None)
    identities = _identities(order, composer.kind, secret)
    checker = Checker(order.source, today, composer, order.catalogue, attached, identities)
    with (
        tempfile.TemporaryDirectory(prefix="intaglio-") as scratch,
        spool(Path(scratch)) as checked,
    ):
        with _pool(Tools(checker, checked, ()), order, archive.store) as pool:
            survey = _survey_all(pool, archive, order)
            _settle_all(pool, archive, order, survey)
        lacking = _lacking(archive.store, checker, survey, forms) if forms else []
        numbers = _next_numbers(order, archive.store, survey, today.year)
        yield CheckedTable(checker, checked, survey, numbers, lacking)


def dry_run(
    order: Order,
    archive: Archive,
    composer: Composer,
    today: date,
    says: Callable[[Record], str],
    secret: Callable[[], bytes] = token_bytes,
    forms: Sequence[str] = (),
) -> Issued:
    """All checks, the error file if one is named; nothing is signed, and no number is given.

    `says` returns the part of a record's diploma that people read first; rows with the same part are `alike`.
    The `secret` and the `forms` are as in `checked_table`.
    """
    with checked_table(order, archive, composer, today, secret, forms) as table:
        number = next(iter(table.numbers), "")
        return replace(
            unissued(order, table), first=table.first(), alike=table.alike(says), next_number=number
        )


def unissued(order: Order, table: CheckedTable) -> Issued:
    """Ends a checked table of which nothing is signed: writes its error file, if one is named."""
    errors = _write_errors(order, table.survey, table.spool)
    return Issued(table.survey, 0, None, error_file=errors, lacking=table.lacking)


def _identities(order: Order, kind: Kind, secret: Callable[[], bytes]) -> Identities | None:
    """The identities of rows that lack numbers; the secret is opened for nothing else."""
    return None if order.numbers is None else Identities(kind, secret())


def _identified(identities: Identities, checked: Spool, span: Span) -> dict[int, bytes]:
    """The identities of rows that were checked before there was an issuer, and so without its secret."""
    return {row: identities(record) for row, record in checked.rows(span)}


def _next_numbers(order: Order, store: Index, survey: Survey, year: int) -> Sequence[str]:
    """The numbers that the first rows would be given, of a file that has none."""
    if order.numbers is None or not survey.good:
        return ()
    series = order.numbers.series(year)
    count = min(survey.good, PREVIEWED)
    return store.numbers.free(order.source.kind.name, series.name, series.numbers, count)


def _lacking(
    store: Index, checker: Checker, survey: Survey, forms: Sequence[str], same: range = range(0)
) -> list[KindNumber]:
    """Returns credentials of known rows, not issued by the `same` job, that lack one of these forms.

    A row that differs from the issued credential is a finding: the new form would contradict the others.
    Revoked credentials are left as they are.
    """
    changed = {change.row: change for change in survey.changed}
    lacking = []
    for row, seq in survey.known.items():
        if seq in same:
            continue
        current = store.current(store.entry(seq).which)
        standing = store.copies(current.which, current.edition)
        if current.reason is not None or {*forms} <= {entry.form for entry in standing}:
            continue
        if row in changed:
            survey.refuse(checker, changed[row])
        else:
            lacking.append(current.which)
    return lacking


def _write_errors(order: Order, survey: Survey, checked: Spool, home: Path | None = None) -> Path | None:
    """Writes the bad rows to the wanted file, and returns its path."""
    if order.error_file is None:
        return None
    return write_errors(order.error_file, order.source, survey.findings, checked.folder, home)


def _attached(order: Order, kind: Kind, home: Path | None) -> Attached:
    total = sum(_rows(order.source.spans))
    return attach(
        order.source, kind, order.files, home, lambda done: order.progress(Progress("hashing", done, total))
    )


def _pool(work: Tools, order: Order, store: Index) -> Pool[Tools]:
    workers = order.workers
    if workers is None:
        workers = available_cores() if len(order.source.spans) > 1 else 0
    store.close()  # a connection must not be taken through a fork; it opens again by itself
    return Pool(work, workers)


def _survey_all(pool: Pool[Tools], archive: Archive, order: Order) -> Survey:
    """The survey of a file: the errors in its rows, and the rows that were issued before."""
    spans = order.source.spans
    checked = _counted(pool, check, spans, "checking", _rows(spans), order, small=True)
    return survey(pool.work.checker, checked, archive.store)


def _settle_all(
    pool: Pool[Tools], archive: Archive, order: Order, survey: Survey, same: range = range(0)
) -> None:
    """Compares rows with issued credentials, except those that an equal job issued under numbers `same`."""
    before: dict[int, Record] = {}
    portions, sizes = [*_portions(order.source.spans)], list[int]()
    for portion in portions:
        seqs = (seq for span in portion for _, seq in _known(span, survey, same))
        sizes += [len(of_shard) for _, of_shard in archive.by_shard(seqs)]
    if not sizes:
        return
    at_hand = (each for portion in portions for each in _at_hand(pool.work, archive, portion, survey, same))
    for records in _counted(pool, compare, at_hand, "comparing", sizes, order):
        before |= records
    kind = pool.work.checker.kind
    wanted = {row: before[seq] for row, seq in survey.known.items() if seq in before}
    picked = pool.work.spool.pick(order.source.spans, wanted)
    if not order.source.has_numbers:
        picked = (
            (row, {**record, kind.number: archive.store.entry(survey.known[row]).number})
            for row, record in picked
        )
    rows = ((row, record, wanted[row]) for row, record in picked)
    survey.settle(pool.work.checker, list(changes(kind, rows, order.source.recorded, archive)))


def _portions(spans: Iterable[Span]) -> Iterator[list[Span]]:
    """Spans of at most `_COMPARED` rows together, or one that has more."""
    portion: list[Span] = []
    for span in spans:
        if portion and sum(_rows([*portion, span])) > _COMPARED:
            yield portion
            portion = []
        portion.append(span)
    if portion:
        yield portion


def _known(span: Span, survey: Survey, same: range) -> Iterator[tuple[int, int]]:
    """The rows of a span that were issued before, and the sequence numbers of those outside `same`."""
    seqs = ((row, survey.known.get(row)) for row in span.numbers)
    return ((row, seq) for row, seq in seqs if seq is not None and seq not in same)


def _at_hand(
    work: Tools, archive: Archive, portion: Iterable[Span], survey: Survey, same: range
) -> Iterator[tuple[Shelf, bytes, str]]:
    """The shards of rows in a portion that were issued before, each with its content for `compare`."""
    digests: dict[int, bytes] = {}
    for span in portion:
        if seqs := [*_known(span, survey, same)]:
            of_span = work.spool.digests(span)
            digests |= {seq: of_span[row] for row, seq in seqs}
    without = "" if work.checker.source.has_numbers else work.checker.kind.number
    return ((shelf, *_content(archive, shelf)) for shelf in shelves(archive, digests, without))


def _content(archive: Archive, shelf: Shelf) -> tuple[bytes, str]:
    """The content of a shelf's shard, and its location."""
    if shelf.shard is None:
        return b"", ""
    return read_shard(archive.shards, shelf.shard), archive.where(shelf.shard)


def _wanted(checked: Spool, span: Span, survey: Survey) -> dict[int, str]:
    """The rows of a span that are to be issued, and their numbers."""
    numbers, skipped = checked.numbers(span), survey.skipped(span)
    return {row: number for row, number in numbers.items() if row not in skipped} if skipped else numbers


def _rows(spans: Iterable[Span]) -> list[int]:
    return [span.rows for span in spans]


def _counted(
    pool: Pool[Tools],
    function: Callable[[Tools, _Item, Tell], _Part],
    items: Iterable[_Item],
    stage: str,
    sizes: Sequence[int],
    order: Order,
    *,
    small: bool = False,
) -> Iterator[_Part]:
    """The results of the items. The number of rows done is reported while the workers are at them."""
    done, total, of_each = 0, sum(sizes), [0] * len(sizes)

    def heard(report: Told) -> None:
        nonlocal done
        done += report.done - of_each[report.number]
        of_each[report.number] = report.done
        order.progress(Progress(stage, done, total))

    order.progress(Progress(stage, 0, total))
    for number, part in enumerate(pool.map(function, items, heard, small=small)):
        yield part
        heard(Told(number, sizes[number]))


def _meaning(source: Source) -> dict[str, Any]:
    """The part of a job's key for the meaning of cells; empty if it is as in earlier releases."""
    options = {
        "constants": source.constants,
        "words": source.words,
        "names": source.names if source.names == LAST_FIRST else "",
    }
    return {name: value for name, value in options.items() if value}


def _key(order: Order, presses: Sequence[Press], json: Form, survey: Survey, attached: Attached) -> bytes:
    """The identity of a job: the file's rows, how they are read, the good ones, and what is made of them.

    A row that was bad and is good on a later day, such as one awarded then, makes another job; so does
    another suite of proofs in JSON, and so do other forms.
    """
    press, forms = presses[0], [press.composer.form for press in presses]
    source, profile = order.source, press.composer.profile
    bad = [row - 1 for row in sorted(survey.findings)]  # as 81e9505 counted: its unfinished jobs go on
    asked = [
        source.header,
        source.columns,
        source.delimiter,
        source.is_error_file,
        source.date_order,
        bad,
        [span.sha256.hex() for span in source.spans],
        order.catalogue,
        press.composer.template.text.decode(),
        [profile.did, profile.name, profile.log, profile.url],  # the rest is for good
        press.verification_method,
        json.algorithm(press.signer.public_key),
        # The same bytes say something else in another encoding.
        *([] if source.encoding in _CERTAIN else [source.encoding]),
        *([kind.reference] if (kind := press.composer.kind).is_named else []),
        *attached.part_of_key(),
        *([meaning] if (meaning := _meaning(source)) else []),
        *([{"forms": forms}] if forms != [DEFAULT] else []),
    ]
    return hashlib.sha256(orjson.dumps(asked, option=orjson.OPT_SORT_KEYS)).digest()
