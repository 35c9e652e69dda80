"""A real server on loopback for tests: uvicorn in a thread, on a socket that listens before it starts."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from typing import Any

import uvicorn
from fastapi import FastAPI


@contextlib.contextmanager
def listening() -> Iterator[socket.socket]:
    """A socket on a free port of loopback; connections wait in its queue until somebody serves."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:
        yield listener


@contextlib.contextmanager
def serving(app: FastAPI, listener: socket.socket, **options: Any) -> Iterator[None]:
    """Serve until the block ends. `options` are uvicorn's, such as those for TLS."""
    config = uvicorn.Config(app, lifespan="off", ws="none", log_level="error", access_log=False, **options)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, args=([listener],))
    thread.start()
    try:
        yield
    finally:
        server.should_exit = True
        thread.join()
