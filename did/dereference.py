"""Dereferencing of DID URLs: to a document, a method or service in it, or addresses of services (5.4).

Nothing is fetched from those addresses. A caller that wants to follow one decides by which rules.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urljoin, urlsplit

from .document import RELATIONSHIPS, Document
from .identifier import DIDURL
from .problem import (
    DID_REPRESENTATION_NOT_SUPPORTED,
    DID_RESOURCE_NOT_FOUND,
    INVALID_DID_URL,
    InvalidDIDDocument,
)
from .resolution import Resolution

URI_LIST = "text/uri-list"


@dataclass(frozen=True, slots=True)
class Content:
    """The result of dereferencing: JSON as it stands in the document, or addresses as `text/uri-list`."""

    content: Mapping[str, Any] | tuple[str, ...]
    content_type: str
    resolution: Resolution
    """The resolution of the document that the content is from."""


def parameters(url: DIDURL) -> dict[str, str]:
    """The DID parameters of the URL's query, decoded. Raises `INVALID_DID_URL` for a repeated parameter."""
    values: dict[str, str] = {}
    for part in url.query.split("&") if url.query else ():
        try:
            name, value = (unquote(text, errors="strict") for text in part.partition("=")[::2])
        except UnicodeDecodeError as error:
            raise INVALID_DID_URL("the query of the DID URL is no percent-encoded UTF-8") from error
        if name in values:
            raise INVALID_DID_URL.saying("the DID URL has '{name}' twice", name=name)
        values[name] = value
    return values


def dereference(resolution: Resolution, url: DIDURL, named: Mapping[str, str], accept: str | None) -> Content:
    """The content that `url` selects from its document. Raises as `Resolver.dereference`."""
    document, value = resolution.document, resolution.document.value
    by_service = {"service", "serviceType"} & named.keys()
    unknown = named.keys() - {"service", "serviceType", "relativeRef", "versionId", "versionTime"}
    if url.path or unknown or ("relativeRef" in named and not by_service):
        raise DID_RESOURCE_NOT_FOUND.saying(
            "nothing says what {did} has under this path or query", did=str(url.did)
        )
    if accept not in (None, resolution.content_type, *((URI_LIST,) if by_service else ())):
        raise DID_REPRESENTATION_NOT_SUPPORTED.saying(
            "the DID URL leads to nothing of the type {type}", type=accept
        )
    if by_service:
        value = {**value, "service": _selected(document, named)}
        if accept == URI_LIST:
            addresses = tuple(_addresses(value["service"], named.get("relativeRef"), url.fragment))
            if not addresses:
                raise DID_RESOURCE_NOT_FOUND("the service has no address that is a URL")
            return Content(addresses, URI_LIST, resolution)
    if url.fragment is not None:
        value = _part(document.id, value, f"{url.did}#{url.fragment}")
    return Content(value, resolution.content_type, resolution)


def _selected(document: Document, named: Mapping[str, str]) -> list[Mapping[str, Any]]:
    wanted = named.get("service")
    names = None if wanted is None else {_absolute(document.id, wanted), f"{document.id}#{wanted}"}
    services = [
        service
        for service in _objects(document.value, "service")
        if (names is None or _absolute(document.id, service.get("id")) in names)
        and ("serviceType" not in named or named["serviceType"] in _list(service.get("type")))
    ]
    if not services:
        raise DID_RESOURCE_NOT_FOUND.saying("{did} has no such service", did=document.id)
    return services


def _addresses(
    services: Sequence[Mapping[str, Any]], reference: str | None, fragment: str | None
) -> Iterator[str]:
    for service in services:
        for endpoint in _list(service.get("serviceEndpoint")):
            if not isinstance(endpoint, str):
                continue
            address = endpoint if reference is None else _joined(endpoint, reference)
            if fragment is not None and "#" in address:
                raise INVALID_DID_URL("the DID URL has a fragment, and so has the address of the service")
            yield address if fragment is None else f"{address}#{fragment}"


def _joined(endpoint: str, reference: str) -> str:
    """The reference resolved at the endpoint (RFC 3986, 5); one that leads to another host is refused."""
    try:
        address = urljoin(endpoint, reference)
        # A reference such as //other.example would send the reader to whoever wrote the DID URL.
        if urlsplit(address)[:2] != urlsplit(endpoint)[:2]:
            raise INVALID_DID_URL("'relativeRef' leads elsewhere than to the service")
    except ValueError as error:
        raise INVALID_DID_URL("'relativeRef' does not fit the address of the service") from error
    return address


def _part(did: str, value: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """The method or service with this id."""
    entries: list[Mapping[str, Any]] = []
    for member in ("verificationMethod", *RELATIONSHIPS, "service"):
        for entry in _objects(value, member):
            # DID Core 1.0, 3.2.2: ids may be relative, and a fragment alone would fit another DID's.
            if _absolute(did, entry.get("id")) == name and entry not in entries:
                entries.append(entry)
    if not entries:
        raise DID_RESOURCE_NOT_FOUND.saying("the document of {did} has nothing of this name", did=did)
    if len(entries) > 1:
        raise InvalidDIDDocument.saying("the document of {did} has two different things of one name", did=did)
    return entries[0]


def _objects(value: Mapping[str, Any], member: str) -> list[Mapping[str, Any]]:
    return [entry for entry in _list(value.get(member)) if isinstance(entry, dict)]


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _absolute(did: str, name: object) -> object:
    return did + name if isinstance(name, str) and name.startswith("#") else name
