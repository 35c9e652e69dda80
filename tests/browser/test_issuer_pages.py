"""The issuer's pages and the samples in a browser: their screens, for everybody, and asking nobody else."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.browser.conftest import SCREENS, Served, Window, chinese_is_drawn
from tests.browser.test_verify_page import LANGUAGES, SCHEMES, faults, sideways
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
            f"sample-{name}": f"{served.url}samples/{name}" for name in ("valid", "altered", "unknown-issuer")
        },
    }


def opened(browser: Browser, url: str, **options: object) -> Window:
    window = Window(browser, url, **options)
    window.open()
    return window


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_screen_is_for_everybody(browser: Browser, screens: dict[str, str], language: str) -> None:
    """Pictures are kept in `screens/`, for people to look at."""
    if language == "zh" and not chinese_is_drawn():
        pytest.skip("no font here draws Chinese (fc-list :lang=zh): pictures would show boxes")
    SCREENS.mkdir(exist_ok=True)
    for name, url in screens.items():
        window = opened(browser, url, locale=LANGUAGES[language])
        with closing(window.context):
            page = window.page
            for width in (320, 640):  # a small telephone; a large screen at 200 %
                page.set_viewport_size({"width": width, "height": 900})
                assert sideways(page) <= 0, (name, width)
            for scheme, width in itertools.product(SCHEMES, (390, 1280)):
                page.emulate_media(color_scheme=scheme)
                page.set_viewport_size({"width": width, "height": 900})
                page.screenshot(path=SCREENS / f"{name}-{language}-{scheme}-{width}.png", full_page=True)
                if language == "en" and width == 390:
                    assert faults(page) == [], (name, scheme)
            assert window.elsewhere == []
            assert [error for error in window.errors if "status of 4" not in error] == []


def test_with_the_colours_of_the_reader(browser: Browser, screens: dict[str, str]) -> None:
    for name, url in screens.items():
        window = opened(browser, url, forced_colors="active")
        with closing(window.context):
            assert faults(window.page) == [], name


def test_from_the_page_to_a_sample_and_back_by_keys(browser: Browser, served: Served) -> None:
    window = opened(browser, served.url)
    with closing(window.context):
        page = window.page
        page.locator('a[href="/samples/altered"]').focus()
        page.keyboard.press("Enter")
        page.wait_for_selector("article.answer")
        assert page.title() == "Sample: Not valid"
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
        assert page.title() == "Sample: Valid"
        with page.expect_download() as kept:
            page.click('a[download="sample-valid.json"]')
        kept.value.save_as(tmp_path / "sample.json")
        page.set_input_files("#file", tmp_path / "sample.json")
        page.click("button[type=submit]")
        page.wait_for_selector("article.undetermined")
        assert page.title() == "Could not be decided"


def test_the_link_is_chosen_as_a_whole(browser: Browser, screens: dict[str, str]) -> None:
    window = opened(browser, screens["claim"])
    with closing(window.context):
        window.page.click("p.link")
        assert window.page.evaluate("getSelection().toString()").strip() == screens["claim"]
        assert window.page.locator("img.qr").evaluate("one => one.naturalWidth") > 0
