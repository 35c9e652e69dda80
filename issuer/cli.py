"""`intaglio issuer …`: results on stdout, talk on stderr, secrets by prompt or file, never as arguments."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple, NoReturn, Protocol

import click

from wire.terminal import Folder, Result, passphrase, required_passphrase, say, verb
from wire.text import counted

from . import diploma_cli, issue_cli, text
from .clock_cli import clock
from .home import Identity
from .issue import Issuer
from .serve_cli import claim, serve

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


class Place(NamedTuple):
    """The issuer's folder, and the program around it."""

    folder: Path
    session: Session

    def open(self) -> Issuer:
        """The issuer that lives here. Raises `NotFound`."""
        return Issuer(self.folder, functools.cache(lambda: passphrase("Issuer passphrase")), self.session.now)

    def create(self, name: str | None, url: str | None, method: str | None) -> Issuer:
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
            passphrase=functools.cache(lambda: passphrase(prompt, new=not exists)),
            clock=self.session.now,
        )
        if not exists:
            say(*text.introduction(issuer))
        self.session.pin(issuer.trust_entry())
        return issuer


@click.group()
@click.option("--home", type=Folder(), help="The issuer's folder.")
@click.pass_context
def issuer(ctx: click.Context, home: Path | None) -> None:
    """Issue diplomas from a CSV, revoke and correct them."""
    session: Session = ctx.obj
    ctx.obj = Place(home or session.home / "issuer", session)


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
    entry = place.open().trust_entry()
    data = {"issuers": [entry["issuer"]], "logs": [entry["log"]]}
    return Result(data, json.dumps({"version": 1, **data}, indent=2))


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
def publish(place: Place) -> Result:
    """Sign and write the lists that are new, changed, gone or soon to expire."""
    made = place.open()
    numbers = made.lists.publish(now=place.session.now(), anew=True)
    folder = place.folder / "status"
    if made.identity.url:
        say(f"Copy {folder} to {made.identity.url}/status/")
    data = {"published": numbers, "folder": str(folder)}
    return Result(data, f"{counted(len(numbers), 'list')} published in {folder}")


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
