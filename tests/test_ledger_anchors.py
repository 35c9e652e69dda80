"""Where checkpoints go beside their log, and that another kind of evidence needs no change in the package."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from ledger import (
    KINDS,
    Checkpoint,
    InvalidEvidence,
    OfCheckpoints,
    OfEntries,
    TrustedLedger,
    UnknownKind,
    UnknownLedger,
)
from ledger import verify_anchoring as anchored
from ledger import verify_evidence as verified
from ledger.anchor import Sender
from ledger.anchors import ANCHORS, anchor_kind
from ledger.evm.problem import NODES_UNREADABLE
from ledger.tiles.memory import MemoryStore
from tests.gazette import NAME, NOTICE, NOTICES, Gazette
from tests.ledger_samples import COSIGNER, NOW, ORIGIN, open_log, sample, samples, trust_in
from tests.problems import raises
from wire.problem import Malformed, TooLarge
from wire.work import EVIDENCE, Work

KNOWN = {**KINDS, NOTICE: NOTICES}
LATER = NOW + timedelta(hours=3)


@pytest.fixture(scope="module")
def gazette() -> Gazette:
    """One with two issues: a log's checkpoints of 3 and of 5 entries."""
    log, gazette = open_log(MemoryStore()), Gazette()
    for number, size in enumerate((3, 5)):
        log.append(samples(log.checkpoint().size, size), b"%d" % size)
        gazette.submit([log.checkpoint(), log.checkpoint()])
        gazette.print(LATER + number * timedelta(days=1))
    return gazette


def test_each_step_from_an_entry_to_another_ledger_verifies_alone(gazette: Gazette) -> None:
    """The entry is in the log by a checkpoint, and the checkpoint in the gazette; neither needs the other."""
    log = open_log(MemoryStore())
    log.append(samples(0, 3), b"3")
    fact = verified(sample(1), log.evidence(1), trust_in(log), kinds=KNOWN)
    assert (fact.where, fact.index, fact.time, fact.clock) == (log.origin, 1, NOW, "own")
    checkpoint = fact.checkpoint
    assert checkpoint is not None
    notice = gazette.collect(checkpoint)
    assert notice is not None
    seen = anchored(checkpoint, notice, trust_in(log, gazette.trusted), kinds=KNOWN)
    assert (seen.kind, seen.where, seen.index) == (NOTICE, NAME, None)
    assert (seen.time, seen.clock) == (LATER, "gazette")
    more = checkpoint.note + log.clock_key.sign(COSIGNER, checkpoint.text, LATER)  # as a witness does
    assert anchored(Checkpoint.parse(more), notice, trust_in(log, gazette.trusted), kinds=KNOWN) == seen


def test_a_notice_is_of_one_checkpoint(gazette: Gazette) -> None:
    log = open_log(MemoryStore())
    checkpoints = []
    for size in (3, 5, 6):
        log.append(samples(log.checkpoint().size, size), b"%d" % size)
        checkpoints.append(log.checkpoint())
    first, second, never = map(gazette.collect, checkpoints)
    assert first is not None
    assert second is not None
    assert never is None
    trust = trust_in(log, gazette.trusted)
    assert anchored(checkpoints[1], second, trust, kinds=KNOWN).time == LATER + timedelta(days=1)
    for checkpoint, wrong in (
        (checkpoints[1], first),
        (checkpoints[2], first),
        (checkpoints[1], replace(first, digest=checkpoints[1].digest)),
        (checkpoints[0], replace(first, body=second.body)),
        (checkpoints[0], replace(log.evidence(1), digest=checkpoints[0].digest)),  # which is of entries
    ):
        with pytest.raises(InvalidEvidence):
            anchored(checkpoint, wrong, trust, kinds=KNOWN)


def test_evidence_of_a_checkpoint_is_none_of_an_entry_nor_the_other_way_round(gazette: Gazette) -> None:
    """Even where it has the entry's digest: a ledger that anybody may write to would vouch for entries."""
    [entry] = samples(1, 2)
    log = open_log(MemoryStore())
    log.append(samples(0, 3), b"3")
    checkpoint, asked = log.checkpoint(), lambda *_: pytest.fail("asked")
    notice = gazette.collect(checkpoint)
    assert notice is not None
    trust = trust_in(log, gazette.trusted)
    for digest in (entry[2:], notice.digest):
        notice = replace(notice, digest=digest)
        with pytest.raises(InvalidEvidence):
            verified(entry, notice, trust, kinds={NOTICE: OfCheckpoints(asked, asked)})
        with pytest.raises(InvalidEvidence):
            anchored(checkpoint, notice, trust, kinds={NOTICE: OfEntries(asked)})


def test_what_is_not_known_here_is_open(gazette: Gazette) -> None:
    log = open_log(MemoryStore())
    log.append(samples(0, 3), b"3")
    checkpoint = log.checkpoint()
    notice = gazette.collect(checkpoint)
    assert notice is not None
    trust = trust_in(log, gazette.trusted)
    with pytest.raises(UnknownKind) as kind:
        anchored(checkpoint, notice, trust)
    assert kind.value.undetermined
    with pytest.raises(UnknownKind):  # nor is the log's own kind, where it is not passed in
        verified(sample(1), log.evidence(1), trust, kinds={})
    with pytest.raises(TooLarge):
        anchored(checkpoint, notice, trust, Work(EVIDENCE - 1), kinds=KNOWN)


def test_a_ledger_is_believed_where_it_is_named_for_the_log(gazette: Gazette) -> None:
    """By its kind and name, with parameters that the evidence fits; else it is open, and never asked."""
    log = open_log(MemoryStore())
    log.append(samples(0, 3), b"3")
    checkpoint = log.checkpoint()
    notice = gazette.collect(checkpoint)
    assert notice is not None
    trusted = gazette.trusted
    other = Gazette("gazette:other")
    other.print(NOW)
    wrong: tuple[tuple[tuple[TrustedLedger, ...], str], ...] = (
        ((), "by no ledger that is trusted for the log 'ledger.example/log'"),
        ((replace(trusted, kind="gazette.example/notice@v2"),), "by no ledger"),
        ((other.trusted,), "by no ledger"),
        ((replace(trusted, parameters={}),), "by no ledger"),
        (
            (replace(trusted, parameters={"0a": "yesterday"}),),
            "gazette:example is not read here: 0a is not",
        ),
    )
    for ledgers, why in wrong:
        with pytest.raises(UnknownLedger, match=why) as left:
            anchored(checkpoint, notice, trust_in(log, *ledgers), kinds=KNOWN)
        assert left.value.undetermined
    for ledgers in ((other.trusted, trusted), (trusted, other.trusted)):
        assert anchored(checkpoint, notice, trust_in(log, *ledgers), kinds=KNOWN).where == NAME
    renamed = replace(trusted, where="gazette:other")  # whoever trusts the list calls it so
    assert anchored(checkpoint, notice, trust_in(log, renamed), kinds=KNOWN).where == "gazette:other"


def test_what_a_kind_says_counts_for_the_ledger_that_was_asked_about(gazette: Gazette) -> None:
    log = open_log(MemoryStore())
    log.append(samples(0, 3), b"3")
    checkpoint = log.checkpoint()
    notice = gazette.collect(checkpoint)
    assert notice is not None
    trust = trust_in(log, gazette.trusted)
    fact = anchored(checkpoint, notice, trust, kinds=KNOWN)
    for wrong in (replace(fact, where=ORIGIN), replace(fact, kind="x"), replace(fact, index=1)):
        kinds = {NOTICE: OfCheckpoints(lambda _: None, lambda *_, wrong=wrong: wrong)}
        with pytest.raises(UnknownLedger):
            anchored(checkpoint, notice, trust, kinds=kinds)


@pytest.mark.parametrize("name", ["", "a b", "gaz\u00ebtte", "a\nb", "x" * 129])
def test_a_name_is_short_and_can_be_shown(name: str) -> None:
    for kind, where in ((name, NAME), (NOTICE, name)):
        with pytest.raises(Malformed):
            TrustedLedger(kind, where)


def test_what_is_said_of_a_ledger_is_read_once(gazette: Gazette) -> None:
    """It may be long, and whoever sends a bundle says how much evidence there is."""
    log = open_log(MemoryStore())
    log.append(samples(0, 3), b"3")
    checkpoint, asked = log.checkpoint(), list[TrustedLedger]()
    notice = gazette.collect(checkpoint)
    assert notice is not None

    def read(ledger: TrustedLedger) -> Gazette:
        asked.append(ledger)
        return NOTICES.read(ledger)

    trust, kinds = trust_in(log, gazette.trusted), {NOTICE: OfCheckpoints(read, NOTICES.verify)}
    for _ in range(5):
        assert anchored(checkpoint, notice, trust, kinds=kinds).where == NAME
    assert asked == [gazette.trusted]


def test_a_chain_that_names_no_nodes_takes_no_checkpoints(tmp_path: Path) -> None:
    """Both ways into the package for chains, of which neither has a node to ask."""
    chain = anchor_kind("eip155:1", ANCHORS)
    sender = Sender(tmp_path, open_log(MemoryStore()), lambda: None, lambda _: None)
    with raises(NODES_UNREADABLE, match="no nodes of eip155:1 are named"):
        chain.begin("eip155:1", {"owner": "0x" + "0f" * 20}, sender)
    with raises(NODES_UNREADABLE, match="no nodes of eip155:1 are named"):
        chain.open("eip155:1", {"nodes": None, "depth": None}, sender)
