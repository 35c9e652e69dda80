"""RDF Dataset Canonicalization, RDFC-1.0: the same statements always give the same text.

A dataset comes as graphs of ready-made pieces of N-Quads in which a blank node is still an integer. Nearly
every credential is done after one hash per blank node (4.6, first degree). Only where two blank nodes look
alike the expensive part runs (4.8, N degrees), and its work is counted: graphs made to stall a verifier
("poison graphs") are refused.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from itertools import islice, permutations
from operator import eq
from typing import Any

from wire import TooLarge
from wire.work import BYTES_HASHED, BYTES_WRITTEN, STATEMENT, Work

from .problem import TOO_COMPLEX

DEEPEST = 250  # blank nodes on one path through equal-looking neighbours

Node = int | str  # a blank node, or the finished N-Quads term


class Graph:
    """Statements of one graph: complete lines, the rest of lines about a blank node, and links.

    `lines` and `facts` end in " .\\n"; a fact starts with the space after its subject; the predicate of a
    link has a space on both sides, and its subject or its object is a blank node.
    """

    __slots__ = ("facts", "lines", "links", "new")

    def __init__(self, new: Callable[[], list[Any]] = list) -> None:
        self.new = new
        self.lines: list[str] = new()
        self.facts: dict[int, list[str]] = {}
        self.links: list[tuple[Node, str, Node]] = new()


class Dataset:
    """Graphs by name: "" is the default graph; blank nodes are numbered from 0 to `blanks` - 1.

    `new` makes the lists that statements are appended to: those that `charged` makes charge for each.
    """

    __slots__ = ("blanks", "graphs", "new")

    def __init__(self, new: Callable[[], list[Any]] = list) -> None:
        self.new = new
        self.blanks = 0
        self.graphs: dict[Node, Graph] = {"": Graph(new)}

    def statements(self) -> int:
        """The number of statements, repeated ones included."""
        return sum(
            len(graph.lines) + len(graph.links) + sum(map(len, graph.facts.values()))
            for graph in self.graphs.values()
        )

    def blank(self) -> int:
        number = self.blanks
        self.blanks = number + 1
        return number

    def add(self, subject: Node, predicate: str, value: Node, name: Node = "") -> None:
        """Add one statement given as whole terms."""
        graph = self.graphs.setdefault(name, Graph(self.new))
        if isinstance(value, int):
            graph.links.append((subject, f" {predicate} ", value))
        elif isinstance(subject, int):
            graph.facts.setdefault(subject, graph.new()).append(f" {predicate} {value} .\n")
        else:
            graph.lines.append(f"{subject} {predicate} {value} .\n")


def charged(work: Work) -> Callable[[], list[Any]]:
    """Makes lists whose appended lines and links are charged by bytes: few long names can fill any memory."""

    class Counted(list[Any]):
        __slots__ = ()

        def append(self, statement: Any) -> None:
            written = 0
            for text in (statement,) if isinstance(statement, str) else statement:
                if isinstance(text, str):
                    written += len(text) if text.isascii() else 4 * len(text)
            work.left -= written // BYTES_WRITTEN
            # Threat F1.
            if work.left < 0:
                raise TOO_COMPLEX("the document has long names or ids that stand in too many statements")
            super().append(statement)

    return Counted


def canonicalize(dataset: Dataset, *, digest: str = "sha256", work: Work | None = None) -> str:
    """The canonical N-Quads of a dataset (RDFC-1.0 4.4), sorted by code point.

    `digest` is "sha256" or "sha384". Raises TooLarge when it takes more than is left of `work`, TOO_COMPLEX
    if that is for telling blank nodes apart.
    """
    lines, _ = canonical_lines(dataset, digest=digest, work=work or Work())
    return "".join(lines)


def canonical_lines(dataset: Dataset, *, digest: str, work: Work) -> tuple[list[str], list[int]]:
    """The canonical N-Quads, sorted, and each blank node's canonical number. Raises as `canonicalize`."""
    # ADR 23: charged before it is done.
    work.spend(STATEMENT * dataset.statements())
    numbers = labels(dataset, digest=digest, work=work)
    out = n_quads(dataset, [f"_:c14n{number}" for number in numbers])
    out.sort()
    if any(map(eq, out, islice(out, 1, None))):  # most say nothing twice, and to hash them all takes longer
        out = sorted(set(out))
    work.spend(sum(map(len, out)) // BYTES_HASHED)
    return out, numbers


def n_quads(dataset: Dataset, names: Sequence[str]) -> list[str]:
    """The N-Quads of all statements, in no order, by the labels of the blank nodes."""
    out: list[str] = []
    for graph_name, graph in dataset.graphs.items():
        if graph_name == "":
            end = " .\n"
            out += graph.lines
            for blank, facts in graph.facts.items():
                name = names[blank]
                out += [name + fact for fact in facts]
        else:
            end = f" {names[graph_name] if isinstance(graph_name, int) else graph_name} .\n"
            out += [line[:-3] + end for line in graph.lines]
            for blank, facts in graph.facts.items():
                name = names[blank]
                out += [name + fact[:-3] + end for fact in facts]
        for subject, predicate, value in graph.links:
            subject = names[subject] if isinstance(subject, int) else subject
            value = names[value] if isinstance(value, int) else value
            out.append(subject + predicate + value + end)
    return out


def labels(dataset: Dataset, *, digest: str = "sha256", work: Work | None = None) -> list[int]:
    """The canonical number of each blank node (RDFC-1.0 4.4.3, steps 3 to 5)."""
    # A single blank node is c14n0, whatever is said of it.
    if dataset.blanks < 2:
        return [0] * dataset.blanks
    hasher = {"sha256": hashlib.sha256, "sha384": hashlib.sha384}[digest]
    groups: dict[str, list[int]] = {}
    hashes = []
    for blank, lines in enumerate(first_degree(dataset)):
        hashes.append(hasher("".join(sorted(lines)).encode()).hexdigest())
        if lines:  # a blank node that is in no statement does not count
            groups.setdefault(hashes[blank], []).append(blank)
    issued: dict[int, int] = {}
    ties = []
    for value in sorted(groups):
        group = groups[value]
        # 4.4.3, step 4: those that their hashes tell apart get their numbers first.
        if len(group) == 1:
            issued[group[0]] = len(issued)
        else:
            ties.append(group)
    if ties:
        _Ties(dataset, hasher, hashes, issued, work or Work()).settle(ties)
    return [issued.get(blank, 0) for blank in range(dataset.blanks)]


def first_degree(dataset: Dataset) -> list[list[str]]:
    """For each blank node the statements it is in, itself written _:a and every other one _:z (4.6.3).

    Repeated statements must go before the substitution: afterwards two different ones can look alike.
    """
    about: list[list[str]] = [[] for _ in range(dataset.blanks)]
    for name, graph in dataset.graphs.items():
        if name == "":
            for blank, facts in graph.facts.items():
                about[blank] += ["_:a" + fact for fact in set(facts)]
        else:
            if isinstance(name, int):
                about[name] += [line[:-3] + " _:a .\n" for line in set(graph.lines)]
            for blank, facts in graph.facts.items():
                for fact in set(facts):
                    _describe(about, blank, fact[:-3], "", name)
        for subject, predicate, value in set(graph.links):
            if name != "" or not isinstance(value, int):
                _describe(about, subject, predicate, value, name)
            elif isinstance(subject, str):  # these two are nearly all that there are
                about[value].append(f"{subject}{predicate}_:a .\n")
            elif subject != value:
                about[subject].append(f"_:a{predicate}_:z .\n")
                about[value].append(f"_:z{predicate}_:a .\n")
            else:
                about[value].append(f"_:a{predicate}_:a .\n")
    return about


def _describe(about: list[list[str]], subject: Node, middle: str, value: Node, name: Node) -> None:
    for blank in {term for term in (subject, value, name) if isinstance(term, int)}:
        end = f" {_masked(name, blank)} .\n" if name != "" else " .\n"
        about[blank].append(_masked(subject, blank) + middle + _masked(value, blank) + end)


def _masked(term: Node, blank: int) -> str:
    return term if isinstance(term, str) else "_:a" if term == blank else "_:z"


class _Ties:
    """Blank nodes with equal first-degree hashes, told apart by their neighbourhood (RDFC-1.0 4.8)."""

    def __init__(
        self, dataset: Dataset, hasher: Callable[[bytes], hashlib._Hash], hashes: list[str],
        issued: dict[int, int], work: Work,
    ) -> None:  # fmt: skip
        self.hasher = hasher
        self.hashes = hashes
        self.issued = issued
        self.work = work
        self.neighbours: list[list[tuple[str, int]]] = [[] for _ in hashes]
        for subject, predicate, value, name in _quads(dataset):
            places = [("s", predicate, subject), ("o", predicate, value), ("g", "", name)]
            blanks = [(place + hint, term) for place, hint, term in places if isinstance(term, int)]
            for blank in {term for _, term in blanks}:
                self.neighbours[blank] += [seen for seen in blanks if seen[1] != blank]

    def settle(self, ties: list[list[int]]) -> None:
        """Issue canonical numbers to all members of the groups, which come sorted by hash (4.4.3, step 5)."""
        for group in ties:
            results = [self.walk(blank, {blank: 0}) for blank in group if blank not in self.issued]
            for _, path in sorted(results, key=lambda result: result[0]):
                for blank in path:
                    self.issued.setdefault(blank, len(self.issued))

    def spend(self, steps: int) -> None:
        self.work.left -= steps
        if self.work.left < 0:
            raise self.refused()

    def refused(self) -> TooLarge:
        return TOO_COMPLEX(
            "too many nodes of the document without an id look alike", hint="Give repeated objects an id."
        )

    def walk(self, blank: int, path: dict[int, int]) -> tuple[str, dict[int, int]]:
        """Hash N-Degree Quads (4.8.3): the hash of a neighbourhood, and the numbers given on the way."""
        # Threat 33.
        if len(path) > DEEPEST:
            raise self.refused()
        data = ""
        for related_hash, related in sorted(self.grouped(blank, path).items()):
            best: tuple[str, dict[int, int]] | None = None
            for order in self.orders(related):
                tried = self.follow(order, path, best[0] if best else None)
                if tried and (best is None or tried[0] < best[0]):
                    best = tried
            assert best is not None, "the first order is never cut short"
            data += related_hash + best[0]
            path = best[1]
        self.spend(len(data) // BYTES_HASHED)
        return self.hasher(data.encode()).hexdigest(), path

    def grouped(self, blank: int, path: dict[int, int]) -> dict[str, list[int]]:
        """The neighbours by Hash Related Blank Node (4.7.3)."""
        neighbours = self.neighbours[blank]
        # Threat 33: long names are hashed again at each step.
        self.spend(2 + 2 * len(neighbours) + sum(len(place) for place, _ in neighbours) // BYTES_HASHED)
        groups: dict[str, list[int]] = {}
        for place, other in neighbours:
            name = self.name(other, path) or self.hashes[other]
            groups.setdefault(self.hasher((place + name).encode()).hexdigest(), []).append(other)
        return groups

    def name(self, blank: int, path: dict[int, int]) -> str:
        if blank in self.issued:
            return f"_:c14n{self.issued[blank]}"
        return f"_:b{path[blank]}" if blank in path else ""

    def orders(self, related: list[int]) -> Iterator[tuple[int, ...]]:
        """All orders to try; one is enough for leaves, since exchanging them changes nothing."""
        if all(len(self.neighbours[blank]) == 1 for blank in related):
            return iter([tuple(related)])
        return permutations(related)

    def follow(
        self, order: tuple[int, ...], path: dict[int, int], best: str | None
    ) -> tuple[str, dict[int, int]] | None:
        """One order (4.8.3, step 5.4): its text, unless it cannot be smaller than the best so far."""
        # Threat 33: there are as many orders as permutations, so that each is charged before it is tried.
        self.spend(1 + len(order) + len(path) // 4)
        path = dict(path)
        text = ""
        deeper = []
        for blank in order:
            if blank not in self.issued and blank not in path:
                path[blank] = len(path)
                deeper.append(blank)
            text += self.name(blank, path)
            if best is not None and len(text) >= len(best) and text > best:
                return None
        for blank in deeper:
            value, path_after = self.walk(blank, path)
            text += f"{self.name(blank, path)}<{value}>"
            path = path_after
            if best is not None and len(text) >= len(best) and text > best:
                return None
        return text, path


def _quads(dataset: Dataset) -> Iterator[tuple[Node, str, Node, Node]]:
    """Statements that hold more than one blank node, each once; predicates as <iri>."""
    for name, graph in dataset.graphs.items():
        for subject, predicate, value in set(graph.links):
            yield subject, predicate.strip(), value, name
        if isinstance(name, int):
            for blank, facts in graph.facts.items():
                for fact in set(facts):
                    yield blank, fact[1 : fact.index("> ") + 1], "", name
