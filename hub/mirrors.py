"""The mirrors of a hub: copies of the logs that it watches, for when their own hosts do not answer.

mirror/HASH/log/       tiles and checkpoint; HASH is that of the log's name (`ledger/mirror.py`)
mirror/HASH/lookup/    where in the log a leaf is: made from the tiles
mirror/HASH/beside/    documents and status lists of the log's issuer (`beside.py`)
mirror/HASH/cosigned   the text of the checkpoint that the mirror signed last, and its line
mirror/vkey            the key by which others check these lines
mirror/HASH/pending    the last few checkpoints that were sent to the mirror, the newest to be pulled next
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from exchange.beside import DOCUMENTS, LISTS
from exchange.log import BRIEFLY, FOR_EVER, NOTHING, LogFile, is_run
from keys import Signer
from ledger import merkle
from ledger.add_checkpoint import AddCheckpoint
from ledger.add_entries import AddEntries, MirrorInfo
from ledger.log import time_to_sign
from ledger.lookup import YOUNG, LookupFiles
from ledger.mirror import Mirror, ReadFile, mirrored_file, published_tiles
from ledger.note import LARGEST_NOTE, Checkpoint, VerifierKey, decode_base64
from ledger.problem import (
    LOG_NOT_MIRRORED,
    MIRROR_AT_OTHER_ENTRY,
    OTHER_ROOT,
    WITNESS_NOT_SURE,
    InvalidEvidence,
)
from ledger.tiles.layout import is_tile
from ledger.tiles.posix import PosixStore
from ledger.tiles.reader import TileReader
from ledger.tiles.store import CHECKPOINT
from ledger.witness import WitnessedLog, WitnessState, origin_hash
from wire.fetch import Fetcher
from wire.files import locked, make_private_folder, read_regular, write_durably
from wire.problem import Conflict, Problem, TryLater

from .beside import Beside

_HASH = re.compile(r"[0-9a-f]{64}", re.ASCII)
_PENDING = "pending"
_RECENT = 8  # checkpoints that were pending: a log may be sending towards one while it grows
_BESIDE = "beside"
_COSIGNED = "cosigned"
_VKEY = "vkey"


class Cosigner(NamedTuple):
    """Signs for the mirrors of a hub: what it signs is whole here, and on the disk (tlog-mirror)."""

    key: VerifierKey
    signer: Signer
    clock: Callable[[], datetime]
    is_sure: Callable[[str], bool] = lambda _: True
    """False for a log of which peers have not said yet what this hub's newer self signed."""


class Mirrors:
    """The mirrors of one hub; several processes may use them. Without a `cosigner` they sign nothing."""

    def __init__(self, folder: Path, state: WitnessState, cosigner: Cosigner | None = None) -> None:
        self._folder, self._state, self._cosigner = folder, state, cosigner
        if cosigner is not None:
            make_private_folder(folder)
            write_durably(folder / _VKEY, str(cosigner.key).encode())

    @property
    def vkey(self) -> str | None:
        """The key by which others check the mirrors' lines; `None` before anything was served."""
        path = self._folder / _VKEY
        return path.read_text() if path.exists() else None

    def add(self, origin: str) -> None:
        """Mirror a log from now on."""
        make_private_folder(self._folder)
        make_private_folder(self._folder / origin_hash(origin))

    def sizes(self) -> dict[str, int]:
        """The number of entries in each mirror, by the hash of the log's name; of removed logs, too."""
        notes = {
            log.hash: self.file(log.hash, CHECKPOINT).content
            for log in self._state.logs()
            if (self._folder / log.hash).is_dir()
        }
        return {hashed: Checkpoint.parse(note).size if note else 0 for hashed, note in notes.items()}

    def logs(self) -> list[WitnessedLog]:
        """The logs that are mirrored, and were not removed, by name."""
        return [log for log in self._state.logs() if log.key and (self._folder / log.hash).is_dir()]

    def of(self, log: WitnessedLog) -> Mirror:
        """The mirror of a log that is not removed."""
        assert log.key is not None
        store = PosixStore(self._folder / log.hash / "log")
        return Mirror(log.origin, log.key, store, self._state.log_keys(log.origin))

    def pull(self, log: WitnessedLog, wanted: Checkpoint, read: ReadFile) -> Checkpoint:
        """Bring the mirror of a log up to a checkpoint that it shows, or to one that was sent here.

        Raises as `Mirror.pull`; `OTHER_ROOT` where that is a fork, which is kept.
        """
        mirror = self.of(log)
        wanted = max([wanted, *self._sent(log.hash)], key=lambda checkpoint: checkpoint.size)
        try:
            checkpoint = mirror.pull(read, wanted.note)
        except (Conflict, InvalidEvidence) as problem:
            if self._proves_fork(mirror, wanted, read):
                raise forked(log, wanted.size) from problem
            raise
        LookupFiles(self._folder / log.hash).update(mirror.store.get, checkpoint.size)
        with suppress(TryLater):  # a later round signs, once peers have answered
            self.cosign(log)
        return checkpoint

    def add_entries(self, body: bytes) -> bytes | MirrorInfo:
        """The mirror's line, once all entries of a pending checkpoint are here; before that, what is missing.

        Raises `LOG_NOT_MIRRORED`, `MIRROR_AT_OTHER_ENTRY` with the facts `size` and `next`, and as
        `Mirror.add_entries`.
        """
        request = AddEntries.parse(body)
        log = self._log(request.origin)
        mirror, pending = self.of(log), self._pending(log)
        if not pending:
            raise MIRROR_AT_OTHER_ENTRY.saying(
                "the mirror goes on from entry {next} to {size}", next=mirror.store.head().base.size, size=0
            )
        # tlog-mirror: one of the last several as well, or a log that grows could never end.
        wanted = next((each for each in pending if each.size == request.end), pending[-1])
        at = mirror.add_entries(request, wanted)
        if at < request.end:
            return MirrorInfo(request.end, at)
        LookupFiles(self._folder / log.hash).update(mirror.store.get, at)
        return self.cosign(log)

    def cosign(self, log: WitnessedLog) -> bytes:
        """The mirror's line on the checkpoint that it shows, made if need be; empty without a cosigner.

        Raises `Conflict` for a forked log, `WITNESS_NOT_SURE` before peers were asked, and `CLOCK_BEHIND` as
        `time_to_sign`.
        """
        held = self.of(log).checkpoint()
        if self._cosigner is None or held is None:
            return b""
        path = self._folder / log.hash / _COSIGNED
        with locked(path):
            text, last = self._cosigned(log.hash)
            if text != held.text:
                # ADR 13: a mirror that was put back could sign for another version than before.
                if not self._cosigner.is_sure(log.origin):
                    raise WITNESS_NOT_SURE("this mirror does not know yet what it signed last")
                # It would stand for one version, as if there were no other.
                if self._state.is_forked(log.origin):
                    raise forked(log, held.size)
                time = time_to_sign(self._cosigner.clock(), _stated(last))
                last = self._cosigner.key.sign(self._cosigner.signer, held.text, time)
                write_durably(path, held.text + b"\n" + last)
        return last

    def _cosigned(self, hashed: str) -> tuple[bytes, bytes]:
        """The text that was signed last, and the line."""
        try:
            head, _, line = read_regular(self._folder / hashed / _COSIGNED, LARGEST_NOTE).rpartition(b"\n\n")
        except FileNotFoundError:
            return b"", b""
        return head + b"\n", line

    def _log(self, origin: str) -> WitnessedLog:
        log = next((log for log in self.logs() if log.origin == origin), None)
        if log is None:
            raise LOG_NOT_MIRRORED("no log of this name is mirrored here")
        return log

    def pull_beside(self, log: WitnessedLog, read: ReadFile) -> Iterator[Problem]:
        """Take over what the log's issuer publishes beside it; see `Beside.pull`."""
        mirror = self.of(log)
        held = mirror.checkpoint()
        size = held.size if held else 0
        tiles = TileReader(mirror.store.get)

        def entry_at(index: int) -> bytes | None:
            return next(tiles.entries(index, index + 1, size)) if index < size else None

        return Beside(self._folder / log.hash / _BESIDE).pull(read, entry_at)

    def _proves_fork(self, mirror: Mirror, wanted: Checkpoint, read: ReadFile) -> bool:
        """Keep the checkpoint here and another one as a fork, if the tree of the longer one shows that."""
        held = mirror.checkpoint()
        if held is None:
            return False
        old, new, get = (
            (wanted, held, mirror.store.get)
            if wanted.size <= held.size
            else (held, wanted, published_tiles(read))
        )
        try:
            return self._state.prove_fork(old, new, TileReader(get).tree(new.size))
        # The log's tiles cannot be had, or do not give the root of the larger one: nothing is proved.
        except Problem:
            return False

    def add_checkpoint(self, body: bytes) -> None:
        """Keep a log's newest checkpoint as the one to be pulled next; nothing is signed (tlog-mirror).

        Raises as `Witness.add_checkpoint`, but for its clock, and `LOG_NOT_MIRRORED`.
        """
        request = AddCheckpoint.parse(body)
        log = self._log(request.checkpoint.origin)
        # The log's line alone: a sender could add one that makes the note unusable for everybody.
        note = self._state.compare(request.checkpoint)
        path = self._folder / log.hash / _PENDING
        with locked(path):
            pending = self._pending(log)
            tree = (pending[-1].size, pending[-1].root) if pending else (0, merkle.EMPTY_ROOT)
            request.require_continues(*tree)
            smaller = [each.note for each in pending if each.size < request.checkpoint.size]
            write_durably(path, b"\0".join([*smaller[1 - _RECENT :], note]))

    def file(self, hashed: str, path: str) -> LogFile:
        """The content that the mirror of a log serves at a path below the log's own."""
        folder = self._folder / hashed
        if not _HASH.fullmatch(hashed) or not folder.is_dir():
            return NOTHING
        if path == CHECKPOINT or is_tile(path):
            data = mirrored_file(PosixStore(folder / "log", read_only=True), path)
            if path == CHECKPOINT:
                text, line = self._cosigned(hashed)
                if data is not None and data.startswith(text + b"\n") and text:
                    data += line
                return LogFile(data, "text/plain; charset=utf-8", BRIEFLY)
            return LogFile(data, _BYTES, FOR_EVER if is_tile(path, full=True) else BRIEFLY)
        if path == YOUNG or is_run(path):
            return LogFile(LookupFiles(folder).get(path), _BYTES, BRIEFLY if path == YOUNG else FOR_EVER)
        if path in (DOCUMENTS, LISTS):
            return LogFile(Beside(folder / _BESIDE).get(path), "application/json", BRIEFLY)
        return LogFile(Beside(folder / _BESIDE).get(path), _BYTES, FOR_EVER)

    def _pending(self, log: WitnessedLog) -> list[Checkpoint]:
        """The checkpoints towards which entries are taken, the newest at the end."""
        sent, here = self._sent(log.hash), self.of(log).checkpoint()
        # tlog-mirror: it is at or ahead of the mirror's checkpoint, which may have been pulled.
        is_behind = here is not None and (not sent or sent[-1].size < here.size)
        return [*sent, here] if here is not None and is_behind else sent

    def _sent(self, hashed: str) -> list[Checkpoint]:
        """The last checkpoints that were sent, the newest at the end."""
        try:
            notes = read_regular(self._folder / hashed / _PENDING, _RECENT * (LARGEST_NOTE + 1))
        except FileNotFoundError:
            return []
        return [Checkpoint.parse(note) for note in notes.split(b"\0")]


def forked(log: WitnessedLog, size: int) -> Conflict:
    """The problem of a log with two versions of a size."""
    return OTHER_ROOT.saying("the log {log} of {size} entries has two versions", log=log.origin, size=size)


def _stated(line: bytes) -> datetime | None:
    """The time that a line of the mirror's states (tlog-cosignature)."""
    if not line:
        return None
    raw = decode_base64(line.rstrip(b"\n").rpartition(b" ")[2], "the mirror's line")
    return datetime.fromtimestamp(int.from_bytes(raw[4:12]), UTC)


_BYTES = "application/octet-stream"


def fetched_file(fetcher: Fetcher, url: str, path: str, limit: int) -> bytes:
    """As `ReadFile`, from a published log. No redirect leads to another host."""
    return fetcher.fetch(f"{url.rstrip('/')}/{path}", accept="*/*", limit=limit, same_origin=True)
