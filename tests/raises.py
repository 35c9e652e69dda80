"""The exceptions that public functions raise directly, and those that their docstrings do not name."""

from __future__ import annotations

import ast
import importlib
import re
from collections.abc import Iterator
from pathlib import Path
from types import FunctionType, MethodType, ModuleType

from tests.sources import tree
from wire.problem import Code, Problem

Function = ast.FunctionDef | ast.AsyncFunctionDef
SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)


def raising(root: Path, path: Path) -> Iterator[tuple[str, str, list[list[str]]]]:
    """Each raising public function of a file: name, docstring, and the acceptable names for each class.

    A constructor's docstring is that of its class as well.
    """
    name = ".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__")
    module = importlib.import_module(name)
    for owner, node in _public(tree(path).body):
        raised = [
            names
            for each, caught in _raises(node)
            if (names := _names(each, module)) and not caught.intersection([*names, "Problem"])
        ]
        if raised:
            qualified = f"{owner.name}.{node.name}" if owner else node.name
            words = ast.get_docstring(node) or ""
            if owner and node.name.startswith("__"):
                words += ast.get_docstring(owner) or ""
            yield f"{name}.{qualified}", words, raised


def unsaid_in(words: str, raised: list[list[str]]) -> list[str]:
    """The classes that the words do not name, nor one that they are of; none where they name another
    function that has said it.
    """
    if re.search(r"[Rr]aises? (as|what) |See `", words):
        return []
    spoken = set(re.findall(r"\w+", words))
    return sorted({names[0] for names in raised if not spoken.intersection(names)})


def _public(
    body: list[ast.stmt], owner: ast.ClassDef | None = None
) -> Iterator[tuple[ast.ClassDef | None, Function]]:
    for node in body:
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            yield from _public(node.body, node)
        elif isinstance(node, Function) and (
            not node.name.startswith("_") or node.name in {"__init__", "__post_init__"}
        ):
            yield owner, node


def _raises(function: Function) -> Iterator[tuple[ast.expr, set[str]]]:
    """The operand of each `raise`, and the classes that are caught around it."""
    todo: list[tuple[ast.AST, set[str]]] = [(node, set()) for node in function.body]
    while todo:
        node, caught = todo.pop()
        if isinstance(node, ast.Raise) and node.exc is not None:
            yield node.exc, caught
        if isinstance(node, ast.Try):
            kinds = " ".join(ast.unparse(handler.type) for handler in node.handlers if handler.type)
            inside = caught.union(re.findall(r"\w+", kinds))
            todo += [(child, inside) for child in node.body]
            todo += [(child, caught) for child in (*node.handlers, *node.orelse, *node.finalbody)]
        elif not isinstance(node, SCOPES):
            todo += [(child, caught) for child in ast.iter_child_nodes(node)]


def _names(raised: ast.expr, module: ModuleType) -> list[str]:
    """The class that is raised and those that it is of, but for those that say nothing; none if caught."""
    expression = raised.func if isinstance(raised, ast.Call) else raised
    item: object = module
    for part in ast.unparse(expression).split("."):
        item = getattr(item, part, None)
    if isinstance(item, MethodType):  # such as `Kind.saying`
        item = item.__self__
    if isinstance(item, FunctionType):  # which makes it, and says so by its type
        item = item.__globals__.get(str(item.__annotations__.get("return")))
    code = [item.code.upper().replace("-", "_")] if isinstance(item, Code) else []
    kind = item.kind if isinstance(item, Code) else item
    if not isinstance(kind, type):
        return []
    silent = {Problem, Exception, BaseException, object}
    return [*code, *(each.__name__ for each in kind.__mro__ if each not in silent)]
