"""Diplomas issued and claimed one at a time by 1, 10 and 100 threads of one process: calls a second.

Runs on the disk that holds the temporary folder, since a call waits for its syncs. Refused calls are left out
of the rate, and counted on their own.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

from did.methods import key as did_key
from issuer import Description
from issuer.issuer import Issuer
from keys import PrivateKey
from wire.problem import Problem

NOW = datetime(2026, 11, 1, tzinfo=UTC)
THREADS = (1, 10, 100)
MOST = 100  # calls, of one thread as of a hundred
GOALS = {"issue": 5, "claim": 5}
"""Ratio of calls a second: a hundred threads to one."""


def graduate(row: int) -> dict[str, str]:
    """An invented graduate."""
    return {
        "diploma_number": f"UNI-{row:06}",
        "given_name": f"Given{row}",
        "family_name": "Invented",
        "programme_title": "Master of Science",
        "achievement_type": "MasterDegree",
        "award_date": "2026-06-30",
    }


def issuer_in(home: Path) -> Issuer:
    issuer = Issuer.create(home, Description("Invented University"), lambda: None, lambda: NOW)
    issuer.issue(graduate(0))
    return issuer


def rate(call: Callable[[int], object], threads: int) -> tuple[float, int]:
    """Calls a second, and how many were refused."""
    count = min(MOST, 20 * threads)

    def attempt(number: int) -> int:
        try:
            call(number)
        except Problem:
            return 1
        return 0

    begun = time.perf_counter()
    with ThreadPoolExecutor(threads) as pool:
        refused = sum(pool.map(attempt, range(1, count + 1)))
    return (count - refused) / (time.perf_counter() - begun), refused


def measured(folder: Path, what: str, threads: int) -> tuple[float, int]:
    issuer = issuer_in(folder / f"{what} {threads}")
    if what == "issue":
        return rate(lambda row: issuer.issue(graduate(row)), threads)
    for row in range(1, min(MOST, 20 * threads) + 1):
        issuer.issue(graduate(row))
    holders = [did_key.create(PrivateKey.generate().public_key) for _ in range(MOST + 1)]
    return rate(lambda row: issuer.claim(f"UNI-{row:06}", holders[row]), threads)


def main() -> None:
    by_call, results = {}, []
    print("calls of many threads of one process, a second (refused)")
    print(f"{'':10}" + "".join(f"{threads:>8} threads" for threads in THREADS) + "   100 against 1")
    for what, goal in GOALS.items():
        with tempfile.TemporaryDirectory(prefix="intaglio-bench-") as scratch:
            rates = [measured(Path(scratch), what, threads) for threads in THREADS]
        ratio = rates[-1][0] / rates[0][0]
        cells = "".join(f"{per_second:10.0f} ({refused:2})" + " " for per_second, refused in rates)
        print(f"{what:10}{cells}{ratio:10.1f}  >= {goal}")
        by_call[what] = dict(zip(map(str, THREADS), rates, strict=True))
        results.append({"name": f"{what}, 100 threads against 1", "ratio": ratio, "goal": f">= {goal}"})
    target = Path(__file__).parent / "results"
    target.mkdir(exist_ok=True)
    (target / "calls.json").write_text(json.dumps({"rates": by_call, "results": results}, indent=2) + "\n")


if __name__ == "__main__":
    main()
