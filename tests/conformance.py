"""Runs one of W3C's suites, unchanged, against the conformance profile: python -m tests.conformance SUITE.

SUITE is a folder with the suite and its packages (`npm install`). Its `localConfig.cjs` is written, its tests
are run by its own mocha, and what passed and what failed is printed, each failing test with its line in
docs/conformance.md where it has one.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
KNOWN = ROOT / "docs" / "conformance.md"


def tested(suite: Path, configuration: str) -> dict[str, Any]:
    """Run the suite with this configuration, and return the report of mocha."""
    (suite / "localConfig.cjs").write_text(f"module.exports = {configuration};\n")
    # The profile's certificate is made at start, and these suites know no authority of ours.
    environment = {**os.environ, "NODE_TLS_REJECT_UNAUTHORIZED": "0"}
    command = ["npx", "mocha", "tests/", "--reporter", "json", "--timeout", "15000", "--exit"]
    done = subprocess.run(command, cwd=suite, env=environment, capture_output=True, text=True, check=False)
    found: dict[str, Any] = json.loads(done.stdout[done.stdout.index("{\n") :])
    return found


def main(folder: str) -> int:
    """Prints the result; 1 where a test failed that docs/conformance.md does not have."""
    with tempfile.TemporaryDirectory() as home:
        serve = ("--home", home, "api", "serve", "--profile", "conformance", "--tls", "--port", "0")
        command = (sys.executable, "-m", "intaglio", *serve)
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as service:
            try:
                assert service.stdout is not None
                found = tested(Path(folder), service.stdout.readline())
            finally:
                service.terminate()
    known, unknown = KNOWN.read_text(), 0
    print(f"passed {len(found['passes'])}, failed {len(found['failures'])}, pending {len(found['pending'])}")
    for test in found["failures"]:
        is_known = test["title"] in known
        unknown += not is_known
        print(f"{'known' if is_known else 'NEW'}: {test['fullTitle']}\n  {test['err'].get('message', '')}")
    return 1 if unknown else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
