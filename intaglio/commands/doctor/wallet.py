"""What `intaglio doctor` finds out about a wallet, without its passphrase."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from holder.store import EncryptedStore
from holder.wallet import FILE

from ...terminal import Finding, typed
from ...words import tr


def findings(home: Path) -> Iterator[Finding]:
    """Whether the wallet in a folder can be one. Raises `Damaged`, `NotFound`."""
    EncryptedStore.examine(home / FILE)
    yield Finding(
        "✓",
        tr("A wallet lies in {home}.").format(home=home),
        tr("Keep a copy: {command}").format(command=f"{typed('wallet', 'backup')} FILE"),
    )
