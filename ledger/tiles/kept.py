"""The second copy of a log's newest checkpoint, in a file on this machine, whatever keeps the log."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from wire.files import read_regular, sync_folder

from .disk import disk_problems, locked_folder, replace_for_good
from .layout import LARGEST


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
