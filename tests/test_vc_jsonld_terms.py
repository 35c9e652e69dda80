"""Every term of every vendored context, used where it is defined: at the top, in a property, in a type."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from itertools import product
from typing import Any

import pytest

from keys import PrivateKey
from tests.world import NOW, University
from vc import sign, verify_proof
from vc.forms.integrity import Proof
from vc.vcdm.jsonld import Documents, LossyDocument, Respelled, canonicalize
from vc.vcdm.jsonld.context import KEYWORDS, UNSET, ActiveContext, Contexts, Meter, Term
from vc.vcdm.jsonld.vocabulary import DECIDES

URLS = Documents().urls
PLAIN = {"id": "@id", "type": "@type"}  # some contexts leave these two to the one before them
Place = tuple[str, ...]


def used(contexts: Contexts, top: ActiveContext) -> Iterator[tuple[Place, Term]]:
    """The shortest paths to all terms, each scoped context entered once."""
    waiting: list[tuple[Place, ActiveContext, Mapping[str, Term]]] = [((), top, {})]
    seen = set[int]()
    for place, active, outer in waiting:
        for name, term in active.terms.items():
            if outer.get(name) == term:
                continue
            yield (*place, name), term
            if term.context is not UNSET and id(term.context) not in seen:
                seen.add(id(term.context))
                inner = contexts.process(active, term.context, Meter(), override=True)
                waiting.append(((*place, name), inner, active.terms))


def value(term: Term) -> Any:
    """Something that a property of this definition can have."""
    container = term.container - {"@set"}
    if container == {"@language"}:
        return {"en": "x"}
    if "@graph" in container:
        return {"urn:ex:p": "x"}
    if term.type == "http://www.w3.org/2001/XMLSchema#double":
        return 1.5
    return "urn:ex:v" if term.type in {"@id", "@vocab"} else "x"


def documents(url: str, place: Place, term: Term) -> Iterator[dict[str, Any]]:
    """Documents that use the term at this place, each name on the way as a property or as a type."""
    for roles in product(("property", "type"), repeat=len(place)):
        inner: dict[str, Any] = {}
        for depth, (name, role) in enumerate(zip(reversed(place), roles, strict=True)):
            if role == "type":
                inner = {"type": name, **inner}
            else:
                inner = {name: inner if depth else value(term)}
        yield {"@context": [PLAIN, url], **inner}


def forms(documents: Iterable[dict[str, Any]]) -> Iterator[str]:
    for document in documents:
        with suppress(LossyDocument):
            yield canonicalize(document).decode()


@pytest.mark.quick(every=4)
@pytest.mark.parametrize("url", URLS)
def test_each_term_has_its_meaning_where_it_is_defined(url: str) -> None:
    contexts = Contexts(Documents())
    top = contexts.process(contexts.root, [PLAIN, url], Meter())
    assert top.terms
    for place, term in used(contexts, top):
        if term.reverse or DECIDES.get(str(term.iri), place[-1]) != place[-1]:
            with pytest.raises(Respelled):
                list(forms(documents(url, place, term)))
        elif term.iri not in KEYWORDS and not term.prefix:
            assert any(f"<{term.iri}>" in form for form in forms(documents(url, place, term))), place


@pytest.mark.parametrize("name", ["AchievementCredential", "OpenBadgeCredential"])
def test_both_types_of_an_open_badge_can_be_signed_and_verified(name: str) -> None:
    university = University()
    badge = {**university.diploma(index=1), "type": ["VerifiableCredential", name]}
    key = PrivateKey.generate()
    signed = sign(badge, key, verification_method=f"{university.did}#key", created=NOW)
    verify_proof(signed, Proof.parse(signed["proof"][0]), key.public_key)
