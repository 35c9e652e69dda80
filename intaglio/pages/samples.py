"""Samples to try the page with: an invented file of each verdict, under addresses of their own.

They are judged by a trust list of these addresses alone. Uploads are never judged by it: a sample that
somebody keeps and sends back is by an unknown issuer.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from fastapi import Request, Response

from did import METHODS, Resolver
from verifier import Trust, Verifier
from verifier.judge import Judge, Judged, Question, Verifiers
from verifier.policy import Policy
from wire.fetch import NoFetcher
from wire.problem import NotFound

from ..session import Session
from ..words import speaking
from .inspection import Inspection, Sent, Sheet, inspection, judgements
from .invented import Invented
from .rendering import Site, page
from .routes import HEADERS, Handler, html
from .unpacking import Given

SAMPLES: Mapping[str, str] = {
    "valid": "A valid one",
    "altered": "One whose grade was changed after signing",
    "revoked": "One that its university revoked",
    "unknown-issuer": "One by an issuer that nobody knows",
    "picture": "A picture instead of the file",
}
"""The description of each sample, by its name."""


class Tried(NamedTuple):
    """A sample that somebody wants to see judged."""

    file: str
    now: datetime
    site: Site


@dataclass(frozen=True)
class WithSamples(Inspection):
    """An inspection that judges samples, too, by their own list, and without asking anybody."""

    invented: Invented

    def __call__(self, question: Question | Sent | Tried) -> Judged | Sheet:
        return self._tried(question) if isinstance(question, Tried) else super().__call__(question)

    @cached_property
    def _judge_of_samples(self) -> Judge:
        verifier = Verifier(Resolver(METHODS, NoFetcher()), trust=Trust.parse(self.invented.trust))
        return Judge(lambda: Verifiers(verifier, verifier))

    def _tried(self, tried: Tried) -> Sheet:
        files = [Given(tried.file, self.invented.files[tried.file])]
        site = tried.site
        with speaking(site.language):
            (judgement,) = judgements(self._judge_of_samples, files, tried.now, site.language)
            shown = replace(judgement, issuers=())  # which says who is on the list of this page
            trust = hashlib.sha256(self.invented.trust).hexdigest()
            kept = {"host": f"{site.host}{site.root}{site.path}", "trust": trust, "now": tried.now}
            return Sheet(
                200, page("sample.html", site, one=shown, kept=kept, file=tried.file, samples=SAMPLES)
            )


def with_samples(
    session: Session, trust_file: Path | None, policy: Policy | None, offline: bool, invented: Invented
) -> WithSamples:
    """The object that judges files and samples in each of a service's processes."""
    pages = inspection(session, trust_file, policy, offline)
    return WithSamples(pages.judge, pages.trust_file, invented)


@dataclass(frozen=True)
class Samples:
    """The routes of the samples."""

    invented: Invented
    ask: Callable[[Tried], Awaitable[Sheet]]
    """Judges one. Raises `TryLater`."""
    clock: Callable[[], datetime]

    def handlers(self) -> Iterator[tuple[str, Handler]]:
        """The handlers by the end of their address: a page for each sample, and the file itself."""
        yield "samples/{name}", self._page
        yield "samples/files/{file}", self._file

    async def _page(self, request: Request, site: Site) -> Response:
        name = request.path_params["name"]
        file = next((file for file in self.invented.files if file.partition(".")[0] == name), None)
        if file is None:
            raise NotFound("there is no such sample")
        sheet = await self.ask(Tried(file, self.clock(), site._replace(path=f"samples/{name}")))
        return html(sheet.content, sheet.status)

    async def _file(self, request: Request, _site: Site) -> Response:
        file = request.path_params["file"]
        if file not in self.invented.files:
            raise NotFound("there is no such sample")
        kept = {"Content-Disposition": f'attachment; filename="sample-{file}"'}
        kind = "application/json" if file.endswith(".json") else "application/pdf"
        return Response(self.invented.files[file], headers={**HEADERS, **kept}, media_type=kind)
