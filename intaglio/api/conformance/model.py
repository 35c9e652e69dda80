"""The demands of W3C's data model on a credential that somebody posts, before it is signed as it came."""

from __future__ import annotations

from typing import Any

from vc import Credential
from vc.vcdm import jsonld
from vc.vcdm.related import compare_resources
from wire.work import BODY_STEPS, Work


def require_sound(document: dict[str, Any]) -> None:
    """Raises `Malformed` for a document that is no credential, and the problem of an undefined term."""
    claims = Credential.parse(document)
    if claims.unread:
        raise claims.unread
    compare_resources(claims.said, jsonld.vendored().documents)
    jsonld.canonicalize(document, work=Work(BODY_STEPS), whole=True)
