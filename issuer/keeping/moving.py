"""Moves an issuer from its folder to a database and a bucket, or back; nothing is issued again.

The target is reserved first, then the source is sealed under the same name: from there on it issues nothing.
All is copied, then compared by digest; the log moves last of what is copied, as `ledger.move` does it. Then
the home names the target, and what lies in the folder is let go. A move that is interrupted anywhere goes on
when it is made again.
"""

from __future__ import annotations

import re
import secrets
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import orjson

from ledger.folder import Engines, address_in, move_log
from ledger.outbox import copy_outbox, empty_outbox, outbox_rows
from ledger.shared import ADDRESS, keep_store_address, store_address
from ledger.tiles.engines import address_of
from wire.files import sync_folder, write_durably
from wire.problem import Conflict, Damaged
from wire.strict import load_json_object

from ..archive.shard_store import ShardStore
from ..archive.shard_stores import ShardStores, shards_in
from ..archive.shards import read_shard
from ..identity import documents
from ..identity.home import FILE, STATUS, Identity, kind_folder
from ..identity.root import keep_root
from ..issuer import Issuer
from ..job import attached
from ..shared import Shared
from ..shared.folder import FolderShared
from ..shared.opening import shared_at
from .backup import beside
from .rows import TABLES, IndexRows, PostgresRows, SQLiteRows, copy_index, digest_of_table

_RESERVED = "moving.json"
"""Reserves the target for the issuer that comes by this move."""
_SMALL = re.compile(r"(did|template|clock|tokens|template\.[0-9a-f]{64})\.json", re.ASCII)
"""The small files beside issuer.json; those of folders are listed there."""


class Stores(NamedTuple):
    """The addresses at which an issuer keeps all that is not a key; empty for its folder."""

    store: str = ""
    """Its database: index, claim links, small files and locks."""
    shards: str = ""
    ledger: str = ""


def stores_of(home: Path) -> Stores:
    """The addresses of the issuer in a folder. Raises as `store_address` and `Identity.read`."""
    store, ledger = store_address(home) or "", address_in(home) or ""
    return Stores(store, Identity.read(home).shards, ledger)


def move_issuer(
    issuer: Issuer,
    to: Stores,
    copied: Callable[[int], object] = lambda _: None,
    *,
    engines: Engines | None = None,
    shard_stores: ShardStores | None = None,
) -> None:
    """Moves an issuer, or goes on with a move that was interrupted.

    `copied` hears of so many rows, files or entries more. The arguments are as in `Issuer`. Raises `Conflict`
    where another issuer lives at the target, `Damaged` where something does not read back as it was written,
    and the errors of all stores.
    """
    home, at = issuer.home, stores_of(issuer.home)
    source, target = shared_at(home, at.store), shared_at(home, to.store)
    identity = Identity.read(home)
    if at == to and not identity.moved:
        if target.read(_RESERVED) is not None:  # interrupted at the end
            _let_go(home, to)
            target.remove(_RESERVED)
        return
    _seal(issuer, target, to)
    old = shards_in(home, identity.shards, identity.did, stores=shard_stores)
    is_new = to.shards != identity.shards and target.read(FILE) is None
    new = shards_in(home, to.shards, identity.did, is_new=is_new, stores=shard_stores)
    if to.store != at.store:
        _copy(home, source, target, at, to, copied)
        if to.store:
            keep_root(target, issuer.keys)
    if to.shards != identity.shards:
        _copy_shards(old, new, copied)
    # The log after all else: it is what decides that nothing more is issued at the source.
    if to.ledger != at.ledger:
        here = address_of(home / "log")
        move_log(home, at.ledger or here, to.ledger or here, copied, engines=engines)
    moved = replace(Identity.read(home), shards=to.shards, moved="")
    moved.write_to(target)
    if to.store != at.store:
        _name(home, to.store)
    _let_go(home, to)
    target.remove(_RESERVED)
    issuer.reread()


def _seal(issuer: Issuer, target: Shared, to: Stores) -> None:
    """Reserves the target and seals the source, unless that is done."""
    home = issuer.home
    if name := Identity.read(home).moved:
        reserved = load_json_object(target.read(_RESERVED) or b"{}")
        if reserved != {"name": name, **to._asdict()}:
            raise Conflict("the issuer has gone elsewhere, or is on its way there")
        return
    with issuer.shared.held("issue", patience=issuer.patience):
        issuer.recover()
        with issuer.shared.held("rotation"), issuer.shared.held(STATUS), issuer.shared.held("revocation"):
            is_here = to.store == (store_address(home) or "")
            if not is_here and target.read(FILE) is not None:
                raise Conflict("an issuer lives there already")
            name = secrets.token_hex(16)
            target.write(_RESERVED, orjson.dumps({"name": name, **to._asdict()}))
            Identity.change(home, moved=name)


def _copy(
    home: Path, source: Shared, target: Shared, at: Stores, to: Stores, copied: Callable[[int], object]
) -> None:
    """Copies and compares the rows and the small files."""
    old, new = _rows(home, at.store), _rows(home, to.store)
    if isinstance(new, SQLiteRows):
        new.prepare()
    copy_index(old, new, copied)
    for table in TABLES:
        if digest_of_table(old, table) != digest_of_table(new, table):
            raise Damaged(f"the table {table.name} does not read back as it was written")
    copy_outbox(outbox_rows(home, at.store), outbox_rows(home, to.store))
    for name in _small(source, Identity.read(home)):
        content = source.read(name)
        if content is not None and target.read(name) != content:
            target.write(name, content)
        copied(1)
        if target.read(name) != content:
            raise Damaged(f"{target.where(name)} does not read back as it was written")


def _rows(home: Path, store: str) -> IndexRows:
    return PostgresRows(store) if store else SQLiteRows(home)


def _small(shared: Shared, identity: Identity) -> Iterator[str]:
    """The names of the small files, but for issuer.json, which is written last."""
    yield from (name for name in shared.names("") if _SMALL.fullmatch(name))
    kinds = [kind_folder(reference) for reference in identity.kinds]
    for folder in (documents.FOLDER, STATUS, attached.FOLDER, *kinds, *(f"{kind}/tables" for kind in kinds)):
        yield from shared.names(folder)


def _copy_shards(old: ShardStore, new: ShardStore, copied: Callable[[int], object]) -> None:
    for shard in old.names():
        data = read_shard(old, shard)
        new.write(shard, data)
        if read_shard(new, shard) != data:
            raise Damaged(f"{new.address}/{shard} does not read back as it was written")
        copied(1)


def _name(home: Path, store: str) -> None:
    """Has the home name the target: the instant at which the issuer has moved."""
    left = beside(home)
    if store:
        write_durably(left, orjson.dumps({"version": 1, "address": store}))
        keep_store_address(home, store)
    else:
        (home / ADDRESS).unlink(missing_ok=True)
        sync_folder(home)
        left.unlink(missing_ok=True)


def _let_go(home: Path, to: Stores) -> None:
    """Removes from the folder what has gone elsewhere; a database keeps its rows, sealed, for its owner."""
    if to.store:
        here = FolderShared(home)
        for database in ("issuer.sqlite", "claims.sqlite"):
            for path in home.glob(f"{database}*"):
                path.unlink()
        empty_outbox(home)
        for name in (name for name in here.names("") if _SMALL.fullmatch(name) or name == FILE):
            here.remove(name)
        for folder in (documents.FOLDER, STATUS, attached.FOLDER, "kinds"):
            shutil.rmtree(home / folder, ignore_errors=True)
    for name, is_elsewhere in (("shards", to.shards), ("log", to.ledger)):
        if is_elsewhere:
            shutil.rmtree(home / name, ignore_errors=True)
    sync_folder(home)
