"""A worker process for tests: does as it is told, then returns its process id. Quick to import."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path


def worker(folder: Path) -> Callable[[str], int]:
    """`hold` leaves a file with its number in the folder, and waits for a file `go` there; `end` ends it."""

    def work(word: str) -> int:
        if word == "hold":
            (folder / str(os.getpid())).touch()
            while not (folder / "go").exists():
                time.sleep(0.01)
        elif word == "end":
            os._exit(0)
        elif word == "grow":
            bytearray(1 << 32)
        return os.getpid()

    return work
