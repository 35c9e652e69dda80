"""What this program signs and says, beside what the others do."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from keys import PrivateKey
from tests.test_verifier_controllers import Host
from tests.world import NOW, Holder, University, verifier
from vc import Report, StatusList
from vc.status import status_entry
from vc.vcdm.badge import DEGREE_NAME
from vc.vcdm.status_lists import status_list_document
from verifier import RecognisedIssuer, Trust
from verifier.sources.lists import Fetched

POSITION = 7
"""Of every credential in its list."""


class Ours:
    """A did:key that signs diplomas and a status list."""

    def __init__(self, suite: str, key_type: str, host: Host) -> None:
        self._suite, self._host, self._path = suite, host, f"/ours/{suite}/{key_type}"
        self._signs = Holder(PrivateKey.generate(key_type))
        self.publish()

    def diploma(self) -> dict[str, Any]:
        issuer = {"id": self._signs.did, "type": ["Profile"], "name": "Example"}
        status = status_entry(self._host.site.url(self._path), POSITION)
        document = University().diploma(issuer=issuer, credentialStatus=status)
        document["credentialSubject"]["achievement"]["achievementType"] = "BachelorDegree"
        # With P-384, openvc-core orders blank nodes by SHA-256 where the suite wants SHA-384
        # (ecdsa-rdfc-2019, 3.2.3), and refuses every diploma that has more than a few of them.
        if self._signs.key.public_key.type != "P-384":
            named = {"type": "IdentifierEntry", "identifierType": DEGREE_NAME, "identifier": "学士"}
            document["credentialSubject"]["achievement"]["otherIdentifier"] = [named]
        return self._sign(document)

    def publish(self, *revoked: int) -> None:
        bits = StatusList()
        for position in revoked:
            bits[position] = 1
        url, years = self._host.site.url(self._path), timedelta(days=3650)
        listed = status_list_document(url, self._signs.did, bits, valid_from=NOW, lifetime=years)
        self._host.serve(self._sign(listed), self._path)

    def _sign(self, document: Mapping[str, Any]) -> dict[str, Any]:
        return self._signs.sign(document, suite=self._suite)


def badge(**change: Any) -> dict[str, Any]:
    """What an issuer elsewhere signs: an Open Badge of no log, whose status the host has at `/theirs`."""
    document = University().diploma(**change)
    del document["termsOfUse"]
    return document


def changed(document: Mapping[str, Any]) -> dict[str, Any]:
    found = copy.deepcopy(dict(document))
    found["credentialSubject"]["achievement"]["name"] = "Doctor of Law"
    return found


def verified(document: Mapping[str, Any] | bytes, did: str, host: Host, **asked: Any) -> Report:
    """What is said here of what a recognised issuer signed elsewhere."""
    judge = verifier(Trust().adding(RecognisedIssuer(did)), lists=[Fetched(host.fetcher)])
    return judge.verify(document, now=datetime.now(UTC), **asked)
