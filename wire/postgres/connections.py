"""The one way to PostgreSQL: some connections, kept for the next who needs one, and what errors of it mean.

Nothing here outlives a transaction (no prepared statement, no setting, no lock of a session), so that a
pgbouncer that pools transactions may stand in between.
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
"""Connections that work at the same time, beside those that hold a lock or wait for it."""
_WAIT = 30.0  # seconds, for one of them

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
"""By SQLSTATE, or the class that it begins with (PostgreSQL, appendix A)."""


class Tenant(NamedTuple):
    """Who keeps tables in a schema of a database, and what it means there that something is not as needed."""

    what: str
    """Its name in sentences."""
    schema: str
    steps: Sequence[Path]
    """Numbered SQL, of which each makes the tables of one version out of those before."""
    turn: int
    """The advisory lock of those who take turns."""
    overtaken: Raisable[Problem]
    """For a constraint that forbids what was written."""
    not_prepared: Raisable[Problem]
    """For tables that are missing, or of an older version."""
    role: Raisable[Problem]
    """For a role that lacks a right."""
    not_durable: Raisable[Problem]
    """For a server that would lose what it acknowledged."""

    @contextlib.contextmanager
    def problems(self) -> Iterator[None]:
        """Raises the problem that an error of the database is. What was in a statement is never shown."""
        try:
            yield
        except psycopg.Error as error:
            raise self._problem(error) from None

    def _problem(self, error: psycopg.Error) -> Problem:
        code = error.sqlstate or ""
        if not code and isinstance(error, psycopg.OperationalError | _Lost):
            said, _, _ = str(error).partition("\n")
            detail = f"the database of {self.what} cannot be reached: {printable(said[:300])}"
            return Unavailable(detail, hint=_AGAIN)
        kinds = {**_KINDS, **self._kinds()}
        kind, detail = (
            kinds.get(code) or kinds.get(code[:2]) or (Unavailable, "the database of {what} failed")
        )
        said = f"{detail.format(what=self.what)} ({code or type(error).__name__})"
        return kind(said, hint=_AGAIN if kind is Unavailable else "")

    def _kinds(self) -> Mapping[str, tuple[Raisable[Problem], str]]:
        return {
            "23": (self.overtaken, "another writer has changed {what} meanwhile"),
            "3F": (self.not_prepared, "the database has no tables of {what}"),
            "42501": (self.role, "the role in the database of {what} may not do this"),
            "42P01": (self.not_prepared, "the database has no tables of {what}"),
        }


class Connections:
    """Connections as `conninfo` says; `admit` looks at each, and raises where it will not do.

    Raises `Unavailable` and what else the database's errors mean, `TryLater` where too many are at work.
    """

    def __init__(self, conninfo: str, admit: Callable[[Cursor], object], tenant: Tenant) -> None:
        self._conninfo, self._admit, self._tenant = conninfo, admit, tenant
        self._free = threading.BoundedSemaphore(LIMIT)
        self._idle: list[_Connection] = []
        self._process = os.getpid()
        weakref.finalize(self, _close, self._idle, self._process)

    def close(self) -> None:
        """Closes those that nobody uses now; others are opened when they are needed."""
        with contextlib.suppress(IndexError):  # another thread may take the last one
            while self._process == os.getpid():
                self._idle.pop().close()

    def run(self, work: Callable[[Cursor], _T]) -> _T:
        """Do some work of one statement.

        Where the connection breaks it is done once more, on a new one: work here may be done twice.
        Raises `TryLater` where too many are at work, and what the errors of the database mean.
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

        Where its connection broke, the answer to COMMIT may have been lost: it is tried once more, so that it
        has to be of the kind that changes nothing the second time.
        """
        return self.run(lambda cursor: _in_transaction(cursor, work, durably=durably))

    def once(self, work: Callable[[Cursor], _T]) -> _T:
        """Do some work as one transaction that is not tried again, since the second time it would do more.

        Where its connection broke, nothing says whether it was done: raises `Unavailable`.
        """

        def begun(cursor: Cursor) -> _T:
            try:
                return _in_transaction(cursor, work, durably=True)
            except psycopg.OperationalError as error:
                if cursor.connection.closed:
                    raise _Lost(*error.args) from error
                raise

        return self.run(begun)

    @contextlib.contextmanager
    def held(self, statement: str, patience: float | None) -> Iterator[None]:
        """A transaction that holds the lock which a statement takes, until the block ends or it is lost.

        Who has gone from the network holds it for a minute. Raises `TryLater` after `patience`, in seconds.
        """
        wait = 0 if patience is None else max(1, round(patience * 1000))
        with self._tenant.problems():
            connection = self._taken()
            try:
                with connection.cursor() as cursor:
                    cursor.execute(
                        f"BEGIN; SET LOCAL lock_timeout = {wait}; "
                        f"SET LOCAL idle_in_transaction_session_timeout = '60s'; {statement}"
                    )
            except BaseException:
                self._give_back(connection)
                raise
        try:
            yield
        finally:
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
        if self._process != os.getpid():  # the parent's connections are not this process's to use
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
    """The connection broke in the middle of what is not tried again."""


class _Broken(psycopg.OperationalError):
    """The connection broke, and with it what was under way."""


def _in_transaction(cursor: Cursor, work: Callable[[Cursor], _T], *, durably: bool) -> _T:
    commit = "on" if durably else "off"
    begin = f"BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL synchronous_commit = {commit}"
    cursor.execute(begin, binary=False)  # so that two statements are one message
    result = work(cursor)
    cursor.execute("COMMIT")
    if cursor.statusmessage != "COMMIT":
        raise errors.TransactionRollback
    return result


def _is_ended(connection: _Connection) -> bool:
    """Whether the server has closed it, as far as is known here: else it says nothing unasked."""
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    return bool(poll.poll(0))


def _close(idle: list[_Connection], process: int) -> None:
    if process == os.getpid():
        for connection in idle:
            connection.close()
