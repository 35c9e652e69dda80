"""SIGKILL at any point of moving a log, twice: neither place signs until it is done, and nothing is lost."""

from __future__ import annotations

import gc
import itertools
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from ledger import Checkpoint, verify_evidence
from ledger.audit import audit
from ledger.move import move
from ledger.problem import LOG_SEALED
from ledger.tiles.store import State, Store, mark_of
from tests import postgres_server
from tests.fault.kill import Work, kill_everywhere
from tests.fault.test_ledger_processes import Open, posix, postgres
from tests.ledger_samples import naive_root, open_log, samples, trust_in
from tests.problems import is_a
from wire import Problem

pytestmark = pytest.mark.slow

SIZES = [2, 260, 300, 513, 514, 520, 700]
WAYS = [
    pytest.param(posix, posix, id="posix-posix"),
    pytest.param(posix, postgres, id="posix-postgres", marks=postgres_server.needed),
    pytest.param(postgres, posix, id="postgres-posix", marks=postgres_server.needed),
]


def _append_all(store: Store) -> None:
    log = open_log(store)
    for old, new in itertools.pairwise([0, *SIZES]):
        assert log.append(samples(old, new), b"to %d" % new) == range(old, new)


def _is_closed(store: Store) -> bool:
    """Nothing is signed there, nor anything else appended."""
    try:
        open_log(store).append([b"other"], b"other")
    except Problem as problem:
        return is_a(problem, LOG_SEALED)
    return False


def _plan(folder: Path, source: Open, target: Open, left: Counter[str]) -> Callable[[], tuple[Work, Work]]:
    numbers = itertools.count()

    def prepare() -> tuple[Work, Work]:
        gc.collect()  # logs of before, and their connections with them
        where = folder / str(next(numbers))
        where.mkdir()
        old, new = partial(source, where / "old"), partial(target, where / "new")
        _append_all(old())
        new()
        before = open_log(old())
        evidence, last = before.evidence(259), before.checkpoint()
        del before

        def work() -> None:
            move(old(), new())

        def check() -> None:
            gone, come = mark_of(old()), mark_of(new())
            left[f"{gone.state if gone else 'open'}/{come.state if come else 'empty'}"] += 1
            if gone is not None:
                assert _is_closed(old())
            if come is not None and come.state is State.COMING:
                assert _is_closed(new())
            assert move(old(), new()) == last
            assert _is_closed(old())
            log = open_log(new())
            assert Checkpoint.parse(log.checkpoint().note).root == last.root
            assert verify_evidence(samples(259, 260)[0], evidence, trust_in(log)).index == 259
            _append_all(new())
            assert log.append(samples(700, 800), b"to 800") == range(700, 800)
            assert audit(log).root == naive_root(samples(0, 800))

        return work, check

    return prepare


@pytest.mark.parametrize(("source", "target"), WAYS)
def test_a_kill_at_any_point_of_a_move(source: Open, target: Open, tmp_path: Path) -> None:
    assert kill_everywhere(_plan(tmp_path, source, target, Counter()), points=1) == 1


@pytest.mark.soak
@pytest.mark.parametrize(("source", "target"), WAYS)
def test_a_kill_at_hundreds_of_points_of_a_move(
    source: Open,
    target: Open,
    tmp_path: Path,
    request: pytest.FixtureRequest,
    capsys: pytest.CaptureFixture[str],
) -> None:
    left = Counter[str]()
    assert kill_everywhere(_plan(tmp_path, source, target, left), points=300) == 300
    found = ", ".join(f"{count} {state}" for state, count in sorted(left.items()))
    with capsys.disabled():
        print(
            f"\n{request.node.callspec.id}: 300 kills of a move, which left {found}: all went on, as one log"
        )
