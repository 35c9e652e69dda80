"""JWT VC Issuer Metadata: the keys of an issuer that has an https address in place of a DID.

SD-JWT VC (draft-ietf-oauth-sd-jwt-vc-18), section 3. The keys become a `Document`, so that they are cached
and looked up like those of a DID.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, unquote

from keys import PublicKey
from wire.address import Target
from wire.datetimestamp import format_datetimestamp
from wire.fetch import Fetcher
from wire.problem import Problem
from wire.strict import is_url

from .controller import fetched_object
from .document import Document, VerificationMethod
from .problem import InvalidIssuerMetadata

WELL_KNOWN = "/.well-known/jwt-vc-issuer"
ISSUER = "issuer"
"""The member of a document's `value` that has the issuer's address exactly as published."""


def location(issuer: str) -> str | None:
    """The URL of an issuer's metadata; `None` for all but https URLs without query and fragment (3).

    A slash at the end of the path is left out (3.1), so that two addresses may share a location. The
    metadata there names its issuer in `issuer`.
    """
    if not issuer.startswith("https://") or not is_url(issuer) or "?" in issuer or "#" in issuer:
        return None
    host, slash, path = issuer.removeprefix("https://").partition("/")
    # Other programs resolve `..` away, in percent-encoding, too: the metadata would be that of another path.
    if {".", ".."}.intersection(unquote(path).split("/")):
        return None
    try:
        Target.parse(issuer)
    except Problem:
        return None
    return f"https://{host}{WELL_KNOWN}{slash}{path}".removesuffix("/")


def key_url(issuer: str, kid: str) -> str | None:
    """The URL by which `IssuerKeys` asks for a key of an issuer's set; `None` if the issuer can have no set.

    A `kid` is any text, and may be the URL of the key at the issuer's address.
    """
    where = location(issuer)
    name = kid.removeprefix(issuer).removeprefix("#") if kid.startswith(f"{issuer}#") else kid
    return where and f"{where}#{quote(name.removeprefix('#'), safe='')}"


def is_location(url: str) -> bool:
    """True if an https URL is the location of some issuer's metadata."""
    path = url.removeprefix("https://").partition("/")[2]
    return f"/{path}/".startswith(f"{WELL_KNOWN}/")


def resolve(url: str, fetcher: Fetcher) -> Document:
    """The keys in the metadata at this location, as its host serves it now.

    The document's id is the location, and its member `issuer` the address that the metadata names. Raises
    `InvalidIssuerMetadata` for metadata of another location, or with `jwks` and `jwks_uri` both or neither,
    else as `controller.fetched_object`.
    """
    value = fetched_object(url, url, fetcher, accept="application/json", same_origin=True)
    issuer = value.get(ISSUER)
    # 3.3: nothing in another issuer's metadata may be used. The caller compares the whole address once more.
    if not isinstance(issuer, str) or location(issuer) != url:
        raise InvalidIssuerMetadata.saying("the metadata at {url} is of another issuer", url=url)
    if ("jwks" in value) == ("jwks_uri" in value):  # 3.2
        raise InvalidIssuerMetadata.saying(
            "the metadata at {url} does not have one of jwks and jwks_uri", url=url
        )
    key_set = value["jwks"] if "jwks" in value else _set_at(value["jwks_uri"], url, fetcher)
    keys = key_set.get("keys") if isinstance(key_set, dict) else None
    if not isinstance(keys, list):
        raise InvalidIssuerMetadata.saying("the metadata at {url} has no set of keys", url=url)
    methods = list(_methods(keys, url))
    names = [method["id"] for method in methods]
    return Document.parse(
        {"id": url, ISSUER: issuer, "verificationMethod": methods, "assertionMethod": names}, url
    )


def _set_at(where: object, url: str, fetcher: Fetcher) -> dict[str, Any]:
    """The set of keys that metadata refers to, which may be on another host (3.2, figure 15)."""
    if not isinstance(where, str) or not where.startswith("https://"):  # 6.1: an untrusted URL
        raise InvalidIssuerMetadata.saying("jwks_uri of the metadata at {url} is no https URL", url=url)
    accept = "application/jwk-set+json, application/json"
    return fetched_object(where, url, fetcher, accept=accept, same_origin=True)


def _methods(keys: Sequence[object], url: str) -> Iterator[dict[str, Any]]:
    """The keys with a unique name that may sign. A name that two keys share identifies neither."""
    named = [key for key in keys if isinstance(key, dict) and isinstance(key.get("kid"), str)]
    times = Counter(key["kid"] for key in named)
    for key in named:
        is_for_signatures = key.get("use", "sig") == "sig" and "verify" in key.get("key_ops", ["verify"])
        # RFC 7517, 4.2 and 4.3; OpenID Federation 1.0, 8.7.2: `revoked` says that it signs nothing more.
        if times[key["kid"]] > 1 or not is_for_signatures or "revoked" in key:
            continue
        method = {"id": f"{url}#{quote(key['kid'], safe='')}", "type": "JsonWebKey", "controller": url}
        yield {**method, "publicKeyJwk": key, **_end(key)}


def _end(key: Mapping[str, Any]) -> dict[str, str]:
    """The end of a key, as documents state it. One that cannot be read ends the key at once."""
    if "exp" not in key:
        return {}
    try:
        return {"expires": format_datetimestamp(datetime.fromtimestamp(key["exp"], UTC))}
    except (TypeError, ValueError, OverflowError, OSError):
        return {"expires": ""}  # which is no time: the method is then not used


def metadata(issuer: str, methods: Sequence[VerificationMethod]) -> dict[str, Any]:
    """The metadata for an issuer to publish at `location(issuer)`, each key under its Multikey.

    The end of a key stands in `exp`, a member of JWKs by OpenID Federation 1.0, 8.7.2.
    """
    return {ISSUER: issuer, "jwks": {"keys": [_jwk(method) for method in methods]}}


def _jwk(method: VerificationMethod) -> dict[str, Any]:
    key: PublicKey = method.key
    named = {**key.jwk(), "kid": key.multikey(), "use": "sig", "alg": key.kind.algorithms[0]}
    return named if method.until is None else {**named, "exp": int(method.until.timestamp())}
