"""The jobs of an issuer, for people: how far each is, who has it, and how another process ends it.

A cancelled job ends after the chunk in hand. What it had issued stays issued, and the same file goes on.
"""

from __future__ import annotations

import time
from contextlib import ExitStack
from enum import StrEnum
from typing import NamedTuple

from wire.problem import TryLater

from ..archive.index import Index
from ..archive.kept import Job
from ..problem import NO_SUCH_JOB
from ..shared import Shared
from .owner import OwnerRow, owner_file, owner_row, request_file, under_way

PATIENCE = 60.0
"""The time in seconds in which a job that is asked to end has to: a chunk takes a few."""
_STEP = 0.2  # seconds between two looks at who has the job


class JobState(StrEnum):
    """The state of a job."""

    FINISHED = "finished"
    """All of its rows are issued, but for bad ones."""
    RUNNING = "running"
    """A process has it."""
    STOPPED = "stopped"
    """Nobody has it, and rows are left: the same file goes on."""


class JobShown(NamedTuple):
    """A job, how far it is, and who has it."""

    job: Job
    state: JobState
    done: int
    """Rows of the file that are done, bad ones included."""
    owner: OwnerRow | None
    """The process that has it, where one does and has said so."""

    @property
    def remaining(self) -> float | None:
        """The seconds that are left at the rate of this run; `None` where none is known."""
        if self.owner is None or self.owner.rate <= 0:
            return None
        return (self.job.length - self.done) / self.owner.rate


def jobs(store: Index, shared: Shared) -> list[JobShown]:
    """All jobs that were begun, in the order of their sequence numbers."""
    begun = store.jobs()
    files = {*shared.names("jobs")}  # a job without an owner's file costs no look at its lock
    owned = {job.id for job in begun if owner_file(job) in files and _is_held(shared, job)}
    # Read after the locks: one that finishes meanwhile is finished, and not stopped.
    progress = store.progress()
    return [_shown(shared, job, progress.get(job.id, (0, 0)), is_held=job.id in owned) for job in begun]


def job_of_id(store: Index, shared: Shared, identifier: int) -> JobShown:
    """The job with this id. Raises `NO_SUCH_JOB`."""
    for shown in jobs(store, shared):
        if shown.job.id == identifier:
            return shown
    raise NO_SUCH_JOB.saying("there is no job {job}", job=identifier)


def cancel(store: Index, shared: Shared, identifier: int, *, patience: float = PATIENCE) -> JobShown:
    """Ends a job after the chunk in hand, on whichever machine it runs, and returns it as it is then.

    Numbers that it has taken for chunks that it did not begin are free again, also those that a killed owner
    left. A finished job, and one that nobody has, stays as it is. Raises `NO_SUCH_JOB`, `JobUnderWay` if the
    job did not end within the `patience`, in seconds, and `TryLater` where the issuer is kept at rest.
    """
    job = job_of_id(store, shared, identifier).job
    asked, deadline = "", time.monotonic() + patience
    while True:
        row = owner_row(shared, job)
        if row and row.run and not asked:
            asked = row.run
            # Names the run: whoever goes on with the job later, even at once, is not asked to end.
            shared.write(request_file(job), asked.encode())
        with ExitStack() as stack:
            try:
                # Taken in the order that `owner` says; a change of keys or a move needs the index alone.
                stack.enter_context(shared.held("issue", shared=True, patience=_STEP))
                stack.enter_context(shared.held(owner_file(job), patience=_STEP))
            except TryLater:
                has_gone_on = row and asked not in ("", row.run)
                if not has_gone_on and time.monotonic() >= deadline:
                    raise under_way(job, row) from None
            else:
                store.give_back(job)
                shared.remove(request_file(job))
                has_gone_on = True
        if has_gone_on:
            return job_of_id(store, shared, identifier)


def _is_held(shared: Shared, job: Job) -> bool:
    with ExitStack() as stack:
        try:
            stack.enter_context(shared.held(owner_file(job), shared=True, patience=0))
        except TryLater:
            return True
    return False


def _shown(shared: Shared, job: Job, progress: tuple[int, int], *, is_held: bool) -> JobShown:
    chunks, stop = progress
    owner = owner_row(shared, job) if is_held else None
    if chunks == job.chunks:
        return JobShown(job, JobState.FINISHED, job.length, None)
    # Chunks end in the order of the file; bad rows at the end of the last one are not counted here.
    done = (stop - job.first_seq) // len(job.forms) if chunks else 0
    if owner and owner.done is not None:
        done = max(done, min(owner.done, job.length))
    return JobShown(job, JobState.RUNNING if is_held else JobState.STOPPED, done, owner)
