"""Issuers that are new on the trust list: what a person is told of them first, and how they get there.

`intaglio trust add` asks at a terminal, the page for oneself in a browser. Both tell and do the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

from verifier import RecognisedLog, Trust
from verifier.sources.trust_entries import pinned
from wire import Malformed
from wire.text import printable

from .words import tr


class Newcomer(NamedTuple):
    """An issuer that is to be recognised, and what is told of it."""

    id: str
    name: str
    remarks: tuple[str, ...]
    fingerprint: str


Joined = Callable[[Trust, Trust], Trust]
"""Puts what is new on a list, as `Trust.joined` does. Raises `Conflict` for what contradicts it."""


@dataclass(frozen=True)
class Newcomers:
    """Issuers that are to be recognised together, with their logs."""

    new: Trust
    joined: Joined
    given: Trust | None = None
    """The trust file that they are from: its fingerprints are those that the issuers' own people see."""

    def added_to(self, known: Trust) -> Trust:
        """The list with them. Raises `Conflict` for what it says otherwise, and for the name of another."""
        known.require_own_names(self.new.issuers)
        return self.joined(known, self.new)

    def introduced_to(self, known: Trust) -> Iterator[Newcomer]:
        """Each of them, to whom a list belongs."""
        for issuer in self.new.issuers:
            remarks = (
                *(line for log in self.new.logs if issuer.id in log.issuers for line in through(log)),
                *(
                    tr("keeps the status lists of {issuer}, by your list").format(issuer=printable(owner))
                    for owner in known.keeps_lists_of(issuer.id)
                ),
                *(
                    tr("has status lists by {issuer}").format(issuer=printable(name))
                    for name in issuer.status_issuers
                ),
                *([tr("its status lists may be short")] if issuer.short_lists else []),
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


def handed_over(given: Trust, file: str, joined: Joined, name: str = "") -> Newcomers:
    """The issuers of a trust file, by its name; `name` is what one is to be called. Raises `Malformed`."""
    if not given.issuers:
        raise Malformed.saying("{file} names no issuer", file=file)
    why = tr("from the file {file}").format(file=file)
    issuers = tuple(replace(issuer, name=name or issuer.name, reason=why) for issuer in given.issuers)
    return Newcomers(Trust(issuers, given.logs), joined, given)


def through(log: RecognisedLog) -> Iterator[str]:
    """A log that speaks for an issuer, and where else its checkpoints may be."""
    yield tr("speaks through the log {log}").format(log=printable(log.origin))
    for ledger in log.ledgers:
        told = tr("has that log's checkpoints on {where}, by evidence of the kind {kind}")
        yield told.format(where=ledger.where, kind=ledger.kind)
        if said := pinned(ledger):
            yield tr("knows {count} of its blocks").format(count=said.rows)
    if log.requires:
        yield tr("has to have it on {ledgers}").format(ledgers=log.requires)
    if log.reached:
        date = f"{log.reached.time:%Y-%m-%d %H:%M}Z"
        yield tr("had {count} entries by {date}").format(count=log.reached.size, date=date)
