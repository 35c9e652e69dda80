"""`Statements`: a canonical form taken apart, for proofs that disclose some of it (VC DI ECDSA 1.0, 3.4)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from .problem import InvalidDocument

_TERM = re.compile(r'<[^>]*+>|"(?:[^"\\]|\\.)*+"|_:([A-Za-z0-9]++)')  # the third is a blank node


@dataclass(frozen=True, slots=True)
class Statements:
    """Canonical N-Quads line by line, and the objects of the document that are blank nodes in them."""

    lines: tuple[str, ...]
    """Sorted, each with its end: together the bytes that `canonicalize` gives."""
    labels: Mapping[str, str]
    """The blank node of each object without an id, by the object's JSON Pointer (RFC 6901): `c14n0`, …"""

    @classmethod
    def of(
        cls,
        document: dict[str, Any],
        lines: Iterable[str],
        numbers: Sequence[int],
        unnamed: Sequence[tuple[dict[str, Any], int]],
    ) -> Self:
        """From what was walked; raises `InvalidDocument` where one Python object stands in two places."""
        labels = {id(node): f"c14n{numbers[blank]}" for node, blank in unnamed}
        if len(labels) < len(unnamed):
            raise InvalidDocument("an object stands in two places, so that nothing tells them apart")
        named = {pointer: labels[key] for pointer, key in _objects(document, "") if key in labels}
        return cls(tuple(lines), named)

    def relabelled(self, names: Mapping[str, str]) -> tuple[str, ...]:
        """The lines with other labels for the blank nodes, each by the canonical one, sorted again."""
        return tuple(sorted(_TERM.sub(lambda term: _named(term, names), line) for line in self.lines))


def _named(term: re.Match[str], names: Mapping[str, str]) -> str:
    return term[0] if term[1] is None else f"_:{names[term[1]]}"


def _objects(value: Any, pointer: str) -> Iterator[tuple[str, int]]:
    """Each object with its pointer."""
    if isinstance(value, dict):
        yield pointer, id(value)
        for name, member in value.items():
            yield from _objects(member, f"{pointer}/{name.replace('~', '~0').replace('/', '~1')}")
    elif isinstance(value, list):
        for index, member in enumerate(value):
            yield from _objects(member, f"{pointer}/{index}")
