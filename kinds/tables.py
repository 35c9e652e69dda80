"""The tables of a kind: codes, the words that people write and read for each, and values that follow."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping
from typing import NamedTuple

from wire.text import printable, shortened

from .problem import INVALID_KIND
from .vocabulary import fold

_COLUMN = re.compile("[a-z]{2,3}(-[A-Za-z0-9]{2,8})*|[a-z][a-z0-9_]{3,60}").fullmatch
_LANGUAGE = re.compile("[a-z]{2,3}(-[A-Za-z0-9]{2,8})*").fullmatch  # BCP 47, as kinds use it


class CodeTable(NamedTuple):
    """A table of codes."""

    codes: Mapping[str, str]
    """The code for each way to write it, folded."""
    names: Mapping[str, Mapping[str, str]]
    """By language and code."""
    columns: Mapping[str, Mapping[str, str]]
    """The cells that other fields take, by the column's name and the code."""


def read_table(data: bytes, name: str) -> CodeTable:
    """A table: columns `value`, `synonyms` between blanks, names by language, and others that fields name.

    A name is a way to write the code as well. Raises `INVALID_KIND`.
    """
    codes: dict[str, str] = {}
    values: set[str] = set()
    try:
        header, *rows = list(csv.reader(io.StringIO(data.decode(), newline=""))) or [[]]
    except csv.Error as error:
        raise INVALID_KIND(f"tables/{name}.csv is no CSV file: {error}") from error
    require_shown(header, f"tables/{name}.csv, row 1")
    if header[:2] != ["value", "synonyms"] or not all(map(_COLUMN, header)) or len({*header}) < len(header):
        raise INVALID_KIND(
            f"tables/{name}.csv, row 1: the columns are value, synonyms, and others in small letters"
        )
    further: dict[str, dict[str, str]] = {column: {} for column in header[2:]}
    languages = [column for column in further if _LANGUAGE(column)]
    for number, row in enumerate(rows, 2):
        require_shown(row, f"tables/{name}.csv, row {number}")
        if len(row) != len(header):
            raise INVALID_KIND(
                f"tables/{name}.csv, row {number}: it has {len(row)} cells, row 1 {len(header)}"
            )
        if row[0] in values:  # what follows from it would depend on the row
            raise INVALID_KIND(f"tables/{name}.csv, row {number}: an earlier row has the same value")
        values.add(row[0])
        for column, cell in zip(header[2:], row[2:], strict=True):
            further[column][row[0]] = cell
        names = (further[language][row[0]] for language in languages)
        for word in (row[0], *row[1].split(), *filter(None, names)):
            # "A" and "A-" fold alike: one of them would be signed as the other.
            if codes.setdefault(fold(word), row[0]) != row[0]:
                raise INVALID_KIND(f"tables/{name}.csv, row {number}: two codes are written alike")
    if not codes:
        raise INVALID_KIND(f"tables/{name}.csv has no codes")
    columns = {column: cells for column, cells in further.items() if column not in languages}
    return CodeTable(codes, {language: further[language] for language in languages}, columns)


def require_shown(value: object, place: str) -> None:
    """Refuses line breaks, escapes and direction characters: a sentence could forge a verdict with them.

    Raises `INVALID_KIND`.
    """
    if isinstance(value, str) and printable(value) != value:
        raise INVALID_KIND(f"{place}: {shortened(value)} has a character that nobody sees")
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, item in items:
        if isinstance(name, str):
            require_shown(name, place)
        require_shown(item, place)
