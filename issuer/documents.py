"""The versions of the issuer's DID document that its log holds, each under its index there.

documents/     INDEX.json, as `did.json` was when it went into the log; published with the log
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson

from ledger import EntryKind, Evidence, entry
from ledger.log import LogReader
from vc import Anchored
from vc.anchoring import document_digest
from wire.files import make_private_folder, write_durably
from wire.problem import Damaged, Malformed
from wire.strict import load_json_object

from .problem import DamagedIssuerFile

FOLDER = "documents"
_NEWEST = 3


def newest(home: Path) -> dict[str, Any]:
    """The document as it is now. Raises `Damaged`."""
    path = home / "did.json"
    try:
        return load_json_object(path.read_bytes())
    except (Malformed, FileNotFoundError) as error:
        raise DamagedIssuerFile(f"{path} cannot be read") from error


def keep(home: Path, index: int, document: Mapping[str, Any]) -> None:
    """Keeps a version, durably; one that is kept already stays as it is."""
    path = home / FOLDER / f"{index}.json"
    if not path.exists():
        make_private_folder(path.parent)
        write_durably(path, orjson.dumps(document))


def versions(home: Path) -> dict[int, dict[str, Any]]:
    """All that were kept, by index, in order. Raises `Damaged`."""
    found = {}
    for place, path in _kept(home).items():
        try:
            found[place] = load_json_object(path.read_bytes())
        except Malformed as error:
            raise Damaged(f"{path} cannot be read", hint="Take it from a backup.") from error
    return found


def newest_place(home: Path, log: LogReader) -> int:
    """The newest one's place in the log. Raises `Damaged` where it is not there."""
    key = version_key(home, newest(home))
    leaves = log.store.find(key)
    if leaves is None:
        leaves = log.find(key)  # another process put it there
    if leaves is None:
        raise Damaged("the log does not hold the DID document", hint="Audit the log.")
    return leaves.start


def anchored_versions(home: Path, log: LogReader) -> dict[int, Anchored]:
    """All versions by index, in order, with the evidence that each is in the log.

    Raises `Damaged` where one is not.
    """
    last = newest_place(home, log)
    return {
        place: _anchored(version, log.evidence(place), place)
        for place, version in sorted({**versions(home), last: newest(home)}.items())
        if place <= last
    }


def _anchored(document: Mapping[str, Any], evidence: Evidence, place: int) -> Anchored:
    if evidence.digest != document_digest(document):
        raise Damaged(
            f"documents/{place}.json is not the document that the log holds",
            hint="Take it from a backup.",
        )
    return Anchored(document, (evidence,))


def since(found: Mapping[int, Anchored], leaves: Sequence[int]) -> tuple[Anchored, ...]:
    """The versions that were the newest when these entries went into the log, and the newest after the first.

    The first is the credential; status lists may be from before a version that it is from after. The newest
    version has every key that ended since.
    """
    places = sorted(found)
    then = {place for leaf in leaves for place in places[: bisect_left(places, leaf)][-1:]}
    after = places[bisect_left(places, leaves[0]) :]
    return tuple(found[place] for place in sorted({*then, *after[-_NEWEST:]}))


def published(home: Path) -> bytes:
    """All versions in order, as JSON: `documents`, of which each has an `index` and the `document`."""
    kept = [
        {"index": place, "document": orjson.Fragment(path.read_bytes())}
        for place, path in _kept(home).items()
    ]
    return orjson.dumps({"documents": kept})


def version_key(home: Path, document: Mapping[str, Any]) -> bytes:
    """The key under which the log has a version: its entry, and more where it returns to an earlier one.

    Else the log would take it for the earlier one, and whoever reads the log would miss the change back.
    """
    entry, kept = document_entry(document), versions(home)
    same = [place for place, version in kept.items() if version == document]
    last = max((place for place in kept if place not in same), default=-1)
    return entry + last.to_bytes(8) if same and last > same[0] else entry


def document_entry(document: Mapping[str, Any]) -> bytes:
    """The log entry of a version."""
    return entry(EntryKind.DID_DOCUMENT, document_digest(document))


def _kept(home: Path) -> dict[int, Path]:
    found = (home / FOLDER).glob("*.json")
    kept = [path for path in found if path.stem.isascii() and path.stem.isdigit()]  # others are none of ours
    return {int(path.stem): path for path in sorted(kept, key=lambda path: int(path.stem))}
