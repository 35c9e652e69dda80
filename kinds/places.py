"""The places of a kind's facts in its credentials, as paths into the JSON document."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from .kind import Kind
from .metadata import said_fields, said_items
from .template import PLACEHOLDER

Path = tuple[str | int, ...]
"""Member names and list indexes, from the outermost object on, where each group has one item."""


def texts(kind: Kind) -> Iterator[tuple[Path, str]]:
    """Each text of the kind's template with its path; a condition (`$if`) and a group (`$each`) are none."""
    return ((path, text) for path, text in _texts(kind) if path[-1] not in ("$if", "$each"))


def places(kind: Kind) -> Mapping[str, list[Path]]:
    """The paths of each field; none for a field that no credential says, or that is hashed.

    A group has the paths of its arrays, and behind it stand the fields of its items. A path at which a value
    stands alone comes before one at which it has a text around it.
    """
    paths: dict[str, list[Path]] = {}
    for name, field in kind.fields.items():
        paths |= {
            name: [path[:-1] for path in item_places(kind, name)],
            **{inner: [] for inner in field.fields},
        }
    alone = {f"{{{name}}}" for name in paths}
    for path, text in sorted(texts(kind), key=lambda item: item[1] not in alone):
        for name in dict.fromkeys(PLACEHOLDER.findall(text)):
            if name in paths:
                paths[name].append(path)
    return paths


def mdoc_places(kind: Kind) -> Mapping[str, Path]:
    """The place in an mdoc of each field that has one: namespace, element identifier.

    In a group, the item and the key in it follow, as in OpenID4VCI 1.0, Appendix C.2.
    """
    paths: dict[str, Path] = {}
    for name, field in kind.fields.items():
        if field.mdoc:
            paths[name] = field.mdoc
            for each, inner in field.fields.items():
                if inner.mdoc:
                    paths[each] = (*field.mdoc, 0, *inner.mdoc)
    return paths


def claim_places(kind: Kind) -> Mapping[str, Path]:
    """The place in an SD-JWT VC of each field that credentials say; in a group, the item and the way in it.

    Empty for a kind in which no field has a path of its own: each claim then has its field's name.
    """
    if not kind.has_claim_paths:
        return {}
    paths: dict[str, Path] = {}
    for field in said_fields(kind):
        paths[field.name] = field.claim
        paths |= {inner.name: (*field.claim, 0, *inner.claim) for inner in said_items(kind, field)}
    return paths


def item_places(kind: Kind, group: str) -> list[Path]:
    """The paths of the only item of a group; several where the template has the group more than once."""
    return [path[:-1] for path, text in _texts(kind) if path[-1] == "$each" and text == group]


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


def _texts(kind: Kind) -> Iterator[tuple[Path, str]]:
    document = leaves(_with_arrays(json.loads(kind.template.text)))
    return ((path, text) for path, text in document if isinstance(text, str))


def _with_arrays(node: object) -> object:
    """The template with each group that is not in an array put into one, as its items are in a credential."""
    match node:
        case dict():
            members = {name: _with_arrays(member) for name, member in node.items()}
            return {
                name: [member] if isinstance(member, dict) and "$each" in member else member
                for name, member in members.items()
            }
        case list():
            return [_with_arrays(item) for item in node]
    return node
