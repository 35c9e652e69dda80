"""An issuer whose log is moved, by `intaglio ledger migrate`."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from ledger.tiles.posix import PosixStore
from ledger.tiles.store import mark_of
from tests import postgres_server, s3_server
from tests.commandline import Program, verdict
from tests.test_ledger_move import Make, database, folder


@pytest.mark.slow
@pytest.mark.parametrize(
    ("first", "second"),
    [
        pytest.param(folder, folder, id="file"),
        pytest.param(database, database, id="postgresql", marks=postgres_server.needed),
    ],
)
def test_an_issuer_goes_on_wherever_its_log_is(
    first: Make, second: Make, program: Program, file: Path, tmp_path: Path
) -> None:
    """From its folder to one engine, to another, and back: old bundles stay valid, and it issues on."""
    home = program.home / "issuer"
    own = (home / "log").as_uri()
    assert program("issuer", "issue", file, "--name", "U", "--out", tmp_path / "out").code == 0
    for number, (source, target) in enumerate(
        [(own, first(tmp_path / "first")), (first(tmp_path / "first"), second(tmp_path / "second"))]
    ):
        before = json.loads(program("ledger", "status", "--json").out)
        for _ in range(2):  # the second time nothing is left to be done
            moved = program("ledger", "migrate", source, target, "--json")
            assert moved.code == 0, moved
        assert json.loads(moved.out)["size"] == before["size"]
        assert json.loads((home / "ledger.json").read_bytes())["address"] == target
        assert json.loads(program("ledger", "status", "--json").out) == before
        assert program("ledger", "audit").code == 0
        given = sorted((tmp_path / "out").glob("*.json"))[1:]  # the first is corrected
        assert [verdict(program, path).split(":")[0] for path in given] == ["VALID"] * 5
        assert program("issuer", "correct", "UNI-000001", "--set", f"name=N {number}", "--yes").code == 0
        assert program("doctor").code == 0
    answer = program("ledger", "migrate", target, own)
    assert (answer.code, "there is a log at the address already" in answer.err) == (1, True)
    shutil.rmtree(home / "log")  # which had been left
    assert program("ledger", "migrate", target, own).code == 0
    assert not (home / "ledger.json").exists()
    assert program("issuer", "correct", "UNI-000001", "--set", "name=At Home", "--yes").code == 0
    assert program("ledger", "audit").code == 0


@pytest.mark.slow
@postgres_server.needed
@s3_server.needed
def test_from_a_database_to_a_bucket(program: Program, file: Path, tmp_path: Path) -> None:
    """By way of it, from the folder, and back."""

    def bucket(where: Path) -> str:
        return s3_server.server().of(where)

    test_an_issuer_goes_on_wherever_its_log_is(database, bucket, program, file, tmp_path)


def test_only_the_log_of_the_folder_is_moved_from_there(program: Program, file: Path, tmp_path: Path) -> None:
    assert program("issuer", "issue", file, "--name", "U").code == 0
    answer = program("ledger", "migrate", tmp_path / "other", tmp_path / "new")
    assert (answer.code, "is at another address" in answer.err) == (1, True)
    assert not (tmp_path / "new").exists()


def test_a_log_that_is_damaged_is_not_moved(program: Program, file: Path, tmp_path: Path) -> None:
    """It would be sealed, and signed for nowhere."""
    assert program("issuer", "issue", file, "--name", "U").code == 0
    log = program.home / "issuer" / "log"
    tile = max((log / "tile/0").rglob("*.p/*"), key=lambda path: path.stat().st_size)
    tile.write_bytes(bytes(tile.stat().st_size))
    answer = program("ledger", "migrate", log, tmp_path / "new")
    assert (answer.code, "tile/0/000" in answer.err) == (1, True)
    assert mark_of(PosixStore(log)) is None
