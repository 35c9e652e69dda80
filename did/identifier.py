"""`DID` and `DIDURL`: identifiers as Decentralized Identifiers 1.0 writes them, section 3.

They are compared character by character: nothing is decoded, folded or normalised. So two spellings of one
percent-encoded character are two DIDs. Decoding is up to a DID method.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from keys.kinds import KINDS
from wire.text import printable

from .problem import INVALID_DID_URL, InvalidDID

LIMIT = 2048
"""The longest DID or DID URL that is taken, in characters, unless the keys of some kind need more."""

# Possessive quantifiers (`++`): each character is looked at once, however hostile the text.
_PERCENT = "%[0-9A-Fa-f]{2}"
_DID = re.compile(rf"did:([a-z0-9]++):((?:[A-Za-z0-9._:-]++|{_PERCENT})++(?<!:))")
_PCHAR = rf"[A-Za-z0-9._~!$&'()*+,;=:@-]++|{_PERCENT}"
_REST = re.compile(rf"((?:/(?:{_PCHAR})*+)*+)(?:\?((?:[/?]|{_PCHAR})*+))?+(?:\#((?:[/?]|{_PCHAR})*+))?+")


def _is_short(text: str) -> bool:
    """True if a text is within the limit. The URL of a did:key's key contains the key twice."""
    return len(text) <= LIMIT or len(text) <= len("did:key:z#z") + 2 * max(
        row.digits for row in KINDS.values()
    )


class DID(NamedTuple):
    """A decentralized identifier, such as did:web:example.org: the method, and the part that it defines."""

    method: str
    method_specific_id: str

    @staticmethod
    @lru_cache(1024)  # of bounded length: issuers and their keys come again and again
    def parse(text: str) -> DID:
        """Parse `text` as a DID, all of it; raises `InvalidDID`."""
        match = _DID.fullmatch(text) if _is_short(text) else None
        if match is None:
            raise InvalidDID.saying(
                "'{text}' is not a DID",
                text=printable(text[:100]),
                hint="A DID is 'did:', a method and an identifier, such as did:web:example.org.",
            )
        return DID(match[1], match[2])

    def __str__(self) -> str:
        return f"did:{self.method}:{self.method_specific_id}"


class DIDURL(NamedTuple):
    """A DID with a path, a query or a fragment, such as did:web:example.org#key-1.

    Query and fragment are None where the URL has none, the empty string where it has an empty one.
    """

    did: DID
    path: str
    query: str | None
    fragment: str | None

    @staticmethod
    @lru_cache(1024)
    def parse(text: str) -> DIDURL:
        """Parse `text` as a DID URL, all of it; raises `INVALID_DID_URL`."""
        did = _DID.match(text) if _is_short(text) else None
        rest = _REST.fullmatch(text, did.end()) if did else None
        if did is None or rest is None:
            raise INVALID_DID_URL.saying(
                "'{text}' is not a DID URL",
                text=printable(text[:100]),
                hint="A DID URL is a DID with a path, query or fragment, such as did:web:example.org#key-1.",
            )
        return DIDURL(DID(did[1], did[2]), *rest.groups())

    def __str__(self) -> str:
        query = "" if self.query is None else f"?{self.query}"
        fragment = "" if self.fragment is None else f"#{self.fragment}"
        return f"{self.did}{self.path}{query}{fragment}"
