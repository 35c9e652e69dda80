"""`intaglio doctor` explains a set-up, and the exit codes of the whole program are as documented."""

from __future__ import annotations

import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click
import pytest

import intaglio.__main__
import intaglio.commands
from intaglio.session import utc_now
from issuer.identity.clock import ClockJournal
from issuer.keeping import rotation
from issuer.keeping.ahead import signed_until
from keys import PassphraseNeeded, PrivateKey, WrongPassphrase
from ledger import EntryKind, entry
from tests.commandline import Program
from tests.conftest import ROOT
from tests.world import NOW, csv_file, graduate, issuer_in, template_before
from verifier import Trust
from wire import (
    DISK_FULL,
    Conflict,
    Damaged,
    Declined,
    Malformed,
    NotFound,
    Problem,
    Refused,
    TryLater,
    Unavailable,
)

KIND_FILE = "kinds/diploma-2/kind.json"


def test_a_new_machine_is_fine(program: Program) -> None:
    answer = program("doctor")
    assert answer.code == 0
    assert "intaglio demo" in answer.out


def test_a_folder_that_is_not_there_is_named(program: Program) -> None:
    answer = program("doctor", "--in", program.home / "nowhere")
    assert answer.code == 2
    assert "there is no folder" in answer.err


def test_an_issuer_is_looked_over(program: Program) -> None:
    program("issuer", "issue", ROOT / "examples/diploma/graduates-with-errors.csv", "--name", "Example",
            "--out", program.home / "out", "--errors", program.home / "errors.csv")  # fmt: skip
    answer = program("doctor")
    assert answer.code == 0
    assert "not sealed under a passphrase" in answer.out
    assert "Its log of 6 entries was derived again" in answer.out
    assert "has 1 issuer." in answer.out
    assert "has issued 3 credentials." in answer.out
    assert program("issuer", "correct", "row:2", "--set", "gpa=3.8", "--out", program.home / "out").code == 0
    assert (
        "has issued 3 credentials (4 with later editions, copies and further forms)." in program("doctor").out
    )
    told = {
        found["code"]: found["facts"] for found in json.loads(program("doctor", "--json").out)["findings"]
    }
    assert told == {
        "trust-list-read": {"file": str(program.home / "trust.json"), "issuers": 1},
        "issuer-found": {
            "name": "Example",
            "home": str(program.home / "issuer"),
            "diplomas": 3,
            "editions": 4,
        },
        "issuer-keys-found": {"keys": str(program.home / "issuer/keys.json")},
        "issuer-keys-not-sealed": {},
        "issuer-log-audited": {"entries": 9},
    }


def test_credentials_in_its_log_that_its_index_does_not_know_are_named(program: Program) -> None:
    """As somebody who has its keys would append them; the index counts past them with the next one."""
    issuer = issuer_in(program.home / "issuer", clock=utc_now)
    issuer.issue(graduate(1))
    stolen = [entry(EntryKind.CREDENTIAL, os.urandom(32)), entry(EntryKind.STATUS_LIST, os.urandom(32))]
    first = issuer.log.append(stolen * 2, b"stolen").start
    issuer.issue(graduate(2))
    answer = program("doctor", "--json")
    assert answer.code == 0
    (found,) = [one for one in json.loads(answer.out)["findings"] if one["code"] == "issuer-log-unexplained"]
    assert found["facts"] == {"entries": 2, "first": first}


def test_what_killed_commands_left_is_counted_until_it_is_gone(program: Program) -> None:
    assert program("issuer", "init", "--name", "U", "--url", "https://u.example").code == 0
    home, ending = program.home / "issuer", f".{'0' * 16}.tmp"
    (home / "status").mkdir(exist_ok=True)
    (program.home / ".issuer.restoring-abc").mkdir()
    left = [
        home / f".keys.json{ending}",
        home / "status" / f".0{ending}",
        program.home / f".issuer.checkpoint{ending}",
    ]
    for path in left:
        path.write_bytes(b"secret")

    def told() -> list[dict[str, object]]:
        findings = json.loads(program("doctor", "--json").out)["findings"]
        return [found for found in findings if found["code"] == "issuer-left-over"]

    facts = {"files": 4, "first": str(program.home / f".issuer.checkpoint{ending}")}
    assert [found["facts"] for found in told()] == [facts]
    assert "Killed commands left 4 files behind" in program("doctor").out
    assert told()[0]["remedy"] == "intaglio issuer status publish"
    assert program("issuer", "status", "publish").code == 0
    assert told() == []
    assert [path for path in program.home.rglob(".*") if path.name != ".lock"] == []


@pytest.mark.parametrize("ending", ["&pin-value=4711", "&PIN-VALUE=4711", "&pin%2Dvalue=4711", "&x=4711"])
def test_a_pin_that_somebody_wrote_into_the_address_of_a_key_is_shown_nowhere(
    program: Program, ending: str
) -> None:
    assert program("issuer", "init", "--name", "U", "--url", "https://u.example").code == 0
    path = program.home / "issuer" / "issuer.json"
    key = json.loads((path.parent / "keys.json").read_bytes())["keys"]["assertion"]
    address = {"signerUri": f"pkcs11:token=t;object=o?module-path=/m{ending}", "signerKey": key}
    path.write_text(json.dumps({**json.loads(path.read_bytes()), **address}))
    for words in (
        ("doctor",),
        ("issuer", "key", "list"),
        ("issuer", "revoke", "x", "--yes"),
        ("issuer", "list"),
    ):
        answer = program(*words)
        assert answer.code != 0, answer
        assert "4711" not in answer.out + answer.err
        if "pin-value" in ending:
            assert "the address of the key has a PIN in it" in answer.out + answer.err


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "content"),
    [
        *(
            (name, b"{")
            for name in ("did.json", "status/0", "issuer.json", "keys.json", "kinds/diploma-2/kind.json")
        ),
        *((name, None) for name in ("did.json", "keys.json", "status/0", "kinds/diploma-2/kind.json")),
        ("did.json", b"{}"),
        ("issuer.sqlite", b""),
        ("issuer.json", None),
        ("shards/1/000000.jsonl.zst", b"\x28\xb5\x2f\xfd"),
        ("../schemas/a.json", b"{}"),
        ("../contexts/index.json", b"{}"),
    ],
)
def test_a_damaged_or_missing_file_is_named(name: str, content: bytes | None, program: Program) -> None:
    file = ROOT / "examples/diploma/graduates-with-errors.csv"
    errors = program.home.parent / "errors.csv"
    program("issuer", "issue", file, "--name", "Example", "--out", program.home / "out", "--errors", errors)
    path = Path(os.path.normpath(program.home / "issuer" / name))
    path.parent.mkdir(exist_ok=True)
    if content is None:
        path.unlink()
    else:
        path.write_bytes(content)
    answer = program("doctor")
    assert answer.code == 1
    assert answer.out.count("✗") == 1
    assert str(path) in answer.out


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
    assert (told["version"], told["wrong"]) == (2, 2)
    assert f"chmod 700 {program.home}" in answer.out
    codes = [found["code"] for found in told["findings"] if found["mark"] == "✗"]
    assert codes == ["not-a-trust-file", "damaged"], "of a problem it is the problem's own"
    assert [found["problem"]["code"] for found in told["findings"] if "problem" in found] == codes


def codes(program: Program) -> dict[str, str]:
    """What doctor finds that is not well, with its mark; and that the exit code says so."""
    answer = program("doctor", "--json")
    found = json.loads(answer.out)["findings"]
    assert answer.code == any(item["mark"] == "✗" for item in found), answer
    usual = ("✓", "issuer-keys-not-sealed")
    return {
        item["code"]: item["mark"]
        for item in found
        if item["mark"] not in usual and item["code"] not in usual
    }


WEB = ("issuer", "init", "--name", "U", "--url", "https://u.example")


def test_a_log_that_was_moved_away_takes_nothing_more(program: Program, tmp_path: Path) -> None:
    """Whose `ledger.json` is lost: the old log is whole, and sealed."""
    program("issuer", "init", "--name", "Example")
    home = program.home / "issuer"
    assert program("ledger", "migrate", home / "log", (tmp_path / "log").as_uri()).code == 0
    assert codes(program) == {}
    (home / "ledger.json").unlink()
    assert codes(program) == {"issuer-log-left": "✗"}
    assert "If ledger.json is lost, bring it back" in program("doctor").out


def test_a_list_of_claim_links_that_is_lost(program: Program, tmp_path: Path) -> None:
    issuer_in(program.home / "issuer", clock=lambda: datetime.now(UTC)).issue(graduate(1))
    path = program.home / "issuer" / "claims.sqlite"
    assert codes(program) == {}, "nobody has made a link"
    assert program("issuer", "claim", "UNI-000001").code == 0
    shutil.copy(path, tmp_path)
    assert program("issuer", "claim", "UNI-000001").code == 0
    assert codes(program) == {}
    for damage, found in (
        (path.unlink, "claims-lost"),
        (path.touch, "claims-lost"),
        (lambda: shutil.copy(tmp_path / path.name, path), "damaged-claims"),
        (lambda: path.write_bytes(b"no database"), "damaged-claims"),
    ):
        for beside in path.parent.glob("claims.sqlite-*"):
            beside.unlink()
        damage()
        assert codes(program) == {found: "✗"}
    path.unlink()
    assert program("issuer", "claim", "UNI-000001").code == 0
    assert codes(program) == {}


def test_announced_keys_that_are_gone(program: Program) -> None:
    program(*WEB)
    keys = program.home / "issuer" / "keys.json"
    before = keys.read_bytes()
    assert program("issuer", "key", "add").code == 0
    announced = json.loads(keys.read_bytes())["keys"]
    assert codes(program) == {}
    keys.write_bytes(before)
    assert codes(program) == {"issuer-keys-announced-gone": "✗"}
    answer = program("doctor").out
    for name in ("assertion-next", "status-list-next"):
        assert announced[name] in answer
        assert program("issuer", "key", "revoke", announced[name], "--yes").code == 0
    assert codes(program) == {}
    assert len(list((keys.parent / "documents").iterdir())) == 4, "the log has that it is as it was before"


def test_a_key_announced_that_is_kept_elsewhere_may_be_well(program: Program) -> None:
    home = program.home / "issuer"
    rotation.add(issuer_in(home, url="https://u.example"), signer=PrivateKey.generate())
    program.now = lambda: NOW
    assert codes(program) == {"issuer-key-announced-elsewhere": "!"}


def test_a_key_file_from_before_the_keys_were_changed(program: Program) -> None:
    program(*WEB)
    keys = program.home / "issuer" / "keys.json"
    before = keys.read_bytes()
    assert program("issuer", "key", "rotate", "--yes").code == 0
    assert codes(program) == {}
    keys.write_bytes(before)
    assert codes(program) == {"issuer-keys-older": "✗"}


def test_a_template_by_which_nothing_can_be_issued(program: Program) -> None:
    template = template_before(program.home / "issuer")
    program("issuer", "init", "--name", "Example")
    template.write_text('{"name": "{"}')
    assert codes(program) == {"issuer-file-damaged": "✗"}


def test_what_stays_dated_ahead(program: Program) -> None:
    """A key that a clock a year ahead has ended, and a diploma that it dated; the rest is signed anew."""
    clock = [NOW + timedelta(days=365)]
    made = issuer_in(program.home / "issuer", url="https://u.example", clock=lambda: clock[0])
    made.issue(graduate(1))
    rotation.rotate(made)
    program.now = lambda: NOW
    wrong = {"issuer-key-end-ahead", "issuer-list-ahead", "issuer-log-ahead"}
    assert codes(program) == {**dict.fromkeys(wrong, "✗"), "issuer-diplomas-ahead": "!"}
    answer = program("issuer", "clock", "accept", "--yes")
    assert (answer.code, answer.out) == (0, "intaglio issuer correct UNI-000001\n")
    assert "Publish " in answer.err
    assert codes(program) == {"issuer-diplomas-ahead": "!"}
    assert program("issuer", "correct", "UNI-000001", "--out", program.home / "out").code == 0
    assert codes(program) == {}


def test_a_key_alone_that_ended_ahead_of_time_is_asked_about(program: Program) -> None:
    """As a clock left it that was accepted before keys were looked at."""
    clock = [NOW + timedelta(days=365)]
    made = issuer_in(program.home / "issuer", url="https://u.example", clock=lambda: clock[0])
    rotation.rotate(made)
    clock[0], ahead = NOW, signed_until(made)
    assert ahead is not None
    ClockJournal(made.home).add(clock=NOW, ahead=ahead, checkpoint=made.reader.checkpoint())
    assert made.log.find(b"nothing") is None  # which signs for the log, and for nothing else
    assert signed_until(made) == NOW
    program.now = lambda: NOW
    assert codes(program) == {"issuer-key-end-ahead": "✗"}
    assert program("issuer", "clock", "accept", "--yes").code == 0
    assert codes(program) == {}


@pytest.mark.quick(every=4)
@pytest.mark.parametrize(
    ("problem", "code"),
    [
        (Malformed("x"), 1),
        (Refused("x"), 1),
        (Conflict("x"), 1),
        (Damaged("x"), 1),
        (Unavailable("x"), 3),
        (DISK_FULL("x"), 3),
        (TryLater("x"), 75),
        (NotFound("x"), 4),
        (Declined("x"), 5),
        (PassphraseNeeded("x"), 6),
        (WrongPassphrase("x"), 6),
    ],
)
def test_every_kind_of_problem_has_its_exit_code(problem: Problem, code: int) -> None:
    assert intaglio.__main__.exit_code(problem) == code


def commands(group: click.Group = intaglio.commands.cli) -> Iterator[click.Command]:
    """All commands, those of groups too."""
    for name in group.list_commands(click.Context(group)):
        command = group.get_command(click.Context(group), name)
        assert command is not None
        yield command
        if isinstance(command, click.Group):
            yield from commands(command)


def options(command: click.Command) -> set[str]:
    return {name for parameter in command.params for name in parameter.opts}


@pytest.mark.slow
def test_a_verdict_does_not_depend_on_the_locale(tmp_path: Path) -> None:
    told = subprocess.run(
        [sys.executable, "-m", "intaglio", "--home", str(tmp_path / "ö"), "doctor"],
        env={**os.environ, "PYTHONIOENCODING": "latin-1"},
        capture_output=True,
        cwd=ROOT,
        check=False,
    )
    assert (told.returncode, told.stderr) == (0, b"")
    assert b"\\u2713" in told.stdout


@pytest.mark.parametrize("role", ["issuer", "verifier"])
def test_a_service_that_was_not_installed_says_how(
    role: str, program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    for name in ("intaglio.connections", "intaglio.serving"):  # an earlier test may have loaded them
        monkeypatch.delitem(sys.modules, name, raising=False)
    answer = program(role, "serve")
    assert (answer.code, answer.out) == (2, "")
    assert "this needs uvicorn, which is not installed" in answer.err
    assert "In the folder with the program's source, type: pip install '.[serve]'" in answer.err


def test_a_slow_signature_is_told_with_what_is_missing(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    answer = program("doctor")
    assert (answer.code, "PyNaCl is not installed" in answer.out) == (0, True)
    assert "pip install '.[fast]'" in answer.out


def test_no_secret_can_be_an_argument() -> None:
    """Others on the machine see arguments, and the shell keeps them."""
    found = {option for command in commands() for option in options(command)}
    assert len(found) > 40
    assert not [option for option in found if re.search(r"pass|secret|private|token|\bpin\b", option.lower())]


def test_every_command_that_ends_by_itself_knows_json() -> None:
    without = {command.name for command in commands() if "--json" not in options(command)}
    groups = {command.name for command in commands() if isinstance(command, click.Group)}
    assert without == {*groups, "serve"}


@pytest.mark.parametrize(
    ("words", "code", "title", "detail"),
    [
        (("wallet", "init"), 6, "A passphrase is needed", "none was typed, and there is no"),
        (("wallet", "list"), 4, "Not found", "there is no wallet at"),
        (("ledger", "status"), 4, "Not found", "there is no log in"),
        (("trust", "remove", "did:example:a"), 4, "Not found", "did:example:a is not in the trust list"),
        (("verify",), 2, "Wrong use", "Missing argument 'FILE|FOLDER|ZIP|URL|-...'."),
        (("verify", "x", "--challenge", ""), 2, "Wrong use", "Nothing stands after --challenge"),
        (("verify", "x", "--challenge="), 2, "Wrong use", "Nothing stands after --challenge"),
        (("nonsense",), 2, "Wrong use", "No such command 'nonsense'."),
    ],
)
def test_with_json_an_error_is_an_object_on_stdout(
    words: tuple[str, ...], code: int, title: str, detail: str, program: Program
) -> None:
    plain = program(*words)
    assert (plain.code, plain.out) == (code, "")
    answer = program(*words, "--json")
    assert (answer.code, answer.err) == (code, plain.err)
    told = json.loads(answer.out)
    assert told["version"] == 2
    assert told["error"]["title"] == title
    assert told["error"]["detail"].startswith(detail)
    assert told["error"]["exitCode"] == code
    assert told["error"]["code"]
    assert answer.out.count("\n") == 1


def test_a_refused_credential_is_no_error_of_the_program(program: Program) -> None:
    refused = b'{"type": "VerifiableCredential"}'
    told = json.loads(program("verify", "-", "--json", stdin=refused).out)
    assert told["verdict"] == "invalid"
    assert "error" not in told


def test_ctrl_c_is_said_to_programs_too(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(_path: Path) -> Trust:
        raise KeyboardInterrupt

    monkeypatch.setattr(Trust, "load", interrupted)
    answer = program("trust", "list", "--json")
    assert answer.code == 130
    assert json.loads(answer.out)["error"]["title"] == "Interrupted"


@pytest.mark.slow
def test_nobody_reads_what_is_printed(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [sys.executable, "-m", "intaglio", "--home", str(tmp_path), "trust", "list", "--json"],
        stdout=writer,
        stderr=subprocess.PIPE,
    )
    os.close(writer)
    assert done.returncode == 1
    assert b"Traceback" not in done.stderr
    assert b"Exception" not in done.stderr


@pytest.mark.slow
def test_where_nothing_can_be_printed_there_is_no_traceback(tmp_path: Path) -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("no /dev/full: only on Linux")
    for words in (["trust", "list", "--json"], ["trust", "remove", "did:example:a", "--json"]):
        with full.open("wb") as nowhere:
            done = subprocess.run(
                [sys.executable, "-m", "intaglio", "--home", str(tmp_path), *words],
                stdout=nowhere,
                stderr=subprocess.PIPE,
                text=True,
            )
        assert done.returncode == (3 if "list" in words else 4)
        assert ("The disk is full: " in done.stderr) == ("list" in words)
        assert "Traceback" not in done.stderr
        assert "Exception" not in done.stderr


@pytest.mark.slow
def test_where_nothing_can_be_said_the_work_is_done_and_ends_as_it_should(tmp_path: Path) -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("no /dev/full: only on Linux")
    csv_file(tmp_path / "g.csv", [graduate(1)])
    issue = ["issuer", "issue", str(tmp_path / "g.csv"), "--name", "U", "--out", str(tmp_path / "out")]
    for words, code in (
        (issue, 0),
        (["verify", str(tmp_path / "out" / "UNI-000001.json"), "--offline"], 0),
        (["trust", "remove", "did:example:a"], 4),
        (["trust", "remove"], 2),
        (["verify", str(tmp_path / "nothing")], 4),
    ):
        with full.open("wb") as nowhere:
            done = subprocess.run(
                [sys.executable, "-m", "intaglio", "--home", str(tmp_path / "home"), *words],
                stdout=subprocess.PIPE,
                stderr=nowhere,
                text=True,
            )
        assert done.returncode == code, (words, done.stdout)


def test_the_version_is_the_distributions(program: Program) -> None:
    assert program("--version").out.startswith("intaglio, version ") or "0.1.0" in program("--version").out


def test_home_can_be_given(program: Program, tmp_path: Path) -> None:
    assert str(tmp_path / "other") in program("--home", tmp_path / "other", "doctor").out


@pytest.mark.slow
@pytest.mark.parametrize("damage", ["junk", "empty", "envelope", "page", "gone"])
def test_a_damaged_wallet_is_found_without_its_passphrase(
    program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: str
) -> None:
    (tmp_path / "secret").write_text("correct horse battery")
    monkeypatch.setenv("INTAGLIO_PASSPHRASE_FILE", str(tmp_path / "secret"))
    assert program("wallet", "init").code == 0
    assert "✓ A wallet lies in" in program("doctor").out
    (path,) = (program.home / "wallet").glob("*.sqlite3")
    if damage == "envelope":
        with closing(sqlite3.connect(path)) as wallet, wallet:
            wallet.execute("UPDATE vault SET envelope = x'7b'")
    elif damage == "page":
        data = bytearray(path.read_bytes())
        data[5000:] = bytes(len(data) - 5000)
        path.write_bytes(data)
    elif damage == "gone":
        path.unlink()
    else:
        path.write_bytes(os.urandom(5000) if damage == "junk" else b"")
    answer = program("doctor")
    assert answer.code == 1
    assert "✗" in answer.out
    assert "wallet" in answer.out
