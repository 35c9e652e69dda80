"""The command line that the suite of VC-JOSE-COSE runs: python -m intaglio.api.conformance.jose issue …

The suite gives the keys and says which one is meant, so that no DID is looked up and nobody is recognised.
It checks the form, the data model and the signature, and no dates. Of the suite's features those
in JWTs are here; `FEATURES` says so of each.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from keys import PrivateKey, PublicKey
from keys.jws import sign_compact
from vc import FORMS, Credential, InvalidProof, MalformedCredential, Presentation
from vc.forms import VC_JWT, VP_JWT
from vc.jose import JWTSignature
from vc.problem import UnsupportedForm
from vc.secured import MAX_BYTES
from vc.vcdm.enveloped import TYPE
from wire.compact import jwt_header
from wire.problem import Problem
from wire.strict import base64url_decode, load_json_object
from wire.work import BODY_STEPS, Work

from .model import require_sound

FEATURES = {
    "credential_jose": VC_JWT,
    "credential_sdjwt": None,
    "credential_cose": None,
    "presentation_jose": VP_JWT,
    "presentation_sdjwt": None,
    "presentation_cose": None,
}
"""The suite's features, each with the media type of the form that has it here."""


class GivenKey(NamedTuple):
    """A key that the suite gives: a verification method with its secret (Controlled Identifiers 1.0, 2.2)."""

    id: str
    public: PublicKey
    secret: PrivateKey | None

    @classmethod
    def read(cls, data: bytes) -> GivenKey:
        """The method as the suite writes it, a `JsonWebKey` (2.2.3).

        Raises `Malformed`, `InvalidKey`, and the open `UnknownKeyType` for a curve that is not read.
        """
        members = load_json_object(data)
        public, secret = members.get("publicKeyJwk"), members.get("secretKeyJwk")
        if not isinstance(public, dict) or not isinstance(members.get("id"), str):
            raise MalformedCredential("the key file is no verification method with a publicKeyJwk")
        key = PublicKey.from_jwk(public)
        if not isinstance(secret, dict):
            return cls(members["id"], key, None)
        signer = PrivateKey.from_secret(key.type, base64url_decode(str(secret.get("d"))))
        if signer.public_key != key:
            raise MalformedCredential("secretKeyJwk and publicKeyJwk of the key file are two keys")
        return cls(members["id"], key, signer)


def issue(form: str, posted: bytes, method: GivenKey) -> str:
    """The document in a JWT of this form, once its data model is in order.

    Raises as `require_sound` and `verify`, and `MalformedCredential` without a secret key.
    """
    document = load_json_object(posted, limit=MAX_BYTES)
    if form == VC_JWT:
        require_sound(document)
    if method.secret is None:
        raise MalformedCredential("the key file has no secretKeyJwk")
    # 3.1.3: `kid` is the URL of the key in the document of its controller, since `iss` is left out.
    header = {"typ": form.removeprefix("application/"), "kid": method.id}
    token = sign_compact(header, document, method.secret).decode()
    # A member such as `exp`, `vc` or `proof` would be read as something else than it was posted as.
    if verify(form, token.encode(), method) != document:
        raise MalformedCredential("a member of the document has the name of a claim of JWTs")
    return token


def verify(form: str, posted: bytes, method: GivenKey) -> dict[str, Any]:
    """The document in a JWT of this form, whose signature the key made.

    Raises `InvalidProof`, `MalformedCredential` for another form or what is no such document, and as
    `Credential.parse` and `Presentation.parse`.
    """
    work = Work(BODY_STEPS)
    token = posted.strip()
    # RFC 8725, 3.1: the key says which algorithm counts; one that is not known here is none of this key's.
    if jwt_header(token).get("alg") not in method.public.kind.algorithms:
        raise InvalidProof("the algorithm of the JWT is for another type of key")
    secured = FORMS[form].read(token, FORMS, work)
    document = secured.claims if form == VC_JWT else secured.presentation
    assert isinstance(document, Credential | Presentation)
    if document.unread:
        raise document.unread
    if isinstance(document, Presentation):
        for item in document.items:
            _require_enveloped(item)
    secured.verify(JWTSignature(method.id, "", None), method.public, work)
    return dict(document.document)


def _require_enveloped(item: object) -> None:
    """Raises `MalformedCredential` for a credential that is not secured (VC-JOSE-COSE, 3.1.2).

    Its envelope stays closed: nobody gave the key of its issuer.
    """
    if not isinstance(item, dict) or item.get("type") not in (TYPE, [TYPE]):
        raise MalformedCredential("verifiableCredential holds something that is not enveloped")
    if not str(item.get("id")).startswith("data:application/vc+"):  # VCDM 2.0, 4.13.1
        raise MalformedCredential("the id of an enveloped credential is no data: URL of one")


def _result(
    do: Callable[[str, bytes, GivenKey], Any], feature: str, posted: Path, key: Path
) -> dict[str, str]:
    """The result that the suite reads: success, failure or indeterminate, with the reason in words."""
    try:
        form = FEATURES[feature]
        if form is None:
            raise UnsupportedForm("credentials are not secured so here")
        outcome = do(form, posted.read_bytes(), GivenKey.read(key.read_bytes()))
    except OSError as error:
        return {"result": "error", "data": str(error)}
    except Problem as problem:
        return {"result": "indeterminate" if problem.undetermined else "failure", "data": problem.detail}
    return {"result": "success", "data": outcome if isinstance(outcome, str) else json.dumps(outcome)}


def main(words: Sequence[str]) -> None:
    """Does one call of the suite, and writes its result into the file of `--output`."""
    parser = argparse.ArgumentParser("intaglio.api.conformance.jose", description=__doc__)
    parser.add_argument("do", choices=["issue", "verify"])
    parser.add_argument("--input", type=Path, required=True)
    parser.add_argument("--key", type=Path, required=True)
    parser.add_argument("--feature", choices=FEATURES, required=True)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--sd", help="Paths that can be left out, for SD-JWT.")
    typed = parser.parse_args(words)
    do = issue if typed.do == "issue" else verify
    result = _result(do, typed.feature, typed.input, typed.key)
    typed.output.write_text(json.dumps(result))


if __name__ == "__main__":
    main(sys.argv[1:])
