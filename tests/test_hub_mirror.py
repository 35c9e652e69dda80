"""The mirrors of a hub, and its monitor: what they take, what they serve, and which fault has which name."""

from __future__ import annotations

import gzip
import threading
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from hub import make_hub, open_mirrors, open_witness
from hub.http import create_app
from hub.mirrors import Mirrors
from hub.monitor import Monitor, watching
from keys import PrivateKey
from keys.mldsa import MlDsaSigner
from ledger import merkle
from ledger.add_checkpoint import AddCheckpoint
from ledger.lookup import SHAPE, YOUNG
from ledger.merkle import leaf_hash
from ledger.note import Checkpoint, SignatureType, VerifierKey
from ledger.problem import (
    LOG_NOT_MIRRORED,
    LOG_NOT_PROVED,
    LOG_NOT_WITNESSED,
    LOG_TILE_CHANGED,
    LOG_WENT_BACK,
    NOT_CONTINUED,
    NOT_SIGNED_BY_LOG,
    OTHER_ROOT,
    WITNESS_AT_OTHER_SIZE,
    InvalidEvidence,
)
from ledger.tiles.reader import TileReader
from ledger.tiles.store import CHECKPOINT
from ledger.witness import Peer, WitnessState, origin_hash
from tests.ledger_samples import NOW
from tests.loopback import Site, response
from tests.problems import raises
from tests.serving import listening, serving
from tests.test_ledger_mirror import KEY, SIGNER, Stranger
from tests.witnessing import Clock
from wire.fetch import Fetcher, HttpsFetcher
from wire.health import Finding, Health
from wire.problem import NotFound, Problem, Unavailable

URL, HASH = "https://stranger.example/log", origin_hash(KEY.name)
PEER = "https://peer.example"
PEER_KEY = VerifierKey("peer.example/w", SignatureType.COSIGNATURE, SIGNER.public_key)


@dataclass
class Web(Fetcher):
    """What lies where; a host that is `gone` does not answer."""

    hosts: dict[str, dict[str, bytes]] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)

    def fetch(
        self,
        url: str,
        *,
        accept: str = "",
        limit: int = 1 << 20,
        same_origin: bool = False,
    ) -> bytes:
        assert same_origin
        for base, files in self.hosts.items():
            if url.startswith(f"{base}/"):
                if base in self.gone:
                    raise Unavailable("no answer")
                if (found := files.get(url.removeprefix(f"{base}/"))) is not None:
                    assert len(found) <= limit
                    return found
        raise NotFound("nothing there")


@dataclass
class Hub:
    """A hub that mirrors a stranger's log, and sees the web as told."""

    folder: Path
    state: WitnessState
    log: Stranger = field(default_factory=Stranger)
    web: Web = field(default_factory=Web)

    def __post_init__(self) -> None:
        self.state.add(KEY, URL)
        self.mirrors.add(KEY.name)
        self.web.hosts[URL] = self.log.files

    @property
    def mirrors(self) -> Mirrors:
        return open_mirrors(self.folder, self.state)

    def watch(self, *peers: str, at: timedelta = timedelta()) -> list[Finding]:
        for url in peers:
            self.state.add_peer(Peer(PEER_KEY, url))
        return [*Monitor(self.folder, self.state, self.mirrors, self.web).watch(NOW + at)]

    def faults(self, *peers: str, at: timedelta = timedelta()) -> list[str]:
        return [item.code for item in self.watch(*peers, at=at) if item.health is not Health.PASSED]

    def served(self, path: str) -> bytes | None:
        return self.mirrors.file(HASH, path).content


@pytest.fixture
def hub(tmp_path: Path) -> Hub:
    return Hub(tmp_path / "hub", make_hub(tmp_path / "hub", "hub.example/witness", lambda: None))


def test_a_round_mirrors_the_log_and_finds_nothing_wrong(hub: Hub) -> None:
    for size in (0, 3, 300):
        hub.log.grow(size)
        (found,) = hub.watch()
        assert (found.code, found.health, found.facts["entries"]) == ("hub-log-seen", Health.PASSED, size)
    assert {path: hub.served(path) for path in hub.log.files} == hub.log.files
    leaf = leaf_hash(hub.log.entry(42))
    young = hub.served(YOUNG)
    assert young is not None
    assert 42 in [place.index for place in SHAPE.find_young(young, leaf)]
    for nothing in ("", "log/journal", "pending", "../witness.sqlite", "tile/0/009", "lookup/0/0/000"):
        assert hub.served(nothing) is None
    assert hub.mirrors.file("../" + HASH, CHECKPOINT).content is None
    assert hub.mirrors.file("0" * 64, CHECKPOINT).content is None


def test_of_a_log_that_is_removed_the_mirror_stays(hub: Hub) -> None:
    hub.log.grow(3)
    hub.watch()
    hub.state.remove(KEY.name)
    assert hub.watch() == []
    assert hub.served(CHECKPOINT) == hub.log.files[CHECKPOINT]
    assert hub.mirrors.sizes() == {HASH: 3}


def test_a_log_with_a_new_key_is_mirrored_on(hub: Hub) -> None:
    """Where it was removed, and added under that key."""
    hub.log.grow(300)
    hub.watch()
    signer = PrivateKey.generate()
    key = VerifierKey(KEY.name, SignatureType.ED25519, signer.public_key)
    hub.state.remove(KEY.name)
    hub.state.add(key, URL)
    assert hub.faults() == [NOT_SIGNED_BY_LOG.code]
    text = Checkpoint.parse(hub.log.grow(310)).text
    hub.log.files[CHECKPOINT] = text + b"\n" + key.sign(signer, text)
    assert hub.faults() == []
    assert hub.served(CHECKPOINT) == hub.log.files[CHECKPOINT]


def test_where_one_mirror_is_damaged_the_other_logs_are_watched(hub: Hub) -> None:
    hub.log.grow(3)
    key = VerifierKey("z.example/log", SignatureType.ED25519, PrivateKey.generate().public_key)
    hub.state.add(key, "https://z.example/log")
    hub.watch()
    path = hub.folder / "mirror" / HASH / "log" / CHECKPOINT
    path.write_bytes(path.read_bytes().replace(b"\n3\n", b"\n2\n"))
    assert hub.faults() == ["damaged", "hub-log-quiet"]


def test_a_log_that_does_not_answer_is_silent_and_nothing_worse(hub: Hub) -> None:
    hub.log.grow(3)
    hub.web.gone.add(URL)
    for hours, code in ((-23, "hub-log-quiet"), (0, "hub-log-quiet"), (2, "hub-log-silent")):
        (found,) = hub.watch(at=timedelta(hours=hours))  # since it was added
        assert found.code == code
    hub.web.gone.clear()
    hub.watch()
    hub.web.gone.add(URL)
    (found,) = hub.watch(at=timedelta(hours=1))
    assert (found.code, found.health) == ("hub-log-quiet", Health.WARNED)
    assert found.facts["since"] == NOW.isoformat()
    (found,) = hub.watch(at=timedelta(hours=25))
    assert (found.code, found.health, found.is_open) == ("hub-log-silent", Health.FAILED, True)
    hub.web.gone.clear()
    assert hub.faults(at=timedelta(hours=26)) == []


def other(size: int, common: int = 0) -> Stranger:
    """Another version of the log, from some entry on."""
    log = Stranger(lambda index: b"%s %d" % (b"entry" if index < common else b"other", index))
    log.grow(size)
    return log


def proves_fork(evidence: tuple[bytes, bytes]) -> bool:
    """As a stranger sees it, by the key alone."""
    one = Checkpoint.parse(evidence[0])
    assert KEY in one.signers([KEY])
    if not evidence[1].startswith(b"old "):
        two = Checkpoint.parse(evidence[1])
        return KEY in two.signers([KEY]) and one.size == two.size and one.root != two.root
    request = AddCheckpoint.parse(evidence[1])
    assert KEY in request.checkpoint.signers([KEY])
    assert request.old == one.size
    with raises(Problem):
        merkle.verify_consistency(
            one.size, one.root, request.checkpoint.size, request.checkpoint.root, request.proof
        )
    # Some other root leads to it: the proof itself is whole.
    log = other(request.checkpoint.size, 2)
    root = merkle.root(0, one.size, TileReader(log.files.get).tree(request.checkpoint.size))
    merkle.verify_consistency(one.size, root, request.checkpoint.size, request.checkpoint.root, request.proof)
    return root != one.root


@pytest.mark.parametrize("size", [300, 301, 700])
def test_a_fork_that_the_log_shows_is_kept_with_its_proof(hub: Hub, size: int) -> None:
    """Of the same size the notes show it; of another, a proof that the tree begins otherwise."""
    hub.log.grow(300)
    hub.watch()
    before = hub.served(CHECKPOINT)
    hub.web.hosts[URL] = other(size, 2).files
    assert OTHER_ROOT.code in hub.faults()
    assert hub.served(CHECKPOINT) == before
    (fork,) = hub.state.forks()
    assert proves_fork(fork.notes)
    hub.web.hosts[URL] = hub.log.files
    # It shows fewer entries than it signed for, until it has grown.
    assert hub.faults() == ([LOG_WENT_BACK.code] if size > 300 else [])
    assert hub.state.forks() == [fork]


def test_a_fork_that_another_hub_shows_is_found_whether_or_not_the_log_is_mirrored(tmp_path: Path) -> None:
    for is_mirrored in (True, False):
        folder = tmp_path / f"hub{is_mirrored}"
        hub = Hub(folder, make_hub(folder, "hub.example/witness", lambda: None))
        if not is_mirrored:
            (folder / "mirror" / HASH).rmdir()
        hub.log.grow(300)
        hub.web.hosts[PEER] = {f"witness/{HASH}/checkpoint": other(200, 2).files[CHECKPOINT]}
        assert hub.faults(PEER) == [OTHER_ROOT.code]
        assert len(hub.state.forks()) == 1


def test_a_log_that_goes_back_is_named(hub: Hub) -> None:
    hub.log.grow(300)
    hub.watch()
    hub.web.hosts[URL] = (older := Stranger()).files
    older.grow(299)
    assert hub.faults() == [LOG_WENT_BACK.code]
    assert hub.state.forks() == []


def test_a_log_that_shows_others_more_is_named(hub: Hub) -> None:
    hub.log.grow(3)
    (ahead := Stranger()).grow(5)
    hub.web.hosts[PEER] = {f"mirror/{HASH}/checkpoint": ahead.files[CHECKPOINT]}
    assert hub.faults(PEER) == [LOG_WENT_BACK.code]


def test_what_others_show_counts_by_the_logs_signature_alone(hub: Hub) -> None:
    hub.log.grow(3)
    stranger = PrivateKey.generate()
    hub.web.hosts[PEER] = {f"witness/{HASH}/checkpoint": Stranger.note(3, b"\1" * 32, signer=stranger)}
    (found,) = [item for item in hub.watch(PEER) if item.health is not Health.PASSED]
    assert found.code == "hub-peer-fails"
    hub.web.gone.add(PEER)
    assert {*hub.faults(PEER)} == {"hub-peer-fails"}
    with raises(LOG_NOT_WITNESSED):
        hub.state.compare(Checkpoint.parse(Stranger.note(3, b"\1" * 32, origin="another.example")))
    assert hub.state.forks() == []


def test_a_peer_that_is_away_is_asked_once_in_a_round(hub: Hub) -> None:
    other_key = VerifierKey("other.example/log", SignatureType.ED25519, PrivateKey.generate().public_key)
    hub.state.add(other_key, "https://other.example/log")
    hub.log.grow(3)
    hub.web.hosts[PEER] = {}
    hub.web.gone.add(PEER)
    assert hub.faults(PEER).count("hub-peer-fails") == 1


def test_a_date_ahead_is_named(hub: Hub) -> None:
    note = hub.log.grow(3)
    clock = VerifierKey(f"{KEY.name}/clock", SignatureType.COSIGNATURE, SIGNER.public_key)
    second = MlDsaSigner(bytes(32))
    other = VerifierKey("w.example/w", SignatureType.ML_DSA_44, second.public_key)
    text = Checkpoint.parse(note).text
    for ahead, codes in ((timedelta(minutes=4), []), (timedelta(hours=1), ["hub-dated-ahead"])):
        for key, signer in ((clock, SIGNER), (other, second)):
            hub.log.files[CHECKPOINT] = note + key.sign(signer, text, NOW + ahead)
            assert hub.faults() == codes
    rubbish = clock.sign(SIGNER, text, NOW)
    hub.log.files[CHECKPOINT] = note + rubbish.replace(rubbish.split(b" ")[-1][8:24], b"/" * 16)
    assert hub.faults() == ["hub-dated-ahead"]


def test_a_tile_that_changed_is_named(hub: Hub) -> None:
    hub.log.grow(256)
    hub.watch()
    for path in ("tile/entries/000", "tile/0/000"):
        right = hub.log.files[path]
        hub.log.files[path] = right[:-1] + b"?"
        assert {*hub.faults()} == {LOG_TILE_CHANGED.code}
        hub.log.files[path] = right
    assert hub.served("tile/0/000") == hub.log.files["tile/0/000"]


def test_entries_that_are_not_those_that_were_signed_are_named(hub: Hub) -> None:
    note = hub.log.grow(300)
    hub.web.hosts[URL] = {**other(300).files, CHECKPOINT: note}
    assert hub.faults() == [LOG_NOT_PROVED.code]
    assert hub.served(CHECKPOINT) is None
    assert hub.state.forks() == []


def test_a_host_that_was_taken_over_cannot_spoil_the_note_in_the_mirror(hub: Hub) -> None:
    note = hub.log.grow(3)
    clock = VerifierKey(f"{KEY.name}/clock", SignatureType.COSIGNATURE, SIGNER.public_key)
    line = clock.sign(SIGNER, Checkpoint.parse(note).text, NOW)
    hub.log.files[CHECKPOINT] = note + line
    hub.watch()
    false = clock.sign(PrivateKey.generate(), Checkpoint.parse(note).text, NOW)
    for spoilt in (note, note + false, note + line + false, note + false + line):
        hub.log.files[CHECKPOINT] = spoilt
        hub.watch()
        assert hub.served(CHECKPOINT) == note + line
    witness = VerifierKey("w.example/w", SignatureType.COSIGNATURE, SIGNER.public_key)
    more = note + line + witness.sign(SIGNER, Checkpoint.parse(note).text, NOW)
    hub.log.files[CHECKPOINT] = more
    hub.watch()
    assert hub.served(CHECKPOINT) == more


def sent(log: Stranger, old: int) -> bytes:
    checkpoint = Checkpoint.parse(log.files[CHECKPOINT])
    tree = TileReader(log.files.get).tree(checkpoint.size)
    return AddCheckpoint(old, merkle.consistency_proof(old, checkpoint.size, tree), checkpoint).write()


def test_what_is_sent_is_pulled_next_and_nothing_is_signed(hub: Hub) -> None:
    old = hub.log.grow(300)
    first = sent(hub.log, 0)
    hub.mirrors.add_checkpoint(first)
    assert hub.served(CHECKPOINT) is None
    new = hub.log.grow(400)
    with raises(WITNESS_AT_OTHER_SIZE):
        hub.mirrors.add_checkpoint(sent(hub.log, 0))
    with raises(NOT_CONTINUED):
        hub.mirrors.add_checkpoint(sent(other(400, 2), 300))
    with raises(NOT_SIGNED_BY_LOG):
        hub.mirrors.add_checkpoint(first.replace(b"\n300\n", b"\n301\n"))
    with raises(LOG_NOT_MIRRORED):
        hub.mirrors.add_checkpoint(first.replace(KEY.name.encode(), b"another.example"))
    hub.mirrors.add_checkpoint(sent(hub.log, 300) + b"\xe2\x80\x94 rubbish AAAAAAAA\n")
    hub.log.files[CHECKPOINT] = old  # the log shows it late, or its host is behind
    assert hub.faults() == []
    assert hub.served(CHECKPOINT) == new
    fork = other(500, 2)
    with raises(NOT_CONTINUED):
        hub.mirrors.add_checkpoint(sent(fork, 400))


def test_what_is_sent_continues_what_was_pulled(hub: Hub) -> None:
    """Another version that the log signed is pending at no time, although nothing was sent before."""
    hub.log.grow(300)
    hub.watch()
    for fork, kinds in ((other(400, 2), NOT_CONTINUED), (other(300, 2), OTHER_ROOT)):
        with raises(kinds):
            hub.mirrors.add_checkpoint(sent(fork, 300))
    hub.log.grow(301)
    hub.mirrors.add_checkpoint(sent(hub.log, 300))


@pytest.mark.parametrize("size", [1 << 63, 9_999_999_999_999_999_999])
def test_a_log_that_signs_a_size_beyond_all_numbers_stops_no_round(hub: Hub, size: int) -> None:
    hub.log.grow(3)
    note = hub.log.files[CHECKPOINT]
    hub.log.files[CHECKPOINT] = Stranger.note(size, bytes(32))
    hub.web.hosts[PEER] = {f"seen/{HASH}": hub.log.files[CHECKPOINT]}
    assert hub.faults(PEER) == ["hub-peer-fails", InvalidEvidence.code]
    hub.log.files[CHECKPOINT] = note
    assert hub.faults() == ["hub-peer-fails"]


def test_the_service_shows_mirrors_and_a_round_is_made_by_the_clock(tmp_path: Path) -> None:
    """Over HTTP: another program finds the log below `/mirror`."""
    log = Stranger()
    log.grow(300)

    def answer(path: str) -> bytes:
        data = log.files.get(path.removeprefix("/log/"))
        return response(404) if data is None else response(200, data)

    site = Site(answer)
    folder = tmp_path / "hub"
    state = make_hub(folder, "hub.example/witness", lambda: None)
    with site.running():
        state.add(KEY, f"http://localhost:{site.port}/log")
        mirrors = open_mirrors(folder, state)
        mirrors.add(KEY.name)
        monitor = Monitor(folder, state, mirrors, HttpsFetcher(allow_loopback=True))
        with watching(monitor, Clock()):
            waited = threading.Event()
            assert any(mirrors.sizes() == {HASH: 300} or waited.wait(0.01) for _ in range(2000))
    app = create_app(open_witness(folder, lambda: None, Clock()), mirrors=mirrors)
    with listening() as listener, serving(app, listener):
        base = f"http://localhost:{listener.getsockname()[1]}"
        with httpx.Client(base_url=f"{base}/mirror", trust_env=False) as client:
            for path, data in log.files.items():
                assert client.get(f"{HASH}/{path}").content == data
            assert client.get(f"{'0' * 64}/checkpoint").status_code == 404
            assert client.get(f"{HASH}/%2e%2e/pending").status_code == 404
            log.grow(301)
            for old, status, text in ((0, 409, "300\n"), (300, 200, ""), (0, 409, "301\n")):
                answered = client.post("add-checkpoint", content=sent(log, old))
                assert (answered.status_code, answered.text) == (status, text)
            stranger = sent(log, 301).replace(KEY.name.encode(), b"another.example")
            assert client.post("add-checkpoint", content=stranger).status_code == 404


@pytest.mark.quick("tile/entries/000")
@pytest.mark.parametrize("path", ["checkpoint", "tile/entries/000"])
def test_a_bomb_is_not_unpacked(tmp_path: Path, path: str) -> None:
    log = Stranger()
    log.grow(256)

    def answer(asked: str) -> bytes:
        name = asked.removeprefix("/log/")
        if name == path:
            return response(200, gzip.compress(bytes(1 << 24)), content_encoding="gzip")
        data = log.files.get(name)
        return response(404) if data is None else response(200, data)

    site = Site(answer)
    state = make_hub(tmp_path / "hub", "hub.example/witness", lambda: None)
    with site.running():
        state.add(KEY, f"http://localhost:{site.port}/log")
        mirrors = open_mirrors(tmp_path / "hub", state)
        mirrors.add(KEY.name)
        found = [*Monitor(tmp_path / "hub", state, mirrors, HttpsFetcher(allow_loopback=True)).watch(NOW)]
    assert [item.code for item in found] == ["hub-log-quiet" if path == "checkpoint" else "refused"]
    assert mirrors.sizes() == {HASH: 0}
