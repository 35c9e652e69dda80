"""The issuer in a folder: made once, single diplomas, corrections, claims, finding people."""

from __future__ import annotations

import json
import sqlite3
import stat
import threading
from collections.abc import Callable
from contextlib import closing
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest

from did import Document
from did.methods import web as did_web
from intaglio.words import remedy
from issuer.archive.kept import EditionTaken
from issuer.identity import documents
from issuer.identity.home import Identity, published_log
from issuer.issuer import Issuer
from issuer.job.order import Order
from issuer.press.press import signed_entry
from keys import PassphraseNeeded, WrongPassphrase
from kinds import InvalidRecord
from ledger.audit import audit
from ledger.tiles.memory import MemoryStore
from tests.doubles import at, stops
from tests.fault.heard import hearing
from tests.problems import raises
from tests.processes import ended
from tests.world import NOW, csv_file, graduate, issuer_in, reopened, verifier_for
from vc import Bundle, Verdict
from vc.forms import FORMS
from vc.status import Reason, status_statement
from wire.problem import Conflict, Damaged, NotFound, Problem, Raisable, Refused

HOLDER = "did:key:z6MkpTHR8VNsBxYAAWHut2Geadd9jSwuBV8xRoAnwWsdvktH"
OTHER = "did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def issuer(home: Path) -> Issuer:
    return issuer_in(home)


class Interruption(Exception):
    """A stand-in for SIGKILL where a test has to go on."""


def test_the_log_is_in_the_store_that_was_given(home: Path) -> None:
    store = MemoryStore()
    made = issuer_in(home, store=store)
    entry = made.issue(graduate(1))
    again = issuer_in(home, store=store)
    for issuer in (made, again):
        assert verifier_for(issuer).verify(issuer.bundle(entry), now=NOW)
        assert issuer.reader.checkpoint() == issuer.log.checkpoint()
    assert published_log(home, f"https://{made.log.origin}/checkpoint") is None
    assert not (home / "log").exists(), "nor does who reads make one"


def test_the_package_offers_the_issuer_and_loads_it_only_then() -> None:
    import issuer as package

    assert package.Issuer is Issuer
    with pytest.raises(AttributeError, match="no attribute 'Registrar'"):
        package.Registrar  # type: ignore[attr-defined]  # noqa: B018


# Making one


def test_an_issuer_is_made_once_and_then_found(home: Path) -> None:
    made = issuer_in(home)
    again = issuer_in(home)
    assert made.did == again.did == reopened(home).did
    assert made.name == "Invented University"
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    for name in ("keys.json", "issuer.json", "issuer.sqlite"):
        assert stat.S_IMODE((home / name).stat().st_mode) == 0o600


@pytest.mark.slow
def test_processes_that_make_one_at_once_make_the_same(home: Path) -> None:
    context = get_context("fork")
    queue = context.SimpleQueue()
    processes = [context.Process(target=lambda: queue.put(_made(home))) for _ in range(4)]
    for process in processes:
        process.start()
    ended(processes)
    assert len({queue.get() for _ in processes}) == 1
    assert audit(reopened(home).log).size == 2  # DID document and kind


def _made(home: Path) -> tuple[str, int]:
    issuer = issuer_in(home)
    return issuer.did, issuer.log.checkpoint().size


def test_a_member_of_another_type_is_damage(tmp_path: Path) -> None:
    issuer_in(tmp_path)
    path = tmp_path / "issuer.json"
    whole = json.loads(path.read_bytes())
    for member in ("name", "did", "log", "url"):
        path.write_text(json.dumps({**whole, member: 5}))
        with pytest.raises(Damaged, match=r"issuer\.json") as refused:
            reopened(tmp_path)
        assert "restore BACKUP" in remedy(refused.value)


@pytest.mark.quick("did.json")
@pytest.mark.parametrize("broken", ["keys.json", "did.json", "issuer.json"])
def test_an_issuer_that_was_half_made_is_completed(home: Path, broken: str) -> None:
    def stop(event: str, arguments: tuple[object, ...]) -> None:
        if event == "os.rename" and str(arguments[1]) == str(home / broken):
            raise Interruption

    def stopped() -> None:
        with pytest.raises(Interruption):
            issuer_in(home)

    hearing(stop, stopped)
    with pytest.raises(NotFound, match="there is no issuer"):
        reopened(home)
    made = issuer_in(home)
    assert made.issue(graduate(1)).number == "UNI-000001"


@pytest.mark.parametrize(
    "options",
    [{"name": "Another"}, {"url": "https://u.example"}, {"method": "web", "url": "https://u.example"}],
)
def test_another_issuer_does_not_move_in(issuer: Issuer, options: dict[str, Any]) -> None:
    with pytest.raises(Conflict, match="another issuer lives here: Invented University"):
        issuer_in(issuer.home, **options)


@pytest.mark.parametrize(
    ("options", "detail"),
    [
        ({"name": " "}, "the issuer has no name"),
        ({"method": "web"}, "a did:web needs the address of a web site"),
        ({"url": "https://u.example/?q=1"}, "has a query or a fragment"),
        ({"url": "ftp://u.example"}, "does not begin with https://"),
        ({"url": "u.example"}, "does not begin with https://"),
        ({"url": "http://u.example", "method": "web"}, "no did:web"),
        ({"url": "https://user@u.example"}, "carries a user name"),
    ],
)
def test_a_description_that_makes_no_issuer_is_refused(
    home: Path, options: dict[str, Any], detail: str
) -> None:
    with pytest.raises(Refused, match=detail):
        issuer_in(home, **options)
    assert not (home / "issuer.json").exists()
    assert not (home / "keys.json").exists()


def test_a_web_address_gives_a_did_with_a_document_to_publish(home: Path) -> None:
    made = issuer_in(home, url="https://u.example:8443/registry/")
    assert made.did == "did:web:u.example%3A8443:registry"
    assert made.identity.url == "https://u.example:8443/registry"
    assert made.identity.log == "u.example:8443/registry/log"
    assert made.identity.document_url == did_web.url(made.did)
    document = Document.parse(documents.newest(made.home), made.did)
    keys = made.keys.public_keys
    assert {method.key for method in document.methods("assertionMethod")} == {
        keys["assertion"],
        keys["status-list"],
    }
    assert {method.key for method in document.methods("authentication")} == {keys["assertion"]}


@pytest.mark.slow
@pytest.mark.parametrize("url", [None, "https://u.example"])
def test_a_diploma_of_either_kind_of_issuer_verifies_offline(home: Path, url: str | None) -> None:
    made = issuer_in(home, url=url)
    bundle = made.bundle(made.issue(graduate(1)))
    report = verifier_for(made).verify(bundle.to_bytes(), now=NOW)
    assert report.verdict is Verdict.VALID, [check.text for check in report.checks]


@pytest.mark.slow
def test_secrets_are_opened_only_when_needed(home: Path) -> None:
    asked = []

    def ask() -> bytes | None:
        asked.append(1)
        return b"correct horse"

    made = issuer_in(home, passphrase=ask)
    made.issue(graduate(1))
    asked.clear()
    opened = Issuer(home, ask, lambda: NOW)
    assert opened.current("UNI-000001").name == "Given1 Family1"
    assert asked == []
    opened.issue(graduate(2))
    assert asked == [1]
    with pytest.raises(PassphraseNeeded):
        reopened(home).issue(graduate(3))
    with pytest.raises(WrongPassphrase):
        Issuer(home, lambda: b"wrong", lambda: NOW).issue(graduate(3))


@pytest.mark.parametrize(
    "content", [b"", b"[]", b'{"version": 2}', b'{"version": 1, "name": "U"}', b'{"version": 1, "shoe": 3}']
)
def test_a_broken_identity_is_damage(issuer: Issuer, content: bytes) -> None:
    (issuer.home / "issuer.json").write_bytes(content)
    with pytest.raises(Damaged, match=r"issuer\.json"):
        Identity.read(issuer.home)


# One at a time


def test_an_issuer_that_lost_its_description_is_not_a_new_one(issuer: Issuer) -> None:
    issuer.issue(graduate(1))
    (issuer.home / "issuer.json").unlink()
    with pytest.raises(Damaged, match=r"issuer\.json is gone"):
        reopened(issuer.home)
    with pytest.raises(Damaged, match=r"issuer\.json is gone"):
        issuer_in(issuer.home)


def test_one_diploma_is_issued_once(issuer: Issuer) -> None:
    entry = issuer.issue(graduate(1))
    assert (entry.number, entry.edition, entry.leaf, entry.name) == ("UNI-000001", 1, 2, "Given1 Family1")
    with pytest.raises(EditionTaken):
        issuer.issue(graduate(1, gpa="1.0"))
    with pytest.raises(InvalidRecord):
        issuer.issue(graduate(2, email="x"))
    assert [found.number for found in issuer.entries()] == ["UNI-000001"]


@pytest.mark.slow
def test_numbers_for_single_diplomas_are_taken_in_blocks(issuer: Issuer) -> None:
    reserved = []

    def reserve(reserve: Callable[[int], int], count: int) -> int:
        reserved.append(count)
        return reserve(count)

    issuer = reopened(issuer.home, **at(issuer.home, "index.reserve", reserve))
    seqs = [issuer.issue(graduate(row)).seq for row in range(1, 67)]
    assert seqs == list(range(66))
    assert reserved == [1, 2, 4, 8, 16, 32, 64]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("step", "before"),
    [
        ("log.record", True),
        ("log.publish", False),
        ("index.finish_singles", True),
        ("index.finish_singles", False),
    ],
)
def test_a_single_diploma_that_was_interrupted_is_completed_by_the_next(
    issuer: Issuer, step: str, before: bool
) -> None:
    issuer.issue(graduate(1))
    options = at(issuer.home, step, stops(Interruption(), before=before))
    with pytest.raises(Interruption):
        reopened(issuer.home, **options).correct("UNI-000001", {"gpa": "4.0"})
    again = reopened(issuer.home)
    assert again.correct("UNI-000001", {"gpa": "4.0"}).edition == 2
    assert [(entry.edition, entry.reason) for entry in again.entries()] == [(1, "superseded"), (2, None)]
    assert again.lists.publish(now=NOW) == []  # they say that the first is superseded
    lines = [again.line(entry) for entry in again.entries()]
    assert list(again.log.entries(2, 3)) == [signed_entry(lines[0].credential)]
    assert signed_entry(lines[1].credential) in list(again.log.entries(3, audit(again.log).size))


# Editions


def test_a_correction_is_the_next_edition_and_supersedes_the_former(issuer: Issuer) -> None:
    old = issuer.bundle(issuer.issue(graduate(1)))
    entry = issuer.correct("UNI-000001", {"family_name": "Müller", "ects": "7.5"})
    assert (entry.edition, entry.name) == (2, "Given1 Müller")
    new = issuer.bundle(entry)
    assert new.secured["id"] != old.secured["id"]
    assert new.secured["credentialSubject"]["creditsEarned"] == 7.5
    verifier = verifier_for(issuer)
    assert verifier.verify(new, now=NOW).verdict is Verdict.VALID
    assert verifier.verify(issuer.bundle(issuer.store.entry(0)), now=NOW).verdict is Verdict.INVALID


@pytest.mark.slow
def test_a_diploma_of_a_file_can_be_corrected_too(issuer: Issuer, tmp_path: Path) -> None:
    issuer.issue_file(Order(csv_file(tmp_path / "g.csv", [graduate(1)]), tmp_path / "errors.csv"))
    assert issuer.correct("UNI-000001", {"gpa": "4.0"}).edition == 2
    issuer.issue_file(
        Order(csv_file(tmp_path / "g.csv", [graduate(1), graduate(2)]), tmp_path / "errors.csv")
    )
    assert {entry.number: entry.edition for entry in issuer.entries()} == {"UNI-000001": 2, "UNI-000002": 1}


def test_a_correction_that_changes_nothing_issues_nothing(issuer: Issuer) -> None:
    issuer.issue(graduate(1))
    assert issuer.correct("UNI-000001", {"gpa": "3.5"}).edition == 1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "changes", "problem"),
    [
        ("UNI-000009", {"gpa": "1.0"}, NotFound),
        ("UNI-000001", {"gpa": "good"}, InvalidRecord),
        ("UNI-000001", {"shoe_size": "43"}, InvalidRecord),
        ("UNI-000001", {"diploma_number": "UNI-000002"}, Refused),
        ("UNI-000002", {"gpa": "1.0"}, Refused),
    ],
)
def test_what_cannot_be_corrected_is_said(
    issuer: Issuer, number: str, changes: dict[str, str], problem: Raisable[Problem]
) -> None:
    issuer.issue(graduate(1))
    issuer.issue(graduate(2))
    issuer.revoke(["UNI-000002"], Reason.FRAUD, date=NOW, now=NOW)
    with raises(problem):
        issuer.correct(number, changes)
    assert len(list(issuer.entries())) == 2


def test_a_claim_binds_the_next_edition_to_the_holder_and_gives_it_again(issuer: Issuer) -> None:
    issuer.issue(graduate(1))
    bundle = Bundle.parse(issuer.claim("UNI-000001", HOLDER), FORMS)
    assert bundle.secured["credentialSubject"]["id"] == HOLDER
    assert verifier_for(issuer).verify(bundle, now=NOW).verdict is Verdict.VALID
    assert Bundle.parse(issuer.claim("UNI-000001", HOLDER), FORMS).secured == bundle.secured
    with pytest.raises(Conflict, match="another holder"):
        issuer.claim("UNI-000001", OTHER)
    with pytest.raises(NotFound):
        issuer.claim("UNI-000002", HOLDER)
    assert issuer.correct("UNI-000001", {"gpa": "4.0"}).edition == 3
    corrected = Bundle.parse(issuer.claim("UNI-000001", HOLDER), FORMS)
    assert corrected.secured["credentialSubject"]["id"] == HOLDER
    issuer.revoke(["UNI-000001"], Reason.FRAUD, date=NOW, now=NOW)
    with pytest.raises(Refused, match="was revoked"):
        issuer.claim("UNI-000001", HOLDER)


def test_holders_are_never_written_to_the_log(issuer: Issuer) -> None:
    issuer.issue(graduate(1))
    issuer.claim("UNI-000001", HOLDER)
    for path in (issuer.home / "log").rglob("*"):
        if path.is_file():
            assert HOLDER.encode() not in path.read_bytes()


@pytest.mark.slow
def test_claims_by_one_holder_at_once_give_one_edition(issuer: Issuer) -> None:
    issuer.issue(graduate(1))
    answers: list[bytes] = []
    threads = [
        threading.Thread(target=lambda: answers.append(issuer.claim("UNI-000001", HOLDER))) for _ in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({Bundle.parse(answer, FORMS).secured["id"] for answer in answers}) == 1
    assert len(answers) == 6
    assert [entry.edition for entry in issuer.entries()] == [1, 2]


def test_a_claim_that_lost_the_race_to_a_correction_looks_again(issuer: Issuer) -> None:
    issuer.issue(graduate(1))
    first = iter([True])

    def correct_first(reserve: Callable[[int], int], count: int) -> int:
        if next(first, False):
            reopened(issuer.home).correct("UNI-000001", {"gpa": "4.0"})
        return reserve(count)

    claiming = reopened(issuer.home, **at(issuer.home, "index.reserve", correct_first))
    bundle = Bundle.parse(claiming.claim("UNI-000001", HOLDER), FORMS)
    assert bundle.secured["credentialSubject"]["result"][0]["value"] == "4.0"
    assert sorted(entry.edition for entry in issuer.entries()) == [1, 2, 3]


def test_a_revocation_is_not_lost_to_a_claim_under_way(issuer: Issuer) -> None:
    issuer.issue(graduate(1))

    def revoke_first(begin: Callable[..., Any], *arguments: Any) -> Any:
        issuer.revoke(["UNI-000001"], Reason.FRAUD, date=NOW, now=NOW)
        return begin(*arguments)

    claiming = reopened(issuer.home, **at(issuer.home, "index.begin_singles", revoke_first))
    with pytest.raises(Refused, match="was revoked"):
        claiming.claim("UNI-000001", HOLDER)
    assert [entry.reason for entry in issuer.entries()] == ["fraud"]


# Finding


@pytest.fixture
def filled(issuer: Issuer, tmp_path: Path) -> Issuer:
    rows = [graduate(1, given_name="Suharto", family_name=""), *(graduate(row) for row in range(2, 13))]
    issuer.issue_file(Order(csv_file(tmp_path / "g.csv", rows), tmp_path / "errors.csv"))
    issuer.correct("UNI-000003", {"gpa": "4.0"})
    return issuer


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("UNI-000003", [("UNI-000003", 2)]),
        ("row 4", [("UNI-000003", 2)]),
        ("row:3", [("UNI-000002", 1)]),
        ("row 1", []),
        ("row 99", []),
        ("suHArto", [("UNI-000001", 1)]),
        ("Given1", [("UNI-000010", 1), ("UNI-000011", 1), ("UNI-000012", 1)]),
        ("GRADUATE7@example.org", [("UNI-000007", 1)]),
        ("nobody", []),
    ],
)
def test_a_diploma_is_found_by_what_people_have_at_hand(
    filled: Issuer, text: str, found: list[tuple[str, int]]
) -> None:
    assert [(entry.number, entry.edition) for entry in filled.find(text)] == found


@pytest.mark.slow
def test_a_diploma_is_found_by_its_id_and_by_the_credential_itself(filled: Issuer) -> None:
    for seq in (4, 2, 12):
        entry = filled.store.entry(seq)
        credential = filled.line(entry).credential
        assert filled.find(credential["id"]) == [entry]
        assert filled.finder.find_credential(credential) == entry
    assert filled.find(filled.identity.profile.iri("credential", "unknown")) == []


def test_a_credential_of_another_issuer_is_none_of_ours(filled: Issuer, tmp_path: Path) -> None:
    other = issuer_in(tmp_path / "other")
    credential = other.line(other.issue(graduate(1))).credential
    with pytest.raises(NotFound, match="none of this issuer's"):
        filled.finder.find_credential(credential)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "index"), [("0", 1 << 17), ("0", 999_999), ("9" * 30, 0), ("999999999", 0)]
)
def test_a_place_that_no_list_has_is_none_of_ours(filled: Issuer, number: str, index: int) -> None:
    credential = filled.line(filled.store.entry(4)).credential
    status = status_statement(filled.identity.profile.list_url(number), index)
    with pytest.raises(NotFound):
        filled.finder.find_credential({**credential, "termsOfUse": status})


def test_a_document_that_only_names_the_place_of_a_diploma_is_not_that_diploma(filled: Issuer) -> None:
    credential = filled.line(filled.store.entry(4)).credential
    forged = {**credential, "id": "urn:x:another", "issuer": "did:example:somebody"}
    del forged["proof"]
    with pytest.raises(NotFound, match="none of this issuer's"):
        filled.finder.find_credential(forged)


def test_a_damaged_single_diploma_is_named(issuer: Issuer) -> None:
    entry = issuer.issue(graduate(1))
    with closing(sqlite3.connect(issuer.home / "issuer.sqlite")) as connection, connection:
        connection.execute("UPDATE single SET line = x'00'")
    with pytest.raises(Damaged, match="number 0 is not as written"):
        issuer.line(entry)
    with closing(sqlite3.connect(issuer.home / "issuer.sqlite")) as connection, connection:
        connection.execute("UPDATE credential SET leaf = NULL")
        connection.execute("INSERT INTO batch VALUES (0, x'00')")
    with pytest.raises(Damaged, match="number 0 is not as written"):
        reopened(issuer.home).claim("UNI-000001", HOLDER)


def test_without_a_file_there_are_no_rows(issuer: Issuer) -> None:
    assert issuer.find("row 1") == []


def test_the_trust_entry_names_the_log_and_leaves_the_keys_to_it(issuer: Issuer) -> None:
    """A key that was handed out would outlive its end, which only the log tells."""
    entry = issuer.trust_entry()
    assert entry["issuer"] == {"id": issuer.did, "name": "Invented University"}
    assert entry["log"]["key"].startswith(f"{issuer.identity.log}+")
    assert entry["log"]["issuers"] == [issuer.did]


def test_a_press_can_be_sent_to_another_process_and_shows_no_secret(issuer: Issuer) -> None:
    import pickle

    press = issuer.press()
    record = {**graduate(1), "ects": 180}
    printed = press.print(record, 0, NOW)
    assert pickle.loads(pickle.dumps(press)).print(record, 0, NOW) == printed
    secret = issuer.keys.secret("credential-id")
    assert secret.hex() not in repr(press)
    assert repr(secret) not in repr(press)
