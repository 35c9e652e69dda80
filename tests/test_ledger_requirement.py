"""Which ledgers have to have a checkpoint: so many of several, and by when they do."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger import Requirement
from ledger.requirement import MOST
from wire import Malformed, TooLarge

A, B, C = "eip155:1", "eip155:10", "bitcoin:000000000019d6689c085ae165831e93"
DAYS = [datetime(2026, 7, day, tzinfo=UTC) for day in range(1, 31)]
BOTH_OR_C = Requirement(1, (Requirement.all((A, B)), C))


def test_the_time_is_that_of_the_last_one_that_is_needed() -> None:
    """Of two that are needed, one may be lying."""
    seen = {C: DAYS[0], A: DAYS[1], B: DAYS[2]}
    for at_least, time in ((1, DAYS[0]), (2, DAYS[1]), (3, DAYS[2])):
        assert Requirement(at_least, (A, B, C)).met_by(seen) == time
    assert Requirement(2, (A, B)).met_by({A: DAYS[1], C: DAYS[0]}) is None


def test_groups_in_groups() -> None:
    assert BOTH_OR_C.names == {A, B, C}
    assert BOTH_OR_C.met_by({A: DAYS[3], B: DAYS[4]}) == DAYS[4]
    assert BOTH_OR_C.met_by({A: DAYS[3], B: DAYS[4], C: DAYS[1]}) == DAYS[1]
    assert BOTH_OR_C.met_by({A: DAYS[3]}) is None
    assert BOTH_OR_C.missing({A: DAYS[3]}) == (B, C)
    assert Requirement.all((BOTH_OR_C, A)).missing({C: DAYS[0]}) == (A,)
    assert BOTH_OR_C.missing({C: DAYS[0]}) == ()
    assert Requirement.all((Requirement(1, (A, B)), Requirement(1, (A, C)))).missing({}) == (A, B, C)


def test_it_can_be_read_aloud() -> None:
    assert str(Requirement(1, (A,))) == A
    assert str(BOTH_OR_C) == f"1 of (2 of ({A}, {B}), {C})"
    assert str(Requirement.all((BOTH_OR_C,))) == f"1 of ({BOTH_OR_C})"


def test_it_has_one_form_in_json() -> None:
    assert BOTH_OR_C.to_json() == {"anyOf": [{"allOf": [A, B]}, C]}
    assert Requirement(2, (A, B, C)).to_json() == {"atLeast": 2, "of": [A, B, C]}


@pytest.mark.parametrize(("at_least", "of"), [(0, (A,)), (2, (A,)), (1, ()), (1, (A, A)), (2, (A, A))])
def test_what_cannot_be_met_is_no_requirement(at_least: int, of: tuple[str, ...]) -> None:
    with pytest.raises(Malformed, match=f"{at_least} of {len(set(of))} different names"):
        Requirement(at_least, of)


def test_there_may_be_only_so_many() -> None:
    Requirement(1, tuple(map(str, range(MOST))))
    with pytest.raises(TooLarge):
        Requirement(1, tuple(map(str, range(MOST + 1))))
    deep = Requirement(1, (A,))
    for _ in range(MOST - 1):
        deep = Requirement(1, (deep,))
    with pytest.raises(TooLarge):
        Requirement(1, (deep,))


_requirements = st.recursive(
    st.sampled_from((A, B, C)),
    lambda inner: st.lists(inner, min_size=1, max_size=3, unique=True).flatmap(
        lambda of: st.integers(1, len(of)).map(lambda count: Requirement(count, tuple(of)))
    ),
    max_leaves=6,
).filter(lambda one: isinstance(one, Requirement))


@given(_requirements, st.dictionaries(st.sampled_from((A, B, C)), st.sampled_from(DAYS)))
def test_one_ledger_more_never_makes_it_later_or_unmet(
    required: Requirement, seen: dict[str, datetime]
) -> None:
    time = required.met_by(seen)
    assert (time is None) == bool(required.missing(seen))
    for name in seen:
        fewer = {other: seen[other] for other in seen if other != name}
        without = required.met_by(fewer)
        assert without is None or (time is not None and time <= without)
    if time is None:
        named = {**seen, **dict.fromkeys(required.missing(seen), DAYS[-1])}
        assert required.met_by(named) is not None


@pytest.mark.parametrize("requirement", [Requirement(1, (A,)), BOTH_OR_C, Requirement.all((A, BOTH_OR_C))])
def test_what_is_read_aloud_can_be_typed(requirement: Requirement) -> None:
    assert Requirement.parse(str(requirement)) == requirement
    assert Requirement.parse(f" {requirement} ".replace(", ", " ,  ")) == requirement


def test_all_and_any_need_no_number() -> None:
    assert Requirement.parse(f"any of (all of ({A}, {B}), {C})") == BOTH_OR_C


@pytest.mark.quick(every=2)
@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "(", f"1 of {A}", f"1 of ({A}", f"1 of ({A},)", f"1 of ({A},,{B})", "1 of ()"),
        *(f"{A} {B}", f"{A}, {B}", f"some of ({A})", f"1 of ({A}) {B}", f"0 of ({A})", f"-1 of ({A})"),
        *(f"1 of ({A}, 2 of ({B}))", f"2 of ({A})", f"1 of ({A}))", f"1 of (({A}))", f"1000 of ({A})"),
        f"{A})",
    ],
)
def test_what_is_typed_and_no_rule_is_refused(text: str) -> None:
    with pytest.raises(Malformed):
        Requirement.parse(text)


@pytest.mark.parametrize("levels", [MOST + 1, 20_000])
def test_groups_are_not_read_deeper_than_they_may_be(levels: int) -> None:
    with pytest.raises(TooLarge, match="more than 64"):
        Requirement.parse("1 of (" * levels + A + ")" * levels)
