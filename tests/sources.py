"""The sources of the program as syntax trees: each file is parsed and walked once a process."""

from __future__ import annotations

import ast
import functools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeVar, cast

ROOT = Path(__file__).parent.parent
PACKAGES = (
    *("intaglio", "wire", "keys", "ledger", "did", "vc"),
    *("exchange", "kinds", "issuer", "holder", "verifier", "hub", "examples"),
)
SOURCES = [path for name in PACKAGES for path in sorted((ROOT / name).rglob("*.py"))]
Node = TypeVar("Node", bound=ast.AST)
_LEAVES = (ast.expr_context, ast.operator, ast.unaryop, ast.boolop)
"""A third of all values, of which no test asks for the nodes."""


@functools.cache
def tree(path: Path) -> ast.Module:
    """The syntax tree of a file."""
    return ast.parse(path.read_text())


@functools.cache
def _by_kind(path: Path) -> Mapping[type[ast.AST], Sequence[ast.AST]]:
    by_kind: dict[type[ast.AST], list[ast.AST]] = {}
    level: list[ast.AST] = [tree(path)]
    while level:  # by hand, in half the time of `ast.walk`
        below: list[ast.AST] = []
        for node in level:
            by_kind.setdefault(type(node), []).append(node)
            for value in vars(node).values():
                if isinstance(value, list):
                    below += [each for each in value if isinstance(each, ast.AST)]
                elif isinstance(value, ast.AST) and not isinstance(value, _LEAVES):
                    below.append(value)
        level = below
    return by_kind


def nodes(path: Path, kind: type[Node]) -> Sequence[Node]:
    """The nodes of one kind in a file, in the order of `ast.walk`."""
    return cast("Sequence[Node]", _by_kind(path).get(kind, ()))
