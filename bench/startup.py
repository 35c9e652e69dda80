"""Waiting time of a person: whole commands, from a cold start to the last line.

Wall time of fresh processes, the median of several, beside that of `python -c pass` in the same run.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import orjson

from keys import envelope

ROOT = Path(__file__).parent.parent
GRADUATES = ROOT / "examples/diploma/graduates.csv"
RUNS = 9


def seconds(*command: str, environment: dict[str, str], runs: int = RUNS) -> float:
    """The median wall time of a command that has to succeed."""
    taken = []
    for _ in range(runs):
        start = time.perf_counter()
        done = subprocess.run(command, env=environment, capture_output=True, stdin=subprocess.DEVNULL)
        taken.append(time.perf_counter() - start)
        assert done.returncode == 0, done.stdout + done.stderr
    return statistics.median(taken)


KEY_DERIVATION = """
import json, time
from keys import envelope
sealed = json.loads(%r)
start = time.perf_counter()
envelope.open_envelope(sealed, b"passphrase")
print(time.perf_counter() - start)
"""


def key_derivation(environment: dict[str, str]) -> float:
    """Seconds that Argon2id alone takes to open a wallet, in fresh processes like those that show one."""
    program = KEY_DERIVATION % orjson.dumps(envelope.seal(b"x" * 32, b"passphrase"))
    command = (sys.executable, "-c", program)
    return statistics.median(
        float(subprocess.run(command, env=environment, capture_output=True, check=True).stdout)
        for _ in range(RUNS)
    )


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        secret = folder / "passphrase"
        secret.write_text("a passphrase for the benchmark\n")
        environment = {
            **os.environ, "INTAGLIO_HOME": str(folder / "home"), "INTAGLIO_PASSPHRASE_FILE": str(secret)
        }  # fmt: skip
        intaglio = (sys.executable, "-m", "intaglio")

        def run(*words: str, runs: int = RUNS) -> float:
            return seconds(*intaglio, *words, environment=environment, runs=runs)

        lines = GRADUATES.read_text().splitlines()
        issued = []
        for number in range(5):  # an issuer of its own each time, as a newcomer has it
            path = folder / f"hundred-{number}.csv"
            path.write_text("\n".join(lines[:101]))
            fresh = {**environment, "INTAGLIO_HOME": str(folder / f"home-{number}")}
            words = (
                "issuer",
                "issue",
                str(path),
                "--name",
                "Example",
                "--out",
                str(folder / f"out-{number}"),
            )
            issued.append(seconds(*intaglio, *words, environment=fresh, runs=1))
        run(
            "issuer",
            "issue",
            str(folder / "hundred-0.csv"),
            "--name",
            "Example",
            "--out",
            str(folder / "out"),
            runs=1,
        )
        diploma = str(folder / "out" / "UNI-2026-00000.json")
        run("wallet", "init", runs=1)
        held = subprocess.run(
            [*intaglio, "wallet", "import", diploma],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        rows = {
            "python -c pass": (seconds(sys.executable, "-c", "pass", environment=environment), None),
            "intaglio --help": (run("--help"), None),
            "100 diplomas from the raw CSV": (statistics.median(issued), 1.0),
            "verify FILE": (run("verify", diploma, "--offline"), 0.3),
            "wallet show, key derivation aside": (
                run("wallet", "show", held) - key_derivation(environment),
                0.15,
            ),
        }
    for what, (taken, goal) in rows.items():
        print(f"{what:<36}{taken * 1000:>8.0f} ms{f'   goal {goal * 1000:.0f} ms' if goal else ''}")
    results = Path(__file__).parent / "results"
    results.mkdir(exist_ok=True)
    (results / "startup.json").write_bytes(
        orjson.dumps({what: {"seconds": taken, "goal": goal} for what, (taken, goal) in rows.items()})
    )


if __name__ == "__main__":
    main()
