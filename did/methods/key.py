"""did:key: the identifier is the public key itself, as a Multikey. It can never be rotated or revoked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from keys import InvalidKey, InvalidKeyLength, PublicKey, UnknownKeyType, ed25519
from wire.fetch import Fetcher
from wire.problem import Malformed
from wire.strict import base58_encode, multibase_decode

from ..document import RELATIONSHIPS, Document
from ..identifier import DID
from ..problem import InvalidDID, InvalidPublicKey, InvalidPublicKeyLength, KeyNotSupported

_FOR_SIGNATURES = tuple(name for name in RELATIONSHIPS if name != "keyAgreement")
_X25519 = b"\xec\x01"  # multicodec


def create(public_key: PublicKey) -> str:
    """The DID of a key."""
    return f"did:key:{public_key.multikey()}"


def resolve(did: DID, fetcher: Fetcher) -> Document:  # noqa: ARG001
    """The document that the DID stands for: one Multikey, for every use but key agreement.

    For that, whoever has an Ed25519 key has the X25519 key which follows from it (did:key, 3.1.5). Raises
    `InvalidDID` unless the identifier is the one canonical Multikey of a key that may be used;
    `InvalidPublicKey`, `InvalidPublicKeyLength` and `KeyNotSupported` among them.
    """
    multikey = did.method_specific_id
    key = _public_key(did)
    methods, relationships = [multikey], dict.fromkeys(_FOR_SIGNATURES, multikey)
    if key.type == "Ed25519":
        relationships["keyAgreement"] = "z" + base58_encode(_X25519 + ed25519.to_x25519(key.raw))
        methods.append(relationships["keyAgreement"])
    return key_document(
        did,
        "https://w3id.org/security/multikey/v1",
        {name: {"type": "Multikey", "publicKeyMultibase": name} for name in methods},
        relationships,
    )


def key_document(
    did: DID, context: str, methods: Mapping[str, Mapping[str, Any]], relationships: Mapping[str, str]
) -> Document:
    """The document of a DID that is a key: its methods by fragment, and which of them is for what."""
    identifier = str(did)
    return Document.parse(
        {
            "@context": ["https://www.w3.org/ns/did/v1", context],
            "id": identifier,
            "verificationMethod": [
                {"id": f"{did}#{name}", "controller": identifier, **method}
                for name, method in methods.items()
            ],
            **{name: [f"{did}#{fragment}"] for name, fragment in relationships.items()},
        },
        identifier,
    )


def _public_key(did: DID) -> PublicKey:
    text = did.method_specific_id
    if not text.startswith("z"):
        raise InvalidDID.saying("{did} does not begin with 'z' (base58btc) after the method", did=str(did))
    try:
        multibase_decode(text)
        return PublicKey.from_multikey(text)
    except UnknownKeyType as problem:
        raise KeyNotSupported.saying("{did} cannot be used: {why}", did=str(did), why=problem) from problem
    except InvalidKeyLength as problem:
        raise InvalidPublicKeyLength.saying(
            "{did} cannot be used: {why}", did=str(did), why=problem
        ) from problem
    except InvalidKey as problem:
        raise InvalidPublicKey.saying("{did} cannot be used: {why}", did=str(did), why=problem) from problem
    except Malformed as problem:
        raise InvalidDID.saying("{did} cannot be decoded: {why}", did=str(did), why=problem) from problem
