"""Bundles as files, one a diploma, named after its number."""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from itertools import islice, tee
from pathlib import Path

from vc import Bundle
from vc.secured import MAX_BYTES
from wire.files import make_private_folder, remove_leftovers, sync_files, sync_folder, temporary_for
from wire.problem import Malformed
from wire.strict import load_json_object

from .archive.kept import Entry
from .issuer import Issuer
from .job.order import Progress
from .problem import ExportFolderTaken

_UNSAFE = re.compile(r"[^A-Za-z0-9._-]")
AT_ONCE = 256  # files
_BEGINNING = b'{\n  "type": "IntaglioBundle"'


def file_name(entry: Entry) -> str:
    """A name that any file system takes, and that no two editions of two diplomas share."""
    name = _UNSAFE.sub("_", entry.number).lstrip(".-")[:100]
    if name != entry.number:
        name += "-" + hashlib.sha256(entry.number.encode()).hexdigest()[:8]
    edition = f".{entry.edition}" if entry.edition > 1 else ""
    return f"{name}{edition}.json"


def export(
    issuer: Issuer,
    entries: Iterable[Entry],
    folder: Path,
    progress: Callable[[Progress], None] = lambda _: None,
    total: int = 0,
    at_once: int = AT_ONCE,
) -> Iterator[Path]:
    """Writes the bundle of each edition, for the owner only; an older one is replaced as a whole.

    `total` is how many editions come, for `progress` alone: they are taken one by one, and none is kept.
    What it yields is on the disk, `at_once` files together. Raises `Conflict` where the file of its name is
    nothing of this issuer's.
    """
    make_private_folder(folder)
    chosen, bundled = tee(entries)

    def bundles() -> Iterator[tuple[Entry, Bundle]]:
        for done, found in enumerate(zip(chosen, issuer.bundles(bundled), strict=True), 1):
            yield found
            progress(Progress("writing", done, total))

    remaining = bundles()
    with _writing_into(folder):
        while written := _write(islice(remaining, at_once), folder, issuer.did):
            yield from written


def _write(bundles: Iterable[tuple[Entry, Bundle]], folder: Path, did: str) -> list[Path]:
    """No file bears its name before its content is on the disk; syncing many at once takes no longer."""
    temporary: dict[Path, Path] = {}
    try:
        for entry, bundle in bundles:
            path = folder / file_name(entry)
            _require_own(path, did)
            temporary[path] = temporary_for(path)
            try:
                descriptor = os.open(temporary[path], os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
                with os.fdopen(descriptor, "wb") as file:
                    file.write(bundle.to_bytes())
            except OSError as error:
                raise OSError(error.errno, error.strerror, str(path)) from error  # not of a name nobody gave
        if temporary:
            sync_files(folder, [path.name for path in temporary.values()])
        for path, written in temporary.items():
            written.replace(path)
    finally:
        for written in temporary.values():
            written.unlink(missing_ok=True)
    sync_folder(folder)
    return list(temporary)


@contextmanager
def _writing_into(folder: Path) -> Iterator[None]:
    """Who writes into a folder alone first clears away what was left there by one who was killed."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):  # others write there, too, or their file system has no such locks
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            remove_leftovers(folder)
            fcntl.flock(descriptor, fcntl.LOCK_SH)
        yield
    finally:
        os.close(descriptor)


def _require_own(path: Path, did: str) -> None:
    try:
        found = path.read_bytes()
    except FileNotFoundError:
        return
    if f'"{did}"'.encode() not in found and not _is_torn(found):
        raise ExportFolderTaken(f"{path} is there already, and not by this issuer")


def _is_torn(data: bytes) -> bool:
    """Whether a power cut left this of a bundle: nothing, zeros, or its beginning."""
    if not data.strip(b"\0"):
        return True
    try:
        load_json_object(data, limit=MAX_BYTES)
    except Malformed:
        return data.startswith(_BEGINNING)
    return False
