"""How checkpoints come to go to a chain: the contract is made there, or one that is there is taken."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from keys import KeyFile, PassphraseNeeded
from ledger.evm import deployment
from ledger.evm.contract import anchor_call, name_submitter_call
from ledger.evm.deployment import begin, open_anchor
from ledger.evm.evidence import header_of
from ledger.evm.hexadecimal import parse_address
from ledger.evm.problem import (
    CHAIN_FORM_UNKNOWN,
    CONTRACT_AHEAD,
    DEPLOYMENT_PENDING,
    FEE_ACCOUNT_LOW,
    MAY_NOT_ANCHOR,
    NO_FEE_KEY,
    NODES_UNREADABLE,
    OTHER_CONTRACT,
    TRANSACTION_FAILED,
    WRONG_CHAIN,
    NodeError,
)
from ledger.evm.transactions import Pending
from ledger.log import Log
from ledger.outbox import Outbox
from ledger.tiles.memory import MemoryStore
from tests import anvil
from tests.evm_anchors import CHAIN, OWNER, RICH, Anchored, Kept, events
from tests.ledger_samples import COSIGNER, NOW, SIGNER
from tests.lying import lying
from tests.problems import raises
from wire.problem import Malformed, Problem, Raisable, Refused

pytestmark = [anvil.needed, pytest.mark.slow]


@pytest.fixture(scope="module")
def node() -> Iterator[anvil.Node]:
    with anvil.anvil("--slots-in-an-epoch", "1") as running:
        yield running


@pytest.fixture
def anchored(tmp_path: Path, node: anvil.Node) -> Anchored:
    return Anchored(tmp_path, node.url)


def given(anchored: Anchored, **more: str) -> dict[str, str]:
    return {"rpc-file": str(anchored.file), "owner": OWNER, **more}


def test_settings_have_nothing_secret(anchored: Anchored, node: anvil.Node) -> None:
    anchored.begin(node)
    assert anchored.settings.keys() == {
        "nodes", "depth", "feeCap", "feeKey", "asOf", "account", "owner", "contract", "since", "cost",
    }  # fmt: skip
    assert parse_address(anchored.settings["owner"]) == parse_address(OWNER)
    assert anchored.settings["feeKey"] is None, "the folder's own"
    assert 0 < float(anchored.settings["cost"]) < 0.01
    assert node.call("eth_getCode", anchored.settings["contract"], "latest") != "0x"


def test_a_folder_that_is_elsewhere_pays_with_its_own_key(anchored: Anchored, node: anvil.Node) -> None:
    """As one that was restored from a backup."""
    anchored.begin(node)
    elsewhere = anchored.folder / "elsewhere"
    elsewhere.mkdir()
    (anchored.folder / "fees.json").rename(elsewhere / "fees.json")
    anchored.sender = anchored.sender._replace(folder=elsewhere)
    assert Pending.parse(anchored.anchor().prepare(anchored.grown(3))).sent


def test_the_account_to_fund_is_named_and_stays(anchored: Anchored) -> None:
    accounts = set()
    for _ in range(2):
        with raises(FEE_ACCOUNT_LOW, match=r"has 0, and 0\.00") as raised:
            begin(CHAIN, given(anchored), anchored.sender)
        accounts.add(raised.value.facts["account"])
    assert len(accounts) == 1
    public = KeyFile.open(anchored.folder / "fees.json", lambda: None).public_keys["fee"]
    assert public.type == "secp256k1"


def test_a_contract_that_is_there_is_taken(anchored: Anchored, node: anvil.Node, tmp_path: Path) -> None:
    anchored.begin(node)
    contract = anchored.settings["contract"]
    taken = begin(CHAIN, given(anchored, contract=contract.lower()), anchored.sender)
    assert (taken["contract"], taken["since"]) == (contract, 0)
    checkpoint = anchored.grown(3)
    anchor = open_anchor(CHAIN, taken, anchored.sender)
    keep = Kept(anchor.prepare(checkpoint))
    anchor.advance(checkpoint, keep.state, keep)
    assert events(node, contract) == 1


def test_a_contract_of_another_log_owner_or_code_is_not(anchored: Anchored, node: anvil.Node) -> None:
    anchored.begin(node)
    contract = anchored.settings["contract"]
    with raises(OTHER_CONTRACT, match="the owner is another"):
        begin(CHAIN, given(anchored, contract=contract, owner="0x" + "0e" * 20), anchored.sender)
    other = Log("other.example/log", SIGNER, COSIGNER, MemoryStore(), clock=lambda: NOW)
    with raises(OTHER_CONTRACT, match="the log is another"):
        begin(CHAIN, given(anchored, contract=contract), anchored.sender._replace(log=other))
    with raises(OTHER_CONTRACT, match="the code is another"):
        begin(CHAIN, given(anchored, contract=OWNER), anchored.sender)
    code = node.call("eth_getCode", contract, "latest")
    node.call("anvil_setCode", contract, f"0x00{code[4:]}")
    with raises(OTHER_CONTRACT, match="the code is another"):
        begin(CHAIN, given(anchored, contract=contract), anchored.sender)
    node.call("anvil_setCode", contract, "0x")
    with raises(OTHER_CONTRACT, match="or not any more"):
        anchored.anchor().prepare(anchored.grown(3))


def test_another_fee_key_waits_until_the_owner_names_it(anchored: Anchored, node: anvil.Node) -> None:
    anchored.begin(node)
    contract = anchored.settings["contract"]
    checkpoint, key = anchored.grown(3), f"file:{anchored.folder}/other%20fees.json#second"
    settings = begin(CHAIN, given(anchored, contract=contract, **{"fee-key": key}), anchored.sender)
    assert settings["account"] != anchored.settings["account"]
    node.call("anvil_setBalance", settings["account"], RICH)
    anchor = open_anchor(CHAIN, settings, anchored.sender)
    with raises(MAY_NOT_ANCHOR, match=f"takes nothing from the account {settings['account']}"):
        anchor.prepare(checkpoint)
    named(node, contract, settings["account"])
    keep = Kept(anchor.prepare(checkpoint))
    anchor.advance(checkpoint, keep.state, keep)
    assert events(node, contract) == 1


def named(node: anvil.Node, contract: str, account: str) -> None:
    node.call("anvil_impersonateAccount", OWNER)
    node.call("anvil_setBalance", OWNER, RICH)
    content = name_submitter_call(parse_address(account), may=True)
    node.send(**{"from": OWNER, "to": contract, "data": f"0x{content.hex()}"})


def test_a_contract_that_is_blocked_is_followed_by_another_one(anchored: Anchored, node: anvil.Node) -> None:
    first = anchored.grown(3)
    anchor = anchored.begin(node)
    keep = Kept(anchor.prepare(first))
    anchor.advance(first, keep.state, keep)
    node.call("anvil_mine", "0x4")
    old = anchor.advance(first, keep.state, keep)
    assert old is not None
    account, contract = anchored.settings["account"], anchored.settings["contract"]
    node.call("anvil_impersonateAccount", account)  # by whoever has the key of the fees
    for size in (5, 1 << 60):
        content = anchor_call(size, b"\x05" * 32)
        node.send(**{"from": account, "to": contract, "data": f"0x{content.hex()}"})
        node.call("anvil_mine", "0x4")
    second = anchored.grown(5)
    state = anchor.prepare(second)
    with raises(CONTRACT_AHEAD, match="is none of this log"):
        anchor.advance(second, state, keep)
    former = anchored.settings
    follower = anchored.begin(node)
    assert anchored.settings["contract"] != former["contract"]
    keep = Kept(follower.prepare(second))
    follower.advance(second, keep.state, keep)
    node.call("anvil_mine", "0x4")
    new = follower.advance(second, keep.state, keep)
    assert new is not None
    assert anchored.fact(second, new).checkpoint == second
    anchored.settings = former
    assert anchored.fact(first, old).checkpoint == first
    assert anchor.confirm(first, old)
    assert header_of(old).number < header_of(new).number


def test_a_chain_with_receipts_of_an_unknown_type_is_refused(anchored: Anchored, node: anvil.Node) -> None:
    node.send(to=OWNER)
    with lying(node.url) as liar:
        liar.lies["eth_getBlockReceipts"] = lambda truth, asked: [{**each, "type": "0x7e"} for each in truth]
        anchored.nodes(liar.url)
        with raises(CHAIN_FORM_UNKNOWN, match=r"eip155:31337 .* type 126, which is not read") as raised:
            begin(CHAIN, given(anchored), anchored.sender)
    assert isinstance(raised.value, Refused)


def test_a_node_of_another_chain_is_refused(anchored: Anchored) -> None:
    with raises(WRONG_CHAIN, match="is of the chain eip155:31337, not of eip155:1"):
        begin("eip155:1", given(anchored), anchored.sender)


def test_a_contract_that_is_long_in_coming_is_found_later(
    anchored: Anchored, node: anvil.Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    with raises(FEE_ACCOUNT_LOW) as raised:
        begin(CHAIN, given(anchored), anchored.sender)
    node.call("anvil_setBalance", account := raised.value.facts["account"], RICH)
    node.call("evm_setAutomine", False)
    monkeypatch.setattr(deployment, "_PATIENCE", 0.1)
    for _ in range(2):
        with raises(DEPLOYMENT_PENDING, match="is not in a block yet"):
            begin(CHAIN, given(anchored), anchored.sender)
    node.call("evm_setAutomine", True)
    node.call("evm_mine")
    settings = begin(CHAIN, given(anchored), anchored.sender)
    assert node.call("eth_getTransactionCount", account, "latest") == "0x1", "made once"
    assert node.call("eth_getCode", settings["contract"], "latest") != "0x"
    assert not list(anchored.folder.glob("contract-*"))


def test_what_is_not_said_stays_as_it_was(anchored: Anchored, node: anvil.Node) -> None:
    anchored.begin(node, depth="7", **{"fee-cap": "20"})
    outbox, first = Outbox(anchored.folder), anchored.settings
    outbox.add(CHAIN, timedelta(days=1), first, NOW)
    again = begin(CHAIN, {}, anchored.sender)
    assert again["asOf"] > first["asOf"]
    assert again == {
        **{name: value for name, value in first.items() if name != "cost"},
        "asOf": again["asOf"],
    }
    other = f"file:{anchored.folder}/other.json#fee"
    changed = begin(CHAIN, {"fee-key": other, "fee-cap": "30", "depth": "8"}, anchored.sender)
    assert changed == {
        **again,
        "feeKey": other,
        "account": changed["account"],
        "feeCap": 30,
        "depth": 8,
    }  # and asOf, since no block was made
    assert changed["account"] != first["account"]
    follower = begin(CHAIN, {"contract": "new"}, anchored.sender)
    assert follower["contract"] != first["contract"]
    assert follower["since"] > first["since"]
    row = [{name: each[name] for name in ("contract", "since")} for each in (first, follower)]
    assert (follower["former"], "former" in again) == (row[:1], False)
    outbox.add(CHAIN, timedelta(days=1), follower, NOW)
    assert begin(CHAIN, {"fee-cap": "20"}, anchored.sender)["former"] == row[:1]
    back = begin(CHAIN, {"contract": first["contract"]}, anchored.sender)
    assert (back["contract"], back["since"], back["former"]) == (first["contract"], first["since"], row)


def test_a_contract_that_a_node_does_not_know_yet_is_not_paid_for_again(
    anchored: Anchored, node: anvil.Node
) -> None:
    with raises(FEE_ACCOUNT_LOW) as raised:
        begin(CHAIN, given(anchored), anchored.sender)
    node.call("anvil_setBalance", account := raised.value.facts["account"], RICH)
    with lying(node.url) as liar:
        anchored.nodes(liar.url)
        liar.lies["eth_getCode"] = lambda truth, asked: "0x"
        with raises(DEPLOYMENT_PENDING):
            begin(CHAIN, given(anchored), anchored.sender)
        liar.lies["eth_getCode"] = lambda truth, asked: {"error": {"code": -32000, "message": "busy"}}
        with pytest.raises(NodeError):
            begin(CHAIN, given(anchored), anchored.sender)
    anchored.nodes(node.url)
    begin(CHAIN, given(anchored), anchored.sender)
    assert node.call("eth_getTransactionCount", account, "latest") == "0x1", "made once"


def test_a_contract_that_is_not_made(anchored: Anchored, node: anvil.Node) -> None:
    with raises(FEE_ACCOUNT_LOW) as raised:
        begin(CHAIN, given(anchored), anchored.sender)
    node.call("anvil_setBalance", raised.value.facts["account"], RICH)
    with lying(node.url) as liar:
        liar.lies["eth_getTransactionReceipt"] = lambda truth, asked: truth and {**truth, "status": "0x0"}
        anchored.nodes(liar.url)
        with raises(TRANSACTION_FAILED, match="no contract was made"):
            begin(CHAIN, given(anchored), anchored.sender)


def test_the_environment_names_nodes_too(anchored: Anchored, node: anvil.Node) -> None:
    said = {"owner": OWNER}
    with raises(NODES_UNREADABLE, match=f"no nodes of {CHAIN} are named"):
        begin(CHAIN, said, anchored.sender)
    sender = anchored.sender._replace(nodes={CHAIN: node.url}.get)
    with raises(FEE_ACCOUNT_LOW):
        begin(CHAIN, said, sender)


def test_a_sealed_fee_key_is_opened_when_something_is_signed(anchored: Anchored, node: anvil.Node) -> None:
    asked: list[str] = []

    def passphrase() -> bytes:
        asked.append("once")
        return b"correct horse"

    KeyFile.create(anchored.folder / "sealed.json", {"fee": "secp256k1"}, passphrase())
    anchored.sender = anchored.sender._replace(passphrase=passphrase)
    anchored.begin(node, **{"fee-key": f"file:{anchored.folder}/sealed.json#fee"})
    asked.clear()
    anchor = anchored.anchor()
    assert list(anchor.examine())
    assert not asked
    checkpoint = anchored.grown(3)
    assert anchor.prepare(checkpoint)
    assert asked
    anchored.sender = anchored.sender._replace(passphrase=lambda: None)
    with pytest.raises(PassphraseNeeded):
        anchored.anchor().prepare(checkpoint)


def test_a_fee_key_that_was_exchanged_signs_nothing(anchored: Anchored, node: anvil.Node) -> None:
    anchored.begin(node)
    keys = KeyFile.open(anchored.folder / "fees.json", lambda: None)
    keys.add({"other": "secp256k1"})
    keys.replace({"fee": "other"})
    with raises(NO_FEE_KEY, match="another one by now"):
        anchored.anchor().prepare(anchored.grown(3))


WRONG: list[tuple[dict[str, str], Raisable[Problem], str]] = [
    ({"depth": "-1"}, Malformed, "depth is no whole number"),
    ({"fee-cap": "1.5"}, Malformed, "fee-cap is no whole number"),
    ({"fee-cap": "9" * 10}, Malformed, "fee-cap is no whole number"),
    ({"owner": "0x12"}, Malformed, "40 hexadecimal digits"),
    ({"contract": "0x12"}, Malformed, "40 hexadecimal digits"),
    ({"fee-key": "pkcs11:token=a"}, NO_FEE_KEY, "file:/absolute/path#name"),
    ({"fee-key": "file:relative#fee"}, NO_FEE_KEY, "file:/absolute/path#name"),
    ({"fee-key": "file:/absolute"}, NO_FEE_KEY, "file:/absolute/path#name"),
]


@pytest.mark.parametrize(("more", "expected", "words"), WRONG)
def test_what_is_said_wrongly(
    anchored: Anchored, more: dict[str, str], expected: Raisable[Problem], words: str
) -> None:
    with raises(expected, match=words):
        begin(CHAIN, given(anchored, **more), anchored.sender)


def test_an_owner_has_to_be_named(anchored: Anchored) -> None:
    with pytest.raises(Refused, match="the contract's owner is not named"):
        begin(CHAIN, {"rpc-file": str(anchored.file)}, anchored.sender)


def test_keys_that_pay_no_fees(anchored: Anchored, tmp_path: Path) -> None:
    KeyFile.create(tmp_path / "keys.json", {"log": "Ed25519"}, None)
    for name, words in (("log", "not Ed25519"), ("fee", "has no key of this name")):
        with raises(NO_FEE_KEY, match=words):
            begin(CHAIN, given(anchored, **{"fee-key": f"file:{tmp_path}/keys.json#{name}"}), anchored.sender)
