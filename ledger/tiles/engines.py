"""Which engine keeps a log, by the scheme of its address: the one place that knows them."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Protocol
from urllib.parse import unquote_to_bytes, urlsplit

from wire.problem import Refused

from .posix import PosixStore
from .store import Store

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")


class Engine(Protocol):
    """Opens a store by its address; what the other arguments are, `open_store` says."""

    def __call__(self, uri: str, *, read_only: bool, kept: Path | None, patience: float | None) -> Store: ...


def _folder(uri: str, *, read_only: bool, kept: Path | None, patience: float | None) -> Store:
    parts = urlsplit(uri)
    if parts.netloc not in ("", "localhost") or parts.query or parts.fragment or parts.path[:1] != "/":
        raise Refused("the address of a log in a folder is file: and an absolute path")
    folder = Path(os.fsdecode(unquote_to_bytes(parts.path)))
    return PosixStore(folder, kept, patience=patience, read_only=read_only)


ENGINES: Mapping[str, Engine] = MappingProxyType({"file": _folder})


def open_store(
    where: Path | str,
    *,
    read_only: bool = False,
    kept: Path | None = None,
    patience: float | None = None,
    engines: Mapping[str, Engine] = ENGINES,
) -> Store:
    """The store of a log at an address such as `file:///srv/log`, or in the folder of a path.

    `read_only`, it writes nothing. `kept` is a file on this machine, for a second copy of the newest
    checkpoint. With `patience`, in seconds, waiting longer for the lock raises `TryLater`. Raises `Refused`
    for a scheme that `engines` does not have; what the address says besides may be secret, and is not shown.
    """
    scheme = _SCHEME.match(where) if isinstance(where, str) else None
    name = scheme[1].lower() if scheme else "file"
    if name not in engines:
        raise Refused(
            f"no engine here keeps a log at {name}: addresses", hint=f"Known: {', '.join(engines)}."
        )
    uri = str(where) if scheme else Path(where).absolute().as_uri()
    return engines[name](uri, read_only=read_only, kept=kept, patience=patience)
