"""The command `intaglio`: finds the sub-command, wires the roles together, and turns errors into words.

Only what a sub-command needs is imported. The roles never import each other; what one needs of another
(the wallet verifies before it stores, the issuer puts itself on the local trust list) is handed over
here, as a `Session`.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import click

from wire import Declined, Malformed, NotFound, Problem, printable

if TYPE_CHECKING:
    from vc import Report
    from verifier import Verifier
    from wire.fetch import Fetcher

COMMANDS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "issuer": ("issuer.cli:issuer", "Issue diplomas from a CSV, revoke and correct them."),
        "wallet": ("holder.cli:wallet", "Keep diplomas, and show them to whom you choose."),
        "verify": ("verifier.cli:verify", "Check a credential, a presentation or a bundle."),
        "verifier": ("verifier.cli:verifier", "Run the check as a web service."),
        "trust": ("verifier.cli:trust", "Say which issuers and logs you recognise."),
        "ledger": ("ledger.cli:ledger", "Look into a log, prove an entry, audit the whole."),
        "demo": ("examples.diploma.demo:demo", "See a university, a graduate, an employer and a forger."),
        "samples": ("examples.diploma.samples:samples", "Write one file of each verdict to try out."),
        "doctor": ("intaglio:doctor", "Explain what is wrong with this set-up."),
    }
)
"""Each sub-command: where it is, and what it does."""

VALID, INVALID, UNDETERMINED, NOT_FOUND, DECLINED, LOGIN = 0, 1, 3, 4, 5, 6


@dataclass
class Session:
    """What the sub-commands get from here: the place of everything, and the other roles' services."""

    home: Path
    ca_file: Path | None = None
    loopback: bool = False

    @property
    def trust_file(self) -> Path:
        """The local trust list."""
        return self.home / "trust.json"

    def now(self) -> datetime:
        """The time, asked for once a command and handed down."""
        return datetime.now(UTC)

    def fetcher(self, *, offline: bool = False) -> Fetcher:
        """The way to the network, or one that refuses it."""
        from wire import fetch

        if offline:
            return fetch.NoFetcher()
        return fetch.HttpsFetcher(allow_loopback=self.loopback, ca_file=self.ca_file)

    def verifier(self, *, offline: bool = False, trust_file: Path | None = None) -> Verifier:
        """A verifier on this machine's trust list; it also sees the lists that an issuer here published."""
        from did import METHODS, Resolver
        from issuer.home import published_list
        from verifier import Trust, Verifier
        from verifier.status import fetched

        fetcher = self.fetcher(offline=offline)
        issuer_home = self.home / "issuer"
        return Verifier(
            Resolver(METHODS, fetcher),
            trust=Trust.load(trust_file or self.trust_file),
            lists=(lambda url: published_list(issuer_home, url), fetched(fetcher)),
        )

    def check(self, data: bytes) -> Report:
        """What the wallet asks before it stores something."""
        return self.verifier().verify(data, now=self.now())

    def pin(self, entry: Mapping[str, Any]) -> None:
        """Puts an issuer of this machine on the local trust list."""
        from verifier import RecognisedIssuer, RecognisedLog, update_trust

        issuer, log = RecognisedIssuer(**entry["issuer"]), RecognisedLog(**entry["log"])
        update_trust(self.trust_file, lambda trust: trust.adding(issuer, log))


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

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


@click.group(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option(
    "--home",
    type=click.Path(path_type=Path),
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
@click.version_option(package_name="intaglio")
@click.pass_context
def cli(ctx: click.Context, home: Path, ca_file: Path | None, loopback: bool) -> None:
    """Diplomas that stay provable: issue, keep, show and verify W3C verifiable credentials.

    Start with: intaglio demo
    """
    ctx.obj = Session(home.expanduser().absolute(), ca_file, loopback)


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, version 1.")
@click.pass_obj
def doctor(session: Session, as_json: bool) -> int:
    """Explain what is wrong with this set-up."""
    wrong = 0
    if as_json:
        found = [dict(zip(("mark", "finding", "remedy"), item, strict=True)) for item in _findings(session)]
        wrong = sum(item["mark"] == "✗" for item in found)
        click.echo(json.dumps({"version": 1, "wrong": wrong, "findings": found}))
        return INVALID if wrong else VALID
    for mark, what, remedy in _findings(session):
        wrong += mark == "✗"
        click.echo(f"{mark} {what}")
        if remedy:
            click.echo(f"    {remedy}")
    click.echo("Something is wrong: see ✗ above." if wrong else "Nothing is wrong.", err=True)
    return INVALID if wrong else VALID


def _findings(session: Session) -> Iterator[tuple[str, str, str]]:
    """Mark (✓ well, ! worth knowing, ✗ wrong), finding and remedy."""
    fast = importlib.util.find_spec("nacl") is not None
    if not fast:
        yield "!", "Ed25519 goes by OpenSSL, at half the speed.", "pip install 'intaglio[fast]'"
    if not session.home.exists():
        yield "✓", f"{session.home} does not exist yet: nothing was done here so far.", "Try: intaglio demo"
        return
    if session.home.stat().st_mode & 0o077:
        yield "!", f"Others can look into {session.home}.", f"chmod 700 {session.home}"
    for check in (_trust_findings, _issuer_findings, _wallet_findings):
        try:
            yield from check(session)
        except Problem as problem:
            yield "✗", f"{problem.title}: {printable(problem.detail)}", problem.hint


def _trust_findings(session: Session) -> Iterator[tuple[str, str, str]]:
    from verifier import Trust

    count = len(Trust.load(session.trust_file).issuers)
    yield "✓", f"{count} issuers are on the trust list {session.trust_file}.", ""


def _issuer_findings(session: Session) -> Iterator[tuple[str, str, str]]:
    home = session.home / "issuer"
    if not (home / "issuer.json").exists():
        return
    from issuer.issue import Issuer
    from keys import KeyFile
    from ledger import audit
    from ledger.cli import Place
    from vc import Credential
    from wire import load_json_object

    made = Issuer(home, lambda: None, session.now)
    yield "✓", f"{made.name} lives in {home}; {made.store.count()} diplomas were issued.", ""
    for name in ("did.json", "template.json"):
        try:
            load_json_object((home / name).read_bytes())
        except Malformed as problem:
            yield "✗", f"{home / name} is damaged: {problem.detail}", "Bring it back from a backup."
    if not KeyFile.open(home / "keys.json", lambda: None).protected:
        yield (
            "!",
            "Its keys are not sealed under a passphrase; only the folder's rights guard them.",
            ("intaglio issuer password"),
        )
    checkpoint = audit(Place(home, session.now).open())
    yield "✓", f"All {checkpoint.size} entries of its log were derived again and are as signed.", ""
    for path in sorted((home / "status").glob("[0-9]*")):
        end = Credential.parse(load_json_object(path.read_bytes(), limit=1 << 25)).valid_until
        if end is not None and end <= session.now():
            yield "✗", f"The status list {path.name} has expired.", "intaglio issuer status publish"


def _wallet_findings(session: Session) -> Iterator[tuple[str, str, str]]:
    home = session.home / "wallet"
    if home.exists():
        yield "✓", f"A wallet lies in {home}.", "Keep a copy: intaglio wallet backup FILE"


def main() -> None:
    """Runs the command line; a `Problem` becomes two lines on stderr and an exit code."""
    try:
        code = cli.main(standalone_mode=False)
    except click.exceptions.Abort:
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(INVALID)
    except OSError as error:
        where = f"{printable(str(error.filename))}: " if error.filename else ""
        click.echo(f"The system refuses. {where}{error.strerror or type(error).__name__}", err=True)
        click.echo("  Nothing acknowledged is lost; once that is mended, do the same again.", err=True)
        sys.exit(UNDETERMINED)
    except Problem as problem:
        click.echo(f"{problem.title}: {printable(problem.detail)}", err=True)
        if problem.hint:
            click.echo(f"  {problem.hint}", err=True)
        sys.exit(exit_code(problem))
    sys.exit(code if isinstance(code, int) else 0)


def exit_code(problem: Problem) -> int:
    """The exit code that tells a script what kind of problem it was."""
    from keys import PassphraseNeeded, WrongPassphrase

    if isinstance(problem, PassphraseNeeded | WrongPassphrase):
        return LOGIN
    if isinstance(problem, Declined):
        return DECLINED
    if isinstance(problem, NotFound):
        return NOT_FOUND
    return UNDETERMINED if problem.undetermined else INVALID


if __name__ == "__main__":
    main()
