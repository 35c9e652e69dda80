"""A log's own service: what anybody may read of it, from whatever engine it is in."""

from __future__ import annotations

import base64
import logging

from fastapi import FastAPI, Request, Response

from exchange.http import log_problem, problem_response, published_response, service
from exchange.log import log_file
from ledger.log import LogReader
from ledger.tiles.layout import prefix
from wire.problem import NotFound, Problem, Unavailable

_LOG = logging.getLogger(__name__)


def create_app(log: LogReader) -> FastAPI:
    """The service: the log lies under the path that its name has. `/readyz` says which is its head."""

    def head() -> dict[str, object]:
        checkpoint = log.checkpoint()
        root = base64.b64encode(checkpoint.root).decode()
        return {"origin": checkpoint.origin, "size": checkpoint.size, "root": root}

    def refusal(problem: Problem) -> Response:
        if isinstance(problem, NotFound):
            return problem_response(problem, 404, {"Cache-Control": "no-store"})
        log_problem(_LOG, problem)
        headers = {"Cache-Control": "no-store", "Retry-After": "60"}
        return problem_response(Unavailable("the service cannot answer now"), 503, headers)

    app = service(refusal, head)

    @app.get(f"{prefix(log.origin)}/{{path:path}}")
    def answer(path: str, request: Request) -> Response:
        return published_response(request, *log_file(log, path))

    return app
