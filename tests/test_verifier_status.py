"""Status lists and a presentation of several credentials: each is opened once, none spoils another's case."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from ledger import EntryKind
from tests.world import NOW, Holder, University, decided, verifier
from vc import Anchored, Bundle, Outcome, Report, StatusList, Verdict
from vc.anchoring import log_entry
from vc.vcdm.status_lists import status_list_document
from verifier.sources.lists import ListSource
from verifier.status import MOST_UNPACKED
from wire import Unavailable
from wire.work import BYTES_UNPACKED, Work


def published(university: University) -> dict[str, bytes]:
    """What stands at the addresses of the university's lists."""
    return {item.document["id"]: json.dumps(item.document).encode() for item in university.status_lists()}


def present(university: University, bundles: list[Bundle], source: ListSource) -> Report:
    """The verdict on all of them in one presentation, the lists being had from `source` only."""
    shown = Bundle(
        Holder().present(*(bundle.secured for bundle in bundles)),
        tuple(evidence for bundle in bundles for evidence in bundle.evidence),
        tuple(university.documents),
    )
    judge = verifier(university.trust, lists=[source])
    return judge.verify(shown, now=NOW, challenge="challenge", domain="employer.example")


def test_the_lists_of_many_revoked_credentials_are_fetched_once() -> None:
    university = University()
    bundles = [university.issue(index=index) for index in range(30, 35)]
    for index in range(30, 35):
        university.revoke(index)
    lists, asked = published(university), list[str]()

    def source(url: str) -> bytes | None:
        asked.append(url)
        return lists.get(url)

    report = present(university, bundles, source)
    assert report.verdict is Verdict.INVALID
    assert sum("issued in error" in found.text for found in report.checks) == 5
    assert sorted(asked) == sorted(lists)


@pytest.mark.parametrize("order", [1, -1])
def test_a_status_that_cannot_be_read_says_nothing_about_another_credential(order: int) -> None:
    university = University()
    diploma = university.diploma(index=41)
    diploma["credentialStatus"]["statusPurpose"] = "suspension"  # which the list does not serve
    bundles = [university.issue(index=40), university.issue(diploma)]
    report = present(university, bundles[::order], published(university).get)
    outcomes = [found.outcome for found in report.checks if found.name == "status"]
    assert outcomes[::order] == [Outcome.PASSED, Outcome.UNDETERMINED]


def undated(university: University, *, signed_on: datetime | None) -> Bundle:
    """A diploma with a list that has no `validFrom`, in the log."""
    (bits, details) = university.status_lists()
    document = {name: value for name, value in bits.document.items() if name not in ("proof", "validFrom")}
    signed = university.sign(document, suite="eddsa-rdfc-2022", created=signed_on)
    evidence = university.anchor(log_entry(signed, signed["proof"][0], EntryKind.STATUS_LIST))
    return replace(university.issue(), status_lists=(Anchored(signed, (evidence,)), details))


def test_a_list_without_validFrom_is_from_when_it_was_signed() -> None:
    university = University()
    earlier = NOW - timedelta(days=3)
    report = verifier(university.trust).verify(undated(university, signed_on=earlier), now=NOW)
    assert report.verdict is Verdict.VALID
    assert report.status_time == earlier
    bundle = undated(university, signed_on=None)
    judge, url = verifier(university.trust), university.list_url
    served = {url: json.dumps(bundle.status_lists[0].document).encode()}
    fetching = verifier(university.trust, lists=[served.get])
    for report in (judge.verify(bundle, now=NOW), fetching.verify(replace(bundle, status_lists=()), now=NOW)):
        assert report.verdict is Verdict.UNDETERMINED
        assert "does not say from when it is" in decided(report).text


@pytest.mark.parametrize("order", [1, -1])
def test_of_lists_that_came_along_the_definite_fault_goes_before_the_open_question(order: int) -> None:
    university = University()
    whole = university.issue()
    bits, details = whole.status_lists
    forged = replace(bits, document={**bits.document, "validUntil": "2030-01-01T00:00:00Z"})
    bare = replace(bits, evidence=())
    assert verifier(university.trust).verify(replace(whole, status_lists=(bare,)), now=NOW).verdict is (
        Verdict.UNDETERMINED
    )
    lists = (*(bare, forged)[::order], details)
    report = verifier(university.trust).verify(replace(whole, status_lists=lists), now=NOW)
    assert report.verdict is Verdict.INVALID
    assert decided(report).name == "status"
    assert "the signature does not fit" in decided(report).text


@pytest.mark.parametrize("encoded", [7, ["u", "v"], True])
def test_a_list_whose_bits_are_no_text_is_none(encoded: object) -> None:
    university = University()
    bits, details = university.status_lists()
    document = {name: value for name, value in bits.document.items() if name != "proof"}
    document["credentialSubject"] = {**document["credentialSubject"], "encodedList": encoded}
    signed = university.sign(document)
    evidence = university.anchor(log_entry(signed, signed["proof"][0], EntryKind.STATUS_LIST))
    whole = replace(university.issue(), status_lists=(Anchored(signed, (evidence,)), details))
    report = verifier(university.trust).verify(whole, now=NOW)
    assert report.verdict is not Verdict.VALID
    assert decided(report).name == "status"


@pytest.mark.parametrize("change", [{"id": "urn:x:another"}, {"revocations": 7}], ids=str)
def test_details_that_cannot_be_read_hide_no_revocation(change: dict[str, object]) -> None:
    university = University()
    university.revoke(7)
    bits, details = university.status_lists()
    document = {name: value for name, value in details.document.items() if name != "proof"}
    document["credentialSubject"] = {**document["credentialSubject"], **change}
    odd = university._anchored(document, EntryKind.REVOCATION_DETAILS)
    report = verifier(university.trust).verify(replace(university.issue(), status_lists=(bits, odd)), now=NOW)
    assert report.verdict is Verdict.INVALID
    assert decided(report).text == "revoked by the issuer; date and reason are not at hand"


def grown(university: University, entries: int, *, age: int, address: str = "") -> Anchored:
    """The university's list with so many entries, that many days old."""
    start = NOW - timedelta(days=age)
    document = status_list_document(
        address or university.list_url,
        university.did,
        StatusList(entries),
        valid_from=start,
        lifetime=timedelta(days=30),
    )
    return university._anchored(document, EntryKind.STATUS_LIST)


LONGEST = 8 << 21
"""Entries of a list of two MiB."""


def test_an_older_copy_from_when_the_list_was_shorter_contradicts_nothing() -> None:
    university = University()
    short, long = grown(university, 131_072, age=2), grown(university, 262_144, age=1)
    whole = replace(university.issue(index=140_000), status_lists=(long,))
    judge = verifier(university.trust)
    assert judge.verify(whole, now=NOW).verdict is Verdict.VALID
    for lists in ((short, long), (long, short)):
        assert judge.verify(replace(whole, status_lists=lists), now=NOW).verdict is Verdict.VALID
    newer = grown(university, 131_072, age=0)
    for newest in ((newer,), (newer, long)):
        assert judge.verify(replace(whole, status_lists=newest), now=NOW).verdict is Verdict.INVALID
    source = {university.list_url: json.dumps(short.document).encode()}.get
    fetching = verifier(university.trust, lists=[source])
    assert fetching.verify(whole, now=NOW).verdict is Verdict.UNDETERMINED, "the host's fault"


def test_a_newer_list_of_another_address_is_none_of_its() -> None:
    university = University()
    own, other = grown(university, 131_072, age=1), grown(university, 131_072, age=0, address="urn:x:other")
    whole = replace(university.issue(), status_lists=(other, own))
    assert verifier(university.trust).verify(whole, now=NOW).verdict is Verdict.VALID


@pytest.mark.parametrize(("reason", "told"), [("fraud", "fraud"), ("moon-phase", "'moon-phase'")])
def test_a_reason_that_is_not_known_here_is_quoted(reason: str, told: str) -> None:
    university = University()
    university.revoke(7, reason)
    found = decided(verifier(university.trust).verify(university.issue(), now=NOW))
    assert (found.problem and found.problem.facts["reason"], found.text.endswith(f": {told}")) == (told, True)


def test_of_faults_alike_the_first_is_told() -> None:
    university = University()
    whole = university.issue()
    bits = whole.status_lists[0]
    altered = replace(bits, document={**bits.document, "validUntil": "2030-01-01T00:00:00Z"})
    unsigned = {name: value for name, value in bits.document.items() if name != "proof"}
    anothers = replace(bits, document=Holder().sign(unsigned))
    for lists, told in (((altered, anothers), "does not fit"), ((anothers, altered), "by somebody else")):
        found = decided(verifier(university.trust).verify(replace(whole, status_lists=lists), now=NOW))
        assert told in found.text

    def silent(host: str) -> ListSource:
        def ask(url: str) -> bytes | None:
            raise Unavailable(f"{host} does not answer")

        return ask

    judge = verifier(university.trust, lists=[silent("one"), silent("another")])
    assert "one does not answer" in decided(judge.verify(replace(whole, status_lists=()), now=NOW)).text


def test_a_list_without_validUntil_has_no_end() -> None:
    university = University()
    bits = university.status_lists()[0].document
    document = {name: value for name, value in bits.items() if name not in ("proof", "validUntil")}
    lists = (university._anchored(document, EntryKind.STATUS_LIST),)
    whole = replace(university.issue(), status_lists=lists)
    assert verifier(university.trust).verify(whole, now=NOW + timedelta(days=3650)).verdict is Verdict.VALID


def test_lists_are_unpacked_up_to_a_limit() -> None:
    """Sixteen of the longest, and not another one that is newer."""
    university = University()
    ages = range(MOST_UNPACKED * 8 // LONGEST, -1, -1)
    lists = tuple(grown(university, LONGEST, age=age) for age in ages)
    whole, judge = university.issue(), verifier(university.trust)
    assert judge.verify(replace(whole, status_lists=lists[:-1]), now=NOW).verdict is Verdict.VALID
    found = decided(judge.verify(replace(whole, status_lists=lists), now=NOW))
    assert (found.outcome, "unpack to more than" in found.text) == (Outcome.UNDETERMINED, True)


def test_what_it_takes_to_unpack_a_list_is_counted() -> None:
    university = University()
    whole, spent = university.issue(), []
    for entries in (131_072, LONGEST):
        work = Work()
        lists = (grown(university, entries, age=0),)
        assert verifier(university.trust).verify(replace(whole, status_lists=lists), now=NOW, work=work)
        spent.append(-work.left)
    assert spent[1] - spent[0] >= (LONGEST - 131_072) // 8 // BYTES_UNPACKED
