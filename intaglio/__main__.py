"""Runs the command line, and turns errors into words on stderr and an exit code."""

from __future__ import annotations

import contextlib
import io
import os
import sys
from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import NoReturn, TextIO

import click

from wire import DISK_FULL, Declined, NotFound, Problem, TryLater, Unavailable
from wire.problem import Code, ExtraMissing, is_full

from .commands import cli
from .deployment import USUAL, Deployment
from .session import Session, utc_now
from .terminal import print_json, say
from .words import headed, in_english, remedy, tr

INVALID, WRONG_USE, UNDETERMINED, NOT_FOUND, DECLINED, LOGIN = range(1, 7)
TRY_LATER, INTERRUPTED = 75, 130


def main(now: Callable[[], datetime] = utc_now, *, deployment: Deployment = USUAL) -> None:
    """Runs the command line by a clock; a `Problem` becomes two lines on stderr and an exit code.

    `deployment` has the parts that were replaced in this program. With --json a problem becomes an object on
    stdout, too: `error`, with the members of RFC 9457 and `exitCode`.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:  # closed: the next file that is opened would take its place
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_RDWR), mode))
    for stream in (sys.stdin, sys.stdout, sys.stderr):  # nothing depends on what the locale can spell
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        code = cli.main(standalone_mode=False, obj=partial(Session, now=now, deployment=deployment))
    except click.exceptions.Abort:
        _fail(Interrupted("stopped at the terminal"), INTERRUPTED)
    except click.ClickException as error:
        refusal = _misplaced(error) if isinstance(error, click.NoSuchOption) else error
        with contextlib.suppress(OSError):  # nobody reads
            _show(refusal)
        wrong = WrongUse if isinstance(refusal, click.UsageError) else Problem
        _fail(wrong(refusal.format_message()), refusal.exit_code)
    except BrokenPipeError as error:
        _fail(SYSTEM_REFUSES.saying("{system}", system=str(error.strerror)), INVALID)
    except OSError as error:
        kind = DISK_FULL if is_full(error) else SYSTEM_REFUSES
        template = "{file}: {system}" if error.filename else "{system}"
        system = error.strerror or type(error).__name__
        _tell(kind.saying(template, file=str(error.filename), system=system))
    except Problem as problem:
        _tell(problem)
    _flush(sys.stderr)
    sys.exit(code if isinstance(code, int) else 0)


def _show(error: click.ClickException) -> None:
    """Format a usage error as click does; in other languages, without click's English word before it."""
    if in_english():
        error.show()
        return
    if isinstance(error, click.UsageError) and error.ctx is not None:
        click.echo(f"{error.ctx.get_usage()}\n", err=True)
    click.echo(error.format_message(), err=True)


def _misplaced(error: click.NoSuchOption) -> click.UsageError:
    """An error that says where the option goes, if it was typed on the wrong side of a command."""
    context, option = error.ctx, error.option_name
    if context is not None and any(option in each.opts for each in context.find_root().command.params):
        text = tr("{option} goes before the command: intaglio {option} …")
    elif context is not None and option == "--json" and isinstance(context.command, click.Group):
        text = tr("{option} goes after the command: intaglio verify {option} FILE")
    else:
        return error
    return click.UsageError(text.format(option=option), context)


class WrongUse(Problem):
    """The command line does not fit together."""

    code = "wrong-use"
    title = "Wrong use"


class Interrupted(Problem):
    """The person at the terminal stopped the command."""

    code = "interrupted"
    title = "Interrupted"


SYSTEM_REFUSES = Code("system-refuses", Unavailable, "The system refuses")
"""The operating system said no."""


def _tell(problem: Problem) -> NoReturn:
    problem.hint = remedy(problem)
    say(headed(problem), problem.hint)
    _fail(problem, exit_code(problem))


def _fail(problem: Problem, code: int) -> NoReturn:
    if "--json" in sys.argv:
        with contextlib.suppress(OSError):
            print_json({"error": {**problem.to_dict(), "exitCode": code}})
    _flush(sys.stdout)
    _flush(sys.stderr)
    sys.exit(code)


def _flush(stream: TextIO) -> None:
    """Flush the stream; on failure, redirect it to null, else Python would retry the rest at exit."""
    try:
        stream.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def exit_code(problem: Problem) -> int:
    """The exit code, by which a script tells kinds of problems apart."""
    from keys import PassphraseNeeded, WrongPassphrase

    codes: dict[type[Problem], int] = {
        WrongUse: WRONG_USE,
        ExtraMissing: WRONG_USE,  # it says nothing of a credential
        Interrupted: INTERRUPTED,
        PassphraseNeeded: LOGIN,
        WrongPassphrase: LOGIN,
        TryLater: TRY_LATER,
        Declined: DECLINED,
        NotFound: NOT_FOUND,
    }
    of_kind = next((code for kind, code in codes.items() if isinstance(problem, kind)), None)
    return of_kind or (UNDETERMINED if problem.undetermined else INVALID)


if __name__ == "__main__":
    main()
