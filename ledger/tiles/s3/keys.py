"""Under which keys the settled batches of a log in a bucket were recorded: an object for each key.

key/AB/ABCDEF…: in the name the SHA-256 of a key, in the object where its batch begins and ends.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from wire.problem import Damaged

from ..keys import key_digest
from .bucket import Bucket

_RECORD = re.compile(rb"(\d+) (\d+)\n")


def key_path(digest: bytes) -> str:
    """Where the object of a key is."""
    return f"key/{digest.hex()[:2]}/{digest.hex()}"


class KeyObjects:
    """The keys in a bucket. Raises what `Bucket` raises, and `Damaged`."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket

    def find(self, key: bytes) -> range | None:
        """The indices of the batch that was recorded under a key, if it is settled."""
        path = key_path(key_digest(key))
        data = self._bucket.get(path)
        if data is None:
            return None
        if (found := _RECORD.fullmatch(data)) is None:
            raise Damaged(f"{path} is not what was written")
        return range(int(found[1]), int(found[2]))

    def add(self, keys: Mapping[bytes, range]) -> None:
        """Keep where the batches of these keys are."""
        self._bucket.create_many(
            {key_path(key_digest(key)): b"%d %d\n" % (at.start, at.stop) for key, at in keys.items()}
        )
