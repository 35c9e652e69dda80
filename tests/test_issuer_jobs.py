"""Jobs as people see them, and their end by another process: over a folder and over PostgreSQL."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import orjson
import pytest

from intaglio.__main__ import DECLINED, NOT_FOUND
from issuer.archive.engines import open_index
from issuer.archive.kept import Job
from issuer.job.jobs import JobShown, JobState, cancel, job_of_id, jobs
from issuer.job.order import Order, Progress
from issuer.job.owner import JobUnderWay, owned, owner_file, owner_row, request_file
from issuer.keeping.moving import Stores, move_issuer
from issuer.problem import JOB_CANCELLED, NO_SUCH_JOB
from issuer.shared import shared_in
from issuer.shared.database import prepare_index
from issuer.shared.folder import FolderShared
from ledger.audit import audit
from tests import postgres_server, s3_server
from tests.commandline import Program
from tests.fault.issuing import require_once
from tests.problems import raises
from tests.processes import ended
from tests.test_issuer_owners import CHUNK, FORKS, SERVED, during, issue, killed, made, numbers, table
from tests.test_machines_story import URL, rejoin
from tests.world import NOW, csv_file, graduate, issuer_in, reopened, twin

ROWS = range(1, 8)
JOB = Job(1, b"key", "g.csv", "2026-07-01T12:00:00Z", 0, 40, 10)


@pytest.fixture(params=["folder", SERVED])
def home(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return made(tmp_path, request.param)


def shown(home: Path) -> list[JobShown]:
    return jobs(open_index(home), shared_in(home))


def asked_to_end(home: Path, number: int = 1) -> None:
    """The job is cancelled by a caller that does not wait for its end."""
    with raises(JobUnderWay):
        cancel(open_index(home), shared_in(home), number, patience=0)


def test_a_job_is_running_then_finished_with_its_rows_and_who_has_it(home: Path) -> None:
    assert shown(home) == []
    seen: list[JobShown] = []
    during(home, table(home, "g.csv", ROWS), lambda: seen.extend(shown(home)))
    (running,) = seen
    assert (running.job.file, running.state, running.done, running.job.length) == (
        "g.csv",
        JobState.RUNNING,
        CHUNK,
        7,
    )
    assert running.owner is not None
    assert (running.owner.process, running.owner.machine) == (os.getpid(), socket.gethostname())
    (finished,) = shown(home)
    assert (finished.state, finished.done, finished.owner) == (JobState.FINISHED, 7, None)
    assert finished.remaining is None


def test_the_rate_is_that_of_this_run_and_the_rest_is_counted_by_it(
    tmp_path: Path,
) -> None:
    home = made(tmp_path)
    index, shared, clock = open_index(home), shared_in(home), iter([10.0, 10.5, 12.0])
    job = index.begin(JOB.key, JOB.file, JOB.created, JOB.length, JOB.chunks)
    with owned(shared, job, NOW) as holder:
        owner = replace(holder, clock=lambda: next(clock))
        assert [each.remaining for each in shown(home)] == [None]
        owner.tell(20)  # of an earlier run
        assert [each.remaining for each in shown(home)] == [None]
        owner.tell(24)
        assert [each.done for each in shown(home)] == [20], "it says so once a second"
        owner.tell(28, ["one", "two"])
        ((_, _, done, row),) = shown(home)
        assert row is not None
        assert (done, row.rate, row.machines) == (28, 4.0, ("one", "two"))
        assert [each.remaining for each in shown(home)] == [3.0]
    assert [(each.state, each.owner) for each in shown(home)] == [(JobState.STOPPED, None)]


@pytest.mark.slow
def test_a_cancelled_job_ends_after_the_chunk_in_hand_and_the_same_file_goes_on(home: Path) -> None:
    source = table(home, "g.csv", ROWS)
    with raises(JOB_CANCELLED) as refused:
        during(home, source, lambda: asked_to_end(home))
    assert refused.value.detail == "g.csv was cancelled, with 6 of 7 rows done"
    assert numbers(home) == [*range(1, 7), 900]
    index = open_index(home)
    assert (index.begun_chunks(), index.takers()) == ([], []), "nothing is left half issued, or taken"
    (stopped,) = shown(home)
    assert (stopped.state, stopped.done, stopped.owner) == (JobState.STOPPED, 6, None)
    assert reopened(home).issue(graduate(7)).number == "UNI-000007", "its number is free"
    assert issue(reopened(home), table(home, "g.csv", [*ROWS[:-1], 8])).issued == 1
    require_once(reopened(home))


@pytest.mark.slow
def test_a_job_that_was_cancelled_and_went_on_ends_with_the_root_of_one_that_was_not(tmp_path: Path) -> None:
    home = tmp_path / "home"
    alone = twin(issuer_in(home), tmp_path / "alone" / "home")
    source = table(home, "g.csv", ROWS)
    with raises(JOB_CANCELLED):
        during(home, source, lambda: asked_to_end(home))
    assert issue(reopened(home), source).issued == 1
    issue(alone, source)
    assert audit(reopened(home).log).root == audit(alone.log).root


@pytest.mark.slow
def test_of_workers_that_are_ahead_only_the_chunk_in_hand_counts(tmp_path: Path) -> None:
    home = made(tmp_path)
    source = table(home, "g.csv", range(1, 61))
    remaining = [asked_to_end]

    def progress(told: Progress) -> None:
        if told.stage == "issuing" and told.done >= CHUNK and remaining:
            remaining.pop()(home)

    with raises(JOB_CANCELLED):
        reopened(home).issue_file(Order(source, workers=2, progress=progress))
    index = open_index(home)
    assert len(index.finished_chunks(index.latest_job())) < 20
    assert (index.begun_chunks(), index.takers()) == ([], [])
    left = 61 - len(numbers(home))
    assert 0 < left < 60
    assert issue(reopened(home), source).issued == left
    assert numbers(home) == [*range(1, 61), 900]
    require_once(reopened(home))


@pytest.mark.slow
@FORKS
def test_what_a_killed_owner_had_taken_is_given_back(home: Path) -> None:
    killed(home, "take", table(home, "g.csv", ROWS), on_call=2)
    (stopped,) = shown(home)
    assert (stopped.state, stopped.done, stopped.owner) == (JobState.STOPPED, CHUNK, None)
    assert open_index(home).takers() != []
    assert cancel(open_index(home), shared_in(home), 1).state is JobState.STOPPED
    assert open_index(home).takers() == []
    assert issue(reopened(home), table(home, "g.csv", ROWS)).issued == 4


@pytest.mark.slow
@FORKS
def test_a_chunk_that_a_killed_owner_had_begun_keeps_its_numbers(home: Path) -> None:
    killed(home, "begin_chunk", table(home, "g.csv", ROWS), on_call=1)
    cancel(open_index(home), shared_in(home), 1)
    assert [shard.number for _, shard in open_index(home).begun_chunks()] == [0]
    reopened(home).issue(graduate(30))
    assert numbers(home) == [1, 2, 3, 30, 900]
    require_once(reopened(home))


@FORKS
def test_a_request_to_one_run_is_none_to_the_next(home: Path) -> None:
    """Its owner was killed before it heard; whoever goes on was not asked."""
    source = table(home, "g.csv", ROWS)
    killed(home, "finish_chunk", source, on_call=1)
    shared, (stopped,) = shared_in(home), shown(home)
    row = owner_row(shared, stopped.job)
    assert row is not None
    shared.write(request_file(stopped.job), row.run.encode())
    assert issue(reopened(home), source).issued == 4
    assert [each.state for each in shown(home)] == [JobState.FINISHED]


def test_a_finished_job_stays_as_it_is_and_another_is_not_found(home: Path) -> None:
    issue(reopened(home), table(home, "g.csv", ROWS))
    assert cancel(open_index(home), shared_in(home), 1).state is JobState.FINISHED
    for number in (0, 2):
        with raises(NO_SUCH_JOB):
            job_of_id(open_index(home), shared_in(home), number)
    assert issue(reopened(home), table(home, "g.csv", ROWS)).issued == 0


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b'{"process": "x", "machine": "m", "since": "s"}',
        b'{"process": 1, "machine": "m"}',
        b'{"process": 1, "machine": "m", "since": "s", "machines": 5}',
        b'{"process": 1, "machine": "m", "since": "s", "rate": 1e999}',
        b"\xff",
    ],
)
def test_what_cannot_be_read_of_an_owner_is_not_said(content: bytes, tmp_path: Path) -> None:
    shared = FolderShared(tmp_path)
    shared.write(owner_file(JOB), content)
    assert owner_row(shared, JOB) is None


def test_an_owner_of_a_release_before_is_shown_and_cannot_be_asked(tmp_path: Path) -> None:
    home = made(tmp_path)
    index, shared = open_index(home), shared_in(home)
    job = index.begin(JOB.key, JOB.file, JOB.created, JOB.length, JOB.chunks)
    before = orjson.dumps({"process": 7, "machine": "\x1b[31mhost" + "x" * 100, "since": "2026"})
    with shared.held(owner_file(job)):
        shared.write(owner_file(job), before)
        ((_, state, _, row),) = shown(home)
        asked_to_end(home)
        assert shared.read(request_file(job)) is None
    assert row is not None
    assert (state, row.process, len(row.machine), row.rate) == (JobState.RUNNING, 7, 64, 0)
    assert "\x1b" not in row.machine


# The commands


def read(text: str) -> Any:
    return json.loads(text)


def test_commands_list_show_and_cancel_jobs(program: Program, tmp_path: Path) -> None:
    home = program.home / "issuer"
    issuer_in(home).issue(graduate(900))
    assert "No file was issued here yet" in program("issuer", "job", "list").err
    with raises(JOB_CANCELLED):
        during(
            home,
            csv_file(tmp_path / "g.csv", [graduate(row) for row in ROWS], span_rows=CHUNK),
            lambda: asked(program),
        )
    answer = program("issuer", "job", "list")
    assert answer.out.startswith("1  stopped, 6 of 7 rows, begun 2026-07-01T12:00:00Z  g.csv")
    (job,) = read(program("issuer", "job", "list", "--json").out)["jobs"]
    assert job == {
        "job": 1,
        "file": "g.csv",
        "begun": "2026-07-01T12:00:00Z",
        "state": "stopped",
        "done": 6,
        "rows": 7,
        "owner": None,
    }
    assert read(program("issuer", "job", "show", 1, "--json").out) == {"version": 2, **job}
    assert "6 of 7" in program("issuer", "job", "show", 1).out
    again = program("issuer", "job", "cancel", 1)
    assert (again.code, "goes on from here" in again.err) == (0, True)
    assert program("issuer", "job", "cancel", 2).code == NOT_FOUND


def asked(program: Program) -> None:
    """While it runs, it is shown, and then cancelled."""
    (job,) = read(program("issuer", "job", "list", "--json").out)["jobs"]
    assert (job["state"], job["done"]) == ("running", 3)
    assert (job["owner"]["process"], job["owner"]["machines"]) == (os.getpid(), [socket.gethostname()])
    assert f"process   {os.getpid()} on " in program("issuer", "job", "show", 1).out
    asked_to_end(program.home / "issuer")


PROGRAM = """
from intaglio.__main__ import main
from tests.world import NOW
main(lambda: NOW)
"""


@pytest.mark.slow
def test_a_running_command_is_cancelled_by_another_one_and_goes_on_to_the_same_root(tmp_path: Path) -> None:
    rows, root = 4 * 4096, Path(__file__).parent.parent
    home, file = tmp_path / "issuer", tmp_path / "g.csv"
    csv_file(file, [graduate(row) for row in range(rows)])
    alone = twin(issuer_in(home), tmp_path / "alone" / "issuer")
    environment = {**os.environ, "INTAGLIO_HOME": str(tmp_path)}

    def begun(*words: object) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-c", PROGRAM, "issuer", *map(str, words)],
            env=environment,
            cwd=root,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def ran(*words: object) -> Any:
        process = begun(*words, "--json")
        out, _ = process.communicate(timeout=300)
        return process.returncode, json.loads(out)

    issuing = begun("issue", file, "--yes", "--workers", 1)
    while True:
        _, listed = ran("job", "list")
        if [each for each in listed["jobs"] if each["state"] == "running" and each["done"]]:
            break
        assert issuing.poll() is None
    code, after = ran("job", "cancel", 1)
    assert (code, after["state"]) == (0, "stopped")
    assert 0 < after["done"] < rows
    _, err = issuing.communicate(timeout=60)
    assert issuing.returncode == DECLINED
    assert f"g.csv was cancelled, with {after['done']} of {rows} rows done" in err
    assert open_index(home).takers() == []
    code, result = ran("issue", file, "--yes")
    assert (code, result["issued"]) == (0, rows - after["done"])
    alone.issue_file(Order(csv_file(file, [graduate(row) for row in range(rows)])))
    assert audit(reopened(home).log).root == audit(alone.log).root


# Another machine


def issue_here(home: Path, file: Path, begun: Any, asked: Any) -> None:
    """A file is issued by a process of its own, and waits after its first chunk until it is asked to end."""

    def progress(told: Progress) -> None:
        if told.stage == "issuing" and told.done >= CHUNK and not begun.is_set():
            begun.set()
            assert asked.wait(60)

    with raises(JOB_CANCELLED):
        reopened(home).issue_file(Order(table(home, file.name, range(1, 61)), workers=2, progress=progress))


def cancel_there(home: Path) -> None:
    assert cancel(open_index(home), shared_in(home), 1).state is JobState.STOPPED


@pytest.mark.slow
@postgres_server.needed
@s3_server.needed
def test_a_job_is_cancelled_from_another_machine_and_goes_on_there_to_the_same_root(tmp_path: Path) -> None:
    server, store = postgres_server.server(), s3_server.server()
    address = server.uri(server.of(tmp_path), "machine")
    homes = [tmp_path / name for name in ("one", "two")]
    issuer = issuer_in(homes[0], url=URL)
    alone = twin(issuer, tmp_path / "alone" / "home")
    prepare_index(address)
    move_issuer(issuer, Stores(address, store.of(tmp_path), address))
    rejoin(homes, "keys")
    context = get_context("spawn")  # with connections of their own, as other machines have them
    begun, heard = context.Event(), context.Event()
    source = table(homes[0], "g.csv", range(1, 61))
    issuing = context.Process(target=issue_here, args=(homes[0], source.path, begun, heard))
    cancelling = context.Process(target=cancel_there, args=(homes[1],))
    issuing.start()
    assert begun.wait(60)
    (running,) = shown(homes[1])
    assert (running.state, running.done) == (JobState.RUNNING, CHUNK)
    cancelling.start()
    shared = shared_in(homes[1])
    while shared.read(request_file(running.job)) is None:
        time.sleep(0.02)
    heard.set()
    ended([issuing, cancelling])
    index = open_index(homes[1])
    assert (index.begun_chunks(), index.takers()) == ([], [])
    (stopped,) = shown(homes[1])
    assert (stopped.state, CHUNK <= stopped.done < 60) == (JobState.STOPPED, True)
    assert issue(reopened(homes[1]), source).issued == 60 - stopped.done
    issue(alone, source)
    assert audit(reopened(homes[0]).log).root == audit(alone.log).root
    require_once(reopened(homes[1]))
