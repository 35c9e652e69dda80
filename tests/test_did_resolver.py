"""`Resolver`: which method is asked, what is remembered and how long, and threads that ask at once."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from did import (
    DID,
    DID_NOT_FOUND,
    METHODS,
    Document,
    DocumentSource,
    InvalidDID,
    Method,
    MethodNotSupported,
    ResolutionFailed,
    Resolver,
)
from tests.problems import raises
from wire.fetch import Fetcher, NoFetcher
from wire.problem import Problem, Raisable, Unavailable


class Registry:
    """A DID method of the test: counts the questions and answers as it is told."""

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()
        self.answer: Callable[[str], Document] = lambda did: Document.parse({"id": did}, did)

    def __call__(self, did: DID, fetcher: Fetcher) -> Document:
        self.asked[str(did)] += 1
        return self.answer(str(did))


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def registry() -> Registry:
    return Registry()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def resolver(registry: Registry, clock: Clock) -> Resolver:
    return Resolver({"test": Method(registry)}, NoFetcher(), clock=clock, capacity=3 * 600)


def failing(problem: Problem) -> Callable[[str], Document]:
    def fail(did: str) -> Document:
        raise problem

    return fail


def test_a_document_is_remembered_for_five_minutes(
    resolver: Resolver, registry: Registry, clock: Clock
) -> None:
    document = resolver.resolve("did:test:a")
    clock.now += 299.9
    assert resolver.resolve("did:test:a") is document
    clock.now += 0.1
    assert resolver.resolve("did:test:a") is not document
    assert registry.asked == {"did:test:a": 2}


@pytest.mark.parametrize("kind", [DID_NOT_FOUND, ResolutionFailed, Unavailable])
def test_a_failure_is_remembered_for_half_a_minute_as_what_it_was(
    kind: Raisable[Problem], resolver: Resolver, registry: Registry, clock: Clock
) -> None:
    registry.answer = failing(kind("no document", hint="look elsewhere"))
    for _ in range(3):
        with raises(kind) as caught:
            resolver.resolve("did:test:a")
        assert caught.value.code == kind.code
        assert (caught.value.detail, caught.value.hint) == ("no document", "look elsewhere")
    assert registry.asked["did:test:a"] == 1
    clock.now += 29.9
    with raises(kind):
        resolver.resolve("did:test:a")
    registry.answer = Registry().answer
    clock.now += 0.1
    assert resolver.resolve("did:test:a").document.id == "did:test:a"
    assert registry.asked["did:test:a"] == 2


def test_remembered_failures_gather_no_traceback(resolver: Resolver, registry: Registry) -> None:
    registry.answer = failing(Unavailable("host down"))

    def depth() -> int:
        with pytest.raises(Unavailable) as caught:
            resolver.resolve("did:test:a")
        return len(caught.traceback)

    depth()
    assert depth() == depth() == depth()


def test_other_problems_and_bugs_are_not_remembered(resolver: Resolver, registry: Registry) -> None:
    for bug in (TypeError("a bug"), Problem("of another kind")):
        registry.answer = failing(bug)  # type: ignore[arg-type]
        with pytest.raises(type(bug)):
            resolver.resolve("did:test:a")
    registry.answer = Registry().answer
    assert resolver.resolve("did:test:a").document.id == "did:test:a"


def test_what_is_remembered_is_counted_in_bytes(resolver: Resolver, registry: Registry) -> None:
    """A host decides how long its document is: a few hundred of the longest would fill the memory."""
    resolver.resolve("did:test:a")
    registry.answer = lambda did: Document.parse({"id": did, "x": "y" * 600, "n": 10**30}, did)
    resolver.resolve("did:test:long")
    resolver.resolve("did:test:a")
    resolver.resolve("did:test:longer")
    resolver.resolve("did:test:a")
    resolver.resolve("did:test:long")
    assert registry.asked == {"did:test:a": 1, "did:test:long": 2, "did:test:longer": 1}


def test_the_longest_unused_is_forgotten_first(resolver: Resolver, registry: Registry) -> None:
    for name in "abca" + "d" + "acd" + "b":  # "d" drives out "b", as "a" was used again
        resolver.resolve(f"did:test:{name}")
    assert registry.asked == {"did:test:a": 1, "did:test:b": 2, "did:test:c": 1, "did:test:d": 1}


def test_a_flood_of_dids_fills_no_memory(resolver: Resolver) -> None:
    for number in range(1000):
        resolver.resolve(f"did:test:{number}")
    assert len(resolver._outcomes._kept) == 3
    assert resolver._outcomes._under_way == {}


class Few(Resolver):
    MOST_UNCHANGING = 3


def test_of_dids_that_never_change_the_last_are_remembered(registry: Registry, clock: Clock) -> None:
    resolver = Few({"test": Method(registry, self_certifying=True)}, NoFetcher(), clock=clock)
    for name in "abca" + "d" + "acd" + "b":  # "d" drives out "b", as "a" was used again
        resolver.resolve(f"did:test:{name}")
    assert registry.asked == {"did:test:a": 1, "did:test:b": 2, "did:test:c": 1, "did:test:d": 1}
    clock.now += 1e9
    resolver.resolve("did:test:b")
    assert registry.asked["did:test:b"] == 2
    registry.answer = failing(InvalidDID("no key"))
    for _ in range(2):
        with raises(InvalidDID, match="no key"):
            resolver.resolve("did:test:bad")
    assert registry.asked["did:test:bad"] == 2


def test_threads_that_ask_at_once_share_one_question(resolver: Resolver, registry: Registry) -> None:
    started, may_answer = threading.Event(), threading.Event()

    def answer(did: str) -> Document:
        started.set()
        assert may_answer.wait(10)
        return Document.parse({"id": did}, did)

    registry.answer = answer
    with ThreadPoolExecutor(8) as threads:
        first = threads.submit(resolver.resolve, "did:test:a")
        assert started.wait(10)
        others = [threads.submit(resolver.resolve, "did:test:a") for _ in range(6)]
        registry.answer = Registry().answer
        other_did = threads.submit(resolver.resolve, "did:test:b")
        assert other_did.result(10).document.id == "did:test:b"  # which waits for nobody
        may_answer.set()
        documents = {id(future.result(10)) for future in [first, *others]}
    assert len(documents) == 1
    assert registry.asked == {"did:test:a": 1, "did:test:b": 1}


def test_threads_that_wait_get_the_failure_too(resolver: Resolver, registry: Registry) -> None:
    barrier = threading.Barrier(4)

    def ask() -> str:
        barrier.wait(10)
        with pytest.raises(Unavailable) as caught:
            resolver.resolve("did:test:a")
        return caught.value.detail

    registry.answer = failing(Unavailable("host down"))
    with ThreadPoolExecutor(4) as threads:
        assert {future.result(10) for future in [threads.submit(ask) for _ in range(4)]} == {"host down"}
    assert registry.asked["did:test:a"] == 1


def test_a_crash_of_the_asking_thread_leaves_nobody_waiting(resolver: Resolver, registry: Registry) -> None:
    started, may_crash = threading.Event(), threading.Event()

    def crash(did: str) -> Document:
        started.set()
        assert may_crash.wait(10)
        registry.answer = Registry().answer
        raise MemoryError

    registry.answer = crash
    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(resolver.resolve, "did:test:a")
        assert started.wait(10)
        second = threads.submit(resolver.resolve, "did:test:a")
        may_crash.set()
        with pytest.raises(MemoryError):
            first.result(10)
        assert second.result(10).document.id == "did:test:a"


@pytest.mark.parametrize(
    "did", ["", "test", "did:test:", "did:test:a#key-1", "did:test:a?x=1", "did:test:a/b"]
)
def test_what_is_no_did_reaches_no_method(did: str, resolver: Resolver, registry: Registry) -> None:
    with pytest.raises(InvalidDID):
        resolver.resolve(did)
    assert not registry.asked


def test_a_method_that_is_not_in_use_leaves_the_question_open(resolver: Resolver) -> None:
    with pytest.raises(MethodNotSupported, match="'key'") as caught:
        resolver.resolve("did:key:z6MkiTBz1ymuepAQ4HEHYSF1H8quG5GLVVQR3djdX3mDooWp")
    assert caught.value.type == "https://www.w3.org/ns/did#METHOD_NOT_SUPPORTED"
    assert caught.value.undetermined
    assert "test" in str(caught.value.facts["methods"])


def test_methods_are_those_handed_in_and_no_others(registry: Registry) -> None:
    source: DocumentSource = Resolver({**METHODS, "test": Method(registry)}, NoFetcher())
    assert source.resolve("did:test:a").document.id == "did:test:a"
    assert "test" not in METHODS
    with pytest.raises(TypeError):
        METHODS["test"] = Method(registry)  # type: ignore[index]
