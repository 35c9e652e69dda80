"""The page docs/codes.md as the code has it; run as a module it writes the page."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from pathlib import Path

from wire.problem import Problem

ROOT = Path(__file__).parent.parent
PACKAGES = (
    *("intaglio", "wire", "keys", "ledger", "did", "vc"),
    *("exchange", "issuer", "holder", "verifier", "examples"),
)
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


def kinds() -> list[type[Problem]]:
    """Every class of the tree, in all packages."""

    def below(kind: type[Problem]) -> Iterator[type[Problem]]:
        yield kind
        for found in kind.__subclasses__():
            yield from below(found)

    for package in PACKAGES:
        for module in pkgutil.walk_packages(importlib.import_module(package).__path__, f"{package}."):
            if not module.name.endswith("__main__") or module.name == "intaglio.__main__":
                importlib.import_module(module.name)
    found = {kind for kind in below(Problem) if kind.__module__.partition(".")[0] in PACKAGES}
    return sorted(found, key=lambda kind: (kind.code, kind.__module__))


def meaning(kind: type[Problem]) -> str:
    """What the class stands for: the first sentences of its docstring."""
    return " ".join((inspect.getdoc(kind) or "").split("\n\n")[0].split())


def page() -> str:
    """The whole page."""
    from intaglio.__main__ import exit_code
    from intaglio.words.findings import FINDINGS
    from intaglio.words.health import SAID
    from intaglio.words.remedies import REMEDIES
    from issuer.desk.http import status_of

    lines = []
    for kind in kinds():
        type_ = "" if kind.type == "about:blank" else f"`{kind.type}`"
        example = kind.__new__(kind)
        cells = (
            f"`{kind.code}`",
            meaning(kind),
            REMEDIES.get(kind.code, ""),
            exit_code(example),
            status_of(example),
            type_,
        )
        lines.append(f"| {' | '.join(map(str, cells))} |\n")
    checks = [f"| `{code}` | {sentence} |\n" for code, sentence in FINDINGS.items()]
    found = [f"| `{code}` | {said.finding} | {said.remedy} |\n" for code, said in SAID.items()]
    return "".join((_PROBLEMS, *lines, _CHECKS, *checks, _HEALTH, *found))


if __name__ == "__main__":
    PAGE.write_text(page())
