"""The page for oneself in a browser: a trust file is dropped there, and a page elsewhere can do nothing."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.browser.conftest import Window
from tests.browser.looks import LANGUAGES, look_at, look_at_it_otherwise, require_letters
from tests.browser.test_verify_page import DROP, elsewhere
from tests.pages import running
from tests.world import NAME, University
from verifier import Trust

pytestmark = pytest.mark.slow

UNIVERSITY = University(now=datetime.now(UTC) - timedelta(hours=2))
FILE = UNIVERSITY.trust.to_bytes()
EMPTY = Trust().to_bytes()


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    home = tmp_path_factory.mktemp("own") / "home"
    with running(Trust(), home, "verify", "--page", "--offline") as service:
        yield service.line, home / "trust.json"


@pytest.mark.parametrize("script", [True, False], ids=["script", "plain"])
def test_a_trust_file_is_dropped_compared_and_kept(
    browser: Browser, own: tuple[str, Path], tmp_path: Path, script: bool
) -> None:
    url, trust_file = own
    handed, diploma = tmp_path / "issuer.json", tmp_path / "diploma.json"
    handed.write_bytes(FILE)
    diploma.write_bytes(UNIVERSITY.issue().to_bytes())
    window = Window(browser, url, java_script_enabled=script)
    with closing(window.context):
        page = window.open()
        notice = page.get_by_text("This page recognises no issuer yet")
        assert notice.is_visible()
        box, heading = notice.bounding_box(), page.locator("h1").bounding_box()
        assert box is not None
        assert heading is not None
        assert box["y"] < heading["y"]
        if script:
            page.evaluate(DROP, [["issuer.json"], [FILE.decode()]])
        else:
            window.choose(handed)
        page.locator(".fingerprint").wait_for()
        assert page.title() == "This is the trust file of an issuer"
        assert page.locator(".fingerprint").inner_text() == UNIVERSITY.trust.fingerprint(UNIVERSITY.did)
        assert trust_file.read_bytes() == EMPTY
        page.get_by_role("link", name="Leave it").click()
        assert notice.is_visible()
        assert trust_file.read_bytes() == EMPTY
        window.choose(handed)
        page.get_by_role("button", name="The fingerprint is the same").click()
        page.get_by_text(f"{NAME} is on the list of this page from now on.").wait_for()
        assert not notice.is_visible()
        window.choose(diploma)
        page.wait_for_selector("article.valid")
    trust_file.write_bytes(EMPTY)
    assert (window.elsewhere, window.errors) == ([], [])


def test_a_page_in_another_tab_confirms_nothing_though_it_knew_the_address(
    browser: Browser, own: tuple[str, Path], tmp_path: Path
) -> None:
    url, trust_file = own
    handed = tmp_path / "issuer.json"
    handed.write_bytes(FILE)
    window = Window(browser, url)
    digest = hashlib.sha256(FILE).hexdigest()
    attack = (
        f'<form action="{url}recognise" method="post"><input name="digest" value="{digest}">'
        f'<button>go</button></form><iframe src="{url}"></iframe>'
    )
    with closing(window.context), elsewhere(attack) as other:
        page = window.open()
        window.choose(handed)
        page.locator(".confirm").wait_for()
        tab = browser.new_context().new_page()
        tab.goto(other)
        assert not [frame for frame in tab.frames[1:] if "Check a credential" in frame.content()]
        assert tab.evaluate(f"fetch('{url}').then(() => true, () => false)") is False
        with tab.expect_response(lambda one: one.request.method == "POST") as answered:
            tab.click("button")
        assert answered.value.status == 403
        tab.context.close()
        assert trust_file.read_bytes() == EMPTY


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_screen_is_for_everybody(
    browser: Browser, own: tuple[str, Path], tmp_path: Path, language: str
) -> None:
    require_letters(language)
    (tmp_path / "issuer.json").write_bytes(FILE)
    window = Window(browser, own[0], locale=LANGUAGES[language])
    with closing(window.context):
        look_at(window.open(), "empty", language)
        window.choose(tmp_path / "issuer.json")
        window.page.locator(".confirm").wait_for()
        look_at(window.page, "recognise", language)


def test_with_forced_colours_and_in_a_language_from_right_to_left(
    browser: Browser, own: tuple[str, Path], tmp_path: Path
) -> None:
    (tmp_path / "issuer.json").write_bytes(FILE)
    window = Window(browser, own[0])
    with closing(window.context):
        look_at_it_otherwise(window.open(), "empty")
        page = window.open()
        window.choose(tmp_path / "issuer.json")
        page.locator(".confirm").wait_for()
        look_at_it_otherwise(page, "recognise")
