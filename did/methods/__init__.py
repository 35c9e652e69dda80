"""DID methods: how the document of a DID is found. One file each, with `resolve` and `create`.

`METHODS` is what a `Resolver` uses unless told otherwise; another method is added by handing in
`{**METHODS, "example": Method(resolve)}`. Read `key.py` first: it is the shortest.
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
