"""Where checkpoints go beside their log, and that another kind of evidence needs no change in the package."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from ledger import KINDS, Checkpoint, EvidenceKind, InvalidEvidence, TrustPolicy, UnknownKind, UnknownLog
from ledger import verify_anchoring as anchored
from ledger import verify_evidence as verified
from ledger.tiles.memory import MemoryStore
from tests.gazette import NAME, NOTICE, Gazette, notices
from tests.ledger_samples import COSIGNER, NOW, open_log, sample, samples, trust_in
from wire.problem import TooLarge
from wire.work import EVIDENCE, Work

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
    kinds = {**KINDS, NOTICE: notices(gazette.printed)}
    log = open_log(MemoryStore())
    log.append(samples(0, 3), b"3")
    fact = verified(sample(1), log.evidence(1), trust_in(log), kinds=kinds)
    assert (fact.where, fact.index, fact.time, fact.clock) == (log.origin, 1, NOW, "own")
    checkpoint = fact.checkpoint
    assert checkpoint is not None
    notice = gazette.collect(checkpoint)
    assert notice is not None
    seen = anchored(checkpoint, notice, TrustPolicy(), kinds=kinds)
    assert (seen.kind, seen.where, seen.index) == (NOTICE, NAME, None)
    assert (seen.time, seen.clock) == (LATER, "gazette")
    more = checkpoint.note + log.clock_key.sign(COSIGNER, checkpoint.text, LATER)  # as a witness does
    assert anchored(Checkpoint.parse(more), notice, TrustPolicy(), kinds=kinds) == seen


def test_a_notice_is_of_one_checkpoint(gazette: Gazette) -> None:
    kinds = {**KINDS, NOTICE: notices(gazette.printed)}
    log = open_log(MemoryStore())
    checkpoints = []
    for size in (3, 5, 6):
        log.append(samples(log.checkpoint().size, size), b"%d" % size)
        checkpoints.append(log.checkpoint())
    first, second, never = map(gazette.collect, checkpoints)
    assert first is not None
    assert second is not None
    assert never is None
    assert anchored(checkpoints[1], second, TrustPolicy(), kinds=kinds).time == LATER + timedelta(days=1)
    for checkpoint, wrong in (
        (checkpoints[1], first),
        (checkpoints[2], first),
        (checkpoints[1], replace(first, digest=checkpoints[1].digest)),
        (checkpoints[0], replace(first, body=second.body)),
        (checkpoints[0], replace(log.evidence(1), digest=checkpoints[0].digest)),  # which is of entries
    ):
        with pytest.raises(InvalidEvidence):
            anchored(checkpoint, wrong, trust_in(log), kinds=kinds)


def test_evidence_of_a_checkpoint_is_none_of_an_entry_nor_the_other_way_round(gazette: Gazette) -> None:
    """Even where it has the entry's digest: a ledger that anybody may write to would vouch for entries."""
    [entry] = samples(1, 2)
    log = open_log(MemoryStore())
    log.append(samples(0, 3), b"3")
    checkpoint, asked = log.checkpoint(), lambda about, evidence, trust: pytest.fail("asked")
    notice = gazette.collect(checkpoint)
    assert notice is not None
    for digest in (entry[2:], notice.digest):
        notice = replace(notice, digest=digest)
        with pytest.raises(InvalidEvidence):
            verified(entry, notice, trust_in(log), kinds={NOTICE: EvidenceKind(asked, of_checkpoints=True)})
        with pytest.raises(InvalidEvidence):
            anchored(checkpoint, notice, trust_in(log), kinds={NOTICE: EvidenceKind(asked)})


def test_what_is_not_known_here_is_open(gazette: Gazette) -> None:
    log = open_log(MemoryStore())
    log.append(samples(0, 3), b"3")
    checkpoint = log.checkpoint()
    notice = gazette.collect(checkpoint)
    assert notice is not None
    with pytest.raises(UnknownKind) as kind:
        anchored(checkpoint, notice, trust_in(log))
    with pytest.raises(UnknownLog) as issue:
        anchored(checkpoint, notice, trust_in(log), kinds={NOTICE: notices({})})
    assert kind.value.undetermined
    assert issue.value.undetermined
    with pytest.raises(UnknownKind):  # nor is the log's own kind, where it is not passed in
        verified(sample(1), log.evidence(1), trust_in(log), kinds={})
    with pytest.raises(TooLarge):
        anchored(checkpoint, notice, trust_in(log), Work(EVIDENCE - 1), kinds={NOTICE: notices({})})
