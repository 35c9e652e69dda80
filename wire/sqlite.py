"""The one way to SQLite: opens database files, serialises their writers, migrates and copies them.

Tables change by numbered steps of SQL, each one transaction. Errors of the file or the disk become problems:
a lock, a full disk, a file that is no database.
"""

from __future__ import annotations

import contextlib
import functools
import os
import re
import sqlite3
import threading
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Literal

from .files import locked
from .problem import DISK_FULL, Damaged, Problem, Raisable, Refused, TryLater, Unavailable

LOCK_WAIT = 30.0
"""Most seconds that one process waits for another."""

OpenDatabase = sqlite3.Connection
"""The connection with an open transaction."""

Migration = str | Callable[[sqlite3.Connection], object]
"""One change of the tables: SQL, or a function that takes the connection with the open transaction."""

_PRAGMAS = (
    "trusted_schema = OFF",  # a file from elsewhere brings no code along
    "cell_size_check = ON",
    "synchronous = FULL",
    "fullfsync = ON",  # macOS: through the drive's own cache
)
_OF_WRITERS = (
    "cache_size = -8192",  # KiB; with 64 MiB a million rows write 5 % less, and memory grows with the rows
    "wal_checkpoint",  # syncs what a killed process wrote, before anyone acts on it
)
_AT_ONCE = 32  # rows in a statement, which take half the time that a statement for each does
_IDLE = 5  # connections; more are closed after use

IN_THE_WAY: dict[int, tuple[Raisable[Unavailable], str]] = {
    sqlite3.SQLITE_BUSY: (TryLater, "another process holds {what}"),
    sqlite3.SQLITE_FULL: (DISK_FULL, "{what} could not be written"),
    sqlite3.SQLITE_IOERR_SHMSIZE: (DISK_FULL, "{what} could not be opened"),
    sqlite3.SQLITE_READONLY: (Unavailable, "{what} may not be written to"),
    sqlite3.SQLITE_CANTOPEN: (Unavailable, "{what} cannot be opened, or its folder not written to"),
    sqlite3.SQLITE_IOERR: (Unavailable, "the disk that holds {what} does not answer as it should"),
}


def sqlite_problem(error: BaseException | None, what: str, damaged: Raisable[Damaged] = Damaged) -> Problem:
    """The problem for an error of `sqlite3`; `damaged` for a damaged file."""
    code = getattr(error, "sqlite_errorcode", 0)
    obstacle = IN_THE_WAY.get(code) or IN_THE_WAY.get(code & 0xFF)
    if obstacle is None:
        return damaged.saying("{what} is damaged: it is no longer a readable database", what=what)
    kind, words = obstacle
    hint = "Nothing was changed; try again once it is mended." if kind is Unavailable else ""
    return kind.saying(words, what=what, hint=hint)


@contextlib.contextmanager
def sqlite_problems(what: str, damaged: Raisable[Damaged] = Damaged) -> Iterator[None]:
    """Raises errors of `sqlite3` in the block as `Unavailable`, or as `damaged`."""
    try:
        yield
    except sqlite3.ProgrammingError:  # ours, not the file's
        raise
    except sqlite3.DatabaseError as error:
        raise sqlite_problem(error, what, damaged) from error
    except UnicodeDecodeError:  # names of tables and columns, which sqlite3 decodes before it looks at them
        raise sqlite_problem(None, what, damaged) from None


def connect(
    path: Path | None, mode: Literal["rw", "ro", "immutable"] = "rw", *, patience: float = LOCK_WAIT
) -> sqlite3.Connection:
    """Open an existing file, or without a path a database in memory, for any one thread at a time.

    It begins no transaction by itself; committed content is on the disk. `immutable`: nobody writes to it.
    """
    where = ":memory:" if path is None else f"{path.resolve().as_uri()}?{_how(path, mode)}"
    connection = sqlite3.connect(
        where, uri=True, isolation_level=None, timeout=patience, check_same_thread=False
    )
    for pragma in _PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")
    return connection


def _how(path: Path, mode: str) -> str:
    # In a folder that may only be read nobody can begin to write; the file is all there is, unless a writer
    # has left its log beside it.
    if mode != "immutable" and not os.access(path.parent, os.W_OK):
        mode = "ro" if Path(f"{path}-wal").exists() else "immutable"
    return "mode=ro&immutable=1" if mode == "immutable" else f"mode={mode}"


class Database:
    """One file, created or migrated when needed: writers take turns, readers wait for nobody.

    In a read-only folder, an older file is read from a migrated copy in memory.

    Every method raises `Unavailable` or `Damaged` for errors of the file or the disk.
    """

    def __init__(
        self,
        path: Path,
        steps: Sequence[Migration],
        what: str,
        damaged: Raisable[Damaged] = Damaged,
        *,
        first: int = 1,
        patience: float = LOCK_WAIT,
    ) -> None:
        """`steps` and `first` as in `migrate`; `what` names the file in problems, `damaged` among them."""
        self.path, self._patience = path, patience
        self._turn = threading.Lock()
        self._idle: list[sqlite3.Connection] = []
        _databases.add(self)
        self._problems = functools.partial(sqlite_problems, what, damaged)
        self._migrate = functools.partial(migrate, steps=steps, what=what, first=first)
        self._newest = first + len(steps) - 1
        self.is_writable = os.access(path.parent, os.W_OK)
        if self.is_writable:
            path.touch(mode=0o600)
        with self._problems(), self._connected() as connection:
            self._migrate(connection)

    def close(self) -> None:
        """Close the file in this process; the next use opens it again."""
        with contextlib.suppress(IndexError):  # another thread may take the last one
            while True:
                self._idle.pop().close()

    @contextlib.contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """A transaction that sees the file as it is now, unaffected by writers in the meantime."""
        with self._problems(), self._connected() as connection:
            connection.execute("BEGIN")
            yield connection

    @contextlib.contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """The one transaction that may write, durable when the block ends; undone where that raises.

        It takes the lock at once: SQLite may refuse the lock to a transaction that has read first. Threads
        queue here, since SQLite would have them poll, and give up.
        """
        with self._turn, self._problems(), self._connected() as connection:
            connection.execute("BEGIN IMMEDIATE")
            yield connection
            connection.commit()

    def read(self, query: str, *values: object) -> list[Any]:
        """The rows of one query, in a transaction of its own: see `reading`."""
        with self.reading() as connection:
            return connection.execute(query, values).fetchall()

    def write(self, statement: str, *values: object) -> None:
        """One statement, in a transaction of its own: see `writing`."""
        with self.writing() as connection:
            connection.execute(statement, values)

    @contextlib.contextmanager
    def _connected(self) -> Iterator[sqlite3.Connection]:
        try:
            connection = self._idle.pop()
        except IndexError:
            connection = self._open()
        try:
            yield connection
        finally:
            connection.rollback()
            if len(self._idle) < _IDLE:
                self._idle.append(connection)
            else:
                connection.close()

    def begin_turns(self) -> None:
        """Release the turn in a forked process: the thread that may have held it does not exist there."""
        self._turn = threading.Lock()

    def _open(self) -> sqlite3.Connection:
        connection = connect(self.path, patience=self._patience)
        if self.is_writable:
            if connection.execute("PRAGMA journal_mode").fetchone() != ("wal",):
                with locked(self.path):  # SQLite does not wait when it changes the mode
                    connection.execute("PRAGMA journal_mode = WAL")
            for pragma in _OF_WRITERS:
                connection.execute(f"PRAGMA {pragma}")
        elif _version(connection) < self._newest:  # where nothing can be written, a copy becomes as new
            with closing(connection) as older:
                connection = connect(None)
                older.backup(connection)
            self._migrate(connection)
        return connection


_databases: weakref.WeakSet[Database] = weakref.WeakSet()


def _close_before_fork() -> None:
    # SQLite's locks are not inherited. By a connection of its parent's a process would go on writing to a log
    # that is gone when the parent closes the file, and so would be what it was told is durable.
    for database in tuple(_databases):
        database.close()


def _begin_turns_after_fork() -> None:
    for database in tuple(_databases):
        database.begin_turns()


os.register_at_fork(before=_close_before_fork, after_in_child=_begin_turns_after_fork)


def copy(path: Path, target: Path, what: str, damaged: Raisable[Damaged] = Damaged) -> None:
    """Write a new file with the database as it is now, even while others write to it.

    Raises `damaged` where it is not sound.
    """
    target.touch(mode=0o600)
    with sqlite_problems(what, damaged), closing(connect(path)) as source, closing(connect(target)) as copied:
        source.backup(copied)
        if copied.execute("PRAGMA quick_check").fetchone() != ("ok",):
            raise sqlite3.DatabaseError


_ASIDE = re.compile(
    rb"""'[^']*'|"[^"]*"|`[^`]*`|\[[^\]]*\]|--[^\n]*|/\*.*?(?:\*/|\Z)""", re.DOTALL
)  # quoted names and texts, comments
_COMPUTES = re.compile(rb"\b(?:virtual|check|generated|as)\b|\bdefault\s*\(", re.IGNORECASE)


def require_plain(path: Path, what: str) -> None:
    """Raises `Damaged` unless a database from elsewhere is sound and holds tables and plain indices only.

    A trigger, a view or an expression in it would run in the process that writes to it, perhaps without end.
    """
    damaged = Damaged.saying("{what} is not a database as this program makes them", what=what)
    with sqlite_problems(what), closing(connect(path, "immutable")) as connection:
        connection.text_factory = bytes
        # Bytes: a row can claim any size.
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, 1 << 25)
        for kind, text in connection.execute("SELECT type, coalesce(sql, '') FROM sqlite_master").fetchall():
            sql = _ASIDE.sub(b" ", text)
            plain = kind == b"table" or (kind == b"index" and sql.count(b"(") <= 1)  # no function of a column
            if not plain or _COMPUTES.search(sql):
                raise damaged
        if connection.execute("PRAGMA quick_check(1)").fetchone() != (b"ok",):
            raise damaged


def migrate(connection: sqlite3.Connection, steps: Sequence[Migration], what: str, first: int = 1) -> None:
    """Bring the tables to this program's version: run the `steps` that the database has not had.

    The first step makes version `first`, out of an empty database or any older one; each other step makes the
    next version. A step is one transaction, done or undone as a whole. If several processes open the database
    at once, one of them runs it. `PRAGMA user_version` has the version. The connection is in autocommit mode.
    Raises `Refused` for a newer database, and what a step raises.
    """
    newest = first + len(steps) - 1
    while (version := require_known(connection, newest, what)) < newest:
        following = max(version + 1, first)
        step = steps[following - first]
        try:
            connection.execute("BEGIN IMMEDIATE")
            if _version(connection) == version:  # else another process was first
                if isinstance(step, str):
                    run(connection, step)
                else:
                    step(connection)
                connection.execute(f"PRAGMA user_version = {following}")
            connection.execute("COMMIT")
        finally:
            connection.rollback()


def require_known(connection: sqlite3.Connection, newest: int, what: str) -> int:
    """Return the version of a database. Raises `Refused` where it is above `newest`."""
    version = _version(connection)
    if version > newest:
        raise Refused.saying(
            "{what} was made by a newer program: version {version}, and this one knows {known}",
            what=what,
            version=version,
            known=newest,
            hint="Nothing was changed. Use that program.",
        )
    return version


def insert(connection: sqlite3.Connection, into: str, names: str, *columns: Sequence[Any]) -> None:
    """Insert rows within the open transaction: `into` begins with `INTO` or `OR IGNORE INTO`.

    After the `names` of columns come their values, column by column: tuples would cost a third as much again.
    """
    width = len(columns)
    flat: list[Any] = [None] * (width * len(columns[0]))
    for place, column in enumerate(columns):
        flat[place::width] = column
    row, step = f"({', '.join('?' * width)})", _AT_ONCE * width
    for start in range(0, len(flat), step):
        values = flat[start : start + step]
        rows = ", ".join([row] * (len(values) // width))
        connection.execute(f"INSERT {into} ({names}) VALUES {rows}", values)  # noqa: S608 -- constants


def run(connection: sqlite3.Connection, script: str) -> None:
    """Execute the statements of a script within the open transaction, which `executescript` would end."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):  # knows of triggers, which have semicolons inside
            connection.execute(statement)
            statement = ""
    connection.execute(statement)  # nothing, or what is refused as incomplete


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])
