"""The terminal, for all command lines here: results on stdout, talk on stderr, passphrases.

Secrets come from a prompt or a file, never from an argument. Nothing is asked without a terminal.
"""

from __future__ import annotations

import codecs
import contextlib
import functools
import json
import os
import re
import sys
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import click
import orjson
from click.core import ParameterSource

from wire.datetimestamp import parse_age
from wire.problem import ExtraMissing, Malformed, NotFound, PassphraseNeeded, Problem, Refused
from wire.text import cells, folded, printable

from .words import headed, remedy, sentence, tr, tr_in

_COMMAND = r"\bintaglio (issuer|wallet|verify|trust|ledger|hub|samples|doctor)\b(?! --)"

_COMMAND_LINE = r"\s*(intaglio|chmod|pip) "
_COMMAND_WITHIN = r"`[^`]*`|(?<=: )(intaglio|chmod|pip) .*"
_GLUE = "\0"  # nowhere in printable text

PassphraseCheck = Callable[[bytes], None]
"""Raises a `Problem` for a passphrase that is not fit to protect anything."""

EXISTING_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
"""The type of an argument or option that names a file, which has to be there."""

LONGEST_PASSPHRASE = 1 << 16
"""Characters; a file that never ends is not read for ever."""


class Result(NamedTuple):
    """The output of a command on stdout: with --json the object `data`, else `text`, or lines of it.

    Long output comes from iterators, as values of `data` (an array each) and as `text`: the one that is
    asked for is printed as it goes, and none of it is kept. Costly data comes as a function; data that
    another process made comes as the line from `json_line`.
    """

    data: Mapping[str, Any] | Callable[[], Mapping[str, Any]] | str
    text: str | Iterator[str]
    code: int = 0


class Folder(click.Path):
    """An option's folder as an absolute path, in which `~` and `~name` stand for somebody's home."""

    def __init__(self) -> None:
        super().__init__(path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        try:
            return Path(value).expanduser().absolute()
        except RuntimeError:
            self.fail(
                tr("no home is known for {folder}; name another folder.").format(
                    folder=printable(str(value))
                ),
                param,
                ctx,
            )


class Age(click.ParamType[str]):
    """A number of days or hours, such as `30d` or `12h`, as it was typed."""

    name = "age"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        try:
            parse_age(value)
        except Malformed as problem:
            self.fail(tr("{said}.").format(said=sentence(problem)), param, ctx)
        return str(value)


class Day(click.DateTime):
    """A day as `2026-07-01`."""

    def __init__(self) -> None:
        super().__init__(["%Y-%m-%d"])

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        try:
            return super().convert(value, param, ctx)
        except click.BadParameter:
            message = tr("{day} is no day: write it as 2026-07-01.").format(day=printable(repr(value)))
            self.fail(message, param, ctx)


DAY = Day()


class Command(click.Command):
    """A command that refuses bytes where text is meant, before anything is done; files may have any name.

    Commands in the advice of a `Problem` get the `--home` that was given, so that they work as shown.
    """

    def invoke(self, ctx: click.Context) -> Any:
        for parameter in self.params:
            if parameter.type is click.STRING:
                try:
                    "".join(ctx.params[parameter.name] or ()).encode()
                except UnicodeEncodeError:
                    raise click.BadParameter(tr("this is not text in UTF-8."), ctx, parameter) from None
        try:
            return super().invoke(ctx)
        except Problem as problem:
            problem.hint, problem.because = as_typed(remedy(problem)), None
            raise


def verb(
    group: click.Group | None = None,
) -> Callable[[Callable[..., Result | Iterator[Result]]], click.Command]:
    """Makes a command, of a group or alone: the function takes the context's object and its parameters.

    One that has many results yields them: each is printed when it comes, and the last one's code is the
    command's.

    A name that Python does not allow, such as `import`, is written with `_` behind it. Output that the
    function prints itself goes to stderr with --json, so that the object is alone on stdout.
    """

    def decorate(function: Callable[..., Result | Iterator[Result]]) -> click.Command:
        @functools.wraps(function)
        def run(context: object, /, **parameters: Any) -> int:
            as_json = parameters.pop("as_json")
            code = 0
            for result in _results(lambda: function(context, **parameters), as_json):
                if as_json and result.data:
                    print_json(result.data() if callable(result.data) else result.data)
                elif not as_json and isinstance(result.text, Iterator):
                    sys.stdout.writelines(f"{line}\n" for line in result.text)
                elif not as_json and result.text:
                    click.echo(result.text)
                code = result.code
            return code

        with_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON object, version 2.")
        sentence = " ".join((function.__doc__ or "").split("\n\n")[0].split()).partition(". ")[0]
        command: click.Command = click.command(
            function.__name__.rstrip("_"),
            cls=Command,
            short_help=sentence.rstrip(".") + ".",  # click's own would be cut
        )(with_json(click.pass_obj(run)))
        if group is not None:
            group.add_command(command)
        return command

    return decorate


def _results(work: Callable[[], Result | Iterator[Result]], as_json: bool) -> Iterator[Result]:
    def talking() -> contextlib.AbstractContextManager[object]:
        return contextlib.redirect_stdout(sys.stderr) if as_json else contextlib.nullcontext()

    with talking():
        outcome = work()
    if isinstance(outcome, Result):
        yield outcome
        return
    while True:
        with talking():
            result = next(outcome, None)
        if result is None:
            return
        yield result


def print_json(data: Mapping[str, Any] | str) -> None:
    """One object, version 2, on one line of stdout; in ASCII, so that nothing in it steers a terminal."""
    if isinstance(data, str):
        sys.stdout.write(data)
        sys.stdout.flush()
        return
    for begins, (name, value) in zip(("{", *"," * len(data)), {"version": 2, **data}.items(), strict=False):
        sys.stdout.write(f"{begins}{_json(name)}:")
        if isinstance(value, Iterator):
            comma = ""
            sys.stdout.write("[")
            for item in value:
                sys.stdout.write(f"{comma}{_json(item)}")
                comma = ","
            sys.stdout.write("]")
        else:
            sys.stdout.write(_json(value))
    sys.stdout.write("}\n")
    sys.stdout.flush()


def json_line(data: Mapping[str, Any]) -> str:
    """The line that `print_json` prints of an object without iterators."""
    return _json({"version": 2, **data}) + "\n"


def _escaped(error: UnicodeError) -> tuple[str, int]:
    """Characters beyond ASCII as JSON escapes them."""
    assert isinstance(error, UnicodeEncodeError)
    return json.dumps(error.object[error.start : error.end])[1:-1], error.end


codecs.register_error("intaglio-json", _escaped)


def _json(value: object) -> str:
    """In ASCII alone: any terminal shows it, and nothing in it moves the text around."""
    try:
        text = orjson.dumps(value).decode()
    except orjson.JSONEncodeError:  # a lone surrogate, or an integer of more than 64 bits
        return json.dumps(value, separators=(",", ":"))
    return text.encode("ascii", "intaglio-json").decode()  # ten times as fast as `json.dumps`


@contextlib.contextmanager
def extra(name: str) -> Iterator[None]:
    """Guard imports of packages that an extra installs. Raises `ExtraMissing` where it was left out."""
    try:
        yield
    except ModuleNotFoundError as error:
        package = str(error.name).partition(".")[0]  # a module inside it is nothing to install
        raise ExtraMissing.saying(
            "this needs {package}, which is not installed", package=package, extra=name
        ) from error


def wrapped(line: str, column: int, *, err: bool = False) -> str:
    """A line to the width of stdout, or stderr, if it is a terminal; what is too long goes on at a column.

    A word that is longer than that begins further left, so that it stays whole. So does a command, in `…` or
    to the end of the line, so that it can be copied.
    """
    columns = width(err=err)
    if columns is None or re.match(_COMMAND_LINE, line):
        return line
    line = re.sub(_COMMAND_WITHIN, lambda match: match[0].replace(" ", _GLUE), line)
    head, rest = line[:column], line[column:].lstrip(" ")
    blanks = line[column : len(line) - len(rest)]  # between two words, of which the head has the first
    first, *others = folded(rest, max(columns - column - len(blanks), 25))
    return "\n".join(beside(head, [blanks + first, *others], columns)).replace(_GLUE, " ")


def beside(head: str, lines: Sequence[str], columns: int) -> list[str]:
    """Lines in a column to the right of `head`; one that is too long for it begins further left."""
    column = cells(head)
    laid = [" " * max(min(column, columns - cells(line)), 0) + line for line in lines]
    if column + cells(lines[0]) <= columns:
        return [head + lines[0], *laid[1:]]
    return [head.rstrip(), *laid] if head.strip() else laid


def width(*, err: bool = False) -> int | None:
    """The columns of stdout, or stderr; `None` where it is no terminal."""
    if not (sys.stderr if err else sys.stdout).isatty():
        return None
    from shutil import get_terminal_size

    return get_terminal_size().columns


def emphasized(text: str, colour: str) -> str:
    """Text in weight and colour where stdout is a terminal; without either where NO_COLOR is set."""
    plain = not sys.stdout.isatty() or os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    return text if plain else click.style(text, fg=colour, bold=True)


def is_file(text: str) -> bool:
    """True if `text`, which may be something else altogether, is the path of a file."""
    try:
        return Path(text).is_file()
    except (OSError, ValueError):  # too long for a name, or with a NUL in it
        return False


def read_input(source: str, limit: int) -> bytes:
    """At most `limit` bytes of a file, or of stdin for `-`; at a terminal a prompt says what to paste.

    Raises `NotFound`, a usage error for a folder or what nobody may read, and `OSError`.
    """
    if source == "-":
        if sys.stdin.isatty():
            say(tr("Reading from this terminal: paste the text, then press Ctrl-D on a line of its own."))
        return sys.stdin.buffer.read(limit)
    try:
        with Path(source).open("rb") as file:
            return file.read(limit)
    except FileNotFoundError:
        raise NotFound.saying("there is no file {file}", file=source) from None
    except (IsADirectoryError, NotADirectoryError, PermissionError) as error:
        raise click.UsageError(
            printable(
                tr("{file} cannot be read: {system}").format(
                    file=source, system=tr_in("fact", str(error.strerror))
                )
            )
        ) from None


def say(first: str, *further: str) -> None:
    """A line on stderr, and further ones that belong to it; nothing in them steers the terminal.

    Talk that cannot be written, since nobody reads or the disk is full, stops no work.
    """
    lines = [printable(as_typed(line)) for line in (first, *further) if line or line is first]
    lines[1:] = [f"  {line}" for line in lines[1:]]
    for line in lines:
        line = wrapped(line, 4 if line.startswith(" ") else 2, err=True)
        with contextlib.suppress(OSError):
            click.echo(line, err=True)


def typed(*words: str) -> str:
    """The beginning of a command: `intaglio`, the words, and what groups were told, such as --home."""
    context = click.get_current_context(silent=True)
    options: dict[str | None, list[str]] = {}
    while context is not None:
        if isinstance(context.command, click.Group):
            options[context.info_name if context.parent else "intaglio"] = _options(context)
        context = context.parent
    import shlex

    return shlex.join(part for word in ("intaglio", *words) for part in (word, *options.pop(word, ())))


def as_typed(text: str) -> str:
    """A text whose commands are written as `typed` does it."""
    return re.sub(_COMMAND, lambda match: typed(match[1]), text)


def _options(context: click.Context) -> list[str]:
    options: list[str] = []
    for option in context.command.params:
        if context.get_parameter_source(option.name or "") is ParameterSource.COMMANDLINE:
            value = context.params[option.name or ""]
            values = value if isinstance(value, tuple) else (value,)
            options += [
                part for each in values for part in (option.opts[0], *([] if each is True else [str(each)]))
            ]
    return options


def is_asked(variable: str = "INTAGLIO_PASSPHRASE_FILE") -> bool:
    """True if `passphrase` asks a person, who may try again."""
    return not os.environ.get(variable) and sys.stdin.isatty()


def passphrase(
    prompt: str, variable: str = "INTAGLIO_PASSPHRASE_FILE", *, new: PassphraseCheck | None = None
) -> bytes | None:
    """A passphrase from the file that the variable names, else from a prompt; `None` without one.

    A new one is asked for twice, and anew where `new` raises. It is normalised (NFC): é has the same bytes
    however it is typed.
    Raises `PassphraseNeeded` for a file that cannot be read.
    """
    if file := os.environ.get(variable):
        _warn_of_readers(Path(file))
        try:
            with Path(file).open(encoding="utf-8") as source:
                typed = source.read(LONGEST_PASSPHRASE + 1).rstrip("\r\n")
        except (OSError, UnicodeDecodeError):
            raise PassphraseNeeded.saying(
                "{variable} names a file that cannot be read",
                variable=variable,
                hint="Set it to the path of a text file, in UTF-8, that holds the passphrase.",
            ) from None
        if len(typed) > LONGEST_PASSPHRASE:
            raise PassphraseNeeded.saying(
                "{variable} names a file that is too long for a passphrase", variable=variable
            )
    elif is_asked(variable):
        try:
            typed = _asked(prompt) if new is None else _asked_twice(prompt, new)
        except UnicodeDecodeError:
            raise Refused(
                "what was typed is not text in UTF-8", hint="See how the terminal is set."
            ) from None
    else:
        return None
    return _encoded(typed) or None


def _asked(prompt: str) -> str:
    typed: str = click.prompt(prompt, hide_input=True, err=True, default="", show_default=False)
    return typed


def _asked_twice(prompt: str, judge: PassphraseCheck) -> str:
    """Ask for a passphrase, and once more to confirm it; one that `judge` refuses is refused before that."""
    while True:
        typed = _asked(prompt)
        try:
            if typed:
                judge(_encoded(typed))
        except Problem as problem:
            say(headed(problem), remedy(problem))
            continue
        if not typed or _asked(tr("Repeat for confirmation")) == typed:
            return typed
        say(tr("That is not what was typed first."))


def _encoded(typed: str) -> bytes:
    return unicodedata.normalize("NFC", typed).encode()


def required_passphrase(
    prompt: str, variable: str = "INTAGLIO_PASSPHRASE_FILE", *, new: PassphraseCheck | None = None
) -> bytes:
    """As `passphrase`, for data that is never stored without one. Raises `PassphraseNeeded`."""
    secret = passphrase(prompt, variable, new=new)
    if secret is None:
        raise PassphraseNeeded(
            "none was typed, and there is no terminal to ask at",
            hint=tr("Set {variable} to the path of a file that holds it.").format(variable=variable),
        )
    return secret


def _warn_of_readers(file: Path) -> None:
    with contextlib.suppress(OSError):  # reading it says more
        if file.is_file() and file.stat().st_mode & 0o077:
            say(
                tr("Others on this machine can read {file}, which holds a passphrase.").format(file=file),
                f"chmod 600 {file}",
            )


def confirmed(question: str) -> bool:
    """Ask at the terminal; without a terminal or an answer, the answer is no."""
    return sys.stdin.isatty() and click.confirm(question, err=True)


def agreed(question: str, yes: bool) -> bool:
    """The answer of a person at the terminal. Without a terminal, typing the command counts as a yes."""
    return yes or not sys.stdin.isatty() or click.confirm(question, err=True)
