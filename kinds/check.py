"""The proof that a kind works: each fact of a record ends in its own place of the credential, no other.

It is tried, not read: credentials are composed from samples, and read back as a verifier reads them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

from vc import Claims
from vc.facts import IssuingFacts, StatusPlace
from vc.vcdm.credential import Credential
from vc.vcdm.issuing import unsigned
from vc.vcdm.jsonld import Contexts, canonicalize
from wire.datetimestamp import parse_datetimestamp
from wire.problem import Malformed

from .cells import GROUP, Field, sri
from .facts import facts_of
from .kind import Kind
from .problem import INVALID_KIND
from .template import PLACEHOLDER

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
"""Other values than those of `Field.sample`, of which one has to fit."""


def prove_kind(kind: Kind, contexts: Contexts | None = None) -> tuple[str, ...]:
    """The fields that a credential says. A change of one changes what is said of it, and that alone.

    A field without a place changes nothing, and each that is not required may be absent.
    Raises `INVALID_KIND`.
    """
    _require_places(kind)
    sample = kind.sample
    before = _facts(kind, sample, contexts)
    for name, field in kind.fields.items():
        if field.type == GROUP:
            _prove_items(kind, field, before, contexts)
            continue
        after = _with_another(kind, sample, name, contexts)
        changed = {each for each in before.keys() | after.keys() if before.get(each) != after.get(each)}
        if others := sorted(changed - {name}):
            raise INVALID_KIND(f"kind.json, fields.{name}: it also changes {', '.join(others)}")
        if field.iri and name not in changed:
            raise INVALID_KIND(f"kind.json, fields.{name}: the credential does not say it")
        if not field.required:
            _facts(kind, {**sample, name: ""}, contexts)
    return tuple(before)


def _prove_items(kind: Kind, group: Field, before: Mapping[str, Any], contexts: Contexts | None) -> None:
    """A change in one item of two changes that item alone, and what is not required in it may be absent."""
    (item,) = group.sample
    for name, field in group.fields.items():
        last = _OTHERS.get(field.type, ("2",))[-1]
        pair = [item, {**item, name: last}]
        after = _facts(kind, {**kind.sample, group.name: pair}, contexts)
        if (changed := {each for each in before if before[each] != after.get(each)}) - {group.name}:
            raise INVALID_KIND(
                f"kind.json, fields.{group.name}: it also changes {', '.join(sorted(changed))}"
            )
        said = [each.get(name) for each in after.get(group.name, ())]
        if group.iri and field.iri and said != [item[name], last]:
            raise INVALID_KIND(
                f"kind.json, fields.{group.name}.fields.{name}: the credential does not say it"
            )
        # Nodes without an id in a list: from some hundred on nobody canonicalises them.
        if (
            not group.is_ordered
            and len({_signed(kind, group, each, contexts) for each in (pair, pair[::-1])}) > 1
        ):
            raise INVALID_KIND(
                f"kind.json, fields.{group.name}: the template puts its items in order, and it has none"
            )
        if not field.required:
            _facts(kind, {**kind.sample, group.name: [{**item, name: ""}]}, contexts)
    if not group.required:
        _facts(kind, {**kind.sample, group.name: ""}, contexts)


def _signed(kind: Kind, group: Field, items: list[Any], contexts: Contexts | None) -> bytes:
    return canonicalize(_document(kind, {**kind.sample, group.name: items}), contexts=contexts)


def _require_places(kind: Kind) -> None:
    """The issuer says everything that decides: no cell of a file may stand in such a place."""
    document = json.loads(kind.template.text)
    for name in ("@context", "type", "credentialSubject"):
        if name not in document:
            raise INVALID_KIND(f"template.json has no member {name!r}")
    for steps, text in _texts(document, ()):
        fields = [name for name in PLACEHOLDER.findall(text) if name in kind.fields or kind.item(name)]
        if fields and not _DECIDING.isdisjoint(steps):
            raise INVALID_KIND(f"template.json: {fields[0]} stands under {'/'.join(steps)}")


def _texts(node: object, steps: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], str]]:
    if isinstance(node, str):
        yield steps, node
    for name, item in node.items() if isinstance(node, dict) else ():
        if name not in ("$if", "$each"):
            yield from _texts(item, (*steps, name))
    for item in node if isinstance(node, list) else ():
        yield from _texts(item, steps)


def _with_another(
    kind: Kind, sample: Mapping[str, Any], name: str, contexts: Contexts | None
) -> dict[str, Any]:
    *others, last = _OTHERS.get(kind.fields[name].type, ("2",))
    for other in others:
        with suppress(Malformed):
            return _facts(kind, {**sample, name: other}, contexts)
    return _facts(kind, {**sample, name: last}, contexts)


def _facts(kind: Kind, record: Mapping[str, Any], contexts: Contexts | None) -> dict[str, Any]:
    try:
        return facts_of(kind, _claims(kind, record, contexts))
    except Malformed as problem:
        raise INVALID_KIND(f"the kind makes no credential: {problem.detail}", because=problem) from problem


def _claims(kind: Kind, record: Mapping[str, Any], contexts: Contexts | None) -> Claims:
    document = _document(kind, record)
    canonicalize(document, contexts=contexts)
    return Credential.parse(document, contexts=contexts)


def _document(kind: Kind, record: Mapping[str, Any]) -> dict[str, Any]:
    made = dict.fromkeys(kind.identifiers, "urn:example:2")
    record = {**record, **kind.with_ids(record, "urn:example:1")}
    said = kind.template.fill({**dict.fromkeys(kind.template.fields, "1"), **made, **record})
    issuer: dict[str, Any] = {"id": "did:example:issuer", "name": "…"}
    if kind.issuer_type:
        issuer["type"] = [kind.issuer_type]
    dates = (said.get(name) for name in ("validFrom", "validUntil"))
    starts, ends = (parse_datetimestamp(date, "") if date else None for date in dates)
    place = StatusPlace("urn:example:list", 0, is_stated=True)
    return unsigned(
        IssuingFacts("urn:example:1", issuer, starts, ends, place, "log.example", None, kind.reference), said
    )
