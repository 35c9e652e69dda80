"""What this process does with files, as the interpreter tells it (PEP 578), before it is done."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from typing import Any

Hear = Callable[[str, Any], object]
_hearing: list[Hear] = []


def _tell(event: str, arguments: tuple[Any, ...]) -> None:
    for hear in _hearing if event in ("open", "os.rename") else ():
        hear(event, arguments)


sys.addaudithook(_tell)  # which cannot be taken back


@contextlib.contextmanager
def heard(hear: Hear) -> Iterator[None]:
    """Call `hear` with each file that is opened, and each that is renamed; what it raises stops that."""
    _hearing.append(hear)
    try:
        yield
    finally:
        _hearing.remove(hear)
