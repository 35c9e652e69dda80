"""An anchor that only tests have, which shows what one takes: a gazette that prints digests of checkpoints.

Whoever has an issue of it, or only its hash and the day of its printing, can check a notice in it offline.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from ledger import Checkpoint, Evidence, Fact, InvalidEvidence, OfCheckpoints, TrustedLedger, UnknownLedger
from ledger.anchor import Sender
from ledger.anchors import AnchorKind
from wire.datetimestamp import format_datetimestamp, parse_datetimestamp
from wire.health import Finding

NOTICE = "gazette.example/notice@v1"
NAME = "gazette:example"


@dataclass
class Gazette:
    """Takes digests, and prints an issue of them now and then.

    With a `file`, all that bear the name of it are one gazette, in whatever process.
    """

    name: str = NAME
    accepted: list[bytes] = field(default_factory=list)
    printed: dict[str, datetime] = field(default_factory=dict)
    """The hash of each issue, and when it was printed: what verifiers pin."""
    file: Path | None = None
    kind: str = NOTICE
    findings: tuple[Finding, ...] = ()
    """What there is to know of the way to its office."""
    _issues: list[list[bytes]] = field(default_factory=list)

    def submit(self, checkpoints: Sequence[Checkpoint]) -> None:
        """For the next issue; one that was printed is not printed again."""
        with self._at_the_desk():
            known = {digest for issue in (*self._issues, self.accepted) for digest in issue}
            new = {checkpoint.digest: None for checkpoint in checkpoints if checkpoint.digest not in known}
            self.accepted += new

    def print(self, now: datetime) -> None:
        """An issue, of all that was accepted since the last one."""
        with self._at_the_desk():
            self._issues.append(self.accepted)
            self.printed[_hash(self._page(self.accepted))] = now
            self.accepted = []

    def withdraw(self) -> None:
        """The last issue is pulped, and what was in it forgotten: as by a deep reorganisation of a chain."""
        with self._at_the_desk():
            del self.printed[_hash(self._page(self._issues.pop()))]

    @property
    def notices(self) -> list[bytes]:
        """All digests that it was ever given and has not forgotten, each as often as it was given."""
        with self._at_the_desk():
            return [digest for issue in (*self._issues, self.accepted) for digest in issue]

    @property
    def trusted(self) -> TrustedLedger:
        """Its entry for a trust file, as of now."""
        with self._at_the_desk():
            pins = {page: format_datetimestamp(time) for page, time in self.printed.items()}
        return TrustedLedger(NOTICE, self.name, pins)

    def collect(self, checkpoint: Checkpoint) -> Evidence | None:
        """The evidence for a checkpoint, once it is printed."""
        with self._at_the_desk():
            for issue in self._issues:
                if checkpoint.digest in issue:
                    return Evidence(NOTICE, checkpoint.digest, self._page(issue))
        return None

    def _page(self, digests: Sequence[bytes]) -> bytes:
        """No two gazettes print the same."""
        return b"".join(
            [b"%b\n" % line for line in (self.name.encode(), *(one.hex().encode() for one in digests))]
        )

    # As an anchor: whoever sends looks first, then sends, as to a chain; it takes what it is given.

    def prepare(self, checkpoint: Checkpoint) -> bytes:
        return b"to be sent: %b" % checkpoint.digest.hex().encode()

    def advance(self, checkpoint: Checkpoint, state: bytes, keep: Callable[[bytes], None]) -> Evidence | None:
        assert checkpoint.digest.hex().encode() in state
        if checkpoint.digest not in self.notices:
            keep(b"sent: %b" % checkpoint.digest.hex().encode())
            self.accept(checkpoint.digest)
        return self.collect(checkpoint)

    def accept(self, digest: bytes) -> None:
        """Takes a digest without looking whether it has it."""
        with self._at_the_desk():
            self.accepted.append(digest)

    def confirm(self, checkpoint: Checkpoint, evidence: Evidence) -> bool:
        return self.collect(checkpoint) == evidence

    def examine(self) -> Sequence[Finding]:
        return self.findings

    @contextmanager
    def _at_the_desk(self) -> Iterator[None]:
        if self.file is None:
            yield
            return
        with self.file.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if self.file.exists():
                kept = json.loads(self.file.read_text())
                self.accepted, *self._issues = (
                    [bytes.fromhex(digest) for digest in issue] for issue in kept["issues"]
                )
                self.printed = {
                    page: parse_datetimestamp(time, page) for page, time in kept["printed"].items()
                }
            before = self._kept()
            yield
            if (after := self._kept()) != before:
                new = self.file.with_suffix(".new")
                new.write_text(after)
                new.replace(self.file)

    def _kept(self) -> str:
        issues = [[digest.hex() for digest in issue] for issue in (self.accepted, *self._issues)]
        printed = {page: format_datetimestamp(time) for page, time in self.printed.items()}
        return json.dumps({"issues": issues, "printed": printed})


def gazettes(folder: Path, make: type[Gazette] = Gazette) -> Mapping[str, AnchorKind]:
    """The kind of anchor that gazettes in a folder are, a file each."""

    def begin(name: str, given: Mapping[str, str], sender: Sender) -> Mapping[str, Any]:
        return {"of": sender.log.origin, **given}

    def open_(name: str, settings: Mapping[str, Any], sender: Sender) -> Gazette:
        assert settings["of"] == sender.log.origin
        return make(name, file=gazette_file(folder, name))

    return {NAME.partition(":")[0]: AnchorKind(begin, open_)}


def gazette_file(folder: Path, name: str = NAME) -> Path:
    """Where the gazette of a name is, of those in a folder."""
    return folder / f"{name.partition(':')[2]}.json"


def _pinned(ledger: TrustedLedger) -> Gazette:
    """The issues that somebody knows: what a trust file says of a gazette."""
    printed = {page: parse_datetimestamp(time, page) for page, time in ledger.parameters.items()}
    return Gazette(ledger.where, printed=printed)


def _verify(checkpoint: Checkpoint, evidence: Evidence, known: Gazette) -> Fact:
    if evidence.digest.hex().encode() not in evidence.body.split(b"\n"):
        raise InvalidEvidence("the issue of the gazette does not have the digest")
    time = known.printed.get(_hash(evidence.body))
    if time is None:
        raise UnknownLedger("the issue of the gazette is not one that is known here")
    return Fact(NOTICE, known.name, time, "gazette")


NOTICES = OfCheckpoints(_pinned, _verify)


def _hash(page: bytes) -> str:
    return hashlib.sha256(page).hexdigest()
