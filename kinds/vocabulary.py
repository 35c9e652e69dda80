"""The words that registrars use beside those of a kind: headings of columns, and words for codes.

They help to read a file, and nothing that is signed depends on where a word was found. So they are no part
of a kind's version: its digest does not cover `words.json`, which lies beside the files of each kind that
ships. A kind of one's own says all its headings and synonyms itself.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple


def fold(cell: str) -> str:
    """A code as people write it, in small letters and without blanks, dots, dashes and apostrophes."""
    return re.sub(r"[\s.'’_-]", "", cell).lower()


@dataclass(frozen=True, eq=False, repr=False)
class Words:
    """The words that the cells of one field may have in the place of its values."""

    chosen: Mapping[str, str] = field(default_factory=dict)
    """By the registrar, letter for letter; these go first."""
    usual: Mapping[str, str] = field(default_factory=dict)
    """Folded; see `fold`."""
    beginnings: Mapping[str, str] = field(default_factory=dict)
    """The first words of longer ones, such as `bachelor of`, in small letters."""
    exceptions: Collection[str] = ()
    """What no usual word has in it, in small letters: an honorary doctor has no doctorate."""

    def value(self, cell: str) -> str:
        """The value that a cell means, or the cell itself. The cell is in NFC and trimmed."""
        if chosen := self.chosen.get(cell):
            return chosen
        plain = " ".join(cell.lower().split())
        if any(each in plain for each in self.exceptions):
            return cell
        if usual := self.usual.get(fold(cell)):
            return usual
        return next((value for start, value in self.beginnings.items() if plain.startswith(start)), cell)


class Vocabulary(NamedTuple):
    """The words for the fields of one kind."""

    headings: Mapping[str, Collection[str]]
    half_headings: Collection[str]
    """As `PersonName.half_headings`."""
    words: Mapping[str, Words]


@lru_cache(maxsize=16)
def vocabulary(kind: str) -> Vocabulary:
    """The vocabulary of a kind that ships, by its name; that of any other kind is empty."""
    path = Path(__file__).parent / kind / "words.json"
    try:
        document = json.loads(path.read_text("utf-8"))
    except OSError:
        return Vocabulary({}, (), {})
    values = document["values"]
    return Vocabulary(
        {name: tuple(_all(languages)) for name, languages in document["headings"].items()},
        tuple(_all(document["half_headings"])),
        {
            name: _words(values.get(codes, {}) if isinstance(codes, str) else codes)
            for name, codes in values.items()
        },
    )


def words_of(kind: str, codes: Mapping[str, Collection[str]]) -> dict[str, Words]:
    """The words for the code fields of a kind, as far as they mean one of the codes that each has."""
    words = vocabulary(kind).words
    return {name: _meaning(words[name], codes[name]) for name in codes if name in words}


def with_chosen(words: Mapping[str, Words], chosen: Mapping[str, Mapping[str, str]]) -> dict[str, Words]:
    """The words with those that a registrar chose: by field, the value for each word."""
    merged = {
        name: replace(
            words.get(name, Words()),
            chosen={unicodedata.normalize("NFC", word): value for word, value in each.items()},
        )
        for name, each in chosen.items()
    }
    return {**words, **merged}


def _meaning(words: Words, codes: Collection[str]) -> Words:
    usual = {word: code for word, code in words.usual.items() if code in codes}
    return replace(
        words,
        usual=usual,
        beginnings={word: code for word, code in words.beginnings.items() if code in codes},
    )


def _words(codes: Mapping[str, Any]) -> Words:
    """The words for these codes. Behind the empty code stand exceptions; `*` ends a beginning."""
    meant = [(word, code) for code, languages in codes.items() if code for word in _all(languages)]
    return Words(
        usual={fold(word): code for word, code in meant if word[-1] != "*"},
        beginnings={word[:-1].lower(): code for word, code in meant if word[-1] == "*"},
        exceptions=tuple(word.lower() for word in _all(codes.get("", {}))),
    )


def _all(languages: Mapping[str, Iterable[str]]) -> Iterable[str]:
    return (word for words in languages.values() for word in words)
