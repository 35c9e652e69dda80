"""The issuer's pages and the samples in a browser: their screens, for everybody, and asking nobody else."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.browser.conftest import Served, Window
from tests.browser.looks import LANGUAGES, look_at, look_at_it_otherwise, require_letters
from tests.test_pages_issuer import Desk, desk

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def at(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    name = "Invented University of Applied Sciences"
    url = "https://university.example/registrar"
    with desk(tmp_path_factory.mktemp("desk"), name=name, url=url, own_authority=True) as found:
        yield found


@pytest.fixture(scope="module")
def screens(at: Desk, served: Served) -> dict[str, str]:
    """The address of each screen."""
    service, over = at.claims.service, at.offer()
    return {
        "issuer": f"{service}/",
        "claim": str(at.offer()),
        "claim-ended": str(over),
        "claim-unknown": f"{service}/claim/{'x' * 43}",
        "samples": served.url,
        **{
            f"sample-{name}": f"{served.url}samples/{name}"
            for name in ("valid", "altered", "revoked", "unknown-issuer")
        },
    }


def opened(browser: Browser, url: str, **options: object) -> Window:
    window = Window(browser, url, **options)
    window.open()
    return window


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_screen_is_for_everybody(browser: Browser, screens: dict[str, str], language: str) -> None:
    require_letters(language)
    for name, url in screens.items():
        window = opened(browser, url, locale=LANGUAGES[language])
        with closing(window.context):
            look_at(window.page, name, language)
            assert window.elsewhere == []
            assert [error for error in window.errors if "status of 4" not in error] == []


def test_with_forced_colours_and_in_a_language_from_right_to_left(
    browser: Browser, screens: dict[str, str]
) -> None:
    for name, url in screens.items():
        window = opened(browser, url)
        with closing(window.context):
            look_at_it_otherwise(window.page, name)
            assert window.elsewhere == []


def test_from_the_page_to_a_sample_and_back_by_keys(browser: Browser, served: Served) -> None:
    window = opened(browser, served.url)
    with closing(window.context):
        page = window.page
        page.locator('a[href="/samples/altered"]').focus()
        page.keyboard.press("Enter")
        page.wait_for_selector("article.answer")
        assert page.title() == "Not valid: altered or forged (sample)"
        assert page.locator(".invented").is_visible()
        with page.expect_download() as kept:
            page.click('a[download="sample-altered.json"]')
        assert kept.value.suggested_filename == "sample-altered.json"


def test_a_sample_that_was_kept_is_by_an_unknown_issuer(
    browser: Browser, served: Served, tmp_path: Path
) -> None:
    window = opened(browser, f"{served.url}samples/valid")
    with closing(window.context):
        page = window.page
        assert page.title() == "Valid (sample)"
        with page.expect_download() as kept:
            page.click('a[download="sample-valid.json"]')
        kept.value.save_as(tmp_path / "sample.json")
        window.choose(tmp_path / "sample.json")
        page.wait_for_selector("article.undetermined")
        assert page.title() == "Could not be decided (1 file)"


def test_the_link_is_chosen_as_a_whole(browser: Browser, screens: dict[str, str]) -> None:
    window = opened(browser, screens["claim"])
    with closing(window.context):
        window.page.click("p.link")
        assert window.page.evaluate("getSelection().toString()").strip() == screens["claim"]
        assert window.page.locator("img.qr").evaluate("one => one.naturalWidth") > 0
