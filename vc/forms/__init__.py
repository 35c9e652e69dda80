"""The forms in which credentials are secured, one folder or module each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from ..secured import INTEGRITY, MAX_BYTES, Form
from ..status.entry import LIST_TYPES
from ..status.kind import StatusKinds
from ..status.token import ENTRY_TYPE, TOKEN
from .integrity.form import DataIntegrity
from .integrity.status_list import BITSTRING
from .jwt import PLAIN_JWT, VC_JWT, VCJWT, VP_JWT, VPJWT, PlainJWT
from .sdjwt import MEDIA_TYPE as SD_JWT_VC
from .sdjwt import SDJWTVC

if TYPE_CHECKING:
    from ..vcdm.jsonld import Contexts

FORMS: Mapping[str, Form] = MappingProxyType(
    {
        INTEGRITY: DataIntegrity(),
        SD_JWT_VC: SDJWTVC(),
        VC_JWT: VCJWT(),
        VP_JWT: VPJWT(),
        PLAIN_JWT: PlainJWT(),
    }
)
"""The forms that are read unless a caller passes others, by their media types."""

STATUS_KINDS: StatusKinds = MappingProxyType({**dict.fromkeys(LIST_TYPES, BITSTRING), ENTRY_TYPE: TOKEN})
"""The kinds of status lists that are read and published unless a caller passes others."""


def by_contexts(forms: Mapping[str, Form], contexts: Contexts | None) -> Mapping[str, Form]:
    """The same forms, those of W3C's data model by these contexts."""
    of_the_model = DataIntegrity | VCJWT | VPJWT | PlainJWT
    return {
        name: replace(form, contexts=contexts) if isinstance(form, of_the_model) else form
        for name, form in forms.items()
    }


__all__ = [
    "BITSTRING",
    "FORMS",
    "INTEGRITY",
    "MAX_BYTES",
    "PLAIN_JWT",
    "SDJWTVC",
    "SD_JWT_VC",
    "STATUS_KINDS",
    "TOKEN",
    "VCJWT",
    "VC_JWT",
    "VPJWT",
    "VP_JWT",
    "DataIntegrity",
    "PlainJWT",
    "by_contexts",
]
