"""SIGKILL before any system call: the next turn sweeps what is left, and `issuer password` all of it."""

from __future__ import annotations

import itertools
import re
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from intaglio.tls import server_files
from issuer.issuer import Issuer
from issuer.job.order import Order
from issuer.keeping.backup import backup
from issuer.keeping.export import export
from issuer.keeping.rotation import add, rotate
from keys import KeyFile
from tests.commandline import Program
from tests.copying import copy_folder
from tests.fault.kill import Work, kill_at_each_step
from tests.world import csv_file, graduate, issuer_in, reopened
from vc.status import Reason
from wire.problem import Conflict, Refused

PASSPHRASE = b"correct horse battery"
SECRET = re.compile(rb'"root": *"[A-Za-z0-9_-]{43}"')
"""The root of all secrets in the clear; the keys stand beside it."""


def now() -> datetime:
    return datetime.now(UTC)


def issue(issuer: Issuer, row: int) -> None:
    issuer.issue(graduate(10 * row))


def issue_file(issuer: Issuer, row: int) -> None:
    rows = [graduate(10 * row), graduate(10 * row + 1, email="bad")]
    source = csv_file(issuer.home.parent / "graduates.csv", rows)
    issuer.issue_file(Order(source, issuer.home.parent / "errors.csv", workers=0))


def revoke(issuer: Issuer, row: int) -> None:
    issuer.revoke([f"UNI-{row:06}"], Reason.FRAUD, date=now(), now=now())


def export_all(issuer: Issuer, row: int) -> None:
    list(export(issuer, issuer.entries(), issuer.home.parent / "out"))


def make_certificate(issuer: Issuer, row: int) -> None:
    server_files(issuer.home / "tls", [f"host{row}"], now=now())


def keep(issuer: Issuer, row: int) -> None:
    backup(issuer.home, issuer.home.parent / f"backup{row}", PASSPHRASE)


def announce(issuer: Issuer, row: int) -> None:
    try:
        add(issuer)
    except Conflict:  # one that was killed had come to its end
        rotate(issuer)


def change_keys(issuer: Issuer, row: int, **how: Any) -> None:
    rotate(issuer, **how)


TURNS: dict[str, Callable[[Issuer, int], None]] = {
    "add": announce,
    "rotate": change_keys,
    "compromised": partial(change_keys, compromised=True),
    "issue": issue,
    "file": issue_file,
    "revoke": revoke,
    "export": export_all,
    "tls": make_certificate,
    "backup": keep,
}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made")
    issuer = issuer_in(folder / "issuer", url="https://university.example", clock=now)
    issuer.issue_many([graduate(row) for row in (1, 2)])
    issuer.store.close()
    backup(issuer.home, folder / "kept", PASSPHRASE)
    return folder


def left_in(folder: Path) -> list[str]:
    """What no command should leave: whatever begins with a full stop, and what is not the log's in `log/`."""
    return [str(path.relative_to(folder)) for path in folder.rglob(".*")]


def in_the_clear(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and SECRET.search(path.read_bytes())]


@pytest.fixture
def password(program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], None]:
    """`intaglio issuer password` for a folder whose keys are not sealed."""
    (file := tmp_path / "passphrase").write_bytes(PASSPHRASE)
    monkeypatch.setenv("INTAGLIO_NEW_PASSPHRASE_FILE", str(file))

    def change(home: Path) -> None:
        answer = program("issuer", "--home", home, "password")
        assert answer.code == 0, answer.err

    return change


@pytest.mark.sampled(every=5)
@pytest.mark.parametrize("name", TURNS)
@pytest.mark.parametrize(
    "most", [pytest.param(25, marks=pytest.mark.slow), pytest.param(1000, marks=pytest.mark.soak)]
)
def test_what_a_kill_leaves_goes_with_the_next_turn_and_with_a_new_password(
    made: Path, tmp_path: Path, password: Callable[[Path], None], name: str, most: int
) -> None:
    numbers, turn, left = itertools.count(), TURNS[name], list[str]()

    def prepare() -> tuple[Work, Work]:
        here = Path(copy_folder(made, tmp_path / str(next(numbers))))

        def take(row: int) -> None:
            turn(reopened(here / "issuer", now), row)

        def check() -> None:
            left.extend(left_in(here))
            copy_folder(here, sealed := here.with_name(f"{here.name}-sealed"))
            assert in_the_clear(sealed)
            password(sealed / "issuer")
            assert in_the_clear(sealed) == []
            assert left_in(sealed / "issuer") == []
            take(2)
            assert left_in(here) == []
            shutil.rmtree(here)
            shutil.rmtree(sealed)

        return lambda: take(1), check

    assert kill_at_each_step(prepare, most=most) >= 10
    assert left, "no kill left anything"


@pytest.mark.slow
def test_an_issuers_password_takes_what_killed_restores_and_backups_left(
    made: Path, tmp_path: Path, password: Callable[[Path], None]
) -> None:
    here = Path(copy_folder(made, tmp_path / "here"))
    (unpacked := here / ".issuer.restoring-abc").mkdir()
    shutil.copy(here / "issuer" / "keys.json", unpacked)
    (copies := here / "issuer" / ".backup-abc").mkdir()
    shutil.copy(here / "issuer" / "issuer.sqlite", copies)
    password(here / "issuer")
    assert left_in(here) == []
    assert in_the_clear(here) == []


def test_a_rotation_of_compromised_keys_says_what_cannot_be_removed_and_ends_none(
    made: Path, tmp_path: Path
) -> None:
    here = Path(copy_folder(made, tmp_path / "here"))
    (left := here / "issuer" / f".keys.json.{'0' * 16}.tmp").symlink_to("keys.json")
    before = KeyFile.open(here / "issuer" / "keys.json", lambda: None).public_keys
    with pytest.raises(Refused, match="cannot be removed") as refused:
        rotate(reopened(here / "issuer", now), compromised=True)
    assert str(left) in str(refused.value)
    assert KeyFile.open(here / "issuer" / "keys.json", lambda: None).public_keys == before
    left.unlink()
    rotate(reopened(here / "issuer", now), compromised=True)
