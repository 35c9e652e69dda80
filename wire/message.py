"""Content sent to a service: `Body`, and header fields that a stranger may have influenced."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Self
from urllib.parse import urlencode

from .problem import Refused

_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110, 5.6.2
_VALUE = re.compile(r"[!-~](?:[\t -~]*[!-~])?")
_OURS = re.compile(
    "accept-encoding|connection|content-(length|type)|expect|host|keep-alive|proxy-.*|te|trailer"
    "|transfer-encoding|upgrade|user-agent",
    re.IGNORECASE,
)
"""Header fields that callers may not set, since they control the exchange itself."""


@dataclass(frozen=True, slots=True, repr=False)
class Body:
    """The content of a request, JSON unless it says otherwise."""

    content: bytes
    media_type: str = "application/json"

    @classmethod
    def form(cls, fields: Mapping[str, str]) -> Self:
        """Fields as a form sends them, in UTF-8 (OAuth 2.0, RFC 6749, appendix B)."""
        return cls(urlencode(fields).encode(), "application/x-www-form-urlencoded")


def header_fields(headers: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Header fields that may be sent.

    Raises `Refused` for a malformed one, so that a value from outside cannot end its line, and for one that
    controls the exchange.
    """
    for name, value in headers.items():
        if _NAME.fullmatch(name) is None or _OURS.fullmatch(name):
            raise Refused.saying("a header field '{name}' is not sent", name=ascii(name[:40]))
        if _VALUE.fullmatch(value) is None:  # a line end would begin a header field of its own
            raise Refused.saying(
                "the header field {name} is not sent: its value is empty or not printable ASCII", name=name
            )
        yield name, value
