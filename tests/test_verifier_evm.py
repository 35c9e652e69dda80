"""Diplomas whose log's checkpoints are on EVM chains, to a verifier as it comes."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

pytest.importorskip("Crypto", reason="no extra [evm]: pip install '.[evm]'")

from keys import PrivateKey
from ledger import Log, MemoryStore, Requirement
from ledger.evidence import parse_proof
from tests.evm_chain import CHAIN, Chain, changed, header
from tests.world import NOW, University, verifier
from vc import Bundle, Verdict
from vc.anchoring import log_entry
from verifier import Trust
from verifier.policy import load_policy

MINED = NOW - timedelta(hours=1)
ASKED = load_policy({"allOf": ["anchored", {"anchoredOn": CHAIN}]})


def believing(trust: Trust, *chains: Chain) -> Trust:
    """With these chains for each of its logs; as the trust file has it."""
    ledgers = tuple(chain.trusted for chain in chains)
    logs = tuple(replace(log, ledgers=ledgers) for log in trust.logs)
    return Trust.parse(Trust(trust.issuers, logs).to_bytes())


def judged(bundle: Bundle, trust: Trust, *, asked: bool = True) -> tuple[Verdict, str]:
    report = verifier(trust).verify(bundle.to_bytes(), now=NOW, policy=ASKED if asked else None)
    return report.verdict, " ".join(check.text for check in report.checks)


def anchored(university: University, *chains: Chain) -> Bundle:
    """A diploma, its log a while later on these chains, and for each of them evidence by that checkpoint."""
    bundle = university.issue()
    index = parse_proof(bundle.evidence[0].body)[0]
    for chain in chains:
        later = university.log.evidence(index)
        on_chain = chain.anchor(university.log.checkpoint(), MINED)
        bundle = replace(bundle, evidence=(*bundle.evidence, later, on_chain))
        university.issue(index=8 + len(bundle.evidence))
    return bundle


def test_a_verifier_reads_evidence_from_chains_that_its_trust_file_names() -> None:
    university, first, second = University(), Chain(), Chain("eip155:10", fields=20)
    bundle = anchored(university, first, second)
    verdict, said = judged(bundle, believing(university.trust, first, second))
    assert verdict is Verdict.VALID, said
    for name in (CHAIN, "eip155:10"):
        assert f"its checkpoint on {name} by 2026-07-01 11:00Z" in said.replace("'", "")
    for chains in ((second,), ()):
        trust = believing(university.trust, *chains)
        verdict, said = judged(bundle, trust)
        assert (verdict, f"there is no evidence from {CHAIN}" in said.replace("'", "")) == (
            Verdict.UNDETERMINED,
            True,
        )
        assert judged(bundle, trust, asked=False)[0] is Verdict.VALID


def test_what_is_not_known_of_a_chain_is_said_and_leaves_it_open() -> None:
    university, chain = University(), Chain()
    bundle = anchored(university, chain)
    elsewhere, other = Chain(contract=b"\x66" * 20), Chain()
    elsewhere.blocks = chain.blocks
    for known, why in (
        (other, "is not among those that are known here"),
        (elsewhere, "is none that is known"),
    ):
        trust = believing(university.trust, known)
        verdict, said = judged(bundle, trust, asked=False)
        assert (verdict, f"{why}" in said) == (Verdict.VALID, True), said
        assert judged(bundle, trust)[0] is Verdict.UNDETERMINED
    later = changed(bundle.evidence[-1], "header", header(int(MINED.timestamp()), b"\x07" * 32, 22))
    unread = replace(bundle, evidence=(*bundle.evidence[:-1], later))
    verdict, said = judged(unread, believing(university.trust, chain), asked=False)
    assert (verdict, "has 22 fields, in a form that is not read here" in said) == (Verdict.VALID, True), said


def test_evidence_that_was_altered_makes_a_diploma_invalid() -> None:
    """A part that is broken is no part that is missing."""
    university, chain = University(), Chain()
    bundle = anchored(university, chain)
    broken = replace(bundle, evidence=(*bundle.evidence[:-1], changed(bundle.evidence[-1], "event", 1)))
    verdict, said = judged(broken, believing(university.trust, chain), asked=False)
    assert (verdict, "the receipt has no such event" in said) == (Verdict.INVALID, True), said


@pytest.mark.parametrize("ends", ["gone", "expired"])
def test_an_end_in_one_log_is_not_taken_back_by_another(ends: str) -> None:
    """By the newer log the key ended before the chain had the diploma; the older one ends with that key."""
    university, chain = University(now=NOW - timedelta(days=10)), Chain()
    left = university.recognised_log
    for index in (1, 2, 3):
        university.issue(index=index)
    university.publish_document([university.key, PrivateKey.generate()])
    signer, clock = (PrivateKey.generate() for _ in range(2))
    university.log = Log("university.example/new", signer, clock, MemoryStore(), clock=lambda: university.now)
    university.publish_document([university.key])
    signed = university.sign(university.plain(9))
    university.anchor(log_entry(signed, signed["proof"][0]))
    if ends == "gone":
        university.publish_document([PrivateKey.generate()])  # a thief's log has it after his diploma
    else:
        methods = university.documents[-1].document["verificationMethod"]
        ended = [{**method, "expires": "2026-06-21T00:00:00Z"} for method in methods]
        university.publish_document([university.key], verificationMethod=ended)
    evidence = (university.log.evidence(1), chain.anchor(university.log.checkpoint(), MINED))
    new = replace(university.recognised_log, ledgers=(chain.trusted,), requires=Requirement(1, (chain.name,)))
    (issuer,) = university.trust.issuers
    alone = Trust().adding(issuer, new)
    for trust, first in ((alone, 2), (alone.adding(issuer, left), 0)):
        bundle = Bundle(signed, evidence, tuple(university.documents[first:]))
        verdict, said = judged(bundle, trust, asked=False)
        assert (verdict, "the key ended on 2026-06-21, and nothing" in said) == (Verdict.INVALID, True), said


def test_blocks_that_an_issuer_hands_over_are_not_taken() -> None:
    """Whoever has all its keys could else make up the chain as well; a verifier asks nodes of its own."""
    university, chain = University(), Chain()
    bundle, known = anchored(university, chain), believing(university.trust, chain)
    (log,) = (replace(log, requires=Requirement(1, (chain.name,))) for log in known.logs)
    theirs, here = Trust(known.issuers, (log,)), Trust().joined(Trust(known.issuers, (log,)))
    assert judged(bundle, theirs, asked=False)[0] is Verdict.VALID
    verdict, said = judged(bundle, here, asked=False)
    assert (verdict, f"nothing shows it on {CHAIN}" in said) == (Verdict.UNDETERMINED, True), said
    assert here.fingerprint(university.did) == theirs.fingerprint(university.did)
    assert theirs.joined(here) == theirs
