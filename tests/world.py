"""The one world of these tests: a university, its registrar, graduates with keys, verifiers, a clock.

A diploma comes from one of three sources. `University` has parts that a test changes one by one; `issuer_in`
is the real issuer in a folder, with a registrar's CSV; `diploma` is by an otherwise unknown did:key.
"""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from did import METHODS, Resolver
from did.methods import key as did_key
from did.methods import web as did_web
from exchange.claim import Invitation, acceptance
from issuer.archive.kept import KindNumber
from issuer.archive.store import SQLiteIndex
from issuer.identity.description import Description
from issuer.identity.kind import keep_kind
from issuer.issuer import Issuer
from issuer.table.source import SPAN_ROWS, Source, open_source
from keys import PrivateKey
from kinds.shipped import diploma_1
from ledger import EntryKind, Evidence, Log, entry, parse_entry
from ledger.tiles.memory import MemoryStore
from vc import Anchored, Bundle, Check, Credential, Report, StatusList, sign
from vc.anchoring import anchoring_terms, document_digest, log_entry
from vc.forms import FORMS, INTEGRITY, DataIntegrity
from vc.forms.integrity import proof_values
from vc.status import (
    Revocation,
    status_entry,
    status_statement,
)
from vc.vcdm.presentation import presentation
from vc.vcdm.status_lists import revocation_details_document, status_list_document
from verifier import RecognisedIssuer, RecognisedLog, Trust, TrustSource, Verifier
from verifier.sources.lists import ListSource
from verifier.sources.trust_entries import KindFiles
from wire.fetch import NoFetcher
from wire.files import make_private_folder
from wire.strict import load_json_object

NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)
AWARDED = "2026-06-30T00:00:00Z"
NAME = "Example University"
CONTEXT = [
    "https://www.w3.org/ns/credentials/v2",
    "https://purl.imsglobal.org/spec/ob/v3p0/context-3.0.3.json",
]


def verifier(trust: TrustSource, **options: Any) -> Verifier:
    """A verifier that never touches the network; `suites` and `contexts` are as for `DataIntegrity`."""
    of_json = {name: options.pop(name) for name in ("suites", "contexts") if name in options}
    if of_json:
        options["forms"] = {**FORMS, INTEGRITY: DataIntegrity(**of_json)}
    return Verifier(Resolver(METHODS, NoFetcher()), trust=trust, **options)


def decided(report: Report) -> Check:
    """The check that made the report other than valid."""
    assert report.deciding is not None
    return report.deciding


@dataclass
class Holder:
    """A graduate's wallet, or any other party, reduced to a key and its did:key."""

    key: PrivateKey = field(default_factory=PrivateKey.generate)

    @property
    def did(self) -> str:
        return did_key.create(self.key.public_key)

    @property
    def method(self) -> str:
        return f"{self.did}#{self.key.public_key.multikey()}"

    @property
    def trust(self) -> Trust:
        """The trust list of a verifier that takes its diplomas for a university's."""
        return Trust().adding(RecognisedIssuer(self.did, NAME))

    def sign(self, document: Mapping[str, Any], **options: Any) -> dict[str, Any]:
        return sign(document, self.key, **{"verification_method": self.method, "created": NOW, **options})

    def present(
        self,
        *credentials: Mapping[str, Any],
        challenge: str | None = "challenge",
        domain: str | None = "employer.example",
        purpose: str = "authentication",
        **options: Any,
    ) -> dict[str, Any]:
        shown = presentation(self.did, list(credentials))
        return self.sign(shown, purpose=purpose, challenge=challenge, domain=domain, **options)

    def accept(self, invitation: Invitation, now: datetime = NOW) -> bytes:
        """The answer to an issuer's invitation to claim a diploma."""
        return acceptance(invitation, self.key, verification_method=self.method, created=now)


def _badge(
    issuer: str, identifier: str, subject: Mapping[str, Any], title: str = "Master of Science"
) -> dict[str, Any]:
    return {
        "@context": CONTEXT,
        "id": identifier,
        "type": ["VerifiableCredential", "OpenBadgeCredential"],
        "issuer": {"id": issuer, "type": ["Profile"], "name": NAME},
        "validFrom": AWARDED,
        "awardedDate": AWARDED,
        "credentialSubject": {
            **subject,
            "type": ["AchievementSubject"],
            "achievement": {
                "id": "urn:uuid:00000000-0000-4000-8000-999999999999",
                "type": ["Achievement"],
                "name": title,
                "description": "A degree",
                "criteria": {"narrative": "All passed"},
            },
        },
    }


class University:
    """An issuer with a log of its own. `did` is did:web, so that its document needs somebody's word."""

    def __init__(self, name: str = "university.example", now: datetime = NOW - timedelta(hours=2)) -> None:
        self.name, self.did = name, f"did:web:{name.replace(':', '%3A')}"
        self.now = now
        self.key, *self.log_keys = (PrivateKey.generate() for _ in range(3))
        self.log = self._log(*self.log_keys)
        self.bits, self.revocations = StatusList(), list[Revocation]()
        self.documents: list[Anchored] = []
        self.publish_document([self.key])

    def _log(self, key: PrivateKey, clock_key: PrivateKey) -> Log:
        return Log(f"{self.name}/log", key, clock_key, MemoryStore(), clock=lambda: self.now)

    def robbed(self, now: datetime) -> University:
        """A thief who has all its keys, and begins its log anew at a time of his choosing."""
        thief = University(self.name, now)
        thief.key, thief.log_keys = self.key, self.log_keys
        thief.log, thief.documents = thief._log(*self.log_keys), []
        thief.publish_document([self.key])
        return thief

    def publish_document(self, keys: list[PrivateKey], **change: Any) -> None:
        document = did_web.document(self.did, {"assertionMethod": [key.public_key for key in keys]})
        document = {**document, **change}
        self.documents.append(
            Anchored(document, (self.anchor(entry(EntryKind.DID_DOCUMENT, document_digest(document))),))
        )

    @property
    def trust(self) -> Trust:
        issuer = RecognisedIssuer(self.did, NAME, reason="known in these tests")
        return Trust().adding(issuer, self.recognised_log)

    @property
    def pinned(self) -> Trust:
        """The trust list of a verifier that knows its key, and no log."""
        return Trust().adding(RecognisedIssuer(self.did, keys=(self.key.public_key.multikey(),)))

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
        return sign(document, key, **{"verification_method": method, "created": self.now, **options})

    def diploma(self, index: int = 7, **change: Any) -> dict[str, Any]:
        """An unsigned diploma of an invented graduate."""
        name = {
            "type": "IdentityObject",
            "identityType": "name",
            "hashed": False,
            "identityHash": "Ada Invented",
        }
        return {
            **_badge(self.did, f"urn:uuid:00000000-0000-4000-8000-{index:012}", {"identifier": [name]}),
            "credentialStatus": status_entry(self.list_url, index),
            "termsOfUse": [anchoring_terms(self.log.origin)],
            **change,
        }

    def plain(self, index: int = 7, **change: Any) -> dict[str, Any]:
        """The same diploma, which no log is to hold and nothing can revoke."""
        document = self.diploma(index, **change)
        return {name: document[name] for name in document if name not in ("credentialStatus", "termsOfUse")}

    def stated(self, index: int = 7, **change: Any) -> dict[str, Any]:
        """The same diploma with a status statement in the place of its `credentialStatus`."""
        terms = [anchoring_terms(self.log.origin), status_statement(self.list_url, index)]
        return self.plain(index, **change) | {"termsOfUse": change.get("termsOfUse", terms)}

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


# A diploma that has a signature and nothing else: no log, no lists

COLLEGE = Holder(PrivateKey.from_secret("Ed25519", bytes(range(32))))


def diploma(
    holder: str | None = None, *, title: str = "Master of Arts", by: Holder = COLLEGE, **members: Any
) -> bytes:
    """A signed credential, bound to `holder` if one is given; `members` are added or replaced."""
    subject = {"id": holder} if holder else {}
    document = _badge(by.did, f"urn:example:{title.encode().hex()}", subject, title)
    return json.dumps(by.sign({**document, **members})).encode()


def bundle(credential: bytes, **parts: Any) -> bytes:
    """The credential in a bundle."""
    return json.dumps(
        {"type": "IntaglioBundle", "version": 1, "credential": json.loads(credential), **parts}
    ).encode()


def check(data: bytes) -> Report:
    """The report of a holder's verifier that trusts the college."""
    return verifier(COLLEGE.trust).verify(data, now=NOW)


def tampered(data: bytes, **claims: Any) -> bytes:
    """The document with members of its subject replaced after signing."""
    document: Mapping[str, Any] = json.loads(data)
    return json.dumps({**document, "credentialSubject": {**document["credentialSubject"], **claims}}).encode()


# The real issuer, and the files that a registrar gives it


def graduate(index: int, **change: str) -> dict[str, str]:
    """The cells of an invented graduate, by field."""
    return {
        "student_id": f"S{index:06}",
        "given_name": f"Given{index}",
        "family_name": f"Family{index}",
        "birth_date": "2001-02-03",
        "email": f"graduate{index}@example.org",
        "lang": "en",
        "programme_code": "BSC",
        "programme_title": "Bachelor of Science",
        "achievement_type": "BachelorDegree",
        "eqf_level": "6",
        "ects": "180",
        "isced_f": "0613",
        "gpa": "3.5",
        "honours": "merit",
        "award_date": "2026-06-30",
        "diploma_number": f"UNI-{index:06}",
        **change,
    }


HEADER = list(graduate(0))


def table(
    rows: Sequence[Mapping[str, str]], header: Sequence[str] = HEADER, delimiter: str = ",", **options: Any
) -> str:
    """A CSV file with these columns."""
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter, **options)
    writer.writerow(header)
    writer.writerows([row[field] for field in header] for row in rows)
    return text.getvalue()


def csv_file(path: Path, rows: Sequence[Mapping[str, str]], span_rows: int = SPAN_ROWS) -> Source:
    """A file with these graduates, opened; a job takes so many rows at a time."""
    path.write_text(table(rows), encoding="utf-8")
    return open_source(path, span_rows=span_rows)


def of_diploma(number: str) -> KindNumber:
    """The diploma with this number."""
    return KindNumber("diploma", number)


def issuer_in(home: Path, **options: Any) -> Issuer:
    """An issuer, made if need be, whose clock stands still."""
    arguments: dict[str, Any] = {
        "name": "Invented University",
        "passphrase": lambda: None,
        "clock": lambda: NOW,
    }
    arguments |= options
    members = {
        field.name: arguments.pop(field.name) for field in fields(Description) if field.name in arguments
    }
    return _in_any_year(Issuer.create(home, Description(**members), **arguments))


def _in_any_year(issuer: Issuer) -> Issuer:
    """The issuer, which signs with a clock that stands still, whatever a real database's clock says."""
    issuer.clock_tolerance = timedelta.max
    return issuer


def shards_of_before(home: Path) -> None:
    """Names an issuer's shards as releases did whose index knew no digests of them."""
    for path in (home / "shards").glob("*/*"):
        path.rename(path.with_name(re.sub("-[0-9a-f]{64}", "", path.name)))


def issuer_before(home: Path, **options: Any) -> Issuer:
    """An issuer of a release before kinds had names: of diplomas, by a template.json for it to edit."""
    return issuer_in(home, kind=diploma_1(), **options)


def template_before(home: Path) -> Path:
    """Puts a template into the folder in which an issuer of an earlier release is to be made."""
    make_private_folder(home.parent)
    make_private_folder(home)
    (home / "template.json").write_bytes(diploma_1().template.text)
    return home / "template.json"


def reopened(home: Path, clock: Callable[[], datetime] = lambda: NOW, **options: Any) -> Issuer:
    """An existing issuer, opened as by another process."""
    return _in_any_year(Issuer(home, lambda: None, clock, **options))


def index_of(issuer: Issuer) -> SQLiteIndex:
    """The embedded index, which all issuers of these tests have."""
    assert isinstance(issuer.store, SQLiteIndex)
    return issuer.store


def twin(issuer: Issuer, home: Path, **options: Any) -> Issuer:
    """The same issuer, with the same keys, before it issued anything, in another folder."""
    home.mkdir(parents=True)
    for name in ("issuer.json", "keys.json", "did.json"):
        shutil.copy2(issuer.home / name, home / name)
    keep_kind(home, issuer.kind)
    SQLiteIndex(home / "issuer.sqlite").close()
    return reopened(home, **options)


def trust_in(issuer: Issuer) -> Trust:
    """A trust list with this issuer alone, and its log."""
    entry = issuer.trust_entry()
    kinds = tuple(KindFiles(tuple(files.items())) for files in entry["issuer"].pop("kinds", ()))
    return Trust().adding(RecognisedIssuer(**entry["issuer"], kinds=kinds), RecognisedLog(**entry["log"]))


def verifier_for(issuer: Issuer, *lists: ListSource) -> Verifier:
    """A verifier without network that recognises the issuer, and finds status lists in `lists`."""
    return verifier(trust_in(issuer), lists=lists)


def listed(home: Path, name: str = "0") -> Credential:
    """A status list, or its details, as it is published."""
    return Credential.parse(load_json_object((home / "status" / name).read_bytes(), limit=1 << 25))


def life(home: Path) -> timedelta:
    """The lifetime of the first status list."""
    newest = listed(home)
    assert newest.valid_from is not None
    assert newest.valid_until is not None
    return newest.valid_until - newest.valid_from
