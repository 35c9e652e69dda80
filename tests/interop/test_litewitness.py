"""Hubs beside litewitness, a witness in Go by C2SP's authors: Debian's source, with one line mended.

As packaged (0.4.3) it panics at the first cosignature, since SQLite is given an array of bytes for a text.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from hub import make_hub, open_witness
from hub.http import create_app
from keys import PublicKey
from ledger import Checkpoint, Log, TrustedLog, TrustPolicy, VerifierKey
from ledger.add_checkpoint import AddCheckpoint
from ledger.cosigned import Cosigned
from ledger.cosigning import Witnesses
from ledger.evidence import attest
from ledger.note import SignatureType
from ledger.tiles.posix import PosixStore
from tests.ledger_samples import COSIGNER, ORIGIN, SIGNER, samples
from tests.serving import listening, serving
from tests.witnessing import FORK, HONEST, LOG_KEY, URL
from wire.fetch import HttpsFetcher

SOURCES = Path("/usr/share/gocode/src")
PACKAGE = "filippo.io/litetlog"
NEEDED = ("go", "ssh-agent", "ssh-add", "ssh-keygen")
MISSING = [name for name in NEEDED if not shutil.which(name)]
pytestmark = [
    pytest.mark.slow,
    pytest.mark.soak,
    pytest.mark.skipif(
        bool(MISSING) or not (SOURCES / PACKAGE).is_dir(),
        reason="no litewitness: apt-get install golang-go golang-github-filosottile-litetlog-dev "
        "openssh-client",
    ),
]
FAULT = "nil, newSize, newHash, origin, oldSize)"
NAME = "litewitness.example/w1"


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of `litewitness` and `witnessctl`, built from a patched copy."""
    folder = tmp_path_factory.mktemp("litewitness")
    copied = folder / "go" / "src" / PACKAGE
    shutil.copytree(SOURCES / PACKAGE, copied)
    source = copied / "internal" / "witness" / "witness.go"
    text = source.read_text()
    assert text.count(FAULT) == 1, "another version, which may need no patch"
    source.write_text(text.replace(FAULT, FAULT.replace("newHash", "newHash.String()")))
    path = f"{folder / 'go'}:{SOURCES.parent}"
    built = subprocess.run(
        ("go", "build", "-o", folder, *(f"{PACKAGE}/cmd/{name}" for name in ("litewitness", "witnessctl"))),
        env={**os.environ, "GO111MODULE": "off", "GOPATH": path, "GOFLAGS": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    return folder


@contextmanager
def their_witness(programs: Path, folder: Path) -> Iterator[tuple[str, VerifierKey]]:
    """Its address and key; it knows our log."""
    database, agent, key = folder / "litewitness.db", folder / "agent", folder / "key"
    steps: tuple[tuple[object, ...], ...] = (
        ("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key),
        (programs / "witnessctl", "add-log", "-db", database, "-origin", ORIGIN),
        (programs / "witnessctl", "add-key", "-db", database, "-origin", ORIGIN, "-key", LOG_KEY),
    )
    for step in steps:
        subprocess.run([*map(str, step)], check=True, capture_output=True)
    shown = subprocess.run(
        ("ssh-keygen", "-l", "-f", f"{key}.pub"), check=True, capture_output=True, text=True
    )
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    environment = {**os.environ, "SSH_AUTH_SOCK": str(agent), "GODEBUG": "httpmuxgo121=0"}
    log = folder / "litewitness.log"
    with (
        subprocess.Popen(("ssh-agent", "-D", "-a", str(agent)), stdout=subprocess.DEVNULL) as keeping,
        log.open("w") as told,
    ):
        try:
            until(agent.exists)
            subprocess.run(("ssh-add", "-q", str(key)), check=True, env=environment)
            words = ("-name", NAME, "-db", database, "-ssh-agent", agent, "-listen", address)
            command = [str(programs / "litewitness"), *map(str, words), "-key", shown.stdout.split()[1]]
            with subprocess.Popen(command, env=environment, stderr=told, cwd=folder) as serving_it:
                try:
                    until(lambda: is_up(f"http://{address}"))
                    (vkey,) = re.findall(r'vkey="?([^\s"]+)', log.read_text())[:1]
                    yield f"http://{address}", VerifierKey.parse(vkey)
                finally:
                    serving_it.terminate()
        finally:
            keeping.terminate()


def until(is_so: Callable[[], bool]) -> None:
    for _ in range(600):
        if is_so():
            return
        time.sleep(0.05)
    raise AssertionError("it has not begun in time")


def is_up(url: str) -> bool:
    with suppress(httpx.TransportError):
        return httpx.get(url, trust_env=False).status_code > 0
    return False


def now() -> datetime:
    return datetime.now(UTC)


def test_it_cosigns_our_log_as_the_log_asks_it(programs: Path, tmp_path: Path) -> None:
    log = Log(ORIGIN, SIGNER, COSIGNER, PosixStore(tmp_path / "log"), clock=now)
    client = HttpsFetcher(allow_loopback=True, timeout=30.0)
    with their_witness(programs, tmp_path) as (url, key):
        cosigned = Cosigned(tmp_path)
        cosigned.add(key, url)
        for old, size in ((0, 3), (3, 300), (300, 301)):
            log.append(samples(old, size), b"%d" % size)
            asking = Witnesses(cosigned, client, now).ask(log, seconds=30.0)
            assert asking is not None
            assert asking.is_met, asking.answers
            note = cosigned.newest()
            assert note is not None
            assert Checkpoint.parse(note).size == size
    policy = TrustPolicy((TrustedLog(LOG_KEY, None, (key,), 1),))
    assert attest(note, policy).witnesses == 1


def test_it_answers_our_requests_as_ours_does(programs: Path, tmp_path: Path) -> None:
    """Byte for byte the same requests. Where tlog-witness has changed since, both answers are named."""
    make_hub(tmp_path / "hub", "hub.example/witness", lambda: None)
    ours = open_witness(tmp_path / "hub", lambda: None, now)
    ours.state.add(LOG_KEY, URL)
    with (
        their_witness(programs, tmp_path) as (url, _),
        listening() as listener,
        serving(create_app(ours), listener),
    ):
        places = (f"http://127.0.0.1:{listener.getsockname()[1]}/witness", url)

        def ask(body: bytes) -> tuple[int, int]:
            one, other = (
                httpx.post(f"{place}/add-checkpoint", content=body, trust_env=False, timeout=30)
                for place in places
            )
            if one.status_code == other.status_code == 409:
                assert (one.text, one.headers["content-type"]) == (other.text, other.headers["content-type"])
            return one.status_code, other.status_code

        answers = [
            ask(body)
            for body in (
                HONEST.request(0, 3),
                HONEST.request(0, 3),
                HONEST.request(2, 5),
                b"old 3\n\n" + HONEST.note(5),
                FORK.request(3, 5),
                HONEST.request(3, 2),
                HONEST.request(3, 5).replace(b" 5\n", b" 6\n").replace(b"\n5\n", b"\n6\n"),
                b"",
                HONEST.request(3, 3),
                HONEST.request(3, 5),
                b"old 0\n\n" + HONEST.note(5, origin="another.example"),
            )
        ]
    assert [one for one, _ in answers[:-1]] == [200, 409, 409, 422, 422, 400, 403, 400, 200, 200]
    assert [one == other for one, other in answers[:-1]] == [True] * 10
    assert answers[-1] == (404, 403)  # a log that is not known


def test_requests_that_its_own_tests_send_are_understood(tmp_path: Path) -> None:
    """Of another log, with another client's proofs; each is written again as it was."""
    source = (SOURCES / PACKAGE / "internal" / "witness" / "witness_test.go").read_text()
    bodies = [body.encode() for body in re.findall(r"`(old [^`]*)`", source)]
    (public,) = re.findall(r'pk := mustDecodeHex\(t, "([0-9a-f]{64})"\)', source)
    requests = {
        (request.old, request.checkpoint.size): request for request in map(AddCheckpoint.parse, bodies)
    }
    assert requests.keys() == {(0, 1), (1, 3), (1, 5)}
    assert [request.write() for request in map(AddCheckpoint.parse, bodies)] == bodies
    origin = requests[0, 1].checkpoint.origin
    key = VerifierKey(origin, SignatureType.ED25519, PublicKey("Ed25519", bytes.fromhex(public)))
    make_hub(tmp_path / "hub", "hub.example/witness", lambda: None)
    ours = open_witness(tmp_path / "hub", lambda: None, now)
    ours.state.add(key, f"https://{origin}")
    with listening() as listener, serving(create_app(ours), listener):
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/witness/add-checkpoint"
        answers = [
            httpx.post(url, content=requests[place].write(), trust_env=False)
            for place in ((0, 1), (1, 5), (1, 3))
        ]
    assert [answer.status_code for answer in answers] == [200, 200, 409]
    assert answers[-1].text == "5\n"
