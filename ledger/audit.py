"""The audit of a log: everything derived again from its entries, and compared with what is stored."""

from __future__ import annotations

import itertools

from wire.problem import Damaged

from .log import LogReader
from .note import Checkpoint
from .problem import InvalidEvidence
from .tiles.edge import Edge
from .tiles.layout import WIDTH
from .tiles.reader import TileReader
from .tiles.store import Batch, first_difference

_AT_ONCE = WIDTH * WIDTH  # entries


def audit(log: LogReader) -> Checkpoint:
    """The log's checkpoint, once all of its tree was seen to follow from the entries.

    Raises `Damaged`, which names the first difference: a tile, a bundle, or the checkpoint. Entries that are
    appended meanwhile are left out.
    """
    get, get_many = log.store.get, log.store.get_many
    checkpoint = log.checkpoint()
    entries = TileReader(get).entries(0, checkpoint.size, checkpoint.size)
    edge = Edge()
    while chunk := list(itertools.islice(entries, _AT_ONCE)):
        edge, tiles = edge.extend(Batch(edge.size, b"", chunk))
        full = {path: data for path, data in tiles.items() if not _is_partial(path)}
        if difference := first_difference(full, get_many(full)):
            raise _difference(difference)
    for path, data in edge.partial().items():
        stored = get(path)
        if stored is None:  # the log has grown since, and the full tile took its place
            stored = (get(path.partition(".p/")[0]) or b"")[: len(data)]
        if stored != data:
            raise _difference(path)
    if edge.root() != checkpoint.root:
        raise Damaged("the checkpoint has another root than the entries give")
    try:
        signers = checkpoint.signers([log.verifier_key, log.clock_key])
    except InvalidEvidence as error:
        raise Damaged(f"the checkpoint: {error.detail}") from error
    if log.clock_key not in signers:
        raise Damaged("the checkpoint is not cosigned by the log's own clock")
    return checkpoint


def _is_partial(path: str) -> bool:
    return ".p/" in path


def _difference(path: str) -> Damaged:
    level_0 = path.startswith("tile/0/")
    source = f"the entries in {path.replace('tile/0/', 'tile/entries/')}" if level_0 else "the entries"
    return Damaged(f"{path} is not what follows from {source}")
