"""`intaglio issuer claim`, `issuer serve` and `wallet receive`, as two people type them on one machine."""

from __future__ import annotations

import http.client
import io
import json
import queue
import shlex
import socket
import ssl
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest
import uvicorn

import intaglio.__main__
import intaglio.commands
from tests.test_holder_claim import NUMBER, graduate


class Answer(NamedTuple):
    code: int
    out: str
    err: str


class Machine:
    """A machine with the program and a home folder."""

    def __init__(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], home: Path
    ) -> None:
        self.monkeypatch, self.capsys, self.home = monkeypatch, capsys, home

    def run(self, *arguments: object, stdin: str = "") -> Answer:
        words = ["intaglio", "--home", str(self.home), *map(str, arguments)]
        self.monkeypatch.setattr(sys, "argv", words)
        self.monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin.encode())))
        with pytest.raises(SystemExit) as ended:
            intaglio.__main__.main()
        assert isinstance(ended.value.code, int)
        return Answer(ended.value.code, *self.capsys.readouterr())

    @contextmanager
    def serving(self, *arguments: str) -> Iterator[tuple[str, uvicorn.Config, str]]:
        """`issuer serve` in a thread, until the block ends: its address, what it runs with, what it says."""
        started: queue.SimpleQueue[uvicorn.Server] = queue.SimpleQueue()

        class Server(uvicorn.Server):
            def run(self, sockets: list[socket.socket] | None = None) -> None:
                started.put(self)
                super().run(sockets)

        self.monkeypatch.setattr(uvicorn, "Server", Server)
        words = ["--home", str(self.home), "issuer", "serve", *arguments]
        thread = threading.Thread(target=lambda: intaglio.commands.cli.main(words, standalone_mode=False))
        thread.start()
        server = started.get(timeout=30)
        try:
            printed = self.capsys.readouterr()
            yield printed.out.strip(), server.config, printed.err
        finally:
            server.should_exit = True
            thread.join()


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Machine:
    file = tmp_path / "passphrase"
    file.write_text("correct horse battery")
    monkeypatch.setenv("INTAGLIO_PASSPHRASE_FILE", str(file))
    found = Machine(monkeypatch, capsys, tmp_path / "home")
    graduates = tmp_path / "graduates.csv"
    row = graduate()
    graduates.write_text(f"{','.join(row)}\n{','.join(row.values())}\n", encoding="utf-8")
    made = found.run(
        "issuer", "issue", graduates, "--name", "University of Example (invented)", "--out", tmp_path / "out"
    )
    assert made.code == 0, made.err
    return found


@pytest.mark.slow
def test_a_link_becomes_a_diploma_in_a_wallet(machine: Machine) -> None:
    assert machine.run("wallet", "init").code == 0
    with machine.serving("--port", "0") as (address, _, said):
        assert f" issuer claim CREDENTIAL --url {address}\n" in said
        offered = machine.run("issuer", "claim", NUMBER, "--url", address)
        assert offered.code == 0
        assert "Good for 30 days and one wallet" in offered.err
        assert "Earlier links" in offered.err
        number, link = offered.out.split()
        assert (number, link[: len(address) + 7]) == (NUMBER, f"{address}/claim/")
        ca = machine.home / "issuer" / "tls" / "authority.pem"
        refused = machine.run("wallet", "receive", link, "--ca", ca, "--yes")
        assert refused.code == 1
        assert "this machine itself" in refused.err
        nobody = machine.run("--loopback", "wallet", "receive", link, "--ca", ca)
        assert nobody.code == 2
        assert "--yes says yes" in nobody.err
        unknown = machine.run("--loopback", "wallet", "receive", link, "--yes")
        assert unknown.code == 3
        assert "certificate" in unknown.err
        elsewhere = ("--home", machine.home / "elsewhere", "--loopback", "wallet")
        machine.run(*elsewhere, "init")
        stranger = machine.run(*elsewhere, "receive", link, "--ca", ca, "--yes")
        assert (stranger.code, "Nothing was claimed" in stranger.err) == (3, True)
        assert "edition" not in machine.run("issuer", "list").out
        kept = machine.run("--loopback", "wallet", "receive", link, "--ca", ca, "--yes")
        assert kept.code == 0, kept.err
        assert "University of Example (invented) offers a credential at https://localhost:" in kept.err
        assert (
            machine.run("--loopback", "--ca", ca, "wallet", "receive", "-", "--yes", stdin=link).out
            == kept.out
        )
    again = machine.run("issuer", "claim", NUMBER)
    assert "is bound to a wallet, and no other can claim it" in again.err
    assert "They lead to this machine only" in again.err
    assert "edition 3" not in machine.run("issuer", "list").out
    anew = machine.run("issuer", "claim", NUMBER, "--anew")
    assert (anew.code, "is bound to a wallet" in anew.err) == (0, False)
    assert f"{NUMBER} edition 3" in machine.run("issuer", "list").out
    shown = machine.run("wallet", "show", kept.out.strip())
    assert "bound to    did:key:" in shown.out
    assert "valid when added" in shown.out


@pytest.mark.slow
def test_links_as_json_and_for_what_there_is_none(machine: Machine) -> None:
    made = json.loads(machine.run("issuer", "claim", NUMBER, "--json").out)
    assert made["version"] == 2
    assert made["links"][NUMBER].startswith("https://localhost:8460/claim/")
    unknown = machine.run("issuer", "claim", "UNI-0")
    assert (unknown.code, unknown.out) == (4, "")
    assert "no diploma fits 'UNI-0'" in unknown.err
    insecure = machine.run("issuer", "claim", NUMBER, "--url", "http://uni.example")
    assert (insecure.code, insecure.out) == (1, "")
    assert "no claim link can begin with http://uni.example" in insecure.err
    assert machine.run("issuer", "revoke", NUMBER).code == 0
    revoked = machine.run("issuer", "claim", NUMBER)
    assert (revoked.code, revoked.out) == (1, "")
    assert "was revoked" in revoked.err


@pytest.mark.slow
def test_plain_behind_a_proxy(machine: Machine) -> None:
    with machine.serving("--port", "0", "--url", "https://uni.example/registrar") as (address, config, said):
        assert "This is plain HTTP on 127.0.0.1, port " in said
        assert address == "https://uni.example/registrar"
        assert config.ssl_certfile is None
        assert config.access_log is False
    with machine.serving("--port", "0", "--plain") as (address, _, _):
        assert address.startswith("http://localhost:")
        with closing(http.client.HTTPConnection(address.removeprefix("http://"), timeout=10)) as connection:
            connection.request("GET", "/.well-known/did.json")
            answer = connection.getresponse()
            assert json.loads(answer.read())["id"].startswith("did:key:")
            assert answer.headers["server"] is None
    assert not (machine.home / "issuer" / "tls").exists()


@pytest.mark.quick("url0")
@pytest.mark.parametrize("url", [(), ("--url", "http://localhost:8460")])
def test_claim_links_never_travel_in_the_clear(machine: Machine, url: tuple[str, ...]) -> None:
    """Also where the URL is one of loopback, while every address of this machine is listened on."""
    answer = machine.run("issuer", "serve", "--plain", "--host", "0.0.0.0", "--port", "0", *url)
    assert (answer.code, answer.out) == (2, "")
    assert "in the clear" in answer.err


@pytest.mark.slow
@pytest.mark.parametrize("named", ["claim", "init"])
def test_the_command_that_a_claim_prints_serves_its_links(
    named: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """As printed, whether the address was given to the claim or is the issuer's own."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        url = f"https://localhost:{free.getsockname()[1]}"
    found, row = Machine(monkeypatch, capsys, tmp_path / "a home"), graduate()
    (tmp_path / "g.csv").write_text(f"{','.join(row)}\n{','.join(row.values())}\n", encoding="utf-8")
    init = ("--url", url) if named == "init" else ()
    issue = ("issuer", "issue", tmp_path / "g.csv", "--name", "U", "--out", tmp_path / "out")
    assert found.run(*issue, *init).code == 0
    offered = found.run("issuer", "claim", NUMBER, *(() if init else ("--url", url)))
    _, link = offered.out.split()
    (command,) = (line for line in offered.err.splitlines() if " issuer serve" in line)
    words = shlex.split(command)
    assert words[:5] == ["intaglio", "--home", str(found.home), "issuer", "serve"]
    with found.serving(*words[5:]) as (address, _, _):
        assert address == url
        trusted = ssl.create_default_context(cafile=found.home / "issuer/tls/authority.pem")
        with urllib.request.urlopen(link, context=trusted, timeout=10) as answer:
            assert answer.status == 200
        for page, said in ((link, b"A credential waits for you"), (url, b"Who this is")):
            asked = urllib.request.Request(page, headers={"Accept": "text/html"})
            with urllib.request.urlopen(asked, context=trusted, timeout=10) as answer:
                assert said in answer.read()


@pytest.mark.slow
def test_a_port_that_is_taken(machine: Machine) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        answer = machine.run("issuer", "serve", "--port", taken.getsockname()[1])
    assert (answer.code, answer.out) == (3, "")
    assert "--port" in answer.err


@pytest.mark.slow
def test_a_diploma_alone_is_verified_by_the_log_that_is_published(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Also after the issuer has other keys. The credential went through a wallet that kept nothing else."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    issuing, verifying = (Machine(monkeypatch, capsys, tmp_path / name) for name in ("issuer", "verifier"))
    row, out, bare, trust = graduate(), tmp_path / "out", tmp_path / "bare.json", tmp_path / "trust.json"
    (tmp_path / "graduates.csv").write_text(f"{','.join(row)}\n{','.join(row.values())}\n", encoding="utf-8")
    named = ("--name", "University of Example (invented)", "--url", f"https://localhost:{port}")
    issued = issuing.run("issuer", "issue", tmp_path / "graduates.csv", *named, "--out", out)
    assert issued.code == 0, issued.err
    bare.write_text(json.dumps(json.loads(next(out.glob("*.json")).read_bytes())["credential"]))
    trust.write_text(issuing.run("issuer", "trust").out)
    assert verifying.run("trust", "add", trust, "--yes").code == 0
    home = issuing.home / "issuer"
    online = ("--loopback", "--ca", home / "tls" / "authority.pem")
    answers = []
    for _ in range(2):
        (home / "lookup" / "young").unlink(missing_ok=True)
        with issuing.serving("--port", str(port), "--tls") as (address, _, said):
            assert address == f"https://localhost:{port}"
            assert "Verifiers look for the log" not in said
            while not (home / "lookup" / "young").exists():
                time.sleep(0.01)
            answers.append(verifying.run(*online, "verify", bare))
        assert issuing.run("issuer", "key", "rotate", "--compromised", "--yes").code == 0
    for answer in answers:
        assert answer.code == 0, answer.out
        assert answer.out.startswith("VALID: "), answer.out
        assert f"entry 2 of the log localhost:{port}/log" in answer.out
    offline = verifying.run("verify", bare, "--offline")
    assert offline.code == 3
    assert "COULD NOT BE DECIDED" in offline.out
    assert "What to do: Ask the holder for the bundle, or for a newer one" in offline.out
    gone = verifying.run(*online, "verify", bare)
    assert gone.code == 3
    assert "could not be fetched" in gone.out


@pytest.mark.slow
def test_at_another_address_it_is_said_where_the_log_is_looked_for(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    machine = Machine(monkeypatch, capsys, tmp_path)
    machine.run("issuer", "init", "--name", "University of Example", "--url", "https://uni.example")
    with machine.serving("--port", "0", "--url", "https://desk.uni.example") as (_, _, said):
        assert "Verifiers look for the log at https://uni.example/log, not at this address." in said


def test_without_the_packages_of_the_service(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    monkeypatch.delitem(sys.modules, "intaglio.serving", raising=False)
    answer = machine.run("issuer", "serve")
    assert (answer.code, answer.out) == (2, "")
    assert "uvicorn" in answer.err
    assert "pip install '.[serve]'" in answer.err
