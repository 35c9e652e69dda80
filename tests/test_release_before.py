"""What releases before wrote, this one reads: bundles, trust files, wallets, homes, unfinished jobs.

The files are the releases' own; `tests/fixtures/make.py` had them write them.
"""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from holder.wallet import Wallet
from issuer import rotation
from issuer.desk.claims import Claims
from issuer.desk.http import create_app
from issuer.issuer import Issuer
from ledger.audit import audit
from tests.commandline import Program
from tests.fault.issuing import require_once
from tests.fixtures.make import CHALLENGE, DOMAIN, MADE, PASSPHRASE, SERVICE
from tests.serving import listening, serving
from tests.world import graduate, verifier_for
from vc import Verdict

FIXTURES = Path(__file__).parent / "fixtures"
RELEASE = FIXTURES / "f31e11f"
SOON = MADE + timedelta(hours=1)
AT = ("--at", SOON.isoformat().replace("+00:00", "Z"), "--offline")
SHOWN = ("--challenge", CHALLENGE, "--domain", DOMAIN)
SECRET = PASSPHRASE.encode()


@pytest.fixture(autouse=True)
def _passphrase(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "passphrase"
    file.touch(mode=0o600)
    file.write_text(PASSPHRASE)
    for variable in ("INTAGLIO_PASSPHRASE_FILE", "INTAGLIO_BACKUP_PASSPHRASE_FILE"):
        monkeypatch.setenv(variable, str(file))


def home(program: Program, name: str, release: Path = RELEASE) -> Program:
    """The program in a copy of a home of that release."""
    shutil.copytree(release / name, program.home)
    return program


each_home = pytest.mark.parametrize(
    ("release", "restored"),
    [("f31e11f", False), pytest.param("f31e11f", True, marks=pytest.mark.slow), ("3b10074", False)],
)


def issuer_at(folder: Path, now: datetime) -> Issuer:
    return Issuer(folder, lambda: SECRET, lambda: now)


@pytest.mark.parametrize(
    ("name", "words", "code", "says"),
    [
        ("valid", (), 0, "VALID"),
        ("corrected", (), 0, "VALID"),
        ("presentation", SHOWN, 0, "VALID"),
        ("revoked", (), 1, "fraud"),
        ("superseded", (), 1, "superseded"),
    ],
)
@pytest.mark.parametrize("trust", ["trust.json", "graduate/trust.json"])
def test_its_bundles_mean_what_they_meant(
    program: Program, name: str, words: tuple[str, ...], code: int, says: str, trust: str
) -> None:
    file = RELEASE / "bundles" / f"{name}.json"
    answer = program("verify", file, "--trust", RELEASE / trust, *AT, *words)
    assert answer.code == code, answer
    assert says in answer.out.splitlines()[0]


@pytest.mark.slow
@each_home
def test_its_wallet_opens_and_presents(program: Program, release: str, restored: bool) -> None:
    if restored:
        assert program("wallet", "restore", RELEASE / "wallet.backup").code == 0
    else:
        home(program, "graduate", FIXTURES / release)
    with Wallet(program.home / "wallet", SECRET) as mine:
        (held,) = mine.credentials()
        shown = mine.present([held.id], challenge="another", domain=DOMAIN, now=SOON)
    file = program.home / "shown.json"
    file.write_bytes(shown.to_bytes())
    trust = ("--trust", FIXTURES / release / "trust.json")
    assert program("verify", file, *trust, *AT, "--challenge", "another", "--domain", DOMAIN).code == 0


@pytest.mark.slow
@each_home
def test_its_issuer_goes_on(program: Program, release: str, restored: bool) -> None:
    if restored:
        assert program("issuer", "restore", RELEASE / "university.backup").code == 0
    else:
        home(program, "university", FIXTURES / release)
    issuer = issuer_at(program.home / "issuer", SOON)
    known = {(entry.number, entry.edition): entry.reason for entry in issuer.entries()}
    assert known == {
        ("FIX-0000", 1): "superseded",
        ("FIX-0000", 2): None,
        ("FIX-0001", 1): "fraud",
        ("FIX-0002", 1): "superseded",
        ("FIX-0002", 2): None,
        ("FIX-0003", 1): None,
        ("FIX-0004", 1): None,
    }
    issuer.issue(graduate(99, award_date="2024-06-30"))
    require_once(issuer)
    claims = Claims(issuer.home / "claims.sqlite", SERVICE)
    link = claims.offer("FIX-0003", issuer, now=SOON)
    assert claims.invite(link.token, issuer, now=SOON).domain == SERVICE
    judge = verifier_for(issuer)
    for number, verdict in {
        "UNI-000099": Verdict.VALID,
        "FIX-0004": Verdict.VALID,
        "FIX-0001": Verdict.INVALID,
    }.items():
        bundle = issuer.bundle(issuer.store.current(number))
        assert judge.verify(bundle, now=SOON).verdict is verdict, number
    former = next(entry for entry in issuer.entries() if entry.reason == "superseded")
    report = judge.verify(issuer.bundle(former), now=SOON)
    assert report.deciding is not None
    assert report.deciding.text.endswith(": superseded"), "its page is made from the journal"


@pytest.mark.slow
@pytest.mark.parametrize("name", ["killed-in-chunk", "killed-between"])
def test_its_unfinished_job_is_finished_by_the_same_command_and_served(
    program: Program, name: str, tmp_path: Path
) -> None:
    """Killed between shard and index, and between two chunks of 4,096 rows: most of these are empty."""
    home(program, name)
    before = issuer_at(program.home / "issuer", MADE)
    assert len(list(before.entries())) == {"killed-in-chunk": 0, "killed-between": 2}[name]
    job = before.store.latest_job()
    answer = program("issuer", "issue", RELEASE / f"{name}.csv", "--out", tmp_path / "out")
    assert answer.code == 0, answer
    assert "other programs cannot fetch the status list" in answer.err
    for index in range(10, 14):
        assert program("verify", tmp_path / "out" / f"FIX-{index:04}.json", "--offline").code == 0
    again = program("issuer", "issue", RELEASE / f"{name}.csv", "--out", tmp_path / "out")
    assert "0 issued, 4 issued before" in again.out
    issuer = issuer_at(program.home / "issuer", datetime.now(UTC))
    require_once(issuer)
    assert {entry.number for entry in issuer.entries()} == {f"FIX-{index:04}" for index in range(10, 14)}
    assert issuer.store.latest_job() == job
    for entry in issuer.entries():
        made = issuer.line(entry).credential
        assert made["proof"][0]["created"] == job.created
        assert made["credentialStatus"]["statusListCredential"] == issuer.identity.profile.list_url(0)
        assert len(made["termsOfUse"]) == 1
    assert audit(issuer.log).size == issuer.log.checkpoint().size
    assert program("doctor").code == 0
    with listening() as listener:
        address = f"http://127.0.0.1:{listener.getsockname()[1]}"
        claims = Claims(issuer.home / "claims.sqlite", address)
        app = create_app(issuer, claims, issuer.home, lambda: datetime.now(UTC))
        with serving(app, listener):
            assert httpx.get(f"{address}/status/0").json()["issuer"] == issuer.did


@pytest.mark.slow
def test_an_issuer_of_that_release_changes_its_keys(tmp_path: Path) -> None:
    """What it issued then stays as it is, by bundles of then and of now."""
    shutil.copytree(RELEASE / "university" / "issuer", tmp_path / "issuer")
    made = issuer_at(tmp_path / "issuer", SOON)
    rotation.rotate(made)
    judge = verifier_for(made)
    for entry in made.entries():
        report = judge.verify(made.bundle(entry), now=SOON + timedelta(minutes=1))
        assert report.verdict is (Verdict.INVALID if entry.reason else Verdict.VALID), report.checks
    old = (RELEASE / "bundles" / "valid.json").read_bytes()
    assert judge.verify(old, now=SOON + timedelta(minutes=1))
