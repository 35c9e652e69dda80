"""`Resolver`: from a DID to its document, by explicit methods, with a bounded cache (DID Resolution 1.0)."""

from __future__ import annotations

import copy
import functools
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from wire.fetch import Fetcher
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


_OVERHEAD = 500  # bytes that anything remembered is taken to have beside its JSON


class _Outcome(NamedTuple):
    until: float
    result: Document | ResolutionFailed | Unavailable
    size: int


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
        self._capacity = capacity
        self._clock = clock
        self._outcomes: OrderedDict[str, _Outcome] = OrderedDict()
        self._size = 0
        self._under_way: dict[str, threading.Event] = {}
        self._lock = threading.Lock()

    def resolve(self, did: str) -> Document:
        """The document of a DID, or the controller document at an https URL, as of now or remembered.

        Raises `InvalidDID`, `MethodNotSupported`, `DIDNotFound`, `InvalidDocument` or another
        `ResolutionFailed`; `Unavailable` when nobody could be asked.
        """
        find = self._finding(did)
        result = self._remembered_or_mine(did)
        if result is None:
            try:
                result = self._ask(find)
                self._remember(did, result)
            finally:
                with self._lock:
                    self._under_way.pop(did).set()
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

    def _remembered_or_mine(self, did: str) -> Document | ResolutionFailed | Unavailable | None:
        """What is remembered of a DID; or None when it is for this thread to resolve it."""
        while True:
            with self._lock:
                outcome = self._outcomes.get(did)
                if outcome is not None and outcome.until > self._clock():
                    self._outcomes.move_to_end(did)
                    return outcome.result
                resolved = self._under_way.get(did)
                if resolved is None:
                    self._under_way[did] = threading.Event()
                    return None
            resolved.wait()

    def _ask(self, find: Callable[[Fetcher], Document]) -> Document | ResolutionFailed | Unavailable:
        try:
            return find(self._fetcher)
        except (ResolutionFailed, Unavailable) as problem:
            return copy.copy(problem)  # without traceback and cause, which keep whole frames alive

    def _remember(self, did: str, result: Document | ResolutionFailed | Unavailable) -> None:
        found = isinstance(result, Document)
        until = self._clock() + (self.POSITIVE_SECONDS if found else self.NEGATIVE_SECONDS)
        size = _OVERHEAD + len(did)
        if isinstance(result, Document):
            size += len(str(result.value))
        with self._lock:
            if did in self._outcomes:
                self._size -= self._outcomes.pop(did).size
            self._outcomes[did] = _Outcome(until, result, size)
            self._size += size
            while self._size > self._capacity:
                self._size -= self._outcomes.popitem(last=False)[1].size
