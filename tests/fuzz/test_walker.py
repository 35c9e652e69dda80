"""Random documents: our canonical form against pyld and pyoxigraph, every disagreement explained by name."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Set

import pytest

from tests.fuzz.documents import (
    NAMED,
    PROTECTED,
    REPEATED,
    TRAPS_OF_PYLD,
    TRAPS_OF_PYOXIGRAPH,
    Sample,
    sample,
)  # fmt: skip
from tests.fuzz.oracles import by_pyld, by_pyoxigraph
from vc.vcdm.jsonld import Contexts, canonicalize, secured, vendored

COUNTS = [pytest.param(300, marks=pytest.mark.slow), pytest.param(10_000, marks=pytest.mark.soak)]

pytestmark = pytest.mark.filterwarnings("ignore::SyntaxWarning")  # pyld's, about contexts


def why_not_pyld(sample: Sample, ours: str) -> Set[str]:
    """What explains that pyld says something else; nothing if it says the same."""
    theirs = by_pyld(sample.document)
    if theirs == ours:
        return set()
    repeated = len(theirs.split("\n")) != len(set(theirs.split("\n")))
    return {REPEATED} if repeated else sample.traps & TRAPS_OF_PYLD or {"unexplained"}


def why_not_pyoxigraph(sample: Sample, ours: str) -> Set[str]:
    try:
        theirs = by_pyoxigraph(sample.document)
    except SyntaxError as error:
        return {PROTECTED} if "Overriding the protected term" in str(error) else {f"unexplained: {error}"}
    if theirs == ours:
        return set()
    traps = sample.traps & TRAPS_OF_PYOXIGRAPH
    if traps == {NAMED} and without_labels(theirs) != without_labels(ours):
        return {"unexplained, not only the labels differ"}
    return traps or {"unexplained"}


def without_labels(text: str) -> list[str]:
    return sorted(re.sub(r"_:c14n\d+", "_:", text).split("\n"))


def compare(seeds: range, contexts: Contexts) -> Counter[str]:
    seen: Counter[str] = Counter()
    for seed in seeds:
        drawn = sample(seed, contexts)
        ours = canonicalize(drawn.document, contexts=contexts).decode()
        pyld, pyoxigraph = why_not_pyld(drawn, ours), why_not_pyoxigraph(drawn, ours)
        for reason in pyld | pyoxigraph:
            assert not reason.startswith("unexplained"), f"seed {seed}: {reason}"
        seen["pyld"] += not pyld
        seen["pyoxigraph"] += not pyoxigraph
        seen["both"] += not pyld and not pyoxigraph
        seen["one or both"] += not pyld or not pyoxigraph
    return seen


@pytest.mark.parametrize("count", COUNTS)
def test_hundreds_of_documents(count: int) -> None:
    seen = compare(range(1000, 1000 + count), vendored())
    assert seen["pyld"] > 0.91 * count
    assert seen["pyoxigraph"] > 0.73 * count
    assert seen["both"] > 0.7 * count
    assert seen["one or both"] > 0.96 * count


@pytest.mark.parametrize("count", COUNTS)
def test_hundreds_of_documents_as_they_are_signed(count: int) -> None:
    """With each property and type in its one spelling."""
    seen = compare(range(20_000, 20_000 + count), secured())
    assert seen["pyld"] > 0.9 * count
    assert seen["pyoxigraph"] > 0.78 * count
    assert seen["both"] > 0.73 * count
    assert seen["one or both"] > 0.95 * count
