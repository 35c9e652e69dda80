"""The sub-commands of `intaglio wallet`."""

from __future__ import annotations

import functools
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from holder.wallet import FILE, Held, Wallet, awaits_witnesses, disclosed
from keys import WrongPassphrase
from keys.envelope import require_strong
from vc.forms import MAX_BYTES
from vc.forms.integrity import SUITES_BY_KEY
from vc.report import Report, Verdict
from vc.secured import Received
from vc.vcdm.enveloped import Enveloped
from wire.problem import Code, Declined, NotFound, Problem, Refused, TooLarge
from wire.text import claimed, isolated, printable

from ...session import Session
from ...terminal import Result, is_asked, read_input, required_passphrase, say, typed, verb, wrapped
from ...words import tr, tr_count
from ..forms import FORM, media_type
from . import text

if TYPE_CHECKING:
    from exchange.claim import Invitation
    from verifier.sources.trust import TrustSource

TRIES = 3
EXIT = {Verdict.VALID: 0, Verdict.INVALID: 1, Verdict.UNDETERMINED: 3}
PARTLY = 7
"""The exit code where some are valid and some are not."""

_ID = 14  # columns that an id takes in a list
_NEW, _BACKUP = (f"INTAGLIO_{which}_PASSPHRASE_FILE" for which in ("NEW", "BACKUP"))


FORGOTTEN_PASSPHRASE = Code("forgotten-passphrase", WrongPassphrase)
"""The wallet does not open, and nobody can help but a backup."""
ISSUER_NOT_ON_TRUST_LIST = Code(
    "issuer-not-on-trust-list", Refused, "The issuer is not known here", undetermined=True
)
"""The issuer that offers a credential is not on the trust list: what comes could not be checked."""


_identifier = click.argument("identifier", metavar="ID|NUMBER")
_yes = click.option("--yes", is_flag=True, help="Do not ask.")
_form = click.option(
    "--format", "form", type=click.Choice(["bundle", "json"]), default="bundle", show_default=True
)
_undetermined = click.option(
    "--accept-undetermined", is_flag=True, help="Keep it, marked, even if not all of it could be checked."
)


@verb()
@click.option("--key-type", type=click.Choice(list(SUITES_BY_KEY)), default="Ed25519", show_default=True)
def init(session: Session, key_type: str) -> Result:
    """Make a wallet with a key."""
    chosen = required_passphrase(tr("Passphrase for the new wallet"), new=require_strong)
    did = Wallet.create(folder(session), chosen, now=session.now(), key_type=key_type)
    say(
        tr("The wallet is ready; without its passphrase nobody opens it. Copy it:"),
        f"{typed('wallet', 'backup')} FILE",
    )
    return Result({"did": did}, did)


@verb()
@click.argument("source", metavar="FILE|-", type=click.Path())
@_undetermined
def import_(session: Session, source: str, accept_undetermined: bool) -> Result:
    """Check a credential or bundle, and keep it."""
    data = read(source)
    with opened(session) as mine:
        return keep(session, mine, data, accept_undetermined)


@verb()
@click.argument("source", metavar="LINK|FILE|-", type=click.Path())
@click.option("--ca", type=click.Path(exists=True, path_type=Path), help="A CA to accept too.")
@click.option("--form", type=FORM, help="Of a link: in which form; if not given, in the issuer's.")
@_yes
@_undetermined
def receive(
    session: Session,
    source: str,
    ca: Path | None,
    form: str | None,
    yes: bool,
    accept_undetermined: bool,
) -> Result:
    """Claim a credential by its link, or import a file. The same link gives it in another form, too.

    With `-` the link, or the credential, comes from stdin: others on this machine can see arguments.
    """
    data = b"" if _is_link(source) else read(source)
    if source == "-" and _is_link(start := data[:2048].decode(errors="replace").strip()):
        source = start
    session.ca_file = ca or session.ca_file
    with opened(session) as mine:
        if not _is_link(source):
            if form:
                raise click.UsageError("--form goes with a link: a file has the form that it has.")
            return keep(session, mine, data, accept_undetermined)
        from exchange.claim import ClaimLink
        from holder.client import claim
        from wire.fetch import HttpsFetcher

        def agree(invitation: Invitation) -> bool:
            if not (accept_undetermined or session.recognises(invitation.issuer)):
                raise ISSUER_NOT_ON_TRUST_LIST(
                    f"{printable(invitation.name)}, which says that it is {printable(invitation.issuer)}, is "
                    "not on the trust list here, so that its credential could not be checked",
                    name=claimed(invitation.name),
                    issuer=printable(invitation.issuer),
                )
            offered = tr("{name} offers a credential at {address}")
            say(
                offered.format(name=printable(invitation.name), address=invitation.domain),
                tr("it says that it is {did}").format(did=printable(invitation.issuer)),
                tr("the credential will be bound to {did}").format(did=mine.holder_keys()[0].did),
            )
            return consented(tr("Receive it?"), yes)

        held = claim(
            ClaimLink.parse(source),
            mine,
            HttpsFetcher(allow_loopback=session.loopback, ca_file=session.ca_file, timeout=30.0),
            functools.partial(check, session),
            agree,
            clock=session.now,
            undetermined=accept_undetermined,
            form=media_type(form),
        )
        return kept(session, held)


@verb()
@click.option("--check", "anew", is_flag=True, help="Check each of them anew, as `verify` does.")
@click.option("--offline", is_flag=True, help="Never touch the network.")
def list_(session: Session, anew: bool, offline: bool) -> Result:
    """List what the wallet holds.

    With --check, exit code 0: all are valid. 1: none is valid. 3: none could be decided. 7: they differ.
    """
    with opened(session) as mine:
        holdings = mine.credentials()
    if not holdings:
        say(
            tr("The wallet is empty: `intaglio wallet receive LINK` or `intaglio wallet import FILE` fill it")
        )
    outdated = text.outdated(holdings)
    names = _names(session)
    lines = [wrapped(text.line(held, names, outdated=held.id in outdated), _ID) for held in holdings]
    listed = [{**summary(held), "laterEditionHeld": held.id in outdated} for held in holdings]
    codes = set[int]()
    for place, held in enumerate(holdings if anew else ()):
        report = session.check(held.data, offline=offline)
        later = text.later() if held.id in outdated else ""
        verdict = wrapped(f"{' ' * _ID}{text.found(report)}{later}", _ID)
        lines[place] = f"{wrapped(text.name(held, names), _ID)}\n{verdict}"
        listed[place] |= {"verdict": report.verdict.value, "finding": text.found(report)}
        codes.add(EXIT[report.verdict])
    code = PARTLY if len(codes) > 1 else next(iter(codes), 0)
    return Result({"credentials": listed}, "\n".join(lines), code)


@verb()
@_identifier
@click.option("--disclose", is_flag=True, help="List what of it can be shown alone, and what always is.")
def show(session: Session, identifier: str, disclose: bool) -> Result:
    """Show one credential."""
    with opened(session) as mine:
        held = mine.get(identifier)
    card = text.card(held, _trust(session))
    data = {**summary(held), "credential": dict(held.bundle.secured)}
    if disclose:
        choices = held.choices
        data["disclosure"] = choices and {"alone": [*choices.alone], "always": [*choices.always]}
        card = "\n".join([card, *text.disclosure(choices)])
    return Result(data, card)


@verb()
@click.argument("identifiers", metavar="ID|NUMBER...", nargs=-1, required=True)
@click.option("--challenge", required=True, help="What the verifier gave to be signed.")
@click.option("--domain", required=True, help="The verifier's own name, such as https://employer.example.")
@click.option("--only", metavar="CLAIM", multiple=True, help="Show this claim, and none that is not named.")
@click.option(
    "--no-evidence", is_flag=True, help="Leave log proofs and status lists out: the verdict is open offline."
)
@_yes
@_form
def present(
    session: Session,
    identifiers: tuple[str, ...],
    challenge: str,
    domain: str,
    only: tuple[str, ...],
    no_evidence: bool,
    yes: bool,
    form: str,
) -> Result:
    """Sign a presentation of credentials for one verifier. It comes as a bundle that verifies offline.

    The format `json` is the presentation alone, which other programs read; of an SD-JWT VC it is the token.
    """
    with opened(session) as mine:
        chosen = mine.chosen(identifiers)
        seen, names = disclosed(chosen, only or None), _names(session)
        for held in chosen:
            say(*text.shown(held, names, seen, domain), text.bound(held))
        if no_evidence:
            say(text.without_evidence(chosen))
        if not consented(tr("Sign and show?"), yes):
            raise Declined("nothing was signed")
        bundle = mine.present(
            identifiers, challenge=challenge, domain=domain, now=session.now(), only=only or None
        )
    if form == "bundle":
        data = (bundle.without_evidence() if no_evidence else bundle).to_bytes()
        return Result(json.loads(data), data.decode().rstrip("\n"))
    return _plain("presentation", bundle.secured)


def _trust(session: Session) -> TrustSource:
    """The local trust list, to name issuers by; empty where it cannot be read, as `verify` then says."""
    from verifier.sources.trust import Trust  # which other commands need not
    from verifier.sources.trust_index import open_trust

    try:
        return open_trust(session.trust_file)
    except Problem:  # what is held can be looked at all the same
        return Trust()


def _names(session: Session) -> text.IssuerNames:
    """The names that the trust list has. It is opened for the first credential that names no issuer."""
    trust = functools.cache(lambda: _trust(session))
    return lambda did: text.listed_name(trust(), did)


def _plain(name: str, received: Received) -> Result:
    """A credential or presentation without its bundle, as other programs read it: JSON, or a token."""
    if isinstance(received, Enveloped) and received.data.isascii():
        token = received.data.decode()
        return Result({name: token}, token)
    document = dict(received)
    return Result({name: document}, json.dumps(document, ensure_ascii=False, indent=2))


@verb()
@_identifier
@_form
def export(session: Session, identifier: str, form: str) -> Result:
    """Print a credential as it was received. The format `json` leaves out what came with it."""
    with opened(session) as mine:
        held = mine.get(identifier)
    if form == "bundle":
        data = held.bundle.to_bytes() if isinstance(held.bundle.secured, Enveloped) else held.data
        return Result({"bundle": json.loads(data)}, data.decode().rstrip("\n"))
    return _plain("credential", held.bundle.secured)


@verb()
@_identifier
@_yes
def delete(session: Session, identifier: str, yes: bool) -> Result:
    """Remove a credential from the wallet. Wherever else it is, it stays valid."""
    with opened(session) as mine:
        held = mine.get(identifier)
        say(text.named(held, _names(session)))
        if not consented(tr("Delete it from this wallet?"), yes):
            raise Declined("nothing was deleted")
        mine.delete(held.id)
    return Result({"deleted": held.id}, held.id)


@verb()
@click.argument("file", type=click.Path(path_type=Path))
def backup(session: Session, file: Path) -> Result:
    """Write keys and credentials into one encrypted file. It has a passphrase of its own."""
    with opened(session) as mine:
        mine.backup(file, required_passphrase(tr("Passphrase for the backup"), _BACKUP, new=require_strong))
    say(tr("Keep the file elsewhere, and its passphrase apart from it."))
    return Result({"file": str(file)}, str(file))


@verb()
@click.argument("file", type=click.Path(path_type=Path))
def restore(session: Session, file: Path) -> Result:
    """Make a wallet from a backup. An existing wallet is never overwritten."""
    if not file.is_file():
        raise NotFound.saying("there is no file {file}", file=str(file))
    sealed = required_passphrase(tr("Passphrase of the backup"), _BACKUP)
    opens = required_passphrase(tr("Passphrase for the wallet"), new=require_strong)
    Wallet.restore(folder(session), file, sealed, opens)
    say(tr("The wallet is restored. `intaglio wallet list` shows what it holds."))
    return Result({"wallet": str(folder(session))}, str(folder(session)))


@verb()
def password(session: Session) -> Result:
    """Change the wallet's passphrase."""
    with opened(session) as mine:
        mine.change_passphrase(required_passphrase(tr("New passphrase"), _NEW, new=require_strong))
    say(tr("Changed. Backups and other copies made before still open with the former passphrase."))
    return Result({"changed": True}, "")


def consented(question: str, yes: bool) -> bool:
    """The holder's answer; an error where nobody can be asked."""
    if not yes and not sys.stdin.isatty():
        raise click.UsageError(tr("There is no terminal to ask at; --yes says yes."))
    return yes or click.confirm(question, err=True)


def folder(session: Session) -> Path:
    """The wallet's folder."""
    return session.home / "wallet"


def opened(session: Session) -> Wallet:
    """The wallet, after asking for its passphrase if there is one."""
    home = folder(session)
    if not (home / FILE).is_file():
        return Wallet(home, b"")  # which says so
    left = TRIES
    while True:
        try:
            return Wallet(
                home,
                required_passphrase(tr("Wallet passphrase")),
                forms=session.forms(),
                status_kinds=session.status_kinds,
            )
        except WrongPassphrase as problem:
            left -= 1
            if not left or not is_asked():
                raise FORGOTTEN_PASSPHRASE(problem.detail) from problem
            say(
                tr_count(
                    "That is not the passphrase of this wallet: {count} try left.",
                    "That is not the passphrase of this wallet: {count} tries left.",
                    left,
                )
            )


def read(source: str) -> bytes:
    """The bytes of a file or of stdin, no more than a bundle may have."""
    data = read_input(source, MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise TooLarge.saying("the file has more than {most} bytes", most=MAX_BYTES)
    return data


def check(session: Session, data: bytes) -> Report:
    """The verifier's report; its finding is printed unless all is well."""
    report = session.check(data)
    if not report:
        say(tr("Not all checks passed:"), *text.checks(report))
    if awaits_witnesses(report):
        say(tr("Ask the issuer to export it again, and import that: by then more witnesses have signed."))
    return report


def keep(session: Session, mine: Wallet, data: bytes, undetermined: bool) -> Result:
    """Accept bytes into the wallet."""
    held = mine.accept(data, functools.partial(check, session), now=session.now(), undetermined=undetermined)
    return kept(session, held)


def kept(session: Session, held: Held) -> Result:
    """The result for a credential that has just been kept."""
    anew, first = (
        tr("Was kept before, and is checked anew: {credential}; {checked}"),
        tr("Kept: {credential}; {checked}"),
    )
    name = text.named(held, _names(session))
    say((anew if held.known else first).format(credential=name, checked=text.checked(held)))
    return Result(summary(held), held.id)


def summary(held: Held) -> dict[str, Any]:
    """A credential in a few members."""
    return {
        "id": held.id,
        "number": held.number,
        "title": isolated(claimed(held.claims.title)),
        "degreeName": held.claims.degree,
        "achievementType": held.claims.achievement_type,
        "awardedTo": held.claims.holder_name,
        "issuer": held.claims.issuer,
        "issuerName": held.claims.issuer_name,
        "boundTo": sorted(held.bound_to),
        "added": held.added.isoformat(),
        "verdictWhenAdded": held.verdict.value,
    }


def _is_link(source: str) -> bool:
    return source.startswith(("http://", "https://"))
