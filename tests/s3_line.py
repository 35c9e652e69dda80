"""A line to an S3 store on which things go wrong as a test wants it, one request after the other.

The store at its other end is a server, or the twin in memory (`tests.s3_twin`).
"""

from __future__ import annotations

import contextlib
import enum
import http.client
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit


@dataclass
class Request:
    """A client's request; a judge may change it before it is passed on."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True)
class Answer:
    """An answer that the client gets instead of the store's; the store is never asked."""

    status: int
    body: bytes = b""


class Cut(enum.Enum):
    """The point at which the line breaks."""

    BEFORE = enum.auto()
    """Nothing arrives."""
    WITHIN = enum.auto()
    """Half of the body arrives."""
    AFTER = enum.auto()
    """All arrives, and the store does it; its answer does not come back."""


_OF_AN_OBJECT = {
    "Content-Type": "application/xml",
    "ETag": '"x"',
    "Last-Modified": "Thu, 01 Jan 2026 00:00:00 GMT",
}
Judge = Callable[[Request], Answer | Cut | None]
Reply = tuple[int, Mapping[str, str], bytes]
"""Status, header fields and body of a response."""


def line(
    endpoint: str, judge: Judge = lambda _: None, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1"
) -> AbstractContextManager[str]:
    """The endpoint at which a store is reached by this line."""
    there = urlsplit(endpoint)
    assert there.hostname is not None
    assert there.port is not None
    where = (there.hostname, there.port)

    def ask(request: Request) -> Reply:
        connection = http.client.HTTPConnection(*where, timeout=60)
        try:
            connection.request(request.method, request.path, request.body, request.headers)
            response = connection.getresponse()
            return response.status, dict(response.headers.items()), response.read()
        finally:
            connection.close()

    return serving(ask, judge, partial(_send_half, where), tls, host)


@contextmanager
def serving(
    ask: Callable[[Request], Reply],
    judge: Judge,
    ask_half: Callable[[Request], object] = lambda _: None,
    tls: ssl.SSLContext | None = None,
    host: str = "127.0.0.1",
) -> Iterator[str]:
    """The endpoint of a server whose responses are those of `ask`, unless the judge says otherwise."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        wbufsize = -1  # a response is sent as a whole
        raw_requestline: bytes

        def parse_request(self) -> bool:
            """As the base class, whose e-mail parser takes a sixth of the time of these tests."""
            self.requestline = self.raw_requestline.decode("iso-8859-1").rstrip("\r\n")
            self.command, self.path, self.request_version = self.requestline.split(" ")
            self.fields: dict[str, str] = {}
            while (field := self.rfile.readline().decode("iso-8859-1").rstrip("\r\n")) != "":
                name, _, value = field.partition(":")
                self.fields[name.lower()] = value.strip()
            self.close_connection = self.fields.get("connection") == "close"
            return True

        def handle_any(self) -> None:
            body = self.rfile.read(int(self.fields.get("content-length", 0)))
            request = Request(self.command, self.path, self.fields, body)
            verdict = judge(request)
            if verdict is None:
                self.answer(*ask(request))
            elif isinstance(verdict, Answer):
                self.answer(verdict.status, _OF_AN_OBJECT, verdict.body)
            else:
                if verdict is Cut.WITHIN:
                    ask_half(request)
                elif verdict is Cut.AFTER:
                    ask(request)
                self.close_connection = True
                with contextlib.suppress(OSError):
                    self.connection.shutdown(socket.SHUT_RDWR)

        do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = handle_any

        def answer(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
            self.send_response_only(status)
            for name, value in headers.items():
                if name.lower() not in ("transfer-encoding", "connection", "content-length"):
                    self.send_header(name, value)
            length = next((v for k, v in headers.items() if k.lower() == "content-length"), str(len(body)))
            self.send_header("Content-Length", length if self.command == "HEAD" else str(len(body)))
            self.end_headers()
            if self.command != "HEAD":  # where content would be read as the next response (RFC 9110, 9.3.2)
                self.wfile.write(body)
            self.wfile.flush()

        def log_message(self, *arguments: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        request_queue_size = 128

        def handle_error(self, request: object, client_address: object) -> None:
            pass  # a client that hung up

    server = Server((host, 0), Handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"{'https' if tls else 'http'}://{host}:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _send_half(where: tuple[str, int], request: Request) -> None:
    head = [f"{request.method} {request.path} HTTP/1.1", *(f"{k}: {v}" for k, v in request.headers.items())]
    with socket.create_connection(where) as broken:
        broken.sendall("\r\n".join([*head, "", ""]).encode() + request.body[: len(request.body) // 2])


@contextmanager
def moto(**environment: str) -> Iterator[str]:
    """The endpoint of a store that checks no signature, and is gone afterwards."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={**environment}
    ) as process:
        try:
            deadline = time.monotonic() + 60
            while True:
                try:
                    socket.create_connection(("127.0.0.1", port)).close()
                    break
                except ConnectionRefusedError:
                    assert process.poll() is None
                    assert time.monotonic() < deadline
                    time.sleep(0.05)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.kill()
