"""`intaglio verify` of JSON Lines by workers, against the library's `verify` of the same bundles in a loop.

CPU of parent and workers for each line beyond those of a shorter file, so that no start counts; the best of
some runs that take turns. Wall time of one worker and of two, which says something on an idle machine alone.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import orjson

from bench.bundles import NOW, bundle
from did import METHODS, Resolver
from verifier import Trust, Verifier
from wire.datetimestamp import format_datetimestamp
from wire.fetch import NoFetcher

HERE = str(Path(__file__).parent.parent)
SHORT, LONG = 1_000, 9_000
RUNS = 5
_COUNTED = """
import resource, sys
from intaglio.__main__ import main
try:
    main()
except SystemExit as end:
    assert not end.code, end.code
status = open("/proc/self/status").read()
own = int(status.partition("VmHWM:")[2].split()[0])  # ru_maxrss is inherited from who started this
for who, memory in ((resource.RUSAGE_SELF, own), (resource.RUSAGE_CHILDREN, 0)):
    used = resource.getrusage(who)
    print(used.ru_utime + used.ru_stime, memory or used.ru_maxrss, file=sys.stderr)
"""


class Used(NamedTuple):
    """Cost of a run: seconds, and peak memory in KiB."""

    wall: float
    parent: float
    workers: float
    memory: int


def verified(folder: Path, lines: int, *options: str) -> Used:
    """A run of the command."""
    begun = time.perf_counter()
    done = subprocess.run(
        (sys.executable, "-c", _COUNTED, "verify", f"{lines}.jsonl", "--offline", "--at",
         format_datetimestamp(NOW), *options), check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        text=True, cwd=folder, env={**os.environ, "INTAGLIO_HOME": str(folder), "PYTHONPATH": HERE},
    )  # fmt: skip
    wall = time.perf_counter() - begun
    (parent, largest), (workers, theirs) = (line.split() for line in done.stderr.splitlines()[-2:])
    return Used(wall, float(parent), float(workers), max(int(largest), int(theirs)))


def by_library(data: bytes, trust: Trust) -> float:
    """Microseconds of CPU that the library takes for each of many."""
    verifier = Verifier(Resolver(METHODS, NoFetcher()), trust=trust)
    assert verifier.verify(data, now=NOW)
    begun = resource.getrusage(resource.RUSAGE_SELF)
    for _ in range(SHORT):
        verifier.verify(data, now=NOW)
    ended = resource.getrusage(resource.RUSAGE_SELF)
    return (ended.ru_utime + ended.ru_stime - begun.ru_utime - begun.ru_stime) / SHORT * 1e6


def main() -> None:
    kinds = {"1 worker": ("--workers", "1"), "2 workers": ("--workers", "2"),
             "2 workers, --json": ("--workers", "2", "--json")}  # fmt: skip
    library = float("inf")
    best: dict[tuple[str, int], Used] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        data, trust = bundle(folder / "university")
        line = orjson.dumps(orjson.loads(data))
        (folder / "trust.json").write_bytes(trust.to_bytes())
        for lines in (SHORT, LONG):
            (folder / f"{lines}.jsonl").write_bytes((line + b"\n") * lines)
        for _ in range(RUNS):
            library = min(library, by_library(line, trust))
            for kind, options in kinds.items():
                for lines in (SHORT, LONG):
                    used = verified(folder, lines, *options)
                    former = best.get((kind, lines), used)
                    best[kind, lines] = Used(
                        min(used.wall, former.wall),
                        min(used.parent, former.parent),
                        min(used.workers, former.workers),
                        max(used.memory, former.memory),
                    )
    print(f"{'µs of CPU a line':<24}{'parent':>8}{'worker':>8}{'library':>9}{'of its rate':>12}{'MiB':>6}")
    results = []
    for kind in kinds:
        short, long = best[kind, SHORT], best[kind, LONG]
        parent = (long.parent - short.parent) / (LONG - SHORT) * 1e6
        worker = (long.workers - short.workers) / (LONG - SHORT) * 1e6
        rate = library / (parent + worker)
        print(f"{kind:<24}{parent:>8.0f}{worker:>8.0f}{library:>9.0f}{rate:>11.0%} {long.memory >> 10:>5}")
        results.append({"name": kind, "parent_us": parent, "worker_us": worker, "library_us": library,
                        "rate": rate, "kib": [short.memory, long.memory]})  # fmt: skip
    lone, two = (best[kind, LONG].wall - best[kind, SHORT].wall for kind in ("1 worker", "2 workers"))
    print(
        f"two workers over one, by the clock: {lone / two:.2f}× (goal 1.8×); of the library's rate: goal 80 %"
    )
    results.append({"name": "2 workers over 1", "ratio": lone / two, "goal": 1.8})
    folder_of_results = Path(__file__).parent / "results"
    folder_of_results.mkdir(exist_ok=True)
    (folder_of_results / "batch.json").write_bytes(orjson.dumps(results, option=orjson.OPT_INDENT_2))


if __name__ == "__main__":
    main()
