"""`intaglio verify`: credentials, presentations and bundles of files, and what was found in words."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vc import Report, Verdict
from vc.possession import Asked
from vc.reading import SUFFIXES
from vc.report import StatusTime
from vc.secured import MAX_BYTES
from verifier.policy import AllOf, Policy, StatusWithin, load_policy
from verifier.sources.trust import TrustSource
from verifier.summary import summarize
from wire import Malformed, NotFound, Problem, Unavailable, load_json
from wire.datetimestamp import parse_age, parse_datetimestamp
from wire.fetch import Fetcher
from wire.text import printable

from ...session import Session
from ...terminal import (
    EXISTING_FILE,
    Age,
    Result,
    as_typed,
    emphasized,
    is_file,
    read_input,
    say,
    verb,
    wrapped,
)
from ...words import remedy, sentence, tr, tr_count
from ...words import report as words
from .files import Aside, InputFile, expanded, is_many
from .table import COLOURS, Row, table

if TYPE_CHECKING:  # loaded only where files are given
    from verifier.resources import GivenFile

_EXIT: Mapping[Verdict, int] = {Verdict.VALID: 0, Verdict.INVALID: 1, Verdict.UNDETERMINED: 3}
_NOT_FOUND, _MIXED = 4, 7
_SHOWN_WITHIN = "1d"
"""A presentation often comes by mail, hours after it was made."""

_FINDING = 25  # columns before what a check found


class _Moment(click.ParamType[datetime]):
    name = "date"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        if isinstance(value, datetime):
            return value
        try:
            return parse_datetimestamp(value if "T" in value else f"{value}T23:59:59Z", "--at")
        except Malformed:
            self.fail(tr("expected a date such as 2026-06-30 or 2026-06-30T12:00:00Z"), param, ctx)


class _Belonging(click.ParamType[tuple[str, Path]]):
    """A file, perhaps behind an id, which is a URL and may have `=` as well as the file's name."""

    name = "file"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, Path]:
        if isinstance(value, tuple):
            return value
        parts = str(value).split("=")
        cut = next((count for count in range(len(parts)) if is_file("=".join(parts[count:]))), None)
        if cut is None:
            self.fail(tr("there is no file {file}").format(file=printable(parts[-1])), param, ctx)
        return "=".join(parts[:cut]), Path("=".join(parts[cut:]))


policy_option = click.option(
    "--policy",
    "policy_file",
    type=EXISTING_FILE,
    help='Further rules, in JSON, such as {"allOf": ["anchored", {"statusWithinDays": 30}]}.',
)
trust_option = click.option("--trust", "trust_file", type=EXISTING_FILE, help="Another trust list.")


@verb()
@click.argument("sources", metavar="FILE|FOLDER|ZIP|URL|-...", nargs=-1, type=click.Path())
@policy_option
@trust_option
@click.option("--at", "moment", type=_Moment(), help="Judge as of this date instead of now.")
@click.option("--status-within", type=Age(), help="How old the status may be, such as 30d or 12h.")
@click.option(
    "--with",
    "belongings",
    multiple=True,
    metavar="[ID=]FILE",
    type=_Belonging(),
    help="A file whose digest the credential states, by the ID that it has there if it states several.",
)
@click.option("--no-kind-rules", is_flag=True, help="Ask for nothing only because a credential's kind does.")
@click.option("--challenge", help="The challenge that you gave to the holder.")
@click.option("--domain", help="The name under which you asked the holder.")
@click.option(
    "--shown-within",
    type=Age(),
    help=f"How old a presentation may be, such as 7d or 12h; by default {_SHOWN_WITHIN}.",
)
@click.option("--offline", is_flag=True, help="Never touch the network.")
@click.option("--page", is_flag=True, help="Check files in a browser, on this machine, until Ctrl-C.")
def verify(
    session: Session,
    sources: tuple[str, ...],
    policy_file: Path | None,
    trust_file: Path | None,
    moment: datetime | None,
    status_within: str | None,
    belongings: tuple[tuple[str, Path], ...],
    no_kind_rules: bool,
    challenge: str | None,
    domain: str | None,
    shown_within: str | None,
    offline: bool,
    page: bool,
) -> Result | Iterator[Result]:
    """Check credentials, presentations or bundles.

    Of folders, and of ZIP archives, all .json files and badges in pictures are checked; several files get a
    table, and with --json a line each. Exit code 0: valid. 1: definitely not valid. 3: could not be decided.
    7: not the same for all.
    """
    if (challenge is None) != (domain is None):
        raise click.UsageError(
            tr(
                "--challenge and --domain go together: "
                "what was made for another verifier is no answer to you."
            )
        )
    if shown_within is not None and challenge is None:
        raise click.UsageError(tr("--shown-within goes with --challenge and --domain."))
    if page:
        if sources or moment or status_within or challenge or belongings or no_kind_rules:
            raise click.UsageError("--page goes with --policy, --trust and --offline only.")
        from .page import serve_page  # only here: most files are verified without a browser

        with setting():
            policy = None if policy_file is None else read_policy(policy_file)
            serve_page(session, trust_file=trust_file, policy=policy, offline=offline)
        return Result({}, "")
    if not sources:
        raise click.UsageError("Missing argument 'FILE|FOLDER|ZIP|URL|-...'.")
    rules: list[Policy] = [] if policy_file is None else [read_policy(policy_file)]
    if status_within is not None:
        rules.append(StatusWithin(parse_age(status_within)))
    with setting():
        judge = session.verifier(offline=offline, trust_file=trust_file)
    fetcher = session.fetcher(offline=offline)
    is_one = len(sources) == 1 and not is_many(sources[0])
    if not is_one and any(name for name, _ in belongings):
        raise click.UsageError(
            tr("--with ID=FILE goes with one credential; of several, each takes its own by FILE.")
        )
    files = list(_given(belongings))
    asked = Asked(challenge, domain, max_age=parse_age(shown_within or _SHOWN_WITHIN))

    def report_on(received: bytes) -> Report:
        return judge.verify(
            received,
            now=moment or session.now(),
            policy=AllOf(tuple(rules)) if rules else None,
            asked=asked,
            asks_by_kind=not no_kind_rules,
            # Of several credentials each states other files: then one that is not this one's is no other's.
            resources=() if is_one else frozenset().union(*(file.digests for file in files)),
            files=files if is_one else (),
        )

    if not is_one:
        return _verify_all(sources, fetcher, report_on, judge.trust)
    report = report_on(_read(sources[0], fetcher))
    lines = [_laid(line, report.verdict) for line in render(report, judge.trust)]
    return Result(lambda: words.for_programs(report, judge.trust), "\n".join(lines), _EXIT[report.verdict])


def _given(belongings: Sequence[tuple[str, Path]]) -> Iterator[GivenFile]:
    if belongings:
        from verifier.resources import GivenFile  # only here: few credentials state files

        for name, file in belongings:
            with file.open("rb") as opened:
                yield GivenFile.read(opened, name)


def _verify_all(
    given: Sequence[str], fetcher: Fetcher, report_on: Callable[[bytes], Report], trust: TrustSource
) -> Iterator[Result]:
    """A result with data for each file, then one with the table."""
    from ...progress import Counter  # only here: mostly it is one file

    rows: list[Row] = []
    data: Mapping[str, Any] | Callable[[], Mapping[str, Any]]
    codes: set[int] = set()
    total = sum(1 for _ in _all(given, fetcher, Aside()))  # listing takes no time beside verifying
    aside = Aside()
    with Counter("Verifying", total) as counter:
        for source in _all(given, fetcher, aside):
            which = {"file": source.file, **({"member": source.member} if source.member is not None else {})}
            try:
                report = report_on(source.read())
            except Problem as problem:
                code = _NOT_FOUND if isinstance(problem, NotFound) else _EXIT[Verdict.UNDETERMINED]
                open_ = {"verdict": Verdict.UNDETERMINED.value}
                problem.hint, problem.because = remedy(problem), None
                data = {**which, **open_, "error": {**problem.to_dict(), "exitCode": code}}
                said = printable(sentence(problem)[: words.LONGEST])[: words.LONGEST]
                row = Row(source.name, Verdict.UNDETERMINED, said)
            else:
                data, code = functools.partial(_data, which, report, trust), _EXIT[report.verdict]
                row = Row(source.name, report.verdict, _in_table(report, trust))
            rows.append(row)
            codes.add(code)
            yield Result(data, "", code)
            counter.count()
    if aside.count:
        say(
            tr_count(
                "{count} other file in folders and archives was not looked at.",
                "{count} other files in folders and archives were not looked at.",
                aside.count,
            )
        )
    if not rows:
        raise NotFound.saying(
            "there is no file to verify, which would be named {names}", names=" or ".join(SUFFIXES)
        )
    yield Result({}, "\n".join(table(rows)), codes.pop() if len(codes) == 1 else _MIXED)


def _all(given: Sequence[str], fetcher: Fetcher, aside: Aside) -> Iterator[InputFile]:
    for name in given:
        if is_many(name):
            yield from expanded(name, aside)
        else:
            yield InputFile(name, None, functools.partial(_read_any, name, fetcher))


def _read_any(name: str, fetcher: Fetcher) -> bytes:
    try:
        return _read(name, fetcher)
    except click.UsageError as error:  # one that cannot be read stops no other
        raise Unavailable.saying("{said}", said=error.message) from error


def read_policy(file: Path) -> Policy:
    with setting(f"{file}: "), file.open("rb") as opened:
        return load_policy(load_json(opened.read(MAX_BYTES)))


def render(report: Report, trust: TrustSource) -> list[str]:
    """The report for people: verdict and reason in one line, then a line a check, then what to do.

    Claims of a credential stand there only if it is valid.
    """
    lines = [words.headline(report.verdict, said, status) for said, status in _said(report, trust)]
    lines += [f"  {words.line(check)}" for check in report.checks]
    if report.deciding and (hint := words.advice(report.deciding)):
        lines.append(tr("What to do: {remedy}").format(remedy=printable(as_typed(hint))))
    return lines


def _said(report: Report, trust: TrustSource) -> list[tuple[str, StatusTime | None]]:
    """What the verdict is about: a sentence for each credential that is valid, else what keeps it from that.

    With the status where there is one.
    """
    if not report:
        return [(words.reason(report), None)]
    if not report.has_claims:
        holder = printable(str(report.holder))
        return [(tr("the presenter has the DID {did}; nothing else was shown").format(did=holder), None)]
    return [
        (words.sentence(summarize(credential, trust, found)), status)
        for credential, found, status in zip(report.require(), report.by_kind, report.statuses, strict=True)
    ]


def _data(which: Mapping[str, Any], report: Report, trust: TrustSource) -> Mapping[str, Any]:
    return {**which, **words.for_programs(report, trust)}


def _in_table(report: Report, trust: TrustSource) -> str:
    said = ((words.as_of(status), text) for text, status in _said(report, trust))
    return "; ".join(f"{day}: {text}" if day else text for day, text in said)


def _laid(line: str, verdict: Verdict) -> str:
    """A line of the report as a terminal shows it, the verdict at its beginning made strong."""
    word = words.verdict(verdict)
    if line.startswith(word):
        return emphasized(word, COLOURS[verdict]) + wrapped(line, 2)[len(word) :]
    return wrapped(line, _FINDING if line.startswith(" ") else 2)


@contextmanager
def setting(where: str = "") -> Iterator[None]:
    """A broken set-up is a usage error: it says nothing about the credential."""
    try:
        yield
    except Malformed as problem:
        said = tr("{said}. {remedy}").format(said=sentence(problem), remedy=as_typed(remedy(problem)))
        raise click.UsageError(printable(f"{where}{said}".rstrip())) from problem


def _read(source: str, fetcher: Fetcher) -> bytes:
    """The bytes of a file, of a URL or of standard input, cut just above the limit."""
    if source.startswith(("https://", "http://")):
        return fetcher.fetch(source, limit=MAX_BYTES)
    return read_input(source, MAX_BYTES + 1)
