"""Documents of others, respelled: what still verifies reads the same, and asks for the same."""

from __future__ import annotations

import copy
import hashlib
import itertools
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import orjson
import pytest

from holder.wallet import Held
from intaglio.commands.wallet import text as wallet
from tests.fuzz.respellings import URLS, Document, Word, renamed, respelled, with_context, words
from tests.world import NOW, University, verifier
from vc import Bundle, Credential, Report, Verdict
from vc.status import StatusEntry, status_entry
from vc.vcdm.badge import about
from vc.vcdm.schema import Schemas
from verifier import Trust
from verifier.policy import Findings, HasSchema, OfType, Policy
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
SCHEMA, OTHER_SCHEMA = "urn:example:schema", "urn:example:other"


class Noted:
    """A policy that lets everything pass, and notes which of several rules are kept."""

    def __init__(self, *rules: Policy) -> None:
        self._rules = rules
        self.kept: list[bool] = []

    def check(self, findings: Findings) -> None:
        self.kept = [_is_kept(rule, findings) for rule in self._rules]


def _is_kept(rule: Policy, findings: Findings) -> bool:
    try:
        rule.check(findings)
    except Problem:
        return False
    return True


class Judge:
    """One verifier for a document and all that is made of it, which knows types and members of the first."""

    def __init__(self, document: Document) -> None:
        (credential,) = verifier(TRUST).verify(Bundle(document, (), (), LISTS), now=NOW).require()
        schemas = {
            SCHEMA: {"required": sorted(name for name in credential.said if name != "@context")},
            OTHER_SCHEMA: {"required": ["another member"]},
        }
        self._verifier = verifier(TRUST, schemas=Schemas(schemas))
        kinds = (*credential.types, "EndorsementCredential")
        self._rules: tuple[Policy, ...] = (*map(OfType, kinds), HasSchema(SCHEMA), HasSchema(OTHER_SCHEMA))

    def __call__(self, document: Document) -> tuple[dict[str, Any] | None, Report]:
        """All that is made of it where it is valid, and the report."""
        noted = Noted(*self._rules)
        report = self._verifier.verify(Bundle(document, (), (), LISTS), now=NOW, policy=noted)
        if not report:
            return None, report
        (credential,) = report.require()
        assert isinstance(credential, Credential)
        return {**reading(document, credential), "policies": noted.kept}, report


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
    judge = verifier(TRUST)
    for folder in ("dcc", "ob3", "clr2"):
        for path in sorted((corpora / "samples" / folder).glob("*.json")):
            sample = json.loads(path.read_bytes())
            if "VerifiableCredential" in sample.get("type", ()) and "@context" in sample:
                signed = ours(sample)
                if signed is not None and judge.verify(Bundle(signed, (), (), LISTS), now=NOW):
                    found.setdefault(json.dumps(shape(signed), sort_keys=True), signed)
    return list(found.values())


def said(credential: Credential, value: Any, above: frozenset[str] = frozenset()) -> Any:
    """What is claimed, without order, and the same for an id as for what is said of it."""
    if isinstance(value, list):
        return frozenset(said(credential, item, above) for item in value)
    name = value.get("id") if isinstance(value, dict) else value
    if isinstance(name, str):
        members = {} if name in above else about(credential.reading, value)
        above = above | {name}
        if not members or members.keys() == {"id"}:
            return name
    elif isinstance(value, dict):
        members = value
    else:
        return (type(value).__name__, value)
    return frozenset(
        (member, said(credential, item if isinstance(item, list) else [item], above))
        for member, item in members.items()
        if member not in ("@context", "proof")
    )


def reading(document: Document, credential: Credential) -> dict[str, Any]:
    """Everything that is made of a credential."""
    held = Held("0" * 12, Bundle(document, (), (), ()).to_bytes(), NOW, Verdict.VALID)
    return {
        "claims": said(credential, credential.said),
        "subjects": frozenset(said(credential, dict(subject)) for subject in credential.subjects),
        "summary": summarize(credential, TRUST),
        "wallet": (wallet.title(held), wallet.line(held, lambda _: ""), held.bound_to),
        "status": frozenset(map(StatusEntry.parse, credential.status)),
        "schemas": frozenset(schema["id"] for schema in credential.schemas),
        "origins": credential.origins,
        "period": (credential.valid_from, credential.valid_until),
        "types": frozenset(credential.types),
    }


def check(document: Document, mutants: Iterable[tuple[str, Document]], outcome: Counter[str]) -> None:
    """Judges each of them once."""
    judge = Judge(document)
    expected, _ = judge(document)
    assert expected is not None
    assert expected["policies"][-2:] == [True, False]
    seen = {_digest(document)}
    for name, mutant in mutants:
        digest = _digest(mutant)
        if digest in seen:
            outcome["made before"] += 1
            continue
        seen.add(digest)
        found, report = judge(mutant)
        outcome[report.verdict.value] += 1
        if found is not None:
            assert found == expected, name


def _digest(document: Document) -> bytes:
    return hashlib.blake2b(orjson.dumps(document), digest_size=16).digest()


def few(document: Document, rng: Random, number: int) -> Iterator[tuple[str, Document]]:
    """For some words one other spelling each."""
    found = words(document)
    for word in rng.sample(found, min(number, len(found))):
        pair = rng.choice(PAIRS)
        others = [("as it is", document), *renamed(document, word)]
        made = [
            *respelled(document, word),
            *((f"{name}, with {pair}", with_context(other, *pair)) for name, other in others),
        ]
        name, mutant = rng.choice(made)
        yield f"{place(word)}: {name}", mutant


def all_of(document: Document) -> Iterator[tuple[str, Document]]:
    """For each word every other spelling by contexts of its own."""
    for word in words(document):
        for name, mutant in respelled(document, word):
            yield f"{place(word)}: {name}", mutant


def by_pairs(document: Document, pairs: Iterable[tuple[str, str]]) -> Iterator[tuple[str, Document]]:
    """Each word under every other name, with every pair of contexts; a pair is read once for all of them."""
    others = [
        (f"{place(word)}: {name}", other)
        for word in words(document)
        for name, other in renamed(document, word)
    ]
    for pair in pairs:
        for name, other in [("as it is", document), *others]:
            yield f"{name}, with {pair}", with_context(other, *pair)


def place(word: Word) -> str:
    return "/".join(map(str, word.path))


@pytest.mark.slow
@pytest.mark.parametrize("each", [20, pytest.param(200, marks=pytest.mark.soak)])
def test_many_respellings(samples: list[Document], each: int) -> None:
    outcome, rng = Counter[str](), Random(9)
    for document in samples:
        check(document, few(document, rng, each), outcome)
    assert len(samples) > 8
    assert outcome["valid"] > 1.5 * each
    assert outcome["undetermined"] > 1.5 * each


@pytest.mark.soak
def test_every_respelling(samples: list[Document]) -> None:
    outcome = Counter[str]()
    for document in samples:
        check(document, all_of(document), outcome)
    print(dict(outcome))
    assert outcome["valid"] > 1_000


@pytest.mark.soak
@pytest.mark.parametrize("first", URLS)
def test_every_name_by_every_pair_of_contexts(samples: list[Document], first: str) -> None:
    outcome = Counter[str]()
    for document in samples:
        check(document, by_pairs(document, [pair for pair in PAIRS if pair[0] == first]), outcome)
    print(first, dict(outcome))
    assert outcome["valid"] + outcome["undetermined"] > 1_000


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
    for spelling, mutant in [*all_of(document), *by_pairs(document, Random(11).sample(PAIRS, 1))]:
        report = judge.verify(Bundle(mutant, (), (), LISTS), now=NOW)
        assert report.verdict is not Verdict.VALID, spelling
