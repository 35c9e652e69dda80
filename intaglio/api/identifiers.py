"""DID resolution over HTTP: `GET /1.0/identifiers/{identifier}` (DID Resolution 1.0, 12.1).

A DID leads to its resolution result, a DID URL to its dereferencing result. `Accept` may ask for the content
alone, for the addresses of services, or for a result as it was written before errors had types.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple
from urllib.parse import unquote, unquote_to_bytes

import orjson
from fastapi import FastAPI, Request, Response
from starlette.convertors import PathConvertor, register_url_convertor

from did import (
    DID,
    DID_FEATURE_NOT_SUPPORTED,
    DID_NOT_LISTED,
    DID_REPRESENTATION_NOT_SUPPORTED,
    INVALID_DID_OPTIONS,
    INVALID_DID_URL,
    DIDDeactivated,
    InvalidDID,
    Resolver,
)
from did.dereference import URI_LIST
from did.problem import DID_ERRORS
from did.result import dereferenced, keyword, not_dereferenced, resolved, unresolved
from exchange.http import Whole, log_problem
from wire.problem import Problem, TooLarge, TryLater, Unavailable
from wire.text import shortened

from .message import SMALLEST_CEILING

_LOG = logging.getLogger(__name__)

_RESOLUTION = "application/did-resolution"
_DEREFERENCING = "application/did-url-dereferencing"
_LEGACY = 'application/ld+json;profile="https://w3id.org/did-resolution"'
_LEGACY_CONTEXT = "https://w3id.org/did-resolution/v1"
_CONTENT = frozenset(
    {"application/did", "application/did+json", "application/did+ld+json", "application/json"}
)
_ANY = frozenset({"*/*", "application/*"})

_STATUS = {
    "INVALID_DID": 400,
    "INVALID_DID_URL": 400,
    "INVALID_OPTIONS": 400,
    "NOT_FOUND": 404,
    "REPRESENTATION_NOT_SUPPORTED": 406,
    "METHOD_NOT_SUPPORTED": 501,
    "FEATURE_NOT_SUPPORTED": 501,
    # Of did:key, which is no fault of this service as 500, the status of all other types, would have it.
    "INVALID_PUBLIC_KEY": 400,
    "INVALID_PUBLIC_KEY_LENGTH": 400,
    "INVALID_PUBLIC_KEY_TYPE": 400,
    "UNSUPPORTED_PUBLIC_KEY_TYPE": 501,
}

_HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
_MOST_RANGES = 16
"""Media ranges of an `Accept` header that are looked at; browsers send eight."""

_MOST_WAITING = 32
"""Requests that wait for the hosts of DIDs at once: they are threads."""

# RFC 3986 3.3: a relative reference as an option has neither spaces nor, unless percent-encoded, ? and #.
_REFERENCE = re.compile(r"(?:[A-Za-z0-9._~!$&'()*+,;=:@/-]|%[0-9A-Fa-f]{2})*+")
_RANGE = re.compile(r'\s*([^\s;,"]+)\s*((?:;\s*[^\s;,="]+\s*=\s*(?:"[^"]*"|[^\s;,"]*)\s*)*)(?:,|$)')
_QUALITY = re.compile(r";\s*q\s*=\s*([01](?:\.\d{0,3})?)")


class _Anything(PathConvertor):
    """Match the rest of the path, line breaks included: `path` would not match an address with these."""

    regex = r"[\s\S]*"


register_url_convertor("anything", _Anything())


class _Asked(NamedTuple):
    """A request: the identifier, resolution options, and the media type of the answer."""

    identifier: str
    options: Mapping[str, object]
    form: str

    @property
    def is_url(self) -> bool:
        """True for a DID URL, and for a plain DID whose requested media type asks for dereferencing."""
        is_asked_as_one = self.form in (_DEREFERENCING, URI_LIST)
        return is_asked_as_one or re.match("did:[^/?#]*[/?#]", self.identifier) is not None


def add_identifiers(app: FastAPI, resolver: Callable[[], Resolver], listed: Callable[[str], bool]) -> None:
    """Adds the route to a service; `resolver` and `listed` are asked at each request.

    Hosts are asked for the documents of `listed` DIDs only (OWASP's server-side request forgery): else
    anybody could have this service ask any host.
    """
    identifiers = _Identifiers(resolver, listed)
    app.router.add_api_route(
        "/1.0/identifiers/{identifier:anything}",
        identifiers.answer,
        methods=["GET"],
        responses=_RESPONSES,
        route_class_override=Whole,
        openapi_extra={"parameters": _PARAMETERS},
    )


class _Identifiers:
    def __init__(self, resolver: Callable[[], Resolver], listed: Callable[[str], bool]) -> None:
        self._resolver, self._listed = resolver, listed
        self._threads, self._room = ThreadPoolExecutor(_MOST_WAITING, "resolving"), _MOST_WAITING

    async def answer(self, request: Request) -> Response:
        """Resolves a DID, or dereferences a DID URL."""
        form = _form(request.headers.get("Accept", "*/*"))
        asked = _Asked("", {}, form or _RESOLUTION)
        try:
            asked = asked._replace(identifier=_identifier(request))
            if form is None:
                raise DID_REPRESENTATION_NOT_SUPPORTED.saying(
                    "nothing is to be had in the media types {type}",
                    type=shortened(request.headers["Accept"]),
                )
            return await self._answer(asked._replace(options=_options(request)))
        except Problem as problem:
            return _failure(asked, problem)

    async def _answer(self, asked: _Asked) -> Response:
        resolver = self._resolver()
        did = re.split("[/?#]", asked.identifier, maxsplit=1)[0]
        # DID Resolution 1.0 has no other identifiers than DIDs; the resolver also takes https URLs.
        method = resolver.method(str(DID.parse(did)))
        if asked.options.get("expandRelativeUrls"):
            raise DID_FEATURE_NOT_SUPPORTED.saying("of {did} relative URLs are not expanded here", did=did)
        if method is None or method.self_certifying:  # no host is asked
            return _success(resolver, asked)
        if not self._is_listed(did):
            raise DID_NOT_LISTED.saying("{did} is not on the trust list of this service", did=did)
        if not self._room:
            raise TryLater("too many requests wait for other hosts")
        self._room -= 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, _success, resolver, asked)
        finally:
            self._room += 1

    def _is_listed(self, did: str) -> bool:
        try:
            return self._listed(did)
        except Problem as problem:  # of the trust list: its path is for who runs the service
            log_problem(_LOG, problem)
            raise Unavailable("the trust list of this service cannot be used") from None


def _success(resolver: Resolver, asked: _Asked) -> Response:
    if not asked.is_url:
        resolution = resolver.resolve(asked.identifier, options=asked.options)
        result, content = resolved(resolution), resolution.document.value
        media_type, is_over = resolution.content_type, resolution.deactivated
    else:
        accept = URI_LIST if asked.form == URI_LIST else None
        resource = resolver.dereference(asked.identifier, accept=accept, options=asked.options)
        if isinstance(resource.content, tuple):  # 12.1: the address, and no body
            return Response(status_code=303, headers={**_HEADERS, "Location": _location(resource.content)})
        result, content, media_type = dereferenced(resource), resource.content, resource.content_type
        is_over = resource.resolution.deactivated
    status = 410 if is_over else 200
    if asked.form in _CONTENT:
        wanted = media_type if asked.form == "application/did" else asked.form
        return _json(content, status, wanted)
    return _result(result, asked, status)


def _failure(asked: _Asked, problem: Problem) -> Response:
    """The result that says so, whatever was to be had: its media type tells it from a document."""
    result = not_dereferenced(problem) if asked.is_url else unresolved(problem)
    return _result(result, asked, _status(problem))


def _status(problem: Problem) -> int:
    if isinstance(problem, DIDDeactivated):
        return 410
    if isinstance(problem, Unavailable):  # not 500: this service is well, and later the host may be
        return 503
    if problem.code == DID_NOT_LISTED.code:
        return 403
    return _STATUS.get(problem.type.removeprefix(DID_ERRORS), 500)


def _result(result: Mapping[str, Any], asked: _Asked, status: int) -> Response:
    if asked.form == _LEGACY:
        return _json(_legacy(result), status, _LEGACY)
    return _json(result, status, _DEREFERENCING if asked.is_url else _RESOLUTION)


def _legacy(result: Mapping[str, Any]) -> dict[str, Any]:
    """The result as clients of 2023 read it: an error is a keyword, and content a document."""
    legacy = {"@context": _LEGACY_CONTEXT, **result}
    if "content" in legacy:
        legacy["didDereferencingMetadata"] = legacy.pop("dereferencingMetadata")
        legacy["didDocument"], legacy["didDocumentMetadata"] = (
            legacy.pop("content"),
            legacy.pop("contentMetadata"),
        )
    for name in ("didResolutionMetadata", "didDereferencingMetadata"):
        if "error" in legacy.get(name, {}):
            legacy[name] = {**legacy[name], "error": keyword(legacy[name]["error"])}
    return legacy


def _json(value: object, status: int, media_type: str) -> Response:
    body = orjson.dumps(value)
    if (
        len(body) > SMALLEST_CEILING
    ):  # a question here has no body: a longer answer would multiply its sender's
        raise TooLarge.saying("the answer is longer than {most} bytes", most=SMALLEST_CEILING)
    # A document is public, so that a page of any host may read it (CORS); nothing else of this service is.
    headers = {**_HEADERS, "Access-Control-Allow-Origin": "*"}
    return Response(body, status, headers, media_type)


def _location(addresses: tuple[str, ...]) -> str:
    """The first address. Raises `INVALID_DID_URL` for one that is no URL: a header ends where a line does."""
    if re.fullmatch(r"[A-Za-z][A-Za-z0-9+.-]*:[!-~]+", addresses[0]) is None:
        raise INVALID_DID_URL("the service's address is not a URL of ASCII characters")
    return addresses[0]


def _identifier(request: Request) -> str:
    """Return the rest of the path, percent-decoded once, unless it begins with `did:` as it was sent.

    Clients may append a DID unencoded, too (12.1), and did:web:example.org%3A8443 would become another DID if
    decoded. In these, only the delimiters that end a path are decoded, such as `%23` before a fragment.
    """
    path = request.scope["raw_path"].partition(b"?")[0].decode("ascii", "replace")
    sent: str = path.partition("/1.0/identifiers/")[2]
    if sent.startswith("did:"):
        return re.sub("%(23|2[Ff]|3[Ff])", lambda match: unquote(match[0]), sent)
    try:
        return unquote_to_bytes(sent).decode()
    except UnicodeDecodeError as error:
        raise InvalidDID("this is no DID: it is no percent-encoded UTF-8") from error


def _options(request: Request) -> dict[str, object]:
    """The resolution options of the query. Raises `INVALID_DID_OPTIONS`."""
    options: dict[str, object] = {}
    for name, value in request.query_params.multi_items():
        if name in options:
            raise INVALID_DID_OPTIONS("an option stands there twice")
        if not (name + value).isascii():  # DID Resolution 1.0, 3 and 4.1: all of them are ASCII strings
            raise INVALID_DID_OPTIONS("an option is not ASCII")
        options[name] = value
    if _REFERENCE.fullmatch(str(options.get("relativeRef", ""))) is None:
        raise INVALID_DID_OPTIONS("relativeRef is not percent-encoded")
    for name in ("enableExperimentalPublicKeyTypes", "expandRelativeUrls"):
        if name in options:
            options[name] = _boolean(name, options[name])
    return options


def _boolean(name: str, value: object) -> bool:
    if value not in ("true", "false"):
        raise INVALID_DID_OPTIONS.saying("{name} is neither true nor false", name=name)
    return value == "true"


def _form(accept: str) -> str | None:
    """The media type of the answer; `None` where none of those that are asked for is to be had."""
    ranges: list[tuple[float, str]] = []
    position = 0
    while len(ranges) < _MOST_RANGES and (match := _RANGE.match(accept, position)) and match.end() > position:
        position = match.end()
        media_type, parameters = match[1].lower(), match[2]
        quality = _QUALITY.search(parameters)
        form = _form_of(media_type, parameters)
        if form is not None:
            ranges.append((float(quality[1]) if quality else 1.0, form))
    best = max(ranges, key=lambda each: each[0], default=(0.0, ""))  # the first of the best
    return best[1] if best[0] > 0 else None


def _form_of(media_type: str, parameters: str) -> str | None:
    if media_type == "application/ld+json":
        return _LEGACY if "https://w3id.org/did-resolution" in parameters else None
    if media_type in _ANY:
        return _RESOLUTION
    return media_type if media_type in {_RESOLUTION, _DEREFERENCING, URI_LIST} | _CONTENT else None


def _schema(*members: str) -> Mapping[str, Any]:
    properties = {name: {"type": ["object", "null"]} for name in members}
    return {"schema": {"type": "object", "required": [*members], "properties": properties}}


_RESULTS = {
    _RESOLUTION: _schema("didResolutionMetadata", "didDocument", "didDocumentMetadata"),
    _DEREFERENCING: _schema("dereferencingMetadata", "content", "contentMetadata"),
    _LEGACY: _schema("didDocument", "didDocumentMetadata"),
}
_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The result, or its content alone",
        "content": {
            **_RESULTS,
            **{media_type: {"schema": {"type": "object"}} for media_type in sorted(_CONTENT)},
        },
    },
    303: {
        "description": "The address of a service",
        "headers": {"Location": {"schema": {"type": "string", "format": "uri"}}},
    },
    **{
        status: {"description": description, "content": _RESULTS}
        for status, description in {
            400: "Not a DID or DID URL, or an option has a wrong value",
            403: "A DID that is not on the list of this service",
            404: "The DID has no document, or the DID URL leads to nothing in it",
            406: "Not to be had in a media type that was asked for",
            410: "The DID was given up",
            500: "What its host has is no document of this DID, or is too long",
            501: "A method or an option that is not in use here",
            503: "Its host cannot be reached now, or too many wait",
        }.items()
    },
}
_PARAMETERS = [
    {"name": "identifier", "in": "path", "required": True, "schema": {"type": "string"}},
    *(
        {"name": name, "in": "query", "required": False, "schema": {"type": "string"}}
        for name in ("versionId", "versionTime", "publicKeyFormat", "enableExperimentalPublicKeyTypes")
    ),
]
