"""The options by which `issuer issue` reads a file, and the questions that a file leaves open."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from issuer.job.checking import Catalogue, read_catalogue
from issuer.job.numbering import NumberPattern
from issuer.problem import EncodingOpen, HiddenOpen, SheetOpen
from issuer.table.dates import open_date
from issuer.table.source import Source, open_source
from issuer.table.wordlist import read_words
from kinds import Kind
from wire.text import printable

from ...terminal import say
from ...words import headed
from .terminal import choose, pairs


class ReadOptions(NamedTuple):
    """The options for reading a file, as typed."""

    mapping: tuple[str, ...]
    dates: str | None
    names: str | None
    programmes: Path | None
    encoding: str = ""
    sheet: str = ""
    hidden: str = ""
    files: Path | None = None
    constants: tuple[str, ...] = ()
    values: Path | None = None
    number: str = ""

    def open(self, file: Path, kind: Kind, *, asks: bool = True) -> Source:
        """The file, with a column for each field that the kind needs.

        Open questions are put to the user, unless there is no terminal or `asks` is false.
        """
        asks = asks and sys.stdin.isatty()
        try:
            source = open_source(
                file,
                pairs(self.mapping, "--map"),
                date_order=self.dates or "",
                kind=kind,
                names=self.names or "",
                constants=pairs(self.constants, "--set"),
                words=self._words(kind),
                encoding=self.encoding,
                sheet=self.sheet,
                hidden=self.hidden,
                has_numbers=not self.number,
            )
        except (EncodingOpen, SheetOpen, HiddenOpen) as problem:
            lines = [f"{name}: {', '.join(cells)}" for name, cells in problem.choices]
            if not asks:
                say(f"{printable(file.name)} can be read so:", *lines)
                raise
            question = f"{printable(headed(problem))}. Which one is right?"
            picked, _ = problem.choices[choose(question, lines)]
            match problem:
                case EncodingOpen():
                    decided = self._replace(encoding=picked)
                case SheetOpen():
                    decided = self._replace(sheet=picked)
                case HiddenOpen():
                    decided = self._replace(hidden=picked)
            return decided.open(file, kind, asks=asks)
        return _dated(source) if asks else source

    def catalogue(self, kind: Kind) -> Catalogue | None:
        """The programmes to check against."""
        return read_catalogue(self.programmes, kind, self._words(kind)) if self.programmes else None

    def _words(self, kind: Kind) -> dict[str, dict[str, str]]:
        return read_words(self.values, kind) if self.values else {}

    def numbers(self, kind: Kind) -> NumberPattern | None:
        """The pattern of the numbers that rows are to be given. Raises `NUMBER_PATTERN`."""
        return NumberPattern.parse(self.number, kind) if self.number else None

    def words(self) -> list[str]:
        """The options, to be typed again."""
        words = [word for pair in self.mapping for word in ("--map", pair)]
        words += [word for pair in self.constants for word in ("--set", pair)]
        words += ["--values", str(self.values)] if self.values else []
        words += ["--dates", self.dates] if self.dates else []
        words += ["--names", self.names] if self.names else []
        words += ["--programmes", str(self.programmes)] if self.programmes else []
        words += ["--number", self.number] if self.number else []
        return words + (["--files", str(self.files)] if self.files else [])


def _dated(source: Source) -> Source:
    """The file with the order of its dates, which is asked about where one of them needs it."""
    ambiguous = open_date(source)
    if ambiguous is None:
        return source
    cell, days = ambiguous
    orders = list(days)
    question = f'Dates such as "{printable(cell)}" can be read in several ways. Which one is right?'
    return replace(
        source, date_order=orders[choose(question, [f"{order}: {days[order]}" for order in orders])]
    )
