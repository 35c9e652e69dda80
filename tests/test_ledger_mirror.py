"""A mirror: what it takes of a log, what it refuses, and how it goes on after a kill."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from keys import PrivateKey
from ledger.audit import audit
from ledger.log import LogReader
from ledger.mirror import Mirror, mirrored_file
from ledger.note import LARGEST_NOTE, SignatureType, VerifierKey, checkpoint_text, signature_line
from ledger.problem import (
    LOG_NOT_PROVED,
    LOG_TILE_CHANGED,
    LOG_WENT_BACK,
    NOT_SIGNED_BY_LOG,
    OTHER_ROOT,
    InvalidEvidence,
)
from ledger.tiles.edge import Edge
from ledger.tiles.layout import LARGEST_ENTRY
from ledger.tiles.posix import PosixStore
from ledger.tiles.store import CHECKPOINT, Batch
from tests.problems import raises
from wire.problem import Damaged, NotFound, Problem, TooLarge, Unavailable

SIGNER = PrivateKey.from_secret("Ed25519", b"\x05" * 32)
KEY = VerifierKey("stranger.example/log", SignatureType.ED25519, SIGNER.public_key)


class Stranger:
    """Somebody else's log, as it is published: its files, and the notes that it signed."""

    def __init__(self, entry: Callable[[int], bytes] = lambda index: b"entry %d" % index) -> None:
        self.entry = entry
        self.files: dict[str, bytes] = {}
        self.edge = Edge()
        self.asked: list[str] = []

    def grow(self, size: int) -> bytes:
        entries = [self.entry(index) for index in range(self.edge.size, size)]
        if entries:
            self.edge, tiles = self.edge.extend(Batch(self.edge.size, b"", entries))
            self.files |= tiles
        self.files[CHECKPOINT] = self.note(self.edge.size, self.edge.root)
        return self.files[CHECKPOINT]

    @staticmethod
    def note(size: int, root: bytes, *, origin: str = KEY.name, signer: PrivateKey = SIGNER) -> bytes:
        text = checkpoint_text(origin, size, root)
        return text + b"\n" + KEY.sign(signer, text)

    def read(self, path: str, limit: int) -> bytes:
        self.asked.append(path)
        if path not in self.files:
            raise NotFound("none")
        if len(self.files[path]) > limit:
            raise TooLarge("too long")
        return self.files[path]


@pytest.fixture
def mirror(tmp_path: Path) -> Mirror:
    return Mirror(KEY.name, KEY, PosixStore(tmp_path / "log"))


def shown(mirror: Mirror, log: Stranger) -> dict[str, bytes]:
    """What a mirror serves of all that its log ever published."""
    found = {path: mirrored_file(mirror.store, path) for path in log.files}
    return {path: data for path, data in found.items() if data is not None}


@pytest.mark.parametrize("sizes", [(1, 255, 256, 257, 600), (0, 700), (512, 513, 1000)])
def test_what_it_serves_is_what_the_log_published(mirror: Mirror, sizes: tuple[int, ...]) -> None:
    log = Stranger()
    for size in sizes:
        note = log.grow(size)
        assert mirror.pull(log.read, note).size == size
        assert shown(mirror, log) == log.files
    reader = LogReader(KEY.name, SIGNER.public_key, None, mirror.store)
    assert audit(reader).size == sizes[-1]


def test_entries_of_strangers_may_be_any_bytes(mirror: Mirror) -> None:
    log = Stranger(lambda index: bytes([index % 256]) * (LARGEST_ENTRY if index % 90 == 0 else index % 3))
    mirror.pull(log.read, log.grow(400))
    reader = LogReader(KEY.name, SIGNER.public_key, None, mirror.store)
    assert list(reader.entries(0, 400)) == [log.entry(index) for index in range(400)]


@pytest.mark.slow
def test_only_bundles_and_a_few_hashes_are_asked_for(mirror: Mirror) -> None:
    """A log's tiles follow from its entries, so most of them are never fetched."""
    log = Stranger()
    mirror.pull(log.read, log.grow(20_000))
    asked = [path for path in log.asked if "/entries/" not in path]
    assert len(log.asked) - len(asked) == 79
    assert len(asked) <= 4


def test_nothing_counts_that_the_log_did_not_sign(mirror: Mirror) -> None:
    log = Stranger()
    log.grow(5)
    other = PrivateKey.generate()
    for note in (
        Stranger.note(5, log.edge.root, signer=other),
        Stranger.note(5, log.edge.root, origin="another.example"),
    ):
        with pytest.raises(Problem) as caught:
            mirror.pull(log.read, note)
        assert caught.value.code in {NOT_SIGNED_BY_LOG.code, InvalidEvidence.code}
    assert shown(mirror, log) == {}


def test_a_note_that_leaves_no_room_for_a_line_is_not_taken(mirror: Mirror) -> None:
    log = Stranger()
    note = log.grow(3)
    mirror.pull(log.read, note)
    lines = b"".join(signature_line(f"{number}", bytes(4), bytes(3000)) for number in range(31))
    filler = signature_line("x" * (LARGEST_NOTE - len(note + lines) - 18), bytes(4), bytes(5))
    assert len(note + lines + filler) == LARGEST_NOTE
    with raises(TooLarge):
        mirror.pull(log.read, note + lines + filler)
    assert mirrored_file(mirror.store, CHECKPOINT) == note
    mirror.pull(log.read, note + lines)
    assert mirrored_file(mirror.store, CHECKPOINT) == note + lines


def test_a_log_that_goes_back_or_forks_is_refused(mirror: Mirror) -> None:
    log, fork = Stranger(), Stranger(lambda index: b"other %d" % index)
    mirror.pull(log.read, log.grow(300))
    before = shown(mirror, log)
    for note, read, problem in (
        (fork.grow(300), fork.read, OTHER_ROOT),
        (fork.grow(400), fork.read, LOG_TILE_CHANGED),
        (fork.grow(512), log.read, LOG_NOT_PROVED),
        (Stranger().grow(299), log.read, LOG_WENT_BACK),
    ):
        with raises(problem):
            mirror.pull(read, note)
        assert {path: mirrored_file(mirror.store, path) for path in before} == before
    log.grow(301)
    assert mirror.pull(log.read, log.files[CHECKPOINT]).size == 301


def changed_entry(data: bytes) -> bytes:
    return data[:-1] + bytes([data[-1] ^ 1])


@pytest.mark.quick(every=3)
@pytest.mark.parametrize("path", ["tile/entries/001", "tile/entries/002.p/88"])
@pytest.mark.parametrize(
    "change",
    [
        changed_entry,
        lambda data: data[2:],  # the wrong alignment
        lambda data: b"\0\0" + data,
        lambda data: data[:-1],  # cut short
        lambda data: data[: len(data) // 2 // 11 * 11],
        lambda _: b"",
    ],
)
def test_what_does_not_give_the_signed_root_is_not_kept(
    mirror: Mirror, path: str, change: Callable[[bytes], bytes]
) -> None:
    log = Stranger(lambda index: b"entry %03d" % index)
    note = log.grow(600)
    right = log.files[path]
    log.files[path] = change(right)
    with raises(LOG_NOT_PROVED):
        mirror.pull(log.read, note)
    assert shown(mirror, log) == {}
    assert mirror.store.head().base.size == 0
    log.files[path] = right
    mirror.pull(log.read, note)
    assert shown(mirror, log) == log.files


@pytest.mark.parametrize("path", ["tile/0/002.p/88", "tile/1/000.p/2"])
def test_false_hashes_are_noticed_where_they_are_needed(
    mirror: Mirror, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where more entries follow than are kept at once; the last ones need none."""
    monkeypatch.setattr("ledger.mirror._AT_ONCE", 1)
    log = Stranger()
    note = log.grow(600)
    right = log.files[path]
    for wrong in (changed_entry(right), right[1:], None):
        log.files.pop(path) if wrong is None else log.files.update({path: wrong})
        with raises(LOG_NOT_PROVED):
            mirror.pull(log.read, note)
        log.files[path] = right
    mirror.pull(log.read, note)


class Killed(Exception):
    """The process ends here."""


@pytest.mark.slow
def test_killed_anywhere_it_goes_on_and_shows_only_what_is_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After each read, and around each write."""
    monkeypatch.setattr("ledger.mirror._AT_ONCE", 1)  # a bundle at a time
    log = Stranger()
    first, old = log.grow(200), dict(log.files)
    last = log.grow(520)

    class Dying(PosixStore):
        left = 0

        def _step(self) -> None:
            self.left -= 1
            if self.left == 0:
                raise Killed

        def put(self, tiles: Mapping[str, bytes]) -> None:
            self._step()
            for path, data in tiles.items():
                super().put({path: data})
                self._step()

        def record(self, *batches: Batch) -> bool:
            self._step()
            return super().record(*batches)

        def settle(self, *given: object) -> None:
            self._step()
            super().settle(*given)  # type: ignore[arg-type]
            self._step()

        def publish(self, note: bytes, *, after: bytes | None) -> None:
            self._step()
            super().publish(note, after=after)
            self._step()

    deaths = 0
    for steps in range(1, 40):
        folder = tmp_path / str(steps)
        store = Dying(folder)
        mirror = Mirror(KEY.name, KEY, store)
        mirror.pull(log.read, first)
        store.left = steps
        try:
            mirror.pull(log.read, last)
        except Killed:
            deaths += 1
        again = Mirror(KEY.name, KEY, PosixStore(folder))
        found = shown(again, log)
        assert found[CHECKPOINT] in (first, last)
        if found[CHECKPOINT] == first:
            assert found == old, steps  # whole at every moment, and no more
        again.pull(log.read, last)
        assert shown(again, log) == log.files, steps
    assert deaths > 20


def test_a_host_that_stops_midway_costs_what_was_not_kept_alone(
    mirror: Mirror, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ledger.mirror._AT_ONCE", 1)
    log = Stranger()
    note = log.grow(1000)

    def stops(path: str, limit: int) -> bytes:
        if path == "tile/entries/002":
            raise Unavailable("gone")
        return log.read(path, limit)

    with raises(Unavailable):
        mirror.pull(stops, note)
    assert shown(mirror, log) == {}
    log.asked = []
    mirror.pull(log.read, note)
    assert "tile/entries/001" not in log.asked


@pytest.mark.parametrize("tile", ["tile/0/001.p/44", "tile/1/000.p/1"])
def test_a_mirror_of_which_a_tile_is_spoilt_goes_on_from_nothing_else(
    mirror: Mirror, tmp_path: Path, tile: str
) -> None:
    log = Stranger()
    mirror.pull(log.read, log.grow(300))
    path = tmp_path / "log" / tile
    path.write_bytes(changed_entry(path.read_bytes()))
    with raises(Damaged):
        mirror.pull(log.read, log.grow(301))


@pytest.mark.slow
def test_memory_does_not_grow_with_the_log(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("ledger.mirror._MOST_AT_ONCE", 1 << 10)
    peaks = []
    for size in (3_000, 12_000):
        log = Stranger()
        note = log.grow(size)
        log.asked = []
        mirror = Mirror(KEY.name, KEY, PosixStore(tmp_path / str(size)))
        read = _not_noted(log)
        tracemalloc.start()
        mirror.pull(read, note)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.2 * peaks[0], peaks


def _not_noted(log: Stranger) -> Callable[[str, int], bytes]:
    def read(path: str, limit: int) -> bytes:
        if path not in log.files:
            raise NotFound("none")
        return log.files[path]

    return read


def test_a_portion_that_was_recorded_and_no_more_is_taken_up(tmp_path: Path) -> None:
    """As a kill, or a power cut, leaves it: the journal has it, and no tile."""
    log = Stranger()
    note = log.grow(300)

    class Halted(PosixStore):
        def put(self, tiles: Mapping[str, bytes]) -> None:
            raise Killed

    with pytest.raises(Killed):
        Mirror(KEY.name, KEY, Halted(tmp_path / "log")).pull(log.read, note)
    log.asked = []
    again = Mirror(KEY.name, KEY, PosixStore(tmp_path / "log"))
    again.pull(log.read, note)
    assert log.asked == []
    assert shown(again, log) == log.files


def test_a_checkpoint_that_was_altered_in_the_mirror_is_damaged(mirror: Mirror, tmp_path: Path) -> None:
    log = Stranger()
    note = log.grow(3)
    mirror.pull(log.read, note)
    (tmp_path / "log" / CHECKPOINT).write_bytes(note.replace(b"\n3\n", b"\n2\n"))
    with raises(Damaged):
        mirror.checkpoint()
    with raises(Damaged):
        mirror.pull(log.read, note)
