"""The issuer's index: the sequence numbers, editions and log entries of credentials, and revocations.

A number is unique within its kind, so that both name a credential (`KindNumber`). An edition may stand in
several forms, and in several copies of each. Each of these has a sequence number and a log entry of its own;
revoking or superseding the edition ends all of them.

Any database will do that keeps the contract of `tests/contract/test_indexes.py`. Threads and processes call
it at once; each writing method is one transaction, durable when it returns, and a number or an edition goes
to only one caller. Every method raises `Unavailable` or `Damaged` for what the database refuses.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Protocol

from wire.problem import Problem

from .kept import (
    DEFAULT,
    Appended,
    Crossed,
    EditionState,
    Entry,
    IdOf,
    Incoming,
    Job,
    Keyed,
    KindNumber,
    Known,
    ListFile,
    NewEntries,
    Numbering,
    PublishedFile,
    RevocationRow,
    ShardName,
    Single,
)
from .versions import FileVersions


class Index(Protocol):
    """The credentials issued and those being issued.

    Only single credentials lie in the index itself, the others in shards.
    """

    logged: Logged
    revocations: Revocations
    lookup: Lookup
    numbers: Numbers

    def close(self) -> None:
        """Closes the index in this process; it opens again by itself."""

    # Sequence numbers and jobs

    def reserve(self, count: int) -> int:
        """Reserves `count` sequence numbers that nobody else will get, and returns the first."""

    def begin(
        self,
        key: bytes,
        file: str,
        created: str,
        length: int,
        chunks: int,
        forms: tuple[str, ...] = (DEFAULT,),
    ) -> Job:
        """The job of this key: the one begun before, else a new one.

        It has a sequence number for each of its rows in each of its forms.
        """

    def issued_by(self, key: bytes) -> range:
        """The sequence numbers of the job of this key; none if it was not begun."""

    def latest_job(self) -> Job:
        """The job that was begun last. Raises `NotFound`."""

    def jobs(self) -> list[Job]:
        """All jobs that were begun, in the order of their sequence numbers."""

    def finished_chunks(self, job: Job) -> set[int]:
        """The numbers of the finished chunks, which need not be done again."""

    def progress(self) -> dict[int, tuple[int, int]]:
        """By the id of a job, how many chunks it has finished, and the end of their sequence numbers.

        The end is counted as if no row were bad in the last of them; a job without such chunks is left out.
        """

    def take(self, job: Job, number: int, kind: str, numbers: Mapping[str, int]) -> set[str]:
        """Takes numbers of a kind for a chunk of a job, before their first editions are signed.

        Each comes with the first sequence number of its row. Returns the numbers that were issued already, or
        that another chunk or job has taken. An interrupted chunk keeps the numbers that it had taken.
        """

    def takers(self) -> list[Job]:
        """The jobs that have numbers for chunks that they did not begin."""

    def give_back(self, job: Job) -> None:
        """Frees the numbers that a job has taken, except those of chunks that were begun."""

    def begin_chunk(self, shard: ShardName, first_seq: int) -> None:
        """Records that a chunk's shard is stored under this name, and that its digests go to the log next."""

    def begun_chunks(self) -> list[tuple[Job, ShardName]]:
        """The chunks that were begun and not finished: they may be in the log."""

    def finish_chunk(self, job: Job, number: int, batch: Appended, entries: NewEntries) -> None:
        """Records the credentials of a chunk whose digests are in the log.

        Numbers that the chunk had taken and did not use are free again.
        """

    def compare(self, kind: str, incoming: Iterable[Incoming]) -> Crossed:
        """Compares the rows of a file, given in portions, with each other and with what was issued."""

    # One at a time

    def begin_singles(self, calls: Sequence[Sequence[Single]]) -> list[tuple[int, Problem] | None]:
        """Takes numbers and editions for signed credentials, as one batch for the log.

        Of each call it takes all or none. For a refused call it returns the position of the first refused
        credential, and the reason: `EditionTaken` if another call has it in any form, if a job has taken the
        number, or if one that `joins` comes after its edition was superseded; `Refused` if the credential was
        revoked, `Released` if the links of that generation have ended.
        """

    def finish_singles(self, seqs: Sequence[int], batch: Appended, date: str) -> None:
        """Records the log entries of a batch of credentials, and revokes editions before as superseded."""

    def begun_singles(self) -> list[tuple[bytes, list[tuple[int, bytes]]]]:
        """Batches that were begun, but perhaps never reached the log: key, sequence numbers and lines."""

    def single(self, seq: int) -> bytes | None:
        """The stored line of a credential that was issued singly; `None` for one in a shard."""

    # Claim links, of which all end at once

    def release(self, which: KindNumber) -> None:
        """Ends all links of a credential, also one by which a wallet is claiming it right now."""

    def generation(self, which: KindNumber) -> int:
        """The number of such releases. A link is good only for the generation in which it was made."""

    def links(self) -> int:
        """The number of claim links that were made, as far as they were counted here."""

    def count_link(self, nth: int) -> None:
        """Counts a link."""

    def require_generation(self, which: KindNumber, generation: int) -> None:
        """Raises `Released` for an earlier generation than the credential's, `Damaged` for a later one."""

    # Finding

    def entry(self, seq: int) -> Entry:
        """The edition with this sequence number. Raises `NotFound`."""

    def current(self, which: KindNumber) -> Entry:
        """The first copy of a credential's latest edition, in the first of its forms. Raises `NotFound`.

        The default form comes before all others, which follow by name.
        """

    def all_current(self, which: Sequence[KindNumber]) -> dict[KindNumber, Entry]:
        """The `current` entry of each of these that was issued, by as few queries as the engine has them."""

    def copies(self, which: KindNumber, edition: int) -> list[Entry]:
        """All copies of an edition, in the order of its forms."""

    def kinds_of(self, number: str) -> list[str]:
        """The kinds that have a credential with this number, issued or under way, in the order of names."""

    def entries(self, after: int, stop: int | None = None, *, from_edition: int = 1) -> list[Entry]:
        """The next thousand editions by sequence number: after `after`, before `stop`.

        Only those with the number `from_edition` or a higher one.
        """

    def place(self, seq: int) -> tuple[ShardName, range]:
        """The shard, and the log entries, of the chunk that has a bulk credential. Raises `Damaged`."""

    def chunks(self) -> list[tuple[int, ShardName]]:
        """First sequence number and shard of each chunk that is finished, in the order of the numbers."""

    def chunks_after(self, created: str) -> list[ShardName]:
        """The shards with credentials of the jobs that were begun after the time `created`."""

    def newest_singles(self, before: int) -> list[tuple[int, int, bytes]]:
        """Sequence number, leaf and line of the thousand single credentials before a leaf, the last first."""

    def later_editions(self) -> int:
        """The number of credentials that are later editions, further copies or further forms."""

    def count(self) -> int:
        """The number of credentials issued. Each copy of an edition counts as one."""

    def states(self, form: str | None = None) -> dict[EditionState, int]:
        """The same by state, in one form; a state that none has is left out.

        Without a form each edition counts in the first that it has.
        """


class Logged(Protocol):
    """The size of the log after the last recorded batch, and the batches that were journalled since."""

    def intend(self, key: bytes) -> None:
        """Journals that a batch goes to the log next."""

    def settle(self, batch: Appended) -> None:
        """Records that a batch is in the log; with no leaves, that it never came there."""

    def known(self) -> Known:
        """The size of the log as last recorded, and the batches begun since."""

    def adopt(self, size: int) -> None:
        """Takes a log of this size for the one that belongs to this index."""


class Revocations(Protocol):
    """The journal of revocations, and the files in `status/` that were made from it."""

    # The journal

    def revoke(self, which: Iterable[KindNumber], reason: str, date: str) -> None:
        """Journals the revocation of all editions of credentials, also of one that is just being issued.

        An earlier revocation stays as it was; a suspension becomes a revocation.
        """

    def suspend(self, which: Iterable[KindNumber], reason: str, date: str) -> None:
        """Journals the suspension of all editions of credentials, but for those that were revoked.

        An earlier suspension stays as it was. Raises `REVOKED_FOR_GOOD` where the latest edition of one
        is revoked; then none of them is suspended.
        """

    def reinstate(self, which: Iterable[KindNumber]) -> None:
        """Takes the suspensions of credentials out of the journal; nothing for one that has none.

        Raises `REVOKED_FOR_GOOD` as `suspend`; then none of them is reinstated.
        """

    def none_later(self, date: str) -> None:
        """Moves all revocations that are dated later than `date` to that date."""

    def count(self) -> int:
        """The number of editions that are revoked or suspended."""

    def of_list(self, number: int) -> list[RevocationRow]:
        """All revocations and suspensions in one status list."""

    def unpublished(self, lists: range | None = None) -> list[RevocationRow]:
        """The editions that no published list shows as they are by now: revoked, suspended or reinstated.

        Only those in these `lists`, if some are named: there may be millions.
        """

    # The published files

    def changed_lists(self) -> dict[int, int]:
        """The status lists with editions that no published one shows as they are; how many each has."""

    def stale_lists(self, after: str, before: str, since: int = 0) -> list[int]:
        """The status lists to publish in any case: new, or without an end between the two times.

        `before` may itself be the end, `after` not. Lists that are in the log before the entry `since` count
        as not published.
        """

    def dated_after(self, time: str, since: int) -> list[str]:
        """The names of files dated later than `time`, among those in the log before the entry `since`."""

    def expiries(self) -> dict[int, str]:
        """The end of each published status list, by its number."""

    def whole_lists(self) -> set[int]:
        """The published lists that have all revocations but the unpublished, as far as is known.

        It is not known of one whose publisher was killed.
        """

    def published_lists(self) -> list[int]:
        """The numbers of all status lists that were published."""

    def dates(self) -> list[tuple[str, str]]:
        """The published files, by name, and from when each is."""

    def published(self, name: str) -> PublishedFile:
        """A file as last published. Raises `NotFound`."""

    def published_among(self, names: Sequence[str]) -> dict[str, PublishedFile]:
        """Those of many files that were published, as they last were."""

    def begin(self, key: bytes, files: Iterable[ListFile]) -> None:
        """Journals that signed files go to the log under this key, then to where they are published."""

    def begun(self) -> list[bytes]:
        """The keys of files that were begun and not published."""

    def publish(
        self,
        files: Sequence[ListFile],
        batch: Appended,
        expiries: Mapping[int, str],
        listed: Collection[RevocationRow],
    ) -> None:
        """Records that files were signed, anchored and written, and which of `unpublished` are in them.

        An edition whose state another process has changed since stays unpublished.
        Their content is held, until `release` says that it is on the disk; `expiries` are of the lists.
        """

    def files(self) -> list[tuple[str, set[bytes]]]:
        """The files that `status/` must have, by name, each with the digests that it may have.

        The digest is that of the published version. While another version is being published, either is
        allowed.
        """

    def versions(self, name: str) -> FileVersions:
        """The versions that the file of a name may have at one moment, and the log that belongs to them."""

    # What may not be on the disk

    def held(self) -> dict[str, bytes]:
        """By name, the content of what may not be on the disk: as published, else as it was begun."""

    def held_content(self, name: str, digest: bytes) -> bytes | None:
        """The content with this digest that is held for a file, if there is such."""

    def held_bytes(self) -> int:
        """The size of the held content, in bytes."""

    def release(self, names: Iterable[str]) -> None:
        """Drops the held content of files that are on the disk."""

    # Closing

    def closed(self) -> bool:
        """True once the issuer has closed: its lists are the last."""

    def note_closed(self, closed: bool) -> None:
        """Records whether the issuer has closed."""


class Lookup(Protocol):
    """Looks up sequence numbers of editions by an address, an id, a name or the beginning of a number."""

    def addressed(self, address: str) -> list[int]:
        """The editions whose holder has this e-mail address, in whatever case."""

    def identified(self, identifier: str, id_of: IdOf) -> list[int]:
        """The edition with this `id`; none if there is none."""

    def named(self, text: str) -> Iterator[int]:
        """The editions whose holder's name contains this text. It scans all names."""

    def numbered(self, beginning: str, most: int, kind: str = "") -> list[KindNumber]:
        """The credentials whose numbers begin like this, in the order of numbers; at most `most`.

        They are of the `kind`, if one is given.
        """

    def add(self, chunks: Sequence[Keyed]) -> None:
        """Adds the credentials of chunks to the look-up tables: many at once, since they are sorted first."""

    def catch_up(self, id_of: IdOf) -> None:
        """Adds other recent credentials to the look-up tables, if the index may be written to."""


class Numbers(Protocol):
    """The numbers that were given to rows without one, each by the identity of its row."""

    def give(
        self,
        kind: str,
        series: str,
        numbering: Numbering,
        identities: Iterable[Sequence[bytes]],
        hear: Callable[[Sequence[str]], object],
    ) -> None:
        """Gives each identity that has none the next number of a series, in one transaction.

        Identities, which differ between kinds, come in portions. `hear` takes the numbers of each portion,
        which are good once this returns. A number is passed over that a credential of the kind has, a
        job or another identity. Raises what `numbering` raises, and gives none then.
        """

    def free(self, kind: str, series: str, numbering: Numbering, count: int) -> list[str]:
        """The numbers that `give` would give next. Raises what `numbering` raises."""

    def forget(self, which: KindNumber) -> bool:
        """Erases the identity that has this number, if one has it. The credential keeps the number."""
