"""`Shared`: files by name, and locks, for all machines that issue under one DID."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import AbstractContextManager
from typing import Protocol

INDEX = "the issuer's index"
"""The name of the index, and of its database, in error messages."""


class Shared(Protocol):
    """Small files, each read and replaced as a whole, and the locks under which that is decided.

    A name is a path without `..`, such as `issuer.json` or `kinds/NAME-1/kind.json`. Every method raises
    `Unavailable` or `Damaged` where the folder or the database fails.
    """

    def read(self, name: str) -> bytes | None:
        """The content of a file, as last written by any machine; `None` if there is none."""

    def write(self, name: str, content: bytes, *, synced: bool = True) -> None:
        """Creates or replaces a file, durably; without `synced`, a power cut may undo it.

        Raises `TAKEN_OVER` where a lock that this thread holds has gone to another machine meanwhile.
        """

    def sync(self, names: Collection[str]) -> None:
        """Makes sure of these files: they survive a power cut from here on."""

    def tidy(self, folder: str) -> None:
        """Removes what killed writers left in a folder."""

    def remove(self, name: str) -> None:
        """Removes a file, durably, if it is there. Raises as `write`."""

    def names(self, folder: str) -> list[str]:
        """The names of the files in a folder, in order; not those of the folders in it."""

    def held(
        self, name: str, *, shared: bool = False, patience: float | None = None
    ) -> AbstractContextManager[None]:
        """Holds the one lock of this name among all machines; `shared` ones can be held together.

        It is the system's or the server's, and free once its holder is dead. A holder that others take for
        dead writes nothing more here or into the index (`TAKEN_OVER`). Raises `TryLater` after `patience`, in
        seconds; with none (0), at once.
        """

    def where(self, name: str) -> str:
        """The place of a file, for people."""
