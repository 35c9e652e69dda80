"""`relatedResource`: digests of contexts are compared with the texts that are kept; nothing is fetched."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

import pytest

from tests.world import NOW, University, verifier
from vc import Report
from vc.vcdm.jsonld import vendored
from wire.strict import base58_encode, base64url_encode

UNIVERSITY = University()
V2 = "https://www.w3.org/ns/credentials/v2"
(TEXT,) = vendored().documents.texts(V2)
ELSEWHERE = {"id": "https://example.org/photo.png", "digestSRI": "sha256-" + "A" * 43 + "="}


def sri(algorithm: str, text: bytes = TEXT) -> str:
    return f"{algorithm}-{base64.b64encode(hashlib.new(algorithm, text).digest()).decode()}"


def report(*resources: object) -> Report:
    signed = UNIVERSITY.sign(UNIVERSITY.plain(relatedResource=list(resources)))
    return verifier(UNIVERSITY.pinned).verify(signed, now=NOW)


DIGEST = hashlib.sha256(TEXT).digest()


@pytest.mark.parametrize(
    "digests",
    [
        *({"digestSRI": sri(algorithm)} for algorithm in ("sha256", "sha384", "sha512")),
        {"digestMultibase": "u" + base64url_encode(DIGEST)},
        {"digestMultibase": "z" + base58_encode(b"\x12\x20" + DIGEST)},
        {"digestSRI": sri("sha384"), "digestMultibase": "u" + base64url_encode(DIGEST)},
    ],
    ids=str,
)
def test_a_context_that_is_as_the_credential_says_is_counted(digests: dict[str, Any]) -> None:
    found = report({"id": V2, **digests}, ELSEWHERE)
    assert found, found.deciding
    (resources,) = (check for check in found.checks if check.code == "signature-resources")
    assert dict(resources.facts) == {"count": 2, "compared": 1}


@pytest.mark.parametrize(
    "digests",
    [
        {"digestSRI": sri("sha256", b"another text")},
        {"digestSRI": "sha256-AA=="},
        {"digestSRI": "sha384-" + "A" * 63},
        {"digestMultibase": "u" + "A" * 43},
        {"digestMultibase": "u!"},
        {"digestMultibase": "z" + base58_encode(b"\x12\x20" + DIGEST[:-1])},
        {"digestSRI": sri("sha256"), "digestMultibase": "u" + "A" * 43},
    ],
    ids=str,
)
def test_one_that_is_not_is_refused_by_its_place(digests: dict[str, Any]) -> None:
    found = report(ELSEWHERE, {"id": V2, **digests})
    assert found.deciding is not None
    assert (found.verdict.value, found.deciding.code) == ("invalid", "signature-resource-differs")
    assert found.deciding.problem is not None
    assert found.deciding.problem.facts == {"position": 1}


def test_one_without_resources_says_nothing_of_them() -> None:
    found = verifier(UNIVERSITY.pinned).verify(UNIVERSITY.sign(UNIVERSITY.plain()), now=NOW)
    assert "signature-resources" not in {check.code for check in found.checks}
