"""A log in a folder: the default store. Its tiles, bundles and checkpoint can be served as they are.

checkpoint     the newest signed checkpoint, replaced as a whole
tile/          tiles and bundles, durable, as the checkpoint is, up to the journal's base
journal        the batches since (journal.lock is the log's lock)
keys/          the keys of the batches before
mark.json      the move that the log went or came by, if it ever was moved
"""

from __future__ import annotations

import itertools
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from pathlib import Path

import orjson

from wire.files import (
    locked,
    locked_folder,
    make_private_folder,
    read_regular,
    replace_for_good,
    sync_files,
    write_all,
    write_durably,
)
from wire.problem import Damaged, Malformed, Refused
from wire.strict import load_json_object

from .. import merkle
from ..problem import Overtaken
from .disk import disk_problem, disk_problems
from .journal import CAPACITY, Capacity, Journal
from .keys import KeyRuns, key_digest
from .layout import LARGEST, full_tiles, partial_tiles
from .store import CHECKPOINT, Base, Batch, Keys, Mark, State, Store, StoreHead, require_not_left

_MARK = "mark.json"
_KEYS_AT_ONCE = 1 << 16  # of a log that comes


class PosixStore(Store):
    """A `Store` over one folder, which is made if it does not exist; several processes may use it.

    With `patience`, in seconds, `lock` raises `TryLater` where another process holds the log for longer. With
    `read_only`, nothing is written, and a folder that does not exist is an empty log. `capacity` is that of
    the journal.
    """

    def __init__(
        self,
        folder: Path,
        *,
        patience: float | None = None,
        read_only: bool = False,
        capacity: Capacity = CAPACITY,
    ) -> None:
        self._folder, self._patience, self._read_only = folder, patience, read_only
        self._journal = Journal(folder / "journal", capacity)
        self._keys = KeyRuns(folder / "keys")
        if not read_only:
            with disk_problems():
                make_private_folder(folder)
                make_private_folder(folder / "keys")

    def get(self, path: str) -> bytes | None:
        """See `Reader.get`. Raises `DISK_FULL` or `Unavailable`."""
        try:
            return read_regular(self._folder / path, LARGEST)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise disk_problem(error) from error

    def get_many(self, paths: Iterable[str]) -> dict[str, bytes]:
        return {path: data for path in paths if (data := self.get(path)) is not None}

    @contextmanager
    def lock(self) -> Iterator[None]:
        # No lock in a folder that was just brought back: no writer either, and readers make no file.
        free = self._read_only and not (self._folder / "journal.lock").exists()
        journal = self._folder / "journal"
        held = nullcontext() if free else locked(journal, to_read=self._read_only, patience=self._patience)
        with disk_problems(), held:
            yield

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """Hold the lock of the folder itself for a deciding write: `journal.lock` can be removed (ADR 38)."""
        self._require_writable()
        with locked_folder(self._folder):
            yield

    @contextmanager
    def _open_turn(self) -> Iterator[None]:
        with self._turn():
            require_not_left(self._mark())
            yield

    def _require_writable(self) -> None:
        if self._read_only:
            raise Refused("the log was opened to be read")

    def head(self) -> StoreHead:
        """See `Reader.head`. Raises `Damaged`."""
        return StoreHead(self._base(), self._mark())

    def _base(self) -> Base:
        if self._is_new():
            if self._read_only:
                return Base(0, merkle.EMPTY_ROOT)
            with self._turn():
                if self._is_new():
                    self._journal.create()
        self._journal.refresh()
        return self._journal.base

    def _is_new(self) -> bool:
        return not any((self._folder / name).exists() for name in ("journal", CHECKPOINT, "tile"))

    def pending(self, start: int) -> Iterator[Batch]:
        return self._journal.batches(start)

    def find(self, key: bytes) -> range | None:
        digest = key_digest(key)
        with _overtaken_where_gone():
            return self._journal.keys.get(digest) or self._keys.find(digest)

    def keys(self) -> Keys:
        size = self._journal.base.size
        return itertools.takewhile(lambda known: known[1].stop <= size, self._keys.all())

    def _mark(self) -> Mark | None:
        """Raises `Damaged`."""
        written = self.get(_MARK)
        if written is None:
            return None
        try:
            content = load_json_object(written)
            return Mark(content["name"], State(content["state"]))
        except (Malformed, KeyError, ValueError) as error:
            raise Damaged(f"{self._folder / _MARK} cannot be read") from error

    def put(self, tiles: Mapping[str, bytes]) -> None:
        self._require_writable()
        with _overtaken_where_gone():
            for path, data in tiles.items():
                self._write(path, data)

    def _write(self, path: str, data: bytes) -> None:
        # No rename: nobody looks for a tile before the checkpoint that needs it. And no truncation before
        # writing: when a tile is written again, readers find the same bytes throughout.
        where = f"{self._folder}/{path}"
        try:
            descriptor = os.open(where, os.O_WRONLY | os.O_CREAT, 0o644)
        except FileNotFoundError:
            for parent in reversed(Path(path).parents):
                (self._folder / parent).mkdir(mode=0o755, exist_ok=True)  # `parents=True` knows no mode
            descriptor = os.open(where, os.O_WRONLY | os.O_CREAT, 0o644)
        try:
            if os.fstat(descriptor).st_size > len(data):
                os.ftruncate(descriptor, len(data))
            write_all(descriptor, data)
        finally:
            os.close(descriptor)

    def record(self, *batches: Batch) -> bool:
        with self._open_turn():
            self._journal.require_end(batches[0].start)
            self._journal.append(*batches)
        return self._journal.full

    def publish(self, note: bytes, *, after: bytes | None) -> None:
        """See `Appender.publish`. Raises `Overtaken`."""
        with self._open_turn():
            # ADR 38: with the lock lost, a second signer would replace what the first one published.
            if self.get(CHECKPOINT) != after:
                raise Overtaken("another writer has published a checkpoint meanwhile")
            replace_for_good(self._folder / CHECKPOINT, note, 0o644)

    def settle(self, base: Base, keys: Callable[[], Keys] | None = None) -> None:
        with self._open_turn():
            self._journal.require_end(base.size if keys is None else 0)
            before, recorded = self._journal.base.size, self._journal.keys
            # Durable first, forgotten last: after a power cut the journal can still give tiles and keys.
            sync_files(self._folder, [*full_tiles(before, base.size), *partial_tiles(base.size)])
            if keys is None:
                # Keys stay known for ever: a batch that is appended again returns its indices.
                self._keys.add(before, base.size, recorded)
            else:
                self._keys.clear()  # an interrupted move may have left some, perhaps of another log
                settled = keys()
                while chunk := list(itertools.islice(settled, _KEYS_AT_ONCE)):
                    self._keys.add(chunk[0][1].start, chunk[-1][1].stop, dict(chunk))
            self._journal.replace(base)
            sizes = {before, *(indices.stop for indices in recorded.values())}
            for folder in _partial_folders(sizes) - _partial_folders(
                {base.size}
            ):  # their tiles are full by now
                shutil.rmtree(self._folder / folder, ignore_errors=True)

    def seal(self, mark: Mark, *, after: Mark | None) -> None:
        """See `Appender.seal`. Raises `Overtaken`."""
        with self._turn():
            # ADR 59: one move at a time, and a target only where no log ever began.
            if self._mark() != after or (mark.state is State.COMING and not self._is_empty()):
                raise Overtaken("another move, or another log, was here first")
            content = {"version": 1, "name": mark.name, "state": mark.state}
            write_durably(self._folder / _MARK, orjson.dumps(content))

    def _is_empty(self) -> bool:
        """True where nothing was ever recorded or published."""
        if self._is_new():
            self._journal.create()
        self._journal.refresh()
        size = self._journal.base.size
        return not (size or self.get(CHECKPOINT) is not None or any(self._journal.batches(size)))


def _partial_folders(sizes: set[int]) -> set[str]:
    return {path.rpartition("/")[0] for size in sizes for path in partial_tiles(size)}


@contextmanager
def _overtaken_where_gone() -> Iterator[None]:
    """Raises `Overtaken` where a file is gone: only settling the log removes files from it."""
    try:
        yield
    except FileNotFoundError as error:
        raise Overtaken("another writer has settled the log meanwhile") from error
