"""The kinds that come with the program, each in a folder beside this file.

`diploma-1` is the kind of earlier issuers, used with their `template.json`. Its credentials name no kind, so
it is none of those that a new issuer can have; `diploma` is the next version of it.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from .kind import COMPILED, Kind
from .parsing import parse_kind

SHIPPED = ("diploma", "resident", "certificate")


@lru_cache(maxsize=len(SHIPPED) + 1)  # without a name is a key of its own
def shipped(name: str = "diploma") -> Kind:
    """A kind that comes with the program, one of `SHIPPED`."""
    return _read(name)


def is_shipped(kind: Kind) -> bool:
    """True if exactly these bytes come with the program, so that every reader has them."""
    return kind.name in SHIPPED and shipped(kind.name).reference == kind.reference


@lru_cache(maxsize=1)
def diploma_1() -> Kind:
    """Diploma 1, to be used with the `template.json` of an earlier issuer."""
    return _read("diploma-1")


def _read(name: str) -> Kind:
    folder = Path(__file__).parent / name
    names = ("kind.json", "template.json", *COMPILED)
    tables = folder / "tables"
    # A pattern for `glob` would be compiled at each start.
    files = (path for path in tables.iterdir() if path.suffix == ".csv") if tables.is_dir() else ()
    paths = (*(folder / name for name in names), *sorted(files))
    return parse_kind(
        {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths if path.exists()},
        is_tested=True,
    )
