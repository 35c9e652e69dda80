"""Accept only requests under the service's own names, and only forms that its own page sent.

A page elsewhere can make a browser send a form here (CSRF), and a name elsewhere can be made to lead here
(DNS rebinding). Neither may have a diploma judged, or read the verdict on one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self
from urllib.parse import urlsplit

from fastapi import Request

from wire.text import shortened

from .problem import FOREIGN_PAGE, ForeignHost

LOOPBACK = ("127.0.0.1", "[::1]", "localhost")
"""Host names, as in a URL, of a service that only this machine reaches."""

_DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True)
class Own:
    """The origins of one service, such as `https://verify.example`."""

    origins: frozenset[str]

    @classmethod
    def at(cls, url: str) -> Self | None:
        """The origins of the service at a URL, which on loopback has several names.

        `None` where a diploma would travel in the clear.
        """
        address = urlsplit(url.lower())
        host, port = address.hostname or "", address.port
        host = f"[{host}]" if ":" in host else host
        names = LOOPBACK if host in LOOPBACK else (host,)
        if address.scheme != "https" and names is not LOOPBACK:
            return None
        colon = f":{port}" if port not in (None, _DEFAULT_PORTS[address.scheme]) else ""
        return cls(frozenset(f"{address.scheme}://{name}{colon}" for name in names))

    @property
    def is_loopback(self) -> bool:
        """True if only this machine reaches the service."""
        return len(self.origins) > 1

    def host(self, request: Request) -> str:
        """The name, and the port, under which this was asked for. Raises `ForeignHost`."""
        named = request.headers.getlist("Host")
        host = named[0].lower() if len(named) == 1 else ""
        if not any(origin.partition("://")[2] == host for origin in self.origins):
            raise ForeignHost.saying("this service is not called {host}", host=shortened(host))
        return host

    def require_own_page(self, request: Request) -> None:
        """Raises `FOREIGN_PAGE` unless the browser says that a page of this service sent the request.

        The proof is `Sec-Fetch-Site` (Fetch Metadata), which no page can set, or `Origin` if that is absent.
        """
        site = request.headers.get("Sec-Fetch-Site")
        if site is None:
            is_own = request.headers.get("Origin", "").lower() in self.origins
        else:
            is_own = site == "same-origin"
        if not is_own:
            raise FOREIGN_PAGE("this form was not sent by this page")
