"""A small issuer for tests of the wallet: real signatures, no log; and the real verifier that knows it."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from did import METHODS, Resolver
from did.methods import key as did_key
from keys import PrivateKey, envelope
from vc.integrity import sign
from vc.report import Report
from verifier import RecognisedIssuer, Trust, Verifier
from wire.fetch import NoFetcher

NOW = datetime(2024, 6, 30, 12, tzinfo=UTC)
ISSUER = PrivateKey.from_secret("Ed25519", bytes(range(32)))
DID = did_key.create(ISSUER.public_key)
NAME = "University of Example (invented)"


def cheap_passphrases(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have wallets sealed at the lowest cost of Argon2id, so that hundreds of them take seconds."""
    cheap = functools.partial(envelope.seal, cost=envelope.Cost(memory=32, iterations=1, lanes=4))
    monkeypatch.setattr("holder.store.seal", cheap)


def diploma(
    holder: str | None = None, *, title: str = "Master of Arts", signer: PrivateKey = ISSUER, **members: Any
) -> bytes:
    """A signed credential, bound to `holder` if one is given; `members` are added or replaced."""
    did = did_key.create(signer.public_key)
    subject: dict[str, Any] = {"id": holder} if holder else {}
    document = {
        "@context": [
            "https://www.w3.org/ns/credentials/v2",
            "https://purl.imsglobal.org/spec/ob/v3p0/context-3.0.3.json",
        ],
        "id": f"urn:example:{title.encode().hex()}",
        "type": ["VerifiableCredential", "OpenBadgeCredential"],
        "issuer": {"id": did, "type": ["Profile"], "name": NAME},
        "validFrom": "2024-06-01T00:00:00Z",
        "credentialSubject": {
            **subject,
            "type": ["AchievementSubject"],
            "achievement": {
                "id": "urn:example:achievement",
                "type": ["Achievement"],
                "name": title,
                "description": "Two years of study",
                "criteria": {"narrative": "120 credits"},
            },
        },
        **members,
    }
    method = f"{did}#{signer.public_key.multikey()}"
    return json.dumps(sign(document, signer, verification_method=method, created=NOW)).encode()


def bundle(credential: bytes, **parts: Any) -> bytes:
    """The credential in a bundle."""
    return json.dumps(
        {"type": "IntaglioBundle", "version": 1, "credential": json.loads(credential), **parts}
    ).encode()


def verifier(*recognised: str) -> Verifier:
    """The real verifier, offline, that recognises these issuers."""
    trust = Trust(tuple(RecognisedIssuer(did, NAME) for did in recognised))
    return Verifier(Resolver(METHODS, NoFetcher()), trust=trust)


def check(data: bytes) -> Report:
    """What a holder's verifier says who trusts the issuer above."""
    return verifier(DID).verify(data, now=NOW)


def skeptical(data: bytes) -> Report:
    """What a verifier says who knows nobody."""
    return verifier().verify(data, now=NOW)


def tampered(data: bytes, **claims: Any) -> bytes:
    """The document with members of its subject replaced after signing."""
    document: Mapping[str, Any] = json.loads(data)
    return json.dumps({**document, "credentialSubject": {**document["credentialSubject"], **claims}}).encode()
