"""Shared by the verbs of the issuer's command line: options, questions, progress.

Nothing is asked without a terminal.
"""

from __future__ import annotations

import sys
from pathlib import Path

import click

from issuer.job.order import Progress
from kinds.kind import Noun, plain

from ...progress import ProgressLine
from ...terminal import say
from . import text

PARTLY = 7
"""The exit code when rows could not be issued, or bundles could not be written, or wait for witnesses."""

no_evidence_option = click.option(
    "--no-evidence",
    is_flag=True,
    help="Leave log proofs and status lists out of the bundles: the verdict is then open offline.",
)
out_option = click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for the bundles; if not given, it is named for what is issued.",
)


def bundles_folder(nouns: Noun) -> Path:
    """The default folder for bundles: the plural noun of the kind, with hyphens.

    Raises a usage error where that is a file, before anything is issued.
    """
    # A kind from elsewhere has words of its own: without their separators and dots they name no other place.
    folder = Path(plain(nouns[1]).replace("_", "-") or "credentials")
    if folder.is_file():
        raise click.UsageError(f"{folder} is a file: name a folder for the bundles, --out FOLDER.")
    return folder


def pairs(texts: tuple[str, ...], option: str) -> dict[str, str]:
    """The values of an option that takes FIELD=…, by field. Raises a usage error for anything else."""
    values: dict[str, str] = {}
    for field, equals, value in (item.partition("=") for item in texts):
        if not field.strip() or not equals:
            raise click.UsageError(f"{option} takes FIELD=…, with a field's name before the sign.")
        if value.strip() == "…":
            raise click.UsageError(f"{option} {field}: write the value in the place of the dots.")
        if field.strip() in values:
            raise click.UsageError(f"{option} names {field.strip()} twice.")
        values[field.strip()] = value
    return values


def choose(question: str, lines: list[str]) -> int:
    """The number of the line that a person picks. Raises a usage error where there is nobody to ask."""
    if not sys.stdin.isatty():
        raise click.UsageError("\n  ".join([f"{question} Name the one that is meant by its number:", *lines]))
    say(question, *(f"{number}  {line}" for number, line in enumerate(lines, 1)))
    numbers = "1 or 2" if len(lines) == 2 else f"1 to {len(lines)}"
    asked = f"Which, {numbers} (Ctrl-C for none)"
    picked: int = click.prompt(asked, type=click.IntRange(1, len(lines)), err=True)
    return picked - 1


def warn_of_refusals(suite: str) -> None:
    """Say which other programs refuse proofs by a suite, if any do."""
    if lines := list(text.refusals(suite)):
        say(*lines)


class ProgressMeter(ProgressLine):
    """Shows how far a job is."""

    def __call__(self, progress: Progress) -> None:
        self.show(progress.stage.capitalize(), progress.done, progress.total)
