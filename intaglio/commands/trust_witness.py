"""`intaglio trust witness`: whose lines the checkpoints of a log need before you believe them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import BinaryIO

import click

from ledger.note import fingerprint, vkey_name
from ledger.quorum import parse_rule
from ledger.tlog_policy import LARGEST, format_policy, parse_policy
from verifier import RecognisedLog, Trust, update_trust
from verifier.sources.trust_entries import RecognisedWitness, written
from wire import Conflict, Declined, NotFound
from wire.text import printable, shortened

from ..recognition import witnesses_of
from ..session import Session
from ..terminal import Result, agreed, say, verb
from ..words import tr

_QUORUM = click.option(
    "--quorum",
    metavar="RULE",
    help='How many are needed from now on, such as 2 or "2 of (a, 1 of (b, c))"; none for none.',
)


@click.group()
def witness() -> None:
    """Say which witnesses have to see a log, and how many of them."""


@verb(witness)
@click.argument("origin", metavar="LOG")
@click.argument("vkey")
@click.option("--operator", default="", help="Who runs it, where that one runs another witness, too.")
@_QUORUM
@click.option("--yes", is_flag=True, help="Do not ask, even at a terminal.")
def add(session: Session, origin: str, vkey: str, operator: str, quorum: str | None, yes: bool) -> Result:
    """Add a witness of LOG, by its verifier key.

    Compare the fingerprint with whoever runs the witness, by a way that you trust. All witnesses of one
    operator count once, and so does the key of its mirror.
    """
    rule = None if quorum is None else parse_rule(quorum)

    def change(log: RecognisedLog) -> RecognisedLog:
        if vkey in _vkeys(log):
            raise Conflict.saying(
                "{witness} is a witness of {log} already", witness=vkey_name(vkey), log=log.origin
            )
        entry = RecognisedWitness(vkey, operator) if operator else vkey
        return replace(log, witnesses=(*log.witnesses, entry), quorum=log.quorum if rule is None else rule)

    def changed(trust: Trust) -> Trust:
        return with_changed(trust, origin, change)

    after = changed(Trust.load(session.trust_file))
    name = printable(vkey_name(vkey))
    say(name, tr("fingerprint: {digits}").format(digits=_fingerprint(vkey)))
    for log in named_logs(after, origin):
        say(*witnesses_of(log))
    if not agreed(tr("Is that the witness that you mean, and is the fingerprint the one that it has?"), yes):
        raise Declined("nothing was added")
    update_trust(session.trust_file, changed)
    return Result(
        {"log": origin, "witness": vkey},
        tr("{witness} is a witness of {log}").format(witness=name, log=origin),
    )


@verb(witness)
@click.argument("origin", metavar="LOG")
@click.argument("name", metavar="WITNESS")
@_QUORUM
def remove(session: Session, origin: str, name: str, quorum: str | None) -> Result:
    """Take a witness of LOG off the list, by its name or its verifier key."""
    rule = None if quorum is None else parse_rule(quorum)

    def change(log: RecognisedLog) -> RecognisedLog:
        kept = [
            entry
            for entry, vkey in zip(log.witnesses, _vkeys(log), strict=True)
            if name not in (vkey, vkey_name(vkey))
        ]
        if len(kept) == len(log.witnesses):
            raise NotFound.saying(
                "{witness} is no witness of {log} on your list", witness=shortened(name), log=log.origin
            )
        return replace(log, witnesses=tuple(kept), quorum=log.quorum if rule is None else rule)

    update_trust(session.trust_file, lambda trust: with_changed(trust, origin, change))
    text = tr("{witness} is no witness of {log} any longer")
    return Result({"log": origin, "removed": name}, text.format(witness=printable(name), log=origin))


@verb(witness)
def list_(session: Session) -> Result:
    """Show the witnesses of each log, how many are needed, and what that tolerates."""
    trust = Trust.load(session.trust_file)
    lines = [
        line
        for log in trust.logs
        for line in (printable(log.origin), *(f"    {detail}" for detail in _said(log)))
    ]
    return Result({"logs": [_shown(log) for log in trust.logs]}, "\n".join(lines))


@verb(witness)
@click.argument("origin", metavar="LOG")
def export(session: Session, origin: str) -> Result:
    """Print the witnesses and the quorum of LOG in the form of C2SP tlog-policy, for other programs."""
    logs = named_logs(Trust.load(session.trust_file), origin)
    policy = format_policy(logs[-1].trusted()).decode("utf-8", "surrogateescape")
    return Result({"log": origin, "policy": policy}, policy.rstrip("\n"))


@verb(witness)
@click.argument("origin", metavar="LOG")
@click.argument("file", type=click.File("rb"))
@click.option("--yes", is_flag=True, help="Do not ask, even at a terminal.")
def import_(session: Session, origin: str, file: BinaryIO, yes: bool) -> Result:
    """Take the witnesses and the quorum of LOG from a FILE in the form of C2SP tlog-policy.

    They take the place of those that your list has.
    """
    policy = parse_policy(file.read(LARGEST + 1))

    def change(log: RecognisedLog) -> RecognisedLog:
        # threat A44: what somebody says of other logs says nothing of this one.
        if policy.logs and log.key not in policy.logs:
            raise NotFound.saying("the policy does not name the log {log}", log=log.origin)
        return replace(log, witnesses=policy.witnesses, quorum=policy.quorum)

    def changed(trust: Trust) -> Trust:
        return with_changed(trust, origin, change)

    for log in named_logs(changed(Trust.load(session.trust_file)), origin):
        say(*_said(log))
    if not agreed(
        tr("Are these the witnesses that you mean, and the fingerprints those that they have?"), yes
    ):
        raise Declined("nothing was changed")
    update_trust(session.trust_file, changed)
    text = tr("{log} has the witnesses of that file").format(log=printable(origin))
    return Result({"log": origin, "witnesses": list(policy.witnesses)}, text)


def _said(log: RecognisedLog) -> list[str]:
    prints = [
        tr("    fingerprint of {witness}: {digits}").format(
            witness=printable(vkey_name(vkey)), digits=_fingerprint(vkey)
        )
        for vkey in _vkeys(log)
    ]
    return [*witnesses_of(log), *prints] or [tr("no witness")]


def _shown(log: RecognisedLog) -> dict[str, object]:
    entry, quorum = written(log), log.trusted().by_operator
    stands: dict[str, object] = {"liars": quorum.overlap - 1, "away": quorum.away} if quorum.rule else {}
    fingerprints = {vkey: _fingerprint(vkey) for vkey in _vkeys(log)}
    members: dict[str, object] = {name: entry[name] for name in ("witnesses", "quorum") if name in entry}
    return {"log": log.origin, **members, **stands, "fingerprints": fingerprints}


def _vkeys(log: RecognisedLog) -> list[str]:
    return [entry if isinstance(entry, str) else entry.key for entry in log.witnesses]


def _fingerprint(vkey: str) -> str:
    return fingerprint(vkey_name(vkey), vkey)


def named_logs(trust: Trust, origin: str) -> list[RecognisedLog]:
    """The logs of a name on the list. Raises `NotFound`."""
    logs = [log for log in trust.logs if log.origin == origin]
    if not logs:
        raise NotFound.saying("no log {log} is on your trust list", log=shortened(origin))
    return logs


def with_changed(trust: Trust, origin: str, change: Callable[[RecognisedLog], RecognisedLog]) -> Trust:
    """The list with all logs of a name changed. Raises `NotFound`, `Malformed`."""
    named = named_logs(trust, origin)
    changed = Trust(trust.issuers, tuple(change(log) if log in named else log for log in trust.logs))
    Trust.parse(changed.to_bytes())
    return changed
