"""Files that a table names: each is hashed once, before anything is checked or signed.

A credential says the digest of such a file, and the file stays where it is. The digests that a job began with
are kept where all machines of the issuer find them: a file that differs when the job goes on is a finding.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import orjson

from kinds import Kind
from kinds.cells import sri
from kinds.problem import BadCell
from wire.problem import NotFound

from ..problem import FILES_FOLDER_MISSING, TOO_MANY_FILES
from ..shared import shared_in
from ..table.source import Source

FOLDER = "attached"
MOST = 100_000
"""The most files of one table: their digests are in the memory of each process, some 30 MB."""

_LINKS = (errno.ELOOP, errno.ENOTDIR)  # open(2): the latter for a link where a folder is expected

NO_PATH = "is no path of a file below the folder, such as theses/1.pdf"
NOT_THERE = "is not in the folder of files"
LINK = "is a link, or stands behind one"
NO_FILE = "is no regular file, or cannot be read"
ANOTHER = "is another file than when this table was first issued"

NOTHING = sri(hashlib.sha256().digest())
"""Stands for a file that was not found, in a record that is not issued."""


@dataclass(frozen=True)
class Attached:
    """The digests of the files that a table names, and the reasons why others have none."""

    digests: Mapping[str, str] = field(default_factory=dict)
    """By the path that a cell has."""
    faults: Mapping[str, str] = field(default_factory=dict)

    def part_of_key(self) -> list[str]:
        """A digest over all of them for the key of a job; empty if the table names no files."""
        packed = orjson.dumps(self.digests, option=orjson.OPT_SORT_KEYS)
        return [hashlib.sha256(packed).hexdigest()] if self.digests else []


def attach(
    source: Source, kind: Kind, folder: Path | None, home: Path | None, tell: Callable[[int], None]
) -> Attached:
    """Hashes each file that the table names in a column of the kind; `tell` hears how many rows are read.

    With `home`, compares the digests with those that the table was first issued with, and keeps them. Raises
    `FILES_FOLDER_MISSING` without a `folder`, `NotFound` if it is no folder, and `TOO_MANY_FILES`.
    """
    require_folder(source, kind, folder)
    columns = _columns(source, kind)
    if not columns or folder is None:
        return Attached()
    digests: dict[str, str] = {}
    faults: dict[str, str] = {}
    try:
        root = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise NotFound(f"there is no folder {folder}") from error
    try:
        for name in _named(source, columns, tell):
            if name in digests or name in faults:
                continue
            if len(digests) + len(faults) == MOST:
                raise TOO_MANY_FILES(f"{source.path.name} names more than {MOST} files")
            try:
                digests[name] = _hashed(root, name)
            except BadCell as problem:
                faults[name] = problem.detail
    finally:
        os.close(root)
    if home is not None:
        first = _kept(home, source, digests)
        # Threat F37: another file under the same name would give rows of one job different digests.
        faults |= {name: ANOTHER for name in digests if first[name] != digests[name]}
    return Attached(digests, faults)


def require_folder(source: Source, kind: Kind, folder: Path | None) -> None:
    """Raises `FILES_FOLDER_MISSING` if a column names files and no folder to find them in is given."""
    if folder is None and (columns := _columns(source, kind)):
        heading = source.heading(columns[0])
        raise FILES_FOLDER_MISSING(f"the column {heading!r} of {source.path.name} names files")


def remember(attached: Attached, source: Source, home: Path) -> None:
    """Keeps the digests that a table is first issued with, if it was hashed before there was an issuer."""
    if attached.digests:
        _kept(home, source, attached.digests)


def _columns(source: Source, kind: Kind) -> list[int]:
    return [source.columns[name] for name in kind.attached if name in source.columns]


def _named(source: Source, columns: list[int], tell: Callable[[int], None]) -> Iterator[str]:
    done = 0
    for span in source.spans:
        for _, cells in source.rows(span):
            for index in columns:
                if index < len(cells) and (name := cells[index].strip()):
                    yield name
        done += span.rows
        tell(done)


def _hashed(root: int, name: str) -> str:
    """The digest of a file below an open folder. Raises `BadCell`."""
    descriptor = _open(root, name)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):  # a pipe would be waited for
            raise BadCell(NO_FILE)
        with open(descriptor, "rb", buffering=0, closefd=False) as file:
            return sri(hashlib.file_digest(file, "sha256").digest())
    except OSError as error:
        raise BadCell(NO_FILE) from error
    finally:
        os.close(descriptor)


def _open(root: int, name: str) -> int:
    """Opens the path step by step, following no links: none can lead out, not even one made meanwhile."""
    *folders, file = name.split("/")
    if {"", ".", ".."} & {*folders, file} or "\\" in name or "\0" in name:
        raise BadCell(NO_PATH)
    here = os.dup(root)
    try:
        for step in folders:
            inner = os.open(step, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=here)
            os.close(here)
            here = inner
        return os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=here)
    except FileNotFoundError as error:
        raise BadCell(NOT_THERE) from error
    except (OSError, UnicodeEncodeError) as error:
        raise BadCell(LINK if getattr(error, "errno", 0) in _LINKS else NO_FILE) from error
    finally:
        os.close(here)


def _kept(home: Path, source: Source, digests: Mapping[str, str]) -> Mapping[str, str]:
    """The digests that this table was first issued with; files that it names only now are added."""
    table = hashlib.sha256(b"".join(span.sha256 for span in source.spans)).hexdigest()
    shared, name = shared_in(home), f"{FOLDER}/{table}.json"
    with shared.held(FOLDER):  # of two machines that begin at once, one is the first
        first = orjson.loads(shared.read(name) or b"{}")
        merged = {**digests, **first}
        if merged != first:
            shared.write(name, orjson.dumps(merged, option=orjson.OPT_SORT_KEYS))
    return merged
