"""The keys that sign diplomas and status lists of a did:web: shown, announced, and changed for others.

A key for diplomas that is kept elsewhere signs lists, too: an issuer that goes over to one has no key in its
document that a copy of its folder holds.

An ended key stays in the document, so that what it signed before is still its issuer's, here and elsewhere.
One that somebody else may have goes out of it: then the log alone tells what it signed before.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, NamedTuple

from did import Document
from keys import PublicKey, Signer
from keys.signer import require_signs
from vc.document_chain import chained, unchained
from wire.datetimestamp import format_datetimestamp
from wire.files import locked
from wire.problem import Conflict, Refused

from . import documents, leftovers
from .issuer import Issuer
from .problem import KeyInUse, KeyKeptElsewhere, KeyUnknown
from .succession import (
    ROLES,
    KeyChange,
    dropping,
    ending,
    finish,
    remembered,
    require_in_force,
    stating,
    with_keys,
)

_NEXT, _INSTEAD = "-next", "-instead"
"""Behind the name of a key, that of one which is announced, or is made to take its place at once."""


class Shown(NamedTuple):
    """A key by which the issuer's document has, or had, it assert something."""

    name: str
    """In the key file; empty for one that is no longer there, and signs nothing."""
    key: PublicKey
    expires: datetime | None
    is_revoked: bool = False
    """Whether only an earlier version of the document had it."""


@dataclass(frozen=True)
class Rotated:
    """What a rotation did."""

    ended: tuple[str, ...]
    """The keys that sign no more, as Multikeys."""
    entry: int
    """The log entry of the document that says so; what the keys signed stands before it."""
    editions: int
    """How many had been issued by then."""
    lists: list[int]
    """The status lists that were signed anew."""


def keys_shown(issuer: Issuer) -> Iterator[Shown]:
    """The keys in the document, in its order, then those that were in it before. No secret is opened."""
    names = {key: name for name, key in issuer.public_keys.items()}
    told = set[PublicKey]()
    for version in (documents.newest(issuer.home), *reversed(documents.versions(issuer.home).values())):
        is_newest = not told
        for method in Document.parse(version, issuer.did).methods("assertionMethod"):
            if method.key not in told:
                told.add(method.key)
                yield Shown(names.get(method.key, ""), method.key, method.expires, not is_newest)


def add(
    issuer: Issuer, key_type: str | None = None, signer: Signer | None = None, *, in_file: bool = False
) -> None:
    """Announces the keys that are to sign next: makes them, and has the document with them in the log.

    `signer` has the next key for diplomas where that is kept elsewhere than in the key file; `in_file` is as
    in `rotate`. Raises `Conflict` where next keys are announced already, and what `rotate` raises besides.
    """
    issuer.require_list_signer()
    with _changing(issuer):
        document = documents.newest(issuer.home)
        if _announced(issuer, document):
            raise Conflict(
                "the keys that are to sign next are in the document already", hint="Rotate to them."
            )
        keys = _made(issuer, {}, _NEXT, key_type, signer, in_file=in_file)
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
) -> Rotated:
    """Ends the keys that sign diplomas and lists; the next ones sign, announced before or made now.

    All status lists are signed anew, and what killed commands left in the folder is removed. `signer` has the
    next key for diplomas and lists where that is kept elsewhere than in the key file; the folder remembers
    its URI, if it has one. `in_file` brings that key back into the key file. With neither, an issuer of
    81e9505 whose key is elsewhere keeps that key, and ends the one for lists. With `compromised` keys,
    announced ones end, too: they lay in the same file. The key that ends signs the document that says so,
    unless it is compromised or `lost`: then another chain of documents begins, and the issuer's trust file
    has another fingerprint.

    Raises `Refused` for a DID whose key cannot change, or where something left cannot be removed; `Closed`,
    `TryLater` while another process issues, `KeysChanged` where another was faster, `Conflict` for a `signer`
    whose key has signed before, and `DocumentTooLarge` where the document has no room for further keys: that
    of an ended one is kept.
    """
    leftovers.require_none(issuer.home)  # first: the command can be typed again, and ends no key twice
    pending, kind = KeyChange.read(issuer.home), "revoke" if compromised else "rotate"
    if pending is None or pending.kind != kind or not _leads_to(pending, issuer, signer, in_file=in_file):
        is_begun = pending is not None and pending.kind == "rotate"  # `mend` ends keys that had ended before
        begun = _ended_by(pending, issuer) if pending and is_begun and compromised else []
        _rotate(
            issuer,
            key_type,
            signer,
            signer_uri,
            begun,
            in_file=in_file,
            compromised=compromised,
            is_chained=not (compromised or lost),
        )
    elif signer is not None or in_file:  # begun by one who was killed
        issuer.use(None if signer_uri else signer)
    issuer.lists.publish(now=issuer.log.now())
    *_, before, after = (_methods(version) for version in documents.versions(issuer.home).values())
    former = tuple(before[name]["publicKeyMultibase"] for name in before if _ends(name, before, after))
    entry, lists = documents.newest_place(issuer.home, issuer.log), issuer.store.revocations.published_lists()
    return Rotated(former, entry, issuer.store.count(), lists)


def revoke(issuer: Issuer, name: str) -> Rotated:
    """Takes a key that ended before out of the document, as `rotate` does a compromised one.

    `name` is its Multikey, or the DID URL. One that was revoked stays so. All status lists are signed anew.
    `editions` are those that were issued while it was there to sign diplomas, by it or by the one before.

    Raises `KeyUnknown` for a key that the issuer never had, `KeyInUse` for one that signs or is to sign next,
    and what `rotate` raises besides.
    """
    method = name if name.startswith("did:") else f"{issuer.did}#{name}"
    issuer.require_list_signer()
    with _changing(issuer):
        versions, document = documents.versions(issuer.home), documents.newest(issuer.home)
        if not any(method in _methods(version) for version in versions.values()):
            raise KeyUnknown("no document of this issuer has, or had, the key")
        if method in map(issuer.identity.verification_method, issuer.public_keys.values()):
            raise KeyInUse("this key has not ended: the issuer signs with it, or is to sign with it next")
        if method in _methods(document):
            _change(issuer, KeyChange("drop", dropping(document, [method]), {}))
    issuer.lists.publish(now=issuer.log.now())
    begun, ended, gone = _places(documents.versions(issuer.home), method)
    editions = sum(begun < entry.leaf < ended for entry in issuer.entries())
    return Rotated((method.rpartition("#")[2],), gone, editions, issuer.store.revocations.published_lists())


def _places(versions: Mapping[int, Mapping[str, Any]], method: str) -> tuple[int, int, int]:
    """Where in the log a method was first in the document, where it ended, and where it was gone.

    One by which diplomas were never signed ended where it began.
    """
    has = [place for place, version in versions.items() if method in _methods(version)]
    gone = next(place for place in versions if place > has[-1])
    ended = next((place for place in has if "expires" in _methods(versions[place])[method]), gone)
    return has[0], ended if method in versions[has[0]].get("authentication", ()) else has[0], gone


def _rotate(
    issuer: Issuer,
    key_type: str | None,
    signer: Signer | None,
    signer_uri: str,
    begun: Sequence[str],
    *,
    in_file: bool,
    compromised: bool,
    is_chained: bool,
) -> None:
    if stays := _stays(issuer, signer, key_type, in_file=in_file, compromised=compromised):
        if signer is None:
            signer, signer_uri = issuer.own_signer, issuer.identity.signer_uri
        issuer.require_signer()
    with _changing(issuer):
        document, method = documents.newest(issuer.home), issuer.identity.verification_method
        announced, suffix = _announced(issuer, document), _INSTEAD if compromised else _NEXT
        if signer is not None and stays:
            keys = {"assertion": signer.public_key}
        else:
            keys = _made(issuer, {} if compromised else announced, suffix, key_type, signer, in_file=in_file)
        if signer is None:
            replaced = {role: role + suffix for role in ROLES}
        else:  # no key that the folder holds stays in the document, but for the former one, as ended
            replaced = {name: "" for name in issuer.keys.public_keys if name in {*ROLES, *announced}}
        former = [key for key in _signing(issuer).values() if key not in keys.values()]
        wider, where = with_keys(document, keys), remembered(signer, signer_uri)
        if compromised:
            replaced |= dict.fromkeys(announced, "")
            gone = [*map(method, (*former, *announced.values())), *begun]
            change = KeyChange("revoke", dropping(wider, gone), replaced, where)
        else:
            unused = [name for name, by in replaced.items() if not by and name != "assertion"]
            gone = [method(issuer.keys.public_keys[name]) for name in unused]  # no diploma rests on them
            end = format_datetimestamp(issuer.log.now())
            changed = ending(dropping(wider, gone), [*map(method, former)], end)
            change = KeyChange("rotate", changed, replaced, where)
        _change(issuer, change, is_chained=is_chained)
        issuer.use(signer)


def _stays(
    issuer: Issuer, signer: Signer | None, key_type: str | None, *, in_file: bool, compromised: bool
) -> bool:
    """Whether the key for diplomas, kept elsewhere, stays, and the folder's own key for lists is to go."""
    own = issuer.own_signer
    is_same = own is not None and (signer is None or signer.public_key == own.public_key)
    has_own = issuer.status_key == "status-list"
    return is_same and has_own and key_type is None and not in_file and not compromised


def _signing(issuer: Issuer) -> dict[str, PublicKey]:
    """By role, the keys that sign now: that for diplomas alone where it is kept elsewhere."""
    return {role: issuer.public_keys[role] for role in ROLES if role in issuer.public_keys}


def _ended_by(change: KeyChange, issuer: Issuer) -> list[str]:
    """The methods that an interrupted change ends: who says now that keys are compromised means these."""
    versions = (*documents.versions(issuer.home).values(), documents.newest(issuer.home))
    *_, before = (_methods(version) for version in versions if version != change.document)
    after = _methods(change.document)
    return [name for name in after if "expires" in after[name] and _ends(name, before, after)]


def _ends(name: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    """Whether a method has another end in the document after, or is not there any more."""
    ends = [version[name].get("expires") if name in version else "gone" for version in (before, after)]
    return ends[0] != ends[1]


def _leads_to(change: KeyChange, issuer: Issuer, signer: Signer | None, *, in_file: bool) -> bool:
    """Whether an interrupted change has the next key where it is wanted now."""
    if signer is None:
        return not (in_file and change.identity.get("signer_uri"))
    return issuer.identity.verification_method(signer.public_key) in change.document["assertionMethod"]


def _methods(document: Mapping[str, Any]) -> dict[str, Any]:
    return {method["id"]: method for method in document["verificationMethod"]}


@contextmanager
def _changing(issuer: Issuer) -> Iterator[None]:
    """Nothing is issued meanwhile, and what was begun is finished with the keys that it was begun with."""
    if not issuer.identity.rotates:
        raise Refused(
            "the key of this issuer is its identifier, and cannot change",
            hint="An issuer with a web site has a did:web, whose keys can.",
        )
    with issuer.at_rest(), locked(issuer.home / "rotation", patience=issuer.patience):
        for key in _signing(issuer).values():  # else others were faster, and this would end what has ended
            require_in_force(issuer.home, issuer.identity.verification_method(key))
        issuer.keys.reload()  # those that others announced
        yield


def _change(issuer: Issuer, change: KeyChange, *, is_chained: bool = True) -> None:
    """Makes a change, its document signed by the key for diplomas of the one before.

    Where that key is gone, or may be somebody else's, so that its signature is worth nothing, another chain
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
    told = {method["id"] for method in document["verificationMethod"]}
    held = {name: key for name, key in issuer.keys.public_keys.items() if name.endswith(_NEXT)}
    return {name: key for name, key in held.items() if issuer.identity.verification_method(key) in told}


def _used(issuer: Issuer) -> set[PublicKey]:
    """The keys that sign, and those that have ended, which nothing brings back."""
    ended = {told.key for told in keys_shown(issuer) if told.expires or told.is_revoked}
    return ended.union(_signing(issuer).values())


def _made(
    issuer: Issuer,
    announced: Mapping[str, PublicKey],
    suffix: str,
    key_type: str | None,
    signer: Signer | None,
    *,
    in_file: bool,
) -> dict[str, PublicKey]:
    """By role, the keys that sign next: announced before, or made now."""
    if signer is None and issuer.own_signer is not None and not in_file:
        raise KeyKeptElsewhere("the key that signs diplomas is kept elsewhere than in the key file")
    if signer is not None:
        if signer.public_key in _used(issuer):
            raise Conflict("the key that is to sign next signs already, or did before")
        require_signs(signer)
    names = {role: role + suffix for role in ROLES} if signer is None else {}
    left = [each for each in names.values() if each in issuer.keys.public_keys and each not in announced]
    if left:  # by one who was killed before anything said so
        issuer.keys.retire(*left)
    new = {
        name: key_type or _signing(issuer).get(role, issuer.public_keys["assertion"]).type
        for role, name in names.items()
        if name not in announced
    }
    if new:
        issuer.keys.add(new)
    keys = {role: issuer.keys.public_keys[name] for role, name in names.items()}
    if signer is not None:
        keys = {"assertion": signer.public_key, **keys}
    if key_type not in (None, keys["assertion"].type):
        raise Conflict(f"the key that is to sign next is of type {keys['assertion'].type}")
    return keys
