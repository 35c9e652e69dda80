"""A second form, for tests only: `line:`, the signed content and an Ed25519 signature, in base64url."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

from keys import InvalidSignature, PublicKey, Signer
from ledger import EntryKind, entry
from vc import Claims, Credential, InvalidProof, Proof
from vc.facts import IssuingFacts
from vc.possession import Asked
from vc.problem import UnsupportedForm
from vc.secured import Carried, Form, Options, Received, Secured, Signatures, Signed
from vc.vcdm.enveloped import Enveloped
from vc.vcdm.issuing import unsigned
from wire import Malformed, base64url_decode, base64url_encode, load_json_object
from wire.work import SIGNATURE, Work

MEDIA_TYPE = "application/x-line"


class Line(Secured):
    form = MEDIA_TYPE

    def __init__(self, data: bytes) -> None:
        self.data, self.said = data, _said(data)

    @cached_property
    def claims(self) -> Claims:
        return Credential.parse(self.said["claims"])

    def signatures(self, work: Work) -> Signatures:
        method, purpose = self.said["method"], self.said["purpose"]
        return Signatures([Proof({}, "line-ed25519", method, purpose, None, None, None, (), None, ())])

    def verify(self, signed: Signed, key: PublicKey, work: Work) -> None:
        work.spend(SIGNATURE)
        text, _, signature = self.data.rpartition(b":")
        try:
            key.verify(base64url_decode(signature.decode()), text)
        except InvalidSignature:
            raise InvalidProof("the line was changed, or another key signed it") from None

    def covers_meaning(self, signed: Signed) -> bool:
        return True

    def leaves(self, signed: Signed, kind: EntryKind, work: Work) -> tuple[bytes]:
        return (entry(kind, hashlib.sha256(self.data).digest()),)


class LineForm:
    media_type, limit = MEDIA_TYPE, 1 << 20

    def recognises(self, content: Carried) -> bool:
        return isinstance(content, bytes) and bool(re.fullmatch(rb"line:[\w-]+:[\w-]{86}", content))

    def identifier(self, content: Carried) -> object:
        return _said(content)["claims"].get("id")

    def read(
        self, content: Carried, forms: Mapping[str, Form], work: Work, asked: Asked | None = None
    ) -> Secured:
        if not isinstance(content, bytes) or not self.recognises(content):
            raise Malformed("this is no line")
        return Line(content)

    def algorithm(self, key: PublicKey) -> str:
        return "line-ed25519"

    def secure(
        self, facts: IssuingFacts, content: Mapping[str, Any], signer: Signer, options: Options
    ) -> Enveloped:
        return self.sign(unsigned(facts, content), signer, options)

    def present(self, credentials: Sequence[Received], signer: Signer, options: Options) -> Received:
        raise UnsupportedForm("a line holds a credential")

    def sign(self, claims: Mapping[str, Any], signer: Signer, options: Options) -> Enveloped:
        members = {"method": options.verification_method, "purpose": options.purpose, "claims": claims}
        text = b"line:" + base64url_encode(json.dumps(members).encode()).encode()
        return Enveloped(MEDIA_TYPE, text + b":" + base64url_encode(signer.sign(text)).encode())


def _said(content: Carried) -> dict[str, Any]:
    assert isinstance(content, bytes)
    return load_json_object(base64url_decode(content.split(b":")[1].decode(), limit=1 << 20))
