"""The contract that has a log's checkpoints on a chain: its code, its calls and its event.

`anchor.vy` is its source. `anchor.json` is what Vyper made of it, under the `london` rules, which chains of
consortia have as well; a test compiles it anew and compares. One contract is one log's.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from ..problem import InvalidEvidence
from .keccak import keccak256
from .receipt import Event

_COMPILED = json.loads(Path(__file__).with_name("anchor.json").read_bytes())
_WORD = 32  # bytes of an argument or value in calls and events (Solidity ABI)

ANCHORED = keccak256(b"Anchored(bytes32,uint64,bytes32)")
"""The first topic of the event, which identifies it."""

SELECTORS: Mapping[str, bytes] = {
    name: bytes.fromhex(selector) for name, selector in _COMPILED["selectors"].items()
}
"""The first four bytes of a call, by the function's name; views are `origin`, `owner`, `size`, `root`."""


class TreeHead(NamedTuple):
    """The content of an event: a number of entries, and their root."""

    size: int
    root: bytes


def origin_digest(origin: str) -> bytes:
    """SHA-256 of the log's name, the form that the contract keeps."""
    return sha256(origin.encode()).digest()


def init_code(origin: str, owner: bytes, submitter: bytes) -> bytes:
    """The data of the transaction that creates the contract."""
    return bytes.fromhex(_COMPILED["initCode"]) + origin_digest(origin) + _word(owner) + _word(submitter)


def runtime_code(origin: str, owner: bytes) -> bytes:
    """The code of the created contract, which ends with the values that never change."""
    return bytes.fromhex(_COMPILED["runtimeCode"]) + origin_digest(origin) + _word(owner)


def anchor_call(size: int, root: bytes) -> bytes:
    """The data of the transaction that anchors a checkpoint."""
    return SELECTORS["anchor"] + size.to_bytes(_WORD) + root


def name_submitter_call(who: bytes, *, may: bool) -> bytes:
    """The data of the transaction by which the owner grants or withdraws the right to submit."""
    return SELECTORS["name_submitter"] + _word(who) + int(may).to_bytes(_WORD)


def is_submitter_call(who: bytes) -> bytes:
    """The data of the call that asks if this account may submit."""
    return SELECTORS["submitters"] + _word(who)


def read_event(event: Event, origin: str) -> TreeHead:
    """The tree head in an event. Raises `InvalidEvidence` for an event of another kind, or of another log."""
    # A contract may emit other events with data of the same length: the first topic is the event's type.
    if event.topics[:1] != (ANCHORED,) or len(event.data) != 2 * _WORD:
        raise InvalidEvidence("the event of the contract is not that of a checkpoint")
    # One contract is one log's; the event names it, so that it cannot be shown for another log.
    if event.topics[1:] != (origin_digest(origin),):
        raise InvalidEvidence("the event of the contract is of another log")
    return TreeHead(int.from_bytes(event.data[:_WORD]), event.data[_WORD:])


def _word(address: bytes) -> bytes:
    return address.rjust(_WORD, b"\0")
