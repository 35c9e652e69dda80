"""Authenticates status documents by an issuer, or by a signer whom the trust list names for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from did.document import Use, status_did
from ledger import EntryKind
from vc import Anchored, Claims, InvalidProof
from vc.secured import Form, Secured
from vc.status.bits import STATUS_ERRORS
from wire import Unavailable
from wire.datetimestamp import Moment
from wire.text import shortened
from wire.work import Work

from .problem import STATUS_LIST_NOT_SHOWN
from .signatures import SignatureCheck
from .sources.evidence import EvidenceCheck, require_may_have_signed
from .sources.lists import ListMemory
from .sources.trust import TrustSource


class NotItsList(Unavailable):
    """The list is by somebody who signs none for this issuer, as far as the trust list says."""

    code = "status-list-by-another"
    type = STATUS_ERRORS + "STATUS_RETRIEVAL_ERROR"
    title = "The status could not be checked"


@dataclass(slots=True, eq=False)
class StatusDocuments:
    """Authenticates status documents as of `now`."""

    signatures: SignatureCheck
    evidence: EvidenceCheck
    trust: TrustSource
    memory: ListMemory
    forms: Mapping[str, Form]
    now: datetime
    work: Work

    def authenticate(self, anchored: Anchored, issuer: str, *, brought: bool) -> Claims:
        """The claims of a status document by the credential's issuer, or a signer whom the trust list names.

        It has to be signed with a key in force. One that the presenter brought has to be in the issuer's log,
        if a log is trusted: otherwise a stolen key, or one whose end is in a document left out of the bundle,
        could say that nothing is revoked. One by another issuer always has to be in a log. One without
        `validFrom`, which is optional, is dated by its signature.

        Raises `NotItsList` for one that is by anybody else, `InvalidProof`, or another `Problem` that it has.
        """
        secured = self.memory.read(anchored.document, self.forms, self.work)
        signer, entry = self.signatures.issuer(secured), self.trust.issuer(issuer)
        named = entry.status_issuers if entry else ()
        # Threats 57, F10: a list counts by the issuer, or by those whom its own entry names.
        if signer != issuer and signer not in named:
            raise NotItsList(
                f"the status list is by another issuer, {shortened(signer)}",
                signer=shortened(signer),
                issuer=issuer,
            )
        signatures = self.signatures.find(
            secured, "assertionMethod", signer, named, use=Use.STATUS_LISTS
        ).known
        # Threat F10: a list in the issuer's name that somebody else signed is refused.
        if any(signature.signer != signer for signature in signatures):
            raise InvalidProof("the status document is signed by somebody else")
        details = "RevocationDetails" in secured.claims.types
        kind = EntryKind.REVOCATION_DETAILS if details else EntryKind.STATUS_LIST
        leaves = [secured.leaves(signature.signed, kind, self.work) for signature in signatures]
        keys_by_leaf = {
            leaf: signature.key.key
            for of_one, signature in zip(leaves, signatures, strict=True)
            for leaf in of_one
        }

        def fitting() -> Secured:
            return self.signatures.fitting(secured, signatures)

        # ADR 29: that the proofs fit never changes; all that follows is judged each time.
        fit = self.memory.fits(secured, keys_by_leaf, self.work, fitting) if all(leaves) else fitting()
        claims = self.signatures.claimed(secured, fit)
        # After the proofs: a date ahead is open, and a proof that does not fit is definite.
        self.signatures.require_made(signatures)
        binding = dict.fromkeys((signer, issuer))
        # ADR 12: a log of the signer will do, or one of the issuer.
        has_log = any(self.trust.policy_for(name).logs for name in binding)
        for of_one, signature in zip(leaves, signatures, strict=True):
            keys = dict.fromkeys(of_one, signature.key)
            evidence = (
                anchored.evidence if of_one else ()
            )  # of what it was derived from, which is not another
            facts = [self.evidence.facts(keys, evidence, name, recurs=True) for name in binding]
            if any(each.found for each in facts):
                continue
            # Threats F2, F10: a thief of a key for lists cannot write to the log, and could bring his list.
            if brought and (has_log or signer != issuer):
                ignored = next((each.ignored for each in facts if each.ignored), None)
                raise ignored or STATUS_LIST_NOT_SHOWN(
                    "the status list should be in the log of its issuer, but the evidence is missing"
                )
            # Threat 25: a list in no log counts by keys that are in force now.
            require_may_have_signed(signature.key, self.now)
        dates = [signature.signed.created for signature in signatures if signature.signed.created]
        expected = issuer if signer == status_did(issuer) else signer  # before which nobody else's go
        if claims.issuer != expected:
            claims = replace(claims, issuer=expected)
        if claims.starts is None and dates:
            made_at = min(dates)
            claims = replace(claims, starts=Moment(made_at, made_at, made_at, made_at.date()))
        return claims
