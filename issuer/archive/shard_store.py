"""Shard storage: one small contract, and the folder that keeps shards as files.

A shard is written once, under a name that has its digest, and never changed: two who write one name write the
same. Names written by earlier releases have no digest, and can still be read.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Protocol

from wire.files import file_problems, make_private_folder, remove_leftovers, replace_file, sync_folder
from wire.problem import DISK_FULL, Unavailable, is_full

from ..problem import DAMAGED_ISSUER_FILE, SHARD_TAKEN
from .kept import ShardName


class ShardStore(Protocol):
    """Shards by their names. Every method raises `Unavailable` if the store fails."""

    is_local: bool
    """True for a store on this machine: forked processes may use it, and reading all of it costs little."""

    @property
    def address(self) -> str:
        """The address of the store, for people. A slash and a shard's name make the address of that shard."""

    def examine(self) -> None:
        """Raises the reason why shards cannot be written there, as far as it shows without writing."""

    def write(self, shard: ShardName, data: bytes) -> None:
        """Keeps a shard, whole or not at all, durable when it returns; one that is there stays.

        Raises `SHARD_TAKEN` where something else has its name.
        """

    def read(self, shard: ShardName, start: int, length: int) -> bytes:
        """Part of a shard; fewer bytes if the shard ends before. Raises `Damaged` where there is none."""

    def end(self, shard: ShardName, length: int) -> tuple[bytes, int]:
        """The last `length` bytes of a shard, or all where it has no more, and how many it has in all.

        Raises `Damaged` where there is none.
        """

    def names(self) -> Iterator[ShardName]:
        """The names of all shards that are there, in no order."""

    def remove(self, shard: ShardName) -> None:
        """Deletes a shard, if it is there. Nothing else needs the right to delete."""


class ShardFolder(ShardStore):
    """Files in a folder, for the owner only; a folder in it for each job."""

    is_local = True

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._swept_for: int | None = None

    @property
    def address(self) -> str:
        """Its path."""
        return str(self._folder)

    def examine(self) -> None:
        """See `ShardStore.examine`: here a failing write says why."""

    def write(self, shard: ShardName, data: bytes) -> None:
        """See `ShardStore.write`.

        The first write of a job removes files that killed writers left: they hold personal data.
        """
        path = self._folder / str(shard)
        try:
            self._sweep_for(shard.job)
            make_private_folder(path.parent)
            if not path.exists():
                replace_file(path, data)  # not `write_durably`, which lists the folder each time
            # The name has the digest of the content, so a difference is damage or a foreign file: keep it.
            elif path.read_bytes() != data:
                raise SHARD_TAKEN(f"something else than what was signed lies at {path}")
            sync_folder(path.parent)
        except OSError as error:
            kind = DISK_FULL if is_full(error) else Unavailable
            raise kind(f"the shard {path} could not be written: {error.strerror}") from error

    def _sweep_for(self, job: int) -> None:
        if job != self._swept_for:
            for folder in self._folder.glob("[0-9]*"):
                remove_leftovers(folder)
            self._swept_for = job

    def read(self, shard: ShardName, start: int, length: int) -> bytes:
        with self._opened(shard) as file:
            file.seek(start)
            return file.read(length)

    def end(self, shard: ShardName, length: int) -> tuple[bytes, int]:
        with self._opened(shard) as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - length))
            return file.read(), size

    def names(self) -> Iterator[ShardName]:
        for path in self._folder.glob("*/*"):
            if shard := ShardName.parse(str(path.relative_to(self._folder))):
                yield shard

    def remove(self, shard: ShardName) -> None:
        path = self._folder / str(shard)
        path.unlink(missing_ok=True)
        sync_folder(path.parent)

    @contextmanager
    def _opened(self, shard: ShardName) -> Iterator[BinaryIO]:
        path = self._folder / str(shard)
        try:
            with file_problems(path), path.open("rb") as file:
                yield file
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError) as error:
            raise DAMAGED_ISSUER_FILE(f"the shard {path}: it is missing or cut short") from error
