"""A report in words: the verdict, its subject, and a line for each check."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from did import InvalidDID
from ledger import InvalidEvidence
from vc import Check, MalformedCredential, Outcome, Report, Verdict
from vc.report import StatusTime
from wire import Malformed, TooLarge
from wire.text import cells, claimed, isolated, printable

from . import kinds, label, remedy
from . import sentence as words_for
from .labels import ACHIEVEMENTS
from .language import tr, tr_in

if TYPE_CHECKING:
    from vc import Claims
    from verifier.sources.trust import TrustSource
    from verifier.summary import Summary

LONGEST = 400
"""Characters that are shown of text that somebody else may have written."""

_NAME = 10  # columns of a check's name

VERDICTS: Mapping[Verdict, str] = {
    Verdict.VALID: "VALID",
    Verdict.INVALID: "NOT VALID",
    Verdict.UNDETERMINED: "COULD NOT BE DECIDED",
}
MARKS: Mapping[Outcome, str] = {
    Outcome.PASSED: "✓ ok",
    Outcome.FAILED: "✗ FAILED",
    Outcome.UNDETERMINED: "? OPEN",
    Outcome.SKIPPED: "– skipped",
}


def verdict(decided: Verdict) -> str:
    """The verdict in a word or a few."""
    return tr_in("verdict", VERDICTS[decided])


def achievement(achievement_type: str) -> str:
    """The label of an Open Badges `achievementType`; an extension is shown without its `ext:`."""
    label = ACHIEVEMENTS.get(achievement_type)
    return tr_in("achievement", label) if label else achievement_type.removeprefix("ext:")


def titled(what: str, degree: str, achievement_type: str) -> str:
    """The achievement's title, with the degree in its issuer's words, else with the label of its type.

    Each part is cut by itself, so that a long title cannot push the degree out of sight.
    """
    awarded = degree or achievement(achievement_type)
    what, awarded = isolated(claimed(what)), isolated(claimed(awarded))
    return tr("{what} ({degree})").format(what=what, degree=awarded) if awarded else what


def sentence(summary: Summary) -> str:
    """The kind's sentence; else the issuer and then its claims in quotation marks, with none inside.

    For a kind whose words are not believed, the labelled facts follow, as far as a line goes.
    """
    template, values = kinds.sentence(summary)
    if template:
        return template.format_map({name: isolated(claimed(value)) for name, value in values.items()})
    by, whom = (isolated(claimed(words)) for words in (summary.by, summary.whom))
    what = titled(summary.what, summary.degree, summary.achievement_type)
    text = tr('by {by}: "{what}", to "{whom}"') if whom else tr('by {by}: "{what}"')
    when = tr(", {day}").format(day=summary.when) if summary.when else ""
    return text.format(by=by, what=what, whom=whom) + when + _labelled(summary)


def _labelled(summary: Summary) -> str:
    """The facts under the labels of a kind whose words are not believed, each in quotation marks."""
    if summary.kind is None or summary.by_kind.speaks:
        return ""
    text = ""
    for name, value in kinds.lines(summary.kind, summary.facts, quoted=True):
        pair = tr('; {label}: "{value}"').format(label=name, value=isolated(claimed(value)))
        if len(text) + len(pair) > LONGEST:
            break
        text += pair
    return text


def details(claims: Claims, summary: Summary, number: str) -> list[tuple[str, str]]:
    """The claims of a credential as label and value: by the fields of its kind, else as a badge's."""
    kind, speaks = summary.kind, summary.by_kind.speaks
    named = list(kinds.lines(kind, summary.facts, quoted=not speaks)) if kind else []
    named = [(name, printable(fact)) for name, fact in named]
    if kind and speaks:
        return named
    as_badge = {
        "whom": claims.holder_name,
        "degree": claims.degree,
        "achievement_type": achievement(claims.achievement_type),
        "awarded": str(claims.awarded.day) if claims.awarded else "",
        "result": tr("; ").join(map(printable, claims.results)),
        "credits": str(claims.subjects[0].get("creditsEarned", "")),
        "number": number,
    }
    beside = [(label(name), printable(fact)) for name, fact in as_badge.items() if fact]
    return named + [line for line in beside if line not in named]


def headline(decided: Verdict, detail: str, status: StatusTime | None = None) -> str:
    """The first line: with a day where a revocation since then may not be known."""
    text = tr("{verdict} {as_of}: {said}") if stated(status) else tr("{verdict}: {said}")
    return text.format(verdict=verdict(decided), as_of=as_of(status), said=detail)


def as_of(status: StatusTime | None) -> str:
    """The day as of which nothing was revoked, where it must be stated."""
    moment = stated(status)
    return tr("as of {day}").format(day=f"{moment:%Y-%m-%d}") if moment else ""


def stated(status: StatusTime | None) -> datetime | None:
    """The moment as of which nothing was revoked, where a verdict has to state it, here and on a page."""
    return status.as_of if status and status.stated else None


def reason(report: Report) -> str:
    """The reason why a report is not valid."""
    return shown(report.deciding) if report.deciding else tr("nothing was verified")


def shown(check: Check) -> str:
    """The finding of a check, for a terminal."""
    return printable(words_for(check)[:LONGEST])[:LONGEST]  # cut first: cleaning takes a microsecond a letter


def line(check: Check) -> str:
    """A check in one line; its finding begins in the same column in every line of a language."""
    name, mark = tr_in("step", check.name), tr_in("mark", MARKS[check.outcome])
    which = ""
    if check.part is not None:
        which = tr(" (presentation {number})").format(number=check.part + 1)
    if check.credential is not None:
        which += tr(" (credential {number})").format(number=check.credential + 1)
    return f"{check.step} {_padded(name, _NAME)} {_padded(mark, _widest_mark())}  {shown(check)}{which}"


def finding_column() -> int:
    """The columns of a line that are before the finding: step, name, and the widest mark of the language."""
    return 2 + _NAME + 1 + _widest_mark() + 2


def _widest_mark() -> int:
    return max(cells(tr_in("mark", text)) for text in MARKS.values())


def advice(check: Check) -> str:
    """Advice for the reader. Advice on a credential's form helps its issuer only: `remedy` has that."""
    problem = check.problem
    about_form = isinstance(problem, Malformed | InvalidDID) and not isinstance(
        problem, TooLarge | InvalidEvidence
    )
    text = remedy(check)
    if about_form and not (text and check.step == 1):
        from .remedies import REMEDIES  # only here: most reports need none

        return tr_in("remedy", REMEDIES[MalformedCredential.code])
    return text


def for_programs(report: Report, trust: TrustSource) -> dict[str, Any]:
    """The report as JSON, with the remedies that are typed here, and the credentials of a valid one."""
    from verifier.summary import fields_of

    data = report.to_dict()
    for check, entry in zip(report.checks, data["checks"], strict=True):
        if check.problem is not None and (hint := remedy(check.problem)):
            entry["problem"]["hint"] = hint
    if report.has_claims:
        data["credentials"] = [dict(claims.said) for claims in report.require()]
        pairs = zip(report.require(), report.by_kind, strict=True)
        data["fields"] = [fields_of(claims, trust, kind) for claims, kind in pairs]
    return data


def _padded(text: str, columns: int) -> str:
    return text + " " * (columns - cells(text))
