"""A power cut at any point of a wallet's life: it opens afterwards, and has what was acknowledged."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import NamedTuple

import pytest

from holder import Wallet
from keys import WrongPassphrase
from tests.fault.powerloss import Crash, Recorder, memory_folder
from tests.fault.sqlite_vfs import watched_sqlite
from tests.world import NOW, bundle, check, diploma
from wire.problem import Conflict, NotFound, Problem

pytestmark = pytest.mark.slow  # thousands of wallets: for `make test`

OLD, NEW = b"correct horse battery", b"another passphrase"
DIPLOMAS = [bundle(diploma(title=f"Master of Arts {number}")) for number in range(10)]


class Contents(NamedTuple):
    passphrase: bytes
    keys: frozenset[str]
    credentials: frozenset[bytes]


Expected = Callable[[Contents | None], bool]


@pytest.fixture
def memory() -> Iterator[Path]:
    with memory_folder() as folder:
        yield folder


def contents(home: Path) -> Contents | None:
    """What is in a wallet, if there is one."""
    try:
        wallet, passphrase = Wallet(home, OLD), OLD
    except WrongPassphrase:
        wallet, passphrase = Wallet(home, NEW), NEW
    except NotFound:
        return None
    with wallet:
        keys = frozenset(key.did for key in wallet.holder_keys())
        return Contents(passphrase, keys, frozenset(held.data for held in wallet.credentials()))


def life(home: Path) -> Iterator[Contents]:
    """Make a wallet and change it, in sessions of one change, then in one of many; what it has each time."""
    has = Contents(OLD, frozenset([Wallet.create(home, OLD, now=NOW)]), frozenset())
    yield has
    with Wallet(home, OLD) as wallet:
        held = wallet.accept(DIPLOMAS[0], check, now=NOW)
        yield has._replace(credentials=frozenset(DIPLOMAS[:1]))
    with Wallet(home, OLD) as wallet:
        wallet.delete(held.id)
        yield has
    with Wallet(home, OLD) as wallet:
        wallet.change_passphrase(NEW)
        has = has._replace(passphrase=NEW)
        yield has
    with Wallet(home, NEW) as wallet:
        for count, data in enumerate(DIPLOMAS, 1):
            wallet.accept(data, check, now=NOW)
            has = has._replace(credentials=frozenset(DIPLOMAS[:count]))
            yield has
        yield has._replace(keys=has.keys | {wallet.add_key(now=NOW).did})


def cut_in_life(memory: Path, forgotten: str = "") -> Iterator[tuple[Crash, Expected]]:
    """A wallet has what was acknowledged, and of the change that was under way all or nothing."""
    home = memory / "work" / "wallet"
    home.parent.mkdir()
    states: list[Contents | None] = [None]
    with Recorder(home.parent) as recorder, watched_sqlite(recorder):
        recorder.forget(forgotten)
        for has in life(home):
            states.append(has)
            recorder.acknowledge()
    for crash in recorder.crashes():
        yield crash, states[crash.acknowledged :][:2].__contains__


def cut_after_kill(memory: Path, forgotten: str = "") -> Iterator[tuple[Crash, Expected]]:
    """SIGKILL before any sync, the same again, and then a power cut: no step was left half done."""

    def work(home: Path, acknowledge: Callable[[], None] = lambda: None) -> None:
        with suppress(Conflict):
            Wallet.create(home, OLD, now=NOW)
        with Wallet(home, OLD) as wallet:
            acknowledge()
            wallet.accept(DIPLOMAS[0], check, now=NOW)
            acknowledge()

    expected: list[Expected] = [
        lambda left: True,
        lambda left: left is not None,
        lambda left: left is not None and left.credentials == {DIPLOMAS[0]},
    ]
    for sync in itertools.count(1):
        home = memory / f"work {sync}" / "wallet"
        home.parent.mkdir()
        with Recorder(home.parent) as recorder, watched_sqlite(recorder):
            if not recorder.killed(partial(work, home), before=sync):
                return
            recorder.forget(forgotten)
            work(home, recorder.acknowledge)
        for crash in recorder.crashes():
            yield crash, expected[crash.acknowledged]


Scenario = Callable[..., Iterator[tuple[Crash, Expected]]]


def require_expected(folder: Path, crashes: list[tuple[Crash, Expected]]) -> None:
    for number, (crash, expected) in enumerate(crashes):
        where = folder / str(number)
        crash.restore(where)
        left = contents(where / "wallet")
        assert expected(left)
        if left is None:
            Wallet.create(where / "wallet", OLD, now=NOW)
            assert contents(where / "wallet")
        shutil.rmtree(where)


@pytest.mark.parametrize(("scenario", "least"), [(cut_in_life, 250), (cut_after_kill, 400)])
def test_a_wallet_keeps_what_it_acknowledged(scenario: Scenario, least: int, memory: Path) -> None:
    crashes = list(scenario(memory))
    assert len(crashes) > least
    require_expected(memory, crashes)


@pytest.mark.parametrize(
    ("scenario", "forgotten"),
    [
        (cut_in_life, r".*sqlite.*"),
        (cut_in_life, r".*-wal"),  # of each change
        (cut_in_life, r".*\.tmp"),  # what is written anew
        (cut_after_kill, r"\./"),  # the folder of a wallet, where there is one already
    ],
)
def test_a_sync_that_is_missing_is_found(scenario: Scenario, forgotten: str, memory: Path) -> None:
    crashes = list(scenario(memory, forgotten))
    with pytest.raises((AssertionError, Problem)):
        require_expected(memory, crashes)
