"""Our log sends itself to a mirror over HTTP, as C2SP tlog-mirror has it, and gets the mirror's line."""

from __future__ import annotations

import asyncio
import gzip
import socket
import threading
import tracemalloc
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from starlette.requests import Request

from exchange.http import read_beginning
from hub import make_hub, open_witness
from hub.home import open_mirrors, open_signing_mirrors
from hub.http import create_app
from hub.mirrors import Mirrors
from hub.monitor import Monitor
from intaglio.connections import LIMITS, Limits
from keys import PrivateKey
from ledger import Checkpoint, EntryKind, Log, MemoryStore, entry
from ledger.add_checkpoint import AddCheckpoint
from ledger.add_entries import MirrorInfo, add_entries
from ledger.note import VerifierKey
from ledger.problem import CLOCK_BEHIND, OTHER_ROOT, WITNESS_NOT_SURE
from ledger.tiles.reader import TileReader
from ledger.tiles.store import CHECKPOINT
from ledger.witness import WitnessState, origin_hash
from tests.ledger_samples import NOW
from tests.problems import raises
from tests.serving import listening, serving
from tests.test_hub_mirror import Web
from tests.witnessing import Clock

NAME = "university.example/log"
HASH = origin_hash(NAME)


@dataclass
class Pushing:
    """A log of ours, and a mirror that it is sent to."""

    log: Log
    client: httpx.Client
    mirrors: Mirrors
    state: WitnessState
    clock: Clock
    known: int = 0

    def grow(self, count: int) -> None:
        start = self.log.checkpoint().size
        entries = [entry(EntryKind.CREDENTIAL, index.to_bytes(32)) for index in range(start, start + count)]
        self.log.append(entries, b"%d" % start)

    def announce(self) -> httpx.Response:
        checkpoint = self.log.checkpoint()
        proof = self.log.consistency(self.known, checkpoint.size) if self.known else []
        answer = self.client.post(
            "add-checkpoint", content=AddCheckpoint(self.known, proof, checkpoint).write()
        )
        if answer.status_code == 200:
            self.known = checkpoint.size
        return answer

    def body(self, start: int, end: int) -> bytes:
        return add_entries(NAME, TileReader(self.log.store.get), start, end)

    def send(self, body: bytes, **headers: str) -> httpx.Response:
        sent = {"Content-Type": "application/octet-stream", **headers}
        return self.client.post("add-entries", content=body, headers=sent)

    def push(self) -> bytes:
        """As a client of tlog-mirror does it: asks where to go on, and sends until it gets the line."""
        assert self.announce().status_code == 200
        answer = self.send(self.body(0, 0))
        while answer.status_code in (202, 409):
            assert answer.headers["content-type"] == "text/x.tlog.mirror-info"
            size, at = MirrorInfo.parse(answer.content)
            answer = self.send(gzip.compress(self.body(at, size)), **{"Content-Encoding": "gzip"})
        assert answer.status_code == 200, answer.text
        return answer.content

    @property
    def key(self) -> VerifierKey:
        assert self.mirrors.vkey is not None
        return VerifierKey.parse(self.mirrors.vkey)

    @property
    def shown(self) -> bytes:
        return self.client.get(f"{HASH}/checkpoint").content


@contextmanager
def pushing(folder: Path, body_seconds: float = 2.0, limits: Limits = LIMITS) -> Iterator[Pushing]:
    clock = Clock()
    keys = PrivateKey.generate(), PrivateKey.generate()
    log = Log(NAME, *keys, MemoryStore(), clock=clock)
    state = make_hub(folder, "hub.example/witness", lambda: None)
    state.add(log.verifier_key, f"https://{NAME}")
    mirrors = open_signing_mirrors(folder, state, lambda: None, clock)
    mirrors.add(NAME)
    app = create_app(open_witness(folder, lambda: None, clock), mirrors=mirrors, body_seconds=body_seconds)
    with listening() as listener, serving(app, listener, limits=limits):
        base = f"http://localhost:{listener.getsockname()[1]}/mirror"
        with httpx.Client(base_url=base, trust_env=False) as client:
            yield Pushing(log, client, mirrors, state, clock)


@pytest.fixture
def pushed(tmp_path: Path) -> Iterator[Pushing]:
    with pushing(tmp_path / "hub") as found:
        yield found


@pytest.mark.slow
def test_a_log_pushes_itself_and_the_mirror_says_that_it_has_all(pushed: Pushing) -> None:
    for count in (3, 253, 300, 9000):
        pushed.grow(count)
        pushed.clock.now += timedelta(minutes=1)
        line = pushed.push()
        checkpoint = pushed.log.checkpoint()
        signed = Checkpoint.parse(checkpoint.note + line).signers([pushed.key])
        assert signed == {pushed.key: pushed.clock.now}
        found = Checkpoint.parse(pushed.shown)
        assert (found.size, found.root) == (checkpoint.size, checkpoint.root)
        assert found.signers([pushed.key, pushed.log.verifier_key]).keys() == {
            pushed.key,
            pushed.log.verifier_key,
        }
        tile = pushed.client.get(f"{HASH}/tile/0/000.p/3" if count == 3 else f"{HASH}/tile/0/000")
        assert tile.content == pushed.log.store.get(tile.url.path.removeprefix(f"/mirror/{HASH}/"))
    assert pushed.key.name == "hub.example/mirror"
    assert pushed.push() == line  # once more: the same line


def test_each_status_says_what_is_wrong(pushed: Pushing) -> None:
    pushed.grow(600)
    assert pushed.send(pushed.body(0, 0)).content == b"0\n0\n\n"
    pushed.announce()
    body = pushed.body(0, 600)
    for wrong, status in (
        (b"", 400),
        (body[:40], 400),
        (body.replace(NAME.encode(), b"university.example/lag"), 404),
        (pushed.body(256, 600), 409),
        (pushed.body(0, 256), 409),
        (body[:60] + bytes([body[60] ^ 1]) + body[61:], 422),
    ):
        answer = pushed.send(wrong)
        assert answer.status_code == status, answer.text
    assert pushed.send(gzip.compress(body)[:-30], **{"Content-Encoding": "gzip"}).status_code == 202
    assert pushed.send(b"no gzip", **{"Content-Encoding": "gzip"}).status_code == 400
    assert pushed.send(body, **{"Content-Encoding": "br"}).status_code == 400
    assert pushed.client.get(f"{HASH}/checkpoint").status_code == 404
    assert pushed.push()
    assert pushed.log.verifier_key in Checkpoint.parse(pushed.shown).signers([pushed.log.verifier_key])


def test_a_log_that_grows_while_it_sends_is_taken_all_the_same(pushed: Pushing) -> None:
    """As several senders, or one that is slow: entries towards a checkpoint that was pending before."""
    pushed.grow(600)
    pushed.announce()
    first, rest = pushed.body(0, 600), pushed.body(256, 600)
    head = len(pushed.body(600, 600))
    assert pushed.send(first[: len(first) - len(rest) + head]).status_code == 202
    for _ in range(7):
        pushed.grow(10)
        pushed.announce()
    answer = pushed.send(rest)
    assert (answer.status_code, Checkpoint.parse(pushed.shown).size) == (200, 600)
    pushed.grow(1)
    pushed.announce()  # by which the first of them is no longer known
    answer = pushed.send(pushed.body(600, 600))
    assert (answer.status_code, answer.content) == (409, b"671\n600\n\n")
    for size in (640, 670):
        assert pushed.send(pushed.body(Checkpoint.parse(pushed.shown).size, size)).status_code == 200
        assert Checkpoint.parse(pushed.shown).size == size
    # Never back: what is shown, and its line, stay.
    assert pushed.send(pushed.body(640, 640)).status_code == 409
    assert Checkpoint.parse(pushed.shown).size == 670
    assert pushed.push()


def test_a_bomb_is_unpacked_no_further_than_a_request_may_be(pushed: Pushing) -> None:
    async def read(content: bytes) -> bytes:
        async def receive() -> dict[str, object]:
            return {"type": "http.request", "body": content, "more_body": False}

        headers = [(b"content-encoding", b"gzip")]
        scope = {"type": "http", "method": "POST", "path": "/", "headers": headers}
        return await read_beginning(Request(scope, receive), 1 << 16)

    bomb = gzip.compress(bytes(1 << 22))
    tracemalloc.start()
    found = asyncio.run(read(bomb))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found == bytes(1 << 16)
    assert peak < 1 << 20
    pushed.grow(3)
    pushed.announce()
    # Nothing but zeros: packages of empty entries without end.
    head = pushed.body(0, 3)[: -len(pushed.body(3, 3))]
    endless = gzip.compress(head[:43] + bytes(1 << 22))
    assert pushed.send(endless, **{"Content-Encoding": "gzip"}).status_code == 422
    assert pushed.client.get(f"{HASH}/checkpoint").status_code == 404


def test_of_uploads_that_stop_midway_a_few_are_held(tmp_path: Path) -> None:
    """Each may be as long as the longest; others are told to come later, and nothing stays taken."""
    # However busy this machine is, nothing ends by time.
    patient = LIMITS._replace(head=60.0, body=61.0, idle=60)
    with pushing(tmp_path / "hub", body_seconds=60.0, limits=patient) as pushed:
        pushed.grow(3)
        pushed.announce()
        # 100 is sent once the body is asked for (RFC 9110 10.1.1): the upload is held before the next comes.
        head = f"Host: localhost\r\nContent-Length: {1 << 20}\r\nExpect: 100-continue\r\n\r\n"
        port = pushed.client.base_url.port
        with ExitStack() as stack:
            for expected in [b"HTTP/1.1 100"] * 8 + [b"HTTP/1.1 503"]:
                slow = stack.enter_context(socket.create_connection(("localhost", port)))
                slow.sendall(f"POST /mirror/add-entries HTTP/1.1\r\n{head}".encode())
                assert slow.recv(12) == expected
                slow.sendall(bytes(100))
            assert pushed.send(pushed.body(0, 3)).status_code == 503
            assert pushed.client.get("/readyz").status_code == 404  # below /mirror: the service answers
        waited = threading.Event()
        assert any(pushed.send(pushed.body(0, 3)).status_code == 200 or waited.wait(0.05) for _ in range(100))


def test_what_comes_behind_the_end_of_gzip_is_not_held() -> None:
    """However much of it is sent within the time that a body has."""
    chunks = [gzip.compress(b"whole"), *[bytes(1 << 16)] * 200]

    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": chunks.pop(0), "more_body": bool(chunks)}

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/",
        "headers": [(b"content-encoding", b"gzip")],
    }
    assert asyncio.run(read_beginning(Request(scope, receive), 1 << 20)) == b"whole"
    assert len(chunks) == 200


def test_a_mirror_that_pulled_says_from_where_it_goes_on(pushed: Pushing) -> None:
    """A log may begin to send itself at any time."""
    pushed.grow(300)
    web = Web({f"https://{NAME}": {CHECKPOINT: pushed.log.checkpoint().note}})
    tiles = ("tile/entries/000", "tile/entries/001.p/44", "tile/0/000", "tile/0/001.p/44", "tile/1/000.p/1")
    web.hosts[f"https://{NAME}"] |= {path: data for path in tiles if (data := pushed.log.store.get(path))}
    monitor = Monitor(pushed.mirrors._folder.parent, pushed.state, pushed.mirrors, web)
    assert [item.code for item in monitor.watch(NOW)] == ["hub-log-seen"]
    answer = pushed.send(pushed.body(0, 0))
    assert (answer.status_code, answer.content) == (409, b"300\n300\n\n")
    assert pushed.send(pushed.body(300, 300)).status_code == 200
    pushed.grow(10)
    answer = pushed.announce()
    assert (answer.status_code, answer.text) == (409, "300\n")
    pushed.known = 300
    assert pushed.push()


def test_a_mirror_signs_what_it_pulled_as_well_and_never_an_earlier_time(pushed: Pushing) -> None:
    pushed.grow(3)
    web = Web({f"https://{NAME}": {CHECKPOINT: pushed.log.checkpoint().note}})
    files = web.hosts[f"https://{NAME}"]
    files |= {path: data for path in TILES if (data := pushed.log.store.get(path))}
    monitor = Monitor(pushed.mirrors._folder.parent, pushed.state, pushed.mirrors, web)
    assert [item.code for item in monitor.watch(NOW)] == ["hub-log-seen"]
    found = Checkpoint.parse(pushed.shown)
    assert found.signers([pushed.key])[pushed.key] == NOW
    assert pushed.log.clock_key in found.signers([pushed.log.clock_key])
    pushed.clock.now = NOW - timedelta(hours=1)
    (log,) = pushed.mirrors.logs()
    assert pushed.mirrors.cosign(log)  # the line that is there
    files[CHECKPOINT] = pushed.log.checkpoint().note
    (folder,) = [path for path in pushed.mirrors._folder.iterdir() if path.name == HASH]
    cosigned = folder / "cosigned"
    cosigned.write_bytes(cosigned.read_bytes().replace(b"\n3\n", b"\n2\n"))
    with raises(CLOCK_BEHIND):
        pushed.mirrors.cosign(log)


TILES = ("tile/entries/000.p/3", "tile/0/000.p/3")


def test_of_a_forked_log_nothing_more_is_signed(pushed: Pushing) -> None:
    pushed.grow(3)
    pushed.push()
    other = Log(NAME, pushed.log._signer, pushed.log._cosigner, MemoryStore(), clock=pushed.clock)
    other.append([entry(EntryKind.CREDENTIAL, b"\xff" * 32)] * 3, b"fork")
    pushed.state.compare(other.checkpoint())
    pushed.grow(1)
    pushed.announce()
    assert pushed.send(pushed.body(3, 4)).status_code == 422
    (log,) = pushed.mirrors.logs()
    with raises(OTHER_ROOT):
        pushed.mirrors.cosign(log)


def test_a_mirror_that_may_be_older_signs_nothing_before_peers_have_answered(
    pushed: Pushing, tmp_path: Path
) -> None:
    pushed.grow(3)
    web = Web({f"https://{NAME}": {CHECKPOINT: pushed.log.checkpoint().note}})
    web.hosts[f"https://{NAME}"] |= {path: data for path in TILES if (data := pushed.log.store.get(path))}
    sure: set[str] = set()
    folder = tmp_path / "hub"
    mirrors = open_signing_mirrors(folder, pushed.state, lambda: None, pushed.clock, sure.__contains__)
    monitor = Monitor(folder, pushed.state, mirrors, web)
    assert [item.code for item in monitor.watch(NOW)] == ["hub-log-seen"]  # it pulls all the same
    (log,) = mirrors.logs()
    with raises(WITNESS_NOT_SURE):
        mirrors.cosign(log)
    sure.add(NAME)
    assert mirrors.cosign(log)


def test_without_the_passphrase_it_shows_and_signs_nothing(pushed: Pushing, tmp_path: Path) -> None:
    pushed.grow(3)
    line = pushed.push()
    mirrors = open_mirrors(tmp_path / "hub", pushed.state)
    assert mirrors.vkey == str(pushed.key)
    note = mirrors.file(HASH, CHECKPOINT).content
    assert note is not None
    assert note.endswith(line)
    (log,) = mirrors.logs()
    assert mirrors.cosign(log) == b""
