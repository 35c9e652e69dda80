"""The page that checks a diploma: `GET` gives the form, `POST` of the form the answer."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from fastapi import FastAPI, Request, Response
from starlette.types import Receive, Scope, Send

from exchange.http import BODY_TIME, log_problem
from verifier import Trust
from wire.problem import Malformed, Problem, TooLarge, TryLater, Unavailable

from ..connections import busy, sender
from .inspection import Sent, Sheet
from .own import Own
from .problem import NO_FORM, UploadTooLarge
from .recognise import Recognition
from .rendering import ASSETS, Site, page
from .room import Counted, Room
from .routes import Gate, Handler, giving, html
from .samples import SAMPLES, Samples
from .upload import MAX_BODY
from .uses import PATH, Uses

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class VerifyPage:
    """The page, and the files that it loads."""

    own: Own
    ask: Callable[[Sent], Awaitable[Sheet]]
    """Judges what was sent. Raises `TryLater`."""
    require_ready: Callable[[], object]
    """Checks that files can be judged; raises a `Problem` where none can."""
    clock: Callable[[], datetime]
    root: str = "/"
    trust_file: Path | None = None
    """The issuers that this host recognises, where its readers may know them."""
    offline: bool = False
    samples: Samples | None = None
    """The samples that its readers may try."""
    uses: Uses | None = None
    """The page about uses of credentials, if the service has it."""
    nobody: Callable[[], bool] = lambda: False
    """True if the trust list is empty."""
    recognition: Recognition | None = None
    """Takes trust files, where only the user who runs the page can reach it."""
    body_seconds: float = BODY_TIME
    room: Room = field(default_factory=Room)

    def mount(self, app: FastAPI) -> None:
        """Add the page to an app."""
        routes: dict[tuple[str, str], Handler] = {("GET", ""): self._form, ("POST", ""): self._answer}
        if self.recognition is not None:
            routes["POST", "recognise"] = self._recognise
        if self.samples is not None:
            routes |= {("GET", name): handler for name, handler in self.samples.handlers()}
        if self.uses is not None:
            routes["GET", PATH] = self.uses.show
        gate = self._gate()
        for (method, name), handler in routes.items():
            app.add_api_route(f"{self.root}{name}", gate(handler), methods=[method], include_in_schema=False)
        for asset in ASSETS:
            app.add_api_route(f"{self.root}{asset.name}", giving(asset), include_in_schema=False)

    async def busy(self, scope: Scope, receive: Receive, send: Send) -> None:
        """An ASGI application that answers when too many requests are under way; browsers get a page."""
        request = Request(scope)
        if request.url.path == self.root and "text/html" in request.headers.get("Accept", ""):
            answer = await self._gate()(self._full)(request)
            answer.headers["Connection"] = "close"
            await answer(scope, receive, send)
        else:
            await busy(scope, receive, send)

    def _gate(self) -> Gate:
        return Gate(self.own, self.root, self.offline, self.recognition is not None)

    async def _full(self, _request: Request, _site: Site) -> Response:
        raise TryLater("too many requests are under way")

    async def _form(self, _request: Request, site: Site) -> Response:
        return self._start(site)

    async def _recognise(self, request: Request, site: Site) -> Response:
        assert self.recognition is not None  # or there is no such route
        return self._start(site, await self.recognition.confirm(request, site))

    def _start(self, site: Site, added: Sequence[str] = ()) -> Response:
        """The page to begin with, and who was just put on the list."""
        listed = None if self.trust_file is None else Trust.load(self.trust_file).issuers
        samples = SAMPLES if self.samples else {}
        uses = "" if self.uses is None else f"{self.root}{PATH}"
        values = {"listed": listed, "nobody": self.nobody(), "added": added, "samples": samples, "uses": uses}
        return html(page("start.html", site, **values))

    async def _answer(self, request: Request, site: Site) -> Response:
        self.own.require_own_page(request)
        content_type = request.headers.get("Content-Type", "")
        if not content_type.lower().startswith("multipart/form-data"):
            raise NO_FORM("it is not what the form on this page sends")
        with ExitStack() as held:
            transfer = held.enter_context(self.room.taken(sender(request.client)))
            try:
                body = await transfer.receive(request, MAX_BODY, self.body_seconds)
            except TooLarge:
                raise UploadTooLarge.saying(
                    "all files together have more than {most} MiB", most=MAX_BODY >> 20
                ) from None
            except Malformed as problem:
                return html(page("problem.html", site, problem=problem), 408)
            try:
                self.require_ready()
            except Problem as problem:
                log_problem(_LOG, problem)
                raise Unavailable("the trust list of this service cannot be used") from None
            sheet = await self.ask(Sent(content_type, body, self.clock(), site))
            answer = html(sheet.content, sheet.status)
            if self.recognition is not None and sheet.trust_file is not None:
                answer = await self.recognition.show(request, sheet.trust_file, site)
            del body
            transfer.hold(len(answer.body))
            return Counted(answer, transfer, held.pop_all())
