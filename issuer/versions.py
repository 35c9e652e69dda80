"""What the index has of one published file, for who looks into it and changes nothing."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from wire.sqlite import connect, sqlite_problems

from .problem import DamagedIssuer

INDEX = "the issuer's index"
"""The way out where it is damaged."""


class Version(NamedTuple):
    """One that the file may be of: as it was published last, or as it is being published."""

    digest: bytes | None
    """SHA-256; `None` where release 0.1.0 published it."""
    content: bytes | None
    """Where the index holds it."""
    was_published: bool


def possible_versions(path: Path, name: str) -> tuple[list[Version], int | None]:
    """What the file of this name may be, and how many entries the log then has at most, if that is known.

    An index of release 0.1.0 knows of none. Raises `Unavailable` or `Damaged`.
    """
    with sqlite_problems(INDEX, DamagedIssuer), closing(connect(path, "ro")) as connection:
        connection.execute("BEGIN")
        if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'status_file'").fetchone():
            return [], None
        rows = connection.execute(
            "SELECT digest, NULL, 0 FROM status_file_begun WHERE name = :name "
            "UNION ALL SELECT digest, NULL, 1 FROM status_file WHERE name = :name "
            "UNION ALL SELECT digest, content, 1 FROM status_file_held WHERE name = :name",
            {"name": name},
        ).fetchall()
        size = connection.execute(
            "SELECT next FROM counter WHERE name = 'log' AND NOT EXISTS (SELECT 1 FROM appending)"
        ).fetchone()
    return [Version(digest, content, bool(published)) for digest, content, published in rows], (
        size[0] if size else None
    )
