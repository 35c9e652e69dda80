"""A log's tables: numbered SQL in `migrations`, and the removal of rows by their owner."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from wire.postgres import tables
from wire.postgres.connections import Connections, Cursor, Tenant
from wire.postgres.rows import read_one

from ...problem import LEDGER_NOT_DURABLE, LEDGER_NOT_PREPARED, LEDGER_ROLE, Overtaken
from ..layout import partial_tiles
from .ahead import read_ahead

LOG = Tenant(
    what="the log",
    schema="intaglio",
    steps=sorted((Path(__file__).parent / "migrations").glob("[0-9]*.sql")),
    turn=0x696E7461676C696F,  # "intaglio"
    overtaken=Overtaken,
    not_prepared=LEDGER_NOT_PREPARED,
    role=LEDGER_ROLE,
    not_durable=LEDGER_NOT_DURABLE,
)
require_readable = partial(tables.require_readable, tenant=LOG)
require_appendable = partial(tables.require_writable, tenant=LOG)
_PRUNE = """
DELETE FROM intaglio.tile AS partial USING intaglio.tile AS whole
WHERE whole.path = split_part(partial.path, '.p/', 1) AND whole.path <> partial.path
  AND partial.path <> ALL(%s)
"""


def prepare(conninfo: str) -> int:
    """Make the tables of a log, or bring them up to date, as `tables.bring_up`."""
    return tables.bring_up(conninfo, LOG)


def prune(conninfo: str) -> int:
    """Remove, as the tables' owner, rows ahead of the log, and partial tiles whose full tile is there.

    Returns the number of removed rows. Partial tiles that opening the log needs stay. The log is locked
    against appenders meanwhile.
    """

    def work(cursor: Cursor) -> int:
        cursor.execute(f"SELECT pg_advisory_xact_lock({LOG.turn})")
        (base,) = read_one(cursor.execute("SELECT base_size FROM intaglio.head FOR UPDATE"), [int])
        ahead = read_ahead(cursor)  # first: a full tile that is not the log's replaces no partial one
        removed = cursor.execute("DELETE FROM intaglio.tile WHERE path = ANY(%s)", [ahead.tiles]).rowcount
        cursor.execute("DELETE FROM intaglio.pending WHERE start = ANY(%s)", [ahead.batches])
        removed += cursor.execute(
            "DELETE FROM intaglio.batch WHERE start = ANY(%s)", [ahead.batches]
        ).rowcount
        return removed + cursor.execute(_PRUNE, [list(partial_tiles(base))]).rowcount

    return Connections(conninfo, require_readable, LOG).write(work)
