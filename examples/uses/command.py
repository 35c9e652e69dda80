"""`intaglio use`: lists the uses, and runs one or all of them in this process, without a network."""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import click

from intaglio.terminal import Result, verb
from wire.problem import NotFound, Refused
from wire.text import counted, printable

from . import acting
from .folder import HERE, UseCase, names


@click.group()
def use() -> None:
    """See what credentials are for: each use is a folder of data that issues, shows and refuses."""


@verb(use)
def list_(_session: object) -> Result:
    """List the uses that come with the program."""
    uses = [UseCase.read(HERE / name) for name in names()]
    data = [{"name": each.name, "sector": each.said["sector"], "title": each.said["title"]} for each in uses]
    lines = (f"{each.name:24} {each.said['sector']:12} {each.said['title']['en']}" for each in uses)
    return Result({"uses": data}, "\n".join(lines))


@verb(use)
@click.argument("name", metavar="NAME|FOLDER", required=False)
@click.option("--all", "is_all", is_flag=True, help="Run each of them, one after another.")
@click.option(
    "--try",
    "is_tried",
    is_flag=True,
    help="Go on with a folder that was changed: what differs is listed, and is no error.",
)
def run(_session: object, name: str | None, is_all: bool, is_tried: bool) -> Iterator[Result]:
    """Issue the rows of a use, verify one of the credentials, and see what a verifier refuses.

    Nothing is kept. Exit code 1 where something ends otherwise than the folder says.
    """
    if is_all is (name is not None):
        raise click.UsageError("Name a use, or say --all.")
    folders = [HERE / each for each in names()] if name is None else [_folder(name)]
    begun, failed = time.monotonic(), 0
    for folder in folders:
        ended = _ended(folder, is_tried)
        is_expected = is_tried or not ended.differences
        failed += not is_expected
        text = "\n".join(map(printable, lines(ended)))
        yield Result(ended.to_json(), f"{text}\n" if is_all else text, int(not is_expected))
    if is_all:
        seconds, megabytes = time.monotonic() - begun, _peak() >> 20
        text = (
            f"{len(folders) - failed} of {counted(len(folders), 'use')} ended as expected, "
            f"in {seconds:.0f} s and {megabytes} MB."
        )
        yield Result({}, text, int(failed > 0))


def _folder(name: str) -> Path:
    if name in names():
        return HERE / name
    if Path(name).is_dir():
        return Path(name).resolve()  # whose name is that of the use, also of `.`
    raise NotFound(f"there is no use {name}", hint="Name one of these, or a folder: " + ", ".join(names()))


def _ended(folder: Path, is_tried: bool) -> acting.Run:
    use = UseCase.read(folder)
    if use.is_changed and not is_tried:
        # A version is for ever: the same name and version with other content would be another kind.
        version = int(use.kind.version) + 1
        raise Refused(
            f"{folder.name} is not version {use.kind.version} of {use.kind.name} as it was published",
            hint=f'Write "version": "{version}" into its kind.json, or go on with --try.',
        )
    with tempfile.TemporaryDirectory(prefix="intaglio-use-") as scratch:
        return acting.run(use, Path(scratch))


def lines(ended: acting.Run) -> Iterator[str]:
    """The record of a run, for people."""
    use = ended.use
    yield f"{use.said['title']['en']} ({use.name}, {use.said['sector']})"
    rows = counted(len({each.row for each in ended.findings}), "row")
    yield f"  {use.said['issuer']} issues {ended.issued}; {rows} of rows.csv come back:"
    yield from (f"    {each}" for each in ended.findings)
    yield "  A verifier reads:"
    yield from (f"    {language}  {sentence}" for language, sentence in ended.sentences.items())
    yield "  What it learns, and what paper would have shown:"
    yield from _learned(ended)
    for form, shown in ended.shown.items():
        hidden = [name for name in ended.learned if name not in shown]
        yield f"  As {form} its holder shows {_labels(use, shown)},"
        yield f"    and hides {_labels(use, hidden) or 'nothing'}."
    yield f"  {bound(use)}"
    yield "  How it ends:"
    for each in ended.endings:
        code = f"{each.code}: {each.text}" if each.code else ""
        yield f"    {each.what:44} {each.verdict:12} {code}".rstrip()
    holds = ", ".join(f"{count} × {kind.replace('_', ' ')}" for kind, count in ended.log.items())
    yield f"  The log holds {holds}: digests, and nobody's name."
    yield f"  Bytes: {ended.sizes['credential']} (credential), {ended.sizes['bundle']} (with what proves it)."
    yield from (f"  NOT AS EXPECTED: {each}" for each in ended.differences)
    yield f"  {_verdict(len(ended.differences))}"


def _verdict(differences: int) -> str:
    """The last line: of a folder that somebody changed, what is left to do."""
    if not differences:
        return "All of it is as the folder expects."
    which = "One thing is" if differences == 1 else f"{differences} things are"
    return f"{which} not as the folder expects: what you mean so goes into the file that its line names."


def bound(use: UseCase) -> str:
    """The bond of the file: the holder's key, nothing that was checked, or a number of the thing."""
    if use.kind.policy.holder:
        return "The holder was checked: the key that the credential names answered a challenge."
    if use.kind.person.fields:
        return "The holder was not checked: whoever has the file can show it."
    is_personal = any(field.personal for field in use.kind.fields.values())
    shown_by = "Whoever has the file can show it." if is_personal else "No person is in it."
    return f"{shown_by} Compare what binds it to the thing: {_labels(use, use.bound_by)}."


def _labels(use: UseCase, names: Iterable[str]) -> str:
    return ", ".join(use.kind.fields[name].labels.get("en", name) for name in names)


def _learned(ended: acting.Run) -> Iterator[str]:
    use, record = ended.use, ended.record
    for name, field in use.kind.fields.items():
        if name in ended.learned or name in use.said["paper"]:
            learned = _said(ended.learned.get(name, "–"))
            paper = _said(record.get(name, "–")) if name in use.said["paper"] else "–"
            yield f"    {field.labels.get('en', name):28} {learned:44} {paper}"


def _said(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = counted(len(value), "item") if isinstance(value, list) else str(value)
    return text if len(text) <= 42 else f"{text[:41]}…"


def _peak() -> int:
    """The most bytes that this process had in memory."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak << 10
