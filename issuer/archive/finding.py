"""Finding credentials by what people have at hand: a number, a row, an id, a file, a name or an address."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field

from vc.forms import STATUS_KINDS
from vc.reading import identifier, read
from vc.secured import Received
from vc.status.kind import StatusKinds, entries
from wire.problem import NotFound
from wire.work import Work

from ..press.document import Profile
from ..press.permutation import LIST_ENTRIES, Positions
from ..problem import KIND_NOT_NAMED, NO_SUCH_DIPLOMA
from .archive import Archive
from .index import Index
from .kept import Entry, IdOf, KindNumber

MOST_FOUND = 100
"""The most credentials that a search returns."""

ROW = re.compile(r"row[ :]?([1-9][0-9]{0,9})")
_LIST_NUMBER = re.compile(r"[0-9]{1,9}", re.ASCII)


@dataclass(frozen=True)
class Finder:
    """Searches one issuer's index and archive."""

    store: Index
    archive: Archive
    profile: Profile
    positions: Callable[[], Positions]
    id_of: Callable[[], IdOf]
    """Ids and places in status lists derive from secrets, which are opened only when needed."""
    status_kinds: StatusKinds = field(default_factory=lambda: STATUS_KINDS)

    def which(self, number: str | KindNumber, kind: str = "") -> KindNumber:
        """The credential that a number means, of a `kind` if that is given.

        Raises `KIND_NOT_NAMED` where several kinds have the number, `NotFound` where none has it.
        """
        if isinstance(number, KindNumber):
            return number
        kinds = [each for each in self.store.kinds_of(number) if kind in ("", each)]
        if len(kinds) > 1:
            raise KIND_NOT_NAMED(
                f"the number {number} is that of a {' and of a '.join(kinds)}", kinds=", ".join(kinds)
            )
        if not kinds:
            raise NO_SUCH_DIPLOMA("no such credential was issued here")
        return KindNumber(kinds[0], number)

    def find(self, text: str, kind: str = "") -> list[Entry]:
        """The editions that a person means by a number, `row 17`, an id, a name or an e-mail address.

        A row is one of the file that was issued last. They are of the `kind`, if one is given; else each kind
        may have one with the number. Empty where nothing fits.
        """
        return [entry for entry in self._found(text, kind) if kind in ("", entry.kind)]

    def _found(self, text: str, kind: str) -> list[Entry]:
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
                return [self.store.current(issued.which)]
        except NotFound:
            return self.search(text, kind)
        kinds = [kind] if kind else self.store.kinds_of(text)
        numbered = [entry for each in kinds for entry in self._current(KindNumber(each, text))]
        return numbered or self.search(text, kind)

    def _current(self, which: KindNumber) -> Iterator[Entry]:
        with suppress(NotFound):  # one that is being issued just now
            yield self.store.current(which)

    def search(self, text: str, kind: str = "") -> list[Entry]:
        """The latest editions whose holder's e-mail address is `text` or whose name has it in it.

        At most `MOST_FOUND` and one more, which shows that there may be others.
        """
        lookup = self.store.lookup
        addressed = self._latest(lookup.addressed(text) if "@" in text else (), kind)
        return addressed or self._latest(lookup.named(text), kind)

    def numbered(self, beginning: str, kind: str = "") -> list[Entry]:
        """The latest editions of credentials whose number begins like this; at most `MOST_FOUND` and one."""
        credentials = self.store.lookup.numbered(beginning, MOST_FOUND + 1, kind)
        return [self.store.current(which) for which in credentials]

    def find_credential(self, received: Received) -> Entry:
        """The edition of a given credential, found by its place in its status list.

        Raises `NotFound`, also where another credential has that place: the document's signature is not
        verified yet.
        """
        forms = self.archive.forms
        name = identifier(received, forms)
        for status in entries(read(received, forms, Work()).claims, self.status_kinds):
            stored = status.stored
            number = stored.list_url.removeprefix(self.profile.list_url(""))
            if not _LIST_NUMBER.fullmatch(number) or stored.index >= LIST_ENTRIES:
                continue
            entry = self.store.entry(self.positions().seq(int(number), stored.index))
            if isinstance(name, str) and self.archive.line(entry.seq, entry.leaf).id == name:
                return entry
        raise NotFound("the credential is none of this issuer's")

    def _identified(self, identifier: str) -> list[Entry]:
        id_of = self.id_of()
        self.store.lookup.catch_up(id_of)
        return list(self._issued(self.store.lookup.identified(identifier, id_of)))

    def _latest(self, seqs: Iterable[int], kind: str) -> list[Entry]:
        latest: dict[KindNumber, Entry] = {}
        for entry in self._issued(seqs):
            if kind in ("", entry.kind) and entry.which not in latest:
                latest[entry.which] = self.store.current(entry.which)
            if len(latest) > MOST_FOUND:
                break
        return list(latest.values())

    def _issued(self, seqs: Iterable[int]) -> Iterator[Entry]:
        for seq in seqs:
            with suppress(NotFound):  # one that is being issued just now
                yield self.store.entry(seq)
