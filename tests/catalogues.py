"""The catalogues of `intaglio/words/locale`, from what stands in the program; run as a module it renews them.

What is new comes into each `.po` without a translation, what is gone leaves it, and `.mo` is made from it.
"""

from __future__ import annotations

import ast
import io
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from babel.messages import pofile
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_file
from babel.messages.mofile import write_mo

from intaglio.commands.verify.table import SHORT
from intaglio.pages.reader import MONTHS
from intaglio.pages.view import WORDS
from intaglio.words import report
from intaglio.words.advice import ADVICE, MAILS, PICTURED, REASONS
from intaglio.words.findings import CLAUSES, FINDINGS
from intaglio.words.labels import LABELS
from intaglio.words.language import DOMAIN, FOLDER, LANGUAGES
from intaglio.words.remedies import CLAIMED, REMEDIES
from tests import codes
from vc.status import Reason
from verifier.checks import STEPS

SPEAKING = codes.ROOT / "intaglio"
EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
KEYWORDS = {"tr": None, "tr_count": (1, 2)}
IN_PAGES = {**KEYWORDS, "tr_in": ((1, "c"), 2)}


def template() -> Catalog:
    """Everything that can be translated, in the order of places; by context, and for codes their meaning."""
    found = Catalog(domain=DOMAIN, fuzzy=False)
    for kind in codes.kinds():
        found.add(kind.title, context="title")
        found.add(kind.code, context="sentence", auto_comments=[codes.meaning(kind)])
    for code, text in FINDINGS.items():
        found.add(code, context="sentence", auto_comments=[text])
    tables = {
        "clause": CLAUSES.values(),
        "remedy": (*REMEDIES.values(), CLAIMED),
        "hint": _hints(),
        "fact": (reason.value for reason in Reason),
        "step": STEPS,
        "mark": report.MARKS.values(),
        "label": LABELS.values(),
        "verdict": report.VERDICTS.values(),
        "table": SHORT.values(),
        "answer": WORDS.values(),
        "reason": dict.fromkeys((*REASONS.values(), PICTURED)),
        "advice": dict.fromkeys(ADVICE.values()),
        "mail": dict.fromkeys(MAILS.values()),
        "month": MONTHS,
    }
    for context, texts in tables.items():
        for text in texts:
            found.add(text, context=context)
    for file in sorted(SPEAKING.rglob("*.py")):
        for _, message, comments, where in extract_from_file("python", file, keywords=KEYWORDS):
            found.add(message, context=where, auto_comments=comments)
    for file in sorted((SPEAKING / "pages" / "templates").glob("*.html")):
        for _, message, comments, where in extract_from_file("jinja2", file, keywords=IN_PAGES):
            found.add(message, context=where, auto_comments=comments)
    return found


def _hints() -> Iterator[str]:
    """Technical advice that stands where it is raised, on a credential's way to holder or verdict."""
    for package in ("wire", "keys", "did", "vc", "exchange", "holder", "verifier"):
        for file in sorted((codes.ROOT / package).rglob("*.py")):
            for node in ast.walk(ast.parse(file.read_text())):
                if (
                    isinstance(node, ast.keyword)
                    and node.arg == "hint"
                    and isinstance(node.value, ast.Constant)
                ):
                    yield str(node.value.value)


def folder(language: str) -> Path:
    """Where the catalogue of a language lies."""
    return FOLDER / language / "LC_MESSAGES"


def read(language: str) -> Catalog:
    """The catalogue as its `.po` has it."""
    with (folder(language) / f"{DOMAIN}.po").open("rb") as file:
        return pofile.read_po(file, locale=language, domain=DOMAIN)


def compiled(catalogue: Catalog) -> bytes:
    """Its `.mo`."""
    made = io.BytesIO()
    write_mo(made, catalogue)
    return made.getvalue()


def renew(language: str) -> None:
    """Brings `.po` and `.mo` up to date."""
    file = folder(language) / f"{DOMAIN}.po"
    catalogue = read(language) if file.exists() else Catalog(language, DOMAIN)
    catalogue.fuzzy, catalogue.header_comment = False, ""
    catalogue.project, catalogue.version = "intaglio", ""
    catalogue.msgid_bugs_address = catalogue.last_translator = catalogue.language_team = "none"
    catalogue.update(template(), no_fuzzy_matching=True)
    catalogue.obsolete.clear()
    catalogue.creation_date = catalogue.revision_date = EPOCH  # a catalogue is what it says
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("wb") as opened:
        pofile.write_po(opened, catalogue, width=110, omit_header=False, no_location=True)
    file.with_suffix(".mo").write_bytes(compiled(catalogue))


if __name__ == "__main__":
    for name in LANGUAGES[1:]:
        renew(name)
