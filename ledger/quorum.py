"""A quorum of witnesses: so many of their operators, or of groups of them, have to have signed a checkpoint.

An operator of several witnesses could sign with all of them, so each operator counts once.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import combinations, islice

from wire.problem import Malformed
from wire.text import shortened

from .note import vkey_name
from .requirement import Requirement

MOST_COMPARED = 10_000
"""Sets of operators by which two quorums are compared."""

_ANY_TIME = datetime.fromtimestamp(0, UTC)

QuorumRule = int | Requirement
"""A number of witnesses, or groups of them by their names; 0 asks for none."""


@dataclass(frozen=True, slots=True)
class WitnessQuorum:
    """A rule over the operators `of`: a number of them, or nested groups, of which each stands in one.

    Raises `Malformed` for other groups. A number that is too large is never met.
    """

    rule: QuorumRule
    of: tuple[str, ...]

    def __post_init__(self) -> None:
        if isinstance(self.rule, int):
            return
        names = [member for member in self.rule.members() if isinstance(member, str)]
        # threat A44: one liar would count in both groups, and what the rule tolerates is computed from that.
        if twice := [name for name in names if names.count(name) > 1]:
            raise Malformed.saying("{name} stands in two groups of a quorum", name=shortened(twice[0]))
        if absent := set(names) - set(self.of):
            raise Malformed.saying(
                "the quorum names {name}, which is no witness of the log", name=shortened(min(absent))
            )

    @classmethod
    def by_operator(cls, rule: QuorumRule, operators: Mapping[str, str]) -> WitnessQuorum:
        """The quorum that a rule over witnesses means, from the operator of each, by vkey.

        Raises `Malformed`, also where two operators have a witness of one name, and the rule names some.
        """
        of = tuple(dict.fromkeys(operators.values()))
        if isinstance(rule, int):
            return cls(rule, of)
        named: dict[str, str] = {}
        for vkey, operator in operators.items():
            # By one name an operator could count as two: a rule names witnesses by it.
            if named.setdefault(vkey_name(vkey), operator) != operator:
                raise Malformed.saying("two witnesses have the name {name}", name=shortened(vkey_name(vkey)))
        return cls(_by_operator(rule, named), of)

    def met_by(self, seen: Mapping[str, datetime]) -> datetime | None:
        """The time of the last line that is needed, from the time of each operator; `None` if too few signed.

        All but one of the needed operators may err.
        """
        if not isinstance(self.rule, int):
            return self.rule.met_by(seen)
        times = sorted(seen.values())
        # The time by which the last needed operator had signed: an earlier one could be a single liar's.
        return times[self.rule - 1] if 0 < self.rule <= len(times) else None

    @property
    def overlap(self) -> int:
        """The number of operators that at least sign both of two checkpoints that meet it.

        If all of these lie, a log can be shown in two versions; with 0, even without a liar.
        """
        if isinstance(self.rule, int):
            return max(2 * self.rule - len(self.of), 0)
        return _overlap(self.rule)

    @property
    def away(self) -> int:
        """The number of operators that can be away, whichever they are, while the others meet it."""
        if isinstance(self.rule, int):
            return len(self.of) - self.rule
        return _blocking(self.rule) - 1

    def unmet(self) -> Iterator[Set[str]]:
        """The largest sets of operators that do not meet it; there may be very many."""
        if isinstance(self.rule, int):
            largest = min(self.rule - 1, len(self.of))
            return map(frozenset, combinations(self.of, largest) if self.rule else ())
        # Operators that no group names cannot help to meet it, however many of them sign.
        beside = frozenset(self.of) - self.rule.names
        return (names | beside for names in _unmet(self.rule))


def parse_rule(text: str) -> QuorumRule:
    """The rule that people write: a number, or groups as `2 of (a, 1 of (b, c))`, or `none`.

    Raises `Malformed` and `TooLarge`.
    """
    if text == "none":
        return 0
    # Four digits: `int` alone would also take signs, blanks, `1_0` and other scripts' digits.
    return int(text) if re.fullmatch("[0-9]{1,4}", text) else Requirement.parse(text)


def implies(
    one: WitnessQuorum, ones: Mapping[str, str], other: WitnessQuorum, others: Mapping[str, str]
) -> bool:
    """Return whether each set of witnesses that meets `one` meets `other`; false if that costs too much.

    Both come with the operator of each witness, by vkey.
    """
    unmet = list(islice(other.unmet(), MOST_COMPARED + 1))
    # A trust file of a few kilobytes could ask for 2^30 sets; `false` only asks people once more.
    if len(unmet) > MOST_COMPARED:
        return False
    for operators in unmet:
        # The largest sets that do not meet `other`: if none of them meets `one`, no smaller one does.
        signed = {
            operator for vkey, operator in ones.items() if others.get(vkey) in operators or vkey not in others
        }
        if not one.rule or one.met_by(dict.fromkeys(signed, _ANY_TIME)) is not None:
            return False
    return True


def _by_operator(rule: Requirement, operators: Mapping[str, str]) -> Requirement:
    of = (
        operators.get(member, member) if isinstance(member, str) else _by_operator(member, operators)
        for member in rule.of
    )
    return Requirement(rule.at_least, tuple(dict.fromkeys(of)))


def _overlap(member: str | Requirement) -> int:
    """Of two sets that meet a group, at least 2k - n members are met by both: the cheapest of them count."""
    if isinstance(member, str):
        return 1
    both = max(2 * member.at_least - len(member.of), 0)
    return sum(sorted(map(_overlap, member.of))[:both])


def _blocking(member: str | Requirement) -> int:
    """The smallest number of operators without which a group is not met."""
    if isinstance(member, str):
        return 1
    return sum(sorted(map(_blocking, member.of))[: len(member.of) - member.at_least + 1])


def _unmet(member: str | Requirement) -> Iterator[Set[str]]:
    if isinstance(member, str):
        yield frozenset()
        return
    for met in combinations(member.of, member.at_least - 1):
        whole = frozenset[str]().union(*map(_names, met))
        yield from _each([other for other in member.of if other not in met], whole)


def _each(groups: Sequence[str | Requirement], whole: Set[str]) -> Iterator[Set[str]]:
    """`whole` with a set that does not meet the first group, and so on for all groups."""
    if not groups:
        yield whole
        return
    for names in _unmet(groups[0]):
        yield from _each(groups[1:], whole | names)


def _names(member: str | Requirement) -> Set[str]:
    return frozenset({member}) if isinstance(member, str) else member.names
