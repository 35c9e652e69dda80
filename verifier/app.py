"""The verifier as an HTTP service: `POST /verify` with a credential, a presentation or a bundle.

The route takes bytes and verifies inline, without the network; that is faster than handing work to a
thread. A report is made again in a thread, with the network, if it stays open because something could not be
reached, or if it rests on a status list that is older than the one that may be found at its address.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import orjson
from fastapi import FastAPI, Request, Response
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from vc import Report, Verdict
from wire import Malformed, Problem, TooLarge, Unavailable, shortened
from wire.serving import no_route, problem_response, read_body
from wire.terminal import say
from wire.work import BODY_STEPS, Work

from .policy import Policy
from .status import is_web_address
from .verify import Verifier

MAX_BODY = 1 << 20
"""Bytes; less than a file may have (`vc.bundle.MAX_BYTES`), since many bodies are in memory at once."""

FRESH = timedelta(hours=1)
"""A status list may have become that old before it is fetched anew."""

_FORMS = ("multipart/form-data", "application/x-www-form-urlencoded")
_STATUS = {Verdict.VALID: 200, Verdict.INVALID: 400, Verdict.UNDETERMINED: 422}


class Verifiers(NamedTuple):
    """`offline` answers what it can; `online` may fetch and runs in a thread."""

    offline: Verifier
    online: Verifier


class Current:
    """The verifiers that `make` makes of a trust file, made anew once the file is another one."""

    def __init__(self, trust_file: Path, make: Callable[[], Verifiers]) -> None:
        self._file, self._make = trust_file, make
        self._kept: tuple[object, Verifiers] | None = None

    def __call__(self) -> Verifiers:
        """Raises what `make` raises: with a list that cannot be read nobody is judged by the former one."""
        mark = self._mark()
        if self._kept is None or self._kept[0] != mark:
            self._kept = None
            self._kept = mark, self._make()
        return self._kept[1]

    def _mark(self) -> object:
        try:
            found = self._file.stat()
        except OSError:  # `make` says what it is
            return None
        return found.st_ino, found.st_mtime_ns, found.st_size


def create_app(
    verifiers: Callable[[], Verifiers],
    *,
    clock: Callable[[], datetime],
    policy: Policy | None = None,
    strangers: bool = False,
) -> FastAPI:
    """The service. It asks for its verifiers at each request, since the trust list may have changed.

    `policy` and `strangers` are those of `Verifier.verify`.
    """
    app = FastAPI(
        title="Intaglio verifier",
        version="1",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        exception_handlers={HTTPException: no_route},
    )

    @app.post(
        "/verify",
        responses={
            400: {"description": "Definitely not valid"},
            408: {"description": "The body did not arrive in time"},
            413: {"description": f"Longer than {MAX_BODY} bytes"},
            415: {"description": "An upload by a form"},
            422: {"description": "Could not be decided"},
            503: {"description": "The service cannot judge now"},
        },
    )
    async def verify(request: Request, challenge: str | None = None, domain: str | None = None) -> Response:
        """Verifies the JSON body. The credentials are in the answer only if it is valid."""
        if request.headers.get("Content-Type", "").lower().startswith(_FORMS):
            return problem_response(
                Malformed(
                    "this is an upload by a form; the body has to be the file alone",
                    hint="Send its bytes as they are, with Content-Type: application/json.",
                ),
                415,
            )
        if unknown := request.query_params.keys() - {"challenge", "domain"}:
            return problem_response(Malformed(f"there is no parameter {shortened(min(unknown))}"), 400)
        if (challenge is None) != (domain is None):
            return problem_response(Malformed("challenge and domain go together"), 400)
        try:
            body = await read_body(request, MAX_BODY)
        except Malformed as problem:
            return problem_response(problem, 413 if isinstance(problem, TooLarge) else 408)
        try:
            judges = verifiers()
        except Problem as problem:
            say(f"{problem.title}: {problem.detail}", problem.hint)
            return problem_response(Unavailable("the trust list of this service cannot be used"), 503)
        now = clock()
        options: dict[str, Any] = {
            "now": now, "policy": policy, "strangers": strangers, "challenge": challenge, "domain": domain
        }  # fmt: skip
        report = judges.offline.verify(body, work=Work(BODY_STEPS), **options)
        if _asks_for_the_network(report, now):
            report = await run_in_threadpool(judges.online.verify, body, work=Work(BODY_STEPS), **options)
        return Response(orjson.dumps(_answer(report)), _STATUS[report.verdict], media_type="application/json")

    return app


def _asks_for_the_network(report: Report, now: datetime) -> bool:
    if report.verdict is Verdict.UNDETERMINED:
        return any(isinstance(check.problem, Unavailable) for check in report.checks)
    if not report or report.status_time is None or now - report.status_time <= FRESH:
        return False
    entries = (entry for credential in report.require() for entry in credential.status)
    return any(is_web_address(str(entry.get("statusListCredential"))) for entry in entries)


def _answer(report: Report) -> dict[str, Any]:
    answer = report.to_dict()
    if report.has_claims:
        answer["credentials"] = [dict(credential.claims) for credential in report.require()]
    return answer
