"""Plain data as HTML. Everything is escaped, and what others wrote is isolated, cut and cleaned besides."""

from __future__ import annotations

import base64
import csv
import functools
import hashlib
import io
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from importlib.resources import files
from typing import Any, NamedTuple

import orjson
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from wire.problem import Problem
from wire.text import guarded, printable

from ..words import LANGUAGES, remedy, sentence, speaking, title, tr, tr_count, tr_in
from ..words.report import LONGEST, for_programs
from . import reader, upload
from .view import WORDS, Answered, Judgement, Sentence, capital

MOST_PAGE = 2 << 20
"""Bytes of an answer: it stays in memory until its reader has taken it (invariant 20)."""

_MOST_REPORT = 1 << 19  # bytes of the JSON of a report, which stands in the page as base64
_MOST_ROW = 3 << 10  # bytes of a file's line in the table; the longest name takes half of that
_MOST_CELL = 300  # characters of what was found, in the table to keep
_AROUND = 1 << 16  # bytes of a page around what is said of files


class Site(NamedTuple):
    """Facts that every page needs of its service and its reader."""

    host: str
    root: str = "/"
    language: str = "en"
    chosen: str | None = None
    """The language, where the reader chose it."""
    offline: bool = False
    """True if the service never fetches anything from other hosts."""
    takes_trust_files: bool = False
    """True if the page takes trust files, so that issuers can be recognised on it."""
    path: str = ""
    """The path of the page below the root."""

    @property
    def tag(self) -> str:
        """The language as HTML calls it."""
        return reader.TAGS[self.language]

    @property
    def here(self) -> str:
        """The address of the page, in the language that was chosen."""
        return f"{self.root}?lang={self.chosen}" if self.chosen else self.root

    @property
    def others(self) -> tuple[tuple[str, str, str], ...]:
        """Each other language: its tag, what it is called, and the address of the page in it."""
        return tuple(
            (reader.TAGS[name], reader.NAMES[name], f"{self.root}{self.path}?lang={name}")
            for name in LANGUAGES
            if name != self.language
        )


class Asset(NamedTuple):
    """A file that pages load."""

    name: str
    kind: str

    def read(self) -> bytes:
        """Its bytes."""
        return (files(__package__ or "") / "static" / self.name).read_bytes()


ASSETS = (
    Asset("page.css", "text/css"),
    Asset("page.js", "text/javascript"),
    Asset("icon.svg", "image/svg+xml"),
)


def page(template: str, site: Site, /, **data: Any) -> bytes:
    """A page of `templates/`."""
    with speaking(site.language):
        return _environment().get_template(template).render(site=site, **data).encode()


def answer(
    judged: Sequence[Judgement], site: Site, kept: Mapping[str, Any], *, nobody: bool = False
) -> bytes:
    """The page that answers a form, at most `MOST_PAGE` bytes. Of many files the table has all.

    Reports follow until the page is full; of the files after those there is the verdict alone, and nothing is
    kept for later. `nobody` says that the trust list is empty.
    """
    with speaking(site.language):
        parts: Any = _environment().get_template("judgement.html").module
        in_brief, rows, briefs = [], [], []
        for number, judgement in enumerate(judged, 1):
            row = parts.row(judgement, number)
            if _size(row) > _MOST_ROW:
                judgement = replace(judgement, sentences=())
                row = parts.row(judgement, number)
            in_brief.append(judgement)
            rows.append(row)
            briefs.append(parts.whole(judgement, kept, number, brief=True))
        csv = _table(in_brief)
        left = MOST_PAGE - _AROUND - len(csv) - sum(map(_size, (*rows, *briefs)))
        reports = list[Markup]()
        for number, (judgement, brief) in enumerate(zip(judged, briefs, strict=True), 1):
            report = parts.whole(judgement, kept, number) if left > 0 else brief
            left -= _size(report) - _size(brief)
            reports.append(report if left > 0 else brief)
        counts = Counter(judgement.answer for judgement in judged)
        values = {"found": judged, "counts": counts, "rows": rows, "csv": csv, "reports": reports}
        return page("answer.html", site, **values, nobody=nobody)


def _size(text: str) -> int:
    return len(text.encode())


def theirs(text: object, longest: int = LONGEST, moments: Sequence[datetime] = ()) -> Markup:
    """Escape text from others: it is never markup, and cannot change the direction of the text around it.

    The `moments` in it become elements, beside which the script puts the reader's own time.
    """
    shown = printable(str(text)[: longest + 1])
    shown = shown if len(shown) <= longest else f"{shown[:longest]}…"
    markup = str(escape(shown))
    if times := {str(escape(reader.moment(when))): str(_time(when)) for when in moments}:
        alternatives = "|".join(map(re.escape, times))
        markup = re.sub(rf"(?<!\d)(?:{alternatives})", lambda match: times[match[0]], markup)
    return Markup(f"<bdi>{markup}</bdi>")  # noqa: S704 -- escaped


def _time(when: datetime) -> Markup:
    """A moment in UTC, which programs can read, too."""
    machine = when.astimezone(UTC).isoformat(timespec="seconds")
    return Markup('<time datetime="{}">{}</time>').format(machine, reader.moment(when))


def said(sentence: Sentence) -> Markup:
    """A sentence of ours with text from others in it."""
    parts = {
        name: value if isinstance(value, Markup) else theirs(value, 200, sentence.moments)
        for name, value in sentence.theirs.items()
    }
    return escape(sentence.text).format(**parts) if parts else escape(sentence.text)


def _sentence(problem: Problem) -> Markup:
    return _say(tr("{sentence}."), sentence=capital(sentence(problem)))


def _say(text: str, **others: str) -> Markup:
    return said(Sentence(text, others))


def _typed(command: str) -> Markup:
    return Markup("<code>{}</code>").format(command)


def _coded(text: str) -> Markup:
    """A text of ours; the parts between backticks are text to type."""
    parts = text.split("`")
    return Markup("").join(_typed(part) if place % 2 else escape(part) for place, part in enumerate(parts))


def _address(kind: str, content: bytes) -> str:
    """A `data:` URL, so that a browser can save the content without a request."""
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def _report(judgement: Judgement, kept: Mapping[str, Any]) -> str:
    """The report of `verify --json` on a file, with the host, the time and the digest of the bytes.

    Empty where it is longer than a page shows.
    """
    members = {
        "version": 2,
        "file": judgement.file,
        "sha256": judgement.digest,
        "checkedAt": kept["now"].isoformat(timespec="seconds"),
        "checkedBy": kept["host"],
        "trustList": kept["trust"],
        **for_programs(judgement.report, judgement.trust),
    }
    if len(orjson.dumps(members)) > _MOST_REPORT:
        return ""
    content = orjson.dumps(members, option=orjson.OPT_INDENT_2)
    return _address("application/json", content) if len(content) <= _MOST_REPORT else ""


def _table(judged: Sequence[Judgement]) -> str:
    """A CSV file with a line for each file; cells that look like a formula are defused."""
    lines = io.StringIO()
    rows = csv.writer(lines, quoting=csv.QUOTE_ALL)
    rows.writerow([tr("File"), tr("Verdict"), tr("What was found"), "SHA-256"])
    for judgement in judged:
        says = " ".join(map(str, judgement.sentences))[:_MOST_CELL]
        rows.writerow(map(guarded, (judgement.file, judgement.word, says, judgement.digest)))
    return _address("text/csv;charset=utf-8", lines.getvalue().encode("utf-8-sig"))


def _counted(counts: Mapping[Answered, int]) -> str:
    """The number of files by answer; it is the page's title, and so has no names in it."""
    files = tr_count("{count} file", "{count} files", sum(counts.values()))
    each = (
        tr("{count} {verdict}").format(count=counts[answered], verdict=tr_in("answer", word).lower())
        for answered, word in WORDS.items()
        if counts.get(answered)
    )
    return tr("{files}: {verdicts}").format(files=files, verdicts=tr(", ").join(each))


@functools.cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("intaglio.pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.globals |= {
        "tr": tr,
        "tr_in": tr_in,
        "tr_count": tr_count,
        "say": _say,
        "typed": _typed,
        "moment": _time,
        "day": reader.day,
        "address": reader.address,
    }
    environment.globals |= {"limits": upload, "counted": _counted, "words": WORDS}
    environment.globals["version"] = hashlib.sha256(b"".join(asset.read() for asset in ASSETS)).hexdigest()[
        :8
    ]
    environment.filters |= {"theirs": theirs, "said": said, "report": _report, "coded": _coded}
    environment.filters |= {"title_of": title, "sentence_of": _sentence, "remedy_of": remedy}
    return environment
