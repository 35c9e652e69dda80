"""What a database answers, held against the form in which its tables were made.

A role that may append may write any number into some of them, and who owns the server may answer anything.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from types import UnionType
from typing import Any, TypeAlias

from wire.problem import Damaged

Row: TypeAlias = tuple[Any, ...]
Kinds: TypeAlias = Sequence[type | UnionType]
"""Of the values of a row, in order."""


def checked(rows: Iterable[Row], kinds: Kinds) -> list[Row]:
    """The rows, whose values are of these kinds. Raises `Damaged` where one is not."""
    rows = list(rows)
    for row in rows:
        if len(row) != len(kinds) or not all(map(isinstance, row, kinds)):
            raise Damaged("the tables of the log do not have the form in which they were made")
    return rows


def only(rows: Iterable[Row], kinds: Kinds) -> Row:
    """The one row, whose values are of these kinds. Raises `Damaged` where it is not, or there are others."""
    rows = checked(rows, kinds)
    if len(rows) != 1:
        raise Damaged(f"the tables of the log have {len(rows)} rows instead of one")
    return rows[0]
