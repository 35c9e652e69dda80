"""A credential in the words of its kind: one sentence, and a line for each field."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from .language import language, tr

if TYPE_CHECKING:
    from kinds import Kind
    from verifier.summary import Summary

Word = Callable[[str], str]


def _as_it_is(text: str) -> str:
    return text


def sentence(summary: Summary, day: Word = _as_it_is) -> tuple[str, dict[str, str]]:
    """The kind's sentence with `{name}` in the place of each value, and the values; empty where it has none.

    `day` words a day.
    """
    if summary.kind is None:
        return "", {}
    from kinds.sentence import spoken

    said = spoken(summary.kind, summary.facts, summary.by, language())
    return said.text, {name: _value(summary.kind, name, fact, day) for name, fact in said.values.items()}


def noun(kind: Kind) -> str:
    """The word for one of the kind."""
    one, _ = kind.nouns.get(language()) or kind.nouns["en"]
    return one


def lines(kind: Kind, facts: Mapping[str, Any], day: Word = _as_it_is) -> Iterator[tuple[str, str]]:
    """The label and the value of each field."""
    for name, fact in facts.items():
        labels = kind.fields[name].labels
        yield labels.get(language()) or labels.get("en", name), _value(kind, name, fact, day)


def _value(kind: Kind, name: str, fact: object, day: Word) -> str:
    field = kind.fields.get(name)
    if field is not None and field.type == "boolean":
        return tr("yes") if fact else tr("no")
    if field is not None and field.names:
        # What is signed is the code. A kind that is believed names it; any other leaves it as it is.
        names = (field.names.get(each, {}).get(str(fact)) for each in (language(), "en"))
        return next(filter(None, names), str(fact))
    return day(str(fact)) if field is not None and field.type == "date" else str(fact)
