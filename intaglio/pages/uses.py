"""The page of uses: a catalogue of purposes of credentials, which the caller passes in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from fastapi import Request, Response

from .rendering import Site, page
from .routes import html

PATH = "uses"
"""The path of the page below a service's root."""


@dataclass(frozen=True)
class Uses:
    """The route of the page."""

    catalogue: Callable[[str], object]
    """The catalogue in a language: `columns`, `later`, and `sectors` with a `name` and `entries`.

    Each of these has a `name`, a `title` and `cells`, one for each column after the first. Text to type
    stands between backticks.
    """

    async def show(self, _request: Request, site: Site) -> Response:
        """The page."""
        catalogue = self.catalogue(site.language)
        return html(page("uses.html", site._replace(path=PATH), catalogue=catalogue))
