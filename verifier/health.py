"""Health findings about a verifier's trust list."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from wire.health import Finding

from .sources.trust import Trust


def examine_trust(file: Path) -> Iterator[Finding]:
    """Report that a trust list can be read. Raises `Malformed`."""
    yield Finding.passed("trust-list-read", file=str(file), issuers=len(Trust.load(file).issuers))
