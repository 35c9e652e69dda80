"""The contract as its source has it; run as a module, it writes ledger/evm/anchor.json anew.

The compiler gets an environment of its own, since it wants other versions of what is installed here.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.conftest import ROOT

SOURCE = ROOT / "ledger" / "evm" / "anchor.vy"
COMPILED = SOURCE.with_suffix(".json")
COMPILER = "vyper==0.4.3"


class NoCompiler(Exception):
    """The package index did not give it."""


def compiler(folder: Path) -> Path:
    """The compiler, in a new environment in a folder. Raises `NoCompiler`."""
    subprocess.run((sys.executable, "-m", "venv", folder), check=True)
    install = (folder / "bin" / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
    patience = ("--retries", "1", "--timeout", "20", "--no-compile")
    try:
        done = subprocess.run((*install, *patience, COMPILER), capture_output=True, text=True, timeout=300)
    except subprocess.TimeoutExpired as error:
        raise NoCompiler("it takes too long") from error
    if done.returncode:
        raise NoCompiler(done.stderr.strip().splitlines()[-1])
    return folder / "bin" / "vyper"


def compiled(vyper: Path) -> dict[str, object]:
    """The content that anchor.json has to have."""
    command = (vyper, "--no-bytecode-metadata", "-f", "bytecode,bytecode_runtime,method_identifiers", SOURCE)
    output = subprocess.run(command, check=True, capture_output=True, text=True, cwd=SOURCE.parent).stdout
    init_code, runtime_code, functions = output.splitlines()
    selectors = {name.partition("(")[0]: int(value, 16) for name, value in json.loads(functions).items()}
    return {
        "compiler": COMPILER,
        "initCode": init_code.removeprefix("0x"),
        "runtimeCode": runtime_code.removeprefix("0x"),
        "selectors": {name: f"{value:08x}" for name, value in selectors.items()},
    }


def text(vyper: Path) -> str:
    return json.dumps(compiled(vyper), indent=2) + "\n"


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        COMPILED.write_text(text(compiler(Path(folder))))
