"""The proofs of a document: by whom, for what, with which key, from when to when; and that they verify."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from vc import Cryptosuite, InvalidProof, Proof, UnknownCryptosuite, verify_proof
from vc.integrity import proof_values
from vc.jsonld import Contexts, Respelled
from vc.jsonld.problem import UnversionedContext
from vc.jsonld.vocabulary import DECIDES
from wire import Problem, TooLarge
from wire.clock import require_not_ahead
from wire.text import shortened
from wire.work import Work

from .sources.keys import IssuerKey, IssuerKeys, not_pinned


class NotInForce(Problem):
    """The credential's dates do not include the moment asked about."""

    code = "not-in-force"
    title = "Not valid at this time"


class Expired(NotInForce):
    """The moment asked about is after the credential's last day."""

    code = "expired"


class NotYetInForce(NotInForce):
    """The moment asked about is before the credential's first day."""

    code = "not-yet-in-force"


@dataclass(frozen=True, slots=True)
class Signature:
    """A proof and the key that is to verify it."""

    proof: Proof
    signer: str
    """The DID or URL whose key it is."""
    key: IssuerKey


class Proofs(NamedTuple):
    """The proofs of one document."""

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
    """Checks proofs as of `now`."""

    keys: IssuerKeys
    suites: Mapping[str, Cryptosuite]
    contexts: Contexts
    now: datetime
    work: Work

    def find(self, document: Mapping[str, Any], purpose: str, issuer: str = "") -> Proofs:
        """The proofs with their keys; purpose, end and controller checked, the signatures not yet.

        `issuer` is who ought to have signed, for one who has no DID and may refer to somebody's did:key.
        Every known proof has to stand: a definite fault of one goes before an open question about another.
        Without any, or where one builds on an unknown one, nobody can tell here who signed. Raises
        `InvalidProof` where nobody signed, and what is wrong with the proofs.
        """
        values = proof_values(document, self.work)
        if not values:
            raise InvalidProof("there is no proof: nobody signed this")
        found: list[Signature] = []
        problems: list[Problem] = []
        unknown: list[UnknownCryptosuite] = []
        others: list[Mapping[str, Any]] = []
        for value in values:
            try:
                found.append(self._signature(Proof.parse(value, suites=self.suites), purpose, issuer))
            except UnknownCryptosuite as problem:
                unknown.append(problem)
                others.append(value)
            except Problem as problem:
                problems.append(problem)
        ids = [other.get("id") for other in others]
        if any(name in ids for signature in found for name in signature.proof.previous):
            problems.append(UnknownCryptosuite("a proof builds on another, of a kind that is not known here"))
        if problems:
            raise min(problems, key=lambda found: found.undetermined)
        if not found:
            raise unknown[0]
        return Proofs(tuple(found), tuple(map(_kind, others)))

    def verify(self, document: Mapping[str, Any], signatures: Sequence[Signature]) -> Contexts:
        """The contexts under which each signature fits, and the document is to be read.

        Those are the given ones, or another edition of them where a context of the document has no version.
        Raises `InvalidProof` unless there are such, `UnknownContext` where several were tried, and `TooLarge`
        where finding out costs too much.
        """
        problems: list[Problem] = []
        for contexts in self.contexts.editions(document):
            try:
                self._verify(document, signatures, contexts)
                return contexts
            except TooLarge:
                raise
            except Problem as problem:
                problems.append(problem)
        if len(problems) == 1:
            raise problems[0]
        names = ", ".join(map(shortened, self.contexts.documents.unversioned_in(document)))
        raise UnversionedContext(f"the signature fits under none of the texts known here of {names}")

    def _verify(
        self, document: Mapping[str, Any], signatures: Sequence[Signature], contexts: Contexts
    ) -> None:
        options: Any = {"suites": self.suites, "work": self.work, "contexts": contexts}
        for signature in signatures:
            try:
                verify_proof(document, signature.proof, signature.key.key, **options)
            except InvalidProof as problem:
                if not signature.key.guessed:
                    raise
                raise not_pinned(signature.signer, signature.proof.verification_method) from problem

    def require_made(self, signatures: Iterable[Signature]) -> None:
        """Raises `DatedAhead` for one made later than now: asked once all verify, since it is open."""
        for signature in signatures:
            if signature.proof.created is not None:
                require_not_ahead(signature.proof.created, self.now, "the proof")

    def _signature(self, proof: Proof, purpose: str, issuer: str) -> Signature:
        if DECIDES.get(proof.purpose) == purpose:
            raise Respelled("proofPurpose is an IRI, and is read only as the word for it")
        if proof.purpose != purpose:
            raise InvalidProof(f"the proof is for {shortened(proof.purpose)}, not for {purpose}")
        if proof.expires and proof.expires <= self.now:
            raise InvalidProof(f"the proof expired on {proof.expires:%Y-%m-%d}")
        signer = self.keys.signer(proof.verification_method, issuer)
        return Signature(proof, signer, self.keys.find(signer, proof.verification_method, purpose))


def _kind(proof: Mapping[str, Any]) -> str:
    """What a proof that is not known calls itself."""
    return shortened(str(proof.get("cryptosuite", proof.get("type"))))
