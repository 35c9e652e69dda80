"""Kinds as OpenID4VCI 1.0 describes credentials: configurations of issuers, written and read.

Nothing is fetched: a configuration is read from the text of a file.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from wire.problem import Malformed
from wire.text import printable

from .cells import Field
from .draft import Column, Outline
from .kind import Kind, plain
from .metadata import type_of
from .places import Path, claim_places, mdoc_places, places, texts
from .template import PLACEHOLDER

Pointer = tuple[str | int | None, ...]
"""A claims path pointer (Appendix C): names of members, and `None` for each element of an array."""

_CONFIGURATIONS = "credential_configurations_supported"
_BASE_TYPE = "VerifiableCredential"
_LANGUAGE = re.compile("[a-z]{2,8}")  # RFC 5646, 2.2.1
_DATES: Mapping[tuple[str, ...], str] = {("validFrom",): "issued_on", ("validUntil",): "valid_until"}
"""Dates of the whole credential (VCDM 2.0, 4.9), and headings that a shipped kind has for them."""
_TYPE = re.compile("[A-Z][A-Za-z0-9]*")  # fields are in small letters


def configuration(kind: Kind) -> dict[str, Any]:
    """The metadata of an issuer that has this kind alone (12.2.4): its configuration, by its name.

    The form is `ldp_vc` (A.1.2). The issuer's own decisions are left out: keys, scope, and the way in which a
    wallet proves possession. If the kind has a doctype, a second configuration describes its mdoc (A.2.2),
    which is always bound to a key of the wallet. If a field has a path of its own in an SD-JWT VC, another
    one describes that (A.3.2).
    """
    display = [
        {"name": noun[:1].upper() + noun[1:], "locale": language}
        for language, (noun, _) in kind.nouns.items()
    ]
    document = json.loads(kind.template.text)
    types, contexts = document["type"], document["@context"]
    of_document = {
        "format": "ldp_vc",
        "credential_definition": {
            # Wallets compare these as texts. A kind's own terms stand in the credential itself, and wallets
            # refuse metadata with an object here (@openid4vc/openid4vci 0.4.6).
            "@context": [each for each in _items(contexts) if isinstance(each, str)],
            "type": [*_items(types)],
        },
        "credential_metadata": {"display": display, "claims": [*_claims(kind)]},
    }
    of_mdoc = {
        "format": "mso_mdoc",
        "doctype": kind.doctype,
        "cryptographic_binding_methods_supported": ["cose_key"],
        "proof_types_supported": {"jwt": {"proof_signing_alg_values_supported": ["ES256"]}},
        # ES256 by its two numbers in COSE, the latter with its curve.
        "credential_signing_alg_values_supported": [-7, -9],
        "credential_metadata": {"display": display, "claims": [*_claims_at(kind, mdoc_places(kind))]},
    }
    of_sd_jwt = {
        "format": "dc+sd-jwt",
        "vct": type_of(kind),
        "credential_metadata": {"display": display, "claims": [*_claims_at(kind, claim_places(kind))]},
    }
    mdoc = {f"{kind.name}_mdoc": of_mdoc} if kind.doctype else {}
    sd_jwt = {f"{kind.name}_sd_jwt": of_sd_jwt} if claim_places(kind) else {}
    return {_CONFIGURATIONS: {kind.name: of_document, **mdoc, **sd_jwt}}


def _items(value: object) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _claims(kind: Kind) -> Iterator[dict[str, Any]]:
    """The claims descriptions (B.2) in the order of the fields.

    Each pointer appears once, since repeated ones are an error. If several texts in the items of one array
    share a pointer, it gets no name, since no name fits all of them.
    """
    texts_at = Counter(_pointer(path) for path, text in texts(kind) if PLACEHOLDER.search(text))
    described, always = {**kind.fields, **kind.item_fields}, _always(kind)
    fields: dict[Pointer, list[str]] = {}
    for name, paths in places(kind).items():
        if paths:
            fields.setdefault(_pointer(_chief(paths)), []).append(name)
    for pointer, names in fields.items():
        is_one = names[0] in kind.groups or texts_at[pointer] == 1
        labels = described[names[0]].labels if is_one else {}
        yield _claim(pointer, not always.isdisjoint(names), labels)


def _claims_at(kind: Kind, paths: Mapping[str, Path]) -> Iterator[dict[str, Any]]:
    """The claims descriptions of a form in which no two fields have one place."""
    described: Mapping[str, Field] = {**kind.fields, **kind.item_fields}
    always = _always(kind)
    for name, path in paths.items():
        yield _claim(_pointer(path), name in always, described[name].labels)


def _always(kind: Kind) -> set[str]:
    """The fields that are in every credential; a group's fields only if the group itself is required."""
    groups = (group for group in kind.groups.values() if group.required)
    return {
        *kind.required,
        *(name for each in groups for name, field in each.fields.items() if field.required),
    }


def _claim(pointer: Pointer, is_mandatory: bool, labels: Mapping[str, str]) -> dict[str, Any]:
    claim: dict[str, Any] = {"path": [*pointer]}
    if is_mandatory:
        claim["mandatory"] = True
    display = [{"name": label, "locale": language} for language, label in labels.items()]
    return {**claim, "display": display} if display else claim


def _chief(paths: list[Path]) -> Path:
    """The path of a field that is described: one below the subject, if there is one."""
    return next((path for path in paths if path[0] == "credentialSubject"), paths[0])


def _pointer(path: Path) -> Pointer:
    """The pointer of a path: an item has no index, since those before it may be absent."""
    return tuple(step if isinstance(step, str) else None for step in path)


def configuration_outline(document: Mapping[str, Any], name: str) -> Outline:
    """The outline of a credential configuration, or of the one with this name in an issuer's metadata.

    Names are compared without case and punctuation; where there is only one, it is that one.
    Raises `Malformed`.
    """
    chosen = _chosen(document, name)
    metadata = _object(chosen.get("credential_metadata", {}), "credential_metadata")
    claims = metadata.get("claims", chosen.get("claims"))  # the latter up to draft 15
    if not isinstance(claims, list) or not claims:
        raise Malformed("the credential configuration has no list of claims")
    described = [_object(claim, "claims") for claim in claims]
    paths = [_steps(claim) for claim in described]
    columns = []
    for path, claim in zip(paths, described, strict=True):
        # An address has a name of its own beside those of its parts: the facts are the parts.
        if any(path != other and path == other[: len(path)] for other in paths):
            continue
        is_one = sum(other[-1] == path[-1] for other in paths) == 1
        heading = _DATES.get(path) or (path[-1] if is_one else " ".join(path[-2:]))
        columns.append(Column(heading, (), _names(claim), claim.get("mandatory") is True))
    titles = {language: each for language, each in _names(metadata).items() if not {*each} & {*"{}"}}
    return Outline(columns, titles, _type_name(chosen))


def _chosen(document: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    if _CONFIGURATIONS not in document:
        return document
    supported = _object(document[_CONFIGURATIONS], _CONFIGURATIONS)
    matches = [each for each in supported if len(supported) == 1 or plain(each) == plain(name)]
    if not matches:
        names = ", ".join(sorted(map(plain, supported)))
        raise Malformed(
            f"there are several credential configurations, and none is called {name}",
            hint=f"Name the kind after one of them: {printable(names)}.",
        )
    return _object(supported[matches[0]], matches[0])


def _steps(claim: Mapping[str, Any]) -> tuple[str, ...]:
    """The names on the way to a claim; elements of arrays have none."""
    path = claim.get("path")
    names = [step for step in path if isinstance(step, str)] if isinstance(path, list) else []
    if not names:
        raise Malformed("a claims description has no path")
    return tuple(names)


def _names(described: Mapping[str, Any]) -> dict[str, str]:
    """The names for people, by language; of two for one language the first."""
    names: dict[str, str] = {}
    for each in _items(described.get("display", [])):
        display = _object(each, "display")
        name, language = display.get("name"), str(display.get("locale", "en")).partition("-")[0].lower()
        if isinstance(name, str) and name and printable(name) == name and _LANGUAGE.fullmatch(language):
            names.setdefault(language, name)
    return names


def _type_name(chosen: Mapping[str, Any]) -> str:
    definition = _object(chosen.get("credential_definition", {}), "credential_definition")
    types = [each for each in _items(definition.get("type", [])) if isinstance(each, str)]
    names = [each for each in types if each != _BASE_TYPE and _TYPE.fullmatch(each)]
    return names[-1] if names else ""


def _object(value: object, name: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise Malformed(f"{printable(name)} is no object")
    return value
