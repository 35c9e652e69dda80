"""A verifier's own rules: the requirements beyond a good signature for accepting a credential.

A policy raises the `Problem` that it finds; a problem that is undetermined keeps the question open.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence, Set
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING, Any, Protocol

from ledger import Fact
from vc import Claims
from vc.vcdm import jsonld
from wire import Malformed, Problem, Refused
from wire.problem import Code
from wire.strict import is_url
from wire.text import claimed, counted, shortened

from .problem import (
    EVIDENCE_MISSING,
    ISSUER_UNKNOWN,
    ISSUER_UNKNOWN_WITHOUT_LOG,
    NO_LOG_ENTRY,
    NOT_FROM_THEN,
    PRESENTER_NOT_PROVED,
    PROOF_UNKNOWN,
    SCHEMA_UNKNOWN,
    STATUS_MISSING,
    STATUS_TOO_OLD,
    SUBJECT_NOT_PROVED,
    SUITE_MISSING,
    TRUSTED_LOG_MISSING,
    UNKNOWN_RULE,
    NotKnown,
)
from .sources.trust_entries import RecognisedIssuer

if TYPE_CHECKING:  # loaded only where a deployment has schemas, or files are given
    from vc.vcdm.related import Resource
    from vc.vcdm.schema import Schemas


NOT_ACCEPTED = Code("not-accepted", Refused, "Not accepted here")
"""The credential is genuine, but not what this verifier accepts."""
NOT_FOR_TYPE = NOT_ACCEPTED.finer("not-for-type")
"""The issuer is recognised, but not for credentials of this type."""
FROM_LATER = NOT_ACCEPTED.finer("from-later")
"""The issuer is recognised for what is from some day or before, and this is not, as ledgers show."""
WRONG_TYPE = NOT_ACCEPTED.finer("wrong-type")
"""The credential is not of the type that was asked for."""
CHECK_TOO_OLD = NOT_ACCEPTED.finer("check-too-old")
"""The credential's kind asks for a check within some time, and the last one is from before."""
ANOTHER_RESOURCE = NOT_ACCEPTED.finer("another-resource")
"""A file was given as one that the credential states, and it has another digest."""
NOT_SHOWN_BY_HOLDER = Code("not-shown-by-holder", Refused, "Not shown by its holder, here and now")
"""The credential was not presented by the person it speaks of."""
NOT_PRESENTED = NOT_SHOWN_BY_HOLDER.finer("not-presented")
"""A credential came where a presentation was asked for."""
PRESENTER_IS_ANOTHER = NOT_SHOWN_BY_HOLDER.finer("presenter-is-another")
"""The credential speaks of somebody else than the one who presents it."""


@dataclass(slots=True, eq=False)
class Findings:
    """The results of the earlier steps for one genuine credential."""

    claims: Claims
    now: datetime
    issuer: RecognisedIssuer | None
    """The entry of the trust file, if there is one."""
    status_time: datetime | None = None
    """The moment as of which the credential is known not to be revoked."""
    schemas: Schemas | None = None
    """The schemas that are known here."""
    anchors: Sequence[Fact] = ()
    """The facts that logs attest, and those that other ledgers attest of these logs."""
    is_derived: bool = False
    """True if the issuer's proofs were derived, so that no log has an entry for them."""
    holder: str | None = None
    """The DID that proved to be the presenter's."""
    holder_alias: str | None = None
    """Another DID of the presenter's key, by which the credential names the presenter."""
    suites: Set[str] = frozenset()
    """The cryptosuites of the issuer's own proofs, all of which fit."""
    resources: Set[bytes] = frozenset()
    """The digests of the files that were given along."""
    stated: Sequence[Resource] = ()
    """The files that it states, where some were given as such."""
    asked: Sequence[Policy] = ()
    """The rules of the kind that it names."""
    unknown_proofs: Sequence[str] = ()
    """The names that unrecognised proofs give themselves, for people; none of these proofs was checked."""
    type_name: Callable[[str], str] = jsonld.type_name
    """Gives the credential's own name for a type, which is given by IRI or word."""

    @property
    def types(self) -> Set[str]:
        """The types of the credential beside the one that all have, unless it has no other."""
        # The type that all have says nothing of what an issuer may issue (VCDM 2.0, 4.5).
        return set(self.claims.types) - {"VerifiableCredential"} or {"VerifiableCredential"}

    @property
    def existed_by(self) -> datetime:
        """The earliest moment by which the credential is known to exist.

        The dates that its issuer wrote into it show nothing. If the trust list requires ledgers, only the
        time by which they meet the requirement counts, not that of one of them.
        """
        # ADR 58, threat F19: a thief of all keys sets every clock but that of the ledgers.
        asked = [fact for fact in self.anchors if fact.is_required] or self.anchors
        return min([self.now, *(fact.time for fact in asked if fact.time is not None)])

    @property
    def holder_bound(self) -> bool:
        """True if the presenter proved to be the credential's only subject."""
        presenter = {self.holder, self.holder_alias} - {None}
        # Threat 55: a credential without a subject is bound to nobody, and `<=` alone would be true.
        return bool(self._subjects) and self._subjects <= presenter

    @property
    def shown_by_another(self) -> bool:
        """True if the credential speaks of somebody other than the presenter."""
        # Threat 55: `None` stands for a subject without an id, whom anybody may show.
        return self.holder is not None and not self._subjects <= {self.holder, self.holder_alias, None}

    @property
    def _subjects(self) -> set[str | None]:
        return {subject.get("id") for subject in self.claims.subjects}


class Policy(Protocol):
    """One rule."""

    def check(self, findings: Findings) -> None:
        """Raises a `Problem` unless the rule is kept."""


@dataclass(frozen=True)
class AllOf:
    """Every one of several rules; none at all is an error, not a pass."""

    policies: tuple[Policy, ...]

    def __post_init__(self) -> None:
        _require_some(self.policies, "allOf")

    def check(self, findings: Findings) -> None:
        """Raises the problem of the first broken rule; a definite problem goes before an open one."""
        problems = _problems(self.policies, findings)
        if problems:
            # What is certain goes before what is open: further evidence could not mend it.
            raise min(problems, key=lambda problem: problem.undetermined)


@dataclass(frozen=True)
class AnyOf:
    """At least one of several rules; none at all is an error, not a pass."""

    policies: tuple[Policy, ...]

    def __post_init__(self) -> None:
        _require_some(self.policies, "anyOf")

    def check(self, findings: Findings) -> None:
        """Raises when every rule is broken: open if at least one of them is open."""
        problems = _problems(self.policies, findings)
        if len(problems) == len(self.policies):
            # ADR 14: a branch that is open may still be kept, so the whole is open.
            raise max(problems, key=lambda problem: problem.undetermined)


class Recognised:
    """The issuer stands in the trust file, for this type of credential and the time that it is from."""

    def check(self, findings: Findings) -> None:
        """Open (`NotKnown`) for an unknown issuer: a stranger is not a forger.

        Open as well (`UnknownType`) where the entry may mean this type by a word that no context defines. If
        the entry has a last day, only a trusted log shows that a credential is from that day or before; no
        date that the issuer wrote into it does. Definite for another type of credential (`NOT_FOR_TYPE`), and
        if the required ledgers had it only later (`FROM_LATER`): whoever has all of the issuer's keys could
        have made it since.
        """
        claims = findings.claims
        # Threat 61: a good signature by just anybody is not enough.
        if findings.issuer is None:
            raise unknown_issuer(claims)
        _require_type(findings, findings.issuer)
        until = findings.issuer.until
        # Threat A46: to the very end of the day, and never by a date that the issuer wrote.
        if until is None or findings.existed_by <= datetime.combine(until, time.max, UTC):
            return
        by_ledgers = [fact.time for fact in findings.anchors if fact.is_required and fact.time]
        if by_ledgers:
            raise FROM_LATER.saying(
                "the issuer {issuer} is recognised for what is from {until} or before, and nothing that is "
                "required shows this before {date}",
                issuer=claims.issuer,
                until=str(until),
                date=f"{min(by_ledgers):%Y-%m-%d %H:%M}Z",
            )
        raise NOT_FROM_THEN(
            f"the issuer {claims.issuer} is recognised for what is from {until} or "
            "before, and no trusted log shows that this is",
            issuer=claims.issuer,
            until=str(until),
        )


def _require_type(findings: Findings, issuer: RecognisedIssuer) -> None:
    """Raises `NOT_FOR_TYPE` unless the entry has the type; open if the meaning of a word is unclear."""
    others: Set[str] = frozenset()
    unclear: Problem | None = None
    if findings.claims.vct:
        # An entry that names types of one data model only recognises no type of the other.
        named = issuer.vcts or issuer.types
        others = findings.types if named and not _names_vct(findings, issuer.vcts, issuer.types) else others
    elif issuer.types or issuer.vcts:
        types = set(issuer.types)
        for word in issuer.types:
            try:
                types.add(_type(findings, word))
            except Problem as problem:
                unclear = problem
        # Every type of the credential: one that is recognised must not carry another along.
        others = findings.types - types
    if not others:
        return
    if unclear:
        raise unclear  # it may be the word for just this type
    kind, name = shortened(min(others)), findings.claims.issuer
    raise NOT_FOR_TYPE(
        f"the issuer {name} is not recognised for credentials of type {kind}", issuer=name, type=kind
    )


def _names_vct(findings: Findings, vcts: Collection[str], types: Collection[str] = ()) -> bool:
    """Return whether the `vct` is one of `vcts`, as text, or without any an IRI of `types`.

    A `vct` is compared as text (SD-JWT VC, 2.2.2.1). A word among `types` gets its meaning from a context,
    and there is none: a `vct` that is the same word names something else.
    """
    return findings.claims.vct in (vcts or [name for name in types if is_url(name)])


def _type(findings: Findings, name: str) -> str:
    """Return the credential's own name for a type. Open for a word with no meaning there, or several."""
    try:
        return findings.type_name(name)
    except jsonld.AmbiguousType as problem:  # by contexts of the deployment; a list is read without them
        raise NotKnown.saying("{why}", why=problem) from problem


def unknown_issuer(claims: Claims) -> NotKnown:
    """The problem of an unlisted issuer, in its own words; one that names a log has a trust file for it."""
    issuer, name = claimed(claims.issuer), claims.issuer_name
    issuer = issuer if is_url(claims.issuer) else f'"{issuer}"'  # such as the subject of a certificate
    who = f'says that it is by "{claimed(name)}" ({issuer})' if name else f"is by {issuer}"
    kind = ISSUER_UNKNOWN if claims.origins else ISSUER_UNKNOWN_WITHOUT_LOG
    detail = f"the credential {who}, which is not on your list"
    return kind(detail, issuer=claims.issuer, calls_itself=claimed(name) if name else None)


@dataclass(frozen=True)
class OfType:
    """The credential has this type: an IRI, or a word that stands for one in the contexts it is read by."""

    type: str

    def __post_init__(self) -> None:
        with suppress(jsonld.UnknownType):  # the contexts of a deployment may define it
            jsonld.type_name(self.type)

    def check(self, findings: Findings) -> None:
        """Definite (`WRONG_TYPE`): a credential of another type is not accepted.

        Open (`UnknownType`) where nobody can tell which type the word means.
        """
        types = findings.claims.types
        if findings.claims.vct:
            is_of_type = _names_vct(findings, (), (self.type,))
        else:
            # ADR 15: the IRI itself, or the word that the credential's contexts give a meaning.
            is_of_type = self.type in types or _type(findings, self.type) in types
        if not is_of_type:
            raise WRONG_TYPE(f"the credential is not of type {self.type}", type=self.type)


@dataclass(frozen=True)
class OfVct:
    """The credential is an SD-JWT VC of one of these types, compared as text."""

    vcts: tuple[str, ...]

    def check(self, findings: Findings) -> None:
        """Definite (`WRONG_TYPE`), also for a credential of another form, which has no `vct`."""
        # Compared as text (SD-JWT VC, 2.2.2.1): a vct is case-sensitive, and no pattern.
        if not _names_vct(findings, self.vcts):
            kind = ", ".join(map(shortened, self.vcts))
            raise WRONG_TYPE(f"the credential is not of type {kind}", type=kind)


@dataclass(frozen=True)
class StatusWithin:
    """The credential is known not to be revoked as of a moment at most `age` ago."""

    age: timedelta

    def check(self, findings: Findings) -> None:
        """Open when nothing is known (`NotKnown`), or nothing recent enough (`STATUS_TOO_OLD`)."""
        # A credential without a status could never fail this rule, which asks for knowledge.
        if findings.status_time is None:
            raise STATUS_MISSING("the credential has no status that could be looked up")
        # Threat F3: an old list in a bundle would hide a later revocation.
        if findings.now - findings.status_time > self.age:
            date = f"{findings.status_time:%Y-%m-%d}"
            raise STATUS_TOO_OLD(f"the newest status is of {date}, older than the policy allows", date=date)


@dataclass(frozen=True)
class InTrustedLog:
    """A trusted log holds the credential, by at least `witnesses` clocks other than the issuer's."""

    witnesses: int = 0

    def check(self, findings: Findings) -> None:
        """Open (`NotKnown`): evidence can still be supplied, but for a derived proof (`NO_LOG_ENTRY`)."""
        _require_entry(findings)
        # Threat A44: a log can show each reader another view, unless others have seen its checkpoint.
        if not any(fact.witnesses >= self.witnesses for fact in findings.anchors):
            wanted = (
                f", attested by {counted(self.witnesses, 'witness', 'witnesses')}" if self.witnesses else ""
            )
            raise TRUSTED_LOG_MISSING(f"there is no evidence from a trusted log{wanted}")


@dataclass(frozen=True)
class AnchoredOn:
    """Another ledger, such as a chain by its CAIP-2 name, has a checkpoint of the log that holds it."""

    ledger: str

    def check(self, findings: Findings) -> None:
        """Open (`NotKnown`), as for `InTrustedLog`.

        A log of that name does not count as a ledger: its facts have an index.
        """
        _require_entry(findings)
        # A log may call itself "eip155:1", and would be its own witness; its facts have an index.
        if not any(fact.where == self.ledger and fact.index is None for fact in findings.anchors):
            raise EVIDENCE_MISSING.saying("there is no evidence from {log}", log=shortened(self.ledger))


def _require_entry(findings: Findings) -> None:
    """Open (`NO_LOG_ENTRY`) for a derived proof: its entry would link presentations, so that it has none."""
    # ADR 12 asks for an entry; here none can be, and "invalid" would be wrong.
    if findings.is_derived:
        raise NO_LOG_ENTRY(
            "no log can hold it, since its proof was derived from the issuer's for this presentation alone"
        )


class HolderBound:
    """The presenter proved to be the person that the credential speaks of."""

    def check(self, findings: Findings) -> None:
        """Open (`NotKnown`): anyone can hold a file."""
        # Threat 55: a copied file is as good as the file.
        if not findings.holder_bound:
            raise SUBJECT_NOT_PROVED("the presenter did not prove to be the credential's subject")


@dataclass(frozen=True)
class Presenter:
    """Lets somebody other than the subject present: a parent, a guardian, the owner of a thing.

    Without this rule, or in a branch of `AnyOf` that is not kept, only the subject may present.
    """

    may_present: Callable[[str, Claims], bool] = lambda holder, claims: True  # noqa: ARG005
    """Called with the DID that the presenter proved to have; by default anybody may."""

    def check(self, findings: Findings) -> None:
        """Open (`NotKnown`) where nobody proved to be the presenter.

        Definite (`PRESENTER_IS_ANOTHER`) where `may_present` says no.
        """
        if findings.holder is None:
            raise PRESENTER_NOT_PROVED("nobody proved to be the presenter")
        # Threat 55: asked only about somebody else; the subject itself may always present.
        if findings.shown_by_another and not self.may_present(findings.holder, findings.claims):
            raise PRESENTER_IS_ANOTHER("the credential belongs to another than the one who presents it")


class ControlsDID:
    """The presenter proved to have a DID. Such a proof needs no credential."""

    def check(self, findings: Findings) -> None:
        """Open (`NotKnown`): anyone can hold a file."""
        if findings.holder is None:
            raise PRESENTER_NOT_PROVED("nobody proved to be the presenter")


class EveryProof:
    """Every proof could be checked, so that none was left out as being of an unknown kind."""

    def check(self, findings: Findings) -> None:
        """Open (`NotKnown`): another program may know them."""
        # ADR 16: an unknown proof counts for nothing, so a policy has to ask for every one.
        if findings.unknown_proofs:
            kinds = ", ".join(findings.unknown_proofs)
            raise PROOF_UNKNOWN(f"not every proof is of a kind that is known here: {kinds}", kinds=kinds)


@dataclass(frozen=True)
class BySuite:
    """The issuer signed with this cryptosuite, whether with others as well or not."""

    suite: str

    def check(self, findings: Findings) -> None:
        """Open (`NotKnown`): the issuer may have signed another copy so."""
        # Only the issuer's own proofs count here: a third party can sign with any suite.
        if self.suite not in findings.suites:
            suite = shortened(self.suite)
            raise SUITE_MISSING(f"there is no proof by the issuer with the cryptosuite {suite}", suite=suite)


@dataclass(frozen=True)
class HasSchema:
    """The credential has the form that this schema asks for, whether it names the schema or not."""

    url: str

    def check(self, findings: Findings) -> None:
        """Open (`NotKnown`) where the schema is unknown; `SCHEMA_MISMATCH` where the credential breaks it."""
        # ADR 14: a schema that is not at hand is not broken; none is fetched.
        if findings.schemas is None or not findings.schemas.check(findings.claims, self.url):
            raise SCHEMA_UNKNOWN(
                f"the schema {shortened(self.url)} is not known here", schema=shortened(self.url)
            )


def load_policy(value: Any) -> Policy:
    """A policy from its JSON form, such as `{"allOf": ["recognised", {"statusWithinDays": 30}]}`.

    Raises `Malformed` for a rule that does not exist: a policy that is misspelt must not let pass.
    """
    if isinstance(value, str) and value in _PLAIN:
        return _PLAIN[value]
    if isinstance(value, dict) and len(value) == 1:
        name, argument = next(iter(value.items()))
        if name in _GROUPS and isinstance(argument, list):
            return _GROUPS[name](tuple(load_policy(item) for item in argument))
        # `type`, since `isinstance` takes `true` for a number of days.
        if name in _RULES and type(argument) is _RULES[name][0] and _makes_sense(argument):
            return _RULES[name][1](argument)
    names = ", ".join([*_PLAIN, *_GROUPS, *_RULES])
    rule = value if isinstance(value, str) else json.dumps(value)
    raise UNKNOWN_RULE.saying(
        "the policy's rule {rule} is not known or has a wrong value",
        rule=shortened(rule),
        rules=names,
    )


_PLAIN: Mapping[str, Policy] = {
    "recognised": Recognised(),
    "anchored": InTrustedLog(),
    "holderBound": HolderBound(),
    "everyProof": EveryProof(),
    "controlsDid": ControlsDID(),
    "anyPresenter": Presenter(),
}
_GROUPS: Mapping[str, Callable[[tuple[Policy, ...]], Policy]] = {"allOf": AllOf, "anyOf": AnyOf}
_RULES: Mapping[str, tuple[type, Callable[[Any], Policy]]] = {
    "type": (str, OfType),
    "vcts": (list, lambda vcts: OfVct(tuple(vcts))),
    "statusWithinDays": (int, lambda days: StatusWithin(timedelta(days=days))),
    "witnesses": (int, InTrustedLog),
    "anchoredOn": (str, AnchoredOn),
    "schema": (str, HasSchema),
    "suite": (str, BySuite),
    "presenter": (str, lambda did: Presenter(lambda holder, _: holder == did)),
}


def _makes_sense(argument: object) -> bool:
    if isinstance(argument, list) and not all(isinstance(text, str) and text for text in argument):
        return False
    return 1 <= argument <= 36_500 if isinstance(argument, int) else bool(argument)  # a century in days


def _require_some(policies: Sequence[Policy], name: str) -> None:
    # An empty `allOf` would let everything pass, and an empty `anyOf` nothing: both are slips.
    if not policies:
        raise Malformed.saying("the policy {name} is empty", name=name, hint="Name at least one rule.")


def _problems(policies: Sequence[Policy], findings: Findings) -> list[Problem]:
    problems = []
    for policy in policies:
        try:
            policy.check(findings)
        except Problem as problem:
            problems.append(problem)
    return problems


@dataclass(frozen=True)
class _PresenterIsSubject:
    """The subject presents, unless `policy` is kept through a `Presenter` rule, which says who else may."""

    policy: Policy | None

    def check(self, findings: Findings) -> None:
        if findings.shown_by_another and not _says_who_presents(self.policy, findings):
            raise PRESENTER_IS_ANOTHER(
                "the credential belongs to another holder than the one who presents it"
            )


def complete(policy: Policy | None, *, strangers: bool) -> Policy:
    """A caller's policy with the rules beside it: `Recognised`, and the subject as presenter.

    With `strangers` the issuer may be anybody. Another presenter is for the policy to allow.
    """
    # ADR 17: a policy that forgets these rules must not accept diplomas by anybody.
    rules: list[Policy] = [_PresenterIsSubject(policy)]
    if not strangers:
        rules.append(Recognised())
    if policy is not None:
        rules.append(policy)
    return AllOf(tuple(rules))


USUAL = complete(None, strangers=False)
"""The rules for a caller without a policy of its own."""


def needs_no_credential(policy: Policy | None) -> bool:
    """Return whether a presentation without credentials can keep the policy, by proving control of a DID."""
    match policy:
        case AllOf(policies):
            return all(map(needs_no_credential, policies))
        case AnyOf(policies):
            return any(map(needs_no_credential, policies))
    return isinstance(policy, ControlsDID)


def _says_who_presents(policy: Policy | None, findings: Findings) -> bool:
    """Return whether a `Presenter` is among the rules by which the policy is kept."""
    match policy:
        case AllOf(policies):
            return any(_says_who_presents(rule, findings) for rule in policies)
        case AnyOf(policies):
            return any(
                # ADR 17: only a branch that is kept; else naming a presenter in one would open the others.
                not _problems((rule,), findings) and _says_who_presents(rule, findings)
                for rule in policies
            )
    return isinstance(policy, Presenter)
