"""The written forms of public keys, Multikey and JWK: conversion between text and bytes only.

A Multikey is 'z', then base58btc of a two-byte multicodec prefix and the key (Controlled Identifiers 1.0,
2.2.2). The kind of key checks that the bytes are a point of the curve.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wire.problem import Malformed
from wire.strict import base58_encode, base64url_decode, base64url_encode, multibase_decode
from wire.text import counted

from .kinds import KINDS, KeyKind
from .problem import InvalidKey, UnknownKeyType

_LONGEST = 1900  # characters: kinds that are not in use here have longer keys, RSA and ML-DSA-44 (1,795)
_SHORT_COORDINATE = 128  # characters: so many are decoded, and the kind says what is wrong
_PRIVATE_MEMBERS = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"})


def multikey_encode(key_type: str, raw: bytes) -> str:
    """The Multikey of a raw public key."""
    return "z" + base58_encode(KINDS[key_type].prefix + raw)


def multikey_decode(text: str) -> tuple[str, bytes]:
    """Type and raw bytes of a Multikey; raises `InvalidKey`, `UnknownKeyType` among them."""
    # Controlled Identifiers 1.0, 2.2.2: base58btc only, so that each key has one spelling.
    if not text.startswith("z"):
        raise InvalidKey("a Multikey begins with 'z' (base58btc)")
    try:
        data = multibase_decode(text, limit=longest_multikey())
    except Malformed as problem:
        raise InvalidKey.saying(
            "the Multikey cannot be decoded: {why}", why=problem, hint=problem.hint
        ) from problem
    # Threat 23: the prefix alone decides the type, and the type decides the length and the suites.
    name = next((name for name, row in KINDS.items() if row.prefix == data[:2]), None)
    if name is None:
        # the codes of keys take two bytes, of which only the first says that one more follows
        kind = UnknownKeyType if len(data) > 2 and data[1] < 0x80 <= data[0] and data[1] else InvalidKey
        raise kind.saying("the Multikey is of no known type; known are {known}", known=", ".join(KINDS))
    return name, data[2:]


def longest_multikey() -> int:
    """The limit for the characters of a Multikey: decoding base58 is quadratic in them (threat 24)."""
    return max(_LONGEST, *(1 + row.digits for row in KINDS.values()))


def jwk_encode(key_type: str, x: bytes, y: bytes | None) -> dict[str, str]:
    """The public JWK with only its required members (RFC 7518 6.2.1, RFC 8037 2)."""
    jwk = {"kty": KINDS[key_type].kty, "crv": key_type, "x": base64url_encode(x)}
    return jwk if y is None else {**jwk, "y": base64url_encode(y)}


def jwk_decode(jwk: Mapping[str, Any]) -> tuple[str, bytes, bytes | None]:
    """Type, x and, for the EC types, y of a public JWK for signatures; raises `InvalidKey`.

    Members that are not needed here are ignored (RFC 7517 section 4), private ones are refused.
    """
    if not _PRIVATE_MEMBERS.isdisjoint(jwk):  # threat 18: whoever read it can sign
        raise InvalidKey("the public JWK has a private member", hint="Treat this key as disclosed.")
    crv = jwk.get("crv")
    row = KINDS.get(crv) if isinstance(crv, str) else None
    # RFC 7518 6.2.1, RFC 8037 2: `kty` and `crv` name the type together.
    if row is None or jwk.get("kty") != row.kty:
        raise UnknownKeyType.saying(
            "'kty' and 'crv' of the JWK name no known type; known are {known}", known=", ".join(KINDS)
        )
    # RFC 7517 4.2 to 4.4: `alg`, `use` and `key_ops` restrict a key to a purpose, and bind where they stand.
    if "alg" in jwk and jwk["alg"] not in row.algorithms:
        raise InvalidKey.saying("'alg' of the JWK does not belong to a {curve} key", curve=crv)
    if jwk.get("use", "sig") != "sig":
        raise InvalidKey("'use' of the JWK is not 'sig'")
    operations = jwk.get("key_ops", ["verify"])
    # RFC 7517 4.3: a key for encryption alone must not verify.
    if not isinstance(operations, list) or "verify" not in operations:
        raise InvalidKey("'key_ops' of the JWK does not contain 'verify'")
    assert isinstance(crv, str)
    return crv, _coordinate(jwk, "x", row), _coordinate(jwk, "y", row) if row.kty == "EC" else None


def _coordinate(jwk: Mapping[str, Any], member: str, row: KeyKind) -> bytes:
    text = jwk.get(member)
    if not isinstance(text, str):
        raise InvalidKey.saying("'{member}' of the JWK is not a string", member=member)
    try:
        # Threat 24: counted before it is decoded.
        value = base64url_decode(text, limit=max(_SHORT_COORDINATE, 2 * row.coordinate))
    except Malformed as problem:
        raise InvalidKey.saying(
            "'{member}' of the JWK cannot be decoded: {why}", member=member, why=problem
        ) from problem
    # RFC 7518 6.2.1.2, RFC 8037 2: the full length, leading zeros included; so each key has one form.
    if len(value) != row.coordinate:
        raise InvalidKey(
            f"'{member}' of the JWK has {counted(len(value), 'byte')}, not {row.coordinate}", member=member
        )
    return value
