"""Under which keys the settled batches of a log in a bucket were recorded.

key/ab/abcdef…, for each key, whose SHA-256 is in the name: where its batch begins and ends.
keys/00000000000000000000, …: the same of many batches, in order; each begins where the one before it ends.

By the first a key is found, by the second all of them go along when the log moves.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable

from wire.problem import Damaged

from ...problem import Overtaken
from ..keys import key_digest
from ..store import Keys
from .bucket import Bucket

_RECORD = re.compile(r"([0-9a-f]{64}) (\d+) (\d+)\n")
_AT_ONCE = 1 << 13  # keys


def key_path(digest: bytes) -> str:
    """Where the object of a key is."""
    return f"key/{digest.hex()[:2]}/{digest.hex()}"


def keys_path(start: int) -> str:
    """Where the keys are of the batches from an index on."""
    return f"keys/{start:020}"


class KeyObjects:
    """The keys in a bucket. Raises what `Bucket` raises, and `Damaged`."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket

    def find(self, key: bytes) -> range | None:
        """The indices of the batch that was recorded under a key, if it is settled."""
        path = key_path(key_digest(key))
        data = self._bucket.get(path)
        found = [] if data is None else _parse(path, data)
        return found[0][1] if found else None

    def all(self, size: int) -> Keys:
        """Those of all batches that make up the first entries, `size` of them."""
        end = 0
        while end < size:
            for digest, at in self._from(end):
                yield digest, at
                end = at.stop

    def add(self, keys: Iterable[tuple[bytes, range]]) -> None:
        """Keep those of neighbouring batches, which may be there in part. Raises `Overtaken` for others."""
        keys = iter(keys)
        while portion := dict(itertools.islice(keys, _AT_ONCE)):
            self._bucket.create_many(
                {key_path(digest): _format({digest: at}) for digest, at in portion.items()}
            )
            while portion:
                start = next(iter(portion.values())).start
                if self._bucket.create(keys_path(start), _format(portion)):
                    break
                for digest, at in self._from(start):
                    if portion.pop(digest, None) != at:
                        raise Overtaken("another writer has settled the log meanwhile")

    def _from(self, start: int) -> list[tuple[bytes, range]]:
        path = keys_path(start)
        data = self._bucket.get(path)
        if data is None:
            raise Damaged(f"{path} is gone from the bucket")
        return _parse(path, data)


def _format(keys: dict[bytes, range]) -> bytes:
    return b"".join(b"%b %d %d\n" % (digest.hex().encode(), at.start, at.stop) for digest, at in keys.items())


def _parse(path: str, data: bytes) -> list[tuple[bytes, range]]:
    lines = data.decode(errors="replace").splitlines(keepends=True)
    found = [_RECORD.fullmatch(line) for line in lines]
    keys = [(bytes.fromhex(each[1]), range(int(each[2]), int(each[3]))) for each in found if each]
    if len(keys) != len(lines) or not keys:
        raise Damaged(f"{path} is not what was written")
    return keys
