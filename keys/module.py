"""Which file the PKCS#11 module of an address is: a program, which runs as this user once it is loaded."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import NamedTuple

from wire.problem import Unavailable

from .problem import MODULE_EXPOSED, MODULE_NOT_TRUSTED


class Modules(NamedTuple):
    """Which modules may be loaded: those of the user's own addresses, or of one that came from elsewhere."""

    from_elsewhere: bool = False
    named: str | None = None
    """The module that the user named himself, which may then lie anywhere."""

    def file(self, module: str, token: str) -> Path:
        """The file to load for the module of an address, with no symbolic link left on the way to it.

        Raises `Unavailable` where no module is there; `MODULE_EXPOSED` where others than root and this user
        could have written it; `MODULE_NOT_TRUSTED` where an address from elsewhere names one that is not
        root's alone, and the user has not named it. In a sticky folder each has but files of his own.
        """
        path = Path(module)
        try:
            file = path.resolve(strict=True)
            near = [each.lstat() for each in (path, path.parent.resolve(), file, file.parent)]
            above = [each.lstat() for each in (file, *file.parents)]
        except (OSError, RuntimeError) as error:
            raise Unavailable(f"the token {token} does not work: there is no module {module}") from error
        if not file.is_file() or any(map(_is_exposed, near)):
            raise MODULE_EXPOSED(
                f"the module {module} is not loaded: others could have written it, or it is no file"
            )
        # A backup brings files along, and its address can point at them (through /proc/self/cwd, a link, a
        # guessed path). What root alone can write, no backup brought, and nobody swaps before it is loaded.
        if self.from_elsewhere and not self._is_named(file) and not all(map(_is_roots, above)):
            raise MODULE_NOT_TRUSTED.saying(
                "the module {module} is not loaded: an address from elsewhere names it, and others than root "
                "can write it or a folder above it",
                module=str(file),
            )
        return file

    def _is_named(self, file: Path) -> bool:
        return self.named is not None and os.path.realpath(self.named) == str(file)


OWN = Modules()
"""For addresses that the user gave."""


def _is_exposed(status: os.stat_result) -> bool:
    is_sticky = stat.S_ISDIR(status.st_mode) and status.st_mode & stat.S_ISVTX
    is_open = status.st_mode & (stat.S_IWGRP | stat.S_IWOTH) and not stat.S_ISLNK(status.st_mode)
    return status.st_uid not in (0, os.geteuid()) or bool(is_open and not is_sticky)


def _is_roots(status: os.stat_result) -> bool:
    return status.st_uid == 0 and not status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
