"""SIGKILL at any point of signing, sending and collecting, twice: one event a checkpoint."""

from __future__ import annotations

import gc
import itertools
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from ledger.outbox import Outbox
from ledger.submitting import look_after
from ledger.tiles.posix import PosixStore
from tests import anvil
from tests.evm_anchors import Anchored, events
from tests.fault.kill import Work, kill_everywhere
from tests.ledger_samples import NOW, open_log

pytestmark = [anvil.needed, pytest.mark.slow]


@pytest.fixture(scope="module")
def node() -> Iterator[anvil.Node]:
    with anvil.anvil("--slots-in-an-epoch", "1") as running:
        yield running


def _plan(folder: Path, node: anvil.Node) -> Callable[[], tuple[Work, Work]]:
    anchored = Anchored(folder, node.url, log=open_log(PosixStore(folder / "log")))
    anchored.begin(node)
    outbox = Outbox(folder)
    outbox.add(anchored.name, timedelta(0), anchored.settings, NOW)
    sizes = itertools.count(1)

    def look() -> None:
        """As after a new start."""
        sender = anchored.sender._replace(log=open_log(PosixStore(folder / "log")))
        for made in look_after(sender, lambda: NOW):
            assert made.problem is None, made.problem

    def work() -> None:
        look()
        node.call("anvil_mine", "0x4")
        look()

    def prepare() -> tuple[Work, Work]:
        checkpoint = anchored.grown(next(sizes))

        def check() -> None:
            for _ in range(3):
                work()
            (destination,) = outbox.destinations()
            there = outbox.newest(destination)
            assert there is not None
            assert there.evidence is not None
            assert there.checkpoint.size == checkpoint.size
            assert anchored.fact(checkpoint, there.evidence).checkpoint == checkpoint
            assert outbox.waiting(destination) is None
            assert events(node, anchored.settings["contract"]) == checkpoint.size, "one a checkpoint"

        return work, check

    return prepare


def test_a_kill_loses_and_doubles_nothing(tmp_path: Path, node: anvil.Node) -> None:
    assert kill_everywhere(_plan(tmp_path, node), points=8, seed=5) == 8
    gc.collect()


@pytest.mark.soak
def test_a_kill_at_many_points_loses_and_doubles_nothing(tmp_path: Path, node: anvil.Node) -> None:
    assert kill_everywhere(_plan(tmp_path, node), points=300, seed=6) >= 300
    gc.collect()
