"""`intaglio issuer serve`: the service behind claim links, and what the issuer publishes."""

from __future__ import annotations

import shlex
from contextlib import nullcontext
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import click

from issuer.identity.home import SERVED_LIFETIME
from ledger.tiles.layout import address

from ...reach import Reach, reach_options
from ...terminal import Age, Command, extra, say, typed
from .claim import PORT, claims_of, own_address, url_option
from .place import Place

if TYPE_CHECKING:
    from issuer.issuer import Issuer
    from issuer.status.lists import Lists


lifetime_option = click.option(
    "--status-lifetime",
    type=Age(),
    help="How long status lists last from now on, such as 30d; they are signed anew at half of that.",
)


@click.command(cls=Command, short_help="Answer claim links until stopped.")
@reach_options(PORT, url_option)
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

    issuer = place.open()
    issuer.log_patience = 5.0
    issuer.require_signer()  # asks for passphrase and PIN now rather than at the first request
    for name in issuer.kinds.names:
        issuer.press(name)
    issuer.require_clock()
    now = place.session.now
    with (
        Endpoint.open(reach, issuer.home / "tls", now(), own=issuer.identity.url) as endpoint,
        renewing(_lists(issuer, status_lifetime), now),
    ):
        if not endpoint.is_sealed:  # whoever reads a claim link on its way can take the credential
            raise click.UsageError(
                "Claim links would travel in the clear: leave out --plain, or listen on loopback."
            )
        url = endpoint.url
        claims = claims_of(issuer, url, place.session)
        if url != own_address(issuer):
            say("Links for this address:", f"{typed('issuer', 'claim')} CREDENTIAL --url {shlex.quote(url)}")
        if endpoint.files:
            authority = str(endpoint.files.authority)
            receive = f"intaglio --loopback wallet receive LINK --ca {shlex.quote(authority)}"
            say("For a wallet on this machine:", receive)
            say("Wallets elsewhere need this file, and --ca to name it:", authority)
        log = issuer.reader if (origin := address(issuer.identity.log)) else None
        if origin and urlsplit(origin).netloc != urlsplit(url).netloc:
            say(f"Verifiers look for the log at {origin}, not at this address.")
        app = create_app(
            issuer,
            claims,
            issuer.home,
            now,
            log,
            issuer.lists_ending,
            engines=issuer.engines,
            kinds=issuer.kinds.intact,
            status_kinds=issuer.status_kinds,
            lists=issuer.listed,
        )
        IssuerPages(issuer, claims, now, origin if log else None, endpoint.files is not None).mount(app)
        click.echo(url)
        with following(log, issuer.home) if log else nullcontext():
            endpoint.run(app)


def _lists(issuer: Issuer, lifetime: str | None) -> Lists:
    """The status lists. If they have a web address and no lifetime was chosen, they last 30 days."""
    if lifetime is None and issuer.identity.url and not issuer.identity.status_lifetime:
        lifetime = SERVED_LIFETIME
    if lifetime is not None:
        issuer.keep_lists(lifetime)
    return issuer.lists
