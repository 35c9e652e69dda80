"""What can be found out about whom a verifier trusts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from wire.health import Finding

from .sources.trust import Trust


def examine_trust(file: Path) -> Iterator[Finding]:
    """Whether a trust list can be used. Raises `Malformed`."""
    yield Finding.passed("trust-list-read", file=str(file), issuers=len(Trust.load(file).issuers))
