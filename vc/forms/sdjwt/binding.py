"""Key binding: a credential's holder signs, over all that is shown, for whom and when (RFC 9901, 4.3)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import NamedTuple

from keys import InvalidSignature, PublicKey, Signer
from keys.jws import JWS, sign_compact
from ledger import EntryKind
from wire import Problem, base64url_encode, load_json_object
from wire.problem import Code, Refused
from wire.work import BYTES_HASHED, Work

from ...claims import Claims
from ...jose import NOT_ASKED, ConfirmationKey, JWTSignature, numeric_date, require_type
from ...problem import InvalidProof, MalformedCredential, UnsupportedForm
from ...secured import Options, Secured, Signatures, Signed
from . import MEDIA_TYPE
from .credential import SDJWTCredential
from .disclosures import SDJWT

TYPE = "kb+jwt"
LARGEST_BINDING = 1 << 16
"""Bytes of its payload."""

ANOTHER_HOLDER = Code("another-holder", Refused, "It is bound to another key")
"""A credential is to be shown by another key than the one it is bound to."""


class BoundPresentation(NamedTuple):
    """A presentation's own statements; see `vc.secured.Presented`."""

    holder: str | None
    unread: Problem | None = None


class SDJWTPresentation(Secured):
    """One credential with its key binding: an SD-JWT+KB."""

    form = MEDIA_TYPE

    def __init__(self, parts: SDJWT, work: Work) -> None:
        """Raises `INVALID_JWS`, and the open `JWS_NOT_SUPPORTED`, as `JWS.parse`; `MalformedCredential`."""
        self.parts = parts
        self._credential = SDJWTCredential(SDJWT(parts.jwt, parts.disclosures, b""), work)
        self._binding = JWS.parse(parts.binding, limit=LARGEST_BINDING, work=work)
        # RFC 9901, 4.3 (threat 19): another JWT by the holder's key is no answer to a verifier.
        require_type(self._binding, TYPE)
        self._said = load_json_object(self._binding.payload, limit=LARGEST_BINDING, work=work)

    @property
    def claims(self) -> Claims:
        """Those of the credential."""
        return self._credential.claims

    @property
    def presentation(self) -> BoundPresentation:
        """See `Secured`. Raises as `credentials`, and `MalformedCredential` where no key is named."""
        return BoundPresentation(self._holder.did)

    @property
    def credentials(self) -> Sequence[Secured]:
        """The one credential that is shown."""
        return (self._credential,)

    @cached_property
    def _holder(self) -> ConfirmationKey:
        holder = self._credential.holder
        if holder is None:  # SD-JWT VC, 2.2.2.3: nobody was named who could make it
            raise MalformedCredential("a key binding is there, and the credential is bound to no key")
        return holder

    def signatures(self, work: Work) -> Signatures:  # noqa: ARG002 -- read already
        """The holder's, by the key in `cnf`, whatever key the header names.

        Raises `InvalidProof` for a key binding without `iat`, `aud`, `nonce` or `sd_hash` (4.3), and
        `MalformedCredential` for a date that is none.
        """
        claims = self._said
        created, ends, starts = (numeric_date(claims, name) for name in ("iat", "exp", "nbf"))
        texts = [claims.get(name) for name in ("aud", "nonce", "sd_hash")]
        # RFC 9901, 4.3: all are required; without one, the binding would fit other occasions or credentials.
        if created is None or not all(isinstance(text, str) and text for text in texts):
            raise InvalidProof("a key binding has iat, aud, nonce and sd_hash")
        # RFC 7519, 4.1.5: it must not be accepted before `nbf`.
        if starts is not None and starts.utc > created.utc:
            raise InvalidProof("the key binding is for a time after it was made")
        return Signatures(
            [
                JWTSignature(
                    self._holder.method,
                    self._binding.header["alg"],
                    created.utc,
                    "authentication",
                    ends.utc if ends else None,
                    (claims["aud"],),
                    claims["nonce"],
                )
            ]
        )

    def verify(self, signed: Signed, key: PublicKey, work: Work) -> None:  # noqa: ARG002 -- the only one
        """See `Secured`: over the credential and its disclosures as they were received (7.3, step 5.g)."""
        try:
            # Threat 44: by the key in `cnf`, whatever key the header names.
            self._binding.verify(key, work)
        except InvalidSignature:
            raise InvalidProof("the key binding was changed, or another key signed it") from None
        shown = self.parts.shown
        work.spend(len(shown) // BYTES_HASHED)
        # Threat 44: else a binding could be moved to another credential, or to more disclosures of it.
        if self._said["sd_hash"] != _sd_hash(self._credential, shown):
            raise InvalidProof("the key binding is for another credential, or for other disclosures of it")

    def covers_meaning(self, signed: Signed) -> bool:  # noqa: ARG002
        """Always; see `SDJWTCredential`."""
        return True

    def leaves(self, signed: Signed, kind: EntryKind, work: Work) -> Sequence[bytes]:  # noqa: ARG002
        """None: what is shown is in no log."""
        return ()


def read(content: bytes, work: Work) -> Secured:
    """A credential, or what its holder shows of it with a key binding.

    Raises as `SDJWT.parse` and `SDJWTPresentation`.
    """
    parts = SDJWT.parse(content, work)
    return SDJWTPresentation(parts, work) if parts.binding else SDJWTCredential(parts, work)


def present(content: bytes, signer: Signer, options: Options) -> bytes:
    """Show all of a credential. Raises as `bind`, and `UnsupportedForm` for what is shown already."""
    work = Work()
    parts = SDJWT.parse(content, work)
    if parts.binding:  # RFC 9901, 7.2
        raise UnsupportedForm("it has a key binding already")
    return bind(SDJWTCredential(parts, work), parts.shown, signer, options)


def bind(credential: SDJWTCredential, shown: bytes, signer: Signer, options: Options) -> bytes:
    """Add the holder's key binding to what is shown of a credential.

    It is for `options.domain`, over `options.challenge`. Raises `ANOTHER_HOLDER` unless the credential is
    bound to the signer's key, and `NOT_ASKED`.
    """
    # Threat 54: without these, whoever receives it could show it elsewhere.
    if not options.challenge or not options.domain or options.created is None:
        raise NOT_ASKED("a key binding says for whom it is made, over which challenge, and when")
    holder = credential.holder
    # SD-JWT VC, 2.2.2.3: any other key makes a presentation that every verifier refuses.
    if holder is None:
        raise ANOTHER_HOLDER("the credential is bound to no key: anyone who has the file can show it")
    if holder.key != signer.public_key:
        raise ANOTHER_HOLDER("the credential is bound to another key than the one that would show it")
    claims = {
        "iat": int(options.created.timestamp()),
        "aud": options.domain,
        "nonce": options.challenge,
        "sd_hash": _sd_hash(credential, shown),
    }
    return shown + sign_compact({"typ": TYPE}, claims, signer)


def _sd_hash(credential: SDJWTCredential, shown: bytes) -> str:
    return base64url_encode(credential.disclosed.digest(shown).digest())
