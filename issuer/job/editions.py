"""The editions of a credential that exists: corrected, bound to a holder, or bound to nobody again.

Of two that are made at once the first wins. A correction or release then looks again and makes the edition
after. A holder gets the edition that is there, or is told that another has the credential.

Each is made under the version of the kind that the one before names, in the same forms and as many copies. A
holder who claims it gets one copy in the requested form, which takes the place of all. The same edition is
made in another form when that holder asks for it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence, Set
from contextlib import suppress
from datetime import datetime
from typing import Any, NamedTuple

from kinds import InvalidRecord, Record
from kinds.problem import FieldMissing
from kinds.records import check_record, with_changes
from wire.problem import Conflict, Problem, Refused
from wire.text import shortened
from wire.turns import Turns

from ..archive.index import Index
from ..archive.kept import EditionTaken, Entry, KindNumber
from ..identity.forms import IssuerForms
from ..press.press import Line, Press
from ..problem import FORM_NOT_ALLOWED, not_in_force
from .presses import Presses
from .singles import Edition, RecordRefused, Singles

_AT_ONCE = 256
"""The number of editions that go into the log by one write."""


class _Standing(NamedTuple):
    """A copy of an edition in one form, its stored line, and the number of copies in that form."""

    entry: Entry
    line: Line
    copies: int


class Editions:
    """Makes the next edition of a credential. Needs no key if there is nothing to make."""

    def __init__(
        self,
        store: Index,
        line: Callable[[Entry], Line],
        presses: Callable[[], Presses],
        forms: IssuerForms,
        begin: Callable[[Iterable[Press]], None],
        singles: Callable[[], Singles],
        clock: Callable[[], datetime],
    ) -> None:
        self._store, self._line = store, line
        self._presses, self._forms, self._begin = presses, forms, begin
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

    def firsts(
        self,
        kind: str,
        records: Iterable[Mapping[str, str]],
        forms: Iterable[str],
        holders: Sequence[str | None],
    ) -> list[Edition]:
        """The first editions of new credentials of a kind, given field by field, in each of these forms.

        There is a copy for each of the `holders`, which `None` binds to nobody. Raises `RecordRefused`,
        `Refused` for no copy at all, and as `Presses.newest`.
        """
        if not holders:
            raise Refused("a credential is issued in one copy at least")
        presses, checked = [self._presses().newest(kind, form) for form in forms], []
        for position, cells in enumerate(records):
            try:
                checked.append(self.checked(presses[0], cells))
            except InvalidRecord as problem:
                raise RecordRefused(position, problem) from problem
        return [
            Edition(record, press, holder=holder, copy=copy, copies=len(holders))
            for record in checked
            for press in presses
            for copy, holder in enumerate(holders, 1)
        ]

    def correct(self, which: KindNumber, changes: Mapping[str, str]) -> Entry:
        """The next edition with changed fields, in all forms, each copy for the holder of the one before.

        Without a change it is the present edition.
        """
        self._forms.require_default()
        while True:
            self.recover(which)
            current = self.current(which)
            record = self.corrected(current, changes)
            if record is None:
                lists = self._singles().lists  # the edition may be one that was interrupted
                lists.publish(now=self._clock())
                return current
            with suppress(EditionTaken):  # by a claim, or another correction: look again
                return self._issue(
                    [
                        Edition(
                            record,
                            self._press_of(entry, line, changes.keys()),
                            entry.edition + 1,
                            line.holder,
                            copy=entry.copy,
                            copies=copies,
                        )
                        for entry, line, copies in self._standing(current)
                    ]
                )

    def corrected(self, edition: Entry, changes: Mapping[str, str]) -> Record | None:
        """The record that `correct` would issue after an edition, `None` if it would change nothing.

        Raises as `correct`.
        """
        number, line = self.current(edition.which).number, self._line(edition)
        press = self._presses().of_line(line, edition.form)
        kind = press.composer.kind
        if changes.get(kind.number, number) != number:
            raise Refused(
                "the number of a credential cannot be corrected: issue another, and revoke this one"
            )
        record = self.checked(press, with_changes(kind, line.record, changes), line.record)
        if record != line.record:
            return record
        standing = self._standing(edition)
        return record if any(each.line.is_ahead(self._clock()) for each in standing) else None

    def claim(
        self,
        which: KindNumber,
        holder: str,
        generation: int | None,
        form: str | None = None,
        proved: Collection[str] = (),
    ) -> Entry:
        """The edition that is bound to a holder, in a form: the same again for the same holder.

        The first claim opens it, and so ends the edition before in all forms. It is added in another form for
        the same holder, or for one who has `proved` that holder's key as well. Raises `Conflict` where
        another has it, and `FORM_NOT_ALLOWED` for a form in which the issuer or the kind is not issued.
        """
        self._forms.require_default()
        while True:
            self.recover(which)
            if generation is not None:
                self._store.require_generation(which, generation)
            current = self.current(which)
            standing = self._standing(current)
            asked = self._form_to_claim(current, form)
            for entry, line, _ in standing:
                if line.holder == holder and asked == entry.form:
                    return entry
            owners = {line.holder for _, line, _ in standing}
            is_first = owners == {None}
            # One person per credential: a second form goes to the holder of the first, who proves that key.
            if not is_first and (
                owners.isdisjoint((holder, *proved)) or any(entry.form == asked for entry, _, _ in standing)
            ):
                raise Conflict("another holder has this credential already")
            entry, line, _ = standing[0]
            press = self._press_of(entry, line, form=asked)
            number = current.edition + is_first
            with suppress(EditionTaken):  # by another request of the same holder, or a correction: look again
                self._issue([Edition(line.record, press, number, holder, generation, joins=not is_first)])

    def _form_to_claim(self, current: Entry, form: str | None) -> str:
        """The name of the requested form; without one, of the form that the credential has."""
        if form is None:
            return current.form
        name = self._forms.name(form)
        if name not in self._forms.issued:  # what the issuer never issued in, nobody else decides
            raise FORM_NOT_ALLOWED.saying("nothing is issued here as {form}", form=shortened(form))
        return name

    def lacking(self, which: KindNumber, forms: Iterable[str]) -> list[Edition]:
        """The current edition in those of the forms that it lacks; nothing for a revoked credential.

        Each copy is bound to the same holder as in the existing forms. Forms in which the edition's version
        of the kind is not issued are left out.
        """
        current = self._store.current(which)
        if current.reason is not None:
            return []
        standing = self._standing(current)
        standing_forms = {entry.form for entry, _, _ in standing}
        kind = self._presses().of_line(standing[0].line, current.form).composer.kind
        return [
            Edition(
                line.record,
                self._press_of(entry, line, form=form),
                entry.edition,
                line.holder,
                copy=entry.copy,
                copies=copies,
                joins=True,
            )
            for form in forms
            if form not in standing_forms and self._forms.is_allowed(kind, form)
            for entry, line, copies in standing
            if entry.form == current.form
        ]

    def add(self, which: Sequence[KindNumber], forms: Sequence[str]) -> int:
        """Adds the current editions in the forms that they lack; returns the number of credentials made.

        The caller holds the issuer's lock, but claims and corrections go on: an edition that ended meanwhile
        is looked up again, and revoked ones are left out.
        """
        count, remaining = 0, list(which)
        while remaining:
            portion, remaining = remaining[:_AT_ONCE], remaining[_AT_ONCE:]
            calls = {each: call for each in portion if (call := self.lacking(each, forms))}
            self._begin(edition.press for call in calls.values() for edition in call)
            for each, result in zip(calls, self._singles().issue([*calls.values()]), strict=True):
                if not isinstance(result, Problem):
                    count += len(result)
                elif isinstance(result, RecordRefused) and isinstance(result.problem, EditionTaken):
                    remaining.append(each)
                elif self._store.current(each).reason is None:
                    raise result.problem if isinstance(result, RecordRefused) else result
        return count

    def release(self, which: KindNumber) -> Entry:
        """The next edition, bound to nobody, once in each form; the current one if nobody has it."""
        self._forms.require_default()
        if self.is_bound(edition := self.current(which)):  # else nothing is signed
            self._begin([self._presses().of_line(self._line(edition), edition.form)])
        self._store.release(which)  # first: a kill in between leaves nothing that a link could take
        while True:
            self.recover(which)  # with what a link took before, also in another thread here
            current = self.current(which)
            line = self._line(current)
            if line.holder is None:
                return current
            with suppress(EditionTaken):  # by a correction: look again
                return self._issue(
                    [
                        Edition(line.record, self._press_of(entry, line), entry.edition + 1)
                        for entry, line, _ in self._standing(current)
                        if entry.copy == 1
                    ]
                )

    def is_bound(self, entry: Entry) -> bool:
        """True if a wallet has claimed this edition."""
        return self._line(entry).holder is not None

    def current(self, which: KindNumber) -> Entry:
        """The latest edition of a credential.

        Raises `NotFound`, `Refused` where it is revoked, and `CREDENTIAL_SUSPENDED`: a holder whose key was
        stolen would else get an edition that is in force, and a correction would end the suspension
        unnoticed.
        """
        current = self._store.current(which)
        if current.reason is not None:
            raise not_in_force(is_suspended=current.is_suspended)
        return current

    def recover(self, which: KindNumber | None = None) -> None:
        """Completes what was begun by a killed process, or for the credential `which` by a thread here."""
        if self._store.begun_singles():  # else no key is needed
            self._singles().recover(which)

    def _standing(self, edition: Entry) -> list[_Standing]:
        """All forms and copies of an edition."""
        entries = self._store.copies(edition.which, edition.edition)
        copies = Counter(entry.form for entry in entries)
        return [_Standing(entry, self._line(entry), copies[entry.form]) for entry in entries]

    def _press_of(
        self, edition: Entry, line: Line, changed: Set[str] = frozenset(), form: str | None = None
    ) -> Press:
        """The press for the next edition: with the replaced template, if the edition was made with one.

        It uses the template in force if only that has a place for a field that is `changed`. It has the form
        of the edition, unless another `form` is asked for.
        """
        press = self._following(edition, line, changed)
        return press if form is None else self._presses().in_form(press, form)

    def _following(self, edition: Entry, line: Line, changed: Set[str]) -> Press:
        in_force = self._presses().of_line(line, edition.form)
        replaced = self._presses().replaced(in_force)
        if not replaced:
            return in_force
        content = {name: value for name, value in line.secured.claims.said.items() if name != "proof"}
        for press in (in_force, *replaced):
            composer = press.composer
            if changed & (in_force.composer.template.fields - composer.template.fields):
                continue
            with suppress(FieldMissing):
                composed = composer.compose(line.record, line.seq, edition.edition, line.holder, edition.copy)
                if composed == content:
                    return press
        return in_force

    def _issue(self, editions: Sequence[Edition]) -> Entry:
        self._begin(edition.press for edition in editions)
        try:
            seqs = self._turns(editions)
        except RecordRefused as refused:
            raise refused.problem from None
        return self._store.entry(seqs[0])
