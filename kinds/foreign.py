"""Kinds from elsewhere, in a trust list or beside a credential, read within a limit of work.

The cost is charged each time, so that no report depends on the cache.
"""

from __future__ import annotations

from typing import NamedTuple

from vc.anchoring import CarriedKind
from wire.memory import Kept, Memory, size_parsed
from wire.problem import Malformed, TooLarge
from wire.work import BYTES_HASHED, Work

from .kind import Kind, kind_digest
from .parsing import parse_kind

_MOST_KEPT = 1 << 23
"""The size of the cache of kinds, in bytes."""
_TEXT = 60
"""Bytes that a text takes beside its characters."""


class _Read(NamedTuple):
    kind: Kind | None
    steps: int


_read: Memory[tuple[str, ...], _Read] = Memory(_MOST_KEPT)
"""Keyed by digest and missing files: a bundle that omits files must not get them from another's kind."""


def carried_digest(files: CarriedKind, work: Work | None = None) -> str:
    """`kind_digest` of the carried files. Raises `TooLarge` where it costs more than is left of `work`."""
    data = _bytes(files)
    if work is not None:
        work.spend(sum(map(len, data.values())) // BYTES_HASHED)
    return kind_digest(data, dict(files.absent))


def kind_of(files: CarriedKind, work: Work | None = None) -> Kind | None:
    """The kind of these files; `None` if this program cannot read them.

    Raises `TooLarge` where it costs more than is left of `work`.
    """
    work = work or Work()
    key = (carried_digest(files, work), *sorted(dict(files.absent)))
    if (kept := _read.get(key)) is not None:
        work.spend(kept.steps)
        return kept.kind
    before, kind, data = work.left, None, _bytes(files)
    try:
        kind = parse_kind(data, dict(files.absent), work)
    except TooLarge:
        raise
    except Malformed:
        pass
    # Parsed fields take about four times what their JSON does.
    size = 4 * sum(map(size_parsed, data.values())) + size_of_key(key)
    _read.keep(key, Kept(_Read(kind, before - work.left), size))
    return kind


def size_of_key(key: tuple[str, ...]) -> int:
    """Bytes that a key takes."""
    return sum(len(text) + _TEXT for text in key)


def _bytes(files: CarriedKind) -> dict[str, bytes]:
    return {path: text.encode() for path, text in files.texts}
