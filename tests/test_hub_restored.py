"""A hub that comes back from an older copy of its folder asks others before it signs anything.

The hubs are servers on loopback, and so is the log, whose tiles they read.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Event

import pytest

from hub import make_hub, open_state, open_witness
from hub.http import create_app
from hub.peers import Peers
from hub.rounds import Rounds
from intaglio.connections import LIMITS
from keys import PrivateKey
from ledger import Checkpoint
from ledger.add_checkpoint import AddCheckpoint
from ledger.note import SignatureType, VerifierKey
from ledger.problem import (
    NOT_CONTINUED,
    OTHER_ROOT,
    WITNESS_AT_OTHER_SIZE,
    WITNESS_NOT_SURE,
    InvalidEvidence,
)
from ledger.tiles.edge import Edge
from ledger.tiles.store import Batch
from ledger.witness import Peer, Witness, WitnessState, origin_hash, own_line
from tests.commandline import Program
from tests.ledger_samples import NOW, ORIGIN
from tests.loopback import Site, response
from tests.problems import raises
from tests.serving import listening, serving
from tests.witnessing import LOG_KEY, URL, WITNESS, WITNESS_KEY, Branch, Clock, new_witness
from wire.fetch import HttpsFetcher, NoFetcher
from wire.problem import Conflict, Damaged, Malformed, NotFound, Problem

FETCHER = HttpsFetcher(allow_loopback=True, timeout=5)
HONEST, FORK = Branch("honest", 3), Branch("fork", 3)  # of one beginning
HASH = origin_hash(ORIGIN)
PEER = PrivateKey.from_secret("Ed25519", b"\x51" * 32)
PEER_KEY = VerifierKey("peer.example/witness", SignatureType.COSIGNATURE, PEER.public_key)
STRANGER = VerifierKey("s.example", SignatureType.COSIGNATURE, PrivateKey.generate().public_key)


class ShownLog:
    """What a log shows at its address: the tiles of a branch, and a checkpoint with any lines."""

    def __init__(self, branch: Branch, size: int, lines: bytes = b"") -> None:
        self.branch, self.size, self.lines = branch, size, lines
        self.is_up = True

    def __call__(self, path: str) -> bytes:
        if not self.is_up:
            return response(503)
        if path == "/checkpoint":
            return response(200, self.branch.note(self.size) + self.lines)
        _, tiles = Edge.load(lambda _: {}, 0).extend(Batch(0, b"key", self.branch.entries(self.size)))
        found = tiles.get(path.removeprefix("/"))
        return response(404) if found is None else response(200, found)


@contextmanager
def peer_hub(folder: Path, log_url: str) -> Iterator[tuple[Witness, str]]:
    """Another hub that watches the log, at its address."""
    folder.mkdir()
    state = WitnessState.create(folder / "witness.sqlite", PEER_KEY)
    state.add(LOG_KEY, log_url)
    witness = Witness(state, PEER, Clock())
    with listening() as listener, serving(create_app(witness), listener, limits=LIMITS):
        yield witness, f"http://localhost:{listener.getsockname()[1]}"


class World:
    """A log, a hub that is to be restored, and a peer of it."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.shown = ShownLog(HONEST, 3)
        self.site: Site = stack.enter_context(Site(self.shown).running())
        self.log_url = f"http://localhost:{self.site.port}"
        self.peer, self.peer_url = stack.enter_context(peer_hub(folder / "peer", self.log_url))
        self.folder = folder / "own"
        self.folder.mkdir()
        own = new_witness(self.folder)
        own.state.add(LOG_KEY, self.log_url)
        own.state.add_peer(Peer(PEER_KEY, self.peer_url))

    def start(self) -> tuple[Witness, Rounds]:
        """The hub after a start."""
        state = WitnessState(self.folder / "witness.sqlite", WITNESS.public_key)
        rounds = Rounds(state, FETCHER)
        return Witness(state, WITNESS, Clock(), rounds.is_sure), rounds

    def read_at_peer(self) -> None:
        """Have the peer read the log, as its monitor does in each round."""
        (log,) = self.peer.state.logs()
        Peers(self.peer.state, FETCHER).read(log)

    def restore(self, from_: Path) -> None:
        shutil.rmtree(self.folder)
        shutil.copytree(from_, self.folder)

    def copy(self) -> Path:
        copied = self.folder.with_name("yesterday")
        shutil.copytree(self.folder, copied)
        return copied


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with ExitStack() as stack:
        yield World(tmp_path, stack)


def problems(rounds: Rounds) -> list[Problem]:
    return [problem for visited in rounds.go() for problem in visited.problems]


def size(witness: Witness) -> int:
    (log,) = witness.state.logs()
    return log.size


def test_nothing_is_signed_before_a_peer_has_answered(world: World) -> None:
    witness, rounds = world.start()
    for _ in range(2):  # nor is what was asked for held against anybody
        with raises(WITNESS_NOT_SURE):
            witness.add_checkpoint(HONEST.request(0, 3))
    assert problems(rounds) == []
    with raises(WITNESS_AT_OTHER_SIZE):  # the log shows 3 already, and nothing before that is signed
        witness.add_checkpoint(HONEST.request(0, 2))
    assert witness.add_checkpoint(HONEST.request(3, 3))
    (log,) = witness.state.logs()
    assert (log.unsure, log.size) == (None, 3)


def test_the_log_alone_is_no_peer(world: World) -> None:
    witness, rounds = world.start()
    witness.state.remove_peer(PEER_KEY.name)
    witness.state.add_peer(Peer(PEER_KEY, f"{world.log_url}/nobody"))
    (problem,) = problems(rounds)
    assert problem.code == WITNESS_NOT_SURE.code
    with raises(WITNESS_NOT_SURE):
        witness.add_checkpoint(HONEST.request(0, 3))
    assert witness.state.logs()[0].unsure == "witness-not-sure"
    assert witness.state.seen(HASH) == HONEST.note(3), "it was read all the same"
    witness.state.add_peer(Peer(PEER_KEY, world.peer_url))
    assert problems(rounds) == []
    assert witness.add_checkpoint(HONEST.request(3, 3))


def test_a_peer_that_does_not_watch_the_log_says_nothing(world: World) -> None:
    world.peer.state.remove(ORIGIN)
    _, rounds = world.start()
    assert [problem.code for problem in problems(rounds)] == [WITNESS_NOT_SURE.code]


class TestRestored:
    """It signed 3, was copied, signed 5 of the honest version, and came back as the copy."""

    @pytest.fixture
    def yesterday(self, world: World) -> Path:
        witness, rounds = world.start()
        assert problems(rounds) == []
        witness.add_checkpoint(HONEST.request(3, 3))
        copied = world.copy()
        line = witness.add_checkpoint(HONEST.request(3, 5))
        world.shown.size, world.shown.lines = 5, line
        return copied

    def test_it_goes_on_from_its_own_line_that_a_peer_has_read(self, world: World, yesterday: Path) -> None:
        world.read_at_peer()
        world.restore(yesterday)
        world.shown.branch, world.shown.lines = FORK, b""  # the log shows its other version now
        witness, rounds = world.start()
        assert problems(rounds) == []
        assert size(witness) == 5
        with raises(WITNESS_AT_OTHER_SIZE):
            witness.add_checkpoint(FORK.request(3, 6))
        with raises(NOT_CONTINUED):
            witness.add_checkpoint(b"old 5\n\n" + FORK.note(6))
        assert witness.add_checkpoint(HONEST.request(5, 6))
        assert witness.state.forks(), "both versions of 5 were seen"

    def test_that_line_is_shown_again_to_monitors(self, world: World, yesterday: Path) -> None:
        world.read_at_peer()
        world.restore(yesterday)
        witness, rounds = world.start()
        problems(rounds)
        shown = Checkpoint.parse(witness.state.checkpoint(HASH))
        assert (shown.size, own_line(WITNESS_KEY, shown) is not None) == (5, True)

    def test_a_line_that_is_hidden_behind_rubbish_is_found(self, world: World, yesterday: Path) -> None:
        rubbish = WITNESS_KEY.sign(WITNESS, b"another text\n", NOW)
        world.shown.lines = rubbish + world.shown.lines
        world.read_at_peer()
        world.restore(yesterday)
        witness, rounds = world.start()
        problems(rounds)
        assert size(witness) == 5

    def test_without_it_the_largest_tree_that_follows_is_where_it_goes_on(
        self, world: World, yesterday: Path
    ) -> None:
        """The other witness signed it; nobody has kept this one's line."""
        world.shown.lines = b""
        world.peer.add_checkpoint(HONEST.request(0, 5))
        world.restore(yesterday)
        witness, rounds = world.start()
        assert problems(rounds) == []
        with raises(WITNESS_AT_OTHER_SIZE):
            witness.add_checkpoint(FORK.request(3, 6))
        assert witness.add_checkpoint(HONEST.request(5, 6))

    def test_a_log_that_hides_the_proof_gets_nothing_signed(self, world: World, yesterday: Path) -> None:
        """Its tiles give the other version, by which the copy would sign a second history."""
        world.shown.lines = b""
        world.read_at_peer()
        world.restore(yesterday)
        world.shown.branch = FORK
        witness, rounds = world.start()
        assert [problem.code for problem in problems(rounds)] == [NOT_CONTINUED.code]
        for request in (FORK.request(3, 6), HONEST.request(3, 6)):
            with raises(WITNESS_NOT_SURE):
                witness.add_checkpoint(request)
        assert witness.state.logs()[0].unsure == "not-continued"
        world.shown.is_up = False
        assert NOT_CONTINUED.code in [problem.code for problem in problems(rounds)]
        world.shown.is_up, world.shown.branch = True, HONEST
        assert problems(rounds) == []
        assert witness.add_checkpoint(HONEST.request(5, 6))

    def test_alone_it_would_sign_the_other_version(self, world: World, yesterday: Path) -> None:
        """The planted fault, which the tests above notice: with it, both versions of 5 have its line."""
        world.restore(yesterday)
        state = WitnessState(world.folder / "witness.sqlite", WITNESS.public_key)
        witness = Witness(state, WITNESS, Clock(), Rounds(state, FETCHER, alone=True).is_sure)
        assert witness.add_checkpoint(FORK.request(3, 5))


def test_answers_of_another_log_count_for_nothing(world: World) -> None:
    other = Branch("another", 2)
    answers = {
        f"/seen/{HASH}": other.note(4, origin="other.example/log"),
        f"/witness/{HASH}/checkpoint": b"",
    }

    def answer(path: str) -> bytes:
        return response(200, answers[path]) if path in answers else response(404)

    with Site(answer).running() as liar:
        witness, rounds = world.start()
        witness.state.add_peer(Peer(PEER_KEY, f"http://localhost:{liar.port}"))
        assert [problem.code for problem in problems(rounds)] == [WITNESS_NOT_SURE.code]
        answers[f"/seen/{HASH}"] = HONEST.note(4).replace(b"\n4\n", b"\n5\n")
        assert [problem.code for problem in problems(rounds)] == [WITNESS_NOT_SURE.code]
        answers[f"/seen/{HASH}"] = b""
        assert problems(rounds) == [], "an empty answer says that nothing was read yet"


# The state


def test_the_newest_checkpoint_that_was_read_is_kept_with_all_lines(tmp_path: Path) -> None:
    state = new_witness(tmp_path).state
    assert state.seen(HASH) == b""
    with raises(NotFound):
        state.seen("0" * 64)
    line, other = WITNESS_KEY.sign(WITNESS, b"x\n", NOW), PEER_KEY.sign(PEER, b"x\n", NOW)
    for note, kept in (
        (HONEST.note(3) + line, HONEST.note(3) + line),
        (HONEST.note(3), HONEST.note(3) + line),
        (HONEST.note(3) + other, HONEST.note(3) + line + other),
        (HONEST.note(2), HONEST.note(3) + line + other),
        (HONEST.note(3) + other * 1500, HONEST.note(3) + line + other),
        (HONEST.note(4), HONEST.note(4)),
        (FORK.note(4), HONEST.note(4)),
    ):
        if len(note) < 1 << 17:
            state.keep_seen(Checkpoint.parse(note))
        assert state.seen(HASH) == kept
    (fork,) = state.forks()
    assert fork.size == 4
    with raises(Problem):
        state.keep_seen(Checkpoint.parse(HONEST.note(3).replace(b"\n3\n", b"\n5\n")))
    with raises(NotFound):
        state.keep_seen(Checkpoint.parse(HONEST.note(3, origin="other.example/log")))


def test_lines_for_which_there_is_no_room_are_left_out(tmp_path: Path) -> None:
    state = new_witness(tmp_path).state
    signatures = (PEER_KEY.sign(PEER, b"%d\n" % number, NOW) for number in range(700))
    state.keep_seen(Checkpoint.parse(HONEST.note(3) + b"".join(signatures)))
    before = state.seen(HASH)
    others = (PEER_KEY.sign(PEER, b"%d\n" % number, NOW) for number in range(700, 1400))
    state.keep_seen(Checkpoint.parse(HONEST.note(3) + b"".join(others)))
    assert state.seen(HASH) == before


def test_a_state_that_contradicts_its_own_line_does_not_go_on(tmp_path: Path) -> None:
    witness = new_witness(tmp_path)
    witness.add_checkpoint(HONEST.request(0, 4))
    text = Checkpoint.parse(FORK.note(4)).text
    with raises(OTHER_ROOT):
        witness.state.resume(Checkpoint.parse(FORK.note(4) + WITNESS_KEY.sign(WITNESS, text, NOW)), ())
    assert len(witness.state.forks()) == 1, "which is kept all the same"
    own = Checkpoint.parse(witness.state.checkpoint(HASH))
    for known in (own, Checkpoint.parse(HONEST.note(4)), Checkpoint.parse(HONEST.note(2))):
        witness.state.resume(known, ())
    assert witness.state.logs()[0].size == 4
    with raises(NOT_CONTINUED):
        witness.state.resume(Checkpoint.parse(HONEST.note(5)), ())


def test_peers(tmp_path: Path) -> None:
    state = new_witness(tmp_path).state
    state.add_peer(Peer(PEER_KEY, "https://old.example"))
    state.add_peer(Peer(PEER_KEY, "https://peer.example"))
    assert state.peers() == [Peer(PEER_KEY, "https://peer.example")]
    with raises(Malformed):
        state.add_peer(Peer(LOG_KEY, URL))
    with raises(Conflict):
        state.add_peer(Peer(WITNESS_KEY, URL))
    state.remove_peer(PEER_KEY.name)
    with raises(NotFound):
        state.remove_peer(PEER_KEY.name)
    state.set_alone(True)
    assert state.is_alone


def test_a_round_reads_nothing_of_which_the_hub_is_sure(world: World) -> None:
    """The monitor reads the log in each round, and would be the second to say that it is silent."""
    _, rounds = world.start()
    world.shown.is_up = False
    assert problems(rounds) == []  # the peer has answered
    asked = len(world.site.requests)
    assert asked > 0
    assert problems(rounds) == []
    assert len(world.site.requests) == asked


def test_rounds_go_on_after_a_problem_and_end_when_told(tmp_path: Path) -> None:
    state = new_witness(tmp_path).state
    stopped = Event()

    class Once(Rounds):
        rounds = 0

        def go(self) -> Iterator[object]:  # type: ignore[override]
            self.rounds += 1
            if self.rounds == 1:
                raise Damaged("the disk is gone")
            stopped.set()
            return super().go()

    rounds = Once(state, NoFetcher())
    rounds.repeat(stopped, 0)
    assert rounds.rounds == 2


# The folder, and the commands


def test_a_hub_whose_making_was_killed_is_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "hub"

    class Killed(BaseException):
        pass

    def die(*_: object, **__: object) -> None:
        raise Killed

    for place in ("hub.home.WitnessState.create", "pathlib.Path.replace"):
        with monkeypatch.context() as patch:
            patch.setattr(place, die)
            with pytest.raises(Killed):
                make_hub(folder, "hub.example", lambda: None)
        with raises(NotFound):
            open_state(folder)
    state = make_hub(folder, "hub.example", lambda: None)
    assert open_witness(folder, lambda: None, Clock()).state.key == state.key
    assert not [path for path in folder.iterdir() if ".new" in path.name]


def test_a_hub_with_a_new_key_is_another_witness(tmp_path: Path) -> None:
    folder = tmp_path / "hub"
    former = make_hub(folder, "hub.example", lambda: None)
    former.add(LOG_KEY, URL)
    open_witness(folder, lambda: None, Clock()).add_checkpoint(HONEST.request(0, 3))
    (folder / "witness.sqlite").unlink()
    with raises(Damaged):
        open_state(folder)
    lost = make_hub(folder, "hub.example", lambda: None, new_key=True)
    assert (lost.key != former.key, lost.logs()) == (True, [])
    lost.add(LOG_KEY, URL)
    open_witness(folder, lambda: None, Clock()).add_checkpoint(HONEST.request(0, 3))
    again = make_hub(folder, "hub.example/2", lambda: None, new_key=True)
    witness = open_witness(folder, lambda: None, Clock())
    (log,) = again.logs()
    assert (log.size, log.time) == (3, None)
    with raises(NotFound):
        again.checkpoint(HASH)
    assert witness.add_checkpoint(HONEST.request(3, 5))


@pytest.fixture
def hub(program: Program) -> Program:
    program.now = lambda: NOW
    assert program("hub", "init", "hub.example/witness").code == 0
    assert program("hub", "add", LOG_KEY, URL).code == 0
    return program


def test_the_commands(hub: Program, world: World) -> None:
    refused = hub("hub", "serve")
    assert (refused.code, "knows no other one" in refused.err, "--alone" in refused.err) == (1, True, True)
    added = hub("hub", "add", PEER_KEY, f"{world.peer_url}/witness/")
    assert added.out.startswith("peer.example/witness is asked at each start\nfingerprint: ")
    hub("hub", "add", LOG_KEY, world.log_url)
    shown = json.loads(hub("hub", "status", "--json").out)
    assert shown["peers"] == [{"name": PEER_KEY.name, "key": str(PEER_KEY), "url": world.peer_url}]
    assert shown["alone"] is False
    done = hub("--loopback", "hub", "run")
    assert (done.code, done.out) == (0, f"{ORIGIN}: as it should be\n"), done.err
    world.peer.state.remove(ORIGIN)
    done = hub("--loopback", "hub", "run", "--json")
    assert done.code == 7
    (log,) = json.loads(done.out)["logs"]
    assert [problem["code"] for problem in log["problems"]] == ["witness-not-sure"]
    status = hub("hub", "status").out
    assert "signs nothing: witness-not-sure" in status
    assert f"peer         peer.example/witness: {world.peer_url}" in status
    open_state(hub.home / "hub").set_alone(True)
    assert "alone        it signs without asking a peer" in hub("hub", "status").out
    assert hub("hub", "remove", PEER_KEY.name).out == "peer.example/witness is asked no longer\n"
    assert hub("hub", "init", "hub.example/2", "--new-key").code == 0
    assert json.loads(hub("hub", "status", "--json").out)["name"] == "hub.example/2"
    assert hub("hub", "init", "hub.example/2").code == 1


def test_a_request_before_peers_were_asked_is_answered_with_503(world: World) -> None:
    import httpx

    witness, _ = world.start()
    with listening() as listener, serving(create_app(witness), listener, limits=LIMITS):
        address = f"http://localhost:{listener.getsockname()[1]}"
        answer = httpx.post(
            f"{address}/witness/add-checkpoint", content=HONEST.request(0, 3), trust_env=False
        )
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "60")
        shown = httpx.get(f"{address}/seen/{HASH}", trust_env=False)
        assert (shown.status_code, shown.content) == (200, b"")
        assert httpx.get(f"{address}/seen/{'0' * 64}", trust_env=False).status_code == 404


def test_an_own_line_is_one_that_verifies() -> None:
    note = HONEST.note(3)
    text = Checkpoint.parse(note).text
    rubbish, line = (WITNESS_KEY.sign(WITNESS, signed, NOW) for signed in (b"x\n", text))
    found = own_line(WITNESS_KEY, Checkpoint.parse(note + rubbish + line))
    assert found == (line, NOW)
    assert own_line(WITNESS_KEY, Checkpoint.parse(note + rubbish)) is None
    assert own_line(STRANGER, Checkpoint.parse(note + line)) is None
    with pytest.raises(InvalidEvidence):
        Checkpoint.parse(note + rubbish).signers([WITNESS_KEY])
    assert AddCheckpoint.parse(HONEST.request(0, 3)).old == 0
