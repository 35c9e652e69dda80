"""Checks that the answers of a database have the form in which its tables were made (threat F32).

A role with the right to write a table can write any number into it, and the server's owner can answer
anything.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Sequence
from types import UnionType
from typing import Any, TypeAlias

from ..problem import Damaged
from .connections import Cursor

Row: TypeAlias = tuple[Any, ...]
Kinds: TypeAlias = Sequence[type | UnionType]
"""The types of the values of a row, in order."""


def read(cursor: Cursor, kinds: Kinds) -> Sequence[Row]:
    """The rows of the executed statement, with values of these kinds. Raises `Damaged` where one is not."""
    try:
        rows: list[Row] = cursor.fetchall()
    except (ValueError, ArithmeticError, struct.error):  # psycopg could not make a value of those bytes
        raise _other_form() from None
    return checked(rows, kinds)


def streamed(cursor: Cursor, kinds: Kinds, query: str, *values: object) -> Iterator[Row]:
    """The rows of a query, each when it is asked for: of millions, one is in memory. Raises as `read`."""
    try:
        for row in cursor.stream(query, values):
            yield from checked([row], kinds)
    except (ValueError, ArithmeticError, struct.error):
        raise _other_form() from None


def read_one(cursor: Cursor, kinds: Kinds) -> Row:
    """The one row, as `read`. Raises `Damaged` for none, or several."""
    return only(read(cursor, kinds))


def checked(rows: Sequence[Row], kinds: Kinds) -> Sequence[Row]:
    """The same rows, with values of these kinds. Raises `Damaged` where one is not."""
    for row in rows:
        if len(row) != len(kinds) or not all(map(isinstance, row, kinds)):
            raise _other_form()
    return rows


def only(rows: Iterable[Row]) -> Row:
    """The only row of these. Raises `Damaged` for none, or several."""
    rows = list(rows)
    if len(rows) != 1:
        raise Damaged(f"the tables of the database have {len(rows)} rows instead of one")
    return rows[0]


def _other_form() -> Damaged:
    return Damaged("the tables of the database do not have the form in which they were made")
