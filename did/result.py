"""Resolution and dereferencing as DID Resolution 1.0 writes them (sections 9 to 11): errors are values.

For those who answer other programs. Whoever goes on with a document here takes the `Resolver` itself,
which raises: an error that is a value is passed over too easily.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from wire.problem import Problem

from .problem import DID_ERRORS, SECURITY_ERRORS, DIDDeactivated, ResolutionFailed
from .resolver import Resolver

_NONE: Mapping[str, object] = MappingProxyType({})


def resolution_result(
    resolver: Resolver, did: str, *, options: Mapping[str, object] = _NONE
) -> dict[str, Any]:
    """The DID resolution result of `did`, by these resolution options."""
    try:
        found = resolver.resolve(did, options=options)
    except DIDDeactivated:
        return _resolved({}, None, {"deactivated": True})
    except Problem as problem:
        return _resolved({"error": _error(problem)}, None, {})
    return _resolved({"contentType": found.content_type}, found.document.value, found.metadata)


def dereferencing_result(
    resolver: Resolver,
    did_url: str,
    *,
    accept: str | None = None,
    options: Mapping[str, object] = _NONE,
) -> dict[str, Any]:
    """The DID URL dereferencing result of `did_url`, by these resolution options."""
    try:
        found = resolver.dereference(did_url, accept=accept, options=options)
    except Problem as problem:
        return {"dereferencingMetadata": {"error": _error(problem)}, "content": None, "contentMetadata": {}}
    return {
        "dereferencingMetadata": {"contentType": found.content_type},
        "content": found.content,
        "contentMetadata": found.resolution.metadata,
    }


def _resolved(metadata: object, document: object, document_metadata: object) -> dict[str, Any]:
    return {
        "didResolutionMetadata": metadata,
        "didDocument": document,
        "didDocumentMetadata": document_metadata,
    }


def _error(problem: Problem) -> dict[str, str]:
    """The error object; what the specifications have no type for is unexpected to them (RFC 9457)."""
    named = problem.type.startswith((DID_ERRORS, SECURITY_ERRORS))
    kind = problem.type if named else ResolutionFailed.type
    return {"type": kind, "title": problem.title, "detail": problem.detail}
