"""A log's tables: numbered SQL, each step run once and in order; and what a server has to be like for them.

A change is one more file in `migrations`; one that was released is never edited.
"""

from __future__ import annotations

from pathlib import Path

from wire.postgres.connections import Connections, Cursor, Tenant
from wire.postgres.rows import read, read_one
from wire.problem import Refused

from ...problem import LEDGER_NOT_DURABLE, LEDGER_NOT_PREPARED, LEDGER_ROLE, Overtaken
from ..layout import partial_tiles
from .ahead import read_ahead

OLDEST = 13
"""The oldest PostgreSQL that will do."""
TURN = 0x696E7461676C696F  # "intaglio", the advisory lock of a database
LOG = Tenant("the log", Overtaken, LEDGER_NOT_PREPARED, LEDGER_ROLE)
_STEPS = sorted((Path(__file__).parent / "migrations").glob("[0-9]*.sql"))
_UNLOGGED = """
SELECT relname FROM pg_class
WHERE relnamespace = 'intaglio'::regnamespace AND relkind = 'r' AND relpersistence <> 'p'
"""
_PRUNE = """
DELETE FROM intaglio.tile AS partial USING intaglio.tile AS whole
WHERE whole.path = split_part(partial.path, '.p/', 1) AND whole.path <> partial.path
  AND partial.path <> ALL(%s)
"""


def prepare(conninfo: str) -> int:
    """Make the tables, or bring them up to date, as their owner; and the roles. Returns the number of steps.

    Raises `LEDGER_ROLE`, and `Refused` for tables by a newer program.
    """

    def work(cursor: Cursor) -> int:
        cursor.execute(f"SELECT pg_advisory_xact_lock({TURN})")
        if cursor.execute("SELECT to_regnamespace('intaglio')").fetchone() == (None,):
            cursor.execute("CREATE SCHEMA intaglio")
            cursor.execute("CREATE TABLE intaglio.step (number integer PRIMARY KEY)")
        done = len(read(cursor.execute("SELECT number FROM intaglio.step"), [int]))
        _require_known(done)
        for number, step in enumerate(_STEPS[done:], done + 1):
            cursor.execute(step.read_text(), binary=False)
            cursor.execute("INSERT INTO intaglio.step VALUES (%s)", [number])
        return len(_STEPS) - done

    return Connections(conninfo, require_version, LOG).write(work)


def prune(conninfo: str) -> int:
    """Remove, as the tables' owner, what lies ahead of the log, and partial tiles whose full tile is there.

    Returns how many rows those were. Those stay from which a log is opened. Nobody appends meanwhile.
    """

    def work(cursor: Cursor) -> int:
        cursor.execute(f"SELECT pg_advisory_xact_lock({TURN})")
        (base,) = read_one(cursor.execute("SELECT base_size FROM intaglio.head FOR UPDATE"), [int])
        ahead = read_ahead(cursor)  # first: a full tile that is not the log's replaces no partial one
        removed = cursor.execute("DELETE FROM intaglio.tile WHERE path = ANY(%s)", [ahead.tiles]).rowcount
        cursor.execute("DELETE FROM intaglio.pending WHERE start = ANY(%s)", [ahead.batches])
        removed += cursor.execute(
            "DELETE FROM intaglio.batch WHERE start = ANY(%s)", [ahead.batches]
        ).rowcount
        return removed + cursor.execute(_PRUNE, [list(partial_tiles(base))]).rowcount

    return Connections(conninfo, require_readable, LOG).write(work)


def _require_known(done: int) -> None:
    if done > len(_STEPS):
        raise Refused(f"the tables of the log are of version {done}, and this program knows {len(_STEPS)}")


def require_version(cursor: Cursor) -> None:
    """Raises `Refused` for a server that is too old."""
    version = cursor.connection.info.server_version // 10_000
    if version < OLDEST:
        raise Refused(f"a log needs PostgreSQL {OLDEST} or newer, and this is {version}")


def require_readable(cursor: Cursor) -> None:
    """Raises `LEDGER_NOT_PREPARED` where this program's tables are missing, `Refused` for newer ones."""
    require_version(cursor)
    done = len(read(cursor.execute("SELECT number FROM intaglio.step"), [int]))
    if done < len(_STEPS):
        raise LEDGER_NOT_PREPARED("the tables of the log are of an older version")
    _require_known(done)


def require_appendable(cursor: Cursor) -> None:
    """Raises `LEDGER_NOT_DURABLE` where what is acknowledged would not last, `Refused` on a standby.

    And what `require_readable` raises.
    """
    require_readable(cursor)
    for name in ("fsync", "full_page_writes"):
        (value,) = read_one(cursor.execute("SELECT current_setting(%s)", [name]), [str])
        if value != "on":
            raise LEDGER_NOT_DURABLE(f"the server of the log's database has {name} = {value}", setting=name)
    for (table,) in read(cursor.execute(_UNLOGGED), [str]):
        raise LEDGER_NOT_DURABLE(f"the table intaglio.{table} is unlogged", setting="unlogged")
    if read_one(cursor.execute("SELECT pg_is_in_recovery()"), [bool]) == (True,):
        raise Refused("this server is a standby of the log's database: it is only read from")
