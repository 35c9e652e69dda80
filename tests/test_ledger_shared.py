"""What machines share of a log: the address of their database, and the newest checkpoint of each."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import orjson
import pytest

from ledger import Checkpoint, Log
from ledger.folder import ADDRESS as LEDGER
from ledger.folder import kept_beside, kept_of, store_in
from ledger.log import LogReader
from ledger.outbox import Outbox
from ledger.shared import ADDRESS, database_of, keep_store_address, store_address
from ledger.shared.checkpoint import SharedCheckpoint
from ledger.tiles.memory import MemoryStore
from ledger.tiles.store import Store
from tests import postgres_server
from tests.ledger_samples import COSIGNER, ORIGIN, SIGNER, open_log, samples
from tests.problems import raises
from wire.consent import MARK, NotAgreed
from wire.problem import Damaged, ExtraMissing, Unavailable

NOWHERE = "postgresql://issuer@127.0.0.1:1/none"


@dataclass
class Memory:
    """The newest checkpoint in a database, in memory."""

    note: bytes | None = None

    def newest(self) -> bytes | None:
        return self.note

    def keep_newest(self, size: int, note: bytes) -> None:
        if self.note is None or Checkpoint.parse(self.note).size <= size:
            self.note = note


def reader(store: Store, kept: SharedCheckpoint) -> LogReader:
    return LogReader(ORIGIN, SIGNER.public_key, COSIGNER.public_key, store, kept=kept)


def copied(log: Log) -> MemoryStore:
    """A copy of a log as it is now."""
    copy = MemoryStore()
    entries = samples(0, log.checkpoint().size)
    open_log(copy).append(entries, b"all")
    return copy


class TestCheckpoints:
    """Two machines, whose database is brought back as it was."""

    def test_the_machine_that_signed_more_refuses_an_old_dump(self, tmp_path: Path) -> None:
        database, one = Memory(), tmp_path / "one"
        log = open_log(MemoryStore(), kept=SharedCheckpoint(one, database))
        log.append(samples(0, 3), b"1")
        dump, dumped = copied(log), Memory(database.note)
        log.append(samples(3, 5), b"2")
        with pytest.raises(Damaged, match="once had 5 entries"):
            open_log(dump, kept=SharedCheckpoint(one, dumped))

    def test_so_does_one_that_only_saw_it(self, tmp_path: Path) -> None:
        database, two, three = Memory(), tmp_path / "two", tmp_path / "three"
        store = MemoryStore()
        log = open_log(store, kept=SharedCheckpoint(tmp_path / "one", database))
        log.append(samples(0, 3), b"1")
        reader(store, SharedCheckpoint(three, database)).require_newest()
        dump, dumped = copied(log), Memory(database.note)
        log.append(samples(3, 5), b"2")
        reader(store, SharedCheckpoint(two, database)).require_newest()
        with pytest.raises(Damaged, match="once had 5 entries"):
            reader(dump, SharedCheckpoint(two, dumped)).require_newest()
        # The dump agrees with itself: who saw no more of the log cannot know.
        reader(dump, SharedCheckpoint(three, dumped)).require_newest()

    def test_the_database_refuses_an_old_copy_of_a_log_elsewhere(self, tmp_path: Path) -> None:
        database = Memory()
        log = open_log(MemoryStore(), kept=SharedCheckpoint(tmp_path / "one", database))
        log.append(samples(0, 3), b"1")
        old = copied(log)
        log.append(samples(3, 5), b"2")
        with pytest.raises(Damaged, match="once had 5 entries"):
            open_log(old, kept=SharedCheckpoint(tmp_path / "new machine", database))

    def test_a_refused_log_takes_the_place_of_no_checkpoint(self, tmp_path: Path) -> None:
        database, one = Memory(), tmp_path / "one"
        log = open_log(MemoryStore(), kept=SharedCheckpoint(one, database))
        log.append(samples(0, 3), b"1")
        before = one.read_bytes()
        forked = MemoryStore()
        open_log(forked).append(samples(7, 12), b"other")
        for _ in range(2):
            with pytest.raises(Damaged, match="does not begin with"):
                reader(forked, SharedCheckpoint(one, database)).require_newest()
        assert one.read_bytes() == before

    def test_an_older_one_that_was_seen_replaces_no_newer_one(self, tmp_path: Path) -> None:
        one, store = tmp_path / "one", MemoryStore()
        kept = SharedCheckpoint(one, Memory())
        log = open_log(store, kept=kept)
        log.append(samples(0, 3), b"1")
        older = log.checkpoint()
        log.append(samples(3, 5), b"2")
        kept.see(lambda: older)
        assert one.read_bytes() == log.checkpoint().note

    def test_of_a_log_that_was_not_begun_there_is_none(self, tmp_path: Path) -> None:
        kept = SharedCheckpoint(tmp_path / "one", Memory())
        reader(MemoryStore(), kept).require_newest()
        assert kept.notes() == []

    def test_one_that_cannot_be_read_is_damage(self, tmp_path: Path) -> None:
        one = tmp_path / "one"
        one.write_bytes(b"x")
        with pytest.raises(Damaged):
            open_log(MemoryStore(), kept=SharedCheckpoint(one, Memory()))
        with pytest.raises(Damaged, match="was kept"):
            SharedCheckpoint(one, Memory()).see(lambda: open_log(MemoryStore()).checkpoint())


class TestAddress:
    """`store.json`."""

    def test_a_folder_without_one_has_all(self, tmp_path: Path) -> None:
        assert (store_address(tmp_path), database_of(tmp_path)) == (None, None)

    def test_it_is_read_as_it_was_kept(self, tmp_path: Path) -> None:
        keep_store_address(tmp_path, NOWHERE)
        assert store_address(tmp_path) == NOWHERE
        assert type(kept_of(tmp_path)) is SharedCheckpoint
        with raises(Unavailable):
            Outbox(tmp_path).destinations()  # nobody answers there, and no file is looked at instead

    @pytest.mark.parametrize("content", [b"{", b"{}", b'{"version": 2, "address": "x"}', b'{"version": 1}'])
    def test_one_that_is_not_as_it_was_written_is_damage(self, tmp_path: Path, content: bytes) -> None:
        (tmp_path / ADDRESS).write_bytes(content)
        with raises(Damaged):
            store_address(tmp_path)

    def test_one_out_of_a_backup_is_not_used_unasked(self, tmp_path: Path) -> None:
        keep_store_address(tmp_path, NOWHERE)
        (tmp_path / MARK).touch()
        with raises(NotAgreed):
            Outbox(tmp_path).destinations()

    def test_without_the_driver_its_extra_is_named(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        keep_store_address(tmp_path, "postgresql://issuer@localhost/none")
        monkeypatch.setitem(sys.modules, "psycopg", None)
        of_driver = ("wire.postgres", "ledger.shared.postgres")
        for name in [name for name in sys.modules if name.startswith(of_driver)]:
            monkeypatch.delitem(sys.modules, name)
        with raises(ExtraMissing) as raised:
            database_of(tmp_path)
        assert raised.value.facts["extra"] == "postgres"


@postgres_server.needed
@pytest.mark.slow
def test_the_newest_checkpoint_in_postgresql_is_that_of_the_longest_log(tmp_path: Path) -> None:
    server = postgres_server.server()
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        keep_store_address(tmp_path / name, server.uri(server.of(tmp_path), "issuer"))
    one, two = kept_of(tmp_path / "one"), kept_of(tmp_path / "two")
    store = MemoryStore()
    log = open_log(store, kept=one)
    log.append(samples(0, 3), b"1")
    older = log.checkpoint().note
    log.append(samples(3, 5), b"2")
    assert two.notes() == [log.checkpoint().note]
    one.keep(lambda: older)  # as by a process that was paused
    assert two.notes() == [log.checkpoint().note]
    assert one.notes() == [older, log.checkpoint().note]
    assert kept_beside(tmp_path / "one").read_bytes() == older


@postgres_server.needed
@pytest.mark.slow
def test_an_old_dump_of_the_database_is_refused_on_each_machine_that_saw_more(tmp_path: Path) -> None:
    server = postgres_server.server()
    name = server.of(tmp_path)

    def machine(folder: str, database: str) -> Path:
        home = tmp_path / folder
        home.mkdir(exist_ok=True)
        keep_store_address(home, server.uri(database, "issuer"))
        address = server.uri(database, "appender")
        (home / LEDGER).write_bytes(orjson.dumps({"version": 1, "address": address}))
        return home

    def opened(home: Path) -> Log:
        return open_log(store_in(home), kept=kept_of(home))

    one, two, three = (machine(each, name) for each in ("one", "two", "three"))
    log = opened(one)
    log.append(samples(0, 3), b"1")
    assert opened(three).checkpoint().size == 3
    # A database that somebody is connected to is not copied.
    server.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")
    server.execute(f"CREATE DATABASE {name}_dump TEMPLATE {name}")
    log.append(samples(3, 5), b"2")
    assert opened(two).checkpoint().size == 5
    for each in ("one", "two"):
        with pytest.raises(Damaged, match="once had 5 entries, and now has 3"):
            opened(machine(each, f"{name}_dump"))
    assert opened(machine("three", f"{name}_dump")).checkpoint().size == 3  # which agrees with itself
    assert opened(machine("two", name)).checkpoint().size == 5
