"""What the page says to somebody who knows none of its terms: without a service, from a form to HTML."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import pytest

from intaglio.pages import reader
from intaglio.pages.inspection import Inspection, Sent
from intaglio.pages.rendering import ASSETS, Site, page, theirs
from tests.pages import Reader
from tests.world import NOW, University, verifier
from verifier import RecognisedIssuer, Trust
from verifier.judge import Judge, Verifiers

PORT = "university.example:8443"
UNIVERSITY = University(PORT)
VALID = UNIVERSITY.issue().to_bytes()
FORGED = VALID.replace(b"Master of Science", b"Doctor of Everything")
STRANGER = University("stranger.example:8080").issue().to_bytes()
NONE = Path("/none")


@cache
def answered(data: bytes, trust: Trust = UNIVERSITY.trust, language: str = "en") -> str:
    """The page that answers a form with one file."""
    judge = Judge(lambda: Verifiers(verifier(trust), verifier(trust)))
    head = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.json"\r\n\r\n'
    sent = Sent(
        "multipart/form-data; boundary=x",
        head + data + b"\r\n--x--\r\n",
        NOW,
        Site("verify.example", language=language),
    )
    return Inspection(judge, NONE).sheet(sent).content.decode()


def checks(html: str) -> list[tuple[str, bool, str]]:
    """Of each check the outcome, whether its text stands open, and the text."""
    listed = re.findall(r'<li class="(\w+)">\s*<details( open)?>(.*?)</details>', html, re.DOTALL)
    return [(outcome, bool(is_open), Reader(text).text) for outcome, is_open, text in listed]


# What failed


def opened(html: str) -> list[tuple[str, str]]:
    return [(outcome, text) for outcome, is_open, text in checks(html) if is_open]


def test_what_failed_stands_open_and_nothing_else_does() -> None:
    assert len(checks(answered(VALID))) == 9
    assert opened(answered(VALID)) == []
    assert [outcome for outcome, _ in opened(answered(FORGED))] == ["failed"]
    assert "The signature does not fit" in opened(answered(FORGED))[0][1]


def test_what_leaves_it_open_stands_open() -> None:
    assert [outcome for outcome, _ in opened(answered(STRANGER))] == ["undetermined", "undetermined"]
    assert "which is not on your list" in opened(answered(STRANGER))[-1][1]


def test_of_a_refused_file_only_what_refuses_it_stands_open() -> None:
    """What was left open besides is not repeated."""
    over = UNIVERSITY.issue(UNIVERSITY.diploma(9, validUntil="2026-06-30T12:00:00Z"))
    html = answered(over.to_bytes(), UNIVERSITY.pinned)
    assert {"failed", "undetermined"} <= {outcome for outcome, _, _ in checks(html)}
    assert [outcome for outcome, _ in opened(html)] == ["failed"]


# Not checked


@pytest.mark.parametrize("language", ["en", "zh", "de"])
def test_not_checked_says_why_in_plain_words(language: str) -> None:
    mark, why, because, nobody = {
        "en": (
            "– not checked",
            "A file does not show whose it is",
            "Check 4 (signature) did not pass, and without it this one would say nothing.",
            "Anybody can write this into a file, and nobody has confirmed it.",
        ),
        "zh": ("– 未查", "文件本身不能说明持有人", "第 4 项核查（签名）没有通过", "任何人都能把这些写进文件"),
        "de": (
            "– nicht geprüft",
            "Eine Datei zeigt nicht, wem sie gehört",
            "Prüfung 4 (Signatur) wurde nicht bestanden, und ohne sie würde diese nichts aussagen.",
            "Das kann jeder in eine Datei schreiben, und niemand hat es bestätigt.",
        ),
    }[language]
    skipped = [
        text for outcome, _, text in checks(answered(FORGED, language=language)) if outcome == "skipped"
    ]
    assert len(skipped) == 6
    assert all(text.startswith(mark) for text in skipped)
    assert why in skipped[0]
    assert all(because in text for text in skipped[1:])
    legend = {
        "en": "“Not checked” says nothing against the file",
        "zh": "“未查”并不表示文件有问题",
        "de": "„Nicht geprüft“ spricht nicht gegen die Datei",
    }[language]
    assert legend in answered(VALID, language=language)
    assert nobody in answered(STRANGER, language=language)


# Moments


def test_moments_are_marked_for_the_clock_of_their_reader() -> None:
    """Where they stand in a sentence, too; the words are those of before."""
    html = answered(VALID)
    times = dict(re.findall(r'<time datetime="([^"]*)">([^<]*)</time>', html))
    assert times.get("2026-07-01T10:00:00+00:00") == "1 July 2026, 10:00 UTC"
    assert times["2026-07-01T12:00:00+00:00"] == "1 July 2026, 12:00 UTC"
    (by_the_log,) = (text for _, _, text in checks(html) if "8. evidence" in text)
    assert "by 1 July 2026, 10:00 UTC" in by_the_log
    assert html.count("10:00 UTC</time>") == html.count("10:00 UTC")


def test_a_moment_in_what_others_wrote_stays_their_text() -> None:
    """Only what the check itself found is a moment."""
    when = datetime(2026, 7, 1, 10, tzinfo=UTC)
    marked = theirs("11 July 2026, 10:00 UTC <b>1 July 2026, 10:00 UTC</b>", moments=[when])
    assert marked.count("<time") == 1
    assert "11 July 2026, 10:00 UTC &lt;b&gt;<time" in marked


# Addresses


def test_an_issuer_has_its_web_address_instead_of_a_did() -> None:
    listed = page(
        "start.html",
        Site("a"),
        listed=UNIVERSITY.trust.issuers,
        nobody=False,
        added=(),
        samples={},
        uses="",
    )
    for html in (answered(VALID), answered(STRANGER), answered(VALID, UNIVERSITY.pinned), listed.decode()):
        text = Reader(html.partition("All that it says")[0]).text + str(checks(html))
        assert re.search(r"(university\.example:8443|stranger\.example:8080)", text)
        assert "%3A" not in text
        assert "did:web" not in text
    assert f"{PORT} is on the list of this page" in Reader(answered(VALID)).text
    unnamed = Trust().adding(RecognisedIssuer(UNIVERSITY.did), UNIVERSITY.recognised_log)
    assert f"{PORT} issued “Master of Science”" in Reader(answered(VALID, unnamed)).text


@pytest.mark.quick(every=4)
@pytest.mark.parametrize(
    ("issuer", "written"),
    [
        ("did:web:uni.example", "uni.example"),
        ("did:web:uni.example%3A8443", "uni.example:8443"),
        ("did:web:uni.example%3a8443:a:b", "uni.example:8443/a/b"),
        ("did:web:uni.example:.well-known", "uni.example/.well-known"),
        ("did:web:uni.example:a%2Fb", "did:web:uni.example:a%2Fb"),
        ("did:web:uni.example:..", "did:web:uni.example:.."),
        ("did:web:127.0.0.1", "did:web:127.0.0.1"),
        ("did:web:uni.example%2Fevil", "did:web:uni.example%2Fevil"),
        ("did:key:z6MktUF4mUG43hV2rv5z5xw4vtXnmjo7WX4Xd9a6Tvzv6CvN", ""),
        ("https://uni.example", ""),
        ("uni.example", ""),
    ],
)
def test_a_web_address_is_that_of_one_did_only(issuer: str, written: str) -> None:
    assert reader.address(issuer) == (written or issuer)


# The list


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_page_whose_list_is_empty_says_so_first(language: str) -> None:
    told = {"en": "This page recognises no issuer yet", "zh": "本页面尚未认可任何颁发机构"}[language]
    text = Reader(answered(VALID, Trust(), language)).text
    assert told in text
    assert text.index(told) < text.index({"en": "Could not be decided", "zh": "无法判定"}[language])
    assert told not in answered(VALID, language=language)


# The form


@pytest.mark.parametrize(("language", "words"), [("en", "Choose the file"), ("zh", "选择文件")])
def test_what_opens_the_chooser_speaks_the_language_of_the_page(language: str, words: str) -> None:
    """The browser's own button, which speaks the browser's, is not shown."""
    html = answered(VALID, language=language)
    assert f'<label class="choose" for="file">{words}</label>' in html
    (style,) = (asset.read().decode() for asset in ASSETS if asset.kind == "text/css")
    assert 'input[type="file"]::file-selector-button { display: none; }' in style


def test_chinese_has_the_weight_that_its_fonts_have() -> None:
    (style,) = (asset.read().decode() for asset in ASSETS if asset.kind == "text/css")
    weights = " ".join(re.findall(r":lang\(zh\) \{([^}]*)\}", style))
    assert "--bold: 700" in weights
    assert set(re.findall(r"(--\w+): 700", weights)) == set(re.findall(r"font-weight: var\((--\w+)\)", style))
    own = {int(weight) for weight in re.findall(r"font-weight: (\d+)", style)}
    assert own <= {400, 500}
