"""Opening an issuer's store of shards by the scheme of its address: only this file knows the schemes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Protocol

from wire.consent import require_unmarked
from wire.extras import extra
from wire.problem import Refused

from .shard_store import ShardFolder, ShardStore


class ShardOpener(Protocol):
    """Opens the store at an address for the issuer with a DID. A new issuer (`is_new`) claims the address."""

    def __call__(self, address: str, did: str, *, is_new: bool = False) -> ShardStore: ...


def _bucket(address: str, did: str, *, is_new: bool = False) -> ShardStore:
    with extra("s3", "an archive in S3"):
        from .shard_bucket import ShardBucket
    return ShardBucket(address, did, is_new=is_new)


ShardStores = Mapping[str, ShardOpener]
SHARD_STORES: ShardStores = MappingProxyType({"s3": _bucket})
"""By the scheme of their address, the stores that are elsewhere than in the issuer's folder."""


def shards_in(
    home: Path, address: str, did: str, *, is_new: bool = False, stores: ShardStores | None = None
) -> ShardStore:
    """The store of the shards of the issuer in a folder: the folder itself, or the address if one is given.

    Raises `NotAgreed` for an address in a folder from a backup, unless `stores` are given; `Refused` for a
    scheme that none of them has; and the errors of opening the store.
    """
    if not address:
        return ShardFolder(home / "shards")
    if stores is None:
        require_unmarked(home, address)
    usable = SHARD_STORES if stores is None else stores
    scheme = address.partition(":")[0]
    if scheme not in usable:  # what the address says besides may be secret, and is not shown
        raise Refused("no store here keeps shards at such an address", hint=f"Known: {', '.join(usable)}://")
    return usable[scheme](address, did, is_new=is_new)
