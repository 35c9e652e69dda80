"""Which engine an address names; what engines do is in contract/test_ledgers.py."""

from __future__ import annotations

import socket
import threading
from pathlib import Path

import pytest

from ledger import merkle
from ledger.tiles.disk import KeptCheckpoint
from ledger.tiles.engines import ENGINES, open_store, prepare_tables, prune_tables
from ledger.tiles.posix import PosixStore
from ledger.tiles.store import Base, Store, StoreHead
from tests.ledger_samples import open_log, samples
from tests.sqlite_store import SqliteStore
from wire.problem import Refused, Unavailable


@pytest.mark.parametrize("name", ["log", "a b#c?d%20e", "postgresql:x", "\udcff"])
def test_a_folder_by_path_and_by_address(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / name
    open_log(open_store(folder)).append(samples(0, 3), b"0")
    assert (folder / "checkpoint").exists()
    for where in (
        folder,
        Path(name),
        str(folder),
        folder.as_uri(),
        folder.as_uri().replace("file://", "FILE:"),
    ):
        assert open_log(open_store(where)).append(samples(0, 3), b"0") == range(3)


def test_what_goes_with_an_address(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    open_log(open_store(tmp_path / "log"), kept=kept).append(samples(0, 3), b"0")
    assert kept.read_bytes() == (tmp_path / "log" / "checkpoint").read_bytes()
    with pytest.raises(Refused):
        open_store((tmp_path / "log").as_uri(), read_only=True).put({})
    none = open_store(tmp_path / "none", read_only=True)
    with none.lock():
        assert (none.get("checkpoint"), none.head(), none.find(b"0")) == (
            None,
            StoreHead(Base(0, merkle.EMPTY_ROOT), None),
            None,
        )
    assert not (tmp_path / "none").exists()


def test_another_engine_is_passed_in(tmp_path: Path) -> None:
    def sqlite(uri: str, *, read_only: bool, patience: float | None) -> Store:
        return SqliteStore(Path(uri.removeprefix("sqlite:")), read_only=read_only)

    log = open_log(open_store(f"sqlite:{tmp_path / 'log'}", engines={**ENGINES, "sqlite": sqlite}))
    assert log.append(samples(0, 3), b"0") == range(3)
    assert (tmp_path / "log" / "log.sqlite").exists()
    assert isinstance(open_store(tmp_path / "other", engines={**ENGINES, "sqlite": sqlite}), PosixStore)


def test_an_address_that_no_engine_has() -> None:
    with pytest.raises(Refused) as caught:
        open_store("mysql://clerk:secret@host/log")
    assert caught.value.detail == "no engine here keeps a log at mysql: addresses"
    assert "secret" not in caught.value.hint
    for odd in ("file://elsewhere/log", "file:log", "file:///log?mode=ro", "file:///log#part"):
        with pytest.raises(Refused, match="file: and an absolute path"):
            open_store(odd)


def test_a_secret_in_the_address_is_refused_before_anybody_is_asked() -> None:
    """By each engine that a network leads to, once its packages are loaded."""
    for address in ("postgresql://clerk:secret@nowhere.invalid/log", "s3://clerk:secret@nowhere.invalid/log"):
        with pytest.raises(Refused) as caught:
            open_store(address)
        assert "secret" not in caught.value.detail


def test_the_second_copy_of_a_checkpoint_is_replaced_as_a_whole(tmp_path: Path) -> None:
    path = tmp_path / "kept"
    kept, nowhere = KeptCheckpoint(path), KeptCheckpoint(None)
    assert kept.read() is None
    for note in (b"a long first note", b"second"):
        kept.keep(lambda: note)  # noqa: B023 -- called at once
        nowhere.keep(lambda: note)  # noqa: B023
        assert (kept.read(), nowhere.read()) == (note, None)
    assert [*tmp_path.iterdir()] == [path]
    assert path.stat().st_mode & 0o777 == 0o600


def test_an_older_checkpoint_is_never_kept_last(tmp_path: Path) -> None:
    """Who keeps one asks for the newest while nobody else does."""
    path, came, asked = tmp_path / "kept", threading.Event(), list[bytes]()

    def newest(note: bytes) -> bytes:
        asked.append(note)
        return note

    def second() -> None:
        came.set()
        KeptCheckpoint(path).keep(lambda: newest(b"newer"))

    other = threading.Thread(target=second)

    def first() -> bytes:
        other.start()
        came.wait(timeout=60)
        other.join(timeout=0.05)  # it waits
        return newest(b"older")

    KeptCheckpoint(path).keep(first)
    other.join(timeout=60)
    assert asked == [b"older", b"newer"]
    assert KeptCheckpoint(path).read() == b"newer"


def test_tables_of_a_database_that_does_not_answer_are_left_alone() -> None:
    with socket.socket() as bound:  # to a port on which nobody listens
        bound.bind(("127.0.0.1", 0))
        uri = f"postgresql://127.0.0.1:{bound.getsockname()[1]}/log"
        for work in (prepare_tables, prune_tables):
            with pytest.raises(Unavailable):
                work(uri)


def test_a_folder_has_no_tables(tmp_path: Path) -> None:
    for work in (prepare_tables, prune_tables):
        with pytest.raises(Refused, match="only a log in a database"):
            work(tmp_path.as_uri())
