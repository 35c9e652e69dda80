"""Documents of others, respelled: what still verifies reads the same, and asks for the same."""

from __future__ import annotations

import copy
import itertools
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest

from holder.wallet import Held
from intaglio.commands.wallet import text as wallet
from tests.fuzz.respellings import URLS, Document, respelled, words
from tests.world import NOW, University, verifier
from vc import Bundle, Credential, Verdict
from vc.anchoring import expected_origins
from vc.model.schema import Schemas
from vc.status import StatusEntry, status_entry
from verifier import Trust, Verifier
from verifier.policy import OfType
from verifier.summary import summarize
from wire import Problem

UNIVERSITY = University()
TRUST = UNIVERSITY.pinned
REVOKED = 2
UNIVERSITY.revoke(REVOKED)
LISTS = UNIVERSITY.status_lists()
LICENCE = "urn:example:Licence"
STATUS = "https://www.w3.org/ns/credentials/status/v1"
PROOF = "https://w3id.org/security/data-integrity/v2"
PAIRS = tuple(itertools.permutations(URLS, 2))
SCHEMA = "urn:example:schema"


def verdict(document: Document, judge: Verifier | None = None) -> tuple[Credential | None, Verdict]:
    judge = judge or verifier(TRUST)
    report = judge.verify(Bundle(document, (), (), LISTS), now=NOW)
    return (report.require()[0] if report else None), report.verdict


def ours(sample: Document) -> Document | None:
    """A sample as if our university had issued it, with a status of ours; none if it cannot be signed."""
    document = {name: value for name, value in sample.items() if name not in ("proof", "termsOfUse")}
    issuer = document.get("issuer")
    document["issuer"] = {**issuer, "id": UNIVERSITY.did} if isinstance(issuer, dict) else UNIVERSITY.did
    contexts = document["@context"] if isinstance(document["@context"], list) else [document["@context"]]
    if "credentials/v1" in str(contexts[0]):
        contexts = [*contexts, STATUS, *([] if PROOF in contexts else [PROOF])]
    document["@context"] = contexts
    if "credentialStatus" in document:
        document["credentialStatus"] = status_entry(UNIVERSITY.list_url, 7)
    for name in ("validUntil", "expirationDate"):
        if name in document:
            document[name] = "2036-01-01T00:00:00Z"
    for name in ("validFrom", "issuanceDate"):
        if name in document:
            document[name] = "2026-01-01T00:00:00Z"
    try:
        return copy.deepcopy(dict(UNIVERSITY.sign(document)))
    except Problem:
        return None


def shape(value: Any) -> Any:
    """A document without its texts: one of each shape is enough."""
    if isinstance(value, dict):
        return {name: value[name] if name == "@context" else shape(value[name]) for name in value}
    return [shape(item) for item in value] if isinstance(value, list) else None


@pytest.fixture(scope="module")
def samples(corpora: Path) -> list[Document]:
    found: dict[str, Document] = {}
    for folder in ("dcc", "ob3", "clr2"):
        for path in sorted((corpora / "samples" / folder).glob("*.json")):
            sample = json.loads(path.read_bytes())
            if "VerifiableCredential" in sample.get("type", ()) and "@context" in sample:
                signed = ours(sample)
                if signed is not None and verdict(signed)[0] is not None:
                    found.setdefault(json.dumps(shape(signed), sort_keys=True), signed)
    return list(found.values())


def said(credential: Credential, value: Any, above: frozenset[str] = frozenset()) -> Any:
    """What is claimed, without order, and the same for an id as for what is said of it."""
    if isinstance(value, list):
        return frozenset(said(credential, item, above) for item in value)
    name = value.get("id") if isinstance(value, dict) else value
    if isinstance(name, str):
        about = {} if name in above else credential.about(value)
        above = above | {name}
        if not about or about.keys() == {"id"}:
            return name
    elif isinstance(value, dict):
        about = value
    else:
        return (type(value).__name__, value)
    return frozenset(
        (member, said(credential, item if isinstance(item, list) else [item], above))
        for member, item in about.items()
        if member not in ("@context", "proof")
    )


def reading(document: Document, credential: Credential) -> dict[str, Any]:
    """Everything that is made of a credential."""
    held = Held("0" * 12, Bundle(document, (), (), ()).to_bytes(), NOW, Verdict.VALID)
    return {
        "claims": said(credential, credential.claims),
        "subjects": frozenset(said(credential, dict(subject)) for subject in credential.subjects),
        "summary": summarize(credential, TRUST),
        "wallet": (wallet.title(held), wallet.line(held), held.bound_to),
        "status": frozenset(map(StatusEntry.parse, credential.status)),
        "schemas": frozenset(schema["id"] for schema in credential.schemas),
        "origins": expected_origins(credential),
        "period": (credential.valid_from, credential.valid_until),
        "types": frozenset(credential.types),
    }


def accepted(document: Document, judge: Verifier, types: tuple[str, ...]) -> list[bool]:
    """What policies and a schema, which know the types and members of the original, say."""
    bundle = Bundle(document, (), (), LISTS)
    asked = [OfType(name) for name in (*types, "EndorsementCredential")]
    return [bool(judge.verify(bundle, now=NOW, policy=policy)) for policy in asked]


def check(document: Document, mutants: Iterator[tuple[str, Document]], outcome: Counter[str]) -> None:
    credential, _ = verdict(document)
    assert credential is not None
    before = reading(document, credential)
    schema = {"required": sorted(name for name in credential.claims if name != "@context")}
    judge = verifier(TRUST, schemas=Schemas({SCHEMA: schema}))
    rules = accepted(document, judge, credential.types)
    for name, mutant in mutants:
        if mutant == document:
            continue
        after, found = verdict(mutant)
        outcome[found.value] += 1
        if after is not None:
            assert reading(mutant, after) == before, name
            assert accepted(mutant, judge, credential.types) == rules, name


def few(document: Document, rng: Random, number: int) -> Iterator[tuple[str, Document]]:
    """For some words one other spelling each."""
    found = words(document)
    for word in rng.sample(found, min(number, len(found))):
        name, mutant = rng.choice(list(respelled(document, word, iter(rng.sample(PAIRS, 1)))))
        yield f"{'/'.join(map(str, word.path))}: {name}", mutant


def all_of(document: Document, pairs: list[tuple[str, str]]) -> Iterator[tuple[str, Document]]:
    """For each word every other spelling."""
    for word in words(document):
        for name, mutant in respelled(document, word, iter(pairs)):
            yield f"{'/'.join(map(str, word.path))}: {name}", mutant


@pytest.mark.slow
def test_some_respellings(samples: list[Document]) -> None:
    outcome, rng = Counter[str](), Random(8)
    for document in samples:
        check(document, few(document, rng, 4), outcome)
    assert len(samples) > 8
    assert outcome["valid"] > 10
    assert outcome["undetermined"] > 10


@pytest.mark.slow
def test_thousands_of_respellings(samples: list[Document]) -> None:
    outcome, rng = Counter[str](), Random(9)
    for document in samples:
        check(document, few(document, rng, 200), outcome)
    assert outcome["valid"] > 300
    assert outcome["undetermined"] > 300


@pytest.mark.soak
@pytest.mark.parametrize("first", URLS)
def test_every_respelling_by_every_pair_of_contexts(samples: list[Document], first: str) -> None:
    outcome = Counter[str]()
    for document in samples:
        check(document, all_of(document, [pair for pair in PAIRS if pair[0] == first]), outcome)
    assert outcome["valid"] > 1_000


def planted() -> dict[str, Document]:
    """What is not to be valid, however it is written."""
    expired = UNIVERSITY.diploma(index=1, validUntil="2026-06-30T12:00:00Z")
    revoked, logged = UNIVERSITY.diploma(index=REVOKED), UNIVERSITY.diploma(index=3)
    licence = UNIVERSITY.diploma(index=4, type=["VerifiableCredential", "OpenBadgeCredential", LICENCE])
    for document in (expired, revoked, licence):
        del document["termsOfUse"]
    stated = UNIVERSITY.stated(index=REVOKED)
    stated["termsOfUse"] = stated["termsOfUse"][1:]
    found = {
        "expired": expired, "revoked": revoked, "stated as revoked": stated, "in a log": logged,
        "of another type": licence,
    }  # fmt: skip
    return {name: copy.deepcopy(dict(UNIVERSITY.sign(document))) for name, document in found.items()}


@pytest.mark.slow
@pytest.mark.parametrize("name", ["expired", "revoked", "stated as revoked", "in a log", "of another type"])
def test_no_spelling_makes_it_valid(name: str) -> None:
    document = planted()[name]
    trust = Trust().adding(replace(TRUST.issuers[0], types=("OpenBadgeCredential",)))
    judge = verifier(trust)
    pairs = Random(11).sample(PAIRS, 1)
    for spelling, mutant in all_of(document, pairs):
        assert verdict(mutant, judge)[1] is not Verdict.VALID, spelling
