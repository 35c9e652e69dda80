"""A strict compact JWS (RFC 7515) over the kinds of key; no JOSE library signs or verifies.

The libraries accept padded base64url, repeated header members, over-long signatures and the sender's keys.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple, Self

import orjson

from wire.problem import Malformed, TooLarge
from wire.strict import base64_decode, base64url_bytes, base64url_decode, load_json_object
from wire.text import shortened
from wire.work import SIGNATURE, Work

from .kinds import KINDS, KeyKind
from .problem import INVALID_JWS, JWS_NOT_SUPPORTED, InvalidSignature
from .public import PublicKey
from .signer import Signer

LARGEST_HEADER = 1 << 16
"""Most characters of the header, which can hold a chain of certificates."""

MOST_CERTIFICATES = 5
"""Most certificates in `x5c`: the leaf and those above it, with the anchor, which should not be there."""
LARGEST_CERTIFICATE = 1 << 13
"""Most characters of one certificate in `x5c`."""

# Keys of the sender's choice (threat 12), payloads that are not the bytes signed (RFC 7797, threat 6), and
# compression, which no JWS has (threat 15).
_REFUSED = ("jku", "x5u", "jwk", "b64", "zip")
_NOT_CRITICAL = frozenset({"alg", "jku", "jwk", "kid", "x5u", "x5c", "x5t", "x5t#S256", "typ", "cty", "crit"})


class JWS(NamedTuple):
    """A JWS whose header was checked; `verify` checks its signature."""

    header: Mapping[str, Any]
    payload: bytes
    signed: bytes
    """The bytes that are signed: header and payload as they were received."""
    signature: bytes

    @classmethod
    def parse(
        cls, data: bytes, *, limit: int, work: Work | None = None, unused: tuple[str, ...] = ()
    ) -> Self:
        """Read a compact JWS whose payload has at most `limit` characters.

        A header parameter in `unused` is ignored instead of refused. Older formats require a `jwk`, which
        means nothing to a caller that has the key from another source.

        Raises `INVALID_JWS` and `TooLarge`. Raises `JWS_NOT_SUPPORTED`, which leaves the verdict open, for
        unknown algorithms and critical extensions.
        """
        parts = data.split(b".")
        if len(parts) != 3 or not data.isascii():  # RFC 7515, 3.1
            raise INVALID_JWS("a compact JWS has three parts, in base64url")
        header_text, payload_text, signature_text = parts
        try:  # threats 4 and 7 to 9b: one header member of a name, one spelling of the same bytes
            header = load_json_object(base64url_decode(header_text, limit=LARGEST_HEADER), work=work)
            payload = base64url_decode(payload_text, limit=limit)
            signature = base64url_decode(signature_text, limit=LARGEST_HEADER)
        except TooLarge:
            raise
        except Malformed as problem:
            raise INVALID_JWS.saying("the JWS cannot be decoded: {why}", why=problem) from None
        _require_critical_known(header)
        # Threats 6 and 12: by such a member the sender would choose the key, or what was signed.
        if refused := [name for name in _REFUSED if name in header and name not in unused]:
            raise INVALID_JWS.saying("the JWS header has {name}, which is refused", name=refused[0])
        row = _kind(header.get("alg"))
        if len(signature) != row.signature:  # threat 9: others split one of any even length in halves
            raise INVALID_JWS.saying(
                "a signature by {algorithm} has {size} bytes, this one {length}",
                algorithm=header["alg"],
                size=row.signature,
                length=len(signature),
            )
        return cls(header, payload, data[: -len(signature_text) - 1], signature)

    @property
    def certificates(self) -> tuple[bytes, ...]:
        """The certificates of `x5c` in DER, the signer's first (RFC 7515, 4.1.6); empty without `x5c`.

        They are not verified yet. Raises `INVALID_JWS`, and `TooLarge` above `MOST_CERTIFICATES`.
        """
        if "x5c" not in self.header:
            return ()
        texts = self.header["x5c"]
        # RFC 7515, 4.1.6: an array of base64 texts, the signer's certificate first.
        if not isinstance(texts, list) or not texts or not all(isinstance(text, str) for text in texts):
            raise INVALID_JWS("x5c of the JWS header is no list of certificates")
        if len(texts) > MOST_CERTIFICATES:  # threat 12b: a chain that is too long
            raise TooLarge.saying(
                "x5c of the JWS header has more than {most} certificates", most=MOST_CERTIFICATES
            )
        try:  # base64 and not base64url (threat 7)
            return tuple(base64_decode(text, limit=LARGEST_CERTIFICATE) for text in texts)
        except TooLarge:
            raise
        except Malformed as problem:
            raise INVALID_JWS.saying("a certificate of x5c cannot be decoded: {why}", why=problem) from None

    def verify(self, key: PublicKey, work: Work) -> None:
        """Raise `InvalidSignature` unless `key` made the signature by the algorithm that the header names."""
        work.spend(SIGNATURE)
        # RFC 8725, 3.1: the key says which algorithm counts, never the header alone (threat 3).
        if self.header["alg"] not in key.kind.algorithms:
            raise InvalidSignature("the algorithm of the JWS is for another type of key")
        key.verify(self.signature, self.signed)


def sign_compact(header: Mapping[str, Any], payload: Mapping[str, Any], signer: Signer) -> bytes:
    """Sign a JSON payload; `alg` is added to the header by the type of the key."""
    algorithm = signer.public_key.kind.algorithms[0]
    text = b".".join(map(encoded, ({"alg": algorithm, **header}, payload)))
    return text + b"." + base64url_bytes(signer.sign(text))


def encoded(value: object) -> bytes:
    """A JSON value in base64url. Raises `Malformed` for NaN and lone surrogates, which no reader takes."""
    try:
        text = orjson.dumps(value)  # a quarter of the time, but for NaN it writes null
    except orjson.JSONEncodeError:  # such as for an integer of more than 64 bits
        text = b"null"
    if b"null" in text:
        text = _strictly(value)
    return base64url_bytes(text)


def _strictly(value: object) -> bytes:
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
    except ValueError:
        raise Malformed("a value is no JSON: NaN, or half of a surrogate pair") from None


def _require_critical_known(header: Mapping[str, Any]) -> None:
    """Refuse critical extensions (RFC 7515, 4.1.11): none is known here, so each leaves the verdict open."""
    if "crit" not in header:
        return
    names = header["crit"]
    # Threat 5: `crit` is not empty, and names extensions that are there, each once.
    if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
        raise INVALID_JWS("crit of the JWS header is no list of names")
    if (
        # RFC 7515, 4.1.11: each is in the header, named once, and no parameter of the RFC itself.
        not header.keys() >= set(names)
        or len(set(names)) != len(names)
        or not _NOT_CRITICAL.isdisjoint(names)
    ):
        raise INVALID_JWS("crit of the JWS header names what is absent, there twice or no extension")
    if "b64" not in names:  # which is refused by its name
        raise JWS_NOT_SUPPORTED.saying(
            "the JWS has the critical extension {name}, which is not known here", name=shortened(names[0])
        )


def _kind(algorithm: object) -> KeyKind:
    """The kind of key for an `alg`: RFC 8037's `EdDSA` is written, RFC 9864's `Ed25519` is also read."""
    # RFC 7515, 4.1.1: every JWS has to have it.
    if not isinstance(algorithm, str):
        raise INVALID_JWS("the JWS header has no alg")
    for row in KINDS.values():
        if algorithm in row.algorithms:
            return row
    # Threats 1 and 2: whoever has the public key, or none, could make these.
    if algorithm.casefold() == "none" or algorithm.upper().startswith("HS"):
        raise INVALID_JWS.saying("the algorithm {algorithm} signs nothing", algorithm=shortened(algorithm))
    raise JWS_NOT_SUPPORTED.saying(
        "the JWS is signed by {algorithm}, which is not known here", algorithm=shortened(algorithm)
    )
