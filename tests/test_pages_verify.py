"""The page that checks a diploma, over HTTP: whom it answers, what it says first, and what it never says."""

from __future__ import annotations

import asyncio
import base64
import csv
import hashlib
import io
import json
import re
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from fastapi import FastAPI

from did import METHODS, Resolver
from intaglio.connections import LIMITS
from intaglio.pages.inspection import Sent, Sheet, judgements
from intaglio.pages.own import Own
from intaglio.pages.room import Room
from intaglio.pages.unpacking import Given
from intaglio.pages.view import Answered
from tests.commandline import Program
from tests.pages import Reader, answer, mount, page_served, send, words_of
from tests.serving import listening, serving
from tests.test_formulas import formulas
from tests.world import NOW, Holder, University, verifier
from verifier import RecognisedIssuer, Trust, Verifier
from verifier.judge import Judge, Verifiers
from verifier.sources.lists import Fetched
from wire import TryLater, Unavailable
from wire.fetch import NoFetcher

pytestmark = pytest.mark.slow  # pages of a running service, each request by HTTP

UNIVERSITY = University()
BUNDLE = UNIVERSITY.issue().to_bytes()
FORGED = BUNDLE.replace(b"Master of Science", b"Doctor of Everything")
STRANGER = University("stranger.example").issue().to_bytes()
KINDS = {"valid": BUNDLE, "invalid": FORGED, "undetermined": STRANGER, "unreadable": b"%PDF-1.7"}


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with page_served(UNIVERSITY.trust, tmp_path_factory.mktemp("trust")) as url:
        yield url


@pytest.mark.parametrize("kind", KINDS)
def test_each_verdict_is_a_word_and_a_title_without_names(address: str, kind: str) -> None:
    page = answer(address, KINDS[kind])
    assert words_of(page) == [kind]
    word = {
        "valid": "Valid",
        "invalid": "Not valid: altered or forged",
        "undetermined": "Could not be decided",
        "unreadable": "Could not be read",
    }[kind]
    assert page.title == f"{word} (1 file)"
    assert page.text.index(word) < page.text.index("What to do") < page.text.index("The checks")


def test_a_valid_one_begins_with_the_issuer_as_the_list_calls_it(address: str) -> None:
    text = answer(address, BUNDLE).text
    first = "Valid Example University issued “Master of Science” to Ada Invented"
    assert text.index(first) < text.index("What to do")
    assert "does not show that the person before you is the one named" in text
    assert text.index("What to do") < text.index("What it says") < text.index("The checks")


def test_each_claim_has_our_word_or_its_own_and_each_check_its_code(address: str) -> None:
    vocabulary = "https://university.example/vocab#thesis"
    document = UNIVERSITY.diploma()
    document["@context"] = [*document["@context"], {"thesis": vocabulary}]
    document["credentialSubject"] |= {"thesis": "On Invention", "licenseNumber": "N-7"}
    page = answer(address, UNIVERSITY.issue(document).to_bytes())
    assert words_of(page) == ["valid"]
    for told in ("awarded toAda Invented", "numberN-7", "credentialMaster of Science"):
        assert told in page.text
    assert "credentialSubject › achievement › criteria › narrativeAll passed" in page.text
    assert f"credentialSubject › {vocabulary}On Invention" in page.text
    assert "4. signature Unchanged since the issuer signed it signature-unchanged" in page.text
    assert re.search(r"seen in a logentry \d+ of the log university.example/log by 1 July", page.text)


class Asked(NoFetcher):
    """A network of which is known what it was asked for, and which gives nothing."""

    def __init__(self) -> None:
        self.hosts = set[str | None]()

    def fetch(self, url: str, **options: Any) -> bytes:
        self.hosts.add(urlsplit(url).hostname)
        return super().fetch(url, **options)


def test_only_hosts_of_issuers_on_the_list_are_asked() -> None:
    """For keys and lists that are missing."""
    asked, other = Asked(), University("other.example")
    online = Verifier(Resolver(METHODS, asked), trust=UNIVERSITY.pinned, lists=(Fetched(asked),))
    judge = Judge(lambda: Verifiers(verifier(UNIVERSITY.pinned), online))
    for university in (UNIVERSITY, other):
        alone = json.dumps(university.issue().secured).encode()
        (found,) = judgements(judge, [Given("a.json", alone)], NOW, "en")
        assert found.answer is Answered.UNDETERMINED
    assert asked.hosts == {"university.example"}


def test_of_a_refused_one_nothing_that_it_says_is_shown(address: str) -> None:
    page = send(address, FORGED).text
    for claimed in ("Doctor of Everything", "Ada Invented", "Example University", UNIVERSITY.did):
        assert claimed not in Reader(page).text


def test_of_an_undecided_one_only_what_is_marked_as_unchecked(address: str) -> None:
    text = answer(address, STRANGER).text
    unchecked = text.index("What the file says, not checked")
    assert text.index("is not known to this page") < unchecked < text.index("stranger.example")
    assert "Master of Science" not in text
    assert "Ada Invented" not in text
    assert "OpenBadgeCredential" in text


def test_a_picture_of_a_diploma_is_called_one_with_words_for_a_mail(address: str) -> None:
    text = answer(address, b"%PDF-1.7").text
    assert "Could not be read" in text
    assert "Please send me the file itself that the issuer or your wallet gave you" in text
    assert "Do not rely" not in text


def test_a_presentation_that_nobody_asked_for_is_judged_by_what_is_in_it(address: str) -> None:
    holder = Holder()
    bundle = UNIVERSITY.issue()
    shown = type(bundle)(
        holder.present(bundle.secured), bundle.evidence, bundle.issuer_documents, bundle.status_lists
    )
    page = answer(address, shown.to_bytes())
    assert words_of(page) == ["valid"]
    assert "a presentation that this page did not ask for" in page.text


def test_it_speaks_the_language_of_its_reader_or_the_one_that_was_chosen(address: str) -> None:
    page = answer(address, BUNDLE, lang="zh-CN,zh;q=0.9,en;q=0.8")
    assert page.title == "有效（1 个文件）"
    assert "2026年7月1日" in page.text
    english = httpx.get(f"{address}/?lang=en", headers={"Accept-Language": "zh"}).text
    assert 'lang="en"' in english
    assert 'action="/?lang=en"' in english
    assert 'lang="zh-Hans"' in httpx.get(f"{address}/?lang=zh").text
    german = answer(address, BUNDLE, lang="de-CH,fr;q=0.8")
    assert german.title == "Gültig (1 Datei)"
    assert "1. Juli 2026" in german.text
    chosen = httpx.get(f"{address}/?lang=de", headers={"Accept-Language": "zh"}).text
    assert 'lang="de"' in chosen
    assert 'href="/?lang=zh"' in chosen


REVOKED = University()
REVOKED.revoke(7)


def test_days_stand_as_their_reader_writes_them(tmp_path: Path) -> None:
    """In sentences of checks, too; `--json` and the report to keep have them as programs read them."""
    with page_served(REVOKED.trust, tmp_path) as url:
        for lang, written in (("en", "on 1 July 2026: issued in error"), ("zh", "2026年7月1日")):
            page = answer(url, REVOKED.issue().to_bytes(), lang=lang)
            assert words_of(page) == ["invalid"]
            assert written in page.text
            assert not re.search(r"20\d\d-\d\d-\d\d", page.text)
            (revoked,) = (one for one in json.loads(kept(page, "report-"))["checks"] if one["step"] == 6)
            assert revoked["problem"]["facts"]["date"] == "2026-07-01"


def test_who_ended_it_is_named_as_the_list_does_and_nothing_else_is(tmp_path: Path) -> None:
    """One is told to ask him; of a forged one nobody knows whose it is."""
    trust = Trust().adding(RecognisedIssuer(REVOKED.did, "Listed"), REVOKED.recognised_log)
    over = REVOKED.issue({**REVOKED.diploma(index=8), "validUntil": "2026-06-30T12:00:00Z"})
    revoked = REVOKED.issue().to_bytes()
    with page_served(trust, tmp_path) as url:
        for body, word in ((revoked, "revoked"), (over.to_bytes(), "expired")):
            page = answer(url, body)
            assert page.title == f"Not valid: {word} (1 file)"
            assert "The issuer is Listed." in page.text
            assert not re.search("Ada Invented|Example University|Master of Science", page.text)
        forged = answer(url, revoked.replace(b"Master of Science", b"Doctor of Everything"))
    assert "Listed" not in forged.text


def test_of_a_valid_one_too(address: str) -> None:
    text = answer(address, BUNDLE).text.partition("All that it says")
    checks = text[2][text[2].index("The checks") :]
    assert "Since 30 June 2026" in checks
    assert "by 1 July 2026, 10:00 UTC" in checks
    assert not re.search(r"20\d\d-\d\d-\d\d", text[0] + checks)


def test_a_name_that_looks_like_one_on_the_list_is_told_of_who_is_not_on_it(address: str) -> None:
    stranger, told = University("stranger.example"), "Its name looks like that of “Example University”"
    for name, is_told in (
        ("Example University", True),
        ("Example Univers1ty", True),
        ("Exаmple Univеrsity", True),  # Cyrillic а and е
        ("Example Univeristy", True),
        ("Example Universit", True),
        ("Another University", False),
        ("", False),
    ):
        document = stranger.diploma()
        document["issuer"]["name"] = name
        text = answer(address, stranger.issue(document).to_bytes()).text
        assert (told in text) is is_told, name
    assert told not in answer(address, BUNDLE).text
    assert told not in answer(address, FORGED).text


@pytest.mark.parametrize("kind", ["", "OpenBadgeCredential"])
def test_whether_the_issuer_is_listed_and_for_what(tmp_path: Path, kind: str) -> None:
    types = (kind,) if kind else ()
    trust = Trust().adding(RecognisedIssuer(UNIVERSITY.did, "Listed", types), UNIVERSITY.recognised_log)
    with page_served(trust, tmp_path) as url:
        text = answer(url, BUNDLE).text
    for_what = f"for: {kind}" if kind else "for all that it issues"
    assert f"university.example is on the list of this page, as Listed, {for_what}." in text


def test_several_files_are_counted_and_listed(address: str) -> None:
    page = answer(address, BUNDLE, FORGED, STRANGER)
    assert page.title == "3 files: 1 valid, 1 not valid, 1 could not be decided"
    assert [tag for tag, _ in page.tags].count("article") == 3
    chinese = answer(address, BUNDLE, FORGED, STRANGER, lang="zh")
    assert chinese.title == "3 个文件：有效 1 个，无效 1 个，无法判定 1 个"


def test_a_text_may_be_pasted(address: str) -> None:
    assert words_of(answer(address, text=BUNDLE.decode())) == ["valid"]


def test_what_the_browser_may_do_is_said_with_everything(address: str) -> None:
    for path in ("/", "/page.css", "/page.js", "/icon.svg"):
        found = httpx.get(address + path)
        policy = found.headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self';")
        assert "frame-ancestors 'none'" in policy
        assert found.headers["X-Content-Type-Options"] == "nosniff"
        assert found.headers["Cache-Control"] == "no-store"
        assert found.headers["Referrer-Policy"] == "same-origin"
        assert found.headers["Vary"] == "Accept-Language"
        assert "Set-Cookie" not in found.headers
        assert not [name for name in found.headers if name.startswith("access-control")]


def test_what_leaves_and_what_stays_is_said_with_each_answer(address: str) -> None:
    host = address.removeprefix("http://")
    for page in (Reader(httpx.get(f"{address}/").text), answer(address, BUNDLE), answer(address, FORGED)):
        assert f"Your browser sends the file to {host}, and to nobody else." in page.text
        assert "neither written to a disk nor logged" in page.text
        assert "That server learns that somebody looks, not at whom." in page.text
        assert "anybody can run the same check, with intaglio verify FILE" in page.text


def test_no_page_has_a_style_or_a_script_of_its_own(address: str) -> None:
    for found in (httpx.get(f"{address}/"), send(address, BUNDLE), send(address, FORGED, STRANGER)):
        page = Reader(found.text)
        assert not page.having("style")
        assert not [name for _, attributes in page.tags for name in attributes if name.startswith("on")]
        assert all(attributes.get("src") for tag, attributes in page.tags if tag == "script")
        assert "<style" not in found.text


OWN = {"Sec-Fetch-Site": "same-origin", "Origin": "http://elsewhere.example"}


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        (OWN, 200),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "none"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://127.0.0.1:1"}, 403),
        ({"Origin": ""}, 403),
    ],
)
def test_only_its_own_page_may_send_a_form(address: str, headers: dict[str, str], status: int) -> None:
    found = send(address, BUNDLE, **headers)
    assert found.status_code == status
    assert ("Ada Invented" in found.text) is (status == 200)
    assert found.headers["Content-Type"] == "text/html; charset=utf-8"


@pytest.mark.parametrize("host", ["rebound.example", "127.0.0.1", "127.0.0.1:1", "localhost.example", ""])
def test_it_answers_under_its_own_names_only(address: str, host: str) -> None:
    assert httpx.get(f"{address}/", headers={"Host": host}).status_code == 421
    assert send(address, BUNDLE, Host=host).status_code == 421


def test_this_machine_has_three_names(address: str) -> None:
    port = address.rpartition(":")[2]
    for name in ("127.0.0.1", "[::1]", "localhost", "LOCALHOST"):
        assert httpx.get(f"{address}/", headers={"Host": f"{name}:{port}"}).status_code == 200


@pytest.mark.parametrize(
    ("url", "origins"),
    [
        ("http://192.0.2.7:8470", None),
        ("http://verify.example", None),
        ("https://verify.example", {"https://verify.example"}),
        ("https://verify.example:443/", {"https://verify.example"}),
        ("https://[2001:db8::1]:8470", {"https://[2001:db8::1]:8470"}),
        ("http://localhost:80", {"http://localhost", "http://127.0.0.1", "http://[::1]"}),
    ],
)
def test_no_page_is_served_where_diplomas_would_travel_in_the_clear(
    url: str, origins: set[str] | None
) -> None:
    own = Own.at(url)
    assert (None if own is None else own.origins) == origins


def test_what_the_form_does_not_send_is_refused_as_a_page(address: str) -> None:
    own = {"Origin": address}
    for kind, content, status in (
        ("application/json", BUNDLE, 415),
        ("application/x-www-form-urlencoded", b"text=%7B%7D", 415),
        ("multipart/form-data", b"--x--", 400),
        ("multipart/form-data; boundary=x", b"--x\r\nContent-Disposition: form-data; name=file; filen", 400),
        ("multipart/form-data; boundary=x", b"", 400),
    ):
        found = httpx.post(f"{address}/", content=content, headers={**own, "Content-Type": kind})
        assert (found.status_code, found.headers["Content-Type"]) == (status, "text/html; charset=utf-8")
        assert re.search(r'<input type="file"[^>]* name="file"', found.text)
        assert "accept=" not in found.text


def test_a_program_goes_on_asking_as_before(address: str) -> None:
    found = httpx.post(f"{address}/verify", content=BUNDLE)
    assert (found.status_code, found.json()["verdict"]) == (200, "valid")


def test_too_much_at_once_is_a_page_that_says_when_to_try_again() -> None:
    async def full(_sent: Sent) -> Sheet:
        raise TryLater("too much is being verified at once")

    def unready() -> None:
        raise Unavailable("there is no list")

    for require_ready, said in ((lambda: None, "Busy"), (unready, "Could not be reached")):
        app = FastAPI()
        with listening() as listener:
            port = listener.getsockname()[1]
            mount(app, port, full, require_ready=require_ready)
            with serving(app, listener):
                found = send(f"http://127.0.0.1:{port}", BUNDLE)
        assert (found.status_code, found.headers["Retry-After"]) == (503, "5")
        assert Reader(found.text).title == said


def test_who_comes_when_all_is_full_has_a_page_and_a_program_a_problem() -> None:
    asked, may_answer = threading.Event(), threading.Event()

    async def waits(_sent: Sent) -> Sheet:
        asked.set()
        await asyncio.to_thread(may_answer.wait, 20)
        return Sheet(200, b"answered")

    app = FastAPI()
    with listening() as listener, ThreadPoolExecutor(1) as threads:
        port = listener.getsockname()[1]
        url = f"http://127.0.0.1:{port}"
        page = mount(app, port, waits)
        with serving(app, listener, limits=LIMITS._replace(active=1), busy=page.busy):
            first = threads.submit(send, url, BUNDLE)
            assert asked.wait(20)
            for path, accept, kind in (
                ("/", "text/html,*/*", "text/html; charset=utf-8"),
                ("/", "application/json", "application/problem+json"),
                ("/verify", "text/html", "application/problem+json"),
            ):
                found = httpx.get(url + path, headers={"Accept": accept})
                assert (found.status_code, found.headers["Content-Type"]) == (503, kind)
                assert found.headers["Retry-After"] == "5"
            may_answer.set()
            assert first.result(20).text == "answered"


def test_a_long_answer_is_whole_and_takes_room_until_it_is_read() -> None:
    """More than the buffers of both ends hold."""
    content = bytes(24 << 20)

    async def long(_sent: Sent) -> Sheet:
        return Sheet(200, content)

    app = FastAPI()
    with listening() as listener:
        port = listener.getsockname()[1]
        url = f"http://127.0.0.1:{port}"
        mount(app, port, long, room=Room(32 << 20, None))
        with serving(app, listener):
            form = httpx.Request(
                "POST", f"{url}/", files={"file": ("a.json", BUNDLE)}, headers={"Origin": url}
            )
            with httpx.Client(timeout=30) as client:
                unread = client.send(form, stream=True)
                assert (unread.status_code, send(url, BUNDLE).status_code) == (200, 503)
                assert unread.read() == content
                unread = client.send(form, stream=True)
                time.sleep(2.1)  # from then on one knows how fast it is read
                assert send(url, BUNDLE).content == content
                with pytest.raises(httpx.TransportError):
                    unread.read()


def kept(page: Reader, name: str) -> bytes:
    """What a link of a page holds, by the name under which it is kept."""
    (address,) = (
        str(attributes["href"])
        for tag, attributes in page.tags
        if tag == "a"
        and str(attributes.get("download", "")).startswith(name)
        and str(attributes["href"]).startswith("data:")
    )
    return base64.b64decode(address.partition(";base64,")[2])


@pytest.mark.parametrize("kind", ["valid", "invalid", "undetermined"])
def test_a_report_to_keep_says_what_the_command_does_and_of_which_bytes(
    address: str, program: Program, tmp_path: Path, kind: str
) -> None:
    report = json.loads(kept(answer(address, KINDS[kind]), "report-"))
    (tmp_path / "trust.json").write_bytes(UNIVERSITY.trust.to_bytes())
    (tmp_path / "file.json").write_bytes(KINDS[kind])
    asked = ("--offline", "--json", "--trust", tmp_path / "trust.json", "--at", "2026-07-01T12:00:00Z")
    told = json.loads(program("verify", tmp_path / "file.json", *asked).out)
    same = {"version", "verdict", "statusAsOf", "statusFresh", "credentials"}
    assert {name: report.get(name) for name in same} == {name: told.get(name) for name in same}
    assert [check["code"] for check in report["checks"]] == [check["code"] for check in told["checks"]]
    assert report["sha256"] == hashlib.sha256(KINDS[kind]).hexdigest()
    assert report["trustList"] == hashlib.sha256(UNIVERSITY.trust.to_bytes()).hexdigest()
    assert (report["checkedAt"], report["file"]) == ("2026-07-01T12:00:00+00:00", "0.json")
    assert f"http://{report['checkedBy']}" == address
    assert report.keys() - {"file", "sha256", "checkedAt", "checkedBy", "trustList"} == told.keys()


def test_the_table_to_keep_has_a_line_for_each_file_and_no_formula(address: str) -> None:
    files = {"=1+1.json": BUNDLE, "@x.json": FORGED, "x;=1+1;y.json": FORGED}
    fields = [("file", (name, data)) for name, data in files.items()]
    found = httpx.post(f"{address}/", files=fields, headers={"Origin": address}).text
    table = kept(Reader(found), "report.csv").decode("utf-8-sig")
    assert list(formulas(table)) == []
    lines = list(csv.reader(io.StringIO(table)))
    assert lines[0] == ["File", "Verdict", "What was found", "SHA-256"]
    assert [line[:2] for line in lines[1:]] == [
        ["'=1+1.json", "Valid"],
        ["'@x.json", "Not valid: altered or forged"],
        ["x;'=1+1;y.json", "Not valid: altered or forged"],
    ]
    assert lines[1][2].startswith("Example University issued “Master of Science” to Ada Invented")
