"""The first tables."""

from __future__ import annotations

from alembic import op
from sqlalchemy import Column, Integer, LargeBinary, Text, UniqueConstraint, text

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "counter", Column("name", Text, primary_key=True), Column("next", Integer, nullable=False)
    )
    op.create_table(
        "job",
        Column("id", Integer, primary_key=True),
        Column("key", LargeBinary, nullable=False, unique=True),
        Column("file", Text, nullable=False),
        Column("created", Text, nullable=False),
        Column("first_seq", Integer, nullable=False),
        Column("length", Integer, nullable=False),
        Column("chunks", Integer, nullable=False),
    )
    op.create_table(
        "chunk",
        Column("first_seq", Integer, primary_key=True),
        Column("job", Integer, nullable=False),
        Column("number", Integer, nullable=False),
        Column("first_leaf", Integer),
        Column("issued", Integer),
        UniqueConstraint("job", "number"),
    )
    op.create_table(
        "credential",
        Column("seq", Integer, primary_key=True),
        Column("number", Text, nullable=False),
        Column("edition", Integer, nullable=False),
        Column("leaf", Integer),
        UniqueConstraint("number", "edition"),
    )
    op.create_index("begun", "credential", ["seq"], sqlite_where=text("leaf IS NULL"))
    op.create_table(
        "person",
        Column("seq", Integer, primary_key=True),
        Column("name", Text, nullable=False),
        Column("email", Text, nullable=False),
    )
    op.create_table(
        "single", Column("seq", Integer, primary_key=True), Column("line", LargeBinary, nullable=False)
    )
    op.create_table(
        "revocation",
        Column("seq", Integer, primary_key=True),
        Column("reason", Text, nullable=False),
        Column("date", Text, nullable=False),
    )
    op.create_table(
        "status_list",
        Column("number", Integer, primary_key=True),
        Column("entries", Integer, nullable=False),
        Column("revoked", Integer, nullable=False),
        Column("expires", Text, nullable=False),
        Column("leaf", Integer, nullable=False),
        Column("details_leaf", Integer, nullable=False),
    )
