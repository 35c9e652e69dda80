"""The cryptosuites: `eddsa-rdfc-2022`, `eddsa-jcs-2022`, `ecdsa-rdfc-2019`, `ecdsa-jcs-2019`, two old ones.

A suite is a composition of named parts: how to canonicalise, which keys, which hash for which key
(VC-DI-EDDSA 3.2, 3.3; VC-DI-ECDSA 3.2, 3.3). Another suite is another value passed in a mapping.
`Ed25519Signature2020` and `Ed25519Signature2018`, from before suites had names, are each one by its type
(W3C CCG, EdDSA Cryptosuite v2020 and Ed25519 Signature 2018). They are verified, and never made.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Protocol

from keys import InvalidSignature, PublicKey, Signer
from wire import Malformed, base58_decode, base58_encode, base64url_decode, jcs, load_json_object
from wire.strict import base58_digits
from wire.work import Work, base58_steps

from .problem import SIGNATURE_MISFIT, InvalidProof, UnknownCryptosuite

if TYPE_CHECKING:
    from ...slots import Canonical, Slots
    from ...vcdm.jsonld import Contexts


DATA_INTEGRITY = "DataIntegrityProof"
"""The type of proofs whose `cryptosuite` names the suite."""

_SECURITY = "https://w3id.org/security/v2"  # defines the members of all proofs before `cryptosuite`


class Cryptosuite(Protocol):
    """A suite, which makes and checks one kind of proof (VC Data Integrity 3.1)."""

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
    def unread(self) -> tuple[str, ...]:
        """The members of drafts before it: a proof that has one is of a kind that is not known here."""

    @property
    def own_contexts(self) -> Collection[str]:
        """The contexts that a proof may carry as its own, whatever the document's are."""

    @property
    def signs(self) -> bool:
        """True if new proofs are made with it."""

    @property
    def key_types(self) -> Collection[str]:
        """The types of key that it works with."""

    @property
    def covers_contexts(self) -> bool:
        """True if the signature covers `@context` as written, and so the meanings in inline contexts."""

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


class Canonicalize(Protocol):
    """Makes the canonical bytes of a JSON object."""

    def __call__(
        self,
        document: Mapping[str, Any],
        digest: str,
        work: Work,
        contexts: Contexts | None,
        *,
        recurs: bool = False,
        whole: bool = False,
    ) -> bytes:
        """`digest` names the hash used inside, where there is one; without contexts, those of
        `jsonld.secured()` are used. An object that `recurs`, as the options of proofs do that were made in
        one go, may be remembered. Raises `Malformed` where a `whole` one has a member that is null or [].
        """


# Characters of a signature that are decoded whatever the key's kind, which then says that it does not fit.
_SHORT_SIGNATURE = 140
_JWS_CHARACTERS = 1 << 12  # of each part: headers that are not taken have more in them, such as a kid
_JWS_HEADER = b'{"alg":"EdDSA","b64":false,"crit":["b64"]}'


def _rdfc(
    document: Mapping[str, Any],
    digest: str,
    work: Work,
    contexts: Contexts | None,
    *,
    recurs: bool = False,
    whole: bool = False,
) -> bytes:
    source = document if isinstance(document, dict) else dict(document)  # its statements may be known
    form = _processor()
    return form(source, contexts=contexts, digest=digest, work=work, recurs=recurs, whole=whole)


@functools.cache  # a statement that imports takes its time
def _processor() -> Callable[..., bytes]:
    from ...vcdm import jsonld  # only here: who keeps and shows credentials needs no contexts

    return jsonld.canonicalize


def _jcs(
    document: Mapping[str, Any],
    digest: str,  # noqa: ARG001 -- there is none inside
    work: Work,
    contexts: Contexts | None,
    *,
    recurs: bool = False,  # noqa: ARG001 -- it takes no longer than to look it up
    whole: bool = False,
) -> bytes:
    text, says_all = jcs.canonical_form(document, work)
    if whole and not says_all:
        from ...vcdm.jsonld.canonical import require_no_silence

        require_no_silence(document, contexts)
    return text


Compile = Callable[["Mapping[str, Any]", "Slots", str, "Contexts | None"], "Canonical | None"]
"""From a document that holds the markers of slots to what canonicalises others of its shape.

The text is the digest, as `Canonicalize` has it. `None` where only the general path does it.
"""


def _rdfc_skeleton(
    document: Mapping[str, Any], slots: Slots, digest: str, contexts: Contexts | None
) -> Canonical | None:
    # Imported lazily: only the issuer compiles skeletons.
    from ...vcdm.jsonld.skeleton import canonical_skeleton

    return canonical_skeleton(document, slots, digest, contexts)


def _jcs_skeleton(
    document: Mapping[str, Any],
    slots: Slots,
    digest: str,  # noqa: ARG001 -- there is none inside
    contexts: Contexts | None,  # noqa: ARG001 -- JCS reads none
) -> Canonical | None:
    form = slots.format(jcs.canonicalize(document).decode())
    return (lambda filled: form(filled.json)) if form else None


Decode = Callable[[str, int, Work], tuple[bytes, bytes]]
"""From the member that holds the signature to it, and to the bytes signed before the hashes.

The number is that of the bytes in a signature by this key. Raises `InvalidProof`, `UnknownCryptosuite` for a
signature by another algorithm, and `TooLarge` where decoding costs more than is left of the work.
"""


def _multibase(value: str, size: int, work: Work) -> tuple[bytes, bytes]:
    """The signature of `proofValue`, in base58btc (VC Data Integrity 2.1); it is over the hashes alone."""
    # Threat 24: a signature has one written form.
    if not value.startswith("z"):
        raise InvalidProof("proof.proofValue is not base58btc (it has to begin with z)")
    # Threat 24: to decode base58 takes time by the square of its length; so it is charged and cut first.
    limit = max(_SHORT_SIGNATURE, base58_digits(size))
    work.spend(base58_steps(min(len(value), limit)))
    try:
        return base58_decode(value[1:], limit=limit), b""
    except Malformed as problem:
        raise InvalidProof("proof.proofValue is not base58btc") from problem


def _detached_jws(value: str, size: int, _work: Work) -> tuple[bytes, bytes]:
    """The signature of `jws`, detached and over an unencoded payload (RFC 7515 appendix F, RFC 7797).

    The header is signed, and has one form. Any other could name another algorithm or have the payload read
    in another way, so that what was signed elsewhere would count here as a proof.
    """
    header, _, signature = value.partition("..")
    try:
        read = jcs.canonicalize(load_json_object(base64url_decode(header, limit=_JWS_CHARACTERS)))
        raw = base64url_decode(signature, limit=max(_JWS_CHARACTERS, 2 * size))
    except Malformed as problem:
        raise InvalidProof("proof.jws is not a detached JWS") from problem
    # Threat 24b.
    if read != _JWS_HEADER:  # compared as text: to Python, 0 equals false
        raise UnknownCryptosuite.saying(
            "the header of proof.jws is not {header}", header=_JWS_HEADER.decode()
        )
    return raw, f"{header}.".encode()


def listed(context: object) -> list[Any]:
    """The contexts of an `@context`, which is one or an array of them."""
    return context if isinstance(context, list) else [context]


def proof_value(signer: Signer, hashes: bytes) -> str:
    """The `proofValue` over hash(proof options) ‖ hash(document), in base58btc (VC Data Integrity 2.1)."""
    return "z" + base58_encode(signer.sign(hashes))


def same_contexts(context: object, other: object, work: Work | None = None) -> bool:
    """True if two `@context` are the same JSON. Only texts are compared with ==, to which True equals 1."""
    # Threat F7: everything but texts is compared as JSON.
    if {*map(type, listed(context))} == {str}:
        return context == other
    return jcs.canonicalize(context, work) == jcs.canonicalize(other, work)


@dataclass(frozen=True, eq=False)
class DataIntegritySuite:
    """A suite that signs hash(proof options) ‖ hash(document)."""

    name: str
    canonicalize: Canonicalize
    covers_contexts: bool
    """As the JCS suites do, whose proofs therefore carry the document's `@context` (VC-DI-EDDSA 3.3.1)."""
    digests: Mapping[str, str]
    """Key type to the hash used with it."""
    proof_type: str = DATA_INTEGRITY
    required: tuple[str, ...] = ("proofValue",)
    """The first holds the signature."""
    unread: tuple[str, ...] = ()
    signs: bool = True
    contexts: tuple[str, ...] = ()
    """The contexts that define its own type of proof, if it has one; document or proof names one of them."""
    decode: Decode = _multibase
    skeleton: Compile | None = None
    """Compiles what `canonicalize` does for documents of one shape."""

    @property
    def key_types(self) -> Collection[str]:
        """The types of key that it works with."""
        return self.digests.keys()

    @property
    def own_contexts(self) -> Collection[str]:
        """Those that define its type, and the one that defines the members of every old proof."""
        return (*self.contexts, _SECURITY) if self.contexts else ()

    def create(
        self,
        document: Mapping[str, Any],
        options: Mapping[str, Any],
        signer: Signer,
        work: Work,
        contexts: Contexts | None = None,
    ) -> dict[str, Any]:
        """The finished proof. Raises `Malformed` where the document would lose anything."""
        digest = self._digest_for(signer.public_key)
        # VC-DI-EDDSA 3.2.5: the options are read by the contexts of the document.
        context = {"@context": document["@context"]} if "@context" in document else {}
        hashes = self._hash_data(document, {**options, **context}, digest, work, contexts, whole=True)
        signature = proof_value(signer, hashes)
        return {**options, **(context if self.covers_contexts else {}), "proofValue": signature}

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
        member, *_ = self.required
        signature, prefix = self.decode(proof[member], key.kind.signature, work)
        options = {name: value for name, value in proof.items() if name != member}
        if not self.covers_contexts:
            options["@context"] = self._context(document, proof)
        # VC-DI-EDDSA 3.3.2: what was signed are the contexts that the proof repeats.
        elif "@context" in proof:
            document = {**document, "@context": proof["@context"]}
        try:
            # Threats 36 and 37: one signature over both hashes, so that neither options nor document can be
            # exchanged.
            key.verify(signature, prefix + self._hash_data(document, options, digest, work, contexts))
        except InvalidSignature:
            raise SIGNATURE_MISFIT(
                "the signature does not fit: the content was changed after signing, or another key signed it"
            ) from None

    def _digest_for(self, key: PublicKey) -> str:
        # Threat 23: each suite names the types of its keys; by another it would be another algorithm.
        if key.type not in self.digests:
            raise InvalidProof.saying(
                "{suite} does not work with keys of type {key_type}", suite=self.name, key_type=key.type
            )
        return self.digests[key.type]

    def _context(self, document: Mapping[str, Any], proof: Mapping[str, Any]) -> Any:
        """The `@context` by which the options of a proof over RDF are read.

        It is the document's, unless the proof brings a known one that defines its type.
        """
        inner, outer = proof.get("@context", []), document.get("@context", [])
        names = listed(inner)
        # Threat R6: an own context counts where it defines this type, and nothing unknown stands beside it.
        is_known = any(name in self.contexts for name in names) and all(
            name in self.own_contexts for name in names
        )
        # Only by contexts that are known to define this type: any other could mean something else by it (R6).
        if is_known and names != listed(outer)[: len(names)]:
            return inner
        if self.contexts and not any(name in self.contexts for name in listed(outer)):
            # Otherwise an inline context could call anything a proof of this type.
            raise UnknownCryptosuite.saying(
                "@context lacks {context}, which says what {suite} is",
                context=self.contexts[0],
                suite=self.name,
            )
        return outer

    def _hash_data(
        self,
        document: Mapping[str, Any],
        options: Mapping[str, Any],
        digest: str,
        work: Work,
        contexts: Contexts | None,
        *,
        whole: bool = False,
    ) -> bytes:
        hasher = getattr(hashlib, digest)  # half the time of hashlib.new
        first = self.canonicalize(options, digest, work, contexts, recurs=True)
        second = self.canonicalize(document, digest, work, contexts, whole=whole)
        # VC-DI-EDDSA 3.2.4: the options come first.
        return bytes(hasher(first).digest() + hasher(second).digest())


_EDDSA = MappingProxyType({"Ed25519": "sha256"})
_ECDSA = MappingProxyType({"P-256": "sha256", "P-384": "sha384"})

SUITES: Mapping[str, Cryptosuite] = MappingProxyType(
    {
        suite.name: suite
        for suite in (
            DataIntegritySuite(
                "eddsa-rdfc-2022", _rdfc, covers_contexts=False, digests=_EDDSA, skeleton=_rdfc_skeleton
            ),
            DataIntegritySuite(
                "eddsa-jcs-2022", _jcs, covers_contexts=True, digests=_EDDSA, skeleton=_jcs_skeleton
            ),
            DataIntegritySuite(
                "ecdsa-rdfc-2019", _rdfc, covers_contexts=False, digests=_ECDSA, skeleton=_rdfc_skeleton
            ),
            DataIntegritySuite(
                "ecdsa-jcs-2019", _jcs, covers_contexts=True, digests=_ECDSA, skeleton=_jcs_skeleton
            ),
            DataIntegritySuite(
                "Ed25519Signature2020",
                _rdfc,
                covers_contexts=False,
                digests=_EDDSA,
                proof_type="Ed25519Signature2020",
                required=("proofValue", "created"),
                signs=False,
                contexts=("https://w3id.org/security/suites/ed25519-2020/v1",),
            ),
            DataIntegritySuite(
                "Ed25519Signature2018",
                _rdfc,
                covers_contexts=False,
                digests=_EDDSA,
                proof_type="Ed25519Signature2018",
                required=("jws", "created"),
                unread=("creator", "proofValue", "signatureValue"),
                signs=False,
                contexts=(
                    "https://w3id.org/security/suites/ed25519-2018/v1",
                    "https://www.w3.org/2018/credentials/v1",
                    "https://w3id.org/security/v1",
                    _SECURITY,
                ),
                decode=_detached_jws,
            ),
        )
    }
)
"""The suites that are used unless a caller passes others."""

SUITES_BY_KEY: Mapping[str, str] = MappingProxyType(
    {"Ed25519": "eddsa-rdfc-2022", "P-256": "ecdsa-rdfc-2019"}
)
"""The types of key that issuers and holders may have, each with the suite that most programs know."""
