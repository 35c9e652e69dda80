"""The keys under which the settled batches of a log in a bucket were recorded.

key/ab/abcdef…: one object for each key, named by its SHA-256, with the start and end of its batch.
keys/00000000000000000000, …: the same of many batches, in order; each begins where the one before it ends.

The first kind is for finding a key, the second for copying all keys when the log moves.
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

_RECORD = re.compile(rb"([0-9a-f]{64}) ([0-9]{1,19}) ([0-9]{1,19})\n")
_AT_ONCE = 1 << 13  # keys


def key_path(digest: bytes) -> str:
    """The path of the object of a key."""
    return f"key/{digest.hex()[:2]}/{digest.hex()}"


def keys_path(start: int) -> str:
    """The path of the object with the keys of the batches from an index on."""
    return f"keys/{start:020}"


class KeyObjects:
    """The keys in a bucket. Raises what `Bucket` raises, and `Damaged`."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket

    def find(self, key: bytes) -> range | None:
        """The indices of the batch that was recorded under a key, if it is settled. Raises `Damaged`."""
        path = key_path(key_digest(key))
        data = self._bucket.get(path)
        if data is None:
            return None
        [(digest, at), *more] = _parse(path, data)
        if digest != key_digest(key) or more:  # an object of another key, under this one's name
            raise Damaged(f"{path} is not what was written")
        return at

    def all(self, size: int) -> Keys:
        """The keys of all batches that make up the first `size` entries."""
        end = 0
        while end < size:
            for digest, at in self._from(end):
                yield digest, at
                end = at.stop

    def add(self, keys: Iterable[tuple[bytes, range]]) -> None:
        """Keep the keys of neighbouring batches; some may be there. Raises `Overtaken` for different ones."""
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
                    # Objects of an interrupted writer have to be the same keys at the same places.
                    if portion.pop(digest, None) != at:
                        raise Overtaken("another writer has settled the log meanwhile")

    def _from(self, start: int) -> list[tuple[bytes, range]]:
        path = keys_path(start)
        data = self._bucket.get(path)
        if data is None:
            raise Damaged(f"{path} is gone from the bucket")
        keys = _parse(path, data)
        ends = [start, *(at.stop for _, at in keys)]
        if [at.start for _, at in keys] != ends[
            :-1
        ]:  # threat F32: going from one to the next might never end
            raise Damaged(f"{path} is not what was written")
        return keys


def _format(keys: dict[bytes, range]) -> bytes:
    return b"".join(b"%b %d %d\n" % (digest.hex().encode(), at.start, at.stop) for digest, at in keys.items())


def _parse(path: str, data: bytes) -> list[tuple[bytes, range]]:
    """At least one key, each with a batch that has entries. Raises `Damaged`."""
    records = [_RECORD.fullmatch(line) for line in data.splitlines(keepends=True)]
    keys = [
        (bytes.fromhex(record[1].decode()), range(int(record[2]), int(record[3])))
        for record in records
        if record is not None
    ]
    # threat F32: without entries the reader would not get on, and ask for ever.
    if len(keys) != len(records) or not keys or not all(at for _, at in keys):
        raise Damaged(f"{path} is not what was written")
    return keys
