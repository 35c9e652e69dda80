"""Several processes that issue at once, over a folder and over PostgreSQL: a job has one owner at a time."""

from __future__ import annotations

import itertools
import os
import signal
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest

from issuer.archive.consistency import require_agreement
from issuer.archive.engines import open_index
from issuer.archive.kept import EditionTaken, ShardName
from issuer.issuer import Issuer
from issuer.job.bulk import Issued
from issuer.job.jobs import jobs
from issuer.job.order import Order, Progress
from issuer.job.owner import JobUnderWay
from issuer.problem import TAKEN_OVER
from issuer.shared import keep_store_address, shared_in
from issuer.table.source import Source
from ledger import EntryKind, Log, parse_entry
from tests import postgres_server
from tests.doubles import instead, stops
from tests.fault.issuing import require_once
from tests.fault.kill import Work, a_sample, kill_everywhere
from tests.postgres_connections import bouncer, bouncer_needed
from tests.problems import raises
from tests.processes import ended
from tests.world import NOW, csv_file, graduate, issuer_in, reopened
from vc.status import Reason
from wire.problem import Problem, TryLater

FORKS = pytest.mark.filterwarnings("ignore")  # of forks, which inherit it: Python 3.12 warns of threads
CHUNK = 3
HOLDER = "did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK"
SERVED = pytest.param("postgres", marks=[pytest.mark.slow, postgres_server.needed])


def made(folder: Path, place: str = "folder") -> Path:
    """The folder of an issuer that issued one diploma; index and locks lie there, or in PostgreSQL."""
    home = folder / "home"
    if place == "postgres":
        server = postgres_server.server()
        home.mkdir()
        keep_store_address(home, server.uri(server.of(folder), "issuer"))
    issuer_in(home).issue(graduate(900))
    return home


@pytest.fixture(params=["folder", SERVED])
def home(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return made(tmp_path, request.param)


def table(home: Path, name: str, rows: Sequence[int]) -> Source:
    return csv_file(home.parent / name, [graduate(row) for row in rows], span_rows=CHUNK)


def issue(issuer: Issuer, source: Source, progress: Callable[[Progress], None] = lambda _: None) -> Issued:
    return issuer.issue_file(Order(source, workers=0, progress=progress))


def during(home: Path, source: Source, work: Callable[[], object]) -> Issued:
    """Issues a file, and does some work as soon as its first chunk is done."""
    remaining = [work]

    def progress(told: Progress) -> None:
        if told.stage == "issuing" and told.done == CHUNK and remaining:
            remaining.pop()()

    return issue(reopened(home), source, progress)


def numbers(home: Path) -> list[int]:
    return sorted(int(entry.number[4:]) for entry in reopened(home).entries())


@pytest.mark.slow
def test_a_file_that_is_being_issued_is_refused_with_who_has_it_and_since_when(home: Path) -> None:
    source = table(home, "g.csv", range(1, 8))

    def again() -> None:
        with pytest.raises(JobUnderWay) as refused:
            issue(reopened(home), source)
        detail = refused.value.detail
        assert (
            f"g.csv is being issued by process {os.getpid()} on {socket.gethostname()}, since 2026-" in detail
        )

    assert during(home, source, again).issued == 7
    assert issue(reopened(home), source).issued == 0
    assert numbers(home) == [*range(1, 8), 900]


@pytest.mark.slow
def test_all_else_goes_on_while_a_job_runs(home: Path) -> None:
    def others() -> None:
        other = reopened(home)
        assert issue(other, table(home, "h.csv", range(11, 16))).issued == 5
        other.issue(graduate(20))
        other.correct("UNI-000001", {"gpa": "4.0"})
        other.claim("UNI-000002", HOLDER)
        other.revoke(["UNI-000900"], Reason.FRAUD, date=NOW, now=NOW)
        with raises(EditionTaken):
            other.issue(graduate(2))
        other.patience = 0.05
        with raises(TryLater), other.at_rest():
            pass

    assert during(home, table(home, "g.csv", range(1, 8)), others).issued == 7
    assert set(numbers(home)) == {*range(1, 8), *range(11, 16), 20, 900}
    with reopened(home).at_rest():
        pass
    require_once(reopened(home))


def test_of_two_files_with_the_same_numbers_the_loser_reports_its_rows(home: Path) -> None:
    second = table(home, "h.csv", [2, 5, 50])
    results: list[Issued] = []
    first = during(
        home, table(home, "g.csv", range(1, 8)), lambda: results.append(issue(reopened(home), second))
    )
    assert (first.issued, sorted(first.survey.findings)) == (6, [6])  # row 6 has number 5
    assert (results[0].issued, sorted(results[0].survey.findings)) == (2, [])  # number 2 was issued before
    assert numbers(home) == [*range(1, 8), 50, 900]
    require_once(reopened(home))


def killed(home: Path, step: str, source: Source, **how: Any) -> None:
    """Issues a file in a process that is killed at a step."""

    def work() -> None:
        index = open_index(home)
        issue(reopened(home, index=instead(index, **{step: stops(**how)})), source)

    process = get_context("fork").Process(target=work)
    process.start()
    process.join(60)
    assert process.exitcode == -signal.SIGKILL
    deadline = time.monotonic() + 60
    while any(job.owner for job in jobs(open_index(home), shared_in(home))):  # a server hears of it later
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.slow
@FORKS
def test_what_a_killed_owner_began_is_finished_by_whoever_comes_next(home: Path) -> None:
    killed(home, "begin_chunk", table(home, "g.csv", range(1, 8)), on_call=2)
    reopened(home).issue(graduate(30))
    assert numbers(home) == [*range(1, 7), 30, 900]
    index = open_index(home)
    assert (index.begun_chunks(), index.takers()) == ([], [])
    assert issue(reopened(home), table(home, "g.csv", range(1, 8))).issued == 1
    require_once(reopened(home))


@pytest.mark.slow
@FORKS
def test_numbers_that_a_killed_owner_took_are_free_again(home: Path) -> None:
    killed(home, "take", table(home, "g.csv", range(1, 8)), on_call=2)
    assert open_index(home).takers() != []
    assert reopened(home).issue(graduate(5)).number == "UNI-000005"
    result = issue(reopened(home), table(home, "g.csv", range(1, 8)))
    assert (result.issued, len(result.survey.known)) == (3, 4)
    assert numbers(home) == [*range(1, 8), 900]
    require_once(reopened(home))


@FORKS
def test_jobs_that_live_are_left_alone(home: Path) -> None:
    """Whoever comes meanwhile completes and gives back nothing of theirs."""
    source = table(home, "g.csv", range(1, 8))
    index = open_index(home)
    seen: list[object] = []

    def while_begun(begin: Callable[[ShardName, int], None], shard: ShardName, first: int) -> None:
        begin(shard, first)
        reopened(home).issue(graduate(40 + shard.number))
        seen.append([each.number for _, each in index.begun_chunks()])

    issue(reopened(home, index=instead(index, begin_chunk=while_begun)), source)
    assert seen == [[0], [1], [2]]
    require_once(reopened(home))


def one_of_many(home: Path, source: Source, start: Any) -> None:
    issuer = reopened(home)
    start.wait(60)
    with suppress(JobUnderWay):
        issue(issuer, source)


@pytest.mark.slow
@FORKS
def test_of_processes_that_start_one_file_at_once_one_issues_it(home: Path) -> None:
    context, source = get_context("fork"), table(home, "g.csv", range(1, 31))
    start = context.Barrier(4)
    processes = [context.Process(target=one_of_many, args=(home, source, start)) for _ in range(4)]
    for process in processes:
        process.start()
    ended(processes)
    assert numbers(home) == [*range(1, 31), 900]
    assert len(open_index(home).jobs()) == 1
    require_once(reopened(home))


def crowd(home: Path, name: int, start: Any) -> None:
    start.wait(60)
    own = [*range(100, 130), *range(200 + 10 * name, 210 + 10 * name)]
    issue(reopened(home), table(home, f"{name}.csv", own[name:] + own[:name]))
    for row in range(300, 305):
        with suppress(EditionTaken):
            reopened(home).issue(graduate(row))


@pytest.mark.slow  # contract/test_indexes.py tries it at the rule
@FORKS
def test_processes_never_share_a_number_a_position_or_an_edition(home: Path) -> None:
    context = get_context("fork")
    start = context.Barrier(4)
    processes = [context.Process(target=crowd, args=(home, name, start)) for name in range(4)]
    for process in processes:
        process.start()
    ended(processes)
    wanted = [*range(100, 130), *range(200, 240), *range(300, 305), 900]
    assert numbers(home) == wanted
    issuer = reopened(home)
    entries = list(issuer.entries())
    positions = {issuer.lists._positions.locate(entry.seq) for entry in entries}
    assert len(positions) == len({entry.leaf for entry in entries}) == len(entries)
    assert (issuer.store.begun_chunks(), issuer.store.takers()) == ([], [])
    require_once(issuer)


@pytest.mark.slow
@postgres_server.needed
@FORKS
@a_sample(5, 100)
def test_the_same_command_goes_on_at_once_where_a_process_was_killed(tmp_path: Path, points: int) -> None:
    places = itertools.count()

    def prepare() -> tuple[Work, Work]:
        folder = tmp_path / str(next(places))
        folder.mkdir()
        home = made(folder, "postgres")
        source = table(home, "g.csv", range(1, 8))

        def check() -> None:
            issue(reopened(home), source)
            assert numbers(home) == [*range(1, 8), 900]
            again = reopened(home)
            assert (again.store.begun_chunks(), again.store.takers()) == ([], [])
            require_once(again)

        return lambda: issue(reopened(home), source), check

    assert kill_everywhere(prepare, points=points) == points


@pytest.mark.slow
@postgres_server.needed
@bouncer_needed
def test_jobs_have_owners_through_a_pgbouncer_that_pools_transactions(tmp_path: Path) -> None:
    server, home = postgres_server.server(), tmp_path / "home"
    home.mkdir()
    with bouncer(server, "issuer") as port:
        address = server.uri(server.of(tmp_path), "issuer", host="127.0.0.1", port=str(port))
        keep_store_address(home, address)
        issuer_in(home)
        source = table(home, "g.csv", range(1, 8))

        def others() -> None:
            with raises(JobUnderWay):
                issue(reopened(home), source)
            assert issue(reopened(home), table(home, "h.csv", range(11, 16))).issued == 5
            reopened(home).issue(graduate(20))

        assert during(home, source, others).issued == 7
        assert numbers(home) == [*range(1, 8), *range(11, 16), 20]
        require_once(reopened(home))


# A machine that stood still


@contextmanager
def standing_still(work: Callable[[], None], early: Callable[[], object] = lambda: None) -> Iterator[None]:
    """Some work by a process that stops itself, and lost its locks; after the block it goes on to its end.

    As long as it has its job, what comes `early` is told so.
    """
    machine = get_context("fork").Process(target=work)
    machine.start()
    assert machine.pid is not None
    assert os.WIFSTOPPED(os.waitpid(machine.pid, os.WUNTRACED)[1])
    try:
        early()
        # The server ends the sessions of a machine that gives no sign of life: see `contract/test_shared.py`.
        held = "FROM pg_locks WHERE locktype = 'advisory'"
        while postgres_server.server().execute(f"SELECT pg_terminate_backend(pid) {held}"):
            time.sleep(0.01)
        yield
    finally:
        os.kill(machine.pid, signal.SIGCONT)
    ended([machine])


@pytest.mark.slow
@postgres_server.needed
@FORKS
@pytest.mark.parametrize("step", ["take", "begin_chunk", "finish_chunk"])
def test_a_machine_that_stood_still_and_lost_its_job_is_refused(step: str, tmp_path: Path) -> None:
    home = made(tmp_path, "postgres")
    source, said, calls = table(home, "g.csv", range(1, 8)), tmp_path / "said", list[str]()

    def stands_still(real: Callable[..., Any], *given: Any) -> Any:
        calls.append(step)
        if len(calls) == 2:
            os.kill(os.getpid(), signal.SIGSTOP)
        return real(*given)

    def work() -> None:
        issuer = reopened(home, index=instead(open_index(home), **{step: stands_still}))
        try:
            issue(issuer, source)
        except Problem as problem:
            said.write_text(problem.code)

    def early() -> None:
        with raises(JobUnderWay):
            issue(reopened(home), source)

    with standing_still(work, early):
        issue(reopened(home), source)
    assert said.read_text() == TAKEN_OVER.code
    assert numbers(home) == [*range(1, 8), 900]
    again = reopened(home)
    require_agreement(again.store, again.log)
    require_once(again)


def test_lists_that_one_who_stood_still_had_signed_do_not_come_into_the_log_later(home: Path) -> None:
    """It had begun them; another process takes it for dead, and publishes."""
    late: list[tuple[Sequence[bytes], bytes]] = []
    paused = reopened(home)
    append = paused.log.append

    def stands_still(entries: Sequence[bytes], key: bytes) -> range:
        if parse_entry(entries[0]).kind is not EntryKind.STATUS_LIST:
            return append(entries, key)
        late.append((entries, key))
        raise KeyboardInterrupt

    assert isinstance(paused.log, Log)
    paused.log.append = stands_still  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        paused.revoke(["UNI-000900"], Reason.FRAUD, date=NOW, now=NOW)
    later = NOW + timedelta(hours=1)
    other = reopened(home, lambda: later)
    other.lists.publish(now=later)
    assert other.store.revocations.unpublished() == []
    with pytest.raises(Problem) as refused:
        append(*late[0])
    assert refused.value.code == "conflict"
    require_agreement(other.store, reopened(home).log)
    assert other.store.logged.known().begun == []
