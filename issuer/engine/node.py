"""The other end of a cluster: a scheduler, or a worker that calls what its own settings allow.

Both have no page, no HTTP and no files of their own, and write nothing of a task to their log.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import math
import os
import signal
import tempfile
import time
from collections.abc import Collection
from pathlib import Path
from typing import Any, NamedTuple

import dask
from distributed import Scheduler, Worker

from wire.workers import Allowance, Pool, Tell

from . import task
from .client import QUIET, security
from .problem import CLUSTER_LOST
from .tls import Address, Certificates, require_reach

_log = logging.getLogger(__name__)
MEMORY = 4 << 30
"""Bytes of address space that a worker may take beyond what it starts with."""
LONGEST = 1800.0
"""Seconds that a worker may take for a task: a token of three signatures a second signs a span in them."""
_BETWEEN = 1.0  # seconds
_HANDSHAKE = 5.0  # seconds
_BEAT = 5.0  # seconds between two reports of a worker: each one costs both ends a millisecond
_SETTINGS = {
    # A task's bytes are rows: Dask would write them to a disk when memory is short.
    "distributed.worker.memory.target": False,
    "distributed.worker.memory.spill": False,
    "distributed.worker.memory.pause": False,
    "distributed.worker.memory.terminate": False,
    "distributed.worker.http.routes": [],
    "distributed.scheduler.http.routes": [],
    "distributed.worker.profile.enabled": False,
    **QUIET,
    "distributed.scheduler.active-memory-manager.start": False,
    "distributed.scheduler.allowed-failures": 2,  # the third worker that a task kills is the last one
    "distributed.scheduler.worker-ttl": "120s",  # one that stands still for longer has lost its tasks
}


class WorkerSettings(NamedTuple):
    """What a worker knows by itself, whatever a task says."""

    scheduler: str
    """Its address, `tls://host:port`."""
    tls: Path | None
    """The folder with ca.pem, cert.pem and key.pem."""
    functions: Collection[str]
    """The names, `module:callable`, that tasks may ask for."""
    host: str | None = None
    """The address at which the scheduler reaches it; by default the one that leads there."""
    longest: float = LONGEST


def work(settings: WorkerSettings, processes: int) -> None:
    """Works for a scheduler by so many processes, until stopped; one that dies is replaced.

    Raises what `require_reach` does, but waits for a scheduler that does not answer.
    """
    Address.of(settings.scheduler, encrypted=settings.tls is not None)
    with Pool(settings, processes, Allowance(math.inf, MEMORY)) as pool:
        for _ in pool.map(_work, itertools.repeat(None), lost=_replaced):
            pass


def serve_scheduler(host: str, port: int, tls: Path | None) -> None:
    """Runs the scheduler of a cluster at that address, until stopped."""
    address = Address.of(f"{'tls' if tls else 'tcp'}://{host}:{port}", encrypted=tls is not None)
    _silence()
    asyncio.run(_schedule(address, tls))


def _replaced(_: None) -> None:
    time.sleep(_BETWEEN)  # one that dies at once would keep a core busy


def _silence() -> None:
    """Takes Dask's lines from the log: it writes the arguments of a task that fails, which are rows."""
    dask.config.set(_SETTINGS)
    for name in ("asyncio", "distributed", "tornado", *logging.root.manager.loggerDict):
        if name.partition(".")[0] in ("asyncio", "distributed", "tornado"):
            logger = logging.getLogger(name)
            logger.handlers, logger.propagate = [logging.NullHandler()], False


def _work(settings: WorkerSettings, _: None, _tell: Tell) -> None:
    _silence()
    task.allow(settings.functions)
    with tempfile.TemporaryDirectory(prefix="intaglio-worker-") as scratch:
        asyncio.run(_serve(settings, scratch))


async def _serve(settings: WorkerSettings, scratch: str) -> None:
    address = Address.of(settings.scheduler, encrypted=settings.tls is not None)
    files = None if settings.tls is None else Certificates.of(settings.tls)
    leaving = asyncio.create_task(_leave_in_time(settings.longest))
    waits = False
    while not leaving.done():
        try:
            require_reach(address, files, _HANDSHAKE)
        except CLUSTER_LOST.kind as problem:
            if problem.code != CLUSTER_LOST.code:
                raise
            if not waits:
                _log.warning("waiting for the scheduler at %s", address)
            waits = True
            await asyncio.sleep(_BETWEEN)
            continue
        worker = _Worker(
            str(address),
            host=settings.host,
            nthreads=1,
            heartbeat_interval=f"{_BEAT}s",
            memory_limit=0,
            local_directory=scratch,
            security=None if settings.tls is None else security(settings.tls),
            dashboard=False,
        )
        async with worker:
            _log.warning("working for the scheduler at %s", address)
            waits = False
            await worker.finished()  # type: ignore[no-untyped-call]  # the scheduler was lost: the next one gets another


async def _leave_in_time(longest: float) -> None:
    """Ends this process when its parent is gone, which nothing else tells it while it serves.

    It ends, too, over a task that takes too long, such as by a token that does not answer: nothing else ends
    a thread, and others get the task.
    """
    parent = os.getppid()
    while os.getppid() == parent and task.seconds() <= longest:
        await asyncio.sleep(_BETWEEN)
    os._exit(0)


async def _schedule(address: Address, tls: Path | None) -> None:
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    scheduler = _Scheduler(
        host=address.host,
        port=address.port,
        protocol=address.scheme,
        security=None if tls is None else security(tls),
        dashboard=False,
    )
    async with scheduler:
        await stopped.wait()


class _Quiet:
    """A node of Dask without its HTTP server, which would listen without a certificate."""

    def start_http_server(self, *_: Any, **__: Any) -> None:
        """Starts none."""


class _Scheduler(_Quiet, Scheduler):
    pass


class _Worker(_Quiet, Worker):
    async def heartbeat(self) -> None:
        """Reports to the scheduler, which asks a small cluster for two reports a second."""
        await super().heartbeat()
        self.periodic_callbacks["heartbeat"].callback_time = _BEAT * 1000
