"""The options that govern a verification, as typed: a value that is passed to worker processes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vc import Report, Verdict
from vc.possession import Asked
from verifier.policy import Policy

from ...session import Session

if TYPE_CHECKING:
    from verifier import Verifier
    from verifier.resources import GivenFile

EXIT: Mapping[Verdict, int] = {Verdict.VALID: 0, Verdict.INVALID: 1, Verdict.UNDETERMINED: 3}
"""The code with which a command ends for a verdict."""


@dataclass(frozen=True)
class Judging:
    """The trust list to judge by, and the further requirements."""

    session: Session
    trust_file: Path | None
    offline: bool
    moment: datetime | None
    """The date to judge as of, instead of now."""
    policy: Policy | None
    asked: Asked
    asks_by_kind: bool
    resources: frozenset[bytes] = frozenset()
    """Digests of the files that are at hand."""
    files: Sequence[GivenFile] = ()
    """The files that belong to the one credential that is judged."""

    @cached_property
    def verifier(self) -> Verifier:
        """The verifier of this process. Raises `Malformed` for a broken set-up."""
        return self.session.verifier(offline=self.offline, trust_file=self.trust_file)

    def __getstate__(self) -> dict[str, Any]:
        """All members but the verifier: another process makes its own."""
        return {name: value for name, value in vars(self).items() if name != "verifier"}

    def report(self, received: bytes) -> Report:
        """The verifier's report."""
        return self.verifier.verify(
            received,
            now=self.moment or self.session.now(),
            policy=self.policy,
            asked=self.asked,
            asks_by_kind=self.asks_by_kind,
            resources=self.resources,
            files=self.files,
        )
