"""`intaglio issuer status`: the published status lists, and how all that was issued stands."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import click

from issuer.archive.kept import EditionState
from issuer.keeping import leftovers
from issuer.keeping.overview import Overview, overview
from issuer.status.copying import copy_published
from issuer.status.due import next_due
from vc.reading.status_digest import NAME as DIGEST
from wire.datetimestamp import format_datetimestamp
from wire.text import counted, printable

from ...terminal import Result, say, typed, verb
from ..forms import media_type
from . import text
from .place import Place, of_form_option
from .serve import lifetime_option


@click.group()
def status() -> None:
    """The published status lists, and how all that was issued stands."""


@verb(status)
@of_form_option
def show(place: Place, secured_as: str | None) -> Result:
    """Show how much was issued, what became of it, the last file, and when status lists are due.

    Nothing is changed, and no passphrase is needed.
    """
    issuer = place.open()
    view = overview(issuer, place.session.now(), issuer.issued_as.name_of(media_type(secured_as)))
    last = view.last
    data = {
        "credentials": view.credentials,
        "issued": sum(view.states.values()),
        **{state.value: view.states.get(state, 0) for state in EditionState},
        "claimed": view.claimed,
        "lastFile": last
        and {
            "file": last.job.file,
            "date": last.job.created,
            "rows": last.job.length,
            "finished": last.is_finished,
        },
        "lists": [
            {"list": number, "due": _stamp(times and times[0]), "end": _stamp(times and times[1])}
            for number, times in view.lists.items()
        ],
        "dueNow": view.due,
    }
    return Result(data, "\n".join(_lines(view, issuer.kinds.nouns(), issuer.identity.closed)))


def _lines(view: Overview, nouns: tuple[str, str], closed: str) -> list[str]:
    shown = [state for state in EditionState if state in view.states or state is not EditionState.SUSPENDED]
    states = ", ".join(f"{view.states.get(state, 0)} {state.value}" for state in shown)
    lines = [
        f"{counted(view.credentials, *nouns)}, {view.claimed} claimed by wallets",
        f"{counted(sum(view.states.values()), 'edition')}: {states}",
    ]
    if view.last is not None:
        job = view.last.job
        ended = "finished" if view.last.is_finished else "not finished: the same command goes on"
        lines.append(f"last file: {printable(job.file)} of {job.created[:10]}, {ended}")
    if closed:
        return [*lines, f"closed on {closed[:10]}: no status list is due any more"]
    if view.due:
        numbers = f"list{'s' if len(view.due) > 1 else ''} {', '.join(map(str, view.due))}"
        lines.append(f"due now: status {numbers}; `{typed('issuer', 'status', 'publish')}` signs what is due")
    elif times := min(filter(None, view.lists.values()), default=None):
        lines.append(_next(len(view.lists), *times))
    return lines


def _next(count: int, due: datetime, end: datetime) -> str:
    return f"{counted(count, 'status list')}, {_until(due, end)}"


def _until(due: datetime, end: datetime) -> str:
    return f"to be signed anew by {due:%Y-%m-%d}, good until {end:%Y-%m-%d}"


def _stamp(time: datetime | None) -> str | None:
    return format_datetimestamp(time) if time else None


@verb(status)
@lifetime_option
@click.option("--to", metavar="FOLDER|URI", help="Copy them, and did.json, to a folder or s3://… as well.")
def publish(place: Place, status_lifetime: str | None, to: str | None) -> Result:
    """Sign and write the lists that are new, changed, gone, or past half of their life."""
    issuer = place.open()
    if status_lifetime:
        issuer.require_list_signer()
        issuer.keep_lists(status_lifetime)
    numbers = issuer.lists.publish(now=place.session.now(), anew=True)
    leftovers.remove(issuer.home)
    folder = issuer.shared.where("status")
    if to is not None:
        files = copy_published(issuer.home, to)
        folder = to
        say(f"{counted(files, 'file')} new there.")
    elif issuer.identity.url:
        say(*text.to_publish(issuer))
    data: dict[str, Any] = {"published": numbers, "folder": folder, "due": None, "end": None}
    words = f"{counted(len(numbers), 'list')} published in {folder}"
    if issuer.identity.closed:
        words += "; the issuer has closed, and no further ones are due"
    elif times := next_due(issuer.store, issuer.identity):
        due, end = times
        data |= {"due": format_datetimestamp(due), "end": format_datetimestamp(end)}
        words += f", {_until(due, end)}"
    return Result(data, words)


@verb(status)
def digest(place: Place) -> Result:
    """Sign one file of all revocations, which a verifier takes once, and what changed since the last one.

    Lists that are due are published first. A verifier that has the file asks nobody for a list.
    """
    issuer = place.open()
    number = issuer.lists.publish_digest(now=place.session.now())
    path = issuer.shared.where(f"status/{DIGEST}")
    source = f"{issuer.identity.url}/status/{DIGEST}" if issuer.identity.url else DIGEST.upper()
    say("Verifiers take it by:", typed("trust", "add", issuer.identity.did, "--revocations", source))
    return Result({"number": number, "file": path}, f"status digest {number} in {path}")
