"""The form of the page over ASGI: what it answers, whom it refuses, and how much it shows at the most."""

from __future__ import annotations

import asyncio
import base64
import csv
import io
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from intaglio.pages.inspection import Inspection, Sent, Sheet
from intaglio.pages.view import Judgement, judgement
from intaglio.words.report import shown
from tests.pages import Reader, mount, words_of
from tests.uploads import FACE, UNIVERSITY, archive, long_diploma, many, unsigned_ones
from tests.world import NOW, University, verifier
from vc import Check, Outcome
from verifier.http import create_app
from verifier.judge import Judge, Verifiers
from wire.text import claimed
from wire.work import Work

ORIGIN = "http://127.0.0.1:8470"
BUNDLE = UNIVERSITY.issue().to_bytes()
FORGED = BUNDLE.replace(b"Master of Science", b"Doctor of Everything")
STRANGER = University("stranger.example").issue().to_bytes()
KINDS = {"valid": BUNDLE, "invalid": FORGED, "undetermined": STRANGER, "unreadable": b"%PDF-1.7"}

MOST_PAGE = 2 << 20


@pytest.fixture(scope="module")
def app() -> Any:
    judges = Verifiers(verifier(UNIVERSITY.trust), verifier(UNIVERSITY.trust))
    inspection = Inspection(Judge(lambda: judges), Path("none.json"))

    async def ask(sent: Sent) -> Sheet:
        return inspection.sheet(sent)

    made = create_app(lambda: judges, clock=lambda: NOW)
    mount(made, 8470, ask)
    return made


def asked(app: Any, method: str, path: str = "/", **options: Any) -> httpx.Response:
    async def ask() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=ORIGIN) as client:
            return await client.request(method, path, **options)

    return asyncio.run(ask())


def sent(app: Any, *files: bytes, text: str = "", names: str = "{}.json", **headers: str) -> httpx.Response:
    fields: Any = [("file", (names.format(number), data)) for number, data in enumerate(files)]
    fields.append(("text", (None, text)))
    return asked(app, "POST", files=fields, headers={"Origin": ORIGIN, **headers})


# What is answered


@pytest.mark.parametrize("kind", KINDS)
def test_each_verdict_is_a_page(app: Any, kind: str) -> None:
    found = sent(app, KINDS[kind])
    assert (found.status_code, found.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert words_of(Reader(found.text)) == [kind]
    assert ("Ada Invented" in found.text) is (kind == "valid")
    assert "Doctor of Everything" not in found.text


@pytest.mark.slow
def test_several_files_and_a_text_are_counted_in_a_table_to_keep(app: Any) -> None:
    found = sent(
        app, BUNDLE, archive({"=1.json": FORGED, "b.pdf": b"%PDF"}), text=STRANGER.decode(), names="{}.zip"
    )
    page = Reader(found.text)
    assert words_of(page) == ["valid", "invalid", "unreadable", "undetermined"]
    assert page.title == "4 files: 1 valid, 1 not valid, 1 could not be decided, 1 could not be read"
    (table,) = (link for link in page.having("href") if link.startswith("data:text/csv"))
    rows = list(csv.reader(io.StringIO(base64.b64decode(table.partition(",")[2]).decode("utf-8-sig"))))
    assert [row[0] for row in rows] == ["File", "0.zip", "1.zip/=1.json", "1.zip/b.pdf", "pasted text"]


def test_it_speaks_the_language_of_its_reader(app: Any) -> None:
    assert Reader(sent(app, BUNDLE, **{"Accept-Language": "zh-CN"}).text).title == "有效（1 个文件）"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-origin", "Origin": "null"}, 200),
        ({"Origin": "http://elsewhere.example"}, 403),
        ({"Host": "rebound.example"}, 421),
        ({"Content-Type": "application/json"}, 415),
        ({"Content-Type": "multipart/form-data"}, 400),
    ],
)
def test_only_its_own_form_is_answered(app: Any, headers: dict[str, str], status: int) -> None:
    found = sent(app, BUNDLE, **headers)
    assert found.status_code == status
    assert ("Ada Invented" in found.text) is (status == 200)


def test_the_page_that_refuses_a_name_has_its_style_and_no_form(app: Any) -> None:
    foreign = {"Host": "rebound.example"}
    found = asked(app, "GET", headers=foreign)
    page = Reader(found.text)
    assert found.status_code == 421
    for link in (one for one in page.having("href") if "page.css" in one or "icon.svg" in one):
        loaded = asked(app, "GET", link, headers=foreign)
        assert (loaded.status_code, loaded.headers["X-Content-Type-Options"]) == (200, "nosniff")
    (picture,) = (attributes for tag, attributes in page.tags if tag == "svg")
    assert (picture["width"], picture["height"]) == ("22", "22")
    assert "form" not in [tag for tag, _ in page.tags]


# How much is shown


def test_of_unchecked_credentials_three_are_shown_and_of_each_thing_200_characters(app: Any) -> None:
    found = sent(app, unsigned_ones()).text
    unchecked = found[found.index('class="unchecked"') : found.index('class="steps"')]
    names = re.findall(r"<bdi>((?:&lt;)+)…</bdi>", unchecked)
    assert [len(name) // 4 for name in names] == [200] * 3
    assert max(len(text) for text in re.findall(r"<bdi>([^<]*)</bdi>", unchecked)) <= 5 * 200 + 1


def answers(page: httpx.Response) -> list[str]:
    """The verdict of each article; to parse a long page takes longer than to make it."""
    return re.findall('data-answer="([a-z]+)"', page.text)


@pytest.mark.parametrize(
    ("make", "verdict", "files"),
    [
        (long_diploma, "valid", 3),
        pytest.param(unsigned_ones, "undetermined", 200, marks=pytest.mark.slow),
    ],
)
def test_a_small_archive_has_no_large_page(
    app: Any, make: Callable[[], bytes], verdict: str, files: int
) -> None:
    """All files stand in the table; the reports that do not fit are their verdicts."""
    found = sent(app, many(make(), files), names="{}.zip")
    assert len(found.content) <= MOST_PAGE
    assert answers(found) == [verdict] * files
    in_brief = found.text.count("There is too much to show on one page. Check this file alone.")
    assert 0 < in_brief < files
    for number in range(1, files + 1):
        assert f'id="file-{number}"' in found.text
        assert f'href="#file-{number}"' in found.text


def test_what_is_shown_is_counted_as_work_and_the_verdict_is_always_there() -> None:
    report = verifier(UNIVERSITY.trust).verify(BUNDLE, now=NOW)

    def seen(work: Work) -> Judgement:
        return judgement("a.json", BUNDLE, report, UNIVERSITY.trust, (), "en", work)

    enough, little = Work(), Work(400)
    whole, cut = seen(enough), seen(little)
    texts = [claim.value for card in whole.cards for claim in card.all] + [one.text for one in whole.steps]
    assert Work().left - enough.left >= sum(map(len, texts))
    assert (whole.is_cut, cut.is_cut, cut.word, cut.cards) == (False, True, whole.word, ())
    assert 0 < len(cut.steps) < len(whole.steps)


@pytest.mark.slow
def test_names_of_files_fill_no_page_either(app: Any) -> None:
    found = sent(app, many(b"{}", name=FACE * 140), names="'" * 290 + "{}.zip")
    assert len(found.content) <= MOST_PAGE
    assert words_of(Reader(found.text)) == ["unreadable"] * 200


@pytest.mark.slow
def test_of_a_long_diploma_as_much_is_shown_as_fits_on_a_page(app: Any) -> None:
    found = sent(app, long_diploma())
    assert len(found.content) <= MOST_PAGE
    assert answers(found) == ["valid"]
    assert "There is too much to show here; the file has the rest." in found.text
    assert "The report as JSON is too long for this page" in found.text


@pytest.mark.parametrize("text", ["\u200b" * 1_000_000, "'x" * 500_000, "\u0301" * 1_000_000])
def test_text_is_cut_before_it_is_cleaned(text: str) -> None:
    """Cleaning takes about a microsecond a character."""
    begun = time.process_time()
    assert len(shown(Check(1, "input", Outcome.FAILED, text))) <= 400
    assert claimed(text).endswith("…")
    assert time.process_time() - begun < 0.1
