"""did:web: the identifier is a host, with or without a path, and the document lies there, under https.

The owner of the host can replace the document, and nothing shows what it said before. Therefore a document's
versions are anchored, and a verifier may pin them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any
from urllib.parse import unquote

from keys import PublicKey
from wire.address import Target
from wire.fetch import Fetcher
from wire.problem import Refused

from ..document import RELATIONSHIPS, SIGNS, Document, Use
from ..identifier import DID
from ..problem import InvalidDID

_LABEL = "[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_DOMAIN = rf"((?:{_LABEL}\.)*({_LABEL}))(?:%3[Aa]([1-9][0-9]{{0,4}}))?"
_NUMBER = r"[0-9]+|0[xX][0-9A-Fa-f]*"  # a last label that makes the whole an IPv4 address
_UNSAFE = r"[\x00-\x20/\\%\x7f]"


def url(did: str | DID) -> str:
    """The URL of a did:web's document (did:web, 2.5.2).

    Raises `InvalidDID` for IP addresses, ports out of range, and path segments that are empty, `.` or `..`,
    or contain a separator, in percent-encoding or not.
    """
    parsed = DID.parse(did) if isinstance(did, str) else did
    domain, *segments = parsed.method_specific_id.split(":")
    match = re.fullmatch(_DOMAIN, domain)
    if parsed.method != "web" or match is None or len(match[1]) > 253:
        raise InvalidDID.saying(
            "{did} is not a did:web of a domain name and, as %3A and a number, a port", did=str(parsed)
        )
    host, last_label, port = match.groups()
    if re.fullmatch(_NUMBER, last_label):
        raise InvalidDID.saying(
            "{did} names an IP address", did=str(parsed), hint="did:web takes domain names only."
        )
    if port is not None and int(port) > 65535:
        raise InvalidDID.saying("{did} names a port above 65535", did=str(parsed))
    for segment in segments:
        plain = unquote(segment, errors="replace")
        if plain in ("", ".", "..") or re.search(_UNSAFE, plain):
            raise InvalidDID.saying(
                "{did} has a path that could lead elsewhere than it says", did=str(parsed)
            )
    authority = host if port is None else f"{host}:{port}"
    return "/".join([f"https://{authority}", *(segments or [".well-known"]), "did.json"])


def create(base_url: str) -> str:
    """The did:web of an https URL, such as https://uni.example or https://uni.example:8443/registrar.

    Raises `Refused` for a URL that is not https or has a query, `InvalidDID` if no did:web has this URL.
    """
    target = Target.parse(base_url)
    if target.scheme != "https" or "?" in target.path:
        raise Refused.saying(
            "no did:web can be made of {url}", url=base_url, hint="Give an https URL without a query."
        )
    path = target.path.removeprefix("/").removesuffix("/")
    domain = target.authority.replace(":", "%3A")
    did = ":".join(["did:web", domain, *(path.split("/") if path else ())])
    url(did)
    return did


def document(
    did: str,
    relationships: Mapping[str, Sequence[PublicKey]],
    uses: Mapping[PublicKey, Sequence[Use]] = MappingProxyType({}),
) -> dict[str, Any]:
    """The document for an organisation to publish at `url(did)`: each key once, as Multikey `#z…`.

    `relationships` has the keys by purpose, as in `{"assertionMethod": [key], "authentication": [key]}`,
    and `uses` has the uses of each key.
    """
    url(did)
    assert relationships.keys() <= set(RELATIONSHIPS), "relationships of DID 1.0"
    multikeys = {key: key.multikey() for keys in relationships.values() for key in keys}
    return {
        "@context": ["https://www.w3.org/ns/did/v1", "https://w3id.org/security/multikey/v1"],
        "id": did,
        "verificationMethod": [
            {
                "id": f"{did}#{multikey}",
                "type": "Multikey",
                "controller": did,
                "publicKeyMultibase": multikey,
                **({SIGNS: [use.value for use in uses[key]]} if key in uses else {}),
            }
            for key, multikey in multikeys.items()
        ],
        **{name: [f"{did}#{multikeys[key]}" for key in keys] for name, keys in relationships.items()},
    }


def resolve(did: DID, fetcher: Fetcher) -> Document:
    """The document as the host serves it now.

    Raises `DID_NOT_FOUND` when the host says that there is none, `InvalidDIDDocument` for anything but the
    document of this DID, `Unavailable` when the host cannot be asked.
    """
    from ..controller import fetched  # imported lazily: most DIDs are resolved without the network

    accept = "application/did+json, application/did+ld+json, application/json"
    return fetched(url(did), str(did), fetcher, accept=accept)
