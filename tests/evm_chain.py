"""A chain that only tests have: blocks whose headers and receipts are Ethereum's, made up on the spot.

For what needs no node; that real ones make the same, `test_ledger_evm_node.py` shows.
"""

from __future__ import annotations

import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from ledger import Checkpoint, Evidence, TrustedLedger
from ledger.evm import KIND, rlp, trie
from ledger.evm.contract import ANCHORED, origin_digest
from ledger.evm.evidence import prove
from ledger.evm.header import Header
from ledger.evm.receipt import Receipt
from wire.strict import base64url_encode

CONTRACT = bytes.fromhex("5fbdb2315678afecb367f032d93f642f64180aa3")
CHAIN = "eip155:31337"

_WIDTHS = (32, 32, 20, 32, 32, 32, 256, 0, 0, 0, 0, 0, -1, 32, 8, 0, 32, 0, 0, 32, 32)
_RECEIPTS_ROOT, _NUMBER, _TIMESTAMP = 5, 8, 11


def header(time: int, receipts_root: bytes, fields: int = 21, number: int = 7) -> bytes:
    """A header with so many fields, each of its length."""
    items: list[rlp.Item] = [
        rlp.integer(1_000 + at) if width == 0 else bytes((at,)) * max(width, 5)
        for at, width in enumerate(_WIDTHS[:fields])
    ]
    items += [b"\x01"] * (fields - len(items))
    items[_RECEIPTS_ROOT], items[_NUMBER] = receipts_root, rlp.integer(number)
    items[_TIMESTAMP] = rlp.integer(time)
    return rlp.encode(items)


def event(size: int, root: bytes, origin: str, contract: bytes = CONTRACT) -> rlp.Item:
    """An event of a log's contract."""
    return [contract, [ANCHORED, origin_digest(origin)], size.to_bytes(32) + root]


def receipt(*events: rlp.Item, kind: int = 2) -> bytes:
    """A receipt of a type, of a transaction that made these events."""
    fields: rlp.Item = [b"\x01", rlp.integer(21_000), b"\x00" * 256, events]
    return (bytes((kind,)) if kind else b"") + rlp.encode(fields)


def others(count: int) -> list[bytes]:
    """Receipts of somebody else's transactions, of all types, with events and without."""
    receipts = []
    for number in range(count):
        log: rlp.Item = [bytes((number % 256,)) * 20, [b"\x01" * 32] * (number % 5), b"x"]
        receipts.append(receipt(*[log] * (number % 3), kind=number % 5))
    return receipts


@dataclass
class Chain:
    """Prints one checkpoint a block, between receipts of others."""

    name: str = CHAIN
    contract: bytes = CONTRACT
    blocks: dict[bytes, int] = field(default_factory=dict)
    fields: int = 21

    def anchor(
        self,
        checkpoint: Checkpoint,
        now: datetime,
        earlier: Checkpoint | None = None,
        consistency: Sequence[bytes] = (),
        among: int = 20,
        at: int = 5,
    ) -> Evidence:
        """Evidence of the checkpoint, or by it of an `earlier` one; its block is known from now on."""
        receipts = others(among)
        receipts[at] = receipt(event(checkpoint.size, checkpoint.root, checkpoint.origin, self.contract))
        values = {rlp.encode(rlp.integer(number)): raw for number, raw in enumerate(receipts)}
        seconds = int(now.timestamp())
        block = Header.parse(header(seconds, trie.Trie(values).root, self.fields))
        self.blocks[block.hash] = seconds
        of_all = [Receipt.parse(raw) for raw in receipts]
        return prove(earlier or checkpoint, self.name, block, of_all, at, self.contract, consistency)

    @property
    def trusted(self) -> TrustedLedger:
        """Its entry for a trust file, as of now."""
        return TrustedLedger(KIND, self.name, self.parameters)

    @property
    def parameters(self) -> Mapping[str, Any]:
        pins = b"".join(name + time.to_bytes(8) for name, time in self.blocks.items())
        return {"contracts": [f"0x{self.contract.hex()}"], "blocks": base64url_encode(pins)}


def changed(evidence: Evidence, word: str, value: bytes | int | str, nth: int = 0) -> Evidence:
    """With another value on the n-th line that begins with a word."""
    lines = evidence.body.decode().split("\n")
    at = [number for number, line in enumerate(lines) if line.startswith(f"{word} ")][nth]
    lines[at] = f"{word} {base64(value) if isinstance(value, bytes) else value}"
    return replace(evidence, body="\n".join(lines).encode())


def base64(data: bytes) -> str:
    return binascii.b2a_base64(data, newline=False).decode()
