"""A gazette to which checkpoints are sent, as to any `Anchor`: in a file, so that processes share it."""

from __future__ import annotations

import fcntl
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from ledger import Checkpoint, Evidence, TrustedLedger
from ledger.anchor import Sender
from ledger.anchors import AnchorKind
from tests.gazette import NAME, NOTICE, Gazette, hash_of
from wire.datetimestamp import format_datetimestamp, parse_datetimestamp
from wire.health import Finding


@dataclass
class GazetteAnchor(Gazette):
    """With a `file`, all that bear the name of it are one gazette, in whatever process.

    A sender looks first and then sends, as with a chain; the gazette accepts everything.
    """

    file: Path | None = None
    kind: str = NOTICE
    findings: tuple[Finding, ...] = ()
    """Findings about the way to its office."""

    def prepare(self, checkpoint: Checkpoint) -> bytes:
        return b"to be sent: %b" % checkpoint.digest.hex().encode()

    def advance(self, checkpoint: Checkpoint, state: bytes, keep: Callable[[bytes], None]) -> Evidence | None:
        assert checkpoint.digest.hex().encode() in state
        if checkpoint.digest not in self.notices:
            keep(b"sent: %b" % checkpoint.digest.hex().encode())
            self.accept(checkpoint.digest)
        return self.collect(checkpoint)

    def confirm(self, checkpoint: Checkpoint, evidence: Evidence) -> bool:
        return self.collect(checkpoint) == evidence

    def examine(self) -> Sequence[Finding]:
        return self.findings

    def accept(self, digest: bytes) -> None:
        """Takes a digest without looking whether it has it."""
        with self._at_the_desk():
            self.accepted.append(digest)

    def withdraw(self) -> None:
        """Destroys the last issue and its digests, as a deep reorganisation of a chain would."""
        with self._at_the_desk():
            pulped = self.page(self._issues.pop())
            self.printed = {page: time for page, time in self.printed.items() if page != hash_of(pulped)}

    @property
    def notices(self) -> list[bytes]:
        """All digests that were submitted and not forgotten, each as often as it was submitted."""
        with self._at_the_desk():
            return [digest for issue in (*self._issues, self.accepted) for digest in issue]

    # The same as before, by whatever process

    def submit(self, checkpoints: Sequence[Checkpoint]) -> None:
        with self._at_the_desk():
            super().submit(checkpoints)

    def print(self, now: datetime) -> None:
        with self._at_the_desk():
            super().print(now)

    def collect(self, checkpoint: Checkpoint) -> Evidence | None:
        with self._at_the_desk():
            return super().collect(checkpoint)

    @property
    def trusted(self) -> TrustedLedger:
        with self._at_the_desk():
            return super().trusted

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


def gazettes(folder: Path, make: type[GazetteAnchor] = GazetteAnchor) -> Mapping[str, AnchorKind]:
    """The kind of anchor that gazettes in a folder are, a file each."""

    def begin(name: str, settings: Mapping[str, str], sender: Sender) -> Mapping[str, Any]:
        return {"of": sender.log.origin, **settings}

    def open_(name: str, settings: Mapping[str, Any], sender: Sender) -> GazetteAnchor:
        assert settings["of"] == sender.log.origin
        return make(name, file=gazette_file(folder, name))

    return {NAME.partition(":")[0]: AnchorKind(begin, open_)}


def gazette_file(folder: Path, name: str = NAME) -> Path:
    """The file of the gazette of this name, in a folder of several."""
    return folder / f"{name.partition(':')[2]}.json"
