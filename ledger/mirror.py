"""A mirror of another's log (C2SP tlog-tiles): its tiles, made again from its entries, on a store of ours.

`Mirror.pull` reads entries alone, a portion at a time, and proves each portion by the log's tree before it
keeps it. A checkpoint is shown once all that it covers is durable. Entries may be any bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from wire.problem import Damaged, Malformed, NotFound, Problem, TooLarge

from . import merkle
from .add_entries import AddEntries, Package
from .note import LARGEST_NOTE, Checkpoint, VerifierKey
from .problem import (
    LOG_NOT_PROVED,
    LOG_TILE_CHANGED,
    LOG_WENT_BACK,
    MIRROR_AT_OTHER_ENTRY,
    NOT_SIGNED_BY_LOG,
    OTHER_ROOT,
    InvalidEvidence,
)
from .tiles.edge import Edge
from .tiles.layout import (
    ENTRIES,
    LARGEST,
    WIDTH,
    cut,
    entries_before,
    frame,
    full_path,
    tile_path,
    unframe,
)
from .tiles.reader import TileReader
from .tiles.store import CHECKPOINT, Base, Batch, Reader, Store, joined

ReadFile = Callable[[str, int], bytes]
"""Returns the file of a published log at a path, of at most so many bytes.

Raises `NotFound` where there is none, and any other `Problem`.
"""

_AT_ONCE = 1 << 23  # bytes of entries that are proved and kept together
_MOST_AT_ONCE = WIDTH * WIDTH  # entries: the tree of a multiple of these has a short proof
_OVERHEAD = 64  # bytes of an entry beside its own
_TILE = WIDTH * merkle.HASH_SIZE
_LONGEST = LARGEST_NOTE - (1 << 10)  # bytes of a note, to which a line is added


class Mirror:
    """The mirror of one log, in a store that holds nothing else.

    Any method raises `Unavailable` when the store cannot be reached, `Damaged` when it holds something else
    than was written.
    """

    def __init__(
        self, origin: str, key: VerifierKey, store: Store, former: Sequence[VerifierKey] = ()
    ) -> None:
        """The log signs with `key` now; what is here may be signed with one of the `former` keys."""
        self.origin, self.key, self.store, self._former = origin, key, store, former

    def checkpoint(self) -> Checkpoint | None:
        """The checkpoint of what is here, whole and durable; `None` before the first."""
        note = self.store.get(CHECKPOINT)
        return None if note is None else self._own(note)

    def signed(self, note: bytes) -> Checkpoint:
        """A checkpoint that the log signed. Raises `NOT_SIGNED_BY_LOG`, `Malformed`."""
        return self._signed(note, [self.key])

    def _signed(self, note: bytes, keys: Sequence[VerifierKey]) -> Checkpoint:
        checkpoint = Checkpoint.parse(note)
        # Its name, too: a note of another log of the same key is none of this one.
        if checkpoint.origin != self.origin or not checkpoint.signers(keys):
            raise NOT_SIGNED_BY_LOG.saying("the checkpoint is not signed by the log {log}", log=self.origin)
        return checkpoint

    def pull(self, read: ReadFile, note: bytes) -> Checkpoint:
        """Bring the mirror up to a checkpoint of the log, whose files `read` gives; it is then shown.

        A pull that was interrupted is resumed by the next one. Several processes take turns.

        Raises `NOT_SIGNED_BY_LOG`, `TooLarge` for a note with no room for another line; `LOG_WENT_BACK` for a
        checkpoint of fewer entries than are here, `OTHER_ROOT`, `LOG_NOT_PROVED` and `LOG_TILE_CHANGED` for
        entries that do not fit, and what `read` raises. Then nothing of them is kept.
        """
        # The log's host could else fill a note up, so that nobody reads it with the mirror's own line.
        if len(note) > _LONGEST:
            raise TooLarge.saying("the signed note is longer than {most} bytes", most=_LONGEST)
        wanted = self.signed(note)
        with self.store.lock():
            before = self.checkpoint()
            edge = self._kept()
            # Threat A44: a log that shows an older state of itself than it once signed.
            if wanted.size < edge.size:
                raise LOG_WENT_BACK.saying(
                    "the log {log} shows {size} entries, and had {had}",
                    log=self.origin,
                    size=wanted.size,
                    had=edge.size,
                )
            source = _Source(read, wanted.size)
            while edge.size < wanted.size:
                edge = self._add(edge, source, wanted)
            return self._show(edge, wanted, before)

    def add_entries(self, request: AddEntries, pending: Checkpoint) -> int:
        """Keep the entries of a request that a pending checkpoint proves; it is shown once it is whole.

        Returns the index of the next entry that is wanted. Raises `MIRROR_AT_OTHER_ENTRY` where the request
        begins elsewhere, `LOG_NOT_PROVED` for a package that does not fit: those before it are kept. Also
        `Malformed` where no package came whole, and `OTHER_ROOT`.
        """
        with self.store.lock():
            edge = self._kept()
            before = self.checkpoint()
            # Earlier entries of the same bundle are here, to complete the first subtree with.
            begins = edge.size - edge.size % WIDTH <= request.start <= edge.size
            if not begins or not edge.size <= request.end == pending.size:
                raise MIRROR_AT_OTHER_ENTRY.saying(
                    "the mirror goes on from entry {next} to {size}", next=edge.size, size=pending.size
                )
            bundle = unframe(b"".join(edge.bundle), "the last bundle of the mirror")
            new: list[bytes] = []
            problem: Malformed | None = None
            try:
                for package in request.packages():
                    _require_subtree(bundle, package, pending)
                    if not new:
                        self._require_continued(edge, package, pending)
                    new += package.entries[max(edge.size + len(new) - package.start, 0) :]
                    bundle = []  # the next one begins at a bundle of its own
            except Malformed as found:
                problem = found
            if new:
                batch = Batch(edge.size, b"from %d" % edge.size, new)
                edge = self._keep(batch, *edge.extend(batch))
            if problem is not None and (not new or isinstance(problem, InvalidEvidence)):
                raise problem
            if edge.size == request.end:
                self._show(edge, pending, before)
            elif not new:
                raise Malformed("no package of entries came whole")
            return edge.size

    def _require_continued(self, edge: Edge, package: Package, pending: Checkpoint) -> None:
        """Raises `LOG_NOT_PROVED` unless a package that is in the tree continues what is here.

        A log that signed two versions could else have its mirror keep parts of both, which no tree continues.
        """
        first, tree = package.start - package.start % WIDTH, TileReader(self.store.get).tree(edge.size)
        before = merkle.left_of_subtree(first, package.stop, pending.size, package.proof)
        fits = all(merkle.root(low, high, tree) == node for low, high, node in before)
        overlap = frame(package.entries[: edge.size - package.start])
        # A package begins where a bundle does: its first entries may be here, and have to be these.
        if not fits or tuple(overlap) != edge.bundle[package.start - first :]:
            raise _not_proved(pending.origin, package.stop)

    def _add(self, edge: Edge, source: _Source, wanted: Checkpoint) -> Edge:
        batch = source.portion(edge)
        after, tiles = edge.extend(batch)
        # Before anything is kept: the new entries continue those here, and begin the tree that was signed.
        try:
            proof = merkle.consistency_proof(after.size, wanted.size, source.tree)
            merkle.verify_consistency(after.size, after.root, wanted.size, wanted.root, proof)
        except (InvalidEvidence, Damaged) as problem:
            raise _not_proved(self.origin, after.size) from problem
        return self._keep(batch, after, tiles)

    def _keep(self, batch: Batch, after: Edge, tiles: Mapping[str, bytes]) -> Edge:
        """Keep entries that were proved, durably; `after` is the edge behind them."""
        self.store.record(batch)
        self.store.put(tiles)
        self.store.settle(Base(after.size, after.root))
        return after

    def _show(self, edge: Edge, wanted: Checkpoint, before: Checkpoint | None) -> Checkpoint:
        """Publish a checkpoint of all that is here, in the place of `before`; return what is shown then."""
        # The tiles here were made of entries: a root that they do not give is a second history.
        if edge.root != wanted.root:
            raise OTHER_ROOT.saying("another root was seen for the log of {size} entries", size=edge.size)
        if before is not None and before.size == wanted.size and not _adds_lines(wanted, before):
            return before
        self.store.publish(wanted.note, after=before.note if before else None)
        return wanted

    def _kept(self) -> Edge:
        """The edge of what is kept, where a killed process may have left a portion in the journal."""
        base = self.store.head().base
        edge = Edge.load(self.store.get_many, base.size)
        # As `Log`: nothing is built on tiles that no longer give their root.
        if edge.root != base.root:
            raise Damaged(f"the tiles of the first {base.size} entries do not give the root they had")
        if batches := list(self.store.pending(base.size)):
            edge, tiles = edge.extend(joined(batches))
            self.store.put(tiles)
            self.store.settle(Base(edge.size, edge.root))
        return edge

    def _own(self, note: bytes) -> Checkpoint:
        try:
            return self._signed(note, [self.key, *self._former])
        except Problem as problem:
            raise Damaged(
                f"the checkpoint in the mirror of {self.origin} is not what was put there"
            ) from problem


def _require_subtree(bundle: Sequence[bytes], package: Package, pending: Checkpoint) -> None:
    """Raises `LOG_NOT_PROVED` unless a package, with the entries before it in its bundle, is in the tree."""
    first = package.start - package.start % WIDTH
    leaves = merkle.leaf_hashes([*bundle[: package.start - first], *package.entries])
    node = merkle.edge_root([leaves])
    try:
        # C2SP tlog-mirror: entries are kept only once they are proved towards a checkpoint that was seen.
        merkle.verify_subtree(first, package.stop, node, pending.size, pending.root, package.proof)
    except InvalidEvidence as problem:
        raise _not_proved(pending.origin, package.stop) from problem


def _not_proved(origin: str, stop: int) -> InvalidEvidence:
    return LOG_NOT_PROVED.saying(
        "what the log {log} shows before entry {stop} does not give the root that it signed",
        log=origin,
        stop=stop,
    )


def _adds_lines(new: Checkpoint, old: Checkpoint) -> bool:
    """True where a note of the same tree has the old one's lines, and others besides.

    A thief of the log's host could else spoil a note here: a line that fails in a good one's place.
    """
    names = [line[:2] for line in new.signatures]
    return set(new.signatures) > set(old.signatures) and len({*names}) == len(names)


def mirrored_file(store: Reader, path: str) -> bytes | None:
    """The checkpoint of a mirror, or a tile or bundle that it covers: those beyond may not be durable yet."""
    note = store.get(CHECKPOINT)
    if note is None or path == CHECKPOINT:
        return note
    if not 0 < entries_before(path) <= Checkpoint.parse(note).size:
        return None
    data = store.get(path)
    if data is not None or (full := full_path(path)) == path:
        return data
    # A pull under way may have put the full tile in its place, for which the shown tree has no use yet.
    whole = store.get(full)
    return None if whole is None else cut(whole, path)


def published_tiles(read: ReadFile) -> Callable[[str], bytes | None]:
    """The tiles and bundles of a published log by path; `None` where it has none there."""

    def get(path: str) -> bytes | None:
        try:
            return read(path, LARGEST if path.startswith(f"tile/{ENTRIES}/") else _TILE)
        except NotFound:
            return None

    return get


class _Source:
    """The entries and hashes of a published log, of a size that it signed."""

    def __init__(self, read: ReadFile, size: int) -> None:
        self._get, self._size = published_tiles(read), size
        self.tree = TileReader(self._get).tree(size)

    def portion(self, edge: Edge) -> Batch:
        """The entries that follow an edge: few enough for memory, up to the end of a bundle."""
        portion: list[bytes] = []
        length, at = 0, edge.size
        stop = min(self._size, at - at % _MOST_AT_ONCE + _MOST_AT_ONCE)
        while at < stop and length < _AT_ONCE:
            entries = self._bundle(at // WIDTH)
            if not portion and tuple(frame(entries[: at % WIDTH])) != edge.bundle:
                path = tile_path(ENTRIES, at // WIDTH)
                raise LOG_TILE_CHANGED.saying("{tile} has other entries than it had", tile=path)
            entries = entries[at % WIDTH :]
            portion += entries
            at += len(entries)
            length += sum(map(len, entries)) + _OVERHEAD * len(entries)
        return Batch(edge.size, b"from %d" % edge.size, portion)

    def _bundle(self, number: int) -> list[bytes]:
        width = min(WIDTH, self._size - number * WIDTH)
        path = tile_path(ENTRIES, number, width)
        data = self._get(path)
        if data is None:
            data = self._get(path := tile_path(ENTRIES, number))
        if data is None:
            raise LOG_NOT_PROVED.saying("{tile} is missing", tile=path)
        try:
            entries = unframe(data, path)
        except Damaged as problem:
            raise LOG_NOT_PROVED.saying("{tile} is no bundle of entries", tile=path) from problem
        if len(entries) < width:
            raise LOG_NOT_PROVED.saying("{tile} has too few entries", tile=path)
        return entries[:width]
