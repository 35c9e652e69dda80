"""The service: its routes and what they share. Its caller chooses which routes there are."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Set
from datetime import datetime

from fastapi import FastAPI

from did import Resolver
from exchange.http import BODY_TIME, add_probes, documented
from verifier.answering import Answering
from verifier.judge import Judge, Judged, Question
from verifier.processes import Processes

from .identifiers import add_identifiers
from .issuing import Served, add_issuing
from .verification import add_verification


def create_app(
    judge: Judge,
    resolver: Callable[[], Resolver],
    clock: Callable[[], datetime],
    *,
    issuers: Mapping[str, Served] | None = None,
    origins: Set[str] = frozenset(),
    resolves_any: bool = False,
    processes: Processes[Question, Judged] | None = None,
    siblings: int = 1,
    body_seconds: float = BODY_TIME,
) -> FastAPI:
    """A service that verifies, and resolves the DIDs of listed issuers, or with `resolves_any` all.

    It issues for `issuers`, by name. `origins` are the service's own, as of
    `exchange.http.require_own_page`. Without `processes` all is judged in this one. So many
    `siblings` answer on one port, and share what one address may do. A body has `body_seconds` to arrive.
    """
    app = documented("Intaglio API")

    def listed(did: str) -> bool:
        return resolves_any or judge.verifiers().offline.trust.issuer(did) is not None

    add_verification(app, Answering(judge, processes), clock, origins, body_seconds)
    if issuers:
        add_issuing(app, issuers, clock, time.monotonic, origins, body_seconds, siblings)
    add_identifiers(app, resolver, listed)

    def require_ready() -> None:
        judge.verifiers()

    add_probes(app, require_ready)
    return app
