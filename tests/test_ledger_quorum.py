"""Quorums of witnesses: what they stand is held against all cases, one by one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from datetime import UTC, datetime, timedelta
from itertools import chain, combinations, product

import pytest

from keys import PrivateKey
from ledger import Requirement, TrustedLog, TrustPolicy, VerifierKey
from ledger.evidence import attest
from ledger.note import Checkpoint, SignatureType
from ledger.problem import NotWitnessed
from ledger.quorum import QuorumRule, WitnessQuorum, implies, parse_rule
from tests.ledger_samples import NOW
from tests.witnessing import FORK, HONEST, LOG_KEY
from wire.problem import Malformed

PAIR = Requirement(1, ("a", "b"))
RULES: Sequence[QuorumRule] = (
    *range(6),
    Requirement(2, ("a", "b", "c")),
    Requirement(2, (PAIR, Requirement(1, ("c", "d")), "e")),
    Requirement(1, (Requirement(2, ("a", "b", "c")), Requirement.all(("d", "e")))),
    Requirement.all((Requirement(2, ("a", "b", "c")), Requirement(1, ("d", "e")))),
    Requirement(1, ("a",)),
)
NAMES = "abcde"


def subsets(names: Iterable[str]) -> Iterator[frozenset[str]]:
    known = sorted(names)
    return map(frozenset, chain.from_iterable(combinations(known, size) for size in range(len(known) + 1)))


def meets(quorum: WitnessQuorum, names: Iterable[str]) -> bool:
    return not quorum.rule or quorum.met_by(dict.fromkeys(names, NOW)) is not None


@pytest.mark.quick(every=4)
@pytest.mark.parametrize("rule", RULES, ids=str)
def test_what_it_stands_is_what_trying_all_sets_shows(rule: QuorumRule) -> None:
    quorum = WitnessQuorum(rule, tuple(NAMES))
    met = [names for names in subsets(NAMES) if meets(quorum, names)]
    unmet = {names for names in subsets(NAMES) if names not in met}
    assert quorum.overlap == min(len(one & other) for one, other in product(met, met))
    always = [
        size
        for size in range(6)
        if all(meets(quorum, set(NAMES) - set(away)) for away in combinations(NAMES, size))
    ]
    assert quorum.away == max(always)
    largest = {names for names in unmet if not any(names < other for other in unmet)}
    assert set(quorum.unmet()) == largest


def test_for_a_number_it_is_the_known_formula() -> None:
    for count in range(1, 8):
        for number in range(1, count + 1):
            quorum = WitnessQuorum(number, tuple("abcdefg"[:count]))
            assert quorum.overlap - 1 == max(2 * number - count, 0) - 1
            assert quorum.away == count - number


def test_one_quorum_is_stricter_than_another_where_all_sets_say_so() -> None:
    every = {name: name for name in NAMES}
    for one, other in product(RULES, RULES):
        first, second = WitnessQuorum(one, tuple(NAMES)), WitnessQuorum(other, tuple(NAMES))
        tried = all(meets(second, names) for names in subsets(NAMES) if meets(first, names))
        assert implies(first, every, second, every) == tried, (one, other)


def test_witnesses_that_only_one_of_two_lists_has() -> None:
    def number(rule: int, names: str) -> tuple[WitnessQuorum, Mapping[str, str]]:
        return WitnessQuorum(rule, tuple(names)), {name: name for name in names}

    assert implies(*number(3, "abcd"), *number(2, "abc"))
    assert not implies(*number(2, "abc"), *number(1, "a")), "b and c would do without a"
    assert not implies(*number(2, "cd"), *number(2, "ab"))
    assert implies(*number(1, "x"), *number(0, ""))
    assert not implies(*number(0, "a"), *number(1, "a"))


def test_operators_may_differ_between_two_lists() -> None:
    apart, together = {"a": "a", "b": "b", "c": "c"}, {"a": "x", "b": "x", "c": "c"}
    two, two_of_two = WitnessQuorum(2, ("a", "b", "c")), WitnessQuorum(2, ("x", "c"))
    assert implies(two_of_two, together, two, apart)
    assert not implies(two, apart, two_of_two, together), "a and b are one and the same there"


def test_too_many_sets_to_compare_are_no_proof() -> None:
    names = tuple(map(str, range(30)))
    every = {name: name for name in names}
    half = WitnessQuorum(15, names)
    assert not implies(half, every, half, every)


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        (Requirement.all((PAIR, Requirement(1, ("a", "c")))), "'a' stands in two groups"),
        (Requirement(1, ("f",)), "names 'f', which is no witness"),
        (Requirement.all(("a", Requirement(1, ("a", "b")))), "'a' stands in two groups"),
    ],
)
def test_what_makes_no_sense_is_refused(rule: QuorumRule, said: str) -> None:
    with pytest.raises(Malformed, match=said):
        WitnessQuorum(rule, tuple(NAMES))


def test_rules_as_people_write_them() -> None:
    assert (parse_rule("none"), parse_rule("0"), parse_rule("12")) == (0, 0, 12)
    assert parse_rule("2 of (a, 1 of (b, c))") == Requirement(2, ("a", Requirement(1, ("b", "c"))))
    assert parse_rule("witness.example") == Requirement(1, ("witness.example",))
    with pytest.raises(Malformed):
        parse_rule("2 of (a")


# Of a log

SECRETS = [PrivateKey.from_secret("Ed25519", bytes([number]) * 32) for number in range(41, 46)]
KEYS = [
    VerifierKey(f"w{number}.example", SignatureType.COSIGNATURE, secret.public_key)
    for number, secret in enumerate(SECRETS)
]


def policy(quorum: QuorumRule, operators: Mapping[int, str] | None = None) -> TrustPolicy:
    named = {str(KEYS[number]): operator for number, operator in (operators or {}).items()}
    log = TrustedLog.of(str(LOG_KEY), None, tuple(map(str, KEYS)), quorum, operators=named)
    return TrustPolicy((log,))


def signed(note: bytes, times: Mapping[int, datetime]) -> bytes:
    text = Checkpoint.parse(note).text
    return note + b"".join(KEYS[by].sign(SECRETS[by], text, time) for by, time in times.items())


def at(*witnesses: int) -> dict[int, datetime]:
    return {number: NOW + timedelta(minutes=number) for number in witnesses}


@pytest.mark.parametrize(("quorum", "versions"), [(3, 2), (4, 1)])
def test_a_log_in_two_versions_and_a_witness_that_signs_both(quorum: int, versions: int) -> None:
    """Of 3 of 5 a single liar makes two quorums; 4 of 5 stand that liar."""
    assert policy(quorum).logs[0].by_operator.overlap - 1 == 2 * quorum - 5 - 1
    shown = [(HONEST, {0, 1, 2}), (FORK, {2, 3, 4})]
    if quorum == 4:  # all that one liar can add: each honest witness signs the version that came first
        shown = [(HONEST, {0, 1, 2, 3}), (FORK, {3, 4})]
    found: list[Set[int]] = []
    for branch, by in shown:
        try:
            attest(signed(branch.note(5), at(*by)), policy(quorum))
        except NotWitnessed:
            continue
        found.append(by)
    assert len(found) == versions


def test_lines_of_one_operator_count_once() -> None:
    note = HONEST.note(5)
    together = policy(2, {0: "somebody", 1: "somebody"})
    with pytest.raises(NotWitnessed, match="signed by 1 witness, not by 2"):
        attest(signed(note, at(0, 1)), together)
    found = attest(signed(note, at(1, 0, 3)), together)
    assert (found.witnesses, found.time) == (2, NOW + timedelta(minutes=3))
    assert found.quorum is not None
    assert len(found.quorum.of) == 4
    assert attest(signed(note, at(0, 1)), policy(2)).witnesses == 2
    with pytest.raises(Malformed, match="has 4 witnesses, not 5"):
        policy(5, {0: "somebody", 1: "somebody"})


def test_groups_name_witnesses_and_the_time_is_that_of_the_last_line_that_is_needed() -> None:
    one_each = Requirement.all((Requirement(1, ("w0.example", "w1.example")), "w3.example"))
    found = attest(signed(HONEST.note(5), at(0, 1, 2, 3, 4)), policy(one_each))
    assert (found.clock, found.witnesses, found.time) == ("witness", 5, NOW + timedelta(minutes=3))
    early = {**at(0, 1), 3: NOW - timedelta(days=1)}
    assert attest(signed(HONEST.note(5), early), policy(one_each)).time == NOW
    with pytest.raises(NotWitnessed, match=r"3 witnesses, not by 2 of \(1 of \(w0"):
        attest(signed(HONEST.note(5), at(0, 1, 2)), policy(one_each))
    with pytest.raises(NotWitnessed):
        attest(signed(HONEST.note(5), {0: NOW, 3: datetime.fromtimestamp(0, UTC)}), policy(one_each))


def test_groups_and_operators() -> None:
    both = Requirement.all(("w0.example", "w1.example"))
    with pytest.raises(Malformed, match="2 of 1 different names"):
        policy(both, {0: "somebody", 1: "somebody"})
    apart = Requirement.all((Requirement(1, ("w0.example", "w2.example")), Requirement(1, ("w1.example",))))
    with pytest.raises(Malformed, match="'somebody' stands in two groups"):
        policy(apart, {0: "somebody", 1: "somebody"})
    unknown = Requirement(1, ("other.example",))
    with pytest.raises(Malformed, match=r"names 'other\.example'"):
        policy(unknown)


def test_two_keys_of_one_name_are_one_witness() -> None:
    same_name = [str(VerifierKey("w.example", key.type, key.public_key)) for key in KEYS[:2]]
    log = TrustedLog.of(str(LOG_KEY), None, same_name, 2)  # no mistake: earlier versions counted them twice
    assert (log.by_operator.of, log.by_operator.away) == (("w.example",), -1)
    assert log.is_stricter_than(TrustedLog.of(str(LOG_KEY), None, same_name, 1)), "it is never met"
    assert not TrustedLog.of(str(LOG_KEY), None, same_name, 1).is_stricter_than(log)
    with pytest.raises(Malformed, match="has 2 witnesses, not 3"):
        TrustedLog.of(str(LOG_KEY), None, same_name, 3)
    one_of = Requirement(1, ("w.example",))
    assert TrustedLog.of(str(LOG_KEY), None, same_name, one_of).by_operator.of == ("w.example",)
    with pytest.raises(Malformed, match=r"two witnesses have the name 'w\.example'"):
        TrustedLog.of(str(LOG_KEY), None, same_name, one_of, operators={same_name[0]: "x"})


def test_a_stricter_log() -> None:
    two, three = policy(2).logs[0], policy(3).logs[0]
    assert three.is_stricter_than(two)
    assert not two.is_stricter_than(three)
    assert not two.is_stricter_than(two)
    assert two.is_stricter_than(TrustedLog.of(str(LOG_KEY)))
