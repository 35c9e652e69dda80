"""What is asked of each screen, whatever it shows: its pictures, its width, and what axe-core says of it."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Page

from tests.browser.conftest import chinese_is_drawn
from tests.conftest import ROOT

AXE = ROOT / "tests" / "interop" / "node_modules" / "axe-core" / "axe.min.js"
SCREENS = Path(__file__).parent / "screens"
"""Pictures are kept here, for people to look at."""

LANGUAGES = {"en": "en-GB", "zh": "zh-CN"}
NARROW, ZOOMED = 320, 640
"""A small telephone; a large screen at 200 %."""
TELEPHONE, DESK = 390, 1280

TURN = """() => { document.documentElement.dir = "rtl";
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) if (!walker.currentNode.parentElement.closest("bdi, code, .code"))
    walker.currentNode.data = walker.currentNode.data.replace(/[A-Za-z]/g, "ש"); }"""

TURNED = """() => [...document.querySelectorAll("code, pre, .code, .did, .fingerprint")]
  .map((one) => [getComputedStyle(one), one.textContent])
  .filter(([style]) => style.direction !== "ltr" || style.unicodeBidi !== "isolate")
  .map(([, text]) => text)"""
"""What is typed, and numbers that two people compare, go from left to right in every language."""


def require_letters(language: str) -> None:
    """Skips where no font here has those of a language."""
    SCREENS.mkdir(exist_ok=True)
    if language == "zh" and not chinese_is_drawn():
        pytest.skip("no font that draws Chinese: apt-get install fonts-wqy-microhei")


def sideways(page: Page) -> int:
    """Pixels by which a page is wider than its window."""
    pixels: int = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    return pixels


def faults(page: Page, *rules: str) -> list[str]:
    """What axe-core finds that is serious, by these of its rules or by all."""
    if not AXE.exists():
        pytest.skip("no axe-core: install node and npm, then `make peers`")
    page.evaluate(AXE.read_text())
    results = page.evaluate("rules => axe.run(rules.length ? { runOnly: rules } : {})", rules)
    return [
        f"{violation['id']}: {[node['html'][:200] for node in violation['nodes']]}"
        for violation in results["violations"]
        if violation["impact"] in ("serious", "critical")
    ]


def look_at(page: Page, name: str, language: str) -> None:
    """Takes pictures of a screen, and holds it against what everybody needs."""
    for width in (NARROW, ZOOMED):
        page.set_viewport_size({"width": width, "height": 900})
        assert sideways(page) <= 0, (name, width)
    _picture(page, name, language, "light", DESK)
    _picture(page, name, language, "light", TELEPHONE)
    if language == "en":  # the other has the same elements in the same colours
        assert faults(page) == [], name
        _picture(page, name, language, "dark", TELEPHONE)
        assert faults(page, "color-contrast") == [], name  # all else is as it was in the light


def _picture(page: Page, name: str, language: str, scheme: Literal["light", "dark"], width: int) -> None:
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 900})
    page.screenshot(path=SCREENS / f"{name}-{language}-{scheme}-{width}.png", full_page=True)


def look_at_it_otherwise(page: Page, name: str) -> None:
    """The same with the reader's own colours, then in a made-up language from right to left."""
    page.emulate_media(forced_colors="active")
    page.set_viewport_size({"width": NARROW, "height": 900})
    assert faults(page) == [], name
    page.evaluate(TURN)
    assert sideways(page) <= 0, name
    assert page.evaluate(TURNED) == [], name
    page.screenshot(path=SCREENS / f"{name}-rtl-forced-{NARROW}.png", full_page=True)
