"""The owner of a job: the one process, among those of all machines, that has its lock until it ends or dies.

Locks are taken in this order: `issue`, shared by all who issue; that of a job; `rotation`; `status`; those of
small files; the log's. Nobody who has a job waits for another one, so that no circle of waiting arises.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime

import orjson

from wire.datetimestamp import format_datetimestamp
from wire.problem import Malformed, TryLater
from wire.strict import load_json_object
from wire.text import printable

from ..archive.kept import Job
from ..shared import Shared

_SHOWN = 64  # characters of a name


class JobUnderWay(TryLater):
    """Another process is issuing this file."""

    code = "job-under-way"
    title = "This file is being issued already"


@contextmanager
def owned(shared: Shared, job: Job, now: datetime, *, patience: float = 0) -> Iterator[None]:
    """Has a job for this process alone. Raises `JobUnderWay`, which says who has it, and since when.

    It waits `patience` seconds for the owner, such as one who was killed just now.

    One that stands still for longer than its lock lasts loses it: its next write raises `TAKEN_OVER`.
    """
    name = f"jobs/{job.id}"
    with ExitStack() as stack:
        try:
            stack.enter_context(shared.held(name, patience=patience))
        except TryLater:
            raise _under_way(job, shared.read(name)) from None
        owner = {
            "process": os.getpid(),
            "machine": socket.gethostname(),
            "since": format_datetimestamp(now),
        }
        shared.write(name, orjson.dumps(owner))
        yield
        shared.remove(name)  # what a killed owner leaves is never read: the next one writes first


def _under_way(job: Job, content: bytes | None) -> JobUnderWay:
    try:
        owner = load_json_object(content or b"")
        return JobUnderWay.saying(
            "{file} is being issued by process {process} on {machine}, since {since}",
            file=job.file,
            process=int(owner["process"]),
            machine=printable(str(owner["machine"]))[:_SHOWN],
            since=printable(str(owner["since"]))[:_SHOWN],
        )
    except (Malformed, KeyError, TypeError, ValueError):  # which has just begun, and written nothing yet
        return JobUnderWay.saying("{file} is being issued by another process", file=job.file)
