"""The page of uses in a browser: on a telephone and a large screen, for everybody, and asking nobody else."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest
from playwright.sync_api import Browser

from examples.uses.folder import names
from tests.browser.conftest import Window
from tests.browser.looks import LANGUAGES, look_at, look_at_it_otherwise, require_letters
from tests.test_pages_uses import uses_served

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with uses_served() as found:
        yield f"{found}uses"


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_page_of_uses_is_for_everybody(browser: Browser, address: str, language: str) -> None:
    require_letters(language)
    window = Window(browser, address, locale=LANGUAGES[language])
    with closing(window.context):
        page = window.open()
        assert page.locator("article.use").count() == len(names())
        look_at(page, "uses", language)
        assert (window.elsewhere, window.errors) == ([], [])


def test_with_forced_colours_and_in_a_language_from_right_to_left(browser: Browser, address: str) -> None:
    window = Window(browser, address)
    with closing(window.context):
        look_at_it_otherwise(window.open(), "uses")
        assert window.elsewhere == []


def test_from_the_page_that_checks_there_and_back_by_keys(browser: Browser, address: str) -> None:
    window = Window(browser, address.removesuffix("uses"))
    with closing(window.context):
        page = window.open()
        page.locator('a[href="/uses"]').focus()
        page.keyboard.press("Enter")
        page.wait_for_selector("article.use")
        assert page.title() == "What credentials are for"
        page.click("p.again a")
        page.wait_for_selector("#file", state="attached")
