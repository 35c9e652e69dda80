"""The rules of a cluster that need none: frames, addresses, certificates, handshakes, what workers allow."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import os
import ssl
import struct
import threading
import time
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from pathlib import Path
from socket import create_server
from typing import Any

import pytest

from issuer.engine import task
from issuer.engine.answer import MOST_BYTES, result_of
from issuer.engine.dask import Cluster, _Child
from issuer.engine.frames import MOST_HOSTS, MOST_ITEM, Frame, Frames, Sort
from issuer.engine.problem import (
    CLUSTER_AUTHORITY,
    CLUSTER_CERTIFICATE_EXPIRED,
    CLUSTER_LOST,
    CLUSTER_NOT_ENCRYPTED,
    FUNCTION_NOT_ALLOWED,
    INVALID_CLUSTER_ADDRESS,
    WORKER_RELEASE,
)
from issuer.engine.tls import Address, Certificates, require_reach
from tests.clusters import Authority
from tests.problems import raises
from wire.problem import Malformed, NotFound, Problem, Raisable, Refused, TooLarge

SENT = [
    Frame(Sort.WORKERS, 3),
    Frame(Sort.ANSWER, 7, b"\0result"),
    Frame(Sort.DIED, 8),
    Frame(Sort.REFUSED, 9),
]
FROM_CHILD = (Sort.ANSWER, Sort.DIED, Sort.REFUSED, Sort.WORKERS)


@pytest.mark.parametrize("size", [1, 5, 16, 17, 18, 1000])
def test_frames_arrive_whole_however_the_pipe_cuts_them(size: int) -> None:
    sent = b"".join(frame.packed() for frame in SENT)
    frames = Frames(*FROM_CHILD)
    parts = [sent[at : at + size] for at in range(0, len(sent), size)]
    assert [frame for part in parts for frame in frames.feed(part)] == SENT


def head(magic: bytes, sort: int, length: int) -> bytes:
    return struct.pack(">4sBQI", magic, sort, 1, length)


@pytest.mark.quick(every=4)
@pytest.mark.parametrize(
    "received",
    [
        b"\x80\x04\x95" + b"." * 30,  # a pickle
        b"Traceback (most recent call last)",
        head(b"Itg2", Sort.DIED, 0),
        head(b"Itg1", 0, 0),
        head(b"Itg1", 99, 0),
        head(b"Itg1", Sort.TASK, 0),  # what only the driver sends
        head(b"Itg1", Sort.DIED, 1),
        head(b"Itg1", Sort.WORKERS, MOST_HOSTS + 1),
        head(b"Itg1", Sort.ANSWER, MOST_BYTES + 2),
        head(b"Itg1", Sort.ANSWER, 2**32 - 1),
        SENT[0].packed() + b"!" + SENT[1].packed(),
    ],
)
def test_what_is_no_frame_ends_it_before_more_is_read(received: bytes) -> None:
    with raises(Malformed):
        list(Frames(*FROM_CHILD).feed(received))


def test_a_task_that_is_too_large_is_not_sent() -> None:
    assert len(Frame(Sort.TASK, 1, b"x" * MOST_ITEM).packed()) > MOST_ITEM
    with raises(TooLarge):
        Frame(Sort.TASK, 1, b"x" * (MOST_ITEM + 1)).packed()
    with raises(TooLarge):
        Frame(Sort.DIED, 1, b"x").packed()


@pytest.mark.parametrize(
    ("text", "encrypted", "code"),
    [
        ("tls://host.example:8786", True, None),
        ("tls://[2001:db8::1]:8786", True, None),
        ("tcp://127.0.0.1:8786", False, None),
        ("tcp://[::1]:8786", False, None),
        ("tcp://localhost:8786", False, None),
        ("tcp://10.0.0.1:8786", False, CLUSTER_NOT_ENCRYPTED),
        ("tcp://host.example:8786", False, CLUSTER_NOT_ENCRYPTED),
        ("tcp://127.0.0.1.example:8786", False, CLUSTER_NOT_ENCRYPTED),
        ("tcp://0.0.0.0:8786", False, CLUSTER_NOT_ENCRYPTED),
        ("tls://host.example:8786", False, CLUSTER_NOT_ENCRYPTED),
        ("tcp://127.0.0.1:8786", True, CLUSTER_NOT_ENCRYPTED),
        ("inproc://127.0.0.1:8786", True, INVALID_CLUSTER_ADDRESS),
        ("host.example:8786", True, INVALID_CLUSTER_ADDRESS),
        ("tls://host.example", True, INVALID_CLUSTER_ADDRESS),
        ("tls://:8786", True, INVALID_CLUSTER_ADDRESS),
        ("tls://host.example:99999", True, INVALID_CLUSTER_ADDRESS),
        ("tls://user:word@host.example:8786", True, INVALID_CLUSTER_ADDRESS),
        ("tls://host.example:8786/status", True, INVALID_CLUSTER_ADDRESS),
        ("", True, INVALID_CLUSTER_ADDRESS),
    ],
)
def test_a_cluster_is_encrypted_but_on_this_machine(
    text: str, encrypted: bool, code: Raisable[Problem] | None
) -> None:
    if code is None:
        assert str(Address.of(text, encrypted=encrypted)) == text
    else:
        with raises(code):
            Address.of(text, encrypted=encrypted)


def test_certificates_are_three_files_and_the_key_is_for_its_owner_alone(tmp_path: Path) -> None:
    folder = Authority(tmp_path).folder("node")
    assert Certificates.of(folder).key == folder / "key.pem"
    (folder / "key.pem").chmod(0o640)
    with raises(Refused):
        Certificates.of(folder)
    (folder / "key.pem").chmod(0o600)
    (folder / "ca.pem").unlink()
    with raises(NotFound):
        Certificates.of(folder)


def test_a_key_of_another_certificate_is_told(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    one, other = authority.folder("one"), authority.folder("other")
    (one / "key.pem").write_bytes((other / "key.pem").read_bytes())
    with raises(Malformed):
        Certificates.of(one).context()


@contextlib.contextmanager
def listening(folder: Path, *, speaks: bool = True) -> Iterator[Address]:
    """A scheduler as far as the handshake: it asks for a certificate, and then speaks first, as Dask does."""
    files = Certificates.of(folder)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(files.authority))
    context.load_cert_chain(files.certificate, files.key)
    context.verify_mode = ssl.CERT_REQUIRED
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = server.accept()
                with (
                    contextlib.suppress(OSError),
                    context.wrap_socket(connection, server_side=True) as secure,
                ):
                    secure.send(b"!" if speaks else b"")

    with create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield Address("tls", "127.0.0.1", server.getsockname()[1])
        server.shutdown(2)
    thread.join(10)


@pytest.mark.parametrize(
    ("there", "here", "code"),
    [
        ("good", "good", None),
        ("good", "expired", CLUSTER_CERTIFICATE_EXPIRED),
        ("expired", "good", CLUSTER_CERTIFICATE_EXPIRED),
        ("good", "stranger", CLUSTER_AUTHORITY),
        ("stranger", "good", CLUSTER_AUTHORITY),
        ("good", "stranger that trusts us", CLUSTER_AUTHORITY),
        ("stranger that trusts us", "good", CLUSTER_AUTHORITY),
    ],
)
def test_a_handshake_says_which_certificate_is_wrong(
    there: str, here: str, code: Raisable[Problem] | None, tmp_path: Path
) -> None:
    ours, theirs = Authority(tmp_path / "ours"), Authority(tmp_path / "theirs")
    folders = {
        "good": ours.folder("good"),
        "expired": ours.folder("expired", until=-1),
        "stranger": theirs.folder("stranger"),
        "stranger that trusts us": theirs.folder("other", trusts=ours),
    }
    with listening(folders[there]) as address:
        if code is None:
            require_reach(address, Certificates.of(folders[here]), 10)
        else:
            with raises(code):
                require_reach(address, Certificates.of(folders[here]), 10)


def test_nobody_there_and_somebody_else_there_are_told(tmp_path: Path) -> None:
    files = Certificates.of(Authority(tmp_path).folder("node"))
    with listening(files.key.parent, speaks=False) as address, raises(CLUSTER_LOST):
        require_reach(address, files, 10)
    with raises(CLUSTER_LOST):
        require_reach(address, files, 10)
    with create_server(("127.0.0.1", 0)) as silent, raises(CLUSTER_LOST):
        require_reach(Address("tls", "127.0.0.1", silent.getsockname()[1]), files, 0.1)


class Idle(_Child):
    """The client of a cluster that has so many workers, of whom none answers."""

    def __init__(self, workers: int) -> None:
        self.workers, self.tasks = workers, list[Frame]()

    def send(self, frame: Frame) -> None:
        self.tasks.append(frame)

    def received(self, seconds: float) -> list[Frame]:
        return [Frame(Sort.WORKERS, self.workers, b"10.0.0.7\n\xff\x1b[2J")]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("workers", "patience", "silence", "words"),
    [(2, 60, 0.2, "has answered for"), (0, 0.2, 60, "no worker that answers")],
)
def test_a_wait_for_a_cluster_has_an_end(workers: int, patience: float, silence: float, words: str) -> None:
    idle, cluster = Idle(workers), Cluster("tcp://127.0.0.1:8786", None, patience, silence)
    cluster._child, cluster._workers = idle, 2
    results = cluster.map("a:b", [b"x"] * 100)
    with raises(CLUSTER_LOST) as caught:
        next(results)
    assert words in caught.value.detail
    assert len(idle.tasks) == 6  # three items a worker, and no more
    assert cluster.machines == ("10.0.0.7", "\ufffd\x1b[2J")  # shown only once it was made printable


@pytest.mark.slow
def test_what_a_new_client_takes_to_start_is_no_silence_of_the_cluster() -> None:
    begun: list[Sequence[list[Frame] | float | None]] = [
        ([Frame(Sort.WORKERS, 1)], 0.3, None),  # the client is silent, and then ends
        (0.3, [Frame(Sort.ANSWER, 0, b"\0x")]),
    ]

    class Scripted(_Child):
        def __init__(self, *_: object) -> None:
            self.script = iter(begun.pop(0))

        def send(self, frame: Frame) -> None:
            pass

        def close(self) -> None:
            pass

        def received(self, _: float) -> list[Frame] | None:
            step = next(self.script)
            if isinstance(step, float):
                time.sleep(step)
                return []
            return step

    class Lasting(Cluster):
        def _client(self) -> _Child:
            return Scripted()

    with create_server(("127.0.0.1", 0)) as scheduler:
        address = f"tcp://127.0.0.1:{scheduler.getsockname()[1]}"
        with Lasting(address, None, patience=0.5) as workers:
            assert [*workers.map("a:b", [b"x"])] == [b"x"]


def doubled(item: bytes) -> bytes:
    return item * 2


def seconds(_: bytes) -> bytes:
    return b"%d" % (task.seconds() > 0)


@pytest.fixture
def _nothing_allowed() -> Iterator[None]:
    yield
    task.allow(())


@pytest.mark.usefixtures("_nothing_allowed")
def test_a_worker_calls_what_its_settings_allow_for_a_driver_of_its_release() -> None:
    ours, name = version("intaglio"), f"{__name__}:doubled"
    with raises(FUNCTION_NOT_ALLOWED):
        result_of(task.call(ours, name, b"x"))
    task.allow([name])
    assert result_of(task.call(ours, name, b"x")) == b"xx"
    for other in ("os:getcwd", f"{__name__}:head", "issuer.engine.task:allow"):
        with raises(FUNCTION_NOT_ALLOWED):
            result_of(task.call(ours, other, b"x"))
    with raises(WORKER_RELEASE):
        result_of(task.call("0.0.9", name, b"x"))


@pytest.mark.usefixtures("_nothing_allowed")
def test_a_worker_knows_how_long_it_has_been_at_a_task() -> None:
    task.allow([f"{__name__}:seconds"])
    assert task.seconds() == 0
    assert result_of(task.call(version("intaglio"), f"{__name__}:seconds", b"")) == b"1"
    assert task.seconds() == 0


@pytest.mark.slow
def test_a_worker_reports_every_five_seconds_whatever_the_scheduler_asks_for() -> None:
    """Of a small cluster it asks for two reports a second, as Dask's own worker shows."""
    distributed = pytest.importorskip("distributed", reason="no extra [dask]: pip install '.[dask]'")
    node = importlib.import_module("issuer.engine.node")

    async def after_a_report(kind: Any) -> float:
        async with (
            node._Scheduler(protocol="tcp://", host="127.0.0.1", port=0, dashboard=False) as scheduler,
            kind(scheduler.address, nthreads=1, heartbeat_interval="5s", dashboard=False) as worker,
        ):
            await worker.heartbeat()
            return float(worker.periodic_callbacks["heartbeat"].callback_time)

    plain = type("Plain", (node._Quiet, distributed.Worker), {})
    assert asyncio.run(after_a_report(plain)) == 500.0
    assert asyncio.run(after_a_report(node._Worker)) == 5000.0


@pytest.mark.slow
def test_a_task_that_comes_as_the_client_ends_is_refused_by_nobody() -> None:
    """It ends since the scheduler is lost: the driver starts another one, and sends the task again."""
    distributed = pytest.importorskip("distributed", reason="no extra [dask]: pip install '.[dask]'")
    client, node = map(importlib.import_module, ("issuer.engine.client", "issuer.engine.node"))

    async def end(answers: int) -> None:
        async with node._Scheduler(protocol="tcp://", host="127.0.0.1", port=0, dashboard=False) as scheduler:
            connected = await distributed.Client(scheduler.address, asynchronous=True, set_as_default=False)
            child = client._Child(connected, os.open(os.devnull, os.O_RDONLY), answers)
            await connected.close()
            child._begin(Frame(Sort.TASK, 1, b"a:b\nx"))
            await asyncio.gather(*child._under_way, return_exceptions=True)
        os._exit(0)

    if not (forked := os.fork()):
        asyncio.run(end(os.open(os.devnull, os.O_WRONLY)))
    assert os.waitstatus_to_exitcode(os.waitpid(forked, 0)[1]) == 1
