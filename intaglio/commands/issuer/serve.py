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
        claims = claims_of(made, url, place.session)
        if url != own_address(made):
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
            status_kinds=made.status_kinds,
            lists=made.listed,
        )
        IssuerPages(made, claims, now, origin if log else None, endpoint.files is not None).mount(app)
        click.echo(url)
        with following(log, made.home) if log else nullcontext():
            endpoint.run(app)


def _lists(made: Issuer, lifetime: str | None) -> Lists:
    """The status lists. If they have a web address and no lifetime was chosen, they last 30 days."""
    if lifetime is None and made.identity.url and not made.identity.status_lifetime:
        lifetime = SERVED_LIFETIME
    if lifetime is not None:
        made.keep_lists(lifetime)
    return made.lists
