"""`intaglio api serve`: verifying, and resolving DIDs, for other programs over HTTP."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..reach import Reach, reach_options
from ..session import Session
from ..terminal import Command, extra, say
from .verify import policy_option, read_policy, setting, trust_option

if TYPE_CHECKING:
    from verifier.judge import Judge

PORT = 8490
_WAITING = 64


@click.group()
def api() -> None:
    """Serve other programs: the VC-API, and DID resolution."""


@api.command(cls=Command)
@reach_options(PORT, click.option("--url", help="The address at which others reach this."), plain_here=True)
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
@click.pass_obj
def serve(
    session: Session,
    reach: Reach,
    policy_file: Path | None,
    trust_file: Path | None,
    offline: bool,
    resolve: str,
) -> None:
    """Answer the VC-API of verifiers and GET /1.0/identifiers/DID, until stopped."""
    with extra("serve"):
        from verifier.processes import Processes

        from ..api.app import create_app
        from ..pages.own import Own
        from ..serving import Endpoint
        from ..tls import LOOPBACK
    import functools

    from did import Resolver

    policy = None if policy_file is None else read_policy(policy_file)
    make: functools.partial[Judge] = functools.partial(session.judge, trust_file, policy, offline=offline)
    judge = make()
    with setting():
        judge.verifiers()
    resolver = Resolver(session.methods, session.fetcher(offline=offline))
    with (
        Endpoint.open(reach, session.home / "api" / "tls", session.now()) as endpoint,
        Processes[Any, Any](make, 2, waiting=_WAITING) as processes,
    ):
        if endpoint.url.startswith("http:") and reach.host not in LOOPBACK:
            say("Whatever is sent here travels in the clear.")
        app = create_app(
            judge,
            lambda: resolver,
            session.now,
            origins=own.origins if (own := Own.at(endpoint.url)) else frozenset(),
            resolves_any=resolve == "any",
            processes=processes,
        )
        if endpoint.files:
            say("Whoever asks needs this file, to trust the service by:", str(endpoint.files.authority))
        click.echo(endpoint.url)
        endpoint.run(app)
