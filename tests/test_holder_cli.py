"""`intaglio wallet …` as a holder meets it: what is printed where, exit codes, what is asked."""

from __future__ import annotations

import functools
import json
import os
import pty
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import intaglio.__main__
import intaglio.commands
import intaglio.session
from holder import Held, Wallet
from holder.store import EncryptedStore
from intaglio.commands.wallet import text
from intaglio.words import report
from tests.baking import element, itxt, png, svg
from tests.commandline import Answer, Program, typed
from tests.world import (
    COLLEGE,
    NAME,
    NOW,
    Holder,
    bundle,
    diploma,
    graduate,
    issuer_in,
    tampered,
    trust_in,
    verifier,
)
from vc.report import Verdict
from verifier import Trust
from verifier.summary import summarize

ROOT = Path(__file__).parent.parent
PASSPHRASE = "correct horse battery"

PLAIN = {"credentialSubject": {"type": ["AchievementSubject"]}}

Run = Callable[..., Answer]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """The program, with a passphrase file, and a trust list that has the issuer of the tests."""
    for variable in ("INTAGLIO_PASSPHRASE_FILE", "INTAGLIO_BACKUP_PASSPHRASE_FILE"):
        secret(monkeypatch, tmp_path, variable, PASSPHRASE)
    (tmp_path / "trust.json").write_bytes(COLLEGE.trust.to_bytes())

    return functools.partial(Program(tmp_path, monkeypatch, capsys), "wallet")


def secret(monkeypatch: pytest.MonkeyPatch, folder: Path, variable: str, passphrase: str) -> None:
    file = folder / f"{variable.lower()}.txt"
    file.touch(mode=0o600)
    file.write_text(f"{passphrase}\n", encoding="utf-8")
    monkeypatch.setenv(variable, str(file))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "diploma.json"
    path.write_bytes(bundle(diploma()))
    return path


def test_in_chinese_it_is_not_bound_to_no_key(
    run: Run, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Words for no key stood where a key stands: bound to not bound."""
    run("init")
    name = run("import", file).out.strip()
    program = Program(tmp_path, monkeypatch, capsys)
    shown = program(
        "--lang", "zh", "wallet", "present", name, "--challenge", "c", "--domain", "d.example", "--yes"
    )
    assert "\n  未绑定密钥：任何持有文件的人都可出示\n" in shown.err


def test_the_life_of_a_diploma(run: Run, file: Path) -> None:
    made = run("init")
    assert (made.code, made.out[:14]) == (0, "did:key:z6Mk" + made.out[12:14])
    kept = run("import", file)
    assert kept.code == 0
    assert kept.err == f"Kept: Master of Arts, {NAME}; valid when added on {kept.err[-11:]}"
    name = kept.out.strip()
    again = run("import", file)
    assert again.err.startswith("Was kept before, and is checked anew: Master of Arts, ")
    assert (again.code, again.out) == (0, kept.out)
    assert run("list").out.startswith(f"{name}  Master of Arts, {NAME}; valid when added on ")
    assert run("show", name[:5]).out.splitlines() == [
        "Master of Arts",
        "  awarded on  2026-06-30",
        f"  by          {NAME}",
        f"  its DID     {COLLEGE.did}",
        "  valid from  2026-06-30",
        "  bound to    no key: anyone who has the file can show it",
        f"  checked     valid when added on {kept.err[-11:-1]}",
        f"  id here     {name}",
    ]
    presented = run("present", name, "--challenge", "c-17", "--domain", "https://employer.example", "--yes")
    assert presented.code == 0
    assert "all of it will be shown to https://employer.example" in presented.err
    assert "\n  bound to no key: anyone who has the file can show it\n" in presented.err
    report = verifier(COLLEGE.trust).verify(
        presented.out.encode(),
        now=intaglio.session.Session(file).now(),
        challenge="c-17",
        domain="https://employer.example",
    )
    assert report, [check.text for check in report.checks]
    assert json.loads(run("export", name).out) == json.loads(file.read_bytes())
    assert json.loads(run("export", name, "--format", "json").out) == json.loads(diploma())
    assert run("delete", name, "--yes").out == f"{name}\n"
    empty = run("list")
    assert (empty.code, empty.out) == (0, "")
    assert "The wallet is empty" in empty.err


def test_json_is_the_only_thing_on_stdout(run: Run, file: Path) -> None:
    did = json.loads(run("init", "--key-type", "P-256", "--json").out)["did"]
    assert did.startswith("did:key:zDn")
    kept = json.loads(run("receive", file, "--json").out)
    assert kept == {
        "version": 2,
        "id": kept["id"],
        "number": "",
        "title": "Master of Arts",
        "degreeName": "",
        "achievementType": "",
        "awardedTo": "",
        "issuer": COLLEGE.did,
        "issuerName": NAME,
        "boundTo": [],
        "added": kept["added"],
        "verdictWhenAdded": "valid",
    }
    members = {"version": 2, **{name: value for name, value in kept.items() if name != "version"}}
    listed = json.loads(run("list", "--json").out)
    assert listed["version"] == 2
    assert {"version": 2, **listed["credentials"][0]}.keys() == {*members, "laterEditionHeld"}
    name = kept["id"]
    assert json.loads(run("show", name, "--json").out)["credential"] == json.loads(diploma())
    assert json.loads(run("export", name, "--json").out)["bundle"] == json.loads(file.read_bytes())
    assert json.loads(run("export", name, "--format", "json", "--json").out)["credential"]
    asked = ("--challenge", "c", "--domain", "d", "--yes", "--json")
    presented = json.loads(run("present", name, *asked).out)
    assert presented["presentation"]["holder"] == did
    plain = json.loads(run("present", name, *asked, "--format", "json").out)
    assert plain.keys() == {"version", "presentation"}
    assert plain["presentation"]["holder"] == did
    assert json.loads(run("delete", name, "--yes", "--json").out) == {"version": 2, "deleted": name}


@pytest.mark.parametrize(
    ("language", "says"),
    [
        (
            "C.UTF-8",
            "Log proofs and status lists stay out: the verdict is open, and there is no host to ask.",
        ),
        ("zh_CN.UTF-8", "不附日志证明和状态列表：无处可查，因此无法得出结论。"),
    ],
)
def test_without_evidence_a_presentation_brings_nothing_else_along(
    run: Run, file: Path, monkeypatch: pytest.MonkeyPatch, language: str, says: str
) -> None:
    monkeypatch.setenv("LC_ALL", language)
    run("init")
    name = run("import", file).out.strip()
    asked = ("--challenge", "c", "--domain", "d", "--no-evidence")
    declined = run("present", name, *asked, stdin=b"n\n", at_terminal=True)
    assert (declined.code, says in declined.err) == (5, True)
    presented = run("present", name, *asked, "--yes")
    assert says in presented.err
    shown = json.loads(presented.out)
    assert [shown[part] for part in ("evidence", "issuerDocuments", "statusLists")] == [[], [], []]
    assert "verifiableCredential" in shown["presentation"]


def test_hosts_that_a_verifier_will_ask_are_named(tmp_path: Path) -> None:
    issuer = issuer_in(tmp_path / "home", url="https://university.example")
    data = issuer.bundle(issuer.issue(graduate(1))).to_bytes()
    held = Held("1", data, NOW, Verdict.VALID)
    said = text.without_evidence([held])
    assert said.replace("\u2068", "").replace("\u2069", "") == (
        "Log proofs and status lists stay out: offline the verdict is open; others ask university.example."
    )


def test_a_plain_presentation(run: Run, tmp_path: Path) -> None:
    """As other programs read it; it verifies here, too, with nothing around it."""
    run("init")
    file = tmp_path / "diploma.json"
    file.write_bytes(diploma())
    name = run("import", file).out.strip()
    asked = ("--challenge", "c-17", "--domain", "https://employer.example")
    presented = run("present", name, *asked, "--yes", "--format", "json")
    assert presented.code == 0
    assert "all of it will be shown to https://employer.example" in presented.err
    document = json.loads(presented.out)
    assert document["type"] == ["VerifiablePresentation"]
    assert document["verifiableCredential"] == [json.loads(diploma())]
    file.write_text(presented.out)
    program = functools.partial(run.func, "verify", file)  # type: ignore[attr-defined]
    assert program(*asked).code == 0
    assert program(*asked[:1], "another", *asked[2:]).code == 1


def test_a_picture_is_kept_as_what_is_baked_into_it(run: Run, file: Path, tmp_path: Path) -> None:
    run("init")
    picture = tmp_path / "badge.png"
    picture.write_bytes(png(itxt(file.read_bytes())))
    assert run.func("verify", picture).out.startswith("VALID: ")  # type: ignore[attr-defined]
    kept = run("import", picture)
    assert (kept.code, kept.err.startswith("Kept: Master of Arts")) == (0, True)
    name = kept.out.strip()
    assert json.loads(run("export", name).out) == json.loads(file.read_bytes())
    again = run("import", file)
    assert (again.out.strip(), "Was kept before" in again.err) == (name, True)
    picture.write_bytes(svg(element(f"<![CDATA[{tampered(diploma(), id='did:example:thief').decode()}]]>")))
    refused = run("import", picture)
    assert (refused.code, refused.out) == (1, "")
    picture.write_bytes(png(itxt(b"", flags=b"\1\0")))
    assert run("import", picture).code == 3


def test_a_file_from_stdin(run: Run) -> None:
    run("init")
    assert run("import", "-", stdin=diploma()).code == 0
    assert run("receive", "-", stdin=diploma(title="Bachelor of Arts")).code == 0
    assert len(json.loads(run("list", "--json").out)["credentials"]) == 2


def test_what_is_refused_is_not_kept_and_its_claims_are_not_shown(run: Run, tmp_path: Path) -> None:
    run("init")
    forged = tmp_path / "forged.json"
    forged.write_bytes(tampered(diploma(), achievement={"type": ["Achievement"], "name": "Doctor"}))
    refused = run("import", forged)
    assert refused.code == 1
    assert refused.out == ""
    assert "✗ FAILED" in refused.err
    assert "changed after signing" in refused.err
    assert "Doctor" not in refused.err
    assert run("list").out == ""


def test_what_could_not_be_decided_is_kept_only_on_demand(run: Run, tmp_path: Path) -> None:
    run("init")
    stranger = tmp_path / "stranger.json"
    stranger.write_bytes(diploma(by=Holder()))
    refused = run("import", stranger)
    assert (refused.code, refused.out) == (3, "")
    assert "? OPEN" in refused.err
    assert "not on your list" in refused.err
    kept = run("import", stranger, "--accept-undetermined")
    assert kept.code == 0
    assert "could not be decided when added" in kept.err
    assert "could not be decided when added" in run("list").out


def test_exit_codes_and_what_to_do(
    run: Run, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    none_yet = run("list")
    assert none_yet.code == 4
    assert "`intaglio wallet init` makes one" in none_yet.err
    run("init")
    assert run("init").code == 1
    name = run("import", file).out.strip()
    for arguments, code, words in (
        (("show", "zz"), 4, "intaglio wallet list"),
        (("import", tmp_path / "none"), 4, "there is no file"),
        (("import", tmp_path), 2, "cannot be read"),
        (("restore", tmp_path / "none"), 4, "there is no file"),
        (("present", name, "--challenge", "c"), 2, "--domain"),
        (("present", name, "--challenge", "c", "--domain", "d"), 2, "--yes says yes"),
        (("present", name, "--challenge", "", "--domain", "d"), 2, "Nothing stands after --challenge"),
        (("restore", file), 1, f"{file} is no backup of a wallet"),
        (("delete", name), 2, "--yes says yes"),
        (("export", name, "--format", "pdf"), 2, "pdf"),
        (("receive", "http://uni.example/claim/" + "x" * 43, "--yes"), 1, "https:"),
        (("receive", "https://uni.example/", "--yes"), 1, "Copy the whole link"),
        (("receive", "-", "--yes"), 3, "the file is empty"),
    ):
        answer = run(*arguments)
        assert (answer.code, answer.out) == (code, ""), arguments
        assert words in answer.err, arguments
    long = tmp_path / "long"
    long.write_bytes(b" " * ((1 << 23) + 1))
    assert run("import", long).code == 3
    secret(monkeypatch, tmp_path, "INTAGLIO_PASSPHRASE_FILE", "not the passphrase")
    assert run("list").code == 6
    monkeypatch.setenv("INTAGLIO_PASSPHRASE_FILE", str(tmp_path / "none"))
    assert run("list").code == 6
    monkeypatch.delenv("INTAGLIO_PASSPHRASE_FILE")
    nobody = run("list")
    assert nobody.code == 6
    assert "Set INTAGLIO_PASSPHRASE_FILE" in nobody.err


def test_a_wallet_that_is_in_use_is_to_be_tried_later(
    run: Run, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("init")
    monkeypatch.setattr(EncryptedStore, "open", partial(EncryptedStore.open, patience=0))
    with closing(sqlite3.connect(tmp_path / "wallet" / "wallet.sqlite3")) as other:
        other.execute("BEGIN IMMEDIATE")
        busy = run("import", file, "--json")
    assert busy.code == 75
    assert "Busy: another process holds the wallet" in busy.err
    assert json.loads(busy.out)["error"]["exitCode"] == 75
    assert run("import", file).code == 0


@pytest.mark.slow
def test_the_holder_says_no(run: Run, file: Path, tmp_path: Path) -> None:
    run("init")
    name = run("import", file).out.strip()
    for words, question in (
        (["delete", name], b"Delete it from this wallet?"),
        (["present", name, "--challenge", "c", "--domain", "d"], b"Sign and show?"),
    ):
        out, said = typed(tmp_path, ["wallet", *words], [(question, b"n")], code=5)
        assert (out, "Declined" in said) == ("", True)
    assert run("list").out.startswith(name)


def test_a_new_passphrase(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run("init")
    secret(monkeypatch, tmp_path, "INTAGLIO_NEW_PASSPHRASE_FILE", "another passphrase")
    changed = run("password")
    assert (changed.code, changed.out) == (0, "")
    assert "still open with the former" in changed.err
    assert run("list").code == 6
    secret(monkeypatch, tmp_path, "INTAGLIO_PASSPHRASE_FILE", "another passphrase")
    assert run("list").code == 0


def test_the_same_passphrase_however_it_is_typed(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret(monkeypatch, tmp_path, "INTAGLIO_PASSPHRASE_FILE", "un éléphant ça trompe")
    run("init")
    secret(monkeypatch, tmp_path, "INTAGLIO_PASSPHRASE_FILE", "un e\u0301le\u0301phant c\u0327a trompe")
    assert run("list").code == 0


def test_a_backup_on_another_machine(
    run: Run, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("init")
    name = run("import", file).out.strip()
    secret(monkeypatch, tmp_path, "INTAGLIO_BACKUP_PASSPHRASE_FILE", "for the backup only")
    backup = tmp_path / "wallet.backup"
    assert run("backup", backup).out == f"{backup}\n"
    assert run("backup", backup).code == 1
    assert run("restore", backup).code == 1
    monkeypatch.setenv("INTAGLIO_HOME", str(tmp_path / "another machine"))
    secret(monkeypatch, tmp_path, "INTAGLIO_PASSPHRASE_FILE", "passphrase over there")
    restored = run("restore", backup)
    assert (restored.code, restored.out) == (0, f"{tmp_path / 'another machine' / 'wallet'}\n")
    assert run("list").out.startswith(name)


def test_nothing_in_a_credential_steers_the_terminal(run: Run) -> None:
    run("init")
    evil = diploma(title="Master\x1b[2J\u202eDILAV\n  checked     valid")
    name = run("import", "-", stdin=evil).out.strip()
    presented = run("present", name, "--challenge", "c", "--domain", "d", "--yes")
    for shown in (run("list").out, run("show", name).out, presented.err):
        assert not set(shown) & {"\x1b", "\u202e"}
        assert "\n  checked     valid\n" not in shown
    assert "Master⟨001B⟩[2J⟨202E⟩DILAV checked valid, " in run("list").out


@pytest.mark.parametrize(
    ("members", "title"),
    [
        ({**PLAIN, "name": {"@value": "Meister", "@language": "de"}}, "Meister"),
        ({**PLAIN, "name": [{"@value": "Maître", "@language": "fr"}, {"@value": "Master"}]}, "Maître"),
        (PLAIN, "OpenBadgeCredential"),
        ({"name": "Diploma"}, "Master of Arts"),
        ({"validUntil": "2036-06-01T00:00:00Z"}, "Master of Arts"),
        (
            {**PLAIN, "name": '\u05d0" by others "' + "x" * 200},
            "\u2068\u05d0' by others '" + "x" * 86 + "…\u2069",
        ),
    ],
)
def test_what_a_credential_is_called(members: dict[str, Any], title: str) -> None:
    """In the wallet as in the first sentence of a verdict: neither quotation marks nor length nor direction
    make it something else there.
    """
    held = Held("0" * 12, diploma(**members), NOW, Verdict.VALID)
    assert text.title(held) == title
    assert f': "{title}"' in report.sentence(summarize(held.claims, Trust()))
    assert ("  valid until 2036-06-01" in text.card(held, Trust()).splitlines()) == ("validUntil" in members)


def test_whose_diploma_it_is_stands_on_its_card() -> None:
    name = {"type": "IdentityObject", "identityType": "name", "hashed": False, "identityHash": "Ada\x1b[2J"}
    subject = {"type": ["AchievementSubject"], "identifier": [name]}
    held = Held("0" * 12, diploma(credentialSubject=subject), NOW, Verdict.VALID)
    assert "  awarded to  Ada⟨001B⟩[2J" in text.card(held, Trust()).splitlines()


@pytest.mark.slow
def test_wallet_show_loads_only_what_it_needs(run: Run, file: Path) -> None:
    run("init")
    name = run("import", file).out.strip()
    program = (
        "import sys, intaglio.__main__\n"
        f"sys.argv = ['intaglio', 'wallet', 'show', '{name}']\n"
        "try:\n    intaglio.__main__.main()\n"
        "except SystemExit as end:\n    assert not end.code\n"
        "print(*sys.modules, file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout.startswith("Master of Arts")
    loaded = {module.partition(".")[0] for module in done.stderr.split()}
    assert "holder" in loaded
    heavy = {"pyld", "jwcrypto", "fastapi", "pydantic", "httpx", "httpcore", "uvicorn"}
    assert not loaded & heavy
    assert not {module for module in done.stderr.split() if module in ("ssl", "asyncio", "holder.client")}


@pytest.mark.slow
def test_a_passphrase_is_asked_for_twice_at_a_terminal_and_never_shown(tmp_path: Path) -> None:
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(ROOT)
        os.environ["INTAGLIO_HOME"] = str(tmp_path)
        os.environ.pop("INTAGLIO_PASSPHRASE_FILE", None)
        os.execv(sys.executable, [sys.executable, "-m", "intaglio", "wallet", "init"])
    shown = b""
    for prompt in (b"Passphrase for the new wallet: ", b"Repeat for confirmation: "):
        while prompt not in shown:
            shown += os.read(terminal, 4096)
        os.write(terminal, PASSPHRASE.encode() + b"\n")
    while b"did:key:" not in shown:
        shown += os.read(terminal, 4096)
    _, status = os.waitpid(child, 0)
    os.close(terminal)
    assert os.waitstatus_to_exitcode(status) == 0
    assert PASSPHRASE.encode() not in shown
    with Wallet(tmp_path / "wallet", PASSPHRASE.encode()) as wallet:
        assert wallet.holder_keys()[0].did.encode() in shown


@pytest.mark.slow
def test_a_wallet_shows_what_was_awarded_and_checks_it_again(
    program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret(monkeypatch, tmp_path, "INTAGLIO_PASSPHRASE_FILE", PASSPHRASE)
    issuer = issuer_in(program.home / "issuer", passphrase=PASSPHRASE.encode)
    program("wallet", "init")
    for row in (1, 2):
        issuer.issue(graduate(row, gpa=f"3.{row}", honours="", ects="7,5"))
    (program.home / "trust.json").write_bytes(trust_in(issuer).to_bytes())
    held = []
    for row in (1, 2):
        path = tmp_path / f"{row}.json"
        path.write_bytes(issuer.bundle(issuer.current(f"UNI-{row:06}")).to_bytes())
        held.append(program("wallet", "import", path).out.strip())
    again = ("wallet", "list", "--check", "--offline")
    assert program(*again).code == 0
    shown = program("wallet", "show", held[0]).out
    for line in (
        "  awarded to  Given1 Family1",
        "  awarded on  2026-06-30",
        "  result      Grade point average 3.1",
        "  credits     7.5",
        "  number      UNI-000001",
    ):
        assert line in shown.splitlines()
    assert f"{held[0]}  UNI-000001  " in program("wallet", "list").out
    assert program("wallet", "show", "UNI-000001").out == shown
    assert program("wallet", "show", "UNI-00000").code == 4  # which is two numbers' beginning
    assert program("issuer", "revoke", "UNI-000001", "--reason", "fraud").code == 0
    answer = program(*again)
    assert answer.code == 7
    assert sorted(line.strip().split(":")[0] for line in answer.out.splitlines()[1::2]) == [
        "NOT VALID",
        "VALID",
    ]
    assert ": fraud" in answer.out
    assert program("wallet", "list").code == 0  # which says only how it was
    told = json.loads(program(*again, "--json").out)["credentials"]
    assert {one["id"]: one["verdict"] for one in told} == dict(zip(held, ("invalid", "valid"), strict=True))
    program("wallet", "delete", held[1], "--yes")
    assert program(*again).code == 1
    program("wallet", "delete", held[0], "--yes")
    assert program(*again).code == 0  # nothing is held, and nothing is wrong


def test_every_problem_is_words_and_never_a_traceback(run: Run, tmp_path: Path) -> None:
    run("init")
    (tmp_path / "wallet" / "wallet.sqlite3").write_bytes(b"not a database, by accident" * 99)
    damaged = run("list")
    assert damaged.code == 1
    assert "Stored data is damaged" in damaged.err
    assert "Traceback" not in damaged.err


def test_a_wallet_that_is_lost_is_not_made_anew_by_mistake(run: Run, tmp_path: Path) -> None:
    run("init")
    (path,) = tmp_path.rglob("wallet.sqlite3")
    run("list")
    path.unlink()
    answer = run("init")
    assert (answer.code, "a wallet was here" in answer.err, "restore BACKUP" in answer.err) == (1, True, True)
    path.with_name("wallet.sqlite3.seen").unlink()
    assert run("init").code == 0
