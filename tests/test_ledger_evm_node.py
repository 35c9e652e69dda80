"""Blocks of a real node: their headers, receipts and tries are ours to the byte, and prove offline."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

pytest.importorskip("Crypto", reason="no extra [evm]: pip install '.[evm]'")
pytest.importorskip("eth_account", reason="no extra [evm]: pip install '.[evm]'")

from ledger import KINDS, Checkpoint, InvalidEvidence, Log, TrustedLedger, UnknownLedger, verify_anchoring
from ledger.evm import KIND, rlp
from ledger.evm.contract import SELECTORS, anchor_call, init_code, runtime_code
from ledger.evm.evidence import prove, tree
from ledger.evm.header import Header
from ledger.evm.hexadecimal import parse_address
from ledger.evm.receipt import Receipt
from ledger.problem import UnknownForm
from ledger.tiles.memory import MemoryStore
from tests import anvil
from tests.ledger_samples import ORIGIN, open_log, samples, trust_in
from wire.problem import TooLarge
from wire.strict import base64url_encode

pytestmark = [anvil.needed, pytest.mark.slow]

RULES = {"berlin": 15, "london": 16, "shanghai": 17, "cancun": 20, "prague": 21}
"""Of anvil's rules, one for each form of a header."""

SECRET = "0x" + "ac" * 32  # invented, and has what the test gives it
STRANGER = "0x" + "11" * 20


@pytest.fixture(scope="module", params=["london", "prague"])
def node(request: pytest.FixtureRequest) -> Iterator[anvil.Node]:
    with anvil.anvil("--hardfork", request.param, "--chain-id", "31338") as node:
        yield node


def block_of(node: anvil.Node, number: str) -> tuple[Any, list[Any]]:
    return (
        node.call("eth_getBlockByNumber", number, False),
        node.call("eth_getBlockReceipts", number),
    )


def blob(account: Any, **common: Any) -> str:
    """A signed transaction with a blob that is zero everywhere, whose commitment and proof need no setup."""
    point = b"\xc0" + b"\0" * 47  # at infinity (EIP-4844)
    name = b"\x01" + hashlib.sha256(point).digest()[1:]
    fields = {
        **common,
        "type": 3,
        "accessList": [],
        "maxFeePerBlobGas": 10**10,
        "blobVersionedHashes": [name],
    }
    signed = bytes(account.sign_transaction(fields).raw_transaction)
    return f"0x03{rlp.encode([rlp.decode(signed[1:]), [bytes(1 << 17)], [point], [point]]).hex()}"


def transactions(node: anvil.Node, contract: str, data: bytes, *, blobs: bool) -> str:
    """The number of a block with a transaction of each type that the node signs, ours in the midst."""
    from eth_account import Account

    account = Account.from_key(SECRET)
    node.call("anvil_setBalance", account.address, hex(10**20))
    price = 10 * int(node.call("eth_gasPrice"), 16)
    nonce = int(node.call("eth_getTransactionCount", account.address, "latest"), 16)
    common = {"to": STRANGER, "value": 1, "gas": 100_000, "chainId": 31338}
    fees = {"maxFeePerGas": price, "maxPriorityFeePerGas": 1}
    kinds: list[dict[str, Any]] = [
        {"gasPrice": price},
        {"gasPrice": price, "accessList": [], "type": 1},
        {**fees, "type": 2},
    ]
    if "requestsHash" in node.call("eth_getBlockByNumber", "latest", False):
        listed = account.sign_authorization({"chainId": 31338, "address": STRANGER, "nonce": 99})
        kinds.append({**fees, "type": 4, "authorizationList": [listed]})
    signed = [
        f"0x{account.sign_transaction({**common, **kind, 'nonce': nonce + number}).raw_transaction.hex()}"
        for number, kind in enumerate(kinds)
    ]
    if blobs:
        signed.append(blob(account, **common, **fees, nonce=nonce + len(kinds)))
    node.call("evm_setAutomine", False)
    try:
        for raw in signed:
            node.call("eth_sendRawTransaction", raw)
        node.call("eth_sendTransaction", {"from": node.funded, "to": contract, "data": f"0x{data.hex()}"})
        node.call("evm_mine")
    finally:
        node.call("evm_setAutomine", True)
    return str(node.call("eth_blockNumber"))


def deploy(node: anvil.Node) -> str:
    owner = parse_address(node.funded)
    receipt = node.send(data=f"0x{init_code(ORIGIN, owner, owner).hex()}")
    address = str(receipt["contractAddress"])
    code = bytes.fromhex(node.call("eth_getCode", address, "latest")[2:])
    assert code == runtime_code(ORIGIN, owner)
    return address


def growing() -> tuple[Log, Checkpoint]:
    """A log of 8 entries, and its checkpoint of 5."""
    log = open_log(MemoryStore())
    log.append(samples(0, 5), b"5")
    earlier = log.checkpoint()
    log.append(samples(5, 8), b"8")
    return log, earlier


def test_a_block_with_receipts_of_many_types_proves_its_event(node: anvil.Node) -> None:
    types = (
        {0, 1, 2, 4} if "requestsHash" in node.call("eth_getBlockByNumber", "latest", False) else {0, 1, 2}
    )
    proves(node, types)


@pytest.mark.slow
def test_a_block_with_receipts_of_all_types_proves_its_event() -> None:
    """With one that has a blob, before which the node makes itself ready for seconds."""
    with anvil.anvil("--hardfork", "prague", "--chain-id", "31338") as node:
        proves(node, {0, 1, 2, 3, 4})


def proves(node: anvil.Node, types: set[int]) -> None:
    """A block with transactions of these types does, and with any byte changed its evidence does not."""
    log, earlier = growing()
    head, contract = log.checkpoint(), deploy(node)
    data = anchor_call(head.size, head.root)
    block, said = block_of(node, transactions(node, contract, data, blobs=3 in types))
    header, receipts = Header.of_node(block), [Receipt.of_node(receipt) for receipt in said]
    assert f"0x{header.hash.hex()}" == block["hash"]
    assert f"0x{tree(receipts).root.hex()}" == block["receiptsRoot"]
    assert {receipt.type for receipt in receipts} == types
    assert all(receipt.succeeded and Receipt.parse(receipt.raw) == receipt for receipt in receipts)
    [index] = [number for number, receipt in enumerate(receipts) if receipt.logs]
    address = parse_address(contract)
    pins = base64url_encode(header.hash + header.time.to_bytes(8))
    trusted = TrustedLedger(KIND, "eip155:31338", {"contracts": [contract], "blocks": pins})
    for checkpoint, proof in ((head, []), (earlier, log.consistency(5, 8))):
        evidence = prove(checkpoint, "eip155:31338", header, receipts, index, address, proof)
        fact = verify_anchoring(checkpoint, evidence, trust_in(log, trusted), kinds=KINDS)
        assert fact.time == datetime.fromtimestamp(int(block["timestamp"], 16), UTC)
    size = node.call("eth_call", {"to": contract, "data": f"0x{SELECTORS['size'].hex()}"}, "latest")
    assert int(size, 16) == head.size
    for number, body in enumerate(altered(evidence.body)):
        wrong = type(evidence)(evidence.kind, evidence.digest, body)
        with pytest.raises((InvalidEvidence, UnknownLedger, UnknownForm, TooLarge)):
            pytest.fail(f"{number}: {verify_anchoring(earlier, wrong, trust_in(log, trusted), kinds=KINDS)}")


def altered(body: bytes) -> Iterator[bytes]:
    """With one byte another one, at each place in turn."""
    for at in range(len(body)):
        yield body[:at] + bytes((body[at] ^ 1,)) + body[at + 1 :]


@pytest.mark.parametrize("rules", RULES)
def test_a_header_of_each_form_is_hashed_from_its_fields(rules: str) -> None:
    with anvil.anvil("--hardfork", rules) as node:
        sent = node.send(to=STRANGER, value="0x1", gasPrice=hex(20 * 10**9))
        block, receipts = block_of(node, sent["blockNumber"])
    header = Header.of_node(block)
    assert f"0x{header.hash.hex()}" == block["hash"]
    assert tree([Receipt.of_node(receipt) for receipt in receipts]).root == header.receipts_root
    assert len(rlp.decode(header.raw)) == RULES[rules]
