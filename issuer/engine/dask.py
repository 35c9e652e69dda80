"""Workers behind a Dask scheduler, with mutual TLS; the client of Dask is a child that has nothing."""

from __future__ import annotations

import itertools
import os
import selectors
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from wire.problem import Malformed, Problem
from wire.workers import WORKER_DIED

from .answer import result_of
from .frames import Frame, Frames, Sort
from .problem import CLUSTER_LOST, TASK_REFUSED
from .tls import Address, Certificates, require_reach
from .workers import Workers

PATIENCE = 90.0
"""Seconds without a scheduler, or without a worker, until that is told."""
SILENCE = 4 * 1800.0
"""Seconds without any answer until that is told: more than three workers have for one task in turn."""
_AHEAD = 3  # items a worker: one in hand, one there, one on the way
_MOST_AHEAD = 256
_HANDSHAKE = 5.0  # seconds
_TICK = 1.0  # seconds after which the patience is looked at
_MOST_CHILDREN = 8  # that end without one answer between them


class _Child:
    """A process that has nothing but a pipe, the cluster's certificates and an empty folder."""

    def __init__(self, address: Address, folder: Path | None) -> None:
        self._stack = ExitStack()
        empty = self._stack.enter_context(tempfile.TemporaryDirectory(prefix="intaglio-cluster-"))
        files = [] if folder is None else [str(folder.absolute())]
        self._process = subprocess.Popen(  # noqa: S603, our own module
            [sys.executable, "-I", "-m", "issuer.engine.client", str(address), *files],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # Dask's words could have a row in them
            cwd=empty,
            # Dask runs what the cluster sends. No variable of ours, which may name passphrases and databases,
            # and no home, where Dask would look for settings.
            env={"HOME": empty, "DASK_CONFIG": empty, "LANG": "C.UTF-8"},
            start_new_session=True,  # Ctrl-C is the driver's, which ends it
        )
        assert self._process.stdin
        assert self._process.stdout
        self._tasks, self._answers = self._process.stdin.fileno(), self._process.stdout.fileno()
        os.set_blocking(self._tasks, False)
        os.set_blocking(self._answers, False)
        self._frames = Frames(Sort.ANSWER, Sort.DIED, Sort.REFUSED, Sort.WORKERS)
        self._unsent = bytearray()

    def send(self, frame: Frame) -> None:
        self._unsent += frame.packed()

    def received(self, seconds: float) -> list[Frame] | None:
        """The frames that came within the time, while what is to be sent is sent; None when it has ended."""
        with selectors.DefaultSelector() as selector:
            selector.register(self._answers, selectors.EVENT_READ)
            if self._unsent:
                selector.register(self._tasks, selectors.EVENT_WRITE)
            ready = {key.fd for key, _ in selector.select(seconds)}
        if self._tasks in ready:
            try:
                del self._unsent[: os.write(self._tasks, self._unsent[: 1 << 20])]
            except BrokenPipeError:
                return None
        if self._answers not in ready:
            return []
        received = os.read(self._answers, 1 << 20)
        return [*self._frames.feed(received)] if received else None

    def close(self) -> None:
        self._process.kill()
        with self._process:  # closes the pipes and waits
            pass
        self._stack.close()


class Cluster(Workers):
    """The workers of a Dask scheduler. To be used as a context; see `Workers`.

    A worker that dies is replaced by another of the cluster, which does the task again; one that kills
    several raises `WORKER_DIED`. A scheduler that vanishes has `patience` seconds to come back, and then
    gets anew what was under way.
    """

    def __init__(
        self, address: str, tls: Path | None, patience: float = PATIENCE, silence: float = SILENCE
    ) -> None:
        """`address` is `tls://host:port`, and `tls` the folder with ca.pem, cert.pem and key.pem.

        Raises `INVALID_CLUSTER_ADDRESS`, `CLUSTER_NOT_ENCRYPTED`, and what `Certificates.of` raises.
        """
        self._address = Address.of(address, encrypted=tls is not None)
        self._folder, self._files = tls, None if tls is None else Certificates.of(tls)
        self._patience, self._silence = patience, silence
        self._child: _Child | None = None
        self._workers = 0
        self.machines = ()
        self._children = 0
        self._heard = self._answered = time.monotonic()
        self._numbers = itertools.count()

    def __enter__(self) -> Self:
        """Raises what `require_reach` does."""
        require_reach(self._address, self._files, _HANDSHAKE)
        self._begin()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._child:
            self._child.close()

    def map(self, function: str, items: Iterable[bytes]) -> Iterator[bytes]:
        """See `Workers.map`. Raises `CLUSTER_LOST` when the patience is over, and `TASK_REFUSED`."""
        remaining = iter(items)
        name = function.encode() + b"\n"
        order: deque[int] = deque()  # numbers of items that have no result yet, or whose result waits
        under_way: dict[int, Frame] = {}
        done: dict[int, bytes | Problem] = {}
        self._heard = time.monotonic()
        while True:
            while len(order) < max(1, min(_AHEAD * self._workers, _MOST_AHEAD)):
                item = next(remaining, None)
                if item is None:
                    break
                number = next(self._numbers)
                order.append(number)
                under_way[number] = Frame(Sort.TASK, number, name + item)
                self._open().send(under_way[number])
                self._answered = time.monotonic()
            if not order:
                return
            for frame in self._received(under_way.values()):
                if under_way.pop(frame.number, None) is None:
                    raise Malformed("the client of the cluster answered what it was not asked")
                self._children, self._answered = 0, time.monotonic()
                done[frame.number] = frame.payload if frame.sort is Sort.ANSWER else _problem(frame.sort)
            while order and order[0] in done:
                answer = done.pop(order.popleft())
                if isinstance(answer, Problem):
                    raise answer
                result = result_of(answer)
                paused = time.monotonic()
                yield result
                waited = time.monotonic() - paused  # nobody listened meanwhile
                self._heard, self._answered = self._heard + waited, self._answered + waited

    def _begin(self) -> None:
        # The scheduler has just answered: what our child takes to start and to connect is no silence of its.
        self._heard = time.monotonic()
        self._child = self._client()

    def _client(self) -> _Child:
        return _Child(self._address, self._folder)

    def _open(self) -> _Child:
        assert self._child, "a cluster is used as a context"
        return self._child

    def _received(self, under_way: Iterable[Frame]) -> Iterator[Frame]:
        """The frames that came about tasks. A child that ended is replaced, and gets what is under way."""
        frames = self._open().received(_TICK)
        if frames is None:
            self._begin_again(under_way)
            return
        for frame in frames:
            if frame.sort is not Sort.WORKERS:
                yield frame
            elif (workers := frame.number) or self._workers:
                self._workers = min(workers, _MOST_AHEAD)
                # A text of strangers: whoever shows it bounds it, and takes what cannot be printed from it.
                self.machines = tuple(frame.payload.decode("utf-8", "replace").splitlines())
                self._heard = time.monotonic() if workers else self._heard
        self._require_patience()

    def _begin_again(self, under_way: Iterable[Frame]) -> None:
        self._open().close()
        self._children += 1
        if self._children > _MOST_CHILDREN:  # something that the cluster sends ends it each time
            raise self._lost()
        while True:
            self._require_patience()
            try:
                require_reach(self._address, self._files, _HANDSHAKE)
                break
            except CLUSTER_LOST.kind as problem:
                if problem.code != CLUSTER_LOST.code:
                    raise
                time.sleep(_TICK / 2)
        self._begin()
        for frame in under_way:
            self._open().send(frame)

    def _require_patience(self) -> None:
        if time.monotonic() - self._heard > self._patience:
            raise self._lost()
        # A worker that lies can be there and do nothing: no other end of the wait is certain.
        if time.monotonic() - self._answered > self._silence:
            raise CLUSTER_LOST.saying(
                "no worker of the cluster at {address} has answered for {minutes} minutes",
                address=str(self._address),
                minutes=round(self._silence / 60),
            )

    def _lost(self) -> Problem:
        return CLUSTER_LOST.saying(
            "the cluster at {address} has no scheduler or no worker that answers",
            address=str(self._address),
        )


def _problem(sort: Sort) -> Problem:
    if sort is Sort.DIED:
        return WORKER_DIED.saying("a task ended each worker of the cluster that began with it")
    return TASK_REFUSED.saying("a worker of the cluster could not begin with a task, or gave no bytes")
