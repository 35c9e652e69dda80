"""An issuer whose key for diplomas is outside its folder: that key signs lists, too, and opens first.

`sealed` stands for a token with a PIN: a key file elsewhere, under a passphrase, by its URI. What only a real
token shows is in `test_keys_token.py` and `issuer_cli/test_tokens.py`.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest

from did import Document
from did.methods import web as did_web
from issuer.archive.store import SQLiteIndex
from issuer.identity import documents
from issuer.identity.clock import ClockJournal
from issuer.identity.home import Identity
from issuer.issuer import Issuer
from issuer.keeping import rotation
from issuer.keeping.ahead import accept_clock
from issuer.keeping.closing import close
from issuer.press.press import signed_entry
from keys import KeyFile, PrivateKey, PublicKey, Signer, open_signer
from ledger import Log
from ledger.folder import open_to_read, store_in
from tests.commandline import Program
from tests.copying import copy_folder
from tests.world import NOW, graduate, issuer_in, listed, of_diploma, reopened, verifier_for
from vc import Bundle, Verdict, sign
from vc.status import Reason
from wire.files import write_durably
from wire.problem import Problem

URL = "https://university.example"
PIN = b"correct horse 1234"
HOUR, YEAR = timedelta(hours=1), timedelta(days=365)


def token() -> PrivateKey:
    """As on a token: the folder never has it, and each of its signatures differs."""
    return PrivateKey.generate("P-256")


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


def methods(home: Path) -> set[str]:
    """The keys that other programs take for diplomas: those of `assertionMethod` in the document."""
    document = Document.parse(documents.newest(home), Identity.read(home).did)
    return {method.key.multikey() for method in document.methods("assertionMethod")}


def in_folder(home: Path) -> dict[str, PublicKey]:
    return dict(KeyFile.open(home / "keys.json", lambda: None).public_keys)


def signed_by(home: Path) -> str:
    """The key of the first status list, as it lies in the folder."""
    method: str = listed(home).document["proof"][0]["verificationMethod"]
    return method.rpartition("#")[2]


def of_before(
    home: Path, signer: Signer, uri: str = "", clock: Callable[[], datetime] = lambda: NOW
) -> Issuer:
    """An issuer as 81e9505 made it: the list key lies in the folder, and stands in `assertionMethod`."""
    made = issuer_in(home, url=URL)
    key, lists = signer.public_key, made.keys.public_keys["status-list"]
    document = did_web.document(made.did, {"assertionMethod": [key, lists], "authentication": [key]})
    write_durably(home / "did.json", orjson.dumps(document))
    made.keys.retire("assertion")
    Identity.change(home, signer_uri=uri, signer_key=key.multikey() if uri else "")
    return reopened(home, clock, signer=None if uri else signer, pin=Pins())


# What a copy of the folder is good for


def test_a_copy_of_the_folder_signs_no_diploma(tmp_path: Path) -> None:
    key, home = token(), tmp_path / "home"
    made = issuer_in(home, url=URL, signer=key)
    bundle = made.bundle(made.issue(graduate(1)))
    assert not methods(home) & {key.multikey() for key in in_folder(home).values()}
    assert methods(home) == {key.public_key.multikey()}
    assert signed_by(home) == key.public_key.multikey()

    document = {**bundle.secured, "id": "urn:uuid:00000000-0000-4000-8000-000000000001"}
    del document["proof"]
    stolen = KeyFile.open(home / "keys.json", lambda: None)
    thief = Log(
        made.identity.log, stolen.signer("log"), stolen.signer("cosigner"), store_in(home), clock=made._clock
    )
    for name in stolen.public_keys:
        own = stolen.signer(name)
        for method in (own.public_key, key.public_key):
            of = made.identity.verification_method(method)
            forged = sign(document, own, verification_method=of, created=NOW)
            (leaf,) = thief.append([signed_entry(forged)], signed_entry(forged))
            shown = replace(bundle, secured=forged, evidence=(thief.evidence(leaf),))
            assert verifier_for(made).verify(shown, now=NOW).verdict is not Verdict.VALID, name


def test_of_a_did_key_too_the_folder_has_no_other_key_for_lists(tmp_path: Path) -> None:
    made = issuer_in(tmp_path / "home", signer=PrivateKey.generate())
    made.issue(graduate(1))
    assert set(in_folder(made.home)) == {"log", "cosigner"}


# From one key to another


def revoked_and_issued(made: Issuer) -> list[Bundle]:
    """One diploma that is revoked and one that is not, in bundles of before what comes next."""
    first, second = made.issue(graduate(1)), made.issue(graduate(2))
    made.revoke([first.number], Reason.FRAUD, date=NOW, now=made._clock())
    return [made.bundle(made.current(first.number)), made.bundle(second)]


def verdicts(made: Issuer, now: datetime, *bundles: Bundle) -> list[Verdict]:
    """Of what was handed out before, and of the same now."""
    again = [made.bundle(made.current(f"UNI-{number:06}")) for number in (1, 2)]
    return [verifier_for(made).verify(bundle, now=now).verdict for bundle in (*bundles, *again)]


REVOKED_AND_VALID = [Verdict.INVALID, Verdict.VALID] * 2


@pytest.mark.slow
@pytest.mark.parametrize("announced", [False, True])
def test_from_the_folder_to_a_token_and_back(tmp_path: Path, announced: bool) -> None:
    home, clock, key, other = tmp_path / "home", Clock(), token(), token()
    made = issuer_in(home, url=URL, clock=clock)
    former = set(in_folder(home))
    bundles = revoked_and_issued(made)
    for signer in (key, other):
        clock.now += HOUR
        if announced:
            rotation.add(made, signer=signer)
        rotation.rotate(made, signer=signer)
        assert set(in_folder(home)) == {"log", "cosigner"}
        assert not methods(home) & {key.multikey() for key in in_folder(home).values()}
        assert signed_by(home) == signer.public_key.multikey()
        assert verdicts(made, clock.now, *bundles) == REVOKED_AND_VALID
    clock.now += HOUR
    rotation.rotate(made, in_file=True)
    assert set(in_folder(home)) == former
    assert signed_by(home) == made.keys.public_keys["status-list"].multikey()
    assert verdicts(made, clock.now, *bundles) == REVOKED_AND_VALID


def test_keys_in_the_folder_that_were_announced_are_not_left_behind(tmp_path: Path) -> None:
    """They would count for diplomas, and lie in the folder."""
    home, key = tmp_path / "home", token()
    made = issuer_in(home, url=URL)
    made.issue(graduate(1))
    rotation.add(made)
    announced = {key.multikey() for name, key in in_folder(home).items() if name.endswith("-next")}
    rotation.rotate(made, signer=key)
    assert not methods(home) & announced


@pytest.mark.quick("another key")
@pytest.mark.parametrize("to", ["the same key", "another key"])
def test_an_issuer_of_before_moves_over_by_a_rotation(tmp_path: Path, to: str) -> None:
    """All lists by the token, nothing in the folder in `assertionMethod`, and nothing issued again."""
    home, key = tmp_path / "home", token()
    made = of_before(home, key, clock=(clock := Clock()))
    bundles, count = revoked_and_issued(made), made.store.count()
    lists = in_folder(home)["status-list"].multikey()
    assert signed_by(home) == lists
    assert verdicts(made, clock.now, *bundles) == REVOKED_AND_VALID
    clock.now += HOUR
    signer = key if to == "the same key" else token()
    done = rotation.rotate(made, signer=signer)
    assert lists not in methods(home)
    assert not methods(home) & {key.multikey() for key in in_folder(home).values()}
    assert (signed_by(home), done.lists) == (signer.public_key.multikey(), [0])
    assert done.ended[-1] == lists
    assert (key.public_key.multikey() in done.ended) == (to == "another key")
    assert verdicts(made, clock.now, *bundles) == REVOKED_AND_VALID
    assert made.store.count() == count
    again = reopened(home, clock, signer=signer)
    assert verifier_for(again).verify(again.bundle(again.issue(graduate(3))), now=clock.now)


def test_doctor_names_the_step(
    program: Program, sealed: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`key rotate` keeps the key that is elsewhere, and ends the one in the folder."""
    home, signer = program.home / "issuer", open_signer(sealed, passphrase=Pins())
    of_before(home, signer, sealed).issue(graduate(1))
    pin = tmp_path / "pin"
    pin.touch(0o600)
    pin.write_bytes(PIN)
    monkeypatch.setenv("INTAGLIO_PIN_FILE", str(pin))

    def warnings() -> dict[str, str]:
        found = json.loads(program("doctor", "--json").out)["findings"]
        return {each["code"]: each["remedy"] for each in found if each["mark"] != "✓"}

    assert "intaglio issuer key rotate" in warnings().get("issuer-list-key-in-folder", "")
    assert program("issuer", "key", "rotate", "--yes").code == 0
    assert "issuer-list-key-in-folder" not in warnings()
    assert methods(home) == {signer.public_key.multikey()} == {signed_by(home)}
    assert program("issuer", "key", "rotate", "--yes").code == 1, "whose next key is where?"


# The PIN comes first


class Pins:
    """What is asked for the PIN: how often, and what it says."""

    def __init__(self, pin: bytes | None = PIN) -> None:
        self.pin, self.asked = pin, 0

    def __call__(self) -> bytes | None:
        self.asked += 1
        return self.pin


@pytest.fixture(scope="session")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The URI of a key that opens by a PIN."""
    path = tmp_path_factory.mktemp("token") / "token.json"
    KeyFile.create(path, {"diplomas": "Ed25519", "next": "Ed25519"}, PIN)
    return f"{path.as_uri()}#diplomas"


@pytest.fixture(scope="session", params=[URL, None], ids=["web", "key"])
def made(request: pytest.FixtureRequest, sealed: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An issuer whose folder remembers such a key, with three diplomas, of which one was claimed."""
    signer = open_signer(sealed, passphrase=Pins())
    home = tmp_path_factory.mktemp("made") / "home"
    issuer = issuer_in(home, url=request.param, signer=signer, signer_uri=sealed)
    issuer.issue_many([graduate(number) for number in (1, 2, 3)])
    issuer.claim("UNI-000003", HOLDER)
    issuer.lists.publish(now=NOW)
    return home


@pytest.fixture
def home(made: Path, tmp_path: Path) -> Path:
    """A copy."""
    return Path(copy_folder(made, tmp_path / "home"))


HOLDER = "did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK"
AHEAD = NOW + YEAR


def traces(home: Path) -> dict[str, Any]:
    """All that the issuer has recorded, here and in its log."""
    with closing(SQLiteIndex(home / "issuer.sqlite")) as store:
        tables = (
            store.count(), store.revocations.count(), store.revocations.files(), store.revocations.dates(),
            [store.generation(of_diploma(f"UNI-{number:06}")) for number in (1, 2, 3)],
        )  # fmt: skip
    skipped = ("issuer.sqlite", ".lock")
    files = {
        str(path.relative_to(home)): path.read_bytes()
        for path in sorted(home.rglob("*"))
        if path.is_file() and path.stat().st_size and not any(part in path.name for part in skipped)
    }
    return {**files, "index": tables, "log": open_to_read(home).checkpoint().note}


def key_is_next(sealed: str) -> Signer:
    return open_signer(sealed.replace("diplomas", "next"), passphrase=Pins())


DONE: dict[str, Callable[[Issuer], object]] = {
    "revoke": lambda made: made.revoke(["UNI-000001"], Reason.FRAUD, date=NOW, now=NOW),
    "issue": lambda made: made.issue(graduate(9)),
    "correct": lambda made: made.correct("UNI-000001", {"gpa": "4.0"}),
    "claim": lambda made: made.claim("UNI-000002", HOLDER),
    "release": lambda made: made.release("UNI-000003"),
    "close": lambda made: close(made),
}


@pytest.mark.quick("web-revoke-None", "web-claim-None", "web-revoke-wrong", "key-issue-None")
@pytest.mark.parametrize(("what", "pin"), [*((what, None) for what in DONE), ("revoke", b"wrong")])
def test_where_the_key_does_not_open_nothing_is_recorded(home: Path, what: str, pin: bytes | None) -> None:
    before, pins = traces(home), Pins(pin)
    with pytest.raises(Problem) as caught:
        DONE[what](reopened(home, pin=pins))
    assert traces(home) == before
    assert pins.asked == 1
    assert caught.value.undetermined, "exit code 3"


@pytest.mark.parametrize("made", [pytest.param(URL, id="web")], indirect=True)
def test_where_it_does_not_open_no_key_is_announced_or_revoked(home: Path, sealed: str) -> None:
    good = reopened(home, pin=Pins())
    rotation.rotate(good, in_file=True)
    ended = [key.key for key in rotation.keys_shown(good) if key.expires]
    rotation.rotate(good, signer=(key := key_is_next(sealed)), signer_uri=sealed.replace("diplomas", "next"))
    assert key.public_key.multikey() == signed_by(home)
    before = traces(home)
    for change in (
        lambda made: rotation.add(made, signer=token()),
        lambda made: rotation.revoke(made, ended[0].multikey()),
    ):
        with pytest.raises(Problem):
            change(reopened(home, pin=Pins(None)))
        assert traces(home) == before


def test_where_it_does_not_open_a_clock_is_not_taken_for_right(home: Path) -> None:
    ahead = reopened(home, lambda: AHEAD, pin=Pins())
    ahead.lists.publish(now=AHEAD)
    before = traces(home)
    with pytest.raises(Problem):
        accept_clock(reopened(home, pin=Pins(None)), NOW)
    assert traces(home) == before
    assert ClockJournal(home).ahead() is None
    accept_clock(reopened(home, pin=(pins := Pins())), NOW)
    assert (listed(home).valid_from, pins.asked) == (NOW, 1)


@pytest.mark.quick(every=2)
def test_whoever_signs_asks_once(home: Path) -> None:
    made = reopened(home, pin=(pins := Pins()))
    made.revoke(["UNI-000001"], Reason.FRAUD, date=NOW, now=NOW)
    made.issue(graduate(4))
    made.correct("UNI-000002", {"gpa": "4.0"})
    made.lists.publish(now=NOW)
    if made.identity.rotates:
        rotation.add(made, signer=token())
    close(made)
    assert pins.asked == 1
    assert signed_by(home) == made.public_keys["assertion"].multikey()


# In passing


@pytest.mark.quick(every=2)
def test_lists_are_renewed_in_passing_only_where_the_key_is_open(home: Path) -> None:
    """At half of their life nobody is asked. A list that ended is signed, and so is a revocation."""
    clock, pins = Clock(), Pins()
    made = reopened(home, clock, pin=pins)
    entry = made.current("UNI-000002")
    clock.now = NOW + YEAR / 2
    bundle = made.bundle(entry)
    assert pins.asked == 0
    assert verifier_for(made).verify(bundle, now=clock.now)
    assert listed(home).valid_from == NOW
    clock.now = NOW + YEAR
    made.bundle(entry)
    assert (pins.asked, listed(home).valid_from) == (1, clock.now)
    clock.now += YEAR / 2
    made.issue(graduate(4))
    assert (pins.asked, listed(home).valid_from) == (1, clock.now), "open anyway"
    other = reopened(home, clock, pin=Pins())
    other.store.revocations.revoke([of_diploma("UNI-000001")], "fraud", "2026-07-01T12:00:00Z")  # and killed
    late = reopened(home, clock, pin=Pins())
    report = verifier_for(late).verify(late.bundle(late.current("UNI-000001")), now=clock.now)
    assert report.verdict is Verdict.INVALID


def test_a_lost_token_is_given_up_without_it(sealed: str, tmp_path: Path) -> None:
    """Also where a revocation was journalled and in no list yet: the key in the folder signs it."""
    signer = open_signer(sealed, passphrase=Pins())
    made = issuer_in(tmp_path / "home", url=URL, signer=signer, signer_uri=sealed)
    entry = made.issue(graduate(1))
    made.store.revocations.revoke([entry.which], "fraud", "2026-07-01T12:00:00Z")
    again = reopened(made.home, pin=(pins := Pins(None)))
    rotation.rotate(again, in_file=True, lost=True)
    assert pins.asked == 0
    assert signed_by(made.home) == again.keys.public_keys["status-list"].multikey()
    assert verifier_for(again).verify(again.bundle(again.current(entry.number)), now=NOW).verdict is (
        Verdict.INVALID
    )
