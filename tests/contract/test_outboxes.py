"""The outbox of a log: what goes to other ledgers, when, and what is known of it afterwards.

It is a file of the log's folder, or tables of the database that several machines share.
"""

from __future__ import annotations

import multiprocessing
import resource
import sqlite3
import threading
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

import pytest

from ledger import KINDS, Checkpoint, Evidence, Log, verify_anchoring, verify_evidence
from ledger.anchor import Sender
from ledger.evidence import TLOG_PROOF
from ledger.log import LogReader
from ledger.outbox import FILE, Destination, Outbox
from ledger.problem import Overtaken
from ledger.shared import keep_store_address
from ledger.submitting import Round, look_after, turn
from ledger.tiles.memory import MemoryStore
from ledger.tiles.store import Batch
from tests import postgres_server
from tests.fault.limits import files_of_at_most
from tests.gazette import NAME, NOTICE, NOTICES
from tests.gazette_anchor import GazetteAnchor, gazette_file, gazettes
from tests.ledger_samples import COSIGNER, NOW, ORIGIN, SIGNER, open_log, sample, samples, trust_in
from tests.processes import ended
from wire.problem import Damaged, NotFound, Refused, TryLater, Unavailable

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
OTHER = "gazette:other"
KNOWN = {**KINDS, NOTICE: NOTICES}


@dataclass
class Desk:
    """A log in a folder, its outbox, two gazettes, and a clock that a test sets."""

    folder: Path
    log: Log = field(default_factory=lambda: open_log(MemoryStore()))
    now: datetime = NOW

    def __post_init__(self) -> None:
        self.outbox = Outbox(self.folder)
        self.gazette = GazetteAnchor(NAME, file=gazette_file(self.folder))
        self.other = GazetteAnchor(OTHER, file=gazette_file(self.folder, OTHER))

    def add(self, *names: str, every: timedelta = DAY) -> None:
        for name in names or (NAME,):
            self.outbox.add(name, every, {"of": ORIGIN}, self.now)

    def append(self, size: int) -> Checkpoint:
        before = self.log.checkpoint().size
        self.log.append(samples(before, size), b"to %d" % size)
        return self.log.checkpoint()

    def accepted(self, gazette: GazetteAnchor | None = None) -> list[bytes]:
        """What a gazette was given and has not printed."""
        gazette = gazette or self.gazette
        _ = gazette.notices  # which looks
        return gazette.accepted

    def run(self, after: timedelta = timedelta(), **options: Any) -> list[Round]:
        self.now += after
        kinds = options.pop("kinds", gazettes(self.folder))
        place = Sender(self.folder, self.log, lambda: None, lambda _: None)
        return list(look_after(place, lambda: self.now, kinds, **options))

    def anchored(self, size: int) -> Checkpoint:
        """Appends, sends, and has the gazette printed."""
        checkpoint = self.append(size)
        self.run(DAY)
        self.gazette.print(self.now)
        self.other.print(self.now)
        self.run()
        return checkpoint

    @property
    def destination(self) -> Destination:
        return self.outbox.destinations()[0]


SERVED = pytest.param("postgres", marks=[pytest.mark.slow, postgres_server.needed])
in_a_file = pytest.mark.parametrize("desk", ["file"], indirect=True)


@pytest.fixture(params=["file", SERVED])
def desk(request: pytest.FixtureRequest, tmp_path: Path) -> Desk:
    if request.param == "postgres":
        server = postgres_server.server()
        keep_store_address(tmp_path, server.uri(server.of(tmp_path), "issuer"))
    desk = Desk(tmp_path)
    desk.add()
    return desk


def sizes(checkpoints: tuple[Checkpoint, ...]) -> list[int]:
    return [checkpoint.size for checkpoint in checkpoints]


def test_the_newest_checkpoint_goes_once_in_an_interval(desk: Desk) -> None:
    first = desk.append(3)
    desk.run()
    assert desk.accepted() == [first.digest]
    desk.append(5)
    for _ in range(3):
        desk.run(6 * HOUR)
    assert desk.accepted() == [first.digest]
    desk.append(7)
    desk.gazette.print(desk.now)
    (made,) = desk.run()
    assert sizes(made.anchored) == [3]
    assert desk.accepted() == []
    third = desk.append(8)
    (made,) = desk.run(6 * HOUR)
    assert desk.accepted() == [third.digest]  # that of 5 and that of 7 are in it
    assert made.anchored == ()


def test_where_nothing_was_appended_nothing_is_sent(desk: Desk) -> None:
    desk.run()
    assert desk.gazette.notices == []  # an empty log says nothing
    desk.anchored(3)
    for _ in range(3):
        (made,) = desk.run(DAY)
        assert (made.anchored, made.gone, made.problem) == ((), (), None)
    assert len(desk.gazette.notices) == 1


def test_while_one_waits_no_other_is_sent(desk: Desk) -> None:
    """A ledger that is slow for days gets one at a time, and then the newest."""
    first = desk.append(3)
    desk.run()
    desk.append(5)
    for _ in range(3):
        desk.run(DAY)
    assert desk.gazette.notices == [first.digest]
    last = desk.append(9)
    desk.gazette.print(desk.now)
    desk.run()
    assert set(desk.gazette.notices) == {first.digest, last.digest}
    assert len(desk.gazette.notices) == 2


def test_a_clock_that_was_ahead_forbids_nothing_for_long(desk: Desk) -> None:
    desk.now += 400 * DAY
    desk.anchored(3)
    desk.now -= 401 * DAY
    desk.append(5)
    desk.run()
    assert len(desk.gazette.notices) == 1  # nor does it allow two at once
    desk.run(23 * HOUR)
    assert len(desk.gazette.notices) == 1
    desk.run(HOUR)
    assert len(desk.gazette.notices) == 2


def test_each_ledger_by_its_own_interval(desk: Desk) -> None:
    desk.add(OTHER, every=7 * DAY)
    desk.anchored(3)
    desk.anchored(5)
    assert (len(desk.gazette.notices), len(desk.other.notices)) == (2, 1)


def test_the_evidence_is_of_the_earliest_checkpoint_there(desk: Desk) -> None:
    """By the log and by the ledger, each alone; the newest checkpoint of the log has no part in it."""
    assert desk.outbox.evidence(desk.log, 0) == ()
    first, second = desk.anchored(3), desk.anchored(5)
    desk.append(9)
    trust = trust_in(desk.log, desk.gazette.trusted)
    for index, checkpoint in ((0, first), (2, first), (3, second), (4, second)):
        proof, notice = desk.outbox.evidence(desk.log, index)
        fact = verify_evidence(sample(index), proof, trust, kinds=KNOWN)
        assert (fact.index, fact.checkpoint) == (index, checkpoint)
        assert verify_anchoring(checkpoint, notice, trust, kinds=KNOWN).where == NAME
    assert desk.outbox.evidence(desk.log, 5) == ()  # nothing has it yet
    with pytest.raises(NotFound):
        open_log(MemoryStore()).evidence(0, first.note)


def test_a_checkpoint_on_two_ledgers_shows_the_entry_once(desk: Desk) -> None:
    desk.add(OTHER)
    checkpoint = desk.anchored(3)
    proof, *notices = desk.outbox.evidence(desk.log, 1)
    trust = trust_in(desk.log, desk.gazette.trusted, desk.other.trusted)
    assert verify_evidence(sample(1), proof, trust).checkpoint == checkpoint
    found = [verify_anchoring(checkpoint, each, trust, kinds=KNOWN).where for each in notices]
    assert found == [NAME, OTHER]


def test_what_was_there_before_goes_to_a_new_ledger(desk: Desk) -> None:
    """All earlier entries are in the checkpoint that it is given first; none is appended for that."""
    for size in (3, 5, 8):
        desk.anchored(size)
    desk.add(OTHER)
    desk.run()
    desk.other.print(desk.now)
    desk.run()
    assert len(desk.other.notices) == 1
    trust = trust_in(desk.log, desk.gazette.trusted, desk.other.trusted)
    for index in range(8):
        *others, notice = desk.outbox.evidence(desk.log, index)
        proof = [each for each in others if each.kind == TLOG_PROOF][-1]
        fact = verify_evidence(sample(index), proof, trust)
        assert fact.checkpoint is not None
        assert verify_anchoring(fact.checkpoint, notice, trust, kinds=KNOWN).where == OTHER
    each = {index: desk.outbox.evidence(desk.log, index) for index in range(8)}
    assert desk.outbox.evidence_for(desk.log, reversed(range(8))) == each


def test_what_is_gone_is_sent_again(desk: Desk) -> None:
    desk.anchored(3)
    second = desk.anchored(5)
    desk.gazette.withdraw()
    (made,) = desk.run()
    assert (sizes(made.gone), sizes(made.anchored)) == ([5], [])
    (lost,) = desk.outbox.gone(desk.destination)
    assert (lost.checkpoint, lost.gone) == (second, desk.now)
    assert desk.outbox.evidence(desk.log, 4) == ()
    assert desk.accepted() == [second.digest]
    desk.gazette.print(desk.now)
    (made,) = desk.run()
    assert sizes(made.anchored) == [5]
    assert desk.outbox.gone(desk.destination) == []
    assert len(desk.outbox.evidence(desk.log, 4)) == 2


class Blind(GazetteAnchor):
    """Somebody looks in another paper, and finds nothing there."""

    def confirm(self, checkpoint: Checkpoint, evidence: Evidence) -> bool:
        return False


def test_what_was_gone_by_mistake_is_there_again(desk: Desk) -> None:
    """The evidence of each is the earliest that there is, and no word of one node takes it away for good."""
    desk.anchored(3)
    desk.anchored(5)
    before = [desk.outbox.evidence(desk.log, index) for index in (2, 4)]
    (made,) = desk.run(kinds={"gazette": gazettes(desk.folder, Blind)["gazette"]})
    assert (sizes(made.gone), sizes(made.anchored)) == ([5, 3], [5])  # the newest is looked for at once
    assert desk.outbox.evidence(desk.log, 2) != before[0]
    (made,) = desk.run()
    assert sizes(made.anchored) == [3]
    assert [desk.outbox.evidence(desk.log, index) for index in (2, 4)] == before
    assert desk.outbox.gone(desk.destination) == []
    assert desk.outbox.waiting(desk.destination) is None
    assert len(desk.gazette.notices) == 2


def test_of_several_that_are_gone_the_latest_has_all(desk: Desk) -> None:
    desk.anchored(3)
    desk.anchored(5)
    desk.anchored(8)
    for _ in range(2):
        desk.gazette.withdraw()
    (made,) = desk.run()
    assert sizes(made.gone) == [8, 5]
    assert [lost.checkpoint.size for lost in desk.outbox.gone(desk.destination)] == [5, 8]
    assert len(desk.accepted()) == 1
    desk.gazette.print(desk.now)
    desk.run()
    assert desk.outbox.gone(desk.destination) == []
    proof, _ = desk.outbox.evidence(desk.log, 4)
    fact = verify_evidence(sample(4), proof, trust_in(desk.log))
    assert fact.checkpoint is not None
    assert fact.checkpoint.size == 8


def test_what_waits_when_one_before_it_goes_has_that_too(desk: Desk) -> None:
    desk.anchored(3)
    desk.append(5)
    desk.run(DAY)
    desk.gazette._issues.clear()
    desk.gazette.withdraw()
    (made,) = desk.run()
    assert sizes(made.gone) == [3]
    waiting = desk.outbox.waiting(desk.destination)
    assert waiting is not None
    assert waiting.checkpoint.size == 5
    assert [lost.checkpoint.size for lost in desk.outbox.gone(desk.destination)] == [3]


class ISSUER_CLOSED(GazetteAnchor):
    """Its office does not answer."""

    def advance(self, checkpoint: Checkpoint, state: bytes, keep: Callable[[bytes], None]) -> Evidence | None:
        raise Unavailable("nobody answers")


def test_what_keeps_one_keeps_none_of_the_others(desk: Desk) -> None:
    desk.add(OTHER)
    desk.outbox.add("nowhere:1", DAY, {}, NOW)
    checkpoint = desk.append(3)
    kinds = gazettes(desk.folder)

    def opened(name: str, settings: Mapping[str, Any], place: Sender) -> GazetteAnchor:
        make = ISSUER_CLOSED if name == NAME else GazetteAnchor
        return make(name, file=gazette_file(desk.folder, name))

    kinds = {"gazette": kinds["gazette"]._replace(open=opened)}
    closed, other, nowhere = desk.run(kinds=kinds)
    assert isinstance(closed.problem, Unavailable)
    assert other.problem is None
    assert isinstance(nowhere.problem, Refused)
    assert "nowhere:1" in nowhere.problem.detail
    assert desk.accepted(desk.other) == [checkpoint.digest]
    desk.run()
    assert desk.accepted() == [checkpoint.digest]


@pytest.mark.parametrize("name", ["gazette", "gazette:", "other:1", ""])
def test_a_name_without_a_kind_is_refused(name: str, desk: Desk) -> None:
    desk.append(1)
    desk.outbox.add(name, DAY, {"of": ORIGIN}, NOW)
    made = {made.destination.name: made for made in desk.run()}
    assert isinstance(made[name].problem, Refused)


class States(GazetteAnchor):
    """Shows with which states it is called."""

    seen: ClassVar[list[bytes]] = []

    def advance(self, checkpoint: Checkpoint, state: bytes, keep: Callable[[bytes], None]) -> Evidence | None:
        self.seen.append(state)
        return super().advance(checkpoint, state, keep)


def test_another_way_there_is_prepared_for_anew(desk: Desk) -> None:
    """How often does not matter to what waits; what was sent is found again, and not sent twice."""
    States.seen = []
    kinds = {"gazette": gazettes(desk.folder, States)["gazette"]}
    desk.append(3)
    desk.run(kinds=kinds)
    desk.run(kinds=kinds)
    desk.add(every=2 * DAY)
    desk.run(kinds=kinds)
    desk.outbox.add(NAME, DAY, {"of": ORIGIN, "door": "back"}, NOW)
    desk.run(kinds=kinds)
    assert [state.partition(b":")[0] for state in States.seen] == [
        b"to be sent",
        b"sent",
        b"sent",
        b"to be sent",
    ]
    assert len(desk.gazette.notices) == 1
    assert desk.destination == Destination(NAME, DAY, {"of": ORIGIN, "door": "back"}, desk.now)


def test_what_is_gone_is_prepared_for_anew(desk: Desk) -> None:
    """What was prepared before led to what the ledger lost: its transaction is never mined again."""
    States.seen = []
    desk.anchored(3)
    desk.gazette.withdraw()
    desk.run(kinds={"gazette": gazettes(desk.folder, States)["gazette"]})
    assert [state.partition(b":")[0] for state in States.seen] == [b"to be sent"]


def test_looking_makes_no_file(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path)
    assert outbox.destinations() == []
    assert outbox.newest_anchored() is None
    assert list(tmp_path.iterdir()) == []


def test_an_old_copy_of_the_log_is_refused(desk: Desk) -> None:
    """Where another ledger has more of it, even if nothing was kept beside the log."""
    old = open_log(MemoryStore())
    old.append(samples(0, 3), b"to 3")
    desk.append(3)
    desk.anchored(5)
    anchored = desk.outbox.newest_anchored()
    assert anchored is not None
    for make in (
        lambda store: Log(ORIGIN, SIGNER, COSIGNER, store, clock=lambda: NOW, anchored=anchored),
        lambda store: LogReader(
            ORIGIN, SIGNER.public_key, COSIGNER.public_key, store, anchored=anchored
        ).require_newest(),
    ):
        with pytest.raises(Damaged, match="once had 5 entries, and now has 3") as refused:
            make(old.store)
        assert "newest copy" in refused.value.hint
        make(desk.log.store)
    other = open_log(MemoryStore())
    other.append([*samples(0, 2), *samples(7, 12)], b"other")
    with pytest.raises(Damaged, match="does not begin with the 5 entries"):
        Log(ORIGIN, SIGNER, COSIGNER, other.store, clock=lambda: NOW, anchored=anchored)


def test_an_old_copy_of_the_log_signs_nothing(desk: Desk) -> None:
    """Not even for what its journal has and nobody has signed for."""
    desk.anchored(9)
    store = MemoryStore()
    old = open_log(store)
    old.append(samples(0, 3), b"to 3")
    note = old.checkpoint().note
    store.record(Batch(3, b"to 4", samples(3, 4)))
    with pytest.raises(Damaged, match="once had 9 entries, and now has 4"):
        Log(ORIGIN, SIGNER, COSIGNER, store, clock=lambda: NOW, anchored=desk.outbox.newest_anchored())
    assert store.get("checkpoint") == note


def test_what_another_log_had_there_counts_for_nothing(desk: Desk) -> None:
    """A folder in which a log is begun anew: the outbox of the one before speaks of that one."""
    desk.anchored(9)
    anchored = desk.outbox.newest_anchored()
    log = Log(ORIGIN, COSIGNER, SIGNER, MemoryStore(), clock=lambda: NOW, anchored=anchored)
    log.append(samples(0, 3), b"to 3")
    log.require_newest()


@in_a_file
def test_a_file_that_was_changed_is_damage(desk: Desk) -> None:
    desk.anchored(3)
    with closing(sqlite3.connect(desk.folder / FILE)) as changed:
        changed.execute("UPDATE submission SET note = CAST(replace(note, char(10), ' ') AS BLOB)")
        changed.commit()
    with pytest.raises(Damaged):
        desk.outbox.newest_anchored()
    with pytest.raises(Damaged):
        desk.outbox.evidence(desk.log, 0)


@in_a_file
def test_a_signature_that_was_changed_gets_into_no_bundle(desk: Desk) -> None:
    desk.anchored(3)
    for line in (1, 2):
        note = desk.log.checkpoint().note.split(b"\n")
        note[3 + line] = note[3 + line][:-4] + (b"AAA=" if note[3 + line].endswith(b"=") else b"AAAA")
        with closing(sqlite3.connect(desk.folder / FILE)) as changed:
            changed.execute("UPDATE submission SET note = ?", (b"\n".join(note),))
            changed.commit()
        with pytest.raises(Damaged):
            desk.outbox.evidence(desk.log, 0)


@in_a_file
def test_nothing_is_sent_that_a_full_disk_does_not_keep(desk: Desk) -> None:
    desk.run()
    desk.append(3)
    with files_of_at_most(0):
        (made,) = desk.run()
    assert isinstance(made.problem, Unavailable)
    assert desk.gazette.notices == []
    desk.run()
    assert len(desk.gazette.notices) == 1


@in_a_file
def test_what_a_full_disk_kept_back_is_collected_again(desk: Desk) -> None:
    """The disk fills up when the evidence comes, and when the next state is to be kept: nothing is lost."""
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)

    class Filling(GazetteAnchor):
        def advance(
            self, checkpoint: Checkpoint, state: bytes, keep: Callable[[bytes], None]
        ) -> Evidence | None:
            found = self.collect(checkpoint)
            resource.setrlimit(resource.RLIMIT_FSIZE, (0, limit[1]))
            return found or super().advance(checkpoint, state, keep)

    kinds = {"gazette": gazettes(desk.folder, Filling)["gazette"]}
    checkpoint = desk.append(3)
    for expected in (0, 1):
        try:
            (made,) = desk.run(kinds=kinds)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limit)
        assert isinstance(made.problem, Unavailable)
        assert made.anchored == ()
        assert desk.outbox.waiting(desk.destination) is not None
        assert len(desk.gazette.notices) == expected
        desk.run()
        desk.gazette.print(desk.now)
    desk.run()
    assert desk.gazette.notices == [checkpoint.digest]
    assert len(desk.outbox.evidence(desk.log, 0)) == 2


@pytest.mark.slow
def test_two_at_once_send_one(desk: Desk) -> None:
    """Of many processes at once each either makes its round or is told to come later."""
    desk.append(3)

    def run() -> None:
        slow = {"gazette": gazettes(desk.folder, Slow)["gazette"]}
        try:
            desk.run(kinds=slow, patience=0.05)
        except TryLater:
            return

    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=run) for _ in range(3)]
    for process in processes:
        process.start()
    ended(processes)
    assert len(desk.gazette.notices) == 1


@pytest.mark.parametrize("desk", [SERVED], indirect=True)
def test_a_machine_that_lost_its_turn_sends_nothing_more(desk: Desk) -> None:
    """It stands still before it keeps what it is to send; another one sends that meanwhile."""
    checkpoint = desk.append(3)

    class Paused(GazetteAnchor):
        def prepare(self, checkpoint: Checkpoint) -> bytes:
            # The server ends the session of a machine that gives no sign of life.
            postgres_server.server().execute(
                "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'"
            )
            other = threading.Thread(target=desk.run)
            other.start()
            other.join()
            return super().prepare(checkpoint)

    (made,) = desk.run(kinds={"gazette": gazettes(desk.folder, Paused)["gazette"]})
    assert isinstance(made.problem, Overtaken)
    assert desk.gazette.notices == [checkpoint.digest]
    desk.gazette.print(desk.now)
    (made,) = desk.run()
    assert sizes(made.anchored) == [3]


class Slow(GazetteAnchor):
    """Looks, thinks, and only then sends."""

    def accept(self, digest: bytes) -> None:
        threading.Event().wait(0.2)
        super().accept(digest)


def test_without_a_turn_two_would_send_two(desk: Desk) -> None:
    """What the test above rests on: the gazette takes what it is given."""
    desk.append(3)
    waiting = threading.Barrier(2)

    class Together(GazetteAnchor):
        def accept(self, digest: bytes) -> None:
            waiting.wait(5)
            super().accept(digest)

    def run() -> None:
        gazette = Together(NAME, file=gazette_file(desk.folder))
        gazette.advance(desk.log.checkpoint(), gazette.prepare(desk.log.checkpoint()), lambda _: None)

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(desk.gazette.notices) == 2


def test_issuing_waits_for_no_ledger(desk: Desk) -> None:
    """While one hangs, the log is appended to, and evidence of what is there already is given."""
    desk.anchored(3)
    desk.append(5)
    hangs, free = threading.Event(), threading.Event()

    class Hanging(GazetteAnchor):
        def advance(
            self, checkpoint: Checkpoint, state: bytes, keep: Callable[[bytes], None]
        ) -> Evidence | None:
            hangs.set()
            assert free.wait(30)
            return super().advance(checkpoint, state, keep)

    kinds = {"gazette": gazettes(desk.folder, Hanging)["gazette"]}
    thread = threading.Thread(target=lambda: desk.run(DAY, kinds=kinds))
    thread.start()
    assert hangs.wait(30)
    assert desk.append(9).size == 9
    assert len(desk.outbox.evidence(desk.log, 0)) == 2
    with pytest.raises(TryLater), turn(desk.outbox, 0.0):
        pass
    free.set()
    thread.join()
    assert len(desk.gazette.notices) == 2


@in_a_file
@pytest.mark.parametrize("settings", ["", "[]", "{"])
def test_settings_that_are_none_are_damage(desk: Desk, settings: str) -> None:
    """The list may have come with a folder from elsewhere."""
    with closing(sqlite3.connect(desk.folder / FILE)) as connection:
        connection.execute("UPDATE destination SET settings = ?", (settings,))
        connection.commit()
    with pytest.raises(Damaged, match="the settings of a ledger cannot be read"):
        desk.outbox.destinations()
