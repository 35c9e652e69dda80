"""What the services log and say of themselves: lines of JSON on stderr, and nothing about anybody."""

from __future__ import annotations

import contextlib
import io
import json
import logging
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI, Request

from exchange.claim import ClaimLink
from exchange.http import REQUEST_ID_HEADER, Identified
from intaglio.logs import to_stderr
from issuer.desk.claims import ClaimLinks
from issuer.desk.http import create_app
from issuer.job.order import Order
from tests.serving import listening, serving
from tests.world import NOW, University, csv_file, graduate, issuer_in, of_diploma
from wire.problem import Malformed

CANARY = "Canary7f3a"
NUMBER = f"N-{CANARY}"


@contextmanager
def running(home: Path, *words: object) -> Iterator[tuple[str, list[str]]]:
    """A service as a process: its address, and the lines of its stderr once the block has ended."""
    said: list[str] = []
    with subprocess.Popen(
        [sys.executable, "-m", "intaglio", *map(str, words), "--port", "0"],
        env={**os.environ, "INTAGLIO_HOME": str(home)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        try:
            yield process.stdout.readline().strip(), said
        finally:
            process.terminate()
            said += process.stderr.read().splitlines()


def of(lines: list[str]) -> list[dict[str, Any]]:
    """The log: all lines from the first of JSON on; what was said to a person before is none of it."""
    first = next((place for place, line in enumerate(lines) if line.startswith("{")), len(lines))
    return [json.loads(line) for line in lines[first:]]


@pytest.mark.slow
def test_the_verifier_logs_lines_with_the_id_of_the_answer_and_nothing_about_anybody(tmp_path: Path) -> None:
    university = University(f"{CANARY.lower()}.example")
    document = university.diploma()
    document["credentialSubject"]["identifier"][0]["identityHash"] = CANARY
    body = university.issue(document).to_bytes()
    home = tmp_path / "home"
    home.mkdir()
    with running(home, "verifier", "serve", "--plain") as (page, lines):
        service = page.rstrip("/")
        address = f"{service}/verify"
        sent = {"X-Request-Id": CANARY, "User-Agent": CANARY, "Cookie": CANARY}
        answers = [
            httpx.post(address, content=body, headers=sent),
            httpx.post(address, content=f'{{"{CANARY}": '.encode()),
            httpx.post(f"{address}?challenge={CANARY}&domain={CANARY}", content=body),
            httpx.post(f"{address}?{CANARY}={CANARY}", content=body),
            httpx.get(f"{service}/{CANARY}"),
        ]
        assert httpx.get(f"{service}/livez").json() == {"status": "ok"}
        assert httpx.get(f"{service}/readyz").json() == {"status": "ok"}
        assert httpx.get(f"{service}/version").json() == {"name": "intaglio", "version": version("intaglio")}
        (home / "trust.json").write_text("{")
        answers += [httpx.get(f"{service}/readyz"), httpx.post(address, content=body)]
    assert [answer.status_code for answer in answers] == [422, 422, 400, 400, 404, 503, 503]
    log = of(lines)
    ids = [answer.headers[REQUEST_ID_HEADER] for answer in answers]
    assert len(set(ids)) == 7
    assert all(re.fullmatch("[0-9a-f]{16}", found) for found in ids)
    answered = [line for line in log if line["message"] == "answered"]
    assert [line["request"] for line in answered] == ids[:5] + ids[6:]  # probes are not logged
    assert [line["facts"]["route"] for line in answered] == [*["/verify"] * 4, None, "/verify"]
    assert [line["facts"]["status"] for line in answered] == [422, 422, 400, 400, 404, 503]
    refused = [line for line in log if line["level"] == "error"]
    assert [(line["code"], line["request"]) for line in refused] == [
        ("not-a-trust-file", ids[5]),
        ("not-a-trust-file", ids[6]),
    ]
    assert "intaglio trust add FILE" in refused[0]["remedy"]
    assert CANARY.lower() not in "\n".join(lines).lower()


@contextmanager
def logged() -> Iterator[io.StringIO]:
    """All that is logged in this process, as a service writes it."""
    client = logging.getLogger("httpx")
    client.disabled = True  # which logs what it asks for
    try:
        with contextlib.redirect_stderr(io.StringIO()) as written, to_stderr():
            yield written
    finally:
        client.disabled = False


@pytest.mark.slow
def test_the_issuer_logs_neither_tokens_nor_graduates(tmp_path: Path) -> None:
    issuer = issuer_in(tmp_path / "issuer", url="https://university.example")
    row = graduate(1, diploma_number=NUMBER, family_name=CANARY, email=f"{CANARY}@example.org")
    issuer.issue_file(Order(csv_file(tmp_path / "g.csv", [row]), tmp_path / "errors.csv", workers=0))
    with logged() as log, listening() as listener:
        service = f"http://localhost:{listener.getsockname()[1]}"
        claims = ClaimLinks(tmp_path / "claims.sqlite", service)
        link = claims.offer(of_diploma(NUMBER), issuer, now=NOW)
        with serving(create_app(issuer, claims, issuer.home, lambda: NOW), listener):
            invited = httpx.get(str(link))
            httpx.get(str(link), headers={"Accept": "text/html"})
            claim = httpx.post(str(link), content=json.dumps({"name": CANARY}))
            wrong = httpx.get(f"{service}/claim/{CANARY}{'x' * 30}")
            assert httpx.get(f"{service}/readyz").status_code == 200
            (issuer.home / "did.json").rename(tmp_path / "did.json")
            gone = httpx.get(f"{service}/readyz")
            claims.close()  # or what is open already would do
            (tmp_path / "claims.sqlite").write_bytes(b"no database" * 999)
            broken = httpx.get(str(link))
    assert [answer.status_code for answer in (invited, claim, wrong, gone, broken)] == [
        200,
        400,
        404,
        503,
        500,
    ]
    lines = of(log.getvalue().splitlines())
    codes = [line["code"] for line in lines if "code" in line]
    assert codes == ["damaged", "damaged-claims"]
    assert {line["facts"]["route"] for line in lines if line["message"] == "answered"} == {"/claim/{token}"}
    written = log.getvalue()
    for secret in (CANARY, link.token, NUMBER, "Given1", str(ClaimLink.parse(str(link)))):
        assert secret not in written
    assert "did.json" not in gone.text + broken.text  # which is for who runs the service


def test_of_a_bug_there_is_its_place_and_not_its_message() -> None:
    app = FastAPI()
    app.add_middleware(Identified)

    @app.get("/bug")
    async def bug(request: Request) -> None:
        raise KeyError(request.query_params["name"])

    with logged() as log, listening() as listener, serving(app, listener):
        answer = httpx.get(f"http://localhost:{listener.getsockname()[1]}/bug?name={CANARY}")
    assert answer.status_code == 500
    lines = of(log.getvalue().splitlines())
    failed = next(line for line in lines if line["level"] == "error")
    assert failed["exception"] == "KeyError"
    assert re.search(r"test_service_logs\.py:\d+ bug$", failed["at"][-1])
    assert CANARY not in log.getvalue()
    assert next(line for line in lines if line["message"] == "answered")["facts"]["status"] == 500


def test_what_ends_a_thread_is_logged_too_and_then_everything_is_as_before() -> None:
    def work() -> None:
        raise ValueError(CANARY)

    hook, handlers = threading.excepthook, logging.getLogger().handlers[:]
    with logged() as log:
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    assert (threading.excepthook, logging.getLogger().handlers) == (hook, handlers)
    (line,) = of(log.getvalue().splitlines())
    assert (line["level"], line["exception"], CANARY in log.getvalue()) == ("critical", "ValueError", False)


def test_nothing_in_a_message_ends_a_line_or_steers_a_terminal() -> None:
    with logged() as log:
        logging.getLogger("verifier").error(
            "one\ntwo \x1b[2J \u202e", extra={"problem": Malformed("x", row=7)}
        )
    (line,) = of(log.getvalue().splitlines())
    assert log.getvalue().isascii()
    assert "\x1b" not in log.getvalue()
    assert (line["message"], line["code"], line["facts"]) == (
        "one\ntwo \x1b[2J \u202e",
        "malformed",
        {"row": 7},
    )
