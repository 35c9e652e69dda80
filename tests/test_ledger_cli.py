"""`intaglio ledger`: a log of one's own, and that of an issuer, looked into without a passphrase."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import resource
import shutil
import signal
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest

from keys import KeyFile
from ledger import EntryKind, Log, entry
from ledger.tiles.posix import PosixStore
from ledger.tiles.store import Store
from tests.commandline import Program
from tests.copying import copy_folder
from tests.doubles import instead
from wire import Unavailable

DIGESTS = [hashlib.sha256(bytes([number])).digest() for number in range(5)]


@pytest.fixture(scope="module")
def log_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With a log of five entries, its keys under a passphrase that the program is not told."""
    folder = tmp_path_factory.mktemp("filled") / "issuer"
    keys = KeyFile.create(folder / "keys.json", {"log": "Ed25519", "cosigner": "Ed25519"}, b"some passphrase")
    store = PosixStore(folder / "log")
    log = Log(
        "log.example", keys.signer("log"), keys.signer("cosigner"), store, clock=lambda: datetime.now(UTC)
    )
    log.append([entry(EntryKind.CREDENTIAL, digest) for digest in DIGESTS], b"all")
    return folder


@pytest.fixture
def filled(program: Program, log_folder: Path) -> Program:
    """With a copy of that log in its home."""
    copy_folder(log_folder, program.home / "issuer")
    return program


def test_a_log_is_made_once(program: Program) -> None:
    init = ("ledger", "--in", program.home / "issuer", "init", "log.example")
    made = program(*init)
    assert made.code == 0
    assert made.out.startswith("log              log.example\nentries          0\n")
    again = program(*init)
    assert again.code == 1
    assert "has keys already" in again.err
    assert program("ledger", "status").out == made.out


@pytest.mark.parametrize("name", ["a b", "a\x07b", "a\x1b[2J", "a\x9bb", os.fsdecode(b"\xff")])
def test_a_name_that_no_log_can_have_leaves_nothing(name: str, program: Program) -> None:
    init = ("ledger", "--in", program.home / "log", "init")
    assert program(*init, name).code != 0
    assert not (program.home / "log" / "keys.json").exists()
    assert program(*init, "log.example").code == 0


def test_a_new_log_is_never_in_the_way_of_an_issuer(program: Program) -> None:
    answer = program("ledger", "init", "log.example")
    assert (answer.code, "--in FOLDER" in answer.err) == (2, True)
    assert not program.home.exists()
    program("ledger", "--in", program.home / "issuer", "init", "log.example")
    answer = program("issuer", "init", "--name", "Example")
    assert (answer.code, "issuer.json is gone" in answer.err) == (1, True)
    shutil.rmtree(program.home / "issuer" / "log")
    answer = program("issuer", "init", "--name", "Example")
    assert (answer.code, "keys of something else" in answer.err) == (1, True)


def test_a_clock_without_its_log_is_no_check(filled: Program, tmp_path: Path) -> None:
    (tmp_path / "proof").write_text(filled("ledger", "prove", "2").out)
    answer = filled("ledger", "verify", tmp_path / "proof", DIGESTS[2].hex(), "--clock", "nonsense")
    assert (answer.code, answer.out, "--key" in answer.err) == (2, "", True)


def test_where_there_is_none_it_says_so(program: Program, tmp_path: Path) -> None:
    for words in (("status",), ("audit",), ("prove", "0")):
        answer = program("ledger", "--in", tmp_path / "elsewhere", *words)
        assert answer.code == 4
        assert "--in FOLDER names another" in answer.err


def test_the_log_itself_is_not_the_folder_that_is_meant(filled: Program) -> None:
    folder = filled.home / "issuer"
    answer = filled("ledger", "--in", folder / "log", "status")
    assert (answer.code, f"--in {folder}\n" in answer.err) == (4, True)


def test_a_log_that_is_gone_is_not_made_anew(program: Program) -> None:
    folder = ("ledger", "--in", program.home / "log")
    program(*folder, "init", "log.example")
    shutil.rmtree(program.home / "log" / "log")
    answer = program(*folder, "status")
    assert (answer.code, "is gone" in answer.err, "from a backup" in answer.err) == (1, True, True)


@pytest.mark.slow
def test_status_has_what_others_need(filled: Program) -> None:
    status = json.loads(filled("ledger", "status", "--json").out)
    assert (status["version"], status["origin"], status["size"]) == (2, "log.example", 5)
    assert status["key"].startswith("log.example+")
    assert status["clock"].startswith("log.example/clock+")


@pytest.mark.slow
@pytest.mark.parametrize("which", ["2", DIGESTS[2].hex()])
def test_a_proof_is_made_and_checked_elsewhere(which: str, filled: Program, tmp_path: Path) -> None:
    status = json.loads(filled("ledger", "status", "--json").out)
    proof = filled("ledger", "prove", which)
    assert proof.out.startswith("c2sp.org/tlog-proof@v1\nindex 2\n")
    assert proof.err == f"entry 2: credential {DIGESTS[2].hex()}\n"
    path = tmp_path / "proof"
    path.write_text(proof.out)
    keys = ("--key", status["key"], "--clock", status["clock"])
    elsewhere = ("ledger", "--in", tmp_path / "elsewhere", "verify", path)
    good = filled(*elsewhere, DIGESTS[2].hex(), *keys)
    assert good.code == 0, good.err
    assert good.out.startswith("entry 2 of log.example, seen by 20")
    assert filled("ledger", "verify", path, DIGESTS[2].hex()).code == 0
    assert filled(*elsewhere, DIGESTS[3].hex(), *keys).code == 1
    assert filled(*elsewhere, DIGESTS[2].hex(), "--kind", "status-list", *keys).code == 1
    other = status["key"].replace("log.example", "other.example")
    assert filled(*elsewhere, DIGESTS[2].hex(), "--key", other).code in (1, 3)


@pytest.mark.slow
@pytest.mark.parametrize(("which", "code"), [("5", 4), ("00" * 32, 4), ("not hexadecimal", 1), ("a" * 63, 1)])
def test_what_is_not_there_is_not_proved(which: str, code: int, filled: Program) -> None:
    answer = filled("ledger", "prove", which)
    assert (answer.code, answer.out) == (code, "")
    assert answer.err


def test_the_audit_names_the_first_difference(filled: Program) -> None:
    sound = filled("ledger", "audit")
    assert sound.code == 0
    assert "the log's 5 entries" in sound.out
    (tile,) = (filled.home / "issuer/log/tile/entries/000.p").glob("5")
    data = bytearray(tile.read_bytes())
    data[-1] ^= 1
    tile.write_bytes(data)
    answer = filled("ledger", "audit")
    assert answer.code == 1
    assert "tile/" in answer.err


def test_the_audit_finds_that_a_log_does_not_continue_a_checkpoint(filled: Program, tmp_path: Path) -> None:
    kept = tmp_path / "checkpoint"
    kept.write_bytes((filled.home / "issuer/log/checkpoint").read_bytes())
    continued = filled("ledger", "audit", "--since", kept)
    assert (continued.code, "the first 5 are those of the checkpoint" in continued.out) == (0, True)
    old = tmp_path / "old"
    filled("ledger", "--in", old, "init", "other.example")
    answer = filled("ledger", "--in", old, "audit", "--since", kept)
    assert (answer.code, "this is the log" in answer.err) == (1, True)
    kept.write_text("nonsense")
    answer = filled("ledger", "audit", "--since", kept)
    assert (answer.code, f"{kept} is no checkpoint of this log" in answer.err) == (1, True)


def test_what_a_full_disk_interrupted_is_no_damage(program: Program, tmp_path: Path) -> None:
    program("ledger", "--in", program.home / "issuer", "init", "log.example")
    keys = KeyFile.open(tmp_path / "home" / "issuer" / "keys.json", lambda: None)

    real = PosixStore(tmp_path / "home" / "issuer" / "log")

    def append(digest: bytes, store: Store = real) -> None:
        signers = keys.signer("log"), keys.signer("cosigner")
        log = Log("log.example", *signers, store, clock=lambda: datetime.now(UTC))
        log.append([entry(EntryKind.CREDENTIAL, digest)], digest)

    def full(_: object, tiles: Mapping[str, bytes]) -> None:
        if real.get_many(tiles) != tiles:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    append(DIGESTS[0])
    with pytest.raises(Unavailable, match="No space left"):
        append(DIGESTS[1], instead(real, put=full))
    for verb in ("audit", "status"):
        answer = program("ledger", verb)
        assert (answer.code, answer.out) == (1, "")
        assert "its last writer was interrupted" in answer.err
        assert "the same command, typed again, finishes its work" in answer.err
    append(DIGESTS[1])
    assert program("ledger", "audit").out.endswith("the log's 2 entries\n")


def test_a_journal_that_ends_before_the_checkpoint_is_damage(filled: Program) -> None:
    journal = filled.home / "issuer/log/journal"
    journal.write_bytes(journal.read_bytes()[:-1])
    for verb in ("audit", "status"):
        answer = filled("ledger", verb)
        assert (answer.code, answer.out) == (1, "")
        assert "the checkpoint is of 5 entries; the log had 0 and has 0" in answer.err


def test_reading_never_signs(filled: Program) -> None:
    """A log without its checkpoint is not mended by somebody who only looks."""
    (checkpoint := filled.home / "issuer/log/checkpoint").unlink()
    assert filled("ledger", "status").code == 1
    assert not checkpoint.exists()


def test_a_damaged_checkpoint_is_named(filled: Program) -> None:
    path = filled.home / "issuer/log/checkpoint"
    path.write_bytes(b"\n" + path.read_bytes())
    answer = filled("ledger", "status")
    assert answer.code == 1
    assert answer.err.startswith(f"Stored data is damaged: {path}: ")
    assert "backup" in answer.err


def test_what_never_ends_is_not_read_for_ever(filled: Program) -> None:
    assert filled("ledger", "audit", "--since", "/dev/zero").code == 1
    assert filled("ledger", "verify", "/dev/zero", "00" * 32).code == 3
    assert filled("ledger", "prove", "٣").code == 1
    assert "there is no entry 999" in filled("ledger", "prove", "999").err


@pytest.fixture
def deadline() -> Iterator[None]:
    """A command that waits for ever fails its test."""
    before = signal.signal(signal.SIGALRM, lambda *_: pytest.fail("it waits for ever"))
    signal.alarm(10)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def _pipe(path: Path) -> None:
    os.mkfifo(path)


def _device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def _sparse(path: Path) -> None:
    path.touch()
    os.truncate(path, 3 << 30)


@pytest.mark.slow
@pytest.mark.usefixtures("deadline")
@pytest.mark.parametrize("make", [_pipe, _device, _sparse])
@pytest.mark.parametrize(
    "name", ["log/checkpoint", "log/journal", "log/journal.lock", "log/tile/0/000.p/5", "keys.json"]
)
def test_what_stands_in_a_log_s_folder_from_elsewhere_is_neither_waited_for_nor_read_without_end(
    name: str, make: Callable[[Path], None], filled: Program
) -> None:
    path = filled.home / "issuer" / name
    assert path.exists() or name.endswith(".lock")
    path.unlink(missing_ok=True)
    make(path)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for words in (("status",), ("audit",), ("prove", "3")):
        answer = filled("ledger", *words)
        reads_no_tile = name.startswith("log/tile") and words == ("status",)
        harmless = name.endswith(".lock") or reads_no_tile
        assert answer.code in (0, 1) if harmless else answer.code == 1, answer
        assert answer.code == 0 or str(path.name).partition(".")[0] in answer.err
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 1 << 18  # KiB, on Linux


@pytest.mark.slow
@pytest.mark.usefixtures("deadline")
@pytest.mark.parametrize("make", [_pipe, _device, _sparse])
def test_a_checkpoint_kept_beside_a_log_is_read_as_carefully(
    make: Callable[[Path], None], filled: Program
) -> None:
    make(filled.home / "issuer.checkpoint")
    answer = filled("ledger", "status")
    assert (answer.code, "issuer.checkpoint" in answer.err) == (1, True)
