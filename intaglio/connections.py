"""Limits for a web service's connections: time, and number per sender, until a request has arrived in full.

uvicorn bounds neither: a few hundred sockets that send nothing, or a byte a second, would lock everybody else
out (slowloris). `Guard` makes the protocol objects that `uvicorn.Config(http=…)` asks for.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any, NamedTuple

import orjson
import uvloop
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from exchange.http import BODY_TIME

RATE = 16 << 10
"""Bytes a second at which a body arrives that takes longer than others."""

STRETCH = int(RATE * BODY_TIME)
"""Bytes of a body after which its sender has the same time once more."""

_MOST_OVERHEAD = 1 << 17  # bytes of a request outside its body: head, trailers, lengths of chunks
_MOST_PIPELINED = 8  # requests that a sender sends before it has the answer to an earlier one


class Limits(NamedTuple):
    """Seconds and numbers, for one service."""

    handshake: float = 10.0
    """For the TLS handshake."""
    head: float = 10.0
    """From connecting, or from the first byte of a further request, to the end of its header."""
    body: float = BODY_TIME + 1
    """For the body, and anew after each stretch at `RATE`; a second more than the app, which answers 408."""
    idle: int = 5
    """Between two requests."""
    answer: float = 60.0
    """For taking the part of the answer that does not fit into the sender's buffers."""
    waiting: int | None = 20
    """Connections of one address on which a request is not yet whole; `None` behind a proxy, which is one."""
    active: int = 200
    """Requests that are whole and not yet answered; more are answered 503."""
    open: int = 500
    """Connections; each takes a file descriptor, of which a process has a thousand."""

    def among(self, processes: int) -> Limits:
        """The limits for one of several processes on one port, which share one address's allowance."""
        return self if self.waiting is None else self._replace(waiting=-(-self.waiting // processes))


LIMITS = Limits()
BEHIND_PROXY = LIMITS._replace(waiting=None)


class Guard:
    """Makes the connections of one service, and counts them."""

    def __init__(self, limits: Limits, busy: Any) -> None:
        """`busy` is the ASGI application that answers in the place of the service where that is full."""
        self.limits, self.busy = limits, busy
        self.waiting = Counter[str]()
        self.active = set[Connection]()

    def __call__(self, **options: Any) -> Connection:
        return Connection(self, **options)


class Gathering:
    """A transport that joins the writes of one turn of the loop, such as head and body of an answer.

    Sent one by one they cost two system calls, and wake the receiver twice.
    """

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport, self._loop = transport, loop
        self._held: list[bytes] = []

    def write(self, data: bytes) -> None:
        """See `asyncio.WriteTransport`."""
        if not self._held:
            self._loop.call_soon(self._send)
        self._held.append(data)

    def close(self) -> None:
        """See `asyncio.BaseTransport`."""
        self._send()
        self._transport.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def _send(self) -> None:
        held, self._held = self._held, []
        if held and not self._transport.is_closing():
            self._transport.writelines(held)


class Connection(HttpToolsProtocol):
    """One connection: one timer for what its sender owes, and its place in the counts."""

    def __init__(
        self,
        guard: Guard,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._guard = guard
        self._sender = ""
        self._timer: asyncio.TimerHandle | None = None
        self._is_waiting = False
        self._overhead = self._stretch = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(Gathering(transport, self.loop))  # type: ignore[arg-type]
        self._sender = sender(self.client)
        if len(self.connections) > self._guard.limits.open:
            transport.abort()
        else:
            self._wait(self._guard.limits.head)

    def connection_lost(self, exc: Exception | None) -> None:
        self._no_longer_waiting()
        self._guard.active.discard(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._timer is None and self not in self._guard.active:
            self._wait(self._guard.limits.head)
        self._overhead += len(data)
        super().data_received(data)
        if self._overhead > _MOST_OVERHEAD or len(self.pipeline) > _MOST_PIPELINED:
            self.transport.abort()

    def on_message_begin(self) -> None:
        self._overhead = 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._stretch = 0
        self._wait(self._guard.limits.body)
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._overhead -= len(body)
        self._stretch += len(body)
        if self._stretch >= STRETCH and not self.cycle.response_complete:  # else nobody wants the rest
            self._stretch %= STRETCH
            self._time(self._guard.limits.body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._no_longer_waiting()
        if self.cycle.response_complete:  # refused before the body was whole
            self._wait(self._guard.limits.head)
        else:
            self._guard.active.add(self)
        super().on_message_complete()

    def on_response_complete(self) -> None:
        self._guard.active.discard(self)
        super().on_response_complete()
        if self.transport.is_closing():  # once what is left of the answer was taken
            self._time(self._guard.limits.answer)
        elif not self.cycle.more_body:
            self._no_longer_waiting()
            if not self.cycle.response_complete:  # of a request that came behind
                self._guard.active.add(self)

    def pause_writing(self) -> None:
        super().pause_writing()
        if self._timer is None:
            self._time(self._guard.limits.answer)

    def timeout_keep_alive_handler(self) -> None:
        super().timeout_keep_alive_handler()
        self._time(self._guard.limits.answer)

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        is_full = len(self._guard.active) >= self._guard.limits.active
        super()._start_asgi_task(cycle, self._guard.busy if is_full else app)

    def _wait(self, seconds: float) -> None:
        """Give the sender so many seconds to go on; meanwhile the connection counts as waiting."""
        if not self._is_waiting:
            self._is_waiting = True
            self._guard.waiting[self._sender] += 1
            most = self._guard.limits.waiting
            if most is not None and self._guard.waiting[self._sender] > most:
                self.transport.abort()
        self._time(seconds)

    def _no_longer_waiting(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._is_waiting:
            self._is_waiting = False
            self._guard.waiting[self._sender] -= 1
            if not self._guard.waiting[self._sender]:
                del self._guard.waiting[self._sender]

    def _time(self, seconds: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self.loop.call_later(seconds, self.transport.abort)


def sender(client: tuple[str, int] | None) -> str:
    """The address; of IPv6 the network, since each subscriber has one with all its addresses."""
    host = client[0] if client else ""
    return ":".join(host.split(":")[:4]) if ":" in host else host


async def busy(_scope: Any, _receive: Any, send: Any) -> None:
    """The answer to a request beyond the number that a service handles at once."""
    body = orjson.dumps({"type": "about:blank", "title": "The service is busy", "status": 503})
    headers = [
        (b"content-type", b"application/problem+json"),
        (b"content-length", b"%d" % len(body)),
        (b"cache-control", b"no-store"),
        (b"x-content-type-options", b"nosniff"),
        (b"retry-after", b"5"),
        (b"connection", b"close"),
    ]
    await send({"type": "http.response.start", "status": 503, "headers": headers})
    await send({"type": "http.response.body", "body": body})


class Loop(uvloop.Loop):
    """The event loop of a service; a TLS handshake is not waited for longer than `handshake` seconds."""

    def __init__(self, handshake: float) -> None:
        super().__init__()
        self._handshake = handshake

    async def create_server(self, *arguments: Any, **options: Any) -> Any:
        if options.get("ssl"):
            options["ssl_handshake_timeout"] = self._handshake
        return await super().create_server(*arguments, **options)
