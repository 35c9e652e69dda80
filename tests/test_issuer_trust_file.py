"""The trust file that an issuer hands out names the ledgers that its log goes to, and since when."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest

from issuer.issuer import Issuer
from keys import PrivateKey
from ledger import Requirement, TrustedLedger, VerifierKey
from ledger.evm import KIND
from ledger.evm.evidence import read
from ledger.note import SignatureType
from ledger.outbox import Outbox
from tests import anvil
from tests.commandline import Program
from tests.evm_anchors import CHAIN, OWNER
from tests.test_evm_commands import fund
from tests.world import NOW, graduate, issuer_in, table
from verifier import Trust
from wire import Malformed

FIRST, SECOND = f"0x{'11' * 20}", f"0x{'22' * 20}"


@pytest.fixture
def issuer(tmp_path: Path) -> Issuer:
    return issuer_in(tmp_path / "issuer")


def anchoring(issuer: Issuer, settings: Mapping[str, Any], name: str = "eip155:1") -> Trust:
    """The file, once checkpoints go to a ledger."""
    Outbox(issuer.home).add(name, timedelta(days=1), settings, NOW)
    return Trust.parse(orjson.dumps(issuer.trust_file()))


def test_contracts_stand_in_it_and_the_block_from_which_on_they_are_there(issuer: Issuer) -> None:
    before = Trust.parse(orjson.dumps(issuer.trust_file()))
    after = anchoring(issuer, {"contract": FIRST, "since": 7, "feeKey": "file:/x#fee"})
    ledgers = after.logs[0].ledgers
    assert ledgers == (TrustedLedger(KIND, "eip155:1", {"contracts": [FIRST], "since": 7}),)
    (ledger,) = ledgers
    assert read(ledger).contracts == {bytes.fromhex(FIRST[2:])}, "evidence is held against it"
    assert issuer.trust_file()["version"] == 5
    assert before.fingerprint(issuer.did) != after.fingerprint(issuer.did), "it covers what is believed"
    assert anchoring(issuer, {"contract": FIRST, "since": 7, "feeKey": "file:/y#fee"}) == after


def test_a_contract_that_followed_another_stands_behind_it(issuer: Issuer) -> None:
    settings: dict[str, Any] = {"contract": SECOND, "since": 9, "former": [{"contract": FIRST, "since": 7}]}
    ledgers = anchoring(issuer, settings).logs[0].ledgers
    assert [ledger.parameters for ledger in ledgers] == [{"contracts": [FIRST, SECOND], "since": 7}]
    row = [*settings["former"], {"contract": SECOND, "since": 9}]
    assert anchoring(issuer, {"contract": FIRST, "since": 7, "former": row}).logs[0].ledgers == ledgers


def test_a_contract_of_which_nobody_knows_since_when_it_is_there(issuer: Issuer) -> None:
    ledgers = anchoring(issuer, {"contract": FIRST, "since": 0}).logs[0].ledgers
    assert [ledger.parameters for ledger in ledgers] == [{"contracts": [FIRST]}]
    assert issuer.trust_file()["version"] == 2


def test_the_version_grows_only_where_something_needs_it(issuer: Issuer) -> None:
    assert issuer.trust_file()["version"] == 1
    assert anchoring(issuer, {"of": issuer.identity.log}, "gazette:example").logs[0].ledgers == ()
    assert issuer.trust_file()["version"] == 1


def test_witnesses_stand_in_it_with_the_number_or_the_groups_that_are_needed(issuer: Issuer) -> None:
    keys = [
        VerifierKey(f"{name}.example", SignatureType.COSIGNATURE, PrivateKey.generate().public_key)
        for name in "abc"
    ]
    for key in keys:
        issuer.cosigned.add(key, f"https://{key.name}/witness")
    before = Trust.parse(orjson.dumps(issuer.trust_file()))
    assert (before.logs[0].witnesses, before.logs[0].quorum) == (tuple(sorted(map(str, keys))), 3)
    issuer.cosigned.require("2")
    assert Trust.parse(orjson.dumps(issuer.trust_file())).logs[0].quorum == 2
    assert issuer.trust_file()["version"] == 1
    issuer.cosigned.require("all of (a.example, any of (b.example, c.example))")
    after = Trust.parse(orjson.dumps(issuer.trust_file()))
    either = Requirement(1, ("b.example", "c.example"))
    assert after.logs[0].quorum == Requirement.all(("a.example", either))
    assert issuer.trust_file()["version"] == 8
    assert before.fingerprint(issuer.did) != after.fingerprint(issuer.did)
    # As no verifier could read it: one of them would count twice.
    with pytest.raises(Malformed, match="two groups"):
        issuer.cosigned.require("all of (a.example, any of (a.example, c.example))")


@anvil.needed
@pytest.mark.slow
def test_a_chain_is_followed_by_the_file_alone(
    program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the issuer's desk to a diploma that counts only since the chain has it: no address is typed."""
    with anvil.anvil("--slots-in-an-epoch", "1") as node:
        monkeypatch.chdir(tmp_path)
        nodes = tmp_path / "nodes"
        nodes.write_text(node.url)
        nodes.chmod(0o600)
        Path("g.csv").write_text(table([graduate(1)]))
        assert program("issuer", "issue", "g.csv", "--name", "Example University").code == 0
        add = ("ledger", "anchor", "add", CHAIN, "--rpc-file", nodes, "--owner", OWNER)
        program(*add)
        fund(program, node)
        node.call("anvil_mine", "0x8")
        hand_out = "is another one now. Hand it out anew:\n  intaglio issuer trust\n"
        assert [hand_out in program(*each).err for each in (add, (*add, "--every", "7d"))] == [True, False]
        for _ in range(2):
            assert program("ledger", "anchor", "run").code == 0
            node.call("anvil_mine", "0x8")
        assert program("issuer", "export", "--out", "bundles").code == 0
        (bundle,) = Path("bundles").glob("*.json")
        file = tmp_path / "university.json"
        file.write_text(program("issuer", "trust").out)
        origin = json.loads(file.read_text())["logs"][0]["key"].partition("+")[0]
        monkeypatch.setenv("INTAGLIO_HOME", str(tmp_path / "employer"))
        assert program("trust", "add", file).code == 0
        follow = ("trust", "chain", "add", CHAIN, "--log", origin, "--rpc-file", nodes)
        before = program("verify", bundle, "--offline").out
        followed = program(*follow, "--json")
        assert followed.code == 0, "no contract is typed"
        assert json.loads(followed.out)["logs"][0]["known"] == 1
        assert program("trust", "require", origin, CHAIN).code == 0
        shown = program("verify", bundle, "--offline")
        assert shown.code == 0
        assert [f"its checkpoint on {CHAIN} by" in text for text in (before, shown.out)] == [False, True]
