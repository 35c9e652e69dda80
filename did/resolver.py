"""`Resolver`: from a DID to its document, by explicit methods, with a bounded cache (DID Resolution 1.0)."""

from __future__ import annotations

import copy
import functools
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from wire.fetch import Fetcher
from wire.memory import Kept, Memory
from wire.problem import Unavailable

from . import controller
from .document import Document
from .identifier import DID
from .problem import MethodNotSupported, ResolutionFailed


class DocumentSource(Protocol):
    """Whoever has the documents of DIDs: a `Resolver`, or a bundle, or a list of pinned ones."""

    def resolve(self, did: str) -> Document:
        """The document of a DID or of an https URL.

        Raises `ResolutionFailed`, or `Unavailable` when the question stays open.
        """
        ...

    def method(self, did: str) -> Method | None:
        """What is true of all DIDs of this one's method; `None` for a method that is not in use here."""
        ...


class Resolve(Protocol):
    """Finds the document of a DID (DID 1.0, 8.2). It raises what `DocumentSource` raises."""

    def __call__(self, did: DID, fetcher: Fetcher) -> Document: ...


@dataclass(frozen=True, slots=True)
class Method:
    """A DID method: how its documents are found, and what is true of all its DIDs."""

    resolve: Resolve
    self_certifying: bool = False
    """Whether a DID says itself all that its document says, so that nobody else's word is needed."""
    rotates: bool = True
    """Whether the document can take other keys later, and so hold several."""


class Resolver:
    """Resolves https URLs and the DIDs of the methods it is given, and remembers: 5 minutes what it found,
    30 seconds what it did not. While one thread resolves a DID, others who ask for it wait for what it finds.
    """

    POSITIVE_SECONDS = 300.0
    NEGATIVE_SECONDS = 30.0

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
        self._outcomes: Memory[str, Document | ResolutionFailed | Unavailable] = Memory(capacity, clock=clock)

    def resolve(self, did: str) -> Document:
        """The document of a DID, or the controller document at an https URL, as of now or remembered.

        Raises `InvalidDID`, `MethodNotSupported`, `DIDNotFound`, `InvalidDocument` or another
        `ResolutionFailed`; `Unavailable` when nobody could be asked.
        """
        find = self._finding(did)
        result = self._outcomes.find(did, lambda: self._ask(did, find))
        if isinstance(result, Document):
            return result
        raise copy.copy(result)  # the one kept would gather the traceback of every caller

    def _finding(self, did: str) -> Callable[[Fetcher], Document]:
        if did.startswith("https:"):
            return functools.partial(controller.resolve, did)
        parsed = DID.parse(did)
        method = self._methods.get(parsed.method)
        if method is None:
            raise MethodNotSupported(
                f"{did} is of method '{parsed.method}', which is not in use here",
                hint=f"In use are: {', '.join(self._methods)}.",
            )
        return functools.partial(method.resolve, parsed)

    def method(self, did: str) -> Method | None:
        """What is true of all DIDs of this one's method; `None` for others. Raises `InvalidDID`."""
        return self._methods.get(DID.parse(did).method)

    def _ask(
        self, did: str, find: Callable[[Fetcher], Document]
    ) -> Kept[Document | ResolutionFailed | Unavailable]:
        found: Document | ResolutionFailed | Unavailable
        try:
            found = find(self._fetcher)
        except (ResolutionFailed, Unavailable) as problem:
            found = copy.copy(problem)  # without traceback and cause, which keep whole frames alive
        document = found if isinstance(found, Document) else None
        seconds = self.POSITIVE_SECONDS if document else self.NEGATIVE_SECONDS
        size = len(did) + (len(str(document.value)) if document else 0)
        return Kept(found, size, self._outcomes.clock() + seconds)
