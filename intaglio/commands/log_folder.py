"""A log's folder, as the commands about logs are handed it."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ledger.anchor import Sender
from ledger.anchors import AnchorKind
from ledger.folder import open_to_read
from ledger.log import LogReader

from ..consent import Consent
from ..terminal import passphrase
from ..words import tr

if TYPE_CHECKING:
    from ledger.cosigning import Witnesses

_UNSPELLED = re.compile(r"[^A-Za-z0-9]")  # in the name of a variable


class LogFolder(NamedTuple):
    """A log's folder, the clock, and which other ledgers there may be."""

    folder: Path
    now: Callable[[], datetime]
    named: bool
    """True if the folder was typed; else it is the issuer's."""
    anchors: Mapping[str, AnchorKind]
    """The kinds of anchors; like the engines, they ask before they use an address from the folder's files."""
    consent: Consent
    ca_file: Path | None = None
    """Certificate authorities to trust beside the public ones, for witnesses."""

    def open(self) -> LogReader:
        """The log, to read."""
        return open_to_read(self.folder, engines=self.consent.engines())

    def sender(self) -> Sender:
        """The parts of this folder that an anchor may need."""
        return Sender(
            self.folder,
            self.open(),
            lambda: passphrase(tr("Passphrase for the key that pays")),
            lambda name: os.environ.get(f"INTAGLIO_RPC_{_UNSPELLED.sub('_', name).upper()}"),
        )

    def witnesses(self, seconds: float) -> Witnesses:
        """The way to the log's witnesses; each has so many seconds to answer."""
        from ..session import witnesses_of

        return witnesses_of(self.folder, self.consent, self.now, self.ca_file, seconds)
