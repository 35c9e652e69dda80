"""The door for forms, the issuing side: an issuer works in a form of which no package knows as in JSON.

Issued singly, together and from a file, killed, claimed, shown, corrected, revoked, put back. Nothing here is
written for that form but `line.py`; lists and details go on being JSON.
"""

from __future__ import annotations

import os
import secrets
import signal
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest

from did import METHODS, Resolver
from holder import Held, Wallet
from holder.client import claim
from intaglio.tls import server_files
from issuer.archive.kept import Entry
from issuer.desk.claims import ClaimLinks
from issuer.desk.http import create_app
from issuer.issuer import Issuer
from issuer.job.order import Order, Progress
from issuer.job.singles import RecordRefused
from issuer.keeping.backup import backup, restore
from issuer.keeping.export import export
from issuer.problem import FORM_NOT_GIVEN, FormNotKnown
from keys import Signer
from ledger import EntryKind, entry, parse_entry
from ledger.audit import audit
from tests.commandline import Program
from tests.doubles import at, stops
from tests.fault.kill import killed_by
from tests.line import MEDIA_TYPE, LineForm
from tests.problems import raises
from tests.serving import listening, serving
from tests.world import NOW, csv_file, graduate, issuer_in, of_diploma, trust_in, verifier_for
from vc import Report, Verdict
from vc.forms import FORMS, INTEGRITY, DataIntegrity
from vc.possession import Asked
from vc.problem import UnsupportedForm
from vc.reading import read
from vc.secured import Carried, Form, Options, Secured
from vc.status import Reason
from vc.vcdm.enveloped import Enveloped
from vc.vcdm.jsonld import vouched
from verifier import Verifier
from wire.fetch import HttpsFetcher, NoFetcher
from wire.problem import NotFound, Refused
from wire.work import Work

LINES: Mapping[str, Form] = {**FORMS, MEDIA_TYPE: LineForm()}
WORKERS = pytest.mark.parametrize("workers", [0, pytest.param(2, marks=pytest.mark.slow)])


class SaltedForm(LineForm):
    """Signing the same again gives another line, as ECDSA on a token does."""

    def sign(self, claims: Mapping[str, Any], signer: Signer, options: Options) -> Enveloped:
        salted = {**claims, "description": f"salted with {secrets.token_hex(8)}"}
        return super().sign(salted, signer, options)


SALTED: Mapping[str, Form] = {**FORMS, MEDIA_TYPE: SaltedForm()}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def issuer(home: Path) -> Issuer:
    return issuer_in(home, form=LineForm())


def reopened(home: Path, form: Form | None = None, **options: Any) -> Issuer:
    return Issuer(home, lambda: None, lambda: NOW, form=form, **options)


def check(issuer: Issuer, data: bytes, now: datetime = NOW, **asked: Any) -> Report:
    """As a verifier does that knows the form, offline, of the bytes that travel."""
    judge = Verifier(Resolver(METHODS, NoFetcher()), trust=trust_in(issuer), forms=LINES)
    return judge.verify(data, now=now, **asked)


def bundle(issuer: Issuer, entry: Entry) -> bytes:
    return issuer.bundle(entry).to_bytes()


def codes(report: Report) -> set[str]:
    return {check.code for check in report.checks}


def require_sound(issuer: Issuer) -> None:
    """Each edition is a line, well signed, and stands in the log once; nothing else of a diploma does."""
    entries, log = list(issuer.entries()), list(issuer.log.entries(0, audit(issuer.log).size))
    assert Counter((each.number, each.edition) for each in entries).most_common(1)[0][1] == 1
    for each in entries:
        line = issuer.line(each).credential
        assert isinstance(line, Enveloped)
        assert log[each.leaf] == entry(EntryKind.CREDENTIAL, sha256(line.data).digest())
        secured = read(line, LINES, Work())
        (signed,) = secured.signatures(Work()).known
        secured.verify(signed, issuer.public_keys["assertion"], Work())
    assert sum(parse_entry(leaf).kind is EntryKind.CREDENTIAL for leaf in log) == len(entries)


def test_one_diploma_is_issued_and_verified_with_status_and_evidence(issuer: Issuer) -> None:
    entry = issuer.issue(graduate(1))
    data = bundle(issuer, entry)
    assert b'"version": 2' in data
    report = check(issuer, data)
    assert report.require()[0].holder_name == "Given1 Family1"
    assert {"status-not-revoked", "evidence-in-log", "signature-unchanged"} <= codes(report)
    assert verifier_for(issuer).verify(data, now=NOW).verdict is Verdict.UNDETERMINED, "who knows no lines"
    said = issuer.line(entry).secured.claims.said
    composed = issuer.press().composer.compose(issuer.line(entry).record, entry.seq)
    assert said == composed, "all that a template and the issuer say, and no proof"
    assert issuer.line(entry).id == said["id"]
    assert issuer.finder.find_credential(issuer.line(entry).credential) == entry
    require_sound(issuer)


def test_what_is_issued_together_is_issued_as_one(issuer: Issuer) -> None:
    entries = issuer.issue_many([graduate(row) for row in range(1, 6)])
    assert all(check(issuer, made.to_bytes()) for made in issuer.bundles(entries))
    with pytest.raises(RecordRefused):
        issuer.issue_many([graduate(6), graduate(1)])
    assert len(list(issuer.entries())) == 5
    require_sound(issuer)


def test_corrected_and_revoked_it_is_not_valid(issuer: Issuer, home: Path) -> None:
    first = issuer.issue(graduate(1))
    second = reopened(home, LineForm()).correct("UNI-000001", {"gpa": "4.0"})
    assert (second.edition, issuer.correct("UNI-000001", {"gpa": "4.0"})) == (2, second)
    former = check(issuer, bundle(issuer, issuer.store.entry(first.seq)))
    assert (former.verdict, "superseded" in str(former.deciding)) == (Verdict.INVALID, True)
    assert check(issuer, bundle(issuer, second))
    issuer.revoke(["UNI-000001"], Reason.FRAUD, date=NOW, now=NOW)
    report = check(issuer, bundle(issuer, issuer.store.entry(second.seq)))
    assert (report.verdict, "fraud" in str(report.deciding)) == (Verdict.INVALID, True)
    require_sound(issuer)


@pytest.mark.slow
@WORKERS
def test_a_file_is_issued_by_worker_processes(issuer: Issuer, tmp_path: Path, workers: int) -> None:
    rows = [graduate(row, **{"email": "bad"} if row == 4 else {}) for row in range(1, 21)]
    source = csv_file(tmp_path / "g.csv", rows, span_rows=3)
    order = Order(source, tmp_path / "errors.csv", workers=workers)
    assert issuer.issue_file(order).issued == 19
    assert (again := issuer.issue_file(order)).issued == 0
    assert len(again.survey.known) == 19
    assert all(check(issuer, made.to_bytes()) for made in issuer.bundles(issuer.entries()))
    changed = csv_file(tmp_path / "h.csv", [graduate(2, gpa="1.0"), graduate(3)])
    (change,) = issuer.issue_file(replace(order, source=changed)).survey.changed
    assert (change.number, dict(change.fields)) == ("UNI-000002", {"gpa": "1.0"})
    require_sound(issuer)


TERMS = {"https://example.org/terms": {"@context": {"grade": "https://example.org/terms#grade"}}}


@pytest.mark.slow
@pytest.mark.parametrize("form", [LineForm(), DataIntegrity(contexts=vouched(TERMS))], ids=["line", "JSON"])
def test_a_form_reaches_workers_that_are_spawned(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: Form
) -> None:
    issuer = issuer_in(home, form=form)
    source = csv_file(tmp_path / "g.csv", [graduate(row) for row in range(6)], span_rows=2)
    monkeypatch.setattr("wire.workers._CONTEXT", get_context("spawn"))  # as on macOS
    assert issuer.issue_file(Order(source, workers=2)).issued == 6
    assert {issuer.line(each).secured.form for each in issuer.entries()} == {form.media_type}
    assert all(check(issuer, made.to_bytes()) for made in issuer.bundles(issuer.entries()))


# Killed


def dies(told: Progress) -> None:
    """Between two chunks."""
    if (told.stage, told.done) == ("issuing", 10):
        os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.slow
@WORKERS
def test_a_killed_job_goes_on_with_what_is_on_disk(home: Path, tmp_path: Path, workers: int) -> None:
    issuer_in(home, form=SaltedForm()).log.checkpoint()
    source = csv_file(tmp_path / "g.csv", [graduate(row) for row in range(30)], span_rows=5)

    def issue(**options: Any) -> None:
        order = Order(source, tmp_path / "e.csv", workers=workers)
        reopened(home, SaltedForm(), **options).issue_file(order)

    end = at(home, "index.begin_chunk", stops(on_call=3))
    assert killed_by(lambda: issue(**end))
    shards = [path.read_bytes() for path in sorted((home / "shards").rglob("*.zst"))]
    with raises(FORM_NOT_GIVEN, match=MEDIA_TYPE):  # who cannot finish it begins nothing
        reopened(home).issue(graduate(99))
    issue()
    issuer = reopened(home, SaltedForm())
    assert [path.read_bytes() for path in sorted((home / "shards").rglob("*.zst"))][:3] == shards[:3]
    assert [each.number for each in issuer.entries()] == [f"UNI-{row:06}" for row in range(30)]
    assert issuer.store.logged.known() == (audit(issuer.log).size, [])
    assert all(check(issuer, made.to_bytes()) for made in issuer.bundles(issuer.entries()))
    require_sound(issuer)


@pytest.mark.quick("index.begin_singles")
@pytest.mark.parametrize("step", ["index.begin_singles", "index.finish_singles"])
def test_a_killed_diploma_is_finished_as_it_was_begun(home: Path, step: str) -> None:
    issuer_in(home, form=SaltedForm()).issue(graduate(1))

    stopped = reopened(home, SaltedForm(), **at(home, step, stops()))
    assert killed_by(lambda: stopped.correct("UNI-000001", {"gpa": "4.0"}))
    issuer = reopened(home, SaltedForm())
    begun_lines = [line for _, singles in issuer.store.begun_singles() for _, line in singles]
    kept = begun_lines[0] if begun_lines else issuer.store.single(1)
    issuer.issue(graduate(2))
    assert issuer.store.single(1) == kept
    assert [(each.number, each.edition) for each in issuer.entries()] == [
        ("UNI-000001", 1),
        ("UNI-000001", 2),
        ("UNI-000002", 1),
    ]
    assert check(issuer, bundle(issuer, issuer.current("UNI-000001")))
    require_sound(issuer)


# Beside JSON


def forms_of(issuer: Issuer, number: str) -> list[str]:
    return [issuer.line(each).secured.form for each in issuer.editions(issuer.current(number))]


@pytest.mark.slow
def test_an_issuer_of_json_issues_in_another_form_as_well(home: Path, tmp_path: Path) -> None:
    """Earlier credentials stay as they are, and are issued in the other form, too, once that is asked for."""
    source = csv_file(tmp_path / "g.csv", [graduate(row) for row in range(1, 5)])
    order = Order(source, tmp_path / "errors.csv", workers=0)
    before = issuer_in(home)
    assert before.issue_file(order).issued == 4
    single = before.issue(graduate(5))
    issuer = reopened(home, LineForm())
    result = issuer.issue_file(order)
    assert (result.issued, result.added, issuer.issue_file(order).added) == (0, 4, 0)
    for number in ("UNI-000001", "UNI-000005"):
        corrected = issuer.correct(number, {"gpa": "4.0"})
        assert check(issuer, bundle(issuer, corrected))
    assert not check(issuer, bundle(issuer, issuer.store.entry(single.seq)))
    assert forms_of(issuer, "UNI-000001") == [INTEGRITY, MEDIA_TYPE]
    assert forms_of(issuer, "UNI-000005") == [INTEGRITY]
    assert forms_of(issuer, issuer.issue(graduate(6)).number) == [MEDIA_TYPE]
    for former in map(issuer.current, ("UNI-000002", "UNI-000003")):
        assert b'"version": 1' in bundle(issuer, former)
        assert verifier_for(issuer).verify(issuer.bundle(former), now=NOW)


@pytest.mark.slow
@WORKERS
def test_a_job_goes_on_in_its_form_and_another_form_is_another_job(
    home: Path, tmp_path: Path, workers: int
) -> None:
    issuer_in(home).log.checkpoint()
    source = csv_file(tmp_path / "g.csv", list(map(graduate, range(15))), span_rows=5)
    order = Order(source, workers=workers)
    assert killed_by(lambda: reopened(home).issue_file(replace(order, progress=dies)))
    issuer = reopened(home, LineForm())
    assert killed_by(lambda: reopened(home, LineForm()).issue_file(replace(order, progress=dies)))
    result = issuer.issue_file(order)
    assert (result.issued + result.added) in (5, 15)
    with pytest.raises(FormNotKnown):  # nobody adds to a credential that cannot be read here
        reopened(home).issue_file(order)
    assert issuer.issue_file(replace(order, forms=[INTEGRITY])).added == 5
    for row in range(15):
        assert forms_of(issuer, f"UNI-{row:06}") == [INTEGRITY, MEDIA_TYPE]
    assert all(check(issuer, made.to_bytes()) for made in issuer.bundles(issuer.entries()))


# Handed out


@pytest.mark.slow
def test_exported_it_verifies_as_a_file(issuer: Issuer, tmp_path: Path) -> None:
    issuer.issue_many([graduate(1), graduate(2)])
    folder = tmp_path / "out"
    for _ in range(2):  # the second writes over the first
        files = list(export(issuer, issuer.entries(), folder))
    assert [path.name for path in files] == ["UNI-000001.json", "UNI-000002.json"]
    assert all(check(issuer, path.read_bytes()) for path in files)


@pytest.mark.slow
def test_a_backup_brings_it_back(issuer: Issuer, home: Path, tmp_path: Path) -> None:
    source = csv_file(tmp_path / "g.csv", [graduate(row) for row in range(1, 4)])
    issuer.issue_file(Order(source, tmp_path / "errors.csv", workers=0))
    issuer.issue(graduate(4))
    expected = [issuer.line(each) for each in issuer.entries()]
    backup(home, tmp_path / "backup", b"a passphrase")
    restore(tmp_path / "backup", tmp_path / "again", b"a passphrase")
    again = reopened(tmp_path / "again", LineForm())
    assert [again.line(each) for each in again.entries()] == expected
    assert all(check(again, made.to_bytes()) for made in again.bundles(again.entries()))
    assert check(again, bundle(again, again.correct("UNI-000002", {"gpa": "4.0"})))
    require_sound(again)


def test_the_commands_show_and_export_what_they_cannot_issue(program: Program, tmp_path: Path) -> None:
    issuer, out = issuer_in(program.home / "issuer", form=LineForm()), str(tmp_path / "out")
    issuer.issue(graduate(1))
    assert "Given1" in program("issuer", "show", "UNI-000001").out
    assert program("issuer", "export", "--out", out).code == 0
    assert check(issuer, Path(out, "UNI-000001.json").read_bytes())
    assert "revoked" in program("issuer", "revoke", "UNI-000001", "--yes").out
    assert "✗" not in program("doctor").out
    refused = program("issuer", "export", "UNI-000001", "--out", out)
    assert (refused.code, MEDIA_TYPE in refused.err) == (1, True)


@contextmanager
def served(issuer: Issuer) -> Iterator[tuple[ClaimLinks, HttpsFetcher]]:
    files = server_files(issuer.home / "tls", [], now=datetime.now(UTC))
    with listening() as listener:
        claims = ClaimLinks(issuer.home / "claims.sqlite", f"https://localhost:{listener.getsockname()[1]}")
        app = create_app(issuer, claims, issuer.home, lambda: datetime.now(UTC))
        with serving(app, listener, tls=(files.chain, files.key)):
            yield claims, HttpsFetcher(allow_loopback=True, ca_file=files.authority)


@pytest.mark.slow
def test_it_is_claimed_into_a_wallet_and_shown(home: Path, tmp_path: Path) -> None:
    now = datetime.now(UTC)
    issuer = issuer_in(home, form=LineForm(), clock=lambda: datetime.now(UTC))
    issuer.issue(graduate(1))
    Wallet.create(tmp_path / "ada", b"a passphrase", now=now)
    with served(issuer) as (claims, fetcher):
        link = claims.offer(of_diploma("UNI-000001"), issuer, now=now)

        def claimed(wallet: Wallet) -> Held:
            return claim(
                link,
                wallet,
                fetcher,
                lambda data: check(issuer, data, now),
                lambda _: True,
                clock=lambda: now,
            )

        with (
            Wallet(tmp_path / "ada", b"a passphrase") as older,
            pytest.raises(UnsupportedForm, match=MEDIA_TYPE) as left,
        ):
            claimed(older)
        assert left.value.facts["claimed"], "by the same link it can be had later"
        with Wallet(tmp_path / "ada", b"a passphrase", forms=LINES) as wallet:
            held = [claimed(wallet) for _ in range(2)]
            did = wallet.holder_keys()[0].did
            assert {(each.id, each.secured.form, each.bound_to) for each in held} == {
                (held[0].id, MEDIA_TYPE, frozenset({did}))
            }
            asked = {"challenge": "challenge", "domain": "employer.example"}
            shown = wallet.present([held[0].id], now=now, **asked).to_bytes()
    assert issuer.is_bound(issuer.current("UNI-000001"))
    report = check(issuer, shown, now, **asked)
    assert (report.verdict, report.holder) == (Verdict.VALID, did)
    assert not issuer.is_bound(issuer.release("UNI-000001"))
    assert [each.reason for each in issuer.entries()] == ["superseded", "superseded", None]
    require_sound(issuer)


# What cannot be


class Derived(LineForm):
    """As if no log entry could stand for its signature."""

    def read(
        self, content: Carried, forms: Mapping[str, Form], work: Work, asked: Asked | None = None
    ) -> Secured:
        found = super().read(content, forms, work, asked)
        vars(found)["leaves"] = lambda signed, kind, work: ()
        return found


def test_what_no_log_entry_stands_for_is_not_issued(home: Path) -> None:
    issuer = issuer_in(home, form=Derived())
    with pytest.raises(Refused, match="log entries"):
        issuer.issue(graduate(1))
    assert list(issuer.entries()) == []


class AlsoJSON(LineForm):
    """JSON that calls itself a credential, so that it is of the first form, too."""

    def recognises(self, content: Carried) -> bool:
        return not isinstance(content, bytes) and "line" in content

    def sign(self, claims: Mapping[str, Any], signer: Signer, options: Options) -> Any:
        return {**claims, "line": super().sign(claims, signer, options).data.decode()}


def test_what_would_be_of_two_forms_is_not_issued(home: Path) -> None:
    issuer = issuer_in(home, form=AlsoJSON())
    with pytest.raises(UnsupportedForm, match="cannot be both"):
        issuer.issue(graduate(0))
    assert list(issuer.entries()) == []


def test_a_strangers_file_without_an_id_names_nobodys_diploma(issuer: Issuer, home: Path) -> None:
    """Its place in a list is copied; what the folder holds is of a form that is not known here."""
    entry = issuer.issue(graduate(0))
    said = issuer.line(entry).secured.claims.said
    stranger = {name: value for name, value in said.items() if name not in ("id", "proof")}
    for found in (issuer, reopened(home)):
        with pytest.raises(NotFound):
            found.finder.find_credential(stranger)
