"""The canonical form of many documents of one shape: what is constant in it is worked out once.

A document with markers in its slots is walked as any other. Its statements then give, as formats, the N-Quads
and the text by which each blank node is hashed (RDFC-1.0 4.6). The labels of blank nodes follow from these
hashes, so that they are worked out for each document. Anything that could come out in another way for other
values is left to the general path: there is no skeleton, or the skeleton gives `None`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby, islice
from operator import eq, itemgetter
from typing import Any

from wire.problem import Problem
from wire.work import Work

from ...slots import MOST, Canonical, Filled, Format, Slots
from .canonical import secured
from .context import Contexts, Meter
from .literal import double, escaped, literal
from .plan import LINK, TEXT, Plan
from .problem import LONGEST_NAME, InvalidDocument
from .rdfc import Dataset, Graph, Node, first_degree, n_quads
from .walker import Walk

_after_scheme = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:/?").fullmatch
_TERM = re.compile(r'"(?:[^"\\]|\\.)*"|<([^>]*)>')
# What an IRI may hold behind its scheme, as `context.IRI` has it, but for U+007F, which a literal escapes.
_in_iri = re.compile(r'[^\x00-\x20<>"{}|\\^`\x7f\ufffe\uffff]*').fullmatch


class _Unclear(Exception):
    """Other values could give a form that the skeleton would not."""


def canonical_skeleton(
    document: Mapping[str, Any], slots: Slots, digest: str, contexts: Contexts | None
) -> Canonical | None:
    """The skeleton of a document that holds the markers of `slots`; `None` where it has none.

    `digest` and `contexts` are as `canonicalize` has them.
    """
    walk = _Traced(contexts or secured(), slots.token)
    try:
        return _Quads(document, walk.document(dict(document)), slots, digest)
    except (_Unclear, Problem):
        return None
    finally:
        walk.contexts.settle(walk.meter)


class _Quads:
    """Writes the canonical form of any document of one shape (RDFC-1.0 4.4); see `Canonical`."""

    def __init__(self, document: Mapping[str, Any], dataset: Dataset, slots: Slots, digest: str) -> None:
        self._hasher = getattr(hashlib, digest)
        self._blanks = range(dataset.blanks)
        self._labels = [f"_:c14n{number}".encode() for number in self._blanks]
        # A row has the values, then the labels, then the numbers as literals.
        labels = len(slots.markers)
        numbers = labels + dataset.blanks
        text = "".join(n_quads(dataset, [slots.marker(labels + blank) for blank in self._blanks]))
        blocks = ["".join(sorted(lines)) for lines in first_degree(dataset)]
        if dataset.blanks > MOST // 2 or not all(blocks):  # one that is in no statement gets no number
            raise _Unclear
        self._numbers = []
        for column, (term, index, datatype) in enumerate(_numbers(slots, text), numbers):
            self._numbers.append((index, datatype))
            text = text.replace(term, slots.marker(column))
            blocks = [block.replace(term, slots.marker(column)) for block in blocks]
        varying = [blank for blank in self._blanks if _ordered(slots, blocks[blank]).columns]
        self._varying = varying
        self._blocks = _format(slots, "\0".join(blocks[blank] for blank in varying))  # U+0000 is escaped
        self._hashes = [self._hasher(block.encode()).digest() for block in blocks]
        self._runs = _format(slots, "\0".join(_runs(slots, text)))
        if any(double(float(slots.markers[index])) in text for index in slots.numbers):
            raise _Unclear  # a number is written in a way that is not known here
        names = {match[1] for match in _TERM.finditer(text) if match[1]}
        self._read_names(slots, {name for name in names if slots.token in name}, document)
        self._read_ids(slots, names, document)

    def _read_names(self, slots: Slots, terms: set[str], document: Mapping[str, Any]) -> None:
        """Notes the conditions under which the general path takes IRIs with values as they are written."""
        if not terms:
            raise _Unclear
        forms = [_format(slots, term) for term in terms]
        self._schemes = set()
        for form in forms:
            if not form.parts[0]:  # the scheme is in the value: another one could be a term of the context
                index = form.columns[0]
                assert slots.leads[index], "digits begin no IRI"
                self._schemes.add((index, slots.leads[index]))
            elif ":" not in str(form.parts[0]):
                raise _Unclear
        leaves = {leaf: _format(slots, leaf) for leaf in _leaves(document) if slots.token in leaf}
        # A compact IRI with its prefix in a slot looks so, if its expansion ends in the same letters.
        led = [leaf for leaf, form in leaves.items() if not form.parts[0] and slots.leads[form.columns[0]]]
        if any(term != leaf and term.endswith(leaf) for term in terms for leaf in led):
            raise _Unclear
        # One with a constant prefix is none before // (JSON-LD 1.1 API 5.2.2).
        starts = [form.parts[:2] for form in leaves.values()]
        self._slashless = {int(column) for start, column in starts if _after_scheme(str(start))}
        columns = sorted({column for form in forms for column in form.columns})
        self._in_names = itemgetter(*columns, columns[0])  # two at least, or it would give no tuple
        # So much the values may have together: then no IRI is too long, even if all of it stands in one.
        constant = max(sum(len(str(part)) for part in form.parts[::2]) for form in forms)
        self._room = (LONGEST_NAME - constant) // max(len(form.columns) for form in forms)

    def _read_ids(self, slots: Slots, names: set[str], document: Mapping[str, Any]) -> None:
        """The ids, to see that no two objects turn out to have one."""
        objects = list(_objects(document))
        # A type decides what the terms beside it mean, and a context does.
        if any(slots.token in str((each.get("type"), each.get("@context"))) for each in objects):
            raise _Unclear
        first, *others = (str(each.get("id", "")) for each in objects)
        others = sorted({other for other in others if other})
        if not {*filter(None, [first, *others])} <= names:  # a compact IRI: two may be one
            raise _Unclear
        self._ids = _format(slots, "\n".join([first, *others]))

    def __call__(self, filled: Filled) -> bytes | None:
        """The N-Quads of the document with these values, sorted."""
        names = "".join(self._in_names(filled.texts))
        if len(names) > self._room or not _in_iri(names):
            return None
        for index, scheme in self._schemes:
            if not filled.texts[index].startswith(scheme):
                return None
        for index in self._slashless:
            if filled.texts[index].startswith("/"):
                return None
        ids = self._ids(filled.row).split(b"\n")
        # Statements of two objects with one id mingle; where it is the document's own, they may be refused.
        if len(set(ids)) < len(ids):
            return None
        try:
            row = filled.row if filled.is_plain else [escaped(text).encode() for text in filled.texts]
            numbers = [literal(filled.values[index], datatype).encode() for index, datatype in self._numbers]
        except InvalidDocument:
            return None
        hashes = self._hashes.copy()
        blocks = self._blocks([*row, *self._labels, *numbers]).split(b"\0")
        for blank, block in zip(self._varying, blocks, strict=False):
            hashes[blank] = self._hasher(block).digest()
        if len(set(hashes)) < len(hashes):  # told apart by their neighbourhood alone (RDFC-1.0 4.8)
            return None
        names_by_blank = self._labels.copy()
        for number, blank in enumerate(sorted(self._blanks, key=hashes.__getitem__)):
            names_by_blank[blank] = self._labels[number]
        runs = self._runs([*row, *names_by_blank, *numbers]).split(b"\0")
        runs.sort()  # UTF-8 sorts as code points do
        if any(map(eq, runs, islice(runs, 1, None))):  # a statement that is made twice counts once
            return None
        return b"".join(runs)


class _Traced(Walk):
    """A walk that gives up where its result for a text in a slot depends on more than the characters."""

    def __init__(self, contexts: Contexts, token: str) -> None:
        super().__init__(contexts, Meter(Work()))
        self._token = token

    def put(
        self, graph: Graph, subject: Node, plan: Plan, value: Any, depth: int, *, backwards: bool = False
    ) -> None:
        """As `Walk.put`. Of the other kinds, one takes texts for terms, one has to be in canonical form."""
        if type(value) is str and self._token in value and plan.kind not in (TEXT, LINK):
            raise _Unclear
        super().put(graph, subject, plan, value, depth, backwards=backwards)

    def object(self, graph: Graph, plan: Plan, value: dict[str, Any], depth: int) -> Node:
        """As `Walk.object`, but for values and lists that are written as objects."""
        if any(key in value for key, _ in plan.scalar.wrappers):
            raise _Unclear
        return super().object(graph, plan, value, depth)

    def special(self, *_: Any) -> None:
        """Lists, maps by language, graphs and JSON."""
        raise _Unclear

    def keyword(self, *_: Any) -> None:
        """Other keywords than `id`, `type` and `@context`."""
        raise _Unclear


def _format(slots: Slots, text: str) -> Format:
    form = slots.format(text)
    if form is None:
        raise _Unclear
    return form


def _ordered(slots: Slots, block: str) -> Format:
    """A blank node's statements, unless their order depends on values: that of two facts of one predicate."""
    lines = [_format(slots, f"{line}\n") for line in block.removesuffix("\n").split("\n")]
    if not all(map(Format.is_ordered, lines, lines[1:])):
        raise _Unclear
    return _format(slots, block)


def _runs(slots: Slots, text: str) -> list[str]:
    """The statements, one by one or in runs: those of one subject whose order no value can change."""
    statements = sorted(f"{line}\n" for line in text.removesuffix("\n").split("\n"))
    runs: list[str] = []
    last = ""  # the subject of the last run, as long as that may go on
    for (subject, _), group in groupby(statements, lambda line: line.split(" ", 2)[:2]):
        facts = list(group)  # of one predicate
        forms = [_format(slots, fact) for fact in facts]
        if not all(map(Format.is_ordered, forms, forms[1:])):
            runs += facts
            last = ""
        elif subject == last:
            runs[-1] += "".join(facts)
        else:
            runs.append("".join(facts))
            last = subject
    return runs


def _numbers(slots: Slots, text: str) -> Iterator[tuple[str, int, str]]:
    """The literals that are numbers: as the marker writes them, which slot, which datatype."""
    for index in slots.numbers:
        marker = slots.markers[index]
        for body in {str(marker), double(float(marker))}:
            for datatype in {part.partition(">")[0] for part in text.split(f'"{body}"^^<')[1:]}:
                term = f'"{body}"^^<{datatype}>'
                if literal(marker, datatype) == term:
                    yield term, index, datatype


def _objects(value: Any) -> Iterator[Mapping[str, Any]]:
    """The objects of a document, the outermost first."""
    if isinstance(value, Mapping):
        yield value
    for member in _members(value):
        yield from _objects(member)


def _leaves(value: Any) -> Iterator[str]:
    """The texts of a document."""
    if isinstance(value, str):
        yield value
    for member in _members(value):
        yield from _leaves(member)


def _members(value: Any) -> Iterable[Any]:
    return value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
