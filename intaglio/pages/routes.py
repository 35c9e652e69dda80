"""The routes of pages: answered under the service's own names only; a problem is a page like any other."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any

from fastapi import Request, Response

from wire.problem import Conflict, NotFound, Problem, Refused, TooLarge

from .own import Own
from .problem import NO_FORM, ForeignHost
from .reader import accepted_language, chosen_language
from .rendering import Asset, Site, page

HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
    "Referrer-Policy": "same-origin",  # with `no-referrer` Chromium sends `Origin: null` with forms
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Vary": "Accept-Language",
}
"""The headers of every answer of a page: the browser may load nothing from elsewhere, and store nothing."""

Handler = Callable[[Request, Site], Coroutine[Any, Any, Response]]


@dataclass(frozen=True)
class Gate:
    """Wraps the handlers of one service's pages: it checks the host, and answers problems with a page."""

    own: Own
    root: str = "/"
    offline: bool = False
    takes_trust_files: bool = False
    refusal: str = "problem.html"
    """The template for a problem."""
    headers: Mapping[str, str] = field(default_factory=lambda: HEADERS)

    def __call__(self, handler: Handler) -> Callable[[Request], Awaitable[Response]]:
        """Wrap a handler as the endpoint of a route."""

        async def answer(request: Request) -> Response:
            chosen = chosen_language(request)
            language = chosen or accepted_language(request.headers.get("Accept-Language", ""))
            site = Site("", self.root, language, chosen, self.offline, self.takes_trust_files)
            try:
                site = site._replace(host=self.own.host(request))
                return await handler(request, site)
            except Problem as problem:
                # under a name that is not this service's, no form could be sent
                refusal = "refused.html" if isinstance(problem, ForeignHost) else self.refusal
                content = page(refusal, site, problem=problem)
                return html(content, _status(problem), self.headers)

        return answer


def giving(asset: Asset) -> Callable[[], Awaitable[Response]]:
    """A handler for a file that pages load. It accepts any host: the page that refuses one loads it, too."""
    content = asset.read()

    async def give() -> Response:
        return Response(content, headers=HEADERS, media_type=asset.kind)

    return give


def html(content: bytes, status: int = 200, headers: Mapping[str, str] = HEADERS) -> Response:
    """A page as an answer."""
    later = {"Retry-After": "5"} if status == 503 else {}
    return Response(content, status, {**headers, **later}, "text/html")


def _status(problem: Problem) -> int:
    if problem.code == NO_FORM.code:
        return 415
    return next((status for kind, status in _STATUSES.items() if isinstance(problem, kind)), 503)


_STATUSES: dict[type[Problem], int] = {
    ForeignHost: 421,
    Refused: 403,
    TooLarge: 413,
    NotFound: 404,
    Conflict: 409,
}
"""HTTP statuses by class of problem; the first class that matches counts."""
