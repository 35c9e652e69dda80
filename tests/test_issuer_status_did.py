"""Status lists under a DID of their own: its keys stand in the issuer's document, and sign lists alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest

from did import METHODS, Resolver
from did.document import STATUS_DOCUMENT
from did.methods import web as did_web
from issuer.identity import documents
from issuer.identity.home import Identity
from issuer.identity.succession import KeysChanged
from issuer.issuer import Issuer
from issuer.keeping import rotation
from issuer.keeping.backup import backup, restore
from issuer.keeping.health import examine_issuer
from keys import KeyFile, PrivateKey, Signer
from ledger import EntryKind, Log
from ledger.folder import store_in
from tests.copying import copy_folder
from tests.fixtures.make import MADE, PASSPHRASE
from tests.fuzz.oracles import by_pyld
from tests.problems import raises
from tests.test_issuer_token import of_before
from tests.world import NOW, graduate, issuer_in, listed, reopened, verifier
from vc import Anchored, Bundle, Report, StatusList, Verdict, sign
from vc.anchoring import log_entry
from vc.forms.integrity import SUITES_BY_KEY
from vc.status import Reason, StatusEntry
from vc.vcdm.jsonld import canonicalize
from vc.vcdm.status_lists import status_list_document
from verifier import RecognisedIssuer, Trust, Verifier
from verifier.problem import TRUST_DIFFERS
from wire.fetch import NoFetcher
from wire.health import Health
from wire.problem import Conflict, Refused

URL = "https://university.example/registrar"
DID = "did:web:university.example:registrar"
LISTS = f"{DID}:status"
LATER = NOW + timedelta(minutes=10)


def make(home: Path, **options: Any) -> Issuer:
    return issuer_in(home, **{"url": URL, "has_status_did": True, **options})


def trust_of(issuer: Issuer) -> Trust:
    return Trust.parse(orjson.dumps(issuer.trust_file()))


def verify(trust: Trust, bundle: Bundle) -> Report:
    return verifier(trust).verify(bundle.to_bytes(), now=LATER)


def code(report: Report) -> str:
    assert report.deciding
    assert report.deciding.problem
    return report.deciding.problem.code


def by(issuer: Issuer) -> str:
    """Whose the first list is that lies in the folder."""
    document = listed(issuer.home).document
    owner = document["issuer"]
    assert document["proof"][0]["verificationMethod"].startswith(f"{owner}#")
    return str(owner)


def issued_and_revoked(issuer: Issuer) -> list[Bundle]:
    good, bad = issuer.issue_many([graduate(1), graduate(2)])
    issuer.revoke([bad.number], Reason.FRAUD, date=NOW, now=NOW)
    return [issuer.bundle(good), issuer.bundle(issuer.current(bad.number))]


VERDICTS = [Verdict.VALID, Verdict.INVALID]


def verdicts(trust: Trust, bundles: Iterable[Bundle]) -> list[Verdict]:
    return [verify(trust, bundle).verdict for bundle in bundles]


@pytest.fixture(params=["keys in the folder", pytest.param("diploma key on a token", marks=pytest.mark.slow)])
def issuer(tmp_path: Path, request: pytest.FixtureRequest) -> Issuer:
    token = PrivateKey.generate("P-256") if "token" in request.param else None
    return make(tmp_path / "issuer", signer=token)


@pytest.mark.slow
def test_a_bundle_is_judged_offline_by_the_issuers_documents(issuer: Issuer) -> None:
    bundles = issued_and_revoked(issuer)
    assert by(issuer) == LISTS
    assert verdicts(trust_of(issuer), bundles) == VERDICTS


def test_its_key_stands_in_no_relation_of_the_issuers_document(issuer: Issuer) -> None:
    """Other programs take every key in `assertionMethod` for diplomas."""
    document = documents.newest(issuer.home)
    key = issuer.keys.public_keys["status-list"].multikey()
    inner = document.pop(STATUS_DOCUMENT)
    assert key not in str(document)
    assert inner["assertionMethod"] == [f"{LISTS}#{key}"]
    assert inner["id"] == LISTS


@pytest.mark.slow
def test_the_document_is_json_ld_without_undefined_terms(issuer: Issuer) -> None:
    """In the RDF of the issuer's document the other one is one literal: nobody reads its keys there."""
    issuer.issue(graduate(1))
    rotation.rotate(issuer)
    history = documents.history(issuer.home)
    assert len(history) == 2
    for document in history:
        statements = [line for line in canonicalize(document).decode().splitlines() if LISTS in line]
        assert len(statements) == 1
        assert statements[0].startswith(f"<{issuer.did}> <{STATUS_DOCUMENT}> ")
        assert "rdf-syntax-ns#JSON" in statements[0]
        assert canonicalize(document).decode() == by_pyld(document)


def test_it_is_published_where_its_did_leads_to(issuer: Issuer) -> None:
    issuer.issue(graduate(1))
    path = issuer.home / "status" / "did.json"
    assert did_web.url(LISTS) == f"{URL}/status/did.json"
    assert orjson.loads(path.read_bytes()) == documents.newest(issuer.home)[STATUS_DOCUMENT]


# What a thief of the key does with it


@dataclass
class Thief:
    """Whoever has a copy of the folder of an issuer whose diploma key is on a token."""

    issuer: Issuer
    home: Path
    genuine: Bundle
    revoked: Bundle

    @property
    def key(self) -> Signer:
        return self.issuer.keys.signer("status-list")

    def log(self) -> Log:
        held = KeyFile.open(self.home / "keys.json", lambda: None)
        origin = self.issuer.identity.log
        return Log(
            origin, held.signer("log"), held.signer("cosigner"), store_in(self.home), clock=lambda: NOW
        )

    def diploma(self, of: str, under: str) -> Bundle:
        """A diploma of one issuer, signed with the list key as one of the DID `under`."""
        genuine = self.genuine.secured
        claims = {name: value for name, value in genuine.items() if name != "proof"}
        claims |= {"id": f"{str(claims['id'])[:-8]}aaaaaaaa", "issuer": {**claims["issuer"], "id": of}}
        method = f"{under}#{self.key.public_key.multikey()}"
        forged = sign(claims, self.key, verification_method=method, created=NOW)
        return replace(self.genuine, secured=forged, evidence=(self.evidence(forged),))

    def evidence(self, made: Any, kind: EntryKind = EntryKind.CREDENTIAL) -> Any:
        log, leaf = self.log(), log_entry(made, made["proof"][0], kind)
        (index,) = log.append([leaf], leaf)
        return log.evidence(index)

    def list(self, did: str = LISTS, signer: Signer | None = None, now: datetime = NOW) -> dict[str, Any]:
        """A list in which nothing is revoked."""
        status = StatusEntry.parse(self.revoked.secured["credentialStatus"])
        document = status_list_document(
            status.list_url, did, StatusList(), valid_from=now, lifetime=timedelta(days=30)
        )
        signer = signer or self.key
        method = f"{did}#{signer.public_key.multikey()}"
        suite = SUITES_BY_KEY[signer.public_key.type]
        return sign(document, signer, verification_method=method, created=now, suite=suite)


@pytest.fixture
def thief(issuer: Issuer, tmp_path: Path) -> Thief:
    genuine, revoked = issued_and_revoked(issuer)
    copy_folder(issuer.home, tmp_path / "stolen")
    return Thief(issuer, tmp_path / "stolen", genuine, revoked)


def kept_back(bundle: Bundle) -> list[Bundle]:
    """The bundle as it is, and with documents and evidence left out."""
    return [
        replace(bundle, issuer_documents=documents, evidence=evidence)
        for documents in (bundle.issuer_documents, ())
        for evidence in (bundle.evidence, ())
    ]


@pytest.mark.parametrize(("of", "under"), [(DID, DID), (LISTS, LISTS), (DID, LISTS), (LISTS, DID)])
def test_the_key_for_lists_signs_no_diploma(thief: Thief, of: str, under: str) -> None:
    """Under neither DID. Where the issuer is on the list, and is said to have signed, that is certain."""
    trust = trust_of(thief.issuer)
    (entry,) = trust.issuers
    less = [replace(entry, list_keys=()), replace(entry, documents=()), RecognisedIssuer(entry.id)]
    for bundle in kept_back(thief.diploma(of, under)):
        assert verify(trust, bundle).verdict is Verdict.INVALID, "the trust file names the key"
        for known in less:
            assert verify(Trust((known,), trust.logs), bundle).verdict is not Verdict.VALID
        site = Site(thief.issuer)
        for known in less:
            judge = Verifier(Resolver(METHODS, site), trust=Trust().adding(known))
            assert judge.verify(bundle.to_bytes(), now=LATER).verdict is not Verdict.VALID


class Site(NoFetcher):
    """The web site of an issuer, or of whoever holds its host."""

    def __init__(self, issuer: Issuer) -> None:
        folder = issuer.home
        self.served = {
            f"{URL}/did.json": (folder / "did.json").read_bytes(),
            f"{URL}/status/did.json": (folder / "status" / "did.json").read_bytes(),
        }
        self.asked: list[str] = []

    def fetch(self, url: str, **_: Any) -> bytes:
        self.asked.append(url)
        return self.served[url]


def test_a_list_counts_only_where_the_trust_list_names_its_signer(thief: Thief) -> None:
    trust = trust_of(thief.issuer)
    (entry,) = trust.issuers
    unnamed = Trust((replace(entry, status_issuers=()),), trust.logs)
    report = verify(unnamed, thief.genuine)
    assert report.verdict is Verdict.UNDETERMINED
    assert code(report) == "status-list-by-another"


def test_a_list_that_the_presenter_brings_has_to_be_in_the_issuers_log(thief: Thief) -> None:
    """Who has the list key alone takes no revocation back."""
    trust = trust_of(thief.issuer)
    for now in (NOW, NOW + timedelta(minutes=5)):
        brought = replace(thief.revoked, status_lists=(Anchored(thief.list(now=now), ()),))
        assert verify(trust, brought).verdict is not Verdict.VALID


def test_who_copied_the_folder_takes_a_revocation_back(thief: Thief) -> None:
    """The price that docs/keys.md names: the folder has the keys of lists and log."""
    made = thief.list(now=NOW + timedelta(minutes=1))
    brought = Anchored(made, (thief.evidence(made, EntryKind.STATUS_LIST),))
    shown = replace(thief.revoked, status_lists=(brought,))
    assert verify(trust_of(thief.issuer), shown).verdict is Verdict.VALID


def test_the_host_names_no_key_for_lists(thief: Thief) -> None:
    """Its keys are known from the issuer's documents alone: who holds the host brings a key of his own."""
    trust, own = trust_of(thief.issuer), PrivateKey.generate()
    made = thief.list(signer=own)
    document = did_web.document(LISTS, {"assertionMethod": [own.public_key]})
    site = Site(thief.issuer)
    site.served[f"{URL}/status/did.json"] = orjson.dumps(document)
    lists = {StatusEntry.parse(thief.genuine.secured["credentialStatus"]).list_url: orjson.dumps(made)}
    for documents_of in (thief.genuine.issuer_documents, ()):
        bundle = replace(thief.genuine, status_lists=(), issuer_documents=documents_of)
        judge = Verifier(Resolver(METHODS, site), trust=trust, lists=[lists.get])
        report = judge.verify(bundle.to_bytes(), now=LATER)
        assert report.verdict is Verdict.UNDETERMINED
        assert site.asked == []


def test_by_the_dids_alone_its_document_is_looked_up_for_lists(thief: Thief) -> None:
    """Whoever has no log of the issuer names both DIDs."""
    site, status = Site(thief.issuer), StatusEntry.parse(thief.genuine.secured["credentialStatus"])
    published = (thief.issuer.home / "status" / "0").read_bytes()
    entry = RecognisedIssuer(DID, status_issuers=(LISTS,))
    for bundle, verdict in ((thief.genuine, Verdict.VALID), (thief.revoked, Verdict.INVALID)):
        judge = Verifier(
            Resolver(METHODS, site), trust=Trust().adding(entry), lists=[{status.list_url: published}.get]
        )
        bare = replace(bundle, evidence=(), issuer_documents=(), status_lists=())
        assert judge.verify(bare.to_bytes(), now=LATER).verdict is verdict
    assert f"{URL}/status/did.json" in site.asked


# Changing keys


def newest_list(issuer: Issuer) -> str:
    return str(listed(issuer.home).document["proof"][0]["verificationMethod"])


def test_a_rotation_ends_both_keys_each_in_its_document(issuer: Issuer) -> None:
    bundles, before, trust = issued_and_revoked(issuer), dict(issuer.public_keys), trust_of(issuer)
    rotation.rotate(issuer)
    after = issuer.public_keys
    is_on_token = issuer.own_signer is not None
    assert (after["assertion"] == before["assertion"]) is is_on_token
    assert after["status-list"] != before["status-list"]
    document = documents.newest(issuer.home)
    ended = {one["publicKeyMultibase"] for one in documents.methods(document).values() if "expires" in one}
    gone = [before["status-list"]] if is_on_token else [before["status-list"], before["assertion"]]
    assert ended == {key.multikey() for key in gone}
    assert newest_list(issuer) == f"{LISTS}#{after['status-list'].multikey()}"
    again = [issuer.bundle(issuer.current(f"UNI-{number:06}")) for number in (1, 2)]
    assert verdicts(trust, [*bundles, *again]) == VERDICTS * 2
    assert trust_of(issuer).fingerprint(DID) == trust.fingerprint(DID)
    assert len(trust_of(issuer).issuers[0].list_keys) == 2


def test_what_an_ended_list_key_signs_counts_no_more(thief: Thief) -> None:
    old = thief.key
    rotation.rotate(thief.issuer)
    bundle = thief.issuer.bundle(thief.issuer.current("UNI-000002"))
    made, late = thief.list(signer=old), NOW + timedelta(hours=1)
    issuer = reopened(thief.issuer.home, lambda: late, signer=thief.issuer.own_signer)
    leaf = log_entry(made, made["proof"][0], EntryKind.STATUS_LIST)
    (index,) = issuer.log.append([leaf], leaf)
    brought = replace(bundle, status_lists=(Anchored(made, (issuer.log.evidence(index),)),))
    report = verifier(trust_of(issuer)).verify(brought.to_bytes(), now=late)
    assert report.verdict is not Verdict.VALID


def test_a_copied_list_key_goes_out_of_its_document(issuer: Issuer) -> None:
    """A key on a token was not copied: it stays, and so does the chain of documents."""
    bundles, old, trust = issued_and_revoked(issuer), issuer.public_keys["status-list"], trust_of(issuer)
    rotation.rotate(issuer, compromised=True)
    assert old.multikey() not in str(documents.newest(issuer.home))
    is_on_token = issuer.own_signer is not None
    assert (trust_of(issuer).fingerprint(DID) == trust.fingerprint(DID)) is is_on_token
    again = [issuer.bundle(issuer.current(f"UNI-{number:06}")) for number in (1, 2)]
    assert verdicts(trust_of(issuer), again) == VERDICTS
    assert verdicts(trust_of(issuer), bundles) == VERDICTS
    shown = {one.key: one.is_revoked for one in rotation.keys_shown(issuer)}
    assert shown[old]


def test_keys_are_announced_and_an_ended_one_is_revoked(issuer: Issuer) -> None:
    bundles, old, trust = issued_and_revoked(issuer), issuer.public_keys["status-list"], trust_of(issuer)
    rotation.add(issuer)
    following = issuer.keys.public_keys["status-list-next"]
    assert (
        f"{LISTS}#{following.multikey()}" in documents.newest(issuer.home)[STATUS_DOCUMENT]["assertionMethod"]
    )
    rotation.rotate(issuer)
    assert issuer.public_keys["status-list"] == following
    done = rotation.revoke(issuer, old.multikey())
    assert (done.ended, done.editions) == ((old.multikey(),), 0)
    assert old.multikey() not in str(documents.newest(issuer.home))
    assert verdicts(trust, bundles) == VERDICTS


# Moving over


@pytest.fixture(
    params=[
        *("keys in the folder", "list key of 81e9505"),
        pytest.param("lists by the token", marks=pytest.mark.slow),
    ]
)
def older(tmp_path: Path, request: pytest.FixtureRequest) -> Issuer:
    """Issuers that sign lists under their own DID."""
    home, token = tmp_path / "older", PrivateKey.generate("P-256")
    if request.param == "list key of 81e9505":
        return of_before(home, token)
    return issuer_in(home, url=URL, signer=token if "token" in request.param else None)


@pytest.mark.parametrize("announced", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_an_older_issuer_moves_over_without_issuing_again(older: Issuer, announced: bool) -> None:
    bundles, trust = issued_and_revoked(older), trust_of(older)
    lists = older.public_keys.get("status-list")
    did = older.did
    if announced and older.own_signer is None:
        rotation.add(older)
    assert by(older) == did
    stale = reopened(older.home, signer=older.own_signer)
    _ = stale.lists
    done = rotation.rotate(older, has_status_did=True)
    assert done.lists == [0]
    assert by(older) == f"{did}:status"
    document = documents.newest(older.home)
    inner = document.pop(STATUS_DOCUMENT)
    own = older.keys.public_keys
    assert [one["publicKeyMultibase"] for one in inner["verificationMethod"]] == [
        own["status-list"].multikey()
    ]
    assert own["status-list"].multikey() not in str(document)
    assert not [name for name in own if name.endswith(("-next", "-instead"))]
    if lists is not None:
        assert lists.multikey() not in str(document), "no diploma is by it"
    with pytest.raises(KeysChanged):  # it would sign lists under the issuer's own DID
        stale.lists.publish(now=NOW, anew=True)

    again = [older.bundle(older.current(f"UNI-{number:06}")) for number in (1, 2)]
    assert verdicts(trust_of(older), [*bundles, *again]) == VERDICTS * 2
    assert verdicts(trust, bundles) == VERDICTS, "as they were handed out"
    assert verdicts(trust, again) == [Verdict.UNDETERMINED] * 2, "the trust file names no other signer"
    assert code(verify(trust, again[0])) == "status-list-by-another"
    assert trust.fingerprint(did) == trust_of(older).fingerprint(did)
    later = older.issue(graduate(3))
    assert verify(trust_of(older), older.bundle(later)).verdict is Verdict.VALID


def test_a_revocation_after_the_move_reaches_bundles_of_before(older: Issuer) -> None:
    """The newest list counts: a list of before, by the issuer's own DID, does not go before it."""
    (entry,) = older.issue_many([graduate(1)])
    bundle = older.bundle(entry)
    rotation.rotate(older, has_status_did=True)
    late = NOW + timedelta(days=400)
    now = reopened(older.home, lambda: late, signer=older.own_signer)
    now.lists.publish(now=late)
    url = StatusEntry.parse(bundle.secured["credentialStatus"]).list_url
    at = {url: (now.home / "status" / "0").read_bytes()}
    documents_of = now.bundle(now.current(entry.number)).issuer_documents
    judge = verifier(trust_of(now), lists=[at.get])
    known = replace(bundle, issuer_documents=documents_of)
    report = judge.verify(known.to_bytes(), now=late)
    assert report.verdict is Verdict.VALID, "the list of before has ended"
    now.revoke([entry.number], Reason.FRAUD, date=late, now=late)
    at[url] = (now.home / "status" / "0").read_bytes()
    assert judge.verify(known.to_bytes(), now=late).verdict is Verdict.INVALID


@pytest.mark.slow
def test_a_home_of_the_first_release_moves_over(tmp_path: Path) -> None:
    """Its documents say of no key what it is for."""
    copy_folder(Path(__file__).parent / "fixtures/f31e11f/university/issuer", tmp_path / "issuer")
    now = MADE + timedelta(hours=1)
    made = Issuer(tmp_path / "issuer", lambda: PASSPHRASE.encode(), lambda: now)
    before = all_verdicts(made, now)
    assert {Verdict.VALID, Verdict.INVALID} == set(before)
    lists = made.public_keys["status-list"].multikey()
    rotation.rotate(made, has_status_did=True)
    assert by(made) == f"{made.did}:status"
    assert lists not in str(documents.newest(made.home))
    assert all_verdicts(made, now) == before


def all_verdicts(issuer: Issuer, now: datetime) -> list[Verdict]:
    judge = verifier(trust_of(issuer))
    return [judge.verify(bundle, now=now).verdict for bundle in issuer.bundles(issuer.entries())]


@pytest.mark.slow
def test_moving_over_again_is_a_rotation_like_others(older: Issuer) -> None:
    rotation.rotate(older, has_status_did=True)
    first = older.public_keys["status-list"]
    rotation.rotate(older, has_status_did=True)
    assert older.identity.status_did == f"{older.did}:status"
    ended = [one.key for one in rotation.keys_shown(older) if one.expires]
    assert first in ended


def to_a_token(issuer: Issuer) -> None:
    rotation.rotate(issuer, signer=PrivateKey.generate("P-256"))


def moved_to_a_token(issuer: Issuer) -> None:
    rotation.rotate(issuer, signer=PrivateKey.generate("P-256"), has_status_did=True)


def moved_as_compromised(issuer: Issuer) -> None:
    rotation.rotate(issuer, has_status_did=True, compromised=True)


def there_and_back(issuer: Issuer) -> None:
    to_a_token(issuer)
    rotation.rotate(issuer, in_file=True)


@pytest.mark.quick("there_and_back")
@pytest.mark.parametrize("change", [to_a_token, moved_to_a_token, moved_as_compromised, there_and_back])
def test_keys_go_elsewhere_and_lists_stay_apart(tmp_path: Path, change: Callable[[Issuer], None]) -> None:
    moves = change in (moved_to_a_token, moved_as_compromised)
    made = make(tmp_path / "home", has_status_did=not moves)
    issued_and_revoked(made)
    lists = made.public_keys["status-list"]
    if moves:
        rotation.add(made)
    change(made)
    document = documents.newest(made.home)
    assert by(made) == LISTS
    assert newest_list(made) == f"{LISTS}#{made.keys.public_keys['status-list'].multikey()}"
    inner = document.pop(STATUS_DOCUMENT)
    assert lists.multikey() not in str(document)
    assert (lists.multikey() in str(inner)) is not moves
    assert not [name for name in made.keys.public_keys if name.endswith(("-next", "-instead"))]
    assert document["assertionMethod"][0].endswith(made.public_keys["assertion"].multikey())
    in_folder = {key.multikey() for key in made.keys.public_keys.values()}
    assert ("assertion" in made.keys.public_keys) is (made.own_signer is None)
    if made.own_signer is not None:
        assert not [name for name in document["assertionMethod"] if name.rpartition("#")[2] in in_folder]
    again = [made.bundle(made.current(f"UNI-{number:06}")) for number in (1, 2)]
    assert verdicts(trust_of(made), again) == VERDICTS


@pytest.mark.slow
def test_a_backup_has_it_all(issuer: Issuer, tmp_path: Path) -> None:
    bundles = issued_and_revoked(issuer)
    backup(issuer.home, tmp_path / "backup", b"correct horse 1234")
    restore(tmp_path / "backup", tmp_path / "restored", b"correct horse 1234")
    other = reopened(tmp_path / "restored", signer=issuer.own_signer)
    assert (other.home / "status" / "did.json").read_bytes() == (
        issuer.home / "status" / "did.json"
    ).read_bytes()
    assert trust_of(other) == trust_of(issuer)
    again = [other.bundle(other.current(f"UNI-{number:06}")) for number in (1, 2)]
    assert verdicts(trust_of(other), [*bundles, *again]) == VERDICTS * 2


# Where it is asked for


def test_a_did_key_has_one_key(tmp_path: Path) -> None:
    for options in ({"url": None}, {"method": "key"}):
        with pytest.raises(Refused, match="one key"):
            make(tmp_path / "issuer", **options)
    assert not (tmp_path / "issuer" / "keys.json").exists()


def test_one_that_lives_there_is_moved_and_not_made(tmp_path: Path) -> None:
    issuer_in(tmp_path / "issuer", url=URL)
    with pytest.raises(Conflict):
        make(tmp_path / "issuer")
    rotation.rotate(reopened(tmp_path / "issuer"), has_status_did=True)
    make(tmp_path / "issuer")
    assert Identity.read(tmp_path / "issuer").status_did == LISTS


@pytest.mark.slow
def test_doctor_says_who_has_not_moved_and_mends_the_document(issuer: Issuer, tmp_path: Path) -> None:
    issuer.issue(graduate(1))
    found = {item.code: item.health for item in examine_issuer(issuer.home, NOW)}
    assert found["issuer-list-key-apart"] is Health.PASSED
    path = issuer.home / "status" / "did.json"
    for change in (path.unlink, lambda: path.write_bytes(b"{}")):
        change()
        assert "issuer-status-file-unlike" in {one.code for one in examine_issuer(issuer.home, NOW)}
        issuer.lists.publish(now=NOW)
        assert "issuer-status-file-unlike" not in {one.code for one in examine_issuer(issuer.home, NOW)}
    other = issuer_in(tmp_path / "other", url=URL)
    other.issue(graduate(1))
    found = {item.code: item.health for item in examine_issuer(other.home, NOW)}
    assert found["issuer-list-key-beside"] is Health.PASSED


def test_file_and_fingerprint_stay_when_lists_move_to_a_did_of_their_own(older: Issuer) -> None:
    """The pinned document leads to the one that names it; either file goes onto the list with the other."""
    before = trust_of(older)
    (entry,) = older.issue_many([graduate(1)])
    rotation.rotate(older, has_status_did=True)
    after = trust_of(older)
    assert after.fingerprint(older.did) == before.fingerprint(older.did)
    assert (before.issuers[0].status_issuers, after.issuers[0].status_issuers) == (
        (),
        (f"{older.did}:status",),
    )
    for joined in (before.joined(after), after.joined(before)):
        assert joined.issuers[0].status_issuers == after.issuers[0].status_issuers
        assert verifier(joined).verify(older.bundle(entry).to_bytes(), now=NOW).verdict is Verdict.VALID
    stranger = replace(after.issuers[0], status_issuers=("did:web:evil.example:status",))
    with raises(TRUST_DIFFERS):
        before.joined(Trust((stranger,), after.logs))
    keys = replace(before.issuers[0], documents=(), keys=(older.public_keys["assertion"].multikey(),))
    with raises(TRUST_DIFFERS):  # no pinned document leads to that DID, whose host would be believed
        Trust((keys,)).joined(Trust((replace(keys, status_issuers=after.issuers[0].status_issuers),)))
