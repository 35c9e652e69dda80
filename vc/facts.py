"""The facts that decide in a credential, given to a form when it signs, and read back from what it signed.

A verifier takes any fact that a form leaves out for one that the credential lacks. Without its place in a
status list, a credential revoked for fraud would be valid.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple


class StatusPlace(NamedTuple):
    """The place at which the status of a credential stands."""

    list_url: str
    position: int
    is_stated: bool = False
    """True if a term of use states the place, since no address leads to the list."""
    is_suspendable: bool = False
    """True if the issuer may suspend it, too, at the same position."""


class SchemaFile(NamedTuple):
    """The JSON Schema of a credential."""

    id: str
    """Its address, or a URN."""
    digest: str
    """Over its bytes, as Subresource Integrity writes it (VCDM 2.0, `digestSRI`)."""


class ClaimsByKind(NamedTuple):
    """The claims of a credential by the fields of its kind, for a form that has one for each."""

    type: str
    """The name of the type, which the type metadata describes (SD-JWT VC, 4.2)."""
    integrity: str
    """The digest of that metadata, as Subresource Integrity writes it; empty where none was kept."""
    claims: Mapping[str, Any]
    """By the names of the fields; a group is a list of objects. Empty fields are left out."""
    paths: Mapping[str, tuple[str, ...]]
    """The fields that a credential of the kind may have, and the member names that lead to the claim of each.

    None leads to or through the claim of another field.
    """
    shown: frozenset[str]
    """Those that are never hidden."""
    salt: Callable[[str], bytes]
    """32 bytes for a name, which the issuer alone can work out."""


def put_claim(claims: dict[str, Any], path: Sequence[str], value: object) -> None:
    """Adds a value where a path of member names leads, with the objects on the way."""
    *objects, name = path
    for each in objects:
        claims = claims.setdefault(each, {})
    claims[name] = value


class IssuingFacts(NamedTuple):
    """The facts that decide in a credential that is to be signed. A form has to carry each of them."""

    id: str
    issuer: Mapping[str, Any]
    """The issuer as the credential shows it, with its DID as `id`."""
    valid_from: datetime | None
    valid_until: datetime | None
    status: StatusPlace
    log: str
    """The origin of the log that it goes into."""
    holder: str | None
    """The DID of the holder, whose key alone may show it; `None` lets anybody show it."""
    kind: str | None = None
    """The URN of the kind that it is made by, where its credentials name it."""
    schema: SchemaFile | None = None
    """The schema that was kept with that kind."""
    by_kind: Callable[[], ClaimsByKind] | None = None
    """Its claims by the fields of the kind, worked out when a form asks for them."""
    address: str | None = None
    """The https address that stands for the issuer in an SD-JWT VC; other forms name it by its DID."""
