"""SD-JWTs for tests, made by RFC 9901 without a line of the program's own, with whatever is wrong in them."""

from __future__ import annotations

import base64
import copy
import hashlib
import json
import random
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from keys import PrivateKey

Path = tuple[str | int, ...]


def b64(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def as_text(value: object) -> bytes:
    return b64(json.dumps(value).encode())


def digest(text: bytes, name: str = "sha256") -> str:
    return b64(hashlib.new(name, text).digest()).decode()


@dataclass
class Frame:
    """Hides values of a payload, the innermost first, and has the disclosure of each."""

    payload: dict[str, Any]
    hash: str = "sha256"
    disclosures: dict[Path, bytes] = field(default_factory=dict)
    random: random.Random = field(default_factory=lambda: random.Random(0))

    def salt(self) -> str:
        return b64(self.random.randbytes(16)).decode()

    def hide(self, paths: Collection[Path]) -> Frame:
        for path in sorted(paths, key=len, reverse=True):
            *outer, end = path
            last: Any = end
            node: Any = self.payload
            for step in outer:
                node = node[step]
            if isinstance(node, list):
                text = as_text([self.salt(), node[last]])
                node[last] = {"...": digest(text, self.hash)}
            else:
                text = as_text([self.salt(), last, node.pop(last)])
                node["_sd"] = sorted([*node.get("_sd", []), digest(text, self.hash)])
            self.disclosures[path] = text
        return self


def framed(claims: Mapping[str, Any], paths: Collection[Path], hash: str = "sha256") -> Frame:  # noqa: A002
    return Frame(copy.deepcopy(dict(claims)), hash).hide(paths)


def places(value: Any, path: Path = ()) -> Iterator[Path]:
    """The places of all members and elements."""
    steps: list[Any] = []
    if isinstance(value, dict):
        steps = list(value)
    elif isinstance(value, list):
        steps = list(range(len(value)))
    for step in steps:
        yield (*path, step)
        yield from places(value[step], (*path, step))


def jwt(header: Mapping[str, Any], payload: object, key: PrivateKey) -> bytes:
    text = as_text(header) + b"." + as_text(payload)
    return text + b"." + b64(key.sign(text))


def bound(shown: bytes, key: PrivateKey, header: Mapping[str, Any] | None = None, **claims: Any) -> bytes:
    """The presentation with its key binding; members that are `None` are left out."""
    members = {
        "iat": 1782907200,
        "aud": "employer.example",
        "nonce": "challenge",
        "sd_hash": digest(shown),
        **claims,
    }
    algorithm = {"Ed25519": "EdDSA", "P-256": "ES256", "P-384": "ES384"}[key.public_key.type]
    payload = {name: value for name, value in members.items() if value is not None}
    return shown + jwt({"alg": algorithm, "typ": "kb+jwt", **(header or {})}, payload, key)
