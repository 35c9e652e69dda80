"""The kinds that come with the program, each in a folder beside this file."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from .kind import Kind
from .parsing import parse_kind

SHIPPED = ("diploma", "resident", "certificate")


def is_shipped(kind: Kind) -> bool:
    """Whether every reader has this very kind."""
    return kind.name in SHIPPED and shipped(kind.name).digest == kind.digest


@lru_cache(maxsize=len(SHIPPED) + 1)  # without a name is a key of its own
def shipped(name: str = "diploma") -> Kind:
    """A kind that comes with the program, one of `SHIPPED`."""
    folder = Path(__file__).parent / name
    paths = (folder / "kind.json", folder / "template.json", *sorted(folder.glob("tables/*.csv")))
    return parse_kind(
        {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths if path.exists()}
    )
