"""A claim from link to wallet: the real issuer behind a real server with TLS, and servers that lie."""

from __future__ import annotations

import csv
import http.server
import io
import json
import multiprocessing
import ssl
import stat
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

import pytest

from exchange.claim import ClaimLink, Invitation
from holder import Held, Wallet
from holder.client import claim
from holder.wallet import HolderKey
from intaglio.commands.wallet import text
from intaglio.tls import INVALID_CERTIFICATE_NAME, server_files
from issuer.desk.claims import LINK_LIFETIME, ClaimLinks
from issuer.desk.http import create_app
from issuer.issuer import Issuer
from kinds import shipped
from tests.fault.limits import files_of_at_most
from tests.loopback import Authority, Site, response
from tests.problems import is_a, raises
from tests.processes import ended
from tests.serving import listening, serving
from tests.test_kinds_facts import WELDING, ZHANG
from tests.world import (
    COLLEGE,
    NAME,
    Holder,
    check,
    diploma,
    issuer_in,
    of_diploma,
    reopened,
    verifier,
    verifier_for,
)
from vc.forms import INTEGRITY, SD_JWT_VC, VC_JWT
from vc.problem import NO_CREDENTIAL
from vc.report import Report, Verdict
from vc.status import Reason
from verifier import Trust
from wire.fetch import HttpsFetcher
from wire.problem import (
    Conflict,
    Damaged,
    Declined,
    Malformed,
    NotFound,
    Problem,
    Raisable,
    Refused,
    TooLarge,
    TryLater,
    Unavailable,
)

ROOT = Path(__file__).parent.parent
PASSPHRASE = b"correct horse battery"
TOKEN = "t" * 43
BOTH = (INTEGRITY, SD_JWT_VC)


def now() -> datetime:
    return datetime.now(UTC)


def graduate() -> dict[str, str]:
    with (ROOT / "examples" / "diploma" / "graduates.csv").open(encoding="utf-8", newline="") as file:
        return next(csv.DictReader(file))


NUMBER = graduate()["diploma_number"]


@pytest.fixture
def university(tmp_path: Path) -> Issuer:
    home = tmp_path / "home" / "issuer"
    made = issuer_in(home, name=NAME, clock=now)
    made.issue(graduate())
    return made


@contextmanager
def served(university: Issuer) -> Iterator[tuple[ClaimLinks, HttpsFetcher]]:
    files = server_files(university.home / "tls", [], now=now())
    with listening() as listener:
        service = f"https://localhost:{listener.getsockname()[1]}"
        claims = ClaimLinks(university.home / "claims.sqlite", service)
        app = create_app(university, claims, university.home, now)
        with serving(app, listener, tls=(files.chain, files.key)):
            yield claims, HttpsFetcher(allow_loopback=True, ca_file=files.authority)


def wallet(folder: Path) -> Wallet:
    Wallet.create(folder, PASSPHRASE, now=now())
    return Wallet(folder, PASSPHRASE)


def checks(university: Issuer) -> Callable[[bytes], Report]:
    judge = verifier_for(university)
    return lambda data: judge.verify(data, now=now())


def knowing_nobody(data: bytes) -> Report:
    return verifier(Trust()).verify(data, now=now())


def yes(_: Invitation) -> bool:
    return True


def test_a_diploma_is_claimed_bound_to_the_wallet(university: Issuer, tmp_path: Path) -> None:
    asked: list[Invitation] = []

    def agree(invitation: Invitation) -> bool:
        asked.append(invitation)
        return True

    with served(university) as (claims, fetcher), wallet(tmp_path / "ada") as mine:
        link = claims.offer(of_diploma(NUMBER), university, now=now())
        first = claim(link, mine, fetcher, checks(university), agree, clock=now)
        again = claim(link, mine, fetcher, checks(university), agree, clock=now)
        assert [(item.issuer, item.name, item.domain) for item in asked] == [
            (university.did, NAME, claims.service)
        ] * 2
        assert first.id == again.id
        assert [held.id for held in mine.credentials()] == [first.id]
        assert first.bound_to == {mine.holder_keys()[0].did}
        shown = mine.present([first.id], challenge="c", domain="d", now=now()).to_bytes()
        report = verifier_for(university).verify(shown, now=now(), challenge="c", domain="d")
        assert report, [check.text for check in report.checks]
        with (
            wallet(tmp_path / "eve") as other,
            pytest.raises(Conflict, match="the issuer says: another wallet has claimed") as refused,
        ):
            claim(link, other, fetcher, checks(university), agree, clock=now)
        assert "tell the issuer" in refused.value.hint
    editions = list(university.entries())
    assert [(entry.number, entry.edition, entry.reason) for entry in editions] == [
        (NUMBER, 1, "superseded"),
        (NUMBER, 2, None),
    ]


@pytest.mark.slow
def test_a_wallet_takes_the_same_diploma_in_each_form_by_one_link(tmp_path: Path) -> None:
    """The record had one form. The second is for another key of the wallet, which proves the first, too."""
    university = issuer_in(tmp_path / "home" / "issuer", name=NAME, clock=now)
    university.issue({**graduate(), "diploma_number": "another"}, forms=BOTH)
    university.issue(graduate())
    with (
        served(university) as (claims, fetcher),
        wallet(tmp_path / "ada") as mine,
        wallet(tmp_path / "eve") as eves,
    ):
        link = claims.offer(of_diploma(NUMBER), university, now=now())

        def take(taker: Wallet, form: str, key: HolderKey | None = None) -> Held:
            check = checks(university)
            return claim(link, taker, fetcher, check, yes, clock=now, form=form, key=key)

        whole = take(mine, INTEGRITY)
        second = mine.add_key("P-256", now=now() + timedelta(minutes=1))
        in_parts = take(mine, SD_JWT_VC, second)
        assert take(mine, SD_JWT_VC, second).id == in_parts.id, "the same again"
        with pytest.raises(Conflict, match="another wallet"):
            take(eves, SD_JWT_VC)
        with pytest.raises(Refused, match=r"application/vc\+jwt"):
            take(mine, VC_JWT)
        assert {held.secured.form for held in mine.credentials()} == {*BOTH}
        assert text.outdated(mine.credentials()) == set(), "neither is a later edition of the other"
        assert whole.bound_to == {mine.holder_keys()[0].did}
        shown = mine.present(
            [in_parts.id],
            challenge="c",
            domain="employer.example",
            now=now(),
            only=["name", "programme_title"],
        )
    report = verifier_for(university).verify(shown, now=now(), challenge="c", domain="employer.example")
    assert (report.verdict, report.holder) == (Verdict.VALID, second.did)
    university.revoke([NUMBER], Reason.FRAUD, date=now(), now=now())
    for entry in university.editions(university.current(NUMBER)):
        assert checks(university)(university.bundle(entry).to_bytes()).verdict is Verdict.INVALID


def test_credentials_of_two_kinds_with_one_number_are_no_editions(tmp_path: Path) -> None:
    home = tmp_path / "city"
    rows = {"resident": ZHANG, "certificate": {**WELDING, "certificate_number": "R-1"}}
    with wallet(tmp_path / "ada") as mine:
        for (kind, row), clock in zip(rows.items(), (now, lambda: now() + timedelta(seconds=2)), strict=True):
            issuer = issuer_in(home, kind=shipped(kind), clock=clock)
            bundle = issuer.bundle(issuer.issue(kind, row)).to_bytes()
            mine.accept(bundle, checks(issuer), now=now())
        assert {held.number for held in mine.credentials()} == {"R-1"}
        assert text.outdated(mine.credentials()) == set()


def test_the_list_tells_the_editions_of_one_diploma_apart(university: Issuer, tmp_path: Path) -> None:
    university.issue({**graduate(), "diploma_number": "UNI-OTHER", "given_name": "Bo"})
    first, other = university.entries()
    later = now() + timedelta(seconds=2)  # than the first edition: proofs have whole seconds
    judge = verifier_for(university)

    def check(data: bytes) -> Report:
        return judge.verify(data, now=later)

    with wallet(tmp_path / "ada") as mine:
        bundles = [university.bundle(first).to_bytes(), university.bundle(other).to_bytes()]
        kept = [mine.accept(data, check, now=now()) for data in bundles]
        assert text.outdated(mine.credentials()) == set()
        editing = reopened(university.home, lambda: later)
        claimed = mine.accept(editing.claim(NUMBER, mine.holder_keys()[0].did), check, now=later)
        found = mine.credentials()
        assert text.outdated(found) == {kept[0].id}
        assert claimed.id not in text.outdated(found)
        name = graduate()["given_name"]
        assert {held.id for held in found if name in text.line(held, lambda _: "")} == {
            kept[0].id,
            claimed.id,
        }
        # a stranger's own proof, however late, makes no edition
        more = Holder().sign(claimed.bundle.secured, created=later + timedelta(minutes=4))
        copy = mine.accept(json.dumps(more).encode(), check, now=later, undetermined=True)
        assert copy.id != claimed.id
        assert text.outdated([claimed, replace(copy, verdict=Verdict.VALID)]) == set()
        undecided = [replace(held, verdict=Verdict.UNDETERMINED) for held in found]
        assert text.outdated(undecided) == set(), "what anybody may have made says nothing of others"


def test_declined_links_stay_good_and_nothing_is_sent(university: Issuer, tmp_path: Path) -> None:
    with served(university) as (claims, fetcher), wallet(tmp_path / "ada") as mine:
        link = claims.offer(of_diploma(NUMBER), university, now=now())
        with pytest.raises(Declined):
            claim(link, mine, fetcher, checks(university), lambda _: False, clock=now)
        assert len(list(university.entries())) == 1
        claim(link, mine, fetcher, checks(university), yes, clock=now)


def test_expired_unknown_and_replaced_links(university: Issuer, tmp_path: Path) -> None:
    with served(university) as (claims, fetcher), wallet(tmp_path / "ada") as mine:
        replaced = claims.offer(of_diploma(NUMBER), university, now=now())
        expired = claims.offer(of_diploma(NUMBER), university, now=now() - 2 * LINK_LIFETIME)
        for link, kind, words in (
            (replaced, Refused, "the issuer has ended this claim link"),
            (ClaimLink(claims.service, TOKEN), NotFound, "no credential waits under this link"),
            (expired, Refused, "the time of the claim link is over"),
        ):
            with raises(kind, match=words) as refused:
                claim(link, mine, fetcher, checks(university), yes, clock=now)
            assert "new" in refused.value.hint
        assert mine.credentials() == []


def test_a_diploma_whose_issuer_is_not_trusted_can_be_had_later(university: Issuer, tmp_path: Path) -> None:
    """What the wallet did not keep, it gets again by the same link."""
    with served(university) as (claims, fetcher), wallet(tmp_path / "ada") as mine:
        link = claims.offer(of_diploma(NUMBER), university, now=now())
        with pytest.raises(Problem) as undecided:
            claim(link, mine, fetcher, knowing_nobody, yes, clock=now)
        assert undecided.value.undetermined
        assert mine.credentials() == []
        claim(link, mine, fetcher, knowing_nobody, yes, clock=now, undetermined=True)
        assert len(mine.credentials()) == 1


@pytest.mark.slow
def test_a_lost_wallet_gives_way_to_another(university: Issuer, tmp_path: Path) -> None:
    with (
        served(university) as (claims, fetcher),
        wallet(tmp_path / "lost") as lost,
        wallet(tmp_path / "new") as new,
    ):
        claim(
            claims.offer(of_diploma(NUMBER), university, now=now()),
            lost,
            fetcher,
            checks(university),
            yes,
            clock=now,
        )
        with pytest.raises(Conflict):
            claim(
                claims.offer(of_diploma(NUMBER), university, now=now()),
                new,
                fetcher,
                checks(university),
                yes,
                clock=now,
            )
        released = university.release(NUMBER)
        assert not university.is_bound(released)
        assert university.release(NUMBER) == released
        held = claim(
            claims.offer(of_diploma(NUMBER), university, now=now()),
            new,
            fetcher,
            checks(university),
            yes,
            clock=now,
        )
        assert held.bound_to == {new.holder_keys()[0].did}
    states = [(entry.edition, entry.reason) for entry in university.entries()]
    assert states == [(1, "superseded"), (2, "superseded"), (3, "superseded"), (4, None)]


def _race(home: Path, link: ClaimLink, fetcher: HttpsFetcher, start: Barrier, won: Any) -> None:
    with wallet(home) as mine:
        start.wait()
        try:
            held = claim(link, mine, fetcher, knowing_nobody, yes, clock=now, undetermined=True)
            won.put(held.bound_to == {mine.holder_keys()[0].did})
        except Conflict:
            won.put(None)


def test_what_is_wrong_with_the_service_is_told_to_who_runs_it_only(
    university: Issuer, tmp_path: Path, logged: io.StringIO
) -> None:
    with served(university) as (claims, fetcher), wallet(tmp_path / "wallet") as holder:
        link = claims.offer(of_diploma(NUMBER), university, now=now())
        (university.home / "status" / "0").unlink()
        university.store.revocations.release(["0"])  # or it would be made again
        with pytest.raises(Unavailable) as found:
            claim(link, holder, fetcher, checks(university), yes, clock=now)
        shown = f"{found.value.detail} {found.value.hint}"
        assert str(university.home) not in shown
        assert "intaglio issuer" not in shown
        assert f"{university.home / 'status' / '0'} is gone" in logged.getvalue()
        (university.home / "status" / "1").mkdir()
        with pytest.raises(NotFound):
            fetcher.fetch(f"{claims.service}/status/1", limit=1000)


@pytest.mark.slow
def test_of_two_wallets_that_race_for_one_link_exactly_one_wins(university: Issuer, tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    start, won = context.Barrier(2), context.SimpleQueue()
    with listening() as listener:
        files = server_files(university.home / "tls", [], now=now())
        service = f"https://localhost:{listener.getsockname()[1]}"
        claims = ClaimLinks(university.home / "claims.sqlite", service)
        link = claims.offer(of_diploma(NUMBER), university, now=now())
        fetcher = HttpsFetcher(allow_loopback=True, ca_file=files.authority, timeout=60)
        wallets = [
            context.Process(target=_race, args=(tmp_path / name, link, fetcher, start, won))
            for name in ("ada", "eve")
        ]
        for racer in wallets:
            racer.start()  # before the server's threads exist
        app = create_app(university, claims, university.home, now)
        with serving(app, listener, tls=(files.chain, files.key)):
            ended(wallets)
            outcomes = [won.get() for _ in wallets]
    assert sorted(outcomes, key=str) == [None, True]
    assert sum(1 for entry in university.entries() if entry.reason is None) == 1


# Servers that lie


class Liar(http.server.ThreadingHTTPServer):
    """Answers a GET with an invitation and a POST with the bytes that a test wants."""

    def __init__(self, posted: bytes = b"", **members: Any) -> None:
        super().__init__(("127.0.0.1", 0), _Lie)
        self.posted = posted
        self.members = members
        self.methods: list[str] = []
        self.link = ClaimLink.parse(f"http://localhost:{self.server_address[1]}/claim/{TOKEN}")

    @property
    def invitation(self) -> bytes:
        honest = Invitation(COLLEGE.did, NAME, self.link.service, "c", now()).to_json()
        return response(200, json.dumps({**json.loads(honest), **self.members}).encode())

    @contextmanager
    def running(self) -> Iterator[None]:
        thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield
        finally:
            self.shutdown()
            thread.join()
            self.server_close()


class _Lie(http.server.BaseHTTPRequestHandler):
    server: Liar

    def do_GET(self) -> None:
        self._answer(self.server.invitation)

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))  # unread, it would reset the connection
        self._answer(self.server.posted)

    def _answer(self, answer: bytes) -> None:
        self.server.methods.append(self.command)
        with suppress(ConnectionError):  # the wallet leaves when it has seen enough
            self.wfile.write(answer)

    def log_message(self, *_: object) -> None:
        pass


def claimed_from(site: Liar, folder: Path, form: str | None = None) -> Problem:
    with site.running(), wallet(folder) as mine:
        with pytest.raises(Problem) as refused:
            claim(site.link, mine, HttpsFetcher(allow_loopback=True), check, yes, clock=now, form=form)
        assert mine.credentials() == []
    return refused.value


def test_nothing_is_signed_for_another_domain(tmp_path: Path) -> None:
    site = Liar(domain="https://uni.example")
    assert isinstance(claimed_from(site, tmp_path), Malformed)
    assert site.methods == ["GET"]


def test_a_diploma_for_somebody_else_is_not_kept(tmp_path: Path) -> None:
    for credential in (diploma("did:key:z6MkpTHR8VNsBxYAAWHut2Geadd9jSwuBV8xRoAnwWsdvktH"), diploma()):
        problem = claimed_from(Liar(response(200, credential)), tmp_path / str(len(credential)))
        assert "not bound to this wallet's key" in problem.detail


def test_a_diploma_in_another_form_than_the_one_asked_for_is_not_kept(tmp_path: Path) -> None:
    problem = claimed_from(Liar(response(200, diploma())), tmp_path, SD_JWT_VC)
    assert "another form" in problem.detail


def test_a_diploma_by_another_issuer_than_the_one_agreed_to_is_not_kept(tmp_path: Path) -> None:
    site = Liar(response(200, diploma()), issuer={"id": "did:web:famous.example", "name": "Famous"})
    assert "another issuer" in claimed_from(site, tmp_path).detail


@pytest.mark.slow
@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        (response(200, b"{" * 100), NO_CREDENTIAL, "not JSON"),
        (response(200, b" " * ((1 << 23) + 1)), TooLarge, "longer than 8388608 bytes"),
        (response(302, b"", location="https://evil.example/"), Refused, "status 302"),
        (response(403, b"<html>"), Refused, "the issuer says: status 403"),
        (response(409, b'{"detail": "taken\\u001b[2J", "hint": 7}'), Conflict, "taken⟨001B⟩"),
        (response(410, b'{"detail": 410}'), Refused, "status 410"),
        (response(429, b'{"detail": "later"}'), TryLater, "later"),
        (response(503, b"<html>"), TryLater, "status 503"),
        (response(500, b""), Unavailable, "status 500"),
        (b"nonsense\r\n\r\n", Unavailable, "could not be fetched"),
        (b"", Unavailable, "could not be fetched"),
    ],
)
def test_what_a_server_may_answer(tmp_path: Path, answer: bytes, kind: Raisable[Problem], words: str) -> None:
    problem = claimed_from(Liar(answer), tmp_path)
    assert is_a(problem, kind)
    assert words in problem.detail
    assert len(problem.detail) < 500


def test_a_server_that_dribbles_is_left_alone(tmp_path: Path) -> None:
    site = Site(lambda path: site.dribble(b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n", b" "))
    link = ClaimLink.parse(site.url(f"/claim/{TOKEN}"))
    fetcher = HttpsFetcher(allow_loopback=True, timeout=0.3)
    with site.running(), wallet(tmp_path) as mine, pytest.raises(Unavailable, match="in time"):
        claim(link, mine, fetcher, check, yes, clock=now)


def test_loopback_is_reached_only_if_allowed_and_other_private_places_never(tmp_path: Path) -> None:
    with wallet(tmp_path) as mine:
        for link, fetcher in (
            (ClaimLink.parse(f"http://localhost:8080/claim/{TOKEN}"), HttpsFetcher()),
            (ClaimLink.parse(f"https://localhost/claim/{TOKEN}"), HttpsFetcher()),
            (ClaimLink.parse(f"https://169.254.169.254/claim/{TOKEN}"), HttpsFetcher(allow_loopback=True)),
            (ClaimLink.parse(f"https://[fd00::1]/claim/{TOKEN}"), HttpsFetcher(allow_loopback=True)),
        ):
            with pytest.raises(Refused):
                claim(link, mine, fetcher, check, yes, clock=now)


def test_a_server_under_an_authority_that_nobody_named_is_not_asked(
    university: Issuer, tmp_path: Path
) -> None:
    other = Authority(tmp_path).ca_file
    with served(university) as (claims, _), wallet(tmp_path / "ada") as mine:
        link = claims.offer(of_diploma(NUMBER), university, now=now())
        for ca_file in (None, other):
            fetcher = HttpsFetcher(allow_loopback=True, ca_file=ca_file)
            with pytest.raises(Unavailable, match="certificate"):
                claim(link, mine, fetcher, check, yes, clock=now)


# The authority that `serve` makes


def test_the_files_for_tls_are_kept_while_they_are_good(tmp_path: Path) -> None:
    moment = datetime(2026, 6, 30, 12, tzinfo=UTC)
    files = server_files(tmp_path / "tls", ["uni.example"], now=moment)
    first = files.chain.read_bytes()
    assert {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "tls").iterdir()} == {
        "server.pem": 0o600,
        "server.key": 0o600,
        "authority.pem": 0o644,
    }
    for names, later, kept in (
        ([], 300, True),
        (["uni.example"], 300, True),
        (["uni.example"], 391, False),
        (["registrar.example", "192.0.2.1"], 391, False),
    ):
        files = server_files(tmp_path / "tls", names, now=moment + timedelta(days=later))
        assert (files.chain.read_bytes() == first) == kept
        assert files.chain.read_bytes().endswith(files.authority.read_bytes())


def test_a_renewal_that_was_interrupted_is_done_again(tmp_path: Path) -> None:
    moment = datetime(2026, 6, 30, 12, tzinfo=UTC)
    key = server_files(tmp_path / "tls", [], now=moment).key
    before = key.read_bytes()
    with files_of_at_most(len(before) + 50), pytest.raises(OSError, match="too large"):
        server_files(tmp_path / "tls", ["uni.example"], now=moment)
    assert key.read_bytes() != before, "it is written first"
    files = server_files(tmp_path / "tls", [], now=moment)
    ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(files.chain, files.key)


@pytest.mark.parametrize("name", ["server.pem", "server.key", "authority.pem"])
@pytest.mark.parametrize("damage", [b"", b"\xff", None])
def test_files_for_tls_that_are_damaged_are_left_as_they_are(
    name: str, damage: bytes | None, tmp_path: Path
) -> None:
    files = server_files(tmp_path / "tls", [], now=now())
    (tmp_path / "tls" / name).unlink()
    if damage is not None:
        (tmp_path / "tls" / name).write_bytes(damage)
    elif name == "server.pem":
        return  # made last: where it is missing, all is made anew
    kept = {path: path.read_bytes() for path in (tmp_path / "tls").iterdir()}
    with pytest.raises(Damaged, match="certificate") as refused:
        server_files(tmp_path / "tls", [], now=now())
    assert "authority.pem" in refused.value.hint
    assert {path: path.read_bytes() for path in files.chain.parent.iterdir()} == kept


def test_files_that_two_make_at_once_fit_together(tmp_path: Path) -> None:
    def make(number: int) -> tuple[bytes, bytes]:
        files = server_files(tmp_path / "tls", [], now=datetime(2026, 6, 30, 12, tzinfo=UTC))
        return files.chain.read_bytes(), files.key.read_bytes()

    with ThreadPoolExecutor(4) as threads:
        assert len(set(threads.map(make, range(4)))) == 1


def test_a_name_that_certificates_cannot_have(tmp_path: Path) -> None:
    with raises(INVALID_CERTIFICATE_NAME):
        server_files(tmp_path / "tls", ["universität.example"], now=now())
    assert not (tmp_path / "tls").exists()
