"""`intaglio api`: the VC-API and DID resolution over HTTP, and the tokens that its clients need."""

from __future__ import annotations

import functools
import json
import re
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import click

from ..api.tokens import Right, Tokens
from ..reach import Reach, reach_options
from ..session import Session
from ..terminal import Command, Result, extra, say, verb
from .issuer.place import Place
from .verify import policy_option, read_policy, setting, trust_option

if TYPE_CHECKING:
    from verifier.judge import Judge

    from ..api.issuing import Served

PORT = 8490
_WAITING = 64
_NAME = re.compile("[a-z0-9][a-z0-9-]{0,62}")


@click.group()
def api() -> None:
    """Serve other programs: the VC-API, and DID resolution."""


def _issuers(_ctx: click.Context, _option: click.Parameter, typed: tuple[str, ...]) -> Mapping[str, Path]:
    """NAME=FOLDER, each name once and as a URL takes it."""
    issuers: dict[str, Path] = {}
    for text in typed:
        name, equals, folder = text.partition("=")
        if not equals or not folder or not _NAME.fullmatch(name):
            raise click.BadParameter(f"{text!r} is not NAME=FOLDER, such as uni=~/.intaglio")
        if name in issuers:
            raise click.BadParameter(f"{name} is named twice")
        issuers[name] = Path(folder).expanduser()
    return issuers


@api.command(cls=Command)
@reach_options(PORT, click.option("--url", help="The address at which others reach this."), plain_here=True)
@click.option(
    "--issuer",
    "issuers",
    multiple=True,
    metavar="NAME=FOLDER",
    callback=_issuers,
    help="Issue at /issuers/NAME for the issuer in the home FOLDER. It takes tokens: intaglio api token add.",
)
@policy_option
@trust_option
@click.option("--offline", is_flag=True, help="Never touch the network.")
@click.option(
    "--resolve",
    type=click.Choice(["listed", "any"]),
    default="listed",
    show_default=True,
    help="Whose hosts are asked for DID documents: those on the trust list, or whatever anybody names.",
)
@click.option(
    "--processes", type=click.IntRange(1, 64), default=1, show_default=True, help="That answer at once."
)
@click.option(
    "--profile",
    type=click.Choice(["conformance"]),
    help="For test suites: throw-away issuers that sign what is posted, on this machine only.",
)
@click.pass_obj
def serve(
    session: Session,
    reach: Reach,
    issuers: Mapping[str, Path],
    policy_file: Path | None,
    trust_file: Path | None,
    offline: bool,
    resolve: str,
    processes: int,
    profile: str | None,
) -> None:
    """Answer the VC-API and GET /1.0/identifiers/DID, until stopped."""
    with extra("serve"):
        from verifier.processes import Processes

        from ..api.app import create_app
        from ..pages.own import Own
        from ..serving import Endpoint, siblings
    from did import Resolver

    if profile:
        if issuers or policy_file or trust_file or resolve == "any" or processes > 1:
            raise click.UsageError(
                "--profile conformance has issuers of its own and judges by proofs alone: "
                "it takes no --issuer, --trust, --policy, --processes or --resolve any."
            )
        _serve_suites(session, reach)
        return
    policy = None if policy_file is None else read_policy(policy_file)
    make: functools.partial[Judge] = functools.partial(session.judge, trust_file, policy, offline=offline)
    places = {name: _place(session, folder) for name, folder in issuers.items()}
    if processes > 1:  # each opens the keys for itself, and one alone can ask for a passphrase
        for place in places.values():
            place.ask()
    with Endpoint.open(reach, session.home / "api" / "tls", session.now()) as endpoint:
        site = Own.at(endpoint.url) if endpoint.is_sealed else None
        if site is None and places:  # before any process is started
            raise click.UsageError(
                "Tokens would travel in the clear: leave out --plain, or listen on loopback."
            )
        with (
            siblings(processes - 1) as is_first,
            Processes[Any, Any](make, max(1, 2 // processes), waiting=_WAITING) as judging,
        ):
            judge = make()
            with setting():
                judge.verifiers()
            resolver = Resolver(session.methods, session.fetcher(offline=offline))
            served = {name: _served(place) for name, place in places.items()}
            app = create_app(
                judge,
                lambda: resolver,
                session.now,
                issuers=served,
                origins=site.origins if site else frozenset(),
                resolves_any=resolve == "any",
                processes=judging,
                siblings=processes,
            )
            if is_first:
                if site is None:
                    say("Whatever is sent here travels in the clear.")
                if endpoint.files:
                    say(
                        "Whoever asks needs this file, to trust the service by:",
                        str(endpoint.files.authority),
                    )
                click.echo(endpoint.url)
            replace(endpoint, limits=endpoint.limits.among(processes)).run(app)


def _serve_suites(session: Session, reach: Reach) -> None:
    """The conformance profile: it uses no home, and serves this machine alone."""
    from ..api.conformance.service import create_app, local_config, throwaways
    from ..serving import Endpoint
    from ..tls import LOOPBACK

    # A URL of another name says that a proxy in front hands on what others send.
    names = {reach.host, urlsplit(reach.url).hostname if reach.url else reach.host}
    if not names <= {*LOOPBACK}:
        raise click.UsageError("--profile conformance signs whatever is posted: it listens on loopback only.")
    with (
        tempfile.TemporaryDirectory() as folder,  # for TLS: nothing is written into a home
        Endpoint.open(reach, Path(folder), session.now()) as endpoint,
    ):
        issuers = throwaways()
        say("Whatever is posted here is signed by keys that end with this process.")
        click.echo(json.dumps(local_config(endpoint.url, issuers)))
        endpoint.run(create_app(endpoint.url, session.now, issuers))


def _place(session: Session, home: Path) -> Place:
    """The issuer in a home."""
    if not (home / "issuer").exists() and (home / "issuer.json").exists():
        raise click.UsageError(f"--issuer takes the home, in which the issuer's folder lies: {home.parent}")
    return Place(home / "issuer", replace(session, home=home))


def _served(place: Place) -> Served:
    """The issuer, its keys asked for now rather than at the first request."""
    from ..api.issuing import Served
    from ..api.posted import PostedCredentials

    issuer = place.open()
    issuer.log_patience = 5.0
    issuer.require_signer()
    for name in issuer.kinds.names:
        issuer.press(name)
    issuer.require_clock()
    return Served(PostedCredentials(issuer, place.session.now, place.session.contexts()), Tokens(issuer.home))


tokens = click.Group("token", help="Say who may issue, and who may revoke, over the API.")
api.add_command(tokens)

_NAMED = click.argument("name", metavar="NAME")


@verb(tokens)
@_NAMED
@click.option(
    "--may",
    "rights",
    type=click.Choice([right.value for right in Right]),
    multiple=True,
    required=True,
    help="What it is for; repeat it for both.",
)
def add(session: Session, name: str, rights: tuple[str, ...]) -> Result:
    """Make a token of the issuer here. It is shown once, and kept nowhere."""
    text = Tokens(_home(session)).add(name, map(Right, rights), session.now())
    say("Keep it where passwords are kept: it is not shown again.")
    return Result({"name": name, "token": text}, text)


@verb(tokens)
@_NAMED
def end(session: Session, name: str) -> Result:
    """End a token: the next request with it is refused."""
    Tokens(_home(session)).end(name)
    return Result({"name": name}, f"{name} is ended")


@verb(tokens)
def list_(session: Session) -> Result:
    """List the tokens of the issuer here, by name."""
    listed = Tokens(_home(session)).all()
    lines = [f"{token.name}: {', '.join(sorted(token.rights))}, since {token.since}" for token in listed]
    data = [{"name": token.name, "may": sorted(token.rights), "since": token.since} for token in listed]
    return Result({"tokens": data}, "\n".join(lines))


def _home(session: Session) -> Path:
    """The folder of the issuer. Raises `NotFound` where none lives there."""
    from issuer.identity.home import Identity

    folder = session.home / "issuer"
    Identity.read(folder)
    return folder
