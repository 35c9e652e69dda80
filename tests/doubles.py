"""Doubles for arguments of the product; each test defines how they behave."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, TypeVar, cast

from issuer.archive.engines import open_index
from ledger.folder import store_in

T = TypeVar("T")


def instead(real: T, **members: Any) -> T:
    """A double of `real` with some attributes replaced; a function gets the real one as first argument."""

    class Double:
        def __getattr__(self, name: str) -> Any:
            attribute, member = getattr(real, name), members.get(name)
            if callable(member):
                return partial(member, attribute)
            return attribute if member is None else member

    return cast("T", Double())


def at(home: Path, step: str, call: Callable[..., Any]) -> dict[str, Any]:
    """Options of the issuer in a folder with one step replaced: `log.publish`, `index.reserve`, … .

    The parts are those of the index, and the store of the log.
    """
    part, _, name = step.rpartition(".")
    if part == "log":
        return {"store": instead(store_in(home), **{name: call})}
    index = open_index(home)
    if part == "index":
        return {"index": instead(index, **{name: call})}
    return {"index": instead(index, **{part: instead(getattr(index, part), **{name: call})})}


def stops(
    error: BaseException | None = None, *, on_call: int = 1, before: bool = False
) -> Callable[..., Any]:
    """A step at which the work ends, by SIGKILL or by an error: before it is taken, or right after."""
    calls = 0

    def step(real: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == on_call and before:
            end()
        outcome = real(*arguments, **options)
        if calls == on_call:
            end()
        return outcome

    def end() -> None:
        if error is not None:
            raise error
        os.kill(os.getpid(), signal.SIGKILL)

    return step
