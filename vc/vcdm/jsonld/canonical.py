"""The door: a document in, the canonical bytes that are signed out."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache, lru_cache
from typing import Any

import orjson

from wire import jcs
from wire.memory import Kept
from wire.problem import Malformed
from wire.work import VALUE_WALKED, Work, marks

from . import rdfc
from .context import IRI, Contexts, Meter
from .documents import Documents
from .labels import Statements
from .naming import names_of
from .problem import AmbiguousType, UnknownType, quoted
from .reading import Reading, read_by
from .walker import Walk

SMALL = 1 << 13  # bytes; half of it for one name, the other for values: a few megabytes of statements


@cache
def secured() -> Contexts:
    """The vendored contexts for documents that are signed: what decides stands under its one name."""
    documents = Documents()
    return Contexts(documents, names_of(documents))


def read(document: Mapping[str, Any], work: Work | None = None, contexts: Contexts | None = None) -> Reading:
    """What a document says, by `contexts`, by default `secured()`. Raises as `canonicalize`."""
    return read_by(document, contexts or secured(), work or Work())


@lru_cache(1024)
def type_name(name: str, contexts: Contexts | None = None) -> str:
    """Return the name that a type, given by IRI or word, has under `contexts`.

    Raises `UnknownType` for a word that these do not define, `AmbiguousType` for one with several meanings.
    """
    names = (contexts or secured()).names
    assert names is not None
    if name not in names.iris and not IRI(name):
        raise UnknownType.saying("the type {type} is defined by no context known here", type=quoted(name))
    iris = names.iris.get(name, {name})
    if len(iris) > 1:
        raise AmbiguousType(
            f"the type {quoted(name)} could mean {' or '.join(sorted(iris))}",
            type=quoted(name),
            meanings=", ".join(sorted(iris)),
            hint="Write the one that is meant.",
        )
    (iri,) = iris
    return names.types.get(iri, iri)


@cache
def vendored() -> Contexts:
    """The vendored contexts as JSON-LD has them, whatever a property is called: nothing to sign by."""
    return Contexts(Documents())


def canonicalize(
    document: dict[str, Any],
    *,
    contexts: Contexts | None = None,
    digest: str = "sha256",
    work: Work | None = None,
    recurs: bool = False,
) -> bytes:
    """The canonical form of a JSON-LD document: N-Quads in UTF-8, sorted (RDFC-1.0), with nothing left out.

    `document` is parsed JSON. `contexts` defaults to `secured()`; nothing is ever fetched. `digest` is the
    hash inside the algorithm, "sha256" or "sha384"; `work` is what it may cost, by default as much as a whole
    report. Where the same document `recurs`, its form is remembered with the contexts. Raises LossyDocument,
    InvalidDocument, INVALID_CONTEXT, UnknownContext, and TooLarge or TOO_COMPLEX where it costs more.
    """
    contexts, work = contexts or secured(), work or Work()
    key = _name(document, digest, work) if recurs else None
    if key is None:
        return _walked(document, contexts, digest, work)[0]
    found = contexts.forms.get(key)
    if found is None:
        found = _walked(document, contexts, digest, work)
        contexts.forms.keep(key, Kept(found, len(key[0]) + len(found[0])))
    else:
        work.spend(found[1])
    return found[0]


def _name(document: dict[str, Any], digest: str, work: Work) -> tuple[bytes, str] | None:
    """By which a form is remembered: none for what has no JCS form, or that of another value."""
    try:
        text = jcs.canonicalize(document, work)
    except Malformed:  # the walk says what is wrong
        return None
    return None if b"-0.0" in orjson.dumps(document) else (text, digest)


def statements(
    document: dict[str, Any],
    *,
    contexts: Contexts | None = None,
    digest: str = "sha256",
    work: Work | None = None,
) -> Statements:
    """The same line by line, and which object each blank node is. Raises as `canonicalize`."""
    contexts, work = contexts or secured(), work or Work()
    unnamed: list[tuple[dict[str, Any], int]] = []
    _, lines, numbers = _form(document, contexts, digest, work, Meter(work), unnamed)
    return Statements.of(document, lines, numbers, unnamed)


def _walked(document: dict[str, Any], contexts: Contexts, digest: str, work: Work) -> tuple[bytes, int]:
    """The form, and the steps that it takes where nothing is new in its contexts."""
    meter, before = Meter(work), work.left
    form, _, _ = _form(document, contexts, digest, work, meter)
    return form, before - work.left - meter.spent


def _form(
    document: dict[str, Any],
    contexts: Contexts,
    digest: str,
    work: Work,
    meter: Meter,
    unnamed: list[tuple[dict[str, Any], int]] | None = None,
) -> tuple[bytes, list[str], list[int]]:
    """The form, its lines, and the canonical numbers of the blank nodes."""
    try:
        dataset = Walk(contexts, meter, _dataset(document, work), unnamed=unnamed).document(document)
        lines, numbers = rdfc.canonical_lines(dataset, digest=digest, work=work)
        return "".join(lines).encode(), lines, numbers
    except UnicodeEncodeError:
        raise Malformed("a string holds a lone surrogate, which UTF-8 cannot express") from None
    finally:
        contexts.settle(meter)


def _dataset(document: dict[str, Any], work: Work) -> rdfc.Dataset:
    """Where a document's statements go; its values are charged. A small one's cannot fill the memory."""
    try:
        text = orjson.dumps(document)
    except orjson.JSONEncodeError:  # the walk says what is wrong
        return rdfc.Dataset(rdfc.charged(work))
    work.spend(VALUE_WALKED * marks(text))
    return rdfc.Dataset() if len(text) <= SMALL else rdfc.Dataset(rdfc.charged(work))
