"""Where status lists come from, and what is remembered of them.

A list that verified once need not be verified again: what it says, that its signature fits, and what bits it
unpacks to, never changes. All else about it does, and is judged each time: whether the key is in force, what
evidence came along, whose list it is, its dates, and whom the trust list names.
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
"""How long an answer serves that is no list of the credential's issuer, or none at all."""

UNSAID = timedelta(minutes=5)
"""How long a list serves that has no `ttl`."""

LONGEST = timedelta(days=1)
"""How long any list serves."""

ListSource = Callable[[str], bytes | None]
"""Gives the document at a list's URL, `None` where it has none; raises `Unavailable` or `Damaged`."""


@dataclass(frozen=True)
class Fetched:
    """The list at its own address, where that is one on the network."""

    fetcher: Fetcher
    deadline: float = math.inf
    """By the clock of the memory: nobody waits longer for what somebody else asked for."""
    media_types: tuple[str, ...] = ("application/vc", "application/json", "application/statuslist+jwt")
    """What is asked for, in order."""

    def __call__(self, url: str) -> bytes | None:
        """See `ListSource`."""
        if not is_web_address(url):
            return None
        return self.fetcher.fetch(url, accept=", ".join(self.media_types), limit=MAX_LIST)


class _Answer(NamedTuple):
    """What a fetcher gave or raised, and when."""

    result: bytes | Problem | None
    moment: float


class _Read(NamedTuple):
    """A status document, and the steps that it took to read it."""

    received: Received
    secured: Secured
    steps: int


class ListMemory:
    """What is remembered of status lists; for verifiers with one trust list and the same forms."""

    def __init__(self, capacity: int = 1 << 25, *, clock: Callable[[], float] = time.monotonic) -> None:
        """`capacity` in bytes, of answers, of lists and of bits each; `clock` in seconds, never back."""
        self._answers: Memory[str, _Answer] = Memory(capacity, clock=clock)
        self._fitting: Memory[tuple[tuple[bytes, PublicKey], ...], int] = Memory(capacity >> 4, clock=clock)
        self._bits: Memory[tuple[ListDecoder, str, int], StatusList] = Memory(capacity, clock=clock)
        self._lists: Memory[bytes, _Read] = Memory(capacity, clock=clock)

    def ask(self, source: ListSource, url: str) -> bytes | None:
        """What a source has; what was fetched may serve again. Raises as `ListSource`."""
        if not isinstance(source, Fetched):
            return source(url)
        answer = self._answers.find(url, lambda: self._fetch(source, url), deadline=source.deadline)
        if isinstance(answer.result, Problem):
            raise copy.copy(answer.result)  # the one kept would gather the traceback of every caller
        return answer.result

    def _fetch(self, source: Fetched, url: str) -> Kept[_Answer]:
        found: bytes | Problem | None
        try:
            found = source(url)
        except Problem as problem:
            found = copy.copy(problem)  # without traceback and cause, which keep whole frames alive
        now = self._answers.clock()
        size = len(url) + (len(found) if isinstance(found, bytes) else 0)
        return Kept(_Answer(found, now), size, now + FAILURE.total_seconds())

    def judged(self, url: str, found: Claims | None, now: datetime) -> None:
        """How long the answer may serve that is remembered under a URL: it is the list `found`, or of no use.

        That is its `ttl` (Bitstring Status List 2.2), and never longer than until its end.
        """
        answer = self._answers.get(url)
        if answer is None:
            return
        serves = FAILURE if found is None else _time_to_live(found)
        until = answer.moment + serves.total_seconds()
        if found is not None and found.valid_until is not None:
            until = min(until, self._answers.clock() + (found.valid_until - now).total_seconds())
        self._answers.serve(url, answer, until)

    def read(self, received: Received, forms: Mapping[str, Form], work: Work) -> Secured:
        """As `vc.forms.read`; what it costs is charged each time."""
        try:
            text = _text(received)
        except orjson.JSONEncodeError:  # JCS says what is wrong
            return read(received, forms, work)
        kept = self._lists.get(text)
        if kept is not None and _text(kept.received) == text:  # nobody altered it meanwhile
            work.spend(kept.steps)
            return kept.secured
        before = work.left
        found = read(received, forms, work)
        size = len(text) + size_parsed(text)
        self._lists.keep(text, Kept(_Read(received, found, before - work.left), size))
        return found

    def fits(
        self, secured: Secured, made: Mapping[bytes, PublicKey], work: Work, verify: Callable[[], Secured]
    ) -> Secured:
        """What `verify` finds out of signatures, each given by its log entry and key, but once: that they
        fit, and the document as they have it. A log entry is a digest of all of the document and of one of
        them; what one of them covers beside the document is another of them. That they fit a document in
        another reading than the first is rare, and found out each time.

        What it costs is charged each time, so that no report depends on what is remembered. Raises what
        `verify` raises.
        """
        key = tuple(made.items())
        steps = self._fitting.get(key)
        if steps is not None:
            work.spend(steps)
            return secured
        before = work.left
        fitting = verify()
        if fitting is secured:
            size = sum(len(entry) + len(key.raw) for entry, key in made.items())
            self._fitting.keep(key, Kept(before - work.left, size))
        return fitting

    def bits(self, decode: ListDecoder, encoded: object, size: int) -> StatusList:
        """As `decode` of the other two; not to be changed."""
        if not isinstance(encoded, str):
            return decode(encoded, size)

        key = (decode, encoded, size)
        found = self._bits.get(key)
        if found is None:
            found = decode(encoded, size)
            self._bits.keep(key, Kept(found, len(encoded) + len(found.bits)))
        return found


def _text(received: Received) -> bytes:
    """All of it, by which it is told from any other."""
    if isinstance(received, Enveloped):
        return received.form.encode() + b"\n" + received.data
    return orjson.dumps(dict(received))


def _time_to_live(claims: Claims) -> timedelta:
    said = claims.subjects[0].get("ttl")
    if not isinstance(said, int | float) or said <= 0:
        return UNSAID
    return LONGEST if said > LONGEST.total_seconds() * 1000 else timedelta(milliseconds=said)


def is_web_address(url: str) -> bool:
    """Whether a list has a place on the network."""
    return url.startswith(("https:", "http:"))
