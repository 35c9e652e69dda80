"""`intaglio ledger serve`: a log as C2SP tlog-tiles has it, out of any engine, by one process or several."""

from __future__ import annotations

import base64
import io
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from intaglio.publishing import create_app
from keys import KeyFile
from ledger import Checkpoint, Log
from ledger.folder import KEYS, open_to_read, store_in
from ledger.log import LogReader
from ledger.tiles.engines import open_store
from ledger.tiles.layout import full_tiles, partial_tiles, unframe
from ledger.tiles.memory import MemoryStore
from ledger.tiles.posix import PosixStore
from ledger.tiles.store import Store
from tests import postgres_server, s3_server
from tests.ledger_samples import COSIGNER, NOW, ORIGIN, SIGNER, naive_root, open_log, samples
from tests.serving import listening, serving
from tests.test_service_logs import running

pytestmark = pytest.mark.slow  # each engine by a server

FOR_EVER, BRIEFLY = "public, max-age=31536000, immutable", "public, max-age=2"


def _database(where: Path) -> Store:
    from ledger.tiles.postgres.store import PostgresStore

    server = postgres_server.server()
    return PostgresStore(server.uri(server.of(where), "appender"))


def _bucket(where: Path) -> Store:
    return open_store(s3_server.server().of(where))


ENGINES = [
    pytest.param(lambda _: MemoryStore(), id="memory"),
    pytest.param(PosixStore, id="posix"),
    pytest.param(_database, id="postgres", marks=postgres_server.needed),
    pytest.param(_bucket, id="s3", marks=s3_server.needed),
]


def reader(store: Store) -> LogReader:
    return LogReader(ORIGIN, SIGNER.public_key, COSIGNER.public_key, store)


@contextmanager
def served(log: LogReader) -> Iterator[httpx.Client]:
    with listening() as listener, serving(create_app(log), listener):
        base = f"http://localhost:{listener.getsockname()[1]}"
        with httpx.Client(base_url=base, trust_env=False) as client:
            yield client


@pytest.mark.parametrize("make", ENGINES)
def test_a_log_is_read_from_any_engine(make: Callable[[Path], Store], tmp_path: Path) -> None:
    """Below the path of its name; what never changes is kept for ever, and what does briefly."""
    store = make(tmp_path / "log")
    log = open_log(store)
    log.append(samples(0, 700), b"700")
    with served(reader(store)) as client:
        answer = client.get("/log/checkpoint")
        assert answer.content == log.checkpoint().note
        assert answer.headers["content-type"] == "text/plain; charset=utf-8"
        assert answer.headers["cache-control"] == BRIEFLY
        for paths, kept in ((full_tiles(0, 700), FOR_EVER), (partial_tiles(700), BRIEFLY)):
            for path in paths:
                answer = client.get(f"/log/{path}")
                assert answer.content == store.get(path)
                assert answer.headers["content-type"] == "application/octet-stream"
                assert (answer.headers["cache-control"], answer.headers["access-control-allow-origin"]) == (
                    kept,
                    "*",
                )
                known = client.get(f"/log/{path}", headers={"If-None-Match": answer.headers["etag"]})
                assert (known.status_code, known.content) == (304, b"")
        entries = b"".join(
            client.get(f"/log/tile/entries/{number}").content for number in ("000", "001", "002.p/188")
        )
        assert naive_root(unframe(entries, "all")) == log.checkpoint().root
        assert client.get("/livez").json() == {"status": "ok"}
        root = base64.b64encode(log.checkpoint().root).decode()
        assert client.get("/readyz").json() == {"status": "ok", "origin": ORIGIN, "size": 700, "root": root}


NOT_THERE = """
    /log /log/ /log/journal /log/mark.json /log/keys/0-1 /checkpoint /tile/0/000 /log/tile /log/tile/0
    /log/tile/64/000 /log/tile/0/1 /log/tile/0/000.p/0 /log/tile/0/000.p/257 /log/tile/9/000
    /log/tile/0/%2e%2e/%2e%2e/checkpoint /log/%2e%2e/keys.json /log/../keys.json
    /log/tile/0/%D9%A0%D9%A0%D9%A0
"""


def test_nothing_else_is_there(tmp_path: Path) -> None:
    store = PosixStore(tmp_path / "log")
    open_log(store).append(samples(0, 300), b"300")
    with served(reader(store)) as client:
        for path in NOT_THERE.split():
            answer = client.get(path)
            assert answer.status_code == 404, path
            assert answer.headers["content-type"] == "application/problem+json"
        assert client.post("/log/checkpoint").status_code == 405


def test_a_head_that_goes_back_is_not_shown(tmp_path: Path, logged: io.StringIO) -> None:
    """As that of a stale replica, or of a database from yesterday: what was shown is remembered."""
    store = PosixStore(tmp_path / "log")
    log = open_log(store)
    log.append(samples(0, 3), b"3")
    old = log.checkpoint().note
    log.append(samples(3, 5), b"5")
    new = log.checkpoint().note
    other = MemoryStore()
    open_log(other).append(samples(10, 15), b"5")
    with served(reader(store)) as client:
        assert client.get("/log/checkpoint").content == new
        for note, said in (
            (old, "the log has gone back from 5 to 3 entries"),
            (other.get("checkpoint"), "the log of 5 entries has another root than it had"),
            (b"nonsense", "not what was signed"),
        ):
            (tmp_path / "log/checkpoint").write_bytes(note or b"")
            for path in ("/log/checkpoint", "/readyz"):
                answer = client.get(path)
                assert (answer.status_code, answer.headers["cache-control"]) == (503, "no-store")
                assert said in logged.getvalue()
                assert said not in answer.text
        (tmp_path / "log/checkpoint").write_bytes(new)
        assert client.get("/readyz").json()["size"] == 5


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """With a log of its own, of which other processes append."""
    folder = tmp_path / "home" / "issuer"
    keys = KeyFile.create(folder / "keys.json", KEYS, None)
    log = Log(ORIGIN, keys.signer("log"), keys.signer("cosigner"), store_in(folder), clock=lambda: NOW)
    log.append(samples(0, 300), b"300")
    return tmp_path / "home"


@pytest.mark.slow
@pytest.mark.skipif(
    not Path("/proc/self/environ").exists(), reason="no /proc to find processes in: only on Linux"
)
def test_several_processes_answer_and_end_together(home: Path) -> None:
    with running(home, "ledger", "serve", "--processes", "3") as (url, _):
        assert url.startswith("http://localhost:")
        assert url.endswith("/log/checkpoint")
        first = httpx.get(url).content
        Checkpoint.parse(first)
        here = _processes(home)
        assert len(here) == 3
        os.kill(here[-1], signal.SIGKILL)  # the others answer
        for _ in range(20):
            assert httpx.get(url).content == first
        log = open_to_read(home / "issuer")
        keys = KeyFile.open(home / "issuer" / "keys.json", lambda: None)
        Log(
            ORIGIN, keys.signer("log"), keys.signer("cosigner"), store_in(home / "issuer"), clock=lambda: NOW
        ).append(samples(300, 301), b"301")
        for _ in range(5):
            assert httpx.get(url).content == log.checkpoint().note
        os.kill(here[0], signal.SIGKILL)  # the first of them
        _until_none(home)


def _processes(home: Path) -> list[int]:
    """Those that have this home in their environment, in the order in which they started.

    Their numbers may begin again from 1 between the first one and those that it starts.
    """
    started = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if f"INTAGLIO_HOME={home}\0".encode() in (folder / "environ").read_bytes():
                _, _, after_name = (folder / "stat").read_text().rpartition(")")
                started.append((int(after_name.split()[19]), int(folder.name)))  # starttime, proc(5)
        except OSError:
            continue
    return [process for _, process in sorted(started)]


def _until_none(home: Path) -> None:
    end = time.monotonic() + 20
    while _processes(home):
        assert time.monotonic() < end
        time.sleep(0.05)


def test_a_log_that_is_not_sound_is_not_published(home: Path) -> None:
    (home / "issuer" / "log" / "checkpoint").unlink()
    with running(home, "ledger", "serve") as (url, said):
        assert url == ""
    assert "the checkpoint of the log is missing" in "".join(said)
