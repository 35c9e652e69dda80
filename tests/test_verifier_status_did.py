"""Status lists under a DID whose document stands in the issuer's: it is known as the issuer's own is."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from did import METHODS, Resolver
from did.methods import web as did_web
from keys import PrivateKey
from ledger import EntryKind
from tests.problems import raises
from tests.world import NOW, University, verifier
from vc import Anchored, Bundle, StatusList, Verdict, sign
from vc.anchoring import document_digest, log_entry
from vc.status import status_entry
from vc.vcdm.status_lists import status_list_document
from verifier import RecognisedIssuer, Trust, Verifier
from verifier.problem import TRUST_DIFFERS
from wire import base64url_encode
from wire.fetch import NoFetcher

MEMBER = "urn:intaglio:vocab:statusDocument"
INDEX = 7
HOUR = timedelta(hours=1)


class Town:
    """An issuer whose lists are signed under `{did}:status`, and one diploma."""

    def __init__(self) -> None:
        self.university, self.key = University(), PrivateKey.generate()
        self.did = f"{self.university.did}:status"
        self.publish(self.document())

    def document(self, **change: Any) -> dict[str, Any]:
        made = did_web.document(self.did, {"assertionMethod": [self.key.public_key]})
        (method,) = made["verificationMethod"]
        return {**made, "verificationMethod": [{**method, **change}]}

    def publish(self, document: object) -> None:
        self.university.publish_document([self.university.key], **{MEMBER: document})

    def trust(self, *status_issuers: str, **change: Any) -> Trust:
        entry = RecognisedIssuer(self.university.did, "University", status_issuers=status_issuers, **change)
        return Trust().adding(entry, self.university.recognised_log)

    @property
    def named(self) -> Trust:
        return self.trust(self.did)

    def list(
        self,
        *,
        revoked: bool = False,
        at: datetime = NOW - HOUR,
        did: str = "",
        lifetime: timedelta = timedelta(days=30),
    ) -> Anchored:
        """A list in the issuer's log; `did` is by whom it is, if not by its own DID."""
        bits = StatusList()
        bits[INDEX] = int(revoked)
        url, by = self.university.list_url, did or self.did
        document = status_list_document(url, by, bits, valid_from=at, lifetime=lifetime)
        key = self.university.key if by == self.university.did else self.key
        made = sign(document, key, verification_method=f"{by}#{key.public_key.multikey()}", created=at)
        leaf = log_entry(made, made["proof"][0], EntryKind.STATUS_LIST)
        self.university.now = at
        return Anchored(made, (self.university.anchor(leaf),))

    def bundle(self, *lists: Anchored) -> Bundle:
        return replace(self.university.issue(self.university.diploma(INDEX)), status_lists=lists)

    def by_its_own_did(self) -> Bundle:
        claims = self.university.diploma(INDEX)
        claims["issuer"] = {**claims["issuer"], "id": self.did}
        method = f"{self.did}#{self.key.public_key.multikey()}"
        return self.university.bundle(
            sign(claims, self.key, verification_method=method, created=self.university.now)
        )

    def verdict(self, bundle: Bundle, trust: Trust, now: datetime = NOW, *lists: Anchored) -> Verdict:
        sources = [{self.university.list_url: json.dumps(one.document).encode()}.get for one in lists]
        return verifier(trust, lists=sources).verify(bundle.to_bytes(), now=now).verdict


@pytest.fixture
def town() -> Town:
    return Town()


def test_its_key_is_known_by_the_issuers_documents(town: Town) -> None:
    """Offline, by the bundle alone."""
    assert town.verdict(town.bundle(town.list()), town.named) is Verdict.VALID
    assert town.verdict(town.bundle(town.list(revoked=True)), town.named) is Verdict.INVALID


def test_it_is_nobody_where_the_trust_list_does_not_name_it(town: Town) -> None:
    bundle = town.bundle(town.list())
    for trust in (town.trust(), town.trust("did:web:university.example:lists")):
        assert town.verdict(bundle, trust) is Verdict.UNDETERMINED


@pytest.mark.parametrize("name", ["did:web:other.example:status", "did:web:university.example:lists"])
def test_documents_speak_for_one_other_did_and_no_further_one(name: str) -> None:
    town = Town()
    town.did = name
    town.publish(town.document())
    assert town.verdict(town.bundle(town.list()), town.trust(name)) is Verdict.UNDETERMINED


def test_documents_speak_for_nobody_where_no_entry_names_it(town: Town) -> None:
    """A diploma by that DID is a stranger's: its keys are not looked for in somebody else's documents."""
    assert town.verdict(town.by_its_own_did(), town.trust()) is Verdict.UNDETERMINED
    assert town.verdict(town.by_its_own_did(), town.named) is Verdict.INVALID


@pytest.mark.quick(every=4)
@pytest.mark.parametrize("value", [None, "did:web:university.example:status", [], {}, {"id": 1}, {"id": "a"}])
def test_a_document_that_cannot_be_read_takes_the_keys_away(town: Town, value: object) -> None:
    """Nobody falls back on the version before."""
    before = town.list(at=NOW - HOUR)
    town.university.now = NOW - HOUR / 2
    town.publish(value)
    assert town.verdict(town.bundle(before), town.named) is Verdict.VALID, "the log had it before"
    assert town.verdict(town.bundle(town.list(at=NOW)), town.named) is not Verdict.VALID


def test_an_ended_key_signs_no_further_list(town: Town) -> None:
    before = town.list(at=NOW - HOUR)
    end = NOW - HOUR / 2
    town.university.now = end
    town.publish(town.document(expires=end.isoformat().replace("+00:00", "Z")))
    assert town.verdict(town.bundle(before), town.named) is Verdict.VALID
    assert town.verdict(town.bundle(town.list(at=NOW)), town.named) is not Verdict.VALID


def test_a_list_of_before_the_move_does_not_go_before_a_newer_one(town: Town) -> None:
    """Both are the issuer's own. In other lists that somebody keeps for it, its own goes first."""
    ended = town.list(did=town.university.did, lifetime=HOUR / 2)
    newer, revoked = town.list(), town.list(revoked=True)
    bundle = town.bundle(ended)
    assert town.verdict(bundle, town.named, NOW, newer) is Verdict.VALID
    assert town.verdict(bundle, town.named, NOW, revoked) is Verdict.INVALID
    assert town.verdict(replace(bundle, status_lists=(ended, newer)), town.named) is Verdict.VALID


def test_the_key_signs_no_diploma_under_either_did(town: Town) -> None:
    """Not even where nobody says more of it than the issuer's documents do."""
    university, key = town.university, town.key.public_key.multikey()
    for issuer in (university.did, town.did):
        for signer in (university.did, town.did):
            claims = university.diploma(INDEX)
            claims["issuer"] = {**claims["issuer"], "id": issuer}
            made = sign(claims, town.key, verification_method=f"{signer}#{key}", created=university.now)
            bundle = university.bundle(made)
            assert town.verdict(bundle, town.named) is not Verdict.VALID


def test_where_the_trust_list_names_the_key_no_document_is_needed(town: Town) -> None:
    """A bundle that holds all documents back gains nothing: the key signs no diploma, and that is certain."""
    university, key = town.university, town.key.public_key.multikey()
    trust = town.trust(town.did, list_keys=(key,))
    for signer in (university.did, town.did):
        claims = university.diploma(INDEX)
        made = sign(claims, town.key, verification_method=f"{signer}#{key}", created=university.now)
        bundle = replace(university.bundle(made), issuer_documents=())
        assert town.verdict(bundle, trust) is Verdict.INVALID
    assert town.verdict(town.bundle(town.list()), trust) is Verdict.VALID


def test_nor_where_a_document_of_before_has_it_under_another_name(town: Town) -> None:
    """What the trust list says is of the key, however the issuer's document calls that."""
    university, key = town.university, town.key.public_key.multikey()
    document = did_web.document(university.did, {"assertionMethod": [town.key.public_key]})
    (method,), name = document["verificationMethod"], f"{university.did}#lists"
    university.publish_document([], verificationMethod=[{**method, "id": name}], assertionMethod=[name])
    bundle = university.bundle(
        sign(university.plain(), town.key, verification_method=name, created=university.now)
    )
    assert town.verdict(bundle, town.trust()) is Verdict.VALID, "by the document alone"
    assert town.verdict(bundle, town.trust(list_keys=(key,))) is Verdict.INVALID


def test_evidence_of_somebody_elses_log_is_none(town: Town) -> None:
    """A list that a presenter brings has to be in the log of the diploma's issuer."""
    other, made = University("other.example"), town.list().document
    leaf = log_entry(made, made["proof"][0], EntryKind.STATUS_LIST)
    trust = town.named.adding(RecognisedIssuer(other.did), other.recognised_log)
    for brought in (Anchored(made, ()), Anchored(made, (other.anchor(leaf),))):
        assert town.verdict(town.bundle(brought), trust) is Verdict.UNDETERMINED


def test_it_is_named_in_its_own_right_where_the_list_has_an_entry_for_it(town: Town) -> None:
    """As who keeps somebody's lists was named before: by pins of its own."""
    own = RecognisedIssuer(town.did, keys=(town.key.public_key.multikey(),), types=("nothing",))
    town.university.documents.pop()
    bundle = town.bundle(town.list())
    assert town.verdict(bundle, town.named) is Verdict.UNDETERMINED
    assert town.verdict(bundle, town.named.adding(own)) is Verdict.VALID


class Site(NoFetcher):
    """Whoever holds the web host: it gives a document of the DID for status lists with a key of his."""

    def __init__(self, did: str, key: PrivateKey) -> None:
        self.served = {did_web.url(did): did_web.document(did, {"assertionMethod": [key.public_key]})}

    def fetch(self, url: str, **_: Any) -> bytes:
        return json.dumps(self.served[url]).encode()


@pytest.mark.parametrize("names_key", [False, True])
def test_where_keys_are_pinned_the_host_names_none_for_lists(town: Town, names_key: bool) -> None:
    """Who holds the host alone takes no revocation back: not by a list, nor by a document with his key."""
    university, key = town.university, town.key.public_key.multikey()
    pinned: dict[str, Any] = {"list_keys": (key,)} if names_key else {}
    pinned["keys"] = (university.key.public_key.multikey(),)
    trust = Trust((RecognisedIssuer(university.did, status_issuers=(town.did,), **pinned),))
    clear, revoked = town.list(), town.list(revoked=True)
    town.key = PrivateKey.generate()
    forged = town.list(at=NOW - HOUR / 2)
    claims = {**university.plain(INDEX), "credentialStatus": status_entry(university.list_url, INDEX)}
    diploma = university.sign(claims)

    def verdict(listed: Anchored) -> Verdict:
        site, lists = Site(town.did, town.key), {university.list_url: json.dumps(listed.document).encode()}
        judge = Verifier(Resolver(METHODS, site), trust=trust, lists=[lists.get])
        return judge.verify(diploma, now=NOW).verdict

    assert verdict(forged) is Verdict.UNDETERMINED
    by_pins = (Verdict.VALID, Verdict.INVALID) if names_key else (Verdict.UNDETERMINED,) * 2
    assert (verdict(clear), verdict(revoked)) == by_pins


def test_where_a_document_is_pinned_the_host_names_none_for_lists(town: Town) -> None:
    """It has the keys of the DID for lists itself."""
    university = town.university
    *_, document = university.documents
    digest = base64url_encode(document_digest(document.document))
    trust = Trust((RecognisedIssuer(university.did, documents=(digest,), status_issuers=(town.did,)),))
    clear, revoked = town.list(), town.list(revoked=True)
    town.key = PrivateKey.generate()
    forged = town.list(at=NOW - HOUR / 2)
    claims = {**university.plain(INDEX), "credentialStatus": status_entry(university.list_url, INDEX)}
    bundle = Bundle(university.sign(claims), (), (document,))
    expected = ((clear, Verdict.VALID), (revoked, Verdict.INVALID), (forged, Verdict.UNDETERMINED))
    for listed, verdict in expected:
        site, lists = Site(town.did, town.key), {university.list_url: json.dumps(listed.document).encode()}
        judge = Verifier(Resolver(METHODS, site), trust=trust, lists=[lists.get])
        assert judge.verify(bundle, now=NOW).verdict is verdict


def test_a_key_that_is_pinned_for_lists_signs_no_diploma(town: Town) -> None:
    university, key = town.university, town.key.public_key.multikey()
    pins: dict[str, Any] = {"keys": (university.key.public_key.multikey(),), "list_keys": (key,)}
    trust = Trust((RecognisedIssuer(university.did, status_issuers=(town.did,), **pins),))
    for signer in (university.did, town.did):
        made = sign(
            university.plain(), town.key, verification_method=f"{signer}#{key}", created=university.now
        )
        assert verifier(trust).verify(made, now=NOW).verdict is not Verdict.VALID


def test_a_file_brings_no_key_for_lists_where_keys_are_pinned(town: Town) -> None:
    """Nothing else would keep a stranger's file from naming his own: no document leads to such a key."""
    pins: dict[str, Any] = {
        "keys": (town.university.key.public_key.multikey(),),
        "status_issuers": (town.did,),
    }
    entry = RecognisedIssuer(town.university.did, **pins)
    own = Trust((replace(entry, list_keys=(town.key.public_key.multikey(),)),))
    for documents in ((), ("A" * 43,)):
        with raises(TRUST_DIFFERS):
            Trust((entry,)).joined(Trust((replace(own.issuers[0], documents=documents),)))
    assert own.joined(own) == own
