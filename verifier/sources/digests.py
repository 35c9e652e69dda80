"""Status digests that were taken: they give the set positions of an issuer's lists without fetching a list.

A digest lies in a folder, as it came, and is read once a credential names one of its lists. Its signer, the
standing of the key, and its dates are judged anew each time.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from vc import Bundle
from vc.reading import read
from vc.reading.status_digest import LARGEST, WholeDigest, digest_file, parse_file, parse_whole
from vc.secured import Form
from vc.status.digest import digest_facts
from wire import Damaged, Malformed
from wire.files import file_problems, locked, make_private_folder, read_regular, write_durably
from wire.memory import Kept, Memory
from wire.work import Work

from ..problem import NO_STATUS_DIGEST_BEFORE, STATUS_DIGEST_DAMAGED, STATUS_DIGEST_OLDER

_SUFFIX = ".digest"
_MOST_STEPS = 1 << 22
_REMEMBERED = 1 << 27
"""Bytes of digests that stay read: one of the largest."""
_BLOCK = 200
"""Bytes that a list takes for each purpose, beside its positions."""

DigestSource = Callable[[Collection[str]], Sequence[WholeDigest]]
"""Gives the digests that may be about lists at these addresses; raises `Damaged` and `Unavailable`."""


class DigestFolder:
    """The digests that this verifier took, one for each issuer's lists: the newest that it has seen."""

    def __init__(self, folder: Path, forms: Mapping[str, Form]) -> None:
        self._folder, self._forms = folder, forms
        self._known: Memory[str, tuple[object, WholeDigest]] = Memory(_REMEMBERED)

    def about(self, list_urls: Collection[str]) -> list[WholeDigest]:
        """The digests that may be about lists at these addresses, as they are by now.

        Raises `Damaged` for one that is not as it was taken, and `Unavailable` for one that the system does
        not read: it may know of a revocation.
        """
        places, digests = {_place(url) for url in list_urls}, list[WholeDigest]()
        for path in self._paths():
            if path.name.partition("-")[0] in places:
                with suppress(FileNotFoundError):  # removed meanwhile
                    digests.append(self._current(path))
        return [each for each in digests if any(map(each.is_about, list_urls))]

    def each(self) -> Iterator[WholeDigest | Damaged]:
        """All that were taken; of one that is not as it was taken, the problem."""
        for path in self._paths():
            try:
                yield self._read(path)
            except Damaged as problem:
                yield problem

    def by(self, signers: Collection[str]) -> WholeDigest | None:
        """A digest that was taken of one of these. Raises `Damaged`."""
        return next((each for each in map(self._read, self._paths()) if each.claims.issuer in signers), None)

    def _paths(self) -> list[Path]:
        return sorted(self._folder.glob(f"*{_SUFFIX}"))

    def _current(self, path: Path) -> WholeDigest:
        """A digest, read anew only once its file is another one."""
        with file_problems(path):
            status = path.stat()
            mark = status.st_ino, status.st_mtime_ns, status.st_size
            entry = self._known.get(path.name)
            if entry is None or entry[0] != mark:
                entry = mark, self._read(path)
                facts = entry[1].digest.facts
                blocks = facts.lists * len(facts.purposes)
                self._known.keep(path.name, Kept(entry, status.st_size + blocks * _BLOCK))
        return entry[1]

    def take(self, data: bytes, verify: Callable[[Bundle], object]) -> WholeDigest:
        """Keeps a digest, whole or by its changes to the one that is here, once `verify` lets it pass.

        Raises `STATUS_DIGEST_OLDER` for one of before, or another of the number that was taken last,
        `NO_STATUS_DIGEST_BEFORE` for changes to one that is not here, `Malformed`, and what `verify` raises.
        """
        work = Work(_MOST_STEPS)
        file = parse_file(data, self._forms, work)
        claims = read(file.bundle.secured, self._forms, work).claims
        facts, stated = digest_facts(claims)
        # By its signer, too: another listed issuer's digest of these addresses takes nobody's place.
        name = hashlib.sha256(f"{claims.issuer}\n{facts.prefix}".encode()).hexdigest()[:32]
        path = self._folder / f"{_place(facts.prefix)}-{name}{_SUFFIX}"
        make_private_folder(self._folder)
        # Of two programs at once, each has to compare with what the other took.
        with locked(self._folder):
            before = self._read(path) if path.exists() else None
            # Somebody who can show an older one could hide revocations; one of the same number is a fork.
            held = before and (before.digest.facts.number, before.digest.stated)
            if before and (facts.number, stated) != held and facts.number <= before.digest.facts.number:
                raise STATUS_DIGEST_OLDER.saying(
                    "the status digest has number {number}; number {newest} was taken before",
                    number=facts.number,
                    newest=before.digest.facts.number,
                )
            if not file.is_whole:
                if before and (facts.number, stated) == held:
                    return before
                # Threat 57a: applied to any other digest, changes would set and clear the wrong positions.
                if before is None or facts.previous != before.digest.stated:
                    raise NO_STATUS_DIGEST_BEFORE("these are changes to a status digest that is not here")
                documents = file.bundle.issuer_documents or before.bundle.issuer_documents
                whole = replace(file.bundle, issuer_documents=documents)
                data = digest_file(whole, before.digest.changed(facts, file.packed), is_whole=True)
            taken = parse_whole(data, self._forms)
            # Before it is written: a digest that was never believed must not take an older one's place.
            verify(taken.bundle)
            write_durably(path, data)
        return taken

    def _read(self, path: Path) -> WholeDigest:
        try:
            return parse_whole(read_regular(path, LARGEST), self._forms)
        # Threat 57f: reported and not skipped, since an older list would decide in its place.
        except Malformed as problem:
            raise STATUS_DIGEST_DAMAGED.saying(
                "{file} is not a status digest as it was taken", file=str(path)
            ) from problem


def _place(url: str) -> str:
    """The beginning of a file's name, which the prefix of a digest and the addresses of its lists share."""
    return hashlib.sha256(url[: url.rfind("/") + 1].encode()).hexdigest()[:16]
