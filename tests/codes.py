"""The page docs/codes.md as the code has it; run as a module it writes the page."""

from __future__ import annotations

import ast
import functools
import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from itertools import pairwise

from tests.sources import PACKAGES, ROOT, SOURCES, tree
from wire.problem import Code, Problem, Raisable

PAGE = ROOT / "docs" / "codes.md"

_PROBLEMS = """\
# Codes

What goes wrong has a code that stays: scripts, other programs and translations rely on it, and on \
nothing in the sentence beside it. It stands in `code` of each problem, with `--json` and in the answers \
of the services; `facts` has by name what the sentence says. A code means one thing for ever; new ones \
come, finer ones among them: what is not known here is told by the exit code and by `type`, which is the \
specification's name where one has it. This page is compared with the program by a test.

*Exit* is the exit code of a command that ends with it, *HTTP* the status by which the issuer's service \
answers it. In a report it makes a check open where *Exit* is 3 or 75, else failed.

| Code | Meaning | What to do | Exit | HTTP | Type |
| --- | --- | --- | --- | --- | --- |
"""
_CHECKS = """
## Checks

A check's `code` is the name of its step and what was found, such as `status-not-revoked`; where that is \
a problem, its code, as in `status-revoked`. Steps that were not made have `not-reached`, or `not-asked` \
where only a DID was to be proved.

| Code | Sentence |
| --- | --- |
"""
_HEALTH = """
## Set-up

What `intaglio doctor` finds about a set-up, with `--json` as `code` and `facts` of each finding. In a \
sentence `count` is spelled from the facts, and `problem` is the detail of the problem that comes with it. A \
problem that leaves nothing more to look at is a finding under its own code.

| Code | Sentence | What to do |
| --- | --- | --- |
"""


@functools.cache
def kinds() -> dict[str, Raisable[Problem]]:
    """Every class of the tree and every code of one, in all packages, by the name in the program."""

    def below(kind: type[Problem]) -> Iterator[type[Problem]]:
        yield kind
        for finer in kind.__subclasses__():
            yield from below(finer)

    rows: dict[str, Raisable[Problem]] = {}
    for package in PACKAGES:
        for module in pkgutil.walk_packages(importlib.import_module(package).__path__, f"{package}."):
            if not module.name.endswith("__main__") or module.name == "intaglio.__main__":
                members = vars(importlib.import_module(module.name))
                rows |= {name: row for name, row in members.items() if isinstance(row, Code)}
    classes = {kind.__name__: kind for kind in below(Problem) if kind.__module__.split(".")[0] in PACKAGES}
    return dict(sorted((classes | rows).items(), key=lambda item: item[1].code))


@functools.cache
def _meanings() -> dict[str, str]:
    """The docstring behind each code that is a constant, by the constant's name."""
    return {
        row.targets[0].id: words.value.value
        for file in SOURCES
        for row, words in pairwise(tree(file).body)
        if isinstance(row, ast.Assign)
        and isinstance(row.targets[0], ast.Name)
        and isinstance(words, ast.Expr)
        and isinstance(words.value, ast.Constant)
        and isinstance(words.value.value, str)
    }


def meaning(name: str) -> str:
    """The meaning of a class or a code: the first sentences of its docstring."""
    kind = kinds()[name]
    words = _meanings()[name] if isinstance(kind, Code) else inspect.getdoc(kind) or ""
    return " ".join(words.split("\n\n")[0].split())


def page() -> str:
    """The whole page."""
    from intaglio.__main__ import exit_code
    from intaglio.words.health import SAID
    from intaglio.words.remedies import REMEDIES
    from issuer.desk.http import status_of
    from tests.phrases import FINDINGS

    lines = []
    for name, kind in kinds().items():
        example = kind("") if isinstance(kind, Code) else kind.__new__(kind)
        type_ = "" if example.type == "about:blank" else f"`{example.type}`"
        cells = (
            f"`{kind.code}`",
            meaning(name),
            REMEDIES.get(kind.code, ""),
            exit_code(example),
            status_of(example),
            type_,
        )
        lines.append(f"| {' | '.join(map(str, cells))} |\n")
    checks = [f"| `{code}` | {sentence} |\n" for code, sentence in FINDINGS.items()]
    health = [f"| `{code}` | {words.finding} | {words.remedy} |\n" for code, words in SAID.items()]
    return "".join((_PROBLEMS, *lines, _CHECKS, *checks, _HEALTH, *health))


if __name__ == "__main__":
    from tests import stability

    stability.require_kept(
        {"codes": stability.codes_in(PAGE.read_text())}, {"codes": stability.codes_in(page())}
    )
    PAGE.write_text(page())
