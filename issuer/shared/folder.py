"""Small state of one machine's issuer: files of its folder."""

from __future__ import annotations

import os
from collections.abc import Collection
from contextlib import AbstractContextManager
from pathlib import Path

from wire.files import (
    leftovers,
    locked,
    make_private_folder,
    open_regular,
    remove_leftovers,
    replace_file,
    sync_files,
    sync_folder,
    write_durably,
)


class FolderShared:
    """`Shared`, in a folder that one machine has."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read(self, name: str) -> bytes | None:
        """See `Shared.read`."""
        try:
            with open_regular(self._folder / name) as file:
                return file.read()
        except (FileNotFoundError, NotADirectoryError):
            return None

    def write(self, name: str, content: bytes, *, synced: bool = True) -> None:
        """See `Shared.write`."""
        path = self._folder / name
        if not path.parent.exists():
            make_private_folder(path.parent)
        if synced:
            write_durably(path, content)
        else:
            replace_file(path, content, synced=False)

    def sync(self, names: Collection[str]) -> None:
        """See `Shared.sync`."""
        sync_files(self._folder, names)

    def tidy(self, folder: str) -> None:
        """See `Shared.tidy`."""
        remove_leftovers(self._folder / folder)

    def remove(self, name: str) -> None:
        """See `Shared.remove`."""
        path = self._folder / name
        if path.exists():
            path.unlink()
            sync_folder(path.parent)

    def names(self, folder: str) -> list[str]:
        """See `Shared.names`."""
        root = self._folder / folder
        left = {path.name for path in leftovers(root)} if root.is_dir() else set()
        names = (path.name for path in root.glob("*") if path.is_file() and path.suffix != ".lock")
        return sorted(f"{folder}/{name}".lstrip("/") for name in names if name not in left)

    def held(
        self, name: str, *, shared: bool = False, patience: float | None = None
    ) -> AbstractContextManager[None]:
        """See `Shared.held`."""
        path = self._folder / name
        if path.parent != self._folder:
            make_private_folder(path.parent)
        to_read = shared and not os.access(self._folder, os.W_OK)
        return locked(path, to_read=to_read, shared=shared, patience=patience)

    def where(self, name: str) -> str:
        """See `Shared.where`."""
        return str(self._folder / name)
