"""`intaglio verify`: credentials, presentations and bundles of files, and what was found in words."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vc import Report, Verdict
from vc.possession import Asked
from vc.secured import MAX_BYTES
from verifier.policy import AllOf, Policy, StatusWithin, load_policy
from verifier.sources.trust import TrustSource
from wire import Malformed, Unavailable, load_json
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
    verb,
    wrapped,
)
from ...words import remedy, sentence, tr
from ...words import report as words
from .files import Extent, InputFile, each_line, expanded, is_many
from .judging import EXIT, Judging
from .lines import StandardInput
from .said import said
from .table import COLOURS

if TYPE_CHECKING:  # loaded only where files are given
    from verifier.resources import GivenFile

_SHOWN_WITHIN = "1d"
"""A presentation often comes by mail, hours after it was made."""


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
@click.option("--workers", type=click.IntRange(0, 256), help="Processes for many; one a core if not given.")
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
    workers: int | None,
    page: bool,
) -> Result | Iterator[Result]:
    """Check credentials, presentations or bundles.

    Of folders, and of ZIP archives, all .json files and badges in pictures are checked, and of .jsonl files
    each line; several files get a table, and with --json a line each. Exit code 0: valid. 1: definitely not
    valid. 3: could not be decided. 7: not the same for all.
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
    fetcher = session.fetcher(offline=offline)
    stdin = StandardInput()
    is_one = len(sources) == 1 and not is_many(sources[0]) and not (sources[0] == "-" and stdin.is_lines)
    if not is_one and any(name for name, _ in belongings):
        raise click.UsageError(
            tr("--with ID=FILE goes with one credential; of several, each takes its own by FILE.")
        )
    files = list(_given(belongings))
    asked = Asked(challenge, domain, max_age=parse_age(shown_within or _SHOWN_WITHIN))

    policy = AllOf(tuple(rules)) if rules else None
    judging = Judging(session, trust_file, offline, moment, policy, asked, not no_kind_rules)
    # Of several credentials each states other files: then one that is not this one's is no other's.
    if is_one:
        judging = replace(judging, files=files)
    else:
        judging = replace(judging, resources=frozenset().union(*(file.digests for file in files)))
    with setting():
        trust = judging.verifier.trust
    if not is_one:
        from .many import verify_all  # only here: mostly it is one file

        as_json = click.get_current_context().params["as_json"]
        extent = Extent(len(sources))
        return verify_all(_all(sources, fetcher, stdin, extent), extent, judging, as_json, workers)
    report = judging.report(_read(sources[0], fetcher, stdin))
    lines = [_laid(line, report.verdict) for line in render(report, trust)]
    return Result(lambda: words.for_programs(report, trust), "\n".join(lines), EXIT[report.verdict])


def _given(belongings: Sequence[tuple[str, Path]]) -> Iterator[GivenFile]:
    if belongings:
        from verifier.resources import GivenFile  # only here: few credentials state files

        for name, file in belongings:
            with file.open("rb") as opened:
                yield GivenFile.read(opened, name)


def _all(names: Sequence[str], fetcher: Fetcher, stdin: StandardInput, extent: Extent) -> Iterator[InputFile]:
    for name in names:
        if is_many(name):
            yield from expanded(name, extent)
        elif name == "-" and stdin.is_lines:
            yield from each_line(name, stdin.lines())
        else:
            yield InputFile(name, None, functools.partial(_read_any, name, fetcher, stdin))


def _read_any(name: str, fetcher: Fetcher, stdin: StandardInput) -> bytes:
    try:
        return _read(name, fetcher, stdin)
    except click.UsageError as error:  # one that cannot be read stops no other
        raise Unavailable.saying("{said}", said=error.message) from error


def read_policy(file: Path) -> Policy:
    with setting(f"{file}: "), file.open("rb") as opened:
        return load_policy(load_json(opened.read(MAX_BYTES)))


def render(report: Report, trust: TrustSource) -> list[str]:
    """The report for people: verdict and reason in one line, then a line a check, then what to do.

    Claims of a credential stand there only if it is valid.
    """
    lines = [words.headline(report.verdict, text, status) for text, status in said(report, trust)]
    lines += [f"  {words.line(check)}" for check in report.checks]
    if report.deciding and (hint := words.advice(report.deciding)):
        lines.append(tr("What to do: {remedy}").format(remedy=printable(as_typed(hint))))
    return lines


def _laid(line: str, verdict: Verdict) -> str:
    """A line of the report as a terminal shows it, the verdict at its beginning made strong."""
    word = words.verdict(verdict)
    if line.startswith(word):
        return emphasized(word, COLOURS[verdict]) + wrapped(line, 2)[len(word) :]
    return wrapped(line, 2 + words.finding_column() if line.startswith(" ") else 2)


@contextmanager
def setting(where: str = "") -> Iterator[None]:
    """A broken set-up is a usage error: it says nothing about the credential."""
    try:
        yield
    except Malformed as problem:
        text = tr("{said}. {remedy}").format(said=sentence(problem), remedy=as_typed(remedy(problem)))
        raise click.UsageError(printable(f"{where}{text}".rstrip())) from problem


def _read(source: str, fetcher: Fetcher, stdin: StandardInput) -> bytes:
    """The bytes of a file, of a URL or of standard input, cut just above the limit."""
    if source == "-":
        return stdin.read()
    if source.startswith(("https://", "http://")):
        return fetcher.fetch(source, limit=MAX_BYTES)
    return read_input(source, MAX_BYTES + 1)
