"""The pages of docs/reference as the docstrings have them; run as a module it writes the pages."""

from __future__ import annotations

import ast
import functools
import importlib
import inspect
from collections.abc import Iterator, Mapping
from enum import Enum
from itertools import pairwise
from pathlib import Path
from typing import Any

from tests.sources import PACKAGES, ROOT, tree

FOLDER = ROOT / "docs" / "reference"
PUBLIC = [*(name for name in PACKAGES if name not in {"intaglio", "examples"}), "vc.vcdm.jsonld"]
_INDEX = """\
# Reference

Every public name with its docstring, package by package; [stability](../stability.md) says what a public \
name promises, and [library](../library.md) shows them at work. `python -m tests.reference` writes these \
pages, and a test compares them with the program.

| Package | Content |
| --- | --- |
"""


class Undocumented(Exception):
    """A public name without a docstring."""


@functools.cache
def _constants(package: str) -> Mapping[str, str]:
    """The docstrings behind the constants of a package's modules, by name."""
    folder = Path(str(importlib.import_module(package).__file__)).parent
    return {
        target.id: inspect.cleandoc(text.value.value)
        for file in sorted(folder.rglob("*.py"))
        for row, text in pairwise(tree(file).body)
        if isinstance(row, ast.Assign | ast.AnnAssign)
        for target in (row.targets if isinstance(row, ast.Assign) else [row.target])
        if isinstance(target, ast.Name)
        if isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant)
        if isinstance(text.value.value, str)
    }


class _Plain(str):
    """A text that a signature shows without quotation marks."""

    __repr__ = str.__str__


def _shown(parameter: inspect.Parameter) -> inspect.Parameter:
    """A default that is no literal is shown as `…`: it could have an address in memory."""
    default, annotation = parameter.default, parameter.annotation
    if not isinstance(default, bool | int | str | None) and default is not parameter.empty:
        default = _Plain("…")
    annotation = getattr(annotation, "__forward_arg__", annotation)
    if isinstance(annotation, str):
        annotation = _Plain(annotation)
    return parameter.replace(default=default, annotation=annotation)


def _signature(name: str, value: Any) -> str:
    """Name and public parameters; of an error the class above it."""
    if inspect.isclass(value):
        if issubclass(value, BaseException):
            return f"{name}({value.__mro__[1].__name__})"
        if getattr(value, "_is_protocol", False) or issubclass(value, Enum):
            return name
    signature = inspect.signature(value)
    parameters = [
        _shown(parameter)
        for parameter in signature.parameters.values()
        if parameter.name not in ("self", "cls") and not parameter.name.startswith("_")
    ]
    returned = signature.return_annotation
    if inspect.isclass(value) or not isinstance(returned, str):
        returned = signature.empty
    else:
        returned = _Plain(returned)
    return name + str(signature.replace(parameters=parameters, return_annotation=returned))


def _members(kind: type) -> Iterator[str]:
    """The documented public methods and properties that a class defines itself."""
    for name, member in vars(kind).items():
        function = member.__func__ if isinstance(member, classmethod | staticmethod) else member
        attribute = isinstance(member, property | functools.cached_property)
        text = inspect.getdoc(function)
        if text and not name.startswith("_") and (attribute or inspect.isfunction(function)):
            full = f"{kind.__name__}.{name}"
            yield f"### `{full if attribute else _signature(full, function)}`\n\n{text}\n"


def entry(package: str, name: str) -> str:
    """The part of a page about one name. Raises `Undocumented`."""
    value = getattr(importlib.import_module(package), name)
    value = inspect.unwrap(value) if callable(value) else value  # of a cache
    callable_ = inspect.isclass(value) or inspect.isfunction(value)
    text = inspect.getdoc(value) if callable_ else _constants(package).get(name)
    if not text:
        raise Undocumented(f"{package}.{name} has no docstring")
    head = f"## `{name}`\n\n"
    if callable_:
        head += f"`{'class ' * inspect.isclass(value)}{_signature(name, value)}`\n\n"
    return "\n".join((f"{head}{text}\n", *(_members(value) if inspect.isclass(value) else ())))


def pages() -> dict[str, str]:
    """Each page by its file's name."""
    texts, rows = {}, []
    for package in PUBLIC:
        module = importlib.import_module(package)
        about = inspect.getdoc(module) or ""
        rows.append(f"| [`{package}`]({package}.md) | {about.splitlines()[0]} |\n")
        entries = (entry(package, name) for name in sorted(module.__all__, key=str.casefold))
        texts[f"{package}.md"] = f"# `{package}`\n\n{about}\n\n" + "\n".join(entries)
    return {"README.md": _INDEX + "".join(rows), **texts}


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for page in FOLDER.glob("*.md"):
        page.unlink()
    for name, text in pages().items():
        (FOLDER / name).write_text(text, "utf-8")
