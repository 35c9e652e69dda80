"""What is to be verified, file by file: of folders and ZIP archives what could be read here.

Of a folder, and those in it, come the files that `vc.forms.SUFFIXES` names, pictures into which something is
baked, and the archives, by their names in order; hidden ones and links are left aside. What an archive holds
is unpacked in memory, a file at a time, and nothing on the disk takes a name from it.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

from vc.forms import MAX_BYTES
from vc.reading import SUFFIXES
from wire.problem import NotFound, Problem, TooLarge, Unavailable

from ...archive import BEGINS, Bounds, archived, refusing
from ...archive import SUFFIX as ARCHIVE
from ...terminal import is_file

MOST_ENTRIES = 10_000
MOST_UNPACKED = 1 << 28  # bytes of one archive
_DEEPEST = 100  # folders in folders
_LARGEST_DIRECTORY = 1 << 22  # bytes; all of it is taken into memory


class InputFile(NamedTuple):
    """One file: its name, that within an archive if it is in one, and how to get its bytes."""

    file: str
    member: str | None
    read: Callable[[], bytes]
    """At most one byte more than a file may have. Raises a `Problem`."""

    @property
    def name(self) -> str:
        """Both names in one."""
        return self.file if self.member is None else f"{self.file}/{self.member}"


class Aside:
    """Counts the files of folders and archives that nothing was looked for in."""

    count = 0


def is_many(path: str) -> bool:
    """Whether a name that was given is that of a folder or an archive."""
    return _is_folder(path) or is_archive(path)


def is_archive(path: str) -> bool:
    """Whether this is a file that calls itself a ZIP archive and begins as one."""
    if not path.lower().endswith(ARCHIVE) or not is_file(path):
        return False
    try:
        with Path(path).open("rb") as file:
            return file.read(2) == BEGINS
    except OSError:  # reading it says so
        return False


def expanded(path: str, aside: Aside) -> Iterator[InputFile]:
    """The files of a folder or an archive, in the order of their names."""
    if _is_folder(path):
        yield from _folder(Path(path), aside)
    else:
        yield from _archived(path, aside)


def _is_folder(path: str) -> bool:
    return os.path.isdir(path)  # noqa: PTH112 -- also of what no path can be, such as a long URL


def _folder(folder: Path, aside: Aside, depth: int = 1) -> Iterator[InputFile]:
    if depth > _DEEPEST:
        problem = TooLarge.saying("it lies below {most} folders", most=_DEEPEST)
        yield InputFile(str(folder), None, refusing(problem))
        return
    try:
        with os.scandir(folder) as found:
            entries = sorted(found, key=lambda entry: entry.name)
    except OSError as error:
        yield InputFile(str(folder), None, refusing(_unreadable(str(folder), error)))
        return
    for entry in entries:
        path = str(folder / entry.name)
        if entry.name.startswith("."):
            continue
        if entry.is_dir(follow_symlinks=False):
            yield from _folder(Path(path), aside, depth + 1)
        elif not entry.is_file(follow_symlinks=False):
            aside.count += 1
        elif is_archive(path):
            yield from _archived(path, aside)
        elif source := _wanted(InputFile(path, None, partial(_file, path))):
            yield source
        else:
            aside.count += 1


def _wanted(source: InputFile) -> InputFile | None:
    """The file, if it may be one to verify: by its name; a picture by what is in it."""
    name = source.name.lower()
    if name.endswith(SUFFIXES):
        return source
    from vc.reading import baked  # only here: few files are pictures

    if not name.endswith(baked.SUFFIXES):
        return None
    try:
        data = source.read()
    except Problem:  # nobody knows that it was one
        return None
    return source._replace(read=lambda: data) if baked.holds_badge(data) else None


def _file(path: str) -> bytes:
    """What a file has, unless it became a link or a pipe meanwhile."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise Unavailable.saying("{file} is no regular file", file=str(path))
            return file.read(MAX_BYTES + 1)
    except OSError as error:
        raise _unreadable(path, error) from error


def _archived(path: str, aside: Aside) -> Iterator[InputFile]:
    bounds = Bounds(MOST_ENTRIES, _LARGEST_DIRECTORY, MAX_BYTES, MOST_UNPACKED)
    try:
        with Path(path).open("rb") as file:
            for entry in archived(file, bounds):
                source = InputFile(path, entry.name, entry.read)
                if entry.is_link:
                    aside.count += 1
                elif entry.name.lower().endswith(ARCHIVE):  # which reading refuses
                    yield source
                elif wanted := _wanted(source):
                    yield wanted
                else:
                    aside.count += 1
    except OSError as error:
        yield InputFile(path, None, refusing(_unreadable(path, error)))
    except Problem as problem:
        yield InputFile(path, None, refusing(problem))


def _unreadable(path: str, error: OSError) -> Problem:
    if isinstance(error, FileNotFoundError):
        return NotFound.saying("there is no file {file}", file=str(path))
    return Unavailable.saying("it cannot be read: {system}", system=error.strerror)
