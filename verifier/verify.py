"""Verifying a credential or a presentation, in nine steps.

Below this module a failure is an exception; here each becomes one line of a report. Only `Problem` is
caught: any other exception is a bug and must be seen.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

from did import DIDURL, DocumentSource
from ledger import (
    EntryKind,
    Evidence,
    Fact,
    InvalidEvidence,
    NotWitnessed,
    UnknownLog,
    parse_entry,
    verify_evidence,
)
from vc import (
    SUITES,
    Anchored,
    Bundle,
    Check,
    Credential,
    Cryptosuite,
    InvalidProof,
    MalformedCredential,
    Outcome,
    Presentation,
    Proof,
    Report,
    UnknownCryptosuite,
    jcs,
    verify_proof,
)
from vc.anchoring import expected_origins, has_own_terms, log_entry
from vc.integrity import proof_values
from vc.status import StatusEntry
from wire import Problem, Refused, shortened

from .documents import IssuerKey, IssuerKeys
from .policy import DEFAULT_POLICY, Findings, NotKnown, Policy
from .status import ListSource, StatusLookup
from .trust import Trust

if TYPE_CHECKING:  # loaded only where a deployment configures schemas
    from vc.schema import Schemas

CLOCK_SKEW = timedelta(minutes=5)
"""How far ahead of ours another machine's clock may be."""

MAX_STATUS = 4
"""More status entries are refused: each costs lists to fetch, verify and unpack."""

STATUS_KINDS = (EntryKind.STATUS_LIST, EntryKind.REVOCATION_DETAILS)

STEPS = ("readable", "holder", "issuer", "signature", "dates", "status", "schema", "evidence", "trust")


class NotShownByHolder(Refused):
    """The presentation was not made for this verifier, or not by the person it speaks of."""

    type = "https://w3id.org/security#INVALID_CHALLENGE_ERROR"
    title = "Not shown by its holder, here and now"


class NotInForce(Problem):
    """The credential's dates do not include the moment asked about."""

    title = "Not valid at this time"
    advice = "Ask the holder for a current one; --at DATE judges as of another day."


class KeyNotInForce(Problem):
    """The key was not the issuer's when the credential was signed, as far as anything proves."""

    title = "Signed with a key that was not in force"


class Verifier:
    """Checks credentials and presentations against one trust list. Keep one: it has no state of its own."""

    def __init__(
        self,
        resolver: DocumentSource,
        *,
        trust: Trust,
        lists: Iterable[ListSource] = (),
        suites: Mapping[str, Cryptosuite] = SUITES,
        schemas: Schemas | None = None,
    ) -> None:
        self.resolver, self.trust, self.lists = resolver, trust, tuple(lists)
        self.suites, self.schemas = suites, schemas

    def verify(
        self,
        source: bytes | Mapping[str, Any] | Bundle,
        *,
        now: datetime,
        policy: Policy = DEFAULT_POLICY,
        challenge: str | None = None,
        domain: str | None = None,
    ) -> Report:
        """Checks a credential, a presentation or a bundle of either as of `now`.

        With `challenge` and `domain` a presentation made for exactly these is asked for. Never raises a
        `Problem`: what is wrong stands in the report.
        """
        checks = _Checks()
        try:
            latest = now + CLOCK_SKEW
        except OverflowError:
            latest = now
        # (1) readable: limits, form
        with checks.step(1):
            bundle = source if isinstance(source, Bundle) else Bundle.parse(source)
            presentation = Presentation.parse(bundle.secured) if bundle.is_presentation else None
            credentials = presentation.credentials if presentation else (Credential.parse(bundle.secured),)
            jcs.canonicalize(bundle.secured)  # whole and in limits, also where no signature reaches
            checks.passed(1, "well-formed")
        if checks.stopped():
            return Report(checks.found, ())
        run = _Run(self, bundle, credentials, now, latest, checks)
        # (2) holder: challenge, domain, holder binding
        holder = run.holder(presentation, challenge, domain)
        if not credentials:
            with checks.step(3):
                raise NotKnown("the presentation holds no credential")
        for number, credential in enumerate(credentials):
            checks.credential = number if len(credentials) > 1 else None
            run.credential(credential, holder, policy)
        return Report(checks.found, credentials)


@dataclass
class _Checks:
    """Collects what each step found."""

    found: list[Check] = field(default_factory=list)
    credential: int | None = None

    @contextmanager
    def step(self, step: int) -> Iterator[None]:
        """A `Problem` inside ends the step with it."""
        try:
            yield
        except Problem as problem:
            outcome = Outcome.UNDETERMINED if problem.undetermined else Outcome.FAILED
            self._add(step, outcome, problem.detail, problem)

    def stopped(self) -> bool:
        """Whether a problem ended the last step."""
        return self.found[-1].problem is not None

    def passed(self, step: int, text: str) -> None:
        self._add(step, Outcome.PASSED, text)

    def skipped(self, step: int, text: str) -> None:
        self._add(step, Outcome.SKIPPED, text)

    def _add(self, step: int, outcome: Outcome, text: str, problem: Problem | None = None) -> None:
        self.found.append(Check(step, STEPS[step - 1], outcome, text, problem, self.credential))


@dataclass(frozen=True, slots=True)
class _Signature:
    """A proof and the key that is to verify it."""

    proof: Proof
    signer: str
    """The DID whose key it is."""
    key: IssuerKey


class _Run:
    """The steps for one bundle."""

    def __init__(
        self,
        verifier: Verifier,
        bundle: Bundle,
        credentials: Sequence[Credential],
        now: datetime,
        latest: datetime,
        checks: _Checks,
    ) -> None:
        self._verifier, self._bundle, self._credentials = verifier, bundle, credentials
        self._trust, self._now, self._latest, self._checks = verifier.trust, now, latest, checks
        self._keys = IssuerKeys(verifier.resolver, verifier.trust, bundle.issuer_documents)
        self._status = StatusLookup(bundle.status_lists, verifier.lists, self._authenticate)

    def holder(
        self, presentation: Presentation | None, challenge: str | None, domain: str | None
    ) -> str | None:
        """(2) The DID that proved to be the holder, if one did."""
        holder = None
        with self._checks.step(2):
            if presentation is not None:
                holder = self._presenter(presentation, challenge, domain)
                self._checks.passed(2, f"shown by {holder}, for this challenge")
            elif challenge is not None or domain is not None:
                raise NotShownByHolder(
                    "a credential came where a presentation was asked for",
                    hint="Ask the holder to present it from a wallet.",
                )
            else:
                self._checks.skipped(2, "not checked: anyone can hold a file")
        return holder

    def _presenter(self, presentation: Presentation, challenge: str | None, domain: str | None) -> str:
        signatures = self._signatures(presentation.document, "authentication")
        self._verify(presentation.document, signatures)
        for signature in signatures:
            _require_current(signature.key, self._now)
        signer, proof = signatures[0].signer, signatures[0].proof
        if len(signatures) > 1 or presentation.holder not in (None, signer):
            raise NotShownByHolder("the presentation is not signed by its holder alone")
        if challenge is None:
            raise NotKnown(
                "the presentation is genuine, but whether it was made for you cannot be told without "
                "the challenge that you gave",
                hint="Pass it: --challenge TEXT --domain TEXT",
            )
        if proof.challenge != challenge:
            raise NotShownByHolder(
                "the presentation was made for another challenge: it may be a copy of an earlier one",
                hint="Give the holder a new challenge and ask again.",
            )
        if domain is not None and proof.domain != (domain,):
            raise NotShownByHolder("the presentation was made for another verifier's domain")
        return signer

    def credential(self, credential: Credential, holder: str | None, policy: Policy) -> None:
        """(3) to (9) for one credential. After a bad signature nothing in it is worth a further look."""
        checks, issuer = self._checks, credential.issuer
        # (3) issuer: resolved, key authorised for assertionMethod, controller is the issuer
        with checks.step(3):
            signatures = self._signatures(credential.document, "assertionMethod")
            own = [signature for signature in signatures if signature.signer == issuer]
            if not own:
                raise InvalidProof(f"no proof is by the issuer, {issuer}")
            checks.passed(3, f"{issuer}: {own[0].key.provenance}")
        if checks.stopped():
            return self._leave_out(4, "the issuer's key is not known")
        # (4) signature: every proof
        with checks.step(4):
            self._verify(credential.document, signatures)
            checks.passed(4, "unchanged since the issuer signed it")
        if checks.stopped():
            return self._leave_out(5, "the content is not what the issuer signed")
        findings = Findings(credential, self._now, self._trust.issuer(issuer))
        # (5) dates
        with checks.step(5):
            self._dates(credential)
        # (6) status
        with checks.step(6):
            findings.status_time = self._status_time(credential)
        # (7) schema
        with checks.step(7):
            findings.schemas = self._schemas_checked(credential)
        # (8) evidence
        with checks.step(8):
            findings.anchors = self._anchors(credential, own)
        # (9) trust: the policy, which also says whether the issuer is recognised for this type
        with checks.step(9):
            findings.holder_bound = self._is_bound(credential, holder)
            policy.check(findings)
            reason = findings.issuer.reason if findings.issuer else ""
            checks.passed(9, f"accepted by the policy{reason and ': ' + reason}")
        return None

    def _signatures(self, document: Mapping[str, Any], purpose: str) -> list[_Signature]:
        """The proofs with their keys; purpose, times and controller checked, the signatures not yet.

        Every proof has to stand: a definite fault of one goes before an open question about another.
        """
        values = proof_values(document)
        if not values:
            raise InvalidProof("there is no proof: nobody signed this")
        found: list[_Signature] = []
        problems: list[Problem] = []
        for value in values:
            try:
                found.append(self._signature(Proof.parse(value), purpose))
            except Problem as problem:
                problems.append(problem)
        if problems:
            raise min(problems, key=lambda found: found.undetermined)
        if len({signature.proof.value["proofValue"] for signature in found}) < len(found):
            raise InvalidProof("the same proof stands there twice")
        return found

    def _signature(self, proof: Proof, purpose: str) -> _Signature:
        if proof.purpose != purpose:
            raise InvalidProof(f"the proof is for {shortened(proof.purpose)}, not for {purpose}")
        if proof.created and proof.created > self._latest:
            raise NotInForce("the proof says that it was made later than the moment asked about")
        if proof.expires and proof.expires <= self._now:
            raise InvalidProof(f"the proof expired on {proof.expires:%Y-%m-%d}")
        if proof.cryptosuite not in self._verifier.suites:
            raise UnknownCryptosuite(f"the cryptosuite {shortened(proof.cryptosuite)} is not supported")
        signer = str(DIDURL.parse(proof.verification_method).did)
        return _Signature(proof, signer, self._keys.find(signer, proof.verification_method, purpose))

    def _verify(self, document: Mapping[str, Any], signatures: Sequence[_Signature]) -> None:
        for signature in signatures:
            verify_proof(document, signature.proof, signature.key.key, suites=self._verifier.suites)

    def _dates(self, credential: Credential) -> None:
        start, end = credential.valid_from, credential.valid_until
        if start is not None and start > self._latest:
            raise NotInForce(f"valid only from {start:%Y-%m-%d} on")
        if end is not None and end <= self._now:
            raise NotInForce(f"expired on {end:%Y-%m-%d}")
        period = f"since {start:%Y-%m-%d}" if start else "no first day"
        self._checks.passed(5, f"{period}, until {end:%Y-%m-%d}" if end else f"{period}, without an end")

    def _status_time(self, credential: Credential) -> datetime | None:
        if not credential.status:
            self._checks.skipped(6, "the credential has no status: it cannot be revoked")
            return None
        if len(credential.status) > MAX_STATUS:
            raise MalformedCredential(f"the credential has more than {MAX_STATUS} status entries")
        known = self._trust.issuer(credential.issuer) is not None  # of strangers nothing is fetched
        times = []
        for value in credential.status:
            status = StatusEntry.parse(value)
            times.append(self._status.check(status, credential.issuer, self._now, fetch=known))
        self._checks.passed(6, f"not revoked as of {min(times):%Y-%m-%d %H:%M}Z")
        return min(times)

    def _authenticate(self, anchored: Anchored, issuer: str) -> Credential:
        """A status document that the credential's own issuer signed, with a key in force when it did."""
        credential = Credential.parse(anchored.document)
        if credential.issuer != issuer:
            raise InvalidProof(f"the status document is by another issuer, {credential.issuer}")
        signatures = self._signatures(anchored.document, "assertionMethod")
        if any(signature.signer != issuer for signature in signatures):
            raise InvalidProof("the status document is signed by somebody else")
        self._verify(anchored.document, signatures)
        kind = STATUS_KINDS["RevocationDetails" in credential.types]
        for signature in signatures:
            leaf = log_entry(anchored.document, signature.proof, kind)
            facts = self._facts({leaf: signature.key}, anchored.evidence, issuer, frozenset()).found
            if not facts:
                _require_current(signature.key, self._now)
        return credential

    def _schemas_checked(self, credential: Credential) -> tuple[str, ...]:
        schemas = self._verifier.schemas
        checked = schemas.check(credential) if schemas else ()
        if checked:
            self._checks.passed(7, f"has the form of {', '.join(checked)}")
        else:
            self._checks.skipped(7, "no schema is configured here")
        return checked

    def _anchors(self, credential: Credential, own: Sequence[_Signature]) -> tuple[Fact, ...]:
        keys = {}
        if self._bundle.evidence:
            keys = {log_entry(credential.document, found.proof): found.key for found in own}
        facts = self._facts(keys, self._bundle.evidence, credential.issuer, self._digests)
        has_log = bool(self._trust.policy_for(credential.issuer).logs)
        origins = {fact.origin for fact in facts.found}
        missing = sorted(expected_origins(credential) - origins)
        if missing or (has_log and not facts.found):
            where = f"the log {shortened(missing[0])}" if missing else "the log of its issuer"
            raise facts.ignored or NotKnown(
                f"it should be in {where}, but the evidence is missing",
                hint="Ask the holder for the bundle rather than the bare credential.",
            )
        if facts.found:
            self._checks.passed(8, _attested(facts.found[0]))
            return facts.found
        for signature in own:
            _require_current(signature.key, self._now)
        if has_own_terms(credential.document) and any("jcs" not in found.proof.cryptosuite for found in own):
            raise NotKnown(
                "the credential defines terms of its own, whose definitions its signature does not cover",
                hint="Ask the issuer for evidence from a log, or for a credential with published contexts.",
            )
        self._checks.skipped(8, "in no log")
        return ()

    def _facts(
        self,
        keys: Mapping[bytes, IssuerKey],
        evidence: Sequence[Evidence],
        issuer: str,
        others: frozenset[bytes],
    ) -> _Facts:
        """What trusted logs attest of the entries in `keys`; evidence for other digests is refused.

        `others` are digests that evidence here may be for as well.
        """
        leaves = {parse_entry(leaf).digest: leaf for leaf in keys}
        found: list[Fact] = []
        ignored: Problem | None = None
        for item in evidence:
            leaf = leaves.get(item.digest)
            if leaf is None:
                if item.digest not in others:
                    raise InvalidEvidence("the evidence belongs to another diploma")
                continue
            try:
                fact = verify_evidence(leaf, item, self._trust.policy_for(issuer))
            except UnknownLog as problem:
                ignored = problem  # it proves nothing here; whether something is missing is decided later
                continue
            except NotWitnessed as problem:
                ignored = NotKnown(problem.detail, hint="Ask for newer evidence, with more witnesses.")
                continue
            if fact.time is not None and fact.time > self._latest:
                raise InvalidEvidence("the log says that it saw the document in the future")
            _require_key_in_force(keys[leaf], fact)
            found.append(fact)
        return _Facts(tuple(found), ignored)

    @cached_property
    def _digests(self) -> frozenset[bytes]:
        """The digests of all credentials in the bundle, as logs hold them."""
        return frozenset(
            parse_entry(log_entry(credential.document, Proof.parse(value))).digest
            for credential in self._credentials
            for value in proof_values(credential.document)
        )

    def _is_bound(self, credential: Credential, holder: str | None) -> bool:
        """Whether the presenter is the subject. Raises where the credential speaks of somebody else."""
        subjects = {subject.get("id") for subject in credential.subjects}
        if holder is not None and not subjects <= {holder, None}:
            raise NotShownByHolder("the credential belongs to another holder than the one who presents it")
        return holder is not None and subjects == {holder}

    def _leave_out(self, first: int, reason: str) -> None:
        for step in range(first, len(STEPS) + 1):
            self._checks.skipped(step, f"not checked: {reason}")


@dataclass(frozen=True, slots=True)
class _Facts:
    """What evidence proved, and the last problem of evidence that proves nothing here."""

    found: tuple[Fact, ...]
    ignored: Problem | None


def _require_current(key: IssuerKey, now: datetime) -> None:
    """The key is in force now: without a log's time nothing shows that it signed earlier."""
    if key.until is not None and key.until <= now:
        raise KeyNotInForce(f"the key ended on {key.until:%Y-%m-%d}, and nothing proves an earlier signature")
    if key.history and not key.history[-1].has(key.key):
        raise KeyNotInForce(
            "the key is not in the issuer's newest document, and nothing proves an earlier signature"
        )


def _require_key_in_force(key: IssuerKey, fact: Fact) -> None:
    """The key signed for its issuer at the moment, and at the place in the log, that `fact` attests."""
    if key.until is not None and (fact.time is None or key.until <= fact.time):
        raise KeyNotInForce(f"the key ended on {key.until:%Y-%m-%d}, before the log saw the credential")
    before = [bound for bound in key.history if bound.fact and bound.fact.origin == fact.origin]
    if not before:
        return
    in_force = max(
        (bound for bound in before if bound.index < fact.index), key=lambda bound: bound.index, default=None
    )
    if in_force is None or not in_force.has(key.key):
        raise KeyNotInForce("the key was not in the issuer's document when the log saw the credential")


def _attested(fact: Fact) -> str:
    clock = "the issuer's own clock" if fact.clock == "own" else "the clock of independent witnesses"
    moment = (
        f" by {fact.time:%Y-%m-%d %H:%M}Z (time: {clock})" if fact.time else ", at a time that nobody states"
    )
    return f"entry {fact.index} of the log {fact.origin}{moment}"
