"""A kind's template: a JSON file with `{field}` placeholders that a registrar can edit.

Four rules, and no other:

* A text that is one placeholder takes the field's value as it is, so that a number stays a number.
* A member or list item whose text names an empty field is left out; so is a list or object that ends empty.
* An object with a member `"$if": "field"` is left out as a whole when that field is empty.
* An object with a member `"$each": "group"` stands there once for each item of the group. The placeholders in
  it name fields of the item.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache, partial
from typing import Any

from wire.problem import Malformed
from wire.strict import load_json_object

from .problem import InvalidTemplate

PLACEHOLDER = re.compile(r"\{([a-z][a-z0-9_]*)\}")
_ABSENT: Any = object()


class Template:
    """A parsed template. `members` are those of its outermost object, `fields` the names in placeholders.

    `groups` are those that a `$each` names, each with the names in the placeholders of its items.
    """

    def __init__(self, text: bytes) -> None:
        """Raises `InvalidTemplate`."""
        self.text = text
        self.fields: set[str] = set()
        self.groups: dict[str, set[str]] = {}
        self.texts: set[str] = set()
        """The names in placeholders, but for those that only decide whether something is there."""
        try:
            document = load_json_object(text)
        except Malformed as problem:
            hint = "Undo the last change of the file, or take it from a backup."
            raise InvalidTemplate(f"template.json: {problem.detail}", hint=hint) from problem
        self.members = frozenset(document)
        self._fill = self._compile(document, "$", self.fields)

    def fill(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """The document for one record; `values` has all of `fields`. Parts of it are shared: read only."""
        document: dict[str, Any] = self._fill(values) if callable(self._fill) else self._fill
        return document

    def _compile(self, node: Any, place: str, names: set[str]) -> Any:
        """The node itself if nothing in it depends on the record, else a function from values to it.

        The names in its placeholders are added to `names`. Functions are partial ones: these can be pickled,
        so that a worker process does not compile again.
        """
        if isinstance(node, str):
            return self._compile_text(node, place, names)
        if isinstance(node, list):
            items = [self._compile(item, f"{place}[{index}]", names) for index, item in enumerate(node)]
            if any(map(_is_each, node)):
                return partial(_spliced, list(zip(items, map(_is_each, node), strict=True)))
            return partial(_list, items) if any(map(callable, items)) else node
        if isinstance(node, dict):
            if _is_each(node):
                return self._compile_each(node, place, names)
            condition = node.get("$if")
            if condition is not None:
                self._compile_text(f"{{{condition}}}", f"{place}.$if", names)
            members = {
                name: self._compile(member, f"{place}.{name}", names)
                for name, member in node.items()
                if name != "$if"
            }
            if condition is None and not any(map(callable, members.values())):
                return node
            parts = [(name, member, callable(member)) for name, member in members.items()]
            return partial(_object, parts, condition)
        return node

    def _compile_each(self, node: dict[str, Any], place: str, names: set[str]) -> Any:
        group = node["$each"]
        if not isinstance(group, str) or not PLACEHOLDER.fullmatch(f"{{{group}}}"):
            raise InvalidTemplate(f"template, {place}.$each: the name of a group is expected")
        if names is not self.fields:
            raise InvalidTemplate(f"template, {place}.$each: an item of a group has no group in it")
        names.add(group)
        item = {name: member for name, member in node.items() if name != "$each"}
        return partial(_each, group, self._compile(item, place, self.groups.setdefault(group, set())))

    def _compile_text(self, text: str, place: str, into: set[str]) -> Any:
        names = PLACEHOLDER.findall(text)
        if "{" in PLACEHOLDER.sub("", text) or "}" in PLACEHOLDER.sub("", text):
            raise InvalidTemplate(f"template, {place}: a brace that is not part of a {{field}}")
        if not names:
            return text
        into.update(names)
        if not place.endswith(".$if"):
            self.texts.update(names)
        if text == f"{{{names[0]}}}":
            return partial(_value, names[0])
        pieces = PLACEHOLDER.split(text)  # constant, name, constant, name, …, constant
        return partial(_text, pieces, names)


@lru_cache(maxsize=1)
def compiled(text: bytes) -> Template:
    """The template in a file; the one that was asked for last is kept. Raises `InvalidTemplate`."""
    return Template(text)


def _value(name: str, values: Mapping[str, Any]) -> Any:
    value = values[name]
    return _ABSENT if value == "" else value


def _text(pieces: list[str], names: list[str], values: Mapping[str, Any]) -> Any:
    filled = pieces.copy()
    for index, name in enumerate(names):
        value = values[name]
        if value == "":
            return _ABSENT
        filled[2 * index + 1] = str(value)
    return "".join(filled)


def _list(items: list[Any], values: Mapping[str, Any]) -> Any:
    filled = [item(values) if callable(item) else item for item in items]
    return [item for item in filled if item is not _ABSENT] or _ABSENT


def _is_each(node: Any) -> bool:
    return isinstance(node, dict) and "$each" in node


def _each(group: str, item: Any, values: Mapping[str, Any]) -> Any:
    """A node for each item of a group."""
    nodes = [item(each) if callable(item) else item for each in values[group] or ()]
    return [node for node in nodes if node is not _ABSENT] or _ABSENT


def _spliced(items: list[tuple[Any, bool]], values: Mapping[str, Any]) -> Any:
    """As `_list`, with the nodes of groups in the places of their `$each`."""
    filled: list[Any] = []
    for item, is_each in items:
        value = item(values) if callable(item) else item
        if value is not _ABSENT:
            filled += value if is_each else [value]
    return filled or _ABSENT


def _object(parts: list[tuple[str, Any, bool]], condition: str | None, values: Mapping[str, Any]) -> Any:
    if condition is not None and values[condition] == "":
        return _ABSENT
    filled = {}
    for name, member, variable in parts:
        value = member(values) if variable else member
        if value is not _ABSENT:
            filled[name] = value
    return filled or _ABSENT
