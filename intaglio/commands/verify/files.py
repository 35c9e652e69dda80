"""What is to be verified, file by file: of folders and ZIP archives what could be read here.

Of a folder, and those in it, come the files that `vc.forms.SUFFIXES` names, pictures into which something is
baked, and the archives, by their names in order; hidden ones and links are left aside. What an archive holds
is unpacked in memory, a file at a time, and nothing on the disk takes a name from it.
"""

from __future__ import annotations

import os
import stat
import zipfile
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from io import FileIO
from pathlib import Path
from typing import NamedTuple

from vc import baked
from vc.forms import MAX_BYTES, SUFFIXES
from wire.problem import Malformed, NotFound, Problem, TooLarge, Unavailable

from ...terminal import is_file

ARCHIVE = ".zip"
MOST_ENTRIES = 10_000
MOST_UNPACKED = 1 << 28  # bytes of one archive
_DEEPEST = 100  # folders in folders
_LARGEST_DIRECTORY = 1 << 22  # bytes; all of it is taken into memory
_ENCRYPTED = 1  # bit of an entry's flags (APPNOTE 4.4.4)
_UTF_8 = 1 << 11
_BROKEN = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    IndexError,
    NotImplementedError,
    RuntimeError,
    OverflowError,
    ValueError,
)


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


class _Archive(FileIO):
    """A file of which no more is read at once than a directory may have, whatever length that claims."""

    def read(self, size: int | None = -1, /) -> bytes:
        if size is None or size < 0:
            size = os.fstat(self.fileno()).st_size - self.tell()
        if size > _LARGEST_DIRECTORY:
            raise TooLarge("the archive's directory is too large")
        return super().read(size) or b""


def is_many(path: str) -> bool:
    """Whether a name that was given is that of a folder or an archive."""
    return _is_folder(path) or is_archive(path)


def is_archive(path: str) -> bool:
    """Whether this is a file that calls itself a ZIP archive and begins as one."""
    if not path.lower().endswith(ARCHIVE) or not is_file(path):
        return False
    try:
        with Path(path).open("rb") as file:
            return file.read(2) == b"PK"
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
        yield _refused(str(folder), TooLarge.saying("it lies below {most} folders", most=_DEEPEST))
        return
    try:
        with os.scandir(folder) as found:
            entries = sorted(found, key=lambda entry: entry.name)
    except OSError as error:
        yield _refused(str(folder), _unreadable(str(folder), error))
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
    try:
        with _Archive(path) as file, zipfile.ZipFile(file) as archive:
            entries = [entry for entry in archive.infolist() if not _is_hidden(entry)]
            if len(entries) > MOST_ENTRIES:
                yield _refused(
                    path, TooLarge.saying("the archive has more than {most} files", most=MOST_ENTRIES)
                )
                return
            unpacking = _Unpacking(archive)
            for entry in sorted(entries, key=_name):
                name = _name(entry)
                if name.lower().endswith(ARCHIVE):
                    yield _refused(path, TooLarge("an archive in an archive is not opened"), name)
                elif stat.S_ISLNK(entry.external_attr >> 16):
                    aside.count += 1
                elif source := _wanted(InputFile(path, name, partial(unpacking.read, entry))):
                    yield source
                else:
                    aside.count += 1
    except (*_BROKEN, OSError) as error:
        yield _refused(path, _unreadable(path, error))
    except TooLarge as problem:
        yield _refused(path, problem)


class _Unpacking:
    """Reads what an archive holds, as long as it is not more in all than one may hold."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive, self._left = archive, MOST_UNPACKED

    def read(self, entry: zipfile.ZipInfo) -> bytes:
        if entry.flag_bits & _ENCRYPTED:
            raise Unavailable("it is encrypted in its archive", hint="Unpack it with its password.")
        if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise Unavailable("it is compressed in a way that is not read here", hint="Unpack it.")
        try:
            with self._archive.open(entry) as file:
                data = file.read(min(MAX_BYTES, self._left) + 1)
        except (*_BROKEN, OSError) as error:
            raise Malformed("the archive is damaged where this file is") from error
        self._left -= len(data)
        if self._left < 0:
            self._left = 0
            raise TooLarge("the archive unpacks to more than is read", hint="Unpack it.")
        return data


def _name(entry: zipfile.ZipInfo) -> str:
    """A name as it was meant: some programs write UTF-8 and do not say so."""
    if entry.flag_bits & _UTF_8:
        return entry.filename
    try:
        return entry.filename.encode("cp437").decode()
    except UnicodeError:
        return entry.filename


def _is_hidden(entry: zipfile.ZipInfo) -> bool:
    parts = _name(entry).split("/")
    dotted = any(part.startswith(".") and part.strip(".") for part in parts)
    return dotted or parts[0] == "__MACOSX" or not parts[-1]  # a folder, or without a name


def _refused(file: str, problem: Problem, member: str | None = None) -> InputFile:
    def read() -> bytes:
        raise problem

    return InputFile(file, member, read)


def _unreadable(path: str, error: Exception) -> Problem:
    if isinstance(error, FileNotFoundError):
        return NotFound.saying("there is no file {file}", file=str(path))
    if isinstance(error, OSError):
        return Unavailable.saying("it cannot be read: {system}", system=error.strerror)
    return Malformed("this is no ZIP archive that can be opened, or a damaged one")
