"""Words stand above, facts below (ADR 44): no library speaks of commands, and each code has its words."""

from __future__ import annotations

import ast
import re
import string
from collections.abc import Iterator
from pathlib import Path

import pytest

from intaglio.words import remedy
from intaglio.words.health import COUNTED, SAID
from intaglio.words.remedies import REMEDIES, SPELLED
from issuer.table.finding import CODES
from kinds.shipped import SHIPPED, shipped
from tests import catalogues, codes
from tests.conftest import ROOT
from tests.sources import SOURCES, nodes
from wire.problem import Malformed, Problem, Refused, Unavailable

LIBRARIES = ("wire", "keys", "ledger", "did", "vc", "exchange", "kinds", "issuer", "holder", "verifier")
COMMAND = re.compile(
    r"\bintaglio( --\w|:? (issuer|wallet|verif(y|ier)|trust|ledger|hub|samples|doctor|demo)\b)"
    r"|(?<![\w-])--[a-z]"
)
MAGIC = {b"intaglio issuer backup", b"intaglio issuer backup 1\n", b"intaglio trust index 5\n"}
"""What files begin with, and what keys are derived for, since their first release."""
LABELS = {b"intaglio wallet: records", b"intaglio wallet: places"}


def programs() -> dict[str, str]:
    """The name in the program that each code has."""
    return {kind.code: name for name, kind in codes.kinds().items()}


def texts(file: Path) -> Iterator[str]:
    """Every text of a module, also in bytes, and of f-strings."""
    for node in nodes(file, ast.Constant):
        if isinstance(node.value, str | bytes):
            if node.value in MAGIC | LABELS:
                continue
            yield node.value if isinstance(node.value, str) else node.value.decode(errors="replace")


@pytest.mark.parametrize("package", LIBRARIES)
def test_below_the_command_line_nobody_knows_a_command_or_an_option(package: str) -> None:
    for file in sorted((ROOT / package).rglob("*.py")):
        for text in texts(file):
            assert not COMMAND.search(text), f"{file}: {text}"


def raised() -> Iterator[tuple[Path, str, frozenset[str]]]:
    """Where problems are made: the file, the code, and the facts that are given by name."""
    for place in catalogues.made():
        yield place.file, place.code, place.facts


TENANTS_OWN = {"index-not-durable": {"setting"}, "ledger-not-durable": {"setting"}}
"""The codes that `wire.postgres.tables` raises as `Tenant.not_durable`, and the facts that it gives."""


@pytest.mark.slow
def test_a_remedy_finds_its_facts_wherever_its_problem_is_raised() -> None:
    asked = {
        code: {name for _, name, _, _ in string.Formatter().parse(text) if name}
        for code, text in REMEDIES.items()
    }
    found = {code: False for code, fields in asked.items() if fields}
    for file, code, given in raised():
        if asked.get(code):
            found[code] = True
            spelled = SPELLED.get(code)
            wanted = (
                asked[code]
                if spelled is None
                else asked[code] - set(spelled(dict.fromkeys((*given, "x"), "x")))
            )
            assert wanted <= given, f"{file}: {code} has a remedy with {wanted}"
    assert {code for code, is_raised in found.items() if not is_raised} == TENANTS_OWN.keys()
    for code, fields in TENANTS_OWN.items():
        assert asked[code] == fields


def test_every_remedy_is_for_something_that_is_raised() -> None:
    names_in_program = programs()
    assert REMEDIES.keys() - names_in_program.keys() == set(CODES.values())
    names = {node.id for file in SOURCES for node in nodes(file, ast.Name) if isinstance(node.ctx, ast.Load)}
    assert {
        code for code in REMEDIES if code in names_in_program and names_in_program[code] not in names
    } == set()


def test_no_class_has_advice_of_its_own() -> None:
    """It would be said in one language, to whoever imports the class."""
    kinds = [kind for kind in codes.kinds().values() if isinstance(kind, type)]
    assert not [kind for kind in kinds if "advice" in kind.__dict__ or "hint" in kind.__dict__]


def examined() -> Iterator[tuple[str, str, set[str]]]:
    """Where something is found out about a set-up: its code, how it is found, its facts."""
    for file in SOURCES:
        for node in nodes(file, ast.Call):
            match node:
                case ast.Call(
                    func=ast.Attribute(value=ast.Name("Finding"), attr=how),
                    args=[ast.Constant(str(code)), *problem],
                ):
                    facts = {keyword.arg or "" for keyword in node.keywords}
                    yield code, how, facts | ({"problem"} if problem else set())


def test_each_finding_about_a_set_up_has_its_words_and_finds_its_facts() -> None:
    kinds: dict[str, set[str]] = {}
    for code, how, given in examined():
        kinds.setdefault(code, set()).add(how)
        counted = {"count": COUNTED[code](dict.fromkeys(given, 2))} if code in COUNTED else {}
        for text in SAID[code]:
            asked = {name for _, name, _, _ in string.Formatter().parse(text) if name}
            assert asked <= given | counted.keys(), code
            assert COMMAND.search(text) or "intaglio" not in text, text
    assert kinds.keys() == SAID.keys()
    assert all(len(how) == 1 for how in kinds.values()), "what is wrong once is not well elsewhere"


def test_who_raises_has_the_first_word_and_what_it_comes_from_the_last() -> None:
    class Busy(Unavailable):
        code = "try-later"

    assert remedy(Busy("full")) == "Try again in a few minutes."
    assert remedy(Busy("full", hint="Wait.")) == "Wait."
    assert remedy(Malformed("broken", because=Busy("full"))) == "Try again in a few minutes."
    assert remedy(Refused("no", hint="Ask.", because=Busy("full"))) == "Ask. Try again in a few minutes."
    assert remedy(Problem("nothing to be done")) == ""


SPEAKS = (
    "wire",
    "keys",
    "ledger",
    "did",
    "vc",
    "kinds",
    "exchange",
    "holder",
    "verifier",
    "issuer",
    "intaglio",
)
OF_ONE_KIND = re.compile("diploma|graduate", re.IGNORECASE)
NO_SENTENCES = {
    "diploma": "the name of a kind that comes along",
    "diploma-1": "the folder of its version of before",
    "diplomas": "a member of --json, which stays",
    "no-such-diploma": "a code, which stays",
    "issuer-diplomas-ahead": "a code, which stays",
    "Diploma": "a value of Open Badges, and its name",
    "SecondarySchoolDiploma": "a value of Open Badges",
    "Secondary school diploma": "its name",
    "examples.diploma.demo:demo": "the demo",
    "See a university, a graduate, an employer and a forger.": "the demo",
    "examples.diploma.samples:samples": "the samples",
}
"""What may be said of one kind, and why."""
SAMPLES = {"invented.py"}
"""The invented credentials of the page are diplomas."""


def sentences(file: Path) -> Iterator[str]:
    """The texts of a file that people see: of a docstring, those of commands, and those of codes."""
    if file.suffix == ".html":
        yield from re.findall(r"\btr(?:_count)?\((.*?)\)", file.read_text())
        return
    unseen = set()
    if "commands" not in file.parts and file.name != "problem.py":
        unseen = {node.value for node in nodes(file, ast.Expr)}
    for node in nodes(file, ast.Constant):
        if isinstance(node.value, str) and node not in unseen:
            yield node.value


def test_people_are_told_of_credentials_in_the_words_of_their_kind() -> None:
    """Whoever issues residents' proofs has no diplomas: `Issuer.nouns` says what a sentence calls them."""
    files = (
        file for place in SPEAKS for file in (ROOT / place).rglob("*") if file.suffix in (".py", ".html")
    )
    found = {
        text
        for file in files
        if file.name not in SAMPLES
        for text in sentences(file)
        if OF_ONE_KIND.search(text)
    }
    assert found == NO_SENTENCES.keys()


@pytest.mark.parametrize(
    "page",
    ["verifying", "trust-file", "chains", "hubs", "keys", "operations", "scale", "threats", "threat-model"],
)
def test_a_page_that_holds_for_every_kind_speaks_of_credentials(page: str) -> None:
    """Commands and the names of files and tests may be of the examples."""
    text = (ROOT / "docs" / f"{page}.md").read_text("utf-8")
    prose = re.sub(r"^```.*?^```|`[^`]*`|\]\([^)]*\)", "", text, flags=re.DOTALL | re.MULTILINE)
    assert not OF_ONE_KIND.findall(prose)


@pytest.mark.parametrize("kind", sorted({*SHIPPED} - {"diploma"}))
def test_no_other_kind_that_comes_along_speaks_of_diplomas(kind: str) -> None:
    assert not [path for path, text in shipped(kind).texts if OF_ONE_KIND.search(text)]
