"""A credential as a JWT: its claims, and the time for which its issuer signed it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

from ledger import EntryKind, entry
from wire.work import BYTES_HASHED, Work

from ...jose import (
    AUDIENCE_NAMED,
    HOLDER_KEY_UNKNOWN,
    JWTSignature,
    holder_key,
    key_of,
    numeric_date,
)
from ...problem import UnsupportedForm
from ...secured import Signatures, Signed
from ...vcdm.credential import Credential
from . import VC_JWT
from .token import JWT


class JWTCredential(JWT):
    """One credential."""

    form = VC_JWT
    version = "2.0"
    """The data model that its document has to follow."""

    @cached_property
    def claims(self) -> Credential:
        """The claims of the document, within the time of `nbf` and `exp`.

        Raises as `Credential.parse`, `MalformedCredential` where claims of the JWT say something else, and
        what leaves it open: `AUDIENCE_NAMED`, `HOLDER_KEY_UNKNOWN`, `UnsupportedForm` for another data model.
        """
        document, envelope = self.payload
        if "aud" in envelope:  # RFC 7519, 4.1.3: whoever is not named there has to refuse it
            raise AUDIENCE_NAMED("the credential names the recipients that it is for, which is not read here")
        claims = Credential.parse(document, self.work, self.contexts)
        # Each of these JWTs is for one data model, by whose rules the claims are compared with the document.
        if claims.version != self.version:
            raise UnsupportedForm.saying(
                "a JWT of this type holds a credential of the data model {version}", version=self.version
            )
        # A program that reads JWTs and one that reads the document have to see the same issuer, id and
        # subject.
        self.require_same({"iss": claims.issuer, "jti": claims.id}, claims.unread)
        for subject in claims.subjects:
            self.require_same({"sub": subject.get("id")}, claims.unread)
        _require_holder(envelope, claims.subjects[0].get("id"))
        return _narrowed(claims, envelope)

    @property
    def certificates(self) -> Sequence[bytes]:
        """See `Secured`: those of `x5c`. Raises as `JWS.certificates`."""
        return self.jws.certificates

    def signatures(self, work: Work) -> Signatures:  # noqa: ARG002 -- read already
        """The issuer's.

        Raises `MalformedCredential` for a date that is none, and as `signed_by`.
        """
        document, envelope = self.payload
        issuer = document.get("issuer")
        issuer = issuer.get("id") if isinstance(issuer, dict) else issuer
        issued = numeric_date(envelope, "iat")
        signature = JWTSignature("", self.jws.header["alg"], issued.utc if issued else None)
        # Nothing falls back to `kid`, by which whoever has a key of his own could sign under the name of a
        # certificate.
        if "x5c" in self.jws.header:
            return Signatures([signature])
        return self.signed_by(envelope.get("iss", issuer), signature)

    def type_name(self, name: str) -> str:
        """See `Secured`: by the contexts of the form."""
        from ...vcdm import jsonld  # imported lazily: the wallet needs no contexts

        return jsonld.type_name(name, self.contexts)

    def leaves(self, signed: Signed, kind: EntryKind, work: Work) -> Sequence[bytes]:  # noqa: ARG002
        """The entry of the JWT, byte for byte."""
        return tuple(entry(kind, digest) for digest in self.digests(work))

    def digests(self, work: Work) -> frozenset[bytes]:
        """SHA-256 of the JWT. Nothing is parsed for it: a bulk job asks for each row."""
        work.spend(len(self.data) // BYTES_HASHED)
        return frozenset({hashlib.sha256(self.data).digest()})


def _require_holder(envelope: Mapping[str, Any], subject: object) -> None:
    """Raises the open `HOLDER_KEY_UNKNOWN` for a `cnf` with another key than that of the subject's DID.

    A presentation is checked against that DID alone, so that such a `cnf` would be ignored.
    """
    holder = holder_key(envelope)
    if holder is None or holder.did == subject:
        return
    # Threat 44: a presentation by the subject's DID would pass without the key in `cnf`.
    if holder.key is None or key_of(str(subject)) != holder.key:
        raise HOLDER_KEY_UNKNOWN("cnf names another key than the subject's id does")


def _narrowed(claims: Credential, envelope: Mapping[str, Any]) -> Credential:
    """Valid within the document's time and that of its signature, by `exp` and `nbf`."""
    # Both limits hold, so that the later start and the earlier end count.
    starts = [moment for moment in (claims.starts, numeric_date(envelope, "nbf")) if moment]
    ends = [moment for moment in (claims.ends, numeric_date(envelope, "exp")) if moment]
    return replace(
        claims,
        starts=max(starts, key=lambda moment: moment.latest, default=None),
        ends=min(ends, key=lambda moment: moment.earliest, default=None),
    )
