"""Requests and answers of the API: a JSON object with `options`, and problems of RFC 9457."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence, Set
from typing import Any, NamedTuple

import orjson
from fastapi import Request, Response

from exchange.http import BODY_TIME, read_body, require_own_page
from wire.problem import Malformed, Problem, Refused, TooLarge
from wire.strict import load_json_object
from wire.text import shortened
from wire.work import BODY_STEPS, Work

MAX_BODY = 1 << 20
"""Bytes of a request; as those of `POST /verify`."""

SMALLEST_CEILING = 1 << 16
"""Bytes that an answer may have, however small its request is."""

PROBLEM = {
    "application/problem+json": {
        "schema": {
            "type": "object",
            "required": ["type", "status"],
            "properties": {
                "type": {"type": "string", "format": "uri"},
                "code": {"type": "string"},
                "title": {"type": "string"},
                "detail": {"type": "string"},
                "hint": {"type": "string"},
                "facts": {"type": "object"},
                "status": {"type": "integer"},
            },
        }
    }
}
"""The answers from 400 on, as OpenAPI describes them."""

_HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}

_MOST_WARNINGS = 8


class Unread(Exception):
    """A request that is answered before its content is read."""

    def __init__(self, answer: Response) -> None:
        super().__init__()
        self.answer = answer


class Message(NamedTuple):
    """The body of a request: its bytes and its members."""

    size: int
    members: Mapping[str, Any]

    def options(self, checks: Mapping[str, Callable[[object], bool]]) -> tuple[Mapping[str, Any], list[str]]:
        """The known options, and a warning for each other member and option, which changes nothing.

        `checks` says of each whether it takes a value. Raises `Malformed` for one that it does not take:
        what a client asked for would silently not be done.
        """
        options = self.members.get("options")
        if options is None:
            options = {}
        if not isinstance(options, dict):
            raise Malformed("options is not a JSON object")
        for name, takes in checks.items():
            if name in options and not takes(options[name]):
                raise Malformed.saying("options.{name} has a wrong value", name=name)
        unknown = [f"options.{name}" for name in options if name not in checks]
        return {name: value for name, value in options.items() if name in checks}, _warnings(unknown)


async def read_message(request: Request, origins: Set[str], seconds: float = BODY_TIME) -> Message:
    """The JSON object that was posted. Raises `Unread` with the answer to what is none, or came from a page.

    `origins` are those of `exchange.http.require_own_page`: whoever reads an answer here is no other page.
    """
    try:
        require_own_page(request, origins)
    except Refused as problem:
        raise Unread(failure(problem, 403)) from None
    # A page elsewhere may post these three types without asking first (Fetch, 2.2.2): JSON it may not.
    media_type = request.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if media_type != "application/json" and not media_type.endswith("+json"):
        raise Unread(failure(Malformed("the body is not application/json"), 415))
    try:
        body = await read_body(request, MAX_BODY, seconds)
    except Malformed as problem:
        raise Unread(failure(problem, 413 if isinstance(problem, TooLarge) else 408)) from None
    try:
        members = load_json_object(body, limit=MAX_BODY, work=Work(BODY_STEPS))
    except Malformed as problem:
        raise Unread(failure(problem, 413 if isinstance(problem, TooLarge) else 400)) from None
    return Message(len(body), members)


def failure(problem: Problem, status: int, headers: Mapping[str, str] | None = None) -> Response:
    """A problem as the answer."""
    return answer({**problem.to_dict(), "status": status}, status, headers)


def answer(
    content: Mapping[str, Any], status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """A JSON object as the answer; from 400 on it is a problem (RFC 9457)."""
    media_type = "application/json" if status < 400 else "application/problem+json"
    return Response(orjson.dumps(content), status, {**_HEADERS, **(headers or {})}, media_type)


def fitting(content: Mapping[str, Any], question: int, spare: Sequence[str]) -> dict[str, Any]:
    """The content within what an answer to so many bytes may have: `spare` members are left out, in order.

    Four times the question, or 64 KiB: else this service would multiply what others send through it.
    """
    left = dict(content)
    for name in spare:
        if len(orjson.dumps(left)) <= max(4 * question, SMALLEST_CEILING):
            break
        left.pop(name, None)
    return left


def to_json(value: Mapping[str, Any]) -> bytes:
    """The same JSON object as bytes, integers exact, whatever their size."""
    try:
        return orjson.dumps(value)
    except TypeError:  # beyond 64 bits
        return json.dumps(value, ensure_ascii=False).encode()


def is_text(value: object) -> bool:
    """True for a non-empty string no longer than an option may be."""
    return isinstance(value, str) and 0 < len(value) <= 2048


def _warnings(unknown: Sequence[str]) -> list[str]:
    return [f"{shortened(name)} is not known here" for name in unknown[:_MOST_WARNINGS]]
