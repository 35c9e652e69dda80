"""Shared by tests of anchoring on a chain: a log, running nodes, a funded account and the contract."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ledger import Checkpoint, Evidence, Fact, MemoryStore, TrustedLedger, verify_anchoring
from ledger.anchor import Sender
from ledger.evm import KIND
from ledger.evm.anchor import EvmAnchor
from ledger.evm.deployment import begin, open_anchor
from ledger.evm.evidence import header_of
from ledger.evm.problem import FEE_ACCOUNT_LOW
from ledger.kinds import KINDS
from ledger.log import Log
from tests.anvil import Node
from tests.ledger_samples import open_log, samples, trust_in
from tests.problems import is_a
from wire import Problem
from wire.strict import base64url_encode

OWNER = "0x" + "0f" * 20
CHAIN = "eip155:31337"
RICH = hex(10**18)


class Anchored:
    """A log that is anchored at some nodes; `given` says more."""

    def __init__(self, folder: Path, *urls: str, log: Log | None = None, name: str = CHAIN) -> None:
        self.folder, self.name = folder, name
        folder.mkdir(exist_ok=True)
        self.log = log or open_log(MemoryStore())
        self.file = folder / "nodes"
        self.nodes(*urls)
        self.sender = Sender(folder, self.log, lambda: None, lambda _: None)
        self.settings: Mapping[str, Any] = {}

    def nodes(self, *urls: str) -> None:
        self.file.write_text("\n".join(urls))
        self.file.chmod(0o600)

    def begin(self, node: Node, **settings: str) -> EvmAnchor:
        """Funds the account, and makes the contract."""
        members = {"rpc-file": str(self.file), "owner": OWNER, **settings}
        try:
            self.settings = begin(self.name, members, self.sender)
        except Problem as problem:
            if not is_a(problem, FEE_ACCOUNT_LOW):
                raise
            node.call("anvil_setBalance", problem.facts["account"], RICH)
            self.settings = begin(self.name, members, self.sender)
        return self.anchor()

    def anchor(self, **changed: object) -> EvmAnchor:
        """As after a new start."""
        return open_anchor(self.name, {**self.settings, **changed}, self.sender)

    def grown(self, size: int) -> Checkpoint:
        """The log's checkpoint, once it has so many entries."""
        self.log.append(samples(self.log.checkpoint().size, size), b"to %d" % size)
        return self.log.checkpoint()

    def fact(self, checkpoint: Checkpoint, evidence: Evidence) -> Fact:
        """The fact that a verifier learns from the evidence if it knows the block and the contract."""
        header = header_of(evidence)
        pin = base64url_encode(header.hash + header.time.to_bytes(8))
        facts = {"contracts": [self.settings["contract"]], "blocks": pin}
        trust = trust_in(self.log, TrustedLedger(KIND, self.name, facts))
        return verify_anchoring(checkpoint, evidence, trust, kinds=KINDS)


class Kept:
    """The state, as an outbox keeps it."""

    def __init__(self, state: bytes) -> None:
        self.state = state
        self.count = 0

    def __call__(self, state: bytes) -> None:
        self.state = state
        self.count += 1


def events(node: Node, contract: str) -> int:
    """The number of the contract's events on the chain, once all pending transactions are in a block."""
    deadline = time.monotonic() + 10
    while node.call("txpool_status")["pending"] != "0x0" and time.monotonic() < deadline:
        time.sleep(0.005)
    asked = {"address": contract, "fromBlock": "0x0", "toBlock": "latest"}
    return len(node.call("eth_getLogs", asked))
