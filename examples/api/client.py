"""A client of the API with Python's standard library alone: issues a certificate, verifies it, revokes it.

INTAGLIO_TOKEN=… python client.py http://localhost:8490 school certificate.json
"""

from __future__ import annotations

import json
import os
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any


def post(url: str, body: object, token: str = "") -> tuple[int, dict[str, Any]]:
    """The status and the JSON of the answer, be it a problem (RFC 9457) or not."""
    headers = {"Content-Type": "application/json"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    request = urllib.request.Request(url, json.dumps(body).encode(), headers)
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as refusal:
        return refusal.code, json.load(refusal)


def main(service: str, name: str, file: str) -> None:
    """Issues what the file has; the same file again gives the same credential."""
    token = os.environ["INTAGLIO_TOKEN"]
    issuer = f"{service}/issuers/{name}/credentials"
    body = {"credential": json.loads(Path(file).read_text("utf-8")), "options": {"bundle": True}}
    status, answer = post(f"{issuer}/issue", body, token)
    if status not in (200, 201):
        sys.exit(f"not issued: {answer['title']}: {answer['detail']}")
    credential, bundle = answer["verifiableCredential"], answer["bundle"]
    print("issued", credential["id"])

    verify = f"{service}/credentials/verify"
    status, answer = post(verify, {"verifiableCredential": bundle})
    print("verified", status, answer["verdict"])

    entry = {"type": "BitstringStatusListEntry", "statusPurpose": "revocation"}
    revocation = {"credentialId": credential["id"], "credentialStatus": entry, "status": True}
    status, answer = post(f"{issuer}/status", revocation, token)
    if status != 200:
        sys.exit(f"not revoked: {answer['title']}: {answer['detail']}")

    status, answer = post(verify, {"verifiableCredential": bundle})
    print("verified", status, answer["verdict"])


if __name__ == "__main__":
    if len(sys.argv) != 4 or "INTAGLIO_TOKEN" not in os.environ:
        sys.exit(__doc__)
    main(*sys.argv[1:])
