"""The kinds that come with the program, each in a folder beside this file."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from importlib import resources
from importlib.resources.abc import Traversable

from .kind import Kind
from .parsing import parse

SHIPPED = ("diploma", "resident", "certificate")


@lru_cache(maxsize=len(SHIPPED))
def shipped(name: str = "diploma") -> Kind:
    """A kind that comes with the program, one of `SHIPPED`."""
    return parse(dict(_files(resources.files(__package__).joinpath(name))))


def _files(folder: Traversable) -> Iterator[tuple[str, bytes]]:
    for item in sorted(folder.iterdir(), key=lambda item: item.name):
        if item.name == "tables":
            yield from ((f"tables/{path}", data) for path, data in _files(item))
        else:
            yield item.name, item.read_bytes()
