"""The API as its page has it: the curl lines of docs/api.md, and both clients, against a running service."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPSConnection
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from intaglio.api.tokens import Right, Tokens
from intaglio.session import Session, utc_now
from kinds import shipped
from tests.conftest import ROOT
from tests.world import issuer_in

pytestmark = pytest.mark.slow

EXAMPLES = ROOT / "examples/api"
KEY = "z6MktKwz7Ge1Yxzr4JHavN33wiwa8y81QdcMRLXQsrH9T53b"
CURLED = re.compile(r"```sh\n(curl.*?)```", re.DOTALL)
VERDICTS = ["verified 200 valid", "verified 400 invalid"]

Served = dict[str, str]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A service for one issuer of certificates, and the variables that the page's lines name."""
    folder = tmp_path_factory.mktemp("api")
    home = folder / "home"
    issuer = issuer_in(
        home / "issuer", kind=shipped("certificate"), url="https://school.example", clock=utc_now
    )
    issuer.issue({"certificate_number": "C-0", "title": "Welding", "name": "张敏", "issued_on": "2026-06-01"})
    Session(home).pin(issuer.trust_entry())
    token = Tokens(issuer.home).add("registry", Right, utc_now())
    for name in ("certificate.json", "client.py", "client.mjs"):
        shutil.copy(EXAMPLES / name, folder)
    command = [sys.executable, "-m", "intaglio", "--home", str(home)]
    serve = [*command, "api", "serve", "--issuer", f"school={home}", "--port", "0", "--offline"]
    with subprocess.Popen(serve, stdout=subprocess.PIPE, text=True, cwd=ROOT) as service:
        assert service.stdout is not None
        address = service.stdout.readline().strip()
        given = {
            "SERVICE": address,
            "TOKEN": token,
            "INTAGLIO_TOKEN": token,
            "KEY": KEY,
            "DID": f"did:key:{KEY}",
        }
        try:
            yield {**os.environ, **given, "FOLDER": str(folder)}
        finally:
            service.terminate()


def run(served: Served, *command: str) -> str:
    done = subprocess.run(
        command, env=served, cwd=served["FOLDER"], capture_output=True, text=True, check=True
    )
    return done.stdout


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_the_lines_of_the_page_are_answered_as_it_says(served: Served) -> None:
    lines = [
        line.strip() for block in CURLED.findall((ROOT / "docs/api.md").read_text()) for line in split(block)
    ]
    issue, revoke, verify, *resolve = lines
    issued = json.loads(run(served, "bash", "-c", issue))
    Path(served["FOLDER"], "bundle.json").write_text(json.dumps(issued["bundle"]))
    assert json.loads(run(served, "bash", "-c", verify))["verdict"] == "valid"
    assert run({**served, "ID": issued["verifiableCredential"]["id"]}, "bash", "-c", revoke) == "{}"
    assert json.loads(run(served, "bash", "-c", verify))["code"] == "revoked"
    result, document, content = (json.loads(run(served, "bash", "-c", line)) for line in resolve)
    assert result["didDocument"] == document
    assert content["content"]["id"] == f"{served['DID']}#{KEY}"


def split(block: str) -> list[str]:
    """The commands of a block, each of which begins with `curl`."""
    return re.split(r"\n(?=curl)", block.strip())


def test_a_client_in_python_issues_verifies_and_revokes(served: Served) -> None:
    numbered(served, "C-8")
    issued, *verdicts = run(
        served, sys.executable, "client.py", served["SERVICE"], "school", "c.json"
    ).splitlines()
    assert issued.startswith("issued https://school.example/credential/")
    assert verdicts == VERDICTS


@pytest.mark.skipif(shutil.which("node") is None, reason="Node.js is not installed")
def test_a_client_in_javascript_does_the_same(served: Served) -> None:
    numbered(served, "C-9")
    issued, *verdicts = run(served, "node", "client.mjs", served["SERVICE"], "school", "c.json").splitlines()
    assert issued.startswith("issued https://school.example/credential/")
    assert verdicts == VERDICTS


def test_who_says_nothing_or_too_much_keeps_nobody_out(served: Served) -> None:
    """200 connections that send nothing, and a token of 10 MB; then another address asks."""
    target = urlsplit(served["SERVICE"])
    address = ("127.0.0.1", target.port or 0)
    silent = []
    for _ in range(200):
        with contextlib.suppress(ConnectionError):
            silent.append(socket.create_connection(address))
    try:
        with (
            socket.create_connection(address, source_address=("127.0.0.3", 0)) as endless,
            pytest.raises(ConnectionError),  # of a header no more than 128 KiB is read
        ):
            endless.sendall(b"GET / HTTP/1.1\r\nAuthorization: Bearer " + b"a" * 10_000_000)
        asking = HTTPConnection(*address, timeout=5, source_address=("127.0.0.2", 0))
        asking.request("GET", f"/1.0/identifiers/{served['DID']}")
        assert asking.getresponse().status == 200
        asking.close()
    finally:
        for each in silent:
            each.close()


def test_a_token_ends_while_the_service_runs(served: Served) -> None:
    tokens = Tokens(Path(served["FOLDER"], "home", "issuer"))
    token = tokens.add("temporary", [Right.ISSUE], utc_now())
    address = urlsplit(served["SERVICE"]).netloc

    def status() -> int:
        asking = HTTPConnection(address, timeout=5)
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        asking.request("POST", "/issuers/school/credentials/issue", b"{}", headers)
        answered = asking.getresponse().status
        asking.close()
        return answered

    assert status() == 400  # let in, and then told that there is no credential
    tokens.end("temporary")
    assert status() == 401


def test_the_conformance_profile_leaves_a_home_as_it_is(tmp_path: Path) -> None:
    """It speaks TLS for suites that unwrap answers over https alone, by a certificate that ends with it."""
    command = [sys.executable, "-m", "intaglio", "--home", str(tmp_path / "home"), "api", "serve"]
    command += ["--profile", "conformance", "--tls", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as service:
        try:
            assert service.stdout is not None
            implementation = json.loads(service.stdout.readline())["implementations"][0]
            issuer = next(each for each in implementation["issuers"] if "vc2.0" in each["tags"])
            asking = HTTPSConnection(
                urlsplit(issuer["endpoint"]).netloc, timeout=5, context=ssl._create_unverified_context()
            )
            credential = {
                "@context": ["https://www.w3.org/ns/credentials/v2"],
                "type": ["VerifiableCredential"],
                "issuer": issuer["id"],
                "credentialSubject": {"id": "did:example:subject"},
            }
            headers = {"Content-Type": "application/json"}
            body = json.dumps({"credential": credential})
            asking.request("POST", urlsplit(issuer["endpoint"]).path, body, headers)
            answered = asking.getresponse()
            assert (answered.status, answered.headers["X-Intaglio-Profile"]) == (201, "conformance")
            asking.close()
        finally:
            service.terminate()
    assert not [*tmp_path.rglob("*.*")]


def numbered(served: Served, number: str) -> None:
    """Writes c.json, the page's certificate with another number."""
    text = (EXAMPLES / "certificate.json").read_text()
    Path(served["FOLDER"], "c.json").write_text(text.replace('"C-7"', json.dumps(number)))
