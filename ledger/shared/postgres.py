"""The shared database in PostgreSQL: its tables, the rows of the outbox, and the newest checkpoint."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from wire.postgres import address
from wire.postgres.connections import Connections, Cursor, Tenant
from wire.postgres.rows import read, read_one
from wire.postgres.tables import bring_up, require_writable

from ..problem import LEDGER_NOT_DURABLE, SHARED_NOT_PREPARED, SHARED_ROLE, Overtaken

SHARED = Tenant(
    what="the list of what other ledgers have",
    schema="intaglio_shared",
    steps=sorted((Path(__file__).parent / "migrations").glob("[0-9]*.sql")),
    turn=0x696E7461736861,  # "intasha"
    overtaken=Overtaken,
    not_prepared=SHARED_NOT_PREPARED,
    role=SHARED_ROLE,
    not_durable=LEDGER_NOT_DURABLE,
)
_TABLE = re.compile(r"\b(FROM|INTO|UPDATE) (?=[a-z])")
_COUNT_UP = "UPDATE intaglio_shared.turn SET number = number + 1 RETURNING number"
_NUMBER = "SELECT number FROM intaglio_shared.turn FOR SHARE"
_KEEP = """
INSERT INTO intaglio_shared.checkpoint VALUES (1, %s, %b)
ON CONFLICT (one) DO UPDATE SET size = excluded.size, note = excluded.note
WHERE checkpoint.size <= excluded.size
"""


def prepare_shared(uri: str) -> int:
    """Makes the tables in the database at an address, or brings them up to date: their owner's work.

    The role `intaglio_issuer` has to be there. Returns how many steps that took. Raises as `bring_up` and
    `address.parse`.
    """
    return bring_up(address.parse(uri), SHARED)


class SharedDatabase:
    """The rows of a log that machines share. Each method raises what `Connections` raises."""

    def __init__(self, uri: str) -> None:
        admit = partial(require_writable, tenant=SHARED)
        self._connections = Connections(address.parse(uri), admit, SHARED)
        self._turns = threading.local()  # the number of the turn that a thread has

    def read(self, query: str, *values: object) -> list[Any]:
        """See `OutboxRows.read`."""
        return self._connections.run(lambda cursor: cursor.execute(_own(query), values).fetchall())

    def change(self, *statements: tuple[str, *tuple[object, ...]]) -> int:
        """See `OutboxRows.change`. Raises `Overtaken` where another machine has taken this one's turn."""
        turn = self._turns.__dict__.get("number")

        def work(cursor: Cursor) -> int:
            # ADR 56: a machine that stood still keeps no state, and so sends nothing that is new.
            if turn is not None and read_one(cursor.execute(_NUMBER), [int]) != (turn,):
                raise Overtaken("another machine sends the checkpoints to other ledgers by now")
            for statement, *values in statements:
                cursor.execute(_own(statement), values)
            return cursor.rowcount

        return self._connections.write(work)

    @contextmanager
    def turn(self, patience: float) -> Iterator[None]:
        """See `OutboxRows.turn`. A machine that stands still or is cut off keeps it for a minute at most."""
        with self._connections.held(f"SELECT pg_advisory_xact_lock({SHARED.turn + 1})", patience):
            # Durable: a number that a crash took back would be another's a second time.
            number = self._connections.write(lambda cursor: read_one(cursor.execute(_COUNT_UP), [int])[0])
            self._turns.number = number
            try:
                yield
            finally:
                del self._turns.number

    def newest(self) -> bytes | None:
        """See `Newest.newest`."""
        query = "SELECT note FROM intaglio_shared.checkpoint"
        rows = self._connections.run(lambda cursor: read(cursor.execute(query), [bytes]))
        return next((note for (note,) in rows), None)

    def keep_newest(self, size: int, note: bytes) -> None:
        """See `Newest.keep_newest`."""
        self._connections.write(lambda cursor: cursor.execute(_KEEP, [size, note]))


def _own(statement: str) -> str:
    """A statement of the outbox as PostgreSQL has it: with its placeholders, and tables in the schema."""
    return _TABLE.sub(r"\1 intaglio_shared.", statement.replace("?", "%s"))
