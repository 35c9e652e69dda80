"""DID methods, which find the document of a DID. Each is one file, with `resolve` and `create`.

`METHODS` are the defaults of a `Resolver`; a method that ships gets a line there. To add one for a single
resolver, pass `{**METHODS, "example": Method(resolve)}`. Read `key.py` first.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from ..resolution import Method
from . import jwk, key, web

METHODS: Mapping[str, Method] = MappingProxyType(
    {
        "key": Method(key.resolve, self_certifying=True, represent=key.represent, rotates=False),
        "jwk": Method(jwk.resolve, self_certifying=True, rotates=False),
        "web": Method(web.resolve),
    }
)
"""The DID methods of a `Resolver` by default, by name."""
