"""What a node of a chain may answer: each question ends, in what was asked for or in a problem.

The lies are told where the network is, below what makes sense of a node's answers.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.evm.chain import Chain
from ledger.evm.node import RpcNode
from ledger.evm.problem import NODE_MALFORMED, NodeError, NodeLies
from tests.problems import raises
from tests.test_evm_chain import CONTRACT, RECEIPT, header
from wire.problem import Problem, Unavailable

TOPIC = b"\x44" * 32
EVENT = {"address": f"0x{CONTRACT.hex()}", "topics": [f"0x{TOPIC.hex()}"], "data": "0x"}


class Told(RpcNode):
    """A node that answers as a test says, or with an error of its own where that is raised."""

    def __init__(self, answer: Callable[[str, tuple[Any, ...]], Any]) -> None:
        super().__init__("https://node.example")
        self._answer = answer
        self.asked: list[tuple[str, tuple[Any, ...]]] = []

    def call(self, method: str, *parameters: object) -> Any:
        self.asked.append((method, parameters))
        assert len(self.asked) < 5000, "a question without end"
        return "0x7a69" if method == "eth_chainId" else self._answer(method, parameters)


def chain(answer: Callable[[str, tuple[Any, ...]], Any]) -> tuple[Chain, Told]:
    node = Told(answer)
    return Chain("eip155:31337", [node]), node


def refuses(*_: object) -> Any:
    raise NodeError("no")


class TestEvents:
    @pytest.mark.parametrize("number", ["0x4", "0xb", hex(2**63), hex(2**255)])
    def test_those_of_other_blocks_are_lies(self, number: str) -> None:
        """One event could else be the answer to each question, or lead to blocks that are none."""
        asked, _ = chain(lambda *_: [{**EVENT, "blockNumber": number}])
        with raises((NodeLies, NODE_MALFORMED), match=r"not asked for|not of the form"):
            list(asked.events(CONTRACT, [TOPIC], 5, 10))

    @pytest.mark.parametrize("number", [5, 10])
    def test_those_of_the_first_and_the_last_block_are_none(self, number: int) -> None:
        asked, _ = chain(lambda *_: [{**EVENT, "blockNumber": hex(number)}])
        assert [at for at, _ in asked.events(CONTRACT, [TOPIC], 5, 10)] == [number]

    def test_a_node_that_looks_through_one_block_at_a_time(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Of a chain as long as it says: it is not asked for years."""
        monkeypatch.setattr("ledger.evm.chain._ASKED", 50)

        def answer(_: str, parameters: tuple[Any, ...]) -> Any:
            return [] if parameters[0]["fromBlock"] == parameters[0]["toBlock"] else refuses()

        asked, node = chain(answer)
        with pytest.raises(Unavailable, match="too few blocks at once: 50 questions"):
            list(asked.events(CONTRACT, [TOPIC], 0, 2**60))
        assert len(node.asked) == 51
        assert list(asked.events(CONTRACT, [TOPIC], 0, 5)) == []

    def test_a_node_that_refuses_whatever_it_is_asked(self) -> None:
        asked, node = chain(refuses)
        with pytest.raises(NodeError):
            list(asked.events(CONTRACT, [TOPIC], 0, 2**60))
        assert len(node.asked) < 15

    def test_each_block_is_looked_through_once(self) -> None:
        """In longer and longer spans, until a node finds one too long."""
        spans: list[tuple[int, int]] = []

        def answer(_: str, parameters: tuple[Any, ...]) -> Any:
            span = tuple(int(parameters[0][end], 16) for end in ("fromBlock", "toBlock"))
            if span[1] - span[0] >= 3000:
                refuses()
            spans.append((span[0], span[1]))
            return []

        asked, _ = chain(answer)
        assert list(asked.events(CONTRACT, [TOPIC], 7, 20_000)) == []
        assert [stop - start + 1 for start, stop in spans][:4] == [1000, 2000, 2000, 2000]
        assert sorted(block for start, stop in spans for block in range(start, stop + 1)) == [
            *range(7, 20_001)
        ]


class TestReceipts:
    def test_one_by_one_where_a_node_has_not_all_at_once(self) -> None:
        answers = {"eth_getBlockByNumber": header(), "eth_getTransactionReceipt": RECEIPT}
        asked, _ = chain(lambda method, _: answers[method] if method in answers else refuses())
        assert len(asked.block(7).receipts) == 1

    def test_of_more_transactions_than_a_block_has(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("ledger.evm.chain._MOST_TRANSACTIONS", 3)
        for count, expected in ((3, NodeLies), (4, NODE_MALFORMED)):  # whose root is that of one receipt
            block = {**header(), "transactions": ["0x" + "11" * 32] * count}
            answers = {"eth_getBlockByNumber": block, "eth_getTransactionReceipt": RECEIPT}
            asked, node = chain(lambda method, _: answers[method] if method in answers else refuses())  # noqa: B023
            with raises(expected):
                asked.block(7)
            assert len(node.asked) == {3: 6, 4: 3}[count]

    def test_that_are_longer_together_than_one_answer_may_be(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("ledger.evm.chain.LARGEST_ANSWER", 700)  # two of 270 bytes
        block = {**header(), "transactions": ["0x" + "11" * 32] * 50}
        answers = {"eth_getBlockByNumber": block, "eth_getTransactionReceipt": RECEIPT}
        asked, node = chain(lambda method, _: answers[method] if method in answers else refuses())
        with raises(NODE_MALFORMED):
            asked.block(7)
        assert len(node.asked) < 10


@pytest.mark.parametrize("member", ["number", "timestamp"])
def test_a_block_of_a_number_or_a_time_that_no_chain_has(member: str) -> None:
    for value, is_one in ((2**63 - 1, True), (2**63, False)):
        asked, _ = chain(lambda *_: {"number": "0x1", "timestamp": "0x1", member: hex(value)})  # noqa: B023
        if is_one:
            asked.head()
        else:
            with raises(NODE_MALFORMED):
                asked.head()


VALUES = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(),
        st.sampled_from(["", "0x", "0x7", "0x" + "44" * 32, f"0x{CONTRACT.hex()}", hex(2**255), "0xZZ", "x"]),
        st.sampled_from([header(), RECEIPT, {**EVENT, "blockNumber": "0x7"}]),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(["number", "timestamp", "hash", "transactions", "logs", "status", "blockNumber"]),
            inner,
            max_size=4,
        ),
        st.dictionaries(st.sampled_from([*header(), *RECEIPT]), inner, max_size=3).map(
            lambda members: {**header(), **RECEIPT, **members}
        ),
    ),
    max_leaves=6,
)


@settings(deadline=None)
@given(st.lists(VALUES, min_size=1, max_size=4))
def test_whatever_a_node_answers(values: list[Any]) -> None:
    asks: list[Callable[[Chain], object]] = [
        lambda chain: chain.head(),
        lambda chain: chain.final(),
        lambda chain: chain.nonce(CONTRACT),
        lambda chain: chain.balance(CONTRACT),
        lambda chain: chain.gas_price(),
        lambda chain: chain.tip(),
        lambda chain: chain.gas(CONTRACT, None, b""),
        lambda chain: chain.code(CONTRACT),
        lambda chain: chain.read(CONTRACT, b""),
        lambda chain: chain.send(b"transaction"),
        lambda chain: chain.mined(b"transaction"),
        lambda chain: list(chain.events(CONTRACT, [TOPIC], 0, 10_000)),
        lambda chain: chain.header(7),
        lambda chain: chain.block(7),
    ]
    for ask in asks:
        asked, node = chain(lambda *_: values[len(node.asked) % len(values)])  # noqa: B023
        with contextlib.suppress(Problem):
            ask(asked)
        assert len(node.asked) < 50
