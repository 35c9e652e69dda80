"""Verifying a credential or a presentation, in nine steps.

Below this module a failure is an exception; here each becomes one line of a report. Only `Problem` is
caught: any other exception is a bug and must be seen.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

from did import DocumentSource, MethodNotSupported
from did.document import Use
from ledger import KINDS, EntryKind, EvidenceKind, Fact
from ledger.requirement import LEDGERS
from vc import Bundle, Claims, InvalidProof, Report, UnknownCryptosuite
from vc.forms import FORMS
from vc.possession import require_possession
from vc.problem import UnsupportedForm
from vc.reading import read
from vc.report import StatusTime
from vc.secured import Form, Secured
from wire import Problem, TooLarge, Unavailable
from wire.clock import is_ahead
from wire.text import shortened
from wire.work import Work

from .checks import Checks
from .own import StatusDocuments
from .policy import (
    NOT_PRESENTED,
    NOT_SHOWN_BY_HOLDER,
    USUAL,
    Findings,
    Policy,
    complete,
    needs_no_credential,
    unknown_issuer,
)
from .problem import CONTEXTS_ADDED, TIME_ZONE_UNKNOWN, NotKnown
from .signatures import EXPIRED, NOT_YET_IN_FORCE, Proofs, Signature, SignatureCheck
from .sources.evidence import (
    EvidenceCheck,
    attested,
    left_aside,
    moment,
    on_ledger,
    require_current,
    require_may_have_signed,
)
from .sources.keys import IssuerKeys
from .sources.lists import ListMemory, ListSource
from .sources.published import PublishedLogs
from .sources.trust import TrustSource
from .sources.trust_entries import RecognisedIssuer
from .standing import DECIDING, described
from .status import StatusLookup

if TYPE_CHECKING:  # loaded only where a deployment has schemas, or a log is asked
    from vc.vcdm.schema import Schemas

    from .sources.published_log import LogSource

_PERIODS = {
    (True, True): "in-force",
    (True, False): "in-force-from",
    (False, True): "in-force-until",
    (False, False): "in-force-always",
}
_CLOCKS = {
    "own": "in-log",
    "witness": "in-log-witnessed",
    "none": "in-log-undated",
    LEDGERS: "in-log-by-ledgers",
}
"""Findings, by whether there are a first and a last day, and by whose clock a log's time is."""

MAX_STATUS = 4
"""More status entries are refused: each costs lists to fetch, verify and unpack."""


class Verifier:
    """Checks credentials and presentations against one trust list. Keep one: it remembers status lists."""

    def __init__(
        self,
        resolver: DocumentSource,
        *,
        trust: TrustSource,
        lists: Iterable[ListSource] = (),
        forms: Mapping[str, Form] = FORMS,
        schemas: Schemas | None = None,
        logs: LogSource | None = None,
        memory: ListMemory | None = None,
        evidence_kinds: Mapping[str, EvidenceKind] = KINDS,
    ) -> None:
        """`lists` are asked for status lists beside those that come along, and `logs` for what the logs of
        the trust list publish. `forms` are those that are read, by their media types. `memory` may be shared
        with others on the same trust list and forms; by default it is the verifier's own. `evidence_kinds`
        say how evidence is verified; what of it is believed, `trust` says.
        """
        self.memory = ListMemory() if memory is None else memory
        self.resolver, self.trust, self.lists = resolver, trust, tuple(lists)
        self.forms, self.schemas, self.logs = forms, schemas, logs
        self.evidence_kinds = evidence_kinds

    def verify(
        self,
        source: bytes | Mapping[str, Any] | Bundle,
        *,
        now: datetime,
        policy: Policy | None = None,
        strangers: bool = False,
        challenge: str | None = None,
        domain: str | None = None,
        unasked: bool = False,
        work: Work | None = None,
    ) -> Report:
        """Checks a credential, a presentation or a bundle of either as of `now`.

        The issuer has to be recognised by the trust list, and what `policy` asks for comes on top;
        `strangers` alone lets in issuers that nobody recognises: then only the policy stands before them.

        With `challenge` and `domain` a presentation made for exactly these is asked for. `unasked` takes one
        for the credentials in it, as if they were files: nobody here asked for it, so that it cannot show
        whose they are, and its own proof is not looked at. `work` is what the report may cost, by default
        `wire.work.FILE_STEPS`. Never raises a `Problem`: what is wrong stands in
        the report.
        """
        if now.tzinfo is None:
            raise ValueError("now has no time zone")
        if unasked and (challenge, domain) != (None, None):
            raise ValueError("what was asked for is not unasked")
        checks, work = Checks(), work or Work()
        # (1) readable: limits, form
        with checks.step(1):
            bundle = Bundle.parse(source, self.forms, work)
            secured = read(bundle.secured, self.forms, work)
            credentials = tuple(one.claims for one in secured.credentials)
            checks.passed("well-formed", "well-formed")
        if checks.stopped():
            return Report(checks.found, ())
        steps = _Steps(self, bundle, secured, now, checks, work, strangers)
        # (3) to (8) for each credential
        examined = []
        for number, one in enumerate(secured.credentials):
            checks.credential = number if len(secured.credentials) > 1 else None
            examined.append(steps.examine(one))
        credentials = steps.credentials = tuple(
            found.claims if found else claims for found, claims in zip(examined, credentials, strict=True)
        )
        # (2) holder: challenge, domain, holder binding; so late, since the way to a holder's key may lead to
        # any host that a sender names
        checks.credential = None
        holder = steps.holder(challenge, domain, unasked)
        if not credentials and needs_no_credential(policy):
            checks.leave_out_all()
        elif not credentials:
            with checks.step(3):
                raise NotKnown("the presentation holds no credential")
        # (9) for each credential that came so far
        rules = USUAL if policy is None and not strangers else complete(policy, strangers=strangers)
        for number, found in enumerate(examined):
            checks.credential = number if len(credentials) > 1 else None
            if found is not None:
                steps.decide(found, holder, rules)
        return Report(checks.in_order(), credentials, steps.statuses, holder)


class _Steps:
    """The steps for one bundle."""

    def __init__(
        self,
        verifier: Verifier,
        bundle: Bundle,
        secured: Secured,
        now: datetime,
        checks: Checks,
        work: Work,
        strangers: bool,
    ) -> None:
        self._work = work
        self._verifier, self._bundle, self._secured = verifier, bundle, secured
        self._trust, self._now, self._checks, self._strangers = verifier.trust, now, checks, strangers
        logs = PublishedLogs(verifier.logs, verifier.trust, work) if verifier.logs else None
        self._keys = IssuerKeys(
            verifier.resolver,
            verifier.trust,
            bundle.issuer_documents,
            work,
            published=logs,
            strangers=strangers,
            kinds=verifier.evidence_kinds,
        )
        self._signatures = SignatureCheck(self._keys, now, work)
        self._evidence = EvidenceCheck(verifier.trust, now, work, verifier.evidence_kinds, logs)
        own = StatusDocuments(
            self._signatures, self._evidence, verifier.trust, verifier.memory, verifier.forms, now, work
        )
        self._status = StatusLookup(bundle.status_lists, verifier.lists, own)
        self.credentials: Sequence[Claims] = ()
        self.statuses: list[StatusTime | None] = []
        """Of each credential as of when it is known not to be revoked."""

    def holder(self, challenge: str | None, domain: str | None, unasked: bool) -> str | None:
        """(2) The DID that proved to be the holder, if one did."""
        holder = None
        self._keys.asks_for_holders = not any(found.problem for found in self._checks.found)
        with self._checks.step(2):
            if self._secured.presentation is not None and unasked:
                self._checks.skipped("unasked", "not checked: nobody here asked for this presentation")
            elif self._secured.presentation is not None:
                holder, proofs = self._presenter(challenge, domain)
                finding, compared = (
                    ("shown-anywhere", "; its domain was not compared")
                    if domain is None
                    else ("shown", " and domain")
                )
                unbound = any("id" not in found for one in self.credentials for found in one.subjects)
                anyone = "; what is shown is bound to no key: anyone who has the file can show it"
                self._checks.passed(
                    finding,
                    f"shown by {holder}, for this challenge{compared}{anyone if unbound else ''}"
                    f"{proofs.remark}",
                    holder=holder,
                    unbound=unbound or None,
                    uncounted=proofs.uncounted,
                )
            elif challenge is not None or domain is not None:
                raise NOT_PRESENTED("a credential came where a presentation was asked for")
            else:
                self._checks.skipped("anyone", "not checked: anyone can hold a file")
        return holder

    def _presenter(self, challenge: str | None, domain: str | None) -> tuple[str, Proofs]:
        """The DID that proved to be the holder, and by which proofs."""
        signatures, _ = proofs = self._signatures.find(self._secured, "authentication")
        presentation = self._signatures.fitting(self._secured, signatures).presentation
        assert presentation is not None  # whatever it says
        if presentation.unread:
            raise presentation.unread
        for signature in signatures:
            require_current(signature.key, self._now)
        signer, signed = signatures[0].signer, signatures[0].signed
        if len(signatures) > 1:
            raise NOT_SHOWN_BY_HOLDER("the presentation is not signed by its holder alone")
        require_possession(
            signed,
            signer=signer,
            until=signatures[0].key.until,
            holder=presentation.holder,
            challenge=challenge,
            domain=domain,
            now=self._now,
        )
        return signer, proofs

    def examine(self, secured: Secured) -> Findings | None:
        """(3) to (8) for one credential. After a bad signature nothing in it is worth a further look."""
        checks, issuer = self._checks, secured.claims.issuer
        self.statuses.append(None)
        # (3) issuer: resolved, key authorised for assertionMethod, controller is the issuer
        entry, is_stranger = None, False
        with checks.step(3):
            entry = self._trust.issuer(issuer)
            is_stranger = entry is None and not self._strangers
            proofs = self._signatures.find(secured, "assertionMethod", issuer, use=Use.CREDENTIALS)
            own = [signature for signature in proofs.known if signature.signer == issuer]
            if not own and proofs.unknown:
                raise UnknownCryptosuite(
                    f"no proof that is known here is by the issuer{proofs.remark}",
                    uncounted=proofs.uncounted,
                )
            if not own:
                raise _not_by(issuer)
            source = own[0].key.source
            checks.passed(source.code, f"{issuer}: {source.text}", issuer=issuer, log=source.log)
        if checks.stopped():
            self._leave_out(secured.claims, is_stranger=is_stranger)
            return None
        # (4) signature: every proof
        with checks.step(4):
            claims = self._signatures.as_signed(secured, proofs.known)
            text = f"unchanged since the issuer signed it{proofs.remark}"
            checks.passed("unchanged", text, uncounted=proofs.uncounted)
        if checks.stopped():
            checks.leave_out(5, 4)
            return None
        findings = Findings(
            claims,
            self._now,
            entry,
            schemas=self._verifier.schemas,
            type_name=secured.type_name,
        )
        # (5) dates
        with checks.step(5):
            self._dates(claims, proofs.known)
        # (6) status
        with checks.step(6):
            self.statuses[-1] = status = self._status_time(claims, entry)
            findings.status_time = status and status.as_of
        # (7) schema
        with checks.step(7):
            self._schemas(claims)
        # (8) evidence
        with checks.step(8):
            findings.anchors = self._anchors(secured, claims, own)
        findings.suites = frozenset(signature.signed.algorithm for signature in own)
        findings.unknown_proofs = proofs.unknown
        return findings

    def decide(self, findings: Findings, holder: str | None, policy: Policy) -> None:
        """(9) trust: the policy, which also says whether the issuer is recognised for this type."""
        with self._checks.step(9):
            findings.holder = holder
            # Only (8) shows by when it existed: the dates in a credential are its issuer's word.
            findings.issuer = self._trust.issuer(
                findings.claims.issuer, types=findings.types, at=findings.existed_by
            )
            policy.check(findings)
            reason = findings.issuer.reason if findings.issuer else ""
            text = f"accepted by the policy{reason and ': ' + reason}"
            self._checks.passed("accepted", text, reason=reason)

    def _leave_out(self, claims: Claims, *, is_stranger: bool) -> None:
        """After step 3; of a stranger whose keys are not known, it is said that nobody here knows him."""
        problem = self._checks.found[-1].problem
        keys_are_unknown = isinstance(problem, Unavailable | MethodNotSupported | NotKnown)
        if not is_stranger or not keys_are_unknown:
            return self._checks.leave_out(4, 3)
        self._checks.leave_out(4, 3, last=8)
        with self._checks.step(9):
            raise unknown_issuer(claims)

    def _dates(self, claims: Claims, signatures: Sequence[Signature]) -> None:
        start, end = claims.starts, claims.ends
        if end is not None and end.latest <= self._now:
            raise EXPIRED(f"expired on {end.utc.date()}", until=str(end.utc.date()))
        self._signatures.require_made(signatures)  # else a first day says nothing, either
        if start is not None and is_ahead(start.earliest, self._now):
            raise NOT_YET_IN_FORCE(f"valid only from {start.utc.date()} on", since=str(start.utc.date()))
        # VCDM 1.1, 4.3: without a time zone nobody can tell at which hour of a day or so it is.
        if end is not None and end.earliest <= self._now:
            raise TIME_ZONE_UNKNOWN.saying(
                "the end, {date}, has no time zone", date=f"{end.utc:%Y-%m-%d %H:%M}"
            )
        if start is not None and is_ahead(start.latest, self._now):
            raise TIME_ZONE_UNKNOWN.saying(
                "the start, {date}, has no time zone", date=f"{start.utc:%Y-%m-%d %H:%M}"
            )
        since, until = (str(moment.utc.date()) if moment else None for moment in (start, end))
        period = f"since {since}" if since else "no first day"
        self._checks.passed(
            _PERIODS[start is not None, end is not None],
            f"{period}, until {until}" if until else f"{period}, without an end",
            since=since,
            until=until,
        )

    def _status_time(self, claims: Claims, entry: RecognisedIssuer | None) -> StatusTime | None:
        entries = claims.status
        if not entries:
            self._checks.skipped("irrevocable", "the credential has no status: it cannot be revoked")
            return None
        if len(entries) > MAX_STATUS:
            raise TooLarge.saying("the credential has more than {most} status entries", most=MAX_STATUS)
        standings = self._status.check(claims, self._now, entry)
        own = (str(value.get("statusListCredential")) for value in entries)
        unreached = self._status.unreached.intersection(own)
        newer = shortened(min(unreached)) if unreached else ""
        stale = f"; a newer list could not be had from {newer}" if unreached else ""
        finding, text, facts = described(standings, stale)
        self._checks.passed(finding, text, newer=newer, **facts)
        # a list that only informs does not say that nothing was revoked
        times = [one.time for one in standings if one.entry.purpose in DECIDING]
        return StatusTime.of_all(times) if times else None

    def _schemas(self, claims: Claims) -> None:
        schemas = self._verifier.schemas
        checked = schemas.check(claims) if schemas else ()
        if checked:
            names = ", ".join(map(shortened, checked))
            self._checks.passed("fits", f"has the form of {names}", schemas=names)
        else:
            self._checks.skipped("none-known", "the credential names no schema that is known here")

    def _anchors(self, secured: Secured, claims: Claims, own: Sequence[Signature]) -> tuple[Fact, ...]:
        keys = {}
        if self._bundle.evidence or self._trust.policy_for(claims.issuer).logs:
            for found in own:
                for leaf in secured.leaves(found.signed, EntryKind.CREDENTIAL, self._work):
                    keys[leaf] = found.key
        signers = [found.key for found in own]
        facts = self._evidence.of_credential(
            claims, keys, self._bundle.evidence, lambda: self._digests, signers
        )
        if facts.found:
            fact, beside = facts.found[0], [other for other in facts.found if other.index is None]
            self._checks.passed(
                _CLOCKS[fact.clock],
                "; ".join(map(attested, (fact, *beside))) + left_aside(facts),
                log=fact.where,
                index=fact.index,
                time=moment(fact.time),
                stated=moment(fact.stated),
                ledgers=", ".join(map(on_ledger, beside)),
                ignored=facts.ignored.code if facts.ignored else None,
            )
            return facts.found
        for signature in own:
            require_may_have_signed(signature.key, self._now)
        if not all(secured.covers_meaning(one.signed) for one in own):
            raise CONTEXTS_ADDED("the credential has contexts that were added after it was signed")
        ignored = facts.ignored.code if facts.ignored else None
        if facts.uncompared:
            self._checks.skipped(
                "not-compared",
                f"not compared with its log, {shortened(facts.uncompared)}; "
                f"the issuer's trust file has that log's key{left_aside(facts)}",
                log=shortened(facts.uncompared),
                ignored=ignored,
            )
            return ()
        self._checks.skipped("in-no-log", f"in no log{left_aside(facts)}", ignored=ignored)
        return ()

    @cached_property
    def _digests(self) -> frozenset[bytes]:
        """The digests of all credentials in the bundle, as logs hold them.

        One that was derived has none of its own: evidence may be for the one that it was derived from.
        """
        kind = EntryKind.CREDENTIAL
        for one in self._secured.credentials:
            known = one.signatures(self._work).known
            if not all(one.leaves(signed, kind, self._work) for signed in known):
                return frozenset(evidence.digest for evidence in self._bundle.evidence)
        return frozenset().union(*(one.digests(self._work) for one in self._secured.credentials))


def _not_by(issuer: str) -> Problem:
    """Open for an issuer that is no DID: its document may refer to keys that others describe."""
    if issuer.startswith("did:"):
        return InvalidProof.saying("no proof is by the issuer, {issuer}", issuer=shortened(issuer))
    return UnsupportedForm.saying(
        "no proof names a key at the address of the issuer, {issuer}", issuer=shortened(issuer)
    )
