"""The doors of DID resolution: what a `Method` gives, and whoever else has documents.

A failure is an exception here; `result.py` writes it as the specification does.
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
    """A document, or one version of it, and what is known of that (DID Resolution 1.0, 4)."""

    document: Document
    version: str | None = None
    """What the method calls this version, where it keeps several."""
    updated: datetime | None = None
    """Since when it has stood, where the method says so."""
    deactivated: bool = False
    """Whether the DID ends with this version."""

    @property
    def content_type(self) -> str:
        """The media type of the document."""
        return "application/did" if self.document.id.startswith("did:") else "application/cid"

    @property
    def metadata(self) -> dict[str, Any]:
        """The DID document metadata (4.3)."""
        known = {
            "versionId": self.version,
            "updated": self.updated and format_datetimestamp(self.updated),
            "deactivated": self.deactivated or None,
        }
        return {name: value for name, value in known.items() if value is not None}


class Resolve(Protocol):
    """Finds the document of a DID (DID 1.0, 8.2). It raises what `DocumentSource` raises."""

    def __call__(self, did: DID, fetcher: Fetcher) -> Document: ...


class Represent(Protocol):
    """Makes the document of a DID as resolution options of its method ask for it (DID Resolution 1.0, 4.1).

    It raises what `DocumentSource` raises.
    """

    def __call__(self, did: DID, options: Mapping[str, object]) -> Document: ...


class History(Protocol):
    """Finds all versions of a document, oldest first, each with its name and since when it stood.

    The last is what `Resolve` gives. It raises what `DocumentSource` raises.
    """

    def __call__(self, did: DID, fetcher: Fetcher) -> Sequence[Resolution]: ...


class Method(NamedTuple):
    """A DID method: how its documents are found, and what is true of all its DIDs."""

    resolve: Resolve
    history: History | None = None
    """How earlier versions are found, where they can be verified from the DID."""
    self_certifying: bool = False
    """Whether a DID says itself all that its document says, so that nobody else's word is needed."""
    represent: Represent | None = None
    """How a document is made by resolution options, where the method has some of its own."""
    rotates: bool = True
    """Whether the document can take other keys later, and so hold several."""

    @property
    def has_history(self) -> bool:
        """Whether earlier versions of a document can be had."""
        return self.history is not None

    @property
    def is_unchanging(self) -> bool:
        """Whether a document follows from its DID alone, so that it is the same at every moment."""
        return self.self_certifying and not self.has_history


class DocumentSource(Protocol):
    """Whoever has the documents of DIDs: a `Resolver`, or a bundle, or a list of pinned ones."""

    def resolve(self, did: str) -> Resolution:
        """The document of a DID or of an https URL.

        Raises `ResolutionFailed`, or `Unavailable` when the question stays open.
        """
        ...

    def method(self, did: str) -> Method | None:
        """What is true of all DIDs of this one's method; `None` for a method that is not in use here."""
        ...


def own_method(did: str, source: DocumentSource) -> VerificationMethod | None:
    """The authentication method of a DID that is itself a key, such as a did:key; `None` for any other DID.

    Two such DIDs of the same key are the same holder, however they are written. No host is asked.
    """
    try:
        method = source.method(did) if did.startswith("did:") else None
        if method is None or not method.self_certifying:
            return None
        found = source.resolve(did).document.methods("authentication")
    except Problem:  # no DID, or a key that is not known here
        return None
    return found[0] if len(found) == 1 else None
