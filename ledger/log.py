"""`Log`: an append-only log of entries, whose checkpoints are signed and cosigned with a time stamp.

`LogReader` is the part of it that needs no keys, over any `tiles.store.Store`. After an append, a restart, a
crash or a full disk, the log resumes in the same way: read the checkpoint, integrate the recorded batches
that follow, and sign.
"""

from __future__ import annotations

import functools
from bisect import bisect_left
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol, TypeVar

from keys import PublicKey, Signer
from wire.clock import is_ahead
from wire.problem import Conflict, Damaged, Malformed, NotFound, Problem, TooLarge
from wire.text import counted

from . import merkle
from .entries import parse_entry
from .evidence import TLOG_PROOF, Evidence, format_proof
from .note import Checkpoint, SignatureType, VerifierKey, checkpoint_text
from .problem import CLOCK_BEHIND, LOG_BEHIND, InvalidEvidence, Overtaken
from .queue import Queue, Queued
from .tiles.disk import KeptCheckpoint
from .tiles.edge import Edge
from .tiles.layout import LARGEST_ENTRY
from .tiles.reader import TileReader
from .tiles.store import (
    CHECKPOINT,
    Base,
    Batch,
    Reader,
    State,
    Store,
    first_difference,
    found_in,
    joined,
    require_open,
)

_LONGEST_KEY = 255  # bytes
_TRIES = 100  # against other writers, who hold the lock, too: each time one of them gets on
_EPOCH = datetime.fromtimestamp(0, UTC)
_OLD = (
    "Bring the newest copy of the log's folder back. If it is lost, remove the file that ends in .checkpoint "
    "beside the folder, and anchors.sqlite in it; evidence given since this copy was made will then "
    "contradict the log."
)
_T = TypeVar("_T")
_entries = functools.partial(counted, one="entry", many="entries")


def verifier_keys(origin: str, signer: PublicKey, cosigner: PublicKey) -> tuple[VerifierKey, VerifierKey]:
    """The keys by which others check a log of this name: its own, and that of its clock."""
    return (
        VerifierKey(origin, SignatureType.ED25519, signer),
        VerifierKey(f"{origin}/clock", SignatureType.COSIGNATURE, cosigner),
    )


def time_to_sign(now: datetime, newest: datetime | None) -> datetime:
    """The later of `now` and `newest`, the time of the log's last signature; clocks may differ a little.

    Raises `CLOCK_BEHIND` where they differ by more, or where `now` is before 1970, which a cosignature cannot
    state.
    """
    # ADR 20: time never goes back by itself.
    if newest is not None and is_ahead(newest, now):
        raise CLOCK_BEHIND(
            f"it says {now:%Y-%m-%d %H:%M:%S}Z, and the newest checkpoint is of {newest:%Y-%m-%d %H:%M:%S}Z"
        )
    # tlog-cosignature: seconds since 1970, as an unsigned number.
    if now < _EPOCH:
        raise CLOCK_BEHIND(f"it says {now:%Y-%m-%d %H:%M:%S}Z, and nothing can be signed before 1970")
    return now if newest is None else max(now, newest)


class Cosignatures(Protocol):
    """The notes of a log with the lines of witnesses."""

    def elsewhere(self) -> list[bytes]:
        """The notes that others have: the log has to continue them."""

    def earliest(self, index: int) -> bytes | None:
        """The note of the smallest checkpoint with enough lines that has an entry."""

    def newest(self) -> bytes | None:
        """The note of the longest checkpoint with enough lines."""


class LogReader:
    """Read-only access to a log: its checkpoint, its entries, and proofs of both; its store never changes.

    `key` and `cosigner` verify what the log `origin` signs. `cosigner` is `None` for a log without a clock of
    its own, which tells no time; ours all have one. Entries may be any bytes: only `evidence` requires the
    form of `entries.py`. The log is never shorter than the checkpoint in the file `kept`, which no restored
    copy of the store replaces. Nor is it shorter than `anchored`, the note of the longest checkpoint on
    another ledger, and continues what witnesses have shown, by `cosigned`. Any method raises `Unavailable`
    when the store cannot be reached, `Damaged` when it holds something else than was written.
    """

    clock_key: VerifierKey | None

    def __init__(
        self,
        origin: str,
        key: PublicKey,
        cosigner: PublicKey | None,
        store: Reader,
        *,
        kept: Path | KeptCheckpoint | None = None,
        anchored: bytes | None = None,
        cosigned: Cosignatures | None = None,
    ) -> None:
        self.origin = origin
        if cosigner is None:
            self.verifier_key, self.clock_key = VerifierKey(origin, SignatureType.ED25519, key), None
        else:
            self.verifier_key, self.clock_key = verifier_keys(origin, key, cosigner)
        self.store: Reader = store
        self._kept = kept if isinstance(kept, KeptCheckpoint) else KeptCheckpoint(kept)
        self._anchored, self._cosigned = anchored, cosigned
        self._tiles = TileReader(store.get)
        self._newest: Checkpoint | None = None  # that was seen or signed here
        self._verified: Callable[[bytes], Checkpoint] = functools.lru_cache(maxsize=16)(self.own_checkpoint)
        self._time_of: Callable[[Checkpoint], datetime | None] = functools.lru_cache(maxsize=16)(
            self.own_time
        )

    def checkpoint(self) -> Checkpoint:
        """The newest checkpoint; its `note` is what others verify.

        Raises `Damaged`, too, where it is older than one that was seen or signed here, or contradicts that.
        """
        newest = self._newest  # asked first: others publish meanwhile
        checkpoint = self._stored_checkpoint()
        if checkpoint is None:  # not an empty log: that one has a signed checkpoint, too
            raise Damaged("the checkpoint of the log is missing")
        # threat A44: a log rolled back, or another one of the same size, while this process reads it.
        if newest is not None and checkpoint.size < newest.size:
            raise Damaged(f"the log has gone back from {newest.size} to {_entries(checkpoint.size)}")
        if newest is not None and checkpoint.size == newest.size and checkpoint.root != newest.root:
            raise Damaged(f"the log of {_entries(newest.size)} has another root than it had")
        self._remember(checkpoint)
        return checkpoint

    def published(self) -> bytes:
        """The note that others are shown: the longest one that enough witnesses have signed, else the newest.

        Raises as `checkpoint` does.
        """
        newest = self.checkpoint()
        # Verifiers that ask for a quorum could else prove nothing by what is published.
        note = self._cosigned.newest() if self._cosigned else None
        return note if note is not None and self._verified(note).size <= newest.size else newest.note

    def time(self) -> datetime | None:
        """The time of the newest checkpoint by the log's own clock; `None` where nothing states one."""
        checkpoint = self._stored_checkpoint()
        return None if checkpoint is None else self._time_of(checkpoint)

    def prove(self, index: int, size: int) -> list[bytes]:
        """The inclusion proof of an entry in the tree of a size (RFC 6962 2.1.1). Raises `NotFound`."""
        tree = self._tree(size)
        _require_entry(index, size)
        return merkle.inclusion_proof(index, size, tree)

    def consistency(self, old: int, new: int) -> list[bytes]:
        """The proof that the log of one size begins that of another (RFC 6962 2.1.2). Raises `NotFound`."""
        tree = self._tree(new)
        if not 0 <= old <= new:  # RFC 6962 2.1.2: 0 < old < new; the borders have an empty proof
            raise NotFound(f"the log of {_entries(new)} has no beginning of {old}")
        return merkle.consistency_proof(old, new, tree)

    def entries(self, start: int, stop: int) -> Iterator[bytes]:
        """The entries from `start` to `stop`. Raises `NotFound` when there are not that many."""
        size = self.checkpoint().size
        if not 0 <= start <= stop <= size:
            raise NotFound(f"the log has {_entries(size)}, not those from {start} to {stop}")
        return self._tiles.entries(start, stop, size)

    def find(self, key: bytes) -> range | None:
        """The indices of the batch that was appended under a key, signed or not; `None` if there is none."""
        return found_in(self.store, [key])[0]

    def evidence(self, index: int, note: bytes | None = None) -> Evidence:
        """The evidence of an entry by the checkpoint with the note `note`; without one, as `evidence_for`."""
        return self.evidence_for([index])[index] if note is None else self.evidence_by(note, [index])[index]

    def evidence_for(self, indices: Iterable[int]) -> dict[int, Evidence]:
        """The evidence of each by the earliest checkpoint that enough witnesses signed, else by the newest.

        Raises as `evidence_by`.
        """
        remaining = sorted(set(indices))
        evidence: dict[int, Evidence] = {}
        # The earliest: it says the most about when, and a key may have ended since (ADR 73).
        while remaining and self._cosigned and (note := self._cosigned.earliest(remaining[0])):
            end = bisect_left(remaining, self._verified(note).size)
            evidence |= self.evidence_by(note, remaining[:end])
            remaining = remaining[end:]
        return evidence | (self.evidence_by(None, remaining) if remaining else {})

    def evidence_by(self, note: bytes | None, indices: Iterable[int]) -> dict[int, Evidence]:
        """The evidence of each of these entries by one checkpoint, which is read once; `None`: by the newest.

        Raises `NotFound`, `Damaged`; `Malformed` for a foreign entry, `Conflict` for a checkpoint that is.
        """
        newest = self.checkpoint()
        checkpoint = newest if note is None else self._verified(note)
        if note is not None:
            self._time_of(checkpoint)  # whose signature nothing else here has looked at
        size, now = checkpoint.size, newest.size
        # A checkpoint that was kept elsewhere may be ahead of a store that lags or was restored.
        if size > now:
            raise NotFound(f"the log has {_entries(now)}, not yet {size}")
        entries: dict[int, bytes] = {}
        for index in indices:
            _require_entry(index, size)
            entries[index] = next(self._tiles.entries(index, index + 1, now))
        leaves = {index: merkle.leaf_hash(entry) for index, entry in entries.items()}
        # Verified before it is handed out: evidence from a damaged tile would fail at every verifier.
        try:
            proofs = merkle.verified_proofs(leaves, size, self._tiles.tree(now), checkpoint.root)
        except InvalidEvidence as error:
            raise Damaged(
                f"the tiles of the log do not prove {_proved(entries)}", hint="Audit the log."
            ) from error
        return {
            index: Evidence(
                TLOG_PROOF, parse_entry(entry).digest, format_proof(index, proofs[index], checkpoint.note)
            )
            for index, entry in entries.items()
        }

    def own_checkpoint(self, note: bytes) -> Checkpoint:
        """A checkpoint that this log signed. Raises `Damaged` or `Conflict` for anything else."""
        try:
            checkpoint = Checkpoint.parse(note)
            signers = checkpoint.signers([self.verifier_key])
        # A store may be anybody's: nothing from it counts before the signature fits.
        except Malformed as error:
            raise Damaged(f"the checkpoint of the log is not what was signed: {error.detail}") from error
        # The store may hold another log: its name is compared first, then its key (threat A44).
        if checkpoint.origin != self.origin:
            raise Conflict(f"this is the log {checkpoint.origin}, not {self.origin}")
        if self.verifier_key not in signers:  # signed-note: lines of other keys prove nothing
            raise Damaged(f"the checkpoint of {self.origin} is not signed with its key")
        return checkpoint

    def own_time(self, checkpoint: Checkpoint) -> datetime | None:
        """The time at which the log's clock signed a checkpoint; `None` without such a line or a clock.

        Raises `Damaged`.
        """
        if self.clock_key is None:
            return None
        try:
            return checkpoint.signers([self.clock_key]).get(self.clock_key)
        except InvalidEvidence as error:
            raise Damaged(f"the checkpoint of {self.origin} is not signed by its clock") from error

    def require_continues(self, old: Checkpoint) -> None:
        """Raise `Damaged` unless the log is a continuation of a checkpoint that was kept elsewhere.

        It is not when its folder was restored from a backup, or is another log with the same name and keys.
        """
        new = self.checkpoint()
        # threat A44: a shorter log is an old copy; a longer one has to prove that it only grew.
        if old.size > new.size:
            raise LOG_BEHIND(f"the log once had {_entries(old.size)}, and now has {new.size}: an old copy?")
        try:
            proof = self.consistency(old.size, new.size)
            merkle.verify_consistency(old.size, old.root, new.size, new.root, proof)
        # RFC 6962 2.1.2: such a log has two histories, and nothing more may be signed for it.
        except InvalidEvidence as error:
            raise LOG_BEHIND(f"the log does not begin with the {_entries(old.size)} that it had") from error

    def require_newest(self) -> None:
        """Raise `Damaged` unless the log continues the newest checkpoints that are kept elsewhere."""
        for kept in self._kept_checkpoints():
            try:
                self.require_continues(kept)
            except Damaged as error:
                raise LOG_BEHIND(error.detail, hint=_OLD) from error
        self._kept.see(self._stored_checkpoint)

    def _remember(self, checkpoint: Checkpoint) -> None:
        if self._newest is None or self._newest.size < checkpoint.size:
            self._newest = checkpoint

    def _kept_checkpoints(self) -> Iterator[Checkpoint]:
        """The newest checkpoints that were kept elsewhere, except those of a former log in this place."""
        shown = self._cosigned.elsewhere() if self._cosigned else ()
        for note in (*self._kept.notes(), self._anchored, *shown):
            if note is None:
                continue
            if self._newest is not None and note == self._newest.note:
                yield self._newest  # mostly so, and it was verified when it was seen or signed
                continue
            try:
                checkpoint = Checkpoint.parse(note)
                # One of a former log in this folder, under another key, does not bind this log.
                if self.verifier_key in checkpoint.signers([self.verifier_key]):
                    yield checkpoint
            except Malformed as error:
                raise Damaged(
                    "the checkpoint that was kept beside the log cannot be read", hint=_OLD
                ) from error

    def _tree(self, size: int) -> merkle.Subtree:
        now = self.checkpoint().size
        if not 0 <= size <= now:
            raise NotFound(f"the log has {_entries(now)}, not yet {size}")
        return self._tiles.tree(now)

    def _stored_checkpoint(self) -> Checkpoint | None:
        note = self.store.get(CHECKPOINT)
        return None if note is None else self._verified(note)


class Log(LogReader):
    """A log that can be appended to and read; opening one finishes what a crash left unfinished.

    `origin` is its name, without spaces or '+', preferably a URL without scheme. `clock` gives the time for
    the cosignature under the second key, the log's own statement of when a checkpoint was the newest. That
    time goes back only from a checkpoint for which `superseded`, given its note, says that the clock was
    wrong then. Each new checkpoint is written to the file `kept` as well. Any method raises `Unavailable`
    when the store cannot be reached, `Damaged` when it holds something else than was written, and then signs
    nothing and leaves it as found.
    """

    store: Store
    clock_key: VerifierKey

    def __init__(
        self,
        origin: str,
        signer: Signer,
        cosigner: Signer,
        store: Store,
        *,
        clock: Callable[[], datetime],
        superseded: Callable[[bytes], bool] = lambda _: False,
        kept: Path | KeptCheckpoint | None = None,
        anchored: bytes | None = None,
        cosigned: Cosignatures | None = None,
    ) -> None:
        public_keys = signer.public_key, cosigner.public_key
        super().__init__(origin, *public_keys, store, kept=kept, anchored=anchored, cosigned=cosigned)
        self._signer, self._cosigner, self._clock = signer, cosigner, clock
        self._superseded = superseded
        self._edge: Edge | None = None
        self._seen: tuple[Base, bytes | None] = Base(0, merkle.EMPTY_ROOT), None  # or written, last
        self._queue = Queue(lambda asked: self._locked(lambda: self._append(asked)))
        self._locked(self._start)

    def append(self, entries: Sequence[bytes], key: bytes) -> range:
        """Append entries as one batch, and return their indices once they are durable and signed for.

        Batches of several threads are written and signed for together. A batch is appended once for its
        `key` (1 to 255 bytes): the same call again returns the same indices. Raises `Conflict` for other
        entries under a known key, and `LOG_SEALED` where the log goes on elsewhere. After `Malformed`,
        `TooLarge`, `CLOCK_BEHIND` or `Unavailable`, the same call can be made again.
        """
        if not entries or not 0 < len(key) <= _LONGEST_KEY:
            raise Malformed(f"a batch has at least one entry, and a key of 1 to {_LONGEST_KEY} bytes")
        # Bundles have two bytes for the length of an entry (C2SP tlog-tiles).
        longest = max(map(len, entries))
        if longest > LARGEST_ENTRY:
            raise TooLarge(f"a log entry has at most {LARGEST_ENTRY} bytes, not {longest}")
        return self._queue(entries, key)

    def now(self) -> datetime:
        """The time to sign at. Raises `CLOCK_BEHIND` as `time_to_sign` does."""
        return self._time_after(self._stored_checkpoint())

    def find(self, key: bytes) -> range | None:
        def find() -> range | None:
            self._catch_up()
            return self.store.find(key)

        return self._locked(find)

    def _locked(self, work: Callable[[], _T]) -> _T:
        """Do some work under the lock, and again where another writer held it, too, and was faster.

        A problem may come from another writer's change alone. So it counts only where the store is as this
        writer last saw it (ADR 38).
        """
        with self.store.lock():
            for _ in range(_TRIES):
                try:
                    return work()
                except Overtaken:
                    continue
                except Problem:
                    # Nothing has changed since this writer looked: the problem is its own.
                    if self._seen == (self.store.head().base, self.store.get(CHECKPOINT)):
                        raise
            raise Overtaken(f"other writers of {self.origin} were faster, {_TRIES} times")

    def _start(self) -> None:
        self._catch_up()  # which brings back tiles that a power cut took
        self.require_newest()

    def _append(self, asked: Sequence[Queued]) -> list[range | Problem]:
        edge, signed = self._catch_up()
        # Anew each time: a witness may have shown since that this is an old copy which has grown on (A44).
        if self._cosigned and self._cosigned.elsewhere():
            self.require_newest()
        new: dict[bytes, Batch] = {}
        answers: list[range | Problem] = []
        end = edge.size
        for entries, key in asked:
            batch = new.get(key) or self._recorded(key, edge.size)
            if batch is None:
                batch = new[key] = Batch(end, key, entries)
                end = batch.range.stop
            # Idempotent by its key: a caller that never got its answer asks again (`append`).
            is_same = list(batch.entries) == list(entries)
            answers.append(
                batch.range if is_same else Conflict("other entries were appended under this key before")
            )
        if new:
            self._write_down([*new.values()], edge, signed)
        else:  # another writer signed for them: without this, an older copy would pass for the newest here
            self._kept.keep(lambda: self.store.get(CHECKPOINT))
        return answers

    def _recorded(self, key: bytes, size: int) -> Batch | None:
        """The batch of a key in the log of this size, if there is one."""
        batch_range = self.store.find(key)
        if batch_range is None:
            return None
        if batch_range.stop > size:  # its entries are beyond what this writer has integrated
            raise Overtaken("another writer has recorded a batch meanwhile")
        return Batch(
            batch_range.start, key, list(self._tiles.entries(batch_range.start, batch_range.stop, size))
        )

    def _write_down(self, batches: Sequence[Batch], edge: Edge, signed: Checkpoint | None) -> None:
        self._time_after(signed)  # or nothing is recorded
        self._edge = None  # until all is well
        is_full = self.store.record(*batches)
        edge, _ = self._advance(edge, batches, signed)
        if is_full:
            self._kept.sync()
            self.store.settle(Base(edge.size, edge.root))
        self._edge = edge

    def _catch_up(self) -> tuple[Edge, Checkpoint]:
        """Integrate batches that are recorded but not signed yet, by this process or another, and sign.

        The batches are read last, so that they never end before the head and checkpoint read earlier.
        """
        edge, self._edge = self._edge, None
        head, note = self.store.head(), self.store.get(CHECKPOINT)
        base, self._seen = head.base, (head.base, note)
        if head.mark is not None and head.mark.state is State.COMING:  # half of a log may be there
            require_open(head.mark)
        signed = None if note is None else self._verified(note)
        if edge is None or edge.size < base.size:
            edge = Edge.load(self.store.get_many, base.size)
            # Never sign a tree that the tiles do not give: the store's own record of the root is compared.
            if edge.root != base.root:
                raise Damaged(f"the tiles of the first {_entries(base.size)} do not give the root they had")
        batches = list(self.store.pending(edge.size))
        size = batches[-1].range.stop if batches else edge.size
        for kept in self._kept_checkpoints():
            if size < kept.size:  # or another one would be signed for the same size
                raise LOG_BEHIND(f"the log once had {_entries(kept.size)}, and now has {size}", hint=_OLD)
        self._edge, signed = self._advance(edge, batches, signed)
        return self._edge, signed

    def _advance(
        self, edge: Edge, batches: Sequence[Batch], signed: Checkpoint | None
    ) -> tuple[Edge, Checkpoint]:
        """Integrate batches from the edge on, some of which may be signed already, and sign for the whole."""
        sizes = [edge.size, *(batch.range.stop for batch in batches)]
        # A gap: the store was settled between the two looks, and the batches in it are tiles by now.
        if [batch.start for batch in batches] != sizes[:-1]:
            raise Overtaken("another writer has settled the log meanwhile")
        # Only an empty store may lack one: else it was removed, and a new one would hide what was signed.
        if signed is None and sizes != [0]:
            raise Damaged("the checkpoint of the log is missing, though the log has entries")
        last_size = self._newest.size if self._newest else 0
        # threat A44: a store restored from a backup, or in part, gets no further signature.
        if signed is not None and (signed.size < last_size or signed.size not in sizes):
            raise Damaged(
                f"the checkpoint is of {_entries(signed.size)}; the log had {sizes[0]} and has {sizes[-1]}",
                hint="Was the folder, or a part of it, restored from a backup?",
            )
        behind = 0 if signed is None else sizes.index(signed.size)
        for part in (batches[:behind], batches[behind:]):
            if part:
                edge, tiles = edge.extend(joined(part))
                self._write(tiles)
            # Entries that do not give the signed root would fork the log with the next signature.
            if signed is not None and edge.size == signed.size and edge.root != signed.root:
                raise Damaged(
                    f"the log of {_entries(edge.size)} does not give the root that was signed for it"
                )
        # No second signature for one size, but where the clock was wrong at the first (ADR 20).
        if signed is None or signed.size < edge.size or self._is_superseded(signed):
            signed = self._publish(edge, signed)
        return edge, signed

    def _time_after(self, signed: Checkpoint | None) -> datetime:
        newest = None if signed is None or self._is_superseded(signed) else self._time_of(signed)
        return time_to_sign(self._clock(), newest)

    def _is_superseded(self, signed: Checkpoint) -> bool:
        """True for a checkpoint dated in the future that is known to come from a wrong clock (ADR 20)."""
        time = self._time_of(signed)
        return time is not None and is_ahead(time, self._clock()) and self._superseded(signed.note)

    def _write(self, tiles: dict[str, bytes]) -> None:
        self.store.put(tiles)
        # threat F24: somebody may have written a tile there before; and disks err.
        if path := first_difference(tiles, self.store.get_many(tiles)):
            raise Damaged(
                f"{path} does not read back as it was written",
                hint="Check the disk; in a database or bucket, whether others wrote it.",
            )

    def _publish(self, edge: Edge, after: Checkpoint | None) -> Checkpoint:
        held = edge.partial()
        # Read back before signing: the next process has to find the edge that this signature is over.
        if first_difference(held, self.store.get_many(held)):
            raise Damaged("the right edge of the tree does not read back as it was written")
        text = checkpoint_text(self.origin, edge.size, edge.root)
        log_line = self.verifier_key.sign(self._signer, text)
        clock_line = self.clock_key.sign(self._cosigner, text, self._time_after(after))
        note = b"%b\n%b%b" % (text, log_line, clock_line)
        checkpoint = self._verified(note)
        # A compare-and-swap: without the lock two writers would sign two trees of one size (ADR 38).
        self.store.publish(note, after=after.note if after else None)
        self._kept.keep(lambda: self.store.get(CHECKPOINT))
        self._remember(checkpoint)
        self._seen = self._seen[0], note
        return checkpoint


def _proved(entries: Collection[int]) -> str:
    return (
        f"its entries {min(entries)} to {max(entries)}" if len(entries) > 1 else f"its entry {min(entries)}"
    )


def _require_entry(index: int, size: int) -> None:
    if not 0 <= index < size:
        raise NotFound(f"there is no entry {index} in the log of {_entries(size)}")
