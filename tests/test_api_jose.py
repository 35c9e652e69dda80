"""The calls that W3C's suite of VC-JOSE-COSE makes by a command line, with keys that it gives.

Each is named by the test of that suite which makes it. What is issued there is only looked at for success, so
that here other people's programs read it.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import jwt
import pytest
from jwcrypto.jwk import JWK

from intaglio.api.conformance.jose import FEATURES, main
from keys import PrivateKey
from keys.jws import sign_compact
from tests.conftest import ROOT
from vc.vcdm.enveloped import TYPE
from wire import base64url_encode

V2, EXAMPLES = "https://www.w3.org/ns/credentials/v2", "https://www.w3.org/ns/credentials/examples/v2"
OWNER = "https://example.issuer/vc-jose-cose"
MINIMAL: dict[str, Any] = {
    "@context": [V2, EXAMPLES],
    "id": "http://university.example/credentials/1872",
    "type": ["VerifiableCredential", "ExampleAlumniCredential"],
    "issuer": OWNER,
    "validFrom": "2010-01-01T19:23:24Z",
    "credentialSchema": {"id": "https://example.org/examples/degree.json", "type": "JsonSchema"},
    "credentialSubject": {"id": "did:example:123", "degree": {"type": "BachelorDegree", "name": "B.A."}},
}
FULL = {
    **MINIMAL,
    "validUntil": "2012-01-01T00:00:00Z",
    "credentialStatus": {
        "type": "StatusList2021Entry",
        "statusPurpose": "revocation",
        "statusListIndex": "4",
    },
    "evidence": [{"id": "https://example.edu/evidence/f", "type": ["DocumentVerification"]}],
    "termsOfUse": [{"id": "https://example.edu/terms/1", "type": "https://example.org/terms/v1"}],
    "refreshService": {"id": "https://example.edu/refresh/3", "type": "ManualRefreshService2018"},
}
CLAIMED = {**MINIMAL, "iss": OWNER, "jti": MINIMAL["id"], "iat": 1262373804}
KEYS = {name: PrivateKey.generate(name) for name in ("Ed25519", "P-256", "P-384")}


def enveloped(form: str = "vc+jwt", text: str = "e30.e30.AAAA") -> dict[str, Any]:
    return {"@context": V2, "type": "EnvelopedVerifiableCredential", "id": f"data:application/{form},{text}"}


def presentation(*items: object) -> dict[str, Any]:
    shown = {"@context": [V2, EXAMPLES], "type": ["VerifiablePresentation"], "holder": OWNER}
    return {**shown, "id": "urn:uuid:3978344f-8596-4c3a-a978-8fcaba3903c5", "verifiableCredential": [*items]}


ALL_FORMS = presentation(
    enveloped(), enveloped("vc+sd-jwt", "e30.e30.AAAA~W10~"), enveloped("vc+cose;base64", "0oRYV6Q=")
)


def method_of(key: PrivateKey) -> dict[str, Any]:
    """The key as the suite writes it."""
    secret = {**key.public_key.jwk(), "d": base64url_encode(key.secret)}
    named = {"id": f"{OWNER}#key-1", "type": "JsonWebKey", "controller": OWNER}
    return {**named, "publicKeyJwk": key.public_key.jwk(), "secretKeyJwk": secret}


class Outcome(NamedTuple):
    result: str
    data: str


Run = Callable[..., Outcome]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Does one call, of this content and key, and returns what stands in the file of its result."""

    def call(do: str, feature: str, content: object, key: str = "Ed25519", method: object = None) -> Outcome:
        posted, method_file, output = (tmp_path / name for name in ("input", "key", "output.json"))
        posted.write_text(content if isinstance(content, str) else json.dumps(content))
        method_file.write_text(json.dumps(method or method_of(KEYS[key])))
        files = ("--input", posted, "--key", method_file, "--output", output)
        main([do, *map(str, files), "--feature", feature])
        return Outcome(**json.loads(output.read_text()))

    return call


def token(payload: Mapping[str, Any], key: str = "Ed25519", **header: Any) -> str:
    named = {"typ": "vc+jwt", "cty": "vc", "kid": "2aOHaQxsWVT4mLsUkdtlCnUV-au0BBR-5yPYaPaCc5k"}
    return sign_compact({**named, **header}, payload, KEYS[key]).decode()


class TestIssuing:
    @pytest.mark.parametrize(
        ("feature", "document", "key"),
        [
            ("credential_jose", MINIMAL, "P-256"),
            ("credential_jose", FULL, "P-384"),
            ("presentation_jose", presentation(enveloped()), "P-256"),
            ("presentation_jose", ALL_FORMS, "Ed25519"),
        ],
        ids=["1. Basic", "2. Optional", "3. Presentation", "4. Complex"],
    )
    def test_others_read_what_is_issued(
        self, run: Run, feature: str, document: Mapping[str, Any], key: str
    ) -> None:
        made = run("issue", feature, document, key)
        assert made.result == "success", made.data
        public = jwt.PyJWK(KEYS[key].public_key.jwk())
        algorithm = KEYS[key].public_key.kind.algorithms[0]
        read = jwt.decode_complete(made.data, public, algorithms=[algorithm])
        assert read["payload"] == document
        assert read["header"] == {
            "alg": algorithm,
            "typ": "vp+jwt" if "holder" in document else "vc+jwt",
            "kid": f"{OWNER}#key-1",
        }
        assert run("verify", feature, made.data, key) == ("success", json.dumps(document))

    def test_a_word_without_a_meaning_is_not_signed(self, run: Run) -> None:
        """5., without the suite's context of examples, which gives every word a meaning."""
        plain = {**MINIMAL, "@context": [V2], "type": ["VerifiableCredential"]}
        plain["credentialSubject"] = {"id": "did:example:123"}
        assert run("issue", "credential_jose", plain).result == "success"
        assert run("issue", "credential_jose", {**plain, "badExtension": {}}).result == "indeterminate"

    @pytest.mark.parametrize(
        ("feature", "document"),
        [
            ("credential_jose", {**MINIMAL, "issuer": None}),
            ("credential_jose", {**MINIMAL, "exp": 1734397450}),
            ("credential_jose", {**MINIMAL, "vc": {}}),
            ("credential_jose", {**MINIMAL, "id": "not a url"}),
            ("credential_jose", "no JSON"),
            ("presentation_jose", presentation(MINIMAL)),
            ("presentation_jose", presentation({**enveloped(), "id": "not-a-credential"})),
            ("presentation_jose", presentation("https://example.org/credential")),
            ("presentation_jose", presentation(enveloped("vp+jwt"))),
            ("presentation_jose", MINIMAL),
        ],
    )
    def test_what_is_not_in_order_is_not_signed(self, run: Run, feature: str, document: object) -> None:
        assert run("issue", feature, document).result == "failure"


class TestVerifying:
    @pytest.mark.parametrize(
        ("feature", "signed", "key"),
        [
            ("credential_jose", token({**CLAIMED, "iat": MINIMAL["validFrom"]}, "P-256"), "P-256"),
            (
                "presentation_jose",
                token(
                    {**ALL_FORMS, "iss": OWNER, "iat": 1734311050, "exp": 1734397450}, "P-384", typ="vp+jwt"
                ),
                "P-384",
            ),
            ("credential_jose", token(CLAIMED) + "\n", "Ed25519"),
        ],
        ids=["6. Basic", "7. Presentation", "8. Issuer"],
    )
    def test_what_others_issued(self, run: Run, feature: str, signed: str, key: str) -> None:
        made = run("verify", feature, signed, key)
        assert made.result == "success", made.data
        assert json.loads(made.data).keys().isdisjoint({"iss", "iat", "exp", "jti"})

    @pytest.mark.parametrize(
        ("feature", "posted"),
        [
            ("credential_jose", token(CLAIMED, "P-256")),
            ("credential_jose", token(CLAIMED).replace("eyJhbGciOiJFZERTQSI", "eyJhbGciOiJFUzUxMiI")),
            ("credential_jose", MINIMAL),
            ("presentation_jose", presentation(enveloped())),
            ("credential_jose", token(CLAIMED)[:-4] + "AAAA"),
            ("credential_jose", token(CLAIMED, typ="bad+typ")),
            ("presentation_jose", token(presentation(enveloped()), typ="bad+typ")),
            ("presentation_jose", token(presentation(enveloped()))),
            ("credential_jose", token({**CLAIMED, "vc": "oops", "vp": "nooo"})),
            (
                "presentation_jose",
                token(presentation({"@context": V2, "type": TYPE, "id": "not-a-credential"}), typ="vp+jwt"),
            ),
            ("credential_jose", token({**CLAIMED, "iss": "https://other.example"})),
            ("credential_jose", ""),
        ],
        ids=[
            "9. another key",
            "9. ES512",
            "10. Unsecured Credential",
            "11. Unsecured Presentation",
            "12. Invalid Signature",
            "13. Media Type",
            "14. Media Type",
            "14. that of a credential",
            "15. vc and vp",
            "16. Invalid Credential",
            "24. iss",
            "nothing",
        ],
    )
    def test_what_is_not_verified(self, run: Run, feature: str, posted: object) -> None:
        made = run("verify", feature, posted)
        assert made.result == "failure", made.data

    def test_a_token_of_another_program(self, run: Run) -> None:
        key = JWK.generate(kty="EC", crv="P-256")
        method = {
            "id": "https://example.issuer/vc-jose-cose#1",
            "publicKeyJwk": key.export_public(as_dict=True),
        }
        made = jwt.encode(
            MINIMAL, key.export_to_pem(private_key=True, password=None), "ES256", {"typ": "vc+jwt"}
        )
        assert run("verify", "credential_jose", made, method=method).result == "success"
        assert run("issue", "credential_jose", MINIMAL, method=method).result == "failure"  # it has no secret


class TestWhatStaysOpen:
    @pytest.mark.parametrize("feature", [name for name, form in FEATURES.items() if form is None])
    def test_a_feature_that_is_not_here(self, run: Run, feature: str) -> None:
        assert run("verify", feature, token(CLAIMED)).result == "indeterminate"

    def test_a_key_of_a_curve_that_is_not_here(self, run: Run) -> None:
        key = JWK.generate(kty="EC", crv="P-521").export(as_dict=True)
        public = {name: key[name] for name in ("kty", "crv", "x", "y")}
        method = {"id": "did:example:1#k", "publicKeyJwk": public, "secretKeyJwk": key}
        assert run("issue", "credential_jose", MINIMAL, method=method).result == "indeterminate"

    def test_a_key_file_whose_keys_differ(self, run: Run) -> None:
        method = method_of(KEYS["P-256"]) | {"publicKeyJwk": PrivateKey.generate("P-256").public_key.jwk()}
        assert run("issue", "credential_jose", MINIMAL, method=method).result == "failure"


@pytest.mark.slow
def test_the_suite_starts_it_as_a_program(tmp_path: Path) -> None:
    """The process and its words, as the suite has them behind `docker compose run`."""
    key, output = tmp_path / "vm.json", tmp_path / "1-intaglio.json"
    key.write_text(json.dumps(method_of(KEYS["P-256"])))
    (tmp_path / "input.json").write_text(json.dumps(MINIMAL))
    files = ("--input", tmp_path / "input.json", "--key", key, "--feature", "credential_jose")
    command = (sys.executable, "-m", "intaglio.api.conformance.jose", "issue", *files, "--output", output)
    subprocess.run([*map(str, command)], check=True, cwd=ROOT)
    assert json.loads(output.read_text())["result"] == "success"
    missing = subprocess.run(
        [*map(str, command), "--input", "none"], check=True, cwd=ROOT, capture_output=True
    )
    assert (json.loads(output.read_text())["result"], missing.stdout) == ("error", b"")
