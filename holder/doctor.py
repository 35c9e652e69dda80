"""What `intaglio doctor` finds out about a wallet, without its passphrase."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from wire.terminal import Finding

from .store import Store
from .wallet import FILE


def findings(home: Path) -> Iterator[Finding]:
    """Whether the wallet in a folder can be one. Raises `Damaged`, `NotFound`."""
    Store.examine(home / FILE)
    yield Finding("✓", f"A wallet lies in {home}.", "Keep a copy: intaglio wallet backup FILE")
