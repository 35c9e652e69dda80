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
    """Mend what a wrong clock left behind."""


@verb(clock)
@click.option("--yes", is_flag=True, help="Do not ask, even at a terminal.")
def accept(place: Place, yes: bool) -> Result:
    """Say that the clock here is right, and was ahead before.

    The log's checkpoint and the status lists are signed anew, with the right time. Keys that ended ahead of
    it end now. The credentials that are dated ahead are listed, each with the command that issues it anew.
    """
    issuer, now = place.open(), place.session.now()
    signed, document = dated_until(issuer, now), documents.newest(issuer.home)
    if signed is not None and is_ahead(signed, now):
        asked = f"Is it {now:%Y-%m-%d %H:%M}Z now? Up to {signed:%Y-%m-%d %H:%M}Z was signed."
        if not agreed(asked, yes):
            raise Declined("nothing was signed; set the clock right")
        closed = issuer.identity.closing is not None
        accept_clock(issuer, now)
        if closed and issuer.identity.closing is None:
            say(
                f"{issuer.name} is open again: it had closed at a time that is yet to come.",
                f"Close it after {signed:%Y-%m-%d %H:%M}Z, and hand out the trust file of then.",
            )
        if documents.newest(issuer.home) != document:
            say(
                "Keys that had ended ahead of time have ended now.",
                f"Publish {issuer.shared.where('did.json')} at {issuer.identity.document_url}",
            )
        say(
            "The log's checkpoint and the status lists are dated rightly by now.",
            "Bundles that were handed out meanwhile stay open until their date: export them anew.",
            *(
                [f"Copy {issuer.shared.where('status')} to {url}/status/"]
                if (url := issuer.identity.url)
                else []
            ),
        )
    else:
        say("Neither checkpoint, status list nor key is dated ahead of the clock here: nothing was signed.")
    entries = list(dated_ahead(issuer, now))
    if entries:
        say(
            f"{counted(len(entries), *issuer.kinds.nouns({entry.kind for entry in entries}))} dated ahead: "
            "whoever checks one is told so until that date.",
            "The commands below issue each anew; hand out the new bundle in place of the old one.",
        )
    briefs = [{**text.brief(entry), "correct": _correct(issuer, entry)} for entry in entries]
    data = {"clock": now.isoformat(), "ahead": signed and signed.isoformat(), "diplomas": briefs}
    return Result(data, "\n".join(_correct(issuer, entry) for entry in entries))


def _correct(issuer: Issuer, entry: Entry) -> str:
    is_shared = len(issuer.store.kinds_of(entry.number)) > 1
    return f"{typed('issuer', 'correct')} {shlex.quote(entry.number)}" + f" --kind {entry.kind}" * is_shared
