"""Leftovers of killed commands: temporaries, and folders of backups and restores.

Any of it may hold keys or personal data. Most of it goes when the killed command is run again; all of it by
`remove`.
"""

from __future__ import annotations

from pathlib import Path

from ledger.folder import kept_beside
from wire.files import leftovers, remove_leftovers
from wire.problem import Refused

from . import backup


def found(home: Path) -> list[Path]:
    """The files and folders, in the issuer's folder and beside it.

    Files that a live process writes are not leftovers.
    """
    files = [path for folder in _folders(home) for path in leftovers(folder)]
    kept = kept_beside(home)
    return sorted([*files, *leftovers(kept.parent, kept.name), *backup.unfinished(home)])


def remove(home: Path) -> None:
    """Remove all leftovers, except those that cannot be removed, such as another user's file."""
    for folder in _folders(home):
        remove_leftovers(folder)
    kept = kept_beside(home)
    remove_leftovers(kept.parent, kept.name)
    backup.clear_away(home)


def require_none(home: Path) -> None:
    """Remove all leftovers when the keys are sealed or end. Raises `Refused` if something stays."""
    remove(home)
    if stays := found(home):
        raise Refused.saying("{file} was left by a killed command, and cannot be removed", file=str(stays[0]))


def _folders(home: Path) -> list[Path]:
    """The folders that may have temporaries: no deeper than a job's shards, or the log's keys."""
    resolved = home.resolve()  # a link could lead to somebody else's folder
    inside = (path for pattern in ("*", "*/*") for path in home.glob(pattern) if path.is_dir())
    return [home, *(path for path in inside if path.resolve() == resolved / path.relative_to(home))]
