"""`POST /verify` and browsers: a page of another host has nothing judged, and learns nothing of a diploma."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest
from starlette.requests import Request

from exchange.http import require_own_page
from tests.world import NOW, University, verifier
from verifier.http import MAX_BODY, create_app
from verifier.judge import Verifiers
from wire.problem import Refused

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


SAME, CROSS = {"Sec-Fetch-Site": "same-origin"}, {"Sec-Fetch-Site": "cross-site"}
OWN, NULL = {"Origin": "https://verify.example"}, {"Origin": "null"}
ELSEWHERE = {"Host": "anything.example"}
REBOUND = {"Host": "rebound.example"}


def own_page(headers: dict[str, str], origins: frozenset[str]) -> bool:
    sent = {"Host": "verify.example"} | headers
    pairs = [(name.lower().encode(), value.encode()) for name, value in sent.items()]
    try:
        require_own_page(Request({"type": "http", "headers": pairs}), origins)
    except Refused:
        return False
    return True


@pytest.mark.parametrize(
    ("origins", "headers", "is_own"),
    [
        # without origins a browser has to call it same-origin
        *((frozenset(), headers, True) for headers in ({}, ELSEWHERE, SAME, SAME | OWN)),
        *((frozenset(), headers, False) for headers in (CROSS, OWN, NULL)),
        (frozenset(), {"Sec-Fetch-Site": "same-site"}, False),
        (frozenset(), {"Sec-Fetch-Site": "none"}, False),
        # with origins it and the host have to be its own
        *((ORIGINS, headers, True) for headers in ({}, ELSEWHERE, OWN, SAME, SAME | OWN)),
        (ORIGINS, {"Origin": "http://localhost:8470", "Host": "LOCALHOST:8470"}, True),
        *((ORIGINS, headers, False) for headers in (SAME | REBOUND, OWN | REBOUND, OWN | CROSS, NULL)),
        (ORIGINS, SAME | {"Origin": "https://rebound.example"}, False),
        (ORIGINS, OWN | {"Host": "verify.example:8470"}, False),
        (ORIGINS, {"Origin": "https://elsewhere.example"}, False),
        (ORIGINS, {"Origin": "http://verify.example"}, False),
    ],
)
def test_whose_page_sent_it(origins: frozenset[str], headers: dict[str, str], is_own: bool) -> None:
    assert own_page(headers, origins) is is_own


@pytest.mark.quick(every=3)
@pytest.mark.parametrize(
    ("options", "headers", "status"),
    [
        ({}, {}, 200),
        ({}, SAME, 200),
        ({}, CROSS, 403),
        ({}, OWN, 403),
        ({"origins": ORIGINS}, OWN, 200),
        ({"origins": ORIGINS}, OWN | REBOUND, 403),
    ],
)
def test_a_page_of_another_host_has_nothing_judged(
    options: dict[str, Any], headers: dict[str, str], status: int
) -> None:
    answer = asked(headers, **options)
    require_kept_nowhere(answer)
    assert answer.status_code == status
    assert (b"Ada Invented" in answer.content) is (status == 200)


def require_kept_nowhere(answer: httpx.Response) -> None:
    kept = [answer.headers.get(name) for name in ("Cache-Control", "X-Content-Type-Options")]
    assert kept == ["no-store", "nosniff"]


@pytest.mark.parametrize(
    ("headers", "body", "status"),
    [
        ({}, BUNDLE.replace(b"Master", b"Doctor"), 400),
        ({}, b"{}", 422),
        ({}, bytes(MAX_BODY + 1), 413),
        ({"Content-Type": "multipart/form-data"}, b"", 415),
    ],
)
def test_no_answer_is_kept_or_taken_for_another_kind(
    headers: dict[str, str], body: bytes, status: int
) -> None:
    answer = asked(headers, body)
    assert answer.status_code == status
    require_kept_nowhere(answer)
