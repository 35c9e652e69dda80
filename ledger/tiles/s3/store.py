"""A log in a bucket of an S3 store.

tile/          tiles and bundles, as everywhere
batch/         recorded batches, each where the one before it ends
head/          the state after each checkpoint, numbered
key/, keys/    the range of each key's batch
checkpoint     the newest checkpoint, for those who read the bucket itself; nothing here relies on it
conditional    the object by which the store shows that it does not create an existing object

Two names decide, and create-if-absent gives each to one writer: the batch at an index, and the next head.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from wire.problem import Damaged, Refused, TooLarge, TryLater

from ... import merkle
from ...problem import LEDGER_NOT_CONDITIONAL, Overtaken
from ..ahead import require_none_ahead, tiles_ahead
from ..journal import Capacity
from ..keys import key_digest
from ..layout import ENTRIES, WIDTH, tile_path, unframe
from ..store import CHECKPOINT, Base, Batch, Keys, Mark, State, Store, StoreHead, require_not_left
from . import address
from .batches import Batches, batch_path
from .bucket import Bucket
from .heads import Heads, LogHead, head_path
from .keys import KeyObjects

CAPACITY = Capacity(batches=64)
"""The limits of pending batches: each is fetched by a request of its own when a log is opened."""
_CONDITIONAL = "conditional"
_SAMPLE = 3  # tiles
_SPARE = 10_000  # tiles that a log may have beside those that are counted
_TRIES = 100  # of a write that others come before, again and again
_EXAMINED = 100  # openings, of which one looks whether anything is gone


class S3Store(Store):
    """A `Store` in a bucket; any number of processes and machines may use it.

    `uri` is read by `parse_location`; `patience` and `read_only` are as in `open_store`. The log is settled
    when `capacity` is pending. Raises what `Bucket` raises, `Damaged` where an object is gone, and
    `LEDGER_NOT_CONDITIONAL` for a store that creates an existing object.
    """

    def __init__(
        self,
        uri: str,
        *,
        patience: float | None = None,
        read_only: bool = False,
        capacity: Capacity = CAPACITY,
    ) -> None:
        self._patience, self._read_only, self._capacity = patience, read_only, capacity
        self._turn = threading.Lock()
        self._bucket = Bucket(address.parse_location(uri))
        self._heads, self._batches = Heads(self._bucket), Batches(self._bucket)
        self._keys = KeyObjects(self._bucket)
        self._is_open = False

    def get(self, path: str) -> bytes | None:
        return self._heads.newest().note if path == CHECKPOINT else self._bucket.get(path)

    def get_many(self, paths: Iterable[str]) -> dict[str, bytes]:
        wanted = list(paths)
        stored = self._bucket.get_many(path for path in wanted if path != CHECKPOINT)
        if CHECKPOINT in wanted and (note := self.get(CHECKPOINT)) is not None:
            stored[CHECKPOINT] = note
        return {path: stored[path] for path in wanted if path in stored}

    @contextmanager
    def lock(self) -> Iterator[None]:
        """See `Reader.lock`. It holds between the threads of this store alone.

        Each deciding write has one winner, which is enough; a lock in the bucket would outlive a process that
        died with it (ADR 60).
        """
        if not self._turn.acquire(timeout=-1 if self._patience is None else self._patience):
            raise TryLater("another thread holds the log")
        try:
            self._open()
            yield
        finally:
            self._turn.release()

    def head(self) -> StoreHead:
        """See `Reader.head`. Completes the second step of a `seal` whose writer died after the first."""
        head = self._heads.newest()
        self._batches.begin(head.base)
        left = self._batches.mark
        # The seal at the end has decided already; the head only tells it (ADR 60).
        if left is not None and left != head.mark and not self._read_only:
            self._close(left)
        return StoreHead(head.base, left or head.mark)

    def pending(self, start: int) -> Iterator[Batch]:
        """See `Reader.pending`. Raises `Overtaken` where they are settled."""
        # Entries below the base are read from tiles: the caller has to start from there.
        if start < self._batches.base.size:
            raise Overtaken("another writer has settled the log meanwhile")
        return self._batches.since(start)

    def find(self, key: bytes) -> range | None:
        return self._batches.keys.get(key_digest(key)) or self._keys.find(key)

    def keys(self) -> Keys:
        return self._keys.all(self._heads.newest().base.size)

    def put(self, tiles: Mapping[str, bytes]) -> None:
        """See `Appender.put`. Tiles that are there stay as they are."""
        self._require_writable()
        self._bucket.create_many(tiles)

    def record(self, *batches: Batch) -> bool:
        """See `Appender.record`. Raises `TooLarge` for more than the capacity has."""
        self._require_writable()
        if max(sum(map(len, batch.framed)) for batch in batches) > self._capacity.record:
            raise TooLarge(f"a batch of the log has at most {self._capacity.record} bytes")
        require_not_left(self._heads.known.mark)
        self._batches.record(*batches)
        recorded = self._batches.known
        size = sum(len(framed) for batch in recorded for framed in batch.framed)
        return len(recorded) >= self._capacity.batches or size >= self._capacity.size

    def publish(self, note: bytes, *, after: bytes | None) -> None:
        """See `Appender.publish`."""
        self._require_writable()
        for _ in range(_TRIES):
            head = self._heads.newest()
            require_not_left(head.mark)
            # ADR 38: the signer had seen `after`; another checkpoint since may be of another tree.
            if head.note != after:
                raise Overtaken("another writer has published a checkpoint meanwhile")
            if self._heads.add(head.next(note=note)):
                break  # else the other one may have settled
        else:
            raise Overtaken("other writers of the log were faster")
        self._show()

    def settle(self, base: Base, keys: Callable[[], Keys] | None = None) -> None:
        """See `Appender.settle`: a head with another base. Nothing is removed."""
        self._require_writable()
        require_not_left(self._heads.newest().mark)
        self._batches.require_end(base.size if keys is None else 0)
        self._keys.add(self._batches.keys.items() if keys is None else keys())
        head = self._heads.newest()
        # The next head has one winner: a checkpoint published meanwhile is not undone.
        if head.base != self._batches.base or not self._heads.add(head.next(base=base)):
            raise Overtaken("another writer has changed the log meanwhile")
        self._batches.begin(base)

    def seal(self, mark: Mark, *, after: Mark | None) -> None:
        """See `Appender.seal`. A target is reserved by its first head, before anything is recorded there.

        A source is sealed by an object at the end of the log; a head then stops those who sign.
        """
        self._require_writable()
        head = self._heads.newest()
        is_new = head.number == 0 and not self._bucket.has(batch_path(0))
        # ADR 59: one move at a time, and a target only where no log ever began.
        if head.mark != after or (mark.state is State.COMING and not is_new):
            raise Overtaken("another move, or another log, was here first")
        if mark.state is State.LEFT:
            self._batches.begin(head.base)
            self._batches.seal(mark.name)
            self._close(mark)
        elif not self._heads.add(head.next(mark=mark)):
            raise Overtaken("another writer has changed the log meanwhile")

    def examine(self) -> None:
        """See `Examined.examine`.

        Raises `Damaged`, `LEDGER_TILES_AHEAD` for objects that somebody else created.
        """
        self._require_there()
        with self.lock():
            base = self.head().base
            batches = list(self.pending(base.size))
            head = self._heads.newest()
            paths = self._bucket.names("tile/", _most_tiles(head, batches))
            note = head.note
        require_none_ahead(tiles_ahead(paths, note, base.size, batches, self._bucket.get_many))

    def _require_there(self) -> None:
        """Check that the first head, the oldest tiles and a sample of others are there, and right.

        So objects that somebody or a rule of the bucket removed are noticed in time. Raises `Damaged`.
        """
        newest = self._heads.newest()
        if newest.number and not self._bucket.has(head_path(1)):
            raise _gone(head_path(1))
        full = newest.base.size // WIDTH
        for number in {0, *(secrets.randbelow(full) for _ in range(_SAMPLE))} if full else ():
            hashes, entries = tile_path(0, number), tile_path(ENTRIES, number)
            stored = self._bucket.get_many([hashes, entries])
            for path in (hashes, entries):
                if path not in stored:
                    raise _gone(path)
            # Both are there; whether they were exchanged shows only when they are hashed.
            if merkle.leaf_hashes(unframe(stored[entries], entries)) != stored[hashes]:
                raise Damaged(f"{hashes} is not what follows from {entries}")

    def _close(self, mark: Mark) -> None:
        for _ in range(_TRIES):
            head = self._heads.newest()
            if head.mark == mark or self._heads.add(head.next(mark=mark)):
                return
        raise Overtaken("other writers of the log were faster")

    def _require_writable(self) -> None:
        if self._read_only:
            raise Refused("the log was opened to be read")
        self._open()

    def _open(self) -> None:
        """Check the store and the log, once, before anything else is done."""
        if self._is_open:
            return
        if not self._read_only:
            self._require_conditional()
            if (note := self._heads.newest().note) is not None and self._bucket.get(CHECKPOINT) != note:
                self._show()  # who published it died before
        if secrets.randbelow(_EXAMINED) == 0:
            self._require_there()
        for _ in self._batches.since(self.head().base.size):  # at whose end a seal may be, and no head yet
            pass
        self._is_open = True

    def _require_conditional(self) -> None:
        # ADR 60: some stores ignore the condition, and two writers would fork the log there.
        for _ in range(2):  # the first one may be new
            if not self._bucket.create(_CONDITIONAL, secrets.token_hex(16).encode()):
                return
        raise LEDGER_NOT_CONDITIONAL("the store of the log's bucket creates an object that is there already")

    def _show(self) -> None:
        """Write the public checkpoint, again if another writer's older one came last."""
        shown = None
        for _ in range(_TRIES):
            note = self._heads.newest().note or b""
            if shown == note:
                return
            self._bucket.replace(CHECKPOINT, note)
            shown = self._bucket.get(CHECKPOINT)
        raise Damaged(f"{CHECKPOINT} does not read back as it was written")


def _most_tiles(head: LogHead, batches: Sequence[Batch]) -> int:
    """A generous limit to the tiles of a log: a bucket could list names for ever (threat F32).

    It allows a tile and a bundle for 256 entries, and partial ones at each edge that was or may be signed.
    """
    size = batches[-1].range.stop if batches else head.base.size
    return size // 64 + 32 * (head.number + len(batches)) + _SPARE


def _gone(path: str) -> Damaged:
    return Damaged(
        f"{path} is gone from the bucket",
        hint="Does a rule of the bucket remove what is old? Bring back what it removed: versions, or a copy.",
    )
