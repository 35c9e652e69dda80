"""Each link, file and decision that a page or a comment names is there."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sources import PACKAGES, ROOT, SOURCES

PAGES = (
    *sorted(ROOT.glob("*.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
    *sorted((ROOT / "examples").rglob("*.md")),
)
DECISIONS = ROOT / "docs" / "adr"
FENCED = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
SPANNED = re.compile(rf"`((?:{'|'.join((*PACKAGES, 'tests', 'bench', 'docs'))})/[\w./-]+\.\w+)`")
NUMBER = re.compile(r"ADRs? ([0-9]+)\b")
PLACEHOLDER = re.compile(r"\b(?:TIME|TODO|TBD|FIXME|XXX)\b")


@functools.cache
def _text(page: Path) -> str:
    """A page without its blocks of code."""
    return FENCED.sub("", page.read_text("utf-8"))


@functools.cache
def _anchors(page: Path) -> frozenset[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    plain = (re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading) for heading in HEADING.findall(_text(page)))
    return frozenset(re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in plain)


def _links() -> Iterator[tuple[Path, str]]:
    for page in PAGES:
        for link in LINK.findall(_text(page)):
            if not re.match(r"\w+:", link):
                yield page, link


def test_each_link_leads_to_a_file_and_a_heading() -> None:
    broken, count = [], 0
    for page, link in _links():
        count += 1
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in _anchors(target)):
            broken.append(f"{page.relative_to(ROOT)}: {link}")
    assert not broken
    assert count > 200


def test_each_file_that_a_page_names_is_there() -> None:
    """But for the changelog, which names what was there."""
    pages = (page for page in PAGES if page.name != "CHANGELOG.md")
    named = {(page.name, path) for page in pages for path in SPANNED.findall(_text(page))}
    assert not {(page, path) for page, path in named if not (ROOT / path).exists()}
    assert len(named) > 100


def test_no_page_still_has_a_placeholder() -> None:
    """Blocks of code included: the README once said of `make test` that it takes TIME."""
    assert not [page.name for page in PAGES if PLACEHOLDER.search(page.read_text("utf-8"))]


def test_each_decision_that_is_named_anywhere_is_in_the_index() -> None:
    """Numbers are kept for ever: comments name decisions by them, also those that are notes by now."""
    index = {
        int(number) for number in re.findall(r"^\| (\d+) \|", _text(DECISIONS / "README.md"), re.MULTILINE)
    }
    assert index == set(range(1, max(index) + 1))
    for file in (*PAGES, *SOURCES, *sorted((ROOT / "tests").glob("*.py"))):
        numbers = {int(number) for number in NUMBER.findall(file.read_text("utf-8"))}
        assert numbers <= index, (file.relative_to(ROOT), numbers - index)


@pytest.mark.parametrize("page", sorted(DECISIONS.glob("0*.md")), ids=lambda page: str(page.name))
def test_a_decision_has_its_parts_and_is_short(page: Path) -> None:
    title, *lines = _text(page).splitlines()
    text = "\n".join(lines)
    assert title.startswith(f"# {int(page.name[:4])}. ")
    assert re.match(r"\n20\d\d-\d\d-\d\d\b", text)
    assert re.findall(r"^\*\*(\w+)\.\*\*", text, re.MULTILINE) == [
        "Context",
        "Alternatives",
        "Choice",
        "Cost",
    ]
    assert len(text.split()) <= 250
    assert f"]({page.name})" in _text(DECISIONS / "README.md")
