"""Headers of blocks, which are hashed from their fields (Yellow Paper, 4.4, and the EIPs that added some).

The number of fields identifies the rules of a block. A chain that hashes its headers in another way has other
hashes, which are not pinned and so prove nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..problem import InvalidEvidence, UnknownForm
from . import rlp
from .hexadecimal import data, quantity
from .keccak import keccak256

_NUMBER, _ANY = 0, -1  # in the place of a length: a number without leading zeros, and bytes of any length

_FIELDS: Mapping[str, int] = {
    "parentHash": 32,
    "sha3Uncles": 32,
    "miner": 20,
    "stateRoot": 32,
    "transactionsRoot": 32,
    "receiptsRoot": 32,
    "logsBloom": 256,
    "difficulty": _NUMBER,
    "number": _NUMBER,
    "gasLimit": _NUMBER,
    "gasUsed": _NUMBER,
    "timestamp": _NUMBER,
    "extraData": _ANY,
    "mixHash": 32,
    "nonce": 8,
    "baseFeePerGas": _NUMBER,  # London, EIP-1559
    "withdrawalsRoot": 32,  # Shanghai, EIP-4895
    "blobGasUsed": _NUMBER,  # Cancun, EIP-4844
    "excessBlobGas": _NUMBER,
    "parentBeaconBlockRoot": 32,  # EIP-4788
    "requestsHash": 32,  # Prague, EIP-7685
}
"""The fields in order, by the names that nodes use, with the number of bytes of each."""
_NAMES = tuple(_FIELDS)

_MOST = 64  # fields; what a stranger brings as a header is read before anything vouches for it

FORMS: Mapping[int, str] = {15: "before London", 16: "London", 17: "Shanghai", 20: "Cancun", 21: "Prague"}
"""The name of the upgrade that introduced each form, by the number of fields."""


@dataclass(frozen=True, slots=True)
class Header:
    """A block's header, with the fields that evidence needs."""

    raw: bytes
    hash: bytes
    number: int
    time: int
    """Seconds since 1970."""
    receipts_root: bytes

    @classmethod
    def parse(cls, raw: bytes) -> Header:
        """From RLP. Raises `InvalidEvidence`, `UnknownForm` for another number of fields, and `TooLarge`."""
        fields = rlp.decode(raw, _MOST)
        if isinstance(fields, bytes):
            raise InvalidEvidence("the header of the block is no list of fields")
        # Undetermined: a later upgrade adds fields, and this program cannot know what they mean.
        if len(fields) not in FORMS:
            raise _unknown(len(fields))
        values: dict[str, bytes] = {}
        for (name, size), value in zip(_FIELDS.items(), fields, strict=False):
            if not isinstance(value, bytes) or not _fits(value, size):
                raise InvalidEvidence.saying("{field} of the block's header has no such value", field=name)
            values[name] = value
        number, time = (int.from_bytes(values[name]) for name in ("number", "timestamp"))
        return cls(raw, keccak256(raw), number, time, values["receiptsRoot"])

    @classmethod
    def of_node(cls, block: Mapping[str, Any]) -> Header:
        """From a block in a node's JSON. The `hash` is computed here; the node's own is not read.

        Raises `Malformed`, and `UnknownForm` for fields that are those of no form.
        """
        names = [name for name in _NAMES if block.get(name) is not None]
        # A gap would move later fields forward, and the hash would be that of another block.
        if len(names) not in FORMS or names != list(_NAMES[: len(names)]):
            raise _unknown(len(names))
        fields = [
            rlp.integer(quantity(block, name)) if _FIELDS[name] == _NUMBER else data(block, name)
            for name in names
        ]
        return cls.parse(rlp.encode(fields))


def _fits(value: bytes, size: int) -> bool:
    if size == _NUMBER:  # Yellow Paper, B: scalars have no leading zeros, and at most 256 bits here
        return len(value) <= 32 and value[:1] != b"\0"
    return size in (_ANY, len(value))


def _unknown(count: int) -> UnknownForm:
    return UnknownForm.saying(
        "the block's header has {count} fields, in a form that is not read here", count=count
    )
