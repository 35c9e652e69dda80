"""Every comparison that binds one thing to another, and the test that fails when it is gone or inverted.

A national verifier once resolved the key by one name and trusted another name, because a refactoring had lost
one comparison. `bindings.txt` lists them all, by file: in words, the function, the expression, its
replacement for deletion, and the one or two tests that have to fail. The replacement lets the most pass; it
is `call` for one that raises, `SQL` for a condition of a statement. `test_bindings.py` deletes and inverts
each in a copy of the packages. A comparison that is not found exactly once is an error, so that the list
stays true.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tests.mutation.source import Source
from tests.mutation.workshop import Edit


class Binding(NamedTuple):
    """One comparison."""

    what: str
    file: str
    function: str
    expression: str
    gone: str
    tests: tuple[str, ...]

    def edits(self, source: Source) -> Iterator[tuple[str, Edit]]:
        """The name of each break, and the edit. Raises `LookupError` where it is not found exactly once."""
        if self.gone == "SQL":
            yield "deleted", source.within(self.function, self.expression, f"({self.expression} OR 1)")
            yield "inverted", source.within(self.function, self.expression, f"NOT ({self.expression})")
            return
        node = source.find(self.function, self.expression)
        yield "deleted", source.replaced(node, "None" if self.gone == "call" else self.gone)
        if self.gone in ("True", "False"):  # nothing else has an opposite
            yield "inverted", source.replaced(node, f"(not ({source.text_of(node)}))")


def _read(text: str) -> Iterator[Binding]:
    file = ""
    for block in text.strip().split("\n\n"):
        if block.startswith("# "):
            file = block.removeprefix("# ")
        else:
            what, function, expression, gone, *tests = map(str.strip, block.split("\n"))
            yield Binding(what, file, function, expression, gone, tuple(tests))


BINDINGS = tuple(_read((Path(__file__).parent / "bindings.txt").read_text()))
