"""What every command line here needs of a terminal: results on stdout, talk on stderr, passphrases.

Secrets come from a prompt or a file, never from an argument. Nothing is asked without a terminal.
"""

from __future__ import annotations

import functools
import os
import sys
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import click
import orjson

from .problem import PassphraseNeeded, Refused

SHORTEST_PASSPHRASE = 8
"""Characters; whoever copies a sealed file guesses offline."""


class Result(NamedTuple):
    """What a command has to say on stdout: `data`, an object, with --json, else `text`."""

    data: dict[str, Any]
    text: str
    code: int = 0


def verb(group: click.Group) -> Callable[[Callable[..., Result]], click.Command]:
    """Makes commands of a group: the function takes the context's object and its parameters.

    A name that Python does not allow, such as `import`, is written with `_` behind it.
    """

    def decorate(function: Callable[..., Result]) -> click.Command:
        @functools.wraps(function)
        def run(context: object, /, **parameters: Any) -> int:
            as_json = parameters.pop("as_json")
            result = function(context, **parameters)
            if as_json:
                click.echo(orjson.dumps({"version": 1, **result.data}).decode())
            elif result.text:
                click.echo(result.text)
            return result.code

        with_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON object, version 1.")
        command: click.Command = group.command(function.__name__.rstrip("_"))(with_json(click.pass_obj(run)))
        return command

    return decorate


def say(first: str, *further: str) -> None:
    """A line on stderr, and further ones that belong to it."""
    click.echo("\n  ".join([first, *filter(None, further)]), err=True)


def passphrase(prompt: str, variable: str = "INTAGLIO_PASSPHRASE_FILE", *, new: bool = False) -> bytes | None:
    """From the file that the variable names, else from a prompt; `None` if there is neither or nothing typed.

    The same bytes for é however it is typed. Raises `PassphraseNeeded` for a file that cannot be read.
    """
    if file := os.environ.get(variable):
        try:
            typed = Path(file).read_text(encoding="utf-8").rstrip("\r\n")
        except (OSError, UnicodeDecodeError):
            raise PassphraseNeeded(f"{variable} names a file that cannot be read") from None
    elif sys.stdin.isatty():
        typed = click.prompt(
            prompt, hide_input=True, confirmation_prompt=new, err=True, default="", show_default=False
        )
    else:
        return None
    if new and 0 < len(typed) < SHORTEST_PASSPHRASE:
        raise Refused(
            f"a passphrase has at least {SHORTEST_PASSPHRASE} characters",
            hint="Four or five random words are good.",
        )
    return unicodedata.normalize("NFC", typed).encode() or None


def agreed(question: str, yes: bool) -> bool:
    """What a person at the terminal answers. Without one, the command as it was typed is the answer."""
    return yes or not sys.stdin.isatty() or click.confirm(question, err=True)
