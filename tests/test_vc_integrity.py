"""Data Integrity proofs: the W3C vectors, chains, and that no change to a signed document goes unnoticed."""

from __future__ import annotations

import copy
import hashlib
import json
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import product
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from keys import PrivateKey, PublicKey
from vc import SUITES, InvalidProof, Proof, UnknownCryptosuite, sign, verify_proof
from vc.forms.integrity import MAX_PROOFS, proof_values
from vc.vcdm.jsonld import Contexts, vouched
from wire import Malformed, Problem, TooLarge, base58_encode, jcs
from wire.work import Work

CREATED = datetime(2026, 6, 30, tzinfo=UTC)
KEYS = {name: PrivateKey.generate(name) for name in ("Ed25519", "P-256", "P-384")}
COMBINATIONS = [
    (suite, key)
    for suite, found in SUITES.items()
    if found.signs
    for key in (["Ed25519"] if suite.startswith("eddsa") else ["P-256", "P-384"])
]
DOCUMENT: dict[str, Any] = {
    "@context": [
        "https://www.w3.org/ns/credentials/v2",
        "https://purl.imsglobal.org/spec/ob/v3p0/context-3.0.3.json",
    ],
    "id": "urn:uuid:58172aac-d8ba-11ed-83dd-0b3aef56cc33",
    "type": ["VerifiableCredential", "OpenBadgeCredential"],
    "issuer": {"id": "did:example:issuer", "type": ["Profile"], "name": "Example University"},
    "validFrom": "2026-06-30T00:00:00Z",
    "credentialSubject": {
        "type": ["AchievementSubject"],
        "creditsEarned": 120.5,
        "achievement": {
            "id": "urn:uuid:58172aac-d8ba-11ed-83dd-0b3aef56cc34",
            "type": ["Achievement"],
            "name": "Master of Science",
            "description": "A degree",
            "criteria": {"narrative": "Everything passed"},
        },
    },
}


def signed(
    suite: str = "eddsa-rdfc-2022", key: str = "Ed25519", document: dict[str, Any] = DOCUMENT, **options: Any
) -> dict[str, Any]:
    return sign(
        document,
        KEYS[key],
        verification_method="did:example:issuer#key",
        suite=suite,
        created=CREATED,
        **options,
    )


def verify(document: dict[str, Any], key: PublicKey, number: int = 0) -> None:
    verify_proof(document, Proof.parse(proof_values(document)[number]), key)


@pytest.mark.parametrize(("suite", "key"), COMBINATIONS)
def test_what_is_signed_verifies(suite: str, key: str) -> None:
    document = signed(suite, key)
    verify(document, KEYS[key].public_key)
    assert isinstance(document["proof"], list), "Open Badges 3.0 asks for an array"
    assert "proof" not in DOCUMENT


@pytest.mark.parametrize(("suite", "key"), COMBINATIONS)
def test_another_key_does_not_verify(suite: str, key: str) -> None:
    with pytest.raises(InvalidProof):
        verify(signed(suite, key), PrivateKey.generate(key).public_key)


@pytest.mark.parametrize(("suite", "key"), COMBINATIONS)
def test_a_key_of_another_type_is_refused(suite: str, key: str) -> None:
    wrong = "P-256" if key == "Ed25519" else "Ed25519"
    with pytest.raises(InvalidProof, match="does not work with keys"):
        verify(signed(suite, key), KEYS[wrong].public_key)


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if isinstance(value, dict | list):
        for step, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from leaves(item, (*path, step))
    else:
        yield path


def changed(document: dict[str, Any], path: tuple[Any, ...], value: Any) -> dict[str, Any]:
    document = copy.deepcopy(document)
    inner: Any = document
    for step in path[:-1]:
        inner = inner[step]
    if value is ...:
        del inner[path[-1]]
    else:
        inner[path[-1]] = value
    return document


@pytest.mark.slow
@pytest.mark.parametrize("suite", ["eddsa-rdfc-2022", "eddsa-jcs-2022"])
@given(data=st.data())
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_no_changed_value_verifies(suite: str, data: st.DataObject) -> None:
    document = signed(suite, "Ed25519")
    path = data.draw(st.sampled_from(sorted(leaves(document), key=str)))
    value = data.draw(
        st.one_of(
            st.just(...), st.text(max_size=9), st.integers(-9, 9), st.booleans(), st.none(), st.just([])
        )
    )
    altered = changed(document, path, value)
    if altered == document and json.dumps(altered) == json.dumps(document):
        return
    with pytest.raises(Problem):
        verify(altered, KEYS["Ed25519"].public_key)


@pytest.mark.parametrize("suite", ["eddsa-rdfc-2022", "eddsa-jcs-2022"])
def test_no_added_member_goes_unnoticed(suite: str) -> None:
    for extra in ({"undefinedTerm": "x"}, {"name": "x"}, {"description": "PhD in everything"}):
        with pytest.raises(Problem):
            verify({**signed(suite), **extra}, KEYS["Ed25519"].public_key)


@pytest.mark.parametrize("suite", ["eddsa-rdfc-2022", "eddsa-jcs-2022"])
def test_a_proof_moved_to_another_document_does_not_verify(suite: str) -> None:
    other = {**DOCUMENT, "id": "urn:uuid:58172aac-d8ba-11ed-83dd-0b3aef56cc35"}
    with pytest.raises(InvalidProof):
        verify({**other, "proof": signed(suite)["proof"]}, KEYS["Ed25519"].public_key)


@pytest.mark.parametrize("suite", ["eddsa-rdfc-2022", "eddsa-jcs-2022"])
@pytest.mark.parametrize("other", [{"created": "https://example.org/other"}, "https://example.org/other"])
def test_terms_cannot_be_redefined_inside_the_proof(suite: str, other: object) -> None:
    document = signed(suite)
    document["proof"][0]["@context"] = [other]
    with pytest.raises(InvalidProof, match="@context"):
        verify(document, KEYS["Ed25519"].public_key)


def test_a_jcs_proof_carries_the_context_and_later_contexts_may_follow() -> None:
    document = signed("eddsa-jcs-2022")
    assert document["proof"][0]["@context"] == DOCUMENT["@context"]
    document["@context"] = [*DOCUMENT["@context"], "https://www.w3.org/ns/credentials/examples/v2"]
    verify(document, KEYS["Ed25519"].public_key)


def test_what_a_proof_costs_comes_off_the_budget_that_is_handed_in() -> None:
    document, work = signed(), Work()
    proof, before = Proof.parse(document["proof"][0]), work.left
    verify_proof(document, proof, KEYS["Ed25519"].public_key, work=work)
    cost = before - work.left
    assert cost > 0
    with pytest.raises(TooLarge):
        verify_proof(document, proof, KEYS["Ed25519"].public_key, work=Work(cost - 1))


def test_a_document_without_context_can_be_signed_with_jcs() -> None:
    document = signed("eddsa-jcs-2022", document={"any": "JSON"})
    verify(document, KEYS["Ed25519"].public_key)
    with pytest.raises(InvalidProof):
        verify({**document, "any": "json"}, KEYS["Ed25519"].public_key)


def test_a_document_that_would_lose_something_is_not_signed() -> None:
    with pytest.raises(Malformed, match="undefinedTerm"):
        signed(document={**DOCUMENT, "undefinedTerm": "x"})
    silences: tuple[Any, ...] = (None, [])
    suites = {**SUITES, "of-a-stranger": SimpleNamespace(signs=True)}  # which looks for nothing itself
    for silence, suite in product(silences, ("eddsa-rdfc-2022", "eddsa-jcs-2022", "of-a-stranger")):
        with pytest.raises(Malformed, match="null or"):
            signed(suite, document={**DOCUMENT, "name": silence}, suites=suites)
    with pytest.raises(Malformed, match="null or"):
        signed(document={**DOCUMENT, "credentialSubject": {"id": "urn:x", "name": "x", "type": []}})
    with pytest.raises(Malformed):
        signed(document={**DOCUMENT, "id": 2**70})


@pytest.mark.parametrize(
    "value", ["", "u" + "A" * 86, "z", "z0OIl", "z" + "1" * 200, "z3\n", "z" + "2" * 50, "zz" * 43]
)
def test_a_broken_proof_value_is_refused(value: str) -> None:
    document = signed()
    document["proof"][0]["proofValue"] = value
    with pytest.raises((InvalidProof, Malformed)):
        verify(document, KEYS["Ed25519"].public_key)


@pytest.mark.parametrize("letter", ["u", "Z", "1", "zz"])
def test_a_proof_value_has_one_spelling(letter: str) -> None:
    document = signed()
    proof = document["proof"][0]
    proof["proofValue"] = letter + proof["proofValue"].removeprefix("z")
    with pytest.raises(InvalidProof):
        verify(document, KEYS["Ed25519"].public_key)


def test_a_proof_under_rdf_that_repeats_the_first_contexts_means_the_same() -> None:
    document = signed()
    for contexts in (DOCUMENT["@context"][:1], DOCUMENT["@context"]):
        document["proof"][0]["@context"] = contexts
        verify(document, KEYS["Ed25519"].public_key)


def test_a_jcs_proof_of_another_program_may_come_without_contexts() -> None:
    """It then covers the document with all of its contexts, and has none among its own options."""
    options = {
        "type": "DataIntegrityProof",
        "cryptosuite": "eddsa-jcs-2022",
        "verificationMethod": "did:example:issuer#key",
        "proofPurpose": "assertionMethod",
    }
    hashed = b"".join(hashlib.sha256(jcs.canonicalize(part)).digest() for part in (options, DOCUMENT))
    value = "z" + base58_encode(KEYS["Ed25519"].sign(hashed))
    document = {**DOCUMENT, "proof": {**options, "proofValue": value}}
    verify(document, KEYS["Ed25519"].public_key)
    with pytest.raises(InvalidProof):
        verify({**document, "@context": DOCUMENT["@context"][:1]}, KEYS["Ed25519"].public_key)


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"cryptosuite": None}, "cryptosuite"),
        ({"cryptosuite": ""}, "cryptosuite is missing"),
        ({"verificationMethod": {"id": "did:example:issuer#key"}}, "verificationMethod"),
        ({"proofPurpose": ""}, "proofPurpose"),
        ({"proofValue": 7}, "proofValue"),
        ({"created": "yesterday"}, "created"),
        ({"expires": "2026-01-01"}, "expires"),
        ({"challenge": 7}, "challenge"),
        ({"nonce": []}, "nonce"),
        ({"domain": []}, "domain"),
        ({"domain": ["a", 7]}, "domain"),
        ({"domain": ""}, "domain"),
        ({"previousProof": ["a", ""]}, "previousProof"),
        ({"previousProof": {"id": "x"}}, "previousProof"),
        ({"id": 7}, "id"),
    ],
)
def test_a_malformed_proof_names_its_member(change: dict[str, Any], where: str) -> None:
    with pytest.raises(Malformed, match=where):
        Proof.parse({**signed()["proof"][0], **change})


def test_what_is_not_supported_stays_open() -> None:
    proof = signed()["proof"][0]
    with pytest.raises(UnknownCryptosuite) as old:
        Proof.parse({**proof, "type": "Ed25519Signature2018"})
    assert old.value.undetermined
    document = {**DOCUMENT, "proof": [{**proof, "cryptosuite": "falcon-2030"}]}
    with pytest.raises(UnknownCryptosuite, match="falcon"):
        verify(document, KEYS["Ed25519"].public_key)
    with pytest.raises(UnknownCryptosuite):
        signed("falcon-2030")


@pytest.mark.parametrize("value", [None, "text", 7, [None]])
def test_a_proof_that_is_no_object_is_malformed(value: Any) -> None:
    with pytest.raises(Malformed):
        Proof.parse(proof_values({"proof": value})[0])


def test_the_number_of_proofs_is_bounded() -> None:
    with pytest.raises(Malformed, match=str(MAX_PROOFS)):
        proof_values({"proof": [{}] * (MAX_PROOFS + 1)})
    with pytest.raises(Malformed, match="empty"):
        proof_values({"proof": []})
    assert proof_values({}) == []


class TestChain:
    """VC Data Integrity 2.1.2: a proof that covers proofs before it."""

    def chain(self, suite: str = "eddsa-rdfc-2022") -> dict[str, Any]:
        document = signed(suite, proof_id="urn:proof:1")
        document = signed(suite, document=document, proof_id="urn:proof:2")
        return signed(suite, document=document, previous_proof=["urn:proof:1", "urn:proof:2"])

    @pytest.mark.parametrize("suite", ["eddsa-rdfc-2022", "eddsa-jcs-2022"])
    def test_every_proof_verifies(self, suite: str) -> None:
        document = self.chain(suite)
        for number in range(3):
            verify(document, KEYS["Ed25519"].public_key, number)

    @pytest.mark.parametrize("suite", ["eddsa-rdfc-2022", "eddsa-jcs-2022"])
    def test_a_previous_proof_cannot_be_altered_or_taken_away(self, suite: str) -> None:
        for change in ({"created": "2026-07-01T00:00:00Z"}, {"id": "urn:proof:9"}):
            document = self.chain(suite)
            document["proof"][0].update(change)
            with pytest.raises(InvalidProof):
                verify(document, KEYS["Ed25519"].public_key, 2)
        document = self.chain(suite)
        del document["proof"][0]
        with pytest.raises(InvalidProof, match="not among the proofs"):
            verify(document, KEYS["Ed25519"].public_key, 1)

    def test_a_set_is_signed_over_one_previous_proof(self) -> None:
        document = signed(proof_id="urn:proof:1")
        document = signed(document=document, previous_proof="urn:proof:1")
        verify(document, KEYS["Ed25519"].public_key, 1)

    def test_a_circle_is_refused(self) -> None:
        document = self.chain()
        document["proof"][0]["previousProof"] = "urn:proof:2"
        document["proof"][1]["previousProof"] = "urn:proof:1"
        with pytest.raises(InvalidProof, match="leads back"):
            verify(document, KEYS["Ed25519"].public_key, 0)

    def test_two_proofs_of_one_id_are_refused(self) -> None:
        document = self.chain()
        document["proof"][1]["id"] = "urn:proof:1"
        with pytest.raises(InvalidProof, match="two proofs"):
            verify(document, KEYS["Ed25519"].public_key, 2)

    def test_a_missing_previous_proof_is_not_signed_over(self) -> None:
        with pytest.raises(InvalidProof, match="not among the proofs"):
            signed(previous_proof="urn:proof:7")

    @pytest.mark.parametrize("names", [{"previous_proof": "x" * 10_000}, {"suite": "x" * 10_000}])
    def test_names_are_cut_short_in_messages(self, names: dict[str, Any]) -> None:
        with pytest.raises(Problem) as refused:
            signed(**names)
        assert len(refused.value.detail) < 200

    def test_a_net_of_proofs_ends_quickly(self) -> None:
        values = [
            {"id": f"urn:proof:{n}", "previousProof": [f"urn:proof:{m}" for m in range(n)] or "urn:proof:x"}
            for n in range(MAX_PROOFS - 1)
        ]
        values[0].pop("previousProof")
        document = {
            **DOCUMENT,
            "proof": [*values, {**signed()["proof"][0], "previousProof": values[-1]["id"]}],
        }
        with pytest.raises(Problem):
            verify(document, KEYS["Ed25519"].public_key, MAX_PROOFS - 1)


def test_presentation_options_are_signed() -> None:
    options: dict[str, Any] = {
        "challenge": "c",
        "domain": ["a.example", "b.example"],
        "nonce": "n",
        "expires": CREATED,
    }
    document = signed(purpose="authentication", **options)
    proof = Proof.parse(document["proof"][0])
    assert (proof.challenge, proof.domain, proof.expires) == ("c", ("a.example", "b.example"), CREATED)
    verify(document, KEYS["Ed25519"].public_key)
    for name in ("challenge", "domain", "nonce", "expires", "created"):
        altered = copy.deepcopy(document)
        del altered["proof"][0][name]
        with pytest.raises(InvalidProof):
            verify(altered, KEYS["Ed25519"].public_key)


VECTORS = [
    "di-eddsa/eddsa-rdfc-2022/signedDataInt.json",
    "di-eddsa/eddsa-rdfc-2022/employ/signedDataInt.json",
    "di-eddsa/eddsa-jcs-2022/signedJCS.json",
    "di-eddsa/proof-set-chain/signedProofSet1.json",
    "di-eddsa/proof-set-chain/signedProofSet2.json",
    "di-eddsa/proof-set-chain/signedProofChain1.json",
    "di-eddsa/proof-set-chain/signedProofChain2.json",
    "di-eddsa/Ed25519Signature2020/signedEdSig.json",
    "di-ecdsa/ecdsa-rdfc-2019-p256/signedECDSAP256.json",
    "di-ecdsa/ecdsa-rdfc-2019-p256/employ/signedECDSAP256.json",
    "di-ecdsa/ecdsa-rdfc-2019-p384/signedECDSAP384.json",
    "di-ecdsa/ecdsa-rdfc-2019-p384/employ/signedECDSAP384.json",
    "di-ecdsa/ecdsa-jcs-2019-p256/signedJCSECDSAP256.json",
    "di-ecdsa/ecdsa-jcs-2019-p384/signedJCSECDSAP384.json",
]


def contexts_of(corpora: Path) -> Contexts:
    """The vendored contexts, and one that the vectors use and this program does not ship."""
    url = "https://w3id.org/citizenship/v4rc1"
    extra = json.loads((corpora / "vectors/contexts/citizenship-v4rc1.jsonld").read_bytes())
    return vouched({url: extra})


@pytest.mark.quick(every=4)
@pytest.mark.parametrize("name", VECTORS)
def test_the_vectors_of_the_specification_verify(name: str, corpora: Path) -> None:
    document = json.loads((corpora / "vectors" / name).read_bytes())
    contexts = contexts_of(corpora)
    for value in proof_values(document):
        key, proof = (
            PublicKey.from_multikey(value["verificationMethod"].partition("#")[2]),
            Proof.parse(value),
        )
        verify_proof(document, proof, key, contexts=contexts)
        altered = {**document, "issuer": "https://vc.example/issuers/1"}
        with pytest.raises(InvalidProof):
            verify_proof(altered, proof, key, contexts=contexts)


@pytest.mark.parametrize("name", [name for name in VECTORS if "/eddsa" in name])
def test_signing_gives_the_bytes_of_the_vectors(name: str, corpora: Path) -> None:
    """Ed25519 is deterministic, so that our proof of the same input has to be the same."""
    from wire import base58_decode

    document = json.loads((corpora / "vectors" / name).read_bytes())
    pair = json.loads((corpora / "vectors/di-eddsa/keyPair.json").read_bytes())
    signer = PrivateKey.from_secret("Ed25519", base58_decode(pair["privateKeyMultibase"][1:])[2:])
    (wanted,) = proof_values(document)
    unsigned = {key: value for key, value in document.items() if key != "proof"}
    ours = sign(
        unsigned,
        signer,
        verification_method=wanted["verificationMethod"],
        suite=wanted["cryptosuite"],
        purpose=wanted["proofPurpose"],
        created=datetime.fromisoformat(wanted["created"]),
        contexts=contexts_of(corpora),
    )
    assert ours["proof"] == [wanted], name


def test_the_diplomas_of_another_implementation_verify(corpora: Path) -> None:
    """Credentials signed with eddsa-rdfc-2022 by digitalcredentials, versions 1.1 and 2.0."""
    found = Counter[str]()
    for path in sorted((corpora / "samples/dcc").glob("*dataIntegrity*didKey*.json")):
        document = json.loads(path.read_bytes())
        for number, value in enumerate(proof_values(document)):
            key = PublicKey.from_multikey(value["verificationMethod"].partition("#")[2])
            try:
                verify(document, key, number)
                found["verified"] += 1
            except Problem as problem:
                found[type(problem).__name__] += 1
    assert found["verified"] >= 20, found
    # what is left names a context that this program does not ship, or holds a term without meaning
    assert found.keys() <= {"verified", "UnknownContext", "LossyDocument"}, found
