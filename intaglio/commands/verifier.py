"""`intaglio verifier serve`: the check as a web service, and as a page."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..reach import Reach, reach_options
from ..session import Session
from ..terminal import Command, extra, say
from .verify import policy_option, read_policy, setting, trust_option

if TYPE_CHECKING:
    from starlette.types import ASGIApp

PORT = 8470
_WAITING = 64  # forms that wait for a process; each takes some milliseconds


@click.group()
def verifier() -> None:
    """Run the check as a web service."""


@verifier.command(cls=Command)
@reach_options(PORT, click.option("--url", help="The address at which others reach this."), plain_here=True)
@policy_option
@trust_option
@click.option("--offline", is_flag=True, help="Never touch the network.")
@click.option("--show-trust", is_flag=True, help="Let the page list whom this host recognises.")
@click.pass_obj
def serve(
    session: Session,
    reach: Reach,
    policy_file: Path | None,
    trust_file: Path | None,
    offline: bool,
    show_trust: bool,
) -> None:
    """Answer POST /verify, and people at /, until stopped."""
    with extra("serve"):
        from verifier.http import create_app
        from verifier.processes import Processes

        from ..connections import BEHIND_PROXY, busy
        from ..pages.inspection import recognises_nobody
        from ..pages.invented import invented
        from ..pages.own import Own
        from ..pages.room import SHARE, Room
        from ..pages.samples import Samples, with_samples
        from ..pages.verify import VerifyPage
        from ..serving import Endpoint
        from ..tls import LOOPBACK

    policy = None if policy_file is None else read_policy(policy_file)
    samples = invented(session.now())
    make = functools.partial(with_samples, session, trust_file, policy, offline, samples)
    judge = session.judge(trust_file, policy, offline=offline)
    with setting():
        judge.verifiers()
    with (
        Endpoint.open(reach, session.home / "verifier" / "tls", session.now()) as endpoint,
        Processes[Any, Any](make, 2, waiting=_WAITING) as processes,
    ):
        site = Own.at(endpoint.url) if endpoint.is_sealed else None
        app = create_app(
            judge.verifiers,
            clock=session.now,
            policy=policy,
            origins=site.origins if site else frozenset(),
            processes=processes,
        )
        full: ASGIApp = busy
        if site is None:
            say("No page is served: credentials would travel in the clear.")
        else:
            shows = show_trust or (reach.host in LOOPBACK and site.is_loopback)
            page = VerifyPage(
                site,
                processes,
                judge.verifiers,
                session.now,
                trust_file=trust_file or session.trust_file if shows else None,
                offline=offline,
                samples=Samples(samples, processes, session.now),
                nobody=functools.partial(recognises_nobody, judge),
                room=Room(share=None if endpoint.limits is BEHIND_PROXY else SHARE),
            )
            page.mount(app)
            full = page.busy
            click.echo(f"{endpoint.url}/")
        if endpoint.files:
            say("Whoever asks needs this file, to trust the service by:", str(endpoint.files.authority))
        click.echo(f"{endpoint.url}/verify")
        endpoint.run(app, busy=full)
