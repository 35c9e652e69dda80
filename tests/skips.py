"""The skipped tests of a run: each reason once, with the number of tests, and a list to run them later.

A reason names the missing part and, after a colon, the remedy: `no pgbouncer: apt-get install pgbouncer`.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--list-skipped FILE`: pytest runs what stands there when it is given `@FILE`."""
    parser.addoption(
        "--list-skipped", type=Path, metavar="FILE", help="write the names of skipped tests to FILE"
    )


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print each reason with the number of tests, and write the list."""
    skipped = terminalreporter.stats.get("skipped", [])
    if path := config.getoption("list_skipped"):
        path.write_text("".join(f"{report.nodeid}\n" for report in skipped))
    if skipped:
        terminalreporter.section("skipped, and what that takes")
    for reason, count in sorted(Counter(map(_reason, skipped)).items()):
        terminalreporter.line(f"{count:5}  {reason}")


def _reason(report: pytest.TestReport | pytest.CollectReport) -> str:
    assert isinstance(report.longrepr, tuple)  # of a skip: file, line and reason
    return report.longrepr[2].removeprefix("Skipped: ")
