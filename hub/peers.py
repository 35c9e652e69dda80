"""The other hubs that a hub asks at each start, before it signs anything of a log: its state may be a copy.

A copy that comes back from a backup looks like the newest state. The signatures of its newer self stand in
notes that others have: the log's own, as they read it, and those of their witnesses (ADR 71).
"""

from __future__ import annotations

from collections.abc import Iterator

from ledger import merkle
from ledger.note import LARGEST_NOTE, Checkpoint
from ledger.problem import NOT_CONTINUED, WITNESS_NOT_SURE
from ledger.tiles.layout import WIDTH
from ledger.tiles.reader import TileReader
from ledger.tiles.store import CHECKPOINT
from ledger.witness import Peer, WitnessedLog, WitnessState, own_line
from wire.fetch import Fetcher
from wire.problem import Malformed, NotFound, Problem


class Peers:
    """Asks the peers of a hub, over a `Fetcher`."""

    def __init__(self, state: WitnessState, fetcher: Fetcher) -> None:
        self._state, self._fetcher = state, fetcher

    def read(self, log: WitnessedLog) -> None:
        """Keep the checkpoint that a log shows now, if it is the newest; raises as `WitnessState.keep_seen`.

        Raises what a `Fetcher` raises, and `InvalidEvidence`.
        """
        checkpoint = self._checkpoint(f"{log.url.rstrip('/')}/{CHECKPOINT}")
        if checkpoint is not None and checkpoint.origin == log.origin:
            self._state.keep_seen(checkpoint)

    def ask(self, log: WitnessedLog) -> None:
        """Bring the state of a log to the newest that a peer has seen, and no further.

        Raises `WITNESS_NOT_SURE` where no peer answers, `NOT_CONTINUED` where one has seen a larger tree to
        which the state does not lead, and `OTHER_ROOT` where this witness has signed two.
        """
        seen: list[Checkpoint] = []
        answered = False
        for peer in self._state.peers():
            try:
                seen += self._seen_by(peer, log)
                answered = True
            except Problem:  # it is away, or does not know the log; another one may answer
                continue
        # The log alone does not count: who runs it may be the one that shows two versions.
        if not answered:
            raise WITNESS_NOT_SURE.saying("no peer has said what it saw of the log {log}", log=log.origin)
        if note := self._state.seen(log.hash):
            seen.append(Checkpoint.parse(note))
        key = self._state.key
        signed_here = [checkpoint for checkpoint in seen if own_line(key, checkpoint)]
        # First what this witness has signed itself: it goes on only from there.
        for checkpoint in sorted(signed_here, key=_size):
            self._state.resume(checkpoint, ())
        self._follow(log, max(seen, key=_size, default=None))

    def _seen_by(self, peer: Peer, log: WitnessedLog) -> Iterator[Checkpoint]:
        """A peer's checkpoints, read at the log or signed by its witness. Raises unless it knows the log."""
        seen = self._checkpoint(f"{peer.url}/seen/{log.hash}")
        try:
            signed = self._checkpoint(f"{peer.url}/witness/{log.hash}/checkpoint")
        except NotFound:  # it has signed nothing of it yet
            signed = None
        assert log.key is not None  # it is witnessed
        for checkpoint in (seen, signed):
            if checkpoint is not None:
                # A log's key alone makes it one of this log; a rubbish answer is none.
                if checkpoint.origin != log.origin or log.key not in checkpoint.signers([log.key]):
                    raise Malformed.saying("{name} answers with another log's note", name=peer.key.name)
                yield checkpoint

    def _follow(self, log: WitnessedLog, newest: Checkpoint | None) -> None:
        """Go on from the largest tree, where the state provably leads to it.

        A log that hides the proof gets nothing signed: its other version could be what is signed then.
        """
        size = next(witnessed.size for witnessed in self._state.logs() if witnessed.origin == log.origin)
        if newest is None or newest.size <= size:
            return
        sources = [log.url.rstrip("/"), *(f"{peer.url}/mirror/{log.hash}" for peer in self._state.peers())]
        problem: Problem | None = None
        for source in sources:
            try:
                proof = merkle.consistency_proof(size, newest.size, self._tiles(source).tree(newest.size))
                self._state.resume(newest, proof)
            except Problem as found:
                problem = found
            else:
                return
        raise NOT_CONTINUED.saying(
            "what was signed here of {log} does not lead to the {size} entries that a peer has seen",
            log=log.origin,
            size=newest.size,
            because=problem,
        )

    def _tiles(self, source: str) -> TileReader:
        def get(path: str) -> bytes | None:
            try:
                return self._get(f"{source}/{path}", WIDTH * merkle.HASH_SIZE)
            except NotFound:
                return None

        return TileReader(get)

    def _checkpoint(self, url: str) -> Checkpoint | None:
        """The checkpoint at an address; `None` for an empty answer."""
        note = self._get(url, LARGEST_NOTE)
        return Checkpoint.parse(note) if note else None

    def _get(self, url: str, limit: int) -> bytes:
        return self._fetcher.fetch(url, accept="*/*", limit=limit, same_origin=True)


def _size(checkpoint: Checkpoint) -> int:
    return checkpoint.size
