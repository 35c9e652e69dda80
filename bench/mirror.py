"""A mirror from nothing, entry by entry, against appends of the same entries to a log of ours.

The log is published by a file server in a process of its own, over HTTP on this machine. By CPU time of the
mirror's process and the kernel's part of it, the least of several rounds that take turns in one run. One
request for 256 entries costs more than all else, so that the mirror is measured without it, too.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import orjson

from keys import PrivateKey
from ledger import EntryKind, Log, entry
from ledger.mirror import Mirror
from ledger.tiles.posix import PosixStore
from ledger.tiles.store import CHECKPOINT
from wire.fetch import HttpsFetcher

ROUNDS, BATCH, BATCHES = 4, 1 << 16, 2
GOAL = 2.0
_SERVE = """
import functools, http.server, sys
handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=sys.argv[1])
handler.func.protocol_version = "HTTP/1.1"
handler.func.wbufsize = 1 << 16
handler.func.log_message = lambda *_: None
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
print(server.server_address[1], flush=True)
server.serve_forever()
"""


def cpu(work: Callable[[], object]) -> float:
    before = time.process_time()
    work()
    return time.process_time() - before


def main() -> None:
    entries = [entry(EntryKind.CREDENTIAL, os.urandom(32)) for _ in range(BATCH * BATCHES)]
    batches = [entries[at : at + BATCH] for at in range(0, len(entries), BATCH)]
    append = pull = kept = float("inf")
    with (
        HttpsFetcher(allow_loopback=True).keeping() as fetcher,
        tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as name,
    ):
        for number in range(ROUNDS):
            keys = PrivateKey.generate(), PrivateKey.generate()
            folder = Path(name) / f"log{number}"
            log = Log("bench.example/log", *keys, PosixStore(folder), clock=lambda: datetime.now(UTC))

            def appends(log: Log = log) -> None:
                for at, batch in enumerate(batches):
                    log.append(batch, b"%d" % at)

            append = min(append, cpu(appends))
            server = subprocess.Popen(
                (sys.executable, "-c", _SERVE, str(folder)), stdout=subprocess.PIPE, text=True
            )
            try:
                assert server.stdout is not None
                url = f"http://127.0.0.1:{server.stdout.readline().strip()}"

                def read(path: str, limit: int, url: str = url) -> bytes:
                    return fetcher.fetch(f"{url}/{path}", accept="*/*", limit=limit, same_origin=True)

                def plain(path: str, limit: int, folder: Path = folder) -> bytes:
                    return (folder / path).read_bytes()[:limit]

                for source, where in ((read, "fetched"), (plain, "here")):
                    mirror = Mirror(log.origin, log.verifier_key, PosixStore(Path(name) / f"{where}{number}"))
                    taken = cpu(partial(mirror.pull, source, source(CHECKPOINT, 1 << 17)))
                    assert mirror.checkpoint() == log.checkpoint()
                    pull, kept = (min(pull, taken), kept) if source is read else (pull, min(kept, taken))
            finally:
                server.terminate()
                server.wait()
    each = {"append": append, "mirror": pull, "withoutFetching": kept}
    each = {part: seconds / len(entries) * 1e6 for part, seconds in each.items()}
    ratio = each["mirror"] / each["append"]
    print(", ".join(f"{part} {taken:.2f} µs" for part, taken in each.items()), end="")
    alone = each["withoutFetching"] / each["append"]
    print(f" an entry: {ratio:.2f} × an append, {alone:.2f} × without fetching, goal {GOAL}")
    results = Path(__file__).parent / "results"
    results.mkdir(exist_ok=True)
    (results / "mirror.json").write_bytes(orjson.dumps({**each, "ratio": ratio, "goal": GOAL}))


if __name__ == "__main__":
    main()
