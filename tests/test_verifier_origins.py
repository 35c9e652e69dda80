"""`POST /verify` and browsers: a page of another host has nothing judged, and learns nothing of a diploma."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from tests.world import NOW, University, verifier
from verifier.http import MAX_BODY, create_app
from verifier.judge import Verifiers

UNIVERSITY = University()
BUNDLE = UNIVERSITY.issue().to_bytes()
JUDGES = Verifiers(verifier(UNIVERSITY.trust), verifier(UNIVERSITY.trust))
ORIGINS = frozenset({"https://verify.example", "http://localhost:8470"})


def asked(headers: dict[str, str], body: bytes = BUNDLE, **options: Any) -> httpx.Response:
    async def ask() -> httpx.Response:
        app = create_app(lambda: JUDGES, clock=lambda: NOW, **options)
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="https://verify.example") as client:
            return await client.post("/verify", content=body, headers=headers)

    return asyncio.run(ask())


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Host": "anything.example"}, 200),
        ({"Sec-Fetch-Site": "same-origin"}, 200),
        ({"Sec-Fetch-Site": "same-origin", "Origin": "https://verify.example"}, 200),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "none"}, 403),
        ({"Origin": "https://verify.example"}, 403),
        ({"Origin": "null"}, 403),
    ],
)
def test_without_origins_a_browser_has_to_call_it_same_origin(headers: dict[str, str], status: int) -> None:
    found = asked(headers)
    assert found.status_code == status
    assert (b"Ada Invented" in found.content) is (status == 200)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Host": "anything.example"}, 200),
        ({"Origin": "https://verify.example"}, 200),
        ({"Origin": "http://localhost:8470", "Host": "LOCALHOST:8470"}, 200),
        ({"Sec-Fetch-Site": "same-origin"}, 200),
        ({"Sec-Fetch-Site": "same-origin", "Origin": "https://verify.example"}, 200),
        ({"Sec-Fetch-Site": "same-origin", "Origin": "https://rebound.example"}, 403),
        ({"Sec-Fetch-Site": "same-origin", "Host": "rebound.example"}, 403),
        ({"Origin": "https://verify.example", "Host": "rebound.example"}, 403),
        ({"Origin": "https://verify.example", "Host": "verify.example:8470"}, 403),
        ({"Origin": "https://elsewhere.example"}, 403),
        ({"Origin": "http://verify.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "https://verify.example", "Sec-Fetch-Site": "cross-site"}, 403),
    ],
)
def test_with_origins_it_and_the_host_have_to_be_its_own(headers: dict[str, str], status: int) -> None:
    found = asked(headers, origins=ORIGINS)
    assert found.status_code == status
    assert (b"Ada Invented" in found.content) is (status == 200)


@pytest.mark.parametrize(
    ("headers", "body", "status"),
    [
        ({}, BUNDLE, 200),
        ({}, BUNDLE.replace(b"Master", b"Doctor"), 400),
        ({}, b"{}", 422),
        ({}, bytes(MAX_BODY + 1), 413),
        ({"Content-Type": "multipart/form-data"}, b"", 415),
        ({"Sec-Fetch-Site": "cross-site"}, BUNDLE, 403),
    ],
)
def test_no_answer_is_kept_or_taken_for_another_kind(
    headers: dict[str, str], body: bytes, status: int
) -> None:
    found = asked(headers, body)
    assert found.status_code == status
    kept = [found.headers.get(name) for name in ("Cache-Control", "X-Content-Type-Options")]
    assert kept == ["no-store", "nosniff"]
