"""`intaglio trust chain`: a log is followed on a real chain, and diplomas are verified offline by that."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ledger import Requirement, TrustedLedger
from ledger.evm import KIND
from ledger.evm.anchor import EvmAnchor
from ledger.evm.contract import anchor_call
from ledger.evm.hexadecimal import parse_address
from tests import anvil
from tests.commandline import Program, typed
from tests.evm_anchors import CHAIN, Anchored, Kept
from tests.lying import Liar, Lie, lying
from tests.test_verifier_anchors import checkpoint
from tests.world import NOW, University, verifier
from vc import Bundle, Verdict
from vc.forms import FORMS
from verifier import Trust
from verifier.sources.blocks import file_of
from verifier.sources.trust_index import open_trust

pytestmark = [anvil.needed, pytest.mark.slow]

ISSUED = NOW - timedelta(days=20)
STOLEN = NOW - timedelta(days=10)


@pytest.fixture(scope="module")
def node() -> Iterator[anvil.Node]:
    with anvil.anvil("--slots-in-an-epoch", "1", "--timestamp", str(int(ISSUED.timestamp()))) as running:
        yield running


class OnChain:
    """A university whose log goes to a chain, and a verifier who got its trust file."""

    def __init__(self, folder: Path, node: anvil.Node, program: Program) -> None:
        self.node, self.program, self.folder = node, program, folder
        self.university = University(now=ISSUED)
        self.there = Anchored(folder, node.url, log=self.university.log)
        self.anchor = self.there.begin(node)
        node.call("anvil_mine", "0x8")
        self.file = program.home / "trust.json"
        self.write()

    def write(self, requirement: Requirement | None = None, **issuer: Any) -> None:
        """The list as the verifier has it: the issuer says which contract is its log's."""
        (log,) = self.university.trust.logs
        known = Trust.load(self.file).logs
        chain = TrustedLedger(KIND, CHAIN, {"contracts": [self.contract]})
        (log,) = known or (replace(log, ledgers=(chain,)),)
        named = replace(self.university.trust.issuers[0], **issuer)
        self.file.parent.mkdir(exist_ok=True)
        self.file.write_bytes(Trust((named,), (replace(log, requires=requirement),)).to_bytes())

    @property
    def contract(self) -> str:
        return str(self.there.settings["contract"])

    def anchored(self, bundle: Bundle, by: datetime, anchor: EvmAnchor | None = None) -> Bundle:
        """With what the chain has of it, once it is final there."""
        self.node.call("evm_setNextBlockTimestamp", int(by.timestamp()))
        newest, anchor = checkpoint(bundle.evidence[0]), anchor or self.anchor
        keep = Kept(anchor.prepare(newest))
        anchor.advance(newest, keep.state, keep)
        self.node.call("anvil_mine", "0x4")
        evidence = anchor.advance(newest, keep.state, keep)
        assert evidence is not None
        return replace(bundle, evidence=(*bundle.evidence, evidence))

    def typed(self, *words: object, code: int = 0, nodes: object = None) -> Mapping[str, Any]:
        answer = self.program("trust", "chain", *words, "--rpc-file", nodes or self.there.file, "--json")
        assert answer.code == code, answer
        return dict(json.loads(answer.out))

    def follow(self, *more: object, **options: Any) -> Mapping[str, Any]:
        """What is told of the one log, once it is followed."""
        return self.typed("add", CHAIN, "--log", self.university.log.origin, *more, **options)

    def judged(self, bundle: Bundle, now: datetime = NOW) -> tuple[Verdict, str]:
        """Offline, by the list and what lies beside it."""
        found = verifier(open_trust(self.file)).verify(Bundle.parse(bundle.to_bytes(), FORMS), now=now)
        return found.verdict, " ".join(check.text for check in found.checks)


ONE = Requirement(1, (CHAIN,))


@pytest.fixture
def chain(tmp_path: Path, node: anvil.Node, program: Program) -> Iterator[OnChain]:
    before = node.call("evm_snapshot")
    yield OnChain(tmp_path, node, program)
    node.call("evm_revert", before)


def test_where_nodes_do_not_say_what_is_final_a_depth_does(chain: OnChain) -> None:
    chain.anchored(chain.university.issue(), ISSUED + timedelta(hours=1))
    unknown = {"error": {"code": -32602, "message": "unknown block"}}
    with lying(chain.node.url) as liar:
        liar.lies["eth_getBlockByNumber"] = lambda truth, asked: unknown if asked[0] == "finalized" else truth
        file = chain.folder / "old"
        file.write_text(liar.url)
        file.chmod(0o600)
        assert "no depth is given" in str(chain.follow(nodes=file, code=1))
        (told,) = chain.follow("--depth", 100, nodes=file)["logs"]
        assert told["known"] == 0
        (told,) = chain.typed("update", CHAIN, "--depth", 2, nodes=file)["logs"]
        assert told["known"] == 1


def test_a_log_is_followed_and_what_the_chain_has_of_it_is_its_time(chain: OnChain) -> None:
    first = chain.anchored(chain.university.issue(), ISSUED + timedelta(hours=1))
    chain.write(ONE)
    assert chain.judged(first)[0] is Verdict.UNDETERMINED, "no block is known"
    (told,) = chain.follow()["logs"]
    (block,) = told["added"]
    assert (told["known"], block["time"], block["size"]) == (1, "2026-06-11T13:00:00Z", 2)
    verdict, said = chain.judged(first)
    assert verdict is Verdict.VALID, said
    assert f"its checkpoint on {CHAIN} by 2026-06-11 13:00Z" in said
    chain.university.now += timedelta(hours=2)
    second = chain.anchored(chain.university.issue(index=8), ISSUED + timedelta(hours=3))
    answer = chain.program("verify", "-", "--at", "2026-07-01", "--offline", stdin=second.to_bytes())
    assert (answer.code, "intaglio trust chain update" in answer.out) == (3, True), answer
    for known, added in ((2, 1), (2, 0)):
        (told,) = chain.typed("update", CHAIN)["logs"]
        assert (told["known"], len(told["added"])) == (known, added)
        assert chain.judged(second)[0] is chain.judged(first)[0] is Verdict.VALID
    (log,) = Trust.load(chain.file).logs
    assert file_of(chain.file, log, log.ledgers[0]).stat().st_size == 80
    assert log.reached is not None
    assert (log.reached.size, log.reached.root) == (
        checkpoint(second.evidence[0]).size,
        checkpoint(second.evidence[0]).root,
    )


def test_blocks_whose_file_is_gone_are_had_anew(chain: OnChain) -> None:
    bundle = chain.anchored(chain.university.issue(), ISSUED + timedelta(hours=1))
    chain.follow()
    (log,) = Trust.load(chain.file).logs
    file_of(chain.file, log, log.ledgers[0]).unlink()
    verdict, said = chain.judged(bundle)
    assert verdict is Verdict.UNDETERMINED
    assert "are not in" in said
    (told,) = chain.typed("update", CHAIN)["logs"]
    assert (told["known"], len(told["added"])) == (1, 1)
    assert chain.judged(bundle)[0] is Verdict.VALID


def test_whoever_sits_there_sees_the_hashes_and_is_asked(chain: OnChain) -> None:
    chain.anchored(chain.university.issue(), ISSUED + timedelta(hours=1))
    before = chain.file.read_bytes()
    words = ["trust", "chain", "add", CHAIN, "--log", chain.university.log.origin]
    words += ["--rpc-file", str(chain.there.file)]
    typed(chain.program.home, words, [(b"Believe them?", b"n")], code=5)
    assert chain.file.read_bytes() == before
    assert not [*chain.file.parent.glob("*.blocks")]
    shown = chain.program(*words)
    newest = int(chain.node.call("eth_blockNumber"), 16)
    blocks = (chain.node.call("eth_getBlockByNumber", hex(newest - back), False) for back in range(6))
    assert any(f"2026-06-11 13:00Z  block {block['hash']}, by which" in shown.err for block in blocks)
    assert (shown.code, chain.file.read_bytes() == before) == (0, False)


def test_what_is_not_final_is_not_taken(chain: OnChain) -> None:
    newest = chain.university.log.checkpoint()
    keep = Kept(chain.anchor.prepare(newest))
    chain.anchor.advance(newest, keep.state, keep)
    (told,) = chain.follow()["logs"]
    assert (told["known"], told["added"]) == (0, [])
    chain.node.call("anvil_mine", "0x4")
    (told,) = chain.typed("update", CHAIN)["logs"]
    assert told["known"] == 1


def of_blocks(lie: Any) -> Lie:
    """What is said of every block but the question which is final."""
    return lambda answer, asked: answer if asked[0] == "finalized" else lie


def of_events(change: Mapping[str, Any]) -> Lie:
    return lambda answer, _: [{**one, **change} for one in answer]


class TestNodes:
    @pytest.fixture
    def liar(self, chain: OnChain) -> Iterator[Liar]:
        with lying(chain.node.url) as liar:
            yield liar

    def nodes(self, chain: OnChain, *urls: str) -> Path:
        file = chain.folder / "two-nodes"
        file.write_text("\n".join(urls))
        file.chmod(0o600)
        return file

    def test_all_that_are_named_have_to_agree(self, chain: OnChain, liar: Liar) -> None:
        """On the header: one that shows another block, and one that shows none."""
        bundle = chain.anchored(chain.university.issue(), ISSUED + timedelta(hours=1))
        chain.write(ONE)
        before = chain.file.read_bytes()
        another = chain.node.call("eth_getBlockByNumber", "0x1", False)
        lies: list[Any] = [another, None, {"error": {"code": -32000, "message": "no"}}]
        for first, second in ((chain.node.url, liar.url), (liar.url, chain.node.url)):
            nodes = self.nodes(chain, first, second)
            for lie in lies:
                liar.lies["eth_getBlockByNumber"] = of_blocks(lie)
                refused = chain.program(
                    "trust", "chain", "add", CHAIN, "--log", chain.university.log.origin, "--rpc-file", nodes
                )
                assert refused.code in (1, 3, 75), refused
                assert "a-key-of-the-node" not in refused.err
                assert chain.file.read_bytes() == before
            liar.lies.clear()
            assert chain.judged(bundle)[0] is Verdict.UNDETERMINED
        chain.follow(nodes=nodes)
        assert chain.judged(bundle)[0] is Verdict.VALID

    def test_an_event_that_the_block_does_not_have_pins_no_block(self, chain: OnChain, liar: Liar) -> None:
        """Else any block at all could be had pinned, by one node alone."""
        chain.anchored(chain.university.issue(), ISSUED + timedelta(hours=1))
        nodes = self.nodes(chain, liar.url, chain.node.url)
        changes: list[dict[str, Any]] = [{"blockNumber": "0x1"}, {"data": "0x" + "07" * 64}]
        for change in changes:
            liar.lies["eth_getLogs"] = of_events(change)
            refused = chain.program(
                "trust", "chain", "add", CHAIN, "--log", chain.university.log.origin, "--rpc-file", nodes
            )
            assert (refused.code, "does not have" in refused.err) == (3, True), refused

    def test_one_that_leaves_events_out_costs_what_they_prove(self, chain: OnChain, liar: Liar) -> None:
        bundle = chain.anchored(chain.university.issue(), ISSUED + timedelta(hours=1))
        chain.write(ONE)
        liar.lies["eth_getLogs"] = lambda *_: []
        (told,) = chain.follow(nodes=self.nodes(chain, liar.url))["logs"]
        assert told["known"] == 0
        assert chain.judged(bundle)[0] is Verdict.UNDETERMINED

    def test_one_of_another_chain_is_told_of(self, chain: OnChain) -> None:
        refused = chain.program(
            "trust", "chain", "add", "eip155:1", "--log", chain.university.log.origin,
            "--contract", chain.contract, "--rpc-file", chain.there.file,
        )  # fmt: skip
        assert (refused.code, "eip155:31337, not of eip155:1" in refused.err) == (1, True), refused


def test_what_has_to_be_named(chain: OnChain) -> None:
    nodes = ("--rpc-file", chain.there.file)
    stranger = chain.program("trust", "chain", "add", CHAIN, "--log", "other.example/log", *nodes)
    assert (stranger.code, "no log 'other.example/log' is on your trust list" in stranger.err) == (4, True)
    nobody = chain.program("trust", "chain", "update", "eip155:1", *nodes)
    assert (nobody.code, "is followed on 'eip155:1'" in nobody.err) == (4, True)
    origin = chain.university.log.origin
    unnamed = chain.program("trust", "chain", "add", "eip155:1", "--log", origin, *nodes)
    assert (unnamed.code, "names no contract of eip155:1" in unnamed.err) == (2, True)
    chain.file.write_bytes(chain.university.trust.to_bytes())
    told = chain.follow("--contract", chain.contract)
    assert told["logs"][0]["contracts"] == [chain.contract]


def test_a_contract_that_is_blocked_is_followed_by_another(chain: OnChain, tmp_path: Path) -> None:
    """Whoever stole the key for the fees sent a size there that no log will reach."""
    old = chain.anchored(chain.university.issue(), ISSUED + timedelta(hours=1))
    chain.write(ONE)
    account = str(chain.there.settings["account"])
    chain.node.call("anvil_impersonateAccount", account)
    chain.node.send(
        **{"from": account, "to": chain.contract, "data": "0x" + anchor_call(2**63, bytes(32)).hex()}
    )
    chain.node.call("anvil_mine", "0x4")
    chain.follow()
    chain.university.now += timedelta(hours=2)
    plain = chain.university.issue(index=8)
    assert chain.judged(old)[0] is Verdict.VALID
    assert "and a checkpoint that is dated later has" in chain.judged(plain)[1]
    (tmp_path / "second").mkdir()
    second = Anchored(tmp_path / "second", chain.node.url, log=chain.university.log)
    anchor = second.begin(chain.node)
    chain.node.call("anvil_mine", "0x8")
    chain.follow("--contract", second.settings["contract"])
    assert chain.judged(plain)[0] is Verdict.UNDETERMINED, "it is on no chain yet"
    new = chain.anchored(plain, ISSUED + timedelta(hours=3), anchor)
    (told,) = chain.typed("update", CHAIN)["logs"]
    assert list(map(parse_address, told["contracts"])) == [
        parse_address(chain.contract),
        parse_address(str(second.settings["contract"])),
    ]
    assert chain.judged(old)[0] is chain.judged(new)[0] is Verdict.VALID


def test_a_thief_of_all_keys_dates_nothing_back(chain: OnChain) -> None:
    """Also with the key that pays the fees: his block is of today, and the list knows it."""
    genuine = chain.anchored(chain.university.issue(), ISSUED + timedelta(hours=1))
    chain.write(ONE)
    chain.follow()
    assert chain.judged(genuine)[0] is Verdict.VALID
    thief = chain.university.robbed(ISSUED + timedelta(minutes=5))
    for index in range(60, 65):
        thief.issue(index=index)
    forged = thief.issue(index=666)
    verdict, said = chain.judged(forged)
    assert (verdict, f"nothing shows it on {CHAIN}" in said) == (Verdict.UNDETERMINED, True), said
    his = Anchored(chain.folder, chain.node.url, log=thief.log)
    his.settings = chain.there.settings
    newest, account = thief.log.checkpoint(), str(chain.there.settings["account"])
    chain.node.call("evm_setNextBlockTimestamp", int((STOLEN + timedelta(days=2)).timestamp()))
    chain.node.call("anvil_impersonateAccount", account)
    content = anchor_call(newest.size, newest.root).hex()
    chain.node.send(**{"from": account, "to": chain.contract, "data": f"0x{content}"})
    forged = chain.anchored(forged, STOLEN + timedelta(days=3), his.anchor())
    assert chain.judged(forged)[0] is Verdict.UNDETERMINED, "its block is not known"
    chain.typed("update", CHAIN)
    verdict, said = chain.judged(forged)
    assert "by 2026-06-23 12:00Z (time: other ledgers" in said, "as of then he is the issuer"
    chain.write(ONE, until=STOLEN.date())
    verdict, said = chain.judged(forged)
    assert (verdict, "nothing that is required shows this before 2026-06-23 12:00Z" in said) == (
        Verdict.INVALID,
        True,
    ), said
    assert chain.judged(genuine)[0] is Verdict.VALID
