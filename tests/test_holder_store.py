"""The encrypted store: what is put comes back, what was changed outside is noticed, nothing shows."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

import pytest

from holder import store as module
from holder.store import EncryptedStore, StoredRecord
from intaglio.words import remedy
from keys import WrongPassphrase
from keys.problem import WEAK_PASSPHRASE
from tests.problems import raises
from tests.processes import ended
from wire.problem import DISK_FULL, Conflict, Damaged, Malformed, NotFound, Refused, TryLater, Unavailable

PASSPHRASE = b"correct horse battery"
KEY = bytes(range(32))
RECORDS = [
    StoredRecord("credential", "diploma", b"Master of Arts, cum laude " * 20),
    StoredRecord("credential", "licence", b"Teacher"),
    StoredRecord("key", "did:key:z6Mk", b"secret"),
]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "wallet" / "wallet.sqlite3"
    EncryptedStore.create(path, PASSPHRASE, RECORDS)
    return path


def flip(path: Path, statement: str, *values: object) -> list[Any]:
    """Read or change the file from outside, as SQL allows."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        return connection.execute(statement, values).fetchall()


def rows(path: Path) -> list[tuple[bytes, int, bytes]]:
    return flip(path, "SELECT place, version, sealed FROM record ORDER BY place")


def test_what_is_put_comes_back_after_reopening(path: Path) -> None:
    with EncryptedStore.open(path, PASSPHRASE) as store:
        assert store.records() == RECORDS
        store.put(StoredRecord("credential", "diploma", b"second edition"))
        store.put(StoredRecord("credential", "minor", b""))
        store.delete("credential", "licence")
    with EncryptedStore.open(path, PASSPHRASE) as store:
        assert store.records() == [
            StoredRecord("credential", "diploma", b"second edition"),
            StoredRecord("credential", "minor", b""),
            RECORDS[2],
        ]
        for kind, name in (("credential", "licence"), ("key", "diploma")):
            with pytest.raises(NotFound):
                store.delete(kind, name)


def test_a_second_store_does_not_replace_the_first(path: Path) -> None:
    before = path.read_bytes()
    with pytest.raises(Conflict):
        EncryptedStore.create(path, b"another passphrase")
    assert path.read_bytes() == before


def test_there_is_no_store(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        EncryptedStore.open(tmp_path / "wallet.sqlite3", PASSPHRASE)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("passphrase", [b"", b"1234", b"seven..", b"20260630", b"123456789012345"])
def test_a_weak_passphrase_is_refused(tmp_path: Path, path: Path, passphrase: bytes) -> None:
    with raises(WEAK_PASSPHRASE):
        EncryptedStore.create(tmp_path / "other.sqlite3", passphrase)
    with EncryptedStore.open(path, PASSPHRASE) as store, raises(WEAK_PASSPHRASE):
        store.change_passphrase(passphrase)
    assert not (tmp_path / "other.sqlite3").exists()


def test_a_new_passphrase_rewraps_one_key(path: Path) -> None:
    old = path.read_bytes()
    with EncryptedStore.open(path, PASSPHRASE) as store:
        store.change_passphrase(b"another passphrase")
    with pytest.raises(WrongPassphrase):
        EncryptedStore.open(path, PASSPHRASE)
    with EncryptedStore.open(path, b"another passphrase") as store:
        assert store.records() == RECORDS
    assert all(sealed in old for _, _, sealed in rows(path))


def test_the_former_envelope_put_back_does_not_bring_the_former_passphrase_back(path: Path) -> None:
    envelope = flip(path, "SELECT envelope FROM vault")[0][0]
    with EncryptedStore.open(path, PASSPHRASE) as store:
        store.change_passphrase(b"another passphrase")
    flip(path, "UPDATE vault SET envelope = ?", envelope)
    with pytest.raises(Damaged):
        EncryptedStore.open(path, PASSPHRASE)


def test_the_file_shows_neither_names_nor_content_nor_kinds(path: Path) -> None:
    with EncryptedStore.open(path, PASSPHRASE) as store:
        store.put(StoredRecord("credential", "diploma2", b"Master of Arts"))
        files = b"".join(file.read_bytes() for file in path.parent.iterdir())
    for word in (
        b"diploma",
        b"licence",
        b"credential",
        b"did:key",
        b"Master",
        b"Teacher",
        b"secret",
        PASSPHRASE,
    ):
        assert word not in files


def test_only_the_owner_may_look(path: Path) -> None:
    with EncryptedStore.open(path, PASSPHRASE) as store:
        store.put(StoredRecord("key", "x", b"y"))
        files = list(path.parent.iterdir())
        assert len(files) >= 4
        assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_the_disk_has_it_when_a_call_returns(path: Path) -> None:
    with EncryptedStore.open(path, PASSPHRASE) as store:
        settings = {
            name: store._connection.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("journal_mode", "synchronous", "fullfsync", "secure_delete", "trusted_schema")
        }
    assert settings == {
        "journal_mode": b"wal",
        "synchronous": 2,
        "fullfsync": 1,
        "secure_delete": 1,
        "trusted_schema": 0,
    }


def _small() -> bytes:
    memory = module._connect(None)
    memory.executescript(module._STEPS[0])
    store = EncryptedStore(memory, KEY)
    for version, record in enumerate(RECORDS, 1):
        store._write(record, version)
    store._seal_vault(b"envelope", 3)
    return memory.serialize()


def _read(image: bytes) -> list[StoredRecord]:
    memory = module._connect(None)
    try:
        with module._problems():
            memory.deserialize(image)
            return EncryptedStore(memory, KEY).records()
    finally:
        memory.close()


@pytest.mark.slow
def test_any_byte_of_the_file_changed_is_noticed_or_means_nothing() -> None:
    image = _small()
    used = [index for index, byte in enumerate(image) if byte] + list(range(0, len(image), 97))
    noticed = 0
    for index in used:
        for flipped in (image[index] ^ 0x01, image[index] ^ 0x80):
            changed = image[:index] + bytes([flipped]) + image[index + 1 :]
            try:
                assert _read(changed) == RECORDS
            except (Damaged, Unavailable):
                noticed += 1
    assert noticed > len(used)


@pytest.mark.quick(every=4)
@pytest.mark.parametrize("column", ["place", "version", "sealed"])
@pytest.mark.parametrize("value", [b"", b"\0" * 40, "text", 7, -1, 1.5])
def test_any_column_of_a_record_replaced_is_noticed(tmp_path: Path, column: str, value: object) -> None:
    file = tmp_path / "store"
    file.write_bytes(_small())
    last = "(SELECT max(place) FROM record)"
    flip(file, f"UPDATE record SET {column} = ? WHERE place = {last}", value)
    with pytest.raises(Damaged):
        _read(file.read_bytes())


def test_no_first_row_is_noticed() -> None:
    memory = module._connect(None)
    memory.executescript(module._STEPS[0])
    with pytest.raises(Damaged):
        EncryptedStore(memory, KEY).records()
    memory.close()


def test_one_old_record_put_back_is_noticed(path: Path) -> None:
    old = rows(path)[0]
    with EncryptedStore.open(path, PASSPHRASE) as store:
        for record in RECORDS:
            store.put(record._replace(body=b"corrected"))
    flip(path, "INSERT OR REPLACE INTO record VALUES (?, ?, ?)", *old)
    with pytest.raises(Damaged):
        EncryptedStore.open(path, PASSPHRASE)
    # with the version forged as well it is noticed when it is read
    with pytest.raises(Damaged):
        EncryptedStore.open(path, PASSPHRASE)


def test_a_record_taken_out_or_brought_back_is_noticed(path: Path) -> None:
    whole = path.read_bytes()
    flip(path, "DELETE FROM record WHERE place = ?", rows(path)[0][0])
    with pytest.raises(Damaged):
        EncryptedStore.open(path, PASSPHRASE)
    path.write_bytes(whole)
    old = rows(path)
    with EncryptedStore.open(path, PASSPHRASE) as store:
        store.delete("credential", "diploma")
    for row in old:
        flip(path, "INSERT OR IGNORE INTO record VALUES (?, ?, ?)", *row)
    with pytest.raises(Damaged):
        EncryptedStore.open(path, PASSPHRASE)


def test_damage_done_while_open_stops_the_next_read_and_write(path: Path) -> None:
    with EncryptedStore.open(path, PASSPHRASE) as store:
        flip(path, "DELETE FROM record WHERE place = ?", rows(path)[0][0])
        for call in (
            store.records,
            lambda: store.put(RECORDS[0]),
            lambda: store.delete("key", "did:key:z6Mk"),
            lambda: store.change_passphrase(b"another passphrase"),
        ):
            with pytest.raises(Damaged):
                call()


def test_a_whole_old_file_is_noticed_where_the_newer_one_was_seen(path: Path, tmp_path: Path) -> None:
    old = path.read_bytes()
    with EncryptedStore.open(path, PASSPHRASE) as store:
        store.put(StoredRecord("credential", "minor", b"Philosophy"))
    path.write_bytes(old)
    with pytest.raises(Damaged, match="is an old one: at change 1, after change 2") as refused:
        EncryptedStore.open(path, PASSPHRASE)
    seen = Path(f"{path}.seen")
    assert str(seen) in remedy(refused.value)
    seen.unlink()  # what the hint says, and what an attacker can do as well
    EncryptedStore.open(path, PASSPHRASE).close()
    assert int(seen.read_text()) == 1
    seen.write_text("no number")
    EncryptedStore.open(path, PASSPHRASE).close()


def test_a_new_store_ignores_what_lies_about_from_a_former_one(path: Path) -> None:
    with EncryptedStore.open(path, PASSPHRASE) as store:
        store.put(RECORDS[0])
        leftovers = {name: Path(f"{path}{name}").read_bytes() for name in ("-wal", "-shm", ".seen")}
    path.unlink()
    for name, content in leftovers.items():
        Path(f"{path}{name}").write_bytes(content)
    EncryptedStore.create(path, b"another passphrase")
    with EncryptedStore.open(path, b"another passphrase") as store:
        assert store.records() == []


@pytest.mark.parametrize("content", [b"", b"not a database " * 300, b"SQLite format 3\0" + b"\xff" * 4096])
def test_what_is_no_store_is_damaged(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(Damaged):
        EncryptedStore.open(path, PASSPHRASE)
    with pytest.raises((Damaged, Malformed)):
        EncryptedStore.load(path, PASSPHRASE)


def test_a_file_of_a_newer_program_is_refused_by_name_and_left_alone(path: Path) -> None:
    EncryptedStore.open(path, PASSPHRASE).close()
    flip(path, "PRAGMA user_version = 9999")
    before = path.read_bytes()
    with pytest.raises(Refused, match="the wallet was made by a newer program: version 9999"):
        EncryptedStore.open(path, PASSPHRASE)
    assert path.read_bytes() == before


def test_a_file_of_another_kind_is_no_backup(tmp_path: Path) -> None:
    text, database = tmp_path / "text", tmp_path / "database"
    text.write_text("Dear diary")
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("CREATE TABLE cookie (value TEXT)")
    for file in (text, database):
        with pytest.raises(Malformed, match=f"{file.name} is no backup of a wallet"):
            EncryptedStore.load(file, PASSPHRASE)


@pytest.mark.parametrize("envelope", [b"{}", b"", b"[]", b'{"version": 1}', 7, None])
def test_an_unreadable_envelope_is_damaged(path: Path, envelope: object) -> None:
    flip(path, "UPDATE vault SET envelope = ?", envelope)
    with pytest.raises(Damaged):
        EncryptedStore.open(path, PASSPHRASE)


def test_a_copy_loads_from_where_nothing_can_be_written(path: Path, tmp_path: Path) -> None:
    folder = tmp_path / "read only"
    folder.mkdir()
    copy = Path(shutil.copy(path, folder / "copy #1"))
    folder.chmod(0o500)
    assert EncryptedStore.load(copy, PASSPHRASE) == RECORDS
    with pytest.raises(WrongPassphrase):
        EncryptedStore.load(copy, b"another passphrase")
    assert [file.name for file in folder.iterdir()] == ["copy #1"]
    with pytest.raises(NotFound):
        EncryptedStore.load(folder / "copy #2", PASSPHRASE)


def test_a_store_that_cannot_be_written_says_so(path: Path) -> None:
    with EncryptedStore.open(path, PASSPHRASE, patience=0) as store:
        with (
            EncryptedStore.open(path, PASSPHRASE) as other,
            other._writing(),
            pytest.raises(TryLater, match="another"),
        ):
            store.put(RECORDS[0])
        store._connection.execute("PRAGMA query_only = ON")
        with pytest.raises(Unavailable, match="may not be written"):
            store.put(RECORDS[0])
        store._connection.execute("PRAGMA query_only = OFF")
        (pages,) = store._connection.execute("PRAGMA page_count").fetchone()
        store._connection.execute(f"PRAGMA max_page_count = {pages}")
        with raises(DISK_FULL):
            store.put(StoredRecord("credential", "long", b"x" * 100_000))
        assert store.records() == RECORDS


def _fill(path: Path, number: int, start: Barrier) -> None:
    start.wait()
    with EncryptedStore.open(path, PASSPHRASE) as store:
        for turn in range(10):
            store.put(StoredRecord("credential", f"{number}-{turn}", b"x"))
            store._compare_with(module._seen_beside(path))


@pytest.mark.slow
def test_processes_take_turns_and_nothing_is_lost(path: Path) -> None:
    context = multiprocessing.get_context("fork")
    start = context.Barrier(3)
    workers = [context.Process(target=_fill, args=(path, number, start)) for number in range(3)]
    for worker in workers:
        worker.start()
    ended(workers)
    with EncryptedStore.open(path, PASSPHRASE) as store:
        names = {record.name for record in store.records() if "-" in record.name}
    assert names == {f"{number}-{turn}" for number in range(3) for turn in range(10)}
    assert int(Path(f"{path}.seen").read_text()) == 31


@pytest.mark.parametrize(
    "vault",
    [
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) "
        "SELECT 1 AS row, x'00' AS envelope, i AS version, x'00' AS sealed FROM n WHERE i < 0",
        "SELECT 1 AS row, zeroblob(990000000) AS envelope, 1 AS version, x'00' AS sealed",
    ],
)
def test_a_backup_with_views_for_tables_is_none(tmp_path: Path, vault: str) -> None:
    """The one has no end, the other takes a gigabyte."""
    with closing(sqlite3.connect(tmp_path / "backup")) as connection:
        connection.executescript(f"{module._STEPS[0]} DROP TABLE vault; CREATE VIEW vault AS {vault};")
    with pytest.raises(Malformed, match="no backup of a wallet"):
        EncryptedStore.load(tmp_path / "backup", PASSPHRASE)


def test_a_backup_whose_pages_go_round_in_circles_is_none(tmp_path: Path) -> None:
    """Five pages, each of which names the next one two hundred times, are 200^5 rows."""
    EncryptedStore.create(
        tmp_path / "backup", PASSPHRASE, [StoredRecord("credential", str(n), bytes(900)) for n in range(300)]
    )
    data = bytearray((tmp_path / "backup").read_bytes())
    with closing(sqlite3.connect(tmp_path / "backup")) as connection:
        (root,) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'record'").fetchone()
        (size,) = connection.execute("PRAGMA page_size").fetchone()
    page = (root - 1) * size
    assert data[page] == 2, "an interior page of an index b-tree"
    cells = int.from_bytes(data[page + 3 : page + 5])
    first = int.from_bytes(data[page + 12 : page + 14])
    child = data[page + first : page + first + 4]
    for cell in range(cells):
        at = page + int.from_bytes(data[page + 12 + 2 * cell : page + 14 + 2 * cell])
        data[at : at + 4] = child
    (tmp_path / "backup").write_bytes(data)
    with pytest.raises(Damaged, match="pages do not fit"):
        EncryptedStore.load(tmp_path / "backup", PASSPHRASE)


@pytest.mark.slow
def test_a_wallet_that_could_not_be_made_leaves_nothing_that_is_wrong(tmp_path: Path) -> None:
    secret = tmp_path / "passphrase"
    secret.touch(mode=0o600)
    secret.write_bytes(b"correct horse battery")
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    left = home / "wallet" / f".wallet.sqlite3.{'0' * 16}.tmp"  # by one that was killed

    def typed(*words: str, most: str = "unlimited") -> subprocess.CompletedProcess[str]:
        program = [sys.executable, "-m", "intaglio", "--home", str(home), *words]
        return subprocess.run(
            ["sh", "-c", f'ulimit -f {most} && exec "$@"', "sh", *program],  # of a file's size, as a quota
            env={**os.environ, "INTAGLIO_PASSPHRASE_FILE": str(secret), "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            text=True,
        )

    failed = typed("wallet", "init", most="0")
    assert failed.returncode == 3, failed.stderr
    assert "File too large" in failed.stderr
    assert typed("doctor").returncode == 0
    left.parent.mkdir(mode=0o700)
    left.write_bytes(b"of the one before")
    assert typed("wallet", "init").returncode == 0
    assert not left.exists()
    assert typed("doctor").returncode == 0


def test_one_record_is_read_alone_and_none_that_is_not_there(path: Path) -> None:
    with EncryptedStore.open(path, PASSPHRASE) as store:
        assert [store.get(record.kind, record.name) for record in RECORDS] == RECORDS
        assert store.get("key", "diploma") is None
        assert store.records(longest=100) == RECORDS[1:]


def test_a_store_from_before_gets_the_index_by_which_it_is_checked(path: Path) -> None:
    assert not flip(path, "SELECT name FROM sqlite_master WHERE name = 'state'")
    EncryptedStore.open(path, PASSPHRASE).close()
    (plan,) = flip(path, "EXPLAIN QUERY PLAN SELECT place, version FROM record ORDER BY place")
    assert plan[-1] == "SCAN record USING COVERING INDEX state"
    assert EncryptedStore.load(path, PASSPHRASE) == RECORDS


def behind_the_index(path: Path, *statements: str) -> None:
    """Changes a table, and not the index over it, which then says what no longer is."""
    (index,) = flip(
        path, "SELECT type, name, tbl_name, rootpage, sql FROM sqlite_master WHERE name = 'state'"
    )
    flip_schema(path, "DELETE FROM sqlite_master WHERE name = 'state'")
    for statement in statements:
        flip(path, statement)
    flip_schema(path, "INSERT INTO sqlite_master VALUES (?, ?, ?, ?, ?)", *index)


def flip_schema(path: Path, statement: str, *values: object) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute(statement, values)
        connection.execute("PRAGMA writable_schema = RESET")


@pytest.mark.parametrize("change", ["put back", "removed", "added"])
def test_what_was_changed_behind_the_index_is_noticed(path: Path, change: str) -> None:
    EncryptedStore.open(path, PASSPHRASE).close()
    before = rows(path)
    with EncryptedStore.open(path, PASSPHRASE) as store:
        for record in RECORDS:
            store.put(record._replace(body=b"second edition"))
    statements = {
        "put back": [
            f"UPDATE record SET version = {version}, sealed = x'{sealed.hex()}' "
            f"WHERE place = x'{place.hex()}'"
            for place, version, sealed in before
        ],
        "removed": ["DELETE FROM record"],
        "added": ["INSERT INTO record SELECT x'00', version, sealed FROM record LIMIT 1"],
    }[change]
    behind_the_index(path, *statements)
    with EncryptedStore.open(path, PASSPHRASE) as store:
        for longest in (None, 100):
            with pytest.raises(Damaged):
                store.records(longest=longest)
        if change != "added":  # what was is read as it was
            with pytest.raises(Damaged):
                store.get("key", "did:key:z6Mk")
