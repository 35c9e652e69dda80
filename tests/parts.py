"""A run as several processes without a controller: each collects and runs its own part of the test files.

Each worker of pytest-xdist collects all tests, and sends reports: an eighth of the quick loop's time.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path

import pytest

TESTS = Path(__file__).parent


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--part 2/3`: the second of three processes."""
    parser.addoption("--part", default="1/1", metavar="K/N", help="run the Kth of N parts of the test files")


@functools.cache
def paths_of(part: str, runs: Callable[[Path], bool], *together: frozenset[str]) -> frozenset[Path]:
    """The files of one part, such as `2/3`, of all test files that `runs` accepts, and their folders.

    Size says enough about time: files come by size, each to the part that has the least by then. Those
    whose names are in a set of `together` share a part, and the first set is in the first. Raises
    `UsageError` for a part that there is not.
    """
    number, parts = map(int, part.split("/"))
    if not 1 <= number <= parts:
        raise pytest.UsageError(f"there is no part {part}: the first of four is 1/4, the last 4/4")
    sizes, paths = [0] * parts, [set[Path]() for _ in range(parts)]
    files = [path for path in TESTS.rglob("test_*.py") if runs(path)]
    place = {name: nth % parts for nth, names in enumerate(together) for name in names}
    for path in sorted(files, key=lambda path: (path.name not in place, -path.stat().st_size, path)):
        least = place.get(path.name, sizes.index(min(sizes)))
        sizes[least] += path.stat().st_size
        paths[least] |= {path, *path.parents}
    return frozenset(paths[number - 1])
