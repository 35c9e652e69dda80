"""The command `intaglio`: its sub-commands, each in a module that is imported when it is called."""

from __future__ import annotations

import importlib
import os
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import click

from ..session import Session
from ..terminal import Folder
from ..words.language import LANGUAGES, language_of, speak

COMMANDS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "issuer": ("intaglio.commands.issuer:issuer", "Issue diplomas from a CSV, revoke and correct them."),
        "wallet": ("intaglio.commands.wallet:wallet", "Keep diplomas, and show them to whom you choose."),
        "verify": ("intaglio.commands.verify:verify", "Check credentials, presentations or bundles."),
        "verifier": ("intaglio.commands.verifier:verifier", "Run the check as a web service."),
        "trust": ("intaglio.commands.trust:trust", "Say which issuers and logs you recognise."),
        "ledger": ("intaglio.commands.ledger:ledger", "Look into a log, prove an entry, audit the whole."),
        "demo": ("examples.diploma.demo:demo", "See a university, a graduate, an employer and a forger."),
        "samples": ("examples.diploma.samples:samples", "Write one file of each verdict to try out."),
        "doctor": ("intaglio.commands.doctor:doctor", "Explain what is wrong with this set-up."),
    }
)
"""Each sub-command: where it is, and what it does."""


class _Lazy(click.Group):
    """Finds a sub-command when it is called, so that `--help` and each command start at once."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in COMMANDS:
            return None
        module, _, name = COMMANDS[cmd_name][0].partition(":")
        command: click.Command = getattr(importlib.import_module(module), name)
        return command

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        for before, word in zip(["intaglio", *args], args, strict=False):
            if not word or (word.startswith("--") and word.partition("=")[1:] == ("=", "")):
                raise click.UsageError(
                    f"Nothing stands after {word[:-1] or before}: is a variable not set?", ctx
                )
        return super().parse_args(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


@click.group(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
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
    """Diplomas that stay provable: issue, keep, show and verify W3C verifiable credentials.

    Start with: intaglio demo
    """
    if os.environ.get("NO_COLOR"):
        ctx.color = False  # click then leaves out bold, too
    speak(lang or language_of(os.environ))
    ctx.obj = (ctx.obj or Session)(home, ca_file, loopback, agree=frozenset(agree))  # with who calls' clock
