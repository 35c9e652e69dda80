"""`Fetcher`: the one way to get bytes from a URL that a stranger may have written.

The core packages open no connection themselves. Their caller passes in an `HttpsFetcher`, or a `NoFetcher`
to work offline. `address.py` decides about the targets of URLs, `https.py` makes the exchange.
"""

from __future__ import annotations

import functools
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal, Protocol, runtime_checkable

from .address import Target, is_loopback, is_public, refusal, shown
from .problem import LOOPBACK_REFUSED, NotFound, TryLater, Unavailable

if TYPE_CHECKING:
    import ssl

    from .https import KeptOpen, Request, Response
    from .message import Body

_MOST_REDIRECTS = 3
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_BUSY = frozenset({429, 503})
_NO_HEADERS: Mapping[str, str] = MappingProxyType({})


class Fetcher(Protocol):
    """Gets the bytes of a resource by its URL."""

    def fetch(
        self, url: str, *, accept: str = "application/json", limit: int = 1 << 20, same_origin: bool = False
    ) -> bytes:
        """The resource as of now, at most `limit` bytes; `accept` is the Accept header.

        With `same_origin` no redirect to another scheme, host or port is followed.

        Raises `Refused` for a forbidden URL, `TooLarge` beyond the limit, `NotFound` when the server says
        that there is none, and `Unavailable` when the question stays open.
        """


class Client(Fetcher, Protocol):
    """A `Fetcher` that can also send requests to services."""

    def exchange(
        self,
        method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"],
        url: str,
        body: Body | None = None,
        *,
        headers: Mapping[str, str] = _NO_HEADERS,
        limit: int = 1 << 20,
    ) -> Response:
        """The answer to one request, with any status. No redirect is followed, so that the content sent goes
        nowhere else. The request accepts JSON, unless `headers` have an Accept. The answer's body has at most
        `limit` bytes.

        Raises `Refused` for a forbidden URL or header field, `TooLarge` beyond the limit, and `Unavailable`
        when no answer comes.
        """


@runtime_checkable
class Keeping(Protocol):
    """An addition to a `Fetcher` that can keep its connections open, for many fetches from one host."""

    def keeping(self) -> AbstractContextManager[Fetcher]:
        """A fetcher like this one for one thread, whose connections stay open until the block ends."""


def keeping(fetcher: Fetcher) -> AbstractContextManager[Fetcher]:
    """The fetcher that keeps its connections open until the block ends; the same one if it cannot."""
    return fetcher.keeping() if isinstance(fetcher, Keeping) else nullcontext(fetcher)


class NoFetcher:
    """The `Client` for offline work: it fetches and sends nothing, so that every question stays open."""

    def fetch(self, url: str, **_: object) -> bytes:
        """Raises `Unavailable`, naming the URL."""
        raise Unavailable.saying(
            "{url} is not fetched: this run is offline",
            url=shown(url),
            hint="Go online, or verify with a bundle that holds what is needed.",
        )

    def exchange(self, method: str, url: str, body: Body | None = None, **_: object) -> Response:  # noqa: ARG002
        """Raises `Unavailable`, naming the URL."""
        raise Unavailable.saying("{url} is not asked: this run is offline", url=shown(url), hint="Go online.")


def system_addresses(host: str, port: int) -> Sequence[str]:
    """The IP addresses of a host as the operating system resolves it; raises OSError when there are none."""
    import socket  # imported lazily: most processes fetch nothing

    addresses = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(sockaddr[0]) for *_, sockaddr in addresses))


class HttpsFetcher:
    """The `Client` over https, for public addresses only, bounded in size and time.

    A host is resolved once, all its addresses must be allowed, and the connection goes to one of these. So a
    name that resolves to another address a moment later gains nothing (DNS rebinding, threat 58). Redirects
    are followed three times at most, each checked alike, never from https to http.
    """

    def __init__(
        self,
        *,
        allow_loopback: bool = False,
        allow_private: bool = False,
        ca_file: Path | None = None,
        timeout: float = 10.0,
        addresses: Callable[[str, int], Sequence[str]] = system_addresses,
    ) -> None:
        """`timeout` is in seconds, for the whole of a fetch. `ca_file` names certificate authorities (PEM)
        to trust beside the public ones. `allow_loopback` is for development: it lets this machine itself
        be reached, over https and http. `allow_private` is for URLs that no stranger had a hand in: it lets
        private networks be reached. `addresses` resolves a host; it raises OSError when it cannot.
        """
        self._allow_loopback = allow_loopback
        self._allow_private = allow_private
        self._ca_file = ca_file
        self._timeout = timeout
        self._addresses = addresses
        self._connections: KeptOpen | None = None

    @contextmanager
    def keeping(self) -> Iterator[HttpsFetcher]:
        """See `Keeping`."""
        from .https import KeptOpen

        with closing(KeptOpen(self._tls)) as connections:
            yield _ManyFetches(self, connections)

    def fetch(
        self, url: str, *, accept: str = "application/json", limit: int = 1 << 20, same_origin: bool = False
    ) -> bytes:
        """See `Fetcher.fetch`. Raises as that does."""
        from . import https  # loaded by the first fetch, since most commands need none

        deadline = time.monotonic() + self._timeout
        target = Target.parse(url)
        for _ in range(1 + _MOST_REDIRECTS):
            request = https.Request("GET", target, None, {"Accept": accept}, limit)
            answer = self._exchange(request, deadline)
            if answer.status == 200:
                return answer.body
            location = answer.headers.get("location")
            if answer.status in (404, 410):
                raise NotFound.saying(
                    "{url} does not exist: status {status}", url=shown(target.url), status=answer.status
                )
            if answer.status not in _REDIRECTS or location is None:
                kind = TryLater if answer.status in _BUSY else Unavailable
                raise https.unavailable(target, "status {status}", kind, status=answer.status)
            before, target = target, target.redirected(location)
            # Threat F11: scheme, host and port; another origin's document must not speak for this URL.
            if same_origin and before[:3] != target[:3]:
                raise refusal(target.url, "another origin redirects to it")
        raise refusal(url, "it redirects more than {most} times", most=_MOST_REDIRECTS)

    def exchange(
        self,
        method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"],
        url: str,
        body: Body | None = None,
        *,
        headers: Mapping[str, str] = _NO_HEADERS,
        limit: int = 1 << 20,
    ) -> Response:
        """See `Client.exchange`."""
        from .https import Request

        request = Request(method, Target.parse(url), body, headers, limit)
        return self._exchange(request, time.monotonic() + self._timeout)

    def _exchange(self, request: Request, deadline: float) -> Response:
        from . import https

        addresses = self._checked_addresses(request.target, deadline)
        # Reading the public authorities takes ten milliseconds, and plain HTTP, to this machine, needs none.
        tls = self._tls if request.target.scheme == "https" or self._ca_file else None
        return https.exchange(request, addresses, deadline=deadline, tls=tls, kept=self._connections)

    @functools.cached_property
    def _tls(self) -> ssl.SSLContext:
        from .https import tls_context

        return tls_context(self._ca_file)

    def _checked_addresses(self, target: Target, deadline: float) -> Sequence[str]:
        """The addresses of the target's host; raises `Refused` if any of them may not be reached."""
        if target.scheme == "http" and not self._allow_loopback:
            raise refusal(target.url, "it is not an https URL")
        addresses = [target.address] if target.address else self._resolve(target, deadline)
        # Threat 58: all of them, since the connection may go to any one.
        for address in addresses:
            if is_loopback(address):
                if not self._allow_loopback:
                    raise refusal(
                        target.url, "{address} is this machine itself", LOOPBACK_REFUSED, address=address
                    )
            elif not (self._allow_private or is_public(address)):
                raise refusal(target.url, "{address} is not a public address", address=address)
            elif target.scheme == "http":
                raise refusal(target.url, "only this machine itself may be fetched from over http")
        return addresses

    def _resolve(self, target: Target, deadline: float) -> Sequence[str]:
        import queue

        from .https import unavailable

        outcomes: queue.SimpleQueue[Sequence[str] | OSError] = queue.SimpleQueue()

        def ask() -> None:
            try:
                outcomes.put(self._addresses(target.host, target.port))
            except OSError as error:
                outcomes.put(error)

        # The system's resolver takes no time limit, so it is asked in a thread that can be left behind.
        threading.Thread(target=ask, name="resolve", daemon=True).start()
        try:
            outcome = outcomes.get(timeout=max(0.0, deadline - time.monotonic()))
        except queue.Empty:
            raise unavailable(target, "no address of {host} in time", host=target.host) from None
        if isinstance(outcome, OSError):
            raise unavailable(
                target, "{host} has no address that could be found", host=target.host
            ) from outcome
        if not outcome:
            raise unavailable(target, "{host} has no address", host=target.host)
        return outcome


class _ManyFetches(HttpsFetcher):
    """A fetcher like another one, over connections that stay open; for one thread."""

    def __init__(self, like: HttpsFetcher, connections: KeptOpen) -> None:
        vars(self).update(vars(like))
        self._connections = connections
