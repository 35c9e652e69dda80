"""What releases before wrote, this one reads: bundles, trust files, wallets, homes, unfinished jobs.

The files are the releases' own; `tests/fixtures/make.py` had them write them.
"""

from __future__ import annotations

import shutil
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path

import httpx
import pytest

from holder.wallet import Wallet
from issuer.desk.claims import ClaimLinks
from issuer.desk.http import create_app
from issuer.identity.description import Description
from issuer.issuer import Issuer
from issuer.keeping import rotation
from kinds import shipped
from ledger.audit import audit
from tests.commandline import Program
from tests.fault.issuing import require_once
from tests.fixtures.make import CHALLENGE, DOMAIN, MADE, PASSPHRASE, SERVICE, unpack
from tests.serving import listening, serving
from tests.test_kinds_facts import ZHANG
from tests.world import graduate, of_diploma, verifier, verifier_for
from vc import Verdict
from verifier import Trust

FIXTURES = Path(__file__).parent / "fixtures"
FIRST, BETWEEN, LAST = (FIXTURES / name for name in ("f31e11f", "3b10074", "81e9505"))
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


def in_home(program: Program, release: Path, name: str) -> Program:
    """The program in a copy of a home of that release, at a time soon after."""
    unpack(release, name, program.home)
    program.now = lambda: SOON
    return program


def issuer_at(folder: Path, now: datetime) -> Issuer:
    return Issuer(folder, lambda: SECRET, lambda: now)


MEANINGS = {
    "valid": ((), 0, "VALID"),
    "corrected": ((), 0, "VALID"),
    "presentation": (SHOWN, 0, "VALID"),
    "revoked": ((), 1, "fraud"),
    "superseded": ((), 1, "superseded"),
}
"""What `verify` is asked and answers, by the first word of the bundle's name."""
BUNDLES = sorted(FIXTURES.glob("*/bundles/**/*.json"))


def trust_files(bundle: Path) -> tuple[Path, Path]:
    """That of a verifier, and one that speaks of the bundle's issuer alone."""
    if bundle.is_relative_to(FIRST):
        return FIRST / "trust.json", FIRST / "graduate" / "trust.json"
    return LAST / "trust.json", LAST / "trust" / f"{bundle.parent.name}.json"


@pytest.mark.quick(
    "81e9505/bundles/key/superseded.json",
    "81e9505/bundles/rotated/revoked.json",
    "81e9505/bundles/rotated/valid-of-before.json",
    "81e9505/bundles/token/valid.json",
    "81e9505/bundles/university/presentation.json",
    "f31e11f/bundles/revoked.json",
    "f31e11f/bundles/valid.json",
)
@pytest.mark.parametrize(
    "bundle", [pytest.param(path, id=str(path.relative_to(FIXTURES))) for path in BUNDLES]
)
def test_its_bundles_mean_what_they_meant(program: Program, bundle: Path) -> None:
    words, code, says = MEANINGS[bundle.stem.partition("-")[0]]
    for trust in trust_files(bundle):
        answer = program("verify", bundle, "--trust", trust, *AT, *words)
        assert answer.code == code, answer
        assert says in answer.out.splitlines()[0]


def test_no_bundle_is_lost() -> None:
    kinds = Counter(bundle.parent.name for bundle in BUNDLES)
    assert kinds == {"bundles": 5, "university": 5, "rotated": 7, "token": 4, "key": 4, "key-with-address": 4}


@pytest.mark.quick(every=4)
@pytest.mark.parametrize("file", [FIRST / "trust.json", *sorted((LAST / "trust").iterdir())])
def test_its_trust_files_are_added_to_an_empty_list_and_to_its_own(program: Program, file: Path) -> None:
    """Its own list has the issuer already: to it, the file says nothing new, and contradicts nothing."""
    (issuer,) = Trust.load(file).issuers
    listed = program.home / "trust.json"
    assert program("trust", "add", file).code == 0
    assert Trust.load(listed).issuer(issuer.id) is not None
    if file.parent != FIRST:
        shutil.copy(LAST / "trust.json", listed)
        before = Trust.load(listed)
        assert program("trust", "add", file).code == 0
        assert Trust.load(listed).fingerprint(issuer.id) == before.fingerprint(issuer.id)
        elsewhere = Trust.load(listed).issuer("did:web:elsewhere.example")
        assert elsewhere is not None
        assert elsewhere == before.issuer(elsewhere.id)
        assert elsewhere.types == ("OpenBadgeCredential",)
        assert elsewhere.status_issuers == ("did:web:lists.example",)


RESTORED = pytest.mark.parametrize(
    ("release", "restored"),
    [
        pytest.param(FIRST, False, id="f31e11f"),
        pytest.param(FIRST, True, id="f31e11f restored"),
        pytest.param(BETWEEN, False, id="3b10074"),
        pytest.param(LAST, False, id="81e9505"),
        pytest.param(LAST, True, id="81e9505 restored"),
    ],
)
RELEASES = pytest.mark.parametrize(
    "release", [pytest.param(release, id=release.name) for release in (FIRST, LAST)]
)


@pytest.mark.slow
@RESTORED
def test_its_wallet_opens_and_presents(program: Program, release: Path, restored: bool) -> None:
    if restored:
        assert program("wallet", "restore", release / "wallet.backup").code == 0
    else:
        in_home(program, release, "graduate")
    with Wallet(program.home / "wallet", SECRET) as mine:
        (held,) = mine.credentials()
        shown = mine.present([held.id], challenge="another", domain=DOMAIN, now=SOON)
    file = program.home / "shown.json"
    file.write_bytes(shown.to_bytes())
    trust = ("--trust", release / "trust.json")
    assert program("verify", file, *trust, *AT, "--challenge", "another", "--domain", DOMAIN).code == 0


@pytest.mark.slow
@pytest.mark.parametrize(
    ("release", "backup"),
    [
        pytest.param(FIRST, None, id="f31e11f"),
        pytest.param(FIRST, "university.backup", id="f31e11f restored"),
        pytest.param(BETWEEN, None, id="3b10074"),
        pytest.param(LAST, None, id="81e9505"),
    ],
)
def test_its_issuer_goes_on(program: Program, release: Path, backup: str | None) -> None:
    if backup:
        assert program("issuer", "restore", release / backup).code == 0
    else:
        in_home(program, release, "university")
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
    claims = ClaimLinks(issuer.home / "claims.sqlite", SERVICE)
    link = claims.offer(of_diploma("FIX-0003"), issuer, now=SOON)
    assert claims.invite(link.token, issuer, now=SOON).domain == SERVICE
    judge = verifier_for(issuer)
    for number, verdict in {
        "UNI-000099": Verdict.VALID,
        "FIX-0004": Verdict.VALID,
        "FIX-0001": Verdict.INVALID,
    }.items():
        bundle = issuer.bundle(issuer.current(number))
        assert judge.verify(bundle, now=SOON).verdict is verdict, number
    former = next(entry for entry in issuer.entries() if entry.reason == "superseded")
    report = judge.verify(issuer.bundle(former), now=SOON)
    assert report.deciding is not None
    assert report.deciding.text.endswith(": superseded"), "its page is made from the journal"


def require_same_meaning(issuer: Issuer, trust: Path, now: datetime) -> None:
    """By the trust file of then, every diploma that is not revoked is valid, and only those."""
    judge = verifier(Trust.load(trust))
    for entry in issuer.entries():
        report = judge.verify(issuer.bundle(entry), now=now)
        assert report.verdict is (Verdict.INVALID if entry.reason else Verdict.VALID), report.checks


@pytest.mark.slow
def test_its_backup_of_a_did_key_is_restored(program: Program) -> None:
    program.now = lambda: SOON
    assert program("issuer", "restore", LAST / "key.backup").code == 0
    issuer = issuer_at(program.home / "issuer", SOON)
    require_same_meaning(issuer, LAST / "trust" / "key.json", SOON)
    issuer.issue(graduate(99, award_date="2024-06-30"))
    require_once(issuer)


@pytest.mark.slow
def test_its_issuer_that_changed_keys_goes_on_and_changes_them_again(program: Program) -> None:
    """One of its former keys ended, one was compromised; the next are announced already."""
    in_home(program, LAST, "rotated")
    issuer, trust = issuer_at(program.home / "issuer", SOON), LAST / "trust" / "rotated.json"
    former = [bool(shown.expires or shown.is_revoked) for shown in rotation.keys_shown(issuer)]
    announced = {name for name in issuer.keys.public_keys if name.endswith("-next")}
    assert (former.count(True), len(announced)) == (4, 2)
    require_same_meaning(issuer, trust, SOON)
    next_key = issuer.keys.public_keys["assertion-next"]
    rotation.rotate(issuer)
    assert issuer.keys.public_keys["assertion"] == next_key
    issuer.issue(graduate(99, award_date="2024-06-30"))
    require_once(issuer)
    require_same_meaning(issuer, trust, SOON + timedelta(minutes=1))


def test_its_issuer_with_a_token_is_read_without_the_token(program: Program) -> None:
    in_home(program, LAST, "token")
    issuer, trust = issuer_at(program.home / "issuer", SOON), LAST / "trust" / "token.json"
    known = {(entry.number, entry.edition): entry.reason for entry in issuer.entries()}
    assert known == {
        ("FIX-0000", 1): None,
        ("FIX-0001", 1): "fraud",
        ("FIX-0002", 1): "superseded",
        ("FIX-0002", 2): None,
    }
    require_same_meaning(issuer, trust, SOON)
    told = program("issuer", "key", "list")
    assert (told.code, "object=diplomas" in told.err) == (0, True)
    assert program("doctor").code == 0
    (before,), (now,) = (
        Trust.load(trust).issuers,
        Trust.parse(program("issuer", "trust").out.encode()).issuers,
    )
    assert not before.documents
    assert now.documents, "its fingerprint is another one: it covers which document the chain begins with"


@pytest.mark.slow
def test_its_issuer_that_lost_its_token_goes_over_to_a_key_in_its_folder(program: Program) -> None:
    in_home(program, LAST, "token")
    answer = program("issuer", "key", "rotate", "--key", "keys.json", "--lost", "--yes")
    assert answer.code == 0, answer
    issuer = issuer_at(program.home / "issuer", SOON + timedelta(minutes=1))
    issuer.issue(graduate(99, award_date="2024-06-30"))
    require_once(issuer)
    require_same_meaning(issuer, LAST / "trust" / "token.json", SOON + timedelta(minutes=1))


@pytest.mark.slow
@RELEASES
@pytest.mark.parametrize("name", ["killed-in-chunk", "killed-between"])
def test_its_unfinished_job_is_finished_by_the_same_command_and_served(
    program: Program, release: Path, name: str, tmp_path: Path
) -> None:
    """Killed between shard and index, and between two chunks of 4,096 rows: most of these are empty."""
    in_home(program, release, name)
    before = issuer_at(program.home / "issuer", MADE)
    assert len(list(before.entries())) == {"killed-in-chunk": 0, "killed-between": 2}[name]
    job = before.store.latest_job()
    answer = program("issuer", "issue", release / f"{name}.csv", "--out", tmp_path / "out")
    assert answer.code == 0, answer
    for index in range(10, 14):
        assert program("verify", tmp_path / "out" / f"FIX-{index:04}.json", "--offline").code == 0
    again = program("issuer", "issue", release / f"{name}.csv", "--out", tmp_path / "out")
    assert "0 issued, 4 issued before" in again.out
    issuer = issuer_at(program.home / "issuer", SOON)
    require_once(issuer)
    assert {entry.number for entry in issuer.entries()} == {f"FIX-{index:04}" for index in range(10, 14)}
    assert issuer.store.latest_job() == job
    made = [issuer.line(entry).credential for entry in issuer.entries()]
    assert {credential["proof"][0]["created"] for credential in made} == {job.created}
    if release == FIRST:  # its issuers without a web address named a list that nobody could fetch
        assert "other programs cannot fetch the status list" in answer.err
        url = issuer.identity.profile.list_url(0)
        assert {credential["credentialStatus"]["statusListCredential"] for credential in made} == {url}
    assert {len(credential["termsOfUse"]) for credential in made} == {1 if release == FIRST else 2}
    assert audit(issuer.log).size == issuer.log.checkpoint().size
    assert program("doctor").code == 0
    with listening() as listener:
        address = f"http://127.0.0.1:{listener.getsockname()[1]}"
        claims = ClaimLinks(issuer.home / "claims.sqlite", address)
        app = create_app(issuer, claims, issuer.home, lambda: SOON)
        with serving(app, listener):
            assert httpx.get(f"{address}/status/0").json()["issuer"] == issuer.did


@pytest.mark.slow
@RELEASES
def test_an_issuer_of_that_release_changes_its_keys(release: Path, tmp_path: Path) -> None:
    """What it issued then stays as it is, by bundles of then and of now."""
    unpack(release, "university", tmp_path / "home")
    made = issuer_at(tmp_path / "home" / "issuer", SOON)
    rotation.rotate(made)
    later = SOON + timedelta(minutes=1)
    require_same_meaning(made, release / "trust.json", later)
    folder = release / "bundles" / ("" if release == FIRST else "university")
    assert verifier(Trust.load(release / "trust.json")).verify(
        (folder / "valid.json").read_bytes(), now=later
    )


@pytest.mark.slow
@pytest.mark.parametrize("release", [pytest.param(each, id=each.name) for each in (FIRST, LAST)])
def test_an_issuer_of_diplomas_issues_another_kind_as_well(release: Path, tmp_path: Path) -> None:
    """Its number may be that of a diploma, which goes on as it was."""
    unpack(release, "university", tmp_path / "home")
    home = tmp_path / "home" / "issuer"
    before = [*issuer_at(home, SOON).entries()]
    number = before[0].number
    description = Description(issuer_at(home, SOON).name, kind=shipped("resident"))
    issuer = Issuer.create(home, description, lambda: SECRET, lambda: SOON)
    resident = issuer.issue(
        "resident", {**ZHANG, "personal_administrative_number": number, "issuance_date": "2024-06-30"}
    )
    assert [*issuer.entries()] == [*before, resident]
    assert {entry.kind for entry in before} == {"diploma"}
    assert issuer.kinds.names == ["diploma", "resident"]
    diploma = issuer.store.current(of_diploma(number))
    for entry in (diploma, resident):
        report = verifier_for(issuer).verify(issuer.bundle(entry), now=SOON)
        assert (report.verdict is Verdict.VALID) == (entry.reason is None)
