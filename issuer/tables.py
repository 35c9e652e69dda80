"""The tables of the issuer's index. Credentials themselves lie in shards; the log has their digests.

No index here is on a random value: at ten million rows such an index writes ninety times what it keeps.
The `id` of a credential is computed from its number, its status position from `seq`, so neither is stored.
A change of these tables is a new file in `migrations/versions`, and the new `REVISION`.
"""

from __future__ import annotations

from sqlalchemy import Column, Index, Integer, LargeBinary, MetaData, Table, Text, UniqueConstraint, text

REVISION = "0001"

metadata = MetaData()

counter = Table(
    "counter",
    metadata,
    Column("name", Text, primary_key=True),
    Column("next", Integer, nullable=False),
)

job = Table(
    "job",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("key", LargeBinary, nullable=False, unique=True),  # what it was asked to do, hashed
    Column("file", Text, nullable=False),
    Column("created", Text, nullable=False),  # in every proof of the job
    Column("first_seq", Integer, nullable=False),  # of row 1; row n has first_seq + n - 1
    Column("length", Integer, nullable=False),
    Column("chunks", Integer, nullable=False),
)

chunk = Table(
    "chunk",
    metadata,
    Column("first_seq", Integer, primary_key=True),
    Column("job", Integer, nullable=False),
    Column("number", Integer, nullable=False),
    Column("first_leaf", Integer),
    Column("issued", Integer),  # null while its shard is on disk, but perhaps not its digests in the log
    UniqueConstraint("job", "number"),
)

credential = Table(
    "credential",
    metadata,
    Column("seq", Integer, primary_key=True),
    Column("number", Text, nullable=False),  # of the diploma
    Column("edition", Integer, nullable=False),
    Column("leaf", Integer),  # its place in the log; null while a single issue is under way
    UniqueConstraint("number", "edition"),
    Index("begun", "seq", sqlite_where=text("leaf IS NULL")),  # almost always empty
)

person = Table(  # private, for finding people; may be emptied without harm to any diploma
    "person",
    metadata,
    Column("seq", Integer, primary_key=True),
    Column("name", Text, nullable=False),
    Column("email", Text, nullable=False),
)

single = Table(  # what was issued one at a time, where a shard each would be a waste
    "single",
    metadata,
    Column("seq", Integer, primary_key=True),
    Column("line", LargeBinary, nullable=False),
)

revocation = Table(  # the journal of revocations: a list is made anew from its rows
    "revocation",
    metadata,
    Column("seq", Integer, primary_key=True),
    Column("reason", Text, nullable=False),
    Column("date", Text, nullable=False),
)

status_list = Table(  # as last published
    "status_list",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("entries", Integer, nullable=False),
    Column("revoked", Integer, nullable=False),
    Column("expires", Text, nullable=False),
    Column("leaf", Integer, nullable=False),
    Column("details_leaf", Integer, nullable=False),
)
