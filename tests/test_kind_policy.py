"""What a kind asks for: more than a verifier's own rules, never less; with the kind left out that is open."""

from __future__ import annotations

import base64
import hashlib
import json
from contextlib import nullcontext
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from issuer.problem import LISTS_TOO_OLD
from kinds import Kind
from kinds.cells import sri
from kinds.kind import KindPolicy
from kinds.problem import INVALID_KIND
from tests.commandline import Program
from tests.problems import raises
from tests.test_kinds_facts import CLUB_FIELDS, club
from tests.test_sd_jwt_issuing import facts, secured
from tests.test_verifier_kinds import UNIVERSITY, bent, check, issued, shown
from tests.world import NOW, Holder, decided, issuer_in
from vc import Bundle, Credential, Verdict
from vc.claims import KIND
from vc.forms.sdjwt.credential import SDJWTCredential
from verifier import RecognisedIssuer
from verifier.policy import AllOf, Findings, load_policy
from verifier.problem import RESOURCE_MISSING, NotKnown
from verifier.resources import ResourcesGiven
from verifier.sources.trust_entries import KindFiles
from wire import base64url_encode
from wire.work import Work

ASKED = {"challenge": "challenge", "domain": "employer.example"}
FIELDS = {**CLUB_FIELDS, "inspected_on": {"type": "date", "iri": "https://example.org/terms#inspectedOn"}}
FRESH, STALE = str((NOW - timedelta(days=730)).date()), str((NOW - timedelta(days=731)).date())
INSPECTED = {"check_age": {"field": "inspected_on", "days": 730}}


def asking(**policy: Any) -> Kind:
    return club(fields=FIELDS, policy=policy)


def brought(kind: Kind, holder: str | None = None, **cells: str) -> Bundle:
    """A credential with its kind, which the log holds."""
    return replace(issued(kind, {"no": "1", **cells}, holder), kinds=(shown(kind),))


def outcome(bundle: Bundle, **options: Any) -> tuple[Verdict, str]:
    report = check(bundle, **options)
    return report.verdict, decided(report).code if not report else ""


# What parsing refuses


def test_a_kind_without_a_policy_asks_for_nothing_and_is_named_as_before() -> None:
    kind = club()
    assert kind.policy == KindPolicy()
    assert kind.reference == f"urn:intaglio:kind:club:1:{kind.digest}"
    named = asking(holder=True)
    assert named.reference == f"urn:intaglio:kind:club:1:policy:{named.digest}"
    assert asking(holder=False, resources=False).policy == KindPolicy()


@pytest.mark.parametrize(
    ("policy", "list_life", "says"),
    [
        (
            {"status_age": 182},
            0,
            "lists get 182.5 days old before they are signed anew, and status_age is 182",
        ),
        ({"status_age": 0}, 0, "status_age is 0"),
        ({"status_age": -1}, 0, "status_age is -1"),
        ({"status_age": 40_000}, 0, "status_age is 40000"),
        ({"status_age": 14}, 30, "lists get 15 days old"),
        ({"status_age": True}, 0, "another type"),
        ({"status_age": "30d"}, 0, "another type"),
        ({"holder": 1}, 0, "another type"),
        ({"resource": True}, 0, "no member 'resource'"),
        ({"check_age": {"field": "inspected_on", "days": 0}}, 0, "is a number of days"),
        ({"check_age": {"field": "inspected_on"}}, 0, "'days' is missing"),
        ({"check_age": {"field": "no", "days": 1}}, 0, "is no date that a credential says"),
        ({"check_age": {"field": "seen", "days": 1}}, 0, "is no date that a credential says"),
        ({"check_age": {"field": "nothing", "days": 1}}, 0, "is no date that a credential says"),
        ({}, -1, "'list_life' is a number of days"),
    ],
)
def test_a_policy_that_no_credential_could_keep_is_refused(
    policy: dict[str, Any], list_life: int, says: str
) -> None:
    fields = {**FIELDS, "seen": {"type": "date"}}
    with raises(INVALID_KIND, match=says):
        club(fields=fields, policy=policy, list_life=list_life)


@pytest.mark.parametrize(("age", "list_life"), [(183, 0), (15, 30), (365, 0), (1, 2)])
def test_a_status_may_be_as_old_as_a_list_that_is_signed_anew(age: int, list_life: int) -> None:
    assert club(policy={"status_age": age}, list_life=list_life).policy.status_age == age


# What a verifier asks for then


def test_a_holder_has_to_present_it_where_the_kind_asks_for_that() -> None:
    holder, kind = Holder(), asking(holder=True)
    bundle = brought(kind, holder.did)
    assert outcome(bundle) == (Verdict.UNDETERMINED, "trust-subject-not-proved")
    presented = replace(bundle, secured=holder.present(bundle.secured))
    assert outcome(presented, **ASKED) == (Verdict.VALID, "")
    assert outcome(brought(kind)) == (Verdict.UNDETERMINED, "trust-subject-not-proved")


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        ({"inspected_on": FRESH}, (Verdict.VALID, "")),
        ({"inspected_on": STALE}, (Verdict.INVALID, "trust-check-too-old")),
        ({}, (Verdict.UNDETERMINED, "trust-check-missing")),
        ({"inspected_on": "2026-07-02"}, (Verdict.VALID, "")),
        ({"inspected_on": "2026-07-03"}, (Verdict.UNDETERMINED, "trust-dated-ahead")),
    ],
    ids=["the last day", "a day later", "no day", "today in the east", "ahead"],
)
def test_a_check_has_to_be_as_young_as_the_kind_asks(
    cells: dict[str, str], expected: tuple[Verdict, str]
) -> None:
    assert outcome(brought(asking(**INSPECTED), **cells)) == expected


def test_a_status_has_to_be_as_young_as_the_kind_asks() -> None:
    kind = club(fields=FIELDS, policy={"status_age": 1}, list_life=2)
    assert outcome(brought(kind)) == (Verdict.VALID, "")
    bundle = brought(kind)
    later = NOW + timedelta(days=1)  # the list is of two hours before
    report = check(bundle, now=later)
    assert decided(report).code == "trust-status-too-old"


@pytest.mark.parametrize("form", ["digestSRI", "digestMultibase", "sha512", "none", "both"])
def test_files_that_a_credential_states_have_to_be_given(form: str) -> None:
    kind, data = asking(resources=True), b"a plan of the building"
    document = json.loads(json.dumps(dict(issued(kind).secured)))
    del document["proof"]
    digest = hashlib.sha256(data).digest()
    stated = {
        "digestSRI": {"digestSRI": f"sha256-{base64.b64encode(digest).decode()}"},
        "digestMultibase": {"digestMultibase": "u" + base64url_encode(b"\x12\x20" + digest)},
        "sha512": {"digestSRI": f"sha512-{base64.b64encode(hashlib.sha512(data).digest()).decode()}"},
    }
    stated["both"] = stated["digestSRI"] | stated["digestMultibase"]
    if form != "none":
        document["relatedResource"] = {"id": "https://example.org/plan.pdf", **stated[form]}
    bundle = replace(UNIVERSITY.issue(document), kinds=(shown(kind),))
    given = [digest, hashlib.sha512(data).digest()]
    assert outcome(bundle, resources=given) == (Verdict.VALID, "")
    missing = (Verdict.UNDETERMINED, "trust-resource-missing")
    for others in ([], [hashlib.sha256(b"another plan").digest()]):
        assert outcome(bundle, resources=others) == ((Verdict.VALID, "") if form == "none" else missing)


STATES: dict[str, Any] = {"plan": {"type": "digest", "iri": "https://example.org/terms#plan"}}
PLAN = hashlib.sha256(b"a plan of the building").digest()


@pytest.mark.parametrize("disclosure", ["allowed", "never"])
@pytest.mark.parametrize("is_item", [False, True])
def test_a_file_is_asked_for_though_its_digest_could_be_hidden(is_item: bool, disclosure: str) -> None:
    """Where its kind lets a holder hide the digest, what does not show it is open, never accepted."""
    field, cells = {"disclosure": disclosure}, {"plan": sri(PLAN)}
    fields = (
        {"plans": {"type": "group", "iri": "https://example.org/terms#plans", "fields": STATES, **field}}
        if is_item
        else {"plan": {**STATES["plan"], **field}}
    )
    kind = club(fields={**CLUB_FIELDS, **fields}, policy={"resources": True})
    with_plan = {"no": "1", **({"plans": [cells]} if is_item else cells)}

    def kept(shown: SDJWTCredential, *given: bytes) -> bool:
        try:
            ResourcesGiven(kind).check(Findings(shown.claims, NOW, None, resources=frozenset(given)))
        except NotKnown:  # which is open
            return False
        return True

    whole = secured(facts(kind, with_plan))
    bare = secured(facts(kind, {"no": "1", **({"plans": []} if is_item else {})}))
    hidden = SDJWTCredential(whole.parts._replace(disclosures=()), Work())
    assert not kept(whole)
    assert kept(whole, PLAN) is (not is_item or disclosure == "never")
    assert not kept(hidden)
    assert kept(bare) is (disclosure == "never")


@pytest.mark.parametrize("stated", ["digestSRI", "digestMultibase", "both"])
def test_a_file_that_a_field_and_the_credential_state_is_one_file(stated: str) -> None:
    kind = club(fields={**CLUB_FIELDS, **STATES}, policy={"resources": True})
    document = json.loads(json.dumps(dict(issued(kind, {"no": "1", "plan": sri(PLAN)}).secured)))
    written = {"digestSRI": sri(PLAN), "digestMultibase": "u" + base64url_encode(b"\x12\x20" + PLAN)}
    said = written if stated == "both" else {stated: written[stated]}
    document["relatedResource"] = {"id": "https://example.org/plan.pdf", **said}
    claims = Credential.parse(document)
    for given, message in (({PLAN}, ""), (set(), "1 of 1 files")):
        findings = Findings(claims, NOW, None, resources=frozenset(given))
        with raises(RESOURCE_MISSING, match=message) if message else nullcontext():
            ResourcesGiven(kind).check(findings)
    other = {"id": "https://example.org/other", "digestSRI": sri(bytes(32))}
    document["relatedResource"] = [document["relatedResource"], other]
    with raises(RESOURCE_MISSING, match="1 of 2 files"):
        ResourcesGiven(kind).check(
            Findings(Credential.parse(document), NOW, None, resources=frozenset({PLAN}))
        )


def test_what_a_kind_asks_for_comes_on_top_of_a_verifiers_own_rules() -> None:
    bundle = brought(asking(**INSPECTED), inspected_on=FRESH)
    own = load_policy("holderBound")
    assert outcome(bundle, policy=own) == (Verdict.UNDETERMINED, "trust-subject-not-proved")
    stale = brought(asking(**INSPECTED, holder=True), inspected_on=STALE)
    assert outcome(stale, policy=own)[0] is Verdict.INVALID, "what is definite goes first"
    assert outcome(bundle, policy=AllOf((load_policy("anchored"),))) == (Verdict.VALID, "")


def test_it_is_asked_for_unless_a_verifier_says_otherwise() -> None:
    stale = brought(asking(**INSPECTED), inspected_on=STALE)
    assert outcome(stale, asks_by_kind=False) == (Verdict.VALID, "")
    assert outcome(replace(stale, kinds=()), asks_by_kind=False) == (Verdict.VALID, "")


# With the kind left out


MISSING = (Verdict.UNDETERMINED, "trust-kind-missing")


@pytest.mark.parametrize("cells", [{"inspected_on": FRESH}, {"inspected_on": STALE}, {}])
def test_leaving_a_kind_or_its_proof_out_makes_nothing_valid(cells: dict[str, str]) -> None:
    bundle = brought(asking(**INSPECTED), **cells)
    (kind,) = bundle.kinds
    for left in ((), (kind._replace(evidence=()),), (shown(asking(holder=True)),)):
        assert outcome(replace(bundle, kinds=left)) == MISSING


def test_a_kind_that_is_spoilt_is_a_finding_and_without_it_the_question_is_open() -> None:
    bundle = brought(asking(**INSPECTED), inspected_on=FRESH)
    (kind,) = bundle.kinds
    spoilt = kind._replace(evidence=tuple(map(bent, kind.evidence)))
    assert outcome(replace(bundle, kinds=(spoilt,))) == (Verdict.INVALID, "evidence-invalid-evidence")
    assert outcome(replace(bundle, kinds=())) == MISSING


def test_the_kind_of_the_trust_list_says_what_is_asked_for() -> None:
    kind = asking(**INSPECTED)
    (entry,) = UNIVERSITY.trust.issuers
    trust = replace(UNIVERSITY.trust, issuers=(replace(entry, kinds=(KindFiles(kind.texts),)),))
    for day, verdict in ((FRESH, Verdict.VALID), (STALE, Verdict.INVALID)):
        bundle = replace(brought(kind, inspected_on=day), kinds=())
        assert check(bundle, trust).verdict is verdict


def test_a_kind_of_the_list_is_that_of_its_own_issuer_alone() -> None:
    kind = asking(**INSPECTED)
    other = RecognisedIssuer("did:web:college.example", kinds=(KindFiles(kind.texts),))
    bundle = replace(brought(kind, inspected_on=FRESH), kinds=())
    assert decided(check(bundle, UNIVERSITY.trust.adding(other))).code == "trust-kind-missing"


def test_of_two_kinds_that_a_credential_names_neither_is_asked_and_both_are_open() -> None:
    kind = asking(**INSPECTED)
    document = json.loads(json.dumps(dict(issued(kind, {"no": "1", "inspected_on": FRESH}).secured)))
    del document["proof"]
    document["termsOfUse"].append({"type": KIND, "id": club().reference})
    bundle = replace(UNIVERSITY.issue(document), kinds=(shown(kind),))
    assert outcome(bundle) == MISSING


def test_a_kind_for_other_types_asks_for_nothing_and_so_is_missing() -> None:
    kind = asking(**INSPECTED)
    document = json.loads(json.dumps(dict(issued(kind, {"no": "1", "inspected_on": FRESH}).secured)))
    del document["proof"]
    typed = club(fields=FIELDS, policy=INSPECTED, types={"CardCredential": "https://example.org/Card"})
    document["termsOfUse"][1]["id"] = typed.reference
    bundle = replace(UNIVERSITY.issue(document), kinds=(shown(typed),))
    assert outcome(bundle) == MISSING


def test_a_credential_of_a_kind_that_asks_for_nothing_is_valid_without_it() -> None:
    assert outcome(issued(club())) == (Verdict.VALID, "")


# An issuer that takes such a kind


def test_an_issuer_lets_lists_last_as_long_as_its_kind_says(tmp_path: Path) -> None:
    kind = club(policy={"status_age": 15}, list_life=30)
    issuer = issuer_in(tmp_path, kind=kind)
    assert issuer.identity.lifetime == timedelta(days=30)
    issuer.keep_lists("10d")
    with raises(LISTS_TOO_OLD, match="last 30 days at most, and here they last 31"):
        issuer.keep_lists("31d")
    assert issuer.identity.lifetime == timedelta(days=10)


def test_an_issuer_whose_lists_get_too_old_takes_no_such_kind(tmp_path: Path) -> None:
    """Kinds share lists, which then last as long as the kind that asks for the shortest life."""
    issuer = issuer_in(tmp_path, kind=club())
    badge = club(name="badge", list_life=30)
    with raises(LISTS_TOO_OLD, match="last 30 days at most, and here they last 365"):
        issuer.kinds.add(badge)
    issuer.keep_lists("31d")
    with raises(LISTS_TOO_OLD, match="here they last 31"):
        issuer.kinds.add(badge)
    issuer.keep_lists("30d")
    issuer.kinds.add(badge)


def test_verify_asks_by_the_kind_unless_told_otherwise(program: Program, tmp_path: Path) -> None:
    program.now = lambda: NOW
    bundle, trust = tmp_path / "card.json", tmp_path / "trust.json"
    bundle.write_bytes(brought(asking(**INSPECTED), inspected_on=STALE).to_bytes())
    trust.write_bytes(UNIVERSITY.trust.to_bytes())
    words = ("verify", bundle, "--trust", trust, "--offline")
    refused = program(*words)
    assert (refused.code, refused.out.splitlines()[0]) == (
        1,
        "NOT VALID: inspected_on is more than 730 days ago",
    )
    assert program(*words, "--no-kind-rules").code == 0


def test_files_are_given_by_name(program: Program, tmp_path: Path) -> None:
    program.now = lambda: NOW
    kind = asking(resources=True)
    plan, bundle, trust = tmp_path / "plan.pdf", tmp_path / "card.json", tmp_path / "trust.json"
    plan.write_bytes(b"a plan")
    document = json.loads(json.dumps(dict(issued(kind).secured)))
    del document["proof"]
    sri = f"sha384-{base64.b64encode(hashlib.sha384(b'a plan').digest()).decode()}"
    document["relatedResource"] = [{"id": "urn:example:plan", "digestSRI": sri}]
    bundle.write_bytes(replace(UNIVERSITY.issue(document), kinds=(shown(kind),)).to_bytes())
    trust.write_bytes(UNIVERSITY.trust.to_bytes())
    words = ("verify", bundle, "--trust", trust, "--offline")
    assert program(*words).code == 3
    assert program(*words, "--with", trust).code == 1
    assert program(*words, "--with", plan).code == 0
