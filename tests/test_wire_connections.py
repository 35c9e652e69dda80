"""Senders that say nothing, little, slowly or too much: on real sockets, and nobody else waits for them."""

from __future__ import annotations

import asyncio
import contextlib
import select
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import httpx
import pytest
import uvicorn
from fastapi import FastAPI, Request, Response

from exchange.http import read_body
from intaglio.connections import BEHIND_PROXY, LIMITS, STRETCH, Gathering, Limits, sender
from tests.loopback import Authority
from tests.serving import listening, serving

SHORT = LIMITS._replace(handshake=0.3, head=0.3, body=0.3, answer=0.3, idle=1)
PATIENCE = 30.0  # seconds in which whatever is going to be closed is, on a busy machine, too
HEAD = b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n"
WHOLE = HEAD + b"hello"


class Service:
    """An app that gives back what it got, and one answer that waits until it is let go."""

    def __init__(self) -> None:
        self.app = FastAPI()
        self.go, self.inside = threading.Event(), threading.Semaphore(0)
        self.port = 0
        self.server: uvicorn.Server | None = None

        @self.app.post("/echo")
        async def echo(request: Request) -> Response:
            return Response(await read_body(request, 1 << 20))

        @self.app.get("/held")
        def held() -> Response:
            self.inside.release()
            self.go.wait(30)
            return Response(b"at last")

        @self.app.get("/long")
        async def long() -> Response:
            return Response(bytes(1 << 25))

    @contextlib.contextmanager
    def running(self, limits: Limits = SHORT, tls: tuple[Path, Path] | None = None) -> Iterator[Service]:
        with listening() as listener, serving(self.app, listener, limits=limits, tls=tls) as self.server:
            self.port = listener.getsockname()[1]
            try:
                yield self
            finally:
                self.go.set()

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE)

    def answers(self) -> bool:
        url = f"http://127.0.0.1:{self.port}/echo"
        return httpx.post(url, content=b"hello", timeout=PATIENCE).content == b"hello"


def answered(connection: socket.socket, body: bytes = b"hello") -> bool:
    received = b""
    while piece := connection.recv(4096):
        received += piece
        if received.endswith(body):
            return True
    return False


def ends(connection: socket.socket) -> bool:
    """Whether the other side closes, or breaks, the connection within `PATIENCE`."""
    try:
        while connection.recv(1 << 16):
            pass
    except TimeoutError:
        return False
    except OSError:
        pass
    return True


def drips(connection: socket.socket, piece: bytes) -> bool:
    """Whether it ends while a piece is sent again and again, faster than any limit."""
    end = time.monotonic() + PATIENCE
    connection.settimeout(0.05)
    while time.monotonic() < end:
        try:
            connection.sendall(piece)
            if not connection.recv(1 << 16):
                return True
        except TimeoutError:
            continue
        except OSError:
            return True
    return False


@pytest.mark.slow
@pytest.mark.parametrize(
    "said",
    [b"", b"\r\n", b"POST /echo HTTP/1.1\r\nHost:", HEAD, HEAD + b"hel", WHOLE + b"\r\n", WHOLE + HEAD],
    ids=["nothing", "a line end", "half a header", "no body", "half a body", "a line end behind", "another"],
)
def test_a_sender_that_stops_before_a_request_is_whole_is_left(said: bytes) -> None:
    with Service().running() as service, service.connect() as connection:
        connection.sendall(said)
        assert ends(connection)
        assert service.answers()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("said", "piece"),
    [(b"POST /echo HTTP/1.1\r\n", b"a: b\r\n"), (HEAD[:-4].replace(b"5", b"500") + b"\r\n\r\n", b"x")],
    ids=["header", "body"],
)
def test_a_sender_that_drips_is_left(said: bytes, piece: bytes) -> None:
    with Service().running() as service, service.connect() as connection:
        connection.sendall(said)
        assert drips(connection, piece)


@pytest.mark.slow
def test_line_ends_between_requests_do_not_keep_a_connection() -> None:
    """uvicorn's own time-out between requests ends with the first byte."""
    with Service().running() as service, service.connect() as connection:
        connection.sendall(WHOLE)
        assert answered(connection)
        assert drips(connection, b"\r\n")


def test_a_body_that_was_refused_early_does_not_keep_a_connection() -> None:
    with Service().running() as service, service.connect() as connection:
        connection.sendall(b"POST /nowhere HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n")
        assert connection.recv(4096).startswith(b"HTTP/1.1 404")
        connection.sendall(b"hello")
        assert ends(connection)


@pytest.mark.slow
def test_who_takes_no_answer_is_left() -> None:
    with Service().running() as service, service.connect() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.sendall(b"GET /long HTTP/1.1\r\nHost: x\r\n\r\n")
        assert connection.recv(1) == b"H"
        assert service.server is not None
        end = time.monotonic() + PATIENCE
        while service.server.server_state.connections:
            assert time.monotonic() < end, "the answer still waits for its reader"
            time.sleep(0.02)


@pytest.mark.slow
def test_a_handshake_that_does_not_go_on_is_left(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    authority.server_context("localhost")
    file = tmp_path / "localhost.pem"
    with Service().running(tls=(file, file)) as service:
        with service.connect() as silent:
            assert ends(silent)
        context = ssl.create_default_context(cafile=str(authority.ca_file))
        with context.wrap_socket(service.connect(), server_hostname="localhost") as connection:
            connection.sendall(WHOLE)
            assert answered(connection)
            assert ends(connection)


def test_the_21st_connection_of_one_address_that_waits_is_closed_at_once() -> None:
    with Service().running(LIMITS) as service, contextlib.ExitStack() as stack:
        waiting = [stack.enter_context(service.connect()) for _ in range(20)]
        for connection in waiting:
            connection.sendall(HEAD)
        with service.connect() as one_more:
            assert ends(one_more)
        for connection in waiting:  # those that were there before are served
            connection.sendall(b"hello")
            assert answered(connection)
        assert service.answers()


def test_who_was_served_once_is_counted_when_he_waits_again() -> None:
    with Service().running(LIMITS) as service, contextlib.ExitStack() as stack:
        served = []
        for _ in range(21):  # each is served before the next comes: 21 that wait would be one too many
            connection = stack.enter_context(service.connect())
            connection.sendall(WHOLE)
            assert answered(connection)
            served.append(connection)
        for connection in served:
            connection.sendall(b"POST")
        closed, _, _ = select.select(served, [], [], PATIENCE)
        assert all(map(ends, closed))
        assert closed


@pytest.mark.slow
@pytest.mark.parametrize("idle", [19, 200], ids=["of one address", "behind a proxy"])
def test_idle_connections_lock_nobody_out(idle: int) -> None:
    limits = LIMITS if idle < 20 else LIMITS._replace(waiting=None)
    with Service().running(limits) as service, contextlib.ExitStack() as stack:
        for _ in range(idle):
            stack.enter_context(service.connect())
        assert service.answers()


def test_requests_beyond_those_that_are_worked_on_are_answered_503() -> None:
    with Service().running(LIMITS._replace(active=2)) as service, contextlib.ExitStack() as stack:
        held = [stack.enter_context(service.connect()) for _ in range(2)]
        for connection in held:
            connection.sendall(b"GET /held HTTP/1.1\r\nHost: x\r\n\r\n")
            assert service.inside.acquire(timeout=PATIENCE)
        answer = httpx.post(f"http://127.0.0.1:{service.port}/echo", content=b"hello")
        assert (answer.status_code, answer.headers["Content-Type"]) == (503, "application/problem+json")
        service.go.set()
        for connection in held:
            assert answered(connection, b"at last")
        assert service.answers()


def test_more_connections_than_there_are_files_for_are_closed() -> None:
    with Service().running(LIMITS._replace(open=5)) as service, contextlib.ExitStack() as stack:
        found = [stack.enter_context(service.connect()) for _ in range(5)]
        with service.connect() as one_more:
            assert ends(one_more)
        found.pop().close()
        found.pop().close()
        assert service.answers()


@pytest.mark.slow
@pytest.mark.parametrize(
    "said",
    [
        b"GET / HTTP/1.1\r\nx: " + b"a" * (1 << 20),
        b"GET /" + b"a" * (1 << 20),
        b"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n"
        + b"a: b\r\n" * (1 << 18),
        b"GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n" * 10_000,
    ],
    ids=["header", "address", "trailers", "pipelined"],
)
def test_what_is_sent_beside_the_body_is_bounded(said: bytes) -> None:
    with Service().running(LIMITS) as service, service.connect() as connection:
        with contextlib.suppress(OSError):
            connection.sendall(said)
        assert ends(connection)
        assert service.answers()


def test_requests_that_come_together_are_answered_in_order() -> None:
    with Service().running(LIMITS) as service, service.connect() as connection:
        connection.sendall(WHOLE + WHOLE.replace(b"hello", b"world") + WHOLE.replace(b"hello", b"again"))
        received = b""
        while not received.endswith(b"again"):
            received += connection.recv(4096)
        assert [word in received for word in (b"hello", b"world", b"again")] == [True] * 3


@pytest.mark.slow
def test_a_long_body_has_longer_as_long_as_it_arrives_fast() -> None:
    head = HEAD.replace(b"Length: 5", b"Length: %d" % (4 * STRETCH))
    limits = LIMITS._replace(body=1.5)  # of which a busy machine may lose two thirds
    for stretch, is_answered in ((STRETCH, True), (STRETCH // 4, False)):
        with Service().running(limits) as service, service.connect() as connection:
            connection.sendall(head)
            with contextlib.suppress(OSError):
                for _ in range(4 * STRETCH // stretch):
                    time.sleep(0.5)  # four take longer than one stretch may
                    connection.sendall(bytes(stretch))
            is_whole = False
            with contextlib.suppress(OSError):
                is_whole = answered(connection, bytes(9))
            assert is_whole is is_answered


def test_answers_do_not_wait_for_an_acknowledgement() -> None:
    """Without TCP_NODELAY a connection that is kept serves 22 requests a second."""
    with Service().running(LIMITS) as service, service.connect() as connection:
        connection.sendall(WHOLE)
        assert answered(connection)
        assert service.server is not None
        (served,) = service.server.server_state.connections
        accepted = served.transport.get_extra_info("socket")
        assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_addresses_of_one_subscriber_are_one_sender() -> None:
    assert sender(("2001:db8:1:2:3:4:5:6", 1)) == sender(("2001:db8:1:2:aaaa::1", 2))
    assert sender(("192.0.2.1", 1)) != sender(("192.0.2.2", 1))
    assert sender(None) == ""


class Wire:
    """A transport as an event loop has them, of which what is sent is kept."""

    def __init__(self) -> None:
        self.sent: list[list[bytes]] = []
        self.closed = False

    def writelines(self, data: list[bytes]) -> None:
        self.sent.append(data)

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True


def test_what_is_written_in_one_turn_is_sent_at_once() -> None:
    async def answers(wire: Wire) -> None:
        gathering = Gathering(cast("asyncio.Transport", wire), asyncio.get_running_loop())
        gathering.write(b"head")
        gathering.write(b"body")
        assert wire.sent == []
        await asyncio.sleep(0)
        assert wire.sent == [[b"head", b"body"]]
        gathering.write(b"the last")
        gathering.close()
        await asyncio.sleep(0)
        assert (wire.sent[1:], gathering.is_closing()) == ([[b"the last"]], True)

    asyncio.run(answers(Wire()))


def test_several_processes_share_what_one_address_may_do() -> None:
    assert LIMITS.among(3) == LIMITS._replace(waiting=7)
    assert LIMITS.among(64).waiting == 1
    assert BEHIND_PROXY.among(2) == BEHIND_PROXY
