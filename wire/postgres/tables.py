"""Tables in a database: numbered files of SQL, each run once and in order; and requirements on their server.

A change is one more file; a released file is never edited.
"""

from __future__ import annotations

from ..problem import Refused
from .connections import Connections, Cursor, Tenant
from .rows import read, read_one

OLDEST = 13
"""The oldest supported version of PostgreSQL."""
_UNLOGGED = """
SELECT relname FROM pg_class
WHERE relnamespace = %s::regnamespace AND relkind = 'r' AND relpersistence <> 'p'
"""


def bring_up(conninfo: str, tenant: Tenant) -> int:
    """Create or migrate the tables and the roles, as the owner. Returns the number of steps.

    Raises `Tenant.role`, and `Refused` for tables by a newer program.
    """
    schema, steps = tenant.schema, tenant.steps

    def work(cursor: Cursor) -> int:
        cursor.execute(f"SELECT pg_advisory_xact_lock({tenant.turn})")
        if cursor.execute("SELECT to_regnamespace(%s)", [schema]).fetchone() == (None,):
            cursor.execute(f"CREATE SCHEMA {schema}")
            cursor.execute(f"CREATE TABLE {schema}.step (number integer PRIMARY KEY)")
        done = _done(cursor, tenant)
        for number, step in enumerate(steps[done:], done + 1):
            cursor.execute(step.read_text(), binary=False)
            cursor.execute(f"INSERT INTO {schema}.step VALUES (%s)", [number])  # noqa: S608 -- a constant
        return len(steps) - done

    return Connections(conninfo, require_version, tenant).write(work)


def require_version(cursor: Cursor) -> None:
    """Raises `Refused` for a server that is too old."""
    version = cursor.connection.info.server_version // 10_000
    if version < OLDEST:
        raise Refused(f"PostgreSQL {OLDEST} or newer is needed, and this is {version}")


def require_readable(cursor: Cursor, tenant: Tenant) -> None:
    """Raises `Tenant.not_prepared` where this program's tables are missing, `Refused` for newer ones."""
    require_version(cursor)
    if _done(cursor, tenant) < len(tenant.steps):
        raise tenant.not_prepared(f"the tables of {tenant.what} are of an older version")


def require_writable(cursor: Cursor, tenant: Tenant) -> None:
    """Raises `Tenant.not_durable` where acknowledged writes would not last, `Refused` on a standby.

    Also raises what `require_readable` raises.
    """
    require_readable(cursor, tenant)
    what, schema = tenant.what, tenant.schema
    # Without either, a power cut may lose or tear pages of committed transactions.
    for name in ("fsync", "full_page_writes"):
        (value,) = read_one(cursor.execute("SELECT current_setting(%s)", [name]), [str])
        if value != "on":
            raise tenant.not_durable(
                f"the server of the database of {what} has {name} = {value}", setting=name
            )
    # PostgreSQL empties an unlogged table after a crash.
    for (table,) in read(cursor.execute(_UNLOGGED, [schema]), [str]):
        raise tenant.not_durable(f"the table {schema}.{table} is unlogged", setting="unlogged")
    if read_one(cursor.execute("SELECT pg_is_in_recovery()"), [bool]) == (True,):
        raise Refused(f"this server is a standby of the database of {what}: it is only read from")


def _done(cursor: Cursor, tenant: Tenant) -> int:
    rows = cursor.execute(f"SELECT number FROM {tenant.schema}.step")  # noqa: S608 -- a constant
    done, steps = len(read(rows, [int])), len(tenant.steps)
    if done > steps:
        raise Refused(f"the tables of {tenant.what} are of version {done}, and this program knows {steps}")
    return done
