"""A log that is not what it was: nothing is signed, and what is wrong is said."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from keys import PrivateKey
from ledger import InvalidEvidence, Log, merkle
from ledger.folder import kept_beside
from ledger.log import LogReader
from ledger.tiles.journal import Capacity
from ledger.tiles.memory import MemoryStore
from ledger.tiles.posix import PosixStore
from tests.copying import copy_folder
from tests.ledger_samples import COSIGNER, NOW, ORIGIN, SIGNER, open_log, sample, samples
from wire.problem import Conflict, Damaged, Malformed


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A log of three batches: 300 settled entries, and two batches of 10 in the journal."""
    folder = tmp_path / "log"
    open_log(PosixStore(folder, capacity=Capacity(batches=1))).append(samples(0, 300), b"0")
    log = opened(folder)
    log.append(samples(300, 310), b"300")
    log.append(samples(310, 320), b"310")
    return folder


def opened(folder: Path, *, keeps: bool = True, **keys: PrivateKey) -> Log:
    """As an issuer has it, with the newest checkpoint kept beside the folder; or the folder alone."""
    return open_log(PosixStore(folder), kept=kept_beside(folder) if keeps else None, **keys)


def snapshot(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def rewrite(path: Path, change: Callable[[bytes], bytes]) -> None:
    path.write_bytes(change(path.read_bytes()))


DAMAGES: dict[str, Callable[[Path], object]] = {
    "no checkpoint": lambda folder: (folder / "checkpoint").unlink(),
    "checkpoint cut short": lambda folder: rewrite(folder / "checkpoint", lambda data: data[:-1]),
    "checkpoint empty": lambda folder: rewrite(folder / "checkpoint", lambda data: b""),
    "checkpoint altered": lambda folder: rewrite(
        folder / "checkpoint", lambda data: data.replace(b"320", b"319")
    ),
    "no journal": lambda folder: (folder / "journal").unlink(),
    "journal empty": lambda folder: rewrite(folder / "journal", lambda data: b""),
    "journal without its first batch": lambda folder: rewrite(
        folder / "journal", lambda data: data[:80] + data[80 + (len(data) - 80) // 2 :]
    ),
    "journal cut short": lambda folder: rewrite(folder / "journal", lambda data: data[:-1]),
    "journal altered in the middle": lambda folder: rewrite(
        folder / "journal", lambda data: data[:200] + b"?" + data[201:]
    ),
    "journal altered at the beginning": lambda folder: rewrite(
        folder / "journal", lambda data: data[:50] + b"?" + data[51:]
    ),
    "tile of the settled edge gone": lambda folder: (folder / "tile/0/001.p/44").unlink(),
    "tile of the settled edge altered": lambda folder: rewrite(
        folder / "tile/1/000.p/1", lambda data: b"?" + data[1:]
    ),
    "bundle of the settled edge altered": lambda folder: rewrite(
        folder / "tile/entries/001.p/44", lambda data: data[:-1] + b"?"
    ),
}


@pytest.mark.quick(every=4)
@pytest.mark.parametrize("keeps", [True, False])
@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_is_found_when_a_log_is_opened(damage: str, keeps: bool, folder: Path) -> None:
    DAMAGES[damage](folder)
    before = snapshot(folder)
    with pytest.raises(Damaged) as problem:
        opened(folder, keeps=keeps)
    assert problem.value.detail
    assert snapshot(folder) == before


@pytest.mark.quick(every=4)
@pytest.mark.parametrize("keeps", [True, False])
@pytest.mark.parametrize("damage", [name for name in DAMAGES if "edge" not in name and "middle" not in name])
def test_damage_is_found_by_a_log_that_is_open(damage: str, keeps: bool, folder: Path) -> None:
    log = opened(folder, keeps=keeps)
    DAMAGES[damage](folder)
    with pytest.raises(Damaged):
        log.append(samples(320, 330), b"320")
    if "checkpoint" in damage:
        with pytest.raises(Damaged):
            log.checkpoint()
        with pytest.raises(Damaged):
            log.evidence(0)


def test_a_tile_of_the_edge_that_no_batch_writes_anew_is_read_back_before_signing(folder: Path) -> None:
    log, before = opened(folder), (folder / "checkpoint").read_bytes()
    DAMAGES["tile of the settled edge altered"](folder)
    with pytest.raises(Damaged, match="the right edge of the tree does not read back as it was written"):
        log.append(samples(320, 330), b"320")
    assert (folder / "checkpoint").read_bytes() == before


def test_deleting_journal_and_checkpoint_does_not_begin_a_second_log(folder: Path) -> None:
    (folder / "journal").unlink()
    (folder / "checkpoint").unlink()
    with pytest.raises(Damaged, match="journal of the log is missing"):
        opened(folder)


def test_an_old_checkpoint_is_no_way_back(folder: Path) -> None:
    """Of a size before the settled part, of a size within the journal, and for a log that knows better."""
    log = opened(folder)
    log.append(samples(320, 330), b"320")
    elsewhere = open_log(MemoryStore())
    for start, stop in ((0, 300), (300, 310), (310, 320)):
        elsewhere.append(samples(start, stop), b"%d" % start)
        (folder / "checkpoint").write_bytes(elsewhere.checkpoint().note)
        for ask in (log.checkpoint, lambda: log.append(samples(330, 331), b"330")):
            with pytest.raises(Damaged):
                ask()
    # A process that knows no better finds the newer batch in the journal, and signs for the same tree.
    (folder / "checkpoint").write_bytes(elsewhere.checkpoint().note)
    assert opened(folder).checkpoint().size == 330
    assert log.checkpoint().size == 330


def test_a_folder_restored_from_a_backup_is_found_by_a_checkpoint_kept_elsewhere(
    folder: Path, tmp_path: Path
) -> None:
    backup = tmp_path / "backup"
    copy_folder(folder, backup)
    log = opened(folder)
    log.append(samples(320, 330), b"320")
    kept = log.checkpoint()
    log.require_continues(kept)
    restored = open_log(PosixStore(backup))
    with pytest.raises(Damaged, match=r"330 entries, and now has 320"):
        restored.require_continues(kept)
    restored.append(samples(1000, 1020), b"other entries")
    with pytest.raises(Damaged, match="not begin with the 330 entries"):
        restored.require_continues(kept)


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """A file beside a folder `log`, whose log had 5 entries when `old` was copied, and has 8 now."""
    kept = tmp_path / "kept"
    log = open_log(PosixStore(tmp_path / "log"), kept=kept)
    log.append(samples(0, 5), b"5")
    copy_folder(tmp_path / "log", tmp_path / "old")
    log.append(samples(5, 8), b"8")
    return kept


def test_a_checkpoint_kept_beside_lets_the_log_go_on(tmp_path: Path, kept: Path) -> None:
    assert open_log(PosixStore(tmp_path / "log"), kept=kept).append(samples(8, 9), b"9") == range(8, 9)
    assert kept.read_bytes() == (tmp_path / "log" / "checkpoint").read_bytes()


@pytest.mark.parametrize("back", ["log/checkpoint", "kept"])
def test_what_a_power_cut_took_of_checkpoints_is_signed_anew(tmp_path: Path, kept: Path, back: str) -> None:
    """Either may be older than the other: the journal gives the same root for the same size."""
    log = open_log(PosixStore(tmp_path / "log"), kept=kept)
    before = (tmp_path / back).read_bytes()
    log.append(samples(8, 9), b"9")
    given = log.checkpoint()
    (tmp_path / back).write_bytes(before)
    again = open_log(PosixStore(tmp_path / "log"), kept=kept).checkpoint()
    assert (again.size, again.root) == (given.size, given.root)


@pytest.mark.parametrize("appended", [0, 4], ids=["as it was", "and went on"])
def test_an_old_copy_signs_nothing_more_where_a_newer_checkpoint_is_kept(
    tmp_path: Path, kept: Path, appended: int
) -> None:
    if appended:
        open_log(PosixStore(tmp_path / "old")).append(samples(100, 100 + appended), b"other")
    before = (tmp_path / "old" / "checkpoint").read_bytes()
    with pytest.raises(Damaged, match="8 entries") as caught:
        open_log(PosixStore(tmp_path / "old"), kept=kept)
    assert "ends in .checkpoint" in caught.value.hint
    assert (tmp_path / "old" / "checkpoint").read_bytes() == before
    kept.unlink()  # as the hint says, for those who have nothing newer
    assert open_log(PosixStore(tmp_path / "old"), kept=kept).append(samples(200, 201), b"new")


def test_a_lost_folder_is_not_begun_anew(tmp_path: Path, kept: Path) -> None:
    with pytest.raises(Damaged, match="once had 8 entries, and now has 0"):
        open_log(PosixStore(tmp_path / "nothing"), kept=kept)


def test_a_log_with_another_key_may_begin_in_its_place(tmp_path: Path, kept: Path) -> None:
    other = PrivateKey.from_secret("Ed25519", b"\x03" * 32)
    assert open_log(PosixStore(tmp_path / "new"), kept=kept, signer=other).append(
        samples(0, 1), b"1"
    ) == range(1)


def test_a_kept_checkpoint_that_cannot_be_read_is_damage(tmp_path: Path, kept: Path) -> None:
    kept.write_bytes(b"")
    with pytest.raises(Damaged, match="cannot be read"):
        open_log(PosixStore(tmp_path / "log"), kept=kept)


def test_a_split_view_is_found_by_consistency() -> None:
    """Two logs under one name and key, each consistent in itself."""
    one, other = open_log(MemoryStore()), open_log(MemoryStore())
    for log, start in ((one, 0), (other, 1000)):
        log.append(samples(0, 5), b"0")
        log.append(samples(start + 5, start + 10), b"5")
        log.append(samples(10, 12), b"10")
    common = replace(one.checkpoint(), size=5, root=merkle.root(0, 5, one._tiles.tree(12)))
    for log in (one, other):
        log.require_continues(common)
    for log, checkpoint in ((one, other.checkpoint()), (other, one.checkpoint())):
        with pytest.raises(Damaged):
            log.require_continues(checkpoint)
        with pytest.raises(InvalidEvidence):
            merkle.verify_consistency(5, common.root, 12, checkpoint.root, log.consistency(5, 12))


def test_another_log_in_the_folder(folder: Path) -> None:
    with pytest.raises(Conflict, match=ORIGIN):
        Log("elsewhere.example", SIGNER, COSIGNER, PosixStore(folder), clock=lambda: NOW)
    with pytest.raises(Damaged, match="not signed with its key"):
        opened(folder, signer=PrivateKey.from_secret("Ed25519", b"\x03" * 32))
    other_clock = opened(folder, cosigner=PrivateKey.from_secret("Ed25519", b"\x03" * 32))
    assert other_clock.append(samples(320, 321), b"320") == range(320, 321)


def test_a_signed_root_that_the_entries_do_not_give(folder: Path) -> None:
    """A checkpoint of the right size, and under the right key, but of other entries."""
    other = open_log(MemoryStore())
    other.append(samples(1000, 1320), b"0")
    (folder / "checkpoint").write_bytes(other.checkpoint().note)
    with pytest.raises(Damaged, match="320 entries does not give the root that was signed"):
        opened(folder)


def test_a_log_needs_a_name_and_ed25519_keys() -> None:
    for origin in ("", "two words", "a+b", "a\nb"):
        with pytest.raises(Malformed):
            Log(origin, SIGNER, COSIGNER, MemoryStore(), clock=lambda: NOW)
    with pytest.raises(Malformed):
        open_log(MemoryStore(), signer=PrivateKey.generate("P-256"))


def test_a_signer_that_signs_something_else_publishes_nothing() -> None:
    class Broken:
        public_key = SIGNER.public_key
        broken = False

        def sign(self, data: bytes) -> bytes:
            return SIGNER.sign(data + b"?" if self.broken else data)

    signer = Broken()
    log = Log(ORIGIN, signer, COSIGNER, MemoryStore(), clock=lambda: NOW)
    signer.broken = True
    with pytest.raises(Damaged, match="does not verify"):
        log.append([sample(0)], b"0")
    assert log.checkpoint().size == 0
    signer.broken = False
    assert log.append([sample(1)], b"1") == range(1, 2)


def test_evidence_is_verified_before_it_is_given(folder: Path) -> None:
    rewrite(folder / "tile/0/000", lambda data: data[:-1] + b"?")
    log = opened(folder)
    with pytest.raises(Damaged, match="entry 254"):
        log.evidence(254)
    with pytest.raises(Damaged, match="entries 254 to 255"):
        log.evidence_for([255, 254])


def test_evidence_is_for_entries_of_ours() -> None:
    log = open_log(MemoryStore())
    log.append([b"something else"], b"0")
    with pytest.raises(Malformed):
        log.evidence(0)


def test_who_only_reads_finds_batches_by_their_keys(folder: Path) -> None:
    """Settled ones, and those that only the journal has."""
    reader = LogReader(ORIGIN, SIGNER.public_key, COSIGNER.public_key, PosixStore(folder))
    found = {key: reader.find(key) for key in (b"0", b"300", b"310", b"none")}
    assert found == {b"0": range(300), b"300": range(300, 310), b"310": range(310, 320), b"none": None}
    log = opened(folder)
    assert [log.find(key) for key in found] == list(found.values())
