"""The tables of the index: those of `schema.sql`, created, or converted from those of an earlier version.

Either is one transaction of its caller: a process that is killed leaves the former index, or the new one.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from pathlib import Path

from ledger.folder import has_log, log_size
from wire.problem import Refused
from wire.sqlite import run

from ..problem import OLDER_INDEX
from ..shared.door import INDEX
from .archive import unpack
from .kept import FIRST_KIND
from .logged import raise_to

VERSION = 11
"""The version of these tables. It is above that of 81e9505, which refuses a greater one by name."""
_CONVERTED = (0, 6, 7)
"""The versions of f31e11f and 81e9505, and of later tables until an issuer had several kinds."""
_WITHOUT_TAKEN = 10
"""The version before: no shard had a digest in its name, and no number was taken before it was issued."""
_WITHOUT_FORMS = (8, 9)
"""The versions of tables without forms; the first of them lacks the tables of given numbers, too."""
# An issuer had one form, which issuer.json names: all its credentials are of that.
_JOBS = "INSERT INTO job SELECT id, key, file, created, first_seq, length, chunks, '' FROM former"
_WITH_KINDS = {
    "job": _JOBS,
    "credential": (
        f"INSERT INTO credential SELECT seq, '{FIRST_KIND}', number, edition, '', 1, leaf FROM former "  # noqa: S608
        "ORDER BY seq"
    ),
    "released": f"INSERT INTO released SELECT '{FIRST_KIND}', number, generation FROM former",  # noqa: S608
}
"""The tables whose rows had no kind: all were of the first one, each edition in one copy."""
_WITH_FORMS = {
    "job": _JOBS,
    "credential": (
        "INSERT INTO credential SELECT seq, kind, number, edition, '', copy, leaf FROM former ORDER BY seq"
    ),
}

# f31e11f had no `lookup`, and wrote down no digests of its lists, so that they are signed anew.
_CONVERSION = """
INSERT INTO unlisted SELECT 0, next FROM counter, sqlite_master
    WHERE counter.name = 'seq' AND next > 0 AND sqlite_master.name = 'status_list';
DROP TABLE IF EXISTS status_list;
DELETE FROM status_file WHERE digest IS NULL;
DROP TABLE IF EXISTS alembic_version;
"""


def make_tables(connection: sqlite3.Connection, home: Path) -> None:
    """Make the tables in an empty database, or out of those of the issuer that lives in `home`.

    Raises `Refused` for tables of a commit between the two, `OLDER_INDEX` for a copy from before 81e9505
    where the log went on since, `Damaged`, and the errors of reading the log.
    """
    schema = Path(__file__).with_name("schema.sql").read_text("utf-8")
    if not connection.execute("SELECT 1 FROM sqlite_master").fetchone():
        run(connection, schema)
        return
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version not in (*_CONVERTED, *_WITHOUT_FORMS, _WITHOUT_TAKEN):
        raise Refused(f"{INDEX} is of version {version}, which was never handed out")
    connection.execute("ALTER TABLE chunk ADD COLUMN shard BLOB")
    if version == _WITHOUT_TAKEN:  # its chunks that were begun are completed without taken numbers
        run(connection, schema)
        return
    if version in _WITHOUT_FORMS:
        _rewrite(connection, schema, _WITH_FORMS)
        return
    knows_log = connection.execute("SELECT 1 FROM counter WHERE name = 'log'").fetchone()
    _rewrite(connection, schema, _WITH_KINDS)
    run(connection, _CONVERSION)
    # f31e11f named no batches: a single credential that it had begun went into the log alone.
    begun = connection.execute(
        "SELECT seq, line FROM credential JOIN single USING (seq) LEFT JOIN batch USING (seq) "
        "WHERE leaf IS NULL AND key IS NULL"
    ).fetchall()
    batches = [(seq, unpack(seq, line).entry) for seq, line in begun]
    connection.executemany("INSERT INTO batch VALUES (?, ?)", batches)
    if not knows_log and has_log(home):
        # Whatever opened the log after f31e11f kept its documents: an index that does not know of it is an
        # older copy, and would forget who was issued and revoked since.
        if (home / "documents").exists():  # as `identity.documents` names it
            raise OLDER_INDEX(
                f"{INDEX} is of f31e11f, and the log went on since: is the index an older copy?"
            )
        raise_to(connection, "log", log_size(home))


def _rewrite(connection: sqlite3.Connection, schema: str, statements: Mapping[str, str]) -> None:
    """Make these tables anew from their former rows, and those of the schema that are not there."""
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    connection.execute("DROP INDEX IF EXISTS begun")  # the schema makes it on the new table
    for name in [each for each in statements if each in tables]:
        connection.execute(f"ALTER TABLE {name} RENAME TO former")
        run(connection, schema)
        connection.execute(statements[name])
        connection.execute("DROP TABLE former")
    run(connection, schema)
