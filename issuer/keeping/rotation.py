"""The keys that sign diplomas and status lists of a did:web: shown, announced, and changed for others.

A key for diplomas that is kept elsewhere signs lists, too. So a copy of the folder holds no key that is in
the issuer's document.

An ended key stays in the document, so that its earlier signatures remain the issuer's, here and elsewhere. A
compromised key is dropped from it: then the log alone proves its earlier signatures.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, NamedTuple

from did import Document
from did.document import STATUS_DOCUMENT, status_did
from keys import PublicKey, Signer
from keys.signer import require_signs
from vc.document_chain import chained, unchained
from wire.datetimestamp import format_datetimestamp
from wire.problem import Conflict, Refused

from ..identity import documents
from ..identity.succession import (
    INSTEAD,
    NEXT,
    ROLES,
    KeyChange,
    dropping,
    ending,
    finish,
    moved,
    remembered,
    require_in_force,
    stating,
    with_keys,
)
from ..issuer import Issuer
from ..problem import KEY_IN_USE, KEY_KEPT_ELSEWHERE, KEY_UNKNOWN, NO_KEYS_HERE
from ..shared import store_address
from ..shared.machines import machines_without
from . import leftovers

_LISTS = ("status-list", "status-list-next")
"""The names of the keys for status lists, now and next."""


class Shown(NamedTuple):
    """A key for assertions that is, or was, in the issuer's document."""

    name: str
    """The name in the key file; empty for a key that is no longer there, and signs nothing."""
    key: PublicKey
    expires: datetime | None
    is_revoked: bool = False
    """True if only an earlier version of the document had it."""


@dataclass(frozen=True)
class Rotated:
    """The result of a rotation."""

    ended: tuple[str, ...]
    """The keys that no longer sign, as Multikeys."""
    entry: int
    """The log entry of the document that says so; what the keys signed stands before it."""
    editions: int
    """The number of editions that had been issued by then."""
    lists: list[int]
    """The status lists that were signed anew."""


@dataclass(frozen=True)
class _Next:
    """The keys that are to sign next, as they are wanted."""

    issuer: Issuer
    key_type: str | None
    signer: Signer | None
    """The signer with the key for diplomas, if that is to be kept elsewhere than in the key file."""
    in_file: bool
    """True if that key is to be in the key file."""
    uri: str = ""
    """Of the key that is kept elsewhere, if it has one."""

    def stays(self) -> bool:
        """True if the key for diplomas is kept elsewhere, and no other one is to take its place."""
        signer = self.issuer.own_signer
        is_same = signer is not None and (self.signer is None or self.signer.public_key == signer.public_key)
        return is_same and self.key_type is None and not self.in_file

    def names(self, suffix: str, *, has_status_did: bool) -> dict[str, str]:
        """By role, the names of those that lie in the key file."""
        is_all = self.signer is None
        return {role: role + suffix for role in ROLES if is_all or (has_status_did and role in _LISTS)}

    def is_end_of(self, change: KeyChange, *, moves: bool) -> bool:
        """True if an interrupted change puts the next keys where they are wanted now."""
        if moves and STATUS_DOCUMENT not in change.document:
            return False
        if self.signer is None:
            return not (self.in_file and change.identity.get("signer_uri"))
        method = self.issuer.identity.verification_method(self.signer.public_key)
        return method in change.document["assertionMethod"]

    def made(
        self, announced: Mapping[str, PublicKey], names: Mapping[str, str], *, stays: bool
    ) -> dict[str, PublicKey]:
        """By role, the keys: announced before, or made now under these `names`."""
        issuer, signer = self.issuer, self.signer
        if signer is None and issuer.own_signer is not None and not self.in_file:
            raise KEY_KEPT_ELSEWHERE("the key that signs credentials is kept elsewhere than in the key file")
        if signer is not None and not stays:
            # Each key has one span in the documents (`_places`): an ended key must not begin again.
            if signer.public_key in _used(issuer):
                raise Conflict("the key that is to sign next signs already, or did before")
            require_signs(signer)
        left = [each for each in names.values() if each in issuer.keys.public_keys and each not in announced]
        if left:  # by one who was killed before anything said so
            issuer.keys.retire(*left)
        new = {
            name: self.key_type or _signing(issuer).get(role, issuer.public_keys["assertion"]).type
            for role, name in names.items()
            if name not in announced
        }
        if new:
            issuer.keys.add(new)
        keys = {role: issuer.keys.public_keys[name] for role, name in names.items()}
        if signer is not None:
            keys = {"assertion": signer.public_key, **keys}
        if self.key_type not in (None, keys["assertion"].type):
            raise Conflict(f"the key that is to sign next is of type {keys['assertion'].type}")
        return keys


def keys_shown(issuer: Issuer) -> Iterator[Shown]:
    """The keys in the document, in its order, then those that were in it before. No secret is opened."""
    names = {key: name for name, key in issuer.public_keys.items()}
    shown = set[PublicKey]()
    for version in (documents.newest(issuer.home), *reversed(documents.versions(issuer.home).values())):
        is_newest = not shown
        held = documents.parsed(version, issuer.did)
        for method in (method for document in held for method in document.methods("assertionMethod")):
            if method.key not in shown:
                shown.add(method.key)
                yield Shown(names.get(method.key, ""), method.key, method.expires, not is_newest)


def add(
    issuer: Issuer, key_type: str | None = None, signer: Signer | None = None, *, in_file: bool = False
) -> None:
    """Announces the keys that are to sign next: makes them, and puts a document with them into the log.

    `signer` has the next key for diplomas where that is kept elsewhere than in the key file; `in_file` is as
    in `rotate`. Raises `Conflict` where next keys are announced already, and otherwise as `rotate`.
    """
    issuer.require_list_signer()
    issuer.require_signer()  # it signs the document
    has_status_did, wanted = bool(issuer.identity.status_did), _Next(issuer, key_type, signer, in_file)
    stays = has_status_did and wanted.stays()
    with _changing(issuer):
        document = documents.newest(issuer.home)
        if _announced(issuer, document):
            raise Conflict(
                "the keys that are to sign next are in the document already", hint="Rotate to them."
            )
        if stays:
            wanted = replace(wanted, signer=issuer.own_signer)
        keys = wanted.made({}, wanted.names(NEXT, has_status_did=has_status_did), stays=stays)
        _change(issuer, KeyChange("add", with_keys(document, keys), {}))
    issuer.lists.publish(now=issuer.log.now())


def rotate(
    issuer: Issuer,
    *,
    key_type: str | None = None,
    signer: Signer | None = None,
    signer_uri: str = "",
    in_file: bool = False,
    compromised: bool = False,
    lost: bool = False,
    has_status_did: bool = False,
) -> Rotated:
    """Ends the keys that sign diplomas and lists; the next ones sign, announced before or made now.

    All status lists are signed anew, and leftovers of killed commands are removed from the folder. `signer`
    has the next key for diplomas and lists where that is kept elsewhere than in the key file; the folder
    remembers its URI, if it has one. `in_file` brings that key back into the key file. With neither, an
    issuer whose key is elsewhere keeps that key, and ends the one for lists in the folder, which one of
    81e9505 has, and one with a DID for status lists. With `has_status_did`, lists are signed under that DID
    from now on, by a new key in the folder; the trust file then has another fingerprint. With `compromised`
    keys, announced ones end, too: they lay in the same file. The key that ends signs the document that says
    so, unless it is compromised or `lost`: then another chain of documents begins, and the trust file has
    another fingerprint, too.

    Raises `Refused` for a DID whose key cannot change, or where something left cannot be removed;
    `ISSUER_CLOSED`, `TryLater` while another process issues, `KeysChanged` where another was faster,
    `Conflict` for a `signer` whose key has signed before, and `DID_DOCUMENT_TOO_LARGE` where the document has
    no room for further keys: that of an ended one is kept.
    """
    leftovers.require_none(issuer.home)  # first: the command can be typed again, and ends no key twice
    pending, kind = KeyChange.read(issuer.home), "revoke" if compromised else "rotate"
    moves = has_status_did and not issuer.identity.status_did
    wanted = _Next(issuer, key_type, signer, in_file, signer_uri)
    if pending is None or pending.kind != kind or not wanted.is_end_of(pending, moves=moves):
        is_begun = pending is not None and pending.kind == "rotate"  # `mend` ends keys that had ended before
        begun = _ended_by(pending, issuer) if pending and is_begun and compromised else []
        _rotate(wanted, begun, compromised=compromised, lost=lost, moves=moves)
    elif signer is not None or in_file:  # begun by one who was killed
        issuer.use(None if signer_uri else signer)
    issuer.lists.publish(now=issuer.log.now())
    *_, before, after = (documents.methods(version) for version in documents.versions(issuer.home).values())
    former = tuple(before[name]["publicKeyMultibase"] for name in before if _ends(name, before, after))
    entry, lists = documents.newest_place(issuer.home, issuer.log), issuer.store.revocations.published_lists()
    return Rotated(former, entry, issuer.store.count(), lists)


def revoke(issuer: Issuer, name: str) -> Rotated:
    """Takes a key that ended before out of the document, as `rotate` does a compromised one.

    `name` is its Multikey, or the DID URL. A revoked key stays revoked. All status lists are signed anew.
    `editions` are those that were issued while it was there to sign diplomas, by it or by the one before.

    Raises `KEY_UNKNOWN` for a key that the issuer never had, `KEY_IN_USE` for one that signs or is to sign
    next, and otherwise as `rotate`.
    """
    key = name.rpartition("#")[2]
    issuer.require_list_signer()
    issuer.require_signer()  # it signs the document
    with _changing(issuer):
        versions, document = documents.versions(issuer.home), documents.newest(issuer.home)
        had = [method for version in versions.values() for method in documents.methods(version)]
        method = next((method for method in reversed(had) if name in (method, method.rpartition("#")[2])), "")
        if not method:
            raise KEY_UNKNOWN("no document of this issuer has, or had, the key")
        # Dropping a key in use would leave new signatures without a key in the document.
        if key in (held.multikey() for held in issuer.public_keys.values()):
            raise KEY_IN_USE("this key has not ended: the issuer signs with it, or is to sign with it next")
        if method in documents.methods(document):
            _change(issuer, KeyChange("drop", dropping(document, [method]), {}))
    issuer.lists.publish(now=issuer.log.now())
    begun, ended, gone = _places(documents.versions(issuer.home), method)
    editions = sum(begun < entry.leaf < ended for entry in issuer.entries())
    return Rotated((key,), gone, editions, issuer.store.revocations.published_lists())


def _places(versions: Mapping[int, Mapping[str, Any]], method: str) -> tuple[int, int, int]:
    """The log entries of the documents in which a method first was, ended, and was gone.

    A method that never signed diplomas ended where it began.
    """
    has = [place for place, version in versions.items() if method in documents.methods(version)]
    gone = next(place for place in versions if place > has[-1])
    ended = next((place for place in has if "expires" in documents.methods(versions[place])[method]), gone)
    return has[0], ended if method in versions[has[0]].get("authentication", ()) else has[0], gone


def _rotate(wanted: _Next, begun: Sequence[str], *, compromised: bool, lost: bool, moves: bool) -> None:
    issuer = wanted.issuer
    has_status_did = moves or bool(issuer.identity.status_did)
    has_own = has_status_did or issuer.status_key == "status-list"
    # who copied the folder has the key of a DID for lists, and not the one for diplomas that is elsewhere
    is_safe = not lost and (not compromised or (has_status_did and not moves))
    if stays := has_own and is_safe and wanted.stays():
        if wanted.signer is None:
            wanted = replace(wanted, signer=issuer.own_signer, uri=issuer.identity.signer_uri)
        issuer.require_signer()
    signer = wanted.signer
    with _changing(issuer):
        document, method = documents.newest(issuer.home), issuer.identity.verification_method
        announced = _announced(issuer, document)
        if not compromised and signer is None:
            _require_announced(issuer, document)
        names = wanted.names(INSTEAD if compromised else NEXT, has_status_did=has_status_did)
        if moves and names["status-list"] in announced:  # where it is to be no more: for other programs
            names["status-list"] = "status-list" + INSTEAD
        keys = wanted.made({} if compromised else announced, names, stays=stays)
        replaced = dict(names)
        if signer is not None or moves:  # a copy of the folder signs nothing that the document lets it
            others = {*ROLES, *announced} & issuer.keys.public_keys.keys() - {*names, *names.values()}
            replaced |= dict.fromkeys(sorted(others), "")
        former = {role: key for role, key in _signing(issuer).items() if key not in keys.values()}
        where = remembered(signer, wanted.uri)
        wider = with_keys(moved(document) if moves else document, keys)
        if moves:
            where["status_did"] = status_did(issuer.did)
        if compromised:
            replaced |= dict.fromkeys(announced, "")
            ended = [method(key, name) for name, key in (*former.items(), *announced.items())]
            change = KeyChange("revoke", dropping(wider, [*ended, *begun]), replaced, where)
        else:
            unsaid = {name for name in replaced if not replaced[name] and name != "assertion"}
            unsaid |= {name for name in ("status-list", *announced) if moves and name in _LISTS}
            held = {**issuer.keys.public_keys, **announced}
            gone = [method(held[name], name) for name in unsaid & held.keys()]  # no diploma is by them
            end = format_datetimestamp(issuer.log.now())
            changed = ending(dropping(wider, gone), [method(former[role], role) for role in former], end)
            change = KeyChange("rotate", changed, replaced, where)
        _change(issuer, change, is_chained=stays or not (compromised or lost))
        issuer.use(signer)


def _signing(issuer: Issuer) -> dict[str, PublicKey]:
    """By role, the keys that sign now: that for diplomas alone where it is kept elsewhere."""
    return {role: issuer.public_keys[role] for role in ROLES if role in issuer.public_keys}


def _ended_by(change: KeyChange, issuer: Issuer) -> list[str]:
    """The methods that an interrupted change ends: a report of compromised keys now means these."""
    versions = (*documents.versions(issuer.home).values(), documents.newest(issuer.home))
    *_, before = (documents.methods(version) for version in versions if version != change.document)
    after = documents.methods(change.document)
    return [name for name in after if "expires" in after[name] and _ends(name, before, after)]


def _ends(name: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    """True if a method has another end in the document `after`, or is no longer there."""
    ends = [version[name].get("expires") if name in version else "gone" for version in (before, after)]
    return ends[0] != ends[1]


@contextmanager
def _changing(issuer: Issuer) -> Iterator[None]:
    """Stops issuing meanwhile, and first finishes begun work, with the keys that it was begun with."""
    if not issuer.identity.rotates:
        raise Refused(
            "the key of this issuer is its identifier, and cannot change",
            hint="An issuer with a web site has a did:web, whose keys can.",
        )
    with issuer.at_rest(), issuer.shared.held("rotation", patience=issuer.patience):
        for role, key in _signing(issuer).items():  # else others were faster, and end what has ended
            require_in_force(issuer.home, issuer.identity.verification_method(key, role))
        issuer.keys.reload()  # those that others announced
        yield


def _change(issuer: Issuer, change: KeyChange, *, is_chained: bool = True) -> None:
    """Makes a change, its document signed by the key for diplomas of the one before.

    If that key is lost, or may be in somebody else's hands, its signature is worth nothing, and a new chain
    begins.
    """
    history = documents.history(issuer.home)
    document = stating(change.document, history)
    if is_chained:
        signer = issuer.signer("assertion")
        document = chained(document, history[-1], signer, created=issuer.log.now())
    else:
        document = unchained(document)
    change = replace(change, document=document)
    Document.parse(change.document, issuer.did)  # one with too many keys would be no document any more
    change.write(issuer.home)
    finish(issuer.home, issuer.keys, issuer.store, issuer.log)
    issuer.reread()


def _announced(issuer: Issuer, document: Mapping[str, Any]) -> dict[str, PublicKey]:
    """The keys in the file that are to sign next, by name, of which the document tells."""
    announced, method = documents.methods(document), issuer.identity.verification_method
    held = {name: key for name, key in issuer.keys.public_keys.items() if name.endswith(NEXT)}
    return {name: key for name, key in held.items() if method(key, name) in announced}


def _require_announced(issuer: Issuer, document: Mapping[str, Any]) -> None:
    """Raises `NO_KEYS_HERE` on a machine that lacks keys which another one of its issuer has announced."""
    method = issuer.identity.verification_method
    held = {method(key, name) for name, key in issuer.public_keys.items()}
    methods = documents.methods(document)
    absent = [name for name in methods if name not in held and "expires" not in methods[name]]
    # Else this machine would make others, and the announced ones would sign beside them unknown to it.
    if store_address(issuer.home) and absent:
        raise NO_KEYS_HERE("another machine has announced keys that this one does not have")


def lacking(issuer: Issuer) -> list[str]:
    """The other machines that do not have the keys that are to sign next, as far as the database knows.

    They sign nothing after a rotation until they have joined again.
    """
    held = issuer.keys.public_keys
    following = {role: held[role + NEXT] for role in ROLES if role + NEXT in held}
    return machines_without(issuer.home, following or None)


def _used(issuer: Issuer) -> set[PublicKey]:
    """The keys that sign, and those that have ended, which must not sign again."""
    ended = {shown.key for shown in keys_shown(issuer) if shown.expires or shown.is_revoked}
    return ended.union(_signing(issuer).values())
