"""An issuer whose log is not in its folder: all that it does goes on as with one that is."""

from __future__ import annotations

import json
import shutil
import ssl
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from tests import postgres_server, s3_server
from tests.commandline import Program, served, verdict
from tests.serving import listening

Make = Callable[[Path], str]


def database(folder: Path) -> str:
    """The address of a new log in a database, as its appender opens it."""
    server = postgres_server.server()
    return server.uri(server.of(folder), "appender")


ENGINES = [
    pytest.param(lambda folder: (folder / "elsewhere").as_uri(), id="file"),
    pytest.param(database, id="postgresql", marks=postgres_server.needed),
    pytest.param(lambda folder: s3_server.server().of(folder), id="s3", marks=s3_server.needed),
]


@pytest.mark.slow
@pytest.mark.parametrize("make", ENGINES)
def test_a_whole_issuer(make: Make, program: Program, file: Path, tmp_path: Path) -> None:
    """Made, issued, revoked, exported, looked into, served; and nothing of the log is in its folder."""
    address, home = make(tmp_path), program.home / "issuer"
    with listening() as free:
        url = f"https://localhost:{free.getsockname()[1]}"
    made = program("issuer", "init", "--name", "U", "--url", url, "--ledger", address)
    assert made.code == 0, made.err
    assert json.loads((home / "ledger.json").read_bytes())["address"] == address
    for _ in range(2):
        assert program("issuer", "issue", file, "--out", tmp_path / "out").code == 0
    given = sorted((tmp_path / "out").glob("*.json"))
    assert len(given) == 6
    assert {verdict(program, path).split(":")[0] for path in given} == {"VALID"}
    assert program("issuer", "revoke", "UNI-000001", "--reason", "fraud").code == 0
    assert program("issuer", "export", "--out", tmp_path / "again").code == 0
    again = {path.name for path in (tmp_path / "again").iterdir()}
    [revoked] = [path for path in given if path.name not in again]
    assert verdict(program, revoked).startswith("NOT VALID")
    status = json.loads(program("ledger", "status", "--json").out)
    audited = program("ledger", "audit")
    assert (audited.code, f"the log's {status['size']} entries" in audited.out) == (0, True)
    assert program("ledger", "prove", str(status["size"] - 1)).code == 0
    with served(program.home, "--port", url.rpartition(":")[2], "--tls"):
        trusted = ssl.create_default_context(cafile=program.home / "issuer/tls/authority.pem")
        found = httpx.get(f"{url}/log/checkpoint", verify=trusted)
    assert found.text.splitlines()[1] == str(json.loads(program("ledger", "status", "--json").out)["size"])
    assert program("doctor").code == 0
    assert not (home / "log").exists()


@pytest.mark.slow
@pytest.mark.parametrize("make", ENGINES)
def test_a_backup_of_it_has_the_address(
    make: Make, program: Program, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And who restores it goes on with the log as it is by then, unless that is an older one."""
    (tmp_path / "phrase").write_text("correct horse battery staple")
    monkeypatch.setenv("INTAGLIO_BACKUP_PASSPHRASE_FILE", str(tmp_path / "phrase"))
    home, address = program.home / "issuer", make(tmp_path)
    assert program("issuer", "init", "--name", "U", "--ledger", address).code == 0
    assert program("issuer", "backup", tmp_path / "backup").code == 0
    assert program("issuer", "issue", file).code == 0
    shutil.rmtree(home)
    assert program("issuer", "restore", tmp_path / "backup").code == 0
    assert program("issuer", "issue", file, "--out", tmp_path / "out").code == 0
    assert program("doctor").code == 0
    assert {verdict(program, path).split(":")[0] for path in (tmp_path / "out").glob("*.json")} == {"VALID"}


@pytest.mark.parametrize("make", ENGINES)
def test_an_address_is_kept_as_it_was_given(make: Make, program: Program, tmp_path: Path) -> None:
    init, address = ("issuer", "init", "--name", "U", "--ledger"), make(tmp_path)
    assert program(*init, address).code == 0
    assert program(*init, address).code == 0
    other = program(*init, (tmp_path / "other").as_uri())
    assert (other.code, "kept elsewhere" in other.err) == (1, True)
    taken = program("--home", tmp_path / "second", *init, address)
    assert (taken.code, "there is a log at the address already" in taken.err) == (1, True)
    assert not (tmp_path / "second" / "issuer" / "keys.json").exists()
    address_of = program.home / "issuer" / "ledger.json"
    for damaged in ("{", '{"version": 2, "address": "file:/log"}', '{"version": 1, "address": 1}'):
        address_of.write_text(damaged)
        answer = program("ledger", "status")
        assert (answer.code, str(address_of) in answer.err) == (1, True)


@pytest.mark.parametrize("make", ENGINES)
def test_an_issuer_whose_description_is_lost_is_not_made_anew(
    make: Make, program: Program, tmp_path: Path
) -> None:
    init = ("issuer", "init", "--ledger", make(tmp_path), "--name")
    assert program(*init, "U").code == 0
    (program.home / "issuer" / "issuer.json").unlink()
    for words in ((*init, "V"), ("issuer", "list"), ("issuer", "init")):
        answer = program(*words)
        assert (answer.code, "issuer.json is gone" in answer.err) == (1, True), (words, answer)


@pytest.mark.parametrize("make", ENGINES)
def test_a_log_of_ones_own(make: Make, program: Program, tmp_path: Path) -> None:
    place = ("ledger", "--in", tmp_path / "mine")
    assert program(*place, "init", "log.example", "--ledger", make(tmp_path)).code == 0
    assert program(*place, "status").out.startswith("log              log.example\nentries          0\n")


@pytest.mark.slow
@postgres_server.needed
def test_tables_are_made_by_a_command(program: Program, tmp_path: Path) -> None:
    server = postgres_server.server()
    name = f"{server.of(tmp_path)}_bare"
    server.execute(f"CREATE DATABASE {name}")
    answer = program("issuer", "init", "--name", "U", "--ledger", server.uri(name))
    assert (answer.code, "intaglio ledger init postgresql://" in answer.err) == (4, True)
    assert "keys.json" not in [path.name for path in (program.home / "issuer").iterdir()]
    for steps in ("2 steps", "0 steps"):
        assert program("ledger", "init", server.uri(name)).out == f"the database is ready: {steps} done\n"
    answer = program("issuer", "init", "--name", "U", "--ledger", server.uri(name, "reader"))
    assert (answer.code, "needs the role intaglio_appender" in answer.err) == (1, True)
    assert program("issuer", "init", "--name", "U", "--ledger", server.uri(name, "appender")).code == 0


def test_a_password_is_not_taken(program: Program) -> None:
    answer = program("issuer", "init", "--name", "U", "--ledger", "postgresql://clerk:secret@localhost/log")
    assert (answer.code, "~/.pgpass" in answer.err, "secret" in answer.err) == (1, True, False)


@pytest.mark.slow
@postgres_server.needed
def test_while_the_database_is_away(program: Program, file: Path, tmp_path: Path) -> None:
    """Nothing is lost and nothing is said that is not known; afterwards the same command does its work."""
    server = postgres_server.Server()
    server.create("log")
    init = ("issuer", "init", "--name", "U", "--ledger", server.uri("log", "appender"))
    assert program(*init).code == 0
    assert program("issuer", "issue", file, "--out", tmp_path / "out").code == 0
    [bundle, *_] = (tmp_path / "out").glob("*.json")
    server.halt()
    for words in (("ledger", "status"), ("ledger", "audit"), ("issuer", "revoke", "UNI-000001"), init):
        answer = program(*words)
        assert (answer.code, "cannot be reached" in answer.err) == (3, True), (words, answer)
    assert program("doctor").code != 0
    assert verdict(program, bundle).startswith("VALID")
    server.start()
    assert program("issuer", "revoke", "UNI-000001").code == 0
    assert program("ledger", "audit").code == 0
    server.stop()
