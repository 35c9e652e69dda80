"""Copies the DID document and the status lists of an issuer to a web server's folder or bucket."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from wire.extras import extra
from wire.files import write_durably

from ..identity import documents
from ..identity.home import STATUS
from ..shared import shared_in
from .files import StatusFolder


class _Target(Protocol):
    def get(self, path: str) -> bytes | None: ...

    def replace(self, path: str, data: bytes) -> None: ...


class _Folder:
    """A folder that a web server shows."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def get(self, path: str) -> bytes | None:
        there = self._folder / path
        return there.read_bytes() if there.is_file() else None

    def replace(self, path: str, data: bytes) -> None:
        # Unlike the issuer's own folders, a web server looks into this one.
        (self._folder / path).parent.mkdir(parents=True, exist_ok=True)
        write_durably(self._folder / path, data, 0o644)


def copy_published(home: Path, to: str) -> int:
    """Copies `did.json` and `status/` to a folder or `s3://BUCKET/PREFIX`; returns how many files changed.

    Several machines may copy to one place: they take turns, so that the newest lists stay. Raises the errors
    of the place, and `ExtraMissing`.
    """
    target, shared, folder = _target(to), shared_in(home), StatusFolder(home)
    changed = 0
    # Under the lock of those who publish: an older list would be put over a newer one, and undo a revocation.
    with folder.held():
        contents = {documents.FILE: shared.read(documents.FILE)}
        contents |= {f"{STATUS}/{name}": folder.read(name) for name in folder.names()}
        for path, content in contents.items():
            if content is not None and target.get(path) != content:
                target.replace(path, content)
                changed += 1
    return changed


def _target(to: str) -> _Target:
    if not to.startswith("s3://"):
        return _Folder(Path(to))
    with extra("s3", "publishing to S3"):
        from ledger.tiles.s3.address import parse_location
        from ledger.tiles.s3.bucket import Bucket
    return Bucket(parse_location(to))
