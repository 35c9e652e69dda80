"""What the small shared state of an issuer has to do, in a folder and in PostgreSQL."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from issuer.shared import Shared
from issuer.shared.folder import FolderShared
from tests import postgres_server
from tests.problems import raises
from wire.problem import TryLater


def postgres(folder: Path) -> Shared:
    from issuer.shared.postgres import PostgresShared

    server = postgres_server.server()
    return PostgresShared(server.uri(server.of(folder), "issuer"))


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


@postgres_server.needed
@pytest.mark.slow
def test_a_machine_that_lost_its_lock_writes_nothing(tmp_path: Path) -> None:
    server = postgres_server.server()
    paused, other = postgres(tmp_path), postgres(tmp_path)
    with paused.held("issuer.json"):
        # The server ends the session of a machine that gives no sign of life.
        server.execute("SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'")
        with other.held("issuer.json"):
            other.write("issuer.json", b"newer")
        with raises(TryLater):
            paused.write("issuer.json", b"older")
    assert other.read("issuer.json") == b"newer"
