"""Data Integrity proofs of many documents of one shape: traced once, then spliced.

The tracer stands where the signer does. It notes the bytes to be signed and gives a random signature. So all
that is constant comes from the general path itself: the proof's members, the hash of its options, the order
of members in JSON and in JCS.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import orjson

from keys import PublicKey, Signer
from wire import Problem, jcs, multibase_decode

from ...secured import ReadBack, Skeleton, Spliced
from ...slots import Canonical, Filled, Format, Slots, Value
from ...vcdm.jsonld.plain import SMALL
from .suites import Cryptosuite, DataIntegritySuite, proof_value

if TYPE_CHECKING:
    from ...vcdm.jsonld import Contexts

_PROOF_VALUE = re.compile(rb"z[1-9A-HJ-NP-Za-km-z]{1,200}")


class _Tracer:
    """Stands for a signer; signs nothing."""

    def __init__(self, key: PublicKey) -> None:
        self.public_key = key
        self.signature = secrets.token_bytes(key.kind.signature)
        self.hashes = b""

    def sign(self, data: bytes) -> bytes:
        self.hashes = data
        return self.signature


def proof_skeleton(
    secure: Callable[[Signer], dict[str, Any]],
    suite: Cryptosuite,
    key: PublicKey,
    slots: Slots,
    contexts: Contexts | None,
) -> Skeleton | None:
    """The skeleton of what `secure` makes, of a document that holds the markers of `slots`.

    `None` where the suite has no skeletons, or the shape has none.
    """
    if not isinstance(suite, DataIntegritySuite) or suite.skeleton is None:
        return None
    tracer = _Tracer(key)
    try:
        signed = secure(tracer)
    except Problem:  # such as a marker where only a certain text may stand
        return None
    document = {name: member for name, member in signed.items() if name != "proof"}
    (proof,) = signed["proof"]
    digest = suite.digests[key.type]
    canonical = suite.skeleton(document, slots, digest, contexts)
    credential = _Spliced.of(slots, orjson.dumps(signed), proof["proofValue"])
    logged = _Spliced.of(slots, jcs.canonicalize({**document, "proof": proof}), proof["proofValue"])
    if canonical is None or credential is None or logged is None:
        return None
    half = len(tracer.hashes) // 2
    skeleton = _Skeleton(slots, tracer.hashes[:half], digest, canonical, credential, logged)
    filled = slots.fill(slots.markers)
    # Tried on the markers themselves: it has to give what the general path signed.
    is_sound = filled and skeleton.hashes(filled) == tracer.hashes
    return skeleton if is_sound else None


class _Spliced:
    """JSON with one signature in it, in two parts."""

    def __init__(self, head: Format, tail: Format) -> None:
        self.head, self.tail = head, tail

    @classmethod
    def of(cls, slots: Slots, text: bytes, signature: str) -> _Spliced | None:
        head, _, tail = map(slots.format, text.decode().partition(signature))
        return cls(head, tail) if head and tail else None


class _Skeleton:
    """See `Skeleton`."""

    def __init__(
        self, slots: Slots, options: bytes, digest: str, canonical: Canonical, credential: _Spliced,
        logged: _Spliced,
    ) -> None:  # fmt: skip
        self._slots, self._options, self._canonical = slots, options, canonical
        self._hasher = getattr(hashlib, digest)
        self._credential, self._logged = credential, logged
        # True if null or [] may begin in a value and end in what stands beside it.
        self._has_edges = not credential.head.edges().isdisjoint({"", *"nul[]"})

    def hashes(self, filled: Filled) -> bytes | None:
        """The bytes that are signed: hash(proof options) ‖ hash(document) (VC-DI-EDDSA 3.2.4)."""
        canonical = self._canonical(filled)
        return None if canonical is None else self._options + self._hasher(canonical).digest()

    def secure(self, values: Sequence[Value], signer: Signer) -> Spliced | None:
        """See `Skeleton`."""
        filled = self._slots.fill(values)
        signed = filled and self._signed(filled, signer)
        if not (filled and signed):
            return None
        credential, signature = signed
        return Spliced(credential, self._digest(filled, signature))

    def sign(self, values: Sequence[Value], signer: Signer) -> bytes | None:
        """See `Skeleton`."""
        filled = self._slots.fill(values)
        signed = filled and self._signed(filled, signer)
        return signed[0] if signed else None

    def _signed(self, filled: Filled, signer: Signer) -> tuple[bytes, bytes] | None:
        """The credential, and its signature as it stands there."""
        head = self._head(filled)
        hashes = self.hashes(filled) if head else None
        if not (head and hashes):
            return None
        signature = proof_value(signer, hashes).encode()
        return head + signature + self._credential.tail(filled.json), signature

    def read(self, values: Sequence[Value], credential: bytes) -> ReadBack | None:
        """See `Skeleton`."""
        filled = self._slots.fill(values)
        head = filled and self._head(filled)
        if not (filled and head and credential.startswith(head)):
            return None
        tail = self._credential.tail(filled.json)
        signature = credential[len(head) : len(credential) - len(tail)]
        # Within its quotes nothing else can stand than base58, which says nothing but the signature.
        if not (credential.endswith(tail) and _PROOF_VALUE.fullmatch(signature)):
            return None
        return ReadBack(self._digest(filled, signature), partial(multibase_decode, signature.decode()))

    def _head(self, filled: Filled) -> bytes | None:
        """The credential up to its signature; `None` where the general path has to look at it."""
        head = self._credential.head(filled.json)
        # A longer document is charged, and may be refused; one that seems to hold null is read.
        is_plain = (
            len(head) <= SMALL
            and not filled.may_be_silent
            and not (self._has_edges and (b"null" in head or b"[]" in head))
        )
        return head if is_plain else None

    def _digest(self, filled: Filled, signature: bytes) -> bytes:
        logged = self._logged.head(filled.json) + signature + self._logged.tail(filled.json)
        return hashlib.sha256(logged).digest()
