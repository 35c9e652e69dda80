"""The page of uses: all that the folders say, in the reader's language, and nothing from another host."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator

import httpx
import pytest
from fastapi import FastAPI

from examples.uses.catalogue import catalogue
from examples.uses.folder import HERE, SECTORS, UseCase, names
from intaglio.pages.inspection import Sent, Sheet
from intaglio.pages.uses import Uses
from tests.pages import Reader, mount
from tests.serving import listening, serving

LANGUAGES = ("en", "zh")


async def nothing(sent: Sent) -> Sheet:
    raise AssertionError("nothing is judged here")


@contextlib.contextmanager
def uses_served() -> Iterator[str]:
    """The address of the page that checks credentials, with that of uses beside it."""
    with listening() as listener:
        app, port = FastAPI(), listener.getsockname()[1]
        mount(app, port, nothing, uses=Uses(catalogue))
        with serving(app, listener):
            yield f"http://127.0.0.1:{port}/"


def got(path: str, **options: object) -> httpx.Response:
    """The answer of such a page, with no server between."""
    app, port = FastAPI(), 8000
    mount(app, port, nothing, **options)

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url=f"http://127.0.0.1:{port}") as client:
            return await client.get(path)

    return asyncio.run(ask())


@pytest.mark.quick("zh")
@pytest.mark.parametrize("language", LANGUAGES)
def test_each_use_stands_there_with_all_that_the_catalogue_says(language: str) -> None:
    answer = got(f"/uses?lang={language}", uses=Uses(catalogue))
    page, said = Reader(answer.text), catalogue(language)
    assert answer.status_code == 200
    assert page.having("lang")[0] == {"en": "en", "zh": "zh-Hans"}[language]
    assert [entry.name for sector in said.sectors for entry in sector.entries] == sorted(
        names(), key=lambda name: (SECTORS.index(UseCase.read(HERE / name).said["sector"]), name)
    )
    for sector in said.sectors:
        for entry in sector.entries:
            assert entry.title in page.text
            assert f"intaglio use run {entry.name}" in page.text
            for cell in entry.cells:
                assert cell.replace("`", "").replace(" ", "") in page.text.replace(" ", ""), cell
    assert "`" not in page.text


@pytest.mark.slow
def test_the_page_has_german_around_uses_that_are_said_in_english() -> None:
    answer = got("/uses?lang=de", uses=Uses(catalogue))
    assert answer.status_code == 200
    assert "Wofür Nachweise da sind" in answer.text
    assert catalogue("de") == catalogue("en")


def test_the_page_asks_no_other_host_for_anything() -> None:
    answer = got("/uses", uses=Uses(catalogue))
    page = Reader(answer.text)
    assert all(
        address.startswith("/")
        for name in ("src", "href")
        for address in page.having(name)
        if address[0] != "#"
    )
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]


def test_the_first_page_leads_there_in_the_language_that_was_chosen() -> None:
    assert "/uses?lang=zh" in Reader(got("/?lang=zh", uses=Uses(catalogue)).text).having("href")
    assert "/?lang=zh" in Reader(got("/uses?lang=zh", uses=Uses(catalogue)).text).having("href")


def test_a_service_without_a_catalogue_has_no_such_page() -> None:
    assert got("/uses").status_code == 404
    assert "/uses" not in got("/").text
