"""Processor time of an issuer's read-only commands, beside `verify FILE`, in fresh processes.

User and system time, the best of several, all taken by turns in one run; modules are compiled beforehand, as
they are where a program is installed.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
GRADUATES = ROOT / "examples/diploma/graduates.csv"
NUMBER = "UNI-2026-00000"
RUNS = 15
GOAL = 2
"""The goal, as a multiple of the time of `verify FILE`."""


def seconds(environment: dict[str, str], *words: str) -> float:
    """The processor time of a command that has to succeed."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [sys.executable, "-m", "intaglio", *words]
    subprocess.run(command, env=environment, capture_output=True, stdin=subprocess.DEVNULL, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="intaglio-bench-") as scratch:
        folder = Path(scratch)
        environment = {
            **{name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"},
            "INTAGLIO_HOME": str(folder / "home"),
            "PYTHONPYCACHEPREFIX": str(folder / "compiled"),
        }
        table = folder / "graduates.csv"
        table.write_text("\n".join(GRADUATES.read_text("utf-8").splitlines()[:101]), "utf-8")
        out = folder / "out"
        seconds(environment, "issuer", "issue", str(table), "--name", "Example", "--out", str(out))
        verify = ("verify", str(out / f"{NUMBER}.json"), "--offline")
        readers = [("issuer", "list"), ("issuer", "show", NUMBER), ("issuer", "trust")]
        times = {words: float("inf") for words in (verify, *readers)}
        for _ in range(RUNS):
            for words, best in times.items():
                times[words] = min(best, seconds(environment, *words))
    print(f"processor time, against verify FILE ({times[verify] * 1000:.0f} ms)")
    results = []
    for words in readers:
        name, ratio = " ".join(words), times[words] / times[verify]
        print(f"{name:<36}{times[words] * 1000:>8.0f} ms{ratio:>8.2f}  <= {GOAL}")
        results.append({"name": f"{name} against verify FILE", "ratio": ratio, "goal": f"<= {GOAL}"})
    target = Path(__file__).parent / "results"
    target.mkdir(exist_ok=True)
    (target / "reading.json").write_text(json.dumps({"results": results}, indent=2) + "\n")


if __name__ == "__main__":
    main()
