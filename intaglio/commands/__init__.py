"""The command `intaglio`: its sub-commands, each in a module that is imported when it is called."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import click

from ..session import Session
from ..terminal import Folder
from ..words.language import LANGUAGES, language_of, speak
from .lazy import Lazy

COMMANDS: Mapping[str, tuple[str, str]] = {
    "issuer": ("intaglio.commands.issuer:issuer", "Issue credentials from a CSV, revoke and correct them."),
    "wallet": ("intaglio.commands.wallet:wallet", "Keep credentials, and show them to whom you choose."),
    "verify": ("intaglio.commands.verify:verify", "Check credentials, presentations or bundles."),
    "verifier": ("intaglio.commands.verifier:verifier", "Run the check as a web service."),
    "api": ("intaglio.commands.api:api", "Serve other programs: the VC-API, and DID resolution."),
    "trust": ("intaglio.commands.trust:trust", "Say which issuers and logs you recognise."),
    "ledger": ("intaglio.commands.ledger:ledger", "Look into a log, prove an entry, audit the whole."),
    "hub": ("intaglio.commands.hub:hub", "Witness other people's logs, so that none can show two versions."),
    "kind": ("intaglio.commands.kind:kind", "Say what can be issued, and draft a kind of your own."),
    "demo": ("examples.diploma.demo:demo", "See a university, a graduate, an employer and a forger."),
    "samples": ("examples.diploma.samples:samples", "Write one file of each verdict to try out."),
    "use": ("examples.uses.command:use", "See what credentials are for, use by use, each with its attack."),
    "doctor": ("intaglio.commands.doctor:doctor", "Explain what is wrong with this set-up."),
}
"""Each sub-command: where it is, and what it does."""


class _Main(Lazy):
    """Refuses an argument that a variable without a value has left empty."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        for before, word in zip(["intaglio", *args], args, strict=False):
            if not word or (word.startswith("--") and word.partition("=")[1:] == ("=", "")):
                raise click.UsageError(
                    f"Nothing stands after {word[:-1] or before}: is a variable not set?", ctx
                )
        return super().parse_args(ctx, args)


@click.group(
    cls=_Main,
    places=COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.option(
    "--home",
    type=Folder(),
    envvar="INTAGLIO_HOME",
    default=Path("~/.intaglio"),
    help="Where everything is kept.",
)
@click.option(
    "--ca",
    "ca_file",
    type=click.Path(exists=True, path_type=Path),
    envvar="INTAGLIO_CA",
    help="A CA to accept too.",
)
@click.option(
    "--loopback",
    is_flag=True,
    envvar="INTAGLIO_LOOPBACK",
    help="Allow addresses of this machine (development).",
)
@click.option("--lang", type=click.Choice(LANGUAGES), help="The language of what is said to you.")
@click.option(
    "--agree",
    multiple=True,
    metavar="DIGEST",
    help="Agree to what a file from elsewhere names, by the digest that was shown.",
)
@click.version_option(package_name="intaglio")
@click.pass_context
def cli(
    ctx: click.Context,
    home: Path,
    ca_file: Path | None,
    loopback: bool,
    lang: str | None,
    agree: tuple[str, ...],
) -> None:
    """Credentials that stay provable: issue, keep, show and verify W3C verifiable credentials.

    Start with: intaglio demo
    """
    if os.environ.get("NO_COLOR"):
        ctx.color = False  # click then leaves out bold, too
    speak(lang or language_of(os.environ))
    ctx.obj = (ctx.obj or Session)(home, ca_file, loopback, agree=frozenset(agree))  # with who calls' clock
