"""The lists and pages of details as they lie in the folder: what was published last, and nothing else."""

from __future__ import annotations

import os
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from ledger.log import LogReader
from vc import Anchored, Credential
from vc.status import details_url
from wire.datetimestamp import parse_datetimestamp
from wire.files import locked
from wire.problem import Damaged, Malformed
from wire.strict import load_json_object

from ..archive.index import Index
from ..problem import STATUS_FILE_DAMAGED, STATUS_FILE_GONE

_LARGEST = 1 << 25  # bytes, for the details of a whole list revoked


def anchored(store: Index, log: LogReader, folder: Path, name: str) -> tuple[int, Anchored]:
    """The place in the log of a published list, or of a page of details, and it with the evidence of that.

    Raises `NotFound`.
    """
    with locked(folder, to_read=not os.access(folder.parent, os.W_OK)):
        leaf, digest = store.revocations.published(name)
        document = published_document(store, folder, name, digest)
    return leaf, Anchored(document, (log.evidence(leaf),))


def latest(store: Index) -> datetime | None:
    """The latest time that a published list, or a page of details, says it is from."""
    return max((parse_datetimestamp(dated, "dated") for _, dated in store.revocations.dates()), default=None)


def published_from(store: Index, folder: Path, name: str) -> datetime:
    """From when a published list, or a page of details, says it is. Raises `Damaged`."""
    try:
        digest = store.revocations.published(name).digest
        found = Credential.parse(published_document(store, folder, name, digest)).valid_from
    except Malformed as problem:
        raise not_as_published(folder / name) from problem
    if found is None:
        raise not_as_published(folder / name)
    return found


def published_document(store: Index, folder: Path, name: str, digest: bytes) -> dict[str, Any]:
    """What was published under a name, with this digest. Raises `Damaged` where nothing has it."""
    path = folder / name
    try:
        return read_published(path, digest)
    except (Damaged, FileNotFoundError) as problem:
        held = store.revocations.held_content(name, digest)
        if held is not None:
            return load_json_object(held, limit=_LARGEST)
        raise problem if isinstance(problem, Damaged) else gone(path) from problem


def unlike(store: Index, folder: Path) -> list[tuple[Path, Damaged]]:
    """Files of published lists that are not as they were published, and what to say of each."""
    found = []
    for name, digests in store.revocations.files():
        path = folder / name
        if not path.exists():
            found.append((path, gone(path)))
        elif sha256(path.read_bytes()).digest() not in digests:
            found.append((path, not_as_published(path)))
    return found


def details_name(number: int, page: int) -> str:
    """What a page of details is called, as a file and in its address."""
    return details_url(str(number), page)


def list_number(name: str) -> int:
    """The number of the list that a file is, or has details of."""
    return int(name.partition("-")[0])


def read_published(path: Path, digest: bytes | None = None) -> dict[str, Any]:
    """What lies in a file. Raises `Damaged` unless it has this digest, if one is given."""
    data = path.read_bytes()
    if digest not in (None, sha256(data).digest()):
        raise not_as_published(path)
    try:
        return load_json_object(data, limit=_LARGEST)
    except Malformed as problem:
        raise not_as_published(path) from problem


def gone(path: Path) -> Damaged:
    """The problem of a published file that is gone."""
    return STATUS_FILE_GONE(f"{path} is gone")


def not_as_published(path: Path) -> Damaged:
    """What to say of a file that something else lies in."""
    return STATUS_FILE_DAMAGED(f"{path} is damaged or an older copy: it is not what was published last")
