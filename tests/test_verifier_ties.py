"""What ties one thing to another: ties that a single comparison holds, and somebody who pulls at them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from keys import PrivateKey
from ledger import Fact, Log
from ledger.tiles.memory import MemoryStore
from tests.world import NOW, Holder, University, verifier
from vc import SUITES, Anchored, Bundle, Cryptosuite, StatusList, Verdict
from vc.anchoring import anchoring_terms, log_entry
from vc.vcdm.status_lists import status_list_document
from verifier import RecognisedLog, Trust, load_policy
from verifier.sources.evidence import attested
from wire.datetimestamp import format_datetimestamp


def test_a_presentation_that_two_sign_is_nobodys() -> None:
    """Each of them could take the other's for a proof of its own."""
    holder, thief = Holder(), Holder()
    asked: dict[str, Any] = {"challenge": "challenge", "domain": "employer.example"}
    options: dict[str, Any] = {"purpose": "authentication", **asked}
    judge, policy = verifier(Trust()), load_policy("controlsDid")
    shown = holder.present()
    both = thief.sign(shown, **options)
    assert judge.verify(shown, now=NOW, policy=policy, **asked).verdict is Verdict.VALID
    for proofs in (both["proof"], both["proof"][::-1]):
        report = judge.verify({**both, "proof": proofs}, now=NOW, policy=policy, **asked)
        assert report.verdict is Verdict.INVALID
        assert report.holder is None


def test_a_fault_of_the_program_is_no_finding() -> None:
    """Only a `Problem` becomes a line of a report: anything else has to be seen."""

    class Broken(Mapping[str, Cryptosuite]):
        def __getitem__(self, name: str) -> Cryptosuite:
            raise ZeroDivisionError

        def __iter__(self) -> Iterator[str]:
            return iter(SUITES)

        def __len__(self) -> int:
            return len(SUITES)

    university = University()
    with pytest.raises(ZeroDivisionError):
        verifier(university.trust, suites=Broken()).verify(university.issue(), now=NOW)


def test_a_report_holds_none_of_what_was_read_on_the_way() -> None:
    """Frames have all of it, in a circle that only the collector of garbage finds."""
    university = University()
    bare = replace(university.issue(), status_lists=(replace(university.status_lists()[0], evidence=()),))
    report = verifier(university.trust).verify(bare, now=NOW)
    (problem,) = (found.problem for found in report.checks if found.problem)
    assert problem.because
    for found in (problem, problem.because):
        assert (found.__traceback__, found.__cause__, found.__context__) == (None, None, None)


def test_a_purpose_that_is_spelled_as_an_iri_is_left_open() -> None:
    university = University()
    signed = university.sign(university.diploma(), purpose="https://w3id.org/security#assertionMethod")
    report = verifier(university.trust).verify(university.bundle(signed), now=NOW)
    assert report.verdict is Verdict.UNDETERMINED, report.to_dict()


def test_a_report_says_which_of_several_diplomas_it_is_about() -> None:
    university, holder = University(), Holder()
    good, bad = university.issue(university.diploma(1)), university.issue(university.diploma(2))
    university.revoke(2)
    shown = holder.present(good.secured, bad.secured)
    whole = Bundle(
        shown, (*good.evidence, *bad.evidence), tuple(university.documents), university.status_lists()
    )
    asked: dict[str, Any] = {"challenge": "challenge", "domain": "employer.example"}
    report = verifier(university.trust).verify(whole, now=NOW, **asked)
    assert [(found.name, found.credential) for found in report.checks if found.problem] == [("status", 1)]
    assert {found.credential for found in report.checks} == {None, 0, 1}


def test_a_diploma_that_names_another_issuer_than_its_key_is_nobodys() -> None:
    """A thief's own key, and the name of the university: the key fits, the name does not."""
    university = University()
    diploma, judge = university.plain(), verifier(university.pinned)
    assert judge.verify(university.sign(diploma), now=NOW).verdict is Verdict.VALID
    assert judge.verify(Holder().sign(diploma), now=NOW).verdict is Verdict.INVALID


def test_a_status_list_that_another_signed_in_the_issuers_name_revives_nothing() -> None:
    university = University()
    judge = verifier(university.pinned)
    diploma = university.diploma()
    del diploma["termsOfUse"]
    zeros = status_list_document(
        university.list_url, university.did, StatusList(), valid_from=NOW, lifetime=timedelta(days=1)
    )
    own = Anchored(university.sign(zeros, suite="eddsa-jcs-2022"))
    stranger = Anchored(Holder().sign(zeros, suite="eddsa-jcs-2022"))
    whole = Bundle(university.sign(diploma), (), (), (own,))
    assert judge.verify(whole, now=NOW).verdict is Verdict.VALID
    assert not judge.verify(replace(whole, status_lists=(stranger,)), now=NOW)


def test_what_an_issuer_with_a_log_signed_is_in_the_log_whatever_it_says_itself() -> None:
    university = University()
    diploma = university.diploma()
    del diploma["termsOfUse"], diploma["credentialStatus"]
    whole = university.bundle(university.sign(diploma))
    judge = verifier(university.trust)
    assert judge.verify(whole, now=NOW).verdict is Verdict.VALID
    assert judge.verify(replace(whole, evidence=()), now=NOW).verdict is Verdict.UNDETERMINED


@pytest.mark.parametrize("ended", [False, True])
def test_a_document_in_another_log_ends_a_key_by_the_time_that_it_states(ended: bool) -> None:
    """Not by its place: the diploma is in a new log, whose numbers begin again."""
    university = University()
    if ended:
        (method,) = university.documents[0].document["verificationMethod"]
        expires = format_datetimestamp(university.now)
        university.publish_document([university.key], verificationMethod=[{**method, "expires": expires}])
    signer, clock = (PrivateKey.generate() for _ in range(2))
    log = Log("university.example/new", signer, clock, MemoryStore(), clock=lambda: university.now)
    diploma = university.diploma(termsOfUse=[anchoring_terms(log.origin)])
    del diploma["credentialStatus"]
    signed = university.sign(diploma)
    log.append([log_entry(signed, signed["proof"][0])], b"1")
    new = RecognisedLog(str(log.verifier_key), clock=str(log.clock_key))
    trust = university.trust.adding(university.trust.issuers[0], new)
    bundle = Bundle(signed, (log.evidence(0),), tuple(university.documents))
    verdict = Verdict.INVALID if ended else Verdict.VALID
    assert verifier(trust).verify(bundle, now=NOW).verdict is verdict


def test_a_log_speaks_for_its_own_issuer_and_for_no_other_on_the_list() -> None:
    """Whoever keeps one of two trusted logs could else vouch for what the other issuer's key signed."""
    university, other = University(), University("other.example")
    trust = university.trust.joined(other.trust)
    diploma = university.diploma()
    del diploma["termsOfUse"], diploma["credentialStatus"]
    signed = university.sign(diploma)
    leaf = log_entry(signed, signed["proof"][0])
    whole = Bundle(signed, (university.anchor(leaf),), tuple(university.documents))
    judge = verifier(trust)
    assert judge.verify(whole, now=NOW).verdict is Verdict.VALID
    assert not judge.verify(replace(whole, evidence=(other.anchor(leaf),)), now=NOW)


@pytest.mark.parametrize(
    ("clock", "said"),
    [("own", "the issuer's own clock"), ("witness", "the clock of independent witnesses")],
)
def test_a_report_says_whose_clock_a_time_is_by(clock: str, said: str) -> None:
    fact = Fact("kind", "log.example", NOW, clock, 0, 3)
    assert attested(fact) == f"entry 3 of the log log.example by 2026-07-01 12:00Z (time: {said})"
    assert attested(replace(fact, time=None)).endswith("at a time that nobody states")
