"""N-Quads to the dataset that `vc.vcdm.jsonld.rdfc` canonicalises: enough grammar for the test corpora."""

from __future__ import annotations

import re

from vc.vcdm.jsonld.literal import closing, escaped
from vc.vcdm.jsonld.rdfc import Dataset, Node

_TERM = re.compile(
    r"""[ \t]*(?: <(?P<iri>[^>]*)> | _:(?P<blank>[\w:.\-·]*[\w:\-·])
      | "(?P<text>(?:[^"\\]|\\.)*)"(?: \^\^<(?P<datatype>[^>]*)> | @(?P<language>[A-Za-z0-9\-]+) )? )""",
    re.VERBOSE,
)
_ESCAPE = re.compile(r"\\(?:u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|(.))")
_CHARACTERS = {"t": "\t", "b": "\b", "n": "\n", "r": "\r", "f": "\f"}


def parse(text: str) -> tuple[Dataset, dict[str, int]]:
    """The dataset, and the number of each blank node by its label."""
    dataset = Dataset()
    labels: dict[str, int] = {}
    for line in text.split("\n"):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        terms: list[Node] = []
        position = 0
        while term := _TERM.match(line, position):
            position = term.end()
            terms.append(_term(term, dataset, labels))
        assert re.fullmatch(r"[ \t]*\.[ \t]*(#.*)?", line[position:]), line
        subject, predicate, value, *name = terms
        assert isinstance(predicate, str)
        dataset.add(subject, predicate, value, *name)
    return dataset, labels


def _term(term: re.Match[str], dataset: Dataset, labels: dict[str, int]) -> Node:
    if term["iri"] is not None:
        return f"<{_unescaped(term['iri'])}>"
    if term["blank"] is not None:
        if term["blank"] not in labels:
            labels[term["blank"]] = dataset.blank()
        return labels[term["blank"]]
    datatype = _unescaped(term["datatype"]) if term["datatype"] else None
    return '"' + escaped(_unescaped(term["text"])) + closing(datatype, term["language"])


def _unescaped(text: str) -> str:
    def character(escape: re.Match[str]) -> str:
        code = escape[1] or escape[2]
        return chr(int(code, 16)) if code else _CHARACTERS.get(escape[3], escape[3])

    return _ESCAPE.sub(character, text)
