"""did:key: the identifier is the public key itself, as a Multikey. It can never be rotated or revoked.

Resolution options choose how the document writes the key (did:key 0.9, 3.1.2 to 3.1.4).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

from keys import InvalidKey, InvalidKeyLength, PublicKey, UnknownKeyType, ed25519
from keys.kinds import KINDS
from keys.multi import longest_multikey
from wire.fetch import Fetcher
from wire.problem import Malformed
from wire.strict import base58_encode, base64url_encode, multibase_decode
from wire.text import shortened

from ..document import RELATIONSHIPS, Document
from ..identifier import DID
from ..problem import (
    DID_KEY_NOT_SUPPORTED,
    INVALID_DID_KEY,
    INVALID_DID_KEY_FORMAT,
    INVALID_DID_KEY_LENGTH,
    InvalidDID,
)

_X25519 = b"\xec\x01"  # multicodec


class _Format(NamedTuple):
    """A `publicKeyFormat`: the member with the key, the context of its type, the keys that it can hold."""

    member: str
    context: str
    agreement: str
    """The format of the X25519 key beside it."""
    types: Collection[str] = frozenset({"Ed25519"})
    """The types of key for signatures that it can hold."""
    is_experimental: bool = False


_ANY = KINDS.keys()
_SUITES = "https://w3id.org/security/suites/"
_FORMATS: Mapping[str, _Format] = MappingProxyType(
    {
        "Multikey": _Format("publicKeyMultibase", "https://w3id.org/security/multikey/v1", "Multikey", _ANY),
        "JsonWebKey2020": _Format("publicKeyJwk", f"{_SUITES}jws-2020/v1", "JsonWebKey2020", _ANY),
        "Ed25519VerificationKey2020": _Format(
            "publicKeyMultibase", f"{_SUITES}ed25519-2020/v1", "X25519KeyAgreementKey2020"
        ),
        "Ed25519VerificationKey2018": _Format(
            "publicKeyBase58",
            f"{_SUITES}ed25519-2018/v1",
            "X25519KeyAgreementKey2019",
            is_experimental=True,
        ),
        "X25519KeyAgreementKey2020": _Format(
            "publicKeyMultibase", f"{_SUITES}x25519-2020/v1", "X25519KeyAgreementKey2020", frozenset()
        ),
        "X25519KeyAgreementKey2019": _Format(
            "publicKeyBase58",
            f"{_SUITES}x25519-2019/v1",
            "X25519KeyAgreementKey2019",
            frozenset(),
            is_experimental=True,
        ),
    }
)


def create(public_key: PublicKey) -> str:
    """The DID of a key."""
    return f"did:key:{public_key.multikey()}"


def resolve(did: DID, fetcher: Fetcher) -> Document:  # noqa: ARG001
    """The document that the DID stands for: one Multikey, for every use.

    For an Ed25519 key, key agreement uses the X25519 key derived from it (did:key, 3.1.5). Raises
    `InvalidDID` unless the identifier is the one canonical Multikey of a key that may be used;
    `INVALID_DID_KEY`, `INVALID_DID_KEY_LENGTH` and `DID_KEY_NOT_SUPPORTED` among them.
    """
    return represent(did, {})


def represent(did: DID, options: Mapping[str, object]) -> Document:
    """The same document, with the key in the format of the resolution options.

    They are `publicKeyFormat`, by default Multikey, and `enableExperimentalPublicKeyTypes`, a boolean. Raises
    as `resolve`, and `DID_KEY_NOT_SUPPORTED` for an unknown format. Raises `INVALID_DID_KEY_FORMAT` for one
    that cannot hold the key, or is experimental while these are not enabled.
    """
    key, multikey = _public_key(did), did.method_specific_id
    asked = options.get("publicKeyFormat", "Multikey")
    form = _FORMATS.get(asked) if isinstance(asked, str) else None
    if form is None or not isinstance(asked, str):
        unknown = UnknownKeyType.saying(
            "the publicKeyFormat {format} is none of {known}",
            format=shortened(str(asked)),
            known=", ".join(_FORMATS),
        )
        raise DID_KEY_NOT_SUPPORTED.saying("{did} cannot be used: {why}", did=str(did), why=unknown)
    if form.is_experimental and options.get("enableExperimentalPublicKeyTypes") is not True:
        raise INVALID_DID_KEY_FORMAT.saying("the publicKeyFormat {format} is experimental", format=asked)
    if key.type not in form.types:
        raise INVALID_DID_KEY_FORMAT.saying(
            "the publicKeyFormat {format} is not for keys of type {key_type}",
            format=asked,
            key_type=key.type,
        )
    methods = {multikey: _method(asked, multikey, key.raw, key.jwk)}
    contexts = {form.context: None}
    relationships = dict.fromkeys(RELATIONSHIPS, multikey)
    if key.type == "Ed25519":
        raw = ed25519.to_x25519(key.raw)
        agreement = "z" + base58_encode(_X25519 + raw)
        methods[agreement] = _method(
            form.agreement,
            agreement,
            raw,
            lambda: {"kty": "OKP", "crv": "X25519", "x": base64url_encode(raw)},
        )
        relationships["keyAgreement"] = agreement
        contexts[_FORMATS[form.agreement].context] = None
    return key_document(did, [*contexts], methods, relationships)


def _method(form: str, multikey: str, raw: bytes, jwk: Callable[[], Mapping[str, str]]) -> dict[str, Any]:
    """The method in this format. A JWK is made only when needed, since it takes the point of the curve."""
    match _FORMATS[form].member:
        case "publicKeyJwk" as member:
            return {"type": form, member: jwk()}
        case "publicKeyBase58" as member:
            return {"type": form, member: base58_encode(raw)}
        case member:
            return {"type": form, member: multikey}


def key_document(
    did: DID,
    contexts: Sequence[str],
    methods: Mapping[str, Mapping[str, Any]],
    relationships: Mapping[str, str],
) -> Document:
    """The document of a DID that is a key: `methods` by fragment, and the fragment of each relationship."""
    identifier = str(did)
    named = {
        (url := f"{identifier}#{fragment}"): {"id": url, "controller": identifier, **method}
        for fragment, method in methods.items()
    }
    uses = {name: f"{identifier}#{fragment}" for name, fragment in relationships.items()}
    value = {
        "@context": ["https://www.w3.org/ns/did/v1", *contexts],
        "id": identifier,
        "verificationMethod": [*named.values()],
        **{name: [url] for name, url in uses.items()},
    }
    # Not parsed: nothing in it is anybody's word.
    return Document(
        identifier, (), value, named, {name: (uses[name],) if name in uses else () for name in RELATIONSHIPS}
    )


def _public_key(did: DID) -> PublicKey:
    text = did.method_specific_id
    if not text.startswith("z"):
        raise InvalidDID.saying("{did} does not begin with 'z' (base58btc) after the method", did=str(did))
    try:
        return PublicKey.from_multikey(text)
    except UnknownKeyType as problem:
        raise DID_KEY_NOT_SUPPORTED.saying(
            "{did} cannot be used: {why}", did=str(did), why=problem
        ) from problem
    except InvalidKeyLength as problem:
        raise INVALID_DID_KEY_LENGTH.saying(
            "{did} cannot be used: {why}", did=str(did), why=problem
        ) from problem
    except InvalidKey as problem:
        try:
            multibase_decode(text, limit=longest_multikey())
        except Malformed as undecodable:
            raise InvalidDID.saying(
                "{did} cannot be decoded: {why}", did=str(did), why=undecodable
            ) from undecodable
        raise INVALID_DID_KEY.saying("{did} cannot be used: {why}", did=str(did), why=problem) from problem
