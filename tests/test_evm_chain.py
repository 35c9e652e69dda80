"""What a node says is held against itself, and against what others say: a chain made up for it, over http."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from typing import Any

import pytest
from eth_account import Account

from keys import PrivateKey
from ledger.evm.chain import Chain
from ledger.evm.contract import runtime_code
from ledger.evm.deployment import require_contract
from ledger.evm.evidence import tree
from ledger.evm.header import Header
from ledger.evm.node import RpcNode
from ledger.evm.problem import NodeLies, NodesDisagree, NoFeeKey, OtherContract, WrongChain
from ledger.evm.receipt import Receipt
from ledger.evm.transactions import Call, FeeAccount, Fees, Pending, account_of, checksummed, coins
from tests.loopback import Site, response

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


class Answering:
    """Nodes, each with answers of its own beside those that are true."""

    def __init__(self) -> None:
        self._open = ExitStack()

    def chain(self, *told: Mapping[str, Any]) -> Chain:
        return Chain("eip155:31337", [self._node({**TRUTH, **each}) for each in told])

    def _node(self, answers: Mapping[str, Any]) -> RpcNode:
        said = {method: {"jsonrpc": "2.0", "id": 1, "result": answer} for method, answer in answers.items()}
        site = Site(lambda path: response(200, json.dumps(said[_method(site)]).encode()))
        return RpcNode(self._open.enter_context(site.running()).url())

    def close(self) -> None:
        self._open.close()


def _method(site: Site) -> str:
    method: str = json.loads(site.requests[-1].partition("\r\n\r\n")[2])["method"]
    return method


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
    with pytest.raises(WrongChain, match="is of the chain eip155:1, not of eip155:31337"):
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
    with pytest.raises(NodesDisagree, match="disagree on block 7"):
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
    with pytest.raises(OtherContract, match=f"the {part} is another"):
        require_contract(chain, CONTRACT, ORIGIN, OWNER)


def test_events_are_those_that_were_asked_for(nodes: Answering) -> None:
    topic = "0x" + "44" * 32
    event = {"address": f"0x{CONTRACT.hex()}", "topics": [topic], "data": "0x", "blockNumber": "0x7"}
    chain = nodes.chain({"eth_getLogs": [event]})
    assert [number for number, _ in chain.events(CONTRACT, [bytes.fromhex(topic[2:])], 0, 9)] == [7]
    for contract, topics in ((OWNER, [bytes.fromhex(topic[2:])]), (CONTRACT, [b"\x45" * 32])):
        with pytest.raises(NodeLies, match="was not asked for"):
            list(chain.events(contract, topics, 0, 9))


def test_the_account_of_a_key() -> None:
    """The first one of every chain of tests, as its tools write it."""
    secret = bytes.fromhex("ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80")
    key = PrivateKey.from_secret("secp256k1", secret).public_key
    assert checksummed(account_of(key)) == "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
    with pytest.raises(NoFeeKey, match="not Ed25519"):
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
    recover: Callable[[bytes], str] = Account.recover_transaction
    assert recover(made.raw) == checksummed(account.address)
    again = Pending.parse(Pending((made,)).encode())
    assert again.sent == (made,)


def test_a_key_that_is_not_the_accounts_signs_nothing(nodes: Answering) -> None:
    account = FeeAccount(nodes.chain(PAYING), OWNER, lambda: PrivateKey.generate("secp256k1"), 10**9)
    with pytest.raises(NoFeeKey, match="another one by now"):
        account.following(Call(CONTRACT, b"call"), Pending(), 5)


@pytest.mark.parametrize(("module", "package"), [("Crypto", "pycryptodome"), ("eth_account", "eth-account")])
def test_where_a_package_is_missing_no_chain_takes_checkpoints(module: str, package: str) -> None:
    program = f"""
import sys
sys.modules["{module}"] = None  # as if it were not installed
from ledger.anchors import ANCHORS
from wire.problem import Refused
try:
    ANCHORS["eip155"].open("eip155:1", {{}}, None)
except Refused as problem:
    print(problem.detail)
"""
    said = subprocess.run((sys.executable, "-c", program), check=True, capture_output=True, text=True).stdout
    assert said == f"for checkpoints on a chain {package} is needed, which is not installed\n"


def test_signing_alone_loads_what_signs() -> None:
    program = "import sys, ledger.evm.deployment; print('eth_account' in sys.modules)"
    said = subprocess.run((sys.executable, "-c", program), check=True, capture_output=True, text=True).stdout
    assert said == "False\n"
