"""Receipts of transactions, as a block's trie of receipts has them (EIP-2718, and those that added types)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from wire.problem import Malformed

from ..problem import InvalidEvidence, UnknownForm
from . import rlp
from .hexadecimal import data, data_list, quantity

NEWEST = 4
"""Types are 0 (before EIP-2718), 1 (EIP-2930), 2 (EIP-1559), 3 (EIP-4844) and 4 (EIP-7702)."""


@dataclass(frozen=True, slots=True)
class Event:
    """An event of a contract, which Ethereum calls a log."""

    address: bytes
    topics: tuple[bytes, ...]
    data: bytes


@dataclass(frozen=True, slots=True)
class Receipt:
    """The outcome of a transaction."""

    raw: bytes
    """The encoded form in the trie."""
    type: int
    succeeded: bool
    logs: tuple[Event, ...]

    @classmethod
    def parse(cls, raw: bytes) -> Receipt:
        """From the trie. Raises `InvalidEvidence`, `UnknownForm` for another type, and `TooLarge`."""
        # EIP-2718: a first byte of 0xc0 or more begins a list, so a receipt without a type.
        first = raw[0] if raw else 0
        if first < 0xC0 and not 1 <= first <= NEWEST:
            raise _unknown(first)
        kind = 0 if first >= 0xC0 else first
        fields = rlp.decode(raw if kind == 0 else raw[1:])
        if isinstance(fields, bytes) or len(fields) != 4:
            raise InvalidEvidence("the receipt is not of its form")
        status, gas, bloom, logs = fields
        # EIP-658 put the status in the place of a state root of 32 bytes.
        if isinstance(status, bytes) and len(status) == 32:
            raise UnknownForm("the receipt is from before Byzantium, and does not say what came of it")
        if (
            status not in (b"", b"\x01")
            or not isinstance(gas, bytes)
            or not (isinstance(bloom, bytes) and len(bloom) == 256)
            or isinstance(logs, bytes)
        ):
            raise InvalidEvidence("the receipt is not of its form")
        return cls(raw, kind, status == b"\x01", tuple(map(_event, logs)))

    @classmethod
    def of_node(cls, receipt: Mapping[str, Any]) -> Receipt:
        """From JSON of a node, of any length. Raises `Malformed`, and `UnknownForm` for another type."""
        kind = quantity(receipt, "type") if "type" in receipt else 0
        if kind > NEWEST:
            raise _unknown(kind)
        if "status" not in receipt:
            raise UnknownForm("the receipt is from before Byzantium, and does not say what came of it")
        logs = receipt.get("logs")
        if not isinstance(logs, list) or not all(isinstance(log, dict) for log in logs):
            raise Malformed("the logs of the node's receipt are no list of objects")
        events = tuple(
            Event(data(log, "address"), tuple(data_list(log, "topics")), data(log, "data")) for log in logs
        )
        status = quantity(receipt, "status")
        fields: rlp.Item = [
            rlp.integer(status),
            rlp.integer(quantity(receipt, "cumulativeGasUsed")),
            data(receipt, "logsBloom"),
            [[log.address, log.topics, log.data] for log in events],
        ]
        return cls((bytes((kind,)) if kind else b"") + rlp.encode(fields), kind, status == 1, events)


def _event(item: rlp.Item) -> Event:
    if not isinstance(item, bytes) and len(item) == 3:
        address, topics, content = item
        if isinstance(address, bytes) and len(address) == 20 and isinstance(content, bytes):
            return Event(address, _topics(topics), content)
    raise InvalidEvidence("an event of the receipt is not of its form")


def _topics(item: rlp.Item) -> tuple[bytes, ...]:
    topics = () if isinstance(item, bytes) else tuple(topic for topic in item if isinstance(topic, bytes))
    # Yellow Paper: topics are words of 32 bytes; LOG0 to LOG4 write four of them at the most.
    if isinstance(item, bytes) or len(topics) != len(item) or len(topics) > 4 or set(map(len, topics)) - {32}:
        raise InvalidEvidence("an event of the receipt is not of its form")
    return topics


def _unknown(kind: int) -> UnknownForm:
    return UnknownForm.saying("the receipt is of the type {number}, which is not read here", number=kind)
