"""Numbers and bytes in hexadecimal, as nodes of Ethereum write them in JSON (execution-apis)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from wire.problem import Malformed

_QUANTITY = re.compile(r"0x[0-9a-fA-F]{1,64}")
_DATA = re.compile(r"0x(?:[0-9a-fA-F]{2})*")
_ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}")


def quantity(value: Mapping[str, Any], name: str) -> int:
    """A member that is a number. Raises `Malformed`."""
    text = value.get(name)
    # Before `int`, which takes signs, blanks and underscores, and text of any length (threat F32).
    if not isinstance(text, str) or not _QUANTITY.fullmatch(text):
        raise Malformed.saying("{member} of the node's answer is no number", member=name)
    return int(text, 16)


def data(value: Mapping[str, Any], name: str) -> bytes:
    """A member that is bytes. Raises `Malformed`."""
    return _bytes(value.get(name), name)


def data_list(value: Mapping[str, Any], name: str) -> list[bytes]:
    """A member that is a list of bytes. Raises `Malformed`."""
    items = value.get(name)
    if not isinstance(items, list):
        raise Malformed.saying("{member} of the node's answer is no list", member=name)
    return [_bytes(item, name) for item in items]


def _bytes(text: object, name: str) -> bytes:
    # `bytes.fromhex` would skip blanks.
    if not isinstance(text, str) or not _DATA.fullmatch(text):
        raise Malformed.saying("{member} of the node's answer is not bytes in hexadecimal", member=name)
    return bytes.fromhex(text[2:])


def parse_address(text: str) -> bytes:
    """The 20 bytes of an account's or contract's address. Raises `Malformed`."""
    if not _ADDRESS.fullmatch(text):
        raise Malformed("an address on a chain is 0x and 40 hexadecimal digits")
    return bytes.fromhex(text[2:])
