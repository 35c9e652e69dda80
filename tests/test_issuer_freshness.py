"""How long status lists last, who signs them anew and when, and how an issuer closes for good."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import intaglio
from issuer.home import LIFETIME, Closed, Identity
from issuer.issue import Issuer
from issuer.renewal import renewing
from issuer.status import Lists
from ledger import EntryKind, parse_entry
from ledger.audit import audit
from tests.commandline import Answer, Program, typed
from tests.registrar import NOW, csv_file, graduate, issuer_in, table, verifier_for
from vc import Bundle, Credential, Verdict
from vc.status import Reason
from verifier import RecognisedIssuer, RecognisedLog, Trust
from wire.problem import Damaged, Problem
from wire.strict import load_json_object

SECOND = timedelta(seconds=1)
MONTH = timedelta(days=30)
URL = "https://u.example"


def listed(home: Path, name: str = "0") -> Credential:
    """A list as it is published."""
    return Credential.parse(load_json_object((home / "status" / name).read_bytes(), limit=1 << 25))


def life(home: Path) -> timedelta:
    found = listed(home)
    assert found.valid_from is not None
    assert found.valid_until is not None
    return found.valid_until - found.valid_from


@pytest.fixture
def issuer(tmp_path: Path) -> Issuer:
    made = issuer_in(tmp_path / "home")
    made.issue_file(
        csv_file(tmp_path / "g.csv", [graduate(row) for row in range(1, 4)]), tmp_path / "e.csv", workers=0
    )
    return made


class Clock:
    """The session's, set by hand."""

    def __init__(self) -> None:
        self.now = NOW


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    standing = Clock()
    monkeypatch.setattr(intaglio.Session, "now", lambda _: standing.now)
    return standing


@pytest.fixture
def registrar(program: Program, clock: Clock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Program:
    """With an issuer that has a web site, three diplomas and their bundles."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("INTAGLIO_PASSPHRASE_FILE", raising=False)
    Path("g.csv").write_text(table([graduate(row) for row in range(1, 4)]))
    assert clock.now == NOW
    assert program("issuer", "issue", "g.csv", "--name", "U", "--url", URL).code == 0
    return program


class TestALife:
    def test_at_half_of_it_and_no_second_before_a_list_is_signed_anew(self, issuer: Issuer) -> None:
        half = NOW + LIFETIME / 2
        assert issuer.lists.publish(now=half - SECOND) == []
        assert issuer.lists.publish(now=half) == [0]
        assert listed(issuer.home).valid_from == half

    def test_who_reads_the_clock_a_moment_earlier_signs_nothing_anew(self, issuer: Issuer) -> None:
        assert issuer.lists.publish(now=NOW - timedelta(minutes=5)) == []

    def test_another_one_is_taken_up_at_once_and_kept_by_whoever_signs_next(self, issuer: Issuer) -> None:
        Identity.change(issuer.home, status_lifetime="30d")
        assert issuer.lists.publish(now=NOW) == [0]
        assert life(issuer.home) == MONTH
        issuer.correct("UNI-000001", {"gpa": "3.8"})
        assert life(issuer.home) == MONTH
        Identity.change(issuer.home, status_lifetime="400d")
        assert issuer.lists.publish(now=NOW) == [0]
        assert life(issuer.home) == timedelta(days=400)

    def test_an_issuer_that_decided_nothing_is_described_as_before(self, issuer: Issuer) -> None:
        described = json.loads((issuer.home / "issuer.json").read_bytes())
        assert described.keys() == {"version", "name", "url", "did", "log"}
        for odd in ("", "30", "5m", 30, None):
            (issuer.home / "issuer.json").write_text(json.dumps({**described, "statusLifetime": odd}))
            if odd != "":
                with pytest.raises(Damaged, match=r"issuer\.json cannot be read"):
                    Identity.read(issuer.home)


class TestWhoSignsAnew:
    def test_every_command_that_opens_the_keys(
        self, registrar: Program, clock: Clock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        home = registrar.home / "issuer"
        (tmp_path / "new").write_text("correct horse battery\n")
        monkeypatch.setenv("INTAGLIO_NEW_PASSPHRASE_FILE", str(tmp_path / "new"))
        for words in (
            ("export", "UNI-000001"),
            ("show", "diplomas/UNI-000001.json"),
            ("correct", "UNI-000001", "--set", "gpa=3.9"),
            ("revoke", "UNI-000001"),
            ("password",),
        ):
            clock.now += LIFETIME / 2
            for other in (("list",), ("trust",), ("show", "UNI-000001")):
                assert registrar("issuer", *other).code == 0
                assert listed(home).valid_from != clock.now, "nobody would type a passphrase for that"
            answer = registrar("issuer", *words)
            assert answer.code == 0, answer.err
            assert listed(home).valid_from == clock.now, words
        assert f"Copy {home / 'status'} to {URL}/status/" in answer.err

    def test_what_keeps_it_from_that_is_said_and_spoils_nothing(
        self, registrar: Program, clock: Clock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "new").write_text("correct horse battery\n")
        monkeypatch.setenv("INTAGLIO_NEW_PASSPHRASE_FILE", str(tmp_path / "new"))
        (registrar.home / "issuer" / "status" / "0").unlink()
        clock.now += LIFETIME / 2
        answer = registrar("issuer", "password")
        assert answer.code == 0
        assert "Status lists are due and could not be signed: " in answer.err
        assert "intaglio issuer status publish" in answer.err

    def test_publishing_says_by_when_the_next_one_is_due(self, registrar: Program, clock: Clock) -> None:
        assert registrar("issuer", "status", "publish").out.endswith(
            "; the next is due by 2026-12-31, and ends on 2027-07-01\n"
        )
        clock.now += SECOND
        told = json.loads(registrar("issuer", "status", "publish", "--status-lifetime", "30d", "--json").out)
        assert (told["published"], told["due"], told["end"]) == (
            [0],
            "2026-07-16T12:00:01Z",
            "2026-07-31T12:00:01Z",
        )
        wrong = registrar("issuer", "status", "publish", "--status-lifetime", "30")
        assert (wrong.code, "such as 30d or 12h" in wrong.err) == (2, True)

    def test_before_anything_is_issued_nothing_is_due(self, program: Program) -> None:
        program("issuer", "init", "--name", "U")
        told = json.loads(program("issuer", "status", "publish", "--json").out)
        assert (told["published"], told["due"]) == ([], None)

    def test_doctor_warns_a_month_before_one_ends_or_at_half_of_its_life(
        self, registrar: Program, clock: Clock
    ) -> None:
        def told() -> str:
            found = json.loads(registrar("doctor", "--json").out)["findings"]
            return " ".join(one["mark"] for one in found if "status list" in one["finding"])

        for lifetime, warned in (("365d", MONTH), ("30d", MONTH / 2)):
            registrar("issuer", "status", "publish", "--status-lifetime", lifetime)
            end = listed(registrar.home / "issuer").valid_until
            assert end is not None
            for moment, mark in ((warned + SECOND, ""), (warned, "!"), (SECOND, "!"), (timedelta(), "✗")):
                clock.now = end - moment
                assert told() == mark


@contextmanager
def serving(monkeypatch: pytest.MonkeyPatch, home: Path, *options: str) -> Any:
    """`issuer serve`, in a thread, until the block ends."""
    import queue
    import socket

    import uvicorn

    started: queue.SimpleQueue[uvicorn.Server] = queue.SimpleQueue()

    class Server(uvicorn.Server):
        def run(self, sockets: list[socket.socket] | None = None) -> None:
            started.put(self)
            super().run(sockets)

    monkeypatch.setattr(uvicorn, "Server", Server)
    words = ["--home", str(home), "issuer", "serve", "--plain", "--port", "0", *options]
    thread = threading.Thread(target=lambda: intaglio.cli.main(words, standalone_mode=False))
    thread.start()
    server = started.get(timeout=30)
    try:
        yield
    finally:
        server.should_exit = True
        thread.join()


def comes(condition: Callable[[], bool]) -> bool:
    """Whether it comes true within half a minute."""
    deadline = time.monotonic() + 30
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.01)
    return condition()


class TestTheService:
    def test_where_it_publishes_them_lists_last_30_days_and_are_renewed_at_half(
        self, registrar: Program, clock: Clock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("issuer.renewal.PAUSE", 0.01)
        home = registrar.home / "issuer"
        assert life(home) == LIFETIME
        with serving(monkeypatch, registrar.home):
            assert life(home) == MONTH
            clock.now = NOW + MONTH / 2 - SECOND
            time.sleep(0.1)  # it has looked at the clock, and nothing was due
            assert listed(home).valid_from == NOW
            clock.now += SECOND
            assert comes(lambda: listed(home).valid_from == clock.now)
        assert registrar("issuer", "export", "UNI-000001").code == 0
        assert life(home) == MONTH, "a command beside it keeps that"

    @pytest.mark.slow
    def test_what_somebody_decided_stays(self, registrar: Program, monkeypatch: pytest.MonkeyPatch) -> None:
        home = registrar.home / "issuer"
        with serving(monkeypatch, registrar.home, "--status-lifetime", "60d"):
            assert life(home) == timedelta(days=60)
        with serving(monkeypatch, registrar.home):
            assert life(home) == timedelta(days=60)

    @pytest.mark.slow
    def test_without_a_web_address_nobody_could_fetch_a_newer_list(
        self, program: Program, clock: Clock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        Path("g.csv").write_text(table([graduate(1)]))
        program("issuer", "issue", "g.csv", "--name", "U")
        with serving(monkeypatch, program.home):
            assert life(program.home / "issuer") == LIFETIME
        assert clock.now == NOW

    def test_what_goes_wrong_is_said_and_tried_again(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setattr("issuer.renewal.PAUSE", 0.001)
        went: list[datetime] = []
        again = threading.Event()

        class Failing:
            def publish(self, *, now: datetime) -> list[int]:
                went.append(now)
                if len(went) == 2:
                    raise Problem("something is amiss", hint="Do this.")
                if len(went) == 3:
                    raise OSError(28, "No space left on device", "status/0")
                if len(went) > 3:
                    again.set()
                return []

        with renewing(Failing(), lambda: NOW):
            assert again.wait(30)
        told = capsys.readouterr().err
        assert "could not be renewed: something is amiss\n  Do this.\n" in told
        assert "could not be renewed: status/0: No space left on device" in told


def closed_trust(answer: Answer) -> Trust:
    assert answer.code == 0, answer.err
    return Trust.parse(answer.out.encode())


class TestClosing:
    def test_it_prints_the_trust_file_by_which_the_last_lists_have_no_end(
        self, registrar: Program, clock: Clock, tmp_path: Path
    ) -> None:
        answer = registrar("issuer", "close")
        (entry,) = closed_trust(answer).issuers
        assert entry.last_lists == listed(registrar.home / "issuer").valid_from == clock.now + SECOND
        assert json.loads(registrar("issuer", "trust").out) == json.loads(answer.out)
        assert registrar("issuer", "export", "UNI-000001", "--out", "last").code == 0
        (tmp_path / "closed.json").write_text(answer.out)
        for options in (("--trust", "closed.json"), ()):  # the list of this machine knows as well
            last = registrar("verify", "last/UNI-000001.json", "--offline", "--at", "2099-01-01", *options)
            assert last.out.startswith("VALID as of 2026-07-01: ")
        old = registrar("verify", "diplomas/UNI-000001.json", "--offline", "--at", "2099-01-01")
        assert old.code == 0, "on this machine the last list lies beside it"

    def test_a_list_from_before_a_revocation_is_never_without_end(
        self, registrar: Program, clock: Clock, tmp_path: Path
    ) -> None:
        """Revoked and closed within one second of the day that the list is of."""
        before = Bundle.parse(Path("diplomas/UNI-000001.json").read_bytes())
        assert registrar("issuer", "revoke", "UNI-000001", "--reason", "fraud").code == 0
        trust = closed_trust(registrar("issuer", "close"))
        (tmp_path / "closed.json").write_bytes(trust.to_bytes())
        elsewhere = ("--home", tmp_path / "elsewhere")
        for day, code in (("2027-07-02", 3), ("2099-01-01", 3)):
            shown = registrar(
                *elsewhere,
                "verify",
                "diplomas/UNI-000001.json",
                *("--offline", "--trust", "closed.json", "--at", day),
            )
            assert shown.code == code
        assert registrar("issuer", "export", "UNI-000001", "--out", "last").code == 0
        after = Bundle.parse(Path("last/UNI-000001.json").read_bytes())
        (tmp_path / "both.json").write_bytes(
            replace(before, status_lists=(*before.status_lists, *after.status_lists)).to_bytes()
        )
        for name in ("both.json", "last/UNI-000001.json"):
            shown = registrar(*elsewhere, "verify", name, "--offline", "--trust", "closed.json")
            assert shown.code == 1
        assert clock.now == NOW

    def test_all_lists_are_signed_and_logged_once_more(self, issuer: Issuer) -> None:
        before = audit(issuer.log).size
        issuer.close()
        kinds = [parse_entry(entry).kind for entry in issuer.log.entries(before, audit(issuer.log).size)]
        assert kinds == [EntryKind.STATUS_LIST, EntryKind.REVOCATION_DETAILS]
        assert issuer.lists.publish(now=NOW + timedelta(days=3650)) == []

    def test_they_last_a_year_for_who_does_not_hear_of_it(self, issuer: Issuer) -> None:
        Identity.change(issuer.home, status_lifetime="30d")
        issuer.close()
        assert life(issuer.home) == LIFETIME

    def test_they_are_later_than_every_list_before(self, issuer: Issuer) -> None:
        issuer.lists.revoke(["UNI-000001"], Reason.FRAUD, date=NOW, now=NOW + timedelta(minutes=4))
        assert issuer.close() == NOW + timedelta(minutes=4) + SECOND
        assert listed(issuer.home).valid_from == NOW + timedelta(minutes=4) + SECOND

    def test_afterwards_nothing_is_issued_or_revoked(self, registrar: Program) -> None:
        registrar("issuer", "close")
        status = (registrar.home / "issuer" / "status" / "0").read_bytes()
        Path("more.csv").write_text(table([graduate(9)]))
        for words in (
            ("issue", "more.csv"),
            ("issue", "g.csv"),
            ("correct", "UNI-000001", "--set", "gpa=3.9"),
            ("revoke", "UNI-000001"),
            ("claim", "UNI-000001"),
            ("claim", "UNI-000001", "--anew"),
        ):
            answer = registrar("issuer", *words)
            assert (answer.code, answer.out) == (1, "")
            assert "The issuer has closed: this issuer closed on 2026-07-01" in answer.err
        assert (registrar.home / "issuer" / "status" / "0").read_bytes() == status
        assert "UNI-000009" not in registrar("issuer", "list").out
        assert registrar("issuer", "status", "publish").out.endswith("no further ones are due\n")
        assert "U closed on 2026-07-01" in registrar("doctor").out

    def test_a_service_that_runs_meanwhile_issues_nothing_more(self, issuer: Issuer) -> None:
        """It read who the issuer is before."""
        serving = Issuer(issuer.home, lambda: None, lambda: NOW)
        assert serving.lists.publish(now=NOW) == []
        issuer.close()
        with pytest.raises(Closed):
            serving.claim("UNI-000001", "did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK")

    def test_a_revocation_in_flight_is_in_the_last_lists_or_refused(
        self, issuer: Issuer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Journalled while the closing waits: never after the lists were signed."""
        journalling, go_on = threading.Event(), threading.Event()
        journal = issuer.store.revoke

        def slowly(*arguments: Any) -> None:
            journalling.set()
            assert go_on.wait(30)
            journal(*arguments)

        monkeypatch.setattr(issuer.store, "revoke", slowly)
        revoking = threading.Thread(
            target=lambda: issuer.lists.revoke(["UNI-000001"], Reason.FRAUD, date=NOW, now=NOW)
        )
        revoking.start()
        assert journalling.wait(30)
        other = Issuer(issuer.home, lambda: None, lambda: NOW)
        closing = threading.Thread(target=other.close)
        closing.start()
        closing.join(0.2)
        assert closing.is_alive()
        go_on.set()
        for thread in (revoking, closing):
            thread.join(30)
        bundle = other.bundle(other.store.current("UNI-000001"))
        assert verifier_for(other).verify(bundle, now=NOW).verdict is Verdict.INVALID
        with pytest.raises(Closed):
            issuer.lists.revoke(["UNI-000002"], Reason.FRAUD, date=NOW, now=NOW)

    def test_an_edition_in_flight_is_finished_before_or_lost(
        self, issuer: Issuer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Whatever the one that lost is told: the last lists have what became of it."""
        other = Issuer(issuer.home, lambda: None, lambda: NOW)
        append = issuer.log.append

        def closing(*arguments: Any) -> range:
            leaves = append(*arguments)
            other.close()
            return leaves

        issuer.lists.publish(now=NOW)
        monkeypatch.setattr(issuer.log, "append", closing)
        with pytest.raises(Closed):
            issuer.correct("UNI-000001", {"gpa": "3.9"})
        old, new = (other.store.entry(seq) for seq in (0, other.store.current("UNI-000001").seq))
        assert (old.reason, new.edition) == ("superseded", 2)
        for entry, verdict in ((old, Verdict.INVALID), (new, Verdict.VALID)):
            assert verifier_for(other).verify(other.bundle(entry), now=NOW).verdict is verdict
        assert listed(issuer.home).valid_from == NOW + SECOND

    def test_one_that_was_killed_is_finished_by_whoever_publishes_next(
        self, issuer: Issuer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        class Killed(BaseException):
            pass

        def killed(*_: object) -> None:
            raise Killed

        monkeypatch.setattr(Lists, "_publish", killed)
        with pytest.raises(Killed):
            issuer.close()
        monkeypatch.undo()
        later = NOW + timedelta(days=9)
        again = Issuer(issuer.home, lambda: None, lambda: later)
        assert listed(issuer.home).valid_from == NOW
        bundle = again.bundle(again.store.current("UNI-000001"))
        assert again.close() == NOW + SECOND
        entry = again.trust_entry()
        trust = Trust().adding(RecognisedIssuer(**entry["issuer"]), RecognisedLog(**entry["log"]))
        judge = verifier_for(again)
        judge.trust = trust
        assert judge.verify(bundle, now=datetime(2099, 1, 1, tzinfo=UTC))

    def test_the_same_again_changes_nothing(self, registrar: Program, clock: Clock) -> None:
        first = registrar("issuer", "close")
        files = {path.name: path.read_bytes() for path in (registrar.home / "issuer" / "status").iterdir()}
        clock.now += timedelta(days=400)
        assert registrar("issuer", "close").out == first.out
        assert {
            path.name: path.read_bytes() for path in (registrar.home / "issuer" / "status").iterdir()
        } == files

    def test_at_a_terminal_it_asks(self, registrar: Program) -> None:
        _, told = typed(registrar.home, ["issuer", "close"], [(b"for good?", b"n")], code=5)
        assert "nothing was closed" in told
        assert registrar("issuer", "revoke", "UNI-000001").code == 0
