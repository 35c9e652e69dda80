"""Issued credentials: those of files lie in shards, single ones in the index."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import groupby

from vc.forms import FORMS
from vc.secured import Form
from wire.problem import Damaged

from ..press.press import Line
from ..problem import DAMAGED_ISSUER
from .frame import ZstdError, from_frame
from .index import Index
from .kept import ShardName
from .shard_store import ShardStore
from .shards import Shard, lines_of, read_shard


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
    """An issuer's index and the store of its shards.

    Raises `Damaged` for a credential that is not as it was written.
    """

    store: Index
    shards: ShardStore
    forms: Mapping[str, Form] = field(default_factory=lambda: FORMS)
    """The forms that the credentials may have."""

    def where(self, shard: ShardName) -> str:
        """The location of a shard, for people."""
        return f"{self.shards.address}/{shard}"

    def missing(self) -> list[str]:
        """The locations of shards that the index names and the store lacks."""
        there = set(self.shards.names())
        return [self.where(shard) for _, shard in self.store.chunks() if shard not in there]

    def strays(self) -> list[ShardName]:
        """The stored shards that no chunk names, begun or finished: they stem from killed jobs.

        A shard that a job is about to name may be among them. They are listed before the index is asked.
        """
        there = sorted(self.shards.names(), key=str)
        begun = {shard for _, shard in self.store.begun_chunks()}
        named = begun.union(shard for _, shard in self.store.chunks())
        return [shard for shard in there if shard not in named]

    def line(self, seq: int, leaf: int) -> Line:
        """The stored line of one credential, found by its sequence number and its place in the log."""
        return next(self.lines([(seq, leaf)]))

    def lines(self, places: Iterable[tuple[int, int]]) -> Iterator[Line]:
        """The stored lines of many credentials; a shard is opened once for lines that stand together.

        Raises `Damaged` where index and shard differ.
        """
        shard, leaves = None, range(0)
        for seq, leaf in places:
            if shard is None or leaf not in leaves:  # an entry of the log is of one chunk alone
                if (packed := self.store.single(seq)) is not None:
                    yield unpack(seq, packed, self.forms)
                    continue
                name, leaves = self.store.place(seq)
                shard = Shard(self.shards, name)
            line = Line.parse(shard.line(leaf - leaves.start), self.forms)
            if line.seq != seq:
                raise Damaged(
                    f"the shard {shard.where} has another credential where the index has number {seq}"
                )
            yield line

    def chunk(self, shard: ShardName) -> Iterator[Line]:
        """The stored lines of a chunk, in their order. Raises as `read_shard`."""
        lines = lines_of(read_shard(self.shards, shard), self.where(shard))
        return (Line.parse(data, self.forms) for data in lines)

    def by_shard(self, seqs: Iterable[int]) -> Iterator[tuple[ShardName | None, list[int]]]:
        """Sequence numbers with the one shard that can have them; a single credential is in none."""
        chunks = self.store.chunks()
        starts = [first_seq for first_seq, _ in chunks]
        for place, group in groupby(sorted(seqs), lambda seq: bisect_right(starts, seq)):
            yield chunks[place - 1][1] if place else None, list(group)
