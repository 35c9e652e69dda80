"""Finds the PKCS#11 module of an address: a shared library, whose code runs as this user once loaded."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import NamedTuple

from wire.problem import Unavailable

from .problem import MODULE_EXPOSED, MODULE_NOT_TRUSTED


class Modules(NamedTuple):
    """The rule for modules that may be loaded; it is stricter for addresses that came from elsewhere."""

    from_elsewhere: bool = False
    named: str | None = None
    """A module that the user named himself; it may lie anywhere."""

    def file(self, module: str, token: str) -> Path:
        """The file to load for the module of an address, with all symbolic links in its path resolved.

        Raises `Unavailable` where no module is there. Raises `MODULE_EXPOSED` where users other than root
        and this one could have written it; a sticky folder lets users replace their own files only. Raises
        `MODULE_NOT_TRUSTED` where an address from elsewhere names a module, or one below a folder, that
        others than root can write, unless the user named it.
        """
        path = Path(module)
        try:
            file = path.resolve(strict=True)
            near = [each.lstat() for each in (path, path.parent.resolve(), file, file.parent)]
            above = [each.lstat() for each in (file, *file.parents)]
        except (OSError, RuntimeError) as error:
            raise Unavailable(f"the token {token} does not work: there is no module {module}") from error
        # Threat F18: whoever can write the module, its folder or the link to it runs code as this user.
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
        # Threat F23: links are resolved on both sides, so that the file compared is the file loaded.
        return self.named is not None and os.path.realpath(self.named) == str(file)


OWN = Modules()
"""The rule for addresses that the user gave."""


def _is_exposed(status: os.stat_result) -> bool:
    # In a sticky folder such as /tmp, each user can rename and remove only files of his own.
    is_sticky = stat.S_ISDIR(status.st_mode) and status.st_mode & stat.S_ISVTX
    # The mode of a symbolic link is always 0777 on Linux, and means nothing.
    is_open = status.st_mode & (stat.S_IWGRP | stat.S_IWOTH) and not stat.S_ISLNK(status.st_mode)
    return status.st_uid not in (0, os.geteuid()) or bool(is_open and not is_sticky)


def _is_roots(status: os.stat_result) -> bool:
    return status.st_uid == 0 and not status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
