"""SQLite's files: what is refused, as problems (a lock, a full disk, no database), and how tables change."""

from __future__ import annotations

import contextlib
import re
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

from .problem import Damaged, DiskFull, Problem, Refused, TryLater, Unavailable

_IN_THE_WAY: dict[int, tuple[type[Unavailable], str]] = {
    sqlite3.SQLITE_BUSY: (TryLater, "another process holds {}"),
    sqlite3.SQLITE_FULL: (DiskFull, "{} could not be written"),
    sqlite3.SQLITE_IOERR_SHMSIZE: (DiskFull, "{} could not be opened"),
    sqlite3.SQLITE_READONLY: (Unavailable, "{} may not be written to"),
    sqlite3.SQLITE_CANTOPEN: (Unavailable, "{} cannot be opened, or its folder not written to"),
    sqlite3.SQLITE_IOERR: (Unavailable, "the disk that holds {} does not answer as it should"),
}


def sqlite_problem(error: BaseException | None, what: str, way_out: str = "") -> Problem:
    """The problem that an error of `sqlite3` is; `way_out` is the hint for a file that is damaged."""
    code = getattr(error, "sqlite_errorcode", 0)
    found = _IN_THE_WAY.get(code) or _IN_THE_WAY.get(code & 0xFF)
    if found is None:
        return Damaged(f"{what} is damaged: it is no longer a readable database", hint=way_out)
    kind, words = found
    return kind(words.format(what), hint=kind.advice or "Nothing was changed; try again once it is mended.")


@contextlib.contextmanager
def sqlite_problems(what: str, way_out: str = "") -> Iterator[None]:
    """Raises the `Unavailable` or `Damaged` that errors of `sqlite3` inside are."""
    try:
        yield
    except sqlite3.ProgrammingError:  # ours, not the file's
        raise
    except sqlite3.DatabaseError as error:
        raise sqlite_problem(error, what, way_out) from error
    except UnicodeDecodeError:  # names of tables and columns, which sqlite3 decodes before it looks at them
        raise sqlite_problem(None, what, way_out) from None


_ASIDE = re.compile(
    rb"""'[^']*'|"[^"]*"|`[^`]*`|\[[^\]]*\]|--[^\n]*|/\*.*?(?:\*/|\Z)""", re.DOTALL
)  # quoted names and texts, comments
_COMPUTES = re.compile(rb"\b(?:virtual|check|generated|as)\b|\bdefault\s*\(", re.IGNORECASE)


def require_plain(path: Path, what: str) -> None:
    """Raises `Damaged` unless a database from elsewhere is sound and holds tables and plain indices only.

    A trigger, a view or an expression in it would be run by whoever writes to it, and may have no end.
    """
    damaged = Damaged(f"{what} is not a database as this program makes them")
    with (
        sqlite_problems(what),
        closing(sqlite3.connect(f"{path.resolve().as_uri()}?immutable=1", uri=True)) as connection,
    ):
        connection.text_factory = bytes
        connection.execute("PRAGMA trusted_schema = OFF")
        connection.execute("PRAGMA cell_size_check = ON")
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, 1 << 25)
        for kind, text in connection.execute("SELECT type, coalesce(sql, '') FROM sqlite_master").fetchall():
            sql = _ASIDE.sub(b" ", text)
            plain = kind == b"table" or (kind == b"index" and sql.count(b"(") <= 1)  # no function of a column
            if not plain or _COMPUTES.search(sql):
                raise damaged
        if connection.execute("PRAGMA quick_check(1)").fetchone() != (b"ok",):
            raise damaged


def migrate(connection: sqlite3.Connection, steps: Sequence[str], what: str) -> None:
    """Makes the tables those of this program: runs the scripts in `steps` that the database has not had.

    Each is one transaction, done or undone as a whole, and run by one of those who open the database at once;
    `PRAGMA user_version` counts them. The connection is in autocommit mode. Raises `Refused` for a database
    that has had more.
    """
    while (version := _version(connection)) != len(steps):
        if version > len(steps):
            raise Refused(
                f"{what} was made by a newer program: version {version}, and this one knows {len(steps)}",
                hint="Nothing was changed. Use that program.",
            )
        try:
            connection.execute("BEGIN IMMEDIATE")
            if _version(connection) == version:  # else another process was first
                for statement in _statements(steps[version]):
                    connection.execute(statement)
                connection.execute(f"PRAGMA user_version = {version + 1}")
            connection.execute("COMMIT")
        finally:
            connection.rollback()


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _statements(script: str) -> Iterator[str]:
    """One by one: `executescript` would end the transaction that it is in."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):  # knows of triggers, which have semicolons inside
            yield statement
            statement = ""
    yield statement  # nothing, or what is refused as incomplete
