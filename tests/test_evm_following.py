"""Which blocks are taken for those that have a log's checkpoints: a chain made up for it, over http."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from ledger import InvalidEvidence
from ledger.evm.contract import ANCHORED, origin_digest
from ledger.evm.evidence import tree
from ledger.evm.following import AnchoredBlock, anchored_blocks
from ledger.evm.problem import NodeLies
from ledger.evm.receipt import Receipt
from tests.test_evm_chain import CONTRACT, ORIGIN, RECEIPT, Answering, header

SIZE_AND_ROOT = f"0x{(12).to_bytes(32).hex()}{'07' * 32}"
EVENT = {
    "address": f"0x{CONTRACT.hex()}",
    "topics": [f"0x{ANCHORED.hex()}", f"0x{origin_digest(ORIGIN).hex()}"],
    "data": SIZE_AND_ROOT,
}
WITH_EVENT = {**RECEIPT, "logs": [EVENT]}
ROOT = f"0x{tree([Receipt.of_node(WITH_EVENT)]).root.hex()}"


@pytest.fixture
def answering() -> Iterator[Answering]:
    answering = Answering()
    yield answering
    answering.close()


def found(answering: Answering, known: tuple[bytes, ...] = (), **told: Any) -> list[AnchoredBlock]:
    truth: Mapping[str, Any] = {
        "eth_getBlockByNumber": header(receiptsRoot=ROOT),
        "eth_getBlockReceipts": [WITH_EVENT],
        "eth_getLogs": [{**EVENT, "blockNumber": "0x7"}],
    }
    return list(anchored_blocks(answering.chain({**truth, **told}), CONTRACT, ORIGIN, known))


def test_a_block_is_its_hash_its_time_and_what_the_log_had_come_to(answering: Answering) -> None:
    (block,) = found(answering)
    assert block.row == block.hash + (0x6553F100).to_bytes(8)
    assert (block.reached.size, block.reached.root) == (12, b"\x07" * 32)
    assert block.reached.time.isoformat() == "2023-11-14T22:13:20+00:00"
    assert found(answering, (block.row,)) == []
    twice = [{**EVENT, "blockNumber": "0x7"}] * 2
    assert found(answering, eth_getLogs=twice) == [block]


def test_of_several_blocks_the_oldest_comes_first_and_known_ones_end_it(answering: Answering) -> None:
    logs = [{**EVENT, "blockNumber": hex(number)} for number in (7, 8, 8, 11, 12)]
    blocks = {number: header(receiptsRoot=ROOT, number=hex(number)) for number in (7, 8, 11, 12)}
    told: dict[str, Any] = {
        "eth_getBlockByNumber": lambda at, _: blocks[12 if at == "finalized" else int(at, 16)],
        "eth_getLogs": logs,
    }
    whole = found(answering, **told)
    assert [block.hash.hex() for block in whole] == [block["hash"][2:] for block in blocks.values()]
    assert found(answering, (whole[1].row,), **told) == whole[2:]
    (asked,) = answering.parameters("eth_getLogs")[0]
    assert (asked["fromBlock"], asked["toBlock"]) == ("0x0", "0xc"), "nothing that is not final"


def test_an_event_that_the_block_does_not_have_is_a_lie(answering: Answering) -> None:
    other = {**EVENT, "blockNumber": "0x7", "data": f"0x{(13).to_bytes(32).hex()}{'07' * 32}"}
    with pytest.raises(NodeLies, match="tells of an event that block 7 does not have"):
        found(answering, eth_getLogs=[other])


def test_one_that_is_not_the_contracts_own_pins_nothing(answering: Answering) -> None:
    with pytest.raises(InvalidEvidence):
        found(answering, eth_getLogs=[{**EVENT, "blockNumber": "0x7", "data": SIZE_AND_ROOT + "00"}])


def test_a_time_that_no_clock_shows_is_a_lie(answering: Answering) -> None:
    late = header(receiptsRoot=ROOT, timestamp=hex(2**40))
    with pytest.raises(NodeLies, match="beyond the year 9999"):
        found(answering, eth_getBlockByNumber=late)
