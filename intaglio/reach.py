"""The address of a service: the options for it that all services share, and their values."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import click

_Decorator = Callable[[Callable[..., None]], Callable[..., None]]


class Reach(NamedTuple):
    """The values typed, and the default port for a URL without one; the input of `serving.Endpoint`."""

    host: str
    port: int | None
    url: str | None
    tls: bool | None
    usual_port: int
    plain_here: bool
    """True if loopback goes without TLS: nobody listens in, and browsers know no authority made here."""


def reach_options(usual_port: int, url: _Decorator, *, plain_here: bool = False) -> _Decorator:
    """The options of a service, with the caller's own `url`, whose help says which address it means.

    The function gets them as one argument, behind that of `click.pass_obj`.
    """
    options = (
        click.option(
            "--host", default="127.0.0.1", show_default=True, help="The address of this machine to listen on."
        ),
        click.option(
            "--port",
            type=click.IntRange(0, 65535),
            help=f"The default is the URL's, where this answers at the URL itself, else {usual_port}.",
        ),
        url,
        click.option(
            "--tls/--plain",
            default=None,
            help="Speak TLS under a CA made here; the default without a URL, and with one of this machine"
            f"{', but not on loopback' if plain_here else ''}. Elsewhere a proxy in front does.",
        ),
    )

    def decorate(function: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(function)
        def run(
            *context: object, host: str, port: int | None, url: str | None, tls: bool | None, **others: Any
        ) -> None:
            function(*context, Reach(host, port, url, tls, usual_port, plain_here), **others)

        command: Callable[..., None] = run
        for option in reversed(options):  # as help lists them
            command = option(command)
        return command

    return decorate
