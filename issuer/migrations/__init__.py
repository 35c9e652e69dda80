"""Changes of the index's tables: numbered SQL files, each run once and in order where an index is older.

The number of the last that ran stands in the database, as `PRAGMA user_version`. A change of the tables is
one more file here; one that was released is never edited.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

FOLDER = Path(__file__).parent


def steps() -> list[Path]:
    """The files in their order: number `n` makes version `n` of version `n - 1`."""
    return sorted(FOLDER.glob("[0-9]*.sql"))


def statements(step: Path) -> Iterator[str]:
    """The statements of a file one by one: run as a whole, a script would end the transaction it is in."""
    statement = ""
    for line in step.read_text(encoding="utf-8").splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):  # knows of triggers, which have semicolons inside
            yield statement
            statement = ""
    if statement.strip():
        yield statement
