"""Finds nodes in a source file: functions by name, expressions and statements by their text."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tests.mutation.workshop import Edit

Function = ast.FunctionDef | ast.AsyncFunctionDef


def functions(tree: ast.Module) -> Iterator[tuple[str, Function]]:
    """Each function with its qualified name, such as `Verifier.verify`; what is inside one belongs to it."""

    def inside(node: ast.AST, name: str) -> Iterator[tuple[str, Function]]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, Function):
                yield f"{name}{child.name}", child
            elif isinstance(child, ast.ClassDef):
                yield from inside(child, f"{name}{child.name}.")

    return inside(tree, "")


class Source:
    """A file's text, and edits of its nodes."""

    def __init__(self, file: str, text: str) -> None:
        self.file, self._text = file, text.encode()
        self.tree = ast.parse(text)
        self._lines = [0]
        for line in self._text.splitlines(keepends=True):
            self._lines.append(self._lines[-1] + len(line))

    def function(self, name: str) -> Function:
        """Raises `LookupError`."""
        matches = [node for qualified, node in functions(self.tree) if qualified == name]
        if len(matches) != 1:
            raise LookupError(f"{self.file} has {len(matches)} functions {name}")
        return matches[0]

    def find(self, name: str, expression: str) -> ast.expr:
        """The only expression in a function that reads so. Raises `LookupError`."""
        wanted = ast.parse(expression, mode="eval").body
        alike = [node for node in ast.walk(self.function(name)) if type(node) is type(wanted)]
        matches = [node for node in alike if ast.unparse(node) == ast.unparse(wanted)]
        if len(matches) != 1:
            raise LookupError(f"{name} in {self.file} has the expression {len(matches)} times: {expression}")
        return matches[0]

    def text_of(self, node: ast.expr | ast.stmt) -> str:
        """The node as it stands there."""
        return self._text[slice(*self._span(node))].decode()

    def replaced(self, node: ast.expr | ast.stmt, text: str) -> Edit:
        """The edit that puts `text` in the node's place."""
        return Edit(self.file, *self._span(node), text)

    def within(self, name: str, old: str, new: str) -> Edit:
        """The edit of a piece of text, such as of SQL, that a function has once. Raises `LookupError`."""
        start, end = self._span(self.function(name))
        if self._text[start:end].count(old.encode()) != 1:
            raise LookupError(f"{name} in {self.file} does not have the text exactly once: {old}")
        place = self._text.index(old.encode(), start)
        return Edit(self.file, place, place + len(old.encode()), new)

    def compiles(self, edit: Edit) -> bool:
        """True if the file still compiles after the edit."""
        text = self._text[: edit.start] + edit.text.encode() + self._text[edit.end :]
        try:
            compile(text, self.file, "exec")
        except SyntaxError:
            return False
        return True

    def _span(self, node: ast.expr | ast.stmt) -> tuple[int, int]:
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        return (
            self._lines[node.lineno - 1] + node.col_offset,
            self._lines[node.end_lineno - 1] + node.end_col_offset,
        )
