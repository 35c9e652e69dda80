"""`intaglio issuer job`: the files that are being issued, and were: how far each is, and the end of one."""

from __future__ import annotations

from typing import Any

import click

from issuer.job.jobs import JobShown, JobState, cancel, job_of_id, jobs
from wire.text import counted, printable

from ...terminal import Result, say, verb
from .place import Place

_number = click.argument("number", type=click.IntRange(1, (1 << 63) - 1))


@click.group()
def job() -> None:
    """Files that are being issued, and were, on any machine of the issuer."""


@verb(job)
def list_(place: Place) -> Result:
    """List the files that were begun, with how far each is and who is issuing it."""
    issuer = place.open()
    shown = jobs(issuer.store, issuer.shared)
    if not shown:
        say("No file was issued here yet.")
    return Result({"jobs": map(_data, shown)}, map(_line, shown))


@verb(job)
@_number
def show(place: Place, number: int) -> Result:
    """Show one job by its number in the list."""
    issuer = place.open()
    shown = job_of_id(issuer.store, issuer.shared, number)
    return Result(_data(shown), _card(shown))


@verb(job)
@_number
def cancel_(place: Place, number: int) -> Result:
    """End a job after the chunk in hand, on whichever machine it runs.

    Credentials that were issued stay issued. The command that issues the file goes on where it ended.
    """
    issuer = place.open()
    before = job_of_id(issuer.store, issuer.shared, number)
    if before.state is JobState.RUNNING:
        say("It ends after the chunk in hand.")
    shown = cancel(issuer.store, issuer.shared, number)
    if shown.state is JobState.STOPPED:
        say("The command that issues this file goes on from here; nothing is issued twice.")
    return Result(_data(shown), _line(shown))


def _data(shown: JobShown) -> dict[str, Any]:
    begun, owner = shown.job, shown.owner
    return {
        "job": begun.id,
        "file": begun.file,
        "begun": begun.created,
        "state": shown.state.value,
        "done": shown.done,
        "rows": begun.length,
        "owner": owner
        and {
            "process": owner.process,
            "machine": owner.machine,
            "since": owner.since,
            "machines": list(owner.machines),
            "rate": round(owner.rate, 1) or None,
            "secondsLeft": None if shown.remaining is None else round(shown.remaining),
        },
    }


def _line(shown: JobShown) -> str:
    begun = shown.job
    done = f"{shown.done} of {counted(begun.length, 'row')}"
    words = [f"{begun.id}  {shown.state}", done, *_pace(shown), f"begun {begun.created}"]
    return f"{', '.join(words)}  {printable(begun.file)}"


def _card(shown: JobShown) -> str:
    begun, owner = shown.job, shown.owner
    details: dict[str, object] = {
        "state": shown.state.value,
        "file": printable(begun.file),
        "begun": begun.created,
        "rows": f"{shown.done} of {begun.length}",
    }
    if owner:
        details |= {
            "process": f"{owner.process} on {owner.machine}, since {owner.since}",
            "machines": ", ".join(owner.machines),
            "pace": ", ".join(_pace(shown)),
        }
    width = max(map(len, details)) + 2
    return "\n".join(f"{name:<{width}}{value}" for name, value in details.items() if value)


def _pace(shown: JobShown) -> list[str]:
    """The rate of the run, and the time that is left."""
    if shown.owner is None or shown.remaining is None:
        return []
    return [f"{shown.owner.rate:.0f} rows a second", f"{shown.remaining:.0f} s left"]
