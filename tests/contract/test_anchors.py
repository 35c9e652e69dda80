"""What every anchor owes the outbox. Another kind adds a case: an anchor, and how its ledger gets on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from ledger import Checkpoint, Log
from ledger.anchor import Anchor
from ledger.tiles.memory import MemoryStore
from tests import anvil
from tests.evm_anchors import Anchored
from tests.gazette_anchor import GazetteAnchor
from tests.ledger_samples import NOW, open_log, samples
from wire.health import Health


class Case(NamedTuple):
    open: Callable[[], Anchor]
    """The anchor, as another process opens it."""
    get_on: Callable[[], object]
    """Has what was sent become final."""
    sent: Callable[[], int]
    """How much was sent, whatever became of it."""


@contextmanager
def _gazette(folder: Path, log: Log) -> Iterator[Case]:
    file = folder / "gazette.json"
    yield Case(
        lambda: GazetteAnchor(file=file),
        lambda: GazetteAnchor(file=file).print(NOW),
        lambda: len(GazetteAnchor(file=file).notices),
    )


@contextmanager
def _evm(folder: Path, log: Log) -> Iterator[Case]:
    with anvil.anvil("--slots-in-an-epoch", "1") as node:
        anchored = Anchored(folder, node.url, log=log)
        anchored.begin(node)
        account = anchored.settings["account"]

        def sent() -> int:
            """By the account's transactions, of which the first made the contract."""
            return int(node.call("eth_getTransactionCount", account, "pending"), 16) - 1

        yield Case(anchored.anchor, lambda: node.call("anvil_mine", "0x4"), sent)


CASES: dict[str, Callable[[Path, Log], AbstractContextManager[Case]]] = {"gazette": _gazette, "evm": _evm}


@pytest.fixture(params=["gazette", pytest.param("evm", marks=[anvil.needed, pytest.mark.slow])])
def case(request: pytest.FixtureRequest, tmp_path: Path, log: Log) -> Iterator[Case]:
    with CASES[request.param](tmp_path, log) as made:
        yield made


@pytest.fixture
def log() -> Log:
    log = open_log(MemoryStore())
    log.append(samples(0, 3), b"3")
    return log


@pytest.fixture
def checkpoint(log: Log) -> Checkpoint:
    return log.checkpoint()


def never(state: bytes) -> None:
    pytest.fail("nothing more is to be sent")


def test_what_is_prepared_is_not_sent(case: Case, checkpoint: Checkpoint) -> None:
    case.open().prepare(checkpoint)
    assert case.sent() == 0


def test_nothing_is_sent_that_is_not_kept(case: Case, checkpoint: Checkpoint) -> None:
    """Unless the state that was prepared knows all that is sent by it."""

    class Full(Exception):
        pass

    def keep(state: bytes) -> None:
        assert case.sent() == 0
        raise Full

    state = case.open().prepare(checkpoint)
    try:
        case.open().advance(checkpoint, state, keep)
    except Full:
        assert case.sent() == 0


def test_it_is_sent_once_whatever_was_forgotten(case: Case, checkpoint: Checkpoint) -> None:
    """Each time by another process, which knows one of the states that there were, or prepares anew."""
    states = [case.open().prepare(checkpoint)]
    assert case.open().advance(checkpoint, states[0], states.append) is None
    assert case.sent() == 1
    for state in (*states, case.open().prepare(checkpoint)):
        assert case.open().advance(checkpoint, state, lambda _: None) is None
        assert case.sent() == 1
    case.get_on()
    found = {case.open().advance(checkpoint, state, never) for state in states}
    assert len(found) == 1
    assert case.sent() == 1
    assert case.open().advance(checkpoint, case.open().prepare(checkpoint), never) in found


def test_the_evidence_is_of_its_kind_and_stands(case: Case, checkpoint: Checkpoint) -> None:
    anchor = case.open()
    anchor.advance(checkpoint, anchor.prepare(checkpoint), lambda _: None)
    case.get_on()
    evidence = anchor.advance(checkpoint, anchor.prepare(checkpoint), never)
    assert evidence is not None
    assert (evidence.kind, evidence.digest) == (anchor.kind, checkpoint.digest)
    evidence.body.decode()  # a bundle has it as text
    assert case.open().confirm(checkpoint, evidence)


def test_a_later_one_comes_after_it(case: Case, log: Log) -> None:
    found = []
    for old, new in ((0, 3), (3, 5), (5, 9)):
        log.append(samples(old, new), b"%d" % new)
        newest = log.checkpoint()
        case.open().advance(newest, case.open().prepare(newest), lambda _: None)
        case.get_on()
        found.append((newest, case.open().advance(newest, case.open().prepare(newest), never)))
    assert case.sent() == 3
    for each, evidence in found:
        assert evidence is not None
        assert case.open().confirm(each, evidence)


def test_it_looks_itself_over(case: Case) -> None:
    assert not any(found.health is Health.FAILED for found in case.open().examine())
