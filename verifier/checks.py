"""The nine steps of one verification, and the result of each.

Below this module a failure is an exception; here each becomes one line of a report. Only `Problem` is
caught: any other exception is a bug and must be seen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from types import TracebackType
from typing import TYPE_CHECKING

from did import MethodNotSupported
from did.document import Use
from ledger import EntryKind, Fact
from ledger.requirement import LEDGERS, REQUIRED_WITNESSES
from vc import Bundle, Check, Claims, Credential, InvalidProof, Outcome, Report, UnknownCryptosuite
from vc.anchoring import CarriedKind
from vc.possession import Asked
from vc.problem import UnsupportedForm
from vc.report import StatusTime
from vc.secured import Secured
from wire import Problem, TooLarge, Unavailable
from wire.problem import ExtraMissing, Facts, Scalar
from wire.text import claimed, shortened

from .policy import (
    NOT_PRESENTED,
    USUAL,
    AllOf,
    Findings,
    Policy,
    complete,
    needs_no_credential,
    unknown_issuer,
)
from .problem import CONTEXTS_ADDED, NotKnown
from .signatures import Signature, SignatureCheck
from .sources.evidence import (
    EvidenceCheck,
    attested,
    left_aside,
    moment,
    on_ledger,
    require_may_have_signed,
    require_standing,
)
from .sources.trust_entries import RecognisedIssuer
from .standing import DECIDING, described
from .status import StatusLookup

if TYPE_CHECKING:  # loaded only where a deployment has schemas, or files are given
    from vc.type_metadata import TypeDocuments
    from vc.vcdm.related import Resource
    from vc.vcdm.schema import Schemas

    from .resources import GivenFile

STEPS = ("readable", "holder", "issuer", "signature", "dates", "status", "schema", "evidence", "trust")

_CLOCKS = {
    "own": "in-log",
    "witness": "in-log-witnessed",
    "none": "in-log-undated",
    LEDGERS: "in-log-by-ledgers",
    REQUIRED_WITNESSES: "in-log-by-witnesses",
}
"""Findings, by whose clock a log's time is."""

MAX_STATUS = 4
"""More status entries are refused: each costs lists to fetch, verify and unpack."""


@dataclass(slots=True, eq=False)
class Checks:
    """Collects what each step found."""

    found: list[Check] = field(default_factory=list)
    credential: int | None = None
    """The index of the credential being checked, if the presentation has several."""
    _step: int = 0

    def step(self, step: int) -> Checks:
        """For a `with` statement: a `Problem` inside ends the step with it; nothing else is caught."""
        self._step = step
        return self

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> bool:
        # ADR 4: any other exception is a bug, and must not become a line of a report.
        if not isinstance(problem, Problem):
            return False
        _forget_frames(problem)
        # ADR 14: "failed" is only what a check contradicts; whatever is not known stays open.
        outcome = Outcome.UNDETERMINED if problem.undetermined else Outcome.FAILED
        self._add(outcome, problem.detail, "", problem.facts, problem)
        return True

    def stopped(self) -> bool:
        """Return whether a problem ended the last step."""
        return self.found[-1].problem is not None

    def passed(self, finding: str, text: str, **facts: Scalar) -> None:
        """The step found nothing wrong; facts that are `None` or empty are none."""
        self._add(Outcome.PASSED, text, finding, facts)

    def skipped(self, finding: str, text: str, **facts: Scalar) -> None:
        """The step had nothing to look at."""
        self._add(Outcome.SKIPPED, text, finding, facts)

    def in_order(self) -> list[Check]:
        """The results sorted by credential and step, since the steps do not run in this order."""
        return sorted(self.found, key=lambda check: (check.credential or 0, check.step))

    def leave_out(self, first: int, stopped: int, last: int = len(STEPS)) -> None:
        """Mark the steps from `first` to `last` as not reached, because step `stopped` did not pass."""
        for step in range(first, last + 1):
            self._step = step
            self.skipped("not-reached", f"not checked: step {stopped} did not pass", stopped=stopped)

    def leave_out_all(self) -> None:
        """Mark steps 3 to 9 as not asked for: the policy wants a DID proved, and no credential."""
        for step in range(3, len(STEPS) + 1):
            self._step = step
            self.skipped("not-asked", "not checked: only a DID was to be proved")

    def _add(
        self, outcome: Outcome, text: str, finding: str, facts: Facts, problem: Problem | None = None
    ) -> None:
        step = self._step
        stated = facts and {name: facts[name] for name in facts if facts[name] not in (None, "")}
        name = STEPS[step - 1]
        self.found.append(Check(step, name, outcome, text, problem, self.credential, finding, stated))


@dataclass(eq=False)
class Steps:
    """Steps 2 to 9 for one bundle, against this verifier's trust list and sources."""

    bundle: Bundle
    secured: Secured
    claims: Sequence[Claims]
    """The claims of its credentials as read, before anything is verified."""
    checks: Checks
    signatures: SignatureCheck
    evidence: EvidenceCheck
    status: StatusLookup
    strangers: bool
    schemas: Schemas | None
    asks_by_kind: bool
    """True if the rules of a credential's kind apply beside the policy."""
    resources: frozenset[bytes]
    """The digests of files that came along."""
    files: Sequence[GivenFile]
    """The files given as belonging to these credentials; their digests are among `resources`."""
    types: TypeDocuments | None = None
    """The type metadata that is known here."""
    statuses: list[StatusTime | None] = field(default_factory=list)
    """For each credential, the time as of which it is known not to be revoked."""
    carried: list[CarriedKind | None] = field(default_factory=list)
    """For each credential, the kind that it names, if that came along."""

    def __post_init__(self) -> None:
        self._trust, self._now, self._work = self.evidence.trust, self.evidence.now, self.evidence.work

    def report(self, asked: Asked | None, policy: Policy | None) -> Report:
        """Run them under a caller's policy; `asked` is `None` if nobody here asked for a presentation."""
        # (3) to (8) for each credential
        examined = []
        for number, secured in enumerate(self.secured.credentials):
            self.checks.credential = number if len(self.claims) > 1 else None
            examined.append(self._examine(secured))
        credentials = tuple(
            findings.claims if findings else claims
            for findings, claims in zip(examined, self.claims, strict=True)
        )
        # (2) holder: challenge, domain, holder binding; so late, since the way to a holder's key may lead to
        # any host that a sender names
        self.checks.credential = None
        holder = self._holder(credentials, asked)
        if not credentials and needs_no_credential(policy):
            self.checks.leave_out_all()
        elif not credentials:
            with self.checks.step(3):
                raise NotKnown("the presentation holds no credential")
        # (9) for each credential that came so far
        if self.files:
            from .resources import FilesFit

            came = [findings for findings in examined if findings is not None]
            by_all = [file for findings in came for file in findings.stated]
            for each in came:
                each.asked = (*each.asked, FilesFit(self.files, by_all))
        # ADR 17: a policy adds to "the issuer is recognised", and only `strangers` leaves that out.
        rules = USUAL if policy is None and not self.strangers else complete(policy, strangers=self.strangers)
        for number, findings in enumerate(examined):
            self.checks.credential = number if len(credentials) > 1 else None
            if findings is not None:
                self._decide(findings, holder, rules)
        report = Report(self.checks.in_order(), credentials, self.statuses, holder)
        if any(claims.kinds for claims in credentials) and report:
            self._add_words(report)
        return report

    def _add_words(self, report: Report) -> None:
        """Adds the words of each credential's kind, within the work that is left. No verdict needs them."""
        from .summary import by_kind

        report.by_kind = tuple(
            by_kind(claims, self._trust, carried, self._work)
            for claims, carried in zip(report.require(), self.carried, strict=True)
        )

    def _holder(self, credentials: Sequence[Claims], asked: Asked | None) -> str | None:
        """(2) The DID that proved to be the holder, if one did."""
        holder = None
        with self.checks.step(2):
            presents = self.secured.presentation is not None
            if presents and asked is None:
                self.checks.skipped("unasked", "not checked: nobody here asked for this presentation")
            elif presents and asked is not None:
                # ADR 24: a sender chooses the holder's DID, so its host is asked only if all else has passed.
                self.signatures.keys.asks_for_holders = not any(check.problem for check in self.checks.found)
                holder, proofs = self.signatures.presenter(self.secured, asked)
                finding, compared = (
                    ("shown-anywhere", "; its domain was not compared")
                    if asked.domain is None
                    else ("shown", " and domain")
                )
                unbound = any("id" not in subject for claims in credentials for subject in claims.subjects)
                anyone = "; what is shown is bound to no key: anyone who has the file can show it"
                self.checks.passed(
                    finding,
                    f"shown by {holder}, for this challenge{compared}{anyone if unbound else ''}"
                    f"{proofs.remark}",
                    holder=holder,
                    unbound=unbound or None,
                    uncounted=proofs.uncounted,
                )
            # Threat R8: a challenge that was given has to be answered, and a bare credential answers none.
            elif asked is not None and (asked.challenge, asked.domain) != (None, None):
                raise NOT_PRESENTED("a credential came where a presentation was asked for")
            else:
                self.checks.skipped("anyone", "not checked: anyone can hold a file")
        return holder

    def _examine(self, secured: Secured) -> Findings | None:
        """(3) to (8) for one credential. After a bad signature nothing in it is worth a further look."""
        checks, issuer = self.checks, secured.claims.issuer
        self.statuses.append(None)
        self.carried.append(None)
        # (3) issuer: resolved, key authorised for assertionMethod, controller is the issuer
        entry, is_stranger = None, False
        with checks.step(3):
            # Threat 12c: by certificates, the trust list says whose it is, whatever `iss` says.
            issuer = self.signatures.issuer(secured)
            entry = self._trust.issuer(issuer)
            is_stranger = entry is None and not self.strangers
            proofs = self.signatures.find(secured, "assertionMethod", issuer, use=Use.CREDENTIALS)
            # ADR 16, threat 25: every known proof has to stand, and one of them has to be by the issuer.
            by_issuer = [signature for signature in proofs.known if signature.signer == issuer]
            if not by_issuer and proofs.unknown:
                raise UnknownCryptosuite(
                    f"no proof that is known here is by the issuer{proofs.remark}",
                    uncounted=proofs.uncounted,
                )
            if not by_issuer:
                raise _not_by(issuer)
            source = by_issuer[0].key.source
            # of a certificate the list's name: its subject is the authority's word
            name = source.subject and ((entry and claimed(entry.name)) or issuer)
            text = f"{name or issuer}: {source.text}"
            checks.passed(source.code, text, issuer=issuer, log=source.log, subject=source.subject, name=name)
        if checks.stopped():
            self._leave_out(secured.claims, is_stranger=is_stranger)
            return None
        # (4) signature: every proof
        with checks.step(4):
            # Threat R1: from here on, only the reading that the proofs verify is used.
            claims = self.signatures.claimed(secured, self.signatures.fitting(secured, proofs.known))
            if claims.issuer != issuer:  # whom certificates name, whatever the claims say
                claims = replace(claims, issuer=issuer)
            text = f"unchanged since the issuer signed it{proofs.remark}"
            checks.passed("unchanged", text, uncounted=proofs.uncounted)
            if isinstance(claims, Credential) and "relatedResource" in claims.said:
                self._resources(claims)
        if checks.stopped():
            checks.leave_out(5, 4)
            return None
        findings = Findings(
            claims,
            self._now,
            entry,
            schemas=self.schemas,
            type_name=secured.type_name,
            resources=self.resources,
        )
        # (5) dates
        with checks.step(5):
            finding, text, facts = self.signatures.period(claims, proofs.known)
            checks.passed(finding, text, **facts)
        # (6) status
        with checks.step(6):
            self.statuses[-1] = status = self._status_time(claims, entry)
            findings.status_time = status and status.as_of
        # (7) schema
        with checks.step(7):
            self._schemas(secured, claims)
        # (8) evidence
        with checks.step(8):
            if claims.kinds:
                findings.asked = self._asked_by_kind(claims)
            if self.files:
                findings.stated = self._stated(claims)
            findings.anchors = self._anchors(secured, findings, by_issuer)
        findings.suites = frozenset(signature.signed.algorithm for signature in by_issuer)
        findings.unknown_proofs = proofs.unknown
        return findings

    def _resources(self, claims: Credential) -> None:
        """(4) The contexts that a credential names with their digests (VCDM 2.0, 5.3)."""
        # Only here: few credentials name any.
        from vc.vcdm import jsonld
        from vc.vcdm.related import compare_resources

        count, compared = compare_resources(claims.said, jsonld.vendored().documents, self.resources)
        if compared == count:
            self.checks.passed(
                "all-resources", f"{count} of {count} related resources are as it says", count=count
            )
        else:
            text = f"of {count} related resources {compared} are as it says, and the others are not compared"
            self.checks.passed("resources", text, count=count, compared=compared)

    def _stated(self, claims: Claims) -> Sequence[Resource]:
        """The files that a credential states, also by fields of its kind, if that is at hand."""
        from .resources import files_stated
        from .summary import kind_at_hand

        return files_stated(claims, kind_at_hand(claims, self._trust, self.carried[-1], self._work))

    def _decide(self, findings: Findings, holder: str | None, policy: Policy) -> None:
        """(9) trust: the policy, which also says whether the issuer is recognised for this type."""
        with self.checks.step(9):
            findings.holder, findings.holder_alias = holder, self._alias(findings.claims, holder)
            # Only (8) shows by when it existed: the dates in a credential are its issuer's word.
            findings.issuer = self._trust.issuer(
                findings.claims.issuer, types=findings.types, at=findings.existed_by
            )
            # Threat K6: the rules of a kind come on top of the policy, and replace none of them.
            (AllOf((policy, *findings.asked)) if findings.asked else policy).check(findings)
            reason = findings.issuer.reason if findings.issuer else ""
            text = f"accepted by the policy{reason and ': ' + reason}"
            self.checks.passed("accepted", text, reason=reason)

    def _alias(self, claims: Claims, holder: str | None) -> str | None:
        """The credential's only other subject DID, if that stands for the presenter's key, too."""
        others = {subject["id"] for subject in claims.subjects if "id" in subject} - {holder}
        if holder is None or len(others) != 1:
            return None
        (other,) = others
        return other if self.signatures.keys.are_one(holder, other) else None

    def _asked_by_kind(self, claims: Claims) -> Sequence[Policy]:
        """The rules of the kind that a credential names. Raises for a fault of the one that came along.

        That ends step 8: the kind's rules stay unknown and are not applied, but the report has the problem.
        """
        from .named import asked_by_kind, carried  # Most credentials are of kinds that they do not name.

        self.carried[-1] = kind = carried(claims, self._kinds, self.evidence)
        return asked_by_kind(claims, self._trust, kind, self._work) if self.asks_by_kind else ()

    @cached_property
    def _kinds(self) -> Mapping[str, CarriedKind]:
        from .named import by_digest

        return by_digest(self.bundle.kinds, self.evidence)

    def _leave_out(self, claims: Claims, *, is_stranger: bool) -> None:
        """Leave out the steps after 3. For a stranger with unknown keys, step 9 still says that he is one."""
        problem = self.checks.found[-1].problem
        keys_are_unknown = isinstance(problem, Unavailable | MethodNotSupported | NotKnown)
        # A definite fault stays the verdict: a missing entry explains only why keys are unknown.
        if not is_stranger or not keys_are_unknown:
            return self.checks.leave_out(4, 3)
        self.checks.leave_out(4, 3, last=8)
        with self.checks.step(9):
            raise unknown_issuer(claims)

    def _status_time(self, claims: Claims, entry: RecognisedIssuer | None) -> StatusTime | None:
        entries = claims.status
        # Not open: a status, or the statement of one, is part of what is signed: nobody can cut it off (F13).
        if not entries:
            self.checks.skipped("irrevocable", "the credential has no status: it cannot be revoked")
            return None
        # Threats 57 and 58: each may be a list elsewhere, which is fetched and unpacked.
        if len(entries) > MAX_STATUS:
            raise TooLarge.saying("the credential has more than {most} status entries", most=MAX_STATUS)
        # An address in `iss` stands for a DID, which signs the lists.
        issuer = entry.id if entry else claims.issuer
        standings = self.status.check(entries, issuer, self._now, entry)
        unreached = self.status.unreached_of(claims)
        newer = shortened(min(unreached)) if unreached else ""
        stale = f"; a newer list could not be had from {newer}" if unreached else ""
        finding, text, facts = described(standings, stale)
        self.checks.passed(finding, text, newer=newer, **facts)
        # a list that only informs does not say that nothing was revoked
        times = [standing.time for standing in standings if standing.entry.purpose in DECIDING]
        return StatusTime.of_all(times) if times else None

    def _schemas(self, secured: Secured, claims: Claims) -> None:
        schemas = self.schemas
        checked = {schema: shortened(schema) for schema in schemas.check(claims)} if schemas else {}
        if claims.kind is not None:  # most name none: a start is not to wait for kinds
            from .kind_schema import fits_kind

            try:
                checked |= fits_kind(claims, self._trust, self._work)
            except ExtraMissing:  # says nothing about the credential, so no verdict depends on it
                text = "not checked: the extra that compares it with its schema is not installed here"
                self.checks.skipped("no-engine", text)
                return
        if claims.vct and (self.types or claims.kind is not None):
            from .type_metadata import NO_TYPES, fits_type

            types = self.types or NO_TYPES
            checked |= fits_type(secured, self._trust, types, self.bundle.kinds, self._work)
        if checked:
            names, forms = ", ".join(map(shortened, checked)), ", ".join(checked.values())
            self.checks.passed("fits", f"has the form of {forms}", schemas=names, forms=forms)
        else:
            self.checks.skipped("none-known", "the credential names no schema that is known here")

    def _anchors(
        self, secured: Secured, findings: Findings, by_issuer: Sequence[Signature]
    ) -> Sequence[Fact]:
        claims, keys = findings.claims, {}
        has_log = bool(self._trust.policy_for(claims.issuer).logs)
        # A log entry takes the digest of the whole credential: only where one can matter.
        if self.bundle.evidence or has_log or claims.origins:
            for signature in by_issuer:
                for leaf in secured.leaves(signature.signed, EntryKind.CREDENTIAL, self._work):
                    keys[leaf] = signature.key
            findings.is_derived = not keys
        signers = [signature.key for signature in by_issuer]
        if findings.is_derived:  # a log entry would link presentations
            for key in signers:
                require_standing(key, self._now, has_log=has_log)
            text = "no log has a derived proof: evidence speaks of the issuer's keys and lists only"
            self.checks.skipped("derived", text)
            return ()
        facts = self.evidence.of_credential(
            claims, keys, self.bundle.evidence, lambda: self._digests, signers
        )
        if facts.found:
            fact, beside = facts.found[0], [other for other in facts.found if other.index is None]
            self.checks.passed(
                _CLOCKS[fact.clock],
                "; ".join(map(attested, (fact, *beside))) + left_aside(facts),
                log=fact.where,
                index=fact.index,
                time=moment(fact.time),
                stated=moment(fact.stated),
                **_quorum(fact),
                ledgers=", ".join(map(on_ledger, beside)),
                ignored=facts.ignored.code if facts.ignored else None,
            )
            return facts.found
        # Threat 25: nothing dates the signature, so the key has to be in force now.
        for signature in by_issuer:
            require_may_have_signed(signature.key, self._now)
        # Threat 30: an added context could give another meaning to what the proof covers.
        if not all(secured.covers_meaning(signature.signed) for signature in by_issuer):
            raise CONTEXTS_ADDED("the credential has contexts that were added after it was signed")
        ignored = facts.ignored.code if facts.ignored else None
        if facts.uncompared:
            self.checks.skipped(
                "not-compared",
                f"not compared with its log, {shortened(facts.uncompared)}; "
                f"the issuer's trust file has that log's key{left_aside(facts)}",
                log=shortened(facts.uncompared),
                ignored=ignored,
            )
            return ()
        self.checks.skipped("in-no-log", f"in no log{left_aside(facts)}", ignored=ignored)
        return ()

    @cached_property
    def _digests(self) -> frozenset[bytes]:
        """The digests of all credentials in the bundle, as logs hold them.

        A derived credential has no log entry: evidence may be for the original.
        """
        kind = EntryKind.CREDENTIAL
        for secured in self.secured.credentials:
            signatures = secured.signatures(self._work).known
            if not all(secured.leaves(signed, kind, self._work) for signed in signatures):
                return frozenset(evidence.digest for evidence in self.bundle.evidence)
        return frozenset().union(*(secured.digests(self._work) for secured in self.secured.credentials))


def _quorum(fact: Fact) -> dict[str, Scalar]:
    """The number of witnesses that signed, of how many, and of those that may lie unnoticed in a fork."""
    if fact.quorum is None:
        return {}
    return {"seen": fact.witnesses, "listed": len(fact.quorum.of), "liars": max(fact.quorum.overlap - 1, 0)}


def _not_by(issuer: str) -> Problem:
    """Open for an issuer that is no DID: its document may refer to keys that others describe."""
    if issuer.startswith("did:"):
        return InvalidProof.saying("no proof is by the issuer, {issuer}", issuer=shortened(issuer))
    return UnsupportedForm.saying(
        "no proof names a key at the address of the issuer, {issuer}", issuer=shortened(issuer)
    )


def _forget_frames(problem: BaseException | None) -> None:
    """Strip a problem of its frames: they keep all input alive, and these checks in a reference cycle."""
    if isinstance(problem, Problem):
        problem.__traceback__ = problem.__cause__ = problem.__context__ = None
        for other in (problem.because, problem.why):
            _forget_frames(other)
