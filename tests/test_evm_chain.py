"""What a node says is held against itself, and against what others say: a chain made up for it, over http."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from keys import PrivateKey
from ledger.anchor import Sender
from ledger.anchors import ANCHORS
from ledger.evm.chain import Chain, Mined, NewestBlock
from ledger.evm.contract import runtime_code
from ledger.evm.deployment import require_contract
from ledger.evm.evidence import tree
from ledger.evm.header import Header
from ledger.evm.keccak import keccak256
from ledger.evm.node import RpcNode
from ledger.evm.problem import (
    NO_FEE_KEY,
    NODE_BEHIND,
    NODE_MALFORMED,
    NODES_DISAGREE,
    OTHER_CONTRACT,
    WRONG_CHAIN,
    NodeError,
    NodeLies,
)
from ledger.evm.receipt import Receipt
from ledger.evm.transactions import Call, FeeAccount, Fees, Pending, account_of, checksummed, coins
from ledger.tiles.memory import MemoryStore
from tests.ledger_samples import open_log
from tests.loopback import Site, response
from tests.problems import raises
from wire.problem import ExtraMissing, Refused

CONTRACT, OWNER = b"\x0c" * 20, b"\x0f" * 20
ORIGIN = "ledger.example/log"
RECEIPT = {
    "type": "0x2",
    "status": "0x1",
    "cumulativeGasUsed": "0x5208",
    "logsBloom": "0x" + "00" * 256,
    "logs": [],
}


def header(**more: str) -> dict[str, Any]:
    """A block as a node gives it, with the root of one receipt."""
    word = "0x" + "11" * 32
    block: dict[str, Any] = {
        **dict.fromkeys(("parentHash", "sha3Uncles", "stateRoot", "transactionsRoot", "mixHash"), word),
        "receiptsRoot": f"0x{tree([Receipt.of_node(RECEIPT)]).root.hex()}",
        "miner": "0x" + "22" * 20,
        "logsBloom": "0x" + "00" * 256,
        **dict.fromkeys(("difficulty", "gasLimit", "gasUsed"), "0x1"),
        "number": "0x7",
        "timestamp": "0x6553f100",
        "extraData": "0x",
        "nonce": "0x" + "00" * 8,
        "baseFeePerGas": "0x7",
        **more,
    }
    return {**block, "hash": f"0x{Header.of_node(block).hash.hex()}", "transactions": [word]}


TRUTH: Mapping[str, Any] = {
    "eth_chainId": "0x7a69",
    "eth_getBlockByNumber": header(),
    "eth_getBlockReceipts": [RECEIPT],
    "eth_getCode": f"0x{runtime_code(ORIGIN, OWNER).hex()}",
}


REFUSED = object()
"""In the place of an answer: the node gives an error, as where it does not have a method."""


class Answering:
    """Nodes, each with answers of its own beside those that are true; some depend on what is asked."""

    def __init__(self) -> None:
        self._open = ExitStack()
        self.asked: list[tuple[str, list[Any]]] = []
        """The methods that were called on any of them, with their parameters."""

    def chain(self, *told: Mapping[str, Any], **options: Any) -> Chain:
        return Chain("eip155:31337", [self._node({**TRUTH, **each}) for each in told], **options)

    def address(self, told: Mapping[str, Any]) -> str:
        """Where one answers."""
        return self._running({**TRUTH, **told}).url()

    def parameters(self, method: str) -> list[list[Any]]:
        """Those of each call of a method."""
        return [parameters for name, parameters in self.asked if name == method]

    def _node(self, answers: Mapping[str, Any]) -> RpcNode:
        return RpcNode(self._running(answers).url())

    def _running(self, answers: Mapping[str, Any]) -> Site:
        def answer(_path: str) -> bytes:
            question = json.loads(site.requests[-1].partition("\r\n\r\n")[2])
            method, parameters = question["method"], question["params"]
            self.asked.append((method, parameters))
            found = answers[method]
            found = found(*parameters) if callable(found) else found
            error = {"code": -32601, "message": "not here"}
            member = {"error": error} if found is REFUSED else {"result": found}
            return response(200, json.dumps({"jsonrpc": "2.0", "id": 1, **member}).encode())

        site = Site(answer)
        return self._open.enter_context(site.running())

    def close(self) -> None:
        self._open.close()


@pytest.fixture
def nodes() -> Iterator[Answering]:
    answering = Answering()
    yield answering
    answering.close()


def test_what_fits_together_is_taken(nodes: Answering) -> None:
    block = nodes.chain({}, {}).block(7)
    assert (block.header.number, block.header.time, len(block.receipts)) == (7, 0x6553F100, 1)
    require_contract(nodes.chain({}), CONTRACT, ORIGIN, OWNER)


def test_a_node_of_another_chain_says_nothing(nodes: Answering) -> None:
    with raises(WRONG_CHAIN, match="is of the chain eip155:1, not of eip155:31337"):
        nodes.chain({"eth_chainId": "0x1"}).head()


def test_a_header_hashes_to_its_hash(nodes: Answering) -> None:
    false = {**header(), "hash": "0x" + "33" * 32}
    with pytest.raises(NodeLies, match="does not hash to its hash"):
        nodes.chain({"eth_getBlockByNumber": false}).header(7)


def test_a_header_is_of_the_block_that_was_asked_for(nodes: Answering) -> None:
    with pytest.raises(NodeLies, match=r"block 8 .* does not hash"):
        nodes.chain({}).header(8)


def test_receipts_have_the_root_of_their_block(nodes: Answering) -> None:
    with pytest.raises(NodeLies, match="do not have its root"):
        nodes.chain({"eth_getBlockReceipts": [{**RECEIPT, "status": "0x0"}]}).block(7)


def test_nodes_agree_on_a_block(nodes: Answering) -> None:
    other = header(timestamp="0x6553f101")
    with raises(NODES_DISAGREE, match="disagree on block 7"):
        nodes.chain({}, {"eth_getBlockByNumber": other}).header(7)


@pytest.mark.parametrize(
    ("code", "part"),
    [
        (runtime_code("other.example/log", OWNER), "log"),
        (runtime_code(ORIGIN, CONTRACT), "owner"),
        (b"\x00" + runtime_code(ORIGIN, OWNER)[1:], "code"),
        (runtime_code(ORIGIN, OWNER)[1:], "code"),
        (b"", "code"),
    ],
)
def test_a_contract_is_that_of_the_log_with_its_owner(nodes: Answering, code: bytes, part: str) -> None:
    chain = nodes.chain({"eth_getCode": f"0x{code.hex()}"})
    with raises(OTHER_CONTRACT, match=f"the {part} is another"):
        require_contract(chain, CONTRACT, ORIGIN, OWNER)


def test_events_are_those_that_were_asked_for(nodes: Answering) -> None:
    topic = "0x" + "44" * 32
    event = {"address": f"0x{CONTRACT.hex()}", "topics": [topic], "data": "0x", "blockNumber": "0x7"}
    chain = nodes.chain({"eth_getLogs": [event]})
    assert [number for number, _ in chain.events(CONTRACT, [bytes.fromhex(topic[2:])], 0, 9)] == [7]
    for contract, topics in ((OWNER, [bytes.fromhex(topic[2:])]), (CONTRACT, [b"\x45" * 32])):
        with pytest.raises(NodeLies, match="was not asked for"):
            list(chain.events(contract, topics, 0, 9))


LATEST: Mapping[str, Any] = {"number": "0x1e", "timestamp": "0x5", "baseFeePerGas": "0x9"}
WHO = f"0x{OWNER.hex()}"
THERE = f"0x{CONTRACT.hex()}"


@pytest.mark.quick(every=3)
@pytest.mark.parametrize(
    ("ask", "method", "parameters", "told", "answer"),
    [
        (Chain.head, "eth_getBlockByNumber", ["latest", False], LATEST, NewestBlock(30, 5, 9)),
        (
            Chain.head,
            "eth_getBlockByNumber",
            ["latest", False],
            {**LATEST, "baseFeePerGas": None},
            NewestBlock(30, 5, None),
        ),
        (lambda chain: chain.nonce(OWNER), "eth_getTransactionCount", [WHO, "latest"], "0x3", 3),
        (lambda chain: chain.balance(OWNER), "eth_getBalance", [WHO, "latest"], "0x10", 16),
        (Chain.gas_price, "eth_gasPrice", [], "0x8", 8),
        (Chain.tip, "eth_maxPriorityFeePerGas", [], "0x2", 2),
        (Chain.tip, "eth_maxPriorityFeePerGas", [], REFUSED, 10**9),
        (lambda chain: chain.code(CONTRACT), "eth_getCode", [THERE, "latest"], "0x6001", b"\x60\x01"),
        (
            lambda chain: chain.read(CONTRACT, b"\x01"),
            "eth_call",
            [{"to": THERE, "data": "0x01"}, "latest"],
            "0x02",
            b"\x02",
        ),
        (
            lambda chain: chain.gas(OWNER, CONTRACT, b"\x01"),
            "eth_estimateGas",
            [{"from": WHO, "to": THERE, "data": "0x01"}],
            "0x5208",
            21_000,
        ),
        (
            lambda chain: chain.gas(OWNER, None, b"\x01"),
            "eth_estimateGas",
            [{"from": WHO, "data": "0x01"}],
            "0x5208",
            21_000,
        ),
    ],
)
def test_what_is_asked_and_what_comes_back(
    nodes: Answering, ask: Callable[[Chain], Any], method: str, parameters: list[Any], told: Any, answer: Any
) -> None:
    chain = nodes.chain({method: told})
    assert [ask(chain), ask(chain)] == [answer, answer]
    assert nodes.parameters(method) == [parameters, parameters]
    assert nodes.parameters("eth_chainId") == [[]], "once"


def test_what_one_node_cannot_say_another_one_may(nodes: Answering) -> None:
    assert nodes.chain({"eth_gasPrice": REFUSED}, {"eth_gasPrice": "0x8"}).gas_price() == 8
    with pytest.raises(NodeError):  # of several problems the one that a node put into words
        nodes.chain({"eth_gasPrice": REFUSED}, {"eth_gasPrice": "many"}).gas_price()
    with raises(NODE_MALFORMED):
        nodes.chain({"eth_gasPrice": []}).gas_price()


def _finalized(number: str | None) -> Callable[[str, bool], Any]:
    told = {**LATEST, "number": number} if number else number
    return lambda word, _: {"latest": LATEST, "finalized": told}[word]


def test_final_is_what_no_node_takes_back(nodes: Answering) -> None:
    told = [{"eth_getBlockByNumber": _finalized(number)} for number in ("0x7", "0x6", "0x8")]
    assert nodes.chain(*told).final() == 6


def test_where_a_node_does_not_say_what_is_final_a_depth_does(nodes: Answering) -> None:
    silent = {"eth_getBlockByNumber": _finalized(None)}
    refuses = {"eth_getBlockByNumber": lambda word, _: LATEST if word == "latest" else REFUSED}
    assert nodes.chain(silent, depth=4).final() == 26
    assert nodes.chain(refuses, depth=5).final() == 25
    assert nodes.chain({"eth_getBlockByNumber": _finalized("0x7")}, depth=4).final() == 7
    with pytest.raises(Refused, match="does not say which blocks are final"):
        nodes.chain(silent).final()


def test_all_have_to_answer_only_where_they_are_to_be_unanimous(nodes: Answering) -> None:
    silent = {"eth_getBlockByNumber": REFUSED}
    assert nodes.chain({}, silent).header(7).number == 7
    assert nodes.chain(silent, {}).header(7).number == 7
    assert nodes.chain({}, {}, unanimous=True).header(7).number == 7
    for chain in (nodes.chain({}, silent, unanimous=True), nodes.chain(silent)):
        with pytest.raises(NodeError):
            chain.header(7)


@pytest.mark.parametrize("place", [0, 1])
def test_one_that_contradicts_itself_is_told_of_whatever_others_say(nodes: Answering, place: int) -> None:
    told: list[Mapping[str, Any]] = [{}, {}]
    told[place] = {"eth_getBlockByNumber": {**header(), "hash": "0x" + "33" * 32}}
    with pytest.raises(NodeLies):
        nodes.chain(*told).header(7)


def test_a_block_that_is_not_there_yet(nodes: Answering) -> None:
    with raises(NODE_BEHIND, match="does not have block 8"):
        nodes.chain({"eth_getBlockByNumber": None}).header(8)


def test_receipts_are_had_one_by_one_where_a_node_gives_them_so(nodes: Answering) -> None:
    told = {"eth_getBlockReceipts": REFUSED, "eth_getTransactionReceipt": RECEIPT}
    assert len(nodes.chain(told).block(7).receipts) == 1
    assert nodes.parameters("eth_getTransactionReceipt") == [["0x" + "11" * 32]]


RAW = b"\x02raw"
NAME = f"0x{keccak256(RAW).hex()}"


def test_a_transaction_goes_to_each_node_and_one_that_takes_it_is_enough(nodes: Answering) -> None:
    takes = {"eth_sendRawTransaction": NAME}
    refuses = {"eth_sendRawTransaction": REFUSED, "eth_getTransactionByHash": None}
    knows = {"eth_sendRawTransaction": REFUSED, "eth_getTransactionByHash": {"hash": NAME}}
    for told in ((takes, refuses), (refuses, takes), (knows, refuses), (refuses, knows), (takes, takes)):
        nodes.asked.clear()
        nodes.chain(*told).send(RAW)
        assert nodes.parameters("eth_sendRawTransaction") == [[f"0x{RAW.hex()}"]] * 2
        assert all(parameters == [NAME] for parameters in nodes.parameters("eth_getTransactionByHash"))
    with pytest.raises(NodeError):
        nodes.chain(refuses, refuses).send(RAW)


def test_where_a_transaction_was_mined(nodes: Answering) -> None:
    receipt = {"blockNumber": "0x7", "status": "0x1", "gasUsed": "0x5208", "effectiveGasPrice": "0x3"}
    assert nodes.chain({"eth_getTransactionReceipt": None}).mined(RAW) is None
    assert nodes.chain({"eth_getTransactionReceipt": receipt}).mined(RAW) == Mined(7, True, None, 63_000)
    del receipt["effectiveGasPrice"]  # before London not all nodes tell it
    made = {**receipt, "status": "0x0", "contractAddress": THERE}
    assert nodes.chain({"eth_getTransactionReceipt": made}).mined(RAW) == Mined(7, False, CONTRACT, 0)
    assert nodes.parameters("eth_getTransactionReceipt") == [[NAME]] * 3


def _logs(most: int, *blocks: int) -> Callable[[Mapping[str, Any]], Any]:
    """A node that has events in these blocks, and looks through so many blocks at once."""

    def answer(asked: Mapping[str, Any]) -> Any:
        first, last = int(asked["fromBlock"], 16), int(asked["toBlock"], 16)
        if last - first >= most:
            return REFUSED
        event = {"address": asked["address"], "topics": asked["topics"], "data": "0x"}
        return [{**event, "blockNumber": hex(number)} for number in blocks if first <= number <= last]

    return answer


@pytest.mark.parametrize("most", [1, 7, 30, 10**6])
def test_events_are_all_found_the_newest_first_however_few_blocks_a_node_looks_through(
    nodes: Answering, most: int
) -> None:
    blocks = (100, 101, 101, 127, 129)
    chain = nodes.chain({"eth_getLogs": _logs(most, *blocks)})
    found = [number for number, _ in chain.events(CONTRACT, [b"\x44" * 32], 100, 129)]
    assert found == [129, 127, 101, 101, 100]
    assert list(chain.events(CONTRACT, [b"\x44" * 32], 102, 126)) == []
    assert list(chain.events(CONTRACT, [b"\x44" * 32], 9, 8)) == []


def test_where_few_events_are_more_blocks_are_looked_through_at_once(nodes: Answering) -> None:
    chain = nodes.chain({"eth_getLogs": _logs(10**6, 5)})
    assert [number for number, _ in chain.events(CONTRACT, [b"\x44" * 32], 0, 4_999)] == [5]
    asked = [
        (int(each["fromBlock"], 16), int(each["toBlock"], 16)) for (each,) in nodes.parameters("eth_getLogs")
    ]
    assert asked == [(4_000, 4_999), (2_000, 3_999), (0, 1_999)]
    nodes.asked.clear()
    chain = nodes.chain({"eth_getLogs": _logs(300, 5)})
    assert [number for number, _ in chain.events(CONTRACT, [b"\x44" * 32], 0, 599)] == [5]
    asked = [
        (int(each["fromBlock"], 16), int(each["toBlock"], 16)) for (each,) in nodes.parameters("eth_getLogs")
    ]
    assert asked == [(0, 599), (100, 599), (350, 599), (100, 349), (0, 99)]


def test_a_node_that_looks_through_no_block_is_told_of(nodes: Answering) -> None:
    with pytest.raises(NodeError):
        list(nodes.chain({"eth_getLogs": REFUSED}).events(CONTRACT, [b"\x44" * 32], 0, 9))


def test_the_account_of_a_key() -> None:
    """The first one of every chain of tests, as its tools write it."""
    secret = bytes.fromhex("ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80")
    key = PrivateKey.from_secret("secp256k1", secret).public_key
    assert checksummed(account_of(key)) == "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
    with raises(NO_FEE_KEY, match="not Ed25519"):
        account_of(PrivateKey.generate().public_key)


def test_amounts() -> None:
    assert [coins(amount) for amount in (0, 1, 10**18, 15 * 10**17)] == [
        *("0", "0.000000000000000001", "1", "1.5")
    ]


PAYING = {
    "eth_maxPriorityFeePerGas": "0x1",
    "eth_estimateGas": "0x8000",
    "eth_getBalance": hex(10**18),
}


def test_the_account_signs_what_others_take_for_its_own(nodes: Answering) -> None:
    key = PrivateKey.generate("secp256k1")
    account = FeeAccount(nodes.chain(PAYING), account_of(key.public_key), lambda: key, 10**9)
    (made,) = account.following(Call(CONTRACT, b"call"), Pending(), 5).sent
    assert (made.nonce, made.fees, made.block) == (5, Fees(15, 1), 7)
    from eth_account import Account  # half a second, in each process that collects tests

    recover: Callable[[bytes], str] = Account.recover_transaction
    assert recover(made.raw) == checksummed(account.address)
    again = Pending.parse(Pending((made,)).encode())
    assert again.sent == (made,)


def test_a_key_that_is_not_the_accounts_signs_nothing(nodes: Answering) -> None:
    account = FeeAccount(nodes.chain(PAYING), OWNER, lambda: PrivateKey.generate("secp256k1"), 10**9)
    with raises(NO_FEE_KEY, match="another one by now"):
        account.following(Call(CONTRACT, b"call"), Pending(), 5)


@pytest.mark.parametrize(("module", "package"), [("Crypto", "pycryptodome"), ("eth_account", "eth-account")])
def test_where_a_package_is_missing_no_chain_takes_checkpoints(
    module: str, package: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sender = Sender(tmp_path, open_log(MemoryStore()), lambda: None, lambda _: None)
    monkeypatch.setitem(sys.modules, module, None)
    with raises(ExtraMissing) as missing:
        ANCHORS["eip155"].open("eip155:1", {}, sender)
    assert missing.value.detail == f"for checkpoints on a chain {package} is needed, which is not installed"


@pytest.mark.slow
def test_signing_alone_loads_what_signs() -> None:
    program = "import sys, ledger.evm.deployment; print('eth_account' in sys.modules)"
    said = subprocess.run((sys.executable, "-c", program), check=True, capture_output=True, text=True).stdout
    assert said == "False\n"
