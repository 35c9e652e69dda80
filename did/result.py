"""Resolution and dereferencing as DID Resolution 1.0 writes them (sections 9 to 11): errors are values.

It is for services that answer other programs. Our own code uses the `Resolver` itself, which raises: an error
that is a value is too easily ignored.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from wire.problem import Problem

from .dereference import Content
from .problem import DID_ERRORS, SECURITY_ERRORS, DIDDeactivated, ResolutionFailed
from .resolution import Resolution
from .resolver import Resolver

_NONE: Mapping[str, object] = MappingProxyType({})


def resolution_result(
    resolver: Resolver, did: str, *, options: Mapping[str, object] = _NONE
) -> dict[str, Any]:
    """The DID resolution result of `did`, by these resolution options."""
    try:
        return resolved(resolver.resolve(did, options=options))
    except Problem as problem:
        return unresolved(problem)


def dereferencing_result(
    resolver: Resolver,
    did_url: str,
    *,
    accept: str | None = None,
    options: Mapping[str, object] = _NONE,
) -> dict[str, Any]:
    """The DID URL dereferencing result of `did_url`, by these resolution options."""
    try:
        return dereferenced(resolver.dereference(did_url, accept=accept, options=options))
    except Problem as problem:
        return not_dereferenced(problem)


def resolved(resolution: Resolution) -> dict[str, Any]:
    """The DID resolution result of a DID that has a document (9)."""
    metadata = {"contentType": resolution.content_type}
    return _resolved(metadata, resolution.document.value, resolution.metadata)


def unresolved(problem: Problem) -> dict[str, Any]:
    """The DID resolution result of a DID that has no document, or could not be resolved."""
    if isinstance(problem, DIDDeactivated):
        return _resolved({}, None, {"deactivated": True})
    return _resolved({"error": _error(problem)}, None, {})


def dereferenced(content: Content) -> dict[str, Any]:
    """The dereferencing result of a DID URL that leads to something (10)."""
    return {
        "dereferencingMetadata": {"contentType": content.content_type},
        "content": content.content,
        "contentMetadata": content.resolution.metadata,
    }


def not_dereferenced(problem: Problem) -> dict[str, Any]:
    """The dereferencing result of a DID URL that leads to nothing, or could not be followed."""
    metadata = {"deactivated": True} if isinstance(problem, DIDDeactivated) else {}
    return {
        "dereferencingMetadata": {"error": _error(problem)},
        "content": None,
        "contentMetadata": metadata,
    }


def keyword(error: Mapping[str, str]) -> str:
    """The error in the form of DID Resolution before it had types: INVALID_DID_URL was `invalidDidUrl`."""
    first, *rest = error["type"].rpartition("#")[2].lower().split("_")
    return first + "".join(word.capitalize() for word in rest)


def _resolved(metadata: object, document: object, document_metadata: object) -> dict[str, Any]:
    return {
        "didResolutionMetadata": metadata,
        "didDocument": document,
        "didDocumentMetadata": document_metadata,
    }


def _error(problem: Problem) -> dict[str, str]:
    """The error object (RFC 9457); an error without a type in the specifications is `INTERNAL_ERROR`."""
    named = problem.type.startswith((DID_ERRORS, SECURITY_ERRORS))
    kind = problem.type if named else ResolutionFailed.type
    return {"type": kind, "title": problem.title, "detail": problem.detail}
