"""`intaglio verify` of JSON Lines by workers, against the library's `verify` of the same bundles in a loop.

CPU of parent and workers for each line beyond those of a shorter file, so that no start counts; the best of
some runs that take turns. Wall time of one worker and of two, which says something on an idle machine alone.
"""

from __future__ import annotations

import resource
import tempfile
from pathlib import Path

import orjson

from bench.bundles import NOW, bundle
from bench.counted import Used, counted
from did import METHODS, Resolver
from verifier import Trust, Verifier
from wire.datetimestamp import format_datetimestamp
from wire.fetch import NoFetcher

SHORT, LONG = 1_000, 9_000
RUNS = 5


def verified(folder: Path, lines: int, *options: str) -> Used:
    """A run of the command."""
    at = format_datetimestamp(NOW)
    used = counted(folder, "verify", f"{lines}.jsonl", "--offline", "--at", at, *options)
    assert used.code == 0
    return used


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
                    best[kind, lines] = used._replace(
                        wall=min(used.wall, former.wall),
                        parent=min(used.parent, former.parent),
                        workers=min(used.workers, former.workers),
                        parent_memory=max(used.parent_memory, former.parent_memory),
                        worker_memory=max(used.worker_memory, former.worker_memory),
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
