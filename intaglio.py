"""The command `intaglio`: finds the sub-command, wires the roles together, and turns errors into words.

Only what a sub-command needs is imported. The roles never import each other; what one needs of another
(the wallet verifies before it stores, the issuer puts itself on the local trust list) is handed over
here, as a `Session`.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import importlib.util
import io
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NoReturn, TextIO

import click

from wire import Declined, DiskFull, NotFound, Problem, TryLater, Unavailable, counted, printable
from wire.problem import is_full
from wire.terminal import Finding, Folder, Result, as_typed, print_json, say, verb

if TYPE_CHECKING:
    from vc import Report
    from vc.jsonld import Contexts
    from vc.schema import Schemas
    from verifier import RecognisedIssuer, RecognisedLog, Trust, Verifier
    from verifier.lists import ListMemory
    from wire.fetch import Fetcher

COMMANDS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "issuer": ("issuer.cli:issuer", "Issue diplomas from a CSV, revoke and correct them."),
        "wallet": ("holder.cli:wallet", "Keep diplomas, and show them to whom you choose."),
        "verify": ("verifier.cli:verify", "Check credentials, presentations or bundles."),
        "verifier": ("verifier.cli:verifier", "Run the check as a web service."),
        "trust": ("verifier.trust_cli:trust", "Say which issuers and logs you recognise."),
        "ledger": ("ledger.cli:ledger", "Look into a log, prove an entry, audit the whole."),
        "demo": ("examples.diploma.demo:demo", "See a university, a graduate, an employer and a forger."),
        "samples": ("examples.diploma.samples:samples", "Write one file of each verdict to try out."),
        "doctor": ("intaglio:doctor", "Explain what is wrong with this set-up."),
    }
)
"""Each sub-command: where it is, and what it does."""

VALID, INVALID, UNDETERMINED, NOT_FOUND, DECLINED, LOGIN, INTERRUPTED, TRY_LATER = 0, 1, 3, 4, 5, 6, 130, 75


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
        """The time, for those below to be handed."""
        return datetime.now(UTC)

    def fetcher(self, *, offline: bool = False) -> Fetcher:
        """The way to the network, or one that refuses it."""
        from wire import fetch

        if offline:
            return fetch.NoFetcher()
        return fetch.HttpsFetcher(allow_loopback=self.loopback, ca_file=self.ca_file)

    def verifier(
        self, *, offline: bool = False, trust_file: Path | None = None, memory: ListMemory | None = None
    ) -> Verifier:
        """A verifier on this machine's trust list; it also sees the lists that an issuer here published."""
        from did import METHODS, Resolver
        from issuer.home import published_list
        from verifier import Verifier
        from verifier.lists import Fetched
        from verifier.published import Published
        from verifier.trust_index import open_trust

        fetcher = self.fetcher(offline=offline)
        here = functools.partial(published_list, self.home / "issuer")
        return Verifier(
            Resolver(METHODS, fetcher),
            trust=open_trust(trust_file or self.trust_file),
            schemas=self.schemas(),
            contexts=self.contexts(),
            lists=(here,) if offline else (here, Fetched(fetcher)),
            memory=memory,
            logs=Published(fetcher),
        )

    def schemas(self) -> Schemas | None:
        """The JSON Schemas in `schemas/`, if there are any. Raises `Malformed`, naming the file."""
        folder = self.home / "schemas"
        if not folder.is_dir():
            return None
        from vc.schema import Schemas

        return Schemas.load(folder)

    def contexts(self) -> Contexts | None:
        """The JSON-LD contexts in `contexts/` and the vendored ones, if there are any. Raises `Malformed`."""
        folder = self.home / "contexts"
        if not folder.is_dir():
            return None
        from vc import jsonld

        return jsonld.load(folder)

    def check(self, data: bytes, *, offline: bool = False) -> Report:
        """What the wallet asks before it stores something, and when it looks again."""
        return self.verifier(offline=offline).verify(data, now=self.now())

    def recognises(self, did: str) -> bool:
        """What the wallet asks before it claims something: whether the issuer is on the trust list."""
        from verifier.trust_index import open_trust

        return open_trust(self.trust_file).issuer(did) is not None

    def pin(self, entry: Mapping[str, Any]) -> None:
        """Puts an issuer of this machine on the local trust list, or what is new about it: that it closed."""
        from verifier import RecognisedIssuer, RecognisedLog, Trust, update_trust

        issuer = RecognisedIssuer(**entry["issuer"], reason="issued on this machine")
        log = RecognisedLog(**entry["log"])
        trust = Trust.load(self.trust_file)
        known = trust.issuer(issuer.id)
        closes = known is not None and issuer.closed not in (None, known.closed)
        if known is None or closes or log.key not in {known.key for known in trust.logs}:
            update_trust(self.trust_file, functools.partial(_pinned, issuer=issuer, log=log))

    def sentence(self, document: Mapping[str, Any], issuer: str) -> str:
        """What a verifier who knows the issuer by this name says of a credential first; unchecked."""
        from vc import Credential
        from verifier import RecognisedIssuer, Trust
        from verifier.summary import summarize

        credential = Credential.parse(document, contexts=self.contexts())
        return str(summarize(credential, Trust().adding(RecognisedIssuer(credential.issuer, name=issuer))))

    def fingerprint(self, trust_file: bytes) -> str:
        """What others see who add the trust file of an issuer of this machine."""
        from verifier import Trust

        trust = Trust.parse(trust_file)
        return trust.fingerprint(trust.issuers[0].id)


def _pinned(trust: Trust, issuer: RecognisedIssuer, log: RecognisedLog) -> Trust:
    """With the entry as it stands there already, but for what only the issuer's closing adds."""
    known = trust.issuer(issuer.id) or issuer
    return trust.adding(replace(known, closed=issuer.closed or known.closed), log)


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
@click.version_option(package_name="intaglio")
@click.pass_context
def cli(ctx: click.Context, home: Path, ca_file: Path | None, loopback: bool) -> None:
    """Diplomas that stay provable: issue, keep, show and verify W3C verifiable credentials.

    Start with: intaglio demo
    """
    if os.environ.get("NO_COLOR"):
        ctx.color = False  # click then leaves out bold, too
    ctx.obj = Session(home, ca_file, loopback)


@verb()
def doctor(session: Session) -> Result:
    """Explain what is wrong with this set-up."""
    found = [item._replace(remedy=as_typed(item.remedy)) for item in _findings(session)]
    wrong = sum(item.mark == "✗" for item in found)
    lines = [
        f"{mark} {printable(what)}" + (f"\n    {printable(remedy)}" if remedy else "")
        for mark, what, remedy in found
    ]
    lines.append("Something is wrong; see above." if wrong else "Nothing is wrong.")
    return Result(
        {"wrong": wrong, "findings": [item._asdict() for item in found]},
        "\n".join(lines),
        INVALID if wrong else VALID,
    )


def _findings(session: Session) -> Iterator[Finding]:
    if importlib.util.find_spec("nacl") is None:
        what = "Ed25519 goes by OpenSSL, at half the speed: PyNaCl is not installed."
        yield Finding("!", what, "In the folder with the program's source: pip install '.[fast]'")
    if not session.home.exists():
        what = f"{session.home} does not exist yet: nothing was done here so far."
        yield Finding("✓", what, "Try: intaglio demo")
        return
    if session.home.stat().st_mode & 0o077:
        yield Finding("!", f"Others can look into {session.home}.", f"chmod 700 {session.home}")
    for check in (_trust_findings, _issuer_findings, _wallet_findings):
        try:
            yield from check(session)
        except Problem as problem:
            yield Finding("✗", f"{problem.title}: {problem.detail}", problem.hint)
        except OSError as error:
            yield Finding("✗", f"{error.filename} cannot be read: {error.strerror}")


def _trust_findings(session: Session) -> Iterator[Finding]:
    from verifier import Trust

    count = counted(len(Trust.load(session.trust_file).issuers), "issuer")
    yield Finding("✓", f"The trust list {session.trust_file} has {count}.")
    session.schemas(), session.contexts()  # where they cannot be used, nothing is verified


def _issuer_findings(session: Session) -> Iterator[Finding]:
    home = session.home / "issuer"
    if (home / "issuer.json").exists() or (home / "issuer.sqlite").exists():
        from issuer.doctor import findings

        yield from findings(home, session.now())


def _wallet_findings(session: Session) -> Iterator[Finding]:
    if (session.home / "wallet").exists():
        from holder.doctor import findings

        yield from findings(session.home / "wallet")


def main() -> None:
    """Runs the command line; a `Problem` becomes two lines on stderr and an exit code.

    With --json it becomes an object on stdout, too: `error`, with the members of RFC 9457 and `exitCode`.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:  # closed: the next file that is opened would take its place
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_RDWR), mode))
    for stream in (sys.stdin, sys.stdout, sys.stderr):  # nothing depends on what the locale can spell
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        code = cli.main(standalone_mode=False)
    except click.exceptions.Abort:
        _fail(Interrupted("stopped at the terminal"), INTERRUPTED)
    except click.ClickException as error:
        with contextlib.suppress(OSError):  # nobody reads
            error.show()
        kind = WrongUse if isinstance(error, click.UsageError) else Problem
        _fail(kind(error.format_message()), error.exit_code)
    except BrokenPipeError as error:
        _fail(SystemRefuses(str(error.strerror)), INVALID)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        kind = DiskFull if is_full(error) else SystemRefuses
        _tell(kind(f"{where}{error.strerror or type(error).__name__}"))
    except Problem as problem:
        _tell(problem)
    _flush(sys.stderr)
    sys.exit(code if isinstance(code, int) else 0)


class WrongUse(Problem):
    """The command line does not fit together."""

    title = "Wrong use"


class Interrupted(Problem):
    """Whoever sat at the terminal did not want to go on."""

    title = "Interrupted"


class SystemRefuses(Unavailable):
    """The operating system said no."""

    title = "The system refuses"
    advice = "Nothing that was acknowledged is lost. Once that is mended, do the same again."


def _tell(problem: Problem) -> NoReturn:
    say(f"{problem.title}: {problem.detail}", problem.hint)
    _fail(problem, exit_code(problem))


def _fail(problem: Problem, code: int) -> NoReturn:
    if "--json" in sys.argv:
        with contextlib.suppress(OSError):
            print_json({"error": {**problem.to_dict(), "exitCode": code}})
    _flush(sys.stdout)
    _flush(sys.stderr)
    sys.exit(code)


def _flush(stream: TextIO) -> None:
    """Where nobody reads, or there is no room, what is left would be tried again at the end."""
    try:
        stream.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def exit_code(problem: Problem) -> int:
    """The exit code that tells a script what kind of problem it was."""
    from keys import PassphraseNeeded, WrongPassphrase

    if isinstance(problem, PassphraseNeeded | WrongPassphrase):
        return LOGIN
    if isinstance(problem, TryLater):
        return TRY_LATER
    if isinstance(problem, Declined):
        return DECLINED
    if isinstance(problem, NotFound):
        return NOT_FOUND
    return UNDETERMINED if problem.undetermined else INVALID


if __name__ == "__main__":
    main()
