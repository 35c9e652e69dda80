"""`manifest.csv` beside exported bundles: the credential of each file, and the digest of its content.

Lines are appended when their files are on the disk, so that a killed run leaves the lines of the files that
it wrote. At the end of a later run, only the last line of each existing file stays. The manifest holds
personal data, is for the owner only, and opens in a spreadsheet without running anything.
"""

from __future__ import annotations

import csv
import hashlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from wire.files import locked_folder, open_temporary, sync_file, sync_folder
from wire.text import guarded, printable

from ..archive.kept import Entry
from ..problem import EXPORT_FOLDER_TAKEN

NAME = "manifest.csv"
_HEADER = "\ufefffile,number,name,email,sha256\r\n".encode()
_LONGEST = 1 << 16  # bytes of a line, more than the cells of a record may have


class _Returning:
    """A file for `csv.writer`, whose `writerow` then returns the line."""

    @staticmethod
    def write(line: str) -> str:
        return line


_WRITER = csv.writer(_Returning())


def line_of(file: str, entry: Entry, data: bytes) -> str:
    """The line for a file of this name, which has the bundle `data`. A line break in a cell is shown."""
    cells = (entry.number, entry.name, entry.email)
    line: str = _WRITER.writerow(
        [file, *(guarded(printable(cell)) for cell in cells), hashlib.sha256(data).hexdigest()]
    )
    return line


def file_of_line(line: str) -> str:
    """The name of the file that a line is about; no name of a bundle has to be quoted."""
    return line.partition(",")[0]


def mend_manifest(folder: Path) -> bool:
    """Cuts off a line that a power cut left incomplete; true if there is a manifest.

    Raises `EXPORT_FOLDER_TAKEN` for a file of its name that does not begin as one.
    """
    path = folder / NAME
    with locked_folder(folder, if_possible=True):
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK)
        except FileNotFoundError:
            return False
        with os.fdopen(descriptor, "r+b") as file:
            beginning = file.read(len(_HEADER))
            if not _HEADER.startswith(beginning.rstrip(b"\0")):
                raise EXPORT_FOLDER_TAKEN(f"{path} is there already, and is no list of bundles")
            start = file.seek(max(0, file.seek(0, os.SEEK_END) - _LONGEST))
            file.truncate(start + file.read().rstrip(b"\0").rfind(b"\n") + 1)
            return True


def extend_manifest(folder: Path, lines: Iterable[str]) -> None:
    """Appends lines durably. The folder's lock is held by the caller, since the files got their names."""
    path = folder / NAME
    # Opened each time: another export may have put another file in its place.
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW
    with os.fdopen(os.open(path, flags, 0o600), "ab") as file:
        is_new = not os.fstat(file.fileno()).st_size
        if is_new:
            file.write(_HEADER)
        file.write("".join(lines).encode())
        file.flush()
        sync_file(file.fileno())
        if is_new:
            sync_folder(folder)


def tidy_manifest(folder: Path) -> None:
    """Drops the lines of files that have a later line or are gone."""
    path = folder / NAME
    with locked_folder(folder, if_possible=True), path.open("rb") as file:
        file.seek(len(_HEADER))
        last = {file_of_line(line): number for number, line in enumerate(_lines(file))}
        file.seek(len(_HEADER))
        with open_temporary(path) as (temporary, kept):
            kept.write(_HEADER)
            for number, line in enumerate(_lines(file)):
                name = file_of_line(line)
                if last[name] == number and (folder / name).exists():
                    kept.write(line.encode())
            kept.flush()
            sync_file(kept.fileno())
            temporary.replace(path)
        sync_folder(folder)


def _lines(file: BinaryIO) -> Iterator[str]:
    return (line.decode(errors="replace") for line in file)
