"""A chain on this machine, which the demo has in the place of a public one: anvil, where it is installed."""

from __future__ import annotations

import json
import platform
import re
import shutil
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

NAME = "eip155:31337"
OWNER = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
"""An account whose key is not used here, such as that of the university's rector."""
_LISTENS = re.compile(r"Listening on 127\.0\.0\.1:(\d+)")
_PACKAGES = Path(__file__).parents[2] / "tests" / "interop" / "node_modules" / "@foundry-rs"
_MACHINES = {"x86_64": "amd64", "aarch64": "arm64"}


@dataclass(frozen=True)
class LocalChain:
    """A running node, reachable at `url`."""

    url: str

    def fund(self, account: str) -> None:
        """Gives an account one of the chain's coins."""
        self._call("anvil_setBalance", account, hex(10**18))

    def get_on(self) -> None:
        """Mines blocks, as real chains do while time passes, so that sent transactions become final."""
        self._call("anvil_mine", "0x4")

    def _call(self, method: str, *parameters: str) -> None:
        asked = {"jsonrpc": "2.0", "id": 1, "method": method, "params": parameters}
        request = urllib.request.Request(
            self.url, json.dumps(asked).encode(), {"content-type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=30) as response:
            response.read()


def program() -> Path | None:
    """The path of anvil, from PATH or from `make peers`."""
    machine = _MACHINES.get(platform.machine(), platform.machine())
    brought = _PACKAGES / f"anvil-{platform.system().lower()}-{machine}" / "bin" / "anvil"
    path = shutil.which("anvil")
    return Path(path) if path else brought if brought.exists() else None


@contextmanager
def running(anvil: Path) -> Iterator[LocalChain]:
    """A new chain, as long as the block lasts."""
    command = [str(anvil), "--host", "127.0.0.1", "--port", "0", "--slots-in-an-epoch", "1"]
    with tempfile.NamedTemporaryFile() as output:  # a pipe that nobody reads any more would end it
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
        try:
            while (match := _LISTENS.search(Path(output.name).read_text())) is None:
                if process.poll() is not None:
                    raise ChildProcessError(f"{anvil} does not start")
                time.sleep(0.02)
            yield LocalChain(f"http://127.0.0.1:{match[1]}")
        finally:
            process.kill()
            process.wait()
