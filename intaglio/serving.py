"""A port, and the server that answers on it."""

from __future__ import annotations

import functools
import os
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Self, cast
from urllib.parse import urlsplit

import uvicorn
from starlette.types import ASGIApp

from wire.address import Target
from wire.problem import Refused, Unavailable

from .connections import BEHIND_PROXY, LIMITS, Guard, Limits, Loop, busy
from .logs import to_stderr
from .reach import Reach
from .terminal import say
from .tls import LOOPBACK, ServerFiles, server_files

_OWN_CERTIFICATE = (
    "Browsers warn of this certificate, whose authority they do not know. For people, put a proxy in front "
    "that has one which they know, and leave out --tls; to look at the pages on this machine, type "
    "--plain --url http://localhost:{port}"
)


@dataclass(frozen=True)
class Endpoint:
    """A service that listens: the URL by which it is reached, and the files of its TLS if it speaks that."""

    url: str
    files: ServerFiles | None
    listener: socket.socket
    limits: Limits

    @property
    def is_sealed(self) -> bool:
        """False if what is sent here travels in the clear beyond this machine.

        A URL of loopback says nothing of who reaches this: plain HTTP may listen on every address.
        """
        return urlsplit(self.url).scheme == "https" or self.listener.getsockname()[0] in LOOPBACK

    @classmethod
    @contextmanager
    def open(cls, reach: Reach, folder: Path, now: datetime, *, own: str | None = None) -> Iterator[Self]:
        """Listens until the block ends; `own` is the URL where none was typed, `folder` is for its TLS.

        Raises `Refused` for an invalid URL, `Unavailable` for a port that cannot be bound, and as
        `server_files` does.
        """
        url, tls, port = reach.url or own, reach.tls, reach.port
        target = Target.parse(url) if url else None
        if url and target:
            _require_base(url, target, tls=tls)
        if tls is None and target:  # nobody stands a proxy in front of a name that is this machine's only
            tls = target.scheme == "https" and target.host in LOOPBACK
        elif tls is None:
            tls = not (reach.plain_here and reach.host in LOOPBACK)
        if port is None:  # the URL's, unless something in front answers there
            port = target.port if target and (target.scheme == "https") == tls else reach.usual_port
        with listen(reach.host, port) as listener:
            port = listener.getsockname()[1]
            url = (url or f"{'https' if tls else 'http'}://{_called(reach.host)}:{port}").rstrip("/")
            files, limits = None, LIMITS
            if tls:
                files = server_files(folder, [urlsplit(url).hostname or reach.host], now=now)
                say(_OWN_CERTIFICATE.format(port=port))
            elif urlsplit(url).scheme == "https":
                say(f"This is plain HTTP on {reach.host}, port {port}, for a proxy in front that speaks TLS.")
                limits = BEHIND_PROXY
            yield cls(url, files, listener, limits)

    def run(
        self, app: ASGIApp, *, busy: ASGIApp = busy, beside: AbstractContextManager[object] | None = None
    ) -> None:
        """Answers requests until stopped, and logs; `busy` answers those beyond what is done at once.

        The context `beside` it is entered once there is a place to log to, and left at the end.
        """
        tls = (self.files.chain, self.files.key) if self.files else None
        with to_stderr(), beside or nullcontext():
            server(app, tls=tls, limits=self.limits, busy=busy).run([self.listener])


@contextmanager
def siblings(more: int) -> Iterator[bool]:
    """Fork `more` processes that run the block, too. Yields true in the first one; the others end with it.

    Each opens all it needs besides the socket for itself: connections to a store do not survive a fork.
    """
    reading, writing = os.pipe()
    children: list[int] = []
    while len(children) < more and (child := os.fork()):
        children.append(child)
    if len(children) < more:  # this is one of them
        os.close(writing)
        threading.Thread(target=_end_with, args=(reading,), daemon=True).start()
    try:
        yield len(children) == more
    finally:
        if len(children) < more:
            os._exit(0)
        os.close(writing)
        os.close(reading)
        for child in children:
            os.waitpid(child, 0)


def _end_with(pipe: int) -> None:
    os.read(pipe, 1)  # which nobody writes to: it is closed when its writer ends, however that may be
    os.kill(os.getpid(), signal.SIGTERM)


def _require_base(url: str, target: Target, *, tls: bool | None) -> None:
    """Raises `Refused` for a URL that no service's address can begin with, or that would be in the clear."""
    if urlsplit(url).query or urlsplit(url).fragment:
        raise Refused.saying("{url} has a query or a fragment, so that no address can begin with it", url=url)
    if target.scheme == "http" and (tls or target.host not in LOOPBACK):
        raise Refused.saying(
            "{url} does not begin with https://: all that is sent would be in the clear", url=url
        )


def _called(host: str) -> str:
    """The host part of a URL for an address of this machine."""
    if host in LOOPBACK or not host.strip("0:."):  # all of them
        return "localhost"
    return f"[{host}]" if ":" in host else host


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens. Raises `Unavailable` for a port that is taken or not to be had."""
    try:
        listener = socket.create_server(
            (host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET
        )
    except OSError as error:
        raise Unavailable(
            f"{host}, port {port}: {error.strerror}", hint="Name another port or address: --port, --host."
        ) from error
    # Each connection inherits it; without, an answer waits 40 ms for the one before to be acknowledged.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def server(
    app: ASGIApp, *, tls: tuple[Path, Path] | None = None, limits: Limits = LIMITS, busy: ASGIApp = busy
) -> uvicorn.Server:
    """The server, not yet started; `tls` names the files of a certificate chain and its key."""
    chain, key = tls or (None, None)
    config = uvicorn.Config(
        app,
        http=cast("Any", Guard(limits, busy)),
        loop=cast("Any", functools.partial(Loop, limits.handshake)),
        timeout_keep_alive=limits.idle,
        lifespan="off",
        ws="none",
        log_level="warning",
        log_config=None,  # as everything else is logged
        access_log=False,  # paths hold the tokens of claim links
        server_header=False,
        proxy_headers=False,  # nothing here asks who the sender is but by the connection
        ssl_certfile=chain,
        ssl_keyfile=key,
    )
    return uvicorn.Server(config)
