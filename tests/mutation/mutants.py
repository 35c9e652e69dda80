"""Generates the possible breaks of a file, one small change at a time, foreseen or not.

Comparisons and boolean operators, numbers by one, statements and raises that are gone, arguments swapped,
other values returned. Changes to the words of messages are left out.
"""

from __future__ import annotations

import ast
import random
from collections.abc import Container, Iterable, Iterator, Mapping
from typing import NamedTuple

from tests.mutation.source import Function, Source, functions
from tests.mutation.workshop import ROOT, Edit

_OTHER: dict[type[ast.cmpop], str] = {
    ast.Eq: "!=", ast.NotEq: "==", ast.Lt: "<=", ast.LtE: "<", ast.Gt: ">=", ast.GtE: ">",
    ast.Is: "is not", ast.IsNot: "is", ast.In: "not in", ast.NotIn: "in",
}  # fmt: skip
_WORDS = frozenset({"hint", "detail", "title"})


class Mutant(NamedTuple):
    """One break of one function."""

    function: str
    line: int
    what: str
    edit: Edit


def sampled(source: Source, most: int, seed: int = 0) -> Iterator[Mutant]:
    """Up to `most` mutants of each function, always the same ones for a seed."""
    for name, node in functions(source.tree):
        compiling = [mutant for mutant in mutants(source, name, node) if source.compiles(mutant.edit)]
        chance = random.Random(f"{seed} {source.file} {name}")
        yield from sorted(
            chance.sample(compiling, min(most, len(compiling))), key=lambda mutant: mutant.edit.start
        )


def scattered(
    files: Iterable[str], lines: Mapping[str, Container[int] | None], seed: int
) -> Iterator[Mutant]:
    """Mutants of all these files in a random order, the same one for a seed; of some of their lines each."""
    sources = [Source(file, (ROOT / file).read_text()) for file in files]
    whole = [
        (source, mutant)
        for source in sources
        for name, node in functions(source.tree)
        for mutant in mutants(source, name, node)
        if (wanted := lines[source.file]) is None or mutant.line in wanted
    ]
    random.Random(seed).shuffle(whole)
    return (mutant for source, mutant in whole if source.compiles(mutant.edit))


def mutants(source: Source, name: str, function: Function) -> Iterator[Mutant]:
    """All of them, in no order that matters."""

    def mutant(node: ast.expr | ast.stmt, text: str) -> Mutant:
        before = " ".join(source.text_of(node).split())
        what = f"{before[:70]} → {' '.join(text.split())[:70] or 'nothing'}"
        return Mutant(name, node.lineno, what, source.replaced(node, text))

    for node in _code(function):
        match node:
            case ast.Compare(left, [operator], [right]):
                other = _OTHER[type(operator)]
                yield mutant(node, f"({source.text_of(left)} {other} {source.text_of(right)})")
            case ast.BoolOp(operator, values):
                texts = [f"({source.text_of(value)})" for value in values]
                yield mutant(node, f"({(' or ' if isinstance(operator, ast.And) else ' and ').join(texts)})")
                for place in range(len(texts)):
                    word = " and " if isinstance(operator, ast.And) else " or "
                    yield mutant(node, f"({word.join(texts[:place] + texts[place + 1 :])})")
            case ast.UnaryOp(ast.Not(), operand):
                yield mutant(node, f"({source.text_of(operand)})")
            case ast.Constant(bool(value)):
                yield mutant(node, str(not value))
            case ast.Constant(int(value)):
                yield mutant(node, str(value + 1))
                yield mutant(node, f"({value - 1})")
            case ast.Call(ast.Name("min" | "max"), _):  # they do not mind the order
                continue
            case ast.Call(_, [ast.expr() as first, ast.expr() as two, *_]) if not _starred(first, two):
                yield _swapped(source, name, node, first, two)
            case ast.Return(ast.expr() as value) if not isinstance(value, ast.Constant):
                yield mutant(value, "None")
            case ast.Expr(ast.Call()) | ast.Raise() | ast.AugAssign() | ast.Continue() | ast.Break():
                yield mutant(node, "pass")
            case ast.Assign([ast.Attribute() | ast.Subscript()]):
                yield mutant(node, "pass")


def _code(function: Function) -> Iterator[ast.AST]:
    """The nodes that do something: no types, decorators, words of messages."""
    waiting: list[ast.AST] = [
        *function.args.defaults,
        *filter(None, function.args.kw_defaults),
        *function.body,
    ]
    while waiting:
        node = waiting.pop()
        yield node
        match node:
            case ast.JoinedStr():
                continue
            case ast.Raise(ast.Call()):  # what it says does not matter, that it is raised does
                continue
            case ast.AnnAssign(_, _, value):
                waiting += [value] if value else []
                continue
            case ast.keyword(arg) if arg in _WORDS:
                continue
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                waiting += node.body
                continue
        waiting += ast.iter_child_nodes(node)


def _starred(*nodes: ast.expr) -> bool:
    return any(isinstance(node, ast.Starred) for node in nodes)


def _swapped(source: Source, name: str, call: ast.Call, left: ast.expr, two: ast.expr) -> Mutant:
    first, second = source.replaced(left, ""), source.replaced(two, "")
    whole = source.replaced(call, "")
    text = source.text_of(call).encode()
    head, between, tail = (
        text[: first.start - whole.start],
        text[first.end - whole.start : second.start - whole.start],
        text[second.end - whole.start :],
    )
    swapped = head + source.text_of(two).encode() + between + source.text_of(left).encode() + tail
    what = f"{' '.join(text.decode().split())[:70]} → its first arguments swapped"
    return Mutant(name, call.lineno, what, whole._replace(text=swapped.decode()))
