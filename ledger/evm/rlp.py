"""RLP, the encoding that Ethereum hashes: byte strings, and lists of these and of lists (Yellow Paper, B).

Each item has one canonical form, and no other is read.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from wire.problem import TooLarge

from ..problem import InvalidEvidence

Item: TypeAlias = "bytes | Sequence[Item]"

_DEEPEST = 16  # lists in lists
_MOST = 1 << 12  # items


def encode(item: Item) -> bytes:
    """The form of an item."""
    if isinstance(item, bytes):
        return item if len(item) == 1 and item < b"\x80" else _head(0x80, len(item)) + item
    payload = b"".join([encode(part) for part in item])
    return _head(0xC0, len(payload)) + payload


def integer(number: int) -> bytes:
    """The byte string that stands for a number: big-endian, without zeros in front."""
    return number.to_bytes((number.bit_length() + 7) // 8)


def decode(data: bytes, most: int = _MOST) -> Item:
    """Decode bytes that are one item, with at most `most` items in it.

    Raises `InvalidEvidence` for a form that is not canonical, and `TooLarge`.
    """
    left = [1 + most]
    item, end = _item(data, 0, len(data), _DEEPEST, left)
    # Bytes behind the item would be hashed along, and give one item many hashes.
    if end != len(data):
        raise InvalidEvidence("there is more after the end of an RLP item")
    return item


def _head(kind: int, length: int) -> bytes:
    if length < 56:
        return bytes((kind + length,))
    size = integer(length)
    return bytes((kind + 55 + len(size),)) + size


def _item(data: bytes, at: int, stop: int, depth: int, left: list[int]) -> tuple[Item, int]:
    """The item that begins at `at`, and its end, which is not beyond `stop`."""
    # As threat 27: depth and count are bounded, since anybody may send evidence.
    left[0] -= 1
    if left[0] < 0 or depth == 0:
        raise TooLarge("an RLP item holds more items, or lists deeper in lists, than are read")
    if at == stop:
        raise InvalidEvidence("an RLP item is cut off")
    first = data[at]
    if first < 0x80:
        return data[at : at + 1], at + 1
    kind = 0xC0 if first >= 0xC0 else 0x80
    start, end = _payload(data, at, first - kind)
    if end > stop:
        raise InvalidEvidence("an RLP item is cut off")
    if kind == 0x80:
        if end == start + 1 and data[start] < 0x80:  # such a byte is its own form
            raise InvalidEvidence("an RLP item is not in its canonical form")
        return data[start:end], end
    items = []
    while start < end:
        item, start = _item(data, start, end, depth - 1, left)
        items.append(item)
    return items, end


def _payload(data: bytes, at: int, stated: int) -> tuple[int, int]:
    """The start and end of an item's content; short items have their length in the first byte."""
    if stated < 56:
        return at + 1, at + 1 + stated
    start = at + 1 + stated - 55
    size = data[at + 1 : start]
    length = int.from_bytes(size)
    if length < 56 or size[0] == 0:  # the short form was due, or leading zeros
        raise InvalidEvidence("an RLP item is not in its canonical form")
    return start, start + length
