"""The wallet's store after SIGKILL at any point."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from holder import store as module
from holder.store import EncryptedStore, StoredRecord
from keys import WrongPassphrase
from tests.fault.kill import Reached, Work, a_sample, kill_everywhere
from wire.problem import Conflict, Damaged

pytestmark = pytest.mark.slow  # hundreds of processes: for `make test`

OLD, NEW = b"correct horse battery", b"another passphrase"
NAMES = [f"diploma {number}" for number in range(4)]
CHANGED = len(NAMES) + 1


def opened(path: Path) -> EncryptedStore:
    try:
        return EncryptedStore.open(path, OLD)
    except WrongPassphrase:
        return EncryptedStore.open(path, NEW)


def life(path: Path, done: Reached) -> None:
    """Make a store, fill it, take a record out, change the passphrase; all again if it was cut short."""
    with suppress(Conflict):
        EncryptedStore.create(path, OLD)
    with opened(path) as store:
        for count, name in enumerate(NAMES, 1):
            store.put(StoredRecord("credential", name, name.encode() * 100))
            done.reach(count)
        store.put(StoredRecord("credential", "mistake", b""))
        store.delete("credential", "mistake")
        store.change_passphrase(NEW)
        done.reach(CHANGED)


def prepared(folders: Iterator[Path]) -> tuple[Work, Work]:
    path, done = next(folders) / "wallet.sqlite3", Reached()

    def check() -> None:
        if not done.value and not path.exists():
            return
        with EncryptedStore.open(path, NEW) if done.value == CHANGED else opened(path) as store:
            found = {record.name: record.body for record in store.records()}
            assert all(found[name] == name.encode() * 100 for name in NAMES[: done.value])
            store.put(StoredRecord("credential", "afterwards", b""))
        shutil.rmtree(path.parent)

    return lambda: life(path, done), check


@pytest.fixture
def folders(tmp_path: Path) -> Iterator[Path]:
    return (tmp_path / str(number) for number in range(sys.maxsize))


@a_sample(12, 1000)
def test_nothing_acknowledged_is_lost_and_the_store_always_opens(
    folders: Iterator[Path], points: int
) -> None:
    assert kill_everywhere(lambda: prepared(folders), points=points) == points


@contextmanager
def seen_before_it_is_written(store: EncryptedStore) -> Iterator[int]:
    store._connection.execute("BEGIN IMMEDIATE")
    try:
        version = store._check().version + 1
        yield version
        store._seal_vault(module._vault(store._connection)[0], version)
        if store._seen is not None:
            module._raise_seen(store._seen, version)
        store._connection.commit()
    finally:
        store._connection.rollback()


def overwritten_in_place(path: Path, data: bytes) -> None:
    path.parent.mkdir(exist_ok=True)
    if path.exists():
        raise Conflict("exists")
    with path.open("wb", buffering=0) as file:
        for start in range(0, len(data), 256):
            file.write(data[start : start + 256])


@contextmanager
def sealed_in_a_second_transaction(store: EncryptedStore) -> Iterator[int]:
    store._connection.execute("BEGIN IMMEDIATE")
    version = store._check().version + 1
    yield version
    store._connection.commit()
    store._connection.execute("BEGIN IMMEDIATE")
    store._seal_vault(module._vault(store._connection)[0], version)
    store._connection.commit()


@pytest.mark.parametrize(
    ("owner", "name", "planted"),
    [
        (EncryptedStore, "_writing", seen_before_it_is_written),
        (EncryptedStore, "_writing", sealed_in_a_second_transaction),
        pytest.param(module, "_write_new", overwritten_in_place, marks=pytest.mark.soak),
    ],
)
def test_planted_bugs_are_found(
    folders: Iterator[Path],
    monkeypatch: pytest.MonkeyPatch,
    owner: object,
    name: str,
    planted: Callable[..., object],
) -> None:
    monkeypatch.setattr(owner, name, planted)
    with pytest.raises((AssertionError, Damaged)):
        kill_everywhere(lambda: prepared(folders), points=1000)
