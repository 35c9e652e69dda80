"""A node that lies, before a real one of anvil, is told of by name; nothing that it says becomes evidence."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ledger import Checkpoint
from ledger.evm.anchor import EvmAnchor
from ledger.evm.chain import Chain
from ledger.evm.node import RpcNode
from ledger.evm.problem import (
    FINALITY_STALLED,
    NODE_BEHIND,
    NODE_MALFORMED,
    NODES_DISAGREE,
    WRONG_CHAIN,
    NodeError,
    NodeLies,
)
from ledger.evm.transactions import Pending
from ledger.problem import UnknownForm
from tests import anvil
from tests.evm_anchors import CHAIN, OWNER, Anchored, Kept, events
from tests.lying import Liar, Lie, lying
from tests.problems import raises
from wire.problem import Malformed, Problem, Raisable, Refused, Unavailable

pytestmark = [anvil.needed, pytest.mark.slow]

ELSEWHERE = "0x" + "ab" * 32


@pytest.fixture(scope="module")
def node() -> Iterator[anvil.Node]:
    with anvil.anvil("--slots-in-an-epoch", "1") as running:
        yield running


@pytest.fixture
def liar(node: anvil.Node) -> Iterator[Liar]:
    with lying(node.url) as running:
        yield running


@pytest.fixture
def anchored(tmp_path: Path, liar: Liar, node: anvil.Node) -> Iterator[Anchored]:
    before = node.call("evm_snapshot")
    anchored = Anchored(tmp_path, liar.url)
    anchored.begin(node)
    node.call("anvil_mine", "0x8")
    yield anchored
    node.call("evm_revert", before)


@pytest.fixture
def sent(anchored: Anchored, node: anvil.Node) -> tuple[Checkpoint, Kept]:
    """A checkpoint that is in a block, which is final by now."""
    return _sent(anchored.anchor(), anchored, node)


def _sent(anchor: EvmAnchor, anchored: Anchored, node: anvil.Node) -> tuple[Checkpoint, Kept]:
    node.call("anvil_mine", "0x2")
    checkpoint = anchored.grown(3)
    keep = Kept(anchor.prepare(checkpoint))
    anchor.advance(checkpoint, keep.state, keep)
    node.call("anvil_mine", "0x4")
    return checkpoint, keep


def altered(name: str, value: object) -> Lie:
    """Each block, receipt or other object has another value there."""

    def lie(truth: Any, asked: list[Any]) -> Any:
        if isinstance(truth, list):
            return [{**each, name: value} for each in truth]
        return truth and {**truth, name: value}

    return lie


def instead(told: object) -> Lie:
    return lambda truth, asked: told


def error(message: str) -> Lie:
    return instead({"error": {"code": -32000, "message": message}})


def only(word: str, lie: Lie) -> Lie:
    """Where that is what was asked for first."""
    return lambda truth, asked: lie(truth, asked) if asked[0] == word else truth


def but(word: str, lie: Lie) -> Lie:
    return lambda truth, asked: truth if asked[0] in (word, "latest") else lie(truth, asked)


LIES: list[tuple[str, Lie, Raisable[Problem], str]] = [
    ("eth_getBlockReceipts", altered("cumulativeGasUsed", "0x1"), NodeLies, "do not have its root"),
    ("eth_getBlockReceipts", altered("logs", []), NodeLies, "do not have its root"),
    ("eth_getBlockReceipts", altered("status", "0x0"), NodeLies, "do not have its root"),
    ("eth_getBlockReceipts", altered("type", "0x7e"), UnknownForm, "type 126"),
    ("eth_getBlockReceipts", altered("logsBloom", "0x0"), NODE_MALFORMED, "eth_getBlockReceipts"),
    ("eth_getBlockReceipts", instead([1]), NODE_MALFORMED, "eth_getBlockReceipts"),
    ("eth_getBlockReceipts", instead(None), NODE_MALFORMED, "eth_getBlockReceipts"),
    ("eth_getBlockByNumber", but("finalized", altered("timestamp", "0x1")), NodeLies, "does not hash"),
    ("eth_getBlockByNumber", but("finalized", altered("hash", ELSEWHERE)), NodeLies, "does not hash"),
    ("eth_getBlockByNumber", but("finalized", altered("number", "0x1")), NodeLies, "does not hash"),
    ("eth_getBlockByNumber", but("finalized", altered("hash", "0x12")), NodeLies, "does not hash"),
    ("eth_getBlockByNumber", but("finalized", altered("transactions", 1)), NODE_MALFORMED, "ByNumber"),
    ("eth_getBlockByNumber", but("finalized", altered("transactions", ["0x1"])), NODE_MALFORMED, "ByNumber"),
    ("eth_getBlockByNumber", but("finalized", altered("transactions", ["0x12"])), NODE_MALFORMED, "ByNumber"),
    ("eth_getBlockByNumber", but("finalized", instead(None)), NODE_BEHIND, "does not have block"),
    ("eth_getBlockByNumber", but("finalized", instead([])), NODE_MALFORMED, "ByNumber"),
    ("eth_getBlockByNumber", only("finalized", altered("number", "high")), NODE_MALFORMED, "ByNumber"),
    (
        "eth_getBlockByNumber",
        only("finalized", instead(None)),
        Refused,
        "does not say which blocks are final",
    ),
    ("eth_getTransactionReceipt", altered("blockNumber", "0x2"), NodeLies, "and it has none"),
    ("eth_getTransactionReceipt", altered("blockNumber", 2), NODE_MALFORMED, "eth_getTransactionReceipt"),
    ("eth_getTransactionReceipt", instead([]), NODE_MALFORMED, "eth_getTransactionReceipt"),
    ("eth_getTransactionCount", instead("many"), NODE_MALFORMED, "eth_getTransactionCount"),
    ("eth_chainId", instead("0x1"), WRONG_CHAIN, "is of the chain eip155:1, not of eip155:31337"),
]


@pytest.fixture(scope="module")
def lied_about(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Liar, Anchored, Checkpoint, Kept]]:
    """A checkpoint that is final, on a node of its own, to be asked for again and again."""
    with anvil.anvil("--slots-in-an-epoch", "1") as alone, lying(alone.url) as liar:
        anchored = Anchored(tmp_path_factory.mktemp("lies"), liar.url)
        yield liar, anchored, *_sent(anchored.begin(alone), anchored, alone)


@pytest.mark.parametrize("number", range(len(LIES)))
def test_a_lie_has_a_code_and_gives_no_evidence(
    lied_about: tuple[Liar, Anchored, Checkpoint, Kept], number: int
) -> None:
    liar, anchored, checkpoint, keep = lied_about
    method, lie, expected, words = LIES[number]
    liar.lies[method] = lie
    with raises(expected, match=words) as raised:
        anchored.anchor().advance(checkpoint, keep.state, keep)
    assert raised.value.code == expected.code
    assert "a-key-of-the-node" not in str(raised.value.to_dict())
    liar.lies.clear()
    evidence = anchored.anchor().advance(checkpoint, keep.state, keep)
    assert evidence is not None
    assert anchored.fact(checkpoint, evidence).checkpoint == checkpoint
    assert keep.count == 0


def test_finality_that_never_comes_is_told_of(
    anchored: Anchored, liar: Liar, sent: tuple[Checkpoint, Kept], node: anvil.Node
) -> None:
    checkpoint, keep = sent
    old = node.call("eth_getBlockByNumber", "0x2", False)
    liar.lies["eth_getBlockByNumber"] = only("finalized", instead(old))
    assert anchored.anchor().advance(checkpoint, keep.state, keep) is None
    node.call("evm_increaseTime", 7 * 3600)
    node.call("evm_mine")
    with raises(FINALITY_STALLED, match="is not final after 7 hours; the last that is is 2"):
        anchored.anchor().advance(checkpoint, keep.state, keep)


def test_a_head_that_goes_back_is_waited_for(anchored: Anchored, liar: Liar, node: anvil.Node) -> None:
    anchor, checkpoint = anchored.anchor(), anchored.grown(3)
    keep = Kept(anchor.prepare(checkpoint))
    old = node.call("eth_getBlockByNumber", "0x2", False)
    liar.lies["eth_getBlockByNumber"] = only("latest", instead(old))
    with raises(NODE_BEHIND, match="is 2, and was"):
        anchor.advance(checkpoint, keep.state, keep)
    assert "eth_sendRawTransaction" not in liar.asked[-8:]


def test_events_that_nobody_asked_for(anchored: Anchored, liar: Liar, sent: tuple[Checkpoint, Kept]) -> None:
    checkpoint, keep = sent
    forgotten = Pending().encode()
    for lie in (altered("address", OWNER), altered("topics", [ELSEWHERE])):
        liar.lies["eth_getLogs"] = lie
        with pytest.raises(NodeLies, match="that it was not asked for"):
            anchored.anchor().advance(checkpoint, forgotten, keep)
    liar.lies["eth_getLogs"] = altered("blockNumber", "0x3")
    with pytest.raises(NodeLies, match="and it has none"):
        anchored.anchor().advance(checkpoint, forgotten, keep)
    liar.lies["eth_getLogs"] = altered("topics", 1)
    with raises(NODE_MALFORMED, match="eth_getLogs"):
        anchored.anchor().advance(checkpoint, forgotten, keep)


@pytest.mark.parametrize("most", [1, 3, 10**6])
def test_a_node_that_looks_through_few_blocks_at_once(
    anchored: Anchored, liar: Liar, sent: tuple[Checkpoint, Kept], most: int
) -> None:
    checkpoint, keep = sent

    def lie(truth: Any, asked: list[Any]) -> Any:
        span = int(asked[0]["toBlock"], 16) - int(asked[0]["fromBlock"], 16) + 1
        return truth if span <= most else {"error": {"code": -32005, "message": "query exceeds the range"}}

    liar.lies["eth_getLogs"] = lie
    assert anchored.anchor().advance(checkpoint, Pending().encode(), keep) is not None


def test_a_node_that_looks_for_no_events(
    anchored: Anchored, liar: Liar, sent: tuple[Checkpoint, Kept]
) -> None:
    checkpoint, keep = sent
    liar.lies["eth_getLogs"] = error("not for you: a-key-of-the-node")
    with pytest.raises(NodeError, match='eth_getLogs: "not for you: …"'):
        anchored.anchor().advance(checkpoint, Pending().encode(), keep)


def test_a_node_that_gives_receipts_one_by_one_only(
    anchored: Anchored, liar: Liar, sent: tuple[Checkpoint, Kept]
) -> None:
    checkpoint, keep = sent
    liar.lies["eth_getBlockReceipts"] = error("the method does not exist")
    evidence = anchored.anchor().advance(checkpoint, keep.state, keep)
    assert evidence is not None
    assert anchored.fact(checkpoint, evidence).checkpoint == checkpoint


def test_where_nodes_do_not_say_what_is_final_a_depth_does(
    anchored: Anchored, liar: Liar, sent: tuple[Checkpoint, Kept], node: anvil.Node
) -> None:
    checkpoint, keep = sent
    liar.lies["eth_getBlockByNumber"] = only("finalized", error("unknown block"))
    assert anchored.anchor(depth=9).advance(checkpoint, keep.state, keep) is None
    node.call("anvil_mine", "0x5")
    assert anchored.anchor(depth=9).advance(checkpoint, keep.state, keep) is not None


def test_a_node_that_does_not_say_what_is_tipped(anchored: Anchored, liar: Liar) -> None:
    liar.lies["eth_maxPriorityFeePerGas"] = error("the method does not exist")
    (sent,) = Pending.parse(anchored.anchor().prepare(anchored.grown(3))).sent
    assert sent.fees.tip == 10**9


def test_what_a_node_has_already_is_taken(anchored: Anchored, liar: Liar, node: anvil.Node) -> None:
    anchor, checkpoint = anchored.anchor(), anchored.grown(3)
    keep = Kept(anchor.prepare(checkpoint))
    liar.lies["eth_sendRawTransaction"] = error("already known")
    anchor.advance(checkpoint, keep.state, keep)
    assert events(node, anchored.settings["contract"]) == 1


def test_what_no_node_takes_is_told(anchored: Anchored, liar: Liar, node: anvil.Node) -> None:
    anchor, checkpoint = anchored.anchor(), anchored.grown(3)
    keep = Kept(anchor.prepare(checkpoint))
    liar.lies["eth_sendRawTransaction"] = error("not today")
    liar.deaf.add("eth_sendRawTransaction")
    with pytest.raises(NodeError, match="not today"):
        anchor.advance(checkpoint, keep.state, keep)
    anchored.nodes(liar.url, node.url)
    anchored.anchor().advance(checkpoint, keep.state, keep)
    assert events(node, anchored.settings["contract"]) == 1


# Several nodes


def test_a_node_that_answers_late_is_passed_over(liar: Liar, node: anvil.Node) -> None:
    late, other = RpcNode(liar.url, seconds=0.2), RpcNode(node.url)
    liar.late["eth_chainId"] = 0.5
    number = int(node.call("eth_blockNumber"), 16)
    assert Chain(CHAIN, [late, other]).head().number == number
    assert Chain(CHAIN, [late, other]).header(number).number == number
    with pytest.raises(Unavailable, match="no whole answer in time"):
        Chain(CHAIN, [late]).head()
    with pytest.raises(Unavailable, match="no whole answer in time"):
        Chain(CHAIN, [late, other], unanimous=True).header(number)


def test_nodes_that_disagree(anchored: Anchored, sent: tuple[Checkpoint, Kept], liar: Liar) -> None:
    checkpoint, keep = sent
    with anvil.anvil("--slots-in-an-epoch", "1", "--timestamp", "1700000000") as other:
        other.call("anvil_mine", "0x40")
        anchored.nodes(liar.url, other.url)
        with raises(NODES_DISAGREE, match="disagree on block"):
            anchored.anchor().advance(checkpoint, keep.state, keep)


def test_one_that_lies_is_told_of_even_where_another_does_not(
    anchored: Anchored, sent: tuple[Checkpoint, Kept], liar: Liar, node: anvil.Node
) -> None:
    checkpoint, keep = sent
    anchored.nodes(node.url, liar.url)
    liar.lies["eth_getBlockByNumber"] = but("finalized", altered("timestamp", "0x1"))
    with pytest.raises(NodeLies, match="does not hash"):
        anchored.anchor().advance(checkpoint, keep.state, keep)


@pytest.mark.parametrize("name", ["eip155:0", "eip155:", "eip155:1x", "bip122:1", "eip155:١"])
def test_a_name_that_is_no_chain(name: str) -> None:
    with pytest.raises(Malformed, match="is no name of an EVM chain"):
        Chain(name, [])
