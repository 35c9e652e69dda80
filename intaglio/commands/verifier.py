"""`intaglio verifier serve`: the check as a web service."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING

import click

from verifier.sources.lists import ListMemory

from ..session import Session
from ..terminal import Command, extra
from .verify import policy_option, read_policy, setting, trust_option

if TYPE_CHECKING:
    from verifier.judge import Judge


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
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", type=click.IntRange(0, 65535), default=8470, show_default=True)
@policy_option
@trust_option
@click.option("--proxy", is_flag=True, help="All comes through a proxy: no limit for each address.")
@click.pass_obj
def serve(
    session: Session, host: str, port: int, policy_file: Path | None, trust_file: Path | None, proxy: bool
) -> None:
    """Answer POST /verify until stopped."""
    with extra("serve"):
        from verifier.http import create_app
        from verifier.processes import Processes

        from ..serving import BEHIND_PROXY, LIMITS, listen, run

    make = functools.partial(_judge, session, trust_file, policy_file)
    judge = make()
    with setting():
        judge.verifiers()
    with listen(host, port) as listener, Processes(make, 2) as processes:
        app = create_app(judge.verifiers, clock=session.now, policy=judge.policy, processes=processes)
        shown = f"[{host}]" if ":" in host else host
        click.echo(f"http://{shown}:{listener.getsockname()[1]}/verify")
        run(app, listener, limits=BEHIND_PROXY if proxy else LIMITS)
