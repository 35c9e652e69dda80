"""Credentials, status lists and presentations exchanged with Digital Bazaar's libraries, both ways."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from keys import PrivateKey
from kinds import shipped
from kinds.cells import MOST_ITEMS
from kinds.parsing import parse_kind
from kinds.shipped import SHIPPED
from tests.interop.ours import POSITION, Ours, badge, changed, verified
from tests.interop.peers import FORGED, GREEN, REVOKED, JavaScript, digitalbazaar, javascript
from tests.loopback import Authority
from tests.test_issuer_groups import transcript
from tests.test_kinds_facts import FULL
from tests.test_status_purposes import MEANS, SET, said
from tests.test_verifier_controllers import Host
from tests.world import Holder, University, graduate, issuer_in
from vc import Report
from vc.claims import KIND
from vc.forms import DataIntegrity
from vc.status import Reason, status_entry

SUITES = {
    "eddsa-rdfc-2022": "Ed25519",
    "eddsa-jcs-2022": "Ed25519",
    "ecdsa-rdfc-2019": "P-256",
    "ecdsa-jcs-2019": "P-256",
}
ASKED = {"challenge": "k7Qw2", "domain": "employer.example"}

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def peer(authority: Authority) -> Iterator[JavaScript]:
    with javascript(authority.ca_file) as ask:
        yield ask


class Theirs:
    """A did:key that signs there: a badge and a status list."""

    def __init__(self, suite: str, peer: JavaScript, host: Host) -> None:
        self._suite, self._peer, self._host, self._path = suite, peer, host, f"/theirs/{suite}"
        status = status_entry(host.site.url(self._path), POSITION)
        self.badge = peer("issue", badge(credentialStatus=status), suite=suite)
        self.publish()

    def publish(self, *revoked: int) -> None:
        made = self._peer("list", url=self._host.site.url(self._path), revoked=revoked, suite=self._suite)
        self._host.serve(made, self._path)

    def verified(self, document: dict[str, Any], **asked: str) -> Report:
        return verified(document, self.badge["issuer"], self._host, **asked)


@pytest.mark.parametrize("suite", SUITES)
def test_they_accept_our_diploma_until_it_is_changed_or_revoked(
    suite: str, peer: JavaScript, host: Host
) -> None:
    ours, said = Ours(suite, SUITES[suite], host), partial(digitalbazaar, peer)
    diploma = ours.diploma()
    assert said(diploma) == GREEN
    assert said(changed(diploma)) == FORGED
    ours.publish(POSITION)
    assert said(diploma) == REVOKED


@pytest.mark.parametrize("suite", SUITES)
def test_we_accept_their_badge_until_it_is_changed_or_revoked(
    suite: str, peer: JavaScript, host: Host
) -> None:
    theirs = Theirs(suite, peer, host)
    report = theirs.verified(theirs.badge)
    assert report, report.checks
    report = theirs.verified(changed(theirs.badge))
    assert report.deciding is not None
    assert report.deciding.name == "signature"
    theirs.publish(POSITION)
    report = theirs.verified(theirs.badge)
    assert report.deciding is not None
    assert (report.deciding.name, report.deciding.outcome) == ("status", "failed")


@pytest.mark.parametrize("short", [False, True], ids=["whole", "short"])
def test_their_lists_say_what_their_purpose_says(peer: JavaScript, host: Host, short: bool) -> None:
    """As they make them, and with the 100,000 entries that DCC's status managers ask them for."""
    url, suite = host.site.url("/theirs/purposes"), "eddsa-rdfc-2022"
    for (purpose, index), expected in MEANS.items():
        length = 100_000 if short else 131_072
        made = peer("list", url=url, revoked=[SET], suite=suite, purpose=purpose, length=length)
        host.serve(made, "/theirs/purposes")
        status = status_entry(url, index, purpose)
        document = peer("issue", badge(credentialStatus=status), suite=suite)
        assert said(verified(document, document["issuer"], host)) == expected[not short]


def test_they_find_a_meaning_in_every_term_of_our_lists_and_details(peer: JavaScript, tmp_path: Path) -> None:
    now = datetime.now(UTC)
    made = issuer_in(tmp_path, clock=lambda: now, key_type="P-256")
    made.revoke([made.issue(graduate(1, degree_name="学士")).number], Reason.FRAUD, date=now, now=now)
    published = sorted((tmp_path / "status").iterdir())
    assert [path.name.rpartition("-")[0] for path in published] == ["", "0-details"]
    for path in published:
        answer = peer("verify", json.loads(path.read_bytes()))
        assert answer["verified"], answer


@pytest.mark.parametrize("name", SHIPPED)
def test_they_read_each_shipped_kind_without_fetching_a_context(
    name: str, peer: JavaScript, tmp_path: Path
) -> None:
    kind = shipped(name)
    issuer = issuer_in(tmp_path, kind=kind, form=DataIntegrity(suite="eddsa-rdfc-2022"))
    credential = dict(issuer.line(issuer.issue(FULL.get(name) or graduate(1))).credential)
    answer = peer("verifyOffline", credential)
    assert answer["verified"], answer
    fact = "licenseNumber" if name == "diploma" else kind.number
    altered = {**credential["credentialSubject"], fact: "R-2"}
    answer = peer("verifyOffline", {**credential, "credentialSubject": altered})
    assert not answer["verified"]
    assert "Invalid signature" in answer["error"]
    (named,) = [terms["id"] for terms in credential["termsOfUse"] if terms["type"] == KIND] or [None]
    assert named == kind.reference


@pytest.mark.parametrize("is_ordered", [False, True])
def test_they_read_a_kind_with_groups_and_files_up_to_its_bounds(
    is_ordered: bool, peer: JavaScript, tmp_path: Path
) -> None:
    said = json.loads(transcript(ordered=is_ordered).files["kind.json"])
    said["fields"]["thesis"] = {"type": "digest", "iri": "urn:example:vocab:thesisDigest"}
    kind = parse_kind({"kind.json": json.dumps(said).encode()})
    issuer = issuer_in(tmp_path, kind=kind, form=DataIntegrity(suite="eddsa-rdfc-2022"))
    courses = [{"course": f"Course {number}", "grade": "1.5"} for number in range(MOST_ITEMS)]
    cells = {"no": "1", "name": "A", "thesis": f"sha-256:{'0' * 64}", "courses": courses}
    credential = dict(issuer.line(issuer.issue(cells)).credential)
    answer = peer("verifyOffline", credential)
    assert answer["verified"], answer
    subject = {**credential["credentialSubject"], "courses": [*reversed(courses)]}
    altered = {**credential, "credentialSubject": {**subject, "courses": subject["courses"][1:]}}
    assert not peer("verifyOffline", altered)["verified"]


def test_a_context_that_they_have_not_would_have_to_be_fetched(peer: JavaScript) -> None:
    """What the test above rests on."""
    holder = Holder(PrivateKey.generate("Ed25519"))
    document = holder.sign({**University().plain(), "issuer": holder.did}, suite="eddsa-rdfc-2022")
    assert peer("verifyOffline", document)["verified"]
    document["@context"] = [*document["@context"], "https://example.org/context"]
    answer = peer("verifyOffline", document)
    assert not answer["verified"]
    assert "https://example.org/context" in answer["error"]


def test_they_accept_our_presentation_for_its_challenge_only(peer: JavaScript, host: Host) -> None:
    shown = Holder().present(Ours("eddsa-rdfc-2022", "Ed25519", host).diploma(), **ASKED)
    answer = peer("verifyPresentation", shown, **ASKED)
    assert answer["verified"], answer
    assert not peer("verifyPresentation", shown, **{**ASKED, "challenge": "x"})["verified"]


def test_we_accept_their_presentation_for_its_challenge_only(peer: JavaScript, host: Host) -> None:
    theirs = Theirs("eddsa-rdfc-2022", peer, host)
    shown = peer("present", theirs.badge, suite="eddsa-rdfc-2022", **ASKED)
    report = theirs.verified(shown, **ASKED)
    assert report, report.checks
    assert not theirs.verified(shown, **{**ASKED, "challenge": "x"})
    assert not theirs.verified(shown, **{**ASKED, "domain": "elsewhere.example"})
