"""What `intaglio doctor` finds out about a wallet, without its passphrase."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from wire.terminal import Finding, typed

from .store import Store
from .wallet import FILE


def findings(home: Path) -> Iterator[Finding]:
    """Whether the wallet in a folder can be one. Raises `Damaged`, `NotFound`."""
    Store.examine(home / FILE)
    yield Finding("✓", f"A wallet lies in {home}.", f"Keep a copy: {typed('wallet', 'backup')} FILE")
