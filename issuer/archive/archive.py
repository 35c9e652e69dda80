"""Reading issued credentials back: those of files lie in shards, single ones in the index."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path

from vc.forms import FORMS
from vc.secured import Form
from wire.files import remove_leftovers
from wire.problem import Damaged

from ..press.press import Line
from ..problem import DAMAGED_ISSUER
from .frame import ZstdError, from_frame
from .index import Index
from .shards import Shard


def unpack(seq: int, packed: bytes, forms: Mapping[str, Form] = FORMS) -> Line:
    """The stored line of a credential that was issued singly. Raises `Damaged`."""
    try:
        return Line.parse(from_frame(packed), forms)
    except (ZstdError, ValueError, LookupError, TypeError, AttributeError) as error:  # not our JSON
        raise DAMAGED_ISSUER(
            f"the credential that the index has as number {seq} is not as written"
        ) from error


@dataclass(frozen=True)
class Archive:
    """An issuer's index and its folder of shards. Raises `Damaged` where a credential is not as written."""

    store: Index
    shards: Path
    forms: Mapping[str, Form] = field(default_factory=lambda: FORMS)
    """Those that the credentials may be of."""

    def shard(self, job: int, number: int) -> Path:
        """Where the shard of a chunk lies."""
        return self.shards / str(job) / f"{number:06d}.jsonl.zst"

    def clear_away(self) -> None:
        """Remove what killed workers left of shards."""
        for folder in self.shards.glob("[0-9]*"):
            remove_leftovers(folder)

    def missing(self) -> list[Path]:
        """The shards that the index speaks of, and that are gone."""
        paths = (self.shard(job, number) for _, job, number in self.store.chunks())
        return [path for path in paths if not path.exists()]

    def line(self, seq: int, leaf: int) -> Line:
        """The stored line of one credential, found by its sequence number and its place in the log."""
        return next(self.lines([(seq, leaf)]))

    def lines(self, places: Iterable[tuple[int, int]]) -> Iterator[Line]:
        """The stored lines of many; a shard is opened once for those that stand together.

        Raises `Damaged` where index and shard differ.
        """
        shard, leaves = None, range(0)
        for seq, leaf in places:
            if shard is None or leaf not in leaves:  # an entry of the log is of one chunk alone
                if (packed := self.store.single(seq)) is not None:
                    yield unpack(seq, packed, self.forms)
                    continue
                job, number, leaves = self.store.place(seq)
                path = self.shard(job.id, number)
                shard = Shard(path)
            line = Line.parse(shard.line(leaf - leaves.start), self.forms)
            if line.seq != seq:
                raise Damaged(f"the shard {path} has another credential where the index has number {seq}")
            yield line

    def chunk(self, job: int, number: int) -> Iterator[Line]:
        """The stored lines of a chunk, in their order."""
        return (Line.parse(data, self.forms) for data in Shard(self.shard(job, number)))

    def by_shard(self, seqs: Iterable[int]) -> Iterator[tuple[Path | None, list[int]]]:
        """Sequence numbers with the one shard that can have them; a single credential is in none."""
        chunks = self.store.chunks()
        starts = [first_seq for first_seq, _, _ in chunks]
        for place, group in groupby(sorted(seqs), lambda seq: bisect_right(starts, seq)):
            yield self.shard(*chunks[place - 1][1:]) if place else None, list(group)
