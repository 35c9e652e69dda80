"""`intaglio verify` of many files: by several processes, a result each in the order of the files.

This process reads and prints. A worker with a verifier of its own judges each file, within limits; a file
that exceeds them fails alone. Nothing of a file is kept but its row in the table.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import Any, NamedTuple

from vc import Verdict
from vc.reading import SUFFIXES
from wire import NotFound, Problem, TooLarge
from wire.text import printable
from wire.workers import WORKER_DIED, Allowance, Pool, Tell, available_cores

from ...progress import ProgressLine
from ...terminal import Result, json_line, say
from ...words import remedy, sentence, tr_count
from ...words import report as words
from ...words.language import language, speak
from .files import Extent, InputFile
from .judging import EXIT, Judging
from .lines import SUFFIXES as LINES
from .said import in_a_row
from .table import Row, Table

ALLOWANCE = Allowance(seconds=60.0, memory=1 << 30)
"""Resources of a worker that one file may take: a second limit beside the work that the verifier counts."""

LONGEST = 1 << 24
"""Characters of a result: a worker's answer is not held in memory without a bound."""

_NOT_FOUND, _MIXED = 4, 7
_FEW = 8  # files up to which this process is quicker than others are started
_TOGETHER = 8  # files that go to a worker at once, since each message costs; at first fewer, for all to begin
_LARGE = 1 << 18  # bytes from which on a file goes alone


class FileRead(NamedTuple):
    """A file as a worker gets it."""

    name: str
    which: dict[str, Any]
    """The members by which --json names the file."""
    content: bytes | Problem
    """The problem with reading it, if there is one."""


class FileVerdict(NamedTuple):
    """A worker's answer."""

    name: str
    verdict: Verdict
    code: int
    says: str
    """The line of JSON with --json, else the words for the table."""


class _Judge(NamedTuple):
    """The task that is passed to a worker."""

    judging: Judging
    as_json: bool
    language: str

    def answers(self, items: Sequence[FileRead], _tell: Tell) -> list[FileVerdict]:
        """The verdict on each file, or the problem with it."""
        if language() != self.language:  # a worker that is no copy of this process
            speak(self.language)
        return list(map(self._answer, items))

    def _answer(self, item: FileRead) -> FileVerdict:
        if isinstance(item.content, Problem):
            return self._refused(item, item.content)
        try:
            report = self.judging.report(item.content)
        except Problem as problem:
            return self._refused(item, problem)
        trust = self.judging.verifier.trust
        if self.as_json:
            says = json_line({**item.which, **words.for_programs(report, trust)})
        else:
            says = in_a_row(report, trust)
        if len(says) > LONGEST:
            return self._refused(item, TooLarge("the report is too long"))
        return FileVerdict(item.name, report.verdict, EXIT[report.verdict], says)

    def _refused(self, item: FileRead, problem: Problem) -> FileVerdict:
        """The verdict on a file that cannot be read or exceeds a limit: undetermined."""
        code = _NOT_FOUND if isinstance(problem, NotFound) else EXIT[Verdict.UNDETERMINED]
        if self.as_json:
            problem.hint, problem.because = remedy(problem), None
            error = {**problem.to_dict(), "exitCode": code}
            says = json_line({**item.which, "verdict": Verdict.UNDETERMINED.value, "error": error})
        else:
            says = printable(sentence(problem)[: words.LONGEST])[: words.LONGEST]
        return FileVerdict(item.name, Verdict.UNDETERMINED, code, says)

    def lost(self, items: Sequence[FileRead]) -> list[FileVerdict]:
        """Retry the files of a worker that died, each with a worker of its own: one of them was the cause."""
        if len(items) == 1:
            died = WORKER_DIED("the process that verified this ended, or took too long")
            return [self._refused(items[0], died)]
        with Pool(self, 1, ALLOWANCE) as alone:
            answers = alone.map(_Judge.answers, [[item] for item in items], lost=self.lost)
            return list(chain.from_iterable(answers))


def verify_all(
    files: Iterator[InputFile], extent: Extent, judging: Judging, as_json: bool, workers: int | None = None
) -> Iterator[Result]:
    """A result with data for each file, then one with the table."""
    table, codes = Table(), set[int]()
    judge = _Judge(judging, as_json, language())
    items = map(_item, files)
    first = list(islice(items, _FEW + 1))
    if workers is None:
        workers = available_cores() if len(first) > _FEW else 0
    with ProgressLine() as progress, Pool(judge, workers, ALLOWANCE) as pool:
        answers = pool.map(_Judge.answers, _together(chain(first, items)), lost=judge.lost)
        for done, answer in enumerate(chain.from_iterable(answers), 1):
            if not as_json:
                table.add(Row(answer.name, answer.verdict, answer.says))
            codes.add(answer.code)
            yield Result(answer.says if as_json else {}, "", answer.code)
            seen = done + extent.aside
            progress.show("Verifying", seen, extent.expected if extent.expected >= seen else None)
    if extent.aside:
        say(
            tr_count(
                "{count} other file in folders and archives was not looked at.",
                "{count} other files in folders and archives were not looked at.",
                extent.aside,
            )
        )
    if not codes:
        raise NotFound.saying(
            "there is no file to verify, which would be named {names}", names=" or ".join((*SUFFIXES, *LINES))
        )
    text = "" if as_json else "\n".join(table.lines())
    yield Result({}, text, codes.pop() if len(codes) == 1 else _MIXED)


def _together(items: Iterable[FileRead]) -> Iterator[list[FileRead]]:
    """The files as they go to workers."""
    together, size, most = list[FileRead](), 0, 1.0
    for item in items:
        together.append(item)
        size += len(item.content) if isinstance(item.content, bytes) else 0
        if len(together) >= most or size >= _LARGE:
            yield together
            together, size, most = [], 0, min(_TOGETHER, most + 1 / _TOGETHER)
    if together:
        yield together


def _item(source: InputFile) -> FileRead:
    named = {"file": source.file, "member": source.member, "line": source.line}
    which = {name: value for name, value in named.items() if value is not None}
    try:
        return FileRead(source.name, which, source.read())
    except Problem as problem:
        return FileRead(source.name, which, problem)
