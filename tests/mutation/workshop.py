"""A copy of the project in which one thing at a time is broken, and whether a test notices.

The copy is made once. For each break a child is forked from this process, which has the libraries of others
loaded but none of our packages: the child reads the packages from the copy, runs the tests and ends.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import select
import shutil
import signal
import sys
import time
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("wire", "keys", "ledger", "did", "vc", "exchange", "issuer", "holder", "verifier", "intaglio")
_LOADED_BEFORE = (
    "hypothesis", "cryptography.hazmat.primitives.asymmetric.ec", "orjson", "rfc8785", "zstandard", "click",
    "jsonschema_rs", "nacl.bindings", "httpcore", "httpx", "sqlalchemy", "fastapi", "uvicorn", "pyld.jsonld",
    "pyoxigraph", "rich.console", "jwcrypto.jwk",
)  # fmt: skip


class Edit(NamedTuple):
    """One break: in the file, the bytes from `start` to `end` become `text`."""

    file: str
    start: int
    end: int
    text: str


class Outcome(NamedTuple):
    """What the tests said about a copy."""

    failed: tuple[str, ...]
    """Node ids of tests that failed, by an assertion or an error of their own."""
    passed: int
    trouble: str
    """Why this run says nothing, such as a test that could not be imported or is not there; else empty."""


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
        ignored = shutil.ignore_patterns("node_modules", "__pycache__", "*.pyc")
        for name in (*PACKAGES, "tests", "examples", "docs"):
            if (ROOT / name).is_dir():
                shutil.copytree(ROOT / name, folder / name, ignore=ignored)
        for path in ROOT.iterdir():
            if path.is_file() and path.suffix in (".py", ".toml", ".md"):
                shutil.copy(path, folder)

    def try_out(self, edit: Edit | None, tests: Sequence[str], *, patience: float = 60.0) -> Outcome:
        """Runs the tests, the first failure ending it; with `edit`, on a copy that is broken so."""
        with self._edited(edit):
            return self._run(tests, patience)

    @contextmanager
    def _edited(self, edit: Edit | None) -> Iterator[None]:
        if edit is None:
            yield
            return
        path = self.folder / edit.file
        whole = path.read_bytes()
        path.write_bytes(whole[: edit.start] + edit.text.encode() + whole[edit.end :])
        try:
            yield
        finally:
            path.write_bytes(whole)

    def _run(self, tests: Sequence[str], patience: float) -> Outcome:
        reader, writer = os.pipe()
        child = os.fork()
        if not child:
            os.setsid()
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            os.close(reader)
            try:
                found = self._in_child(tests)
            except BaseException:  # noqa: BLE001, nothing of the parent's may run on in the child
                found = {"failed": [], "passed": 0, "trouble": traceback.format_exc(limit=-3)}
            os.write(writer, json.dumps(found).encode())
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
        found = json.loads(text) if text else {"failed": [], "passed": 0, "trouble": "the process died"}
        return Outcome(tuple(found["failed"]), found["passed"], found["trouble"])

    def _in_child(self, tests: Sequence[str]) -> dict[str, Any]:
        for name in [name for name in sys.modules if name.partition(".")[0] == "tests"]:
            del sys.modules[name]
        sys.path[:] = [entry for entry in sys.path if Path(entry or ".").resolve() != ROOT]
        sys.dont_write_bytecode = True
        os.environ.setdefault("INTAGLIO_CORPORA", str(ROOT.parent / "shared"))
        os.environ["PYTHONPATH"] = str(self.folder)  # for programs that tests start
        os.chdir(self.folder)
        null = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(null, stream)
        watch = _Watch()
        options = [
            *self.options,
            "-W",
            "ignore::pytest.PytestAssertRewriteWarning",
            "-q",
            "-p",
            "no:cacheprovider",
            "-p",
            "no:cov",
            "--basetemp",
            str(self.folder / "tmp"),
        ]
        pytest.main([*options, *tests], plugins=[watch])
        foreign = sorted(
            name
            for name, module in sys.modules.items()
            if name.partition(".")[0] in PACKAGES
            and not str(getattr(module, "__file__", None) or self.folder).startswith(str(self.folder))
        )
        if foreign:
            watch.trouble = f"{foreign[0]} is not the copy's"
        if not watch.passed and not watch.failed:
            watch.trouble = watch.trouble or "no test ran"
        return {"failed": watch.failed, "passed": watch.passed, "trouble": watch.trouble}


class _Watch:
    """Hears what pytest reports."""

    def __init__(self) -> None:
        self.failed: list[str] = []
        self.passed = 0
        self.trouble = ""

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
    """What comes through the pipe until it is closed; None if that takes too long."""
    found, deadline = b"", time.monotonic() + patience
    while select.select([pipe], [], [], max(deadline - time.monotonic(), 0.0))[0]:
        if not (part := os.read(pipe, 1 << 16)):
            return found
        found += part
    return None
