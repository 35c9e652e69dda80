"""Five hubs as processes, at 127.0.0.1 to 127.0.0.5, and an issuer who needs four of them.

One is killed, one cut off, one lies, one is put back to yesterday. In each phase the issuer issues.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from hub import make_hub, open_state, open_witness
from hub.http import create_app
from intaglio.session import utc_now
from ledger import Log
from ledger.cosigned import Cosigned
from ledger.cosigning import Asking, Witnesses
from ledger.folder import open_to_read
from ledger.note import VerifierKey
from ledger.tiles.posix import PosixStore
from ledger.tiles.store import CHECKPOINT
from ledger.witness import Peer, origin_hash
from tests.commandline import Program
from tests.ledger_samples import COSIGNER, SIGNER, samples
from tests.loopback import Site, response
from tests.serving import listening, serving
from tests.test_issuer_witnesses import CSV, Liar, Typist
from wire.fetch import HttpsFetcher

pytestmark = pytest.mark.slow
NAMES = "abcde"


@dataclass
class Hub:
    """One of the hubs, whose process can be stopped, killed and begun again at its address."""

    name: str
    home: Path
    host: str
    port: int
    process: subprocess.Popen[str] | None = None

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"

    @property
    def key(self) -> VerifierKey:
        return open_state(self.home / "hub").key

    def start(self, *words: str) -> None:
        command = (sys.executable, "-m", "intaglio", "--loopback", "hub", "serve", "--host", self.host)
        where = ("--port", str(self.port), "--plain", "--url", f"https://{self.host}:{self.port}")
        self.process = subprocess.Popen(
            [*command, *where, *words],
            env={**os.environ, "INTAGLIO_HOME": str(self.home)},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert self.process.stdout is not None
        assert self.process.stdout.readline().endswith(f":{self.port}/witness\n")
        until(lambda: httpx.get(f"{self.url}/readyz", trust_env=False).status_code == 200)

    def signal(self, number: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def kill(self) -> None:
        if self.process is not None:
            self.signal(signal.SIGKILL)
            self.process.communicate()
            self.process = None


def until(is_so: Callable[[], bool], within: float = 60.0) -> None:
    begun = time.monotonic()
    while True:
        try:
            if is_so():
                return
        except httpx.TransportError:
            pass
        assert time.monotonic() - begun < within
        time.sleep(0.05)


@dataclass
class Town:
    """The university, whose log is published, its employer, and the hubs."""

    folder: Path
    university: Program
    employer: Program
    hubs: dict[str, Hub] = field(default_factory=dict)
    issued: int = 0
    phases: list[str] = field(default_factory=list)

    @property
    def log_folder(self) -> Path:
        return self.university.home / "issuer"

    def publish(self, path: str) -> bytes:
        log = open_to_read(self.log_folder)
        name = path.removeprefix("/")
        content = log.published() if name == CHECKPOINT else log.store.get(name)
        return response(404) if content is None else response(200, content)

    def client(self) -> HttpsFetcher:
        return HttpsFetcher(allow_loopback=True, timeout=5.0)

    def problems(self) -> dict[str, str]:
        """The code of what keeps each hub from signing."""
        witnesses = Witnesses(Cosigned(self.log_folder), self.client(), utc_now)
        witnesses.ask(open_to_read(self.log_folder), waits=True, everyone=True)
        return {each.key.name[0]: each.problem for each in witnesses.cosigned.witnesses() if each.problem}

    def until_all_sign(self) -> None:
        """Wait for a hub that has just started: it signs nothing until its peer has answered."""
        until(lambda: not self.problems())

    def issues(self, code: int, verdict: str) -> None:
        header, *rows = CSV.read_text().splitlines()
        table = self.folder / f"{self.issued}.csv"
        table.write_text(f"{header}\n{rows[self.issued]}\n")
        out = self.folder / "out"
        answer = self.university("issuer", "issue", table, "--out", out, "--json")
        assert answer.code == code, (answer.out, self.problems())
        assert self.verdict(out) == verdict
        self.issued += 1
        self.phases.append(f"    issued, exit code {code}: {verdict}")

    def verdict(self, folder: Path) -> str:
        file = folder / f"UNI-2026-{self.issued:05}.json"
        return str(json.loads(self.employer("verify", file, "--offline", "--json").out)["verdict"])


@pytest.fixture
def town(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Town]:
    university = Typist(tmp_path / "university", monkeypatch, capsys)
    town = Town(tmp_path, university, Typist(tmp_path / "employer", monkeypatch, capsys))
    address = "https://university.example"
    assert town.university("issuer", "init", "--name", "Example University", "--url", address).code == 0
    key = open_to_read(town.log_folder).verifier_key
    with ExitStack() as stack:
        site = stack.enter_context(Site(town.publish).running())
        for number, name in enumerate(NAMES, 1):
            home = tmp_path / name
            home.mkdir()
            state = make_hub(home / "hub", f"{name}.example", lambda: None)
            state.add(key, f"http://localhost:{site.port}")
            with socket.create_server((f"127.0.0.{number}", 0)) as free:
                hub = town.hubs[name] = Hub(name, home, *free.getsockname())
            stack.callback(hub.kill)
        restored = open_state(town.hubs["d"].home / "hub")
        for hub in town.hubs.values():
            if hub.name != "d":
                restored.add_peer(Peer(hub.key, hub.url))
                hub.start("--alone")
        town.hubs["d"].start()
        for hub in town.hubs.values():
            assert town.university("ledger", "witness", "add", hub.key, f"{hub.url}/witness").code == 0
        assert town.university("ledger", "witness", "quorum", "4").code == 0
        handed = tmp_path / "university.json"
        handed.write_text(town.university("issuer", "trust").out)
        assert town.employer("trust", "add", handed).code == 0
        yield town


def test_five_hubs(town: Town) -> None:
    hubs = town.hubs
    town.phases.append("all are well")
    town.issues(0, "valid")
    town.until_all_sign()
    hubs["d"].kill()
    shutil.copytree(hubs["d"].home, town.folder / "yesterday")
    hubs["d"].start()
    town.until_all_sign()

    town.phases.append("one is killed")
    hubs["a"].kill()
    town.issues(0, "valid")
    assert town.problems() == {"a": "unavailable"}
    hubs["a"].start("--alone")

    town.phases.append("one is cut off: it takes connections, and nothing comes")
    hubs["b"].signal(signal.SIGSTOP)
    town.issues(0, "valid")
    assert town.problems() == {"b": "unavailable"}
    hubs["b"].signal(signal.SIGCONT)
    town.until_all_sign()

    town.phases.append("one lies, and dates 2001")
    hubs["c"].kill()
    honest = open_witness(hubs["c"].home / "hub", lambda: None, utc_now)
    liar = Liar(honest.state, honest._signer, utc_now)
    with listening() as listener, serving(create_app(liar), listener):
        url = f"http://localhost:{listener.getsockname()[1]}/witness"
        assert town.university("ledger", "witness", "add", hubs["c"].key, url).code == 0
        town.issues(0, "valid")

        town.phases.append("one is put back to yesterday: it asks, and goes on from what others have seen")
        hubs["d"].kill()
        shutil.rmtree(hubs["d"].home)
        shutil.copytree(town.folder / "yesterday", hubs["d"].home)
        before = open_state(hubs["d"].home / "hub").logs()[0].size
        hubs["d"].start()
        newest = open_to_read(town.log_folder).checkpoint().size
        until(lambda: open_state(hubs["d"].home / "hub").logs()[0].size == newest)
        town.phases.append(f"    it had cosigned {before} entries, and knows of {newest} before it signs")
        town.until_all_sign()
        town.issues(0, "valid")
        assert town.problems() == {}

        town.phases.append("two are away: what is issued waits for them")
        for name in "ab":
            hubs[name].kill()
        town.issues(7, "undetermined")
        assert town.problems() == {"a": "unavailable", "b": "unavailable"}
        for name in "ab":
            hubs[name].start("--alone")
        assert town.university("issuer", "export", "--out", town.folder / "again").code == 0
        town.issued -= 1
        assert town.verdict(town.folder / "again") == "valid"
        town.phases.append("    exported again: valid")
    print("", *town.phases, sep="\n")


def test_a_log_in_two_versions_shown_to_halves_of_them_has_no_second_quorum(town: Town) -> None:
    """The liar signs both. Neither version has four, whoever is asked afterwards; and each half has proof."""
    log = {
        name: Log("two.example/log", SIGNER, COSIGNER, PosixStore(town.folder / name), clock=utc_now)
        for name in ("one", "other")
    }
    key = log["one"].verifier_key
    for hub in town.hubs.values():
        open_state(hub.home / "hub").add(key, "http://localhost:1")
    town.hubs["c"].kill()
    honest = open_witness(town.hubs["c"].home / "hub", lambda: None, utc_now)
    town.hubs["d"].kill()
    town.hubs["d"].start("--alone")
    with listening() as listener, serving(create_app(Liar(honest.state, honest._signer, utc_now)), listener):
        liar = f"http://localhost:{listener.getsockname()[1]}/witness"

        def asked(version: str, names: str) -> Asking:
            cosigned = Cosigned(town.folder / version)
            for name in names:
                hub = town.hubs[name]
                cosigned.add(hub.key, liar if name == "c" else f"{hub.url}/witness")
            if len(names) == len(NAMES):
                cosigned.require("4")
            asking = Witnesses(cosigned, town.client(), utc_now).ask(log[version], waits=True, everyone=True)
            assert asking is not None
            return asking

        for version, names in (("one", "abc"), ("other", "cde")):
            entries = samples(0, 7) if version == "one" else [*samples(0, 6), *samples(9, 10)]
            log[version].append(entries, b"7")
            lines = [answer for answer in asked(version, names).answers if answer.time]
            assert len(lines) == 3
        for version in ("one", "other"):
            asking = asked(version, NAMES)
            signed = sorted(answer.witness.key.name[0] for answer in asking.answers if answer.time)
            print(f"version {version!r}: signed by {' '.join(signed)}; quorum of 4: {asking.is_met}")
            assert not asking.is_met
            assert len(signed) == 3
    for name in "abde":
        (fork,) = open_state(town.hubs[name].home / "hub").forks()
        assert (fork.origin, fork.size, origin_hash(fork.origin)) == (key.name, 7, origin_hash(key.name))
