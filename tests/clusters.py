"""A scheduler and workers as processes on several addresses of loopback, with certificates of their own."""

from __future__ import annotations

import atexit
import contextlib
import functools
import importlib.util
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.authorities import Certified

needed = pytest.mark.skipif(  # 127.0.0.2 and /proc are Linux's
    importlib.util.find_spec("distributed") is None or sys.platform != "linux",
    reason="no extra [dask] on Linux: pip install '.[dask]'",
)
HOSTS = ("127.0.0.1", "127.0.0.2", "127.0.0.3")
_SCHEDULER = """
import sys
from pathlib import Path
from issuer.engine.node import serve_scheduler
serve_scheduler(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]))
"""


class Authority:
    """The authority of a cluster, and the folders of certificates that it gives out."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._own = Certified("cluster", authority=True, since=_in(-30), until=_in(30))

    def folder(self, name: str, *, until: float = 30, trusts: Authority | None = None) -> Path:
        """One with a certificate that ends in so many days; ca.pem is of the authority that it `trusts`."""
        folder = self._folder / name
        folder.mkdir(parents=True)
        one = Certified(name, by=self._own, since=_in(-30), until=_in(until))
        (folder / "ca.pem").write_bytes((trusts or self)._own.pem)
        (folder / "cert.pem").write_bytes(one.pem)
        key = folder / "key.pem"
        key.touch(0o600)
        key.write_bytes(one.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        return folder


def _in(days: float) -> datetime:
    return datetime.now(UTC) + timedelta(days=days)


class Nodes:
    """A scheduler, and a worker at each address, that tests kill and start again."""

    def __init__(self, folder: Path, part: str = "worker", hosts: tuple[str, ...] = HOSTS) -> None:
        self.folder = folder / "nodes"
        """Their log, and what they leave for the time that they run."""
        self.folder.mkdir()
        self._environment = {**os.environ, "TMPDIR": str(self.folder)}
        self._log = (self.folder / "log").open("ab")
        self.authority = Authority(folder)
        self.tls = self.authority.folder("node")
        self.port = free_port()
        self.address = f"tls://127.0.0.1:{self.port}"
        self._stack = contextlib.ExitStack()
        self.scheduler = self.start_scheduler()
        self.workers = [self.start_worker(host, part) for host in hosts]
        self.require_scheduler()

    def start_scheduler(self) -> subprocess.Popen[bytes]:
        words = [sys.executable, "-c", _SCHEDULER, "127.0.0.1", str(self.port), str(self.tls)]
        self.scheduler = self._start(words)
        return self.scheduler

    def start_worker(
        self, host: str, part: str = "worker", tls: Path | None = None
    ) -> subprocess.Popen[bytes]:
        words = [sys.executable, "-m", "tests.cluster_tasks", part, self.address, str(tls or self.tls), host]
        return self._start(words)

    def _start(self, words: list[str]) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            words, cwd=self.folder, env=self._environment, stdout=self._log, stderr=self._log
        )
        self._stack.callback(_end, process)
        return process

    def require_scheduler(self, within: float = 60.0) -> None:
        """Wait until the scheduler listens."""
        until = time.monotonic() + within
        while True:
            with (
                contextlib.suppress(ConnectionRefusedError),
                socket.create_connection(("127.0.0.1", self.port)),
            ):
                return
            assert time.monotonic() < until, "the scheduler did not begin"
            time.sleep(0.05)

    def close(self) -> None:
        self._stack.close()
        self._log.close()


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()  # what it started ends when it is gone
    process.wait()


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def children(pid: int) -> list[int]:
    """The processes that a process has started, and that still are."""
    return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@contextlib.contextmanager
def nodes(part: str = "worker", hosts: tuple[str, ...] = HOSTS) -> Iterator[Nodes]:
    with tempfile.TemporaryDirectory(prefix="intaglio-cluster-") as folder:
        made = Nodes(Path(folder), part, hosts)
        try:
            yield made
        finally:
            made.close()


@functools.cache
def shared() -> Nodes:
    """One that stands as long as this process, for all tests that leave it as it was."""
    context = nodes()
    made = context.__enter__()
    owner = os.getpid()
    atexit.register(lambda: os.getpid() == owner and context.__exit__(None, None, None))
    return made


@contextlib.contextmanager
def standing_still(pid: int) -> Iterator[None]:
    """A process that does nothing meanwhile."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)
