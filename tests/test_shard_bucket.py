"""Shards in a bucket, beyond the contract: what is refused, what goes wrong, and an issuer's life over it.

Each is asked of a twin in this process; what a real store answers in its own words, of SeaweedFS as well.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import pytest

from issuer import Description
from issuer.archive.kept import Job, ShardName
from issuer.archive.shard_bucket import ShardBucket
from issuer.archive.shard_stores import shards_in
from issuer.archive.shards import Shard, lines_of, read_shard, shard_of
from issuer.issuer import Issuer
from issuer.job.order import Order
from issuer.keeping.health import examine_issuer
from issuer.keeping.sweeping import sweep
from issuer.problem import SHARD_LOST, SHARD_TAKEN, SHARD_UNLIKE, SHARDS_OF_ANOTHER, SHARDS_VERSIONED
from ledger.audit import audit
from ledger.tiles.s3 import bucket
from tests import s3_server
from tests.commandline import Program, verdict
from tests.doubles import at, stops
from tests.fault.issuing import require_once
from tests.problems import raises
from tests.s3_line import Answer, Cut, Request
from tests.s3_twin import Twin
from tests.world import NOW, csv_file, graduate, reopened
from wire.consent import MARK, NotAgreed, digest_of
from wire.problem import Damaged, ExtraMissing, Problem, Refused, TryLater, Unavailable

DID = "did:example:university"
ADDRESS = f"s3://{s3_server.BUCKET}/shards"
JOB = Job(1, b"", "g.csv", "2026-11-01T00:00:00Z", 0, 200, 4)
LINES = [b'{"number": %d}' % number for number in range(200)]
DATA = shard_of(LINES)
NAME = ShardName.of(JOB, 0, DATA)
in_chunks = partial(csv_file, span_rows=4)


@pytest.fixture
def twin() -> Iterator[Twin]:
    """A store of one's own, to which all that is opened goes."""
    twin = Twin()
    with twin.reached():
        yield twin
    twin.close()


@pytest.fixture
def store(twin: Twin) -> ShardBucket:
    return ShardBucket(ADDRESS, DID, is_new=True)


class TestAPlace:
    def test_it_is_one_issuer_s(self, store: ShardBucket) -> None:
        """Two would number their jobs alike, and take each other's shards for strays."""
        with raises(SHARDS_OF_ANOTHER):
            ShardBucket(ADDRESS, "did:example:other", is_new=True)
        other = ShardBucket(ADDRESS, "did:example:other")
        for act in (other.examine, partial(other.write, NAME, DATA)):
            with raises(SHARDS_OF_ANOTHER):
                act()
        store.write(NAME, DATA)

    def test_one_of_which_nothing_says_whose_it_is_is_not_written_to(self, twin: Twin) -> None:
        """As an empty bucket of the same name, or a prefix with a letter too many."""
        store = ShardBucket(ADDRESS, DID)
        for act in (store.examine, partial(store.write, NAME, DATA)):
            with raises(SHARD_LOST, match=f"{ADDRESS}/issuer is gone"):
                act()
        assert twin.objects == {}

    def test_one_that_keeps_versions_is_refused(self, twin: Twin) -> None:
        twin.keeps_versions = True
        with raises(SHARDS_VERSIONED):
            ShardBucket(ADDRESS, DID, is_new=True)
        with raises(SHARDS_VERSIONED):
            ShardBucket(ADDRESS, DID).write(NAME, DATA)
        assert list(twin.objects) == ["shards/issuer"]

    def test_one_in_which_versions_are_turned_on_meanwhile_is_refused(
        self, twin: Twin, store: ShardBucket
    ) -> None:
        store.write(NAME, DATA)
        twin.keeps_versions = True
        with raises(SHARDS_VERSIONED):
            store.write(ShardName.of(JOB, 1, DATA), DATA)
        with raises(SHARDS_VERSIONED):
            ShardBucket(ADDRESS, DID).examine()

    @pytest.mark.slow
    @s3_server.needed
    def test_a_real_one_that_keeps_versions(self) -> None:
        s3_server.server()
        with pytest.MonkeyPatch.context() as patch:
            for name, value in s3_server.environment(s3_server.server().endpoint, "owner").items():
                patch.setenv(name, value)
            with raises(SHARDS_VERSIONED):
                ShardBucket(f"s3://{s3_server.LOCKED}/shards", DID, is_new=True)

    @pytest.mark.parametrize(
        "address", ["s3://clerk:secret@diplomas/x", "s3://", "s3://Diplomas", "ftp://x/y"]
    )
    def test_what_is_no_address_is_refused_and_not_shown(self, address: str, tmp_path: Path) -> None:
        with pytest.raises(Refused) as caught:
            shards_in(tmp_path, address, DID)
        assert "secret" not in str(caught.value) + repr(caught.value.facts)

    @pytest.mark.slow
    def test_without_the_extra_that_is_said(self) -> None:
        program = (
            "import sys; sys.modules['obstore'] = None\n"
            "from pathlib import Path\n"
            "from issuer.archive.shard_stores import shards_in\n"
            "from wire.problem import Refused\n"
            "try: shards_in(Path('x'), 's3://diplomas/shards', 'did:example:u')\n"
            "except Refused as problem: print(problem.detail)\n"
        )
        said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
        assert said.stdout == "an archive in S3 needs obstore, which is not installed\n"
        assert issubclass(ExtraMissing, Refused)


class TestTheStore:
    def test_a_shard_that_is_lost(self, twin: Twin, store: ShardBucket) -> None:
        store.write(NAME, DATA)
        del twin.objects[f"shards/{NAME}"]
        for read in (lambda: Shard(store, NAME), lambda: read_shard(store, NAME)):
            with raises(SHARD_LOST, match=str(NAME)):
                read()

    def test_another_s_under_the_name(self, twin: Twin, store: ShardBucket) -> None:
        twin.objects[f"shards/{NAME}"] = shard_of(LINES[1:])
        with raises(SHARD_UNLIKE):
            read_shard(store, NAME)
        with raises(SHARD_TAKEN):
            store.write(NAME, DATA)
        assert twin.objects[f"shards/{NAME}"] == shard_of(LINES[1:])

    @pytest.mark.parametrize("content", [b"", DATA[:5], DATA[:-1], DATA + DATA[:3], bytes(9000)])
    def test_one_that_is_cut_short_or_longer(self, twin: Twin, store: ShardBucket, content: bytes) -> None:
        twin.objects[f"shards/{NAME}"] = content
        with pytest.raises(Damaged):
            Shard(store, NAME).line(0)
        with raises(SHARD_UNLIKE):
            read_shard(store, NAME)

    @pytest.mark.quick(every=4)
    @pytest.mark.parametrize(
        "passing",
        [Answer(503, b"<Error><Code>SlowDown</Code></Error>"), Answer(500), Cut.BEFORE, Cut.AFTER],
        ids=str,
    )
    @pytest.mark.parametrize("method", ["PUT", "GET"])
    def test_what_passes_is_tried_again(
        self, twin: Twin, store: ShardBucket, passing: Answer | Cut, method: str
    ) -> None:
        """`AFTER` is an answer that was lost: the shard is there, and is ours."""
        failures = [passing]

        def judge(request: Request) -> Answer | Cut | None:
            is_hit = request.method == method and NAME.digest and "jsonl" in request.path
            return failures.pop() if is_hit and failures else None

        twin.judge = judge
        store.write(NAME, DATA)
        assert Shard(store, NAME).line(150) == LINES[150]
        assert not failures

    @pytest.mark.parametrize(("status", "kind"), [(503, TryLater), (500, Unavailable)])
    def test_what_does_not_pass_is_told(
        self,
        twin: Twin,
        store: ShardBucket,
        status: int,
        kind: type[Problem],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(bucket, "_PATIENCE", 0.2)
        store.write(NAME, DATA)
        twin.judge = lambda _: Answer(status)
        for act in (lambda: Shard(store, NAME), lambda: store.write(NAME, DATA), lambda: store.names()):
            with pytest.raises(kind):
                act()

    def test_a_machine_needs_no_right_to_remove(self, twin: Twin, store: ShardBucket) -> None:
        """The key of these tests has none; one that only reads cannot write."""
        store.write(NAME, DATA)
        with twin.reached("reader"):
            reading = ShardBucket(ADDRESS, DID)
            assert list(lines_of(read_shard(reading, NAME), "")) == LINES
            with pytest.raises(Refused, match="does not let this key do that"):
                reading.write(ShardName.of(JOB, 1, DATA), DATA)

    def test_names_that_are_no_shard_s_are_passed_over(self, twin: Twin, store: ShardBucket) -> None:
        store.write(NAME, DATA)
        for other in ("readme", "1/x", "1/000000.jsonl.zst.bak", "x/1/000000.jsonl.zst"):
            twin.objects[f"shards/{other}"] = b"x"
        twin.objects["shardsx/1/000000.jsonl.zst"] = b"x"
        assert list(store.names()) == [NAME]


# An issuer


def made(home: Path) -> Issuer:
    described = Description("Example University", shards=ADDRESS)
    return Issuer.create(home, described, lambda: None, lambda: NOW)


def issue(issuer: Issuer, rows: range, workers: int = 0) -> int:
    source = in_chunks(issuer.home.with_name("g.csv"), [graduate(row) for row in rows])
    errors = issuer.home.with_name("errors.csv")
    return issuer.issue_file(Order(source, errors, workers=workers)).issued


@pytest.fixture
def issuer(twin: Twin, tmp_path: Path) -> Issuer:
    return made(tmp_path / "home")


@pytest.mark.slow
@pytest.mark.parametrize("workers", [0, 2])
def test_a_file_is_issued_into_it_and_read_from_it(issuer: Issuer, twin: Twin, workers: int) -> None:
    asked = Counter[str]()
    twin.judge = lambda request: asked.update([request.method])
    assert issue(issuer, range(1, 20), workers) == 19
    assert issue(issuer, range(1, 24), workers) == 4
    assert sum("jsonl" in name for name in twin.objects) == 5 + 6, (
        "of each chunk, also of one without good rows"
    )
    assert not (issuer.home / "shards").exists()
    assert {issuer.line(entry).record["diploma_number"] for entry in issuer.entries()} == {
        graduate(row)["diploma_number"] for row in range(1, 24)
    }
    assert not asked.keys() - {"GET", "PUT", "HEAD"}
    require_once(issuer)
    assert (issuer.archive.missing(), issuer.archive.strays()) == ([], [])


@pytest.mark.slow
def test_one_credential_takes_two_reads(issuer: Issuer, twin: Twin) -> None:
    issue(issuer, range(1, 5))
    asked: list[str] = []
    twin.judge = lambda request: asked.append(request.headers.get("range", request.method))
    again = reopened(issuer.home)
    assert again.line(again.current("UNI-000003")).record["diploma_number"] == "UNI-000003"
    assert len(asked) == 2
    assert all(each.startswith("bytes=") for each in asked)


@pytest.mark.quick("False-index.finish_chunk")
@pytest.mark.parametrize("step", ["index.begin_chunk", "index.finish_chunk", "log.publish"])
@pytest.mark.parametrize("before", [pytest.param(True, marks=pytest.mark.slow), False])
def test_an_interrupted_job_goes_on(issuer: Issuer, step: str, before: bool) -> None:
    issuer.log  # noqa: B018 -- its first entry is not what is interrupted here
    end = stops(KeyboardInterrupt(), on_call=2, before=before)
    with pytest.raises(KeyboardInterrupt):
        issue(reopened(issuer.home, **at(issuer.home, step, end)), range(1, 20))
    again = reopened(issuer.home)
    issue(again, range(1, 20))
    assert again.store.count() == 19
    require_once(again)
    assert again.archive.strays() == [], "the same rows make the same shard"


@pytest.mark.slow
def test_a_store_that_fails_in_the_middle_costs_nothing(
    issuer: Issuer, twin: Twin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bucket, "_PATIENCE", 0.2)
    shards = Counter[str]()

    def judge(request: Request) -> Answer | None:
        if request.method == "PUT" and "jsonl" in request.path:
            shards[request.path] += 1
        return Answer(503) if len(shards) > 2 else None

    twin.judge = judge
    with pytest.raises(TryLater):
        issue(issuer, range(1, 20))
    assert issuer.store.count() == 8
    assert issuer.store.begun_chunks() == []
    twin.judge = lambda _: None
    assert issue(issuer, range(1, 20)) == 11
    require_once(issuer)
    assert audit(issuer.log).size == issuer.log.checkpoint().size


def test_what_nothing_names_is_counted_and_what_is_gone_is_named(issuer: Issuer, twin: Twin) -> None:
    issue(issuer, range(1, 10))
    stray = ShardName.of(JOB._replace(id=7), 3, DATA)
    twin.objects[f"shards/{stray}"] = DATA
    found = {finding.code: finding for finding in examine_issuer(issuer.home, NOW)}
    assert found["issuer-shards-stray"].facts == {"shards": 1, "first": f"{ADDRESS}/{stray}"}
    (gone, *_) = [name for name in twin.objects if "1/000001" in name]
    del twin.objects[gone]
    found = {finding.code: finding for finding in examine_issuer(issuer.home, NOW)}
    assert found["issuer-shards-gone"].facts == {"shards": 1, "first": f"s3://diplomas/{gone}"}


@pytest.fixture
def swept_from(issuer: Issuer, twin: Twin) -> Issuer:
    """An issuer with strays: of a job that ended, of one that was killed, and of one that is unknown here."""
    issue(issuer, range(1, 6))
    end = stops(KeyboardInterrupt(), on_call=2, before=True)
    with pytest.raises(KeyboardInterrupt):
        issue(reopened(issuer.home, **at(issuer.home, "index.begin_chunk", end)), range(6, 15))
    ended, unfinished = issuer.store.jobs()
    for job, number in ((ended, 1), (unfinished, 2), (unfinished._replace(id=9), 0)):
        twin.objects[f"shards/{ShardName.of(job, number, DATA)}"] = DATA
    return issuer


def test_strays_of_ended_jobs_go_by_a_key_that_may(swept_from: Issuer, twin: Twin) -> None:
    heard: list[Sequence[ShardName]] = []
    with pytest.raises(Refused, match="does not let this key do that"):
        sweep(swept_from, heard.append)  # a machine's key
    before = dict(twin.objects)
    with twin.reached("owner"):
        removed, left = sweep(reopened(swept_from.home), heard.append)
    (gone,) = removed
    assert (gone.job, gone.number, left) == (1, 1, 3)
    assert heard == [[gone], [gone]]
    assert {**twin.objects, f"shards/{gone}": DATA} == before
    issue(swept_from, range(6, 15))
    assert {shard.job for shard in swept_from.archive.strays()} == {2, 9}
    with twin.reached("owner"):
        assert len(sweep(reopened(swept_from.home), heard.append)[0]) == 1, "its job has ended"
    require_once(swept_from)
    assert len(list(swept_from.archive.lines((each.seq, each.leaf) for each in swept_from.entries()))) == 14


def test_nothing_that_a_begun_chunk_names_goes(issuer: Issuer, twin: Twin) -> None:
    end = stops(KeyboardInterrupt(), on_call=3)
    with pytest.raises(KeyboardInterrupt):
        issue(reopened(issuer.home, **at(issuer.home, "index.begin_chunk", end)), range(1, 13))
    ((_, begun),) = issuer.store.begun_chunks()
    assert begun.number == 2
    with twin.reached("owner"):
        assert sweep(reopened(issuer.home), lambda _: None) == ([], 0)
    assert begun in set(issuer.archive.shards.names())
    assert issue(issuer, range(1, 13)) == 0


def test_an_address_in_a_folder_from_a_backup_is_not_used_unasked(issuer: Issuer) -> None:
    issue(issuer, range(1, 3))
    (issuer.home / MARK).touch()
    again = reopened(issuer.home)
    with pytest.raises(NotAgreed):
        again.line(again.current("UNI-000001"))


def test_an_issuer_that_is_there_keeps_its_shards_where_they_are(issuer: Issuer) -> None:
    other = Description("Example University", shards="s3://diplomas/elsewhere")
    with pytest.raises(Problem, match="keeps its shards elsewhere"):
        Issuer.create(issuer.home, other, lambda: None, lambda: NOW)
    assert made(issuer.home).did == issuer.did


# The commands


@pytest.fixture
def typed(program: Program, twin: Twin) -> Callable[..., str]:
    """Types a command that ends well, and returns what it prints."""

    def type_(*words: object) -> str:
        answer = program(*words)
        assert answer.code == 0, answer
        return answer.out + answer.err

    type_("issuer", "init", "--name", "Example University", "--shards", ADDRESS)
    return type_


@pytest.mark.slow
@pytest.mark.parametrize("stored", [True, False])
def test_a_machine_that_is_killed_while_it_stores_a_shard(
    program: Program, typed: Callable[..., str], tmp_path: Path, twin: Twin, stored: bool
) -> None:
    """SIGKILL at the very request, before the store has done it or after; the same command finishes."""
    file = csv_file(tmp_path / "g.csv", [graduate(row) for row in range(1, 9)]).path
    command = [sys.executable, "-m", "intaglio", "issuer", "issue", str(file), "--out", str(tmp_path / "out")]
    running = list[subprocess.Popen[bytes]]()
    started = threading.Event()

    def judge(request: Request) -> Cut | None:
        if request.method != "PUT" or "jsonl" not in request.path:
            return None
        started.wait()
        running[0].kill()
        return Cut.AFTER if stored else Cut.BEFORE

    twin.judge = judge
    environment = {**os.environ, "INTAGLIO_HOME": str(program.home)}
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        running.append(process)
        started.set()
        assert process.wait(60) == -signal.SIGKILL
    twin.judge = lambda _: None
    assert sum("jsonl" in name for name in twin.objects) == stored
    assert typed("issuer", "issue", file, "--out", tmp_path / "out").startswith("8 issued, 0 issued before")
    assert sum("jsonl" in name for name in twin.objects) == 1, "the same shard"
    assert "shard" not in typed("doctor")


@pytest.mark.slow
def test_the_commands_work_on_it(
    program: Program, typed: Callable[..., str], tmp_path: Path, twin: Twin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    file = csv_file(tmp_path / "g.csv", [graduate(row) for row in range(1, 9)]).path
    assert "8 issued" in typed("issuer", "issue", file, "--out", tmp_path / "out")
    assert "0 issued, 8 issued before" in typed("issuer", "issue", file, "--out", tmp_path / "out")
    assert "8 issued before" in typed("issuer", "issue", file, "--dry-run")
    assert "UNI-000002" in typed("issuer", "show", "UNI-000002")
    typed("issuer", "correct", "UNI-000003", "--set", "gpa=4.0")
    typed("issuer", "revoke", "UNI-000004", "--reason", "fraud")
    typed("issuer", "export", "--out", tmp_path / "again")
    assert verdict(program, tmp_path / "again" / "UNI-000002.json").startswith("VALID")
    assert "claim" in typed("issuer", "claim", "UNI-000005")
    doctor = typed("doctor")
    assert "shard" not in doctor
    passphrase = tmp_path / "passphrase"
    passphrase.write_text("correct horse battery staple")
    monkeypatch.setenv("INTAGLIO_BACKUP_PASSPHRASE_FILE", str(passphrase))
    told = typed("issuer", "backup", tmp_path / "backup")
    assert f"Not in it, and to be copied by themselves:\n  {ADDRESS}" in told
    assert "0 files deleted" in typed("issuer", "sweep")
    elsewhere = tmp_path / "elsewhere"
    refused = program("issuer", "--home", elsewhere, "restore", tmp_path / "backup")
    assert (refused.code, digest_of(ADDRESS) in refused.err, elsewhere.exists()) == (1, True, False)
    typed("--agree", digest_of(ADDRESS), "issuer", "--home", elsewhere, "restore", tmp_path / "backup")
    assert "UNI-000002" in typed("issuer", "--home", elsewhere, "show", "UNI-000002")
