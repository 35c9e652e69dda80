"""Publishes status lists that changed or are half through their life, while the issuer's service runs."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Protocol

from wire.problem import Problem

_LOG = logging.getLogger(__name__)

PAUSE = 30.0
"""The time in seconds between two checks: a superseded edition is listed after a minute at most."""


class Publishes(Protocol):
    """The part of the issuer's lists that renewal needs."""

    def publish(self, *, now: datetime) -> list[int]:
        """Signs and writes the lists that are due."""


@contextmanager
def renewing(lists: Publishes, clock: Callable[[], datetime], pause: float = PAUSE) -> Iterator[None]:
    """Publishes due lists at once, then each `pause` seconds until the block ends, and once more then.

    Raises the error of the first publication; a later error is reported, and tried again.
    """
    lists.publish(now=clock())
    ended = threading.Event()
    thread = threading.Thread(target=_renew, args=(lists, clock, ended, pause), name="renewal")
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        _publish(lists, clock)  # what a claim superseded just now


def _renew(lists: Publishes, clock: Callable[[], datetime], ended: threading.Event, pause: float) -> None:
    while not ended.wait(pause):
        _publish(lists, clock)


def _publish(lists: Publishes, clock: Callable[[], datetime]) -> None:
    try:
        lists.publish(now=clock())
    except Problem as problem:
        _LOG.error("The status lists could not be renewed: %s", problem.detail, extra={"problem": problem})
    except OSError as error:
        _LOG.error("The status lists could not be renewed: %s: %s", error.filename, error.strerror)
