"""`Resolver`: from a DID to its document, by explicit methods, with a bounded cache (DID Resolution 1.0)."""

from __future__ import annotations

import copy
import functools
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import TYPE_CHECKING

from wire.datetimestamp import format_datetimestamp, parse_datetimestamp
from wire.fetch import Fetcher
from wire.memory import Kept, Memory
from wire.problem import Code, Malformed, Problem, Unavailable

from .identifier import DID, DIDURL
from .problem import (
    DID_FEATURE_NOT_SUPPORTED,
    DID_NOT_FOUND,
    INVALID_DID_OPTIONS,
    INVALID_DID_URL,
    DIDDeactivated,
    MethodNotSupported,
    ResolutionFailed,
)
from .resolution import Method, Resolution

if TYPE_CHECKING:
    from .dereference import Content

_Versions = tuple[Resolution, ...]


class Resolver:
    """Resolves https URLs and the DIDs of the given methods. It caches documents for 5 minutes and failures
    for 30 seconds. While one thread resolves a DID, other callers for that DID wait for the result. Of DIDs
    whose document never changes, it caches the most recently used.
    """

    POSITIVE_SECONDS = 300.0
    NEGATIVE_SECONDS = 30.0
    MOST_UNCHANGING = 1024

    def __init__(
        self,
        methods: Mapping[str, Method],
        fetcher: Fetcher,
        *,
        capacity: int = 1 << 22,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`methods` by name, such as `did.METHODS`; `capacity` in bytes; `clock` in seconds, never back."""
        self._methods = dict(methods)
        self._fetcher = fetcher
        self._outcomes: Memory[str, _Versions | ResolutionFailed | Unavailable] = Memory(
            capacity, clock=clock
        )
        # No host is asked, and none would wait: a presenter has in most cases a DID that comes once.
        self._unchanging = functools.lru_cache(self.MOST_UNCHANGING)(self._follow)

    def resolve(
        self,
        did: str,
        *,
        version: str | datetime | None = None,
        options: Mapping[str, object] = MappingProxyType({}),
    ) -> Resolution:
        """The document of a DID, or the controller document at an https URL, as of now or from the cache.

        For the location of an issuer's metadata, the document holds the keys in that (`issuer_metadata`).

        `version` selects an earlier one, by the method's name for it or by a moment at which it was valid
        (`versionId`, `versionTime`). `options` are resolution options (4.1), `versionId` and `versionTime`
        among them; options that the method does not have are ignored. Raises `InvalidDID`,
        `MethodNotSupported`, `DID_NOT_FOUND`, `InvalidDIDDocument`, `INVALID_DID_OPTIONS`, `DIDDeactivated`
        or another `ResolutionFailed`, `DID_FEATURE_NOT_SUPPORTED` where a method keeps no versions;
        `Unavailable` when nobody could be asked.
        """
        if version is None and options:
            version = _version(options, INVALID_DID_OPTIONS)
        method = None if did.startswith("https:") else self.method(did)
        if isinstance(version, datetime) and method is not None and method.is_unchanging:
            version = None
        if options and version is None and method is not None and method.represent is not None:
            return Resolution(method.represent(DID.parse(did), options))
        if version is None and method is not None and method.is_unchanging:
            return self._unchanging(did)
        versions = self._versions(did) if version is None else self.history(did)
        if versions[-1].deactivated:
            raise DIDDeactivated.saying("{did} was given up by whoever controlled it", did=did)
        for resolution in reversed(versions):
            # The newest, or by name exactly this one: keys of another version may have ended.
            if version in (None, resolution.version):
                return resolution
            if (
                isinstance(version, datetime)
                and resolution.updated is not None
                and resolution.updated <= version
            ):
                return resolution
        raise DID_NOT_FOUND.saying("the document of {did} has no such version", did=did)

    def history(self, did: str) -> Sequence[Resolution]:
        """All versions of a DID's document, oldest first.

        Raises as `resolve`, but nothing for a deactivated DID: its last version says so.
        """
        method = None if did.startswith("https:") else self.method(did)
        if did.startswith("https:") or (method is not None and not method.has_history):
            raise DID_FEATURE_NOT_SUPPORTED.saying("of {did} no earlier versions are to be had", did=did)
        return self._versions(did)

    def dereference(
        self,
        did_url: str,
        *,
        accept: str | None = None,
        options: Mapping[str, object] = MappingProxyType({}),
    ) -> Content:
        """The content at a DID URL (DID Resolution 1.0, 5.4): a document, a part of it, or a service.

        `accept` is the media type asked for: `text/uri-list` for the addresses of services; `options` are
        those of `resolve`. Raises `INVALID_DID_URL`, `DID_RESOURCE_NOT_FOUND`,
        `DID_REPRESENTATION_NOT_SUPPORTED`, and what `resolve` raises.
        """
        from .dereference import dereference, parameters  # imported lazily: a verifier needs documents only

        url = DIDURL.parse(did_url)
        named = parameters(url)
        resolution = self.resolve(str(url.did), version=_version(named, INVALID_DID_URL), options=options)
        return dereference(resolution, url, named, accept)

    def method(self, did: str) -> Method | None:
        """The method of a DID; `None` for a method that is not in use here. Raises `InvalidDID`."""
        return self._methods.get(DID.parse(did).method)

    def _follow(self, did: str) -> Resolution:
        """The document that follows from the DID."""
        parsed = DID.parse(did)
        return Resolution(self._methods[parsed.method].resolve(parsed, self._fetcher))

    def _versions(self, did: str) -> _Versions:
        result = self._outcomes.get(did)
        if result is None:
            find = self._finding(did)
            result = self._outcomes.find(did, lambda: self._ask(did, find))
        if isinstance(result, tuple):
            return result
        raise copy.copy(result)  # the one kept would gather the traceback of every caller

    def _finding(self, did: str) -> Callable[[Fetcher], Sequence[Resolution]]:
        if did.startswith("https:"):
            from . import controller, issuer_metadata

            if issuer_metadata.is_location(did):
                return lambda fetcher: [Resolution(issuer_metadata.resolve(did, fetcher))]
            return lambda fetcher: [Resolution(controller.resolve(did, fetcher))]
        parsed = DID.parse(did)
        method = self._methods.get(parsed.method)
        if method is None:
            raise MethodNotSupported.saying(
                "{did} is of method '{method}', which is not in use here",
                did=did,
                method=parsed.method,
                methods=", ".join(self._methods),
            )
        if method.history is not None:
            return functools.partial(method.history, parsed)
        return lambda fetcher: [Resolution(method.resolve(parsed, fetcher))]

    def _ask(
        self, did: str, find: Callable[[Fetcher], Sequence[Resolution]]
    ) -> Kept[_Versions | ResolutionFailed | Unavailable]:
        outcome: _Versions | ResolutionFailed | Unavailable
        try:
            outcome = tuple(find(self._fetcher))
        except (ResolutionFailed, Unavailable) as problem:
            outcome = copy.copy(problem)  # without traceback and cause, which keep whole frames alive
        versions = outcome if isinstance(outcome, tuple) else ()
        seconds = self.POSITIVE_SECONDS if versions else self.NEGATIVE_SECONDS
        size = len(did) + sum(len(str(version.document.value)) for version in versions)
        return Kept(outcome, size, self._outcomes.clock() + seconds)


def _version(named: Mapping[str, object], invalid: Code[Problem]) -> str | datetime | None:
    """The version selected by options or by the parameters of a DID URL. Raises `invalid`."""
    name, moment = named.get("versionId"), named.get("versionTime")
    if name is not None and moment is not None:
        raise invalid("either 'versionId' or 'versionTime' can be asked for")
    if moment is None:
        return None if name is None else str(name)
    try:
        version = parse_datetimestamp(moment, "'versionTime'")
    except Malformed as problem:
        raise invalid.saying("{why}", why=problem) from problem
    if format_datetimestamp(version) != moment:  # DID Resolution 1.0, 3: UTC, without fractions of a second
        raise invalid("'versionTime' is not in UTC, or has fractions of a second")
    return version
