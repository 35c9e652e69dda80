"""`intaglio ledger anchor …`: have other ledgers take the log's checkpoints, and see what they have."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import click

from ledger.anchors import anchor_kind
from ledger.outbox import Destination, Outbox, Submission
from ledger.submitting import Round, look_after, turn
from wire import Problem
from wire.datetimestamp import parse_age
from wire.text import printable

from ..terminal import Age, Result, say, verb, wrapped
from ..words import headed, remedy, tr, tr_count
from .log_folder import LogFolder

_PARTLY = 7


@click.group()
def anchor() -> None:
    """Have other ledgers take the log's checkpoints, by whose time they were there."""


@verb(anchor)
@click.argument("name")
@click.option(
    "--every", type=Age(), default="1d", show_default=True, help="Send one in that time at the most."
)
@click.option(
    "--rpc-file",
    type=click.Path(exists=True, dir_okay=False),
    help="Of a chain: the file with the addresses of its nodes, which only you may read.",
)
@click.option("--owner", metavar="0x…", help="Of a chain: whose key, kept cold, says who may anchor there.")
@click.option(
    "--contract", metavar="0x…|new", help="Of a chain: the contract that is there, or another one, made now."
)
@click.option("--fee-key", metavar="URI", help="Of a chain: the key that pays, file:/path#name.")
@click.option("--fee-cap", metavar="GWEI", help="Of a chain: what a unit of gas may cost; else 100.")
@click.option(
    "--depth", metavar="BLOCKS", help="Of a chain whose nodes do not say what is final: when it is."
)
def add(place: LogFolder, name: str, every: str, **options: str | None) -> Result:
    """Name a ledger that is to take the log's checkpoints, if it is a chain by CAIP-2.

    One that is named already is reached as is said now.
    """
    outbox, kind, sender = Outbox(place.folder), anchor_kind(name, place.anchors), place.sender()
    settings = {option.replace("_", "-"): value for option, value in options.items() if value is not None}
    before = [kind.trusted(name, each.settings) for each in outbox.destinations() if each.name == name]
    with turn(outbox):
        outbox.add(name, parse_age(every), kind.begin(name, settings, sender), place.now())
    (added,) = (each for each in outbox.destinations() if each.name == name)
    trusted = kind.trusted(name, added.settings)
    if trusted is not None and before != [trusted]:
        say(
            tr("The issuer's trust file, and so its fingerprint, is another one now. Hand it out anew:"),
            "intaglio issuer trust",
        )
    return Result(_named(added), "\n".join(_settings(added)))


@verb(anchor)
def list_(place: LogFolder) -> Result:
    """Show the ledgers that take the log's checkpoints, and how they are reached."""
    destinations = _destinations(Outbox(place.folder))
    lines = [line for each in destinations for line in _settings(each)]
    return Result({"anchors": [_named(each) for each in destinations]}, "\n".join(lines))


@verb(anchor)
def run(place: LogFolder) -> Result:
    """Send what is due, collect what is there, and look whether what was there is there still.

    For a timer, once an hour. Nothing that issues waits for it.
    """
    outbox = Outbox(place.folder)
    anchors, lines, problems = [], list[str](), list[Problem]()
    _destinations(outbox)
    for outcome in look_after(place.sender(), place.now, place.anchors):
        waiting = outbox.waiting(outcome.destination)
        anchors.append(_made(outcome, waiting))
        lines += _came_of(outcome, waiting)
        if outcome.problem is not None:
            problems.append(outcome.problem)
            say(f"{outcome.destination.name}: {headed(outcome.problem)}", remedy(outcome.problem))
    code = 0
    if problems:
        code = _PARTLY if len(problems) < len(anchors) else 3 if problems[0].undetermined else 1
    return Result({"anchors": anchors}, "\n".join(lines), code)


@verb(anchor)
def status(place: LogFolder) -> Result:
    """Show what each ledger has, what waits for it, and what it has lost. Nobody is asked."""
    outbox, size = Outbox(place.folder), place.open().checkpoint().size
    anchors, lines = [], list[str]()
    for each in _destinations(outbox):
        there, waiting, gone = outbox.newest(each), outbox.waiting(each), outbox.gone(each)
        anchors.append(
            {
                "name": each.name,
                "seen": each.seen.isoformat(),
                "anchored": there and {"size": there.checkpoint.size, "time": _iso(there.anchored)},
                "waiting": waiting and {"size": waiting.checkpoint.size, "time": _iso(waiting.taken)},
                "gone": [{"size": lost.checkpoint.size, "time": _iso(lost.gone)} for lost in gone],
            }
        )
        lines += _state(each.name, there, waiting, gone)
    return Result(
        {"size": size, "anchors": anchors},
        "\n".join([tr_count("the log has {count} entry", "the log has {count} entries", size), *lines]),
    )


def _destinations(outbox: Outbox) -> list[Destination]:
    destinations = outbox.destinations()
    if not destinations:
        say(tr("No ledger is named yet. Name one: intaglio ledger anchor add NAME"))
    return destinations


def _named(destination: Destination) -> dict[str, Any]:
    return {
        "name": destination.name,
        "every": _age(destination.every),
        "settings": dict(destination.settings),
    }


def _settings(destination: Destination) -> Iterator[str]:
    """The settings of a destination, in lines for people."""
    yield tr("{ledger}: one checkpoint in {interval} at the most").format(
        ledger=destination.name, interval=_age(destination.every)
    )
    settings = destination.settings
    texts = {
        "contract": tr("its contract: {value}"),
        "since": tr("looked for from block {value} on"),
        "owner": tr("its owner, who says which account may anchor: {value}"),
        "account": tr("the account that pays: {value}"),
        "feeKey": tr("the key of that account: {value}"),
        "feeCap": tr("paid for a unit of gas at the most: {value} gwei"),
        "cost": tr("the contract cost: {value}"),
        "depth": tr("final after {value} blocks"),
        "nodes": tr("the addresses of its nodes are in {value}"),
    }
    for name, text in texts.items():  # what another kind of ledger has is in --json
        if settings.get(name):
            yield wrapped(printable(f"    {text.format(value=settings[name])}"), 6)
    for former in settings.get("former", ()):
        text = tr("a former contract, whose evidence stays good: {value}")
        yield wrapped(printable(f"    {text.format(value=former['contract'])}"), 6)


def _made(outcome: Round, waiting: Submission | None) -> dict[str, Any]:
    return {
        "name": outcome.destination.name,
        "anchored": [checkpoint.size for checkpoint in outcome.anchored],
        "gone": [checkpoint.size for checkpoint in outcome.gone],
        "waiting": waiting and waiting.checkpoint.size,
        "problem": outcome.problem and outcome.problem.to_dict(),
    }


def _came_of(outcome: Round, waiting: Submission | None) -> Iterator[str]:
    name = outcome.destination.name
    for checkpoint in outcome.gone:
        yield _told(tr("{ledger} has lost the checkpoint of {entries}"), name, checkpoint.size)
    for checkpoint in outcome.anchored:
        yield _told(tr("{ledger} has the checkpoint of {entries} now"), name, checkpoint.size)
    if waiting is not None:
        yield _told(tr("{ledger}: the checkpoint of {entries} is on its way"), name, waiting.checkpoint.size)
    elif not outcome.anchored and outcome.problem is None:
        yield tr("{ledger}: nothing is due").format(ledger=name)


def _state(
    name: str, there: Submission | None, waiting: Submission | None, gone: list[Submission]
) -> Iterator[str]:
    if there is None:
        yield tr("{ledger}: has nothing yet").format(ledger=name)
    else:
        text = tr("{ledger}: has the checkpoint of {entries}, since {time}")
        yield _told(text, name, there.checkpoint.size, there.anchored)
    if waiting is not None:
        text = "    " + tr("the checkpoint of {entries} waits, since {time}")
        yield _told(text, name, waiting.checkpoint.size, waiting.taken)
    for lost in gone:
        text = "    " + tr("the checkpoint of {entries} is gone from there, found at {time}")
        yield _told(text, name, lost.checkpoint.size, lost.gone)


def _told(text: str, name: str, size: int, moment: datetime | None = None) -> str:
    entries = tr_count("{count} entry", "{count} entries", size)
    time = f"{moment:%Y-%m-%d %H:%M}Z" if moment else ""
    return wrapped(text.format(ledger=name, entries=entries, time=time), 6)


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None


def _age(interval: timedelta) -> str:
    hours = interval // timedelta(hours=1)
    return f"{hours}h" if hours % 24 else f"{hours // 24}d"
