"""Reports the file operations of a process before they happen, by the interpreter's audit hooks (PEP 578)."""

from __future__ import annotations

import multiprocessing
import sys
from collections.abc import Callable
from typing import Any

from tests.processes import ended

Hear = Callable[[str, Any], object]


def listen(hear: Hear) -> None:
    """Call `hear` with each file that this process opens or renames from now on; its exceptions prevent that.

    For processes that end soon: a hook cannot be removed.
    """

    def tell(event: str, arguments: tuple[Any, ...]) -> None:
        if event in ("open", "os.rename"):
            hear(event, arguments)

    sys.addaudithook(tell)


def hearing(hear: Hear, work: Callable[[], object]) -> None:
    """`listen`, then do `work`, in a process of its own, which has to end well."""

    def listening() -> None:
        listen(hear)
        work()

    process = multiprocessing.get_context("fork").Process(target=listening)
    process.start()
    ended([process])
