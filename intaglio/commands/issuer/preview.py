"""The preview that a registrar sees at a terminal before anything is signed, and the question after it."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator

import click

from issuer.job.bulk import Issued
from issuer.job.checked import CheckedTable
from issuer.job.checking import Survey
from issuer.press.document import Composer
from issuer.table.source import Source
from kinds import Record
from wire.problem import Declined
from wire.text import cells, counted, printable

from ...session import Session
from ...terminal import agreed, say, wrapped
from ...words import label
from ...words import report as words
from . import text


def is_asked(yes: bool) -> bool:
    """True if somebody sits at a terminal and did not say --yes."""
    return sys.stdin.isatty() and not yes


def require_agreed(
    table: CheckedTable, session: Session, composer: Composer, kind_name: str, made_first: str
) -> None:
    """Shows the rows that are to be signed, and asks. Raises `Declined`.

    `kind_name` is said where several kinds are issued; `made_first` is the issuer that is not here yet.
    """
    survey, kind = table.survey, table.kind
    nouns = kind.nouns["en"]

    def sentence(record: Record) -> str:
        return session.sentence(composer.compose(record, 0), composer.profile.name, kind)

    seen = Issued(survey, 0, None, table.first(), table.alike(sentence))
    for remark in text.remarks(table.source, seen, nouns, kind_name):
        say(*remark)
    for line in _reading(table.source):
        say(line)
    count = counted(survey.good, *nouns)
    which = "" if len(seen.first) == survey.good else f"The first {len(seen.first)} of "
    if seen.first:
        say(f"{which}{count}, unsigned, as holders will see them:")
    for record in seen.first:
        _show(record, session, composer)
    if made_first:
        say(f"There is no issuer here yet: {made_first} becomes one first.")
    added = f"{counted(len(table.lacking), *nouns)} in another form" if table.lacking else ""
    whole = " and ".join(filter(None, [count if survey.good else "", added]))
    if not agreed(printable(f"{_counts(survey)}Issue {whole} for good?"), yes=False):
        raise Declined("nothing was issued")


def _show(record: Record, session: Session, composer: Composer) -> None:
    """The sentence of `verify`, and below it the lines that a wallet shows."""
    kind = composer.kind
    claims, summary = session.summary(composer.compose(record, 0), composer.profile.name, kind)
    details = words.details(claims, summary, str(record[kind.number]))
    days = {"since": claims.valid_from, "until": claims.valid_until}
    details += [(label(name), f"{day:%Y-%m-%d}") for name, day in days.items() if day]
    width = max(cells(name) for name, _ in details) + 2
    _print(f"  {words.sentence(summary)}", 4)
    for name, value in details:
        head = f"    {name}{' ' * (width - cells(name))}"
        _print(head + value, len(head))


def _reading(source: Source) -> Iterator[str]:
    """The choices made in reading the file, where another reading was possible."""
    if name := source.encoding_name:
        yield f"It was read as {name} (--encoding)."
    if source.date_order:
        yield f"Dates such as 03/04/2026 are {source.date_order.replace('-', ' ')} (--dates)."


def _counts(survey: Survey) -> str:
    """The rows that are not to be issued, where there are some."""
    before, failed = len(survey.known), len(survey.findings)
    if not (before or failed):
        return ""
    return f"{counted(survey.rows, 'row')}: {before} issued before, {failed} with errors. "


def _print(line: str, column: int) -> None:
    with contextlib.suppress(OSError):
        click.echo(wrapped(line, column, err=True), err=True)
