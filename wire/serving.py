"""What the web services of all roles have in common: the port, the server, the body of a request."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import uvicorn
from fastapi import FastAPI, Request
from starlette.requests import ClientDisconnect

from .problem import Malformed, TooLarge, Unavailable

BODY_TIME = 10.0  # seconds in which a request's body has to arrive


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens. Raises `Unavailable` for a port that is taken or not to be had."""
    try:
        return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        raise Unavailable(
            f"{host}, port {port}: {error.strerror}", hint="Name another port or address: --port, --host."
        ) from error


def run(app: FastAPI, listener: socket.socket, *, tls: tuple[Path, Path] | None = None) -> None:
    """Answers requests until stopped; `tls` names the files of a certificate chain and its key."""
    chain, key = tls or (None, None)
    config = uvicorn.Config(
        app,
        lifespan="off",
        ws="none",
        log_level="warning",
        access_log=False,  # paths hold the tokens of claim links
        server_header=False,
        limit_concurrency=200,
        ssl_certfile=chain,
        ssl_keyfile=key,
    )
    uvicorn.Server(config).run([listener])


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
