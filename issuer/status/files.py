"""The lists and pages of details as files: the versions published last, and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
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
from wire.problem import Damaged, Malformed
from wire.strict import load_json_object

from ..archive.index import Index
from ..identity.home import STATUS
from ..problem import STATUS_FILE_DAMAGED, STATUS_FILE_GONE
from ..shared import shared_in

_LARGEST = 1 << 25  # bytes, for the details of a whole list revoked


class StatusFolder:
    """The files in `status/`, for all machines of the issuer whose home this is."""

    def __init__(self, home: Path) -> None:
        self._shared = shared_in(home)

    def read(self, name: str) -> bytes | None:
        """The content of a file; `None` if there is none."""
        return self._shared.read(f"{STATUS}/{name}")

    def write(self, name: str, content: bytes, *, synced: bool = True) -> None:
        """As `Shared.write`."""
        self._shared.write(f"{STATUS}/{name}", content, synced=synced)

    def sync(self, names: Iterable[str]) -> None:
        """As `Shared.sync`."""
        self._shared.sync([f"{STATUS}/{name}" for name in names])

    def tidy(self) -> None:
        """As `Shared.tidy`."""
        self._shared.tidy(STATUS)

    def remove(self, name: str) -> None:
        """As `Shared.remove`."""
        self._shared.remove(f"{STATUS}/{name}")

    def names(self) -> list[str]:
        """The names of all files."""
        return [name.removeprefix(f"{STATUS}/") for name in self._shared.names(STATUS)]

    def held(self, *, shared: bool = False) -> AbstractContextManager[None]:
        """The lock under which lists are signed and published; `shared` by those who read several."""
        return self._shared.held(STATUS, shared=shared)

    def where(self, name: str) -> str:
        """The place of a file, for people."""
        return self._shared.where(f"{STATUS}/{name}")


def anchored(
    store: Index, log: LogReader, folder: StatusFolder, name: str, kinds: StatusKinds = STATUS_KINDS
) -> tuple[int, Anchored]:
    """The log place of a published list, or of a page of details, and the document with the evidence for it.

    Raises `NotFound`.
    """
    with folder.held(shared=True):
        leaf, digest = store.revocations.published(name)
        content = published_content(store, folder, name, digest)
    document = read_list(name, content, kinds, folder)
    return leaf, Anchored(document, (log.evidence(leaf),))


@dataclass(frozen=True, slots=True)
class ListedFile:
    """A status list, or a page of details, as last published: its address, and how its content is had."""

    url: str
    content: Callable[[], bytes]


def listed_files(store: Index, folder: StatusFolder, list_url: Callable[[str], str]) -> dict[int, ListedFile]:
    """The published lists and pages of details by their index in the log."""
    names = [name for name, _ in store.revocations.dates() if not name.startswith(DIGEST)]
    return {
        file.leaf: ListedFile(list_url(name), partial(published_content, store, folder, name, file.digest))
        for name, file in store.revocations.published_among(names).items()
    }


def latest(store: Index) -> datetime | None:
    """The latest date of a published list, or of a page of details."""
    return max((parse_datetimestamp(dated, "dated") for _, dated in store.revocations.dates()), default=None)


def published_from(store: Index, folder: StatusFolder, name: str) -> datetime:
    """The date of a published list, or of a page of details. Raises `Damaged`."""
    try:
        digest = store.revocations.published(name).digest
        valid_from = Credential.parse(published_document(store, folder, name, digest)).valid_from
    except Malformed as problem:
        raise not_as_published(folder.where(name)) from problem
    if valid_from is None:
        raise not_as_published(folder.where(name))
    return valid_from


def published_document(store: Index, folder: StatusFolder, name: str, digest: bytes) -> dict[str, Any]:
    """The JSON that was published under a name, with this digest. Raises `Damaged` where nothing has it."""
    return _json(folder.where(name), published_content(store, folder, name, digest))


def published_content(store: Index, folder: StatusFolder, name: str, digest: bytes) -> bytes:
    """The bytes that were published under a name, with this digest. Raises `Damaged` where nothing has it."""
    content = folder.read(name)
    if content is not None and sha256(content).digest() == digest:
        return content
    held = store.revocations.held_content(name, digest)
    if held is not None:
        return held
    raise gone(folder.where(name)) if content is None else not_as_published(folder.where(name))


def read_list(name: str, content: bytes, kinds: StatusKinds, folder: StatusFolder) -> Received:
    """A published document by its file name: JSON, but for lists whose kind has a form of its own.

    Raises `Damaged`.
    """
    kind = of_file(name, kinds.values())
    if kind is not None and kind.form is not None:
        return Enveloped(kind.form.media_type, content)
    return _json(folder.where(name), content)


def unlike(store: Index, folder: StatusFolder) -> list[tuple[str, Damaged]]:
    """The names of published lists that are not as they were published, with the problem of each."""
    problems = []
    for name, digests in store.revocations.files():
        content = folder.read(name)
        if content is None:
            problems.append((name, gone(folder.where(name))))
        elif sha256(content).digest() not in digests:
            problems.append((name, not_as_published(folder.where(name))))
    return problems


def details_name(number: int, page: int) -> str:
    """The name of a page of details, as a file and in its address."""
    return details_url(str(number), page)


def suspensions_name(number: int) -> str:
    """Return the name of the suspensions beside a list of revocations, as a file and in their address."""
    return f"{number}{SUSPENSION_SUFFIX}"


def list_number(name: str) -> int:
    """The number of the list that a file is, or has details or suspensions of."""
    return int(name.partition("-")[0].partition(".")[0])


def read_published(folder: StatusFolder, name: str) -> dict[str, Any] | None:
    """The JSON that lies in a file; `None` if there is no such file. Raises `Damaged`."""
    content = folder.read(name)
    return None if content is None else _json(folder.where(name), content)


def _json(where: str, data: bytes) -> dict[str, Any]:
    try:
        return load_json_object(data, limit=_LARGEST)
    except Malformed as problem:
        raise not_as_published(where) from problem


def gone(where: str) -> Damaged:
    """The problem of a published file that is gone."""
    return STATUS_FILE_GONE(f"{where} is gone")


def not_as_published(where: str) -> Damaged:
    """The problem of a published file that has other content."""
    return STATUS_FILE_DAMAGED(f"{where} is damaged or an older copy: it is not what was published last")
