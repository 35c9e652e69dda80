"""An anchor that only tests have, which shows what one takes: a gazette that prints digests of checkpoints.

Anyone who has an issue of it, or only its hash and the day of its printing, can check a notice offline.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from ledger import Checkpoint, Evidence, Fact, InvalidEvidence, OfCheckpoints, TrustedLedger, UnknownLedger
from wire.datetimestamp import format_datetimestamp, parse_datetimestamp

NOTICE = "gazette.example/notice@v1"
NAME = "gazette:example"


@dataclass
class Gazette:
    """Takes digests, and prints an issue of them now and then."""

    name: str = NAME
    accepted: list[bytes] = field(default_factory=list)
    printed: dict[str, datetime] = field(default_factory=dict)
    """The hash of each issue and the time of its printing, which verifiers pin."""
    _issues: list[list[bytes]] = field(default_factory=list)

    def submit(self, checkpoints: Sequence[Checkpoint]) -> None:
        """For the next issue; one that was printed is not printed again."""
        printed = {digest for issue in (*self._issues, self.accepted) for digest in issue}
        new = {checkpoint.digest: None for checkpoint in checkpoints if checkpoint.digest not in printed}
        self.accepted += new

    def print(self, now: datetime) -> None:
        """An issue, of all that was accepted since the last one."""
        self._issues.append(self.accepted)
        self.printed[hash_of(self.page(self.accepted))] = now
        self.accepted = []

    @property
    def trusted(self) -> TrustedLedger:
        """Its entry for a trust file, as of now."""
        pins = {page: format_datetimestamp(time) for page, time in self.printed.items()}
        return TrustedLedger(NOTICE, self.name, pins)

    def collect(self, checkpoint: Checkpoint) -> Evidence | None:
        """The evidence for a checkpoint, once it is printed."""
        for issue in self._issues:
            if checkpoint.digest in issue:
                return Evidence(NOTICE, checkpoint.digest, self.page(issue))
        return None

    def page(self, digests: Sequence[bytes]) -> bytes:
        """No two gazettes print the same."""
        return "\n".join([self.name, *(digest.hex() for digest in digests), ""]).encode()


def _pinned(ledger: TrustedLedger) -> Gazette:
    """The known issues of a gazette, as a trust file lists them."""
    printed = {page: parse_datetimestamp(time, page) for page, time in ledger.parameters.items()}
    return Gazette(ledger.where, printed=printed)


def _verify(checkpoint: Checkpoint, evidence: Evidence, gazette: Gazette) -> Fact:
    if evidence.digest.hex().encode() not in evidence.body.split(b"\n"):
        raise InvalidEvidence("the issue of the gazette does not have the digest")
    time = gazette.printed.get(hash_of(evidence.body))
    if time is None:
        raise UnknownLedger("the issue of the gazette is not one that is known here")
    return Fact(NOTICE, gazette.name, time, "gazette")


NOTICES = OfCheckpoints(_pinned, _verify)


def hash_of(page: bytes) -> str:
    return hashlib.sha256(page).hexdigest()
