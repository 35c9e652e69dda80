"""What the web services of all roles share: port and server, the body of a request, problems as answers."""

from __future__ import annotations

import asyncio
import functools
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import orjson
import uvicorn
from fastapi import FastAPI, Request, Response
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from .connections import BEHIND_PROXY, LIMITS, Guard, Limits, Loop
from .problem import Malformed, NotFound, Problem, Refused, TooLarge, Unavailable

__all__ = [
    "BEHIND_PROXY",
    "LIMITS",
    "listen",
    "no_route",
    "problem_response",
    "read_body",
    "run",
    "server",
]

BODY_TIME = 10.0  # seconds in which a request's body has to arrive


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
    """Answers requests until stopped; `tls` names the files of a certificate chain and its key."""
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
        access_log=False,  # paths hold the tokens of claim links
        server_header=False,
        proxy_headers=False,  # nothing here asks who the sender is but by the connection
        ssl_certfile=chain,
        ssl_keyfile=key,
    )
    return uvicorn.Server(config)


def problem_response(problem: Problem, status: int, headers: Mapping[str, str] | None = None) -> Response:
    """A problem as `application/problem+json` (RFC 9457)."""
    body = orjson.dumps({**problem.to_dict(), "status": status})
    return Response(body, status, headers, "application/problem+json")


async def no_route(_request: Request, error: Exception) -> Response:
    """The answer to an address or a method that a service does not have: a problem like any other."""
    assert isinstance(error, HTTPException)
    if error.status_code == 405:
        problem: Problem = Refused("this address does not take requests of this method")
    else:
        problem = NotFound("there is nothing under this address")
    return problem_response(problem, error.status_code, error.headers)


async def read_body(request: Request, limit: int) -> bytes:
    """The body, no more than `limit` bytes of it in memory. Raises `TooLarge`, `Malformed` if it is late."""
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_TIME):
            async for chunk in request.stream():
                body += chunk
                if len(body) > limit:
                    raise TooLarge(f"the body is longer than {limit} bytes")
    except ClientDisconnect:
        raise Malformed("the sender went away") from None
    except TimeoutError:
        raise Malformed(f"the body did not arrive within {BODY_TIME:.0f} seconds") from None
    return bytes(body)
