"""Evidence verified offline: whose word counts, and that no altered byte of it passes."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest

import ledger
from keys import PrivateKey
from ledger import (
    EntryKind,
    Evidence,
    Fact,
    InvalidEvidence,
    Log,
    NotWitnessed,
    TrustedLog,
    TrustPolicy,
    UnknownKind,
    UnknownLog,
    VerifierKey,
    entry,
    parse_entry,
    verify_evidence,
)
from ledger.evidence import LARGEST_PROOF, TLOG_PROOF, _verified_before, attest, format_proof, parse_proof
from ledger.note import Note, SignatureType
from ledger.tiles.memory import MemoryStore
from tests.conftest import ROOT
from tests.ledger_samples import COSIGNER, NOW, ORIGIN, SIGNER, open_log, sample, samples, trust_in
from wire.problem import Malformed, TooLarge
from wire.work import Work

ENTRY = sample(5)
WITNESSES = [PrivateKey.from_secret("Ed25519", bytes([number]) * 32) for number in (11, 12, 13)]
WITNESS_KEYS = [
    VerifierKey(f"witness{number}.example", SignatureType.COSIGNATURE, witness.public_key)
    for number, witness in enumerate(WITNESSES)
]


@pytest.fixture(scope="module")
def log() -> Log:
    log = open_log(MemoryStore())
    log.append(samples(0, 300), b"0")
    return log


@pytest.fixture(scope="module")
def evidence(log: Log) -> Evidence:
    return log.evidence(5)


def witnessed(evidence: Evidence, *times: datetime | None) -> Evidence:
    """With cosignatures by the first witnesses, where they have a time."""
    text = Note.parse(parse_proof(evidence.body)[2]).text
    lines = [
        key.sign(witness, text, time)
        for key, witness, time in zip(WITNESS_KEYS, WITNESSES, times, strict=False)
        if time is not None
    ]
    return dataclasses.replace(evidence, body=evidence.body + b"".join(lines))


def trust(log: Log, quorum: int = 0, *, clock: bool = True) -> TrustPolicy:
    own = log.clock_key if clock else None
    return TrustPolicy((TrustedLog(log.verifier_key, own, tuple(WITNESS_KEYS), quorum),))


def test_entries() -> None:
    digest = hashlib.sha256(b"a document").digest()
    assert [kind.value for kind in EntryKind] == [1, 2, 3, 4, 5]
    assert entry(EntryKind.STATUS_LIST, digest) == b"\x03\x01" + digest
    assert parse_entry(b"\x03\x01" + digest) == (EntryKind.STATUS_LIST, digest)
    with pytest.raises(Malformed, match="31"):
        entry(EntryKind.CREDENTIAL, digest[:31])
    for wrong in (
        b"",
        b"\x03\x01" + digest[:31],
        b"\x03\x02" + digest,
        b"\x00\x01" + digest,
        b"\x06\x01" + digest,
    ):
        with pytest.raises(Malformed):
            parse_entry(wrong)


def test_the_fact(log: Log, evidence: Evidence) -> None:
    assert evidence.kind == "c2sp.org/tlog-proof@v1"
    assert verify_evidence(ENTRY, evidence, trust_in(log)) == Fact(TLOG_PROOF, ORIGIN, NOW, "own", 0, 5)


def test_the_form_is_that_of_the_specification(log: Log, evidence: Evidence) -> None:
    """C2SP tlog-proof, "Format": read here line by line, by other means."""
    version, index, *rest = evidence.body.decode().split("\n")
    blank = rest.index("")
    assert (version, index) == ("c2sp.org/tlog-proof@v1", "index 5")
    assert [base64.b64decode(line) for line in rest[:blank]] == log.prove(5, 300)
    assert "\n".join(rest[blank + 1 :]).encode() == log.checkpoint().note
    assert format_proof(0, [], b"checkpoint\n") == b"c2sp.org/tlog-proof@v1\nindex 0\n\ncheckpoint\n"
    assert parse_proof(b"c2sp.org/tlog-proof@v1\nindex 0\n\ncheckpoint\n") == (0, [], b"checkpoint\n")


def test_extra_data_is_skipped(log: Log, evidence: Evidence) -> None:
    extra = evidence.body.replace(b"\nindex", b"\nextra ZXh0cmE=\nindex")
    assert verify_evidence(ENTRY, dataclasses.replace(evidence, body=extra), trust_in(log)).index == 5


@pytest.mark.quick(every=4)
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"c2sp.org/tlog-proof@v1",
        b"c2sp.org/tlog-proof@v2\nindex 0\n\nnote\n",
        b"c2sp.org/tlog-proof@v1\n\nnote\n",
        b"c2sp.org/tlog-proof@v1\nindex -5\n\nnote\n",
        b"c2sp.org/tlog-proof@v1\nindex 05\n\nnote\n",
        b"c2sp.org/tlog-proof@v1\nindex five\n\nnote\n",
        b"c2sp.org/tlog-proof@v1\nindex 99999999999999999999\n\nnote\n",
        b"c2sp.org/tlog-proof@v1\nextra !\nindex 0\n\nnote\n",
        b"c2sp.org/tlog-proof@v1\nextra AAAA\n\nnote\n",
        b"c2sp.org/tlog-proof@v1\nindex 0\n!\n\nnote\n",
        b"c2sp.org/tlog-proof@v1\nindex 0\nAAAA\n\nnote\n",
        b"c2sp.org/tlog-proof@v1\nindex 0\n" + 64 * (b"A" * 43 + b"=\n") + b"\nnote\n",
    ],
)
def test_malformed_evidence(log: Log, body: bytes) -> None:
    with pytest.raises(InvalidEvidence):
        verify_evidence(ENTRY, Evidence(TLOG_PROOF, ENTRY[2:], body), trust_in(log))


def test_huge_evidence_is_not_read(log: Log) -> None:
    with pytest.raises(TooLarge):
        verify_evidence(ENTRY, Evidence(TLOG_PROOF, ENTRY[2:], b"x" * (1 << 18 | 1)), trust_in(log))


def test_no_altered_byte_passes(log: Log, evidence: Evidence) -> None:
    """Every byte, in three ways."""
    policy = trust_in(log)
    for at, mask in ((at, mask) for at in range(len(evidence.body)) for mask in (0x01, 0x20, 0x80)):
        body = bytearray(evidence.body)
        body[at] ^= mask
        with pytest.raises((InvalidEvidence, UnknownLog)):
            verify_evidence(ENTRY, dataclasses.replace(evidence, body=bytes(body)), policy)
    for at in range(len(evidence.body)):
        with pytest.raises((InvalidEvidence, UnknownLog)):
            verify_evidence(ENTRY, dataclasses.replace(evidence, body=evidence.body[:at]), policy)


def test_evidence_is_for_one_entry(log: Log, evidence: Evidence) -> None:
    policy = trust_in(log)
    other = sample(6)
    for wrong_entry, wrong in (
        (other, evidence),
        (other, dataclasses.replace(evidence, digest=other[2:])),
        (ENTRY, dataclasses.replace(evidence, digest=other[2:])),
        (sample(5, EntryKind.DID_DOCUMENT), evidence),
    ):
        with pytest.raises(InvalidEvidence):
            verify_evidence(wrong_entry, wrong, policy)
    with pytest.raises(Malformed):
        verify_evidence(b"short", evidence, policy)


def test_evidence_that_recurs_is_remembered_by_all_that_it_proves_a_fact_from(
    log: Log, evidence: Evidence
) -> None:
    policy, before = trust_in(log), _verified_before.cache_info()
    facts = [verify_evidence(ENTRY, evidence, policy, recurs=True) for _ in range(3)]
    assert facts == [verify_evidence(ENTRY, evidence, policy)] * 3
    assert _verified_before.cache_info().hits - before.hits == 2
    assert (_verified_before.cache_info().maxsize or 0) * LARGEST_PROOF <= 1 << 24
    for at in range(len(evidence.body)):
        body = bytearray(evidence.body)
        body[at] ^= 0x01
        with pytest.raises((InvalidEvidence, UnknownLog)):
            verify_evidence(ENTRY, dataclasses.replace(evidence, body=bytes(body)), policy, recurs=True)
    other = sample(6)
    with pytest.raises(InvalidEvidence):
        verify_evidence(other, dataclasses.replace(evidence, digest=other[2:]), policy, recurs=True)
    with pytest.raises(InvalidEvidence):
        verify_evidence(sample(5, EntryKind.DID_DOCUMENT), evidence, policy, recurs=True)
    with pytest.raises(UnknownLog):
        verify_evidence(ENTRY, evidence, TrustPolicy(), recurs=True)
    with pytest.raises(NotWitnessed):
        verify_evidence(ENTRY, evidence, trust(log, 1), recurs=True)
    with pytest.raises(TooLarge):
        verify_evidence(ENTRY, evidence, policy, Work(1), recurs=True)


def test_evidence_of_another_kind_proves_nothing_nor_the_contrary(log: Log, evidence: Evidence) -> None:
    for leaf in (ENTRY, sample(6)):  # whatever it is about
        with pytest.raises(UnknownKind, match="'application/other'") as found:
            verify_evidence(leaf, dataclasses.replace(evidence, kind="application/other"), trust_in(log))
        assert found.value.undetermined


def test_a_log_that_is_not_trusted(evidence: Evidence) -> None:
    with pytest.raises(UnknownLog) as problem:
        verify_evidence(ENTRY, evidence, TrustPolicy())
    assert problem.value.undetermined


def test_a_log_of_the_same_name_under_another_key(log: Log, evidence: Evidence) -> None:
    forged = open_log(MemoryStore(), signer=COSIGNER, cosigner=SIGNER)
    forged.append(samples(0, 300), b"0")
    with pytest.raises(InvalidEvidence, match="not signed by the log"):
        verify_evidence(ENTRY, forged.evidence(5), trust_in(log))
    with pytest.raises(InvalidEvidence, match="not signed by the log"):
        verify_evidence(ENTRY, evidence, trust_in(forged))


def test_a_log_that_changed_its_key(log: Log, evidence: Evidence) -> None:
    later = open_log(MemoryStore(), signer=PrivateKey.from_secret("Ed25519", b"\x07" * 32))
    later.append(samples(0, 300), b"0")
    both = TrustPolicy((*trust_in(log).logs, *trust_in(later).logs))
    assert verify_evidence(ENTRY, evidence, both).index == 5
    assert verify_evidence(ENTRY, later.evidence(5), both).index == 5


def test_no_time_without_a_clock(log: Log, evidence: Evidence) -> None:
    fact = verify_evidence(ENTRY, evidence, trust(log, clock=False))
    assert (fact.time, fact.clock) == (None, "none")


def test_the_logs_own_clock_is_not_left_out(log: Log, evidence: Evidence) -> None:
    """Else an altered line, which is a line of an unknown key, would pass for a missing one."""
    body = evidence.body[: evidence.body.rindex("— ".encode())]
    stripped = dataclasses.replace(evidence, body=body)
    assert verify_evidence(ENTRY, stripped, trust(log, clock=False)).clock == "none"
    with pytest.raises(InvalidEvidence, match="own clock"):
        verify_evidence(ENTRY, stripped, trust(log))


def test_witnesses_and_their_time(log: Log, evidence: Evidence) -> None:
    one, two, three = (NOW + timedelta(hours=hours) for hours in (1, 2, 3))
    seen, fact = partial(verify_evidence, ENTRY), partial(Fact, TLOG_PROOF, ORIGIN, index=5)
    assert seen(evidence, trust(log)) == fact(NOW, "own", 0)
    assert seen(witnessed(evidence, two), trust(log, 1)) == fact(two, "witness", 1)
    assert seen(witnessed(evidence, three, one), trust(log, 1)) == Fact(
        TLOG_PROOF, ORIGIN, one, "witness", 2, 5
    )
    # With a quorum of two, the earliest may be a liar's.
    assert seen(witnessed(evidence, three, one), trust(log, 2)).time == three
    assert seen(witnessed(evidence, three, one, two), trust(log, 2)).time == two


@pytest.mark.parametrize("clock", [True, False])
@pytest.mark.parametrize("others", [0, 2])
def test_without_a_quorum_no_witness_tells_the_time(
    log: Log, evidence: Evidence, others: int, *, clock: bool
) -> None:
    """A single one could set it, to any year."""
    lied = witnessed(evidence, datetime(2001, 1, 1, tzinfo=UTC), *[NOW] * others)
    fact = verify_evidence(ENTRY, lied, trust(log, clock=clock))
    assert fact.time == (NOW if clock else None)
    assert (fact.clock, fact.witnesses) == ("own" if clock else "none", 1 + others)


def test_a_quorum_that_is_not_met(log: Log, evidence: Evidence) -> None:
    for seen_by in (evidence, witnessed(evidence, NOW), witnessed(evidence, None, NOW)):
        with pytest.raises(NotWitnessed):
            verify_evidence(ENTRY, seen_by, trust(log, 2))
    never = datetime.fromtimestamp(0, UTC)  # which is no time
    assert verify_evidence(ENTRY, witnessed(evidence, NOW, never), trust(log, 1)).witnesses == 1
    with pytest.raises(NotWitnessed):
        verify_evidence(ENTRY, witnessed(evidence, NOW, never), trust(log, 2))
    twice = witnessed(witnessed(evidence, NOW), NOW + timedelta(hours=1))
    with pytest.raises(NotWitnessed, match="signed by 1 witness, not by"):
        verify_evidence(ENTRY, twice, trust(log, 2))


def test_a_witness_that_signed_something_else(log: Log, evidence: Evidence) -> None:
    """A broken part makes the whole refused, even if the quorum is met without it."""
    text = Note.parse(parse_proof(evidence.body)[2]).text
    wrong = WITNESS_KEYS[2].sign(WITNESSES[2], text.replace(b"300", b"301"), NOW)
    both = witnessed(evidence, NOW, NOW)
    with pytest.raises(InvalidEvidence, match=r"witness2\.example"):
        verify_evidence(ENTRY, dataclasses.replace(both, body=both.body + wrong), trust(log, 2))


def test_policies_that_make_no_sense(log: Log) -> None:
    key, clock = log.verifier_key, log.clock_key
    for wrong in (
        lambda: TrustedLog(clock),
        lambda: TrustedLog(key, key),
        lambda: TrustedLog(key, clock, (key,)),
        lambda: TrustedLog(key, clock, (VerifierKey("w.example", clock.type, clock.public_key),)),
        lambda: TrustedLog(key, clock, (WITNESS_KEYS[0], WITNESS_KEYS[0])),
        lambda: TrustedLog(key, clock, (WITNESS_KEYS[0],), 2),
        lambda: TrustedLog(key, clock, (), -1),
        lambda: TrustPolicy(
            (TrustedLog(key), TrustedLog(VerifierKey("b.example", key.type, key.public_key)))
        ),
        lambda: TrustPolicy.of([("not a key", None, [], 0)]),
    ):
        with pytest.raises(Malformed):
            wrong()


def vkey(kind: int, key: bytes = bytes(32), name: str = "witness.example") -> str:
    """As C2SP signed-note has it for any type; the key id is one's own business there."""
    raw = bytes([kind]) + key
    key_id = hashlib.sha256(f"{name}\n".encode() + raw).hexdigest()[:8]
    return f"{name}+{key_id}+{base64.b64encode(raw).decode()}"


LATER = vkey(7, bytes(1312))


class TestUnseen:
    """A witness whose type of signature is not read here is one that never comes."""

    def policy(self, log: Log, *witnesses: str, quorum: int = 0) -> TrustPolicy:
        return TrustPolicy.of([(str(log.verifier_key), str(log.clock_key), witnesses, quorum)])

    @pytest.mark.parametrize("kind", [0, 2, 3, 5, 7, 255])
    def test_the_others_count_as_ever(self, log: Log, evidence: Evidence, kind: int) -> None:
        known = [str(key) for key in WITNESS_KEYS[:2]]
        policy = self.policy(log, known[0], vkey(kind), known[1], quorum=2)
        fact = verify_evidence(ENTRY, witnessed(evidence, NOW, NOW + timedelta(hours=1)), policy)
        assert (fact.clock, fact.witnesses, fact.time) == ("witness", 2, NOW + timedelta(hours=1))
        assert policy.logs[0].witnesses == tuple(WITNESS_KEYS[:2])

    def test_a_quorum_that_needs_it_is_never_met(self, log: Log, evidence: Evidence) -> None:
        policy = self.policy(log, str(WITNESS_KEYS[0]), LATER, quorum=2)
        with pytest.raises(NotWitnessed, match="signed by 1 witness, not by 2; how 1 witness of the list"):
            verify_evidence(ENTRY, witnessed(evidence, NOW, NOW, NOW), policy)
        line = f"\N{EM DASH} witness.example {base64.b64encode(bytes(4) + bytes(72)).decode()}\n".encode()
        name, key_id, _ = LATER.split("+", 2)
        own = base64.b64encode(bytes.fromhex(key_id) + bytes(72)).decode()
        for signature in (line, f"\N{EM DASH} {name} {own}\n".encode()):
            signed = dataclasses.replace(evidence, body=evidence.body + signature)
            with pytest.raises(NotWitnessed, match="0 witnesses"):
                verify_evidence(ENTRY, signed, self.policy(log, LATER, quorum=1))

    @pytest.mark.quick(every=3)
    @pytest.mark.parametrize(
        "garbage",
        [
            "",
            "witness.example",
            vkey(7, b""),
            vkey(7).replace("witness", "wit ness"),
            vkey(7).replace("+", "+0", 1),
            vkey(7).replace("+", "+G", 1),
            vkey(7) + "=",
            vkey(7)[:-1],
            vkey(7).rpartition("+")[0] + "+",
            vkey(4, bytes(31)),
            vkey(4, bytes(32)),  # a point of small order
            vkey(4, WITNESSES[0].public_key.raw).replace("witness", "other"),
            vkey(1, WITNESSES[0].public_key.raw),
        ],
    )
    def test_what_is_garbage_or_stands_twice_is_refused(self, log: Log, garbage: str) -> None:
        with pytest.raises(Malformed):
            self.policy(log, garbage)
        for twice in (LATER, str(WITNESS_KEYS[0])):
            with pytest.raises(Malformed, match="one and the same key"):
                self.policy(log, twice, twice)
        with pytest.raises(Malformed, match="has 2 witnesses, not 3"):
            self.policy(log, LATER, str(WITNESS_KEYS[0]), quorum=3)

    def test_a_log_and_its_clock_are_of_a_type_that_is_read(self, log: Log) -> None:
        for key, clock in ((LATER, None), (str(log.verifier_key), LATER)):
            with pytest.raises(Malformed, match="signature type 1 or 4"):
                TrustedLog.of(key, clock)


def test_policies_from_vkeys(log: Log) -> None:
    policy = TrustPolicy.of([(str(log.verifier_key), str(log.clock_key), [str(WITNESS_KEYS[0])], 1)])
    [trusted] = policy.logs
    assert trusted == TrustedLog(log.verifier_key, log.clock_key, (WITNESS_KEYS[0],), 1)
    assert policy.named(ORIGIN) == policy.logs
    assert policy.named("elsewhere.example") == ()


def test_a_checkpoints_signatures_are_verified_once_for_many_proofs(log: Log) -> None:
    attest.cache_clear()
    policy = trust_in(log)
    for index in range(50):
        verify_evidence(sample(index), log.evidence(index), policy)
    assert attest.cache_info().misses == 1
    assert attest.cache_info().maxsize is not None
    for _ in range(2):  # what is refused is refused again
        with pytest.raises(UnknownLog):
            verify_evidence(ENTRY, log.evidence(5), TrustPolicy())


@pytest.mark.slow
def test_checking_evidence_loads_no_writer() -> None:
    program = "import sys, ledger; print('ledger.log' in sys.modules, ledger.Log.__module__)"
    command = [sys.executable, "-c", program]
    assert subprocess.run(command, cwd=ROOT, check=True, capture_output=True).stdout == b"False ledger.log\n"
    assert not hasattr(ledger, "Block")
