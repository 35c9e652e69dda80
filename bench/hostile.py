"""The worst that a file does to a verifier, as a multiple of one diploma, and that a form does to a page.

Each input of tests/hostile.py is verified in a process of its own, by a verifier that knows one university.
CPU time and additional memory are measured, each the worst of several lengths up to the limit of a service's
body, and of a file. `search` looks for worse ones by changing and joining these: in `make soak`.

For a page (`python bench/hostile.py pages`), each form of tests/uploads.py gives bytes in and out, CPU time,
and the memory of ten unread answers.
"""

from __future__ import annotations

import functools
import os
import pickle
import resource
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import httpx
from fastapi import FastAPI

from intaglio.pages.inspection import Inspection, Sent, Sheet
from intaglio.pages.rendering import Site
from tests.hostile import FAMILIES, UNIVERSITY, varied
from tests.pages import mount
from tests.serving import listening, serving
from tests.uploads import UNIVERSITY as OF_PAGES
from tests.uploads import UPLOADS
from tests.world import NOW, verifier
from verifier.judge import Judge, Verifiers
from wire.work import BODY_STEPS, FILE_STEPS, Work

MIB = 1 << 20
JUDGE = verifier(UNIVERSITY.trust)


class Cost(NamedTuple):
    seconds: float
    memory: int
    said: str


def cost(data: bytes, steps: int) -> Cost:
    """The cost of verifying `data` within so many steps."""
    measured: Cost | None = in_child(lambda: _measure(data, steps))
    return measured or Cost(float("inf"), 0, "the process died")


def in_child(work: Callable[[], Any]) -> Any:
    """The result of `work`, run in a child so that its memory is freed; `None` if the child dies."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        resource.setrlimit(resource.RLIMIT_CPU, (60, 60))
        try:
            with os.fdopen(writing, "wb") as result:
                pickle.dump(work(), result)
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as result:
        content = result.read()
    os.waitpid(child, 0)
    return pickle.loads(content) if content else None


def _measure(data: bytes, steps: int) -> Cost:
    Path("/proc/self/clear_refs").write_text("5")  # the peak counts from here
    before, start = _status("VmRSS"), time.process_time()
    report = JUDGE.verify(data, now=NOW, work=Work(steps))
    seconds = time.process_time() - start
    return Cost(seconds, _status("VmHWM") - before, report.deciding.text[:60] if report.deciding else "valid")


def _status(name: str) -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(name):
            return int(line.split()[1]) << 10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10


def worst(make: Callable[[int], bytes], size: int, steps: int) -> Cost:
    """The worst of several lengths: an input that is refused at full length may cost more when shorter."""
    costs = [cost(in_child(functools.partial(make, size >> part)), steps) for part in (0, 2, 4)]
    seconds, memory = max(each.seconds for each in costs), max(each.memory for each in costs)
    return Cost(seconds, memory, max(costs).said)


def search(seconds: float, seed: int, size: int, steps: int) -> tuple[Cost, bytes]:
    """The worst inputs that can be made in so many seconds."""
    random, end = Random(seed), time.monotonic() + seconds
    highest, kept = Cost(0.0, 0, ""), b""
    while time.monotonic() < end:
        data = in_child(functools.partial(varied, Random(random.random()), size))
        if data is not None and (taken := cost(data, steps)).seconds > highest.seconds:
            highest, kept = taken, data
    return highest, kept


class PageCost(NamedTuple):
    sent: int
    answered: int
    seconds: float
    held: int


def page_cost(upload: bytes, readers: int = 10) -> PageCost:
    """The time of one form, and the memory of the service while so many of its answers are not read."""
    checker = verifier(OF_PAGES.trust)
    inspection = Inspection(Judge(lambda: Verifiers(checker, checker)), Path("none.json"))
    form = httpx.Request("POST", "http://localhost:1/", files={"file": ("a.zip", upload)})
    sent = Sent(form.headers["Content-Type"], form.read(), NOW, Site("localhost:1"))
    start = time.process_time()
    sheet = inspection.sheet(sent)
    seconds = time.process_time() - start

    async def ask(_sent: Sent) -> Sheet:
        return Sheet(sheet.status, bytes(bytearray(sheet.content)))  # each has its own, as from a process

    app = FastAPI()
    with listening() as listener:
        port = listener.getsockname()[1]
        mount(app, port, ask)
        head = f"POST / HTTP/1.1\r\nHost: localhost:{port}\r\nOrigin: http://localhost:{port}\r\n".encode()
        head += b"".join(
            b"%s: %s\r\n" % header for header in form.headers.raw if header[0].startswith(b"Content")
        )
        with serving(app, listener):
            before, connections = _status("VmRSS"), list[socket.socket]()
            for _ in range(readers):
                connection = socket.create_connection(("127.0.0.1", port))
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                connection.sendall(head + b"\r\n" + sent.body)
                connections.append(connection)
            time.sleep(3)  # until every answer has filled the buffers between: no event tells of that
            held = _status("VmRSS") - before
            for connection in connections:
                connection.close()
    return PageCost(len(sent.body), len(sheet.content), seconds, held)


def pages() -> None:
    for name, make in UPLOADS.items():
        taken = in_child(functools.partial(page_cost, make()))
        print(
            f"page: {name:<46} {taken.sent / 1024:7.0f} KiB in {taken.answered / MIB:7.2f} MiB out "
            f"{taken.seconds:6.2f} s {taken.held / MIB:6.1f} MiB held for 10",
            flush=True,
        )


def main() -> None:
    honest = UNIVERSITY.issue(index=1).to_bytes()
    assert JUDGE.verify(honest, now=NOW)
    start = time.process_time()
    for _ in range(100):
        JUDGE.verify(honest, now=NOW)
    unit = (time.process_time() - start) / 100
    print(f"one diploma's bundle: {unit * 1e3:.2f} ms")
    only = sys.argv[1:]
    for family, makers in FAMILIES.items():
        if only and family not in only:
            continue
        for name, make in makers.items():
            line = f"{family + ': ' + name:<52}"
            for size, steps in ((MIB, BODY_STEPS), (8 * MIB, FILE_STEPS)):
                taken = worst(make, size, steps)
                line += f" {taken.seconds:8.3f} s {taken.seconds / unit:7.0f} x {taken.memory / MIB:6.0f} MiB"
            print(line, taken.said, flush=True)
    if not only or "pages" in only:
        pages()


if __name__ == "__main__":
    main()
