"""Which engine keeps a log, by the scheme of its address: the one place that knows them."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Protocol
from urllib.parse import unquote_to_bytes, urlsplit

from wire.problem import ExtraMissing, Refused

from .posix import PosixStore
from .store import Store

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")


def _scheme(where: str) -> str:
    """The scheme of an address, in small letters; nothing where it has none, as a path."""
    found = _SCHEME.match(where)
    return found[1].lower() if found else ""


class Engine(Protocol):
    """Opens a store by its address; what the other arguments are, `open_store` says."""

    def __call__(self, uri: str, *, read_only: bool, patience: float | None) -> Store: ...


class Tables(Protocol):
    """What the owner of a log's tables does to them, by what to connect with."""

    def prepare(self, conninfo: str) -> int: ...

    def prune(self, conninfo: str) -> int: ...


def _folder(uri: str, *, read_only: bool, patience: float | None) -> Store:
    parts = urlsplit(uri)
    if parts.netloc not in ("", "localhost") or parts.query or parts.fragment or parts.path[:1] != "/":
        raise Refused("the address of a log in a folder is file: and an absolute path")
    folder = Path(os.fsdecode(unquote_to_bytes(parts.path)))
    return PosixStore(folder, patience=patience, read_only=read_only)


def _postgres(uri: str, *, read_only: bool, patience: float | None) -> Store:
    with _extra("PostgreSQL", "postgres"):
        from .postgres.store import PostgresStore
    return PostgresStore(uri, patience=patience, read_only=read_only)


def _bucket(uri: str, *, read_only: bool, patience: float | None) -> Store:
    with _extra("S3", "s3"):
        from .s3.store import S3Store
    return S3Store(uri, patience=patience, read_only=read_only)


@contextmanager
def _extra(engine: str, extra: str) -> Iterator[None]:
    """Around imports of what an extra of ours installs."""
    try:
        yield
    except ModuleNotFoundError as error:
        missing = str(error.name).partition(".")[0]
        raise ExtraMissing(
            f"a log in {engine} needs {missing}, which is not installed", package=missing, extra=extra
        ) from error


ENGINES: Mapping[str, Engine] = MappingProxyType({"file": _folder, "postgresql": _postgres, "s3": _bucket})
PREPARED = ("postgresql",)
"""The schemes of those that need `prepare_tables` before a log is made there."""


def prepare_tables(uri: str) -> int:
    """Make a log's tables in the database at an address, or bring them up to date: their owner's work.

    Returns how many steps that took. Raises `Refused` for an engine that has none.
    """
    schema, conninfo = _tables(uri)
    return schema.prepare(conninfo)


def prune_tables(uri: str) -> int:
    """Remove from the database at an address the partial tiles whose full tile is there: its owner's work.

    Returns how many those were. Raises `Refused` for an engine where nothing is left to be removed.
    """
    schema, conninfo = _tables(uri)
    return schema.prune(conninfo)


def _tables(uri: str) -> tuple[Tables, str]:
    if _scheme(uri) not in PREPARED:
        raise Refused("only a log in a database has tables")
    with _extra("PostgreSQL", "postgres"):
        from wire.postgres import address

        from .postgres import schema
    return schema, address.parse(uri)


def address_parts(uri: str) -> Mapping[str, str]:
    """What the address of a log says, by name, for whoever is to agree to it. Nothing is connected to.

    Raises what opening it would raise for an address that is none, or has a password in it.
    """
    if _scheme(uri) == "postgresql":
        with _extra("PostgreSQL", "postgres"):
            from wire.postgres import address
        return address.parts(uri)
    if _scheme(uri) == "s3":
        with _extra("S3", "s3"):
            from .s3.address import parse_location
        return parse_location(uri)._asdict()
    return {"address": uri}


def address_of(where: Path | str) -> str:
    """The address of a log; one that is given as a folder's path has that as a URI."""
    return where if isinstance(where, str) and _scheme(where) else Path(where).absolute().as_uri()


def open_store(
    where: Path | str,
    *,
    read_only: bool = False,
    patience: float | None = None,
    engines: Mapping[str, Engine] = ENGINES,
) -> Store:
    """The store of a log at an address such as `file:///srv/log`, or in the folder of a path.

    `read_only`, it writes nothing. With `patience`, in seconds, waiting longer for the lock raises
    `TryLater`. Raises `Refused` for a scheme that `engines` does not have; what the address says besides may
    be secret, and is not shown.
    """
    uri = address_of(where)
    name = _scheme(uri)
    if name not in engines:
        raise Refused(
            f"no engine here keeps a log at {name}: addresses", hint=f"Known: {', '.join(engines)}."
        )
    return engines[name](uri, read_only=read_only, patience=patience)
