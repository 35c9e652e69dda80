"""The audit of a log: everything derived again from its entries, and compared with what is stored."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from wire.problem import Damaged

from .log import LogReader
from .note import Checkpoint
from .problem import InvalidEvidence
from .tiles.edge import Edge
from .tiles.layout import WIDTH, full_path
from .tiles.reader import TileReader
from .tiles.store import Batch, first_difference

_AT_ONCE = 1 << 23  # bytes: 85,000 entries of ours, and 128 of the longest that a stranger's log may have
_OVERHEAD = 64  # bytes of an entry beside its own


def audit(log: LogReader) -> Checkpoint:
    """Derive the whole tree from the entries, which may be any bytes, and return the log's checkpoint.

    A log that was opened with the key of its clock has to be cosigned by that. Raises `Damaged`, which names
    the first difference: a tile, a bundle, or the checkpoint. Entries that are appended meanwhile are left
    out.
    """
    get, get_many = log.store.get, log.store.get_many
    checkpoint = log.checkpoint()
    entries = TileReader(get).entries(0, checkpoint.size, checkpoint.size)
    # From the empty tree: nothing that is stored above the entries is trusted.
    edge = Edge()
    for portion in _portions(entries):
        edge, tiles = edge.extend(Batch(edge.size, b"", portion))
        # A portion's partial tiles are none of the log's, whose batches ended elsewhere.
        full = {path: data for path, data in tiles.items() if not _is_partial(path)}
        if difference := first_difference(full, get_many(full)):
            raise _difference(difference)
    for path, data in edge.partial().items():
        stored = get(path)
        if stored is None:  # the log has grown since, and the full tile took its place
            stored = (get(full_path(path)) or b"")[: len(data)]
        if stored != data:
            raise _difference(path)
    # Tiles that agree with the entries prove nothing yet: the signature is over this root.
    if edge.root != checkpoint.root:
        raise Damaged("the checkpoint has another root than the entries give")
    keys = [log.verifier_key, log.clock_key] if log.clock_key else [log.verifier_key]
    try:
        signers = checkpoint.signers(keys)
    except InvalidEvidence as error:
        raise Damaged(f"the checkpoint: {error.detail}") from error
    # As verifiers do (`evidence._attested`): a log with a clock always shows its time.
    if log.clock_key and log.clock_key not in signers:
        raise Damaged("the checkpoint is not cosigned by the log's own clock")
    return checkpoint


def _portions(entries: Iterator[bytes]) -> Iterator[list[bytes]]:
    """The entries in lists that fit into memory, each of whole bundles."""
    portion: list[bytes] = []
    size = 0
    while bundle := list(itertools.islice(entries, WIDTH)):
        portion += bundle
        size += sum(map(len, bundle)) + _OVERHEAD * len(bundle)
        if size >= _AT_ONCE:
            yield portion
            portion, size = [], 0
    if portion:
        yield portion


def _is_partial(path: str) -> bool:
    return ".p/" in path


def _difference(path: str) -> Damaged:
    level_0 = path.startswith("tile/0/")
    source = f"the entries in {path.replace('tile/0/', 'tile/entries/')}" if level_0 else "the entries"
    return Damaged(f"{path} is not what follows from {source}")
