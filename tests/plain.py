"""Counts that keep prose and names plain; run as a module it prints them, and the sentences to rewrite."""

from __future__ import annotations

import ast
import functools
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.mutation.bindings import BINDINGS
from tests.mutation.source import Source
from tests.sources import ROOT, SOURCES, nodes

GENERATED = {ROOT / "docs" / "codes.md", ROOT / "docs" / "uses.md", ROOT / "docs" / "reference"}
"""Pages made from docstrings and data, whose sentences are counted there."""
VAGUE = frozenset({"found", "known", "told", "said", "one", "own", "made", "given"})
"""Names that say nothing of what they hold."""
LONGEST = 30
"""Words of a sentence that can be read once and understood."""
DENSE = ("keys", "ledger", "vc", "verifier")
"""Packages whose checks have their reasons beside them."""

# "Where the log is bound, …" is a condition, and counts only without the comma.
_RELATIVE = re.compile(
    r"(?:What|Whatever|Who|Whoever|Whom|Whose|Which|Whichever|That which|How|Whether)\b(?!.*\?$)"
    r"|Where(?:ver)?\b(?!.*(?:\?$|,))"
)
# "In force" is the word for what counts at a moment; what is `current` is an edition, and a verdict is valid.
_SYNONYM = re.compile(
    r"\b(?:valid|active|current|live) (?:key|template|digest|suspension)s?\b"
    r"|\b(?:key|template|digest|suspension)s? (?:is|are|was|were) (?:still )?(?:valid|active|current|live)\b"
)
# A linter's waiver is a comment only if it gives its reason.
_COMMENT = re.compile(r"(?:^\s*|  )# (?!(?:type:|noqa|pragma)(?!.* -- ))")
_END = re.compile(r"(?<=[.:?!])\s+(?=[A-Z`\"])")
_FENCED = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)
_BREAK = re.compile(r"\n\s*\n|\n\s*(?:[-*]|\d+\.)\s+|\n(?=#)|\s\|\s|\|?\n\|", re.MULTILINE)


@dataclass(frozen=True)
class Counted:
    """Some of a total, and examples with their places."""

    some: int
    total: int
    examples: tuple[str, ...] = ()

    @property
    def percent(self) -> float:
        """The share in per cent."""
        return 100 * self.some / self.total

    def __str__(self) -> str:
        return f"{self.some} of {self.total}, {self.percent:.2f} %"


def relative(sentence: str) -> bool:
    """True if a sentence begins with a relative clause or an indirect question, before its subject."""
    return _RELATIVE.match(sentence) is not None


def _split(text: str) -> Iterator[str]:
    for block in _BREAK.split(f"\n{text}"):
        if block and not block.startswith("#"):
            yield from _END.split(" ".join(block.replace("**", "").split()).strip("|- "))


def _functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    yield from nodes(path, ast.FunctionDef)
    yield from nodes(path, ast.AsyncFunctionDef)


def _docstrings(path: Path) -> Iterator[str]:
    for node in (*nodes(path, ast.Module), *nodes(path, ast.ClassDef), *_functions(path)):
        yield ast.get_docstring(node) or ""


def pages() -> list[Path]:
    """The pages that people write."""
    written = (*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "examples").rglob("*.md"))
    return [page for page in sorted(written) if not GENERATED & {page, page.parent}]


def _begun(texts: Iterator[tuple[Path, str]]) -> Counted:
    total, examples = 0, list[str]()
    for path, text in texts:
        for sentence in filter(None, _split(text)):
            total += 1
            if relative(sentence):
                examples.append(f"{path.relative_to(ROOT)}: {sentence[:90]}")
    return Counted(len(examples), total, tuple(examples))


def in_docstrings() -> Counted:
    """Sentences of docstrings that begin with a relative."""
    return _begun((path, text) for path in SOURCES for text in _docstrings(path))


def in_pages() -> Counted:
    """Sentences of pages that begin with a relative."""
    return _begun((page, _FENCED.sub("", page.read_text("utf-8"))) for page in pages())


def long_sentences() -> Counted:
    """Sentences of pages with more than `LONGEST` words: lists that end in a full stop are among them."""
    total, examples = 0, list[str]()
    for page in pages():
        if page.name == "CHANGELOG.md":  # entries of one sentence, however much there is to say
            continue
        for sentence in filter(None, _split(_FENCED.sub("", page.read_text("utf-8")))):
            total += 1
            if (count := sum(re.search(r"\w", word) is not None for word in sentence.split())) > LONGEST:
                examples.append(f"{page.relative_to(ROOT)}, {count} words: {sentence[:90]}")
    return Counted(len(examples), total, tuple(examples))


def not_in_force() -> list[str]:
    """Places where a page, docstring or comment has another word for "in force"."""
    return [
        f"{path.relative_to(ROOT)}: {match[0]}"
        for path in (*pages(), *SOURCES)
        for match in _SYNONYM.finditer(path.read_text("utf-8"))
    ]


def vague_locals() -> Counted:
    """Names that functions assign or take, once for each function, and the vague ones among them."""
    counts, total = Counter[str](), 0
    for path in SOURCES:
        assigned = [node for node in nodes(path, ast.Name) if isinstance(node.ctx, ast.Store)]
        for function in _functions(path):
            names = {argument.arg for argument in (*function.args.args, *function.args.kwonlyargs)}
            names |= {
                node.id
                for node in assigned
                if function.lineno <= node.lineno <= (function.end_lineno or function.lineno)
            }
            total += len(names)
            counts.update(names & VAGUE)
    return Counted(counts.total(), total, tuple(f"{name}: {count}" for name, count in counts.most_common()))


def comments() -> Counted:
    """Comments and other lines in the packages of `DENSE`; the share is in per cent, so 6 is 60 to 1,000."""
    lines = [
        line
        for path in SOURCES
        if path.relative_to(ROOT).parts[0] in DENSE
        for line in path.read_text().splitlines()
        if line.strip()
    ]
    return Counted(
        sum(_COMMENT.search(line) is not None for line in lines),
        sum(not line.lstrip().startswith("#") for line in lines),
    )


@functools.cache
def _source(file: str) -> tuple[Source, list[str]]:
    text = (ROOT / file).read_text()
    return Source(file, text), text.splitlines()


def reasons() -> Counted:
    """Comparisons of `bindings.txt` with a comment at most six lines above them or two below."""
    bare, total = list[str](), 0
    for binding in BINDINGS:
        if binding.gone == "SQL":  # a condition within a statement, whose constant has the reason
            continue
        total += 1
        source, lines = _source(binding.file)
        node = source.find(binding.function, binding.expression)
        around = lines[max(node.lineno - 7, 0) : (node.end_lineno or node.lineno) + 2]
        if not any(_COMMENT.search(line) for line in around):
            bare.append(f"{binding.file}, {binding.function}: {binding.expression}")
    return Counted(total - len(bare), total, tuple(bare))


if __name__ == "__main__":
    docstrings, prose, names, dense = in_docstrings(), in_pages(), vague_locals(), comments()
    long, bound = long_sentences(), reasons()
    print(*docstrings.examples, *prose.examples, *long.examples, *bound.examples, sep="\n")
    print(f"sentences of docstrings that begin with a relative: {docstrings}")
    print(f"sentences of pages that begin with a relative: {prose}")
    print(f"sentences of pages with more than {LONGEST} words: {long}")
    print(f"vague locals: {names} ({', '.join(names.examples)})")
    print(f"comments to lines of code in {', '.join(DENSE)}: {dense}")
    print(f"comparisons that bind, with a comment beside them: {bound}")
