"""From a record to the unsigned credential: everything in it follows from the record and the sequence number.

So a row done again gives the same bytes. The template has the content; what carries security is added here,
where no edit of a template can lose it: an `id` of 160 bits that nobody can guess (HMAC over kind, number,
edition, form and copy), the issuer, the place of the status, and the log in which the credential is anchored.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from copy import copy as copy_of
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property, lru_cache, partial
from typing import Any
from urllib.parse import quote

from kinds import Kind, Record, shipped
from kinds.days import DATES_BY_ORDER, read_day
from kinds.kind import SCHEMA
from kinds.metadata import integrity_of, said_fields, said_items, type_of
from kinds.problem import BadCell, FieldMissing, InvalidTemplate
from vc.facts import ClaimsByKind, IssuingFacts, SchemaFile, StatusPlace, put_claim
from vc.vcdm import jsonld
from vc.vcdm.credential import Credential
from vc.vcdm.issuing import unsigned
from vc.vcdm.jsonld.canonical import require_no_silence
from wire.datetimestamp import parse_datetimestamp
from wire.problem import Malformed

from .permutation import Positions

_FREE = 'Any "text" at all'
_DAY, _MOMENT = "2000-01-01", "2000-01-01T00:00:00Z"
_SAMPLES = (_FREE, "1", _DAY, _MOMENT, "https://example.org/1")
"""Sample values for the place of an own field: free text, a word, a day, a moment, an address."""
_OWN = ("id", "issuer", "credentialStatus", "termsOfUse", "proof")
_OWN_OF_NAMED = (*_OWN, "credentialSchema")
"""The members that the program adds to a template's, and those that it adds for a named kind."""


@dataclass(frozen=True)
class Profile:
    """The issuer as named in each credential."""

    did: str
    name: str
    log: str
    """The origin of the log that each credential goes into."""
    url: str | None = None
    """The web address under which identifiers are made; without one they are URNs."""
    states_status: bool = False
    """True if a term of use says where the status is, in place of `credentialStatus`."""
    address: str = ""
    """The https address by which SD-JWT VCs name it; else that is its DID."""

    def iri(self, kind: str, name: str) -> str:
        """The identifier of something that this issuer names."""
        return f"{self.url}/{kind}/{name}" if self.url else f"urn:intaglio:{self._scope}:{kind}:{name}"

    @cached_property
    def _scope(self) -> str:
        return _base32(hashlib.sha256(self.did.encode()).digest()[:10])

    def list_url(self, number: int | str) -> str:
        """The address of a status list."""
        return self.iri("status", str(number))


class _Keyed:
    """HMAC-SHA-256 under a secret of 64 bytes at most, which is hashed once for all texts (RFC 2104, 4)."""

    def __init__(self, secret: bytes) -> None:
        block = secret.ljust(64, b"\0")
        self._secret = secret
        self._inner, self._outer = (
            hashlib.sha256(bytes(byte ^ pad for byte in block)) for pad in (0x36, 0x5C)
        )

    def __reduce__(self) -> tuple[type[_Keyed], tuple[bytes]]:
        return _Keyed, (self._secret,)

    def __call__(self, text: str) -> bytes:
        inner, outer = self._inner.copy(), self._outer.copy()
        inner.update(text.encode())
        outer.update(inner.digest())
        return outer.digest()


class Ids:
    """The `id`s of an issuer's credentials: 160 bits from kind, number and form, which it alone can make."""

    def __init__(self, profile: Profile, secret: bytes) -> None:
        self._profile, self._keyed = profile, _Keyed(secret)

    def __call__(self, scope: str, number: str, edition: int, copy: int = 1, form: str = "") -> str:
        """The `id` of a copy of an edition; `scope` is as `scope_of` gives it, `form` as in `Composer`."""
        keyed = self._keyed(f"{scope}{number}\0{_issue(edition, copy, form)}")
        return self._profile.iri("credential", _base32(keyed[:20]))


def scope_of(name: str) -> str:
    """A prefix of the numbers of a kind, so that two kinds may share a number; names and numbers have no NUL.

    Diplomas have none, as before there were other kinds. All versions of a kind share one prefix.
    """
    return "" if name == shipped().name else f"{name}\0"


@lru_cache(maxsize=1 << 6)  # that of first editions, above all
def _issue(edition: int, copy: int, form: str) -> str:
    """The default form has the ids from before there were other forms; no media type is a number."""
    issue = str(edition) if copy == 1 else f"{edition}.{copy}"
    return f"{issue}\0{form}" if form else issue


NOBODY = Profile("did:example:issuer", "…", "example/log")


class Composer:
    """Makes unsigned credentials from records. Raises `InvalidTemplate` where the template cannot work.

    It can be pickled, so that worker processes get their own. It holds secrets.
    """

    dates = ("validFrom", "validUntil")
    """The members of a template that hold the dates of validity."""

    def __init__(
        self,
        kind: Kind,
        profile: Profile,
        id_secret: bytes,
        salt_secret: bytes,
        positions: Positions,
        contexts: jsonld.Contexts | None = None,
    ) -> None:
        """`contexts` are those that the template may name, by default the vendored ones."""
        _require_members(kind)
        self.kind, self.own = kind, kind.own
        self.template, self.contexts = kind.template, contexts
        self.profile = profile
        self._id, self._salt = Ids(profile, id_secret), _Keyed(salt_secret)
        self.positions = positions
        self.form = ""
        """The media type of the form of its credentials; empty for the issuer's default form."""
        self.issuer = _issuer(kind, profile)
        self._schema = _schema(kind, profile)

    def in_form(self, form: str) -> Composer:
        """The same composer for another form: the credentials say the same, with their own ids and salts."""
        other = copy_of(self)
        other.form = form
        return other

    def credential_id(self, number: str, edition: int, copy: int = 1) -> str:
        """The `id` of a copy of an edition, as `Ids` has it."""
        return self._id(self._own, number, edition, copy, self.form)

    @cached_property
    def _own(self) -> str:
        return scope_of(self.kind.name)

    def check(self) -> None:
        """Raises `InvalidTemplate` unless the template makes a credential whose terms are all defined."""
        try:
            self._require_sound({**self.kind.sample, **self._own_samples})
        except Malformed as problem:
            raise InvalidTemplate(f"the template: {problem.detail}", because=problem) from problem

    def settle(self, record: Record, date_order: str = "") -> list[tuple[str, str, str]]:
        """Writes each day among the own fields as its place needs it: as a day, or as a moment of that day.

        Returns the values that do not fit their place, such as a text in `validUntil`: field, reason, value.
        `date_order` is as `check_cells` has it.
        """
        wrong = []
        for field, time in self._own_times.items():
            value = record.get(field)
            if not value or is_moment(value):
                continue
            try:
                record[field] = read_day(value, date_order) + time
            except BadCell as problem:
                if problem.detail in DATES_BY_ORDER:
                    wrong.append((field, problem.detail, value))
        return wrong or list(self._misfits(record))

    def _misfits(self, record: Record) -> Iterator[tuple[str, str, str]]:
        typed = [name for name, sample in self._own_samples.items() if sample != _FREE and record.get(name)]
        try:
            if typed:
                self._require_sound(record)
        except InvalidTemplate:
            raise
        except Malformed as problem:
            field = next((name for name in typed if self._is_sound({**record, name: ""})), typed[0])
            yield field, f"does not fit its place in the template: {problem.detail}", record[field]

    @cached_property
    def _own_samples(self) -> dict[str, str]:
        """A value for each own field that can stand in its place, while the others are empty."""
        others = {**self.kind.sample, **dict.fromkeys(self.own, "")}
        return {
            field: next((text for text in _SAMPLES if self._is_sound({**others, field: text})), _FREE)
            for field in self.own
        }

    @cached_property
    def _own_times(self) -> dict[str, str]:
        """The own fields whose place takes a day or a moment, and the time that makes a day a moment there.

        An end is the last second of its day: a credential valid until a day is valid on that day, too.
        """
        times = {field: "" for field, sample in self._own_samples.items() if sample == _DAY}
        for field, sample in self._own_samples.items():
            if sample == _MOMENT:
                others = {**self.kind.sample, **dict.fromkeys(self.own, "")}
                ends = Credential.parse(
                    self.compose({**others, field: sample}, 0), contexts=self.contexts
                ).ends
                times[field] = "T23:59:59Z" if ends else "T00:00:00Z"
        return times

    def _is_sound(self, record: Record) -> bool:
        try:
            self._require_sound(record)
        except Malformed:
            return False
        return True

    def _require_sound(self, record: Record) -> None:
        document = self.compose(record, 0)
        Credential.parse(document, contexts=self.contexts)
        require_no_silence(document, self.contexts)
        jsonld.canonicalize(document, contexts=self.contexts)

    def compose(
        self, record: Record, seq: int, edition: int = 1, holder: str | None = None, copy: int = 1
    ) -> dict[str, Any]:
        """The unsigned credential of `parts`, as W3C's data model has it. Raises `InvalidTemplate`."""
        return unsigned(*self.parts(record, seq, edition, holder, copy))

    def parts(
        self, record: Record, seq: int, edition: int = 1, holder: str | None = None, copy: int = 1
    ) -> tuple[IssuingFacts, dict[str, Any]]:
        """The facts that decide in the credential, and the template filled in; some parts are shared objects.

        It is bound to `holder`, a DID, if given. Raises `InvalidTemplate`, and `Malformed` for an invalid
        date.
        """
        content = self.template.fill(self.values(record, edition, copy))
        return self.dated(self.facts(record, seq, edition, holder, copy), content), content

    def values(self, record: Record, edition: int = 1, copy: int = 1) -> dict[str, Any]:
        """The value for each placeholder of the template. Raises `InvalidTemplate`."""
        for field in self.own:
            if field not in record:  # misspelt in the template, or newer there than the record
                raise FieldMissing(
                    f"the template names {field!r}, and the record of this credential has no such field",
                    field=field,
                )
        kind, number = self.kind, record[self.kind.number]
        values = {**record, "issuer_name": self.profile.name}  # a dictionary is copied quickly as a whole
        for field in kind.worded:  # which only records with a value in them have
            values.setdefault(field, "")
        if kind.person.whole:
            values[kind.person.whole] = kind.person.full(record)
        if kind.groups:
            values |= kind.with_ids(record, self.credential_id(number, edition))
        for name, (noun, fields) in kind.identifiers.items():
            value = next(filter(None, map(record.__getitem__, fields)), "")
            values[name] = self.profile.iri(noun, _quoted(value))
        issue = f"{self._own}{number}\0{_issue(edition, copy, self.form)}\0"
        for field, its_salt, its_hash in self._hashed:
            salt = self._salt(issue + field)[:16].hex()
            hashed = hashlib.sha256(f"{values[field]}{salt}".encode()).hexdigest()
            values[its_salt], values[its_hash] = salt, f"sha256${hashed}"
        return values

    @cached_property
    def _hashed(self) -> list[tuple[str, str, str]]:
        """The fields of which the template has salted hashes, and the placeholders of salt and hash."""
        return [(field, f"{field}_salt", f"{field}_hash") for field in self.kind.hashed]

    def facts(
        self, record: Record, seq: int, edition: int = 1, holder: str | None = None, copy: int = 1
    ) -> IssuingFacts:
        """The facts that decide in the credential, but for the `dates`, which the template has."""
        return IssuingFacts(
            self.credential_id(record[self.kind.number], edition, copy),
            self.issuer,
            None,
            None,
            self.place(seq),
            self.profile.log,
            holder,
            self.kind.reference,
            self._schema,
            partial(self._by_kind, record),
            self.profile.address or None,
        )

    def _by_kind(self, record: Record) -> ClaimsByKind:
        """The claims of a record, for forms with a claim for each field. Registrars' own fields are texts."""
        kind, values, blank = self.kind, record, self._blank
        if kind.person.whole:
            values = {**record, kind.person.whole: kind.person.full(record)}
        claims = {name: values[name] for name in blank.paths if values.get(name, "") not in ("", [])}
        for name in kind.groups.keys() & claims.keys():
            paths = {field.name: field.claim for field in said_items(kind, kind.groups[name])}
            claims[name] = [_said(item, paths) for item in claims[name]]
        return blank._replace(claims=claims)

    @cached_property
    def _blank(self) -> ClaimsByKind:
        """The constant part of every credential of the kind."""
        kind = self.kind
        paths = {field.name: field.claim for field in said_fields(kind)}
        paths |= {name: (name,) for name in self.own}
        shown = frozenset(name for name, field in kind.fields.items() if field.disclosure == "never")
        return ClaimsByKind(type_of(kind), integrity_of(kind), {}, paths, shown, self._salt)

    def dated(self, facts: IssuingFacts, content: Mapping[str, Any]) -> IssuingFacts:
        """The facts with the dates of the template. Raises `Malformed` for an invalid date."""
        return facts._replace(
            valid_from=_moment(content, "validFrom"), valid_until=_moment(content, "validUntil")
        )

    def place(self, seq: int) -> StatusPlace:
        """The place at which the status of the credential with a sequence number stands."""
        number, position = self.positions.locate(seq)
        states_status, is_suspendable = self.profile.states_status, self.kind.is_suspendable
        return StatusPlace(self.profile.list_url(number), position, states_status, is_suspendable)


def _issuer(kind: Kind, profile: Profile) -> dict[str, Any]:
    """The issuer as shown in each credential, with a type and an address only if its context defines them."""
    if not kind.issuer_type:
        return {"id": profile.did, "name": profile.name}
    issuer = {"id": profile.did, "type": [kind.issuer_type], "name": profile.name}
    return {**issuer, "url": profile.url} if profile.url else issuer


def _schema(kind: Kind, profile: Profile) -> SchemaFile | None:
    """The schema that was kept with a kind, by the address at which the issuer's service has it."""
    if not kind.schema or not kind.is_named:
        return None
    return SchemaFile(profile.iri("kinds", f"{kind.digest}/{SCHEMA}"), kind.schema_digest)


def _said(item: Mapping[str, Any], paths: Mapping[str, tuple[str, ...]]) -> dict[str, Any]:
    """The claims of an item of a group; `paths` has the fields that credentials say."""
    claims: dict[str, Any] = {}
    for name, value in item.items():
        if name in paths and value != "":
            put_claim(claims, paths[name], value)
    return claims


def _moment(content: Mapping[str, Any], name: str) -> datetime | None:
    return parse_datetimestamp(content[name], name) if name in content else None


def trial(kind: Kind, contexts: jsonld.Contexts | None = None, profile: Profile = NOBODY) -> Composer:
    """A composer for trying a kind; nothing that it makes is signed."""
    nothing = bytes(32)
    return Composer(kind, profile, nothing, nothing, Positions(_no_key), contexts)


@lru_cache(maxsize=1 << 10)  # few programmes, many records
def _quoted(value: str) -> str:
    return quote(value, safe="")


@lru_cache(maxsize=1 << 10)  # few days, many records
def is_moment(value: str) -> bool:
    """True for a date and time as XML Schema's `dateTimeStamp` has them."""
    try:
        parse_datetimestamp(value, "")
    except Malformed:
        return False
    return True


def _no_key(_: int) -> bytes:
    return bytes(32)


_DIGITS = bytes.maketrans(bytes(range(32)), b"abcdefghijklmnopqrstuvwxyz234567")


def _halvings() -> Iterator[tuple[int, int]]:
    """The steps that part a number of 160 bits into 32 bytes of five; each halves all fields at once.

    Each step has the mask of the upper halves, and the factor by which adding these moves them to the middle
    of their fields.
    """
    for fields, half in ((1, 80), (2, 40), (4, 20), (8, 10), (16, 5)):
        width = 256 // fields
        upper = sum((1 << half) - 1 << half + width * field for field in range(fields))
        yield upper, (1 << width // 2 - half) - 1


_HALVINGS = tuple(_halvings())


def _base32(data: bytes) -> str:
    """Lower case, without padding, of 20 bytes at most, or 15, 10 or 5: fit for any URL or URN.

    Each row has one; the standard library takes four times as long.
    """
    number = int.from_bytes(data)
    for upper, factor in _HALVINGS:
        number += (number & upper) * factor
    return number.to_bytes(32).translate(_DIGITS)[32 - 8 * len(data) // 5 :].decode()


def _require_members(kind: Kind) -> None:
    members = kind.template.members
    for name in ("@context", "type", "credentialSubject"):
        if name not in members:
            raise InvalidTemplate(f"the template has no member {name!r}")
    for group in sorted(kind.template.groups.keys() - kind.groups.keys()):
        raise InvalidTemplate(f"the template has $each {group!r}, which is no group of {kind.name}")
    for name in _OWN_OF_NAMED if kind.is_named else _OWN:
        if name in members:
            raise InvalidTemplate(
                f"the template has a member {name!r}, which is added when a credential is made"
            )
