"""Health findings about a wallet, without its passphrase."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from wire.health import Finding

from .store import EncryptedStore
from .wallet import FILE


def examine_wallet(home: Path) -> Iterator[Finding]:
    """Check that the file in a folder can be a wallet. Raises `Damaged`, `NotFound`."""
    EncryptedStore.examine(home / FILE)
    yield Finding.passed("wallet-found", home=str(home))
