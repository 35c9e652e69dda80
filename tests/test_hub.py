"""A hub: its folder, its service, its commands, and what others make of what its witness signs."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from hub import make_hub, open_state, open_witness
from hub.http import create_app
from intaglio.connections import LIMITS
from keys import WrongPassphrase
from ledger import Checkpoint, Evidence
from ledger.add_checkpoint import AddCheckpoint
from ledger.evidence import parse_proof
from ledger.note import SignatureType, fingerprint
from ledger.problem import OTHER_ROOT, WITNESS_AT_OTHER_SIZE
from ledger.witness import Witness, origin_hash
from tests.commandline import Program
from tests.ledger_samples import NOW, ORIGIN
from tests.problems import raises
from tests.serving import listening, serving
from tests.test_service_logs import running
from tests.witnessing import FORK, HONEST, LOG_KEY, URL, Clock, new_witness, stated
from tests.world import University, verifier
from vc import Anchored, Verdict
from verifier import Trust
from wire.problem import Conflict, Damaged, Malformed, NotFound

NAME = "hub.example/witness"


# The folder


def test_a_hub_is_made_once_and_its_key_may_be_sealed(tmp_path: Path) -> None:
    folder = tmp_path / "hub"
    for refused in (lambda: open_state(folder), lambda: open_witness(folder, lambda: None, Clock())):
        with raises(NotFound):
            refused()
    with raises(Malformed):
        make_hub(folder, "two words", lambda: None)
    assert not folder.exists()
    state = make_hub(folder, NAME, lambda: b"four or five words")
    assert (state.key.name, state.key.type) == (NAME, SignatureType.COSIGNATURE)
    with raises(Conflict):
        make_hub(folder, NAME, lambda: None)
    assert open_state(folder).key == state.key
    with raises(WrongPassphrase):
        open_witness(folder, lambda: b"others", Clock())
    witness = open_witness(folder, lambda: b"four or five words", Clock())
    witness.state.add(LOG_KEY, URL)
    line = witness.add_checkpoint(HONEST.request(0, 3))
    assert state.key in Checkpoint.parse(HONEST.note(3) + line).signers([state.key])


def test_a_hub_whose_state_is_gone_does_not_open(tmp_path: Path) -> None:
    """Its key alone would sign a second history of each log."""
    make_hub(tmp_path / "hub", NAME, lambda: None)
    (tmp_path / "hub" / "witness.sqlite").unlink()
    for refused in (
        lambda: open_state(tmp_path / "hub"),
        lambda: open_witness(tmp_path / "hub", lambda: None, Clock()),
    ):
        with raises(Damaged):
            refused()


# The service


@contextmanager
def served(witness: Witness, base: str = "") -> Iterator[httpx.Client]:
    app = create_app(witness, base, body_seconds=0.5)
    with listening() as listener, serving(app, listener, limits=LIMITS):
        address = f"http://localhost:{listener.getsockname()[1]}{base}"
        with httpx.Client(base_url=address, trust_env=False) as client:
            yield client


@pytest.mark.slow
def test_the_service_answers_as_tlog_witness_says(tmp_path: Path) -> None:
    clock = Clock()
    witness = new_witness(tmp_path, clock)
    with served(witness) as client:

        def add(body: bytes) -> httpx.Response:
            return client.post("/witness/add-checkpoint", content=body)

        here = f"/witness/{origin_hash(ORIGIN)}/checkpoint"
        assert client.get(here).status_code == 404
        assert client.get("/readyz").json() == {"status": "ok", "logs": 1}
        answer = add(HONEST.request(0, 3))
        assert (answer.status_code, answer.headers["content-type"]) == (200, "text/plain; charset=utf-8")
        assert stated(answer.content, HONEST.note(3)) == NOW
        shown = client.get(here)
        assert shown.content == HONEST.note(3) + answer.content
        assert shown.headers["content-type"] == "text/plain; charset=utf-8"
        for body, status in (
            (b"", 400),
            (HONEST.request(3, 2), 400),
            (b"old 3\n\n" + HONEST.note(5, origin="another.example"), 404),
            (HONEST.request(3, 5).replace(b" 5\n", b" 6\n").replace(b"\n5\n", b"\n6\n"), 403),
            (b"old 3\n\n" + HONEST.note(5), 422),
            (FORK.request(3, 3), 422),
            (bytes(1 << 20), 413),
        ):
            answer = add(body)
            assert answer.status_code == status, answer.text
            assert answer.headers["content-type"] == "application/problem+json"
        answer = add(HONEST.request(0, 5))
        assert (answer.status_code, answer.text) == (409, "3\n")
        assert answer.headers["content-type"] == "text/x.tlog.size"
        assert client.get("/witness/add-checkpoint").status_code == 405
        for unknown in ("0" * 64, origin_hash(ORIGIN).upper(), "x"):
            assert client.get(f"/witness/{unknown}/checkpoint").status_code == 404
        clock.now -= timedelta(minutes=6)
        answer = add(HONEST.request(3, 5))
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "60")
        assert str(tmp_path) not in answer.text
    assert len(witness.state.forks()) == 1


@pytest.mark.slow
def test_a_body_that_is_slow_is_not_waited_for(tmp_path: Path) -> None:
    witness = new_witness(tmp_path)
    with served(witness) as client:
        port = client.base_url.port
        head = (
            b"POST /witness/add-checkpoint HTTP/1.1\r\nHost: localhost\r\nContent-Length: 900\r\n\r\nold 0\n"
        )
        with socket.create_connection(("localhost", port)) as slow:
            slow.sendall(head)
            slow.settimeout(10)
            assert slow.recv(100).startswith(b"HTTP/1.1 400")
        assert client.post("/witness/add-checkpoint", content=HONEST.request(0, 3)).status_code == 200


@pytest.mark.slow
def test_of_many_requests_at_once_one_history_is_cosigned(tmp_path: Path) -> None:
    """Over HTTP, from threads that meet at a barrier, for each size anew."""
    witness = new_witness(tmp_path)
    with served(witness, "/some/path") as client:
        size = 0
        for new in (4, 5, 8):
            barrier = threading.Barrier(6, timeout=10)
            answers: list[httpx.Response] = []
            bodies = [branch.request(size, new) for branch in (HONEST, FORK)] * 3

            def ask(
                body: bytes, barrier: threading.Barrier = barrier, into: list[httpx.Response] = answers
            ) -> None:
                barrier.wait()
                into.append(client.post("/witness/add-checkpoint", content=body))

            threads = [threading.Thread(target=ask, args=(body,)) for body in bodies]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            signed = [answer for answer in answers if answer.status_code == 200]
            assert len(signed) == 1
            assert {answer.status_code for answer in answers} <= {200, 409, 422}
            size = new
    roots = {fork.size for fork in witness.state.forks()}
    assert roots <= {4, 5, 8}
    assert 4 in roots


# What verifiers make of it


def _cosigned(university: University, witness: Witness, *evidence: Evidence) -> list[Evidence]:
    """The evidence with the witness's line on each checkpoint, asked for in the order of their sizes."""
    notes = {parse_proof(each.body)[2] for each in evidence}
    lines: dict[bytes, bytes] = {}
    known = 0
    for checkpoint in sorted(map(Checkpoint.parse, notes), key=lambda checkpoint: checkpoint.size):
        proof = university.log.consistency(known, checkpoint.size) if known else []
        lines[checkpoint.note] = witness.add_checkpoint(AddCheckpoint(known, proof, checkpoint).write())
        known = checkpoint.size
    return [replace(each, body=each.body + lines[parse_proof(each.body)[2]]) for each in evidence]


def test_a_bundle_that_the_witness_cosigned_is_valid_by_its_time(tmp_path: Path) -> None:
    university = University("witnessed.example")
    seen = university.now + timedelta(minutes=7)
    make_hub(tmp_path / "hub", NAME, lambda: None)
    witness = open_witness(tmp_path / "hub", lambda: None, lambda: seen)
    witness.state.add(university.log.verifier_key, "https://witnessed.example/log")
    bare = university.issue()
    carried = (*bare.issuer_documents, *bare.status_lists)
    parts = [bare.evidence[0], *(each.evidence[0] for each in carried)]
    assert len(parts) == 4
    own, *others = _cosigned(university, witness, *parts)
    anchored = [Anchored(each.document, (evidence,)) for each, evidence in zip(carried, others, strict=True)]
    count = len(bare.issuer_documents)
    bundle = replace(
        bare, evidence=(own,), issuer_documents=tuple(anchored[:count]), status_lists=tuple(anchored[count:])
    )
    log = replace(university.recognised_log, witnesses=(str(witness.state.key),), quorum=1)
    trust = Trust.parse(Trust().adding(university.trust.issuers[0], log).to_bytes())
    report = verifier(trust).verify(bundle, now=seen)
    assert report.verdict is Verdict.VALID, report.to_dict()
    shown = next(found for found in report.checks if found.code == "evidence-in-log-witnessed")
    assert shown.facts["time"] == "2026-07-01 10:07Z" == f"{seen:%Y-%m-%d %H:%MZ}"
    assert verifier(trust).verify(bare, now=seen).verdict is Verdict.UNDETERMINED


# The commands


@pytest.fixture
def hub(program: Program) -> Program:
    program.now = lambda: NOW
    made = program("hub", "init", NAME)
    assert made.code == 0, made.err
    return program


def test_the_commands(hub: Program) -> None:
    key = open_state(hub.home / "hub").key
    shown = json.loads(hub("hub", "status", "--json").out)
    assert (shown["name"], shown["key"], shown["logs"]) == (NAME, str(key), [])
    assert shown["fingerprint"] == fingerprint(NAME, key)
    added = hub("hub", "add", LOG_KEY, URL)
    assert added.out == f"{ORIGIN} is witnessed from now on\nfingerprint: {fingerprint(ORIGIN, LOG_KEY)}\n"
    assert hub("hub", "evidence").out == "no log was seen in two versions\n"
    assert "nothing cosigned yet" in hub("hub", "status").out
    witness = open_witness(hub.home / "hub", lambda: None, Clock())
    witness.add_checkpoint(HONEST.request(0, 3))
    with raises(WITNESS_AT_OTHER_SIZE):
        witness.add_checkpoint(HONEST.request(0, 3))
    with raises(OTHER_ROOT):
        witness.add_checkpoint(FORK.request(3, 3))
    (log,) = json.loads(hub("hub", "status", "--json").out)["logs"]
    assert (log["size"], log["forks"], log["time"]) == (3, 1, NOW.isoformat())
    assert log["refused"] == {"other-root": 1, "witness-at-other-size": 1}
    assert f"{ORIGIN}: 3 entries, 2026-11-24 12:00:00Z" in hub("hub", "status").out
    (fork,) = json.loads(hub("hub", "evidence", "--json").out)["forks"]
    assert [note.encode() for note in fork["notes"]] == [HONEST.note(3), FORK.note(3)]
    text = hub("hub", "evidence").out.encode()
    assert HONEST.note(3) in text
    assert FORK.note(3) in text
    assert str(LOG_KEY).encode() in text
    assert hub("hub", "remove", ORIGIN).code == 0
    assert "removed" in hub("hub", "status").out
    assert hub("hub", "remove", ORIGIN).code == 4
    named = hub("hub", "add", LOG_KEY, URL, "--origin", "another name")
    assert named.out.startswith("another name is witnessed from now on\n")


def test_a_clock_that_was_ahead(hub: Program) -> None:
    hub("hub", "add", LOG_KEY, URL)
    assert hub("hub", "clock", "accept").out.startswith("No cosignature is dated ahead")
    clock = Clock()
    witness = open_witness(hub.home / "hub", lambda: None, clock)
    clock.now += timedelta(days=1)
    witness.add_checkpoint(HONEST.request(0, 3))
    declined = hub("hub", "clock", "accept", stdin=b"n\n", at_terminal=True)
    assert (declined.code, "Up to 2026-11-25 12:00Z was signed" in declined.err) == (5, True)
    assert json.loads(hub("hub", "clock", "accept", "--json").out)["logs"] == [ORIGIN]
    clock.now = NOW
    witness.add_checkpoint(HONEST.request(3, 5))


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("add", "garbage", URL), 1, "is not an Ed25519 key"),
        (("add", LOG_KEY, "ftp://ledger.example"), 1, "https"),
        (("init", NAME), 1, "is a hub already"),
    ],
)
def test_what_the_commands_refuse(hub: Program, words: tuple[object, ...], code: int, says: str) -> None:
    answer = hub("hub", *words)
    assert answer.code == code
    assert says in answer.err, answer.err


def test_without_a_hub_there_is_nothing_to_serve(program: Program) -> None:
    for words in (("status",), ("serve",), ("add", LOG_KEY, URL)):
        answer = program("hub", *words)
        assert (answer.code, "no hub" in answer.err) == (4, True)
        assert "intaglio hub init NAME" in answer.err


@pytest.mark.slow
def test_a_hub_serves_as_a_process(hub: Program) -> None:
    hub("hub", "add", LOG_KEY, URL)
    with running(hub.home, "hub", "serve", "--alone") as (address, lines):
        assert address.endswith("/witness")
        answer = httpx.post(f"{address}/add-checkpoint", content=HONEST.request(0, 3), trust_env=False)
        assert answer.status_code == 200, answer.text
        shown = httpx.get(f"{address}/{origin_hash(ORIGIN)}/checkpoint", trust_env=False)
        key = open_state(hub.home / "hub").key
        assert key in Checkpoint.parse(shown.content).signers([key, LOG_KEY])
    by_the_clock = ("hub.rounds", "hub.monitor")
    others = [line for line in lines if not any(name in line for name in by_the_clock)]
    assert ORIGIN not in "".join(others), "nothing of requests"
