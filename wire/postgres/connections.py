"""The one way to PostgreSQL: a pool of connections, and the problems that its errors become.

Nothing here outlives a transaction (no prepared statement, no setting, no lock of a session), so that it
works through a pgbouncer that pools transactions.
"""

from __future__ import annotations

import contextlib
import os
import select
import threading
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias, TypeVar

import psycopg
from psycopg import errors, pq

from ..problem import DISK_FULL, Damaged, NotFound, Problem, Raisable, Refused, TryLater, Unavailable
from ..text import printable

Cursor: TypeAlias = psycopg.Cursor[Any]
_Connection: TypeAlias = psycopg.Connection[Any]
_T = TypeVar("_T")

LIMIT = 8
"""Most connections that work at the same time, beside those that stream rows, hold a lock or wait for it."""
_WAIT = 30.0  # seconds, for one of them

LEASE = 60.0
"""The time in seconds after which the server takes a lock from a holder that gives no sign of life."""
_BEATS = 4  # signs of life in that time

_AGAIN = "Nothing that was acknowledged is lost. Once the database is well, do the same again."
_KINDS: Mapping[str, tuple[Raisable[Problem], str]] = {
    "08": (Unavailable, "the database of {what} does not answer"),
    "25006": (Refused, "this server of {what}'s database is only read from"),
    "28": (Refused, "the database of {what} does not let this user in"),
    "3D": (NotFound, "there is no such database"),
    "40": (TryLater, "other work in the database of {what} was in the way"),
    "53": (TryLater, "the server of the database of {what} is busy"),
    "53100": (DISK_FULL, "the server of the database of {what} has no room"),
    "55P03": (TryLater, "another process holds {what}"),
    "57": (TryLater, "the server of the database of {what} is stopping or starting"),
    "XX001": (Damaged, "the database of {what} says that its files are damaged"),
    "XX002": (Damaged, "the database of {what} says that its files are damaged"),
}
"""By SQLSTATE, or by its class, the first two characters (PostgreSQL, appendix A)."""


class Tenant(NamedTuple):
    """The owner of the tables in a schema, with the problems that it raises for faults of the database."""

    what: str
    """Its name in sentences."""
    schema: str
    steps: Sequence[Path]
    """Numbered SQL files; each makes the tables of one version out of the version before."""
    turn: int
    """The key of the advisory lock that serialises its writers."""
    overtaken: Raisable[Problem]
    """For a write that violates a constraint."""
    not_prepared: Raisable[Problem]
    """For tables that are missing, or of an older version."""
    role: Raisable[Problem]
    """For a role that lacks a right."""
    not_durable: Raisable[Problem]
    """For a server that would lose acknowledged writes."""

    @contextlib.contextmanager
    def problems(self) -> Iterator[None]:
        """Raises errors of the database as problems, which never show the content of a statement."""
        try:
            yield
        except psycopg.Error as error:
            raise self._problem(error) from None

    def _problem(self, error: psycopg.Error) -> Problem:
        code = error.sqlstate or ""
        if not code and isinstance(error, psycopg.OperationalError | _Lost):
            message, _, _ = str(error).partition("\n")
            detail = f"the database of {self.what} cannot be reached: {printable(message[:300])}"
            return Unavailable(detail, hint=_AGAIN)
        kinds = {**_KINDS, **self._kinds()}
        kind, detail = (
            kinds.get(code) or kinds.get(code[:2]) or (Unavailable, "the database of {what} failed")
        )
        message = f"{detail.format(what=self.what)} ({code or type(error).__name__})"
        return kind(message, hint=_AGAIN if kind is Unavailable else "")

    def _kinds(self) -> Mapping[str, tuple[Raisable[Problem], str]]:
        return {
            "23": (self.overtaken, "another writer has changed {what} meanwhile"),
            "3F": (self.not_prepared, "the database has no tables of {what}"),
            "42501": (self.role, "the role in the database of {what} may not do this"),
            "42P01": (self.not_prepared, "the database has no tables of {what}"),
        }


class Connections:
    """A pool of connections by `conninfo`; `admit` checks each new one, and raises if it is unfit.

    Raises `Unavailable` and the other problems of the database, `TryLater` where too many are at work.
    """

    def __init__(self, conninfo: str, admit: Callable[[Cursor], object], tenant: Tenant) -> None:
        self._conninfo, self._admit, self._tenant = conninfo, admit, tenant
        self._free = threading.BoundedSemaphore(LIMIT)
        self._idle: list[_Connection] = []
        self._process = os.getpid()
        weakref.finalize(self, _close, self._idle, self._process)

    def close(self) -> None:
        """Close the idle connections; new ones are opened when they are needed."""
        with contextlib.suppress(IndexError):  # another thread may take the last one
            while self._process == os.getpid():
                self._idle.pop().close()

    def run(self, work: Callable[[Cursor], _T]) -> _T:
        """Do some work of one statement.

        If the connection breaks, the work is done once more on a new one, so that it may be done twice.
        Raises `TryLater` where too many are at work, and the problems of the database.
        """
        if not self._free.acquire(timeout=_WAIT):
            raise TryLater(f"more than {LIMIT} threads work with the database of {self._tenant.what}")
        try:
            with self._tenant.problems():
                try:
                    return self._work(work)
                except _Broken:
                    return self._work(work)
        finally:
            self._free.release()

    def write(self, work: Callable[[Cursor], _T], *, durably: bool = True) -> _T:
        """Do some work as one transaction, which is durable when this returns.

        If the connection breaks, the answer to COMMIT may have been lost, and the work is done once more. The
        second time it must change nothing, or raise. It must not use up an iterator.
        """
        return self.run(lambda cursor: _in_transaction(cursor, work, durably=durably))

    def once(self, work: Callable[[Cursor], _T]) -> _T:
        """Do some work as one transaction that is never tried again, since it is not idempotent.

        Raises `Unavailable` if the connection breaks: the work may or may not have been done.
        """

        def begun(cursor: Cursor) -> _T:
            try:
                return _in_transaction(cursor, work, durably=True)
            except psycopg.OperationalError as error:
                if cursor.connection.closed:
                    raise _Lost(*error.args) from error
                raise

        return self.run(begun)

    def streamed(self, query: str, types: Sequence[str]) -> Iterator[tuple[Any, ...]]:
        """The rows of one query, fetched as they are consumed; `types` are those of its columns.

        Nothing is tried again, since rows were given out by then. Raises the problems of the database, also
        in the middle.
        """
        with self._tenant.problems():
            connection = self._taken()
            try:
                with (
                    connection.cursor() as cursor,
                    cursor.copy(f"COPY ({query}) TO STDOUT (FORMAT BINARY)") as copying,
                ):
                    copying.set_types(types)
                    yield from copying.rows()
            finally:
                self._give_back(connection)

    @contextlib.contextmanager
    def held(self, statement: str, patience: float | None, lease: float = LEASE) -> Iterator[None]:
        """A transaction that holds the lock which a statement takes, until the block ends or it is lost.

        A holder that vanished from the network, or whose process stands still, keeps it for `lease` seconds.
        Raises `TryLater` after `patience`, in seconds.
        """
        wait = 0 if patience is None else max(1, round(patience * 1000))
        with self._tenant.problems():
            connection = self._taken()
            try:
                with connection.cursor() as cursor:
                    cursor.execute(
                        f"BEGIN; SET LOCAL lock_timeout = {wait}; "
                        f"SET LOCAL idle_in_transaction_session_timeout = {round(lease * 1000)}; {statement}"
                    )
            except BaseException:
                self._give_back(connection)
                raise
        done = threading.Event()
        beat = threading.Thread(target=_keep_alive, args=(connection, done, lease / _BEATS), daemon=True)
        beat.start()
        try:
            yield
        finally:
            done.set()
            beat.join()
            self._give_back(connection)

    def _work(self, work: Callable[[Cursor], _T]) -> _T:
        connection = self._taken()
        try:
            with connection.cursor(binary=True) as cursor:
                return work(cursor)
        except psycopg.OperationalError as error:
            if connection.closed:
                raise _Broken(*error.args) from error
            raise
        finally:
            self._give_back(connection)

    def _taken(self) -> _Connection:
        if self._process != os.getpid():  # a forked process must not use its parent's connections
            self._idle, self._process = [], os.getpid()
        while True:
            try:
                connection = self._idle.pop()
            except IndexError:
                return self._new()
            if not _is_ended(connection):
                return connection
            connection.close()

    def _new(self) -> _Connection:
        connection = psycopg.connect(self._conninfo, autocommit=True, prepare_threshold=None)
        try:
            with connection.cursor() as cursor:
                self._admit(cursor)
        except BaseException:
            connection.close()
            raise
        return connection

    def _give_back(self, connection: _Connection) -> None:
        with contextlib.suppress(psycopg.Error):
            connection.rollback()
        is_free = connection.info.transaction_status is pq.TransactionStatus.IDLE  # not so after Ctrl-C
        if is_free and len(self._idle) < LIMIT:
            self._idle.append(connection)
        else:
            connection.close()


class _Lost(psycopg.InterfaceError):
    """The connection broke in the middle of work that is not tried again.

    It is no `OperationalError`, since that would be tried again.
    """


class _Broken(psycopg.OperationalError):
    """The connection broke, and with it the work under way."""


def _in_transaction(cursor: Cursor, work: Callable[[Cursor], _T], *, durably: bool) -> _T:
    commit = "on" if durably else "off"
    begin = f"BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL synchronous_commit = {commit}"
    cursor.execute(begin, binary=False)  # so that two statements are one message
    result = work(cursor)
    cursor.execute("COMMIT")
    if cursor.statusmessage != "COMMIT":
        raise errors.TransactionRollback
    return result


def _keep_alive(connection: _Connection, done: threading.Event, beat: float) -> None:
    """Shows the server that the holder of a lock is at work, until it is done or the lock is lost."""
    with contextlib.suppress(psycopg.Error):
        while not done.wait(beat):
            connection.execute("SELECT")


def _is_ended(connection: _Connection) -> bool:
    """True if the server closed it, as far as is known here: an open server sends nothing unasked."""
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    return bool(poll.poll(0))


def _close(idle: list[_Connection], process: int) -> None:
    if process == os.getpid():
        for connection in idle:
            connection.close()
