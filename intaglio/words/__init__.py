"""The words for people, by code and language; the roles, and the packages below them, have only facts.

Terminals and pages take all words that they show to a person from here:

- `sentence(found, language)`: the error of a `Problem`, or the finding of a `Check`;
- `remedy(found, language)`: the advice for it; empty where none is known;
- `title(problem, language)`: the kind of a problem, in a few words; `headed` has it before the sentence;
- `label(field, language)`: the name of a field of `labels.LABELS`, which has those of
  `verifier.summary.Summary`, too;
- `report` has the words of a whole report: `verdict`, `headline`, `line` of a check, `advice`.

A language is one of `LANGUAGES`; the default is the current language, which `speak` sets for a whole run,
and `speaking` for a block: `with speaking("zh"): …`. The words may quote strangers: a terminal shows them
through `wire.text.printable`, a page escapes them.
"""

from __future__ import annotations

import string
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING

from wire.problem import Facts, Malformed, Problem, Scalar

from .language import LANGUAGES, by_code, in_english, language_of, speak, speaking, tr, tr_count, tr_in

if TYPE_CHECKING:
    from ledger import Requirement
    from vc import Check

__all__ = [
    "LANGUAGES",
    "entry_reason",
    "fact",
    "headed",
    "in_english",
    "label",
    "language_of",
    "remedy",
    "required",
    "sentence",
    "speak",
    "speaking",
    "title",
    "tr",
    "tr_count",
    "tr_in",
]

CLAUSES: Mapping[str, str] = {
    "reason": ": {reason}",
    "newer": "; a newer list could not be had from {newer}",
    "refresh": "; a newer version is available",
    "short_list": "; its status list has only {short_list} entries",
    "status_value": "; the issuer's message about it is {status_value}",
    "status_reference": ", explained at {status_reference}",
    "unbound": "; what is shown is bound to no key: anyone who has the file can show it",
    "uncounted": "; not counted, being of a kind that is not known here: {uncounted}",
    "stated": "; by the log's own clock {stated}",
    "listed": "; seen by {seen} of {listed} witnesses (dishonest ones that the quorum tolerates: {liars})",
    "ledgers": "; its checkpoint on {ledgers}",
    "ignored": "; left aside: {ignored}",
    "calls_itself": '; it calls itself "{calls_itself}"',
    "term": ": {term}",
    "at": " (at {at})",
}
"""Clauses that follow a sentence where it has the fact, in this order, unless the sentence states it."""
_OURS = frozenset({"what", "where", "place", "ignored", "form", "reason", "system"})
"""Facts that may be words of ours, or of the system, as a catalogue has them; any other is a document's."""
_ENTRY_REASONS = frozenset({"issued on this machine", "added by hand", "in a folder from elsewhere"})
_FROM_FILE = "from the file "


def sentence(item: Problem | Check, language: str | None = None) -> str:
    """The error of a problem, or the finding of a check."""
    with speaking(language):
        if isinstance(item, Problem):
            return _of_problem(item)
        if item.problem is not None:
            return _of_problem(item.problem)
        template = by_code(item.code) or by_code(item.finding)
        return _with_clauses(template, item.facts) if template else item.text


def remedy(item: Problem | Check, language: str | None = None) -> str:
    """The advice for a problem, then for its cause; empty where none is known."""
    with speaking(language):
        problem = item if isinstance(item, Problem) else item.problem
        return _remedy(problem) if problem is not None else ""


def title(problem: Problem, language: str | None = None) -> str:
    """The kind of a problem, in a few words."""
    with speaking(language):
        return tr_in("title", problem.title)


def headed(problem: Problem) -> str:
    """A problem's kind and sentence in one line, for places that show nothing else."""
    kind, detail = title(problem), sentence(problem)
    return detail if detail.startswith(kind) else tr("{title}: {detail}").format(title=kind, detail=detail)


def label(field: str, language: str | None = None) -> str:
    """The name of a field of `labels.LABELS`."""
    from .labels import LABELS

    with speaking(language):
        return tr_in("label", LABELS[field])


def required(rule: Requirement) -> str:
    """The ledgers that are required, or how many of which."""
    (first, *others) = rule.of
    if isinstance(first, str) and not others:
        return first
    ledgers = tr(", ").join(ledger if isinstance(ledger, str) else required(ledger) for ledger in rule.of)
    return tr("{count} of ({ledgers})").format(count=rule.at_least, ledgers=ledgers)


def _of_problem(problem: Problem) -> str:
    """The error of a problem. Detail without words in the language follows as a sentence of its own."""
    text, technical = _in_words(problem)
    return tr("{sentence}. {detail}").format(sentence=text, detail=technical) if technical else text


def _in_words(problem: Problem) -> tuple[str, str]:
    """The words for the problem's own text, where several texts share one code; else those for its code.

    Where the language has neither, for it or for a problem that it quotes: the kind, and the technical
    sentence.
    """
    words = tr_in("detail", problem.template)
    is_known, is_filled = words != problem.template, problem.template != problem.detail
    if is_known and not is_filled:
        return words + _clauses(set(), problem.facts), ""
    template = words if is_known or (is_filled and _is_bare(words)) else by_code(problem.code)
    if template:
        asked = _asked(template)
        others = {"why": problem.why, "because": problem.because}
        quoted = {name: _in_words(other) for name, other in others.items() if other and name in asked}
        facts = {**problem.facts, **{name: text for name, (text, _) in quoted.items()}}
        if asked <= facts.keys():
            return _with_clauses(template, facts), " ".join(
                filter(None, (rest for _, rest in quoted.values()))
            )
    kind = title(problem)
    return (problem.detail, "") if kind == problem.title else (kind, problem.detail)


def _remedy(problem: Problem) -> str:
    from .remedies import CLAIMED, REMEDIES, SPELLED

    hint = tr_in("hint", problem.hint) if problem.hint else ""
    if not hint and (template := REMEDIES.get(problem.code)):
        spelled = SPELLED[problem.code](problem.facts) if problem.code in SPELLED else {}
        hint = tr_in("remedy", template).format_map({**problem.facts, **spelled})
    further = _remedy(problem.because) if problem.because else ""
    claimed = tr_in("remedy", CLAIMED) if problem.facts.get("claimed") else ""
    return " ".join(filter(None, (hint, further, claimed)))


def _with_clauses(template: str, facts: Facts) -> str:
    return _filled(template, facts) + _clauses(_asked(template), facts)


def _clauses(spoken: set[str], facts: Facts) -> str:
    further = (
        tr_in("clause", text) for fact, text in CLAUSES.items() if fact in facts and fact not in spoken
    )
    return "".join(_filled(text, facts) for text in further)


def _is_bare(template: str) -> bool:
    """True for a template of facts alone, which is the same in every language."""
    return not any(letter.isalpha() for text, *_ in string.Formatter().parse(template) for letter in text)


def _asked(template: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(template) if name}


def _filled(template: str, facts: Facts) -> str:
    return template.format_map({name: fact(name, value) for name, value in facts.items()})


def fact(name: str, value: Scalar) -> Scalar:
    """A fact in the language, if it is words of ours, such as the reason of a revocation; else as it is."""
    if not isinstance(value, str):
        return value
    if name == "said":  # by an issuer's service, to a wallet
        return tr_in("said", value)
    if name in ("wanted", "quorum") and not in_english():
        from ledger import Requirement

        with suppress(Malformed):  # a ledger may have any name
            return required(Requirement.parse(value))
    if name == "reason":
        value = entry_reason(value)
    return tr_in("fact", value) if name in _OURS else value


def entry_reason(reason: str) -> str:
    """Return why an issuer is on the trust list, in the reader's language: the list keeps one wording."""
    if reason.startswith(_FROM_FILE):
        return tr("from the file {file}").format(file=reason.removeprefix(_FROM_FILE))
    return tr(reason) if reason in _ENTRY_REASONS else reason
