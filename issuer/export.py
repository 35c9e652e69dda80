"""Bundles as files, one a diploma, named after its number."""

from __future__ import annotations

import hashlib
import os
import re
import secrets
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from wire.files import make_private_folder, sync_folder
from wire.problem import Conflict

from .bulk import Progress
from .issue import Issuer
from .store import Entry

_UNSAFE = re.compile(r"[^A-Za-z0-9._-]")


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
) -> Iterator[Path]:
    """Writes the bundle of each edition, for the owner only; an older one is replaced as a whole.

    Raises `Conflict` where the file of its name is nothing of this issuer's.
    """
    make_private_folder(folder)
    entries = list(entries)
    for done, (entry, bundle) in enumerate(zip(entries, issuer.bundles(entries), strict=True), 1):
        path = folder / file_name(entry)
        _require_own(path, issuer.did)
        temporary = folder / f".{path.name}.{secrets.token_hex(8)}.tmp"
        try:
            with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(bundle.to_bytes())
            temporary.replace(path)
        except OSError as error:
            raise OSError(error.errno, error.strerror, str(path)) from error  # not of a name nobody gave
        finally:
            temporary.unlink(missing_ok=True)
        progress(Progress("writing", done, len(entries)))
        yield path
    sync_folder(folder)  # once, and no file by itself: they can be written again


def _require_own(path: Path, did: str) -> None:
    try:
        is_own = f'"{did}"'.encode() in path.read_bytes()
    except FileNotFoundError:
        return
    if not is_own:
        raise Conflict(f"{path} is there already, and not by this issuer", hint="Name another folder: --out.")
