"""The nine steps: what each finds, and that none can be talked round."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from did.methods import web as did_web
from intaglio.words import remedy
from keys import PrivateKey
from ledger import Evidence, parse_entry
from tests.world import NOW, Holder, University, verifier
from vc import Anchored, Bundle, Outcome, Report, Verdict, sign
from vc.anchoring import log_entry
from vc.forms import FORMS
from vc.vcdm.schema import Schemas
from verifier import RecognisedIssuer, RecognisedLog, Trust
from verifier.problem import NotKnown
from wire import Problem, Unavailable
from wire.datetimestamp import format_datetimestamp

UNIVERSITY = University()
BUNDLE = UNIVERSITY.issue()


def check(bundle: Any = BUNDLE, trust: Trust | None = None, **options: Any) -> Report:
    return verifier(UNIVERSITY.trust if trust is None else trust).verify(bundle, now=NOW, **options)


def outcomes(report: Report) -> dict[str, str]:
    return {found.name: found.outcome.value for found in report.checks}


def deciding(report: Report) -> tuple[str, str]:
    assert report.deciding is not None
    return report.deciding.name, report.deciding.text


def test_a_good_diploma_is_valid_and_only_then_are_there_claims() -> None:
    report = check()
    assert report.verdict is Verdict.VALID, report.to_dict()
    assert {check.code: check.outcome.value for check in report.checks} == {
        "readable-well-formed": "passed",
        "holder-anyone": "skipped",
        "issuer-document-in-log": "passed",
        "signature-unchanged": "passed",
        "dates-in-force-from": "passed",
        "status-not-revoked": "passed",
        "schema-none-known": "skipped",
        "evidence-in-log": "passed",
        "trust-accepted": "passed",
    }
    assert {check.credential for check in report.checks} == {None}, "there is one only"
    (credential,) = report.require()
    assert credential.said == BUNDLE.secured


def test_it_is_valid_after_a_journey_through_bytes() -> None:
    data = BUNDLE.to_bytes()
    assert check(data)
    assert Bundle.parse(data, FORMS) == BUNDLE


def test_the_bare_credential_lacks_its_evidence() -> None:
    """R3, A45: stripped evidence and a missing status are noticed, and neither good nor bad."""
    report = check(
        dict(BUNDLE.secured),
        trust=UNIVERSITY.trust.adding(
            RecognisedIssuer(UNIVERSITY.did, keys=(UNIVERSITY.key.public_key.multikey(),))
        ),
    )
    assert report.verdict is Verdict.UNDETERMINED
    assert outcomes(report)["evidence"] == "undetermined"
    assert outcomes(report)["status"] == "undetermined"


class TestReadable:
    @pytest.mark.parametrize(
        ("data", "verdict", "text"),
        [
            (b"", Verdict.UNDETERMINED, "empty"),
            (b"not JSON", Verdict.UNDETERMINED, "not JSON"),
            (b"[]", Verdict.UNDETERMINED, "begins with '{'"),
            (b"{}", Verdict.UNDETERMINED, "by its type"),
            (b'{"type": "IntaglioBundle", "version": 5}', Verdict.UNDETERMINED, "version"),
            (b'{"type": "IntaglioBundle", "version": 1}', Verdict.INVALID, "neither one credential"),
            (b'{"type": "IntaglioBundle", "version": 1, "x": 1}', Verdict.UNDETERMINED, "'x'"),
            (b'{"type": "VerifiablePresentation"}', Verdict.INVALID, "@context"),
        ],
    )
    def test_what_cannot_be_read_is_not_valid_for_the_reason(
        self, data: bytes, verdict: Verdict, text: str
    ) -> None:
        report = check(data)
        assert report.verdict is verdict
        name, found = deciding(report)
        assert name == "readable"
        assert text in found
        with pytest.raises(Problem):
            report.require()

    def test_a_presentation_of_nothing_decides_nothing(self) -> None:
        report = check(Holder().present(), challenge="challenge", domain="employer.example")
        assert (report.verdict, deciding(report)[0]) == (Verdict.UNDETERMINED, "issuer")


class TestHolder:
    def shown(self, holder: Holder, **options: Any) -> Bundle:
        bundle = UNIVERSITY.issue(index=9)
        return replace(bundle, secured=holder.present(bundle.secured, **options))

    def test_a_presentation_for_us_is_valid(self) -> None:
        report = check(self.shown(Holder()), challenge="challenge", domain="employer.example")
        assert report, report.to_dict()

    @pytest.mark.parametrize(
        ("asked", "text"),
        [
            ({"challenge": "another"}, "another challenge"),
            ({"challenge": "challenge", "domain": "other.example"}, "another verifier's domain"),
            ({}, "without the challenge"),
        ],
    )
    def test_a_replayed_presentation_is_not(self, asked: dict[str, Any], text: str) -> None:
        report = check(self.shown(Holder()), **asked)
        assert report.verdict is not Verdict.VALID
        name, found = deciding(report)
        assert (name, text in found) == ("holder", True)

    def test_two_domains_are_not_one(self) -> None:
        shown = self.shown(Holder(), domain=["employer.example", "other.example"])
        assert not check(shown, challenge="challenge", domain="employer.example")

    def test_a_presentation_without_a_challenge_never_passes(self) -> None:
        shown = self.shown(Holder(), challenge=None)
        assert not check(shown, challenge="challenge", domain="employer.example")

    @pytest.mark.parametrize("asked", [{"challenge": "challenge"}, {"domain": "employer.example"}], ids=str)
    def test_a_credential_is_no_presentation(self, asked: dict[str, Any]) -> None:
        assert deciding(check(**asked))[0] == "holder"

    def test_a_credential_of_somebody_else_cannot_be_shown(self) -> None:
        owner, thief = Holder(), Holder()
        document = UNIVERSITY.diploma(index=10)
        document["credentialSubject"]["id"] = owner.did
        bundle = UNIVERSITY.issue(document)
        asked: dict[str, Any] = {"challenge": "challenge", "domain": "employer.example"}
        assert check(replace(bundle, secured=owner.present(bundle.secured)), **asked)
        report = check(replace(bundle, secured=thief.present(bundle.secured)), **asked)
        assert "another holder" in deciding(report)[1]

    def test_the_holder_named_has_to_be_the_one_who_signed(self) -> None:
        holder = Holder()
        bundle = UNIVERSITY.issue(index=11)
        other = holder.sign(
            {**holder.present(bundle.secured), "holder": Holder().did},
            created=None,
            purpose="authentication",
            challenge="challenge",
        )
        other["proof"] = other["proof"][1:]
        assert (
            "not signed by its holder"
            in deciding(check(replace(bundle, secured=other), challenge="challenge"))[1]
        )

    def test_an_assertion_is_no_authentication(self) -> None:
        shown = self.shown(Holder(), purpose="assertionMethod")
        assert "not for authentication" in deciding(check(shown, challenge="challenge"))[1]

    def test_each_of_several_credentials_is_checked(self) -> None:
        holder = Holder()
        first, second = UNIVERSITY.issue(index=12), UNIVERSITY.issue(index=13)
        both = replace(
            first,
            secured=holder.present(first.secured, second.secured),
            evidence=(*first.evidence, *second.evidence),
        )
        asked: dict[str, Any] = {"challenge": "challenge", "domain": "employer.example"}
        report = check(both, **asked)
        assert report, report.to_dict()
        assert len(report.require()) == 2
        assert [(found.credential, found.step) for found in report.checks] == [
            *((None, step) for step in (1, 2)),
            *((number, step) for number in (0, 1) for step in range(3, 10)),
        ]
        missing = check(replace(both, evidence=first.evidence), **asked)
        assert missing.verdict is Verdict.UNDETERMINED


class TestIssuer:
    def test_a_document_that_nothing_binds_does_not_count(self) -> None:
        """Invariant 13: a forger brings a document of his own."""
        forger = University()
        for documents in (forger.documents, [Anchored(forger.documents[0].document)], []):
            report = check(replace(forger.issue(), issuer_documents=tuple(documents)))
            assert report.verdict is not Verdict.VALID
            assert deciding(report)[0] == "issuer"

    def test_a_forgers_document_in_the_forgers_log_does_not_count_beside_ours(self) -> None:
        forger = University()
        forged = forger.issue()
        mixed = replace(forged, issuer_documents=(*UNIVERSITY.documents, *forged.issuer_documents))
        assert not check(mixed)

    def test_a_pinned_key_needs_no_document(self) -> None:
        pinned = RecognisedIssuer(UNIVERSITY.did, keys=(UNIVERSITY.key.public_key.multikey(),))
        trust = Trust().adding(pinned, UNIVERSITY.recognised_log)
        assert check(replace(BUNDLE, issuer_documents=()), trust=trust)

    def test_a_pinned_digest_binds_a_document(self) -> None:
        from vc.anchoring import document_digest
        from wire import base64url_encode

        document = UNIVERSITY.documents[0].document
        pinned = RecognisedIssuer(UNIVERSITY.did, documents=(base64url_encode(document_digest(document)),))
        bundle = replace(BUNDLE, issuer_documents=(Anchored(document),))
        assert check(bundle, trust=Trust().adding(pinned, UNIVERSITY.recognised_log))

    def test_an_unknown_issuer_stays_open(self) -> None:
        report = check(trust=Trust())
        assert report.verdict is Verdict.UNDETERMINED
        assert isinstance(report.checks[2].problem, NotKnown)
        assert [found.step for found in report.checks] == [*range(1, 10)]
        claim = (
            'says that it is by "Example University" (did:web:university.example), which is not on your list'
        )
        assert deciding(report) == ("trust", f"the credential {claim}")

    def test_a_stranger_who_may_be_anybody_is_open_for_want_of_a_key_and_not_of_an_entry(self) -> None:
        report = check(replace(BUNDLE, issuer_documents=()), trust=Trust(), strangers=True)
        assert report.verdict is Verdict.UNDETERMINED
        assert deciding(report)[0] == "issuer"
        assert outcomes(report)["trust"] == "skipped"

    @pytest.mark.parametrize(
        ("change", "said", "hint"),
        [
            ({}, 'says that it is by "Example University" (did:key:z…)', "ask it for its trust file"),
            ({"termsOfUse": None}, 'says that it is by "Example University" (did:key:z…)', "ADD [--key z…]"),
            ({"name": None}, "is by did:key:z…", "ask it for its trust file"),
            ({"name": 'A" (did:web:good), on\n  your list\u202e'}, "says that it is by \"A' (did:web:good), "
             'on your list⟨202E⟩" (did:key:z…)', "ask it for its trust file"),
        ],
    )  # fmt: skip
    @pytest.mark.parametrize("online", [True, False])
    def test_a_stranger_has_a_name_to_ask_for(
        self, change: dict[str, Any], said: str, hint: str, online: bool
    ) -> None:
        """Whether its key is known or not; the name is what it calls itself, and shown as that."""
        holder = Holder()
        did = holder.did if online else "did:web:stranger.example"
        document = UNIVERSITY.diploma(
            index=18, issuer={"id": did, "type": ["Profile"], "name": "Example University"}
        )
        if change.get("name", ""):
            document["issuer"]["name"] = change["name"]
        elif "name" in change:
            del document["issuer"]["name"]
        if "termsOfUse" in change:
            del document["termsOfUse"]
        method = f"{did}#{holder.key.public_key.multikey()}"
        report = check(sign(document, holder.key, verification_method=method), trust=UNIVERSITY.trust)
        assert report.verdict is Verdict.UNDETERMINED
        assert report.deciding
        assert report.deciding.problem
        said, hint = said.replace("did:key:z…", did), hint.replace("ADD", f"intaglio trust add {did}")
        assert report.deciding.text == f"the credential {said}, which is not on your list"
        assert hint in remedy(report.deciding.problem)

    def test_a_hint_is_no_command_of_the_strangers(self) -> None:
        """It is copied into a shell."""
        holder, url = Holder(), "https://stranger.example/$(reboot);x"
        document = UNIVERSITY.diploma(index=19, issuer=url)
        del document["termsOfUse"]
        signed = sign(document, holder.key, verification_method=f"{url}#key-1")
        report = check(signed)
        assert report.deciding
        assert report.deciding.problem
        assert f"intaglio trust add '{url}' [" in remedy(report.deciding.problem)

    @pytest.mark.parametrize(
        ("method", "verdict"),
        [
            ("https://university.example/keys#1", Verdict.UNDETERMINED),
            ("urn:example:key", Verdict.UNDETERMINED),
            ("key-1", Verdict.INVALID),
            ("#key-1", Verdict.INVALID),
            ("https://a b", Verdict.INVALID),
            ("did:web", Verdict.INVALID),
            ("did:Web:university.example#1", Verdict.INVALID),
        ],
    )
    def test_keys_that_are_named_otherwise_than_by_a_did(self, method: str, verdict: Verdict) -> None:
        unsigned = UNIVERSITY.diploma(index=15)
        document = sign(unsigned, UNIVERSITY.key, suite="eddsa-jcs-2022", verification_method=method)
        report = check(replace(BUNDLE, secured=document, evidence=()))
        assert (report.verdict, deciding(report)[0]) == (verdict, "issuer")

    def test_an_issuer_that_is_no_did_stays_open(self) -> None:
        document = UNIVERSITY.sign(UNIVERSITY.diploma(index=16, issuer="https://university.example/"))
        report = check(replace(BUNDLE, secured=document, evidence=()))
        assert (report.verdict, deciding(report)[0]) == (Verdict.UNDETERMINED, "issuer")
        assert "https://university.example/" in deciding(report)[1]

    def test_a_proof_by_somebody_else_is_not_the_issuers(self) -> None:
        forged = Holder().sign(UNIVERSITY.diploma(index=14), created=None)
        report = check(replace(BUNDLE, secured=forged, evidence=()))
        assert "no proof is by the issuer" in deciding(report)[1]

    @pytest.mark.parametrize(
        ("options", "text"),
        [
            ({"purpose": "authentication"}, "not for assertionMethod"),
            ({"expires": NOW - timedelta(seconds=1)}, "expired"),
        ],
    )
    def test_a_proof_for_another_end_is_refused(self, options: dict[str, Any], text: str) -> None:
        bundle = replace(BUNDLE, secured=UNIVERSITY.sign(UNIVERSITY.diploma(), **options), evidence=())
        assert text in deciding(check(bundle))[1]

    def test_no_proof_is_refused(self) -> None:
        bare = {name: value for name, value in BUNDLE.secured.items() if name != "proof"}
        report = check(replace(BUNDLE, secured=bare, evidence=()))
        assert report.verdict is Verdict.INVALID
        assert "no proof" in deciding(report)[1]

    def test_an_unknown_suite_stays_open(self) -> None:
        odd = copy.deepcopy(dict(BUNDLE.secured))
        odd["proof"][0]["cryptosuite"] = "falcon-2030"
        assert check(replace(BUNDLE, secured=odd)).verdict is Verdict.UNDETERMINED


class TestSignature:
    def test_an_altered_grade_is_refused_and_nothing_else_is_said(self) -> None:
        altered = copy.deepcopy(dict(BUNDLE.secured))
        altered["credentialSubject"]["achievement"]["name"] = "PhD in Everything"
        report = check(replace(BUNDLE, secured=altered))
        assert report.verdict is Verdict.INVALID
        assert deciding(report)[0] == "signature"
        assert "PhD" not in json.dumps(report.to_dict())
        later = [found for found in report.checks if found.step > 4]
        assert {(found.outcome, found.finding) for found in later} == {(Outcome.SKIPPED, "not-reached")}

    def test_one_bad_proof_of_two_refuses_the_whole(self) -> None:
        twice = UNIVERSITY.sign(UNIVERSITY.sign(UNIVERSITY.diploma(index=15)), suite="eddsa-jcs-2022")
        bundle = UNIVERSITY.bundle(twice)
        assert check(bundle)
        broken = copy.deepcopy(twice)
        broken["proof"][1]["created"] = "2026-06-30T00:00:00Z"
        assert deciding(check(replace(bundle, secured=broken)))[0] == "signature"

    def test_each_member_removed_in_turn_is_noticed(self) -> None:
        """R1, R5."""
        for name in BUNDLE.secured:
            less = {key: value for key, value in BUNDLE.secured.items() if key != name}
            assert not check(replace(BUNDLE, secured=less)), name


class TestDates:
    @pytest.mark.parametrize(
        ("change", "text"),
        [
            ({"validFrom": "2026-07-02T00:00:00Z"}, "only from 2026-07-02"),
            ({"validUntil": "2026-07-01T00:00:00Z"}, "expired on 2026-07-01"),
        ],
    )
    def test_outside_its_dates_it_is_not_valid(self, change: dict[str, Any], text: str) -> None:
        report = check(UNIVERSITY.issue(index=16, **change))
        assert report.verdict is Verdict.INVALID
        assert text in deciding(report)[1]

    @pytest.mark.parametrize(
        ("start", "end", "code"),
        [
            (True, True, "in-force"),
            (True, False, "in-force-from"),
            (False, True, "in-force-until"),
            (False, False, "in-force-always"),
        ],
    )
    def test_which_of_first_and_last_day_there_is_has_a_code(self, start: bool, end: bool, code: str) -> None:
        document = UNIVERSITY.plain(index=33, validUntil="2027-01-01T00:00:00Z")
        for name, is_kept in (("validFrom", start), ("validUntil", end)):
            if not is_kept:
                del document[name]
        report = check(UNIVERSITY.sign(document), trust=UNIVERSITY.pinned)
        (found,) = [found for found in report.checks if found.name == "dates"]
        assert (report.verdict, found.code) == (Verdict.VALID, f"dates-{code}")

    def test_an_end_in_the_future_is_said(self) -> None:
        report = check(UNIVERSITY.issue(index=17, validUntil="2030-01-01T00:00:00Z"))
        assert report
        assert "until 2030-01-01" in report.checks[4].text


class TestStatus:
    @pytest.mark.parametrize(
        ("reason", "code"), [("issued-in-error", "status-revoked"), ("superseded", "status-superseded")]
    )
    def test_a_revoked_diploma_is_refused_with_date_and_reason(self, reason: str, code: str) -> None:
        university = University()
        before = university.issue(index=20)
        university.revoke(20, reason)
        after = replace(before, status_lists=university.status_lists())
        assert check(before, trust=university.trust)
        report = check(after, trust=university.trust)
        assert report.verdict is Verdict.INVALID
        text = f"revoked by the issuer on 2026-07-01: {reason.replace('-', ' ')}"
        assert (*deciding(report), report.deciding and report.deciding.code) == ("status", text, code)

    def test_a_list_at_hand_beats_an_old_copy_in_the_bundle(self) -> None:
        university = University()
        bundle = university.issue(index=21)
        university.now += timedelta(minutes=5)
        university.revoke(21)
        lists = {
            item.document["id"]: json.dumps(item.document).encode() for item in university.status_lists()
        }
        report = verifier(university.trust, lists=[lists.get]).verify(bundle, now=NOW)
        assert "revoked by the issuer" in deciding(report)[1]

    def test_without_details_it_is_still_refused(self) -> None:
        university = University()
        university.revoke(22)
        bundle = university.issue(index=22)
        report = check(replace(bundle, status_lists=bundle.status_lists[:1]), trust=university.trust)
        assert "not at hand" in deciding(report)[1]

    def test_a_missing_list_stays_open_and_says_how_to_go_on(self) -> None:
        report = check(replace(BUNDLE, status_lists=()))
        assert report.verdict is Verdict.UNDETERMINED
        assert "bundle" in (
            (report.deciding and report.deciding.problem and remedy(report.deciding.problem)) or ""
        )

    @pytest.mark.parametrize("answer", [b"{}", b'{"error": "gone"}', b"<html>"])
    def test_whatever_a_server_answers_the_credential_is_not_to_blame(self, answer: bytes) -> None:
        judge = verifier(UNIVERSITY.trust, lists=[lambda _: answer])
        report = judge.verify(replace(BUNDLE, status_lists=()), now=NOW)
        assert report.verdict is Verdict.UNDETERMINED
        report = judge.verify(BUNDLE, now=NOW)
        assert report.verdict is Verdict.VALID
        assert "a newer list could not be had" in next(
            one.text for one in report.checks if one.name == "status"
        )

    def test_an_unreachable_list_names_its_address(self) -> None:
        def unreachable(url: str) -> bytes | None:
            raise Unavailable(f"{url} does not answer")

        report = verifier(UNIVERSITY.trust, lists=[unreachable]).verify(
            replace(BUNDLE, status_lists=()), now=NOW
        )
        assert report.verdict is Verdict.UNDETERMINED
        assert UNIVERSITY.list_url in deciding(report)[1]
        report = verifier(UNIVERSITY.trust, lists=[unreachable]).verify(BUNDLE, now=NOW)
        assert report.verdict is Verdict.VALID
        (status,) = (found.text for found in report.checks if found.name == "status")
        assert f"a newer list could not be had from '{UNIVERSITY.list_url}'" in status

    def test_an_expired_list_stays_open(self) -> None:
        report = verifier(UNIVERSITY.trust).verify(BUNDLE, now=NOW + timedelta(days=31))
        assert (report.verdict, deciding(report)[0]) == (Verdict.UNDETERMINED, "status")

    def test_a_list_by_somebody_else_is_none(self) -> None:
        """Neither good nor bad: whether that one may sign it, the trust list would have to say."""
        forger = University("forger.example")
        forged = {**forger.status_lists()[0].document, "id": UNIVERSITY.list_url}
        forged = forger.sign({key: value for key, value in forged.items() if key != "proof"})
        report = check(replace(BUNDLE, status_lists=(Anchored(forged),)))
        assert (report.verdict, deciding(report)[0]) == (Verdict.UNDETERMINED, "status")
        assert "by another issuer, 'did:web:forger.example'" in deciding(report)[1]
        assert check(replace(BUNDLE, status_lists=(Anchored(forged), *BUNDLE.status_lists)))

    def test_an_altered_list_is_refused(self) -> None:
        altered = copy.deepcopy(dict(BUNDLE.status_lists[0].document))
        altered["validUntil"] = "2036-01-01T00:00:00Z"
        report = check(replace(BUNDLE, status_lists=(Anchored(altered),)))
        assert (report.verdict, deciding(report)[0]) == (Verdict.INVALID, "status")

    def test_a_credential_without_status_cannot_be_revoked(self) -> None:
        document = UNIVERSITY.diploma(index=23)
        del document["credentialStatus"]
        report = check(UNIVERSITY.issue(document))
        assert outcomes(report)["status"] == "skipped"
        assert report

    def test_a_status_of_another_kind_stays_open(self) -> None:
        status = {"id": "https://university.example/revocations", "type": "urn:example:OtherStatus"}
        report = check(UNIVERSITY.issue(index=24, credentialStatus=status))
        assert (report.verdict, deciding(report)[0]) == (Verdict.UNDETERMINED, "status")


class TestSchema:
    URL = "https://university.example/schema"

    @pytest.mark.parametrize(("required", "verdict"), [("issuer", "valid"), ("missing", "invalid")])
    def test_a_configured_schema_is_checked(self, required: str, verdict: str) -> None:
        schemas = Schemas({self.URL: {"type": "object", "required": [required]}})
        bundle = UNIVERSITY.issue(index=25, credentialSchema={"id": self.URL, "type": "JsonSchema"})
        report = verifier(UNIVERSITY.trust, schemas=schemas).verify(bundle, now=NOW)
        assert report.verdict.value == verdict
        (found,) = [found for found in report.checks if found.name == "schema"]
        assert found.outcome is (Outcome.PASSED if verdict == "valid" else Outcome.FAILED)
        assert found.code == ("schema-fits" if verdict == "valid" else "schema-schema-mismatch")

    def test_an_unknown_schema_is_skipped(self) -> None:
        bundle = UNIVERSITY.issue(index=26, credentialSchema={"id": self.URL, "type": "JsonSchema"})
        assert outcomes(check(bundle))["schema"] == "skipped"

    def test_a_schema_never_reaches_out(self) -> None:
        with pytest.raises(Problem, match="cannot be used"):
            Schemas({self.URL: {"$ref": "https://elsewhere.example/schema"}})


class TestEvidence:
    def test_what_a_log_has_that_is_on_no_list_is_left_aside(self) -> None:
        whole = UNIVERSITY.bundle(UNIVERSITY.sign(UNIVERSITY.plain()))
        report = verifier(UNIVERSITY.pinned).verify(whole, now=NOW)
        codes = [found.code for found in report.checks]
        assert (report.verdict, codes[5], codes[7]) == (
            Verdict.VALID,
            "status-irrevocable",
            "evidence-in-no-log",
        )
        assert "left aside: the evidence is from a log" in report.checks[7].text

    def test_evidence_of_another_diploma_is_refused(self) -> None:
        other = UNIVERSITY.issue(index=30)
        report = check(replace(BUNDLE, evidence=other.evidence))
        assert deciding(report) == ("evidence", "the evidence belongs to another credential")

    def test_so_is_it_where_the_issuer_has_no_log_that_is_trusted(self) -> None:
        plain = UNIVERSITY.issue(UNIVERSITY.plain(index=32))
        assert check(plain, trust=UNIVERSITY.pinned)
        other = UNIVERSITY.issue(index=30)
        report = check(replace(plain, evidence=other.evidence), trust=UNIVERSITY.pinned)
        assert deciding(report) == ("evidence", "the evidence belongs to another credential")

    def test_evidence_relabelled_for_this_diploma_is_refused(self) -> None:
        (ours,), (other,) = BUNDLE.evidence, UNIVERSITY.issue(index=31).evidence
        forged = Evidence(other.kind, ours.digest, other.body)
        assert deciding(check(replace(BUNDLE, evidence=(forged,))))[0] == "evidence"

    def test_stripped_evidence_is_noticed(self) -> None:
        report = check(replace(BUNDLE, evidence=()))
        assert (report.verdict, deciding(report)[0]) == (Verdict.UNDETERMINED, "evidence")

    def test_a_log_that_is_not_trusted_stays_open(self) -> None:
        report = check(trust=UNIVERSITY.pinned)
        assert (report.verdict, deciding(report)[0]) == (Verdict.UNDETERMINED, "evidence")
        assert "'university.example/log', which should hold it, is not on your list" in deciding(report)[1]
        bare = UNIVERSITY.sign(UNIVERSITY.plain(index=32))
        assert check(bare, trust=UNIVERSITY.pinned), "it names no log"

    def test_a_key_that_was_rotated_away_still_proves_what_it_signed_before(self) -> None:
        university = University()
        old = university.issue(index=1)
        new = PrivateKey.generate()
        university.publish_document([new])
        before = replace(old, issuer_documents=tuple(university.documents))
        stale, university.key = university.key, new
        renewed = replace(before, status_lists=university.status_lists())
        assert check(renewed, trust=university.trust)
        late = university.bundle(university.sign(university.diploma(index=2), key=stale))
        report = check(late, trust=university.trust)
        assert (report.verdict, deciding(report)[0]) == (Verdict.INVALID, "evidence")

    @pytest.mark.parametrize("member", ["revoked", "expires"])
    def test_a_stolen_key_signs_nothing_after_its_end(self, member: str) -> None:
        """A46: refused by the anchored time, whatever `created` says."""
        university = University()
        old = university.issue(index=1)
        document = copy.deepcopy(dict(university.documents[0].document))
        document["verificationMethod"][0][member] = "2026-07-01T10:30:00Z"
        university.publish_document([university.key], verificationMethod=document["verificationMethod"])
        documents = tuple(university.documents)
        assert check(replace(old, issuer_documents=documents), trust=university.trust)
        university.now += timedelta(hours=1)
        late = replace(university.issue(index=2), status_lists=old.status_lists)
        report = check(late, trust=university.trust)
        assert (report.verdict, deciding(report)[0]) == (Verdict.INVALID, "evidence")

    @pytest.mark.parametrize(
        ("member", "verdict"), [("expires", Verdict.VALID), ("revoked", Verdict.INVALID)]
    )
    def test_a_later_document_says_of_what_was_before_it_only_that_its_key_was_revoked(
        self, member: str, verdict: Verdict
    ) -> None:
        """That a key expires is said of what follows, whatever the day; a revocation may be dated back."""
        university = University()
        old = university.issue(index=1)
        (credential, leaf) = old.secured, log_entry(old.secured, old.secured["proof"][0])
        document = copy.deepcopy(dict(university.documents[0].document))
        document["verificationMethod"][0][member] = format_datetimestamp(university.now)
        university.now += timedelta(hours=1)
        new = PrivateKey.generate()
        methods = [
            *document["verificationMethod"],
            *did_web.document(university.did, {"assertionMethod": [new.public_key]})["verificationMethod"],
        ]
        university.publish_document([university.key, new], verificationMethod=methods)
        university.key, (index,) = new, university.log.append([leaf], parse_entry(leaf).digest)
        of_today = Bundle(
            credential,
            (university.log.evidence(index),),
            tuple(university.documents),
            university.status_lists(),
        )
        report = check(of_today, trust=university.trust)
        assert report.verdict is verdict, report.checks

    @given(data=st.data())
    @settings(max_examples=2 * settings().max_examples, suppress_health_check=[HealthCheck.too_slow])
    def test_flipping_any_byte_of_the_bundle_fails_or_changes_nothing(self, data: st.DataObject) -> None:
        raw = BUNDLE.to_bytes()
        place = data.draw(st.integers(0, len(raw) - 1))
        flipped = raw[:place] + bytes([raw[place] ^ data.draw(st.integers(1, 255))]) + raw[place + 1 :]
        report = check(flipped)
        if report:
            assert Bundle.parse(flipped, FORMS).secured == BUNDLE.secured
        else:
            assert report.deciding is not None


@pytest.mark.parametrize("part", ["evidence", "issuer_documents", "status_lists"])
def test_removing_an_intact_part_never_makes_a_bad_bundle_good(part: str) -> None:
    """Invariant 12."""
    university = University()
    university.revoke(1)
    altered = copy.deepcopy(dict(BUNDLE.secured))
    altered["name"] = "x"
    for bad, trust in (
        (university.issue(index=1), university.trust),
        (replace(BUNDLE, secured=altered), UNIVERSITY.trust),
        (replace(BUNDLE, evidence=UNIVERSITY.issue(index=2).evidence), UNIVERSITY.trust),
    ):
        assert not check(bad, trust=trust)
        items = getattr(bad, part)
        for number in range(len(items)):
            fewer = replace(bad, **{part: items[:number] + items[number + 1 :]})
            assert not check(fewer, trust=trust)


class TestTrust:
    def test_an_issuer_recognised_for_other_types_is_refused(self) -> None:
        issuer = RecognisedIssuer(UNIVERSITY.did, types=("urn:example:LibraryCard",))
        trust = Trust().adding(issuer, UNIVERSITY.recognised_log)
        report = check(trust=trust)
        assert (report.verdict, deciding(report)[0]) == (Verdict.INVALID, "trust")

    def test_a_log_without_a_recognised_issuer_is_not_enough(self) -> None:
        trust = Trust(
            logs=(
                RecognisedLog(
                    UNIVERSITY.recognised_log.key, (UNIVERSITY.did,), UNIVERSITY.recognised_log.clock
                ),
            )
        )
        report = check(trust=trust)
        assert (report.verdict, deciding(report)[0]) == (Verdict.UNDETERMINED, "trust")


def test_a_moment_without_a_time_zone_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(ValueError, match="time zone"):
        verifier(UNIVERSITY.trust).verify(BUNDLE, now=NOW.replace(tzinfo=None))
