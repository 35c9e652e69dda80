"""The owner of a job: the one process, among those of all machines, that has its lock until it ends or dies.

Beside the lock lies a small file that says who it is and how far, for people, and one by which it is asked to
end. Neither decides anything: only who has the lock is the owner.

Locks are taken in this order: `issue`, shared by all who issue; that of a job; `rotation`; `status`; those of
small files; the log's. Nobody who has a job waits for another one, so that no circle of waiting arises.
"""

from __future__ import annotations

import os
import secrets
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

import orjson

from wire.datetimestamp import format_datetimestamp
from wire.problem import Malformed, TryLater
from wire.strict import load_json_object
from wire.text import printable

from ..archive.kept import Job
from ..shared import Shared

_SHOWN = 64  # characters of a name
_MOST_MACHINES = 64  # names of them
_INTERVAL = 1.0  # seconds between two states of an owner's file: each is a write for all machines


class JobUnderWay(TryLater):
    """Another process is issuing this file."""

    code = "job-under-way"
    title = "This file is being issued already"


class OwnerRow(NamedTuple):
    """The owner of a job, as its file says."""

    run: str
    """A random name of its hold on the job, which no other one has."""
    process: int
    machine: str
    since: str
    """The time at which it took the job, as a dateTimeStamp by its own clock."""
    done: int | None = None
    """The rows of the file that are done, bad ones and those of earlier runs included; `None` at first."""
    rate: float = 0.0
    """Rows a second of this run; 0 before its first chunk."""
    machines: tuple[str, ...] = ()
    """The machines that sign for it."""


@dataclass
class Owner:
    """This process as the owner of a job."""

    shared: Shared
    job: Job
    row: OwnerRow
    clock: Callable[[], float] = time.monotonic
    _due: float = 0.0
    _first: tuple[int, float] | None = None
    """The rows that were done before this run, and when it began."""

    def tell(self, done: int, machines: Sequence[str] = ()) -> None:
        """Notes how many rows of the file are done, and which machines sign; at most once a second.

        The first call comes before this run has done any. Raises as `Shared.write`.
        """
        now = self.clock()
        before, begun = self._first = self._first or (done, now)
        if now < self._due:
            return
        self._due = now + _INTERVAL
        rate = (done - before) / (now - begun) if done > before else 0.0
        row = self.row._replace(done=done, rate=rate, machines=tuple(machines) or (self.row.machine,))
        self.shared.write(owner_file(self.job), orjson.dumps(row._asdict()), synced=False)

    def is_asked_to_end(self) -> bool:
        """True once somebody has cancelled this run of the job; a request to an earlier run is none to it."""
        return self.shared.read(request_file(self.job)) == self.row.run.encode()


def owner_file(job: Job) -> str:
    """The name of a job's lock, and of the file of its owner."""
    return f"jobs/{job.id}"


def request_file(job: Job) -> str:
    """The name of the file that has the run of the owner who is to end."""
    return f"jobs/{job.id}.cancel"


@contextmanager
def owned(shared: Shared, job: Job, now: datetime, *, patience: float = 0) -> Iterator[Owner]:
    """Has a job for this process alone. Raises `JobUnderWay`, which says who has it, and since when.

    It waits `patience` seconds for the owner, such as one who was killed just now.

    One that stands still for longer than its lock lasts loses it: its next write raises `TAKEN_OVER`.
    """
    name = owner_file(job)
    with ExitStack() as stack:
        try:
            stack.enter_context(shared.held(name, patience=patience))
        except TryLater:
            raise under_way(job, owner_row(shared, job)) from None
        row = OwnerRow(secrets.token_hex(8), os.getpid(), socket.gethostname(), format_datetimestamp(now))
        shared.write(name, orjson.dumps(row._asdict()))
        yield Owner(shared, job, row)
        # The row of a killed owner is never taken for one: it has not the lock. In a folder the lock's own
        # empty file stays: removed, it could be had by one who opened it before, and a new one by another.
        shared.remove(name)


def owner_row(shared: Shared, job: Job) -> OwnerRow | None:
    """What the file of a job's owner says; `None` if there is none, or none that can be read."""
    try:
        row = load_json_object(shared.read(owner_file(job)) or b"")
        done, machines = row.get("done"), row.get("machines") or []
        return OwnerRow(
            str(row.get("run", "")),
            int(row["process"]),
            printable(str(row["machine"]))[:_SHOWN],
            printable(str(row["since"]))[:_SHOWN],
            done=None if done is None else int(done),
            rate=float(row.get("rate", 0)),
            machines=tuple(printable(str(each))[:_SHOWN] for each in machines[:_MOST_MACHINES]),
        )
    except (Malformed, KeyError, TypeError, ValueError):  # of one that has just begun, or of another release
        return None


def under_way(job: Job, row: OwnerRow | None) -> JobUnderWay:
    """The problem that somebody else has a job."""
    if row is None:
        return JobUnderWay.saying("{file} is being issued by another process", file=job.file)
    return JobUnderWay.saying(
        "{file} is being issued by process {process} on {machine}, since {since}",
        file=job.file,
        process=row.process,
        machine=row.machine,
        since=row.since,
    )
