"""Tiles that lie ahead of a log, and that the log did not write (threat F24).

An appender to a database or a bucket can write a tile before the log reaches its place, and no appender can
change it afterwards. Signed entries are not affected, but the log stops signing: it refuses a tile that does
not read back as it was written.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from ..note import Checkpoint
from ..problem import LEDGER_TILES_AHEAD
from .edge import Edge
from .layout import entries_before
from .store import Batch, joined

_SHOWN = 5


def tiles_ahead(
    paths: Iterable[str],
    note: bytes | None,
    base: int,
    batches: Sequence[Batch],
    get_many: Callable[[Iterable[str]], Mapping[str, bytes]],
) -> list[str]:
    """The tiles among these paths that have to be removed before the log can go on.

    `note` is its checkpoint, `batches` are those recorded from index `base` on. An interrupted writer may
    have left a tile between the checkpoint and the end of the batches; that one follows from the batches.
    """
    signed = Checkpoint.parse(note).size if note is not None else 0
    end = batches[-1].range.stop if batches else base
    # Tiles of what is signed were read back before the signature: only later ones can be foreign.
    beyond = sorted(path for path in paths if entries_before(path) > signed)
    computed: dict[str, bytes] = {}
    if any(entries_before(path) <= end for path in beyond):
        edge = Edge.load(get_many, base)
        signed_for = [batch for batch in batches if batch.range.stop <= signed]
        for part in (signed_for, batches[len(signed_for) :]):  # as the log integrates them
            if part:
                edge, tiles = edge.extend(joined(part))
                computed |= tiles
    stored = get_many([path for path in beyond if path in computed])
    return [
        path
        for path in beyond
        if entries_before(path) > end or (path in computed and stored.get(path) != computed[path])
    ]


def require_none_ahead(names: Sequence[str]) -> None:
    """Raise `LEDGER_TILES_AHEAD`, naming them, where there are any."""
    if names:
        more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
        raise LEDGER_TILES_AHEAD.saying(
            "the log did not write what lies ahead of it: {names}{more}",
            names=", ".join(names[:_SHOWN]),
            more=more,
            rows=len(names),
        )
