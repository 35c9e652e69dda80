"""Parametrized tests in the quick loop: cases that share all their fixtures are tried by one test.

Thousands of cases take a millisecond each, and pytest takes three more: to collect them in each worker, to
set them up and to report them. `make test` tries each by itself.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from _pytest.outcomes import Failed, Skipped
from hypothesis import is_hypothesis_test


def joined(collector: pytest.Collector, tests: Sequence[pytest.Item]) -> Sequence[pytest.Item]:
    """The tests of one function, of which those that share all their fixtures became one."""
    cases = [test for test in tests if isinstance(test, pytest.Function) and _shares_all(test)]
    if len(cases) < 2:
        return tests
    name = cases[0].originalname
    table = pytest.Function.from_parent(collector, name=name, callobj=_in_turn(cases))
    return [table, *(test for test in tests if test not in cases)]


def _shares_all(test: pytest.Function) -> bool:
    """True if nothing but the values of `parametrize` is made for this case alone."""
    marks = test.own_markers
    if any(mark.name != "parametrize" or mark.kwargs.get("indirect") for mark in marks):
        return False
    values = set(test.callspec.params) if hasattr(test, "callspec") else set()
    named = {name.strip() for mark in marks for name in _names(mark)}
    if not values or values != named or is_hypothesis_test(test.obj):
        return False
    fixtures = test._fixtureinfo.name2fixturedefs
    others = {*test.fixturenames} - values
    return "request" not in _arguments(test) and all(
        definition.scope != "function" for name in others for definition in fixtures.get(name, ())
    )


def _names(mark: pytest.Mark) -> Sequence[str]:
    names = mark.args[0] if mark.args else mark.kwargs["argnames"]
    return names.split(",") if isinstance(names, str) else names


def _arguments(test: pytest.Function) -> Sequence[str]:
    return [*inspect.signature(test.obj).parameters]


def _in_turn(tests: Sequence[pytest.Function]) -> Callable[..., None]:
    """A test that tries all, and fails with what each failure of theirs said."""
    first = tests[0]
    shared = [name for name in _arguments(first) if name not in first.callspec.params]

    def table(**fixtures: Any) -> None:
        failures, reasons = list[BaseException](), list[str]()
        for test in tests:
            try:
                test.obj(**fixtures, **test.callspec.params)
            except Skipped as reason:
                reasons.append(str(reason))
            except (Exception, Failed) as failure:  # noqa: BLE001, raised below
                failure.add_note(f"in {test.nodeid}")
                failures.append(failure)
        if len(failures) == 1:
            raise failures[0]
        if failures:
            raise BaseExceptionGroup(f"{len(failures)} of {len(tests)} cases", failures)
        if reasons:
            pytest.skip("; ".join(dict.fromkeys(reasons)))

    parameters = [inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY) for name in shared]
    if first.cls and not isinstance(inspect.getattr_static(first.cls, first.originalname), staticmethod):
        parameters.insert(0, inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD))
    table.__wrapped__ = first.function  # type: ignore[attr-defined]  # where tracebacks begin
    table.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return table
