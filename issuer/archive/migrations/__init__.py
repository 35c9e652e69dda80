"""Changes of the index's tables: numbered SQL files, each run once and in order where an index is older.

A change is one more file here; one that was released is never edited.
"""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).parent


def steps() -> list[Path]:
    """The files in their order: number `n` makes version `n` of version `n - 1`."""
    return sorted(FOLDER.glob("[0-9]*.sql"))
