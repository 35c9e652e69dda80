"""The pages of an issuer's service: its identity, and the page behind a claim link.

They share their addresses with the routes for programs. A claim link gives the invitation to wallets, which
ask for JSON by name, and the page to all others. Mail scanners open links, too, so looking at the page
changes nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from urllib.parse import urlsplit

import orjson
import segno
from fastapi import FastAPI, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.routing import APIRoute
from starlette.datastructures import Headers
from starlette.routing import Match
from starlette.types import Scope

from exchange.claim import ClaimLink, InvalidLink
from exchange.http import log_problem
from issuer.desk.claims import CLAIM_LINK_ENDED, CLAIM_LINK_USED, ClaimLinks, LinkExpired
from issuer.issuer import Issuer
from verifier import Trust
from wire.problem import NotFound, Problem, Unavailable

from ..tls import LOOPBACK
from .own import Own
from .rendering import ASSETS, Site, page
from .routes import HEADERS, Gate, giving, html

_LOG = logging.getLogger(__name__)

_HEADERS = {  # an address may be a claim link, and no form here needs to be known by it
    **HEADERS,
    "Referrer-Policy": "no-referrer",
    "Vary": "Accept, Accept-Language",
}

_WHYS = {CLAIM_LINK_USED.code: "used", CLAIM_LINK_ENDED.code: "ended", LinkExpired.code: "expired"}
"""The reasons why a link has become invalid, by code."""


class Head(NamedTuple):
    """The newest checkpoint of the log."""

    size: int
    root: str
    time: datetime | None
    note: str


class ForPeople(APIRoute):
    """A route at an address where programs get JSON: it answers only requests that do not ask for JSON."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Match as any route does, unless a wallet asks."""
        if "json" in Headers(scope=scope).get("Accept", ""):
            return Match.NONE, {}
        return super().matches(scope)


@dataclass(frozen=True)
class IssuerPages:
    """The pages of one issuer."""

    issuer: Issuer
    claims: ClaimLinks
    clock: Callable[[], datetime]
    log: str | None = None
    """The address at which the log is published, where it is."""
    own_authority: bool = False
    """True if the service's certificate is by an authority that only this service has."""

    def mount(self, app: FastAPI) -> None:
        """Put the pages before an app's own routes, since a log may answer at any address below its own."""
        addresses = Own.at(self.claims.service)
        assert addresses is not None  # claim links begin with nothing else
        base = urlsplit(self.claims.service).path
        gate = Gate(addresses, f"{base}/", refusal="refused.html", headers=_HEADERS)
        others = list(app.router.routes)
        for name, handler in {"": self._about, "trust.json": self._trust_file}.items():
            app.add_api_route(f"{base}/{name}", gate(handler), methods=["GET"])
        for asset in ASSETS:
            if asset.kind != "text/javascript":
                app.add_api_route(f"{base}/{asset.name}", giving(asset))
        app.router.add_api_route(
            f"{base}/claim/{{token}}", gate(self._claim), methods=["GET"], route_class_override=ForPeople
        )
        app.router.routes.sort(key=others.__contains__)

    async def _about(self, _request: Request, site: Site) -> Response:
        head = await run_in_threadpool(self._head)
        about = page("issuer.html", site, **self._known(), head=head, log=self.log)
        return html(about, headers=_HEADERS)

    async def _trust_file(self, _request: Request, _site: Site) -> Response:
        kept = {"Content-Disposition": 'attachment; filename="issuer.json"'}
        return Response(self._trust(), headers={**_HEADERS, **kept}, media_type="application/json")

    async def _claim(self, request: Request, site: Site) -> Response:
        token = request.path_params["token"]
        try:
            link = ClaimLink.parse(f"{self.claims.service}/claim/{token}")
        except InvalidLink:
            return html(page("claim-over.html", site, why="unknown"), 404, _HEADERS)
        site = site._replace(path=f"claim/{link.token}")
        try:
            until = await run_in_threadpool(self.claims.look, token, self.issuer, now=self.clock())
        except NotFound:
            return html(page("claim-over.html", site, why="unknown"), 404, _HEADERS)
        except LinkExpired as problem:
            return html(page("claim-over.html", site, why=_WHYS[problem.code]), 410, _HEADERS)
        except Problem as problem:
            log_problem(_LOG, problem)
            raise Unavailable("the service cannot answer now") from None
        values = {
            "link": link,
            "code": _code(link),
            "until": until,
            "own_authority": self.own_authority,
            "is_here": urlsplit(self.claims.service).hostname in LOOPBACK,
        }
        return html(page("claim.html", site, **self._known(), **values), headers=_HEADERS)

    def _known(self) -> dict[str, object]:
        did, trust = self.issuer.did, Trust.parse(self._trust())
        return {
            "name": self.issuer.name,
            "did": did,
            "closed": self.issuer.identity.closed,
            "fingerprint": trust.fingerprint(did),
        }

    def _trust(self) -> bytes:
        return orjson.dumps(self.issuer.trust_file(), option=orjson.OPT_INDENT_2)

    def _head(self) -> Head | None:
        """The newest checkpoint of the log; `None` where it cannot be read."""
        try:
            checkpoint, time = self.issuer.reader.checkpoint(), self.issuer.reader.time()
        except Problem as problem:
            log_problem(_LOG, problem)
            return None
        return Head(checkpoint.size, checkpoint.root.hex(), time, checkpoint.note.decode())


def _code(link: ClaimLink) -> str:
    """A QR code (ISO/IEC 18004) of a link as an address that holds it all; dark on light on any page."""
    return segno.make_qr(str(link)).svg_data_uri(omitsize=True, light="#fff", svgclass=None, lineclass=None)
