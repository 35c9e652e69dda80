"""The options by which `issuer issue` reads a file, and the questions that a file leaves open."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import NamedTuple

from issuer.job.checking import Catalogue, read_catalogue
from issuer.problem import EncodingOpen, HiddenOpen, SheetOpen
from issuer.table.source import Source, open_source
from kinds import Kind
from wire.text import printable

from ...terminal import say
from ...words import headed
from .terminal import choose, pairs

AS_IS = "as-is"


class ReadOptions(NamedTuple):
    """How a file is read, as it was typed."""

    mapping: tuple[str, ...]
    dates: str | None
    names: str | None
    programmes: Path | None
    encoding: str = ""
    sheet: str = ""
    hidden: str = ""
    files: Path | None = None

    def open(self, file: Path, kind: Kind) -> Source:
        """The file, with a column for each field that the kind needs; what is open is asked about."""
        try:
            return open_source(
                file,
                pairs(self.mapping, "--map"),
                date_order=self.dates or "",
                kind=kind,
                names_as_is=self.names == AS_IS,
                encoding=self.encoding,
                sheet=self.sheet,
                hidden=self.hidden,
            )
        except (EncodingOpen, SheetOpen, HiddenOpen) as problem:
            question = f"{printable(headed(problem))}. Which one is right?"
            lines = [f"{name}: {', '.join(cells)}" for name, cells in problem.choices]
            if not sys.stdin.isatty():
                say(question, *lines)
                raise
            picked, _ = problem.choices[choose(question, lines)]
            match problem:
                case EncodingOpen():
                    decided = self._replace(encoding=picked)
                case SheetOpen():
                    decided = self._replace(sheet=picked)
                case HiddenOpen():
                    decided = self._replace(hidden=picked)
        return decided.open(file, kind)

    def catalogue(self, kind: Kind) -> Catalogue | None:
        """The programmes to check against."""
        return read_catalogue(self.programmes, kind) if self.programmes else None

    def words(self) -> list[str]:
        """The options, to be typed again."""
        words = [word for pair in self.mapping for word in ("--map", pair)]
        words += ["--dates", self.dates] if self.dates else []
        words += ["--names", self.names] if self.names else []
        words += ["--programmes", str(self.programmes)] if self.programmes else []
        return words + (["--files", str(self.files)] if self.files else [])
