"""The whole issuer in one encrypted file, and back."""

from __future__ import annotations

import fcntl
import io
import json
import os
import shutil
import sqlite3
import stat
import tarfile
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from intaglio.tls import server_files
from intaglio.words import remedy
from issuer.desk.claims import ClaimLinks
from issuer.issuer import Issuer
from issuer.job.order import Order
from issuer.keeping import backup as module
from issuer.keeping.backup import backup, restore
from issuer.press.permutation import LIST_ENTRIES
from keys import WrongPassphrase
from keys.envelope import seal
from ledger.audit import audit
from ledger.folder import kept_beside
from tests.copying import copy_folder
from tests.fault.heard import hearing
from tests.fault.limits import files_of_at_most
from tests.fault.powerloss import Recorder
from tests.world import NOW, csv_file, graduate, issuer_in, of_diploma, reopened, verifier_for
from vc import Verdict
from vc.status import Reason
from wire.consent import MARK
from wire.problem import Conflict, Damaged, Malformed, NotFound, Refused

pytestmark = pytest.mark.slow  # each has an issuer with diplomas, backed up under a passphrase

SECRET = b"correct horse battery staple"


@pytest.fixture
def issuer(tmp_path: Path) -> Issuer:
    issuer = issuer_in(tmp_path / "home")
    rows = [graduate(row) for row in range(1, 31)]
    issuer.issue_file(Order(csv_file(tmp_path / "g.csv", rows), tmp_path / "errors.csv"))
    issuer.correct("UNI-000003", {"gpa": "4.0"})
    issuer.revoke(["UNI-000004"], Reason.FRAUD, date=NOW, now=NOW)
    claims = ClaimLinks(issuer.home / "claims.sqlite", "https://localhost")
    claims.offer(of_diploma("UNI-000005"), issuer, now=NOW)
    claims.close()
    server_files(issuer.home / "tls", [], now=NOW)
    large = issuer.home / "shards" / "99" / "000000.jsonl.zst"  # so that a backup has three portions
    large.parent.mkdir()
    large.write_bytes(bytes(9 << 18))
    return issuer


@pytest.fixture
def file(issuer: Issuer, tmp_path: Path) -> Path:
    backup(issuer.home, tmp_path / "backup", SECRET)
    return tmp_path / "backup"


def test_a_restored_issuer_goes_on_where_the_other_was(issuer: Issuer, file: Path, tmp_path: Path) -> None:
    restore(file, tmp_path / "elsewhere" / "home", SECRET)
    again = reopened(tmp_path / "elsewhere" / "home")
    assert again.did == issuer.did
    assert list(again.entries()) == list(issuer.entries())
    for entry in issuer.entries():
        assert again.line(entry) == issuer.line(entry)
    assert audit(again.log) == audit(issuer.log)
    assert again.log.checkpoint().root == issuer.log.checkpoint().root
    assert again.issue(graduate(99)).seq >= LIST_ENTRIES  # no status position is given out twice
    bundle = again.bundle(again.current("UNI-000005"))
    assert verifier_for(again).verify(bundle, now=NOW).verdict is Verdict.VALID
    assert again.current("UNI-000004").reason == "fraud"


def test_a_service_under_which_an_old_copy_comes_back_signs_nothing_more(tmp_path: Path) -> None:
    home, copy = tmp_path / "issuer", tmp_path / "copy"
    service = issuer_in(home)
    service.issue(graduate(1))
    copy_folder(home, copy)
    other = issuer_in(home)
    for row in (2, 3):
        other.issue(graduate(row))
    for issuer in (service, other):
        issuer.store.close()
    kept = kept_beside(home).read_bytes()
    shutil.rmtree(home)
    copy_folder(copy, home)
    with pytest.raises(Damaged, match="once had"):
        service.issue(graduate(4))
    assert kept_beside(home).read_bytes() == kept


def test_everything_that_is_restored_is_private_and_nothing_is_missing(
    issuer: Issuer, file: Path, tmp_path: Path
) -> None:
    home = tmp_path / "again"
    restore(file, home, SECRET)

    def names(folder: Path) -> set[str]:
        found = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
        return {name for name in found if not name.endswith((".lock", "-wal", "-shm"))}

    assert names(home) == {*names(issuer.home), MARK}
    assert "claims.sqlite" in names(home)
    for path in [home, *home.rglob("*")]:
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0


def test_a_power_cut_leaves_all_names_of_a_restored_issuer_or_none(file: Path, tmp_path: Path) -> None:
    folder = tmp_path / "into"
    folder.mkdir()
    with Recorder(folder) as recorder:
        restore(file, folder / "new", SECRET)
        recorder.acknowledge()
    names = {str(path.relative_to(folder)) for path in (folder / "new").rglob("*")}
    crashes = [(crash.acknowledged, crash.tree.keys()) for crash in recorder.crashes()]
    assert {names <= tree for acknowledged, tree in crashes if acknowledged or "new" in tree} == {True}
    assert any("new" not in tree for _, tree in crashes)


def test_the_file_is_private_and_says_nothing(issuer: Issuer, file: Path) -> None:
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    content = file.read_bytes()
    for word in (b"UNI-0000", b"Given1", b"issuer.json", issuer.did.encode(), SECRET):
        assert word not in content


def test_nothing_is_overwritten(issuer: Issuer, file: Path) -> None:
    before = file.read_bytes()
    with pytest.raises(Conflict, match="exists already"):
        backup(issuer.home, file, SECRET)
    assert file.read_bytes() == before
    with pytest.raises(Conflict, match="exists already"):
        restore(file, issuer.home, SECRET)


def test_a_backup_older_than_the_log_was_here_is_refused(issuer: Issuer, file: Path) -> None:
    issuer.correct("UNI-000005", {"gpa": "4.0"})
    shutil.rmtree(issuer.home)
    with pytest.raises(Refused, match=r"log has \d+ entries, while .* had") as caught:
        restore(file, issuer.home, SECRET)
    assert not issuer.home.exists()
    kept_beside(issuer.home).unlink()
    assert str(kept_beside(issuer.home)) in remedy(caught.value)
    restore(file, issuer.home, SECRET)
    assert issuer_in(issuer.home).correct("UNI-000006", {"gpa": "4.0"})


def test_the_newest_backup_comes_back_to_its_place(issuer: Issuer, file: Path) -> None:
    shutil.rmtree(issuer.home)
    restore(file, issuer.home, SECRET)
    assert issuer_in(issuer.home).correct("UNI-000005", {"gpa": "4.0"})


def test_a_backup_of_nothing_and_from_nothing_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="there is no issuer"):
        backup(tmp_path / "nobody", tmp_path / "b", SECRET)
    assert not (tmp_path / "b").exists()
    with pytest.raises(NotFound, match="there is no file"):
        restore(tmp_path / "b", tmp_path / "home", SECRET)
    assert list(tmp_path.iterdir()) == []


def test_the_passphrase_has_to_be_right(file: Path, tmp_path: Path) -> None:
    with pytest.raises(WrongPassphrase):
        restore(file, tmp_path / "again", b"another passphrase")
    assert not (tmp_path / "again").exists()


@given(st.data())
@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    deadline=None,
    max_examples=settings().max_examples // 2,
)
def test_a_changed_or_shortened_file_is_never_restored(file: Path, data: st.DataObject) -> None:
    content = bytearray(file.read_bytes())
    if data.draw(st.booleans()):
        content[data.draw(st.integers(0, len(content) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    else:
        del content[data.draw(st.integers(0, len(content) - 1)) :]
    changed = file.with_name("changed")
    changed.write_bytes(content)
    with pytest.raises((Damaged, Malformed, WrongPassphrase)):
        restore(changed, file.with_name("again"), SECRET)
    assert not file.with_name("again").exists()


@pytest.mark.parametrize("portions", [[1, 0], [0, 2], [0, 0, 1], [0]])
def test_portions_cannot_be_moved_left_out_or_cut_off(file: Path, portions: list[int]) -> None:
    content = file.read_bytes()
    start = len(module._MAGIC) + 4 + int.from_bytes(content[len(module._MAGIC) :][:4])
    size = module._PORTION + 16
    moved = b"".join(content[start + number * size :][:size] for number in portions)
    file.with_name("changed").write_bytes(content[:start] + moved)
    with pytest.raises(Damaged, match="cut short, or was changed"):
        restore(file.with_name("changed"), file.with_name("again"), SECRET)


def sealed_archive(path: Path, *members: tarfile.TarInfo | tuple[str, bytes], raw: bytes = b"") -> None:
    """A file sealed as a backup is, by somebody who means harm; `raw` stands for the archive itself."""
    key = os.urandom(32)
    envelope = json.dumps(seal(key, SECRET)).encode()
    with path.open("wb") as file:
        file.write(module._MAGIC + len(envelope).to_bytes(4) + envelope)
        sealing = module._Sealing(file, key)
        sealing.write(raw)
        if members:
            with tarfile.open(fileobj=sealing, mode="w|") as archive:
                for member in members:
                    info = tarfile.TarInfo(member[0]) if isinstance(member, tuple) else member
                    content = member[1] if isinstance(member, tuple) else b"abc"
                    info.size = len(content) if info.isfile() else 0
                    archive.addfile(info, io.BytesIO(content))
        sealing.finish()


def opened(file: Path) -> dict[str, bytes]:
    """What a backup holds, for those who make another one of it."""
    with (
        file.open("rb") as sealed,
        tarfile.open(fileobj=module._Unsealing(sealed, module._key(sealed, SECRET)), mode="r|") as archive,
    ):
        return {member.name: archive.extractfile(member).read() for member in archive}  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "name",
    [
        "keys\0.json",
        "/".join(["log"] * 1500),
        "log/" + "x" * 300,
        "log//x",
        "log/.hidden",
        "log\n",
        "a\u202eb",
    ],
)
def test_a_backup_with_names_that_no_issuer_has_is_refused(tmp_path: Path, name: str) -> None:
    member = tarfile.TarInfo("x")
    member.pax_headers = {"path": name}
    sealed_archive(tmp_path / "b", member)
    with pytest.raises(Damaged, match="no file of an issuer"):
        restore(tmp_path / "b", tmp_path / "home", SECRET)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["b"]


def test_a_backup_with_a_name_of_any_length_is_not_taken_into_memory(tmp_path: Path) -> None:
    member = tarfile.TarInfo("x")
    member.pax_headers = {"path": "x" * (1 << 20)}
    sealed_archive(tmp_path / "b", member)
    with pytest.raises(Damaged, match="longer than any file"):
        restore(tmp_path / "b", tmp_path / "home", SECRET)


@pytest.mark.parametrize(
    "headers",
    [
        {"GNU.sparse.major": "0", "GNU.sparse.size": str(1 << 40), "GNU.sparse.map": f"{(1 << 40) - 3},3"},
        {"GNU.sparse.size": str(1 << 40), "GNU.sparse.map": "0,3"},
    ],
)
def test_a_backup_that_says_that_it_is_a_terabyte_fills_no_disk(
    tmp_path: Path, headers: dict[str, str]
) -> None:
    member = tarfile.TarInfo("keys.json")
    member.pax_headers = headers
    sealed_archive(tmp_path / "b", member)
    with pytest.raises(Damaged, match="no file of an issuer"):
        restore(tmp_path / "b", tmp_path / "home", SECRET)


@pytest.mark.slow
@pytest.mark.parametrize(
    "program",
    [
        "CREATE TRIGGER t AFTER UPDATE ON counter BEGIN INSERT INTO person WITH RECURSIVE c(x) AS "
        "(SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT x, 'n', 'e' FROM c; END",
        "CREATE VIEW v AS SELECT 1",
        "CREATE INDEX i ON counter (length(name))",
        "CREATE INDEX i ON counter (next) WHERE length(name) > 3",
        "CREATE TABLE t (x CHECK (length(randomblob(1000000000)) > 1))",
        "CREATE TABLE t (x, y GENERATED ALWAYS AS (x))",
        "CREATE TABLE t (x DEFAULT/**/(randomblob(1000000000)))",
        'CREATE TABLE t (x "--" DEFAULT (randomblob(1000000000)))',
        "CREATE TABLE t (x [/*] CHECK (length(randomblob(1000000000)) > 1))",
        "CREATE VIRTUAL TABLE t USING fts5(x)",
    ],
)
def test_a_backup_brings_no_program_along(file: Path, tmp_path: Path, program: str) -> None:
    content = opened(file)
    database = tmp_path / "issuer.sqlite"
    database.write_bytes(content["issuer.sqlite"])
    with closing(sqlite3.connect(database)) as connection:
        connection.execute(program)
        connection.execute("PRAGMA journal_mode = DELETE")
    content["issuer.sqlite"] = database.read_bytes()
    sealed_archive(tmp_path / "b", *content.items())
    with pytest.raises(Damaged, match=r"issuer\.sqlite is not a database as this program makes them"):
        restore(tmp_path / "b", tmp_path / "again", SECRET)
    assert not (tmp_path / "again").exists()


def test_a_backup_s_database_fits_together(file: Path, tmp_path: Path) -> None:
    content = opened(file)
    database = tmp_path / "claims.sqlite"
    database.write_bytes(content["claims.sqlite"])
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("CREATE TABLE t (x)")
        connection.execute("INSERT INTO t VALUES (NULL)")
        connection.commit()
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute("UPDATE sqlite_master SET sql = 'CREATE TABLE t (x NOT NULL)' WHERE name = 't'")
        connection.commit()
        connection.execute("PRAGMA journal_mode = DELETE")
    content["claims.sqlite"] = database.read_bytes()
    sealed_archive(tmp_path / "b", *content.items())
    with pytest.raises(Damaged, match=r"claims\.sqlite is not a database as this program makes them"):
        restore(tmp_path / "b", tmp_path / "again", SECRET)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["issuer.json", "keys.json", "did.json", "issuer.sqlite", "log/checkpoint"])
def test_a_backup_without_what_every_issuer_has_is_none(file: Path, tmp_path: Path, name: str) -> None:
    content = opened(file)
    del content[name]
    sealed_archive(tmp_path / "b", *content.items())
    with pytest.raises(Damaged, match=name):
        restore(tmp_path / "b", tmp_path / "again", SECRET)


@pytest.mark.parametrize("name", ["../escaped", "/tmp/escaped", "log/../../escaped"])
def test_a_backup_cannot_write_outside_its_folder(tmp_path: Path, name: str) -> None:
    sealed_archive(tmp_path / "b", tarfile.TarInfo(name))
    with pytest.raises(Damaged, match="no file of an issuer"):
        restore(tmp_path / "b", tmp_path / "home", SECRET)
    assert not (tmp_path / "escaped").exists()


def test_a_backup_holds_files_only(tmp_path: Path) -> None:
    link = tarfile.TarInfo("keys.json")
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
    sealed_archive(tmp_path / "b", link)
    with pytest.raises(Damaged, match="no file of an issuer"):
        restore(tmp_path / "b", tmp_path / "home", SECRET)


def test_a_sealed_file_that_is_no_archive_is_damage(tmp_path: Path) -> None:
    sealed_archive(tmp_path / "b", raw=b"no archive" * 100)
    with pytest.raises(Damaged, match="not an archive"):
        restore(tmp_path / "b", tmp_path / "home", SECRET)


def test_a_failed_backup_leaves_no_file(issuer: Issuer, file: Path, tmp_path: Path) -> None:
    with files_of_at_most(file.stat().st_size - 1), pytest.raises(OSError, match="too large"):
        backup(issuer.home, tmp_path / "b", SECRET)
    assert not (tmp_path / "b").exists()


def test_a_claim_during_a_backup_does_no_harm(issuer: Issuer, tmp_path: Path) -> None:
    first = iter([True])

    def correct_meanwhile(_: str, arguments: tuple[object, ...]) -> None:
        """When the index is copied, and the first shard is about to be."""
        if str(arguments[0]).startswith(str(issuer.home / "shards")) and next(first, False):
            reopened(issuer.home).correct("UNI-000009", {"gpa": "1.0"})

    hearing(correct_meanwhile, lambda: backup(issuer.home, tmp_path / "b", SECRET))
    assert issuer.current("UNI-000009").edition == 2
    restore(tmp_path / "b", tmp_path / "again", SECRET)
    again = reopened(tmp_path / "again")
    assert again.current("UNI-000009").edition == 1
    assert audit(again.log).size == audit(issuer.log).size
    for entry in again.entries():
        assert again.log.evidence(entry.leaf).digest
    assert again.correct("UNI-000010", {"gpa": "1.0"}).edition == 2


def test_the_service_stays_known_to_the_wallets(issuer: Issuer, file: Path, tmp_path: Path) -> None:
    restore(file, tmp_path / "again", SECRET)
    before = server_files(issuer.home / "tls", [], now=NOW).authority.read_bytes()
    assert server_files(tmp_path / "again" / "tls", [], now=NOW).authority.read_bytes() == before


@pytest.mark.parametrize("damage", ["no database", "a page"])
def test_a_damaged_database_is_not_taken_for_a_backup(issuer: Issuer, tmp_path: Path, damage: str) -> None:
    path = issuer.home / "claims.sqlite"
    data = bytearray(path.read_bytes())
    start = 0 if damage == "no database" else 4096
    data[start : start + 100] = b"x" * 100
    path.write_bytes(data)
    with pytest.raises(Damaged, match=r"claims\.sqlite"):
        backup(issuer.home, tmp_path / "backup", SECRET)
    assert not (tmp_path / "backup").exists()


def test_what_a_killed_backup_or_restore_left_of_people_goes(
    issuer: Issuer, file: Path, tmp_path: Path
) -> None:
    (issuer.home / ".backup-abc").mkdir()
    (issuer.home / ".backup-abc" / "issuer.sqlite").write_bytes(b"people")
    backup(issuer.home, tmp_path / "second", SECRET)
    assert not (issuer.home / ".backup-abc").exists()
    left, held = (tmp_path / f".again.restoring-{name}" for name in ("left", "held"))
    for folder in (left, held):
        folder.mkdir()
        (folder / "issuer.sqlite").write_bytes(b"people")
    descriptor = os.open(held, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_SH)  # as a restore that goes on does
    restore(file, tmp_path / "again", SECRET)
    os.close(descriptor)
    assert (left.exists(), held.exists()) == (False, True)
