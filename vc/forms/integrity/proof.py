"""One Data Integrity proof: what it covers, how it is made and checked (VC Data Integrity 2.1, 4.2 to 4.5).

Most proofs cover the document without its proofs. A proof with `previousProof` also covers the
proofs that it names (2.1.2 proof chains).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from keys import PublicKey, Signer
from wire import Malformed, TooLarge, jcs
from wire.datetimestamp import format_datetimestamp, parse_datetime
from wire.text import shortened
from wire.work import SIGNATURE, Work

from .problem import InvalidProof, UnknownCryptosuite
from .suites import DATA_INTEGRITY, SUITES, Cryptosuite, DataIntegritySuite, listed, same_contexts

if TYPE_CHECKING:
    from ...vcdm.jsonld import Contexts

# Threat 62.
MAX_PROOFS = 8
"""A document with more proofs is refused: each costs two canonicalisations and a signature check."""


class Proof(NamedTuple):
    """A read-only view of one entry of `proof`, its members checked for form, not yet for truth."""

    value: Mapping[str, Any]
    cryptosuite: str
    """The name of its suite."""
    verification_method: str
    purpose: str
    id: str | None
    created: datetime | None
    expires: datetime | None
    domain: tuple[str, ...]
    challenge: str | None
    previous: tuple[str, ...]

    @property
    def algorithm(self) -> str:
        """Its suite, as signatures of every form have one (`vc.secured.Signed`)."""
        return self.cryptosuite

    @classmethod
    def parse(
        cls, value: object, where: str = "proof", *, suites: Mapping[str, Cryptosuite] = SUITES
    ) -> Proof:
        """Reads one proof; raises `Malformed`, or `UnknownCryptosuite` for one of a suite that is not known.

        A suite is named by `cryptosuite`, or by a type of its own.
        """
        if not isinstance(value, dict):
            raise Malformed.saying("{where} is not an object", where=where)
        kind = value.get("type")
        # VC Data Integrity 2.1: required; without it nobody knows the rules of the proof.
        if kind is None:
            raise UnknownCryptosuite.saying("{where} has no type, by which it could be read", where=where)
        suite = value.get("cryptosuite") if kind == DATA_INTEGRITY else kind
        # VC Data Integrity 2.1: required with this type.
        if kind == DATA_INTEGRITY and (not isinstance(suite, str) or not suite):
            raise Malformed.saying("{where}.cryptosuite is missing or not a text", where=where)
        row = suites.get(suite) if isinstance(suite, str) else None
        # Threat 24b: `Ed25519Signature2020` as a `cryptosuite` is no suite; that one is named by its type
        # alone.
        if row is None or row.proof_type != kind:
            what = "the cryptosuite" if kind == DATA_INTEGRITY else "a proof of the type"
            raise UnknownCryptosuite.saying(
                "{what} {suite} is not supported", what=what, suite=shortened(str(suite))
            )
        # ADR 14: proofs of drafts follow other rules, by which they may hold.
        for name in row.unread:
            if name in value:
                raise UnknownCryptosuite.saying(
                    "{where} has a {name}, by which {suite} is not read", where=where, name=name, suite=suite
                )
        # VC Data Integrity 2.1: every proof has to have these.
        for name in ("verificationMethod", "proofPurpose", *row.required):
            if not isinstance(value.get(name), str) or not value[name]:
                raise Malformed.saying("{where}.{name} is missing or not a text", where=where, name=name)
        for name in ("id", "challenge", "nonce"):
            # VC Data Integrity 2.1: each is a string, and a challenge is compared as one.
            if name in value and not isinstance(value[name], str):
                raise Malformed.saying("{where}.{name} is not a text", where=where, name=name)
        moments = {  # without a time zone they are UTC (VC Data Integrity 2.1)
            name: parse_datetime(value[name], f"{where}.{name}").utc if name in value else None
            for name in ("created", "expires")
        }
        return cls(
            value,
            str(suite),
            value["verificationMethod"],
            value["proofPurpose"],
            value.get("id"),
            moments["created"],
            moments["expires"],
            _texts(value, "domain", where),
            value.get("challenge"),
            _texts(value, "previousProof", where),
        )


def _texts(value: Mapping[str, Any], name: str, where: str) -> tuple[str, ...]:
    """The member `name`, which is absent, one text or a list of texts."""
    if name not in value:
        return ()
    items = value[name] if isinstance(value[name], list) else [value[name]]
    # VC Data Integrity 2.1: a string, or an unordered set of strings.
    if not items or not all(isinstance(item, str) and item for item in items):
        raise Malformed.saying("{where}.{name} is neither a text nor a list of texts", where=where, name=name)
    return tuple(items)


def proof_values(document: Mapping[str, Any], work: Work | None = None) -> list[Any]:
    """The entries of `proof` as they stand, each once; none without.

    Raises `Malformed`, and `TooLarge` beyond the limit.
    """
    proof = document.get("proof", [])
    values = proof if isinstance(proof, list) else [proof]
    # It would look secured, with nothing to verify.
    if "proof" in document and not values:
        raise Malformed("proof is an empty list")
    # Threat 62.
    if len(values) > MAX_PROOFS:
        raise TooLarge.saying(
            "proof has {entries} entries; at most {most} are read", entries=len(values), most=MAX_PROOFS
        )
    if len(values) < 2:
        return values
    # Threat 37: the same proof twice is one proof.
    return list({jcs.canonicalize(value, work): value for value in values}.values())


def secured_part(
    document: Mapping[str, Any], previous: str | Sequence[str], work: Work | None = None
) -> dict[str, Any]:
    """The part that a proof covers: the document without `proof`, plus the `previous` proofs it names (4.5).

    Raises `InvalidProof` where a named proof is missing, its id is taken twice, or the chain is a circle.
    """
    covered = {name: value for name, value in document.items() if name != "proof"}
    if previous:
        covered["proof"] = _chain(
            (previous,) if isinstance(previous, str) else tuple(previous), proof_values(document, work)
        )
    return covered


def _chain(previous: tuple[str, ...], values: Sequence[Any]) -> list[Any]:
    by_id: dict[str, Mapping[str, Any]] = {}
    for value in values:
        if isinstance(value, dict) and isinstance(value.get("id"), str):
            # Threat 36: a proof that builds on this id would be read as building on either.
            if value["id"] in by_id:
                raise InvalidProof.saying("two proofs have the id {id}", id=shortened(value["id"]))
            by_id[value["id"]] = value

    done = set[str]()

    def follow(names: tuple[str, ...], path: frozenset[str]) -> None:
        for name in names:
            # Threat 36: a proof on which this one builds was taken away.
            if name not in by_id:
                raise InvalidProof.saying(
                    "previousProof names {name}, which is not among the proofs", name=shortened(name)
                )
            # Threat 36: a circle, which has no proof that could be checked first.
            if name in path:
                raise InvalidProof.saying("the chain of proofs leads back to {name}", name=shortened(name))
            if name not in done:
                follow(_texts(by_id[name], "previousProof", "proof"), path | {name})
                done.add(name)

    follow(previous, frozenset())
    return [by_id[value["id"]] for value in values if isinstance(value, dict) and value.get("id") in previous]


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

    Without `created` the proof has no time of its own. The array is the form that Open Badges 3.0 asks for.
    `contexts` are those of `jsonld.vouched` or `load`, by default the vendored ones. Raises `Malformed` when
    the document would lose anything on its way to the signature, such as a member that is null or []. Raises
    `UnknownCryptosuite` for a suite outside `suites`, or one that only verifies, and `TooLarge` where it
    costs more than `work`, by default as much as a whole report.
    """
    chosen = _suite(suite, suites)
    # Older suites are only read: nothing new may depend on them.
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
    # ADR 23: charged before it is done.
    work.spend(SIGNATURE)
    _require_own_context(document, proof.value, suite, work)
    covered = secured_part(document, proof.previous, work) if proof.previous or walked is None else walked
    suite.verify(covered, proof.value, key, work, contexts)


def _suite(name: str, suites: Mapping[str, Cryptosuite]) -> Cryptosuite:
    # ADR 5: only suites that were passed in are used.
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
    inner, outer = listed(proof["@context"]), listed(document.get("@context", []))
    # Threat R6.
    if inner and all(name in suite.own_contexts for name in inner):
        return
    # Threat F7: compared as JSON, where true is not 1.
    if same_contexts(inner, outer[: len(inner)], work):
        return
    if suite.own_contexts:
        raise UnknownCryptosuite("proof.@context is neither the suite's nor the start of the document's")
    raise InvalidProof("proof.@context differs from the document's @context")
