"""The second copy of a log's newest checkpoint, in a file on this machine, whatever keeps the log."""

from __future__ import annotations

from pathlib import Path

from wire.files import read_regular, sync_folder

from .disk import replace_for_good
from .layout import LARGEST


class KeptCheckpoint:
    """The file, or none. Each method raises `OSError`."""

    def __init__(self, path: Path | None) -> None:
        self._path = path

    def read(self) -> bytes | None:
        """The checkpoint, if one was kept."""
        return None if self._path is None or not self._path.exists() else read_regular(self._path, LARGEST)

    def write(self, note: bytes) -> None:
        """Replaces it as a whole."""
        if self._path is not None:
            replace_for_good(self._path, note, 0o600)

    def sync(self) -> None:
        """Makes the last one durable."""
        if self._path is not None:
            sync_folder(self._path.parent)
