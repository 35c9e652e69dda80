"""`intaglio issuer init|backup|restore|password|trust`: what an issuer is made of, kept and lost."""

from __future__ import annotations

import json
import shlex
import shutil
from pathlib import Path

import pytest

from tests.commandline import Answer, Program, typed, verdict
from tests.world import csv_file, graduate, issuer_in


def test_with_a_web_address_there_is_a_document_to_publish(program: Program, file: Path) -> None:
    answer = program("issuer", "init", "--name", "U", "--url", "https://u.example", "--json")
    assert json.loads(answer.out)["did"] == "did:web:u.example"
    assert "did.json at https://u.example/.well-known/did.json" in answer.err
    assert program("issuer", "init", "--name", "U").code == 0  # the same again
    assert program("issuer", "init", "--name", "V").code == 1
    program("issuer", "issue", file)
    assert verdict(program, "diplomas/UNI-000001.json").startswith("VALID: ")
    answer = program("issuer", "status", "publish")
    assert answer.out.startswith("0 lists published")
    assert "https://u.example/status/" in answer.err


@pytest.mark.slow
def test_a_backup_is_always_encrypted_and_comes_back(
    issued: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert issued("issuer", "backup", "b").code == 6
    (tmp_path / "secret").write_text("correct horse\n")
    monkeypatch.setenv("INTAGLIO_BACKUP_PASSPHRASE_FILE", str(tmp_path / "secret"))
    assert issued("issuer", "backup", "b").out == "b\n"
    answer = issued("issuer", "--home", tmp_path / "again", "restore", "b")
    assert answer.code == 0
    assert "do not go on with this copy" in answer.err
    assert "cannot tell whether it was" in answer.err
    elsewhere = ("--home", tmp_path / "elsewhere")
    assert issued(*elsewhere, "issuer", "restore", "b").code == 0
    assert issued(*elsewhere, "verify", "diplomas/UNI-000001.json").code == 3
    (tmp_path / "trust.json").write_text(issued(*elsewhere, "issuer", "trust").out)
    assert issued(*elsewhere, "trust", "add", "trust.json").code == 0
    assert issued(*elsewhere, "verify", "diplomas/UNI-000001.json").code == 0
    assert issued("issuer", "--home", tmp_path / "again", "list").out == issued("issuer", "list").out
    assert issued("issuer", "restore", "b").code == 1
    monkeypatch.setenv("INTAGLIO_BACKUP_PASSPHRASE_FILE", str(tmp_path / "missing"))
    assert issued("issuer", "backup", "c").code == 6


def test_a_passphrase_from_a_file_protects_the_keys(
    program: Program, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "secret").write_text("correct horse\n")
    monkeypatch.setenv("INTAGLIO_PASSPHRASE_FILE", str(tmp_path / "secret"))
    answer = program("issuer", "issue", file, "--name", "U")
    assert answer.code == 0
    assert "the keys lie unencrypted" not in answer.err
    monkeypatch.delenv("INTAGLIO_PASSPHRASE_FILE")
    assert program("issuer", "revoke", "UNI-000001").code == 6
    assert program("issuer", "list").code == 0


def test_a_lost_index_stops_everything_rather_than_reviving_what_was_revoked(
    issued: Program, file: Path
) -> None:
    assert issued("issuer", "revoke", "UNI-000001").code == 0
    index = issued.home / "issuer" / "issuer.sqlite"
    kept = index.read_bytes()
    index.unlink()
    for words in (("issue", file), ("issue", file, "--dry-run"), ("list",), ("status", "publish")):
        answer = issued("issuer", *words)
        assert (answer.code, answer.out) == (1, "")
        assert f"{index} is lost" in answer.err
    assert f"{index} is lost" in issued("doctor").out
    assert not index.exists()
    index.write_bytes(kept)
    assert verdict(issued, "diplomas/UNI-000001.json").startswith("NOT VALID")


def test_lost_diplomas_are_missed_before_a_backup_is_made(
    issued: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "secret").write_text("correct horse\n")
    (tmp_path / "secret").chmod(0o600)
    monkeypatch.setenv("INTAGLIO_BACKUP_PASSPHRASE_FILE", str(tmp_path / "secret"))
    (shard,) = (issued.home / "issuer" / "shards").glob("*/*")
    shard.unlink()
    assert f"Gone: 1 shard of credentials: {shard}" in issued("doctor").out
    assert issued("doctor").code == 1
    answer = issued("issuer", "backup", "b")
    assert (answer.code, f"{shard} is gone" in answer.err, Path("b").exists()) == (1, True, False)


def test_an_issuer_hands_out_itself_and_not_whom_it_trusts(issued: Program, tmp_path: Path) -> None:
    issued("trust", "add", "did:example:friend")
    handed = tmp_path / "university.json"
    handed.write_text(issued("issuer", "trust").out)
    elsewhere = ("--home", tmp_path / "elsewhere")
    assert issued(*elsewhere, "trust", "add", handed).code == 0
    listed = issued(*elsewhere, "trust", "list").out
    assert ("did:key:" in listed, "friend" in listed) == (True, False)
    assert "from the file university.json" in listed
    assert issued(*elsewhere, "verify", "diplomas/UNI-000001.json", "--offline").out.startswith("VALID")


def test_what_the_owner_wrote_into_the_trust_list_stays(issued: Program, file: Path) -> None:
    path = issued.home / "trust.json"
    trust = json.loads(path.read_text())
    trust["issuers"][0].update(types=["OpenBadgeCredential"], reason="ours")
    path.write_text(json.dumps(trust))
    assert issued("issuer", "issue", file).code == 0
    assert json.loads(path.read_text()) == trust
    (did,) = (issuer["id"] for issuer in trust["issuers"])
    assert "is on your list already" in issued("trust", "add", did, "--name", "X").err
    assert json.loads(path.read_text()) == trust


@pytest.mark.slow
def test_keys_can_be_sealed_later(
    issued: Program, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "intaglio issuer password" in issued("doctor").out
    assert issued("issuer", "password").code == 6  # nothing to seal them with
    (tmp_path / "secret").write_text("correct horse\n")
    monkeypatch.setenv("INTAGLIO_NEW_PASSPHRASE_FILE", str(tmp_path / "secret"))
    answer = issued("issuer", "password")
    assert (answer.code, "Backups and other copies" in answer.err) == (0, True)
    assert "intaglio issuer password" not in issued("doctor").out
    assert issued("issuer", "revoke", "UNI-000001").code == 6
    monkeypatch.setenv("INTAGLIO_PASSPHRASE_FILE", str(tmp_path / "secret"))
    assert issued("issuer", "revoke", "UNI-000001").code == 0


def test_a_folder_that_takes_no_files_is_a_problem_and_no_traceback(program: Program, file: Path) -> None:
    Path("diplomas").write_text("a file where a folder should be")
    answer = program("issuer", "issue", file, "--name", "U")
    assert answer.code == 2
    Path("taken").mkdir()
    (Path("taken") / "UNI-000001.json").mkdir()
    answer = program("issuer", "issue", file, "--name", "U", "--out", "taken")
    assert (answer.code, answer.out) == (7, "6 issued, 0 issued before, 0 with errors\n")
    assert "UNI-000001.json: Is a directory" in answer.err
    assert "The same command with --out FOLDER writes them elsewhere" in answer.err
    answer = program("issuer", "issue", file, "--out", "taken", "--json")
    assert (answer.code, json.loads(answer.out)["bundles"]) == (7, None)
    assert program("issuer", "issue", file, "--out", "free").code == 0
    assert len(list(Path("free").glob("*.json"))) == 6
    change = ("issuer", "correct", "UNI-000001", "--set", "gpa=4.0", "--out")
    (Path("taken") / "UNI-000001.2.json").mkdir()
    answer = program(*change, "taken")
    assert (answer.code, answer.out) == (7, "UNI-000001 edition 2  Given1 Family1\n")
    assert "UNI-000001.2.json: Is a directory" in answer.err
    assert program(*change, "free").out.endswith("edition 2  Given1 Family1: free/UNI-000001.2.json\n")


def test_help_says_what_each_command_does(program: Program) -> None:
    answer: Answer = program("issuer", "--help")
    for command in (
        "init",
        "issue",
        "revoke",
        "correct",
        "list",
        "show",
        "export",
        "backup",
        "restore",
        "status",
    ):
        assert command in answer.out


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("kinds/diploma-2/template.json", "kinds/diploma-2 is damaged"),
        ("did.json", "did.json cannot be read"),
    ],
)
def test_a_damaged_file_is_named_with_the_way_out(issued: Program, name: str, words: str) -> None:
    (issued.home / "issuer" / name).write_text("oops")
    answer = issued("issuer", "correct", "UNI-000001", "--set", "gpa=4.0")
    assert (answer.code, answer.out) == (1, "")
    assert words in answer.err
    assert "from a backup" in answer.err


def test_a_weak_passphrase_seals_nothing(
    program: Program, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "secret").write_text("12345678\n")
    monkeypatch.setenv("INTAGLIO_PASSPHRASE_FILE", str(tmp_path / "secret"))
    answer = program("issuer", "issue", file, "--name", "U")
    assert (answer.code, "not only digits" in answer.err) == (1, True)
    assert not (program.home / "issuer" / "keys.json").exists()


def test_a_command_to_type_names_the_same_issuer(program: Program) -> None:
    """With the folder left out it would issue, or back up, somebody else's."""
    rows = [graduate(1), graduate(2, email="x")]
    csv_file(Path("g.csv"), rows)
    home = ("--home", "a folder/of its own")
    answer = program("issuer", *home, "issue", "g.csv", "--name", "U")
    folder = shlex.quote(str(Path("a folder/of its own").absolute()))
    assert f"`intaglio issuer --home {folder} backup FILE`" in answer.err
    assert f"  intaglio issuer --home {folder} issue g.errors.csv\n" in answer.err
    (command,) = [line.strip() for line in answer.err.splitlines() if "issue g.errors.csv" in line]
    Path("g.errors.csv").write_text(Path("g.errors.csv").read_text().replace('"x"', '"x@example.org"'))
    assert program(*shlex.split(command)[1:]).out.startswith("1 issued")
    assert not (program.home / "issuer").exists()
    whole = program(
        "--home", program.home / "other", "issuer", "issue", "g.csv", "--name", "V", "--out", "other"
    )
    assert f"intaglio --home {program.home}/other issuer issue g.errors-2.csv" in whole.err


@pytest.mark.slow
def test_nobody_waits_for_another_ones_answer(program: Program) -> None:
    """Of two who make an issuer, the one at the question holds nothing that the other needs."""

    def answer() -> bytes:
        issuer_in(program.home / "issuer", name="First")
        return b""

    words = ["issuer", "init", "--name", "Second"]
    _, said = typed(program.home, words, [(b"(empty: none)", answer)], code=1)
    assert "another issuer lives here: First" in said


def test_without_its_log_nothing_is_issued_and_the_doctor_says_why(issued: Program, tmp_path: Path) -> None:
    """Not even where somebody removed the checkpoint that was kept beside the folder."""
    shutil.rmtree(issued.home / "issuer" / "log")
    (issued.home / "issuer.checkpoint").unlink()
    csv_file(Path("more.csv"), [graduate(77)])
    for _ in range(2):
        answer = issued("issuer", "issue", "more.csv")
        assert (answer.code, answer.out) == (1, "")
        assert "the index knows of log entry" in answer.err
        assert "from a backup" in answer.err
    doctor = issued("doctor")
    assert (doctor.code, "its log are of different times" in doctor.out) == (1, True)


def test_where_its_description_is_lost_no_other_issuer_is_made(issued: Program, file: Path) -> None:
    (issued.home / "issuer" / "issuer.json").unlink()
    answer = issued("issuer", "issue", file)
    assert (answer.code, "issuer.json is gone" in answer.err) == (1, True)
