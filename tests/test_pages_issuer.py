"""The pages of an issuer's service: who it is, and what a claim link shows to a person, at no cost."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import unquote

import httpx
import pytest
import segno

from did.methods import key as did_key
from exchange.claim import ClaimLink, Invitation, acceptance
from intaglio.pages.issuer import IssuerPages
from issuer.desk.claims import LINK_LIFETIME, OPEN_CHALLENGES, ClaimLinks
from issuer.desk.http import create_app
from issuer.issuer import Issuer
from issuer.job.order import Order
from issuer.keeping.closing import close
from keys import PrivateKey
from tests.pages import Reader
from tests.serving import listening, serving
from tests.world import NOW, csv_file, graduate, issuer_in, of_diploma
from verifier import Trust

pytestmark = pytest.mark.slow  # pages of a running service, each request by HTTP

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
GRADUATE = graduate(0, given_name="Unsaid", family_name="Canary", programme_title="Bachelor of Unsaid")
NUMBER = GRADUATE["diploma_number"]


@dataclass
class Desk:
    """An issuer whose service answers."""

    issuer: Issuer
    claims: ClaimLinks
    address: str
    """Where it answers; links may begin otherwise."""
    now: datetime = NOW

    def get(self, path: str = "/", lang: str = "en", accept: str = BROWSER, **headers: str) -> httpx.Response:
        sent = {"Accept": accept, "Accept-Language": lang, **headers}
        return httpx.get(f"{self.address}{path}", headers=sent)

    def open(self, link: ClaimLink, **options: str) -> httpx.Response:
        return self.get(f"/claim/{link.token}", **options)

    def offer(self) -> ClaimLink:
        return self.claims.offer(of_diploma(NUMBER), self.issuer, now=self.now)

    def claim(self, link: ClaimLink) -> httpx.Response:
        """As a wallet does."""
        asked = self.open(link, accept="application/json")
        key = PrivateKey.generate()
        did = did_key.create(key.public_key)
        method = f"{did}#{key.public_key.multikey()}"
        invitation = Invitation.parse(asked.content, link)
        signed = acceptance(invitation, key, verification_method=method, created=self.now)
        return httpx.post(str(link), content=signed)


@contextmanager
def desk(
    home: Path,
    base: str = "",
    *,
    name: str = "Invented University",
    url: str | None = None,
    service: str | None = None,
    own_authority: bool = False,
) -> Iterator[Desk]:
    issuer = issuer_in(home / "issuer", name=name, url=url)
    issuer.issue_file(Order(csv_file(home / "g.csv", [GRADUATE]), home / "errors.csv", workers=0))
    with listening() as listener:
        address = f"http://localhost:{listener.getsockname()[1]}{base}"
        found = Desk(issuer, ClaimLinks(home / "claims.sqlite", service or address), address)
        app = create_app(issuer, found.claims, issuer.home, lambda: found.now)
        IssuerPages(issuer, found.claims, lambda: found.now, own_authority=own_authority).mount(app)
        with serving(app, listener):
            yield found


@pytest.fixture(scope="module")
def at(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with desk(tmp_path_factory.mktemp("desk"), url="https://university.example/registrar") as found:
        yield found


# Who this is


def test_it_says_who_issues_and_by_what_it_is_known(at: Desk) -> None:
    page = Reader(at.get().text)
    trust = at.get("/trust.json")
    fingerprint = Trust.parse(trust.content).fingerprint(at.issuer.did)
    head = at.issuer.reader.checkpoint()
    for text in ("Invented University", at.issuer.did, fingerprint, f"entries{head.size}", head.root.hex()):
        assert text in page.text
    assert "1 July 2026, 12:00 UTC, by the issuer's own clock" in page.text
    assert trust.json() == at.issuer.trust_file()
    assert trust.headers["Content-Disposition"] == 'attachment; filename="issuer.json"'
    assert "/trust.json" in page.having("href")


def test_of_diplomas_it_says_nothing(at: Desk) -> None:
    text = at.get().text
    for said in (*GRADUATE.values(), "Canary"):
        assert len(said) < 6 or said not in text


def test_a_closed_issuer_says_so(tmp_path: Path) -> None:
    with desk(tmp_path) as found:
        close(found.issuer)
        assert "This issuer closed on 1 July 2026." in Reader(found.get().text).text
        assert found.get("/trust.json").json()["issuers"][0]["closed"][:10] == "2026-07-01"


def test_a_log_that_cannot_be_read_is_no_broken_page(tmp_path: Path) -> None:
    with desk(tmp_path) as found:
        (found.issuer.home / "log" / "checkpoint").write_bytes(b"no checkpoint")
        page = found.get()
    assert (page.status_code, "cannot be read at the moment" in page.text) == (200, True)


# A claim link


def test_a_person_is_invited_to_a_diploma_and_told_how(at: Desk) -> None:
    link = at.offer()
    found = at.open(link)
    page = Reader(found.text)
    assert found.status_code == 200
    assert page.title == "A credential waits for you"
    assert "Invented University invites you to take a credential into your wallet." in page.text
    assert "good until 31 July 2026, 12:00 UTC, and for one wallet" in page.text
    assert "intaglio --loopback wallet receive - " in page.text  # arguments could be seen by others
    assert f"<code>{link}</code>" in found.text
    assert "What it costs your privacy" in page.text
    assert ("meta", {"name": "robots", "content": "noindex"}) in page.tags
    for said in (*GRADUATE.values(), "Canary", "Bachelor"):
        assert len(said) < 6 or said not in found.text


def test_elsewhere_than_on_this_machine_the_wallet_is_told_no_more(tmp_path: Path) -> None:
    with desk(tmp_path, service="https://registrar.example") as found:
        link = found.offer()
        page = Reader(found.open(link, Host="registrar.example").text)
    assert "intaglio wallet receive - " in page.text
    assert f"https://registrar.example/claim/{link.token}" in page.text


def test_the_code_is_the_link(at: Desk) -> None:
    """Module by module; without its margin of four, and drawn by no style that a policy would refuse."""
    link = at.offer()
    (address,) = (source for source in Reader(at.open(link).text).having("src") if "image/svg" in source)
    drawing = unquote(address.partition(",")[2])
    rows = segno.make_qr(str(link)).matrix
    drawn = {(x, y) for y, row in enumerate(rows) for x, dark in enumerate(row) if dark}
    found, x, y = set(), 0, 0.0
    (path,) = re.findall(r"<path stroke='#000' d='([^']+)'", drawing)
    for step, first, second in re.findall(r"([Mmh])(-?[\d.]+)(?: ?(-?[\d.]+))?", path):
        if step == "h":
            found |= {(one - 4, int(y) - 4) for one in range(x, x + int(first))}
        x, y = (int(first), float(second)) if step == "M" else (x + int(first), y + float(second or 0))
    assert found == drawn
    assert "style" not in drawing


def test_a_wallet_gets_its_invitation_at_the_same_address(at: Desk) -> None:
    link = at.offer()
    asked = at.open(link, accept="application/json")
    assert Invitation.parse(asked.content, link).name == "Invented University"


@pytest.mark.parametrize("accept", [BROWSER, "*/*", ""], ids=["a browser", "a scanner", "who says nothing"])
def test_opening_it_changes_nothing_however_often(at: Desk, accept: str) -> None:
    link = at.offer()
    for _ in range(3 * OPEN_CHALLENGES):
        assert at.open(link, accept=accept).status_code == 200
    for _ in range(OPEN_CHALLENGES):
        assert at.open(link, accept="application/json").status_code == 200
    assert at.open(link, accept="application/json").status_code == 429
    assert at.open(link).status_code == 200


def ended(at: Desk) -> ClaimLink:
    link = at.offer()
    at.offer()
    return link


def expired(at: Desk) -> ClaimLink:
    return at.claims.offer(of_diploma(NUMBER), at.issuer, now=at.now, lifetime=timedelta(0))


def unknown(at: Desk) -> ClaimLink:
    return ClaimLink(at.claims.service, "x" * 43)


@pytest.mark.parametrize(
    ("make", "status", "said"),
    [
        (ended, 410, "The issuer has ended this link"),
        (expired, 410, "This link has expired."),
        (unknown, 404, "No credential waits under this address."),
    ],
)
def test_a_link_that_is_good_no_longer_says_why(
    at: Desk, make: Callable[[Desk], ClaimLink], status: int, said: str
) -> None:
    link = make(at)
    found = at.open(link)
    assert (found.status_code, said in Reader(found.text).text) == (status, True)
    assert at.open(link, accept="application/json").status_code == status
    assert "receive" not in found.text
    assert at.open(link, lang="zh").status_code == status


def test_a_link_that_a_wallet_has_used_says_so_and_the_wallet_may_ask_again(tmp_path: Path) -> None:
    with desk(tmp_path) as found:
        link = found.offer()
        assert found.claim(link).status_code == 200
        page = found.open(link)
        assert (page.status_code, "A wallet has taken the credential by this link." in page.text) == (
            410,
            True,
        )
        assert found.open(link, accept="application/json").status_code == 200
        found.now += LINK_LIFETIME
        assert "This link has expired." in found.open(link).text
        found.issuer.release(NUMBER)
        assert "The issuer has ended this link" in found.open(link).text


@pytest.mark.parametrize(
    "token", ["x", "x" * 400, "x" * 43 + "%0A%0Acurl%20evil.example", "%3Cscript%3E" * 9, "%ff"]
)
def test_what_is_no_link_is_not_repeated(at: Desk, token: str) -> None:
    found = at.get(f"/claim/{token}")
    assert (found.status_code, "not known" in found.text) == (404, True)
    assert not re.search("curl|evil|script>", found.text)


def test_a_file_of_links_that_cannot_be_read_is_a_page_without_paths(tmp_path: Path) -> None:
    with desk(tmp_path) as found:
        link = found.offer()
        found.claims.close()
        (tmp_path / "claims.sqlite").write_bytes(b"no database" * 999)
        page = found.open(link)
    assert (page.status_code, page.headers["Content-Type"]) == (503, "text/html; charset=utf-8")
    assert str(tmp_path) not in page.text


def test_the_certificate_of_an_own_authority_is_spoken_of_only_where_there_is_one(tmp_path: Path) -> None:
    with desk(tmp_path / "own", own_authority=True) as found:
        assert "--ca FILE" in found.open(found.offer()).text
    with desk(tmp_path / "proxy") as found:
        assert "--ca" not in found.open(found.offer()).text


# As all pages


def test_each_page_is_there_in_chinese_and_stays_where_it_is(at: Desk) -> None:
    link = at.offer()
    about, claim = Reader(at.get(lang="zh").text), Reader(at.open(link, lang="zh").text)
    assert "日志" in about.text
    assert "2026年7月31日" in claim.text
    for page, path in ((about, "/"), (claim, f"/claim/{link.token}")):
        assert f"{path}?lang=en" in page.having("href")
    assert 'lang="zh-Hans"' in at.get("/?lang=zh").text


@pytest.mark.parametrize("base", ["/registrar", "/a/b"])
def test_it_lies_where_the_service_does(tmp_path: Path, base: str) -> None:
    with desk(tmp_path, base) as found:
        page = found.get("/").text
        assert f'href="{base}/trust.json"' in page
        assert f'href="{base}/page.css' in page
        for path in ("/trust.json", "/page.css", "/icon.svg", f"/claim/{found.offer().token}"):
            assert found.get(path).status_code == 200
        assert httpx.get(found.claims.service.removesuffix(base) + "/").status_code == 404


def test_what_the_browser_may_do_is_said_with_everything(at: Desk) -> None:
    claim = f"/claim/{at.offer().token}"
    for path in ("/", claim, "/claim/x", "/trust.json", "/page.css", "/icon.svg"):
        found = at.get(path)
        assert found.headers["Content-Security-Policy"].startswith("default-src 'none'; script-src 'self';")
        assert found.headers["X-Content-Type-Options"] == "nosniff"
        assert found.headers["Cache-Control"] == "no-store"
        assert "Set-Cookie" not in found.headers
        page = Reader(found.text)
        if path in ("/", claim, "/claim/x"):
            assert found.headers["Referrer-Policy"] == "no-referrer"
            assert "Accept-Language" in found.headers["Vary"]
            assert not page.having("style")
            assert "<style" not in found.text
            assert not [tag for tag, _ in page.tags if tag in ("script", "form")]
            assert not [name for _, attributes in page.tags for name in attributes if name.startswith("on")]


@pytest.mark.parametrize("host", ["rebound.example", "localhost", "localhost:1", ""])
def test_it_answers_under_its_own_names_only(at: Desk, host: str) -> None:
    for path in ("/", "/trust.json", f"/claim/{at.offer().token}"):
        assert at.get(path, Host=host).status_code == 421


HOSTILE = [
    "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>",
    "{{ 7*7 }}{% include 'x' %} {name} {0} %s",
    "Univ\u202eytisrev\u2066\u200b\u0000\u1160",
    "x" * 4000,
    "جامعة الاختراع",
]


@pytest.mark.parametrize("name", HOSTILE, ids=range(len(HOSTILE)))
def test_an_issuer_may_have_any_name(tmp_path: Path, name: str) -> None:
    with desk(tmp_path, name=name) as found:
        for lang in ("en", "zh"):
            for answer in (found.get(lang=lang), found.open(found.offer(), lang=lang)):
                page = Reader(answer.text)
                assert answer.status_code == 200
                assert not [tag for tag, _ in page.tags if tag == "script"]
                assert not [at for _, attributes in page.tags for at in attributes if at.startswith("on")]
                assert not re.search("[\u202a-\u202e\u2066-\u2069\u200b\u1160]", answer.text)
                assert "49" not in page.title
                assert len(answer.text) < 40_000
                shown = re.findall(r"<bdi>([^<]*)</bdi>", answer.text)
                assert any(text[:4] == name[:4].replace("<", "&lt;") or "&lt;scr" in text for text in shown)
        assert json.loads(found.get("/trust.json").content)["issuers"][0]["name"] == found.issuer.name
