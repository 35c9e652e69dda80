"""From a registrar's own file, unedited, to a credential that verifies; and files of one trait."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest

from tests.commandline import Program
from tests.issuer_cli.conftest import Clock
from tests.registrars import ASKED, SMALL, Small, World, chinese, city, corrected, german

FINDING = re.compile(r"^(?:row |[0-9]+ rows).*", re.MULTILINE)


@pytest.fixture(autouse=True)
def _summer(clock: Clock) -> None:
    """After the last day of award in the files; the year is part of the numbers."""
    clock.now = datetime(2026, 8, 1, 12, tzinfo=UTC)


def through(program: Program, world: World) -> None:
    """Two commands, the correction of what they name, and each credential once."""
    bad, withdrawn = len(world.mistakes), sum(mistake.mended is None for mistake in world.mistakes)
    assert program("issuer", "init", *world.init).code == 0
    answer = program("issuer", "issue", world.file, *world.issue)
    assert answer.out == f"{world.rows - bad} issued, 0 issued before, {bad} with errors\n"
    assert answer.code == 7
    # Each mistake by the row and the heading that the spreadsheet shows, and nothing else.
    named = [line.split(": ")[0] for line in FINDING.findall(answer.err)]
    assert named == [f"row {mistake.row}, column {mistake.heading}" for mistake in world.mistakes]

    for number, words in world.says.items():
        assert program("issuer", "export", number, "--out", "few").code == 0
        verified = program("verify", Path("few", f"{number}.json"), "--offline")
        assert verified.out.startswith("VALID"), verified.out
        assert words in verified.out

    error_file = world.file.with_name(f"{world.file.stem}.errors{world.file.suffix}")
    corrected(error_file, world.mistakes)
    # The program's own file is in UTF-8, and begins with a mark that says so.
    answer = program("issuer", "issue", error_file, *world.issue)
    assert answer.out == f"{bad - withdrawn} issued, 0 issued before, 0 with errors\n"
    assert answer.code == 0

    again = program("issuer", "issue", world.file, *world.issue)
    assert again.out.startswith("0 issued, "), again.out
    assert len(program("issuer", "list").out.splitlines()) == world.rows - withdrawn


@pytest.mark.slow
@pytest.mark.parametrize(
    "make",
    [
        pytest.param(partial(chinese, as_workbook=True), id="Chinese university, xlsx"),
        pytest.param(partial(chinese, as_workbook=False), id="Chinese university, GB18030"),
        pytest.param(german, id="German university, Latin-1"),
        pytest.param(city, id="city"),
    ],
)
def test_a_file_comes_to_credentials_in_two_commands(
    program: Program, tmp_path: Path, make: Callable[[Path], World]
) -> None:
    through(program, make(tmp_path))


@pytest.mark.soak
def test_a_city_of_a_hundred_thousand_does_so_as_well(program: Program, tmp_path: Path) -> None:
    through(program, city(tmp_path, 100_000))


@pytest.mark.quick(
    "UTF-16 and tabs, Excel's Unicode text",
    "GB18030",
    "Latin-1, two Spanish names",
    "semicolons",
    "windows-1251",
)
@pytest.mark.parametrize(
    "small",
    [
        pytest.param(each, id=each.trait, marks=[pytest.mark.slow] if each.is_workbook else [])
        for each in SMALL
    ],
)
def test_a_small_file_is_understood_or_the_way_out_is_named(
    program: Program, tmp_path: Path, small: Small
) -> None:
    """Without a terminal, where nothing can be asked; the answer to what is open makes it understood."""
    small.make(tmp_path / small.name)
    command = ("issuer", "issue", tmp_path / small.name, "--dry-run", *small.options)
    answer = program(*command)
    assert answer.code == small.code, answer.err
    assert small.words in answer.err
    if small.outcome == ASKED:
        assert program(*command, *small.answer).code == 0
    assert not program.home.exists()
