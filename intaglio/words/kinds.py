"""A credential in the words of its kind: one sentence, and a line for each field."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from wire.text import claimed

from .language import language, tr

if TYPE_CHECKING:
    from kinds import Field, Kind
    from verifier.summary import Summary

Word = Callable[[str], str]


def _as_it_is(text: str) -> str:
    return text


def sentence(summary: Summary, day: Word = _as_it_is) -> tuple[str, dict[str, str]]:
    """The kind's sentence with `{name}` in the place of each value, and the values; empty where it has none.

    `day` words a day.
    """
    if summary.kind is None or not summary.by_kind.speaks:
        return "", {}
    from kinds.sentence import spoken

    filled = spoken(summary.kind, summary.facts, summary.by, language())
    return filled.text, {
        name: _value(summary.kind.fields.get(name), fact, day) for name, fact in filled.values.items()
    }


def noun(kind: Kind) -> str:
    """The word for one of the kind."""
    singular, _ = kind.nouns.get(language()) or kind.nouns["en"]
    return singular


def lines(
    kind: Kind, facts: Mapping[str, Any], day: Word = _as_it_is, *, quoted: bool = False
) -> Iterator[tuple[str, str]]:
    """The label and the value of each field, of a group those of each item; `quoted` labels are claims."""
    for name, fact in facts.items():
        field = kind.fields[name]
        label = _label(field, quoted)
        for item in fact if field.fields else ():
            inner = ((field.fields[each], value) for each, value in item.items())
            yield (
                label,
                " · ".join(f"{_label(each, quoted)}: {_value(each, value, day)}" for each, value in inner),
            )
        if not field.fields:
            yield label, _value(field, fact, day)


def _label(field: Field, quoted: bool) -> str:
    label = field.labels.get(language()) or field.labels.get("en", field.name)
    return tr('"{label}"').format(label=claimed(label)) if quoted else label


def _value(field: Field | None, fact: object, day: Word) -> str:
    if field is not None and field.type == "boolean":
        return tr("yes") if fact else tr("no")
    if field is not None and field.names:
        # The code is signed. A kind that is believed names it; any other leaves it as it is.
        names = (field.names.get(each, {}).get(str(fact)) for each in (language(), "en"))
        return next(filter(None, names), str(fact))
    return day(str(fact)) if field is not None and field.type == "date" else str(fact)
