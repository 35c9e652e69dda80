"""Resources that a credential names with their digests (VCDM 2.0, 5.3), compared where they are kept here.

Only contexts are: whatever else it names stays where it is, and nobody is asked for it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, NamedTuple

from wire.integrity import fits
from wire.problem import Code, Malformed
from wire.strict import multibase_decode

from ..problem import MalformedCredential
from .jsonld.documents import Documents

RESOURCE_DIFFERS = Code("resource-differs", MalformedCredential, "A related resource is another one")
"""A credential names a context with another digest than the text that is kept here, and was signed by."""

_SHA2_256 = b"\x12\x20"  # as a multihash begins


class Compared(NamedTuple):
    """How many resources a credential names, and how many of them were compared."""

    named: int
    compared: int


def compare_resources(said: Mapping[str, Any], documents: Documents) -> Compared:
    """Compares the digests that a credential's `relatedResource` has with the contexts that are kept.

    Of a context whose text changed, any text that was published will do. Each resource has an id of its own
    (`Credential.parse`), so that no context is hashed twice. Raises `RESOURCE_DIFFERS`.
    """
    named = said.get("relatedResource", [])
    resources = named if isinstance(named, list) else [named]
    compared = 0
    for position, resource in enumerate(resources):
        texts = documents.texts(resource["id"])
        if not texts:
            continue
        compared += 1
        if not any(_is(resource, text) for text in texts):
            raise RESOURCE_DIFFERS.saying(
                "relatedResource[{position}] has another digest than the context of this address",
                position=position,
            )
    return Compared(len(resources), compared)


def _is(resource: Mapping[str, Any], text: bytes) -> bool:
    """Whether each of the digests is that of the text."""
    integrity, multibase = resource.get("digestSRI"), resource.get("digestMultibase")
    return (integrity is None or fits(integrity, text) is True) and (
        multibase is None or _is_multibase(multibase, text)
    )


def _is_multibase(value: str, text: bytes) -> bool:
    """By SHA-256, as a multihash or bare: W3C's suite writes it bare."""
    try:
        digest = multibase_decode(value, limit=128)
    except Malformed:
        return False
    if len(digest) == 34:  # with the two bytes of a multihash in front
        digest = digest.removeprefix(_SHA2_256)
    return digest == hashlib.sha256(text).digest()
