"""Kinds from elsewhere, which a trust list has or a credential brings: read within what that may cost.

It is charged each time, so that no report depends on what is remembered.
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
"""Bytes of kinds that are remembered."""
_TEXT = 60
"""Bytes that a text takes beside its characters."""


class _Read(NamedTuple):
    kind: Kind | None
    steps: int


_read: Memory[tuple[str, ...], _Read] = Memory(_MOST_KEPT)
"""By the digest and the files that are missing: who leaves some out takes them from nobody else's kind."""


def carried_digest(files: CarriedKind, work: Work | None = None) -> str:
    """As `kind_digest`, of what came along. Raises `TooLarge` where it costs more than is left of `work`."""
    data = _bytes(files)
    if work is not None:
        work.spend(sum(map(len, data.values())) // BYTES_HASHED)
    return kind_digest(data, dict(files.absent))


def kind_of(files: CarriedKind, work: Work | None = None) -> Kind | None:
    """The kind of these files; `None` where they are none that this program knows.

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
