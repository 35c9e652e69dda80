"""What workers of a cluster do in tests, and workers that lie: `python -m tests.cluster_tasks` starts one.

It knows nothing of pytest, so that workers begin quickly.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from issuer.engine import task

HERE = "tests.cluster_tasks"
CONTRACT = "tests.contract.test_workers"
FUNCTIONS = [
    *(f"{HERE}:{name}" for name in ("doubled", "faulty", "slow", "environment")),
    *(f"{CONTRACT}:{name}" for name in ("doubled", "refusing", "dying", "too_much")),
]
"""What the settings of the tests' workers allow."""
STEPS = ("begun", "half-way", "done", "just after", "a moment after")
"""When a fault strikes: inside the function, and after it has returned, while the answer travels."""


def doubled(item: bytes) -> bytes:
    return item * 2


def slow(item: bytes) -> bytes:
    time.sleep(float(item))
    return item


def environment(_: bytes) -> bytes:
    return repr([sorted(os.environ), str(Path.cwd())]).encode()


def faulty(item: bytes) -> bytes:
    """The item, `number|fault|step|marker`: the fault strikes the first worker that comes that far."""
    _, fault, step, marker = item.decode().split("|")
    for reached in STEPS[:3]:
        if reached == step:
            strike(fault, Path(marker))
        time.sleep(0.002)
    if step in STEPS[3:]:
        threading.Timer((0.001, 0.02)[STEPS.index(step) - 3], strike, (fault, Path(marker))).start()
    return item


def strike(fault: str, marker: Path) -> None:
    """SIGKILL, or SIGSTOP for so many seconds; once for each marker, which then exists."""
    try:
        marker.touch(exist_ok=False)
    except FileExistsError:
        return
    if fault == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    else:
        script = 'sleep "$1"; kill -CONT "$2"'
        subprocess.Popen(["sh", "-c", script, "sh", fault, str(os.getpid())], start_new_session=True)
        os.kill(os.getpid(), signal.SIGSTOP)


class Trap:
    """Whoever unpickles one writes the number of its process into a file, and runs what else it likes."""

    def __init__(self, marker: str) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return _sprung, (self.marker,)


def _sprung(marker: str) -> bytes:
    with Path(marker).open("a") as file:
        file.write(f"{os.getpid()}\n")
    return b"\0sprung"


class TrapRaised(Exception):
    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return _sprung, (self.args[0],)


class Impostor(bytes):
    """Bytes that are more than bytes."""


def lie(kind: str, marker: str) -> Any:
    if kind == "raises a pickle":
        raise TrapRaised(marker)
    if kind == "raises the end":
        raise SystemExit(3)
    return {
        "nothing": None,
        "empty": b"",
        "garbage": b"\xff" * 100,
        "no problem": b"\1{}",
        "a text": "\0text",
        "giant": b"\0" * (32 << 20),
        "a bit too large": b"\0" * ((1 << 20) + 1),
        "a pickle": Trap(marker),
        "a pickle within": [b"\0ok", Trap(marker)],
        "bytes of another class": Impostor(b"\0ok"),
    }[kind]


LIES = (
    "nothing",
    "empty",
    "garbage",
    "no problem",
    "a text",
    "giant",
    "a bit too large",
    "a pickle",
    "a pickle within",
    "bytes of another class",
    "raises a pickle",
    "raises the end",
)


def _liar(release: str, function: str, item: bytes) -> Any:
    if item.startswith(b"lie|"):
        _, kind, marker = item.decode().split("|")
        return lie(kind, marker)
    return _honest(release, function, item)


_honest = task.call


def main(part: str, address: str, tls: str, host: str, processes: str = "1") -> None:
    from issuer.engine.node import Settings, work

    if part == "liar":
        task.call = _liar  # the name by which tasks ask for it
    if part == "old":
        task.version = lambda distribution_name: "0.0.9"  # type: ignore[attr-defined]
    work(Settings(address, Path(tls), FUNCTIONS, host), int(processes))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))  # type: ignore[func-returns-value]
