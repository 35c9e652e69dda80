"""Claim links over a real server: one wallet wins, and only with its own, fresh signature."""

from __future__ import annotations

import hashlib
import http.client
import json
import shutil
import socket
import sqlite3
import stat
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI

from did.methods import key as did_key
from exchange.claim import MAX_MESSAGE, ClaimLink, InvalidLink, Invitation, acceptance
from issuer.archive.kept import KindNumber, Released
from issuer.desk.claims import (
    ALREADY_CLAIMED,
    CHALLENGE_LIFETIME,
    CHALLENGE_SPENT,
    CLAIM_LINK_ENDED,
    CLAIM_LINK_USED,
    LINK_LIFETIME,
    OPEN_CHALLENGES,
    TOO_MANY_ATTEMPTS,
    ClaimLinks,
    LinkExpired,
)
from issuer.desk.http import create_app
from issuer.desk.linkstore import require_kept
from issuer.problem import CLAIMS_LOST, DAMAGED_CLAIMS, FORM_NOT_ALLOWED
from keys import PrivateKey
from tests.problems import raises
from tests.serving import listening, serving
from tests.world import COLLEGE, NAME, NOW, Holder, bundle, diploma, graduate, issuer_in, of_diploma, reopened
from vc.forms.integrity import InvalidProof
from wire.files import locked
from wire.problem import Conflict, Damaged, NotFound, Problem, Unavailable

SERVICE = "https://uni.example"
NUMBER = "UNI-2026-00017"
WHICH = of_diploma(NUMBER)
ADA, EVE = (PrivateKey.generate() for _ in range(2))


@dataclass
class Registrar:
    """An issuer that issues a diploma to the first who claims it, as the real one does."""

    iss: str = COLLEGE.did
    name: str = NAME
    given: dict[KindNumber, str] = field(default_factory=dict)
    released: int = 0
    counted: int = 0

    def named_in(self, which: KindNumber, form: str | None = None) -> str:
        return self.iss

    def generation(self, which: KindNumber) -> int:
        return self.released

    def links(self) -> int:
        return self.counted

    def count_link(self, nth: int) -> None:
        self.counted = max(self.counted, nth)

    def claim(self, which: KindNumber, holder: str, generation: int, *_: object) -> bytes:
        if generation < self.released:
            raise Released("the diploma was released")
        if self.given.setdefault(which, holder) != holder:
            raise Conflict(f"diploma {which.number} is bound to another key")
        return bundle(diploma(holder))


@pytest.fixture
def claims(tmp_path: Path) -> ClaimLinks:
    return ClaimLinks(tmp_path / "issuer" / "claims.sqlite", SERVICE)


def answer(invitation: Invitation, key: PrivateKey = ADA, now: datetime = NOW) -> bytes:
    return Holder(key).accept(invitation, now)


def redeem(claims: ClaimLinks, token: str, key: PrivateKey = ADA, *, now: datetime = NOW) -> bytes:
    return claims.redeem(
        token, answer(claims.invite(token, Registrar(), now=now), key, now), Registrar(), now=now
    )


def subject(data: bytes) -> str:
    found: str = json.loads(data)["credential"]["credentialSubject"]["id"]
    return found


def test_the_holder_of_the_link_receives_the_diploma_bound_to_her_key(claims: ClaimLinks) -> None:
    link = claims.offer(of_diploma(NUMBER), Registrar(), now=NOW)
    assert link == ClaimLink.parse(str(link))
    invitation = claims.invite(link.token, Registrar(), now=NOW)
    assert (len(link.token), len(invitation.challenge)) == (43, 43), "256 random bits"
    assert (invitation.issuer, invitation.name, invitation.domain) == (COLLEGE.did, NAME, SERVICE)
    assert subject(redeem(claims, link.token)) == did_key.create(ADA.public_key)


def test_the_same_wallet_gets_the_same_again_while_the_link_lasts(claims: ClaimLinks) -> None:
    token = claims.offer(of_diploma(NUMBER), Registrar(), now=NOW).token
    end = NOW + LINK_LIFETIME
    last = end - timedelta(seconds=1)
    invitation = claims.invite(token, Registrar(), now=last)
    assert {subject(redeem(claims, token, now=moment)) for moment in (NOW, NOW, last)} == {
        did_key.create(ADA.public_key)
    }
    with pytest.raises(LinkExpired):
        claims.redeem(token, answer(invitation, now=last), Registrar(), now=end)
    with pytest.raises(LinkExpired):
        claims.invite(token, Registrar(), now=end)


def test_links_of_two_kinds_with_one_number_never_meet(claims: ClaimLinks) -> None:
    """A newer link for the one, or a release of it, leaves the other's alone."""
    resident = KindNumber("resident", NUMBER)
    registrar = Registrar()
    first = claims.offer(resident, registrar, now=NOW).token
    claims.offer(WHICH, registrar, now=NOW)
    second = claims.offer(WHICH, registrar, now=NOW).token
    for token, key in ((first, ADA), (second, EVE)):
        claims.redeem(token, answer(claims.invite(token, registrar, now=NOW), key), registrar, now=NOW)
    holders = {resident: did_key.create(ADA.public_key), WHICH: did_key.create(EVE.public_key)}
    assert registrar.given == holders


def test_another_form_is_had_by_the_same_link_for_another_key_with_the_first(claims: ClaimLinks) -> None:
    asked: list[tuple[str, str, set[str]]] = []

    class Asked(Registrar):
        def claim(self, which: KindNumber, holder: str, generation: int, *more: Any) -> bytes:
            form, proved = more
            asked.append((holder, form, {*proved}))
            return b"bundle"

    registrar = Asked()
    token = claims.offer(of_diploma(NUMBER), registrar, now=NOW).token
    ada, eve = (Holder(key) for key in (ADA, EVE))

    def ask(message: Callable[[Invitation], bytes], form: str) -> None:
        claims.redeem(token, message(claims.invite(token, registrar, now=NOW)), registrar, now=NOW, form=form)

    def with_first(invitation: Invitation) -> bytes:
        first = ADA, ada.method
        return acceptance(invitation, EVE, verification_method=eve.method, created=NOW, first=first)

    ask(ada.accept, "application/a")
    with raises(ALREADY_CLAIMED):
        ask(eve.accept, "application/b")
    ask(with_first, "application/b")
    ask(ada.accept, "application/c")
    assert asked == [
        (ada.did, "application/a", {ada.did}),
        (eve.did, "application/b", {ada.did, eve.did}),
        (ada.did, "application/c", {ada.did}),
    ]


def test_a_form_that_is_not_issued_leaves_the_link_to_others(claims: ClaimLinks) -> None:
    class Refusing(Registrar):
        def claim(self, which: KindNumber, holder: str, generation: int, *more: Any) -> bytes:
            if more[0]:
                raise FORM_NOT_ALLOWED("not here")
            return super().claim(which, holder, generation)

    registrar = Refusing()
    token = claims.offer(of_diploma(NUMBER), registrar, now=NOW).token
    message = answer(claims.invite(token, registrar, now=NOW))
    with raises(FORM_NOT_ALLOWED):
        claims.redeem(token, message, registrar, now=NOW, form="application/x")
    assert claims.redeem(token, answer(claims.invite(token, registrar, now=NOW), EVE), registrar, now=NOW)


def test_another_wallet_is_told_so(claims: ClaimLinks) -> None:
    token = claims.offer(of_diploma(NUMBER), Registrar(), now=NOW).token
    redeem(claims, token)
    with raises(ALREADY_CLAIMED) as refused:
        redeem(claims, token, EVE)
    assert "tell the issuer" in refused.value.hint
    assert did_key.create(ADA.public_key) not in str(refused.value.to_dict())
    redeem(claims, token)


def test_an_expired_link(claims: ClaimLinks) -> None:
    token = claims.offer(of_diploma(NUMBER), Registrar(), now=NOW, lifetime=timedelta(hours=1)).token
    invitation = claims.invite(token, Registrar(), now=NOW + timedelta(minutes=59))
    with pytest.raises(LinkExpired):
        claims.redeem(
            token,
            answer(invitation, now=NOW + timedelta(minutes=59)),
            Registrar(),
            now=NOW + timedelta(hours=1),
        )
    with pytest.raises(LinkExpired):
        claims.invite(token, Registrar(), now=NOW + timedelta(hours=1))


def test_a_new_link_ends_those_that_nobody_has_used(claims: ClaimLinks) -> None:
    lost, other = (
        claims.offer(of_diploma(number), Registrar(), now=NOW).token for number in (NUMBER, "UNI-2026-00018")
    )
    invitation = claims.invite(lost, Registrar(), now=NOW)
    found = claims.offer(of_diploma(NUMBER), Registrar(), now=NOW).token
    with pytest.raises(LinkExpired):
        claims.invite(lost, Registrar(), now=NOW)
    with pytest.raises(LinkExpired):
        claims.redeem(lost, answer(invitation), Registrar(), now=NOW)
    redeem(claims, found)
    redeem(claims, other)
    claims.offer(of_diploma(NUMBER), Registrar(), now=NOW)
    redeem(claims, found)


def test_a_challenge_is_good_once_for_its_link_and_ten_minutes(claims: ClaimLinks) -> None:
    token = claims.offer(of_diploma(NUMBER), Registrar(), now=NOW).token
    other = claims.offer(of_diploma("UNI-2026-00018"), Registrar(), now=NOW).token
    last = NOW + CHALLENGE_LIFETIME - timedelta(seconds=1)
    message = answer(claims.invite(token, Registrar(), now=NOW), now=last)  # who reads for long signs late
    with raises(CHALLENGE_SPENT):
        claims.redeem(other, message, Registrar(), now=NOW)
    with raises(CHALLENGE_SPENT):
        claims.redeem(token, message, Registrar(), now=NOW + CHALLENGE_LIFETIME)
    claims.redeem(token, message, Registrar(), now=last)
    with raises(CHALLENGE_SPENT) as refused:
        claims.redeem(token, message, Registrar(), now=NOW)
    assert "Open the link again" in refused.value.hint
    with raises(CHALLENGE_SPENT):
        claims.redeem(
            token, answer(Invitation(COLLEGE.did, NAME, SERVICE, "made up", NOW)), Registrar(), now=NOW
        )


def test_expired_challenges_are_forgotten_and_open_ones_stay(claims: ClaimLinks, tmp_path: Path) -> None:
    first, second = (
        claims.offer(of_diploma(number), Registrar(), now=NOW).token for number in (NUMBER, "UNI-2026-00018")
    )
    claims.invite(first, Registrar(), now=NOW)
    now = NOW + CHALLENGE_LIFETIME
    message = answer(claims.invite(second, Registrar(), now=NOW + timedelta(minutes=1)), now=now)
    claims.invite(first, Registrar(), now=now)
    with closing(sqlite3.connect(tmp_path / "issuer" / "claims.sqlite")) as connection:
        assert connection.execute("SELECT count(*) FROM challenge").fetchone() == (2,)
    assert claims.redeem(second, message, Registrar(), now=now)


def test_a_bad_signature_costs_the_challenge_and_binds_nothing(claims: ClaimLinks) -> None:
    token = claims.offer(of_diploma(NUMBER), Registrar(), now=NOW).token
    invitation = claims.invite(token, Registrar(), now=NOW)
    message = json.loads(answer(invitation, EVE))
    message["proof"][0]["proofValue"] = json.loads(answer(invitation))["proof"][0]["proofValue"]
    with pytest.raises(InvalidProof):
        claims.redeem(token, json.dumps(message).encode(), Registrar(), now=NOW)
    with raises(CHALLENGE_SPENT):
        claims.redeem(token, answer(invitation), Registrar(), now=NOW)
    redeem(claims, token)


def test_a_proof_for_another_service_is_refused(claims: ClaimLinks) -> None:
    """A site that passes on our challenge has the holder sign for its own domain."""
    token = claims.offer(of_diploma(NUMBER), Registrar(), now=NOW).token
    ours = claims.invite(token, Registrar(), now=NOW)
    theirs = Invitation(COLLEGE.did, NAME, "https://evil.example", ours.challenge, ours.expires)
    with pytest.raises(InvalidProof, match="domain"):
        claims.redeem(token, answer(theirs), Registrar(), now=NOW)


def test_a_holder_whose_did_would_have_to_be_fetched_is_refused(claims: ClaimLinks) -> None:
    token = claims.offer(of_diploma(NUMBER), Registrar(), now=NOW).token
    invitation = claims.invite(token, Registrar(), now=NOW)
    did = "did:web:169.254.169.254"
    message = acceptance(invitation, ADA, verification_method=f"{did}#x", created=NOW)
    with pytest.raises(Exception, match="method 'web', which is not in use"):
        claims.redeem(token, message, Registrar(), now=NOW)


def test_only_so_many_attempts_are_open_at_once(claims: ClaimLinks) -> None:
    token, other = (
        claims.offer(of_diploma(number), Registrar(), now=NOW).token for number in (NUMBER, "UNI-2026-00018")
    )
    for _ in range(OPEN_CHALLENGES):
        claims.invite(token, Registrar(), now=NOW)
    with raises(TOO_MANY_ATTEMPTS):
        claims.invite(token, Registrar(), now=NOW)
    claims.invite(other, Registrar(), now=NOW)
    claims.invite(token, Registrar(), now=NOW + CHALLENGE_LIFETIME)


def test_attempts_by_a_clock_that_was_ahead_keep_nobody_waiting(claims: ClaimLinks) -> None:
    token = claims.offer(of_diploma(NUMBER), Registrar(), now=NOW).token
    for _ in range(OPEN_CHALLENGES):
        claims.invite(token, Registrar(), now=NOW + timedelta(hours=6))
    assert subject(redeem(claims, token)) == did_key.create(ADA.public_key)


def test_the_issuer_that_gave_it_to_another_has_the_last_word(claims: ClaimLinks) -> None:
    token = claims.offer(of_diploma(NUMBER), Registrar(), now=NOW).token
    invitation = claims.invite(token, Registrar(), now=NOW)
    with pytest.raises(Conflict):
        claims.redeem(
            token, answer(invitation), Registrar(given={of_diploma(NUMBER): "did:key:z6Mk"}), now=NOW
        )


def test_a_holder_whom_the_issuer_refuses_later_keeps_the_link(claims: ClaimLinks) -> None:
    """Else whoever reads the link over her shoulder could try it with a wallet of his own."""
    token = claims.offer(of_diploma(NUMBER), Registrar(), now=NOW).token
    redeem(claims, token)
    invitation = claims.invite(token, Registrar(), now=NOW)
    with pytest.raises(Conflict, match="bound to another key"):
        claims.redeem(
            token, answer(invitation), Registrar(given={of_diploma(NUMBER): "did:key:z6Mk"}), now=NOW
        )
    with raises(ALREADY_CLAIMED):
        redeem(claims, token, EVE)


def test_looking_at_a_link_says_until_when_it_is_good_and_changes_nothing(claims: ClaimLinks) -> None:
    registrar = Registrar()
    token = claims.offer(of_diploma(NUMBER), registrar, now=NOW).token
    for _ in range(OPEN_CHALLENGES + 1):
        assert claims.look(token, registrar, now=NOW) == NOW + LINK_LIFETIME
    with pytest.raises(LinkExpired, match="time of the claim link is over"):
        claims.look(token, registrar, now=NOW + LINK_LIFETIME)
    with pytest.raises(NotFound):
        claims.look("x" * 43, registrar, now=NOW)
    redeem(claims, token)
    with raises(CLAIM_LINK_USED):
        claims.look(token, registrar, now=NOW)
    registrar.released += 1
    with raises(CLAIM_LINK_ENDED):
        claims.look(token, registrar, now=NOW)


def test_links_are_counted_and_an_older_copy_of_their_list_is_refused(
    claims: ClaimLinks, tmp_path: Path
) -> None:
    """In the copy the first link is good, which the second one ended."""
    registrar, path = Registrar(), tmp_path / "issuer" / "claims.sqlite"
    ended = claims.offer(of_diploma(NUMBER), registrar, now=NOW).token
    message = answer(claims.invite(ended, registrar, now=NOW))
    claims.close()
    assert not path.with_name("claims.sqlite-wal").exists(), "all of it is in one file"
    shutil.copy(path, tmp_path / "older.sqlite")
    claims.offer(of_diploma(NUMBER), registrar, now=NOW)
    assert registrar.counted == 2
    claims.close()
    require_kept(path, registrar.counted)
    older = ClaimLinks(tmp_path / "older.sqlite", SERVICE)
    for use in (
        lambda: older.offer(of_diploma(NUMBER), registrar, now=NOW),
        lambda: older.look(ended, registrar, now=NOW),
        lambda: older.invite(ended, registrar, now=NOW),
        lambda: older.redeem(ended, message, registrar, now=NOW),
        lambda: require_kept(tmp_path / "older.sqlite", registrar.counted),
    ):
        with raises(DAMAGED_CLAIMS, match="older copy"):
            use()


def test_a_list_of_links_that_is_gone_is_told_of_and_not_begun_anew(
    claims: ClaimLinks, tmp_path: Path
) -> None:
    path, none = tmp_path / "issuer" / "claims.sqlite", tmp_path / "none"
    require_kept(none, 0)
    for lost, content in ((none, None), (tmp_path / "empty", b"")):
        if content is not None:
            lost.write_bytes(content)
        with raises(CLAIMS_LOST):
            require_kept(lost, 1)
    assert not none.exists()
    with raises(CLAIMS_LOST):
        require_kept(path, 1)  # its tables are there, without a link
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("DROP TABLE link")
    with raises(DAMAGED_CLAIMS):
        claims.require_readable()
    claims.close()
    path.write_bytes(b"no database" * 1000)
    for look in (claims.require_readable, lambda: require_kept(path, 1)):
        with raises(DAMAGED_CLAIMS):
            look()


def test_the_file_is_private_and_holds_no_token(claims: ClaimLinks, tmp_path: Path) -> None:
    token = claims.offer(of_diploma(NUMBER), Registrar(), now=NOW).token
    challenge = claims.invite(token, Registrar(), now=NOW).challenge
    folder = tmp_path / "issuer"
    content = b"".join(file.read_bytes() for file in folder.iterdir())
    assert token.encode() not in content
    assert challenge.encode() not in content
    assert hashlib.sha256(token.encode()).digest() in content
    assert {stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()} == {0o600}


@pytest.mark.parametrize("service", ["http://uni.example", "uni.example", "https://uni.example/", ""])
def test_a_service_that_links_cannot_begin_with(tmp_path: Path, service: str) -> None:
    with pytest.raises(InvalidLink):
        ClaimLinks(tmp_path / "claims.sqlite", service).offer(of_diploma(NUMBER), Registrar(), now=NOW)


# Over HTTP


@dataclass
class Service:
    """The running service, and a way to ask it without any check of ours in between."""

    claims: ClaimLinks
    port: int
    base: str
    now: datetime = NOW

    def ask(
        self, method: str, path: str, body: bytes | Iterator[bytes] = b"", **fields: str
    ) -> tuple[int, bytes, http.client.HTTPMessage]:
        headers = {name.replace("_", "-"): value for name, value in fields.items()}
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)) as connection:
            connection.request(method, f"{self.base}{path}", body, headers)
            response = connection.getresponse()
            return response.status, response.read(), response.headers


@contextmanager
def service(folder: Path, issuer: Any, base: str = "", **options: Any) -> Iterator[Service]:
    with listening() as listener:
        port = listener.getsockname()[1]
        running = Service(ClaimLinks(folder / "claims.sqlite", f"http://127.0.0.1:{port}{base}"), port, base)
        app: FastAPI = create_app(issuer, running.claims, folder, lambda: running.now, **options)
        with serving(app, listener):
            yield running


@pytest.mark.slow
@pytest.mark.parametrize("base", ["", "/registrar"])
def test_over_http_a_link_becomes_a_diploma(tmp_path: Path, base: str) -> None:
    with service(tmp_path, Registrar(), base) as running:
        link = running.claims.offer(of_diploma(NUMBER), Registrar(), now=NOW)
        status, body, headers = running.ask("GET", f"/claim/{link.token}")
        assert (status, headers["content-type"], headers["cache-control"]) == (
            200,
            "application/json",
            "no-store",
        )
        status, body, headers = running.ask(
            "POST", f"/claim/{link.token}", answer(Invitation.parse(body, link))
        )
        assert (status, headers["referrer-policy"]) == (200, "no-referrer")
        assert subject(body) == did_key.create(ADA.public_key)


class Failing(Registrar):
    def __init__(self, problem: Exception) -> None:
        super().__init__()
        self.problem = problem

    def claim(self, which: KindNumber, holder: str, generation: int, *_: object) -> bytes:
        raise self.problem


@pytest.mark.slow
@pytest.mark.parametrize(
    ("problem", "status"),
    [
        (NotFound("x"), 404),
        (Conflict("x"), 409),
        (Unavailable("/a/path"), 503),
        (Damaged("/a/path"), 500),
    ],
)
def test_what_the_issuer_raises_has_a_status(tmp_path: Path, problem: Problem, status: int) -> None:
    with service(tmp_path, Failing(problem)) as running:
        link = running.claims.offer(of_diploma(NUMBER), Registrar(), now=NOW)
        _, body, _ = running.ask("GET", f"/claim/{link.token}")
        found, body, headers = running.ask(
            "POST", f"/claim/{link.token}", answer(Invitation.parse(body, link))
        )
        assert (found, headers["content-type"]) == (status, "application/problem+json")
        if status < 500:
            assert json.loads(body) == {**problem.to_dict(), "status": status}
        else:
            assert "the service cannot answer now" in body.decode()
            assert "/a/path" not in body.decode()
        assert (headers["retry-after"] is not None) == (status == 503)


def test_each_refusal_has_its_status_and_says_what_to_do(tmp_path: Path) -> None:
    with service(tmp_path, Registrar()) as running:
        link = running.claims.offer(of_diploma(NUMBER), Registrar(), now=NOW)
        path = f"/claim/{link.token}"

        def invitation() -> Invitation:
            return Invitation.parse(running.ask("GET", path)[1], link)

        replayed = answer(invitation())
        forged = answer(invitation()).replace(b"Presentation", b"Presentatiom")
        elsewhere = answer(Invitation(COLLEGE.did, NAME, "https://evil.example", invitation().challenge, NOW))
        assert running.ask("POST", path, replayed)[0] == 200
        refused = [
            (404, running.ask("GET", f"/claim/{'x' * 43}")),
            (403, running.ask("POST", f"/claim/{'x' * 43}", answer(invitation()))),
            (403, running.ask("POST", path, replayed)),
            (403, running.ask("POST", path, elsewhere)),
            (400, running.ask("POST", path, forged)),
            (400, running.ask("POST", path, b"")),
            (400, running.ask("POST", path, b"{")),
            (409, running.ask("POST", path, answer(invitation(), EVE))),
            (413, running.ask("POST", path, b" " * (MAX_MESSAGE + 1))),
            (413, running.ask("POST", path, iter([b" " * MAX_MESSAGE] * 4))),
        ]
        for status, (found, body, headers) in refused:
            assert (found, headers["content-type"]) == (status, "application/problem+json")
            members = json.loads(body)
            assert members["status"] == status
            assert members["title"]
            assert members["detail"]
        unused = running.claims.offer(of_diploma("UNI-2026-00018"), Registrar(), now=NOW)
        running.now = NOW + LINK_LIFETIME
        assert running.ask("GET", f"/claim/{unused.token}")[0] == 410
        running.now = NOW
        statuses = {running.ask("GET", path)[0] for _ in range(OPEN_CHALLENGES)}
        assert statuses == {200, 429}


def test_a_link_that_the_issuer_ended_is_gone(tmp_path: Path) -> None:
    registrar = Registrar()
    with service(tmp_path, registrar) as running:

        def waiting() -> tuple[str, bytes]:
            link = running.claims.offer(of_diploma(NUMBER), registrar, now=NOW)
            path = f"/claim/{link.token}"
            return path, answer(Invitation.parse(running.ask("GET", path)[1], link))

        replaced, released = waiting(), waiting()
        registrar.released += 1
        for path, message in (replaced, released):
            for status, body, _ in (running.ask("GET", path), running.ask("POST", path, message)):
                assert (status, json.loads(body)["title"]) == (410, "The claim link was ended")
        path, message = waiting()
        assert running.ask("POST", path, message)[0] == 200


def test_a_body_that_does_not_arrive_is_not_waited_for(tmp_path: Path) -> None:
    with service(tmp_path, Registrar(), body_seconds=0.05) as running:
        link = running.claims.offer(of_diploma(NUMBER), Registrar(), now=NOW)
        with socket.create_connection(("127.0.0.1", running.port), timeout=10) as slow:
            slow.sendall(
                f"POST /claim/{link.token} HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{{".encode()
            )
            assert slow.recv(4096).startswith(b"HTTP/1.1 400")


@pytest.mark.slow
def test_a_log_that_another_process_holds_is_not_waited_for(tmp_path: Path) -> None:
    home = tmp_path / "issuer"
    issuer_in(home).issue(graduate(1))
    made = reopened(home)
    made.log_patience = 0.1
    with service(home, made) as running:
        link = running.claims.offer(of_diploma("UNI-000001"), made, now=NOW)
        path = f"/claim/{link.token}"

        def claimed() -> tuple[int, bytes, http.client.HTTPMessage]:
            message = answer(Invitation.parse(running.ask("GET", path)[1], link))
            return running.ask("POST", path, message)

        with locked(home / "log" / "journal"):
            status, body, headers = claimed()
        assert (status, headers["Retry-After"], str(home) in body.decode()) == (503, "60", False)
        assert claimed()[0] == 200


def test_what_is_published_can_be_fetched_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "status").mkdir()
    (tmp_path / "did.json").write_bytes(b'{"id": "did:web:uni.example"}')
    (tmp_path / "status" / "1").write_bytes(b"a list")
    (tmp_path / "status" / ".draft").write_bytes(b"private")
    (tmp_path / "diplomas").mkdir()
    (tmp_path / "diplomas" / "1.json").write_bytes(b"private")
    (tmp_path / "keys.json").write_bytes(b"private")
    with service(tmp_path, Registrar()) as running:
        assert running.ask("GET", "/status/did.json")[0] == 404, "its lists are under its own DID"
        status, body, headers = running.ask("GET", "/.well-known/did.json")
        assert (status, body) == (200, b'{"id": "did:web:uni.example"}')
        assert headers["content-type"] == "application/json"
        status, body, headers = running.ask("GET", "/status/1")
        assert (status, body, headers["content-type"]) == (200, b"a list", "application/vc")
        tag = headers["etag"]
        for known, expected in ((tag, 304), (f'"other", W/{tag}', 304), ('"other"', 200), ("", 200)):
            assert running.ask("GET", "/status/1", If_None_Match=known)[0] == expected
        (tmp_path / "status" / "1").write_bytes(b"a newer list")
        status, body, headers = running.ask("GET", "/status/1", If_None_Match=tag)
        assert (status, body) == (200, b"a newer list")
        for path in (
            "/status/2",
            "/status/.draft",
            "/status/..%2fkeys.json",
            "/status/%2e%2e%2fkeys.json",
            "/status/../keys.json",
            "/keys.json",
            "/diplomas/1.json",
            "/claims.sqlite",
            "/status/",
            "/did.json",
            "/docs",
            "/openapi.json",
        ):
            status, body, _ = running.ask("GET", path)
            assert status == 404, path
            assert b"private" not in body


def test_a_document_that_cannot_be_read_is_not_taken_for_none(tmp_path: Path) -> None:
    """Who asks for it would otherwise hear that the issuer has none, and keep that."""
    (tmp_path / "did.json").symlink_to("did.json")
    with service(tmp_path, Registrar()) as running:
        assert [running.ask("GET", path)[0] for path in ("/.well-known/did.json", "/readyz")] == [503, 503]


def test_the_service_is_ready_and_names_lists_that_end(tmp_path: Path) -> None:
    ends: dict[int, str] = {}
    with service(tmp_path, Registrar(), ending=lambda now: ends if now == NOW else {}) as running:
        assert running.ask("GET", "/readyz")[0] == 503, "it has no document"
        (tmp_path / "did.json").write_bytes(b"{}")
        status, body, _ = running.ask("GET", "/readyz")
        assert (status, "listsEnding" in json.loads(body)) == (200, False)
        ends[3] = "2026-07-02T00:00:00Z"
        status, body, _ = running.ask("GET", "/readyz")
        assert (status, json.loads(body)["listsEnding"]) == (200, {"3": ends[3]})


def test_the_document_of_the_did_for_status_lists_lies_beside_them(tmp_path: Path) -> None:
    issuer = issuer_in(tmp_path / "issuer", url="https://uni.example", has_status_did=True)
    with service(issuer.home, issuer) as running:
        status, body, headers = running.ask("GET", "/status/did.json")
    assert (status, json.loads(body)["id"]) == (200, "did:web:uni.example:status")
    assert headers["content-type"] == "application/json"


def test_nothing_is_published_yet(tmp_path: Path) -> None:
    with service(tmp_path, Registrar(), "/registrar") as running:
        assert running.ask("GET", "/did.json")[0] == 404


def test_a_claim_that_is_refused_leaves_the_link_to_its_holder(tmp_path: Path) -> None:
    """The diploma is Ada's; Eve tries a new link for it first."""
    registrar = Registrar()
    with service(tmp_path, registrar) as running:

        def redeem(link: ClaimLink, key: PrivateKey) -> int:
            _, body, _ = running.ask("GET", f"/claim/{link.token}")
            invitation = Invitation.parse(body, link)
            return running.ask("POST", f"/claim/{link.token}", answer(invitation, key))[0]

        assert redeem(running.claims.offer(of_diploma(NUMBER), Registrar(), now=NOW), ADA) == 200
        link = running.claims.offer(of_diploma(NUMBER), Registrar(), now=NOW)
        assert [redeem(link, EVE), redeem(link, ADA), redeem(link, EVE)] == [409, 200, 409]
