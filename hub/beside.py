"""The files that an issuer publishes beside its log, in a mirror: its documents and status lists.

beside/documents       as the issuer publishes it
beside/lists           which status lists there are, and their indices in the log
beside/lists.d/INDEX   each of these

Nothing is kept but that of which the mirrored log holds the entry. Its reader has to see who signed it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from exchange.beside import (
    DOCUMENTS,
    LARGEST_DOCUMENTS,
    LARGEST_LISTING,
    LARGEST_STATUS_LIST,
    LISTS,
    listed_lists,
    listing,
)
from ledger import EntryKind, entry
from ledger.mirror import ReadFile
from vc.anchoring import document_digest
from vc.forms import FORMS
from vc.reading import identifier, read, received
from vc.secured import Received
from wire.files import make_private_folder, write_durably
from wire.problem import Conflict, Malformed, NotFound, Problem
from wire.strict import load_json_object
from wire.work import Work

from .problem import NOT_IN_LOG

EntryAt = Callable[[int], bytes | None]
"""The entry of the mirrored log at an index; `None` beyond its end."""

_LISTS = f"{LISTS}.d"
_MOST_FAULTS = 16  # lists of one round that are not taken: a host can name any number
_STATUS = (EntryKind.STATUS_LIST, EntryKind.REVOCATION_DETAILS)


class Beside:
    """The files of one issuer in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def get(self, path: str) -> bytes | None:
        """The file that is served at a path below the log's own; `None` for any other."""
        if path in (DOCUMENTS, LISTS):
            return self._read(path)
        name = path.removeprefix(f"{LISTS}/")
        # No name leads out of the folder: an index alone is a name there.
        return (
            self._read(f"{_LISTS}/{name}") if name != path and name.isdecimal() and name.isascii() else None
        )

    def pull(self, read_file: ReadFile, entry_at: EntryAt) -> Iterator[Problem]:
        """Take over what is new and in the log. Yields the problem of each part that is not taken."""
        make_private_folder(self._folder)
        make_private_folder(self._folder / _LISTS)
        try:
            self._pull_documents(read_file, entry_at)
        except NotFound:  # it is no issuer's log
            pass
        except Problem as problem:
            yield problem
        try:
            data = read_file(LISTS, LARGEST_LISTING)
            wanted = dict(listed_lists(load_json_object(data, limit=LARGEST_LISTING)))
        except NotFound:
            return
        except Problem as problem:
            yield problem
            return
        yield from self._pull_lists(wanted, read_file, entry_at)

    def _pull_documents(self, read_file: ReadFile, entry_at: EntryAt) -> None:
        data, held = read_file(DOCUMENTS, LARGEST_DOCUMENTS), self._read(DOCUMENTS)
        if data == held:
            return
        versions = _versions(data)
        # A thief of the host cannot take away what is here.
        if held is not None and not _versions(held).keys() <= versions.keys():
            raise Conflict("it shows fewer documents than it did")
        for index, document in versions.items():
            leaf = entry(EntryKind.DID_DOCUMENT, document_digest(document))
            _require_entry(entry_at(index), [leaf], DOCUMENTS)
        write_durably(self._folder / DOCUMENTS, data)

    def _pull_lists(
        self, wanted: Mapping[int, str], read_file: ReadFile, entry_at: EntryAt
    ) -> Iterator[Problem]:
        kept = self._listed()
        newest, faults = {url: index for index, url in kept.items()}, 0
        for index, url in wanted.items():
            # Nor can it bring an older list back, or leave one out: of each address the newest stays.
            if index > newest.get(url, -1) and faults < _MOST_FAULTS:
                try:
                    data, work = read_file(f"{LISTS}/{index}", LARGEST_STATUS_LIST), Work()
                    statuses = received(data, FORMS, work)
                    _require_entry(entry_at(index), _leaves(statuses, work), f"{LISTS}/{index}")
                    if identifier(statuses, FORMS) != url:
                        raise NOT_IN_LOG.saying("{file} is of another address", file=f"{LISTS}/{index}")
                    write_durably(self._folder / _LISTS / str(index), data)
                    newest[url] = index
                except Problem as problem:
                    faults += 1
                    yield problem
        shown = {index: url for url, index in sorted(newest.items())}
        if shown != kept or not kept:
            write_durably(self._folder / LISTS, listing(shown))
        for path in (self._folder / _LISTS).iterdir():
            if path.name.isdecimal() and int(path.name) not in shown:
                path.unlink(missing_ok=True)

    def _listed(self) -> dict[int, str]:
        data = self._read(LISTS)
        return {} if data is None else dict(listed_lists(load_json_object(data, limit=LARGEST_LISTING)))

    def _read(self, name: str) -> bytes | None:
        try:
            return (self._folder / name).read_bytes()
        except FileNotFoundError:
            return None


def _leaves(statuses: Received, work: Work) -> list[bytes]:
    """The log entries that a status list, or a page of details, may have."""
    secured = read(statuses, FORMS, work)
    signed = secured.signatures(work).known
    return [
        leaf for signature in signed for kind in _STATUS for leaf in secured.leaves(signature, kind, work)
    ]


def _require_entry(entry: bytes | None, leaves: list[bytes], what: str) -> None:
    """Raises `NOT_IN_LOG` unless the entry of the log is one of these."""
    # The log is proved, and its host is not: a list of another log, or an altered one, has no entry here.
    if entry is None or entry not in leaves:
        raise NOT_IN_LOG.saying("{file} is not what the log has at its place", file=what)


def _versions(data: bytes) -> dict[int, Mapping[str, Any]]:
    """The versions of an issuer's document by their indices in the log. Raises `Malformed`."""
    versions = load_json_object(data, limit=LARGEST_DOCUMENTS).get(DOCUMENTS)
    if not isinstance(versions, list) or not all(isinstance(version, dict) for version in versions):
        raise Malformed("its documents are not a list")
    by_index = {version.get("index"): version.get("document") for version in versions}
    if any(
        type(index) is not int or index < 0 or not isinstance(document, dict)
        for index, document in by_index.items()
    ):
        raise Malformed("one of its documents has no index, or is none")
    return by_index
