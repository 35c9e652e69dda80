"""Uploads that make a page's answer as expensive as possible: in bytes, in work, in memory."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from tests.world import CONTEXT, NAME, University

UNIVERSITY = University()


def archive(files: Mapping[str, bytes]) -> bytes:
    """A ZIP archive."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as opened:
        for name, data in files.items():
            opened.writestr(name, data)
    return content.getvalue()


def unsigned(number: int, kind: str, name: str) -> dict[str, Any]:
    """A credential with an invalid proof, and with any names for its type and issuer."""
    issuer = f"did:web:x.example:{number}"
    return {
        "@context": [CONTEXT[0]],
        "type": ["VerifiableCredential", f"urn:t:{kind}"],
        "issuer": {"id": issuer, "name": name},
        "credentialSubject": {"id": "urn:x:1"},
        "proof": {
            "type": "DataIntegrityProof",
            "cryptosuite": "eddsa-jcs-2022",
            "verificationMethod": f"{issuer}#k",
            "proofPurpose": "assertionMethod",
            "proofValue": "z1",
        },
    }


def presented(credentials: Iterable[Mapping[str, Any]]) -> bytes:
    """An unsigned presentation."""
    document = {
        "@context": [CONTEXT[0]],
        "type": ["VerifiablePresentation"],
        "verifiableCredential": list(credentials),
    }
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()


def unsigned_ones(kind: str = "'" * 1990, name: str = "<" * 2000) -> bytes:
    """As many as one presentation may have."""
    return presented(unsigned(number, kind, name) for number in range(16))


def long_diploma() -> bytes:
    """A valid one with more claims than a page shows."""
    document = UNIVERSITY.diploma()
    document["@context"] = [*document["@context"], {"note": "https://university.example/vocab#note"}]
    document["credentialSubject"]["note"] = [f"{number}{chr(39) * 2400}" for number in range(225)]
    return UNIVERSITY.issue(document).to_bytes()


def many(data: bytes, files: int = 200, name: str = "") -> bytes:
    """As many files as one form may have."""
    return archive({f"{number:03}{name}.json": data for number in range(files)})


FACE = chr(0x1F600)
UPLOADS: Mapping[str, Callable[[], bytes]] = {
    "signs that HTML spells out": lambda: many(unsigned_ones()),
    "letters that nobody sees": lambda: many(unsigned_ones("\u200b" * 9_000, "\u200b" * 9_000), 100),
    "marks on one letter": lambda: many(unsigned_ones("t", "a" + "\u0301" * 20_000), 80),
    "quotation marks": lambda: many(unsigned_ones("t", "'x" * 10_000)),
    "names like one on the list": lambda: many(unsigned_ones("t", NAME)),
    "long names of files": lambda: many(b"{}", name=FACE * 140),
    "diplomas": lambda: many(UNIVERSITY.issue(index=1).to_bytes()),
    "a long diploma": lambda: archive({"long.json": long_diploma()}),
}
"""The uploads by the means that they use, each as one archive."""
