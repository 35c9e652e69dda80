"""`Log`: an append-only log of entries, whose checkpoints are signed and cosigned with a time stamp.

`LogReader` is the part of it that needs no keys, over any `tiles.store.Store`. Whatever happened before, an
append, a restart, a crash or a full disk, the way on is the same: read the checkpoint, integrate the recorded
batches that follow, and sign.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from keys import PublicKey, Signer
from wire.clock import is_ahead
from wire.problem import Conflict, Damaged, Malformed, NotFound, Problem, TooLarge
from wire.text import counted

from . import merkle
from .entries import parse_entry
from .evidence import TLOG_PROOF, Evidence, format_proof
from .note import Checkpoint, SignatureType, VerifierKey, checkpoint_text
from .problem import CLOCK_BEHIND, InvalidEvidence, Overtaken
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
    """By which others check a log of this name: its own key, and that of its clock."""
    return (
        VerifierKey(origin, SignatureType.ED25519, signer),
        VerifierKey(f"{origin}/clock", SignatureType.COSIGNATURE, cosigner),
    )


def time_to_sign(now: datetime, newest: datetime | None) -> datetime:
    """`now`, but not before `newest`, when the log signed last, from which clocks may differ a little.

    Raises `CLOCK_BEHIND` where they differ by more, or where `now` is before 1970, which a cosignature cannot
    state.
    """
    if newest is not None and is_ahead(newest, now):
        raise CLOCK_BEHIND(
            f"it says {now:%Y-%m-%d %H:%M:%S}Z, and the newest checkpoint is of {newest:%Y-%m-%d %H:%M:%S}Z"
        )
    if now < _EPOCH:
        raise CLOCK_BEHIND(f"it says {now:%Y-%m-%d %H:%M:%S}Z, and nothing can be signed before 1970")
    return now if newest is None else max(now, newest)


class LogReader:
    """A log that is read, with nothing in its store changed: its checkpoint, its entries, proofs of both.

    `key` and `cosigner` verify what the log `origin` signs. `cosigner` is `None` for a log without a clock of
    its own, which tells no time; ours all have one. Entries may be any bytes: only `evidence` requires the
    form of `entries.py`. The log is never shorter than the checkpoint in the file `kept`, which no restored
    copy of the store replaces, nor than `anchored`, the note of the longest one that another ledger has. Any
    method raises `Unavailable` when the store cannot be reached, `Damaged` when it holds something else than
    was written.
    """

    clock_key: VerifierKey | None

    def __init__(
        self,
        origin: str,
        key: PublicKey,
        cosigner: PublicKey | None,
        store: Reader,
        *,
        kept: Path | None = None,
        anchored: bytes | None = None,
    ) -> None:
        self.origin = origin
        if cosigner is None:
            self.verifier_key, self.clock_key = VerifierKey(origin, SignatureType.ED25519, key), None
        else:
            self.verifier_key, self.clock_key = verifier_keys(origin, key, cosigner)
        self.store: Reader = store
        self._kept, self._anchored = KeptCheckpoint(kept), anchored
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
        known = self._newest  # asked first: others publish meanwhile
        checkpoint = self._stored_checkpoint()
        if checkpoint is None:
            raise Damaged("the checkpoint of the log is missing")
        if known is not None and checkpoint.size < known.size:
            raise Damaged(f"the log has gone back from {known.size} to {_entries(checkpoint.size)}")
        if known is not None and checkpoint.size == known.size and checkpoint.root != known.root:
            raise Damaged(f"the log of {_entries(known.size)} has another root than it had")
        self._remember(checkpoint)
        return checkpoint

    def time(self) -> datetime | None:
        """When the newest checkpoint was signed, by the log's own clock; `None` where nothing says so."""
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
        if not 0 <= old <= new:
            raise NotFound(f"the log of {_entries(new)} has no beginning of {old}")
        return merkle.consistency_proof(old, new, tree)

    def entries(self, start: int, stop: int) -> Iterator[bytes]:
        """The entries from `start` to `stop`. Raises `NotFound` when there are not that many."""
        size = self.checkpoint().size
        if not 0 <= start <= stop <= size:
            raise NotFound(f"the log has {_entries(size)}, not those from {start} to {stop}")
        return self._tiles.entries(start, stop, size)

    def find(self, key: bytes) -> range | None:
        """The indices of the batch that was appended under a key, signed for or not; `None` if none was."""
        return found_in(self.store, [key])[0]

    def evidence(self, index: int, note: bytes | None = None) -> Evidence:
        """The evidence of an entry by the newest checkpoint, or by an earlier one of this `note`.

        Raises as `evidence_for`.
        """
        return self.evidence_for([index], note)[index]

    def evidence_for(self, indices: Iterable[int], note: bytes | None = None) -> dict[int, Evidence]:
        """The evidence of each of these entries, all by one checkpoint, which is read once.

        Raises `NotFound`, `Damaged`; `Malformed` for a foreign entry, `Conflict` for a checkpoint that is.
        """
        newest = self.checkpoint()
        checkpoint = newest if note is None else self._verified(note)
        if note is not None:
            self._time_of(checkpoint)  # whose signature nothing else here has looked at
        size, now = checkpoint.size, newest.size
        if size > now:
            raise NotFound(f"the log has {_entries(now)}, not yet {size}")
        entries: dict[int, bytes] = {}
        for index in indices:
            _require_entry(index, size)
            entries[index] = next(self._tiles.entries(index, index + 1, now))
        leaves = {index: merkle.leaf_hash(entry) for index, entry in entries.items()}
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
        except Malformed as error:
            raise Damaged(f"the checkpoint of the log is not what was signed: {error.detail}") from error
        if checkpoint.origin != self.origin:
            raise Conflict(f"this is the log {checkpoint.origin}, not {self.origin}")
        if self.verifier_key not in signers:
            raise Damaged(f"the checkpoint of {self.origin} is not signed with its key")
        return checkpoint

    def own_time(self, checkpoint: Checkpoint) -> datetime | None:
        """When the log's clock signed a checkpoint, `None` if it did not, or there is none.

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
        if old.size > new.size:
            raise Damaged(f"the log once had {_entries(old.size)}, and now has {new.size}: an old copy?")
        try:
            proof = self.consistency(old.size, new.size)
            merkle.verify_consistency(old.size, old.root, new.size, new.root, proof)
        except InvalidEvidence as error:
            raise Damaged(f"the log does not begin with the {_entries(old.size)} that it had") from error

    def require_newest(self) -> None:
        """Raise `Damaged` unless the log continues the newest checkpoints that are kept elsewhere."""
        for kept in self._kept_checkpoints():
            try:
                self.require_continues(kept)
            except Damaged as error:
                raise Damaged(error.detail, hint=_OLD) from error

    def _remember(self, checkpoint: Checkpoint) -> None:
        if self._newest is None or self._newest.size < checkpoint.size:
            self._newest = checkpoint

    def _kept_checkpoints(self) -> Iterator[Checkpoint]:
        """The newest ones as they were kept elsewhere, unless they are of another log, here before."""
        for note in (self._kept.read(), self._anchored):
            if note is None:
                continue
            if self._newest is not None and note == self._newest.note:
                yield self._newest  # mostly so, and it was verified when it was seen or signed
                continue
            try:
                checkpoint = Checkpoint.parse(note)
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

    `origin` is its name, without spaces or '+', best a URL without scheme. `clock` gives the time for the
    cosignature under the second key, the log's own word on when a checkpoint was the newest. That time goes
    back only from a checkpoint for which `superseded`, given its note, says that the clock was wrong then.
    Each new checkpoint is written to the file `kept` as well. Any method raises `Unavailable` when the store
    cannot be reached, `Damaged` when it holds something else than was written, and then signs nothing and
    leaves it as found.
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
        kept: Path | None = None,
        anchored: bytes | None = None,
    ) -> None:
        super().__init__(origin, signer.public_key, cosigner.public_key, store, kept=kept, anchored=anchored)
        self._signer, self._cosigner, self._clock = signer, cosigner, clock
        self._superseded = superseded
        self._edge: Edge | None = None
        self._seen: tuple[Base, bytes | None] = Base(0, merkle.EMPTY_ROOT), None  # or written, last
        self._queue = Queue(lambda asked: self._locked(lambda: self._append(asked)))
        self._locked(self._start)

    def append(self, entries: Sequence[bytes], key: bytes) -> range:
        """Append entries as one batch, and return their indices once they are durable and signed for.

        What several threads append is written and signed for together. A batch is appended once for its
        `key` (1 to 255 bytes): the same call again returns the same indices. Raises `Conflict` for other
        entries under a known key, `LOG_SEALED` where the log goes on elsewhere; what is raised besides,
        `Malformed`, `TooLarge`, `CLOCK_BEHIND` or `Unavailable`, the same call can be made again.
        """
        if not entries or not 0 < len(key) <= _LONGEST_KEY:
            raise Malformed(f"a batch has at least one entry, and a key of 1 to {_LONGEST_KEY} bytes")
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
        """Hold the lock for some work, which is done again where another writer held it, too, and was faster.

        Whatever went wrong while another wrote may have gone wrong because of that.
        """
        with self.store.lock():
            for _ in range(_TRIES):
                try:
                    return work()
                except Overtaken:
                    continue
                except Problem:
                    if self._seen == (self.store.head().base, self.store.get(CHECKPOINT)):
                        raise
            raise Overtaken(f"other writers of {self.origin} were faster, {_TRIES} times")

    def _start(self) -> None:
        self._catch_up()  # which brings back tiles that a power cut took
        self.require_newest()

    def _append(self, asked: Sequence[Queued]) -> list[range | Problem]:
        edge, signed = self._catch_up()
        new: dict[bytes, Batch] = {}
        answers: list[range | Problem] = []
        end = edge.size
        for entries, key in asked:
            batch = new.get(key) or self._recorded(key, edge.size)
            if batch is None:
                batch = new[key] = Batch(end, key, entries)
                end = batch.range.stop
            is_same = list(batch.entries) == list(entries)
            answers.append(
                batch.range if is_same else Conflict("other entries were appended under this key before")
            )
        if new:
            self._write_down([*new.values()], edge, signed)
        return answers

    def _recorded(self, key: bytes, size: int) -> Batch | None:
        """The batch of a key in the log of this size, if there is one."""
        known = self.store.find(key)
        if known is None:
            return None
        if known.stop > size:
            raise Overtaken("another writer has recorded a batch meanwhile")
        return Batch(known.start, key, list(self._tiles.entries(known.start, known.stop, size)))

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
        """Integrate what is recorded but not signed yet, by this process or another, and sign for it.

        What is recorded is read last, so that it is never less than what the rest speaks of.
        """
        edge, self._edge = self._edge, None
        head, note = self.store.head(), self.store.get(CHECKPOINT)
        base, self._seen = head.base, (head.base, note)
        if head.mark is not None and head.mark.state is State.COMING:  # half of a log may be there
            require_open(head.mark)
        signed = None if note is None else self._verified(note)
        if edge is None or edge.size < base.size:
            edge = Edge.load(self.store.get_many, base.size)
            if edge.root != base.root:
                raise Damaged(f"the tiles of the first {_entries(base.size)} do not give the root they had")
        batches = list(self.store.pending(edge.size))
        size = batches[-1].range.stop if batches else edge.size
        for kept in self._kept_checkpoints():
            if size < kept.size:  # or another one would be signed for the same size
                raise Damaged(f"the log once had {_entries(kept.size)}, and now has {size}", hint=_OLD)
        self._edge, signed = self._advance(edge, batches, signed)
        return self._edge, signed

    def _advance(
        self, edge: Edge, batches: Sequence[Batch], signed: Checkpoint | None
    ) -> tuple[Edge, Checkpoint]:
        """Integrate batches from the edge on, which may be signed in part, and sign for the whole."""
        sizes = [edge.size, *(batch.range.stop for batch in batches)]
        if [batch.start for batch in batches] != sizes[:-1]:
            raise Overtaken("another writer has settled the log meanwhile")
        if signed is None and sizes != [0]:
            raise Damaged("the checkpoint of the log is missing, though the log has entries")
        known = self._newest.size if self._newest else 0
        if signed is not None and (signed.size < known or signed.size not in sizes):
            raise Damaged(
                f"the checkpoint is of {_entries(signed.size)}; the log had {sizes[0]} and has {sizes[-1]}",
                hint="Was the folder, or a part of it, restored from a backup?",
            )
        behind = 0 if signed is None else sizes.index(signed.size)
        for part in (batches[:behind], batches[behind:]):
            if part:
                edge, tiles = edge.extend(joined(part))
                self._write(tiles)
            if signed is not None and edge.size == signed.size and edge.root != signed.root:
                raise Damaged(
                    f"the log of {_entries(edge.size)} does not give the root that was signed for it"
                )
        if signed is None or signed.size < edge.size or self._is_superseded(signed):
            signed = self._publish(edge, signed)
        return edge, signed

    def _time_after(self, signed: Checkpoint | None) -> datetime:
        newest = None if signed is None or self._is_superseded(signed) else self._time_of(signed)
        return time_to_sign(self._clock(), newest)

    def _is_superseded(self, signed: Checkpoint) -> bool:
        """Whether a checkpoint is dated ahead, and known to be so by a clock that was wrong."""
        time = self._time_of(signed)
        return time is not None and is_ahead(time, self._clock()) and self._superseded(signed.note)

    def _write(self, tiles: dict[str, bytes]) -> None:
        self.store.put(tiles)
        if path := first_difference(tiles, self.store.get_many(tiles)):
            raise Damaged(
                f"{path} does not read back as it was written",
                hint="Check the disk; in a database or bucket, whether others wrote it.",
            )

    def _publish(self, edge: Edge, after: Checkpoint | None) -> Checkpoint:
        held = edge.partial()
        if first_difference(held, self.store.get_many(held)):
            raise Damaged("the right edge of the tree does not read back as it was written")
        text = checkpoint_text(self.origin, edge.size, edge.root)
        log_line = self.verifier_key.sign(self._signer, text)
        clock_line = self.clock_key.sign(self._cosigner, text, self._time_after(after))
        note = b"%b\n%b%b" % (text, log_line, clock_line)
        checkpoint = self._verified(note)
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
