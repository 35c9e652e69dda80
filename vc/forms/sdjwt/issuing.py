"""Making an SD-JWT VC: the facts that decide in the clear, the claims of the kind each in a disclosure.

Everything in it follows from the facts, salts included, so that a row done again gives the same bytes.
"""

from __future__ import annotations

import hashlib
from datetime import datetime
from functools import lru_cache
from typing import Any

from keys import Signer
from keys.jws import encoded, sign_compact
from wire import Malformed, base64url_encode
from wire.problem import Code, Refused
from wire.strict import base64url_bytes

from ...anchoring import anchoring_terms
from ...claims import JSON_SCHEMA, KIND
from ...facts import ClaimsByKind, IssuingFacts, put_claim
from ...jose import key_of
from ...secured import Options
from ...status import status_statement
from ...status.token import token_entry
from .claims import DATES, FIXED
from .credential import TYPE, algorithm_for
from .disclosures import RESERVED, written_path

CLAIM_NAME_TAKEN = Code("claim-name-taken", Refused, "A field has the name of a claim that decides")
"""A kind has a field whose name stands for something else in an SD-JWT VC, such as `status`."""
KIND_NOT_GIVEN = Code("kind-not-given", Refused, "The claims are not known")
"""The claims of an SD-JWT VC are the fields of a kind, and none was given."""

TAKEN = FIXED.union(DATES, RESERVED, ("jti", "sub", "id", "@context"))
"""Names that no claim of a field has at the top level: a verifier reads other things by them."""


def issued(facts: IssuingFacts, signer: Signer, options: Options) -> bytes:
    """The credential with all its disclosures, none of what decides among them (SD-JWT VC, 2.2.2.3).

    Raises `ALGORITHM_NOT_FOR_KEY`, `KIND_NOT_GIVEN`, `CLAIM_NAME_TAKEN`, and `Malformed` for what would be
    lost, such as parts of a second.
    """
    algorithm_for(signer.public_key)
    if facts.by_kind is None:
        raise KIND_NOT_GIVEN("an SD-JWT VC says what its kind's fields say, and no kind was given")
    by_kind = facts.by_kind()
    # A verifier would read such a field as what its name means in a JWT, or refuse it as hidden.
    if taken := [name for name, path in by_kind.paths.items() if path[0] in TAKEN]:
        raise CLAIM_NAME_TAKEN.saying(
            "the kind has a field {field}, which has a meaning of its own in an SD-JWT VC", field=min(taken)
        )
    framed, disclosures = _framed(facts.id, by_kind, options.created)
    method = options.verification_method
    # SD-JWT VC, 3: with an address, `kid` names a key of the set in the issuer's metadata.
    header = {"typ": TYPE, "kid": method.partition("#")[2] if facts.address else method}
    jwt = sign_compact(header, {**_deciding(facts, by_kind), **framed}, signer)
    return b"~".join((jwt, *disclosures, b""))


def _deciding(facts: IssuingFacts, by_kind: ClaimsByKind) -> dict[str, Any]:
    """The claims that are never hidden."""
    terms, place, schema = [anchoring_terms(facts.log)], facts.status, facts.schema
    if facts.kind is not None:
        terms.append({"type": KIND, "id": facts.kind})
    claims: dict[str, Any] = {
        "iss": facts.address or facts.issuer["id"],
        "jti": facts.id,
        "vct": by_kind.type,
    }
    if by_kind.integrity:
        claims["vct#integrity"] = by_kind.integrity
    if place.is_stated:
        terms.append(status_statement(place.list_url, place.position))
    else:
        claims["status"] = token_entry(place.list_url, place.position)
    if schema is not None:
        claims["credentialSchema"] = [{"id": schema.id, "type": JSON_SCHEMA, "digestSRI": schema.digest}]
    for name, when in (("nbf", facts.valid_from), ("exp", facts.valid_until)):
        if when is not None:
            claims[name] = _seconds(when)
    if facts.holder is not None:
        claims["cnf"] = _confirmation(facts.holder)
    return {**claims, **{term["type"]: term["id"] for term in terms}}


def _confirmation(holder: str) -> dict[str, Any]:
    """The key that may show it, as a JWK where the DID is a key: most verifiers know no DID (RFC 7800)."""
    key = key_of(holder)
    if key is None:
        return {"kid": holder}
    return {"jwk": key.jwk()} if holder.startswith("did:key:") else {"jwk": key.jwk(), "kid": holder}


def _framed(
    identifier: str, by_kind: ClaimsByKind, created: datetime | None
) -> tuple[dict[str, Any], list[bytes]]:
    """The claims of one credential, hidden as far as its kind lets them be, and the disclosures.

    A claim within an object is hidden in it, and the object is in sight (RFC 9901, 6.2). The digests of each
    object are sorted (4.2.4.1).
    """
    disclosures: list[bytes] = []
    salt, scope = by_kind.salt, f"{identifier}\0"

    def hidden(place: str, content: tuple[Any, ...]) -> str:
        # 128 bits that nobody but the issuer can work out, for a value that could be guessed (9.3)
        text = encoded((base64url_encode(salt(scope + place)[:16]), *content))
        disclosures.append(text)
        return _digest(text)

    claims, paths = by_kind.claims, by_kind.paths
    if created is not None:
        claims, paths = {**claims, "iat": int(created.timestamp())}, {**paths, "iat": ("iat",)}
    framed: dict[str, Any] = {}
    digests: dict[tuple[str, ...], list[str]] = {}  # by the object in whose `_sd` they stand
    # In the order of the kind: in that of a record, its objects would tell which of the claims there are.
    for name, path in paths.items():
        place = _place(path)
        if name in claims and name in by_kind.shown:
            put_claim(framed, path, claims[name])
            continue
        of_object = digests.setdefault(path[:-1], [])
        if name not in claims:
            # A decoy for each claim that is not there: else their number would tell which of them are.
            of_object.append(_digest(base64url_bytes(salt(scope + place)[:16])))
            continue
        value = claims[name]
        if isinstance(value, list):  # the items of a group are hidden each by itself
            value = [{"...": hidden(f"{place}/{number}", (item,))} for number, item in enumerate(value)]
        of_object.append(hidden(place, (path[-1], value)))
    for path, of_object in digests.items():
        put_claim(framed, (*path, "_sd"), sorted(of_object))
    if digests:
        framed["_sd_alg"] = "sha-256"
    return framed, disclosures


@lru_cache(maxsize=1024)
def _place(path: tuple[str, ...]) -> str:
    return written_path(path)


def _digest(text: bytes) -> str:
    return base64url_encode(hashlib.sha256(text).digest())


def _seconds(when: datetime) -> int:
    """A date that decides, of which nothing is cut off."""
    # RFC 7519, 2: a NumericDate may have a fraction, which many readers cut off.
    if when.microsecond:
        raise Malformed("a date of an SD-JWT VC has no parts of a second")
    return int(when.timestamp())
