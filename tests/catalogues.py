"""The catalogues of `intaglio/words/locale`, from what stands in the program; run as a module it renews them.

Each `.po` gets new messages without a translation and loses those that are gone; `.mo` is made from it.
"""

from __future__ import annotations

import ast
import functools
import io
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from babel.messages import pofile
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_file
from babel.messages.mofile import write_mo

from intaglio.commands.verify.table import SHORT
from intaglio.pages.reader import MONTHS
from intaglio.pages.samples import SAMPLES
from intaglio.pages.view import WORDS
from intaglio.words import CLAUSES, advice, health, report
from intaglio.words.advice import ADVICE, CUT, EMPTY, GROUNDS, MAILS, PICTURED, REASONS
from intaglio.words.labels import ACHIEVEMENTS, LABELS
from intaglio.words.language import DOMAIN, FOLDER, LANGUAGES
from intaglio.words.remedies import CLAIMED, REMEDIES
from issuer.archive.kept import Released
from tests import codes
from tests.phrases import FINDINGS, PHRASES
from tests.sources import ROOT, SOURCES, nodes
from verifier.checks import STEPS
from wire import Problem, address, https, sqlite

SPEAKING = ROOT / "intaglio"
IN_ENGLISH = (
    "kinds",  # as the next
    "issuer",  # who issues: he has the remedies in Chinese, and the kind
    "intaglio/commands/issuer",
    "intaglio/commands/kind.py",
    "intaglio/api/conformance",  # who runs a suite
    "intaglio/serving.py",  # who runs a service
    "intaglio/tls.py",
    "examples",  # who tries it out
    "ledger/log.py",  # who runs a log
    "ledger/audit.py",
    "ledger/folder.py",
    "ledger/lookup.py",
    "ledger/outbox.py",
    "ledger/cosigned.py",
    "ledger/cosigning.py",
    "ledger/witness.py",  # who runs a hub
    "hub",
    "intaglio/commands/hub.py",
    "ledger/anchors.py",
    "ledger/evm/anchor.py",
    "ledger/evm/deployment.py",
    "ledger/evm/transactions.py",
    "ledger/tiles",
    "wire/postgres",
    "keys/keyfile.py",  # who keeps an issuer's keys
    "keys/opening.py",
    "keys/module.py",
    "keys/token.py",
)
"""Sources whose details stay in English, behind the translated kind of problem."""
NOT_IN_GERMAN = frozenset({"health"})
"""Contexts that German leaves in English: what `intaglio doctor` says to who runs a service."""
NOT_FOR_GERMANS = ("commands", "consent.py", "words/health.py")
"""Sources of `intaglio` whose own lines German leaves in English, but for those in `IN_GERMAN`."""
IN_GERMAN = (
    "commands/verify",
    "commands/wallet",
    *(f"commands/{name}.py" for name in ("trust", "trust_mirror", "trust_witness", "chain", "digest")),
)
FETCHING = {
    "refusal": ("refused", address.NOT_FETCHED),
    "unavailable": ("unavailable", https.NO_ANSWER),
}
"""Functions that make problems: the code, and how the text of each begins."""
EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
KEYWORDS = {"tr": None, "tr_count": (1, 2)}
IN_PAGES = {**KEYWORDS, "tr_in": ((1, "c"), 2)}


def template(language: str) -> Catalog:
    """What a language translates, in the order of places; by context, and for codes their meaning."""
    catalogue = Catalog(domain=DOMAIN, fuzzy=False)
    for name, kind in codes.kinds().items():
        if kind.title is not None:  # else that of its class
            catalogue.add(kind.title, context="title")
        catalogue.add(kind.code, context="sentence", auto_comments=[codes.meaning(name)])
    for code, text in FINDINGS.items():
        catalogue.add(code, context="sentence", auto_comments=[text])
    tables = {
        "clause": CLAUSES.values(),
        "remedy": (*REMEDIES.values(), CLAIMED),
        "hint": _hints(),
        "detail": details(),
        "fact": dict.fromkeys(chain.from_iterable(PHRASES.values())),
        "said": _answers(),
        "health": (text for texts_of_finding in health.SAID.values() for text in texts_of_finding if text),
        "step": (*STEPS, *advice.STEPS.values()),
        "mark": (*report.MARKS.values(), advice.NOT_CHECKED),
        "why": advice.WHYS.values(),
        "label": LABELS.values(),
        "achievement": ACHIEVEMENTS.values(),
        "verdict": report.VERDICTS.values(),
        "table": SHORT.values(),
        "answer": dict.fromkeys((*WORDS.values(), *GROUNDS.values())),
        "reason": dict.fromkeys((*REASONS.values(), EMPTY, CUT, PICTURED)),
        "advice": dict.fromkeys(ADVICE.values()),
        "mail": dict.fromkeys(MAILS.values()),
        "sample": SAMPLES.values(),
        "month": MONTHS,
    }
    for context, texts in tables.items():
        if language == "de" and context in NOT_IN_GERMAN:
            continue
        for text in texts:
            catalogue.add(text, context=context)
    for file in sorted(SPEAKING.rglob("*.py")):
        if language == "de" and not _is_in_german(file.relative_to(SPEAKING)):
            continue
        for _, message, comments, where in extract_from_file("python", file, keywords=KEYWORDS):
            catalogue.add(message, context=where, auto_comments=comments)
    for file in sorted((SPEAKING / "pages" / "templates").glob("*.html")):
        for _, message, comments, where in extract_from_file("jinja2", file, keywords=IN_PAGES):
            catalogue.add(message, context=where, auto_comments=comments)
    return catalogue


def _is_in_german(file: Path) -> bool:
    is_for_operators = any(file.is_relative_to(path) for path in NOT_FOR_GERMANS)
    return not is_for_operators or any(file.is_relative_to(path) for path in IN_GERMAN)


class Made(NamedTuple):
    """A place where a problem is made, by `Kind(…)` or `Kind.saying(…)`."""

    file: Path
    code: str
    facts: frozenset[str]
    texts: tuple[str, ...]
    """Its details, if they are a text; an f-string does not count, since no catalogue can have it."""


@functools.cache
def made() -> tuple[Made, ...]:
    """All places where problems are made."""
    return tuple(_made())


def _made() -> Iterator[Made]:
    names = {name: kind.code for name, kind in codes.kinds().items()}
    for file in SOURCES:
        chosen = _chosen(file)
        for node in nodes(file, ast.Call):
            name, says, beginning = _kind(node.func), node.args[:1], ""
            kinds = sorted(names[each] for each in chosen.get(name, {name}) & names.keys())
            if name in FETCHING:
                kind, beginning = FETCHING[name]
                kinds, says = [kind], node.args[1:2]
            elif not kinds and isinstance(node.func, ast.Attribute) and node.func.attr == "saying":
                kinds = [Problem.code]  # of a kind that is chosen elsewhere
            if not kinds:
                continue
            facts = frozenset(keyword.arg or "" for keyword in node.keywords)
            texts = tuple(beginning + text for expression in says for text in _texts(expression, file))
            for code in kinds:
                yield Made(file.relative_to(ROOT), code, facts, texts)


def _kind(call: ast.expr) -> str:
    """The name of the called object, without `saying` and its module."""
    if isinstance(call, ast.Attribute) and call.attr == "saying":
        call = call.value
    return call.attr if isinstance(call, ast.Attribute) else call.id if isinstance(call, ast.Name) else ""


def _chosen(file: Path) -> dict[str, set[str]]:
    """Names that stand for one of several classes: `kind = One if … else Another`."""
    return {
        node.targets[0].id: {name.id for name in ast.walk(node.value) if isinstance(name, ast.Name)}
        for node in nodes(file, ast.Assign)
        if isinstance(node.targets[0], ast.Name) and isinstance(node.value, ast.IfExp)
    }


def _texts(expression: ast.expr, file: Path) -> Iterator[str]:
    """A text that stands there, or those that a name stands for."""
    values = [expression]
    if isinstance(expression, ast.Name):
        named = ((node.targets[0], node.value) for node in nodes(file, ast.Assign))
        values = [
            value for target, value in named if isinstance(target, ast.Name) and target.id == expression.id
        ]
    either = ([value.body, value.orelse] if isinstance(value, ast.IfExp) else [value] for value in values)
    values = list(chain.from_iterable(either))
    for value in values:
        if isinstance(value, ast.Constant) and isinstance(value.value, str):
            yield value.value


def details() -> Iterator[str]:
    """The details of codes that are used in several places, each of which needs its own sentence."""
    counted = Counter(place.code for place in for_people() for _ in place.texts or [""])
    for place in for_people():
        if counted[place.code] > 1:
            yield from place.texts
    yield from (text for _, text in sqlite.IN_THE_WAY.values())


def _answers() -> Iterator[str]:
    """The answers of an issuer's service to a wallet, which repeats them as facts."""
    for place in made():
        if place.file.is_relative_to("issuer/desk") or place.code == Released.code:
            yield from place.texts


def for_people() -> list[Made]:
    """The places whose problems are shown to verifiers, holders and keepers of trust lists."""
    return [place for place in made() if not _is_in_english(place.file)]


@functools.cache  # hundreds of places are in few files
def _is_in_english(file: Path) -> bool:
    return any(file.is_relative_to(path) for path in IN_ENGLISH)


def _hints() -> Iterator[str]:
    """Technical advice that stands where it is raised, on a credential's way to holder or verdict."""
    for file in SOURCES:
        if _is_in_english(file.relative_to(ROOT)) and "desk" not in file.parts:
            continue
        for node in nodes(file, ast.keyword):
            if node.arg == "hint" and isinstance(node.value, ast.Constant):
                yield str(node.value.value)


def folder(language: str) -> Path:
    """The folder of a language's catalogue."""
    return FOLDER / language / "LC_MESSAGES"


def read(language: str) -> Catalog:
    """The catalogue as its `.po` has it."""
    with (folder(language) / f"{DOMAIN}.po").open("rb") as file:
        return pofile.read_po(file, locale=language, domain=DOMAIN)


def compiled(catalogue: Catalog) -> bytes:
    """Its `.mo`."""
    content = io.BytesIO()
    write_mo(content, catalogue)
    return content.getvalue()


def renew(language: str) -> None:
    """Brings `.po` and `.mo` up to date."""
    file = folder(language) / f"{DOMAIN}.po"
    catalogue = read(language) if file.exists() else Catalog(language, DOMAIN)
    catalogue.fuzzy, catalogue.header_comment = False, ""
    catalogue.project, catalogue.version = "intaglio", ""
    catalogue.msgid_bugs_address = catalogue.last_translator = catalogue.language_team = "none"
    catalogue.update(template(language), no_fuzzy_matching=True)
    catalogue.obsolete.clear()
    catalogue.creation_date = catalogue.revision_date = EPOCH  # a catalogue is what it says
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("wb") as opened:
        pofile.write_po(opened, catalogue, width=110, omit_header=False, no_location=True)
    file.with_suffix(".mo").write_bytes(compiled(catalogue))


if __name__ == "__main__":
    for name in LANGUAGES[1:]:
        renew(name)
