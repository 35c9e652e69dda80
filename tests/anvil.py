"""A node of an EVM chain of the tests' own: anvil, where npm has brought it (`make peers`).

The package has a program for each platform; it is run as it is, without node. Its chain is in memory.
"""

from __future__ import annotations

import itertools
import json
import platform
import re
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT

_MACHINES = {"x86_64": "amd64", "aarch64": "arm64"}
_NAME = f"anvil-{platform.system().lower()}-{_MACHINES.get(platform.machine(), platform.machine())}"
PROGRAM = ROOT / "tests" / "interop" / "node_modules" / "@foundry-rs" / _NAME / "bin" / "anvil"

needed = pytest.mark.skipif(
    not PROGRAM.exists(), reason="no anvil, a node of an EVM chain: install npm, then `make peers`"
)

_LISTENS = re.compile(r"Listening on 127\.0\.0\.1:(\d+)")
_FUNDED = "0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266"


class Refusal(Exception):
    """The node's own reason for refusing a request."""


class Node:
    """A running node, reachable at `url`."""

    def __init__(self, process: subprocess.Popen[bytes], port: int) -> None:
        self.process, self.port = process, port
        self.url = f"http://127.0.0.1:{port}"
        self.funded = _FUNDED
        """The address of an account with 10,000 of the chain's coins, for which the node itself signs."""
        self._number = itertools.count(1)

    def call(self, method: str, *params: Any) -> Any:
        """The result of a method of its JSON-RPC. Raises `Refusal`."""
        asked = {"jsonrpc": "2.0", "id": next(self._number), "method": method, "params": params}
        request = urllib.request.Request(
            self.url, json.dumps(asked).encode(), {"content-type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=30) as response:
            answer = json.load(response)
        if "error" in answer:
            raise Refusal(answer["error"]["message"])
        return answer["result"]

    def send(self, **transaction: str) -> Any:
        """The receipt of a transaction that the node signs, from its funded account unless told `from`."""
        name = self.call("eth_sendTransaction", {"from": self.funded, **transaction})
        deadline = time.monotonic() + 30
        while (receipt := self.call("eth_getTransactionReceipt", name)) is None:
            assert time.monotonic() < deadline, "the transaction is not mined"
            time.sleep(0.01)
        assert receipt["status"] == "0x1", receipt
        return receipt

    def kill(self) -> None:
        """Kills the node, and its chain with it."""
        self.process.kill()
        self.process.wait()


@contextmanager
def anvil(*arguments: str) -> Iterator[Node]:
    """A node as long as the block lasts, with `arguments` of its command line; on a port that is free."""
    command = [str(PROGRAM), "--host", "127.0.0.1", "--port", "0", *arguments]
    with tempfile.NamedTemporaryFile() as output:  # a pipe that nobody reads any more would end it
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
        try:
            yield Node(process, _port(process, Path(output.name)))
        finally:
            process.kill()
            process.wait()


def _port(process: subprocess.Popen[bytes], output: Path) -> int:
    deadline = time.monotonic() + 30
    while process.poll() is None and time.monotonic() < deadline:
        if listening := _LISTENS.search(output.read_text()):
            return int(listening[1])
        time.sleep(0.01)
    pytest.fail(f"anvil does not listen: {output.read_text()}")
