"""A bundle: one JSON file that verifies offline.

It holds a credential or a presentation untouched, evidence from logs for the secured documents in it,
the issuers' DID documents, and status lists. Everything but the secured document is the presenter's
word until something trusted binds it (a pinned key or digest, or a log that the trust file binds to
the issuer); the verifier decides that, never this module.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from ledger import Evidence
from wire import Malformed, TooLarge, base64url_decode, base64url_encode
from wire.text import shortened
from wire.work import Work

from . import forms, jcs
from .problem import UnsupportedForm

TYPE = forms.BUNDLE
VERSION = 1
MAX_BYTES = forms.MAX_BYTES
_MAX_ITEMS = 64
_ANCHORED = frozenset({"document", "evidence"})
_EVIDENCE = frozenset({"type", "digest", "proof"})
_MEMBERS = frozenset(
    {"type", "version", "credential", "presentation", "evidence", "issuerDocuments", "statusLists"}
)


@dataclass(frozen=True, slots=True)
class Anchored:
    """A document and the evidence that came with it."""

    document: Mapping[str, Any]
    evidence: tuple[Evidence, ...] = ()


@dataclass(frozen=True, slots=True)
class Bundle:
    """The parts of a bundle, their envelope checked, nothing verified."""

    secured: Mapping[str, Any]
    """The credential or presentation."""
    evidence: tuple[Evidence, ...] = ()
    """For the credential, or for each credential in the presentation; `Evidence.digest` says which."""
    issuer_documents: tuple[Anchored, ...] = ()
    """DID documents, for each issuer in the order in which they were anchored."""
    status_lists: tuple[Anchored, ...] = ()
    """Status list credentials and revocation details."""

    @classmethod
    def parse(cls, data: bytes | Mapping[str, Any], work: Work | None = None) -> Bundle:
        """Reads a bundle, or a bare credential or presentation as a bundle of itself.

        Raises `UnsupportedForm`, `NoCredential` and `TooLarge` for what is not read here, or costs more than
        is left of `work`, which leave the question open, and `Malformed` for a bundle whose known parts are
        broken.
        """
        work = work or Work()
        value = forms.read(data, work) if isinstance(data, bytes) else forms.require(data)
        if value["type"] != TYPE:
            work.spend(jcs.size(value))  # whole and in limits, also where no signature reaches
            return cls(value)
        if type(value.get("version")) is not int or value["version"] != VERSION:
            raise UnsupportedForm(
                f"the bundle has version {shortened(str(value.get('version')))}; "
                f"this program reads version {VERSION}",
                hint="A later version of this program may read it.",
            )
        forms.require_members(value, _MEMBERS, "the bundle")
        if isinstance(data, bytes):  # what could not be written again is refused here
            work.spend(jcs.size(value))
        else:
            jcs.canonicalize(value, work)
        secured = [value[name] for name in ("credential", "presentation") if name in value]
        if len(secured) != 1:
            raise Malformed("the bundle holds neither one credential nor one presentation")
        return cls(
            forms.require(secured[0]),
            _evidence(value.get("evidence", []), "evidence"),
            _anchored(value.get("issuerDocuments", []), "issuerDocuments"),
            _anchored(value.get("statusLists", []), "statusLists"),
        )

    @property
    def is_presentation(self) -> bool:
        """Whether the secured document is a presentation rather than a credential."""
        types = self.secured.get("type")
        return "VerifiablePresentation" in (types if isinstance(types, list) else [types])

    def to_bytes(self) -> bytes:
        """The bundle as JSON, indented, since people open such files."""
        value = {
            "type": TYPE,
            "version": VERSION,
            "presentation" if self.is_presentation else "credential": self.secured,
            "evidence": [_evidence_dict(item) for item in self.evidence],
            "issuerDocuments": [_anchored_dict(item) for item in self.issuer_documents],
            "statusLists": [_anchored_dict(item) for item in self.status_lists],
        }
        return orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def _items(value: object, where: str, members: frozenset[str]) -> list[Mapping[str, Any]]:
    if not isinstance(value, list):
        raise Malformed(f"{where} in the bundle is not a list of objects")
    if len(value) > _MAX_ITEMS:
        raise TooLarge(f"{where} in the bundle has more than {_MAX_ITEMS} entries")
    for item in value:
        if not isinstance(item, dict):
            raise Malformed(f"{where} in the bundle is not a list of objects")
        forms.require_members(item, members, f"an entry of {where} in the bundle")
    return value


def _evidence(value: object, where: str) -> tuple[Evidence, ...]:
    found = []
    for item in _items(value, where, _EVIDENCE):
        kind, digest, body = item.get("type"), item.get("digest"), item.get("proof")
        if not (isinstance(kind, str) and isinstance(digest, str) and isinstance(body, str)):
            raise Malformed(f"an entry of {where} in the bundle lacks type, digest or proof")
        if len(raw := base64url_decode(digest, limit=64)) != 32:
            raise Malformed(f"a digest of {where} in the bundle does not have 32 bytes")
        found.append(Evidence(kind, raw, body.encode()))
    return tuple(found)


def _anchored(value: object, where: str) -> tuple[Anchored, ...]:
    found = []
    for item in _items(value, where, _ANCHORED):
        if not isinstance(item.get("document"), dict):
            raise Malformed(f"an entry of {where} in the bundle has no document")
        found.append(Anchored(item["document"], _evidence(item.get("evidence", []), where)))
    return tuple(found)


def _evidence_dict(evidence: Evidence) -> dict[str, str]:
    return {
        "type": evidence.kind,
        "digest": base64url_encode(evidence.digest),
        "proof": evidence.body.decode(),
    }


def _anchored_dict(anchored: Anchored) -> dict[str, Any]:
    return {
        "document": anchored.document,
        "evidence": [_evidence_dict(item) for item in anchored.evidence],
    }
