"""The second copy of a log's newest checkpoint, in a file here (ADR 13); and the problems of a disk."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from wire.files import locked_folder, read_regular, replace_for_good, sync_folder
from wire.problem import DISK_FULL, Unavailable, is_full

from ..note import Checkpoint
from .layout import LARGEST


def disk_problem(error: OSError) -> Unavailable:
    """`DISK_FULL` or `Unavailable` for an error at a log's files.

    A disk that does not answer (EIO) says nothing about its content, so this is not `Damaged`.
    """
    detail = f"the log's folder cannot be read or written: {error.strerror}"
    if is_full(error):
        return DISK_FULL(detail)
    return Unavailable(
        detail, hint="Nothing that was acknowledged is lost. Once the disk is well, do the same again."
    )


@contextmanager
def disk_problems() -> Iterator[None]:
    """Raises an `OSError` from inside as `DISK_FULL` or `Unavailable`: see `disk_problem`."""
    try:
        yield
    except OSError as error:
        raise disk_problem(error) from error


class KeptCheckpoint:
    """The file, if a path is given. Each method raises `DISK_FULL` or `Unavailable` where the disk fails."""

    def __init__(self, path: Path | None) -> None:
        self._path = path

    def read(self) -> bytes | None:
        """The kept checkpoint, if there is one."""
        if self._path is None:
            return None
        with disk_problems():
            # Bounded, and no device or pipe: the file lies where backups and people put things.
            return read_regular(self._path, LARGEST) if self._path.exists() else None

    def notes(self) -> list[bytes]:
        """All that is kept: the log is not shorter than any of these."""
        note = self.read()
        return [] if note is None else [note]

    def keep(self, newest: Callable[[], bytes | None]) -> None:
        """Replace the kept checkpoint, as a whole, by the newest one.

        `newest` is called under a lock against other processes that keep one: otherwise an older checkpoint
        might be written last.
        """
        if self._path is None:
            return
        # ADR 13: an older checkpoint here would let a rolled-back log pass for the newest.
        with disk_problems(), locked_folder(self._path.parent):
            if (note := newest()) is not None:
                replace_for_good(self._path, note, 0o600)

    def see(self, newest: Callable[[], Checkpoint | None]) -> None:
        """Take note of the newest checkpoint, if there is one: it continues those that are kept.

        Another machine may have signed it. Where one machine has the log, it has kept its own already.
        """

    def sync(self) -> None:
        """Make the last kept checkpoint durable."""
        if self._path is not None:
            with disk_problems():
                sync_folder(self._path.parent)
