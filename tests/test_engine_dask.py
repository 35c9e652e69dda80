"""Workers of a cluster that die, stand still and lie, schedulers that vanish, a client that has nothing."""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from tests import clusters
from tests.cluster_tasks import HERE, LIES, STEPS
from tests.clusters import HOSTS, Nodes, children, nodes, shared, standing_still
from tests.problems import raises
from wire.problem import Problem
from wire.workers import WORKER_DIED

pytest.importorskip("distributed", reason="no extra [dask]: pip install '.[dask]'")

from issuer.engine.confined import landlock
from issuer.engine.dask import Cluster
from issuer.engine.problem import (
    CLUSTER_AUTHORITY,
    CLUSTER_CERTIFICATE_EXPIRED,
    CLUSTER_LOST,
    FUNCTION_NOT_ALLOWED,
    TASK_REFUSED,
)

pytestmark = pytest.mark.slow

APART = 12
"""Items between two faults: more than are under way, so that no task dies by two of them."""


def cluster(at: Nodes) -> Cluster:
    return Cluster(at.address, at.tls)


def begun(workers: Cluster, patience: float) -> Iterator[bytes]:
    """Thirty results, of which the first is there; only then the patience is so short."""
    results = workers.map(f"{HERE}:doubled", [b"x"] * 30)
    assert next(results) == b"xx"
    workers._patience = patience
    return results


@pytest.fixture(scope="module")
def liars() -> Iterator[Nodes]:
    with nodes("liar", HOSTS[2:]) as made:
        yield made


def child_of(cluster: Cluster) -> int:
    assert cluster._child is not None
    return cluster._child._process.pid


def refused(version: int) -> set[str]:
    """What the system can keep from whoever takes the client over, by the version of its Landlock."""
    by_version = {1: {"secret", "written", "environment", "memory", "socket"}, 4: {"port"}, 6: {"signal"}}
    return {each for since, names in by_version.items() if since <= version for each in names}


def faults(folder: Path, fault: str, count: int) -> list[bytes]:
    """Items of which one in `APART` strikes the worker that has it, at one step after the other."""
    folder.mkdir(exist_ok=True)
    return [
        b"%d|" % number
        + (
            f"{fault}|{STEPS[number // APART % len(STEPS)]}|{folder / str(number)}"
            if number % APART == 0
            else "none|none|none"
        ).encode()
        for number in range(count * APART)
    ]


def struck(folder: Path) -> int:
    return len([*folder.iterdir()])


@pytest.mark.parametrize("count", [20, pytest.param(800, marks=pytest.mark.soak)])
def test_what_is_asked_is_done_whichever_workers_die_at_any_step(count: int, tmp_path: Path) -> None:
    items = faults(tmp_path, "killed", count)
    with cluster(shared()) as workers:
        assert [*workers.map(f"{HERE}:faulty", items)] == items
    assert struck(tmp_path) == count


@pytest.mark.parametrize(
    ("count", "seconds"),
    [
        (len(STEPS), "0.3"),
        pytest.param(10, "1", marks=pytest.mark.soak),
        pytest.param(200, "1", marks=pytest.mark.soak),
        pytest.param(len(STEPS), "60", marks=pytest.mark.soak),
    ],
)
def test_a_worker_that_stands_still_at_any_step_goes_on(count: int, seconds: str, tmp_path: Path) -> None:
    items = faults(tmp_path, seconds, count)
    with cluster(shared()) as workers:
        assert [*workers.map(f"{HERE}:faulty", items)] == items
    assert struck(tmp_path) == count


@pytest.mark.parametrize("kind", LIES)
def test_a_lie_is_told_and_the_driver_unpickles_nothing(kind: str, liars: Nodes, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as database:
        elsewhere = tmp_path / str(database.getsockname()[1])
        elsewhere.mkdir()
        (elsewhere / "secret").write_text("the key of the log")
        with cluster(liars) as workers:
            with pytest.raises(Problem) as caught:
                list(workers.map(f"{HERE}:doubled", [b"a", f"lie|{kind}|{elsewhere}".encode(), b"c"]))
            assert caught.value.code == LIES[kind]
            said = Path(f"/proc/{child_of(workers)}/cwd/sprung")
            got = said.read_text().splitlines() if said.exists() else []
            if "pickle" in kind:
                assert got[0] == f"process {child_of(workers)}"
                assert not set(got[1:]) & refused(landlock())
            else:
                assert got == []


def test_the_client_has_nothing_of_the_driver(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("INTAGLIO_PASSPHRASE_FILE", "/somewhere")
    monkeypatch.setenv("PGPASSWORD", "secret")
    with (tmp_path / "keys.json").open("w") as keys, cluster(shared()) as workers:
        os.set_inheritable(keys.fileno(), True)
        list(workers.map(f"{HERE}:doubled", [b"x"]))
        process = Path(f"/proc/{child_of(workers)}")
        names = {each.partition(b"=")[0] for each in (process / "environ").read_bytes().split(b"\0") if each}
        assert names == {b"HOME", b"DASK_CONFIG", b"LANG"}
        opened = [str(each.readlink()) for each in (process / "fd").iterdir()]
        assert not [each for each in opened if each.startswith("/") and each != "/dev/null"]
        assert [*(process / "cwd").iterdir()] == []
        cwd = (process / "cwd").readlink()
        environment = dict(
            each.split(b"=", 1) for each in (process / "environ").read_bytes().split(b"\0") if each
        )
        assert environment[b"HOME"].decode() == str(cwd)
    assert not cwd.exists()


def test_a_client_that_is_killed_is_replaced() -> None:
    items = [b"%d" % number for number in range(60)]
    results = []
    with cluster(shared()) as workers:
        for number, result in enumerate(workers.map(f"{HERE}:doubled", items)):
            results.append(result)
            if number in (0, 25):
                os.kill(child_of(workers), signal.SIGKILL)
    assert results == [item * 2 for item in items]


def test_a_client_that_stands_still_goes_on() -> None:
    items = [b"%d" % number for number in range(40)]
    with cluster(shared()) as workers:
        results = workers.map(f"{HERE}:doubled", items)
        done = [next(results)]
        with standing_still(child_of(workers)):
            time.sleep(1.5)
        assert [*done, *results] == [item * 2 for item in items]


@pytest.mark.parametrize(
    "number",
    [signal.SIGKILL, pytest.param(signal.SIGTERM, marks=pytest.mark.soak)],  # by SIGTERM it closes all itself
)
def test_a_scheduler_that_vanishes_and_comes_back(number: signal.Signals) -> None:
    at = shared()
    items = [b"%d" % number for number in range(40)]
    with cluster(at) as workers:
        results = workers.map(f"{HERE}:doubled", items)
        done = [next(results) for _ in range(10)]
        at.scheduler.send_signal(number)
        at.scheduler.wait()
        at.start_scheduler()
        assert [*done, *results] == [item * 2 for item in items]


@pytest.mark.soak
def test_a_scheduler_that_stays_away_is_told_and_the_same_goes_on_later() -> None:
    at = shared()
    items = [b"%d" % number for number in range(30)]
    with cluster(at) as workers:
        results = begun(workers, 2.0)
        at.scheduler.kill()
        at.scheduler.wait()
        with raises(CLUSTER_LOST):
            list(results)
    with raises(CLUSTER_LOST), cluster(at):
        pass
    at.start_scheduler()
    at.require_scheduler()
    with cluster(at) as workers:
        assert [*workers.map(f"{HERE}:doubled", items)] == [item * 2 for item in items]


@pytest.mark.soak
@pytest.mark.parametrize("seconds", [1.5, 60.0])
def test_a_scheduler_that_stands_still_goes_on(seconds: float) -> None:
    at = shared()
    items = [b"%d" % number for number in range(30)]
    with cluster(at) as workers:
        results = workers.map(f"{HERE}:doubled", items)
        done = [next(results)]
        with standing_still(at.scheduler.pid):
            time.sleep(seconds)
        assert [*done, *results] == [item * 2 for item in items]


@pytest.mark.soak
def test_a_cluster_without_workers_is_told() -> None:
    at = shared()
    with ExitStack() as still, cluster(at) as workers:
        results = begun(workers, 2.0)
        for each in at.workers:  # first, so that none is replaced
            still.enter_context(standing_still(each.pid))
        for each in at.workers:
            for pid in children(each.pid):
                os.kill(pid, signal.SIGKILL)
        with raises(CLUSTER_LOST):
            list(results)


def test_a_task_that_kills_every_worker_is_told(tmp_path: Path) -> None:
    with cluster(shared()) as workers, raises(WORKER_DIED):
        list(workers.map("tests.contract.test_workers:dying", [b"15"]))


def test_a_worker_that_never_ends_a_task_ends_and_another_does_it(tmp_path: Path) -> None:
    items = [str(tmp_path / str(number)).encode() for number in range(2)]
    for item in items[1:]:
        Path(item.decode()).touch()
    with nodes("hasty", HOSTS[:2]) as at, cluster(at) as workers:
        assert [*workers.map(f"{HERE}:stuck", items)] == items


def test_workers_that_never_answer_are_told(tmp_path: Path) -> None:
    with Cluster(shared().address, shared().tls, silence=3.0) as workers:
        with raises(CLUSTER_LOST) as caught:
            list(workers.map(f"{HERE}:slow", [b"8"]))
        assert "has answered for" in caught.value.detail


def test_a_worker_calls_only_what_its_own_settings_allow() -> None:
    with cluster(shared()) as workers, raises(FUNCTION_NOT_ALLOWED):
        list(workers.map("issuer.engine.task:allow", [b"x"]))


def test_a_node_listens_at_one_port_which_asks_for_a_certificate() -> None:
    at = shared()
    with cluster(at) as workers:
        list(workers.map(f"{HERE}:doubled", [b"x"] * 30))
        processes = [at.scheduler.pid, *(pid for each in at.workers for pid in children(each.pid))]
        ports = [listening(pid) for pid in processes]
    assert [len(each) for each in ports] == [1] * 4  # no page, no HTTP, no dashboard
    for address in (each for of_process in ports for each in of_process):
        with socket.create_connection(address, timeout=10) as plain, suppress(ConnectionResetError):
            plain.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert b"HTTP" not in plain.recv(100)


def listening(pid: int) -> list[tuple[str, int]]:
    """The addresses at which a process listens, as `/proc` has them; those of IPv6 without their host."""
    sockets = set()
    for each in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):
            sockets.add(str(each.readlink()))
    addresses = []
    for family in ("tcp", "tcp6"):
        for line in Path(f"/proc/{pid}/net/{family}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and f"socket:[{fields[9]}]" in sockets:
                host, port = fields[1].split(":")
                addresses.append((socket.inet_ntoa(bytes.fromhex(host[:8])[::-1]), int(port, 16)))
    return addresses


def test_no_log_and_no_scratch_has_a_word_of_a_row() -> None:
    at = shared()
    with cluster(at) as workers:
        assert [*workers.map(f"{HERE}:doubled", [b"Wilhelmina Plantina"])] == [b"Wilhelmina Plantina" * 2]
        with raises(TASK_REFUSED) as caught:
            list(workers.map(f"{HERE}:failing", [b"Wilhelmina Plantina"]))
    assert "Wilhelmina" not in str(caught.value.to_dict())
    files = [path for path in at.folder.rglob("*") if path.is_file()]
    assert at.folder / "log" in files
    for path in files:
        with suppress(FileNotFoundError):  # a node that ends takes its scratch along
            assert b"Wilhelmina" not in path.read_bytes(), path


def test_a_certificate_that_is_expired_or_of_another_authority_is_told_at_once(tmp_path: Path) -> None:
    at = shared()
    stranger = clusters.Authority(tmp_path / "stranger")
    expired = at.authority.folder("expired", until=-1)
    unknown_here = stranger.folder("unknown-here")
    unknown_there = stranger.folder("unknown-there", trusts=at.authority)
    for folder, code in (
        (expired, CLUSTER_CERTIFICATE_EXPIRED),
        (unknown_here, CLUSTER_AUTHORITY),
        (unknown_there, CLUSTER_AUTHORITY),
    ):
        began = time.monotonic()
        with raises(code), Cluster(at.address, folder):
            pass
        assert time.monotonic() - began < 10


def test_a_worker_with_an_expired_certificate_ends_and_says_why() -> None:
    at = shared()
    worker = at.start_worker("127.0.0.1", tls=at.authority.folder("expired-worker", until=-1))
    worker.wait(60)
    assert worker.returncode != 0
    assert "certificate has expired" in (at.folder / "log").read_text()
