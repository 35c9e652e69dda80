"""Revocation as the next verifier sees it, and lists that several processes publish at once."""

from __future__ import annotations

import stat
from datetime import timedelta
from pathlib import Path

import pytest

from issuer.identity.home import LIFETIME, published_list
from issuer.issuer import Issuer
from issuer.job.order import Order
from issuer.press.permutation import LIST_ENTRIES
from issuer.status.files import StatusFolder, anchored, details_name
from ledger import EntryKind, parse_entry
from ledger.audit import audit
from tests.copying import copy_folder
from tests.doubles import at, stops
from tests.world import NOW, csv_file, graduate, index_of, issuer_in, reopened, verifier_for
from vc import Credential, StatusList, Verdict
from vc.status import Reason, StatusEntry, open_list, page_of, read_revocation
from wire.problem import Damaged, Unavailable
from wire.strict import load_json_object

HALF = LIST_ENTRIES // 2  # their details cost more to read than a report may


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made")
    issuer = issuer_in(folder / "home")
    rows = [graduate(row) for row in range(1, 21)]
    issuer.issue_file(Order(csv_file(folder / "g.csv", rows), folder / "errors.csv"))
    issuer.store.close()
    return issuer.home


@pytest.fixture
def issuer(made: Path, tmp_path: Path) -> Issuer:
    return reopened(copy_folder(made, tmp_path / "home"))


def published(issuer: Issuer, name: str = "0") -> Credential:
    return Credential.parse(load_json_object((issuer.home / "status" / name).read_bytes(), limit=1 << 25))


def revoked_positions(issuer: Issuer) -> set[int]:
    bits = StatusList.decode(published(issuer).subjects[0]["encodedList"])
    assert bits.entries == LIST_ENTRIES
    return {position for position in range(bits.entries) if bits[position]}


def position(issuer: Issuer, number: str) -> int:
    return issuer._positions().locate(issuer.current(number).seq)[1]


def page(issuer: Issuer, number: str) -> str:
    """The name of the page that has the details of a diploma."""
    return details_name(0, page_of(position(issuer, number)))


@pytest.mark.slow
def test_a_new_list_has_nobody_revoked_and_is_good_for_a_year(issuer: Issuer) -> None:
    assert revoked_positions(issuer) == set()
    assert published(issuer).valid_from == NOW
    assert published(issuer).valid_until == NOW + LIFETIME
    assert issuer.lists.publish(now=NOW) == []


@pytest.mark.slow
def test_a_list_says_how_long_a_copy_may_be_kept(issuer: Issuer) -> None:
    assert published(issuer).subjects[0].get("ttl") == 300_000  # milliseconds


def test_a_revoked_diploma_is_refused_with_date_and_reason(issuer: Issuer) -> None:
    date = NOW - timedelta(days=3)
    issuer.revoke(["UNI-000007"], Reason.ISSUED_IN_ERROR, date=date, now=NOW)
    report = verifier_for(issuer).verify(issuer.bundle(issuer.current("UNI-000007")), now=NOW)
    assert report.verdict is Verdict.INVALID
    assert report.deciding is not None
    assert report.deciding.text == "revoked by the issuer on 2026-06-28: issued in error"
    other = verifier_for(issuer).verify(issuer.bundle(issuer.current("UNI-000008")), now=NOW)
    assert other.verdict is Verdict.VALID


def test_bit_and_details_stand_at_the_position_that_the_credential_names(issuer: Issuer) -> None:
    issuer.revoke(["UNI-000003", "UNI-000009"], Reason.FRAUD, date=NOW, now=NOW)
    assert revoked_positions(issuer) == {position(issuer, "UNI-000003"), position(issuer, "UNI-000009")}
    for row in range(1, 21):
        line = issuer.line(issuer.current(f"UNI-{row:06}"))
        entry = StatusEntry.parse(Credential.parse(line.credential).status[0])
        name = details_name(0, page_of(entry.index))
        has_page = (issuer.home / "status" / name).exists()
        found = read_revocation(entry, published(issuer, name)) if has_page else None
        assert open_list(entry, published(issuer))[entry.index] == (row in (3, 9))
        assert (found.reason if found else None) == ("fraud" if row in (3, 9) else None)


@pytest.mark.slow
def test_lists_and_details_are_anchored(issuer: Issuer) -> None:
    kinds = [parse_entry(entry).kind for entry in issuer.log.entries(0, audit(issuer.log).size)]
    assert kinds == [
        EntryKind.DID_DOCUMENT,
        EntryKind.KIND,
        *[EntryKind.CREDENTIAL] * 20,
        EntryKind.STATUS_LIST,
    ]
    issuer.revoke(["UNI-000007"], Reason.FRAUD, date=NOW, now=NOW)
    names = ["0", page(issuer, "UNI-000007")]
    lists, details = (
        anchored(issuer.store, issuer.log, StatusFolder(issuer.home), name)[1] for name in names
    )
    logged = [parse_entry(entry) for entry in issuer.log.entries(23, 25)]
    assert [entry.kind for entry in logged] == [EntryKind.STATUS_LIST, EntryKind.REVOCATION_DETAILS]
    assert [anchored.evidence[0].digest for anchored in (lists, details)] == [
        entry.digest for entry in logged
    ]


def test_an_older_index_takes_no_revocation_back(issuer: Issuer, tmp_path: Path) -> None:
    issuer.store.close()
    index = issuer.home / "issuer.sqlite"
    old = index.read_bytes()
    issuer.revoke(["UNI-000001"], Reason.FRAUD, date=NOW, now=NOW)
    issuer.store.close()
    published = (issuer.home / "status" / "0").read_bytes()
    for left in issuer.home.glob("issuer.sqlite-*"):
        left.unlink()
    index.write_bytes(old)
    with pytest.raises(Damaged, match="is the index an older copy"):
        reopened(issuer.home).revoke(["UNI-000002"], Reason.FRAUD, date=NOW, now=NOW)
    assert (issuer.home / "status" / "0").read_bytes() == published


@pytest.mark.slow
@pytest.mark.parametrize(("name", "content"), [("0", b"{"), ("0", b"{}"), ("0", b"[]"), ("page", b"{")])
def test_a_damaged_list_is_named_and_one_that_is_gone_is_made_anew(
    name: str, content: bytes, issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("issuer.status.lists._MOST_HELD", -1)  # all is on the disk
    name = page(issuer, "UNI-000007") if name == "page" else name

    def revoke(number: str) -> None:
        issuer.revoke([number], Reason.ISSUED_IN_ERROR, date=NOW, now=NOW)

    revoke("UNI-000007")
    entry, path = issuer.current("UNI-000007"), issuer.home / "status" / name
    path.write_bytes(content)
    with pytest.raises(Damaged, match=f"{name} is damaged"):
        revoke("UNI-000008") if name == "0" else issuer.bundle(entry)
    path.unlink()
    with pytest.raises(Damaged, match=f"{name} is gone"):
        revoke("UNI-000009") if name == "0" else issuer.bundle(entry)
    assert issuer.lists.publish(now=NOW, anew=True) == [0]
    assert issuer.lists.publish(now=NOW) == []
    assert len(revoked_positions(issuer)) == (3 if name == "0" else 1)
    report = verifier_for(issuer).verify(issuer.bundle(entry), now=NOW)
    assert report.deciding is not None
    assert report.deciding.text == "revoked by the issuer on 2026-07-01: issued in error"


def test_a_bundle_brings_details_only_of_a_diploma_that_was_revoked(issuer: Issuer) -> None:
    issuer.revoke(["UNI-000007"], Reason.FRAUD, date=NOW, now=NOW)
    brought = [len(issuer.bundle(issuer.current(f"UNI-{row:06}")).status_lists) for row in (1, 7)]
    assert brought == [1, 2]


@pytest.mark.slow
def test_what_was_revoked_before_keeps_its_date_and_reason(issuer: Issuer) -> None:
    issuer.revoke(["UNI-000007"], Reason.FRAUD, date=NOW, now=NOW)
    before = (issuer.home / "status" / "0").read_bytes()
    issuer.revoke(["UNI-000007"], Reason.WITHDRAWN, date=NOW, now=NOW + timedelta(days=1))
    assert issuer.current("UNI-000007").reason == "fraud"
    assert (issuer.home / "status" / "0").read_bytes() == before


def test_a_journalled_revocation_is_published_by_the_next_who_publishes(issuer: Issuer) -> None:
    stopped = reopened(issuer.home, **at(issuer.home, "revocations.revoke", stops(KeyboardInterrupt())))
    with pytest.raises(KeyboardInterrupt):
        stopped.revoke(["UNI-000007"], Reason.FRAUD, date=NOW, now=NOW)
    assert revoked_positions(issuer) == set()
    again = reopened(issuer.home)
    bundle = again.bundle(again.current("UNI-000007"))
    assert verifier_for(again).verify(bundle, now=NOW).verdict is Verdict.INVALID
    assert revoked_positions(issuer) == {position(issuer, "UNI-000007")}


def test_a_verifier_on_the_same_machine_finds_the_published_files(issuer: Issuer, tmp_path: Path) -> None:
    url = issuer.identity.profile.list_url(0)
    issuer.revoke(["UNI-000007"], Reason.FRAUD, date=NOW, now=NOW)
    name = page(issuer, "UNI-000007")
    assert published_list(issuer.home, url) == (issuer.home / "status" / "0").read_bytes()
    details = published_list(issuer.home, url.removesuffix("0") + name)
    assert details == (issuer.home / "status" / name).read_bytes()
    for other in (f"{url}7", f"{url}/../../keys.json", "https://x.example/status/0", f"{url}\n"):
        assert published_list(issuer.home, other) is None
    assert published_list(tmp_path / "nobody", url) is None


def test_published_files_are_the_owners_until_he_copies_them(issuer: Issuer) -> None:
    assert stat.S_IMODE((issuer.home / "status").stat().st_mode) == 0o700


def test_a_folder_that_cannot_be_read_leaves_the_question_open(tmp_path: Path) -> None:
    (tmp_path / "issuer.json").mkdir()
    with pytest.raises(Unavailable, match="cannot be read"):
        published_list(tmp_path, "urn:intaglio:x:status:0")


@pytest.mark.slow
def test_a_list_of_which_half_is_revoked_is_published_like_others(issuer: Issuer) -> None:
    lists = issuer.lists  # which publishes, when it is opened, what another process had begun
    everything = f"WITH RECURSIVE n(seq) AS (SELECT 0 UNION ALL SELECT seq + 1 FROM n LIMIT {HALF})"
    with index_of(issuer)._database.writing() as connection:
        connection.execute(
            f"INSERT INTO revocation {everything} SELECT seq, 'superseded', '2026-07-01T12:00:00Z' FROM n"
        )
        connection.execute("INSERT INTO unpublished SELECT seq FROM revocation")
    assert lists.publish(now=NOW) == [0]
    bundle = issuer.bundle(issuer.current("UNI-000007"))
    assert verifier_for(issuer).verify(bundle, now=NOW).verdict is Verdict.INVALID
