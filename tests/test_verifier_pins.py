"""What a trust entry names are its pins: where there is one, the network does not speak."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from did import METHODS, Document, Method, Resolution, Resolver
from did.methods import web as did_web
from intaglio.words import remedy
from keys import PrivateKey
from ledger import KINDS
from tests.problems import raises
from tests.world import NOW, University, verifier
from vc import Anchored, Check, Report, Verdict, sign
from vc.anchoring import document_digest
from vc.vcdm.presentation import presentation
from verifier import RecognisedIssuer, Trust, Verifier
from verifier.problem import ISSUER_DOCUMENT_MISSING
from verifier.sources.documents import IssuerDocuments
from verifier.sources.keys import IssuerKeys
from verifier.sources.published import PublishedLogs
from wire import Unavailable, base64url_encode
from wire.fetch import NoFetcher
from wire.work import Work


class Web:
    """Who holds the hosts of these DIDs today, and what they serve; nobody else answers."""

    def __init__(self, *documents: dict[str, Any]) -> None:
        self.documents = {document["id"]: document for document in documents}
        self.asked: list[str] = []

    def resolve(self, did: str) -> Resolution:
        if did.startswith("did:key:"):
            return Resolver(METHODS, NoFetcher()).resolve(did)
        self.asked.append(did)
        if did not in self.documents:
            raise Unavailable(f"{did} does not answer")
        return Resolution(Document.parse(self.documents[did], did))

    def method(self, did: str) -> Method | None:
        return Resolver(METHODS, NoFetcher()).method(did)


def check(bundle: Any, trust: Trust, web: Web, **options: Any) -> Report:
    return Verifier(web, trust=trust, **options).verify(bundle, now=NOW)


def published(did: str, *keys: PrivateKey, **change: Any) -> dict[str, Any]:
    return {**did_web.document(did, {"assertionMethod": [key.public_key for key in keys]}), **change}


def by_other_name(did: str, **keys: PrivateKey) -> dict[str, Any]:
    """A document that calls its keys otherwise than by themselves."""
    methods = [
        {
            "id": f"{did}#{name}",
            "type": "Multikey",
            "controller": did,
            "publicKeyMultibase": key.public_key.multikey(),
        }
        for name, key in keys.items()
    ]
    ids = [method["id"] for method in methods]
    return {"id": did, "verificationMethod": methods, "assertionMethod": ids}


UNIVERSITY = University()
THIEF = PrivateKey.generate()
"""Whoever took over the university's host."""
TAKEN_OVER = published(UNIVERSITY.did, THIEF)


def unanchored(university: University = UNIVERSITY) -> dict[str, Any]:
    """A diploma that no log is to hold and nothing can revoke."""
    return university.plain()


def digest(document: Any) -> str:
    return base64url_encode(document_digest(document))


PINS = {
    "a key": {"keys": (UNIVERSITY.key.public_key.multikey(),)},
    "two keys": {"keys": tuple(PrivateKey.generate().public_key.multikey() for _ in range(2))},
    "a document": {"documents": (digest(UNIVERSITY.documents[0].document),)},
    "a document beside a key": {
        "keys": (UNIVERSITY.key.public_key.multikey(),),
        "documents": (digest(UNIVERSITY.documents[0].document),),
    },
}


@pytest.mark.parametrize("pin", PINS.values(), ids=PINS.keys())
def test_the_web_site_of_a_pinned_issuer_vouches_for_no_other_key(pin: dict[str, Any]) -> None:
    forged = UNIVERSITY.sign(unanchored(), THIEF)
    trust = Trust().adding(RecognisedIssuer(UNIVERSITY.did, **pin))
    report = check(forged, trust, Web(TAKEN_OVER))
    assert report.verdict is Verdict.UNDETERMINED
    assert report.deciding
    assert "not among those that the trust list pins" in report.deciding.text


def test_without_a_pin_it_does() -> None:
    """Else the tests above and below would show nothing."""
    trust = Trust().adding(RecognisedIssuer(UNIVERSITY.did))
    report = check(UNIVERSITY.sign(unanchored(), THIEF), trust, Web(TAKEN_OVER))
    assert report
    assert [found.step for found in report.checks] == [*range(1, 10)]
    assert report.checks[7].text == "in no log"


def test_nor_does_it_where_a_log_speaks_for_the_issuer() -> None:
    """Its list of zeros, fetched at the very address, would make an old copy in the bundle look current."""
    university, web = University(), Web(TAKEN_OVER)
    bundle = university.issue()
    university.now, university.key = NOW - timedelta(hours=1), THIEF
    zeros = {item.document["id"]: json.dumps(item.document).encode() for item in university.status_lists()}
    report = check(bundle, university.trust, web, lists=[zeros.get])
    assert report.verdict is Verdict.UNDETERMINED
    assert report.deciding
    assert report.deciding.name == "status"
    assert web.asked == []


def test_without_its_documents_an_issuer_with_a_log_stays_open_and_the_bundle_is_asked_for() -> None:
    web = Web(published(UNIVERSITY.did, UNIVERSITY.key))
    report = check(replace(UNIVERSITY.issue(), issuer_documents=()), UNIVERSITY.trust, web)
    assert report.verdict is Verdict.UNDETERMINED
    assert report.deciding
    assert report.deciding.problem
    assert "no document from the log" in report.deciding.text
    assert "bundle" in remedy(report.deciding.problem)
    assert web.asked == []


def test_the_network_brings_a_document_whose_digest_is_pinned() -> None:
    document = UNIVERSITY.documents[0].document
    trust = Trust().adding(RecognisedIssuer(UNIVERSITY.did, documents=(digest(document),)))
    diploma = UNIVERSITY.sign(unanchored())
    report = check(diploma, trust, Web(dict(document)))
    assert (bool(report), report.checks[2].code) == (True, "issuer-document-pinned")
    changed = published(UNIVERSITY.did, UNIVERSITY.key, alsoKnownAs=["https://university.example/"])
    assert check(diploma, trust, Web(changed)).verdict is Verdict.UNDETERMINED


class TestNamesOfKeys:
    """A key may be called `#key-1`; which of them it is, a document says, or there is one only."""

    DID = UNIVERSITY.did
    OTHER = PrivateKey.generate()

    def diploma(self, key: PrivateKey, name: str = "key-1") -> dict[str, Any]:
        return sign(unanchored(), key, verification_method=f"{self.DID}#{name}")

    def trust(self, *keys: PrivateKey) -> Trust:
        return Trust().adding(
            RecognisedIssuer(self.DID, keys=tuple(key.public_key.multikey() for key in keys))
        )

    def test_the_one_key_that_is_pinned_needs_no_document(self) -> None:
        web = Web()
        assert check(self.diploma(UNIVERSITY.key), self.trust(UNIVERSITY.key), web)
        assert web.asked == []

    def test_that_it_does_not_fit_shows_nothing(self) -> None:
        """The issuer may have another one by now."""
        report = check(self.diploma(self.OTHER), self.trust(UNIVERSITY.key), Web())
        assert report.verdict is Verdict.UNDETERMINED
        assert report.deciding
        assert "not among those that the trust list pins" in report.deciding.text

    def test_a_document_says_which_of_several_pinned_keys_it_is_and_adds_none(self) -> None:
        trust = self.trust(UNIVERSITY.key, self.OTHER)
        names = {"key-1": UNIVERSITY.key, "key-2": self.OTHER, "key-3": THIEF}
        web = Web(by_other_name(self.DID, **names))
        assert check(self.diploma(UNIVERSITY.key), trust, web)
        assert check(self.diploma(self.OTHER, "key-2"), trust, web)
        assert check(self.diploma(THIEF, "key-3"), trust, web).verdict is Verdict.UNDETERMINED
        assert check(self.diploma(UNIVERSITY.key), trust, Web()).verdict is Verdict.UNDETERMINED


class TestKeyAndLog:
    """As trust files of the first release have both: what the log says of a key goes before."""

    def setup_method(self) -> None:
        self.university = University()
        self.old_key, self.new_key = self.university.key, PrivateKey.generate()
        entry = RecognisedIssuer(self.university.did, keys=(self.old_key.public_key.multikey(),))
        self.trust = Trust().adding(entry, self.university.recognised_log)
        self.before = self.university.bundle(self.university.sign(self.diploma(1)))
        self.university.publish_document([self.new_key])

    def diploma(self, index: int) -> dict[str, Any]:
        document = self.university.diploma(index)
        del document["credentialStatus"]
        return document

    def test_a_key_that_the_newest_document_lacks_signs_nothing_more(self) -> None:
        """The thief of the retired key can write to the log, and leaves out the document that has it."""
        forged = self.university.bundle(self.university.sign(self.diploma(2), self.old_key))
        for documents in (self.university.documents, self.university.documents[1:]):
            report = check(replace(forged, issuer_documents=tuple(documents)), self.trust, Web())
            assert report.verdict is Verdict.INVALID
            assert report.deciding
            assert report.deciding.name == "evidence"

    def test_what_the_log_shows_to_be_older_stays_good(self) -> None:
        for documents in (self.university.documents, self.university.documents[1:], []):
            assert check(replace(self.before, issuer_documents=tuple(documents)), self.trust, Web())

    def test_so_it_does_by_another_name_than_the_pins(self) -> None:
        university, key = University(), self.old_key
        entry = RecognisedIssuer(university.did, keys=(key.public_key.multikey(),))
        diploma = university.diploma(3)
        del diploma["credentialStatus"]
        method = f"{university.did}#key-1"
        whole = university.bundle(sign(diploma, key, verification_method=method, created=university.now))
        university.publish_document([self.new_key])
        later = replace(whole, issuer_documents=tuple(university.documents[1:]))
        assert check(later, Trust().adding(entry, university.recognised_log), Web())

    def test_the_key_of_a_newer_document_counts(self) -> None:
        new = self.university.bundle(self.university.sign(self.diploma(2), self.new_key))
        assert check(new, self.trust, Web())


def test_a_key_that_a_document_borrows_from_one_that_can_change_is_not_the_issuers() -> None:
    """What a DID that is a key says stays so; another's document is another's to change."""
    issuer, other, key = "did:web:uni.example", "did:web:other.example", PrivateKey.generate()
    method = f"{other}#{key.public_key.multikey()}"
    document = {**published(issuer), "assertionMethod": [method]}
    signed = sign(University().plain(issuer=issuer), key, verification_method=method, created=NOW)
    trust = Trust().adding(RecognisedIssuer(issuer)).adding(RecognisedIssuer(other))
    assert not check(signed, trust, Web(document, published(other, key)))


def by_a_key_of(issuer: str) -> dict[str, Any]:
    diploma = University().plain(issuer=issuer)
    return sign(diploma, PrivateKey.generate(), verification_method=f"{issuer}#key", created=NOW)


def test_an_issuer_on_the_list_whose_method_is_not_known_here_stays_open() -> None:
    issuer = "did:example:university"
    report = verifier(Trust().adding(RecognisedIssuer(issuer))).verify(by_a_key_of(issuer), now=NOW)
    assert report.deciding
    code = "issuer-issuer-method-not-supported"
    assert (report.verdict, report.deciding.code) == (Verdict.UNDETERMINED, code)


def test_an_issuer_with_a_url_is_looked_up_by_who_names_it_alone() -> None:
    """However strangers are let in: whoever sends a file would have this machine ask any address."""
    web, signed = Web(), by_a_key_of("https://university.example/")
    report = Verifier(web, trust=Trust()).verify(signed, now=NOW, strangers=True)
    assert report.deciding
    assert (report.verdict, report.deciding.code) == (Verdict.UNDETERMINED, "issuer-key-owner-unknown")
    assert web.asked == []


def test_a_log_is_asked_once_for_the_documents_of_an_issuer() -> None:
    """Each of a hundred proofs could else have them read again."""

    class Logs(PublishedLogs):
        asked = 0

        def documents(self, issuer: str) -> tuple[Anchored, ...]:
            self.asked += 1
            return tuple(UNIVERSITY.documents)

    trust, work = UNIVERSITY.trust, Work()
    logs = Logs(lambda url, limit: b"", trust, work)
    keys = IssuerKeys(
        Web(), trust, IssuerDocuments(trust, (), work, KINDS, logs), work, set(), strangers=False
    )
    unknown = f"{UNIVERSITY.did}#{THIEF.public_key.multikey()}"
    for _ in range(2):
        with raises(ISSUER_DOCUMENT_MISSING):
            keys.find(UNIVERSITY.did, unknown, "assertionMethod", is_named=True)
    assert logs.asked == 1
    known = f"{UNIVERSITY.did}#{UNIVERSITY.key.public_key.multikey()}"
    found = keys.find(UNIVERSITY.did, known, "assertionMethod", is_named=True)
    assert len(found.history) == len(UNIVERSITY.documents)


def test_an_issuer_on_the_list_whose_did_is_none_is_no_crash() -> None:
    issuer, key = "did:web:127.0.0.1", PrivateKey.generate()
    diploma = University().diploma(issuer=issuer)
    signed = sign(diploma, key, verification_method=f"{issuer}#key-1", created=NOW)
    judge = verifier(Trust().adding(RecognisedIssuer(issuer)))
    assert judge.verify(signed, now=NOW).verdict is Verdict.INVALID


COMPANY, PRESENTER = "did:web:company.example", PrivateKey.generate()


def shown_by_the_company(change: dict[str, Any], trust: Trust) -> tuple[Check, list[str]]:
    """What step 2 finds of a diploma, and whom it asks."""
    document = by_other_name(COMPANY, key=PRESENTER)
    web = Web({**document, "authentication": document.pop("assertionMethod")})
    bundle = UNIVERSITY.issue()
    credential = {**bundle.secured, **change}
    shown = sign(
        presentation(COMPANY, [credential]),
        PRESENTER,
        verification_method=f"{COMPANY}#key",
        purpose="authentication",
        challenge="challenge",
    )
    judge = Verifier(web, trust=trust)
    report = judge.verify(replace(bundle, secured=shown), now=NOW, challenge="challenge")
    return report.checks[1], web.asked


def test_a_presenter_is_looked_up_as_before() -> None:
    """Whoever shows a diploma stands on no list, or may have pins there that do not name the key."""
    pins = tuple(key.public_key.multikey() for key in (PRESENTER, THIEF))
    for trust in (UNIVERSITY.trust, UNIVERSITY.trust.adding(RecognisedIssuer(COMPANY, keys=pins))):
        found, asked = shown_by_the_company({}, trust)
        assert (found.outcome.value, asked) == ("passed", [COMPANY])
        found, asked = shown_by_the_company({"name": "PhD"}, trust)
        assert (found.outcome.value, asked) == ("undetermined", []), "what is shown did not pass"
