"""The monitor of a hub: it holds what logs, hubs and mirrors show of each log against each other.

`Monitor.watch` makes one round, which pulls the mirrors, too. Each fault is a finding with a code of its own.
"""

from __future__ import annotations

import logging
import secrets
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import orjson

from keys import mldsa
from ledger.mirror import ReadFile, published_tiles
from ledger.note import LARGEST_NOTE, Checkpoint
from ledger.problem import LOG_TILE_CHANGED, LOG_WENT_BACK, NOT_SIGNED_BY_LOG, OTHER_ROOT
from ledger.tiles.layout import ENTRIES, LARGEST, WIDTH, tile_path
from ledger.tiles.reader import TileReader
from ledger.tiles.store import CHECKPOINT
from ledger.witness import Peer, WitnessedLog, WitnessState
from wire.clock import is_ahead
from wire.fetch import Fetcher, keeping
from wire.files import replace_file
from wire.health import Finding, Health
from wire.problem import NotFound, Problem, Unavailable
from wire.strict import load_json_object

from .mirrors import Mirrors, fetched_file, forked

EVERY = 60.0
"""Seconds between two rounds of a service."""
_LOG = logging.getLogger(__name__)
_HEARD = "heard.json"
_LONG = timedelta(days=1)  # of silence
_SAMPLE = 4  # tiles and bundles that are read again of each log in a round
# Bytes: a time, and a signature with Ed25519 or ML-DSA-44 (tlog-cosignature).
_COSIGNATURES = 8 + 64, 8 + mldsa.SIGNATURE
_EPOCH = datetime.fromtimestamp(0, UTC)
_LATEST = 253_402_300_799  # seconds: the end of the year 9999
_PATIENCE = 3.0  # seconds for a round under way, at the end


class Monitor:
    """The monitor of the hub in a folder, which also looks at what the hub's peers show."""

    def __init__(self, folder: Path, state: WitnessState, mirrors: Mirrors, fetcher: Fetcher) -> None:
        self._heard = folder / _HEARD
        self._state, self._mirrors, self._fetcher = state, mirrors, fetcher

    def watch(self, now: datetime) -> Iterator[Finding]:
        """The findings of one round, for each log in turn."""
        mirrored, away = {log.origin for log in self._mirrors.logs()}, set[str]()
        for log in self._state.logs():
            if log.key is not None:
                watched = self._watched(log, now, away, is_mirrored=log.origin in mirrored)
                # The same may show in several places, such as the mirror and what was read before.
                findings = list({(item.code, str(dict(item.facts))): item for item in watched}.values())
                yield from findings
                forks = [fork for fork in self._state.forks() if fork.origin == log.origin]
                # Two notes of one size are a fork at once, before anything of the log is read.
                if len(forks) > log.forks and OTHER_ROOT.code not in {item.code for item in findings}:
                    yield Finding.of(forked(log, forks[-1].size))

    def _watched(
        self, log: WitnessedLog, now: datetime, away: set[str], *, is_mirrored: bool
    ) -> Iterator[Finding]:
        elsewhere = dict(self._known(log))
        for peer in self._state.peers():
            try:
                if peer.url not in away:
                    elsewhere |= self._shown_by(peer, log)
            except Problem as problem:
                if problem.undetermined:  # asked again in the next round
                    away.add(peer.url)
                yield Finding.warned("hub-peer-fails", problem, url=peer.url)
        newest: Checkpoint | None = None
        try:
            # Read last, so that nothing elsewhere is newer by the log's growth alone.
            note = self._note(f"{log.url.rstrip('/')}/{CHECKPOINT}")
        except Problem as problem:
            yield self._silent(log, problem, now)
        else:
            try:
                newest = self._checked(log, log.url, note)
                self._state.keep_seen(newest)  # for peers
                self._note_heard(log, now)
                if is_mirrored:
                    with keeping(self._fetcher) as fetcher:  # a request for each 256 entries
                        read = partial(fetched_file, fetcher, log.url)
                        self._mirrors.pull(log, newest, read)
                        yield from map(Finding.of, self._mirrors.pull_beside(log, read))
                yield Finding.passed("hub-log-seen", log=log.origin, entries=newest.size)
            except Problem as problem:
                yield self._silent(log, problem, now) if problem.undetermined else Finding.of(problem)
        try:
            yield from self._compared(log, elsewhere, newest, is_mirrored=is_mirrored)
        except Problem as problem:  # of what is here of this log: others are watched all the same
            yield Finding.of(problem)
        shown = {**elsewhere, **({log.url: newest} if newest else {})}
        for url, checkpoint in shown.items():
            yield from _dated_ahead(log, url, checkpoint, now)

    def _compared(
        self,
        log: WitnessedLog,
        elsewhere: Mapping[str, Checkpoint],
        newest: Checkpoint | None,
        *,
        is_mirrored: bool,
    ) -> Iterator[Finding]:
        """Findings about what others show of a log, by the tree that is here, or else the log's own."""
        read = partial(fetched_file, self._fetcher, log.url)
        mirror = self._mirrors.of(log) if is_mirrored else None
        held, get = (mirror.checkpoint(), mirror.store.get) if mirror else (newest, published_tiles(read))
        for shown in elsewhere.values():
            try:
                if held is not None and shown.size <= held.size:
                    tree = TileReader(get).tree(held.size)
                    if self._state.prove_fork(shown, held, tree):
                        raise forked(log, shown.size)
                # Threat A44: a log that shows an older state to some than to others.
                if newest is not None and shown.size > newest.size:
                    raise LOG_WENT_BACK.saying(
                        "the log {log} shows {size} entries, and had {had}",
                        log=log.origin,
                        size=newest.size,
                        had=shown.size,
                    )
            except Problem as problem:
                yield Finding.of(problem)
        if mirror and held and newest:
            yield from _changed(log, read, get, held.size)

    def _known(self, log: WitnessedLog) -> Iterator[tuple[str, Checkpoint]]:
        """The checkpoints of a log that were signed here, and read at it."""
        with suppress(NotFound):
            yield self._state.key.name, Checkpoint.parse(self._state.checkpoint(log.hash))
        if note := self._state.seen(log.hash):
            yield log.url, Checkpoint.parse(note)

    def _note(self, url: str) -> bytes:
        """The note that is shown at an address. Raises `NotFound` for an empty answer."""
        note = self._fetcher.fetch(url, accept="*/*", limit=LARGEST_NOTE, same_origin=True)
        if not note:
            raise NotFound.saying("{url} shows nothing", url=url)
        return note

    def _checked(self, log: WitnessedLog, url: str, note: bytes) -> Checkpoint:
        """The checkpoint in a note that is shown of a log, held against those of its size."""
        checkpoint = Checkpoint.parse(note)
        if checkpoint.origin != log.origin:
            raise NOT_SIGNED_BY_LOG.saying("{url} shows another log than {log}", url=url, log=log.origin)
        self._state.compare(checkpoint)
        return checkpoint

    def _shown_by(self, peer: Peer, log: WitnessedLog) -> dict[str, Checkpoint]:
        """A peer's checkpoints of a log, by address: signed by its witness, mirrored, read at the log."""
        shown = {}
        for path in (f"witness/{log.hash}/checkpoint", f"mirror/{log.hash}/checkpoint", f"seen/{log.hash}"):
            url = f"{peer.url.rstrip('/')}/{path}"
            with suppress(NotFound):  # a hub need not know every log
                shown[url] = self._checked(log, url, self._note(url))
        return shown

    def _silent(self, log: WitnessedLog, problem: Problem, now: datetime) -> Finding:
        # One that was just added is silent from now on.
        since = self._times().get(log.hash) or self._note_heard(log, now)
        is_long = now - datetime.fromisoformat(since) > _LONG
        if not problem.undetermined:  # such as an address that is refused: that accuses no log
            problem = Unavailable.saying("{why}", why=problem, because=problem)
        if is_long:
            return Finding.failed("hub-log-silent", problem, log=log.origin, since=since)
        return Finding.warned("hub-log-quiet", problem, log=log.origin, since=since)

    def _note_heard(self, log: WitnessedLog, now: datetime) -> str:
        """The time, once it is kept."""
        time = now.isoformat(timespec="seconds")
        replace_file(self._heard, orjson.dumps({**self._times(), log.hash: time}), synced=False)
        return time

    def _times(self) -> Mapping[str, str]:
        return load_json_object(self._heard.read_bytes()) if self._heard.exists() else {}


def _dated_ahead(log: WitnessedLog, url: str, shown: Checkpoint, now: datetime) -> Iterator[Finding]:
    """Findings about cosignatures with a time ahead of `now`, whoever made them."""
    for name, _, signature in shown.signatures:
        if len(signature) in _COSIGNATURES:
            seconds = int.from_bytes(signature[:8])
            if is_ahead(_EPOCH + timedelta(seconds=min(seconds, _LATEST)), now):
                time = f"{_EPOCH + timedelta(seconds=min(seconds, _LATEST)):%Y-%m-%d %H:%M}Z"
                yield Finding.failed("hub-dated-ahead", log=log.origin, url=url, name=name, time=time)


def _changed(
    log: WitnessedLog, read: ReadFile, get: Callable[[str], bytes | None], size: int
) -> Iterator[Finding]:
    """Findings about tiles that the log shows now in another way than when they were mirrored.

    A few of them by chance: whoever changes one cannot tell when it is looked at.
    """
    for level in (ENTRIES, 0) * (_SAMPLE // 2) if size >= WIDTH else ():
        path = tile_path(level, secrets.randbelow(size // WIDTH))
        try:
            if read(path, LARGEST) != get(path):
                raise LOG_TILE_CHANGED.saying(
                    "{tile} of the log {log} has changed", tile=path, log=log.origin
                )
        except Problem as problem:
            yield Finding.of(problem)


@contextmanager
def watching(monitor: Monitor, clock: Callable[[], datetime], pause: float = EVERY) -> Iterator[None]:
    """Have a round made again and again in the background, until the block ends."""
    ended = threading.Event()
    thread = threading.Thread(target=_watch, args=(monitor, clock, ended, pause), name="monitor", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(_PATIENCE)


def _watch(monitor: Monitor, clock: Callable[[], datetime], ended: threading.Event, pause: float) -> None:
    logged: set[str] = set()
    while True:
        try:
            unwell = [item for item in monitor.watch(clock()) if item.health is not Health.PASSED]
            texts = [f"{item.code}: {item.problem or dict(item.facts)}" for item in unwell]
        except (Problem, OSError) as problem:  # of the hub's own disk
            texts = [str(problem)]
        for text in texts:
            if text not in logged:  # once, not every time
                _LOG.warning("The monitor found: %s", text)
        logged = {*texts}
        if ended.wait(pause):
            return
