"""What the small shared state of an issuer has to do, in a folder and in PostgreSQL."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest

from issuer.archive.index import Index
from issuer.problem import TAKEN_OVER
from issuer.shared import Shared
from issuer.shared.folder import FolderShared
from tests import postgres_server
from tests.problems import raises
from tests.processes import ended
from wire.problem import Damaged, TryLater


def server_uri(folder: Path) -> str:
    server = postgres_server.server()
    return server.uri(server.of(folder), "issuer")


def postgres(folder: Path) -> Shared:
    from issuer.shared.postgres import PostgresShared

    return PostgresShared(server_uri(folder))


def postgres_index(folder: Path) -> Index:
    from issuer.archive.postgres.store import PostgresIndex

    return PostgresIndex(server_uri(folder))


SERVED = pytest.param(postgres, marks=[pytest.mark.slow, postgres_server.needed], id="postgres")


@pytest.fixture(params=[pytest.param(FolderShared, id="folder"), SERVED])
def open_shared(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], Shared]:
    return lambda: request.param(tmp_path)


@pytest.fixture
def shared(open_shared: Callable[[], Shared]) -> Shared:
    return open_shared()


def test_a_file_is_read_as_it_was_written_last(shared: Shared, open_shared: Callable[[], Shared]) -> None:
    assert shared.read("issuer.json") is None
    shared.write("issuer.json", b"one")
    shared.write("issuer.json", b"two \x00")
    assert open_shared().read("issuer.json") == b"two \x00"


def test_files_have_names_in_folders(shared: Shared) -> None:
    for name in ("did.json", "kinds/b-1/kind.json", "kinds/a-2/tables/x.csv", "kindsof/x"):
        shared.write(name, b"{}")
    assert shared.names("kinds") == []
    assert shared.names("kinds/b-1") == ["kinds/b-1/kind.json"]
    assert shared.names("kinds/a-2/tables") == ["kinds/a-2/tables/x.csv"]
    assert shared.names("") == ["did.json"]
    assert shared.names("none") == []


def test_a_removed_file_is_gone(shared: Shared) -> None:
    shared.write("rotation.json", b"{}")
    shared.remove("rotation.json")
    shared.remove("rotation.json")
    assert shared.read("rotation.json") is None


def test_one_holds_a_lock_and_others_wait(shared: Shared, open_shared: Callable[[], Shared]) -> None:
    with shared.held("issue"), raises(TryLater), open_shared().held("issue", patience=0.05):
        pass
    with shared.held("issue"), open_shared().held("rotation", patience=0.05):
        pass
    with open_shared().held("issue", patience=0.05):
        pass


def test_shared_holders_hold_a_lock_together(shared: Shared, open_shared: Callable[[], Shared]) -> None:
    with shared.held("rotation", shared=True), open_shared().held("rotation", shared=True, patience=0.05):
        pass
    with (
        shared.held("rotation", shared=True),
        raises(TryLater),
        open_shared().held("rotation", patience=0.05),
    ):
        pass


def test_writers_under_a_lock_lose_nothing(open_shared: Callable[[], Shared]) -> None:
    barrier = threading.Barrier(4)

    def count() -> None:
        own = open_shared()
        barrier.wait()
        for _ in range(10):
            with own.held("counter"):
                own.write("counter", b"%d" % (int(own.read("counter") or b"0") + 1))

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert open_shared().read("counter") == b"40"


def test_who_does_not_wait_hears_at_once_that_a_lock_is_held(open_shared: Callable[[], Shared]) -> None:
    with open_shared().held("jobs/1", patience=0), raises(TryLater), open_shared().held("jobs/1", patience=0):
        pass
    with open_shared().held("jobs/1", patience=0), open_shared().held("jobs/2", patience=0):
        pass
    assert open_shared().names("jobs") == []


def elsewhere(work: Callable[[], object]) -> None:
    """Done as by another machine: what this thread holds is not held there."""
    with ThreadPoolExecutor(1) as other:
        other.submit(work).result()


def test_a_pipe_in_a_folder_is_damage(tmp_path: Path) -> None:
    """Reading one might never end; a folder may come from elsewhere."""
    os.mkfifo(tmp_path / "issuer.json")
    with raises(Damaged):
        FolderShared(tmp_path).read("issuer.json")


@postgres_server.needed
@pytest.mark.slow
@pytest.mark.parametrize("shared", [False, True])
def test_a_machine_that_lost_its_lock_writes_nothing(tmp_path: Path, shared: bool) -> None:
    server, other = postgres_server.server(), postgres(tmp_path)
    paused, index = postgres(tmp_path), postgres_index(tmp_path)

    def take_over() -> None:
        with other.held("issue", shared=True), other.held("issuer.json"):
            other.write("issuer.json", b"newer")

    with paused.held("issue", shared=True), paused.held("issuer.json", shared=shared):
        paused.write("issuer.json", b"first")
        # The server ends the session of a machine that gives no sign of life.
        server.execute("SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'")
        paused.write("issuer.json", b"second")  # nobody has taken the lock
        index.reserve(1)
        elsewhere(take_over)
        with raises(TAKEN_OVER):
            paused.write("issuer.json", b"older")
        with raises(TAKEN_OVER):
            index.reserve(1)
        with raises(TAKEN_OVER):
            index.revocations.revoke([], "fraud", "")
        with raises(TAKEN_OVER):
            index.begin_singles([])
        assert other.read("issuer.json") == paused.read("issuer.json") == b"newer"
    paused.write("issuer.json", b"free again")
    assert index.reserve(1) == 1


@postgres_server.needed
@pytest.mark.slow
def test_a_holder_that_gives_no_sign_of_life_loses_its_lock(tmp_path: Path) -> None:
    """One that does keeps it for much longer than the lease; a process that stands still gives none."""
    from issuer.shared.postgres import PostgresShared

    context, uri = get_context("fork"), server_uri(tmp_path)
    held, release = context.Event(), context.Event()

    def hold() -> None:
        with PostgresShared(uri, lease=0.4).held("jobs/1"):
            held.set()
            release.wait(60)
            os._exit(0)

    holder = context.Process(target=hold)
    holder.start()
    assert held.wait(60)
    other = PostgresShared(uri)
    with raises(TryLater), other.held("jobs/1", patience=1.5):
        pass
    assert holder.pid is not None
    os.kill(holder.pid, signal.SIGSTOP)
    try:
        with other.held("jobs/1", patience=30):
            pass
    finally:
        os.kill(holder.pid, signal.SIGCONT)
        release.set()
        ended([holder])
