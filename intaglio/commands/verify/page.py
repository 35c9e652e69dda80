"""`intaglio verify --page`: the page that checks a credential, for whoever sits at this machine."""

from __future__ import annotations

import functools
import os
import secrets
import sys
import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from verifier import Trust
from verifier.policy import Policy

from ...session import Session
from ...terminal import extra, say

if TYPE_CHECKING:  # loaded where a page is served
    from ...pages.uses import Uses


def serve_page(
    session: Session,
    *,
    trust_file: Path | None,
    policy: Policy | None,
    offline: bool,
    uses: Uses | None = None,
) -> None:
    """Answers on a free port of loopback, under a path that nobody can guess, until the terminal ends it.

    `uses` are shown on a page of their own.
    """
    with extra("serve"):
        from fastapi import FastAPI
        from starlette.exceptions import HTTPException

        from exchange.http import no_route
        from verifier.processes import Processes

        from ...pages import peer
        from ...pages.inspection import recognises_nobody
        from ...pages.invented import invented
        from ...pages.own import Own
        from ...pages.recognise import Recognition
        from ...pages.samples import Samples, with_samples
        from ...pages.verify import VerifyPage
        from ...serving import listen, server

    samples = invented(session.now())
    make = functools.partial(with_samples, session, trust_file, policy, offline, samples)
    judge = session.judge(trust_file, policy, offline=offline)
    judge.verifiers()
    with listen("127.0.0.1", 0) as listener, Processes[Any, Any](make, 2) as processes:
        address = f"http://127.0.0.1:{listener.getsockname()[1]}"
        site, root = Own.at(address), f"/{secrets.token_urlsafe(16)}/"
        assert site is not None  # on loopback
        takes = trust_file is None and peer.TABLE.exists()  # as `trust add`, which knows one list

        def joined(trust: Trust, new: Trust) -> Trust:
            return trust.joined(new) if offline else trust.joined(new, session.versions)

        app = FastAPI(openapi_url=None, redirect_slashes=False, exception_handlers={HTTPException: no_route})
        VerifyPage(
            site,
            processes,
            judge.verifiers,
            session.now,
            root=root,
            trust_file=trust_file or session.trust_file,
            offline=offline,
            samples=Samples(samples, processes, session.now),
            uses=uses,
            nobody=functools.partial(recognises_nobody, judge),
            recognition=Recognition(site, session.trust_file, joined) if takes else None,
        ).mount(app)
        click.echo(address + root)
        say("The page is for you alone, and ends with Ctrl-C here.")
        if _has_windows():
            webbrowser.open(address + root)
        server(app).run([listener])  # nothing is logged: the path is a secret


def _has_windows() -> bool:
    """True if a browser would open in a window of its own, not in this terminal."""
    return sys.platform == "darwin" or bool({"DISPLAY", "WAYLAND_DISPLAY"} & os.environ.keys())
