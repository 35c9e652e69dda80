"""Other keys for an issuer: what the former ones signed, what they sign later, and what each program sees."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest

from did import METHODS, Document, InvalidVerificationMethod, Resolver
from did.document import VerificationMethod
from did.problem import DID_DOCUMENT_TOO_LARGE
from issuer.desk.bundles import bundled
from issuer.identity import documents
from issuer.identity.home import published_log
from issuer.identity.succession import KeysChanged, anchor, require_in_force
from issuer.issuer import Issuer
from issuer.keeping import rotation
from issuer.keeping.closing import close
from issuer.press.press import signed_entry
from issuer.problem import KEY_IN_USE, KEY_UNKNOWN
from keys import PrivateKey, Signer
from ledger.audit import audit
from ledger.lookup import LookupFiles
from ledger.tiles.memory import MemoryStore
from ledger.tiles.store import Batch
from tests.problems import raises
from tests.world import NOW, graduate, issuer_in, listed, reopened, trust_in, verifier_for
from vc import Bundle, Report, Verdict, sign
from vc.forms import FORMS
from vc.status import Reason
from verifier import Verifier
from wire.fetch import NoFetcher
from wire.files import locked
from wire.problem import Conflict, Damaged, NotFound, Refused, TryLater
from wire.work import FILE_STEPS, Work

URL = "https://university.example"
HOUR = timedelta(hours=1)


class Time:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        self.now += timedelta(seconds=1)
        return self.now


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def issuer(tmp_path: Path, time: Time) -> Issuer:
    return issuer_in(tmp_path / "home", url=URL, clock=time)


def judged(issuer: Issuer, shown: Bundle | dict[str, Any], time: Time) -> Report:
    """By who has the issuer's trust file, offline."""
    data = shown if isinstance(shown, Bundle) else orjson.dumps(shown)
    return verifier_for(issuer).verify(data, now=time.now)


def method_of(issuer: Issuer, key: PrivateKey) -> VerificationMethod:
    """By who reads the published document alone. Raises where the key may assert nothing."""
    document = Document.parse(documents.newest(issuer.home), issuer.did)
    name = issuer.identity.verification_method(key.public_key)
    return document.verification_method(name, "assertionMethod")


def forged(issuer: Issuer, like: Bundle, key: PrivateKey, time: Time) -> Bundle:
    """A diploma of the thief's own, which is in the log: whoever wrote it there."""
    document = {**like.secured, "id": "urn:uuid:00000000-0000-4000-8000-000000000001"}
    del document["proof"]
    method = issuer.identity.verification_method(key.public_key)
    signed = sign(document, key, verification_method=method, created=NOW)
    (leaf,) = issuer.log.append([signed_entry(signed)], b"forged" + signed_entry(signed))
    return replace(like, secured=signed, evidence=(issuer.log.evidence(leaf),))


def test_announced_keys_that_were_lost_leave_the_document_and_the_log_says_so(
    issuer: Issuer, time: Time
) -> None:
    """Without them the document has the keys that it had before."""
    bundle, file = issuer.bundle(issuer.issue(graduate(1))), issuer.keys.path.read_bytes()
    before = documents.newest(issuer.home)
    rotation.add(issuer)
    announced = {name: issuer.keys.signer(name) for name in ("assertion-next", "status-list-next")}
    issuer.keys.path.write_bytes(file)
    made = reopened(issuer.home, time)
    for key in announced.values():
        rotation.revoke(made, key.public_key.multikey())
    after, versions = documents.newest(made.home), documents.versions(made.home)
    assert all(after[member] == before[member] for member in ("verificationMethod", "assertionMethod"))
    assert documents.newest_place(made.home, made.log) == max(versions) > min(versions)
    assert documents.newest_place(made.home, reopened(made.home, time).log) == max(versions)
    report = judged(
        made,
        forged(made, made.bundle(made.current("UNI-000001")), announced["assertion-next"], time),
        time,
    )
    assert report.verdict is Verdict.INVALID, "a thief of the announced key"
    assert judged(made, bundle, time)


@pytest.mark.quick("True")
@pytest.mark.parametrize("compromised", [False, True])
def test_what_the_former_key_signed_stays_valid_and_what_it_signs_later_does_not(
    issuer: Issuer, time: Time, compromised: bool
) -> None:
    entry, revoked = issuer.issue(graduate(1)), issuer.issue(graduate(2))
    issuer.revoke([revoked.number], Reason.FRAUD, date=NOW, now=time())
    before, former = issuer.bundle(entry), issuer.keys.signer("assertion")
    time.now += HOUR
    done = rotation.rotate(issuer, compromised=compromised)
    assert former.public_key.multikey() in done.ended
    time.now += HOUR
    after, late = issuer.bundle(entry), issuer.bundle(issuer.issue(graduate(3)))
    assert after.secured == before.secured
    for bundle in (before, after, late):
        report = judged(issuer, bundle, time)
        assert report, report.checks
    report = judged(issuer, issuer.bundle(issuer.current(revoked.number)), time)
    assert report.deciding is not None
    assert (report.verdict, report.deciding.name) == (Verdict.INVALID, "status")
    assert "fraud" in report.deciding.text, "the details are signed anew, too"

    stolen = forged(issuer, after, former, time)
    report = judged(issuer, stolen, time)
    assert report.deciding is not None
    assert (report.verdict, report.deciding.name) == (Verdict.INVALID, "evidence")
    assert "key" in report.deciding.text
    assert judged(issuer, replace(stolen, evidence=()), time).verdict is Verdict.UNDETERMINED
    assert judged(issuer, dict(stolen.secured), time).verdict is Verdict.UNDETERMINED


def test_elsewhere_an_ended_key_keeps_its_word_and_a_compromised_one_loses_it(
    issuer: Issuer, time: Time
) -> None:
    """By the document alone, as programs read it that know no log."""
    issuer.issue(graduate(1))
    first = issuer.keys.signer("assertion")
    rotation.rotate(issuer)
    ended = method_of(issuer, first)
    assert ended.expires is not None
    assert NOW < ended.expires <= time.now
    assert ended.revoked is None
    second, lists = (issuer.keys.signer(name) for name in ("assertion", "status-list"))
    assert method_of(issuer, second).expires is None
    time.now += HOUR
    rotation.rotate(issuer, compromised=True)
    assert method_of(issuer, first) == ended, "a key that ended before stays as it is"
    with pytest.raises(InvalidVerificationMethod, match="has no method"):
        method_of(issuer, second)
    assert len(documents.newest(issuer.home)["authentication"]) == 1
    assert [(shown.key, shown.is_revoked) for shown in rotation.keys_shown(issuer)][4:] == [
        (second.public_key, True), (lists.public_key, True),
    ]  # fmt: skip


def test_of_a_key_that_was_stolen_later_the_same_holds_as_of_a_compromised_one(
    issuer: Issuer, time: Time
) -> None:
    """It had ended before, and it is then that it was copied from a backup, say."""
    first = issuer.issue(graduate(1))
    before, stolen = issuer.bundle(first), issuer.keys.signer("assertion")
    rotation.add(issuer)
    second = issuer.issue(graduate(2))
    rotation.rotate(issuer)
    third = issuer.issue(graduate(3))
    rotation.rotate(issuer)
    time.now += HOUR
    late = forged(issuer, issuer.bundle(first), stolen, time)
    assert method_of(issuer, stolen).expires is not None
    done = rotation.revoke(issuer, stolen.public_key.multikey())
    assert (done.ended, done.editions, done.lists) == ((stolen.public_key.multikey(),), 2, [0])
    assert issuer.store.revocations.published("0").leaf > done.entry, "signed anew"
    time.now += HOUR
    for entry in (first, second, third, issuer.issue(graduate(4))):
        report = judged(issuer, issuer.bundle(entry), time)
        assert report, report.checks
    assert judged(issuer, before, time)
    for bundle in (
        replace(late, issuer_documents=issuer.bundle(first).issuer_documents),
        forged(issuer, issuer.bundle(third), stolen, time),
    ):
        report = judged(issuer, bundle, time)
        assert report.deciding is not None
        assert (report.verdict, report.deciding.name) == (Verdict.INVALID, "evidence")
        assert judged(issuer, replace(bundle, evidence=()), time).verdict is Verdict.UNDETERMINED
        assert judged(issuer, dict(bundle.secured), time).verdict is Verdict.UNDETERMINED
    with pytest.raises(InvalidVerificationMethod, match="has no method"):
        method_of(issuer, stolen)
    assert [shown.key for shown in rotation.keys_shown(issuer) if shown.is_revoked] == [stolen.public_key]


def test_a_key_is_revoked_once_and_only_after_it_has_ended(issuer: Issuer, time: Time) -> None:
    issuer.issue(graduate(1))
    signs, lists = (issuer.public_keys[name] for name in ("assertion", "status-list"))
    rotation.add(issuer)
    for name in ("assertion", "status-list", "assertion-next", "log"):
        problem = KEY_UNKNOWN if name == "log" else KEY_IN_USE
        with raises(problem):
            rotation.revoke(issuer, issuer.public_keys[name].multikey())
    for name in ("", "zDn", f"did:web:another.example#{signs.multikey()}"):
        with raises(KEY_UNKNOWN):
            rotation.revoke(issuer, name)
    rotation.rotate(issuer)
    first = rotation.revoke(issuer, issuer.identity.verification_method(signs))
    document = documents.newest(issuer.home)
    assert rotation.revoke(issuer, signs.multikey()) == first
    assert documents.newest(issuer.home) == document
    assert (first.editions, rotation.revoke(issuer, lists.multikey()).editions) == (1, 0)
    newest = Document.parse(documents.newest(issuer.home), issuer.did)
    assert {method.key for method in newest.methods("assertionMethod")} == {
        issuer.public_keys[name] for name in ("assertion", "status-list")
    }
    second = issuer.public_keys["assertion"]
    issuer.issue(graduate(2))
    done = rotation.rotate(issuer, compromised=True)
    again = rotation.revoke(issuer, second.multikey())
    assert (again.entry, again.editions) == (done.entry, 1), "gone already: nothing is new"


def test_an_announced_key_that_is_kept_elsewhere_can_be_dropped(issuer: Issuer, time: Time) -> None:
    elsewhere = PrivateKey.generate()
    rotation.add(issuer, signer=elsewhere)
    done = rotation.revoke(issuer, elsewhere.public_key.multikey())
    assert (done.editions, issuer.issue(graduate(1)).edition) == (0, 1)
    places = list(documents.versions(issuer.home))
    assert places[-1] == done.entry == documents.newest_place(issuer.home, issuer.log)
    bundle = issuer.bundle(issuer.current("UNI-000001"))
    assert judged(issuer, bundle, time)
    stolen = forged(issuer, bundle, elsewhere, time)
    assert not judged(issuer, replace(stolen, issuer_documents=bundle.issuer_documents), time)
    with pytest.raises(Conflict, match="or did before"):
        rotation.rotate(issuer, signer=elsewhere)


def test_the_log_has_the_document_before_its_keys_sign(issuer: Issuer, time: Time) -> None:
    issuer.issue(graduate(1))
    done = rotation.rotate(issuer, key_type="P-256")
    late = issuer.issue(graduate(2))
    assert late.leaf is not None
    assert done.entry < late.leaf
    assert issuer.line(late).credential["proof"][0]["cryptosuite"] == "ecdsa-rdfc-2019"
    method = listed(issuer.home).document["proof"][0]["verificationMethod"]
    assert method.endswith(issuer.public_keys["status-list"].multikey()), "signed anew by then"
    assert issuer.store.revocations.published("0").leaf > done.entry
    assert (done.editions, done.lists) == (1, [0])
    assert audit(issuer.log).size == issuer.store.logged.known().size
    assert set(issuer.keys.public_keys) == {"assertion", "status-list", "log", "cosigner"}
    versions = orjson.loads(documents.published(issuer.home))["documents"]
    assert versions[-1] == {"index": done.entry, "document": documents.newest(issuer.home)}


class Watched(MemoryStore):
    """A log during whose next write a test looks around in the issuer's folder."""

    def __init__(self) -> None:
        super().__init__()
        self.look: Callable[[], object] | None = None

    def record(self, *batches: Batch) -> bool:
        look, self.look = self.look, None
        if look is not None:
            look()
        return super().record(*batches)


@pytest.fixture
def watched(tmp_path: Path, time: Time) -> tuple[Issuer, Watched]:
    store = Watched()
    issuer = issuer_in(tmp_path / "home", url=URL, clock=time, store=store)
    _ = issuer.log  # which has the first document from here on
    return issuer, store


def test_the_document_is_published_when_the_log_has_it(watched: tuple[Issuer, Watched]) -> None:
    """Killed in between, the issuer would else publish keys of which its log says nothing."""
    issuer, log = watched
    before, seen = documents.newest(issuer.home), list[Any]()
    log.look = lambda: seen.append(documents.newest(issuer.home))
    rotation.rotate(issuer)
    assert seen == [before]
    assert documents.newest(issuer.home) != before


def test_nobody_signs_while_a_change_of_keys_is_pending(watched: tuple[Issuer, Watched]) -> None:
    """The key is in the document until the log has the next one; its diploma would stand behind that."""
    issuer, log = watched
    method = issuer.identity.verification_method(issuer.public_keys["assertion"])
    require_in_force(issuer.home, method)

    def look() -> None:
        with pytest.raises(KeysChanged):
            require_in_force(issuer.home, method)

    log.look = look
    rotation.rotate(issuer)
    with pytest.raises(KeysChanged):
        require_in_force(issuer.home, method)


def is_held(path: Path) -> bool:
    """Whether somebody has the lock of a path now."""
    try:
        with locked(path, patience=0):
            return False
    except TryLater:
        return True


class Watching:
    """A signer during each of whose signatures a test looks at something."""

    def __init__(self, signer: Signer, look: Callable[[], bool]) -> None:
        self.public_key, self.seen = signer.public_key, list[bool]()
        self._signer, self._look = signer, look

    def sign(self, data: bytes) -> bytes:
        self.seen.append(self._look())
        return self._signer.sign(data)


def test_lists_are_signed_and_keys_are_changed_under_one_lock(watched: tuple[Issuer, Watched]) -> None:
    """A list by the former key that goes into the log behind the next document is not valid."""
    issuer, log = watched
    issuer.issue(graduate(1))
    folder, seen = issuer.home / "status", list[bool]()
    log.look = lambda: seen.append(is_held(folder))
    rotation.rotate(issuer)
    assert seen == [True]
    signer = Watching(PrivateKey.generate(), lambda: is_held(folder))
    rotation.rotate(issuer, signer=signer)
    signer.seen.clear()
    issuer.revoke(["UNI-000001"], Reason.FRAUD, date=NOW, now=issuer.log.now())
    assert signer.seen[-2:] == [True, True], "the list and its details"
    assert not is_held(folder)


def test_keys_that_were_announced_sign_after_the_rotation(issuer: Issuer, time: Time) -> None:
    issuer.issue(graduate(1))
    before = issuer.public_keys["assertion"]
    rotation.add(issuer, "P-256")
    assert [shown.name for shown in rotation.keys_shown(issuer)] == [
        "assertion-next", "status-list-next", "assertion", "status-list",
    ]  # fmt: skip
    announced = issuer.public_keys["assertion-next"]
    assert issuer.issue(graduate(2)).edition == 1
    assert issuer.public_keys["assertion"] == before
    with pytest.raises(Conflict, match="already"):
        rotation.add(issuer)
    with pytest.raises(Conflict, match="of type P-256"):
        rotation.rotate(issuer, key_type="Ed25519")
    rotation.rotate(issuer)
    assert issuer.public_keys["assertion"] == announced
    for number in (1, 2):
        report = judged(issuer, issuer.bundle(issuer.current(f"UNI-{number:06}")), time)
        assert report, report.checks


def test_a_compromised_file_takes_the_announced_keys_along(issuer: Issuer, time: Time) -> None:
    rotation.add(issuer)
    lost = set(issuer.public_keys.values()) - {issuer.public_keys[name] for name in ("log", "cosigner")}
    done = rotation.rotate(issuer, compromised=True)
    assert set(done.ended) == {key.multikey() for key in lost}
    assert not lost & set(issuer.public_keys.values())
    assert {shown.key for shown in rotation.keys_shown(issuer) if not shown.is_revoked} == {
        issuer.public_keys[name] for name in ("assertion", "status-list")
    }


def test_who_has_the_former_keys_open_signs_nothing_more(issuer: Issuer, time: Time) -> None:
    """A service that runs on: its diplomas, and its lists, would be not valid."""
    entry = issuer.issue(graduate(1))
    running = Issuer(issuer.home, lambda: None, time)
    running.issue(graduate(2))
    rotation.rotate(issuer)
    with pytest.raises(KeysChanged):
        running.issue(graduate(3))
    with pytest.raises(KeysChanged):
        running.correct(entry.number, {"gpa": "4.0"})
    with pytest.raises(KeysChanged):
        running.lists.publish(now=time())
    assert issuer.store.count() == 2
    again = Issuer(issuer.home, lambda: None, time)
    assert judged(issuer, again.bundle(again.issue(graduate(3))), time)


def test_who_has_compromised_keys_open_signs_nothing_more(issuer: Issuer, time: Time) -> None:
    issuer.issue(graduate(1))
    running = Issuer(issuer.home, lambda: None, time)
    running.issue(graduate(2))
    rotation.rotate(issuer, compromised=True)
    with pytest.raises(KeysChanged):
        running.issue(graduate(3))


def test_who_comes_second_changes_nothing(issuer: Issuer, time: Time) -> None:
    """The second would end again what has ended, and leave a key in force that signs nothing any more."""
    second = Issuer(issuer.home, lambda: None, time)
    _ = second.lists
    rotation.rotate(issuer)
    document = documents.newest(issuer.home)
    for change in (rotation.rotate, rotation.add):
        with pytest.raises(KeysChanged):
            change(second)
    with pytest.raises(KeysChanged):
        rotation.rotate(second, compromised=True)
    assert documents.newest(issuer.home) == document
    rotation.rotate(Issuer(issuer.home, lambda: None, time))
    newest = Document.parse(documents.newest(issuer.home), issuer.did)
    in_force = {method.key for method in newest.methods("assertionMethod") if method.expires is None}
    keys = Issuer(issuer.home, lambda: None, time).public_keys
    assert in_force == {keys[name] for name in ("assertion", "status-list")}


def test_keys_that_another_announced_meanwhile_are_those_that_sign_next(issuer: Issuer, time: Time) -> None:
    second = Issuer(issuer.home, lambda: None, time)
    _ = second.lists
    rotation.add(issuer)
    announced = issuer.public_keys["assertion-next"]
    rotation.rotate(second)
    assert second.public_keys["assertion"] == announced


def test_by_a_clock_that_is_behind_an_ended_key_signs_nothing_either(issuer: Issuer, time: Time) -> None:
    """The log keeps to its own time, by which the key has ended: what it signed would be not valid."""
    issuer.issue(graduate(1))
    behind = Issuer(issuer.home, lambda: None, lambda: time.now - timedelta(minutes=2))
    lists = behind.lists
    rotation.rotate(issuer)
    with pytest.raises(KeysChanged):
        behind.press()
    with pytest.raises(KeysChanged):
        lists.publish(now=time.now - timedelta(minutes=2))


def test_a_key_that_signed_before_does_not_come_back(issuer: Issuer, time: Time) -> None:
    first = issuer.keys.signer("assertion")
    with pytest.raises(Conflict, match="signs already"):
        rotation.rotate(issuer, signer=first)
    rotation.rotate(issuer)
    second = issuer.keys.signer("assertion")
    rotation.rotate(issuer, compromised=True)
    for former in (first, second):
        for change in (rotation.add, rotation.rotate):
            with pytest.raises(Conflict, match="or did before"):
                change(issuer, signer=former)
    assert issuer.issue(graduate(1)).edition == 1


def test_a_document_has_room_for_so_many_keys_and_stays_one(issuer: Issuer, time: Time) -> None:
    document = documents.newest(issuer.home)
    document["keyAgreement"] = [f"#{number}" for number in range(248)]  # with 5 of its own, of 256
    (issuer.home / "did.json").write_bytes(orjson.dumps(document))
    with raises(DID_DOCUMENT_TOO_LARGE):
        rotation.rotate(issuer)
    rotation.rotate(issuer, compromised=True)  # needs no more room
    assert issuer.issue(graduate(1)).edition == 1


def test_a_version_that_is_not_what_the_log_holds_goes_into_no_bundle(issuer: Issuer, time: Time) -> None:
    entry = issuer.issue(graduate(1))
    rotation.rotate(issuer)
    assert issuer.bundle(entry).issuer_documents
    path = issuer.home / documents.FOLDER / "0.json"
    path.write_bytes(path.read_bytes().replace(b"Multikey", b"JsonWebKey", 1))
    with pytest.raises(Damaged, match="not the document that the log holds"):
        issuer.bundle(entry)


def test_what_was_begun_is_finished_by_the_key_that_began_it(issuer: Issuer, time: Time) -> None:
    """Signed and journalled, and killed before the log had it: it is there before the next document is."""
    issuer.issue(graduate(1))

    class Killed(BaseException):
        pass

    running = Issuer(issuer.home, lambda: None, time)
    running._singles._complete = _raise(Killed)  # type: ignore[method-assign]
    with pytest.raises(Killed):
        running.issue(graduate(2))
    done = rotation.rotate(issuer)
    entry = issuer.current("UNI-000002")
    assert entry.leaf is not None
    assert entry.leaf < done.entry
    assert judged(issuer, issuer.bundle(entry), time)


def _raise(problem: type[BaseException]) -> Any:
    def work(*_: object, **__: object) -> None:
        raise problem

    return work


@pytest.mark.quick("True")
@pytest.mark.parametrize("is_half_done", [False, True])
def test_keys_whose_rotation_was_interrupted_can_be_called_compromised(
    issuer: Issuer, time: Time, monkeypatch: pytest.MonkeyPatch, is_half_done: bool
) -> None:
    """Those are meant that signed when it began: they go out of the document, and do not just end in it."""
    issuer.issue(graduate(1))
    former = {issuer.public_keys[name] for name in ("assertion", "status-list")}

    class Killed(BaseException):
        pass

    stop = "issuer.identity.succession.KeyFile.replace" if is_half_done else "issuer.keeping.rotation.finish"
    with monkeypatch.context() as patch:
        patch.setattr(stop, _raise(Killed))
        with pytest.raises(Killed):
            rotation.rotate(issuer)
    again = Issuer(issuer.home, lambda: None, time)
    done = rotation.rotate(again, compromised=True)
    assert {key.multikey() for key in former} < set(done.ended)
    newest = Document.parse(documents.newest(issuer.home), issuer.did)
    in_document = {method.key for method in newest.methods("assertionMethod")}
    assert in_document == {again.public_keys[name] for name in ("assertion", "status-list")}
    assert judged(again, again.bundle(again.current("UNI-000001")), time)


def told_more(issuer: Issuer, *names: str) -> None:
    """Another version of the document in the log, and no list signed anew, as between the two."""
    for name in names:
        document = {**documents.newest(issuer.home), "alsoKnownAs": [f"https://{name}.university.example"]}
        anchor(issuer.home, issuer.store, issuer.log, document)
        (issuer.home / "did.json").write_bytes(orjson.dumps(document))


def test_a_bundle_brings_the_document_from_before_the_list_in_it(issuer: Issuer, time: Time) -> None:
    """Issued after keys were announced or revoked, and killed before the lists were signed anew."""
    issuer.issue(graduate(1))

    class Killed(BaseException):
        pass

    running = Issuer(issuer.home, lambda: None, time)
    running.lists.publish(now=time())
    told_more(issuer, "a", "b")
    running.lists.publish_for = _raise(Killed)  # type: ignore[method-assign]
    with pytest.raises(Killed):
        running.issue(graduate(2))
    entry = issuer.current("UNI-000002")
    (bundle,) = bundled(issuer.home, [entry], issuer.archive, issuer.log, issuer.outbox)
    assert len(bundle.issuer_documents) == 2
    report = judged(issuer, Bundle.parse(bundle.to_bytes(), FORMS), time)
    assert report, report.checks


def test_a_service_signs_the_lists_anew_after_others_changed_the_document(issuer: Issuer, time: Time) -> None:
    """As whoever opens the folder then does."""
    entry = issuer.issue(graduate(1))
    service = Issuer(issuer.home, lambda: None, time)
    (old,) = service.bundle(entry).status_lists
    told_more(issuer, "a")
    (new,) = service.bundle(entry).status_lists
    assert new.document != old.document
    assert not service.lists.by_former_keys()


def test_where_no_document_tells_which_keys_there_were_it_stays_open(issuer: Issuer, time: Time) -> None:
    """Whoever presents may have left it out: neither the issuer's word nor a forgery follows from that."""
    entry, former = issuer.issue(graduate(1)), issuer.keys.signer("assertion")
    rotation.add(issuer)
    bundle = issuer.bundle(entry)
    first, second = bundle.issuer_documents
    assert judged(issuer, bundle, time)
    report = judged(issuer, replace(bundle, issuer_documents=(second,)), time)
    assert report.deciding is not None
    assert (report.verdict, report.deciding.name) == (Verdict.UNDETERMINED, "issuer")
    assert report.deciding.problem is not None
    assert report.deciding.problem.code == "document-not-chained"

    rotation.rotate(issuer)
    time.now += HOUR
    stolen = forged(issuer, bundle, former, time)
    rotation.rotate(issuer)
    time.now += HOUR
    found = issuer.bundle(issuer.issue(graduate(2)))
    known = issuer.bundle(entry).issuer_documents
    assert [item.document for item in known[:2]] == [first.document, second.document]
    assert len(known) == 4
    stolen = replace(stolen, status_lists=found.status_lists, issuer_documents=known)
    for shown, verdict in ((known, Verdict.INVALID), (known[-1:], Verdict.UNDETERMINED)):
        report = judged(issuer, replace(stolen, issuer_documents=shown), time)
        assert (report.verdict, report.checks) == (verdict, report.checks)


@pytest.mark.slow
def test_a_bundle_brings_few_of_many_versions(issuer: Issuer, time: Time) -> None:
    """One that brought all would be read by nobody after the 64th."""
    first, former = issuer.issue(graduate(1)), issuer.public_keys["assertion"]
    told_more(issuer, *map(str, range(65)))
    rotation.rotate(issuer)
    for entry in (first, issuer.issue(graduate(2))):
        report = judged(issuer, Bundle.parse(issuer.bundle(entry).to_bytes(), FORMS), time)
        assert report, report.checks
    brought = [item.document for item in issuer.bundle(first).issuer_documents]
    assert len(brought) == 4
    assert brought[-1] == documents.newest(issuer.home)
    ended = Document.parse(brought[-1], issuer.did).methods("assertionMethod")
    assert former in {method.key for method in ended if method.expires}


@pytest.mark.slow
def test_all_changes_for_which_a_document_has_room_are_read_where_the_log_is_published(
    issuer: Issuer, time: Time
) -> None:
    """By who has the bare credential of before the first of them."""
    credential = dict(issuer.bundle(issuer.issue(graduate(1))).secured)
    for _ in range(62):
        rotation.add(issuer)
        rotation.rotate(issuer)
    with raises(DID_DOCUMENT_TOO_LARGE):
        rotation.add(issuer)
    assert len(documents.versions(issuer.home)) == 125
    lookup = LookupFiles(issuer.home)
    lookup.update(issuer.log.store.get, issuer.log.checkpoint().size)

    def published(url: str, limit: int) -> bytes:
        found = published_log(issuer.home, url) or lookup.get(url.partition("/log/")[2])
        if found is None:
            raise NotFound(f"nothing is published at {url}")
        assert len(found) <= limit, url
        return found

    lists = [lambda url: (issuer.home / "status" / url.rpartition("/")[2]).read_bytes()]
    judge = Verifier(Resolver(METHODS, NoFetcher()), trust=trust_in(issuer), lists=lists, logs=published)
    for steps in (FILE_STEPS, FILE_STEPS // 2):
        report = judge.verify(credential, now=time.now, work=Work(steps))
        assert report, report.checks


def test_who_cannot_change_keys_is_told(tmp_path: Path, issuer: Issuer, time: Time) -> None:
    fixed = issuer_in(tmp_path / "key")
    for change in (rotation.rotate, rotation.add):
        with pytest.raises(Refused, match="is its identifier"):
            change(fixed)
    with pytest.raises(Refused, match="is its identifier"):
        rotation.revoke(fixed, fixed.public_keys["assertion"].multikey())
    close(issuer)
    with pytest.raises(Refused, match="closed"):
        rotation.rotate(issuer)
