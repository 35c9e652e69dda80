"""The rows of an issuer's machines in PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import orjson

from wire.postgres.connections import Cursor
from wire.postgres.rows import Kinds, read_one
from wire.postgres.tables import require_writable
from wire.problem import Damaged, Malformed
from wire.strict import load_json_object
from wire.text import printable

from .database import ISSUER, IndexDatabase

_PATIENCE = 30.0  # seconds
_RENEW = """
INSERT INTO intaglio_issuer.machine VALUES (%s, %s, %s, %s, %s, clock_timestamp())
ON CONFLICT (id) DO UPDATE SET name = excluded.name, release = excluded.release, keys = excluded.keys,
  ahead = excluded.ahead, seen = excluded.seen
"""
_ALL = """
SELECT id, name, release, keys, ahead, seen, extract(epoch FROM clock_timestamp() - seen)::bigint
FROM intaglio_issuer.machine ORDER BY name, id
"""
_ALL_KINDS: Kinds = [str, str, str, str, int, datetime, int]


@dataclass(frozen=True, slots=True)
class Machine:
    """A machine as its row has it."""

    name: str
    """Its host's name."""
    release: str
    keys: Mapping[str, str]
    """Its public keys, as Multikeys, by their names in the key file."""
    ahead: timedelta
    """The lead of its clock over the database's, when it was last seen."""
    seen: datetime
    absent: timedelta
    """The time since then, by the database's clock."""
    is_here: bool
    """True for the machine that asks."""


def renew(
    address: str, row: tuple[str, str, str, Mapping[str, str]], clock: Callable[[], datetime]
) -> timedelta:
    """Renews the row of a machine: its id, name, release and keys.

    Returns by how much its clock is ahead of the database's. Raises `Refused` where a newer release has
    changed the tables since this process connected.
    """

    def work(cursor: Cursor) -> timedelta:
        require_writable(cursor, ISSUER)
        before = clock()
        (there,) = read_one(cursor.execute("SELECT clock_timestamp()"), [datetime])
        ahead: timedelta = before + (clock() - before) / 2 - there  # half of the way there and back
        *names, keys = row
        cursor.execute(_RENEW, [*names, orjson.dumps(keys).decode(), ahead // timedelta(milliseconds=1)])
        return ahead

    return IndexDatabase(address, patience=_PATIENCE).write(work)


def machines(address: str, here: str | None) -> list[Machine]:
    """The machines, by name; `here` is the id of the one that asks."""
    rows = IndexDatabase(address, patience=_PATIENCE).rows(_ALL_KINDS, _ALL)
    return [
        Machine(
            printable(name),
            printable(release),
            _keys(keys),
            timedelta(milliseconds=ahead),
            seen,
            timedelta(seconds=absent),
            machine == here,
        )
        for machine, name, release, keys, ahead, seen, absent in rows
    ]


def _keys(text: str) -> dict[str, str]:
    try:
        return {name: printable(str(key)) for name, key in load_json_object(text).items()}
    except Malformed as error:
        raise Damaged("the keys of a machine in the database cannot be read") from error
