"""Health findings about a verifier's trust list, and the status digests that it took."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from wire.health import Finding
from wire.problem import Damaged

from .sources.digests import DigestFolder
from .sources.trust import Trust


def examine_trust(file: Path) -> Iterator[Finding]:
    """Report that a trust list can be read. Raises `Malformed`."""
    yield Finding.passed("trust-list-read", file=str(file), issuers=len(Trust.load(file).issuers))


def examine_digests(digests: DigestFolder, now: datetime) -> Iterator[Finding]:
    """Findings about each status digest that was taken: its end, or what is wrong with its file."""
    for taken in digests.each():
        if isinstance(taken, Damaged):
            yield Finding.of(taken)
            continue
        issuer, number, end = taken.claims.issuer, taken.digest.facts.number, taken.claims.valid_until
        time = f"{end:%Y-%m-%d %H:%M}Z"
        # Not wrong: lists are asked for again, and the last one of an issuer that closed has no end.
        if end is not None and end <= now:
            yield Finding.warned("digest-ended", issuer=issuer, number=number, time=time)
        else:
            yield Finding.passed("digest-taken", issuer=issuer, number=number, time=time)
