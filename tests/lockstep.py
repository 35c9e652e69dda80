"""Races by barrier: threads that take each step at the same time, so that a race occurs every time.

A step is a statement of SQLite or a lock on a file. No thread takes its next step before all others have
reached theirs, or are blocked: nobody waits for a thread that finds a database or a file locked. So if two
threads check that something is free and then take it, both have checked before either takes it.
"""

from __future__ import annotations

import fcntl
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import pytest

from wire.problem import Problem

_IsLocked = Callable[[OSError | sqlite3.Error], bool]
_LONGEST = 30.0  # seconds, of a race that comes to no end


class Race:
    """Has the threads of `run` step together; made for one test."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._changed = threading.Condition()
        self._running: set[int] = set()
        self._waiting: set[int] = set()
        self._held_up: set[int] = set()
        self._standing_by: set[int] = set()
        connect, flock = sqlite3.connect, fcntl.flock
        race = self

        class Cursor(sqlite3.Cursor):
            def execute(self, *arguments: Any) -> Any:
                return race._locked(super().execute, arguments, _is_busy)

            def executemany(self, *arguments: Any) -> Any:
                return race._locked(super().executemany, arguments, _is_busy)

        class Connection(sqlite3.Connection):
            def cursor(self, *_: Any) -> Any:
                return super().cursor(Cursor)

            def execute(self, *arguments: Any) -> Any:
                return self.cursor().execute(*arguments)

        def stepping(*arguments: Any, **options: Any) -> sqlite3.Connection:
            connection: sqlite3.Connection = connect(
                *arguments, **{**options, "timeout": 0, "factory": Connection}
            )
            return connection

        def flocking(descriptor: int, kind: int) -> None:
            if kind & fcntl.LOCK_NB:  # tried again and again by its caller
                try:
                    flock(descriptor, kind)
                except BlockingIOError:
                    race._hold_up()
                    raise
                race._go_on()
            else:
                race._locked(flock, (descriptor, kind | fcntl.LOCK_NB), _is_held)

        monkeypatch.setattr(sqlite3, "connect", stepping)
        monkeypatch.setattr(fcntl, "flock", flocking)

    def run(self, works: Sequence[Callable[[], object]]) -> list[object]:
        """The result of each work, or the `Problem` that it raised."""
        results: list[object] = [None] * len(works)
        start = threading.Barrier(len(works), timeout=_LONGEST)

        def run(place: int) -> None:
            with self._changed:
                self._running.add(threading.get_ident())
            start.wait()
            try:
                results[place] = works[place]()
            except Problem as problem:
                results[place] = problem
            finally:
                with self._changed:
                    self._running.discard(threading.get_ident())
                    self._release()

        threads = [threading.Thread(target=run, args=(place,), daemon=True) for place in range(len(works))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(_LONGEST)
            assert not thread.is_alive(), "the race comes to no end"
        return results

    def step(self) -> None:
        """Waits until every other thread takes a step, too, or has just found again that it cannot."""
        me = threading.get_ident()
        with self._changed:
            if me in self._running:
                self._waiting.add(me)
                self._held_up.clear()  # the lock may be free by now: they try again
                self._release()
                assert self._changed.wait_for(lambda: me not in self._waiting, _LONGEST)

    def stand_by(self) -> None:
        """Waits until another thread lets this one go on."""
        me = threading.get_ident()
        with self._changed:
            self._standing_by.add(me)
            self._release()
            assert self._changed.wait_for(lambda: me not in self._standing_by, _LONGEST)

    def let_others(self) -> None:
        """Lets waiting threads go on, and waits until every other thread has ended, or is held up."""
        me = threading.get_ident()
        with self._changed:
            self._standing_by = {me}
            self._held_up.clear()
            self._release()
            assert self._changed.wait_for(lambda: self._running <= {me} | self._held_up, _LONGEST)
            self._standing_by.discard(me)

    def _release(self) -> None:
        if self._waiting >= self._running - self._held_up - self._standing_by:
            self._waiting.clear()
        self._changed.notify_all()

    def _locked(
        self,
        take: Callable[..., Any],
        arguments: Iterable[Any],
        is_locked: Callable[[OSError | sqlite3.Error], bool],
    ) -> Any:
        """Takes a lock as a step; while this thread waits for the lock, no other waits for this thread."""
        self.step()
        deadline = time.monotonic() + _LONGEST
        while True:
            try:
                lock = take(*arguments)
            except (OSError, sqlite3.Error) as error:
                if not is_locked(error) or time.monotonic() > deadline:
                    raise
                self._hold_up()
                time.sleep(0.001)
            else:
                self._go_on()
                return lock

    def _hold_up(self) -> None:
        with self._changed:
            self._held_up.add(threading.get_ident())
            self._release()

    def _go_on(self) -> None:
        with self._changed:
            self._held_up.discard(threading.get_ident())


def _is_busy(error: OSError | sqlite3.Error) -> bool:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_BUSY


def _is_held(error: OSError | sqlite3.Error) -> bool:
    return isinstance(error, BlockingIOError)
