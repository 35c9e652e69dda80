"""The child that speaks with Dask for a driver: `python -m issuer.engine.client ADDRESS [FOLDER]`.

Dask unpickles what a worker or scheduler sends, whatever its settings: whoever has a certificate of the
cluster runs code in this process. So it has nothing: no keys, no database, no home, an empty environment. It
reads tasks from its standard input and writes bounded frames to its standard output, which the driver parses.
It ends when the driver does, and when the connection is lost: the driver starts another.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import os
import queue
import resource
import sys
import threading
from concurrent.futures import CancelledError
from importlib.metadata import version
from pathlib import Path
from typing import Any

import dask
from distributed import Client, KilledWorker, Security
from distributed.comm.core import CommClosedError

from .answer import MOST_BYTES
from .confined import confine
from .frames import MOST_HOSTS, Frame, Frames, Sort
from .task import call
from .tls import Address, Certificates

_BETWEEN = 1.0  # seconds between two questions whether the scheduler is there
_MEMORY = 8 << 30  # bytes of address space
_LONGEST = 30.0  # seconds that the scheduler has for an answer: it may be on a busy machine
_SHOWN = 64  # workers whose machines are told

QUIET = {
    # Dask's watch over itself took more processor time than a small task.
    "distributed.admin.tick.interval": "1s",
    "distributed.admin.tick.limit": "30s",
    "distributed.admin.system-monitor.interval": "10s",
    "distributed.admin.system-monitor.gil.enabled": False,
    "distributed.admin.system-monitor.disk": False,
    "distributed.client.scheduler-info-interval": "60s",
    "distributed.diagnostics.nvml": False,
}


def security(folder: Path) -> Security:
    """The certificates of a folder, as Dask takes them: mutual TLS for every role."""
    files = Certificates.of(folder)
    certificate, key = str(files.certificate), str(files.key)
    return Security(
        require_encryption=True,
        tls_ca_file=str(files.authority),
        tls_client_cert=certificate,
        tls_client_key=key,
        tls_scheduler_cert=certificate,
        tls_scheduler_key=key,
        tls_worker_cert=certificate,
        tls_worker_key=key,
    )


class _Child:
    """The tasks under way, and the answers that wait to be written."""

    def __init__(self, client: Client, tasks: int, answers: int) -> None:
        self._client = client
        self._tasks, self._answers = tasks, answers
        self._waiting: queue.SimpleQueue[Frame] = queue.SimpleQueue()
        self._release = version("intaglio")
        self._under_way: set[asyncio.Task[None]] = set()

    async def serve(self) -> None:
        loop = asyncio.get_running_loop()
        threading.Thread(target=self._read, args=(loop,), daemon=True).start()
        threading.Thread(target=self._write, daemon=True).start()
        while (scheduler := self._client.scheduler) and self._client.status == "running":
            identity = await asyncio.wait_for(scheduler.identity(n_workers=_SHOWN), _LONGEST)
            hosts = sorted({str(each["host"]) for each in identity["workers"].values()})
            packed = "\n".join(hosts).encode()[:MOST_HOSTS]
            self._waiting.put(Frame(Sort.WORKERS, int(identity["n_workers"]), packed))
            await asyncio.sleep(_BETWEEN)

    def _read(self, loop: asyncio.AbstractEventLoop) -> None:
        frames = Frames(Sort.TASK)
        while received := os.read(self._tasks, 1 << 20):
            for frame in frames.feed(received):
                loop.call_soon_threadsafe(self._begin, frame)
        os._exit(0)  # the driver is gone, or needs no more

    def _write(self) -> None:
        while True:
            unwritten = memoryview(self._waiting.get().packed())
            while unwritten:
                unwritten = unwritten[os.write(self._answers, unwritten) :]

    def _begin(self, frame: Frame) -> None:
        task = asyncio.get_running_loop().create_task(self._answer(frame.payload))
        self._under_way.add(task)
        task.add_done_callback(functools.partial(self._ended, frame.number))

    async def _answer(self, payload: bytes) -> Any:
        name, _, item = payload.partition(b"\n")
        # The least that Dask can be given: a function by its name, text and bytes.
        return await self._client.submit(call, self._release, name.decode(), item, pure=False)

    def _ended(self, number: int, task: asyncio.Task[Any]) -> None:
        self._under_way.discard(task)
        error = asyncio.CancelledError() if task.cancelled() else task.exception()
        # A scheduler that goes takes its tasks along, while they are begun, under way or answered: no error
        # of theirs is then a worker's refusal.
        is_lost = error is not None and self._client.status != "running"
        if is_lost or isinstance(error, CancelledError | asyncio.CancelledError | CommClosedError):
            os._exit(1)  # the driver starts another of us, and sends it what is under way
        elif isinstance(error, KilledWorker):
            self._waiting.put(Frame(Sort.DIED, number))
        elif error is None and type(answer := task.result()) is bytes:
            self._waiting.put(Frame(Sort.ANSWER, number, answer[: MOST_BYTES + 1]))
        else:  # what a worker raised may have words of a row: they stay here
            self._waiting.put(Frame(Sort.REFUSED, number))


async def _main(address: str, folder: Path | None) -> None:
    answers = os.dup(1)
    os.dup2(2, 1)  # what Dask prints is no frame
    tls = None if folder is None else security(folder)
    async with Client(
        address,
        security=tls,
        asynchronous=True,
        set_as_default=False,
        timeout=_LONGEST,
        direct_to_workers=False,
    ) as client:
        await _Child(client, 0, answers).serve()


def main(address: str, folder: str | None = None) -> None:
    """Serves the driver at the other end of the standard input and output, until one of them ends."""
    scheduler = Address.of(address, encrypted=folder is not None)
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))  # a giant answer ends this process alone
    confine(_readable(folder), [Path.cwd(), Path("/dev/null")], scheduler.port)
    logging.disable(logging.CRITICAL)
    dask.config.set({**QUIET, "distributed.comm.timeouts.tcp": "60s"})
    try:
        asyncio.run(_main(address, Path(folder) if folder else None))
    finally:
        os._exit(1)  # whatever ended it: the driver begins anew, and counts


def _readable(folder: str | None) -> list[Path]:
    """The paths that stay readable: the program, the system's settings, and the cluster's certificates."""
    program = [sys.prefix, sys.base_prefix, *sys.path, "/usr", "/lib", "/lib64", "/etc"]
    # Root may read the environment of any process, even so: of /proc there is this one alone.
    system = ["/dev/urandom", "/proc/self", "/proc/stat", "/proc/meminfo", "/proc/cpuinfo"]
    certificates = Certificates.of(Path(folder)) if folder else ()
    return [*(Path(each) for each in (*program, *system) if each), *certificates]


if __name__ == "__main__":
    main(*sys.argv[1:])
