"""What workers of a cluster do in tests, and workers that lie: `python -m tests.cluster_tasks` starts one.

It knows nothing of pytest, so that workers begin quickly.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

from issuer.engine import task

HERE = "tests.cluster_tasks"
CONTRACT = "tests.contract.test_workers"
FUNCTIONS = [
    *(f"{HERE}:{name}" for name in ("doubled", "faulty", "slow", "failing", "spent", "stuck")),
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


def stuck(item: bytes) -> bytes:
    """Never comes back, where it is the first to make the file that the item names."""
    try:
        Path(item.decode()).touch(exist_ok=False)
    except FileExistsError:
        return item
    threading.Event().wait()
    return item


def spent(item: bytes) -> bytes:
    """As much work as a span of 4,096 rows, of some 75 µs each."""
    digest, began = item[:32], time.thread_time()
    for _ in range(4096):
        for _ in range(200):
            digest = sha256(digest).digest()
    return b"%f|" % (time.thread_time() - began) + digest


def failing(item: bytes) -> bytes:
    """Fails by a mistake of the program's, whose words have the row in them."""
    raise ValueError(item.decode())


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


_WAKES = """
import os, pathlib, signal, sys, time
number, seconds = int(sys.argv[1]), float(sys.argv[2])
state = pathlib.Path(f"/proc/{number}/stat")
while state.exists() and state.read_text().rpartition(")")[2].split()[0] != "T":
    time.sleep(0.01)
time.sleep(seconds)
os.kill(number, signal.SIGCONT)
"""


def strike(fault: str, marker: Path) -> None:
    """SIGKILL, or SIGSTOP for so many seconds; once for each marker, which then exists."""
    try:
        marker.touch(exist_ok=False)
    except FileExistsError:
        return
    if fault == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    else:
        # Whoever is woken before it has stopped stands still for ever; on a busy machine that is not rare.
        command = (sys.executable, "-c", _WAKES, str(os.getpid()), fault)
        subprocess.Popen(command, start_new_session=True)
        os.kill(os.getpid(), signal.SIGSTOP)


class Trap:
    """Whoever unpickles one runs `sprung`."""

    def __init__(self, folder: str) -> None:
        self.folder = folder

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return sprung, (self.folder,)


class TrapRaised(Exception):
    """A trap that is raised."""

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return sprung, (self.args[0],)


def sprung(folder: str) -> str:
    """Tries what a thief would with the process that unpickled; the file `sprung` says what it got."""
    parent = os.getppid()
    attempts: dict[str, Callable[[], object]] = {
        "secret": lambda: (Path(folder) / "secret").read_text(),
        "written": lambda: (Path(folder) / "written").write_text("x"),
        "environment": lambda: Path(f"/proc/{parent}/environ").read_bytes(),
        "memory": lambda: os.close(os.open(f"/proc/{parent}/mem", os.O_RDONLY)),
        "signal": lambda: os.kill(parent, 0),
        "port": lambda: _connect(folder),
        "socket": lambda: socket.socket(socket.AF_UNIX).close(),
    }
    got = [f"process {os.getpid()}"]
    for name, attempt in attempts.items():
        with contextlib.suppress(OSError):
            attempt()
            got.append(name)
    Path("sprung").write_text("\n".join(got))
    return "sprung"


def _connect(folder: str) -> None:
    """The port is in the folder's name, since the folder itself may not be read."""
    socket.create_connection(("127.0.0.1", int(Path(folder).name))).close()


def lie(kind: str, folder: str) -> Any:
    if kind == "raises a trap":
        raise TrapRaised(folder)
    return {
        "nothing": None,
        "empty": b"",
        "garbage": b"\xff" * 100,
        "no problem": b"\1{}",
        "a text": "\0text",
        "giant": b"\0" * (32 << 20),
        "a bit too large": b"\0" * ((1 << 20) + 1),
        "a pickle": Trap(folder),
        "a pickle within": [b"\0ok", Trap(folder)],
    }[kind]


LIES = {
    "nothing": "task-refused",
    "empty": "malformed",
    "garbage": "malformed",
    "no problem": "malformed",
    "a text": "task-refused",
    "giant": "too-large",
    "a bit too large": "too-large",
    "a pickle": "task-refused",
    "a pickle within": "task-refused",
    "raises a trap": "task-refused",
    "another release": "worker-release",
}
"""How a worker lies, and by what code that is told."""


def _liar(release: str, function: str, item: bytes) -> Any:
    if item.startswith(b"lie|"):
        _, kind, folder = item.decode().split("|")
        if kind == "another release":
            return _honest("0.0.9", function, item)
        return lie(kind, folder)
    return _honest(release, function, item)


_honest = task.call


def main(part: str, address: str, tls: str, host: str, processes: str = "1") -> None:
    from issuer.engine.node import WorkerSettings, work

    if part == "liar":
        task.call = _liar  # the name by which tasks ask for it
    settings = WorkerSettings(address, Path(tls), FUNCTIONS, host)
    work(settings._replace(longest=1.0) if part == "hasty" else settings, int(processes))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))  # type: ignore[func-returns-value]
