"""The files of a form one by one: those of an archive stand in its place, under their names in it."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import NamedTuple

from wire.problem import Malformed, Problem, TooLarge, Unavailable
from wire.text import printable

from ..archive import BEGINS, SUFFIX, Archived, Bounds, archived
from .problem import UploadTooLarge
from .upload import LONGEST_NAME, MAX_FILE, MAX_FILES, Uploaded

MAX_UNPACKED = 32 << 20
"""Bytes that all archives of one form unpack to."""

_LARGEST_DIRECTORY = 1 << 17  # bytes; 200 files with names of 300 characters take less


class Given(NamedTuple):
    """A file, or the problem that prevents reading it."""

    name: str
    data: bytes
    problem: Problem | None = None


def unpacked(files: Sequence[Uploaded]) -> list[Given]:
    """All files. Raises `UploadTooLarge` where they are more than a form may have."""
    all_files, left = list[Given](), MAX_UNPACKED
    for file in files:
        if file.name.lower().endswith(SUFFIX) and file.data.startswith(BEGINS):
            held = _held(file, left)
            left -= sum(len(each.data) for each in held)
        else:
            held = [Given(file.name, file.data)]
        all_files += held
        if len(all_files) > MAX_FILES:
            raise UploadTooLarge.saying("there are more than {most} files", most=MAX_FILES)
    return all_files


def _held(file: Uploaded, left: int) -> list[Given]:
    bounds = Bounds(MAX_FILES, _LARGEST_DIRECTORY, MAX_FILE, left)
    try:
        files = [_given(file.name, entry) for entry in archived(io.BytesIO(file.data), bounds)]
    except Problem as problem:
        return [Given(file.name, b"", problem)]
    return files or [Given(file.name, b"", Malformed("there is no file in the archive"))]


def _given(archive: str, entry: Archived) -> Given:
    name = f"{archive}/{printable(entry.name[:LONGEST_NAME])}"
    name = name if len(name) <= LONGEST_NAME else f"…{name[-LONGEST_NAME:]}"
    try:
        if entry.is_link:
            raise Unavailable("it is a link to another file")
        data = entry.read()
        if len(data) > MAX_FILE:
            raise TooLarge.saying("it has more than {most} MiB", most=MAX_FILE >> 20)
    except Problem as problem:
        return Given(name, b"", problem)
    return Given(name, data)
