"""The context of the commands: the folders of this home, and the services of the other roles.

The roles never import each other. This module passes one role's services to another: the wallet verifies
before it stores, the issuer puts itself on the local trust list. Imports are made on demand.
"""

from __future__ import annotations

import contextlib
import errno
import functools
import os
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .deployment import USUAL, Deployment

if TYPE_CHECKING:
    from did import Method
    from kinds import Kind
    from ledger.anchors import AnchorKind
    from ledger.cosigning import Witnesses
    from ledger.folder import Engines
    from vc import Claims, Report
    from vc.reading.status_digest import WholeDigest
    from vc.secured import Form
    from vc.status.kind import StatusKinds
    from vc.type_metadata import TypeDocuments
    from vc.vcdm.jsonld import Contexts
    from vc.vcdm.schema import Schemas
    from verifier import RecognisedIssuer, RecognisedLog, Trust, Verifier
    from verifier.judge import Judge
    from verifier.policy import Policy
    from verifier.sources.digests import DigestFolder
    from verifier.sources.lists import ListMemory
    from verifier.sources.published_log import LogSource
    from verifier.sources.trust_entries import KindFiles
    from verifier.summary import Summary
    from wire.fetch import Fetcher

    from .consent import Consent


def utc_now() -> datetime:
    """The time by the clock of this machine."""
    return datetime.now(UTC)


@dataclass
class Session:
    """The context of the sub-commands: the folders of this home, and the services of the other roles."""

    home: Path
    ca_file: Path | None = None
    loopback: bool = False
    now: Callable[[], datetime] = utc_now
    """The time, for those below to be handed."""
    deployment: Deployment = USUAL
    agree: frozenset[str] = frozenset()
    """The typed digests of addresses in files from elsewhere; typing one is consent to that address."""

    @property
    def trust_file(self) -> Path:
        """The local trust list."""
        return self.home / "trust.json"

    def consent(self, folder: Path, *, asks: bool = True, restoring: bool = False) -> Consent:
        """The user's consent to the addresses that the files of an issuer or a log name."""
        from .consent import Consent

        return Consent(folder, self.home, self.agree, asks, restoring, self.deployment)

    @property
    def methods(self) -> Mapping[str, Method]:
        """The DID methods that are known."""
        from did import METHODS

        return METHODS if self.deployment.methods is None else self.deployment.methods

    @property
    def anchors(self) -> Mapping[str, AnchorKind]:
        """The kinds of other ledgers that take checkpoints."""
        from ledger.anchors import ANCHORS

        return ANCHORS if self.deployment.anchors is None else self.deployment.anchors

    def fetcher(self, *, offline: bool = False) -> Fetcher:
        """The way to the network, or one that refuses it."""
        from wire import fetch

        if offline:
            return fetch.NoFetcher()
        return fetch.HttpsFetcher(allow_loopback=self.loopback, ca_file=self.ca_file)

    def witnesses(self, consent: Consent) -> Witnesses:
        """The way to the witnesses of an issuer's log, for whoever writes bundles."""
        from ledger.cosigning import SECONDS

        return witnesses_of(consent.folder, consent, self.now, self.ca_file, SECONDS)

    def verifier(
        self, *, offline: bool = False, trust_file: Path | None = None, memory: ListMemory | None = None
    ) -> Verifier:
        """A verifier on this machine's trust list; it also sees the lists that an issuer here published.

        Raises as `Trust.load` does, and `Unavailable` where a `trust_file` that is named is not there.
        """
        from did import Resolver
        from ledger import KINDS
        from verifier import Verifier
        from verifier.sources.lists import Fetched
        from verifier.sources.trust_index import open_trust

        # Nobody names a list to trust nobody. The usual one is not there before somebody is added to it.
        if trust_file is not None and not trust_file.exists():
            from wire import Unavailable

            raise Unavailable.saying(
                "the trust list {file} cannot be read: {system}",
                file=str(trust_file),
                system=os.strerror(errno.ENOENT),
                hint="Put the file back, or name another one by --trust.",
            )
        fetcher = self.fetcher(offline=offline)
        kinds, lists = self.deployment.evidence_kinds, self.status_kinds
        asked = ("application/vc", "application/json", *(kind.media_type for kind in lists.values()))
        here = self._list_published_here
        return Verifier(
            Resolver(self.methods, fetcher),
            evidence_kinds=KINDS if kinds is None else kinds,
            trust=open_trust(trust_file or self.trust_file),
            schemas=self.schemas(),
            forms=self.forms(),
            lists=(here,) if offline else (here, Fetched(fetcher, media_types=tuple(dict.fromkeys(asked)))),
            status_kinds=lists,
            memory=memory,
            logs=self._logs(fetcher),
            types=self.types(),
            digests=self._digests_about,
        )

    def judge(
        self, trust_file: Path | None = None, policy: Policy | None = None, *, offline: bool = False
    ) -> Judge:
        """The judge of a service; it uses the trust list as it is at each request."""
        from verifier.judge import Current, Judge, Verifiers
        from verifier.sources.lists import ListMemory

        def verifiers() -> Verifiers:
            memory = ListMemory()
            without, asking = (
                self.verifier(offline=flag, trust_file=trust_file, memory=memory) for flag in (True, offline)
            )
            return Verifiers(without, asking)

        return Judge(Current(trust_file or self.trust_file, verifiers), policy)

    def _logs(self, fetcher: Fetcher) -> LogSource:
        """The log of the issuer here, else those on the network."""
        from verifier.sources.published import Published

        published = Published(fetcher)

        def ask(url: str, limit: int) -> bytes:
            here = self._log_published_here(url)
            return published(url, limit) if here is None else here

        return ask

    def _list_published_here(self, url: str) -> bytes | None:
        """The status list that an issuer in this home published for `url`; see `published_list`."""
        if self._has_no_issuer:
            return None
        from issuer.identity.home import published_list

        return published_list(self.home / "issuer", url, engines=self._engines_here)

    def _log_published_here(self, url: str) -> bytes | None:
        """The bytes that the log of an issuer in this home has at `url`; see `published_log`."""
        if self._has_no_issuer:
            return None
        from issuer.identity.home import published_log

        return published_log(self.home / "issuer", url, engines=self._engines_here)

    @property
    def _has_no_issuer(self) -> bool:
        """True if no issuer is here, as on most machines that verify: then nothing of that role is loaded.

        A folder that cannot be read may be an issuer's; the code that reads it reports the problem.
        """
        with contextlib.suppress(OSError):
            return not (self.home / "issuer").is_dir()
        return False

    @functools.cached_property
    def _engines_here(self) -> Engines:
        return self.consent(self.home / "issuer", asks=False).engines()

    def versions(self, did: str) -> list[Mapping[str, Any]]:
        """The versions of an issuer's document by its log, as the trust list binds one. Raises `NotShown`."""
        from verifier import Trust
        from verifier.sources.published import PublishedLogs
        from wire.work import Work

        logs = PublishedLogs(self._logs(self.fetcher()), Trust.load(self.trust_file), Work())
        return [dict(version.document) for version in logs.documents(did)]

    def kinds(self, did: str, trust: Trust) -> tuple[KindFiles, ...]:
        """The kinds that an issuer's log shows, as a trust list binds one, and that the list does not have.

        Raises `NotShown`.
        """
        from kinds.foreign import carried_digest
        from vc.anchoring import CarriedKind
        from verifier.sources.published import PublishedLogs
        from wire.work import Work

        entry = trust.issuer(did)
        digests = [carried_digest(CarriedKind(kind.files)) for kind in entry.kinds] if entry else []
        return PublishedLogs(self._logs(self.fetcher()), trust, Work()).kinds(did, digests)

    def schemas(self) -> Schemas | None:
        """The JSON Schemas in `schemas/`, if there are any.

        Raises `Malformed`, naming the file, and `ExtraMissing`.
        """
        folder = self.home / "schemas"
        if not folder.is_dir():
            return None
        from vc.vcdm.schema import Schemas

        return Schemas.load(folder)

    def types(self) -> TypeDocuments | None:
        """The type metadata of SD-JWT VCs in `types/`, if there is any.

        Raises `Malformed`, naming the file.
        """
        folder = self.home / "types"
        if not folder.is_dir():
            return None
        from vc.type_metadata import TypeDocuments

        return TypeDocuments.load(folder)

    @functools.cached_property
    def digests(self) -> DigestFolder:
        """The status digests that were taken here."""
        from verifier.sources.digests import DigestFolder  # only here: as below

        return DigestFolder(self.digest_folder, self.forms())

    def _digests_about(self, list_urls: Collection[str]) -> Sequence[WholeDigest]:
        """As `DigestFolder.about`; empty where no digest was taken, as by most verifiers."""
        return self.digests.about(list_urls) if self.digest_folder.is_dir() else ()

    @functools.cached_property  # each verification looks whether it is there
    def digest_folder(self) -> Path:
        """The folder of the status digests that were taken."""
        return self.home / "digests"

    def contexts(self) -> Contexts | None:
        """The JSON-LD contexts in `contexts/` and the vendored ones, if there are any. Raises `Malformed`."""
        folder = self.home / "contexts"
        if not folder.is_dir():
            return None
        from vc.vcdm import jsonld

        return jsonld.load(folder)

    def forms(self) -> Mapping[str, Form]:
        """The forms that are read, by the contexts of this home. Raises `Malformed`."""
        from vc.forms import FORMS, INTEGRITY, by_contexts

        forms = FORMS if self.deployment.forms is None else self.deployment.forms
        if forms.get(INTEGRITY) != FORMS[INTEGRITY]:
            return forms  # with contexts of its own, or without JSON
        return by_contexts(forms, self.contexts())

    @property
    def status_kinds(self) -> StatusKinds:
        """The kinds of status lists that are known."""
        from vc.forms import STATUS_KINDS

        kinds = self.deployment.status_kinds
        return STATUS_KINDS if kinds is None else kinds

    def form_of_issuer(self, home: Path) -> Form | None:
        """The form in which the issuer there issues; `None` for JSON, and where it is not known."""
        from issuer.identity.home import Identity

        name = Identity.read(home).form
        return self.forms().get(name) if name else None

    def check(self, data: bytes, *, offline: bool = False) -> Report:
        """Verify a credential for the wallet, before it stores one and when it checks again."""
        # A kind's rules are for a presentation: a wallet keeps what is to be presented one day.
        return self.verifier(offline=offline).verify(data, now=self.now(), asks_by_kind=False)

    def recognises(self, did: str) -> bool:
        """True if the issuer is on the trust list; the wallet asks before it claims a credential."""
        from verifier.sources.trust_index import open_trust

        return open_trust(self.trust_file).issuer(did) is not None

    def pin(self, entry: Mapping[str, Any]) -> None:
        """Put an issuer of this machine on the local trust list, or update its entry.

        An update adds that it closed, the first document of its chain, and its keys for status lists.
        """
        from verifier import RecognisedIssuer, RecognisedLog, Trust, update_trust
        from verifier.sources.trust_entries import KindFiles

        from .words import tr

        members = dict(entry["issuer"])
        kinds = tuple(KindFiles(tuple(files.items())) for files in members.pop("kinds", ()))
        issuer = RecognisedIssuer(**members, kinds=kinds, reason=tr("issued on this machine"))
        log = RecognisedLog(**entry["log"])
        trust = Trust.load(self.trust_file)
        listed = trust.issuer(issuer.id)
        is_new = listed is None or listed != _renewed(listed, issuer)
        if is_new or log.key not in {each.key for each in trust.logs}:
            update_trust(self.trust_file, functools.partial(_pinned, issuer=issuer, log=log))

    def sentence(self, document: Mapping[str, Any], issuer: str, kind: Kind) -> str:
        """A verifier's sentence on a credential, given the issuer's name and the kind; nothing is checked."""
        from .words import report

        return report.sentence(self.summary(document, issuer, kind)[1])

    def summary(self, document: Mapping[str, Any], issuer: str, kind: Kind) -> tuple[Claims, Summary]:
        """A credential's claims, and a verifier's summary, given issuer and kind; nothing is checked."""
        from vc import Credential
        from verifier import RecognisedIssuer, Trust
        from verifier.sources.trust_entries import KindFiles
        from verifier.summary import summarize

        claims = Credential.parse(document, contexts=self.contexts())
        kinds = (KindFiles(kind.texts),) if kind.is_named else ()
        trust = Trust().adding(RecognisedIssuer(claims.issuer, name=issuer, kinds=kinds))
        return claims, summarize(claims, trust)

    def fingerprint(self, trust_file: bytes) -> str:
        """The fingerprint that others see when they add the trust file of an issuer of this machine."""
        from verifier import Trust

        trust = Trust.parse(trust_file)
        return trust.fingerprint(trust.issuers[0].id)


def witnesses_of(
    folder: Path, consent: Consent, now: Callable[[], datetime], ca_file: Path | None, seconds: float
) -> Witnesses:
    """The way to the witnesses of the log in a folder; each has so many seconds to answer."""
    from ledger.cosigned import Cosigned
    from ledger.cosigning import Witnesses
    from wire.fetch import HttpsFetcher

    # As with the nodes of a chain: the operator named them, so that they may stand in a private network.
    client = HttpsFetcher(allow_loopback=True, allow_private=True, ca_file=ca_file, timeout=seconds)
    return Witnesses(Cosigned(folder), client, now, consent.require)


def _pinned(trust: Trust, issuer: RecognisedIssuer, log: RecognisedLog) -> Trust:
    """The list with the issuer: its existing entry, with the facts that only the issuer can state."""
    former = trust.issuer(issuer.id) or issuer
    log = next((old for old in trust.logs if old.key == log.key), log)
    return trust.adding(_renewed(former, issuer), log)


def _renewed(former: RecognisedIssuer, issuer: RecognisedIssuer) -> RecognisedIssuer:
    return replace(
        former,
        closed=issuer.closed or former.closed,
        documents=issuer.documents or former.documents,
        status_issuers=tuple(dict.fromkeys((*issuer.status_issuers, *former.status_issuers))),
        list_keys=issuer.list_keys,
        address=issuer.address or former.address,
        kinds=tuple(dict.fromkeys((*former.kinds, *issuer.kinds))),
    )
