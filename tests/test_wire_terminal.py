from __future__ import annotations

import contextlib
import io
import json
import os
import pty
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner
from hypothesis import example, given
from hypothesis import strategies as st

import intaglio.commands
from holder import Wallet
from intaglio.terminal import Result, agreed, emphasized, json_line, passphrase, say, verb, wrapped
from keys.envelope import require_strong
from tests.commandline import Program
from tests.conftest import ROOT
from tests.copying import copy_folder
from tests.fixtures.make import PASSPHRASE
from wire.problem import PassphraseNeeded

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(1 << 70), 1 << 70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=[])),  # lone surrogates, too
    lambda values: st.lists(values, max_size=3) | st.dictionaries(st.text(max_size=3), values, max_size=3),
    max_leaves=8,
)


@given(JSON)
@example({"name": "M\u00fcller \u738b\U0001f393 \u202e\x7f", "cut": "\ud800", "many": 1 << 64})
def test_a_line_of_json_is_ascii_and_reads_back_as_what_it_says(value: Any) -> None:
    line = json_line({"value": value})
    assert line.isascii()
    assert line.endswith("}\n")
    assert "\n" not in line[:-1]
    assert json.loads(line) == {"version": 2, "value": value}


def secret(folder: Path, text: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    path = folder / "passphrase"
    path.touch(mode=0o600)
    path.write_bytes(text)
    monkeypatch.setenv("INTAGLIO_PASSPHRASE_FILE", str(path))


def test_the_file_is_read_without_its_line_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    secret(tmp_path, b"correct horse\r\n", monkeypatch)
    assert passphrase("Passphrase", new=require_strong) == b"correct horse"


def test_the_same_bytes_however_an_accent_is_typed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = set()
    for typed in ("caf\u00e9 secret", "cafe\u0301 secret"):
        secret(tmp_path, typed.encode(), monkeypatch)
        found.add(passphrase("Passphrase"))
    assert len(found) == 1


def test_what_is_not_text_is_not_guessed_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    secret(tmp_path, b"\xff\xfe", monkeypatch)
    with pytest.raises(PassphraseNeeded):
        passphrase("Passphrase")


@pytest.mark.parametrize("path", ["/nope", "/dev", "/dev/zero"])
def test_a_file_that_holds_no_passphrase_is_said_to(
    path: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("INTAGLIO_PASSPHRASE_FILE", path)
    with pytest.raises(PassphraseNeeded, match="INTAGLIO_PASSPHRASE_FILE names a file that"):
        passphrase("Passphrase")
    assert "chmod" not in capsys.readouterr().err


def test_nobody_is_asked_without_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("INTAGLIO_PASSPHRASE_FILE", raising=False)
    monkeypatch.setattr("sys.stdin.isatty", lambda: False, raising=False)
    assert passphrase("Passphrase") is None
    assert agreed("Sure?", yes=False)


@pytest.mark.parametrize(("mode", "warned"), [(0o600, False), (0o400, False), (0o640, True), (0o644, True)])
def test_a_passphrase_that_others_can_read_is_used_with_a_warning(
    mode: int,
    warned: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    secret(tmp_path, b"correct horse", monkeypatch)
    (tmp_path / "passphrase").chmod(mode)
    assert passphrase("Passphrase") == b"correct horse"
    out, err = capsys.readouterr()
    assert out == ""
    assert (f"chmod 600 {tmp_path / 'passphrase'}" in err) == warned


def test_json_is_one_line_of_ascii_and_alone_on_stdout() -> None:
    @verb()
    def greet(_context: object) -> Result:
        """Greet."""
        click.echo("on the way")
        return Result({"name": "Zoë\x9b\u202e"}, "Hello", 7)

    plain = CliRunner().invoke(greet, [], standalone_mode=False)
    assert (plain.stdout, plain.return_value) == ("on the way\nHello\n", 7)
    done = CliRunner().invoke(greet, ["--json"], standalone_mode=False)
    assert done.stdout == '{"version":2,"name":"Zo\\u00eb\\u009b\\u202e"}\n'
    assert (done.stderr, done.return_value) == ("on the way\n", 7)


def test_bytes_that_are_no_text_are_refused_before_anything_is_done() -> None:
    done = list[str]()

    @verb()
    @click.argument("file", type=click.Path())
    @click.argument("words", nargs=-1)
    @click.option("--name", default="")
    def write(_context: object, file: str, words: tuple[str, ...], name: str) -> Result:
        """Write."""
        done.extend([file, *words, name])
        return Result({}, "")

    odd = os.fsdecode(b"\xff")
    for arguments in (["f", "a", odd], ["f", "--name", odd]):
        answer = CliRunner().invoke(write, arguments)
        assert answer.exit_code == 2
        assert "this is not text in UTF-8" in answer.stderr
    assert done == []
    assert CliRunner().invoke(write, [odd, "a", "--name", "é"]).exit_code == 0
    assert done == [odd, "a", "é"], "a file may be called anything"


def test_the_list_of_commands_has_whole_sentences() -> None:
    @click.group()
    def group() -> None:
        """A group."""

    @verb(group)
    def walk_(_context: object) -> Result:
        """Walk from here to there and back again, as far as the feet carry, and by another way home.

        Slowly. Or not.
        """
        return Result({}, "")

    shown = " ".join(CliRunner().invoke(group, ["--help"], terminal_width=80).stdout.split())
    assert "walk Walk from here to there and back again" in shown
    assert shown.endswith("by another way home.")


@pytest.mark.slow
@pytest.mark.parametrize("words", [["verify", "-"], ["wallet", "import", "-"]])
def test_at_a_terminal_it_is_said_that_standard_input_is_read(words: list[str], tmp_path: Path) -> None:
    secret = tmp_path / "passphrase"
    secret.write_text("correct horse battery")
    program = [sys.executable, "-m", "intaglio"]
    environment = {**os.environ, "INTAGLIO_HOME": str(tmp_path), "INTAGLIO_PASSPHRASE_FILE": str(secret)}
    subprocess.run([*program, "wallet", "init"], env=environment, check=True, capture_output=True)
    child, terminal = pty.fork()
    if child == 0:
        os.execve(sys.executable, [*program, *words], environment)
    shown = b""
    while b"Ctrl-D" not in shown:
        shown += os.read(terminal, 4096)
    os.write(terminal, b"{}\n\x04")
    with contextlib.suppress(OSError):  # Linux: the end of the child is an error
        while chunk := os.read(terminal, 4096):
            shown += chunk
    _, status = os.waitpid(child, 0)
    os.close(terminal)
    assert os.waitstatus_to_exitcode(status) == 3
    assert b"credential" in shown


@pytest.mark.slow
@pytest.mark.parametrize("typed", [b"\xff\xfe\n", b"correct horse\n"])
def test_what_is_typed_for_a_passphrase(typed: bytes, tmp_path: Path) -> None:
    environment = {**os.environ, "INTAGLIO_HOME": str(tmp_path), "LC_ALL": "C.UTF-8"}
    environment.pop("INTAGLIO_PASSPHRASE_FILE", None)
    Wallet.create(tmp_path / "wallet", b"another passphrase", now=datetime.now(UTC))
    child, terminal = pty.fork()
    if child == 0:
        os.execve(sys.executable, [sys.executable, "-m", "intaglio", "wallet", "list"], environment)
    shown = b""
    for left in (b"", b"2 tries left.", b"1 try left.") if typed.isascii() else (b"",):
        while not re.search(re.escape(left) + rb"[^:]*passphrase: $", shown):
            shown += os.read(terminal, 4096)
        os.write(terminal, typed)
    with contextlib.suppress(OSError):  # Linux: the end of the child is an error
        while chunk := os.read(terminal, 4096):
            shown += chunk
    _, status = os.waitpid(child, 0)
    os.close(terminal)
    assert (b"wallet restore BACKUP" if typed.isascii() else b"not text in UTF-8") in shown
    assert os.waitstatus_to_exitcode(status) == (6 if typed.isascii() else 1)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "code"), [(["verify", "-"], 3), (["wallet", "init"], 6), (["verify", "nope", "--json"], 4)]
)
def test_streams_that_are_closed(words: list[str], code: int, tmp_path: Path) -> None:
    """As a service manager may start a program; nothing that it opens may take their place either."""
    environment = {**os.environ, "INTAGLIO_HOME": str(tmp_path)}
    environment.pop("INTAGLIO_PASSPHRASE_FILE", None)
    for closing in ("<&-", "<&- >&-", "<&- >&- 2>&-"):
        script = f'"$@" {closing}'
        program = ["sh", "-c", script, "sh", sys.executable, "-m", "intaglio", *words]
        done = subprocess.run(program, env=environment, capture_output=True, text=True)
        assert done.returncode == code
        assert "Traceback" not in done.stderr


@pytest.mark.parametrize("words", [["--home", "~nobody-here/x", "trust", "list"], ["trust", "list"]])
def test_a_home_that_is_not_known(words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """A container may run under a number that has no name."""
    monkeypatch.delenv("INTAGLIO_HOME", raising=False)
    monkeypatch.delenv("HOME")
    monkeypatch.setattr(os, "getuid", lambda: 4_000_000_000)
    answer = CliRunner().invoke(intaglio.commands.cli, words)
    assert answer.exit_code == 2
    assert "no home is known for ~" in answer.stderr


def test_talk_wraps_between_words_and_commands_stay_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    command = "intaglio issuer issue graduates.errors.csv --map diploma_number=Nr --dates day-first"
    for stream in (io.StringIO(), Terminal()):
        monkeypatch.setattr(sys, "stderr", stream)
        monkeypatch.setenv("COLUMNS", "40")
        say("The bad rows are in a file of their own: correct them there, then", command)
        first, *_, last = stream.getvalue().splitlines()
        assert (len(first) > 40) is not stream.isatty()
        assert last == f"  {command}"


COPIED = [
    "intaglio --home '/a home' issuer revoke UNI-2026-00000 --reason issued-in-error",
    "chmod 700 /a/home/that/has/a/name/of/more/than/forty/columns",
]


@pytest.mark.parametrize("command", COPIED)
@pytest.mark.parametrize(
    "line", ["    {}", "Then type this, as it stands: {}", "Then `{}` mends it, they say."]
)
def test_a_command_within_a_text_stays_whole(
    monkeypatch: pytest.MonkeyPatch, line: str, command: str
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setattr(sys, "stdout", AtTerminal())
    shown = wrapped(line.format(command), 4).splitlines()
    assert sum(command in one for one in shown) == 1
    assert all(len(one) <= 40 for one in shown if command not in one)
    assert " ".join(" ".join(shown).split()) == line.format(command).strip()


@pytest.mark.slow
def test_lists_keep_to_the_width_of_the_terminal(
    program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All but words that are longer, such as DIDs."""
    secret(tmp_path, PASSPHRASE.encode(), monkeypatch)
    monkeypatch.setenv("COLUMNS", "60")
    for home, *words in (
        ("graduate", "wallet", "list"),
        ("graduate", "trust", "list"),
        ("university", "ledger", "status"),
        ("graduate", "doctor"),
    ):
        shutil.rmtree(program.home, ignore_errors=True)
        copy_folder(ROOT / "tests/fixtures/f31e11f" / home, program.home)
        whole = program(*words).out
        with monkeypatch.context() as patch:
            patch.setattr(sys.stdout, "isatty", lambda: True)
            shown = program(*words).out
        assert shown.split() == whole.split()
        assert max(map(len, whole.splitlines())) > 60, words
        for line in shown.splitlines():
            assert len(line) <= 60 or " " not in line.strip() or re.search("intaglio |chmod ", line), words


class AtTerminal(io.StringIO):
    def isatty(self) -> bool:
        return True


DID = "did:key:z6MkehRgf7yJbgaGfYsdoAsKdBPE3dj2CYhowQdcjqSJgvVd"


@pytest.mark.parametrize(
    ("line", "column", "shown"),
    [
        (f"  3 issuer     {DID} it is", 15, ["  3 issuer", f"    {DID}", f"{' ' * 15}it is"]),
        (f"{' ' * 15}{DID}", 15, [f"    {DID}"]),
        (f"of {DID}{DID}", 0, ["of", DID + DID]),
        ("  9 trust      not on your list", 15, ["  9 trust      not on your list"]),
        ("by Example University", 2, ["by Example University"]),
        ("On the list", 2, ["On the list"]),
    ],
)
def test_a_did_is_never_broken(
    monkeypatch: pytest.MonkeyPatch, line: str, column: int, shown: list[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.setattr(sys, "stdout", AtTerminal())
    assert wrapped(line, column).splitlines() == shown


def test_weight_and_colour_are_for_a_terminal_that_wants_them(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)
    assert emphasized("VALID", "green") == "VALID"
    monkeypatch.setattr(sys, "stdout", AtTerminal())
    assert emphasized("VALID", "green") == "\x1b[32m\x1b[1mVALID\x1b[0m"
    for name, value, shown in (("NO_COLOR", "", False), ("NO_COLOR", "1", True), ("TERM", "dumb", True)):
        with monkeypatch.context() as patch:
            patch.setenv(name, value)
            assert (emphasized("VALID", "green") == "VALID") is shown


def test_many_results_are_printed_as_they_come() -> None:
    @verb()
    def several(_context: object) -> Iterator[Result]:
        """Several."""
        for number in range(2):
            click.echo("talk")
            yield Result({"number": number}, "")
        yield Result({}, "both", 3)

    printed = CliRunner().invoke(several, ["--json"], standalone_mode=False)
    lines = '{"version":2,"number":0}\n{"version":2,"number":1}\n'
    assert (printed.return_value, printed.stdout, printed.stderr) == (3, lines, "talk\ntalk\n")
    printed = CliRunner().invoke(several, [], standalone_mode=False)
    assert (printed.return_value, printed.stdout) == (3, "talk\ntalk\nboth\n")
