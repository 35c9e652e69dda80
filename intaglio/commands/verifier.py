"""`intaglio verifier serve`: the check as a web service."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING

import click

from verifier.sources.lists import ListMemory

from ..reach import Reach, reach_options
from ..session import Session
from ..terminal import Command, extra, say
from .verify import policy_option, read_policy, setting, trust_option

if TYPE_CHECKING:
    from verifier.judge import Judge

PORT = 8470


@click.group()
def verifier() -> None:
    """Run the check as a web service."""


def _judge(session: Session, trust_file: Path | None, policy_file: Path | None) -> Judge:
    """What judges requests, in the service itself and in each of its processes."""
    from verifier.judge import Current, Judge, Verifiers

    def verifiers() -> Verifiers:
        memory = ListMemory()
        offline, online = (
            session.verifier(offline=flag, trust_file=trust_file, memory=memory) for flag in (True, False)
        )
        return Verifiers(offline, online)

    policy = None if policy_file is None else read_policy(policy_file)
    return Judge(Current(trust_file or session.trust_file, verifiers), policy)


@verifier.command(cls=Command)
@reach_options(PORT, click.option("--url", help="The address at which others reach this."), plain_here=True)
@policy_option
@trust_option
@click.pass_obj
def serve(session: Session, reach: Reach, policy_file: Path | None, trust_file: Path | None) -> None:
    """Answer POST /verify until stopped."""
    with extra("serve"):
        from verifier.http import create_app
        from verifier.processes import Processes

        from ..serving import Endpoint

    make = functools.partial(_judge, session, trust_file, policy_file)
    judge = make()
    with setting():
        judge.verifiers()
    with (
        Endpoint.open(reach, session.home / "verifier" / "tls", session.now()) as endpoint,
        Processes(make, 2) as processes,
    ):
        app = create_app(judge.verifiers, clock=session.now, policy=judge.policy, processes=processes)
        if endpoint.files:
            say("Whoever asks needs this file, to trust the service by:", str(endpoint.files.authority))
        click.echo(f"{endpoint.url}/verify")
        endpoint.run(app)
