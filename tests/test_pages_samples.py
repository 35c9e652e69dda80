"""The samples of the page that checks diplomas: one of each verdict, and no file of anybody's among them."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from datetime import timedelta

import httpx
import pytest

from intaglio.pages.inspection import Sent, Sheet
from intaglio.pages.invented import Invented, invented
from intaglio.pages.samples import SAMPLES, Samples, Tried, WithSamples
from tests.pages import Reader, answer, mount, words_of
from tests.serving import listening, serving
from tests.world import NOW, University, verifier
from verifier import Trust
from verifier.http import create_app
from verifier.judge import Judge, Verifiers
from wire import TryLater

pytestmark = pytest.mark.slow  # pages of a running service, each request by HTTP

UNIVERSITY = University()
EXPECTED = {
    "valid": "valid",
    "altered": "invalid",
    "revoked": "invalid",
    "unknown-issuer": "undetermined",
    "picture": "unreadable",
}


@pytest.fixture(scope="module")
def made() -> Invented:
    return invented(NOW - timedelta(days=200))


@pytest.fixture(scope="module")
def address(made: Invented, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A service that recognises one university, and has been up for most of a year."""
    trust_file = tmp_path_factory.mktemp("trust") / "trust.json"
    trust_file.write_bytes(UNIVERSITY.trust.to_bytes())
    judges = Verifiers(verifier(UNIVERSITY.trust), verifier(UNIVERSITY.trust))
    inspection = WithSamples(Judge(lambda: judges), trust_file, made)

    async def ask(question: Sent | Tried) -> Sheet:
        found = inspection(question)
        assert isinstance(found, Sheet)
        return found

    app = create_app(lambda: judges, clock=lambda: NOW)
    with listening() as listener:
        mount(app, listener.getsockname()[1], ask, samples=Samples(made, ask, lambda: NOW))
        with serving(app, listener):
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"


def read(url: str, lang: str = "en") -> Reader:
    found = httpx.get(url, headers={"Accept-Language": lang})
    assert found.status_code == 200
    return Reader(found.text)


def test_the_page_leads_to_each(address: str) -> None:
    page = read(f"{address}/")
    assert [link for link in page.having("href") if link.startswith("/samples/")] == [
        f"/samples/{name}" for name in SAMPLES
    ]
    assert SAMPLES.keys() == EXPECTED.keys()
    assert "/samples/valid?lang=zh" in read(f"{address}/?lang=zh").having("href")


@pytest.mark.parametrize(("name", "verdict"), EXPECTED.items())
def test_there_is_one_of_each_verdict_and_each_is_marked(address: str, name: str, verdict: str) -> None:
    page = read(f"{address}/samples/{name}")
    assert words_of(page) == [verdict]
    assert page.title.endswith(" (sample)")
    assert page.text.index("An invented sample.") < page.text.index("What to do")
    chinese = read(f"{address}/samples/{name}", "zh")
    assert "这是虚构的样本" in chinese.text
    assert f"/samples/{name}?lang=en" in chinese.having("href")


def test_they_tell_what_they_are_made_for(address: str) -> None:
    issued = "Example University (invented) issued “Master of Science (invented) (Master's degree)”"
    assert f"{issued} to Ada Invented" in read(f"{address}/samples/valid").text
    assert "the list of this page" not in read(f"{address}/samples/valid").text
    assert "issued in error" in read(f"{address}/samples/revoked").text
    assert "is a picture" in read(f"{address}/samples/picture").text


def test_a_sample_that_is_sent_back_is_by_an_unknown_issuer(address: str, made: Invented) -> None:
    """The list that knows its university is for its own address alone, before and after that was asked."""
    for _ in range(2):
        found = httpx.get(f"{address}/samples/files/valid.json")
        assert found.headers["Content-Disposition"] == 'attachment; filename="sample-valid.json"'
        page = answer(address, found.content)
        assert words_of(page) == ["undetermined"]
        assert "is not known to this page" in page.text
        assert httpx.post(f"{address}/verify", content=found.content).status_code == 422
        assert words_of(read(f"{address}/samples/valid")) == ["valid"]
    for name, data in made.files.items():
        assert words_of(answer(address, data))[0] in {"undetermined", "invalid", "unreadable"}, name


def test_a_sample_does_not_know_whom_the_service_recognises(address: str, made: Invented) -> None:
    assert words_of(answer(address, UNIVERSITY.issue().to_bytes())) == ["valid"]
    trust = Trust.parse(made.trust)
    assert [issuer.name for issuer in trust.issuers] == ["Example University (invented)"]
    assert trust.issuer(UNIVERSITY.did) is None


def test_a_report_of_a_sample_says_whose_it_is(address: str) -> None:
    found = httpx.get(f"{address}/samples/valid").text
    (report,) = re.findall(r'href="data:application/json;base64,([^"]+)"', found)
    told = json.loads(base64.b64decode(report))
    assert told["checkedBy"].endswith("/samples/valid")
    assert told["verdict"] == "valid"


def test_the_keys_are_made_anew_each_time(made: Invented) -> None:
    first, second = (Trust.parse(one.trust).issuers[0].id for one in (made, invented(NOW)))
    assert first != second


@pytest.mark.parametrize(
    "path",
    ["samples/", "samples/other", "samples/valid.json", "samples/files/trust.json", "samples/files/..%2fx"],
)
def test_there_are_no_others(address: str, path: str) -> None:
    assert httpx.get(f"{address}/{path}").status_code == 404


def test_they_are_answered_as_the_page_is(address: str) -> None:
    for path in ("samples/valid", "samples/other", "samples/files/valid.json"):
        assert httpx.get(f"{address}/{path}", headers={"Host": "rebound.example"}).status_code == 421
        found = httpx.get(f"{address}/{path}")
        assert found.headers["Content-Security-Policy"].startswith("default-src 'none'")
        assert found.headers["Cache-Control"] == "no-store"
        assert not Reader(found.text).having("style")


def test_where_too_much_is_asked_a_sample_waits_too(made: Invented) -> None:
    async def full(_question: Sent | Tried) -> Sheet:
        raise TryLater("too much is being verified at once")

    judges = Verifiers(verifier(UNIVERSITY.trust), verifier(UNIVERSITY.trust))
    app = create_app(lambda: judges, clock=lambda: NOW)
    with listening() as listener:
        port = listener.getsockname()[1]
        mount(app, port, full, samples=Samples(made, full, lambda: NOW))
        with serving(app, listener):
            found = httpx.get(f"http://127.0.0.1:{port}/samples/valid")
    assert (found.status_code, found.headers["Retry-After"]) == (503, "5")
