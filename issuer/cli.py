"""`intaglio issuer …`: results on stdout, talk on stderr, secrets by prompt or file, never as arguments."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, NoReturn, Protocol

import click

from wire.datetimestamp import format_datetimestamp
from wire.problem import Declined, Problem
from wire.terminal import Folder, Result, agreed, passphrase, required_passphrase, say, typed, verb
from wire.text import counted

from . import diploma_cli, issue_cli, text
from .clock_cli import clock
from .home import Identity
from .issue import Issuer
from .serve_cli import claim, lifetime_option, serve
from .status import due, next_due, overdue

BACKUP = "INTAGLIO_BACKUP_PASSPHRASE_FILE"
"""Names the file with the passphrase of a backup, which is another than that of the keys."""


class Session(Protocol):
    """What this command line needs of the program around it."""

    @property
    def home(self) -> Path:
        """The place of everything; the issuer lies in `issuer/` there."""

    def now(self) -> datetime:
        """The time."""

    def pin(self, entry: Mapping[str, Any]) -> None:
        """Puts an issuer of this machine on the local trust list."""

    def sentence(self, document: Mapping[str, Any], issuer: str) -> str:
        """What a verifier who knows the issuer by this name says of a credential first."""

    def fingerprint(self, trust_file: bytes) -> str:
        """What others see who add the trust file of an issuer of this machine."""


@dataclass
class Place:
    """The issuer's folder, and the program around it."""

    folder: Path
    session: Session
    _issuer: Issuer | None = None
    """The one that was opened here."""

    @property
    def contexts(self) -> Path | None:
        """The folder of the deployment's own contexts, if it has one."""
        folder = self.session.home / "contexts"
        return folder if folder.is_dir() else None

    def open(self) -> Issuer:
        """The issuer that lives here. Raises `NotFound`."""
        ask = functools.cache(lambda: passphrase("Issuer passphrase"))
        self._issuer = Issuer(self.folder, ask, self.session.now, contexts=self.contexts)
        return self._issuer

    def renew(self) -> None:
        """Signs the status lists that are due, if the keys are open anyway; where that fails, it is said."""
        made, now = self._issuer, self.session.now()
        if made is None or not made.keys.is_open or not due(made.store, made.identity, now):
            return
        old = overdue(made.store, made.identity, now)
        try:
            made.lists.publish(now=now)
        except (Problem, OSError) as error:
            say(
                f"Status lists are due and could not be signed: {error}", typed("issuer", "status", "publish")
            )
            return
        if old:
            say("Status lists were past half of their life, and are signed anew.", *text.to_publish(made))

    def create(
        self, name: str | None, url: str | None, method: str | None, key_type: str | None = None
    ) -> Issuer:
        """Makes the issuer, or opens it, and puts it on the local trust list."""
        exists = (self.folder / "issuer.json").exists()
        if name is None:
            known = exists or (self.folder / "log").exists()  # where its description is lost, that is said
            name = Identity.read(self.folder).name if known else _nobody()
        prompt = "Issuer passphrase" if exists else "Passphrase for the issuer's keys (empty: none)"
        issuer = Issuer.create(
            self.folder,
            name=name,
            url=url,
            method=method,
            key_type=key_type,
            passphrase=functools.cache(lambda: passphrase(prompt, new=not exists)),
            clock=self.session.now,
            contexts=self.contexts,
        )
        if not exists:
            say(*text.introduction(issuer))
        self.session.pin(issuer.trust_entry())
        self._issuer = issuer
        return issuer


@click.group()
@click.option("--home", type=Folder(), help="The issuer's folder.")
@click.pass_context
def issuer(ctx: click.Context, home: Path | None) -> None:
    """Issue diplomas from a CSV, revoke and correct them."""
    session: Session = ctx.obj
    ctx.obj = Place(home or session.home / "issuer", session)


@issuer.result_callback()
@click.pass_obj
def _renew(place: Place, /, code: int, **_: object) -> int:
    """Whoever opened the keys keeps the status lists alive, too."""
    place.renew()
    return code


@verb(issuer)
@click.argument("file", type=click.Path(path_type=Path))
def backup(place: Place, file: Path) -> Result:
    """Write the whole issuer into one encrypted file."""
    from .backup import backup as write

    write(place.folder, file, required_passphrase("Passphrase for the backup", BACKUP, new=True))
    say("Keep the file elsewhere, and its passphrase apart from it.")
    return Result({"file": str(file)}, str(file))


@verb(issuer)
@click.argument("file", type=click.Path(path_type=Path))
def restore(place: Place, file: Path) -> Result:
    """Bring an issuer back from a backup. An existing one is never overwritten."""
    from .backup import restore as read

    read(file, place.folder, required_passphrase("Passphrase of the backup", BACKUP))
    place.session.pin(place.open().trust_entry())
    say(
        "The issuer is restored as it was at the backup.",
        "If anything was issued after it, do not go on with this copy: its log would contradict the other.",
    )
    return Result({"folder": str(place.folder)}, str(place.folder))


@verb(issuer)
def trust(place: Place) -> Result:
    """Print the trust file by which others recognise this issuer. They read it: intaglio trust add FILE."""
    return _trust_file(place.open(), place.session)


def _trust_file(made: Issuer, session: Session) -> Result:
    entry = made.trust_entry()
    members, closed = entry["issuer"], made.identity.closed
    if closed:
        members = {**members, "closed": closed}
    data = {"version": 2 if closed else 1, "issuers": [members], "logs": [entry["log"]]}
    printed = json.dumps(data, indent=2)
    say(f"Its fingerprint, for those who add it to compare: {session.fingerprint(printed.encode())}")
    return Result(data, printed)


@verb(issuer)
@click.option("--yes", is_flag=True, help="Do not ask, even at a terminal.")
def close(place: Place, yes: bool) -> Result:
    """Close the issuer for good: sign all status lists a last time, and print the trust file that says so.

    Afterwards nothing is issued, corrected, claimed or revoked here. With that trust file, the lists of the
    closing have no end.
    """
    made = place.open()
    if made.identity.closing is None and not agreed(
        f"Close {made.name} for good? It can issue, correct and revoke nothing afterwards.", yes
    ):
        raise Declined("nothing was closed")
    day = made.close()
    place.session.pin(made.trust_entry())
    say(f"{made.name} closed on {day:%Y-%m-%d}; its last status lists are in {made.home / 'status'}.")
    if made.identity.url:
        say(*text.to_publish(made), "and leave them there for as long as anybody may ask.")
    say("Hand out all bundles anew, with these lists in them:", typed("issuer", "export"))
    say("Hand out the trust file that is printed here: by it, the lists have no end; else they have a year.")
    return _trust_file(made, place.session)


@verb(issuer)
def password(place: Place) -> Result:
    """Seal the issuer's keys under a passphrase, or change it."""
    variable = "INTAGLIO_NEW_PASSPHRASE_FILE"
    place.open().keys.change_passphrase(lambda: required_passphrase("New passphrase", variable, new=True))
    say("Changed. Backups and other copies made before still open as they did.")
    return Result({"changed": True}, "")


@issuer.group()
def status() -> None:
    """The published status lists."""


@verb(status)
@lifetime_option
def publish(place: Place, status_lifetime: str | None) -> Result:
    """Sign and write the lists that are new, changed, gone, or past half of their life."""
    made = place.open()
    if status_lifetime:
        made.identity = Identity.change(made.home, status_lifetime=status_lifetime)
    numbers = made.lists.publish(now=place.session.now(), anew=True)
    folder = place.folder / "status"
    if made.identity.url:
        say(*text.to_publish(made))
    data: dict[str, Any] = {"published": numbers, "folder": str(folder), "due": None, "end": None}
    words = f"{counted(len(numbers), 'list')} published in {folder}"
    if made.identity.closed:
        words += "; the issuer has closed, and no further ones are due"
    elif times := next_due(made.store, made.identity):
        due, end = times
        data |= {"due": format_datetimestamp(due), "end": format_datetimestamp(end)}
        words += f"; the next is due by {due:%Y-%m-%d}, and ends on {end:%Y-%m-%d}"
    return Result(data, words)


for verbs in (issue_cli.verbs, diploma_cli.verbs):
    issuer.commands.update(verbs.commands)
issuer.add_command(claim)
issuer.add_command(clock)
issuer.add_command(serve)


def _nobody() -> NoReturn:
    raise click.UsageError(
        "Who issues? There is no issuer here yet: name the institution as it shall stand on its diplomas, "
        '--name "…".'
    )
