"""Token Status List as a JWT (draft-ietf-oauth-status-list-21): the kind, and the form of its lists.

An entry says `idx` and `uri`. The list is a `statuslist+jwt` whose `sub` is that URI.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

from keys import InvalidSignature
from ledger import EntryKind, entry
from wire import Malformed, base64url_encode, load_json_object
from wire.problem import Code
from wire.strict import is_url
from wire.work import BYTES_HASHED, Work

from ..claims import Claims
from ..jose import JWTSignature, key_name, numeric_date, require_type, subject_of
from ..problem import InvalidProof, MalformedCredential, UnsupportedForm
from ..secured import Carried, Form, Options, Received, Secured, Signatures, Signed, Unknown
from .bits import INVALID_STATUS_LIST, ZLIB, StatusList, packed, unpacked
from .entry import StatusEntry
from .kind import Effect, ListFacts, PublishedList, Unpack

if TYPE_CHECKING:
    from keys import PublicKey, Signer
    from keys.jws import JWS

    from ..facts import IssuingFacts
    from ..possession import Asked

MEDIA_TYPE = "application/statuslist+jwt"
TYPE = "statuslist+jwt"
"""`typ` of the header (5.1)."""
ENTRY_TYPE = "status.status_list"
"""The type under which forms give the member `status_list` of a `status` claim to `Claims.entries`."""
SUFFIX = ".jwt"
TTL = timedelta(minutes=5)
"""The time for which a verifier may use a copy of our lists before it asks for a newer one."""
# Threat 57; what it unpacks to has a limit in `bits.py`.
LARGEST = 1 << 22
"""Bytes of a list, packed."""

TOKEN_LIST_OF_ANOTHER = INVALID_STATUS_LIST.finer("token-list-of-another")
"""A token status list has another `sub` than the address that the credential names."""
TOKEN_LIST_REVERSED = INVALID_STATUS_LIST.finer("token-list-reversed")
"""A token status list ended before it began."""
TOKEN_LIST_SIGNER_NOT_NAMED = Code(
    "token-list-signer-not-named", UnsupportedForm, "The key of the status list is named in no DID"
)
"""A token status list names its key in a way that is not looked up here, such as by its host alone."""

_ALGORITHMS = frozenset({"EdDSA", "Ed25519", "ES256", "ES384"})
_SIZES = (1, 2, 4, 8)
_EFFECTS = {0: Effect.NONE, 1: Effect.REVOKED, 2: Effect.SUSPENDED}
"""7.1. Other values are the business of applications, or of the future."""


def _mirrored(size: int) -> bytes:
    """A table by which bytes swap the order of the entries in them."""
    mask = (1 << size) - 1
    shifts = range(0, 8, size)
    return bytes(sum((byte >> shift & mask) << 8 - size - shift for shift in shifts) for byte in range(256))


_MIRRORED = {size: _mirrored(size) for size in _SIZES}
"""4.1: entry 0 is in the lowest bits, where `StatusList` has it in the highest."""


def token_entry(list_url: str, index: int) -> dict[str, Any]:
    """The `status` claim of a credential whose status is at position `index` of the issuer's bits (6.2)."""
    return {"status_list": {"idx": index, "uri": list_url + SUFFIX}}


def unpack_list(lst: object, size: int) -> StatusList:
    """Unpack the member `lst` (4.2). Raises `Malformed`, and `TooLarge` for a decompression bomb."""
    if not isinstance(lst, str):
        raise Malformed("lst is no text")
    bits = unpacked(lst, ZLIB, "lst")
    return StatusList(len(bits) * 8 // size, size, bits.translate(_MIRRORED[size]))


def pack_list(bits: StatusList) -> str:
    """The member `lst`. Raises `KeyError` for a size of entries that token status lists do not have."""
    return base64url_encode(packed(bits.bits.translate(_MIRRORED[bits.size]), ZLIB))


@dataclass(frozen=True)
class TokenStatusList:
    """The kind; see `StatusKind`."""

    media_type: str = MEDIA_TYPE
    suffix: str = SUFFIX
    form: Form = field(default_factory=lambda: StatusListToken())
    issued_in: frozenset[str] = frozenset({"application/dc+sd-jwt"})
    least_entries: int = 0
    """The draft asks for none."""

    def entry(self, value: Mapping[str, Any]) -> StatusEntry:
        """Read a member `status_list` of a `status` claim (6.2). Raises `MalformedCredential`."""
        index, uri = value.get("idx"), value.get("uri")
        # To Python, JSON's true is an int, and -1 the last position of a list.
        if type(index) is not int or index < 0:
            raise MalformedCredential("idx of the status is no number from 0 on")
        if not is_url(uri):
            raise MalformedCredential("uri of the status is no URL")
        return StatusEntry(
            ENTRY_TYPE, "revocation", uri, index, size=0
        )  # the list says how large entries are

    def open(self, entry: StatusEntry, claims: Claims, unpack: Unpack) -> StatusList:
        """See `StatusKind`, and 8.3. Raises `INVALID_STATUS_LIST`, `Malformed` and `TooLarge`."""
        if claims.types != (TYPE,):  # threat 19: another document of the issuer's under the list's address
            raise INVALID_STATUS_LIST("the status list is no token status list")
        # 8.3, step 4: else a list of the issuer's could stand in for any other.
        if claims.id != entry.list_url:
            raise TOKEN_LIST_OF_ANOTHER("sub of the status list is not the address that the credential names")
        # A list that was never in force says nothing of any moment.
        if claims.starts and claims.ends and claims.ends.utc <= claims.starts.utc:
            raise TOKEN_LIST_REVERSED("the status list ended before it began")
        content = claims.said["status_list"]
        size = content.get("bits") if isinstance(content, dict) else None
        # 4.1: only these divide a byte.
        if type(size) is not int or size not in _SIZES:
            raise Malformed("bits of the status list is not 1, 2, 4 or 8")
        return unpack(unpack_list, content.get("lst"), size)

    def effect(self, entry: StatusEntry, value: int) -> Effect:  # noqa: ARG002 -- every entry means the same
        """See `StatusKind`, and 7.1."""
        # 7.1 (ADR 65): a value that is not known here may mean "revoked", so that it stays open.
        return _EFFECTS.get(value, Effect.UNKNOWN)

    def publish(
        self, bits: StatusList, facts: ListFacts, signer: Signer, verification_method: str
    ) -> PublishedList:
        """See `StatusKind`. `iss` is for readers of former drafts; the present one looks at `kid`."""
        from keys.jws import sign_compact

        ends = facts.valid_from + facts.lifetime
        payload = {
            "iss": facts.issuer,
            "sub": facts.url,
            "iat": int(facts.valid_from.timestamp()),
            "exp": int(ends.timestamp()),
            # A copy is not to be kept beyond the end of the list.
            "ttl": max(1, min(TTL, facts.lifetime) // timedelta(seconds=1)),
            "status_list": {"bits": bits.size, "lst": pack_list(bits)},
        }
        jwt = sign_compact({"typ": TYPE, "kid": verification_method}, payload, signer)
        return PublishedList(jwt, _log_entry(jwt, EntryKind.STATUS_LIST))


@dataclass(frozen=True)
class StatusListToken:
    """The form of token status lists: none that a credential may be of."""

    media_type: str = MEDIA_TYPE
    limit: int = LARGEST

    def recognises(self, content: Carried) -> bool:
        """True if it is a JWT whose header says that it is a token status list."""
        if not isinstance(content, bytes) or content.count(b".") != 2:
            return False
        from wire.compact import jwt_header  # only here, and below: most files are JSON

        try:
            typ = jwt_header(content.strip()).get("typ")
        except Malformed:
            return False
        return typ in (TYPE, MEDIA_TYPE)

    def identifier(self, content: Carried) -> object:
        """Its `sub`, unchecked. Raises `Malformed`."""
        if not isinstance(content, bytes):
            raise Malformed("a token status list is no JSON object")
        from wire.compact import jwt_payload

        return jwt_payload(content.strip()).get("sub")

    def read(
        self,
        content: Carried,
        forms: Mapping[str, Form],  # noqa: ARG002
        work: Work,
        asked: Asked | None = None,  # noqa: ARG002
    ) -> Secured:
        """Read a list. Raises `Malformed`, `TooLarge` and what leaves it open, as `JWS.parse`."""
        from keys.jws import JWS

        if not isinstance(content, bytes):
            raise Malformed("a token status list is no JSON object")
        return _Token(content.strip(), JWS.parse(content.strip(), limit=LARGEST, work=work), work)

    def algorithm(self, key: PublicKey) -> str:
        """The `alg` of the header."""
        return key.kind.algorithms[0]

    def secure(
        self,
        facts: IssuingFacts,  # noqa: ARG002
        content: Mapping[str, Any],  # noqa: ARG002
        signer: Signer,  # noqa: ARG002
        options: Options,  # noqa: ARG002
    ) -> Received:
        """Raise `UnsupportedForm`: no credential is of this form."""
        raise UnsupportedForm("no credential is a status list")

    def present(
        self,
        credentials: Sequence[Received],  # noqa: ARG002
        signer: Signer,  # noqa: ARG002
        options: Options,  # noqa: ARG002
    ) -> Received:
        """Raise `UnsupportedForm`."""
        raise UnsupportedForm("a status list is not shown by a holder")


class _Token(Secured):
    """A list, its header checked."""

    form = MEDIA_TYPE

    def __init__(self, jwt: bytes, jws: JWS, work: Work) -> None:
        """Raise `MalformedCredential` for a JWT of another type (RFC 8725, 3.11; threat 19)."""
        self._jwt, self._jws, self._work = jwt, jws, work
        # 5.1: the type with or without `application/`, as RFC 7515, 4.1.9, lets `typ` be written.
        require_type(jws, TYPE, MEDIA_TYPE)

    @cached_property
    def claims(self) -> Claims:
        """See `Secured`. Without `iss`, as is usual, the issuer is the signer."""
        payload = load_json_object(self._jws.payload, limit=LARGEST, work=self._work)
        subject = payload.get("sub")
        # 5.1: by `sub`, `open` compares the list with the address in the credential.
        if not is_url(subject):
            raise MalformedCredential("sub of the status list is no URL")
        if "aud" in payload:  # RFC 7519, 4.1.3: whoever is not named there has to refuse it
            raise UnsupportedForm("the status list is for certain recipients only")
        header = self._jws.header
        by_kid = "" if "x5c" in header else str(header.get("kid", "")).partition("#")[0]
        issuer = payload.get("iss", by_kid or subject_of(self._jws, self._work))
        if not isinstance(issuer, str):
            raise MalformedCredential("iss of the status list is no text")
        # 5.1: required; a list without its bits says nothing of anybody.
        if not isinstance(payload.get("status_list"), dict):
            raise MalformedCredential("the JWT has no status_list")
        issued, begins, ends = (numeric_date(payload, name) for name in ("iat", "nbf", "exp"))
        # 5.1: without `iat`, nobody could tell which of two lists is the newer.
        if issued is None:
            raise MalformedCredential("iat of the status list is missing")
        ttl = _seconds(payload, "ttl")
        # 5.1: seconds for which a copy may be kept, so that zero would be no copy at all.
        if ttl is not None and ttl <= 0:
            raise MalformedCredential("ttl of the status list is no positive number")
        return Claims(
            said=payload,
            id=subject,
            types=(TYPE,),
            issuer=issuer,
            issuer_name=None,
            # `ttl` in milliseconds, as Bitstring Status List has it
            subjects=({} if ttl is None else {"ttl": ttl * 1000},),
            # It says nothing before `iat`, nor before `nbf`.
            starts=issued if begins is None or begins.utc < issued.utc else begins,
            ends=ends,
            entries=(),
            terms=(),
            schemas=(),
            title="",
            holder_name="",
            number="",
            awarded=None,
        )

    @property
    def certificates(self) -> Sequence[bytes]:
        """See `Secured`: those of `x5c`. Raises as `JWS.certificates`."""
        return self._jws.certificates

    def signatures(self, work: Work) -> Signatures:  # noqa: ARG002 -- read already
        """Its only one; one whose key is named in no DID counts for nothing here."""
        header, claims = self._jws.header, self.claims
        kid, algorithm = key_name(self._jws), header["alg"]
        issued = numeric_date(claims.said, "iat")
        signature = JWTSignature("", algorithm, issued.utc if issued else None)
        # There is no falling back from a certificate to `kid`: its key is another.
        if "x5c" in header and algorithm in _ALGORITHMS:
            return Signatures([signature])
        method = _method(claims.issuer, kid)
        if method is None or algorithm not in _ALGORITHMS:
            problem = TOKEN_LIST_SIGNER_NOT_NAMED("the header of the status list names no key of a DID")
            return Signatures((), [Unknown(algorithm, kid, problem)])
        return Signatures([signature._replace(verification_method=method)])

    def verify(self, signed: Signed, key: PublicKey, work: Work) -> None:  # noqa: ARG002 -- the only one
        """See `Secured`."""
        try:
            self._jws.verify(key, work)
        except InvalidSignature:
            raise InvalidProof("the status list was changed, or another key signed it") from None

    def covers_meaning(self, signed: Signed) -> bool:  # noqa: ARG002
        """Always: no context gives its members their meaning."""
        return True

    def leaves(self, signed: Signed, kind: EntryKind, work: Work) -> Sequence[bytes]:  # noqa: ARG002
        """The entry of the whole JWT."""
        work.spend(len(self._jwt) // BYTES_HASHED)
        return (_log_entry(self._jwt, kind),)


def _log_entry(jwt: bytes, kind: EntryKind) -> bytes:
    return entry(kind, hashlib.sha256(jwt).digest())


def _method(issuer: str, kid: str) -> str | None:
    """The URL of the key: `kid` as it is or relative to the issuer; else that of a DID that is one key."""
    if kid.startswith("did:"):
        return kid
    if not issuer.startswith("did:"):
        return None
    if kid.startswith("#"):
        return f"{issuer}{kid}"
    if issuer.startswith("did:jwk:"):
        return f"{issuer}#0"
    return f"{issuer}#{issuer.removeprefix('did:key:')}" if issuer.startswith("did:key:") else None


def _seconds(payload: Mapping[str, Any], name: str) -> int | float | None:
    """A number of seconds. Raises `MalformedCredential`."""
    if name not in payload:
        return None
    value = payload[name]
    if type(value) in (int, float) and math.isfinite(value):
        return float(value) if isinstance(value, float) else int(value)
    raise MalformedCredential.saying("{claim} is no number of seconds", claim=name)


TOKEN = TokenStatusList()
