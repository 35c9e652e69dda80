"""A port, and the server that answers on it."""

from __future__ import annotations

import functools
import socket
from pathlib import Path
from typing import Any, cast

import uvicorn
from fastapi import FastAPI

from wire.problem import Unavailable

from .connections import BEHIND_PROXY, LIMITS, Guard, Limits, Loop
from .logs import to_stderr

__all__ = ["BEHIND_PROXY", "LIMITS", "listen", "run", "server"]


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens. Raises `Unavailable` for a port that is taken or not to be had."""
    try:
        found = socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        raise Unavailable(
            f"{host}, port {port}: {error.strerror}", hint="Name another port or address: --port, --host."
        ) from error
    # Each connection inherits it; without, an answer waits 40 ms for the one before to be acknowledged.
    found.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return found


def run(
    app: FastAPI,
    listener: socket.socket,
    *,
    tls: tuple[Path, Path] | None = None,
    limits: Limits = LIMITS,
) -> None:
    """Answers requests until stopped, and logs; `tls` names the files of a certificate chain and its key."""
    with to_stderr():
        server(app, tls=tls, limits=limits).run([listener])


def server(app: FastAPI, *, tls: tuple[Path, Path] | None = None, limits: Limits = LIMITS) -> uvicorn.Server:
    """What answers, not yet started."""
    chain, key = tls or (None, None)
    config = uvicorn.Config(
        app,
        http=cast("Any", Guard(limits)),
        loop=cast("Any", functools.partial(Loop, limits.handshake)),
        timeout_keep_alive=limits.idle,
        lifespan="off",
        ws="none",
        log_level="warning",
        log_config=None,  # as everything else is logged
        access_log=False,  # paths hold the tokens of claim links
        server_header=False,
        proxy_headers=False,  # nothing here asks who the sender is but by the connection
        ssl_certfile=chain,
        ssl_keyfile=key,
    )
    return uvicorn.Server(config)
