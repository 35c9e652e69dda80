"""Credentials that a program posts: read into a record by the paths of a kind, and issued as any other is.

Nothing that was posted is signed. A member that the record would not make again is refused, with its place:
of a client's words, only the values of the kind's fields get the issuer's signature.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from issuer.archive.kept import EditionTaken, Entry, KindNumber
from issuer.issuer import Issuer
from issuer.press.document import Composer, trial
from issuer.problem import CREDENTIAL_SUSPENDED
from kinds import Kind, Record
from kinds.cells import GROUP
from kinds.facts import facts_of, types_of
from kinds.records import check_record
from vc import Credential
from vc.vcdm import jsonld
from wire.datetimestamp import parse_datetimestamp
from wire.problem import Code, Conflict, NotFound, Refused
from wire.text import shortened
from wire.work import BODY_STEPS, Work

NOT_OF_THE_KIND = Code("not-of-the-kind", Refused, "Not what a kind says")
"""A posted credential has something in it that no field of its kind has."""
POSTED_DECISION = NOT_OF_THE_KIND.finer("posted-decision")
"""A posted credential has a member that the issuer alone decides, such as its id or its proof."""
ANOTHERS_NAME = NOT_OF_THE_KIND.finer("anothers-name")
"""A posted credential names another issuer than the one that it was posted to."""
OTHER_FACTS = Code("other-facts", Conflict, "Issued before with other facts")
"""A credential with this number was issued, and says something else."""

_DECIDED = ("id", "proof", "credentialStatus", "credentialSchema", "termsOfUse")
"""Members that are made here: an id follows from a secret, the others from the issuer's state."""


class Posted(NamedTuple):
    """A credential that was issued for a request, or had been for the same one."""

    entry: Entry
    is_new: bool


@dataclass(frozen=True)
class PostedCredentials:
    """Issues credentials that are posted to one issuer."""

    issuer: Issuer
    clock: Callable[[], datetime]
    contexts: jsonld.Contexts | None = None
    """The contexts that credentials may name, by default the vendored ones."""
    _composers: dict[str | None, Composer] = field(default_factory=dict)
    """Composers by the URN of the kind; they have no secrets, and sign nothing."""

    def issue(self, credential: Mapping[str, Any], kind: str = "") -> Posted:
        """Issues a credential of W3C's data model, by default of the kind that its types name.

        The same again gives what was issued before. Raises `Malformed` for what is no credential,
        `NOT_OF_THE_KIND`, `POSTED_DECISION`, `ANOTHERS_NAME`, `InvalidRecord`, `OTHER_FACTS`, and what
        `Issuer.issue` raises.
        """
        claims = self._claims(credential)
        composer = self._composer(claims, kind)
        of_kind = composer.kind
        cells = _cells(of_kind, facts_of(of_kind, claims))
        record = check_record(of_kind, cells, self.clock().date(), composer.own)
        number = KindNumber(of_kind.name, str(record[of_kind.number]))
        with suppress(NotFound):
            return Posted(self._same(credential, composer, number, record), is_new=False)
        self._require_made_again(credential, composer, record)
        try:
            return Posted(self.issuer.issue(of_kind.name, cells), is_new=True)
        except EditionTaken:  # another request was quicker, and may not be done
            self.issuer.complete(number)
            return Posted(self._same(credential, composer, number, record), is_new=False)

    def _claims(self, credential: Mapping[str, Any]) -> Credential:
        for name in _DECIDED:
            if name in credential:
                raise POSTED_DECISION.saying("{name} is decided here, and may not be posted", name=name)
        issuer = credential.get("issuer", self.issuer.did)
        # A token of this issuer lets its owner sign in its name, and in no other.
        if (issuer.get("id") if isinstance(issuer, Mapping) else issuer) != self.issuer.did:
            raise ANOTHERS_NAME.saying("the issuer is not {did}", did=self.issuer.did)
        document = {**credential, "issuer": issuer}
        work = Work(BODY_STEPS)
        # A term without a meaning would hide the meanings of all others from the paths of a kind.
        jsonld.canonicalize(document, contexts=self.contexts, work=work, whole=True)
        return Credential.parse(document, work, self.contexts)

    def _composer(self, claims: Credential, kind: str) -> Composer:
        kinds = self.issuer.kinds
        composers = [self._of(kinds.reference(name)) for name in ([kind] if kind else kinds.names)]
        fitting = [each for each in composers if types_of(each.kind) <= set(claims.types)]
        if not fitting:
            raise NOT_OF_THE_KIND("no kind that is issued here has its types")
        if len(fitting) > 1:
            names = ", ".join(each.kind.name for each in fitting)
            raise NOT_OF_THE_KIND.saying("several kinds have its types: {kinds}", kinds=names)
        return fitting[0]

    def _of(self, reference: str | None) -> Composer:
        if reference not in self._composers:
            kind = self.issuer.kinds.of(reference)
            self._composers[reference] = trial(kind, self.contexts, self.issuer.identity.profile)
        return self._composers[reference]

    def _require_made_again(self, credential: Mapping[str, Any], composer: Composer, record: Record) -> None:
        """Raises `NOT_OF_THE_KIND` with the place of a posted value that the record does not reproduce."""
        ours = {"issuer": composer.issuer, **composer.template.fill(composer.values(record))}
        posted = dict(credential)
        if isinstance(posted.get("issuer"), str):
            del posted["issuer"]
        if posted.get("@context") != ours["@context"]:  # by other contexts the same words mean something else
            raise NOT_OF_THE_KIND("its @context is not that of the kind")
        if "validFrom" in posted and "validFrom" not in ours:
            start = parse_datetimestamp(posted.pop("validFrom"), "validFrom")
            if start > self.clock():  # it would be valid sooner than was asked for
                raise NOT_OF_THE_KIND("validFrom is ahead, and no field of the kind begins its validity")
        for place, is_made in _surplus(posted, ours, ""):
            text = "{place} has another value than the kind {kind} gives it"
            raise NOT_OF_THE_KIND.saying(
                text if is_made else "nothing in the kind {kind} says {place}",
                kind=composer.kind.name,
                place=shortened(place),
            )

    def _same(
        self, credential: Mapping[str, Any], composer: Composer, number: KindNumber, record: Record
    ) -> Entry:
        """Return the credential that was issued under the number, if it says the same.

        Raises `OTHER_FACTS`, `CREDENTIAL_SUSPENDED`, `NOT_OF_THE_KIND`, and `NotFound` where nothing was.
        """
        entry = self.issuer.current(number)
        if entry.is_suspended:
            raise CREDENTIAL_SUSPENDED("a credential with this number is suspended")
        if entry.reason is not None:
            raise OTHER_FACTS("a credential with this number was revoked: give a number of its own")
        before = self.issuer.line(entry).record
        derived = composer.kind.derived  # such as whether somebody is 18, which changes with the day
        names = {*before, *record} - derived
        if any(before.get(name, "") != record.get(name, "") for name in names):
            raise OTHER_FACTS("a credential with this number says something else: correct it by its number")
        as_issued = {name: before[name] for name in derived & before.keys()}
        self._require_made_again(credential, composer, record | as_issued)
        return entry


def _cells(kind: Kind, facts: Mapping[str, Any]) -> dict[str, Any]:
    """The facts as the cells of a record; values that follow from others are derived again."""
    return {
        name: [_texts(item) for item in value] if kind.fields[name].type == GROUP else _text(value)
        for name, value in facts.items()
        if name not in kind.derived
    }


def _texts(item: Mapping[str, Any]) -> dict[str, str]:
    return {name: _text(value) for name, value in item.items()}


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _surplus(posted: object, ours: object, place: str) -> Iterator[tuple[str, bool]]:
    """Yield each place that was posted and not made, and whether another value was made there.

    Items of lists have to stand in the same order.
    """
    if isinstance(posted, list) or isinstance(ours, list):
        items = ours if isinstance(ours, list) else [ours]
        rest = iter(items)
        for position, item in enumerate(posted if isinstance(posted, list) else [posted]):
            if not any(next(_surplus(item, other, ""), None) is None for other in rest):
                yield f"{place}[{position}]", position < len(items)
    elif isinstance(posted, Mapping):
        if not isinstance(ours, Mapping):
            yield place, True
            return
        for name, value in posted.items():
            inner = f"{place}.{name}" if place else name
            if name in ours:
                yield from _surplus(value, ours[name], inner)
            else:
                yield inner, False
    elif isinstance(posted, bool) is not isinstance(ours, bool) or posted != ours:
        yield place, True
