"""The words of the pages: all from the catalogue, and none in the script."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from intaglio.pages import rendering
from intaglio.pages.reader import accepted_language, day, preferred
from intaglio.words import speaking
from intaglio.words.advice import ADVICE, REASONS
from tests import codes
from tests.conftest import ROOT

PAGES = ROOT / "intaglio" / "pages"
TEMPLATES = sorted((PAGES / "templates").glob("*.html"))
OURS = {"Intaglio", "SHA-256", "DID"}
"""What is the same in every language; what one types is, too."""
TYPED = re.compile(r"intaglio( [a-z]+){1,2}( (-|--page|issuer\.json))?|--ca FILE")

SAID = ("aria-label", "title", "placeholder", "alt", "value", "content")


class Texts(HTMLParser):
    """What a person would read or hear of a template in which all that is put in was cut out."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.found = set[str]()
        self.feed(source)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag != "meta":
            self.found |= {value.strip() for name, value in attrs if name in SAID and value}

    def handle_data(self, data: str) -> None:
        self.found.add(data.strip())


@pytest.mark.quick(every=4)
@pytest.mark.parametrize("file", TEMPLATES, ids=lambda file: file.name)
def test_a_template_has_no_words_of_its_own(file: Path) -> None:
    environment = rendering._environment()
    source = "".join(text if kind == "data" else "" for _, kind, text in environment.lex(file.read_text()))
    words = {text for text in Texts(source).found if re.search(r"[^\W\d_]{2}", text)}
    assert {text for text in words if not TYPED.fullmatch(text)} <= OURS


def test_the_script_has_none_either() -> None:
    """Neither in a text nor in a template; selectors and names of events have no blanks between words."""
    script = re.sub(r"//.*", "", (PAGES / "static" / "page.js").read_text())
    literals = re.findall(r'"([^"\n]*)"', script)
    assert len(literals) > 50
    assert [text for text in literals if re.search(r"[A-Za-z]{2,} [a-z]{2,}", text)] == ["use strict"]
    assert not re.search(r'(textContent|title) = "[^"…]', script)


def test_advice_is_for_codes_that_there_are() -> None:
    known = {kind.code for kind in codes.kinds().values()}
    assert {*ADVICE, *REASONS} <= known


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("", "en"),
        ("zh", "zh"),
        ("zh-CN,zh;q=0.9,en;q=0.8", "zh"),
        ("zh-TW,zh-HK;q=0.9", "en"),
        ("zh-Hans-CN", "zh"),
        ("fr-FR,fr;q=0.9,zh-CN;q=0.7,en;q=0.5", "zh"),
        ("de-DE,de;q=0.9,zh-CN;q=0.7,en;q=0.5", "de"),
        ("de-AT", "de"),
        ("en-GB,zh;q=0.9", "en"),
        ("en;q=0.1,zh;q=0.2", "zh"),
        ("zh;q=0,en", "en"),
        ("zh;q=x", "en"),
        ("," * 5000, "en"),
    ],
)
def test_the_browser_says_in_which_language(header: str, language: str) -> None:
    assert accepted_language(header) == language


def test_days_are_written_as_their_reader_does() -> None:
    assert day("2026-06-30T00:00:00Z") == "30 June 2026"
    assert day("soon") == "soon"
    with speaking("zh"):
        assert day("2026-06-30") == "2026年6月30日"
    with speaking("de"):
        assert day("2026-06-30") == "30. Juni 2026"


def test_what_is_said_in_several_languages_is_shown_in_the_reader_s() -> None:
    names = [{"@value": "Arts", "@language": "en"}, {"@value": "文学", "@language": "zh-CN"}]
    claims = {"credentialSubject": {"name": names, "other": [2, 1]}}
    chosen = preferred(claims, "zh")
    assert chosen["credentialSubject"]["name"][0]["@value"] == "文学"
    assert preferred(claims, "en") == claims
    assert chosen["credentialSubject"]["other"] == [2, 1]
