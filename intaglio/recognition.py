"""New issuers for the trust list: the facts that a person sees first, and the step that adds them.

`intaglio trust add` asks at a terminal, the page for oneself in a browser. Both show and do the same.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import NamedTuple

from ledger import TrustedLedger
from ledger.evm import KIND, SINCE
from ledger.note import vkey_name
from vc.anchoring import CarriedKind
from verifier import RecognisedIssuer, RecognisedLog, Trust
from verifier.sources.trust_entries import pinned, read_anchors
from wire import Malformed
from wire.text import claimed, isolated, printable

from .words import entry_reason, required, tr


class Newcomer(NamedTuple):
    """An issuer to recognise, and the facts shown about it."""

    id: str
    name: str
    remarks: tuple[str, ...]
    fingerprint: str


Joined = Callable[[Trust, Trust], Trust]
"""Add new entries to a list, as `Trust.joined` does. Raises `Conflict` for entries that contradict it."""


@dataclass(frozen=True)
class Newcomers:
    """Issuers that are to be recognised together, with their logs."""

    new: Trust
    joined: Joined
    given: Trust | None = None
    """The trust file that they are from: its fingerprints are those that the issuers' own people see."""

    def added_to(self, trust: Trust) -> Trust:
        """The list with the new issuers. Raises `Conflict` for contradictions, and for another's name."""
        trust.require_own_names(self.new.issuers)
        return self.joined(trust, self.new)

    def introduced_to(self, trust: Trust) -> Iterator[Newcomer]:
        """Each new issuer, with remarks for the owner of the list `trust`."""
        for issuer in self.new.issuers:
            remarks = (
                *(line for log in self.new.logs if issuer.id in log.issuers for line in through(log)),
                *(
                    tr("keeps the status lists of {issuer}, by your list").format(issuer=printable(owner))
                    for owner in trust.keeps_lists_of(issuer.id)
                ),
                *anchors_of(issuer),
                *lists_of(issuer),
                *kinds_of(issuer),
            )
            fingerprint = (self.given or self.new).fingerprint(issuer.id)
            yield Newcomer(issuer.id, issuer.name, remarks, fingerprint)


def shared_logs(before: Trust, after: Trust) -> Iterator[tuple[str, str]]:
    """Two sentences for each log that speaks for several issuers, unless it did so before.

    Inclusion no longer tells whose a document is: each issuer could put one of another there.
    """
    issuers = {log.key: log.issuers for log in before.logs}
    for log in after.logs:
        if len(log.issuers) > 1 and log.issuers != issuers.get(log.key):
            yield (
                tr("The log {log} then speaks for {count} issuers.").format(
                    log=printable(log.origin), count=len(log.issuers)
                ),
                tr("Of each, those documents count that its own trust file pins, and those they lead to."),
            )


def stricter_quorums(before: Trust, after: Trust) -> Iterator[tuple[str, ...]]:
    """For each log whose witnesses or quorum change, sentences that say what is needed then."""
    former = {log.key: log for log in before.logs}
    for log in after.logs:
        ours = former.get(log.key, log)
        if (ours.witnesses, ours.quorum) != (log.witnesses, log.quorum):
            changes = tr("Of the log {log} more is asked then than now:").format(log=printable(log.origin))
            yield (changes, *witnesses_of(log))


def handed_over(trust: Trust, file: str, joined: Joined, name: str = "") -> Newcomers:
    """The issuers of a trust file, by its name; `name` is what one is to be called. Raises `Malformed`."""
    if not trust.issuers:
        raise Malformed.saying("{file} names no issuer", file=file)
    why = tr("from the file {file}").format(file=file)
    issuers = tuple(replace(issuer, name=name or issuer.name, reason=why) for issuer in trust.issuers)
    return Newcomers(Trust(issuers, trust.logs), joined, trust)


def anchors_of(issuer: RecognisedIssuer) -> Iterator[str]:
    """The certificates by which an issuer is recognised, so that people can compare them with its own."""
    for anchor in read_anchors(issuer):
        yield tr('by the certificate of "{subject}", until {until}, SHA-256 {digest}').format(
            subject=isolated(claimed(anchor.subject_text)),
            until=f"{anchor.until:%Y-%m-%d}",
            digest=hashlib.sha256(anchor.der).digest().hex(":").upper(),
        )
        if issuer.is_by_anchor:
            yield tr("everyone whom it certifies then counts as this issuer")


def lists_of(issuer: RecognisedIssuer) -> Iterator[str]:
    """An issuer's address in SD-JWT VCs, the signers of its status lists, and how long these count."""
    if issuer.address:
        yield tr("SD-JWT VCs name it by its address, {address}").format(address=printable(issuer.address))
    for name in issuer.status_issuers:
        yield tr("has status lists by {issuer}").format(issuer=printable(name))
    if issuer.short_lists:
        yield tr("its status lists may be short")
    if issuer.last_lists:
        yield tr("closed; status lists from {date} on have no end").format(
            date=f"{issuer.last_lists:%Y-%m-%d %H:%M}Z"
        )
        if not isinstance(issuer.closed, datetime):
            # a list of that morning counts for good, though one of the evening may revoke
            yield tr(
                "Ask at what moment of that day it closed: until you know, a list from before its last "
                "revocations may count for good. A newer trust file of the issuer names the moment."
            )


def kinds_of(issuer: RecognisedIssuer) -> Iterator[str]:
    """The kinds whose sentences are used for an issuer's credentials."""
    if not issuer.kinds:
        return
    from kinds.foreign import kind_of  # most have none

    for files in issuer.kinds:
        if kind := kind_of(CarriedKind(files.files)):
            text = tr("speaks of its credentials by the kind {kind}, version {version}")
            yield text.format(kind=kind.name, version=kind.version)
        else:
            yield tr("has a kind that this program does not understand")


def listed(trust: Trust) -> Iterator[str]:
    """The lines that show a trust list: one for each issuer, and the facts about it indented below."""
    for issuer in trust.issuers:
        types = ", ".join((*issuer.types, *issuer.vcts))
        scope = tr("for {types}").format(types=types) if types else tr("for everything")
        name = issuer.name or tr("(no name)")
        yield printable(f"{name}  {issuer.id}  {scope}  {entry_reason(issuer.reason)}").rstrip()
        for log in trust.logs:
            if issuer.id in log.issuers:
                yield from (f"    {line}" for line in through(log))
                if len(log.issuers) > 1 and not (issuer.documents or issuer.keys):
                    # ADR 12: inclusion alone does not bind a document where others could have put it there.
                    yield "    " + tr(
                        "stays undecided: others have this log, too, and it has no pinned document"
                    )
        details = (*anchors_of(issuer), *lists_of(issuer), *kinds_of(issuer))
        yield from (f"    {line}" for line in details)
        if issuer.until:
            yield "    " + tr("for what is from {until} or before").format(until=issuer.until)


def through(log: RecognisedLog) -> Iterator[str]:
    """A log that speaks for an issuer, and where else its checkpoints may be."""
    yield tr("speaks through the log {log}").format(log=printable(log.origin))
    yield from witnesses_of(log)
    for ledger in log.ledgers:
        if ledger.kind == KIND:
            yield from _contracts(ledger)
        else:
            text = tr("has that log's checkpoints on {where}, by evidence of the kind {kind}")
            yield text.format(where=ledger.where, kind=ledger.kind)
        if blocks := pinned(ledger):
            yield tr("knows {count} of its blocks").format(count=blocks.rows)
    if log.requires:
        yield tr("has to have it on {ledgers}").format(ledgers=required(log.requires))
    for url in log.mirrors:
        yield tr("has a mirror at {url}").format(url=printable(url))
    if log.reached:
        date = f"{log.reached.time:%Y-%m-%d %H:%M}Z"
        yield tr("had {count} entries by {date}").format(count=log.reached.size, date=date)


def witnesses_of(log: RecognisedLog) -> Iterator[str]:
    """The witnesses of a log, how many of them are needed, and how many of them may lie or be away."""
    for witness in log.witnesses:
        vkey, operator = (witness, "") if isinstance(witness, str) else witness
        text = tr("is seen by the witness {witness}")
        if operator:
            text = tr("is seen by the witness {witness}, of {operator}")
        yield text.format(witness=printable(vkey_name(vkey)), operator=printable(operator))
    quorum = log.trusted().by_operator
    if not quorum.rule:
        return
    if isinstance(quorum.rule, int):
        text = tr("has to be seen by {count} of {all} witnesses")
        yield text.format(count=quorum.rule, all=len(quorum.of))
    else:
        yield tr("has to be seen by {rule}").format(rule=required(quorum.rule))
    if quorum.overlap:
        text = tr("of which {liars} may lie, and {away} may be away")
        yield text.format(liars=quorum.overlap - 1, away=quorum.away)
    else:  # threat A44: nobody has to lie for that
        text = tr("of which {away} may be away; the log can show two versions though none lies")
        yield text.format(away=quorum.away)


def _contracts(chain: TrustedLedger) -> Iterator[str]:
    """The contracts on a chain that have a log's checkpoints, and from which block on they are there."""
    contracts = chain.parameters.get("contracts")
    text = tr("has that log's checkpoints on {chain}, by the contract {contract}")
    for contract in contracts if isinstance(contracts, list) else []:
        yield text.format(chain=chain.where, contract=printable(str(contract)))
    if SINCE in chain.parameters:
        yield tr("there since block {number}").format(number=printable(str(chain.parameters[SINCE])))
