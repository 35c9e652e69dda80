"""Evidence that a checkpoint is on an EVM chain: what proves it offline, and that nothing else does."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.problems import raises
from wire.problem import Problem, Raisable

pytest.importorskip("Crypto", reason="no extra [evm]: pip install '.[evm]'")

from ledger import (
    KINDS,
    Checkpoint,
    Evidence,
    Fact,
    InvalidEvidence,
    Log,
    OfCheckpoints,
    TrustedLedger,
    UnknownLedger,
    verify_anchoring,
)
from ledger.evm import KIND, rlp
from ledger.evm.contract import ANCHORED, origin_digest
from ledger.evm.evidence import LARGEST, header_of, prove, read, tree
from ledger.evm.header import FORMS, Header
from ledger.evm.receipt import Receipt
from ledger.problem import EVIDENCE_NEEDS_PACKAGE, UNKNOWN_BLOCK, UNKNOWN_CONTRACT, UnknownForm
from ledger.tiles.memory import MemoryStore
from tests.evm_chain import CHAIN, CONTRACT, Chain, base64, changed, event, header, others, receipt
from tests.ledger_samples import NOW, open_log, samples, trust_in
from tests.ledger_samples import ORIGIN as LOG
from wire.problem import Malformed, TooLarge
from wire.strict import base64url_encode
from wire.work import BYTES_WRITTEN, EVIDENCE, Work

MINED = NOW + timedelta(minutes=3)
SECONDS = int(MINED.timestamp())


@pytest.fixture(scope="module")
def log() -> Log:
    """Of 8 entries, which were 3 and 5 before."""
    log = open_log(MemoryStore())
    for size in (3, 5, 8):
        log.append(samples(log.checkpoint().size, size), b"%d" % size)
    return log


@pytest.fixture(scope="module")
def checkpoints(log: Log) -> dict[int, Checkpoint]:
    other = open_log(MemoryStore())
    found = {}
    for size in (3, 5, 8):
        other.append(samples(other.checkpoint().size, size), b"%d" % size)
        found[size] = other.checkpoint()
    assert found[8].root == log.checkpoint().root
    return found


def verified(log: Log, checkpoint: Checkpoint, evidence: Evidence, *ledgers: TrustedLedger) -> Fact:
    return verify_anchoring(checkpoint, evidence, trust_in(log, *ledgers), Work(), kinds=KINDS)


def test_the_block_says_when_the_checkpoint_was_there(log: Log) -> None:
    chain = Chain()
    evidence = chain.anchor(log.checkpoint(), MINED)
    fact = verified(log, log.checkpoint(), evidence, chain.trusted)
    assert (fact.kind, fact.where, fact.time, fact.clock) == (KIND, CHAIN, MINED, "chain")
    assert (fact.index, fact.checkpoint) == (None, log.checkpoint())
    assert len(evidence.body) < 4_000
    assert header_of(evidence).hash in chain.blocks


def test_one_pinned_block_serves_all_earlier_checkpoints(
    log: Log, checkpoints: dict[int, Checkpoint]
) -> None:
    chain, newest = Chain(), checkpoints[8]
    for size, checkpoint in checkpoints.items():
        evidence = chain.anchor(newest, MINED, checkpoint, log.consistency(size, 8))
        assert verified(log, checkpoint, evidence, chain.trusted).time == MINED
        wrong = [other for other in (3, 5, 8) if other != size]
        for other in wrong:
            moved = replace(evidence, digest=checkpoints[other].digest)
            with pytest.raises(InvalidEvidence):
                verified(log, checkpoints[other], moved, chain.trusted)
            with pytest.raises(InvalidEvidence):
                chain.anchor(newest, MINED, checkpoint, log.consistency(other, 8))
    with pytest.raises(InvalidEvidence, match="cannot follow"):
        chain.anchor(checkpoints[3], MINED, newest)


def test_a_log_that_was_split_is_told_from_the_one_on_the_chain(log: Log) -> None:
    """Who has all of its keys can sign another log of the same name, and no chain has that."""
    forked, chain = open_log(MemoryStore()), Chain()
    forked.append(samples(100, 105), b"5")
    evidence = chain.anchor(log.checkpoint(), MINED)
    for size in (5, 8):
        proof = log.consistency(size, 8)
        checkpoint = forked.checkpoint()
        moved = replace(evidence, digest=checkpoint.digest, body=evidence.body + b"".join(
            b"consistency %b\n" % base64(sibling).encode() for sibling in proof))  # fmt: skip
        with pytest.raises(InvalidEvidence):
            verified(log, checkpoint, moved, chain.trusted)
        if size == 5:
            forked.append(samples(105, 108), b"8")


@pytest.mark.quick(every=4)
@pytest.mark.parametrize("fields", FORMS)
@pytest.mark.parametrize("kind", range(5))
def test_headers_and_receipts_of_all_forms_prove(fields: int, kind: int, log: Log) -> None:
    chain = Chain(fields=fields)
    evidence = chain.anchor(log.checkpoint(), MINED)
    receipts = [*others(3), receipt(event(8, log.checkpoint().root, LOG), kind=kind)]
    made = of_block(log.checkpoint(), receipts, 3, fields)
    for one in (evidence, made):
        pin = replace(chain.trusted, parameters=pinning(one))
        assert verified(log, log.checkpoint(), one, pin).time == MINED


def of_block(checkpoint: Checkpoint, receipts: list[bytes], index: int, fields: int = 21) -> Evidence:
    """Evidence by a block with these receipts."""
    found = [Receipt.parse(raw) for raw in receipts]
    block = Header.parse(header(SECONDS, tree(found).root, fields))
    return prove(checkpoint, CHAIN, block, found, index, CONTRACT)


def pinning(evidence: Evidence, time: int = SECONDS, *more: bytes) -> dict[str, Any]:
    pins = [header_of(evidence).hash + time.to_bytes(8), *more]
    return {"contracts": [f"0x{CONTRACT.hex()}"], "blocks": base64url_encode(b"".join(pins))}


@settings(deadline=None)
@given(st.data())
def test_no_byte_of_it_can_be_another(data: st.DataObject) -> None:
    chain, log = Chain(), open_log(MemoryStore())
    log.append(samples(0, 5), b"5")
    earlier = log.checkpoint()
    log.append(samples(5, 8), b"8")
    evidence = chain.anchor(log.checkpoint(), MINED, earlier, log.consistency(5, 8))
    assert verified(log, earlier, evidence, chain.trusted).time == MINED
    body = bytearray(evidence.body)
    at = data.draw(st.integers(0, len(body) - 1))
    what = data.draw(st.sampled_from(["another", "away", "twice"]))
    if what == "another":
        body[at] ^= data.draw(st.integers(1, 255))
    else:
        body[at : at + 1] = b"" if what == "away" else bytes(body[at : at + 1]) * 2
    with pytest.raises((InvalidEvidence, UnknownLedger, UnknownForm, TooLarge)):
        verified(log, earlier, replace(evidence, body=bytes(body)), chain.trusted)


def _lacking(evidence: Evidence, word: str, nth: int) -> Evidence:
    found = evidence.body.split(b"\n")
    at = [number for number, line in enumerate(found) if line.startswith(word.encode())][nth]
    return replace(evidence, body=b"\n".join(found[:at] + found[at + 1 :]))


WRONG: dict[str, tuple[Callable[[Evidence], Evidence], Raisable[Problem], str]] = {
    "another block of the chain": (
        lambda good: changed(good, "header", header(SECONDS + 1, b"\x07" * 32)),
        UNKNOWN_BLOCK,
        "is not among those that are known here",
    ),
    "a header of a later form": (
        lambda good: changed(good, "header", header(SECONDS, b"\x07" * 32, 23)),
        UnknownForm,
        "has 23 fields, in a form that is not read here",
    ),
    "no header": (lambda good: changed(good, "header", b"x"), InvalidEvidence, "no list of fields"),
    "no base64": (lambda good: changed(good, "header", "!"), InvalidEvidence, "is not base64"),
    "another chain": (lambda good: changed(good, "chain", "eip155:1"), UnknownLedger, "by no ledger"),
    "a chain that nobody has": (lambda good: changed(good, "chain", "x"), UnknownLedger, "by no ledger"),
    "another transaction": (
        lambda good: changed(good, "transaction", 6),
        InvalidEvidence,
        "not the one that the trie has there",
    ),
    "no such transaction": (
        lambda good: changed(good, "transaction", 300),
        InvalidEvidence,
        "the trie has nothing|more nodes|not the one",
    ),
    "no such event": (lambda good: changed(good, "event", 1), InvalidEvidence, "has no such event"),
    "a wrong node": (
        lambda good: changed(good, "node", b"\xc0", 1),
        InvalidEvidence,
        "not the one that the trie has there",
    ),
    "a node less": (lambda good: _lacking(good, "node", -1), InvalidEvidence, "lacks a node"),
    "a node more": (
        lambda good: replace(good, body=good.body + b"node gA==\n"),
        InvalidEvidence,
        "more nodes than",
    ),
    "a hash of the log more": (
        lambda good: replace(good, body=good.body + b"consistency %b\n" % base64(b"h" * 32).encode()),
        InvalidEvidence,
        "have a proof where none is due",
    ),
    "half a hash": (
        lambda good: replace(good, body=good.body + b"consistency %b\n" % base64(b"h" * 16).encode()),
        InvalidEvidence,
        "is not 32 bytes",
    ),
    "a million lines": (
        lambda good: replace(good, body=good.body + b"node gA==\n" * 1_000_000),
        TooLarge,
        "longer than 65536 bytes",
    ),
    "as many lines as fit": (
        lambda good: replace(good, body=good.body + b"\n" * (LARGEST - len(good.body))),
        InvalidEvidence,
        "is not a chain, a header",
    ),
    "nothing": (lambda good: replace(good, body=b""), InvalidEvidence, "is not a chain, a header"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_has_its_code_and_is_said_at_once(name: str, log: Log) -> None:
    chain = Chain()
    evidence = chain.anchor(log.checkpoint(), MINED)
    make, kind, said = WRONG[name]
    wrong = make(evidence)
    start = time.process_time()
    with raises(kind, match=said) as refused:
        verified(log, log.checkpoint(), wrong, chain.trusted)
    assert refused.value.code == kind.code
    assert time.process_time() - start < 0.25


def test_an_event_of_another_contract_is_left_open(log: Log) -> None:
    """Anybody may write such an event, and a log may have contracts that are not known here yet."""
    checkpoint = log.checkpoint()
    stranger, chain = Chain(contract=b"\x66" * 20), Chain()
    evidence = stranger.anchor(checkpoint, MINED)
    chain.blocks = stranger.blocks
    with raises(UNKNOWN_CONTRACT, match="contract 0x66666") as left:
        verified(log, checkpoint, evidence, chain.trusted)
    assert left.value.undetermined
    both = {**chain.parameters, "contracts": [f"0x{'66' * 20}", f"0x{CONTRACT.hex()}"]}
    assert verified(log, checkpoint, evidence, TrustedLedger(KIND, CHAIN, both)).where == CHAIN


def test_the_contract_has_one_log(log: Log) -> None:
    """Were it named for another log by mistake, its events would say nothing there."""
    checkpoint = log.checkpoint()
    others_events: tuple[tuple[rlp.Item, str], ...] = (
        (event(8, checkpoint.root, "other.example/log"), "of another log"),
        ([CONTRACT, [], b"x" * 64], "not that of a checkpoint"),
        ([CONTRACT, [b"t" * 32], b"x" * 64], "not that of a checkpoint"),
        ([CONTRACT, [ANCHORED, origin_digest(LOG)], b"x" * 63], "not that of a checkpoint"),
        ([CONTRACT, [ANCHORED, origin_digest(LOG), b"t" * 32], b"x" * 64], "of another log"),
        (event(8, b"r" * 32, LOG), "the trees differ"),
        (event(9, b"r" * 32, LOG), "is not the beginning"),
        (event((1 << 256) - 1, b"r" * 32, LOG), "is not the beginning"),
    )
    for wrong, said in others_events:
        with pytest.raises(InvalidEvidence, match=said):
            of_block(checkpoint, [*others(4), receipt(wrong)], 4)


def test_a_receipt_of_a_type_that_is_not_known_is_left_open(log: Log) -> None:
    """Not even by a pinned block: what its fields are, nobody here knows."""
    good = of_block(log.checkpoint(), [receipt(event(8, log.checkpoint().root, LOG))], 0)
    raw = b"\x7e" + receipt(event(8, log.checkpoint().root, LOG))[1:]
    from ledger.evm.trie import Trie

    of_all = Trie({b"\x80": raw})
    block = header(SECONDS, of_all.root)
    wrong = changed(changed(good, "header", block), "node", of_all.prove(b"\x80")[0])
    with pytest.raises(UnknownForm, match="type 126") as left:
        verified(log, log.checkpoint(), wrong, TrustedLedger(KIND, CHAIN, pinning(wrong)))
    assert left.value.undetermined


def test_what_is_proved_is_proved_by_all_of_the_block(log: Log) -> None:
    """Whatever a node says: no evidence is made that would not be believed."""
    checkpoint = log.checkpoint()
    receipts = [Receipt.parse(raw) for raw in [*others(4), receipt(event(8, checkpoint.root, LOG))]]
    block = Header.parse(header(SECONDS, tree(receipts).root))
    assert prove(checkpoint, CHAIN, block, receipts, 4, CONTRACT)
    with pytest.raises(InvalidEvidence, match="not those of the block"):
        prove(checkpoint, CHAIN, block, receipts[1:], 3, CONTRACT)
    for index, contract in ((3, CONTRACT), (5, CONTRACT), (-1, CONTRACT), (4, b"\x66" * 20)):
        with pytest.raises(InvalidEvidence, match="no event in this receipt"):
            prove(checkpoint, CHAIN, block, receipts, index, contract)


def test_the_time_of_a_block_is_the_one_that_is_pinned(log: Log) -> None:
    evidence = Chain().anchor(log.checkpoint(), MINED)
    for seconds, known in ((SECONDS, True), (SECONDS + 1, False)):
        trusted = TrustedLedger(KIND, CHAIN, pinning(evidence, seconds))
        if known:
            assert verified(log, log.checkpoint(), evidence, trusted).time == MINED
        else:
            with raises(UNKNOWN_BLOCK):
                verified(log, log.checkpoint(), evidence, trusted)


def test_each_chain_is_believed_for_itself(log: Log) -> None:
    first, second = Chain(), Chain("eip155:10", fields=20)
    checkpoint = log.checkpoint()
    one, two = first.anchor(checkpoint, MINED), second.anchor(checkpoint, MINED + timedelta(1))
    both = (second.trusted, first.trusted)
    assert verified(log, checkpoint, one, *both).where == CHAIN
    assert verified(log, checkpoint, two, *both).where == "eip155:10"
    with pytest.raises(UnknownLedger):
        verified(log, checkpoint, two, first.trusted)
    unread = TrustedLedger(KIND, "eip155:1", {})
    assert verified(log, checkpoint, one, unread, first.trusted).where == CHAIN
    unknowing: tuple[dict[str, Any], ...] = ({"contracts": [], "blocks": ""}, {"contracts": []})
    for none in unknowing:
        empty = TrustedLedger(KIND, CHAIN, none)
        with raises(UNKNOWN_BLOCK):  # which says more than that another one is not read
            verified(log, checkpoint, one, empty, unread, second.trusted)


def test_a_block_of_one_chain_is_none_of_another(log: Log) -> None:
    """Even where the same block is pinned for both, as before a chain was split."""
    chain = Chain()
    evidence = chain.anchor(log.checkpoint(), MINED)
    other = replace(chain.trusted, where="eip155:61")
    with pytest.raises(UnknownLedger) as left:
        verified(log, log.checkpoint(), evidence, other)
    assert left.value.undetermined


BLOCK = base64url_encode(b"h" * 32 + SECONDS.to_bytes(8))
GOOD: dict[str, Any] = {"contracts": [f"0x{CONTRACT.hex()}"], "blocks": BLOCK}


@pytest.mark.parametrize(
    "where",
    [
        "eip155",
        "eip155:",
        "eip155:01",
        "eip155:-1",
        "eip155:1x",
        "bip122:1",
        "eip155:" + "1" * 33,
        "eip155:1:2",
    ],
)
def test_a_chain_has_a_name_by_caip_2(where: str) -> None:
    assert read(TrustedLedger(KIND, "eip155:1", GOOD)).blocks == {b"h" * 32: SECONDS}
    with pytest.raises(Malformed):
        read(TrustedLedger(KIND, where, GOOD))


@pytest.mark.parametrize(
    "wrong",
    [{"contracts": None}, {"contracts": "0x"}, {"contracts": [1]}, {"contracts": ["0x12"]}, {"blocks": 1},
     {"blocks": "!"}, {"blocks": "AA"}, {"blocks": BLOCK[:-4]}, {"more": 1}, {"origin": LOG},
     {"blocks": base64url_encode(b"h" * 32 + (253402300800).to_bytes(8))},
     {"blocks": base64url_encode(b"h" * 32 + b"\xff" * 8)}, {"blocks": "A" * ((1 << 24) + 1)}]
)  # fmt: skip
def test_parameters_that_are_not_understood_leave_evidence_open(wrong: dict[str, Any], log: Log) -> None:
    ledger = TrustedLedger(KIND, CHAIN, {**GOOD, **wrong})
    with pytest.raises(Malformed):
        read(ledger)
    evidence = Chain().anchor(log.checkpoint(), MINED)
    with pytest.raises(UnknownLedger, match="is not read here") as left:
        verified(log, log.checkpoint(), evidence, ledger)
    assert left.value.undetermined


def test_what_is_verified_is_charged_by_its_length_and_has_an_end(log: Log) -> None:
    """What costs most for its length is a receipt of nothing but small events."""
    checkpoint = log.checkpoint()
    small: rlp.Item = [b"\x11" * 20, [], b""]
    many = receipt(*[small] * 1000, event(8, checkpoint.root, LOG))
    evidence = of_block(checkpoint, [*others(200), many], 200)
    trusted = TrustedLedger(KIND, CHAIN, pinning(evidence))
    charged = EVIDENCE + len(evidence.body) // BYTES_WRITTEN
    with pytest.raises(TooLarge):
        verify_anchoring(checkpoint, evidence, trust_in(log, trusted), Work(charged - 1), kinds=KINDS)
    assert verified(log, checkpoint, evidence, trusted).time == MINED
    with pytest.raises(TooLarge):
        of_block(checkpoint, [receipt(*[small] * 1024, event(8, checkpoint.root, LOG))], 0)


@pytest.mark.slow
def test_where_the_package_is_missing_evidence_is_open_by_its_name() -> None:
    """In a process without it: nothing else of the ledger needs it, and the answer is none."""
    program = """
import sys
sys.modules["Crypto"] = None  # as if it were not installed
import ledger, tests.ledger_samples as samples
from ledger.evm import KIND
from ledger.tiles.memory import MemoryStore
log = samples.open_log(MemoryStore())
log.append(samples.samples(0, 3), b"3")
checkpoint = log.checkpoint()
evidence = ledger.Evidence(KIND, checkpoint.digest, b"x")
trust = samples.trust_in(log, ledger.TrustedLedger(KIND, "eip155:1", {}))
for _ in range(2):
    try:
        ledger.verify_anchoring(checkpoint, evidence, trust, kinds=ledger.KINDS)
    except ledger.UnknownKind as problem:
        print(problem.code, problem.undetermined, problem.detail)
"""
    said = subprocess.run((sys.executable, "-c", program), check=True, capture_output=True, text=True).stdout
    line = (
        f"evidence-needs-package True evidence of the kind {KIND} needs pycryptodome, which is not installed"
    )
    assert said.splitlines() == [line, line]


def test_where_its_module_cannot_be_imported_evidence_is_open(monkeypatch: pytest.MonkeyPatch) -> None:
    kind = KINDS[KIND]
    assert isinstance(kind, OfCheckpoints)
    monkeypatch.setitem(sys.modules, "ledger.evm.evidence", None)
    with raises(EVIDENCE_NEEDS_PACKAGE) as missing:
        kind.read(TrustedLedger(KIND, "eip155:1", {}))
    assert missing.value.undetermined


def test_it_is_a_kind_that_a_verifier_reads_by_default() -> None:
    assert isinstance(KINDS[KIND], OfCheckpoints)
