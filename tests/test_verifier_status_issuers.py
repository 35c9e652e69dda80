"""Status lists that another than the credential's issuer signs: they count where the trust list names it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from did import Document
from intaglio.words import remedy
from keys import PrivateKey
from ledger import EntryKind
from tests.test_verifier_pins import Web
from tests.world import NOW, University
from vc import Anchored, Bundle, Report, StatusList, Verdict
from vc.anchoring import log_entry
from vc.status import status_entry
from vc.vcdm.status_lists import status_list_document
from verifier import RecognisedIssuer, Trust, Verifier
from verifier.sources.lists import ListSource

UNIVERSITY, SERVICE = University(), University("status.example")
INDEX = 7
ELSEWHERE = "https://status.example/lists/1"
OWN = UNIVERSITY.list_url
KEY = SERVICE.key.public_key.multikey()


def diploma(url: str = ELSEWHERE, *, anchored: bool = True) -> Bundle:
    """By the university, its status kept at `url`."""
    document = UNIVERSITY.diploma(INDEX, credentialStatus=status_entry(url, INDEX))
    if anchored:
        return replace(UNIVERSITY.issue(document), status_lists=())
    del document["termsOfUse"]
    return Bundle(UNIVERSITY.sign(document), (), tuple(UNIVERSITY.documents))


def a_list(
    by: University = SERVICE, url: str = ELSEWHERE, *, revoked: bool = False, hours: int = 2, **change: Any
) -> dict[str, Any]:
    bits = StatusList()
    bits[INDEX] = int(revoked)
    document = status_list_document(
        url, by.did, bits, valid_from=NOW - timedelta(hours=hours), lifetime=timedelta(days=30)
    )
    return by.sign({**document, **change}, suite="eddsa-jcs-2022")


def in_log_of(university: University, document: dict[str, Any]) -> Anchored:
    leaf = log_entry(document, document["proof"][0], EntryKind.STATUS_LIST)
    return Anchored(document, (university.anchor(leaf),))


def trusting(*status_issuers: str, university_log: bool = True, service_log: bool = False) -> Trust:
    """A list with the university, and the service's log and key; who keeps whose lists is an argument."""
    pin = () if university_log else (UNIVERSITY.key.public_key.multikey(),)
    entry = RecognisedIssuer(UNIVERSITY.did, "Example University", keys=pin, status_issuers=status_issuers)
    trust = Trust().adding(entry, UNIVERSITY.recognised_log if university_log else None)
    service = RecognisedIssuer(SERVICE.did, keys=(KEY,), types=("nothing",))
    return trust.adding(service, SERVICE.recognised_log if service_log else None)


def check(
    bundle: Bundle, trust: Trust, brought: Sequence[Anchored] = (), at: ListSource | None = None
) -> Report:
    judge = Verifier(Web(), trust=trust, lists=[at] if at else [])
    return judge.verify(replace(bundle, status_lists=tuple(brought)), now=NOW)


def serving(document: dict[str, Any], url: str = ELSEWHERE) -> ListSource:
    return {url: json.dumps(document).encode()}.get


def decided(report: Report) -> tuple[Verdict, str]:
    assert report.deciding
    return report.verdict, report.deciding.name


class TestFetched:
    """At its own address, signed by the service: nobody but the service writes there."""

    @pytest.mark.parametrize("service_log", [True, False])
    def test_it_counts_where_the_trust_list_names_the_service(self, service_log: bool) -> None:
        trust = trusting(SERVICE.did, service_log=service_log)
        documents = (*UNIVERSITY.documents, *SERVICE.documents)
        bundle = replace(diploma(), issuer_documents=documents)
        assert check(bundle, trust, at=serving(a_list()))
        revoked = check(bundle, trust, at=serving(a_list(revoked=True)))
        assert decided(revoked) == (Verdict.INVALID, "status")

    def test_it_is_nothing_where_the_trust_list_does_not(self) -> None:
        for other in ((), ("did:web:another.example",)):
            report = check(diploma(), trusting(*other), at=serving(a_list()))
            assert decided(report) == (Verdict.UNDETERMINED, "status")
            assert report.deciding
            assert report.deciding.problem
            assert "by another issuer" in report.deciding.text
            assert "--status-issuer" in remedy(report.deciding.problem)

    def test_that_it_is_named_for_one_issuer_says_nothing_of_another(self) -> None:
        trust = trusting().adding(RecognisedIssuer("did:web:x.example", status_issuers=(SERVICE.did,)))
        assert decided(check(diploma(), trust, at=serving(a_list()))) == (Verdict.UNDETERMINED, "status")

    @pytest.mark.parametrize("url", [OWN, ELSEWHERE + "/", "https://STATUS.example/lists/1"])
    def test_one_for_another_address_does_not_count(self, url: str) -> None:
        report = check(diploma(), trusting(SERVICE.did), at=serving(a_list(url=url)))
        assert decided(report) == (Verdict.UNDETERMINED, "status")

    def test_one_that_a_third_party_signed_in_its_name_does_not_count(self) -> None:
        thief = University("status.example")  # another key under the same name
        report = check(diploma(), trusting(SERVICE.did), at=serving(a_list(thief)))
        assert decided(report) == (Verdict.UNDETERMINED, "status")
        forged = {**a_list(), "issuer": UNIVERSITY.did}
        report = check(diploma(), trusting(SERVICE.did), at=serving(forged))
        assert decided(report) == (Verdict.UNDETERMINED, "status")


class TestBrought:
    """By the presenter, who may be the thief of the service's key: a log has to hold it."""

    def test_the_thief_of_the_services_key_revives_nothing(self) -> None:
        zeros, other = a_list(hours=1), University("other.example")
        sources: list[ListSource | None] = [None, lambda url: None, serving(a_list(revoked=True))]
        for trust in (
            trusting(SERVICE.did),
            trusting(SERVICE.did, service_log=True),
            trusting(SERVICE.did, university_log=False),
            trusting(SERVICE.did, university_log=False, service_log=True),
            trusting(SERVICE.did).adding(RecognisedIssuer(other.did), other.recognised_log),
        ):
            for bundle in (diploma(), diploma(anchored=False)):
                for brought in (Anchored(zeros), in_log_of(other, zeros)):
                    for at in sources:
                        report = check(bundle, trust, [brought], at)
                        assert report.verdict is not Verdict.VALID

    def test_in_the_services_log_it_counts(self) -> None:
        brought = in_log_of(SERVICE, a_list())
        documents = (*UNIVERSITY.documents, *SERVICE.documents)
        bundle = replace(diploma(), issuer_documents=documents)
        assert check(bundle, trusting(SERVICE.did, service_log=True), [brought])
        report = check(bundle, trusting(SERVICE.did), [brought])  # which nobody trusts for it
        assert decided(report) == (Verdict.UNDETERMINED, "status")

    def test_in_the_log_of_the_credentials_issuer_it_counts(self) -> None:
        brought = in_log_of(UNIVERSITY, a_list())
        assert check(diploma(), trusting(SERVICE.did), [brought])
        revoked = in_log_of(UNIVERSITY, a_list(revoked=True, hours=1))
        for lists in ([brought, revoked], [revoked, brought]):
            assert decided(check(diploma(), trusting(SERVICE.did), lists)) == (Verdict.INVALID, "status")

    def test_the_log_of_a_third_party_is_none(self) -> None:
        other = University("other.example")
        trust = trusting(SERVICE.did).adding(RecognisedIssuer(other.did), other.recognised_log)
        report = check(diploma(), trust, [in_log_of(other, a_list())])
        assert decided(report) == (Verdict.UNDETERMINED, "status")


class TestOwnAddress:
    """Where the issuer has a list of its own for the address, another's says nothing beside it."""

    TRUST = trusting(SERVICE.did, service_log=True)

    def bundle(self) -> Bundle:
        return replace(diploma(OWN), issuer_documents=(*UNIVERSITY.documents, *SERVICE.documents))

    def own(self, **change: Any) -> Anchored:
        return in_log_of(UNIVERSITY, a_list(UNIVERSITY, OWN, **change))

    def others(self, **change: Any) -> Anchored:
        return in_log_of(SERVICE, a_list(SERVICE, OWN, **change))

    def test_its_revocation_is_final(self) -> None:
        for at in (None, serving(a_list(SERVICE, OWN, hours=1), OWN)):
            report = check(self.bundle(), self.TRUST, [self.others(hours=1), self.own(revoked=True)], at)
            assert decided(report) == (Verdict.INVALID, "status")

    def test_it_goes_before_a_newer_one(self) -> None:
        (status,) = (
            found.text
            for found in check(self.bundle(), self.TRUST, [self.own(hours=5), self.others()]).checks
            if found.name == "status"
        )
        assert status.startswith("not revoked as of 2026-07-01 07:00Z")

    def test_one_that_ended_is_not_made_good_by_anothers(self) -> None:
        ended = self.own(hours=24 * 31)
        for at in (None, serving(a_list(SERVICE, OWN), OWN)):
            report = check(self.bundle(), self.TRUST, [ended, self.others()], at)
            assert decided(report) == (Verdict.UNDETERMINED, "status")

    def test_without_one_at_hand_the_others_counts(self) -> None:
        assert check(self.bundle(), self.TRUST, [self.others()])


def test_a_key_of_the_service_that_ended_says_nothing_more() -> None:
    service = University("status.example")
    old = service.key
    service.publish_document([PrivateKey.generate()])
    trust = trusting(SERVICE.did).removing(SERVICE.did).adding(
        RecognisedIssuer(service.did), service.recognised_log
    )  # fmt: skip
    bundle = replace(diploma(), issuer_documents=(*UNIVERSITY.documents, *service.documents))
    service.key = old
    late = in_log_of(service, a_list(service))
    assert not check(bundle, trust, [late])
    assert not check(bundle, trust, at=serving(a_list(service)))


def test_the_keys_of_a_service_are_looked_up_as_an_issuers_are() -> None:
    trust = trusting(SERVICE.did).removing(SERVICE.did)
    web = Web(dict(SERVICE.documents[0].document))
    judge = Verifier(web, trust=trust, lists=[serving(a_list())])
    assert judge.verify(diploma(), now=NOW)
    assert web.asked == [SERVICE.did]
    assert isinstance(web.resolve(SERVICE.did).document, Document)


def test_who_signs_lists_only_is_looked_up_for_lists_only() -> None:
    """Also where somebody else's lists are concerned: no host is asked that the entry does not name."""
    trust = trusting().removing(SERVICE.did)
    trust = trust.adding(RecognisedIssuer("did:web:x.example", status_issuers=(SERVICE.did,)))
    web = Web(dict(SERVICE.documents[0].document))
    judge = Verifier(web, trust=trust, lists=[serving(a_list())])
    for shown in (diploma(), SERVICE.issue()):
        report = judge.verify(shown, now=NOW)
        assert report.verdict is Verdict.UNDETERMINED
    assert web.asked == []
