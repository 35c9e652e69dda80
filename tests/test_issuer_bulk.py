"""Issuing files: each row once, the same whatever the number of workers and of interruptions."""

from __future__ import annotations

import os
import pickle
import signal
from contextlib import nullcontext
from dataclasses import replace
from datetime import timedelta
from functools import partial
from hashlib import sha256
from multiprocessing import active_children, get_context
from pathlib import Path
from typing import Any

import pytest
import zstandard

from issuer.archive.kept import EditionTaken
from issuer.archive.shards import lines_of, shard_of
from issuer.archive.store import SQLiteIndex
from issuer.issuer import Issuer
from issuer.job import bulk
from issuer.job.attached import Attached
from issuer.job.bulk import Issued
from issuer.job.checking import Survey
from issuer.job.order import Order, Progress
from issuer.problem import DAMAGED_ISSUER_FILE, SHARD_UNLIKE
from issuer.table.source import Source, open_source
from kinds import Template, shipped
from kinds.problem import InvalidTemplate
from ledger.audit import audit
from tests.doubles import at, stops
from tests.problems import raises
from tests.world import NOW, csv_file, graduate, issuer_before, issuer_in, reopened, table, twin, verifier_for
from vc import Verdict
from vc.forms import DataIntegrity
from wire.files import FILES
from wire.problem import Damaged
from wire.workers import WORKER_DIED, available_cores

CHUNK = 4
in_chunks = partial(csv_file, span_rows=CHUNK)
BAD = [4, 14]
GOOD = [row for row in range(1, 24) if row not in BAD]


@pytest.fixture
def source(tmp_path: Path) -> Source:
    rows = [graduate(row, **{"email": "bad"} if row in BAD else {}) for row in range(1, 24)]
    return in_chunks(tmp_path / "g.csv", rows)


@pytest.fixture
def issuer(tmp_path: Path) -> Issuer:
    return issuer_before(tmp_path / "first")


def issue(issuer: Issuer, source: Source, **options: Any) -> Issued:
    return issuer.issue_file(Order(source, source.path.with_name("errors.csv"), **{"workers": 0, **options}))


def everything(issuer: Issuer) -> dict[str, Any]:
    """All that a job leaves behind and that has to be the same again."""
    entries = list(issuer.entries())
    return {
        "entries": entries,
        "credentials": [issuer.line(entry).credential for entry in entries],
        "root": audit(issuer.log).root,
        "shards": {path.name: path.read_bytes() for path in (issuer.home / "shards").rglob("*.zst")},
        "lists": {path.name: path.read_bytes() for path in (issuer.home / "status").iterdir()},
    }


def test_good_rows_are_issued_in_their_order_and_bad_ones_are_not(issuer: Issuer, source: Source) -> None:
    result = issue(issuer, source)
    assert (result.issued, sorted(result.survey.findings), result.survey.good) == (
        21,
        [row + 1 for row in BAD],
        21,
    )
    entries = list(issuer.entries())
    assert [entry.number for entry in entries] == [f"UNI-{row:06}" for row in GOOD]
    assert [entry.seq for entry in entries] == [row - 1 for row in GOOD]
    assert [entry.leaf for entry in entries] == list(range(1, 22))  # the DID document comes first
    assert issuer.store.count() == 21
    assert source.path.with_name("errors.csv").exists()


def test_how_a_file_is_read_makes_another_job(issuer: Issuer, source: Source) -> None:
    def key(**change: Any) -> bytes:
        order, presses = Order(replace(source, **change)), [issuer.press()]
        return bulk._key(order, presses, issuer.form, Survey(), Attached())

    assert len({key(), key(delimiter=";"), key(is_error_file=True), key(date_order="day-first")}) == 4


@pytest.mark.slow
def test_a_row_that_is_good_on_a_later_day_is_issued_then(tmp_path: Path) -> None:
    today = NOW
    issuer = issuer_in(tmp_path / "home", clock=lambda: today)
    rows = [graduate(row, **{"award_date": "2027-07-04"} if row == 2 else {}) for row in (1, 2, 3)]
    source = in_chunks(tmp_path / "g.csv", rows)
    assert (issue(issuer, source).issued, issue(issuer, source).issued) == (2, 0)
    today += timedelta(days=5)
    again = issue(issuer, source)
    assert (again.issued, sorted(again.survey.known)) == (1, [2, 4])
    assert issue(issuer, source).issued == 0
    assert [entry.number for entry in issuer.entries()] == ["UNI-000001", "UNI-000003", "UNI-000002"]


@pytest.mark.slow
def test_every_diploma_of_a_file_verifies(issuer: Issuer, source: Source) -> None:
    issue(issuer, source)
    verifier = verifier_for(issuer)
    for bundle in issuer.bundles(issuer.entries()):
        report = verifier.verify(bundle.to_bytes(), now=issuer._clock())
        assert report.verdict is Verdict.VALID, report.checks


@pytest.mark.slow
@pytest.mark.parametrize("suite", ["eddsa-rdfc-2022", "eddsa-jcs-2022"])
@pytest.mark.parametrize("workers", [1, 2, 5])
def test_nothing_depends_on_the_number_of_workers(
    tmp_path: Path, source: Source, workers: int, suite: str
) -> None:
    issuer = issuer_in(tmp_path / "first", form=DataIntegrity(suite=suite))
    other = twin(issuer, tmp_path / "second" / "home", form=issuer.form)
    assert issue(issuer, source).issued == 21
    assert issue(other, source, workers=workers).issued == 21
    assert everything(other) == everything(issuer)


def test_the_same_file_again_issues_nothing(issuer: Issuer, source: Source) -> None:
    issue(issuer, source)
    before = everything(issuer)
    result = issue(issuer, source)
    assert (result.issued, len(result.survey.known), result.job) == (0, 21, None)
    assert everything(issuer) == before


@pytest.mark.slow
def test_a_file_that_grew_issues_the_new_rows_only(issuer: Issuer, source: Source, tmp_path: Path) -> None:
    issue(issuer, source)
    rows = [graduate(row, gpa="1.0") for row in range(1, 26)]
    result = issue(issuer, in_chunks(tmp_path / "h.csv", rows))
    assert (result.issued, len(result.survey.known)) == (4, 21)
    assert {entry.number for entry in issuer.entries(23)} == {f"UNI-{row:06}" for row in [*BAD, 24, 25]}
    assert issuer.line(issuer.current("UNI-000001")).record["gpa"] == "3.5"


class Interruption(Exception):
    """A stand-in for SIGKILL where a test has to go on."""


@pytest.mark.slow
@pytest.mark.sampled(every=5)
@pytest.mark.parametrize("before", [True, False])
@pytest.mark.parametrize("on_call", [1, 3])
@pytest.mark.parametrize(
    "step",
    [
        "index.begin",
        "index.take",
        "index.begin_chunk",
        "log.append",
        "index.finish_chunk",
        "revocations.publish",
    ],
)
@pytest.mark.parametrize("workers", [0, 2])
def test_an_interrupted_job_ends_as_if_nothing_had_happened(
    issuer: Issuer, source: Source, tmp_path: Path, step: str, on_call: int, before: bool, workers: int
) -> None:
    other = twin(issuer, tmp_path / "second" / "home")
    issue(issuer, source)
    other.log  # noqa: B018 -- its first entry is not what is interrupted here
    if step == "log.append":
        step = "log.record" if before else "log.publish"
    end = stops(Interruption(), on_call=on_call, before=before)
    interrupted = reopened(other.home, **at(other.home, step, end))
    once = step in ("index.begin", "revocations.publish")
    with nullcontext() if once and on_call > 1 else pytest.raises(Interruption):
        issue(interrupted, source, workers=workers)
    again = reopened(other.home, other._clock)
    result = issue(again, source)
    assert result.issued + len(result.survey.known) == 21
    assert everything(again) == everything(issuer)


@pytest.mark.slow
def test_another_file_completes_what_was_interrupted_first(
    issuer: Issuer, source: Source, tmp_path: Path
) -> None:
    end = stops(Interruption(), on_call=5)  # of nothing, the document, then chunk 0, 1, 2
    with pytest.raises(Interruption):
        issue(reopened(issuer.home, **at(issuer.home, "log.publish", end)), source)
    again = reopened(issuer.home, issuer._clock)
    assert again.store.count() == 7
    other = in_chunks(tmp_path / "h.csv", [graduate(row) for row in range(8, 30)])
    result = issue(again, other)
    assert sorted(result.survey.known) == [2, 3, 4, 5, 6]  # of chunk 2: its shard was all that it took
    result = issue(again, source)
    assert result.issued == 0
    numbers = [entry.number for entry in again.entries()]
    assert len(set(numbers)) == len(numbers) == 7 + 4 + 17
    assert audit(again.log).size == 1 + len(numbers) + 1


@pytest.mark.slow
def test_a_single_diploma_completes_what_was_interrupted_first(issuer: Issuer, source: Source) -> None:
    end = stops(Interruption(), on_call=3)
    with pytest.raises(Interruption):
        issue(reopened(issuer.home, **at(issuer.home, "log.publish", end)), source)
    again = reopened(issuer.home, issuer._clock)
    with pytest.raises(EditionTaken):
        again.issue(graduate(1))
    assert again.issue(graduate(7)).number == "UNI-000007"
    assert issue(again, source).issued == 21 - 4


@pytest.mark.slow
def test_a_shard_that_was_not_begun_counts_for_nothing(
    issuer: Issuer, source: Source, tmp_path: Path
) -> None:
    end = stops(Interruption(), on_call=1, before=True)
    with pytest.raises(Interruption):
        issue(reopened(issuer.home, **at(issuer.home, "index.begin_chunk", end)), source, workers=2)
    again = reopened(issuer.home, issuer._clock)
    other = in_chunks(tmp_path / "h.csv", [graduate(row) for row in range(1, 30)])
    assert issue(again, other).issued == 29
    assert issue(again, source).issued == 0
    assert audit(again.log).size == 1 + 29 + 1


@pytest.mark.slow
def test_a_begun_chunk_is_completed_by_the_shard_that_it_names_alone(issuer: Issuer, source: Source) -> None:
    """What lies under its name is held against the digest in it, before anything of it goes into the log."""
    end = stops(Interruption(), on_call=1)
    with pytest.raises(Interruption):
        issue(reopened(issuer.home, **at(issuer.home, "index.begin_chunk", end)), source)
    again = reopened(issuer.home, issuer._clock)
    ((_, begun),) = again.store.begun_chunks()
    path = issuer.home / "shards" / str(begun)
    signed = path.read_bytes()
    assert begun.digest == sha256(signed).digest()
    path.write_bytes(shard_of([*lines_of(signed, "")][1:]))
    with raises(SHARD_UNLIKE):
        issue(again, source)
    assert audit(again.log).size == 1
    path.unlink()
    with raises(DAMAGED_ISSUER_FILE):
        issue(again, source)
    path.write_bytes(signed)
    assert issue(again, source).issued + 3 == 21


def test_a_changed_template_makes_another_job(issuer: Issuer, source: Source) -> None:
    end = stops(Interruption(), on_call=2, before=True)
    with pytest.raises(Interruption):
        issue(reopened(issuer.home, **at(issuer.home, "index.begin_chunk", end)), source)
    template = issuer.home / "template.json"
    template.write_text(template.read_text().replace('"narrative": "', '"narrative": "All of '))
    assert issue(reopened(issuer.home, issuer._clock), source).issued == 18
    narratives = [
        issuer.line(entry).credential["credentialSubject"]["achievement"]["criteria"]["narrative"]
        for entry in issuer.entries()
    ]
    assert [narrative.startswith("All of ") for narrative in narratives] == [False] * 3 + [True] * 18


@pytest.mark.parametrize("workers", [0, pytest.param(2, marks=pytest.mark.slow)])
def test_a_row_whose_number_another_took_meanwhile_is_a_finding(
    issuer: Issuer, source: Source, tmp_path: Path, workers: int
) -> None:
    """It is not logged; once the other has given the number back, the same file issues the row."""
    other = SQLiteIndex(issuer.home / "issuer.sqlite")
    taken = ["UNI-000002", "UNI-000009"]

    def takes(told: Progress) -> None:
        if told == Progress("issuing", 0, 23):
            job = other.begin(b"another", "h.csv", "2026-07-01T12:00:00Z", 2, 1)
            assert other.take(job, 0, "diploma", dict.fromkeys(taken, job.first_seq)) == set()

    result = issue(issuer, source, workers=workers, progress=takes)
    assert (result.issued, result.survey.good) == (19, 19)
    assert sorted(result.survey.findings) == [3, 5, 10, 15]
    assert result.survey.findings[3] == [
        (3, "diploma_number", "is being issued by somebody else, or was meanwhile", "UNI-000002", 0)
    ]
    errors = source.path.with_name("errors.csv").read_text()
    assert all(number in errors for number in taken)
    assert audit(issuer.log).size == 1 + 19 + 1
    again = issue(issuer, source, workers=workers)  # whoever has the lock gives back what nobody is to issue
    assert (again.issued, len(again.survey.known)) == (2, 19)
    assert sorted(entry.number for entry in issuer.entries()) == [f"UNI-{row:06}" for row in GOOD]
    assert issue(issuer, source).issued == 0


@pytest.mark.slow
def test_progress_is_told_in_rows_for_both_stages(issuer: Issuer, source: Source) -> None:
    told: list[Progress] = []
    issue(issuer, source, progress=told.append)
    steps = [0, 4, 8, 12, 16, 20, 23]
    assert told == [Progress(stage, done, 23) for stage in ("checking", "issuing") for done in steps]


@pytest.mark.slow
@pytest.mark.parametrize("workers", [0, 2])
def test_progress_moves_within_a_chunk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, workers: int) -> None:
    monkeypatch.setattr("wire.workers.TOLD", 0.0)  # else every quarter of a second
    issuer = issuer_in(tmp_path / "home")
    source = csv_file(tmp_path / "g.csv", [graduate(row) for row in range(6)])
    assert len(source.spans) == 1
    told: list[Progress] = []
    issue(issuer, source, workers=workers, progress=told.append)
    for stage in ("checking", "issuing"):
        assert [step.done for step in told if step.stage == stage] == [*range(7), 6]


def test_a_template_that_fails_for_a_row_names_it(issuer: Issuer, tmp_path: Path) -> None:
    template = issuer.home / "template.json"
    with_address = template.read_text().replace(
        '"criteria": {', '"criteria": {"id": "https://u.example/{honours}",'
    )
    template.write_text(with_address)
    source = in_chunks(tmp_path / "h.csv", [graduate(1), graduate(2, honours="first class")])
    with pytest.raises(InvalidTemplate, match=r"^with row 3, "):
        issue(issuer, source)
    template.write_text(with_address.replace("/{honours}", "/{gpa}"))
    assert issue(reopened(issuer.home, issuer._clock), source).issued == 2


@pytest.mark.slow
def test_a_killed_worker_loses_nothing(issuer: Issuer, tmp_path: Path) -> None:
    """Of more chunks than one worker may be ahead of the other, so that some are left to be done."""
    source = in_chunks(tmp_path / "h.csv", list(map(graduate, range(1, 81))))

    def kill(told: Progress) -> None:
        if told == Progress("issuing", 8, 80):
            for worker in active_children():
                os.kill(worker.pid or 0, signal.SIGKILL)

    with raises(WORKER_DIED):
        issue(issuer, source, workers=2, progress=kill)
    again = reopened(issuer.home, issuer._clock)
    issue(again, source)
    assert again.store.count() == 80


@pytest.mark.slow
def test_a_file_of_one_chunk_needs_no_processes(issuer: Issuer, tmp_path: Path) -> None:
    for rows, processes in ((range(1, 2), 0), (range(2, 9), available_cores())):
        at_work = set[int]()
        source = in_chunks(tmp_path / f"{rows[0]}.csv", list(map(graduate, rows)))
        issue(issuer, source, workers=None, progress=lambda _: at_work.add(len(active_children())))  # noqa: B023
        assert at_work == {processes}


@pytest.mark.slow
def test_rows_of_one_chunk_that_are_all_bad_leave_no_gap(issuer: Issuer, tmp_path: Path) -> None:
    rows = [graduate(row, **{"email": "x"} if 5 <= row <= 8 else {}) for row in range(1, 13)]
    assert issue(issuer, in_chunks(tmp_path / "h.csv", rows)).issued == 8
    assert issuer.line(issuer.current("UNI-000009")).seq == 8
    assert issue(issuer, open_source(tmp_path / "h.csv", span_rows=CHUNK)).issued == 0


def test_newlines_in_quotation_marks_do_not_shift_rows(issuer: Issuer, tmp_path: Path) -> None:
    path = tmp_path / "h.csv"
    header = [*graduate(0), "remarks"]
    path.write_text(table([graduate(row, remarks="a\nb\r\nc" * (row % 3)) for row in range(1, 20)], header))
    assert issue(issuer, open_source(path, span_rows=CHUNK), workers=2).issued == 19
    assert [issuer.line(entry).record["student_id"] for entry in issuer.entries()] == [
        f"S{row:06}" for row in range(1, 20)
    ]


class Programmes(dict[str, dict[str, Any]]):
    """A catalogue that counts, across processes, how often a row is held against it."""

    asked: Path

    def get(self, code: str, default: Any = None) -> Any:
        with self.asked.open("ab") as file:
            file.write(b".")
        return super().get(code, default)


@pytest.mark.parametrize("workers", [0, pytest.param(2, marks=pytest.mark.slow)])
def test_a_row_is_checked_once_and_the_template_compiled_once(
    issuer: Issuer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, workers: int
) -> None:
    compilations = tmp_path / "compilations"
    real = Template.__init__

    def compiles(template: Template, text: bytes) -> None:
        with compilations.open("ab") as file:
            file.write(b".")
        real(template, text)

    monkeypatch.setattr(Template, "__init__", compiles)
    written = issuer.home / "template.json"
    written.write_text(written.read_text().replace('"narrative": "', f'"narrative": "{workers} workers: '))
    issuer.issue_file(Order(in_chunks(tmp_path / "g.csv", list(map(graduate, range(1, 12))))))
    programmes = Programmes(BSC=dict.fromkeys(shipped().fields, ""))
    programmes.asked = tmp_path / "asked"
    rows = [graduate(row, **{"gpa": "1.0"} if row in (3, 9) else {}) for row in range(1, 24)]
    source = in_chunks(tmp_path / "h.csv", rows)
    result = issue(issuer, source, catalogue=programmes, workers=workers)
    assert (result.issued, len(result.survey.changed)) == (12, 2)
    assert len(programmes.asked.read_bytes()) == 23
    pickle.loads(pickle.dumps(issuer.press()))  # as for a worker that is spawned
    assert len(compilations.read_bytes()) == 1


def spools(issuer: Issuer) -> list[Path]:
    """The folders of checked rows."""
    return list(issuer.home.glob(f".{FILES}.*"))


@pytest.mark.slow
def test_what_a_killed_job_leaves_of_checked_rows_is_sealed_and_goes_with_the_next(
    issuer: Issuer, source: Source
) -> None:
    def dies(told: Progress) -> None:
        if told.stage == "issuing":
            os.kill(os.getpid(), signal.SIGKILL)

    job = get_context("fork").Process(target=issue, args=(issuer, source), kwargs={"progress": dies})
    job.start()
    job.join()
    left = [path for folder in spools(issuer) for path in folder.iterdir()]
    assert (job.exitcode, len(left)) == (-signal.SIGKILL, 18)  # of each span its records, digests and numbers
    for path in left:
        with pytest.raises(zstandard.ZstdError):
            zstandard.decompress(path.read_bytes())
    assert issue(reopened(issuer.home, issuer._clock), source).issued == 21
    assert spools(issuer) == []


def test_a_checked_row_that_is_changed_before_it_is_signed_is_not_signed(
    issuer: Issuer, source: Source
) -> None:
    def changes(told: Progress) -> None:
        if told == Progress("issuing", 0, 23):
            path = spools(issuer)[0] / "000002"
            *before, last = path.read_bytes()
            path.write_bytes(bytes([*before, last ^ 1]))

    with pytest.raises(Damaged, match="000002 was changed"):
        issue(issuer, source, progress=changes)
    assert [entry.number for entry in issuer.entries()] == [f"UNI-{row:06}" for row in GOOD if row <= 8]
    assert issue(issuer, source).issued == 21 - 7


@pytest.mark.slow
def test_workers_that_are_spawned_do_the_same(
    issuer: Issuer, source: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = twin(issuer, tmp_path / "second" / "home")
    issue(issuer, source)
    monkeypatch.setattr("wire.workers._CONTEXT", get_context("spawn"))  # as on macOS
    assert issue(other, source, workers=2).issued == 21
    assert everything(other) == everything(issuer)


def test_what_killed_workers_left_of_people_goes_with_the_next_file(tmp_path: Path) -> None:
    issuer = issuer_in(tmp_path / "home")
    issuer.issue_file(Order(in_chunks(tmp_path / "a.csv", [graduate(1)]), tmp_path / "errors.csv"))
    left = issuer.home / "shards" / "1" / f".000000.jsonl.zst.{'0' * 16}.tmp"
    in_lists = issuer.home / "status" / f".0.{'0' * 16}.tmp"
    for path in (left, in_lists):
        path.write_bytes(b"people")
    issuer.issue_file(Order(in_chunks(tmp_path / "b.csv", [graduate(2)]), tmp_path / "errors.csv"))
    assert not left.exists()
    assert not in_lists.exists()
