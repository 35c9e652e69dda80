"""Checkpoints on a real chain, of anvil: crashes, reorganisations, stuck transactions, fees."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path

import pytest

from ledger import Checkpoint, Evidence, MemoryStore
from ledger.evm.anchor import EvmAnchor
from ledger.evm.contract import name_submitter_call
from ledger.evm.deployment import begin
from ledger.evm.evidence import header_of
from ledger.evm.hexadecimal import parse_address
from ledger.evm.keccak import keccak256
from ledger.evm.problem import (
    CONTRACT_AHEAD,
    FEE_ACCOUNT_LOW,
    MAY_NOT_ANCHOR,
    NODE_BEHIND,
    TRANSACTION_FAILED,
    FeeAboveCap,
)
from ledger.evm.transactions import GWEI, Pending
from ledger.outbox import Outbox
from ledger.submitting import look_after
from tests import anvil
from tests.evm_anchors import CHAIN, OWNER, RICH, Anchored, Kept, events
from tests.ledger_samples import NOW, open_log, samples
from tests.problems import raises
from wire.health import Health

pytestmark = [anvil.needed, pytest.mark.slow]


@pytest.fixture(scope="module")
def node() -> Iterator[anvil.Node]:
    with anvil.anvil("--slots-in-an-epoch", "1") as running:
        yield running


@pytest.fixture
def anchored(tmp_path: Path, node: anvil.Node) -> Iterator[Anchored]:
    before = node.call("evm_snapshot")
    yield Anchored(tmp_path, node.url)
    node.call("evm_revert", before)


@pytest.fixture
def anchor(anchored: Anchored, node: anvil.Node) -> EvmAnchor:
    made = anchored.begin(node)
    node.call("anvil_mine", "0x8")
    return made


def test_a_checkpoint_goes_there_and_its_evidence_comes_back(
    anchored: Anchored, anchor: EvmAnchor, node: anvil.Node
) -> None:
    checkpoint = anchored.grown(3)
    keep = Kept(anchor.prepare(checkpoint))
    assert events(node, anchored.settings["contract"]) == 0
    assert anchor.advance(checkpoint, keep.state, keep) is None  # sent
    assert anchor.advance(checkpoint, keep.state, keep) is None  # in a block, which is not final
    node.call("anvil_mine", "0x4")
    evidence = anchored.anchor().advance(checkpoint, keep.state, keep)
    assert evidence is not None
    assert keep.count == 0
    fact = anchored.fact(checkpoint, evidence)
    assert (fact.where, fact.clock, fact.checkpoint) == (CHAIN, "chain", checkpoint)
    assert anchored.anchor().confirm(checkpoint, evidence)
    assert events(node, anchored.settings["contract"]) == 1


def test_what_was_sent_is_found_again_whatever_was_forgotten(
    anchored: Anchored, anchor: EvmAnchor, node: anvil.Node
) -> None:
    checkpoint = anchored.grown(3)
    prepared = anchor.prepare(checkpoint)
    keep = Kept(prepared)
    for _ in range(3):  # killed, each time, before it was told that it was sent
        anchored.anchor().advance(checkpoint, prepared, keep)
    node.call("anvil_mine", "0x4")
    empty = Pending().encode()
    assert anchored.anchor().prepare(checkpoint) == empty, "it is there: nothing is to be sent"
    evidence = anchored.anchor().advance(checkpoint, empty, keep)
    assert evidence == anchored.anchor().advance(checkpoint, prepared, keep)
    assert evidence is not None
    assert anchored.fact(checkpoint, evidence).checkpoint == checkpoint
    assert events(node, anchored.settings["contract"]) == 1
    assert keep.count == 0


def test_a_checkpoint_that_has_a_later_one_there_is_proved_by_that(
    anchored: Anchored, anchor: EvmAnchor, node: anvil.Node
) -> None:
    first, second, third = (anchored.grown(size) for size in (3, 5, 9))
    for checkpoint in (second, third):
        keep = Kept(anchor.prepare(checkpoint))
        anchor.advance(checkpoint, keep.state, keep)
    node.call("anvil_mine", "0x4")
    evidence = anchor.advance(first, anchor.prepare(first), Kept(b""))
    assert evidence is not None
    assert anchored.fact(first, evidence).checkpoint == first
    assert header_of(evidence).number < node_number(node) - 4, "of the first that has it"
    assert events(node, anchored.settings["contract"]) == 2


def test_what_a_reorganisation_takes_away_is_sent_again(
    anchored: Anchored, anchor: EvmAnchor, node: anvil.Node
) -> None:
    checkpoint = anchored.grown(3)
    keep = Kept(anchor.prepare(checkpoint))
    anchor.advance(checkpoint, keep.state, keep)
    assert events(node, anchored.settings["contract"]) == 1
    node.call("anvil_reorg", 1, [])
    assert events(node, anchored.settings["contract"]) == 0
    anchor.advance(checkpoint, keep.state, keep)
    node.call("anvil_mine", "0x4")
    evidence = anchor.advance(checkpoint, keep.state, keep)
    assert evidence is not None
    assert anchor.confirm(checkpoint, evidence)
    assert events(node, anchored.settings["contract"]) == 1


def test_a_deeper_reorganisation_is_found_out(
    anchored: Anchored, anchor: EvmAnchor, node: anvil.Node
) -> None:
    checkpoint = anchored.grown(3)
    evidence = collected(anchor, checkpoint, node)
    node.call("anvil_reorg", 6, [])
    assert not anchored.anchor().confirm(checkpoint, evidence)
    again = collected(anchored.anchor(), checkpoint, node)
    assert again != evidence
    assert anchored.anchor().confirm(checkpoint, again)


def test_a_chain_that_is_shorter_than_it_was_is_waited_for(
    anchored: Anchored, anchor: EvmAnchor, node: anvil.Node
) -> None:
    checkpoint = anchored.grown(3)
    keep = Kept(anchor.prepare(checkpoint))
    evidence = collected(anchor, checkpoint, node)
    node.call("anvil_rollback", 6)
    with raises(NODE_BEHIND, match="does not have block"):
        anchor.confirm(checkpoint, evidence)
    with raises(NODE_BEHIND, match="and was"):
        anchor.advance(checkpoint, keep.state, keep)


def collected(anchor: EvmAnchor, checkpoint: Checkpoint, node: anvil.Node) -> Evidence:
    keep = Kept(anchor.prepare(checkpoint))
    for _ in range(3):
        evidence = anchor.advance(checkpoint, keep.state, keep)
        if evidence is not None:
            return evidence
        node.call("anvil_mine", "0x4")
    raise AssertionError("it is not collected")


def node_number(node: anvil.Node) -> int:
    return int(node.call("eth_blockNumber"), 16)


def test_a_log_that_was_put_back_and_grew_anchors_no_other_face(
    anchored: Anchored, anchor: EvmAnchor, node: anvil.Node, tmp_path: Path
) -> None:
    """On a machine that remembers nothing, the contract does."""
    collected(anchor, anchored.grown(3), node)
    (tmp_path / "new").mkdir()
    elsewhere = Anchored(tmp_path / "new", node.url)
    elsewhere.settings = anchored.settings
    elsewhere.log.append(samples(7, 12), b"others")
    with raises(CONTRACT_AHEAD, match="has 3 entries that are not those of this log"):
        elsewhere.anchor().prepare(elsewhere.log.checkpoint())
    assert events(node, anchored.settings["contract"]) == 1
    collected(anchor, anchored.grown(5), node)


def test_a_log_that_was_put_back_is_told_of(
    anchored: Anchored, anchor: EvmAnchor, node: anvil.Node, tmp_path: Path
) -> None:
    """With all that its machine remembers: only the chain knows that it had more."""
    (tmp_path / "yesterday").mkdir()
    yesterday = Anchored(tmp_path / "yesterday", node.url)
    yesterday.settings = anchored.settings
    yesterday.grown(2)
    collected(anchor, anchored.grown(3), node)
    ahead = next(iter(yesterday.anchor().examine()))
    assert (ahead.code, ahead.health) == ("anchor-ahead", Health.FAILED)
    assert (ahead.facts["entries"], ahead.facts["known"]) == (3, 2)
    with raises(CONTRACT_AHEAD, match="is none of this log"):
        collected(yesterday.anchor(), yesterday.log.checkpoint(), node)
    assert [found.code for found in anchor.examine()] == ["anchor-balance"]


# Fees


@pytest.fixture
def slow(tmp_path: Path) -> Iterator[tuple[Anchored, EvmAnchor, anvil.Node]]:
    """A node of its own, where blocks are made when the test says so."""
    with anvil.anvil("--slots-in-an-epoch", "1") as node:
        anchored = Anchored(tmp_path, node.url)
        anchor = anchored.begin(node)
        node.call("evm_setAutomine", False)
        yield anchored, anchor, node


def test_a_transaction_that_is_stuck_makes_way_for_one_with_a_higher_fee(
    slow: tuple[Anchored, EvmAnchor, anvil.Node],
) -> None:
    anchored, anchor, node = slow
    checkpoint = anchored.grown(3)
    keep = Kept(anchor.prepare(checkpoint))
    anchor.advance(checkpoint, keep.state, keep)
    (first,) = Pending.parse(keep.state).sent
    node.call("anvil_dropTransaction", f"0x{keccak256(first.raw).hex()}")
    node.call("anvil_mine", "0x14")  # twenty blocks, without it
    anchored.anchor().advance(checkpoint, keep.state, keep)
    first, second = Pending.parse(keep.state).sent
    assert second.nonce == first.nonce
    assert second.fees.price * 10 > first.fees.price * 11
    assert (second.fees.tip or 0) * 10 > (first.fees.tip or 0) * 11
    node.call("anvil_mine", "0x5")
    assert anchored.anchor().advance(checkpoint, keep.state, keep) is not None
    assert keep.count == 1
    assert events(node, anchored.settings["contract"]) == 1


def test_when_fees_rise_more_is_offered_up_to_the_cap(
    slow: tuple[Anchored, EvmAnchor, anvil.Node],
) -> None:
    anchored, anchor, node = slow
    checkpoint = anchored.grown(3)
    keep = Kept(anchor.prepare(checkpoint))
    anchor.advance(checkpoint, keep.state, keep)
    spike(node, 60)
    anchor.advance(checkpoint, keep.state, keep)
    _, second = Pending.parse(keep.state).sent
    assert 60 * GWEI < second.fees.price <= 100 * GWEI
    spike(node, 150)
    with pytest.raises(FeeAboveCap, match="150 gwei a unit of gas at present; paid are 100"):
        anchor.advance(checkpoint, keep.state, keep)
    with pytest.raises(FeeAboveCap):
        anchored.anchor().prepare(checkpoint)
    with pytest.raises(FeeAboveCap):
        anchor.advance(checkpoint, Pending().encode(), keep)
    spike(node, 1)
    anchor.advance(checkpoint, keep.state, keep)
    node.call("anvil_mine", "0x5")
    assert anchor.advance(checkpoint, keep.state, keep) is not None
    assert keep.count == 1
    assert events(node, anchored.settings["contract"]) == 1


def spike(node: anvil.Node, gwei: int) -> None:
    """The newest block has this base fee, and nothing in it."""
    node.call("anvil_setNextBlockBaseFeePerGas", hex(gwei * GWEI))
    node.call("evm_mine")


def test_a_number_that_is_taken_is_not_waited_for(
    anchored: Anchored, anchor: EvmAnchor, node: anvil.Node
) -> None:
    checkpoint = anchored.grown(3)
    keep = Kept(anchor.prepare(checkpoint))
    account = anchored.settings["account"]
    node.call("anvil_impersonateAccount", account)
    node.send(**{"from": account, "to": OWNER})
    anchor.advance(checkpoint, keep.state, keep)
    first, second = Pending.parse(keep.state).sent
    assert (second.nonce, keep.count) == (first.nonce + 1, 1)
    assert events(node, anchored.settings["contract"]) == 1


def test_an_account_that_is_low_is_named(anchored: Anchored, anchor: EvmAnchor, node: anvil.Node) -> None:
    account = anchored.settings["account"]
    assert [found.code for found in anchor.examine()] == ["anchor-balance"]
    node.call("anvil_setBalance", account, "0x10000")
    (found,) = anchor.examine()
    assert (found.code, found.facts["account"]) == ("anchor-balance-low", account)
    with raises(FEE_ACCOUNT_LOW, match=f"the account {account} on {CHAIN} has 0.0000") as raised:
        anchor.prepare(anchored.grown(3))
    assert raised.value.undetermined


def test_a_transaction_that_fails_is_not_paid_for_twice(
    slow: tuple[Anchored, EvmAnchor, anvil.Node],
) -> None:
    anchored, anchor, node = slow
    checkpoint = anchored.grown(3)
    keep = Kept(anchor.prepare(checkpoint))
    anchor.advance(checkpoint, keep.state, keep)
    names(node, anchored, may=False, gasPrice=hex(10**12))  # is done first
    node.call("anvil_mine", "0x5")
    with raises(MAY_NOT_ANCHOR):
        anchor.advance(checkpoint, keep.state, keep)
    assert keep.count == 0
    names(node, anchored, may=True)
    node.call("anvil_mine", "0x1")
    assert collected(anchor, checkpoint, node), "prepared anew"


def test_an_account_that_may_again_goes_on(slow: tuple[Anchored, EvmAnchor, anvil.Node]) -> None:
    """What failed meanwhile is no reason to wait for ever; should it fail again, somebody has to look."""
    anchored, anchor, node = slow
    checkpoint = anchored.grown(3)
    keep = Kept(anchor.prepare(checkpoint))
    for _ in range(2):
        anchor.advance(checkpoint, keep.state, keep)
        names(node, anchored, may=False, gasPrice=hex(10**12))  # is done first
        node.call("anvil_mine", "0x1")
        names(node, anchored, may=True)
        node.call("anvil_mine", "0x1")
    with raises(TRANSACTION_FAILED, match="for 3 entries in block"):
        anchor.advance(checkpoint, keep.state, keep)
    assert keep.count == 1
    again = Kept(anchor.prepare(checkpoint))
    anchor.advance(checkpoint, again.state, again)
    node.call("anvil_mine", "0x5")
    assert anchor.advance(checkpoint, again.state, again) is not None


def names(node: anvil.Node, anchored: Anchored, *, may: bool, **more: str) -> None:
    """The contract's owner says whether the account may anchor."""
    node.call("anvil_impersonateAccount", OWNER)
    node.call("anvil_setBalance", OWNER, RICH)
    content = name_submitter_call(parse_address(anchored.settings["account"]), may=may)
    call = {"from": OWNER, "to": anchored.settings["contract"], "data": f"0x{content.hex()}", **more}
    node.call("eth_sendTransaction", call)


def test_a_chain_without_base_fee(tmp_path: Path) -> None:
    with anvil.anvil("--slots-in-an-epoch", "1", "--hardfork", "berlin") as old:
        anchored = Anchored(tmp_path, old.url)
        anchor = anchored.begin(old)
        checkpoint = anchored.grown(3)
        (sent,) = Pending.parse(anchor.prepare(checkpoint)).sent
        assert sent.fees.tip is None
        assert sent.fees.price > 0
        evidence = collected(anchor, checkpoint, old)
        assert anchored.fact(checkpoint, evidence).checkpoint == checkpoint
        assert [found.code for found in anchor.examine()] == ["anchor-balance"]


def test_a_chain_where_gas_is_free(tmp_path: Path) -> None:
    arguments = ("--hardfork", "berlin", "--gas-price", "0")
    with anvil.anvil("--slots-in-an-epoch", "1", *arguments) as free:
        anchored = Anchored(tmp_path, free.url)
        anchored.settings = begin(CHAIN, {"rpc-file": str(anchored.file), "owner": OWNER}, anchored.sender)
        assert anchored.settings["cost"] == "0"
        checkpoint = anchored.grown(3)
        evidence = collected(anchored.anchor(), checkpoint, free)
        assert anchored.fact(checkpoint, evidence).checkpoint == checkpoint


def test_one_root_on_two_chains_and_one_of_them_gone(tmp_path: Path) -> None:
    """What keeps one of them keeps not the other, and each proves the same checkpoint."""
    log = open_log(MemoryStore())
    with (
        anvil.anvil("--slots-in-an-epoch", "1") as one,
        anvil.anvil("--slots-in-an-epoch", "1", "--chain-id", "31338") as two,
    ):
        chains = [
            Anchored(tmp_path / "one", one.url, log=log),
            Anchored(tmp_path / "two", two.url, log=log, name="eip155:31338"),
        ]
        outbox = Outbox(tmp_path)
        for chain, node in zip(chains, (one, two), strict=True):
            chain.begin(node, **{"fee-key": f"file:{tmp_path}/fees.json#fee"})
            outbox.add(chain.name, timedelta(0), chain.settings, NOW)
        sender = chains[0].sender._replace(folder=tmp_path)

        def rounds() -> list[str]:
            list(look_after(sender, lambda: NOW))
            mine((one, two))
            made = list(look_after(sender, lambda: NOW))
            return [each.problem.code if each.problem else "" for each in made]

        checkpoint = chains[0].grown(3)
        assert rounds() == ["", ""]
        for chain, destination in zip(chains, outbox.destinations(), strict=True):
            there = outbox.newest(destination)
            assert there is not None
            assert there.evidence is not None
            fact = chain.fact(checkpoint, there.evidence)
            assert (fact.where, fact.checkpoint) == (chain.name, checkpoint)
        two.kill()
        chains[0].grown(5)
        assert rounds() == ["", "unavailable"]
        sizes = [there.checkpoint.size for each in outbox.destinations() if (there := outbox.newest(each))]
        assert sizes == [5, 3]


def mine(nodes: Sequence[anvil.Node]) -> None:
    """Those of them that are there."""
    for node in nodes:
        if node.process.poll() is None:
            node.call("anvil_mine", "0x4")
