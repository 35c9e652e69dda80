"""Evidence that something existed, and whose word counts: verified offline, with nothing else at hand.

How each kind is verified is a mapping that is passed in. `OF_LOGS` has `c2sp.org/tlog-proof@v1`: an entry's
index, the path from its hash to the root, and the signed checkpoint with that root. Other kinds are about an
entry, too, or about a checkpoint, which is what goes to other ledgers; `kinds.py` has all that there are.
`TrustPolicy` says which logs, witnesses and other ledgers are believed; `verify_evidence` and
`verify_anchoring` give a `Fact` or raise.
"""

from __future__ import annotations

import binascii
import functools
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Any, Generic, NamedTuple, TypeVar

from wire.clock import is_ahead
from wire.problem import Malformed, TooLarge
from wire.text import counted, shortened
from wire.work import BYTES_WRITTEN, EVIDENCE, Work

from . import merkle
from .entries import parse_entry
from .note import Checkpoint, SignatureType, VerifierKey, decode_base64, signature_type
from .problem import LOG_CONTRADICTED, InvalidEvidence, NotWitnessed, UnknownKind, UnknownLedger, UnknownLog
from .requirement import Requirement

TLOG_PROOF = "c2sp.org/tlog-proof@v1"
LARGEST_PROOF = 1 << 18  # bytes of evidence
_witnesses = functools.partial(counted, one="witness", many="witnesses")
_INDEX = re.compile(rb"index (0|[1-9][0-9]{0,18})")
_NAME = r"[!-~]{1,128}"
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Evidence:
    """A proof about one digest: `kind` names its form, `body` is the proof as its maker wrote it."""

    kind: str
    digest: bytes
    body: bytes


@dataclass(frozen=True, slots=True)
class Fact:
    """What verified evidence of a kind proves: what it is about was there, at `time`, by `clock`.

    `where` is a log's name, or that of another ledger, if it is a chain, by CAIP-2. `clock` is "witness" when
    `time` is that of a quorum of witnesses, "own" when it is only the log's own word, "none" when nobody
    states a time, "ledgers" when it is that of ledgers that are required; other kinds say whose it is. The
    caller, who knows the time now, decides about a time in the future.
    """

    kind: str
    where: str
    time: datetime | None
    clock: str
    witnesses: int = 0
    index: int | None = None
    """Its place among the entries of the log; `None` where the order of entries is not proved."""
    checkpoint: Checkpoint | None = field(default=None, compare=False, repr=False)
    """The checkpoint by which it was there, of which there may be evidence again."""
    stated: datetime | None = None
    """What the log itself says of the time, where `time` is that of others."""


@dataclass(frozen=True, slots=True)
class TrustedLedger:
    """Another ledger that is believed to have a log's checkpoints, by evidence of one kind.

    Raises `Malformed` unless kind and name are printable ASCII without blanks, of 128 characters at the most.
    """

    kind: str
    where: str
    """Its name, if it is a chain, by CAIP-2."""
    parameters: Mapping[str, Any] = field(default_factory=dict, hash=False)
    """What else evidence of this kind is held against, such as addresses and pinned blocks, in JSON."""

    def __post_init__(self) -> None:
        for name in (self.kind, self.where):
            if not re.fullmatch(_NAME, name):
                raise Malformed.saying(
                    "{name} is no name of a ledger, and of no kind of evidence", name=shortened(name)
                )


@dataclass(frozen=True, slots=True)
class Reached:
    """What a log is known to have come to, as by the newest event on a chain: it never goes back.

    It need not be signed by the log, so that what contradicts it is open, not false.
    """

    size: int
    root: bytes
    time: datetime
    """By when it had come so far."""


@dataclass(frozen=True, slots=True)
class TrustedLog:
    """A log that is believed: its key, the key of its own clock, and who else must have seen it.

    Without a quorum, witnesses are counted and tell no time: a single one of them could set it.

    Raises `Malformed` for keys that do not fit their places, and where a ledger is required that is not
    among `ledgers`.
    """

    key: VerifierKey
    clock: VerifierKey | None = None
    witnesses: tuple[VerifierKey, ...] = ()
    quorum: int = 0
    ledgers: tuple[TrustedLedger, ...] = ()
    requires: Requirement | None = None
    """Which of the ledgers have to have it: then theirs is the time of an entry, and not the log's own."""
    reached: Reached | None = None
    is_shared: bool = False
    """Whether it speaks for several issuers, so that an entry alone does not say whose it is."""
    unseen: tuple[str, ...] = ()
    """The vkeys of witnesses whose type of signature is not read here: they never count for the quorum."""

    def __post_init__(self) -> None:
        cosigners = (*([self.clock] if self.clock else []), *self.witnesses)
        if self.key.type is not SignatureType.ED25519:
            raise Malformed.saying("the key of the log {log} is that of a witness", log=self.key.name)
        if any(key.type is not SignatureType.COSIGNATURE for key in cosigners):
            raise Malformed.saying(
                "a clock or witness of the log {log} has the key of a log", log=self.key.name
            )
        different = {*self.unseen, *(key.public_key for key in cosigners)}
        if len(different) != len(cosigners) + len(self.unseen):
            raise Malformed.saying(
                "two of the log {log}'s clock and witnesses are one and the same key", log=self.key.name
            )
        count = len(self.witnesses) + len(self.unseen)
        if not 0 <= self.quorum <= count:
            said = (
                "the log {log} has {count} witness, not {quorum}"
                if count == 1
                else "the log {log} has {count} witnesses, not {quorum}"
            )
            raise Malformed.saying(said, log=self.key.name, count=count, quorum=self.quorum)
        required = self.requires.names if self.requires else frozenset()
        if absent := required - {ledger.where for ledger in self.ledgers}:
            raise Malformed.saying(
                "the log {log} has to be on {where}, which is not among its ledgers",
                log=self.key.name,
                where=shortened(min(absent)),
            )

    @classmethod
    def of(
        cls,
        key: str,
        clock: str | None = None,
        witnesses: Sequence[str] = (),
        quorum: int = 0,
        ledgers: Sequence[TrustedLedger] = (),
        requires: Requirement | None = None,
        reached: Reached | None = None,
        is_shared: bool = False,
    ) -> TrustedLog:
        """From vkeys. Raises `Malformed`."""
        parse = VerifierKey.parse
        unseen = tuple(vkey for vkey in witnesses if signature_type(vkey) not in tuple(SignatureType))
        cosigners = tuple(parse(vkey) for vkey in witnesses if vkey not in unseen)
        own = parse(clock) if clock else None
        return cls(parse(key), own, cosigners, quorum, tuple(ledgers), requires, reached, is_shared, unseen)


@dataclass(frozen=True, eq=False)
class TrustPolicy:
    """The logs that are believed. One key for two logs is refused, since it tells them no longer apart.

    Raises `Malformed` where two logs have one key.
    """

    logs: tuple[TrustedLog, ...] = ()
    _by_origin: Mapping[str, tuple[TrustedLog, ...]] = field(init=False, repr=False)
    _requires: bool = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if len({log.key.public_key for log in self.logs}) != len(self.logs):
            raise Malformed("two of the trusted logs have one and the same key")
        by_origin: dict[str, tuple[TrustedLog, ...]] = {}
        for log in self.logs:
            by_origin[log.key.name] = (*by_origin.get(log.key.name, ()), log)
        object.__setattr__(self, "_by_origin", MappingProxyType(by_origin))
        object.__setattr__(self, "_requires", any(log.requires for log in self.logs))

    @classmethod
    def of(cls, logs: Iterable[tuple[str, str | None, Sequence[str], int]]) -> TrustPolicy:
        """From vkeys: of each log its key, its clock's, its witnesses', and how many of these are needed."""
        return cls(tuple(TrustedLog.of(*log) for log in logs))

    def named(self, origin: str) -> tuple[TrustedLog, ...]:
        """The believed logs of this name: more than one when a log has changed its key."""
        return self._by_origin.get(origin, ())

    def is_shared(self, origin: str) -> bool:
        """Whether a believed log of this name speaks for several issuers."""
        return any(log.is_shared for log in self.named(origin))

    def ledgers(self, origin: str, kind: str) -> tuple[TrustedLedger, ...]:
        """Those that are believed to have checkpoints of this log, by evidence of this kind."""
        return tuple(ledger for log in self.named(origin) for ledger in log.ledgers if ledger.kind == kind)

    def required(self, origin: str) -> Requirement | None:
        """Which ledgers have to have what this log holds; of a log with several keys, as all of them ask."""
        if not self._requires:
            return None
        found = tuple(dict.fromkeys(log.requires for log in self.named(origin) if log.requires))
        return Requirement.all(found) if len(found) > 1 else next(iter(found), None)


class Attested(NamedTuple):
    """A checkpoint that a trust policy believes, and its time."""

    checkpoint: Checkpoint
    time: datetime | None
    clock: str
    witnesses: int


def _verify_tlog_proof(about: bytes, evidence: Evidence, trust: TrustPolicy) -> Fact:
    index, proof, note = parse_proof(evidence.body)
    checkpoint, time, clock, witnesses = attest(note, trust)
    merkle.verify_inclusion(merkle.leaf_hash(about), index, checkpoint.size, proof, checkpoint.root)
    return Fact(TLOG_PROOF, checkpoint.origin, time, clock, witnesses, index, checkpoint)


@dataclass(frozen=True, slots=True)
class OfEntries:
    """How evidence of one kind is verified, which is about entries of logs."""

    verify: Callable[[bytes, Evidence, TrustPolicy], Fact]
    """Given an entry, the digest of which is the evidence's. Pure, and offline.

    Raises as `verify_evidence`.
    """


@dataclass(frozen=True, slots=True)
class OfCheckpoints(Generic[_T]):
    """How evidence of one kind is verified, which is about checkpoints that another ledger has."""

    read: Callable[[TrustedLedger], _T]
    """What a ledger that is believed comes to, by its parameters. Raises `Malformed`."""
    verify: Callable[[Checkpoint, Evidence, _T], Fact]
    """Given a checkpoint, the digest of which is the evidence's, and what was read. Pure, and offline.

    Raises `UnknownLedger` for evidence that is not by this ledger, a finer class of it where it is and by a
    part of it that is not known, else as `verify_evidence`.
    """


EvidenceKind = OfEntries | OfCheckpoints[Any]

OF_LOGS: Mapping[str, EvidenceKind] = MappingProxyType({TLOG_PROOF: OfEntries(_verify_tlog_proof)})


def verify_evidence(
    entry: bytes,
    evidence: Evidence,
    trust: TrustPolicy,
    work: Work | None = None,
    *,
    kinds: Mapping[str, EvidenceKind] = OF_LOGS,
    recurs: bool = False,
) -> Fact:
    """What the evidence proves about a log entry; remembered where the same evidence `recurs`.

    Raises `InvalidEvidence` when it does not hold, `UnknownKind` (undetermined) for a kind that is not in
    `kinds`, whatever it is about, `UnknownLog` (undetermined) for a log that nothing here says to trust,
    `LOG_CONTRADICTED` among it, `NotWitnessed` when the quorum is not met, `TooLarge` above 256 KiB and where
    it costs more than is left of `work`.
    """
    kind = known_kind(evidence, kinds)
    _spend(evidence, work)
    if not isinstance(kind, OfEntries) or evidence.digest != parse_entry(entry).digest:
        raise InvalidEvidence("the evidence is for another digest")
    return (_verified_before if recurs else _verified)(kind, entry, evidence, trust)


def _verified(kind: OfEntries, entry: bytes, evidence: Evidence, trust: TrustPolicy) -> Fact:
    return kind.verify(entry, evidence, trust)


_verified_before = functools.lru_cache(maxsize=64)(_verified)  # each of 256 KiB at the most


def verify_anchoring(
    checkpoint: Checkpoint,
    evidence: Evidence,
    trust: TrustPolicy,
    work: Work | None = None,
    *,
    kinds: Mapping[str, EvidenceKind] = OF_LOGS,
) -> Fact:
    """What the evidence proves about a checkpoint, and so of every entry in it.

    Its digest is that of the checkpoint's text, since more signatures are added to it later. Raises
    `InvalidEvidence` when it does not hold, `UnknownKind` as `verify_evidence`, `UnknownLedger`
    (undetermined) where it is by none of the ledgers that are trusted for the log, or what is said of that
    one is not read here, or does not go so far, and `TooLarge` where it costs more than is left of `work`.
    """
    kind = known_kind(evidence, kinds)
    if not isinstance(kind, OfCheckpoints) or evidence.digest != checkpoint.digest:
        raise InvalidEvidence("the evidence is for another checkpoint")
    name, log = shortened(evidence.kind), shortened(checkpoint.origin)
    unknown = UnknownLedger.saying(
        "evidence of the kind {name} is by no ledger that is trusted for the log {log}", name=name, log=log
    )
    for ledger in trust.ledgers(checkpoint.origin, evidence.kind):
        _spend(evidence, work)
        try:
            known = _read(kind, ledger)
        except Malformed as problem:  # of the trust list, and no fault of the evidence
            unread = UnknownLedger.saying(
                "what is trusted of the ledger {where} is not read here: {why}",
                where=ledger.where,
                why=problem,
                because=problem,
            )
            unknown = unread if unknown.code == UnknownLedger.code else unknown
            continue
        try:
            fact = kind.verify(checkpoint, evidence, known)
        except UnknownLedger as problem:
            if problem.code != UnknownLedger.code:  # by this one, and a part of it that is not known
                unknown = problem
            continue
        if (fact.kind, fact.where, fact.index) == (evidence.kind, ledger.where, None):
            return fact
    raise unknown


@functools.lru_cache(maxsize=64)  # it may be long, and a bundle may bring much of one kind
def _read(kind: OfCheckpoints[_T], ledger: TrustedLedger) -> _T:
    return kind.read(ledger)


def _spend(evidence: Evidence, work: Work | None) -> None:
    if work is not None:
        work.spend(EVIDENCE + len(evidence.body) // BYTES_WRITTEN)


def known_kind(evidence: Evidence, kinds: Mapping[str, EvidenceKind] = OF_LOGS) -> EvidenceKind:
    """Its kind. Raises `UnknownKind` for evidence that nothing here reads, whatever it is about."""
    kind = kinds.get(evidence.kind)
    if kind is None:
        raise UnknownKind.saying(
            "evidence of the kind {kind} is not read here", kind=shortened(evidence.kind)
        )
    return kind


@functools.lru_cache(maxsize=64)  # a batch of proofs shares one checkpoint, whose signatures cost most
def attest(note: bytes, trust: TrustPolicy) -> Attested:
    """A checkpoint that the policy believes, with its time. Raises as `verify_evidence` does."""
    checkpoint = Checkpoint.parse(note)
    logs = trust.named(checkpoint.origin)
    if not logs:
        raise UnknownLog("the evidence is from a log that the trust policy does not name")
    for log in logs:
        if log.key in checkpoint.signers([log.key]):
            return _attested(checkpoint, log)
    raise InvalidEvidence.saying("the checkpoint is not signed by the log {log}", log=checkpoint.origin)


def _attested(checkpoint: Checkpoint, log: TrustedLog) -> Attested:
    times = checkpoint.signers(log.witnesses).values()
    # Time 0 is no time: whoever states it does not say that this was the newest (tlog-cosignature).
    seen = sorted(time for time in times if time is not None and time.timestamp())
    if len(seen) < log.quorum:
        raise NotWitnessed(
            f"the checkpoint of {checkpoint.origin} is signed by {_witnesses(len(seen))}, "
            f"not by {log.quorum}{_beside(log.unseen)}",
            log=checkpoint.origin,
            seen=len(seen),
            quorum=log.quorum,
        )
    # A log with a clock always shows its time, so that an altered line is not taken for a missing one.
    own = checkpoint.signers([log.clock]).get(log.clock) if log.clock else None
    if log.clock and own is None:
        raise InvalidEvidence.saying(
            "the checkpoint of {log} lacks the time by its own clock", log=checkpoint.origin
        )
    # Not the earliest time: of the quorum, all but one may be lying. Without one, any of them may be.
    time = seen[log.quorum - 1] if log.quorum else own
    if log.reached is not None:
        _require_not_contradicted(checkpoint, time, log.reached)
    clock = "witness" if log.quorum else "own" if own else "none"
    return Attested(checkpoint, time, clock, len(seen))


def _beside(unseen: Sequence[str]) -> str:
    return f"; how {_witnesses(len(unseen))} of the list would sign is not known here" if unseen else ""


def _require_not_contradicted(checkpoint: Checkpoint, time: datetime | None, reached: Reached) -> None:
    """Raises `LOG_CONTRADICTED` for another tree of that size, and for a smaller one that is of later."""
    if checkpoint.size == reached.size and checkpoint.root != reached.root:
        raise LOG_CONTRADICTED.saying(
            "the log {log} is known to have come to {known} entries that are not those of its checkpoint",
            log=checkpoint.origin,
            known=reached.size,
        )
    if checkpoint.size < reached.size and time is not None and is_ahead(time, reached.time):
        raise LOG_CONTRADICTED.saying(
            "the log {log} had {known} entries by {date}, and a checkpoint that is dated later has {size}",
            log=checkpoint.origin,
            known=reached.size,
            date=f"{reached.time:%Y-%m-%d %H:%M}Z",
            size=checkpoint.size,
        )


def format_proof(index: int, proof: Sequence[bytes], note: bytes) -> bytes:
    """The text of a tlog-proof: the index, the inclusion proof, and the checkpoint as it was signed."""
    lines = b"".join([binascii.b2a_base64(sibling) for sibling in proof])
    return b"%b\nindex %d\n%b\n%b" % (TLOG_PROOF.encode(), index, lines, note)


def parse_proof(body: bytes) -> tuple[int, list[bytes], bytes]:
    """Index, inclusion proof and checkpoint of a tlog-proof; extra data, which is not signed, is skipped.

    Raises `InvalidEvidence`, `TooLarge`.
    """
    if len(body) > LARGEST_PROOF:
        raise TooLarge.saying("the evidence is longer than {most} bytes", most=LARGEST_PROOF)
    head, _, note = body.partition(b"\n\n")
    version, *lines = head.split(b"\n")
    if version != TLOG_PROOF.encode():
        raise InvalidEvidence.saying("the evidence does not begin with {start}", start=TLOG_PROOF)
    if lines and lines[0].startswith(b"extra "):
        decode_base64(lines.pop(0)[6:], "The extra data of the evidence")
    index = _INDEX.fullmatch(lines[0]) if lines else None
    if index is None or len(lines) > 64:
        raise InvalidEvidence("the evidence is not an index, an inclusion proof and a checkpoint")
    proof = [decode_base64(line, "A hash of the inclusion proof") for line in lines[1:]]
    if any(len(sibling) != merkle.HASH_SIZE for sibling in proof):
        raise InvalidEvidence("a hash of the inclusion proof is not 32 bytes")
    return int(index[1]), proof, note
