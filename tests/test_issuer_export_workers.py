"""Bundles that several processes write are those that one writes, whatever becomes of the processes."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from issuer.issuer import Issuer
from issuer.job.order import Order, Progress
from issuer.keeping import export as module
from issuer.keeping import manifest
from issuer.keeping.export import export
from tests.conftest import ROOT
from tests.copying import copy_folder
from tests.problems import raises
from tests.sqlite_store import SqliteStore
from tests.world import NOW, csv_file, graduate, issuer_in, reopened
from vc import Bundle
from vc.forms import FORMS
from wire.files import sync_files
from wire.workers import FORKS, WORKER_DIED

COUNT = 41
"""Five shares of eight and one bundle more, where one file is written at once."""

pytestmark = pytest.mark.skipif(not FORKS, reason="no workers here: only Linux forks safely")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made")
    issuer = issuer_in(folder / "home")
    file = csv_file(folder / "g.csv", [graduate(row) for row in range(COUNT)])
    issuer.issue_file(Order(file, folder / "errors.csv", workers=0))
    issuer.store.close()
    return folder / "home"


@pytest.fixture
def issuer(made: Path, tmp_path: Path) -> Issuer:
    copy_folder(made, tmp_path / "home")
    return reopened(tmp_path / "home")


@pytest.fixture
def writers(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[], set[int]]:
    """The processes that have put bundles onto the disk, of the two that there is room for."""
    told = tmp_path / "writers"
    told.touch()

    def sync(folder: Path, names: list[str]) -> None:
        with told.open("a") as file:
            file.write(f"{os.getpid()}\n")
        sync_files(folder, names)

    monkeypatch.setattr(module, "sync_files", sync)
    monkeypatch.setattr(module, "available_cores", lambda: 2)
    return lambda: set(map(int, told.read_text().split()))


def contents(folder: Path) -> dict[str, bytes]:
    return {
        path.name: path.read_bytes()
        for path in folder.iterdir()
        if path.is_file() and path.name != manifest.NAME
    }


@pytest.mark.slow
def test_workers_write_the_files_of_one_process_in_the_order_of_the_editions(
    issuer: Issuer, writers: Callable[[], set[int]], tmp_path: Path
) -> None:
    entries, steps = list(issuer.entries())[::-1], list[Progress]()
    alone = list(export(issuer, entries, tmp_path / "alone"))
    assert writers() == {os.getpid()}
    together = list(export(issuer, iter(entries), tmp_path / "together", steps.append, COUNT, at_once=1))
    assert len(writers() - {os.getpid()}) == 2
    assert [path.name for path in together] == [path.name for path in alone]
    assert contents(tmp_path / "together") == contents(tmp_path / "alone")
    assert [step.done for step in steps] == [8, 16, 24, 32, 40, 41]
    assert {path.stat().st_mode & 0o777 for path in together} == {0o600}


@pytest.mark.slow
def test_what_another_process_named_for_another_diploma_finds_its_name(
    issuer: Issuer, writers: Callable[[], set[int]], tmp_path: Path
) -> None:
    """Each file lies under the name of the next one, mostly one that the other worker writes."""
    (out := tmp_path / "out").mkdir()
    entries = list(issuer.entries())
    names = [path.name for path in export(issuer, entries, tmp_path / "alone")]
    whole = contents(tmp_path / "alone")
    for name, following in zip(names, [*names[1:], names[0]], strict=True):
        (out / following).write_bytes(whole[name])
    list(export(issuer, entries, out, total=COUNT, at_once=1))
    assert len(writers()) > 2
    assert contents(out) == whole


def test_one_process_writes_where_the_log_is_elsewhere(
    writers: Callable[[], set[int]], tmp_path: Path
) -> None:
    """Two processes cannot speak over one connection to a database or a bucket."""
    issuer = issuer_in(tmp_path / "home", store=SqliteStore(tmp_path / "log.sqlite"))
    issuer.issue_many(graduate(row) for row in range(COUNT))
    assert len(list(export(issuer, issuer.entries(), tmp_path / "out", total=COUNT, at_once=1))) == COUNT
    assert writers() == {os.getpid()}


@pytest.mark.slow  # a passphrase takes its time
def test_a_passphrase_is_asked_for_by_this_process_alone(
    tmp_path: Path, writers: Callable[[], set[int]]
) -> None:
    """It is asked once, and before there are any workers."""
    asked = tmp_path / "asked"

    def passphrase() -> bytes:
        with asked.open("a") as file:
            file.write(f"{os.getpid()}\n")
        return b"correct horse battery"

    issuer = issuer_in(tmp_path / "home", passphrase=passphrase)
    issuer.issue_many(graduate(row) for row in range(COUNT))
    asked.unlink()
    again = Issuer(tmp_path / "home", passphrase, lambda: NOW)
    assert len(list(export(again, again.entries(), tmp_path / "out", total=COUNT, at_once=1))) == COUNT
    assert len(writers()) == 2
    assert asked.read_text().split() == [str(os.getpid())]


@pytest.mark.slow
def test_what_the_disk_refuses_a_worker_is_told_with_the_file(
    issuer: Issuer, writers: Callable[[], set[int]], tmp_path: Path
) -> None:
    entries = list(issuer.entries())
    taken = tmp_path / "out" / module.file_name(entries[20])
    taken.mkdir(parents=True)
    with pytest.raises(IsADirectoryError, match=re.escape(str(taken))):
        list(export(issuer, entries, tmp_path / "out", total=COUNT, at_once=1))
    assert len(writers()) == 2


@pytest.mark.slow
def test_after_a_worker_that_died_every_bundle_is_whole_and_the_rest_is_written(
    issuer: Issuer, writers: Callable[[], set[int]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entries, parent, calls = list(issuer.entries()), os.getpid(), iter(range(COUNT))

    def die(folder: Path, names: list[str]) -> None:
        sync_files(folder, names)
        if os.getpid() != parent and next(calls) == 5:
            os.kill(os.getpid(), signal.SIGKILL)

    with monkeypatch.context() as patched, raises(WORKER_DIED):
        patched.setattr(module, "sync_files", die)
        list(export(issuer, entries, tmp_path / "out", total=COUNT, at_once=1))
    left = {name: data for name, data in contents(tmp_path / "out").items() if name.endswith(".json")}
    assert 0 < len(left) < COUNT
    assert all(Bundle.parse(data, FORMS).evidence for data in left.values())
    assert len(list(export(issuer, entries, tmp_path / "out", total=COUNT, at_once=1))) == COUNT
    assert len(contents(tmp_path / "out")) == COUNT
    assert len(list((tmp_path / "out").iterdir())) == COUNT + 1, "what the dead worker left is still there"


STOPPED = """
import os, signal, sys
from pathlib import Path
from issuer.keeping import export as module
from issuer.keeping import manifest
from tests.world import reopened

signal.signal(signal.SIGINT, signal.default_int_handler)  # a job of a shell's background ignores it
module.available_cores = lambda: 2
issuer = reopened(Path(sys.argv[1]))
count = issuer.store.count()
os.setsid()
stop = lambda _: os.killpg(0, signal.SIGINT)  # as the key does, for all that belongs to the terminal
list(module.export(issuer, issuer.entries(), Path(sys.argv[2]), stop, count, at_once=1))
"""


@pytest.mark.slow
def test_who_is_stopped_by_a_key_leaves_no_worker_and_no_torn_bundle(made: Path, tmp_path: Path) -> None:
    copy_folder(made, tmp_path / "home")
    done = subprocess.run(
        [sys.executable, "-c", STOPPED, str(tmp_path / "home"), str(tmp_path / "out")],
        cwd=ROOT,
        capture_output=True,  # ends when the last process that holds the pipe does
        timeout=30,
        text=True,
    )
    assert "KeyboardInterrupt" in done.stderr
    assert done.returncode == -signal.SIGINT
    for name, data in contents(tmp_path / "out").items():
        assert name.endswith(".json")
        assert Bundle.parse(data, FORMS).evidence


@pytest.mark.slow
def test_a_caller_that_takes_no_more_ends_the_workers(
    issuer: Issuer, writers: Callable[[], set[int]], tmp_path: Path
) -> None:
    written: Iterator[Path] = export(issuer, issuer.entries(), tmp_path / "out", total=COUNT, at_once=1)
    assert next(written).exists()
    written.close()  # type: ignore[attr-defined]  # it is a generator
    for pid in writers() - {os.getpid()}:
        assert not Path(f"/proc/{pid}").exists()
