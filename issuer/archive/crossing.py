"""The rows of a file against each other and against what was issued: what only the whole file shows."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any

from .kept import Crossed, Incoming


def cross(connection: sqlite3.Connection, incoming: Iterable[Sequence[Incoming]]) -> Crossed:
    """Compares rows, given in portions, in a table of their own: there may be millions.

    The table goes with the transaction, which is for reading.
    """
    connection.execute(
        "CREATE TEMP TABLE incoming (nth INTEGER PRIMARY KEY, number TEXT, student TEXT, digest BLOB)"
    )
    for portion in incoming:
        connection.executemany("INSERT INTO incoming VALUES (?, ?, ?, ?)", portion)

    def rows(sql: str) -> list[Any]:
        return connection.execute(sql).fetchall()

    return Crossed(
        rows(
            "SELECT nth, earliest, number FROM incoming JOIN (SELECT number, min(nth) AS earliest "
            "FROM incoming WHERE number <> '' GROUP BY number HAVING count(*) > 1) USING (number) "
            "WHERE nth > earliest ORDER BY nth"
        ),
        rows(
            "SELECT student, count(*), min(nth) FROM incoming WHERE student <> '' "
            "GROUP BY student HAVING count(*) > 1 ORDER BY min(nth) LIMIT 100"
        ),
        rows(
            "SELECT nth, seq, digest FROM incoming JOIN credential USING (number) "
            "WHERE edition = 1 ORDER BY nth"
        ),
    )
