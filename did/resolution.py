"""The interfaces of DID resolution: `Method`, and `DocumentSource` for everything that has documents.

A failure is an exception here; `result.py` converts it to the form of the specification.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple, Protocol

from wire.datetimestamp import format_datetimestamp
from wire.fetch import Fetcher
from wire.problem import Problem

from .document import Document, VerificationMethod
from .identifier import DID


class Resolution(NamedTuple):
    """A document, or one version of it, with its metadata (DID Resolution 1.0, 4)."""

    document: Document
    version: str | None = None
    """The method's name for this version, if it keeps several."""
    updated: datetime | None = None
    """The time from which this version is valid, if the method states it."""
    deactivated: bool = False
    """True if this version deactivates the DID."""

    @property
    def content_type(self) -> str:
        """The media type of the document."""
        return "application/did" if self.document.id.startswith("did:") else "application/cid"

    @property
    def metadata(self) -> dict[str, Any]:
        """The DID document metadata (4.3)."""
        members = {
            "versionId": self.version,
            "updated": self.updated and format_datetimestamp(self.updated),
            "deactivated": self.deactivated or None,
        }
        return {name: value for name, value in members.items() if value is not None}


class Resolve(Protocol):
    """Finds the document of a DID (DID 1.0, 8.2). It raises what `DocumentSource` raises."""

    def __call__(self, did: DID, fetcher: Fetcher) -> Document: ...


class Represent(Protocol):
    """Makes the document of a DID by resolution options of its method (DID Resolution 1.0, 4.1).

    It raises what `DocumentSource` raises.
    """

    def __call__(self, did: DID, options: Mapping[str, object]) -> Document: ...


class History(Protocol):
    """Finds all versions of a document, oldest first, each with its name and its start of validity.

    The last one is the result of `Resolve`. It raises what `DocumentSource` raises.
    """

    def __call__(self, did: DID, fetcher: Fetcher) -> Sequence[Resolution]: ...


class Method(NamedTuple):
    """A DID method: the functions that find its documents, and the properties of all its DIDs."""

    resolve: Resolve
    history: History | None = None
    """Finds earlier versions, for methods that can verify them from the DID."""
    self_certifying: bool = False
    """True if the DID contains all that its document says, so that no other source has to be trusted."""
    represent: Represent | None = None
    """Makes a document by resolution options, for methods that have some of their own."""
    rotates: bool = True
    """True if the document can take other keys later, and so hold several."""

    @property
    def has_history(self) -> bool:
        """True if the method can find earlier versions of a document."""
        return self.history is not None

    @property
    def is_unchanging(self) -> bool:
        """True if a document follows from its DID alone, so that it never changes."""
        return self.self_certifying and not self.has_history


class DocumentSource(Protocol):
    """A source of the documents of DIDs: a `Resolver`, a bundle, or a list of pinned ones."""

    def resolve(self, did: str) -> Resolution:
        """The document of a DID or of an https URL.

        Raises `ResolutionFailed`, or `Unavailable` when the question stays open.
        """
        ...

    def method(self, did: str) -> Method | None:
        """The method of a DID; `None` for a method that is not in use here."""
        ...


def own_method(did: str, source: DocumentSource) -> VerificationMethod | None:
    """The authentication method of a DID that is itself a key, such as a did:key; `None` for any other DID.

    Two such DIDs of the same key are the same holder, in whatever form they are written. No host is asked.
    """
    try:
        method = source.method(did) if did.startswith("did:") else None
        if method is None or not method.self_certifying:
            return None
        methods = source.resolve(did).document.methods("authentication")
    except Problem:  # no DID, or a key that is not known here
        return None
    return methods[0] if len(methods) == 1 else None
