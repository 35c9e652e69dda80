"""did:jwk: the identifier is a public JSON Web Key in base64url. It can never be rotated or revoked."""

from __future__ import annotations

import json

from keys import InvalidKey, PublicKey, UnknownKeyType
from wire.fetch import Fetcher
from wire.problem import Malformed
from wire.strict import base64url_decode, base64url_encode, load_json_object

from ..document import RELATIONSHIPS, Document
from ..identifier import DID
from ..problem import DID_KEY_NOT_SUPPORTED, InvalidDID
from .key import key_document


def create(public_key: PublicKey) -> str:
    """A DID of a key: that of its JWK with the required members only, sorted, without white space."""
    jwk = json.dumps(public_key.jwk(), sort_keys=True, separators=(",", ":"))
    return f"did:jwk:{base64url_encode(jwk.encode())}"


def resolve(did: DID, fetcher: Fetcher) -> Document:  # noqa: ARG001
    """The document that the DID stands for: one method, `#0`, for the uses that `use` of the JWK allows.

    Raises `InvalidDID` for an identifier that is no JWK, for a private member, and for a key that is not for
    signatures, since nothing here encrypts.
    """
    try:
        jwk = load_json_object(base64url_decode(did.method_specific_id))
    except Malformed as problem:
        raise InvalidDID.saying(
            "{did} holds no JSON Web Key: {why}", did=str(did), why=problem, hint=problem.hint
        ) from problem
    try:
        # A DID whose key nobody can read must not resolve: its document would have no method.
        PublicKey.from_jwk(jwk)
    except UnknownKeyType as problem:
        raise DID_KEY_NOT_SUPPORTED.saying(
            "{did} cannot be used: {why}", did=str(did), why=problem, hint=problem.hint
        ) from problem
    except InvalidKey as problem:
        raise InvalidDID.saying(
            "{did} cannot be used: {why}", did=str(did), why=problem, hint=problem.hint
        ) from problem
    relationships = [name for name in RELATIONSHIPS if name != "keyAgreement" or "use" not in jwk]
    return key_document(
        did,
        ["https://w3id.org/security/suites/jws-2020/v1"],
        {"0": {"type": "JsonWebKey2020", "publicKeyJwk": jwk}},
        dict.fromkeys(relationships, "0"),
    )
