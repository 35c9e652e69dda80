"""An SD-JWT VC as a `Secured`: its claims, its signature, and the log entry that stands for it."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from keys import InvalidSignature, PublicKey
from keys.jws import JWS
from ledger import EntryKind, entry
from wire import load_json_object
from wire.problem import Code, Refused
from wire.text import shortened
from wire.work import BYTES_HASHED, Work

from ...claims import Claims
from ...jose import (
    ISSUER_KEY_NOT_NAMED,
    ConfirmationKey,
    JWTSignature,
    holder_key,
    key_name,
    method_of,
    numeric_date,
    require_type,
    subject_of,
)
from ...problem import InvalidProof, MalformedCredential
from ...secured import Secured, Signatures, Signed, Unknown
from . import MEDIA_TYPE
from .claims import FIXED, claims_of
from .disclosures import SDJWT, ClaimPath, Disclosed, around, disclose, written_path

if TYPE_CHECKING:
    from ...type_metadata import TypeDocuments

TYPE, FORMER_TYPE = "dc+sd-jwt", "vc+sd-jwt"
"""`typ` of the header: the present name, and that of drafts up to 05, which W3C's data model has taken."""
ALGORITHMS = frozenset({"EdDSA", "Ed25519", "ES256", "ES384"})
LARGEST = 1 << 21
"""Bytes of one; its payload and disclosures are read within `Work` besides."""

ALGORITHM_NOT_FOR_KEY = Code("algorithm-not-for-key", Refused, "The key does not sign this form")
"""Nobody reads an SD-JWT VC that is signed by a key of this type."""


class SDJWTCredential(Secured):
    """One credential with some of its disclosures, read when its claims are asked for.

    Its log entry takes the bytes alone.
    """

    form = MEDIA_TYPE

    def __init__(self, parts: SDJWT, work: Work) -> None:
        self.parts, self._work = parts, work

    @cached_property
    def _jws(self) -> JWS:
        """The issuer's JWT, its header checked. Raises as `JWS.parse`, and `MalformedCredential`."""
        parsed = JWS.parse(self.parts.jwt, limit=LARGEST, work=self._work)
        require_type(parsed, TYPE, FORMER_TYPE)
        return parsed

    @property
    def former_name(self) -> str:
        """See `Secured`: the drafts' until November 2024 (SD-JWT VC, 2.2.1)."""
        return FORMER_TYPE if self._jws.header["typ"] == FORMER_TYPE else ""

    @property
    def certificates(self) -> Sequence[bytes]:
        """See `Secured`: those of `x5c`. Raises as `JWS.certificates`."""
        return self._jws.certificates

    @property
    def most_hidden(self) -> int:
        """See `Secured`: the digests of which no disclosure came along."""
        return self.disclosed.hidden

    @cached_property
    def disclosed(self) -> Disclosed:
        """The payload with its disclosures. A claim in the header says the same there.

        Raises `MalformedCredential`, and as `JWS.parse` and `disclose`.
        """
        payload = load_json_object(self._jws.payload, limit=LARGEST, work=self._work)
        for name in FIXED.intersection(self._jws.header):  # RFC 7519, 5.3
            if self._jws.header[name] != payload.get(name):
                raise MalformedCredential.saying("{claim} of header and payload differ", claim=name)
        self._work.spend(self.parts.shown_size // BYTES_HASHED)
        return disclose(payload, self.parts.disclosures, self._work, FIXED)

    @cached_property
    def claims(self) -> Claims:
        """See `Secured`."""
        payload = self.disclosed.payload
        subject = "" if "iss" in payload else subject_of(self._jws, self._work)
        return claims_of(payload, lambda: self.holder, subject)

    @cached_property
    def holder(self) -> ConfirmationKey | None:
        """The key that may show it. Raises as `holder_key`."""
        return holder_key(self.disclosed.payload)

    @cached_property
    def alone(self) -> Mapping[str, ClaimPath]:
        """The disclosures that stand in no other one, by the names that people see. Raises as `disclosed`."""
        places = self.disclosed.disclosures
        return {written_path(path): path for path in places if places.keys().isdisjoint(around(path))}

    def choose(self, chosen: Collection[ClaimPath]) -> bytes:
        """The credential with the chosen disclosures alone, to be shown. Raises as `Disclosed.choose`."""
        return SDJWT(self.parts.jwt, self.disclosed.choose(chosen), b"").shown

    def signatures(self, work: Work) -> Signatures:  # noqa: ARG002 -- read already
        """The issuer's, by the key that `x5c` or else `kid` names; named otherwise, it counts for nothing.

        Of an issuer with an address it is a key of the set in its metadata (SD-JWT VC, 3).

        Raises `MalformedCredential` for a `kid` that names no key, and as `disclosed`.
        """
        payload, header = self.disclosed.payload, self._jws.header
        issuer, algorithm = str(payload.get("iss")), header["alg"]
        # ADR 14: the signature may be good; it is of an algorithm that is not checked in this form.
        if algorithm not in ALGORITHMS:
            unread = ISSUER_KEY_NOT_NAMED.saying(
                "an SD-JWT VC by {algorithm} is not read here", algorithm=shortened(algorithm)
            )
            return Signatures((), [Unknown(algorithm, issuer, unread)])
        issued = numeric_date(payload, "iat")
        signature = JWTSignature("", algorithm, issued.utc if issued else None)
        # SD-JWT VC, 2.5: the issuer is the subject of the leaf. There is no falling back to `kid`, by which
        # whoever has a key of his own could sign under a certificate's name.
        if "x5c" in header:
            return Signatures([signature])
        kid = key_name(self._jws)
        # SD-JWT VC, 6.2: whatever `kid` looks like, an address means its set of keys, lest a sender chose by
        # which process the key is found.
        method = _key_url(issuer, kid) if issuer.startswith("https://") else method_of(issuer, kid)
        if method is None:
            unnamed = ISSUER_KEY_NOT_NAMED.saying(
                "the header names no key of {issuer} that can be looked up here", issuer=shortened(issuer)
            )
            return Signatures((), [Unknown(algorithm, kid, unnamed)])
        return Signatures([signature._replace(verification_method=method)])

    def verify(self, signed: Signed, key: PublicKey, work: Work) -> None:  # noqa: ARG002 -- the only one
        """See `Secured`: over header and payload, and by digests over what was disclosed."""
        try:
            self._jws.verify(key, work)
        except InvalidSignature:
            raise InvalidProof("the SD-JWT was changed, or another key signed it") from None

    def covers_meaning(self, signed: Signed) -> bool:  # noqa: ARG002
        """Always: a claim means what its type and its own name say, and both are signed."""
        return True

    def fits_type(self, types: TypeDocuments, work: Work) -> str:
        """See `Secured`: by `vct` and `vct#integrity`."""
        digest = self.disclosed.payload.get("vct#integrity", "")
        rules = types.rules(self.claims.vct, digest) if isinstance(digest, str) else None
        if rules is None:
            return ""
        from ...type_metadata import ProcessedPayload  # only here: most types have no metadata at hand

        payload, disclosures, hidden, _ = self.disclosed
        ProcessedPayload(payload, disclosures.keys(), not hidden).require(rules, self.claims.vct, work)
        return self.claims.vct

    def leaves(self, signed: Signed, kind: EntryKind, work: Work) -> Sequence[bytes]:  # noqa: ARG002
        """The entry of the issuer's JWT, whatever is disclosed of it."""
        return tuple(entry(kind, digest) for digest in self.digests(work))

    def digests(self, work: Work) -> frozenset[bytes]:
        """SHA-256 of the issuer's JWT. Nothing is disclosed for it: a bulk job asks for each row."""
        work.spend(len(self.parts.jwt) // BYTES_HASHED)
        return frozenset({hashlib.sha256(self.parts.jwt).digest()})


def _key_url(issuer: str, kid: str) -> str | None:
    from did import issuer_metadata  # only here: most issuers have a DID

    return issuer_metadata.key_url(issuer, kid)


def algorithm_for(key: PublicKey) -> str:
    """The `alg` by which a key signs. Raises `ALGORITHM_NOT_FOR_KEY`."""
    name = key.kind.algorithms[0]
    # A verifier would refuse it, so it is not made in the first place.
    if name not in ALGORITHMS:
        raise ALGORITHM_NOT_FOR_KEY.saying(
            "an SD-JWT VC is not signed by a key of type {type}", type=key.type
        )
    return name
