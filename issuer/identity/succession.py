"""Changing the keys in the document of a did:web: the next document, and the journal of the change.

The order is: the new keys in the key file; the change journalled, as `rotation.json`; the new document in the
log; `did.json`; the keys in their places; in `issuer.json`, where one is kept elsewhere; the journal gone. So
no key signs before the log has its document, and the next process that opens the log finishes a killed one's
change. Status lists that the log has from before its newest document are due (see `status`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson

from did.document import RELATIONSHIPS, SIGNS, STATUS_DOCUMENT, Use, status_did, with_status_document
from did.methods import web as did_web
from keys import KeyFile, PublicKey, Signer
from keys.address import require_well_formed
from ledger import EntryKind, Log, entry
from vc.document_chain import chained
from wire.clock import is_ahead
from wire.datetimestamp import format_datetimestamp, parse_datetimestamp
from wire.problem import Damaged, Malformed, Problem, Unavailable
from wire.strict import load_json_object

from ..archive.consistency import append
from ..archive.index import Index
from ..shared import shared_in
from . import documents
from .home import STATUS, Identity

JOURNAL = "rotation.json"
_VERSION = 1

ROLES: Mapping[str, tuple[str, ...]] = {
    "assertion": ("assertionMethod", "authentication"),
    "status-list": ("assertionMethod",),
}
"""The keys in the document, by their names in the key file, and the uses of each."""


NEXT, INSTEAD = "-next", "-instead"
"""Suffixes to the name of a key: for its announced successor, and for one that replaces it at once."""


class KeysChanged(Unavailable):
    """The issuer has other keys by now than this process, or this signer, has."""

    code = "keys-changed"
    title = "The issuer's keys were changed"


@dataclass(frozen=True)
class KeyChange:
    """A change that was decided and is not completed yet."""

    kind: str
    """`add`, `rotate` or `revoke`; `drop` for a key that had ended before, `mend` for an end dated ahead."""
    document: Mapping[str, Any]
    replaced: Mapping[str, str]
    """By name in the key file, the name of the key that replaces it; empty if none does."""
    identity: Mapping[str, str] = field(default_factory=dict)
    """New members of issuer.json: those of `remembered`, and `status_did` where that is new."""

    @classmethod
    def read(cls, home: Path) -> KeyChange | None:
        """The pending change, if there is one. Raises `Damaged`."""
        shared = shared_in(home)
        content = shared.read(JOURNAL)
        if content is None:
            return None
        try:
            members = load_json_object(content)
            shape = {member: type(value) for member, value in members.items()}
            if shape != {"version": int, "kind": str, "document": dict, "replaced": dict, "identity": dict}:
                raise Malformed("it is of another form")
            identity = members["identity"]
            shape = {"status_did": str, **dict.fromkeys(remembered(None, ""), str)}
            if (
                identity
                and {name: type(value) for name, value in {"status_did": "", **identity}.items()} != shape
            ):
                raise Malformed("what it has for issuer.json is of another form")
            if members.pop("version") != _VERSION:
                raise Malformed("it is of another version")
            return cls(**members)
        except Malformed as error:
            raise Damaged(f"{shared.where(JOURNAL)} cannot be read", hint="Take it from a backup.") from error

    def write(self, home: Path) -> None:
        """Journals the change, durably: from here on it will be completed."""
        content = {"version": _VERSION, **vars(self)}
        shared_in(home).write(JOURNAL, orjson.dumps(content, option=orjson.OPT_INDENT_2))


def is_pending(home: Path) -> bool:
    """True while a change of keys was begun and is not done."""
    return shared_in(home).read(JOURNAL) is not None


def anchor(home: Path, store: Index, log: Log, document: Mapping[str, Any]) -> None:
    """Puts a version of the document into the log, unless it is there, and keeps it."""
    leaves = _once(store, log, documents.document_entry(document))
    documents.keep(home, leaves.start, document)


def log_kind(store: Index, log: Log, reference: str) -> None:
    """Puts the version of a kind into the log, unless it is there, before any credential is made by it.

    Its URN has the digest, so that credentials can be revoked even if the kind's files are lost.
    """
    _once(store, log, entry(EntryKind.KIND, bytes.fromhex(reference.rpartition(":")[2])))


def _once(store: Index, log: Log, leaf: bytes) -> range:
    leaves = log.find(leaf)
    if leaves is None or leaf in store.logged.known().begun:
        appended = append(store, log, [leaf], leaf)
        store.logged.settle(appended)
        leaves = appended.leaves
    return leaves


def finish(home: Path, keys: KeyFile, store: Index, log: Log) -> None:
    """Completes the pending change, if there is one. The caller holds the lock `rotation`."""
    change = KeyChange.read(home)
    if change is None:
        return
    with shared_in(home).held(STATUS):  # nobody signs a list meanwhile
        # The log first: nothing may be published, or signed by a new key, that the log does not have.
        anchor(home, store, log, change.document)
        documents.replace(home, change.document)
        keys.reload()
        gone = [name for name, by in change.replaced.items() if not by and name in keys.public_keys]
        places = {name: by for name, by in change.replaced.items() if by in keys.public_keys}
        if places:
            keys.replace(places)
        if change.identity:  # in between: at each instant there is a key for diplomas, here or elsewhere
            Identity.change(home, **change.identity)
        if gone:
            keys.retire(*gone)
        shared_in(home).remove(JOURNAL)


def ended_ahead(document: Mapping[str, Any], now: datetime) -> dict[str, datetime]:
    """The methods that the document lets end later than now, each with that time.

    The issuer ends a key at the moment of the change, so only a clock that was ahead gives such an end.
    """
    ends = {
        method["id"]: parse_datetimestamp(method["expires"], "expires")
        for method in documents.methods(document).values()
        if "expires" in method
    }
    return {name: end for name, end in ends.items() if is_ahead(end, now)}


def mend(home: Path, keys: KeyFile, store: Index, log: Log, signer: Signer, *, patience: float) -> None:
    """Let keys that ended by a clock that was ahead end now, by one more version of the document.

    They did end before now: the new version shortens the time that a stolen key is good for, and never
    extends it. Signatures by these keys are judged by their place in the log, before the version that ended
    them. The key for diplomas, which is `signer`'s, signs the version. Raises `CLOCK_BEHIND` until the clock
    was accepted: an end that is ahead of a clock which fell back is right.
    """
    with shared_in(home).held("rotation", patience=patience):
        finish(home, keys, store, log)  # the journal holds one change
        document, now = documents.newest(home), log.now()
        if names := list(ended_ahead(document, now)):
            mended = stating(ending(document, names, format_datetimestamp(now)), documents.history(home))
            KeyChange("mend", chained(mended, document, signer, created=now), {}).write(home)
            finish(home, keys, store, log)


def remembered(signer: Signer | None, uri: str) -> dict[str, str]:
    """The members of issuer.json for the key for diplomas: its URI, if it has one, and the public key.

    Raises `Malformed` for the address of a key on a token that is invalid, or has a PIN in it.
    """
    require_well_formed(uri)
    key = signer.public_key.multikey() if signer and uri else ""
    return {"signer_uri": uri, "signer_key": key}


def require_in_force(home: Path, method: str) -> None:
    """Raises `KeysChanged` unless the issuer signs with the key of this name now.

    A key with an end counts as ended, even if a clock that is behind the log's says otherwise.
    """
    # Threat F2: a long-running process would go on signing with a retired key, which verifiers refuse.
    if is_pending(home) or not _is_in_force(documents.newest(home), method):
        raise KeysChanged(
            "this key is not the one that the issuer signs with by now",
            hint="Start again what was running, with the key that its document has.",
        )


def _is_in_force(document: Mapping[str, Any], method: str) -> bool:
    """True if a document has a method for assertions that has no end."""
    try:
        held = documents.of_did(document, method.partition("#")[0])
        listed = held.verification_method(method, "assertionMethod")
    except Problem:
        listed = None
    # A key that ended, or that the document lacks, may be stolen: it names no successor.
    return not (listed is None or listed.until is not None)


def take_up(home: Path, keys: KeyFile) -> bool:
    """Puts announced keys into their places after a change that another machine has completed.

    True if it did. The document says which keys sign; a machine without them signs nothing.
    """
    document, identity = documents.newest(home), Identity.read(home)
    held = keys.public_keys
    signs = {
        name: _is_in_force(document, identity.verification_method(key, name)) for name, key in held.items()
    }
    places = {
        role: role + suffix
        for role in ROLES
        for suffix in (NEXT, INSTEAD)
        if not signs.get(role, False) and signs.get(role + suffix, False)
    }
    if places:
        keys.replace(places)
    return bool(places)


def with_keys(document: Mapping[str, Any], keys: Mapping[str, PublicKey]) -> dict[str, Any]:
    """The document with further keys, by role, before those that it has; each says what it signs.

    The key for diplomas signs lists, too, where there is none for lists. One for lists goes into the document
    of the DID for status lists, if there is such a DID.
    """
    if STATUS_DOCUMENT not in document:
        return _with_keys(document, keys)
    of_lists = {role: key for role, key in keys.items() if role == "status-list"}
    did_document = _with_keys(document, {role: key for role, key in keys.items() if role not in of_lists})
    return with_status_document(did_document, _with_keys(document[STATUS_DOCUMENT], of_lists))


def moved(document: Mapping[str, Any]) -> dict[str, Any]:
    """The document with an inner document for a DID for status lists, which has no key yet."""
    return with_status_document(document, did_web.document(status_did(document["id"]), {}))


def _with_keys(document: Mapping[str, Any], keys: Mapping[str, PublicKey]) -> dict[str, Any]:
    did, held = document["id"], {method["id"]: method for method in document["verificationMethod"]}
    uses = {"assertion": [Use.CREDENTIALS.value], "status-list": [Use.STATUS_LISTS.value]}
    if "status-list" not in keys and STATUS_DOCUMENT not in document:
        uses["assertion"] = [use.value for use in Use]
    new = {
        role: {
            "id": f"{did}#{key.multikey()}",
            "type": "Multikey",
            "controller": did,
            "publicKeyMultibase": key.multikey(),
            SIGNS: uses[role],
        }
        for role, key in keys.items()
    }
    added = {role: method for role, method in new.items() if method["id"] not in held}
    stays = {
        method["id"]: {**held[method["id"]], SIGNS: method[SIGNS]}
        for method in new.values()
        if method["id"] in held
    }
    changed = {**document, "verificationMethod": [*added.values(), *{**held, **stays}.values()]}
    for role, method in reversed(added.items()):
        for relationship in ROLES[role]:
            changed[relationship] = [method["id"], *changed.get(relationship, ())]
    return changed


def stating(document: Mapping[str, Any], history: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The document in which each method states the uses of its key, also methods of releases that did not."""
    uses = documents.uses_in([*history, document])
    methods = [
        {**method, **({SIGNS: uses[method["id"]]} if uses[method["id"]] else {})}
        for method in document["verificationMethod"]
    ]
    return {**document, "verificationMethod": methods}


def ending(document: Mapping[str, Any], names: Sequence[str], end: str) -> dict[str, Any]:
    """The document in which these methods expire: until then they assert as before, and do nothing else."""
    return _throughout(document, lambda each: _ending(each, names, end))


def _throughout(
    document: Mapping[str, Any], change: Callable[[Mapping[str, Any]], dict[str, Any]]
) -> dict[str, Any]:
    """The document changed, and with it that of the DID for status lists, if it has one."""
    changed = change(document)
    if STATUS_DOCUMENT not in document:
        return changed
    return {**changed, STATUS_DOCUMENT: change(document[STATUS_DOCUMENT])}


def _ending(document: Mapping[str, Any], names: Sequence[str], end: str) -> dict[str, Any]:
    methods = [
        {**method, "expires": end} if method["id"] in names else method
        for method in document["verificationMethod"]
    ]
    return {
        **_without(document, names, {*RELATIONSHIPS} - {"assertionMethod"}),
        "verificationMethod": methods,
    }


def dropping(document: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    """The document without these methods, not even as revoked: some programs would still accept them."""
    return _throughout(document, lambda each: _dropping(each, names))


def _dropping(document: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    methods = [method for method in document["verificationMethod"] if method["id"] not in names]
    return {**_without(document, names, {*RELATIONSHIPS}), "verificationMethod": methods}


def _without(document: Mapping[str, Any], names: Sequence[str], relationships: set[str]) -> dict[str, Any]:
    changed = {
        relationship: [reference for reference in document[relationship] if reference not in names]
        for relationship in relationships & document.keys()
    }
    return {**document, **changed}
