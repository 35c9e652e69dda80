"""Finding diplomas by what people have at hand: a number, a row, an id, a file, a name, an e-mail address."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass

from vc.reading import identifier, read
from vc.secured import Received
from vc.status import StatusEntry
from wire.problem import NotFound
from wire.work import Work

from ..press.document import Profile
from ..press.permutation import LIST_ENTRIES
from ..press.press import Press
from .archive import Archive
from .index import Index
from .kept import Entry

MOST_FOUND = 100
"""Diplomas that a search gives."""

ROW = re.compile(r"row[ :]?([1-9][0-9]{0,9})")
_LIST_NUMBER = re.compile(r"[0-9]{1,9}", re.ASCII)


@dataclass(frozen=True)
class Finder:
    """Looks into one issuer's index, and into its archive."""

    store: Index
    archive: Archive
    profile: Profile
    press: Callable[[], Press]
    """For ids and places in status lists: what they follow from is secret, and opened when it is needed."""

    def find(self, text: str) -> list[Entry]:
        """The editions that a person means by a number, `row 17`, an id, a name or an e-mail address.

        A row is one of the file that was issued last. Empty where nothing fits.
        """
        row = ROW.fullmatch(text)
        try:
            text.encode()
        except UnicodeEncodeError:  # typed as bytes that are not UTF-8
            return []
        if text.startswith(self.profile.iri("credential", "")):
            return self._identified(text)
        try:
            if row:
                issued = self.store.entry(self.store.latest_job().seq(int(row[1])))
                return [self.store.current(issued.number)]
            return [self.store.current(text)]
        except NotFound:
            return self.search(text)

    def search(self, text: str) -> list[Entry]:
        """The latest editions whose holder's e-mail address is `text` or whose name has it in it.

        No more than `MOST_FOUND` and one, which says that there may be more.
        """
        lookup = self.store.lookup
        return self._latest(lookup.addressed(text) if "@" in text else ()) or self._latest(lookup.named(text))

    def numbered(self, beginning: str) -> list[Entry]:
        """The latest editions of diplomas whose number begins so; no more than `MOST_FOUND` and one."""
        numbers = self.store.lookup.numbered(beginning, MOST_FOUND + 1)
        return [self.store.current(number) for number in numbers]

    def find_credential(self, received: Received) -> Entry:
        """The edition that a credential is, found by its place in its status list.

        Raises `NotFound`, also where another credential has that place: the document is nobody's word yet.
        """
        forms = self.archive.forms
        name = identifier(received, forms)
        for status in read(received, forms, Work()).claims.status:
            found = StatusEntry.parse(status)
            number = found.list_url.removeprefix(self.profile.list_url(""))
            if not _LIST_NUMBER.fullmatch(number) or found.index >= LIST_ENTRIES:
                continue
            entry = self.store.entry(self.press().composer.positions.seq(int(number), found.index))
            if isinstance(name, str) and self.archive.line(entry.seq, entry.leaf).id == name:
                return entry
        raise NotFound("the credential is none of this issuer's")

    def _identified(self, identifier: str) -> list[Entry]:
        id_of = self.press().composer.credential_id
        self.store.lookup.catch_up(id_of)
        return list(self._issued(self.store.lookup.identified(identifier, id_of)))

    def _latest(self, seqs: Iterable[int]) -> list[Entry]:
        found: dict[str, Entry] = {}
        for entry in self._issued(seqs):
            if entry.number not in found:
                found[entry.number] = self.store.current(entry.number)
            if len(found) > MOST_FOUND:
                break
        return list(found.values())

    def _issued(self, seqs: Iterable[int]) -> Iterator[Entry]:
        for seq in seqs:
            with suppress(NotFound):  # one that is being issued just now
                yield self.store.entry(seq)
