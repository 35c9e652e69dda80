"""`intaglio issuer claim` and `intaglio issuer serve`: links for holders, and the service behind them."""

from __future__ import annotations

import shlex
from collections import Counter
from contextlib import nullcontext
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import click

from issuer.identity.home import SERVED_LIFETIME
from ledger.tiles.layout import address
from wire.problem import Refused

from ...reach import Reach, reach_options
from ...session import Session
from ...terminal import Age, Command, Result, extra, say, typed, verb
from .issued import select
from .place import Place, of_kind_option

if TYPE_CHECKING:
    from issuer.archive.kept import KindNumber
    from issuer.desk.claims import ClaimLinks
    from issuer.issuer import Issuer
    from issuer.status.lists import Lists


PORT = 8460

_url = click.option("--url", help="The address that links begin with, if it is not the issuer's own.")


lifetime_option = click.option(
    "--status-lifetime",
    type=Age(),
    help="How long status lists last from now on, such as 30d; they are signed anew at half of that.",
)


@verb()
@click.argument("selectors", metavar="CREDENTIAL...", nargs=-1, required=True)
@of_kind_option
@_url
@click.option(
    "--anew", is_flag=True, help="For another wallet than the one that has it: that one's is revoked."
)
def claim(place: Place, selectors: tuple[str, ...], kind: str, url: str | None, anew: bool) -> Result:
    """Make links by which wallets claim credentials. Each is good for one wallet, and ends earlier ones."""
    from issuer.desk.claims import LINK_LIFETIME

    from ...tls import LOOPBACK

    made = place.open()
    made.identity.require_open()
    made.require_clock()
    claims = _claims(made, url or _address(made), place.session)
    links: dict[str, str] = {}
    chosen = dict.fromkeys(_claimable(made, selector, kind) for selector in selectors)
    shared = Counter(which.number for which in chosen)
    for which in chosen:
        number = which.number if shared[which.number] == 1 else f"{which.kind} {which.number}"
        if anew:
            made.release(which)
        elif made.is_bound(made.store.current(which)):
            say(f"{number} is bound to a wallet, and no other can claim it. If that one is lost: --anew.")
        links[number] = str(claims.offer(which, made, now=place.session.now()))
    serving = f"{typed('issuer', 'serve')}{f' --url {shlex.quote(url)}' if url else ''}"
    say(f"Good for {LINK_LIFETIME.days} days and one wallet, as long as this runs:", serving)
    if urlsplit(claims.service).hostname in LOOPBACK:
        say("They lead to this machine only; --url https://HOST:8460 names one that others can reach.")
    say("Whoever has a link can claim with it: send each to its holder only.")
    ended = "" if anew else ", if nobody has used them,"
    _, many = made.kinds.nouns({which.kind for which in chosen})
    say(f"Earlier links for the same {many}{ended} are good no longer.")
    say("A claim makes an edition for that wallet; a file that was handed out before is revoked then.")
    say("A wallet has to know this issuer. Send the trust file along:", f"{typed('issuer', 'trust')} > FILE")
    return Result({"links": links}, "\n".join(f"{number}  {link}" for number, link in links.items()))


@click.command(cls=Command, short_help="Answer claim links until stopped.")
@reach_options(PORT, _url)
@lifetime_option
@click.pass_obj
def serve(place: Place, reach: Reach, status_lifetime: str | None) -> None:
    """Answer claim links, and publish the DID document, the status lists and the log, until stopped.

    The lists are renewed at half of their life: 30 days where they have a web address, if nothing else was
    decided.
    """
    with extra("serve"):
        from issuer.desk.http import create_app
        from issuer.desk.published import following

        from ...pages.issuer import IssuerPages
        from ...serving import Endpoint
    from issuer.desk.renewal import renewing

    made = place.open()
    made.log_patience = 5.0
    made.require_signer()  # asks for passphrase and PIN now rather than at the first request
    for name in made.kinds.names:
        made.press(name)
    made.require_clock()
    now = place.session.now
    with (
        Endpoint.open(reach, made.home / "tls", now(), own=made.identity.url) as endpoint,
        renewing(_lists(made, status_lifetime), now),
    ):
        url = endpoint.url
        claims = _claims(made, url, place.session)
        if url != _address(made):
            say("Links for this address:", f"{typed('issuer', 'claim')} CREDENTIAL --url {shlex.quote(url)}")
        if endpoint.files:
            authority = str(endpoint.files.authority)
            receive = f"intaglio --loopback wallet receive LINK --ca {shlex.quote(authority)}"
            say("For a wallet on this machine:", receive)
            say("Wallets elsewhere need this file, and --ca to name it:", authority)
        log = made.reader if (origin := address(made.identity.log)) else None
        if origin and urlsplit(origin).netloc != urlsplit(url).netloc:
            say(f"Verifiers look for the log at {origin}, not at this address.")
        app = create_app(
            made,
            claims,
            made.home,
            now,
            log,
            made.lists_ending,
            engines=made.engines,
            kinds=made.kinds.intact,
        )
        IssuerPages(made, claims, now, origin if log else None, endpoint.files is not None).mount(app)
        click.echo(url)
        with following(log, made.home) if log else nullcontext():
            endpoint.run(app)


def _lists(made: Issuer, lifetime: str | None) -> Lists:
    """The lists; where nobody has decided how long they last, and all can fetch them, 30 days."""
    if lifetime is None and made.identity.url and not made.identity.status_lifetime:
        lifetime = SERVED_LIFETIME
    if lifetime is not None:
        made.keep_lists(lifetime)
    return made.lists


def _address(made: Issuer) -> str:
    """What links begin with unless told otherwise; `serve` with its defaults answers there."""
    return made.identity.url or f"https://localhost:{PORT}"


def _claims(made: Issuer, url: str, session: Session) -> ClaimLinks:
    from exchange.claim import ClaimLink, InvalidLink
    from issuer.desk.claims import ClaimLinks

    service = url.rstrip("/")
    try:
        ClaimLink.parse(f"{service}/claim/{'-' * 43}")
    except InvalidLink:
        hint = "It is https:// and a host in small ASCII letters; http:// is for this machine only."
        raise Refused(f"no claim link can begin with {url}", hint=hint) from None
    return ClaimLinks(made.home / "claims.sqlite", service, session.methods)


def _claimable(made: Issuer, selector: str, kind: str) -> KindNumber:
    found = made.store.current(select(made, selector, kind).which)
    if found.reason is not None:
        raise Refused(f"{made.kinds.nouns({found.kind})[0]} {found.number} was revoked: nobody can claim it")
    return found.which
