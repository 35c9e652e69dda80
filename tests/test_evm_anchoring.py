"""Making contracts, and sending checkpoints to them, at a made-up node: quick twins of tests with anvil."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from keys import PrivateKey
from ledger import Evidence
from ledger.anchor import Sender
from ledger.evm.anchor import EvmAnchor
from ledger.evm.contract import runtime_code
from ledger.evm.deployment import begin, open_anchor
from ledger.evm.problem import (
    DEPLOYMENT_PENDING,
    FINALITY_STALLED,
    MAY_NOT_ANCHOR,
    OTHER_CONTRACT,
    TRANSACTION_FAILED,
    FeeAboveCap,
    NodeLies,
)
from ledger.evm.transactions import FeeAccount, Fees, OnItsWay, Pending, account_of, checksummed
from ledger.tiles.memory import MemoryStore
from tests.evm_chain import CONTRACT
from tests.ledger_samples import ORIGIN, open_log, samples
from tests.problems import raises
from tests.test_evm_chain import OWNER, REFUSED, Answering, header
from wire.problem import Malformed

CHAIN = "eip155:31337"
CODE = f"0x{runtime_code(ORIGIN, OWNER).hex()}"
MADE = {"blockNumber": "0x7", "status": "0x1", "gasUsed": "0x5208", "contractAddress": f"0x{CONTRACT.hex()}"}
NODE: Mapping[str, Any] = {
    "eth_getTransactionCount": "0x0",
    "eth_maxPriorityFeePerGas": "0x1",
    "eth_estimateGas": "0x8000",
    "eth_getBalance": hex(10**18),
    "eth_sendRawTransaction": "0x" + "55" * 32,
    "eth_getTransactionReceipt": MADE,
    "eth_getCode": CODE,
}


def up_to(newest: int, final: int | None = None, **members: str) -> Any:
    """The blocks of a node up to the newest one."""
    words = {"latest": newest, "finalized": newest if final is None else final}

    def block(at: str, _: bool) -> dict[str, Any]:
        return header(number=hex(words[at] if at in words else int(at, 16)), **members)

    return block


@pytest.fixture
def nodes() -> Iterator[Answering]:
    answering = Answering()
    yield answering
    answering.close()


# The contract


def made(nodes: Answering, folder: Path, newest: int = 3, **told: Any) -> Mapping[str, Any]:
    """The settings, once the contract is there."""
    file = folder / "nodes"
    file.write_text(nodes.address({"eth_getBlockByNumber": up_to(newest), **NODE, **told}))
    file.chmod(0o600)
    sender = Sender(folder, open_log(MemoryStore()), lambda: None, lambda _: None)
    given = {"rpc-file": str(file), "owner": checksummed(OWNER)}
    settings = begin(CHAIN, given, sender)
    assert open_anchor(CHAIN, settings, sender).name == CHAIN
    return settings


@pytest.mark.slow
def test_a_contract_is_made_by_one_transaction(nodes: Answering, tmp_path: Path) -> None:
    settings = made(nodes, tmp_path)
    assert {name: settings[name] for name in ("contract", "since", "asOf", "owner", "feeCap", "depth")} == {
        "contract": checksummed(CONTRACT),
        "since": 7,
        "asOf": 3,
        "owner": checksummed(OWNER),
        "feeCap": 100,
        "depth": None,
    }
    assert len(nodes.parameters("eth_sendRawTransaction")) == 1
    assert not list(tmp_path.glob("contract-*"))


@pytest.mark.quick(every=4)
@pytest.mark.parametrize(("newest", "first"), [(3, 1), (8, 1), (9, 2), (30, 23)])
def test_the_newest_blocks_are_tried_and_never_the_first_one(
    nodes: Answering, tmp_path: Path, newest: int, first: int
) -> None:
    made(nodes, tmp_path, newest)
    asked = [at for at, _ in nodes.parameters("eth_getBlockByNumber") if at.startswith("0x")]
    assert asked == [hex(number) for number in range(first, newest + 1)]


def test_a_contract_that_was_not_made_is_not_waited_for(nodes: Answering, tmp_path: Path) -> None:
    with raises(TRANSACTION_FAILED, match="no contract was made"):
        made(nodes, tmp_path, eth_getTransactionReceipt={**MADE, "status": "0x0"}, eth_getCode="0x")
    assert not list(tmp_path.glob("contract-*")), "the next one is another one"


def test_a_contract_that_a_node_does_not_have_yet_is_not_paid_for_again(
    nodes: Answering, tmp_path: Path
) -> None:
    with raises(DEPLOYMENT_PENDING):
        made(nodes, tmp_path, eth_getCode="0x")
    (kept,) = tmp_path.glob("contract-*")
    assert len(Pending.parse(kept.read_bytes()).sent) == 1
    assert made(nodes, tmp_path)["contract"] == checksummed(CONTRACT)
    assert len(nodes.parameters("eth_sendRawTransaction")) == 1


def test_what_was_made_is_looked_at(nodes: Answering, tmp_path: Path) -> None:
    other = f"0x{runtime_code('other.example/log', OWNER).hex()}"
    with raises(OTHER_CONTRACT, match="the log is another"):
        made(nodes, tmp_path, eth_getCode=other)


@pytest.mark.parametrize("depth", ["\uff11\uff12", "1" * 10, "-1", "1.5", ""])
def test_a_depth_is_a_whole_number(tmp_path: Path, depth: str) -> None:
    sender = Sender(tmp_path, open_log(MemoryStore()), lambda: None, lambda _: None)
    with pytest.raises(Malformed, match="depth is no whole number"):
        begin(CHAIN, {"depth": depth, "owner": checksummed(OWNER)}, sender)


# Checkpoints

KEY = PrivateKey.generate("secp256k1")
SENT = Pending((OnItsWay(b"\x02first", 0, Fees(8, 1), 1), OnItsWay(b"\x02second", 0, Fees(9, 1), 1)))


class Desk:
    """A log of three entries, and its anchor at a node."""

    def __init__(self, nodes: Answering, cap: int = 1_000, **told: Any) -> None:
        self.log = open_log(MemoryStore())
        self.log.append(samples(0, 3), b"to 3")
        self.kept: list[bytes] = []
        chain = nodes.chain({**NODE, "eth_call": f"0x{0:064x}", **told})
        account = FeeAccount(chain, account_of(KEY.public_key), lambda: KEY, cap)
        self.anchor = EvmAnchor(chain, CONTRACT, account, self.log, since=0)

    def advance(self, pending: Pending = SENT) -> Evidence | None:
        return self.anchor.advance(self.log.checkpoint(), pending.encode(), self.kept.append)


def test_what_is_above_the_cap_is_not_signed_and_what_was_signed_last_is_sent_again(nodes: Answering) -> None:
    """A node may have forgotten it; an earlier one would only be refused, for its lower fee."""
    latest = up_to(30, baseFeePerGas="0x3e8")
    desk = Desk(nodes, cap=999, eth_getBlockByNumber=latest, eth_getTransactionReceipt=None)
    with pytest.raises(FeeAboveCap):
        desk.advance()
    assert nodes.parameters("eth_sendRawTransaction") == [["0x" + b"\x02second".hex()]]
    assert desk.kept == []


@pytest.mark.parametrize("refused", [False, True])
def test_what_takes_the_place_of_another_is_kept_before_it_is_sent(nodes: Answering, refused: bool) -> None:
    kept_first = list[bool]()

    def take(raw: str) -> object:
        kept_first.append(bool(desk.kept))
        return REFUSED if refused else raw

    desk = Desk(
        nodes,
        eth_getBlockByNumber=up_to(30),
        eth_getTransactionReceipt=None,
        eth_sendRawTransaction=take,
        eth_getTransactionByHash=None,
    )
    if refused:
        with pytest.raises(Exception, match="not here"):
            desk.advance()
    else:
        assert desk.advance() is None
    assert kept_first == [True]
    (kept,) = map(Pending.parse, desk.kept)
    assert kept.sent[:2] == SENT.sent
    assert nodes.parameters("eth_sendRawTransaction") == [[f"0x{kept.sent[2].raw.hex()}"]]


def test_an_account_that_may_not_anchor_signs_nothing(nodes: Answering) -> None:
    desk = Desk(nodes, eth_getBlockByNumber=up_to(30))
    with raises(MAY_NOT_ANCHOR):
        desk.anchor.prepare(desk.log.checkpoint())
    assert nodes.parameters("eth_estimateGas") == []


@pytest.mark.parametrize(("waited", "is_told"), [(6 * 3600, False), (6 * 3600 + 1, True)])
def test_finality_is_waited_for_six_hours_by_the_clock_of_the_chain(
    nodes: Answering, waited: int, is_told: bool
) -> None:
    mined = int(datetime(2026, 7, 1, tzinfo=UTC).timestamp())

    def block(at: str, _: bool) -> dict[str, Any]:
        number = {"latest": 9, "finalized": 6}.get(at, 7)
        return header(number=hex(number), timestamp=hex(mined + waited if number == 9 else mined))

    desk = Desk(nodes, eth_getBlockByNumber=block)
    if is_told:
        with raises(FINALITY_STALLED, match=r"block 7 of .* is not final after 6 hours; .* is 6"):
            desk.advance()
    else:
        assert desk.advance() is None
    assert nodes.parameters("eth_sendRawTransaction") == []


def test_a_block_that_has_nothing_of_the_contract_is_no_evidence(nodes: Answering) -> None:
    desk = Desk(nodes, eth_getBlockByNumber=up_to(9))
    with pytest.raises(NodeLies, match="and it has none"):
        desk.advance()
