"""Processes of a test that end, or fail it: a child that raises must not make a test that waits for ever."""

import time
from collections.abc import Sequence
from multiprocessing.process import BaseProcess


def ended(processes: Sequence[BaseProcess], within: float = 120.0) -> None:
    """Wait for `processes`, at most `within` seconds; fail, none left running, unless all ended well.

    Their output into a pipe is read only after this, and therefore has to fit into it (64 KiB).
    """
    deadline = time.monotonic() + within
    for process in processes:
        process.join(max(deadline - time.monotonic(), 0.0))
    for process in processes:
        process.kill()
        process.join()
    assert [process.exitcode for process in processes] == [0] * len(processes)
