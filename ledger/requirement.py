"""Requirement of several ledgers, or witnesses, for a log's checkpoint, and when it is met (ADR 58)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from wire.problem import Malformed, TooLarge
from wire.text import shortened

LEDGERS = "ledgers"
"""The clock of a fact whose time is that of the required ledgers."""

WITNESSES = "witnesses"
"""The name by which a log's own witnesses are required, as their quorum has it."""

REQUIRED_WITNESSES = "required-witnesses"
"""The clock of a fact whose time is that of the witnesses, where these alone are required."""

MOST = 64
"""Names and groups in one requirement."""

_SIGNS = "(),"
_WORD = r"[(),]|[^\s(),]+"
_NUMBER = "[0-9]{1,3}"  # more than `MOST`, and no number that takes time to read


@dataclass(frozen=True, slots=True)
class Requirement:
    """At least `at_least` of these ledgers, by their names, or groups of ledgers.

    Raises `Malformed` unless it can be met, and where a member is named twice, and `TooLarge`.
    """

    at_least: int
    of: tuple[str | Requirement, ...]

    def __post_init__(self) -> None:
        # A ledger named twice would count twice: one thief's ledger could then meet "2 of" (threat F19).
        if not 1 <= self.at_least <= len(self.of) or len(set(self.of)) != len(self.of):
            raise Malformed.saying(
                "{number} of {count} different names cannot be required",
                number=self.at_least,
                count=len(set(self.of)),
            )
        # threat 62: each is looked up for each entry.
        if sum(1 for _ in self.members()) > MOST:
            raise TooLarge.saying("more than {most} names and groups are required", most=MOST)

    @classmethod
    def parse(cls, text: str) -> Requirement:
        """Reads what `str` writes; `all of (…)` and `any of (…)` say the same without a number.

        Raises `Malformed` and `TooLarge`.
        """
        words = re.findall(_WORD, text)
        if words.count("(") > MOST:  # else a group for each level could exhaust the stack
            raise TooLarge.saying("more than {most} names and groups are required", most=MOST)
        words.reverse()
        parsed = _one(words)
        if parsed is None or words:
            raise Malformed.saying(
                "{rule} is neither a name nor so many of several, such as {example}",
                rule=shortened(text),
                example="1 of (a, b)",
            )
        return Requirement(1, (parsed,)) if isinstance(parsed, str) else parsed

    @classmethod
    def all(cls, of: Sequence[str | Requirement]) -> Requirement:
        """The requirement of every one of these."""
        return cls(len(of), tuple(of))

    @property
    def names(self) -> frozenset[str]:
        """All ledgers that it speaks of."""
        return frozenset(member for member in self.members() if isinstance(member, str))

    def met_by(self, seen: Mapping[str, datetime]) -> datetime | None:
        """The time by which enough ledgers had it, from each ledger's time in `seen`; `None` if too few have.

        All but one of the needed ledgers may err, so the time is that of the last of them.
        """
        times = sorted(time for member in self.of if (time := _time(member, seen)) is not None)
        # threat F19: with an earlier time, a single ledger could date a diploma back.
        return times[self.at_least - 1] if len(times) >= self.at_least else None

    def missing(self, seen: Mapping[str, datetime]) -> tuple[str, ...]:
        """The ledgers that do not have it, in groups that are not met; empty where all is met."""
        if self.met_by(seen) is not None:
            return ()
        names: list[str] = []
        for member in self.of:
            names += (
                member.missing(seen) if isinstance(member, Requirement) else [member] * (member not in seen)
            )
        return tuple(dict.fromkeys(names))

    def members(self) -> Iterator[str | Requirement]:
        """All ledgers and groups, however deep."""
        for member in self.of:
            yield member
            if isinstance(member, Requirement):
                yield from member.members()

    def to_json(self) -> dict[str, Any]:
        """The one JSON form of all requirements that mean the same, as a trust file has it."""
        of = [member if isinstance(member, str) else member.to_json() for member in self.of]
        if self.at_least == len(of):
            return {"allOf": of}
        return {"anyOf": of} if self.at_least == 1 else {"atLeast": self.at_least, "of": of}

    def __str__(self) -> str:
        """As `2 of (eip155:1, eip155:10, 1 of (a, b))`."""
        if self.of == self.of[:1] and isinstance(self.of[0], str):
            return self.of[0]
        return f"{self.at_least} of ({', '.join(map(str, self.of))})"


def _one(words: list[str]) -> str | Requirement | None:
    """Takes a ledger or group off the end of `words`, whose order is reversed; `None` for neither."""
    if not words or (name := words.pop()) in _SIGNS:
        return None
    if words[-2:] != ["(", "of"]:
        return name
    del words[-2:]
    of = []
    separator = ","
    while separator == ",":
        of.append(_one(words))
        separator = words.pop() if words else ""
    members = tuple(member for member in of if member is not None)
    count = {"all": len(of), "any": 1}.get(name) or (int(name) if re.fullmatch(_NUMBER, name) else 0)
    if separator != ")" or len(members) != len(of) or not count:
        return None
    return Requirement(count, members)


def _time(member: str | Requirement, seen: Mapping[str, datetime]) -> datetime | None:
    return seen.get(member) if isinstance(member, str) else member.met_by(seen)
