"""An issuer whose clock was wrong: it signs nothing until somebody says which time is right, then anew."""

from __future__ import annotations

import json
import shutil
from contextlib import nullcontext, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

from did import Document
from intaglio.tls import server_files
from issuer.archive.store import SQLiteIndex
from issuer.identity import documents, succession
from issuer.identity.clock import ClockJournal
from issuer.identity.home import ISSUER_CLOSED
from issuer.issuer import Issuer
from issuer.job.order import Order
from issuer.keeping import rotation
from issuer.keeping.ahead import accept_clock, dated_ahead, signed_until
from issuer.keeping.closing import close
from ledger.problem import CLOCK_BEHIND
from tests.commandline import Program, typed
from tests.copying import copy_folder
from tests.doubles import at, stops
from tests.problems import is_a, raises
from tests.world import NOW, csv_file, graduate, issuer_in, reopened, table, verifier_for
from vc import Credential, Verdict
from vc.document_chain import PREVIOUS
from vc.status import Reason
from wire.problem import Damaged, Problem
from wire.strict import load_json_object

DAY = timedelta(days=1)


class Killed(Exception):
    """A stand-in for SIGKILL, where a test has to go on."""


class Clock:
    """What somebody sets."""

    now = NOW

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="module")
def in_time(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = issuer_in(tmp_path_factory.mktemp("in-time") / "issuer", clock=Clock())
    for number in (1, 2):
        made.issue(graduate(number))
    made.store.close()
    return made.home


@pytest.fixture
def issuer(in_time: Path, tmp_path: Path, clock: Clock) -> Issuer:
    """Two diplomas, issued in time; then the clock is a day ahead."""
    clock.now = NOW + DAY
    return reopened(copy_folder(in_time, tmp_path / "issuer"), clock)


def again(issuer: Issuer, clock: Clock) -> Issuer:
    """As another process opens it."""
    return reopened(issuer.home, clock)


def start(issuer: Issuer) -> datetime | None:
    """From when the published list is."""
    return Credential.parse(load_json_object((issuer.home / "status" / "0").read_bytes())).valid_from


def verdicts(issuer: Issuer, now: datetime) -> dict[str, Verdict]:
    verifier = verifier_for(issuer)
    entries = [found for found in issuer.entries() if found.reason is None]
    bundles = zip(entries, issuer.bundles(entries), strict=True)
    return {found.number: verifier.verify(bundle.to_bytes(), now=now).verdict for found, bundle in bundles}


def test_nothing_is_journalled_or_numbered_by_a_clock_that_went_back(issuer: Issuer, clock: Clock) -> None:
    issuer.issue(graduate(3))
    clock.now = NOW
    entries, known = list(issuer.entries()), issuer.store.logged.known()
    source = csv_file(issuer.home / "more.csv", [graduate(4)])
    for refused in (
        lambda: issuer.issue(graduate(4)),
        lambda: issuer.issue_file(Order(source, issuer.home / "errors.csv")),
        lambda: issuer.correct("UNI-000001", {"gpa": "4.0"}),
        lambda: issuer.claim("UNI-000001", "did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK"),
        lambda: issuer.revoke(["UNI-000001"], Reason.FRAUD, date=NOW, now=NOW),
        lambda: list(issuer.bundles(entries)),
        issuer.require_clock,
    ):
        with pytest.raises(Problem, match="2026-07-01 12:00:00Z, and the newest checkpoint is of 2026-07-02"):
            refused()
    assert (list(issuer.entries()), issuer.store.logged.known()) == (entries, known)
    assert not issuer.store.begun_singles()
    assert not issuer.store.begun_chunks()
    clock.now = NOW + DAY
    assert issuer.lists.publish(now=clock.now) == []  # no revocation was journalled
    assert issuer.issue(graduate(4)).seq == entries[-1].seq + 1  # nor a number taken


def test_what_was_begun_ahead_is_finished_and_every_list_signed_anew_once(
    issuer: Issuer, clock: Clock
) -> None:
    """Killed after it was written down that the clock is right: any other command goes on from there."""
    issuer.issue(graduate(3))
    issuer.revoke(["UNI-000002"], Reason.FRAUD, date=NOW, now=clock.now)
    clock.now = NOW
    ahead = signed_until(issuer)
    assert ahead is not None
    assert ahead == start(issuer) == NOW + DAY
    ClockJournal(issuer.home).add(clock=NOW, ahead=ahead, checkpoint=issuer.reader.checkpoint())
    made = again(issuer, clock)
    made.issue(graduate(4))
    assert (made.reader.time(), start(made), signed_until(made)) == (NOW, NOW, NOW)
    assert made.lists.publish(now=NOW) == []
    found = verdicts(made, NOW)
    assert found.pop("UNI-000003") is Verdict.UNDETERMINED
    assert found == dict.fromkeys(["UNI-000001", "UNI-000004"], Verdict.VALID)
    assert [entry.number for entry in dated_ahead(made, NOW)] == ["UNI-000003"]
    clock.now = NOW - DAY
    with pytest.raises(Problem, match="newest checkpoint"):  # what was said held for that once
        made.issue(graduate(5))


def test_nothing_was_revoked_later_than_now(issuer: Issuer, clock: Clock) -> None:
    early = NOW - DAY
    issuer.revoke(["UNI-000001"], Reason.FRAUD, date=early, now=clock.now)
    issuer.revoke(["UNI-000002"], Reason.FRAUD, date=clock.now, now=clock.now)
    clock.now = NOW
    accept_clock(issuer, NOW)
    dates = {entry.number: entry.date for entry in issuer.entries()}
    assert dates == {"UNI-000001": "2026-06-30T12:00:00Z", "UNI-000002": "2026-07-01T12:00:00Z"}
    pages = map(
        load_json_object, (path.read_bytes() for path in (issuer.home / "status").glob("0-details-*"))
    )
    lines = [line for page in pages for line in page["credentialSubject"]["revocations"]]
    assert {date for _, date, _ in lines} == set(dates.values())


def test_a_service_that_runs_on_learns_of_it(issuer: Issuer, clock: Clock) -> None:
    issuer.issue(graduate(3))
    clock.now = NOW
    with pytest.raises(Problem, match="newest checkpoint"):
        issuer.issue(graduate(4))
    accept_clock(again(issuer, clock), NOW)
    assert issuer.issue(graduate(4)).number == "UNI-000004"
    assert verdicts(issuer, NOW)["UNI-000004"] is Verdict.VALID


def test_a_list_alone_that_is_dated_ahead_is_signed_anew_too(issuer: Issuer, clock: Clock) -> None:
    """The clock was put right between the signing of a list and that of the checkpoint."""
    clock.now = NOW
    issuer.revoke(["UNI-000002"], Reason.FRAUD, date=NOW, now=NOW + DAY)
    assert (issuer.reader.time(), start(issuer)) == (NOW, NOW + DAY)
    accept_clock(issuer, NOW)
    assert signed_until(issuer) == NOW
    size = issuer.reader.checkpoint().size
    accept_clock(issuer, NOW)  # with nothing ahead it does nothing
    assert (issuer.reader.checkpoint().size, len(ClockJournal(issuer.home).read())) == (size, 1)


def test_the_rest_of_a_file_is_dated_rightly(issuer: Issuer, clock: Clock) -> None:
    """Killed between two chunks, the clock then put right, and the same file given again."""
    rows = [graduate(number) for number in range(10, 16)]
    end = stops(KeyboardInterrupt(), on_call=2)
    stopped = reopened(issuer.home, clock, **at(issuer.home, "index.finish_chunk", end))
    with pytest.raises(KeyboardInterrupt):
        stopped.issue_file(
            Order(csv_file(issuer.home / "rows.csv", rows, 2), issuer.home / "errors.csv", workers=0)
        )
    clock.now = NOW
    made = again(issuer, clock)
    accept_clock(made, NOW)
    source = csv_file(issuer.home / "rows.csv", rows, 2)
    assert made.issue_file(Order(source, issuer.home / "errors.csv", workers=0)).issued == 2
    ahead = [f"UNI-{number:06}" for number in range(10, 14)]
    assert [entry.number for entry in dated_ahead(made, NOW)] == ahead
    found = verdicts(made, NOW)
    assert {number for number, verdict in found.items() if verdict is Verdict.UNDETERMINED} == set(ahead)
    assert set(found.values()) == {Verdict.UNDETERMINED, Verdict.VALID}


@pytest.mark.slow
def test_those_dated_ahead_are_found_however_many_there_are(issuer: Issuer, clock: Clock) -> None:
    issuer.store = SQLiteIndex(issuer.home / "issuer.sqlite", page=2)
    for number in range(3, 8):
        issuer.issue(graduate(number))
    corrected = issuer.correct("UNI-000003", {"gpa": "4.0"})
    issuer.revoke(["UNI-000004"], Reason.FRAUD, date=NOW, now=clock.now)
    clock.now = NOW
    accept_clock(issuer, NOW)
    ahead = list(dated_ahead(issuer, NOW))
    assert sorted(entry.number for entry in ahead) == [f"UNI-{number:06}" for number in (3, 5, 6, 7)]
    assert corrected in ahead  # not the edition before it
    for entry in ahead:
        assert issuer.correct(entry.number, {}).edition == entry.edition + 1
    assert list(dated_ahead(issuer, NOW)) == []
    assert set(verdicts(issuer, NOW).values()) == {Verdict.VALID}


def test_who_closed_ahead_of_time_closes_again_once_no_list_is_dated_later(
    issuer: Issuer, clock: Clock
) -> None:
    """Else a list from before a revocation, dated as late as the closing, would have no end."""
    closed = close(issuer)
    assert closed > NOW + DAY
    clock.now = NOW
    made = again(issuer, clock)
    accept_clock(made, NOW)
    assert set(verdicts(made, NOW).values()) == {Verdict.VALID}
    made.revoke(["UNI-000001"], Reason.FRAUD, date=NOW, now=NOW)
    for clock.now in (NOW, closed):
        with pytest.raises(Problem, match="a clock that was ahead signed status lists"):
            close(made)
    clock.now = closed + timedelta(seconds=1)
    assert close(made) > closed


# Keys that ended ahead of time

YEAR = timedelta(days=365)


@pytest.fixture
def rotated(tmp_path: Path, clock: Clock) -> Issuer:
    """A diploma issued in time and one issued by a clock a year ahead, which then ended the keys."""
    made = issuer_in(tmp_path / "issuer", url="https://university.example", clock=clock)
    made.issue(graduate(1))
    clock.now = NOW + YEAR
    made.issue(graduate(2))
    rotation.rotate(made)
    clock.now = NOW + DAY
    return again(made, clock)


def ends(issuer: Issuer) -> set[datetime]:
    """When keys end, by the document alone."""
    document = Document.parse(documents.newest(issuer.home), issuer.did)
    return {method.expires for method in document.methods("assertionMethod") if method.expires}


def test_a_key_that_ended_ahead_of_time_ends_now(rotated: Issuer, clock: Clock) -> None:
    before = documents.newest(rotated.home)
    assert ends(rotated) == {NOW + YEAR}
    accept_clock(rotated, clock.now)
    assert ends(rotated) == {clock.now}
    after, versions = documents.newest(rotated.home), documents.versions(rotated.home)
    assert [*versions.values()][-2:] == [before, after]
    assert documents.newest_place(rotated.home, rotated.log) == max(versions)
    same = [[{**method, "expires": ""} for method in each["verificationMethod"]] for each in (before, after)]
    assert same[0] == same[1]
    own = {"verificationMethod": [], "proof": {}, PREVIOUS: ""}
    assert {**before, **own} == {**after, **own}
    accept_clock(rotated, clock.now)
    assert documents.versions(rotated.home) == versions


@pytest.mark.slow
def test_what_the_former_keys_signed_stays_provable(rotated: Issuer, clock: Clock) -> None:
    accept_clock(rotated, clock.now)
    rotated.issue(graduate(3))
    found = verdicts(rotated, clock.now)
    assert found == {
        "UNI-000001": Verdict.VALID,
        "UNI-000002": Verdict.UNDETERMINED,  # dated ahead
        "UNI-000003": Verdict.VALID,
    }
    clock.now = NOW + YEAR + DAY
    assert set(verdicts(again(rotated, clock), clock.now).values()) == {Verdict.VALID}


def test_by_a_clock_that_fell_back_no_end_is_changed(rotated: Issuer, clock: Clock) -> None:
    """The end is right, and the clock wrong: an earlier end would cost what the key signed meanwhile."""
    clock.now = NOW + YEAR + DAY
    document = documents.newest(rotated.home)
    clock.now = NOW
    with raises(CLOCK_BEHIND):
        again(rotated, clock).issue(graduate(4))
    assert documents.newest(rotated.home) == document
    assert not (rotated.home / succession.JOURNAL).exists()
    clock.now = NOW + YEAR + DAY
    again(rotated, clock).issue(graduate(4))
    assert documents.newest(rotated.home) == document


@pytest.mark.slow
def test_where_the_clock_was_accepted_before_keys_were_looked_at_the_next_command_ends_them(
    rotated: Issuer, clock: Clock
) -> None:
    """As the releases until 81e9505 left it: all is dated rightly but the document."""
    ahead = signed_until(rotated)
    assert ahead is not None
    ClockJournal(rotated.home).add(clock=clock.now, ahead=ahead, checkpoint=rotated.reader.checkpoint())
    rotated.issue(graduate(3))
    assert ends(rotated) == {clock.now}
    assert verdicts(rotated, clock.now)["UNI-000003"] is Verdict.VALID


@pytest.mark.slow
def test_a_rotation_that_was_interrupted_under_the_wrong_clock_is_finished_and_mended(
    rotated: Issuer, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock.now = NOW + 2 * YEAR
    made = again(rotated, clock)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", killed_once_it_is_journalled)
        with pytest.raises(Killed):
            rotation.rotate(made)
    clock.now = NOW + YEAR + DAY
    made = again(rotated, clock)
    accept_clock(made, clock.now)
    assert ends(made) == {NOW + YEAR, clock.now}
    assert set(verdicts(made, clock.now).values()) == {Verdict.VALID}


def killed_once_it_is_journalled(path: Path, target: Path) -> None:
    """In the place of `Path.replace`."""
    path.rename(target)
    if target.name == succession.JOURNAL:
        raise Killed


def test_who_says_that_keys_are_compromised_does_not_mean_those_that_are_mended(
    rotated: Issuer, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", killed_once_it_is_journalled)
        with pytest.raises(Killed):
            accept_clock(rotated, clock.now)
    made = again(rotated, clock)
    signing = made.public_keys["assertion"].multikey()
    assert signing in rotation.rotate(made, compromised=True).ended
    assert ends(made) == {clock.now}, "those that ended before are in the document still"


CORRECTION = {"clock": "", "ahead": "2026-07-02T12:00:00Z", "checkpoint": "", "entries": 9}


@pytest.mark.slow
@pytest.mark.parametrize(
    "content",
    [
        [],
        {},
        {"version": 2, "corrections": []},
        {"version": 1, "corrections": [{"clock": ""}]},
        {"version": 1, "corrections": [{**CORRECTION, "ahead": "tomorrow"}]},
        {"version": 1, "corrections": [{**CORRECTION, "entries": "9"}]},
    ],
)
def test_a_journal_that_cannot_be_read_is_named(content: object, issuer: Issuer) -> None:
    (issuer.home / "clock.json").write_text(json.dumps(content))
    with pytest.raises(Damaged, match=r"clock\.json cannot be read"):
        issuer.issue(graduate(3))


def test_a_certificate_that_is_dated_ahead_is_made_anew(tmp_path: Path) -> None:
    """Wallets would not take it until then, and it would be kept for a year."""
    ahead = server_files(tmp_path / "tls", [], now=NOW + DAY).chain.read_bytes()
    assert server_files(tmp_path / "tls", [], now=NOW + DAY - timedelta(hours=1)).chain.read_bytes() == ahead
    for _ in range(2):
        made = server_files(tmp_path / "tls", [], now=NOW).chain.read_bytes()
        assert x509.load_pem_x509_certificate(made).not_valid_before_utc <= NOW
    assert server_files(tmp_path / "tls", [], now=NOW).chain.read_bytes() == made


@pytest.mark.slow
@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("did", ["key", "web"])
def test_killed_at_any_file_that_it_writes_the_next_command_goes_on(
    did: str, after: bool, clock: Clock, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    issuer: Issuer = request.getfixturevalue("issuer" if did == "key" else "rotated")
    clock.now = NOW + YEAR + DAY
    issuer.issue(graduate(3))
    close(issuer)
    clock.now = NOW + DAY
    replace, written = Path.replace, 0

    def killing(path: Path, target: Path) -> Path:
        nonlocal written
        written += 1
        if written == killed_at and not after:
            raise Killed
        replaced = replace(path, target)
        if written == killed_at:
            raise Killed
        return replaced

    for killed_at in range(1, 99):
        home = tmp_path / str(killed_at) / "issuer"
        copy_folder(issuer.home, home)
        shutil.copy(tmp_path / "issuer.checkpoint", home.with_name("issuer.checkpoint"))
        written, finished = 0, False
        with pytest.MonkeyPatch.context() as patch, suppress(Killed):
            patch.setattr(Path, "replace", killing)
            accept_clock(reopened(home, clock), clock.now)
            finished = True
        made = reopened(home, clock)
        try:
            made.issue(graduate(4))
        except Problem as problem:
            if finished or not is_a(problem, (CLOCK_BEHIND, ISSUER_CLOSED)):
                raise
            # the question is asked once more
            accept_clock(made, clock.now)
            made.issue(graduate(4))
        assert signed_until(made) == clock.now
        assert ends(made) == (set() if did == "key" else {clock.now})
        found = verdicts(made, clock.now)
        assert found.pop("UNI-000003") is Verdict.UNDETERMINED
        assert found.pop("UNI-000002") is (Verdict.VALID if did == "key" else Verdict.UNDETERMINED)
        assert set(found.values()) == {Verdict.VALID}
        if finished:
            break
    assert killed_at > 5


@pytest.mark.slow
@pytest.mark.parametrize(
    ("part", "refused"),
    [
        ("issuer.sqlite", True),
        ("log", True),
        ("status", False),  # made again, from what the index holds
        ("clock.json", False),  # says nothing that is not done by then
        ("../issuer.checkpoint", False),  # kept for the log's size, of which the newer one is the longer
    ],
)
def test_a_part_from_before_that_is_put_back_alone_brings_no_wrong_date_back(
    part: str, refused: bool, issuer: Issuer, clock: Clock, tmp_path: Path
) -> None:
    issuer.revoke(["UNI-000002"], Reason.FRAUD, date=NOW, now=clock.now)
    issuer.store.close()
    clock.now = NOW
    copy_folder(issuer.home, tmp_path / "old" / "issuer")
    shutil.copy(tmp_path / "issuer.checkpoint", tmp_path / "old")
    accept_clock(issuer, NOW)
    issuer.store.close()
    there, old = issuer.home / part, tmp_path / "old" / "issuer" / part
    if there.is_dir():
        shutil.rmtree(there)
        copy_folder(old, there)
    else:
        there.unlink()
        if old.exists():
            shutil.copy(old, there)
    with pytest.raises(Damaged) if refused else nullcontext():
        made = again(issuer, clock)
        made.issue(graduate(4))
        assert set(verdicts(made, NOW).values()) == {Verdict.VALID}
        assert signed_until(made) == NOW


# On the command line


@pytest.fixture
def wrong(program: Program) -> Program:
    """An issuer that signed a day ahead of the clock of this machine."""
    made = issuer_in(program.home / "issuer", clock=lambda: datetime.now(UTC) + DAY)
    made.issue(graduate(1))
    return program


@pytest.mark.slow
def test_a_person_is_asked_and_told(wrong: Program) -> None:
    home, words = wrong.home, ["issuer", "clock", "accept"]
    before = (home / "issuer" / "log" / "checkpoint").read_bytes()
    answer = wrong("doctor")
    assert answer.code == 1
    assert answer.out.count("ahead of the clock here") == 2  # of checkpoint and list
    assert "intaglio issuer clock accept" in answer.out
    _, said = typed(home, words, [(b"[y/N]", b"n")], code=5)
    assert "nothing was signed" in said
    assert (home / "issuer" / "log" / "checkpoint").read_bytes() == before
    assert not (home / "issuer" / "clock.json").exists()
    out, said = typed(home, words, [(f"{datetime.now(UTC) + DAY:%Y-%m-%d}".encode(), b"y")])
    assert out == "intaglio issuer correct UNI-000001\n"
    assert "1 diploma dated ahead" in said
    assert "stay open until their date" in said
    assert len(ClockJournal(home / "issuer").read()) == 1
    answer = wrong("issuer", "correct", "UNI-000001", "--out", home / "out")
    assert answer.code == 0
    assert wrong("doctor").code == 0
    assert (
        wrong("verify", home / "out" / "UNI-000001.2.json", "--offline").code == 3
    )  # nobody was told of it yet


def test_neither_links_nor_the_service_are_made_by_a_clock_that_went_back(wrong: Program) -> None:
    for words in (["claim", "UNI-000001"], ["serve", "--port", "0"]):
        answer = wrong("issuer", *words)
        assert (answer.code, answer.out) == (1, "")
        assert "The clock here has gone back" in answer.err


def test_who_closed_ahead_of_time_is_told(wrong: Program) -> None:
    close(reopened(wrong.home / "issuer", lambda: datetime.now(UTC) + DAY))
    answer = wrong("issuer", "clock", "accept")
    assert (answer.code, answer.out) == (0, "intaglio issuer correct UNI-000001\n")
    assert "Invented University is open again" in answer.err
    assert wrong("issuer", "correct", "UNI-000001", "--out", wrong.home / "out").code == 0
    answer = wrong("issuer", "close", "--yes")
    assert answer.code == 1
    assert "Close after that" in answer.err


def test_a_correction_that_changes_nothing_is_asked_what_it_is_for(program: Program) -> None:
    issuer_in(program.home / "issuer", clock=lambda: datetime.now(UTC)).issue(graduate(1))
    answer = program("issuer", "correct", "UNI-000001")
    assert (answer.code, answer.out) == (2, "")
    assert "--set FIELD=VALUE" in answer.err


def test_before_1970_no_issuer_begins_and_no_clock_is_right(program: Program, tmp_path: Path) -> None:
    file = tmp_path / "graduates.csv"
    file.write_text(table([graduate(1, birth_date="1940-01-01", award_date="1969-06-30")]), encoding="utf-8")
    words = ("issuer", "issue", file, "--name", "Invented University", "--out", tmp_path / "out")
    right, program.now = program.now, lambda: datetime(1969, 12, 31, 23, 59, tzinfo=UTC)
    answer = program(*words)
    assert answer.code == 1
    assert "1969-12-31 23:59:00Z, and nothing can be signed before 1970" in answer.err
    program.now = right
    assert program(*words).code == 0
    assert program("verify", tmp_path / "out" / "UNI-000001.json", "--offline").code == 0
    program.now = lambda: datetime(1969, 12, 31, 23, 59, tzinfo=UTC)
    answer = program("issuer", "clock", "accept")
    assert answer.code == 1
    assert "before 1970" in answer.err
    program.now = right
    assert not (program.home / "issuer" / "clock.json").exists()
    shutil.rmtree(tmp_path / "out")
    assert program("issuer", "export", "--out", tmp_path / "out").code == 0
