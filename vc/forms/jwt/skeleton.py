"""Credentials of one shape as JWTs: the payload is traced once, then values are spliced into it."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Callable, Sequence
from functools import partial

import orjson

from keys import PublicKey, Signer
from wire import Problem, base64url_decode, base64url_encode

from ...secured import MAX_BYTES, ReadBack, Skeleton, Spliced
from ...slots import Format, Slots, Value
from ...vcdm.enveloped import Enveloped

_SIGNATURE = re.compile(rb"[A-Za-z0-9_-]{1,200}")


class _Tracer:
    """Stands for a signer; signs nothing."""

    def __init__(self, key: PublicKey) -> None:
        self.public_key = key

    def sign(self, data: bytes) -> bytes:  # noqa: ARG002
        return secrets.token_bytes(self.public_key.kind.signature)


def jwt_skeleton(secure: Callable[[Signer], Enveloped], slots: Slots, key: PublicKey) -> Skeleton | None:
    """The skeleton of what `secure` makes, of a document that holds the markers of `slots`.

    `None` where the shape has none.
    """
    try:
        traced = secure(_Tracer(key))
    except Problem:  # such as a marker where only a certain text may stand
        return None
    header, text, _ = traced.data.split(b".")
    payload = base64url_decode(text.decode(), limit=MAX_BYTES)
    splice, filled = slots.format(payload.decode()), slots.fill(slots.markers)
    if splice is None or filled is None or splice(filled.json) != payload:
        return None
    before, _, after = orjson.dumps(dict(traced)).partition(traced.data)
    return _Skeleton(slots, header, splice, before, after)


class _Skeleton:
    """See `Skeleton`."""

    def __init__(self, slots: Slots, header: bytes, splice: Format, before: bytes, after: bytes) -> None:
        self._slots, self._header, self._splice = slots, header, splice
        self._before, self._after = before, after
        """The JSON around the JWT."""

    def secure(self, values: Sequence[Value], signer: Signer) -> Spliced | None:
        """See `Skeleton`."""
        token = self._token(values, signer)
        if token is None:
            return None
        return Spliced(self._before + token + self._after, hashlib.sha256(token).digest())

    def sign(self, values: Sequence[Value], signer: Signer) -> bytes | None:
        """See `Skeleton`."""
        token = self._token(values, signer)
        return None if token is None else self._before + token + self._after

    def _token(self, values: Sequence[Value], signer: Signer) -> bytes | None:
        text = self._signed(values)
        return None if text is None else text + b"." + base64url_encode(signer.sign(text)).encode()

    def read(self, values: Sequence[Value], credential: bytes) -> ReadBack | None:
        """See `Skeleton`."""
        text = self._signed(values)
        if text is None:
            return None
        head = self._before + text + b"."
        signature = credential[len(head) : len(credential) - len(self._after)]
        is_token = credential.startswith(head) and credential.endswith(self._after)
        # Nothing else than base64url can stand there, which says nothing but the signature.
        if not is_token or not _SIGNATURE.fullmatch(signature):
            return None
        digest = hashlib.sha256(text + b"." + signature).digest()
        return ReadBack(digest, partial(base64url_decode, signature.decode()))

    def _signed(self, values: Sequence[Value]) -> bytes | None:
        """Header and payload; `None` where the general path has to look at them."""
        filled = self._slots.fill(values)
        if filled is None:
            return None
        payload = self._splice(filled.json)
        # Such a member says nothing, or a text only looks like one.
        if b"null" in payload or b"[]" in payload:
            return None
        return self._header + b"." + base64url_encode(payload).encode()
