"""`intaglio trust`: whom you recognise. Nobody gets there unseen: who is new is shown and asked about."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import click

from did import DID, METHODS, MethodNotSupported, Resolver
from vc.model.credential import is_url
from verifier import RecognisedIssuer, RecognisedLog, Trust, update_trust
from wire import Conflict, Declined, Malformed, NotFound, Refused, Unavailable, load_json_object
from wire.fetch import NoFetcher
from wire.text import claimed, printable, shortened

from ..session import Session
from ..terminal import Result, agreed, is_file, say, verb, wrapped


@click.group()
def trust() -> None:
    """Say which issuers and logs you recognise."""


@verb(trust)
def list_(session: Session) -> Result:
    """Show the trust list."""
    known = Trust.load(session.trust_file)
    if not known.issuers:
        say("Nobody is on the trust list yet. Add somebody: intaglio trust add DID")
    return Result(
        load_json_object(known.to_bytes()),
        "\n".join(wrapped(line, 6 if line.startswith(" ") else 4) for line in _known(known)),
    )


def _known(trust: Trust) -> Iterator[str]:
    """The list for people."""
    for issuer in trust.issuers:
        kinds = f"for {', '.join(issuer.types)}" if issuer.types else "for everything"
        yield printable(f"{issuer.name or '(no name)'}  {issuer.id}  {kinds}  {issuer.reason}").rstrip()
        for log in trust.logs:
            if issuer.id in log.issuers:
                yield from (f"    {line}" for line in _through(log))
        for name in issuer.status_issuers:
            yield f"    has status lists by {printable(name)}"
        if issuer.last_lists:
            yield f"    closed; status lists from {issuer.last_lists:%Y-%m-%d %H:%M}Z on have no end"
        if issuer.until:
            yield f"    for what is from {issuer.until} or before"


def _through(log: RecognisedLog) -> Iterator[str]:
    """A log that speaks for an issuer, and where else its checkpoints may be."""
    yield f"speaks through the log {printable(log.origin)}"
    for ledger in log.ledgers:
        yield f"has that log's checkpoints on {ledger.where}, by evidence of the kind {ledger.kind}"


@verb(trust)
@click.argument("did", metavar="DID|URL|FILE", type=click.Path())
@click.option("--name", default="", help="The name to show for it.")
@click.option("--type", "types", multiple=True, help="Recognise it for this credential type only.")
@click.option("--key", "keys", multiple=True, help="Pin it to this key (Multikey, z…).")
@click.option("--status-issuer", "status_issuers", multiple=True, help="Who else signs its status lists.")
@click.option("--log", "log_key", help="The verifier key of the log that speaks for it.")
@click.option("--clock", default="", help="The verifier key under which that log states the time.")
@click.option("--yes", is_flag=True, help="Do not ask, even at a terminal.")
def add(
    session: Session,
    did: str,
    name: str,
    types: tuple[str, ...],
    keys: tuple[str, ...],
    status_issuers: tuple[str, ...],
    log_key: str | None,
    clock: str,
    yes: bool,
) -> Result:
    """Recognise an issuer, by its DID or https URL, or by the trust file that it gave.

    Compare the fingerprint with the issuer's (`intaglio issuer trust`) by a way that you trust.
    """
    if not did.startswith("did:") and is_file(did):
        if types or keys or status_issuers or log_key or clock:
            raise click.UsageError("A trust file says all of it itself; only --name goes with one.")
        given = Trust.load(Path(did))
        return _keep(session, _handed(Path(did), given, name), Trust.joined, yes, given)
    if not is_url(did):
        raise NotFound(f"there is no file {shortened(did)}", hint="Name a trust file, or a DID: did:…")
    if did.startswith("did:"):
        DID.parse(did)
    if not (keys or log_key):
        _require_resolvable(did)
    issuer = RecognisedIssuer(did, name, types, keys, reason="added by hand", status_issuers=status_issuers)
    new = Trust().adding(issuer, RecognisedLog(log_key, clock=clock) if log_key else None)
    return _keep(session, Trust.parse(new.to_bytes()), _with_new, yes)


def _handed(file: Path, given: Trust, name: str) -> Trust:
    """What a trust file says, as this list is to have it. Raises `Malformed`, and a usage error."""
    if not given.issuers:
        raise Malformed(f"{file} names no issuer")
    if name and len(given.issuers) > 1:
        raise click.UsageError(f"{file} names more than one issuer; --name is for one.")
    why = f"from the file {file.name}"
    return Trust(
        tuple(replace(found, name=name or found.name, reason=why) for found in given.issuers), given.logs
    )


def _with_new(known: Trust, new: Trust) -> Trust:
    """With an issuer that was typed, and its log. Raises `Conflict` where it is there already."""
    (issuer,) = new.issuers
    if known.issuer(issuer.id) is not None:
        raise Conflict(
            f"{issuer.id} is on your list already",
            hint="To say something else of it: `intaglio trust remove DID`, then add it again.",
        )
    return known.adding(issuer, *new.logs)


def _keep(
    session: Session,
    new: Trust,
    joined: Callable[[Trust, Trust], Trust],
    yes: bool,
    given: Trust | None = None,
) -> Result:
    """Shows who is new, asks, and writes the list; what cannot be added is said before anything is asked.

    The fingerprint is that of what was `given`, whatever the issuer is called here: its own people see that.
    """

    def change(known: Trust) -> Trust:
        known.require_own_names(new.issuers)
        return joined(known, new)

    change(Trust.load(session.trust_file))
    for issuer in new.issuers:
        say(
            f'"{claimed(issuer.name)}"  {issuer.id}' if issuer.name else f"(no name)  {issuer.id}",
            *(line for log in new.logs if issuer.id in log.issuers for line in _through(log)),
            f"fingerprint: {(given or new).fingerprint(issuer.id)}",
        )
    if not agreed("Is that whom you mean, and is the fingerprint the one that they have?", yes):
        raise Declined("nothing was added")
    update_trust(session.trust_file, change)
    added = [issuer.id for issuer in new.issuers]
    say("On the trust list now.")
    return Result({"added": added}, "")


def _require_resolvable(did: str) -> None:
    """Raises what shows that no key of this DID or URL can ever be found, unless the list brings one."""
    if not did.startswith(("did:", "https://")):
        raise Refused(f"the keys of {shortened(did)} cannot be looked up", hint="Pin one: --key z…")
    try:
        Resolver(METHODS, NoFetcher()).resolve(did)
    except Unavailable:
        pass
    except MethodNotSupported as problem:
        raise Refused(
            problem.detail,
            hint="Pin its key (--key z…) or its log (--log), or add the trust file that the issuer gives.",
        ) from None


@verb(trust)
@click.argument("did")
def remove(session: Session, did: str) -> Result:
    """Take an issuer off the list."""
    update_trust(session.trust_file, lambda trust: trust.removing(did))
    say(f"{did} is off the trust list")
    return Result({"removed": [did]}, "")
