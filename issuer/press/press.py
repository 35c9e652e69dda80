"""The press: from a record and its sequence number to the signed credential and its log entry.

It can be pickled, so that worker processes get their own. A line is what is kept of a credential:
the credential itself, the record that it was made from (a correction starts there), the sequence number.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

import orjson

from keys import Signer
from ledger import EntryKind
from vc import anchoring
from vc.integrity import sign
from wire.datetimestamp import parse_datetimestamp

from ..table.names import full_name
from ..table.records import Record
from .document import Composer


class Line(NamedTuple):
    """A stored credential, read back."""

    seq: int
    record: Record
    credential: Mapping[str, Any]

    @property
    def created(self) -> datetime:
        """When it was signed."""
        return parse_datetimestamp(self.credential["proof"][0]["created"], "created")

    @classmethod
    def parse(cls, data: bytes) -> Line:
        """Reads what `Printed.line` is."""
        return cls(**orjson.loads(data))

    @staticmethod
    def record_of(data: bytes) -> tuple[int, bytes]:
        """Sequence number and record, the latter as JSON: what comes behind them is not read."""
        head, _, _ = data.partition(b',"credential":')  # within a text, JSON has a backslash before the "
        seq, _, record = head.removeprefix(b'{"seq":').partition(b',"record":')
        return int(seq), record


class Printed(NamedTuple):
    """One signed credential: the line to store, and the entry for the log."""

    line: bytes
    entry: bytes


@dataclass(frozen=True, repr=False)
class Press:
    """Everything that goes into a credential but the record. It holds secrets and is never shown."""

    composer: Composer
    """What makes the unsigned credentials."""
    signer: Signer
    """Has the issuer's assertion key."""
    verification_method: str
    suite: str

    def print(
        self, record: Record, seq: int, created: datetime, *, edition: int = 1, holder: str | None = None
    ) -> Printed:
        """Signs. Raises `Malformed` where the template's content would lose anything on its way."""
        signed = sign(
            self.composer.compose(record, seq, edition, holder),
            self.signer,
            verification_method=self.verification_method,
            suite=self.suite,
            created=created,
            contexts=self.composer.contexts,
        )
        line = orjson.dumps({"seq": seq, "record": record, "credential": signed})
        return Printed(line, signed_entry(signed))


def signed_entry(signed: Mapping[str, Any], kind: EntryKind = EntryKind.CREDENTIAL) -> bytes:
    """The log entry of a document with the one proof that it was signed with."""
    return anchoring.log_entry(signed, signed["proof"][0], kind)


def index_columns(record: Record) -> tuple[str, str, str]:
    """What the index keeps of a record: diploma number, name, e-mail address."""
    return record["diploma_number"], full_name(record), record["email"]
