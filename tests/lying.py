"""A node that lies: it stands before a real one, and changes what that one answers."""

from __future__ import annotations

import json
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Lie = Callable[[Any, list[Any]], Any]
"""The false result, given the true one and the parameters of the request."""


class Liar(ThreadingHTTPServer):
    """Answers as the node at an address does, but for the methods in `lies`."""

    daemon_threads = True

    def __init__(self, truth: str) -> None:
        super().__init__(("127.0.0.1", 0), _Answering)
        self.truth = truth
        self.lies: dict[str, Lie] = {}
        self.late: dict[str, float] = {}
        """By method, how many seconds it takes longer."""
        self.deaf: set[str] = set()
        """Methods that do not reach the real node."""
        self.asked: list[str] = []
        self.url = f"http://127.0.0.1:{self.server_address[1]}/v3/a-key-of-the-node"

    def answer(self, body: bytes) -> bytes:
        asked = json.loads(body)
        method = asked["method"]
        self.asked.append(method)
        time.sleep(self.late.get(method, 0.0))
        answer = {} if method in self.deaf else self._truth(body)
        if method in self.lies:
            lie = self.lies[method](answer.get("result"), asked["params"])
            answer = {"jsonrpc": "2.0", "id": asked["id"], **(lie if _is_error(lie) else {"result": lie})}
        return json.dumps(answer).encode()

    def _truth(self, body: bytes) -> Any:
        request = urllib.request.Request(self.truth, body, {"content-type": "application/json"})
        with urllib.request.urlopen(request, timeout=30) as response:
            return json.load(response)


def _is_error(lie: Any) -> bool:
    return isinstance(lie, dict) and lie.keys() == {"error"}


class _Answering(BaseHTTPRequestHandler):
    server: Liar

    def do_POST(self) -> None:
        answer = self.server.answer(self.rfile.read(int(self.headers["content-length"])))
        self.send_response(200)
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *args: object) -> None:
        pass


@contextmanager
def lying(truth: str) -> Iterator[Liar]:
    """A lying node that runs until the block ends."""
    server = Liar(truth)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
