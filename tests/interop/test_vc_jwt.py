"""JWTs of credentials and presentations exchanged with jose, did-jwt-vc, openvc-core and openbadgeslib."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from openbadgeslib.errors import LibOpenBadgesException
from openbadgeslib.ob3 import OB3Verifier
from openvc.proof.errors import ProofError
from openvc.verify import VerificationError, verify_credential

from issuer.issuer import Issuer
from keys import PrivateKey
from tests.interop.peers import JavaScript, javascript
from tests.test_vc_jwt import document
from tests.test_vc_plain_jwt import said
from tests.world import Holder, graduate, issuer_in, verifier
from vc import Enveloped, Verdict
from vc.forms import FORMS, VC_JWT
from vc.secured import Options
from vc.vcdm.presentation import presentation
from verifier import RecognisedIssuer, Trust
from wire import base64url_encode

pytestmark = pytest.mark.slow

CHALLENGE, DOMAIN = "n-0S6_WzA2Mj", "https://employer.example"
ASKED: dict[str, Any] = {"challenge": CHALLENGE, "domain": DOMAIN}


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


def test_two_programs_want_claims_that_ours_have_not(tmp_path: Path) -> None:
    """openvc-core reads JWTs of the data model 1.1 alone; openbadgeslib those of Open Badges 3.0 alone."""
    issuer, text = ours(tmp_path)
    with pytest.raises((ProofError, VerificationError), match="no issuer"):
        verify_credential(text)
    with pytest.raises(LibOpenBadgesException, match="missing the required 'iss' claim"):
        OB3Verifier.for_issuer_did(issuer.did).verify(text)
