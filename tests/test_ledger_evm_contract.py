"""The contract that has a log's checkpoints: who may write into it, what it costs, and that it only grows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("Crypto", reason="no extra [evm]: pip install '.[evm]'")

from ledger import Checkpoint, Evidence, TrustedLedger, verify_anchoring
from ledger.evm import KIND
from ledger.evm.contract import (
    ANCHORED,
    SELECTORS,
    TreeHead,
    anchor_call,
    init_code,
    is_submitter_call,
    name_submitter_call,
    origin_digest,
    read_event,
    runtime_code,
)
from ledger.evm.evidence import prove
from ledger.evm.hexadecimal import parse_address
from ledger.evm.receipt import Event
from ledger.kinds import KINDS
from ledger.tiles.memory import MemoryStore
from tests import anchor_code
from tests.ledger_samples import ORIGIN, open_log, samples, trust_in
from tests.py_evm import Chain
from wire.strict import base64url_encode

pytestmark = pytest.mark.slow  # on a machine that runs the contract

LARGEST_SIZE = (1 << 64) - 1
ROOTS = [bytes((number,)) * 32 for number in range(1, 9)]


@pytest.fixture(scope="module")
def chain() -> Chain:
    return Chain()


@pytest.fixture
def contract(chain: Chain) -> bytes:
    return chain.deploy()


def events(receipt: Any) -> list[Event]:
    return [
        Event(
            parse_address(log["address"]),
            tuple(bytes.fromhex(topic[2:]) for topic in log["topics"]),
            bytes.fromhex(log["data"][2:]),
        )
        for log in receipt["logs"]
    ]


def test_it_is_what_was_compiled_with_its_log_and_its_owner(chain: Chain, contract: bytes) -> None:
    assert chain.code(contract) == runtime_code(ORIGIN, chain.owner)
    assert chain.code(contract) != runtime_code("other.example/log", chain.owner)
    assert chain.code(contract) != runtime_code(ORIGIN, chain.other)
    assert chain.call(contract, SELECTORS["origin"]) == origin_digest(ORIGIN)
    assert chain.call(contract, SELECTORS["owner"])[12:] == chain.owner
    assert int.from_bytes(chain.call(contract, SELECTORS["size"])) == 0


def test_it_has_the_newest_checkpoint_and_says_each_in_an_event(chain: Chain, contract: bytes) -> None:
    for size, root in ((3, ROOTS[0]), (4, ROOTS[1]), (1 << 40, ROOTS[2])):
        receipt = chain.send(chain.submitter, anchor_call(size, root), contract)
        [event] = events(receipt)
        assert (event.address, event.topics) == (contract, (ANCHORED, origin_digest(ORIGIN)))
        assert read_event(event, ORIGIN) == TreeHead(size, root)
        assert int.from_bytes(chain.call(contract, SELECTORS["size"])) == size
        assert chain.call(contract, SELECTORS["root"]) == root


def test_the_size_has_to_grow(chain: Chain, contract: bytes) -> None:
    assert "not larger" in chain.refuses(chain.submitter, anchor_call(0, ROOTS[0]), contract)
    chain.send(chain.submitter, anchor_call(5, ROOTS[0]), contract)
    for size in (0, 4, 5):
        assert "not larger" in chain.refuses(chain.submitter, anchor_call(size, ROOTS[1]), contract)
    for size in (1 << 64, (1 << 256) - 1):  # which is no size at all
        chain.refuses(chain.submitter, anchor_call(size, ROOTS[1]), contract)
    assert chain.call(contract, SELECTORS["root"]) == ROOTS[0]


def test_the_owner_says_who_may_submit(chain: Chain, contract: bytes) -> None:
    def may(who: bytes) -> bool:
        return bool(int.from_bytes(chain.call(contract, is_submitter_call(who))))

    assert (may(chain.submitter), may(chain.other), may(chain.owner)) == (True, False, False)
    for who in (chain.other, chain.owner):
        assert "not a submitter" in chain.refuses(who, anchor_call(1, ROOTS[0]), contract)
    for who in (chain.other, chain.submitter):
        assert "not the owner" in chain.refuses(who, name_submitter_call(who, may=True), contract)
    chain.send(chain.owner, name_submitter_call(chain.other, may=True), contract)
    chain.send(chain.owner, name_submitter_call(chain.submitter, may=False), contract)
    assert (may(chain.submitter), may(chain.other)) == (False, True)
    assert "not a submitter" in chain.refuses(chain.submitter, anchor_call(1, ROOTS[0]), contract)
    assert events(chain.send(chain.other, anchor_call(1, ROOTS[0]), contract))


def test_it_takes_no_coins_and_knows_no_other_call(chain: Chain, contract: bytes) -> None:
    for data in (b"", b"\0\0\0\0", SELECTORS["anchor"], anchor_call(1, ROOTS[0])[:-1]):
        chain.refuses(chain.submitter, data, contract)
    for owner, submitter in ((b"\x01" * 32, chain.submitter), (chain.owner, b"\x01" * 32)):
        receipt = chain.send(chain.submitter, init_code(ORIGIN, owner, submitter))
        assert receipt["status"] == 0  # more than an address is


def test_an_anchor_costs_no_more_than_it_may(chain: Chain, contract: bytes) -> None:
    """The first one fills empty storage; sizes of many bytes and roots without zeros cost most."""
    costs = []
    for number, root in enumerate(ROOTS):
        receipt = chain.send(chain.submitter, anchor_call(LARGEST_SIZE - 10 + number, root), contract)
        costs.append(receipt["gas_used"])
    assert costs[0] < 90_000
    assert max(costs[1:]) <= 38_000  # as measured; what is promised is 45,000
    deployed = chain.send(chain.submitter, init_code(ORIGIN, chain.owner, chain.submitter))
    assert deployed["gas_used"] < 400_000


def test_a_contract_that_is_blocked_is_followed_by_another_and_old_evidence_stays(chain: Chain) -> None:
    """Who steals the key that pays fees may write a huge size: nothing larger will ever come."""
    log, contracts = open_log(MemoryStore()), [chain.deploy(), chain.deploy()]
    found, pins = list[tuple[Checkpoint, Evidence]](), b""
    for size, contract in ((3, contracts[0]), (5, contracts[1])):
        log.append(samples(log.checkpoint().size, size), b"%d" % size)
        head = log.checkpoint()
        sent = chain.send(chain.submitter, anchor_call(head.size, head.root), contract)
        header, receipts = chain.block(sent["block_number"])
        found.append((head, prove(head, "eip155:1", header, receipts, 0, contract)))
        pins += header.hash + header.time.to_bytes(8)
        chain.send(chain.submitter, anchor_call(LARGEST_SIZE, bytes(32)), contract)
        assert "not larger" in chain.refuses(chain.submitter, anchor_call(size + 1, bytes(32)), contract)
    named = [f"0x{contract.hex()}" for contract in contracts]
    known = TrustedLedger(KIND, "eip155:1", {"contracts": named, "blocks": base64url_encode(pins)})
    for head, evidence in found:
        assert verify_anchoring(head, evidence, trust_in(log, known), kinds=KINDS).clock == "chain"


def test_selectors_and_topic_are_those_of_the_abi() -> None:
    from ledger.evm.keccak import keccak256

    functions = {
        "anchor": "anchor(uint64,bytes32)",
        "name_submitter": "name_submitter(address,bool)",
        "submitters": "submitters(address)",
        **{name: f"{name}()" for name in ("origin", "owner", "size", "root")},
    }
    assert {name: keccak256(of.encode())[:4] for name, of in functions.items()} == dict(SELECTORS)


@pytest.mark.slow
def test_the_code_is_that_of_the_source(tmp_path: Path) -> None:
    """Compiled anew, in an environment that has nothing but the compiler."""
    try:
        vyper = anchor_code.compiler(tmp_path)
    except anchor_code.NoCompiler as problem:
        pytest.skip(f"no {anchor_code.COMPILER}: have pip reach a package index that has it ({problem})")
    assert anchor_code.compiled(vyper) == json.loads(anchor_code.COMPILED.read_bytes())
