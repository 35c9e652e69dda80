"""Resources that a credential names with their digests (VCDM 2.0, 5.3).

Contexts are compared with the texts that are kept here, files with what somebody gave; none is asked for.
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from io import BytesIO
from typing import Any, NamedTuple

from wire import integrity
from wire.problem import Code

from ..problem import MalformedCredential
from .jsonld.documents import Documents

RESOURCE_DIFFERS = Code("resource-differs", MalformedCredential, "A related resource is another one")
"""A credential names a context with another digest than the text that is kept here, and was signed by."""


class Resource(NamedTuple):
    """A file that a credential names."""

    id: str
    digests: tuple[frozenset[bytes], ...]
    """For each digest that it states, the values that a file may have; empty where no file can have it."""

    def fits(self, digests: Set[bytes]) -> bool:
        """True if each of its digests is one of these, which are those of a file."""
        return bool(self.digests) and not any(each.isdisjoint(digests) for each in self.digests)


class Compared(NamedTuple):
    """The number of resources that a credential names, and of those that were compared."""

    named: int
    compared: int


def resources_of(claims: Mapping[str, Any]) -> list[Resource]:
    """The resources that the `relatedResource` of a credential names."""
    value = claims.get("relatedResource", [])
    return [
        Resource(
            str(item.get("id", "")),
            tuple(
                integrity.stated(str(item[name])) for name in ("digestSRI", "digestMultibase") if name in item
            ),
        )
        for item in (value if isinstance(value, list) else [value])
        if isinstance(item, Mapping)
    ]


def compare_resources(
    claims: Mapping[str, Any], documents: Documents, files: Set[bytes] = frozenset()
) -> Compared:
    """Compares the digests that a credential's `relatedResource` has with the contexts that are kept.

    Of a context whose text changed, any text that was published will do. Each resource has an id of its own
    (`Credential.parse`), so that no context is hashed twice. One that is among the `files`, by the digests of
    these, is counted as well. Raises `RESOURCE_DIFFERS`.
    """
    resources = resources_of(claims)
    compared = 0
    for position, resource in enumerate(resources):
        texts = documents.texts(resource.id)
        # VCDM 2.0, 5.3 (threat 31): its issuer signed by another text than the one that is read here.
        if texts and not any(resource.fits(integrity.digests_of(BytesIO(text))) for text in texts):
            raise RESOURCE_DIFFERS.saying(
                "relatedResource[{position}] has another digest than the context of this address",
                position=position,
            )
        compared += bool(texts) or resource.fits(files)
    return Compared(len(resources), compared)
