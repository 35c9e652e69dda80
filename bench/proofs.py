"""Issuing and verifying one diploma with eddsa-rdfc-2022, against the plain way with pyld.

The peer canonicalises with pyld, hashes, and signs with `cryptography`; nothing else. Ours also checks form,
purpose, controller and times, from bytes to a verdict. CPU time; the best of several rounds in one run.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pyld import jsonld

from bench.diploma import diploma
from did import METHODS, Resolver
from did.methods import key as did_key
from keys import PrivateKey, PublicKey
from vc import Credential, Proof, sign, verify_proof
from vc.vcdm.jsonld.documents import Documents
from verifier import RecognisedIssuer, Trust, Verifier
from wire import base58_decode, base58_encode, load_json_object
from wire.fetch import NoFetcher

NOW = datetime(2026, 11, 1, tzinfo=UTC)
KEY = PrivateKey.generate()
DID = did_key.create(KEY.public_key)
METHOD = f"{DID}#{KEY.public_key.multikey()}"
DOCUMENT = {**diploma(), "issuer": {**diploma()["issuer"], "id": DID}}
del DOCUMENT["credentialStatus"]


def cpu(work: Callable[[], object], rounds: int = 7, seconds: float = 0.25) -> float:
    """Microseconds of CPU for one call: the best of several rounds."""
    work()
    start = time.process_time()
    work()
    count = max(1, int(seconds / max(time.process_time() - start, 1e-6)))
    best = float("inf")
    for _ in range(rounds):
        start = time.process_time()
        for _ in range(count):
            work()
        best = min(best, (time.process_time() - start) / count)
    return best * 1e6


class Plain:
    """The plain way: the code that a programmer writes in an afternoon on pyld and cryptography."""

    def __init__(self) -> None:
        documents = Documents()
        self._loader = lambda url, _options: {
            "contentType": "application/ld+json", "contextUrl": None, "documentUrl": url,
            "document": documents.load(url),
        }  # fmt: skip
        self._key = Ed25519PrivateKey.from_private_bytes(KEY.secret)
        self._public = self._key.public_key()

    def _hash(self, value: dict[str, Any]) -> bytes:
        options = {
            "algorithm": "URDNA2015", "format": "application/n-quads", "documentLoader": self._loader
        }  # fmt: skip
        return hashlib.sha256(jsonld.normalize(value, options).encode()).digest()

    def _data(self, document: dict[str, Any], options: dict[str, Any]) -> bytes:
        return self._hash({"@context": document["@context"], **options}) + self._hash(document)

    def issue(self, document: dict[str, Any]) -> bytes:
        options = {
            "type": "DataIntegrityProof",
            "cryptosuite": "eddsa-rdfc-2022",
            "created": "2026-10-01T00:00:00Z",
            "verificationMethod": METHOD,
            "proofPurpose": "assertionMethod",
        }
        value = "z" + base58_encode(self._key.sign(self._data(document, options)))
        return json.dumps({**document, "proof": [{**options, "proofValue": value}]}).encode()

    def verify(self, data: bytes) -> None:
        document = json.loads(data)
        (proof,) = document.pop("proof")
        signature = base58_decode(proof.pop("proofValue")[1:])
        self._public.verify(signature, self._data(document, proof))


def issue() -> bytes:
    created = datetime(2026, 10, 1, tzinfo=UTC)
    return orjson.dumps(sign(DOCUMENT, KEY, verification_method=METHOD, created=created))


def checked(data: bytes, resolver: Resolver) -> None:
    """One proof, by the library's own parts: form, purpose, the key of its issuer, signature."""
    credential = Credential.parse(load_json_object(data))
    proof = Proof.parse(credential.document["proof"][0])
    assert proof.purpose == "assertionMethod"
    key: PublicKey = (
        resolver.resolve(credential.issuer).document.verification_method(METHOD, proof.purpose).key
    )
    verify_proof(credential.document, proof, key)


def main() -> None:
    plain, data = Plain(), issue()
    assert load_json_object(plain.issue(DOCUMENT)) == load_json_object(data), "the same proof"
    resolver = Resolver(METHODS, NoFetcher())
    verifier = Verifier(resolver, trust=Trust().adding(RecognisedIssuer(DID)))
    assert verifier.verify(data, now=NOW)

    rows = {
        "issue": (cpu(issue), cpu(lambda: plain.issue(DOCUMENT)), 25, 45),
        "verify, one proof": (cpu(lambda: checked(data, resolver)), cpu(lambda: plain.verify(data)), 18, 35),
        "verify, nine steps": (
            cpu(lambda: verifier.verify(data, now=NOW)),
            cpu(lambda: plain.verify(data)),
            18,
            35,
        ),
    }
    results = []
    print(f"{'eddsa-rdfc-2022':<20}{'ours µs':>10}{'pyld µs':>10}{'ratio':>8}{'goal':>7}{'aim':>6}")
    for name, (ours, theirs, goal, aim) in rows.items():
        print(f"{name:<20}{ours:>10.0f}{theirs:>10.0f}{theirs / ours:>7.1f}×{goal:>6}×{aim:>5}×")
        results.append({"name": name, "ours_us": ours, "peer_us": theirs, "peer": "pyld 3.3 + cryptography",
                        "ratio": theirs / ours, "goal": goal})  # fmt: skip
    folder = Path(__file__).parent / "results"
    folder.mkdir(exist_ok=True)
    (folder / "proofs.json").write_bytes(orjson.dumps(results, option=orjson.OPT_INDENT_2))


if __name__ == "__main__":
    main()
