"""Runs one of W3C's suites, unchanged, against the conformance profile: python -m tests.conformance SUITE.

SUITE is a folder with the suite and its packages (`npm install`). The suite's configuration is written there,
and its tests are run by its own mocha. Passed and failed tests are printed, each failing test with its line
in docs/conformance.md if it has one. The suite of VC-JOSE-COSE starts programs by `docker compose`: here a
script of that name starts ours.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from intaglio.api.conformance.jose import FEATURES

ROOT = Path(__file__).parents[1]
KNOWN = ROOT / "docs" / "conformance.md"


DOCKER = """#!/bin/sh
# docker compose -f FILE run --rm NAME, and then the words for the program; /tests is a folder of the suite.
shift 6
for word in "$@"; do
  case "$word" in /tests/*) word=".$word" ;; esac
  set -- "$@" "$word"; shift
done
exec "{python}" -m intaglio.api.conformance.jose "$@"
"""


def tested(suite: Path, environment: Mapping[str, str]) -> dict[str, Any]:
    """Run the suite, and return the report of its mocha."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "report.json")
        written = ("--reporter", "json", "--reporter-option", f"output={report}")
        command = ["npx", "mocha", "tests/", *written, "--timeout", "15000", "--exit"]
        done = subprocess.run(
            command, cwd=suite, env={**os.environ, **environment}, capture_output=True, check=False
        )
        if not report.exists():
            sys.exit(done.stderr.decode())
        results: dict[str, Any] = json.loads(report.read_text())
        return results


def over_http(suite: Path) -> dict[str, Any]:
    """The report of a suite that asks a service."""
    with tempfile.TemporaryDirectory() as home, Path(home, "said").open("w+") as output:
        serve = ("--home", home, "api", "serve", "--profile", "conformance", "--tls", "--port", "0")
        command = (sys.executable, "-m", "intaglio", *serve)
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=output, text=True, cwd=ROOT) as service:
            try:
                assert service.stdout is not None
                configuration = service.stdout.readline()
                if not configuration:
                    output.seek(0)
                    sys.exit(output.read())
                (suite / "localConfig.cjs").write_text(f"module.exports = {configuration};\n")
                # The profile's certificate is made at start, and these suites know no authority of ours.
                return tested(suite, {"NODE_TLS_REJECT_UNAUTHORIZED": "0"})
            finally:
                service.terminate()


def by_command(suite: Path) -> dict[str, Any]:
    """The report of a suite that starts a program."""
    ours = {"intaglio": {"features": {name: form is not None for name, form in FEATURES.items()}}}
    (suite / "implementations/implementations.json").write_text(json.dumps(ours))
    (suite / "tests/output").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        docker = Path(folder, "docker")
        docker.write_text(DOCKER.format(python=sys.executable))
        docker.chmod(0o755)
        return tested(suite, {"PATH": f"{folder}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": str(ROOT)})


def main(folder: str) -> int:
    """Prints the result; 1 where a test failed that docs/conformance.md does not have."""
    suite = Path(folder)
    report = (by_command if (suite / "implementations").is_dir() else over_http)(suite)
    allowed, unknown = _unspaced(KNOWN.read_text()), 0
    print(
        f"passed {len(report['passes'])}, failed {len(report['failures'])}, pending {len(report['pending'])}"
    )
    for test in report["failures"]:
        is_known = _unspaced(test["title"]) in allowed
        unknown += not is_known
        print(f"{'known' if is_known else 'NEW'}: {test['fullTitle']}\n  {test['err'].get('message', '')}")
    return 1 if unknown else 0


def _unspaced(text: str) -> str:
    """The text without blanks, in which editions of a suite differ."""
    return "".join(text.split())


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
