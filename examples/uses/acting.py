"""One run of a use: issuer, holder, verifier and attacker, in one process and without a network."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from did import METHODS, Resolver
from intaglio.words import report as words
from intaglio.words.language import LANGUAGES, speaking
from issuer.archive.kept import KindNumber
from issuer.job.rehearsal import rehearse
from issuer.press.document import trial
from issuer.table.finding import CellFinding
from issuer.table.source import open_source
from kinds import Kind
from kinds.cells import sri
from kinds.expected import Rehearsal, mismatches
from kinds.metadata import type_of
from kinds.sentence import spoken
from ledger.entries import parse_entry
from vc import Report, Verdict
from vc.forms import INTEGRITY
from vc.possession import Asked
from vc.status import Reason
from vc.vcdm.related import resources_of
from verifier import Trust, Verifier
from verifier.policy import AllOf, load_policy
from verifier.resources import GivenFile
from verifier.summary import fields_of, summarize
from wire.fetch import NoFetcher
from wire.integrity import digests_of
from wire.problem import Malformed
from wire.text import counted

from .actors import CHALLENGE, DOMAIN, Institution, Person, present_as_own
from .folder import UseCase

_WRONG_TYPE, _REVOKED_CODE = "trust-wrong-type", "status-revoked"
_NOT_FOR_TYPE, _NOT_PROVED = "trust-not-for-type", "trust-subject-not-proved"
_ANOTHER = "trust-another-resource"
_TOO_OLD, _CHECK_TOO_OLD = "trust-status-too-old", "trust-check-too-old"
NOW = timedelta()
"""No time later."""
_YES_NO = {"de": ("ja", "nein")}
"""For sentences of kinds in languages that the program does not speak."""
_TOLERANCE = 0.1
"""The share by which sizes may differ: places in status lists, and so their compressed bytes, are random."""


class Ending(NamedTuple):
    """Result of one verification, and the name of the case that was shown to the verifier."""

    what: str
    verdict: str
    """The report's verdict; `refused` for a row that is not issued."""
    code: str
    """The code of the check, or the finding, that decided; empty for a valid credential."""
    text: str


@dataclass
class Run:
    """The record of a run."""

    use: UseCase
    issued: int = 0
    findings: list[CellFinding] = field(default_factory=list)
    record: Mapping[str, Any] = field(default_factory=dict)
    """The record of the first good row, whose credential is verified."""
    sentences: dict[str, str] = field(default_factory=dict)
    """By language, as far as the program or the kind has it."""
    learned: dict[str, Any] = field(default_factory=dict)
    """Each fact that the verifier read, by its field."""
    shown: dict[str, list[str]] = field(default_factory=dict)
    """By form, the fields that the verifier saw when the holder hid all others."""
    endings: list[Ending] = field(default_factory=list)
    log: dict[str, int] = field(default_factory=dict)
    """Number of entries in the issuer's log, by kind."""
    sizes: dict[str, int] = field(default_factory=dict)
    """Bytes of the credential and of its bundle."""
    differences: list[str] = field(default_factory=list)
    """A line for each ending that is not the one the folder expects."""

    def note(self, what: str, report: Report, verdict: Verdict, code: str = "") -> None:
        """Notes how a verification ended; another verdict or code than these is a difference."""
        check = None if report else report.deciding
        self.endings.append(
            Ending(what, report.verdict.value, check.code if check else "", check.text if check else "")
        )
        self.compare(what, self.endings[-1][1:3], (verdict.value, code))

    def compare(self, what: str, actual: object, expected: object) -> None:
        """Notes a difference, if there is one."""
        if actual != expected:
            self.differences.append(f"{what}: {expected!r} is expected, and it is {actual!r}")

    def to_json(self) -> dict[str, Any]:
        """For programs."""
        findings = [{"row": each.row, "column": each.column, "reason": each.reason} for each in self.findings]
        return {
            "use": self.use.name,
            "kind": self.use.reference,
            "issued": self.issued,
            "findings": findings,
            "sentences": self.sentences,
            "learned": self.learned,
            "shown": self.shown,
            "paper": self.use.said["paper"],
            "holder": bool(self.use.kind.policy.holder),
            "boundBy": [] if self.use.kind.person.fields else list(self.use.bound_by),
            "endings": [each._asdict() for each in self.endings],
            "log": self.log,
            "bytes": self.sizes,
            "differences": self.differences,
        }


def rehearsed(use: UseCase, file: Path) -> Rehearsal:
    """The records and findings of a file, by a use's kind and on its day; nothing is issued."""
    source = open_source(file, kind=use.kind)
    return rehearse(source, trial(use.kind), use.expected.day, use.folder / "files")


def tested(use: UseCase, rows: Rehearsal) -> Iterator[str]:
    """The differences of `rows.csv` and `wrong.csv` from `expected.json`, in the words of `kind test`."""
    for each in mismatches(use.expected.outcome, rows):
        yield f"rows.csv, {each} (expected.json)"
    for each in mismatches(use.expected.wrong, rehearsed(use, use.folder / "wrong.csv")):
        yield f"wrong.csv, {each} (expected.json)"


def _numbered(use: UseCase, rows: Rehearsal) -> list[KindNumber]:
    """The credentials of good rows, in their order. Raises `Malformed` for fewer than two."""
    records = [rows.records[row] for row in sorted(rows.records)]
    if len(records) < 2:
        raise Malformed(f"{use.folder / 'rows.csv'} has fewer than two good rows: one is shown, one revoked")
    return [KindNumber(use.kind.name, str(record[use.kind.number])) for record in records]


def run(use: UseCase, scratch: Path) -> Run:
    """Issues the rows of a use, verifies one, and shows the verifier what it has to refuse.

    `scratch` is an empty folder. An ending other than the folder's is a difference of the run. Raises the
    `Problem` of a folder with which nothing can be issued.
    """
    return _Acting(use, scratch).run()


class _Acting:
    def __init__(self, use: UseCase, scratch: Path) -> None:
        self.use, self.scratch, self.seen = use, scratch, Run(use)
        self.neighbour = near = use.neighbour
        self.rehearsed = rehearsed(use, use.folder / "rows.csv")
        # Those that are there, which may be others than are expected: somebody changed the rows.
        self.verified, self.revoked = _numbered(use, self.rehearsed)[:2]
        self.seen.record = self.rehearsed.records[min(self.rehearsed.records)]
        self.own = Institution(scratch / "own", use.said["issuer"], use.address, use)
        self.next = Institution(scratch / "next", near.said["issuer"], near.address, use, near)

    def run(self) -> Run:
        self.seen.differences += tested(self.use, self.rehearsed)
        self.seen.issued, self.seen.findings = self.own.issue(self.use)
        self.next.issue(self.neighbour)
        self.next.issue(self.use)
        # Of two institutions, each is listed for what it may issue. The neighbour issues more than that.
        here, near = self.own.trust(self.use), self.next.trust(self.neighbour)
        self.trust = Trust(here.issuers + near.issuers, here.logs + near.logs)
        self.verifier = Verifier(Resolver(METHODS, NoFetcher()), trust=self.trust)
        shown = self._genuine()
        self._in_part(shown[1])
        self._refused()
        self._documents(*shown)
        self._attacked(*shown)
        self._limits(*shown)
        log = self.own.issuer.log
        entries = map(parse_entry, log.entries(0, log.checkpoint().size))
        self.seen.log = dict(Counter(entry.kind.name.lower() for entry in entries))
        return self.seen

    def _genuine(self) -> tuple[bytes, Person | None]:
        """The credential of the first row, bound to its holder where the kind asks for that."""
        data, person, use = self.own.bundle(self.verified), None, self.use
        if use.kind.policy.holder:
            self.seen.note("the file alone", self._verify(data), Verdict.UNDETERMINED, _NOT_PROVED)
            person = Person(self.scratch / "wallet", self.own.clock())
            data = self._claimed(person)
            self.seen.note("claimed, not presented", self._verify(data), Verdict.UNDETERMINED, _NOT_PROVED)
        report = self._verify(self._shown(data, person))
        self.seen.note("presented by its holder" if person else "the file", report, Verdict.VALID)
        if report:
            self._read(report)
        credential = json.dumps(json.loads(data)["credential"], ensure_ascii=False, separators=(",", ":"))
        self.seen.sizes = {"credential": len(credential.encode()), "bundle": len(data)}
        for name, expected in use.said["bytes"].items():
            if abs(self.seen.sizes[name] - expected) > _TOLERANCE * expected:
                self.seen.compare(f"bytes of the {name} of use.json", self.seen.sizes[name], expected)
        return data, person

    def _read(self, report: Report) -> None:
        """The sentence in each language, and the facts."""
        (claims,), (by_kind,) = report.require(), report.by_kind
        summary, kind = summarize(claims, self.trust, by_kind), self.use.kind
        self.seen.learned = fields_of(claims, self.trust, by_kind)
        for language in LANGUAGES:
            with speaking(language):
                self.seen.sentences[language] = words.sentence(summary)
        for language in sorted(kind.sentence.keys() - set(LANGUAGES)):  # which the program itself lacks
            sentence = spoken(kind, summary.facts, summary.by, language)
            values = {name: _named(kind, name, value, language) for name, value in sentence.values.items()}
            self.seen.sentences[language] = sentence.text.format_map(values)
        for language, expected in self.use.said["sentence"].items():
            self.seen.compare(
                f"sentence ({language}) of use.json", self.seen.sentences.get(language), expected
            )

    def _in_part(self, person: Person | None) -> None:
        """Shows only the chosen fields, in each form that can hide the rest of a record."""
        if person is None:
            return  # nobody's key could be shown
        for form in self.use.parted_forms:
            claimed = self._claimed(person, form)
            what = f"as {form}"
            self.seen.note(f"{what}, not presented", self._verify(claimed), Verdict.UNDETERMINED, _NOT_PROVED)
            shown = person.present(self.own.clock(), form, self.use.shows)
            report = self._verify(shown, is_presented=True)
            self.seen.note(f"{what}, in part", report, Verdict.VALID)
            if report:
                (claims,), (by_kind,) = report.require(), report.by_kind
                self.seen.shown[form] = list(fields_of(claims, self.trust, by_kind))
                self.seen.compare(f"{what}, shown", self.seen.shown[form], list(self.use.shows))

    def _refused(self) -> None:
        """Every use refuses these. None is presented: a definite refusal decides before an open check."""
        title = self.neighbour.said["title"]["en"]
        report = self._verify(self.next.bundle(_numbered(self.neighbour, self.neighbour.expected.outcome)[0]))
        if self.use.attack["change"] == "kind":  # the very same, and the code is that of the attack
            self.seen.note("attack (kind)", report, Verdict.INVALID, self.use.attack["code"])
        else:
            self.seen.note(f"in its place: {title}", report, Verdict.INVALID, _WRONG_TYPE)
        report = self._verify(self.next.bundle(self.verified))
        what = "attack (issuer)" if self.use.attack["change"] == "issuer" else "by an issuer of other types"
        self.seen.note(what, report, Verdict.INVALID, _NOT_FOR_TYPE)
        now = self.own.clock()
        self.own.issuer.revoke([self.revoked], Reason.ISSUED_IN_ERROR, date=now, now=now)
        report = self._verify(self.own.bundle(self.revoked))
        self.seen.note("revoked", report, Verdict.INVALID, _REVOKED_CODE)

    def _documents(self, data: bytes, person: Person | None) -> None:
        """Each document whose digest the credential states, altered and with another one in its place."""
        if not self.use.kind.policy.resources:
            return
        stated, files = [*self.seen.learned.values()], self.use.files
        digests = {name: sri(hashlib.sha256(content).digest()) for name, content in files.items()}
        for name in (each for each, digest in digests.items() if digest in stated):
            another = next((content for content in files.values() if content != files[name]), b"")
            for what, content in (("altered", _altered(files[name])), ("another in its place", another)):
                attached = [GivenFile.read(io.BytesIO(content), _id_of(files[name], data))]
                changed = {**files, name: content}
                report = self._verify(self._shown(data, person), files=changed, attached=attached)
                self.seen.note(f"{name}, {what}", report, Verdict.INVALID, _ANOTHER)

    def _attacked(self, data: bytes, person: Person | None) -> None:
        """The one change that this use refuses; without it the same steps ended valid."""
        attack = self.use.attack
        report = None
        match attack["change"]:
            case "cell":
                self._attacked_cell()
            case "document":
                files, name = dict(self.use.files), attack["file"]
                id_there = _id_of(files[name], data)
                files[name] = files[attack["with"]] if "with" in attack else _altered(files[name])
                attached = [GivenFile.read(io.BytesIO(files[name]), id_there)]
                report = self._verify(self._shown(data, person), files=files, attached=attached)
            case "time":
                before, after = (timedelta(days=attack["days"] - less) for less in (1, 0))
                good = self._verify(self._shown(data, person, before), before)
                self.seen.note(f"{counted(before.days, 'day')} later", good, Verdict.VALID)
                report = self._verify(self._shown(data, person, after), after)
            case "holder":
                report = self._verify(present_as_own(data, self.own.clock()))
            case "signed":
                bundle = json.loads(data)
                _set(bundle["credential"], attack["pointer"], attack["value"])
                report = self._verify(json.dumps(bundle).encode())
        if report is not None:
            # An attack that can be shown to be wrong is not valid, another one is open; none is valid.
            verdict = report.verdict if report.verdict is not Verdict.VALID else Verdict.INVALID
            self.seen.note(f"attack ({attack['change']})", report, verdict, attack["code"])

    def _attacked_cell(self) -> None:
        attack, path = self.use.attack, self.scratch / "changed.csv"
        path.write_text(_changed(self.use, attack["column"], attack["value"]), encoding="utf-8")
        new = rehearsed(self.use, path).findings - self.use.expected.outcome.findings
        findings = [CellFinding(*each) for each in sorted(new)]
        ends = [(each.column, each.reason, each.code) for each in findings]
        self.seen.compare("attack (cell)", ends, [(attack["column"], attack["reason"], attack["code"])])
        self.seen.endings += [Ending("attack (cell)", "refused", each.code, str(each)) for each in findings]

    def _limits(self, data: bytes, person: Person | None) -> None:
        """Each limit of the kind's policy, on both of its sides."""
        if self.use.kind.policy.check_age:
            self._check_limit(data, person, *self.use.kind.policy.check_age)
        if self.use.kind.policy.status_age:
            self._status_limit(data, person, self.use.kind.policy.status_age)

    def _check_limit(self, data: bytes, person: Person | None, checked_on: str, days: int) -> None:
        """The greatest age of a check: the credential is good on the last day, and refused a day later."""
        first = self.rehearsed.records[min(self.rehearsed.records)]
        since = self.use.expected.day - date.fromisoformat(first[checked_on])
        for age, verdict, code in ((days, Verdict.VALID, ""), (days + 1, Verdict.INVALID, _CHECK_TOO_OLD)):
            later = timedelta(days=age) - since
            report = self._verify(self._shown(data, person, later), later)
            self.seen.note(f"{counted(age, 'day')} after the check", report, verdict, code)

    def _status_limit(self, data: bytes, person: Person | None, age: int) -> None:
        """The greatest age of a status: good until then, open afterwards, and good with a fresh list."""
        limit, later = timedelta(days=age), timedelta(days=age, hours=1)
        what = f"{counted(age, 'day')} later"
        self.seen.note(what, self._verify(self._shown(data, person, limit), limit), Verdict.VALID)
        report = self._verify(self._shown(data, person, later), later)
        self.seen.note(f"{what}, and an hour", report, Verdict.UNDETERMINED, _TOO_OLD)
        self.own.clock.now += later
        # The issuer signs its lists anew; the holder claims the same credential once more, with a fresh one.
        self.own.issuer.lists.publish(now=self.own.clock.now, anew=True)
        data = self.own.bundle(self.verified) if person is None else self._claimed(person)
        report = self._verify(self._shown(data, person))
        self.seen.note(f"{what}, with a fresh status list", report, Verdict.VALID)

    def _claimed(self, person: Person, form: str = INTEGRITY) -> bytes:
        return person.claim(self.own, self.verified, self.scratch / "claims.sqlite", self.verifier, form)

    def _shown(self, data: bytes, person: Person | None, later: timedelta = NOW) -> bytes:
        """The file, or its presentation by its holder, some time later."""
        return data if person is None else person.present(self.own.clock() + later)

    def _verify(
        self,
        data: bytes,
        later: timedelta = NOW,
        files: Mapping[str, bytes] | None = None,
        is_presented: bool | None = None,
        attached: Sequence[GivenFile] = (),
    ) -> Report:
        """Verifies as somebody who asks for this type, and has the documents that belong to it.

        The data shows if a presentation was asked for, except in a form whose credential and presentation
        look alike.
        """
        if is_presented is None:
            is_presented = "presentation" in json.loads(data)
        kind_of_type = {"anyOf": [{"type": self.use.types[0]}, {"vcts": [type_of(self.use.kind)]}]}
        rules = [load_policy(kind_of_type)]
        if self.use.policy is not None:
            rules.append(load_policy(self.use.policy))
        files = self.use.files if files is None else files
        return self.verifier.verify(
            data,
            now=self.own.clock() + later,
            policy=AllOf(tuple(rules)),
            asked=Asked(CHALLENGE, DOMAIN) if is_presented else None,
            resources=[hashlib.sha256(each).digest() for each in files.values()],
            files=attached,
        )


def _named(kind: Kind, name: str, value: object, language: str) -> str:
    """A value as a sentence has it: of a code its name, where the kind has one."""
    if isinstance(value, bool):
        yes, no = _YES_NO[language]
        return yes if value else no
    of = kind.fields.get(name)
    return of.names.get(language, {}).get(str(value), str(value)) if of else str(value)


def _id_of(file: bytes, bundle: bytes) -> str:
    """The id that a credential has for a file; empty in a form that has none."""
    credential = json.loads(bundle)["credential"]
    stated = resources_of(credential) if isinstance(credential, dict) else []
    digests = digests_of(io.BytesIO(file))
    return next((each.id for each in stated if each.fits(digests)), "")


def _altered(data: bytes) -> bytes:
    return data[:-1] + bytes([data[-1] ^ 1])


def _changed(use: UseCase, column: str, value: str) -> str:
    """The rows with another cell in the first of them."""
    with (use.folder / "rows.csv").open(encoding="utf-8-sig", newline="") as file:
        header, first, *others = csv.reader(file)
    first[header.index(column)] = value
    text = io.StringIO()
    csv.writer(text).writerows([header, first, *others])
    return text.getvalue()


def _set(document: Any, pointer: str, value: Any) -> None:
    """Replaces a value by its JSON Pointer (RFC 6901)."""
    *path, last = (part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:])
    for part in path:
        document = document[int(part)] if isinstance(document, list) else document[part]
    document[int(last) if isinstance(document, list) else last] = value
