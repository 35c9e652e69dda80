"""A log's own service: what anybody may read of it, from whatever engine it is in."""

from __future__ import annotations

import base64
import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from fastapi import FastAPI, Request, Response

from exchange.http import log_problem, problem_response, published_response, service
from exchange.log import log_file
from ledger.cosigning import Asking, Witnesses
from ledger.log import LogReader
from ledger.tiles.layout import prefix
from wire.problem import NotFound, Problem, Unavailable

_LOG = logging.getLogger(__name__)
PAUSE = 5.0
"""Seconds between two looks whether the log has grown since its witnesses were asked."""
LATER = 60.0
"""Seconds until they are asked again where one of them gave no line."""


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


@contextmanager
def asking(
    witnesses: Witnesses, log: LogReader, pause: float = PAUSE, later: float = LATER
) -> Iterator[None]:
    """Asks the log's witnesses in the background when it has grown, until the block ends."""
    ended = threading.Event()
    work = (witnesses, log, ended, pause, later)
    thread = threading.Thread(target=_ask, args=work, name="witnesses", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(pause)


def _ask(witnesses: Witnesses, log: LogReader, ended: threading.Event, pause: float, later: float) -> None:
    logged, is_first = set[str](), True
    while True:
        try:
            asked = witnesses.ask(log, waits=True, everyone=is_first)
            is_first = False
            problems = set[str]() if asked is None else set(_missing(asked))
        except (Problem, OSError) as problem:
            problems = {str(problem)}
        for problem_told in problems - logged:  # once, not every time
            _LOG.error("%s", problem_told)
        logged = problems
        if ended.wait(later if problems else pause):
            return


def _missing(asked: Asking) -> Iterator[str]:
    for answer in asked.answers:
        if answer.problem is not None:
            yield f"No line of the witness {answer.witness.key.name}: {answer.problem}"
    for silent in asked.silent:
        yield f"No line of the witness {silent.key.name}: it has not answered in time"
