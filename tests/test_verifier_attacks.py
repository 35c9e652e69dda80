"""Attacks that once worked, or nearly did: each must fail, and for its own reason."""

from __future__ import annotations

import copy
import json
import re
import time
import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from did import METHODS, Document, Method, Resolution, Resolver
from keys import PrivateKey
from ledger import EntryKind
from tests.world import AWARDED, NOW, Holder, University, verifier
from vc import Anchored, Bundle, Report, Verdict
from vc.anchoring import log_entry
from vc.status import status_entry
from vc.vcdm.status_lists import status_list_document
from verifier import RecognisedIssuer, RecognisedLog, Trust, Verifier, load_policy
from verifier.policy import AllOf, Recognised
from verifier.summary import summarize
from wire import NotFound, Problem, Refused, Unavailable
from wire.fetch import NoFetcher

UNIVERSITY = University()
CREDENTIALS = "https://www.w3.org/2018/credentials#"
SECURITY = "https://w3id.org/security#"
PINNED = UNIVERSITY.pinned
"""A verifier that knows the university's key and no log: nothing but the signature holds the content."""


def unanchored(**change: Any) -> dict[str, Any]:
    document = UNIVERSITY.diploma(**change)
    del document["termsOfUse"]
    return document


def check(bundle: Any, trust: Trust = PINNED, **options: Any) -> Report:
    return verifier(trust).verify(bundle, now=NOW, **options)


def text(report: Report) -> str:
    return report.deciding.text if report.deciding else ""


class TestSpelling:
    """The same statements in other JSON: the signature stays good, so the question stays open."""

    @pytest.mark.parametrize("name", ["credentialStatus", "validFrom", "credentialSubject", "issuer"])
    def test_a_member_under_its_iri(self, name: str) -> None:
        document = dict(UNIVERSITY.sign(unanchored(index=1)))
        document[CREDENTIALS + name] = document.pop(name)
        assert check(document).verdict is Verdict.UNDETERMINED

    def test_an_end_that_readers_miss(self) -> None:
        document = dict(UNIVERSITY.sign(unanchored(index=2, validUntil="2026-06-30T12:00:00Z")))
        end = document.pop("validUntil")
        document[CREDENTIALS + "validUntil"] = {
            "@value": end,
            "@type": "http://www.w3.org/2001/XMLSchema#dateTime",
        }
        assert "another spelling of validUntil" in text(check(document))

    @pytest.mark.parametrize("keyword", ["@nest", "@graph", "@reverse"])
    def test_a_member_inside_a_keyword(self, keyword: str) -> None:
        document = dict(UNIVERSITY.sign(unanchored(index=3)))
        document[keyword] = {"credentialStatus": document.pop("credentialStatus")}
        assert check(document).verdict is Verdict.UNDETERMINED

    def test_an_alias_from_one_more_context(self) -> None:
        document = dict(UNIVERSITY.sign(unanchored(index=4)))
        document["@context"] = [*document["@context"], {"state": CREDENTIALS + "credentialStatus"}]
        document["state"] = document.pop("credentialStatus")
        assert check(document).verdict is Verdict.UNDETERMINED

    def test_an_id_under_a_keyword(self) -> None:
        owner = Holder()
        document = unanchored(index=5)
        document["credentialSubject"]["id"] = owner.did
        signed = copy.deepcopy(dict(UNIVERSITY.sign(document)))
        signed["credentialSubject"]["@id"] = signed["credentialSubject"].pop("id")
        assert check(signed).verdict is Verdict.UNDETERMINED

    @pytest.mark.parametrize(("name", "iri"), [("expires", "expiration"), ("domain", "domain")])
    def test_an_option_of_the_proof_under_its_iri(self, name: str, iri: str) -> None:
        option = {"expires": NOW} if name == "expires" else {"domain": "a.example"}
        signed = copy.deepcopy(dict(UNIVERSITY.sign(unanchored(index=6), **option)))
        signed["proof"][0][SECURITY + iri] = signed["proof"][0].pop(name)
        assert check(signed).verdict is Verdict.UNDETERMINED

    def test_members_of_the_credential_in_another_object(self) -> None:
        document = unanchored(index=7, validUntil="2026-06-30T12:00:00Z")
        document["evidence"] = {"type": ["Evidence"], "id": document["id"]}
        moved = copy.deepcopy(dict(UNIVERSITY.sign(document)))
        assert check(moved).verdict is Verdict.INVALID  # expired
        moved["evidence"]["validUntil"] = moved.pop("validUntil")
        assert check(moved).verdict is Verdict.UNDETERMINED

    def test_definitions_swapped_together_with_the_values(self) -> None:
        document = unanchored(index=8)
        terms = {
            "passed": "https://university.example/terms#passed",
            "failed": "https://university.example/terms#failed",
        }
        document["@context"] = [*document["@context"], terms]
        del document["credentialStatus"]
        document["credentialSubject"].update(passed="Cooking", failed="Medicine")
        signed = copy.deepcopy(dict(UNIVERSITY.sign(document)))
        (subject,) = check(signed).require()[0].subjects
        signed["@context"][-1] = {"passed": terms["failed"], "failed": terms["passed"]}
        signed["credentialSubject"].update(passed="Medicine", failed="Cooking")
        assert check(signed).require()[0].subjects == (subject,)
        assert subject[terms["passed"]] == "Cooking"
        assert not subject.keys() & terms.keys()

    def test_name_and_description_swapped_by_a_scoped_context(self) -> None:
        signed = copy.deepcopy(dict(UNIVERSITY.sign(unanchored(index=9))))
        swap = {"name": "https://schema.org/description", "description": "https://schema.org/name"}
        iri = "https://purl.imsglobal.org/spec/vc/ob/vocab.html#achievement"
        signed["@context"] = [
            signed["@context"][0],
            {"achievement": {"@id": iri, "@type": "@id", "@context": swap}},
        ]
        achievement = signed["credentialSubject"]["achievement"]
        achievement["name"], achievement["description"] = achievement["description"], achievement["name"]
        assert check(signed).verdict is not Verdict.VALID


class TestKeys:
    def rotated(self) -> tuple[University, PrivateKey]:
        university, new = University(), PrivateKey.generate()
        old, university.key = university.key, new
        university.publish_document([new])
        return university, old

    def test_a_retired_key_signs_nothing_without_evidence(self) -> None:
        university, stolen = self.rotated()
        document = university.diploma(index=1)
        del document["termsOfUse"]
        forged = university.sign(document, key=stolen)
        bundle = Bundle(forged, (), tuple(university.documents), university.status_lists())
        for documents in (university.documents, university.documents[:1]):
            report = check(replace(bundle, issuer_documents=tuple(documents)), university.trust)
            assert report.verdict is not Verdict.VALID

    def test_a_list_by_a_retired_key_is_not_believed(self) -> None:
        university, stolen = self.rotated()
        university.revoke(2)
        bundle = university.issue(index=2)
        clean = University().status_lists()[0].document
        forged = {key: value for key, value in clean.items() if key != "proof"}
        signed = university.sign({**forged, "issuer": university.did}, key=stolen, suite="eddsa-jcs-2022")
        report = check(replace(bundle, status_lists=(Anchored(signed),)), university.trust)
        assert report.verdict is not Verdict.VALID


class TestStatus:
    def test_many_entries_are_not_looked_up(self) -> None:
        entries = [status_entry(UNIVERSITY.list_url, 1)] * 1000
        began = time.process_time()
        report = check(UNIVERSITY.issue(index=10, credentialStatus=entries), UNIVERSITY.trust)
        assert "more than 4 status entries" in text(report)
        for number, good in ((4, True), (5, False)):
            some = UNIVERSITY.issue(index=10, credentialStatus=entries[:number])
            assert bool(check(some, UNIVERSITY.trust)) is good
        assert time.process_time() - began < 4

    def test_of_strangers_nothing_is_fetched(self) -> None:
        asked: list[str] = []
        assert not verifier(Trust(), lists=[asked.append]).verify(UNIVERSITY.issue(index=11), now=NOW)
        assert asked == []

    @pytest.mark.parametrize("problem", [Refused("x"), NotFound("x"), Unavailable("x"), None])
    def test_whatever_a_server_answers_is_not_the_diplomas_fault(self, problem: Exception | None) -> None:
        def source(url: str) -> bytes:
            if problem:
                raise problem
            return b"<html>"

        bundle = UNIVERSITY.issue(index=12)
        without = verifier(UNIVERSITY.trust, lists=[source]).verify(replace(bundle, status_lists=()), now=NOW)
        assert without.verdict is Verdict.UNDETERMINED
        assert verifier(UNIVERSITY.trust, lists=[source]).verify(bundle, now=NOW)

    def test_junk_in_front_does_not_hide_a_revocation(self) -> None:
        university = University()
        university.revoke(13)
        bundle = university.issue(index=13)
        junk = copy.deepcopy(dict(bundle.status_lists[0].document))
        junk["proof"][0]["cryptosuite"] = "x"
        report = check(replace(bundle, status_lists=(Anchored(junk), *bundle.status_lists)), university.trust)
        assert report.verdict is Verdict.INVALID

    def test_altered_evidence_of_a_list_is_noticed(self) -> None:
        bundle = UNIVERSITY.issue(index=14)
        first, *others = bundle.status_lists
        broken = replace(first.evidence[0], body=first.evidence[0].body.replace(b"index ", b"index 9"))
        lists = (Anchored(first.document, (broken,)), *others)
        assert check(replace(bundle, status_lists=lists), UNIVERSITY.trust).verdict is Verdict.INVALID


class TestTrust:
    def test_further_rules_never_replace_recognition(self) -> None:
        policy = AllOf((Recognised(), load_policy({"type": "OpenBadgeCredential"})))
        assert check(UNIVERSITY.issue(index=20), Trust(), policy=policy).verdict is Verdict.UNDETERMINED

    def test_a_further_type_has_to_be_recognised_too(self) -> None:
        types = ["VerifiableCredential", "OpenBadgeCredential", "urn:example:MedicalLicence"]
        issuer = RecognisedIssuer(UNIVERSITY.did, types=("OpenBadgeCredential",))
        trust = Trust().adding(issuer, UNIVERSITY.recognised_log)
        assert "MedicalLicence" in text(check(UNIVERSITY.issue(index=21, type=types), trust))

    def test_evidence_without_enough_witnesses_is_as_good_as_none(self) -> None:
        witness = University("witness.example")
        log = UNIVERSITY.recognised_log
        strict = RecognisedLog(log.key, clock=log.clock, witnesses=(str(witness.log.clock_key),), quorum=1)
        trust = Trust().adding(RecognisedIssuer(UNIVERSITY.did, keys=PINNED.issuers[0].keys), strict)
        bundle = UNIVERSITY.issue(index=22)
        assert check(bundle, trust).verdict is Verdict.UNDETERMINED
        assert check(replace(bundle, evidence=()), trust).verdict is Verdict.UNDETERMINED

    @pytest.mark.slow
    def test_strangers_leave_no_trace_in_memory(self) -> None:
        trust = Trust()
        for _ in range(50):
            check(University().issue(), trust)
        assert not trust._policies


class TestForm:
    def test_what_json_cannot_say_again_is_said_at_once(self) -> None:
        document = dict(UNIVERSITY.sign(unanchored(index=30)))
        document["@context"] = [*document["@context"], {"@zzz": 10**30}]
        assert check(json.dumps(document).encode()).checks[0].outcome.value == "undetermined"

    def test_the_end_of_the_calendar_is_no_crash(self) -> None:
        last = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
        report = verifier(PINNED).verify(UNIVERSITY.issue(index=31), now=last)
        assert report.verdict is Verdict.UNDETERMINED
        policy = load_policy({"statusWithinDays": 36_500})
        assert check(UNIVERSITY.issue(index=32), UNIVERSITY.trust, policy=policy)

    def test_an_enveloped_credential_stays_open(self) -> None:
        enveloped = {
            "@context": "https://www.w3.org/ns/credentials/v2",
            "type": "EnvelopedVerifiableCredential",
            "id": "data:application/vc+cose,x.y.z",
        }
        assert check(enveloped).verdict is Verdict.UNDETERMINED

    def test_a_fault_goes_before_an_open_question(self) -> None:
        document = copy.deepcopy(dict(UNIVERSITY.sign(unanchored(index=34), expires=NOW - timedelta(days=1))))
        document["proof"] = [
            {**document["proof"][0], "cryptosuite": "x", "proofValue": "zz"},
            *document["proof"],
        ]
        for proofs in (document["proof"], document["proof"][::-1]):
            assert check({**document, "proof": proofs}).verdict is Verdict.INVALID


class TestProofs:
    """35 to 37: options altered, proofs moved about, chains that do not hold."""

    @pytest.mark.parametrize("suite", ["eddsa-rdfc-2022", "eddsa-jcs-2022"])
    def test_a_proof_moved_to_another_diploma(self, suite: str) -> None:
        mine, other = (UNIVERSITY.sign(unanchored(index=n), suite=suite) for n in (40, 41))
        assert check({**mine, "proof": other["proof"]}).verdict is Verdict.INVALID
        both = {**mine, "proof": [*mine["proof"], *other["proof"]]}
        assert check(both).verdict is Verdict.INVALID

    @pytest.mark.parametrize("suite", ["eddsa-rdfc-2022", "eddsa-jcs-2022"])
    @pytest.mark.parametrize(
        "change",
        [
            {"created": "2020-01-01T00:00:00Z"},
            {"expires": "2036-01-01T00:00:00Z"},
            {"domain": "employer.example"},
            {"challenge": "challenge"},
            {"nonce": "x"},
            {"id": "urn:example:proof"},
            {"cryptosuite": "ecdsa-rdfc-2019"},
            {"proofPurpose": "authentication"},
            {"type": "Ed25519Signature2020"},
        ],
        ids=str,
    )
    def test_an_option_that_was_not_signed(self, suite: str, change: dict[str, str]) -> None:
        signed = UNIVERSITY.sign(unanchored(index=42), suite=suite)
        assert not check({**signed, "proof": [{**signed["proof"][0], **change}]})

    def chain(self) -> dict[str, Any]:
        document = UNIVERSITY.sign(unanchored(index=43), proof_id="urn:example:1")
        document = UNIVERSITY.sign(document, proof_id="urn:example:2", previous_proof="urn:example:1")
        return UNIVERSITY.sign(document, proof_id="urn:example:3", previous_proof="urn:example:2")

    def test_a_chain_of_proofs_holds(self) -> None:
        bundle = Bundle(self.chain(), (), (), UNIVERSITY.status_lists())
        assert check(bundle)
        for number in range(2):  # each names the one before
            proofs = [proof for place, proof in enumerate(bundle.secured["proof"]) if place != number]
            assert not check(replace(bundle, secured={**bundle.secured, "proof": proofs}))

    @pytest.mark.parametrize(
        ("place", "previous"),
        [(0, "urn:example:3"), (0, "urn:example:1"), (1, "urn:example:9"), (2, ["urn:example:1"]), (2, [])],
    )
    def test_a_chain_that_is_a_circle_or_leads_nowhere(self, place: int, previous: Any) -> None:
        document = self.chain()
        document["proof"][place]["previousProof"] = previous
        assert check(document).verdict is Verdict.INVALID


class TestTimes:
    """56: another clock may be five minutes ahead of ours, and no more."""

    @pytest.mark.parametrize(("what", "later"), [("proof", "undetermined"), ("diploma", "invalid")])
    @pytest.mark.parametrize("ahead", [300, 301])
    def test_a_diploma_of_the_future(self, what: str, ahead: int, later: str) -> None:
        university = University()
        trust = university.pinned
        lists, moment = university.status_lists(), NOW + timedelta(seconds=ahead)
        document = university.diploma(index=50)
        del document["termsOfUse"]
        if what == "proof":
            university.now = moment
        else:
            document["validFrom"] = f"{moment:%Y-%m-%dT%H:%M:%SZ}"
        report = check(Bundle(university.sign(document), (), (), lists), trust)
        assert report.verdict == (later if ahead > 300 else Verdict.VALID)

    def test_the_end_comes_when_it_comes(self) -> None:
        for end, verdict in ((1, Verdict.VALID), (0, Verdict.INVALID)):
            moment = f"{NOW + timedelta(seconds=end):%Y-%m-%dT%H:%M:%SZ}"
            assert check(UNIVERSITY.issue(index=51, validUntil=moment), UNIVERSITY.trust).verdict is verdict

    def test_what_a_log_saw_in_the_future(self) -> None:
        university = University()
        university.now = NOW + timedelta(seconds=301)
        bundle = university.bundle(university.sign(university.diploma(index=52, validFrom=AWARDED)))
        assert check(bundle, university.trust).verdict is Verdict.UNDETERMINED


class TestPresenting:
    """54, 55, R8: what was shown to one is worth nothing to another."""

    def test_an_empty_challenge_is_none(self) -> None:
        bundle = UNIVERSITY.issue(index=60)
        shown = replace(bundle, secured=Holder().present(bundle.secured, challenge=""))
        report = check(shown, UNIVERSITY.trust, challenge="", domain="employer.example")
        assert (report.verdict, text(report)[:14]) == (Verdict.UNDETERMINED, "it is genuine,")

    def test_a_diploma_under_a_presenters_own_proof(self) -> None:
        """The issuer's document, the thief's signature: neither a presentation nor the issuer's word."""
        thief, bundle = Holder(), UNIVERSITY.issue(index=61)
        for purpose in ("assertionMethod", "authentication"):
            bare = {name: value for name, value in bundle.secured.items() if name != "proof"}
            own = thief.sign(bare, created=None, purpose=purpose)
            assert check(replace(bundle, secured=own), UNIVERSITY.trust).verdict is Verdict.INVALID

    def test_a_presentation_is_no_diploma_and_the_reverse(self) -> None:
        holder, bundle = Holder(), UNIVERSITY.issue(index=62)
        shown = holder.present(bundle.secured)
        types = ["VerifiablePresentation", "VerifiableCredential"]
        for document in (
            {**shown, "type": "VerifiableCredential"},
            {**shown, "type": types},
            {**bundle.secured, "type": types},
            {**bundle.secured, "holder": holder.did, "type": "VerifiablePresentation"},
        ):
            asked = {"challenge": "challenge", "domain": "employer.example"}
            assert not check(replace(bundle, secured=document), UNIVERSITY.trust, **asked)


class TestLookalikes:
    """38: what looks the same is not the same."""

    @pytest.mark.parametrize(
        ("name", "other"),
        [
            ("Zoë", "Zoe\u0308"),  # NFC and NFD
            ("Ada", "\u0410da"),  # a Cyrillic A
            ("Ada", "A\u200bda"),
            ("Ada", "\u202eadA"),
            ("Ada", "Ada\u00ad"),
            ("ﬁ", "fi"),
        ],
    )
    def test_a_name_in_other_characters_is_another_content(self, name: str, other: str) -> None:
        for suite in ("eddsa-rdfc-2022", "eddsa-jcs-2022"):
            document = unanchored(index=70, name=name)
            signed = UNIVERSITY.sign(document, suite=suite)
            bundle = Bundle(signed, (), (), UNIVERSITY.status_lists())
            assert check(bundle)
            assert not check(replace(bundle, secured={**signed, "name": other}))

    def test_an_issuer_that_calls_itself_like_another_is_unknown(self) -> None:
        impostor = University("un1versity.example")
        report = check(impostor.issue(index=71), UNIVERSITY.trust.adding(UNIVERSITY.trust.issuers[0]))
        assert report.verdict is Verdict.UNDETERMINED
        said = 'says that it is by "Example University" (did:web:un1versity.example)'
        assert text(report) == f"the credential {said}, which is not on your list"
        assert report.deciding is not None
        assert report.deciding.facts["calls_itself"] == "Example University"
        told = json.dumps(report.to_dict()).replace(json.dumps(said)[1:-1], "")
        assert told.count("Example Univ") == 1
        with pytest.raises(Problem):
            report.require()

    @pytest.mark.parametrize("did", ["did:web:un\u0456versity.example", "did:web:university.example\u200b"])
    def test_a_did_has_no_other_characters(self, did: str) -> None:
        document = {**UNIVERSITY.sign(unanchored(index=72)), "issuer": did}
        document["proof"] = [{**document["proof"][0], "verificationMethod": f"{did}#x"}]
        assert check(document, Trust().adding(RecognisedIssuer(did))).verdict is Verdict.INVALID

    def test_the_name_that_is_shown_is_the_trust_lists(self) -> None:
        bundle = UNIVERSITY.issue(
            index=73, issuer={"id": UNIVERSITY.did, "type": ["Profile"], "name": "Oxbridge"}
        )
        (credential,) = check(bundle, UNIVERSITY.trust).require()
        assert summarize(credential, UNIVERSITY.trust).by == "Example University"


CLAIMED = re.compile(r"\b(?:Doctor|Ada|Master)\b")
"""Words: one key in four thousand has the letters of "Ada" somewhere in it."""


def test_an_invalid_report_has_no_way_to_the_claims() -> None:
    """R4: whoever does not look at the verdict gets nothing to show."""
    forged = copy.deepcopy(dict(UNIVERSITY.issue(index=80).secured))
    forged["credentialSubject"]["achievement"]["name"] = "Doctor of Everything"
    for report in (check(forged), check(UNIVERSITY.issue(index=81), Trust())):
        assert not report
        with pytest.raises(Problem):
            report.require()
        for name in [name for name in dir(report) if not name.startswith("_")]:
            shown = getattr(report, name)
            assert not CLAIMED.search(repr(shown)), name
        assert not CLAIMED.search(str(report) + json.dumps(report.to_dict()))


class TestListsAtHand:
    """A revoked diploma, an old list stapled to it, and a source that has the new one: never valid."""

    def setup_method(self) -> None:
        self.university = University(now=NOW - timedelta(days=100))
        self.old = self.university.issue(index=7, validUntil="2030-01-01T00:00:00Z")
        self.lists: dict[str, bytes] = {}

    def list(self, key: PrivateKey | None = None, url: str = "", **change: Any) -> dict[str, Any]:
        university = self.university
        document = status_list_document(
            url or university.list_url, university.did, university.bits,
            valid_from=university.now, lifetime=timedelta(days=200),
        )  # fmt: skip
        return university.sign({**document, **change}, key, suite="eddsa-jcs-2022")

    def stapled(self, document: dict[str, Any]) -> Anchored:
        leaf = log_entry(document, document["proof"][0], EntryKind.STATUS_LIST)
        return Anchored(document, (self.university.anchor(leaf),))

    def verdict(self, bundle: Bundle, trust: Trust | None = None, **options: Any) -> Verdict:
        university = self.university

        class Web:
            """The university answers, nobody else does."""

            def resolve(self, did: str) -> Resolution:
                if did == university.did:
                    return Resolution(Document.parse(university.documents[-1].document, did))
                if did.startswith("did:key:"):
                    return Resolver(METHODS, NoFetcher()).resolve(did)
                raise Unavailable(f"{did} does not answer")

            def method(self, did: str) -> Method | None:
                return Resolver(METHODS, NoFetcher()).method(did)

        judge = Verifier(Web(), trust=trust or university.trust, lists=[self.lists.get])
        return judge.verify(bundle, now=NOW, **options).verdict

    def revoke(self, key: PrivateKey) -> None:
        self.university.now = NOW - timedelta(days=1)
        self.university.revoke(7)
        self.lists[self.university.list_url] = json.dumps(self.list(key)).encode()

    def test_a_key_that_came_back_and_whose_return_is_left_out(self) -> None:
        old = self.stapled(self.list())
        for days, key in ((60, PrivateKey.generate()), (50, self.university.key)):
            self.university.now = NOW - timedelta(days=days)
            self.university.publish_document([key], alsoKnownAs=[f"https://university.example/{days}"])
        self.revoke(self.university.key)
        for documents in (self.university.documents, self.university.documents[:1]):
            bundle = replace(self.old, issuer_documents=tuple(documents), status_lists=(old,))
            assert self.verdict(bundle) is Verdict.INVALID
        bundle = replace(self.old, issuer_documents=tuple(self.university.documents[:2]), status_lists=(old,))
        assert self.verdict(bundle) is Verdict.UNDETERMINED

    def test_lists_of_strangers_do_not_use_up_the_questions_that_may_be_asked(self) -> None:
        """Of an issuer that is known by its DID alone, so that its keys are looked up; of others none are."""
        old, other_url = Anchored(self.list()), self.university.list_url + "1"
        mine, other = (
            self.university.sign(unanchored(index=number, credentialStatus=status_entry(url, number)))
            for number, url in ((7, self.university.list_url), (3, other_url))
        )
        elsewhere = self.list(url=other_url)
        self.revoke(self.university.key)
        junk = []
        for number in range(18):
            document = copy.deepcopy(elsewhere)
            document["proof"][0]["verificationMethod"] = f"did:web:x{number}.example#k"
            junk.append(Anchored(document))
        shown, trust = Holder().present(other, mine), Trust().adding(RecognisedIssuer(self.university.did))
        for lists, verdict in (
            ((Anchored(elsewhere), old), Verdict.INVALID),
            ((Anchored(elsewhere), *junk, old), Verdict.INVALID),
        ):
            asked = {"challenge": "challenge", "domain": "employer.example"}
            assert self.verdict(Bundle(shown, (), (), lists), trust, **asked) is verdict

    @pytest.mark.parametrize("served", ["another list", "a diploma", "another purpose", "one by a stranger"])
    def test_what_else_the_address_gives_is_no_definite_fault(self, served: str) -> None:
        stranger = University("stranger.example")
        made: dict[str, Callable[[], Any]] = {
            "another list": lambda: self.list(url=self.university.list_url + "1"),
            "a diploma": lambda: self.old.secured,
            "another purpose": lambda: self.list(
                credentialSubject={**self.list()["credentialSubject"], "statusPurpose": "suspension"}
            ),
            "one by a stranger": lambda: stranger.status_lists()[0].document,
        }
        document = made[served]()
        self.university.now = NOW - timedelta(hours=1)
        fresh = replace(self.old, status_lists=self.university.status_lists())
        self.lists[self.university.list_url] = json.dumps(document).encode()
        wanted = Verdict.VALID if served == "one by a stranger" else Verdict.UNDETERMINED
        assert self.verdict(fresh) is wanted


@pytest.mark.parametrize(
    "odd", [uuid.UUID(int=1), NOW, NOW.date(), Verdict.VALID, float("nan"), {"a": [NOW]}]
)
def test_a_value_that_json_does_not_have_is_a_verdict_and_no_crash(odd: Any) -> None:
    shown = Holder().present(UNIVERSITY.sign(UNIVERSITY.diploma(), suite="eddsa-jcs-2022"))
    document = copy.deepcopy(shown)
    document["verifiableCredential"][0]["proof"][0]["@context"] = odd
    report = check(document, challenge="challenge", domain="employer.example")
    assert report.verdict is Verdict.UNDETERMINED
