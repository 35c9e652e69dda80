"""Keys on a token: what they sign verifies here, their secret stays there, and the PIN is nowhere."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import threading
import traceback
from collections import Counter
from collections.abc import Callable
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest

from intaglio.words import LANGUAGES, remedy, sentence
from issuer.archive.kept import ShardName
from issuer.archive.store import SQLiteIndex
from issuer.identity import documents
from issuer.identity.succession import ROLES, KeyChange, ending, remembered, with_keys
from issuer.issuer import Issuer
from issuer.job.order import Order
from issuer.keeping import rotation
from keys import InvalidSignature, KeyFile, PrivateKey, UnknownKeyType, open_signer
from keys.kinds import KINDS
from keys.opening import signers_from_elsewhere
from keys.problem import KEY_NOT_OPENED, MODULE_EXPOSED, PIN_FILE_UNREADABLE, PIN_NEEDED, WRONG_PIN
from keys.token import _pin_in
from ledger.audit import audit
from ledger.tiles.memory import MemoryStore
from tests import softhsm
from tests.conftest import ROOT
from tests.fault.issuing import require_once
from tests.fault.kill import killed_by
from tests.problems import raises
from tests.softhsm import PIN, Token
from tests.world import NOW, csv_file, graduate, issuer_in, reopened, verifier_for
from vc.status import Reason
from wire.problem import Conflict, Damaged, Malformed, NotFound, Problem, Raisable, Refused, Unavailable

pytestmark = pytest.mark.slow  # by a token in software

URL = "https://university.example"


def pin() -> bytes | None:
    return PIN.encode()


def never_asked() -> bytes | None:
    raise AssertionError("asked for a PIN")


MALFORMED = [
    "pkcs11:",
    "pkcs11:token=t;object=o",
    "pkcs11:token=t?module-path=/m",
    "pkcs11:token=t;token=t;object=o?module-path=/m",
    "pkcs11:token=t;object=o;slot-id=1?module-path=/m",
    "pkcs11:token=t;object=o;type=cert?module-path=/m",
    "pkcs11:token=t;object=o?module-path=../../m.so",
    "pkcs11:token=t;object=o?module-path=/m%00.so",
    "pkcs11:token=t;object=o?module-path=/m&pin-source=|cat",
    f"pkcs11:token=t;object=o?module-path=/m&pin-value={PIN}",
    f"pkcs11:token=t;object=o;pin-value={PIN}?module-path=/m",
]


@pytest.mark.parametrize("uri", MALFORMED)
def test_an_address_is_refused_and_not_repeated(uri: str) -> None:
    with pytest.raises(Malformed) as caught:
        open_signer(uri, passphrase=never_asked).sign(b"")
    assert PIN not in "".join(traceback.format_exception(caught.value)).replace(uri, "")
    assert PIN not in caught.value.detail + caught.value.hint


def test_who_left_the_extra_out_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "keys.token", raising=False)
    monkeypatch.setitem(sys.modules, "pkcs11", None)
    with pytest.raises(Refused, match="needs pkcs11, which is not installed"):
        open_signer("pkcs11:token=t;object=o?module-path=/m", passphrase=never_asked)


def at(module: Path) -> str:
    return f"pkcs11:token=t;object=o?module-path={module}"


def test_a_module_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "module.so").touch(0o600)
    for name in ("module.so", "nothing.so"):
        with pytest.raises(Unavailable, match="the token t does not work"):
            open_signer(at(tmp_path / name), passphrase=never_asked)


def test_a_module_that_others_could_have_written_is_not_loaded(tmp_path: Path) -> None:
    """It would run as the issuer's code, beside the open keys."""
    folder, elsewhere = tmp_path / "folder", tmp_path / "elsewhere"
    for each in (folder, elsewhere):
        each.mkdir()
    module, link = folder / "module.so", elsewhere / "link.so"
    module.touch(0o600)
    link.symlink_to(module)

    def refused(*paths: Path) -> None:
        for path in paths:
            with raises(MODULE_EXPOSED, match="others could have written it"):
                open_signer(at(path), passphrase=never_asked)

    for mode in (0o620, 0o602):
        module.chmod(mode)
        refused(module, link)
    module.chmod(0o600)
    for mode in (0o720, 0o702):
        folder.chmod(mode)
        refused(module, link)
    folder.chmod(0o700)
    elsewhere.chmod(0o777)
    refused(link, folder)
    elsewhere.chmod(0o1777)
    with pytest.raises(Unavailable, match="the token t does not work"):
        open_signer(at(link), passphrase=never_asked)
    if os.geteuid() == 0:
        os.chown(module, 65534, 65534)
        refused(module, link)


@softhsm.needed
@pytest.mark.parametrize("kind", KINDS)
def test_what_a_key_on_a_token_signs_verifies(token: Token, kind: str) -> None:
    for number, curve in enumerate(KINDS[kind].parameters):
        uri = token.make(f"{kind} {number}", curve, edwards=kind == "Ed25519")
        signer = open_signer(uri, passphrase=pin)
        assert signer.public_key.type == kind
        for key in (signer, pickle.loads(pickle.dumps(signer))):
            assert key.public_key == signer.public_key
            key.public_key.verify(key.sign(b"data"), b"data")
            assert PIN not in repr(key)


@softhsm.needed
def test_what_is_not_there_or_there_twice(token: Token) -> None:
    (curve,) = KINDS["P-256"].parameters
    for _ in range(2):
        uri = token.make("twice", curve)
    unknown = token.make("unknown", bytes.fromhex("06052b81040023"))  # P-521
    cases: list[tuple[str, Raisable[Problem]]] = [
        (uri, Conflict),
        (token.uri("nobody"), NotFound),
        (token.uri("nobody").replace("Registrar", "Another"), NotFound),
        (unknown, UnknownKeyType),
    ]
    for address, problem in cases:
        with raises(problem):
            open_signer(address, passphrase=pin)


@softhsm.needed
def test_another_key_of_the_name_signs_nothing(token: Token) -> None:
    """The halves of two pairs, or a pair in another's place by now: what it signed would be not valid."""
    (curve,) = KINDS["P-256"].parameters
    uri, _ = token.make("first", curve), token.make("second", curve)
    signer = open_signer(uri, passphrase=pin)
    sent = pickle.dumps(signer)
    token.rename("first", "gone", private=True)
    token.rename("second", "first", private=True)
    with pytest.raises(Conflict, match="by another key"):
        open_signer(uri, passphrase=pin).sign(b"data")
    token.rename("first", "gone", private=False)
    token.rename("second", "first", private=False)
    open_signer(uri, passphrase=pin).sign(b"data")
    with pytest.raises(Conflict, match="by another key"):
        pickle.loads(sent).sign(b"data")

    def work() -> None:
        with pytest.raises(Conflict, match="by another key"):
            signer.sign(b"data")

    process = get_context("fork").Process(target=work)
    process.start()
    process.join(10)
    assert process.exitcode == 0


SCRIPT = """
import sys
from keys import open_signer
from wire.problem import Problem
uri, given = sys.argv[1:]
try:
    key = open_signer(uri, passphrase=lambda: given.encode() or None)
    key.public_key.verify(key.sign(b"x"), b"x")
    print("signs", key)
except Problem as problem:
    print(problem.code, problem, problem.hint)
"""


def elsewhere(uri: str, given: str) -> str:
    """In a process of its own, where nobody has logged in before."""
    command = [sys.executable, "-c", SCRIPT, uri, given]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout + done.stderr


@softhsm.needed
@pytest.mark.slow
def test_the_pin_comes_from_a_file_or_who_is_asked_and_is_told_to_nobody(
    token: Token, tmp_path: Path
) -> None:
    uri, wrong, file = token.make("pin", *KINDS["P-256"].parameters), "wrong-pin-4321", tmp_path / "pin"
    file.write_text(f"{PIN}\n")
    locked = token.uri("pin") + "&pin-source="
    for address, given, said in (
        (uri, PIN, "signs TokenKey(for zDn"),
        (uri, wrong, WRONG_PIN.code),
        (uri, "", PIN_NEEDED.code),
        (f"{locked}file:{file}", "", "signs"),
        (f"{locked}file:///{file}", "", "signs"),
        (f"{locked}{file}x", "", PIN_FILE_UNREADABLE.code),
    ):
        told = elsewhere(address, given)
        assert told.startswith(said), told
        assert PIN not in told
        assert wrong not in told


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_file_of_the_pin_that_cannot_be_read_is_named_with_what_to_do(
    language: str, tmp_path: Path
) -> None:
    """Once it was said in Chinese that no PIN was given."""
    with raises(PIN_FILE_UNREADABLE) as locked:
        _pin_in(f"file:{tmp_path}/pin")
    for said in (sentence(locked.value, language), remedy(locked.value, language)):
        assert f"{tmp_path}/pin" in said
        assert "INTAGLIO_PIN_FILE" not in said


@softhsm.needed
@pytest.mark.slow
def test_a_job_by_a_key_on_a_token_is_killed_and_goes_on_with_what_is_on_disk(
    token: Token, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same row signed again has another signature: the one in the shard is the one in the log."""
    signer = open_signer(token.make("job", *KINDS["P-256"].parameters), passphrase=pin)
    home, source = tmp_path / "home", csv_file(tmp_path / "g.csv", [graduate(row) for row in range(500)], 100)
    issuer_in(home, url=URL, signer=signer).log.checkpoint()
    begin = SQLiteIndex.begin_chunk

    def issue() -> Issuer:
        issuer = Issuer(home, lambda: None, lambda: NOW, signer=signer)
        issuer.issue_file(Order(source, tmp_path / "errors.csv", workers=2))
        return issuer

    def killed(store: SQLiteIndex, shard: ShardName, first: int) -> None:
        begin(store, shard, first)
        if shard.number == 2:
            os.kill(os.getpid(), signal.SIGKILL)  # between the shard and the log

    def work() -> None:
        monkeypatch.setattr(SQLiteIndex, "begin_chunk", killed)
        issue()

    assert killed_by(work)
    shards = {path: path.read_bytes() for path in sorted((home / "shards").rglob("*.zst"))}
    assert len(shards) >= 3
    issuer = issue()
    assert [path.read_bytes() for path in list(shards)[:3]] == list(shards.values())[:3]
    entries = list(issuer.entries())
    assert Counter(entry.number for entry in entries) == dict.fromkeys(
        (f"UNI-{row:06}" for row in range(500)), 1
    )
    require_once(issuer)
    judge = verifier_for(issuer)
    for entry in entries[::100]:
        report = judge.verify(issuer.bundle(entry), now=NOW)
        assert report, report.checks
    proof = issuer.line(entries[0]).credential["proof"][0]
    assert proof["cryptosuite"] == "ecdsa-rdfc-2019"
    assert "assertion" not in issuer.keys.public_keys, "which has the root of ids, salts and positions alone"
    assert judge.verify(issuer.bundle(issuer.correct("UNI-000007", {"gpa": "2.0"})), now=NOW)


class Mismatched:
    """The public half of one key, and the private one of another, as a token may have them under one name."""

    def __init__(self) -> None:
        self.public_key, self._other = PrivateKey.generate().public_key, PrivateKey.generate()

    def sign(self, data: bytes) -> bytes:
        return self._other.sign(data)


def test_nothing_rests_on_a_key_that_does_not_sign(tmp_path: Path) -> None:
    with pytest.raises(InvalidSignature):
        issuer_in(tmp_path / "none", url=URL, signer=Mismatched())
    assert not (tmp_path / "none" / "issuer.json").exists()
    made = issuer_in(tmp_path / "home", url=URL)
    document = documents.newest(made.home)
    for change in (rotation.add, rotation.rotate):
        with pytest.raises(InvalidSignature):
            change(made, signer=Mismatched())
    assert documents.newest(made.home) == document
    assert made.issue(graduate(1)).edition == 1


def test_an_issuer_goes_over_to_a_key_that_is_kept_elsewhere_and_to_another(tmp_path: Path) -> None:
    made = issuer_in(tmp_path, url=URL)
    first = made.issue(graduate(1))
    signers = [PrivateKey.generate("P-256") for _ in range(2)]
    rotation.rotate(made, signer=signers[0])
    assert "assertion" not in made.keys.public_keys
    second = made.issue(graduate(2))
    with pytest.raises(Refused, match="kept elsewhere"):
        rotation.rotate(made)
    rotation.add(made, signer=signers[1])
    rotation.rotate(made, signer=signers[1])
    for entry in (first, second, made.issue(graduate(3))):
        assert verifier_for(made).verify(made.bundle(entry), now=NOW)
    for stale in (signers[0], None):
        with pytest.raises(Problem):
            Issuer(tmp_path, lambda: None, lambda: NOW, signer=stale).issue(graduate(4))
    again = issuer_in(tmp_path, url=URL, signer=signers[1])
    assert again.issue(graduate(4)).edition == 1
    with pytest.raises(Conflict, match="of type P-256"):
        issuer_in(tmp_path, url=URL, signer=signers[1], key_type="Ed25519")


def test_where_the_extra_is_left_out_all_is_done_but_what_the_token_signs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A registrar's second machine exports, and gives the token up."""
    monkeypatch.delitem(sys.modules, "keys.token", raising=False)
    monkeypatch.setitem(sys.modules, "pkcs11", None)
    key, uri = PrivateKey.generate("P-256"), "pkcs11:token=t;object=o?module-path=/m"
    made = issuer_in(tmp_path, url=URL, signer=key, signer_uri=uri)
    first, second = made.issue(graduate(1)), made.issue(graduate(2))
    again = reopened(tmp_path)
    assert key.public_key in {shown.key for shown in rotation.keys_shown(again)}
    assert verifier_for(again).verify(again.bundle(second), now=NOW)
    with raises(KEY_NOT_OPENED, match="needs pkcs11, which is not installed"):
        again.revoke([first.number], Reason.FRAUD, date=NOW, now=NOW)
    with raises(KEY_NOT_OPENED, match="needs pkcs11, which is not installed"):
        again.issue(graduate(3))
    assert again.store.revocations.count() == 0
    rotation.rotate(again, in_file=True, lost=True)
    assert verifier_for(again).verify(again.bundle(again.issue(graduate(3))), now=NOW)


@pytest.mark.parametrize("wanted", ["the same", "another", "the file"])
def test_a_change_that_was_killed_is_finished_and_the_key_is_where_it_is_wanted(
    tmp_path: Path, wanted: str
) -> None:
    """The command that comes next need not be the same."""
    home = tmp_path / "home"
    made = issuer_in(home, url=URL)
    first = made.issue(graduate(1))
    made.keys.add({"status-list-next": "Ed25519"})
    path = KeyFile.create(tmp_path / "other.json", {"one": "P-256", "two": "P-256"}, None).path
    uris = [f"{path.as_uri()}#{name}" for name in ("one", "two")]
    begun, other = (open_signer(uri, passphrase=never_asked) for uri in uris)
    keys = {"assertion": begun.public_key, "status-list": made.keys.public_keys["status-list-next"]}
    former = [made.identity.verification_method(made.public_keys[role]) for role in ROLES]
    document = ending(with_keys(documents.newest(home), keys), former, "2026-07-01T12:00:00Z")
    places = {"assertion": "", "status-list": "status-list-next"}
    KeyChange("rotate", document, places, remembered(begun, uris[0])).write(home)

    again = Issuer(home, lambda: None, lambda: NOW)
    options: dict[str, dict[str, Any]] = {
        "the same": {"signer": begun, "signer_uri": uris[0]},
        "another": {"signer": other, "signer_uri": uris[1]},
        "the file": {"in_file": True},
    }
    rotation.rotate(again, **options[wanted])
    key = Issuer(home, lambda: None, lambda: NOW).public_keys["assertion"]
    expected = {"the same": begun.public_key, "another": other.public_key}
    assert key == expected.get(wanted, again.keys.public_keys.get("assertion"))
    assert len(documents.versions(home)) == (2 if wanted == "the same" else 3)
    for entry in (first, again.issue(graduate(2))):
        assert verifier_for(again).verify(again.bundle(entry), now=NOW)


def test_a_journal_that_cannot_be_read_stops_who_signs(tmp_path: Path) -> None:
    made: Any = issuer_in(tmp_path, url=URL)
    sound = b'"kind":"add","document":{},"replaced":{}'
    for content in (
        b"{",
        b"{}",
        b'{"version":2,%b}' % sound,
        b'{"version":1,%b,"identity":{"did":""}}' % sound,
    ):
        (tmp_path / "rotation.json").write_bytes(content)
        with pytest.raises(Damaged, match=r"rotation\.json cannot be read"):
            made.issue(graduate(1))


def test_an_issuers_log_may_lie_elsewhere_than_in_its_folder(tmp_path: Path) -> None:
    store: Any = MemoryStore()
    made = issuer_in(tmp_path, url=URL, store=store)
    first = made.issue(graduate(1))
    again = Issuer(tmp_path, lambda: None, lambda: NOW, store=store)
    rotation.rotate(again)
    for entry in (first, again.issue(graduate(2))):
        assert verifier_for(again).verify(again.bundle(entry), now=NOW)
    assert not (tmp_path / "log").exists()
    assert audit(again.log).size == again.log.checkpoint().size


def in_a_process(work: Callable[[], object], *, count: int = 1) -> list[int | None]:
    """Their exit codes: each runs the work in a fork of its own, and all begin at once."""
    context = get_context("fork")
    barrier = context.Barrier(count)

    def run() -> None:
        barrier.wait(30)
        work()

    processes = [context.Process(target=run) for _ in range(count)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    return [process.exitcode for process in processes]


@softhsm.needed
def test_a_session_that_ended_is_opened_anew(token: Token) -> None:
    """Another user of the module in the same process ends all of its sessions."""
    uris = [token.make(f"ended {number}", *KINDS["P-256"].parameters) for number in range(2)]
    module = token.module

    def work() -> None:
        signers = [open_signer(uri, passphrase=pin) for uri in uris]
        for _ in range(3):
            for signer in signers:
                signer.public_key.verify(signer.sign(b"data"), b"data")
            module.reinitialize()

    assert in_a_process(work) == [0]


@softhsm.needed
@pytest.mark.slow
@pytest.mark.parametrize("part", [0, 160], ids=["nothing", "half"])
def test_a_token_that_another_process_is_writing_is_opened_again(token: Token, part: int) -> None:
    """Each login writes SoftHSM's file of the token; to release 2.6.1 it lets go of the lock before."""
    uri = token.make(f"written {part}", *KINDS["P-256"].parameters)
    whole = token.file.read_bytes()
    done = threading.Timer(0.9, lambda: token.file.write_bytes(whole))
    token.file.write_bytes(whole[:part])
    try:
        done.start()
        assert elsewhere(uri, PIN).startswith("signs")
    finally:
        done.join()
    token.file.write_bytes(whole[:part])
    try:
        told = elsewhere(uri, PIN)
        assert told.startswith("token-not-there the token Registrar's token is not there"), told
    finally:
        token.file.write_bytes(whole)


@softhsm.needed
@pytest.mark.slow
@pytest.mark.parametrize("times", [1, pytest.param(30, marks=pytest.mark.soak)])
def test_processes_that_open_a_token_at_once_all_sign(token: Token, times: int) -> None:
    uri = token.make("at once", *KINDS["P-256"].parameters)

    def work() -> None:
        signer = open_signer(uri, passphrase=pin)
        signer.public_key.verify(signer.sign(b"data"), b"data")

    for _ in range(times):
        assert in_a_process(work, count=12) == [0] * 12


@softhsm.needed
def test_the_system_s_module_is_loaded_for_an_address_from_elsewhere(token: Token) -> None:
    uri = token.make("from elsewhere", KINDS["P-256"].parameters[0])
    signer = open_signer(uri, passphrase=lambda: PIN.encode(), signers=signers_from_elsewhere(None))
    signer.public_key.verify(signer.sign(b"data"), b"data")
    again = pickle.loads(pickle.dumps(signer))
    signer.public_key.verify(again.sign(b"data"), b"data")
