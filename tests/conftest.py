"""Fixtures that many tests share: the third-party data, read from where it is stored."""

from __future__ import annotations

import gc
import io
import logging
import os
import random
import re
import ssl
from collections import Counter
from collections.abc import Generator, Iterator
from pathlib import Path

import httpcore
import pytest
from _pytest.runner import runtestprotocol
from httpx._config import DEFAULT_TIMEOUT_CONFIG
from hypothesis import settings
from hypothesis.internal.conjecture import providers

from keys import envelope
from tests import forks, skips, softhsm
from tests.commandline import Program
from tests.loopback import Authority
from tests.skips import pytest_terminal_summary

__all__ = ["pytest_terminal_summary"]

ROOT = Path(__file__).parent.parent
CORPORA = Path(os.environ.get("INTAGLIO_CORPORA", ROOT.parent / "shared"))


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options of this suite."""
    forks.pytest_addoption(parser)
    skips.pytest_addoption(parser)


def pytest_configure(config: pytest.Config) -> None:
    """The quick loop tries a twentieth of the examples of each property; the program speaks English.

    No example has a deadline by the clock on the wall: a machine that others use, too, would miss it. So
    would it five seconds, in which `httpx` otherwise wants each answer.
    """
    for wait in ("connect", "read", "write", "pool"):
        setattr(DEFAULT_TIMEOUT_CONFIG, wait, 60.0)
    os.environ["LC_ALL"] = "C.UTF-8"
    settings.register_profile("whole", deadline=None)
    settings.register_profile("quick", deadline=None, max_examples=5)
    if config.option.markexpr != "not slow":
        settings.load_profile("whole")
        return
    settings.load_profile("quick")
    # To draw from constants of the sources, too, each worker would parse all of them: `make test` does.
    providers._get_local_constants = lambda: providers._local_constants


SERVERS = {"s3", "s3_twin", "postgresql", "postgres_twin"}
READ_SOURCES = frozenset(
    {
        *("test_codes.py", "test_house.py", "test_plain.py", "test_reference.py"),
        *("test_words.py", "test_words_languages.py"),
    }
)
LONGEST = {"test_bindings.py"}
ALL_SLOW = re.compile(r"^pytestmark = .*\bpytest\.mark\.slow\b", re.MULTILINE)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Import no file of slow tests alone in the quick loop: browsers take a second."""
    if config.option.markexpr != "not slow" or not collection_path.name.startswith("test_"):
        return None
    return ALL_SLOW.search(collection_path.read_text()) is not None or None


@pytest.hookimpl(tryfirst=True)
def pytest_pycollect_makeitem(collector: pytest.Collector, obj: object) -> list[pytest.Item] | None:
    """The quick loop makes no items of what is slow in all its cases."""
    if collector.config.option.markexpr != "not slow":
        return None
    marks = getattr(obj, "pytestmark", [])
    return [] if isinstance(marks, list) and any(mark.name == "slow" for mark in marks) else None


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Soak tests run only if `-m` names them. Servers take seconds to start, so their cases are slow.

    So is the contract of ledgers over twins of S3 and PostgreSQL, which have quick tests of their own, and
    so are the cases of a test but those that its mark `quick` names, or each Nth. Of the slow cases of a test
    marked `sampled`, each Nth is no soak test, and the others are. With SHUFFLE, a number, all run in the
    random order of that number, so that a test that needs another before it fails.

    Tests that read all sources come first, and so in one process, which alone parses these in three seconds,
    keeps them in 130 MB, and forks the more slowly. The longest test comes next, so that nothing is left to
    wait for it alone.
    """
    place, misspelt = Counter[str](), set[tuple[str, str]]()
    for item in items:
        case, quick = getattr(item, "callspec", None), item.get_closest_marker("quick")
        if case and not SERVERS.isdisjoint(case.id.split("-")):
            item.add_marker(pytest.mark.slow)
        elif case and quick:
            function, every = item.nodeid.partition("[")[0], quick.kwargs.get("every")
            if not place[function]:
                misspelt |= {(function, name) for name in quick.args}
            misspelt.discard((function, case.id))
            if case.id not in quick.args and not (every and place[function] % every == 0):
                item.add_marker(pytest.mark.slow)
            place[function] += 1
        sampled = item.get_closest_marker("sampled")
        if sampled and item.get_closest_marker("slow"):
            slow_of = f"slow ones of {item.nodeid.partition('[')[0]}"
            if place[slow_of] % sampled.kwargs["every"]:
                item.add_marker(pytest.mark.soak)
            place[slow_of] += 1
    asks_for_cases = any("::" in argument for argument in config.args)
    if misspelt and not asks_for_cases:
        raise pytest.UsageError(f"no such cases, which `quick` names: {sorted(misspelt)}")
    if "soak" not in config.option.markexpr:
        soaking = [item for item in items if item.get_closest_marker("soak")]
        config.hook.pytest_deselected(items=soaking)
        items[:] = [item for item in items if item not in soaking]
    items.sort(key=lambda item: (item.path.name not in READ_SOURCES, item.path.name not in LONGEST))
    if seed := os.environ.get("SHUFFLE"):
        random.Random(seed).shuffle(items)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> bool:
    """Report a passed test once, and its fixtures only where they failed, skipped it or took long.

    A worker sends each report to the process that prints them: three for each test took both a quarter more.
    """
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    for report in runtestprotocol(item, log=False, nextitem=nextitem):
        if report.when == "call" or not report.passed or report.duration > 0.1:  # as `--durations-min` has it
            item.ihook.pytest_runtest_logreport(report=report)
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    return True


@pytest.hookimpl(wrapper=True)
def pytest_collection(session: pytest.Session) -> Generator[None, object, object]:
    """Free the garbage collector of all modules and tests, and call it less often in the quick loop.

    Looking through them took a tenth of the time; with the usual thresholds it would still take a fifteenth.
    Slow tests need it to close connections to servers, which accept few.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        if session.config.option.markexpr == "not slow":
            gc.set_threshold(20_000, 20, 20)
        gc.enable()


def pytest_runtestloop(session: pytest.Session) -> bool | None:
    """Run the tests in as many processes as `--forks` asks for."""
    return forks.run(session, READ_SOURCES)


@pytest.hookimpl(trylast=True)
def pytest_unconfigure() -> None:
    """pytest has just looked for cycles, and looks once more: a fifth of a second in each process."""
    gc.freeze()


@pytest.fixture(scope="session")
def corpora() -> Path:
    """The folder with `vectors/` and `samples/`; a test that asks for it is skipped where it is absent."""
    if not (CORPORA / "vectors").is_dir():
        pytest.skip(f"no third-party data in {CORPORA}: set INTAGLIO_CORPORA to the folder that has it")
    return CORPORA


_COST = envelope.COST


@pytest.fixture(scope="session", autouse=True)
def _cheap_passphrases() -> Iterator[None]:
    """Seal at the lowest cost of Argon2id, in one lane: for more it starts threads, at ten times the time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(envelope, "COST", envelope.Cost(memory=8, iterations=1, lanes=1))
        yield


@pytest.fixture(scope="session", autouse=True)
def _one_authority(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Trust one authority of the web in the quick loop: to read a system's 140 takes a client 5 ms."""
    with pytest.MonkeyPatch.context() as patch:
        if pytestconfig.option.markexpr == "not slow":
            folder = tmp_path_factory.mktemp("authority")
            patch.setenv("SSL_CERT_FILE", str(Authority(folder).ca_file))
            patch.setenv("SSL_CERT_DIR", str(folder))
            patch.setattr(httpcore, "default_ssl_context", ssl.create_default_context)  # reads that file
        yield


@pytest.fixture
def costly_passphrases(monkeypatch: pytest.MonkeyPatch) -> None:
    """For tests of the cost itself."""
    monkeypatch.setattr(envelope, "COST", _COST)


@pytest.fixture
def logged() -> Iterator[io.StringIO]:
    """The lines that are logged. pytest's own fixture listens in each phase of all tests, too."""
    root, text = logging.getLogger(), io.StringIO()
    level, handler = root.level, logging.StreamHandler(text)
    root.addHandler(handler)
    yield text
    root.removeHandler(handler)
    root.setLevel(level)


@pytest.fixture(scope="session")
def token(tmp_path_factory: pytest.TempPathFactory) -> Iterator[softhsm.Token]:
    """A token in software, for tests that have `softhsm.needed`: one a process."""
    with softhsm.token(tmp_path_factory.mktemp("softhsm")) as opened:
        yield opened


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Program:
    """The command line, with everything in a folder of the test's own."""
    return Program(tmp_path / "home", monkeypatch, capsys)
