"""A credential that is suspended and reinstated: in each form, in the lists; what is refused meanwhile."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from did import METHODS, Resolver
from exchange.claim import Invitation
from intaglio.api.posted import PostedCredentials
from intaglio.pages.view import judgement
from intaglio.words import speaking
from issuer.archive.kept import EditionState, KindNumber
from issuer.identity.home import Identity, published_list
from issuer.identity.kind import read_kind
from issuer.issuer import Issuer
from issuer.keeping.backup import backup, restore
from issuer.keeping.closing import close
from issuer.keeping.export import export, outdated
from issuer.keeping.health import examine_issuer
from issuer.problem import (
    CREDENTIAL_SUSPENDED,
    NOT_SUSPENDABLE,
    REVOKED_FOR_GOOD,
    SUSPENSION_NEEDS_ADDRESS,
)
from issuer.status.files import list_number
from kinds import Kind
from kinds.compiling import with_compiled
from kinds.problem import INVALID_KIND
from kinds.records import check_record
from tests.conftest import ROOT
from tests.problems import raises
from tests.test_issuer_claims import answer, service
from tests.test_kinds_facts import club
from tests.test_token_issuing import names, served, token
from tests.world import NOW, Holder, graduate, index_of, issuer_in, listed, reopened, trust_in
from vc import Bundle, Report, StatusList, Verdict
from vc.claims import Claims
from vc.facts import StatusPlace
from vc.forms import FORMS, INTEGRITY, SD_JWT_VC, STATUS_KINDS, VC_JWT
from vc.said import FACT_LOST
from vc.secured import Form, Options
from vc.status import Reason, combined
from vc.status.kind import entries
from vc.status.token import unpack_list
from vc.vcdm.issuing import unsigned
from verifier import Verifier
from wire.fetch import NoFetcher
from wire.problem import Damaged, Refused
from wire.work import Work

URL = "https://city.example"
BOTH = ["revocation", "suspension"]
FORM_NAMES = (INTEGRITY, VC_JWT, SD_JWT_VC)


@pytest.fixture(scope="module")
def licence() -> Kind:
    return read_kind(ROOT / "tests" / "own_kinds" / "licence")


@pytest.fixture(params=FORM_NAMES)
def issuer(request: pytest.FixtureRequest, tmp_path: Path, licence: Kind) -> Issuer:
    form = None if request.param == INTEGRITY else FORMS[request.param]
    return issuing(tmp_path / "home", licence, form)


@pytest.fixture
def city(tmp_path: Path, licence: Kind) -> Issuer:
    """In JSON with proofs."""
    return issuing(tmp_path / "home", licence)


def issuing(home: Path, kind: Kind, form: Form | None = None) -> Issuer:
    made = issuer_in(home, kind=kind, url=URL, form=form)
    made.issue_many([cells("L-1"), cells("L-2")])
    return made


def cells(number: str, name: str = "Ada Müller") -> dict[str, str]:
    return {"licence": number, "name": name, "expires": "2030-12-31"}


def of(issuer: Issuer, number: str = "L-1") -> Bundle:
    return issuer.bundle(issuer.current(number))


def claims(issuer: Issuer, number: str = "L-1") -> Claims:
    return issuer.line(issuer.current(number)).secured.claims


def judged(issuer: Issuer, bundle: Bundle, *, here: bool = False) -> Report:
    """By a verifier elsewhere, who has what came along; `here` by one who sees the lists of now as well."""
    lists = [partial(published_list, issuer.home)] if here else []
    resolver = Resolver(METHODS, NoFetcher())
    made = Verifier(resolver, trust=trust_in(issuer), forms=issuer.forms, lists=lists)
    return made.verify(bundle.to_bytes(), now=NOW)


def code(report: Report) -> str:
    assert report.deciding is not None
    return report.deciding.code


def suspended(issuer: Issuer) -> list[int]:
    bits = StatusList.decode(listed(issuer.home, "0-suspension").subjects[0]["encodedList"])
    return [place for place in range(bits.entries) if bits[place]]


def position(issuer: Issuer, number: str) -> int:
    return issuer._positions().locate(issuer.current(number).seq)[1]


def files(home: Path) -> dict[str, bytes]:
    """All that an issuer has published and logged, and its journal."""
    made = reopened(home)
    journal = repr([made.store.revocations.of_list(0), made.store.revocations.unpublished()]).encode()
    found = {str(path): path.read_bytes() for path in (home / "status").iterdir()}
    return {**found, "journal": journal, "log": str(made.reader.checkpoint().size).encode()}


def test_all_forms_of_a_number_are_suspended_and_reinstated_together(city: Issuer) -> None:
    """And a form that is asked for meanwhile is not made: it would be in force."""
    city.issue(cells("L-3"), forms=FORM_NAMES)
    standing = [each.seq for each in city.editions(city.current("L-3"))]

    def verdicts() -> list[tuple[Verdict, EditionState]]:
        entries = list(map(city.store.entry, standing))
        return [(judged(city, city.bundle(each)).verdict, each.state) for each in entries]

    city.suspend(["L-3"], Reason.UNSPECIFIED, now=NOW)
    assert verdicts() == [(Verdict.INVALID, EditionState.SUSPENDED)] * 3
    city.suspend(["L-1"], Reason.UNSPECIFIED, now=NOW)
    with raises(CREDENTIAL_SUSPENDED):
        city.claim("L-1", Holder().did, form=SD_JWT_VC)
    city.reinstate(["L-3"], now=NOW)
    assert verdicts() == [(Verdict.VALID, EditionState.VALID)] * 3


# In each form, as a verifier sees it


@pytest.mark.slow
def test_a_credential_says_where_its_suspension_would_stand(issuer: Issuer) -> None:
    entries_ = list(entries(claims(issuer), STATUS_KINDS))
    places = {status.entry.index for status in entries_}
    assert places == {position(issuer, "L-1")}
    if issuer.form.media_type == SD_JWT_VC:
        assert [status.entry.list_url for status in entries_] == [f"{URL}/status/0.jwt"]
        assert names(issuer) == {"0", "0-suspension", "0.jwt"}
        assert token(issuer)["status_list"]["bits"] == 2
    else:
        assert [(status.entry.purpose, status.entry.list_url) for status in entries_] == [
            ("revocation", f"{URL}/status/0"),
            ("suspension", f"{URL}/status/0-suspension"),
        ]
        assert names(issuer) == {"0", "0-suspension"}
    assert issuer.finder.find_credential(of(issuer).secured).number == "L-1"


@pytest.mark.quick("application/dc+sd-jwt")
def test_it_is_not_valid_until_it_is_reinstated(issuer: Issuer) -> None:
    former = of(issuer)
    assert judged(issuer, former)
    issuer.suspend(["L-1"], Reason.FRAUD, now=NOW)
    for report in (judged(issuer, of(issuer)), judged(issuer, former, here=True)):
        assert (report.verdict, code(report)) == (Verdict.INVALID, "status-suspended")
    assert judged(issuer, of(issuer, "L-2"))
    assert (issuer.current("L-1").state, issuer.current("L-1").reason) == ("suspended", "fraud")
    assert "0-details-0" not in names(issuer), "why it is suspended is nobody's business"

    held_back = of(issuer)
    issuer.reinstate(["L-1"], now=NOW + timedelta(minutes=1))
    assert judged(issuer, of(issuer))
    assert judged(issuer, held_back, here=True), "the newer list counts"
    assert issuer.current("L-1").state == "valid"


@pytest.mark.slow
def test_a_bundle_carries_each_list_and_without_one_it_is_open(issuer: Issuer) -> None:
    whole = of(issuer)
    in_json = issuer.form.media_type != SD_JWT_VC
    assert len(whole.status_lists) == (2 if in_json else 1)
    issuer.suspend(["L-1"], Reason.UNSPECIFIED, now=NOW)
    whole = of(issuer)
    for left_out in whole.status_lists:
        remaining = tuple(each for each in whole.status_lists if each is not left_out)
        assert not judged(issuer, replace(whole, status_lists=remaining))
    assert judged(issuer, replace(whole, status_lists=())).verdict is Verdict.UNDETERMINED


@pytest.mark.slow
def test_a_list_of_suspensions_that_is_not_at_hand_leaves_it_open(city: Issuer) -> None:
    whole = of(city)
    (revocations, _) = whole.status_lists
    report = judged(city, replace(whole, status_lists=(revocations,)))
    assert (report.verdict, code(report)) == (Verdict.UNDETERMINED, "status-status-list-missing")


@pytest.mark.slow
def test_one_list_does_not_stand_in_for_the_other(city: Issuer) -> None:
    """Each has its address and its purpose: a list that has nobody in it is no word on the other."""
    city.suspend(["L-1"], Reason.UNSPECIFIED, now=NOW)
    folder = city.home / "status"
    here = {f"{URL}/status/0-suspension": folder / "0", f"{URL}/status/0": folder / "0"}

    def swapped(url: str) -> bytes | None:
        return here[url].read_bytes() if url in here else None

    made = Verifier(Resolver(METHODS, NoFetcher()), trust=trust_in(city), lists=[swapped])
    report = made.verify(replace(of(city), status_lists=()).to_bytes(), now=NOW)
    assert report.verdict is Verdict.UNDETERMINED


@pytest.mark.slow
def test_what_is_revoked_stays_so_and_what_is_suspended_can_be_revoked(issuer: Issuer) -> None:
    issuer.suspend(["L-1"], Reason.UNSPECIFIED, now=NOW)
    issuer.revoke(["L-1"], Reason.KEY_COMPROMISE, date=NOW, now=NOW)
    before = files(issuer.home)
    for again in (partial(issuer.suspend, ["L-1"], Reason.FRAUD), partial(issuer.reinstate, ["L-1"])):
        with raises(REVOKED_FOR_GOOD, match="L-1 was revoked, and stays so"):
            again(now=NOW)
    assert files(issuer.home) == before
    report = judged(issuer, of(issuer))
    assert (report.verdict, code(report)) == (Verdict.INVALID, "status-revoked")
    assert suspended(issuer) == []


def test_of_several_all_are_suspended_or_none(city: Issuer) -> None:
    city.revoke(["L-2"], Reason.FRAUD, date=NOW, now=NOW)
    before = files(city.home)
    with raises(REVOKED_FOR_GOOD):
        city.suspend(["L-1", "L-2"], Reason.UNSPECIFIED, now=NOW)
    assert files(city.home) == before


@pytest.mark.slow
def test_a_suspension_keeps_its_reason_and_date_and_ends_once(city: Issuer) -> None:
    city.suspend(["L-1"], Reason.FRAUD, now=NOW)
    city.suspend(["L-1"], Reason.WITHDRAWN, now=NOW + timedelta(days=1))
    entry = city.current("L-1")
    assert (entry.reason, entry.date) == ("fraud", "2026-07-01T12:00:00Z")
    city.reinstate(["L-1"], now=NOW)
    city.reinstate(["L-1", "L-2"], now=NOW)
    assert suspended(city) == []


@pytest.mark.slow
def test_all_copies_are_suspended_together(tmp_path: Path, licence: Kind) -> None:
    issuer = issuer_in(tmp_path / "home", kind=licence, url=URL, form=FORMS[SD_JWT_VC])
    issuer.issue("licence", cells("L-1"), copies=3)
    issuer.suspend(["L-1"], Reason.UNSPECIFIED, now=NOW)
    copies = issuer.copies(issuer.current("L-1"))
    assert [copy.state for copy in copies] == ["suspended"] * 3
    assert {code(judged(issuer, issuer.bundle(copy))) for copy in copies} == {"status-suspended"}
    content = token(issuer)["status_list"]
    values = unpack_list(content["lst"], content["bits"])
    assert [place for place in range(values.entries) if values[place]] == suspended(issuer)
    assert {values[place] for place in suspended(issuer)} == {2}


@pytest.mark.slow
def test_a_token_list_says_revoked_and_suspended_each_at_its_place(tmp_path: Path, licence: Kind) -> None:
    issuer = issuing(tmp_path / "home", licence, FORMS[SD_JWT_VC])
    issuer.suspend(["L-1"], Reason.UNSPECIFIED, now=NOW)
    issuer.revoke(["L-2"], Reason.FRAUD, date=NOW, now=NOW)
    content = token(issuer)["status_list"]
    values = unpack_list(content["lst"], content["bits"])
    assert (values[position(issuer, "L-1")], values[position(issuer, "L-2")]) == (2, 1)


# What it takes


def test_what_was_issued_without_the_entry_cannot_be_suspended_later(tmp_path: Path) -> None:
    home = tmp_path / "home"
    before, after = (
        with_compiled(club(version=version, **purposes))
        for version, purposes in (("1", {}), ("2", {"status_purposes": BOTH}))
    )
    first = issuer_in(home, kind=before, url=URL, form=FORMS[SD_JWT_VC])
    first.issue({"no": "A", "who": "Ada"})
    assert (names(first), token(first)["status_list"]["bits"]) == ({"0", "0.jwt"}, 1)
    assert "suspension" not in json.loads((home / "issuer.json").read_text())
    state = files(home)
    with raises(NOT_SUSPENDABLE, match="A was issued under club 1, which provides for no suspension"):
        first.suspend(["A"], Reason.UNSPECIFIED, now=NOW)
    assert files(home) == state

    issuer = issuer_in(home, kind=after, url=URL, form=FORMS[SD_JWT_VC])
    issuer.issue({"no": "B", "who": "Bo"})
    assert (names(issuer), token(issuer)["status_list"]["bits"]) == ({"0", "0-suspension", "0.jwt"}, 2)
    with raises(NOT_SUSPENDABLE):
        issuer.suspend(["B", "A"], Reason.UNSPECIFIED, now=NOW)
    issuer.suspend(["B"], Reason.UNSPECIFIED, now=NOW)
    assert code(judged(issuer, of(issuer, "B"))) == "status-suspended"
    assert judged(issuer, of(issuer, "A")), "kinds share a list"
    issuer.revoke(["A"], Reason.FRAUD, date=NOW, now=NOW)
    assert code(judged(issuer, of(issuer, "A"))) == "status-revoked"


@pytest.mark.slow
def test_an_issuer_that_suspends_nothing_publishes_what_it_did(tmp_path: Path) -> None:
    issuer = issuer_in(tmp_path / "home", url=URL)
    issuer.issue(graduate(1))
    issuer.revoke(["UNI-000001"], Reason.FRAUD, date=NOW, now=NOW)
    assert {name.partition("-")[2].partition("-")[0] for name in names(issuer)} == {"", "details"}
    assert isinstance(issuer.line(issuer.current("UNI-000001")).credential["credentialStatus"], Mapping)


@pytest.mark.slow
def test_without_an_address_nobody_could_look_a_suspension_up(tmp_path: Path, licence: Kind) -> None:
    with raises(SUSPENSION_NEEDS_ADDRESS):
        issuer_in(tmp_path / "first", kind=licence)
    assert not (tmp_path / "first" / "issuer.json").exists()
    issuer_in(tmp_path / "second").issue(graduate(1))
    with raises(SUSPENSION_NEEDS_ADDRESS):
        issuer_in(tmp_path / "second", kind=licence)
    assert reopened(tmp_path / "second").kinds.names == ["diploma"]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"status_purposes": []}, "it is"),
        ({"status_purposes": ["suspension"]}, "it is"),
        ({"status_purposes": ["suspension", "revocation"]}, "it is"),
        ({"status_purposes": [*BOTH, "refresh"]}, "it is"),
        ({"status_purposes": ["revocation", "revocation"]}, "it is"),
        ({"status_purposes": "suspension"}, "another type"),
        ({"status_purposes": [1]}, "texts are expected"),
        ({"status_purposes": BOTH, "named": False}, "that name no kind"),
    ],
)
def test_a_kind_has_purposes_that_its_credentials_can_name(change: dict[str, Any], says: str) -> None:
    with raises(INVALID_KIND, match=says):
        club(**change)


def test_the_shipped_digest_of_a_kind_is_that_of_its_bytes() -> None:
    assert club(status_purposes=["revocation"]).digest != club().digest
    assert club(status_purposes=["revocation"]).status_purposes == club().status_purposes
    assert (club().is_suspendable, club(status_purposes=BOTH).is_suspendable) == (False, True)


class Forgetful:
    """The form of JSON, but for the second entry."""

    def __init__(self, form: Any) -> None:
        self._form = form

    def __getattr__(self, name: str) -> Any:
        return getattr(self._form, name)

    def secure(self, facts: Any, said: Any, signer: Any, options: Options) -> Any:
        forgotten = facts._replace(status=facts.status._replace(is_suspendable=False))
        return self._form.secure(forgotten, said, signer, options)


@pytest.mark.slow
def test_a_form_that_loses_the_entry_signs_nothing(tmp_path: Path, licence: Kind) -> None:
    form: Any = Forgetful(FORMS[VC_JWT])
    issuer = issuer_in(tmp_path / "home", kind=licence, url=URL, form=form)
    with raises(FACT_LOST, match="suspension"):
        issuer.issue(cells("L-1"))


def test_both_entries_have_one_position(city: Issuer, licence: Kind) -> None:
    facts = city.press().composer.facts(city.line(city.current("L-1")).record, 7)
    place = StatusPlace("urn:example:list", 5, is_suspendable=True)
    said = unsigned(facts._replace(status=place), {"@context": [], "type": [], "credentialSubject": {}})
    assert [(each["id"], each["statusPurpose"]) for each in said["credentialStatus"]] == [
        ("urn:example:list#5", "revocation"),
        ("urn:example:list-suspension#5", "suspension"),
    ]
    assert licence.is_suspendable


@pytest.mark.slow
@pytest.mark.parametrize("form", FORM_NAMES)
def test_rows_of_one_shape_have_the_bytes_of_the_general_path(
    tmp_path: Path, licence: Kind, form: str
) -> None:
    options = {} if form == INTEGRITY else {"form": FORMS[form]}
    press = issuer_in(tmp_path / "home", kind=licence, url=URL, **options).press()
    rows = [check_record(licence, cells(f"R-{nth}"), NOW.date()) for nth in range(1, 9)]
    printed = [press.print_row(row, nth, NOW) for nth, row in enumerate(rows)]
    assert printed == [press.print(row, nth, NOW) for nth, row in enumerate(rows)]
    if form != SD_JWT_VC:
        found = press._skeletons.find(rows[7], 7, NOW)[0]
        assert found is not None
        assert found.is_due is False


# What is refused meanwhile


def test_no_wallet_claims_it_and_nobody_corrects_it_meanwhile(city: Issuer) -> None:
    did = Holder().did
    city.claim("L-1", did)
    city.suspend(["L-1", "L-2"], Reason.UNSPECIFIED, now=NOW)
    before = files(city.home)
    for call in (
        partial(city.claim, "L-1", did),
        partial(city.claim, "L-2", did),
        partial(city.correct, "L-1", {"name": "Bo"}),
        partial(city.release, "L-1"),
    ):
        with raises(CREDENTIAL_SUSPENDED, match="is suspended"):
            call()
    assert files(city.home) == before
    city.reinstate(["L-1", "L-2"], now=NOW)
    assert [entry.state for entry in city.entries()] == ["superseded", "valid", "valid"]
    assert judged(city, Bundle.parse(city.claim("L-2", did), city.forms))
    assert city.correct("L-1", {"name": "Bo"}).edition == 3


@pytest.mark.slow
def test_a_wallet_hears_that_it_is_suspended_and_keeps_its_link(city: Issuer) -> None:
    with service(city.home, city) as running:
        link = running.claims.offer(KindNumber("licence", "L-1"), city, now=NOW)

        def claimed() -> tuple[int, dict[str, Any]]:
            _, body, _ = running.ask("GET", f"/claim/{link.token}")
            status, body, _ = running.ask(
                "POST", f"/claim/{link.token}", answer(Invitation.parse(body, link))
            )
            return status, json.loads(body)

        city.suspend(["L-1"], Reason.UNSPECIFIED, now=NOW)
        status, said = claimed()
        assert (status, said["code"], said["detail"]) == (
            403,
            "credential-suspended",
            "this credential is suspended",
        )
        city.reinstate(["L-1"], now=NOW)
        status, said = claimed()
        assert (status, said["type"]) == (200, "IntaglioBundle")


@pytest.mark.slow
def test_who_posts_it_again_does_not_get_what_is_suspended(city: Issuer, licence: Kind) -> None:
    others = dict.fromkeys((*licence.template.fields, "issuer_name"), "")
    posted = json.loads(json.dumps(licence.template.fill({**others, **cells("L-1")})))
    credentials = PostedCredentials(city, lambda: NOW)
    assert credentials.issue(posted).is_new is False
    city.suspend(["L-1"], Reason.UNSPECIFIED, now=NOW)
    with raises(CREDENTIAL_SUSPENDED):
        credentials.issue(posted)


@pytest.mark.slow
def test_what_it_was_before_a_claim_does_not_come_back(city: Issuer) -> None:
    """Two editions of one credential: one was superseded, and a suspension is of the other."""
    city.claim("L-1", Holder().did)
    city.suspend(["L-1"], Reason.UNSPECIFIED, now=NOW)
    city.reinstate(["L-1"], now=NOW)
    editions = [entry for entry in city.entries() if entry.number == "L-1"]
    assert [(entry.edition, entry.state) for entry in editions] == [(1, "superseded"), (2, "valid")]
    assert code(judged(city, city.bundle(editions[0]))) == "status-superseded"


@pytest.mark.slow
def test_export_leaves_out_what_is_suspended_and_calls_no_file_outdated(city: Issuer, tmp_path: Path) -> None:
    list(export(city, city.entries(), tmp_path / "out"))
    city.suspend(["L-1"], Reason.UNSPECIFIED, now=NOW)
    assert list(outdated(city, tmp_path / "out")) == []
    assert city.store.count() - city.store.revocations.count() == 1
    assert city.store.states() == {"valid": 1, "suspended": 1}


@pytest.mark.slow
def test_an_issuer_that_closed_reinstates_nobody(city: Issuer) -> None:
    city.suspend(["L-1"], Reason.UNSPECIFIED, now=NOW)
    close(city)
    with pytest.raises(Refused, match="closed"):
        city.reinstate(["L-1"], now=NOW + timedelta(days=1))
    assert code(judged(city, of(city))) == "status-suspended"


# The lists as files


def test_two_bits_of_each_entry_are_those_of_two_lists() -> None:
    revoked, held_back = StatusList(24), StatusList(24)
    for places, bits in (((0, 5, 8, 23), revoked), ((1, 5, 7, 16), held_back)):
        for place in places:
            bits[place] = 1
    both = combined(revoked, held_back)
    assert (both.entries, both.size) == (24, 2)
    values = {place: both[place] for place in range(24) if both[place]}
    assert values == {0: 1, 1: 2, 5: 1, 7: 2, 8: 1, 16: 2, 23: 1}


def test_its_file_has_the_number_of_the_list() -> None:
    assert list_number("7-suspension") == 7


@pytest.mark.slow
def test_it_is_served_backed_up_and_looked_after(city: Issuer, tmp_path: Path) -> None:
    city.suspend(["L-1"], Reason.UNSPECIFIED, now=NOW)
    data = (city.home / "status" / "0-suspension").read_bytes()
    with served(city) as client:
        answer = client.get("/status/0-suspension")
        assert (answer.headers["content-type"], answer.content) == (INTEGRITY, data)
        assert client.get("/status/0-suspensions").status_code == 404
    backup(city.home, tmp_path / "backup", b"a passphrase")
    restore(tmp_path / "backup", again := tmp_path / "again", b"a passphrase")
    assert (again / "status" / "0-suspension").read_bytes() == data
    later = NOW + timedelta(days=400)
    expired = [each for each in examine_issuer(again, later) if each.code == "issuer-list-expired"]
    assert {str(each.facts.get("list")) for each in expired} == {"0", "0-suspension"}
    (again / "status" / "0-suspension").write_bytes(b"another")
    assert "issuer-status-file-unlike" in {each.code for each in examine_issuer(again, NOW)}
    reopened(again).lists.publish(now=NOW, anew=True)
    assert suspended(reopened(again)) == [position(city, "L-1")]


@pytest.mark.slow
def test_a_list_is_renewed_with_its_suspensions(city: Issuer) -> None:
    city.suspend(["L-1"], Reason.UNSPECIFIED, now=NOW)
    later = NOW + timedelta(days=300)
    issuer = reopened(city.home, lambda: later)
    assert issuer.lists.publish(now=later) == [0]
    assert listed(city.home, "0-suspension").valid_from == later
    assert suspended(issuer) == [position(city, "L-1")]


@pytest.mark.slow
def test_an_older_index_ends_no_suspension(city: Issuer) -> None:
    """Nothing but a reinstatement does: the list that lies there knows more than such an index."""
    city.suspend(["L-1"], Reason.UNSPECIFIED, now=NOW)
    database = index_of(city).revocations._database
    database.write("DELETE FROM revocation")
    database.write(  # as of a publisher who was killed: the list is made of the journal alone
        "INSERT INTO status_file_begun "
        "SELECT name, x'00', digest, status_file_held.content FROM status_file JOIN status_file_held "
        "USING (name, digest)"
    )
    with pytest.raises(Damaged, match="has suspensions that the index does not know"):
        reopened(city.home).lists.publish(now=NOW)


@pytest.mark.slow
def test_an_unknown_value_in_issuer_json_is_refused(city: Issuer) -> None:
    path = city.home / "issuer.json"
    said = json.loads(path.read_text())
    assert said["suspension"] == "listed"
    path.write_text(json.dumps({**said, "suspension": "some"}))
    with pytest.raises(Damaged):
        Identity.read(city.home)


@pytest.mark.slow
def test_two_who_suspend_and_reinstate_at_once_leave_the_lists_as_the_journal(city: Issuer) -> None:
    city.issue_many([cells(f"M-{nth}") for nth in range(8)])
    barrier = threading.Barrier(2)
    errors: list[BaseException] = []

    def work(first: bool) -> None:
        made = reopened(city.home)
        made.lists  # noqa: B018 -- opened before the barrier
        barrier.wait()
        try:
            for nth in range(8):
                number = f"M-{nth}"
                made.suspend([number], Reason.UNSPECIFIED, now=NOW)
                if first:
                    made.reinstate([number], now=NOW)
        except BaseException as error:
            errors.append(error)
            raise

    threads = [threading.Thread(target=work, args=(first,)) for first in (True, False)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    issuer = reopened(city.home)
    issuer.lists.publish(now=NOW)
    assert issuer.store.revocations.unpublished() == []
    expected = [position(issuer, each.number) for each in issuer.entries() if each.state == "suspended"]
    assert suspended(issuer) == sorted(expected)


# Words


@pytest.mark.slow
def test_the_page_says_that_it_may_be_lifted_in_two_languages(city: Issuer) -> None:
    city.suspend(["L-1"], Reason.UNSPECIFIED, now=NOW)
    report = judged(city, of(city))
    for language, headline, advice in (
        ("en", "Not valid: suspended", "The issuer has suspended this for the time being."),
        ("zh", "无效：已被暂停", "颁发机构已暂停此文件的效力。"),
    ):
        with speaking(language):
            view = judgement("l.json", of(city).to_bytes(), report, trust_in(city), (), language, Work())
            assert headline in repr(view)
            assert advice in repr(view)
