"""A copy of the project in which one thing at a time is broken, and whether a test notices.

The copy is made once, and its packages and tests are loaded. For each break a child is forked, in which the
loaded functions get the broken code; where that cannot be, it loads all of them again from the copy.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import select
import shutil
import signal
import sys
import time
import traceback
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any, NamedTuple

import pytest
from _pytest.config import _prepareconfig

from tests.copying import copy_folder
from tests.mutation.live import functions_below, put_in

ROOT = Path(__file__).parents[2]
PACKAGES = (
    "wire",
    "keys",
    "ledger",
    "did",
    "vc",
    "exchange",
    "kinds",
    "issuer",
    "holder",
    "verifier",
    "hub",
    "intaglio",
)
_LOADED_BEFORE = (
    "hypothesis", "cryptography.hazmat.primitives.asymmetric.ec", "orjson", "rfc8785", "backports.zstd",
    "click", "jsonschema_rs", "nacl.bindings", "httpcore", "httpx", "fastapi", "uvicorn", "pyld.jsonld",
    "pyoxigraph", "jwcrypto.jwk",
)  # fmt: skip


NO_TEST_RAN = "no test ran"
"""The `trouble` if all tests were skipped: such a run says nothing about a break."""
_PEERS = Path("tests/interop/node_modules")


class Edit(NamedTuple):
    """One break: in the file, the bytes from `start` to `end` become `text`."""

    file: str
    start: int
    end: int
    text: str


class Outcome(NamedTuple):
    """The result of the tests on a copy."""

    failed: tuple[str, ...]
    """Node ids of tests that failed, by an assertion or an error of their own."""
    passed: int
    trouble: str
    """The reason why this run is void, such as a test that is missing or cannot be imported; else empty."""


def load_libraries() -> None:
    """Loads what belongs to others, once for all children."""
    for name in _LOADED_BEFORE:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    assert not {name.partition(".")[0] for name in sys.modules} & set(PACKAGES), "ours come from the copy"


class Workshop:
    """A copy of packages and tests in `folder`."""

    def __init__(self, folder: Path, options: Sequence[str] = ("-x",)) -> None:
        self.folder, self.options = folder, options
        self._functions: Sequence[FunctionType] = ()
        self._session: pytest.Session
        ignored = shutil.ignore_patterns("node_modules", "__pycache__", "*.pyc")
        for name in (*PACKAGES, "tests", "examples", "docs"):
            if (ROOT / name).is_dir():
                copy_folder(ROOT / name, folder / name, ignore=ignored)
        if (ROOT / _PEERS).exists():  # whose programs tests run, and which nothing here changes
            (folder / _PEERS).symlink_to(ROOT / _PEERS)
        for path in ROOT.iterdir():
            if path.is_file() and path.suffix in (".py", ".toml", ".md"):
                shutil.copy(path, folder)

    def try_out(self, edit: Edit | None, tests: Sequence[str], *, patience: float = 60.0) -> Outcome:
        """Runs the tests, the first failure ending it; with `edit`, on a copy that is broken so."""
        with self._edited(edit) as is_loaded:
            return self._run(is_loaded, tests, patience)

    @contextmanager
    def _edited(self, edit: Edit | None) -> Iterator[Callable[[], bool]]:
        """Gives what puts the edit into the loaded code, and says whether that could be."""
        if edit is None:
            yield lambda: True
            return
        path = self.folder / edit.file
        whole = path.read_bytes()
        broken = whole[: edit.start] + edit.text.encode() + whole[edit.end :]
        path.write_bytes(broken)
        try:
            yield partial(put_in, self._functions, whole.decode(), broken.decode(), str(path))
        finally:
            path.write_bytes(whole)

    def _run(self, is_loaded: Callable[[], bool], tests: Sequence[str], patience: float) -> Outcome:
        reader, writer = os.pipe()
        child = os.fork()
        if not child:
            os.setsid()
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            os.close(reader)
            try:
                outcome = self._in_child(is_loaded, tests)
            except BaseException:  # noqa: BLE001, nothing of the parent's may run on in the child
                outcome = {"failed": [], "passed": 0, "trouble": traceback.format_exc(limit=-3)}
            os.write(writer, json.dumps(outcome).encode())
            os._exit(0)
        os.close(writer)
        try:
            text = _read(reader, patience)
        finally:
            os.close(reader)
            with contextlib.suppress(ProcessLookupError):  # and whatever the tests started
                os.killpg(child, signal.SIGKILL)
            os.waitpid(child, 0)
            shutil.rmtree(self.folder / "tmp", ignore_errors=True)
        if text is None:
            return Outcome((f"not done after {patience:.0f} s",), 0, "")
        outcome = json.loads(text) if text else {"failed": [], "passed": 0, "trouble": "the process died"}
        return Outcome(tuple(outcome["failed"]), outcome["passed"], outcome["trouble"])

    def load(self, files: Sequence[str]) -> None:
        """Loads packages and tests of the copy into this process, which then forks quicker."""
        sys.path[:] = [entry for entry in sys.path if Path(entry or ".").resolve() != ROOT]
        sys.dont_write_bytecode = True
        os.environ.setdefault("INTAGLIO_CORPORA", str(ROOT.parent / "shared"))
        os.environ["PYTHONPATH"] = str(self.folder)  # for programs that tests start
        os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"  # a fifth of what pytest takes to start
        os.chdir(self.folder)
        null = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(null, stream)
        for name in _ours():
            del sys.modules[name]
        self._session = _collected([*self._options(), *files])
        self._functions = functions_below(self.folder)
        assert self._functions, (
            "without them each edit is tried by reading everything again, for thrice the time"
        )
        gc.freeze()  # pytest collects garbage twice, which there is none of in what is loaded

    def _in_child(self, is_loaded: Callable[[], bool], tests: Sequence[str]) -> dict[str, Any]:
        watch = _Watch({self.folder / test.partition("::")[0] for test in tests})
        items = list[pytest.Item]()
        if is_loaded():
            items = self._items(tests)
        else:
            for name in _ours():
                del sys.modules[name]  # to be read from the copy as it is now
        if items:
            _run_items(items, watch)
        else:
            pytest.main([*self._options(), *tests], plugins=[watch])
        foreign = [
            name for name in _ours() if not name.startswith("tests") and not self._has(sys.modules[name])
        ]
        if foreign:
            watch.trouble = f"{foreign[0]} is not the copy's"
        if not watch.passed and not watch.failed:
            watch.trouble = watch.trouble or NO_TEST_RAN
        return {"failed": watch.failed, "passed": watch.passed, "trouble": watch.trouble}

    def _items(self, tests: Sequence[str]) -> list[pytest.Item]:
        """The collected tests of these node ids; empty if one is not among them, or is no node id."""
        items = list[pytest.Item]()
        for test in tests:
            cases = [item for item in self._session.items if f"{item.nodeid}[".startswith(f"{test}[")]
            if not cases:
                return []
            items += cases
        return items

    def _options(self) -> list[str]:
        return [  # nobody reads tracebacks, for which pytest parses sources: half of the time of a failure
            *self.options, "-q", "--tb=no", "-W", "ignore::pytest.PytestAssertRewriteWarning",
            "-p", "no:cacheprovider", "--basetemp", str(self.folder / "tmp"),
        ]  # fmt: skip

    def _has(self, module: ModuleType) -> bool:
        return str(getattr(module, "__file__", None) or self.folder).startswith(str(self.folder))


def _collected(words: list[str]) -> pytest.Session:
    """A session of pytest that has collected, and stays open: to begin one takes longer than most tests.

    `pytest.main` has no such thing, and closes its own.
    """
    config = _prepareconfig(words)
    config._do_configure()
    session = pytest.Session.from_config(config)
    config.hook.pytest_sessionstart(session=session)
    config.hook.pytest_collection(session=session)
    return session


def _run_items(items: Sequence[pytest.Item], watch: _Watch) -> None:
    """Run collected tests, up to the first that fails."""
    session = items[0].session
    session.config.pluginmanager.register(watch)
    for place, item in enumerate(items, start=1):
        following = items[place] if place < len(items) else None
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        if session.shouldfail:
            break
    session.config.hook.pytest_sessionfinish(session=session, exitstatus=0)


def _ours() -> list[str]:
    """The modules that are loaded of our packages and tests, but for this one and those beside it."""
    names = [name for name in sys.modules if name.partition(".")[0] in (*PACKAGES, "tests")]
    return [name for name in names if not name.startswith("tests.mutation")]


class _Watch:
    """Hears what pytest reports."""

    def __init__(self, files: Collection[Path]) -> None:
        self._files = files
        self.failed: list[str] = []
        self.passed = 0
        self.trouble = ""

    @pytest.hookimpl(tryfirst=True)
    def pytest_ignore_collect(self, collection_path: Path) -> bool | None:
        """Of the files beside the one that is asked for, pytest would make three hundred nodes."""
        return (collection_path.suffix == ".py" and collection_path not in self._files) or None

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self.trouble = f"{report.nodeid} could not be collected"

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[Any]:
        if call.excinfo is not None and call.excinfo.errisinstance((ImportError, SyntaxError)):
            self.trouble = f"{item.nodeid}: {call.excinfo.value}"
        return (yield)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self.failed.append(report.nodeid)
        elif report.when == "call":
            self.passed += 1


def _read(pipe: int, patience: float) -> bytes | None:
    """The data from the pipe until it is closed; `None` if that takes too long."""
    data, deadline = b"", time.monotonic() + patience
    while select.select([pipe], [], [], max(deadline - time.monotonic(), 0.0))[0]:
        if not (part := os.read(pipe, 1 << 16)):
            return data
        data += part
    return None
