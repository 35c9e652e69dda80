"""`intaglio api serve --processes 2`: what is posted to both at once happens once, and both know it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from threading import Barrier
from typing import Any, NamedTuple

import pytest

from intaglio.api.tokens import Right, Tokens
from intaglio.session import utc_now
from kinds import shipped
from tests.conftest import ROOT
from tests.world import issuer_in

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not Path("/proc/self/task").exists(), reason="no /proc to find processes in: only on Linux"
    ),
]

POSTED = json.loads((ROOT / "examples/api/certificate.json").read_text())
REVOCATION = {"type": "BitstringStatusListEntry", "statusPurpose": "revocation"}


class Answer(NamedTuple):
    status: int
    body: dict[str, Any]


class Both:
    """A connection to each of the two processes, which it keeps."""

    def __init__(self, address: str, pids: tuple[int, int], token: str) -> None:
        self._headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
        first, second = pids
        self._connections = [self._to(address, without) for without in (second, first)]
        self._together = Barrier(2)

    def _to(self, address: str, without: int) -> HTTPConnection:
        """A connection that the other process took, since this one stood still."""
        with standing(without):
            connection = HTTPConnection(address.rpartition("/")[2], timeout=60)
            connection.request("GET", "/livez")
            assert connection.getresponse().read() == b'{"status":"ok"}'
        return connection

    def close(self) -> None:
        for connection in self._connections:
            connection.close()

    def post(self, path: str, body: object) -> list[Answer]:
        """Their answers to the same body, which both have before either can have answered."""
        content = json.dumps(body).encode()

        def ask(connection: HTTPConnection) -> Answer:
            self._together.wait(30)
            connection.request("POST", f"/issuers/uni/credentials/{path}", content, self._headers)
            answer = connection.getresponse()
            return Answer(answer.status, json.loads(answer.read()))

        with ThreadPoolExecutor(2) as pool:
            return list(pool.map(ask, self._connections))


@contextmanager
def standing(pid: int) -> Iterator[None]:
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def forked(pid: int) -> list[int]:
    """The processes that a process forked: those that it started anew have other words."""
    words = Path(f"/proc/{pid}/cmdline").read_bytes()
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(child) for child in children if Path(f"/proc/{child}/cmdline").read_bytes() == words]


def until(is_so: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.05)


def certificate(number: str, **members: str) -> dict[str, Any]:
    subject = {**POSTED["credentialSubject"], "certificate_number": number, **members}
    return {"credential": {**POSTED, "credentialSubject": subject}}


def test_the_same_to_both_at_once_is_done_once(tmp_path: Path) -> None:
    home = tmp_path / "home"
    issuer = issuer_in(
        home / "issuer", kind=shipped("certificate"), url="https://school.example", clock=utc_now
    )
    tokens = Tokens(issuer.home)
    serve = ("api", "serve", "--issuer", f"uni={home}", "--port", "0", "--offline", "--processes", "2")
    command = (sys.executable, "-m", "intaglio", "--home", str(home), *serve)
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as service:
        try:
            assert service.stdout is not None
            address = service.stdout.readline().strip()
            [sibling] = forked(service.pid)
            token = tokens.add("registry", Right, utc_now())
            with closing(Both(address, (service.pid, sibling), token)) as both:
                for nth in range(8):
                    issued = both.post("issue", certificate(f"C-{nth}"))
                    assert sorted(answer.status for answer in issued) == [200, 201]
                    one, other = (answer.body["verifiableCredential"] for answer in issued)
                    assert one == other
                    body = {"credentialId": one["id"], "status": True, "credentialStatus": REVOCATION}
                    assert [answer.status for answer in both.post("status", body)] == [200, 200]
                    assert [answer.status for answer in both.post("issue", certificate(f"C-{nth}"))] == [
                        409,
                        409,
                    ]
                differing = certificate("C-0", title="Another course")
                assert [answer.status for answer in both.post("issue", differing)] == [409, 409]
                assert len(list(issuer.entries())) == 8
                tokens.end("registry")
                assert [answer.status for answer in both.post("issue", certificate("C-9"))] == [401, 401]
        finally:
            service.terminate()
    until(lambda: not Path(f"/proc/{sibling}").exists())
