"""The versions of the issuer's DID document that its log holds, each under its index there.

documents/     INDEX.json, as `did.json` was when it went into the log; published with the log
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson

from did import Document
from did.document import SIGNS, STATUS_DOCUMENT, Use, status_did
from did.issuer_metadata import metadata
from ledger import EntryKind, Evidence, entry
from ledger.log import LogReader
from vc import Anchored
from vc.anchoring import document_digest
from vc.document_chain import previous
from wire.problem import Damaged, Malformed, NotFound, Problem
from wire.strict import load_json_object

from ..problem import DAMAGED_ISSUER_FILE
from ..shared import Shared, shared_in

FILE = "did.json"
FOLDER = "documents"
_NEWEST = 3
_MOST = 60  # a bundle holds 64 documents


def newest(home: Path) -> dict[str, Any]:
    """The document as it is now. Raises `Damaged`."""
    shared = shared_in(home)
    content = shared.read(FILE)
    try:
        return load_json_object(content or b"")
    except Malformed as error:
        raise DAMAGED_ISSUER_FILE(f"{shared.where(FILE)} cannot be read") from error


def keep(home: Path, index: int, document: Mapping[str, Any]) -> None:
    """Keeps a version, durably; one that is kept already stays as it is."""
    shared, name = shared_in(home), f"{FOLDER}/{index}.json"
    if shared.read(name) is None:
        shared.write(name, orjson.dumps(document))


def replace(home: Path, document: Mapping[str, Any]) -> None:
    """Makes a version the newest, durably."""
    shared_in(home).write(FILE, orjson.dumps(document, option=orjson.OPT_INDENT_2))


def versions(home: Path) -> dict[int, dict[str, Any]]:
    """All kept versions, by index, in order. Raises `Damaged`."""
    shared = shared_in(home)
    return {place: _version(shared, name) for place, name in _kept(shared).items()}


def _version(shared: Shared, name: str) -> dict[str, Any]:
    try:
        return load_json_object(shared.read(name) or b"")
    except Malformed as error:
        raise Damaged(f"{shared.where(name)} cannot be read", hint="Take it from a backup.") from error


def history(home: Path) -> list[dict[str, Any]]:
    """All versions in order, including the newest even if no log has it yet. Raises `Damaged`."""
    kept, last = list(versions(home).values()), newest(home)
    return [*kept, *([] if last in kept else [last])]


def list_keys(history: Sequence[Mapping[str, Any]], did: str) -> tuple[str, ...]:
    """The keys, as Multikeys, for status lists and never for credentials, the first one first."""
    methods = [
        listed for version in history for listed in Document.parse(version, did).methods("assertionMethod")
    ]
    uses = uses_in(history)
    signs = {method.key: uses.get(method.id, []) for method in methods}
    of_did = [key for key, its_uses in signs.items() if its_uses and Use.CREDENTIALS not in its_uses]
    apart = [inner for version in history for inner in parsed(version, did) if inner.id != did]
    inner_keys = [method.key for document in apart for method in document.methods("assertionMethod")]
    return tuple(key.multikey() for key in dict.fromkeys((*of_did, *inner_keys)))


def published_status_document(home: Path) -> bytes:
    """The document of the DID for status lists, as it is published. Raises `Damaged`, `NotFound` for none."""
    document = newest(home)
    if STATUS_DOCUMENT not in document:
        raise NotFound("the issuer signs status lists under its own DID")
    return orjson.dumps(document[STATUS_DOCUMENT], option=orjson.OPT_INDENT_2)


def published_metadata(home: Path, did: str, address: str) -> bytes:
    """The JWT VC issuer metadata as it is published: the keys for credentials in the newest document.

    A key that has ended stays there with its end, as it does in the document. Raises `Damaged`.
    """
    document, uses = newest(home), uses_in(history(home))
    methods = [
        method
        for method in Document.parse(document, did).methods("assertionMethod")
        # A thief of the key for status lists, which is online, could else sign credentials.
        if Use.CREDENTIALS in uses.get(method.id, [])
    ]
    return orjson.dumps(metadata(address, methods), option=orjson.OPT_INDENT_2)


def methods(document: Mapping[str, Any]) -> dict[str, Any]:
    """The verification methods by their ids, with those of the DID for status lists."""
    inner = document.get(STATUS_DOCUMENT, {"verificationMethod": []})
    return {
        method["id"]: method for method in (*document["verificationMethod"], *inner["verificationMethod"])
    }


def parsed(document: Mapping[str, Any], did: str) -> list[Document]:
    """A version of the issuer's document, and that of its DID for status lists, if it has one."""
    dids = [did, status_did(did)] if STATUS_DOCUMENT in document else [did]
    return [of_did(document, each) for each in dids]


def of_did(document: Mapping[str, Any], did: str) -> Document:
    """The document of this DID: the issuer's own, or that for status lists. Raises `InvalidDIDDocument`."""
    return Document.parse(document if document["id"] == did else document.get(STATUS_DOCUMENT, {}), did)


def uses_in(history: Sequence[Mapping[str, Any]]) -> dict[str, list[str]]:
    """Return the uses of each method's key, by the method's id, as the versions that have it state them.

    Documents up to release 81e9505 do not say: they have keys for diplomas in `authentication`, too.
    """
    places = defaultdict[str, list[tuple[Mapping[str, Any], Mapping[str, Any]]]](list)
    for version in history:
        for held in version["verificationMethod"]:
            places[held["id"]].append((version, held))
    return {method: _uses_of(method, in_versions) for method, in_versions in places.items()}


def _uses_of(method: str, in_versions: Sequence[tuple[Mapping[str, Any], Mapping[str, Any]]]) -> list[str]:
    """The uses of one method's key, by each version that has it and the method as it stands there."""
    if stated := sorted({use for _, held in in_versions for use in held.get(SIGNS, ())}):
        return stated
    if any(method in version.get("authentication", ()) for version, _ in in_versions):
        return [Use.CREDENTIALS.value]
    # one that ended stands there no more: of a lost version nobody can tell what it said
    return [Use.STATUS_LISTS.value] if any("expires" not in held for _, held in in_versions) else []


def newest_place(home: Path, log: LogReader) -> int:
    """The place of the newest version in the log. Raises `Damaged` if it is not there."""
    leaf = document_entry(newest(home))
    leaves = log.store.find(leaf)
    if leaves is None:
        leaves = log.find(leaf)  # another process put it there
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
    # Bundles and the trust file are made of these: a changed file must not go out with another's evidence.
    if evidence.digest != document_digest(document):
        raise Damaged(
            f"documents/{place}.json is not the document that the log holds", hint="Take it from a backup."
        )
    return Anchored(document, (evidence,))


def unlike_log(home: Path, log: LogReader, size: int) -> list[str]:
    """The places of the files of versions that are gone, damaged, or not in the log under their index.

    Files are expected only for versions in the first `size` entries of the log: an entry is written before
    its file. A version that is kept in another file, or as `did.json`, is not reported. Raises `Damaged` for
    `did.json`.
    """
    shared = shared_in(home)
    kept = {place: _leaf(shared, name) for place, name in _kept(shared).items()}
    there = {*kept.values(), document_entry(newest(home))}
    entries = enumerate(log.entries(0, log.checkpoint().size))
    logged = {place: leaf for place, leaf in entries if leaf[0] == EntryKind.DID_DOCUMENT}
    gone = {place for place, leaf in logged.items() if place < size and leaf not in there}
    # Verifiers are shown what the log holds under this index: another file there would be refused.
    unlike = {place for place, leaf in kept.items() if leaf != logged.get(place)}
    return [shared.where(f"{FOLDER}/{place}.json") for place in sorted(gone | unlike)]


def _leaf(shared: Shared, name: str) -> bytes:
    """The log entry of a version. If it cannot be read, an empty entry, which no log has."""
    try:
        return document_entry(_version(shared, name))
    except (Problem, OSError):
        return b""


def since(versions: Mapping[int, Anchored], before: Sequence[int]) -> tuple[Anchored, ...]:
    """The versions that were the newest when some entries went into the log, and the newest after the first.

    `before` has, for each entry, the number of versions that the log had by then. The first entry is the
    credential; status lists may precede a version that the credential follows. The newest version has every
    key that ended since. It adds the versions that lead to them from the first of their chain: in a log of
    several issuers, the chain binds them to each other.
    """
    places = sorted(versions)
    then = {place for count in before for place in places[:count][-1:]}
    after = places[before[0] :]
    chosen = sorted({*then, *after[-_NEWEST:]})
    return tuple(versions[place] for place in sorted({*_leading(versions, chosen[-1]), *chosen})[-_MOST:])


def _leading(versions: Mapping[int, Anchored], last: int) -> Iterator[int]:
    """The places of the versions from which a chain leads to the one at `last`."""
    by_digest = {
        evidence.digest: place for place, anchored in versions.items() for evidence in anchored.evidence
    }
    place: int | None = last
    while place is not None:
        yield place
        place = by_digest.get(previous(versions[place].document) or b"")


def published(home: Path) -> bytes:
    """All versions in order, as JSON: `documents`, of which each has an `index` and the `document`."""
    shared = shared_in(home)
    kept = [
        {"index": place, "document": orjson.Fragment(shared.read(name) or b"null")}
        for place, name in _kept(shared).items()
    ]
    return orjson.dumps({"documents": kept})


def document_entry(document: Mapping[str, Any]) -> bytes:
    """The log entry of a version."""
    return entry(EntryKind.DID_DOCUMENT, document_digest(document))


def _kept(shared: Shared) -> dict[int, str]:
    """The names of the kept versions by index, in order; other files are none of ours."""
    stems = (name.removeprefix(f"{FOLDER}/").removesuffix(".json") for name in shared.names(FOLDER))
    return {int(stem): f"{FOLDER}/{stem}.json" for stem in sorted(filter(_is_index, stems), key=int)}


def _is_index(stem: str) -> bool:
    return stem.isascii() and stem.isdigit()
