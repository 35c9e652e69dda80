"""`intaglio ledger witness …`: have others cosign the log's checkpoints."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import click

from ledger.cosigned import Cosigned, LogWitness
from ledger.cosigning import Asking, Reply
from ledger.note import VerifierKey, fingerprint
from ledger.problem import LOG_BEHIND
from ledger.quorum import WitnessQuorum
from wire.address import Target
from wire.datetimestamp import parse_age
from wire.text import printable

from ..terminal import Age, Result, say, verb, wrapped
from ..words import headed, remedy, tr, tr_count
from .log_folder import LogFolder

SECONDS = 10.0
"""Most seconds that a run waits, for which nobody waits in turn."""


@click.group()
def witness() -> None:
    """Have others cosign the log's checkpoints, so that it cannot show two versions."""


@verb(witness)
@click.argument("vkey")
@click.argument("url")
def add(place: LogFolder, vkey: str, url: str) -> Result:
    """Ask a witness from now on: its verifier key, and its address, such as https://hub.example/witness.

    Compare the fingerprint with whoever runs it, by a way that you trust.
    """
    key = VerifierKey.parse(vkey)
    Target.parse(url)
    added = Cosigned(place.folder).add(key, url)
    place.consent.keep(added.named)
    compared = fingerprint(key.name, key)
    _say_to_whom_else(place)
    message = tr("{name} is asked from now on\nfingerprint: {fingerprint}")
    return Result(
        {"name": key.name, "key": vkey, "url": added.url, "fingerprint": compared},
        message.format(name=printable(key.name), fingerprint=compared),
    )


@verb(witness)
@click.argument("name", metavar="NAME|VKEY")
def remove(place: LogFolder, name: str) -> Result:
    """Ask a witness no longer. Its lines stay in bundles."""
    Cosigned(place.folder).remove(name)
    _say_to_whom_else(place)
    return Result({"name": name}, tr("{name} is asked no longer").format(name=printable(name)))


@verb(witness)
@click.argument("rule")
@click.option("--every", type=Age(), help="Keep one checkpoint for ever in that time; else in one hour.")
def quorum(place: LogFolder, rule: str, every: str | None) -> Result:
    """Say how many of them are enough: a number, or groups such as "2 of (a, b, 1 of (c, d))".

    As long as nothing is said, all of them are needed.
    """
    cosigned = Cosigned(place.folder)
    cosigned.require(rule, None if every is None else parse_age(every))
    data, lines = _policy(cosigned)
    _say_to_whom_else(place)
    return Result(data, "\n".join(lines))


@verb(witness)
def list_(place: LogFolder) -> Result:
    """Show the witnesses, what each has cosigned, and how many are needed. Nobody is asked."""
    cosigned = Cosigned(place.folder)
    data, lines = _policy(cosigned)
    witnesses = cosigned.witnesses()
    if not witnesses:
        say(tr("No witness is named yet. Name one: intaglio ledger witness add VKEY URL"))
    rows = [_known(each) for each in witnesses]
    return Result(
        {**data, "held": cosigned.size(), "witnesses": rows},
        "\n".join(wrapped(line, 4) for line in (*lines, *map(_line, witnesses))),
    )


@verb(witness)
def run(place: LogFolder) -> Result:
    """Ask all of them at once for their lines on the newest checkpoint.

    For a timer, once a minute or an hour. Nothing that issues waits for it. Exit code 3: too few gave one.
    """
    witnesses, log = place.witnesses(SECONDS), place.open()
    asking = witnesses.ask(log, seconds=SECONDS, waits=True, everyone=True)
    data, lines = _policy(witnesses.cosigned)
    if asking is None:
        say(tr("No witness is named yet. Name one: intaglio ledger witness add VKEY URL"))
        return Result({**data, "size": None, "seen": 0, "witnesses": []}, "")
    for answer in asking.answers:
        if answer.problem is not None:
            say(f"{answer.witness.key.name}: {headed(answer.problem)}", remedy(answer.problem))
    for silent in asking.silent:
        say(tr("{name} has not answered in time").format(name=printable(silent.key.name)))
    seen = len({key.name for key in witnesses.cosigned.signers(asking.checkpoint)})
    size = asking.checkpoint.size
    entries = tr_count("{count} entry", "{count} entries", size)
    message = tr("the log of {entries} is seen by {seen} of {count} witnesses")
    count = data["of"]
    lines = [message.format(entries=entries, seen=seen, count=count), *lines]
    answers = [_answered(answer) for answer in asking.answers]
    return Result(
        {**data, "size": size, "seen": seen, "met": asking.is_met, "witnesses": answers},
        "\n".join(wrapped(line, 4) for line in lines),
        _code(asking),
    )


def _say_to_whom_else(place: LogFolder) -> None:
    """Verifiers go by the witnesses and the quorum that an issuer hands out."""
    if (place.folder / "issuer.json").exists():
        say(
            tr("The issuer's trust file, and so its fingerprint, is another one now. Hand it out anew:"),
            "intaglio issuer trust",
        )


def _code(asking: Asking) -> int:
    behind = any(
        answer.problem is not None and answer.problem.code == LOG_BEHIND.code for answer in asking.answers
    )
    return 1 if behind else 0 if asking.is_met or not asking.checkpoint.size else 3


def _policy(cosigned: Cosigned) -> tuple[dict[str, Any], list[str]]:
    """The rule, and how many liars and absent ones it tolerates, as data and in lines for people."""
    rule, names = cosigned.quorum(), {each.key.name for each in cosigned.witnesses()}
    required = rule.requirement(names)
    data: dict[str, Any] = {"quorum": rule.text or (len(names) or None), "of": len(names)}
    data["lost"] = rule.lost.isoformat() if rule.lost else None
    lines = list[str]()
    if required is not None:
        is_flat = all(isinstance(name, str) for name in required.of)
        quorum = WitnessQuorum(required, tuple(dict.fromkeys(names)))
        # If all lie that two quorums share at least, two versions can have one each.
        liars, away = max(0, quorum.overlap - 1), quorum.away
        data |= {**({"quorum": required.at_least} if is_flat else {}), "liars": liars, "away": away}
        if not is_flat:
            lines.append(tr("needed are {rule}").format(rule=printable(str(required))))
        message = tr("{needed} of {count} are needed: {away} may be away, and {liars} may lie")
        needed, count = required.at_least, len(required.of)
        lines.append(message.format(needed=needed, count=count, liars=liars, away=away))
    if rule.lost is not None:
        lines.append(tr("too few have answered since {time}").format(time=f"{rule.lost:%Y-%m-%d %H:%M}Z"))
    return data, lines


def _known(each: LogWitness) -> dict[str, Any]:
    return {
        "name": each.key.name,
        "key": str(each.key),
        "fingerprint": fingerprint(each.key.name, each.key),
        "url": each.url,
        "size": each.size,
        "time": each.time.isoformat() if each.time else None,
        "problem": each.problem or None,
        "said": each.said,
    }


def _line(each: LogWitness) -> str:
    return printable("".join(_parts(each)))


def _parts(each: LogWitness) -> Iterator[str]:
    yield f"{each.key.name}, {each.url}: "
    if each.time is None:
        yield tr("has cosigned nothing yet")
    else:
        entries = tr_count("{count} entry", "{count} entries", each.size)
        yield tr("has cosigned {entries}, at {time}").format(
            entries=entries, time=f"{each.time:%Y-%m-%d %H:%M}Z"
        )
    if each.problem:
        yield f" ({each.problem})"


def _answered(answer: Reply) -> dict[str, Any]:
    return {
        "name": answer.witness.key.name,
        "time": answer.time.isoformat() if answer.time else None,
        "problem": answer.problem and answer.problem.to_dict(),
    }
