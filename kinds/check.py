"""The proof that a kind works: each fact of a record ends in its own place of the credential, no other.

The proof tries the template instead of analysing it: credentials are composed from samples as for issuing,
and read back as by a verifier.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import date, timedelta
from typing import Any, NamedTuple

from vc.facts import IssuingFacts, SchemaFile, StatusPlace
from vc.vcdm.credential import Credential
from vc.vcdm.issuing import unsigned
from vc.vcdm.jsonld import Contexts, canonicalize
from wire.datetimestamp import parse_datetimestamp
from wire.memory import Kept, Memory
from wire.problem import Malformed, TooLarge
from wire.work import Work

from .cells import GROUP, ITEM_ID, Field, sri
from .facts import facts_of
from .foreign import size_of_key
from .kind import HASHED, Kind
from .places import Path, item_places, leaves, path_text, places, texts
from .problem import INVALID_KIND
from .records import Record
from .template import PLACEHOLDER

Compose = Callable[[Record], dict[str, Any]]
"""Makes the unsigned credential of a record."""

_DECIDING = frozenset(
    ("@context", "id", "type", "issuer", "proof", "credentialStatus", "credentialSchema", "termsOfUse")
)
_OTHERS: Mapping[str, tuple[Any, ...]] = {
    "number": (2,),
    "integer": (2,),
    "date": ("2000-01-02", "1999-12-31"),  # an end may be later, a beginning earlier
    "decimal": ("2.50",),
    "moment": ("2000-01-02T00:00:00Z",),
    "boolean": (False,),
    "url": ("https://example.org/2",),
    "digest": (sri(bytes(32)),),
}
"""Alternatives to the values of `Field.sample`; one of them has to fit."""


def prove_kind(
    kind: Kind, contexts: Contexts | None = None, compose: Compose | None = None
) -> tuple[str, ...]:
    """The fields that a credential says.

    Changing one example changes the fact of its field, and exactly the places that carry it; in a group with
    two items, those of one item. Each field that is not required may be absent, alone and with all others.

    `compose` is the function that the issuer issues with. A verifier, which makes no credentials, leaves it
    out: the template is then filled without an issuer's secrets.
    Raises `INVALID_KIND`.
    """
    _require_places(kind)
    proof = _Proof(kind, contexts, compose or _without_issuer(kind))
    sample = {**dict.fromkeys(kind.own, "1"), **kind.sample}
    before = proof.made(sample)
    carriers, direct = _carriers(kind), places(kind)
    for name, field in kind.fields.items():
        if field.type == GROUP:
            proof.require_items(sample, before, field, carriers, direct)
            continue
        after = proof.with_another(sample, name)
        _require_same_elsewhere(f"fields.{name}", before, after, name, carriers[name], {*direct[name]})
        if field.iri and before.facts.get(name) == after.facts.get(name):
            raise INVALID_KIND(f"kind.json, fields.{name}: the credential does not say it")
    optional = [name for name, field in kind.fields.items() if not field.required]
    for absent in ([name] for name in optional):
        _require_rest(kind, absent, before, proof.made({**sample, **dict.fromkeys(absent, "")}))
    _require_rest(kind, optional, before, proof.made({**sample, **dict.fromkeys(optional, "")}))
    return tuple(before.facts)


class _Made(NamedTuple):
    """A credential: its canonical form, its values by path, and the facts read back from it."""

    signed: bytes
    values: Mapping[Path, object]
    facts: Mapping[str, Any]


class _Proof:
    """Composes credentials of a kind, and reads them back."""

    def __init__(
        self, kind: Kind, contexts: Contexts | None, compose: Compose, work: Work | None = None
    ) -> None:
        self._kind, self._contexts, self._compose, self._work = kind, contexts, compose, work

    def made(self, record: Record) -> _Made:
        """The credential of a record. Raises `INVALID_KIND`, and `TooLarge` beyond the rest of the work."""
        try:
            document = self._compose(record)
            signed = canonicalize(document, contexts=self._contexts, work=self._work)
            facts = facts_of(self._kind, Credential.parse(document, self._work, self._contexts))
        except TooLarge:
            raise
        except Malformed as problem:
            raise INVALID_KIND(
                f"the kind makes no credential: {problem.detail}", because=problem
            ) from problem
        return _Made(signed, dict(leaves(document)), facts)

    def with_another(self, sample: Record, name: str) -> _Made:
        """The credential of the sample with another value of one field."""
        *others, last = _others(self._kind.fields[name])
        for other in others:
            with suppress(Malformed):
                return self.made({**sample, name: other})
        return self.made({**sample, name: last})

    def require_items(
        self,
        sample: Record,
        before: _Made,
        group: Field,
        carriers: Mapping[str, set[Path]],
        direct: Mapping[str, Sequence[Path]],
    ) -> None:
        """Refuses a group where a change in one item of two changes more than that item, or is not said."""
        (item,), items = sample[group.name], item_places(self._kind, group.name)
        another = {name: _others(field)[-1] for name, field in group.fields.items()}
        two = self.made({**sample, group.name: [item, another]})
        if others := sorted(_changed(before.facts, two.facts) - {group.name}):
            raise INVALID_KIND(f"kind.json, fields.{group.name}: it also changes {', '.join(others)}")
        turned = self.made({**sample, group.name: [another, item]})
        # Nodes without an id in a list: from some hundred on nobody canonicalises them.
        if not group.is_ordered and two.signed != turned.signed:
            raise INVALID_KIND(
                f"kind.json, fields.{group.name}: the template puts its items in order, and it has none"
            )
        for name, field in group.fields.items():
            place = f"fields.{group.name}.fields.{name}"
            after = self.made({**sample, group.name: [item, {**another, name: item[name]}]})
            may, has_to = (_in_second_item(paths, items) for paths in (carriers[name], direct[name]))
            _require_same_elsewhere(place, two, after, group.name, may, has_to)
            items_read = [each.get(name) for each in two.facts.get(group.name, ())]
            if group.iri and field.iri and items_read != [item[name], another[name]]:
                raise INVALID_KIND(f"kind.json, {place}: the credential does not say it")
        optional = [name for name, field in group.fields.items() if not field.required]
        for absent in (*([name] for name in optional), optional):
            less = {**item, **dict.fromkeys(absent, "")}
            after = self.made({**sample, group.name: [less]})
            (read,) = after.facts.get(group.name, [{}])
            rest = {name: value for name, value in less.items() if value != "" and name in read}
            if read != rest or _changed(before.facts, after.facts) - {group.name}:
                raise INVALID_KIND(
                    f"kind.json, fields.{group.name}: it changes where {', '.join(absent)} is absent"
                )


def require_round_trip(kind: Kind, contexts: Contexts | None = None, work: Work | None = None) -> None:
    """Checks a kind from elsewhere: credentials with other values in each field are read back unchanged.

    `prove_kind` says more, and takes as many credentials as there are fields. Raises `INVALID_KIND`, also for
    a context that redefines what the standard protects, and `TooLarge` where it costs more than is left of
    `work`.
    """
    _require_places(kind)
    proof = _Proof(kind, contexts, _without_issuer(kind), work)
    for turn in range(2):
        record = {
            name: _distinct(field, 2 * number + turn)
            for number, (name, field) in enumerate(kind.fields.items())
        }
        try:
            read = proof.made(record).facts
        except TooLarge:
            raise
        except Malformed:  # the days may be in the other order, as the ends of a life are
            days = [name for name, field in kind.fields.items() if field.type == "date"]
            turned = zip(days, [record[name] for name in reversed(days)], strict=True)
            record |= dict(turned)
            read = proof.made(record).facts
        if others := sorted(name for name, value in read.items() if not _agrees(value, record[name])):
            raise INVALID_KIND(f"kind.json, fields.{others[0]}: the credential says something else")


def is_sound(kind: Kind, work: Work) -> bool:
    """True if a kind passes `require_round_trip` within what is left of `work`.

    The check runs once for each kind; its cost is charged each time.
    """
    key = (kind.digest, *sorted(kind.absent))
    with suppress(TooLarge):
        if (kept := _tried.get(key)) is not None:
            work.spend(kept.steps)
            return kept.is_sound
        before, sound = work.left, True
        try:
            require_round_trip(kind, work=work)
        except TooLarge:
            raise
        except Malformed:
            sound = False
        _tried.keep(key, Kept(_Tried(sound, before - work.left), size_of_key(key)))
        return sound
    return False


class _Tried(NamedTuple):
    is_sound: bool
    steps: int


_tried: Memory[tuple[str, ...], _Tried] = Memory(1 << 17)
"""By the digest, and the paths of files that are missing."""


def _agrees(read: Any, expected: Any) -> bool:
    """True if a fact equals the given value; in a group, only the fields that were read are compared."""
    if not isinstance(expected, list):
        return bool(read == expected)
    return len(read) == len(expected) and all(
        each == {name: item[name] for name in each} for each, item in zip(read, expected, strict=True)
    )


def _distinct(field: Field, number: int) -> Any:
    """A value of a field, different for each number as far as its type has that many values."""
    match field.type:
        case "group":
            inner = enumerate(field.fields.items(), 50 * number)
            return [{name: _distinct(each, place) for place, (name, each) in inner}]
        case "digest":
            return "sha256-" + base64.b64encode(hashlib.sha256(str(number).encode()).digest()).decode()
        case "number" | "integer":
            return number + 1
        case "boolean":
            return number % 3 == 0
        case "date":
            return str(date(2000, 1, 1) + timedelta(days=number))
        case "moment":
            return f"{date(2000, 1, 1) + timedelta(days=number)}T00:00:00Z"
        case "decimal":
            return f"{number}.50"
        case "url":
            return f"https://example.org/{number}"
    return f"value {number}"


def _require_places(kind: Kind) -> None:
    """Refuses a cell of a file in any place that decides: only the issuer may fill such places."""
    for name in ("@context", "type", "credentialSubject"):
        if name not in kind.template.members:
            raise INVALID_KIND(f"template.json has no member {name!r}")
    fields_of = {**kind.fields, **kind.item_fields}
    by_issuer = {*kind.identifiers, "issuer_name", ITEM_ID}
    together: list[list[str]] = []
    alone = set[str]()
    for path, text in texts(kind):
        names = [name for name in PLACEHOLDER.findall(text) if name not in by_issuer]
        # A salted hash of a cell (`{email_hash}`) tells one person from another as the cell does.
        if names and not _DECIDING.isdisjoint(path):
            raise INVALID_KIND(f"template.json: {HASHED.sub('', names[0])} stands under {path_text(path)}")
        fields = [name for name in dict.fromkeys(names) if name in fields_of]
        together += [fields] if len(fields) > 1 else []
        alone |= {*fields} if len(names) == 1 else set()
    # Two values in one text cannot be told apart: each needs a place of its own beside it.
    for fields in together:
        if unread := [name for name in fields if name not in alone]:
            others = ", ".join(name for name in fields if name != unread[0])
            raise INVALID_KIND(f"template.json: {unread[0]} stands nowhere but in one text with {others}")
    # An identifier is the same in all credentials that share it, and others publish what they know it by.
    for noun, identifier in kind.identifiers.items():
        if personal := [name for name in identifier.fields if kind.fields[name].personal]:
            raise INVALID_KIND(f"kind.json, identifiers.{noun}: {personal[0]} is personal")


def _require_same_elsewhere(
    place: str, before: _Made, after: _Made, fact: str, carriers: set[Path], direct: set[Path]
) -> None:
    """Refuses a field if changing its value changes a place or a fact that is not its own.

    `fact` is the fact that it may change, `carriers` the places that it may change, `direct` those that it
    must.
    """
    facts = _changed(before.facts, after.facts)
    if others := sorted(facts - {fact}):
        raise INVALID_KIND(f"kind.json, {place}: it also changes {', '.join(others)}")
    changed = _changed(before.values, after.values)
    if strange := sorted(map(path_text, changed - carriers)):
        raise INVALID_KIND(f"kind.json, {place}: it also changes {', '.join(strange)}")
    if silent := sorted(map(path_text, direct - changed)):
        raise INVALID_KIND(f"kind.json, {place}: it does not change {', '.join(silent)}")


def _in_second_item(paths: Iterable[Path], items: Sequence[Path]) -> set[Path]:
    """The paths of a field of a group's only item, where it is the second of two; `items` are its places."""
    moved = set[Path]()
    for item in items:
        *array, index = item
        # The same group may stand in this array before.
        before = sum(other[:-1] == (*array,) and int(other[-1]) < int(index) for other in items)
        second = (*array, int(index) + before + 1)
        moved |= {(*second, *path[len(item) :]) for path in paths if path[: len(item)] == item}
    return moved


def _require_rest(kind: Kind, absent: list[str], before: _Made, after: _Made) -> None:
    """Refuses a kind in which a fact changes because others are absent; a template may leave it out."""
    made_of_parts = {kind.person.whole} if {*absent} & kind.person.fields else set()
    for name, value in after.facts.items():
        if name in {*absent} - made_of_parts or (
            name not in made_of_parts and before.facts.get(name) != value
        ):
            raise INVALID_KIND(f"kind.json, fields.{name}: it changes where {', '.join(absent)} is absent")


def _carriers(kind: Kind) -> Mapping[str, set[Path]]:
    """By field, the places that another value of it may change."""
    carriers: dict[str, set[Path]] = {name: set() for name in (*kind.fields, *kind.item_fields)}
    carriers[kind.number].add(("id",))  # HMAC over the number
    for path, text in texts(kind):
        for each in PLACEHOLDER.findall(text):
            base = HASHED.sub("", each)
            fields = {base, *(kind.identifiers[each].fields if each in kind.identifiers else ())}
            if base != each or each == ITEM_ID:  # salts follow from the number, as the credential's `id` does
                fields.add(kind.number)
            if each == kind.person.whole:
                fields |= kind.person.fields
            for name in fields & carriers.keys():
                carriers[name].add(path)
    return carriers


def _changed(before: Mapping[Any, object], after: Mapping[Any, object]) -> set[Any]:
    return {each for each in before.keys() | after.keys() if before.get(each) != after.get(each)}


def _others(field: Field) -> tuple[Any, ...]:
    return _OTHERS.get(field.type, ("2",))


def _without_issuer(kind: Kind) -> Compose:
    """Fills the template as issuing does, for an issuer that does not exist."""
    issuer: dict[str, Any] = {"id": "did:example:issuer", "name": "…"}
    if kind.issuer_type:
        issuer["type"] = [kind.issuer_type]
    place = StatusPlace("urn:example:list", 0, is_stated=True)
    schema = SchemaFile("urn:example:schema", kind.schema_digest) if kind.schema else None
    # Each its own: nodes of one IRI would be one node, and say what both of them say.
    identifiers = {name: f"urn:example:made:{name}" for name in kind.identifiers}

    def compose(record: Record) -> dict[str, Any]:
        values = {**identifiers, **record, **kind.with_ids(record, "urn:example:1")}
        content = kind.template.fill({**dict.fromkeys(kind.template.fields, "1"), **values})
        dates = (content.get(name) for name in ("validFrom", "validUntil"))
        starts, ends = (parse_datetimestamp(date, "") if date else None for date in dates)
        facts = IssuingFacts(
            "urn:example:1", issuer, starts, ends, place, "log.example", None, kind.reference, schema
        )
        return unsigned(facts, content)

    return compose
