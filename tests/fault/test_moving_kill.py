"""SIGKILL at any point of moving an issuer: the same command goes on, and nothing is lost or issued twice."""

from __future__ import annotations

import itertools
import random
import shutil
from collections.abc import Callable
from multiprocessing import get_context
from pathlib import Path

import pytest

from issuer.identity.home import ISSUER_MOVED, Identity
from issuer.job.order import Order
from issuer.keeping.moving import Stores, move_issuer
from tests import postgres_server, s3_server
from tests.fault.kill import a_sample, events, killed, killed_by
from tests.problems import raises
from tests.processes import ended
from tests.world import NOW, csv_file, graduate, issuer_in, of_diploma, reopened, verifier_for
from vc.report import Verdict
from vc.status import Reason

pytestmark = [pytest.mark.slow, postgres_server.needed, s3_server.needed]

Work = Callable[[], None]


@pytest.mark.parametrize("is_back", [False, True], ids=["to a database", "back to the folder"])
@a_sample(4, 1000)
def test_a_move_that_was_killed_anywhere_goes_on(tmp_path: Path, points: int, is_back: bool) -> None:
    # The forks of a process that has used a bucket cannot: other tests may have used one here.
    process = get_context("spawn").Process(target=_kill_moves, args=(tmp_path, points, is_back))
    process.start()
    ended([process], within=600 + points)


def _kill_moves(folder: Path, points: int, is_back: bool) -> None:
    try:
        _kill_each(folder, points, is_back=is_back)
    finally:
        postgres_server.server().stop()  # this process's own


def _kill_each(tmp_path: Path, points: int, *, is_back: bool) -> None:
    model = tmp_path / "model"
    assert not killed_by(lambda: _make(model))
    numbers = itertools.count()
    chosen = random.Random(points + is_back)

    def begin() -> tuple[Path, Stores]:
        folder = tmp_path / str(next(numbers))
        shutil.copytree(model, folder)
        server = postgres_server.server()
        uri = server.uri(server.of(folder), "machine")
        to = Stores(uri, s3_server.server().of(folder), uri)
        if is_back:
            assert not killed_by(lambda: move_issuer(reopened(folder / "home"), to))
            return folder, Stores()
        return folder, to

    folder, to = begin()
    total = events(lambda: move_issuer(reopened(folder / "home"), to))
    for _ in range(points):
        folder, to = begin()
        at = chosen.randint(1, total)
        killed(lambda home=folder / "home", to=to: move_issuer(reopened(home), to), at)  # type: ignore[misc]
        assert not killed_by(lambda folder=folder, to=to: _check(folder, to, model)), at  # type: ignore[misc]


def _make(folder: Path) -> None:
    """An issuer that never moved, and what it has given out."""
    folder.mkdir()
    issuer = issuer_in(folder / "home", url="https://uni.example")
    source = csv_file(folder / "a.csv", [graduate(index) for index in range(6)])
    issuer.issue_file(Order(source, folder / "errors.csv"))
    issuer.issue(graduate(20))
    issuer.revoke(["UNI-000003"], Reason.FRAUD, date=NOW, now=NOW)
    (folder / "bundle.json").write_bytes(issuer.bundle(issuer.current(of_diploma("UNI-000002"))).to_bytes())


def _check(folder: Path, to: Stores, model: Path) -> None:
    home = folder / "home"
    if Identity.read(home).moved:
        with raises(ISSUER_MOVED):
            reopened(home).issue(graduate(30))
    move_issuer(reopened(home), to)
    issuer, before = reopened(home), reopened(model / "home")
    assert list(issuer.entries()) == list(before.entries())
    assert issuer.trust_file() == before.trust_file()
    bundle = (folder / "bundle.json").read_bytes()
    assert verifier_for(issuer).verify(bundle, now=NOW).verdict is Verdict.VALID
    issuer.issue(graduate(30))
    assert issuer.store.count() == before.store.count() + 1
    assert issuer.archive.missing() == []
