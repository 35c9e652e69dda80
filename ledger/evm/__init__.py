"""Checkpoints on a chain that runs Ethereum's virtual machine: the contract, and what proves its events.

A contract has one log's size and root, and says so in an event. `evidence.py` has the kind of evidence: a
block's header that a verifier pins, the receipt with the event, its path in the block's trie of receipts, and
where the event is of a later checkpoint, the log's own consistency proof. Read `contract.py` and `anchor.vy`
first; `rlp.py`, `trie.py`, `header.py` and `receipt.py` are Ethereum's own forms. The extra `[evm]` installs
what it needs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..evidence import TrustedLedger

KIND = "urn:intaglio:evidence:eip155-anchor@v1"
SINCE = "since"
"""The parameter of a trusted chain that says from which block on its contracts are there."""


def trusted(name: str, settings: Mapping[str, Any]) -> TrustedLedger:
    """The chain as a trusted ledger of verifiers, from its anchor's settings: see `AnchorKind.trusted`.

    The contracts are in the order in which they followed each other, since evidence by a former one stays
    valid. Verifiers look for blocks from that of the first contract on.
    """
    row = [*settings.get("former", ()), {"contract": settings["contract"], "since": settings["since"]}]
    first = min(each["since"] for each in row)
    parameters = {"contracts": list(dict.fromkeys(each["contract"] for each in row))}
    return TrustedLedger(KIND, name, {**parameters, **({SINCE: first} if first else {})})
