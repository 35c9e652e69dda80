"""Judge the content of a form and write the page, all in a process, so that no other request waits."""

from __future__ import annotations

import hashlib
import io
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from vc import Bundle, Check, Claims, Outcome, Report, Verdict
from vc.problem import IS_TRUST_FILE
from vc.reading import read
from vc.secured import Form
from vc.vcdm.related import Resource
from verifier import Trust
from verifier.checks import STEPS
from verifier.judge import Judge, Judged, Question
from verifier.policy import Policy
from verifier.resources import files_stated
from wire.integrity import digests_of
from wire.problem import Problem
from wire.work import BODY_STEPS, Work

from ..session import Session
from ..words import speaking, tr
from .problem import UploadTooLarge
from .rendering import Site, answer, page
from .unpacking import Given, unpacked
from .upload import uploads
from .view import Judgement, judgement

_MOST_STEPS = 16 * BODY_STEPS
"""The work that the files of one form may cost together."""


class Sent(NamedTuple):
    """A form that was sent."""

    content_type: str
    body: bytes
    now: datetime
    site: Site


class Sheet(NamedTuple):
    """The page that answers it."""

    status: int
    content: bytes
    trust_file: Given | None = None
    """The trust file, if nothing else was sent."""


@dataclass(frozen=True)
class Inspection:
    """Answers programs as its judge does, and forms with pages."""

    judge: Judge
    trust_file: Path

    def __call__(self, question: Question | Sent) -> Judged | Sheet:
        return self.sheet(question) if isinstance(question, Sent) else self.judge(question)

    def sheet(self, sent: Sent) -> Sheet:
        """The page that answers a form. Raises what the trust list does where it cannot be read."""
        with speaking(sent.site.language):
            try:
                files = unpacked(uploads(sent.content_type, sent.body))
            except Problem as problem:
                status = 413 if isinstance(problem, UploadTooLarge) else 400
                return Sheet(status, page("problem.html", sent.site, problem=problem))
            judged = list(judgements(self.judge, files, sent.now, sent.site.language))
            kept = {"host": sent.site.host, "trust": _digest(self.trust_file), "now": sent.now}
            content = answer(judged, sent.site, kept, nobody=recognises_nobody(self.judge))
            is_trust_file = len(judged) == 1 and judged[0].steps[0].code == f"{STEPS[0]}-{IS_TRUST_FILE.code}"
            return Sheet(200, content, files[0] if is_trust_file else None)


def judgements(judge: Judge, files: Sequence[Given], now: datetime, language: str) -> Iterator[Judgement]:
    """The verdict on each file. Showing one costs at most as much again as judging it.

    A file that is no credential, and whose digest a valid one of the others states, has no verdict of its
    own: the other's says that it was compared.
    """
    digests = [digests_of(io.BytesIO(file.data)) for file in files] if len(files) > 1 else [frozenset()]
    resources = frozenset[bytes]().union(*digests)
    judged = list(_judged(judge, files, now, language, resources))
    stated = [each for item in judged if item.report.has_claims for each in _files_stated(item.report)]
    for item, contained in zip(judged, digests, strict=True):
        is_credential = item.report.checks[0].outcome is Outcome.PASSED
        if is_credential or not any(each.fits(contained) for each in stated):
            yield item


def _judged(
    judge: Judge, files: Sequence[Given], now: datetime, language: str, resources: frozenset[bytes]
) -> Iterator[Judgement]:
    steps = min(BODY_STEPS, _MOST_STEPS // len(files))
    ends = time.monotonic() + judge.seconds
    for file in files:
        if file.problem is None:
            question = Question(file.data, now, unasked=True, resources=resources)
            report = judge.report(question, steps, max(ends - time.monotonic(), 0))
        else:
            report = _unread(file.problem)
        verifier = judge.verifiers().offline
        is_open = report.verdict is Verdict.UNDETERMINED and report.checks[0].outcome is Outcome.PASSED
        unchecked = _unchecked(file.data, verifier.forms, Work(steps)) if is_open else ()
        name = file.name or tr("pasted text")
        yield judgement(name, file.data, report, verifier.trust, unchecked, language, Work(steps))


def _files_stated(report: Report) -> Iterator[Resource]:
    """The files that the credentials of a valid report state."""
    for claims, named in zip(report.require(), report.by_kind, strict=True):
        yield from files_stated(claims, named and named.kind)


def recognises_nobody(judge: Judge) -> bool:
    """True if the trust list of a service is empty; one that cannot be read is reported when it is needed."""
    try:
        trust = judge.verifiers().offline.trust
    except Problem:
        return False
    return isinstance(trust, Trust) and not trust.issuers  # an index is of a long list


def inspection(session: Session, trust_file: Path | None, policy: Policy | None, offline: bool) -> Inspection:
    """The object that answers requests and forms in each of a service's processes."""
    judge = session.judge(trust_file, policy, offline=offline)
    return Inspection(judge, trust_file or session.trust_file)


def _unread(problem: Problem) -> Report:
    """The report on a file that could not be read out of an archive."""
    return Report(
        [Check(1, STEPS[0], Outcome.UNDETERMINED, problem.detail, problem, facts=problem.facts)], ()
    )


def _unchecked(data: bytes, forms: Mapping[str, Form], work: Work) -> tuple[Claims, ...]:
    """The claims of an undecided file, as far as they can be read."""
    try:
        secured = read(Bundle.parse(data, forms, work).secured, forms, work)
        return tuple(credential.claims for credential in secured.credentials)
    except Problem:
        return ()


def _digest(file: Path) -> str:
    """SHA-256 of the trust list, for reports that are kept; nothing where there is none."""
    try:
        with file.open("rb") as opened:
            return hashlib.file_digest(opened, "sha256").hexdigest()
    except OSError:
        return ""
