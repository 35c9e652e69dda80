"""The editions of a credential that exists: corrected, bound to a holder, or bound to nobody again.

Of two that are made at once the first wins. Whoever corrects or releases looks again and makes the one after;
a holder gets the edition that is there, or hears that another has the credential.

Each is made under the version of the kind that the one before names, and of as many copies; a holder who
claims it has one, which takes the place of all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from contextlib import suppress
from datetime import datetime
from typing import Any

from kinds import InvalidRecord, Record
from kinds.problem import FieldMissing
from kinds.records import check_record, with_changes
from wire.problem import Conflict, Refused
from wire.turns import Turns

from ..archive.index import Index
from ..archive.kept import EditionTaken, Entry, KindNumber
from ..press.press import Line, Press
from ..problem import not_in_force
from .presses import Presses
from .singles import Edition, RecordRefused, Singles


class Editions:
    """Makes the next edition of what was issued. Needs no key where there is nothing to make."""

    def __init__(
        self,
        store: Index,
        line: Callable[[Entry], Line],
        presses: Callable[[], Presses],
        begin: Callable[[Press], None],
        singles: Callable[[], Singles],
        clock: Callable[[], datetime],
    ) -> None:
        self._store, self._line = store, line
        self._presses, self._begin = presses, begin
        self._singles, self._clock = singles, clock
        self._turns: Turns[Sequence[Edition], list[int]] = Turns(lambda calls: singles().issue(calls))

    def checked(self, press: Press, cells: Mapping[str, Any], former: Record | None = None) -> Record:
        """The record of a credential given field by field; `former` is the one that it corrects.

        Raises `InvalidRecord`.
        """
        composer = press.composer
        record = check_record(composer.kind, cells, self._clock().date(), composer.own, former)
        for field, reason, _ in composer.settle(record):
            raise InvalidRecord(f"{field}: the value {reason}")
        return record

    def firsts(self, kind: str, records: Iterable[Mapping[str, str]], copies: int) -> list[Edition]:
        """The first editions of new credentials of a kind, given field by field, each in so many copies.

        Raises `RecordRefused`, `Refused` for no copy at all, and as `Presses.newest`.
        """
        if copies < 1:
            raise Refused("a credential is issued in one copy at least")
        press, checked = self._presses().newest(kind), []
        for position, cells in enumerate(records):
            try:
                checked.append(self.checked(press, cells))
            except InvalidRecord as problem:
                raise RecordRefused(position, problem) from problem
        return [Edition(record, press, copy=copy + 1) for record in checked for copy in range(copies)]

    def correct(self, which: KindNumber, changes: Mapping[str, str]) -> Entry:
        """The next edition with changed fields, for the holder of the one before; that one for no change."""
        self._presses().require_form()
        while True:
            self.recover(which)
            current = self.current(which)
            record = self.corrected(current, changes)
            if record is None:
                lists = self._singles().lists  # the edition may be one that was interrupted
                lists.publish(now=self._clock())
                return current
            line = self._line(current)
            press = self._press_of(current, line, changes.keys())
            copies = len(self._store.copies(which, current.edition))
            with suppress(EditionTaken):  # by a claim, or another correction: look again
                return self._issue(Edition(record, press, current.edition + 1, line.holder), copies)

    def corrected(self, edition: Entry, changes: Mapping[str, str]) -> Record | None:
        """What `correct` would issue after an edition, `None` for nothing new. Raises what it raises."""
        number, line = self.current(edition.which).number, self._line(edition)
        press = self._presses().of_line(line)
        kind = press.composer.kind
        if changes.get(kind.number, number) != number:
            raise Refused(
                "the number of a credential cannot be corrected: issue another, and revoke this one"
            )
        record = self.checked(press, with_changes(kind, line.record, changes), line.record)
        return record if record != line.record or line.is_ahead(self._clock()) else None

    def claim(self, which: KindNumber, holder: str, generation: int | None) -> Entry:
        """The edition that is bound to a holder: the same again for the same one. Raises `Conflict`."""
        self._presses().require_form()
        while True:
            self.recover(which)
            if generation is not None:
                self._store.require_generation(which, generation)
            current = self.current(which)
            line = self._line(current)
            if line.holder not in (None, holder):
                raise Conflict("another holder has this credential already")
            if line.holder == holder:
                return current
            with suppress(EditionTaken):  # by another request of the same holder, or a correction: look again
                press = self._press_of(current, line)
                self._issue(Edition(line.record, press, current.edition + 1, holder, generation))

    def release(self, which: KindNumber) -> Entry:
        """The next edition, bound to nobody: that which counts, where it is so already."""
        self._presses().require_form()
        if self.is_bound(edition := self.current(which)):  # else nothing is signed
            self._begin(self._presses().of_line(self._line(edition)))
        self._store.release(which)  # first: a kill in between leaves nothing that a link could take
        while True:
            self.recover(which)  # with what a link took before, also in another thread here
            current = self.current(which)
            line = self._line(current)
            if line.holder is None:
                return current
            with suppress(EditionTaken):  # by a correction: look again
                press = self._press_of(current, line)
                return self._issue(Edition(line.record, press, current.edition + 1))

    def is_bound(self, entry: Entry) -> bool:
        """Whether a wallet has claimed this edition."""
        return self._line(entry).holder is not None

    def current(self, which: KindNumber) -> Entry:
        """The latest edition of a credential.

        Raises `NotFound`, `Refused` where it is revoked, and `CREDENTIAL_SUSPENDED`: a holder whose key was
        stolen would else get an edition that is in force, and a correction would end the suspension unseen.
        """
        current = self._store.current(which)
        if current.reason is not None:
            raise not_in_force(is_suspended=current.is_suspended)
        return current

    def recover(self, which: KindNumber | None = None) -> None:
        """Completes what was begun: by one who was killed, or of the credential `which` by a thread here."""
        if self._store.begun_singles():  # else no key is needed
            self._singles().recover(which)

    def _press_of(self, edition: Entry, line: Line, changed: Set[str] = frozenset()) -> Press:
        """The press for what follows an edition: with the replaced template, if it was made with one.

        The template in force it is where a field is `changed` for which only that has a place.
        """
        in_force = self._presses().of_line(line)
        replaced = self._presses().replaced(in_force)
        if not replaced:
            return in_force
        content = {name: value for name, value in line.secured.claims.said.items() if name != "proof"}
        for press in (in_force, *replaced):
            composer = press.composer
            if changed & (in_force.composer.template.fields - composer.template.fields):
                continue
            with suppress(FieldMissing):
                made = composer.compose(line.record, line.seq, edition.edition, line.holder, edition.copy)
                if made == content:
                    return press
        return in_force

    def _issue(self, edition: Edition, copies: int = 1) -> Entry:
        self._begin(edition.press)
        try:
            seqs = self._turns([edition._replace(copy=copy) for copy in range(1, copies + 1)])
        except RecordRefused as refused:
            raise refused.problem from None
        return self._store.entry(seqs[0])
