"""A status digest: the set positions of all lists of an issuer, in one signed file.

A verifier that has it asks no host for a list, so that no issuer learns who looks at whom. It names the lists
that it is about by their addresses; of any other it says nothing, which is not the same as "not revoked".
"""

from __future__ import annotations

import hashlib
from base64 import b64encode
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from wire import Malformed
from wire.integrity import fits
from wire.strict import is_url
from wire.work import Work

from ..claims import Claims
from .entry import StatusEntry
from .positions import PackedPositions, pack, toggled

TYPE = "StatusDigest"
# Threat 57c, as for each limit here.
MOST_LISTS = 1 << 16
"""Of 131,072 entries each: more than eight thousand million credentials."""
_MOST_ENTRIES = 1 << 24
_MOST_PURPOSES = 4
_MOST_SUFFIXES = 16

PositionsByPurpose = Mapping[str, Sequence[int]]
"""By purpose, in the order of a digest: the positions that are set, counted through all lists, ascending."""


class DigestFacts(NamedTuple):
    """The facts that a status digest states beside its positions."""

    prefix: str
    """The beginning of each list's address, before its number."""
    lists: int
    """The number of lists; they are numbered from 0."""
    entries: int
    """The number of entries in each list."""
    values: Mapping[str, tuple[str, ...]]
    """By the end of a list's address, behind its number: the purposes that its values from 1 on stand for."""
    purposes: tuple[str, ...]
    """Those of which the digest has positions, in this order."""
    number: int
    """Each digest of an issuer has a higher one than the one before."""
    previous: str
    """Subresource Integrity of the positions before; empty where there was no digest before."""

    def to_dict(self, positions: bytes) -> dict[str, Any]:
        """As the signed document has them, with the digest of the packed positions."""
        return {
            "number": self.number,
            "lists": {"prefix": self.prefix, "count": self.lists, "entries": self.entries},
            "values": {suffix: list(purposes) for suffix, purposes in self.values.items()},
            "purposes": list(self.purposes),
            "positions": integrity(positions),
            **({"previous": self.previous} if self.previous else {}),
        }

    def pack(self, positions: PositionsByPurpose) -> bytes:
        """The positions, a block for each list; purposes follow each other. Raises `KeyError` without one."""
        return b"".join(
            block
            for purpose in self.purposes
            for block in _blocks(positions[purpose], self.lists, self.entries)
        )

    def pack_changes(self, positions: PositionsByPurpose, before: PositionsByPurpose) -> bytes:
        """The positions that are in one of both alone, a block for each purpose."""
        return b"".join(
            pack(toggled(positions[purpose], before.get(purpose, ()))) for purpose in self.purposes
        )


def _blocks(positions: Sequence[int], lists: int, entries: int) -> list[bytes]:
    by_list: list[list[int]] = [[] for _ in range(lists)]
    for position in positions:
        number, within = divmod(position, entries)
        by_list[number].append(within)
    return list(map(pack, by_list))


def integrity(positions: bytes) -> str:
    """Subresource Integrity of packed positions."""
    return f"sha256-{b64encode(hashlib.sha256(positions).digest()).decode()}"


@dataclass(frozen=True)
class StatusDigest:
    """A digest whose positions are those that its document states; verifying the document is the caller's."""

    facts: DigestFacts
    stated: str
    """Subresource Integrity of the positions, as the document has it."""
    packed: Mapping[str, PackedPositions]

    @classmethod
    def parse(cls, claims: Claims, positions: bytes) -> StatusDigest:
        """Raises `Malformed` for claims that are no digest, or of other positions than these."""
        facts, stated = digest_facts(claims)
        # Threat 57a: the document alone is signed; this digest binds the positions to it.
        if not fits(stated, positions):
            raise Malformed("the positions are not those that the status digest states")
        packed, start = {}, 0
        for purpose in facts.purposes:
            packed[purpose] = PackedPositions(positions, start, facts.lists, facts.entries)
            start = packed[purpose].end
        # Signed bytes that no program reads could be read by another one.
        if start != len(positions):
            raise Malformed("the positions of the status digest do not end where they should")
        return cls(facts, stated, packed)

    def value(self, entry: StatusEntry, work: Work) -> int | None:
        """The value of an entry; `None` where this digest says nothing of its list or for its purpose.

        Raises `Malformed` where the positions of the list are not packed as they should be, and `TooLarge`
        where unpacking them costs more than is left of `work`.
        """
        facts = self.facts
        # Threat 57a: of a list that it does not name, a digest says nothing, not even "not revoked".
        if not entry.list_url.startswith(facts.prefix) or entry.index >= facts.entries:
            return None
        rest = entry.list_url.removeprefix(facts.prefix)
        suffix = rest.lstrip("0123456789")
        number, purposes = rest.removesuffix(suffix), facts.values.get(suffix, ())
        # A number has one way of being written: 007 is the address of another list.
        if not number or str(int(number[:8])) != number or int(number) >= facts.lists:
            return None
        # Of an entry of more bits than these values take, the list has them elsewhere; 0 leaves it open.
        if entry.purpose not in purposes or entry.size not in (0, len(purposes).bit_length()):
            return None
        position = int(number) * facts.entries + entry.index
        # As in the list itself, the first purpose that applies decides: revoked goes before suspended.
        for value, purpose in enumerate(purposes, 1):
            # Threat 57c: charged before a block is unpacked.
            work.spend(self.packed[purpose].steps(position))
            if position in self.packed[purpose]:
                return value
        return 0

    def positions(self) -> dict[str, list[int]]:
        """All positions, by purpose. Raises `Malformed`."""
        return {purpose: list(packed) for purpose, packed in self.packed.items()}

    def changed(self, facts: DigestFacts, changes: bytes) -> bytes:
        """The positions of the next digest, packed, from the changes since this one.

        `parse` checks that they are those which its document states. Raises `Malformed` where the changes
        are broken, or about fewer lists than there were.
        """
        # Positions are counted through all lists: with lists of another length they would be other
        # credentials'.
        if facts.entries != self.facts.entries or facts.lists < self.facts.lists:
            raise Malformed("the changes are to a status digest of other lists than the one that is here")
        blocks, start = [], 0
        for purpose in facts.purposes:
            packed = PackedPositions(changes, start, 1, facts.lists * facts.entries)
            before, changed, start = self.packed.get(purpose), packed.block(0), packed.end
            for number in range(facts.lists):  # one after the other: all positions at once fill the memory
                first = number * facts.entries
                here = changed[bisect_left(changed, first) : bisect_left(changed, first + facts.entries)]
                former = before.block(number) if before and number < self.facts.lists else ()
                blocks.append(pack(toggled(former, (position - first for position in here))))
        # Bytes that no block reads could be anything.
        if start != len(changes):
            raise Malformed("the changes of the status digest do not end where they should")
        return b"".join(blocks)


def digest_facts(claims: Claims) -> tuple[DigestFacts, str]:
    """The facts of a digest's document, and Subresource Integrity of its positions. Raises `Malformed`."""
    members = claims.subjects[0].get("statusDigest")
    # Threat 57a: any other document of the issuer's could have such a member.
    if TYPE not in claims.types or not isinstance(members, Mapping):
        raise Malformed("this is no status digest")
    if claims.starts is None or claims.ends is None:  # without an end, nobody would ask for a list again
        raise Malformed("the status digest has no date, or no end")
    match members:
        case {
            "number": int(number),
            "lists": {"prefix": str(prefix), "count": int(lists), "entries": int(entries)},
            "values": dict(values),
            "purposes": list(purposes),
            "positions": str(positions),
        } if (
            # JSON's true is an int here
            all(type(each) is int for each in (number, lists, entries))
            and number > 0
            and is_url(prefix)
            # a prefix that ends within a number would have another list's positions stand for this one's
            and not prefix[-1:].isdigit()
            # threat 57c: these bound what the positions cost before they are looked at
            and 0 < lists <= MOST_LISTS
            and 0 < entries <= _MOST_ENTRIES
            and 0 < len(purposes) <= _MOST_PURPOSES
            and all(isinstance(purpose, str) for purpose in purposes)
            and len({*purposes}) == len(purposes)
            and 0 < len(values) <= _MOST_SUFFIXES
            # nor one behind the number, by whose end a digest would not be found for its list
            and all(not suffix[:1].isdigit() and "/" not in suffix for suffix in values)
            and all(_are_among(purposes, each) for each in values.values())
        ):
            return (
                DigestFacts(
                    prefix,
                    lists,
                    entries,
                    {suffix: tuple(each) for suffix, each in values.items()},
                    tuple(purposes),
                    number,
                    str(members.get("previous", "")),
                ),
                positions,
            )
    raise Malformed("the status digest does not state what it is about")


def _are_among(purposes: Sequence[str], named: object) -> bool:
    """True if the values of a list stand for purposes of the digest, each for another."""
    return (
        isinstance(named, list)
        and 0 < len(named) <= len(purposes)
        and all(isinstance(purpose, str) for purpose in named)
        and len({*named} & {*purposes}) == len(named)
    )
