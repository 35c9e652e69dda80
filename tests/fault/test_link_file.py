"""SIGKILL and power cuts while a file of claim links is made: no good link is in no file; nobody has two."""

from __future__ import annotations

import itertools
import multiprocessing
import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from exchange.claim import InvalidLink
from issuer.desk.claims import ClaimLinks
from issuer.desk.linkfile import LinkFile
from tests.fault.kill import Work, kill_at_each_step, kill_everywhere
from tests.fault.powerloss import Recorder, memory_folder
from tests.fault.sqlite_vfs import watched_sqlite
from tests.processes import ended
from tests.test_issuer_claims import SERVICE, Registrar
from tests.test_issuer_linkfile import entries_of, good, links, require_none_lost
from tests.world import NOW

pytestmark = pytest.mark.slow  # hundreds of processes and states: for `make test`

BEFORE, AFTER = entries_of(range(3)), entries_of(range(5))
NUMBERS = [entry.number for entry in AFTER]


def opened(folder: Path) -> LinkFile:
    """As a process opens it that knows of no link before; each link is made good by itself."""
    claims = ClaimLinks(folder / "home" / "claims.sqlite", SERVICE)
    return LinkFile(folder / "links.csv", claims, Registrar(), batch=1)


def begun(folder: Path) -> Path:
    """A folder with a file of three links, all of them good."""
    file = opened(folder)
    file.write(BEFORE, now=NOW)
    file.claims.close()
    return folder


def go_on(folder: Path, kept: dict[str, str]) -> None:
    """Whatever is left: nothing is lost, and the same command makes it whole."""
    file = opened(folder)
    require_none_lost(file.claims, file.path)
    assert good(file)[:3] == [*kept]
    file.write(AFTER, now=NOW)
    assert good(file) == NUMBERS
    assert kept.items() <= links(file.path).items()
    require_none_lost(file.claims, file.path)
    file.claims.close()


@pytest.mark.parametrize(
    "kill",
    [
        partial(kill_at_each_step, most=15),
        partial(kill_everywhere, points=15),
        pytest.param(kill_at_each_step, marks=pytest.mark.soak),
        pytest.param(partial(kill_everywhere, points=200), marks=pytest.mark.soak),
    ],
)
def test_killed_anywhere_the_same_command_goes_on(kill: object, tmp_path: Path) -> None:
    numbers = itertools.count()

    def prepare() -> tuple[Work, Work]:
        folder = tmp_path / str(next(numbers))
        folder.mkdir()
        kept = links(begun(folder) / "links.csv")
        return lambda: opened(folder).write(AFTER, now=NOW), lambda: go_on(folder, kept)

    assert callable(kill)
    assert kill(prepare) > 5


@pytest.fixture
def memory() -> Iterator[Path]:
    with memory_folder() as folder:
        yield folder


def cut(folder: Path, forgotten: str = "") -> Iterator[Path]:
    """Each state that a power cut may leave of the second run."""
    place = folder / "work"
    place.mkdir()
    begun(place)
    with Recorder(place) as recorder, watched_sqlite(recorder):
        if forgotten:
            recorder.forget(forgotten)
        file = opened(place)
        file.write(AFTER, now=NOW)
        file.claims.close()
    for number, crash in enumerate(recorder.crashes()):
        crash.restore(folder / str(number))
        yield folder / str(number)
        shutil.rmtree(folder / str(number))


def test_a_power_cut_anywhere_loses_no_link(memory: Path) -> None:
    states = cut(memory)
    kept = None
    for state in states:
        kept = kept or {
            number: link
            for number, link in links(memory / "work" / "links.csv").items()
            if number in NUMBERS[:3]
        }
        go_on(state, kept)
    assert kept


@pytest.mark.parametrize("forgotten", [r"\.links\.csv\..*\.tmp|links\.csv", r"\./"])
def test_a_disk_that_forgets_the_file_is_noticed(memory: Path, forgotten: str) -> None:
    """Without either sync the tests above would fail."""
    lost = 0
    for state in cut(memory, forgotten):
        file = opened(state)
        try:
            require_none_lost(file.claims, file.path)
        except (AssertionError, InvalidLink):
            lost += 1
        file.claims.close()
    assert lost


@pytest.mark.parametrize("names", [("links.csv", "links.csv"), ("a.csv", "b.csv")])
def test_two_processes_at_once_give_nobody_two_links(tmp_path: Path, names: tuple[str, str]) -> None:
    entries = entries_of(range(300))
    fork = multiprocessing.get_context("fork")
    barrier = fork.Barrier(2)

    def write(name: str) -> None:
        file = LinkFile(
            tmp_path / name, ClaimLinks(tmp_path / "home" / "claims.sqlite", SERVICE), Registrar()
        )
        barrier.wait(30)
        file.write(entries, now=NOW)

    processes = [fork.Process(target=write, args=(name,)) for name in names]
    for process in processes:
        process.start()
    ended(processes)
    claims = ClaimLinks(tmp_path / "home" / "claims.sqlite", SERVICE)
    files = [LinkFile(tmp_path / name, claims, Registrar()) for name in {*names}]
    assert sorted(number for file in files for number in links(file.path)) == sorted(
        entry.number for entry in entries
    )
    assert sum(len(good(file)) for file in files) == 300
    require_none_lost(claims, *(file.path for file in files))
