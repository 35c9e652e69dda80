"""A command of the program in a process of its own, and what its processes took."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import IO, NamedTuple

HERE = str(Path(__file__).parent.parent)
_COUNTED = """
import json, resource, sys
from pathlib import Path
from intaglio.__main__ import main
code = 0
try:
    main()
except SystemExit as end:
    code = end.code or 0
status = Path("/proc/self/status").read_text()
peak = int(status.partition("VmHWM:")[2].split()[0])  # ru_maxrss is inherited from who started this
written = int(Path("/proc/self/io").read_text().partition("\\nwrite_bytes:")[2].split()[0])
used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
parent, workers = (each.ru_utime + each.ru_stime for each in used)
print(file=sys.stderr)
print(json.dumps([code, parent, workers, peak, used[1].ru_maxrss, written]), file=sys.stderr)
"""


class Used(NamedTuple):
    """Cost of a command: its exit code, seconds, peak memory in KiB, bytes for the disk."""

    code: int
    wall: float
    parent: float
    workers: float
    parent_memory: int
    worker_memory: int
    """That of the largest worker."""
    written: int

    @property
    def memory(self) -> int:
        """That of the largest process."""
        return max(self.parent_memory, self.worker_memory)


def counted(
    folder: Path,
    *words: str,
    stdout: int | IO[str] = subprocess.DEVNULL,
    environment: Mapping[str, str] | None = None,
) -> Used:
    """A run of `intaglio` with these words in a folder, which is its home, too."""
    begun = time.perf_counter()
    done = subprocess.run(
        (sys.executable, "-c", _COUNTED, *words), stdin=subprocess.DEVNULL, stdout=stdout, check=False,
        stderr=subprocess.PIPE, text=True, cwd=folder,
        env={**os.environ, "INTAGLIO_HOME": str(folder), "PYTHONPATH": HERE, **(environment or {})},
    )  # fmt: skip
    wall = time.perf_counter() - begun
    assert not done.returncode, done.stderr
    said, _, figures = done.stderr.rstrip().rpartition("\n")
    code, *others = json.loads(figures)
    assert code in (0, 7), said
    return Used(code, wall, *others)
