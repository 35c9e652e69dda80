"""The order of a job: one value, passed from the command or the library to the processes that do it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from ..problem import NUMBER_COLUMN
from ..table.source import Source
from .checked import CheckedTable
from .checking import Catalogue
from .numbering import NumberPattern


class Progress(NamedTuple):
    """Progress in rows. `stage` is `hashing`, `checking`, `comparing`, `issuing` or `writing`."""

    stage: str
    done: int
    total: int


def _unheard(_: Progress) -> None:
    pass


def _approved(_: CheckedTable) -> None:
    pass


@dataclass(frozen=True)
class Order:
    """A file of records to be issued, and how."""

    source: Source
    error_file: Path | None = None
    """The file for bad rows, if one is wanted."""
    catalogue: Catalogue | None = None
    """The programmes to check against."""
    files: Path | None = None
    """The folder that has the files named in rows."""
    workers: int | None = None
    """The number of processes: by default one a core, none for a file of one chunk.

    It affects the time alone.
    """
    progress: Callable[[Progress], None] = _unheard
    approve: Callable[[CheckedTable], None] = _approved
    """Called with the rows that are to be signed, if there are any.

    An error that it raises ends the job before signing.
    """
    forms: Sequence[str] = ()
    """The media types of the forms in which each row is issued; without any, that of the issuer."""
    numbers: NumberPattern | None = None
    """The pattern of the numbers that rows are given, where the file has no column of them."""

    def __post_init__(self) -> None:
        """Raises `NUMBER_COLUMN` where rows would have two numbers, or none."""
        if self.source.has_numbers is (self.numbers is not None):
            raise NUMBER_COLUMN(f"{self.source.path.name} has numbers, or they are given: one of the two")
