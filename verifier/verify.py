"""Verifying a credential or a presentation; `checks.py` has the nine steps."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from did import DocumentSource
from ledger import KINDS, EvidenceKind
from vc import Anchored, Bundle, Claims, Report
from vc.forms import FORMS, STATUS_KINDS
from vc.possession import Asked
from vc.reading import read
from vc.secured import Form
from vc.status.kind import StatusKinds, entries, list_forms
from wire import Damaged, Problem, TooLarge, Unavailable
from wire.work import Work

from .checks import Checks, Steps
from .own import StatusDocuments
from .policy import Policy
from .signatures import SignatureCheck
from .sources.documents import IssuerDocuments
from .sources.evidence import EvidenceCheck
from .sources.keys import IssuerKeys
from .sources.lists import ListMemory, ListSource
from .sources.trust import TrustSource
from .sources.trust_entries import RecognisedIssuer
from .status import StatusLookup

if TYPE_CHECKING:  # loaded only where a deployment has schemas, a log is asked, or files are given
    from vc.reading.status_digest import WholeDigest
    from vc.type_metadata import TypeDocuments
    from vc.vcdm.schema import Schemas

    from .resources import GivenFile
    from .sources.digests import DigestSource
    from .sources.published_log import LogSource


MAX_PRESENTATIONS = 16
"""An answer with more presentations is not verified."""


class _Given(NamedTuple):
    """The arguments of one call for all that it verifies; `looked_up` are the DIDs that were asked for."""

    now: datetime
    policy: Policy | None
    strangers: bool
    asks_by_kind: bool
    resources: frozenset[bytes]
    files: Sequence[GivenFile]
    work: Work
    looked_up: set[str]


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
        status_kinds: StatusKinds = STATUS_KINDS,
        types: TypeDocuments | None = None,
        digests: DigestSource | None = None,
    ) -> None:
        """`lists` are asked for status lists beside those that come along, and `logs` for what the logs of
        the trust list publish. `forms` are those that are read, by their media types. `memory` may be shared
        with others on the same trust list and forms; by default it is the verifier's own. `evidence_kinds`
        say how evidence is verified; `trust` says how much of it is believed. `status_kinds` are the kinds of
        status lists that are looked up, by the type of their entries. `types` is the type metadata of SD-JWT
        VCs that they are held against. `digests` gives the status digests that were taken; the lists that
        they answer for are not asked for.
        """
        self.memory = ListMemory() if memory is None else memory
        self.resolver, self.trust, self.lists = resolver, trust, tuple(lists)
        self.forms, self.schemas, self.logs, self.types = forms, schemas, logs, types
        self.evidence_kinds, self.status_kinds = evidence_kinds, status_kinds
        self._list_forms = list_forms(forms, status_kinds)
        self.digests = digests

    def verify(
        self,
        source: bytes | Mapping[str, Any] | Bundle,
        *,
        now: datetime,
        policy: Policy | None = None,
        strangers: bool = False,
        challenge: str | None = None,
        domain: str | None = None,
        asked: Asked | None = None,
        unasked: bool = False,
        asks_by_kind: bool = True,
        resources: Collection[bytes] = (),
        files: Sequence[GivenFile] = (),
        work: Work | None = None,
    ) -> Report:
        """Checks a credential, a presentation or a bundle of either as of `now`.

        The trust list has to recognise the issuer, and `policy` adds to that. Only `strangers` lets in
        unlisted issuers: then the policy alone decides on them.

        With `challenge` and `domain` a presentation made for exactly these, at most `vc.possession.MAX_AGE`
        ago, is asked for; `asked`, in place of the two, says more than that. `unasked` reads the credentials
        in one as if they were files: nobody here asked for it, so it cannot show whose they are, and its own
        proof is not checked. The rules of a credential's kind apply as well, unless `asks_by_kind` is false.
        `resources` are the digests (SHA-256, -384 or -512) of files that came with the credentials, each of
        which counts where a credential states it; `files` are given as files of these credentials, and a
        different one is refused. `work` is what the report may cost, by default `wire.work.FILE_STEPS`. Never
        raises a `Problem`: the report has it.
        """
        named = (challenge, domain) != (None, None)
        if unasked and (named or asked is not None):
            raise ValueError("what was asked for is not unasked")
        if named and asked is not None:
            raise ValueError("asked has a challenge and a domain of its own")
        if not unasked:
            asked = asked or Asked(challenge, domain)
        resources = frozenset(resources).union(*(each.digests for each in files))
        call = _Given(now, policy, strangers, asks_by_kind, resources, files, work or Work(), set())
        return self._report(source, asked, call)

    def verify_all(
        self,
        sources: Sequence[bytes | Mapping[str, Any] | Bundle],
        asked: Asked,
        *,
        now: datetime,
        policy: Policy | None = None,
        strangers: bool = False,
        asks_by_kind: bool = True,
        resources: Collection[bytes] = (),
        files: Sequence[GivenFile] = (),
        work: Work | None = None,
    ) -> Report:
        """Checks the presentations of one answer (OpenID4VP 1.0, 8.1) as `verify` checks each.

        The report has a part for each, and is valid if each of them is. `work` is what they may cost
        together.
        """
        resources = frozenset(resources).union(*(each.digests for each in files))
        call = _Given(now, policy, strangers, asks_by_kind, resources, files, work or Work(), set())
        if len(sources) > MAX_PRESENTATIONS:
            return _too_many()
        return Report.of_answer([self._report(source, asked, call) for source in sources])

    def _report(
        self, source: bytes | Mapping[str, Any] | Bundle, asked: Asked | None, call: _Given
    ) -> Report:
        checks, work = Checks(), call.work
        # A caller's mistake and no verdict: dates could not be compared with it.
        if call.now.tzinfo is None:
            raise ValueError("now has no time zone")
        # (1) readable: limits, form
        with checks.step(1):
            # Threats 26, 27, 62: limits, and bytes that are no strict JSON, before anything else is looked
            # at.
            bundle = Bundle.parse(source, self.forms, work)
            secured = read(bundle.secured, self.forms, work, asked)
            credentials = secured.credentials
            claims = tuple(credential.claims for credential in credentials)
            former = next(filter(None, (credential.former_name for credential in credentials)), "")
            if former:
                checks.passed(
                    "former-name", f"well-formed, under a former name of its form, {former}", name=former
                )
            else:
                checks.passed("well-formed", "well-formed")
            if most := sum(credential.most_hidden for credential in credentials):
                checks.passed(
                    "in-part",
                    f"beside what it shows, up to {most} more values may be hidden, or none: "
                    "issuers add empty places, so that nobody can tell",
                    most=most,
                )
        if checks.stopped():
            return Report(checks.found, ())
        digests, spoilt = self._digests_about(claims)
        brought = [
            *bundle.issuer_documents,
            *(document for each in digests for document in each.bundle.issuer_documents),
        ]
        signatures, evidence, documents = self._authenticating(brought, call)
        status = StatusLookup(bundle.status_lists, self.lists, documents, self.status_kinds, digests, spoilt)
        steps = Steps(
            bundle,
            secured,
            claims,
            checks,
            signatures,
            evidence,
            status,
            call.strangers,
            self.schemas,
            call.asks_by_kind,
            call.resources,
            call.files,
            self.types,
        )
        return steps.report(asked, call.policy)

    def status_claims(self, bundle: Bundle, issuer: str, *, now: datetime) -> Claims:
        """The claims of a status document, signed by `issuer` or a signer whom the trust list names for it.

        It is judged as if a presenter had brought it: a thief of a stolen or retired key could hand out, or
        serve, a file without the document that ends the key. Raises as `StatusDocuments.authenticate`.
        """
        call = _Given(now, None, False, False, frozenset(), (), Work(), set())
        _, _, documents = self._authenticating(bundle.issuer_documents, call)
        # Threat 57b: a digest by a stolen key for lists is in no log.
        return documents.authenticate(Anchored(bundle.secured, bundle.evidence), issuer, brought=True)

    def _digests_about(self, credentials: Sequence[Claims]) -> tuple[Sequence[WholeDigest], Problem | None]:
        """The status digests about these credentials' lists, or the problem of one that is not read."""
        if self.digests is None:
            return (), None
        urls = {each.entry.list_url for claims in credentials for each in entries(claims, self.status_kinds)}
        try:
            digests = self.digests(urls)
        # Threat 57f: the spoilt digest may have told of a revocation, which an older list would hide.
        except (Damaged, Unavailable) as problem:
            return (), problem
        if not digests:
            return (), None
        issuers = {claims.issuer for claims in credentials}
        recognised = [self.trust.issuer(issuer) or RecognisedIssuer(issuer) for issuer in issuers]
        signers = frozenset[str]().union(*(issuer.list_signers for issuer in recognised))
        # Any listed issuer can name any addresses, and bring documents that keep others from being believed.
        return [each for each in digests if each.claims.issuer in signers], None

    def _authenticating(
        self, issuer_documents: Sequence[Anchored], call: _Given
    ) -> tuple[SignatureCheck, EvidenceCheck, StatusDocuments]:
        """The checks of one call for signatures, for evidence in logs, and for status documents."""
        now, work = call.now, call.work
        logs = None
        if self.logs is not None:
            from .sources.published import PublishedLogs  # only here: most deployments ask no log

            logs = PublishedLogs(self.logs, self.trust, work)
        documents = IssuerDocuments(self.trust, issuer_documents, work, self.evidence_kinds, logs)
        keys = IssuerKeys(
            self.resolver, self.trust, documents, work, call.looked_up, strangers=call.strangers
        )
        signatures = SignatureCheck(keys, now, work)
        evidence = EvidenceCheck(self.trust, now, work, self.evidence_kinds, logs)
        status_documents = StatusDocuments(
            signatures, evidence, self.trust, self.memory, self._list_forms, now, work
        )
        return signatures, evidence, status_documents


def _too_many() -> Report:
    """Reject too large an answer unread: for each part, other hosts may be asked for status lists."""
    checks = Checks()
    with checks.step(1):
        # Threat F1: counted before the first is read, since each may ask other hosts.
        raise TooLarge.saying("more than {most} presentations in one answer", most=MAX_PRESENTATIONS)
    return Report(checks.found, ())
