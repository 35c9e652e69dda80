"""The records of the issuer's index: jobs, editions, batches of the log, revocations, files."""

from __future__ import annotations

import hashlib
import re
import struct
from array import array
from collections.abc import Callable, Collection, Iterable, Iterator, MutableMapping, Sequence
from enum import StrEnum
from functools import lru_cache
from itertools import repeat
from typing import Any, NamedTuple

from wire.problem import Conflict, Damaged, NotFound, Refused

from ..table.finding import FIRST_ROW

FIRST_KIND = "diploma"
"""The only kind until an issuer could have several: records in older files are of this kind."""


class KindNumber(NamedTuple):
    """One credential in all its editions: the name of its kind, and its number, unique within that."""

    kind: str
    number: str


IdOf = Callable[[KindNumber, int, int, str], str]
"""The `id` of a credential, by edition, copy and form."""

DEFAULT = ""
"""Stands for the form that the issuer issues in by default; others are named by their media types."""

Numbering = Callable[[range], Sequence[str]]
"""The numbers at these places of a series, from 1, up to one that is none of the kind.

Raises `Refused` where that is the first.
"""


class EditionTaken(Conflict):
    """Another process issued this edition of the credential meanwhile."""

    code = "edition-taken"


class Released(Refused):
    """All links of the credential ended since the one was made by which it is claimed."""

    code = "claim-released"


class Job(NamedTuple):
    """One file to issue: `first_seq` is the sequence number of its first row."""

    id: int
    key: bytes
    file: str
    created: str
    first_seq: int
    length: int
    """In rows, good or bad."""
    chunks: int
    forms: tuple[str, ...] = (DEFAULT,)
    """Each row becomes one credential in each of them, under successive sequence numbers."""

    @property
    def seqs(self) -> range:
        """The sequence numbers that were reserved for it."""
        return range(self.first_seq, self.first_seq + self.length * len(self.forms))

    def seq(self, row: int) -> int:
        """The first sequence number of a row. Raises `NotFound` for the headings, and beyond the last."""
        if not 0 <= row - FIRST_ROW < self.length:
            raise NotFound(f"{self.file} has no row {row} below the headings")
        return self.first_seq + (row - FIRST_ROW) * len(self.forms)

    def form(self, seq: int) -> str:
        """The form of the credential with one of its sequence numbers."""
        return self.forms[(seq - self.first_seq) % len(self.forms)]

    def chunk_key(self, number: int) -> bytes:
        """The key under which the digests of a chunk are appended to the log.

        It has time and place: after a restored backup a job may begin anew, with other bytes under the same
        job key.
        """
        return self.key + f"{self.created} {self.first_seq} {number}".encode()


SHARD_NAME = r"([0-9]{1,20})/([0-9]{6,20})(?:-([0-9a-f]{64}))?\.jsonl\.zst"


class ShardName(NamedTuple):
    """The name of a shard: its job and the number of its chunk. As a string, it is the name in the store."""

    job: int
    number: int
    digest: bytes | None
    """The SHA-256 of the content; `None` for a shard written before names had a digest."""

    @classmethod
    def of(cls, job: Job, number: int, data: bytes) -> ShardName:
        """The name of a chunk's shard with this content."""
        return cls(job.id, number, hashlib.sha256(data).digest())

    @classmethod
    def parse(cls, text: str) -> ShardName | None:
        """The name in this text, or `None` if it is no such name."""
        match = re.fullmatch(SHARD_NAME, text, re.ASCII)
        name = match and cls(int(match[1]), int(match[2]), bytes.fromhex(match[3]) if match[3] else None)
        return name if str(name) == text else None

    def __str__(self) -> str:
        digest = "" if self.digest is None else f"-{self.digest.hex()}"
        return f"{self.job}/{self.number:06d}{digest}.jsonl.zst"


def job_of(row: Sequence[Any]) -> Job:
    """The job of a row whose last column has its forms, with a blank between two."""
    job = Job(*row)
    return job._replace(forms=tuple(row[-1].split(" ")))


def require_link(which: KindNumber, generation: int, current: int) -> None:
    """Raises `Released` for a link of an earlier generation, `Damaged` for one of a later generation."""
    # Only an older copy of the index can lack a release: with it, ended links would be good again.
    if generation > current:
        raise Damaged(
            f"a claim link was made after credential {which.number} was released, "
            "of which the index does not know",
            hint="Is it an older copy? Bring the newest back.",
        )
    # Checked again when the edition is written: a release may have come after the link was looked up.
    if generation < current:
        raise Released("the credential was released for another wallet after this link was made")


class EditionState(StrEnum):
    """The state of an edition: valid, or the reason why it ended."""

    VALID = "valid"
    REVOKED = "revoked"
    SUPERSEDED = "superseded"
    """A later edition took its place."""
    SUSPENDED = "suspended"
    """The issuer does not stand by it until it is reinstated."""


class Entry(NamedTuple):
    """A copy of an edition in one form: `leaf` is its place in the log.

    `reason` and `date` are those of its revocation, or of its suspension where it `is_suspended`.
    """

    seq: int
    kind: str
    number: str
    edition: int
    copy: int
    """From 1; most editions have one."""
    leaf: int
    name: str
    email: str
    reason: str | None
    date: str | None
    form: str = DEFAULT
    is_suspended: bool = False

    @property
    def which(self) -> KindNumber:
        """The credential that it is an edition of."""
        return KindNumber(self.kind, self.number)

    @property
    def state(self) -> EditionState:
        """The state of the edition: valid, or the reason why it ended."""
        return EditionState.SUSPENDED if self.is_suspended else state_of(self.reason)


def as_entry(row: Sequence[Any]) -> Entry:
    """The entry of a row whose last columns are reason and date as the journal has them."""
    entry = Entry(*row)
    if state_of(entry.reason) is not EditionState.SUSPENDED:
        return entry
    return entry._replace(reason=str(entry.reason).removeprefix(_SUSPENDED), is_suspended=True)


class NewEntry(NamedTuple):
    """The record that the index keeps of a credential just signed."""

    seq: int
    kind: str
    number: str
    edition: int
    copy: int
    leaf: int | None
    name: str
    email: str
    form: str = DEFAULT

    @property
    def which(self) -> KindNumber:
        """The credential that it is an edition of."""
        return KindNumber(self.kind, self.number)


class NewEntries(NamedTuple):
    """Many of them, field by field: as objects, a file's rows would cost their insertion again."""

    seqs: Sequence[int]
    kinds: Sequence[str]
    numbers: Sequence[str]
    editions: Sequence[int]
    copies: Sequence[int]
    leaves: Sequence[int | None]
    names: Sequence[str]
    emails: Sequence[str]
    forms: Sequence[str]

    @classmethod
    def of(cls, entries: Collection[NewEntry]) -> NewEntries:
        """The same entries, of which there are few."""
        return cls(*zip(*entries, strict=True)) if entries else cls(*([()] * len(cls._fields)))


_SUSPENDED = f"{EditionState.SUSPENDED}:"


def suspension(reason: str) -> str:
    """The reason by which the journal tells a suspension from a revocation: an edition has one or neither."""
    return f"{_SUSPENDED}{reason}"


@lru_cache(64)  # there are few reasons, and perhaps a million rows
def state_of(reason: str | None) -> EditionState:
    """The state of an edition that the journal has for this reason, if it has it."""
    if reason is None:
        return EditionState.VALID
    if reason.startswith(_SUSPENDED):
        return EditionState.SUSPENDED
    return EditionState.SUPERSEDED if reason == EditionState.SUPERSEDED else EditionState.REVOKED


KEYED = struct.Struct(">qq")
"""A key by which a credential is looked up, and its sequence number."""


class Keyed(NamedTuple):
    """The keys of a finished chunk's credentials, made where these were signed."""

    first: int
    """The lowest of its sequence numbers."""
    stop: int
    """The highest, and one."""
    keys: bytes
    """Each as `KEYED` has it, one after the other; in order they are put in quicker."""


class Single(NamedTuple):
    """A credential just signed that is in no shard: its line, packed, and its log entry."""

    entry: NewEntry
    line: bytes
    log_entry: bytes
    id: str
    generation: int | None = None
    """Of the link by which it is claimed."""
    joins: bool = False
    """True to add it to an existing edition in another form; else it opens its own edition."""


def batch_key(entries: Sequence[bytes]) -> bytes:
    """The key under which single credentials go into the log as one batch; for one, the entry itself."""
    return entries[0] if len(entries) == 1 else hashlib.sha256(b"".join(entries)).digest()


class Incoming(NamedTuple):
    """The values of rows that are compared with those of other rows: a column each, since there are many."""

    rows: list[int]
    """Their numbers in the file."""
    numbers: list[str]
    """Those of their credentials."""
    persons: list[str]
    """Those of their persons."""
    identities: list[bytes]
    """The digest that tells a row without a number from others, or none."""


_NO_SEQ = -1


class SeqsByRow(MutableMapping[int, int]):
    """A sequence number for each of some rows of a file: eight bytes a row, since there may be millions."""

    def __init__(self, pairs: Iterable[tuple[int, int]] = ()) -> None:
        self._seqs, self._count = array("q"), 0
        self.update(pairs)

    def __contains__(self, row: object) -> bool:
        return isinstance(row, int) and 0 <= row < len(self._seqs) and self._seqs[row] != _NO_SEQ

    def __getitem__(self, row: int) -> int:
        if row not in self:
            raise KeyError(row)
        return self._seqs[row]

    def __setitem__(self, row: int, seq: int) -> None:
        self._count += row not in self
        if row >= len(self._seqs):
            self._seqs.extend(repeat(_NO_SEQ, row + 1 - len(self._seqs)))
        self._seqs[row] = seq

    def __delitem__(self, row: int) -> None:
        if row not in self:
            raise KeyError(row)
        self._seqs[row] = _NO_SEQ
        self._count -= 1

    def __iter__(self) -> Iterator[int]:
        return (row for row, seq in enumerate(self._seqs) if seq != _NO_SEQ)

    def __len__(self) -> int:
        return self._count


class Crossed(NamedTuple):
    """The result of comparing the rows of a file with each other and with credentials issued before."""

    repeated: list[tuple[int, int, str]]
    """Row, the earlier row with the same diploma number, and that number."""
    students: list[tuple[str, int, int]]
    """Student number that occurs more than once, how often, first row; at most 100."""
    known: SeqsByRow
    """By row, the first sequence number of its number's first edition."""
    indistinct: list[tuple[int, int]]
    """Rows of which another has the same identity, each with the first such row, and that with the last."""


class Appended(NamedTuple):
    """A batch of the log: its key, and where it is."""

    key: bytes
    leaves: range


class Known(NamedTuple):
    """The log according to the index: its size as last recorded, and the batches that may follow."""

    size: int
    begun: list[bytes]
    """Keys of batches that were journalled and not recorded yet."""


class ListFile(NamedTuple):
    """A status list, or a page of details, as it was signed; the digest is the SHA-256 of its content."""

    name: str
    dated: str
    entry: bytes
    """For the log."""
    digest: bytes
    content: bytes


class PublishedFile(NamedTuple):
    """The place of a published file in the log, and the SHA-256 of its content."""

    leaf: int
    digest: bytes


class RevocationRow(NamedTuple):
    """One row of the journal: a revocation, or a suspension by the reason that `suspension` gives."""

    seq: int
    reason: str | None
    """`None` for an edition that was reinstated and that a list still has to show as such."""
    date: str | None
