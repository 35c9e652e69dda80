"""The files to verify, one by one; of folders and ZIP archives those that could be read here.

A folder, with its sub-folders, gives these in the order of their names: the files that `vc.forms.SUFFIXES`
names, pictures into which something is baked, the lines of JSON Lines, and archives. Hidden files and links
are left aside. An archive is unpacked in memory, a file at a time; nothing on the disk takes a name from it.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import BinaryIO, NamedTuple

from vc.forms import MAX_BYTES
from vc.reading import SUFFIXES
from wire.problem import NotFound, Problem, TooLarge, Unavailable

from ...archive import BEGINS, Bounds, archived, refusing
from ...archive import SUFFIX as ARCHIVE
from ...terminal import is_file
from .lines import SUFFIXES as LINES
from .lines import numbered

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
    line: int | None = None
    """Its number, from 1, in a file of JSON Lines."""

    @property
    def name(self) -> str:
        """All of its names in one."""
        name = self.file if self.member is None else f"{self.file}/{self.member}"
        return name if self.line is None else f"{name}:{self.line}"


class Extent:
    """The number of files, as far as it is known while they are gone through."""

    def __init__(self, expected: int = 0) -> None:
        self.aside = 0
        """The number of files in folders and archives that were left aside."""
        self.expected = expected
        """The estimated total, by the folders listed so far and the share of lines that was read."""


def is_many(path: str) -> bool:
    """True if a given name is that of a folder, an archive or JSON Lines."""
    return _is_folder(path) or is_archive(path) or (path.lower().endswith(LINES) and is_file(path))


def is_archive(path: str) -> bool:
    """True for a file that calls itself a ZIP archive and begins as one."""
    if not path.lower().endswith(ARCHIVE) or not is_file(path):
        return False
    try:
        with Path(path).open("rb") as file:
            return file.read(2) == BEGINS
    except OSError:  # reading it says so
        return False


def expanded(path: str, extent: Extent) -> Iterator[InputFile]:
    """The files of a folder or an archive, in the order of their names; or each line of JSON Lines."""
    if _is_folder(path):
        yield from _folder(Path(path), extent)
    elif path.lower().endswith(LINES):
        yield from _lined(path, partial(_opened, path, 0), extent)
    else:
        yield from _archived(path, extent)


def _is_folder(path: str) -> bool:
    return os.path.isdir(path)  # noqa: PTH112 -- also of what no path can be, such as a long URL


def _folder(folder: Path, extent: Extent, depth: int = 1) -> Iterator[InputFile]:
    if depth > _DEEPEST:
        problem = TooLarge.saying("it lies below {most} folders", most=_DEEPEST)
        yield InputFile(str(folder), None, refusing(problem))
        return
    names, folders, others = list[str](), set[str](), set[str]()  # a million entries would take 300 MB
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.name.startswith("."):
                    continue
                names.append(entry.name)
                if entry.is_dir(follow_symlinks=False):
                    folders.add(entry.name)
                elif not entry.is_file(follow_symlinks=False):
                    others.add(entry.name)
    except OSError as error:
        yield InputFile(str(folder), None, refusing(_unreadable(str(folder), error)))
        return
    extent.expected += len(names) - 1
    for name in sorted(names):
        path = str(folder / name)
        if name in folders:
            yield from _folder(Path(path), extent, depth + 1)
        elif name in others:
            extent.aside += 1
        elif is_archive(path):
            yield from _archived(path, extent)
        elif path.lower().endswith(LINES):
            yield from _lined(path, partial(_opened, path), extent)
        elif source := _wanted(InputFile(path, None, partial(_file, path))):
            yield source
        else:
            extent.aside += 1


def _wanted(source: InputFile) -> InputFile | None:
    """The file, if it may be one to verify: by its name, or a picture by its content."""
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
    try:
        with _opened(path) as file:
            return file.read(MAX_BYTES + 1)
    except OSError as error:
        raise _unreadable(path, error) from error


def _opened(path: str, links: int = os.O_NOFOLLOW) -> BinaryIO:
    """A file, unless it became a link or a pipe meanwhile. Raises `Unavailable` and `OSError`."""
    file = os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | links), "rb")
    if stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        return file
    file.close()
    raise Unavailable.saying("{file} is no regular file", file=str(path))


def _lined(path: str, opened: Callable[[], BinaryIO], extent: Extent) -> Iterator[InputFile]:
    expected = 1
    try:
        with opened() as file:
            size = os.fstat(file.fileno()).st_size
            for source in each_line(path, numbered(file.readline)):
                extent.expected -= expected
                expected = (source.line or 1) * size // file.tell()
                extent.expected += expected
                yield source
    except OSError as error:
        yield InputFile(path, None, refusing(_unreadable(path, error)))
    except Unavailable as problem:
        yield InputFile(path, None, refusing(problem))


def each_line(name: str, lines: Iterable[tuple[int, bytes]]) -> Iterator[InputFile]:
    """The lines of a file as files of their own."""
    for number, line in lines:
        yield InputFile(name, None, partial(bytes, line), number)


def _archived(path: str, extent: Extent) -> Iterator[InputFile]:
    bounds = Bounds(MOST_ENTRIES, _LARGEST_DIRECTORY, MAX_BYTES, MOST_UNPACKED)
    try:
        with Path(path).open("rb") as file:
            extent.expected -= 1
            for entry in archived(file, bounds):
                extent.expected += 1
                source = InputFile(path, entry.name, entry.read)
                if entry.is_link:
                    extent.aside += 1
                elif entry.name.lower().endswith(ARCHIVE):  # which reading refuses
                    yield source
                elif wanted := _wanted(source):
                    yield wanted
                else:
                    extent.aside += 1
    except OSError as error:
        yield InputFile(path, None, refusing(_unreadable(path, error)))
    except Problem as problem:
        yield InputFile(path, None, refusing(problem))


def _unreadable(path: str, error: OSError) -> Problem:
    if isinstance(error, FileNotFoundError):
        return NotFound.saying("there is no file {file}", file=str(path))
    return Unavailable.saying("it cannot be read: {system}", system=error.strerror)
