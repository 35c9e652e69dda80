"""The JWT of a credential or presentation: its header, the claims of its envelope, its one signature."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from keys import InvalidSignature, PublicKey
from keys.jws import JWS
from wire import Problem, load_json_object
from wire.text import shortened
from wire.work import Work

from ...claims import json_of
from ...jose import (
    CERTIFICATE_NOT_READ,
    ISSUER_KEY_NOT_NAMED,
    JWTSignature,
    key_name,
    method_of,
    require_type,
)
from ...problem import InvalidProof, MalformedCredential, UnsupportedForm
from ...secured import MAX_BYTES, Secured, Signatures, Signed, Unknown
from ...vcdm.credential import may_hide_members

if TYPE_CHECKING:
    from ...vcdm.jsonld import Contexts

ENVELOPE = frozenset({"iss", "sub", "aud", "exp", "nbf", "iat", "jti", "cnf", "nonce"})
"""Claims of the JWT, which are no members of the document in it (VC-JOSE-COSE, 3.1.3)."""
REFUSED = ("vc", "vp")
"""Claims in which JWTs of VCDM 1.1 held the document (VC-JOSE-COSE, 3.1.3)."""


class Payload(NamedTuple):
    """The signed bytes, in two parts."""

    document: Mapping[str, Any]
    """The credential or presentation of W3C's data model."""
    envelope: Mapping[str, Any]
    """The claims of the JWT."""


class JWT(Secured):
    """One JWT, read when its claims are asked for: its log entry takes the bytes alone."""

    unused: tuple[str, ...] = ()
    """See `JWS.parse`."""

    def __init__(self, data: bytes, contexts: Contexts | None, work: Work) -> None:
        self.data, self.contexts, self.work = data, contexts, work

    @cached_property
    def jws(self) -> JWS:
        """Its header, checked. Raises as `JWS.parse`, and `MalformedCredential` for one of another type."""
        parsed = JWS.parse(self.data, limit=MAX_BYTES, work=self.work, unused=self.unused)
        self.require_own_type(parsed)
        return parsed

    @cached_property
    def payload(self) -> Payload:
        """Its parts. A claim in the header counts as one in the payload (RFC 7519, 5.3).

        Raises `MalformedCredential` for one that differs there, the open `UnsupportedForm` for a document
        that has a proof as well, and as `json_of` and `split`.
        """
        members = load_json_object(self.jws.payload, limit=MAX_BYTES, work=self.work)
        json_of(members)  # an integer that no report could hold would stop a service
        document, envelope = self.split(members)
        for name in ENVELOPE.intersection(self.jws.header):
            # RFC 7519, 5.3: programs that look at one of two values would disagree.
            if envelope.setdefault(name, self.jws.header[name]) != self.jws.header[name]:
                raise MalformedCredential.saying("{claim} of header and payload differ", claim=name)
        if "proof" in document:  # a signature that nobody here looks at might be broken, or by another
            raise UnsupportedForm("the document in the JWT has a proof as well, which is not read there")
        return self.completed(document, envelope)

    def require_own_type(self, jws: JWS) -> None:
        """Raise `MalformedCredential` for a header of another form (threat 19)."""
        # RFC 7515, 4.1.9: `application/` may be left out.
        require_type(jws, self.form.removeprefix("application/"), self.form)

    def split(self, members: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return the document and the claims of the JWT, which stand beside each other.

        Raises `MalformedCredential` for the claims `vc` and `vp`.
        """
        # VC-JOSE-COSE, 3.1.3: a program for VCDM 1.1 would read these instead of the document.
        if held := [name for name in REFUSED if name in members]:
            raise MalformedCredential.saying("the payload has the claim {claim}", claim=held[0])
        envelope = {name: members.pop(name) for name in ENVELOPE.intersection(members)}
        return members, envelope

    def completed(self, document: Mapping[str, Any], envelope: Mapping[str, Any]) -> Payload:
        """Return both parts: the document says all itself, and no claim stands in for a member of it."""
        return Payload(document, envelope)

    def require_same(self, stated: Mapping[str, object], unread: Problem | None) -> None:
        """Raises `MalformedCredential` unless the claims that are there say what the document does.

        Raises `unread` instead where the document may spell a name in a way that is not read.
        """
        for claim, value in stated.items():
            # An absent claim says nothing else: the document says it.
            if self.payload.envelope.get(claim, value) != value:
                if may_hide_members(unread):
                    raise unread
                raise MalformedCredential.saying("{claim} says something else than the document", claim=claim)

    def signed_by(self, signer: object, signature: JWTSignature) -> Signatures:
        """The signature by the key that `kid` names, absolute or relative to the DID of the signer.

        `method` of the `signature` is put in. Raises `MalformedCredential` for a `kid` that names no key.
        """
        if "x5c" in self.jws.header:  # beside which `kid` counts for nothing
            unread = CERTIFICATE_NOT_READ("the holder is named by a certificate, which is not read here")
            return Signatures((), [Unknown("x5c", str(signer), unread)])
        kid = key_name(self.jws)
        method = method_of(str(signer), kid)
        # ADR 14: other programs may find its key.
        if method is None:
            unnamed = ISSUER_KEY_NOT_NAMED.saying(
                "the header names no key of {issuer} that can be looked up here",
                issuer=shortened(str(signer)),
            )
            return Signatures((), [Unknown(signature.algorithm, kid, unnamed)])
        return Signatures([signature._replace(verification_method=method)])

    def verify(self, signed: Signed, key: PublicKey, work: Work) -> None:  # noqa: ARG002 -- the only one
        """See `Secured`: over header and payload as they were received."""
        try:
            self.jws.verify(key, work)
        except InvalidSignature:
            raise InvalidProof("the JWT was changed, or another key signed it") from None

    def covers_meaning(self, signed: Signed) -> bool:  # noqa: ARG002
        """Always: `@context` is signed as it stands in the document."""
        return True
