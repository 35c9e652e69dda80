"""The contract that has a log's checkpoints on a chain: its code, how it is called, and what its event says.

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
_WORD = 32

ANCHORED = keccak256(b"Anchored(bytes32,uint64,bytes32)")
"""The first topic of the event, by which it is known."""

SELECTORS: Mapping[str, bytes] = {
    name: bytes.fromhex(selector) for name, selector in _COMPILED["selectors"].items()
}
"""The first four bytes of a call, by the function's name; views are `origin`, `owner`, `size`, `root`."""


class TreeHead(NamedTuple):
    """What an event says: so many entries, and their root."""

    size: int
    root: bytes


def origin_digest(origin: str) -> bytes:
    """What the contract has of the log's name: SHA-256."""
    return sha256(origin.encode()).digest()


def init_code(origin: str, owner: bytes, submitter: bytes) -> bytes:
    """The data of the transaction that makes the contract."""
    return bytes.fromhex(_COMPILED["initCode"]) + origin_digest(origin) + _word(owner) + _word(submitter)


def runtime_code(origin: str, owner: bytes) -> bytes:
    """The code that the contract then has, which ends with the values that never change."""
    return bytes.fromhex(_COMPILED["runtimeCode"]) + origin_digest(origin) + _word(owner)


def anchor_call(size: int, root: bytes) -> bytes:
    """The data of the transaction that anchors a checkpoint."""
    return SELECTORS["anchor"] + size.to_bytes(_WORD) + root


def name_submitter_call(who: bytes, *, may: bool) -> bytes:
    """The data of the transaction by which the owner says who may submit."""
    return SELECTORS["name_submitter"] + _word(who) + int(may).to_bytes(_WORD)


def is_submitter_call(who: bytes) -> bytes:
    """The data of the call that tells whether this one may submit."""
    return SELECTORS["submitters"] + _word(who)


def read_event(event: Event, origin: str) -> TreeHead:
    """What an event of the contract says. Raises `InvalidEvidence` if it is another one, or another log's."""
    if event.topics[:1] != (ANCHORED,) or len(event.data) != 2 * _WORD:
        raise InvalidEvidence("the event of the contract is not that of a checkpoint")
    if event.topics[1:] != (origin_digest(origin),):
        raise InvalidEvidence("the event of the contract is of another log")
    return TreeHead(int.from_bytes(event.data[:_WORD]), event.data[_WORD:])


def _word(address: bytes) -> bytes:
    return address.rjust(_WORD, b"\0")
