"""`intaglio issuer clock`: which time is right, where what was signed says another than the clock here."""

from __future__ import annotations

import shlex

import click

from issuer.archive.kept import Entry
from issuer.identity import documents
from issuer.issuer import Issuer
from issuer.keeping.ahead import accept_clock, dated_ahead, dated_until
from wire.clock import is_ahead
from wire.problem import Declined
from wire.text import counted

from ...terminal import Result, agreed, say, typed, verb
from . import text
from .place import Place


@click.group()
def clock() -> None:
    """What to do after the clock was wrong."""


@verb(clock)
@click.option("--yes", is_flag=True, help="Do not ask, even at a terminal.")
def accept(place: Place, yes: bool) -> Result:
    """Say that the clock here is right, and was ahead before.

    The log's checkpoint and the status lists are signed anew, with the right time. Keys that ended ahead of
    it end now. The credentials that are dated ahead are listed, each with the command that issues it anew.
    """
    made, now = place.open(), place.session.now()
    signed, document = dated_until(made, now), documents.newest(made.home)
    if signed is not None and is_ahead(signed, now):
        asked = f"Is it {now:%Y-%m-%d %H:%M}Z now? Up to {signed:%Y-%m-%d %H:%M}Z was signed."
        if not agreed(asked, yes):
            raise Declined("nothing was signed; set the clock right")
        closed = made.identity.closing is not None
        accept_clock(made, now)
        if closed and made.identity.closing is None:
            say(
                f"{made.name} is open again: it had closed at a time that is yet to come.",
                f"Close it after {signed:%Y-%m-%d %H:%M}Z, and hand out the trust file of then.",
            )
        if documents.newest(made.home) != document:
            say(
                "Keys that had ended ahead of time have ended now.",
                f"Publish {made.shared.where('did.json')} at {made.identity.document_url}",
            )
        say(
            "The log's checkpoint and the status lists are dated rightly by now.",
            "Bundles that were handed out meanwhile stay open until their date: export them anew.",
            *([f"Copy {made.shared.where('status')} to {url}/status/"] if (url := made.identity.url) else []),
        )
    else:
        say("Neither checkpoint, status list nor key is dated ahead of the clock here: nothing was signed.")
    entries = list(dated_ahead(made, now))
    if entries:
        say(
            f"{counted(len(entries), *made.kinds.nouns({entry.kind for entry in entries}))} dated ahead: "
            "whoever checks one is told so until that date.",
            "The commands below issue each anew; hand out the new bundle in place of the old one.",
        )
    found = [{**text.brief(entry), "correct": _correct(made, entry)} for entry in entries]
    data = {"clock": now.isoformat(), "ahead": signed and signed.isoformat(), "diplomas": found}
    return Result(data, "\n".join(_correct(made, entry) for entry in entries))


def _correct(made: Issuer, entry: Entry) -> str:
    is_shared = len(made.store.kinds_of(entry.number)) > 1
    return f"{typed('issuer', 'correct')} {shlex.quote(entry.number)}" + f" --kind {entry.kind}" * is_shared
