"""`intaglio issuer close`: an issuer ends, and what it issued goes on."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from issuer.identity.home import ISSUER_CLOSED, LIFETIME, Identity
from issuer.issuer import Issuer
from issuer.keeping.closing import close
from ledger import EntryKind, parse_entry
from ledger.audit import audit
from ledger.folder import store_in
from ledger.tiles.store import Batch
from tests.commandline import Answer, Program, typed
from tests.doubles import at, instead, stops
from tests.issuer_cli.conftest import Clock
from tests.problems import raises
from tests.world import NOW, graduate, life, listed, reopened, table, verifier_for
from vc import Bundle, Verdict
from vc.forms import FORMS
from vc.status import Reason
from verifier import Trust

SECOND = timedelta(seconds=1)


def closed_trust(answer: Answer) -> Trust:
    assert answer.code == 0, answer.err
    return Trust.parse(answer.out.encode())


@pytest.mark.slow
def test_it_prints_the_trust_file_by_which_the_last_lists_have_no_end(
    registrar: Program, clock: Clock, tmp_path: Path
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


@pytest.mark.slow
def test_who_knew_the_issuer_is_told_that_it_closed_and_adds_it_anew(
    registrar: Program, tmp_path: Path
) -> None:
    """Not unseen: it takes the end from lists."""
    elsewhere = ("--home", tmp_path / "elsewhere", "trust")
    (tmp_path / "before.json").write_text(registrar("issuer", "trust").out)
    (tmp_path / "closed.json").write_text(registrar("issuer", "close").out)
    assert registrar(*elsewhere, "add", "before.json").code == 0
    refused = registrar(*elsewhere, "add", "closed.json")
    assert refused.code == 1
    assert "is on your list, and the file says that it closed on 2026-07-01" in refused.err
    assert registrar(*elsewhere, "remove", "did:web:u.example").code == 0
    assert registrar(*elsewhere, "add", "closed.json").code == 0
    assert "closed; status lists from 2026-07-01 12:00Z on have no end" in registrar(*elsewhere, "list").out


def test_a_list_from_before_a_revocation_is_never_without_end(
    registrar: Program, clock: Clock, tmp_path: Path
) -> None:
    """Revoked and closed within one second of the day that the list is of."""
    before = Bundle.parse(Path("diplomas/UNI-000001.json").read_bytes(), FORMS)
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
    after = Bundle.parse(Path("last/UNI-000001.json").read_bytes(), FORMS)
    (tmp_path / "both.json").write_bytes(
        replace(before, status_lists=(*before.status_lists, *after.status_lists)).to_bytes()
    )
    for name in ("both.json", "last/UNI-000001.json"):
        shown = registrar(*elsewhere, "verify", name, "--offline", "--trust", "closed.json")
        assert shown.code == 1
    assert clock.now == NOW


def test_all_lists_are_signed_and_logged_once_more(issuer: Issuer) -> None:
    before = audit(issuer.log).size
    close(issuer)
    kinds = [parse_entry(entry).kind for entry in issuer.log.entries(before, audit(issuer.log).size)]
    assert kinds == [EntryKind.STATUS_LIST]
    assert issuer.lists.publish(now=NOW + timedelta(days=3650)) == []


def test_they_last_a_year_for_who_does_not_hear_of_it(issuer: Issuer) -> None:
    Identity.change(issuer.home, status_lifetime="30d")
    close(issuer)
    assert life(issuer.home) == LIFETIME


def test_they_are_later_than_every_list_before(issuer: Issuer) -> None:
    issuer.revoke(["UNI-000001"], Reason.FRAUD, date=NOW, now=NOW + timedelta(minutes=4))
    assert close(issuer) == NOW + timedelta(minutes=4) + SECOND
    assert listed(issuer.home).valid_from == NOW + timedelta(minutes=4) + SECOND


def test_afterwards_nothing_is_issued_or_revoked(registrar: Program) -> None:
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


def test_a_service_that_runs_meanwhile_issues_nothing_more(issuer: Issuer) -> None:
    """It read who the issuer is before."""
    serving = reopened(issuer.home)
    assert serving.lists.publish(now=NOW) == []
    close(issuer)
    with raises(ISSUER_CLOSED):
        serving.claim("UNI-000001", "did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK")


def test_a_revocation_in_flight_is_in_the_last_lists_or_refused(issuer: Issuer) -> None:
    """Journalled while the closing waits: never after the lists were signed."""
    journalling, go_on = threading.Event(), threading.Event()

    def slowly(journal: Callable[..., None], *arguments: Any) -> None:
        journalling.set()
        assert go_on.wait(30)
        journal(*arguments)

    slow = reopened(issuer.home, **at(issuer.home, "revocations.revoke", slowly))
    revoking = threading.Thread(target=lambda: slow.revoke(["UNI-000001"], Reason.FRAUD, date=NOW, now=NOW))
    revoking.start()
    assert journalling.wait(30)
    other = reopened(issuer.home)
    closing = threading.Thread(target=close, args=[other])
    closing.start()
    closing.join(0.2)
    assert closing.is_alive()
    go_on.set()
    for thread in (revoking, closing):
        thread.join(30)
    bundle = other.bundle(other.current("UNI-000001"))
    assert verifier_for(other).verify(bundle, now=NOW).verdict is Verdict.INVALID
    with raises(ISSUER_CLOSED):
        issuer.revoke(["UNI-000002"], Reason.FRAUD, date=NOW, now=NOW)


def test_an_edition_in_flight_is_finished_before_or_lost(issuer: Issuer) -> None:
    """Whatever the one that lost is told: the last lists have what became of it."""
    other = reopened(issuer.home)
    recorded: list[Batch] = []

    def record(record: Callable[[Batch], None], batch: Batch) -> None:
        recorded.append(batch)
        record(batch)

    @contextmanager
    def lock(lock: Callable[[], AbstractContextManager[None]]) -> Iterator[None]:
        with lock():
            yield
        if recorded:
            recorded.clear()
            close(other)

    issuer.lists.publish(now=NOW)
    store = instead(store_in(issuer.home), record=record, lock=lock)
    correcting = reopened(issuer.home, store=store)
    with raises(ISSUER_CLOSED):
        correcting.correct("UNI-000001", {"gpa": "3.9"})
    old, new = (other.store.entry(seq) for seq in (0, other.current("UNI-000001").seq))
    assert (old.reason, new.edition) == ("superseded", 2)
    for entry, verdict in ((old, Verdict.INVALID), (new, Verdict.VALID)):
        assert verifier_for(other).verify(other.bundle(entry), now=NOW).verdict is verdict
    assert listed(issuer.home).valid_from == NOW + SECOND


def test_one_that_was_killed_is_finished_by_whoever_publishes_next(issuer: Issuer) -> None:
    end = stops(KeyboardInterrupt(), before=True)
    with pytest.raises(KeyboardInterrupt):
        close(reopened(issuer.home, **at(issuer.home, "revocations.begin", end)))
    later = NOW + timedelta(days=9)
    again = reopened(issuer.home, lambda: later)
    assert listed(issuer.home).valid_from == NOW
    bundle = again.bundle(again.current("UNI-000001"))
    assert close(again) == NOW + SECOND
    assert verifier_for(again).verify(bundle, now=datetime(2099, 1, 1, tzinfo=UTC))


@pytest.mark.slow
def test_the_same_again_changes_nothing(registrar: Program, clock: Clock) -> None:
    first = registrar("issuer", "close")
    files = {path.name: path.read_bytes() for path in (registrar.home / "issuer" / "status").iterdir()}
    clock.now += timedelta(days=400)
    assert registrar("issuer", "close").out == first.out
    assert {
        path.name: path.read_bytes() for path in (registrar.home / "issuer" / "status").iterdir()
    } == files


@pytest.mark.slow
def test_at_a_terminal_it_asks(registrar: Program) -> None:
    _, told = typed(registrar.home, ["issuer", "close"], [(b"for good?", b"n")], code=5)
    assert "nothing was closed" in told
    assert registrar("issuer", "revoke", "UNI-000001").code == 0
