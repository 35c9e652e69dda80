"""Small state of one machine's issuer: files of its folder."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path

from wire.files import leftovers, locked, make_private_folder, sync_folder, write_durably


class FolderShared:
    """`Shared`, in a folder that one machine has."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read(self, name: str) -> bytes | None:
        """See `Shared.read`."""
        try:
            return (self._folder / name).read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None

    def write(self, name: str, content: bytes) -> None:
        """See `Shared.write`."""
        path = self._folder / name
        if path.parent != self._folder:
            make_private_folder(path.parent)
        write_durably(path, content)

    def remove(self, name: str) -> None:
        """See `Shared.remove`."""
        path = self._folder / name
        if path.exists():
            path.unlink()
            sync_folder(path.parent)

    def names(self, folder: str) -> list[str]:
        """See `Shared.names`."""
        root = self._folder / folder
        left = set(leftovers(root)) if root.is_dir() else set()
        paths = (path for path in root.rglob("*") if path.is_file() and path not in left)
        return sorted(str(path.relative_to(self._folder)) for path in paths if path.suffix != ".lock")

    def held(
        self, name: str, *, shared: bool = False, patience: float | None = None
    ) -> AbstractContextManager[None]:
        """See `Shared.held`."""
        if (folder := (self._folder / name).parent) != self._folder:
            make_private_folder(folder)
        return locked(self._folder / name, shared=shared, patience=patience)

    def where(self, name: str) -> str:
        """See `Shared.where`."""
        return str(self._folder / name)
