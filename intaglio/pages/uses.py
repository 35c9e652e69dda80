"""The page of uses: what credentials are for, as a catalogue that whoever serves it hands in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from fastapi import Request, Response

from .rendering import Site, page
from .routes import html

PATH = "uses"
"""Where below its root a service has the page."""


@dataclass(frozen=True)
class Uses:
    """What answers at the address of the page."""

    catalogue: Callable[[str], object]
    """In a language: `columns`, `later`, and `sectors` with a `name` and `entries`.

    Each of these has a `name`, a `title` and `cells`, one for each column after the first. What is typed
    stands between backticks.
    """

    async def show(self, _request: Request, site: Site) -> Response:
        """The page."""
        catalogue = self.catalogue(site.language)
        return html(page("uses.html", site._replace(path=PATH), catalogue=catalogue))
