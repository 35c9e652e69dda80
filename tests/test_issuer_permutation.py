"""Positions in status lists."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from issuer.press.permutation import LIST_ENTRIES, Permutation, Positions

FIRST, SECOND = Permutation(b"1" * 32), Permutation(b"2" * 32)


@pytest.mark.quick("permutation1")
@pytest.mark.parametrize("permutation", [FIRST, SECOND])
def test_every_position_is_taken_once(permutation: Permutation) -> None:
    assert sorted(map(permutation.position, range(LIST_ENTRIES))) == list(range(LIST_ENTRIES))


@given(st.integers(0, LIST_ENTRIES - 1))
def test_the_inverse_leads_back(entry: int) -> None:
    assert FIRST.entry(FIRST.position(entry)) == entry


def test_the_order_of_issue_does_not_show() -> None:
    positions = [FIRST.position(entry) for entry in range(10_000)]
    ascending = sum(later > earlier for earlier, later in itertools.pairwise(positions))
    assert 4800 < ascending < 5200
    occupied = [0] * 16
    for position in positions:
        occupied[position * 16 // LIST_ENTRIES] += 1
    assert min(occupied) > 500


def test_each_key_gives_another_order() -> None:
    same = sum(FIRST.position(entry) == SECOND.position(entry) for entry in range(10_000))
    assert same < 5


def test_the_order_stays_what_it_is() -> None:
    # Positions are computed, never stored: another order would point at other people's entries.
    assert [FIRST.position(entry) for entry in (0, 1, 2, 131_071)] == [56_693, 70_555, 53_718, 3_433]


@given(st.integers(0, (1 << 40) - 1))
def test_a_sequence_number_is_found_again_by_list_and_position(seq: int) -> None:
    positions = Positions(lambda number: number.to_bytes(32))
    number, position = positions.locate(seq)
    assert number == seq // LIST_ENTRIES
    assert positions.seq(number, position) == seq


def test_lists_beyond_the_cache_are_made_anew() -> None:
    positions = Positions(lambda number: number.to_bytes(32))
    before = positions.locate(5)
    for number in range(70):
        positions.locate(number * LIST_ENTRIES)
    assert positions.locate(5) == before
