"""`intaglio doctor`: what is wrong with this set-up."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import click

from wire import Problem
from wire.consent import NotAgreed
from wire.health import Finding, Health
from wire.text import printable

from ..session import Session
from ..terminal import Folder, Result, as_typed, verb, wrapped
from ..words import health, tr


@verb()
@click.option("--in", "folder", type=Folder(), help="Look, too, at what the files of this folder name.")
def doctor(session: Session, folder: Path | None) -> Result:
    """Explain what is wrong with this set-up. Exit code 3: not all could be looked at."""
    if folder and not folder.is_dir():
        raise click.BadParameter(f"there is no folder {folder}", param_hint="--in")
    return told_of(_findings(session, folder))


def told_of(findings: Iterable[Finding]) -> Result:
    """The output of a command whose result is findings."""
    rows = [(item, _told(item)) for item in findings]
    unseen = sum(item.is_open for item, _ in rows)
    wrong = sum(item.health is Health.FAILED for item, _ in rows) - unseen
    lines = [
        wrapped(f"{words['mark']} {printable(words['finding'])}", 2)
        + (f"\n{wrapped(f'    {printable(then)}', 4)}" if (then := words["remedy"]) else "")
        for _, words in rows
    ]
    if wrong:
        lines.append(tr("Something is wrong; see above."))
    elif unseen:
        lines.append(tr("Not all could be looked at; see above."))
    else:
        lines.append(tr("Nothing is wrong."))
    return Result(
        {"wrong": wrong, "unseen": unseen, "findings": [data_of(item) for item, _ in rows]},
        "\n".join(lines),
        1 if wrong else 3 if unseen else 0,
    )


def _told(item: Finding) -> dict[str, str]:
    """A finding as words for a person."""
    return {
        "mark": health.MARKS[item.health],
        "finding": health.found(item),
        "remedy": as_typed(health.remedy(item)),
    }


def data_of(item: Finding) -> dict[str, Any]:
    """A finding as data for a program, with its words."""
    data: dict[str, Any] = {"code": item.code, "facts": dict(item.facts)}
    problem = {} if item.problem is None else {"problem": item.problem.to_dict()}
    return {**data, **problem, **_told(item)}


def _findings(session: Session, folder: Path | None) -> Iterator[Finding]:
    if importlib.util.find_spec("nacl") is None:
        yield Finding.warned("signing-is-slow")
    places = [place for place in (session.home / "issuer", folder) if place is not None]
    examined: list[Callable[[Session], Iterator[Finding]]] = [
        partial(_named, folder=place) for place in places
    ]
    if not session.home.exists():
        yield Finding.passed("home-missing", home=str(session.home))
    else:
        if session.home.stat().st_mode & 0o077:
            yield Finding.warned("home-open", home=str(session.home))
        examined = [_trust, _digests, *examined, _issuer, _anchors, _witnesses, _hub, _wallet]
    for examine in examined:
        try:
            yield from examine(session)
        except NotAgreed:
            continue  # `_named` has told it
        except Problem as problem:
            yield Finding.of(problem)
        except OSError as error:
            yield Finding.unread(error, session.home)


def _named(session: Session, folder: Path) -> Iterator[Finding]:
    """Addresses in a folder's files that nobody has agreed to, each with its digest."""
    from issuer.keeping.named import named_in

    consent = session.consent(folder, asks=False)
    if consent.is_own:
        return
    for named in dict.fromkeys(named_in(folder)):
        try:
            consent.require(named)
        except NotAgreed as problem:
            yield Finding.of(problem)
        else:
            yield Finding.passed("named-agreed", folder=str(folder), named=named)


def _trust(session: Session) -> Iterator[Finding]:
    from verifier.health import examine_trust

    yield from examine_trust(session.trust_file)
    session.schemas(), session.contexts()  # where they cannot be used, nothing is verified


def _digests(session: Session) -> Iterator[Finding]:
    if session.digest_folder.is_dir():
        from verifier.health import examine_digests

        yield from examine_digests(session.digests, session.now())


def _issuer(session: Session) -> Iterator[Finding]:
    home = session.home / "issuer"
    if any((home / name).exists() for name in ("issuer.json", "issuer.sqlite", "store.json")):
        from issuer.keeping.health import examine_issuer

        consent = session.consent(home, asks=False)
        yield from examine_issuer(
            home,
            session.now(),
            engines=consent.engines(),
            shard_stores=consent.shard_stores(),
            status_kinds=session.status_kinds,
        )


def _anchors(session: Session) -> Iterator[Finding]:
    from ledger.outbox import Outbox

    home = session.home / "issuer"
    if Outbox(home).destinations():
        from ledger.health import examine_outbox

        from .log_folder import LogFolder

        consent = session.consent(home, asks=False)
        anchors = consent.anchors(session.anchors)
        folder = LogFolder(home, session.now, False, anchors, consent)
        yield from examine_outbox(folder.sender(), session.now(), folder.anchors)


def _witnesses(session: Session) -> Iterator[Finding]:
    from ledger.cosigned import Cosigned

    home = session.home / "issuer"
    if (cosigned := Cosigned(home)).witnesses():
        from ledger.folder import newest_checkpoint
        from ledger.health import examine_witnesses

        engines = session.consent(home, asks=False).engines()
        yield from examine_witnesses(cosigned, newest_checkpoint(home, engines=engines).size)


def _hub(session: Session) -> Iterator[Finding]:
    if (session.home / "hub").exists():
        from hub.health import examine_hub

        yield from examine_hub(session.home / "hub")


def _wallet(session: Session) -> Iterator[Finding]:
    if (session.home / "wallet").exists():
        from holder.health import examine_wallet

        yield from examine_wallet(session.home / "wallet")
