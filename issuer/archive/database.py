"""One SQLite file through SQLAlchemy: transactions, what they raise, and the steps to the newest tables."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import quote

from sqlalchemy import URL, Connection, create_engine, event
from sqlalchemy.exc import DatabaseError, IntegrityError, ProgrammingError

from wire.sqlite import migrate, sqlite_problem, sqlite_problems

from . import migrations

_PRAGMAS = (
    *("journal_mode = WAL", "synchronous = FULL", "fullfsync = ON", "cache_size = -65536"),
    "wal_checkpoint",  # syncs what a killed process wrote, before anyone acts on it
)
_LOCK_WAIT = 30.0  # seconds
_WHAT = "the issuer's index"
_WAY_OUT = "`intaglio issuer --home FOLDER restore BACKUP` brings back a backup."


class Database:
    """The file at `path`, made or migrated when needed; processes and threads take turns.

    Every method raises `Unavailable` or `Damaged` for what the file or the disk refuses.
    """

    def __init__(self, path: Path) -> None:
        self._turn = threading.Lock()
        query = {"uri": "true"}
        self.is_writable = os.access(path.parent, os.W_OK)
        if self.is_writable:
            path.touch(mode=0o600)
        elif Path(f"{path}-wal").exists():
            query["mode"] = "ro"
        else:  # nobody can begin to write there, and no writer has left its log: the file is all there is
            query["immutable"] = "1"
        where = URL.create("sqlite", database=f"file:{quote(str(path))}", query=query)
        # An error's text must not have the names of graduates in it.
        self._engine = create_engine(where, connect_args={"timeout": _LOCK_WAIT}, hide_parameters=True)
        event.listen(self._engine, "connect", _begin_by_hand)
        if self.is_writable:
            event.listen(self._engine, "connect", _configure)
        event.listen(self._engine, "begin", _begin)
        steps = migrations.steps()
        with self.reading() as connection:  # without waiting for a writer
            version = connection.exec_driver_sql("PRAGMA user_version").scalar_one()
        if version != len(steps):
            with sqlite_problems(_WHAT, _WAY_OUT), closing(self._engine.raw_connection()) as raw:
                assert isinstance(raw.driver_connection, sqlite3.Connection)
                migrate(raw.driver_connection, [step.read_text("utf-8") for step in steps], _WHAT)

    def close(self) -> None:
        """Closes the file in this process."""
        self._engine.dispose()

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A transaction that sees the file as it is now, whatever others write meanwhile."""
        with self._problems(), self._engine.begin() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """The one transaction that may write, durable when the block ends; raises `IntegrityError`, too.

        Threads take turns here: SQLite would have them look again and again, and give up.
        """
        with self._turn, self._problems(), self._engine.execution_options(write=True).begin() as connection:
            yield connection

    @contextmanager
    def _problems(self) -> Iterator[None]:
        try:
            yield
        except (IntegrityError, ProgrammingError):  # the one for the caller, the other a mistake of ours
            raise
        except DatabaseError as error:
            raise sqlite_problem(error.orig, _WHAT, _WAY_OUT) from error


def _begin_by_hand(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None  # BEGIN is ours


def _configure(connection: sqlite3.Connection, _record: object) -> None:
    for pragma in _PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")


def _begin(connection: Connection) -> None:
    """A writer takes the lock at once: a transaction that reads first could no longer be given it later."""
    writes = connection.get_execution_options().get("write")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
