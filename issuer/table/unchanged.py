"""A table that changes while it is read is refused: its headings and its rows could be of two files."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from wire.problem import Conflict, Problem


@contextmanager
def unchanged(path: Path) -> Iterator[None]:
    """Around whatever reads a file several times. Raises `Conflict` if it was written or replaced inside.

    That comes before any other problem of the file, since that may be of a file half written.
    """
    before = _state(path)
    try:
        yield
    except Problem:
        if _state(path) != before:
            raise changed(path) from None
        raise
    if _state(path) != before:
        raise changed(path)


def changed(path: Path) -> Conflict:
    """The problem of a file that is another than when it was opened."""
    return Conflict(f"{path.name} was changed while it was read", hint="Run the command again.")


def _state(path: Path) -> tuple[int, ...] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns
