"""Files of a log on a disk: how one is replaced, and what can be wrong."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from wire.files import remove_leftovers, replace_file, sync_folder
from wire.problem import DISK_FULL, Unavailable, is_full


def replace_for_good(path: Path, data: bytes, mode: int) -> None:
    """Replace a file, which has a name for good from the first time on, and remove leftovers beside it."""
    is_new = not path.exists()
    remove_leftovers(path.parent, path.name)
    replace_file(path, data, mode)
    if is_new:
        sync_folder(path.parent)


@contextmanager
def locked_folder(folder: Path) -> Iterator[None]:
    """Wait for, and hold, a lock of the folder itself, which nobody can remove as they can a lock file."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


@contextmanager
def disk_problems() -> Iterator[None]:
    """Raises `DISK_FULL` or `Unavailable` for the `OSError` of a log's files.

    A disk that does not answer (EIO) says nothing of what was written there: that is not `Damaged`.
    """
    try:
        yield
    except OSError as error:
        detail = f"the log's folder cannot be read or written: {error.strerror}"
        if is_full(error):
            raise DISK_FULL(detail) from error
        raise Unavailable(
            detail, hint="Nothing that was acknowledged is lost. Once the disk is well, do the same again."
        ) from error
