"""Sources of status lists, and the cache of those that verified.

A list that verified once need not be verified again: its content, the fit of its signature, and its unpacked
bits never change. All else about it is judged each time: the standing of the key, the evidence that came
along, the owner of the list, its dates, and the signers that the trust list names.
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

import orjson

from keys import PublicKey
from vc import Claims, StatusList
from vc.reading import read
from vc.secured import Form, Received, Secured
from vc.status.kind import ListDecoder
from vc.vcdm.enveloped import Enveloped
from wire import Problem
from wire.fetch import Fetcher
from wire.memory import Kept, Memory, size_parsed
from wire.work import Work

MAX_LIST = 1 << 22
"""Bytes of a status list that are fetched; a million revocations among a hundred million take a tenth."""

FAILURE = timedelta(seconds=10)
"""The time for which an answer is reused that is no list of the credential's issuer, or no list at all."""

UNSAID = timedelta(minutes=5)
"""The time for which a list without a `ttl` is reused."""

LONGEST = timedelta(days=1)
"""The longest time for which any list is reused."""

ListSource = Callable[[str], bytes | None]
"""Gives the document at a list's URL, `None` where it has none; raises `Unavailable` or `Damaged`."""


@dataclass(frozen=True)
class Fetched:
    """The list at its own address, where that is one on the network."""

    fetcher: Fetcher
    deadline: float = math.inf
    """By the clock of the memory: nobody waits longer for what somebody else asked for."""
    media_types: tuple[str, ...] = ("application/vc", "application/json", "application/statuslist+jwt")
    """The media types that are asked for, in order."""

    def __call__(self, url: str) -> bytes | None:
        """See `ListSource`."""
        if not is_web_address(url):
            return None
        return self.fetcher.fetch(url, accept=", ".join(self.media_types), limit=MAX_LIST)


class _Answer(NamedTuple):
    """The result or problem of a fetch, and its time."""

    result: bytes | Problem | None
    moment: float


class _Read(NamedTuple):
    """A status document, and the steps that it took to read it."""

    received: Received
    secured: Secured
    steps: int


class ListMemory:
    """Cache of status lists, for verifiers with one trust list and the same forms."""

    def __init__(self, capacity: int = 1 << 25, *, clock: Callable[[], float] = time.monotonic) -> None:
        """`capacity` in bytes, of answers, of lists and of bits each; `clock` in seconds, never back."""
        self._answers: Memory[str, _Answer] = Memory(capacity, clock=clock)
        self._fitting: Memory[tuple[tuple[bytes, PublicKey], ...], int] = Memory(capacity >> 4, clock=clock)
        self._bits: Memory[tuple[ListDecoder, str, int], StatusList] = Memory(capacity, clock=clock)
        self._lists: Memory[bytes, _Read] = Memory(capacity, clock=clock)

    def ask(self, source: ListSource, url: str) -> bytes | None:
        """The document that a source has; one that was fetched may be reused. Raises as `ListSource`."""
        if not isinstance(source, Fetched):
            return source(url)
        answer = self._answers.find(url, lambda: self._fetch(source, url), deadline=source.deadline)
        if isinstance(answer.result, Problem):
            raise copy.copy(answer.result)  # the one kept would gather the traceback of every caller
        return answer.result

    def _fetch(self, source: Fetched, url: str) -> Kept[_Answer]:
        answer: bytes | Problem | None
        try:
            answer = source(url)
        except Problem as problem:
            answer = copy.copy(problem)  # without traceback and cause, which keep whole frames alive
        now = self._answers.clock()
        size = len(url) + (len(answer) if isinstance(answer, bytes) else 0)
        # ADR 29: until it proves to be the issuer's list, an answer is kept no longer than a failure.
        return Kept(_Answer(answer, now), size, now + FAILURE.total_seconds())

    def judged(self, url: str, claims: Claims | None, now: datetime) -> None:
        """Set for how long the answer kept under a URL is reused: it is the list of `claims`, or of no use.

        That is the list's `ttl` (Bitstring Status List 2.2), and never longer than until its end.
        """
        answer = self._answers.get(url)
        if answer is None:
            return
        serves = FAILURE if claims is None else _time_to_live(claims)
        until = answer.moment + serves.total_seconds()
        if claims is not None and claims.valid_until is not None:
            until = min(until, self._answers.clock() + (claims.valid_until - now).total_seconds())
        self._answers.serve(url, answer, until)

    def read(self, received: Received, forms: Mapping[str, Form], work: Work) -> Secured:
        """As `vc.forms.read`, cached; the cost is charged each time."""
        try:
            text = _text(received)
        except orjson.JSONEncodeError:  # JCS says what is wrong
            return read(received, forms, work)
        kept = self._lists.get(text)
        if kept is not None and _text(kept.received) == text:  # nobody altered it meanwhile
            # ADR 29: charged each time, so that no report depends on an earlier one.
            work.spend(kept.steps)
            return kept.secured
        before = work.left
        secured = read(received, forms, work)
        size = len(text) + size_parsed(text)
        self._lists.keep(text, Kept(_Read(received, secured, before - work.left), size))
        return secured

    def fits(
        self,
        secured: Secured,
        signatures: Mapping[bytes, PublicKey],
        work: Work,
        verify: Callable[[], Secured],
    ) -> Secured:
        """Call `verify` once for these signatures, and return the document in the reading that they fit.

        Each signature is given by its log entry and key. A log entry is a digest of the whole document and of
        one signature; beside the document, a signature covers only other signatures. A fit in another reading
        than the first is rare, and not kept.

        The cost is charged each time, so that no report depends on the cache. Raises what `verify` raises.
        """
        key = tuple(signatures.items())
        steps = self._fitting.get(key)
        if steps is not None:
            work.spend(steps)
            return secured
        before = work.left
        fitting = verify()
        if fitting is secured:
            size = sum(len(entry) + len(key.raw) for entry, key in signatures.items())
            self._fitting.keep(key, Kept(before - work.left, size))
        return fitting

    def bits(self, decode: ListDecoder, encoded: object, size: int) -> StatusList:
        """Return `decode(encoded, size)`, cached: callers must not change it."""
        if not isinstance(encoded, str):
            return decode(encoded, size)

        key = (decode, encoded, size)
        status_list = self._bits.get(key)
        if status_list is None:
            status_list = decode(encoded, size)
            self._bits.keep(key, Kept(status_list, len(encoded) + len(status_list.bits)))
        return status_list


def _text(received: Received) -> bytes:
    """The whole document as bytes, which distinguish it from any other."""
    if isinstance(received, Enveloped):
        return received.form.encode() + b"\n" + received.data
    return orjson.dumps(dict(received))


def _time_to_live(claims: Claims) -> timedelta:
    ttl = claims.subjects[0].get("ttl")
    if not isinstance(ttl, int | float) or ttl <= 0:
        return UNSAID
    # Bitstring Status List 2.2: in milliseconds.
    return LONGEST if ttl > LONGEST.total_seconds() * 1000 else timedelta(milliseconds=ttl)


def is_web_address(url: str) -> bool:
    """Return whether a list has an address on the network."""
    return url.startswith(("https:", "http:"))
