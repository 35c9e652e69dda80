"""`intaglio trust mirror`: where to ask for a log, and what lies beside it, once its own host is gone."""

from __future__ import annotations

from dataclasses import replace

import click

from verifier import RecognisedLog, update_trust
from wire import Conflict, NotFound
from wire.text import printable, shortened

from ..session import Session
from ..terminal import Result, verb
from ..words import tr
from .trust_witness import with_changed


@click.group()
def mirror() -> None:
    """Say which hubs have a copy of a log."""


@verb(mirror)
@click.argument("origin", metavar="LOG")
@click.argument("url")
def add(session: Session, origin: str, url: str) -> Result:
    """Ask a mirror where the host of LOG does not answer, by its address, which `hub status` shows.

    Nothing is believed because a mirror says it. It learns what is asked for.
    """

    def change(log: RecognisedLog) -> RecognisedLog:
        if url in log.mirrors:
            raise Conflict.saying("{url} is a mirror of {log} already", url=shortened(url), log=log.origin)
        return replace(log, mirrors=(*log.mirrors, url))

    update_trust(session.trust_file, lambda trust: with_changed(trust, origin, change))
    text = tr("{url} is asked where the host of {log} does not answer")
    return Result({"log": origin, "mirror": url}, text.format(url=printable(url), log=origin))


@verb(mirror)
@click.argument("origin", metavar="LOG")
@click.argument("url")
def remove(session: Session, origin: str, url: str) -> Result:
    """Ask a mirror of LOG no longer."""

    def change(log: RecognisedLog) -> RecognisedLog:
        if url not in log.mirrors:
            raise NotFound.saying(
                "{url} is no mirror of {log} on your list", url=shortened(url), log=log.origin
            )
        return replace(log, mirrors=tuple(other for other in log.mirrors if other != url))

    update_trust(session.trust_file, lambda trust: with_changed(trust, origin, change))
    text = tr("{url} is asked no longer")
    return Result({"log": origin, "removed": url}, text.format(url=printable(url)))
