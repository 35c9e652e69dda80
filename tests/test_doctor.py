"""`intaglio doctor` explains a set-up, and the exit codes of the whole program are as documented."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import intaglio
from keys import PassphraseNeeded, WrongPassphrase
from tests.commandline import Program
from tests.conftest import ROOT
from wire import Conflict, Damaged, Declined, Malformed, NotFound, Problem, Refused, Unavailable


def test_a_new_machine_is_fine(program: Program) -> None:
    answer = program("doctor")
    assert answer.code == 0
    assert "intaglio demo" in answer.out


def test_an_issuer_is_looked_over(program: Program) -> None:
    program("issuer", "issue", ROOT / "examples/diploma/graduates-with-errors.csv", "--name", "Example",
            "--out", program.home / "out", "--errors", program.home / "errors.csv")  # fmt: skip
    answer = program("doctor")
    assert answer.code == 0
    assert "not sealed under a passphrase" in answer.out
    assert "entries of its log were derived again" in answer.out


def test_what_is_broken_is_named_with_a_remedy(program: Program) -> None:
    program("issuer", "init", "--name", "Example")
    (program.home / "trust.json").write_text("{")
    tile = next((program.home / "issuer/log/tile/entries").rglob("[0-9]"))
    tile.write_bytes(b"\0" * len(tile.read_bytes()))
    program.home.chmod(0o755)
    answer = program("doctor")
    assert answer.code == 1
    assert answer.out.count("✗") == 2
    told = json.loads(program("doctor", "--json").out)
    assert (told["version"], told["wrong"]) == (1, 2)
    assert f"chmod 700 {program.home}" in answer.out


@pytest.mark.parametrize(
    ("problem", "code"),
    [
        (Malformed("x"), 1),
        (Refused("x"), 1),
        (Conflict("x"), 1),
        (Damaged("x"), 1),
        (Unavailable("x"), 3),
        (NotFound("x"), 4),
        (Declined("x"), 5),
        (PassphraseNeeded("x"), 6),
        (WrongPassphrase("x"), 6),
    ],
)
def test_every_kind_of_problem_has_its_exit_code(problem: Problem, code: int) -> None:
    assert intaglio.exit_code(problem) == code


def test_no_secret_can_be_an_argument() -> None:
    import click

    def options(command: click.Command) -> set[str]:
        found = {name for parameter in command.params for name in parameter.opts}
        for inner in command.commands.values() if isinstance(command, click.Group) else ():
            found |= options(inner)
        return found

    for name in intaglio.COMMANDS:
        command = intaglio.cli.get_command(click.Context(intaglio.cli), name)
        assert command is not None
        for option in options(command):
            assert not any(word in option for word in ("pass", "secret", "pin", "private"))


def test_the_version_is_the_distributions(program: Program) -> None:
    assert program("--version").out.startswith("intaglio, version ") or "0.1.0" in program("--version").out


def test_home_can_be_given(program: Program, tmp_path: Path) -> None:
    assert str(tmp_path / "other") in program("--home", tmp_path / "other", "doctor").out
