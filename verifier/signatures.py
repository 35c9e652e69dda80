"""Checks the signatures of a document: signer, purpose, key and dates, and that they verify."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from did.document import Use
from vc import Claims, InvalidProof
from vc.possession import Asked, require_possession
from vc.secured import Secured, Signed
from vc.vcdm.jsonld import Respelled
from vc.vcdm.jsonld.vocabulary import DECIDES
from wire import Problem
from wire.clock import is_ahead, require_not_ahead
from wire.problem import Code, Scalar
from wire.text import shortened
from wire.work import Work

from .policy import NOT_SHOWN_BY_HOLDER
from .problem import TIME_ZONE_UNKNOWN, NotKnown
from .sources.evidence import require_current
from .sources.keys import IssuerKey, IssuerKeys, not_pinned

NOT_IN_FORCE = Code("not-in-force", Problem, "Not valid at this time")
"""The credential's dates do not include the moment asked about."""
EXPIRED = NOT_IN_FORCE.finer("expired")
"""The moment asked about is after the credential's last day."""
NOT_YET_IN_FORCE = NOT_IN_FORCE.finer("not-yet-in-force")
"""The moment asked about is before the credential's first day."""

_PERIODS = {
    (True, True): "in-force",
    (True, False): "in-force-from",
    (False, True): "in-force-until",
    (False, False): "in-force-always",
}
"""Findings, by whether there are a first and a last day."""


class Signature(NamedTuple):
    """A signature and the key that is to verify it."""

    signed: Signed
    signer: str
    """The DID or URL whose key it is; of certificates, the `id` of the trust entry."""
    key: IssuerKey


class Proofs(NamedTuple):
    """The signatures of one document."""

    known: tuple[Signature, ...]
    """Those that can be checked here; each has to fit, and together they decide."""
    unknown: tuple[str, ...]
    """The type or cryptosuite that each of the others states, for people. They count for nothing."""

    @property
    def uncounted(self) -> str:
        """The unknown ones in one text; empty if there are none."""
        return ", ".join(self.unknown)

    @property
    def remark(self) -> str:
        """Text to add to a finding about the known ones."""
        names = self.uncounted
        return f"; not counted, being of a kind that is not known here: {names}" if names else ""


@dataclass(slots=True, eq=False)
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
        """The signatures with their keys. Purpose, end and controller are checked; `fitting` verifies them.

        `issuer` is the expected signer: one without a DID may refer to somebody's did:key. `named` are the
        signers that the trust list names beside issuers for this kind of document. Each key has to be for
        this `use`.

        Every known signature has to stand: a definite fault of one goes before an open question about
        another. Without a known one, or if one builds on an unknown one, the signer is open. Raises
        `InvalidProof` where nobody signed, and otherwise the problem of the signatures.
        """
        # With `x5c` the certificate says whose key it is; a DID in the same header is not asked.
        read, certificates = secured.signatures(self.work), secured.certificates
        signatures: list[Signature] = []
        problems: list[Problem] = []
        for signed in read.known:
            try:
                self._require_purpose(signed, purpose)
                # Threat 12c: with certificates nothing falls back on the key that `kid` names.
                if certificates:
                    signer, key = self.keys.certified(certificates, secured.claims.issuer)
                else:
                    signer = self.keys.signer(signed.verification_method, issuer)
                    # Threats F10, F11: beside an issuer, only those whom its entry names are looked up.
                    is_named = signer in named
                    key = self.keys.find(
                        signer, signed.verification_method, purpose, is_named=is_named, use=use
                    )
                signatures.append(Signature(signed, signer, key))
            except Problem as problem:
                problems.append(problem)
        problems += read.problems
        if problems:
            # Threat 37: one bad proof refuses the whole, whatever is open about the others.
            raise min(problems, key=lambda problem: problem.undetermined)
        if not signatures:
            # ADR 16: without a known proof nobody can tell who signed.
            raise read.unknown[0].problem
        return Proofs(tuple(signatures), tuple(unknown.kind for unknown in read.unknown))

    def fitting(self, secured: Secured, signatures: Sequence[Signature]) -> Secured:
        """The document in the reading that all of these signatures verify.

        Raises `InvalidProof` where one does not fit, what `Secured.as_signed` raises, and `TooLarge` where
        finding out costs too much.
        """

        def require_fit(reading: Secured) -> None:
            for signature in signatures:
                self._require_fit(reading, signature)

        return secured.as_signed(require_fit, self.work)

    def claimed(self, secured: Secured, fitting: Secured) -> Claims:
        """The claims of a credential in the reading that its signatures verify.

        Raises the problem of one that cannot be read, and `NotKnown` if this reading names another issuer.
        """
        claims = fitting.claims
        # A reading with an unread member may hide what decides, such as a status (ADR 14).
        if claims.unread:
            raise claims.unread
        # Threat 31b: the keys of one issuer were asked, and the reading that fits is by another.
        if claims.issuer != secured.claims.issuer:
            raise NotKnown("under another text of its contexts, the credential is by another issuer")
        return claims

    def _require_fit(self, reading: Secured, signature: Signature) -> None:
        try:
            reading.verify(signature.signed, signature.key.key, self.work)
        except InvalidProof as problem:
            # ADR 19: the only pinned key was tried though the proof does not name it, so this shows nothing.
            if not signature.key.guessed:
                raise
            raise not_pinned(signature.signer, signature.signed.verification_method) from problem

    def require_made(self, signatures: Iterable[Signature]) -> None:
        """Raises `DatedAhead` for one made later than now: asked once all verify, since it is open."""
        for signature in signatures:
            if signature.signed.created is not None:
                # Threats 35, 56: open, since nobody can tell whose clock is wrong.
                require_not_ahead(signature.signed.created, self.now, "the proof")

    def issuer(self, secured: Secured) -> str:
        """Return the issuer that a document names, or that the trust list has by its signer's certificates.

        Raises as `Secured.claims`, `Secured.certificates` and `IssuerKeys.certified`.
        """
        # A claimed name counts only if the certificate's authority may speak for it.
        claimed, certificates = secured.claims.issuer, secured.certificates
        return self.keys.certified(certificates, claimed)[0] if certificates else claimed

    def _require_purpose(self, signed: Signed, purpose: str) -> None:
        # ADR 15: what decides is read under one name alone.
        if DECIDES.get(signed.purpose) == purpose:
            raise Respelled("proofPurpose is an IRI, and is read only as the word for it")
        # Threat 35: a proof made for something else, such as a login, is no assertion.
        if signed.purpose != purpose:
            raise InvalidProof.saying(
                "the proof is for {purpose}, not for {expected}",
                purpose=shortened(signed.purpose),
                expected=purpose,
            )
        # Threat 35: a proof ends when its own signer says so.
        if signed.expires and signed.expires <= self.now:
            raise InvalidProof.saying("the proof expired on {until}", until=f"{signed.expires:%Y-%m-%d}")

    def presenter(self, secured: Secured, asked: Asked) -> tuple[str, Proofs]:
        """(2) The DID of the holder who signed a presentation as asked, with the proofs.

        Raises `NOT_SHOWN_BY_HOLDER` where others signed, too, the problem of a presentation that cannot be
        read, and as `find`, `fitting`, `require_current` and `require_possession`.
        """
        signatures, _ = proofs = self.find(secured, "authentication")
        presentation = self.fitting(secured, signatures).presentation
        assert presentation is not None  # whatever it says
        if presentation.unread:
            raise presentation.unread
        for signature in signatures:
            # Threat 25: whoever presents needs a key that is in force at this moment.
            require_current(signature.key, self.now)
        signer, signed = signatures[0].signer, signatures[0].signed
        if len(signatures) > 1:
            raise NOT_SHOWN_BY_HOLDER("the presentation is not signed by its holder alone")
        # Threats 54, 55: the challenge, the domain, the age and the holder, see `vc.possession`.
        require_possession(
            signed,
            signer=signer,
            until=signatures[0].key.until,
            holder=presentation.holder,
            asked=asked,
            now=self.now,
        )
        return signer, proofs

    def period(self, claims: Claims, signatures: Sequence[Signature]) -> tuple[str, str, dict[str, Scalar]]:
        """The period in which a credential is valid, as a finding, its text and its facts.

        Raises `EXPIRED` and `NOT_YET_IN_FORCE` unless now is in between, `TIME_ZONE_UNKNOWN` where that is
        open, and as `require_made`.
        """
        start, end = claims.starts, claims.ends
        # Threat 56: `latest`, since without a time zone it is definite only once the day is over everywhere.
        if end is not None and end.latest <= self.now:
            raise EXPIRED(f"expired on {end.utc.date()}", until=str(end.utc.date()))
        self.require_made(signatures)  # else a first day says nothing, either
        # Threat 56: `earliest`, since the day must not have begun anywhere.
        if start is not None and is_ahead(start.earliest, self.now):
            raise NOT_YET_IN_FORCE(f"valid only from {start.utc.date()} on", since=str(start.utc.date()))
        # VCDM 1.1, 4.6 and 4.8: without a time zone nobody can tell at which hour of a day or so it is.
        if end is not None and end.earliest <= self.now:
            raise TIME_ZONE_UNKNOWN.saying(
                "the end, {date}, has no time zone", date=f"{end.utc:%Y-%m-%d %H:%M}"
            )
        if start is not None and is_ahead(start.latest, self.now):
            raise TIME_ZONE_UNKNOWN.saying(
                "the start, {date}, has no time zone", date=f"{start.utc:%Y-%m-%d %H:%M}"
            )
        since, until = (str(moment.utc.date()) if moment else None for moment in (start, end))
        period = f"since {since}" if since else "no first day"
        finding = _PERIODS[start is not None, end is not None]
        text = f"{period}, until {until}" if until else f"{period}, without an end"
        return finding, text, {"since": since, "until": until}
