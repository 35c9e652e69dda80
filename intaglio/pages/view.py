"""The content of a page about one file, as plain data in the reader's language, in reading order.

The verdict comes first, then the advice. Claims are shown of a valid credential only. Nothing is shown out of
a refused file, since it may be forged; of an undecided one, claims are marked as unchecked.
"""

from __future__ import annotations

import hashlib
import itertools
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple, TypeVar

import orjson

from vc import Check, Claims, Outcome, Report
from vc.claims import short_name
from vc.report import StatusTime
from verifier.checks import STEPS as NAMES
from verifier.sources.trust import NamedTrust, TrustSource
from verifier.sources.trust_entries import RecognisedIssuer
from verifier.summary import ByKind, Summary, day_of, summarize
from wire.problem import TooLarge
from wire.strict import is_url
from wire.text import printable
from wire.work import ITEM_SHOWN, Work

from ..words import kinds, label, tr, tr_in
from ..words import report as words
from ..words.advice import (
    ADVICE,
    CUT,
    EMPTY,
    ENDED,
    GROUNDS,
    MAILS,
    NOT_CHECKED,
    PICTURED,
    REASONS,
    STEPS,
    WHYS,
)
from .reader import address, day, moments, preferred, readable

MOST_CLAIMS = 300
"""Claims of one credential that are shown; the file has them all."""

MOST_UNCHECKED = 3
"""Credentials of an undecided file of which something is shown."""

LONGEST_UNCHECKED = 200
"""Characters of each thing that an undecided file says of itself."""

_LONGEST_VALUE = 2000
_LONGEST_TERM = 100

_Item = TypeVar("_Item")


class Answered(StrEnum):
    """The answer to a file: one of the three verdicts, or that there was nothing to judge."""

    VALID = "valid"
    INVALID = "invalid"
    UNDETERMINED = "undetermined"
    UNREADABLE = "unreadable"


WORDS: Mapping[Answered, str] = {
    Answered.VALID: "Valid",
    Answered.INVALID: "Not valid",
    Answered.UNDETERMINED: "Could not be decided",
    Answered.UNREADABLE: "Could not be read",
}


class Sentence(NamedTuple):
    """A sentence of ours; `theirs` has the values from others that stand in it, by name."""

    text: str
    theirs: Mapping[str, str] = {}
    moments: tuple[datetime, ...] = ()
    """The moments that stand in the values from others."""

    def __str__(self) -> str:
        theirs = {name: printable(value[: words.LONGEST]) for name, value in self.theirs.items()}
        return self.text.format_map(theirs)


class Claim(NamedTuple):
    """A claim of a valid credential: its label and its value."""

    name: str
    value: str
    is_ours: bool
    """True if the name is ours; else it is the credential's own."""


class Card(NamedTuple):
    """The claims of a credential: first those that most people ask for, then all of them."""

    title: str
    first: tuple[Claim, ...]
    all: tuple[Claim, ...]
    left: int
    """The number of claims that are not shown."""


class Step(NamedTuple):
    """One check."""

    number: int
    name: str
    outcome: Outcome
    mark: str
    text: str
    moments: tuple[datetime, ...]
    """The moments that stand in the text."""
    is_open: bool
    """True if its text is shown at once, since this check keeps the file from being valid."""
    code: str
    credential: int | None
    quoted: str = ""
    """The issuer's own words about it."""


class Listed(NamedTuple):
    """An issuer by its web address or DID, and what the list of this host says of it."""

    address: str
    name: str
    types: tuple[str, ...]
    is_listed: bool


@dataclass(frozen=True)
class Judgement:
    """The content of a page about one file."""

    file: str
    digest: str
    size: int
    answer: Answered
    tone: str
    """The style: that of the answer, but `ended` where only time is against the file."""
    word: str
    """The words of the answer, with the ground of a refusal where `GROUNDS` has one."""
    as_of: datetime | None
    """The moment as of which nothing was revoked, where the verdict has to state it."""
    sentences: tuple[Sentence, ...]
    advice: tuple[str, ...]
    mail: str
    """A draft of a mail to the sender of the file; empty where there is nothing to ask for."""
    cards: tuple[Card, ...]
    steps: tuple[Step, ...]
    issuers: tuple[Listed, ...]
    unchecked: tuple[Claim, ...]
    """The claims of an undecided file."""
    is_presentation: bool
    evidence: str
    """The proof by a log, in the words of the check."""
    proven: tuple[datetime, ...]
    """The moments that stand in it."""
    report: Report
    """The report for programs."""
    trust: TrustSource
    """The trust list that the file was judged by."""
    is_cut: bool
    """True if more exists than is shown."""


def judgement(
    file: str,
    body: bytes,
    report: Report,
    trust: TrustSource,
    unchecked: Sequence[Claims],
    language: str,
    work: Work,
) -> Judgement:
    """The view of a report, as far as `work` allows. `unchecked` are the credentials of an undecided one."""
    shown = _Shown(work)
    unchecked = unchecked[:MOST_UNCHECKED]
    answer = answered(report)
    credentials = report.require() if report.has_claims else ()
    if b"@language" not in body:  # nothing is said in several, as in most files
        language = ""
    read = tuple(_in_language(credential, language) for credential in credentials)
    code = _code(report)
    ground = GROUNDS.get(code, WORDS[answer]) if answer is Answered.INVALID else WORDS[answer]
    evidence = next((check for check in report.checks if check.step == 8 and check.facts.get("log")), None)
    return Judgement(
        file=file,
        digest=hashlib.sha256(body).hexdigest(),
        size=len(body),
        answer=answer,
        tone="ended" if answer is Answered.INVALID and code in ENDED else answer.value,
        word=tr_in("answer", ground),
        as_of=_as_of(report) if report else None,
        sentences=shown(_sentences(report, body, read, unchecked, trust)),
        advice=tuple(_advice(report, answer, read)),
        mail=_mail(report),
        unchecked=shown(claim for credential in unchecked for claim in _of_itself(credential, language)),
        issuers=shown(
            _listed(claims, trust)
            for claims in {claims.issuer: claims for claims in (*read, *unchecked)}.values()
        ),
        steps=shown(_step(check, answer) for check in report.checks),
        cards=tuple(
            _card(credential, trust, of_kind, shown)
            for credential, of_kind in zip(read, report.by_kind, strict=False)
            if not shown.is_cut
        ),
        is_presentation=any(check.code == "holder-unasked" for check in report.checks),
        evidence=_found(evidence) if evidence and answer is not Answered.INVALID else "",
        proven=moments(evidence.facts) if evidence else (),
        report=report,
        trust=trust,
        is_cut=shown.is_cut,
    )


class _Shown:
    """Collects the items that are shown, one by one, as long as there is work left for them."""

    def __init__(self, work: Work) -> None:
        self._work, self.is_cut = work, False

    def __call__(self, items: Iterable[_Item]) -> tuple[_Item, ...]:
        taken = []
        for item in items:
            try:
                self._work.spend(ITEM_SHOWN + _length(item))
            except TooLarge:
                self.is_cut = True
                break
            taken.append(item)
        return tuple(taken)


def _length(item: object) -> int:
    """The number of characters in all of an item's texts."""
    if isinstance(item, Mapping):
        item = tuple(item.values())
    return sum(map(_length, item)) if isinstance(item, tuple) else len(item) if isinstance(item, str) else 0


def answered(report: Report) -> Answered:
    """Nothing was read, unless the first step passed or found something that is wrong."""
    first = report.checks[0]
    if first.outcome is Outcome.UNDETERMINED:
        return Answered.UNREADABLE
    return Answered(report.verdict.value)


def _as_of(report: Report) -> datetime | None:
    statuses = [status for status in report.statuses if status]
    return words.stated(StatusTime.of_all(statuses)) if statuses else None


def _code(report: Report) -> str:
    """The code of the deciding problem."""
    return report.deciding.problem.code if report.deciding and report.deciding.problem else ""


def _found(check: Check) -> str:
    """The finding of a check, with days and addresses as its reader writes them."""
    return readable(words.shown(check), check.facts)


def _sentences(
    report: Report,
    body: bytes,
    credentials: Sequence[Claims],
    unchecked: Sequence[Claims],
    trust: TrustSource,
) -> Iterator[Sentence]:
    """A sentence for each valid credential, else the reason why the file is not valid."""
    if not credentials:
        code = _code(report)
        if _form(report) in MAILS:
            yield Sentence(tr_in("reason", PICTURED))
        elif code == "no-credential" and (begins := body.strip()[:1]) in (b"", b"{"):
            whole = REASONS[code] if body.rstrip().endswith(b"}") else CUT
            yield Sentence(tr_in("reason", whole if begins else EMPTY))
        elif code in REASONS:
            yield Sentence(tr_in("reason", REASONS[code]))
        else:
            decides = report.deciding
            reason = _found(decides) if decides else words.reason(report)
            times = moments(decides.facts) if decides else ()
            yield Sentence(tr("{sentence}."), {"sentence": capital(reason)}, times)
        if code in ENDED and (issuer := _issuer_of(report, trust)):
            yield Sentence(tr("The issuer is {name}."), {"name": issuer.name})
    for credential, of_kind in zip(credentials, report.by_kind, strict=False):
        yield _sentence(summarize(credential, trust, of_kind))
    for check in report.checks if credentials else ():
        if check.code == "readable-in-part":
            yield Sentence(tr("{sentence}."), {"sentence": capital(words.shown(check))})
    for credential in unchecked:
        if isinstance(trust, NamedTrust) and trust.issuer(credential.issuer) is None:
            name = (credential.issuer_name or "")[:LONGEST_UNCHECKED]
            yield from map(_mistakable, trust.resembling(name))


def _issuer_of(report: Report, trust: TrustSource) -> RecognisedIssuer | None:
    """The issuer, as the trust list has it, of a file that was refused for its time: one can ask there."""
    decides = report.deciding
    for check in report.checks:
        if decides and (check.step, check.credential) == (3, decides.credential):
            return trust.issuer(str(check.facts.get("issuer")))
    return None


def _mistakable(other: RecognisedIssuer) -> Sentence:
    """An issuer on the list for which an unlisted one may be mistaken."""
    text = tr(
        "Its name looks like that of “{name}”, which is on the list of this page. It is another issuer."
    )
    return Sentence(text, {"name": other.name})


def _sentence(summary: Summary) -> Sentence:
    """The kind's sentence; else the issuer first, and what the credential claims in quotation marks."""
    spoken, values = kinds.sentence(summary, day)
    if spoken:
        values["issuer"] = address(summary.by)
        text = tr("{sentence}.").replace("{sentence}", spoken)
        return Sentence(text, {name: value[: words.LONGEST] for name, value in values.items()})
    what, whom, when = bool(summary.what), bool(summary.whom), bool(summary.when)
    degree = summary.degree or words.achievement(summary.achievement_type)
    text = {
        (True, True): tr("{by} issued “{what}” to {whom}, dated {when}."),
        (True, False): tr("{by} issued “{what}” to {whom}."),
        (False, True): tr("{by} issued “{what}”, dated {when}."),
        (False, False): tr("{by} issued “{what}”."),
    }[whom, when]
    assert what  # a credential has a type at least
    if degree:
        text = text.replace("{what}", tr("{what} ({degree})"))
    theirs = {
        "what": summary.what,
        "degree": degree,
        "whom": summary.whom,
        "by": address(summary.by),
        "when": day(summary.when),
    }
    return Sentence(text, {name: value[: words.LONGEST] for name, value in theirs.items()})


def _advice(report: Report, answer: Answered, credentials: Sequence[Claims]) -> Iterator[str]:
    """Advice for the reader of a page, who cannot run commands on its host."""
    if answer is Answered.VALID:
        if any(credential.holder_name for credential in credentials):
            yield tr(
                "This does not show that the person before you is the one named. "
                "Compare the name with an identity document."
            )
        else:
            yield tr("This does not show whose it is: it names nobody.")
        if any(check.finding == "refresh" or "refresh" in check.facts for check in report.checks):
            yield tr("The issuer has a newer version of this. Ask the person for that one.")
        return
    deciding, code = report.deciding, _code(report)
    if code in ADVICE:
        yield tr_in("advice", ADVICE[code])
    elif deciding and (advice := words.advice(deciding)):
        yield printable(advice[:_LONGEST_VALUE])
    if answer is Answered.INVALID:
        yield tr(
            "Do not rely on this file. To be sure, ask the institution itself, "
            "at an address that you look up yourself."
        )
    elif answer is Answered.UNDETERMINED:
        yield tr("This speaks neither for the file nor against it: do not rely on it before that is settled.")


def _mail(report: Report) -> str:
    """Something to be copied."""
    form = _form(report)
    return tr_in("mail", MAILS[form]) if form in MAILS else ""


def _form(report: Report) -> str:
    """The name of the unsupported form, where it is known; else empty."""
    return str(report.deciding.facts.get("form", "")) if report.deciding else ""


def _step(check: Check, answer: Answered) -> Step:
    """A check as a page shows it. Facts of a refused file are withheld, except those of the failed check."""
    withheld = bool(answer is Answered.INVALID and check.outcome is not Outcome.FAILED and check.facts)
    text = tr("Not repeated here, since the file is not valid.") if withheld else capital(_found(check))
    mark = NOT_CHECKED if check.outcome is Outcome.SKIPPED else words.MARKS[check.outcome]
    is_open = check.outcome in (Outcome.FAILED, Outcome.UNDETERMINED) and not withheld
    return Step(
        check.step,
        _called(check.name),
        check.outcome,
        tr_in("mark", mark),
        _why_not_checked(check) or text,
        moments(check.facts),
        is_open,
        check.code,
        check.credential,
        "" if withheld else str(check.facts.get("status_message", ""))[: words.LONGEST],
    )


def _called(step: str) -> str:
    return tr_in("step", STEPS.get(step, step))


def _why_not_checked(check: Check) -> str:
    """The reason why a check was not made, in plain words; empty where it was made, or has facts."""
    stopped = check.facts.get("stopped")
    if isinstance(stopped, int):
        return tr_in("why", WHYS["not-reached"]).format(number=stopped, name=_called(NAMES[stopped - 1]))
    why = WHYS.get(check.code) if check.outcome is Outcome.SKIPPED and not check.facts else None
    return tr_in("why", why) if why else ""


def _card(claims: Claims, trust: TrustSource, of_kind: ByKind | None, shown: _Shown) -> Card:
    summary, subject = summarize(claims, trust, of_kind), claims.subjects[0]
    quoted = not summary.by_kind.speaks
    as_badge = {
        "whom": summary.whom,
        "what": summary.what,
        "degree": summary.degree,
        "achievement_type": words.achievement(summary.achievement_type),
        "by": summary.by,
        "awarded": day(str(claims.awarded.day)) if claims.awarded else "",
        "result": tr("; ").join(claims.results),
        "credits": str(subject.get("creditsEarned", "")),
        "number": claims.number,
    }
    details = {
        **({"what": kinds.noun(summary.kind), "by": summary.by} if summary.kind and not quoted else as_badge),
        **_address(claims.issuer),
        "since": day(str(claims.valid_from.date())) if claims.valid_from else "",
        "until": day(str(claims.valid_until.date())) if claims.valid_until else "",
    }
    lines = list(kinds.lines(summary.kind, summary.facts, day, quoted=quoted)) if summary.kind else []
    beside = [(label(name), value) for name, value in details.items() if value]
    first = shown(
        [
            *(Claim(_cut(name, words.LONGEST), _cut(value), False) for name, value in lines),
            # A kind's own dates may be those of its life.
            *(Claim(name, _cut(value), True) for name, value in beside if (name, value) not in lines),
        ]
    )
    every = shown(
        Claim(" › ".join(term[:_LONGEST_TERM] for term in path)[: words.LONGEST], _cut(_json(value)), False)
        for path, value in itertools.islice(_flat(claims.said), MOST_CLAIMS)
    )
    return Card(summary.what, first, every, sum(1 for _ in _flat(claims.said)) - len(every))


def _cut(value: str, longest: int = _LONGEST_VALUE) -> str:
    return value if len(value) <= longest else f"{value[:longest]}…"


def _flat(value: object, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], object]]:
    """Each value that is neither an object nor a list, and the terms that lead to it."""
    if isinstance(value, Mapping):
        for name, item in value.items():
            if path or name not in ("@context", "proof"):
                yield from _flat(item, (*path, name))
    elif isinstance(value, list):
        for item in value:
            yield from _flat(item, path)
    else:
        yield path, value


def _json(value: object) -> str:
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def _listed(claims: Claims, trust: TrustSource) -> Listed:
    entry = trust.issuer(claims.issuer)
    shown = address(claims.issuer)[: words.LONGEST]
    return Listed(shown, entry.name if entry else "", entry.types if entry else (), entry is not None)


def _of_itself(claims: Claims, language: str) -> Iterator[Claim]:
    read = _in_language(claims, language)
    types = ", ".join(short_name(name) for name in read.types[:9] if name != "VerifiableCredential")
    for name, value in {
        "by": read.issuer_name or ("" if _address(read.issuer) else read.issuer),
        **_address(read.issuer),
        "what": types,
        "when": day(day_of(read)),
    }.items():
        if value:
            yield Claim(label(name), _cut(value, LONGEST_UNCHECKED), True)


def _address(issuer: str) -> Mapping[str, str]:
    """The web address of an issuer, or the DID that it has instead, by its label; one may have neither."""
    if not is_url(issuer) or issuer.startswith("ni:"):  # by a certificate
        return {}
    written = address(issuer)
    return {"did" if written == issuer else "address": written}


def _in_language(claims: Claims, language: str) -> Claims:
    return claims.reworded(lambda value: preferred(value, language)) if language else claims


def capital(text: str) -> str:
    """A sentence of the words, which begin small, as it stands alone; a name or an address stays as it is."""
    is_name = re.match(r"[\w%-]+[.:]\S", text)
    return text if is_name else text[:1].upper() + text[1:]
