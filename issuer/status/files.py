"""The lists and pages of details in the folder: the versions published last, and nothing else."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

from ledger.log import LogReader
from vc import Anchored, Credential
from vc.forms import STATUS_KINDS
from vc.reading.status_digest import NAME as DIGEST
from vc.secured import Received
from vc.status import SUSPENSION_SUFFIX, details_url
from vc.status.kind import StatusKinds, of_file
from vc.vcdm.enveloped import Enveloped
from wire.datetimestamp import parse_datetimestamp
from wire.files import locked
from wire.problem import Damaged, Malformed
from wire.strict import load_json_object

from ..archive.index import Index
from ..problem import STATUS_FILE_DAMAGED, STATUS_FILE_GONE

_LARGEST = 1 << 25  # bytes, for the details of a whole list revoked


def anchored(
    store: Index, log: LogReader, folder: Path, name: str, kinds: StatusKinds = STATUS_KINDS
) -> tuple[int, Anchored]:
    """The log place of a published list, or of a page of details, and the document with the evidence for it.

    Raises `NotFound`.
    """
    with locked(folder, to_read=not os.access(folder.parent, os.W_OK)):
        leaf, digest = store.revocations.published(name)
        content = published_content(store, folder, name, digest)
    document = read_list(name, content, kinds, folder)
    return leaf, Anchored(document, (log.evidence(leaf),))


@dataclass(frozen=True, slots=True)
class ListedFile:
    """A status list, or a page of details, as last published: its address, and how its content is had."""

    url: str
    content: Callable[[], bytes]


def listed_files(store: Index, folder: Path, list_url: Callable[[str], str]) -> dict[int, ListedFile]:
    """The published lists and pages of details by their index in the log."""
    names = [name for name, _ in store.revocations.dates() if not name.startswith(DIGEST)]
    return {
        file.leaf: ListedFile(list_url(name), partial(published_content, store, folder, name, file.digest))
        for name, file in store.revocations.published_among(names).items()
    }


def latest(store: Index) -> datetime | None:
    """The latest date of a published list, or of a page of details."""
    return max((parse_datetimestamp(dated, "dated") for _, dated in store.revocations.dates()), default=None)


def published_from(store: Index, folder: Path, name: str) -> datetime:
    """The date of a published list, or of a page of details. Raises `Damaged`."""
    try:
        digest = store.revocations.published(name).digest
        found = Credential.parse(published_document(store, folder, name, digest)).valid_from
    except Malformed as problem:
        raise not_as_published(folder / name) from problem
    if found is None:
        raise not_as_published(folder / name)
    return found


def published_document(store: Index, folder: Path, name: str, digest: bytes) -> dict[str, Any]:
    """The JSON that was published under a name, with this digest. Raises `Damaged` where nothing has it."""
    return _json(folder / name, published_content(store, folder, name, digest))


def published_content(store: Index, folder: Path, name: str, digest: bytes) -> bytes:
    """The bytes that were published under a name, with this digest. Raises `Damaged` where nothing has it."""
    path = folder / name
    try:
        data = path.read_bytes()
        if sha256(data).digest() == digest:
            return data
        problem, cause = not_as_published(path), None
    except FileNotFoundError as error:
        problem, cause = gone(path), error
    held = store.revocations.held_content(name, digest)
    if held is not None:
        return held
    raise problem from cause


def read_list(name: str, content: bytes, kinds: StatusKinds, folder: Path) -> Received:
    """A published document by its file name: JSON, but for lists whose kind has a form of its own.

    Raises `Damaged`.
    """
    kind = of_file(name, kinds.values())
    if kind is not None and kind.form is not None:
        return Enveloped(kind.form.media_type, content)
    return _json(folder / name, content)


def unlike(store: Index, folder: Path) -> list[tuple[Path, Damaged]]:
    """The files of published lists that are not as they were published, with the problem of each."""
    found = []
    for name, digests in store.revocations.files():
        path = folder / name
        if not path.exists():
            found.append((path, gone(path)))
        elif sha256(path.read_bytes()).digest() not in digests:
            found.append((path, not_as_published(path)))
    return found


def details_name(number: int, page: int) -> str:
    """The name of a page of details, as a file and in its address."""
    return details_url(str(number), page)


def suspensions_name(number: int) -> str:
    """Return the name of the suspensions beside a list of revocations, as a file and in their address."""
    return f"{number}{SUSPENSION_SUFFIX}"


def list_number(name: str) -> int:
    """The number of the list that a file is, or has details or suspensions of."""
    return int(name.partition("-")[0].partition(".")[0])


def read_published(path: Path) -> dict[str, Any]:
    """The JSON that lies in a file. Raises `Damaged`."""
    return _json(path, path.read_bytes())


def _json(path: Path, data: bytes) -> dict[str, Any]:
    try:
        return load_json_object(data, limit=_LARGEST)
    except Malformed as problem:
        raise not_as_published(path) from problem


def gone(path: Path) -> Damaged:
    """The problem of a published file that is gone."""
    return STATUS_FILE_GONE(f"{path} is gone")


def not_as_published(path: Path) -> Damaged:
    """The problem of a published file that has other content."""
    return STATUS_FILE_DAMAGED(f"{path} is damaged or an older copy: it is not what was published last")
