"""Workers, whatever they are: order, bounds, problems as data, and a death that nobody waits for."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager

import orjson
import pytest

from issuer.engine.answer import MOST_BYTES, answered, result_of
from issuer.engine.workers import LocalProcesses, Workers
from tests import clusters
from tests.problems import raises
from wire.problem import DISK_FULL, Damaged, Malformed, Problem, Refused, TooLarge
from wire.workers import WORKER_DIED

HERE = "tests.contract.test_workers"
MOST_AHEAD = 64
"""The most items that any workers may take ahead of what was taken from them."""

WORKERS: Mapping[str, Callable[[], AbstractContextManager[Workers]]] = {
    "one process": lambda: LocalProcesses(1),
    "three processes": lambda: LocalProcesses(3),
    "a cluster": lambda: _cluster(),
}
"""Each kind of workers by what they are, made anew for a test."""
MARKS = {"a cluster": (clusters.needed, pytest.mark.slow), "one process": (pytest.mark.slow,)}


def _cluster() -> AbstractContextManager[Workers]:
    from issuer.engine.dask import Cluster

    nodes = clusters.shared()
    return Cluster(nodes.address, nodes.tls)


@pytest.fixture(params=[pytest.param(name, marks=MARKS.get(name, ())) for name in sorted(WORKERS)])
def workers(request: pytest.FixtureRequest) -> Iterator[Workers]:
    with WORKERS[request.param]() as made:
        yield made


def doubled(item: bytes) -> bytes:
    return item * 2


def refusing(item: bytes) -> bytes:
    if item == b"13":
        raise REFUSED.saying("not {number}", hint="take twelve", number=13)
    if item == b"14":
        raise OSError(28, "No space left on device")
    return item


def dying(item: bytes) -> bytes:
    if item == b"15":
        os.kill(os.getpid(), signal.SIGKILL)
    return item


def too_much(item: bytes) -> bytes:
    return item * (MOST_BYTES + 1)


class _Finer(Refused):
    """A class that the other side does not look for."""

    code = "finer-than-that"


REFUSED = _Finer


@pytest.mark.slow
def test_results_come_in_the_order_of_the_items(workers: Workers) -> None:
    for count in (0, 1, 200):
        items = [b"%d" % number for number in range(count)]
        assert [*workers.map(f"{HERE}:doubled", items)] == [item * 2 for item in items]


@pytest.mark.slow
def test_items_are_taken_only_a_bounded_number_ahead(workers: Workers) -> None:
    handed_out = 0

    def endless() -> Iterator[bytes]:
        nonlocal handed_out
        while True:
            handed_out += 1
            yield b"x"

    results = workers.map(f"{HERE}:doubled", endless())
    for taken in range(1, 100):
        next(results)
        assert handed_out <= taken + MOST_AHEAD


def test_a_problem_crosses_as_data(workers: Workers) -> None:
    with raises(Refused) as caught:
        list(workers.map(f"{HERE}:refusing", [b"1", b"13", b"2"]))
    problem = caught.value
    assert type(problem) is Refused  # the nearest class that decides about anything
    assert (problem.code, problem.detail, problem.hint) == ("finer-than-that", "not 13", "take twelve")
    assert problem.facts == {"number": 13}


@pytest.mark.slow
def test_a_full_disk_crosses_as_one(workers: Workers) -> None:
    with raises(DISK_FULL):
        list(workers.map(f"{HERE}:refusing", [b"1", b"14"]))


def test_a_result_that_is_too_large_is_refused(workers: Workers) -> None:
    with raises(TooLarge):
        list(workers.map(f"{HERE}:too_much", [b"x"]))


@pytest.mark.slow
def test_nobody_waits_for_a_dead_worker(workers: Workers) -> None:
    with raises(WORKER_DIED):
        list(workers.map(f"{HERE}:dying", [b"%d" % number for number in range(30)]))


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"\2",
        b"\1",
        b"\1[]",
        b"\1{}",
        b'\1{"code":"UPPER"}',
        b'\1{"code":"a","facts":[]}',
        b'\1{"code":"a","code":"b"}',
        b"\1" + orjson.dumps({"code": "x" * 600}),
    ],
)
def test_an_answer_that_is_none_is_refused(answer: bytes) -> None:
    with raises(Malformed):
        result_of(answer)


def test_the_words_of_a_worker_are_shown_and_never_used() -> None:
    hostile = {"code": "a-b", "kind": "damaged", "detail": "\x1b[2J{title.__class__}" + "x" * 9999}
    with raises(Damaged) as caught:
        result_of(b"\1" + orjson.dumps({**hostile, "title": "t", "facts": {"a": {"b": 1}}}))
    problem = caught.value
    assert "\x1b" not in problem.detail
    assert len(problem.detail) < 600
    assert problem.facts == {"a": "{'b': 1}"}
    assert problem.template == problem.detail  # so that it is no key of a translation, with facts to fill in
    with raises(Problem):
        result_of(b"\1" + orjson.dumps({"code": "of-another-release", "kind": "of-another-release"}))


def test_only_a_callable_of_a_module_is_called() -> None:
    for name in ("os.path", "os:path.join", "os:", ":x", "OS:x", "os :x"):
        with pytest.raises(AssertionError):
            answered(name, b"")
