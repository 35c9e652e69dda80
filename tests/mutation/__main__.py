"""`python -m tests.mutation bindings`: each of the list broken. `… mutants`: a sample of whatever can be.

`… mutants FILE… --since COMMIT --draw 30 --seed 7 --quick` draws thirty: from the files named, and from lines
of others that were changed since a commit. They have to fall to tests of `make check`.
"""

from __future__ import annotations

import argparse
import itertools
import json
import multiprocessing
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Collection, Container, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any

from tests.mutation.bindings import BINDINGS
from tests.mutation.mutants import Mutant, sampled, scattered
from tests.mutation.scope import TESTS, tiers
from tests.mutation.source import Source
from tests.mutation.workshop import NO_TEST_RAN, ROOT, Edit, Workshop, load_libraries

Job = tuple[dict[str, Any], Edit | None, list[list[str]]]
"""The report's facts, the edit, and the tests in tiers: each tier runs only if none before it failed."""

_PATIENCE = 120.0  # seconds
_workshop: Workshop


def main() -> int:
    """0 if every break was noticed."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__)
    parser.add_argument("which", choices=["bindings", "mutants"])
    parser.add_argument("files", nargs="*", help="only in these")
    parser.add_argument("--folder", type=Path, help="where the copies go")
    parser.add_argument("--deleted", action="store_true", help="bindings are deleted, and none is inverted")
    parser.add_argument("--every", type=int, default=1, help="each Nth binding")
    parser.add_argument("--each", type=int, default=5, help="at most so many mutants of a function")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--draw", type=int, help="so many mutants, wherever they are")
    parser.add_argument(
        "--since", help="drawn from lines changed since this commit, and from the files named"
    )
    parser.add_argument("--quick", action="store_true", help="no test that is marked as slow has to notice")
    parser.add_argument("--minutes", type=float, default=1e6, help="end after that, with what was found")
    options = parser.parse_args()
    load_libraries()
    if options.which == "bindings":
        ways = ("deleted",) if options.deleted else ("deleted", "inverted")
        jobs = _bindings(options.files, ways, options.every)
    elif options.draw:
        jobs = _drawn(options.files, options.draw, options.seed, options.since)
    else:
        jobs = _mutants(options.files, options.each, options.seed)
    if options.quick:
        jobs = ((facts, edit, [part for part in parts if _is_quick(part)]) for facts, edit, parts in jobs)
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        results = list(_run(list(jobs), Path(folder), time.monotonic() + 60 * options.minutes))
    missed = [result for result in results if not result["as_expected"]]
    if options.which == "mutants":
        tried = [result["as_expected"] for result in results if result["how"] == "mutant"]
        print(f"{sum(tried)} of {len(tried)} mutants noticed", file=sys.stderr)
    return 1 if missed else 0


def _bindings(files: Collection[str], ways: Collection[str], every: int) -> Iterator[Job]:
    chosen = [binding for binding in BINDINGS if not files or binding.file in files][::every]
    yield {"how": "control"}, None, [sorted({test for binding in chosen for test in binding.tests})]
    for binding in chosen:
        source = Source(binding.file, (ROOT / binding.file).read_text())
        for how, edit in binding.edits(source):
            if how in ways:
                named = {"what": binding.what, "file": binding.file, "function": binding.function}
                yield {"how": how, **named, "expression": binding.expression}, edit, [list(binding.tests)]


def _mutants(files: Iterable[str], each: int, seed: int) -> Iterator[Job]:
    for file in files or TESTS:
        source, tests = Source(file, (ROOT / file).read_text()), tiers(file)
        yield {"how": "control", "file": file}, None, tests
        for mutant in sampled(source, each, seed):
            yield _told(mutant), mutant.edit, tests


def _drawn(named: Collection[str], count: int, seed: int, since: str | None) -> Iterator[Job]:
    files = dict.fromkeys([*named, *(TESTS if since or not named else ())])
    lines = {file: None if file in named or since is None else _changed(file, since) for file in files}
    drawn = list(itertools.islice(scattered(files, lines, seed), count))
    for file in sorted({mutant.edit.file for mutant in drawn}):
        yield {"how": "control", "file": file}, None, tiers(file)
    for mutant in drawn:
        yield _told(mutant), mutant.edit, tiers(mutant.edit.file)


def _changed(file: str, since: str) -> Container[int]:
    """The numbers of the lines that a file has not had at a commit."""
    command = ("git", "diff", "--unified=0", since, "--", file)
    text = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    hunks = re.findall(r"^@@ \S+ \+(\d+)(?:,(\d+))? @@", text, re.MULTILINE)
    return {int(start) + at for start, length in hunks for at in range(int(length or 1))}


def _told(mutant: Mutant) -> dict[str, Any]:
    place = {"how": "mutant", "file": mutant.edit.file, "function": mutant.function, "line": mutant.line}
    return {**place, "what": mutant.what}


def _is_quick(tests: Sequence[str]) -> bool:
    return tests[1].startswith("not slow")


def _run(jobs: list[Job], folder: Path, until: float) -> Iterator[dict[str, Any]]:
    """The jobs' results as they come, printed as lines of JSON."""
    fork = multiprocessing.get_context("fork")
    # an executor's processes may have children, as tests do; those of `multiprocessing.Pool` may not
    files = {word.partition("::")[0] for _, _, parts in jobs for tests in parts for word in tests}
    begun = (folder, sorted(file for file in files if file.endswith(".py")))
    with ProcessPoolExecutor(min(2, os.cpu_count() or 1), fork, _begin, begun) as pool:
        for done in as_completed([pool.submit(_do, job) for job in jobs]):
            result = done.result()
            print(json.dumps(result, ensure_ascii=False), flush=True)
            yield result
            if time.monotonic() > until:
                pool.shutdown(cancel_futures=True)
                break


def _begin(folder: Path, files: Sequence[str]) -> None:
    global _workshop
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())  # so that what runs in the copy ends, too
    _workshop = Workshop(Path(tempfile.mkdtemp(dir=folder)))
    _workshop.load(files)


def _do(job: Job) -> dict[str, Any]:
    facts, edit, parts = job
    began = time.monotonic()
    for tests in parts:
        outcome = _workshop.try_out(edit, tests, patience=_PATIENCE)
        if outcome.failed or outcome.trouble not in ("", NO_TEST_RAN):
            break
    if facts["how"] == "control":
        good = not outcome.failed and not outcome.trouble
    elif facts["how"] == "mutant":  # one that keeps a test file from being read is noticed, too
        good = bool(outcome.failed) or outcome.trouble not in ("", NO_TEST_RAN)
    else:
        good = bool(outcome.failed) and not outcome.trouble
    return {
        **facts,
        "as_expected": good,
        "tests": tests,
        "failed": outcome.failed[:1],
        "trouble": outcome.trouble,
        "seconds": round(time.monotonic() - began, 1),
    }


if __name__ == "__main__":
    sys.exit(main())
