"""An invented university that lives in memory: what it issues is there to be tried.

Its keys are random, and nobody has them once the files are made.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import orjson

from did import DID
from did.methods import key as did_key
from issuer.press.document import Composer, Profile
from issuer.press.permutation import Positions
from issuer.press.press import Press, signed_entry
from keys import PrivateKey
from kinds import shipped
from ledger import EntryKind, Log, entry
from ledger.tiles.memory import MemoryStore
from vc import Anchored, Bundle, StatusList, sign
from vc.anchoring import document_digest
from vc.forms import FORMS, INTEGRITY
from vc.status import Reason, Revocation, page_of
from vc.vcdm.status_lists import revocation_details_document, status_list_document
from verifier import RecognisedIssuer, RecognisedLog, Trust
from wire.fetch import NoFetcher

_LIFETIME = timedelta(days=3650)  # longer than a service runs
_GRADUATE = {
    **dict.fromkeys(shipped().fields, ""),
    "given_name": "Ada",
    "family_name": "Invented",
    "lang": "en",
    "programme_code": "MSC-INVENTED",
    "programme_title": "Master of Science (invented)",
    "achievement_type": "MasterDegree",
    "gpa": "3.20",
    "diploma_number": "INVENTED-0001",
}
_PICTURE = b"""%PDF-1.4
1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj
2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj
3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 420 200]/Contents 4 0 R/Resources<</Font<</F<</Type/Font\
/Subtype/Type1/BaseFont/Helvetica>>>>>>>>endobj
4 0 obj<</Length 60>>stream
BT /F 18 Tf 40 95 Td (An invented credential, as a picture) Tj ET
endstream endobj
trailer<</Root 1 0 R>>
%%EOF
"""


class Invented(NamedTuple):
    """The files by name, and the trust list that knows their university."""

    files: Mapping[str, bytes]
    trust: bytes


def invented(now: datetime) -> Invented:
    """A file of each verdict: valid, altered, revoked, by an unknown issuer, and what is no file of these."""
    university = _University("Example University (invented)", now)
    valid = university.bundle(0).to_bytes()
    university.revoke(1)
    files = {
        "valid.json": valid,
        "altered.json": _altered(valid, _better_grade),
        "revoked.json": university.bundle(1).to_bytes(),
        "unknown-issuer.json": _University("Example Univers1ty (invented)", now).bundle(0).to_bytes(),
        "picture.pdf": _PICTURE,
    }
    return Invented(files, university.trust.to_bytes())


class _University:
    """An issuer with a did:key, and with a log of its own."""

    def __init__(self, name: str, now: datetime) -> None:
        self._key, log_key, clock_key = (PrivateKey.generate() for _ in range(3))
        did = did_key.create(self._key.public_key)
        self._method, self._now = f"{did}#{self._key.public_key.multikey()}", now
        self._profile = Profile(did, name, Profile(did, name, "").iri("log", "1"), states_status=True)
        secret = secrets.token_bytes(32)
        composer = Composer(shipped(), self._profile, secret, secret, Positions(lambda _: secret))
        self._press = Press(composer, self._key, self._method, FORMS[INTEGRITY])
        self._log = Log(self._profile.log, log_key, clock_key, MemoryStore(), clock=lambda: now)
        self._bits, self._revoked = StatusList(), list[Revocation]()
        document = dict(did_key.resolve(DID.parse(did), NoFetcher()).value)
        self._document = self._anchored(document, entry(EntryKind.DID_DOCUMENT, document_digest(document)))

    @property
    def trust(self) -> Trust:
        log = RecognisedLog(str(self._log.verifier_key), clock=str(self._log.clock_key))
        return Trust().adding(RecognisedIssuer(self._profile.did, self._profile.name), log)

    def revoke(self, seq: int) -> None:
        _, position = self._press.composer.positions.locate(seq)
        self._bits[position] = 1
        self._revoked.append(Revocation(position, self._now, Reason.ISSUED_IN_ERROR.value))

    def bundle(self, seq: int) -> Bundle:
        awarded = f"{self._now - timedelta(days=30):%Y-%m-%d}"
        record = {**_GRADUATE, "award_date": awarded, "diploma_number": f"INVENTED-{seq:04}"}
        printed = self._press.print(record, seq, self._now)
        credential = orjson.loads(printed.line)["credential"]
        (evidence,) = self._anchored(credential, printed.entry).evidence
        return Bundle(credential, (evidence,), (self._document,), self._lists())

    def _lists(self) -> tuple[Anchored, ...]:
        """The list, and what is said of those that were revoked."""
        url, did, now = self._profile.list_url(0), self._profile.did, self._now
        listed = status_list_document(url, did, self._bits, valid_from=now, lifetime=_LIFETIME)
        lists = [self._listed(listed, EntryKind.STATUS_LIST)]
        for revocation in self._revoked:
            details = revocation_details_document(
                url, did, [revocation], page_of(revocation.position), valid_from=now
            )
            lists.append(self._listed(details, EntryKind.REVOCATION_DETAILS))
        return tuple(lists)

    def _listed(self, document: Mapping[str, Any], kind: EntryKind) -> Anchored:
        signed = sign(document, self._key, verification_method=self._method, created=self._now)
        return self._anchored(signed, signed_entry(signed, kind))

    def _anchored(self, document: Mapping[str, Any], leaf: bytes) -> Anchored:
        (index,) = self._log.append([leaf], leaf)
        return Anchored(document, (self._log.evidence(index),))


def _altered(bundle: bytes, change: Callable[[dict[str, Any]], None]) -> bytes:
    value = orjson.loads(bundle)
    change(value)
    return orjson.dumps(value, option=orjson.OPT_INDENT_2)


def _better_grade(bundle: dict[str, Any]) -> None:
    bundle["credential"]["credentialSubject"]["result"][0]["value"] = "4.00"
