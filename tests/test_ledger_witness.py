"""The witness's rules, without a server: what it signs, what it refuses and by which code, what it keeps."""

from __future__ import annotations

import base64
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keys import PrivateKey
from ledger import Checkpoint, merkle
from ledger.add_checkpoint import AddCheckpoint
from ledger.note import Note, SignatureType, VerifierKey, checkpoint_text, fingerprint
from ledger.problem import (
    CLOCK_BEHIND,
    LOG_NOT_WITNESSED,
    NOT_CONTINUED,
    NOT_SIGNED_BY_LOG,
    OLD_WITNESS_STATE,
    OTHER_ROOT,
    WITNESS_AT_OTHER_SIZE,
    InvalidEvidence,
)
from ledger.witness import Cosign, Witness, WitnessState, origin_hash
from tests.ledger_samples import NOW, ORIGIN, SIGNER
from tests.problems import Kinds, raises
from tests.witnessing import (
    FORK,
    HONEST,
    LOG_KEY,
    URL,
    WITNESS,
    WITNESS_KEY,
    Branch,
    Clock,
    new_witness,
    stated,
)
from wire.problem import Conflict, Damaged, Malformed, NotFound, Problem, TooLarge
from wire.sqlite import OpenDatabase, copy

SECOND = timedelta(seconds=1)
HASH = base64.b64encode(bytes(32)).decode()


def the_log(witness: Witness) -> tuple[int, datetime | None, dict[str, int], int]:
    (log,) = witness.state.logs()
    return log.size, log.time, dict(log.refused), log.forks


def test_a_log_that_grows_is_cosigned(tmp_path: Path) -> None:
    clock = Clock()
    witness = new_witness(tmp_path, clock)
    for unknown in (origin_hash(ORIGIN), "0" * 64):
        with raises(NotFound):
            witness.state.checkpoint(unknown)
    for old, size in ((0, 0), (0, 1), (1, 3), (3, 3), (3, 8), (8, 13)):
        clock.now += SECOND
        line = witness.add_checkpoint(HONEST.request(old, size))
        assert stated(line, HONEST.note(size)) == clock.now
        assert the_log(witness) == (size, clock.now, {}, 0)
        assert witness.state.checkpoint(origin_hash(ORIGIN)) == HONEST.note(size) + line
    reopened = Witness(WitnessState(tmp_path / "witness.sqlite", WITNESS.public_key), WITNESS, clock)
    with raises(WITNESS_AT_OTHER_SIZE):
        reopened.add_checkpoint(HONEST.request(8, 13))
    assert reopened.add_checkpoint(HONEST.request(13, 13)) == line  # of the same second


def test_a_first_checkpoint_may_be_of_any_size(tmp_path: Path) -> None:
    witness = new_witness(tmp_path)
    witness.add_checkpoint(HONEST.request(0, 7))
    assert the_log(witness)[0] == 7


def test_extension_lines_are_signed_and_say_nothing_to_the_witness(tmp_path: Path) -> None:
    witness = new_witness(tmp_path)
    for lines in (("of the log's own",), ("others",), ()):
        line = witness.add_checkpoint(HONEST.request(the_log(witness)[0], 4, *lines))
        assert stated(line, HONEST.note(4, *lines)) == NOW
    assert the_log(witness)[3] == 0  # one root: no fork


def altered(old: bytes, new: bytes) -> Callable[[bytes], bytes]:
    def alter(body: bytes) -> bytes:
        assert body.count(old) == 1, body
        return body.replace(old, new)

    return alter


def _of_size(size: str) -> bytes:
    text = f"{ORIGIN}\n{size}\n{HASH}\n".encode()
    return b"old 3\n\n" + text + b"\n" + LOG_KEY.sign(SIGNER, text)


def _by(key: VerifierKey, signer: PrivateKey) -> bytes:
    text = Note.parse(HONEST.note(5)).text
    return b"\n\n".join([HONEST.request(3, 5).split(b"\n\n")[0], text[:-1], key.sign(signer, text)])


STRANGER = PrivateKey.generate()
WRONG: dict[str, tuple[Kinds, Callable[[], bytes]]] = {
    "nothing": (Malformed, lambda: b""),
    "no old size": (Malformed, lambda: HONEST.request(3, 5).partition(b"\n")[2]),
    "an old size with a zero in front": (Malformed, lambda: b"old 03" + HONEST.request(3, 5)[5:]),
    "an old size that is negative": (Malformed, lambda: b"old -3" + HONEST.request(3, 5)[5:]),
    "CRLF": (Malformed, lambda: HONEST.request(3, 5).replace(b"\n", b"\r\n")),
    "no checkpoint": (Malformed, lambda: b"old 3\n\n"),
    "a short hash": (Malformed, lambda: b"old 3\nAAAA\n\n" + HONEST.note(5)),
    "a hash that is no base64": (Malformed, lambda: b"old 3\n" + b"*" * 44 + b"\n\n" + HONEST.note(5)),
    "64 hashes": (Malformed, lambda: b"old 3\n" + f"{HASH}\n".encode() * 64 + b"\n" + HONEST.note(5)),
    "63 hashes": (NOT_CONTINUED, lambda: b"old 3\n" + f"{HASH}\n".encode() * 63 + b"\n" + HONEST.note(5)),
    "a note that is too long": (TooLarge, lambda: HONEST.request(3, 5) + b"\xe2" * (1 << 17)),
    "an old size above the new": (Malformed, lambda: HONEST.request(3, 2)),
    "an old size above the new, and not known": (Malformed, lambda: b"old 9\n\n" + HONEST.note(5)),
    "a size of 2^63": (Malformed, lambda: _of_size(str(1 << 63))),
    "a size of 2^64": (Malformed, lambda: _of_size(str(1 << 64))),
    "a size of 2^63 - 1": (NOT_CONTINUED, lambda: _of_size(str((1 << 63) - 1))),
    "another log": (LOG_NOT_WITNESSED, lambda: b"old 0\n\n" + HONEST.note(5, origin="ledger.example/lo")),
    "no line of the log": (NOT_SIGNED_BY_LOG, lambda: _by(WITNESS_KEY, WITNESS)),
    "another key of that name": (
        NOT_SIGNED_BY_LOG,
        lambda: _by(VerifierKey(ORIGIN, SignatureType.ED25519, STRANGER.public_key), STRANGER),
    ),
    "another's signature under the log's key": (NOT_SIGNED_BY_LOG, lambda: _by(LOG_KEY, STRANGER)),
    "a line by the known key that fails beside one that does not": (
        NOT_SIGNED_BY_LOG,
        lambda: HONEST.request(3, 5) + LOG_KEY.sign(STRANGER, b"other\n"),
    ),
    "another root, unsigned": (
        NOT_SIGNED_BY_LOG,
        lambda: altered(HONEST.note(5).split(b"\n")[2], HASH.encode())(HONEST.request(3, 5)),
    ),
    "an old size that is not known": (WITNESS_AT_OTHER_SIZE, lambda: HONEST.request(2, 5)),
    "an old size of zero": (WITNESS_AT_OTHER_SIZE, lambda: HONEST.request(0, 5)),
    "another root of that size": (OTHER_ROOT, lambda: FORK.request(3, 3)),
    "a proof where none is due": (NOT_CONTINUED, lambda: b"old 3\n%b\n\n" % HASH.encode() + HONEST.note(3)),
    "a rubbish proof": (NOT_CONTINUED, lambda: b"old 3\n%b\n\n" % HASH.encode() + HONEST.note(5)),
    "no proof": (NOT_CONTINUED, lambda: b"old 3\n\n" + HONEST.note(5)),
    "another history": (NOT_CONTINUED, lambda: FORK.request(3, 5)),
}


@pytest.mark.quick(every=4)
@pytest.mark.parametrize(("kinds", "body"), WRONG.values(), ids=WRONG)
def test_what_does_not_fit_is_refused_and_changes_nothing(
    kinds: Kinds, body: Callable[[], bytes], tmp_path: Path
) -> None:
    witness = new_witness(tmp_path)
    witness.add_checkpoint(HONEST.request(0, 3))
    before = witness.state.checkpoint(origin_hash(ORIGIN))
    with raises(kinds) as refused:
        witness.add_checkpoint(body())
    assert witness.state.checkpoint(origin_hash(ORIGIN)) == before
    if refused.value.code in (WITNESS_AT_OTHER_SIZE.code, OTHER_ROOT.code):
        assert refused.value.facts == {"size": 3}
    size, _, counted, _ = the_log(witness)
    assert size == 3
    # What names no log that is known is not counted: else anybody could fill the file.
    assert all(origin == ORIGIN for (origin,) in witness.state._database.read("SELECT origin FROM refused"))
    of_log = {"an old size above the new", "an old size above the new, and not known"}
    is_counted = not isinstance(refused.value, Malformed | NotFound) or body in [
        WRONG[name][1] for name in of_log
    ]
    assert counted == ({refused.value.code: 1} if is_counted or kinds is NOT_CONTINUED else {})
    witness.add_checkpoint(HONEST.request(3, 5))


def test_the_limits_are_those_of_the_largest_request() -> None:
    note = HONEST.note(3)
    filler = b"\xe2\x80\x94 x " + base64.b64encode(bytes((1 << 17) * 3 // 4 - len(note) * 3)) + b"\n"
    body = b"old 3\n" + f"{HASH}\n".encode() * 63 + b"\n" + note + filler
    assert len(AddCheckpoint.parse(body).proof) == 63
    assert AddCheckpoint.parse(HONEST.request(3, 5)).write() == HONEST.request(3, 5)


def test_a_fork_is_kept_with_both_notes(tmp_path: Path) -> None:
    """By what is asked of the size that was cosigned last; and a stranger sees it by the log's key alone."""
    witness = new_witness(tmp_path)
    witness.add_checkpoint(HONEST.request(0, 3))
    for _ in range(2):
        with raises(OTHER_ROOT):
            witness.add_checkpoint(FORK.request(3, 3))
    ((origin, key, size, notes),) = witness.state.forks()
    assert (origin, key, size, notes) == (ORIGIN, LOG_KEY, 3, (HONEST.note(3), FORK.note(3)))
    assert the_log(witness)[2:] == ({OTHER_ROOT.code: 2}, 1)
    one, other = map(Checkpoint.parse, notes)
    assert [*one.signers([key])] == [*other.signers([key])] == [key]
    assert (one.size, one.origin) == (other.size, other.origin)
    assert one.root != other.root
    witness.add_checkpoint(HONEST.request(3, 4))  # what continues the one that was cosigned still does
    assert witness.state.forks() == [(origin, key, size, notes)]


@pytest.mark.parametrize("order", [(HONEST, FORK), (FORK, HONEST)], ids=["honest first", "fork first"])
def test_a_fork_shows_by_what_was_refused_or_cosigned_earlier(
    order: tuple[Branch, ...], tmp_path: Path
) -> None:
    witness = new_witness(tmp_path)
    witness.add_checkpoint(HONEST.request(0, 3))
    for branch in order:
        with suppress(Problem):
            witness.add_checkpoint(branch.request(3, 5))
    witness.add_checkpoint(HONEST.request(5, 6))
    assert [fork.size for fork in witness.state.forks()] == [5]
    assert {*witness.state.forks()[0].notes} == {HONEST.note(5), FORK.note(5)}


def test_a_genuine_checkpoint_with_a_rubbish_proof_accuses_nobody(tmp_path: Path) -> None:
    witness = new_witness(tmp_path)
    witness.add_checkpoint(HONEST.request(0, 3))
    for _ in range(3):
        with raises(NOT_CONTINUED):
            witness.add_checkpoint(b"old 3\n\n" + HONEST.note(5))
    witness.add_checkpoint(HONEST.request(3, 5))
    assert witness.state.forks() == []


def test_of_a_note_the_log_s_own_line_is_kept_and_no_other(tmp_path: Path) -> None:
    """Whoever relays a note may add lines, of which nobody has signed that they are there."""
    witness = new_witness(tmp_path)
    other = VerifierKey("other.example", SignatureType.ED25519, STRANGER.public_key)
    line = witness.add_checkpoint(HONEST.request(0, 3) + other.sign(STRANGER, b"whatever\n") * 20)
    assert witness.state.checkpoint(origin_hash(ORIGIN)) == HONEST.note(3) + line


@pytest.mark.slow
def test_what_a_log_can_have_kept_is_bounded(tmp_path: Path) -> None:
    """Even one that signs a thousand histories: the newest notes, and the first forks."""
    witness = new_witness(tmp_path)
    witness.add_checkpoint(HONEST.request(0, 3))
    for size in range(4, 304):
        text = checkpoint_text(ORIGIN, size, bytes(32))
        body = b"old 3\n\n" + text + b"\n" + LOG_KEY.sign(SIGNER, text)
        with raises(NOT_CONTINUED):
            witness.add_checkpoint(body)
    read = witness.state._database.read
    assert read("SELECT count(*), min(size), max(size) FROM signed") == [(257, 3, 303)]
    for size in range(200, 230):
        with raises(NOT_CONTINUED):
            witness.add_checkpoint(b"old 3\n\n" + Branch("x").note(size))
    assert the_log(witness)[3] == 16
    with raises(OTHER_ROOT):  # what was cosigned last is held against what comes, however much came since
        witness.add_checkpoint(FORK.request(3, 3))
    assert read("SELECT count(*) FROM signed") == [(257,)]


def test_the_time_never_goes_back(tmp_path: Path) -> None:
    clock = Clock()
    witness = new_witness(tmp_path, clock)
    witness.add_checkpoint(HONEST.request(0, 3))
    clock.now = NOW - timedelta(minutes=5)
    assert stated(witness.add_checkpoint(HONEST.request(3, 3)), HONEST.note(3)) == NOW
    assert stated(witness.add_checkpoint(HONEST.request(3, 4)), HONEST.note(4)) == NOW
    clock.now -= SECOND
    with raises(CLOCK_BEHIND):
        witness.add_checkpoint(HONEST.request(4, 5))
    assert the_log(witness)[:2] == (4, NOW)


def test_a_fork_is_kept_whatever_the_clock_says(tmp_path: Path) -> None:
    clock = Clock()
    witness = new_witness(tmp_path, clock)
    witness.add_checkpoint(HONEST.request(0, 3))
    with raises(NOT_CONTINUED):
        witness.add_checkpoint(FORK.request(3, 5))
    clock.now -= timedelta(hours=1)
    with raises(CLOCK_BEHIND):
        witness.add_checkpoint(HONEST.request(3, 5))
    assert the_log(witness)[0] == 3
    assert [fork.size for fork in witness.state.forks()] == [5]


def test_a_clock_that_was_ahead_is_forgotten_once(tmp_path: Path) -> None:
    clock = Clock()
    witness = new_witness(tmp_path, clock)
    clock.now += timedelta(days=365)
    witness.add_checkpoint(HONEST.request(0, 3))
    before = witness.state.logs()
    clock.now = NOW
    with raises(CLOCK_BEHIND):
        witness.add_checkpoint(HONEST.request(3, 4))
    witness.state.accept_clock(before, NOW)
    assert stated(witness.add_checkpoint(HONEST.request(3, 4)), HONEST.note(4)) == NOW
    clock.now -= timedelta(hours=1)
    witness.state.accept_clock(before, clock.now)  # said of another time
    with raises(CLOCK_BEHIND):
        witness.add_checkpoint(HONEST.request(4, 5))


def test_logs_are_added_removed_and_added_again(tmp_path: Path) -> None:
    witness = new_witness(tmp_path)
    witness.add_checkpoint(HONEST.request(0, 3))
    state = witness.state
    state.add(LOG_KEY, f"{URL}/new")
    assert [(log.origin, log.url, log.size, log.hash) for log in state.logs()] == [
        (ORIGIN, f"{URL}/new", 3, origin_hash(ORIGIN))
    ]
    renewed = VerifierKey(ORIGIN, SignatureType.ED25519, STRANGER.public_key)
    with raises(Conflict):
        state.add(renewed, URL)
    with raises(Conflict):  # one key for two logs
        state.add(LOG_KEY, URL, "ledger.example/other")
    state.remove(ORIGIN)
    for gone in (lambda: state.remove(ORIGIN), lambda: witness.add_checkpoint(HONEST.request(3, 4))):
        with raises(LOG_NOT_WITNESSED):
            gone()
    assert state.logs()[0].key is None
    assert state.checkpoint(origin_hash(ORIGIN))  # what was cosigned was
    state.add(renewed, URL)
    text = checkpoint_text(ORIGIN, 3, bytes(32))
    with raises(OTHER_ROOT):  # a new key does not make a new log
        witness.add_checkpoint(b"old 3\n\n" + text + b"\n" + renewed.sign(STRANGER, text))
    assert state.forks() == []  # two keys signed: that of one shows nothing
    text = Note.parse(HONEST.note(4)).text
    body = HONEST.request(3, 4).partition(b"\n\n")[0]
    witness.add_checkpoint(body + b"\n\n" + text + b"\n" + renewed.sign(STRANGER, text))


def test_a_log_may_be_named_otherwise_than_its_key(tmp_path: Path) -> None:
    state = WitnessState.create(tmp_path / "witness.sqlite", WITNESS_KEY)
    state.add(LOG_KEY, URL, "another name")
    line = Witness(state, WITNESS, Clock()).add_checkpoint(
        b"old 0\n\n" + HONEST.note(3, origin="another name")
    )
    assert stated(line, HONEST.note(3, origin="another name")) == NOW
    state.add(VerifierKey("other", SignatureType.ED25519, STRANGER.public_key), URL, "x")
    for name in ("", "two\nlines", "x" * 256, "\u202e"):
        with raises(Malformed):
            state.add(LOG_KEY, URL, name)
    with raises(Malformed):
        state.add(WITNESS_KEY, URL)
    with raises(Conflict):
        state.add(VerifierKey("another", SignatureType.ED25519, WITNESS.public_key), URL)
    assert fingerprint(ORIGIN, LOG_KEY) != fingerprint("another name", LOG_KEY)
    assert [len(group) for group in fingerprint(ORIGIN, LOG_KEY).split(" ")] == [5] * 7


def test_a_key_without_its_state_signs_nothing(tmp_path: Path) -> None:
    path = tmp_path / "witness.sqlite"
    with raises(Damaged):
        WitnessState(path, WITNESS.public_key)
    assert not path.exists()
    state = WitnessState.create(path, WITNESS_KEY)
    assert state.key == WITNESS_KEY
    state.add(LOG_KEY, URL)
    Witness(state, WITNESS, Clock()).add_checkpoint(HONEST.request(0, 3))
    with raises(Conflict):
        WitnessState.create(path, WITNESS_KEY)
    with raises(Damaged):
        WitnessState(path, STRANGER.public_key)
    assert [log.size for log in WitnessState(path, WITNESS.public_key).logs()] == [3]


def test_an_older_copy_of_the_state_signs_nothing(tmp_path: Path) -> None:
    path, older, kept = tmp_path / "witness.sqlite", tmp_path / "older.sqlite", tmp_path / "kept"
    witness = new_witness(tmp_path)
    witness.add_checkpoint(HONEST.request(0, 3))
    copy(path, older, "the copy")
    assert WitnessState(older, WITNESS.public_key, kept=kept).logs() == witness.state.logs()
    with raises(NOT_CONTINUED):  # what proves a fork would be forgotten, too
        witness.add_checkpoint(FORK.request(3, 4))
    with raises(OLD_WITNESS_STATE):
        WitnessState(older, WITNESS.public_key, kept=kept)
    assert WitnessState(path, WITNESS.public_key, kept=kept).key == WITNESS_KEY
    kept.write_bytes(b"1")  # as a former program wrote it
    assert WitnessState(older, WITNESS.public_key, kept=kept).key == WITNESS_KEY
    kept.unlink()  # on another machine nothing knows better
    assert WitnessState(older, WITNESS.public_key, kept=kept).key == WITNESS_KEY


@pytest.mark.parametrize("content", [b"", b"x", b"\xff", b"1\n3\n", b"1\nthree log\n"])
def test_where_the_file_beside_the_folder_is_damaged_nothing_is_signed(
    tmp_path: Path, content: bytes
) -> None:
    new_witness(tmp_path)
    (tmp_path / "kept").write_bytes(content)
    with raises(Damaged):
        WitnessState(tmp_path / "witness.sqlite", WITNESS.public_key, kept=tmp_path / "kept")


def test_the_newest_sizes_lie_beside_the_folder(tmp_path: Path) -> None:
    """What was learned of others is no answer, and would be lost with the state all the same."""
    path, older, kept = tmp_path / "witness.sqlite", tmp_path / "older.sqlite", tmp_path / "kept"
    witness = new_witness(tmp_path)
    witness.add_checkpoint(HONEST.request(0, 3))
    assert kept.read_text() == f"1\n3 {ORIGIN}\n"
    copy(path, older, "the copy")
    witness.state.resume(Checkpoint.parse(HONEST.note(5)), HONEST.proof(3, 5))
    assert kept.read_text() == f"1\n5 {ORIGIN}\n"
    with raises(OLD_WITNESS_STATE) as caught:
        WitnessState(older, WITNESS.public_key, kept=kept)
    facts = caught.value.facts
    assert (facts["log"], facts["had"], facts["size"]) == (ORIGIN, 5, 3)
    another = PrivateKey.generate()
    key = VerifierKey(WITNESS_KEY.name, WITNESS_KEY.type, another.public_key)
    # Another key has signed nothing, and goes on from what the copy knows.
    state = WitnessState.create(older, key, kept=kept, is_new_key=True)
    assert [log.size for log in state.logs()] == [3]
    assert kept.read_text() == "1\n"


class Meeting(WitnessState):
    """In which two requests meet before either is compared."""

    barrier = threading.Barrier(2, timeout=10)

    def advance(self, requests: Iterable[AddCheckpoint], cosign: Cosign) -> list[bytes | Problem]:
        self.barrier.wait()
        return super().advance(requests, cosign)


class Careless(Meeting):
    """A planted fault: it compares first, and keeps later."""

    def _answer(self, connection: OpenDatabase, request: AddCheckpoint, cosign: Cosign) -> bytes | Problem:
        def late(checkpoint: Checkpoint, last: datetime | None) -> tuple[datetime, bytes]:
            connection.commit()
            self.barrier.wait()
            connection.execute("BEGIN IMMEDIATE")
            return cosign(checkpoint, last)

        return super()._answer(connection, request, late)


def at_once(folder: Path, make: type[Meeting], *bodies: bytes) -> list[bytes | Problem]:
    """Two requests, each to a process of its own as far as the file is concerned."""
    new_witness(folder)
    answers: list[bytes | Problem] = []

    def ask(body: bytes) -> None:
        state = make(folder / "witness.sqlite", WITNESS.public_key)
        try:
            answers.append(Witness(state, WITNESS, Clock()).add_checkpoint(body))
        except Problem as problem:
            answers.append(problem)

    threads = [threading.Thread(target=ask, args=(body,)) for body in bodies]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


@pytest.mark.parametrize("turn", range(5))
def test_of_two_histories_at_once_one_is_cosigned(turn: int, tmp_path: Path) -> None:
    answers = at_once(tmp_path, Meeting, HONEST.request(0, 5), FORK.request(0, 5))
    signed = [answer for answer in answers if isinstance(answer, bytes)]
    (refused,) = [answer for answer in answers if isinstance(answer, Problem)]
    assert (len(signed), refused.code) == (1, WITNESS_AT_OTHER_SIZE.code)
    state = WitnessState(tmp_path / "witness.sqlite", WITNESS.public_key)
    assert len(state.forks()) == 1
    assert state.checkpoint(origin_hash(ORIGIN)).endswith(signed[0])


def test_of_two_sizes_at_once_the_smaller_never_follows(tmp_path: Path) -> None:
    answers = at_once(tmp_path, Meeting, HONEST.request(0, 5), HONEST.request(0, 4))
    assert sum(isinstance(answer, bytes) for answer in answers) == 1


def test_what_is_asked_together_is_compared_one_by_one(tmp_path: Path) -> None:
    witness = new_witness(tmp_path)
    bodies = [HONEST.request(0, 3), FORK.request(0, 3), FORK.request(3, 3), HONEST.request(3, 4)]
    requests = [AddCheckpoint.parse(body) for body in bodies]
    answers = witness.state.advance(requests, witness._cosign)
    codes = [answer.code if isinstance(answer, Problem) else "" for answer in answers]
    assert codes == ["", WITNESS_AT_OTHER_SIZE.code, OTHER_ROOT.code, ""]
    assert the_log(witness) == (4, NOW, {OTHER_ROOT.code: 1, WITNESS_AT_OTHER_SIZE.code: 1}, 1)


def test_to_compare_outside_of_the_lock_is_noticed(tmp_path: Path) -> None:
    answers = at_once(tmp_path, Careless, HONEST.request(0, 5), FORK.request(0, 5))
    assert sum(isinstance(answer, bytes) for answer in answers) == 2


_REQUESTS = st.lists(
    st.tuples(
        st.sampled_from([HONEST, FORK]),
        st.integers(0, 9),  # the old size, or from 8 on what the witness has
        st.integers(0, 7),
        st.sampled_from([(), ("an extension",)]),
        st.integers(-400, 400),  # seconds that the clock is moved by
    ),
    max_size=12,
)


@given(_REQUESTS)
def test_never_two_roots_for_one_size_nor_an_older_after_a_newer(
    requests: list[tuple[Branch, int, int, tuple[str, ...], int]],
) -> None:
    clock = Clock()
    with TemporaryDirectory() as folder:
        witness = new_witness(Path(folder), clock)
        roots: dict[int, bytes] = {}
        last = (0, NOW - timedelta(days=1))
        for branch, old, size, extensions, seconds in requests:
            clock.now += timedelta(seconds=seconds)
            known = the_log(witness)[0]
            with suppress(Problem):
                line = witness.add_checkpoint(branch.request(known if old > 7 else old, size, *extensions))
                signed = Checkpoint.parse(branch.note(size, *extensions) + line)
                assert roots.setdefault(signed.size, signed.root) == signed.root
                now = (signed.size, stated(line, branch.note(size, *extensions)))
                assert now[0] >= last[0]
                assert now[1] >= last[1]
                last = now
        for fork in witness.state.forks():
            one, other = map(Checkpoint.parse, fork.notes)
            assert (one.size, [*one.signers([LOG_KEY])]) == (other.size, [*other.signers([LOG_KEY])])
            assert one.root != other.root


def test_a_checkpoint_that_was_seen_elsewhere_is_held_against_the_others(tmp_path: Path) -> None:
    state = new_witness(tmp_path).state
    kept = state.compare(Checkpoint.parse(HONEST.note(3) + b"\xe2\x80\x94 somebody AAAAAAAA\n"))
    assert kept == HONEST.note(3)
    with raises(LOG_NOT_WITNESSED):
        state.compare(Checkpoint.parse(HONEST.note(3, origin="another.example")))
    assert state.forks() == []
    state.compare(Checkpoint.parse(FORK.note(3)))
    assert [fork.notes for fork in state.forks()] == [(HONEST.note(3), FORK.note(3))]


def test_a_fork_between_two_sizes_is_proved_by_the_tree_of_the_larger(tmp_path: Path) -> None:
    state = new_witness(tmp_path).state
    old, new = Checkpoint.parse(HONEST.note(3)), Checkpoint.parse(FORK.note(5))
    leaves = [merkle.leaf_hash(each) for each in FORK.entries(5)]

    def tree(level: int, index: int) -> bytes:
        return merkle.parents(b"".join(leaves[index << level : (index + 1) << level]), level)

    assert not state.prove_fork(Checkpoint.parse(FORK.note(3)), new, tree)
    with raises(InvalidEvidence):  # hashes that are not those of the tree prove nothing
        state.prove_fork(old, Checkpoint.parse(HONEST.note(5)), tree)
    assert state.forks() == []
    assert state.prove_fork(old, new, tree)
    ((one, other),) = [fork.notes for fork in state.forks()]
    assert (one, other) == (HONEST.note(3), FORK.request(3, 5))
