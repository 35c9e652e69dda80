"""`intaglio trust`: whom you recognise. Nobody gets there unseen: who is new is shown and asked about."""

from __future__ import annotations

import functools
import sys
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

import click

from did import DID, MethodNotSupported, Resolver
from ledger import Requirement
from ledger.requirement import WITNESSES
from ledger.tiles.layout import address
from verifier import RecognisedIssuer, RecognisedLog, Trust, update_trust
from verifier.problem import NotShown
from verifier.sources.trust_entries import anchored_id
from wire import Conflict, Declined, NotFound, Refused, Unavailable, load_json_object
from wire.fetch import NoFetcher
from wire.strict import is_url
from wire.text import claimed, printable, shortened

from ..recognition import (
    Newcomers,
    handed_over,
    kinds_of,
    listed,
    shared_logs,
    stricter_quorums,
)
from ..session import Session
from ..terminal import Result, agreed, is_file, say, typed, verb, wrapped
from ..words import headed, remedy, required, sentence, tr
from .chain import chain
from .trust_mirror import mirror
from .trust_witness import witness

LARGEST_PEM = 1 << 16
"""Bytes of a file with a certificate that are read."""


@click.group()
def trust() -> None:
    """Say which issuers and logs you recognise."""


trust.add_command(chain)
trust.add_command(mirror)
trust.add_command(witness)


@verb(trust)
def list_(session: Session) -> Result:
    """Show the trust list."""
    trust_list = Trust.load(session.trust_file)
    if not trust_list.issuers:
        say(tr("Nobody is on the trust list yet. Add somebody: intaglio trust add DID"))
    return Result(
        load_json_object(trust_list.to_bytes()),
        "\n".join(wrapped(line, 6 if line.startswith(" ") else 4) for line in listed(trust_list)),
    )


@verb(trust)
@click.argument("did", metavar="DID|URL|FILE|NAME", type=click.Path())
@click.option("--name", default="", help="The name to show for it.")
@click.option("--type", "types", multiple=True, help="Recognise it for this credential type only.")
@click.option("--vct", "vcts", multiple=True, help="Recognise it for SD-JWT VCs of this type only.")
@click.option("--key", "keys", multiple=True, help="Pin it to this key (Multikey, z…).")
@click.option(
    "--anchor",
    "anchors",
    multiple=True,
    type=click.File("rb"),
    help="Recognise it by this X.509 certificate (PEM): its own, or that of the authority behind it.",
)
@click.option("--status-issuer", "status_issuers", multiple=True, help="Who else signs its status lists.")
@click.option("--short-lists", is_flag=True, help="Accept status lists of fewer than 131,072 entries.")
@click.option("--log", "log_key", help="The verifier key of the log that speaks for it.")
@click.option("--clock", default="", help="The verifier key under which that log states the time.")
@click.option(
    "--revocations",
    metavar="FILE|URL",
    help="Take its status digest, so that nobody is asked for its lists; again for a newer one.",
)
@click.option("--yes", is_flag=True, help="Do not ask, even at a terminal.")
def add(
    session: Session,
    did: str,
    name: str,
    types: tuple[str, ...],
    vcts: tuple[str, ...],
    keys: tuple[str, ...],
    anchors: tuple[BinaryIO, ...],
    status_issuers: tuple[str, ...],
    short_lists: bool,
    log_key: str | None,
    clock: str,
    revocations: str | None,
    yes: bool,
) -> Result:
    """Recognise an issuer, by its DID or https URL, or by the trust file that it gave.

    Compare the fingerprint with the issuer's (`intaglio issuer trust`) by a way that you trust. Of an issuer
    that is on the list already, its log is asked for newer kinds of credential. With --anchor, a NAME stands
    for every issuer that the certificate leads to; a DID or URL has to be in the issuer's own certificate.
    """
    if revocations is not None:
        if any((name, types, vcts, keys, anchors, status_issuers, short_lists, log_key, clock)):
            raise click.UsageError(tr("--revocations is for an issuer that is on the list; add it first."))
        from .digest import take  # only here: most verifiers take none

        return take(session, did, revocations)
    certificates = _certificates(anchors)
    if certificates and not did.startswith(("did:", "https://")):
        if is_url(did):  # it would be taken for whomever the certificate leads to
            raise Refused.saying(
                "{name} is no address that a certificate is asked for",
                name=shortened(did),
                hint="Give a DID, an https URL, or a name without a colon.",
            )
        name, did = name or did, anchored_id(b64decode(certificates[0]))
    if not did.startswith("did:") and not certificates and is_file(did):
        if types or vcts or keys or status_issuers or short_lists or log_key or clock:
            raise click.UsageError(tr("A trust file says all of it itself; only --name goes with one."))
        handed = Trust.load(Path(did))
        if name and len(handed.issuers) > 1:
            message = tr("{file} names more than one issuer; --name is for one.")
            raise click.UsageError(message.format(file=did))
        return _keep(session, handed_over(handed, Path(did).name, _joined(session), name), yes)
    if not is_url(did):
        raise NotFound.saying(
            "there is no file {name}", name=shortened(did), hint="Name a trust file, or a DID: did:…"
        )
    if did.startswith("did:"):
        DID.parse(did)
    trust_list = Trust.load(session.trust_file)
    details = (name, types, vcts, keys, anchors, status_issuers, short_lists, log_key, clock)
    is_published = any(address(log.key.name) for log in trust_list.policy_for(did).logs)
    entry = trust_list.issuer(did)
    if is_published and entry is not None and not any(details):
        return _add_kinds(session, trust_list, entry.id, yes)
    if not (keys or log_key or anchors):
        _require_resolvable(did, session)
    _require_known(types, session)
    issuer = RecognisedIssuer(
        did,
        name,
        types,
        keys,
        reason=tr("added by hand"),
        status_issuers=status_issuers,
        short_lists=short_lists,
        vcts=vcts,
        anchors=certificates,
    )
    new = Trust().adding(issuer, RecognisedLog(log_key, clock=clock) if log_key else None)
    new = Trust.parse(new.to_bytes())
    if log_key and trust_list.issuer(did) is None:
        new = _with_kinds(session, new, did)
    return _keep(session, Newcomers(new, _with_new), yes)


def _certificates(files: Iterable[BinaryIO]) -> tuple[str, ...]:
    """The certificates in these files, as the list has them. Raises as `certificates.from_pem`."""
    encoded: list[str] = []
    for file in files:
        from keys import certificates  # only here: most issuers have a DID

        encoded.append(b64encode(certificates.from_pem(file.read(LARGEST_PEM)).der).decode())
    return tuple(encoded)


def _with_kinds(session: Session, new: Trust, did: str) -> Trust:
    """A new issuer with the kinds that its log shows. Without them it can be recognised all the same."""
    try:
        return new.with_kinds(did, session.kinds(did, new))
    except NotShown as problem:
        say(
            tr("Its kinds of credential could not be had: {why}").format(why=printable(sentence(problem))),
            tr("To ask for them later: {command}").format(command=typed("trust", "add", did)),
        )
        return new


def _add_kinds(session: Session, trust_list: Trust, did: str, yes: bool) -> Result:
    """Shows which kinds an issuer's log has that the list has not, asks, and adds them."""
    new = session.kinds(did, trust_list)
    if not new:
        say(tr("Your list has all kinds of credential that the issuer's log shows."))
        return Result({"added": []}, "")
    (issuer,) = (issuer for issuer in trust_list.issuers if issuer.id == did)
    say(f"{printable(issuer.name) or tr('(no name)')}  {did}", *kinds_of(replace(issuer, kinds=new)))
    if not agreed(tr("Are these to be believed?"), yes):
        raise Declined("nothing was added")
    update_trust(session.trust_file, lambda trust: trust.with_kinds(did, new))
    say(tr("On the trust list now."))
    return Result({"added": [did]}, "")


def _joined(session: Session) -> Callable[[Trust, Trust], Trust]:
    """Adds a file to the list; asks the log of an issuer whose document differs once, if at all."""
    versions = functools.cache(session.versions)
    return lambda known, new: known.joined(new, versions)


def _with_new(trust_list: Trust, new: Trust) -> Trust:
    """With an issuer that was typed, and its log. Raises `Conflict` where it is there already."""
    (issuer,) = new.issuers
    if trust_list.issuer(issuer.id) is not None:
        raise Conflict.saying(
            "{issuer} is on your list already",
            issuer=issuer.id,
            hint="To say something else of it: `intaglio trust remove DID`, then add it again.",
        )
    return trust_list.adding(issuer, *new.logs)


def _keep(session: Session, newcomers: Newcomers, yes: bool) -> Result:
    """Shows who is new, asks, and writes the list; what cannot be added is said before anything is asked."""
    trust_list = Trust.load(session.trust_file)
    after = newcomers.added_to(trust_list)
    for newcomer in newcomers.introduced_to(trust_list):
        quoted = tr('"{name}"').format(name=claimed(newcomer.name)) if newcomer.name else tr("(no name)")
        say(
            f"{quoted}  {newcomer.id}",
            *newcomer.remarks,
            tr("fingerprint: {digits}").format(digits=newcomer.fingerprint),
        )
    for sentences in (*shared_logs(trust_list, after), *stricter_quorums(trust_list, after)):
        say(*sentences)
    if not agreed(tr("Is that whom you mean, and is the fingerprint the one that they have?"), yes):
        raise Declined("nothing was added")
    update_trust(session.trust_file, newcomers.added_to)
    added = [issuer.id for issuer in newcomers.new.issuers]
    say(tr("On the trust list now."))
    return Result({"added": added}, "")


def recognise(session: Session, trust_file: bytes) -> None:
    """Asks whether the issuer in a folder from elsewhere is recognised, by the trust file that it would give.

    Without a terminal, or where the list says something else of it, the list stays as it is.
    """
    handed, trust_list = Trust.parse(trust_file), Trust.load(session.trust_file)
    (issuer,) = handed.issuers
    speaking = {log.key for log in trust_list.logs if issuer.id in log.issuers}
    if trust_list.issuer(issuer.id) is not None and {log.key for log in handed.logs} <= speaking:
        return  # whatever else the folder says of it, such as that it has closed, nobody asked it
    new = Trust((replace(issuer, reason=tr("in a folder from elsewhere")),), handed.logs)
    by_hand = tr("To put it there: intaglio issuer trust > FILE, then intaglio trust add FILE")
    try:
        trust_list.joined(new)
        if sys.stdin.isatty():
            _keep(session, Newcomers(new, Trust.joined, handed), False)
            return
    except Conflict as problem:  # it differs from the list, or has another issuer's name
        say(headed(problem), remedy(problem))
    except Declined:
        pass
    say(
        tr("This issuer is not on your trust list: {name}  {did}").format(
            name=claimed(issuer.name), did=printable(issuer.id)
        ),
        tr("fingerprint: {digits}").format(digits=handed.fingerprint(issuer.id)),
        by_hand,
    )


def _require_known(types: tuple[str, ...], session: Session) -> None:
    """Refuse a word for a type that nothing here defines: what the issuer makes would stay undecided."""
    if not types:
        return
    from vc.vcdm import jsonld  # only here: most entries name no types

    contexts = session.contexts()
    for kind in types:
        try:
            jsonld.type_name(kind, contexts)
        except jsonld.UnknownType as problem:
            raise Refused.saying(
                "{why}",
                why=problem,
                hint="Give its IRI, or put the context that defines the word into `contexts` of your home.",
            ) from None


def _require_resolvable(did: str, session: Session) -> None:
    """Raises the problem by which no key of this DID or URL can ever be found, unless the list has one."""
    if not did.startswith(("did:", "https://")):
        raise Refused.saying(
            "the keys of {name} cannot be looked up", name=shortened(did), hint="Pin one: --key z…"
        )
    try:
        Resolver(session.methods, NoFetcher()).resolve(did)
    except Unavailable:
        pass
    except MethodNotSupported as problem:
        raise Refused.saying(
            "{why}",
            why=problem,
            hint="Pin its key (--key z…) or its log (--log), or add the trust file that the issuer gives.",
        ) from None


@verb(trust)
@click.argument("origin", metavar="LOG")
@click.argument("rule")
def require(session: Session, origin: str, rule: str) -> Result:
    """Require ledgers to have what LOG holds: RULE names them.

    RULE is one ledger, such as eip155:1, or so many of several: "1 of (eip155:1, eip155:10)". Instead of a
    number it may have `all` or `any`, and groups in groups. `witnesses` is the quorum of the log's witnesses.
    `none` requires none.
    """
    requirement = None if rule == "none" else Requirement.parse(rule)

    def change(trust: Trust) -> Trust:
        named = [log for log in trust.logs if log.origin == origin]
        if not named:
            raise NotFound.saying("no log {log} is on your trust list", log=shortened(origin))
        names = requirement.names if requirement else frozenset()
        for log in named:
            ledgers = {ledger.where for ledger in log.ledgers} | ({WITNESSES} if log.quorum else set())
            for name in sorted(names - ledgers):
                raise NotFound.saying(
                    "your list does not have the log {log} on {ledger}",
                    log=shortened(origin),
                    ledger=shortened(name),
                    hint="For a chain: `intaglio trust chain add` names it there; "
                    "for `witnesses`: `intaglio trust witness add --quorum`.",
                )
        logs = (replace(log, requires=requirement) if log in named else log for log in trust.logs)
        return Trust(trust.issuers, tuple(logs))

    update_trust(session.trust_file, change)
    text = tr("{log}: nothing is required") if requirement is None else tr("{log}: required is {ledgers}")
    shown = text.format(log=printable(origin), ledgers=requirement and required(requirement))
    return Result({"log": origin, "requires": None if requirement is None else str(requirement)}, shown)


@verb(trust)
@click.argument("name_or_id", metavar="DID|URL|NAME")
def remove(session: Session, name_or_id: str) -> Result:
    """Take an issuer off the list, by its DID, its URL or its name there."""
    issuers = Trust.load(session.trust_file).issuers
    by_name = [issuer.id for issuer in issuers if issuer.name == name_or_id]
    # An id goes first: anybody may call itself by the id of another.
    is_id = any(issuer.id == name_or_id for issuer in issuers)
    did = by_name[0] if len(by_name) == 1 and not is_id else name_or_id
    update_trust(session.trust_file, lambda trust: trust.removing(did))
    say(tr("{did} is off the trust list").format(did=did))
    return Result({"removed": [did]}, "")
