"""Evidence that something existed, and whose word counts: verified offline, with nothing else at hand.

A mapping from kinds to their verification is passed in (ADR 39). `OF_LOGS` has `c2sp.org/tlog-proof@v1`: an
entry's index, the path from its hash to the root, and the signed checkpoint with that root. Other kinds are
about an entry, too, or about a checkpoint, which other ledgers are sent; `kinds.py` lists all of them.
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
from .note import Checkpoint, SignatureType, VerifierKey, decode_base64, signature_type, vkey_name
from .problem import LOG_CONTRADICTED, InvalidEvidence, NotWitnessed, UnknownKind, UnknownLedger, UnknownLog
from .quorum import QuorumRule, WitnessQuorum, implies
from .requirement import LEDGERS, REQUIRED_WITNESSES, WITNESSES, Requirement

TLOG_PROOF = "c2sp.org/tlog-proof@v1"
LARGEST_PROOF = 1 << 18  # bytes of evidence
_witnesses = functools.partial(counted, one="witness", many="witnesses")
_INDEX = re.compile(rb"index (0|[1-9][0-9]{0,18})")  # 19 digits, as 2^63 has
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
    """Result of verifying evidence: the entry or checkpoint existed at `time`, according to `clock`.

    `where` names a log or another ledger; a chain has its CAIP-2 name. `clock` is "witness" for the time of a
    quorum of witnesses, "own" for the log's own word, "ledgers" or "required-witnesses" for the time of what
    is required, and "none" without a time; other kinds say whose it is. The caller, who knows the present
    time, decides about a time in the future. Of the `witnesses`, those of one operator count once.
    """

    kind: str
    where: str
    time: datetime | None
    clock: str
    witnesses: int = 0
    index: int | None = None
    """The entry's place in the log; `None` where the order of entries is not proved."""
    checkpoint: Checkpoint | None = field(default=None, compare=False, repr=False)
    """The checkpoint that covers the entry; other ledgers may have evidence of it in turn."""
    stated: datetime | None = None
    """The log's own time, where `time` is that of others."""
    quorum: WitnessQuorum | None = field(default=None, compare=False, repr=False)
    """The quorum that the witnesses meet, if there is one."""

    @property
    def is_required(self) -> bool:
        """True where the time is that of ledgers or witnesses that a trust policy requires."""
        return self.clock in (LEDGERS, REQUIRED_WITNESSES)


@dataclass(frozen=True, slots=True)
class TrustedLedger:
    """Another ledger that is trusted for a log's checkpoints, by evidence of one kind.

    Raises `Malformed` unless kind and name are printable ASCII without blanks, of 128 characters at the most.
    """

    kind: str
    where: str
    """Its name; that of a chain is by CAIP-2."""
    parameters: Mapping[str, Any] = field(default_factory=dict, hash=False)
    """Further data, in JSON, that evidence of this kind is checked against: addresses, pinned blocks."""

    def __post_init__(self) -> None:
        for name in (self.kind, self.where):
            if not re.fullmatch(_NAME, name):
                raise Malformed.saying(
                    "{name} is no name of a ledger, and of no kind of evidence", name=shortened(name)
                )


@dataclass(frozen=True, slots=True)
class Reached:
    """A state that a log is known to have reached, as by the newest event on a chain: it never goes back.

    The log need not have signed it, so evidence that contradicts it is undetermined, not invalid.
    """

    size: int
    root: bytes
    time: datetime
    """The time by which the log had reached this size."""


@dataclass(frozen=True, slots=True)
class TrustedLog:
    """A trusted log: its key, the key of its own clock, and who else must have seen it.

    Without a quorum, witnesses are counted and their time is not used: a single one of them could set it.

    Raises `Malformed` for keys that do not fit their places, and where a ledger is required that is not
    among `ledgers`.
    """

    key: VerifierKey
    clock: VerifierKey | None = None
    witnesses: tuple[VerifierKey, ...] = ()
    quorum: QuorumRule = 0
    """The number of witnesses that must have signed, or groups of them by their names."""
    ledgers: tuple[TrustedLedger, ...] = ()
    requires: Requirement | None = None
    """The ledgers that must have the log's checkpoint: an entry's time is then theirs, not the log's own.

    `WITNESSES` among them stands for the log's quorum.
    """
    reached: Reached | None = None
    is_shared: bool = False
    """True for a log of several issuers: an entry alone does not say whose it is."""
    unseen: tuple[str, ...] = ()
    """The vkeys of witnesses whose type of signature is not read here: they never count for the quorum."""
    operators: Mapping[str, str] = field(default_factory=dict, hash=False)
    """The operators of witnesses, by vkey; a witness without one is its own, by its name."""
    mirrors: tuple[str, ...] = ()
    """The addresses of copies of the log, for when its own host does not answer."""
    by_operator: WitnessQuorum = field(init=False, compare=False, repr=False)
    """The quorum, over operators."""
    _readable: Mapping[VerifierKey, str] = field(init=False, compare=False, repr=False)
    """The operators of the witnesses whose lines are read."""

    def __post_init__(self) -> None:
        cosigners = self.keys[1:]
        # The types have separate messages: a log signs the text, a witness the text with a time.
        if self.key.type is not SignatureType.ED25519:
            raise Malformed.saying("the key of the log {log} is that of a witness", log=self.key.name)
        is_log = any(key.type is SignatureType.ED25519 for key in cosigners)
        if is_log or (self.clock and self.clock.type is not SignatureType.COSIGNATURE):
            raise Malformed.saying(
                "a clock or witness of the log {log} has the key of a log", log=self.key.name
            )
        # threat A44: a key that stands there twice would count twice for the quorum.
        different = {*self.unseen, *(key.public_key for key in cosigners)}
        if len(different) != len(cosigners) + len(self.unseen):
            raise Malformed.saying(
                "two of the log {log}'s clock and witnesses are one and the same key", log=self.key.name
            )
        operators = self.operator_of
        # Where nobody names operators, keys of one name count once, and a quorum may still be of all keys.
        count = len(set(operators.values())) if self.operators else len(operators)
        # Unreadable witnesses count here: a quorum that needs them is unmet, but no mistake of the list.
        if isinstance(self.quorum, int) and not 0 <= self.quorum <= count:
            sentence = (
                "the log {log} has {count} witness, not {quorum}"
                if count == 1
                else "the log {log} has {count} witnesses, not {quorum}"
            )
            raise Malformed.saying(sentence, log=self.key.name, count=count, quorum=self.quorum)
        object.__setattr__(self, "by_operator", WitnessQuorum.by_operator(self.quorum, operators))
        read = {key: operators[str(key)] for key in self.witnesses}
        object.__setattr__(self, "_readable", MappingProxyType(read))
        # Evidence of a ledger that is not trusted never counts: the requirement could not be met.
        required = self.requires.names if self.requires else frozenset()
        met_here = {WITNESSES} if self.quorum else set()
        if absent := required - {ledger.where for ledger in self.ledgers} - met_here:
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
        quorum: QuorumRule = 0,
        ledgers: Sequence[TrustedLedger] = (),
        requires: Requirement | None = None,
        reached: Reached | None = None,
        is_shared: bool = False,
        operators: Mapping[str, str] = MappingProxyType({}),
        mirrors: Sequence[str] = (),
    ) -> TrustedLog:
        """From vkeys. Raises `Malformed`."""
        parse = VerifierKey.parse
        # A witness with a newer type of key makes no trust file unreadable; it just never counts.
        unseen = tuple(vkey for vkey in witnesses if signature_type(vkey) not in tuple(SignatureType))
        cosigners = tuple(parse(vkey) for vkey in witnesses if vkey not in unseen)
        clock_key = parse(clock) if clock else None
        rest = tuple(ledgers), requires, reached, is_shared, unseen, operators, tuple(mirrors)
        return cls(parse(key), clock_key, cosigners, quorum, *rest)

    @property
    def keys(self) -> tuple[VerifierKey, ...]:
        """The keys whose lines on a checkpoint are read: the log's, its clock's, its witnesses'."""
        return (self.key, *([self.clock] if self.clock else []), *self.witnesses)

    @property
    def operator_of(self) -> dict[str, str]:
        """The operator of each witness, by vkey: by its name, so that two keys of one name count once."""
        vkeys = (*map(str, self.witnesses), *self.unseen)
        return {vkey: self.operators.get(vkey, vkey_name(vkey)) for vkey in vkeys}

    def seen(self, checkpoint: Checkpoint) -> dict[str, datetime]:
        """The operators whose witnesses signed a checkpoint, each with the earliest time of its lines.

        Raises `InvalidEvidence` for a line of a witness that does not verify.
        """
        seen: dict[str, datetime] = {}
        for key, time in checkpoint.signers(self._readable).items():
            # Time 0 is no time: whoever states it does not say that this was the newest (tlog-cosignature).
            if time is not None and time.timestamp():
                operator = self._readable[key]
                seen[operator] = min(time, seen.get(operator, time))
        return seen

    def is_stricter_than(self, other: TrustedLog) -> bool:
        """Return whether all that meets this quorum meets that of `other`, and not the other way round."""
        ours, theirs = (self.by_operator, self.operator_of), (other.by_operator, other.operator_of)
        return implies(*ours, *theirs) and not implies(*theirs, *ours)


@dataclass(frozen=True, eq=False)
class TrustPolicy:
    """The trusted logs. One key for two logs is refused, since it no longer tells them apart.

    Raises `Malformed` where two logs have one key.
    """

    logs: tuple[TrustedLog, ...] = ()
    _by_origin: Mapping[str, tuple[TrustedLog, ...]] = field(init=False, repr=False)
    _requires: bool = field(init=False, repr=False)

    def __post_init__(self) -> None:
        # threat A44: a note of either log could be passed off as one of the other.
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
        """The trusted logs of this name: more than one when a log has changed its key."""
        return self._by_origin.get(origin, ())

    def is_shared(self, origin: str) -> bool:
        """True where a trusted log of this name speaks for several issuers."""
        return any(log.is_shared for log in self.named(origin))

    def ledgers(self, origin: str, kind: str) -> tuple[TrustedLedger, ...]:
        """The ledgers that are trusted for this log's checkpoints, by evidence of this kind."""
        # threat F4: a ledger that a trust file names for one log says nothing of another log.
        return tuple(ledger for log in self.named(origin) for ledger in log.ledgers if ledger.kind == kind)

    def required(self, origin: str) -> Requirement | None:
        """The ledgers that must have this log's checkpoints; of several keys, the demands of all of them."""
        if not self._requires:
            return None
        # ADR 58: a requirement is about the log that it stands with, and about no other.
        demands = tuple(dict.fromkeys(log.requires for log in self.named(origin) if log.requires))
        return Requirement.all(demands) if len(demands) > 1 else next(iter(demands), None)


class Attested(NamedTuple):
    """A checkpoint that a trust policy accepts, and its time."""

    checkpoint: Checkpoint
    time: datetime | None
    clock: str
    witnesses: int
    """Those of one operator count once."""
    quorum: WitnessQuorum | None = None
    """The quorum that these meet, if there is one."""


def _verify_tlog_proof(about: bytes, evidence: Evidence, trust: TrustPolicy) -> Fact:
    index, proof, note = parse_proof(evidence.body)
    checkpoint, time, clock, witnesses, quorum = attest(note, trust)
    # The leaf is hashed from the entry here: the proof brings siblings only (RFC 9162 2.1.3.2).
    merkle.verify_inclusion(merkle.leaf_hash(about), index, checkpoint.size, proof, checkpoint.root)
    origin = checkpoint.origin
    return Fact(TLOG_PROOF, origin, time, clock, witnesses, index, checkpoint, quorum=quorum)


@dataclass(frozen=True, slots=True)
class OfEntries:
    """The verification of one kind of evidence about log entries."""

    verify: Callable[[bytes, Evidence, TrustPolicy], Fact]
    """Takes an entry whose digest is that of the evidence. Pure, and offline.

    Raises as `verify_evidence`.
    """


@dataclass(frozen=True, slots=True)
class OfCheckpoints(Generic[_T]):
    """The verification of one kind of evidence about checkpoints that another ledger has."""

    read: Callable[[TrustedLedger], _T]
    """Reads the parameters of a trusted ledger into the form that `verify` takes. Raises `Malformed`."""
    verify: Callable[[Checkpoint, Evidence, _T], Fact]
    """Takes a checkpoint whose digest is that of the evidence, and the result of `read`. Pure, and offline.

    Raises `UnknownLedger` for evidence of another ledger, a finer class of it for evidence by an unknown part
    of this one, else as `verify_evidence`.
    """


EvidenceKind = OfEntries | OfCheckpoints[Any]
"""The way in which evidence of one kind is verified: about an entry, or about a checkpoint."""

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
    """Verify evidence about a log entry; the result is cached where the same evidence `recurs`.

    Raises `InvalidEvidence` when it does not hold, `NotWitnessed` when the quorum is not met, and `TooLarge`
    above 256 KiB and where it costs more than is left of `work`. Undetermined are `UnknownKind`, for a kind
    that is not in `kinds`, and `UnknownLog`, for a log that the policy does not trust, `LOG_CONTRADICTED`
    among it.
    """
    kind = known_kind(evidence, kinds)
    # ADR 23: charged before anything is parsed, since a bundle may bring any number of them.
    _spend(evidence, work)
    # A genuine proof of another document says nothing of this one.
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
    """Verify evidence about a checkpoint, and so about every entry in it.

    Its digest is that of the checkpoint's text, since signatures may be added to the note later. Raises
    `InvalidEvidence` when it does not hold, `UnknownKind` as `verify_evidence`, and `TooLarge` where it costs
    more than is left of `work`. `UnknownLedger` (undetermined) is raised for evidence by no ledger that is
    trusted for the log, and where that ledger's parameters are not read here, or do not go so far.
    """
    kind = known_kind(evidence, kinds)
    # threat F19: evidence of another checkpoint.
    if not isinstance(kind, OfCheckpoints) or evidence.digest != checkpoint.digest:
        raise InvalidEvidence("the evidence is for another checkpoint")
    name, log = shortened(evidence.kind), shortened(checkpoint.origin)
    unknown = UnknownLedger.saying(
        "evidence of the kind {name} is by no ledger that is trusted for the log {log}", name=name, log=log
    )
    for ledger in trust.ledgers(checkpoint.origin, evidence.kind):
        _spend(evidence, work)
        try:
            trusted = _read(kind, ledger)
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
            fact = kind.verify(checkpoint, evidence, trusted)
        except UnknownLedger as problem:
            if problem.code != UnknownLedger.code:  # by this one, and a part of it that is not known
                unknown = problem
            continue
        # ADR 39: kinds are passed in, so a fact counts only for the ledger that was asked about.
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
    """The kind of evidence, about entries or checkpoints. Raises `UnknownKind` for one that is not read."""
    kind = kinds.get(evidence.kind)
    if kind is None:  # undetermined: a later program may read it (ADR 14)
        raise UnknownKind.saying(
            "evidence of the kind {kind} is not read here", kind=shortened(evidence.kind)
        )
    return kind


@functools.lru_cache(maxsize=64)  # a batch of proofs shares one checkpoint, whose signatures cost most
def attest(note: bytes, trust: TrustPolicy) -> Attested:
    """A checkpoint that the policy accepts, with its time. Raises as `verify_evidence` does."""
    checkpoint = Checkpoint.parse(note)
    logs = trust.named(checkpoint.origin)
    # Undetermined, not invalid: somebody else may well trust this log (ADR 14).
    if not logs:
        raise UnknownLog("the evidence is from a log that the trust policy does not name")
    for log in logs:
        # threat A44: another log may have the same name; the key decides (C2SP signed-note).
        if log.key in checkpoint.signers([log.key]):
            return _attested(checkpoint, log)
    raise InvalidEvidence.saying("the checkpoint is not signed by the log {log}", log=checkpoint.origin)


def _attested(checkpoint: Checkpoint, log: TrustedLog) -> Attested:
    seen, quorum = log.seen(checkpoint), log.by_operator
    by_witnesses = quorum.met_by(seen)
    # threat A44: a view of the log that too few witnesses have seen may be shown to this reader alone.
    if log.quorum and by_witnesses is None:
        raise NotWitnessed(
            f"the checkpoint of {checkpoint.origin} is signed by {_witnesses(len(seen))}, "
            f"not by {log.quorum}{_beside(log.unseen)}",
            log=checkpoint.origin,
            seen=len(seen),
            quorum=log.quorum if isinstance(log.quorum, int) else str(log.quorum),
        )
    # A log with a clock always shows its time, so that an altered line is not taken for a missing one.
    by_clock = checkpoint.signers([log.clock]).get(log.clock) if log.clock else None
    if log.clock and by_clock is None:
        raise InvalidEvidence.saying(
            "the checkpoint of {log} lacks the time by its own clock", log=checkpoint.origin
        )
    # Not the earliest time: of the quorum, all but one may be lying. Without one, any of them may be.
    time = by_witnesses if log.quorum else by_clock
    if log.reached is not None:
        _require_not_contradicted(checkpoint, time, log.reached)
    clock = "witness" if log.quorum else "own" if by_clock else "none"
    return Attested(checkpoint, time, clock, len(seen), quorum if log.quorum else None)


def _beside(unseen: Sequence[str]) -> str:
    return f"; how {_witnesses(len(unseen))} of the list would sign is not known here" if unseen else ""


def _require_not_contradicted(checkpoint: Checkpoint, time: datetime | None, reached: Reached) -> None:
    """Raises `LOG_CONTRADICTED` for another tree of that size, and for a smaller one with a later date."""
    # threats A44, F21: two trees of one size are two logs.
    if checkpoint.size == reached.size and checkpoint.root != reached.root:
        raise LOG_CONTRADICTED.saying(
            "the log {log} is known to have come to {known} entries that are not those of its checkpoint",
            log=checkpoint.origin,
            known=reached.size,
        )
    # threat F21: a log restored from an old copy. Clocks may differ a little (`is_ahead`).
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
    # threat 62: refused by its length, before it is split.
    if len(body) > LARGEST_PROOF:
        raise TooLarge.saying("the evidence is longer than {most} bytes", most=LARGEST_PROOF)
    head, _, note = body.partition(b"\n\n")
    version, *lines = head.split(b"\n")
    if version != TLOG_PROOF.encode():  # C2SP tlog-proof: the first line names the version
        raise InvalidEvidence.saying("the evidence does not begin with {start}", start=TLOG_PROOF)
    if lines and lines[0].startswith(b"extra "):
        decode_base64(lines.pop(0)[6:], "The extra data of the evidence")
    index = _INDEX.fullmatch(lines[0]) if lines else None
    # The index and 63 hashes: no path in a tree of up to 2^63 entries is longer.
    if index is None or len(lines) > 64:
        raise InvalidEvidence("the evidence is not an index, an inclusion proof and a checkpoint")
    proof = [decode_base64(line, "A hash of the inclusion proof") for line in lines[1:]]
    # Other lengths would let bytes move between the two children of a node without changing its hash.
    if any(len(sibling) != merkle.HASH_SIZE for sibling in proof):
        raise InvalidEvidence("a hash of the inclusion proof is not 32 bytes")
    return int(index[1]), proof, note
