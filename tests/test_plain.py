"""Prose and names are plain: `python -m tests.plain` prints what these limits count."""

from __future__ import annotations

import pytest

from tests import plain
from tests.sources import ROOT

RELATIVE = 0.5
"""Per cent of sentences that may begin with a relative."""
VAGUE = 0.5
"""Per cent of locals that may have a vague name. It may only fall."""
LONG = 1.5
"""Per cent of sentences that may have more than thirty words: a list of cases can need them."""
DECISION = 250
"""Words of a page in docs/adr, heading and date included."""
COMMENTS = 6
"""Comments to a hundred lines of code, at least."""
REASONS = 95
"""Per cent of the comparisons that bind which have their reason beside them, at least."""


@pytest.mark.parametrize(
    ("sentence", "counts"),
    [
        ("What is shown stays.", True),
        ("Whoever has the link can take it.", True),
        ("Whether it holds is open.", True),
        ("Where it stands does not matter.", True),
        ("Where two lists differ, the later one decides.", False),
        ("What is a bundle?", False),
        ("The verifier says what is missing.", False),
    ],
)
def test_a_sentence_that_begins_with_a_relative_is_told_from_others(sentence: str, counts: bool) -> None:
    assert plain.relative(sentence) is counts


def test_sentences_of_docstrings_begin_with_their_subject() -> None:
    assert plain.in_docstrings().percent <= RELATIVE


def test_sentences_of_pages_begin_with_their_subject() -> None:
    assert plain.in_pages().percent <= RELATIVE


def test_sentences_of_pages_are_short() -> None:
    assert plain.long_sentences().percent <= LONG


def test_a_decision_has_at_most_250_words() -> None:
    decisions = [*(ROOT / "docs" / "adr").glob("[0-9]*.md")]
    assert decisions
    assert not [page.name for page in decisions if len(page.read_text("utf-8").split()) > DECISION]


def test_a_key_that_counts_is_in_force() -> None:
    """One word for one thing: a reader would look for the difference between five."""
    assert plain.not_in_force() == []


def test_locals_are_named_for_what_they_hold() -> None:
    assert plain.vague_locals().percent <= VAGUE


def test_checks_have_their_reasons_beside_them() -> None:
    assert plain.comments().percent >= COMMENTS


@pytest.mark.slow
def test_comparisons_that_bind_have_their_reasons_beside_them() -> None:
    assert plain.reasons().percent >= REASONS
