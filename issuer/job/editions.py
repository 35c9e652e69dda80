"""The editions of a diploma that exists: corrected, bound to a holder, or bound to nobody again.

Of two that are made at once the first wins. Whoever corrects or releases looks again and makes the one after;
a holder gets the edition that is there, or hears that another has the diploma.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence, Set
from contextlib import suppress
from datetime import datetime
from typing import Any

from kinds import InvalidRecord, Record
from kinds.problem import FieldMissing
from kinds.records import check_record, with_changes
from wire.problem import Conflict, Refused
from wire.turns import Turns

from ..archive.index import Index
from ..archive.kept import EditionTaken, Entry
from ..press.press import Line, Press
from .singles import Edition, RecordRefused, Singles


class Editions:
    """Makes the next edition of what was issued. Needs no key where there is nothing to make."""

    def __init__(
        self,
        store: Index,
        line: Callable[[Entry], Line],
        press: Callable[[], Press],
        begin: Callable[[], None],
        former: Callable[[], Sequence[Press]],
        singles: Callable[[], Singles],
        clock: Callable[[], datetime],
    ) -> None:
        self._store, self._line = store, line
        self._press, self._begin, self._former = press, begin, former
        self._singles, self._clock = singles, clock
        self._turns: Turns[Sequence[Edition], list[int]] = Turns(lambda calls: singles().issue(calls))

    def checked(self, cells: Mapping[str, Any], others: Collection[str] = ()) -> Record:
        """The record of a diploma given field by field; `others` are fields that the template once had.

        Raises `InvalidRecord`.
        """
        composer = self._press().composer
        record = check_record(composer.kind, cells, self._clock().date(), {*composer.own, *others})
        for field, reason, _ in composer.settle(record):
            raise InvalidRecord(f"{field}: the value {reason}")
        return record

    def correct(self, number: str, changes: Mapping[str, str]) -> Entry:
        """The next edition with changed fields, for the holder of the one before; that one for no change."""
        self._press().require_form()
        while True:
            self.recover(number)
            current = self.current(number)
            record = self.corrected(current, changes)
            if record is None:
                lists = self._singles().lists  # the edition may be one that was interrupted
                lists.publish(now=self._clock())
                return current
            line = self._line(current)
            press = self._press_of(current, line, changes.keys())
            with suppress(EditionTaken):  # by a claim, or another correction: look again
                return self._issue(Edition(record, current.edition + 1, line.holder, press=press))

    def corrected(self, edition: Entry, changes: Mapping[str, str]) -> Record | None:
        """What `correct` would issue after an edition, `None` for nothing new. Raises what it raises."""
        number, line = self.current(edition.number).number, self._line(edition)
        kind = self._press().composer.kind
        if changes.get(kind.number, number) != number:
            raise Refused(
                "the number of a credential cannot be corrected: issue another, and revoke this one"
            )
        record = self.checked(with_changes(kind, line.record, changes), line.record.keys())
        return record if record != line.record or line.is_ahead(self._clock()) else None

    def claim(self, number: str, holder: str, generation: int | None) -> Entry:
        """The edition that is bound to a holder: the same again for the same one. Raises `Conflict`."""
        self._press().require_form()
        while True:
            self.recover(number)
            if generation is not None:
                self._store.require_generation(number, generation)
            current = self.current(number)
            line = self._line(current)
            if line.holder not in (None, holder):
                raise Conflict("another holder has this credential already")
            if line.holder == holder:
                return current
            with suppress(EditionTaken):  # by another request of the same holder, or a correction: look again
                press = self._press_of(current, line)
                self._issue(Edition(line.record, current.edition + 1, holder, generation, press))

    def release(self, number: str) -> Entry:
        """The next edition, bound to nobody: that which counts, where it is so already."""
        self._press().require_form()
        if self.is_bound(self.current(number)):  # else nothing is signed
            self._begin()
        self._store.release(number)  # first: a kill in between leaves nothing that a link could take
        while True:
            self.recover(number)  # with what a link took before, also in another thread here
            current = self.current(number)
            line = self._line(current)
            if line.holder is None:
                return current
            with suppress(EditionTaken):  # by a correction: look again
                press = self._press_of(current, line)
                return self._issue(Edition(line.record, current.edition + 1, press=press))

    def is_bound(self, entry: Entry) -> bool:
        """Whether a wallet has claimed this edition."""
        return self._line(entry).holder is not None

    def current(self, number: str) -> Entry:
        """The latest edition of a diploma. Raises `NotFound`, and `Refused` where it is revoked."""
        current = self._store.current(number)
        if current.reason is not None:
            raise Refused("this credential was revoked", hint="A new one needs a number of its own.")
        return current

    def recover(self, number: str | None = None) -> None:
        """Completes what was begun: by one who was killed, or of the diploma `number` by a thread here."""
        if self._store.begun_singles():  # else no key is needed
            self._singles().recover(number)

    def _press_of(self, edition: Entry, line: Line, changed: Set[str] = frozenset()) -> Press | None:
        """The press with the replaced template that an edition was made with; `None` for the one in force.

        That one it is, too, where a field is `changed` for which only it has a place.
        """
        former = self._former()
        if not former:
            return None
        content = {name: value for name, value in line.secured.claims.said.items() if name != "proof"}
        for press in (in_force := self._press(), *former):
            composer = press.composer
            if changed & (in_force.composer.template.fields - composer.template.fields):
                continue
            with suppress(FieldMissing):
                if composer.compose(line.record, line.seq, edition.edition, line.holder) == content:
                    return None if press is in_force else press
        return None

    def _issue(self, edition: Edition) -> Entry:
        self._begin()
        try:
            (seq,) = self._turns([edition])
        except RecordRefused as refused:
            raise refused.problem from None
        return self._store.entry(seq)
