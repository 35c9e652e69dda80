"""The canonical form of many documents of one shape: the constant parts are worked out once.

A document with markers in its slots is walked as any other. Its statements then give the N-Quads, and the
text that each blank node is hashed by (RDFC-1.0 4.6), as formats. The labels of the blank nodes follow from
these hashes, so they are worked out for each document. Whatever could come out in another way for other
values is left to the general path: `compiled` or the skeleton gives `None`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from itertools import islice
from operator import eq, itemgetter
from typing import Any

from wire.problem import Problem
from wire.work import Work

from ...slots import MOST, Filled, Format, Slots
from .canonical import secured
from .context import Contexts, Meter
from .literal import double, escaped, literal
from .plain import NOTHING, SMALL, cost, plainly
from .problem import LONGEST_NAME, InvalidDocument
from .rdfc import Dataset, first_degree, written
from .walker import Walk

_TERM = re.compile(r'"(?:[^"\\]|\\.)*"|<([^>]*)>')
# What an IRI may hold behind its scheme, as `context.IRI` has it, without the one character of these that a
# literal would escape.
_in_iri = re.compile(r'[^\x00-\x20<>"{}|\\^`\x7f\ufffe\uffff]*').fullmatch


def compiled(
    document: Mapping[str, Any], slots: Slots, digest: str, contexts: Contexts | None
) -> Skeleton | None:
    """The skeleton of a document that holds the markers of `slots`; `None` for one that has none.

    `digest` and `contexts` are as `canonicalize` has them.
    """
    dataset = _statements(dict(document), contexts or secured())
    if dataset is None or dataset.blanks > MOST // 2:
        return None
    try:
        return Skeleton(document, dataset, slots, digest)
    except _Unclear:
        return None


class _Unclear(Exception):
    """Other values could give another form than the skeleton does."""


class Skeleton:
    """Writes the canonical form of any document of one shape (RDFC-1.0 4.4)."""

    def __init__(self, document: Mapping[str, Any], dataset: Dataset, slots: Slots, digest: str) -> None:
        self._hasher = getattr(hashlib, digest)
        blocks = ["".join(sorted(lines)) for lines in first_degree(dataset)]
        if not all(blocks):  # RDFC-1.0 4.4.3: a blank node that is in no statement gets no number
            raise _Unclear
        labels = len(slots.markers)
        names = [slots.marker(labels + blank) for blank in range(dataset.blanks)]
        text = "".join(written(dataset, names))
        self._numbers = list(_numbers(slots, text))
        for column, (term, _, _) in enumerate(self._numbers, labels + dataset.blanks):
            text = text.replace(term, slots.marker(column))
            blocks = [block.replace(term, slots.marker(column)) for block in blocks]
        self._lines = _format(slots, text.rstrip("\n"))
        self._names(slots, text)
        self._ids(slots, document)
        self._hashes, self._varying = [], []
        varying = []
        for blank, block in enumerate(blocks):
            self._hashes.append(self._hasher(block.encode()).digest())
            if _ordered(slots, block).columns:
                self._varying.append(blank)
                varying.append(block)
        self._blocks = _format(slots, "\0".join(varying))  # no statement holds U+0000: it is escaped
        if any(body in str(form.parts) for form in (self._lines, self._blocks) for body in _bodies(slots)):
            raise _Unclear  # a number is written in a way that is not known here
        self._blanks = range(dataset.blanks)
        self._labels = [f"_:c14n{number}".encode() for number in self._blanks]

    def _names(self, slots: Slots, text: str) -> None:
        """What the IRIs ask of the values in them, so that the general path would write them as they are."""
        terms = {found[1] for found in _TERM.finditer(text) if found[1] and slots.token in found[1]}
        forms = [_format(slots, term) for term in sorted(terms)]
        if not forms:
            raise _Unclear
        self._leads = []
        for form in forms:
            scheme = form.parts[0]
            assert isinstance(scheme, str)
            if scheme:
                if ":" not in scheme:
                    raise _Unclear
                continue
            index = form.columns[0]
            if not slots.leads[index]:
                raise _Unclear
            self._leads.append((index, slots.leads[index]))
        columns = sorted({column for form in forms for column in form.columns})
        self._in_names = itemgetter(*columns, columns[0])  # always a tuple
        # Together the values are not longer than what is left in the IRI that has the least room.
        constant = max(sum(len(str(part)) for part in form.parts[::2]) for form in forms)
        self._room = (LONGEST_NAME - constant) // max(len(form.columns) for form in forms)

    def _ids(self, slots: Slots, document: Mapping[str, Any]) -> None:
        """The ids: no object in the document may turn out to have that of the document itself."""
        own, *others = _ids_in(document)
        self._named = _format(slots, "\n".join([own, *sorted(set(others))]))

    def __call__(self, filled: Filled) -> bytes | None:
        """The N-Quads of the document with these values; see `Canonical`."""
        names = "".join(self._in_names(filled.texts))
        if len(names) > self._room or not _in_iri(names):
            return None
        if not all(filled.texts[index].startswith(lead) for index, lead in self._leads):
            return None
        own, *others = self._named(filled.row).split(b"\n")
        if own in others:
            return None
        try:
            row = filled.row if filled.is_plain else [escaped(text).encode() for text in filled.texts]
            numbers = [
                literal(filled.values[index], datatype).encode() for _, index, datatype in self._numbers
            ]
        except InvalidDocument:  # the general path says what is wrong
            return None
        return self._canonical(row, numbers)

    def _canonical(self, row: list[bytes], numbers: list[bytes]) -> bytes | None:
        labels, hashes = self._labels, self._hashes.copy()
        blocks = self._blocks([*row, *labels, *numbers]).split(b"\0")
        for blank, block in zip(self._varying, blocks, strict=False):
            hashes[blank] = self._hasher(block).digest()
        if len(set(hashes)) < len(hashes):  # told apart by Hash N-Degree Quads (4.8)
            return None
        names = labels.copy()
        for number, blank in enumerate(sorted(self._blanks, key=hashes.__getitem__)):
            names[blank] = labels[number]
        lines = self._lines([*row, *names, *numbers]).split(b"\n")
        lines.sort()  # UTF-8 sorts as code points do
        if any(map(eq, lines, islice(lines, 1, None))):  # a statement that is made twice counts once
            return None
        lines.append(b"")
        return b"\n".join(lines)


def _statements(document: dict[str, Any], contexts: Contexts) -> Dataset | None:
    """The statements of a document that is spelled as it is read, and small, as `canonical` makes them.

    Other documents may hold lists, graphs, language maps, compact IRIs.
    """
    size, steps = cost(document)
    if not steps > 0 or size > SMALL or not contexts.names:
        return None
    meter = Meter(Work())
    try:
        plain = plainly(Walk(contexts, meter, NOTHING), document, states=True)
    except Problem:
        return None
    finally:
        contexts.settle(meter)
    return plain.dataset if plain else None


def _format(slots: Slots, text: str) -> Format:
    form = slots.format(text)
    if form is None:
        raise _Unclear
    return form


def _ordered(slots: Slots, block: str) -> Format:
    """A blank node's statements, if their order does not depend on values: two facts of a predicate may."""
    lines = [_format(slots, line + "\n") for line in block.removesuffix("\n").split("\n")]
    if not all(map(Format.is_ordered, lines, lines[1:])):
        raise _Unclear
    return _format(slots, block)


def _numbers(slots: Slots, text: str) -> Iterator[tuple[str, int, str]]:
    """The literals that are numbers: as the marker has them, the slot, the datatype."""
    for index in slots.numbers:
        marker = slots.markers[index]
        for body in {str(marker), double(float(marker))}:
            for datatype in {part.partition(">")[0] for part in text.split(f'"{body}"^^<')[1:]}:
                term = f'"{body}"^^<{datatype}>'
                if literal(marker, datatype) == term:
                    yield term, index, datatype


def _bodies(slots: Slots) -> list[str]:
    return [double(float(slots.markers[index])) for index in slots.numbers]


def _ids_in(value: Any) -> Iterator[str]:
    """The id of the outermost object, or "", and those of all others that have one."""
    if isinstance(value, Mapping):
        yield str(value.get("id", ""))
        for name, member in value.items():
            if name != "@context":
                yield from (found for found in _ids_in(member) if found)
    elif isinstance(value, list):
        for member in value:
            yield from _ids_in(member)
