"""A browser with nothing to reach but the page's own host, and the page as the command serves it."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Route, sync_playwright

from tests.pages import running
from tests.world import NAME, University


@dataclass(frozen=True)
class Served:
    """Where the page is, and files to check there, by what they are."""

    url: str
    files: dict[str, Path]


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("files")
    now = datetime.now(UTC) - timedelta(hours=2)
    known, stranger = University(now=now - timedelta(days=2)), University("stranger.example", now=now)
    dated = known.issue()
    known.now = now
    valid = known.issue()
    contents = {
        "valid": valid.to_bytes(),
        "dated": dated.to_bytes(),  # its status list is old enough for the verdict to say its date
        "altered": valid.to_bytes().replace(b"Master of Science", b"Doctor of Everything"),
        "open": replace(valid, evidence=()).to_bytes(),
        "unknown": stranger.issue().to_bytes(),
        "expired": known.issue(known.diploma(8, validUntil="2026-07-31T00:00:00Z")).to_bytes(),
    }
    alike = stranger.diploma()
    alike["issuer"]["name"] = NAME.replace("i", "1")
    contents["alike"] = stranger.issue(alike).to_bytes()
    known.revoke(7)
    contents["revoked"] = known.issue().to_bytes()
    files = {name: folder / f"{name}.json" for name in contents}
    for name, content in contents.items():
        files[name].write_bytes(content)
    files["picture"] = folder / "diploma.pdf"
    files["picture"].write_bytes(b"%PDF-1.7 nothing else")
    with running(
        known.trust,
        tmp_path_factory.mktemp("home") / "home",
        "verifier",
        "serve",
        "--plain",
        "--port",
        0,
        "--offline",
    ) as service:
        yield Served(service.line, files)


@pytest.fixture(scope="module")  # as long as it lives a loop runs here, beside which no other may
def browser() -> Iterator[Browser]:
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        pytest.skip("no chromium: apt-get install chromium")
    with sync_playwright() as playwright:
        args = ["--no-sandbox"] if os.geteuid() == 0 else []
        found = playwright.chromium.launch(executable_path=program, args=args)
        yield found
        found.close()


class Window:
    """A window in which every request but to one host is cut, and noted."""

    def __init__(self, browser: Browser, url: str, **options: Any) -> None:
        self.url, self.elsewhere, self.errors = url, list[str](), list[str]()
        self.has_script = options.get("java_script_enabled", True)
        self.context: BrowserContext = browser.new_context(**{"locale": "en-GB", **options})
        self.context.route("**/*", self._route)
        self.page: Page = self.context.new_page()
        self.page.set_default_timeout(60_000)  # on a busy machine, too
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("console", lambda line: self.errors.append(line.text) if line.type == "error" else None)

    def _route(self, route: Route) -> None:
        if urlsplit(route.request.url).netloc == urlsplit(self.url).netloc:
            route.continue_()
        else:
            self.elsewhere.append(route.request.url)
            route.abort()

    def open(self) -> Page:
        self.page.goto(self.url)
        return self.page

    def choose(self, *files: Path) -> None:
        """As somebody does who chooses files, and without script presses the button, too."""
        self.page.set_input_files("#file", list(files))
        if not self.has_script:
            self.page.click(".upload > button")

    def check(self, *files: Path) -> Page:
        """Opens the page and chooses files there."""
        page = self.open()
        self.choose(*files)
        page.wait_for_selector("article.answer")
        page.wait_for_load_state()
        return page


@pytest.fixture
def window(browser: Browser, served: Served) -> Iterator[Window]:
    found = Window(browser, served.url)
    yield found
    found.context.close()
    assert found.elsewhere == []
    assert found.errors == []


def chinese_is_drawn() -> bool:
    """Whether this machine has a font for it; without, pictures would show boxes."""
    if not shutil.which("fc-list"):
        return False
    return bool(subprocess.run(["fc-list", ":lang=zh"], capture_output=True, check=True).stdout.strip())
