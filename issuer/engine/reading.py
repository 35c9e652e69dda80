"""The driver's side: tasks go to workers, and what they stored is read back before anything of it is logged.

A worker has the key that signs, and may have been taken over. So each line of its shard is held against its
row, and the log entries are made here. Reading is done by processes beside the driver, which only commits.
"""

from __future__ import annotations

import secrets
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from importlib.metadata import version
from itertools import islice
from typing import NamedTuple

from kinds import Record
from wire.problem import Damaged, Malformed, Problem
from wire.workers import Tell, each_told

from ..archive.kept import Job, ShardName
from ..archive.shard_store import ShardStore
from ..archive.shards import lines_of, read_shard
from ..job.bulk import Task, Tools, rows_of
from ..job.chunk import Credentials, Made
from ..press.press import Comparison, Line, Press, Printed
from ..problem import LineUnlike
from . import signing
from .problem import WORKER_SHARD
from .signing_task import SigningSettings, SigningTask
from .workers import Workers

EVERY = 64
"""The signature of the first credential of a chunk is verified, and that of one in so many.

A worker that lies may so have bad signatures logged, on rows that say the right thing. A signature takes
three times as long to verify as to make.
"""


class Written(NamedTuple):
    """A shard that a worker says it wrote for a task, as it lies in the store."""

    task: Task
    shard: ShardName
    data: bytes


@dataclass(frozen=True)
class Driver:
    """Workers anywhere that sign chunks: an `issuer.job.bulk.Elsewhere`."""

    workers: Workers
    root: str
    """The keyed digest of the root of the issuer's secrets, as `identity.root` makes it."""

    @property
    def machines(self) -> Sequence[str]:
        """See `Elsewhere`."""
        return self.workers.machines

    def signed(self, work: Tools, job: Job, shards: ShardStore, tasks: Iterable[Task]) -> Iterator[Written]:
        """See `Elsewhere`. Raises `WORKER_SHARD` for an answer that is none, and the problems of workers."""
        asked = deque[Task]()

        def items() -> Iterator[bytes]:
            for task in tasks:
                asked.append(task)
                yield self._packed(work, job, task)

        for answer in self.workers.map(signing.FUNCTION, items()):
            task = asked.popleft()
            try:
                if len(answer) != sha256().digest_size:
                    raise Malformed("the answer names no shard")
                shard = ShardName(job.id, task.span.number, answer)
                data = read_shard(shards, shard)
            except (Malformed, Damaged) as problem:
                raise _refused(task, problem) from problem
            yield Written(task, shard, data)

    def _packed(self, work: Tools, job: Job, task: Task) -> bytes:
        settings = SigningSettings.of(work.presses[task.template], version("intaglio"), self.root)
        numbers = work.spool.numbers(task.span) if work.checker.identities else {}
        frame = work.spool.frame(task.span)
        rows = (job.id, task.span.number, task.first_seq, task.created, task.skipped, numbers)
        return SigningTask(*rows, settings, frame).to_bytes()

    @staticmethod
    def read(work: Tools, written: Written, tell: Tell) -> Made:
        """See `Elsewhere`. Raises `WORKER_SHARD` for a shard that is not what its rows ask for.

        Problems of the driver's own rows and skeletons are raised as they are.
        """
        try:
            return _read(work, written, tell)
        except LineUnlike as problem:
            raise _refused(written.task, problem) from problem


def _read(work: Tools, written: Written, tell: Tell) -> Made:
    task, shard, data = written
    presses, comparisons = work.presses[task.template], list[Comparison]()
    lines = _lines(data, shard)
    by_seq: dict[int, bytes] = {}
    if len(presses) > 1:  # the order of these lines is that of the log, which is known once they are read
        in_shard = list(islice(lines, task.span.rows * len(presses) + 1))
        by_seq, lines = {_seq(line): line for line in in_shard}, iter(in_shard)
    sampled = secrets.randbelow(EVERY)  # which ones are verified, no worker can know
    credentials, count = Credentials(presses, task), 0

    def printed(press: Press, record: Record, seq: int) -> Printed:
        nonlocal count
        line = by_seq.get(seq) if by_seq else next(lines, None)
        if line is None:
            raise LineUnlike("a credential is missing")
        is_verified = count == 0 or count % EVERY == sampled
        count += 1
        return press.read_back(line, record, seq, task.created, comparisons.append, verified=is_verified)

    for line in credentials.lines(each_told(rows_of(work, task), tell), printed):
        if by_seq and line != next(lines, None):  # the index has their places by this order
            raise LineUnlike("the credentials are in another order")
    if next(lines, None) is not None:
        raise LineUnlike("there are more credentials than rows")
    for comparison in comparisons:  # together they take half the time
        comparison()
    return credentials.made(shard)


def _lines(data: bytes, shard: ShardName) -> Iterator[bytes]:
    try:
        yield from lines_of(data, str(shard))
    except Damaged as problem:  # its worker wrote it so
        raise LineUnlike(problem.detail) from problem


def _seq(line: bytes) -> int:
    try:
        return Line.record_of(line)[0]
    except ValueError:
        raise LineUnlike("a line is no credential") from None


def _refused(task: Task, problem: Problem) -> Problem:
    return WORKER_SHARD.saying(
        "what a worker signed for the rows {first} to {last} is refused: {why}",
        first=task.span.numbers[0],
        last=task.span.numbers[-1],
        why=problem,
    )
