"""Each key of an issuer is for one thing: the key that is online for status lists signs no diploma."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson
import pyld.jsonld
import pytest

from did import METHODS, Document, InvalidVerificationMethod, Resolver
from did.document import SIGNS
from did.methods import web as did_web
from issuer.identity import documents
from issuer.issuer import Issuer
from issuer.keeping import rotation
from keys import KeyFile, PrivateKey, Signer
from ledger import Log
from ledger.folder import store_in
from tests.commandline import Program
from tests.copying import copy_folder
from tests.fixtures.make import MADE, PASSPHRASE
from tests.world import NOW, University, decided, graduate, issuer_in, verifier
from vc import Bundle, Report, Verdict, sign
from vc.anchoring import document_digest, log_entry
from vc.document_chain import chained, to_pin
from vc.forms.integrity import SUITES_BY_KEY
from vc.vcdm import jsonld
from vc.vcdm.jsonld.documents import Documents
from verifier import Trust, Verifier
from wire import Conflict, Unavailable, base64url_encode
from wire.fetch import NoFetcher

LATER = NOW + timedelta(minutes=10)


@dataclass
class Town:
    """An issuer in a folder, what others know of it, and one genuine diploma."""

    issuer: Issuer
    trust: Trust
    genuine: Bundle


def make(home: Path, **options: Any) -> Issuer:
    return issuer_in(home, **{"url": "https://university.example", "name": "University", **options})


def trust_of(issuer: Issuer) -> Trust:
    return Trust.parse(orjson.dumps(issuer.trust_file()))


@pytest.fixture
def town(tmp_path: Path) -> Town:
    issuer = make(tmp_path / "issuer")
    genuine = issuer.bundle(issuer.issue(graduate(1)))
    return Town(issuer, trust_of(issuer), genuine)


def forge(town: Town, home: Path, signer: Signer) -> Bundle:
    """A diploma by a thief who has the log's keys, in a copy of the folder, and this one."""
    issuer, genuine = town.issuer, town.genuine
    copy_folder(issuer.home, home)
    keys = KeyFile.open(home / "keys.json", lambda: None)
    claims = {name: value for name, value in genuine.secured.items() if name != "proof"}
    claims["id"] = str(claims["id"])[:-8] + "aaaaaaaa"
    forged = sign(
        claims,
        signer,
        verification_method=f"{issuer.did}#{signer.public_key.multikey()}",
        created=NOW,
        suite=SUITES_BY_KEY[signer.public_key.type],
    )
    log = Log(
        issuer.identity.log, keys.signer("log"), keys.signer("cosigner"), store_in(home), clock=lambda: NOW
    )
    leaf = log_entry(forged, forged["proof"][0])
    (index,) = log.append([leaf], leaf)
    return Bundle(forged, (log.evidence(index),), genuine.issuer_documents, genuine.status_lists)


def verify(trust: Trust, bundle: Bundle) -> Report:
    return verifier(trust).verify(bundle.to_bytes(), now=LATER)


def code(report: Report) -> str:
    problem = decided(report).problem
    assert problem is not None
    return problem.code


def test_the_key_for_status_lists_signs_no_diploma(town: Town, tmp_path: Path) -> None:
    """The folder's copy has log, clock and list key; it did not get the key for diplomas."""
    assert verify(town.trust, town.genuine).verdict is Verdict.VALID
    forged = forge(town, tmp_path / "thief", town.issuer.keys.signer("status-list"))
    report = verify(town.trust, forged)
    assert report.verdict is Verdict.INVALID
    assert code(report) == "key-of-another-use"


def test_nor_where_the_trust_list_has_the_issuer_without_its_keys(town: Town, tmp_path: Path) -> None:
    """Its document says it, whoever brings that."""
    forged = forge(town, tmp_path / "thief", town.issuer.keys.signer("status-list"))
    (entry,) = town.trust.issuers
    for less in (replace(entry, list_keys=()), replace(entry, list_keys=(), documents=())):
        assert code(verify(Trust((less,), town.trust.logs), forged)) == "key-of-another-use"


def test_nor_by_the_document_that_is_published(town: Town, tmp_path: Path) -> None:
    """For who knows neither log nor key, and looks the DID up."""
    issuer = town.issuer
    signer = issuer.keys.signer("status-list")
    document = (issuer.home / "did.json").read_bytes()

    class Host(NoFetcher):
        def fetch(self, url: str, **_: Any) -> bytes:
            assert url == did_web.url(issuer.did)
            return document

    claims = University().plain()
    claims = {**claims, "issuer": {**claims["issuer"], "id": issuer.did}}
    trust = Trust().adding(replace(town.trust.issuers[0], documents=(), list_keys=()))
    judge = Verifier(Resolver(METHODS, Host()), trust=trust)
    for name, verdict in (("assertion", Verdict.VALID), ("status-list", Verdict.INVALID)):
        signer = issuer.keys.signer(name)
        method = f"{issuer.did}#{signer.public_key.multikey()}"
        report = judge.verify(sign(claims, signer, verification_method=method, created=NOW), now=LATER)
        assert report.verdict is verdict, report.checks


def test_nor_by_a_document_of_before_where_the_trust_file_names_the_key(tmp_path: Path) -> None:
    """A bundle may leave out the document that says so: what remains is one that says nothing."""
    university, list_key = University(), PrivateKey.generate()
    university.publish_document([university.key, list_key])
    bundle = university.bundle(university.sign(university.diploma(), list_key))
    assert verify(university.trust, bundle).verdict is Verdict.VALID, "documents of before say nothing"
    (entry,) = university.trust.issuers
    known = replace(entry, list_keys=(list_key.public_key.multikey(),))
    assert code(verify(Trust((known,), university.trust.logs), bundle)) == "key-of-another-use"
    genuine = university.issue()
    assert verify(Trust((known,), university.trust.logs), genuine).verdict is Verdict.VALID


def test_nor_by_a_pinned_document_of_before_whatever_the_trust_file_leaves_out(tmp_path: Path) -> None:
    """No fingerprint covers `listKeys`: somebody could hand on a file without them, which looks the same."""
    university, list_key = University(), PrivateKey.generate()
    may_log_in = [f"{university.did}#{university.key.public_key.multikey()}"]
    university.publish_document([university.key, list_key], authentication=may_log_in)
    (entry,) = university.trust.issuers
    digest = base64url_encode(document_digest(university.documents[-1].document))
    trust = Trust((replace(entry, documents=(digest,)),), university.trust.logs)
    forged = university.bundle(university.sign(university.diploma(), list_key))
    report = verify(trust, forged)
    assert (report.verdict, code(report)) == (Verdict.UNDETERMINED, "verification-method-not-supported")
    genuine = university.issue()
    assert verify(trust, genuine).verdict is Verdict.VALID
    ended = {
        "expires": "2026-01-01T00:00:00Z"
    }  # what signed before its end is judged by its place in the log
    (method, *others) = university.documents[-1].document["verificationMethod"]
    new = PrivateKey.generate()
    university.publish_document(
        [new], verificationMethod=[{**method, **ended}, *others], assertionMethod=[method["id"]]
    )
    del university.documents[0]
    assert verify(trust, genuine).verdict is Verdict.VALID


@pytest.mark.quick(every=4)
@pytest.mark.parametrize(
    ("uses", "credentials", "lists"),
    [
        (["credentials", "statusLists"], "", ""),
        (["credentials"], "", "key-of-another-use"),
        (["statusLists"], "key-of-another-use", ""),
        (["credentials", "tickets"], "", "verification-method-not-supported"),
        (["tickets"], "verification-method-not-supported", "verification-method-not-supported"),
        ([], "verification-method-not-supported", "verification-method-not-supported"),
    ],
)
def test_what_a_document_says_of_a_key_is_what_it_is_for(
    uses: list[str], credentials: str, lists: str
) -> None:
    """What is not known here is open; a use that is known, and another one, is refused."""
    university = University()
    key, other = university.key, PrivateKey.generate()
    silent = did_web.document(university.did, {"assertionMethod": [key.public_key, other.public_key]})
    first, second = silent["verificationMethod"]
    change = {"verificationMethod": [{**first, SIGNS: uses}, second]}
    university.publish_document([key, other], **change)
    university.key = other
    bundle = university.bundle(university.sign(university.diploma(), key))
    assert (code(verify(university.trust, bundle)) if credentials else "") == credentials
    if not credentials:
        assert verify(university.trust, bundle).verdict is Verdict.VALID
    university.key = key
    bundle = university.bundle(university.sign(university.diploma(index=8), other))
    report = verify(university.trust, bundle)
    if lists:
        assert report.verdict is not Verdict.VALID
        assert decided(report).step == 6
    else:
        assert report.verdict is Verdict.VALID


@pytest.mark.parametrize("value", ["credentials", None, [1], {}])
def test_uses_that_cannot_be_read_make_no_key(value: object) -> None:
    key = PrivateKey.generate().public_key
    document = did_web.document("did:web:university.example", {"assertionMethod": [key]})
    document["verificationMethod"][0][SIGNS] = value
    with pytest.raises(InvalidVerificationMethod):
        Document.parse(document, document["id"]).verification_method(
            f"{document['id']}#{key.multikey()}", "assertionMethod"
        )


# What the issuer says of itself


def uses(document: Mapping[str, Any]) -> dict[str, list[str]]:
    return {one["publicKeyMultibase"]: one[SIGNS] for one in document["verificationMethod"]}


@pytest.mark.slow
def test_file_and_fingerprint_stay_over_rotations(tmp_path: Path) -> None:
    """And either file goes onto the list that has the other."""
    issuer = make(tmp_path / "issuer")
    issuer.issue(graduate(1))
    files = [trust_of(issuer)]
    for number in (2, 3):
        rotation.add(issuer)
        rotation.rotate(issuer)
        issuer.issue(graduate(number))
        files.append(trust_of(issuer))
    assert len({file.fingerprint(issuer.did) for file in files}) == 1
    assert len({file.issuers[0].documents for file in files}) == 1
    assert len(files[-1].issuers[0].list_keys) == 3
    for first, second in ((0, 2), (2, 0)):
        joined = files[first].joined(files[second])
        assert set(joined.issuers[0].list_keys) == set(files[2].issuers[0].list_keys)
        for entry in issuer.entries():
            assert verify(joined, issuer.bundle(entry)).verdict is Verdict.VALID


def test_every_document_names_the_one_before_and_the_uses_of_its_keys(tmp_path: Path) -> None:
    issuer = make(tmp_path / "issuer")
    issuer.issue(graduate(1))
    rotation.add(issuer)
    rotation.rotate(issuer)
    history = documents.history(issuer.home)
    assert len(history) == 3
    assert to_pin(history, issuer.did) == history[:1]
    for document in history:
        assert sorted(map(tuple, uses(document).values())) == sorted(
            [("credentials",), ("statusLists",)] * (len(document["verificationMethod"]) // 2)
        )


def test_after_a_compromise_the_pin_is_another_one(tmp_path: Path) -> None:
    issuer = make(tmp_path / "issuer")
    issuer.issue(graduate(1))
    before = trust_of(issuer)
    rotation.rotate(issuer, compromised=True)
    after = trust_of(issuer)
    assert before.fingerprint(issuer.did) != after.fingerprint(issuer.did)
    with pytest.raises(Conflict):
        before.joined(after)


def test_a_later_document_is_no_contradiction_where_the_chain_of_the_pinned_one_leads_there(
    tmp_path: Path,
) -> None:
    """As where a register pins the newest document; the list keeps the earlier pin, which leads to all."""
    issuer = make(tmp_path / "issuer")
    issuer.issue(graduate(1))
    ours = trust_of(issuer)
    for number in (2, 3):
        rotation.add(issuer)
        rotation.rotate(issuer)
        issuer.issue(graduate(number))
    history = documents.history(issuer.home)
    names = [base64url_encode(document_digest(version)) for version in history]
    assert list(ours.issuers[0].documents) == names[:1]
    asked: list[str] = []

    def versions(did: str) -> Sequence[Mapping[str, Any]]:
        asked.append(did)
        return history

    def pinning(*digests: str) -> Trust:
        return Trust((replace(ours.issuers[0], documents=digests),), ours.logs)

    for name in names[1:]:
        with pytest.raises(Conflict):
            ours.joined(pinning(name))
        joined = ours.joined(pinning(name), versions)
        assert joined.issuers[0].documents == ours.issuers[0].documents
        for entry in issuer.entries():
            assert verify(joined, issuer.bundle(entry)).verdict is Verdict.VALID
        with pytest.raises(Conflict):  # nothing leads back
            pinning(name).joined(ours, versions)
    assert set(asked) == {issuer.did}
    forged = chained(history[0], history[0], PrivateKey.generate(), created=NOW)
    history.append(forged)
    with pytest.raises(Conflict):  # it names the pinned one, and no key of that signed it
        ours.joined(pinning(base64url_encode(document_digest(forged))), versions)
    rotation.rotate(issuer, compromised=True)
    history[:] = documents.history(issuer.home)
    with pytest.raises(Conflict):  # another chain
        ours.joined(trust_of(issuer), versions)
    del history[1]
    with pytest.raises(Conflict):
        ours.joined(pinning(names[2]), versions)

    def unreachable(did: str) -> Sequence[Mapping[str, Any]]:
        raise Unavailable(f"the log of {did} cannot be asked")

    with pytest.raises(Conflict):
        ours.joined(pinning(names[1]), unreachable)


@pytest.mark.slow
def test_a_home_of_before_says_it_with_its_next_keys(tmp_path: Path) -> None:
    """Its documents say nothing; the trust file names its keys for lists at once."""
    fixture = Path(__file__).parent / "fixtures" / "f31e11f" / "university" / "issuer"
    copy_folder(fixture, tmp_path / "issuer")
    issuer = Issuer(tmp_path / "issuer", lambda: PASSPHRASE.encode(), lambda: MADE + timedelta(hours=1))
    old = issuer.public_keys
    (entry,) = trust_of(issuer).issuers
    assert entry.list_keys == (old["status-list"].multikey(),)
    rotation.rotate(issuer)
    document = documents.newest(issuer.home)
    assert uses(document) == {
        issuer.public_keys["assertion"].multikey(): ["credentials"],
        issuer.public_keys["status-list"].multikey(): ["statusLists"],
        old["assertion"].multikey(): ["credentials"],
        old["status-list"].multikey(): ["statusLists"],
    }
    (after,) = trust_of(issuer).issuers
    assert after.documents == entry.documents
    assert after.list_keys[0] == entry.list_keys[0]


def test_a_did_key_is_one_key_for_both(tmp_path: Path) -> None:
    issuer = make(tmp_path / "issuer", url=None)
    bundle = issuer.bundle(issuer.issue(graduate(1)))
    (entry,) = trust_of(issuer).issuers
    assert (entry.list_keys, entry.documents) == ((), ())
    assert issuer.trust_file()["version"] == 1
    assert verify(trust_of(issuer), bundle).verdict is Verdict.VALID


@pytest.mark.slow
def test_other_programs_find_a_meaning_in_every_term_of_the_document(tmp_path: Path) -> None:
    """Ours and pyld's JSON-LD, which raise for a term that no context defines, or drop it."""
    issuer = make(tmp_path / "issuer")
    rotation.rotate(issuer)
    contexts = Documents()

    def load(url: str, _options: Any) -> dict[str, Any]:
        return {"contextUrl": None, "documentUrl": url, "document": contexts.load(url)}

    for document in documents.history(issuer.home):
        canonical = jsonld.canonicalize(document).decode()
        assert canonical.count("<urn:intaglio:vocab:signs>") == len(document["verificationMethod"])
        (expanded,) = pyld.jsonld.expand(document, {"documentLoader": load})
        assert len(expanded) == len(document) - 1, "but for @context, each member means something"


# The list of whom somebody recognises


def test_adding_a_second_issuer_of_a_log_says_what_follows(program: Program, tmp_path: Path) -> None:
    first, second = (make(tmp_path / name, name=name, url=f"https://{name}.example") for name in ("a", "b"))
    files = [first.trust_file(), second.trust_file()]
    files[1]["logs"] = [{**files[0]["logs"][0], "issuers": [second.did]}]
    for file, warned in zip(files, (False, True), strict=True):
        (tmp_path / "trust.json").write_bytes(orjson.dumps(file))
        added = program("trust", "add", tmp_path / "trust.json", "--yes")
        assert added.code == 0
        assert ("speaks for 2 issuers" in added.err) is warned
    assert "stays undecided" not in program("trust", "list").out
    unpinned = {**files[1], "version": 1, "issuers": [{"id": "did:web:c.example", "name": "c"}]}
    unpinned["logs"] = [{**files[0]["logs"][0], "issuers": ["did:web:c.example"]}]
    (tmp_path / "trust.json").write_bytes(orjson.dumps(unpinned))
    assert "speaks for 3 issuers" in program("trust", "add", tmp_path / "trust.json", "--yes").err
    assert program("trust", "list").out.count("stays undecided") == 1


def test_a_file_that_pins_a_later_document_is_added_where_the_log_shows_the_chain(program: Program) -> None:
    issuer = make(program.home / "issuer")
    issuer.issue(graduate(1))
    handed, name = issuer.trust_file(), program.home / "trust-file.json"
    rotation.add(issuer)
    later, foreign = (
        base64url_encode(digest) for digest in (document_digest(documents.newest(issuer.home)), bytes(32))
    )
    for digest, code in ((None, 0), (later, 0), (foreign, 1)):
        file = orjson.loads(orjson.dumps(handed))
        file["issuers"][0]["documents"] = [digest] if digest else file["issuers"][0]["documents"]
        name.write_bytes(orjson.dumps(file))
        assert program("trust", "add", name, "--yes").code == code
    (entry,) = Trust.load(program.home / "trust.json").issuers
    assert list(entry.documents) == handed["issuers"][0]["documents"]
