"""A registrar's own list of words: the meaning of cells in a file, a line for each.

`学士=BachelorDegree` gives the value for a word in each field with codes that takes the value, and
`nationality:Allemagne=DE` in one field, whatever its type. A word is taken letter for letter.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from pathlib import Path

from kinds import Kind
from kinds.cells import Field, check_cell
from kinds.problem import BadCell
from wire.files import file_problems, read_regular

from ..problem import INVALID_WORD, NO_TABLE

LARGEST = 1 << 20
"""Bytes of a list: each worker process holds it."""


def read_words(path: Path, kind: Kind) -> dict[str, dict[str, str]]:
    """The value for each word, by field. The lines are in UTF-8; empty ones are left out.

    Raises `INVALID_WORD`, which names the line; `NotFound`; and `Damaged` for more than `LARGEST` bytes.
    """
    try:
        with file_problems(path):
            data = read_regular(path, LARGEST)
    except (FileNotFoundError, IsADirectoryError) as error:
        raise NO_TABLE(f"there is no file {path}") from error
    fields = {**{name: kind.fields[name] for name in kind.columns}, **kind.item_fields}
    words: dict[str, dict[str, str]] = {}
    for number, line in enumerate(data.removeprefix(b"\xef\xbb\xbf").split(b"\n"), 1):
        where = f"{path.name}, line {number}"
        try:
            text = unicodedata.normalize("NFC", line.decode()).strip()
        except UnicodeDecodeError as error:
            raise INVALID_WORD(f"{where} is not in UTF-8") from error
        for name, word, value in _meanings(where, text, fields) if text else ():
            if words.setdefault(name, {}).setdefault(word, value) != value:
                raise INVALID_WORD(f"{where} gives a word another value than a line before")
    return words


def _meanings(where: str, text: str, fields: dict[str, Field]) -> Iterator[tuple[str, str, str]]:
    """Field, word and value of a line: for the field that it names, else for each that takes the value."""
    left, equals, value = (part.strip() for part in text.partition("="))
    if not left or not equals or not value:
        raise INVALID_WORD(f"{where} is not a word, an equals sign and a value")
    name, colon, word = (part.strip() for part in left.partition(":"))
    if colon and name in fields:
        if not word:
            raise INVALID_WORD(f"{where} is not a word, an equals sign and a value")
        if reason := _fault(fields[name], value):
            raise INVALID_WORD(f"{where}: the value of {name} {reason}")
        yield name, word, value
        return
    coded = [field for field in fields.values() if field.type == "code"]
    taking = [field.name for field in coded if not _fault(field, value)]
    if not taking:
        raise INVALID_WORD(f"{where}: no field with codes takes the value")
    for name in taking:
        yield name, left, value


def _fault(field: Field, value: str) -> str:
    try:
        check_cell(field, value)
    except BadCell as problem:
        return problem.detail
    return ""
