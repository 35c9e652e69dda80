"""What a page is sent that is no diploma, or a hostile one: always an answer, never markup from outside."""

from __future__ import annotations

import io
import json
import re
import struct
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from intaglio.pages.upload import MAX_BODY, MAX_FILE, MAX_FILES
from tests.baking import element, itxt, png, svg
from tests.pages import Reader, answer, page_served, send, words_of
from tests.world import University
from verifier import RecognisedIssuer, Trust

pytestmark = pytest.mark.slow  # pages of a running service, each request by HTTP

UNIVERSITY = University()
BUNDLE = UNIVERSITY.issue().to_bytes()


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with page_served(UNIVERSITY.trust, tmp_path_factory.mktemp("trust")) as url:
        yield url


def archive(files: dict[str, bytes], **options: Any) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED, **options) as opened:
        for name, data in files.items():
            opened.writestr(name, data)
    return made.getvalue()


def upload(url: str, *files: tuple[str, bytes], **headers: str) -> httpx.Response:
    fields: Any = [("file", (name, data)) for name, data in files]
    return httpx.post(f"{url}/", files=fields, headers={"Origin": url, **headers})


# Limits


def test_files_over_the_limits_are_told_with_the_command(address: str) -> None:
    large = BUNDLE.rstrip().ljust(MAX_FILE + 1)
    for files in ((("large.json", large),), tuple((f"{one}.json", b"{}") for one in range(MAX_FILES + 1))):
        found = upload(address, *files)
        assert found.status_code == 413
        text = Reader(found.text).text
        assert "This is more than the page takes" in text
        assert "intaglio verify" in text
    assert (
        "The file large.json has more than 1 MiB" in Reader(upload(address, ("large.json", large)).text).text
    )
    assert answer(address, BUNDLE.rstrip().ljust(MAX_FILE)).title == "Valid (1 file)"
    pasted = send(address, text=BUNDLE.decode().rstrip() + "\n" + " " * MAX_FILE + "}")
    assert pasted.status_code == 413


def test_a_body_that_is_too_long_is_a_page_too(address: str) -> None:
    found = upload(address, *((f"{one}.json", bytes(MAX_FILE)) for one in range(MAX_BODY // MAX_FILE + 1)))
    assert found.status_code == 413
    assert "All files together have more than 8 MiB" in Reader(found.text).text


def test_two_hundred_files_at_once_are_all_answered(address: str) -> None:
    page = answer(address, *[b"{}"] * (MAX_FILES - 1), BUNDLE)
    assert page.title == "200 files: 1 valid, 199 could not be read"


def test_forty_at_once(address: str) -> None:
    with ThreadPoolExecutor(40) as threads:
        found = list(threads.map(lambda _: send(address, BUNDLE), range(40)))
    assert {one.status_code for one in found} <= {200, 503}
    assert answer(address, BUNDLE).title == "Valid (1 file)"


# Archives


def test_an_archive_is_its_files(address: str) -> None:
    data = archive(
        {"a/one.json": BUNDLE, "a/two.pdf": b"%PDF-1.7", "__MACOSX/._one.json": b"x", ".hid": b"x"}
    )
    page = Reader(upload(address, ("all.ZIP", data)).text)
    assert words_of(page) == ["valid", "unreadable"]
    assert "all.ZIP/a/one.json" in page.text


def directory_of(data: bytes, size: int) -> bytes:
    place = data.rindex(b"PK\5\6")
    return data[: place + 12] + struct.pack("<I", size) + data[place + 16 :]


def many_names(count: int) -> bytes:
    return archive({f"{one}.json": b"" for one in range(count)})


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (
            lambda: archive({"one.json": BUNDLE})[:-30],
            "no ZIP archive that can be opened, or a damaged one",
        ),
        (lambda: b"PK\x03\x04", "no ZIP archive that can be opened, or a damaged one"),
        (lambda: directory_of(archive({"one.json": BUNDLE}), 1 << 30), "no ZIP archive that can be opened"),
        (lambda: many_names(201), "the archive has more than 200 files"),
        (lambda: many_names(30_000)[: 1 << 20], "no ZIP archive"),
        (lambda: archive({}), "there is no file in the archive"),
    ],
)
def test_an_archive_that_cannot_be_opened_could_not_be_read(
    address: str, make: Callable[[], bytes], said: str
) -> None:
    page = Reader(upload(address, ("all.zip", make()), ("good.json", BUNDLE)).text)
    assert words_of(page) == ["unreadable", "valid"]
    assert said.lower() in page.text.lower()


def test_a_directory_that_is_long_is_not_read(address: str) -> None:
    """Each of a few entries has a long comment in it."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as opened:
        for one in range(3):
            entry = zipfile.ZipInfo(f"{one}.json")
            entry.comment = b"x" * 60_000
            opened.writestr(entry, b"{}")
    page = Reader(upload(address, ("all.zip", made.getvalue())).text)
    assert words_of(page) == ["unreadable"]
    assert "directory is too large" in page.text


def encrypted() -> bytes:
    data = archive({"good.json": BUNDLE, "one.json": BUNDLE})
    flagged = bytearray(data)
    for match in re.finditer(rb"PK\x01\x02", data):
        if data[match.start() + 46 :].startswith(b"one.json"):
            flagged[match.start() + 8] |= 1
    return bytes(flagged)


def linked() -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as opened:
        opened.writestr("good.json", BUNDLE)
        link = zipfile.ZipInfo("one.json")
        link.external_attr = 0o120777 << 16
        opened.writestr(link, b"/etc/passwd")
    return made.getvalue()


def twice() -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as opened:
        opened.writestr("good.json", BUNDLE)
        opened.writestr("one.json", BUNDLE)
        with pytest.warns(UserWarning, match="Duplicate name"):
            opened.writestr("one.json", b"{}")
    return made.getvalue()


def overlapping() -> bytes:
    """The directory's second entry begins where the first one does."""
    data = bytearray(archive({"one.json": BUNDLE, "two.json": BUNDLE, "zgood.json": BUNDLE}))
    places = [found.start() for found in re.finditer(rb"PK\x01\x02", bytes(data))]
    data[places[1] + 42 : places[1] + 46] = data[places[0] + 42 : places[0] + 46]
    return bytes(data)


@pytest.mark.parametrize(
    ("make", "said", "words"),
    [
        (encrypted, "it is encrypted in its archive", ["valid", "unreadable"]),
        (linked, "it is a link to another file", ["valid", "unreadable"]),
        (twice, "several files of this name", ["valid", "unreadable", "unreadable"]),
        (overlapping, "damaged where this file is", ["unreadable", "unreadable", "valid"]),
        (
            lambda: archive({"good.json": BUNDLE, "inner.zip": archive({"a": b""})}),
            "an archive in an archive is not opened",
            ["valid", "unreadable"],
        ),
        (
            lambda: archive({"good.json": BUNDLE, "large.json": bytes(MAX_FILE + 1)}),
            "it has more than 1 MiB",
            ["valid", "unreadable"],
        ),
    ],
)
def test_what_an_archive_does_not_give_is_told_by_name_and_stops_no_other(
    address: str, make: Callable[[], bytes], said: str, words: list[str]
) -> None:
    page = Reader(upload(address, ("all.zip", make())).text)
    assert words_of(page) == words
    assert said.lower() in page.text.lower()
    assert "/etc/passwd" not in page.text


def test_what_unpacks_to_more_than_a_form_may_have_is_not_unpacked(address: str) -> None:
    data = archive({f"{one}.json": bytes(MAX_FILE) for one in range(40)})
    assert len(data) < MAX_FILE
    page = Reader(upload(address, ("a.zip", data), ("b.zip", archive({"one.json": BUNDLE}))).text)
    assert page.text.count("archive unpacks to more than is read") >= 9
    assert page.title.endswith("41 could not be read")


def test_several_archives_have_no_more_files_than_one_form_may(address: str) -> None:
    data = archive({f"{one}.json": b"{}" for one in range(150)})
    assert upload(address, ("a.zip", data), ("b.zip", data)).status_code == 413


# Markup, and letters that are none

HOSTILE = (
    '"><script>alert(1)</script><img src=x onerror=alert(2)>',
    "</bdi></p><b>bold</b><!--",
    "{{ 7 * 7 }}{% raw %}",
    "javascript:alert(3)",
    "\u202egnp.exe\u2066\u2800\u3164\u200b\x1b[31m",
    "'\"`<>&amp;&lt;",
)


def elements(page: Reader) -> list[tuple[str, tuple[str, ...]]]:
    """The tree of a page without its text: tags and the names of their attributes."""
    return [(tag, tuple(sorted(attributes))) for tag, attributes in page.tags]


def with_everything(text: str) -> dict[str, Any]:
    """A diploma that says a text wherever it can."""
    document = UNIVERSITY.diploma(name=text, description=text)
    document["issuer"]["name"] = text
    subject = document["credentialSubject"]
    subject["identifier"][0]["identityHash"] = text
    subject |= {"licenseNumber": text, "creditsEarned": 7}
    subject["achievement"] |= {"name": text, "description": text, "criteria": {"narrative": text}}
    return document


@pytest.mark.parametrize("text", HOSTILE)
def test_no_claim_becomes_markup(address: str, text: str) -> None:
    """A valid one shows all that it says, and has the same elements as a harmless one."""
    harmless, hostile = (
        answer(address, UNIVERSITY.issue(with_everything(claim)).to_bytes()) for claim in ("plain", text)
    )
    assert words_of(hostile) == ["valid"]
    assert elements(hostile) == elements(harmless)
    assert not set(hostile.text) & set("\u202e\u2066\u2800\u3164\u200b\x1b")


@pytest.mark.parametrize("text", HOSTILE)
def test_neither_does_what_the_trust_list_calls_an_issuer_nor_the_name_of_a_file(
    text: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    pages = []
    for name in ("plain", text):
        trust = Trust().adding(RecognisedIssuer(UNIVERSITY.did, name), UNIVERSITY.recognised_log)
        with page_served(trust, tmp_path_factory.mktemp("trust")) as url:
            pages.append(Reader(upload(url, (f"{name}.json", BUNDLE), (f"{name}.pdf", b"%PDF")).text))
            pages.append(Reader(httpx.get(f"{url}/").text))
    assert words_of(pages[2]) == ["valid", "unreadable"]
    assert [elements(page) for page in pages[:2]] == [elements(page) for page in pages[2:]]
    assert not set(pages[2].text) & set("\u202e\u2066\u2800\u3164\u200b\x1b")


@pytest.mark.parametrize("text", HOSTILE)
def test_neither_does_anything_of_a_file_that_is_not_valid(address: str, text: str) -> None:
    document = UNIVERSITY.issue(with_everything(text)).to_bytes()
    forged = document.replace(b'"creditsEarned": 7', b'"creditsEarned": 8')
    stranger = json.loads(BUNDLE)["credential"] | {"issuer": {"id": "did:web:x.example", "name": text}}
    odd: list[Any] = [
        stranger,
        {**stranger, "issuer": f"did:web:{text}"},
        {**stranger, "id": text},
        {**stranger, "type": ["VerifiableCredential", text]},
        {**stranger, "@context": [text]},
        {text: text},
        [text],
        text,
    ]
    for data in (forged, *(json.dumps(one).encode() for one in odd), text.encode()):
        page = answer(address, data)
        assert words_of(page) != ["valid"]
        assert not [tag for tag, _ in page.tags if tag in ("b", "img")]
        assert not [name for _, attributes in page.tags for name in attributes if name.startswith("on")]
        pasted = answer(address, text=data.decode(errors="replace"))
        assert words_of(pasted) == words_of(page)


def test_a_name_of_three_hundred_characters_is_shown_cut_and_one_that_is_no_header_is_refused(
    address: str,
) -> None:
    page = Reader(upload(address, (f"{'长' * 296}.json", BUNDLE)).text)
    assert words_of(page) == ["valid"]
    assert "长" * 296 in page.text
    assert "a" * 301 not in upload(address, (f"{'a' * 400}.json", BUNDLE)).text
    assert upload(address, (f"{'a' * 5000}.json", BUNDLE)).status_code == 400


def test_a_name_is_no_path_and_stays_out_of_the_way(address: str) -> None:
    page = Reader(upload(address, ("../../etc/passwd\\x.json", BUNDLE)).text)
    assert "etc" not in page.text
    assert "x.json" in page.text


def test_pictures_are_read_for_their_badge_alone(address: str) -> None:
    credential = json.dumps(json.loads(BUNDLE)["credential"]).encode()
    written = element(f"<![CDATA[{credential.decode()}]]>")
    hostile = svg(written).replace(b"<svg", b'<svg onload="alert(1)"', 1)
    several = png(itxt(credential), itxt(credential))
    foreign = b'<image href="http://elsewhere.example/x.png"/><use href="file:///etc/passwd#x"/></svg>'
    entity = b'<!DOCTYPE svg [<!ENTITY x SYSTEM "file:///etc/passwd">]><svg xmlns="http://www.w3.org/2000/svg">&x;</svg>'
    for name, data, word in (
        ("a.png", png(itxt(credential)), "undetermined"),
        ("b.svg", hostile, "undetermined"),
        ("c.png", several, "unreadable"),
        ("f.svg", svg(written).replace(b"</svg>", foreign), "undetermined"),
        ("g.svg", entity, "unreadable"),
        ("d.png", b"\x89PNG\r\n\x1a\n" + b"x" * 100, "unreadable"),
        ("e.svg", b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>', "unreadable"),
    ):
        page = Reader(upload(address, (name, data)).text)
        assert words_of(page) == [word], name
        assert "alert" not in page.text
        assert "onload" not in page.text
        assert "root:" not in page.text
        assert not [at for at in page.having("src") + page.having("href") if "elsewhere" in at]


def test_another_system_s_document_is_named(address: str) -> None:
    for data, name in (
        (b"eyJhbGciOiJFUzI1NiJ9.eyJ9.c2ln", "a JWT"),
        (b"PK\x03\x04 word/document.xml", "a ZIP archive or an office document"),
        (BUNDLE[: len(BUNDLE) // 2], "This file was cut off: its end is missing."),
        (b"", "This file is empty."),
        (b" \n", "This file is empty."),
        (b'{"hello": 1}', "This is no file of a credential that could be checked."),
        (b"hello", "This is no file of a credential that could be checked."),
    ):
        page = answer(address, data)
        assert words_of(page) == ["unreadable"]
        assert name in page.text
        assert "Not valid" not in page.text
