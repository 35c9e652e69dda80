"""The replaceable parts of this program, in one value for its commands, services and workers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from did import Method
    from keys.opening import Opener
    from ledger import EvidenceKind
    from ledger.anchors import AnchorKind
    from ledger.folder import Engines
    from vc.secured import Form
    from vc.status.kind import StatusKinds


@dataclass(frozen=True)
class Deployment:
    """The replaceable parts, each by its name; `None` leaves the part that comes with the program.

    Commands, services and their workers share one value: a form that one of them did not know would be
    unreadable there, and an engine of another name would open another log.
    """

    forms: Mapping[str, Form] | None = None
    """By media type, in the place of `vc.FORMS`."""
    status_kinds: StatusKinds | None = None
    """Kinds of status lists, by the types of their entries, in the place of `vc.forms.STATUS_KINDS`."""
    methods: Mapping[str, Method] | None = None
    """DID methods, in the place of `did.METHODS`."""
    engines: Engines | None = None
    """The engines that keep logs, by scheme, in the place of `ledger.tiles.engines.ENGINES`."""
    anchors: Mapping[str, AnchorKind] | None = None
    """The kinds of other ledgers that take checkpoints, in the place of `ledger.anchors.ANCHORS`."""
    evidence_kinds: Mapping[str, EvidenceKind] | None = None
    """In the place of `ledger.KINDS`."""
    signers: Mapping[str, Opener] | None = None
    """The openers of keys, by scheme, in the place of `keys.opening.SIGNERS`."""


USUAL = Deployment()
"""The deployment without any replaced part."""
