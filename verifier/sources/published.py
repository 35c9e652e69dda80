"""What an issuer's log shows by itself, for who has a bare credential: evidence, and the issuer's documents.

Asked is a log that the trust list binds to the issuer, at the address that its name there is, and nobody
else. Nothing from there is believed: what is found becomes evidence as a bundle brings it, proved by tiles up
to a checkpoint that the log signed, and is judged as such. Whatever does not fit leaves the question open,
since it is the host's fault and not the credential's.

Who asked for one tile would tell which leaf it is about. So the tiles of nine others or more are asked for
with it, in random order, and the same ones whoever of them is meant: `ledger.lookup` says which.
"""

from __future__ import annotations

import copy
import math
import secrets
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from ledger import EntryKind, Evidence, InvalidEvidence, TrustPolicy, entry, merkle, parse_entry
from ledger.evidence import TLOG_PROOF, attest, format_proof
from ledger.lookup import MOST, SHAPE, YOUNG, Found, Shape, find
from ledger.tiles.layout import address, proof_tiles, tile_path
from ledger.tiles.reader import TileReader
from ledger.tiles.store import CHECKPOINT
from vc import Anchored
from vc.anchoring import document_digest
from wire import Malformed, NotFound, Problem, TooLarge, Unavailable, load_json_object
from wire.fetch import Fetcher
from wire.memory import Kept, Memory
from wire.work import BYTES_WRITTEN, Work

from .trust import TrustSource

LARGEST = 1 << 19
"""Bytes of one file; that of the youngest leaves has up to 400,000."""

MOST_BYTES = 1 << 24
"""Bytes of all files for one report."""

SECONDS = 30.0
"""After them nothing more is asked for one report."""

SERVES = 10.0
"""Seconds for which an answer is good for other reports, too."""

MOST_DOCUMENTS = 128
"""Two for each change of keys, which is announced before; one document has room for 62 changes."""

LARGEST_DOCUMENTS = 1 << 22
"""Bytes of all in one file: 2,700,000 after that many changes. Reading them is work that is counted."""

AT_ONCE = 8  # requests

_NOTE, _TILE = 1 << 17, 1 << 13  # bytes
_T = TypeVar("_T")

LogSource = Callable[[str, int], bytes]
"""Gives what lies at a URL, at most so many bytes; raises the `Problem` that keeps it from being had."""


@dataclass(frozen=True)
class Published:
    """What lies there on the network; nobody is followed to another host.

    Keep one: an answer serves for `SERVES` seconds, also that there is none, lest whoever sends many files of
    one issuer has its host asked for each.
    """

    fetcher: Fetcher
    deadline: float = math.inf
    """A reading of `time.monotonic`, after which nobody is asked or waited for."""
    answers: Memory[str, bytes | Problem] = field(default_factory=lambda: Memory(MOST_BYTES))

    def __call__(self, url: str, limit: int) -> bytes:
        """See `LogSource`."""
        answer = self.answers.find(url, lambda: self._fetch(url, limit), deadline=self.deadline)
        if isinstance(answer, Problem):
            raise copy.copy(answer)  # the one kept would gather the traceback of every caller
        return answer

    def _fetch(self, url: str, limit: int) -> Kept[bytes | Problem]:
        found: bytes | Problem
        try:
            found = self.fetcher.fetch(url, accept="*/*", limit=limit, same_origin=True)
        except Problem as problem:
            found = copy.copy(problem)  # without traceback and cause
        size = len(url) + (len(found) if isinstance(found, bytes) else 0)
        return Kept(found, size, self.answers.clock() + SERVES)


class NotShown(Unavailable):
    """The log that an issuer publishes could not be asked, or does not show what was looked for."""

    code = "log-does-not-show"
    title = "The issuer's log does not show it"

    def about(self, missing: Problem) -> NotShown:
        """The same, behind what is missing and what is to be done about that."""
        missing.because = self
        return NotShown.saying("{because}; {why}", because=missing, why=self)


class PublishedLogs:
    """The logs of the issuers of one report."""

    def __init__(
        self,
        source: LogSource,
        trust: TrustSource,
        work: Work,
        shape: Shape = SHAPE,
        *,
        at_once: int = AT_ONCE,
    ) -> None:
        """A host is sent so many requests `at_once`."""
        self._trust, self._shape, self._work = trust, shape, work
        self._files = _Files(source, work, at_once)
        self._logs: dict[tuple[str, str], _PublishedLog] = {}

    def documents(self, issuer: str) -> tuple[Anchored, ...]:
        """The versions of an issuer's document that its logs show. Raises `NotShown` where none does.

        There are none if no log of the issuer is published under an address.
        """
        return self._gathered(issuer, lambda log: log.documents())

    def evidence(self, leaf: bytes, issuer: str, origins: Iterable[str] = ()) -> tuple[Evidence, ...]:
        """Evidence for a log entry by the issuer's logs: by those of these `origins`, if any are given.

        Raises `NotShown` where none has it; there is none if none is published under an address.
        """
        wanted = frozenset(origins)
        return self._gathered(issuer, lambda log: (log.evidence(leaf),), wanted)

    def _gathered(
        self,
        issuer: str,
        ask: Callable[[_PublishedLog], Iterable[_T]],
        origins: frozenset[str] = frozenset(),
    ) -> tuple[_T, ...]:
        found: list[_T] = []
        missing: Problem | None = None
        for log in self._of(issuer):
            if origins and log.origin not in origins:
                continue
            try:
                found += ask(log)
            except Problem as problem:  # of the host, whatever it is
                said = "{why}" if log.origin in problem.detail else "the log {log}: {why}"
                missing = NotShown.saying(said, log=log.origin, why=problem, because=problem)
        if missing and not found:
            raise missing
        return tuple(found)

    def _of(self, issuer: str) -> Iterator[_PublishedLog]:
        policy = self._trust.policy_for(issuer)
        for origin in dict.fromkeys(log.key.name for log in policy.logs):
            key = (issuer, origin)
            if key not in self._logs and (url := address(origin)):
                self._logs[key] = _PublishedLog(origin, url, policy, self._files, self._work, self._shape)
            if key in self._logs:
                yield self._logs[key]


class _PublishedLog:
    """One log as its host shows it. Raises whatever `Problem` there is with it."""

    def __init__(
        self, origin: str, url: str, policy: TrustPolicy, files: _Files, work: Work, shape: Shape
    ) -> None:
        self.origin = origin
        self._url, self._policy, self._files, self._work, self._shape = url, policy, files, work, shape
        self._tiles = TileReader(lambda path: files.known(f"{url}/{path}"))

    def documents(self) -> list[Anchored]:
        """The documents that are published with it, each with its evidence."""
        data = self._get("documents", LARGEST_DOCUMENTS)
        versions = load_json_object(data, limit=LARGEST_DOCUMENTS, work=self._work).get("documents")
        if not isinstance(versions, list) or len(versions) > MOST_DOCUMENTS:
            raise Malformed.saying("its documents are not a list of {most} at the most", most=MOST_DOCUMENTS)
        found = [_version(version) for version in versions]
        self._load_tiles(index for index, _ in found)
        return [
            Anchored(document, (self._proved(self._document_entry(document), index),))
            for index, document in found
        ]

    def _document_entry(self, document: Mapping[str, Any]) -> bytes:
        return entry(EntryKind.DID_DOCUMENT, document_digest(document, self._work))

    def evidence(self, leaf: bytes) -> Evidence:
        """The evidence for a log entry."""
        size = self._checkpoint()[0]
        places = [place for place in self._places(merkle.leaf_hash(leaf)) if place.index < size]
        places = sorted(places, key=lambda place: place.index)[:MOST]
        self._load_tiles(index for place in places for index in place.crowd)
        for place in places:
            try:
                return self._proved(leaf, place.index)
            except InvalidEvidence:
                pass  # another leaf whose hash begins so
        raise NotFound("its look-up files do not have the entry")

    def _places(self, leaf: bytes) -> list[Found]:
        """Where a leaf may be. All runs are asked, so that nobody sees which of them has it."""
        young = self._get(YOUNG, LARGEST)
        if found := self._shape.find_young(young, leaf):
            return found
        runs = self._shape.runs(self._shape.start(young))
        paths = [self._shape.path(level, number, leaf) for level, number in runs]
        return [place for file in self._get_all(paths, LARGEST) for place in find(file, leaf)]

    def _load_tiles(self, indices: Iterable[int]) -> None:
        size = self._checkpoint()[0]
        tiles = {tile for index in indices for tile in proof_tiles(index, size)}
        full = {tile_path(level, number, width): tile_path(level, number) for level, number, width in tiles}
        self._get_all(list(full), _TILE, otherwise=full)

    def _proved(self, leaf: bytes, index: int) -> Evidence:
        """Raises `InvalidEvidence` unless tiles prove the entry, `Damaged` where they do not fit."""
        size, root, note = self._checkpoint()
        proof = merkle.inclusion_proof(index, size, self._tiles.tree(size))
        merkle.verify_inclusion(merkle.leaf_hash(leaf), index, size, proof, root)
        return Evidence(TLOG_PROOF, parse_entry(leaf).digest, format_proof(index, proof, note))

    def _checkpoint(self) -> tuple[int, bytes, bytes]:
        """Size, root and note of a checkpoint that the trust list believes."""
        note = self._get(CHECKPOINT, _NOTE)
        found = attest(note, self._policy).checkpoint
        return found.size, found.root, note

    def _get(self, path: str, limit: int) -> bytes:
        return self._get_all([path], limit)[0]

    def _get_all(
        self, paths: Sequence[str], limit: int, otherwise: Mapping[str, str] | None = None
    ) -> list[bytes]:
        other = {f"{self._url}/{path}": f"{self._url}/{full}" for path, full in (otherwise or {}).items()}
        return self._files.get([f"{self._url}/{path}" for path in paths], limit, other)


def _version(value: object) -> tuple[int, Mapping[str, Any]]:
    """Index and document."""
    index, document = (value.get("index"), value.get("document")) if isinstance(value, dict) else (0, 0)
    if type(index) is not int or index < 0 or not isinstance(document, dict):
        raise Malformed("one of its documents has no index, or is none")
    return index, document


class _Files:
    """Files by URL, each asked for once, in random order, within the bounds of one report."""

    def __init__(self, source: LogSource, work: Work, at_once: int) -> None:
        self._source, self._work, self._at_once = source, work, at_once
        self._known: dict[str, bytes] = {}
        self._left = MOST_BYTES
        self._deadline: float | None = None

    def known(self, url: str) -> bytes | None:
        """A file that was got before."""
        return self._known.get(url)

    def get(self, urls: Sequence[str], limit: int, otherwise: Mapping[str, str]) -> list[bytes]:
        """The files in this order; where one is gone, what stands `otherwise` in its place."""
        from concurrent.futures import ThreadPoolExecutor  # loaded where something is asked

        if self._deadline is None:
            self._deadline = time.monotonic() + SECONDS
        wanted = [url for url in urls if url not in self._known]
        secrets.SystemRandom().shuffle(wanted)

        def ask(url: str) -> bytes:
            try:
                return self._ask(url, limit)
            except NotFound:
                if otherwise.get(url, url) == url:
                    raise
                return self._ask(otherwise[url], limit)

        with ThreadPoolExecutor(self._at_once, "log") as threads:
            for url, data in zip(wanted, threads.map(ask, wanted), strict=True):
                self._work.spend(len(data) // BYTES_WRITTEN)
                self._known[url] = data
        return [self._known[url] for url in urls]

    def _ask(self, url: str, limit: int) -> bytes:
        assert self._deadline is not None
        if time.monotonic() > self._deadline:
            raise Unavailable("it took more time than a report has")
        if self._left < 0:
            raise TooLarge.saying("more than {most} bytes would be needed", most=MOST_BYTES)
        data = self._source(url, limit)
        self._left -= len(data)
        return data
