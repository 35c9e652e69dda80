"""The engines that keep logs, by the schemes of their addresses: the one place that knows them."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Protocol
from urllib.parse import unquote_to_bytes, urlsplit

from wire.extras import extra
from wire.problem import Refused

from .posix import PosixStore
from .store import Store

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")


def _scheme(where: str) -> str:
    """The scheme of an address, in small letters; empty for an address without one, such as a path."""
    match = _SCHEME.match(where)
    return match[1].lower() if match else ""


class Engine(Protocol):
    """Opens a store by its address; `open_store` describes the other arguments."""

    def __call__(self, uri: str, *, read_only: bool, patience: float | None) -> Store: ...


class Tables(Protocol):
    """The operations of the owner of a log's tables, who connects with a `conninfo`."""

    def prepare(self, conninfo: str) -> int: ...

    def prune(self, conninfo: str) -> int: ...


def _folder(uri: str, *, read_only: bool, patience: float | None) -> Store:
    parts = urlsplit(uri)
    # RFC 8089: no host but this one. A query or fragment would be a setting that is silently ignored.
    if parts.netloc not in ("", "localhost") or parts.query or parts.fragment or parts.path[:1] != "/":
        raise Refused("the address of a log in a folder is file: and an absolute path")
    folder = Path(os.fsdecode(unquote_to_bytes(parts.path)))
    return PosixStore(folder, patience=patience, read_only=read_only)


def _postgres(uri: str, *, read_only: bool, patience: float | None) -> Store:
    with extra("postgres", "a log in PostgreSQL"):
        from .postgres.store import PostgresStore
    return PostgresStore(uri, patience=patience, read_only=read_only)


def _bucket(uri: str, *, read_only: bool, patience: float | None) -> Store:
    with extra("s3", "a log in S3"):
        from .s3.store import S3Store
    return S3Store(uri, patience=patience, read_only=read_only)


ENGINES: Mapping[str, Engine] = MappingProxyType({"file": _folder, "postgresql": _postgres, "s3": _bucket})
PREPARED = ("postgresql",)
"""The schemes of engines that need `prepare_tables` before a log is made there."""


def prepare_tables(uri: str) -> int:
    """Make a log's tables in the database at an address, or bring them up to date: their owner's work.

    Returns the number of steps. Raises `Refused` for an engine that has none.
    """
    schema, conninfo = _tables(uri)
    return schema.prepare(conninfo)


def prune_tables(uri: str) -> int:
    """Remove from the database at an address the partial tiles whose full tile is there: its owner's work.

    Returns the number of removed rows. Raises `Refused` for an engine without such tables.
    """
    schema, conninfo = _tables(uri)
    return schema.prune(conninfo)


def _tables(uri: str) -> tuple[Tables, str]:
    if _scheme(uri) not in PREPARED:  # folders and buckets need no preparing
        raise Refused("only a log in a database has tables")
    with extra("postgres", "a log in PostgreSQL"):
        from wire.postgres import address

        from .postgres import schema
    return schema, address.parse(uri)


def address_parts(uri: str) -> Mapping[str, str]:
    """The parts of a log's address, by name, to be shown before somebody agrees to it (threat F23).

    Nothing is connected to. Raises what opening it would raise for an address that is none, or has a password
    in it.
    """
    if _scheme(uri) == "postgresql":
        with extra("postgres", "a log in PostgreSQL"):
            from wire.postgres import address
        return address.parts(uri)
    if _scheme(uri) == "s3":
        with extra("s3", "a log in S3"):
            from .s3.address import parse_location
        return parse_location(uri)._asdict()
    return {"address": uri}


def address_of(where: Path | str) -> str:
    """The address of a log; the path of a folder becomes a file URI."""
    return where if isinstance(where, str) and _scheme(where) else Path(where).absolute().as_uri()


def open_store(
    where: Path | str,
    *,
    read_only: bool = False,
    patience: float | None = None,
    engines: Mapping[str, Engine] = ENGINES,
) -> Store:
    """The store of a log at an address such as `file:///srv/log`, or in the folder of a path.

    With `read_only`, it writes nothing. With `patience`, in seconds, waiting longer for the lock raises
    `TryLater`. Raises `Refused` for a scheme that `engines` does not have, and shows no more than the scheme:
    the rest of the address may be secret.
    """
    uri = address_of(where)
    name = _scheme(uri)
    # An explicit mapping (ADR 5): a scheme in a file from elsewhere loads no code.
    if name not in engines:
        raise Refused(
            f"no engine here keeps a log at {name}: addresses", hint=f"Known: {', '.join(engines)}."
        )
    return engines[name](uri, read_only=read_only, patience=patience)
