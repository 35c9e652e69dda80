"""The hub's service: below `/witness`, a witness as C2SP tlog-witness has it, for logs and monitors.

Below `/mirror` are the logs that it mirrors, each by the hash of its name, in the form of C2SP tlog-tiles.
It has `add-checkpoint` and `add-entries` of C2SP tlog-mirror, by which a log sends what is new.
Below `/seen` stands what it read at the logs, for other hubs (`peers.py`).
"""

from __future__ import annotations

import asyncio
import logging

from fastapi import FastAPI, Request, Response
from fastapi.concurrency import run_in_threadpool

from exchange.http import (
    BODY_TIME,
    Whole,
    log_problem,
    problem_response,
    published_response,
    read_beginning,
    read_body,
    service,
)
from exchange.log import BRIEFLY
from ledger.add_checkpoint import LARGEST_REQUEST
from ledger.add_entries import LARGEST_UPLOAD, MirrorInfo
from ledger.problem import (
    CLOCK_BEHIND,
    LOG_NOT_PROVED,
    MIRROR_AT_OTHER_ENTRY,
    NOT_CONTINUED,
    OTHER_ROOT,
    WITNESS_AT_OTHER_SIZE,
)
from ledger.witness import Witness
from wire.problem import Malformed, NotFound, Problem, Refused, TooLarge, TryLater, Unavailable

from .mirrors import Mirrors

_LOG = logging.getLogger(__name__)
_STATUS_OF_CODE = {
    WITNESS_AT_OTHER_SIZE.code: 409,
    OTHER_ROOT.code: 422,  # since 1.1; in 1.0 it was 409
    NOT_CONTINUED.code: 422,
    LOG_NOT_PROVED.code: 422,
    CLOCK_BEHIND.code: 503,
}
_STATUS_OF_CLASS = (  # the first that fits
    (NotFound, 404),
    (TooLarge, 413),
    (Malformed, 400),
    (Refused, 403),
)
_MOST_UPLOADS = 8  # at once
_PRIVATE = {"Cache-Control": "no-store"}
_INFO = {**_PRIVATE, "Content-Type": "text/x.tlog.mirror-info", "Accept-Encoding": "gzip"}
_SIZE = {**_PRIVATE, "Content-Type": "text/x.tlog.size"}  # as it is, without a charset


def create_app(
    witness: Witness,
    base: str = "",
    *,
    mirrors: Mirrors | None = None,
    body_seconds: float = BODY_TIME,
) -> FastAPI:
    """The service of one hub, below the path `base`. A body has `body_seconds` to arrive."""

    def answer(problem: Problem) -> Response:
        status = _status_of(problem)
        if status == 409:  # the size that a proof has to start from, and nothing else (tlog-witness)
            return Response(f"{problem.facts['size']}\n", status, _SIZE)
        if problem.code == MIRROR_AT_OTHER_ENTRY.code:
            info = MirrorInfo(int(str(problem.facts["size"])), int(str(problem.facts["next"])))
            return Response(info.write(), 409, _INFO)
        if status < 500:
            return problem_response(problem, status, _PRIVATE)
        log_problem(_LOG, problem)  # paths and remedies are for who runs the service
        headers = {**_PRIVATE, "Retry-After": "60"}
        return problem_response(Unavailable("the service cannot answer now"), status, headers)

    app = service(answer, lambda: {"logs": sum(log.key is not None for log in witness.state.logs())})

    async def add_checkpoint(request: Request) -> Response:
        body = await read_body(request, LARGEST_REQUEST, body_seconds)
        lines = await run_in_threadpool(witness.add_checkpoint, body)
        return Response(lines, headers=_PRIVATE, media_type="text/plain")

    @app.get(f"{base}/witness/{{hashed}}/checkpoint")
    def checkpoint(hashed: str, request: Request) -> Response:
        note = witness.state.checkpoint(hashed)
        return published_response(request, note, "text/plain; charset=utf-8", BRIEFLY)

    @app.get(f"{base}/seen/{{hashed}}")
    def seen(hashed: str, request: Request) -> Response:
        note = witness.state.seen(hashed)
        return published_response(request, note, "text/plain; charset=utf-8", BRIEFLY)

    app.router.add_api_route(
        f"{base}/witness/add-checkpoint", add_checkpoint, methods=["POST"], route_class_override=Whole
    )

    if mirrors is not None:
        _add_mirrors(app, mirrors, base, body_seconds)
    return app


def _add_mirrors(app: FastAPI, mirrors: Mirrors, base: str, body_seconds: float) -> None:
    """Adds the routes of the mirrors."""

    async def set_pending(request: Request) -> Response:
        body = await read_body(request, LARGEST_REQUEST, body_seconds)
        await run_in_threadpool(mirrors.add_checkpoint, body)
        return Response(headers=_PRIVATE, media_type="text/plain")

    @app.get(f"{base}/mirror/{{hashed}}/{{path:path}}")
    def mirrored(hashed: str, path: str, request: Request) -> Response:
        return published_response(request, *mirrors.file(hashed, path))

    uploads = asyncio.Semaphore(_MOST_UPLOADS)

    async def add_entries(request: Request) -> Response:
        # threat 62: gzip of a few kilobytes is as long as an upload may be, and is held until it is judged.
        if uploads.locked():
            raise TryLater("so many logs send their entries that others have to wait")
        async with uploads:
            body = await read_beginning(request, LARGEST_UPLOAD, body_seconds)
            answer = await run_in_threadpool(mirrors.add_entries, body)
        if isinstance(answer, MirrorInfo):
            return Response(answer.write(), 202, _INFO)
        return Response(answer, headers=_PRIVATE, media_type="text/plain")

    app.router.add_api_route(
        f"{base}/mirror/add-entries", add_entries, methods=["POST"], route_class_override=Whole
    )
    app.router.add_api_route(
        f"{base}/mirror/add-checkpoint", set_pending, methods=["POST"], route_class_override=Whole
    )


def _status_of(problem: Problem) -> int:
    """The HTTP status by which a problem is answered (tlog-witness, add-checkpoint)."""
    of_class = (status for kind, status in _STATUS_OF_CLASS if isinstance(problem, kind))
    return _STATUS_OF_CODE.get(problem.code) or next(of_class, 503)
