"""Signing and verifying a document, whatever the cryptosuite (VC Data Integrity 4.2-4.5)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from keys import PublicKey, Signer
from wire import jcs
from wire.datetimestamp import format_datetimestamp
from wire.text import shortened
from wire.work import SIGNATURE, Work

from .problem import InvalidProof, UnknownCryptosuite
from .proof import Proof, proof_values, secured_part
from .suites import DATA_INTEGRITY, SUITES, Cryptosuite, DataIntegritySuite, listed

if TYPE_CHECKING:
    from ...vcdm.jsonld import Contexts


def sign(
    document: Mapping[str, Any],
    signer: Signer,
    *,
    verification_method: str,
    suite: str = "eddsa-rdfc-2022",
    purpose: str = "assertionMethod",
    created: datetime | None = None,
    expires: datetime | None = None,
    domain: str | Sequence[str] | None = None,
    challenge: str | None = None,
    nonce: str | None = None,
    proof_id: str | None = None,
    previous_proof: str | Sequence[str] | None = None,
    suites: Mapping[str, Cryptosuite] = SUITES,
    work: Work | None = None,
    contexts: Contexts | None = None,
) -> dict[str, Any]:
    """A copy of `document` with one more proof at the end of its `proof` array.

    Without `created` the proof has no time of its own. The array is the form that Open Badges 3.0
    asks for. `contexts` are those of `jsonld.vouched` or `load`, by default the vendored ones. Raises
    `Malformed` when the document would lose anything on its way to the signature, such as a member that is
    null or [], `UnknownCryptosuite` for a suite outside `suites`, or one that only verifies, and `TooLarge`
    where it costs more than `work`, by default as much as a whole report.
    """
    chosen = _suite(suite, suites)
    if not chosen.signs:
        raise UnknownCryptosuite.saying(
            "{suite} is verified, and nothing is signed with it", suite=shortened(suite)
        )
    options = {
        "type": DATA_INTEGRITY,
        "id": proof_id,
        "cryptosuite": suite,
        "created": created and format_datetimestamp(created),
        "expires": expires and format_datetimestamp(expires),
        "verificationMethod": verification_method,
        "proofPurpose": purpose,
        "domain": domain if domain is None or isinstance(domain, str) else list(domain),
        "challenge": challenge,
        "nonce": nonce,
        "previousProof": previous_proof
        if previous_proof is None or isinstance(previous_proof, str)
        else list(previous_proof),
    }
    options = {name: value for name, value in options.items() if value is not None}
    if not isinstance(chosen, DataIntegritySuite):  # which notices it on its way
        from ...vcdm.jsonld.canonical import require_no_silence

        require_no_silence(document, contexts)
    covered = secured_part(document, previous_proof or ())
    return {
        **document,
        "proof": [
            *proof_values(document),
            chosen.create(covered, options, signer, work or Work(), contexts),
        ],
    }


def verify_proof(
    document: Mapping[str, Any],
    proof: Proof,
    key: PublicKey,
    *,
    suites: Mapping[str, Cryptosuite] = SUITES,
    work: Work | None = None,
    contexts: Contexts | None = None,
    walked: Mapping[str, Any] | None = None,
) -> None:
    """Checks that `key` made `proof` over this document (VC Data Integrity 4.4).

    A context without a version is taken in the one edition that `contexts` has: `Contexts.editions` has more.

    `walked` is the document without its proofs, where `Reading.walked` has it.

    Purpose, controller, times, domain and challenge are the verifier's to check: they need knowledge
    from outside. Raises `InvalidProof`, `UnknownCryptosuite`, or `Malformed` where the document cannot
    be canonicalised without loss, `TooLarge` where that costs more than is left of `work`.
    """
    suite, work = _suite(proof.cryptosuite, suites), work or Work()
    work.spend(SIGNATURE)
    _require_own_context(document, proof.value, suite, work)
    covered = secured_part(document, proof.previous, work) if proof.previous or walked is None else walked
    suite.verify(covered, proof.value, key, work, contexts)


def _suite(name: str, suites: Mapping[str, Cryptosuite]) -> Cryptosuite:
    if name not in suites:
        raise UnknownCryptosuite.saying("the cryptosuite {name} is not supported", name=shortened(name))
    return suites[name]


def _require_own_context(
    document: Mapping[str, Any], proof: Mapping[str, Any], suite: Cryptosuite, work: Work
) -> None:
    """Raises unless a proof's own `@context` repeats the start of the document's, or is one of the suite's.

    Any other could give the members of the proof another meaning. In the suites of VC Data Integrity such a
    proof does not hold (VC-DI-EDDSA 3.3.2); of those before, it may be a good one.
    """
    if "@context" not in proof:
        return
    own, outer = listed(proof["@context"]), listed(document.get("@context", []))
    if own and all(name in suite.own_contexts for name in own):
        return
    if jcs.canonicalize(outer[: len(own)], work) == jcs.canonicalize(own, work):  # to Python, True equals 1
        return
    if suite.own_contexts:
        raise UnknownCryptosuite("proof.@context is neither the suite's nor the start of the document's")
    raise InvalidProof("proof.@context differs from the document's @context")
