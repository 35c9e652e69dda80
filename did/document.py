"""`Document`: the keys of a DID, and their permitted uses (DID 1.0 section 5, Controlled Identifiers 1.0)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Any, NamedTuple

from keys import InvalidKey, PublicKey, UnknownKeyType
from wire.datetimestamp import parse_datetimestamp
from wire.problem import Malformed
from wire.strict import base58_decode

from .problem import (
    DID_DOCUMENT_TOO_LARGE,
    VERIFICATION_METHOD_NOT_SUPPORTED,
    InvalidDIDDocument,
    InvalidRelationship,
    InvalidVerificationMethod,
)

RELATIONSHIPS = (
    "authentication",
    "assertionMethod",
    "keyAgreement",
    "capabilityInvocation",
    "capabilityDelegation",
)
_MOST_ENTRIES = 256  # methods and references together

SIGNS = "urn:intaglio:vocab:signs"
"""The member in which a method states the uses of its key: an array of texts, such as those of `Use`."""


class Use(StrEnum):
    """The uses of an issuer's key, as its document states them.

    `assertionMethod` alone does not tell them apart, since a status list and a diploma are both assertions. A
    thief of the key that is online for the lists could sign diplomas (threat F26).
    """

    CREDENTIALS = "credentials"
    STATUS_LISTS = "statusLists"


STATUS_DOCUMENT = "urn:intaglio:vocab:statusDocument"
"""The member with the document of the DID that signs an issuer's status lists, as one JSON literal."""
_STATUS_CONTEXT = {STATUS_DOCUMENT: {"@id": STATUS_DOCUMENT, "@type": "@json"}}
"""Keeps JSON-LD processors from reading that document as a part of the one around it."""


def status_did(did: str) -> str:
    """The DID under which an issuer's status lists are signed, where its own DID does not sign them."""
    return f"{did}:status"


def with_status_document(document: Mapping[str, Any], of_lists: Mapping[str, Any]) -> dict[str, Any]:
    """An issuer's document with the document of its DID for status lists, which replaces an earlier one."""
    contexts = [context for context in document["@context"] if context != _STATUS_CONTEXT]
    return {**document, "@context": [*contexts, _STATUS_CONTEXT], STATUS_DOCUMENT: of_lists}


class VerificationMethod(NamedTuple):
    """A key in a document. From `expires` or `revoked` on, where given, the key proves nothing."""

    id: str
    type: str
    controller: str
    key: PublicKey
    expires: datetime | None
    revoked: datetime | None
    signs: frozenset[str] | None = None
    """The uses of the key; `None` where the document does not state them."""

    @property
    def until(self) -> datetime | None:
        """The earlier of `expires` and `revoked`."""
        if self.expires and self.revoked:
            return min(self.expires, self.revoked)
        return self.expires or self.revoked


@dataclass(frozen=True, slots=True, eq=False)
class Document:
    """A DID document, or another controller's; `value` is the JSON as received, and must not be altered.

    A method is parsed at its first use, and cached. So a malformed one does not disable the others, and many
    credentials under one key cost one parsing.
    """

    id: str
    controller: tuple[str, ...]
    """The controllers named in the document, which may change it; their own keys count for nothing in it."""
    value: Mapping[str, Any]
    _methods: Mapping[str, Mapping[str, Any]]
    _relationships: Mapping[str, tuple[str, ...]]
    _read: dict[str, VerificationMethod] = field(default_factory=dict, repr=False)
    _usable: dict[str, tuple[VerificationMethod, ...]] = field(default_factory=dict, repr=False)

    @classmethod
    def parse(cls, value: Mapping[str, Any], did: str) -> Document:
        """The document of `did`, a DID or the https URL of another controller.

        Raises `InvalidDIDDocument` for the document of another DID, for members of a wrong form, for two
        different methods of one id; `DID_DOCUMENT_TOO_LARGE` for more than 256 methods and references.
        """
        # DID Core 1.0, 5.1.1: whoever serves another's document would else lend its keys to this DID.
        if value.get("id") != did:
            raise InvalidDIDDocument.saying(
                "the document found for {did} is not its own: it has another 'id'", did=did
            )
        controller = value.get("controller", [])
        controllers = tuple(controller) if isinstance(controller, list) else (controller,)
        if not all(isinstance(name, str) for name in controllers):
            raise InvalidDIDDocument.saying(
                "'controller' of {did} is neither a string nor an array of strings", did=did
            )
        lists = {name: value.get(name, []) for name in ("verificationMethod", *RELATIONSHIPS)}
        for name, entries in lists.items():
            if not isinstance(entries, list):
                raise InvalidDIDDocument.saying("'{member}' of {did} is not an array", member=name, did=did)
        if sum(map(len, lists.values())) > _MOST_ENTRIES:
            raise DID_DOCUMENT_TOO_LARGE.saying(
                "{did} has more than {most} verification methods and references", did=did, most=_MOST_ENTRIES
            )
        methods: dict[str, Mapping[str, Any]] = {}
        ids = {name: tuple(_id(entry, did, methods) for entry in lists[name]) for name in lists}
        return cls(did, controllers, value, methods, {name: ids[name] for name in RELATIONSHIPS})

    def verification_method(self, did_url: str, relationship: str) -> VerificationMethod:
        """The method that a proof names, if it may be used for `relationship`, such as assertionMethod.

        The DID alone names the method for the relationship, if there is only one. Raises
        `InvalidVerificationMethod` and `InvalidRelationship` (Controlled Identifiers 1.0, 3.3). The caller
        has to compare the times of expiry and revocation.
        """
        allowed = self._relationships.get(relationship, ())
        if did_url == self.id and len(set(allowed)) == 1:
            did_url = allowed[0]
        method = self._method(did_url)
        # DID Core 1.0, 5.3: a key speaks only for the relationships that list it.
        if did_url not in allowed:
            raise InvalidRelationship.saying(
                "{method} is not among the methods for '{relationship}'",
                method=did_url,
                relationship=relationship,
            )
        return method

    def has(self, did_url: str) -> bool:
        """True if it has a method of this name, for any relationship."""
        return did_url in self._methods

    def refers_to(self, did_url: str, relationship: str) -> bool:
        """True if it lists, for a relationship, a method of another document."""
        # A reference to a method of its own is no reference to another's key.
        return did_url in self._relationships[relationship] and not did_url.startswith(f"{self.id}#")

    def methods(self, relationship: str) -> Sequence[VerificationMethod]:
        """All methods that may be used for a relationship; unreadable ones are left out."""
        usable = self._usable.get(relationship)
        if usable is None:
            methods = []
            for did_url in self._relationships[relationship]:
                with suppress(InvalidVerificationMethod):
                    methods.append(self._method(did_url))
            usable = self._usable[relationship] = tuple(methods)
        return usable

    def _method(self, did_url: str) -> VerificationMethod:
        method = self._read.get(did_url)
        if method is None:
            entry = self._methods.get(did_url)
            # A method with the id of another DID is that one's to state, in its own document.
            if entry is None or not did_url.startswith(f"{self.id}#"):
                raise InvalidVerificationMethod.saying(
                    "the document of {did} has no method {method}", did=self.id, method=did_url
                )
            method = _verification_method(did_url, entry)
            # DID Core 1.0, 5.2: a method under somebody else's control proves nothing of this DID.
            if method.controller != self.id:
                raise InvalidVerificationMethod.saying(
                    "{method} is controlled by another than {did}", method=did_url, did=self.id
                )
            self._read[did_url] = method
        return method


def _id(entry: object, did: str, methods: dict[str, Mapping[str, Any]]) -> str:
    """The absolute id of a reference, or of an embedded method, which is added to `methods`."""
    name = entry.get("id") if isinstance(entry, dict) else entry
    if not isinstance(name, str):
        raise InvalidDIDDocument.saying(
            "{did} has a verification method or a reference to one without an id", did=did
        )
    absolute = did + name if name.startswith("#") else name
    # Documents are seen that hold one method twice, in a relationship and in verificationMethod.
    if isinstance(entry, dict) and methods.setdefault(absolute, entry) != entry:
        raise InvalidDIDDocument.saying("{did} has two different verification methods with one id", did=did)
    return absolute


def _verification_method(did_url: str, entry: Mapping[str, Any]) -> VerificationMethod:
    form, controller = entry.get("type"), entry.get("controller")
    if not isinstance(form, str) or not isinstance(controller, str):
        raise InvalidVerificationMethod.saying("{method} lacks a 'type' or a 'controller'", method=did_url)
    return VerificationMethod(
        did_url,
        form,
        controller,
        _public_key(did_url, form, entry),
        _moment(did_url, entry, "expires"),
        _moment(did_url, entry, "revoked"),
        _signs(did_url, entry),
    )


def _ed25519_multikey(text: str) -> PublicKey:
    key = PublicKey.from_multikey(text)
    if key.type != "Ed25519":
        raise InvalidKey.saying("the key is of type {key_type}", key_type=key.type)
    return key


# The forms that resolvers emit: the member with the key, the type of its value, how it is read.
_FORMS: Mapping[str, tuple[str, type, Callable[[Any], PublicKey]]] = MappingProxyType(
    {
        "Multikey": ("publicKeyMultibase", str, PublicKey.from_multikey),
        "JsonWebKey": ("publicKeyJwk", dict, PublicKey.from_jwk),
        "JsonWebKey2020": ("publicKeyJwk", dict, PublicKey.from_jwk),
        "Ed25519VerificationKey2020": ("publicKeyMultibase", str, _ed25519_multikey),
        "Ed25519VerificationKey2018": (
            "publicKeyBase58",
            str,
            lambda text: PublicKey("Ed25519", base58_decode(text)),
        ),
    }
)


def _public_key(did_url: str, form: str, entry: Mapping[str, Any]) -> PublicKey:
    if form not in _FORMS:
        raise VERIFICATION_METHOD_NOT_SUPPORTED.saying(
            "{method} is of no known type; known are {known}", method=did_url, known=", ".join(_FORMS)
        )
    member, value_type, read = _FORMS[form]
    if any(name.startswith(("secretKey", "privateKey")) for name in entry):
        raise InvalidVerificationMethod.saying(
            "{method} publishes its secret key: anybody could have signed", method=did_url
        )
    if [name for name in entry if name.startswith("publicKey")] != [member]:
        raise InvalidVerificationMethod.saying(
            "{method} must hold its key in '{member}', and there only", method=did_url, member=member
        )
    if not isinstance(entry[member], value_type):
        raise InvalidVerificationMethod.saying(
            "'{member}' of {method} has a value of a wrong type", member=member, method=did_url
        )
    try:
        return read(entry[member])
    except UnknownKeyType as problem:
        raise VERIFICATION_METHOD_NOT_SUPPORTED.saying(
            "{method} cannot be used: {why}", method=did_url, why=problem
        ) from problem
    except Malformed as problem:
        raise InvalidVerificationMethod.saying(
            "{method} cannot be used: {why}", method=did_url, why=problem
        ) from problem


def _moment(did_url: str, entry: Mapping[str, Any], member: str) -> datetime | None:
    if member not in entry:
        return None
    try:
        return parse_datetimestamp(entry[member], f"'{member}' of {did_url}")
    except Malformed as problem:
        raise InvalidVerificationMethod.saying("{why}", why=problem) from problem


def _signs(did_url: str, entry: Mapping[str, Any]) -> frozenset[str] | None:
    if SIGNS not in entry:
        return None
    uses = entry[SIGNS]
    if not isinstance(uses, list) or not all(isinstance(use, str) for use in uses):
        raise InvalidVerificationMethod.saying(
            "'{member}' of {method} is not an array of texts", member=SIGNS, method=did_url
        )
    return frozenset(uses)
