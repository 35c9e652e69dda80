"""The issuer's service: claim links, DID document, status lists and the log. Diplomas are never public.

Routes take and give raw bytes; a `Problem` becomes `application/problem+json` (RFC 9457). Claim tokens
stand in paths, so that requests must not be logged.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

from fastapi import FastAPI, Request, Response
from fastapi.concurrency import run_in_threadpool

from did import issuer_metadata
from exchange.beside import KINDS
from exchange.claim import MAX_MESSAGE
from exchange.http import BODY_TIME, log_problem, problem_response, published_response, read_body, service
from kinds import Kind
from ledger.folder import Engines
from ledger.log import LogReader
from ledger.problem import CLOCK_BEHIND
from ledger.shared import database_of
from vc.forms import INTEGRITY, STATUS_KINDS
from vc.reading.status_digest import NAME as DIGEST
from vc.status.kind import StatusKinds, of_file
from wire.problem import Conflict, Damaged, Malformed, NotFound, Problem, TooLarge, Unavailable

from ..identity.documents import FILE as DOCUMENT
from ..identity.documents import newest, published_metadata, published_status_document
from ..identity.home import LIST_NAME, STATUS_DOCUMENT_NAME, published_file
from ..shared import shared_in
from ..status.files import ListedFile
from .backwards import NeverBackwards
from .claims import TOO_MANY_ATTEMPTS, ClaimLinks, Issues, LinkExpired
from .published import add_log, kind_file

_LOG = logging.getLogger(__name__)

_STATUS_OF_CODE = {TOO_MANY_ATTEMPTS.code: 429, CLOCK_BEHIND.code: 503}
_STATUS_OF_CLASS = (  # the first that fits; any other refusal is 403
    (NotFound, 404),
    (Conflict, 409),
    (LinkExpired, 410),
    (TooLarge, 413),
    (Malformed, 400),
    (Unavailable, 503),
    (Damaged, 500),
)

_PRIVATE = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}


def status_of(problem: Problem) -> int:
    """The HTTP status by which the service answers a problem."""
    of_class = (status for kind, status in _STATUS_OF_CLASS if isinstance(problem, kind))
    return _STATUS_OF_CODE.get(problem.code) or next(of_class, 403)


def create_app(
    issuer: Issues,
    claims: ClaimLinks,
    public: Path,
    clock: Callable[[], datetime],
    log: LogReader | None = None,
    ending: Callable[[datetime], Mapping[int, str]] = lambda _: {},
    body_seconds: float = BODY_TIME,
    engines: Engines | None = None,
    kinds: Callable[[], Iterable[Kind]] = tuple,
    status_kinds: StatusKinds = STATUS_KINDS,
    lists: Callable[[], Mapping[int, ListedFile]] = dict,
) -> FastAPI:
    """The service of one issuer. `public` is its folder, which has or shares `did.json` and the status lists.

    A body has `body_seconds` to arrive. Everything lies under the path of the service's address, at the root
    if it has none; the `log` under that of its origin. `ending` gives the status lists that should have been
    signed anew by now, by number, and when each ends: `/readyz` names them. `engines` are as in
    `ledger.folder`. `kinds` are those that credentials name, `status_kinds` those of
    the status lists. `lists` are as in `add_log`.
    """
    base = urlsplit(claims.service).path
    did_document = f"{base}/did.json" if base else "/.well-known/did.json"
    database = NeverBackwards(database_of(public))

    def shown(request: Request, content: bytes | None, media_type: str) -> Response:
        database.require()
        return published_response(request, content, media_type)

    def ready() -> dict[str, object]:
        claims.require_readable()
        if _document(public) is None:
            raise Damaged(f"{shared_in(public).where(DOCUMENT)} is gone")
        ends = {str(number): end for number, end in ending(clock()).items()}
        return {"listsEnding": ends} if ends else {}

    def refusal(problem: Problem) -> Response:
        status = status_of(problem)
        headers = {"Retry-After": "60"} if status in (429, 503) else {}
        if status >= 500:  # paths and remedies are for who runs the service, not for who asks it
            log_problem(_LOG, problem)
            problem = Unavailable("the service cannot answer now", hint="Tell the issuer if this goes on.")
        return problem_response(problem, status, {**_PRIVATE, **headers})

    app = service(refusal, ready)

    @app.get(f"{base}/claim/{{token}}")
    def invite(token: str, form: str | None = None) -> Response:
        message = claims.invite(token, issuer, now=clock(), form=form).to_json()
        return Response(message, headers=_PRIVATE, media_type="application/json")

    @app.post(f"{base}/claim/{{token}}")
    async def redeem(token: str, request: Request) -> Response:
        form = request.query_params.get("form")
        message = await read_body(request, MAX_MESSAGE, body_seconds)
        bundle = await run_in_threadpool(claims.redeem, token, message, issuer, now=clock(), form=form)
        return Response(bundle, headers=_PRIVATE, media_type="application/json")

    @app.get(did_document)
    def document(request: Request) -> Response:
        return shown(request, _document(public), "application/json")

    @app.get(f"{base}/status/{STATUS_DOCUMENT_NAME}")
    def status_document(request: Request) -> Response:
        return shown(request, published_status_document(public), "application/json")

    if location := issuer_metadata.location(issuer.iss):

        @app.get(urlsplit(location).path)
        def metadata(request: Request) -> Response:
            did = newest(public)["id"]
            return shown(request, published_metadata(public, did, issuer.iss), "application/json")

    @app.get(f"{base}/status/{{name}}")
    def status_list(name: str, request: Request) -> Response:
        if LIST_NAME.fullmatch(name) is None:
            raise NotFound("there is no such status list")
        of_list = of_file(name, status_kinds.values())
        media_type = INTEGRITY if of_list is None else of_list.media_type
        if name.startswith(DIGEST):
            media_type = "application/octet-stream"
        return shown(request, published_file(public, name, engines=engines), media_type)

    @app.get(f"{base}/{KINDS}/{{path:path}}")
    def kind(path: str, request: Request) -> Response:
        return published_response(request, *kind_file(path, kinds()))

    if log is not None:
        add_log(app, log, public, kinds, lists)
    return app


def _document(home: Path) -> bytes | None:
    """The DID document, which all machines share. Raises `Unavailable` where the folder cannot be read."""
    shared = shared_in(home)
    try:
        return shared.read(DOCUMENT)
    except OSError as error:
        raise Unavailable(f"{shared.where(DOCUMENT)} cannot be read: {error.strerror}") from error
