"""Copies of folders in which databases are open."""

from __future__ import annotations

import gc
import shutil
from pathlib import Path
from typing import Any


def copy_folder(source: Path, target: Path, **options: Any) -> Path:
    """As `shutil.copytree`, while no database in it is closed, which would take its -wal and -shm away.

    Databases that tests leave open are closed by the garbage collector, at any moment.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        return Path(shutil.copytree(source, target, **options))
    finally:
        if was_enabled:
            gc.enable()
