"""The door to workers: one function over many items, bytes in and bytes out, wherever the workers are.

Bytes cross both ways: nothing of this process comes to a worker but the items, and nothing of a
worker's comes here but bounded answers, which are parsed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from types import TracebackType
from typing import Protocol, Self

from wire.workers import Pool, Tell

from .answer import answered, result_of


class Workers(Protocol):
    """Processes that may be anywhere, each with settings of its own."""

    machines: Sequence[str] = ()
    """The hosts on which they are, as far as somebody tells; none where that is this machine."""

    def map(self, function: str, items: Iterable[bytes]) -> Iterator[bytes]:
        """The results of `function`, a `bytes -> bytes` named `module:callable`, in the order of the items.

        Only a bounded number of items is taken ahead of the results. A worker that dies is replaced, or its
        death raises `WORKER_DIED`. A problem that the function raises crosses as data and is raised here.
        After a problem, or results that nobody took, the workers are not used again.
        """


class LocalProcesses(Workers):
    """Processes of this machine. To be used as a context."""

    def __init__(self, count: int) -> None:
        self._pool = Pool(None, count)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.__exit__(kind, error, trace)

    def map(self, function: str, items: Iterable[bytes]) -> Iterator[bytes]:
        """See `Workers.map`; a death is told, not mended."""
        return map(result_of, self._pool.map(_answered, ((function, item) for item in items)))


def _answered(_: None, asked: tuple[str, bytes], _tell: Tell) -> bytes:
    return answered(*asked)
