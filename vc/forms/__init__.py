"""The forms in which credentials are secured, one folder or module each."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from ..secured import INTEGRITY, MAX_BYTES, Form
from ..status.entry import LIST_TYPES
from ..status.kind import StatusKinds
from ..status.token import ENTRY_TYPE, TOKEN
from .integrity.form import DataIntegrity
from .integrity.status_list import BITSTRING
from .sdjwt import MEDIA_TYPE as SD_JWT_VC
from .sdjwt.form import SDJWTVC

FORMS: Mapping[str, Form] = MappingProxyType({INTEGRITY: DataIntegrity(), SD_JWT_VC: SDJWTVC()})
"""The forms that are read unless a caller passes others, by their media types."""

STATUS_KINDS: StatusKinds = MappingProxyType({**dict.fromkeys(LIST_TYPES, BITSTRING), ENTRY_TYPE: TOKEN})
"""The kinds of status lists that are read and published unless a caller passes others."""

__all__ = [
    "BITSTRING",
    "FORMS",
    "INTEGRITY",
    "MAX_BYTES",
    "SDJWTVC",
    "SD_JWT_VC",
    "STATUS_KINDS",
    "TOKEN",
    "DataIntegrity",
]
