"""The door: a document in, the canonical bytes that are signed out."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

import orjson

from wire import jcs
from wire.memory import Kept
from wire.problem import Malformed
from wire.text import shortened
from wire.work import Work

from . import rdfc
from .context import IRI, Contexts, Meter
from .documents import Documents
from .names import VENDORED, Names
from .plain import NOTHING, SMALL, Walked, cost, plainly
from .problem import AmbiguousType, UnknownType, quoted
from .reading import Reading, read_by
from .walker import Walk

if TYPE_CHECKING:
    from .labels import Statements


@cache
def secured() -> Contexts:
    """The vendored contexts for documents that are signed: what decides stands under its one name."""
    return Contexts(Documents(), Names.parse(VENDORED.read_bytes()))


def read(
    document: Mapping[str, Any],
    work: Work | None = None,
    contexts: Contexts | None = None,
    *,
    states: bool = False,
) -> Reading:
    """The reading of a document by `contexts`, by default `secured()`. Raises as `canonicalize`.

    With `states` the walk makes its statements, too, for `canonicalize` to take: see `Reading.walked`.
    """
    return read_by(document, contexts or secured(), work or Work(), states=states)


@lru_cache(1024)
def type_name(name: str, contexts: Contexts | None = None) -> str:
    """Return the name that a type, given by IRI or word, has under `contexts`.

    Raises `UnknownType` for a word that these do not define, `AmbiguousType` for one with several meanings.
    """
    names = (contexts or secured()).names
    assert names is not None
    # ADR 14: some other context may define it.
    if name not in names.iris and not IRI(name):
        raise UnknownType.saying("the type {type} is defined by no context known here", type=quoted(name))
    iris = names.iris.get(name, {name})
    # The caller has to say which: a policy for one type must not accept another.
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
    whole: bool = False,
) -> bytes:
    """The canonical form of a JSON-LD document: N-Quads in UTF-8, sorted (RDFC-1.0), with nothing left out.

    `document` is parsed JSON. `contexts` defaults to `secured()`; nothing is ever fetched. `digest` is the
    hash inside the algorithm, "sha256" or "sha384"; `work` is what it may cost, by default as much as a whole
    report. The form of a document that `recurs` is remembered with the contexts. Of a `whole` one each
    member has to say something, as `require_no_silence` has it. Raises LossyDocument, InvalidDocument,
    INVALID_CONTEXT, UnknownContext, and TooLarge or TOO_COMPLEX where it costs more.
    """
    contexts, work = contexts or secured(), work or Work()
    key = _name(document, digest, work) if recurs else None
    if key is None:
        return _walked(document, contexts, digest, work, whole=whole)[0]
    form = contexts.forms.get(key)
    if form is None:
        form = _walked(document, contexts, digest, work)
        contexts.forms.keep(key, Kept(form, len(key[0]) + len(form[0])))
    else:
        # ADR 23: the same cost each time, whatever was remembered.
        work.spend(form[1])
    return form[0]


def _name(document: dict[str, Any], digest: str, work: Work) -> tuple[bytes, str] | None:
    """The key by which a form is remembered: none for what has no JCS form, or that of another value."""
    try:
        text = jcs.canonicalize(document, work)
    except Malformed:  # the walk says what is wrong
        return None
    # JCS writes -0 as 0, and the walk tells them apart: one must not answer for the other.
    return None if b"-0.0" in orjson.dumps(document) else (text, digest)


def statements(
    document: dict[str, Any],
    *,
    contexts: Contexts | None = None,
    digest: str = "sha256",
    work: Work | None = None,
) -> Statements:
    """The same line by line, and which object each blank node is. Raises as `canonicalize`."""
    from .labels import Statements  # only here: who signs and verifies takes nothing apart

    contexts, work = contexts or secured(), work or Work()
    unnamed: list[tuple[dict[str, Any], int]] = []
    _, lines, numbers = _form(document, contexts, digest, work, Meter(work), unnamed)
    return Statements.of(document, lines, numbers, unnamed)


def _walked(
    document: dict[str, Any], contexts: Contexts, digest: str, work: Work, *, whole: bool = False
) -> tuple[bytes, int]:
    """The form, and the steps that it takes where nothing is new in its contexts."""
    meter, before = Meter(work), work.left
    form, _, _ = _form(document, contexts, digest, work, meter, whole=whole)
    return form, before - work.left - meter.spent


def _form(
    document: dict[str, Any],
    contexts: Contexts,
    digest: str,
    work: Work,
    meter: Meter,
    unnamed: list[tuple[dict[str, Any], int]] | None = None,
    *,
    whole: bool = False,
) -> tuple[bytes, list[str], list[int]]:
    """The form, its lines, and the canonical numbers of the blank nodes."""
    try:
        dataset = _dataset(document, contexts, work, meter, unnamed, whole=whole)
        lines, numbers = rdfc.canonical_lines(dataset, digest=digest, work=work)
        return "".join(lines).encode(), lines, numbers
    except UnicodeEncodeError:
        raise Malformed("a string holds a lone surrogate, which UTF-8 cannot express") from None
    finally:
        contexts.settle(meter)


def _dataset(
    document: dict[str, Any],
    contexts: Contexts,
    work: Work,
    meter: Meter,
    unnamed: list[tuple[dict[str, Any], int]] | None,
    *,
    whole: bool,
) -> rdfc.Dataset:
    """A document's statements, for which its values are charged. A small one's cannot fill the memory."""
    if type(document) is Walked:
        # Threat 31b: under another text of a context, the same document makes other statements.
        is_known = document.contexts is contexts and unnamed is None
        if is_known and (statements := document.taken()):
            work.spend(document.steps)
            return statements
        document = dict(document)
    size, steps = cost(document)
    work.spend(steps)
    is_small = steps > 0 and size <= SMALL
    if is_small and unnamed is None and contexts.names:
        plain = plainly(Walk(contexts, meter, NOTHING), document, states=True)
        if plain is not None and (statements := plain.statements) is not None:
            return statements
    if whole:
        require_no_silence(document, contexts)
    dataset = rdfc.Dataset() if is_small else rdfc.Dataset(rdfc.charged(work))
    return Walk(contexts, meter, dataset, unnamed=unnamed).document(document)


def require_no_silence(document: Mapping[str, Any], contexts: Contexts | None = None) -> None:
    """Raises `Malformed` for a member that is null or []: no signature covers it, and nobody reads it."""
    try:
        text = orjson.dumps(dict(document))
    except orjson.JSONEncodeError:
        text = b"null"  # whoever signs says what is wrong with it
    if b"null" not in text and b"[]" not in text:
        return
    if name := read(document, contexts=contexts).silent:
        raise Malformed.saying(
            "the member {name} is null or []", name=shortened(name), hint="Leave it out: it says nothing."
        )
