"""One log as its host shows it: an entry's place, by the look-up files, and its proof, by the tiles.

A request for one tile would tell the host which leaf it is about. So the tiles of nine others or more are
asked for with it, in random order, and the same set for each of these leaves: `ledger.lookup` defines it.
"""

from __future__ import annotations

import functools
import re
import secrets
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from exchange.beside import DOCUMENTS, KINDS, LARGEST_DOCUMENTS, LARGEST_LISTING, LISTS, listed_lists
from kinds.foreign import carried_digest
from ledger import Checkpoint, EntryKind, Evidence, InvalidEvidence, TrustPolicy, entry, merkle, parse_entry
from ledger.evidence import TLOG_PROOF, attest, format_proof
from ledger.lookup import MOST, YOUNG, Found, Shape, find
from ledger.tiles.layout import ENTRIES, WIDTH, proof_tiles, tile_path
from ledger.tiles.reader import TileReader
from ledger.tiles.store import CHECKPOINT
from vc import Anchored
from vc.anchoring import CarriedKind, document_digest
from wire import Malformed, NotFound, TooLarge, Unavailable, load_json_object
from wire.text import shortened
from wire.work import BYTES_WRITTEN, Work

from .lists import MAX_LIST
from .trust_entries import MOST_KINDS, KindFiles, read_kinds

LARGEST = 1 << 19
"""Bytes of one file; that of the youngest leaves has up to 400,000."""

MOST_BYTES = 1 << 24
"""Bytes of all files for one report."""

SECONDS = 30.0
"""Time limit for all requests of one report."""

MOST_DOCUMENTS = 128
"""Two for each change of keys, which is announced before; one document has room for 62 changes."""

LARGEST_KIND = 1 << 21
"""Bytes of a kind as JSON, in which a character may take six."""

_NOTE, _TILE = 1 << 17, 1 << 13  # bytes

LogSource = Callable[[str, int], bytes]
"""Gives what lies at a URL, at most so many bytes; raises the `Problem` that keeps it from being had."""


class PublishedLog:
    """One log as its host shows it. Raises whatever `Problem` there is with it."""

    def __init__(
        self, origin: str, url: str, policy: TrustPolicy, files: Files, work: Work, shape: Shape
    ) -> None:
        self.origin = origin
        self._url, self._policy, self._files, self._work, self._shape = url, policy, files, work, shape
        self._tiles = TileReader(lambda path: files.known(f"{url}/{path}"))

    def documents(self) -> list[Anchored]:
        """The documents that are published with it, each with its evidence. Raises `Malformed`."""
        data = self._get(DOCUMENTS, LARGEST_DOCUMENTS)
        versions = load_json_object(data, limit=LARGEST_DOCUMENTS, work=self._work).get(DOCUMENTS)
        if not isinstance(versions, list) or len(versions) > MOST_DOCUMENTS:
            raise Malformed.saying("its documents are not a list of {most} at the most", most=MOST_DOCUMENTS)
        logged = [_version(version) for version in versions]
        self._load_tiles(index for index, _ in logged)
        return [
            Anchored(document, (self._proved(self._document_entry(document), index),))
            for index, document in logged
        ]

    def _document_entry(self, document: Mapping[str, Any]) -> bytes:
        return entry(EntryKind.DID_DOCUMENT, document_digest(document, self._work))

    def kinds(self, known: Collection[str]) -> list[KindFiles]:
        """The kinds that are published with it, the newest first, but those whose digests are `known`.

        Raises `Malformed`, and `InvalidEvidence` for one that the log does not hold.
        """
        try:
            data = self._get(KINDS, LARGEST)
        except NotFound:  # as of releases that publish none
            return []
        listed = load_json_object(data, limit=LARGEST, work=self._work).get(KINDS)
        if not isinstance(listed, list):
            raise Malformed("its kinds are not a list")
        places = sorted(map(_place, listed), reverse=True)[:MOST_KINDS]
        new = [(index, digest) for index, digest in places if digest not in known]
        if not new:
            return []
        self._load_tiles(index for index, _ in new)
        return [self._kind(index, digest) for index, digest in new]

    def _kind(self, index: int, digest: str) -> KindFiles:
        data = self._get(f"{KINDS}/{digest}", LARGEST_KIND)
        (files,) = read_kinds([load_json_object(data, limit=LARGEST_KIND, work=self._work)]) or (None,)
        # A thief of the host could else give other words than the issuer logged.
        if files is None or carried_digest(CarriedKind(files.files), self._work) != digest:
            raise Malformed("one of its kinds is not the one of that digest")
        # Threat K7: a host may list kinds that the log does not hold.
        self._proved(entry(EntryKind.KIND, bytes.fromhex(digest)), index)
        return files

    def status_list(self, url: str) -> tuple[bytes, Evidence]:
        """The status list that was last published under a URL, with the evidence for its entry.

        That the entry is the list's is for the caller to see. Raises `NotFound`, `Malformed`.
        """
        listed = load_json_object(self._get(LISTS, LARGEST_LISTING), limit=LARGEST_LISTING, work=self._work)
        size = self._checkpoint()[0]
        index = next((place for place, where in listed_lists(listed) if where == url and place < size), None)
        if index is None:
            raise NotFound.saying("it has no status list of {url}", url=shortened(url))
        data = self._get(f"{LISTS}/{index}", MAX_LIST)
        number = index // WIDTH
        path, full = tile_path(ENTRIES, number, min(WIDTH, size - number * WIDTH)), tile_path(ENTRIES, number)
        self._get_all([path], LARGEST, {path: full})
        self._load_tiles([index])
        (leaf,) = self._tiles.entries(index, index + 1, size)
        return data, self._proved(leaf, index)

    def evidence(self, leaf: bytes) -> Evidence:
        """The evidence for a log entry. Raises `NotFound`."""
        size = self._checkpoint()[0]
        # Threat F14: a place beyond the signed checkpoint cannot be proved.
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
        """The places where a leaf may be. All runs are asked for, lest the host see which has it."""
        young = self._get(YOUNG, LARGEST)
        if places := self._shape.find_young(young, leaf):
            return places
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
        # ADR 28, threat F14: nothing from the host counts before it fits the root that the log signed.
        merkle.verify_inclusion(merkle.leaf_hash(leaf), index, size, proof, root)
        return Evidence(TLOG_PROOF, parse_entry(leaf).digest, format_proof(index, proof, note))

    def _checkpoint(self) -> tuple[int, bytes, bytes]:
        """Size, root and note of a checkpoint that the trust list believes."""
        return _believed(self._get(CHECKPOINT, _NOTE), self._policy)

    def _get(self, path: str, limit: int) -> bytes:
        return self._get_all([path], limit)[0]

    def _get_all(
        self, paths: Sequence[str], limit: int, otherwise: Mapping[str, str] | None = None
    ) -> list[bytes]:
        other = {f"{self._url}/{path}": f"{self._url}/{full}" for path, full in (otherwise or {}).items()}
        return self._files.get([f"{self._url}/{path}" for path in paths], limit, other)


@functools.lru_cache(maxsize=64)
def _believed(note: bytes, policy: TrustPolicy) -> tuple[int, bytes, bytes]:
    """Size, root and note of a checkpoint, without lines that fail. Raises as `attest`."""
    try:
        checkpoint = attest(note, policy).checkpoint
    except InvalidEvidence:
        shown = Checkpoint.parse(note)
        # Threat A44: a thief of the host could else make the note useless, in mirrors, too, and be gone.
        keys = [key for log in policy.named(shown.origin) for key in log.keys]
        note = shown.without_failing(keys)
        checkpoint = attest(note, policy).checkpoint
    return checkpoint.size, checkpoint.root, note


def _version(value: object) -> tuple[int, Mapping[str, Any]]:
    """Index and document."""
    index, document = (value.get("index"), value.get("document")) if isinstance(value, dict) else (0, 0)
    if type(index) is not int or index < 0 or not isinstance(document, dict):
        raise Malformed("one of its documents has no index, or is none")
    return index, document


def _place(value: object) -> tuple[int, str]:
    """Index and digest of a kind."""
    index, digest = (value.get("index"), value.get("digest")) if isinstance(value, dict) else (0, 0)
    is_digest = isinstance(digest, str) and re.fullmatch("[0-9a-f]{64}", digest)
    if type(index) is not int or index < 0 or not isinstance(digest, str) or not is_digest:
        raise Malformed("one of its kinds has no index, or no digest")
    return index, digest


class Files:
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
        """The files in this order; for one that is gone, the file at the URL that `otherwise` gives."""
        if self._deadline is None:
            self._deadline = time.monotonic() + SECONDS
        wanted = [url for url in urls if url not in self._known]
        # ADR 27, threat F15: the order of requests would tell which leaf is meant.
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
        # Threat F14: a host that is silent, or slow.
        if time.monotonic() > self._deadline:
            raise Unavailable("it took more time than a report has")
        # Threat F14: bodies without an end.
        if self._left < 0:
            raise TooLarge.saying("more than {most} bytes would be needed", most=MOST_BYTES)
        data = self._source(url, limit)
        self._left -= len(data)
        return data
