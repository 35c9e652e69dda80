"""The verifier as an HTTP service: `POST /verify` with a credential, a presentation or a bundle.

The route verifies cheap requests inline and offline, which is faster than handing them on. Costlier ones go
to worker processes. A report is made again in a thread, with the network, in two cases. Either it stays open
because something could not be reached, or it rests on a status list that may be older than the one at its
address. A full queue answers 503.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from fastapi import FastAPI, Request, Response

from exchange.http import (
    BODY_TIME,
    Whole,
    add_probes,
    documented,
    log_problem,
    problem_response,
    read_body,
    require_own_page,
)
from wire import Malformed, Problem, TooLarge, TryLater, Unavailable
from wire.problem import Refused
from wire.text import shortened

from .answering import MOST_FETCHING, Answering
from .judge import REPORT_SECONDS, Judge, Judged, Question, Verifiers
from .policy import Policy
from .processes import Processes

_LOG = logging.getLogger(__name__)

MAX_BODY = 1 << 20
"""Bytes; less than a file may have (`vc.bundle.MAX_BYTES`), since many bodies are in memory at once."""

_PARAMETERS = [
    {"name": name, "in": "query", "required": False, "schema": {"type": "string"}}
    for name in ("challenge", "domain")
]
_BODY = {"required": True, "content": {"application/json": {"schema": {"type": "object"}}}}
_RESPONSES: dict[int | str, dict[str, Any]] = {
    400: {"description": "Definitely not valid"},
    403: {"description": "A browser sent it from a page of another host, or to another name"},
    408: {"description": "The body did not arrive in time"},
    413: {"description": f"Longer than {MAX_BODY} bytes"},
    415: {"description": "An upload by a form"},
    422: {"description": "Could not be decided"},
    503: {"description": "The service cannot judge now"},
}
_HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
_FORMS = ("multipart/form-data", "application/x-www-form-urlencoded")


def create_app(
    verifiers: Callable[[], Verifiers],
    *,
    clock: Callable[[], datetime],
    policy: Policy | None = None,
    strangers: bool = False,
    origins: Set[str] = frozenset(),
    processes: Processes[Question, Judged] | None = None,
    seconds: float = REPORT_SECONDS,
    most_fetching: int = MOST_FETCHING,
    body_seconds: float = BODY_TIME,
) -> FastAPI:
    """The service. It asks for its verifiers at each request, since the trust list may have changed.

    `policy` and `strangers` are those of `Verifier.verify`. `origins` are the service's own, such as
    `https://verify.example`: what a browser sends has to come from one of them, and under its name. Without
    them only what a browser calls `same-origin` is taken. Without `processes` all is done in this one. A
    report has so many `seconds` for the network, and `most_fetching` may wait for it at once. A body has
    `body_seconds` to arrive.
    """
    judge = Judge(verifiers, policy, strangers, seconds)
    answering = Answering(judge, processes, most_fetching)
    service = _Service(answering, clock, origins, body_seconds)
    app = documented("Intaglio verifier")
    app.router.add_api_route(
        "/verify",
        service.verify,
        methods=["POST"],
        route_class_override=Whole,
        responses=_RESPONSES,
        openapi_extra={"parameters": _PARAMETERS, "requestBody": _BODY},
    )

    def require_ready() -> None:
        verifiers()

    add_probes(app, require_ready)  # after what is asked for most: routes are tried one by one
    return app


@dataclass(frozen=True, slots=True)
class _Service:
    """Handles `POST /verify`."""

    answering: Answering
    clock: Callable[[], datetime]
    origins: Set[str]
    body_seconds: float

    async def verify(self, request: Request) -> Response:
        """Verifies the JSON body. The credentials are in the answer only if it is valid."""
        answer = self._refusal(request) or await self._answer(request)
        answer.headers.update(_HEADERS)
        return answer

    def _refusal(self, request: Request) -> Response | None:
        """The answer to a request whose body is not read."""
        try:
            # Threat F35: a page of another host, also under a name made to lead here (DNS rebinding).
            require_own_page(request, self.origins)
        except Refused as problem:
            return problem_response(problem, 403)
        if request.headers.get("Content-Type", "").lower().startswith(_FORMS):
            return problem_response(
                Malformed(
                    "this is an upload by a form; the body has to be the file alone",
                    hint="Send its bytes as they are, with Content-Type: application/json.",
                ),
                415,
            )
        parameters = _parameters(request)
        # Threat R8: a misspelt challenge must not be dropped in silence.
        if unknown := parameters.keys() - {"challenge", "domain"}:
            return problem_response(
                Malformed.saying("there is no parameter {name}", name=shortened(min(unknown))), 400
            )
        # Threat R8: half of what was asked would be compared with nothing.
        if len(parameters) == 1:
            return problem_response(Malformed("challenge and domain go together"), 400)
        return None

    async def _answer(self, request: Request) -> Response:
        try:
            # ADR 24: a sender is bounded in bytes and in seconds.
            body = await read_body(request, MAX_BODY, self.body_seconds)
        except Malformed as problem:
            return problem_response(problem, 413 if isinstance(problem, TooLarge) else 408)
        parameters = _parameters(request)
        question = Question(body, self.clock(), parameters.get("challenge"), parameters.get("domain"))
        try:
            judged = await self.answering(question)
        except TryLater as problem:
            return problem_response(problem, 503, {"Retry-After": "5"})
        except Problem as problem:  # no report raises any
            log_problem(_LOG, problem)
            return problem_response(Unavailable("the trust list of this service cannot be used"), 503)
        return Response(judged.content, judged.status, media_type="application/json")


def _parameters(request: Request) -> Mapping[str, str]:
    return request.query_params if request.scope["query_string"] else {}
