"""Who may present, whether a credential is needed at all, and issuers that nobody recognises: policy."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from did.methods import jwk as did_jwk
from did.methods import web as did_web
from keys import PrivateKey
from tests.world import NOW, Holder, University, verifier
from vc import Anchored, Bundle, Claims, Outcome, Report, Verdict, sign
from vc.anchoring import document_digest
from vc.vcdm.presentation import presentation
from verifier import AllOf, AnyOf, Policy, RecognisedIssuer, Trust, load_policy
from verifier.policy import OfType, Presenter
from wire import Problem, base64url_encode

UNIVERSITY = University()
PARENT, CHILD = Holder(), Holder()
ASKED: dict[str, Any] = {"challenge": "challenge", "domain": "employer.example"}


def card(**subject: Any) -> Bundle:
    document = UNIVERSITY.diploma(index=70)
    return UNIVERSITY.issue(
        {**document, "credentialSubject": {**document["credentialSubject"], "id": CHILD.did, **subject}}
    )


CARD = card()


def check(
    holder: Holder, *bundles: Bundle, policy: Any = None, trust: Trust | None = None, **options: Any
) -> Report:
    shown = holder.present(*(bundle.secured for bundle in bundles))
    whole = Bundle(
        shown,
        tuple(item for bundle in bundles for item in bundle.evidence),
        tuple(UNIVERSITY.documents),
        UNIVERSITY.status_lists(),
    )
    if policy is not None and not hasattr(policy, "check"):
        policy = load_policy(policy)
    judge = verifier(UNIVERSITY.trust if trust is None else trust)
    return judge.verify(whole, now=NOW, policy=policy, **{**ASKED, **options})


class TestPresenter:
    def test_by_default_it_is_the_subject(self) -> None:
        assert check(CHILD, CARD).verdict is Verdict.VALID
        report = check(PARENT, CARD)
        assert report.verdict is Verdict.INVALID
        assert report.deciding is not None
        assert "another holder" in report.deciding.text

    def test_two_dids_of_one_key_are_one_holder(self) -> None:
        """A wallet may sign under a did:key, where the credential names the did:jwk of that key."""
        by_jwk = did_jwk.create(CHILD.key.public_key)
        named = card(id=by_jwk)
        for policy in (None, "holderBound"):
            assert check(CHILD, named, policy=policy).verdict is Verdict.VALID
        assert check(PARENT, named).verdict is Verdict.INVALID
        assert check(CHILD, card(id=did_jwk.create(PARENT.key.public_key))).verdict is Verdict.INVALID
        assert check(CHILD, card(id="did:jwk:e30")).verdict is Verdict.INVALID, "which is no key"
        assert check(CHILD, card(id="did:web:child.example")).verdict is Verdict.INVALID
        subject = UNIVERSITY.diploma(index=71)["credentialSubject"]
        several = [{**subject, "id": by_jwk}, {**subject, "id": CHILD.did}, {**subject, "id": PARENT.did}]
        for subjects, good in ((several[:2], True), (several, False), ([several[0], subject], False)):
            document = UNIVERSITY.diploma(index=71, credentialSubject=subjects)
            assert bool(check(CHILD, UNIVERSITY.issue(document), policy="holderBound")) is good

    @pytest.mark.parametrize(
        "policy",
        [
            "anyPresenter",
            {"presenter": PARENT.did},
            {"allOf": ["anyPresenter", "anchored"]},
            {"anyOf": [{"type": "X"}, {"presenter": PARENT.did}]},
            {"allOf": [{"anyOf": ["holderBound", "anyPresenter"]}, "anchored"]},
        ],
        ids=range(5),
    )
    def test_another_where_the_policy_lets_her(self, policy: Any) -> None:
        report = check(PARENT, CARD, policy=policy)
        assert report.verdict is Verdict.VALID, report.to_dict()
        assert report.holder == PARENT.did
        assert report.require()[0].said == CARD.secured

    @pytest.mark.parametrize(
        "policy",
        [
            "anchored",
            {"presenter": Holder().did},
            {"allOf": ["anyPresenter", "holderBound"]},
            {"anyOf": [{"allOf": ["anyPresenter", {"type": "X"}]}, "anchored"]},
            {"anyOf": [{"presenter": Holder().did}, "anchored"]},
        ],
        ids=range(5),
    )
    def test_a_rule_that_is_not_kept_lets_nobody_present(self, policy: Any) -> None:
        assert not check(PARENT, CARD, policy=policy)

    def test_a_rule_of_ones_own(self) -> None:
        """A school knows whose parents its pupils' are."""
        guardians = {CHILD.did: {PARENT.did}}

        def may_present(holder: str, claims: Claims) -> bool:
            return all(holder in guardians[str(subject["id"])] for subject in claims.subjects)

        for holder, good in ((PARENT, True), (CHILD, True), (Holder(), False)):
            assert bool(check(holder, CARD, policy=Presenter(may_present))) is good

    def test_where_the_holder_is_not_proven_nobody_is_another(self) -> None:
        assert verifier(UNIVERSITY.trust).verify(CARD, now=NOW)
        report = verifier(UNIVERSITY.trust).verify(CARD, now=NOW, policy=load_policy("anyPresenter"))
        assert report.verdict is Verdict.UNDETERMINED


class TestControlsDID:
    def test_a_presentation_without_credentials_proves_a_did_where_that_is_asked_for(self) -> None:
        assert check(PARENT).verdict is Verdict.UNDETERMINED
        report = check(PARENT, policy="controlsDid")
        assert report.verdict is Verdict.VALID, report.to_dict()
        assert report
        assert report.holder == PARENT.did == report.to_dict()["holder"]
        assert not report.has_claims
        with pytest.raises(Problem, match="no credential was shown"):
            report.require()
        assert {found.outcome for found in report.checks if found.step > 2} == {Outcome.SKIPPED}
        assert [found.step for found in report.checks] == [*range(1, 10)]
        assert {found.finding for found in report.checks if found.step > 2} == {"not-asked"}

    @pytest.mark.parametrize(
        ("policy", "verdict"),
        [
            ({"allOf": ["controlsDid", "anchored"]}, Verdict.UNDETERMINED),
            ({"anyOf": ["controlsDid", "anchored"]}, Verdict.VALID),
            ({"allOf": ["controlsDid", "controlsDid"]}, Verdict.VALID),
            ("recognised", Verdict.UNDETERMINED),
        ],
        ids=str,
    )
    def test_whatever_else_is_asked_for_needs_a_credential(self, policy: Any, verdict: Verdict) -> None:
        assert check(PARENT, policy=policy).verdict is verdict

    @pytest.mark.parametrize("wrong", [{"challenge": "another"}, {"domain": "thief.example"}], ids=str)
    def test_a_copy_proves_nothing(self, wrong: dict[str, Any]) -> None:
        report = check(PARENT, policy="controlsDid", **wrong)
        assert report.verdict is Verdict.INVALID
        assert report.holder is None
        assert "holder" not in report.to_dict()
        assert (
            check(PARENT, policy="controlsDid", challenge=None, domain=None).verdict is Verdict.UNDETERMINED
        )

    def test_nor_does_one_that_another_signed(self) -> None:
        shown = PARENT.present()
        method = Holder().method
        for change in (
            {"holder": CHILD.did},
            {"proof": [{**shown["proof"][0], "verificationMethod": method}]},
        ):
            report = verifier(Trust()).verify(
                {**shown, **change}, now=NOW, policy=load_policy("controlsDid"), **ASKED
            )
            assert report.verdict is Verdict.INVALID

    def test_a_bare_credential_is_no_such_proof_and_one_that_is_shown_is_checked_whole(self) -> None:
        rule = load_policy("controlsDid")
        assert verifier(UNIVERSITY.trust).verify(CARD, now=NOW, policy=rule).verdict is Verdict.UNDETERMINED
        assert check(CHILD, CARD, policy=rule)
        assert check(CHILD, CARD, policy=rule, trust=Trust()).verdict is Verdict.UNDETERMINED


class TestStrangers:
    POLICIES: tuple[Policy | None, ...] = (
        None,
        OfType("OpenBadgeCredential"),
        AnyOf((load_policy("recognised"), OfType("OpenBadgeCredential"))),
        AllOf((OfType("OpenBadgeCredential"),)),
    )

    @pytest.mark.parametrize("policy", POLICIES, ids=["none", "a type", "any of two", "all of one"])
    def test_only_a_name_of_its_own_lets_them_in(self, policy: Policy | None) -> None:
        stranger = Holder()
        signed = stranger.sign(UNIVERSITY.plain(index=71, issuer=stranger.did))
        judge = verifier(UNIVERSITY.trust)
        assert judge.verify(signed, now=NOW, policy=policy).verdict is Verdict.UNDETERMINED
        assert judge.verify(signed, now=NOW, policy=policy, strangers=True).verdict is Verdict.VALID

    def test_what_the_policy_asks_for_still_stands_before_them(self) -> None:
        judge = verifier(Trust())
        for rule in ("recognised", {"type": "X"}):
            assert not judge.verify(CARD, now=NOW, policy=load_policy(rule), strangers=True)

    def test_and_the_subject_still_presents(self) -> None:
        assert check(PARENT, CARD, strangers=True).verdict is Verdict.INVALID
        assert check(CHILD, CARD, strangers=True)

    def test_nor_may_a_forger(self) -> None:
        forged = {**CARD.secured, "validFrom": "2026-06-29T00:00:00Z"}
        judge = verifier(UNIVERSITY.trust)
        assert judge.verify(replace(CARD, secured=forged), now=NOW, strangers=True).verdict is Verdict.INVALID


class TestKeyInForce:
    """A presentation has no log's time: its key has to be in force now."""

    def shown_by_an_organisation(self, *, later: int = 0, brought: int = 1, **method: Any) -> Report:
        """Its document is pinned, and says of its only key what `method` says; so are `later` ones, which
        have other keys. The first `brought` of all come along.
        """
        office, key = "did:web:office.example", PrivateKey.generate()
        document = did_web.document(office, {"authentication": [key.public_key]})
        document["verificationMethod"][0].update(method)
        others = ({"authentication": [PrivateKey.generate().public_key]} for _ in range(later))
        documents = [document, *(did_web.document(office, keys) for keys in others)]
        pinned = tuple(base64url_encode(document_digest(one)) for one in documents)
        shown = sign(
            presentation(office, []),
            key,
            verification_method=document["verificationMethod"][0]["id"],
            purpose="authentication",
            created=NOW - timedelta(minutes=1),
            challenge=ASKED["challenge"],
            domain=ASKED["domain"],
        )
        return verifier(Trust().adding(RecognisedIssuer(office, documents=pinned))).verify(
            Bundle(shown, (), tuple(map(Anchored, documents[:brought]))),
            now=NOW,
            policy=load_policy("controlsDid"),
            **ASKED,
        )

    @pytest.mark.parametrize("member", ["expires", "revoked"])
    def test_a_key_that_ended_presents_nothing(self, member: str) -> None:
        ended: dict[str, Any] = {member: "2026-07-01T12:00:00Z"}  # now
        report = self.shown_by_an_organisation(**ended)
        assert report.verdict is Verdict.INVALID
        assert report.holder is None

    def test_one_that_ends_in_a_second_does(self) -> None:
        assert self.shown_by_an_organisation(expires="2026-07-01T12:00:01Z")

    def test_one_that_a_newer_document_lacks_presents_nothing(self) -> None:
        assert self.shown_by_an_organisation(later=1, brought=2).verdict is Verdict.INVALID
        assert self.shown_by_an_organisation(later=1).verdict is Verdict.UNDETERMINED


NOBODY: dict[str, Any] = {"challenge": None, "domain": None}


class TestUnasked:
    def test_a_presentation_that_nobody_asked_for_is_judged_by_what_is_in_it(self) -> None:
        assert check(CHILD, CARD, **NOBODY).verdict is Verdict.UNDETERMINED
        for holder in (CHILD, PARENT):  # nobody looks whose it is
            report = check(holder, CARD, unasked=True, **NOBODY)
            assert report.verdict is Verdict.VALID
            assert report.holder is None
            assert (report.checks[1].code, report.checks[1].outcome) == ("holder-unasked", Outcome.SKIPPED)

    def test_what_is_in_it_is_judged_as_ever(self) -> None:
        altered = replace(CARD, secured={**CARD.secured, "name": "Altered"})
        assert check(CHILD, altered, unasked=True, **NOBODY).verdict is Verdict.INVALID
        assert check(CHILD, unasked=True, **NOBODY).verdict is Verdict.UNDETERMINED
        wanted = check(CHILD, CARD, policy="holderBound", unasked=True, **NOBODY)
        assert wanted.verdict is Verdict.UNDETERMINED

    def test_a_file_stays_a_file(self) -> None:
        report = verifier(UNIVERSITY.trust).verify(CARD, now=NOW, unasked=True)
        assert (report.verdict, report.checks[1].code) == (Verdict.VALID, "holder-anyone")

    def test_what_was_asked_for_is_not_unasked(self) -> None:
        with pytest.raises(ValueError, match="not unasked"):
            check(CHILD, CARD, unasked=True)
