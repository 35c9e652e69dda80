"""Shards in a bucket of an S3 store, for any number of machines, by the address `s3://BUCKET/PREFIX`.

issuer                 the DID of the issuer whose shards these are: two would take each other's for strays
JOB/NUMBER-….jsonl.zst each shard, created once

A machine gets, puts and lists; only `issuer.keeping.sweeping` removes, by another key. A bucket that keeps
versions is refused: erased shards would stay in it as old versions. `ledger.tiles.s3.bucket` interprets
errors and decides when to retry.
"""

from __future__ import annotations

from collections.abc import Iterator

from ledger.tiles.s3.address import parse_location
from ledger.tiles.s3.bucket import Bucket
from wire.problem import Damaged

from ..problem import SHARD_LOST, SHARD_TAKEN, SHARDS_OF_ANOTHER, SHARDS_VERSIONED
from .kept import ShardName
from .shard_store import ShardStore

_ISSUER = "issuer"
_MOST = 1 << 22
"""The most names that are listed: any issuer has fewer shards, and a bucket could list names for ever."""


class ShardBucket(ShardStore):
    """Raises what `Bucket` raises, too."""

    is_local = False

    def __init__(self, address: str, did: str, *, is_new: bool = False) -> None:
        """Opens the shards of the issuer with this DID.

        A new issuer (`is_new`) claims the address for itself.

        Raises as `parse_location` for another address, and, where it is new, as `examine`.
        """
        self._address, self._did = address.rstrip("/"), did
        self._bucket = Bucket(parse_location(address))
        self._is_examined = False
        if is_new:
            self._bucket.create(_ISSUER, did.encode())
            self.examine()

    @property
    def address(self) -> str:
        """The address, as it was given."""
        return self._address

    def examine(self) -> None:
        """See `ShardStore.examine`."""
        owner = self._bucket.get(_ISSUER)
        self._require_no_versions()
        if owner is None:
            raise SHARD_LOST(f"{self._address}/{_ISSUER} is gone, which says whose shards these are")
        # Another issuer's shards would look like strays of killed jobs, and be swept.
        if owner != self._did.encode():
            raise SHARDS_OF_ANOTHER(f"{self._address} has the shards of another issuer")
        self._is_examined = True

    def _require_no_versions(self) -> None:
        # Shards hold personal data: erased ones would stay readable as old versions.
        if self._bucket.keeps_versions:
            raise SHARDS_VERSIONED(f"the bucket of {self._address} keeps versions of what is removed")

    def write(self, shard: ShardName, data: bytes) -> None:
        """See `ShardStore.write`. The first one examines the place."""
        if not self._is_examined:
            self.examine()
        if not self._bucket.create(str(shard), data):
            raise SHARD_TAKEN(f"something else than what was signed lies at {self._address}/{shard}")
        self._require_no_versions()  # before anything rests on it: they may have been turned on meanwhile

    def read(self, shard: ShardName, start: int, length: int) -> bytes:
        part = self._bucket.part(str(shard), start, length)
        if part is None:
            raise self._missing(shard)
        return part

    def end(self, shard: ShardName, length: int) -> tuple[bytes, int]:
        tail = self._bucket.end(str(shard), length)
        if tail is None:
            raise self._missing(shard)
        return tail

    def names(self) -> Iterator[ShardName]:
        return filter(None, map(ShardName.parse, self._bucket.names("", _MOST)))

    def remove(self, shard: ShardName) -> None:
        self._bucket.remove(str(shard))

    def _missing(self, shard: ShardName) -> Damaged:
        return SHARD_LOST(f"the shard {self._address}/{shard}: it is missing from the bucket")
