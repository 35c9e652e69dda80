"""A form for tests that no package knows: `application/vc-ld+jwt`, as drafts called VC-JOSE-COSE's JWT."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, NamedTuple

from keys import InvalidSignature, PublicKey, Signer
from ledger import EntryKind, entry
from vc import Claims, Credential, InvalidProof
from vc.facts import IssuingFacts
from vc.possession import Asked
from vc.problem import UnsupportedForm
from vc.secured import Carried, Form, Options, Received, Secured, Signatures, Signed
from vc.vcdm.enveloped import Enveloped
from vc.vcdm.issuing import unsigned
from wire import Malformed, base64url_decode, base64url_encode, load_json_object
from wire.work import SIGNATURE, Work

MEDIA_TYPE = "application/vc-ld+jwt"
ALGORITHMS = {"Ed25519": "EdDSA", "P-256": "ES256"}
_JWT = re.compile(rb"eyJ[\w-]+\.[\w-]+\.[\w-]{86}")


class SignedJWT(NamedTuple):
    """The signature of a JWT, as `vc.secured.Signed` has it."""

    verification_method: str
    algorithm: str
    created: datetime | None
    purpose: str = "assertionMethod"
    expires: datetime | None = None
    domain: tuple[str, ...] = ()
    challenge: str | None = None


class JWT(Secured):
    """One JWT."""

    form = MEDIA_TYPE

    def __init__(self, data: bytes, work: Work) -> None:
        self.data, self._work = data, work
        self._header, self.payload = (_part(data, place) for place in (0, 1))

    @cached_property
    def claims(self) -> Claims:
        return Credential.parse(self.payload, self._work)

    def signatures(self, work: Work) -> Signatures:
        header = self._header
        if (
            header.get("typ") != "vc-ld+jwt"
            or header.get("alg") not in ALGORITHMS.values()
            or "crit" in header
        ):
            raise InvalidProof("the header is not that of a credential")
        seconds = header.get("iat")
        created = datetime.fromtimestamp(seconds, UTC) if isinstance(seconds, int) else None
        return Signatures([SignedJWT(str(header.get("kid")), header["alg"], created)])

    def verify(self, signed: Signed, key: PublicKey, work: Work) -> None:
        work.spend(SIGNATURE)
        text, _, signature = self.data.rpartition(b".")
        try:
            if ALGORITHMS.get(key.type) != signed.algorithm:
                raise InvalidSignature("the key is of another type")
            key.verify(base64url_decode(signature.decode()), text)
        except InvalidSignature:
            raise InvalidProof("the JWT was changed, or another key signed it") from None

    def covers_meaning(self, signed: Signed) -> bool:
        return True

    def leaves(self, signed: Signed, kind: EntryKind, work: Work) -> Sequence[bytes]:
        return (entry(kind, hashlib.sha256(self.data).digest()),)


class JWTForm:
    """See `vc.secured.Form`."""

    media_type, limit = MEDIA_TYPE, 1 << 20

    def recognises(self, content: Carried) -> bool:
        return isinstance(content, bytes) and _JWT.fullmatch(content) is not None

    def identifier(self, content: Carried) -> object:
        assert isinstance(content, bytes)
        return _part(content, 1).get("id")

    def read(
        self, content: Carried, forms: Mapping[str, Form], work: Work, asked: Asked | None = None
    ) -> Secured:
        if not isinstance(content, bytes) or not self.recognises(content):
            raise Malformed("this is no JWT")
        return JWT(content, work)

    def algorithm(self, key: PublicKey) -> str:
        return ALGORITHMS[key.type]

    def secure(
        self, facts: IssuingFacts, content: Mapping[str, Any], signer: Signer, options: Options
    ) -> Received:
        return compact("vc-ld+jwt", unsigned(facts, content), signer, options, MEDIA_TYPE)

    def present(self, credentials: Sequence[Received], signer: Signer, options: Options) -> Received:
        raise UnsupportedForm("credentials in this form are presented as JSON")


def compact(kind: str, payload: Mapping[str, Any], signer: Signer, options: Options, form: str) -> Enveloped:
    """The JWS in compact form."""
    header = {
        "alg": ALGORITHMS[signer.public_key.type],
        "typ": kind,
        "kid": options.verification_method,
        **({"iat": int(options.created.timestamp())} if options.created else {}),
    }
    text = b".".join(base64url_encode(json.dumps(part).encode()).encode() for part in (header, payload))
    return Enveloped(form, text + b"." + base64url_encode(signer.sign(text)).encode())


def _part(data: bytes, place: int) -> dict[str, Any]:
    return load_json_object(base64url_decode(data.split(b".")[place].decode(), limit=1 << 20))
