"""The press: from a record and its sequence number to the signed credential and its log entry.

It can be pickled, so that worker processes get their own. A line is the stored record of a credential: the
credential itself, the record that it was made from (a correction starts there), the sequence number.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property, partial
from typing import Any, NamedTuple

import orjson

from keys import Signer
from keys.opening import is_open
from keys.signer import require_signs
from kinds import Record
from ledger import EntryKind, entry
from vc import anchoring
from vc.facts import IssuingFacts
from vc.forms import FORMS, STATUS_KINDS
from vc.reading import identifier, opened
from vc.said import require_said
from vc.secured import INTEGRITY, Form, Options, ReadBack, Received, Secured
from vc.status.kind import StatusKinds
from vc.vcdm.enveloped import TYPE, Enveloped
from wire.clock import is_ahead
from wire.problem import Malformed, Refused
from wire.work import Work

from ..problem import SKELETON_DIFFERS, FormNotKnown, LineUnlike
from .document import Composer
from .skeletons import DIFFERENT, UNSIGNED, Blank, Noting, Skeletons


@dataclass(frozen=True, repr=False)
class Line:
    """A credential as it is kept: JSON, in which one of another form is enveloped (VCDM 2.0, 4.13).

    Its properties, but for `id`, raise `FormNotKnown` where it is of none of its `forms`.
    """

    seq: int
    record: Record
    credential: Received
    forms: Mapping[str, Form] = field(default_factory=lambda: FORMS, compare=False)
    """The forms that it may have."""

    @classmethod
    def parse(cls, data: bytes, forms: Mapping[str, Form] = FORMS) -> Line:
        """Reads what `to_bytes` gives."""
        members = orjson.loads(data)
        credential = members["credential"]
        if credential.get("type") == TYPE:
            credential = Enveloped.from_object(credential)
        return cls(members["seq"], members["record"], credential, forms)

    def to_bytes(self) -> bytes:
        """One line of JSON."""
        return orjson.dumps({"seq": self.seq, "record": self.record, "credential": dict(self.credential)})

    @staticmethod
    def spliced(seq: int, record: Record, credential: bytes) -> bytes:
        """The same line, from a credential that is JSON already."""
        return b'{"seq":%d,"record":%b,"credential":%b}' % (seq, orjson.dumps(record), credential)

    @staticmethod
    def record_of(data: bytes) -> tuple[int, bytes]:
        """The sequence number, and the record as JSON. The rest of the line is not read."""
        # A record holds no objects; within a text, JSON has a backslash before the ".
        head, _, _ = data.partition(b'},"credential":')
        seq, _, record = head.removeprefix(b'{"seq":').partition(b',"record":')
        return int(seq), record + b"}"

    @property
    def secured(self) -> Secured:
        """The credential as its form has it. Raises `FormNotKnown`."""
        if isinstance(self.credential, Enveloped) and self.credential.form not in self.forms:
            raise FormNotKnown(f"a credential was issued as {self.credential.form}, which is not known here")
        return opened(self.credential, self.forms, Work())

    @property
    def entry(self) -> bytes:
        """The log entry that stands for it. Raises `Refused` for a form that has none."""
        digests = self.secured.digests(Work())
        if len(digests) != 1:
            raise Refused(
                f"what is secured as {self.secured.form} has {len(digests)} log entries instead of one"
            )
        (digest,) = digests
        return entry(EntryKind.CREDENTIAL, digest)

    @property
    def id(self) -> object:
        """The `id` that it has; `None` where its form is not known."""
        return identifier(self.credential, self.forms)

    @property
    def created(self) -> datetime | None:
        """The time of its signature, if its form states it."""
        return next((signed.created for signed in self.secured.signatures(Work()).known), None)

    def is_ahead(self, now: datetime) -> bool:
        """True if its date of signing is later than `now` by more than clocks may differ."""
        return self.created is not None and is_ahead(self.created, now)

    @property
    def holder(self) -> str | None:
        """The DID to which it is bound, if it is."""
        return self.secured.claims.subjects[0].get("id")


class Printed(NamedTuple):
    """One signed credential: the line to store, the entry for the log, and its `id`."""

    line: bytes
    entry: bytes
    id: str


Comparison = Callable[[], None]
"""Raises `SKELETON_DIFFERS` where a credential made by a skeleton has other bytes than in the general way."""


def _at_once(compare: Comparison) -> None:
    compare()


@dataclass(frozen=True, repr=False)
class Press:
    """All parts of a credential but the record. It holds secrets and is never shown."""

    composer: Composer
    """The composer of the unsigned credentials."""
    signer: Signer
    """The signer with the issuer's assertion key."""
    verification_method: str
    form: Form
    """The form in which they are secured."""
    status_kinds: StatusKinds = field(default_factory=lambda: dict(STATUS_KINDS))
    """The kinds of status lists, for reading signed credentials again."""
    _kept: set[tuple[bool, ...]] = field(default_factory=set, init=False, compare=False)
    """The combinations of facts that were already found again in a signed text."""

    def open(self) -> None:
        """Asks for a PIN, if one is needed, before anything is recorded.

        Raises `KEY_NOT_OPENED`.
        """
        if not is_open(self.signer):
            require_signs(self.signer)

    def print(
        self,
        record: Record,
        seq: int,
        created: datetime,
        *,
        edition: int = 1,
        holder: str | None = None,
        copy: int = 1,
        copies: int = 1,
    ) -> Printed:
        """Signs. Raises `Malformed` if the signed form would lose any of the template's content.

        If there are several `copies`, only those in JSON state the time of signature. Verifiers who compare
        copies could link them to one person by a time to the second.

        Raises `UnsupportedForm` for a credential that would be of another form as well, since nobody could
        read it. Raises `FACT_LOST` if the form lacks a fact that decides.
        """
        parts = self.composer.parts(record, seq, edition, holder, copy)
        is_dated = copies == 1 or self.form.media_type == INTEGRITY
        return self._print(record, seq, created if is_dated else None, parts, self.signer)

    def _print(
        self,
        record: Record,
        seq: int,
        created: datetime | None,
        parts: tuple[IssuingFacts, Mapping[str, Any]],
        signer: Signer,
    ) -> Printed:
        facts, content = parts
        signed = self.form.secure(facts, content, signer, Options(self.verification_method, created=created))
        line = Line(seq, record, signed, {**FORMS, self.form.media_type: self.form})
        stated = tuple(fact is not None for fact in facts)
        if stated not in self._kept:  # whatever the values are, a form treats them alike
            require_said(facts, line.secured.claims, self.status_kinds)
            self._kept.add(stated)
        return Printed(line.to_bytes(), line.entry, facts.id)

    def print_row(
        self, record: Record, seq: int, created: datetime, guard: Callable[[Comparison], object] = _at_once
    ) -> Printed:
        """As `print`, with the same bytes, by the skeleton of the record's shape if there is one.

        `guard` gets the comparison with what the general way makes, where one is due. It may make several
        together, which takes half the time, before anything is done with what was printed.
        """
        shaped, values, identifier = self._skeletons.find(record, seq, created)
        if shaped is None:
            return self.print(record, seq, created)
        noting = Noting(self.signer) if shaped.is_due else None
        spliced = shaped.secure(values, noting or self.signer)
        if spliced is None:
            return self.print(record, seq, created)
        line = Line.spliced(seq, record, spliced.credential)
        printed = Printed(line, entry(EntryKind.CREDENTIAL, spliced.digest), identifier)
        if noting:
            guard(partial(self._compare, record, seq, created, noting.again(), printed))
        return printed

    def print_unguarded(self, record: Record, seq: int, created: datetime) -> bytes:
        """The line of `print_row` alone, for another process that reads it back, and has the guard."""
        shaped, values, _ = self._skeletons.find(record, seq, created)
        credential = shaped and shaped.sign(values, self.signer)
        if not credential:
            return self.print(record, seq, created).line
        return Line.spliced(seq, record, credential)

    def read_back(
        self,
        line: bytes,
        record: Record,
        seq: int,
        created: datetime,
        guard: Callable[[Comparison], object] = _at_once,
        *,
        verified: bool,
    ) -> Printed:
        """A line that another process printed, as `print_unguarded` does; its entry is made here.

        All but the signature is held against what this press prints, byte by byte. With `verified`, that is
        made the general way as well, and the signature is verified over it; `guard` is as in `print_row`.
        Raises `LineUnlike`.
        """
        shaped, values, identifier = self._skeletons.find(record, seq, created)
        start = Line.spliced(seq, record, b"")[:-1]
        if shaped is not None and line.startswith(start) and line.endswith(b"}"):
            is_due = verified or shaped.is_new
            read = shaped.read(values, line[len(start) : -1])
            if read is not None:
                printed = Printed(line, entry(EntryKind.CREDENTIAL, read.digest), identifier)
                if is_due:
                    guard(partial(self._confirm, record, seq, created, read, printed))
                return printed
        blank = Blank(self.signer.public_key)
        printed = self._print(record, seq, created, self.composer.parts(record, seq), blank)
        signature = blank.signature(line, printed.line)
        if verified:
            blank.verify(signature)
        again = Line.parse(line, {**FORMS, self.form.media_type: self.form})
        return printed._replace(line=line, entry=again.entry)

    def _confirm(self, record: Record, seq: int, created: datetime, read: ReadBack, printed: Printed) -> None:
        """Raises as `_compare`, and `LineUnlike` unless the signature is over what that prints."""
        try:
            signature = read.signature()
        except Malformed as problem:
            raise LineUnlike(UNSIGNED) from problem
        signer = Blank(self.signer.public_key, signature)
        self._compare(record, seq, created, signer, printed)
        signer.verify(signature)

    def _compare(self, record: Record, seq: int, created: datetime, signer: Signer, printed: Printed) -> None:
        """Raises `SKELETON_DIFFERS` unless the general way prints the same."""
        try:
            again = self._print(record, seq, created, self.composer.parts(record, seq), signer)
        except Malformed as problem:  # which the skeleton did not say
            raise SKELETON_DIFFERS(DIFFERENT) from problem
        if again != printed:
            raise SKELETON_DIFFERS(DIFFERENT)

    @cached_property
    def _skeletons(self) -> Skeletons:
        return Skeletons(self.composer, self.form, self.verification_method, self.signer.public_key)


def signed_entry(signed: Mapping[str, Any], kind: EntryKind = EntryKind.CREDENTIAL) -> bytes:
    """The log entry of a JSON document with the one proof that it was signed with."""
    return anchoring.log_entry(signed, signed["proof"][0], kind)
