"""The cryptosuites: `eddsa-rdfc-2022`, `eddsa-jcs-2022`, `ecdsa-rdfc-2019`, `ecdsa-jcs-2019`, and an old one.

A suite is a composition of named parts: how to canonicalise, which keys, which hash for which key
(VC-DI-EDDSA 3.2, 3.3; VC-DI-ECDSA 3.2, 3.3). Another suite is another value passed in a mapping.
`Ed25519Signature2020`, from before suites had names, is one by its type (W3C CCG, EdDSA Cryptosuite v2020).
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Protocol

from keys import InvalidSignature, PublicKey, Signer
from wire import Malformed, base58_decode, base58_encode
from wire.work import Work

from .. import jcs
from .problem import InvalidProof, SignatureMisfit, UnknownCryptosuite

if TYPE_CHECKING:
    from ..jsonld import Contexts


DATA_INTEGRITY = "DataIntegrityProof"
"""The type of proofs whose `cryptosuite` names the suite."""


class Cryptosuite(Protocol):
    """How one kind of proof is made and checked (VC Data Integrity 3.1)."""

    @property
    def name(self) -> str:
        """The value of `cryptosuite` in a proof, or of `type`, where its proofs have one of their own."""

    @property
    def proof_type(self) -> str:
        """The `type` of its proofs."""

    @property
    def required(self) -> tuple[str, ...]:
        """The members, all texts, that its proofs have beside those that every proof has."""

    @property
    def signs(self) -> bool:
        """Whether new proofs are made with it."""

    @property
    def key_types(self) -> Collection[str]:
        """The types of key that it works with."""

    @property
    def covers_contexts(self) -> bool:
        """Whether the signature covers `@context` as written, and so what inline contexts say terms mean."""

    def create(
        self,
        document: Mapping[str, Any],
        options: Mapping[str, Any],
        signer: Signer,
        work: Work,
        contexts: Contexts | None = None,
    ) -> dict[str, Any]:
        """The proof, `options` and `proofValue`, that secures `document`, given without its own proof.

        `TooLarge` where that costs more than is left of `work`.
        """

    def verify(
        self,
        document: Mapping[str, Any],
        proof: Mapping[str, Any],
        key: PublicKey,
        work: Work,
        contexts: Contexts | None = None,
    ) -> None:
        """Raises `InvalidProof` unless `key` made `proof` over `document`, given without its own proof.

        `TooLarge` where finding out costs more than is left of `work`.
        """


Canonicalize = Callable[[Mapping[str, Any], str, Work, "Contexts | None", bool], bytes]
"""Canonical bytes of a JSON object; the text names the hash used inside, where there is one.

Without contexts, those of `jsonld.secured()` are used. The last argument says whether the same object recurs,
as the options of proofs do that were made in one go.
"""

_SIGNATURE_CHARACTERS = 140  # base58btc of 96 bytes, the longest signature (P-384), needs 132


def _rdfc(
    document: Mapping[str, Any], digest: str, work: Work, contexts: Contexts | None, recurs: bool
) -> bytes:
    return _processor()(dict(document), contexts=contexts, digest=digest, work=work, recurs=recurs)


@functools.cache  # a statement that imports takes its time
def _processor() -> Callable[..., bytes]:
    from .. import jsonld  # only here: who keeps and shows credentials needs no contexts

    return jsonld.canonicalize


def _jcs(
    document: Mapping[str, Any], _digest: str, work: Work, _contexts: Contexts | None, _recurs: bool
) -> bytes:
    return jcs.canonicalize(document, work)


@dataclass(frozen=True)
class DataIntegritySuite:
    """A suite that signs hash(proof options) ‖ hash(document), and writes the signature in base58btc."""

    name: str
    canonicalize: Canonicalize
    covers_contexts: bool
    """As the JCS suites do, whose proofs therefore carry the document's `@context` (VC-DI-EDDSA 3.3.1)."""
    digests: Mapping[str, str]
    """Key type to the hash used with it."""
    proof_type: str = DATA_INTEGRITY
    required: tuple[str, ...] = ()
    signs: bool = True
    context: str = ""
    """The context that says what its proofs mean, which the document has to name."""

    @property
    def key_types(self) -> Collection[str]:
        """The types of key that it works with."""
        return self.digests.keys()

    def create(
        self,
        document: Mapping[str, Any],
        options: Mapping[str, Any],
        signer: Signer,
        work: Work,
        contexts: Contexts | None = None,
    ) -> dict[str, Any]:
        """The finished proof. Raises `Malformed` where the document would lose anything."""
        if self.covers_contexts and "@context" in document:
            options = {**options, "@context": document["@context"]}
        digest = self._digest_for(signer.public_key)
        signature = signer.sign(self._hash_data(document, options, digest, work, contexts))
        return {**options, "proofValue": "z" + base58_encode(signature)}

    def verify(
        self,
        document: Mapping[str, Any],
        proof: Mapping[str, Any],
        key: PublicKey,
        work: Work,
        contexts: Contexts | None = None,
    ) -> None:
        """Raises `InvalidProof`, or `Malformed` where the document cannot be canonicalised without loss."""
        digest = self._digest_for(key)
        self._require_context(document)
        value: str = proof["proofValue"]
        if not value.startswith("z"):
            raise InvalidProof("proof.proofValue is not base58btc (it has to begin with z)")
        try:
            signature = base58_decode(value[1:], limit=_SIGNATURE_CHARACTERS)
        except Malformed as problem:
            raise InvalidProof("proof.proofValue is not base58btc") from problem
        if self.covers_contexts and "@context" in proof:
            document = {**document, "@context": proof["@context"]}
        options = {name: member for name, member in proof.items() if name != "proofValue"}
        try:
            key.verify(signature, self._hash_data(document, options, digest, work, contexts))
        except InvalidSignature:
            raise SignatureMisfit(
                "the signature does not fit: the content was changed after signing, or another key signed it"
            ) from None

    def _digest_for(self, key: PublicKey) -> str:
        if key.type not in self.digests:
            raise InvalidProof.saying(
                "{suite} does not work with keys of type {key_type}", suite=self.name, key_type=key.type
            )
        return self.digests[key.type]

    def _require_context(self, document: Mapping[str, Any]) -> None:
        named = document.get("@context")
        if self.context and self.context not in (named if isinstance(named, list) else [named]):
            raise UnknownCryptosuite.saying(
                "@context lacks {context}, which says what {suite} is", context=self.context, suite=self.name
            )

    def _hash_data(
        self,
        document: Mapping[str, Any],
        options: Mapping[str, Any],
        digest: str,
        work: Work,
        contexts: Contexts | None,
    ) -> bytes:
        if not self.covers_contexts and "@context" in document:
            options = {**options, "@context": document["@context"]}
        hasher = getattr(hashlib, digest)  # half the time of hashlib.new
        first = self.canonicalize(options, digest, work, contexts, True)
        second = self.canonicalize(document, digest, work, contexts, False)
        return bytes(hasher(first).digest() + hasher(second).digest())


_EDDSA = MappingProxyType({"Ed25519": "sha256"})
_ECDSA = MappingProxyType({"P-256": "sha256", "P-384": "sha384"})

SUITES: Mapping[str, Cryptosuite] = MappingProxyType(
    {
        suite.name: suite
        for suite in (
            DataIntegritySuite("eddsa-rdfc-2022", _rdfc, covers_contexts=False, digests=_EDDSA),
            DataIntegritySuite("eddsa-jcs-2022", _jcs, covers_contexts=True, digests=_EDDSA),
            DataIntegritySuite("ecdsa-rdfc-2019", _rdfc, covers_contexts=False, digests=_ECDSA),
            DataIntegritySuite("ecdsa-jcs-2019", _jcs, covers_contexts=True, digests=_ECDSA),
            DataIntegritySuite(
                "Ed25519Signature2020",
                _rdfc,
                covers_contexts=False,
                digests=_EDDSA,
                proof_type="Ed25519Signature2020",
                required=("created",),
                signs=False,
                context="https://w3id.org/security/suites/ed25519-2020/v1",
            ),
        )
    }
)
"""The suites that are used unless a caller passes others."""

SUITES_BY_KEY: Mapping[str, str] = MappingProxyType(
    {"Ed25519": "eddsa-rdfc-2022", "P-256": "ecdsa-rdfc-2019"}
)
"""The types of key that issuers and holders may have, each with the suite that most programs know."""
