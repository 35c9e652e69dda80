"""Whatever is sent to the page, under whatever address: an answer, and never that the service failed."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from intaglio.pages.inspection import Inspection, Sent, Sheet
from intaglio.pages.routes import HEADERS
from tests.pages import mount
from tests.world import NOW, University, verifier
from verifier.http import create_app
from verifier.judge import Judge, Verifiers

UNIVERSITY = University()
BUNDLE = UNIVERSITY.issue().to_bytes()
JUDGES = Verifiers(verifier(UNIVERSITY.trust), verifier(UNIVERSITY.trust))
ORIGIN = "http://127.0.0.1:8470"

PARTS = st.lists(
    st.one_of(
        st.sampled_from(
            [
                b"--x\r\n",
                b"\r\n--x\r\n",
                b"\r\n--x--\r\n",
                b'Content-Disposition: form-data; name="file"; filename="a.json"\r\n\r\n',
                b'Content-Disposition: form-data; name="text"\r\n\r\n',
                b"Content-Disposition: form-data; filename*=utf-8''a\r\n\r\n",
                b"Content-Transfer-Encoding: base64\r\n",
                b"PK\x03\x04",
                b"\r\n",
                BUNDLE,
            ]
        ),
        st.binary(max_size=40),
    ),
    max_size=12,
)


def app() -> Any:
    made = create_app(lambda: JUDGES, clock=lambda: NOW)
    inspection = Inspection(Judge(lambda: JUDGES), Path("none.json"))

    async def ask(sent: Sent) -> Sheet:
        return inspection.sheet(sent)

    mount(made, 8470, ask)
    return made


def asked(*arguments: Any, **options: Any) -> httpx.Response:
    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(app())  # which raises what the service does
        async with httpx.AsyncClient(transport=transport, base_url=ORIGIN) as client:
            return await client.request(*arguments, **options)

    with ThreadPoolExecutor(1) as threads:  # in this one a browser's loop may run
        return threads.submit(lambda: asyncio.run(ask())).result()


@given(
    parts=PARTS,
    kind=st.sampled_from(
        [
            "multipart/form-data; boundary=x",
            'multipart/form-data; boundary="x"; charset=\xff',
            "multipart/form-data",
            "Multipart/Form-Data; boundary=x; boundary=y",
            "multipart/form-data; boundary=" + "x" * 100,
            "text/plain",
            "",
        ]
    ),
    language=st.text(st.characters(codec="latin-1", exclude_characters="\r\n\0"), max_size=20),
)
@settings(deadline=None)
def test_any_form_is_answered_with_a_page(parts: list[bytes], kind: str, language: str) -> None:
    headers = {
        "Origin": ORIGIN,
        "Content-Type": kind.encode("latin-1"),
        "Accept-Language": language.encode("latin-1"),
    }
    found = asked("POST", "/", content=b"".join(parts), headers=headers)
    assert found.status_code in (200, 400, 415)
    assert found.headers["Content-Security-Policy"] == HEADERS["Content-Security-Policy"]
    assert '<input type="file"' in found.text


@pytest.mark.slow
@given(
    method=st.sampled_from(["GET", "POST", "PUT", "DELETE", "OPTIONS", "HEAD", "PATCH"]),
    path=st.sampled_from(
        ["/", "/verify", "/page.css", "/page.js", "/icon.svg", "/livez", "/readyz", "/version"]
    )
    | st.text(max_size=20).map(lambda text: f"/{quote(text)}"),
    query=st.dictionaries(
        st.sampled_from(["lang", "challenge", "domain", "x"]), st.text(max_size=9), max_size=3
    ),
    body=st.binary(max_size=60) | st.just(BUNDLE),
    site=st.sampled_from(["same-origin", "cross-site", "none", ""]),
)
@settings(deadline=None)
def test_no_address_of_the_service_fails(
    method: str, path: str, query: dict[str, str], body: bytes, site: str
) -> None:
    found = asked(method, path, params=query, content=body, headers={"Sec-Fetch-Site": site})
    assert found.status_code < 500
