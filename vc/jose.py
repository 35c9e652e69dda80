"""JSON Web Tokens about credentials: the signer of one, the key, and the time of signing.

Shared by the forms of SD-JWT VC and VC-JOSE-COSE, and by token status lists (RFC 7515, 7519, 7800).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from did.methods import key as did_key
from keys import PublicKey
from wire import base64url_decode, load_json_object
from wire.datetimestamp import Moment
from wire.problem import Code, Refused
from wire.strict import is_url
from wire.text import shortened

from .problem import MalformedCredential, UnsupportedForm

if TYPE_CHECKING:
    from keys.jws import JWS
    from wire.work import Work

ISSUER_KEY_NOT_NAMED = Code("issuer-key-not-named", UnsupportedForm, "The issuer's key is named in no DID")
"""A credential names its issuer's key in a way that is not looked up here, such as by a name of no DID."""
CERTIFICATE_NOT_READ = Code("certificate-not-read", UnsupportedForm, "The signer is named by a certificate")
"""A presentation names its holder's key by a chain of certificates (`x5c`), which is not read there."""
HOLDER_KEY_UNKNOWN = Code("holder-key-unknown", UnsupportedForm, "The key of the holder is not known here")
"""A credential names the key that may show it in a way that is not read here (RFC 7800)."""
AUDIENCE_NAMED = Code("audience-named", UnsupportedForm, "It is for certain recipients only")
"""A credential with `aud`: whether its recipient here is one of those is not looked up."""
NOT_ASKED = Code("not-asked", Refused, "Nobody asked for it")
"""A credential is to be shown without a challenge, or without the name of whom it is for."""


class JWTSignature(NamedTuple):
    """The signature of a JWT; see `vc.secured.Signed`."""

    verification_method: str
    algorithm: str
    created: datetime | None
    purpose: str = "assertionMethod"
    expires: datetime | None = None
    domain: tuple[str, ...] = ()
    challenge: str | None = None


def subject_of(jws: JWS, work: Work) -> str:
    """The name of the first certificate in `x5c`, for a JWT that names no issuer; empty without one.

    Raises as `JWS.certificates` and `certificates.read_certificate`.
    """
    chain = jws.certificates
    if not chain:
        return ""
    from keys import certificates  # only here: most issuers have a DID

    return certificates.read_certificate(chain[0], work).subject_text


class ConfirmationKey(NamedTuple):
    """The key that may show a credential."""

    did: str
    method: str
    """The URL that names the key in its DID document."""
    key: PublicKey | None
    """The key; `None` where its DID has to be looked up for it."""


def require_type(jws: JWS, *types: str) -> None:
    """Raises `MalformedCredential` for a JWT of another type (RFC 8725, 3.11; threat 19)."""
    # RFC 8725, 3.11 (threat 19): a JWT for one use must count for no other.
    if jws.header.get("typ") not in types:
        raise MalformedCredential.saying(
            "typ of the header is {type}, not {expected}",
            type=shortened(str(jws.header.get("typ"))),
            expected=types[0],
        )


def key_name(jws: JWS) -> str:
    """The `kid` of the header, which need not have one: then it is empty.

    Raises `MalformedCredential` for one that names nothing (RFC 7515, 4.1.4).
    """
    name = jws.header.get("kid", "")
    # Threat 44f: an empty `kid` would count as none, and stand for the only key of a DID.
    if not isinstance(name, str) or ("kid" in jws.header and not name):
        raise MalformedCredential("kid of the header names no key")
    return name


def method_of(issuer: str, kid: str) -> str | None:
    """The URL of the issuer's key: `kid` as it is, or relative to `iss`; `None` where that gives no URL.

    A DID that is a key has no other. At an https URL, `kid` is a fragment of the issuer's document.
    """
    # It may name anybody's key: the verifier requires that the issuer controls it (threat 25).
    if kid.startswith("did:") or is_url(kid):
        return kid
    if kid.startswith("#") and is_url(issuer):
        return f"{issuer}{kid}"
    if (key := key_of(issuer)) is not None:
        return f"{issuer}#0" if issuer.startswith("did:jwk:") else f"{issuer}#{key.multikey()}"
    return f"{issuer}#{kid}" if issuer.startswith("https://") and is_url(issuer) else None


def holder_key(payload: Mapping[str, Any]) -> ConfirmationKey | None:
    """The key that `cnf` names (RFC 7800, 3), if there is one.

    Raises `MalformedCredential`, `InvalidKey`, and the open `HOLDER_KEY_UNKNOWN`.
    """
    if "cnf" not in payload:
        return None
    confirmation = payload["cnf"]
    if not isinstance(confirmation, dict) or not confirmation:
        raise MalformedCredential("cnf names no key")
    jwk, name = confirmation.get("jwk"), confirmation.get("kid")
    named = name if isinstance(name, str) and name.startswith("did:") else None
    # RFC 7800, 3.3 to 3.5: an encrypted key, a `kid` that is no DID and a URL (`jku`) are not looked up here.
    if jwk is None and named is None:
        raise HOLDER_KEY_UNKNOWN("cnf names the holder's key neither by a JWK nor by a DID")
    if jwk is not None and not isinstance(jwk, dict):
        raise MalformedCredential("jwk of cnf is no key")
    key = None if jwk is None else PublicKey.from_jwk(jwk)
    did = named.partition("#")[0] if named else ""
    key_of_did = key_of(did)
    # Threat 44: of two keys, a verifier elsewhere could take the other one for the holder's.
    if key is not None and key_of_did is not None and key_of_did != key:
        raise MalformedCredential("jwk and kid of cnf are different keys")
    key = key or key_of_did
    if key is None:
        return ConfirmationKey(did, str(named), None)
    if key_of_did is None:  # a JWK alone, or beside a DID that nobody here could hold against it
        did = did_key.create(key)
    fragment = "0" if did.startswith("did:jwk:") else did.removeprefix("did:key:")
    return ConfirmationKey(did, f"{did}#{fragment}", key)


def key_of(did: str) -> PublicKey | None:
    """The key that a did:key or did:jwk is; `None` for any other. Raises `Malformed`.

    A form reads its own keys without a resolver. A further method of this sort also changes `method_of`,
    `holder_key`, and `_method` in `vc/status/token.py`.
    """
    if did.startswith("did:key:"):
        return PublicKey.from_multikey(did.removeprefix("did:key:"))
    if did.startswith("did:jwk:"):
        return PublicKey.from_jwk(load_json_object(base64url_decode(did.removeprefix("did:jwk:"))))
    return None


def numeric_date(payload: Mapping[str, Any], name: str) -> Moment | None:
    """The moment of a NumericDate (RFC 7519, 2).

    Raises `MalformedCredential`, and the open `UnsupportedForm` for one beyond the calendar.
    """
    if name not in payload:
        return None
    seconds = payload[name]
    # To Python, JSON's true is an int.
    if type(seconds) not in (int, float):
        raise MalformedCredential.saying("{claim} is no number of seconds", claim=name)
    try:
        when = datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):  # such as one in milliseconds, which RFC 7519 allows
        raise UnsupportedForm.saying("{claim} is beyond the calendar that is read here", claim=name) from None
    return Moment(when, when, when, when.date())
