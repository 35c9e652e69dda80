"""What the roles' web services share, and the door to FastAPI: bodies with limits, problems as answers."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import orjson
from fastapi import Request, Response
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from wire.problem import Malformed, NotFound, Problem, Refused, TooLarge

BODY_TIME = 10.0  # seconds in which a request's body has to arrive


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
