"""A small world for the verifier's tests: a university with a log, graduates with keys, a standing clock."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from did import METHODS, Resolver
from did.methods import key as did_key
from did.methods import web as did_web
from keys import PrivateKey
from ledger import EntryKind, Evidence, Log, entry, parse_entry
from ledger.tiles.memory import MemoryStore
from vc import Anchored, Bundle, Check, Report, StatusList, sign
from vc.anchoring import anchoring_terms, document_digest, log_entry
from vc.forms import FORMS, INTEGRITY, DataIntegrity
from vc.integrity import proof_values
from vc.model.presentation import presentation
from vc.status import (
    Revocation,
    revocation_details_document,
    status_entry,
    status_list_document,
    status_statement,
)
from verifier import RecognisedIssuer, RecognisedLog, Trust, TrustSource, Verifier
from wire.fetch import NoFetcher

NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)
AWARDED = "2026-06-30T00:00:00Z"
CONTEXT = [
    "https://www.w3.org/ns/credentials/v2",
    "https://purl.imsglobal.org/spec/ob/v3p0/context-3.0.3.json",
]


def verifier(trust: TrustSource, **options: Any) -> Verifier:
    """One that never touches the network; `suites` and `contexts` are those of `DataIntegrity`."""
    json = {name: options.pop(name) for name in ("suites", "contexts") if name in options}
    if json:
        options["forms"] = {**FORMS, INTEGRITY: DataIntegrity(**json)}
    return Verifier(Resolver(METHODS, NoFetcher()), trust=trust, **options)


@dataclass
class Holder:
    """A graduate's wallet, reduced to its key."""

    key: PrivateKey = field(default_factory=PrivateKey.generate)

    @property
    def did(self) -> str:
        return did_key.create(self.key.public_key)

    def present(
        self,
        *credentials: Mapping[str, Any],
        challenge: str | None = "challenge",
        domain: str | None = "employer.example",
        purpose: str = "authentication",
        **options: Any,
    ) -> dict[str, Any]:
        return sign(
            presentation(self.did, list(credentials)),
            self.key,
            verification_method=f"{self.did}#{self.key.public_key.multikey()}",
            created=NOW,
            purpose=purpose,
            challenge=challenge,
            domain=domain,
            **options,
        )


def decided(report: Report) -> Check:
    """The check that made the report other than valid."""
    assert report.deciding is not None
    return report.deciding


class University:
    """An issuer with a log of its own. `did` is did:web, so that its document needs somebody's word."""

    def __init__(self, name: str = "university.example", now: datetime = NOW - timedelta(hours=2)) -> None:
        self.did = f"did:web:{name.replace(':', '%3A')}"
        self.now = now
        self.key, log_key, clock_key = (PrivateKey.generate() for _ in range(3))
        self.log = Log(f"{name}/log", log_key, clock_key, MemoryStore(), clock=lambda: self.now)
        self.bits, self.revocations = StatusList(), list[Revocation]()
        self.documents: list[Anchored] = []
        self.publish_document([self.key])

    def publish_document(self, keys: list[PrivateKey], **change: Any) -> None:
        document = did_web.document(self.did, {"assertionMethod": [key.public_key for key in keys]})
        document = {**document, **change}
        self.documents.append(
            Anchored(document, (self.anchor(entry(EntryKind.DID_DOCUMENT, document_digest(document))),))
        )

    @property
    def trust(self) -> Trust:
        issuer = RecognisedIssuer(self.did, "Example University", reason="known in these tests")
        return Trust().adding(issuer, self.recognised_log)

    @property
    def recognised_log(self) -> RecognisedLog:
        return RecognisedLog(str(self.log.verifier_key), clock=str(self.log.clock_key))

    def anchor(self, leaf: bytes) -> Evidence:
        (index,) = self.log.append([leaf], parse_entry(leaf).digest)
        return self.log.evidence(index)

    def sign(
        self, document: Mapping[str, Any], key: PrivateKey | None = None, **options: Any
    ) -> dict[str, Any]:
        key = key or self.key
        method = f"{self.did}#{key.public_key.multikey()}"
        return sign(document, key, verification_method=method, created=self.now, **options)

    def diploma(self, index: int = 7, **change: Any) -> dict[str, Any]:
        """An unsigned diploma of an invented graduate."""
        return {
            "@context": CONTEXT,
            "id": f"urn:uuid:00000000-0000-4000-8000-{index:012}",
            "type": ["VerifiableCredential", "OpenBadgeCredential"],
            "issuer": {"id": self.did, "type": ["Profile"], "name": "Example University"},
            "validFrom": AWARDED,
            "awardedDate": AWARDED,
            "credentialSubject": {
                "type": ["AchievementSubject"],
                "identifier": [
                    {
                        "type": "IdentityObject",
                        "identityType": "name",
                        "hashed": False,
                        "identityHash": "Ada Invented",
                    }
                ],
                "achievement": {
                    "id": "urn:uuid:00000000-0000-4000-8000-999999999999",
                    "type": ["Achievement"],
                    "name": "Master of Science",
                    "description": "A degree",
                    "criteria": {"narrative": "All passed"},
                },
            },
            "credentialStatus": status_entry(self.list_url, index),
            "termsOfUse": [anchoring_terms(self.log.origin)],
            **change,
        }

    def stated(self, index: int = 7, **change: Any) -> dict[str, Any]:
        """The same diploma with a status statement in the place of its `credentialStatus`."""
        terms = [anchoring_terms(self.log.origin), status_statement(self.list_url, index)]
        document = self.diploma(index, **{"termsOfUse": terms, **change})
        return {name: document[name] for name in document if name != "credentialStatus"}

    @property
    def list_url(self) -> str:
        return f"https://{self.did.removeprefix('did:web:')}/status/0"

    def issue(self, document: Mapping[str, Any] | None = None, **change: Any) -> Bundle:
        """Signed, anchored, and bundled with everything that a verifier needs."""
        return self.bundle(self.sign(document or self.diploma(**change)))

    def bundle(self, credential: Mapping[str, Any]) -> Bundle:
        evidence = tuple(self.anchor(log_entry(credential, value)) for value in proof_values(credential))
        return Bundle(credential, evidence, tuple(self.documents), self.status_lists())

    def status_lists(self) -> tuple[Anchored, ...]:
        bits = status_list_document(
            self.list_url, self.did, self.bits, valid_from=self.now, lifetime=timedelta(days=30)
        )
        details = revocation_details_document(
            self.list_url, self.did, self.revocations, 0, valid_from=self.now
        )
        return (
            self._anchored(bits, EntryKind.STATUS_LIST),
            self._anchored(details, EntryKind.REVOCATION_DETAILS),
        )

    def _anchored(self, document: Mapping[str, Any], kind: EntryKind) -> Anchored:
        signed = self.sign(document)
        leaf = log_entry(signed, signed["proof"][0], kind)
        return Anchored(signed, (self.anchor(leaf),))

    def revoke(self, index: int, reason: str = "issued-in-error") -> None:
        self.bits[index] = 1
        self.revocations.append(Revocation(index, self.now, reason))
