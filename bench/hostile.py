"""The worst that a stranger's file does to a verifier, as a multiple of one diploma's verification.

Each input of tests/hostile.py is verified in a process of its own, by a verifier that knows one university:
CPU time, and memory beyond what the process had before; of each the worst of several lengths up to that of a
service's body, and of a file. `search` looks for worse ones by changing and joining these: in `make soak`.
"""

from __future__ import annotations

import functools
import os
import pickle
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

from tests.hostile import FAMILIES, UNIVERSITY, varied
from tests.world import NOW, verifier
from wire.work import BODY_STEPS, FILE_STEPS, Work

MIB = 1 << 20
JUDGE = verifier(UNIVERSITY.trust)


class Cost(NamedTuple):
    seconds: float
    memory: int
    said: str


def cost(data: bytes, steps: int) -> Cost:
    """What verifying takes within so many steps."""
    found: Cost | None = in_child(lambda: _measure(data, steps))
    return found or Cost(float("inf"), 0, "the process died")


def in_child(work: Callable[[], Any]) -> Any:
    """What `work` gives, done in a child, which takes its memory along; `None` if that dies."""
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
    """Of the input at full length and at parts of it: what is refused at once may cost more when shorter."""
    found = [cost(in_child(functools.partial(make, size >> part)), steps) for part in (0, 2, 4)]
    seconds, memory = max(one.seconds for one in found), max(one.memory for one in found)
    return Cost(seconds, memory, max(found).said)


def search(seconds: float, seed: int, size: int, steps: int) -> tuple[Cost, bytes]:
    """The worst of what can be made in so many seconds."""
    random, end = Random(seed), time.monotonic() + seconds
    found, kept = Cost(0.0, 0, ""), b""
    while time.monotonic() < end:
        data = in_child(functools.partial(varied, Random(random.random()), size))
        if data is not None and (one := cost(data, steps)).seconds > found.seconds:
            found, kept = one, data
    return found, kept


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
                found = worst(make, size, steps)
                line += f" {found.seconds:8.3f} s {found.seconds / unit:7.0f} x {found.memory / MIB:6.0f} MiB"
            print(line, found.said, flush=True)


if __name__ == "__main__":
    main()
