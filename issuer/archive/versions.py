"""The versions of one published file in the index, read without changing anything."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from wire.sqlite import connect, sqlite_problems

from ..problem import DAMAGED_ISSUER
from ..shared.door import INDEX


class Version(NamedTuple):
    """A version that the file may have: the one published last, or one being published."""

    digest: bytes
    """SHA-256."""
    content: bytes | None
    """The content, if the index holds it."""
    key: bytes | None
    """For a version being published, the key under which it goes into the log."""


class FileVersions(NamedTuple):
    """The versions of a file and the size of the log, according to the index."""

    versions: Sequence[Version] = ()
    """The versions; one that is being published comes first."""
    size: int | None = None
    """The size of the log after the last batch that was recorded."""
    begun: Sequence[bytes] = ()
    """The keys of batches that were journalled, and may be in the log as well."""


def possible_versions(path: Path, name: str) -> FileVersions:
    """The versions that the file of this name may have, according to the index at `path`.

    Verifying converts no index. An index of f31e11f has no digests, so it yields no versions. Raises
    `Unavailable` or `Damaged`.
    """
    with sqlite_problems(INDEX, DAMAGED_ISSUER), closing(connect(path, "ro")) as connection:
        connection.execute("BEGIN")
        if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'status_file'").fetchone():
            return FileVersions()
        rows = connection.execute(
            "SELECT digest, content, key FROM status_file_begun WHERE name = :name "
            "UNION ALL SELECT digest, NULL, NULL FROM status_file WHERE name = :name AND digest IS NOT NULL "
            "UNION ALL SELECT digest, content, NULL FROM status_file_held WHERE name = :name",
            {"name": name},
        ).fetchall()
        size = connection.execute("SELECT next FROM counter WHERE name = 'log'").fetchone()
        begun = connection.execute("SELECT key FROM appending").fetchall()
    return FileVersions([Version(*row) for row in rows], size[0] if size else None, [key for (key,) in begun])


def explains(explained: int, size: int, batches: Iterable[range | None]) -> bool:
    """True if a log of `size` holds only the `explained` entries and these begun batches."""
    return size <= explained + sum(
        len(batch) for batch in batches if batch and explained <= batch.start < size
    )
