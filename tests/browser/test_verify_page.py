"""The page that checks a diploma in a browser: what people do there, what they see, and who else may look."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from fastapi import FastAPI
from playwright.sync_api import Browser, Page

from examples.diploma.samples import VERDICTS
from intaglio.pages.inspection import Inspection, Sent, Sheet
from intaglio.pages.upload import MAX_FILE
from kinds import shipped
from tests.browser.conftest import Served, Window
from tests.browser.looks import LANGUAGES, look_at, look_at_it_otherwise, require_letters
from tests.commandline import Program
from tests.pages import mount, running
from tests.serving import listening, serving
from tests.test_kinds_facts import FULL
from tests.world import issuer_in, verifier
from verifier import Trust
from verifier.judge import Judge, Verifiers
from wire import TryLater

pytestmark = pytest.mark.slow

KINDS = {
    "valid": ("Valid", "有效"),
    "altered": ("Not valid: altered or forged", "无效：被改动或伪造"),
    "revoked": ("Not valid: revoked", "无效：已被撤销"),
    "unknown": ("Could not be decided", "无法判定"),
    "picture": ("Could not be read", "无法读取"),
}

# Stories


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("script", [True, False], ids=["script", "plain"])
def test_a_file_is_chosen_and_its_verdict_stands_first_and_large(
    browser: Browser, served: Served, kind: str, script: bool
) -> None:
    window = Window(browser, served.url, java_script_enabled=script)
    page = window.check(served.files[kind])
    word = page.locator(".word")
    assert word.inner_text().startswith(KINDS[kind][0])
    assert page.title() == f"{KINDS[kind][0]} (1 file)"
    assert page.locator(".verdict .shape").is_visible()
    for landmark in ("body > header", "header > nav", "body > main", "body > footer"):
        assert page.locator(landmark).count() == 1
    sentence = page.locator(".sentence").first
    if script:
        assert page.locator("body > [role=status]").text_content() == page.title()
        for large in (word, sentence):
            assert float(large.evaluate("one => parseFloat(getComputedStyle(one).fontSize)")) >= 24
    places = [found["y"] for one in (word, sentence, page.locator(".steps")) if (found := one.bounding_box())]
    assert places == sorted(places)
    if kind != "valid":
        assert page.locator(".card").count() == 0
        assert "Doctor of Everything" not in page.content()
    window.context.close()
    assert (window.elsewhere, window.errors) == ([], [])


def test_a_text_is_pasted(window: Window, served: Served) -> None:
    page = window.open()
    page.get_by_text("Or paste the text of the file").click()
    page.get_by_label("Text of the file", exact=True).fill(served.files["valid"].read_text())
    page.get_by_role("button", name="Check").click()
    page.wait_for_selector("article.valid")


def test_a_file_is_checked_as_soon_as_it_is_chosen_and_the_same_one_again(
    window: Window, served: Served
) -> None:
    page = window.open()
    assert page.get_by_text("It is checked as soon as you choose it.").is_visible()
    for number in (1, 2):
        with page.expect_file_chooser() as chooser:
            page.get_by_text("Choose the file").click()
        with page.expect_response(lambda one: one.request.method == "POST"):
            chooser.value.set_files(served.files["valid"])
        page.wait_for_selector("article.valid")
        page.go_back()
        page.wait_for_selector("article.valid", state="detached")
        assert page.title() == "Check a credential", number


@pytest.mark.parametrize("script", [True, False], ids=["script", "plain"])
def test_what_opens_the_chooser_speaks_the_language_of_the_page_and_not_of_the_browser(
    browser: Browser, served: Served, script: bool
) -> None:
    window = Window(browser, f"{served.url}?lang=zh", java_script_enabled=script)
    page = window.open()
    chooser, button = page.locator("#file"), page.locator(".choose")
    shown = "one => getComputedStyle(one, '::file-selector-button').display"
    assert chooser.evaluate(shown) == "none"
    assert button.inner_text() == "选择文件"
    if script:
        size = chooser.bounding_box()
        assert size is not None
        assert size["width"] <= 1
    else:  # it tells what was chosen
        window.page.set_input_files("#file", served.files["valid"])
        assert chooser.is_visible()
    for bold in ("h1", ".choose", "h2", "button"):
        assert page.locator(bold).first.evaluate("one => getComputedStyle(one).fontWeight") == "700", bold
    window.context.close()


@pytest.mark.parametrize("zone", ["Asia/Shanghai", "America/St_Johns", "UTC"])
def test_the_reader_s_own_time_stands_beside_utc(browser: Browser, served: Served, zone: str) -> None:
    window = Window(browser, served.url, timezone_id=zone)
    page = window.open()
    page.get_by_text("Or paste the text of the file").click()
    page.locator("#text").fill(served.files["dated"].read_text())
    page.get_by_role("button", name="Check").click()
    page.wait_for_selector("article.valid")
    local = "" if zone == "UTC" else r" \((\d{1,2} \w+ \d{4} at )?\d\d:\d\d where you are\)"
    as_of = page.locator(".as-of").inner_text()
    assert re.fullmatch(r"as of \d{1,2} \w+ \d{4}, \d\d:\d\d UTC" + local, as_of)
    for element in page.locator("time").all():  # those in closed details, too
        written = str(element.text_content())
        when = datetime.fromisoformat(str(element.get_attribute("datetime")))
        assert f"{when:%H:%M} UTC" in written
        there = when.astimezone(ZoneInfo(zone))
        assert (f"{there:%H:%M} where you are" in written) is (zone != "UTC")
        assert (f"{there.day} {there:%B %Y} at" in written) is (there.date() != when.date())
    if local:
        page.get_by_role("link", name="中文").click()
        page.wait_for_selector("html[lang=zh-Hans]")
        assert re.search(r"UTC（您所在地时间 .*\d\d:\d\d）$", page.locator(".as-of").inner_text())
    window.context.close()


DROP = """([names, texts]) => {
  const moved = new DataTransfer();
  names.forEach((name, number) => moved.items.add(new File([texts[number]], name)));
  for (const kind of ["dragenter", "dragover", "drop"])
    document.querySelector(".drop").dispatchEvent(
      new DragEvent(kind, { dataTransfer: moved, bubbles: true, cancelable: true }));
}"""


def test_a_file_is_dropped(window: Window, served: Served) -> None:
    page = window.open()
    page.evaluate(DROP, [["a.json"], [served.files["revoked"].read_text()]])
    page.wait_for_selector("article.invalid")
    reason, issuer = page.locator(".sentence").all_inner_texts()
    assert reason.startswith("Revoked by the issuer on")
    assert issuer == "The issuer is Example University."


def test_two_hundred_files_in_one_drop_with_the_bar_moving(window: Window, served: Served) -> None:
    page = window.open()
    kinds = ["valid", "altered", "unknown", "picture"] * 50
    texts = [served.files[kind].read_text() for kind in kinds]
    page.evaluate(
        """() => { window.seen = [];
          new MutationObserver(() => { const bar = document.querySelector("progress");
            if (bar && window.seen.at(-1) !== bar.value) window.seen.push(bar.value); })
          .observe(document.body, { childList: true, subtree: true, attributes: true }); }"""
    )
    page.evaluate(DROP, [[f"{number}-{kind}.json" for number, kind in enumerate(kinds)], texts])
    title = "200 files: 50 valid, 50 not valid, 50 could not be decided, 50 could not be read"
    page.wait_for_function("expected => document.title === expected", arg=title, timeout=60_000)
    assert page.locator("[role=status] h1").inner_text() == title
    assert len(page.evaluate("window.seen")) > 20
    assert page.locator("tbody tr").count() == page.locator("article.answer").count() == 200
    with page.expect_download() as download:
        page.get_by_text("Save the table (CSV)").click()
    lines = Path(download.value.path()).read_text(encoding="utf-8-sig").splitlines()
    assert lines[0] == '"File","Verdict","What was found","SHA-256"'
    assert lines[1].startswith('"0-valid.json","Valid","Example University issued')
    assert lines[200].startswith('"199-picture.json","Could not be read"')
    link = page.locator("tbody tr").nth(4).get_by_role("link")
    link.click()
    assert "4-valid.json" in page.locator(str(link.get_attribute("href"))).inner_text()


def test_several_files_without_script_have_the_same_table(browser: Browser, served: Served) -> None:
    window = Window(browser, served.url, java_script_enabled=False)
    page = window.check(*(served.files[kind] for kind in KINDS))
    assert page.title() == "5 files: 1 valid, 2 not valid, 1 could not be decided, 1 could not be read"
    assert page.locator("tbody tr").count() == 5
    with page.expect_download() as download:
        page.get_by_text("Save the table (CSV)").click()
    assert "Not valid" in Path(download.value.path()).read_text(encoding="utf-8-sig")
    window.context.close()


def verdict(page: Page) -> str:
    return page.locator(".word").inner_text()


def test_going_back_shows_what_was_seen_before(window: Window, served: Served) -> None:
    """The browser had to ask for it again, and would not: nothing is kept of an answer but by the window."""
    window.check(served.files["valid"])
    page = window.page
    for kind in ("altered", "unknown"):
        window.choose(served.files[kind])
        page.wait_for_selector(f".answer:has-text('{served.files[kind].name}')")
    page.go_back()
    assert verdict(page) == KINDS["altered"][0]
    assert page.title() == f"{KINDS['altered'][0]} (1 file)"
    page.go_back()
    assert verdict(page) == "Valid"
    page.go_forward()
    assert verdict(page) == KINDS["altered"][0]
    page.go_back()
    page.go_back()
    assert page.title() == "Check a credential"
    page.reload()
    page.go_forward()
    page.wait_for_selector("#file")  # what this window showed before it was loaded anew is gone
    assert page.locator("article.answer").count() == 0
    window.choose(served.files["valid"])
    page.wait_for_selector("article.valid")
    page.reload()  # asks for no form to be sent again
    assert page.title() == "Check a credential"


def test_going_back_through_many_files_and_their_links(window: Window, served: Served) -> None:
    page = window.check(served.files["valid"])
    window.choose(served.files["altered"], served.files["unknown"])
    page.wait_for_selector(".keep[href^=blob]")
    page.click("tbody tr:nth-child(2) a")
    assert page.url.endswith("#file-2") or page.url.endswith("#file-1")
    page.go_back()
    assert page.locator("article.answer").count() == 2
    page.go_back()
    assert page.title() == "Valid (1 file)"
    page.go_forward()
    assert page.title() == "2 files: 1 not valid, 1 could not be decided"


@pytest.mark.parametrize("kinds", [("revoked",), ("valid", "altered")])
def test_another_language_keeps_the_answer(window: Window, served: Served, kinds: tuple[str, ...]) -> None:
    page = window.check(*(served.files[kind] for kind in kinds))
    if len(kinds) > 1:
        page.wait_for_selector(".keep[href^=blob]")
    for name, language, column in (("中文", "zh-Hans", 1), ("English", "en", 0)):
        page.get_by_role("link", name=name).click()
        page.wait_for_selector(f"html[lang={language}]")
        for kind in kinds:
            page.wait_for_selector(f".word:has-text('{KINDS[kind][column]}')")
        # The last answer may not be there when the first word is, and "Valid" is part of "Not valid".
        page.locator("article.answer").nth(len(kinds) - 1).wait_for()
        assert page.locator("article.answer").count() == len(kinds)
        assert f"lang={language[:2]}" in page.url
    page.go_back()  # to the form: the languages were of one answer
    assert page.locator("article.answer").count() == 0


def test_without_script_going_back_from_the_second_answer_is_the_form(
    browser: Browser, served: Served
) -> None:
    window = Window(browser, served.url, java_script_enabled=False)
    page = window.check(served.files["valid"])
    page.get_by_role("link", name="Check another").click()
    window.choose(served.files["altered"])
    page.wait_for_selector("article.invalid")
    page.go_back()
    assert page.title() == "Check a credential"
    assert page.locator("#file").is_visible()
    window.context.close()


def test_a_name_that_looks_like_a_known_one_is_told(window: Window, served: Served) -> None:
    page = window.check(served.files["alike"])
    said = page.locator(".verdict").inner_text()
    assert "Its name looks like that of Example University" in re.sub("[“”]", "", said)
    assert "It is another issuer" in said


def test_revoked_and_forged_are_told_apart_at_a_glance(window: Window, served: Served) -> None:
    """By heading, shape and colour, in either scheme."""
    seen = []
    for kind in ("altered", "revoked", "expired"):
        page = window.check(served.files[kind])
        word, shape = page.locator(".word"), page.locator(".verdict .shape")
        colour = word.evaluate("one => getComputedStyle(one).color")
        seen.append((word.inner_text(), shape.inner_html(), colour))
    assert [word for word, _, _ in seen] == [
        "Not valid: altered or forged",
        "Not valid: revoked",
        "Not valid: expired",
    ]
    assert seen[0][1:] != seen[1][1:]
    assert seen[0][2] != seen[1][2] == seen[2][2]


def test_what_is_too_large_is_told_before_it_is_sent(window: Window, served: Served, tmp_path: Path) -> None:
    large = tmp_path / "large.json"
    large.write_bytes(bytes(MAX_FILE + MAX_FILE // 2))
    page = window.open()
    sent = list[str]()
    page.on("request", lambda request: sent.append(request.url) if request.method == "POST" else None)
    page.set_input_files("#file", [large, served.files["valid"]])
    wrong = page.get_by_role("alert")
    assert re.search(r"large\.json\W+ has 1\.5 MiB.*intaglio verify", wrong.inner_text())
    page.click("button[type=submit]")
    assert sent == []


def test_without_script_it_is_told_after(browser: Browser, served: Served, tmp_path: Path) -> None:
    for size in (MAX_FILE + 1, 10 * MAX_FILE):
        large = tmp_path / "large.json"
        large.write_bytes(bytes(size))
        window = Window(browser, served.url, java_script_enabled=False)
        page = window.open()
        window.choose(large)
        page.get_by_role("heading", name="This is more than the page takes").wait_for()
        window.context.close()


def test_four_are_asked_at_a_time_and_who_is_busy_is_asked_again_when_it_says(
    browser: Browser, served: Served, tmp_path: Path
) -> None:
    judges = Verifiers(verifier(Trust()), verifier(Trust()))
    inspection = Inspection(Judge(lambda: judges), tmp_path / "none.json")
    asked, together, most = list[float](), 0, 0

    async def ask(sent: Sent) -> Sheet:
        nonlocal together, most
        asked.append(time.monotonic())
        together += 1
        most = max(most, together)
        try:
            await asyncio.sleep(0.2)
            if len(asked) <= 4:
                raise TryLater("too much is being verified at once")
            return inspection.sheet(sent)
        finally:
            together -= 1

    app = FastAPI()
    with listening() as listener:
        port = listener.getsockname()[1]
        mount(app, port, ask)
        with serving(app, listener):
            window = Window(browser, f"http://127.0.0.1:{port}/")
            page = window.open()
            window.choose(*[served.files["valid"]] * 3, *[served.files["unknown"]] * 3)
            page.wait_for_function(
                "() => document.title === '6 files: 6 could not be decided'", timeout=60_000
            )
            window.context.close()
    assert most == 4
    assert len(asked) == 6 + 4
    assert asked[4] - asked[0] > 5  # seconds, as Retry-After has it


def test_from_the_address_to_the_report_by_keyboard(window: Window, served: Served) -> None:
    page = window.open()
    page.on("filechooser", lambda _: None)  # from now on none opens, however quickly a key is pressed
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    names = []
    for _ in range(12):
        page.keyboard.press("Tab")
        names.append(page.evaluate("document.activeElement.id || document.activeElement.tagName"))
        if names[-1] == "file":
            break
    assert names[-1] == "file", names
    assert page.locator(".choose").evaluate("one => getComputedStyle(one).outlineStyle") == "solid"
    page.keyboard.press("Tab")
    page.keyboard.press("Space")  # the text to paste opens
    assert page.locator("#text").is_visible()
    page.keyboard.press("Space")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.tagName") == "BUTTON"
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Shift+Tab")
    assert page.evaluate("document.activeElement.id") == "file"
    with page.expect_file_chooser() as chooser:
        page.keyboard.press("Space")
    chooser.value.set_files(served.files["valid"])
    page.wait_for_selector("article.valid")
    opened = 0
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.closest('.steps') !== null"):
            page.keyboard.press("Enter")
            opened += 1
        if page.evaluate("document.activeElement.classList.contains('keep')"):
            break
    assert opened == 9
    assert page.locator(".steps details[open]").count() == 9
    with page.expect_download() as download:
        page.keyboard.press("Enter")
    assert '"sha256"' in Path(download.value.path()).read_text()


# Who else may look


@contextmanager
def elsewhere(body: str) -> Iterator[str]:
    """A page on another port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()
            thread.join()


def test_a_page_on_another_port_sends_no_form_and_frames_no_page(browser: Browser, served: Served) -> None:
    form = (
        f'<form action="{served.url}" method="post" enctype="multipart/form-data"><textarea name="text">'
        f'{{}}</textarea><button>go</button></form><iframe src="{served.url}"></iframe>'
    )
    context = browser.new_context()
    page = context.new_page()
    with elsewhere(form) as url:
        page.goto(url)
        assert not [frame for frame in page.frames[1:] if "Check a credential" in frame.content()]
        with page.expect_response(lambda one: one.request.method == "POST") as answered:
            page.click("button")
        assert answered.value.status == 403
        page.get_by_role("heading", name="Another page sent this").wait_for()
    context.close()


# What is seen


def screens(window: Window, served: Served, *kinds: str) -> Iterator[tuple[str, Page]]:
    """The form, what it says where no file was chosen, each of these answers, and one of many files."""
    yield "start", window.open()
    window.page.click("button[type=submit]")
    window.page.wait_for_selector(".tries", state="detached")
    yield "nothing", window.page
    for kind in kinds:
        yield kind, window.check(served.files[kind])
    page = window.check(*served.files.values())
    page.wait_for_selector(".keep[href^=blob]")
    yield "many", page


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_screen_is_for_everybody(browser: Browser, served: Served, language: str) -> None:
    require_letters(language)
    window = Window(browser, served.url, locale=LANGUAGES[language])
    for name, page in screens(window, served, *KINDS, "open", "expired"):
        look_at(page, name, language)
    window.context.close()
    assert window.elsewhere == []
    assert [error for error in window.errors if "status of 400" not in error] == []


@pytest.mark.parametrize("locale", ["en-GB", "zh-CN", "de-DE"])
def test_each_check_is_one_line_on_a_telephone(browser: Browser, served: Served, locale: str) -> None:
    window = Window(browser, served.url, locale=locale, viewport={"width": 390, "height": 900})
    page = window.check(served.files["altered"])  # it has marks of each length
    heights = page.locator(".steps summary").evaluate_all("all => all.map(one => one.offsetHeight)")
    assert len(heights) == 9
    assert max(heights) < 1.5 * min(heights)
    starts = page.locator(".steps summary").evaluate_all(
        "all => all.map(one => { const name = document.createRange(); name.selectNodeContents(one.lastChild);"
        " return Math.round(name.getBoundingClientRect().left) })"
    )
    assert max(starts) - min(starts) <= 1, "the names stand in a column"
    window.context.close()


def test_a_resident_is_told_in_the_words_of_the_kind(browser: Browser, tmp_path: Path) -> None:
    """Markup in a cell is text, and the sentence is in the reader's language."""
    address = "长安街 1 号 {issuer}]$ <script>document.title = 'x'</script>"
    now = datetime.now(UTC) - timedelta(hours=1)
    issuer = issuer_in(tmp_path / "issuer", name="Example City", kind=shipped("resident"), clock=lambda: now)
    bundle = issuer.bundle(issuer.issue({**FULL["resident"], "resident_address": address}))
    file = tmp_path / "resident.json"
    file.write_bytes(bundle.to_bytes())
    trust = Trust.parse(json.dumps(issuer.trust_file()).encode())
    words = ("verifier", "serve", "--plain", "--port", 0, "--offline")
    said = {
        "en": (
            "Example City certifies the residence of 张敏, born on 7 March 1990, in 北京.",
            "18 or older yes",
        ),
        "zh": ("Example City出具居民证明：张敏，出生日期 1990年3月7日，居住地 北京。", "年满 18 周岁 是"),
    }
    with running(trust, tmp_path / "home", *words) as service:
        for language, (sentence, line) in said.items():
            require_letters(language)
            window = Window(browser, service.line, locale=LANGUAGES[language])
            page = window.check(file)
            assert page.locator(".sentence").inner_text() == sentence
            rows = " ".join(page.locator(".card").inner_text().split())
            assert line in rows
            assert address in rows
            assert page.title() != "x"
            look_at(page, "resident", language)
            window.context.close()
            assert (window.elsewhere, window.errors) == ([], [])


def test_with_forced_colours_and_in_a_language_from_right_to_left(browser: Browser, served: Served) -> None:
    window = Window(browser, served.url)
    for name, page in screens(window, served, *KINDS):
        look_at_it_otherwise(page, name)
    window.context.close()


def pages_of(pdf: bytes) -> int:
    return len(re.findall(rb"/Type /Page\b", pdf))


def test_a_report_of_each_sample_is_one_sheet_of_paper(
    browser: Browser, program: Program, tmp_path: Path
) -> None:
    assert program("samples", tmp_path / "samples").code == 0
    trust = Trust.load(tmp_path / "samples" / "trust.json")
    serve = ("verifier", "serve", "--plain", "--port", 0, "--offline")
    with running(trust, tmp_path / "served", *serve) as service:
        for locale in LANGUAGES.values():
            window = Window(browser, service.line, locale=locale)
            for name in VERDICTS:
                page = window.check(tmp_path / "samples" / name)
                assert pages_of(page.pdf(prefer_css_page_size=True)) == 1, (name, locale)
                page.emulate_media(media="print")
                for text in (".verdict", ".report .note", ".report .code"):
                    assert page.locator(text).first.is_visible()
                page.emulate_media(media="null")
            window.context.close()


def test_the_page_is_small(window: Window) -> None:
    """All that comes over the wire until it can be used, heads included."""
    session = window.context.new_cdp_session(window.page)
    session.send("Network.enable")
    sizes = list[float]()
    session.on("Network.loadingFinished", lambda event: sizes.append(event["encodedDataLength"]))
    window.open()
    window.page.wait_for_load_state("networkidle")
    assert 3 <= len(sizes) <= 5
    assert sum(sizes) < 60_000
