"""Keys on a token: what they sign verifies here, their secret stays there, and the PIN is nowhere."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import traceback
from collections import Counter
from collections.abc import Iterator
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest

from issuer import rotation
from issuer.archive.kept import Job
from issuer.archive.store import SQLiteIndex
from issuer.issuer import Issuer
from issuer.job.order import Order
from keys import PassphraseNeeded, PrivateKey, UnknownKeyType, WrongPassphrase, open_signer
from keys.kinds import KINDS
from keys.token import TokenKey
from ledger.audit import audit
from ledger.tiles.memory import MemoryStore
from tests import softhsm
from tests.conftest import ROOT
from tests.fault.issuing import require_once
from tests.fault.kill import killed_by
from tests.softhsm import PIN, Token
from tests.world import NOW, csv_file, graduate, issuer_in, verifier_for
from wire.problem import Conflict, Damaged, Malformed, NotFound, Problem, Refused, Unavailable

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


def test_a_module_that_is_none() -> None:
    with pytest.raises(Unavailable, match="the token t does not work"):
        open_signer(f"pkcs11:token=t;object=o?module-path={__file__}", passphrase=never_asked)


@pytest.fixture(scope="module")
def token(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Token]:
    with softhsm.token(tmp_path_factory.mktemp("softhsm")) as made:
        yield made


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
    cases: list[tuple[str, type[Problem]]] = [
        (uri, Conflict),
        (token.uri("nobody"), NotFound),
        (token.uri("nobody").replace("Registrar", "Another"), NotFound),
        (unknown, UnknownKeyType),
    ]
    for address, problem in cases:
        with pytest.raises(problem):
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
    print(type(problem).__name__, problem, problem.hint)
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
        (uri, wrong, WrongPassphrase.__name__),
        (uri, "", PassphraseNeeded.__name__),
        (f"{locked}file:{file}", "", "signs"),
        (f"{locked}file:///{file}", "", "signs"),
        (f"{locked}{file}x", "", PassphraseNeeded.__name__),
    ):
        told = elsewhere(address, given)
        assert told.startswith(said), told
        assert PIN not in told
        assert wrong not in told


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

    def killed(store: SQLiteIndex, job: Job, number: int, first: int) -> None:
        begin(store, job, number, first)
        if number == 2:
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


def test_a_journal_that_cannot_be_read_stops_who_signs(tmp_path: Path) -> None:
    made: Any = issuer_in(tmp_path, url=URL)
    for content in (b"{", b"{}", b'{"version":2,"kind":"add","document":{},"replaced":{}}'):
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


@softhsm.needed
def test_a_session_that_broke_is_opened_anew(token: Token) -> None:
    signer = open_signer(token.make("broken", *KINDS["P-256"].parameters), passphrase=pin)
    assert isinstance(signer, TokenKey)
    import pkcs11

    class Broken:
        def sign(self, data: bytes, *, mechanism: object) -> bytes:
            raise pkcs11.GeneralError

    signer._key = Broken()
    signer.public_key.verify(signer.sign(b"data"), b"data")
