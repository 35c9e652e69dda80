"""ZIP archives, read in memory and within limits: files named to a command, and uploads to a page.

An archive from somebody else may claim anything. Its directory is read up to a limit, the unpacked bytes are
counted rather than taken from the directory, and no name in it becomes a path.
"""

from __future__ import annotations

import errno
import io
import os
import stat
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from wire.problem import Malformed, Problem, TooLarge, Unavailable

if TYPE_CHECKING:
    import zipfile

SUFFIX = ".zip"
BEGINS = b"PK"

_ENCRYPTED = 1  # bit of an entry's flags (APPNOTE 4.4.4)
_UTF_8 = 1 << 11
_SHORTEST_HEAD = 30  # bytes before an entry's content


class Archived(NamedTuple):
    """One file of an archive."""

    name: str
    is_link: bool
    read: Callable[[], bytes]
    """At most one byte more than a file may have. Raises a `Problem`."""


class Bounds(NamedTuple):
    """Limits for one archive."""

    entries: int
    directory: int
    """Bytes of the list of its files; all of it is taken into memory."""
    file: int
    """Bytes of one file."""
    unpacked: int
    """Bytes of all files that are read."""


def archived(file: BinaryIO, bounds: Bounds) -> Iterator[Archived]:
    """The files in an archive in the order of their names, to be read one after the other; none is hidden.

    Raises `Malformed` for a file that is no archive, and `TooLarge`.
    """
    import zipfile  # only here, and below: most files are no archives

    begun = _Begun(file, bounds.directory)
    try:
        with zipfile.ZipFile(begun) as archive:
            begun.is_open = True
            entries = [entry for entry in archive.infolist() if not _is_hidden(entry)]
            if len(entries) > bounds.entries:
                raise TooLarge.saying("the archive has more than {most} files", most=bounds.entries)
            names, doubtful = Counter(map(_name, entries)), _overlapping(archive.infolist())
            unpacking = _Unpacking(archive, bounds)
            for entry in sorted(entries, key=_name):
                name = _name(entry)
                read: Callable[[], bytes] = partial(unpacking.read, entry)
                if names[name] > 1:
                    read = refusing(Unavailable("the archive has several files of this name"))
                elif entry.header_offset in doubtful:
                    read = refusing(Malformed("the archive is damaged where this file is"))
                elif name.lower().endswith(SUFFIX):
                    read = refusing(TooLarge("an archive in an archive is not opened"))
                yield Archived(name, stat.S_ISLNK(entry.external_attr >> 16), read)
    except _broken() as error:
        raise Malformed("this is no ZIP archive that can be opened, or a damaged one") from error


class _Begun(io.BufferedIOBase):
    """A file of which no more is read at once than a directory may have, until that was read."""

    def __init__(self, file: BinaryIO, largest: int) -> None:
        self._file, self._largest, self.is_open = file, largest, False

    def read(self, size: int | None = -1, /) -> bytes:
        if not self.is_open and (size is None or size < 0 or size > self._largest):
            here = self._file.tell()
            left = self._file.seek(0, os.SEEK_END) - here
            self._file.seek(here)
            if min(left, left if size is None or size < 0 else size) > self._largest:
                raise TooLarge("the archive's directory is too large")
        return self._file.read(-1 if size is None else size)

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def seekable(self) -> bool:
        return True

    def readable(self) -> bool:
        return True


class _Unpacking:
    """Reads the files of an archive, up to the limit for all of them together."""

    def __init__(self, archive: zipfile.ZipFile, bounds: Bounds) -> None:
        self._archive, self._most, self._left = archive, bounds.file, bounds.unpacked

    def read(self, entry: zipfile.ZipInfo) -> bytes:
        import zipfile

        if entry.flag_bits & _ENCRYPTED:
            raise Unavailable("it is encrypted in its archive", hint="Unpack it with its password.")
        if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise Unavailable("it is compressed in a way that is not read here", hint="Unpack it.")
        broken: tuple[type[Exception], ...] = (*_broken(), OSError)
        try:
            with self._archive.open(entry) as file:
                data = file.read(min(self._most, self._left) + 1)
        except broken as error:
            # EINVAL is a place outside the file, which the archive names; any other error is the disk's.
            if isinstance(error, OSError) and error.errno not in (None, errno.EINVAL):
                raise Unavailable.saying("it cannot be read: {system}", system=error.strerror) from error
            raise Malformed("the archive is damaged where this file is") from error
        self._left -= len(data)
        if self._left < 0:
            self._left = 0
            raise TooLarge("the archive unpacks to more than is read", hint="Unpack it.")
        return data


def _broken() -> tuple[type[Exception], ...]:
    """The errors that `zipfile` raises for a damaged archive, or for bytes that are none."""
    import zipfile
    import zlib

    named = EOFError, IndexError, NotImplementedError, RuntimeError, OverflowError, ValueError
    return (zipfile.BadZipFile, zlib.error, *named)


def _overlapping(entries: list[zipfile.ZipInfo]) -> set[int]:
    """Offsets of entries that overlap: without this check a few bytes could unpack to any number of files."""
    offsets, end, last = set[int](), -1, -1
    for entry in sorted(entries, key=lambda entry: entry.header_offset):
        start = entry.header_offset
        if start < end:
            offsets |= {last, start}
        if start + entry.compress_size + _SHORTEST_HEAD > end:
            end, last = start + entry.compress_size + _SHORTEST_HEAD, start
    return offsets


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


def refusing(problem: Problem) -> Callable[[], bytes]:
    """A reader that raises `problem` instead of returning a file's bytes."""

    def read() -> bytes:
        raise problem

    return read
