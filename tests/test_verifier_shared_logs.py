"""Two issuers in one log: neither can issue as the other, whatever it puts there."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from did.methods import web as did_web
from keys import PrivateKey
from ledger import EntryKind, entry
from tests.world import NOW, University, decided, verifier
from vc import Anchored, Bundle, Report, Verdict
from vc.anchoring import anchoring_terms, document_digest, log_entry
from vc.document_chain import chained, previous, to_pin, unchained
from verifier import RecognisedIssuer, RecognisedLog, Trust
from wire import base64url_encode
from wire.datetimestamp import format_datetimestamp


class Neighbour(University):
    """An issuer whose diplomas go into the log of another one."""

    def __init__(self, name: str, host: University) -> None:
        super().__init__(name)
        self.log, self.documents = host.log, []
        self.publish_document([self.key])

    def rotate(self, key: PrivateKey, *, by: PrivateKey | None = None) -> None:
        """The next document: `key` signs, the one of before has ended; `by` signs it, that one by default."""
        before, end = self.documents[-1].document, format_datetimestamp(self.now)
        former = [{**method, "expires": end} for method in before["verificationMethod"]]
        multikey = key.public_key.multikey()
        method = {
            "id": f"{self.did}#{multikey}",
            "type": "Multikey",
            "controller": self.did,
            "publicKeyMultibase": multikey,
        }
        names = [f"{self.did}#{multikey}", *before["assertionMethod"]]
        document = {**before, "verificationMethod": [method, *former], "assertionMethod": names}
        self.put(chained(document, before, by or self.key, created=self.now))
        self.key = key

    def put(self, document: Mapping[str, Any]) -> Anchored:
        """The document in the log; it is the newest of those that bundles bring."""
        leaf = entry(EntryKind.DID_DOCUMENT, document_digest(document))
        self.documents.append(Anchored(document, (self.anchor(leaf),)))
        return self.documents[-1]


def digest(document: Mapping[str, Any]) -> str:
    return base64url_encode(document_digest(document))


def world() -> tuple[University, Neighbour, Trust]:
    """A, which runs the log or may write to it; B, in the same log; a list that pins the document of each."""
    a = University("a.example")
    b = Neighbour("b.example", a)
    issuers = tuple(
        RecognisedIssuer(one.did, name, documents=(digest(one.documents[0].document),))
        for one, name in ((a, "A College"), (b, "B University"))
    )
    log = RecognisedLog(str(a.log.verifier_key), issuers=(a.did, b.did), clock=str(a.log.clock_key))
    return a, b, Trust(issuers, (log,))


def verify(trust: Trust, bundle: Bundle, documents: Sequence[Anchored] | None = None) -> Report:
    brought = bundle.issuer_documents if documents is None else tuple(documents)
    made = Bundle(bundle.secured, bundle.evidence, brought, bundle.status_lists)
    return verifier(trust).verify(made.to_bytes(), now=NOW)


def code(report: Report) -> str:
    """That of what decided."""
    problem = decided(report).problem
    assert problem is not None
    return problem.code


def with_key(document: Mapping[str, Any], key: PrivateKey) -> dict[str, Any]:
    """A document of B's with a key of A's."""
    forged: dict[str, Any] = copy.deepcopy(dict(document))
    own = did_web.document(forged["id"], {"assertionMethod": [key.public_key]})
    forged["verificationMethod"] += own["verificationMethod"]
    forged["assertionMethod"] += own["assertionMethod"]
    return forged


def forge(b: Neighbour, thief: PrivateKey, document: Mapping[str, Any]) -> Bundle:
    """A diploma of B's by a thief's key, with all that he can put into the log."""
    b.put(document)
    return b.bundle(b.sign(b.diploma(index=66), thief))


def test_each_issues_as_itself() -> None:
    a, b, trust = world()
    for one in (a, b):
        assert verify(trust, one.issue()).verdict is Verdict.VALID


def test_one_cannot_issue_as_the_other_by_a_document_with_its_own_key() -> None:
    a, b, trust = world()
    report = verify(trust, forge(b, a.key, with_key(b.documents[0].document, a.key)))
    assert report.verdict is not Verdict.VALID
    assert code(report) == "issuer-document-missing"


@pytest.mark.parametrize("by", ["its own key", "nobody"])
def test_nor_by_one_that_names_the_one_before(by: str) -> None:
    a, b, trust = world()
    first = b.documents[0].document
    document = chained(with_key(first, a.key), first, a.key, created=NOW)
    if by == "nobody":
        del document["proof"]
    assert previous(document) == document_digest(first)
    assert verify(trust, forge(b, a.key, document)).verdict is not Verdict.VALID


@pytest.mark.parametrize("member", ["verificationMethod", "urn:intaglio:vocab:previous"])
def test_nor_by_the_signature_of_another_document(member: str) -> None:
    """What the issuer signed covers keys and digest of the document before."""
    a, b, trust = world()
    first, thief = b.documents[0].document, a.key
    b.rotate(PrivateKey.generate())
    signed = b.documents.pop().document
    other = with_key(signed, thief)
    altered = {**signed, "assertionMethod": other["assertionMethod"], member: other.get(member, "")}
    if member != "verificationMethod":
        altered |= {"verificationMethod": other["verificationMethod"], member: digest(first)}
    assert verify(trust, forge(b, thief, altered)).verdict is not Verdict.VALID


def test_an_old_list_with_two_issuers_in_a_log_leaves_it_open() -> None:
    _, b, trust = world()
    unpinned = replace(trust, issuers=tuple(replace(one, documents=()) for one in trust.issuers))
    report = verify(unpinned, b.issue())
    assert report.verdict is Verdict.UNDETERMINED
    assert code(report) == "issuer-not-pinned"


def test_a_log_of_one_issuer_takes_documents_that_nobody_signed() -> None:
    a, _, _ = world()
    key = PrivateKey.generate()
    a.publish_document([key])
    a.key = key
    assert verify(a.trust, a.issue()).verdict is Verdict.VALID


def test_rotations_lead_from_the_pinned_document_to_the_newest() -> None:
    _, b, trust = world()
    bundles = [b.issue(index=1)]
    for number in (2, 3):
        b.rotate(PrivateKey.generate())
        bundles.append(b.issue(index=number))
    for bundle in bundles:
        assert verify(trust, bundle, b.documents).verdict is Verdict.VALID
    for left_out in range(3):
        documents = [one for place, one in enumerate(b.documents) if place != left_out]
        assert verify(trust, bundles[-1], documents).verdict is not Verdict.VALID, left_out


def test_a_document_whose_predecessor_is_missing_does_not_count() -> None:
    """Signed by the second of the two keys that are in force in the one before."""
    _, b, trust = world()
    first, second, third = b.documents[0].document, PrivateKey.generate(), PrivateKey.generate()
    b.put(chained(with_key(first, second), first, b.key, created=NOW))
    before = b.documents[-1].document
    b.put(chained(with_key(before, third), before, second, created=NOW))
    bundle = b.bundle(b.sign(b.diploma(), third))
    assert verify(trust, bundle).verdict is Verdict.VALID
    assert verify(trust, bundle, [b.documents[0], b.documents[2]]).verdict is not Verdict.VALID
    other = chained(with_key(before, third), before, b.key, created=NOW)
    b.put(other)  # signed by a key that is in force in the first, and named by that of the second
    assert verify(trust, bundle, [b.documents[0], b.documents[3]]).verdict is not Verdict.VALID


def test_a_pinned_key_signs_a_document_and_vouches_for_none_that_has_it() -> None:
    a, b, trust = world()
    first = b.key.public_key.multikey()
    pinned = trust.adding(RecognisedIssuer(b.did, "B University", keys=(first,)))
    assert verify(pinned, b.issue(index=1)).verdict is Verdict.VALID
    forged = with_key(b.documents[0].document, a.key)
    assert verify(pinned, forge(b, a.key, forged)).verdict is not Verdict.VALID
    b.documents.pop()
    b.rotate(PrivateKey.generate())
    assert verify(pinned, b.issue(index=2)).verdict is Verdict.VALID
    for_lists = pinned.adding(replace(pinned.issuers[-1], list_keys=(first,)))
    assert verify(for_lists, b.issue(index=2)).verdict is not Verdict.VALID


def test_a_key_that_ended_signs_no_successor() -> None:
    """Its thief puts a document of his own into the log, after the one by which it ended."""
    _, b, trust = world()
    stolen, thief = b.key, PrivateKey.generate()
    b.rotate(PrivateKey.generate())
    genuine, second = b.issue(index=1), b.documents[-1].document
    after = chained(with_key(second, thief), second, stolen, created=NOW)
    assert verify(trust, forge(b, thief, after)).verdict is not Verdict.VALID
    fork = chained(with_key(b.documents[0].document, thief), b.documents[0].document, stolen, created=NOW)
    b.documents.pop()
    report = verify(trust, forge(b, thief, fork))
    assert report.verdict is not Verdict.VALID, "the earlier successor counts"
    for documents in itertools.permutations(b.documents):
        assert verify(trust, genuine, documents).verdict is Verdict.VALID


def test_a_document_that_is_put_there_once_more_is_not_the_newest() -> None:
    """Else the key that ended in the second would have no end again."""
    _, b, trust = world()
    stolen, first = b.key, b.documents[0].document
    b.rotate(PrivateKey.generate())
    leaf = entry(EntryKind.DID_DOCUMENT, document_digest(first))
    (place,) = b.log.append([leaf], b"once more")
    again = Anchored(first, (b.log.evidence(place),))
    b.documents.append(again)
    forged = b.bundle(b.sign(b.diploma(index=66), stolen))
    for documents in (b.documents, [b.documents[1], again]):
        report = verify(trust, forged, documents)
        assert report.verdict is not Verdict.VALID
        assert decided(report).step == 8


def test_what_is_pinned_is_what_leads_to_all_versions() -> None:
    _, b, _trust = world()
    for _ in range(2):
        b.rotate(PrivateKey.generate())
    history = [one.document for one in b.documents]
    assert to_pin(history, b.did) == history[:1]
    lost = unchained(history[-1])
    assert to_pin([*history[:2], lost], b.did) == [*history[:2], lost]
    assert to_pin([], b.did) == []
    unlinked = [{**one, "urn:intaglio:vocab:previous": "§"} for one in history]
    assert to_pin(unlinked, b.did) == unlinked


def test_after_a_theft_the_pinned_documents_of_before_lead_nowhere() -> None:
    """What their keys signed before stays valid; a successor that one of them signs is a thief's."""
    a, b, trust = world()
    stolen, genuine, first = b.key, b.issue(index=1), b.documents[0].document
    b.key = PrivateKey.generate()
    b.put(did_web.document(b.did, {"assertionMethod": [b.key.public_key]}))
    pins = tuple(digest(one.document) for one in b.documents)
    anew = Trust((replace(trust.issuers[1], documents=pins),), trust.logs)
    assert verify(anew, b.issue(index=2)).verdict is Verdict.VALID
    assert verify(anew, genuine).verdict is Verdict.VALID
    assert verify(trust, b.issue(index=2)).verdict is Verdict.UNDETERMINED, "the old pin does not lead there"
    b.documents.pop()
    b.key = stolen
    forged = forge(b, a.key, chained(with_key(first, a.key), first, stolen, created=NOW))
    assert verify(trust, forged).verdict is Verdict.VALID, "who has not heard of the theft"
    assert verify(anew, forged).verdict is not Verdict.VALID


class TestOneIssuer:
    """Its own log, and a trust file that pins its first document."""

    def world(self) -> tuple[University, Trust]:
        a = University("a.example")
        pins = (digest(a.documents[0].document),)
        return a, a.trust.adding(RecognisedIssuer(a.did, "A College", documents=pins), a.recognised_log)

    def test_who_has_the_keys_of_the_log_alone_gives_no_keys(self) -> None:
        a, trust = self.world()
        thief = PrivateKey.generate()
        a.publish_document([a.key, thief])
        report = verify(trust, a.bundle(a.sign(a.diploma(), thief)))
        assert report.verdict is Verdict.UNDETERMINED
        assert code(report) == "document-not-chained"
        assert verify(a.trust, a.bundle(a.sign(a.diploma(), thief))).verdict is Verdict.VALID, "without a pin"

    def test_what_is_beside_the_chain_takes_keys_away(self) -> None:
        """As after a theft: the document lacks the key that was stolen, and nobody signed it.

        What was issued before stays valid, and can be revoked.
        """
        a, trust = self.world()
        genuine, stolen = a.issue(index=1), a.key
        a.key = PrivateKey.generate()
        a.publish_document([a.key])
        forged = a.bundle(a.sign(a.diploma(index=66), stolen))
        assert verify(trust, forged, a.documents).verdict is Verdict.INVALID
        assert verify(trust, genuine, a.documents[:1]).verdict is Verdict.VALID
        for revoked, verdict in ((False, Verdict.VALID), (True, Verdict.INVALID)):
            if revoked:
                a.revoke(1)
            later = Bundle(genuine.secured, genuine.evidence, tuple(a.documents), a.status_lists())
            assert verify(trust, later).verdict is verdict
        assert code(verify(trust, a.issue(index=2))) == "document-not-chained", "by the new key"

    def test_it_brings_no_key_back(self) -> None:
        """A key that ended, in a document of the log's thief that knows no end of it."""
        a, trust = self.world()
        stolen, first = a.key, a.documents[0].document
        ended = {**first["verificationMethod"][0], "expires": format_datetimestamp(a.now)}
        a.key = PrivateKey.generate()
        own = did_web.document(a.did, {"assertionMethod": [a.key.public_key]})["verificationMethod"][0]
        second = {
            **first,
            "verificationMethod": [own, ended],
            "assertionMethod": [own["id"], *first["assertionMethod"]],
        }
        signed = chained(second, first, stolen, created=NOW)
        leaf = entry(EntryKind.DID_DOCUMENT, document_digest(signed))
        a.documents.append(Anchored(signed, (a.anchor(leaf),)))
        assert verify(trust, a.issue(index=1)).verdict is Verdict.VALID
        a.publish_document([stolen])
        forged = a.bundle(a.sign(a.diploma(index=66), stolen))
        assert verify(trust, forged).verdict is Verdict.INVALID

    def test_a_list_of_the_first_release_goes_by_what_the_log_holds(self) -> None:
        """It has keys and a document of then beside the log; later documents were signed by nobody."""
        a, trust = self.world()
        entry = replace(trust.issuers[0], keys=(a.key.public_key.multikey(),))
        a.key = PrivateKey.generate()
        a.publish_document([a.key])
        assert verify(replace(trust, issuers=(entry,)), a.issue()).verdict is Verdict.VALID

    def test_a_shared_log_beside_its_own_adds_nothing(self) -> None:
        """Neither a pinned document that leads nowhere nor one beside the chain leads on there."""
        a, trust = self.world()
        other = University("other.example")
        shared = replace(other.recognised_log, issuers=(a.did, other.did))
        both = Trust(trust.issuers, (*trust.logs, shared))
        thief, stolen, first = PrivateKey.generate(), a.key, a.documents[0].document

        def in_shared(document: Mapping[str, Any]) -> Anchored:
            leaf = entry(EntryKind.DID_DOCUMENT, document_digest(document))
            return Anchored(document, (other.anchor(leaf),))

        a.publish_document([a.key, thief])
        rogue = a.documents[-1]
        terms = [anchoring_terms(other.log.origin)]
        forged = a.sign(a.diploma(index=66, termsOfUse=terms), thief)
        brought: tuple[Anchored, ...] = (a.documents[0], rogue, in_shared(rogue.document))
        proved = (other.anchor(log_entry(forged, forged["proof"][0])),)
        assert verify(both, Bundle(forged, proved, brought, a.status_lists())).verdict is not Verdict.VALID

        a.key = PrivateKey.generate()
        a.publish_document([a.key])  # after a theft
        pins = tuple(digest(one.document) for one in (a.documents[0], a.documents[-1]))
        anew = replace(both, issuers=(replace(both.issuers[0], documents=pins),))
        successor = in_shared(chained(with_key(first, thief), first, stolen, created=NOW))
        brought = (*a.documents, in_shared(first), successor)
        assert verify(anew, Bundle(forged, proved, brought, a.status_lists())).verdict is not Verdict.VALID


def test_the_key_for_lists_of_a_release_before_signs_no_successor() -> None:
    """Its document does not say what that key is for; it stands in no `authentication`."""
    a = University("a.example")
    list_key, thief = PrivateKey.generate(), PrivateKey.generate()
    keys = [a.key.public_key, list_key.public_key]
    first = did_web.document(a.did, {"assertionMethod": keys, "authentication": keys[:1]})
    leaf = entry(EntryKind.DID_DOCUMENT, document_digest(first))
    a.documents = [Anchored(first, (a.anchor(leaf),))]
    trust = a.trust.adding(RecognisedIssuer(a.did, documents=(digest(first),)), a.recognised_log)
    for signer, verdict in ((a.key, Verdict.VALID), (list_key, Verdict.UNDETERMINED)):
        after = chained(with_key(first, thief), first, signer, created=NOW)
        leaf = entry(EntryKind.DID_DOCUMENT, document_digest(after))
        a.documents[1:] = [Anchored(after, (a.anchor(leaf),))]
        assert verify(trust, a.bundle(a.sign(a.diploma(), thief))).verdict is verdict


def test_a_context_that_is_appended_makes_no_successor() -> None:
    _, b, trust = world()
    b.rotate(PrivateKey.generate())
    signed = b.documents.pop().document
    appended = {**signed, "@context": [*signed["@context"], {"x": "urn:x"}]}
    b.put(appended)
    assert verify(trust, b.issue()).verdict is not Verdict.VALID
