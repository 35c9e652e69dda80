"""docs/operations.md works to the letter: its commands run here, in order, against real servers."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import httpx
import pytest

from ledger.audit import audit
from ledger.tiles.engines import open_store
from ledger.tiles.store import examine
from tests import clusters, postgres_server, s3_server
from tests.commandline import Answer, Program, verdict
from tests.conftest import ROOT
from tests.ledger_samples import open_log, samples
from tests.s3_line import moto
from tests.test_docs import LINE, folder
from tests.test_service_logs import running
from wire.problem import Refused

__all__ = ["folder"]
PAGE = ROOT / "docs" / "operations.md"
BLOCK = re.compile(r"```console\n(.*?)```", re.DOTALL)
ADDRESS = re.compile(r"postgresql://(\w+)@db\.uni\.example/(\w+)")


WRITTEN_AHEAD = "INSERT INTO intaglio.tile VALUES ('tile/0/001', 'x'), ('tile/0/000.p/200', 'x')"
SECTION = re.compile(r"^## ", re.MULTILINE)
ENDPOINT = "https://s3.uni.example"


def _lines(section: str, told: str) -> list[str]:
    """The commands of a section of the page."""
    [text] = [part for part in SECTION.split(told) if part.startswith(f"{section}\n")]
    return [line for block in BLOCK.findall(text) for line in block.splitlines()]


@postgres_server.needed
@pytest.mark.slow
def test_the_page(
    program: Program, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The sections on an engine with one home, then those on any log with another."""
    page = PAGE.read_text()
    engines, others = page[: page.index("## In a bucket")], page[page.index("## Move the log") :]
    assert "once had" in follow(engines, program, folder).err
    another = Program(folder / "another", monkeypatch, capsys)
    answer = follow(others, another, folder)
    assert "every tile and the checkpoint follow" in answer.out
    given = sorted((folder / "given").glob("*.json"))
    assert [verdict(another, path)[:5] for path in given[2:5]] == ["VALID"] * 3


def follow(text: str, program: Program, folder: Path) -> Answer:
    """What the last of its commands answered that is one of ours, and ends."""
    server = postgres_server.server()
    told = ADDRESS.sub(lambda found: server.uri(found[2], found[1]), text)
    told = told.replace("~/.intaglio", str(program.home)).replace(
        "file:///srv/log", (folder / "log").as_uri()
    )
    lines = [line for block in BLOCK.findall(told) for line in block.splitlines()]
    assert len(lines) > 8
    for line in lines:
        typed = LINE.fullmatch(line)
        assert typed, line
        name, *words = shlex.split(typed["words"])
        if words[:2] == ["ledger", "serve"]:
            with running(program.home, *words) as (url, _):
                assert httpx.get(url).text.splitlines()[1].isdigit()
                assert httpx.get(urljoin(url, "/readyz")).json()["status"] == "ok"
        elif name == "intaglio":
            if words == ["doctor"] and typed["code"]:  # somebody else appended
                database = urlsplit(json.loads((program.home / "issuer/ledger.json").read_bytes())["address"])
                server.execute(WRITTEN_AHEAD, database.path[1:])
            answer = program(*words)
            assert answer.code == int(typed["code"] or 0), (line, answer)
        else:
            done = subprocess.run(
                [f"{postgres_server.PROGRAMS}/{name}", *words], capture_output=True, text=True
            )
            assert done.returncode == 0, (line, done.stderr)
    return answer


@s3_server.needed
@pytest.mark.slow
def test_the_page_in_a_bucket(program: Program, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the key in its file; between two lines an object is removed, as the page has it."""
    cluster = s3_server.server()
    owner, address = s3_server.client(cluster.endpoint), cluster.of(folder)
    [key_file] = re.findall(r"```ini\n(.*?)```", PAGE.read_text(), re.DOTALL)
    (folder / "key").write_text(
        key_file.replace("REGISTRAR", "appender").replace("SECRET", "appender-secret")
    )
    for name in s3_server.environment(""):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(folder / "key"))
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    told = PAGE.read_text().replace("s3://diplomas/university", address)
    first = {"Bucket": s3_server.BUCKET, "Key": f"{address.rpartition('/')[2]}/head/0000000000000001"}
    lines, codes = _lines("In a bucket", told), []
    for line in lines:
        typed = LINE.fullmatch(line)
        assert typed, line
        name, *words = shlex.split(typed["words"])
        if name == "export":
            variable, _, value = words[0].partition("=")
            assert value == ENDPOINT
            monkeypatch.setenv(variable, cluster.endpoint)
            continue
        if words == ["doctor"]:
            removed = owner.get_object(**first)["Body"].read()
            owner.delete_object(**first)
        answer = program(*words)
        codes.append(answer.code)
        assert answer.code == int(typed["code"] or 0), (line, answer)
    assert "head/0000000000000001 is missing" in answer.err
    assert len(codes) > 5
    owner.put_object(**first, Body=removed)
    assert (program("ledger", "audit").code, program("doctor").code) == (0, 0)


@s3_server.needed
@pytest.mark.slow
def test_the_page_on_credentials_in_a_bucket(
    program: Program, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a machine's key for all but what deletes, for which the files have a second one."""
    cluster = s3_server.server()
    users = {"default": "appender", "eraser": "owner"}
    (folder / "keys").write_text(
        "".join(
            f"[{profile}]\naws_access_key_id = {user}\naws_secret_access_key = {user}-secret\n"
            for profile, user in users.items()
        )
    )
    for name in s3_server.environment(""):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(folder / "keys"))
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    told, answers = PAGE.read_text().replace("s3://private/university", cluster.of(folder)), list[Answer]()
    for line in _lines("Credentials in a bucket", told):
        typed = LINE.fullmatch(line)
        assert typed, line
        name, *words = shlex.split(typed["words"])
        if name == "export":
            variable, _, value = words[0].partition("=")
            monkeypatch.setenv(variable, cluster.endpoint if value == ENDPOINT else value)
            continue
        answers.append(program(*words))
        assert answers[-1].code == 0, (line, answers[-1])
    assert cluster.of(folder) in answers[-2].err
    assert not (program.home / "issuer" / "shards").exists()
    assert verdict(program, next((folder / "given").glob("*.json"))).startswith("VALID")


@postgres_server.needed
@s3_server.needed
@pytest.mark.slow
def test_the_page_on_several_machines(
    program: Program, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two homes on this machine stand for two machines."""
    cluster, server = s3_server.server(), postgres_server.server()
    for name, value in s3_server.environment(cluster.endpoint).items():
        monkeypatch.setenv(name, value)
    graduates = (folder / "graduates.csv").read_text()
    (folder / "more.csv").write_text(graduates.replace("UNI-2026", "UNI-2027"))
    server.create("ready")  # roles are of the whole server: other tests may have made them, or not
    told = ADDRESS.sub(lambda found: server.uri(found[2], found[1]), PAGE.read_text())
    told = re.sub(r"s3://private/(\w+)", rf"{cluster.of(folder)}-\1", told)
    lines, answers = _lines("Several machines", told), list[Answer]()
    for line in lines:
        typed = LINE.fullmatch(line)
        assert typed, line
        name, *words = shlex.split(typed["words"])
        if name == "intaglio":
            answers.append(program(*words))
            assert answers[-1].code == int(typed["code"] or 0), (line, answers[-1])
        elif name != "export" and "CREATE ROLE" not in line:
            done = subprocess.run(
                [f"{postgres_server.PROGRAMS}/{name}", *words], capture_output=True, text=True
            )
            assert done.returncode == 0, (line, done.stderr)
    assert len(answers) > 15
    assert sorted(path.name for path in Path("web").iterdir()) == ["did.json", "status"]


@clusters.needed
@pytest.mark.skipif(not shutil.which("openssl"), reason="no openssl: apt-get install openssl")
@pytest.mark.slow
def test_the_page_on_more_machines_for_one_file(program: Program, folder: Path) -> None:
    """Scheduler and worker are processes of this machine; the keys are sealed, which the worker opens."""
    told = PAGE.read_text().replace("scheduler.uni.example:8786", f"127.0.0.1:{clusters.free_port()}")
    codes, environment = list[int](), {**os.environ, "INTAGLIO_HOME": str(program.home)}
    with ExitStack() as begun:
        for line in _lines("More machines for one file", told):
            name, *words = shlex.split(line.removesuffix(" &"))
            if line.endswith(" &"):
                command = [sys.executable, "-m", name, *words]
                process = begun.enter_context(
                    subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
                )
                begun.callback(process.kill)
                if "--scheduler" in words:
                    _wait_for(urlsplit(words[4]).port)
            elif name == "intaglio":
                answer = program(*words)
                assert answer.code == 0, (line, answer)
                codes.append(answer.code)
            else:
                done = subprocess.run([name, *words], capture_output=True, text=True)
                assert done.returncode == 0, (line, done.stderr)
    assert len(codes) == 3
    assert verdict(program, next((folder / "given").glob("*.json"))).startswith("VALID")


def _wait_for(port: int | None) -> None:
    until = time.monotonic() + 60
    with socket.socket() as client:
        while client.connect_ex(("127.0.0.1", port)):
            assert time.monotonic() < until, "the scheduler did not begin"
            time.sleep(0.1)


@s3_server.needed
@pytest.mark.slow
def test_the_rights_of_the_page_are_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    """And no more than that: moto judges each request by the policy, once the four that prepare are done."""
    [policy] = re.findall(r"```json\n(.*?)```", PAGE.read_text(), re.DOTALL)
    with moto(INITIAL_NO_AUTH_ACTION_COUNT="4") as endpoint:
        s3_server.client(endpoint).create_bucket(Bucket="diplomas")
        iam = s3_server.client(endpoint, service="iam")
        iam.create_user(UserName="registrar")
        iam.put_user_policy(UserName="registrar", PolicyName="log", PolicyDocument=policy)
        key = iam.create_access_key(UserName="registrar")["AccessKey"]
        secret = key["SecretAccessKey"]
        for name, value in s3_server.environment(endpoint, key["AccessKeyId"], secret).items():
            monkeypatch.setenv(name, value)
        log = open_log(open_store("s3://diplomas/university"))
        for size in (1, 300, 301):
            log.append(samples(log.checkpoint().size, size), b"%d" % size)
        assert audit(open_log(open_store("s3://diplomas/university"))).size == 301
        store = open_store("s3://diplomas/university", read_only=True)
        examine(store)
        with pytest.raises(Refused, match="does not let this key"):
            open_log(open_store("s3://diplomas/other"))
        registrar = s3_server.client(endpoint, key["AccessKeyId"], secret)
        from botocore.exceptions import ClientError

        with pytest.raises(ClientError, match="AccessDenied"):
            registrar.delete_object(Bucket="diplomas", Key="university/head/0000000000000001")
