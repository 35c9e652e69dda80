"""Whatever an issuer's service is asked, under whatever address and language: an answer, never a failure."""

from __future__ import annotations

import asyncio
import functools
import re
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest
from fastapi import FastAPI
from hypothesis import given, settings
from hypothesis import strategies as st

from intaglio.pages.issuer import IssuerPages
from issuer.desk.claims import ClaimLinks
from issuer.desk.http import create_app
from issuer.job.order import Order
from tests.pages import Reader
from tests.world import NOW, csv_file, graduate, issuer_in, of_diploma

pytestmark = pytest.mark.slow

SERVICE = "http://localhost:8460"
NAME = '"><script>alert(1)</script>\u202e'
LATIN = st.text(st.characters(codec="latin-1", exclude_characters="\r\n\0"), max_size=30)


@functools.cache
def service() -> tuple[FastAPI, str]:
    """One with a name that is no name, and a link that is good."""
    home = Path(tempfile.mkdtemp(prefix="issuer-"))
    issuer = issuer_in(home / "issuer", name=NAME)
    issuer.issue_file(Order(csv_file(home / "g.csv", [graduate(0)]), home / "errors.csv", workers=0))
    claims = ClaimLinks(home / "claims.sqlite", SERVICE)
    link = claims.offer(of_diploma(graduate(0)["diploma_number"]), issuer, now=NOW)
    app = create_app(issuer, claims, issuer.home, lambda: NOW, issuer.reader)
    IssuerPages(issuer, claims, lambda: NOW).mount(app)
    return app, link.token


def asked(method: str, path: str, headers: dict[str, str], body: bytes) -> httpx.Response:
    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(service()[0])  # which raises what the service does
        sent = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
        async with httpx.AsyncClient(transport=transport, base_url=SERVICE) as client:
            return await client.request(method, path, headers=sent, content=body)

    with ThreadPoolExecutor(1) as threads:  # in this one a browser's loop may run
        return threads.submit(lambda: asyncio.run(ask())).result()


ENDS = st.sampled_from(["", "trust.json", "page.css", "icon.svg", "livez", "readyz", "version", "status/0"])
ANY = st.text(max_size=20).map(lambda text: quote(text, safe="/%"))
TOKENS = st.one_of(st.just("{token}"), st.text("aZ09-_", min_size=20, max_size=90), ANY)


@given(
    method=st.sampled_from(["GET", "POST", "PUT", "HEAD", "OPTIONS", "DELETE"]),
    path=st.one_of(ENDS, ANY, TOKENS.map(lambda token: f"claim/{token}"), ANY.map(lambda end: f"log/{end}")),
    query=st.sampled_from(["", "?lang=zh", "?lang=en", "?lang=%00", "?lang=zh&lang=en", "?<script>"]),
    accept=st.one_of(st.sampled_from(["text/html", "text/html,*/*;q=0.8", "application/json", ""]), LATIN),
    language=LATIN,
    host=st.one_of(st.just("localhost:8460"), LATIN),
    body=st.binary(max_size=40),
)
@settings(deadline=None)
def test_it_answers_and_never_in_words_that_somebody_else_put_in(
    method: str, path: str, query: str, accept: str, language: str, host: str, body: bytes
) -> None:
    address = f"/{path.replace('{token}', service()[1])}{query}"
    headers = {"Accept": accept, "Accept-Language": language, "Host": host}
    found = asked(method, address, headers, body)
    assert found.status_code < 500 or found.status_code == 503
    if found.headers.get("Content-Type", "").startswith("text/html"):
        assert found.headers["Content-Security-Policy"].startswith("default-src 'none'")
        assert not {tag for tag, _ in Reader(found.text).tags} & {
            "script",
            "iframe",
            "form",
            "object",
            "style",
        }
        assert not re.search("[\u202a-\u202e]", found.text)


def test_looking_often_at_a_good_link_leaves_it_good() -> None:
    """After all that was tried here."""
    browser = {"Accept": "text/html", "Accept-Language": "", "Host": "localhost:8460"}
    assert asked("GET", f"/claim/{service()[1]}", browser, b"").status_code == 200
