"""A real server on loopback for tests: the services' own, in a thread, on a socket that listens before."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import FastAPI

from intaglio.connections import LIMITS, Limits
from intaglio.serving import listen, server


@contextlib.contextmanager
def listening() -> Iterator[socket.socket]:
    """A socket on a free port of loopback; connections wait in its queue until somebody serves."""
    with listen("127.0.0.1", 0) as listener:
        yield listener


@contextlib.contextmanager
def serving(
    app: FastAPI,
    listener: socket.socket,
    *,
    tls: tuple[Path, Path] | None = None,
    limits: Limits = LIMITS,
    **options: Any,
) -> Iterator[uvicorn.Server]:
    """Serve until the block ends. `tls` names the files of a certificate chain and its key."""
    service = server(app, tls=tls, limits=limits, **options)
    thread = threading.Thread(target=service.run, args=([listener],))
    thread.start()
    try:
        yield service
    finally:
        service.should_exit = True
        thread.join()
