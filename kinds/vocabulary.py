"""The words that registrars use beside those of a kind: headings of columns, and words for codes.

They help to read a file; no credential depends on the list that a word came from. So they are no part of a
kind's version: its digest does not cover `words.json`, which lies beside the files of each kind that ships. A
field of another kind has them as well if it has the name and the labels of a shipped one, as in a copy.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Collection, Iterable, Mapping, Sequence
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
    """The registrar's own choices, letter for letter; these take precedence."""
    usual: Mapping[str, str] = field(default_factory=dict)
    """Folded; see `fold`."""
    beginnings: Mapping[str, str] = field(default_factory=dict)
    """The first words of longer ones, such as `bachelor of`, in small letters."""
    exceptions: Collection[str] = ()
    """Texts, in small letters, that rule out the usual words: an honorary doctor has no doctorate."""

    def value(self, cell: str, codes: Collection[str] = ()) -> str:
        """The value that a cell means, or the cell itself. The cell is in NFC and trimmed.

        `codes` are the ways to write one, folded, that the kind's own table has: these go before usual words.
        """
        if chosen := self.chosen.get(cell):
            return chosen
        folded = fold(cell)
        if folded in codes:
            return cell
        plain = " ".join(cell.lower().split())
        if any(each in plain for each in self.exceptions):
            return cell
        if usual := self.usual.get(folded):
            return usual
        return next((value for start, value in self.beginnings.items() if plain.startswith(start)), cell)


class Vocabulary(NamedTuple):
    """The words for one field."""

    headings: tuple[str, ...] = ()
    half_headings: tuple[str, ...] = ()
    """As `PersonName.half_headings`."""
    words: Words = Words()


def vocabulary(name: str, labels: Mapping[str, str]) -> Vocabulary:
    """The words for the field of this name and these labels; none for a field that no shipped kind has."""
    entries = [entry for its_labels, entry in _shipped().get(name, ()) if its_labels == labels]
    return Vocabulary(
        tuple(heading for entry in entries for heading in entry.headings),
        tuple(heading for entry in entries for heading in entry.half_headings),
        next((entry.words for entry in entries if entry.words.usual), Words()),
    )


def words_for(codes: Collection[str], words: Words) -> Words:
    """The words that mean one of these codes."""
    return replace(
        words,
        usual={word: code for word, code in words.usual.items() if code in codes},
        beginnings={word: code for word, code in words.beginnings.items() if code in codes},
    )


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


@lru_cache(maxsize=1)
def _shipped() -> Mapping[str, Sequence[tuple[Mapping[str, str], Vocabulary]]]:
    """By the name of a field, its labels and words in each kind that ships."""
    fields: dict[str, list[tuple[Mapping[str, str], Vocabulary]]] = {}
    for path in sorted(Path(__file__).parent.glob("*/words.json")):
        kind, words = json.loads(path.with_name("kind.json").read_bytes()), json.loads(path.read_bytes())
        for name, members in words.items():
            values = members.get("values") or words.get(members.get("values_of"), {}).get("values")
            entry = Vocabulary(
                tuple(_all(members.get("headings", {}))),
                tuple(_all(members.get("half_headings", {}))),
                _words(values) if values else Words(),
            )
            fields.setdefault(name, []).append((kind["fields"][name]["labels"], entry))
    return fields


def _words(codes: Mapping[str, Any]) -> Words:
    """The words for these codes. The empty code lists the exceptions; `*` ends a beginning."""
    meant = [(word, code) for code, languages in codes.items() if code for word in _all(languages)]
    return Words(
        usual={fold(word): code for word, code in meant if word[-1] != "*"},
        beginnings={word[:-1].lower(): code for word, code in meant if word[-1] == "*"},
        exceptions=tuple(word.lower() for word in _all(codes.get("", {}))),
    )


def _all(languages: Mapping[str, Iterable[str]]) -> Iterable[str]:
    return (word for words in languages.values() for word in words)
