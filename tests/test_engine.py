"""Chunks signed elsewhere: the same rows, log and shards as without, no secret on the way, no lie logged."""

from __future__ import annotations

import base64
import os
import shutil
import signal
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from functools import partial
from hashlib import sha256
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import orjson
import pytest

from issuer.archive.frame import from_frame, to_frame
from issuer.archive.kept import ShardName
from issuer.archive.shards import lines_of, shard_of
from issuer.engine import signing
from issuer.engine.problem import WORKER_KEYS, WORKER_KIND, WORKER_RELEASE, WORKER_SETTINGS, WORKER_SHARD
from issuer.engine.reading import Driver
from issuer.engine.signing_task import SigningTask
from issuer.engine.worker_home import write_worker
from issuer.engine.workers import LocalProcesses, Workers
from issuer.identity.root import root_digest
from issuer.identity.succession import KeysChanged
from issuer.issuer import Issuer
from issuer.job import owner
from issuer.job.bulk import Issued
from issuer.job.chunk import settled, signed_chunk
from issuer.job.jobs import jobs
from issuer.job.numbering import NumberPattern
from issuer.job.order import Order, Progress
from issuer.job.spool import unpacked_rows
from issuer.shared import shared_in
from issuer.table.source import Source, open_source
from keys import KeyFile, PassphraseNeeded, PrivateKey, PublicKey, open_signer
from keys.keyfile import LABELS
from keys.kinds import KINDS
from keys.problem import KEY_NOT_OPENED
from ledger.audit import audit
from tests import softhsm
from tests.doubles import at, stops
from tests.problems import raises
from tests.world import (
    HEADER,
    NOW,
    csv_file,
    graduate,
    issuer_before,
    issuer_in,
    reopened,
    table,
    twin,
    verifier_for,
)
from vc import Verdict
from vc.forms import INTEGRITY, SD_JWT_VC, VC_JWT, DataIntegrity
from wire import base58_decode, base58_encode
from wire.problem import Code, Conflict, Damaged, Malformed, NotFound, Refused, TooLarge, Unavailable
from wire.workers import WORKER_DIED

in_chunks = partial(csv_file, span_rows=4)
ORDER_OF_P256 = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
PLANTED = "Zwetschgenröster-Vorarlberg"
"""A family name that stands in no file but those of these tests."""


@pytest.fixture
def source(tmp_path: Path) -> Source:
    rows = [graduate(row, **{"email": "bad"} if row in (4, 14) else {}) for row in range(1, 24)]
    return in_chunks(tmp_path / "g.csv", [*rows, graduate(24, family_name=PLANTED)])


@pytest.fixture
def issuer(tmp_path: Path) -> Issuer:
    return issuer_in(tmp_path / "first")


@pytest.fixture(autouse=True)
def _own_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(signing.HOME, str(tmp_path / "worker" / "issuer"))


class Here(Workers):
    """Workers in this process, which see and may change what travels."""

    def __init__(self, lie: Callable[[bytes, bytes], bytes] = lambda _, answer: answer) -> None:
        self.tasks, self.answers, self._lie = list[bytes](), list[bytes](), lie

    def map(self, function: str, items: Iterable[bytes]) -> Iterator[bytes]:
        assert function == signing.FUNCTION
        for item in items:
            self.tasks.append(item)
            self.answers.append(self._lie(item, signing.sign_chunk(item)))
            yield self.answers[-1]


def issue(issuer: Issuer, source: Source, there: Workers | None = None, **options: Any) -> Issued:
    order = Order(source, source.path.with_name("errors.csv"), **{"workers": 0, **options})
    elsewhere = Driver(there, root_digest(issuer.keys).decode()) if there else None
    return issuer.issue_file(order, elsewhere=elsewhere)


def worker_of(issuer: Issuer, name: str = "worker") -> Path:
    """The home of a worker of the issuer, beside that."""
    folder = issuer.home.parent / name
    write_worker(issuer.home, issuer.keys, folder)
    return folder


def everything(issuer: Issuer) -> dict[str, Any]:
    """All that a job leaves behind and that has to be the same again."""
    return {
        "entries": list(issuer.entries()),
        "root": audit(issuer.log).root,
        "shards": {path.name: path.read_bytes() for path in (issuer.home / "shards").rglob("*.zst")},
        "lists": {path.name: path.read_bytes() for path in (issuer.home / "status").iterdir()},
        "by address": [issuer.store.lookup.addressed(f"graduate{row}@example.org") for row in (1, 20)],
    }


@pytest.mark.quick("2")
@pytest.mark.parametrize("count", [1, 2, 4])
def test_with_workers_elsewhere_a_file_leaves_the_same(
    tmp_path: Path, issuer: Issuer, source: Source, count: int
) -> None:
    other = twin(issuer, tmp_path / "there" / "home")
    write_worker(other.home, other.keys, tmp_path / "worker")
    assert issue(issuer, source).issued == 22
    with LocalProcesses(count) as there:
        result = issue(other, source, there, workers=count)
    assert (result.issued, sorted(result.survey.findings)) == (22, [5, 15])
    assert everything(other) == everything(issuer)


@pytest.mark.quick("three forms")
@pytest.mark.parametrize(
    "options",
    [
        {"form": DataIntegrity(suite="eddsa-jcs-2022")},
        {"key_type": "P-256"},
        {"forms": [INTEGRITY, VC_JWT, SD_JWT_VC]},
        {"forms": [SD_JWT_VC]},
    ],
    ids=["jcs", "P-256", "three forms", "SD-JWT"],
)
def test_any_form_and_suite_is_read_back(tmp_path: Path, options: dict[str, Any]) -> None:
    forms = options.pop("forms", ())
    rows = [graduate(row, honours="" if row % 2 else "merit") for row in range(1, 80)]
    source = csv_file(tmp_path / "g.csv", rows, span_rows=40)
    issuer = issuer_in(tmp_path / "first", **options)
    issuer.issued_as.remember(issuer.issued_as.names(forms))
    other = twin(issuer, tmp_path / "there" / "home", form=options.get("form"))
    write_worker(other.home, other.keys, tmp_path / "worker")
    assert issue(issuer, source, forms=forms).issued == 79
    assert issue(other, source, Here(), forms=forms).issued == 79
    if "key_type" in options:  # its signatures are not the same each time
        assert [*other.entries()] == [*issuer.entries()]
    else:
        assert everything(other) == everything(issuer)


@pytest.mark.slow
def test_rows_that_were_given_numbers_are_signed_with_these(tmp_path: Path, issuer: Issuer) -> None:
    path, field = tmp_path / "g.csv", issuer.kind.fields["diploma_number"]
    header = [field for field in HEADER if field != "diploma_number"]
    path.write_text(table([graduate(row) for row in range(1, 10)], header), encoding="utf-8")
    source, numbers = (
        open_source(path, span_rows=4, has_numbers=False),
        NumberPattern("{year}-{seq:04}", field),
    )
    other = twin(issuer, tmp_path / "there" / "home")
    write_worker(other.home, other.keys, tmp_path / "worker")
    assert issue(issuer, source, numbers=numbers).issued == 9
    assert issue(other, source, Here(), numbers=numbers).issued == 9
    assert [entry.number for entry in other.entries()] == [f"2026-{row:04}" for row in range(1, 10)]
    assert everything(other) == everything(issuer)


def test_diplomas_of_a_former_template_go_on_with_it(tmp_path: Path, source: Source) -> None:
    issuer = issuer_before(tmp_path / "first")
    worker_of(issuer)
    with pytest.raises(RuntimeError):
        issue(issuer, source, Here(lie=_stops_after(2)))
    template = issuer.home / "template.json"
    former = template.read_bytes()
    (issuer.home / f"template.{sha256(former).hexdigest()}.json").write_bytes(former)
    template.write_bytes(former.replace(b"Achievement", b"Achievement", 1) + b"\n")
    with raises(WORKER_KIND):  # the worker lacks the new one, which another file would be issued by
        issue(issuer, in_chunks(tmp_path / "h.csv", [graduate(90)]), Here())
    assert issue(reopened(issuer.home), source, Here()).issued == 22 - 4 - 3


def _stops_after(tasks: int) -> Callable[[bytes, bytes], bytes]:
    left = [tasks]

    def lie(_: bytes, answer: bytes) -> bytes:
        left[0] -= 1
        if left[0] < 0:
            raise RuntimeError
        return answer

    return lie


def test_a_job_says_on_which_machines_its_rows_are_signed(
    issuer: Issuer, source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker_of(issuer)
    monkeypatch.setattr(owner, "_INTERVAL", 0.0)
    here, shown = Here(), set[tuple[str, ...]]()
    here.machines = ("10.0.0.7", "\x1b[2J" + "x" * 999)

    def look(progress: Progress) -> None:
        if progress.stage == "issuing" and 8 < progress.done < progress.total:
            (job,) = jobs(issuer.store, shared_in(issuer.home))
            shown.add(job.owner.machines if job.owner else ())

    issue(issuer, source, here, progress=look)
    (machines,) = shown
    assert machines[0] == "10.0.0.7"
    assert "\x1b" not in machines[1]
    assert len(machines[1]) == 64


# Kills


STEPS = [
    f"{step}-{'before' if before else 'after'}"
    for step in ("index.begin_chunk", "log.record", "index.finish_chunk")
    for before in (True, False)
]


@pytest.mark.slow
@pytest.mark.parametrize("step", STEPS)
def test_after_the_driver_was_killed_the_file_goes_on(
    tmp_path: Path, issuer: Issuer, source: Source, step: str
) -> None:
    other = twin(issuer, tmp_path / "there" / "home")
    write_worker(other.home, other.keys, tmp_path / "worker")
    issue(issuer, source)
    name, _, when = step.partition("-")

    def begin() -> None:
        options = at(other.home, name, stops(on_call=3, before=when == "before"))
        with LocalProcesses(1) as there:
            issue(reopened(other.home, **options), source, there, workers=1)

    killed = get_context("fork").Process(target=begin)
    killed.start()
    killed.join()
    assert killed.exitcode == -signal.SIGKILL
    again = reopened(other.home)
    with LocalProcesses(2) as there:
        issue(again, source, there)
    assert everything(again) == everything(issuer)


class Killed(Workers):
    """Workers one of which is killed, with a shard stored of which nobody hears."""

    def __init__(self, there: Workers) -> None:
        self._there = there

    def map(self, function: str, items: Iterable[bytes]) -> Iterator[bytes]:
        assert function == signing.FUNCTION
        return self._there.map(f"{__name__}:killed_at_the_third", items)


@pytest.mark.slow
def test_after_a_worker_was_killed_the_file_goes_on(tmp_path: Path, issuer: Issuer, source: Source) -> None:
    other = twin(issuer, tmp_path / "there" / "home")
    write_worker(other.home, other.keys, tmp_path / "worker")
    issue(issuer, source)
    with LocalProcesses(1) as there, raises(WORKER_DIED):
        issue(other, source, Killed(there))
    with LocalProcesses(1) as there:
        issue(reopened(other.home), source, there)
    assert everything(reopened(other.home)) == everything(issuer)


def killed_at_the_third(item: bytes) -> bytes:
    answer = signing.sign_chunk(item)  # its shard lies there, and nobody hears of it
    if SigningTask.parse(item).number == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return answer


@pytest.mark.slow
def test_of_two_shards_the_begun_one_counts(tmp_path: Path, source: Source) -> None:
    issuer = issuer_in(tmp_path / "first", key_type="P-256")
    worker_of(issuer)

    def once_more(_: bytes, answer: bytes) -> bytes:
        lines = _shard(issuer, answer)[1]  # another worker had signed, and was taken for dead
        return _another(issuer, answer, [_signed_again(line) for line in lines])

    def begin() -> None:
        options = at(issuer.home, "index.begin_chunk", stops(on_call=2))
        issue(reopened(issuer.home, **options), source, Here(lie=once_more))

    killed = get_context("fork").Process(target=begin)
    killed.start()
    killed.join()
    assert killed.exitcode == -signal.SIGKILL
    ((_, begun),) = issuer.store.begun_chunks()
    again = reopened(issuer.home)
    assert issue(again, source, Here()).issued == 22 - 7
    chunks = dict(again.store.chunks())
    assert begun in chunks.values()
    assert {shard.number for shard in again.archive.strays()} == {0, 1}
    assert len({shard.number for shard in chunks.values()}) == len(chunks) == 6
    verifier = verifier_for(again)
    for bundle in again.bundles(again.entries()):
        assert verifier.verify(bundle.to_bytes(), now=NOW).verdict is Verdict.VALID


def _signed_again(line: bytes) -> bytes:
    """The same credential with the other signature that ECDSA has for it, (r, n - s)."""
    head, mark, tail = line.rpartition(b'"proofValue":"z')
    text, quote, end = tail.partition(b'"')
    signature = base58_decode(text.decode())
    s = ORDER_OF_P256 - int.from_bytes(signature[32:])
    return head + mark + base58_encode(signature[:32] + s.to_bytes(32)).encode() + quote + end


# Lies


def _shard(issuer: Issuer, answer: bytes) -> tuple[Path, list[bytes]]:
    (path,) = (issuer.home / "shards").glob(f"*/*-{answer.hex()}.jsonl.zst")
    return path, [*lines_of(path.read_bytes(), "")]


def _another(issuer: Issuer, answer: bytes, lines: list[bytes]) -> bytes:
    """The answer of a worker that wrote these lines in the place of those that it was asked for."""
    data = shard_of(lines)
    path = _shard(issuer, answer)[0]
    path.with_name(path.name.replace(answer.hex(), sha256(data).hexdigest())).write_bytes(data)
    return sha256(data).digest()


def _with(change: Callable[[list[bytes]], list[bytes]]) -> Callable[[Issuer, bytes, bytes], bytes]:
    def lie(issuer: Issuer, _item: bytes, answer: bytes) -> bytes:
        lines = _shard(issuer, answer)[1]
        return _another(issuer, answer, change(lines))

    return lie


def _missing(issuer: Issuer, _: bytes, answer: bytes) -> bytes:
    _shard(issuer, answer)[0].unlink()
    return answer


def _misnamed(issuer: Issuer, _: bytes, answer: bytes) -> bytes:
    path = _shard(issuer, answer)[0]
    path.rename(path.with_name(path.name.replace(answer.hex(), "ab" * 32)))
    return b"\xab" * 32


def _of_another_chunk(issuer: Issuer, _: bytes, __: bytes) -> bytes:
    """The name of a shard that is there, for the rows of another chunk."""
    (path,) = (issuer.home / "shards").glob("*/000000-*")
    return bytes.fromhex(path.name.partition("-")[2].partition(".")[0])


def _of_a_task(**change: Any) -> Callable[[Issuer, bytes, bytes], bytes]:
    """A worker that signs another task than the one it was given."""

    def lie(_: Issuer, item: bytes, __: bytes) -> bytes:
        task = SigningTask.parse(item)
        return signing.sign_chunk(
            replace(task, **{name: make(task) for name, make in change.items()}).to_bytes()
        )

    return lie


def _other_rows(task: SigningTask) -> bytes:
    return to_frame(from_frame(task.frame).replace(b"Bachelor of Science", b"Doctor of Science!!"))


def _other_key(issuer: Issuer, item: bytes, _: bytes) -> bytes:
    """A worker that signs with a key of its own, which it says is the issuer's."""
    task = SigningTask.parse(item)
    presses = issuer._all_presses().templates(task.settings.kind or None, [""])[0]
    presses = [replace(press, signer=_Claiming(press.signer.public_key)) for press in presses]
    rows = settled(issuer.kind, unpacked_rows(task.frame, 1 << 20), task, {})
    made = signed_chunk(presses, rows, task)
    assert isinstance(made.shard, bytes)
    shard = ShardName(task.job, task.number, sha256(made.shard).digest())
    issuer.archive.shards.write(shard, made.shard)
    return sha256(made.shard).digest()


class _Claiming:
    def __init__(self, key: PublicKey) -> None:
        self.public_key, self._own = key, PrivateKey.generate(key.type)

    def sign(self, data: bytes) -> bytes:
        return self._own.sign(data)


LIES: Mapping[str, Callable[[Issuer, bytes, bytes], bytes]] = {
    "a row too few": _with(lambda lines: lines[:-1]),
    "no row": _with(lambda _: []),
    "a row too many": _with(lambda lines: [*lines, lines[-1]]),
    "another order": _with(lambda lines: lines[::-1]),
    "one row twice": _with(lambda lines: [lines[0], *lines[:-1]]),
    "no JSON": _with(lambda lines: [b"x" for _ in lines]),
    "a member twice": _with(lambda lines: [line[:-1] + b',"seq":0}' for line in lines]),
    "a signature that is none": _with(lambda lines: [_unsigned(line) for line in lines]),
    "a signature with a quotation mark": _with(lambda lines: [_quoted(line) for line in lines]),
    "the shard is gone": _missing,
    "a shard of another content": _misnamed,
    "another digest": lambda *_: bytes(32),
    "a shorter digest": lambda _, __, answer: answer[:-1],
    "a longer answer": lambda _, __, answer: answer + answer,
    "another chunk": _of_another_chunk,
    "no answer": lambda *_: b"",
    "another time": _of_a_task(created=lambda task: task.created + timedelta(seconds=1)),
    "other numbers of the list": _of_a_task(first_seq=lambda task: task.first_seq + 1),
    "the row of somebody else": _of_a_task(frame=_other_rows),
    "another key": _other_key,
}


def _unsigned(line: bytes) -> bytes:
    head, mark, tail = line.rpartition(b'"proofValue":"z')
    return head + mark + tail[:9] + (b"3" if tail[9:10] == b"4" else b"4") + tail[10:]


def _quoted(line: bytes) -> bytes:
    return line.replace(b'"proofValue":"z', b'"proofValue":"z3","more":"', 1)


@pytest.mark.quick(*[*LIES][::8])
@pytest.mark.parametrize("lie", LIES)
def test_no_lie_of_a_worker_gets_into_the_log(
    tmp_path: Path, issuer: Issuer, source: Source, lie: str
) -> None:
    worker_of(issuer)
    calls = 0

    def at_the_third(item: bytes, answer: bytes) -> bytes:
        nonlocal calls
        calls += 1
        return LIES[lie](issuer, item, answer) if calls == 3 else answer

    with raises(WORKER_SHARD):
        issue(issuer, source, Here(lie=at_the_third))
    assert [*issuer.store.begun_chunks()] == []
    assert [entry.number for entry in issuer.entries()] == [f"UNI-{row:06}" for row in (1, 2, 3, 5, 6, 7, 8)]
    again = reopened(issuer.home)
    assert issue(again, source, Here()).issued == 22 - 7  # an honest worker goes on
    assert audit(again.log).root


def test_a_change_of_the_rows_kept_here_is_no_lie_of_a_worker(issuer: Issuer, source: Source) -> None:
    worker_of(issuer)

    def spoilt(item: bytes, answer: bytes) -> bytes:
        number = SigningTask.parse(item).number
        (rows,) = (path for path in issuer.home.rglob(f"{number:06d}") if path.is_file())
        rows.write_bytes(rows.read_bytes()[::-1])
        return answer

    with pytest.raises(Damaged, match="was changed while the file was issued"):
        issue(issuer, source, Here(lie=spoilt))


@pytest.mark.quick("1")
@pytest.mark.parametrize("place", range(4))
def test_each_row_is_held_against_its_own(tmp_path: Path, issuer: Issuer, source: Source, place: int) -> None:
    """The second credential of a chunk says another name: whichever row it is, and whoever signed it."""
    worker_of(issuer)

    def lie(item: bytes, _: bytes) -> bytes:
        task = SigningTask.parse(item)
        rows = from_frame(task.frame).split(b"\n")
        place_here = min(place, len(rows) - 1)
        rows[place_here] = rows[place_here].replace(b'"given_name":"', b'"given_name":"Un')
        return signing.sign_chunk(replace(task, frame=to_frame(b"\n".join(rows))).to_bytes())

    with raises(WORKER_SHARD):
        issue(issuer, source, Here(lie=lie))
    assert [*issuer.entries()] == []


# What a worker lacks


def _rewritten(file: str, **change: Any) -> Callable[[Path], None]:
    def spoil(folder: Path) -> None:
        path = folder / "issuer" / file
        path.write_bytes(orjson.dumps({**orjson.loads(path.read_bytes()), **change}))

    return spoil


def _of_another_issuer(folder: Path) -> None:
    (folder / "issuer" / "keys.json").unlink()
    KeyFile.create(folder / "issuer" / "keys.json", {"assertion": "Ed25519"}, None)


def _without_key(folder: Path) -> None:
    keys = KeyFile.open(folder / "issuer" / "keys.json", lambda: None)
    keys.copy(folder / "issuer" / "fewer.json")
    (folder / "issuer" / "fewer.json").replace(folder / "issuer" / "keys.json")


def _with_another_key(folder: Path) -> None:
    keys = KeyFile.open(folder / "issuer" / "keys.json", lambda: None)
    keys.add({"other": "Ed25519"})
    keys.replace({"assertion": "other"})


KEYS_CHANGED = Code(KeysChanged.code, Unavailable)
NO_PASSPHRASE = Code(PassphraseNeeded.code, Refused)
"""These as they cross: a class of theirs would decide about nothing here."""
LACKING: Mapping[str, tuple[Any, Callable[[Path], object]]] = {
    "no home": (WORKER_SETTINGS, shutil.rmtree),
    "another root": (WORKER_KEYS, _of_another_issuer),
    "no key": (WORKER_KEYS, _without_key),
    "another key": (WORKER_KEYS, _with_another_key),
    "another name": (WORKER_SETTINGS, _rewritten("issuer.json", name="Somebody Else")),
    "no kind": (WORKER_KIND, _rewritten("issuer.json", kinds=[])),
    "a damaged kind": (
        Damaged,
        lambda folder: next((folder / "issuer").rglob("kind.json")).write_bytes(b"{}"),
    ),
    "a key that has ended": (KEYS_CHANGED, _rewritten("did.json", assertionMethod=[])),
}


@pytest.mark.quick("another key")
@pytest.mark.parametrize("lack", LACKING)
def test_a_worker_says_what_it_lacks(tmp_path: Path, source: Source, lack: str) -> None:
    issuer = issuer_in(tmp_path / "first", url="https://university.example")
    folder = worker_of(issuer)
    code, spoil = LACKING[lack]
    spoil(folder)
    with LocalProcesses(1) as there, raises(code):
        issue(issuer, source, there)
    assert [*issuer.entries()] == []


def test_a_worker_of_another_release_signs_nothing(issuer: Issuer, source: Source) -> None:
    task = _task(issuer, source)
    older = replace(task, settings=replace(task.settings, release="0.0.9"))
    with raises(WORKER_RELEASE):
        signing.sign_chunk(older.to_bytes())


def test_a_worker_s_home_has_one_key_and_no_index(tmp_path: Path) -> None:
    issuer = issuer_in(
        tmp_path / "first", url="https://university.example", passphrase=lambda: b"long enough a phrase"
    )
    folder = worker_of(issuer)
    copied = KeyFile.open(folder / "issuer" / "keys.json", lambda: b"long enough a phrase")
    assert (set(copied.public_keys), copied.protected) == ({"assertion"}, True)
    assert copied.secret("salt") == issuer.keys.secret("salt")
    with raises(NotFound):
        copied.signer("log")
    names = {path.name for path in (folder / "issuer").iterdir()}
    assert names == {"issuer.json", "did.json", "keys.json", "kinds", "shards"}
    with raises(Conflict):
        write_worker(issuer.home, issuer.keys, folder)


@pytest.mark.slow
def test_a_sealed_key_is_opened_by_the_worker_s_own_passphrase(
    tmp_path: Path, source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    issuer = issuer_in(tmp_path / "first", passphrase=lambda: b"long enough a phrase")
    worker_of(issuer)
    with LocalProcesses(1) as there, raises(NO_PASSPHRASE):
        issue(issuer, source, there)
    file = tmp_path / "passphrase"
    file.write_text("long enough a phrase\n")
    monkeypatch.setenv("INTAGLIO_PASSPHRASE_FILE", str(file))
    with LocalProcesses(1) as there:
        assert issue(issuer, source, there).issued == 22
    monkeypatch.setenv("INTAGLIO_PASSPHRASE_FILE", str(tmp_path))
    with LocalProcesses(1) as there, raises(NO_PASSPHRASE):
        issue(issuer, in_chunks(tmp_path / "h.csv", [graduate(99)]), there)


def _signs_by(uri: str, pin: str, tmp_path: Path, source: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker whose key is at a URI signs by the PIN in its own file, and not without it."""
    issuer = issuer_in(
        tmp_path / "first", signer=open_signer(uri, passphrase=pin.encode), signer_uri=uri, pin=pin.encode
    )
    folder = worker_of(issuer)
    assert not KeyFile.open(folder / "issuer" / "keys.json", lambda: None).public_keys
    with LocalProcesses(1) as there, raises(KEY_NOT_OPENED):
        issue(issuer, source, there)
    (tmp_path / "pin").write_text(f"{pin}\n")
    monkeypatch.setenv("INTAGLIO_PIN_FILE", str(tmp_path / "pin"))
    signing.require_ready()  # as `intaglio issuer worker` does, before it forks
    with LocalProcesses(2) as there:
        assert issue(issuer, source, there).issued == 22
    bundle = issuer.bundle(issuer.store.entry(1))
    assert verifier_for(issuer).verify(bundle.to_bytes(), now=NOW).verdict is Verdict.VALID


@pytest.mark.slow
def test_a_worker_signs_by_a_key_elsewhere(
    tmp_path: Path, source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = KeyFile.create(tmp_path / "token.json", {"diplomas": "Ed25519"}, b"long enough a phrase").path
    _signs_by(f"{file.as_uri()}#diplomas", "long enough a phrase", tmp_path, source, monkeypatch)


@softhsm.needed
@pytest.mark.slow
def test_a_worker_signs_by_a_token(
    tmp_path: Path, source: Source, monkeypatch: pytest.MonkeyPatch, token: softhsm.Token
) -> None:
    uri = token.make("a worker's", KINDS["P-256"].parameters[0])
    _signs_by(uri, softhsm.PIN, tmp_path, source, monkeypatch)


# What travels


def test_no_secret_travels(tmp_path: Path, issuer: Issuer, source: Source) -> None:
    worker_of(issuer)
    here = Here()
    issue(issuer, source, here)
    root, keys = issuer.keys._secrets
    secrets = {"root": root, **{name: key.secret for name, key in keys.items()}}
    secrets |= {label: issuer.keys.secret(label) for label in LABELS}
    travelled = [*here.tasks, *here.answers]
    travelled += [from_frame(SigningTask.parse(task).frame) for task in here.tasks]
    spelled = {
        (name, spell): spell(secret)
        for name, secret in secrets.items()
        for spell in (bytes, _hex, _HEX, base64.b64encode, base64.urlsafe_b64encode, _base58, repr_of)
    }
    for (name, spell), text in spelled.items():
        assert not [data for data in travelled if text.rstrip(b"=") in data], (name, spell)
    # The search would see one: what does travel is found by it.
    assert any(PLANTED.encode() in data for data in travelled)
    assert any(root_digest(issuer.keys) in data for data in travelled)
    assert len(spelled) == 7 * (1 + 4 + len(LABELS)) or len(spelled) > 7 * len(LABELS)


def _hex(secret: bytes) -> bytes:
    return secret.hex().encode()


def _HEX(secret: bytes) -> bytes:
    return secret.hex().upper().encode()


def _base58(secret: bytes) -> bytes:
    return base58_encode(secret).encode()


def repr_of(secret: bytes) -> bytes:
    return repr(secret)[2:-1].encode()


@pytest.mark.slow
def test_a_worker_leaves_no_name_in_files_or_output(
    tmp_path: Path,
    issuer: Issuer,
    source: Source,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder, scratch = worker_of(issuer), tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setenv("TMPDIR", str(scratch))
    monkeypatch.chdir(scratch)
    with LocalProcesses(2) as there:
        issue(issuer, source, there)
    shards = (issuer.home / "shards").resolve()
    assert any(
        PLANTED.encode() in line for path in shards.rglob("*.zst") for line in lines_of(path.read_bytes(), "")
    )
    for path in (path for root in (folder, scratch) for path in root.rglob("*") if path.is_file()):
        assert PLANTED.encode() not in path.read_bytes()
    assert PLANTED not in "".join(capfd.readouterr())


# Tasks that are none


def _task(issuer: Issuer, source: Source) -> SigningTask:
    here = Here()
    worker_of(issuer)
    issue(issuer, source, here)
    return SigningTask.parse(here.tasks[0])


def test_a_task_is_read_strictly(issuer: Issuer, source: Source) -> None:
    task = _task(issuer, source)
    assert SigningTask.parse(task.to_bytes()) == task
    header, _, frame = task.to_bytes().partition(b"\n")
    members = orjson.loads(header)
    settings: dict[str, Any] = members["settings"]
    changed: list[dict[str, Any]] = [
        {"version": 2},
        {"job": -1},
        {"job": "1"},
        {"number": True},
        {"skipped": ["1"]},
        {"skipped": [True]},
        {"numbers": [[1]]},
        {"numbers": [["1", "2"]]},
        {"numbers": [1]},
        {"created": "yesterday"},
        {"sha256": "00" * 32},
        {"more": 1},
        {"settings": {}},
        {"settings": {**settings, "more": 1}},
        {"settings": {**settings, "release": 1}},
        {"settings": {**settings, "issuer": {}}},
        {"settings": {**settings, "forms": []}},
        {"settings": {**settings, "forms": [["", "x"]]}},
        {"settings": {**settings, "forms": [[1, 2, 3]]}},
    ]
    for change in changed:
        with raises(Malformed):
            SigningTask.parse(orjson.dumps({**members, **change}) + b"\n" + frame)
    for data in (b"", header, header + b"\n" + frame[:-1], b"[]\n" + frame):
        with raises(Malformed):
            SigningTask.parse(data)
    spoiled = replace(task, frame=b"no frame")
    with raises(Malformed):
        signing.sign_chunk(spoiled.to_bytes())
    for row in (b"x", b"1 x", b"2 {}"):
        with raises(Malformed):
            signing.sign_chunk(replace(task, frame=to_frame(row)).to_bytes())


def test_what_is_too_large_is_neither_sent_nor_read(issuer: Issuer, source: Source) -> None:
    task = _task(issuer, source)
    with raises(TooLarge):
        replace(task, frame=bytes((4 << 20) + 1)).to_bytes()
    with raises(TooLarge):
        SigningTask.parse(bytes(6 << 20))
    assert "frame" not in repr(task)
