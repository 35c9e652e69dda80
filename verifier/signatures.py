"""The signatures of a document: by whom, for what, with which key, from when to when; and that they fit."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from did.document import Use
from vc import Claims, InvalidProof
from vc.secured import Secured, Signed
from vc.vcdm.jsonld import Respelled
from vc.vcdm.jsonld.vocabulary import DECIDES
from wire import Problem
from wire.clock import require_not_ahead
from wire.problem import Code
from wire.text import shortened
from wire.work import Work

from .problem import NotKnown
from .sources.keys import IssuerKey, IssuerKeys, not_pinned

NOT_IN_FORCE = Code("not-in-force", Problem, "Not valid at this time")
"""The credential's dates do not include the moment asked about."""
EXPIRED = NOT_IN_FORCE.finer("expired")
"""The moment asked about is after the credential's last day."""
NOT_YET_IN_FORCE = NOT_IN_FORCE.finer("not-yet-in-force")
"""The moment asked about is before the credential's first day."""


class Signature(NamedTuple):
    """A signature and the key that is to verify it."""

    signed: Signed
    signer: str
    """The DID or URL whose key it is."""
    key: IssuerKey


class Proofs(NamedTuple):
    """The signatures of one document."""

    known: tuple[Signature, ...]
    """Those that can be checked here; each has to fit, and together they decide."""
    unknown: tuple[str, ...]
    """What the others call themselves, for people: type or cryptosuite. They count for nothing."""

    @property
    def uncounted(self) -> str:
        """The unknown ones in one text; empty if there are none."""
        return ", ".join(self.unknown)

    @property
    def remark(self) -> str:
        """What to add to a finding about the known ones."""
        names = self.uncounted
        return f"; not counted, being of a kind that is not known here: {names}" if names else ""


@dataclass(slots=True)
class SignatureCheck:
    """Checks signatures as of `now`."""

    keys: IssuerKeys
    now: datetime
    work: Work

    def find(
        self,
        secured: Secured,
        purpose: str,
        issuer: str = "",
        named: Collection[str] = (),
        *,
        use: Use | None = None,
    ) -> Proofs:
        """The signatures with their keys; purpose, end and controller checked, that they fit not yet.

        `issuer` is who ought to have signed, for one who has no DID and may refer to somebody's did:key, and
        `named` are those whom the trust list names beside issuers for what is signed here. Each key has to be
        for this `use`.
        Every known one has to stand: a definite fault of one goes before an open question about another.
        Without any, or where one builds on an unknown one, nobody can tell here who signed. Raises
        `InvalidProof` where nobody signed, and what is wrong with the signatures.
        """
        read = secured.signatures(self.work)
        found: list[Signature] = []
        problems: list[Problem] = []
        for signed in read.known:
            try:
                found.append(self._signature(signed, purpose, issuer, named, use))
            except Problem as problem:
                problems.append(problem)
        problems += read.problems
        if problems:
            raise min(problems, key=lambda found: found.undetermined)
        if not found:
            raise read.unknown[0].problem
        return Proofs(tuple(found), tuple(unknown.kind for unknown in read.unknown))

    def fitting(self, secured: Secured, signatures: Sequence[Signature]) -> Secured:
        """The document as each of these signatures has it.

        Raises `InvalidProof` where one does not fit, what `Secured.as_signed` raises, and `TooLarge` where
        finding out costs too much.
        """

        def require_fit(reading: Secured) -> None:
            for signature in signatures:
                self._require_fit(reading, signature)

        return secured.as_signed(require_fit, self.work)

    def as_signed(self, secured: Secured, signatures: Sequence[Signature]) -> Claims:
        """What a credential says, as its signatures have it; see `claimed`."""
        return self.claimed(secured, self.fitting(secured, signatures))

    def claimed(self, secured: Secured, fitting: Secured) -> Claims:
        """What a credential says in the reading that its signatures fit.

        Raises what keeps it from being read, and `NotKnown` where it is by another issuer than was asked for.
        """
        claims = fitting.claims
        if claims.unread:
            raise claims.unread
        if claims.issuer != secured.claims.issuer:
            raise NotKnown("under another text of its contexts, the credential is by another issuer")
        return claims

    def _require_fit(self, reading: Secured, signature: Signature) -> None:
        try:
            reading.verify(signature.signed, signature.key.key, self.work)
        except InvalidProof as problem:
            if not signature.key.guessed:
                raise
            raise not_pinned(signature.signer, signature.signed.verification_method) from problem

    def require_made(self, signatures: Iterable[Signature]) -> None:
        """Raises `DatedAhead` for one made later than now: asked once all verify, since it is open."""
        for signature in signatures:
            if signature.signed.created is not None:
                require_not_ahead(signature.signed.created, self.now, "the proof")

    def _signature(
        self, signed: Signed, purpose: str, issuer: str, named: Collection[str], use: Use | None
    ) -> Signature:
        if DECIDES.get(signed.purpose) == purpose:
            raise Respelled("proofPurpose is an IRI, and is read only as the word for it")
        if signed.purpose != purpose:
            raise InvalidProof.saying(
                "the proof is for {purpose}, not for {expected}",
                purpose=shortened(signed.purpose),
                expected=purpose,
            )
        if signed.expires and signed.expires <= self.now:
            raise InvalidProof.saying("the proof expired on {until}", until=f"{signed.expires:%Y-%m-%d}")
        signer = self.keys.signer(signed.verification_method, issuer)
        key = self.keys.find(signer, signed.verification_method, purpose, is_named=signer in named, use=use)
        return Signature(signed, signer, key)
