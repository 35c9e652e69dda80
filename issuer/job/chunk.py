"""A chunk of a file: its rows as they are signed, their credentials, and what log and index keep of these.

All of it follows from the rows and the task, so that a chunk done again, anywhere, gives the same bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple, Protocol

from kinds import Kind, Record
from kinds.problem import InvalidTemplate
from kinds.records import settle_reached
from wire.problem import Malformed

from ..archive.kept import Keyed, ShardName
from ..archive.lookup import packed_keys
from ..archive.shards import shard_of
from ..press.press import Comparison, Press, Printed
from ..table.finding import FIRST_ROW
from .logorder import PendingEntry, in_shard_order


class ToSign(Protocol):
    """The request of a task, whoever signs."""

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
    seqs: list[int]
    """The sequence numbers of the credentials, in the order of the log; so are their other values."""
    numbers: list[str]
    names: list[str]
    emails: list[str]

    def add(self, seq: int, entry: bytes, listed: tuple[str, str, str]) -> None:
        """Adds a credential; `listed` has its number, name and e-mail address, as `Kind.listed` does."""
        number, name, email = listed
        self.entries.append(entry)
        self.seqs.append(seq)
        self.numbers.append(number)
        self.names.append(name)
        self.emails.append(email)

    @classmethod
    def empty(cls) -> Chunk:
        """A chunk to add to."""
        return cls([], [], [], [], [])


class Made(NamedTuple):
    """The chunk and the shard that a worker made, and the keys by which the credentials are looked up."""

    chunk: Chunk
    shard: bytes | ShardName
    """Its content, or its name where it is stored already."""
    keyed: Keyed


def settled(
    kind: Kind, rows: Iterable[tuple[int, Record]], asked: ToSign, numbers: Mapping[int, str]
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


def signed_chunk(presses: Sequence[Press], rows: Iterable[tuple[int, Record]], asked: ToSign) -> Made:
    """The credentials of settled rows, in the form of each press. Raises `InvalidTemplate`."""
    credentials, comparisons = Credentials(presses, asked), list[Comparison]()

    def printed(press: Press, record: Record, seq: int) -> Printed:
        return press.print_row(record, seq, asked.created, comparisons.append)

    shard = shard_of(credentials.lines(rows, printed))
    for comparison in comparisons:  # before anything of the chunk leaves this process
        comparison()
    return credentials.made(shard)


def signed_shard(presses: Sequence[Press], rows: Iterable[tuple[int, Record]], asked: ToSign) -> bytes:
    """The shard of settled rows alone, as `signed_chunk` makes it, for a process that reads it back.

    That one works out what log and index keep, and compares. Raises `InvalidTemplate`.
    """
    if len(presses) > 1:  # they are in the order of the log
        several = signed_chunk(presses, rows, asked).shard
        assert isinstance(several, bytes)
        return several
    (press,) = presses

    def lines() -> Iterator[bytes]:
        for row, record in rows:
            try:
                yield press.print_unguarded(record, asked.first_seq + row - FIRST_ROW, asked.created)
            except Malformed as problem:
                raise _invalid(row, problem) from problem

    return shard_of(lines())


class Credentials:
    """The credentials of a chunk, as they are made or read: what log and index get of them is gathered."""

    def __init__(self, presses: Sequence[Press], asked: ToSign) -> None:
        self._presses, self._asked = presses, asked
        self._chunk, self._keys = Chunk.empty(), list[bytes]()

    def lines(
        self, rows: Iterable[tuple[int, Record]], printed: Callable[[Press, Record, int], Printed]
    ) -> Iterator[bytes]:
        """The lines of a shard; `printed` gives each credential. Raises `InvalidTemplate`."""
        each = self._each(rows, printed)
        kind = self._presses[0].composer.kind
        # Of one form they are written as they are made; of several, shards are in the order of the log, too.
        for credential, line in each if len(self._presses) == 1 else in_shard_order(each):
            self._chunk.add(credential.seq, credential.entry, kind.listed(credential.record))
            yield line

    def _each(
        self, rows: Iterable[tuple[int, Record]], printed: Callable[[Press, Record, int], Printed]
    ) -> Iterator[tuple[PendingEntry, bytes]]:
        presses, first, email = self._presses, self._asked.first_seq, self._presses[0].composer.kind.email
        for row, record in rows:
            for seq, press in enumerate(presses, first + (row - FIRST_ROW) * len(presses)):
                try:
                    line, entry, identifier = printed(press, record, seq)
                except Malformed as problem:
                    raise _invalid(row, problem) from problem
                self._keys += packed_keys(seq, identifier, record.get(email, ""))
                yield PendingEntry(seq, entry, press.form.media_type, record), line

    def made(self, shard: bytes | ShardName) -> Made:
        """The chunk, once all lines were taken, with its shard."""
        seqs = self._chunk.seqs
        first, stop = min(seqs, default=0), max(seqs, default=-1) + 1
        return Made(self._chunk, shard, Keyed(first, stop, b"".join(sorted(self._keys))))


def _invalid(row: int, problem: Malformed) -> InvalidTemplate:
    return InvalidTemplate(f"with row {row}, {problem.detail}", because=problem)
