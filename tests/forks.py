"""A run as several processes without a controller: one collects all tests, and forks take the files in turn.

Each worker of pytest-xdist collects all tests by itself, and sends reports: an eighth of the loop's time.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterator, Sequence, Set
from itertools import chain, pairwise
from pathlib import Path

import pytest

_BYTES = 2  # of a number in the pipe, which holds 32,000 of them


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--forks 4`: four processes."""
    parser.addoption("--forks", default=1, type=int, metavar="N", help="run the test files in N processes")


def run(session: pytest.Session, together: Set[str]) -> bool | None:
    """Run the collected tests in as many processes as asked for. The first waits, and fails if another does.

    One process takes all files whose names are in `together`. `None` leaves the tests to pytest's own loop.
    """
    if session.config.option.forks == 1 or session.testsfailed:  # so far, what could not be collected
        return None
    files = _files(session.items, together)
    numbers, writing = os.pipe()
    os.write(writing, b"".join(number.to_bytes(_BYTES) for number in range(len(files))))
    os.close(writing)
    forks = _forks(session.config)
    try:
        for item, following in pairwise(chain(_taken(files, numbers), [None])):
            assert item
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            if session.shouldfail:
                raise session.Failed(session.shouldfail)
            if session.shouldstop:
                raise session.Interrupted(session.shouldstop)
    finally:
        session.testsfailed += sum(os.waitpid(fork, 0)[1] != 0 for fork in forks)
    return True


def _files(items: Sequence[pytest.Item], together: Set[str]) -> list[list[pytest.Item]]:
    """The tests by file, those that stand `together` first, then by size, which says enough about time."""
    files = defaultdict[Path, list[pytest.Item]](list)
    for item in items:
        files[Path() if item.path.name in together else item.path].append(item)
    return sorted(
        files.values(), key=lambda tests: (tests is not files[Path()], -tests[0].path.stat().st_size)
    )


def _taken(files: Sequence[list[pytest.Item]], numbers: int) -> Iterator[pytest.Item]:
    """The tests of one process: the pipe gives each number to one of them."""
    while number := os.read(numbers, _BYTES):
        yield from files[int.from_bytes(number)]


def _forks(config: pytest.Config) -> list[int]:
    """Forks this process, and returns the others' identifiers to the first."""
    capture = config.pluginmanager.getplugin("capturemanager")
    capture.stop_global_capturing()  # several would write to the one file of what is captured
    config.get_terminal_writer().flush()
    forks = list[int]()
    while len(forks) < config.option.forks - 1:
        fork = os.fork()
        if not fork:
            forks.clear()
            break
        forks.append(fork)
    capture.start_global_capturing()
    return forks
