"""Cuts the power at any point of a piece of work, and lets a test inspect the possible states of the disk.

A `Recorder` watches a folder while the work runs. Before and after each call that writes, syncs, renames,
creates or removes a file, it records the state and its durable part. Content is durable once its file was
synced; a name once its folder was synced. From that, `crashes` gives every state that a power cut may leave:
all that is not durable is lost, kept, or half of it kept, independently for names, for the content of each of
SQLite's files, and for that of all others.

The code under test needs no door for this: the functions of `os` are exchanged while it runs, and those of
SQLite by `tests.fault.sqlite_vfs`. Writes of other C code are not seen.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import stat
import sys
import tempfile
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator
from itertools import product
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

WATCHED = (
    *("open", "write", "pwrite", "truncate", "ftruncate", "fsync", "fdatasync"),
    *("rename", "replace", "link", "unlink", "remove", "mkdir", "rmdir"),
)
Tree = dict[str, bytes | None]
"""Content of files, None for folders, by path relative to the watched folder."""


@contextlib.contextmanager
def memory_folder() -> Iterator[Path]:
    """A folder for states to be restored to: in memory where there is such, since nothing has to last."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        yield Path(folder)


class Killed(BaseException):
    """Ends work as SIGKILL would."""


class Crash(NamedTuple):
    """A state of the folder after a power cut, and the number of acknowledgements given by then."""

    tree: Tree
    acknowledged: int

    def restore(self, folder: Path) -> None:
        """Write this state into a new folder."""
        folder.mkdir()
        for path, content in sorted(self.tree.items()):
            if content is None:
                (folder / path).mkdir()
            else:
                (folder / path).touch(mode=0o600)  # some may hold secrets
                (folder / path).write_bytes(content)


class _Names(NamedTuple):
    """The content of a folder, by name: files by their number, folders by their inode."""

    files: dict[str, int]
    folders: dict[str, int]


class Recorder:
    """Watches a folder in a `with` block. `barriers` are functions that sync all of it when they return.

    `syncs` is how often anything was synced. After `forget` the disk is a bad one: a test that a missing sync
    is noticed.
    """

    def __init__(self, folder: Path, barriers: Iterable[tuple[ModuleType, str]] = ()) -> None:
        self._folder = folder
        self._watched = [*((os, name) for name in WATCHED), (fcntl, "fcntl"), *barriers]
        self._real: dict[tuple[ModuleType, str], Callable[..., Any]] = {}
        self._acknowledged = 0
        self.syncs = 0
        self._states: dict[frozenset[tuple[str, bytes | None]], int] = {}
        self._contents: dict[bytes, bytes] = {}  # one object for equal contents
        self._busy = False
        self._syncs_left = 0
        self._dead = False
        self._forgets = re.compile("")
        self._forgets_left = 0

    def __enter__(self) -> Recorder:
        self._files: dict[str, int] = {}  # path → file, a number that is never used again
        self._folders: dict[str, int] = {}  # path → folder, its inode; that of all has the path ""
        self._inodes: dict[int, int] = {}
        self._cached: list[bytes] = []  # file → content as programs see it
        self._synced: dict[int, bytes] = {}
        self._names: dict[int, _Names] = {}  # folder → what is certain to be in it
        self._scan()
        self._sync_all()
        for module, name in self._watched:
            function = self._real[module, name] = getattr(module, name)
            if module is fcntl:  # by which macOS syncs; for other ends nobody here calls it
                watched = self.watch(function, lambda file, *_: self.sync(file))
            elif module is not os:
                watched = self.watch(function, lambda *_: self._sync_all())
            elif name in ("fsync", "fdatasync"):
                watched = self.watch(function, self.sync)
            else:
                watched = self.watch(function)
            setattr(module, name, watched)
        return self

    def __exit__(self, *_: object) -> None:
        for (module, name), function in self._real.items():
            setattr(module, name, function)

    def acknowledge(self) -> None:
        """From here on the work has given one more acknowledgement."""
        self._acknowledged += 1
        self._note()

    def forget(self, names: str, times: int = sys.maxsize) -> None:
        """From here on the disk loses the next `times` syncs of files and folders with such names.

        A folder's name, which stands for the names in it, ends in `/`; the watched folder itself is `./`.
        """
        self._forgets, self._forgets_left = re.compile(names), times

    def _keeps(self, name: str) -> bool:
        forgets = self._forgets_left > 0 and self._forgets.fullmatch(name) is not None
        self._forgets_left -= forgets
        return not forgets

    def crashes(self) -> Iterator[Crash]:
        """Every state that was seen, once, with the greatest number of acknowledgements given by then."""
        for state, acknowledged in self._states.items():
            yield Crash(dict(state), acknowledged)

    def killed(self, work: Callable[[], object], before: int) -> bool:
        """Run the work and kill it before its sync number `before`; False if it ended sooner.

        As after SIGKILL, the calls of the work on its way out have no effect. States count from then on.
        """
        self._syncs_left = before
        try:
            work()
        except BaseException:
            if not self._dead:
                raise
        dead, self._dead = self._dead, False
        self._states.clear()
        return dead

    def watch(
        self, function: Callable[..., Any], synced: Callable[..., None] | None = None
    ) -> Callable[..., Any]:
        """The same function, with the state noted before and after; `synced` then calls `sync`."""

        def watched(*arguments: Any, **options: Any) -> Any:
            if self._busy:
                return function(*arguments, **options)
            if synced and self._syncs_left:
                self._syncs_left -= 1
                self._dead = not self._syncs_left
            if self._dead:
                raise Killed
            self._note()
            result = function(*arguments, **options)
            self._note()
            if synced:
                self.syncs += 1
                synced(*arguments)
                self._note()
            return result

        return watched

    def _scan(self) -> None:
        """Learn names and contents as they are."""
        files, inodes = dict[str, int](), dict[int, int]()
        folders = {"": self._folder.stat().st_ino}
        for name, entry in _below(str(self._folder)):
            inode = entry.inode()
            if entry.is_dir(follow_symlinks=False):
                folders[name] = inode
                continue
            if name.endswith("-shm"):  # SQLite's shared memory, which a restart makes anew
                continue
            file = self._inodes.get(inode, len(self._cached))
            with open(entry.path, "rb", buffering=0) as opened:  # noqa: PTH123 -- thousands of times a second
                content = opened.read()
            content = self._contents.setdefault(content, content)
            self._cached[file : file + 1] = [content]
            files[name], inodes[inode] = file, file
        for inode in set(folders.values()) - set(
            self._folders.values()
        ):  # of a new folder, perhaps once another's
            self._names.pop(inode, None)
        self._files, self._folders, self._inodes = files, folders, inodes

    def sync(self, file: int | Path) -> None:
        """From here on the content of a file, or the names in a folder, are durable."""
        status = os.stat(file)  # noqa: PTH116 -- a descriptor has no path
        if stat.S_ISDIR(status.st_mode):
            for folder, inode in self._folders.items():
                if inode == status.st_ino:
                    self._sync_names(folder)
        elif status.st_ino in self._inodes:
            self._sync_content(self._inodes[status.st_ino])

    def _sync_content(self, file: int) -> None:
        if self._keeps(next(name for name, number in self._files.items() if number == file)):
            self._synced[file] = self._cached[file]

    def _sync_names(self, folder: str) -> None:
        prefix = folder and f"{folder}/"
        if self._keeps(prefix or "./"):
            files, folders = (
                {name[len(prefix) :]: found for name, found in all_.items() if _within(name, prefix)}
                for all_ in (self._files, self._folders)
            )
            self._names[self._folders[folder]] = _Names(files, folders)

    def _sync_all(self) -> None:
        for file in self._files.values():
            self._sync_content(file)
        for folder in self._folders:
            self._sync_names(folder)

    def _note(self) -> None:
        """Note the states that a power cut now may leave."""
        self._busy = True
        self._scan()
        self._busy = False
        every_name = {**self._files, **dict.fromkeys(filter(None, self._folders))}
        for names in (every_name, self._certain(self._folders[""])):
            contents = {
                name: (self._synced.get(file, b""), self._cached[file])
                for name, file in names.items()
                if file is not None
            }
            uncertain = sorted(
                {_group(name) for name, (synced, cached) in contents.items() if synced != cached}
            )
            for fates in product((_lost, _kept, _torn), repeat=len(uncertain)):
                fate = dict(zip(uncertain, fates, strict=True))
                files = {name: fate.get(_group(name), _kept)(*content) for name, content in contents.items()}
                self._states[frozenset({**dict.fromkeys(names), **files}.items())] = self._acknowledged

    def _certain(self, folder: int, prefix: str = "") -> dict[str, int | None]:
        """The names that surely survive, from a folder down."""
        certain = self._names.get(folder, _Names({}, {}))
        names: dict[str, int | None] = {f"{prefix}{name}": file for name, file in certain.files.items()}
        for name, inner in certain.folders.items():
            names[f"{prefix}{name}"] = None
            names.update(self._certain(inner, f"{prefix}{name}/"))
        return names


def _below(folder: str, prefix: str = "") -> Iterator[tuple[str, os.DirEntry[str]]]:
    """All files and folders, by their path from the first folder."""
    with os.scandir(folder) as entries:
        for entry in entries:
            yield f"{prefix}{entry.name}", entry
            if entry.is_dir(follow_symlinks=False):
                yield from _below(entry.path, f"{prefix}{entry.name}/")


def _group(name: str) -> str:
    """Files of one group share their fate; each of SQLite's is a group of its own."""
    return name if ".sqlite" in name else ""


def _within(name: str, prefix: str) -> bool:
    return name.startswith(prefix) and name != prefix and "/" not in name[len(prefix) :]


def _lost(synced: bytes, cached: bytes) -> bytes:
    return synced


def _kept(synced: bytes, cached: bytes) -> bytes:
    return cached


def _torn(synced: bytes, cached: bytes) -> bytes:
    shorter = range(min(len(synced), len(cached)))
    same = bisect_left(shorter, True, key=lambda at: synced[: at + 1] != cached[: at + 1])
    half = same + (len(cached) - same) // 2
    return cached[:half] + synced[half:]
