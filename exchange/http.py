"""Shared parts of the roles' web services, and the door to FastAPI: bodies with limits, problems as answers.

Each request has an id, which its answer brings in a header and the log in each line. Nothing of what was sent
is logged: a path may hold the token of a claim link, so the route stands there in its place.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import secrets
import time
import zlib
from collections.abc import Callable, Coroutine, Mapping, Set
from contextlib import suppress
from contextvars import ContextVar
from importlib.metadata import version
from typing import Any
from urllib.parse import urlsplit

import orjson
from fastapi import FastAPI, Request, Response
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from wire.problem import Malformed, NotFound, Problem, Refused, TooLarge, Unavailable

_LOG = logging.getLogger(__name__)
_PROBES = ("/livez", "/readyz", "/version")

REQUEST_ID: ContextVar[str] = ContextVar("request id", default="")
"""The id of the request being answered; empty outside of a request."""

REQUEST_ID_HEADER = "X-Request-Id"
_ID_HEADER = REQUEST_ID_HEADER.lower().encode()
BODY_TIME = 10.0  # seconds in which a request's body has to arrive
_PIECE = 1 << 18  # bytes that are unpacked at once


def problem_response(problem: Problem, status: int, headers: Mapping[str, str] | None = None) -> Response:
    """A problem as `application/problem+json` (RFC 9457)."""
    body = orjson.dumps({**problem.to_dict(), "status": status})
    return Response(body, status, headers, "application/problem+json")


def published_response(
    request: Request, content: bytes | None, media_type: str, kept: str = "public, max-age=60"
) -> Response:
    """Published content, or 304 for a client that has it: the tag is the content's digest (RFC 9110 13.1.2).

    Raises `NotFound`.
    """
    if content is None:
        raise NotFound("nothing is published under this address")
    tag = f'"{hashlib.sha256(content).hexdigest()}"'
    headers = {"ETag": tag, "Cache-Control": kept, "Access-Control-Allow-Origin": "*"}
    tags = [item.strip().removeprefix("W/") for item in request.headers.get("If-None-Match", "").split(",")]
    if tag in tags:
        return Response(status_code=304, headers=headers)
    return Response(content, headers=headers, media_type=media_type)


async def no_route(_request: Request, error: Exception) -> Response:
    """The answer to an address or a method that a service does not have: a problem like any other."""
    assert isinstance(error, HTTPException)
    if error.status_code == 405:
        problem: Problem = Refused("this address does not take requests of this method")
    else:
        problem = NotFound("there is nothing under this address")
    return problem_response(problem, error.status_code, error.headers)


async def read_body(request: Request, limit: int, seconds: float = BODY_TIME) -> bytes:
    """The body, no more than `limit` bytes of it in memory. Raises `TooLarge`, `Malformed` if it is late."""
    body = bytearray()
    try:
        async with asyncio.timeout(seconds):
            async for chunk in request.stream():
                body += chunk
                if len(body) > limit:
                    raise TooLarge.saying("the body is longer than {most} bytes", most=limit)
    except ClientDisconnect:
        raise Malformed("the sender went away") from None
    except TimeoutError:
        raise Malformed.saying(
            "the body did not arrive within {seconds} seconds", seconds=f"{seconds:.0f}"
        ) from None
    return bytes(body)


async def read_beginning(request: Request, limit: int, seconds: float = BODY_TIME) -> bytes:
    """As much of the body as comes in time, no more than `limit` bytes; gzip is unpacked up to there.

    The first member of gzip is read, and nothing behind it.

    Raises `Malformed` for another encoding, and for gzip that is damaged.
    """
    encoding = request.headers.get("Content-Encoding", "identity").lower()
    if encoding not in ("identity", "gzip"):
        raise Malformed("the body is neither plain nor gzip")
    unpacked = zlib.decompressobj(wbits=31) if encoding == "gzip" else None
    body = bytearray()
    with suppress(ClientDisconnect, TimeoutError):
        async with asyncio.timeout(seconds):
            async for chunk in request.stream():
                if unpacked is None:
                    body += chunk
                else:
                    await _unpack(unpacked, chunk, body, limit)
                # Bytes behind the end of the gzip would be held for nothing.
                if len(body) > limit or (unpacked is not None and unpacked.eof):
                    break
    del body[limit:]
    return bytes(body)


async def _unpack(unpacked: zlib._Decompress, chunk: bytes, body: bytearray, limit: int) -> None:
    """Append what a chunk of gzip unpacks to. Raises `Malformed` for one that is damaged."""
    is_more = True
    while is_more and len(body) <= limit:
        try:
            # threat 62: a bomb is unpacked no further than what is asked for, and holds up nobody meanwhile.
            piece = unpacked.decompress(chunk, _PIECE)
        except zlib.error:
            raise Malformed("the body is no gzip") from None
        body += piece
        chunk, is_more = unpacked.unconsumed_tail, len(piece) == _PIECE
        await asyncio.sleep(0)


def require_own_page(request: Request, origins: Set[str]) -> None:
    """Raises `Refused` for what a browser sends from elsewhere, or under another name than the service's.

    A page elsewhere could else have a diploma judged here, and by DNS rebinding read what is said of it.
    Programs send neither `Origin` (RFC 6454) nor `Sec-Fetch-Site` (Fetch Metadata); no page can omit both.
    """
    origin, site = request.headers.get("Origin"), request.headers.get("Sec-Fetch-Site")
    if origin is None and site is None:
        return
    is_own = site in (None, "same-origin")
    if origins:
        host = request.headers.get("Host", "").lower()
        is_own &= origin is None or origin.lower() in origins
        is_own &= any(urlsplit(allowed).netloc == host for allowed in origins)
    else:
        is_own &= site is not None
    if not is_own:
        raise Refused(
            "a browser sent this from a page of another host, or to another name than this service has"
        )


class Identified:
    """ASGI middleware: gives each request an id of ours, and logs one line when it is answered."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI interface."""
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        REQUEST_ID.set(identifier := secrets.token_hex(8))
        status, begun = 500, time.monotonic()

        async def identified(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], (_ID_HEADER, identifier.encode())]
            await send(message)

        try:
            await self._app(scope, receive, identified)
        finally:
            route = getattr(scope.get("route"), "path", None)
            if route not in _PROBES:
                taken = round((time.monotonic() - begun) * 1000)
                answered = {"method": scope["method"], "route": route, "status": status, "ms": taken}
                _log_answered({"facts": answered})


def _log_answered(extra: Mapping[str, object]) -> None:
    """Log like `info`, but without its look-up of the calling line, which costs much at each request."""
    if _LOG.isEnabledFor(logging.INFO):
        _LOG.handle(_LOG.makeRecord(_LOG.name, logging.INFO, "", 0, "answered", (), None, extra=extra))


def service(
    answer: Callable[[Problem], Response], state: Callable[[], Mapping[str, object] | None]
) -> FastAPI:
    """A service without routes but its probes; `answer` says what is sent for a problem."""

    async def problem(_request: Request, error: Exception) -> Response:
        assert isinstance(error, Problem)
        return answer(error)

    app = FastAPI(
        openapi_url=None,
        redirect_slashes=False,
        exception_handlers={HTTPException: no_route, Problem: problem},
    )
    app.add_middleware(Identified)
    add_probes(app, state)
    return app


def documented(title: str) -> FastAPI:
    """A service without routes that publishes its OpenAPI document; it catches no problem of a route's."""
    app = FastAPI(
        title=title,
        version="1",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        exception_handlers={HTTPException: no_route},
    )
    app.add_middleware(Identified)
    return app


def add_probes(app: FastAPI, state: Callable[[], Mapping[str, object] | None]) -> None:
    """`/livez`: it runs. `/readyz`: it can answer, with what `state` says, unless that raises. `/version`."""
    headers = {"Cache-Control": "no-store"}

    @app.get("/livez")
    async def live() -> Response:
        return Response(b'{"status":"ok"}', headers=headers, media_type="application/json")

    @app.get("/readyz")
    def ready() -> Response:
        try:
            facts = state()
        except Problem as problem:
            log_problem(_LOG, problem)
            return problem_response(Unavailable("the service is not ready"), 503, headers)
        body = orjson.dumps({"status": "ok", **(facts or {})})
        return Response(body, headers=headers, media_type="application/json")

    @app.get("/version")
    async def of_program() -> Response:
        body = orjson.dumps({"name": "intaglio", "version": version("intaglio")})
        return Response(body, headers=headers, media_type="application/json")


class Whole(APIRoute):
    """A route whose function gets the request as it came: FastAPI parses nothing, which saves time."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The function itself."""
        handler: Callable[[Request], Coroutine[Any, Any, Response]] = self.endpoint
        return handler


def log_problem(log: logging.Logger, problem: Problem) -> None:
    """Log a problem for the operator of the service, with its code and facts beside the sentence."""
    log.error("%s: %s", problem.title, problem.detail, extra={"problem": problem})
