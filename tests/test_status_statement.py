"""A diploma without an address for its status list: what its signed statement says, nobody can take away."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from holder import Wallet
from issuer.identity.home import published_list
from issuer.issuer import Issuer
from tests.world import (
    NOW,
    Holder,
    University,
    graduate,
    issuer_in,
    verifier,
    verifier_for,
)
from vc import Anchored, Bundle, Credential, StatusList, Verdict
from vc.anchoring import anchoring_terms
from vc.claims import STATUS_STATEMENT
from vc.problem import MalformedCredential
from vc.status import MINIMUM_ENTRIES, Reason, status_entry, status_statement
from vc.vcdm.status_lists import status_list_document
from verifier import Verifier


@dataclass
class Story:
    """A university without a web address, a diploma of it before and after it was revoked, and another."""

    issuer: Issuer
    old: Bundle
    new: Bundle
    other: Bundle

    @property
    def here(self) -> Verifier:
        """On the university's machine: the newest list is at hand."""
        return verifier_for(self.issuer, functools.partial(published_list, self.issuer.home))

    @property
    def elsewhere(self) -> Verifier:
        """Whoever has the trust file, and what comes along."""
        return verifier_for(self.issuer)

    def foreign(self) -> Anchored:
        """The list in which nothing is revoked, by somebody else."""
        by, profile = Holder(), self.issuer.identity.profile
        document = status_list_document(
            profile.list_url(0), by.did, StatusList(), valid_from=NOW, lifetime=timedelta(days=365)
        )
        return Anchored(by.sign(document))


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Story:
    issuer = issuer_in(tmp_path_factory.mktemp("university"))
    entries = [issuer.issue(graduate(row)) for row in (1, 2)]
    old = issuer.bundle(entries[0])
    issuer.revoke([entries[0].number], Reason.FRAUD, date=NOW, now=NOW)
    new, other = (issuer.bundle(issuer.store.entry(entry.seq)) for entry in entries)
    return Story(issuer, old, new, other)


def verdict(judge: Verifier, bundle: Bundle) -> Verdict:
    return judge.verify(bundle.to_bytes(), now=NOW).verdict


def place(bundle: Bundle) -> str:
    (terms,) = [each for each in bundle.secured["termsOfUse"] if each["type"] == STATUS_STATEMENT]
    return str(terms["id"])


def test_the_statement_names_the_list_that_is_published_and_nothing_is_made_for_a_bundle(
    story: Story,
) -> None:
    size = story.issuer.log.checkpoint().size
    bundle = story.issuer.bundle(story.issuer.current("UNI-000002"))
    assert story.issuer.log.checkpoint().size == size
    (listed,) = bundle.status_lists
    assert listed.document == Credential.parse(story.new.status_lists[0].document).document
    assert StatusList.decode(listed.document["credentialSubject"]["encodedList"]).entries == MINIMUM_ENTRIES
    assert "credentialStatus" not in bundle.secured
    assert place(bundle).startswith(f"{listed.document['id']}#")
    assert listed.document["id"].startswith("urn:intaglio:")


def test_it_is_judged_as_a_status_entry_is(story: Story) -> None:
    assert verdict(story.elsewhere, story.other) is Verdict.VALID
    assert story.elsewhere.verify(story.other, now=NOW).status_time == NOW
    for judge in (story.here, story.elsewhere):
        report = judge.verify(story.new, now=NOW)
        assert report.verdict is Verdict.INVALID
        assert report.deciding is not None
        assert report.deciding.text == "revoked by the issuer on 2026-07-01: fraud"


PARTS: dict[str, tuple[Callable[[Story], Bundle], Verdict]] = {
    "an older list beside the newer": (
        lambda told: replace(told.new, status_lists=(*told.old.status_lists, *told.new.status_lists)),
        Verdict.INVALID,
    ),
    "a newer list beside the older": (
        lambda told: replace(told.new, status_lists=(*told.new.status_lists, *told.old.status_lists)),
        Verdict.INVALID,
    ),
    "no list": (lambda told: replace(told.new, status_lists=()), Verdict.UNDETERMINED),
    "neither list nor evidence": (
        lambda told: replace(told.new, status_lists=(), evidence=()),
        Verdict.UNDETERMINED,
    ),
    "nothing but the credential": (lambda told: Bundle(told.new.secured), Verdict.UNDETERMINED),
    "another issuer's list": (
        lambda told: replace(told.new, status_lists=(told.foreign(),)),
        Verdict.UNDETERMINED,
    ),
    "another issuer's list beside the newest": (
        lambda told: replace(told.new, status_lists=(told.foreign(), *told.new.status_lists)),
        Verdict.INVALID,
    ),
    "the details in the place of the list": (
        lambda told: replace(told.new, status_lists=told.new.status_lists[1:]),
        Verdict.UNDETERMINED,
    ),
}


@pytest.mark.quick(every=4)
@pytest.mark.parametrize("name", PARTS)
def test_no_choice_of_parts_makes_a_revoked_diploma_valid(name: str, story: Story) -> None:
    """Open where no list is at hand, and revoked wherever the newest one is."""
    chosen, wanted = PARTS[name]
    assert verdict(story.elsewhere, chosen(story)) is wanted
    assert verdict(story.here, chosen(story)) is Verdict.INVALID


def test_an_older_list_alone_speaks_until_a_newer_one_is_at_hand(story: Story) -> None:
    assert verdict(story.elsewhere, story.old) is Verdict.VALID
    assert verdict(story.here, story.old) is Verdict.INVALID


def test_each_edition_has_a_position_of_its_own(tmp_path: Path) -> None:
    issuer = issuer_in(tmp_path)
    first = issuer.issue(graduate(1))
    second = issuer.correct(first.number, {"gpa": "3.9"})
    superseded, current = (issuer.bundle(issuer.store.entry(entry.seq)) for entry in (first, second))
    judge = verifier_for(issuer)
    assert place(superseded) != place(current)
    assert (verdict(judge, superseded), verdict(judge, current)) == (Verdict.INVALID, Verdict.VALID)
    terms = [superseded.secured["termsOfUse"][0], current.secured["termsOfUse"][1]]
    for evidence in (superseded.evidence, ()):
        moved = replace(superseded, secured={**superseded.secured, "termsOfUse": terms}, evidence=evidence)
        assert verdict(judge, moved) is Verdict.INVALID


def test_a_wallet_keeps_and_shows_the_list_that_is_stated(story: Story, tmp_path: Path) -> None:
    asked: dict[str, Any] = {"challenge": "k7Qw2", "domain": "employer.example"}
    Wallet.create(tmp_path, b"correct horse battery", now=NOW)
    with Wallet(tmp_path, b"correct horse battery") as wallet:
        names = [
            wallet.accept(bundle.to_bytes(), lambda data: story.elsewhere.verify(data, now=NOW), now=NOW).id
            for bundle in (story.other, story.old)
        ]
        bare = wallet.accept(
            Bundle(story.other.secured).to_bytes(),
            lambda data: story.elsewhere.verify(data, now=NOW),
            now=NOW,
            undetermined=True,
        )
        assert bare.data == story.other.to_bytes()
        for name, found in zip(names, (Verdict.VALID, Verdict.INVALID), strict=True):
            shown = wallet.present([name], **asked, now=NOW)
            assert story.elsewhere.verify(shown, now=NOW, **asked).verdict is Verdict.VALID
            assert story.here.verify(shown, now=NOW, **asked).verdict is found


UNIVERSITY = University()
REVOKED = 8
UNIVERSITY.revoke(REVOKED)
LIST = UNIVERSITY.list_url


def stated(*statements: Any, **change: Any) -> Verdict:
    """What is said of a diploma with these terms beside that of its log, everything else being in order."""
    terms = [anchoring_terms(UNIVERSITY.log.origin), *statements]
    bundle = UNIVERSITY.issue(UNIVERSITY.stated(termsOfUse=terms, **change))
    return verdict(verifier(UNIVERSITY.trust), bundle)


def test_a_statement_may_have_another_type_beside_its_own() -> None:
    types = [STATUS_STATEMENT, "urn:example:Terms"]
    for index, found in ((7, Verdict.VALID), (REVOKED, Verdict.INVALID)):
        assert stated({**status_statement(LIST, index), "type": types}) is found


@pytest.mark.quick(every=4)
@pytest.mark.parametrize("position", ["", "#", "#x", "#-7", "#7.0", "#7#7", "#list", "#٧"])
def test_one_without_a_position_is_malformed(position: str) -> None:
    statement = {"type": STATUS_STATEMENT, "id": f"{LIST}{position}"}
    assert stated(statement) is Verdict.INVALID
    with pytest.raises(MalformedCredential, match="names no position"):
        Credential.parse(UNIVERSITY.stated(termsOfUse=statement))


@pytest.mark.parametrize("index", [7, REVOKED])
def test_so_are_one_without_a_list_two_and_one_beside_a_status_entry(index: int) -> None:
    statement = status_statement(LIST, index)
    assert stated({"type": STATUS_STATEMENT}) is Verdict.INVALID
    assert stated({"type": STATUS_STATEMENT, "id": f"urn:#{index}"}) is Verdict.INVALID
    assert stated(statement, status_statement(LIST, 9)) is Verdict.INVALID
    assert stated(status_statement(LIST, 9), statement) is Verdict.INVALID
    document = {**UNIVERSITY.stated(index), "credentialStatus": status_entry(LIST, 9)}
    assert verdict(verifier(UNIVERSITY.trust), UNIVERSITY.issue(document)) is Verdict.INVALID


def test_a_position_outside_the_list_is_none_and_a_list_that_is_not_at_hand_leaves_the_question_open() -> (
    None
):
    for outside in (MINIMUM_ENTRIES, 10**12, 10**13):
        assert stated(status_statement(LIST, outside)) is Verdict.INVALID
    assert stated(status_statement("urn:example:list", 7)) is Verdict.UNDETERMINED
