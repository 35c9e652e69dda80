"""The forms in which credentials are secured, one folder or module each."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from ..secured import INTEGRITY, MAX_BYTES, Form
from .integrity.form import DataIntegrity
from .sdjwt import MEDIA_TYPE as SD_JWT_VC
from .sdjwt.form import SDJWTVC

FORMS: Mapping[str, Form] = MappingProxyType({INTEGRITY: DataIntegrity(), SD_JWT_VC: SDJWTVC()})
"""The forms that are read unless a caller passes others, by their media types."""

__all__ = [
    "FORMS",
    "INTEGRITY",
    "MAX_BYTES",
    "SDJWTVC",
    "SD_JWT_VC",
    "DataIntegrity",
]
