"""Storage of claim links by the hashes of their tokens, each with its place among all.

Any database will do that keeps the contract of `tests/contract/test_links.py`. Processes call it at once.
Each writing method is one transaction, durable when it returns; it decides who wins a link or a challenge.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import NamedTuple, Protocol

from ..archive.kept import KindNumber
from ..problem import DAMAGED_CLAIMS

ENDED = 0
"""The value of `expires` for a link that was ended."""
WHAT = "the list of claim links"


class KeptLink(NamedTuple):
    """A link as it is kept."""

    which: KindNumber
    generation: int
    """The generation of its credential when it was made."""
    expires: int
    """In seconds since 1970, or `ENDED`."""
    holder: str | None
    """The DID of the wallet that has claimed by it, if one has."""


class GoodLink(NamedTuple):
    """A link that was not ended, and whose time is not over."""

    nth: int
    """Its place among all links."""
    is_used: bool
    """True once a wallet has used the link."""
    expires: datetime


class Links(Protocol):
    """The claim links of one issuer. Raises `Unavailable` or `Damaged` for errors of the database."""

    def close(self) -> None:
        """Closes them in this process; they open again by themselves."""

    def making(self) -> AbstractContextManager[None]:
        """Holds the lock for making links. Raises `TryLater` where another holds it for too long."""

    def last(self) -> int:
        """The place of the last link among all; 0 where there is none."""

    def draw_up(self, links: Sequence[tuple[bytes, KindNumber, int]], counted: int) -> range:
        """Notes new links, by token, credential and generation, none of which is good yet.

        Returns their places: after the last one, and after the first `counted`. The caller holds the lock.
        """

    def make_good(self, places: range, until: int) -> None:
        """Makes links good that were drawn up, all or none, until a time in seconds since 1970.

        Earlier ones of the same credentials end by that, of the same or an earlier generation, but for those
        that a wallet has used. The caller holds the lock.
        """

    def good(self, asked: Sequence[tuple[KindNumber, int]], now: int) -> list[GoodLink | None]:
        """Of each credential a good link of this generation or a later one: a used one, else the last."""

    def places(self, tokens: Sequence[bytes]) -> Mapping[bytes, int]:
        """The places of links, by their tokens; of one that is not there, none."""

    def find(self, token: bytes) -> KeptLink | None:
        """The link with this token."""

    def open_challenge(
        self, token: bytes, challenge: bytes, *, now: int, expires: int, latest: int, most: int
    ) -> bool:
        """Opens a challenge for a link, unless `most` are open already; true if it did.

        Challenges count if they expire after `now` and not after `latest`; expired ones are deleted.
        """

    def spend(self, token: bytes, challenge: bytes, now: int) -> bool:
        """Closes a challenge of a link; true if it was open."""

    def bind(self, token: bytes, holder: str, now: int) -> tuple[KeptLink, bool]:
        """Binds a link to a holder if it is good and bound to nobody.

        Returns the link as it then is, and true if it was bound now.
        """

    def unbind(self, token: bytes, holder: str) -> None:
        """Releases a link that is bound to this holder."""


def token_digest(secret: str) -> bytes:
    """The stored hash of a token or a challenge. Both have 256 random bits, so that no salt is needed."""
    return hashlib.sha256(secret.encode()).digest()


def require_newest(last: int, counted: int) -> None:
    """Raises `DAMAGED_CLAIMS` if there are links, but fewer than the issuer has counted."""
    if last and last < counted:
        raise DAMAGED_CLAIMS(f"{WHAT} is an older copy, in which links that ended would be good")
