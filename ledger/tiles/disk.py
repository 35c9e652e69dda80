"""The second copy of a log's newest checkpoint, in a file here; and what can be wrong with a disk."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from wire.files import locked_folder, read_regular, replace_for_good, sync_folder
from wire.problem import DISK_FULL, Unavailable, is_full

from .layout import LARGEST


def disk_problem(error: OSError) -> Unavailable:
    """`DISK_FULL` or `Unavailable` for an error at a log's files.

    A disk that does not answer (EIO) says nothing of what was written there: that is not `Damaged`.
    """
    detail = f"the log's folder cannot be read or written: {error.strerror}"
    if is_full(error):
        return DISK_FULL(detail)
    return Unavailable(
        detail, hint="Nothing that was acknowledged is lost. Once the disk is well, do the same again."
    )


@contextmanager
def disk_problems() -> Iterator[None]:
    """Raises the `DISK_FULL` or `Unavailable` that an `OSError` inside is: see `disk_problem`."""
    try:
        yield
    except OSError as error:
        raise disk_problem(error) from error


class KeptCheckpoint:
    """The file, or none. Each method raises `DISK_FULL` or `Unavailable` where the disk does not do it."""

    def __init__(self, path: Path | None) -> None:
        self._path = path

    def read(self) -> bytes | None:
        """The checkpoint, if one was kept."""
        if self._path is None:
            return None
        with disk_problems():
            return read_regular(self._path, LARGEST) if self._path.exists() else None

    def keep(self, newest: Callable[[], bytes | None]) -> None:
        """Replace it, as a whole, by the newest checkpoint.

        That is asked for while no other process keeps one: else an older one might be written last.
        """
        if self._path is None:
            return
        with disk_problems(), locked_folder(self._path.parent):
            if (note := newest()) is not None:
                replace_for_good(self._path, note, 0o600)

    def sync(self) -> None:
        """Make the last one durable."""
        if self._path is not None:
            with disk_problems():
                sync_folder(self._path.parent)
