"""Time of canonicalisation, as a ratio to pyld in the same run.

Prints a table and writes `bench/results/canonicalize.json`. Times are CPU time of one core, the best of
several rounds; only the ratios count, since machines differ.
"""

from __future__ import annotations

import json
import platform
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import rfc8785

from bench.diploma import diploma, proof_options
from tests.fuzz.oracles import by_pyld
from vc.vcdm.jsonld import Documents, canonicalize, secured
from wire import jcs

GOAL = 30  # of the diploma, which is one in Open Badges 3.0
RESULTS = Path(__file__).parent / "results" / "canonicalize.json"


def best(call: Callable[[], object], seconds: float = 0.6) -> float:
    """Microseconds of CPU time of one call: the best of ten rounds."""
    call()
    start = time.process_time()
    call()
    each = max(time.process_time() - start, 1e-6)
    times = max(1, int(seconds / 10 / each))
    rounds = []
    for _ in range(10):
        start = time.process_time()
        for _ in range(times):
            call()
        rounds.append((time.process_time() - start) / times)
    return min(rounds) * 1e6


def wide(results: int) -> dict[str, Any]:
    """The diploma with many results."""
    document = diploma()
    result = document["credentialSubject"]["result"][0]
    document["credentialSubject"]["result"] = [
        {**result, "value": f"1.{number}"} for number in range(results)
    ]
    return document


def main() -> None:
    documents = Documents()
    document, options = diploma(), proof_options(diploma())
    assert canonicalize(document).decode() == by_pyld(document, documents)
    assert canonicalize(options).decode() == by_pyld(options, documents)
    first = best(lambda: canonicalize(document, contexts=secured.__wrapped__()), 0.3)
    rows: list[tuple[str, float, float]] = [
        (
            "diploma, RDFC-1.0",
            best(lambda: canonicalize(document)),
            best(lambda: by_pyld(document, documents)),
        ),
        (
            "proof options, RDFC-1.0",
            best(lambda: canonicalize(options)),
            best(lambda: by_pyld(options, documents)),
        ),
    ]
    for results in 10, 100:
        many = wide(results)
        rows.append(
            (
                f"diploma with {results} results",
                best(lambda many=many: canonicalize(many)),  # type: ignore[misc]
                best(lambda many=many: by_pyld(many, documents)),  # type: ignore[misc]
            )
        )
    rows.append(
        (
            "diploma, JCS (against rfc8785)",
            best(lambda: jcs.canonicalize(document)),
            best(lambda: rfc8785.dumps(document)),
        )
    )
    print(f"{'':32} {'ours':>10} {'pyld':>10}   ratio  goal")
    for name, ours, theirs in rows:
        goal = f"{GOAL:4}×" if name == rows[0][0] else ""
        print(f"{name:32} {ours:7.1f} µs {theirs:7.0f} µs {theirs / ours:6.1f}× {goal}")
    print(f"{'diploma, first of a process':32} {first:7.0f} µs")
    RESULTS.parent.mkdir(exist_ok=True)
    results_of_run = {
        "python": platform.python_version(),
        "document": {"statements": canonicalize(document).count(b"\n"), "bytes": len(json.dumps(document))},
        "first_us": round(first, 1),
        "rows": [
            {
                "name": name,
                "ours_us": round(ours, 2),
                "other_us": round(theirs, 1),
                "ratio": round(theirs / ours, 1),
            }
            for name, ours, theirs in rows
        ],
    }
    RESULTS.write_text(json.dumps(results_of_run, indent=2) + "\n")


if __name__ == "__main__":
    main()
