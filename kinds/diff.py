"""The changes between two versions of a kind: in its display, in the values it accepts, or in its meaning.

Only the files that an author wrote are compared. A change that is on none of the lists here is breaking, so
that no member added to kinds in the future is overlooked.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from .cells import Field
from .kind import Kind

DISPLAY, COMPATIBLE, BREAKING = LEVELS = ("display", "compatible", "breaking")
"""From least to greatest: display alone; issued credentials still fit the newer version; neither."""
SAME = "same"

_DISPLAYED = frozenset({"nouns", "sentence", "title"})
_DISPLAYED_OF_FIELD = frozenset({"labels", "explanations", "headings", "refusal", "example", "personal"})
_DISPLAYED_OF_PERSON = frozenset({"half_headings"})


class Difference(NamedTuple):
    """One member that differs."""

    place: str
    """The place as messages about `kind.json` write it, such as `fields.level.pattern`."""
    level: str
    """One of `LEVELS`."""
    what: str


def differences(before: Kind, after: Kind) -> list[Difference]:
    """The differences between two versions of a kind, the least first. The version number does not count."""
    return sorted(_differences(before, after), key=lambda difference: LEVELS.index(difference.level))


def level(changes: list[Difference]) -> str:
    """The greatest of their levels; `SAME` where nothing differs."""
    return max((difference.level for difference in changes), key=LEVELS.index, default=SAME)


def _differences(before: Kind, after: Kind) -> Iterator[Difference]:
    old, new = _document(before), _document(after)
    for name in _differing(old, new):
        if name == "named":
            gained = new.get(name, True)
            yield Difference(name, COMPATIBLE if gained else BREAKING, "added" if gained else "removed")
        elif name == "doctype" and not before.doctype:  # so none was issued that would not fit
            yield Difference(name, COMPATIBLE, "added")
        elif name == "person":
            for part in _differing(old.get(name, {}), new.get(name, {})):
                shown = part in _DISPLAYED_OF_PERSON
                yield Difference(f"person.{part}", DISPLAY if shown else BREAKING, "changed")
        elif name not in ("fields", "version"):
            yield Difference(name, DISPLAY if name in _DISPLAYED else BREAKING, "changed")
    has_mdocs = bool(before.doctype)
    yield from _of_fields(before.fields, after.fields, old["fields"], new["fields"], "fields", has_mdocs)
    if _template(before) != _template(after):
        yield Difference("template.json", BREAKING, "changed")


def _of_fields(
    before: Mapping[str, Field],
    after: Mapping[str, Field],
    old: Mapping[str, Any],
    new: Mapping[str, Any],
    place: str,
    has_mdocs: bool,
) -> Iterator[Difference]:
    """The fields of a kind, or of the items of a group; `has_mdocs` of the kind before."""
    for name in old.keys() - new.keys():
        yield Difference(f"{place}.{name}", BREAKING, "removed")
    for name in new.keys() - old.keys():
        required = new[name].get("required")
        yield Difference(
            f"{place}.{name}",
            BREAKING if required else COMPATIBLE,
            "new, and required" if required else "new",
        )
    both = [name for name in new if name in old]
    if both != [name for name in old if name in new]:
        yield Difference(place, DISPLAY, "in another order")
    for name in both:
        inner = old[name].get("fields"), new[name].get("fields")
        if all(inner):  # also where their members are alike: a table of theirs may be another
            yield from _of_fields(
                before[name].fields, after[name].fields, *inner, f"{place}.{name}.fields", has_mdocs
            )
        for member in _differing(old[name], new[name]):
            if member == "fields" and all(inner):
                continue
            # An mdoc of before lacks what each has now only if there was one.
            if member == "mdoc" and not before[name].mdoc and not (has_mdocs and after[name].required):
                yield Difference(f"{place}.{name}.mdoc", COMPATIBLE, "added")
                continue
            wider = _is_wider(member, old[name].get(member), new[name].get(member))
            shown = DISPLAY if member in _DISPLAYED_OF_FIELD else BREAKING
            what = "changed" if wider is None else "wider" if wider else "narrower, or another"
            yield Difference(f"{place}.{name}.{member}", COMPATIBLE if wider else shown, what)
        yield from _of_table(f"{place}.{name}", before[name], after[name])


def _is_wider(member: str, old: Any, new: Any) -> bool | None:
    """True if a check accepts everything that it accepted before; `None` for a member that is no check.

    Two patterns cannot be compared cheaply, so only the removal of a pattern counts as wider. The same holds
    for check digits.
    """
    match member:
        case "pattern" | "check":
            return not new
        case "earliest":
            return not new or bool(old and new < old)
        case "years_ahead":
            return new is None or new < 0 or bool(old is not None and 0 <= old < new)
    return None


def _of_table(place: str, before: Field, after: Field) -> Iterator[Difference]:
    """A field's part of a table: its codes and their names, and the values that follow from a code."""
    yield from _of_codes(place, before.codes, after.codes)
    if before.codes and after.codes and before.names != after.names:
        yield Difference(f"{place}.table", DISPLAY, "other names")
    if before.looked_up and after.looked_up and before.looked_up[0] == after.looked_up[0]:
        old, new = before.looked_up[1], after.looked_up[1]
        if other := sorted(code for code in old if old[code] != new.get(code)):
            yield Difference(f"{place}.source", BREAKING, f"another value for {', '.join(other)}")
        if added := sorted(new.keys() - old.keys()):
            yield Difference(f"{place}.source", COMPATIBLE, f"also a value for {', '.join(added)}")


def _of_codes(place: str, old: Mapping[str, str], new: Mapping[str, str]) -> Iterator[Difference]:
    """The codes of a table and the words that people may write for them; words are treated like headings."""
    if not old or not new:  # the member `table` says so
        return
    if gone := set(old.values()) - set(new.values()):
        yield Difference(f"{place}.table", BREAKING, f"without {', '.join(sorted(gone))}")
    if added := set(new.values()) - set(old.values()):
        yield Difference(f"{place}.table", COMPATIBLE, f"also {', '.join(sorted(added))}")
    for word in old.keys() & new.keys():
        if old[word] != new[word]:
            yield Difference(f"{place}.table", BREAKING, f"{word} is another code")
    if not gone and not added and old.keys() != new.keys():
        yield Difference(f"{place}.table", DISPLAY, "other synonyms")


def _differing(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """Members that differ. An omitted one equals an empty or false one, not 0; `named` defaults to true."""
    names = dict.fromkeys((*old, *new))
    return [name for name in names if _said(old.get(name)) != _said(new.get(name))]


def _said(value: Any) -> Any:
    return None if value in ("", [], {}) or value is False else value


def _document(kind: Kind) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(kind.files["kind.json"])
    return document if "named" in document else {**document, "named": True}


def _template(kind: Kind) -> Any:
    return json.loads(kind.files.get("template.json", b"null"))
