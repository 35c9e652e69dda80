"""Data Integrity: a JSON-LD document that carries its proofs (VC Data Integrity 1.0)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING, Any, Self, TypeVar

from keys import PublicKey, Signer
from ledger import EntryKind
from wire import Problem, TooLarge, load_json_object
from wire.text import shortened
from wire.work import Work

from ...anchoring import document_digest, log_entry
from ...possession import Asked
from ...problem import MalformedCredential, UnsupportedForm
from ...reading.front import opened, read
from ...secured import (
    INTEGRITY,
    MAX_BYTES,
    Carried,
    Form,
    Options,
    Received,
    Secured,
    Signatures,
    Signed,
    Skeleton,
    Unknown,
)
from ...vcdm.credential import Credential
from ...vcdm.enveloped import PRESENTATION_TYPE, TYPE, Enveloped
from . import (
    SUITE_NOT_FOR_KEY,
    SUITES,
    SUITES_BY_KEY,
    Cryptosuite,
    InvalidProof,
    Proof,
    UnknownCryptosuite,
    proof_values,
    sign,
    verify_proof,
)
from .suites import listed, same_contexts

if TYPE_CHECKING:
    from ...facts import IssuingFacts
    from ...slots import Slots
    from ...vcdm.jsonld import Contexts
    from ...vcdm.presentation import Presentation

_D = TypeVar("_D")
_PRESENTATION = "VerifiablePresentation"
_TYPES = frozenset({"VerifiableCredential", "VerifiablePresentation", TYPE, PRESENTATION_TYPE})


@dataclass(frozen=True)
class DataIntegrity:
    """The form, with the suites that are used, and the contexts by which it is read.

    `suites` are by default `SUITES`, and `contexts`, those of `jsonld.vouched` or `load`, the vendored ones.
    """

    suites: Mapping[str, Cryptosuite] | None = None
    contexts: Contexts | None = None
    suite: str = ""
    """The suite that it signs with; by default the one that most programs know for the key."""
    media_type: str = INTEGRITY
    limit: int = MAX_BYTES

    def recognises(self, content: Carried) -> bool:
        """True if it is a JSON object that calls itself a credential or presentation."""
        if isinstance(content, bytes):
            return False
        kinds = content.get("type")
        if isinstance(kinds, list):
            return not _TYPES.isdisjoint([kind for kind in kinds if isinstance(kind, str)])
        return isinstance(kinds, str) and kinds in _TYPES

    def identifier(self, content: Carried) -> object:
        """Its `id`."""
        return _document(content, None).get("id")

    def read(
        self, content: Carried, forms: Mapping[str, Form], work: Work, asked: Asked | None = None
    ) -> Secured:
        """Reads a document; a mere envelope of another form is read as that form.

        Raises as `load_json_object`, `Enveloped.from_object`, and for that as `front.opened`.
        """
        document = _document(content, work)
        if document.get("type") in (TYPE, [TYPE], PRESENTATION_TYPE, [PRESENTATION_TYPE]):
            inner = opened(Enveloped.from_object(document), forms, work, asked)
            # Threat 19, where the media type is that of both, such as application/jwt.
            if document["type"] in (TYPE, [TYPE]) and inner.presentation is not None:
                raise MalformedCredential("an EnvelopedVerifiableCredential holds a presentation")
            return inner
        kind = document.get("type")
        if kind == _PRESENTATION or (isinstance(kind, list) and _PRESENTATION in kind):
            return _Presentation(document, self, forms, work)
        return _Document(document, self, forms, work)

    @property
    def known(self) -> Mapping[str, Cryptosuite]:
        """The suites that are used."""
        return SUITES if self.suites is None else self.suites

    def is_over_statements(self, proof: Mapping[str, Any]) -> bool:
        """True if verifying the proof takes the RDF statements of its document."""
        suite = self.known.get(str(proof.get("cryptosuite", proof.get("type"))))
        return suite is not None and not suite.covers_contexts

    def algorithm(self, key: PublicKey) -> str:
        """The suite. Raises `SUITE_NOT_FOR_KEY`."""
        usual = SUITES_BY_KEY.get(key.type, "")
        name = self.suite or usual
        if name not in self.known or key.type not in self.known[name].key_types:
            raise SUITE_NOT_FOR_KEY(f"{name} does not work with keys of type {key.type}", suite=usual)
        return name

    def secure(
        self, facts: IssuingFacts, content: Mapping[str, Any], signer: Signer, options: Options
    ) -> dict[str, Any]:
        """See `Form`, and `sign`."""
        from ...vcdm.issuing import unsigned  # only here: who verifies issues nothing

        return self._signed(unsigned(facts, content), signer, options)

    def skeleton(
        self, facts: IssuingFacts, content: Mapping[str, Any], slots: Slots, key: PublicKey, options: Options
    ) -> Skeleton | None:
        """See `Splices`."""
        from .skeleton import proof_skeleton  # imported lazily: only the issuer compiles skeletons

        def secured(tracer: Signer) -> dict[str, Any]:
            return self.secure(facts, content, tracer, options)

        return proof_skeleton(secured, self.known[self.algorithm(key)], key, slots, self.contexts)

    def present(self, credentials: Sequence[Received], signer: Signer, options: Options) -> dict[str, Any]:
        """See `Form`, and `sign`."""
        holder = options.verification_method.partition("#")[0]
        from ...vcdm.presentation import presentation

        return self._signed(presentation(holder, list(map(dict, credentials))), signer, options)

    def _signed(self, document: Mapping[str, Any], signer: Signer, options: Options) -> dict[str, Any]:
        return sign(
            document,
            signer,
            verification_method=options.verification_method,
            suite=self.algorithm(signer.public_key),
            purpose=options.purpose,
            created=options.created,
            challenge=options.challenge,
            domain=options.domain,
            suites=self.known,
            contexts=self.contexts,
        )


class _Document(Secured):
    """A document with its proofs, as the contexts of its form have it."""

    form = INTEGRITY

    def __init__(
        self, document: Mapping[str, Any], how: DataIntegrity, forms: Mapping[str, Form], work: Work
    ) -> None:
        self._document, self._how, self._forms, self._work = document, how, forms, work
        self._walked: Mapping[str, Any] | None = None
        self._signatures: Signatures | None = None
        self._entries: dict[tuple[int, EntryKind], tuple[bytes, int]] = {}

    @cached_property
    def claims(self) -> Credential:
        """See `Secured`."""
        how, values = self._how, listed(self._document.get("proof"))
        states = any(isinstance(value, dict) and how.is_over_statements(value) for value in values)
        claims = Credential.parse(self._document, self._work, how.contexts, states=states)
        self._walked = claims.reading.walked
        return claims

    def signatures(self, work: Work) -> Signatures:
        """See `Secured`. A proof that builds on one of an unknown kind leaves the question open."""
        values = proof_values(self._document, work)
        # Unsigned JSON is nobody's word, so that nothing in it could turn out to be genuine.
        if not values:
            raise InvalidProof("there is no proof: nobody signed this")
        if self._signatures is not None:
            return self._signatures
        parsed = self._parsed(values)
        if not (parsed.unknown or parsed.problems):  # what is raised gathers the traceback of every caller
            self._signatures = parsed
        return parsed

    def _parsed(self, values: Sequence[Any]) -> Signatures:
        proofs: list[Proof] = []
        unknown: list[Unknown] = []
        problems: list[Problem] = []
        ids = []
        for value in values:
            try:
                proofs.append(Proof.parse(value, suites=self._how.known))
            # ADR 16: it counts for nothing, and takes nothing from the proofs that are known.
            except UnknownCryptosuite as problem:
                kind = shortened(str(value.get("cryptosuite", value.get("type"))))
                unknown.append(Unknown(kind, str(value.get("verificationMethod")), problem))
                ids.append(value.get("id"))
            except Problem as problem:
                problems.append(problem)
        # ADR 16: what a proof covers cannot be told without the one that it builds on.
        if ids and any(name in ids for proof in proofs for name in proof.previous):
            problems.append(UnknownCryptosuite("a proof builds on another, of a kind that is not known here"))
        return Signatures(proofs, unknown, problems)

    def as_signed(self, require_fit: Callable[[Self], None], work: Work) -> Self:
        """By the first edition of the contexts that have no version under which all signatures fit."""
        misfit = _misfit(self, require_fit)
        if misfit is None:
            return self
        from ...vcdm import jsonld  # only here: who keeps and shows credentials needs no contexts
        from ...vcdm.jsonld.problem import UNVERSIONED_CONTEXT

        contexts, several = self._how.contexts or jsonld.secured(), False
        # ADR 30 (threat 31b): all proofs have to fit under one text, and the document is then read under it.
        for edition in islice(contexts.editions(self._document), 1, None):
            several = True
            other = type(self)(self._document, replace(self._how, contexts=edition), self._forms, work)
            if _misfit(other, require_fit) is None:
                return other
        if several:
            names = ", ".join(map(shortened, contexts.documents.unversioned_in(self._document)))
            raise UNVERSIONED_CONTEXT.saying(
                "the signature fits under none of the texts known here of {contexts}", contexts=names
            )
        raise misfit

    def verify(self, signed: Signed, key: PublicKey, work: Work) -> None:
        """See `verify_proof`."""
        proof, how = _proof(signed), self._how
        verify_proof(
            self._document,
            proof,
            key,
            suites=how.known,
            work=work,
            contexts=how.contexts,
            walked=self._walked,
        )

    def covers_meaning(self, signed: Signed) -> bool:
        """A proof over RDF covers IRIs, which are what is read; one over JCS the contexts that it has."""
        proof = _proof(signed)
        if self._how.known[proof.cryptosuite].covers_contexts:
            inner, outer = proof.value.get("@context"), self._document["@context"]
            # Threat 30: a context that was appended after signing gives terms other meanings.
            return inner is None or same_contexts(inner, outer)
        return True

    def type_name(self, name: str) -> str:
        """See `Secured`: by the contexts of the form."""
        from ...vcdm import jsonld  # only here: who keeps and shows credentials needs no contexts

        return jsonld.type_name(name, self._how.contexts)

    def leaves(self, signed: Signed, kind: EntryKind, work: Work) -> Sequence[bytes]:
        """The entry of the document with this one of its proofs; charged each time, worked out once."""
        entry, steps = self._entries.get((id(signed), kind), (b"", 0))
        if not entry:
            before = work.left
            entry = log_entry(self._document, _proof(signed).value, kind, work)
            # Only a signature that is kept keeps its id.
            if self._signatures and any(signed is each for each in self._signatures.known):
                self._entries[id(signed), kind] = entry, before - work.left
        else:
            work.spend(steps)
        return (entry,)

    def digests(self, work: Work) -> frozenset[bytes]:
        """One digest for each of its proofs."""
        values = proof_values(self._document, work)
        return frozenset(document_digest({**self._document, "proof": value}, work) for value in values)


class _Presentation(_Document):
    """One that holds credentials, each secured in its own way."""

    @cached_property
    def presentation(self) -> Presentation:
        """See `Secured`."""
        from ...vcdm.presentation import Presentation  # only here: most files hold a credential

        return Presentation.parse(self._document, self._work, self._how.contexts)

    @cached_property
    def credentials(self) -> Sequence[Secured]:
        """See `Secured`."""
        return tuple(map(self._inner, self.presentation.items))

    def _inner(self, item: object) -> Secured:
        if isinstance(item, str):
            from ...reading.sight import seen

            if form := seen(item.encode()):
                raise UnsupportedForm.saying("verifiableCredential holds {form}", form=form)
        if not isinstance(item, dict):
            raise MalformedCredential("verifiableCredential holds something that is not an object")
        inner = read(item, self._forms, self._work)
        # Threat 19: a presentation within was made for somebody else.
        if inner.presentation is not None:
            raise MalformedCredential("verifiableCredential holds a presentation")
        return inner


def _misfit(document: _D, require_fit: Callable[[_D], None]) -> Problem | None:
    try:
        require_fit(document)
    except TooLarge:  # nothing more can be tried
        raise
    except Problem as problem:
        return problem
    return None


def _proof(signed: Signed) -> Proof:
    assert isinstance(signed, Proof)  # of this document
    return signed


def _document(content: Carried, work: Work | None) -> Mapping[str, Any]:
    return load_json_object(content, limit=MAX_BYTES, work=work) if isinstance(content, bytes) else content
