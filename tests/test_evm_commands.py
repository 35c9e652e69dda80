"""What docs/chains.md says of a chain works to the letter, on a node of anvil; and what else is typed."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from keys import KeyFile
from ledger.evm import KIND
from ledger.evm.transactions import account_of
from tests import anvil
from tests.commandline import Program
from tests.evm_anchors import CHAIN, OWNER, RICH
from tests.test_docs import folder, follow
from tests.world import NOW

__all__ = ["folder"]
pytestmark = [anvil.needed, pytest.mark.slow]
BLOCK = re.compile(r"```console anvil\n(?P<file>)(?P<text>.*?)```", re.DOTALL)
SECRET = "the-key-of-the-node"


@pytest.fixture
def node() -> Iterator[anvil.Node]:
    with anvil.anvil("--slots-in-an-epoch", "1") as running:
        yield running


@pytest.fixture
def nodes(folder: Path, node: anvil.Node) -> Path:
    file = folder / "nodes"
    file.write_text(f"{node.url}/?key={SECRET}\n")
    file.chmod(0o600)
    return file


def test_the_page(program: Program, folder: Path, node: anvil.Node, nodes: Path) -> None:
    now = NOW
    program.now = lambda: now

    def fill(line: str) -> str:
        """Between two commands the account is funded, and blocks are made."""
        fund(program, node)
        node.call("anvil_mine", "0x4")
        return line.replace("eip155:1", CHAIN).replace("0xOWNER", OWNER)

    follow("chains.md", program, folder, fill, BLOCK)
    bundles = list((folder / "bundles").glob("*.json"))
    assert len(bundles) > 1
    for bundle in bundles:
        assert KIND in [each["type"] for each in json.loads(bundle.read_text())["evidence"]]


def fund(program: Program, node: anvil.Node) -> None:
    """The account that pays, if it is made already."""
    file = program.home / "issuer" / "fees.json"
    if file.exists():
        account = account_of(KeyFile.open(file, lambda: None).public_keys["fee"])
        node.call("anvil_setBalance", f"0x{account.hex()}", RICH)


def typed(program: Program, *words: object) -> dict[str, Any]:
    answer = program(*words, "--json")
    assert SECRET not in answer.out + answer.err
    told: dict[str, Any] = json.loads(answer.out)
    return told


def test_what_is_typed_shows_no_key_of_a_node_and_says_what_to_do(
    program: Program, folder: Path, node: anvil.Node, nodes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert program("issuer", "issue", "graduates.csv", "--name", "Example University").code == 0
    add = ("ledger", "anchor", "add", CHAIN, "--owner", OWNER)
    told = typed(program, *add, "--rpc-file", nodes)
    assert told["error"]["code"] == "fee-account-low"
    assert "to 0x" in program(*add, "--rpc-file", nodes).err
    fund(program, node)
    monkeypatch.setenv("INTAGLIO_RPC_EIP155_31337", nodes.read_text())
    told = typed(program, *add, "--fee-cap", "20")
    assert told["settings"]["nodes"] is None
    assert told["settings"]["feeCap"] == 20
    assert typed(program, "ledger", "anchor", "run")["anchors"][0]["problem"] is None
    monkeypatch.delenv("INTAGLIO_RPC_EIP155_31337")
    problem = typed(program, "ledger", "anchor", "run")["anchors"][0]["problem"]
    assert problem["code"] == "nodes-unreadable"
    typed(program, *add, "--rpc-file", nodes, "--contract", told["settings"]["contract"])
    found = {each["code"]: each for each in typed(program, "doctor")["findings"]}
    assert found["anchor-balance"]["facts"]["account"] == told["settings"]["account"]
    node.call("anvil_setBalance", told["settings"]["account"], "0x1")
    found = {each["code"]: each for each in typed(program, "doctor")["findings"]}
    assert found["anchor-balance-low"]["facts"]["balance"] == "0.000000000000000001"
    node.kill()
    problem = typed(program, "ledger", "anchor", "run")["anchors"][0]["problem"]
    assert problem["code"] == "unavailable"
    nodes.chmod(0o644)
    assert typed(program, *add, "--rpc-file", nodes)["error"]["code"] == "nodes-unreadable"
