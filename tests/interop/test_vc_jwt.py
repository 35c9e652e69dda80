"""JWTs of credentials and presentations exchanged with jose, did-jwt-vc, openvc-core and openbadgeslib."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from openbadgeslib.errors import LibOpenBadgesException
from openbadgeslib.ob3 import Achievement, OB3Signer, OB3Verifier, OpenBadgeCredential
from openbadgeslib.ob3 import Issuer as BadgeIssuer
from openvc.keys import Ed25519SigningKey, P256SigningKey
from openvc.proof.errors import ProofError
from openvc.proof.vc_jwt import VcJwtProofSuite
from openvc.proof.vp_jwt import VpJwtProofSuite
from openvc.verify import VerificationError, verify_credential

from did.methods import key as did_key
from issuer.issuer import Issuer
from keys import PrivateKey, PublicKey
from tests.baking import itxt, png
from tests.interop.peers import JavaScript, javascript
from tests.test_vc_jwt import document
from tests.test_vc_plain_jwt import said
from tests.world import Holder, graduate, issuer_in, verifier
from vc import Enveloped, Verdict
from vc.forms import FORMS, PLAIN_JWT, VC_JWT
from vc.secured import Options
from vc.vcdm.presentation import presentation
from verifier import RecognisedIssuer, Trust
from wire import base64url_encode

pytestmark = pytest.mark.slow

CHALLENGE, DOMAIN = "n-0S6_WzA2Mj", "https://employer.example"
ASKED: dict[str, Any] = {"challenge": CHALLENGE, "domain": DOMAIN}
STRANGER = Holder()


@pytest.fixture(scope="module")
def ask() -> Iterator[JavaScript]:
    with javascript() as ask:
        yield ask


def now() -> datetime:
    """Other programs go by the clock."""
    return datetime.now(UTC).replace(microsecond=0)


def private(key: PrivateKey) -> dict[str, str]:
    return {**key.public_key.jwk(), "d": base64url_encode(key.secret)}


def header(by: Holder, kind: str) -> dict[str, str]:
    return {"alg": FORMS[VC_JWT].algorithm(by.key.public_key), "typ": kind, "kid": by.method}


def trust(issuer: Holder) -> Trust:
    return Trust().adding(RecognisedIssuer(issuer.did))


def ours(folder: Path, key_type: str = "Ed25519") -> tuple[Issuer, str]:
    """The issuer, and the diploma that it issued, as it stands in the bundle."""
    issuer = issuer_in(folder / "home", form=FORMS[VC_JWT], key_type=key_type, clock=now)
    secured = issuer.bundle(issuer.issue(graduate(1))).secured
    assert isinstance(secured, Enveloped)
    return issuer, secured.data.decode()


def altered(text: str) -> str:
    head, body, signature = text.split(".")
    return f"{head}.{body}.{signature[:-8]}AAAAAAAA"


@pytest.mark.parametrize("kind", ["Ed25519", "P-256"])
def test_jose_reads_what_we_sign(ask: JavaScript, tmp_path: Path, kind: str) -> None:
    issuer, text = ours(tmp_path, kind)
    key = issuer.keys.public_keys["assertion"]
    options: dict[str, Any] = {"key": key.jwk(), "alg": FORMS[VC_JWT].algorithm(key), "typ": "vc+jwt"}
    outcome = ask("joseVerify", text=text, **options)
    assert outcome["payload"]["issuer"]["id"] == issuer.did
    assert outcome["protectedHeader"]["typ"] == "vc+jwt"
    assert "error" in ask("joseVerify", text=altered(text), **options)
    assert "error" in ask("joseVerify", text=text, **{**options, "typ": "vp+jwt"})

    holder = Holder(PrivateKey.generate(kind))
    by = Options(holder.method, "authentication", now(), CHALLENGE, DOMAIN)
    shown = FORMS[VC_JWT].present([Enveloped(VC_JWT, text.encode())], holder.key, by)
    assert isinstance(shown, Enveloped)
    options |= {"key": holder.key.public_key.jwk(), "typ": "vp+jwt", "audience": DOMAIN, "maxTokenAge": 300}
    outcome = ask("joseVerify", text=shown.data.decode(), **options)
    assert (outcome["payload"]["holder"], outcome["payload"]["nonce"]) == (holder.did, CHALLENGE)
    assert "error" in ask("joseVerify", text=shown.data.decode(), **{**options, "audience": "another"})


@pytest.mark.parametrize("kind", ["Ed25519", "P-256", "P-384"])
def test_we_read_what_jose_signs(ask: JavaScript, kind: str) -> None:
    issuer, holder = Holder(PrivateKey.generate(kind)), Holder(PrivateKey.generate(kind))
    whole = document(issuer=issuer.did)
    whole["credentialSubject"]["id"] = holder.did
    claims: dict[str, Any] = {
        "iss": issuer.did,
        "jti": whole["id"],
        "sub": holder.did,
        "exp": int(now().timestamp()) + 60,
    }
    text = ask("joseSign", {**whole, **claims}, header=header(issuer, "vc+jwt"), key=private(issuer.key))[
        "text"
    ]
    judge = verifier(trust(issuer))
    assert judge.verify(text.encode(), now=now()).require()[0].said == whole
    assert not judge.verify(altered(text).encode(), now=now())
    assert judge.verify(text.encode(), now=now() + timedelta(hours=1)).verdict is Verdict.INVALID

    answer = {
        **presentation(holder.did, [dict(Enveloped(VC_JWT, text.encode()))]),
        "aud": DOMAIN,
        "nonce": CHALLENGE,
        "iat": int(now().timestamp()),
    }
    shown = ask("joseSign", answer, header=header(holder, "vp+jwt"), key=private(holder.key))["text"]
    report = judge.verify(shown.encode(), now=now(), **ASKED)
    assert (report.verdict, report.holder) == (Verdict.VALID, holder.did)
    assert not judge.verify(shown.encode(), now=now(), **{**ASKED, "challenge": "another"})


@pytest.mark.parametrize("kind", ["Ed25519", "P-256"])
def test_we_read_what_did_jwt_vc_signs_by_the_data_model_1_1(ask: JavaScript, kind: str) -> None:
    """It leaves out of `vc` what claims say, unless told to keep it, and puts other members beside `vc`."""
    issuer, holder = Holder(PrivateKey.generate(kind)), Holder(PrivateKey.generate(kind))
    whole = said(
        issuer={"id": issuer.did, "type": ["Profile"], "name": "Example"},
        expirationDate="2096-01-01T00:00:00Z",
    )
    whole["credentialSubject"]["id"] = holder.did
    judge = verifier(trust(issuer))
    for keep in (False, True):
        text = ask("didJwtVcIssue", whole, did=issuer.did, key=private(issuer.key), keep=keep)["text"]
        assert judge.verify(text.encode(), now=now()).require()[0].said == whole
        assert not judge.verify(altered(text).encode(), now=now())
        assert judge.verify(text.encode(), now=datetime(2097, 1, 1, tzinfo=UTC)).verdict is Verdict.INVALID
    answer = {
        "@context": ["https://www.w3.org/2018/credentials/v1"],
        "type": ["VerifiablePresentation"],
        "verifiableCredential": [text],
    }
    present = partial(ask, "didJwtVcPresent", did=holder.did, key=private(holder.key), **ASKED)
    shown = present({**answer, "iat": int(now().timestamp())})["text"]
    report = judge.verify(shown.encode(), now=now(), **ASKED)
    assert (report.verdict, report.holder) == (Verdict.VALID, holder.did)
    assert not judge.verify(shown.encode(), now=now(), **{**ASKED, "challenge": "another"})
    undated = judge.verify(
        present(answer)["text"].encode(), now=now(), **ASKED
    )  # unless told, it writes no iat
    assert (undated.verdict, undated.deciding and undated.deciding.code) == (
        Verdict.INVALID,
        "holder-invalid-proof",
    )


@pytest.mark.parametrize("kind", [Ed25519SigningKey, P256SigningKey])
def test_openvc_signs_by_the_data_model_1_1(kind: Any) -> None:
    issuer, holder = kind.generate("key"), kind.generate("key")
    names = [did_key.create(PublicKey.from_jwk(key.public_jwk())) for key in (issuer, holder)]
    whole = said(issuer=names[0])
    whole["credentialSubject"]["id"] = names[1]
    text = VcJwtProofSuite().sign(whole, signing_key=issuer)
    judge = verifier(Trust().adding(RecognisedIssuer(names[0])))
    (claims,) = judge.verify(text.encode(), now=now()).require()
    assert claims.said == whole
    answer = VpJwtProofSuite().sign(
        [text], holder=names[1], holder_key=holder, audience=DOMAIN, nonce=CHALLENGE
    )
    report = judge.verify(answer.encode(), now=now(), **ASKED)
    assert (report.verdict, report.holder) == (Verdict.VALID, names[1])
    assert not judge.verify(altered(text).encode(), now=now())


def badge(key: Any, algorithm: str, issuer: str) -> bytes:
    """One of openbadgeslib, which ends in nine days."""
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    made = OpenBadgeCredential(
        issuer=BadgeIssuer(issuer, "Example"),
        recipient_id=STRANGER.did,
        achievement=Achievement("urn:example:1", "Welding", "A course", "All passed"),
        issuance_date=now() - timedelta(days=1),
        expiration_date=now() + timedelta(days=9),
    )
    return OB3Signer(pem, algorithm).sign(made).encode()


KEYS: Mapping[str, Callable[[bytes], Any]] = {
    "EdDSA": ed25519.Ed25519PrivateKey.from_private_bytes,
    "ES256": lambda secret: ec.derive_private_key(int.from_bytes(secret), ec.SECP256R1()),
}


@pytest.mark.parametrize("algorithm", KEYS)
def test_badges_of_openbadgeslib(algorithm: str) -> None:
    """They have the type JWT, the key in the header, and a credential of the data model 2.0 as payload."""
    issuer = Holder(PrivateKey.generate({"EdDSA": "Ed25519", "ES256": "P-256"}[algorithm]))
    key, address = KEYS[algorithm](issuer.key.secret), "https://university.example"
    judge, data = verifier(trust(issuer)), badge(key, algorithm, issuer.did)
    for content in (data, png(itxt(data))):
        (claims,) = judge.verify(content, now=now()).require()
        assert (claims.title, claims.issuer) == ("Welding", issuer.did)
        assert claims.subjects[0]["id"] == STRANGER.did
    assert FORMS[PLAIN_JWT].identifier(data) == claims.id
    assert judge.verify(data, now=now() + timedelta(days=10)).verdict is Verdict.INVALID
    pinned = RecognisedIssuer(address, keys=(issuer.key.public_key.multikey(),))
    assert verifier(Trust().adding(pinned)).verify(badge(key, algorithm, address), now=now())
    forged = badge(key, algorithm, STRANGER.did)
    assert verifier(trust(STRANGER)).verify(forged, now=now()).verdict is Verdict.INVALID


def test_badges_signed_by_rsa_are_open() -> None:
    """The one algorithm that Open Badges 3.0 asks for, which is none of ours."""
    report = verifier(Trust()).verify(
        badge(rsa.generate_private_key(65537, 2048), "RS256", STRANGER.did), now=now()
    )
    assert (report.verdict, report.deciding and report.deciding.code) == (
        Verdict.UNDETERMINED,
        "readable-jws-not-supported",
    )


def test_two_programs_want_claims_that_ours_have_not(tmp_path: Path) -> None:
    """openvc-core reads JWTs of the data model 1.1 alone; openbadgeslib those of Open Badges 3.0 alone."""
    issuer, text = ours(tmp_path)
    with pytest.raises((ProofError, VerificationError), match="no issuer"):
        verify_credential(text)
    with pytest.raises(LibOpenBadgesException, match="missing the required 'iss' claim"):
        OB3Verifier.for_issuer_did(issuer.did).verify(text)
