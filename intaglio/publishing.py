"""A log's own service: what anybody may read of it, from whatever engine it is in."""

from __future__ import annotations

import base64
import logging

from fastapi import FastAPI, Request, Response
from starlette.exceptions import HTTPException

from exchange.http import (
    Identified,
    add_probes,
    log_problem,
    no_route,
    problem_response,
    published_response,
)
from exchange.log import log_file
from ledger.log import LogReader
from ledger.tiles.layout import prefix
from wire.problem import NotFound, Problem, Unavailable

_LOG = logging.getLogger(__name__)


def create_app(log: LogReader) -> FastAPI:
    """The service: the log lies under the path that its name has. `/readyz` says which is its head."""
    app = FastAPI(openapi_url=None, redirect_slashes=False, exception_handlers={HTTPException: no_route})
    app.add_middleware(Identified)

    def head() -> dict[str, object]:
        checkpoint = log.checkpoint()
        root = base64.b64encode(checkpoint.root).decode()
        return {"origin": checkpoint.origin, "size": checkpoint.size, "root": root}

    add_probes(app, head)

    @app.exception_handler(Problem)
    async def problem(_request: Request, found: Exception) -> Response:
        assert isinstance(found, Problem)
        if isinstance(found, NotFound):
            return problem_response(found, 404, {"Cache-Control": "no-store"})
        log_problem(_LOG, found)
        headers = {"Cache-Control": "no-store", "Retry-After": "60"}
        return problem_response(Unavailable("the service cannot answer now"), 503, headers)

    @app.get(f"{prefix(log.origin)}/{{path:path}}")
    def answer(path: str, request: Request) -> Response:
        return published_response(request, *log_file(log, path))

    return app
