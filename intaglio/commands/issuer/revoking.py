"""`intaglio issuer revoke --from`: all credentials whose numbers stand in a file, or none of them."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import NoReturn

import click

from issuer.archive.kept import Entry, KindNumber
from issuer.issuer import Issuer
from issuer.job.errors import write_errors
from issuer.problem import NO_SUCH_DIPLOMA, UNREADABLE_FILE, EncodingOpen, HiddenOpen, SheetOpen
from issuer.table.finding import CellFinding
from issuer.table.source import Source, open_source
from kinds import Kind
from vc.status import Reason
from wire.problem import Declined
from wire.text import counted

from ...progress import Counter
from ...terminal import Result, agreed, say
from . import text

_LISTED = ("number", "kind")
"""The headings of `issuer list`."""
_PORTION = 1 << 12
"""Rows whose numbers are looked up at once."""
_HEADINGS = 1
"""The row of the headings; in a plain list of numbers, the first of them."""


def revoke_file(
    issuer: Issuer,
    file: Path,
    kind: str,
    reason: Reason,
    *,
    date: datetime,
    now: datetime,
    yes: bool,
    judge: Callable[[Entry], None] | None,
) -> Result:
    """Revokes them for good, once somebody agreed to how many they are.

    `judge` raises for one that cannot be revoked from that date. Raises `NotFound` where a row names none
    that was issued here, and `UNREADABLE_FILE`; nothing is revoked then.
    """
    if not kind and len(issuer.kinds.names) > 1:
        raise click.UsageError("Several kinds are issued here: say with --kind whose numbers these are.")
    of_kind = issuer.kinds.newest(kind)
    source = _opened(file, of_kind)
    noun, many = issuer.kinds.nouns({of_kind.name})
    named, findings = _named(issuer, source, f"names no {noun} that was issued here", judge)
    if findings:
        _refuse(issuer, source, findings, noun)
    news = sum(named.values())
    if before := len(named) - news:
        say(f"{counted(before, noun, many)} had been revoked before: nothing changes there.")
    if news and not agreed(f"Revoke {counted(news, noun, many)} of {file.name} for good?", yes):
        raise Declined("nothing was revoked")
    # Those of before, too: a run that was killed may have journalled them without signing a list.
    each = (KindNumber(of_kind.name, number) for number in named)
    del named  # its million numbers leave memory once they are journalled, before lists are signed
    issuer.lists.revoke(each, reason, date=date, now=now)
    if news:
        say("The next check on this machine sees it at once.", *text.not_heard_of(issuer))
    data = {"file": str(file), "revoked": news, "revokedBefore": before}
    return Result(data, f"{counted(news, noun, many)} revoked, {before} revoked before")


def _opened(file: Path, kind: Kind) -> Source:
    """The file, with a column of numbers, or with no other column."""
    hint = 'Save the numbers as "CSV UTF-8": in a column with the usual heading, or one in each line.'
    try:
        source = open_source(file, required=(), kind=kind)
    except (EncodingOpen, SheetOpen, HiddenOpen) as problem:  # which `issue` has options for
        raise UNREADABLE_FILE(problem.detail, hint=hint) from problem
    if not source.has_numbers and not _is_list(source) and len(source.header) > 1:
        raise UNREADABLE_FILE(f"{file.name} has several columns, and none for {kind.number}", hint=hint)
    return source


def _named(
    issuer: Issuer, source: Source, unknown: str, judge: Callable[[Entry], None] | None
) -> tuple[Mapping[str, bool], Mapping[int, Sequence[CellFinding]]]:
    """The numbers, each once, with true if the credential is not revoked yet; the findings, by row."""
    named: dict[str, bool] = {}
    findings: dict[int, Sequence[CellFinding]] = {}
    column = _LISTED[0] if _is_list(source) else source.column(source.kind.number)
    with Counter("Looking up", sum(span.rows for span in source.spans)) as counter:
        rows = counter.counting(_rows(source))
        # One by one, a million numbers would cost a database a thousand seconds.
        while portion := list(islice(rows, _PORTION)):
            current = issuer.store.all_current([which for _, which in portion])
            for row, which in portion:
                # It may have a number of another kind's credential.
                entry = current.get(which) if which.kind == source.kind.name else None
                if entry is None:
                    reason = unknown if which.number else "is empty"
                    findings[row] = [CellFinding(row, column, reason, which.number)]
                    continue
                if judge is not None:
                    judge(entry)
                named[entry.number] = entry.reason is None or entry.is_suspended
    return named, findings


def _is_list(source: Source) -> bool:
    return not source.has_numbers and _LISTED[0] in source.header


def _rows(source: Source) -> Iterator[tuple[int, KindNumber]]:
    """The kind and number that each row names."""
    number, kind = source.columns.get(source.kind.number, 0), len(source.header)
    if _is_list(source):
        number, kind = (source.header.index(name) if name in source.header else kind for name in _LISTED)
    elif not source.has_numbers:
        yield _HEADINGS, _meant(source, source.header[0])
    for span in source.spans:
        for row, cells in source.rows(span):
            at_hand = dict(enumerate(cells))
            yield row, _meant(source, at_hand.get(number, ""), at_hand.get(kind, ""))


def _meant(source: Source, number: str, kind: str = "") -> KindNumber:
    return KindNumber(kind.strip() or source.kind.name, unicodedata.normalize("NFC", number).strip())


def _refuse(
    issuer: Issuer, source: Source, findings: Mapping[int, Sequence[CellFinding]], noun: str
) -> NoReturn:
    """Report the faults of the first rows, and write all of them into an error file."""
    for line in text.faults(findings):
        say(*line)
    below = {row: row_findings for row, row_findings in findings.items() if row > _HEADINGS}
    wanted = source.path.with_name(f"{source.path.stem}.errors.csv")
    if written := write_errors(wanted, source, below, issuer.home, issuer.home):
        say(f"These rows are in {written}: correct them in {source.path}.")
    rows = counted(len(findings), "row")
    raise NO_SUCH_DIPLOMA(
        f"{rows} of {source.path.name} {'names' if len(findings) == 1 else 'name'} no {noun} that was issued "
        "here, so nothing was revoked"
    )
