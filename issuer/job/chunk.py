"""A chunk of a file: its rows as they are signed, their credentials, and what log and index keep of these.

All of it follows from the rows and the task, so that a chunk done again, anywhere, gives the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple, Protocol

from kinds import Kind, Record
from kinds.problem import InvalidTemplate
from kinds.records import settle_reached
from wire.problem import Malformed

from ..archive.kept import Keyed, ShardName
from ..archive.lookup import packed_keys
from ..archive.shards import shard_of
from ..press.press import Comparison, Press
from ..table.finding import FIRST_ROW
from .logorder import PendingEntry, in_shard_order


class Asked(Protocol):
    """What a task asks for, whoever signs."""

    @property
    def skipped(self) -> frozenset[int]:
        """Rows that are bad or were issued before."""

    @property
    def first_seq(self) -> int:
        """The sequence number of the first row of the file."""

    @property
    def created(self) -> datetime:
        """The time of the signatures."""


class Chunk(NamedTuple):
    """The data of a chunk for log and index; its shard has the credentials themselves."""

    entries: list[bytes]
    """For the log."""
    rows: list[tuple[int, str, str, str]]
    """Sequence number, the credential's number, name and e-mail address of each, in the order of the log."""


class Made(NamedTuple):
    """The chunk and the shard that a worker made, and the keys by which the credentials are looked up."""

    chunk: Chunk
    shard: bytes | ShardName
    """Its content, or its name where it is stored already."""
    keyed: Keyed


def settled(
    kind: Kind, rows: Iterable[tuple[int, Record]], asked: Asked, numbers: Mapping[int, str]
) -> Iterator[tuple[int, Record]]:
    """Rows as they are signed: without those that are skipped, with the numbers that they were given."""
    for row, record in rows:
        if row in asked.skipped:
            continue
        if numbers:
            record[kind.number] = numbers[row]
        # Of the job's day, also where it goes on later: each row says what it would have said then.
        settle_reached(kind, record, asked.created.date())
        yield row, record


def signed(presses: Sequence[Press], rows: Iterable[tuple[int, Record]], asked: Asked) -> Made:
    """The credentials of settled rows, in the form of each press. Raises `InvalidTemplate`."""
    chunk, keys, comparisons = Chunk([], []), list[bytes](), list[Comparison]()
    kind = presses[0].composer.kind

    def printed() -> Iterator[tuple[PendingEntry, bytes]]:
        for row, record in rows:
            for seq, press in enumerate(presses, seq_of(row, asked, len(presses))):
                try:
                    line, entry, identifier = press.print_row(record, seq, asked.created, comparisons.append)
                except Malformed as problem:
                    raise InvalidTemplate(f"with row {row}, {problem.detail}", because=problem) from problem
                keys.append(packed_keys(seq, identifier, record.get(kind.email, "")))
                yield PendingEntry(seq, entry, press.form.media_type, record), line

    def lines() -> Iterator[bytes]:
        # Of one form they are written as they are made; of several, shards are in the order of the log, too.
        credentials = printed() if len(presses) == 1 else in_shard_order(printed())
        for credential, line in credentials:
            chunk.entries.append(credential.entry)
            chunk.rows.append((credential.seq, *kind.listed(credential.record)))
            yield line

    shard = shard_of(lines())
    for comparison in comparisons:  # before anything of the chunk leaves this process
        comparison()
    return Made(chunk, shard, keyed_of(chunk, keys))


def seq_of(row: int, asked: Asked, forms: int) -> int:
    """The first sequence number of a row that is issued in so many forms."""
    return asked.first_seq + (row - FIRST_ROW) * forms


def keyed_of(chunk: Chunk, keys: Iterable[bytes]) -> Keyed:
    """The keys of a chunk's credentials, with the range of their sequence numbers."""
    seqs = [row[0] for row in chunk.rows]
    return Keyed(min(seqs, default=0), max(seqs, default=-1) + 1, b"".join(keys))
