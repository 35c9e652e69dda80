"""`intaglio issuer list`: what was issued, for people, for spreadsheets and for programs, as it comes."""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import chain
from typing import Any

import click

from issuer.archive.finding import MOST_FOUND
from issuer.archive.kept import EditionState, Entry
from issuer.archive.listing import Filter
from issuer.issuer import Issuer
from wire.datetimestamp import format_datetimestamp
from wire.text import guarded, printable

from ...progress import Counter
from ...terminal import DAY, Result, say, verb
from ..forms import media_type
from . import text
from .issued import require_kind
from .place import Place, of_form_option, of_kind_option

verbs = click.Group()

COLUMNS = (
    *("kind", "number", "edition", "copy", "name", "email", "issued"),
    *("state", "reason", "revoked", "claimed", "holder"),
)
"""Default columns of the formats for spreadsheets and programs."""
_KNOWN = (*COLUMNS, "form")

_FORMATS = ("csv", "jsonl")


class _Columns(click.ParamType[tuple[str, ...]]):
    """Names of columns with commas between them."""

    name = "names"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, ...]:
        names = tuple(name.strip() for name in str(value).split(","))
        if unknown := [name for name in names if name not in _KNOWN]:
            self.fail(f"there is no column {unknown[0]!r}, but {', '.join(_KNOWN)}.", param, ctx)
        return names


@verb(verbs)
@click.argument("selector", metavar="[TEXT]", default="")
@of_kind_option
@of_form_option
@click.option(
    "--state", type=click.Choice([state.value for state in EditionState]), help="Only editions in this state."
)
@click.option("--since", type=DAY, metavar="DATE", help="Only what was issued on this day (UTC) or later.")
@click.option("--until", type=DAY, metavar="DATE", help="Only what was issued on this day (UTC) or before.")
@click.option("--claimed/--unclaimed", default=None, help="Only what a wallet has claimed, or none has.")
@click.option("--title", default="", help="Only those with this in their title; reads each credential.")
@click.option("--format", "form", type=click.Choice(_FORMATS), help="For a spreadsheet, or for programs.")
@click.option("--columns", type=_Columns(), help=f"With --format: some of {', '.join(_KNOWN)}.")
def list_(
    place: Place,
    selector: str,
    kind: str,
    secured_as: str | None,
    state: str | None,
    since: datetime | None,
    until: datetime | None,
    claimed: bool | None,
    title: str,
    form: str | None,
    columns: tuple[str, ...] | None,
) -> Result:
    """List the credentials. A number or its beginning, a name or an e-mail address lists those that fit."""
    context = click.get_current_context()
    if form and context.params.get("as_json"):
        raise click.UsageError("--json prints one object; --format jsonl prints a line for each edition.")
    if columns and not form:
        raise click.UsageError(f"--columns goes with --format {' or '.join(_FORMATS)}.")
    issuer = place.open()
    require_kind(issuer, kind)
    wanted = Filter(
        kind=kind,
        state=EditionState(state) if state else None,
        since=since and since.date(),
        until=until and until.date(),
        claimed=claimed,
        title=title,
        form=issuer.issued_as.name_of(media_type(secured_as)),
    )
    more, total, entries = False, 0, issuer.entries()
    if selector:
        matches = issuer.find(selector, kind) or issuer.finder.numbered(selector, kind)
        if more := len(matches) > MOST_FOUND:
            say(f"More than {MOST_FOUND} fit; these are the first. Say more of the name.")
        total, entries = len(matches), _in_form(issuer, matches[:MOST_FOUND], wanted.form)
    if title:
        entries = _counting(entries, total or issuer.store.count())
    entries = issuer.listing.select(entries, wanted)
    first = next(entries, None)
    if first is None:
        is_new = not selector and not issuer.store.count()
        nouns = issuer.kinds.nouns([kind] if kind else None)
        say("Nothing was issued here yet." if is_new else f"No {nouns[0]} fits.")
    entries = chain([] if first is None else [first], entries)
    if form:
        return Result({}, _rows(issuer, entries, form, columns or COLUMNS))
    if claimed:
        return Result(
            {"diplomas": (text.with_claim(issuer, entry) for entry in entries), "more": more},
            (text.claimed_line(issuer, entry) for entry in entries),
        )
    return Result({"diplomas": map(text.brief, entries), "more": more}, map(text.lines(issuer), entries))


def _in_form(issuer: Issuer, entries: Iterable[Entry], form: str | None) -> Iterator[Entry]:
    """The same editions in a form, those that have it; without one, as they were found."""
    for entry in entries:
        if form in (None, entry.form):
            yield entry
        else:
            yield from (each for each in issuer.editions(entry) if each.form == form and each.copy == 1)


def _counting(entries: Iterator[Entry], total: int) -> Iterator[Entry]:
    """The same, with how far it is on stderr: each of them is unpacked and read."""
    with Counter("Reading", total) as counter:
        yield from counter.counting(entries)


def _rows(issuer: Issuer, entries: Iterable[Entry], form: str, columns: tuple[str, ...]) -> Iterator[str]:
    """A line for each edition, before which a CSV file has its headings."""
    rows = (_cells(issuer, entry, columns) for entry in entries)
    if form == "jsonl":
        yield from (json.dumps(dict(zip(columns, row, strict=True)), separators=(",", ":")) for row in rows)
        return
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8")  # whatever the locale: the mark below says so
    shown = printable if sys.stdout.isatty() else str
    lines = csv.writer(_Line(), lineterminator="")
    yield f"\ufeff{lines.writerow(columns)}"  # spreadsheets take the mark for UTF-8
    for row in rows:
        # Names and numbers are somebody's words (threat: CSV injection; at a terminal, escape sequences).
        yield lines.writerow([guarded("" if cell is None else shown(str(cell))) for cell in row])


class _Line:
    """A file for a CSV writer: `write` returns the line, so that `writerow` returns it."""

    def write(self, line: str) -> str:
        return line


def _cells(issuer: Issuer, entry: Entry, columns: tuple[str, ...]) -> list[str | int | None]:
    """The values of the columns, `None` for missing ones; only requested columns are read."""
    claim = issuer.listing.claim(entry) if {"claimed", "holder"} & {*columns} else None
    issued = issuer.listing.issued(entry) if "issued" in columns else None
    values: dict[str, str | int | None] = {
        "kind": entry.kind,
        "number": entry.number,
        "edition": entry.edition,
        "copy": entry.copy,
        "form": issuer.issued_as.media_type(entry.form) if "form" in columns else None,
        "name": entry.name,
        "email": entry.email,
        "issued": format_datetimestamp(issued) if issued else None,
        "state": entry.state.value,
        "reason": entry.reason,
        "revoked": None if entry.is_suspended else entry.date,
        "claimed": format_datetimestamp(claim.time) if claim and claim.time else None,
        "holder": claim.holder if claim else None,
    }
    return [values[column] for column in columns]
