"""Trust policies as other programs write them (C2SP tlog-policy): logs, witnesses, and a quorum of these.

Names in such a file are its own. Ours are those of the keys, so that two keys of one name stand there as two
witnesses, of which one is enough.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from wire.problem import Code, Malformed, TooLarge
from wire.text import shortened

from .evidence import TrustedLog
from .note import SignatureType, VerifierKey, decode_base64, signature_type, vkey_name
from .quorum import QuorumRule
from .requirement import MOST, Requirement

LARGEST = 1 << 20  # bytes
_CONTROL = re.compile(rb"[\x00-\x08\x0b-\x1f\x7f]")
_COUNT = re.compile("[1-9][0-9]{0,3}")
_NONE = "none"

NOT_A_TLOG_POLICY = Code("not-a-tlog-policy", Malformed, "Not a policy for logs")
"""A file is not in the form of C2SP tlog-policy, or asks for what cannot be met."""


class TlogPolicy(NamedTuple):
    """Its content: vkeys of logs and of witnesses, and the rule over these, by the keys' names."""

    logs: tuple[str, ...]
    witnesses: tuple[str, ...]
    quorum: QuorumRule


def parse_policy(data: bytes) -> TlogPolicy:
    """The policy in a file. Raises `NOT_A_TLOG_POLICY`, `TooLarge`, and as `Requirement`."""
    # threat 62: before it is split into lines.
    if len(data) > LARGEST:
        raise TooLarge.saying("the policy is longer than {most} bytes", most=LARGEST)
    if _CONTROL.search(data):  # tlog-policy, character set
        raise NOT_A_TLOG_POLICY("the policy has control characters other than tabs and ends of lines")
    reader = _Reader()
    # Octets above 127 are opaque there (tlog-policy, character set).
    for number, line in enumerate(data.decode("utf-8", "surrogateescape").split("\n"), 1):
        words = re.split("[ \t]+", line.strip(" \t"))
        if words != [""] and not words[0].startswith("#") and not reader.read(words):
            raise NOT_A_TLOG_POLICY.saying(
                "line {number} of the policy makes no sense: {line}", number=number, line=shortened(line)
            )
    if reader.quorum is None:  # tlog-policy: exactly one
        raise NOT_A_TLOG_POLICY("the policy has no quorum")
    named = {name: vkey_name(vkey) for name, vkey in reader.witnesses.items()}
    rule = None if reader.quorum == _NONE else reader.rule(reader.quorum, named)
    return TlogPolicy(tuple(reader.logs), tuple(reader.witnesses.values()), _as_number(rule, named))


class _Reader:
    """The lines read so far; each name stands for a witness or a group."""

    def __init__(self) -> None:
        self.logs: list[str] = []
        self.witnesses: dict[str, str] = {}
        self.groups: dict[str, tuple[int, Sequence[str]]] = {}
        self.quorum: str | None = None
        self._keys: set[bytes] = set()
        self._members: set[str] = set()

    def read(self, words: Sequence[str]) -> bool:
        """Read a line; false for one that makes no sense."""
        match words:
            case ["log", vkey, *url] if len(url) <= 1:
                self.logs.append(vkey)
                return self._is_new_key(vkey, {SignatureType.ED25519})
            case ["witness", name, vkey, *url] if len(url) <= 1 and self._is_free(name):
                self.witnesses[name] = vkey
                # A witness of a type that is not read here just never counts.
                return self._is_new_key(vkey, set(range(256)) - {SignatureType.ED25519})
            case ["group", name, count, *members] if self._is_free(name):
                at_least = {"any": 1, "all": len(members)}.get(count)
                if at_least is None:
                    at_least = int(count) if _COUNT.fullmatch(count) else 0
                # threat 62: a group for each level could exhaust the stack.
                if len(self.groups) == MOST:
                    raise TooLarge.saying("more than {most} names and groups are required", most=MOST)
                self.groups[name] = at_least, members
                are_defined = all(self._is_defined(member) and member != name for member in members)
                # Each is a member once: else one liar would count twice (tlog-policy, groups).
                new = len(set(members)) == len(members) and not self._members & set(members)
                self._members |= set(members)
                return are_defined and new and 1 <= at_least <= len(members)
            case ["quorum", name] if self.quorum is None:
                self.quorum = name
                return name == _NONE or self._is_defined(name)
        return False

    def rule(self, name: str, named: Mapping[str, str]) -> Requirement:
        """The requirement that a name stands for."""
        if name in named:
            return Requirement(1, (named[name],))
        at_least, members = self.groups[name]
        return Requirement(
            at_least, tuple(named.get(member) or self.rule(member, named) for member in members)
        )

    def _is_free(self, name: str) -> bool:
        return name != _NONE and not self._is_defined(name)

    def _is_defined(self, name: str) -> bool:
        return name in self.witnesses or name in self.groups

    def _is_new_key(self, vkey: str, types: set[int]) -> bool:
        """False for a vkey of another type, and for a key that stood there before, under any name."""
        try:
            kind = signature_type(vkey)
            if kind in tuple(SignatureType):
                VerifierKey.parse(vkey)
        except Malformed:
            return False
        key = decode_base64(vkey.split("+", 2)[2], "The key of a log or witness")[1:]
        is_new = key not in self._keys
        self._keys.add(key)
        return is_new and kind in types


def _as_number(rule: Requirement | None, named: Mapping[str, str]) -> QuorumRule:
    """The rule; so many of all witnesses is a number, which more programs read."""
    if rule is None:
        return 0
    return rule.at_least if set(rule.of) == set(named.values()) else rule


def format_policy(log: TrustedLog) -> bytes:
    """A trusted log, with its witnesses and its quorum, as such a file; its clock and ledgers have no place.

    Of each operator that has several witnesses any one is enough. Raises `NOT_A_TLOG_POLICY` for a number
    that no lines can meet.
    """
    if log.by_operator.away < 0:
        raise NOT_A_TLOG_POLICY("so many witnesses as the quorum asks for are not there")
    return "".join(f"{line}\n" for line in _lines(log)).encode()


def _lines(log: TrustedLog) -> Iterator[str]:
    yield f"log {log.key}"
    names: dict[str, list[str]] = {}
    taken = {_NONE}
    for vkey, operator in log.operator_of.items():
        name, number = vkey_name(vkey), 2
        while name in taken:  # no name of a key has a plus
            name, number = f"{vkey_name(vkey)}+{number}", number + 1
        taken.add(name)
        names.setdefault(operator, []).append(name)
        yield f"witness {name} {vkey}"
    lines: list[str] = []

    def group(at_least: int, members: Sequence[str]) -> str:
        if len(members) == 1:
            return members[0]
        name = f"group+{len(lines) + 1}"
        lines.append(f"group {name} {at_least} {' '.join(members)}")
        return name

    def named(member: str | Requirement) -> str:
        if isinstance(member, str):
            return group(1, names[member])
        return group(member.at_least, [named(each) for each in member.of])

    rule = log.by_operator.rule
    if isinstance(rule, int):
        quorum = group(rule, [*map(named, log.by_operator.of)]) if rule else _NONE
    else:
        quorum = named(rule)
    yield from lines
    yield f"quorum {quorum}"
