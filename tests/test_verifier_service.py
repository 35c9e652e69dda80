"""The verifier's service under load: what is large, what hangs and what dies keeps nobody else waiting."""

from __future__ import annotations

import asyncio
import functools
import json
import os
import select
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from did import METHODS, Resolver
from tests.held import worker
from tests.serving import listening, serving
from tests.test_verifier_limits import credential, signed
from tests.world import NOW, Holder, University, verifier
from vc import Bundle
from verifier import RecognisedIssuer, Trust, Verifier
from verifier.answering import INLINE_BYTES
from verifier.http import create_app
from verifier.judge import Judge, Judged, Question, Verifiers
from verifier.processes import Processes
from wire import TryLater
from wire.fetch import HttpsFetcher
from wire.work import BODY_STEPS

UNIVERSITY = University()
PATIENCE = 20.0


# Processes


@contextmanager
def holding(processes: Processes[str, int], folder: Path) -> Iterator[list[int | TryLater]]:
    """While a worker is at work on something; then the list has its answer."""
    answers: list[int | TryLater] = []

    def ask() -> None:
        try:
            answers.append(asyncio.run(processes("hold")))
        except TryLater as problem:
            answers.append(problem)

    thread = threading.Thread(target=ask)
    thread.start()
    end = time.monotonic() + PATIENCE
    while not any(file.name.isdigit() for file in folder.iterdir()):
        assert time.monotonic() < end
        time.sleep(0.01)
    try:
        yield answers
    finally:
        (folder / "go").touch()
        thread.join()


@pytest.mark.slow
def test_a_process_that_is_killed_is_one_request_and_not_the_service(tmp_path: Path) -> None:
    with Processes(functools.partial(worker, tmp_path), 1) as processes:
        pid = asyncio.run(processes("who"))
        os.kill(pid, signal.SIGINT)  # by a key, which all that belongs to the terminal hears
        with holding(processes, tmp_path) as answers:
            os.kill(pid, signal.SIGKILL)
            end = time.monotonic() + PATIENCE  # less than that of the service
            while not answers:
                assert time.monotonic() < end
                time.sleep(0.01)
            assert isinstance(answers[0], TryLater)
        other = asyncio.run(processes("who"))
        assert other not in (pid, os.getpid())
        kill_idle(other)
        assert asyncio.run(processes("who")) not in (other, os.getpid()), "nobody's request"
        with pytest.raises(TryLater):
            asyncio.run(processes("end"))


def kill_idle(pid: int) -> None:
    """And waits until it is gone, which its parent has not asked about."""
    watched = os.pidfd_open(pid)
    os.kill(pid, signal.SIGKILL)
    assert select.select([watched], [], [], PATIENCE)[0]
    os.close(watched)


@pytest.mark.slow
def test_a_process_that_was_never_asked_ends_without_a_word(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with Processes(functools.partial(worker, tmp_path), 1) as processes:
        (waiting,) = processes._workers
        assert waiting._pipe.poll(PATIENCE)
    assert capfd.readouterr().err == ""
    assert waiting._process.exitcode is not None
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("judging")]


@pytest.mark.slow
def test_a_process_that_wants_too_much_memory_ends(tmp_path: Path) -> None:
    with Processes(functools.partial(worker, tmp_path), 1) as processes:
        with pytest.raises(TryLater):
            asyncio.run(processes("grow"))
        assert asyncio.run(processes("who"))


@pytest.mark.slow
def test_a_process_that_does_not_answer_is_not_waited_for(tmp_path: Path) -> None:
    with Processes(functools.partial(worker, tmp_path), 1, patience=1.0) as processes:
        assert asyncio.run(processes("who"))
        with pytest.raises(TryLater, match="took too long"):
            asyncio.run(processes("hold"))
        assert asyncio.run(processes("who"))


@pytest.mark.slow
def test_beyond_those_that_may_wait_the_answer_comes_at_once(tmp_path: Path) -> None:
    with Processes(functools.partial(worker, tmp_path), 1, waiting=0) as processes:
        with holding(processes, tmp_path) as answers:
            with pytest.raises(TryLater, match="too much"):
                asyncio.run(processes("who"))
            assert not answers
        assert asyncio.run(processes("who")) == answers[0]


# Large bodies over HTTP


class Told:
    """Judges in a process as `Judge` does; a body that says so ends it."""

    def __init__(self, trust: bytes) -> None:
        known = verifier(Trust.parse(trust))
        self._judge = Judge(lambda: Verifiers(known, known))

    def __call__(self, question: Question) -> Judged:
        if question.body.endswith(b"end"):
            os.kill(os.getpid(), signal.SIGKILL)
        found = self._judge(question)
        return found._replace(content=b'{"by":%d,%b' % (os.getpid(), found.content[1:]))


def post(address: str, content: bytes) -> httpx.Response:
    return httpx.post(address, content=content, timeout=60)


@contextmanager
def service(judges: Verifiers, **options: Any) -> Iterator[str]:
    app = create_app(lambda: judges, clock=lambda: NOW, **options)
    with listening() as listener, serving(app, listener):
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/verify"


def padded(bundle: Bundle, size: int) -> bytes:
    return bundle.to_bytes().rstrip() + b" " * size


@pytest.mark.slow
def test_what_is_large_is_verified_in_another_process() -> None:
    bundle, known = UNIVERSITY.issue(index=1), verifier(UNIVERSITY.trust)
    costly = {**signed(credential({"p": 1})), "credentialSubject": {"p": [{"q": n} for n in range(4_000)]}}
    assert len(json.dumps(costly)) < INLINE_BYTES
    with (
        Processes(functools.partial(Told, UNIVERSITY.trust.to_bytes()), 1) as processes,
        service(Verifiers(known, known), processes=processes) as address,
    ):
        small = post(address, bundle.to_bytes())
        assert (small.status_code, "by" in small.json()) == (200, False)
        pids = set[int]()
        for content, status in ((padded(bundle, INLINE_BYTES), 200), (json.dumps(costly).encode(), 400)):
            found = post(address, content)
            assert found.status_code == status
            pids.add(found.json()["by"])
        assert len(pids - {os.getpid()}) == 1
        ended = post(address, padded(bundle, INLINE_BYTES) + b"end")
        assert (ended.status_code, ended.headers["Content-Type"]) == (503, "application/problem+json")
        assert ended.headers["Retry-After"]
        assert post(address, padded(bundle, INLINE_BYTES)).status_code == 200


def test_a_judge_in_a_process_has_the_last_word() -> None:
    """It asks the network itself where that is needed."""
    bundle = UNIVERSITY.issue(index=2)
    lists = {item.document["id"]: json.dumps(item.document).encode() for item in bundle.status_lists}
    judges = Verifiers(verifier(UNIVERSITY.trust), verifier(UNIVERSITY.trust, lists=[lists.get]))
    judge = Judge(lambda: judges)
    question = Question(replace(bundle, status_lists=()).to_bytes(), NOW)
    assert (judge.offline(question).status, judge.offline(question).asks) == (422, True)
    assert judge(question).status == 200
    assert not judge.offline(question, BODY_STEPS // 1_000).is_whole


# Hosts that say nothing


@contextmanager
def silent_host() -> Iterator[str]:
    """The DID of an issuer whose host takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listener:
        yield f"did:web:localhost%3A{listener.getsockname()[1]}"


def by(issuer: str, number: int = 0) -> bytes:
    name = f"{issuer}:number{number}"
    document = signed(credential({"p": number}, issuer=name))
    proof = {**document["proof"][0], "verificationMethod": f"{name}#key"}
    return json.dumps({**document, "proof": [proof]}).encode()


def needing_a_list() -> tuple[bytes, Callable[[str], bytes | None]]:
    """An honest bundle without its status list, and who gives that at its address."""
    bundle = UNIVERSITY.issue(index=3)
    lists = {item.document["id"]: json.dumps(item.document).encode() for item in bundle.status_lists}
    return replace(bundle, status_lists=()).to_bytes(), lists.get


@pytest.mark.slow
@pytest.mark.parametrize("listed", [False, True])
def test_44_requests_that_lead_to_silent_hosts_keep_no_other_waiting(listed: bool) -> None:
    honest, lists = needing_a_list()
    with silent_host() as silent, ExitStack() as stack:
        trust = UNIVERSITY.trust
        for number in range(44 if listed else 0):
            trust = trust.adding(RecognisedIssuer(f"{silent}:number{number}"))
        fetcher = HttpsFetcher(allow_loopback=True, timeout=1)
        online = Verifier(Resolver(METHODS, fetcher), trust=trust, lists=[lists])
        address = stack.enter_context(service(Verifiers(verifier(trust), online), seconds=PATIENCE))
        answers: list[int] = []

        def ask(number: int) -> None:
            answers.append(post(address, by(silent, number)).status_code)

        threads = [threading.Thread(target=ask, args=(number,)) for number in range(44)]
        for thread in threads:
            thread.start()
        found = post(address, honest)
        before = len(answers)
        for thread in threads:
            thread.join()
        assert found.json()["verdict"] == "valid", found.text
        assert answers == [422] * 44
        assert before < 44 or not listed  # it was answered while the others waited


def test_a_report_ends_in_its_time_whatever_hosts_do() -> None:
    with silent_host() as silent:
        trust = Trust().adding(RecognisedIssuer(f"{silent}:number0"))
        online = Verifier(
            Resolver(METHODS, HttpsFetcher(allow_loopback=True, timeout=PATIENCE / 4)), trust=trust
        )
        with service(Verifiers(verifier(trust), online), seconds=0.2) as address:
            start = time.monotonic()
            assert post(address, by(silent)).status_code == 422
            assert time.monotonic() - start < PATIENCE / 4


def test_nobody_is_asked_after_the_time_of_a_report() -> None:
    asked: list[str] = []
    honest, lists = needing_a_list()

    def slow(url: str) -> bytes | None:
        asked.append(url)
        return lists(url)

    online = verifier(UNIVERSITY.trust, lists=[slow])
    judge = Judge(lambda: Verifiers(online, online), seconds=-1.0)
    found = json.loads(judge.online(Question(honest, NOW)).content)
    assert (found["verdict"], asked) == ("undetermined", [])
    assert "other hosts took the time" in str(found)
    company = "did:web:company.example"
    trust = Trust().adding(RecognisedIssuer(f"{company}:number0"))
    hurried = Judge(lambda: Verifiers(verifier(trust), verifier(trust)), seconds=-1.0)
    assert b"other hosts took the time" in hurried.online(Question(by(company), NOW)).content


def test_what_needs_nobody_is_judged_after_that_time() -> None:
    """The DID that is a key; one of a method that is not known here stays open as it was."""
    known, other = Holder(), "did:example:university"
    trust = known.trust.adding(RecognisedIssuer(other))
    judge = Judge(lambda: Verifiers(verifier(trust), verifier(trust)), seconds=-1.0)
    for issuer, status in ((known.did, 200), (other, 422)):
        method = f"{issuer}#{known.key.public_key.multikey()}"
        shown = known.sign(UNIVERSITY.plain(issuer=issuer), verification_method=method)
        found = judge.online(Question(json.dumps(shown).encode(), NOW))
        assert found.status == status, found.content


def test_more_reports_than_may_wait_for_the_network_are_answered_503() -> None:
    inside, go = threading.Semaphore(0), threading.Event()
    honest, lists = needing_a_list()

    def held(url: str) -> bytes | None:
        inside.release()
        go.wait(PATIENCE)
        return lists(url)

    university = University("fresh.example")
    university.now = NOW - timedelta(minutes=10)
    fresh = university.issue(index=4)
    trust = UNIVERSITY.trust.joined(university.trust)
    judges = Verifiers(verifier(trust), verifier(trust, lists=[held]))
    with service(judges, most_fetching=1) as address, ThreadPoolExecutor() as threads:
        for _ in range(2):
            go.clear()
            first = threads.submit(post, address, honest)
            assert inside.acquire(timeout=PATIENCE)
            second = threads.submit(post, address, honest).result(PATIENCE)
            assert (second.status_code, second.headers["Retry-After"]) == (503, "5")
            assert post(address, fresh.to_bytes()).status_code == 200
            go.set()
            assert first.result(PATIENCE).status_code == 200
