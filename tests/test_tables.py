"""A test that tries a whole table fails if one case does and names it; what shares too little stays apart."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from tests import tables

Join = Callable[[Callable[..., None]], Sequence[pytest.Item]]


@pytest.fixture
def joined(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Join:
    """Collects a function as if it stood in this file, and joins its cases."""
    module = request.node.parent

    def join(function: Callable[..., None]) -> Sequence[pytest.Item]:
        monkeypatch.setattr(module.obj, function.__name__, function, raising=False)
        return tables.joined(module, list(module._genfunctions(function.__name__, function)))

    return join


def run(test: pytest.Item, **fixtures: object) -> None:
    assert isinstance(test, pytest.Function)
    test.obj(**fixtures)


@pytest.fixture(scope="module")
def limit() -> int:
    return 3


def test_each_case_is_tried_with_what_they_share(joined: Join) -> None:
    seen = []

    @pytest.mark.parametrize("number", [1, 2])
    @pytest.mark.parametrize(("left", "right"), [("a", "b"), ("c", "d")])
    def check(left: str, right: str, number: int, limit: int) -> None:
        seen.append(f"{left}{right}{number}{limit}")

    [test] = joined(check)
    assert isinstance(test, pytest.Function)
    assert test.name == "check"
    assert "limit" in test.fixturenames
    run(test, limit=7)
    assert seen == ["ab17", "ab27", "cd17", "cd27"]


@pytest.mark.parametrize("limit", [1, 3])
def test_each_that_fails_is_named_and_the_rest_is_tried(joined: Join, limit: int) -> None:
    seen = []

    @pytest.mark.parametrize("number", range(4))
    def check(number: int) -> None:
        seen.append(number)
        if number > limit:
            pytest.fail("too many")
        assert number != limit

    [test] = joined(check)
    with pytest.raises(BaseException) as raised:
        run(test)
    failures = getattr(raised.value, "exceptions", [raised.value])
    assert [failure.__notes__ for failure in failures] == [
        [f"in tests/test_tables.py::check[{number}]"] for number in range(limit, 4)
    ]
    assert seen == [0, 1, 2, 3]


def test_one_that_is_skipped_hides_no_failure(joined: Join) -> None:
    @pytest.mark.parametrize("number", range(3))
    def check(number: int, limit: int) -> None:
        if number:
            pytest.skip(f"no peer {number}")
        assert number < limit

    [test] = joined(check)
    with pytest.raises(pytest.skip.Exception, match="no peer 1; no peer 2"):
        run(test, limit=3)
    with pytest.raises(AssertionError):
        run(test, limit=0)


def test_cases_with_a_fixture_or_a_mark_of_their_own_stay_apart(joined: Join) -> None:
    numbers = pytest.mark.parametrize("number", [1, 2, pytest.param(3, marks=pytest.mark.slow)])

    @numbers
    def check(number: int) -> None: ...

    @numbers
    def check_in_a_folder(number: int, tmp_path: Path) -> None: ...

    @pytest.mark.parametrize("limit", [1, 2], indirect=True)
    def check_what_a_fixture_makes(limit: int) -> None: ...

    @numbers
    @pytest.mark.filterwarnings("error")
    def check_otherwise(number: int) -> None: ...

    assert [test.name for test in joined(check)] == ["check", "check[3]"]
    for apart, count in ((check_in_a_folder, 3), (check_what_a_fixture_makes, 2), (check_otherwise, 3)):
        assert len(joined(apart)) == count
