"""References from a credential to logs: the digest that stands for it, and the log it expects to be in.

Evidence travels beside a credential, so an attacker could strip it unnoticed (threat 45). A `termsOfUse`
entry inside the signed part names the log; a verifier that misses the evidence then leaves the verdict open.
Its type is an absolute IRI: no context is needed, and any other verifier still reads the credential.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import quote

from ledger import EntryKind, Evidence, entry
from wire import jcs
from wire.work import Work

from .claims import ANCHORED_IN_LOG, LOG


class CarriedKind(NamedTuple):
    """A kind that travels with the credentials that name it; `kinds` reads it."""

    texts: tuple[tuple[str, str], ...]
    """Its files, by path."""
    absent: tuple[tuple[str, str], ...] = ()
    """The SHA-256, in hexadecimal, of each file that stayed behind, by path: a digest covers all of them."""
    evidence: tuple[Evidence, ...] = ()
    """Proof that a log holds it, under that digest."""
    is_shown: bool = False
    """True if a verifier found that a trusted log of its credential's issuer holds it."""


def log_entry(
    document: Mapping[str, Any],
    proof: Mapping[str, Any],
    kind: EntryKind = EntryKind.CREDENTIAL,
    work: Work | None = None,
) -> bytes:
    """The log entry of a secured document: its digest covers exactly this one of its proofs, as an object.

    Adding or reordering proofs changes nothing; each of an issuer's proofs has an entry of its own.
    """
    return entry(kind, document_digest({**document, "proof": proof}, work))


def document_digest(document: Mapping[str, Any], work: Work | None = None) -> bytes:
    """SHA-256 over the JCS form: the 32 bytes that a log holds."""
    return hashlib.sha256(jcs.canonicalize(document, work)).digest()


def anchoring_terms(origin: str) -> dict[str, str]:
    """The `termsOfUse` entry of a credential that goes into the log `origin`."""
    # VCDM 2.0, 4.4: an id is a URL, so that what no URL may hold is escaped in an origin.
    return {"type": ANCHORED_IN_LOG, "id": LOG + quote(origin, safe="/.:-_~")}
