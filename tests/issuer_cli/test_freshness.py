"""How long status lists last, and who signs them anew and when."""

from __future__ import annotations

import io
import json
import queue
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

import httpx
import pytest
import uvicorn

import intaglio.commands
from intaglio.session import Session
from issuer.archive.store import SQLiteIndex
from issuer.desk.renewal import renewing
from issuer.issuer import Issuer
from tests.commandline import Program
from tests.issuer_cli.conftest import Clock
from tests.world import NOW, graduate, life, listed, reopened, table
from wire.problem import Damaged, Problem

SECOND = timedelta(seconds=1)
MONTH = timedelta(days=30)
LIFETIME = timedelta(days=365)
URL = "https://u.example"


class TestALife:
    def test_at_half_of_it_and_no_second_before_a_list_is_signed_anew(self, issuer: Issuer) -> None:
        half = NOW + LIFETIME / 2
        assert issuer.lists.publish(now=half - SECOND) == []
        assert issuer.lists.publish(now=half) == [0]
        assert listed(issuer.home).valid_from == half

    def test_who_reads_the_clock_a_moment_earlier_signs_nothing_anew(self, issuer: Issuer) -> None:
        assert issuer.lists.publish(now=NOW - timedelta(minutes=5)) == []

    def test_another_one_is_taken_up_at_once_and_kept_by_whoever_signs_next(self, issuer: Issuer) -> None:
        from issuer.identity.home import Identity

        Identity.change(issuer.home, status_lifetime="30d")
        assert issuer.lists.publish(now=NOW) == [0]
        assert life(issuer.home) == MONTH
        issuer.correct("UNI-000001", {"gpa": "3.8"})
        assert life(issuer.home) == MONTH
        Identity.change(issuer.home, status_lifetime="400d")
        assert issuer.lists.publish(now=NOW) == [0]
        assert life(issuer.home) == timedelta(days=400)

    def test_what_an_issuer_decided_is_described_and_nothing_else_is_read(self, issuer: Issuer) -> None:
        from issuer.identity.home import Identity

        described = json.loads((issuer.home / "issuer.json").read_bytes())
        assert described.keys() == {"version", "name", "url", "did", "log", "status", "kinds"}
        for name, odd in (
            *(("statusLifetime", odd) for odd in ("", "30", "5m", 30, None)),
            *(("status", odd) for odd in ("linked", "Stated", True, None)),
        ):
            (issuer.home / "issuer.json").write_text(json.dumps({**described, name: odd}))
            if odd != "":
                with pytest.raises(Damaged, match=r"issuer\.json cannot be read"):
                    Identity.read(issuer.home)


class TestWhoSignsAnew:
    @pytest.mark.slow
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

    @pytest.mark.slow
    def test_what_keeps_it_from_that_is_said_and_spoils_nothing(
        self, registrar: Program, clock: Clock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "new").write_text("correct horse battery\n")
        monkeypatch.setenv("INTAGLIO_NEW_PASSPHRASE_FILE", str(tmp_path / "new"))
        (registrar.home / "issuer" / "status" / "0").unlink()
        with closing(SQLiteIndex(registrar.home / "issuer" / "issuer.sqlite")) as store:
            store.revocations.release(["0"])  # or it would be made again
        clock.now += LIFETIME / 2
        answer = registrar("issuer", "password")
        assert answer.code == 0
        assert "Status lists are due and could not be signed: " in answer.err
        assert "intaglio issuer status publish" in answer.err

    def test_publishing_says_by_when_the_next_one_is_due(self, registrar: Program, clock: Clock) -> None:
        assert registrar("issuer", "status", "publish").out.endswith(
            ", to be signed anew by 2026-12-31, good until 2027-07-01\n"
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

        for option, warned in (((), MONTH), (("--status-lifetime", "30d"), MONTH / 2)):
            registrar("issuer", "status", "publish", *option)
            end = listed(registrar.home / "issuer").valid_until
            assert end is not None
            for moment, mark in ((warned + SECOND, ""), (warned, "!"), (SECOND, "!"), (timedelta(), "✗")):
                clock.now = end - moment
                assert told() == mark


@contextmanager
def serving(monkeypatch: pytest.MonkeyPatch, program: Program, *options: str) -> Iterator[str]:
    """`issuer serve`, in a thread, until the block ends; its address."""
    started: queue.SimpleQueue[tuple[uvicorn.Server, int]] = queue.SimpleQueue()

    class Server(uvicorn.Server):
        def run(self, sockets: list[socket.socket] | None = None) -> None:
            assert sockets
            started.put((self, sockets[0].getsockname()[1]))
            super().run(sockets)

    monkeypatch.setattr(uvicorn, "Server", Server)
    words = ["--home", str(program.home), "issuer", "serve", "--plain", "--port", "0", *options]
    command = partial(
        intaglio.commands.cli.main, words, standalone_mode=False, obj=partial(Session, now=program.now)
    )
    thread = threading.Thread(target=command)
    thread.start()
    server, port = started.get(timeout=30)
    try:
        yield f"http://localhost:{port}"
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
    @pytest.mark.slow
    def test_where_it_publishes_them_lists_last_30_days_and_are_renewed_at_half(
        self, registrar: Program, clock: Clock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        home = registrar.home / "issuer"
        assert life(home) == LIFETIME
        with serving(monkeypatch, registrar):
            assert life(home) == MONTH
        with renewing(reopened(home, lambda: clock.now).lists, lambda: clock.now, pause=0.01):
            clock.now = NOW + MONTH / 2 - SECOND
            time.sleep(0.1)  # it has looked at the clock, and nothing was due
            assert listed(home).valid_from == NOW
            clock.now += SECOND
            assert comes(lambda: listed(home).valid_from == clock.now)
        assert registrar("issuer", "export", "UNI-000001").code == 0
        assert life(home) == MONTH, "a command beside it keeps that"

    @pytest.mark.slow
    def test_it_names_the_lists_that_nobody_has_signed_anew(
        self, registrar: Program, clock: Clock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """At half of their life, and so before they end: a token may be gone that was open."""
        with serving(monkeypatch, registrar) as service:
            assert httpx.get(f"{service}/readyz").json() == {"status": "ok"}
            clock.now += MONTH / 2
            for past in (timedelta(), MONTH):  # ended by then, and published all the same, as are log and DID
                clock.now += past
                told = httpx.get(f"{service}/readyz")
                assert told.status_code == 200
                assert told.json() == {"status": "ok", "listsEnding": {"0": "2026-07-31T12:00:00Z"}}
                assert httpx.get(f"{service}/status/0").status_code == 200

    @pytest.mark.slow
    def test_what_somebody_decided_stays(self, registrar: Program, monkeypatch: pytest.MonkeyPatch) -> None:
        home = registrar.home / "issuer"
        with serving(monkeypatch, registrar, "--status-lifetime", "60d"):
            assert life(home) == timedelta(days=60)
        with serving(monkeypatch, registrar):
            assert life(home) == timedelta(days=60)

    @pytest.mark.slow
    def test_without_a_web_address_nobody_could_fetch_a_newer_list(
        self, program: Program, clock: Clock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        Path("g.csv").write_text(table([graduate(1)]))
        program("issuer", "issue", "g.csv", "--name", "U")
        with serving(monkeypatch, program):
            assert life(program.home / "issuer") == LIFETIME
        assert clock.now == NOW

    def test_what_goes_wrong_is_said_and_tried_again(self, logged: io.StringIO) -> None:
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

        with renewing(Failing(), lambda: NOW, pause=0.001):
            assert again.wait(30)
        assert "could not be renewed: something is amiss" in logged.getvalue()
        assert "could not be renewed: status/0: No space left on device" in logged.getvalue()
