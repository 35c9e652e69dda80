"""An anchor that only tests have, which shows what one takes: a gazette that prints digests of checkpoints.

Whoever has an issue of it, or only its hash and the day of its printing, can check a notice in it offline.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from ledger import Checkpoint, Evidence, EvidenceKind, Fact, InvalidEvidence, TrustPolicy, UnknownLog

NOTICE = "gazette.example/notice@v1"
NAME = "gazette:example"


@dataclass
class Gazette:
    """Takes digests, and prints an issue of them now and then."""

    accepted: list[bytes] = field(default_factory=list)
    printed: dict[bytes, datetime] = field(default_factory=dict)
    """The hash of each issue, and when it was printed: what verifiers pin."""
    _issues: list[list[bytes]] = field(default_factory=list)

    def submit(self, checkpoints: Sequence[Checkpoint]) -> None:
        """For the next issue; one that was printed is not printed again."""
        known = {digest for issue in (*self._issues, self.accepted) for digest in issue}
        new = {checkpoint.digest: None for checkpoint in checkpoints if checkpoint.digest not in known}
        self.accepted += new

    def print(self, now: datetime) -> None:
        """An issue, of all that was accepted since the last one."""
        self._issues.append(self.accepted)
        self.printed[_hash(_page(self.accepted))] = now
        self.accepted = []

    def collect(self, checkpoint: Checkpoint) -> Evidence | None:
        """The evidence for a checkpoint, once it is printed."""
        for issue in self._issues:
            if checkpoint.digest in issue:
                return Evidence(NOTICE, checkpoint.digest, _page(issue))
        return None


def notices(pinned: Mapping[bytes, datetime]) -> EvidenceKind:
    """How evidence by a gazette is verified by who knows these issues of it."""

    def verify(about: bytes, evidence: Evidence, trust: TrustPolicy) -> Fact:
        if evidence.digest.hex().encode() not in evidence.body.split(b"\n"):
            raise InvalidEvidence("the issue of the gazette does not have the digest")
        time = pinned.get(_hash(evidence.body))
        if time is None:
            raise UnknownLog("the issue of the gazette is not one that is known here")
        return Fact(NOTICE, NAME, time, "gazette")

    return EvidenceKind(verify, of_checkpoints=True)


def _page(digests: Sequence[bytes]) -> bytes:
    return b"".join(b"%b\n" % digest.hex().encode() for digest in digests)


def _hash(page: bytes) -> bytes:
    return hashlib.sha256(page).digest()
