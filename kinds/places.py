"""The places of a kind's facts in its credentials, as paths into the JSON document."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from .kind import Kind
from .template import PLACEHOLDER

Path = tuple[str | int, ...]
"""Member names and list indexes, from the outermost object on."""


def texts(kind: Kind) -> Iterator[tuple[Path, str]]:
    """Each text of the kind's template with its path; a condition (`$if`) is none."""
    document = leaves(json.loads(kind.template.text))
    return ((path, text) for path, text in document if isinstance(text, str) and path[-1] != "$if")


def places(kind: Kind) -> Mapping[str, list[Path]]:
    """The paths of each field; none for a field that no credential says, or that is hashed.

    A path at which the value stands alone comes before one at which it has a text around it.
    """
    found: dict[str, list[Path]] = {name: [] for name in kind.fields}
    alone = {f"{{{name}}}" for name in kind.fields}
    for path, text in sorted(texts(kind), key=lambda item: item[1] not in alone):
        for name in dict.fromkeys(PLACEHOLDER.findall(text)):
            if name in found:
                found[name].append(path)
    return found


def path_text(path: Path) -> str:
    """A path for people: its steps between slashes."""
    return "/".join(map(str, path))


def leaves(node: object, path: Path = ()) -> Iterator[tuple[Path, object]]:
    """Each value of a JSON document that is no object and no array, with its path."""
    match node:
        case dict():
            for name, member in node.items():
                yield from leaves(member, (*path, name))
        case list():
            for index, item in enumerate(node):
                yield from leaves(item, (*path, index))
        case _:
            yield path, node
