"""`intaglio verify`, `intaglio trust`, `intaglio verifier serve`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

import click

from did import DID, METHODS, InvalidDID, MethodNotSupported, Resolver
from ledger import InvalidEvidence
from vc import Check, MalformedCredential, Report, Verdict
from vc.bundle import MAX_BYTES
from vc.credential import is_url
from vc.report import StatusTime
from wire import (
    Conflict,
    Malformed,
    NotFound,
    Refused,
    TooLarge,
    Unavailable,
    load_json,
    load_json_object,
    printable,
    shortened,
)
from wire.datetimestamp import parse_age, parse_datetimestamp
from wire.fetch import Fetcher, NoFetcher
from wire.terminal import Age, Command, Result, extra, is_file, read_input, say, verb, wrapped

from .policy import AllOf, Policy, StatusWithin, load_policy
from .summary import summarize
from .trust import RecognisedIssuer, RecognisedLog, Trust, update_trust
from .verify import Verifier

_EXIT: Mapping[Verdict, int] = {Verdict.VALID: 0, Verdict.INVALID: 1, Verdict.UNDETERMINED: 3}
_FINDING = 25  # columns before what a check found


class Session(Protocol):
    """What this command line needs of the program around it."""

    @property
    def trust_file(self) -> Path:
        """The local trust list."""

    def now(self) -> datetime:
        """The time."""

    def fetcher(self, *, offline: bool = False) -> Fetcher:
        """The way to the network."""

    def verifier(self, *, offline: bool = False, trust_file: Path | None = None) -> Verifier:
        """A verifier on a trust list."""


class _Moment(click.ParamType[datetime]):
    name = "date"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        if isinstance(value, datetime):
            return value
        try:
            return parse_datetimestamp(value if "T" in value else f"{value}T23:59:59Z", "--at")
        except Malformed:
            self.fail("expected a date such as 2026-06-30 or 2026-06-30T12:00:00Z", param, ctx)


_file = click.Path(exists=True, dir_okay=False, path_type=Path)


_policy_file = click.option(
    "--policy",
    "policy_file",
    type=_file,
    help='Further rules, in JSON, such as {"allOf": ["anchored", {"statusWithinDays": 30}]}.',
)
_trust_file = click.option("--trust", "trust_file", type=_file, help="Another trust list.")


@verb()
@click.argument("source", metavar="FILE|URL|-", type=click.Path())
@_policy_file
@_trust_file
@click.option("--at", "moment", type=_Moment(), help="Judge as of this date instead of now.")
@click.option("--status-within", type=Age(), help="How old the status may be, such as 30d or 12h.")
@click.option("--challenge", help="The challenge that you gave to the holder.")
@click.option("--domain", help="The name under which you asked the holder.")
@click.option("--offline", is_flag=True, help="Never touch the network.")
def verify(
    session: Session,
    source: str,
    policy_file: Path | None,
    trust_file: Path | None,
    moment: datetime | None,
    status_within: str | None,
    challenge: str | None,
    domain: str | None,
    offline: bool,
) -> Result:
    """Check a credential, a presentation or a bundle.

    Exit code 0: valid. 1: definitely not valid. 3: could not be decided.
    """
    if (challenge is None) != (domain is None):
        raise click.UsageError(
            "--challenge and --domain go together: what was made for another verifier is no answer to you."
        )
    rules: list[Policy] = [] if policy_file is None else [_policy(policy_file)]
    if status_within is not None:
        rules.append(StatusWithin(parse_age(status_within)))
    with _setting():
        judge = session.verifier(offline=offline, trust_file=trust_file)
    received = _read(source, session.fetcher(offline=offline))
    report = judge.verify(
        received,
        now=moment or session.now(),
        policy=AllOf(tuple(rules)) if rules else None,
        challenge=challenge,
        domain=domain,
    )
    data = report.to_dict()
    if report.has_claims:
        data["credentials"] = [dict(credential.claims) for credential in report.require()]
    lines = render(report, judge.trust)
    lines = [wrapped(line, _FINDING) if line.startswith(" ") else line for line in lines]
    return Result(data, "\n".join(lines), _EXIT[report.verdict])


def _policy(file: Path) -> Policy:
    with _setting(f"{file}: "), file.open("rb") as opened:
        return load_policy(load_json(opened.read(MAX_BYTES)))


def render(report: Report, trust: Trust) -> list[str]:
    """The report for people: verdict and reason in one line, then a line a check, then what to do.

    Claims of a credential stand there only if it is valid.
    """
    if report and not report.has_claims:
        lines = [f"VALID: the presenter has the DID {printable(str(report.holder))}; nothing else was shown"]
    elif report:
        lines = [
            f"VALID{_as_of(status)}: {summarize(credential, trust)}"
            for credential, status in zip(report.require(), report.statuses, strict=True)
        ]
    else:
        deciding = report.deciding
        words = "NOT VALID" if report.verdict is Verdict.INVALID else "COULD NOT BE DECIDED"
        lines = [f"{words}: {printable(deciding.text)[:400] if deciding else 'nothing was verified'}"]
    lines += [_line(check) for check in report.checks]
    if not report and deciding and (hint := _advice(deciding)):
        lines.append(f"What to do: {printable(hint)}")
    return lines


def _as_of(status: StatusTime | None) -> str:
    """Said where a revocation since then may not be known."""
    return f" as of {status.as_of:%Y-%m-%d}" if status and status.stated else ""


def _advice(check: Check) -> str:
    """What the reader can do. How to mend a credential's form helps its issuer only: --json has that."""
    problem = check.problem
    hint = problem.hint if problem else ""
    if isinstance(problem, InvalidEvidence):
        return hint or "Ask the holder for the bundle as the issuer handed it out."
    if isinstance(problem, Malformed | InvalidDID) and not isinstance(problem, TooLarge):
        return hint if hint and check.step == 1 else MalformedCredential.advice
    return hint


def _line(check: Check) -> str:
    which = f" (credential {check.credential + 1})" if check.credential is not None else ""
    return f"  {check.step} {check.name:<10} {check.outcome.mark} {printable(check.text)[:400]}{which}"


@contextmanager
def _setting(where: str = "") -> Iterator[None]:
    """A broken set-up is a usage error: it says nothing about the credential."""
    try:
        yield
    except Malformed as problem:
        raise click.UsageError(printable(f"{where}{problem.detail}. {problem.hint}".rstrip())) from problem


def _read(source: str, fetcher: Fetcher) -> bytes:
    """The bytes of a file, of a URL or of standard input, cut just above the limit."""
    if source.startswith(("https://", "http://")):
        return fetcher.fetch(source, limit=MAX_BYTES)
    return read_input(source, MAX_BYTES + 1)


@click.group()
def trust() -> None:
    """Say which issuers and logs you recognise."""


@verb(trust)
def list_(session: Session) -> Result:
    """Show the trust list."""
    known = Trust.load(session.trust_file)
    if not known.issuers:
        say("Nobody is on the trust list yet. Add somebody: intaglio trust add DID")
    return Result(load_json_object(known.to_bytes()), "\n".join(_known(known)))


def _known(trust: Trust) -> Iterator[str]:
    """The list for people."""
    for issuer in trust.issuers:
        kinds = f"for {', '.join(issuer.types)}" if issuer.types else "for everything"
        yield printable(f"{issuer.name or '(no name)'}  {issuer.id}  {kinds}  {issuer.reason}").rstrip()
        for log in trust.logs:
            if issuer.id in log.issuers:
                yield f"    speaks through the log {printable(log.origin)}"
        for name in issuer.status_issuers:
            yield f"    has status lists by {printable(name)}"


@verb(trust)
@click.argument("did", metavar="DID|URL|FILE", type=click.Path())
@click.option("--name", default="", help="The name to show for it.")
@click.option("--type", "types", multiple=True, help="Recognise it for this credential type only.")
@click.option("--key", "keys", multiple=True, help="Pin it to this key (Multikey, z…).")
@click.option("--status-issuer", "status_issuers", multiple=True, help="Who else signs its status lists.")
@click.option("--log", "log_key", help="The verifier key of the log that speaks for it.")
@click.option("--clock", default="", help="The verifier key under which that log states the time.")
def add(
    session: Session,
    did: str,
    name: str,
    types: tuple[str, ...],
    keys: tuple[str, ...],
    status_issuers: tuple[str, ...],
    log_key: str | None,
    clock: str,
) -> Result:
    """Recognise an issuer, by its DID or https URL, or by the trust file that it gave."""
    if not did.startswith("did:") and is_file(did):
        given = Trust.load(Path(did))
        handed = Trust(
            tuple(replace(found, reason=f"from the file {Path(did).name}") for found in given.issuers),
            given.logs,
        )
        update_trust(session.trust_file, lambda trust: trust.joined(handed))
        say(
            f"Now on the trust list, from {did}:",
            *(f"{found.name}  {found.id}" for found in handed.issuers),
        )
        return Result({"added": [found.id for found in handed.issuers]}, "")
    if not is_url(did):
        raise NotFound(f"there is no file {shortened(did)}", hint="Name a trust file, or a DID: did:…")
    if did.startswith("did:"):
        DID.parse(did)
    if not (keys or log_key):
        _require_resolvable(did)
    issuer = RecognisedIssuer(did, name, types, keys, reason="added by hand", status_issuers=status_issuers)
    log = RecognisedLog(log_key, clock=clock) if log_key else None

    def added(trust: Trust) -> Trust:
        if trust.issuer(issuer.id) is not None:
            raise Conflict(
                f"{issuer.id} is on your list already",
                hint="To say something else of it: `intaglio trust remove DID`, then add it again.",
            )
        return Trust.parse(trust.adding(issuer, log).to_bytes())

    update_trust(session.trust_file, added)
    say(f"{did} is on the trust list now")
    if log is None:
        say(
            "Its log is not: diplomas that should be in one stay undecided.",
            "Ask the issuer for its trust file, which says both, or give --log.",
        )
    return Result({"added": [did]}, "")


def _require_resolvable(did: str) -> None:
    """Raises what shows that no key of this DID or URL can ever be found, unless the list brings one."""
    if not did.startswith(("did:", "https://")):
        raise Refused(f"the keys of {shortened(did)} cannot be looked up", hint="Pin one: --key z…")
    try:
        Resolver(METHODS, NoFetcher()).resolve(did)
    except Unavailable:
        pass
    except MethodNotSupported as problem:
        raise Refused(
            problem.detail,
            hint="Pin its key (--key z…) or its log (--log), or add the trust file that the issuer gives.",
        ) from None


@verb(trust)
@click.argument("did")
def remove(session: Session, did: str) -> Result:
    """Take an issuer off the list."""
    update_trust(session.trust_file, lambda trust: trust.removing(did))
    say(f"{did} is off the trust list")
    return Result({"removed": [did]}, "")


@click.group()
def verifier() -> None:
    """Run the check as a web service."""


@verifier.command(cls=Command)
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", type=click.IntRange(0, 65535), default=8470, show_default=True)
@_policy_file
@_trust_file
@click.pass_obj
def serve(session: Session, host: str, port: int, policy_file: Path | None, trust_file: Path | None) -> None:
    """Answer POST /verify until stopped."""
    with extra("serve"):
        from wire.serving import listen, run

        from .app import Current, Verifiers, create_app

    def verifiers() -> Verifiers:
        offline, online = (session.verifier(offline=flag, trust_file=trust_file) for flag in (True, False))
        return Verifiers(offline, online)

    policy = None if policy_file is None else _policy(policy_file)
    current = Current(trust_file or session.trust_file, verifiers)
    with _setting():
        current()
    app = create_app(current, clock=session.now, policy=policy)
    with listen(host, port) as listener:
        shown = f"[{host}]" if ":" in host else host
        click.echo(f"http://{shown}:{listener.getsockname()[1]}/verify")
        run(app, listener)
