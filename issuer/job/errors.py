"""The file of a table's bad rows: it is replaced as long as nobody has changed it.

Somebody may have corrected rows in it: a file that has other bytes by now is left alone, and the next free
name is taken. The digests of the files written are kept in the issuer's folder.
"""

from __future__ import annotations

import hashlib
import itertools
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from wire.files import make_private_folder, open_regular, read_regular, remove_leftovers, write_durably
from wire.problem import Damaged

from ..problem import ERROR_FILE_REFUSED
from ..table.errorfile import error_file
from ..table.finding import CellFinding
from ..table.source import Source

FOLDER = "errors"
"""The folder of the digests, in the issuer's folder and in no backup.

On another machine, or without them, no error file is replaced.
"""

_LARGEST = 1 << 10  # bytes of two digests


def write_errors(
    wanted: Path,
    source: Source,
    findings: Mapping[int, Sequence[CellFinding]],
    scratch: Path,
    home: Path | None = None,
) -> Path | None:
    """Writes the rows with findings, for the owner only, and returns the path; `None` if there are none.

    The path is the `wanted` one, or the first free one with a number added: never the table itself. Without a
    `home`, no file is replaced. `scratch` is as in `error_file`. Raises `ERROR_FILE_REFUSED` if no file can
    be written there.
    """
    # Even if nothing is written: the rows may have been corrected since a killed run began to write them.
    remove_leftovers(wanted.parent, wanted.name)
    if wanted.is_dir():  # "the next free name" would lie beside the folder, where nobody looks for it
        raise ERROR_FILE_REFUSED(f"{wanted} is a folder")
    if not findings:
        return None
    try:
        data = error_file(wanted, source, findings, scratch)
        return next(path for path in _each(wanted) if _is_written(path, data, source.path, home))
    except OSError as error:
        raise ERROR_FILE_REFUSED(f"{wanted} cannot be written: {error.strerror}") from error


def _each(path: Path) -> Iterator[Path]:
    numbered = (path.with_name(f"{path.stem}-{number}{path.suffix}") for number in itertools.count(2))
    return itertools.chain([path], numbered)


def _is_written(path: Path, data: bytes, table: Path, home: Path | None) -> bool:
    """Writes the file unless something else is there. Raises `OSError`."""
    if path.resolve() == table.resolve():
        return False
    digest, present = hashlib.sha256(data).hexdigest(), _digest(path)
    record = _record(home, table, path) if home else None
    ours = read_regular(record, _LARGEST).decode().split() if record and record.exists() else []
    if present is not None and present not in (digest, *ours):
        return False
    if record:
        # First, and with both digests: a kill in between leaves the former file or the new one, each known.
        make_private_folder(record.parent)
        write_durably(record, "\n".join(filter(None, (present, digest))).encode())
    write_durably(path, data)
    return True


def _digest(path: Path) -> str | None:
    """The digest of an existing file, empty if it cannot be read; `None` if there is none."""
    if not os.path.lexists(path):
        return None
    try:
        with open_regular(path) as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except (OSError, Damaged):
        return ""


def _record(home: Path, table: Path, path: Path) -> Path:
    """The file with the digests of everything written to a path for a table."""
    names = f"{table.resolve()}\0{path.resolve()}".encode(errors="surrogateescape")
    return home / FOLDER / hashlib.sha256(names).hexdigest()
