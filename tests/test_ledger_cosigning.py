"""The log's side of witnesses: who is asked, what is kept of the answers, and what bundles get."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest

from keys import PrivateKey
from ledger import Checkpoint, TrustedLog, TrustPolicy, verify_evidence
from ledger.add_checkpoint import AddCheckpoint
from ledger.anchor import Sender
from ledger.cosigned import EVERY, MOST, Cosigned
from ledger.cosigning import Witnesses
from ledger.evidence import parse_proof
from ledger.note import SignatureType, VerifierKey, signature_line
from ledger.outbox import Outbox
from ledger.problem import LOG_BEHIND, NO_COSIGNATURE, WITNESS_AT_OTHER_SIZE, WITNESS_REFUSES
from ledger.submitting import look_after
from tests.cosigners import Town, answering, dead, url
from tests.gazette import NAME
from tests.gazette_anchor import gazettes
from tests.ledger_samples import COSIGNER, NOW, SIGNER, open_log, sample, samples
from tests.problems import raises
from wire.consent import NotAgreed
from wire.https import Response
from wire.problem import Conflict, Malformed, NotFound, Problem

WAITING = 10.0


@pytest.fixture
def town(tmp_path: Path) -> Town:
    return Town(tmp_path)


def size_of(note: bytes | None) -> int:
    assert note is not None
    return Checkpoint.parse(note).size


def problem_of(town: Town, name: str) -> Problem:
    """The problem that the witness has when all are asked."""
    asking = town.witnesses().ask(town.log, waits=True)
    assert asking is not None
    found = {answer.witness.url: answer.problem for answer in asking.answers}
    problem = found[url(name)]
    assert problem is not None
    return problem


# Who is asked


def test_looking_makes_no_file(tmp_path: Path) -> None:
    cosigned = Cosigned(tmp_path)
    assert (cosigned.witnesses(), cosigned.newest(), cosigned.earliest(0), cosigned.size()) == (
        [],
        None,
        None,
        None,
    )
    assert (cosigned.quorum().every, cosigned.elsewhere()) == (EVERY, [])
    assert list(tmp_path.iterdir()) == []


def test_without_witnesses_nobody_is_asked(town: Town) -> None:
    town.append()
    assert town.witnesses().ask(town.log) is None
    assert town.log.published() == town.log.checkpoint().note
    town.add("a")
    town.cosigned.remove("a.example/witness")
    assert town.witnesses().ask(town.log) is None
    with raises(NotFound):
        town.cosigned.remove("a.example/witness")


def test_an_empty_log_is_not_shown_to_anybody(town: Town) -> None:
    town.add("a")
    asking = town.witnesses().ask(town.log)
    assert asking is not None
    assert (asking.is_met, town.line.asked) == (False, [])


def test_who_may_be_a_witness(town: Town) -> None:
    (key,) = town.add("a")
    with raises(Malformed):
        town.cosigned.add(town.log.verifier_key, url("log"))
    with raises(Conflict):
        town.cosigned.add(VerifierKey(key.name, SignatureType.COSIGNATURE, SIGNER.public_key), url("b"))
    moved = town.cosigned.add(key, "https://elsewhere.example/w/")
    assert (moved.url, len(town.cosigned.witnesses())) == ("https://elsewhere.example/w", 1)
    for index in range(MOST - 1):
        town.hub(f"w{index}")
    with raises(Conflict):
        town.hub("one-too-many")


@pytest.mark.parametrize(
    "rule", ["0", "4", "2 of (a.example/witness, strange.example)", "2 of (", "x", "9" * 5000]
)
def test_a_rule_that_cannot_be_met_is_refused(town: Town, rule: str) -> None:
    town.add("a", "b", "c")
    town.cosigned.require("2")
    with raises(Malformed):
        town.cosigned.require(rule)
    assert town.cosigned.quorum().text == "2"
    town.cosigned.remove("a.example/witness")
    with raises(Malformed):
        town.cosigned.remove("b.example/witness")
    assert len(town.cosigned.witnesses()) == 2


def test_groups_are_a_rule(town: Town) -> None:
    town.add("a", "b", "c")
    town.cosigned.require("all of (a.example/witness, any of (b.example/witness, c.example/witness))")
    town.line.answers[url("a")] = dead
    town.append()
    asking = town.witnesses().ask(town.log)
    assert asking is not None
    assert not asking.is_met
    town.line.answers[url("a")] = answering(town.hubs["a"])
    town.line.answers[url("b")] = dead
    asking = town.witnesses().ask(town.log)
    assert asking is not None
    assert asking.is_met


def test_one_that_signs_with_two_keys_counts_once(town: Town) -> None:
    """Both of its lines are kept: a verifier may know either key."""
    (first, other) = town.add("a", "b")
    secret = PrivateKey.generate()
    second = VerifierKey(first.name, SignatureType.COSIGNATURE, secret.public_key)
    town.cosigned.add(second, url("a"))
    whole = answering(town.hubs["a"])

    def twice(method: str, path: str, body: bytes) -> Response:
        text = AddCheckpoint.parse(body).checkpoint.text
        given = whole(method, path, body)
        return (
            given if given.status != 200 else given._replace(body=given.body + second.sign(secret, text, NOW))
        )

    town.line.answers |= {url("a"): twice, url("b"): dead}
    town.cosigned.require("2")
    town.append()
    asking = town.witnesses().ask(town.log, waits=True)
    assert asking is not None
    assert not asking.is_met
    town.cosigned.require("1")
    town.witnesses().ask(town.log, waits=True)
    assert set(Checkpoint.parse(town.log.published()).signers([first, second, other])) == {first, second}
    with raises(Malformed):
        town.cosigned.require("3")
    town.cosigned.remove(str(first))
    assert {each.key for each in town.cosigned.witnesses()} == {second, other}


def test_nobody_is_asked_whom_nobody_agreed_to(town: Town) -> None:
    town.add("a", "b")
    town.cosigned.require("1")
    town.append()

    def agree(named: str) -> None:
        if "a.example" in named:
            raise NotAgreed("nobody has agreed to that")

    asking = town.witnesses(agree).ask(town.log, waits=True)
    assert asking is not None
    assert asking.is_met
    assert {asked for _, asked, _ in town.line.asked} == {f"{url('b')}/add-checkpoint"}
    assert town.problems() == {"a": "not-agreed"}


# What they are asked, and what is kept


def test_all_are_asked_at_once_for_the_log_alone(town: Town) -> None:
    """Each waits at a barrier for the others; and none is sent another's line."""
    keys = town.add("a", "b", "c")
    barrier = threading.Barrier(3, timeout=WAITING)
    for name in ("a", "b", "c"):
        answer = answering(town.hubs[name])

        def meet(method: str, path: str, body: bytes, answer: object = answer) -> Response:
            barrier.wait()
            assert callable(answer)
            given = answer(method, path, body)
            assert isinstance(given, Response)
            return given

        town.line.answers[url(name)] = meet
    for _ in range(2):
        size = town.append()
        asking = town.witnesses().ask(town.log)
        assert asking is not None
        assert asking.is_met
        note = town.log.published()
        assert set(Checkpoint.parse(note).signers(keys)) == set(keys)
        assert size_of(note) == size == town.cosigned.size()
        assert note.startswith(town.log.checkpoint().note)
    own = {town.log.verifier_key.name, town.log.clock_key.name}
    sent = [AddCheckpoint.parse(body).checkpoint for _, _, body in town.line.asked]
    assert len(sent) == 6
    assert {name for checkpoint in sent for name, _, _ in checkpoint.signatures} == own
    before = len(town.line.asked)
    assert town.witnesses().ask(town.log) is not None  # all is there
    assert town.witnesses().ask(town.log, waits=True) is not None
    assert len(town.line.asked) == before


def test_a_dead_witness_holds_up_nobody(town: Town) -> None:
    """The quorum's lines are kept while one is silent; who is only asked for bundles is not waited for."""
    town.add("a", "b", "c", "d", "e")
    town.cosigned.require("4")
    let_go = threading.Event()

    def silent(*_: object) -> Response:
        let_go.wait(WAITING)
        return Response(503, {}, b"")

    town.line.answers[url("c")] = silent
    town.append()
    try:
        asking = town.witnesses().ask(town.log, seconds=WAITING)
        assert asking is not None
        assert asking.is_met
        assert [each.url for each in asking.silent] == [url("c")]
        assert town.problems() == {}  # it was not waited for to the end
        assert town.cosigned.quorum().lost is None
        town.witnesses().ask(town.log, seconds=0.1, waits=True)
        assert town.problems() == {"c": "unavailable"}
    finally:
        let_go.set()


def test_the_quorum_is_lost_and_found(town: Town) -> None:
    town.add("a", "b")
    town.append()
    town.witnesses().ask(town.log)
    whole = town.log.published()
    town.line.answers[url("a")] = dead
    town.append()
    town.time.pass_by(minutes=1)
    for _ in range(2):
        asking = town.witnesses().ask(town.log)
        assert asking is not None
        assert not asking.is_met
        assert town.cosigned.quorum().lost == NOW + timedelta(minutes=1)
        town.time.pass_by(minutes=1)
    assert town.problems() == {"a": "unavailable"}
    # What others read stays what enough of them have signed.
    assert town.log.published() == whole
    assert (town.cosigned.size(), town.log.checkpoint().size) == (1, 2)
    town.line.answers[url("a")] = answering(town.hubs["a"])
    asking = town.witnesses().ask(town.log)
    assert asking is not None
    assert asking.is_met
    assert (town.cosigned.quorum().lost, town.cosigned.size(), town.problems()) == (None, 2, {})


def test_one_that_has_more_or_less_is_sent_the_proof_from_there(town: Town) -> None:
    """It is asked by another process meanwhile, or its folder here was put back."""
    (key,) = town.add("a")
    for _ in range(3):
        town.append()
        assert town.witnesses().ask(town.log) is not None
    other = Cosigned(town.folder)
    other.remove(key.name)
    other.add(key, url("a"))
    assert other.witnesses()[0].size == 0
    town.append(200)
    asking = town.witnesses().ask(town.log)
    assert asking is not None
    assert asking.is_met
    first, again = (AddCheckpoint.parse(body).old for _, _, body in town.line.asked[-2:])
    assert (first, again) == (0, 3)


def test_lines_gather_on_one_checkpoint(town: Town) -> None:
    """A later line is added; an earlier one stays, since its time is."""
    keys = town.add("a", "b")
    town.cosigned.require("1")
    town.line.answers[url("b")] = dead
    town.append()
    town.witnesses().ask(town.log, waits=True)
    town.time.pass_by(minutes=1)
    town.line.answers[url("b")] = answering(town.hubs["b"])
    town.witnesses().ask(town.log, waits=True)
    note = town.cosigned.earliest(0)
    assert note is not None
    assert Checkpoint.parse(note).signers(keys) == {keys[0]: NOW, keys[1]: NOW + timedelta(minutes=1)}
    assert len(town.line.asked) == 3


def test_lines_on_a_checkpoint_of_another_clock_are_not_those_of_this_one(town: Town) -> None:
    """A clock that was ahead is put right: the same entries are signed once more (ADR 20)."""
    (key,) = town.add("a")
    town.append()
    town.witnesses().ask(town.log)
    former = town.log.checkpoint()
    lines = [line for line in former.note.splitlines(keepends=True) if b"/clock" not in line]
    own = town.log.clock_key.sign(COSIGNER, former.text, NOW - timedelta(hours=1))
    again = Checkpoint.parse(b"".join(lines) + own)
    assert town.cosigned.signers(former) == {key}
    assert town.cosigned.signers(again) == frozenset()
    assert town.cosigned.keep(again, {key: key.sign(town.hubs["a"]._signer, again.text, NOW)}, NOW)
    note = town.cosigned.newest()
    assert note is not None
    assert note.startswith(again.note)


# What bundles get


def test_an_entry_gets_the_earliest_checkpoint_that_was_kept_at_the_pace(town: Town) -> None:
    """Exported years later, it still shows the time at which enough witnesses had seen it."""
    keys = town.add("a", "b")
    town.cosigned.require("2", timedelta(hours=1))
    for _ in range(5):  # sizes 1 to 5, each half an hour later
        town.append()
        assert town.witnesses().ask(town.log) is not None
        town.time.pass_by(minutes=30)
    sizes = [size_of(town.cosigned.earliest(index)) for index in range(5)]
    assert sizes == [1, 3, 3, 5, 5]
    town.append()  # which nobody has seen yet
    town.time.pass_by(days=1500)
    found = town.log.evidence_for(range(6))
    notes = [Checkpoint.parse(parse_proof(found[index].body)[2]) for index in range(6)]
    assert [note.size for note in notes] == [1, 3, 3, 5, 5, 6]
    policy = TrustPolicy((TrustedLog.of(str(town.log.verifier_key), None, tuple(map(str, keys)), 2),))
    fact = verify_evidence(sample(1), found[1], policy)
    assert (fact.clock, fact.time) == ("witness", NOW + timedelta(hours=1))
    assert found[0] == town.log.evidence(0)
    assert notes[5].note == town.log.checkpoint().note
    with raises(Problem):
        verify_evidence(sample(5), found[5], policy)


def test_with_another_rule_others_are_the_earliest(town: Town) -> None:
    town.add("a", "b")
    town.cosigned.require("1", timedelta(0))
    town.line.answers[url("b")] = dead
    town.append()
    town.witnesses().ask(town.log)
    town.line.answers[url("b")] = answering(town.hubs["b"])
    town.append()
    town.witnesses().ask(town.log, waits=True)
    assert size_of(town.cosigned.earliest(0)) == 1
    town.cosigned.require("2")
    assert size_of(town.cosigned.earliest(0)) == 2
    town.cosigned.require("1")
    assert size_of(town.cosigned.earliest(0)) == 1


def test_a_clock_that_was_ahead_stops_no_keeping(town: Town) -> None:
    town.add("a")
    town.append()
    town.witnesses().ask(town.log)
    checkpoint = town.log.checkpoint()
    line = {next(iter(town.cosigned.signers(checkpoint))): b""}
    assert town.cosigned.keep(checkpoint, line, NOW + timedelta(days=400))
    town.time.pass_by(hours=1)
    town.append()
    town.witnesses().ask(town.log)
    town.time.pass_by(hours=1)
    town.append()
    town.witnesses().ask(town.log)
    assert [size_of(town.cosigned.earliest(index)) for index in range(3)] == [1, 2, 3]


# What stands against them


@pytest.mark.quick(every=4)
@pytest.mark.parametrize(
    ("status", "body"),
    [(404, b""), (403, b""), (500, b"x"), (301, b""), (409, b"no number"), (409, b"1" * 30), (200, b"")],
)
def test_what_is_no_line_is_told(town: Town, status: int, body: bytes) -> None:
    town.add("a")
    town.append()
    town.line.answers[url("a")] = lambda *_: Response(status, {}, body)
    problem = problem_of(town, "a")
    assert problem.code == (NO_COSIGNATURE if status == 200 else WITNESS_REFUSES).code
    assert town.cosigned.size() == 0
    assert town.problems() == {"a": problem.code}


def test_another_line_than_its_own_counts_for_nothing(town: Town) -> None:
    """By another key, over another checkpoint, with time 0, and one dated ahead."""
    (key, _) = town.add("a", "b")
    town.append()
    text = town.log.checkpoint().text
    secret = town.hubs["a"]._signer
    for line in (
        town.hubs["b"].state.key.sign(town.hubs["b"]._signer, text, NOW),
        key.sign(secret, b"another\n", NOW),
        key.sign(secret, text, NOW - timedelta(seconds=NOW.timestamp())),
        key.sign(secret, text, NOW + timedelta(hours=1)),
        b"not a line\n",
    ):
        town.line.answers[url("a")] = lambda *_, line=line: Response(200, {}, line)
        assert problem_of(town, "a").code == NO_COSIGNATURE.code
    good = key.sign(secret, text, NOW)
    stranger = VerifierKey("x", SignatureType.COSIGNATURE, SIGNER.public_key).sign(SIGNER, text, NOW)
    town.line.answers[url("a")] = lambda *_: Response(200, {}, stranger + good)
    assert town.witnesses().ask(town.log) is not None
    note = town.log.published()
    assert b"x " not in note
    assert key in Checkpoint.parse(note).signers([key])


def test_a_mere_number_stops_nothing(town: Town) -> None:
    (key,) = town.add("a")
    town.append()

    def claims(method: str, *_: object) -> Response:
        return Response(409, {}, b"1000\n") if method == "POST" else Response(404, {}, b"")

    town.line.answers[url("a")] = claims
    problem = problem_of(town, "a")
    assert (problem.code, problem.facts["size"]) == (WITNESS_AT_OTHER_SIZE.code, 1000)
    (known,) = town.cosigned.witnesses()
    assert (known.key, known.problem, known.said) == (key, WITNESS_AT_OTHER_SIZE.code, 1000)
    town.append()
    # Nor does a checkpoint that another log signed.
    strange = open_log(type(town.store)(), signer=SIGNER, cosigner=SIGNER)
    strange.append(samples(0, 9), b"9")
    lines = strange.checkpoint().note.split(b"\n")
    note = b"\n".join([*lines[:4], lines[5], b""])  # without the line of the log's key

    def shows(method: str, *_: object) -> Response:
        return Response(409, {}, b"9\n") if method == "POST" else Response(200, {}, note)

    town.line.answers[url("a")] = shows
    assert problem_of(town, "a").code == WITNESS_AT_OTHER_SIZE.code
    town.append()


@pytest.mark.quick(every=4)
@pytest.mark.parametrize(("count", "strangers"), [(0, 0), (1, 0), (9, 0), (1, 16)])
def test_a_log_that_is_an_old_copy_signs_nothing_more(town: Town, count: int, strangers: int) -> None:
    """It has been put back, and may even have grown on: a witness shows what it signed before.

    That may have the lines of others as well, of which one with ML-DSA-44 is of 3.3 kB.
    """
    town.add("a")
    town.append(2)
    old = type(town.store)()
    copy = open_log(old)
    copy.append([sample(index) for index in range(2)], b"0")
    town.append(3)
    asking = town.witnesses().ask(town.log)
    assert asking is not None
    assert asking.is_met
    folder = town.folder / "restored"
    folder.mkdir()
    restored = Town(folder, line=town.line, store=old)
    (known,) = town.cosigned.witnesses()
    restored.cosigned.add(known.key, known.url)
    for index in range(count):
        restored.log.append([sample(1000 + index)], b"r%d" % index)
    ask = town.line.answers[url("a")]

    def shows(method: str, path: str, body: bytes) -> Response:
        response = ask(method, path, body)
        others = signature_line("other.example", bytes(4), bytes(2428)) * strangers
        return response._replace(body=response.body + others) if method == "GET" else response

    town.line.answers[url("a")] = shows
    assert problem_of(restored, "a").code == LOG_BEHIND.code
    assert restored.problems() == {"a": LOG_BEHIND.code}
    for again in (restored.log, None):
        with raises(LOG_BEHIND):
            (again or restored.opened()).append([sample(77)], b"more")
    # With the newest copy it goes on.
    town.cosigned.show(restored.cosigned.elsewhere()[0])
    town.opened().append([sample(78)], b"more")


@pytest.mark.slow
def test_two_that_ask_at_once_keep_one_checkpoint_with_all_lines(town: Town) -> None:
    keys = town.add("a", "b", "c")
    town.append(4)
    for _ in range(3):
        town.append()
        barrier = threading.Barrier(4, timeout=WAITING)

        def ask(_: int, barrier: threading.Barrier = barrier) -> bool:
            # Each with a file of its own, as processes have.
            other = Witnesses(Cosigned(town.folder), town.line, town.time)
            barrier.wait()
            return other.ask(town.log, waits=True) is not None

        with ThreadPoolExecutor(4) as pool:
            assert all(pool.map(ask, range(4)))
        note = town.log.published()
        assert set(Checkpoint.parse(note).signers(keys)) == set(keys)
        assert size_of(note) == town.log.checkpoint().size


def test_a_log_that_is_shown_in_two_versions_gets_no_second_quorum(town: Town) -> None:
    """Half of five witnesses see one, half the other: where four are needed, neither has them."""
    names = ("a", "b", "c", "d", "e")
    town.add(*names)
    town.cosigned.require("4")
    town.append(3)
    town.witnesses().ask(town.log, waits=True)
    folder = town.folder / "fork"
    folder.mkdir()
    fork = Town(folder, line=town.line)
    for each in town.cosigned.witnesses():
        fork.cosigned.add(each.key, each.url)
    fork.cosigned.require("4")
    fork.append(3)
    fork.log.append([sample(100)], b"fork")
    town.append()
    met = []
    for log, mine in ((town, "ab"), (fork, "cde")):
        whole = dict(town.line.answers)
        town.line.answers |= {url(name): dead for name in names if name not in mine}
        asking = log.witnesses().ask(log.log, waits=True)
        assert asking is not None
        met.append(asking.is_met)
        town.line.answers |= whole
    assert met == [False, False]
    # Afterwards each of them refuses the other version, and the log is told what it has signed.
    assert problem_of(town, "c").code == LOG_BEHIND.code
    assert town.cosigned.size() == 3
    with raises(LOG_BEHIND):
        town.append()


def test_other_ledgers_are_sent_what_enough_have_signed(town: Town) -> None:
    """Whoever asks for witnesses and for a ledger could else count neither."""
    (key,) = town.add("a")
    town.append(3)
    town.witnesses().ask(town.log)
    town.append()
    outbox = Outbox(town.folder)
    outbox.add(NAME, timedelta(days=1), {"of": town.log.origin}, NOW)
    sender = Sender(town.folder, town.log, lambda: None, lambda _: None)
    (made,) = look_after(sender, town.time, gazettes(town.folder))
    assert made.problem is None
    sent = outbox.waiting(outbox.destinations()[0])
    assert sent is not None
    assert (sent.checkpoint.size, key in sent.checkpoint.signers([key])) == (3, True)
