"""A kind's template: a JSON file with `{field}` placeholders that a registrar can edit.

Three rules, and no other:

* A text that is one placeholder takes the field's value as it is, so that a number stays a number.
* A member or list item whose text names an empty field is left out; so is a list or object that ends empty.
* An object with a member `"$if": "field"` is left out as a whole when that field is empty.
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
    """A parsed template. `members` are those of its outermost object, `fields` the names in placeholders."""

    def __init__(self, text: bytes) -> None:
        """Raises `InvalidTemplate`."""
        self.text = text
        self.fields: set[str] = set()
        try:
            document = load_json_object(text)
        except Malformed as problem:
            hint = "Undo the last change of the file, or take it from a backup."
            raise InvalidTemplate(f"template.json: {problem.detail}", hint=hint) from problem
        self.members = frozenset(document)
        self._fill = self._compile(document, "$")

    def fill(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """The document for one record; `values` has all of `fields`. Parts of it are shared: read only."""
        document: dict[str, Any] = self._fill(values) if callable(self._fill) else self._fill
        return document

    def _compile(self, node: Any, place: str) -> Any:
        """The node itself if nothing in it depends on the record, else a function from values to it.

        Functions are partial ones: these can be pickled, so that a worker process does not compile again.
        """
        if isinstance(node, str):
            return self._compile_text(node, place)
        if isinstance(node, list):
            items = [self._compile(item, f"{place}[{index}]") for index, item in enumerate(node)]
            return partial(_list, items) if any(map(callable, items)) else node
        if isinstance(node, dict):
            condition = node.get("$if")
            if condition is not None:
                self._compile_text(f"{{{condition}}}", f"{place}.$if")
            members = {
                name: self._compile(member, f"{place}.{name}")
                for name, member in node.items()
                if name != "$if"
            }
            if condition is None and not any(map(callable, members.values())):
                return node
            parts = [(name, member, callable(member)) for name, member in members.items()]
            return partial(_object, parts, condition)
        return node

    def _compile_text(self, text: str, place: str) -> Any:
        names = PLACEHOLDER.findall(text)
        if "{" in PLACEHOLDER.sub("", text) or "}" in PLACEHOLDER.sub("", text):
            raise InvalidTemplate(f"template, {place}: a brace that is not part of a {{field}}")
        if not names:
            return text
        self.fields.update(names)
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


def _object(parts: list[tuple[str, Any, bool]], condition: str | None, values: Mapping[str, Any]) -> Any:
    if condition is not None and values[condition] == "":
        return _ABSENT
    filled = {}
    for name, member, variable in parts:
        value = member(values) if variable else member
        if value is not _ABSENT:
            filled[name] = value
    return filled or _ABSENT
