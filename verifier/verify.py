"""Verifying a credential or a presentation; `checks.py` has the nine steps."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from did import DocumentSource
from ledger import KINDS, EvidenceKind
from vc import Bundle, Report
from vc.forms import FORMS
from vc.reading import read
from vc.secured import Form
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
from .status import StatusLookup

if TYPE_CHECKING:  # loaded only where a deployment has schemas, or a log is asked
    from vc.vcdm.schema import Schemas

    from .sources.published_log import LogSource


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
        asks_by_kind: bool = True,
        resources: Collection[bytes] = (),
        work: Work | None = None,
    ) -> Report:
        """Checks a credential, a presentation or a bundle of either as of `now`.

        The issuer has to be recognised by the trust list, and what `policy` asks for comes on top;
        `strangers` alone lets in issuers that nobody recognises: then only the policy stands before them.

        With `challenge` and `domain` a presentation made for exactly these is asked for. `unasked` takes one
        for the credentials in it, as if they were files: nobody here asked for it, so that it cannot show
        whose they are, and its own proof is not looked at. Where a credential's kind asks for more than the
        policy does, so does this, unless `asks_by_kind` is false; `resources` are the digests (SHA-256, -384
        or -512) of files that came with the credentials, for kinds that ask for these. `work` is what the
        report may cost, by default `wire.work.FILE_STEPS`. Never raises a `Problem`: what is wrong stands in
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
            claims = tuple(one.claims for one in secured.credentials)
            former = next(filter(None, (one.former_name for one in secured.credentials)), "")
            if former:
                checks.passed(
                    "former-name", f"well-formed, under a former name of its form, {former}", name=former
                )
            else:
                checks.passed("well-formed", "well-formed")
        if checks.stopped():
            return Report(checks.found, ())
        logs = None
        if self.logs is not None:
            from .sources.published import PublishedLogs  # only here: most deployments ask no log

            logs = PublishedLogs(self.logs, self.trust, work)
        documents = IssuerDocuments(self.trust, bundle.issuer_documents, work, self.evidence_kinds, logs)
        keys = IssuerKeys(self.resolver, self.trust, documents, work, strangers=strangers)
        signatures = SignatureCheck(keys, now, work)
        evidence = EvidenceCheck(self.trust, now, work, self.evidence_kinds, logs)
        own = StatusDocuments(signatures, evidence, self.trust, self.memory, self.forms, now, work)
        status = StatusLookup(bundle.status_lists, self.lists, own)
        steps = Steps(
            bundle,
            secured,
            claims,
            checks,
            signatures,
            evidence,
            status,
            strangers,
            self.schemas,
            asks_by_kind,
            frozenset(resources),
        )
        return steps.report(challenge, domain, policy, unasked=unasked)
