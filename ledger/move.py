"""Move a log from one store to another, where it continues as if it had always been there (ADR 59).

The move uses the stores' contract alone. The target is reserved first, then the source is sealed under the
same name. Only then is anything copied, read from the one and written to the other as a log does; the last
step opens the target. A move that is interrupted in between leaves neither of them open; made again, it
resumes. A log that has gone to one target can go to no other, or it would have two histories.
"""

from __future__ import annotations

import itertools
import secrets
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

from wire.problem import Conflict, Damaged

from .note import Checkpoint
from .problem import NO_LOG, Overtaken
from .tiles.edge import Edge
from .tiles.layout import WIDTH
from .tiles.reader import TileReader
from .tiles.store import (
    CHECKPOINT,
    Base,
    Batch,
    Mark,
    State,
    Store,
    first_difference,
    joined,
    mark_of,
    require_open,
)

PORTION = WIDTH * WIDTH
"""Entries that are copied at a time."""
_TRIES = 10  # against the same move, made by another process at the same time: each time one of them gets on


def reserve_target(store: Store, name: str) -> None:
    """Reserve a store for the log that comes by this move; nothing was ever recorded or published there.

    Raises `Overtaken` for any other store.
    """
    store.seal(Mark(name, State.COMING), after=None)


def seal_source(store: Store, name: str) -> None:
    """Close a log for this move: from here on it stays as it is.

    Raises `Overtaken` where another move has closed it.
    """
    with store.lock():
        mark = store.head().mark
        # ADR 59: a log leaves for one place only, or it would have two histories.
        if mark is not None and mark.is_closed:
            raise Overtaken("another move has closed the log meanwhile")
        store.seal(Mark(name, State.LEFT), after=mark)


def move(source: Store, target: Store, copied: Callable[[int], object] = lambda _: None) -> Checkpoint:
    """Move a log, or resume its move, and return its checkpoint.

    `copied` is called with the number of entries in each portion. All tiles are derived again from the
    entries. Raises `NO_LOG`, and `Conflict` where there is a log at the target already or this one has gone
    elsewhere. Raises `Damaged` where its entries do not give the root that they had, or the target does not
    read back as it was written.
    """
    name = _begun(source, target)
    note = _checkpoint(source)
    if mark_of(target) != Mark(name, State.HERE):
        with source.lock():
            base = source.head().base
            batches = list(source.pending(base.size))
        edge = _copy(source, target, base.size, copied)
        # The checkpoint goes along as it was signed: it must hold for the entries at the target.
        if edge.root != base.root:
            raise Damaged("the entries of the log do not give the root that it had", hint="Audit the log.")
        if batches:
            _put(target, edge.extend(joined(batches))[1])
        with target.lock():
            _open(source, target, name, base, batches, note)
    checkpoint = _checkpoint(target)
    # A shorter log came first, such as an older copy of this one: it is not replaced.
    if checkpoint.size < note.size:
        raise Conflict.saying(
            "a log of {there} entries has come first, and this one has {size}",
            there=checkpoint.size,
            size=note.size,
        )
    return checkpoint


def _begun(source: Store, target: Store) -> str:
    """Reserve the target and seal the source, unless that is done; return the name of the move."""
    left = mark_of(source)
    if left is not None and left.state is State.LEFT:
        come = mark_of(target)
        # A second target would continue the log a second time: two histories under one key (threat A44).
        if come is None or come.name != left.name or come.state is State.LEFT:
            raise Conflict("the log has gone elsewhere, or is on its way there")
        return left.name
    require_open(left)
    name = _reserved(target, _checkpoint(source).origin)
    seal_source(source, name)
    return name


def _reserved(target: Store, origin: str) -> str:
    """Reserve the target, and return the name. An interrupted move that had sealed nothing is taken over."""
    with target.lock():
        come = target.head().mark
        # By the origin in its name: a reservation for another log is not taken over.
        if come is not None and come.state is State.COMING and come.name.startswith(f"{origin} "):
            return come.name
        # Random, so that two moves of one log are told apart in both stores.
        name = f"{origin} {secrets.token_hex(16)}"
        try:
            reserve_target(target, name)
        except Overtaken:
            raise Conflict("there is a log at the address already") from None
        return name


def _checkpoint(store: Store) -> Checkpoint:
    note = store.get(CHECKPOINT)
    if note is None:
        raise NO_LOG("there is no log at the address")
    return Checkpoint.parse(note)


def _copy(source: Store, target: Store, size: int, copied: Callable[[int], object]) -> Edge:
    """Copy the tiles of the settled entries, and return the tree's right edge; tiles already there stay."""
    entries = TileReader(source.get).entries(0, size, size)
    edge = Edge()
    while portion := list(itertools.islice(entries, PORTION)):
        edge, tiles = edge.extend(Batch(edge.size, b"", portion))
        _put(target, {path: data for path, data in tiles.items() if ".p/" not in path})
        copied(len(portion))
    _put(target, edge.partial())
    return edge


def _put(target: Store, tiles: Mapping[str, bytes]) -> None:
    stored = target.get_many(tiles)
    missing = {path: data for path, data in tiles.items() if stored.get(path) != data}
    if missing:
        target.put(missing)
        # threat F24: somebody may have written a tile there before.
        if path := first_difference(missing, target.get_many(missing)):
            raise Damaged.saying("{path} does not read back as it was written", path=path)


def _open(
    source: Store, target: Store, name: str, base: Base, batches: Sequence[Batch], note: Checkpoint
) -> None:
    """Write what is no tile: settled keys, base, the batches that follow, the checkpoint; then open the log.

    An interrupted move may have done some of these steps, and another process may do the same now. None is
    undone: each step is a conditional write, and the checkpoint replaces only one of a shorter log, such as
    the empty one that somebody was beginning here.
    """
    coming, here = Mark(name, State.COMING), Mark(name, State.HERE)
    for _ in range(_TRIES):
        head = target.head()
        if head.mark != coming:
            break
        with suppress(Overtaken):
            if head.base != base:
                target.settle(base, source.keys)
            if missing := batches[len(list(target.pending(base.size))) :]:
                target.record(*missing)
            there = target.get(CHECKPOINT)
            # Another process may have opened the log meanwhile, and the log may have signed since.
            if there is None or Checkpoint.parse(there).size < note.size:
                target.publish(note.note, after=there)
            target.seal(here, after=coming)
    # Someone else changed the mark: what was written here may be part of another move by now.
    if target.head().mark != here:
        raise Overtaken("the place is not reserved for this move any more")
